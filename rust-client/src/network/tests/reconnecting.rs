//! Connections that end as soon as they begin, with no wait configured between them: time still passes.

use ottla_broker::{ApiKey, Effect, Rule};

use super::*;

/// Between two connections for one purpose, whatever is configured.
const SHORTEST: Duration = Duration::from_millis(10);

fn hasty(network: &Arc<Network>, servers: &str) -> ClientBuilder {
    let mut builder = client(network, servers);
    for (name, value) in [
        ("reconnect.backoff.ms", "0"),
        ("reconnect.backoff.max.ms", "0"),
        ("retry.backoff.ms", "1"),
        ("retry.backoff.max.ms", "1"),
        ("delivery.timeout.ms", "60000"),
        ("request.timeout.ms", "30000"),
        ("linger.ms", "0"),
    ] {
        builder = builder.set(name, value).unwrap();
    }
    builder
}

/// At most so many connections of one purpose fit into the time.
fn at_most(elapsed: Duration, purposes: u32) -> u32 {
    u32::try_from(elapsed.as_millis() / SHORTEST.as_millis()).unwrap() * purposes + purposes
}

#[tokio::test(start_paused = true)]
async fn nobody_there_and_no_backoff() {
    let (broker, network) = broker(1);
    let client = hasty(&network, "broker-1:9092").connect().await.unwrap();
    client.admin().create_topic(NewTopic::new("t").partitions(1)).await.unwrap();
    let producer = client.producer().unwrap();
    producer.send(Record::to("t").value("1")).await.unwrap().await.unwrap();
    let consumer = client.consumer().unwrap();
    consumer.assign([("t", 0, crate::StartAt::End)]);
    assert!(consumer.next_timeout(Duration::from_secs(1)).await.unwrap().is_none());
    broker.stop_broker(1).unwrap();
    let (begun, before) = (Instant::now(), network.connects.load(Ordering::SeqCst));
    let error = producer.send(Record::to("t").value("2")).await.unwrap().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MsgTimedOut, "{error}");
    // The broker's three purposes, and the bootstrap server.
    let connects = network.connects.load(Ordering::SeqCst) - before;
    assert!((100..=at_most(begun.elapsed(), 4)).contains(&connects), "{connects} in {:?}", begun.elapsed());
    // And the other side of it: found again at once.
    broker.restart_broker(1).unwrap();
    let begun = Instant::now();
    producer.send(Record::to("t").value("3")).await.unwrap().await.unwrap();
    assert!(begun.elapsed() <= Duration::from_millis(100), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_shakes_hands_and_hangs_up() {
    let (broker, network) = broker(1);
    let client = hasty(&network, "broker-1:9092").connect().await.unwrap();
    client.admin().create_topic(NewTopic::new("t").partitions(1)).await.unwrap();
    let rule = broker.add_fault(Rule::on(ApiKey::Produce, Effect::Close { applied: false })).unwrap();
    let producer = client.producer().unwrap();
    let (begun, before) = (Instant::now(), network.connects.load(Ordering::SeqCst));
    let error = producer.send(Record::to("t").value("1")).await.unwrap().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MsgTimedOut, "{error}");
    let connects = network.connects.load(Ordering::SeqCst) - before;
    assert!((100..=at_most(begun.elapsed(), 1)).contains(&connects), "{connects} in {:?}", begun.elapsed());
    broker.remove_fault(rule).unwrap();
    producer.send(Record::to("t").value("2")).await.unwrap().await.unwrap();
}
