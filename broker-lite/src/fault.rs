//! Faults on purpose, as plain data: which requests, what happens to them, and how often.

mod injector;
mod rule_check;
mod subjects;
mod verdict;

use ottla_protocol::{ApiKey, ErrorCode};

pub(crate) use injector::Faults;
pub(crate) use subjects::Asked;
pub(crate) use verdict::{Ending, Verdict, truncate};

/// Which requests are struck by what, and how often. Every condition that is given has to hold.
///
/// ```
/// # use ottla_broker::{ApiKey, Effect, ErrorCode, Rule};
/// // The second and third Produce to partition 0 of "orders" find no leader.
/// let rule = Rule {
///     api: Some(ApiKey::Produce),
///     topic: Some("orders".into()),
///     partition: Some(0),
///     skip: 1,
///     times: Some(2),
///     ..Rule::new(Effect::Error { code: ErrorCode::NotLeaderOrFollower, applied: false })
/// };
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Requests of this API.
    pub api: Option<ApiKey>,
    /// Requests that name this topic, by its name or its id. A Fetch names what its session has, and a Metadata for all topics all.
    pub topic: Option<String>,
    /// Requests that name this partition, of the topic if there is one above.
    pub partition: Option<i32>,
    /// Requests of or for this group.
    pub group: Option<String>,
    /// Requests of or for this transactional id.
    pub transactional_id: Option<String>,
    /// Requests of clients that call themselves so.
    pub client_id: Option<String>,
    /// Requests to the broker with this id.
    pub broker: Option<i32>,
    /// Requests on the connection with this number: connections are numbered from 1 in the order in which they were accepted.
    pub connection: Option<u64>,
    /// So many matching requests are let through first.
    pub skip: u64,
    /// Of the others, each is struck with this probability, drawn under the broker's seed: 0 to 1.
    pub probability: f64,
    /// How many are struck; all if there is none.
    pub times: Option<u64>,
    /// What happens.
    pub effect: Effect,
}

impl Rule {
    /// A rule that strikes every request, always: narrow it down by its fields.
    #[must_use]
    pub fn new(effect: Effect) -> Self {
        Self {
            api: None,
            topic: None,
            partition: None,
            group: None,
            transactional_id: None,
            client_id: None,
            broker: None,
            connection: None,
            skip: 0,
            probability: 1.0,
            times: None,
            effect,
        }
    }

    /// The same for requests of one API.
    #[must_use]
    pub fn on(api: ApiKey, effect: Effect) -> Self {
        Self { api: Some(api), ..Self::new(effect) }
    }

    /// The same, striking once.
    #[must_use]
    pub fn once(self) -> Self {
        Self { times: Some(1), ..self }
    }
}

/// What happens to a request. Where there is a field `applied`, it tells whether the broker does what was asked.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Effect {
    /// This error is answered where the API has a place for it: for the rule's topic and partition, or for all that the request names,
    /// or for the whole response.
    ///
    /// For Produce, Fetch (70, 71 and 106 are the whole response's), ListOffsets, Metadata (a partition's, else a topic's; 129 is the
    /// whole response's), OffsetForLeaderEpoch, CreateTopics, CreatePartitions, DeleteTopics, DeleteRecords, InitProducerId,
    /// FindCoordinator, JoinGroup, SyncGroup, Heartbeat, LeaveGroup, OffsetCommit, OffsetFetch (a partition's, else a group's),
    /// OffsetDelete, ListGroups, DescribeGroups, DeleteGroups and ConsumerGroupDescribe.
    Error {
        /// The error.
        code: ErrorCode,
        /// As above. What only reads is not done if an error is answered.
        applied: bool,
    },
    /// The request waits.
    Delay {
        /// So many milliseconds.
        ms: u64,
        /// Whether it waits for its answer only, or to be applied.
        applied: bool,
    },
    /// The response says that the client is throttled, and the connection's next request is not read for that time (KIP-219).
    Throttle {
        /// So many milliseconds.
        ms: i32,
    },
    /// The connection is closed instead of an answer.
    Close {
        /// As above.
        applied: bool,
    },
    /// There is no answer, and nothing more on this connection: it stays open, and what comes on it is thrown away.
    Silence {
        /// As above.
        applied: bool,
    },
    /// The request is applied, the response ends after so many bytes of its frame (its size counts), and the connection is closed.
    Truncate {
        /// So many, at most all but one.
        keep: usize,
    },
    /// The request is applied, and so many bits of the response behind its size are flipped, drawn under the broker's seed.
    Corrupt {
        /// So many.
        bits: u32,
    },
    /// For Fetch: the first batch of each partition that the rule is about comes with a wrong CRC. An answer without a batch is not
    /// struck, and each partition of one that is counts.
    WrongCrc,
    /// For Metadata: the answer is what it was so many changes of the cluster before.
    StaleMetadata {
        /// So many, at most 32 and at most what has happened.
        versions: usize,
    },
}

/// Names a rule that was added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(pub u64);

/// A rule and what became of it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RuleStatus {
    /// Its name.
    pub id: RuleId,
    /// The rule.
    pub rule: Rule,
    /// How many requests met its conditions, those skipped or spared by chance included.
    pub matched: u64,
    /// How many requests it struck.
    pub hits: u64,
}
