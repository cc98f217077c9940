//! A broker without sockets, on the runtime and the time of a test.

use std::io::ErrorKind;
use std::time::Duration;

use ottla_broker::{Broker, Clock};
use ottla_protocol::messages::fetch::{FetchPartition, FetchTopic};
use ottla_protocol::messages::{FetchRequest, MetadataRequest};
use ottla_protocol::record::split_batches;
use tokio::time::Instant;

use crate::async_peer::AsyncPeer;
use crate::peer::{batch, produce_request};

const START_MS: i64 = 1_700_000_000_000;

fn fetch(fetch_offset: i64, max_wait_ms: i32) -> FetchRequest {
    let partitions = vec![FetchPartition { fetch_offset, partition_max_bytes: 1 << 20, ..Default::default() }];
    let topics = vec![FetchTopic { topic: "t".into(), partitions, ..Default::default() }];
    FetchRequest { max_wait_ms, min_bytes: 1, topics, ..Default::default() }
}

fn broker(seed: u64) -> Broker {
    Broker::builder().in_memory().seed(seed).clock(Clock::tokio(START_MS)).topic("t", 1).start().unwrap()
}

/// What a client hears, and when: everything that could differ between two runs.
async fn a_run(seed: u64) -> String {
    let broker = broker(seed);
    let begun = Instant::now();
    let mut heard = String::new();
    let mut peer = AsyncPeer(broker.connect_in_memory(1).unwrap());
    let mut other = AsyncPeer(broker.memory_connector().connect("broker-1", 9092).unwrap());
    heard += &format!("{:?}\n", peer.ask(12, &MetadataRequest { topics: None, ..Default::default() }).await);
    let mut opening = fetch(0, 0);
    opening.session_epoch = 0;
    heard += &format!("{:?}\n", other.ask(12, &opening).await);
    heard += &format!("{:?}\n", peer.ask(12, &produce_request("t", -1, batch(&[START_MS]))).await);
    for offset in [0, 1] {
        heard += &format!("{:?}\n", peer.ask(12, &fetch(offset, 700)).await);
        heard += &format!("{:?}\n", begun.elapsed());
    }
    heard
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_gives_the_same_run() {
    let (first, again, other) = (a_run(1).await, a_run(1).await, a_run(2).await);
    assert_eq!(first, again);
    assert_ne!(first, other);
}

#[tokio::test(start_paused = true)]
async fn a_paused_clock_drives_long_polls_timestamps_and_retention() {
    let builder = Broker::builder().in_memory().clock(Clock::tokio(START_MS)).topic("t", 1);
    let builder = builder.config("log.retention.check.interval.ms", "1000").unwrap();
    let broker = builder
        .config("log.retention.ms", "5000")
        .unwrap()
        .config("log.message.timestamp.type", "LogAppendTime")
        .unwrap()
        .start()
        .unwrap();
    let mut peer = AsyncPeer(broker.connect_in_memory(1).unwrap());
    let begun = Instant::now();
    assert_eq!(peer.ask(12, &fetch(0, 60_000)).await.responses[0].partitions[0].high_watermark, 0);
    assert_eq!(begun.elapsed(), Duration::from_secs(60));
    let produced = peer.ask(12, &produce_request("t", 1, batch(&[1]))).await;
    assert_eq!(produced.responses[0].partition_responses[0].log_append_time_ms, START_MS + 60_000);

    // A long poll ends when something comes, and retention when its time has come.
    let mut producer = AsyncPeer(broker.connect_in_memory(1).unwrap());
    peer.send(12, &fetch(1, 60_000)).await;
    producer.ask(12, &produce_request("t", 1, batch(&[1]))).await;
    let fetched = peer.receive::<FetchRequest>(12).await;
    let records = fetched.responses[0].partitions[0].records.clone().unwrap().to_bytes();
    assert_eq!(split_batches(&records).map(|batch| batch.unwrap().header.base_offset).collect::<Vec<_>>(), [1]);
    assert_eq!(begun.elapsed(), Duration::from_secs(60));
    peer.ask(12, &fetch(2, 10_000)).await;
    assert_eq!(peer.ask(12, &fetch(2, 0)).await.responses[0].partitions[0].log_start_offset, 2);
}

#[tokio::test(start_paused = true)]
async fn a_broker_in_memory_stops_restarts_and_goes_silent() {
    let broker = broker(1);
    let connector = broker.memory_connector();
    let mut peer = AsyncPeer(connector.connect_to(1).unwrap());
    let all = MetadataRequest { topics: None, ..Default::default() };
    assert_eq!(peer.ask(12, &all).await.brokers[0].host, "broker-1");
    for (host, port) in [("broker-2", 9092), ("broker-1", 9093)] {
        assert_eq!(connector.connect(host, port).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    }
    broker.stop_broker(1).unwrap();
    assert_eq!(connector.connect_to(1).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    assert!(peer.receive_frame().await.is_none());

    broker.restart_broker(1).unwrap();
    let mut peer = AsyncPeer(connector.connect_to(1).unwrap());
    assert_eq!(peer.ask(12, &all).await.topics.len(), 1);

    broker.isolate(1).unwrap();
    let mut late = AsyncPeer(connector.connect_to(1).unwrap());
    peer.send(12, &all).await;
    late.send(12, &all).await;
    let silence = tokio::time::timeout(Duration::from_secs(3600), peer.receive_frame()).await;
    assert!(silence.is_err(), "an isolated broker answered");
    broker.heal(1).unwrap();
    for mut peer in [peer, late] {
        assert_eq!(peer.receive::<MetadataRequest>(12).await.topics.len(), 1);
    }

    assert!(broker.stop_broker(9).unwrap_err().to_string().contains("id 9"));
    drop(broker);
    assert_eq!(connector.connect_to(1).unwrap_err().kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn without_a_runtime_there_is_nothing_to_run_on() {
    assert!(Broker::builder().in_memory().start().unwrap_err().to_string().contains("runtime"));
}

#[tokio::test(start_paused = true)]
async fn what_waited_for_an_isolated_broker_is_served_in_order() {
    let broker = Broker::builder().in_memory().journal(100).start().unwrap();
    broker.isolate(1).unwrap();
    let mut peers = Vec::new();
    for _ in 0..40 {
        let mut peer = AsyncPeer(broker.connect_in_memory(1).unwrap());
        peer.send(12, &MetadataRequest::default()).await;
        peers.push(peer);
    }
    // Long enough for each of them to get there.
    tokio::time::sleep(Duration::from_secs(1)).await;
    broker.heal(1).unwrap();
    for peer in &mut peers {
        peer.receive::<MetadataRequest>(12).await;
    }
    let served: Vec<u64> = broker.journal().entries().iter().map(|entry| entry.connection).collect();
    assert!(served.len() == 40 && served.is_sorted(), "{served:?}");
}
