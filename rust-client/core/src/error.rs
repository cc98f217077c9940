//! The one error of the client: who is to blame, what was tried where, what came back, and what to do.
//!
//! [`ErrorKind`] is for programs to match on, [`Error::code`] is Kafka's own code where a broker answered with one,
//! [`Error::name`] the name that Kafka's or librdkafka's users know, and [`Error::local_code`] librdkafka's number for it
//! (negative for what happened in the client), so that every language face maps errors from this one place.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use ottla_protocol::{DecodeError, EncodeError, ErrorCode};

/// What went wrong, by who is to blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The configuration: an unknown property, a bad value, or two that contradict each other.
    Config,
    /// An argument of a call.
    InvalidArgument,
    /// The call is not allowed now (a misused API: commit without a group, a transaction that was not begun, ...).
    State,
    /// The producer's buffer is full: `queue.buffering.max.messages` or `queue.buffering.max.kbytes`.
    QueueFull,
    /// An answer did not come in time.
    Timeout,
    /// A record was not delivered within `delivery.timeout.ms`.
    MsgTimedOut,
    /// A connection could not be opened, or broke.
    Transport,
    /// A host name could not be resolved.
    Resolve,
    /// No broker is reachable.
    AllBrokersDown,
    /// The peer sent bytes that are not what the Kafka protocol says, or something else listens there.
    Protocol,
    /// Client and broker have no common version of an API.
    UnsupportedVersion,
    /// The broker, or this build of the client, lacks the feature.
    UnsupportedFeature,
    /// A broker answered with an error code: see [`Error::code`].
    Broker,
    /// The topic does not exist.
    UnknownTopic,
    /// The topic has no such partition.
    UnknownPartition,
    /// A record that is larger than `message.max.bytes` allows.
    RecordTooLarge,
    /// A record that purge removed.
    Purged(PurgedFrom),
    /// The client is closed, or was while the work was under way.
    Closed,
    /// A batch could not be compressed or inflated.
    Compression,
    /// No error: a partition's end was reached, and `enable.partition.eof` asks to be told.
    PartitionEof,
    /// There is no offset to start from, and `auto.offset.reset` says not to choose one.
    OffsetReset,
    /// The log was truncated below what was already consumed (KIP-320).
    LogTruncation,
    /// The application did not poll for longer than `max.poll.interval.ms`, and lost its partitions.
    MaxPollExceeded,
    /// The client instance can't go on: close it and start a new one.
    Fatal,
}

/// Where a record was when purge removed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PurgedFrom {
    /// In the producer's buffer: it was not sent.
    InQueue,
    /// Sent and not yet acknowledged: it may be in the log.
    InFlight,
}

impl ErrorKind {
    /// librdkafka's name and number of this kind; `Broker` has its code's instead.
    fn local(self) -> (&'static str, i16) {
        match self {
            Self::Config | Self::InvalidArgument => ("_INVALID_ARG", -186),
            Self::State => ("_STATE", -172),
            Self::QueueFull => ("_QUEUE_FULL", -184),
            Self::Timeout => ("_TIMED_OUT", -185),
            Self::MsgTimedOut => ("_MSG_TIMED_OUT", -192),
            Self::Transport => ("_TRANSPORT", -195),
            Self::Resolve => ("_RESOLVE", -193),
            Self::AllBrokersDown => ("_ALL_BROKERS_DOWN", -187),
            Self::Protocol => ("_BAD_MSG", -199),
            Self::UnsupportedVersion | Self::UnsupportedFeature => ("_UNSUPPORTED_FEATURE", -165),
            Self::Broker => ("UNKNOWN_SERVER_ERROR", -1),
            Self::UnknownTopic => ("_UNKNOWN_TOPIC", -188),
            Self::UnknownPartition => ("_UNKNOWN_PARTITION", -190),
            // librdkafka has no local code for it: it answers with Kafka's own.
            Self::RecordTooLarge => ("MESSAGE_TOO_LARGE", 10),
            Self::Purged(PurgedFrom::InQueue) => ("_PURGE_QUEUE", -152),
            Self::Purged(PurgedFrom::InFlight) => ("_PURGE_INFLIGHT", -151),
            Self::Closed => ("_DESTROY", -197),
            Self::Compression => ("_BAD_COMPRESSION", -198),
            Self::PartitionEof => ("_PARTITION_EOF", -191),
            Self::OffsetReset => ("_AUTO_OFFSET_RESET", -140),
            Self::LogTruncation => ("_LOG_TRUNCATION", -139),
            Self::MaxPollExceeded => ("_MAX_POLL_EXCEEDED", -147),
            Self::Fatal => ("_FATAL", -150),
        }
    }

    /// Whether the same call may succeed when it is made again, as far as the kind alone says.
    fn is_retriable(self) -> bool {
        matches!(
            self,
            Self::QueueFull | Self::Timeout | Self::MsgTimedOut | Self::Transport | Self::Resolve | Self::AllBrokersDown
        )
    }

    /// Whether a record whose delivery failed like this may be in the log all the same, as far as the kind alone says.
    fn possibly_written(self) -> bool {
        matches!(
            self,
            Self::Timeout
                | Self::MsgTimedOut
                | Self::Transport
                | Self::Protocol
                | Self::Purged(PurgedFrom::InFlight)
                | Self::Closed
                | Self::Fatal
        )
    }
}

/// What went wrong, where, and what to do about it. One pointer wide and cheap to clone, since all records of a failed batch
/// share it.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    code: Option<i16>,
    what: Cow<'static, str>,
    broker: Option<(i32, Arc<str>)>,
    group: Option<Arc<str>>,
    topic: Option<Arc<str>>,
    partition: Option<i32>,
    offsets: Option<(i64, i64)>,
    retriable: Option<bool>,
    fatal: bool,
    txn_requires_abort: bool,
    possibly_written: Option<bool>,
    source: Option<Arc<dyn std::error::Error + Send + Sync + 'static>>,
}

impl Error {
    /// An error of the client itself. `what` says what happened and what to do.
    pub fn new(kind: ErrorKind, what: impl Into<Cow<'static, str>>) -> Self {
        Self(Arc::new(Inner {
            kind,
            code: None,
            what: what.into(),
            broker: None,
            group: None,
            topic: None,
            partition: None,
            offsets: None,
            retriable: None,
            fatal: false,
            txn_requires_abort: false,
            possibly_written: None,
            source: None,
        }))
    }

    /// A broker's answer. `tried` says what was tried: "while producing".
    pub fn kafka(code: ErrorCode, tried: impl Into<Cow<'static, str>>) -> Self {
        let mut error = Self::new(ErrorKind::Broker, tried);
        error.inner().code = Some(code.code());
        error
    }

    /// What went wrong, by who is to blame.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Kafka's error code, where there is one.
    pub fn code(&self) -> Option<ErrorCode> {
        match (self.0.code, self.0.kind) {
            (Some(code), _) => Some(ErrorCode::from_code(code)),
            (None, ErrorKind::RecordTooLarge) => Some(ErrorCode::from_code(10)),
            (None, _) => None,
        }
    }

    /// The error's name: Kafka's ("NOT_LEADER_OR_FOLLOWER"), or librdkafka's for what happened in the client ("_TIMED_OUT").
    pub fn name(&self) -> &'static str {
        match self.0.code {
            Some(code) if self.0.kind == ErrorKind::Broker => ErrorCode::from_code(code).name(),
            _ => self.0.kind.local().0,
        }
    }

    /// librdkafka's number for this error (`rd_kafka_resp_err_t`): Kafka's code, or a negative one for what happened in the
    /// client.
    pub fn local_code(&self) -> i16 {
        match self.0.code {
            Some(code) if self.0.kind == ErrorKind::Broker => code,
            _ => self.0.kind.local().1,
        }
    }

    /// Whether the same call may succeed when it is made again. For a failed delivery look at [`Error::possibly_written`]
    /// too: the record may come twice.
    pub fn is_retriable(&self) -> bool {
        if self.is_fatal() {
            return false;
        }
        match (self.0.retriable, self.0.kind, self.code()) {
            (Some(retriable), _, _) => retriable,
            (None, ErrorKind::Broker, Some(code)) => code.is_retriable(),
            (None, kind, _) => kind.is_retriable(),
        }
    }

    /// Whether the client instance can't go on: close it and start a new one.
    pub fn is_fatal(&self) -> bool {
        self.0.fatal || self.0.kind == ErrorKind::Fatal
    }

    /// Whether the current transaction has to be aborted before the next can begin.
    pub fn txn_requires_abort(&self) -> bool {
        self.0.txn_requires_abort
    }

    /// Of a failed delivery: whether the record may be in the log all the same. When in doubt, true.
    pub fn possibly_written(&self) -> bool {
        match (self.0.possibly_written, self.0.kind, self.0.code) {
            (Some(possibly), _, _) => possibly,
            // UNKNOWN_SERVER_ERROR, REQUEST_TIMED_OUT, NETWORK_EXCEPTION and NOT_ENOUGH_REPLICAS_AFTER_APPEND do not say
            // that nothing was appended; all other codes do.
            (None, ErrorKind::Broker, code) => matches!(code, None | Some(-1 | 7 | 13 | 20)),
            (None, kind, _) => kind.possibly_written(),
        }
    }

    /// What happened, without the context that [`fmt::Display`] adds.
    pub fn what(&self) -> &str {
        &self.0.what
    }

    /// The broker it happened with: its id (negative for a bootstrap server) and address.
    pub fn broker(&self) -> Option<(i32, &str)> {
        self.0.broker.as_ref().map(|(id, address)| (*id, &**address))
    }

    /// The group.
    pub fn group(&self) -> Option<&str> {
        self.0.group.as_deref()
    }

    /// The topic.
    pub fn topic(&self) -> Option<&str> {
        self.0.topic.as_deref()
    }

    /// The partition.
    pub fn partition(&self) -> Option<i32> {
        self.0.partition
    }

    /// The offset in the partition that it is about: of records that can't be read, of a fetch that is out of range, the position
    /// below which a log was truncated.
    pub fn offset(&self) -> Option<i64> {
        self.0.offsets.map(|(offset, _)| offset)
    }

    /// The offset to seek to in order to go on: behind the records that can't be read, or where a truncated log ends.
    pub fn next_offset(&self) -> Option<i64> {
        self.0.offsets.map(|(_, next)| next).filter(|next| *next >= 0)
    }

    /// Names the group.
    #[must_use]
    pub fn with_group(mut self, group: impl Into<Arc<str>>) -> Self {
        self.inner().group = Some(group.into());
        self
    }

    /// Names the topic.
    #[must_use]
    pub fn with_topic(mut self, topic: impl Into<Arc<str>>) -> Self {
        self.inner().topic = Some(topic.into());
        self
    }

    /// Names the partition.
    #[must_use]
    pub fn with_partition(mut self, partition: i32) -> Self {
        self.inner().partition = Some(partition);
        self
    }

    /// Names the offset, and where consuming could go on: -1 if nobody knows.
    #[must_use]
    pub fn with_offsets(mut self, offset: i64, next_offset: i64) -> Self {
        self.inner().offsets = Some((offset, next_offset));
        self
    }

    /// Names the broker; a negative id is a bootstrap server, whose id is not known yet.
    #[must_use]
    pub fn with_broker(mut self, id: i32, address: impl Into<Arc<str>>) -> Self {
        self.inner().broker = Some((id, address.into()));
        self
    }

    /// Keeps the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.inner().source = Some(Arc::new(source));
        self
    }

    /// Adds Kafka's code to an error of another kind than [`ErrorKind::Broker`].
    #[must_use]
    pub fn with_code(mut self, code: ErrorCode) -> Self {
        self.inner().code = Some(code.code());
        self
    }

    /// Says that the same call may succeed when it is made again.
    #[must_use]
    pub fn retriable(mut self) -> Self {
        self.inner().retriable = Some(true);
        self
    }

    /// Says that making the same call again is of no use.
    #[must_use]
    pub fn not_retriable(mut self) -> Self {
        self.inner().retriable = Some(false);
        self
    }

    /// Says that the client instance can't go on.
    #[must_use]
    pub fn fatal(mut self) -> Self {
        self.inner().fatal = true;
        self
    }

    /// Says that the current transaction has to be aborted.
    #[must_use]
    pub fn abort_transaction(mut self) -> Self {
        self.inner().txn_requires_abort = true;
        self
    }

    /// Says whether the record may be in the log, where the kind alone can't.
    #[must_use]
    pub fn with_possibly_written(mut self, possibly: bool) -> Self {
        self.inner().possibly_written = Some(possibly);
        self
    }

    /// Copies what is shared with another clone, and only then.
    fn inner(&mut self) -> &mut Inner {
        Arc::make_mut(&mut self.0)
    }
}

/// What a user can do about an error code that a broker answers with.
fn advice(code: i16) -> Option<&'static str> {
    Some(match code {
        1 => "the offset is not in the log: seek, or let auto.offset.reset choose",
        2 => "the batch was damaged on its way",
        3 => "create the topic or check its name; the client may also lack the right to describe it",
        5 | 6 | 9 | 74 | 75 | 100 => "the partition's leader is changing; the client looks it up again and retries",
        7 | 13 => "the broker is slow or was cut off; it may have done what was asked",
        10 => "raise max.message.bytes of the topic, or send smaller records",
        14..=16 => "the coordinator is changing; the client looks it up again and retries",
        17 => "topic names are 1 to 249 characters of letters, digits, '.', '_' and '-'",
        19 | 20 => "too few replicas are in sync: check the brokers, or min.insync.replicas",
        29..=31 | 53 | 65 => "give the client's principal the ACL, or use another principal",
        35 => "the broker is too old or too new for this request",
        36 => "the topic exists already",
        41 => "ask the cluster's controller",
        42 | 87 => "the broker refuses what the request says",
        44 => "the broker's policy forbids it",
        45 | 59 => "the broker has lost or never had this producer's sequence",
        47 | 90 => "a newer producer with the same transactional.id has taken over",
        68 => "stop the group's members first, or remove them",
        69 => "check the group's name: nobody has joined it or committed to it, or it has been deleted",
        86 => "stop the group's members first, or leave the topic's offsets as they are",
        _ => return None,
    })
}

impl fmt::Display for Error {
    /// What was tried and where, what came back, what to do, and the cause: all in one line, since the faces of other
    /// languages show nothing else.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        f.write_str(&inner.what)?;
        let mut separator = " (";
        if let Some(group) = &inner.group {
            write!(f, "{separator}group {group}")?;
            separator = ", ";
        }
        if let Some(topic) = &inner.topic {
            write!(f, "{separator}topic {topic}")?;
            separator = ", ";
        }
        if let Some(partition) = inner.partition {
            write!(f, "{separator}partition {partition}")?;
            separator = ", ";
        }
        if let Some((id, address)) = &inner.broker {
            match id {
                0.. => write!(f, "{separator}broker {id} at {address}")?,
                _ => write!(f, "{separator}bootstrap server {address}")?,
            }
            separator = ", ";
        }
        if separator == ", " {
            f.write_str(")")?;
        }
        if let Some(code) = inner.code {
            write!(f, ": the broker answered {} ({code})", ErrorCode::from_code(code).name())?;
            if let Some(advice) = advice(code) {
                write!(f, ": {advice}")?;
            }
        }
        if let Some(source) = &inner.source {
            write!(f, ": {source}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({:?}, {}, \"{self}\")", self.0.kind, self.name())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn std::error::Error + 'static))
    }
}

impl From<DecodeError> for Error {
    fn from(error: DecodeError) -> Self {
        let (kind, what) = match &error {
            DecodeError::UnsupportedVersion { .. } => {
                (ErrorKind::UnsupportedVersion, "the peer speaks a version of the protocol that the client does not know")
            }
            DecodeError::UnsupportedCompression(_) => {
                (ErrorKind::UnsupportedFeature, "a record batch can't be inflated by this build of the client")
            }
            DecodeError::Compression { .. } | DecodeError::TooLarge { .. } => {
                (ErrorKind::Compression, "a record batch can't be inflated")
            }
            _ => (ErrorKind::Protocol, "the peer sent bytes that are not what the Kafka protocol says"),
        };
        Self::new(kind, what).with_source(error)
    }
}

impl From<EncodeError> for Error {
    fn from(error: EncodeError) -> Self {
        let (kind, what) = match &error {
            EncodeError::TooLong { .. } => (ErrorKind::InvalidArgument, "a value does not fit the Kafka protocol"),
            EncodeError::Compression { .. } => (ErrorKind::Compression, "a record batch can't be compressed"),
            _ => (ErrorKind::UnsupportedVersion, "the broker's version of the API can't carry the request"),
        };
        // Nothing was sent, so nothing can have been written.
        Self::new(kind, what).with_source(error).with_possibly_written(false)
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn a_result_is_one_pointer() {
        assert_eq!(size_of::<Result<(), Error>>(), size_of::<usize>());
        fn shared<T: Send + Sync + 'static>() {}
        shared::<Error>();
    }

    #[test]
    fn a_brokers_answer_says_where_what_and_what_to_do() {
        let error = Error::kafka(ErrorCode::from_code(6), "while producing")
            .with_topic("orders")
            .with_partition(3)
            .with_broker(1, "localhost:9092");
        assert_eq!(
            error.to_string(),
            "while producing (topic orders, partition 3, broker 1 at localhost:9092): the broker answered \
             NOT_LEADER_OR_FOLLOWER (6): the partition's leader is changing; the client looks it up again and retries"
        );
        assert_eq!((error.kind(), error.name(), error.local_code()), (ErrorKind::Broker, "NOT_LEADER_OR_FOLLOWER", 6));
        assert_eq!(error.code().map(|code| code.code()), Some(6));
        assert!(error.is_retriable() && !error.is_fatal() && !error.possibly_written());
        assert_eq!((error.topic(), error.partition(), error.broker()), (Some("orders"), Some(3), Some((1, "localhost:9092"))));
        let error = Error::kafka(ErrorCode::NonEmptyGroup, "while deleting a group").with_group("readers");
        assert_eq!(error.group(), Some("readers"));
        assert_eq!(
            error.to_string(),
            "while deleting a group (group readers): the broker answered NON_EMPTY_GROUP (68): stop the group's members first, or \
             remove them"
        );
    }

    #[test]
    fn an_error_of_the_client_has_librdkafkas_name() {
        let cause = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let error = Error::new(ErrorKind::Transport, "can't connect").with_broker(-1, "localhost:1").with_source(cause);
        assert_eq!(error.to_string(), "can't connect (bootstrap server localhost:1): connection refused");
        assert_eq!((error.name(), error.local_code(), error.code()), ("_TRANSPORT", -195, None));
        assert!(error.is_retriable());
        assert!(error.source().is_some());
        assert!(format!("{error:?}").starts_with("Error(Transport, _TRANSPORT, "));
    }

    #[test]
    fn fatal_errors_are_not_retriable() {
        let error = Error::kafka(ErrorCode::from_code(6), "while producing");
        let fatal = error.clone().fatal();
        assert!(fatal.is_fatal() && !fatal.is_retriable());
        assert!(!error.is_fatal() && error.is_retriable(), "a clone is changed alone");
        assert!(Error::new(ErrorKind::Fatal, "").retriable().is_fatal());
        assert!(Error::new(ErrorKind::State, "").retriable().is_retriable());
        assert!(!Error::new(ErrorKind::Timeout, "").not_retriable().is_retriable());
        assert!(error.abort_transaction().txn_requires_abort());
    }

    #[test]
    fn a_failed_delivery_says_whether_the_record_may_be_in_the_log() {
        let kind = |kind| Error::new(kind, "").possibly_written();
        assert!(kind(ErrorKind::MsgTimedOut) && kind(ErrorKind::Transport));
        assert!(kind(ErrorKind::Purged(PurgedFrom::InFlight)) && !kind(ErrorKind::Purged(PurgedFrom::InQueue)));
        assert!(!kind(ErrorKind::QueueFull) && !kind(ErrorKind::RecordTooLarge) && !kind(ErrorKind::UnknownTopic));
        assert!(Error::kafka(ErrorCode::from_code(20), "").possibly_written());
        assert!(Error::kafka(ErrorCode::from_code(7), "").possibly_written());
        assert!(!Error::kafka(ErrorCode::from_code(10), "").possibly_written());
        assert!(!Error::new(ErrorKind::MsgTimedOut, "").with_possibly_written(false).possibly_written());
    }

    #[test]
    fn names_and_numbers_are_librdkafkas() {
        let of = |kind| {
            let error = Error::new(kind, "");
            (error.name(), error.local_code())
        };
        assert_eq!(of(ErrorKind::MsgTimedOut), ("_MSG_TIMED_OUT", -192));
        assert_eq!(of(ErrorKind::Purged(PurgedFrom::InQueue)), ("_PURGE_QUEUE", -152));
        assert_eq!(of(ErrorKind::Purged(PurgedFrom::InFlight)), ("_PURGE_INFLIGHT", -151));
        assert_eq!(of(ErrorKind::RecordTooLarge), ("MESSAGE_TOO_LARGE", 10));
        assert_eq!(of(ErrorKind::OffsetReset), ("_AUTO_OFFSET_RESET", -140));
        let too_large = Error::new(ErrorKind::RecordTooLarge, "");
        assert_eq!(too_large.code().map(|code| code.name()), Some("MESSAGE_TOO_LARGE"));
        let fatal = Error::new(ErrorKind::Fatal, "the producer was fenced").with_code(ErrorCode::from_code(47));
        assert_eq!((fatal.name(), fatal.local_code()), ("_FATAL", -150));
        assert_eq!(fatal.code().map(|code| code.name()), Some("INVALID_PRODUCER_EPOCH"));
    }

    #[test]
    fn wrong_bytes_are_the_peers_fault() {
        let error = Error::from(DecodeError::InvalidVarint);
        assert_eq!(error.kind(), ErrorKind::Protocol);
        assert!(error.to_string().ends_with(": a varint is longer than its type"));
        assert_eq!(Error::from(DecodeError::TooLarge { limit: 1 }).name(), "_BAD_COMPRESSION");
        assert_eq!(Error::from(DecodeError::UnsupportedCompression("zstd")).kind(), ErrorKind::UnsupportedFeature);
        let error = Error::from(EncodeError::TooLong { what: "key", length: 1 << 40 });
        assert_eq!((error.kind(), error.possibly_written()), (ErrorKind::InvalidArgument, false));
    }
}
