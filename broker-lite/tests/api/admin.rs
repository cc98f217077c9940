//! Topics, configs, the cluster.

use ottla_broker::Broker;
use ottla_protocol::messages::create_topics::{CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig};
use ottla_protocol::messages::delete_records::{DeleteRecordsPartition, DeleteRecordsTopic};
use ottla_protocol::messages::delete_topics::DeleteTopicState;
use ottla_protocol::messages::describe_configs::DescribeConfigsResource;
use ottla_protocol::messages::describe_topic_partitions::TopicRequest;
use ottla_protocol::messages::metadata::MetadataRequestTopic;
use ottla_protocol::messages::{
    CreateTopicsRequest, DeleteRecordsRequest, DeleteTopicsRequest, DescribeClusterRequest, DescribeConfigsRequest,
    DescribeTopicPartitionsRequest, MetadataRequest,
};
use ottla_protocol::{ErrorCode, Text, Uuid};

use crate::peer::{Peer, batch};

fn topic(name: &str, num_partitions: i32) -> CreatableTopic {
    CreatableTopic { name: name.into(), num_partitions, replication_factor: -1, ..Default::default() }
}

fn create(peer: &mut Peer, topic: CreatableTopic) -> (i16, String) {
    let response = peer.ask(7, &CreateTopicsRequest { topics: vec![topic], ..Default::default() });
    let result = &response.topics[0];
    (result.error_code, result.error_message.as_deref().unwrap_or_default().to_owned())
}

fn ask_for(name: &str) -> MetadataRequest {
    let topic = MetadataRequestTopic { name: Some(name.into()), ..Default::default() };
    MetadataRequest { topics: Some(vec![topic]), ..Default::default() }
}

#[test]
fn topics_are_created_or_refused_as_kafka_does_it() {
    let broker = Broker::builder().partitions(3).unwrap().start().unwrap();
    let mut peer = Peer::connect(&broker);
    for version in 2..=7 {
        let request = CreateTopicsRequest { topics: vec![topic(&format!("v{version}"), 2)], ..Default::default() };
        let response = peer.ask(version, &request);
        assert_eq!(response.topics[0].error_code, 0);
        if version >= 5 {
            assert_eq!((response.topics[0].num_partitions, response.topics[0].replication_factor), (2, 1));
            assert!(response.topics[0].configs.as_ref().unwrap().len() > 20);
        }
    }
    assert_eq!(create(&mut peer, topic("to.pic", -1)), (0, String::new()));
    assert_eq!(peer.ask(12, &ask_for("to.pic")).topics[0].partitions.len(), 3);
    assert_eq!(create(&mut peer, topic("to.pic", -1)), (36, "Topic 'to.pic' already exists.".into()));
    assert_eq!(create(&mut peer, topic("to_pic", -1)), (17, "Topic 'to_pic' collides with existing topic: to.pic".into()));
    assert_eq!(create(&mut peer, topic(".", 1)), (17, "Topic name is invalid: '.' is not allowed".into()));
    assert_eq!(create(&mut peer, topic("__cluster_metadata", 1)).0, 42);
    assert_eq!(create(&mut peer, topic("__consumer_offsets", 1)).0, 0);
    assert_eq!(create(&mut peer, topic("a", 0)).0, 37);
    assert_eq!(create(&mut peer, topic("a", i32::MAX)).0, 44);
    assert_eq!(create(&mut peer, CreatableTopic { replication_factor: 2, ..topic("a", 1) }).0, 38);
    assert_eq!(create(&mut peer, CreatableTopic { replication_factor: 0, ..topic("a", 1) }).0, 38);
    let config = |name: &str, value: Option<&str>| CreatableTopic {
        configs: vec![CreatableTopicConfig { name: name.into(), value: value.map(Text::from), ..Default::default() }],
        ..topic("a", 1)
    };
    assert_eq!(create(&mut peer, config("no.such", Some("1"))), (40, "Unknown topic config name: no.such".into()));
    assert_eq!(create(&mut peer, config("retention.ms", Some("x"))).0, 40);
    assert_eq!(create(&mut peer, config("retention.ms", None)).0, 40);
    let assigned = |num_partitions: i32, ids: &[(i32, i32)]| CreatableTopic {
        assignments: ids
            .iter()
            .map(|(index, broker)| CreatableReplicaAssignment {
                partition_index: *index,
                broker_ids: vec![*broker],
                ..Default::default()
            })
            .collect(),
        ..topic("a", num_partitions)
    };
    assert_eq!(create(&mut peer, assigned(2, &[(0, 1)])).0, 42);
    assert_eq!(create(&mut peer, assigned(-1, &[(0, 2)])).0, 39);
    assert_eq!(create(&mut peer, assigned(-1, &[(1, 1)])).0, 39);
    assert_eq!(create(&mut peer, assigned(-1, &[(0, 1), (0, 1)])).0, 39);
    assert_eq!(create(&mut peer, assigned(-1, &[(1, 1), (0, 1)])).0, 0);
    let request = CreateTopicsRequest { topics: vec![topic("dry", 1)], validate_only: true, ..Default::default() };
    assert_eq!(peer.ask(7, &request).topics[0].error_code, 0);
    let request = CreateTopicsRequest { topics: vec![topic("twice", 1), topic("twice", 1)], ..Default::default() };
    let response = peer.ask(7, &request);
    assert_eq!((response.topics.len(), response.topics[0].error_code), (1, 42));
    let all = peer.ask(12, &MetadataRequest { topics: None, ..Default::default() });
    assert!(!all.topics.iter().any(|topic| topic.name.as_deref() == Some("dry")));
    assert!(all.topics.iter().any(|topic| topic.is_internal));
}

#[test]
fn metadata_in_every_version() {
    let broker = Broker::builder().topic("t", 2).start().unwrap();
    let mut peer = Peer::connect(&broker);
    for version in 0..=13 {
        let request = MetadataRequest { topics: Some(Vec::new()), allow_auto_topic_creation: true, ..Default::default() };
        assert_eq!(peer.ask(version, &request).topics.len(), usize::from(version == 0), "version {version}");
        let mut request = ask_for("t");
        request.allow_auto_topic_creation = true;
        let response = peer.ask(version, &request);
        assert_eq!(response.topics[0].partitions.len(), 2);
        assert_eq!(response.brokers[0].port, i32::from(broker.local_addr().port()));
    }
    let id = peer.ask(12, &ask_for("t")).topics[0].topic_id;
    let by_id = |id: Uuid| MetadataRequest {
        topics: Some(vec![MetadataRequestTopic { topic_id: id, ..Default::default() }]),
        ..Default::default()
    };
    assert_eq!(peer.ask(12, &by_id(id)).topics[0].name.as_deref(), Some("t"));
    let unknown = peer.ask(13, &by_id(Uuid([3; 16])));
    assert_eq!((unknown.topics[0].error_code, unknown.topics[0].topic_id), (100, Uuid([3; 16])));
    assert_eq!(unknown.topics[0].name, None);
}

#[test]
fn topics_are_made_when_asked_for_if_that_is_allowed() {
    let broker = Broker::start_blocking().unwrap();
    let mut peer = Peer::connect(&broker);
    let mut request = ask_for("new");
    request.allow_auto_topic_creation = false;
    assert_eq!(peer.ask(12, &request).topics[0].error_code, 3);
    request.allow_auto_topic_creation = true;
    assert_eq!(peer.ask(12, &request).topics[0].error_code, 0);
    let mut request = ask_for("not a name");
    request.allow_auto_topic_creation = true;
    assert_eq!(peer.ask(12, &request).topics[0].error_code, 17);
    let closed = Broker::builder().auto_create(false).start().unwrap();
    let mut request = ask_for("new");
    request.allow_auto_topic_creation = true;
    assert_eq!(Peer::connect(&closed).ask(12, &request).topics[0].error_code, 3);
}

#[test]
fn topics_are_deleted_by_name_or_id() {
    let broker = Broker::builder().topic("a", 1).topic("b", 1).start().unwrap();
    let mut peer = Peer::connect(&broker);
    let by_name = DeleteTopicsRequest { topic_names: vec!["a".into(), "a".into()], timeout_ms: 1, ..Default::default() };
    let codes: Vec<i16> = peer.ask(1, &by_name).responses.iter().map(|topic| topic.error_code).collect();
    assert_eq!(codes, [0, 3]);
    let id = peer.ask(12, &ask_for("b")).topics[0].topic_id;
    let state = |id: Uuid| DeleteTopicState { topic_id: id, ..Default::default() };
    let by_id = DeleteTopicsRequest { topics: vec![state(id), state(id)], timeout_ms: 1, ..Default::default() };
    let codes: Vec<i16> = peer.ask(6, &by_id).responses.iter().map(|topic| topic.error_code).collect();
    assert_eq!(codes, [0, ErrorCode::UnknownTopicId.code()]);
}

#[test]
fn records_are_deleted_from_the_start() {
    let broker = Broker::builder().topic("t", 1).start().unwrap();
    let mut peer = Peer::connect(&broker);
    peer.produce("t", batch(&[1; 5]));
    let mut delete = |version: i16, offset: i64| {
        let partition = DeleteRecordsPartition { partition_index: 0, offset, ..Default::default() };
        let topic = DeleteRecordsTopic { name: "t".into(), partitions: vec![partition], ..Default::default() };
        let response = peer.ask(version, &DeleteRecordsRequest { topics: vec![topic], timeout_ms: 1, ..Default::default() });
        let result = &response.topics[0].partitions[0];
        (result.error_code, result.low_watermark)
    };
    assert_eq!(delete(0, 3), (0, 3));
    assert_eq!(delete(1, 2), (0, 3));
    assert_eq!(delete(2, 6), (1, -1));
    assert_eq!(delete(2, -2), (1, -1));
    assert_eq!(delete(2, -1), (0, 5));
}

#[test]
fn configs_say_where_they_come_from() {
    let broker = Broker::builder().topic("t", 1).config("log.retention.ms", "77").unwrap().start().unwrap();
    let mut peer = Peer::connect(&broker);
    let mut describe = |version: i16, resource_type: i8, name: &str| {
        let resource = DescribeConfigsResource { resource_type, resource_name: name.into(), ..Default::default() };
        let request = DescribeConfigsRequest { resources: vec![resource], include_synonyms: true, ..Default::default() };
        peer.ask(version, &request).results.remove(0)
    };
    for version in 1..=4 {
        let found = describe(version, 2, "t");
        let retention = found.configs.iter().find(|config| config.name == "retention.ms").unwrap();
        assert_eq!((found.error_code, retention.value.as_deref(), retention.config_source), (0, Some("77"), 4));
        assert_eq!(retention.synonyms.len(), 2);
    }
    let found = describe(4, 4, "1");
    assert!(found.configs.iter().any(|config| config.name == "advertised.listeners" && config.value.is_some()));
    assert_eq!(describe(4, 4, "9").error_code, 42);
    assert_eq!(describe(4, 2, "missing").error_code, 3);
    assert_eq!(describe(4, 99, "x").error_code, 42);
}

#[test]
fn the_cluster_and_its_topics_a_page_at_a_time() {
    let broker = Broker::builder().topic("a", 3).topic("b", 3).start().unwrap();
    let mut peer = Peer::connect(&broker);
    for version in 0..=2 {
        let cluster = peer.ask(version, &DescribeClusterRequest { endpoint_type: 1, ..Default::default() });
        assert_eq!((cluster.error_code, cluster.controller_id, cluster.brokers.len()), (0, 1, 1));
    }
    assert_eq!(peer.ask(1, &DescribeClusterRequest { endpoint_type: 2, ..Default::default() }).error_code, 114);
    let mut request = DescribeTopicPartitionsRequest { response_partition_limit: 2, ..Default::default() };
    let mut seen = Vec::new();
    loop {
        let response = peer.ask(0, &request);
        for topic in &response.topics {
            let name = topic.name.as_deref().unwrap_or_default().to_owned();
            seen.extend(topic.partitions.iter().map(|partition| (name.clone(), partition.partition_index)));
        }
        match response.next_cursor {
            Some(cursor) => request.cursor = Some(cursor),
            None => break,
        }
    }
    let expected: Vec<(String, i32)> = ["a", "b"].iter().flat_map(|name| (0..3).map(|index| (name.to_string(), index))).collect();
    assert_eq!(seen, expected);
    let unknown = DescribeTopicPartitionsRequest {
        topics: vec![TopicRequest { name: "x".into(), ..Default::default() }],
        response_partition_limit: 10,
        ..Default::default()
    };
    assert_eq!(peer.ask(0, &unknown).topics[0].error_code, 3);
}
