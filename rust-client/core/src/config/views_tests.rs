//! Tests of the typed views: defaults, what gives way, what contradicts.

use std::time::Duration;

use ottla_protocol::compression::Compression;

use super::*;
use crate::producer::partitioner::Partitioner;

fn config(pairs: &[(&str, &str)]) -> Config {
    let mut config = Config::new();
    config.set("bootstrap.servers", "localhost").unwrap().set_all(pairs.iter().copied()).unwrap();
    config
}

fn librdkafka(pairs: &[(&str, &str)]) -> Config {
    let mut config = Config::with_defaults_of(Face::Librdkafka);
    config.set_all(pairs.iter().copied()).unwrap();
    config
}

fn wrong<T: std::fmt::Debug>(result: Result<T, Error>, names: &[&str]) {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    for name in names {
        assert!(error.to_string().contains(name), "{error}");
    }
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn a_rust_producers_defaults_are_javas() {
    let producer = config(&[]).producer().unwrap();
    assert_eq!((producer.acks, producer.enable_idempotence, producer.max_in_flight), (Acks::All, true, 5));
    assert_eq!((producer.retries, producer.partitioner), (i32::MAX as u32, Partitioner::Murmur2Random));
    assert_eq!((producer.linger, producer.batch_size, producer.batch_num_messages), (ms(5), 1_000_000, 10_000));
    assert_eq!((producer.queue_buffering_max_messages, producer.queue_buffering_max_bytes), (usize::MAX, 32 << 20));
    assert_eq!((producer.delivery_timeout, producer.request_timeout), (ms(120_000), ms(30_000)));
    assert_eq!((producer.compression, producer.compression_level), (Compression::None, None));
    assert_eq!((producer.sticky_partitioning_linger, producer.max_block), (Some(ms(10)), ms(60_000)));
    assert!(producer.allow_auto_create_topics);
}

#[test]
fn where_to_start_without_an_offset() {
    let reset = |text: &str| config(&[("auto.offset.reset", text)]).consumer().unwrap().auto_offset_reset;
    assert_eq!(config(&[]).consumer().unwrap().auto_offset_reset, AutoOffsetReset::Latest);
    assert_eq!(reset("smallest"), AutoOffsetReset::Earliest);
    assert_eq!(reset("error"), AutoOffsetReset::None);
    assert_eq!(reset("by_duration:PT10M"), AutoOffsetReset::ByDuration(ms(600_000)));
    assert_eq!(reset(" BY_DURATION:p1dt0.5s"), AutoOffsetReset::ByDuration(ms(86_400_500)));
    for text in ["by_duration", "by_duration:", "by_duration:10m", "by_duration:-PT1S", "by_duration:ß", "earlist"] {
        let mut config = Config::new();
        let error = config.set("auto.offset.reset", text).unwrap_err();
        assert!(error.to_string().contains("by_duration:") && error.kind() == ErrorKind::Config, "{error}");
    }
}

#[test]
fn librdkafkas_defaults() {
    let producer = librdkafka(&[]).producer().unwrap();
    assert_eq!((producer.acks, producer.enable_idempotence, producer.max_in_flight), (Acks::All, false, 1_000_000));
    assert_eq!((producer.partitioner, producer.delivery_timeout), (Partitioner::ConsistentRandom, ms(300_000)));
    assert_eq!((producer.queue_buffering_max_messages, producer.queue_buffering_max_bytes), (100_000, 1 << 30));
    let idempotent = librdkafka(&[("enable.idempotence", "true")]).producer().unwrap();
    assert_eq!((idempotent.enable_idempotence, idempotent.max_in_flight), (true, 5));
}

#[test]
fn a_clients_and_a_consumers_defaults() {
    let client = config(&[]).client().unwrap();
    assert_eq!(client.bootstrap_servers, [HostPort { host: "localhost".to_owned(), port: 9092 }]);
    assert_eq!((client.client_id.as_str(), client.tcp_nodelay), ("ottla", true));
    assert_eq!((client.connect_timeout, client.close_timeout), (ms(10_000), ms(30_000)));
    assert_eq!((client.default_api_timeout, client.socket_timeout), (ms(60_000), ms(60_000)));
    assert_eq!((client.topic_metadata_refresh_interval, client.metadata_max_age), (Some(ms(300_000)), ms(900_000)));
    assert_eq!((client.receive_message_max_bytes, client.address_family), (100_000_000, AddressFamily::Any));
    assert_eq!((client.reconnect_backoff, client.reconnect_backoff_max), (ms(100), ms(10_000)));
    assert_eq!((client.retry_backoff, client.retry_backoff_max), (ms(100), ms(1000)));

    let consumer = config(&[]).consumer().unwrap();
    assert_eq!((consumer.auto_offset_reset, consumer.isolation_level), (AutoOffsetReset::Latest, IsolationLevel::ReadCommitted));
    assert_eq!((consumer.fetch_min_bytes, consumer.fetch_wait_max, consumer.fetch_max_bytes), (1, ms(500), 52_428_800));
    assert_eq!((consumer.max_partition_fetch_bytes, consumer.queued_max_bytes), (1_048_576, 64 << 20));
    assert_eq!((consumer.inflate_max_bytes, consumer.check_crcs), (256 << 20, true));
    assert!(!consumer.allow_auto_create_topics);
}

#[test]
fn what_is_set_is_what_is_had() {
    let config = config(&[
        ("bootstrap.servers", "a:1, [::1]:2"),
        ("broker.address.family", "v6"),
        ("topic.metadata.refresh.interval.ms", "-1"),
        ("socket.nagle.disable", "0"),
        ("linger.ms", "0.5"),
        ("acks", "1"),
        ("batch.size", "2000000000"),
        ("compression.type", "gzip"),
        ("compression.level", "12"),
        ("partitioner", "fnv1a"),
        ("sticky.partitioning.linger.ms", "0"),
        ("delivery.timeout.ms", "0"),
        ("allow.auto.create.topics", "false"),
        ("auto.offset.reset", "beginning"),
        ("isolation.level", "read_uncommitted"),
    ]);
    let client = config.client().unwrap();
    assert_eq!(client.bootstrap_servers.iter().map(ToString::to_string).collect::<Vec<_>>(), ["a:1", "[::1]:2"]);
    assert_eq!((client.address_family, client.topic_metadata_refresh_interval), (AddressFamily::V6, None));
    assert!(!client.tcp_nodelay);
    let producer = config.producer().unwrap();
    assert_eq!((producer.linger, producer.acks, producer.acks.as_i16()), (Duration::from_micros(500), Acks::Leader, 1));
    assert_eq!((producer.batch_size, producer.partitioner), (1_000_000, Partitioner::Fnv1a));
    assert_eq!((producer.sticky_partitioning_linger, producer.delivery_timeout), (None, Duration::MAX));
    assert!(!producer.allow_auto_create_topics);
    #[cfg(feature = "gzip")]
    assert_eq!((producer.compression, producer.compression_level), (Compression::Gzip, Some(9)));
    let consumer = config.consumer().unwrap();
    assert_eq!((consumer.auto_offset_reset, consumer.isolation_level.as_i8()), (AutoOffsetReset::Earliest, 0));
}

#[test]
fn each_word_of_auto_offset_reset() {
    for (words, expected) in [
        (&["earliest", "smallest", "beginning"][..], AutoOffsetReset::Earliest),
        (&["latest", "largest", "end"], AutoOffsetReset::Latest),
        (&["none", "error"], AutoOffsetReset::None),
    ] {
        for word in words {
            assert_eq!(config(&[("auto.offset.reset", word)]).consumer().unwrap().auto_offset_reset, expected, "{word}");
        }
    }
    assert_eq!(librdkafka(&[]).consumer().unwrap().auto_offset_reset, AutoOffsetReset::Latest);
}

#[test]
fn bootstrap_servers_have_to_be_set() {
    wrong(Config::new().client(), &["bootstrap.servers is not set", "host:port"]);
    assert!(Config::new().producer().is_ok() && Config::new().consumer().is_ok());
}

#[test]
fn idempotence_that_was_asked_for_is_had_or_refused() {
    for (name, value) in [("acks", "1"), ("acks", "0"), ("max.in.flight", "6"), ("retries", "0")] {
        wrong(config(&[("enable.idempotence", "true"), (name, value)]).producer(), &["enable.idempotence", name]);
        // Java's default gives way.
        let producer = config(&[(name, value)]).producer().unwrap();
        assert!(!producer.enable_idempotence, "{name}={value}");
    }
    assert_eq!(config(&[("max.in.flight", "6")]).producer().unwrap().max_in_flight, 6);
    assert_eq!(config(&[("max.in.flight", "1")]).producer().unwrap().max_in_flight, 1);
    assert!(!config(&[("enable.idempotence", "false")]).producer().unwrap().enable_idempotence);
    wrong(config(&[("acks", "3")]).producer(), &["acks=3"]);
}

#[test]
fn a_delivery_has_time_to_linger_and_to_be_answered() {
    let times = |pairs| config(pairs).producer().map(|producer| (producer.delivery_timeout, producer.request_timeout));
    // The default gives way to what was set.
    assert_eq!(times(&[("delivery.timeout.ms", "2000")]).unwrap(), (ms(2000), ms(1995)));
    assert_eq!(times(&[("request.timeout.ms", "500000")]).unwrap(), (ms(500_005), ms(500_000)));
    assert_eq!(times(&[("linger.ms", "110000")]).unwrap(), (ms(140_000), ms(30_000)));
    assert_eq!(times(&[("delivery.timeout.ms", "3")]).unwrap(), (ms(3), ms(1)));
    assert_eq!(times(&[("delivery.timeout.ms", "5000"), ("request.timeout.ms", "4995")]).unwrap(), (ms(5000), ms(4995)));
    wrong(
        times(&[("delivery.timeout.ms", "5000"), ("request.timeout.ms", "5000")]),
        &["delivery.timeout.ms=5000", "linger.ms=5", "request.timeout.ms=5000"],
    );
    wrong(times(&[("delivery.timeout.ms", "100"), ("linger.ms", "200")]), &["linger.ms=200", "delivery.timeout.ms=100"]);
    let c = librdkafka(&[("message.timeout.ms", "5000"), ("request.timeout.ms", "5000")]).producer().unwrap();
    assert_eq!((c.delivery_timeout, c.request_timeout), (ms(5000), ms(4995)));
}

#[test]
fn sizes_fit_into_each_other() {
    wrong(
        config(&[("queue.buffering.max.kbytes", "100")]).producer(),
        &["queue.buffering.max.kbytes=100", "message.max.bytes=1000000"],
    );
    assert!(config(&[("queue.buffering.max.kbytes", "100"), ("message.max.bytes", "50000")]).producer().is_ok());
    let raised = config(&[("fetch.max.bytes", "200000000")]);
    assert_eq!(raised.client().unwrap().receive_message_max_bytes, 200_000_512);
    assert_eq!(config(&[("message.max.bytes", "60000000")]).consumer().unwrap().fetch_max_bytes, 60_000_000);
    let small = config(&[("receive.message.max.bytes", "1000")]);
    wrong(small.client(), &["receive.message.max.bytes=1000", "fetch.max.bytes=52428800"]);
    wrong(small.consumer(), &["receive.message.max.bytes=1000"]);
}

#[test]
fn backoffs_grow() {
    let retry = |pairs| config(pairs).client().map(|client| (client.retry_backoff, client.retry_backoff_max));
    assert_eq!(retry(&[("retry.backoff.ms", "5000")]).unwrap(), (ms(5000), ms(5000)));
    assert_eq!(retry(&[("retry.backoff.max.ms", "50")]).unwrap(), (ms(50), ms(50)));
    wrong(retry(&[("retry.backoff.ms", "5000"), ("retry.backoff.max.ms", "50")]), &["retry.backoff.ms=5000", "=50"]);
    let reconnect = config(&[("reconnect.backoff.ms", "0")]).client().unwrap();
    assert_eq!(reconnect.reconnect_backoff, Duration::ZERO);
}

#[test]
fn a_members_defaults_and_what_contradicts() {
    assert_eq!(config(&[]).group().unwrap(), None);
    let group = config(&[("group.id", "g")]).group().unwrap().unwrap();
    assert_eq!((group.group_id.as_str(), group.group_instance_id), ("g", None));
    assert_eq!(group.assignment_strategy, ["range", "roundrobin"]);
    assert_eq!((group.session_timeout, group.heartbeat_interval), (ms(45_000), ms(3000)));
    assert_eq!((group.max_poll_interval, group.coordinator_query_interval), (ms(300_000), ms(600_000)));
    assert_eq!((group.auto_commit_interval, group.auto_offset_store), (Some(ms(5000)), true));
    for never in [("enable.auto.commit", "false"), ("auto.commit.interval.ms", "0")] {
        assert_eq!(config(&[("group.id", "g"), never]).group().unwrap().unwrap().auto_commit_interval, None, "{never:?}");
    }
    let strategies = [("group.id", "g"), ("partition.assignment.strategy", " cooperative-sticky ,range,")];
    assert_eq!(config(&strategies).group().unwrap().unwrap().assignment_strategy, ["cooperative-sticky", "range"]);
    let set = |name, value| config(&[("group.id", "g"), (name, value)]).group();
    wrong(set("heartbeat.interval.ms", "45000"), &["heartbeat.interval.ms=45000", "session.timeout.ms=45000"]);
    wrong(set("max.poll.interval.ms", "44999"), &["max.poll.interval.ms=44999", "session.timeout.ms=45000"]);
    assert_eq!(set("group.protocol", "consumer").unwrap_err().kind(), ErrorKind::UnsupportedFeature);
    assert_eq!(set("group.instance.id", "one").unwrap().unwrap().group_instance_id.as_deref(), Some("one"));
}
