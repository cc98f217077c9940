//! broker-lite: a lightweight Apache Kafka broker for development and tests.
//!
//! It is there within a millisecond, keeps everything in memory, and any Kafka client may talk to it. In production, talk to Apache
//! Kafka.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let broker = ottla_broker::Broker::builder().topic("orders", 4).start()?;
//! println!("{}", broker.bootstrap_servers());
//! # Ok(())
//! # }
//! ```
//!
//! [`Broker::start`] is the same for async callers, and [`Broker::start_blocking`] the shortest form for all others. The broker runs
//! on a thread and a runtime of its own, unless [`BrokerBuilder::runtime`] gives it one, and ends when it is dropped. Any number of
//! them may run in a process; each picks a free port.
//!
//! # What is served
//!
//! It answers as Apache Kafka 4.3 does, with its error codes and, where a response has room for one, its texts.
//!
//! | API | versions | |
//! |---|---|---|
//! | Produce | 3–13 | all acks, idempotence, every codec (batches are stored as they come), CreateTime and LogAppendTime |
//! | Fetch | 4–18 | long polls that end by events, min and max bytes, incremental sessions, leader epochs, followers (KIP-392) |
//! | ListOffsets | 1–11 | earliest, latest, by timestamp, max timestamp |
//! | Metadata | 0–13 | names and ids, auto-creation |
//! | ApiVersions | 0–4 | with the fallback for newer clients |
//! | CreateTopics | 2–7 | manual assignments, configs, validate only |
//! | DeleteTopics | 1–6 | |
//! | DeleteRecords | 0–2 | |
//! | InitProducerId | 0–5 | idempotent producers |
//! | OffsetForLeaderEpoch | 2–4 | |
//! | DescribeConfigs | 1–4 | topics and the broker |
//! | CreatePartitions | 0–3 | |
//! | DescribeCluster | 0–2 | |
//! | DescribeTopicPartitions | 0 | |
//! | FindCoordinator | 0–6 | of groups; for transactions COORDINATOR_NOT_AVAILABLE |
//! | JoinGroup, SyncGroup | 0–9, 0–5 | the classic protocol, static members (KIP-345) |
//! | Heartbeat, LeaveGroup | 0–4, 0–5 | |
//! | OffsetCommit, OffsetFetch | 2–10, 1–10 | several groups in one fetch, topics by id |
//! | OffsetDelete, DeleteGroups | 0, 0–2 | |
//! | ListGroups, DescribeGroups | 0–5, 0–6 | |
//! | ConsumerGroupDescribe | 0–1 | knows no group: all are of the classic protocol |
//!
//! # Several brokers
//!
//! [`BrokerBuilder::brokers`] makes a cluster of several brokers in one process, each with an id, a listener and a
//! [rack](BrokerBuilder::racks). A topic has default.replication.factor replicas unless its creator says otherwise; leaders go round
//! the brokers. A test [stops](Broker::stop_broker), [restarts](Broker::restart_broker) and [isolates](Broker::isolate) brokers and
//! [moves](Broker::move_leader) leaders; each time the leader epoch rises.
//!
//! - Followers copy each batch as it is appended, unless [`Broker::hold_replication`] makes them lag: then they copy what a producer
//!   waits for (acks=all) and what [`Broker::replicate`] lets them.
//! - Consumers see what all in-sync replicas have, and read from a follower too; with replica.selector.class
//!   `org.apache.kafka.common.replica.RackAwareReplicaSelector` the leader tells them of one in their rack.
//! - A new leader comes from the ISR, so that nothing acknowledged with acks=all is lost; what it does not have is truncated.
//!
//! # Groups
//!
//! Each group belongs to a partition of `__consumer_offsets`, which is made when it is first asked for, and that partition's leader
//! coordinates it. When a broker stops, or [`Broker::move_coordinator`] says so, another one goes on with all offsets and with the last
//! generation that was assigned; who waits hears NOT_COORDINATOR. [`Broker::group_status`] shows how a group stands.
//!
//! A group's first rebalance begins at once, where Apache Kafka waits 3 s for more members: set group.initial.rebalance.delay.ms for
//! that. What is committed lies beside the topic, which stays empty. A member that joins or syncs a second time while its first request
//! still waits has that answered with REBALANCE_IN_PROGRESS; Apache Kafka leaves it without an answer.
//!
//! # Faults and the journal
//!
//! A [`Rule`] says which requests (API, topic, partition, group, client id, broker, connection, from the nth on, with a probability)
//! meet which [`Effect`] (an error, a delay, throttling, a closed or silent connection, a truncated or corrupted response, a wrong
//! CRC, stale metadata), and how often; [`Broker::add_fault`] puts it in force. A [`Journal`] keeps the last requests for a test that
//! asks, or waits, for one.
//!
//! # In a simulation
//!
//! [`BrokerBuilder::in_memory`] opens no sockets: connections come through a [`MemoryConnector`], the broker runs on the caller's
//! runtime, also a current-thread one with paused time, and what is random comes from a [seed](BrokerBuilder::seed).
//!
//! # What is not served
//!
//! - Transactions, and groups of the newer protocol (KIP-848): there is no coordinator for them yet.
//! - TLS, SASL, ACLs, quotas, delegation tokens; share groups, streams groups; changes of configs at run time.
//! - Compaction: `cleanup.policy=compact` is kept and demands keys, but nothing is compacted. `compression.type` other than
//!   `producer` is refused, since batches stay as they came.
//! - Records inside a compressed batch are not looked at, except for a search by timestamp and for the keys of a compacted topic. A
//!   batch whose header is right and whose records are not is stored, where Apache Kafka answers INVALID_RECORD.
//! - Files: when the broker ends, all is gone.
//!
//! A request that is not served is named in the log (`tracing`, level WARN), and its connection is closed.

mod broker;
mod broker_builder;
mod clock;
mod cluster;
mod config;
mod control;
mod coordinator;
mod dispatch;
mod error;
mod fault;
mod fetch_session;
mod group_control;
mod handlers;
mod history;
mod journal;
mod log;
mod memory;
mod node;
mod offsets_topic;
mod partition;
mod placement;
mod purgatory;
mod random;
mod server;
mod storage;
mod topic_name;

pub use broker::Broker;
pub use broker_builder::BrokerBuilder;
pub use clock::Clock;
pub use config::ConfigError;
pub use control::PartitionStatus;
pub use error::Error;
pub use fault::{Effect, Rule, RuleId, RuleStatus};
pub use group_control::{GroupMemberStatus, GroupState, GroupStatus};
pub use journal::{Journal, JournalEntry};
pub use memory::MemoryConnector;
pub use ottla_protocol::{ApiKey, ErrorCode};
