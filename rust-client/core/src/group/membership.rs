//! Being a member of a group: one interface in front of the classic protocol, in which members divide the partitions among
//! themselves, and whatever else may come.
//!
//! A [`Membership`] is driven from outside: events go in, commands come out of [`Membership::poll`], which also says when it
//! wants to be called again. It has no clock and sends nothing itself. The driver sends requests over two connections of this
//! consumer's own ([`Lane`]), so that a heartbeat never waits behind a parked JoinGroup, puts [`Question`]s to the application
//! and reports its answers, and runs the assignor on a thread of the application's.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use ottla_protocol::messages::{
    HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, LeaveGroupResponse,
    SyncGroupRequest, SyncGroupResponse,
};
use ottla_protocol::{ErrorCode, Text};

use super::assignor::{GroupAssignment, GroupTopics, MemberSubscription};
use crate::consumer::TopicPartition;
use crate::error::Error;
use crate::metadata::Cluster;
use crate::time::Instant;

/// What happens to a member.
#[derive(Clone, Debug)]
pub enum MembershipEvent {
    /// The application subscribes to these topics from now on; to none: it leaves the group.
    Subscribed(BTreeSet<Text>),
    /// Other topics match what the application subscribes to by regular expression ([`matching_topics`]): these.
    TopicsMatched(BTreeSet<Text>),
    /// What the cluster has of the topics that a [`MembershipCommand::Assign`] or [`MembershipCommand::Follow`] named. Only the
    /// leader looks at it: other partitions or racks than it divided are a reason to divide anew.
    TopicsChanged(GroupTopics),
    /// The application asked for records: it lives (`max.poll.interval.ms`).
    ApplicationPolled,
    /// The application has answered the question.
    Answered {
        /// The question's number.
        question: u64,
    },
    /// The assignor has run, or failed.
    Assigned {
        /// From the command.
        token: u64,
        /// What it divided.
        topics: GroupTopics,
        /// Its result.
        result: Result<GroupAssignment, Error>,
    },
    /// The coordinator is known: a broker's id.
    CoordinatorFound(i32),
    /// The connection to the coordinator broke, or someone else learnt that it is another.
    CoordinatorLost,
    /// A request was answered, or failed.
    Response {
        /// From the command.
        token: u64,
        /// The answer.
        answer: Result<GroupResponse, Error>,
    },
    /// A commit of offsets in the generation was refused with this code.
    CommitRefused {
        /// The generation in which it was sent.
        generation: i32,
        /// Why.
        code: ErrorCode,
    },
    /// The application closes its consumer.
    Close {
        /// Whether the coordinator is told.
        leave: LeavePolicy,
        /// By when it has to be over, whatever is unanswered then.
        by: Instant,
    },
}

/// Whether a member that closes says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeavePolicy {
    /// A static member stays in the group until its session ends, since it may be back before; others leave.
    Default,
    /// Leaves.
    Leave,
    /// Stays until its session ends.
    Remain,
}

/// What the driver is to do.
#[derive(Clone, Debug)]
pub enum MembershipCommand {
    /// Send to the coordinator; the answer comes back as [`MembershipEvent::Response`].
    Send {
        /// Comes back with the answer.
        token: u64,
        /// The coordinator's broker id.
        broker: i32,
        /// Over which of the two connections.
        lane: Lane,
        /// The request; [`fit_leave_group`] makes a LeaveGroup fit its version.
        request: GroupRequest,
        /// How long an answer may take.
        timeout: Duration,
    },
    /// The coordinator is not known, or not any more: look it up.
    FindCoordinator,
    /// Run the assignor of this name with the partitions that the cluster has of `topics`, and answer with
    /// [`MembershipEvent::Assigned`]. From now on changes of these topics are told as [`MembershipEvent::TopicsChanged`].
    Assign {
        /// Comes back with the result.
        token: u64,
        /// Its name.
        assignor: Text,
        /// All topics that somebody subscribes to.
        topics: BTreeSet<Text>,
        /// The members.
        members: Vec<MemberSubscription>,
    },
    /// From now on changes of these topics are told as [`MembershipEvent::TopicsChanged`]; they begin with what is known.
    Follow {
        /// All topics that somebody subscribes to.
        topics: BTreeSet<Text>,
    },
    /// Put the question to the application, after all that came before it.
    Ask(Question),
    /// Hand out no more records of these partitions, nor begin with them, from this moment on: the member left the group though the
    /// application has not answered yet. [`QuestionKind::Lost`] tells it once it has.
    TakeAway(Vec<TopicPartition>),
    /// Tell the application of an error; the membership goes on by itself unless the error is fatal.
    Report(Error),
    /// The coordinator has taken a heartbeat: the member lives.
    HeartbeatTaken,
    /// The leader assigned partitions of topics that this member does not subscribe to.
    NotSubscribed {
        /// The topics of all that was assigned.
        assigned: BTreeSet<Text>,
        /// What the member subscribes to.
        subscribed: BTreeSet<Text>,
    },
    /// It is over.
    Closed,
}

/// What the application is asked, and has to answer before the group goes on for this member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Its number.
    pub id: u64,
    /// What it is about.
    pub kind: QuestionKind,
    /// The partitions that it is about. Those of [`QuestionKind::Assigned`] may be none: that says that a rebalance is over.
    pub partitions: Vec<TopicPartition>,
}

/// What the application is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuestionKind {
    /// It reads these partitions from now on, beside those that it has.
    Assigned,
    /// It is to give these up, and may commit before it answers. No record of them is handed out any more.
    Revoked,
    /// These are another's already. Nothing of them can be committed, and no record of them is handed out any more.
    Lost,
}

/// The consumer's two connections to the coordinator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// For JoinGroup and SyncGroup, which a coordinator parks. One that was given up may be parked still: a request that is sent
    /// while an earlier one is unanswered needs a new connection, since it would wait behind that.
    Join,
    /// For everything else.
    Heartbeat,
}

/// A request to the coordinator.
#[derive(Clone, Debug, PartialEq)]
pub enum GroupRequest {
    /// JoinGroup.
    JoinGroup(JoinGroupRequest),
    /// SyncGroup.
    SyncGroup(SyncGroupRequest),
    /// Heartbeat.
    Heartbeat(HeartbeatRequest),
    /// LeaveGroup.
    LeaveGroup(LeaveGroupRequest),
}

/// An answer of the coordinator's.
#[derive(Clone, Debug, PartialEq)]
pub enum GroupResponse {
    /// To JoinGroup.
    JoinGroup(JoinGroupResponse),
    /// To SyncGroup.
    SyncGroup(SyncGroupResponse),
    /// To Heartbeat.
    Heartbeat(HeartbeatResponse),
    /// To LeaveGroup.
    LeaveGroup(LeaveGroupResponse),
}

/// As whom offsets are committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupIdentity {
    /// The generation (the member epoch, where the coordinator assigns); -1 without membership.
    pub generation: i32,
    /// The member id, empty without membership.
    pub member_id: Text,
    /// `group.instance.id`.
    pub group_instance_id: Option<Text>,
}

/// What holds a member up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeldUpBy {
    /// The coordinator is unknown.
    FindCoordinator,
    /// The next attempt waits until then.
    Backoff(Instant),
    /// The application has not answered the question.
    Application(QuestionKind),
    /// The application does not poll, since then.
    ApplicationPoll(Instant),
    /// The coordinator waits for other members to join.
    OtherMembers,
    /// The member that leads the group has not divided the partitions yet.
    Leader(Text),
    /// This member's assignor runs.
    Assignor,
    /// The coordinator has not answered yet.
    Coordinator,
}

impl fmt::Display for HeldUpBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FindCoordinator => f.write_str("the group's coordinator is not known"),
            Self::Backoff(until) => write!(f, "the next attempt comes at {until}"),
            Self::Application(kind) => write!(
                f,
                "the application has not yet answered that partitions were {}",
                match kind {
                    QuestionKind::Assigned => "assigned",
                    QuestionKind::Revoked => "revoked",
                    QuestionKind::Lost => "lost",
                }
            ),
            Self::ApplicationPoll(since) => write!(f, "the application has not polled since {since}"),
            Self::OtherMembers => f.write_str("the coordinator waits for other members to join"),
            Self::Leader(member) => write!(f, "the group's leader, {member}, has not divided the partitions yet"),
            Self::Assignor => f.write_str("the assignor has not finished"),
            Self::Coordinator => f.write_str("the coordinator has not answered yet"),
        }
    }
}

/// A member's state, to be looked at.
#[derive(Clone, Debug)]
pub struct GroupStatus {
    /// The state's name.
    pub state: &'static str,
    /// Since when.
    pub since: Instant,
    /// What holds it up, if it is on its way and not at rest.
    pub held_up_by: Option<HeldUpBy>,
    /// As whom offsets are committed.
    pub identity: GroupIdentity,
    /// The coordinator's broker id.
    pub coordinator: Option<i32>,
    /// The member id of the group's leader, in the last generation.
    pub leader: Option<Text>,
    /// The assignor that the coordinator picked, in the last generation.
    pub assignor: Option<Text>,
    /// What the application reads.
    pub owned: BTreeSet<TopicPartition>,
    /// How many generations this member was in.
    pub rebalances: u64,
    /// The last error, and when it was.
    pub last_error: Option<(Instant, Error)>,
}

/// A member of a group.
pub trait Membership: Send {
    /// Something happened.
    fn handle(&mut self, now: Instant, event: MembershipEvent);

    /// What is to be done now. Answers when it wants to be called again, if nothing happens before.
    fn poll(&mut self, now: Instant, commands: &mut Vec<MembershipCommand>) -> Instant;

    /// As whom offsets are committed now; `None` while there is no valid membership.
    fn identity(&self) -> Option<GroupIdentity>;

    /// The state, to be looked at.
    fn status(&self, now: Instant) -> GroupStatus;
}

/// The topics of the cluster that a subscription by pattern means: without Kafka's own, unless `internal`
/// (exclude.internal.topics is false).
pub fn matching_topics(cluster: &Cluster, internal: bool, matches: impl Fn(&str) -> bool) -> BTreeSet<Text> {
    let topics = cluster.topics.values().filter(|topic| internal || !topic.is_internal);
    topics.map(|topic| &topic.name).filter(|name| matches(name) && cluster.topic(name).is_some()).cloned().collect()
}

/// Below version 3 a LeaveGroup is of one member only, which stands in another field.
pub fn fit_leave_group(request: &mut LeaveGroupRequest, version: i16) {
    if version < 3 {
        request.member_id = std::mem::take(&mut request.members).into_iter().next().map(|m| m.member_id).unwrap_or_default();
    }
}
