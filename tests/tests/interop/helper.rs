//! What the tests share: both brokers, clients, topics, reading a partition.

use std::time::Duration;

use ottla::{Client, NewTopic, Record, StartAt};
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
    name
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
