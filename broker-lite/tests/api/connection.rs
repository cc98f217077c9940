//! Connections, versions, starting and stopping.

use std::io::Write;
use std::time::{Duration, Instant};

use ottla_broker::{Broker, Clock, Error};
use ottla_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse, EndTxnRequest, FindCoordinatorRequest, MetadataRequest};
use ottla_protocol::{Decode, Reader, Text};

use crate::peer::Peer;

fn api_versions() -> ApiVersionsRequest {
    ApiVersionsRequest { client_software_name: "test".into(), client_software_version: "1.0".into(), ..Default::default() }
}

#[test]
fn versions_are_advertised_as_kafka_does_it() {
    let broker = Broker::start_blocking().unwrap();
    let mut peer = Peer::connect(&broker);
    for version in 0..=4 {
        let response = peer.ask(version, &api_versions());
        let range =
            |key: i16| response.api_keys.iter().find(|api| api.api_key == key).map(|api| (api.min_version, api.max_version));
        assert_eq!(response.error_code, 0);
        assert_eq!((range(0), range(1), range(10), range(11)), (Some((0, 13)), Some((4, 18)), Some((0, 6)), Some((0, 9))));
        assert_eq!((range(8), range(9), range(12)), (Some((2, 10)), Some((1, 10)), Some((0, 4))));
        assert_eq!(range(26), None, "EndTxn is not served");
    }
    let unnamed = peer.ask(4, &ApiVersionsRequest::default());
    assert_eq!(unnamed.error_code, 42);
}

#[test]
fn a_client_of_the_future_hears_what_there_is() {
    let broker = Broker::start_blocking().unwrap();
    let mut peer = Peer::connect(&broker);
    // Key 18, version 99, correlation id 7, null client id, no tagged fields, and a body that nobody knows.
    peer.0.write_all(&[0, 0, 0, 14, 0, 18, 0, 99, 0, 0, 0, 7, 0xff, 0xff, 0, 1, 2, 3]).unwrap();
    let mut reader = Reader::new(peer.receive_frame().unwrap());
    assert_eq!(reader.read_i32().unwrap(), 7);
    let response = ApiVersionsResponse::decode(&mut reader, 0).unwrap();
    assert_eq!((response.error_code, response.api_keys.len(), reader.remaining()), (35, 1, 0));
    assert_eq!((response.api_keys[0].api_key, response.api_keys[0].max_version), (18, 4));
    assert_eq!(peer.ask(3, &api_versions()).error_code, 0);
}

#[test]
fn what_is_not_served_closes_the_connection() {
    let broker = Broker::start_blocking().unwrap();
    let mut peer = Peer::connect(&broker);
    peer.send(4, &EndTxnRequest::default());
    assert!(peer.receive_frame().is_none());
    for bytes in [
        &[0xff, 0xff, 0xff, 0xff][..],                                     // a negative size
        &[0x7f, 0xff, 0xff, 0xff],                                         // a huge one
        &[0, 0, 0, 10, 0x70, 0, 0, 0, 0, 0, 0, 1, 0xff, 0xff],             // an unknown key
        &[0, 0, 0, 10, 0, 0, 0, 2, 0, 0, 0, 1, 0xff, 0xff],                // Produce version 2: advertised, not served
        &[0, 0, 0, 14, 0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0x7f, 0, 0, 0], // Metadata with two billion topics
        b"GET / HTTP/1.1\r\n\r\n",
    ] {
        let mut peer = Peer::connect(&broker);
        peer.0.write_all(bytes).unwrap();
        assert!(peer.receive_frame().is_none(), "{bytes:?}");
    }
    assert_eq!(Peer::connect(&broker).ask(3, &api_versions()).error_code, 0);
}

#[test]
fn groups_have_a_coordinator_and_transactions_have_none() {
    let broker = Broker::start_blocking().unwrap();
    let mut peer = Peer::connect(&broker);
    for version in 0..=3 {
        let found = peer.ask(version, &FindCoordinatorRequest { key: "g".into(), ..Default::default() });
        assert_eq!((found.error_code, found.node_id), (0, 1));
        assert_eq!(format!("{}:{}", found.host, found.port), broker.bootstrap_servers());
    }
    for (key_type, code) in [(0, 0), (1, 15), (2, 15), (3, 42)] {
        for version in 4..=6 {
            let coordinator_keys = vec![Text::from("g"), Text::from("")];
            let found = peer.ask(version, &FindCoordinatorRequest { key_type, coordinator_keys, ..Default::default() });
            let codes: Vec<i16> = found.coordinators.iter().map(|coordinator| coordinator.error_code).collect();
            assert_eq!(codes, [code, code]);
        }
    }
}

#[test]
fn requests_are_answered_in_order() {
    let broker = Broker::start_blocking().unwrap();
    let mut peer = Peer::connect(&broker);
    for _ in 0..100 {
        peer.send(3, &api_versions());
        peer.send(12, &MetadataRequest::default());
    }
    for _ in 0..100 {
        peer.receive::<ApiVersionsRequest>(3);
        assert_eq!(peer.receive::<MetadataRequest>(12).brokers.len(), 1);
    }
}

#[test]
fn the_address_is_the_one_that_was_reached_or_told() {
    let broker = Broker::builder().listen("0.0.0.0:0").start().unwrap();
    let metadata = Peer::connect(&broker).ask(12, &MetadataRequest::default());
    assert_eq!(
        (metadata.brokers[0].host.as_str(), metadata.brokers[0].port),
        ("127.0.0.1", i32::from(broker.local_addr().port()))
    );
    let broker = Broker::builder().advertised("kafka.example:9").start().unwrap();
    assert_eq!(broker.bootstrap_servers(), "kafka.example:9");
    assert!(matches!(Broker::builder().advertised("nowhere").start(), Err(Error::Advertised(_))));
    let taken = broker.local_addr().to_string();
    assert!(matches!(Broker::builder().listen(taken).start(), Err(Error::Bind { .. })));
}

#[test]
fn a_stop_closes_everything_within_its_bound() {
    let broker = Broker::start_blocking().unwrap();
    let address = broker.local_addr();
    let mut peer = Peer::connect(&broker);
    peer.ask(3, &api_versions());
    let begun = Instant::now();
    broker.stop();
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert!(peer.receive_frame().is_none());
    assert!(std::net::TcpStream::connect(address).is_err());
}

#[tokio::test]
async fn it_starts_inside_a_runtime_too() {
    let own = Broker::start().await.unwrap();
    let blocking = Broker::start_blocking().unwrap();
    let given = Broker::builder().runtime(tokio::runtime::Handle::current()).clock(Clock::manual(5)).start().unwrap();
    let ports = [own.local_addr().port(), blocking.local_addr().port(), given.local_addr().port()];
    assert!(ports[0] != ports[1] && ports[1] != ports[2]);
    let asked = tokio::task::spawn_blocking(move || (Peer::connect(&given).ask(3, &api_versions()).error_code, given));
    assert_eq!(asked.await.unwrap().0, 0);
}

#[test]
fn a_broker_may_be_shared_by_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Broker>();
    shared::<ottla_broker::BrokerBuilder>();
}
