//! A member of a group of the classic protocol: joins, hears or says who reads what, and lives by heartbeats.
//!
//! The states stand in [`State`], with what leads from one to the next. What goes on in each: `steps`; what answers mean:
//! `answers`; the requests: `requests`.

mod answers;
#[cfg(test)]
mod fuzz_tests;
#[cfg(test)]
mod group_tests;
mod requests;
#[cfg(test)]
mod stall_tests;
mod states;
mod steps;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use ottla_protocol::Text;

use super::assignor::{GroupTopics, LastAssignment, PartitionAssignor, RebalanceProtocol, common_protocol};
use super::membership::{
    GroupIdentity, GroupStatus, HeldUpBy, LeavePolicy, Membership, MembershipCommand, MembershipEvent, Question, QuestionKind,
};
use crate::consumer::TopicPartition;
use crate::error::{Error, ErrorKind};
use crate::metadata::backoff;
use crate::random::Rng;
use crate::time::Instant;

pub use states::{Signal, State};

/// The only protocol type of consumers.
const PROTOCOL_TYPE: Text = Text::from_static("consumer");

/// After how long without being settled the log says what holds the member up, and how often it says so again.
const STALLED_AFTER: Duration = Duration::from_secs(10);

/// A member's properties.
#[derive(Clone, Debug)]
pub struct ClassicSettings {
    /// `group.id`.
    pub group_id: Text,
    /// `group.instance.id`: a static member (KIP-345).
    pub group_instance_id: Option<Text>,
    /// `partition.assignment.strategy`, best first.
    pub assignors: Vec<Arc<dyn PartitionAssignor>>,
    /// `session.timeout.ms`.
    pub session_timeout: Duration,
    /// `heartbeat.interval.ms`.
    pub heartbeat_interval: Duration,
    /// `max.poll.interval.ms`: also how long others wait for this member while the group rebalances.
    pub max_poll_interval: Duration,
    /// `socket.timeout.ms`.
    pub request_timeout: Duration,
    /// `retry.backoff.ms`.
    pub retry_backoff: Duration,
    /// `retry.backoff.max.ms`.
    pub retry_backoff_max: Duration,
    /// `client.rack`.
    pub client_rack: Option<Text>,
}

/// A member.
pub struct ClassicMembership {
    settings: ClassicSettings,
    protocol: RebalanceProtocol,
    rng: Rng,
    state: State,
    since: Instant,
    /// Since when it is neither settled nor out of the group, and when the log said so.
    unsettled: Option<(Instant, Instant)>,
    /// What the application subscribes to, and what the last JoinGroup said.
    topics: BTreeSet<Text>,
    joined_topics: BTreeSet<Text>,
    member_id: Text,
    /// `None`: it is in no generation that the coordinator knows.
    generation: Option<i32>,
    leader: Option<Text>,
    assignor: Option<Text>,
    last: LastAssignment,
    /// What the application reads.
    owned: BTreeSet<TopicPartition>,
    questions: VecDeque<(QuestionKind, Vec<TopicPartition>)>,
    asked: Option<Question>,
    next_question: u64,
    coordinator: Option<i32>,
    /// Whether the driver was told that the coordinator is not known.
    finding: bool,
    next_token: u64,
    /// The JoinGroup, assignor's run or SyncGroup under way.
    joining: Option<u64>,
    heartbeat: Option<u64>,
    leaving: Option<u64>,
    heartbeat_at: Instant,
    /// From the heartbeat that is sent next to the one after it.
    heartbeat_pause: Duration,
    /// When the coordinator last said that the member lives.
    heard_at: Instant,
    retry_at: Instant,
    attempts: u32,
    polled_at: Instant,
    /// The application was told of an error that only it can mend: the next attempt waits for its next poll.
    await_poll: bool,
    /// Why it has to join again.
    rejoin: Option<&'static str>,
    /// Of a leader: the members, the topics of all of them, what it divided (while the assignor runs: what it was told last), and
    /// whether racks were looked at.
    members: Vec<Text>,
    followed: BTreeSet<Text>,
    divided: Option<GroupTopics>,
    with_racks: bool,
    closing: Option<LeavePolicy>,
    /// By when it has to be out of the group.
    leave_by: Instant,
    rebalances: u64,
    last_error: Option<(Instant, Error)>,
    outbox: Vec<MembershipCommand>,
}

impl ClassicMembership {
    /// A member that subscribes to nothing yet.
    ///
    /// # Errors
    /// If the group id is empty, there is no assignor, two have the same name, or they have no rebalance protocol in common.
    pub fn new(settings: ClassicSettings, rng: Rng) -> Result<Self, Error> {
        let config = |what| Error::new(ErrorKind::Config, what);
        if settings.group_id.is_empty() {
            return Err(config("group.id is empty: a consumer that subscribes needs one"));
        }
        let names: BTreeSet<&str> = settings.assignors.iter().map(|assignor| assignor.name()).collect();
        if names.is_empty() || names.len() < settings.assignors.len() {
            return Err(config("partition.assignment.strategy names no assignor, or one twice"));
        }
        let Some(protocol) = common_protocol(&settings.assignors) else {
            return Err(config(
                "the assignors of partition.assignment.strategy have no rebalance protocol (eager, cooperative) in common",
            ));
        };
        let start = Instant::default();
        Ok(Self {
            settings,
            protocol,
            rng,
            state: State::Unsubscribed,
            since: start,
            unsettled: None,
            topics: BTreeSet::new(),
            joined_topics: BTreeSet::new(),
            member_id: Text::default(),
            generation: None,
            leader: None,
            assignor: None,
            last: LastAssignment { generation: -1, ..LastAssignment::default() },
            owned: BTreeSet::new(),
            questions: VecDeque::new(),
            asked: None,
            next_question: 0,
            coordinator: None,
            finding: false,
            next_token: 0,
            joining: None,
            heartbeat: None,
            leaving: None,
            heartbeat_at: start,
            heartbeat_pause: Duration::ZERO,
            heard_at: start,
            retry_at: start,
            attempts: 0,
            polled_at: start,
            await_poll: false,
            rejoin: None,
            members: Vec::new(),
            followed: BTreeSet::new(),
            divided: None,
            with_racks: false,
            closing: None,
            leave_by: Instant::FAR_FUTURE,
            rebalances: 0,
            last_error: None,
            outbox: Vec::new(),
        })
    }

    /// The state.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// What the application reads, from the question that assigned it to the answer to the one that took it.
    #[must_use]
    pub fn owned(&self) -> &BTreeSet<TopicPartition> {
        &self.owned
    }

    fn is_static(&self) -> bool {
        self.settings.group_instance_id.is_some()
    }

    /// Whether the application has gone without a poll for too long.
    fn is_poll_overdue(&self, now: Instant) -> bool {
        now.since(self.polled_at) > self.settings.max_poll_interval
    }

    fn token(&mut self) -> u64 {
        self.next_token += 1;
        self.next_token
    }

    /// The next attempt waits.
    fn back_off(&mut self, now: Instant) {
        let (first, max) = (self.settings.retry_backoff, self.settings.retry_backoff_max);
        self.retry_at = now + backoff(self.attempts, first, max, &mut self.rng);
        self.attempts = self.attempts.saturating_add(1);
    }

    fn note(&mut self, now: Instant, error: Error) {
        tracing::debug!(group = %self.settings.group_id, member = %self.member_id, %error, "group");
        self.last_error = Some((now, error));
    }

    /// Tells the application.
    fn report(&mut self, now: Instant, error: Error) {
        self.note(now, error.clone());
        self.outbox.push(MembershipCommand::Report(error));
    }

    /// The generation is over for this member: what it still reads is lost.
    fn lose_generation(&mut self, keep_member_id: bool) {
        self.generation = None;
        self.heartbeat = None;
        self.rejoin = None;
        self.members.clear();
        self.followed.clear();
        self.divided = None;
        if !keep_member_id {
            self.member_id = Text::default();
        }
    }

    /// The coordinator is to be looked up again.
    fn lose_coordinator(&mut self) {
        self.coordinator = None;
        self.finding = false;
        self.heartbeat = None;
    }

    fn held_up_by(&self, now: Instant) -> Option<HeldUpBy> {
        if let Some(question) = &self.asked {
            return Some(HeldUpBy::Application(question.kind));
        }
        match self.state {
            State::Unjoined if self.coordinator.is_none() => Some(HeldUpBy::FindCoordinator),
            State::Unjoined if self.await_poll || self.is_poll_overdue(now) => Some(HeldUpBy::ApplicationPoll(self.polled_at)),
            State::Unjoined => Some(HeldUpBy::Backoff(self.retry_at)),
            State::Joining => Some(HeldUpBy::OtherMembers),
            State::Assigning => Some(HeldUpBy::Assignor),
            State::Syncing => match &self.leader {
                Some(leader) if *leader != self.member_id => Some(HeldUpBy::Leader(leader.clone())),
                _ => Some(HeldUpBy::Coordinator),
            },
            State::Leaving => Some(HeldUpBy::Coordinator),
            _ => None,
        }
    }
}

impl Membership for ClassicMembership {
    fn handle(&mut self, now: Instant, event: MembershipEvent) {
        match event {
            MembershipEvent::Subscribed(topics) => {
                if !topics.is_empty() {
                    self.polled_at = now;
                }
                self.await_poll = false;
                self.on_subscribed(now, topics);
            }
            MembershipEvent::TopicsMatched(topics) => self.on_subscribed(now, topics),
            MembershipEvent::TopicsChanged(topics) => self.on_topics(topics),
            MembershipEvent::ApplicationPolled => {
                self.polled_at = now;
                self.await_poll = false;
            }
            MembershipEvent::Answered { question } => self.on_answered(question),
            MembershipEvent::Assigned { token, topics, result } => self.on_assigned(now, token, topics, result),
            MembershipEvent::CoordinatorFound(broker) => {
                self.coordinator = Some(broker);
                (self.heard_at, self.heartbeat_at) = (now, now);
            }
            MembershipEvent::CoordinatorLost => self.on_coordinator_lost(now),
            MembershipEvent::Response { token, answer } => self.on_response(now, token, answer),
            MembershipEvent::CommitRefused { generation, code } => self.on_commit_refused(now, generation, code),
            MembershipEvent::Close { leave, by } => self.on_close(now, leave, by),
        }
    }

    fn poll(&mut self, now: Instant, commands: &mut Vec<MembershipCommand>) -> Instant {
        self.expire(now);
        while self.step(now) {}
        self.send_heartbeat(now);
        self.ask_for_coordinator();
        self.warn_if_stalled(now);
        commands.append(&mut self.outbox);
        self.deadline(now)
    }

    fn identity(&self) -> Option<GroupIdentity> {
        // While the assignment is awaited the coordinator refuses commits of the new generation, and knows the old one no more.
        let generation = self.generation.filter(|_| !matches!(self.state, State::Assigning | State::Syncing))?;
        Some(GroupIdentity {
            generation,
            member_id: self.member_id.clone(),
            group_instance_id: self.settings.group_instance_id.clone(),
        })
    }

    fn status(&self, now: Instant) -> GroupStatus {
        GroupStatus {
            state: self.state.name(),
            since: self.since,
            held_up_by: self.held_up_by(now),
            identity: GroupIdentity {
                generation: self.generation.unwrap_or(-1),
                member_id: self.member_id.clone(),
                group_instance_id: self.settings.group_instance_id.clone(),
            },
            coordinator: self.coordinator,
            leader: self.leader.clone(),
            assignor: self.assignor.clone(),
            owned: self.owned.clone(),
            rebalances: self.rebalances,
            last_error: self.last_error.clone(),
        }
    }
}
