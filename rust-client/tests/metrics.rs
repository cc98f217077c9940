//! What clients and consumers count, against the bundled broker.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test ends at what it does not expect")]

use std::time::Duration;

use ottla::{Client, Record, StartAt, TopicPartition};
use ottla_broker::Broker;

#[tokio::test]
async fn a_client_counts_connections_requests_and_metadata() {
    let broker = Broker::builder().topic("orders", 1).start().unwrap();
    let client = Client::connect(broker.bootstrap_servers()).await.unwrap();
    let first = client.metrics();
    assert_eq!((first.connections, first.connects, first.connection_failures), (1, 1, 0), "{first:?}");
    assert!(first.requests >= 1 && first.metadata_refreshes >= 1 && first.metadata_failures == 0, "{first:?}");
    let producer = client.producer().unwrap();
    producer.send(Record::to("orders").value("1")).await.unwrap().await.unwrap();
    let then = client.metrics();
    assert!(then.connections >= 2 && then.connects == then.connections, "produce has one of its own: {then:?}");
    assert!(then.requests > first.requests && then.request_timeouts == 0, "{then:?}");
}

#[tokio::test]
async fn a_client_counts_failed_attempts() {
    // A port that was free a moment ago; nobody listens.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let builder = Client::builder().set("bootstrap.servers", &format!("127.0.0.1:{port}")).unwrap();
    let client = builder.set("connect.timeout.ms", "300").unwrap().build().unwrap();
    // Asked until it shows, not for a time.
    let counted = tokio::time::timeout(Duration::from_secs(20), async {
        loop {
            let metrics = client.metrics();
            if metrics.connection_failures > 0 && metrics.metadata_failures > 0 {
                return metrics;
            }
            tokio::task::yield_now().await;
        }
    });
    let metrics = counted.await.unwrap();
    assert_eq!((metrics.connections, metrics.connects, metrics.metadata_refreshes), (0, 0, 0), "{metrics:?}");
}

#[tokio::test]
async fn a_consumer_counts_what_it_fetches_and_hands_out() {
    let broker = Broker::builder().topic("orders", 1).start().unwrap();
    let client = Client::connect(broker.bootstrap_servers()).await.unwrap();
    let producer = client.producer().unwrap();
    for _ in 0..10 {
        producer.send(Record::to("orders").value("12345")).await.unwrap().await.unwrap();
    }
    let consumer = client.consumer().unwrap();
    consumer.assign([("orders", 0, StartAt::Beginning)]);
    let mut records = 0;
    while records < 10 {
        records += consumer.next_timeout(Duration::from_secs(20)).await.unwrap().unwrap().records().count();
    }
    assert!(consumer.try_next().unwrap().is_none());
    let metrics = consumer.metrics();
    assert_eq!((metrics.records_fetched, metrics.records_consumed, metrics.bytes_held), (10, 10, 0), "{metrics:?}");
    assert_eq!(metrics.lag, [(TopicPartition::new("orders", 0), 0)]);
    assert!(metrics.fetch_requests > 0 && metrics.fetch_latency_p99.is_some(), "{metrics:?}");
    assert_eq!((metrics.errors, metrics.fetch_failures, metrics.throttle_time), (0, 0, Duration::ZERO));
}
