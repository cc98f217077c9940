//! The configuration as typed fields, once all that was set fits together.

mod group;

use std::time::Duration;

use ottla_protocol::compression::{Compression, is_supported, level_range};

use super::value::by_duration;
use super::{Config, Face, HostPort, find};
use crate::error::{Error, ErrorKind};
use crate::producer::partitioner::Partitioner;

pub use group::GroupConfig;

/// What every client needs to know.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ClientConfig {
    /// `bootstrap.servers`; at least one.
    pub bootstrap_servers: Vec<HostPort>,
    /// `client.id`
    pub client_id: String,
    /// `connect.timeout.ms`
    pub connect_timeout: Duration,
    /// `default.api.timeout.ms`
    pub default_api_timeout: Duration,
    /// `close.timeout.ms`
    pub close_timeout: Duration,
    /// `exit.timeout.ms`
    pub exit_timeout: Duration,
    /// `statistics.interval.ms`; none for 0: never.
    pub statistics_interval: Option<Duration>,
    /// `receive.message.max.bytes`, in bytes.
    pub receive_message_max_bytes: usize,
    /// `max.in.flight.requests.per.connection`
    pub max_in_flight: usize,
    /// `topic.metadata.refresh.interval.ms`; none for -1: only after errors.
    pub topic_metadata_refresh_interval: Option<Duration>,
    /// `metadata.max.age.ms`
    pub metadata_max_age: Duration,
    /// `socket.timeout.ms`
    pub socket_timeout: Duration,
    /// `socket.connection.setup.timeout.ms`
    pub socket_connection_setup_timeout: Duration,
    /// `connections.max.idle.ms`, zero for never
    pub connections_max_idle: Duration,
    /// `metadata.recovery.strategy` is `rebootstrap`
    pub rebootstrap: bool,
    /// `socket.nagle.disable`
    pub tcp_nodelay: bool,
    /// `broker.address.family`
    pub address_family: AddressFamily,
    /// `reconnect.backoff.ms`
    pub reconnect_backoff: Duration,
    /// `reconnect.backoff.max.ms`
    pub reconnect_backoff_max: Duration,
    /// `retry.backoff.ms`
    pub retry_backoff: Duration,
    /// `retry.backoff.max.ms`
    pub retry_backoff_max: Duration,
}

/// What a producer needs to know.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ProducerConfig {
    /// `acks`
    pub acks: Acks,
    /// `enable.idempotence`
    pub enable_idempotence: bool,
    /// `max.in.flight`: of produce requests on one connection; at most 5 with idempotence.
    pub max_in_flight: usize,
    /// `linger.ms`
    pub linger: Duration,
    /// `batch.size`, in bytes; never more than `message_max_bytes`.
    pub batch_size: usize,
    /// `batch.num.messages`
    pub batch_num_messages: usize,
    /// `message.max.bytes`
    pub message_max_bytes: usize,
    /// `queue.buffering.max.messages`; `usize::MAX` for 0, no bound.
    pub queue_buffering_max_messages: usize,
    /// `queue.buffering.max.kbytes`, in bytes.
    pub queue_buffering_max_bytes: usize,
    /// `max.block.ms`
    pub max_block: Duration,
    /// `partitioner.adaptive.partitioning.enable`
    pub adaptive_partitioning: bool,
    /// `topic.metadata.propagation.max.ms`
    pub topic_propagation: Duration,
    /// `retries`
    pub retries: u32,
    /// `retry.backoff.ms`
    pub retry_backoff: Duration,
    /// `retry.backoff.max.ms`
    pub retry_backoff_max: Duration,
    /// `delivery.timeout.ms`; `Duration::MAX` for 0, for ever.
    pub delivery_timeout: Duration,
    /// `request.timeout.ms`; unless it is set never more than the delivery's time leaves.
    pub request_timeout: Duration,
    /// `compression.type`
    pub compression: Compression,
    /// `compression.level`, within what the codec knows; none for its default and for codecs without levels.
    pub compression_level: Option<i32>,
    /// `partitioner`
    pub partitioner: Partitioner,
    /// `sticky.partitioning.linger.ms`; none for 0: records without a key go to a random partition each.
    pub sticky_partitioning_linger: Option<Duration>,
    /// `allow.auto.create.topics`; true unless set.
    pub allow_auto_create_topics: bool,
    /// `close.timeout.ms`
    pub close_timeout: Duration,
}

/// What a consumer needs to know.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ConsumerConfig {
    /// `auto.offset.reset`
    pub auto_offset_reset: AutoOffsetReset,
    /// `isolation.level`
    pub isolation_level: IsolationLevel,
    /// `fetch.min.bytes`
    pub fetch_min_bytes: i32,
    /// `fetch.wait.max.ms`
    pub fetch_wait_max: Duration,
    /// `fetch.max.bytes`; at least `message.max.bytes`.
    pub fetch_max_bytes: i32,
    /// `max.partition.fetch.bytes`
    pub max_partition_fetch_bytes: i32,
    /// `queued.max.messages.kbytes`, in bytes: how much may be prefetched.
    pub queued_max_bytes: usize,
    /// `topic.metadata.propagation.max.ms`
    pub topic_metadata_propagation_max: Duration,
    /// `inflate.max.bytes`
    pub inflate_max_bytes: usize,
    /// `client.rack`; empty for none.
    pub client_rack: String,
    /// `check.crcs`
    pub check_crcs: bool,
    /// `enable.partition.eof`.
    pub partition_eof: bool,
    /// `allow.auto.create.topics`; false unless set.
    pub allow_auto_create_topics: bool,
    /// `retry.backoff.ms`
    pub retry_backoff: Duration,
    /// `retry.backoff.max.ms`
    pub retry_backoff_max: Duration,
    /// `metadata.max.age.ms`
    pub metadata_max_age: Duration,
    /// `socket.timeout.ms`; a Fetch may wait `fetch_wait_max` more.
    pub socket_timeout: Duration,
    /// `default.api.timeout.ms`
    pub default_api_timeout: Duration,
    /// `close.timeout.ms`
    pub close_timeout: Duration,
}

/// `acks`: who has to have a batch before it counts as written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Acks {
    /// Nobody is asked, and nobody answers.
    None,
    /// The leader.
    Leader,
    /// All in-sync replicas.
    #[default]
    All,
}

impl Acks {
    /// As the Produce request has it.
    #[must_use]
    pub const fn as_i16(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Leader => 1,
            Self::All => -1,
        }
    }
}

/// `broker.address.family`: which of a host's addresses are tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AddressFamily {
    /// All of them.
    #[default]
    Any,
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
}

/// `auto.offset.reset`: where to start without a valid offset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AutoOffsetReset {
    /// At the log's start.
    Earliest,
    /// At the log's end.
    #[default]
    Latest,
    /// At the first record that is no older than this.
    ByDuration(Duration),
    /// Nowhere: an error.
    None,
}

/// `isolation.level`: whether records of open and aborted transactions are handed out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IsolationLevel {
    /// They are.
    ReadUncommitted,
    /// They are not.
    #[default]
    ReadCommitted,
}

impl IsolationLevel {
    /// As the Fetch and ListOffsets requests have it.
    #[must_use]
    pub const fn as_i8(self) -> i8 {
        match self {
            Self::ReadUncommitted => 0,
            Self::ReadCommitted => 1,
        }
    }
}

impl Config {
    /// What every client needs to know.
    ///
    /// # Errors
    /// `bootstrap.servers` is not set, or properties contradict each other.
    pub fn client(&self) -> Result<ClientConfig, Error> {
        let bootstrap_servers = HostPort::parse_list(self.text("bootstrap.servers"))
            .map_err(|why| Error::new(ErrorKind::Config, format!("bootstrap.servers {why}")))?;
        if bootstrap_servers.is_empty() {
            return Err(Error::new(
                ErrorKind::Config,
                "bootstrap.servers is not set: name one or more of the cluster's brokers, as host:port,host:port",
            ));
        }
        let (reconnect_backoff, reconnect_backoff_max) = self.backoff("reconnect.backoff.ms", "reconnect.backoff.max.ms")?;
        let (retry_backoff, retry_backoff_max) = self.backoff("retry.backoff.ms", "retry.backoff.max.ms")?;
        Ok(ClientConfig {
            bootstrap_servers,
            client_id: self.text("client.id").to_owned(),
            connect_timeout: self.millis("connect.timeout.ms"),
            default_api_timeout: self.millis("default.api.timeout.ms"),
            close_timeout: self.millis("close.timeout.ms"),
            exit_timeout: self.millis("exit.timeout.ms"),
            statistics_interval: Some(self.millis("statistics.interval.ms")).filter(|interval| !interval.is_zero()),
            receive_message_max_bytes: self.receive_message_max_bytes()?,
            max_in_flight: self.size("max.in.flight"),
            topic_metadata_refresh_interval: u64::try_from(self.number("topic.metadata.refresh.interval.ms"))
                .ok()
                .map(Duration::from_millis),
            metadata_max_age: self.millis("metadata.max.age.ms"),
            socket_timeout: self.millis("socket.timeout.ms"),
            socket_connection_setup_timeout: self.millis("socket.connection.setup.timeout.ms"),
            connections_max_idle: self.millis("connections.max.idle.ms"),
            rebootstrap: self.text("metadata.recovery.strategy") == "rebootstrap",
            tcp_nodelay: self.flag("socket.nagle.disable"),
            address_family: match self.text("broker.address.family") {
                "v4" => AddressFamily::V4,
                "v6" => AddressFamily::V6,
                _ => AddressFamily::Any,
            },
            reconnect_backoff,
            reconnect_backoff_max,
            retry_backoff,
            retry_backoff_max,
        })
    }

    /// What a producer needs to know.
    ///
    /// # Errors
    /// Properties contradict each other, or this build lacks the codec.
    pub fn producer(&self) -> Result<ProducerConfig, Error> {
        let acks = self.acks()?;
        let enable_idempotence = self.idempotence(acks)?;
        let message_max_bytes = self.size("message.max.bytes");
        let queue_buffering_max_bytes = self.size("queue.buffering.max.kbytes").saturating_mul(1024);
        if queue_buffering_max_bytes < message_max_bytes {
            return Err(contradiction(format!(
                "queue.buffering.max.kbytes={} has no room for one record of message.max.bytes={message_max_bytes}: raise the \
                 one or lower the other",
                self.text("queue.buffering.max.kbytes")
            )));
        }
        let (retry_backoff, retry_backoff_max) = self.backoff("retry.backoff.ms", "retry.backoff.max.ms")?;
        let linger = self.linger();
        let (delivery_timeout, request_timeout) = self.delivery_timeouts(linger)?;
        let (compression, compression_level) = self.compression()?;
        Ok(ProducerConfig {
            acks,
            enable_idempotence,
            max_in_flight: match self.size("max.in.flight") {
                set if !enable_idempotence => set,
                set => set.min(MAX_IN_FLIGHT_IDEMPOTENT),
            },
            linger,
            batch_size: self.size("batch.size").min(message_max_bytes),
            batch_num_messages: self.size("batch.num.messages"),
            message_max_bytes,
            queue_buffering_max_messages: match self.size("queue.buffering.max.messages") {
                0 => usize::MAX,
                messages => messages,
            },
            queue_buffering_max_bytes,
            max_block: self.millis("max.block.ms"),
            adaptive_partitioning: self.flag("partitioner.adaptive.partitioning.enable"),
            topic_propagation: self.millis("topic.metadata.propagation.max.ms"),
            retries: u32::try_from(self.number("retries")).unwrap_or(u32::MAX),
            retry_backoff,
            retry_backoff_max,
            delivery_timeout,
            request_timeout,
            compression,
            compression_level,
            partitioner: Partitioner::from_name(self.text("partitioner")).unwrap_or_default(),
            sticky_partitioning_linger: Some(self.millis("sticky.partitioning.linger.ms")).filter(|linger| !linger.is_zero()),
            allow_auto_create_topics: !self.is_set("allow.auto.create.topics") || self.flag("allow.auto.create.topics"),
            close_timeout: self.millis("close.timeout.ms"),
        })
    }

    /// What a consumer needs to know.
    ///
    /// # Errors
    /// Properties contradict each other.
    pub fn consumer(&self) -> Result<ConsumerConfig, Error> {
        self.receive_message_max_bytes()?;
        let (retry_backoff, retry_backoff_max) = self.backoff("retry.backoff.ms", "retry.backoff.max.ms")?;
        Ok(ConsumerConfig {
            auto_offset_reset: match self.text("auto.offset.reset") {
                "smallest" | "earliest" | "beginning" => AutoOffsetReset::Earliest,
                "error" | "none" => AutoOffsetReset::None,
                other => by_duration(other).map_or(AutoOffsetReset::Latest, |(_, ago)| AutoOffsetReset::ByDuration(ago)),
            },
            isolation_level: match self.text("isolation.level") {
                "read_uncommitted" => IsolationLevel::ReadUncommitted,
                _ => IsolationLevel::ReadCommitted,
            },
            fetch_min_bytes: self.int32("fetch.min.bytes"),
            fetch_wait_max: self.millis("fetch.wait.max.ms"),
            fetch_max_bytes: self.fetch_max_bytes(),
            max_partition_fetch_bytes: self.int32("max.partition.fetch.bytes"),
            queued_max_bytes: self.size("queued.max.messages.kbytes").saturating_mul(1024),
            topic_metadata_propagation_max: self.millis("topic.metadata.propagation.max.ms"),
            inflate_max_bytes: self.size("inflate.max.bytes"),
            client_rack: self.text("client.rack").to_owned(),
            check_crcs: self.flag("check.crcs"),
            partition_eof: self.flag("enable.partition.eof"),
            allow_auto_create_topics: self.is_set("allow.auto.create.topics") && self.flag("allow.auto.create.topics"),
            retry_backoff,
            retry_backoff_max,
            metadata_max_age: self.millis("metadata.max.age.ms"),
            socket_timeout: self.millis("socket.timeout.ms"),
            default_api_timeout: self.millis("default.api.timeout.ms"),
            close_timeout: self.millis("close.timeout.ms"),
        })
    }

    /// `acks`: librdkafka allows numbers that no broker takes.
    fn acks(&self) -> Result<Acks, Error> {
        match self.number("acks") {
            -1 => Ok(Acks::All),
            0 => Ok(Acks::None),
            1 => Ok(Acks::Leader),
            acks => Err(contradiction(format!("acks={acks} is refused by brokers: it is all (-1), 1 or 0"))),
        }
    }

    /// Whether the producer is idempotent. What was asked for is an error where it can't be had; a default gives way, as in Java.
    fn idempotence(&self, acks: Acks) -> Result<bool, Error> {
        if !self.flag("enable.idempotence") {
            return Ok(false);
        }
        let in_flight = self.number("max.in.flight");
        let too_many = self.is_set("max.in.flight") && in_flight > MAX_IN_FLIGHT_IDEMPOTENT as i64;
        let obstacle = match acks {
            Acks::All if too_many => Some(format!("max.in.flight is at most 5, and it is {in_flight}")),
            Acks::All if self.number("retries") == 0 => Some("retries is at least 1, and it is 0".to_owned()),
            Acks::All => None,
            Acks::Leader | Acks::None => Some(format!("acks is all, and it is {}", acks.as_i16())),
        };
        match obstacle {
            Some(needs) if self.is_set("enable.idempotence") => {
                Err(contradiction(format!("enable.idempotence=true needs that {needs}: change the one or the other")))
            }
            obstacle => Ok(obstacle.is_none()),
        }
    }

    /// `delivery.timeout.ms` and `request.timeout.ms`. A record lingers, then its request is waited for: both have to fit into
    /// the delivery's time. What was not set gives way.
    fn delivery_timeouts(&self, linger: Duration) -> Result<(Duration, Duration), Error> {
        let request = self.millis("request.timeout.ms");
        let delivery = match self.millis("delivery.timeout.ms") {
            Duration::ZERO => return Ok((Duration::MAX, request)),
            delivery => delivery,
        };
        let told = |name, duration: Duration| format!("{name}={}", duration.as_micros() as f64 / 1000.0);
        if !self.is_set("delivery.timeout.ms") {
            return Ok((delivery.max(linger + request), request));
        }
        if linger >= delivery && self.is_set("linger.ms") {
            return Err(contradiction(format!(
                "{} leaves {} no time: raise delivery.timeout.ms or lower linger.ms",
                told("linger.ms", linger),
                told("delivery.timeout.ms", delivery)
            )));
        }
        let left = delivery.saturating_sub(linger).max(Duration::from_millis(1));
        // In librdkafka the broker alone minds request.timeout.ms.
        if request > left && self.is_set("request.timeout.ms") && self.face() == Face::Rust {
            return Err(contradiction(format!(
                "{} is less than {} and {} together: raise it or lower one of them",
                told("delivery.timeout.ms", delivery),
                told("linger.ms", linger),
                told("request.timeout.ms", request)
            )));
        }
        Ok((delivery, request.min(left)))
    }

    /// The codec, and its level within what it knows.
    fn compression(&self) -> Result<(Compression, Option<i32>), Error> {
        let codec = Compression::parse(self.text("compression.type")).unwrap_or_default();
        if !is_supported(codec) {
            return Err(Error::new(
                ErrorKind::UnsupportedFeature,
                format!("compression.type={codec}: this build is without the feature {codec}"),
            ));
        }
        let level = match (self.int32("compression.level"), level_range(codec)) {
            (-1, _) | (_, None) => None,
            (level, Some(range)) => Some(level.clamp(*range.start(), *range.end())),
        };
        Ok((codec, level))
    }

    /// `fetch.max.bytes`, raised to the largest batch there can be.
    fn fetch_max_bytes(&self) -> i32 {
        self.int32("fetch.max.bytes").max(self.int32("message.max.bytes"))
    }

    /// `receive.message.max.bytes`, raised to what a Fetch asks for, unless it was set.
    fn receive_message_max_bytes(&self) -> Result<usize, Error> {
        let (receive, fetch) = (self.size("receive.message.max.bytes"), self.fetch_max_bytes());
        let needed = usize::try_from(fetch).unwrap_or_default().saturating_add(FETCH_OVERHEAD);
        if receive < needed && self.is_set("receive.message.max.bytes") {
            return Err(contradiction(format!(
                "receive.message.max.bytes={receive} is less than fetch.max.bytes={fetch} and {FETCH_OVERHEAD} for its frame: \
                 raise it or lower fetch.max.bytes"
            )));
        }
        Ok(receive.max(needed))
    }

    /// The first and the longest wait. The one that was not set gives way.
    fn backoff(&self, first: &str, longest: &str) -> Result<(Duration, Duration), Error> {
        let (wait, max) = (self.millis(first), self.millis(longest));
        match (wait > max, self.is_set(first), self.is_set(longest)) {
            (true, true, true) => Err(contradiction(format!(
                "{first}={} is more than {longest}={}: raise the longest wait or lower the first",
                self.text(first),
                self.text(longest)
            ))),
            (true, true, false) => Ok((wait, wait)),
            (true, false, _) => Ok((max, max)),
            (false, ..) => Ok((wait, max)),
        }
    }

    fn linger(&self) -> Duration {
        let millis: f64 = self.text("linger.ms").parse().unwrap_or_default();
        Duration::try_from_secs_f64(millis / 1000.0).unwrap_or_default()
    }

    fn text(&self, name: &str) -> &str {
        find(name).map_or("", |property| self.value(property))
    }

    /// A whole number; each was checked when it was set, and a test checks the defaults.
    fn number(&self, name: &str) -> i64 {
        find(name).and_then(|property| property.value.int(self.value(property))).unwrap_or_default()
    }

    fn int32(&self, name: &str) -> i32 {
        i32::try_from(self.number(name)).unwrap_or(i32::MAX)
    }

    fn size(&self, name: &str) -> usize {
        usize::try_from(self.number(name)).unwrap_or_default()
    }

    fn millis(&self, name: &str) -> Duration {
        Duration::from_millis(u64::try_from(self.number(name)).unwrap_or_default())
    }

    fn flag(&self, name: &str) -> bool {
        self.text(name) == "true"
    }
}

/// A broker remembers the last five batches of an idempotent producer.
const MAX_IN_FLIGHT_IDEMPOTENT: usize = 5;

/// What librdkafka reckons for what surrounds the batches of a Fetch response.
const FETCH_OVERHEAD: usize = 512;

fn contradiction(what: String) -> Error {
    Error::new(ErrorKind::Config, what)
}
