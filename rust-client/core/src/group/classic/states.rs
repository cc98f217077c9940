//! The states of a member of the classic protocol, and what leads from one to the next.

/// Where a member stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// It subscribes to nothing.
    Unsubscribed,
    /// The application answers what has to be answered before the member may join.
    Preparing,
    /// It will join: as soon as the coordinator is known, the backoff over and the application alive.
    Unjoined,
    /// JoinGroup is under way.
    Joining,
    /// It leads the group, and its assignor runs.
    Assigning,
    /// SyncGroup is under way.
    Syncing,
    /// It has its assignment, and the application answers what that changes.
    Reconciling,
    /// It is a member, and heartbeats say so.
    Stable,
    /// The application answers what has to be answered before the member may leave.
    Departing,
    /// LeaveGroup is under way.
    Leaving,
    /// Another member with its group.instance.id has taken over.
    Fenced,
    /// It is over.
    Closed,
}

/// What makes a member change its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signal {
    /// The application subscribes to something.
    Subscribe,
    /// The application subscribes to nothing any more.
    Unsubscribe,
    /// The group rebalances, or has to: a heartbeat or commit was answered so, the subscription or the topics changed, or the
    /// last assignment took away what others wait for.
    Rejoin,
    /// The application has answered all there was to answer.
    Answered,
    /// JoinGroup was sent.
    SendJoin,
    /// The coordinator gave a member id to join with.
    MemberIdRequired,
    /// It joined, and leads.
    JoinedAsLeader,
    /// It joined, and another leads.
    JoinedAsFollower,
    /// SyncGroup was sent.
    SendSync,
    /// The assignment is there.
    Synced,
    /// JoinGroup or SyncGroup did not succeed, and is tried again.
    Retry,
    /// The generation, or the member, is unknown to the coordinator.
    GenerationLost,
    /// The application did not poll for max.poll.interval.ms.
    PollIntervalExceeded,
    /// Another member has taken over.
    FencedByAnother,
    /// The application closes the consumer.
    Close,
    /// The coordinator knows that the member left, or will never know; it may subscribe again.
    Left,
    /// The same, and the consumer is closed.
    LeftForGood,
}

impl State {
    /// All states.
    pub const ALL: [Self; 12] = [
        Self::Unsubscribed,
        Self::Preparing,
        Self::Unjoined,
        Self::Joining,
        Self::Assigning,
        Self::Syncing,
        Self::Reconciling,
        Self::Stable,
        Self::Departing,
        Self::Leaving,
        Self::Fenced,
        Self::Closed,
    ];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unsubscribed => "Unsubscribed",
            Self::Preparing => "Preparing",
            Self::Unjoined => "Unjoined",
            Self::Joining => "Joining",
            Self::Assigning => "Assigning",
            Self::Syncing => "Syncing",
            Self::Reconciling => "Reconciling",
            Self::Stable => "Stable",
            Self::Departing => "Departing",
            Self::Leaving => "Leaving",
            Self::Fenced => "Fenced",
            Self::Closed => "Closed",
        }
    }

    /// The state after the signal; `None` where the signal means nothing.
    #[must_use]
    pub const fn after(self, signal: Signal) -> Option<Self> {
        use Signal as On;
        Some(match (self, signal) {
            // Who subscribes joins.
            (Self::Unsubscribed, On::Subscribe) => Self::Unjoined,
            (Self::Unjoined, On::SendJoin) => Self::Joining,
            (Self::Joining, On::MemberIdRequired) => Self::Unjoined,
            (Self::Joining, On::JoinedAsLeader) => Self::Assigning,
            (Self::Joining, On::JoinedAsFollower) => Self::Syncing,
            (Self::Assigning, On::SendSync) => Self::Syncing,
            (Self::Syncing, On::Synced) => Self::Reconciling,
            (Self::Reconciling, On::Answered) => Self::Stable,
            // What did not succeed is tried again.
            (Self::Joining | Self::Assigning | Self::Syncing, On::Retry) => Self::Unjoined,
            // Who has to join again asks the application first.
            (Self::Stable, On::Rejoin) => Self::Preparing,
            (Self::Preparing, On::Answered) => Self::Unjoined,
            (
                Self::Preparing
                | Self::Unjoined
                | Self::Joining
                | Self::Assigning
                | Self::Syncing
                | Self::Reconciling
                | Self::Stable,
                On::GenerationLost | On::PollIntervalExceeded,
            ) => Self::Preparing,
            // Who leaves asks the application first, too.
            (
                Self::Preparing
                | Self::Unjoined
                | Self::Joining
                | Self::Assigning
                | Self::Syncing
                | Self::Reconciling
                | Self::Stable,
                On::Unsubscribe | On::Close,
            ) => Self::Departing,
            (Self::Departing, On::Answered) => Self::Leaving,
            (Self::Departing | Self::Leaving, On::Left) => Self::Unsubscribed,
            (Self::Departing | Self::Leaving, On::LeftForGood) => Self::Closed,
            (Self::Unsubscribed | Self::Fenced, On::Close) => Self::Closed,
            // Another member with the same group.instance.id ends it.
            (
                Self::Preparing
                | Self::Unjoined
                | Self::Joining
                | Self::Assigning
                | Self::Syncing
                | Self::Reconciling
                | Self::Stable,
                On::FencedByAnother,
            ) => Self::Fenced,
            _ => return None,
        })
    }
}

impl Signal {
    /// All signals.
    pub const ALL: [Self; 17] = [
        Self::Subscribe,
        Self::Unsubscribe,
        Self::Rejoin,
        Self::Answered,
        Self::SendJoin,
        Self::MemberIdRequired,
        Self::JoinedAsLeader,
        Self::JoinedAsFollower,
        Self::SendSync,
        Self::Synced,
        Self::Retry,
        Self::GenerationLost,
        Self::PollIntervalExceeded,
        Self::FencedByAnother,
        Self::Close,
        Self::Left,
        Self::LeftForGood,
    ];
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    fn table() -> String {
        let mut text = String::new();
        for state in State::ALL {
            for signal in Signal::ALL {
                let next = state.after(signal).map_or("-", State::name);
                let _ = writeln!(text, "{:<13} {:<21} {next}", state.name(), format!("{signal:?}"));
            }
        }
        text
    }

    #[test]
    fn every_pair_is_as_checked_in() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/group/classic/states.txt");
        if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
            std::fs::write(path, table()).unwrap();
        }
        assert_eq!(table(), include_str!("states.txt"), "UPDATE_SNAPSHOTS=1 writes it anew, if that is meant");
    }

    #[test]
    fn every_state_is_left_on_close_and_closed_is_the_end() {
        for state in State::ALL {
            let closing = state.after(Signal::Close).or_else(|| state.after(Signal::LeftForGood));
            assert_eq!(closing.is_none(), state == State::Closed, "{state:?}");
            assert!(state != State::Closed || Signal::ALL.iter().all(|signal| state.after(*signal).is_none()));
        }
    }
}
