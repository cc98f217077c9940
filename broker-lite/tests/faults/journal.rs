//! The journal of the requests seen.

use std::time::Duration;

use ottla_broker::{ApiKey, Broker};
use ottla_protocol::messages::{EndTxnRequest, FetchRequest, MetadataRequest, ProduceRequest};

use crate::peer::{Peer, batch, produce_request};
use crate::setup::{NOW, connect, fetch_request, produce, three};

#[tokio::test(start_paused = true)]
async fn it_is_off_until_asked_for_and_keeps_the_last_ones() {
    let broker = three().start().unwrap();
    let journal = broker.journal();
    produce(&broker, 1, -1).await;
    assert!(journal.entries().is_empty());
    journal.keep(3);
    tokio::time::advance(Duration::from_secs(5)).await;
    produce(&broker, 1, 1).await;
    let mut peer = connect(&broker, 2);
    peer.ask(12, &fetch_request(0)).await;
    peer.send(3, &EndTxnRequest::default()).await;
    assert!(peer.receive_frame().await.is_none(), "it is not served, and seen all the same");

    let entries = journal.entries();
    let seen: Vec<_> = entries.iter().map(|it| (it.number, it.api, it.version, it.broker, it.connection)).collect();
    assert_eq!(seen, [(1, ApiKey::Produce, 12, 1, 2), (2, ApiKey::Fetch, 12, 2, 3), (3, ApiKey::EndTxn, 3, 2, 3)],);
    assert_eq!((entries[0].client_id.as_deref(), entries[0].correlation_id, entries[0].at_ms), (Some("test"), 7, NOW + 5000));
    let produced = entries[0].decode::<ProduceRequest>().unwrap();
    assert_eq!((produced.acks, produced.topic_data[0].name.as_str()), (1, "t"));
    assert_eq!(produced.topic_data[0].partition_data[0].records, None, "records are not kept");
    assert!(entries[0].decode::<FetchRequest>().is_none());
    assert_eq!(entries[1].decode::<FetchRequest>().unwrap().topics[0].topic, "t");

    produce(&broker, 1, -1).await;
    assert_eq!(journal.entries().iter().map(|entry| entry.number).collect::<Vec<_>>(), [2, 3, 4]);
    assert_eq!(journal.count(|entry| entry.api == ApiKey::Produce), 1);
    journal.keep(1);
    assert_eq!(journal.entries().len(), 1);
    journal.clear();
    journal.keep(0);
    produce(&broker, 1, -1).await;
    assert!(journal.entries().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_test_waits_for_a_request() {
    let broker = three().journal(10).start().unwrap();
    let journal = broker.journal();
    let is_fetch = |entry: &ottla_broker::JournalEntry| entry.api == ApiKey::Fetch;
    let begun = tokio::time::Instant::now();
    assert!(journal.wait_for(Duration::from_secs(9), is_fetch).await.is_none());
    assert_eq!(begun.elapsed(), Duration::from_secs(9));

    let waiting = journal.clone();
    let waiter = tokio::spawn(async move { waiting.wait_for(Duration::from_secs(9), is_fetch).await });
    produce(&broker, 1, -1).await;
    connect(&broker, 1).ask(12, &fetch_request(0)).await;
    assert_eq!(waiter.await.unwrap().unwrap().number, 2);
    // What is there already counts.
    assert_eq!(journal.wait_for(Duration::ZERO, is_fetch).await.unwrap().number, 2);
}

#[test]
fn a_thread_waits_for_a_request() {
    let broker = Broker::builder().topic("t", 1).start().unwrap();
    let journal = broker.journal();
    journal.keep(10);
    let waiting = journal.clone();
    let waiter =
        std::thread::spawn(move || waiting.wait_for_blocking(Duration::from_secs(60), |entry| entry.api == ApiKey::Produce));
    let mut peer = Peer::connect(&broker);
    peer.ask(12, &MetadataRequest::default());
    peer.ask(12, &produce_request("t", -1, batch(&[ottla_broker::Clock::system().now_ms()])));
    assert_eq!(waiter.join().unwrap().unwrap().number, 2);
    assert!(journal.wait_for_blocking(Duration::from_millis(1), |entry| entry.api == ApiKey::Fetch).is_none());
}
