//! Metadata as it was.

use ottla_broker::{Broker, Effect, Rule};
use ottla_protocol::messages::metadata::MetadataRequestTopic;
use ottla_protocol::messages::{DeleteTopicsRequest, MetadataRequest, MetadataResponse};

use crate::setup::{connect, metadata, three};

async fn stale(broker: &Broker, versions: usize) -> MetadataResponse {
    let id = broker.add_fault(Rule::new(Effect::StaleMetadata { versions })).unwrap();
    let seen = metadata(broker, 3).await;
    assert_eq!(broker.remove_fault(id).unwrap().hits, 1);
    seen
}

#[tokio::test(start_paused = true)]
async fn each_version_is_shown_as_it_was() {
    let broker = three().start().unwrap();
    let mut versions = vec![metadata(&broker, 3).await];
    for change in 0..9 {
        match change {
            0 => broker.move_leader("t", 0, 2).unwrap(),
            1 => broker.create_topic("u", 2).unwrap(),
            2 => broker.stop_broker(2).unwrap(),
            3 => broker.move_controller(3).unwrap(),
            4 => broker.isolate(1).unwrap(),
            5 => {
                let request = DeleteTopicsRequest { topic_names: vec!["t".into()], ..Default::default() };
                assert_eq!(connect(&broker, 3).ask(5, &request).await.responses[0].error_code, 0);
            }
            6 => broker.restart_broker(2).unwrap(),
            7 => broker.create_topic("t", 1).unwrap(),
            _ => broker.heal(1).unwrap(),
        }
        versions.push(metadata(&broker, 3).await);
    }
    for (back, expected) in versions.iter().rev().enumerate().skip(1) {
        assert_eq!(stale(&broker, back).await, *expected, "{back} versions before");
    }
    // No more than what is known can be undone.
    assert_eq!(stale(&broker, 32).await.topics.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_topic_asked_for_by_name_was_not_there_or_another_one() {
    let broker = three().start().unwrap();
    let before = metadata(&broker, 1).await.topics[0].topic_id;
    let mut peer = connect(&broker, 1);
    let delete = DeleteTopicsRequest { topic_names: vec!["t".into()], ..Default::default() };
    peer.ask(5, &delete).await;
    broker.create_topic("t", 1).unwrap();
    let topics = Some(vec![MetadataRequestTopic { name: Some("t".into()), ..Default::default() }]);
    let request = MetadataRequest { topics, ..Default::default() };
    let now = peer.ask(12, &request).await.topics[0].topic_id;
    assert_ne!(before, now);
    for (versions, code, id) in [(1, 3, Default::default()), (2, 0, before)] {
        broker.add_fault(Rule::new(Effect::StaleMetadata { versions }).once()).unwrap();
        let topic = peer.ask(12, &request).await.topics.remove(0);
        assert_eq!((topic.error_code, topic.topic_id, topic.name.as_deref()), (code, id, Some("t")));
    }
}
