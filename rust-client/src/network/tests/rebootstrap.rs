//! Clusters that move to other addresses, and that ask their clients to look for them anew (KIP-899, KIP-1102).

use std::collections::BTreeSet;

use ottla_broker::{ApiKey, Effect, ErrorCode, Rule};

use super::*;

/// Clusters by the names that they tell clients; `bootstrap` leads to whichever is said.
#[derive(Default)]
struct Names {
    clusters: Mutex<Vec<MemoryConnector>>,
    bootstrap: Mutex<Option<MemoryConnector>>,
    connects: AtomicU32,
}

impl Connector for Names {
    fn connect<'a>(&'a self, host: &'a str, port: u16) -> Connecting<'a> {
        self.connects.fetch_add(1, Ordering::SeqCst);
        let stream = match host {
            "bootstrap" => self.bootstrap.lock().unwrap().as_ref().and_then(|cluster| cluster.connect_to(1).ok()),
            _ => self.clusters.lock().unwrap().iter().find_map(|cluster| cluster.connect(host, port).ok()),
        };
        let refused = || Error::new(ErrorKind::Transport, "refused").retriable();
        Box::pin(async move { stream.map(|stream| Box::new(stream) as Box<dyn Stream>).ok_or_else(refused) })
    }
}

impl Names {
    /// A cluster whose brokers are at this host, at a port each, with the topic `t`.
    fn cluster(&self, host: &str, brokers: usize) -> Broker {
        let builder = Broker::builder().in_memory().brokers(brokers).seed(1).clock(Clock::tokio(START_MS));
        let broker = builder.advertised(format!("{host}:9092")).topic("t", 3).journal(10_000).start().unwrap();
        self.clusters.lock().unwrap().push(broker.memory_connector());
        broker
    }

    fn lead_to(&self, broker: &Broker) {
        *self.bootstrap.lock().unwrap() = Some(broker.memory_connector());
    }

    fn client(self: &Arc<Self>) -> ClientBuilder {
        let builder = Client::builder().runtime(Handle::current()).connector(self.clone()).seed(1).wall_clock(START_MS);
        builder.set("bootstrap.servers", "bootstrap:9092").unwrap()
    }
}

fn hosts(client: &Client) -> BTreeSet<String> {
    client.brokers().into_iter().map(|broker| format!("{}:{}", broker.host, broker.port)).collect()
}

fn addresses(host: &str, brokers: u16) -> BTreeSet<String> {
    (0..brokers).map(|n| format!("{host}:{}", 9092 + n)).collect()
}

async fn written(client: &Client, value: &str) -> i64 {
    let producer = client.producer().unwrap();
    producer.send(Record::to("t").partition(0).value(value)).await.unwrap().await.unwrap().offset
}

fn stop_all(broker: &Broker) {
    for id in broker.broker_ids() {
        broker.stop_broker(id).unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_moved_is_found_through_the_bootstrap_servers() {
    let names = Arc::new(Names::default());
    let old = names.cluster("old", 3);
    names.lead_to(&old);
    let client = names.client().connect().await.unwrap();
    let producer = client.producer().unwrap();
    let send = |value: &'static str| producer.send(Record::to("t").partition(0).value(value));
    assert_eq!(send("1").await.unwrap().await.unwrap().offset, 0);
    assert_eq!(hosts(&client), addresses("old", 3));
    // All known brokers are gone, and the name leads to others.
    stop_all(&old);
    let new = names.cluster("new", 2);
    names.lead_to(&new);
    let begun = Instant::now();
    assert_eq!(send("2").await.unwrap().await.unwrap().offset, 0, "it has a log of its own");
    assert!(begun.elapsed() <= Duration::from_secs(15), "{:?}", begun.elapsed());
    assert_eq!(hosts(&client), addresses("new", 2));
    assert_eq!(client.admin().list_topics().await.unwrap(), ["t"]);
    // And again, this time while nothing is asked for.
    stop_all(&new);
    let third = names.cluster("third", 1);
    names.lead_to(&third);
    tokio::time::sleep(Duration::from_secs(900)).await;
    assert_eq!(hosts(&client), addresses("third", 1));
    assert_eq!(written(&client, "3").await, 0);
}

#[tokio::test(start_paused = true)]
async fn without_rebootstrap_the_known_brokers_are_asked_and_no_others() {
    let names = Arc::new(Names::default());
    let old = names.cluster("old", 2);
    names.lead_to(&old);
    let client = names.client().set("metadata.recovery.strategy", "none").unwrap().connect().await.unwrap();
    assert_eq!(written(&client, "1").await, 0);
    stop_all(&old);
    let new = names.cluster("new", 2);
    names.lead_to(&new);
    let producer = client.producer().unwrap();
    let error = producer.send(Record::to("t").partition(0).value("2")).await.unwrap().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MsgTimedOut, "{error}");
    assert_eq!(new.journal().count(|_| true), 0);
    for id in old.broker_ids() {
        old.restart_broker(id).unwrap();
    }
    assert_eq!(written(&client, "3").await, 1);
}

#[tokio::test(start_paused = true)]
async fn brokers_that_ask_for_it_are_left_for_the_bootstrap_servers() {
    let names = Arc::new(Names::default());
    let old = names.cluster("old", 2);
    names.lead_to(&old);
    let client = names.client().connect().await.unwrap();
    assert_eq!(written(&client, "1").await, 0);
    // They go on running, but have no word on metadata any more.
    let gone = Effect::Error { code: ErrorCode::RebootstrapRequired, applied: false };
    old.add_fault(Rule::on(ApiKey::Metadata, gone)).unwrap();
    let new = names.cluster("new", 1);
    names.lead_to(&new);
    // Something shows that what is known is stale.
    let moved = Effect::Error { code: ErrorCode::NotLeaderOrFollower, applied: false };
    old.add_fault(Rule::on(ApiKey::Produce, moved)).unwrap();
    let begun = Instant::now();
    assert_eq!(written(&client, "2").await, 0, "in the other cluster");
    assert!(begun.elapsed() <= Duration::from_secs(15), "{:?}", begun.elapsed());
    assert_eq!(hosts(&client), addresses("new", 1));
    let asked = old.journal().count(|entry| entry.api == ApiKey::Metadata);
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(old.journal().count(|entry| entry.api == ApiKey::Metadata), asked, "the old ones are not asked any more");
}

#[tokio::test(start_paused = true)]
async fn bootstrap_servers_that_ask_for_it_too_are_asked_again_without_a_storm() {
    let names = Arc::new(Names::default());
    let broker = names.cluster("old", 1);
    names.lead_to(&broker);
    let client = names.client().connect().await.unwrap();
    assert_eq!(written(&client, "1").await, 0);
    let gone = Effect::Error { code: ErrorCode::RebootstrapRequired, applied: false };
    let rule = broker.add_fault(Rule::on(ApiKey::Metadata, gone)).unwrap();
    let before = broker.journal().count(|entry| entry.api == ApiKey::Metadata);
    let producer = client.producer().unwrap();
    client.inner.refresh();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let asked = broker.journal().count(|entry| entry.api == ApiKey::Metadata) - before;
    // From retry.backoff.ms up to retry.backoff.max.ms between two.
    assert!((40..=90).contains(&asked), "{asked} in a minute");
    broker.remove_fault(rule).unwrap();
    assert_eq!(producer.send(Record::to("t").partition(0).value("2")).await.unwrap().await.unwrap().offset, 1);
    assert_eq!(hosts(&client), addresses("old", 1));
}
