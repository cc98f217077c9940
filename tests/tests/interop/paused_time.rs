//! Time that passes when nobody is busy: client and broker on the test's own runtime, with its clock paused and memory between them.
//! A bound of minutes is then waited for in milliseconds, and to the millisecond.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ottla::{
    Client, Connecting, Connector, DeliveryReport, Error, ErrorKind, NewTopic, Offload, PurgedFrom, Record, StartAt, Stream,
};
use ottla_broker::{Broker, Clock, MemoryConnector};
use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::c_shaped::{Served, serve};
use crate::helper::some_time_ago;

const MINUTE: Duration = Duration::from_secs(60);

struct Memory(MemoryConnector);

impl Connector for Memory {
    fn connect<'a>(&'a self, host: &'a str, port: u16) -> Connecting<'a> {
        let opened = self.0.connect(host, port);
        Box::pin(async move {
            match opened {
                Ok(stream) => Ok(Box::new(stream) as Box<dyn Stream>),
                Err(error) => Err(Error::new(ErrorKind::Transport, "no connection").with_source(error).retriable()),
            }
        })
    }
}

/// Where nobody listens; it remembers when it was asked.
#[derive(Default)]
struct Refusing(Mutex<Vec<Instant>>);

impl Connector for Refusing {
    fn connect<'a>(&'a self, _host: &'a str, _port: u16) -> Connecting<'a> {
        self.0.lock().unwrap().push(Instant::now());
        Box::pin(async { Err(Error::new(ErrorKind::Transport, "refused").retriable()) })
    }
}

/// Work that takes long is done at once: the clock would not go on while another thread is busy.
struct Inline;

impl Offload for Inline {
    fn run(&self, job: Box<dyn FnOnce() + Send>) {
        job();
    }
}

fn client_over(connector: Arc<dyn Connector>, servers: &str, properties: &[(&str, &str)]) -> Client {
    let mut builder = Client::builder().set("bootstrap.servers", servers).unwrap();
    for (name, value) in properties {
        builder = builder.set(name, value).unwrap();
    }
    builder.runtime(Handle::current()).connector(connector).offload(Arc::new(Inline)).seed(1).build().unwrap()
}

/// A broker with the topic `orders` of one partition, and a client of it.
fn rig(properties: &[(&str, &str)]) -> (Broker, Client) {
    // The client stamps records with the real time.
    let clock = Clock::tokio(some_time_ago());
    let broker = Broker::builder().in_memory().seed(1).clock(clock).topic("orders", 1).start().unwrap();
    let client = client_over(Arc::new(Memory(broker.memory_connector())), broker.bootstrap_servers(), properties);
    (broker, client)
}

async fn read(client: &Client, topic: &str, count: usize) -> Vec<String> {
    let consumer = client.consumer().unwrap();
    consumer.assign([(topic, 0, StartAt::Beginning)]);
    let mut all = Vec::new();
    while all.len() < count {
        let batch = consumer.next_timeout(MINUTE).await.unwrap().expect("a batch in time");
        all.extend(batch.records().map(|record| String::from_utf8(record.value.unwrap().to_vec()).unwrap()));
    }
    assert!(consumer.next_timeout(MINUTE).await.unwrap().is_none(), "and no more");
    all
}

/// Timers go by milliseconds, and what is due then takes a few.
fn about(elapsed: Duration, expected: Duration) {
    assert!(elapsed >= expected && elapsed < expected + Duration::from_millis(20), "{elapsed:?} is not about {expected:?}");
}

#[tokio::test(start_paused = true)]
async fn linger_ms_passes() {
    let (_broker, client) = rig(&[("linger.ms", "600000")]);
    let producer = client.producer().unwrap();
    let begun = Instant::now();
    let first = producer.send(Record::to("orders").value("1")).await.unwrap();
    tokio::time::sleep(5 * MINUTE).await;
    let second = producer.send(Record::to("orders").value("2")).await.unwrap();
    assert_eq!(first.await.unwrap().offset, 0);
    about(begun.elapsed(), 10 * MINUTE);
    assert_eq!(second.await.unwrap().offset, 1);
    about(begun.elapsed(), 10 * MINUTE);
    assert_eq!(producer.metrics().batches, 1, "they went together");
    // A flush does not linger.
    let third = producer.send(Record::to("orders").value("3")).await.unwrap();
    let begun = Instant::now();
    producer.flush().await;
    about(begun.elapsed(), Duration::ZERO);
    assert_eq!(third.await.unwrap().offset, 2);
}

#[tokio::test(start_paused = true)]
async fn delivery_timeout_ms_of_what_is_never_answered() {
    let (broker, client) = rig(&[]);
    let producer = client.producer().unwrap();
    producer.send(Record::to("orders").value("0")).await.unwrap().await.unwrap();
    broker.isolate(1).unwrap();
    let begun = Instant::now();
    let error = producer.send(Record::to("orders").value("1")).await.unwrap().await.unwrap_err();
    assert_eq!((error.kind(), error.possibly_written()), (ErrorKind::MsgTimedOut, true), "{error}");
    about(begun.elapsed(), 2 * MINUTE);
    // Never sent, because the connection is gone and none comes: it can't be in the log.
    let begun = Instant::now();
    let error = producer.send(Record::to("orders").value("2")).await.unwrap().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MsgTimedOut, "{error}");
    about(begun.elapsed(), 2 * MINUTE);
    assert_eq!(producer.buffered_bytes(), 0);
    // And what comes after has its place behind what was written.
    broker.heal(1).unwrap();
    producer.send(Record::to("orders").value("3")).await.unwrap().await.unwrap();
    let logged = {
        let (first, end) = client.consumer().unwrap().watermarks("orders", 0).await.unwrap();
        read(&client, "orders", usize::try_from(end - first).unwrap()).await
    };
    assert_eq!((logged.first().map(String::as_str), logged.last().map(String::as_str)), (Some("0"), Some("3")));
    assert!(logged.iter().filter(|value| *value == "1").count() <= 1 && !logged.contains(&"2".to_owned()), "{logged:?}");
}

#[tokio::test(start_paused = true)]
async fn what_was_not_answered_is_sent_again_after_request_timeout_ms_and_is_there_once() {
    let (broker, client) = rig(&[]);
    let producer = client.producer().unwrap();
    producer.send(Record::to("orders").value("0")).await.unwrap().await.unwrap();
    broker.isolate(1).unwrap();
    let mut deliveries = Vec::new();
    for i in 1..=20 {
        deliveries.push(producer.send(Record::to("orders").value(&format!("{i}"))).await.unwrap());
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    broker.heal(1).unwrap();
    for (delivery, offset) in deliveries.into_iter().zip(1..) {
        assert_eq!(delivery.await.unwrap().offset, offset);
    }
    assert!(producer.metrics().retries > 0);
    assert_eq!(read(&client, "orders", 21).await, (0..=20).map(|i| format!("{i}")).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn max_block_ms_of_a_full_buffer() {
    let properties = [
        ("queue.buffering.max.messages", "2"),
        ("allow.auto.create.topics", "false"),
        ("topic.metadata.propagation.max.ms", "3600000"),
        ("max.block.ms", "45000"),
    ];
    let (broker, client) = rig(&properties);
    let producer = client.producer().unwrap();
    let record = |value: &'static str| Record::to("later").value(value);
    let stuck = [producer.send(record("0")).await.unwrap(), producer.send(record("1")).await.unwrap()];
    let begun = Instant::now();
    let error = producer.send(record("2")).await.map(drop).unwrap_err();
    assert_eq!((error.kind(), error.is_retriable()), (ErrorKind::QueueFull, true), "{error}");
    about(begun.elapsed(), Duration::from_secs(45));
    // One that waits goes on as soon as there is room.
    let (sent, ()) = tokio::join!(producer.send(record("2")), async {
        tokio::time::sleep(Duration::from_secs(30)).await;
        broker.create_topic("later", 1).unwrap();
    });
    assert_eq!(sent.unwrap().await.unwrap().offset, 2);
    for (delivery, offset) in stuck.into_iter().zip(0..) {
        assert_eq!(delivery.await.unwrap().offset, offset);
    }
}

#[tokio::test(start_paused = true)]
async fn connecting_backs_off_and_ends_at_connect_timeout_ms() {
    let refusing = Arc::new(Refusing::default());
    let builder = Client::builder().set("bootstrap.servers", "nowhere:9092").unwrap();
    let builder = builder.set("connect.timeout.ms", "100000").unwrap();
    let begun = Instant::now();
    let connected = builder.runtime(Handle::current()).connector(refusing.clone()).seed(1).connect().await;
    let error = connected.map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AllBrokersDown, "{error}");
    about(begun.elapsed(), Duration::from_secs(100));
    let attempts = refusing.0.lock().unwrap().clone();
    let gaps: Vec<u64> = attempts.windows(2).map(|pair| u64::try_from((pair[1] - pair[0]).as_millis()).unwrap()).collect();
    // 100 ms at first, doubled up to 10 s, each with 20 % of jitter; then the wait of who asks for metadata, 1 s at most.
    assert!((80..=1320).contains(&gaps[0]), "{gaps:?}");
    assert!(gaps.iter().all(|gap| (80..=13_200).contains(gap)), "{gaps:?}");
    assert!(gaps.last().unwrap() >= &8000, "{gaps:?}");
    assert!((10..=25).contains(&attempts.len()), "{gaps:?}");
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_accepts_and_stays_silent() {
    let (broker, client) = rig(&[]);
    broker.isolate(1).unwrap();
    let begun = Instant::now();
    let again = Client::builder().config(client.config().clone()).connector(Arc::new(Memory(broker.memory_connector())));
    let error = again.runtime(Handle::current()).connect().await.map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AllBrokersDown, "{error}");
    about(begun.elapsed(), Duration::from_secs(10));
    // A call ends at its own bound.
    let begun = Instant::now();
    let error = client.admin().list_topics().await.unwrap_err();
    assert!(error.is_retriable(), "{error}");
    assert!(begun.elapsed() <= MINUTE + Duration::from_millis(20), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_consumer_hears_of_a_silent_broker_and_goes_on_after_it() {
    let (broker, client) = rig(&[]);
    let producer = client.producer().unwrap();
    producer.send(Record::to("orders").value("0")).await.unwrap().await.unwrap();
    let consumer = client.consumer().unwrap();
    consumer.assign([("orders", 0, StartAt::Beginning)]);
    assert_eq!(consumer.next().await.unwrap().unwrap().next_offset(), 1);
    // A quiet partition is no error, however long.
    let begun = Instant::now();
    assert!(consumer.next_timeout(60 * MINUTE).await.unwrap().is_none());
    about(begun.elapsed(), 60 * MINUTE);
    broker.isolate(1).unwrap();
    let error = consumer.next_timeout(60 * MINUTE).await.map(|batch| batch.is_some()).unwrap_err();
    assert!(error.is_retriable(), "{error}");
    broker.heal(1).unwrap();
    producer.send(Record::to("orders").value("1")).await.unwrap().await.unwrap();
    let next = loop {
        match consumer.next_timeout(60 * MINUTE).await {
            Ok(batch) => break batch.expect("a batch in time"),
            Err(error) => assert!(error.is_retriable(), "{error}"),
        }
    };
    assert_eq!((next.first_offset(), next.next_offset()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn closing_ends_at_close_timeout_ms_and_flush_within_at_its_limit() {
    let (broker, client) = rig(&[]);
    let producer = client.producer().unwrap();
    producer.send(Record::to("orders").value("0")).await.unwrap().await.unwrap();
    broker.isolate(1).unwrap();
    let stuck = producer.send(Record::to("orders").value("1")).await.unwrap();
    let begun = Instant::now();
    let error = producer.flush_within(Duration::from_secs(7)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    about(begun.elapsed(), Duration::from_secs(7));
    let begun = Instant::now();
    let error = producer.close().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    about(begun.elapsed(), Duration::from_secs(30));
    let error = stuck.await.unwrap_err();
    assert_eq!((error.kind(), error.possibly_written()), (ErrorKind::Purged(PurgedFrom::InFlight), true), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_stops_and_starts_again() {
    let (broker, client) = rig(&[]);
    let producer = client.producer().unwrap();
    producer.send(Record::to("orders").value("0")).await.unwrap().await.unwrap();
    broker.stop_broker(1).unwrap();
    let during = producer.send(Record::to("orders").value("1")).await.unwrap();
    tokio::time::sleep(MINUTE).await;
    broker.restart_broker(1).unwrap();
    assert_eq!(during.await.unwrap().offset, 1);
    assert_eq!(read(&client, "orders", 2).await, ["0", "1"]);
}

#[tokio::test(start_paused = true)]
async fn reports_come_with_opaque_key_and_value_and_hold_their_quota_until_served() {
    let properties = [("compression.type", "zstd"), ("queue.buffering.max.messages", "50"), ("max.block.ms", "0")];
    let (broker, client) = rig(&properties);
    let producer = client.producer_builder().reports(true).build().unwrap();
    let came = Arc::new(tokio::sync::Notify::new());
    let notify = came.clone();
    producer.reports().set_notify(Some(Arc::new(move || notify.notify_one())));
    // Before the topic's metadata is there, and before anything is connected.
    for i in 0..50_u64 {
        let value = format!("value {i}").repeat(20);
        drop(producer.try_send(&Record::to("new").key(&format!("{i}")).value(&value).opaque(i + 1)).unwrap());
    }
    let mut reports: Vec<DeliveryReport> = Vec::new();
    while reports.iter().map(DeliveryReport::len).sum::<usize>() < 50 {
        match producer.reports().try_pop() {
            Some(report) => reports.push(report),
            None => came.notified().await,
        }
    }
    let full = producer.try_send(&Record::to("new").value("v")).unwrap_err();
    assert_eq!(full.kind(), ErrorKind::QueueFull, "what is not served takes room");
    assert!(producer.buffered_bytes() > 0);
    let error = producer.flush_within(MINUTE).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "and is waited for");
    let served: Vec<Served> = reports.iter().flat_map(serve).collect();
    let expected = (0..50_u64).map(|i| Served {
        opaque: i + 1,
        offset: i64::try_from(i).unwrap(),
        key: format!("{i}").into_bytes(),
        value: format!("value {i}").repeat(20).into_bytes(),
    });
    assert_eq!(served, expected.collect::<Vec<_>>());
    drop(reports);
    assert_eq!(producer.buffered_bytes(), 0);
    producer.flush().await;
    drop(producer.try_send(&Record::to("new").value("v")).unwrap());
    // A failure is reported too, with key, value and opaque as they were.
    producer.flush_within(Duration::from_secs(1)).await.unwrap_err();
    drop(producer.reports().try_pop().unwrap());
    broker.isolate(1).unwrap();
    drop(producer.try_send(&Record::to("new").key("k").value("lost").opaque(77)).unwrap());
    let report = loop {
        match producer.reports().try_pop() {
            Some(report) => break report,
            None => came.notified().await,
        }
    };
    let error = report.result().unwrap().record(0).unwrap_err();
    assert_eq!((error.kind(), error.possibly_written()), (ErrorKind::MsgTimedOut, true), "{error}");
    assert_eq!(serve(&report), [Served { opaque: 77, offset: -1, key: b"k".to_vec(), value: b"lost".to_vec() }]);
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_held_while_seeking_and_half_of_it_moves_the_position_by_half() {
    let (_broker, client) = rig(&[]);
    let producer = client.producer().unwrap();
    let mut deliveries = Vec::new();
    for i in 0..10 {
        deliveries.push(producer.send(Record::to("orders").value(&format!("{i}"))).await.unwrap());
    }
    for delivery in deliveries {
        delivery.await.unwrap();
    }
    let consumer = client.consumer().unwrap();
    consumer.assign([("orders", 0, StartAt::Beginning)]);
    let mut held = consumer.next().await.unwrap().unwrap().into_cursor();
    assert_eq!(held.next().unwrap().value, Some(&b"0"[..]));
    assert_eq!(held.next().unwrap().value, Some(&b"1"[..]));
    assert_eq!(consumer.position("orders", 0), Some(2));
    // Idle for an hour with it in hand.
    tokio::time::sleep(60 * MINUTE).await;
    consumer.seek("orders", 0, StartAt::Offset(7)).unwrap();
    assert!(held.next().is_none(), "no stale record");
    let batch = consumer.next().await.unwrap().unwrap();
    assert_eq!(batch.records().next().unwrap().offset, 7);
    assert!(held.next().is_none());
    // Assigned anew: what is in hand from before is over, though the partition is the same.
    let mut held = batch.into_cursor();
    consumer.assign([("orders", 0, StartAt::Offset(3))]);
    assert!(held.next().is_none());
    assert_eq!(consumer.next().await.unwrap().unwrap().records().next().unwrap().offset, 3);
}

#[tokio::test(start_paused = true)]
async fn everything_dropped_with_work_under_way_ends_every_handle() {
    for isolated in [false, true] {
        let (broker, client) = rig(&[]);
        let producer = client.producer().unwrap();
        producer.send(Record::to("orders").value("0")).await.unwrap().await.unwrap();
        if isolated {
            broker.isolate(1).unwrap();
        }
        let mut deliveries = Vec::new();
        for topic in ["orders", "never.seen"] {
            for _ in 0..50 {
                deliveries.push(producer.send(Record::to(topic).value("v")).await.unwrap());
            }
            // Some are on their way, some are not.
            tokio::time::sleep(Duration::from_millis(6)).await;
        }
        let (consumer, admin) = (client.consumer().unwrap(), client.admin());
        consumer.assign([("orders", 0, StartAt::End)]);
        drop((producer, consumer, admin, client));
        let mut failed = 0;
        for delivery in deliveries {
            if let Err(error) = tokio::time::timeout(10 * MINUTE, delivery).await.expect("every handle ends") {
                assert_eq!(error.kind(), ErrorKind::Closed, "{error}");
                failed += 1;
            }
        }
        assert!(!isolated || failed == 100);
        drop(broker);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_for_a_while_is_tried_again_with_a_growing_wait() {
    let clock = Clock::tokio(some_time_ago());
    let broker = Broker::builder().in_memory().brokers(2).seed(1).clock(clock).start().unwrap();
    let client = client_over(Arc::new(Memory(broker.memory_connector())), broker.bootstrap_servers(), &[]);
    let new = NewTopic::new("replicated").partitions(1).replication_factor(2).config("min.insync.replicas", "2");
    client.admin().create_topic(new).await.unwrap();
    let producer = client.producer().unwrap();
    producer.send(Record::to("replicated").value("0")).await.unwrap().await.unwrap();
    let leader = client.admin().describe_topic("replicated").await.unwrap().partitions[0].leader.unwrap();
    let follower = 3 - leader;
    broker.stop_broker(follower).unwrap();
    // NOT_ENOUGH_REPLICAS until it is back: after 100 ms, 200, 400, 800, and then about every second.
    let refused = producer.send(Record::to("replicated").value("1")).await.unwrap();
    tokio::time::sleep(MINUTE).await;
    let retries = producer.metrics().retries;
    assert!((50..=90).contains(&retries), "{retries} in a minute");
    broker.restart_broker(follower).unwrap();
    assert_eq!(refused.await.unwrap().offset, 1);
    // And until delivery.timeout.ms, if it does not come back.
    broker.stop_broker(follower).unwrap();
    let begun = Instant::now();
    let error = producer.send(Record::to("replicated").value("2")).await.unwrap().await.unwrap_err();
    assert_eq!((error.kind(), error.possibly_written()), (ErrorKind::MsgTimedOut, false), "{error}");
    about(begun.elapsed(), 2 * MINUTE);
    broker.restart_broker(follower).unwrap();
    assert_eq!(producer.send(Record::to("replicated").value("3")).await.unwrap().await.unwrap().offset, 2);
    assert_eq!(read(&client, "replicated", 3).await, ["0", "1", "3"]);
}
