//! A cluster of three, and what the tests ask it.

use bytes::Bytes;
use ottla_broker::{Broker, BrokerBuilder, Clock, PartitionStatus};
use ottla_protocol::messages::fetch::{FetchPartition, FetchTopic, PartitionData};
use ottla_protocol::messages::produce::PartitionProduceResponse;
use ottla_protocol::messages::{FetchRequest, FetchResponse, MetadataRequest, MetadataResponse};
use ottla_protocol::record::split_batches;

use crate::async_peer::AsyncPeer;
use crate::peer::{batch, produce_request};

pub(crate) const NOW: i64 = 1_700_000_000_000;

/// Three brokers in memory, each in a rack of its own, and a topic with a replica on each of them.
pub(crate) fn three() -> BrokerBuilder {
    let builder = Broker::builder().in_memory().seed(1).clock(Clock::tokio(NOW)).brokers(3).racks(["a", "b", "c"]);
    builder.config("default.replication.factor", "3").unwrap().topic("t", 1)
}

pub(crate) fn connect(broker: &Broker, node_id: i32) -> AsyncPeer {
    AsyncPeer(broker.connect_in_memory(node_id).unwrap())
}

pub(crate) fn status(broker: &Broker) -> PartitionStatus {
    broker.partition_status("t", 0).unwrap()
}

/// Produces one record at this broker.
pub(crate) async fn produce(broker: &Broker, node_id: i32, acks: i16) -> PartitionProduceResponse {
    produce_batch(broker, node_id, acks, batch(&[NOW])).await
}

pub(crate) async fn produce_batch(broker: &Broker, node_id: i32, acks: i16, batch: Bytes) -> PartitionProduceResponse {
    let mut response = connect(broker, node_id).ask(12, &produce_request("t", acks, batch)).await;
    response.responses.remove(0).partition_responses.remove(0)
}

pub(crate) fn fetch_request(fetch_offset: i64) -> FetchRequest {
    let partitions = vec![FetchPartition { fetch_offset, partition_max_bytes: 1 << 20, ..Default::default() }];
    let topics = vec![FetchTopic { topic: "t".into(), partitions, ..Default::default() }];
    FetchRequest { min_bytes: 1, topics, ..Default::default() }
}

pub(crate) fn only(response: &FetchResponse) -> &PartitionData {
    &response.responses[0].partitions[0]
}

pub(crate) fn offsets(data: &PartitionData) -> Vec<i64> {
    let records = data.records.as_ref().expect("records are never null").to_bytes();
    split_batches(&records).map(|batch| batch.unwrap().header.base_offset).collect()
}

/// Fetches at this broker: the error, or the offsets.
pub(crate) async fn fetch(broker: &Broker, node_id: i32, offset: i64) -> Result<Vec<i64>, i16> {
    let response = connect(broker, node_id).ask(12, &fetch_request(offset)).await;
    match only(&response).error_code {
        0 => Ok(offsets(only(&response))),
        code => Err(code),
    }
}

pub(crate) async fn metadata(broker: &Broker, node_id: i32) -> MetadataResponse {
    connect(broker, node_id).ask(12, &MetadataRequest { topics: None, ..Default::default() }).await
}
