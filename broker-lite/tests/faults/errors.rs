//! Errors, where each API has its place for them.

use ottla_broker::{ApiKey, Broker, Effect, ErrorCode, Rule};
use ottla_protocol::messages::create_partitions::CreatePartitionsTopic;
use ottla_protocol::messages::create_topics::CreatableTopic;
use ottla_protocol::messages::delete_records::{DeleteRecordsPartition, DeleteRecordsTopic};
use ottla_protocol::messages::fetch::FetchPartition;
use ottla_protocol::messages::list_offsets::{ListOffsetsPartition, ListOffsetsTopic};
use ottla_protocol::messages::offset_for_leader_epoch::{OffsetForLeaderPartition, OffsetForLeaderTopic};
use ottla_protocol::messages::produce::PartitionProduceData;
use ottla_protocol::messages::{
    CreatePartitionsRequest, CreateTopicsRequest, DeleteRecordsRequest, DeleteTopicsRequest, FindCoordinatorRequest,
    InitProducerIdRequest, JoinGroupRequest, ListOffsetsRequest, MetadataRequest, OffsetForLeaderEpochRequest,
};
use ottla_protocol::{Records, Text};

use crate::async_peer::AsyncPeer;
use crate::peer::{batch, produce_request};
use crate::setup::{NOW, connect, fetch_request, three};

fn two_partitions() -> Broker {
    three().topic("two", 2).start().unwrap()
}

fn error(api: ApiKey, code: ErrorCode) -> Rule {
    Rule::on(api, Effect::Error { code, applied: false })
}

/// The partitions of "two" are led by the second and the third broker; this leads both.
fn lead_all(broker: &Broker) -> AsyncPeer {
    for partition in 0..2 {
        broker.move_leader("two", partition, 1).unwrap();
    }
    connect(broker, 1)
}

#[tokio::test(start_paused = true)]
async fn produce_fails_for_the_partition_that_a_rule_is_about() {
    let broker = two_partitions();
    let mut peer = lead_all(&broker);
    let rule = Rule { topic: Some("two".into()), partition: Some(1), ..error(ApiKey::Produce, ErrorCode::NotLeaderOrFollower) };
    let id = broker.add_fault(rule.once()).unwrap();
    let mut request = produce_request("two", -1, batch(&[NOW]));
    let second = PartitionProduceData { index: 1, records: Some(Records::from(batch(&[NOW]))), ..Default::default() };
    request.topic_data[0].partition_data.push(second);
    for (expected, end) in [([0, 6], 0), ([0, 0], 1)] {
        let response = peer.ask(12, &request).await;
        let codes: Vec<i16> = response.responses[0].partition_responses.iter().map(|partition| partition.error_code).collect();
        assert_eq!(codes, expected);
        assert_eq!(broker.partition_status("two", 1).unwrap().log_end_offset, end);
    }
    assert_eq!(broker.fault_hits(id), 1);
}

#[tokio::test(start_paused = true)]
async fn produce_may_be_applied_and_still_fail() {
    let broker = two_partitions();
    let mut peer = lead_all(&broker);
    let effect = Effect::Error { code: ErrorCode::RequestTimedOut, applied: true };
    broker.add_fault(Rule::on(ApiKey::Produce, effect).once()).unwrap();
    let response = peer.ask(12, &produce_request("two", -1, batch(&[NOW]))).await;
    assert_eq!(response.responses[0].partition_responses[0].error_code, 7);
    assert_eq!(broker.partition_status("two", 0).unwrap().log_end_offset, 1);
}

#[tokio::test(start_paused = true)]
async fn what_reads_fails_for_a_partition_or_as_a_whole() {
    let broker = two_partitions();
    let mut peer = lead_all(&broker);
    let about = |rule: Rule| Rule { topic: Some("two".into()), partition: Some(1), ..rule };
    broker.add_fault(about(error(ApiKey::Fetch, ErrorCode::KafkaStorageError)).once()).unwrap();
    let mut fetch = fetch_request(0);
    fetch.topics[0].topic = "two".into();
    let second = FetchPartition { partition: 1, ..fetch.topics[0].partitions[0].clone() };
    fetch.topics[0].partitions.push(second);
    // An error is heard at once.
    fetch.max_wait_ms = 3_600_000;
    let begun = tokio::time::Instant::now();
    let response = peer.ask(12, &fetch).await;
    let codes: Vec<i16> = response.responses[0].partitions.iter().map(|partition| partition.error_code).collect();
    assert_eq!((codes, begun.elapsed().as_millis()), (vec![0, 56], 0));
    broker.add_fault(error(ApiKey::Fetch, ErrorCode::FetchSessionIdNotFound).once()).unwrap();
    let response = peer.ask(12, &fetch).await;
    assert_eq!((response.error_code, response.responses.len()), (70, 0));

    broker.add_fault(about(error(ApiKey::ListOffsets, ErrorCode::OffsetNotAvailable))).unwrap();
    let partition = |partition_index| ListOffsetsPartition { partition_index, timestamp: -1, ..Default::default() };
    let topics =
        vec![ListOffsetsTopic { name: "two".into(), partitions: vec![partition(0), partition(1)], ..Default::default() }];
    let response = peer.ask(5, &ListOffsetsRequest { replica_id: -1, topics, ..Default::default() }).await;
    let codes: Vec<i16> = response.topics[0].partitions.iter().map(|partition| partition.error_code).collect();
    assert_eq!(codes, [0, 78]);

    broker.add_fault(about(error(ApiKey::OffsetForLeaderEpoch, ErrorCode::UnknownLeaderEpoch))).unwrap();
    let partition = |partition| OffsetForLeaderPartition { partition, leader_epoch: 0, ..Default::default() };
    let topics =
        vec![OffsetForLeaderTopic { topic: "two".into(), partitions: vec![partition(0), partition(1)], ..Default::default() }];
    let response = peer.ask(4, &OffsetForLeaderEpochRequest { topics, ..Default::default() }).await;
    let codes: Vec<i16> = response.topics[0].partitions.iter().map(|partition| partition.error_code).collect();
    assert_eq!(codes, [0, 75]);
}

#[tokio::test(start_paused = true)]
async fn metadata_fails_for_partitions_topics_or_as_a_whole() {
    let broker = two_partitions();
    let mut peer = connect(&broker, 1);
    let all = MetadataRequest { topics: None, ..Default::default() };
    let about = Rule { topic: Some("two".into()), partition: Some(1), ..error(ApiKey::Metadata, ErrorCode::LeaderNotAvailable) };
    broker.add_fault(about.once()).unwrap();
    let response = peer.ask(12, &all).await;
    let two = response.topics.iter().find(|topic| topic.name.as_deref() == Some("two")).unwrap();
    let partitions: Vec<_> = two.partitions.iter().map(|it| (it.error_code, it.leader_id)).collect();
    assert_eq!((two.error_code, partitions), (0, vec![(0, 2), (5, -1)]));

    let about = Rule { topic: Some("t".into()), ..error(ApiKey::Metadata, ErrorCode::UnknownTopicOrPartition) };
    broker.add_fault(about.once()).unwrap();
    let response = peer.ask(12, &all).await;
    let codes: Vec<i16> = response.topics.iter().map(|topic| topic.error_code).collect();
    assert_eq!(codes, [3, 0]);

    broker.add_fault(error(ApiKey::Metadata, ErrorCode::RebootstrapRequired).once()).unwrap();
    let response = peer.ask(13, &all).await;
    assert_eq!((response.error_code, response.topics[0].error_code), (129, 0));
    assert_eq!(peer.ask(13, &all).await.error_code, 0);
}

#[tokio::test(start_paused = true)]
async fn topics_are_not_made_changed_or_deleted() {
    let broker = two_partitions();
    let mut peer = lead_all(&broker);
    for rule in [
        error(ApiKey::CreateTopics, ErrorCode::NotController),
        error(ApiKey::CreatePartitions, ErrorCode::ReassignmentInProgress),
        error(ApiKey::DeleteTopics, ErrorCode::NotController),
        error(ApiKey::DeleteRecords, ErrorCode::NotLeaderOrFollower),
    ] {
        broker.add_fault(rule.once()).unwrap();
    }
    let topic = CreatableTopic { name: "new".into(), num_partitions: 1, replication_factor: -1, ..Default::default() };
    let create = CreateTopicsRequest { topics: vec![topic], ..Default::default() };
    let topic = CreatePartitionsTopic { name: "two".into(), count: 3, assignments: None, ..Default::default() };
    let grow = CreatePartitionsRequest { topics: vec![topic], ..Default::default() };
    let partitions = vec![DeleteRecordsPartition { partition_index: 0, offset: 0, ..Default::default() }];
    let topic = DeleteRecordsTopic { name: "two".into(), partitions, ..Default::default() };
    let purge = DeleteRecordsRequest { topics: vec![topic], ..Default::default() };
    let delete = DeleteTopicsRequest { topic_names: vec!["two".into()], ..Default::default() };
    for codes in [[41, 60, 6, 41], [0, 0, 0, 0]] {
        assert_eq!(peer.ask(7, &create).await.topics[0].error_code, codes[0]);
        assert_eq!(peer.ask(3, &grow).await.results[0].error_code, codes[1]);
        assert_eq!(peer.ask(2, &purge).await.topics[0].partitions[0].error_code, codes[2]);
        assert_eq!(peer.ask(5, &delete).await.responses[0].error_code, codes[3]);
    }
}

#[tokio::test(start_paused = true)]
async fn ids_and_coordinators_are_refused() {
    let broker = two_partitions();
    let mut peer = connect(&broker, 1);
    broker.add_fault(error(ApiKey::InitProducerId, ErrorCode::CoordinatorLoadInProgress).once()).unwrap();
    let ask = InitProducerIdRequest { transactional_id: None, producer_id: -1, producer_epoch: -1, ..Default::default() };
    assert_eq!(peer.ask(4, &ask).await.error_code, 14);
    assert_eq!(peer.ask(4, &ask).await.error_code, 0);

    broker.add_fault(Rule { group: Some("g".into()), ..error(ApiKey::FindCoordinator, ErrorCode::NotCoordinator) }).unwrap();
    let keys = vec![Text::from("f"), Text::from("g")];
    let response = peer.ask(4, &FindCoordinatorRequest { coordinator_keys: keys, ..Default::default() }).await;
    let codes: Vec<i16> = response.coordinators.iter().map(|coordinator| coordinator.error_code).collect();
    assert_eq!(codes, [0, 16]);
    // A transactional id of the same name is another thing.
    let request = FindCoordinatorRequest { key: "g".into(), key_type: 1, ..Default::default() };
    assert_eq!(peer.ask(3, &request).await.error_code, 15);
    let request = FindCoordinatorRequest { key: "g".into(), ..Default::default() };
    assert_eq!(peer.ask(3, &request).await.error_code, 16);

    broker.add_fault(Rule { group: Some("g".into()), ..error(ApiKey::JoinGroup, ErrorCode::RebalanceInProgress) }).unwrap();
    for (group, code) in [("g", 27), ("h", 26)] {
        assert_eq!(peer.ask(5, &JoinGroupRequest { group_id: group.into(), ..Default::default() }).await.error_code, code);
    }
}
