//! Errors by the thousand: what a broker sees of them is counted in its journal.

use ottla_broker::{ApiKey, Effect, ErrorCode, JournalEntry, Rule};

use super::*;
use crate::{Consumer, Producer, StartAt};

const PARTITIONS: i32 = 30;

struct Rig {
    broker: Broker,
    client: Client,
    producers: Vec<Producer>,
    consumers: Vec<Consumer>,
}

/// Two producers and two consumers of all partitions of a topic, on two brokers.
async fn rig() -> Rig {
    let (broker, network) = broker(2);
    let client = client(&network, "broker-1:9092").connect().await.unwrap();
    client.admin().create_topic(NewTopic::new("t").partitions(PARTITIONS)).await.unwrap();
    let producers = vec![client.producer().unwrap(), client.producer().unwrap()];
    let consumers = vec![client.consumer().unwrap(), client.consumer().unwrap()];
    let rig = Rig { broker, client, producers, consumers };
    rig.write().await;
    for consumer in &rig.consumers {
        consumer.assign((0..PARTITIONS).map(|partition| ("t", partition, StartAt::Beginning)));
    }
    rig.read(1).await;
    rig.broker.journal().keep(1_000_000);
    rig
}

impl Rig {
    async fn write(&self) {
        for delivery in self.send().await {
            delivery.await.unwrap();
        }
    }

    async fn send(&self) -> Vec<crate::Delivery> {
        let mut deliveries = Vec::new();
        for producer in &self.producers {
            for partition in 0..PARTITIONS {
                deliveries.push(producer.send(Record::to("t").partition(partition).value("v")).await.unwrap());
            }
        }
        deliveries
    }

    /// Each consumer reads what `rounds` of [`Self::write`] wrote.
    async fn read(&self, rounds: usize) {
        for consumer in &self.consumers {
            let mut seen = 0;
            while seen < rounds * self.producers.len() * usize::try_from(PARTITIONS).unwrap() {
                match consumer.next_timeout(Duration::from_secs(60)).await {
                    Ok(batch) => seen += batch.expect("records in time").records().count(),
                    Err(error) => assert!(error.is_retriable(), "{error}"),
                }
            }
        }
    }

    fn seen(&self, wanted: impl Fn(&JournalEntry) -> bool) -> usize {
        self.broker.journal().count(wanted)
    }
}

fn always(code: ErrorCode) -> Effect {
    Effect::Error { code, applied: false }
}

#[tokio::test(start_paused = true)]
async fn leaders_that_are_none_for_a_minute_make_no_storm() {
    for code in [ErrorCode::NotLeaderOrFollower, ErrorCode::UnknownTopicOrPartition, ErrorCode::LeaderNotAvailable] {
        let rig = rig().await;
        for api in [ApiKey::Produce, ApiKey::Fetch] {
            rig.broker.add_fault(Rule::on(api, always(code))).unwrap();
        }
        let deliveries = rig.send().await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        // retry.backoff.max.ms is a second, with 20 % of jitter, and one question serves all of the client. It begins with shorter
        // waits, again whenever a minute's question in between did not come.
        let metadata = rig.seen(|entry| entry.api == ApiKey::Metadata);
        assert!((20..=90).contains(&metadata), "{code:?}: {metadata}");
        // Two producers, two brokers; each partition waits on its own.
        let produce = rig.seen(|entry| entry.api == ApiKey::Produce);
        assert!(produce <= 60 * 2 * usize::try_from(PARTITIONS).unwrap() + 300, "{code:?}: {produce}");
        let fetch = rig.seen(|entry| entry.api == ApiKey::Fetch);
        assert!(fetch <= 60 * 2 * usize::try_from(PARTITIONS).unwrap() + 300, "{code:?}: {fetch}");
        println!("{code:?}: {metadata} Metadata, {produce} Produce, {fetch} Fetch in a minute");
        rig.broker.clear_faults();
        for delivery in deliveries {
            delivery.await.unwrap();
        }
        rig.read(1).await;
        drop(rig.client);
    }
}

#[tokio::test(start_paused = true)]
async fn connections_that_are_cut_for_a_minute_make_no_storm() {
    let rig = rig().await;
    for api in [ApiKey::Produce, ApiKey::Fetch] {
        rig.broker.add_fault(Rule::on(api, Effect::Close { applied: false })).unwrap();
    }
    let deliveries = rig.send().await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    let metadata = rig.seen(|entry| entry.api == ApiKey::Metadata);
    let handshakes = rig.seen(|entry| entry.api == ApiKey::ApiVersions);
    println!("{metadata} Metadata, {handshakes} ApiVersions in a minute");
    assert!((20..=90).contains(&metadata), "{metadata}");
    // Two brokers; a connection for produce and two for fetch to each, after reconnect.backoff.ms at the earliest.
    assert!(handshakes <= 2 * 3 * 60 * 13, "{handshakes}");
    rig.broker.clear_faults();
    for delivery in deliveries {
        delivery.await.unwrap();
    }
    rig.read(1).await;
}

#[tokio::test(start_paused = true)]
async fn metadata_that_fails_for_a_minute_makes_no_storm() {
    let rig = rig().await;
    rig.broker.add_fault(Rule::on(ApiKey::Metadata, Effect::Close { applied: false })).unwrap();
    rig.broker.add_fault(Rule::on(ApiKey::Produce, always(ErrorCode::NotLeaderOrFollower))).unwrap();
    let deliveries = rig.send().await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    let metadata = rig.seen(|entry| entry.api == ApiKey::Metadata);
    println!("{metadata} Metadata in a minute");
    // Both brokers and the bootstrap server each time, all of them after their own backoff.
    assert!((5..=3 * 90).contains(&metadata), "{metadata}");
    rig.broker.clear_faults();
    for delivery in deliveries {
        delivery.await.unwrap();
    }
}
