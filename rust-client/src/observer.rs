//! What happens to a client without a call that would tell of it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ottla_core::consumer::TopicPartition;
use ottla_core::error::Error;
use ottla_core::group::offset_commit::OffsetAndMetadata;
use ottla_protocol::{ErrorCode, Text};

/// Something that happens to a client without a call that would tell of it. Each change of state is told once, not each attempt.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ClientEvent {
    /// A broker can't be reached, or its connection broke: the error says which. The client goes on trying.
    BrokerDown(Error),
    /// A broker that could not be reached is connected again.
    BrokerUp {
        /// Its id, negative for a bootstrap server.
        broker: i32,
        /// `HOST:PORT`.
        address: String,
    },
    /// No broker answers. The client goes on trying.
    AllBrokersDown(Error),
    /// A broker answers again.
    BrokersUp,
    /// A producer can't go on: close it and make a new one.
    ProducerEnded(Error),
    /// A broker asks for a pause (KIP-219), which the client keeps.
    Throttled {
        /// The broker's id.
        broker: i32,
        /// For how long.
        time: Duration,
    },
    /// `statistics.interval.ms` have passed: the time to read the metrics.
    StatisticsDue,
    /// An automatic commit of a group's consumer is over, also the last one of partitions that are given up.
    AutomaticCommit {
        /// `group.id`.
        group_id: Text,
        /// What was to be committed, and the coordinator's answer for each: `None` if there was none.
        offsets: BTreeMap<TopicPartition, (OffsetAndMetadata, Option<ErrorCode>)>,
        /// Whether all of it was.
        result: Result<(), Error>,
    },
    /// The leader of a group assigned partitions of topics that the consumer does not subscribe to. It joins again, or, with an
    /// assignor whose leaders do so, leaves them alone.
    UnsubscribedTopics {
        /// The group, and the consumer's place in it.
        member: GroupMember,
        /// The topics of all that was assigned.
        assigned: Vec<Text>,
        /// What the consumer subscribes to.
        subscribed: Vec<Text>,
    },
    /// A group's coordinator has taken a consumer's heartbeat. Told while [`ClientBuilder::trace`](crate::ClientBuilder::trace)
    /// says so, as all below.
    Heartbeat(GroupMember),
    /// A request has come to its end.
    Request(RequestTrace),
    /// A request had to wait for others to be written to its connection, or one that had is being written now.
    RequestQueue {
        /// The broker's id, negative for a bootstrap server.
        broker: i32,
        /// `HOST:PORT`.
        address: String,
        /// How many wait.
        size: usize,
    },
}

/// A consumer's place in its group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMember {
    /// `group.id`.
    pub group_id: Text,
    /// What the coordinator calls it.
    pub member_id: Text,
    /// The group's generation.
    pub generation: i32,
}

/// What became of a request.
#[derive(Clone, Debug)]
pub struct RequestTrace {
    /// The broker's id, negative for a bootstrap server.
    pub broker: i32,
    /// `HOST:PORT`.
    pub address: String,
    /// Kafka's number of the API.
    pub api_key: i16,
    /// Its name.
    pub api_name: &'static str,
    /// The version that it was asked in.
    pub api_version: i16,
    /// Of its connection's requests, which it is; 0 for the handshake.
    pub correlation_id: i32,
    /// How long it waited to be written.
    pub pending: Duration,
    /// From then to its end.
    pub duration: Duration,
    /// How it ended.
    pub end: RequestEnd,
}

/// How a request ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum RequestEnd {
    /// It was answered.
    Answered {
        /// How long the answer is, without the four bytes that say so.
        bytes: usize,
    },
    /// It was written, and has no answer (a Produce request with `acks=0`).
    Written,
    /// No answer came in time: its connection is closed.
    TimedOut,
    /// Its connection ended before.
    Failed(Error),
}

/// Told of a client's events, on the thread that the client's IO runs on: it must not block, and hands them on.
pub type Observer = Arc<dyn Fn(ClientEvent) + Send + Sync>;

/// An observer, if there is one.
#[derive(Clone, Default)]
pub(crate) struct Observed {
    pub(crate) observer: Option<Observer>,
    /// Whether it wants to know of each request.
    pub(crate) trace: Option<Arc<AtomicBool>>,
}

impl Observed {
    pub(crate) fn tell(&self, event: impl FnOnce() -> ClientEvent) {
        if let Some(observer) = &self.observer {
            observer(event());
        }
    }

    /// Whether somebody wants to know of each request now.
    pub(crate) fn traces(&self) -> bool {
        self.observer.is_some() && self.trace.as_ref().is_some_and(|trace| trace.load(Ordering::Relaxed))
    }

    /// An answer said that the broker throttles.
    pub(crate) fn throttled(&self, broker: i32, throttle_time_ms: i32) {
        if let Some(ms) = u64::try_from(throttle_time_ms).ok().filter(|ms| *ms > 0) {
            self.tell(|| ClientEvent::Throttled { broker, time: Duration::from_millis(ms) });
        }
    }
}

impl fmt::Debug for Observed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.observer.is_some() { "Observed" } else { "NotObserved" })
    }
}
