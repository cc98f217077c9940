//! What clients and consumers count, and what a client's observer is told, against the bundled broker.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test ends at what it does not expect")]

use std::sync::Arc;
use std::time::Duration;

use ottla::{Client, ClientEvent, ErrorKind, Record, StartAt, TopicPartition};
use ottla_broker::{ApiKey, Broker, Effect, Rule};

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

#[tokio::test]
async fn an_observer_is_told_of_brokers_that_go_and_come_of_throttling_and_of_the_time_for_statistics() {
    let broker = Broker::builder().topic("orders", 1).start().unwrap();
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let properties = [
        ("bootstrap.servers", broker.bootstrap_servers()),
        ("statistics.interval.ms", "20"),
        ("topic.metadata.refresh.interval.ms", "20"),
        ("reconnect.backoff.max.ms", "50"),
    ];
    let mut builder = Client::builder().observer(Arc::new(move |event| drop(tell.send(event))));
    for (name, value) in properties {
        builder = builder.set(name, value).unwrap();
    }
    let client = builder.connect().await.unwrap();
    let mut until = async |wanted: fn(&ClientEvent) -> bool| {
        let found = tokio::time::timeout(Duration::from_secs(20), async {
            loop {
                let event = told.recv().await.unwrap();
                if wanted(&event) {
                    return event;
                }
            }
        });
        found.await.expect("the event in time")
    };
    until(|event| matches!(event, ClientEvent::StatisticsDue)).await;
    broker.add_fault(Rule::on(ApiKey::Produce, Effect::Throttle { ms: 7 }).once()).unwrap();
    let producer = client.producer().unwrap();
    producer.send(Record::to("orders").value("1")).await.unwrap().await.unwrap();
    let throttled = until(|event| matches!(event, ClientEvent::Throttled { .. })).await;
    assert!(matches!(throttled, ClientEvent::Throttled { broker: 1, time } if time.as_millis() == 7), "{throttled:?}");
    broker.stop_broker(1).unwrap();
    let ClientEvent::BrokerDown(error) = until(|event| matches!(event, ClientEvent::BrokerDown(_))).await else { unreachable!() };
    assert!(error.broker().is_some(), "{error}");
    let down = until(|event| matches!(event, ClientEvent::AllBrokersDown(_))).await;
    assert!(matches!(&down, ClientEvent::AllBrokersDown(error) if error.kind() == ErrorKind::AllBrokersDown), "{down:?}");
    broker.restart_broker(1).unwrap();
    until(|event| matches!(event, ClientEvent::BrokersUp)).await;
}
