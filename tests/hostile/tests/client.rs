//! A running client whose broker lies: answers that are changed, cut off, or not its own, sizes beyond all bounds, garbage without
//! end. Each call comes to an end, memory is bounded, what was said to be written is written, and another client of the process,
//! which shares the IO thread, goes on undisturbed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod beside;
mod watchdog;

use std::collections::HashMap;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use beside::{Beside, LONG};
use bytes::Bytes;
use ottla::{
    Client, ClientBuilder, Error, GroupFilter, ListGroupOffsetsSpec, MemberIdentity, OffsetAndMetadata, Record, StartAt,
    TopicPartition,
};
use ottla_broker::Broker;
use ottla_hostile_tests::allocator::Process;
use ottla_hostile_tests::mutation::{mutate, noise};
use ottla_hostile_tests::proxy::{Between, Proxy, Request, read_frame, sized};
use ottla_hostile_tests::{panics, seed};
use ottla_protocol::arbitrary::Random;
use ottla_protocol::compression::{Compression, compress};
use ottla_protocol::messages::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use ottla_protocol::record::{Attributes, BatchHeader, BatchMeta, seal_header};
use ottla_protocol::{ApiKey, Records, frame};
use watchdog::{Step, watched};

/// What bounds each call: short, so that a run is short.
const BOUNDS: [(&str, &str); 16] = [
    ("connect.timeout.ms", "1500"),
    ("socket.connection.setup.timeout.ms", "1000"),
    ("socket.timeout.ms", "700"),
    ("request.timeout.ms", "500"),
    ("delivery.timeout.ms", "2000"),
    ("default.api.timeout.ms", "1500"),
    ("close.timeout.ms", "1000"),
    ("max.block.ms", "500"),
    ("reconnect.backoff.ms", "10"),
    ("reconnect.backoff.max.ms", "50"),
    ("retry.backoff.ms", "10"),
    ("retry.backoff.max.ms", "50"),
    ("fetch.wait.max.ms", "100"),
    ("fetch.max.bytes", "1000000"),
    ("receive.message.max.bytes", "2000000"),
    ("inflate.max.bytes", "1000000"),
];

/// How many clients are lied to at once.
const AT_ONCE: usize = 30;
/// The largest block, whatever a size claims: twice receive.message.max.bytes, since a buffer grows by doubling.
const LARGEST: usize = 4 << 20;
/// The most memory for all of it: an answer of that size for each client that is lied to at once. They read the same topic from
/// its beginning, so the more there are in a run, the more they hold.
const PEAK: isize = (AT_ONCE * LARGEST) as isize;

/// The tests of this file count the memory of the whole process, so they run one after another.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn builder(bootstrap_servers: &str, properties: &[(&str, &str)]) -> ClientBuilder {
    let set = |builder: ClientBuilder, (name, value): &(&str, &str)| builder.set(name, value).unwrap();
    let builder = Client::builder().set("bootstrap.servers", bootstrap_servers).unwrap();
    properties.iter().fold(BOUNDS.iter().fold(builder, set), set)
}

fn connect(builder: ClientBuilder) -> Result<Client, Error> {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(builder.connect())
}

/// How a client is lied to; its client.id begins with the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lies {
    /// Any answer may be changed.
    Always,
    /// Any but those that a delivery rests upon: Produce's, and InitProducerId's, since under another producer's id the broker
    /// takes a new record for one that it has.
    ExceptOnWriting,
}

/// Changes answers, as the client.id of the request says. The choices for a client depend on the seed and its number; which
/// answers they hit depends on timing too.
struct Liar {
    seed: u64,
    clients: Mutex<HashMap<String, Random>>,
}

impl Liar {
    fn change(&self, request: &Request, frame: Vec<u8>) -> Option<Vec<u8>> {
        let len = request.frame.get(8..10).map_or(0, |len| usize::from(u16::from_be_bytes([len[0], len[1]])));
        let client_id = String::from_utf8_lossy(request.frame.get(10..10 + len).unwrap_or_default()).into_owned();
        let Some((lies, number)) = client_id.split_once('-') else { return Some(sized(&frame)) };
        let on_writing = [ApiKey::Produce.code(), ApiKey::InitProducerId.code()].contains(&request.api_key);
        if on_writing && lies == format!("{:?}", Lies::ExceptOnWriting) {
            return Some(sized(&frame));
        }
        let number: u64 = number.parse().unwrap();
        let mut clients = self.clients.lock().unwrap();
        let random = clients.entry(client_id).or_insert_with(|| seed::random(self.seed, number));
        // Some hear a lie each time, some once in a while, so that all calls are reached.
        if random.below(1 << (number % 6)) > 0 {
            return Some(sized(&frame));
        }
        lie(random, frame)
    }
}

fn lie(random: &mut Random, mut frame: Vec<u8>) -> Option<Vec<u8>> {
    let other = frame.clone();
    match random.below(14) {
        0 => None,
        1 => Some(Vec::new()),
        2 => Some(noise(random)),
        3 => {
            frame[..4].copy_from_slice(&(random.bits() as i32).to_be_bytes());
            Some(sized(&frame))
        }
        4 => {
            let size = [i32::MAX, i32::MIN, -1, 2_000_000, 1_999_999, 0][random.below(6)];
            let mut bytes = size.to_be_bytes().to_vec();
            bytes.extend(frame);
            Some(bytes)
        }
        5 => {
            let mut bytes = sized(&frame);
            bytes.truncate(random.below(bytes.len()));
            Some(bytes)
        }
        6 => Some([sized(&frame), sized(&frame)].concat()),
        7 => {
            let mut bytes = sized(&frame);
            mutate(random, &mut bytes, &other);
            Some(bytes)
        }
        _ => {
            // With the right size and correlation id, so that the decoder is reached and what stands behind it.
            let id = frame[..4].to_vec();
            mutate(random, &mut frame, &other);
            frame.splice(..frame.len().min(4), id);
            Some(sized(&frame))
        }
    }
}

impl Between for Liar {
    fn response(&self, request: Option<&Request>, frame: Vec<u8>) -> Option<Vec<u8>> {
        match request {
            Some(request) if frame.len() >= 4 => self.change(request, frame),
            _ => Some(sized(&frame)),
        }
    }
}

/// What a client that was lied to believes.
#[derive(Default)]
struct Believed {
    connected: bool,
    written: Vec<(i32, i64, String)>,
    read: Vec<String>,
}

/// One client does what clients do, and takes errors as they come.
fn round(bootstrap_servers: &str, lies: Lies, number: u64, step: &Step) -> Believed {
    let mut believed = Believed::default();
    let codec = ["none", "gzip", "snappy", "lz4", "zstd"][(number % 5) as usize];
    let idempotence = if number.is_multiple_of(2) { "true" } else { "false" };
    let client_id = format!("{lies:?}-{number}");
    let properties = [("client.id", &*client_id), ("compression.codec", codec), ("enable.idempotence", idempotence)];
    step.at("connect");
    believed.connected = connect(builder(bootstrap_servers, &properties)).is_ok();
    let client = builder(bootstrap_servers, &properties).build().unwrap();

    let producer = client.producer().unwrap();
    let mut deliveries = Vec::new();
    for i in 0..20 {
        step.at("send");
        let value = format!("value of {number}: {i}");
        if let Ok(delivery) = producer.send_blocking(Record::to("target").key(&[i]).value(&value)) {
            deliveries.push((value, delivery));
        }
    }
    for (value, delivery) in deliveries {
        step.at("delivery");
        if let Ok(written) = delivery.wait() {
            believed.written.push((written.partition, written.offset, value));
        }
    }

    let consumer = client.consumer().unwrap();
    consumer.assign([("target", 0, StartAt::Beginning), ("target", 1, StartAt::Beginning)]);
    for _ in 0..10 {
        step.at("next");
        if let Ok(Some(batch)) = consumer.next_blocking(Duration::from_millis(100)) {
            let values = batch.records().map(|record| record.value.unwrap_or_default());
            believed.read.extend(values.map(|value| String::from_utf8_lossy(value).into_owned()));
        }
    }
    step.at("describe_topic");
    let _ = client.admin().describe_topic_blocking("target");
    administer(&client, &format!("group-{client_id}"), step);
    step.at("close");
    let _ = producer.close_blocking();
    drop(consumer);
    client.close();
    believed
}

/// A group from an administrator's side. Whatever the answers say, each call is about what was asked for.
fn administer(client: &Client, group: &str, step: &Step) {
    let admin = client.admin();
    let (there, beyond) = (TopicPartition::new("target", 0), TopicPartition::new("target", 9));
    step.at("alter_group_offsets");
    if let Ok(altered) = admin.alter_group_offsets_blocking(group, [(there.clone(), OffsetAndMetadata::new(1))]) {
        assert!(altered.into_keys().eq([there.clone()]));
    }
    step.at("list_groups");
    let _ = admin.list_groups_blocking(&GroupFilter::all());
    step.at("describe_groups");
    let described = admin.describe_groups_blocking([group, "nobody's"], true).unwrap();
    assert!(described.keys().eq([group, "nobody's"]));
    step.at("list_group_offsets");
    let some = ListGroupOffsetsSpec::partitions(group, [there.clone(), beyond.clone()]);
    let mut listed = admin.list_group_offsets_blocking([some, ListGroupOffsetsSpec::all("nobody's")], true).unwrap();
    if let Some(Ok(some)) = listed.remove(group) {
        assert!(some.into_keys().eq([there.clone(), beyond]));
    }
    step.at("remove_members");
    let nobody = MemberIdentity::MemberId("nobody".to_owned());
    if let Ok(removed) = admin.remove_members_blocking(group, [nobody], None) {
        assert_eq!(removed.len(), 1);
    }
    step.at("delete_group_offsets");
    let _ = admin.delete_group_offsets_blocking(group, [there]);
    step.at("delete_groups");
    assert!(admin.delete_groups_blocking([group]).unwrap().into_keys().eq([group]));
}

/// All that is in the topic: offset by offset, in each partition.
fn log(client: &Client) -> [HashMap<i64, String>; 2] {
    [0, 1].map(|partition| {
        let consumer = client.consumer().unwrap();
        consumer.assign([("target", partition, StartAt::Beginning)]);
        let mut all = HashMap::new();
        let end = consumer.watermarks_blocking("target", partition).unwrap().1;
        while (all.len() as i64) < end {
            let batch = consumer.next_blocking(LONG).unwrap().unwrap();
            for record in batch.records() {
                all.insert(record.offset, String::from_utf8(record.value.unwrap().to_vec()).unwrap());
            }
        }
        all
    })
}

#[test]
fn answers_that_lie_end_no_client_and_lose_nothing_that_was_written() {
    let _alone = alone();
    panics::watch();
    let (seed, first, rounds) = (seed::seed(), seed::first(), seed::inputs(6000).div_ceil(100));
    let liar = Arc::new(Liar { seed, clients: Mutex::default() });
    let proxy = Proxy::start(liar);
    let broker = Broker::builder().advertised(proxy.address()).topic("target", 2).start().unwrap();
    proxy.connect_to(broker.local_addr());
    let honest = Broker::builder().topic("beside", 1).start().unwrap();
    let beside = Beside::start(honest.bootstrap_servers(), "beside");
    let process = Process::watch();

    let numbers: Vec<u64> = (first..first + rounds).collect();
    let mut believed = Vec::new();
    for numbers in numbers.chunks(AT_ONCE) {
        let rounds: Vec<_> = numbers
            .iter()
            .map(|&number| {
                let address = proxy.address();
                let lies = if number % 3 == 0 { Lies::Always } else { Lies::ExceptOnWriting };
                let name = format!("client {lies:?} {number} of seed {seed}");
                (lies, watched(name, move |step| round(&address, lies, number, step)))
            })
            .collect();
        believed.extend(rounds.into_iter().map(|(lies, round)| (lies, round.finish())));
    }
    let (peak, largest) = (process.peak(), process.largest());

    let log = log(&builder(&proxy.address(), &[]).build().unwrap());
    let (mut connected, mut written, mut read) = (0, 0, 0);
    for (lies, believed) in &believed {
        connected += usize::from(believed.connected);
        for value in &believed.read {
            read += 1;
            assert!(value.starts_with("value of "), "{value:?} came through, and nobody wrote it");
        }
        for (partition, offset, value) in &believed.written {
            if *lies == Lies::ExceptOnWriting {
                written += 1;
                let at = log.get(*partition as usize).and_then(|log| log.get(offset));
                assert_eq!(at, Some(value), "partition {partition}, offset {offset}: what was said to be written is there");
            }
        }
    }
    let records = beside.finish();
    println!(
        "{rounds} clients: {connected} connected, {written} records written, {read} read; {records} records beside them; largest \
         block {largest}, peak {peak}"
    );
    assert!(rounds < 20 || (connected > 0 && written > 0 && read > 0), "the lies leave room for some truth");
    assert!(largest <= LARGEST, "a block of {largest} bytes");
    assert!(peak <= PEAK, "{peak} bytes were held at once");
    assert_eq!(panics::count(), 0);
}

/// A batch of some kilobytes that inflates to 130 MB of zeros, with all its checksums right.
fn bomb() -> Vec<u8> {
    let mut stored = Vec::new();
    // Frames that are within the bound one by one.
    compress(Compression::Zstd, None, &[0; 100_000], &mut stored).unwrap();
    let stored = stored.repeat(1300);
    let meta = BatchMeta { count: 1, base_timestamp: 0, max_timestamp: 0 };
    let mut header = BatchHeader::for_batch(&meta, Attributes::default().with_compression(Compression::Zstd));
    let mut batch = seal_header(&mut header, &stored).to_vec();
    batch.extend(stored);
    batch
}

#[test]
fn a_batch_that_would_inflate_beyond_its_bound_is_an_error_and_the_rest_is_read() {
    let _alone = alone();
    panics::watch();
    let broker = Broker::builder().topic("target", 2).start().unwrap();
    let partition = PartitionProduceData { index: 0, records: Some(Records::from(Bytes::from(bomb()))), ..Default::default() };
    let topic = TopicProduceData { name: "target".into(), partition_data: vec![partition], ..Default::default() };
    let request = ProduceRequest { acks: -1, timeout_ms: 1000, topic_data: vec![topic], ..Default::default() };
    let mut stream = TcpStream::connect(broker.local_addr()).unwrap();
    stream.write_all(&frame::encode_request(9, 1, None, &request).unwrap().concat()).unwrap();
    read_frame(&mut stream).unwrap();
    assert_eq!(broker.stored_batches("target", 0).unwrap().len(), 1, "the broker takes it, as Kafka does");

    let process = Process::watch();
    let client = builder(broker.bootstrap_servers(), &[]).build().unwrap();
    let producer = client.producer().unwrap();
    for partition in [0, 1] {
        producer.send_blocking(Record::to("target").partition(partition).value("good")).unwrap().wait().unwrap();
    }
    let consumer = client.consumer().unwrap();
    consumer.assign([("target", 0, StartAt::Beginning), ("target", 1, StartAt::Beginning)]);
    let mut errors = Vec::new();
    let mut read = Vec::new();
    // What is after the bomb is reached by going past it, as an application does that wants to.
    while read.len() < 2 {
        match consumer.next_blocking(LONG) {
            Ok(batch) => read.extend(batch.expect("a batch in time").records().map(|record| record.offset)),
            Err(error) => {
                errors.push(error.to_string());
                consumer.seek("target", 0, StartAt::Offset(1)).unwrap();
            }
        }
    }
    read.sort_unstable();
    assert_eq!(read, [0, 1], "offset 0 of the one partition, and 1 of the other");
    assert!(matches!(&*errors, [error] if error.contains("target") && error.contains("inflate.max.bytes")), "{errors:?}");
    println!("{errors:?}; largest block {}, peak {}", process.largest(), process.peak());
    assert!(process.largest() <= LARGEST, "a block of {} bytes", process.largest());
    assert_eq!(panics::count(), 0);
}

/// What a peer that is no broker does with a connection. `false`: it stops there.
type Peer = fn(&mut TcpStream) -> bool;

fn forever(stream: &mut TcpStream, mut bytes: impl FnMut() -> Vec<u8>) -> bool {
    while stream.write_all(&bytes()).is_ok() {}
    false
}

fn hold(stream: &mut TcpStream) -> bool {
    // Until the other side closes it.
    let _ = std::io::copy(stream, &mut std::io::sink());
    false
}

const PEERS: [(&str, Peer); 11] = [
    ("closes at once", |_| false),
    ("is silent", hold),
    ("sends noise and is silent", |stream| {
        let mut random = Random::new(1);
        stream.write_all(&noise(&mut random)).is_ok() && hold(stream)
    }),
    ("sends noise without end", |stream| {
        let mut random = Random::new(2);
        forever(stream, || (0..4096).map(|_| random.bits() as u8).collect())
    }),
    ("sends empty frames without end", |stream| forever(stream, || vec![0; 4096])),
    ("sends the largest frame that is read", |stream| {
        stream.write_all(&2_000_000_u32.to_be_bytes()).is_ok() && forever(stream, || vec![1; 4096])
    }),
    ("claims two gigabytes", |stream| stream.write_all(&i32::MAX.to_be_bytes()).is_ok() && forever(stream, || vec![1; 4096])),
    ("claims a negative size", |stream| stream.write_all(&[0xff; 64]).is_ok() && hold(stream)),
    ("is an HTTP server", |stream| stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").is_ok() && hold(stream)),
    ("speaks TLS", |stream| stream.write_all(&[0x15, 3, 1, 0, 2, 2, 22]).is_ok() && hold(stream)),
    ("answers with numbers that nobody asked for", |stream| {
        let mut id = 1000_u32;
        forever(stream, || {
            id += 1;
            sized(&[&id.to_be_bytes()[..], &[0; 60]].concat())
        })
    }),
];

#[test]
fn a_peer_that_is_no_broker_is_reported_in_time() {
    let _alone = alone();
    panics::watch();
    let honest = Broker::builder().topic("beside", 1).start().unwrap();
    let beside = Beside::start(honest.bootstrap_servers(), "beside");
    let process = Process::watch();
    let rounds: Vec<_> = PEERS
        .into_iter()
        .map(|(name, peer)| {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap().to_string();
            thread::spawn(move || {
                for stream in listener.incoming() {
                    thread::spawn(move || peer(&mut stream.unwrap()));
                }
            });
            let calls = move |step: &Step| {
                step.at("connect");
                let error: Error = connect(builder(&address, &[])).err().expect("no broker is there");
                println!("a peer that {name}: {error}");
                assert!(error.to_string().contains(&address), "the error says which server it is about: {error}");
                let client = builder(&address, &[]).build().unwrap();
                let producer = client.producer().unwrap();
                step.at("delivery");
                let sent = producer.send_blocking(Record::to("target").value("v"));
                assert!(sent.and_then(|delivery| delivery.wait()).is_err());
                step.at("next");
                let consumer = client.consumer().unwrap();
                consumer.assign([("target", 0, StartAt::Beginning)]);
                assert!(!matches!(consumer.next_blocking(Duration::from_millis(300)), Ok(Some(_))));
                step.at("describe_topic");
                assert!(client.admin().describe_topic_blocking("target").is_err());
                step.at("close");
                let _ = producer.close_blocking();
            };
            watched(format!("a peer that {name}"), calls)
        })
        .collect();
    rounds.into_iter().for_each(watchdog::Watched::finish);
    let records = beside.finish();
    println!("{records} records beside them; largest block {}, peak {}", process.largest(), process.peak());
    assert!(process.largest() <= LARGEST, "a block of {} bytes", process.largest());
    assert!(process.peak() <= PEAK, "{} bytes were held at once", process.peak());
    assert_eq!(panics::count(), 0);
}
