//! The other end of a connection, as simple as it can be.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use bytes::Bytes;
use ottla_broker::Broker;
use ottla_protocol::messages::produce::{PartitionProduceData, PartitionProduceResponse, ProduceRequest, TopicProduceData};
use ottla_protocol::record::{Attributes, BatchBuilder, BatchHeader, seal_header};
use ottla_protocol::{Decode, Reader, Records, Request, Text, frame};

pub(crate) struct Peer(pub(crate) TcpStream);

impl Peer {
    pub(crate) fn connect(broker: &Broker) -> Self {
        let stream = TcpStream::connect(broker.bootstrap_servers()).unwrap();
        // A bound, so that a broker that does not answer fails a test instead of hanging it.
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self(stream)
    }

    pub(crate) fn send<R: Request>(&mut self, version: i16, request: &R) {
        let parts = frame::encode_request(version, 7, Some(&Text::from_static("test")), request).unwrap();
        self.0.write_all(&parts.concat()).unwrap();
    }

    pub(crate) fn receive<R: Request>(&mut self, version: i16) -> R::Response {
        let mut reader = Reader::new(self.receive_frame().expect("the broker closed the connection"));
        assert_eq!(frame::decode_response_header(&mut reader, R::KEY, version).unwrap(), 7);
        let response = R::Response::decode(&mut reader, version).unwrap();
        assert_eq!(reader.remaining(), 0);
        response
    }

    /// The next frame; none if the broker closed the connection.
    pub(crate) fn receive_frame(&mut self) -> Option<Bytes> {
        let mut size = [0; 4];
        match self.0.read_exact(&mut size) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => panic!("no answer"),
            Err(_) => return None,
        }
        let mut body = vec![0; u32::from_be_bytes(size) as usize];
        self.0.read_exact(&mut body).unwrap();
        Some(body.into())
    }

    pub(crate) fn ask<R: Request>(&mut self, version: i16, request: &R) -> R::Response {
        self.send(version, request);
        self.receive::<R>(version)
    }

    /// Produces one batch to partition 0.
    pub(crate) fn produce(&mut self, topic: &str, batch: Bytes) -> PartitionProduceResponse {
        let mut response = self.ask(12, &produce_request(topic, -1, batch));
        response.responses.remove(0).partition_responses.remove(0)
    }
}

pub(crate) fn produce_request(topic: &str, acks: i16, batch: Bytes) -> ProduceRequest {
    let partition = PartitionProduceData { index: 0, records: Some(Records::from(batch)), ..Default::default() };
    let topic = TopicProduceData { name: topic.into(), partition_data: vec![partition], ..Default::default() };
    ProduceRequest { acks, timeout_ms: 1000, topic_data: vec![topic], ..Default::default() }
}

/// A batch with these timestamps, one record for each.
pub(crate) fn batch(timestamps: &[i64]) -> Bytes {
    batch_with(timestamps, |_| {})
}

pub(crate) fn batch_with(timestamps: &[i64], change: impl FnOnce(&mut BatchHeader)) -> Bytes {
    let mut builder = BatchBuilder::new(Vec::new());
    for timestamp in timestamps {
        builder.append(*timestamp, Some(b"k"), Some(b"value"), std::iter::empty::<(&str, Option<&[u8]>)>()).unwrap();
    }
    let (payload, meta) = builder.finish();
    let mut header = BatchHeader::for_batch(&meta, Attributes::default());
    change(&mut header);
    let mut bytes = seal_header(&mut header, &payload).to_vec();
    bytes.extend_from_slice(&payload);
    bytes.into()
}
