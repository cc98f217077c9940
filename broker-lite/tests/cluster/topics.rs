//! Topics over several brokers: replication factors, assignments, more partitions, made again.

use ottla_protocol::messages::create_partitions::{CreatePartitionsAssignment, CreatePartitionsTopic};
use ottla_protocol::messages::create_topics::{CreatableReplicaAssignment, CreatableTopic};
use ottla_protocol::messages::{CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest};

use crate::setup::{connect, metadata, produce, status, three};

fn assigned(partition_index: i32, broker_ids: &[i32]) -> CreatableReplicaAssignment {
    CreatableReplicaAssignment { partition_index, broker_ids: broker_ids.to_vec(), ..Default::default() }
}

#[tokio::test(start_paused = true)]
async fn replication_factors_and_assignments_are_as_asked() {
    let broker = three().start().unwrap();
    let mut peer = connect(&broker, 2);
    for (topic, code) in [
        (CreatableTopic { name: "two".into(), num_partitions: 2, replication_factor: 2, ..Default::default() }, 0),
        (CreatableTopic { name: "four".into(), num_partitions: 2, replication_factor: 4, ..Default::default() }, 38),
        (
            CreatableTopic {
                name: "manual".into(),
                num_partitions: -1,
                replication_factor: -1,
                assignments: vec![assigned(1, &[2, 1]), assigned(0, &[3, 2])],
                ..Default::default()
            },
            0,
        ),
        (
            CreatableTopic {
                name: "uneven".into(),
                num_partitions: -1,
                replication_factor: -1,
                assignments: vec![assigned(0, &[3, 2]), assigned(1, &[1])],
                ..Default::default()
            },
            39,
        ),
    ] {
        let request = CreateTopicsRequest { topics: vec![topic], ..Default::default() };
        let result = peer.ask(7, &request).await.topics.remove(0);
        assert_eq!(result.error_code, code, "{:?}", result.error_message);
        if code == 0 {
            assert_eq!((result.num_partitions, result.replication_factor), (2, 2));
        }
    }
    let seen = metadata(&broker, 1).await;
    let manual = seen.topics.iter().find(|topic| topic.name.as_deref() == Some("manual")).unwrap();
    let replicas: Vec<_> = manual.partitions.iter().map(|it| (it.leader_id, it.replica_nodes.as_slice())).collect();
    assert_eq!(replicas, [(3, &[3, 2][..]), (2, &[2, 1][..])]);
}

#[tokio::test(start_paused = true)]
async fn a_topic_made_again_has_a_new_id() {
    let broker = three().start().unwrap();
    produce(&broker, 1, -1).await;
    let before = metadata(&broker, 1).await.topics[0].topic_id;
    let request = DeleteTopicsRequest { topic_names: vec!["t".into()], ..Default::default() };
    assert_eq!(connect(&broker, 3).ask(5, &request).await.responses[0].error_code, 0);
    broker.create_topic("t", 1).unwrap();
    let after = metadata(&broker, 1).await.topics[0].topic_id;
    assert_ne!(before, after);
    assert_eq!((status(&broker).leader_epoch, status(&broker).log_end_offset), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn partitions_are_added() {
    let broker = three().start().unwrap();
    produce(&broker, 1, -1).await;
    let ask = |count: i32, brokers: Option<Vec<Vec<i32>>>, validate_only: bool| {
        let assign = |broker_ids: Vec<i32>| CreatePartitionsAssignment { broker_ids, ..Default::default() };
        let assignments = brokers.map(|brokers| brokers.into_iter().map(assign).collect());
        let topic = CreatePartitionsTopic { name: "t".into(), count, assignments, ..Default::default() };
        CreatePartitionsRequest { topics: vec![topic], validate_only, ..Default::default() }
    };
    let mut peer = connect(&broker, 1);
    for (request, code) in [
        (ask(1, None, false), 37),
        (ask(0, None, false), 37),
        (ask(3, Some(vec![vec![1]]), false), 39),
        (ask(2, Some(vec![vec![9]]), false), 39),
        (ask(3, None, true), 0),
        (ask(3, None, false), 0),
        (ask(4, Some(vec![vec![3, 1]]), false), 0),
    ] {
        for version in [0, 3] {
            if version == 3 && code == 0 && !request.validate_only {
                continue;
            }
            let result = peer.ask(version, &request).await.results.remove(0);
            assert_eq!(result.error_code, code, "{:?}", result.error_message);
        }
    }
    let unknown = CreatePartitionsTopic { name: "unknown".into(), count: 3, ..Default::default() };
    let request = CreatePartitionsRequest { topics: vec![unknown], ..Default::default() };
    assert_eq!(peer.ask(3, &request).await.results[0].error_code, 3);
    let partitions = metadata(&broker, 2).await.topics.remove(0).partitions;
    let leaders: Vec<_> = partitions.iter().map(|it| (it.partition_index, it.leader_id, it.replica_nodes.len())).collect();
    assert_eq!(leaders, [(0, 1, 3), (1, 2, 3), (2, 3, 3), (3, 3, 2)]);
    assert_eq!(status(&broker).log_end_offset, 1, "what was there stays");
}
