//! Connections on virtual time: a broker in memory, and addresses that refuse or stay silent.

mod addresses;
mod clocks;
mod idle;
mod lines;
mod rebootstrap;
mod reconnecting;
mod storms;
mod traces;

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ottla_broker::{Broker, Clock, MemoryConnector};
use ottla_core::error::{Error, ErrorKind};
use tokio::io::DuplexStream;
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::{Connecting, Connector, Stream};
use crate::{Client, ClientBuilder, NewTopic, Record};

const START_MS: i64 = 1_700_000_000_000;

/// Leads to a broker in memory, except for two host names.
struct Network {
    broker: MemoryConnector,
    connects: AtomicU32,
    /// The other ends of what nobody answers.
    silent: Mutex<Vec<DuplexStream>>,
}

impl Network {
    fn open(&self, host: &str, port: u16) -> Result<Box<dyn Stream>, Error> {
        self.connects.fetch_add(1, Ordering::SeqCst);
        let refused = || Error::new(ErrorKind::Transport, "refused").retriable();
        match host {
            "refuses" => Err(refused()),
            "silent" => {
                let (ours, theirs) = tokio::io::duplex(1 << 20);
                self.silent.lock().unwrap().push(theirs);
                Ok(Box::new(ours))
            }
            _ => self.broker.connect(host, port).map(|stream| Box::new(stream) as Box<dyn Stream>).map_err(|_| refused()),
        }
    }
}

impl Connector for Network {
    fn connect<'a>(&'a self, host: &'a str, port: u16) -> Connecting<'a> {
        Box::pin(async move { self.open(host, port) })
    }
}

fn broker(brokers: usize) -> (Broker, Arc<Network>) {
    let broker = Broker::builder().in_memory().brokers(brokers).seed(1).clock(Clock::tokio(START_MS)).start().unwrap();
    let network = Network { broker: broker.memory_connector(), connects: AtomicU32::new(0), silent: Mutex::default() };
    (broker, Arc::new(network))
}

fn client(network: &Arc<Network>, servers: &str) -> ClientBuilder {
    let builder = Client::builder().runtime(Handle::current()).connector(network.clone()).seed(1).wall_clock(START_MS);
    builder.set("bootstrap.servers", servers).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_not_in_use_is_closed_and_opened_again_without_a_word() {
    let (_broker, network) = broker(1);
    let client = client(&network, "broker-1:9092").set("connections.max.idle.ms", "60000").unwrap();
    let client = client.set("topic.metadata.refresh.interval.ms", "-1").unwrap().set("metadata.max.age.ms", "86400000").unwrap();
    let client = client.connect().await.unwrap();
    client.admin().create_topic(NewTopic::new("t").partitions(1)).await.unwrap();
    let producer = client.producer().unwrap();
    producer.send(Record::to("t").value("1")).await.unwrap().await.unwrap();
    let before = network.connects.load(Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(client.metrics().connections, 0, "{:?}", client.metrics());
    assert_eq!(network.connects.load(Ordering::SeqCst), before, "closing it is no reason to connect again");
    let begun = Instant::now();
    producer.send(Record::to("t").value("2")).await.unwrap().await.unwrap();
    client.admin().list_topics().await.unwrap();
    // The linger, and no backoff.
    assert!(begun.elapsed() <= Duration::from_millis(10), "{:?}", begun.elapsed());
    assert!(network.connects.load(Ordering::SeqCst) > before);
}

#[tokio::test(start_paused = true)]
async fn bootstrap_servers_that_refuse_or_stay_silent_do_not_hold_up_the_one_that_answers() {
    for servers in ["refuses:1,broker-1:9092", "silent:1,broker-1:9092", "silent:1,refuses:1,silent:2,broker-1:9092"] {
        let (_broker, network) = broker(1);
        let begun = Instant::now();
        client(&network, servers).connect().await.unwrap();
        assert!(begun.elapsed() <= Duration::from_secs(5), "{servers}: {:?}", begun.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_alone_is_reported_in_time_with_its_address() {
    let (_broker, network) = broker(1);
    let begun = Instant::now();
    let error = client(&network, "silent:1").connect().await.map(drop).unwrap_err();
    assert_eq!((error.kind(), begun.elapsed()), (ErrorKind::AllBrokersDown, Duration::from_secs(10)));
    assert!(error.to_string().contains("silent:1"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn metadata_goes_on_when_a_broker_falls_silent() {
    let (broker, network) = broker(3);
    let client = client(&network, "broker-1:9092").set("socket.timeout.ms", "60000").unwrap().connect().await.unwrap();
    client.admin().create_topic(NewTopic::new("t").partitions(3)).await.unwrap();
    broker.isolate(1).unwrap();
    let begun = Instant::now();
    for _ in 0..20 {
        client.admin().describe_topic("t").await.unwrap();
    }
    assert!(begun.elapsed() <= Duration::from_secs(60), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_was_gone_and_came_back_is_found_again() {
    let (first, network) = broker(1);
    let client = client(&network, "broker-1:9092").connect().await.unwrap();
    client.admin().create_topic(NewTopic::new("t").partitions(1)).await.unwrap();
    first.stop_broker(1).unwrap();
    let down = client.admin().list_topics().await.unwrap_err();
    assert!(down.is_retriable(), "{down}");
    first.restart_broker(1).unwrap();
    assert_eq!(client.admin().list_topics().await.unwrap(), ["t"]);
}

#[test]
fn the_blocking_twins_need_no_executor() {
    let broker = Broker::builder().topic("t", 1).start().unwrap();
    let servers = broker.bootstrap_servers();
    let mut config = crate::Config::default();
    config.set("bootstrap.servers", servers).unwrap();
    let clients = [
        Client::connect_blocking(servers).unwrap(),
        Client::with_config_blocking(config).unwrap(),
        Client::builder().set("bootstrap.servers", servers).unwrap().connect_blocking().unwrap(),
    ];
    for (offset, client) in (0..).zip(clients) {
        let producer = client.producer().unwrap();
        let delivery = producer.send_blocking(Record::to("t").value("v")).unwrap();
        producer.flush_within_blocking(Duration::from_secs(60)).unwrap();
        assert_eq!(delivery.wait().unwrap().offset, offset);
    }
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_closes_connections_not_in_use_costs_no_error_and_no_time() {
    let (broker, network) = broker(1);
    let client = client(&network, "broker-1:9092").connect().await.unwrap();
    client.admin().create_topic(NewTopic::new("t").partitions(1)).await.unwrap();
    let producer = client.producer().unwrap();
    producer.send(Record::to("t").value("1")).await.unwrap().await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    // All connections close, and new ones are taken again.
    broker.stop_broker(1).unwrap();
    broker.restart_broker(1).unwrap();
    while client.metrics().connections > 0 {
        tokio::task::yield_now().await;
    }
    let begun = Instant::now();
    producer.send(Record::to("t").value("2")).await.unwrap().await.unwrap();
    client.admin().list_topics().await.unwrap();
    assert!(begun.elapsed() <= Duration::from_millis(10), "{:?}", begun.elapsed());
    assert_eq!(producer.metrics().retries, 0);
}
