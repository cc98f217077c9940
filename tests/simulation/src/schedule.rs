//! A schedule: the cluster, the clients, and what happens when. Plain data that a text file holds.

mod generate;
mod generate_groups;
mod text;

pub use generate::generate;

/// What happens. Its numbers are named in [`Verb::arguments`], in that order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// A producer sends records. partition -1: by key; patience 0: each delivery is awaited, 1: nobody waits for them, 2: the sender
    /// gives up at once where it would have to wait.
    Produce,
    /// A producer is flushed.
    Flush,
    /// A producer gives up what it has, with flying=1 also what is under way.
    Purge,
    /// A consumer is assigned all partitions of a topic: at -2 from the beginning, -1 from the end.
    Assign,
    /// A consumer goes to this part of a thousand of what it has read; -2 to the beginning, -1 to the end.
    Seek,
    /// A consumer pauses a partition.
    Pause,
    /// Or goes on with it.
    Resume,
    /// A consumer's application does nothing for some time.
    Stall,
    /// A consumer asks for a partition's watermarks.
    Watermarks,
    /// A client describes a topic.
    Describe,
    /// A broker is stopped.
    Stop,
    /// Or started again.
    Restart,
    /// A broker is cut off from all others.
    Isolate,
    /// Or comes back.
    Heal,
    /// Another broker leads a partition.
    MoveLeader,
    /// A partition's leader takes over anew.
    BumpEpoch,
    /// Another broker is the controller.
    MoveController,
    /// Followers lag (on=1) or do not.
    HoldReplication,
    /// Lagging followers leave a partition's ISR.
    ShrinkIsr,
    /// A topic is deleted.
    DeleteTopic,
    /// Or made again.
    CreateTopic,
    /// The next request to a broker is cut: where 0 before it, 1 within it, 2 after it.
    CutRequest,
    /// The next response of a broker is cut.
    CutResponse,
    /// All connections to a broker break.
    CutAll,
    /// Nothing gets through one way: way 0 requests, 1 responses.
    Silence,
    /// New connections to a broker are refused.
    Refuse,
    /// New connections to a broker are not answered.
    LeaveUnanswered,
    /// All frames to and from a broker are late.
    Slow,
    /// A rule for the brokers' fault model.
    Fault,
    /// A consumer joins its group and subscribes to topics, each of which is a bit of the number.
    Join,
    /// A member subscribes to other topics; to none: it leaves the group, and stays a consumer.
    Subscribe,
    /// A member goes: 0 closed, and that is waited for, 1 closed only, 2 dropped.
    Leave,
    /// A member's application does nothing for some time.
    StallMember,
    /// A member's listener takes so long for its next answer.
    SlowListener,
    /// A member commits: 0 its positions, 1 the same without waiting for it, 2 it asks what is committed.
    Commit,
    /// A member goes back to this part of a thousand of what it has read.
    SeekBack,
    /// Nothing gets through between a client and the brokers.
    LoseNetwork,
    /// Another broker coordinates a group.
    MoveCoordinator,
    /// The broker that coordinates a group is stopped.
    StopCoordinator,
    /// All brokers that are stopped are started again.
    RestartAll,
    /// A topic gets more partitions.
    AddPartitions,
}

impl Verb {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Produce,
        Self::Flush,
        Self::Purge,
        Self::Assign,
        Self::Seek,
        Self::Pause,
        Self::Resume,
        Self::Stall,
        Self::Watermarks,
        Self::Describe,
        Self::Stop,
        Self::Restart,
        Self::Isolate,
        Self::Heal,
        Self::MoveLeader,
        Self::BumpEpoch,
        Self::MoveController,
        Self::HoldReplication,
        Self::ShrinkIsr,
        Self::DeleteTopic,
        Self::CreateTopic,
        Self::CutRequest,
        Self::CutResponse,
        Self::CutAll,
        Self::Silence,
        Self::Refuse,
        Self::LeaveUnanswered,
        Self::Slow,
        Self::Fault,
        Self::Join,
        Self::Subscribe,
        Self::Leave,
        Self::StallMember,
        Self::SlowListener,
        Self::Commit,
        Self::SeekBack,
        Self::LoseNetwork,
        Self::MoveCoordinator,
        Self::StopCoordinator,
        Self::RestartAll,
        Self::AddPartitions,
    ];

    /// Its name in a file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Produce => "produce",
            Self::Flush => "flush",
            Self::Purge => "purge",
            Self::Assign => "assign",
            Self::Seek => "seek",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Stall => "stall",
            Self::Watermarks => "watermarks",
            Self::Describe => "describe",
            Self::Stop => "stop",
            Self::Restart => "restart",
            Self::Isolate => "isolate",
            Self::Heal => "heal",
            Self::MoveLeader => "move-leader",
            Self::BumpEpoch => "bump-epoch",
            Self::MoveController => "move-controller",
            Self::HoldReplication => "hold-replication",
            Self::ShrinkIsr => "shrink-isr",
            Self::DeleteTopic => "delete-topic",
            Self::CreateTopic => "create-topic",
            Self::CutRequest => "cut-request",
            Self::CutResponse => "cut-response",
            Self::CutAll => "cut-all",
            Self::Silence => "silence",
            Self::Refuse => "refuse",
            Self::LeaveUnanswered => "leave-unanswered",
            Self::Slow => "slow",
            Self::Fault => "fault",
            Self::Join => "join",
            Self::Subscribe => "subscribe",
            Self::Leave => "leave",
            Self::StallMember => "stall-member",
            Self::SlowListener => "slow-listener",
            Self::Commit => "commit",
            Self::SeekBack => "seek-back",
            Self::LoseNetwork => "lose-network",
            Self::MoveCoordinator => "move-coordinator",
            Self::StopCoordinator => "stop-coordinator",
            Self::RestartAll => "restart-all",
            Self::AddPartitions => "add-partitions",
        }
    }

    /// The names of its numbers.
    #[must_use]
    pub const fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Produce => &["producer", "topic", "partition", "count", "size", "patience"],
            Self::Flush => &["producer"],
            Self::Purge => &["producer", "flying"],
            Self::Assign => &["consumer", "topic", "at"],
            Self::Seek => &["consumer", "topic", "partition", "to"],
            Self::Pause | Self::Resume | Self::Watermarks => &["consumer", "topic", "partition"],
            Self::Stall => &["consumer", "ms"],
            Self::Describe => &["client", "topic"],
            Self::Stop | Self::Restart | Self::Isolate | Self::Heal | Self::MoveController | Self::CutAll => &["broker"],
            Self::MoveLeader => &["topic", "partition", "broker"],
            Self::BumpEpoch | Self::ShrinkIsr => &["topic", "partition"],
            Self::HoldReplication => &["on"],
            Self::DeleteTopic | Self::CreateTopic => &["topic"],
            Self::CutRequest | Self::CutResponse => &["broker", "where"],
            Self::Silence => &["broker", "way", "ms"],
            Self::Refuse | Self::LeaveUnanswered => &["broker", "ms"],
            Self::Slow => &["broker", "ms", "delay"],
            Self::Join | Self::Subscribe => &["member", "topics"],
            Self::Leave | Self::Commit => &["member", "how"],
            Self::StallMember | Self::SlowListener => &["member", "ms"],
            Self::SeekBack => &["member", "topic", "partition", "to"],
            Self::LoseNetwork => &["client", "ms"],
            Self::MoveCoordinator => &["group", "broker"],
            Self::StopCoordinator => &["group"],
            Self::RestartAll => &[],
            Self::AddPartitions => &["topic", "count"],
            Self::Fault => &["api", "effect", "value", "applied", "broker", "topic", "skip", "times", "per-mille"],
        }
    }
}

/// Something that happens at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// Virtual ms from the start.
    pub at: u64,
    /// What.
    pub verb: Verb,
    /// Its numbers.
    pub numbers: Vec<i64>,
}

/// A client and what is made from it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientPlan {
    /// How many producers.
    pub producers: usize,
    /// How many consumers.
    pub consumers: usize,
    /// Its producers give delivery reports.
    pub reports: bool,
    /// Its consumers take records one by one.
    pub cursors: bool,
    /// The configuration.
    pub properties: Vec<(String, String)>,
}

impl ClientPlan {
    /// A property that is a number.
    #[must_use]
    pub fn number(&self, name: &str, default: u64) -> u64 {
        self.text(name).and_then(|value| value.parse().ok()).unwrap_or(default)
    }

    /// A property.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.properties.iter().find(|(of, _)| of == name).map(|(_, value)| value.as_str())
    }
}

/// A place in a group, where one consumer comes after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemberPlan {
    /// Which client it is of.
    pub client: usize,
    /// It has a listener.
    pub listens: bool,
    /// It takes records one by one.
    pub cursors: bool,
    /// What it commits by hand: 0 nothing, 1 each batch, 2 its positions after each batch, 3 the same without waiting for it, 4 as its
    /// listener is told to give partitions up.
    pub commits: i64,
    /// The configuration, and the number of its group as `group`.
    pub properties: Vec<(String, String)>,
}

impl MemberPlan {
    /// A property.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.properties.iter().find(|(of, _)| of == name).map(|(_, value)| value.as_str())
    }

    /// A property that is a number.
    #[must_use]
    pub fn number(&self, name: &str, default: u64) -> u64 {
        self.text(name).and_then(|value| value.parse().ok()).unwrap_or(default)
    }

    /// The number of its group.
    #[must_use]
    pub fn group(&self) -> i64 {
        self.text("group").and_then(|value| value.parse().ok()).unwrap_or(0)
    }

    /// `close.timeout.ms`.
    #[must_use]
    pub fn close_timeout(&self) -> u64 {
        self.number("close.timeout.ms", 30_000)
    }

    /// `default.api.timeout.ms`.
    #[must_use]
    pub fn api_timeout(&self) -> u64 {
        self.number("default.api.timeout.ms", 60_000)
    }
}

/// What happens in a run. The same schedule gives the same trace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    /// What the network, the clients and the brokers draw from.
    pub seed: u64,
    /// How many brokers.
    pub brokers: i64,
    /// How many replicas each partition has.
    pub replicas: i64,
    /// How many partitions each topic has.
    pub topics: Vec<i64>,
    /// The longest usual delay of a frame, in ms.
    pub latency_ms: i64,
    /// The longest delay of offloaded work, in ms.
    pub offload_ms: i64,
    /// How many frames of a thousand meet a cut.
    pub cuts: i64,
    /// How many frames of a thousand wait for long.
    pub stalls: i64,
    /// How many frames of a thousand are the last that get through their way.
    pub half_open: i64,
    /// How many connections of a thousand are refused.
    pub refusals: i64,
    /// 1 if a replica that is not in sync may lead, so that what was read may be truncated.
    pub unclean: i64,
    /// The clients.
    pub clients: Vec<ClientPlan>,
    /// The places in groups.
    pub members: Vec<MemberPlan>,
    /// What happens, in order.
    pub actions: Vec<Action>,
}

impl Schedule {
    /// Whether responses come damaged.
    #[must_use]
    pub fn corrupts(&self) -> bool {
        self.actions.iter().any(|action| action.verb == Verb::Fault && crate::faults::corrupts(&action.numbers))
    }
}

/// The name of a topic.
#[must_use]
pub fn topic_name(topic: i64) -> String {
    format!("topic-{topic}")
}
