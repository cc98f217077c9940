//! Several brokers over TCP.

use std::net::TcpStream;
use std::time::Duration;

use ottla_broker::{Broker, Error};
use ottla_protocol::messages::MetadataRequest;

use crate::peer::Peer;

fn peer_at(address: &str) -> Peer {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    Peer(stream)
}

fn all() -> MetadataRequest {
    MetadataRequest { topics: None, ..Default::default() }
}

#[test]
fn each_broker_has_a_port_and_keeps_it() {
    let broker = Broker::builder().brokers(3).config("default.replication.factor", "3").unwrap().topic("t", 3).start().unwrap();
    assert_eq!((broker.broker_ids(), broker.bootstrap_servers().split(',').count()), (vec![1, 2, 3], 3));
    let addresses: Vec<String> = broker.broker_ids().iter().map(|id| broker.address_of(*id).unwrap()).collect();
    let mut peer = peer_at(&addresses[0]);
    let seen: Vec<String> = peer.ask(12, &all()).brokers.iter().map(|it| format!("{}:{}", it.host, it.port)).collect();
    assert_eq!(seen, addresses);

    broker.stop_broker(1).unwrap();
    assert!(peer.receive_frame().is_none(), "its connections are closed");
    assert!(TcpStream::connect(&addresses[0]).is_err(), "new ones are refused");
    assert_eq!(peer_at(&addresses[1]).ask(12, &all()).brokers.len(), 2);
    broker.restart_broker(1).unwrap();
    assert_eq!(broker.address_of(1).unwrap(), addresses[0]);
    assert_eq!(peer_at(&addresses[0]).ask(12, &all()).brokers.len(), 3);
}

#[test]
fn an_isolated_broker_accepts_and_says_nothing() {
    let broker = Broker::builder().brokers(2).start().unwrap();
    broker.isolate(2).unwrap();
    let mut peer = peer_at(&broker.address_of(2).unwrap());
    peer.send(12, &all());
    // What it is asked now it answers once it is back, and then it knows everything again.
    assert_eq!(peer_at(&broker.address_of(1).unwrap()).ask(12, &all()).brokers.len(), 1);
    broker.heal(2).unwrap();
    assert_eq!(peer.receive::<MetadataRequest>(12).brokers.len(), 2);
}

#[test]
fn the_number_of_brokers_is_bounded() {
    for number in [0, 101] {
        assert!(matches!(Broker::builder().brokers(number).start(), Err(Error::Brokers(refused)) if refused == number));
    }
    let told = Broker::builder().brokers(2).advertised("kafka.example:9").start().unwrap();
    assert_eq!(told.bootstrap_servers(), "kafka.example:9,kafka.example:10");
}
