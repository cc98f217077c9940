//! A running broker under changed requests, random bytes, lengths that lie, and peers that stop halfway; a client beside them goes
//! on undisturbed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod beside;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};

use beside::{Beside, LONG};
use bytes::Bytes;
use ottla::{Client, NewTopic, Record, StartAt};
use ottla_broker::Broker;
use ottla_hostile_tests::allocator::Process;
use ottla_hostile_tests::mutation::{mutate, noise};
use ottla_hostile_tests::proxy::{Between, Proxy, Request, sized};
use ottla_hostile_tests::{batches, messages, panics, seed};
use ottla_protocol::arbitrary::Random;
use ottla_protocol::messages::create_topics::{CreatableTopic, CreateTopicsRequest};
use ottla_protocol::messages::list_offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use ottla_protocol::messages::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use ottla_protocol::{ApiKey, Records, frame};

/// The largest block that the broker may allocate, whatever is claimed. Its log is in memory and grows in segments.
const LARGEST: usize = 4 << 20;
/// The same where it looks inside a batch: deflate makes up to 1032 bytes of one, a batch here is some kilobytes long, and what it
/// is inflated into grows by doubling.
const INFLATED: usize = 64 << 20;
/// The most memory for all of it: the hostile connections, and what they did manage to write.
const PEAK: isize = 128 << 20;

/// Keeps the requests that a real client makes.
#[derive(Default)]
struct Recorder(Mutex<Vec<Request>>);

impl Between for Recorder {
    fn request(&self, request: &Request) {
        self.0.lock().unwrap().push(request.clone());
    }

    fn response(&self, _request: Option<&Request>, frame: Vec<u8>) -> Option<Vec<u8>> {
        Some(sized(&frame))
    }
}

/// Has a client do what clients do, to the topic `target`, and answers its requests: changed ones find what they ask for.
fn recorded(bootstrap_servers: &str, recorder: &Recorder) -> Vec<Request> {
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let builder = Client::builder().set("bootstrap.servers", bootstrap_servers).unwrap();
        let client = builder.set("compression.codec", codec).unwrap().set("client.id", codec).unwrap().build().unwrap();
        let producer = client.producer().unwrap();
        let deliveries: Vec<_> = (0..20)
            .map(|i| producer.send_blocking(Record::to("target").key(&[i]).value(codec).header("header", "value")).unwrap())
            .collect();
        for delivery in deliveries {
            delivery.wait().unwrap();
        }
        let consumer = client.consumer().unwrap();
        consumer.assign([("target", 0, StartAt::Beginning), ("target", 1, StartAt::Beginning)]);
        consumer.next_blocking(LONG).unwrap().unwrap();
        client.admin().create_topic_blocking(NewTopic::new(format!("topic-{codec}"))).unwrap();
        if codec == "none" {
            client.admin().create_topic_blocking(NewTopic::new("compacted").config("cleanup.policy", "compact")).unwrap();
        }
        producer.close_blocking().unwrap();
    }
    std::mem::take(&mut *recorder.0.lock().unwrap())
}

/// What one hostile connection sends.
fn hostile(random: &mut Random, valid: &[Request], messages: &messages::Messages) -> Vec<u8> {
    let pick = |random: &mut Random| valid[random.below(valid.len())].frame.clone();
    match random.below(10) {
        0 => noise(random),
        1 => {
            // A size that lies, and a little of what it promises.
            let size = [i32::MAX, i32::MIN, -1, 104_857_600, 104_857_601, 50_000_000, 0, 1][random.below(8)];
            let mut bytes = size.to_be_bytes().to_vec();
            bytes.extend(pick(random));
            bytes
        }
        2 => {
            // Half of a request.
            let mut bytes = sized(&pick(random));
            bytes.truncate(random.below(bytes.len()));
            bytes
        }
        3 => {
            // The size is changed as well.
            let (mut bytes, other) = (sized(&pick(random)), pick(random));
            mutate(random, &mut bytes, &other);
            bytes
        }
        4 => {
            // Any request of any API in any version, valid or not.
            let (api, version, body) = messages.request(random);
            let mut frame = [api.code().to_be_bytes(), version.to_be_bytes()].concat();
            frame.extend_from_slice(&[0, 0, 0, 1, 0xff, 0xff]);
            if api.request_header_version(version) == 2 {
                frame.push(0);
            }
            frame.extend(body);
            if random.flip() {
                let other = pick(random);
                mutate(random, &mut frame, &other);
            }
            sized(&frame)
        }
        _ => {
            // Several changed requests with the right sizes, so that the handlers are reached.
            let mut bytes = Vec::new();
            for _ in 0..=random.below(3) {
                let (mut frame, other) = (pick(random), pick(random));
                let head = frame[..8.min(frame.len())].to_vec();
                mutate(random, &mut frame, &other);
                // Mostly with the API and the version as they were.
                if random.below(4) > 0 && frame.len() >= head.len() {
                    frame[..head.len()].copy_from_slice(&head);
                }
                bytes.extend(sized(&frame));
            }
            bytes
        }
    }
}

/// Batches whose checksum is right and whose inside is not, and then the requests for which a broker looks inside: a search by
/// time, and keys where the topic is compacted.
fn batches_that_lie(random: &mut Random) -> Vec<u8> {
    let mut bytes = Vec::new();
    for name in ["garbage", "compacted"] {
        // Of those that lie hardly any has a key for each record.
        let is_keyed = name == "compacted" && random.below(8) == 0;
        let batch = if is_keyed { batches::keyed(random) } else { batches::arbitrary(random, true) };
        let records = Records::from(Bytes::from(batch));
        let partition = PartitionProduceData { index: 0, records: Some(records), ..Default::default() };
        let topic = TopicProduceData { name: name.into(), partition_data: vec![partition], ..Default::default() };
        let request = ProduceRequest { acks: 1, timeout_ms: 100, topic_data: vec![topic], ..Default::default() };
        bytes.extend(frame::encode_request(9, 1, None, &request).unwrap().concat());
        let timestamp = [-1, -2, -3, 0, 1_600_000_000_000, i64::MAX, random.bits() as i64][random.below(7)];
        let partition = ListOffsetsPartition { timestamp, ..Default::default() };
        let topic = ListOffsetsTopic { name: name.into(), partitions: vec![partition], ..Default::default() };
        let request = ListOffsetsRequest { replica_id: -1, topics: vec![topic], ..Default::default() };
        bytes.extend(frame::encode_request(7, 2, None, &request).unwrap().concat());
    }
    bytes
}

/// A topic of two billion partitions, which changed requests would seldom ask for.
fn many_partitions() -> Vec<u8> {
    let topic = CreatableTopic { name: "many".into(), num_partitions: i32::MAX, replication_factor: 1, ..Default::default() };
    let request = CreateTopicsRequest { topics: vec![topic], ..Default::default() };
    frame::encode_request(7, 1, None, &request).unwrap().concat()
}

/// Sends the bytes, says that there will be no more, and waits until the broker has answered or closed the connection.
fn attack(broker: SocketAddr, bytes: &[u8], leave: bool) {
    let mut stream = TcpStream::connect(broker).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    // The broker may have closed the connection by now; that is its right.
    if stream.write_all(bytes).is_err() || leave {
        return;
    }
    let _ = stream.shutdown(Shutdown::Write);
    let mut buffer = [0; 16 << 10];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!("the broker neither answers nor closes the connection")
            }
            Err(_) => return,
        }
    }
}

#[test]
fn hostile_connections_disturb_nobody() {
    panics::watch();
    let (seed, first, inputs) = (seed::seed(), seed::first(), seed::inputs(3000));
    let recorder = Arc::new(Recorder::default());
    let proxy = Proxy::start(recorder.clone());
    let broker =
        Broker::builder().advertised(proxy.address()).topic("target", 2).topic("garbage", 1).topic("beside", 1).start().unwrap();
    proxy.connect_to(broker.local_addr());
    let valid = recorded(&proxy.address(), &recorder);
    for api in [ApiKey::Produce, ApiKey::Fetch, ApiKey::Metadata, ApiKey::ListOffsets, ApiKey::CreateTopics] {
        assert!(valid.iter().any(|request| request.api_key == api.code()), "a client that works asks {api}");
    }

    let messages = messages::Messages::new();
    let process = Process::watch();
    let beside = Beside::start(broker.bootstrap_servers(), "beside");
    // Peers that promise a hundred megabytes, send a little, and are slow with the rest: they stay until the end.
    let slow: Vec<TcpStream> = (0..50)
        .map(|_| {
            let mut stream = TcpStream::connect(broker.local_addr()).unwrap();
            stream.write_all(&104_857_600_u32.to_be_bytes()).unwrap();
            stream.write_all(&valid[0].frame).unwrap();
            stream
        })
        .collect();
    attack(broker.local_addr(), &many_partitions(), false);
    let mut largest = 0;
    for number in first..first + inputs {
        let mut random = seed::random(seed, number);
        let inflates = random.below(6) == 0;
        let bytes = if inflates { batches_that_lie(&mut random) } else { hostile(&mut random, &valid, &messages) };
        // Nobody leaves before the broker has looked inside, so that the next one is not taken for the cause.
        attack(broker.local_addr(), &bytes, !inflates && random.below(8) == 0);
        let (panics, block) = (panics::count(), process.take_largest());
        largest = largest.max(block);
        if panics > 0 || block > if inflates { INFLATED } else { LARGEST } {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            panic!(
                "input {number} of seed {seed}: {panics} panics, largest block {block}; OTTLA_SEED={seed} \
                 OTTLA_HOSTILE_FIRST={number} OTTLA_HOSTILE_INPUTS=1 make the same changes to the requests that are recorded \
                 anew; it was {hex}"
            );
        }
    }
    drop(slow);
    let records = beside.finish();
    let stored = ["garbage", "compacted"].map(|topic| broker.stored_batches(topic, 0).unwrap().len());
    assert!(inputs < 1000 || stored.iter().all(|stored| *stored > 0), "batches that lie inside are stored: {stored:?}");
    println!("{inputs} hostile connections, {records} records beside them, largest block {largest}, peak {}", process.peak());
    assert!(process.peak() <= PEAK, "{} bytes were held at once", process.peak());

    // It still serves: the one that was there, and one that comes now.
    let client = Client::connect_blocking(broker.bootstrap_servers()).unwrap();
    let producer = client.producer().unwrap();
    let delivery = producer.send_blocking(Record::to("beside").partition(0).value("at the end")).unwrap();
    assert_eq!(delivery.wait().unwrap().offset, records as i64);
    assert_eq!(panics::count(), 0);
}
