//! The program. It has a process of its own, since between fork and exec a child holds the sockets of all tests beside it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use ottla_protocol::messages::MetadataRequest;

#[path = "api/peer.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod peer;

fn peer_at(address: &str) -> peer::Peer {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    peer::Peer(stream)
}

#[test]
fn the_program_says_where_all_brokers_are() {
    let mut program = Command::new(env!("CARGO_BIN_EXE_broker-lite"))
        .args(["--listen", "127.0.0.1:0", "--brokers", "3", "--rack", "a,b", "--ready-json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(program.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let addresses = line.trim().strip_prefix("{\"bootstrap_servers\":\"").and_then(|rest| rest.strip_suffix("\"}")).unwrap();
    let addresses: Vec<&str> = addresses.split(',').collect();
    assert_eq!(addresses.len(), 3);
    for address in addresses {
        let seen = peer_at(address).ask(12, &MetadataRequest { topics: None, ..Default::default() });
        let racks: Vec<_> = seen.brokers.iter().map(|it| it.rack.as_deref().unwrap().to_owned()).collect();
        assert_eq!(racks, ["a", "b", "a"]);
    }
    program.kill().unwrap();
    program.wait().unwrap();
}

#[test]
fn the_program_stops_brokers_and_moves_leaders_when_it_is_told() {
    let mut program = Command::new(env!("CARGO_BIN_EXE_broker-lite"))
        .args(["--listen", "127.0.0.1:0", "--brokers", "3", "--control"])
        .args(["--config", "default.replication.factor=3", "--topic", "t:1"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut answers = BufReader::new(program.stdout.take().unwrap()).lines();
    let addresses = answers.next().unwrap().unwrap();
    let addresses: Vec<&str> = addresses.split(',').collect();
    let mut commands = program.stdin.take().unwrap();
    let mut tell = |line: &str| {
        writeln!(commands, "{line}").unwrap();
        answers.next().unwrap().unwrap()
    };
    let leader = || {
        let seen = peer_at(addresses[0]).ask(12, &MetadataRequest { topics: None, ..Default::default() });
        seen.topics.iter().find(|topic| topic.name.as_deref() == Some("t")).unwrap().partitions[0].leader_id
    };
    assert_eq!(tell("move-leader t 0 3"), "ok");
    assert_eq!(leader(), 3);
    assert_eq!(tell("stop 3"), "ok");
    assert_ne!(leader(), 3);
    assert!(TcpStream::connect(addresses[2]).is_err());
    assert_eq!(tell("restart 3"), "ok");
    assert!(TcpStream::connect(addresses[2]).is_ok());
    for command in ["isolate 2", "heal 2", "move-controller 2"] {
        assert_eq!(tell(command), "ok", "{command}");
    }
    for command in ["stop 9", "stop x", "move-leader none 0 1", "dance", ""] {
        assert!(tell(command).starts_with("error: "), "{command}");
    }
    program.kill().unwrap();
    program.wait().unwrap();
}
