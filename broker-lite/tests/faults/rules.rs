//! Which requests a rule strikes, and how often.

use ottla_broker::{ApiKey, Broker, Effect, Error, ErrorCode, Rule};
use ottla_protocol::Text;
use ottla_protocol::messages::{FetchRequest, MetadataRequest, ProduceRequest};
use ottla_protocol::record::split_batches;

use crate::async_peer::AsyncPeer;
use crate::peer::{batch, produce_request};
use crate::setup::{NOW, connect, fetch_request, only, produce, three};

fn fail(rule: Rule) -> Rule {
    Rule { api: Some(ApiKey::Produce), effect: Effect::Error { code: ErrorCode::RequestTimedOut, applied: false }, ..rule }
}

fn any() -> Rule {
    fail(Rule::new(Effect::WrongCrc))
}

async fn ask(peer: &mut AsyncPeer, request: &ProduceRequest) -> i16 {
    peer.ask(12, request).await.responses[0].partition_responses[0].error_code
}

#[tokio::test(start_paused = true)]
async fn each_condition_has_to_hold() {
    let broker = three().start().unwrap();
    let first = produce_request("t", -1, batch(&[NOW]));
    let mut named = first.clone();
    named.transactional_id = Some("tx".into());
    let mut peer = connect(&broker, 1);
    let cases: [(Rule, bool); 12] = [
        (any(), true),
        (Rule { topic: Some("t".into()), ..any() }, true),
        (Rule { topic: Some("u".into()), ..any() }, false),
        (Rule { partition: Some(0), ..any() }, true),
        (Rule { topic: Some("t".into()), partition: Some(1), ..any() }, false),
        (Rule { client_id: Some("test".into()), ..any() }, true),
        (Rule { client_id: Some("other".into()), ..any() }, false),
        (Rule { broker: Some(1), connection: Some(1), ..any() }, true),
        (Rule { broker: Some(2), ..any() }, false),
        (Rule { connection: Some(2), ..any() }, false),
        (Rule { group: Some("g".into()), ..any() }, false),
        (Rule { transactional_id: Some("tx".into()), ..any() }, false),
    ];
    for (rule, strikes) in cases {
        let id = broker.add_fault(rule.clone()).unwrap();
        assert_eq!(ask(&mut peer, &first).await, if strikes { 7 } else { 0 }, "{rule:?}");
        let removed = broker.remove_fault(id).unwrap();
        assert_eq!((removed.hits, removed.matched), (u64::from(strikes), u64::from(strikes)), "{rule:?}");
    }
    broker.add_fault(Rule { transactional_id: Some("tx".into()), ..any() }).unwrap();
    assert_eq!((ask(&mut peer, &named).await, ask(&mut peer, &first).await), (7, 0));
    assert!(broker.remove_fault(ottla_broker::RuleId(999)).is_none());
}

#[tokio::test(start_paused = true)]
async fn some_are_skipped_and_only_some_struck() {
    let broker = three().start().unwrap();
    let id = broker.add_fault(Rule { skip: 2, times: Some(3), ..any() }).unwrap();
    let mut struck = Vec::new();
    for _ in 0..8 {
        struck.push(produce(&broker, 1, -1).await.error_code);
    }
    assert_eq!(struck, [0, 0, 7, 7, 7, 0, 0, 0]);
    let status = &broker.faults()[0];
    assert_eq!((status.id, status.hits, status.matched), (id, 3, 5));
    assert_eq!((broker.clear_faults().len(), broker.faults().len(), broker.fault_hits(id)), (1, 0, 0));
    assert_eq!(produce(&broker, 1, -1).await.error_code, 0);
}

#[tokio::test(start_paused = true)]
async fn chance_comes_from_the_seed() {
    async fn run(seed: u64, rules_before: usize) -> Vec<i16> {
        let broker = three().seed(seed).start().unwrap();
        for _ in 0..rules_before {
            broker.add_fault(Rule { broker: Some(3), probability: 0.5, ..any() }).unwrap();
        }
        broker.add_fault(Rule { probability: 0.5, ..any() }).unwrap();
        let mut peer = connect(&broker, 1);
        let request = produce_request("t", 1, batch(&[NOW]));
        let mut codes = Vec::new();
        for _ in 0..64 {
            codes.push(ask(&mut peer, &request).await);
        }
        codes
    }
    let first = run(1, 0).await;
    let struck = first.iter().filter(|code| **code == 7).count();
    assert!((10..=54).contains(&struck), "{struck} of 64");
    assert_eq!(run(1, 0).await, first);
    assert_ne!(run(2, 0).await, first);
    assert_ne!(run(1, 1).await, first, "each rule has its own stream");
}

#[tokio::test(start_paused = true)]
async fn rules_that_cannot_be_are_refused() {
    let broker = three().start().unwrap();
    let rule = Rule::on(ApiKey::DescribeCluster, Effect::Error { code: ErrorCode::RequestTimedOut, applied: false });
    let error = broker.add_fault(rule).unwrap_err();
    assert!(matches!(&error, Error::Fault(why) if why.contains("DescribeCluster")), "{error}");
    assert!(broker.faults().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_fetch_names_what_its_session_has_and_topics_by_id() {
    let broker = three().start().unwrap();
    produce(&broker, 1, -1).await;
    let mut peer = connect(&broker, 1);
    let id = peer.ask(12, &MetadataRequest { topics: None, ..Default::default() }).await.topics[0].topic_id;
    let mut opening = fetch_request(0);
    (opening.session_epoch, opening.topics[0].topic, opening.topics[0].topic_id) = (0, Text::default(), id);
    let opened = peer.ask(13, &opening).await;
    let effect = Effect::Error { code: ErrorCode::KafkaStorageError, applied: false };
    let rule = Rule { topic: Some("t".into()), partition: Some(0), ..Rule::on(ApiKey::Fetch, effect) };
    broker.add_fault(rule.once()).unwrap();
    let next = FetchRequest { topics: Vec::new(), session_id: opened.session_id, session_epoch: 1, ..opening.clone() };
    assert_eq!(only(&peer.ask(13, &next).await).error_code, 56);
}

async fn crcs(broker: &Broker, version: i16) -> Vec<bool> {
    let mut peer = connect(broker, 1);
    let id = peer.ask(12, &MetadataRequest { topics: None, ..Default::default() }).await.topics[0].topic_id;
    let mut request = fetch_request(0);
    request.topics[0].topic_id = id;
    let response = peer.ask(version, &request).await;
    let records = only(&response).records.clone().unwrap().to_bytes();
    split_batches(&records).map(|batch| ottla_protocol::record::verify_crc(&batch.unwrap().bytes).is_ok()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_batch_comes_with_a_wrong_crc() {
    let broker = three().start().unwrap();
    let id = broker.add_fault(Rule { topic: Some("t".into()), times: Some(2), ..Rule::new(Effect::WrongCrc) }).unwrap();
    assert_eq!(crcs(&broker, 12).await, [true; 0], "there is nothing to strike yet");
    for _ in 0..2 {
        produce(&broker, 1, -1).await;
    }
    assert_eq!(crcs(&broker, 12).await, [false, true]);
    assert_eq!(crcs(&broker, 13).await, [false, true]);
    assert_eq!(crcs(&broker, 12).await, [true, true], "what is stored is whole");
    assert_eq!(broker.fault_hits(id), 2);
}
