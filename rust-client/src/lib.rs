//! An Apache Kafka client in Rust.
//!
//! ```no_run
//! # async fn example() -> Result<(), ottla::Error> {
//! use ottla::{Client, Record};
//!
//! let client = Client::connect("localhost:9092").await?;
//! let producer = client.producer()?;
//! let delivery = producer.send(Record::to("orders").key("alice").value("1 book")).await?; // it is in a batch now
//! let written = delivery.await?; // acknowledged
//! println!("partition {} offset {}", written.partition, written.offset);
//! # Ok(())
//! # }
//! ```
//!
//! Futures are plain waiters: any executor may poll them, and each call has a blocking twin for callers that have none. IO runs on
//! one thread for the process, started by the first client.

mod admin;
mod client;
mod consumer;
mod group;
mod hedge;
mod metrics;
mod network;
mod observer;
mod offload;
mod offsets;
mod overrides;
mod producer;
mod runtime;
mod watched;

pub use admin::{Admin, ClusterDescription, GroupList, ListGroupOffsetsSpec, NewTopic, PartitionDescription, TopicDescription};
pub use client::{Client, ClientBuilder};
pub use consumer::Consumer;
pub use group::{Answering, Closing, Committing, ConsumerBuilder, GroupState, Rebalance, RebalanceListener};
pub use metrics::ClientSnapshot;
pub use network::{Connecting, Connector, Stream};
pub use observer::{ClientEvent, GroupMember, Observer, RequestEnd, RequestTrace};
pub use ottla_core::admin::{
    AclOperation, ConsumerGroupState, GroupDescription, GroupFilter, GroupListing, GroupType, MemberDescription, MemberIdentity,
    MemberResults, PartitionResults,
};
pub use ottla_core::completion::Written;
pub use ottla_core::config::Config;
pub use ottla_core::consumer::{
    BatchCursor, ConsumerSnapshot, FetchedBatch, FetchedRecords, Position, StartAt, TopicPartition, Watermarks,
};
pub use ottla_core::error::{Error, ErrorKind, PurgedFrom};
pub use ottla_core::group::assignor::{
    GroupAssignment, GroupTopics, MemberAssignment, MemberSubscription, PartitionAssignor, RebalanceProtocol,
};
pub use ottla_core::group::offset_commit::OffsetAndMetadata;
pub use ottla_core::group::{LeavePolicy, QuestionKind};
pub use ottla_core::metadata::{BrokerInfo, PartitionInfo};
pub use ottla_core::metrics::ProducerSnapshot;
pub use ottla_core::offload::Offload;
pub use ottla_core::producer::DeliveryReport;
pub use ottla_core::random::Rng;
pub use ottla_protocol::record::{HeadersView, RecordHeader, RecordView};
pub use ottla_protocol::{ErrorCode, Text, Uuid};
pub use producer::{Delivery, Producer, ProducerBuilder, Record, TopicProducer};
pub use runtime::{after_fork_in_child, forks};
