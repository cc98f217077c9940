//! What happens to answers and connections.

use std::time::Duration;

use ottla_broker::{ApiKey, Broker, Effect, Rule};
use ottla_protocol::messages::{ApiVersionsRequest, MetadataRequest, ProduceRequest};
use tokio::io::AsyncReadExt;
use tokio::time::Instant;

use crate::peer::{Peer, batch, produce_request};
use crate::setup::{NOW, connect, status, three};

fn on_produce(effect: Effect) -> Rule {
    Rule::on(ApiKey::Produce, effect).once()
}

fn request() -> ProduceRequest {
    produce_request("t", -1, batch(&[NOW]))
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_closed_before_or_after_the_request_was_applied() {
    let broker = three().start().unwrap();
    for (applied, end) in [(false, 0), (true, 1)] {
        broker.add_fault(on_produce(Effect::Close { applied })).unwrap();
        let mut peer = connect(&broker, 1);
        peer.send(12, &request()).await;
        assert!(peer.receive_frame().await.is_none());
        assert_eq!(status(&broker).log_end_offset, end);
    }
}

#[test]
fn it_is_closed_over_tcp_too() {
    let broker = Broker::builder().topic("t", 1).start().unwrap();
    broker.add_fault(on_produce(Effect::Close { applied: true })).unwrap();
    broker.add_fault(Rule::on(ApiKey::Metadata, Effect::Truncate { keep: 9 }).once()).unwrap();
    let mut peer = Peer::connect(&broker);
    peer.send(12, &request());
    assert!(peer.receive_frame().is_none());
    assert_eq!(status(&broker).log_end_offset, 1);
    let mut peer = Peer::connect(&broker);
    peer.send(12, &MetadataRequest::default());
    let mut received = Vec::new();
    std::io::Read::read_to_end(&mut peer.0, &mut received).unwrap();
    assert_eq!(received.len(), 9);
}

#[tokio::test(start_paused = true)]
async fn a_connection_goes_silent_and_the_others_do_not() {
    let broker = three().start().unwrap();
    for (applied, end) in [(false, 0), (true, 1)] {
        broker.add_fault(on_produce(Effect::Silence { applied })).unwrap();
        let mut peer = connect(&broker, 1);
        peer.send(12, &request()).await;
        peer.send(12, &request()).await;
        let heard = tokio::time::timeout(Duration::from_secs(3600), peer.receive_frame()).await;
        assert!(heard.is_err(), "an answer, or the connection was closed");
        assert_eq!(status(&broker).log_end_offset, end);
        assert_eq!(connect(&broker, 1).ask(12, &MetadataRequest::default()).await.error_code, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn requests_or_answers_are_delayed() {
    let broker = three().start().unwrap();
    for (applied, end_meanwhile) in [(false, 0), (true, 2)] {
        broker.add_fault(on_produce(Effect::Delay { ms: 5000, applied })).unwrap();
        let mut peer = connect(&broker, 1);
        let begun = Instant::now();
        peer.send(12, &request()).await;
        tokio::time::sleep(Duration::from_millis(4999)).await;
        assert_eq!(status(&broker).log_end_offset, end_meanwhile);
        let response = peer.receive::<ProduceRequest>(12).await;
        assert_eq!(response.responses[0].partition_responses[0].error_code, 0);
        assert_eq!(begun.elapsed(), Duration::from_millis(5000));
    }
}

#[tokio::test(start_paused = true)]
async fn a_throttled_client_hears_of_it_first_and_waits_then() {
    let broker = three().start().unwrap();
    broker.add_fault(on_produce(Effect::Throttle { ms: 3000 })).unwrap();
    let mut peer = connect(&broker, 1);
    let begun = Instant::now();
    assert_eq!(peer.ask(12, &request()).await.throttle_time_ms, 3000);
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert_eq!(peer.ask(12, &request()).await.throttle_time_ms, 0);
    assert_eq!(begun.elapsed(), Duration::from_millis(3000));
}

#[tokio::test(start_paused = true)]
async fn every_api_can_be_throttled() {
    let broker = three().start().unwrap();
    broker.add_fault(Rule::new(Effect::Throttle { ms: 7 })).unwrap();
    let mut peer = connect(&broker, 1);
    let software: ottla_protocol::Text = "x".into();
    let request =
        ApiVersionsRequest { client_software_name: software.clone(), client_software_version: software, ..Default::default() };
    assert_eq!(peer.ask(3, &request).await.throttle_time_ms, 7);
    assert_eq!(peer.ask(12, &MetadataRequest::default()).await.throttle_time_ms, 7);
}

#[tokio::test(start_paused = true)]
async fn a_response_is_truncated() {
    let broker = three().start().unwrap();
    for (keep, arrives) in [(0, 0), (3, 3), (20, 20)] {
        broker.add_fault(on_produce(Effect::Truncate { keep })).unwrap();
        let mut peer = connect(&broker, 1);
        peer.send(12, &request()).await;
        let mut received = Vec::new();
        peer.0.read_to_end(&mut received).await.unwrap();
        assert_eq!(received.len(), arrives);
    }
    broker.add_fault(on_produce(Effect::Truncate { keep: usize::MAX })).unwrap();
    let mut peer = connect(&broker, 1);
    peer.send(12, &request()).await;
    let mut received = Vec::new();
    peer.0.read_to_end(&mut received).await.unwrap();
    let claimed = u32::from_be_bytes(received[..4].try_into().unwrap()) as usize;
    assert_eq!(received.len(), 4 + claimed - 1, "all but one");
    assert_eq!(status(&broker).log_end_offset, 4, "each was applied");
}

#[tokio::test(start_paused = true)]
async fn bits_of_a_response_are_flipped() {
    let broker = three().start().unwrap();
    let mut peer = connect(&broker, 1);
    let mut answers = Vec::new();
    for bits in [None, Some(1), Some(1), None] {
        if let Some(bits) = bits {
            broker.add_fault(Rule::on(ApiKey::Metadata, Effect::Corrupt { bits }).once()).unwrap();
        }
        peer.send(12, &MetadataRequest { topics: None, ..Default::default() }).await;
        answers.push(peer.receive_frame().await.unwrap());
    }
    let differing = |a: &[u8], b: &[u8]| a.iter().zip(b).map(|(a, b)| (a ^ b).count_ones()).sum::<u32>();
    assert!(answers.iter().all(|answer| answer.len() == answers[0].len()));
    let flipped: Vec<u32> = answers.iter().map(|answer| differing(answer, &answers[0])).collect();
    assert_eq!(flipped, [0, 1, 1, 0]);
    assert_ne!(answers[1], answers[2]);
}
