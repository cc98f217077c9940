//! Whoever polls: each of tokio's runtimes, an executor of twenty lines, or none.

use std::future::Future;
use std::pin::pin;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use ottla::{Client, Consumer, Delivery, Error, ErrorCode, NewTopic, Producer, Record, StartAt};
use ottla_broker::Broker;
use ottla_tests::kafka::{LiveKafka, unique_name};

use crate::helper::{PATIENCE, block_on, client, described, in_time, on_both, poll_on_many_threads, topic, values};

const RECORDS: usize = 200;

/// One client and producer for all tests of this file, on each broker. Whichever test comes first makes it, and the test's runtime
/// ends before the others are done.
struct Shared {
    client: Client,
    producer: Producer,
}

fn shared() -> [&'static Shared; 2] {
    static SHARED: [OnceLock<Shared>; 2] = [OnceLock::new(), OnceLock::new()];
    static LITE: OnceLock<Mutex<Broker>> = OnceLock::new();
    let share = |servers: &str| {
        let client = client(servers, &[]);
        let producer = client.producer().unwrap();
        Shared { client, producer }
    };
    let lite = LITE.get_or_init(|| Mutex::new(Broker::start_blocking().unwrap()));
    let lite = lite.lock().unwrap().bootstrap_servers().to_owned();
    [SHARED[0].get_or_init(|| share(&lite)), SHARED[1].get_or_init(|| share(LiveKafka::shared().bootstrap_servers()))]
}

async fn read(consumer: &Consumer, count: usize) -> Result<Vec<String>, Error> {
    let mut all = Vec::new();
    while all.len() < count {
        let batch = consumer.next_timeout(PATIENCE).await?.expect("a batch in time");
        all.extend(batch.records().map(|record| String::from_utf8(record.value.unwrap().to_vec()).unwrap()));
    }
    Ok(all)
}

/// Every kind of future there is, one after another.
async fn the_whole_way(shared: &Shared) {
    let Shared { client, producer } = shared;
    let name = unique_name("executor");
    let admin = client.admin();
    admin.create_topic(NewTopic::new(&name).partitions(1)).await.unwrap();
    assert_eq!(described(client, &name).await.partitions.len(), 1);
    assert!(admin.list_topics().await.unwrap().contains(&name));
    let mut both = admin.describe_topics([name.as_str(), "executor-nowhere"]).await.unwrap();
    assert_eq!(both.remove(&name).unwrap().unwrap(), described(client, &name).await);
    let nowhere = both.remove("executor-nowhere").unwrap().unwrap_err();
    assert_eq!(nowhere.code(), Some(ErrorCode::UnknownTopicOrPartition));
    assert!(admin.describe_all_topics().await.unwrap().get(&name).is_some_and(Result::is_ok));
    assert!(!admin.describe_cluster().await.unwrap().brokers.is_empty());
    let mut deliveries: Vec<Delivery> = Vec::new();
    for i in 0..RECORDS {
        deliveries.push(producer.send(Record::to(&name).value(&format!("{i}"))).await.unwrap());
    }
    producer.flush().await;
    producer.flush_within(PATIENCE).await.unwrap();
    for (delivery, offset) in deliveries.into_iter().zip(0..) {
        assert_eq!(delivery.await.unwrap().offset, offset);
    }
    let consumer = client.consumer().unwrap();
    consumer.assign([(&name, 0, StartAt::Beginning)]);
    let expected: Vec<String> = (0..RECORDS).map(|i| format!("{i}")).collect();
    assert_eq!(read(&consumer, RECORDS).await.unwrap(), expected);
    assert!(consumer.next_timeout(Duration::from_millis(1)).await.unwrap().is_none());
    assert_eq!(consumer.watermarks(&name, 0).await.unwrap(), (0, 200));
    assert_eq!(consumer.offsets_for_times([(&name, 0, 0)]).await.unwrap()[0].1.unwrap().offset, 0);
    admin.delete_topic(&name).await.unwrap();
}

async fn on_shared() {
    for shared in shared() {
        the_whole_way(shared).await;
    }
}

#[tokio::test]
async fn a_current_thread_runtime() {
    on_shared().await;
}

#[tokio::test(flavor = "current_thread")]
async fn another_current_thread_runtime() {
    on_shared().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_runtime_of_one_worker() {
    on_shared().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_runtime_of_three_workers_with_many_tasks() {
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..4 {
        tasks.spawn(on_shared());
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
}

#[test]
fn runtimes_that_end_one_after_another_leave_the_client_as_it_was() {
    for _ in 0..3 {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(on_shared());
    }
}

#[test]
fn an_executor_that_only_parks_a_thread() {
    in_time(|| block_on(pin!(on_shared())));
}

#[test]
fn an_executor_that_polls_each_time_on_another_thread() {
    in_time(|| poll_on_many_threads(Box::pin(on_shared())));
}

#[test]
fn connecting_needs_no_runtime_either() {
    on_both(|servers| {
        let client = block_on(pin!(Client::connect(servers))).unwrap();
        assert!(!client.brokers().is_empty());
        assert!(!Client::connect_blocking(servers).unwrap().brokers().is_empty());
    });
}

/// All blocking twins.
fn blocking(servers: &str) {
    let client = Client::connect_blocking(servers).unwrap();
    let admin = client.admin();
    let name = topic(&client, 2);
    assert!(admin.list_topics_blocking().unwrap().contains(&name));
    assert_eq!(admin.describe_topic_blocking(&name).unwrap().partitions.len(), 2);
    assert!(!admin.describe_cluster_blocking().unwrap().brokers.is_empty());
    let producer = client.producer().unwrap();
    let to_topic = producer.topic(&name).unwrap();
    let first = producer.send_blocking(Record::to(&name).partition(1).value("0")).unwrap();
    let second = to_topic.send_blocking(Record::default().partition(1).value("1")).unwrap();
    producer.flush_blocking();
    assert_eq!((first.wait().unwrap().offset, second.wait().unwrap().offset), (0, 1));
    assert_eq!(values(&client, &name, 1), ["0", "1"]);
    let consumer = client.consumer().unwrap();
    assert_eq!(consumer.watermarks_blocking(&name, 1).unwrap(), (0, 2));
    assert_eq!(consumer.offsets_for_times_blocking([(&name, 1, 0)]).unwrap()[0].1.unwrap().offset, 0);
    consumer.assign([(&name, 1, StartAt::End)]);
    assert!(consumer.next_blocking(Duration::from_millis(1)).unwrap().is_none());
    producer.close_blocking().unwrap();
    admin.delete_topic_blocking(&name).unwrap();
}

#[test]
fn the_blocking_twins_on_a_plain_thread() {
    on_both(|servers| {
        let servers = servers.to_owned();
        in_time(move || blocking(&servers));
    });
}

#[test]
fn the_blocking_twins_inside_a_runtime() {
    on_both(|servers| {
        let servers = servers.to_owned();
        // Not nice to that runtime, but nothing that panics or hangs: the work is done elsewhere.
        in_time(move || {
            tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async { blocking(&servers) });
        });
    });
}

#[test]
fn a_delivery_may_be_polled_by_one_executor_and_ended_by_another() {
    for Shared { client, producer } in shared() {
        let name = topic(client, 1);
        let mut delivery = producer.try_send(&Record::to(&name).value("v")).unwrap();
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let early = std::pin::Pin::new(&mut delivery).poll(&mut context);
        assert!(early.is_pending() || matches!(early, std::task::Poll::Ready(Ok(_))));
        if early.is_pending() {
            assert_eq!(block_on(pin!(delivery)).unwrap().offset, 0);
        }
    }
}
