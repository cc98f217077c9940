//! What clients and consumers count, against the bundled broker.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test ends at what it does not expect")]

use std::time::Duration;

use ottla::{Client, Record};
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
