//! What the tests share: both brokers, clients, topics, reading a partition.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use ottla::{Client, NewTopic, Record, StartAt, TopicDescription};
use ottla_broker::Broker;
use ottla_tests::kafka::{LiveKafka, unique_name};

/// Only bounds a test that hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a test on both brokers; it gets their `bootstrap.servers`.
pub(crate) fn on_both(test: impl Fn(&str)) {
    let lite = Broker::start_blocking().unwrap();
    test(lite.bootstrap_servers());
    test(LiveKafka::shared().bootstrap_servers());
}

/// A client that is not connected yet.
pub(crate) fn client(servers: &str, properties: &[(&str, &str)]) -> Client {
    let mut builder = Client::builder().set("bootstrap.servers", servers).unwrap();
    for (name, value) in properties {
        builder = builder.set(name, value).unwrap();
    }
    builder.build().unwrap()
}

/// A new topic with a name of its own.
pub(crate) fn topic(client: &Client, partitions: i32) -> String {
    let name = unique_name("interop");
    client.admin().create_topic_blocking(NewTopic::new(&name).partitions(partitions)).unwrap();
    block_on(pin!(described(client, &name)));
    name
}

/// A topic as soon as the broker that is asked knows it and all leaders: Kafka's brokers hear of a new topic from the controller,
/// a little after who created it was answered.
pub(crate) async fn described(client: &Client, topic: &str) -> TopicDescription {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        match client.admin().describe_topic(topic).await {
            Ok(description) if description.partitions.iter().all(|partition| partition.leader.is_some()) => return description,
            Ok(_) => {}
            Err(error) => assert!(error.is_retriable(), "{error}"),
        }
    }
    panic!("{topic} does not come to be")
}

/// A record as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) offset: i64,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<String>,
}

/// The first records of a partition.
pub(crate) fn read(client: &Client, topic: &str, partition: i32, count: usize) -> Vec<Read> {
    let consumer = client.consumer().unwrap();
    consumer.assign([(topic, partition, StartAt::Beginning)]);
    let mut all = Vec::new();
    while all.len() < count {
        let batch = consumer.next_blocking(PATIENCE).unwrap().expect("a batch in time");
        for record in batch.records() {
            let headers =
                record.headers.iter().map(|h| format!("{}={:?}", h.key, h.value.map(String::from_utf8_lossy))).collect();
            let (key, value) = (record.key.map(<[u8]>::to_vec), record.value.map(<[u8]>::to_vec));
            all.push(Read { offset: record.offset, key, value, headers });
        }
    }
    all
}

/// The values of a whole partition as text, up to its end as it is now.
pub(crate) fn values(client: &Client, topic: &str, partition: i32) -> Vec<String> {
    let (first, end) = client.consumer().unwrap().watermarks_blocking(topic, partition).unwrap();
    let records = read(client, topic, partition, usize::try_from(end - first).unwrap());
    records.into_iter().map(|record| String::from_utf8(record.value.unwrap()).unwrap()).collect()
}

/// Runs what has a bound of its own on another thread: should it hang all the same, the test fails instead of hanging too.
pub(crate) fn in_time<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, result) = std::sync::mpsc::channel();
    std::thread::spawn(move || done.send(work()));
    result.recv_timeout(PATIENCE).expect("it ends in time, and without a panic")
}
/// Writes values to a partition and waits until all are acknowledged.
pub(crate) fn write(client: &Client, topic: &str, partition: i32, values: impl IntoIterator<Item = String>) {
    let producer = client.producer().unwrap();
    let send = |value: String| producer.send_blocking(Record::to(topic).partition(partition).value(&value)).unwrap();
    let deliveries: Vec<_> = values.into_iter().map(send).collect();
    for delivery in deliveries {
        delivery.wait().unwrap();
    }
}

/// A timestamp (ms since the epoch) of some minutes ago: old ones fall to the brokers' retention in the middle of a test.
pub(crate) fn some_time_ago() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(now.as_millis()).unwrap() - 600_000
}

struct Unpark(std::thread::Thread);

impl std::task::Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// The smallest executor: it parks its thread until the future's waker is called.
pub(crate) fn block_on<F: Future>(mut future: Pin<&mut F>) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park_timeout(PATIENCE),
        }
    }
}

/// An executor with a new thread, and with that a new waker, for each poll.
pub(crate) fn poll_on_many_threads<T: Send + 'static>(mut future: Pin<Box<dyn Future<Output = T> + Send>>) -> T {
    struct Awake(std::sync::mpsc::SyncSender<()>);
    impl std::task::Wake for Awake {
        fn wake(self: Arc<Self>) {
            // Full: it will be polled anyway.
            let _ = self.0.try_send(());
        }
    }
    loop {
        let (wake, woken) = std::sync::mpsc::sync_channel(1);
        let waker = Waker::from(Arc::new(Awake(wake)));
        let polling = std::thread::spawn(move || {
            let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
            (polled, future)
        });
        let (polled, unfinished) = polling.join().expect("no poll panics");
        match polled {
            Poll::Ready(output) => return output,
            Poll::Pending => future = unfinished,
        }
        woken.recv_timeout(PATIENCE).expect("who is pending is woken");
    }
}
