//! What is logged: a line for each change of state, never one for each retry.

use std::collections::BTreeMap;
use std::fmt::Write;

use ottla_broker::{ApiKey, Effect, ErrorCode, Rule};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record as SpanRecord};
use tracing::{Event, Level, Metadata, Subscriber};

use super::*;
use crate::StartAt;

/// Keeps the lines of the client and of core.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<(Level, String)>>>);

#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        match field.name() {
            "message" => write!(self.message, "{value:?}").unwrap(),
            name => write!(self.fields, " {name}={value:?}").unwrap(),
        }
    }
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let target = metadata.target();
        ["ottla", "ottla_core"].iter().any(|ours| target.split("::").next() == Some(ours))
    }
    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _span: &Id, _values: &SpanRecord<'_>) {}
    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut text = Text::default();
        event.record(&mut text);
        let line = format!("{}{}", text.message, text.fields);
        self.0.lock().unwrap().push((*event.metadata().level(), line));
    }
    fn enter(&self, _span: &Id) {}
    fn exit(&self, _span: &Id) {}
}

impl Lines {
    /// What was logged since the last call, by how each line begins and how many begin so.
    fn take(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for (level, line) in std::mem::take(&mut *self.0.lock().unwrap()) {
            println!("{level} {line}");
            let message = line.split_once('=').map_or(line.as_str(), |(first, _)| first.rsplit_once(' ').unwrap().0);
            *counts.entry(message.to_owned()).or_default() += 1;
        }
        counts
    }
}

fn of<const N: usize>(lines: [(&str, usize); N]) -> BTreeMap<String, usize> {
    lines.into_iter().map(|(line, count)| (line.to_owned(), count)).collect()
}

struct Rig {
    broker: Broker,
    client: Client,
    producer: crate::Producer,
    lines: Lines,
    _logging: tracing::subscriber::DefaultGuard,
}

impl Rig {
    async fn new(brokers: usize, properties: &[(&str, &str)]) -> Self {
        let lines = Lines::default();
        let logging = tracing::subscriber::set_default(lines.clone());
        let (broker, network) = broker(brokers);
        let mut builder = client(&network, "broker-1:9092");
        for (name, value) in properties {
            builder = builder.set(name, value).unwrap();
        }
        let client = builder.connect().await.unwrap();
        let producer = client.producer().unwrap();
        Self { broker, client, producer, lines, _logging: logging }
    }

    async fn topic(&self, partitions: i32) {
        self.client.admin().create_topic(NewTopic::new("t").partitions(partitions).replication_factor(1)).await.unwrap();
    }

    async fn send(&self, partition: i32) -> crate::Delivery {
        self.producer.send(Record::to("t").partition(partition).value("v")).await.unwrap()
    }
}

fn minutes(count: u64) -> tokio::time::Sleep {
    tokio::time::sleep(Duration::from_secs(60 * count))
}

#[tokio::test(start_paused = true)]
async fn a_good_day_takes_a_few_lines() {
    let rig = Rig::new(3, &[]).await;
    rig.topic(3).await;
    for round in 0..100 {
        rig.send(round % 3).await.await.unwrap();
    }
    minutes(60).await;
    rig.send(0).await.await.unwrap();
    rig.client.admin().list_topics().await.unwrap();
    assert_eq!(rig.lines.take(), of([("the cluster's brokers are known", 1), ("a producer id", 1)]));
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_is_gone_for_hours() {
    let rig = Rig::new(1, &[("delivery.timeout.ms", "3600000")]).await;
    rig.topic(1).await;
    rig.send(0).await.await.unwrap();
    let consumer = rig.client.consumer().unwrap();
    consumer.assign([("t", 0, StartAt::End)]);
    assert!(consumer.next_timeout(Duration::from_secs(1)).await.unwrap().is_none());
    rig.lines.take();
    rig.broker.stop_broker(1).unwrap();
    let delivery = rig.send(0).await;
    minutes(50).await;
    // For each purpose, and for the bootstrap server. What was tried in between, some hundred times, is silent.
    let attempts = rig.client.metrics().connection_failures;
    assert!(attempts > 200, "{attempts}");
    let down = rig.lines.take();
    assert_eq!(down, of([("no connection", 4), ("no metadata", 1)]));
    rig.broker.restart_broker(1).unwrap();
    delivery.await.unwrap();
    minutes(10).await;
    let up = rig.lines.take();
    assert_eq!(up.get("metadata again"), Some(&1), "{up:?}");
    assert!(up.get("connected again").is_some_and(|count| *count <= 4), "{up:?}");
    assert_eq!(up.len(), 2, "{up:?}");
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_answers_the_handshake_and_nothing_else() {
    for effect in [Effect::Close { applied: false }, Effect::Silence { applied: false }] {
        let rig = Rig::new(1, &[("delivery.timeout.ms", "3600000"), ("request.timeout.ms", "1000")]).await;
        rig.topic(1).await;
        rig.send(0).await.await.unwrap();
        rig.lines.take();
        let rule = rig.broker.add_fault(Rule::on(ApiKey::Produce, effect)).unwrap();
        let delivery = rig.send(0).await;
        minutes(20).await;
        assert!(rig.producer.metrics().retries > 300, "{:?}", rig.producer.metrics());
        let down = rig.lines.take();
        assert_eq!(
            down,
            of([("connection lost", 1), ("records are sent again until they are delivered or delivery.timeout.ms is over", 1)])
        );
        rig.broker.remove_fault(rule).unwrap();
        delivery.await.unwrap();
        minutes(1).await;
        assert_eq!(rig.lines.take(), of([("connected again", 1), ("no records wait to be sent again", 1)]));
    }
}

#[tokio::test(start_paused = true)]
async fn leaders_that_are_refused_lost_and_found() {
    let rig = Rig::new(2, &[("delivery.timeout.ms", "3600000")]).await;
    rig.topic(20).await;
    rig.send(0).await.await.unwrap();
    rig.lines.take();
    // Hundreds of refusals.
    let refusal = Effect::Error { code: ErrorCode::NotLeaderOrFollower, applied: false };
    let rule = rig.broker.add_fault(Rule::on(ApiKey::Produce, refusal.clone())).unwrap();
    let mut deliveries = Vec::new();
    for partition in 0..20 {
        deliveries.push(rig.send(partition).await);
    }
    minutes(10).await;
    assert!(rig.producer.metrics().retries > 5000, "{:?}", rig.producer.metrics());
    assert_eq!(rig.lines.take(), of([("records are sent again until they are delivered or delivery.timeout.ms is over", 1)]));
    rig.broker.remove_fault(rule).unwrap();
    for delivery in deliveries {
        delivery.await.unwrap();
    }
    minutes(1).await;
    assert_eq!(rig.lines.take(), of([("no records wait to be sent again", 1)]));
    // Every other one.
    let rule = Rule { probability: 0.5, ..Rule::on(ApiKey::Produce, refusal) };
    let rule = rig.broker.add_fault(rule).unwrap();
    for round in 0..300 {
        rig.send(round % 20).await.await.unwrap();
    }
    rig.broker.remove_fault(rule).unwrap();
    minutes(1).await;
    let half = rig.lines.take();
    assert_eq!(half.values().sum::<usize>(), 2, "{half:?}");
    // Half of the partitions lose their only replica, and get it back.
    rig.broker.stop_broker(2).unwrap();
    let mut deliveries = Vec::new();
    for partition in 0..20 {
        deliveries.push(rig.send(partition).await);
    }
    minutes(10).await;
    let lost = rig.lines.take();
    assert_eq!(lost.get("partitions have no leader"), Some(&1), "{lost:?}");
    assert!(lost.values().sum::<usize>() <= 4, "{lost:?}");
    rig.broker.restart_broker(2).unwrap();
    for delivery in deliveries {
        delivery.await.unwrap();
    }
    let found = rig.lines.take();
    assert_eq!(found.get("partitions have a leader again"), Some(&1), "{found:?}");
    assert!(found.values().sum::<usize>() <= 4, "{found:?}");
}

#[tokio::test(start_paused = true)]
async fn a_throttled_producer() {
    let rig = Rig::new(1, &[]).await;
    rig.topic(1).await;
    rig.send(0).await.await.unwrap();
    rig.lines.take();
    let rule = rig.broker.add_fault(Rule::on(ApiKey::Produce, Effect::Throttle { ms: 500 })).unwrap();
    for _ in 0..200 {
        rig.send(0).await.await.unwrap();
    }
    assert_eq!(rig.lines.take(), of([("the broker throttles this producer", 1)]));
    assert_eq!(rig.producer.metrics().throttle_time, Duration::from_millis(200 * 500));
    rig.broker.remove_fault(rule).unwrap();
    for _ in 0..10 {
        rig.send(0).await.await.unwrap();
    }
    assert_eq!(rig.lines.take(), of([("the broker throttles this producer no more", 1)]));
}

#[tokio::test(start_paused = true)]
async fn producer_ids_and_epochs() {
    let rig = Rig::new(1, &[("delivery.timeout.ms", "3600000")]).await;
    rig.topic(1).await;
    rig.lines.take();
    let loading = Effect::Error { code: ErrorCode::CoordinatorLoadInProgress, applied: false };
    let rule = rig.broker.add_fault(Rule::on(ApiKey::InitProducerId, loading)).unwrap();
    let delivery = rig.send(0).await;
    minutes(10).await;
    assert_eq!(rig.lines.take(), of([("no producer id yet", 1)]));
    rig.broker.remove_fault(rule).unwrap();
    delivery.await.unwrap();
    assert_eq!(rig.lines.take(), of([("a producer id", 1)]));
    // The broker has lost the producer's state.
    let lost = Effect::Error { code: ErrorCode::UnknownProducerId, applied: false };
    rig.broker.add_fault(Rule::on(ApiKey::Produce, lost).once()).unwrap();
    rig.send(0).await.await.unwrap();
    minutes(1).await;
    let lines = rig.lines.take();
    assert_eq!(
        lines.get("a new epoch of the producer id: a partition's sequence has a hole, or its leader lost it"),
        Some(&1),
        "{lines:?}"
    );
    assert_eq!(lines.values().sum::<usize>(), 3, "{lines:?}");
    // The end.
    let refused = Effect::Error { code: ErrorCode::ClusterAuthorizationFailed, applied: false };
    rig.broker.add_fault(Rule::on(ApiKey::Produce, refused)).unwrap();
    for _ in 0..10 {
        let sent = rig.producer.send(Record::to("t").value("v")).await;
        if let Ok(delivery) = sent {
            delivery.await.unwrap_err();
        }
    }
    assert_eq!(rig.lines.take(), of([("the producer has come to its end", 1)]));
}

#[tokio::test(start_paused = true)]
async fn records_that_are_too_late_are_counted() {
    let rig = Rig::new(1, &[("delivery.timeout.ms", "1000"), ("request.timeout.ms", "500")]).await;
    rig.topic(1).await;
    rig.send(0).await.await.unwrap();
    rig.lines.take();
    rig.broker.isolate(1).unwrap();
    for _ in 0..600 {
        drop(rig.send(0).await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    minutes(1).await;
    let lines = rig.lines.take();
    let late = lines.get("records were not delivered within delivery.timeout.ms").copied().unwrap_or(0);
    // A minute of them: a line every ten seconds.
    assert!((5..=8).contains(&late), "{lines:?}");
    assert_eq!(rig.producer.metrics().records_failed, 600);
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_is_looked_for_anew() {
    let rig = Rig::new(1, &[]).await;
    rig.topic(1).await;
    rig.send(0).await.await.unwrap();
    rig.lines.take();
    let gone = Effect::Error { code: ErrorCode::RebootstrapRequired, applied: false };
    let rule = rig.broker.add_fault(Rule::on(ApiKey::Metadata, gone)).unwrap();
    rig.client.inner.refresh();
    minutes(10).await;
    assert_eq!(rig.lines.take(), of([("the brokers ask to begin again with the bootstrap servers", 1)]));
    rig.broker.remove_fault(rule).unwrap();
    minutes(1).await;
    assert_eq!(rig.lines.take(), of([("the cluster's brokers are known", 1)]));
}
