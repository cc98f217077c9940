//! Consumers that read from a replica in their rack (KIP-392).

use ottla_protocol::messages::list_offsets::{ListOffsetsPartition, ListOffsetsTopic};
use ottla_protocol::messages::{FetchRequest, ListOffsetsRequest};

use crate::setup::{connect, fetch, fetch_request, offsets, only, produce, three};

fn from_rack(rack: &str, offset: i64) -> FetchRequest {
    FetchRequest { rack_id: rack.into(), ..fetch_request(offset) }
}

#[tokio::test(start_paused = true)]
async fn the_leader_names_a_replica_in_the_consumers_rack() {
    let selector = "org.apache.kafka.common.replica.RackAwareReplicaSelector";
    let broker = three().config("replica.selector.class", selector).unwrap().start().unwrap();
    produce(&broker, 1, -1).await;
    let mut leader = connect(&broker, 1);
    for (rack, preferred) in [("a", -1), ("b", 2), ("c", 3), ("d", -1), ("", -1)] {
        let mut request = from_rack(rack, 0);
        // It does not wait before it says so.
        (request.max_wait_ms, request.min_bytes) = (3_600_000, if preferred < 0 { 1 } else { 1 << 20 });
        let response = leader.ask(12, &request).await;
        let data = only(&response);
        assert_eq!((data.preferred_read_replica, offsets(data).len()), (preferred, usize::from(preferred < 0)), "{rack}");
        assert_eq!((data.error_code, data.high_watermark), (0, 1));
    }
    assert_eq!(fetch(&broker, 2, 0).await, Ok(vec![0]));
    // What is not in sync, or does not have the offset, is not named.
    broker.hold_replication(true);
    produce(&broker, 1, 1).await;
    assert_eq!(only(&leader.ask(12, &from_rack("b", 2)).await).preferred_read_replica, -1);
    assert_eq!(only(&leader.ask(12, &from_rack("b", 1)).await).preferred_read_replica, 2);
    broker.shrink_isr("t", 0).unwrap();
    assert_eq!(only(&leader.ask(12, &from_rack("b", 1)).await).preferred_read_replica, -1);
    assert_eq!(fetch(&broker, 2, 1).await, Ok(vec![]), "it has not got it yet");
    broker.replicate("t", 0).unwrap();
    assert_eq!(fetch(&broker, 2, 1).await, Ok(vec![1]));
}

#[tokio::test(start_paused = true)]
async fn without_the_selector_the_leader_answers_itself() {
    let broker = three().start().unwrap();
    produce(&broker, 1, -1).await;
    let response = connect(&broker, 1).ask(12, &from_rack("b", 0)).await;
    assert_eq!((only(&response).preferred_read_replica, offsets(only(&response))), (-1, vec![0]));
}

#[tokio::test(start_paused = true)]
async fn offsets_end_at_the_high_watermark_and_come_from_the_leader() {
    let broker = three().start().unwrap();
    produce(&broker, 1, -1).await;
    broker.hold_replication(true);
    produce(&broker, 1, 1).await;
    for (timestamp, offset) in [(-1, 1), (-2, 0), (0, 0)] {
        let partitions = vec![ListOffsetsPartition { timestamp, ..Default::default() }];
        let topics = vec![ListOffsetsTopic { name: "t".into(), partitions, ..Default::default() }];
        let request = ListOffsetsRequest { replica_id: -1, topics, ..Default::default() };
        let found = connect(&broker, 1).ask(5, &request).await;
        let partition = &found.topics[0].partitions[0];
        assert_eq!((partition.error_code, partition.offset), (0, offset));
        let refused = connect(&broker, 3).ask(5, &request).await;
        assert_eq!(refused.topics[0].partitions[0].error_code, 6);
    }
}
