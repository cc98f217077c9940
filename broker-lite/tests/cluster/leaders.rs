//! Who leads, who is told, and what survives.

use ottla_protocol::messages::fetch::FetchPartition;
use ottla_protocol::messages::offset_for_leader_epoch::{OffsetForLeaderPartition, OffsetForLeaderTopic};
use ottla_protocol::messages::{DescribeClusterRequest, DescribeTopicPartitionsRequest, MetadataRequest};
use ottla_protocol::messages::{FetchRequest, OffsetForLeaderEpochRequest};

use crate::peer::{batch, batch_with, produce_request};
use crate::setup::{NOW, connect, fetch, fetch_request, metadata, offsets, only, produce, produce_batch, status, three};

#[tokio::test(start_paused = true)]
async fn brokers_leaders_and_replicas_are_seen_by_all() {
    let broker = three().topic("spread", 6).start().unwrap();
    assert_eq!(broker.bootstrap_servers(), "broker-1:9092,broker-2:9092,broker-3:9092");
    let seen = metadata(&broker, 1).await;
    let ids: Vec<_> = seen.brokers.iter().map(|it| (it.node_id, it.rack.as_deref().unwrap(), it.host.as_str())).collect();
    assert_eq!(ids, [(1, "a", "broker-1"), (2, "b", "broker-2"), (3, "c", "broker-3")]);
    assert_eq!(seen.controller_id, 1);
    let spread = seen.topics.iter().find(|topic| topic.name.as_deref() == Some("spread")).unwrap();
    let leaders: Vec<i32> = spread.partitions.iter().map(|partition| partition.leader_id).collect();
    assert_eq!(leaders, [2, 3, 1, 2, 3, 1]);
    assert!(spread.partitions.iter().all(|it| it.replica_nodes.len() == 3 && it.isr_nodes.len() == 3));
    for node in 2..=3 {
        assert_eq!(metadata(&broker, node).await, seen);
    }

    broker.stop_broker(1).unwrap();
    let seen = metadata(&broker, 2).await;
    assert_eq!(seen.brokers.iter().map(|it| it.node_id).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(seen.controller_id, 2);
    let partition = seen.topics.iter().flat_map(|topic| &topic.partitions).find(|it| it.replica_nodes[0] == 1).unwrap();
    assert_eq!((partition.leader_id, partition.leader_epoch), (2, 1));
    assert_eq!((partition.isr_nodes.as_slice(), partition.offline_replicas.as_slice()), (&[2, 3][..], &[1][..]));
    let mut peer = connect(&broker, 3);
    let described = peer.ask(0, &DescribeTopicPartitionsRequest { response_partition_limit: 100, ..Default::default() }).await;
    let t = described.topics.iter().find(|topic| topic.name.as_deref() == Some("t")).unwrap();
    assert_eq!((t.partitions[0].leader_id, t.partitions[0].isr_nodes.len()), (2, 2));
    let request = DescribeClusterRequest { endpoint_type: 1, ..Default::default() };
    assert_eq!(peer.ask(1, &request).await.brokers.len(), 2);

    broker.restart_broker(1).unwrap();
    assert_eq!((broker.controller(), status(&broker).leader, status(&broker).isr), (Some(2), Some(2), vec![1, 2, 3]));
    broker.move_controller(3).unwrap();
    assert_eq!(metadata(&broker, 1).await.controller_id, 3);
    broker.isolate(3).unwrap();
    assert_eq!(broker.controller(), Some(1));
    assert!(broker.move_controller(3).is_err() && broker.move_leader("t", 0, 3).is_err());
}

#[tokio::test(start_paused = true)]
async fn others_say_who_leads() {
    let broker = three().start().unwrap();
    broker.move_leader("t", 0, 2).unwrap();
    assert_eq!(status(&broker).leader_epoch, 1);

    let mut peer = connect(&broker, 1);
    let id = peer.ask(12, &MetadataRequest { topics: None, ..Default::default() }).await.topics[0].topic_id;
    let mut request = produce_request("t", -1, batch(&[NOW]));
    for version in [9, 12, 13] {
        request.topic_data[0].topic_id = id;
        let response = peer.ask(version, &request).await;
        let answer = &response.responses[0].partition_responses[0];
        let hint = (answer.current_leader.leader_id, answer.current_leader.leader_epoch, response.node_endpoints.len());
        assert_eq!((answer.error_code, hint), (6, if version >= 10 { (2, 1, 1) } else { (-1, -1, 0) }));
        if version >= 10 {
            let endpoint = &response.node_endpoints[0];
            assert_eq!((endpoint.node_id, endpoint.host.as_str(), endpoint.port), (2, "broker-2", 9092));
        }
    }
    // Followers answer consumers from version 11 on; before, and with an epoch that is too old, there is an error.
    let mut request = fetch_request(0);
    request.topics[0].topic_id = id;
    assert_eq!(only(&peer.ask(10, &request).await).error_code, 6);
    assert_eq!(only(&peer.ask(11, &request).await).error_code, 0);
    request.topics[0].partitions[0].current_leader_epoch = 0;
    let response = peer.ask(16, &request).await;
    assert_eq!((only(&response).error_code, only(&response).current_leader.leader_id), (74, 2));
    assert_eq!((response.node_endpoints[0].node_id, response.node_endpoints[0].host.as_str()), (2, "broker-2"));
    request.topics[0].partitions[0].current_leader_epoch = 2;
    assert_eq!(only(&peer.ask(16, &request).await).error_code, 75);
}

#[tokio::test(start_paused = true)]
async fn a_broker_without_a_replica_says_who_leads() {
    let broker = three().config("default.replication.factor", "1").unwrap().start().unwrap();
    assert_eq!(status(&broker).leader, Some(1));
    let mut peer = connect(&broker, 3);
    let id = peer.ask(12, &MetadataRequest { topics: None, ..Default::default() }).await.topics[0].topic_id;
    let mut request = fetch_request(0);
    request.topics[0].topic_id = id;
    let response = peer.ask(17, &request).await;
    assert_eq!((only(&response).error_code, only(&response).current_leader.leader_id), (6, 1));
    assert_eq!(response.node_endpoints[0].node_id, 1);
}

#[tokio::test(start_paused = true)]
async fn what_all_acknowledged_survives_and_an_unreplicated_tail_does_not() {
    let broker = three().start().unwrap();
    broker.hold_replication(true);
    for _ in 0..2 {
        assert_eq!(produce(&broker, 1, -1).await.error_code, 0);
    }
    for offset in 2..4 {
        assert_eq!(produce(&broker, 1, 1).await.base_offset, offset);
    }
    let now = status(&broker);
    assert_eq!((now.replicas.as_slice(), now.high_watermark), (&[(1, 4), (2, 2), (3, 2)][..], 2));
    assert_eq!(fetch(&broker, 1, 0).await, Ok(vec![0, 1]), "consumers read up to the high watermark");
    assert_eq!(fetch(&broker, 1, 4).await, Ok(vec![]));
    assert_eq!(fetch(&broker, 2, 4).await, Err(1));

    broker.stop_broker(1).unwrap();
    let now = status(&broker);
    assert_eq!((now.leader, now.leader_epoch, now.high_watermark, now.log_end_offset), (Some(2), 1, 2, 2));
    assert_eq!(produce(&broker, 2, -1).await.base_offset, 2);
    assert_eq!(fetch(&broker, 2, 0).await, Ok(vec![0, 1, 2]));
    assert_eq!(broker.stored_batches("t", 0).unwrap().len(), 3);

    // A reader of the old epoch learns where the logs part.
    let mut request = fetch_request(4);
    request.topics[0].partitions[0].last_fetched_epoch = 0;
    let response = connect(&broker, 2).ask(12, &request).await;
    let diverging = &only(&response).diverging_epoch;
    assert_eq!((diverging.epoch, diverging.end_offset), (0, 2));
    let partitions = vec![OffsetForLeaderPartition { leader_epoch: 0, current_leader_epoch: 1, ..Default::default() }];
    let topics = vec![OffsetForLeaderTopic { topic: "t".into(), partitions, ..Default::default() }];
    let request = OffsetForLeaderEpochRequest { topics, ..Default::default() };
    let answer = connect(&broker, 2).ask(4, &request).await;
    let found = &answer.topics[0].partitions[0];
    assert_eq!((found.error_code, found.leader_epoch, found.end_offset), (0, 0, 2));
    let answer = connect(&broker, 3).ask(4, &request).await;
    assert_eq!(answer.topics[0].partitions[0].error_code, 6);

    broker.restart_broker(1).unwrap();
    assert_eq!(status(&broker).isr, [2, 3], "it has to catch up first");
    broker.replicate("t", 0).unwrap();
    assert_eq!((status(&broker).isr, status(&broker).replicas), (vec![1, 2, 3], vec![(1, 3), (2, 3), (3, 3)]));
}

#[tokio::test(start_paused = true)]
async fn the_producers_state_moves_and_is_truncated_with_the_log() {
    let broker = three().start().unwrap();
    broker.hold_replication(true);
    let numbered = |sequence: i32| {
        batch_with(&[NOW], |header| {
            (header.producer_id, header.producer_epoch, header.base_sequence) = (7, 0, sequence);
        })
    };
    assert_eq!(produce_batch(&broker, 1, -1, numbered(0)).await.error_code, 0);
    assert_eq!(produce_batch(&broker, 1, 1, numbered(1)).await.base_offset, 1);
    assert_eq!(produce_batch(&broker, 1, 1, numbered(1)).await.base_offset, 1, "a duplicate");
    broker.move_leader("t", 0, 3).unwrap();
    assert_eq!(produce_batch(&broker, 3, -1, numbered(2)).await.error_code, 45, "1 is gone");
    assert_eq!(produce_batch(&broker, 3, -1, numbered(1)).await.base_offset, 1);
    assert_eq!(produce_batch(&broker, 3, -1, numbered(0)).await.base_offset, 0, "a duplicate, still known");
    assert_eq!(broker.stored_batches("t", 0).unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn without_an_in_sync_replica_nobody_leads() {
    let broker = three().start().unwrap();
    for node in [1, 2] {
        assert_eq!(produce(&broker, node, -1).await.error_code, 0);
        broker.stop_broker(node).unwrap();
    }
    assert_eq!(produce(&broker, 3, -1).await.base_offset, 2);
    broker.isolate(3).unwrap();
    assert_eq!((status(&broker).leader, status(&broker).isr), (None, vec![3]));
    broker.restart_broker(1).unwrap();
    let seen = metadata(&broker, 1).await;
    let partition = &seen.topics[0].partitions[0];
    assert_eq!((partition.error_code, partition.leader_id, partition.offline_replicas.as_slice()), (5, -1, &[2, 3][..]));
    assert_eq!(produce(&broker, 1, 1).await.error_code, 6);
    broker.heal(3).unwrap();
    assert_eq!((status(&broker).leader, status(&broker).isr), (Some(3), vec![1, 3]));
    assert_eq!(fetch(&broker, 1, 0).await, Ok(vec![0, 1, 2]));
}

#[tokio::test(start_paused = true)]
async fn an_unclean_election_truncates_what_consumers_have_seen() {
    let broker = three().config("unclean.leader.election.enable", "true").unwrap().start().unwrap();
    assert_eq!(produce(&broker, 1, -1).await.base_offset, 0);
    broker.hold_replication(true);
    assert_eq!(produce(&broker, 1, 1).await.base_offset, 1);
    broker.shrink_isr("t", 0).unwrap();
    assert_eq!((status(&broker).isr, status(&broker).high_watermark), (vec![1], 2));
    assert_eq!(fetch(&broker, 1, 0).await, Ok(vec![0, 1]));
    broker.stop_broker(1).unwrap();
    let now = status(&broker);
    assert_eq!((now.leader, now.isr, now.high_watermark, now.log_end_offset), (Some(2), vec![2], 1, 1));
    assert_eq!(fetch(&broker, 2, 2).await, Err(1));
    let mut request = fetch_request(2);
    request.topics[0].partitions[0] = FetchPartition { last_fetched_epoch: 0, ..request.topics[0].partitions[0].clone() };
    let response = connect(&broker, 2).ask(12, &request).await;
    assert_eq!((only(&response).diverging_epoch.epoch, only(&response).diverging_epoch.end_offset), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn too_few_in_sync_replicas_refuse_acks_all_only() {
    let broker = three().config("min.insync.replicas", "2").unwrap().start().unwrap();
    broker.stop_broker(2).unwrap();
    assert_eq!(produce(&broker, 1, -1).await.error_code, 0);
    broker.stop_broker(3).unwrap();
    let refused = produce(&broker, 1, -1).await;
    assert_eq!(refused.error_code, 19);
    assert!(refused.error_message.unwrap().contains("min.isr requirement of 2"));
    assert_eq!(produce(&broker, 1, 1).await.base_offset, 1);
    broker.restart_broker(3).unwrap();
    assert_eq!(produce(&broker, 1, -1).await.base_offset, 2);
}

#[tokio::test(start_paused = true)]
async fn a_long_poll_hears_of_a_new_leader_and_of_the_high_watermark() {
    let broker = three().start().unwrap();
    broker.hold_replication(true);
    assert_eq!(produce(&broker, 1, 1).await.base_offset, 0);
    let mut consumer = connect(&broker, 1);
    let mut request = fetch_request(0);
    request.max_wait_ms = 3_600_000;
    consumer.send(12, &request).await;
    tokio::task::yield_now().await;
    broker.replicate("t", 0).unwrap();
    assert_eq!(offsets(only(&consumer.receive::<FetchRequest>(12).await)), [0]);

    request.topics[0].partitions[0].fetch_offset = 1;
    request.topics[0].partitions[0].current_leader_epoch = 0;
    consumer.send(12, &request).await;
    tokio::task::yield_now().await;
    broker.move_leader("t", 0, 2).unwrap();
    assert_eq!(only(&consumer.receive::<FetchRequest>(12).await).error_code, 74);
}
