//! A group of the classic protocol as a state machine: what members ask and what time brings go in, with the time as a number, and
//! answers come out. It knows no clock, no connection and no broker.
//!
//! | state | meaning |
//! |---|---|
//! | Empty | no members; a new one starts the first rebalance, after the initial delay |
//! | PreparingRebalance | joins are parked until all members have joined again, or the time for it is over |
//! | CompletingRebalance | everybody knows the generation; syncs are parked until the leader's assignment is in |
//! | Stable | everybody has, or may ask for, its assignment |
//! | Dead | another broker's business now |

mod join;
mod leave;
mod member;
mod protocols;
#[cfg(test)]
mod random_tests;
mod rebalance;
mod snapshot;
mod sync;
#[cfg(test)]
mod table_tests;
#[cfg(test)]
mod test_members;
#[cfg(test)]
mod tests;
mod timers;

use std::collections::{BTreeMap, BTreeSet};

use ottla_protocol::messages::{JoinGroupResponse, SyncGroupResponse};
use ottla_protocol::{ErrorCode, Text};

pub(crate) use join::Joining;
pub(crate) use member::Member;
use snapshot::Snapshot;
pub(crate) use sync::Syncing;

/// The protocol type of Kafka's consumers.
pub(crate) const CONSUMER: &str = "consumer";
/// For how long a new member's join is parked at most. It has no session yet, and may be gone long since.
const NEW_MEMBER_JOIN_MS: i64 = 5 * 60 * 1000;

/// Where a group stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// It has no members. It may have offsets.
    Empty,
    /// It waits until all members have joined.
    PreparingRebalance,
    /// It waits for the leader's assignment.
    CompletingRebalance,
    /// Its members have their assignments.
    Stable,
    /// It has no coordinator.
    Dead,
}

impl State {
    /// As ListGroups and DescribeGroups write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Stable => "Stable",
            Self::Dead => "Dead",
        }
    }
}

/// What the broker's properties say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GroupRules {
    pub(crate) initial_rebalance_delay_ms: i64,
    pub(crate) max_size: usize,
}

/// Names a request that waits for its answer.
pub(crate) type Ticket = u64;

/// What a member hears.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    Join(JoinGroupResponse),
    Sync(SyncGroupResponse),
}

/// Who hears what, in this order.
pub(crate) type Answers = Vec<(Ticket, Answer)>;

/// When the joining ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum JoinTimer {
    /// Of the first rebalance: it begins again while members come, as long as something remains.
    Initial { at: i64, delay: i64, remaining: i64 },
    /// Who has not joined by then is out.
    Final { at: i64 },
}

impl JoinTimer {
    fn at(self) -> i64 {
        match self {
            Self::Initial { at, .. } | Self::Final { at } => at,
        }
    }
}

/// A group.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    state: State,
    previous: State,
    /// Since when it is in this state.
    since: i64,
    generation: i32,
    protocol_type: Option<Text>,
    protocol_name: Option<Text>,
    leader: Option<Text>,
    /// In the order in which they joined first.
    members: Vec<Member>,
    /// Ids that were given away and have not joined yet, with the time at which they are forgotten.
    pending: BTreeMap<Text, i64>,
    /// Who has to sync yet.
    pending_sync: BTreeSet<Text>,
    join_timer: Option<JoinTimer>,
    /// When those that have not synced are out.
    sync_deadline: Option<i64>,
    /// Somebody came since the initial delay began.
    new_member_added: bool,
    /// The topics that the members subscribe to, where that is known.
    subscribed: Option<BTreeSet<String>>,
    /// What another coordinator would know of the group.
    stored: Snapshot,
}

impl Group {
    /// A group without members.
    pub(crate) fn new(now: i64) -> Self {
        Self::load(Snapshot::default(), now)
    }

    pub(crate) fn state(&self) -> State {
        self.state
    }

    pub(crate) fn since(&self) -> i64 {
        self.since
    }

    pub(crate) fn generation(&self) -> i32 {
        self.generation
    }

    pub(crate) fn leader(&self) -> Option<&Text> {
        self.leader.as_ref()
    }

    pub(crate) fn protocol_type(&self) -> Option<&Text> {
        self.protocol_type.as_ref()
    }

    pub(crate) fn protocol_name(&self) -> Option<&Text> {
        self.protocol_name.as_ref()
    }

    pub(crate) fn members(&self) -> &[Member] {
        &self.members
    }

    /// Whether anybody belongs to it, or was told to come.
    pub(crate) fn is_deserted(&self) -> bool {
        self.members.is_empty() && self.pending.is_empty()
    }

    pub(crate) fn uses_consumer_protocol(&self) -> bool {
        self.protocol_type.as_deref() == Some(CONSUMER)
    }

    /// Whether a member subscribes to this topic. Where that can't be known of consumers, they do.
    pub(crate) fn is_subscribed_to(&self, topic: &str) -> bool {
        match &self.subscribed {
            Some(topics) => topics.contains(topic),
            None => self.uses_consumer_protocol(),
        }
    }

    /// Whether it is known what the members subscribe to.
    pub(crate) fn knows_subscriptions(&self) -> bool {
        self.subscribed.is_some()
    }

    fn member(&self, id: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.id == *id)
    }

    fn member_mut(&mut self, id: &str) -> Option<&mut Member> {
        self.members.iter_mut().find(|member| member.id == *id)
    }

    fn static_member(&self, instance_id: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.instance_id.as_deref() == Some(instance_id))
    }

    fn is_leader(&self, id: &str) -> bool {
        self.leader.as_deref() == Some(id)
    }

    /// Whether this is a member, and the present one of its static members.
    fn validate(&self, member_id: &str, instance_id: Option<&Text>) -> Result<(), ErrorCode> {
        if let Some(instance_id) = instance_id {
            let holder = self.static_member(instance_id).ok_or(ErrorCode::UnknownMemberId)?;
            if holder.id != *member_id {
                return Err(ErrorCode::FencedInstanceId);
            }
        }
        self.member(member_id).map(drop).ok_or(ErrorCode::UnknownMemberId)
    }

    fn validate_generation(&self, member_id: &str, instance_id: Option<&Text>, generation: i32) -> Result<(), ErrorCode> {
        if self.state == State::Dead {
            return Err(ErrorCode::CoordinatorNotAvailable);
        }
        self.validate(member_id, instance_id)?;
        if generation == self.generation { Ok(()) } else { Err(ErrorCode::IllegalGeneration) }
    }

    /// A sign of life.
    pub(crate) fn heartbeat(
        &mut self,
        now: i64,
        member_id: &str,
        instance_id: Option<&Text>,
        generation: i32,
    ) -> Result<(), ErrorCode> {
        self.validate_generation(member_id, instance_id, generation)?;
        if self.state == State::Empty {
            return Err(ErrorCode::UnknownMemberId);
        }
        self.keep_alive(now, member_id);
        if self.state == State::PreparingRebalance { Err(ErrorCode::RebalanceInProgress) } else { Ok(()) }
    }

    /// Whether these offsets may be committed now. It is a sign of life too.
    pub(crate) fn check_commit(
        &mut self,
        now: i64,
        member_id: &str,
        instance_id: Option<&Text>,
        generation: i32,
    ) -> Result<(), ErrorCode> {
        // Without a generation it comes from an admin, or a consumer that has its partitions assigned by hand.
        if generation < 0 && self.state == State::Empty {
            return Ok(());
        }
        if generation < 0 && member_id.is_empty() && instance_id.is_none() {
            return Err(if self.state == State::Dead { ErrorCode::CoordinatorNotAvailable } else { ErrorCode::UnknownMemberId });
        }
        self.validate_generation(member_id, instance_id, generation)?;
        if self.state == State::CompletingRebalance {
            return Err(ErrorCode::RebalanceInProgress);
        }
        self.keep_alive(now, member_id);
        Ok(())
    }

    fn keep_alive(&mut self, now: i64, member_id: &str) {
        if let Some(member) = self.member_mut(member_id) {
            member.keep_alive(now);
        }
    }

    fn enter(&mut self, state: State, now: i64) {
        self.previous = self.state;
        self.state = state;
        self.since = now;
    }

    /// Takes a member out, or an id that was given away. What it waits for is answered.
    fn remove(&mut self, id: &str, now: i64, answers: &mut Answers) {
        if let Some(at) = self.members.iter().position(|member| member.id == *id) {
            let mut member = self.members.remove(at);
            // It joins again if it is still there.
            member.refuse_join(&Text::default(), ErrorCode::UnknownMemberId, answers);
            member.refuse_sync(now, ErrorCode::UnknownMemberId, answers);
            if self.is_leader(id) {
                self.leader = self.members.first().map(|member| member.id.clone());
            }
        }
        self.pending.remove(id);
        self.pending_sync.remove(id);
    }
}
