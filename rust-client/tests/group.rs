//! Consumers in groups against the bundled broker.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends at what it does not expect"
)]

#[path = "group/answers.rs"]
mod answers;
#[path = "group/deleted.rs"]
mod deleted;
#[path = "group/errors.rs"]
mod errors;
#[path = "group/late_answers.rs"]
mod late_answers;
#[path = "group/offsets.rs"]
mod offsets;
#[path = "group/patterns.rs"]
mod patterns;
#[path = "group/paused_time.rs"]
mod paused_time;

#[path = "group/racks.rs"]
mod racks;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ottla::{
    Answering, Client, Consumer, ErrorCode, ErrorKind, FetchedBatch, GroupAssignment, GroupTopics, MemberAssignment,
    MemberSubscription, OffsetAndMetadata, PartitionAssignor, QuestionKind, Rebalance, RebalanceListener, Record, StartAt,
    TopicPartition,
};
use ottla_broker::{Broker, JournalEntry};
use ottla_protocol::messages::OffsetCommitRequest;
use ottla_protocol::{ApiKey, Decode, Reader, Request, frame};

/// Only bounds a test that hangs.
const LONG: Duration = Duration::from_secs(20);

async fn started(partitions: i32) -> (Broker, Client) {
    let broker = Broker::builder().topic("orders", partitions).start().unwrap();
    let client = connected(&broker).await;
    (broker, client)
}

async fn connected(broker: &Broker) -> Client {
    Client::builder()
        .set("bootstrap.servers", broker.bootstrap_servers())
        .unwrap()
        .set("auto.offset.reset", "earliest")
        .unwrap()
        .connect()
        .await
        .unwrap()
}

/// Writes records with the values `from..to` as text.
async fn produce(client: &Client, partition: i32, values: std::ops::Range<i64>) {
    let producer = client.producer().unwrap();
    let mut deliveries = Vec::new();
    for value in values {
        let record = Record::to("orders").partition(partition);
        let value = value.to_string();
        deliveries.push(producer.send(record.value(&value)).await.unwrap());
    }
    for delivery in deliveries {
        delivery.await.unwrap();
    }
}

/// Asks the broker without the client.
fn ask<R: Request>(broker: &Broker, version: i16, request: &R) -> R::Response {
    let mut stream = TcpStream::connect(broker.bootstrap_servers()).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream.write_all(&frame::encode_request(version, 1, None, request).unwrap().concat()).unwrap();
    let mut size = [0; 4];
    stream.read_exact(&mut size).unwrap();
    let mut body = vec![0; u32::from_be_bytes(size) as usize];
    stream.read_exact(&mut body).unwrap();
    let mut reader = Reader::new(body.into());
    frame::decode_response_header(&mut reader, R::KEY, version).unwrap();
    R::Response::decode(&mut reader, version).unwrap()
}

fn values(batch: &FetchedBatch) -> Vec<i64> {
    batch.records().map(|record| std::str::from_utf8(record.value.unwrap()).unwrap().parse().unwrap()).collect()
}

async fn next(consumer: &Consumer) -> FetchedBatch {
    consumer.next_timeout(LONG).await.unwrap().expect("a batch in time")
}

/// All values until `count` are there.
async fn read(consumer: &Consumer, count: usize) -> Vec<i64> {
    let mut all = Vec::new();
    while all.len() < count {
        all.extend(values(&next(consumer).await));
    }
    all
}

#[tokio::test]
async fn a_member_reads_commits_and_goes_on_there() {
    let (broker, client) = started(1).await;
    produce(&client, 0, 0..100).await;
    let consumer = client.consumer_builder().group("g").build().unwrap();
    consumer.subscribe(["orders"]).unwrap();
    let batch = next(&consumer).await;
    let count = values(&batch).len() as i64;
    consumer.commit(&batch).await.unwrap();
    assert_eq!(broker.committed_offset("g", "orders", 0), Some((count, String::new())));
    let state = consumer.group_state().unwrap();
    assert_eq!((state.state, state.generation, state.held_up_by), ("Stable", 1, None));
    assert_eq!(state.owned.len(), 1);
    assert_eq!(read(&consumer, 100 - usize::try_from(count).unwrap()).await.last().copied(), (count < 100).then_some(99));
    consumer.close().await.unwrap();
    assert_eq!(broker.committed_offset("g", "orders", 0), Some((100, String::new())), "what was consumed is committed at close");
    assert!(broker.group_status("g").unwrap().members.is_empty(), "it has left");
    produce(&client, 0, 100..105).await;
    let consumer = client.consumer_builder().group("g").build().unwrap();
    consumer.subscribe(["orders"]).unwrap();
    assert_eq!(read(&consumer, 5).await, [100, 101, 102, 103, 104]);
    let committed = consumer.committed([("orders", 0)]).await.unwrap();
    assert_eq!(committed.values().next().unwrap().as_ref().unwrap().offset, 100);
    let assigned: BTreeSet<i32> = consumer.assignment().iter().map(|key| key.partition).collect();
    assert_eq!(assigned, BTreeSet::from([0]));
    consumer.close().await.unwrap();
}

/// Lets the members ask for records, of which there are none, until it is so.
async fn until(members: &[&Consumer], so: impl Fn() -> bool) {
    let waiting = async {
        while !so() {
            for member in members {
                assert!(member.next_timeout(Duration::from_millis(20)).await.unwrap().is_none());
            }
        }
    };
    if tokio::time::timeout(LONG, waiting).await.is_err() {
        let states: Vec<_> = members.iter().map(|member| member.group_state()).collect();
        panic!("it does not come to be: {states:#?}");
    }
}

fn assigned(consumer: &Consumer) -> Vec<i32> {
    consumer.assignment().iter().map(|key| key.partition).collect()
}

fn member(client: &Client, properties: &[(&str, &str)]) -> Consumer {
    let builder = properties.iter().fold(client.consumer_builder().group("g"), |builder, (name, value)| builder.set(name, value));
    let consumer = builder.build().unwrap();
    consumer.subscribe(["orders"]).unwrap();
    consumer
}

#[tokio::test]
async fn two_members_share_and_one_leaves() {
    for strategy in ["range", "roundrobin", "sticky", "cooperative-sticky"] {
        let (broker, client) = started(4).await;
        let properties = [("partition.assignment.strategy", strategy), ("heartbeat.interval.ms", "20")];
        let first = member(&client, &properties);
        until(&[&first], || assigned(&first).len() == 4).await;
        let second = member(&client, &properties);
        until(&[&first, &second], || assigned(&first).len() == 2 && assigned(&second).len() == 2).await;
        let mut all = [assigned(&first), assigned(&second)].concat();
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2, 3], "{strategy}");
        assert_eq!(first.group_state().unwrap().assignor.unwrap(), strategy);
        for partition in 0..4 {
            produce(&client, partition, 0..10).await;
        }
        assert_eq!((read(&first, 20).await.len(), read(&second, 20).await.len()), (20, 20));
        first.close().await.unwrap();
        // What the first has consumed is committed: the second does not get it.
        until(&[&second], || assigned(&second).len() == 4 && second.group_state().unwrap().state == "Stable").await;
        produce(&client, 0, 10..11).await;
        produce(&client, 3, 10..11).await;
        assert_eq!(read(&second, 2).await, [10, 10], "{strategy}");
        second.close().await.unwrap();
        assert!(broker.group_status("g").unwrap().members.is_empty());
        for partition in 0..4 {
            let end = if partition % 3 == 0 { 11 } else { 10 };
            assert_eq!(broker.committed_offset("g", "orders", partition).map(|at| at.0), Some(end), "{strategy} {partition}");
        }
    }
}

/// What was asked, about which partitions.
type Questions = Vec<(QuestionKind, Vec<i32>)>;

#[derive(Clone, Default)]
struct Listener {
    seen: Arc<Mutex<Questions>>,
    /// At its first assignment it seeks here.
    seek: Option<i64>,
}

impl Listener {
    fn note(&self, rebalance: &Rebalance) {
        let partitions = rebalance.partitions().iter().map(|key| key.partition).collect();
        self.seen.lock().unwrap().push((rebalance.kind(), partitions));
    }

    fn peek(&self) -> Questions {
        self.seen.lock().unwrap().clone()
    }

    fn take(&self) -> Questions {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

impl RebalanceListener for Listener {
    fn assigned(&self, rebalance: Rebalance) -> Answering {
        self.note(&rebalance);
        if let Some(offset) = self.seek {
            for key in rebalance.partitions() {
                rebalance.seek(&key.topic, key.partition, StartAt::Offset(offset)).unwrap();
            }
        }
        Box::pin(std::future::ready(()))
    }

    fn revoked(&self, rebalance: Rebalance) -> Answering {
        let listener = self.clone();
        Box::pin(async move {
            rebalance.commit().await.unwrap();
            listener.note(&rebalance);
        })
    }

    fn lost(&self, rebalance: Rebalance) -> Answering {
        self.note(&rebalance);
        Box::pin(async move {
            rebalance.commit_offsets([(rebalance.partitions()[0].clone(), OffsetAndMetadata::new(1))]).await.unwrap_err();
        })
    }
}

#[tokio::test]
async fn a_listener_seeks_and_commits_and_is_asked_at_close() {
    let (broker, client) = started(1).await;
    produce(&client, 0, 0..100).await;
    let listener = Listener { seek: Some(40), ..Listener::default() };
    let consumer = client.consumer_builder().group("g").set("enable.auto.commit", "false").listener(listener.clone());
    let consumer = consumer.build().unwrap();
    consumer.subscribe(["orders"]).unwrap();
    assert_eq!(read(&consumer, 60).await, (40..100).collect::<Vec<_>>());
    assert_eq!(listener.take(), [(QuestionKind::Assigned, vec![0])]);
    assert_eq!(broker.committed_offset("g", "orders", 0), None);
    consumer.close().await.unwrap();
    assert_eq!(listener.take(), [(QuestionKind::Revoked, vec![0])]);
    assert_eq!(broker.committed_offset("g", "orders", 0).unwrap().0, 100, "by the listener");
}

#[tokio::test]
async fn eager_members_give_up_all_and_cooperative_ones_what_moves() {
    // Which of the two moves is not said: member ids are random.
    for (strategy, expected) in [
        ("range", vec![(QuestionKind::Revoked, 2), (QuestionKind::Assigned, 1)]),
        ("cooperative-sticky", vec![(QuestionKind::Revoked, 1)]),
    ] {
        let (_broker, client) = started(2).await;
        let properties = [("partition.assignment.strategy", strategy), ("heartbeat.interval.ms", "20")];
        let listener = Listener::default();
        let builder = properties.iter().fold(client.consumer_builder(), |builder, (name, value)| builder.set(name, value));
        let first = builder.group("g").listener(listener.clone()).build().unwrap();
        first.subscribe(["orders"]).unwrap();
        until(&[&first], || !listener.seen.lock().unwrap().is_empty()).await;
        assert_eq!(listener.take(), [(QuestionKind::Assigned, vec![0, 1])]);
        let second = member(&client, &properties);
        until(&[&first, &second], || assigned(&first).len() == 1 && assigned(&second).len() == 1).await;
        let stable = |member: &Consumer| member.group_state().unwrap().state == "Stable";
        until(&[&first, &second], || stable(&first) && stable(&second)).await;
        // That nothing came is told too.
        let seen = listener.take().into_iter().map(|(kind, partitions)| (kind, partitions.len()));
        assert_eq!(seen.filter(|(_, partitions)| *partitions > 0).collect::<Vec<_>>(), expected, "{strategy}");
    }
}

/// Asks its consumer for records, and closes it, from within.
struct Reentrant(Arc<Mutex<Tried>>);

/// The consumer, and what it answered.
type Tried = (Option<Arc<Consumer>>, Vec<ErrorKind>);

impl RebalanceListener for Reentrant {
    fn assigned(&self, _: Rebalance) -> Answering {
        let shared = self.0.clone();
        Box::pin(async move {
            let consumer = shared.lock().unwrap().0.take().unwrap();
            shared.lock().unwrap().1.push(ErrorKind::Closed);
            let next = consumer.next().await;
            let tried = consumer.try_next();
            assert!(matches!(consumer.position("orders", 0), None | Some(0)), "looked up, or not yet");
            let committed = consumer.committed([("orders", 0)]).await.unwrap();
            assert_eq!(committed.into_values().next(), Some(None));
            consumer.commit_offsets([(TopicPartition::new("orders", 0), OffsetAndMetadata::new(3))]).await.unwrap();
            shared.lock().unwrap().1 = vec![next.unwrap_err().kind(), tried.unwrap_err().kind()];
        })
    }
}

#[tokio::test]
async fn a_listener_that_asks_for_records_hears_that_it_must_not() {
    let (broker, client) = started(1).await;
    let seen = Arc::new(Mutex::new((None, Vec::new())));
    let consumer = client.consumer_builder().group("g").listener(Reentrant(seen.clone())).build().unwrap();
    let consumer = Arc::new(consumer);
    seen.lock().unwrap().0 = Some(consumer.clone());
    consumer.subscribe(["orders"]).unwrap();
    until(&[&consumer], || seen.lock().unwrap().1.len() == 2).await;
    assert_eq!(seen.lock().unwrap().1, [ErrorKind::State, ErrorKind::State]);
    assert_eq!(broker.committed_offset("g", "orders", 0).unwrap().0, 3);
    consumer.close().await.unwrap();
}

#[tokio::test]
async fn offsets_are_committed_with_what_the_application_keeps_beside_them() {
    let (broker, client) = started(2).await;
    let consumer = member(&client, &[("enable.auto.commit", "false")]);
    until(&[&consumer], || assigned(&consumer).len() == 2).await;
    let at = OffsetAndMetadata { offset: 7, leader_epoch: 0, metadata: "seven".into() };
    consumer.commit_offsets([(TopicPartition::new("orders", 1), at.clone())]).await.unwrap();
    assert_eq!(broker.committed_offset("g", "orders", 1), Some((7, "seven".to_owned())));
    let committed = consumer.committed([("orders", 0), ("orders", 1)]).await.unwrap();
    assert_eq!(committed.into_values().collect::<Vec<_>>(), [None, Some(at)]);
    let invalid = consumer.commit_offsets([(TopicPartition::new("orders", 1), OffsetAndMetadata::new(-5))]).await;
    assert_eq!(invalid.unwrap_err().kind(), ErrorKind::InvalidArgument);
    consumer.commit_async().unwrap().await.unwrap();
    let store = consumer.store_offset(TopicPartition::new("orders", 0), OffsetAndMetadata::new(1));
    assert_eq!(store.unwrap_err().kind(), ErrorKind::State);
    consumer.close().await.unwrap();
}

#[tokio::test]
async fn only_what_was_consumed_or_stored_is_committed_by_itself() {
    for (store, expected) in [("true", None), ("false", Some(3))] {
        let (broker, client) = started(1).await;
        produce(&client, 0, 0..10).await;
        broker.journal().keep(1000);
        let consumer = member(&client, &[("auto.commit.interval.ms", "10"), ("enable.auto.offset.store", store)]);
        let mut cursor = next(&consumer).await.into_cursor();
        for _ in 0..4 {
            cursor.next().unwrap();
        }
        let key = TopicPartition::new("orders", 0);
        if store == "false" {
            consumer.store_offset(key, OffsetAndMetadata::new(3)).unwrap();
        }
        let at = expected.unwrap_or(4);
        let committed = |entry: &JournalEntry| {
            let request = entry.decode::<OffsetCommitRequest>();
            request.is_some_and(|request| request.topics[0].partitions[0].committed_offset == at)
        };
        broker.journal().wait_for(LONG, committed).await.expect("a commit of exactly that");
        let ended = consumer.close().await;
        ended.unwrap();
        assert_eq!(broker.committed_offset("g", "orders", 0).unwrap().0, at);
    }
}

#[tokio::test]
async fn a_member_that_unsubscribes_leaves_and_may_come_back() {
    let (broker, client) = started(2).await;
    let consumer = member(&client, &[]);
    until(&[&consumer], || assigned(&consumer).len() == 2).await;
    consumer.unsubscribe().await.unwrap();
    assert_eq!(consumer.assignment(), []);
    assert_eq!(consumer.group_state().unwrap().state, "Unsubscribed");
    assert!(broker.group_status("g").unwrap().members.is_empty());
    consumer.unsubscribe().await.unwrap();
    consumer.subscribe(["orders"]).unwrap();
    until(&[&consumer], || assigned(&consumer).len() == 2).await;
    consumer.assign([("orders", 0, StartAt::Beginning)]);
    let refused = consumer.next_timeout(LONG).await.unwrap_err();
    assert_eq!((refused.kind(), assigned(&consumer).len()), (ErrorKind::State, 2));
}

#[tokio::test]
async fn a_consumer_that_is_dropped_leaves_by_itself() {
    let (broker, client) = started(1).await;
    broker.journal().keep(1000);
    produce(&client, 0, 0..5).await;
    let consumer = member(&client, &[]);
    assert_eq!(read(&consumer, 5).await.len(), 5);
    drop(consumer);
    broker.journal().wait_for(LONG, |entry| entry.api == ApiKey::LeaveGroup).await.expect("it leaves");
    assert_eq!(broker.committed_offset("g", "orders", 0).unwrap().0, 5);
}

#[tokio::test]
async fn a_static_member_comes_back_without_a_rebalance() {
    let (broker, client) = started(2).await;
    let properties = [("group.instance.id", "one")];
    let consumer = member(&client, &properties);
    until(&[&consumer], || assigned(&consumer).len() == 2).await;
    consumer.close().await.unwrap();
    assert_eq!(broker.group_status("g").unwrap().members.len(), 1, "it stays until its session ends");
    let consumer = member(&client, &properties);
    until(&[&consumer], || assigned(&consumer).len() == 2).await;
    assert_eq!(broker.group_status("g").unwrap().generation, 1);
    // A second one with the same name fences the first.
    let other = member(&client, &properties);
    until(&[&other], || assigned(&other).len() == 2).await;
    let heard = consumer.commit_positions().await.unwrap_err();
    assert_eq!((heard.code(), heard.is_fatal()), (Some(ErrorCode::FencedInstanceId), true));
}

#[tokio::test]
async fn what_does_not_fit_is_said_at_once() {
    let (_broker, client) = started(1).await;
    let without = client.consumer().unwrap();
    assert_eq!(without.subscribe(["orders"]).unwrap_err().kind(), ErrorKind::State);
    assert_eq!(without.commit_positions().await.unwrap_err().kind(), ErrorKind::State);
    assert!(without.group_state().is_none());
    without.close().await.unwrap();
    for (name, value, kind) in [
        ("partition.assignment.strategy", "rang", ErrorKind::Config),
        ("partition.assignment.strategy", "range,range", ErrorKind::Config),
        ("heartbeat.interval.ms", "45000", ErrorKind::Config),
        ("max.poll.interval.ms", "1000", ErrorKind::Config),
        ("group.protocol", "consumer", ErrorKind::UnsupportedFeature),
        ("grup.id", "x", ErrorKind::Config),
    ] {
        let error = client.consumer_builder().group("g").set(name, value).build().err().expect(name);
        assert_eq!(error.kind(), kind, "{error}");
    }
}

/// Everything to the first.
struct Selfish;

impl PartitionAssignor for Selfish {
    fn name(&self) -> &str {
        "selfish"
    }

    fn assign(&self, topics: &GroupTopics, members: &[MemberSubscription]) -> GroupAssignment {
        let all = topics.racks.iter().flat_map(|(topic, partitions)| {
            (0..i32::try_from(partitions.len()).unwrap()).map(|partition| TopicPartition::new(topic.clone(), partition))
        });
        let first = MemberAssignment { partitions: all.collect(), user_data: None };
        GroupAssignment::from([(members[0].member_id.clone(), first)])
    }
}

#[test]
fn blocking_twins_and_an_assignor_of_the_applications_own() {
    let broker = Broker::builder().topic("orders", 3).start().unwrap();
    let client = Client::connect_blocking(broker.bootstrap_servers()).unwrap();
    let builder = client.consumer_builder().group("g").set("partition.assignment.strategy", "selfish");
    let consumer = builder.set("auto.offset.reset", "earliest").assignor(Arc::new(Selfish)).build().unwrap();
    consumer.subscribe(["orders"]).unwrap();
    client.producer().unwrap().send_blocking(Record::to("orders").partition(2).value("1")).unwrap().wait().unwrap();
    let batch = consumer.next_blocking(LONG).unwrap().expect("a batch in time");
    assert_eq!(assigned(&consumer), [0, 1, 2]);
    consumer.commit_blocking(&batch).unwrap();
    let committed = consumer.committed_blocking([("orders", 2)]).unwrap();
    assert_eq!(committed.into_values().next().unwrap().unwrap().offset, 1);
    consumer.commit_positions_blocking().unwrap();
    consumer.commit_async().unwrap().wait().unwrap();
    consumer.unsubscribe_blocking().unwrap();
    let late = consumer.commit_blocking(&batch).unwrap_err();
    assert_eq!(late.kind(), ErrorKind::State, "{late}");
    consumer.close().wait().unwrap();
}
