//! Connections to a broker, and what was heard on them.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use bytes::Bytes;
use ottla_protocol::messages::create_topics::CreatableTopic;
use ottla_protocol::messages::{CreateTopicsRequest, FindCoordinatorRequest, MetadataRequest, OffsetFetchRequest};
use ottla_protocol::{Decode, Reader, Request, Text, Uuid, frame};

/// One connection.
pub(crate) struct Peer(TcpStream);

impl Peer {
    pub(crate) fn connect(servers: &str) -> Self {
        let stream = TcpStream::connect(servers).unwrap();
        // A bound, so that a broker that does not answer fails a test instead of hanging it.
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        Self(stream)
    }

    pub(crate) fn send<R: Request>(&mut self, version: i16, request: &R) {
        let parts = frame::encode_request(version, 7, Some(&Text::from_static("test")), request).unwrap();
        self.0.write_all(&parts.concat()).unwrap();
    }

    pub(crate) fn receive<R: Request>(&mut self, version: i16) -> R::Response {
        let mut size = [0; 4];
        self.0.read_exact(&mut size).unwrap();
        let mut body = vec![0; u32::from_be_bytes(size) as usize];
        self.0.read_exact(&mut body).unwrap();
        let mut reader = Reader::new(Bytes::from(body));
        assert_eq!(frame::decode_response_header(&mut reader, R::KEY, version).unwrap(), 7);
        let response = R::Response::decode(&mut reader, version).unwrap();
        assert_eq!(reader.remaining(), 0);
        response
    }

    pub(crate) fn ask<R: Request>(&mut self, version: i16, request: &R) -> R::Response {
        self.send(version, request);
        self.receive::<R>(version)
    }
}

/// What is asked of one broker, on one or more connections, and what it said.
pub(crate) struct Script {
    servers: String,
    pub(crate) peer: Peer,
    pub(crate) group: Text,
    pub(crate) topic: Text,
    pub(crate) topic_id: Uuid,
    heard: Vec<String>,
    /// What differs from run to run, and what stands for it.
    names: BTreeMap<String, String>,
}

impl Script {
    /// With a topic of two partitions, and the group's coordinator there.
    pub(crate) fn start(servers: &str, name: &str) -> Self {
        let mut peer = Peer::connect(servers);
        let (group, topic) = (format!("{name}-group"), format!("{name}-topic"));
        let create =
            CreatableTopic { name: topic.as_str().into(), num_partitions: 2, replication_factor: 1, ..Default::default() };
        let created = peer.ask(7, &CreateTopicsRequest { topics: vec![create], timeout_ms: 30_000, ..Default::default() });
        assert_eq!(created.topics[0].error_code, 0);
        let topic_id = created.topics[0].topic_id;
        let mut script = Self {
            servers: servers.into(),
            peer,
            group: group.into(),
            topic: topic.into(),
            topic_id,
            heard: vec![],
            names: BTreeMap::new(),
        };
        let find = FindCoordinatorRequest { key: script.group.clone(), ..Default::default() };
        // Kafka makes __consumer_offsets meanwhile, and then loads it. Each question is one to the broker: no time is waited for.
        while script.peer.ask(3, &find).error_code != 0 {}
        let all = MetadataRequest { topics: None, ..Default::default() };
        while !script.peer.ask(12, &all).topics.iter().any(|it| it.topic_id == script.topic_id) {}
        let fetch = OffsetFetchRequest { group_id: script.group.clone(), ..Default::default() };
        while script.peer.ask(5, &fetch).error_code != 0 {}
        script.name(&topic_id.to_string(), "TOPIC-ID");
        script
    }

    pub(crate) fn connect(&self) -> Peer {
        Peer::connect(&self.servers)
    }

    pub(crate) fn servers(&self) -> &str {
        &self.servers
    }

    /// From now on this is called so.
    pub(crate) fn name(&mut self, what: &str, name: &str) {
        if !what.is_empty() {
            self.names.insert(what.into(), name.into());
        }
    }

    /// What this is called.
    pub(crate) fn called(&self, what: &str) -> String {
        self.names.get(what).cloned().unwrap_or_default()
    }

    pub(crate) fn note(&mut self, what: &str, response: &impl std::fmt::Debug) {
        self.heard.push(format!("{what}: {response:?}"));
    }

    /// Asks on the script's own connection, and notes the answer.
    pub(crate) fn ask<R: Request>(&mut self, what: &str, version: i16, request: &R) -> R::Response
    where
        R::Response: std::fmt::Debug,
    {
        let response = self.peer.ask(version, request);
        self.note(&format!("{what} v{version}"), &response);
        response
    }

    /// What was heard, with names in place of what differs.
    pub(crate) fn heard(self) -> Vec<String> {
        let plain = |line: String| self.names.iter().fold(line, |line, (what, name)| line.replace(what, name));
        self.heard.into_iter().map(plain).collect()
    }
}
