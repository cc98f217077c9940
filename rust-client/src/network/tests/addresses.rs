//! Names with several addresses, some of them dead, on virtual time.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;

use ottla_core::error::ErrorKind;

use super::super::AddressFamily;
use super::super::transport::{Reach, TcpConnector, Waiting};
use super::*;

/// A name service and what is behind the addresses.
struct Dns {
    names: Mutex<BTreeMap<&'static str, Vec<SocketAddr>>>,
    broker: MemoryConnector,
    dialed: Mutex<Vec<SocketAddr>>,
    silent: Mutex<Vec<DuplexStream>>,
}

const LIVE: &str = "10.0.0.1:9092";
const LIVE_V6: &str = "[fd00::1]:9092";
/// Packets to it are lost.
const DEAD: &str = "10.0.0.2:9092";
const DEAD_V6: &str = "[fd00::2]:9092";
const REFUSES: &str = "10.0.0.3:9092";
/// It takes connections, and says nothing.
const SILENT: &str = "10.0.0.4:9092";

impl Reach for Dns {
    fn resolve<'a>(&'a self, host: &'a str, _port: u16) -> Waiting<'a, Vec<SocketAddr>> {
        let found = self.names.lock().unwrap().get(host).cloned();
        Box::pin(async move { found.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound)) })
    }

    fn dial(&self, address: SocketAddr) -> Waiting<'_, Box<dyn Stream>> {
        self.dialed.lock().unwrap().push(address);
        Box::pin(async move {
            match address.to_string().as_str() {
                LIVE | LIVE_V6 => Ok(Box::new(self.broker.connect_to(1)?) as Box<dyn Stream>),
                DEAD | DEAD_V6 => std::future::pending().await,
                SILENT => {
                    let (ours, theirs) = tokio::io::duplex(1 << 16);
                    self.silent.lock().unwrap().push(theirs);
                    Ok(Box::new(ours) as Box<dyn Stream>)
                }
                _ => Err(io::ErrorKind::ConnectionRefused.into()),
            }
        })
    }
}

/// A broker that is at `cluster:9092`, a name with these addresses.
fn named(addresses: &[&str]) -> (Broker, Arc<Dns>) {
    let broker = Broker::builder().in_memory().seed(1).clock(Clock::tokio(START_MS)).advertised("cluster:9092").topic("t", 1);
    let broker = broker.start().unwrap();
    let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
    let dns = Dns {
        names: Mutex::new([("cluster", addresses)].into()),
        broker: broker.memory_connector(),
        dialed: Mutex::default(),
        silent: Mutex::default(),
    };
    (broker, Arc::new(dns))
}

fn reaching(dns: &Arc<Dns>, family: AddressFamily) -> ClientBuilder {
    let connector = Arc::new(TcpConnector::reaching(family, dns.clone()));
    let builder = Client::builder().runtime(Handle::current()).connector(connector).seed(1).wall_clock(START_MS);
    builder.set("bootstrap.servers", "cluster:9092").unwrap()
}

#[tokio::test(start_paused = true)]
async fn dead_addresses_of_a_name_cost_little() {
    for addresses in [
        &[LIVE, DEAD][..],
        &[DEAD, LIVE],
        &[REFUSES, LIVE],
        &[DEAD, REFUSES, DEAD_V6, DEAD, LIVE],
        &[DEAD_V6, LIVE],
        &[DEAD, LIVE_V6],
    ] {
        let (_broker, dns) = named(addresses);
        let begun = Instant::now();
        let client = reaching(&dns, AddressFamily::Any).connect().await.unwrap();
        // A quarter of a second for each of the dead, and far from socket.connection.setup.timeout.ms.
        let dead = u32::try_from(addresses.len()).unwrap() - 1;
        assert!(begun.elapsed() <= Duration::from_millis(300) * dead, "{addresses:?}: {:?}", begun.elapsed());
        // The same for the connections to the broker that go by its own name.
        let begun = Instant::now();
        let producer = client.producer().unwrap();
        producer.send(Record::to("t").value("v")).await.unwrap().await.unwrap();
        assert!(begun.elapsed() <= Duration::from_millis(600) * dead, "{addresses:?}: {:?}", begun.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn an_address_that_only_takes_connections_is_left_for_the_next() {
    let (_broker, dns) = named(&[SILENT, LIVE]);
    let client = reaching(&dns, AddressFamily::Any).set("socket.connection.setup.timeout.ms", "2000").unwrap();
    let begun = Instant::now();
    client.connect().await.unwrap();
    // The time for one connection, and the waits before the next.
    assert!(begun.elapsed() <= Duration::from_secs(4), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn addresses_that_are_all_dead_are_told_in_time() {
    for addresses in [&[DEAD, DEAD_V6][..], &[REFUSES, REFUSES], &[]] {
        let (_broker, dns) = named(addresses);
        let begun = Instant::now();
        let error = reaching(&dns, AddressFamily::Any).connect().await.map(drop).unwrap_err();
        assert!(begun.elapsed() <= Duration::from_secs(10), "{addresses:?}: {:?}", begun.elapsed());
        assert_eq!(error.kind(), ErrorKind::AllBrokersDown, "{error}");
        assert!(error.to_string().contains("cluster"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn only_addresses_of_the_family_are_tried() {
    for (family, live) in [(AddressFamily::V4, LIVE), (AddressFamily::V6, LIVE_V6)] {
        let (_broker, dns) = named(&[LIVE_V6, LIVE]);
        reaching(&dns, family).connect().await.unwrap();
        let dialed = dns.dialed.lock().unwrap().clone();
        assert!(!dialed.is_empty() && dialed.iter().all(|address| address.to_string() == live), "{dialed:?}");
    }
    let (_broker, dns) = named(&[LIVE]);
    let error = reaching(&dns, AddressFamily::V6).connect().await.map(drop).unwrap_err();
    assert!(error.to_string().contains("broker.address.family"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn the_property_says_which_family() {
    let client = Client::builder().set("bootstrap.servers", "127.0.0.1:1").unwrap().set("broker.address.family", "v6").unwrap();
    let error = client.connect().await.map(drop).unwrap_err();
    assert!(error.to_string().contains("127.0.0.1 has no address of the family"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_name_that_leads_elsewhere_later_is_asked_for_each_time() {
    let (broker, dns) = named(&[LIVE]);
    let client = reaching(&dns, AddressFamily::Any).connect().await.unwrap();
    let producer = client.producer().unwrap();
    let send = |value: &'static str| producer.send(Record::to("t").value(value));
    send("1").await.unwrap().await.unwrap();
    dns.names.lock().unwrap().clear();
    broker.stop_broker(1).unwrap();
    broker.restart_broker(1).unwrap();
    let delivery = send("2").await.unwrap();
    tokio::time::sleep(Duration::from_secs(30)).await;
    // The name is back, and leads to another address.
    dns.names.lock().unwrap().insert("cluster", vec![LIVE_V6.parse().unwrap()]);
    assert_eq!(delivery.await.unwrap().offset, 1);
    assert!(dns.dialed.lock().unwrap().iter().any(|address| address.to_string() == LIVE_V6));
}
