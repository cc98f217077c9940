//! Time that passes when nobody is busy: client and broker on the test's own runtime, with its clock paused and memory between them.

use std::sync::Arc;
use std::time::Duration;

use ottla::{Client, Connecting, Connector, Consumer, Error, ErrorCode, ErrorKind, Offload, QuestionKind, Stream};
use ottla_broker::{Broker, Clock, Effect, MemoryConnector, Rule};
use ottla_protocol::ApiKey;
use tokio::runtime::Handle;

use super::{LONG, Listener, assigned, member, next, produce, read, until, values};

/// The broker's and the client's bytes go through memory, on the test's own runtime, whose clock stands still while somebody works.
struct Memory(MemoryConnector);

impl Connector for Memory {
    fn connect<'a>(&'a self, host: &'a str, port: u16) -> Connecting<'a> {
        let opened = self.0.connect(host, port);
        Box::pin(async move {
            match opened {
                Ok(stream) => Ok(Box::new(stream) as Box<dyn Stream>),
                Err(error) => Err(Error::new(ErrorKind::Transport, "no connection").with_source(error).retriable()),
            }
        })
    }
}

struct Inline;

impl Offload for Inline {
    fn run(&self, job: Box<dyn FnOnce() + Send>) {
        job();
    }
}

pub(super) fn on_paused_time() -> (Broker, Client) {
    on_paused_time_with(&[])
}

pub(super) fn on_paused_time_with(properties: &[(&str, &str)]) -> (Broker, Client) {
    let broker = Broker::builder().in_memory().seed(1).clock(Clock::tokio(1_700_000_000_000)).topic("orders", 2).start().unwrap();
    let builder = Client::builder().set("bootstrap.servers", broker.bootstrap_servers()).unwrap();
    let builder = builder.set("auto.offset.reset", "earliest").unwrap().runtime(Handle::current()).offload(Arc::new(Inline));
    let builder = properties.iter().fold(builder, |builder, (name, value)| builder.set(name, value).unwrap());
    let client =
        builder.connector(Arc::new(Memory(broker.memory_connector()))).seed(1).wall_clock(1_700_000_000_000).build().unwrap();
    (broker, client)
}

#[tokio::test(start_paused = true)]
async fn a_member_that_does_not_poll_loses_its_partitions_hears_of_it_and_comes_back() {
    let (broker, client) = on_paused_time();
    let listener = Listener::default();
    let builder = client.consumer_builder().group("g").set("max.poll.interval.ms", "60000").listener(listener.clone());
    let first = builder.build().unwrap();
    first.subscribe(["orders"]).unwrap();
    until(&[&first], || assigned(&first).len() == 2).await;
    let second = member(&client, &[]);
    until(&[&first, &second], || assigned(&first).len() == 1 && assigned(&second).len() == 1).await;
    produce(&client, assigned(&first)[0], 0..5).await;
    let held = next(&first).await;
    listener.take();
    // The second polls, the first does not.
    for _ in 0..59 {
        assert!(second.next_timeout(Duration::from_secs(1)).await.unwrap().is_none());
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(!held.is_valid(), "nothing more is handed out, even of what was taken");
    assert_eq!(first.assignment(), []);
    let state = first.group_state().unwrap();
    assert!(state.held_up_by.is_some(), "{state:?}");
    assert_eq!(state.last_error.unwrap().kind(), ErrorKind::MaxPollExceeded);
    // What it did not commit comes again.
    assert_eq!(read(&second, 5).await, [0, 1, 2, 3, 4]);
    assert_eq!(assigned(&second).len(), 2);
    assert_eq!(first.next_timeout(LONG).await.unwrap_err().kind(), ErrorKind::MaxPollExceeded);
    let stable = |member: &Consumer| assigned(member).len() == 1 && member.group_state().unwrap().state == "Stable";
    let both = || stable(&first) && stable(&second);
    until(&[&first, &second], both).await;
    let seen: Vec<_> = listener.take().into_iter().map(|(kind, partitions)| (kind, partitions.len())).collect();
    assert_eq!(seen, [(QuestionKind::Lost, 1), (QuestionKind::Assigned, 1)]);
    assert_eq!(broker.group_status("g").unwrap().members.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn one_that_waits_for_records_polls_all_the_while() {
    let (_broker, client) = on_paused_time();
    let consumer = member(&client, &[("max.poll.interval.ms", "60000")]);
    assert!(consumer.next_timeout(Duration::from_secs(600)).await.unwrap().is_none());
    let state = consumer.group_state().unwrap();
    assert_eq!((state.state, state.generation), ("Stable", 1));
    assert!(state.since > Duration::from_secs(590), "for so long, in virtual time: {state:?}");
}

#[tokio::test(start_paused = true)]
async fn who_subscribes_to_a_topic_that_is_not_there_is_told_and_reads_it_once_it_is() {
    let (broker, client) = on_paused_time_with(&[("topic.metadata.propagation.max.ms", "20000")]);
    let consumer = client.consumer_builder().group("g").build().unwrap();
    consumer.subscribe(["not-there"]).unwrap();
    let start = tokio::time::Instant::now();
    let error = consumer.next_timeout(Duration::from_secs(60)).await.unwrap_err();
    assert!(start.elapsed() >= Duration::from_secs(20), "{:?}", start.elapsed());
    assert_eq!((error.code(), error.topic()), (Some(ErrorCode::UnknownTopicOrPartition), Some("not-there")));
    assert!(error.is_retriable() && error.to_string().contains("topic.metadata.propagation.max.ms"), "{error}");
    assert!(consumer.next_timeout(Duration::from_secs(600)).await.unwrap().is_none(), "once");
    broker.create_topic("not-there", 1).unwrap();
    until(&[&consumer], || assigned(&consumer).len() == 1).await;
}

#[tokio::test(start_paused = true)]
async fn close_ends_in_time_without_a_coordinator() {
    let (broker, client) = on_paused_time();
    let consumer = member(&client, &[("close.timeout.ms", "5000")]);
    until(&[&consumer], || assigned(&consumer).len() == 2).await;
    produce(&client, 0, 0..5).await;
    assert_eq!(read(&consumer, 5).await.len(), 5);
    broker.stop_broker(1).unwrap();
    let start = tokio::time::Instant::now();
    let error = consumer.close().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "what was consumed could not be committed: {error}");
    assert!(start.elapsed() <= Duration::from_millis(5001), "{:?}", start.elapsed());
    assert_eq!(consumer.group_state().unwrap().state, "Closed");
    // The same without anything to commit, and before it was ever a member.
    let consumer = member(&client, &[("close.timeout.ms", "5000")]);
    assert!(consumer.next_timeout(Duration::from_secs(1)).await.unwrap().is_none());
    let start = tokio::time::Instant::now();
    consumer.close().await.unwrap();
    assert!(start.elapsed() <= Duration::from_millis(5001), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn members_follow_their_coordinator() {
    let (broker, client) = on_paused_time();
    let consumer = member(&client, &[]);
    until(&[&consumer], || assigned(&consumer).len() == 2).await;
    let faults = [(ApiKey::Heartbeat, ErrorCode::NotCoordinator), (ApiKey::OffsetCommit, ErrorCode::NotCoordinator)];
    for (api, code) in faults {
        broker.add_fault(Rule::on(api, Effect::Error { code, applied: false }).once()).unwrap();
    }
    produce(&client, 0, 0..5).await;
    assert_eq!(read(&consumer, 5).await.len(), 5);
    assert!(consumer.next_timeout(Duration::from_secs(10)).await.unwrap().is_none());
    consumer.commit_positions().await.unwrap();
    assert_eq!(broker.committed_offset("g", "orders", 0).unwrap().0, 5);
    assert_eq!(consumer.group_state().unwrap().generation, 1, "no rebalance");
    broker.stop_broker(1).unwrap();
    assert!(consumer.next_timeout(Duration::from_secs(20)).await.is_err(), "the fetches fail, and the application hears of it");
    broker.restart_broker(1).unwrap();
    produce(&client, 1, 5..8).await;
    let mut all = Vec::new();
    while all.len() < 3 {
        // What is still to be heard of the time without a broker.
        if let Ok(Some(batch)) = consumer.next_timeout(LONG).await {
            all.extend(values(&batch));
        }
    }
    assert_eq!(all, [5, 6, 7]);
    consumer.close().await.unwrap();
    assert_eq!(broker.committed_offset("g", "orders", 1).unwrap().0, 3);
}
