//! What users get wrong, and what they are told: the kind, the name, and the property or address to look at.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::thread;

use ottla::{Client, Config, Error, ErrorKind, NewTopic, Record};
use ottla_broker::Broker;
use ottla_tests::kafka::{LiveKafka, unique_name};

use crate::helper::{client, in_time, on_both, topic, values};

fn config(pairs: &[(&str, &str)]) -> Result<Config, Error> {
    let mut config = Config::new();
    config.set("bootstrap.servers", "localhost:9092")?;
    for (name, value) in pairs {
        config.set(name, value)?;
    }
    Ok(config)
}

fn says(error: &Error, kind: ErrorKind, words: &[&str]) {
    assert_eq!(error.kind(), kind, "{error}");
    for word in words {
        assert!(error.to_string().contains(word), "{error} does not say {word}");
    }
}

/// Connects with short bounds; what went wrong, with all its causes as text.
fn connect(address: &str) -> (Error, String) {
    let mut config = Config::new();
    let bounds = [("connect.timeout.ms", "2500"), ("socket.connection.setup.timeout.ms", "1000")];
    config.set("bootstrap.servers", address).unwrap().set_all(bounds).unwrap();
    let connecting = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(Client::with_config(config)).map(drop).unwrap_err()
    };
    let error = in_time(connecting);
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    (error, text)
}

/// A listener that is no Kafka: it reads something, answers as told, and closes.
fn not_kafka(answer: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let mut hello = [0; 512];
            // The client may be gone already: then there is nothing to tell it.
            let _ = stream.read(&mut hello).and_then(|_| stream.write_all(answer));
        }
    });
    address
}

#[test]
fn properties_that_do_not_exist_or_can_not_be_are_named() {
    let error = config(&[("linger.msec", "5")]).unwrap_err();
    says(&error, ErrorKind::Config, &["linger.msec", "did you mean linger.ms?"]);
    assert_eq!(error.name(), "_INVALID_ARG");
    says(&config(&[("bootstrap.server", "x:1")]).unwrap_err(), ErrorKind::Config, &["did you mean bootstrap.servers?"]);
    for (name, value) in [("linger.ms", "soon"), ("compression.type", "zip"), ("check.crcs", "maybe"), ("message.max.bytes", "1")]
    {
        says(&config(&[(name, value)]).unwrap_err(), ErrorKind::Config, &[name, value]);
    }
    says(&Client::builder().build().map(drop).unwrap_err(), ErrorKind::Config, &["bootstrap.servers"]);
    for address in ["localhost:port", "localhost:70000", ":9092"] {
        let built = Client::builder().set("bootstrap.servers", address).and_then(|builder| builder.build());
        says(&built.map(drop).unwrap_err(), ErrorKind::Config, &["bootstrap.servers", address]);
    }
}

#[test]
fn properties_that_contradict_each_other_are_both_named() {
    let contradictions = [
        [("enable.idempotence", "true"), ("acks", "1")],
        [("enable.idempotence", "true"), ("retries", "0")],
        [("delivery.timeout.ms", "100"), ("linger.ms", "200")],
        [("queue.buffering.max.kbytes", "100"), ("message.max.bytes", "1000000")],
    ];
    for pairs in contradictions {
        let built = Client::builder().config(config(&pairs).unwrap()).build().and_then(|client| client.producer());
        says(&built.map(drop).unwrap_err(), ErrorKind::Config, &[pairs[0].0, pairs[1].0]);
    }
}

#[test]
fn a_port_where_nobody_listens_is_named() {
    // It was bound and let go.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let (error, text) = connect(&free);
    says(&error, ErrorKind::AllBrokersDown, &[&free, "connect.timeout.ms"]);
    assert!(text.contains("refused"), "{text}");
    assert_eq!(error.name(), "_ALL_BROKERS_DOWN");
}

#[test]
fn a_host_that_does_not_exist_is_named() {
    let (error, _) = connect("no-such-host.invalid:9092");
    says(&error, ErrorKind::AllBrokersDown, &["no-such-host.invalid:9092"]);
}

#[test]
fn an_http_port_is_told_as_one() {
    let address = not_kafka(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    says(&connect(&address.to_string()).0, ErrorKind::Protocol, &["HTTP", &address.to_string()]);
}

#[test]
fn a_tls_port_is_told_as_one() {
    // The alerts (decode_error, unexpected_message) of servers of TLS 1.0 and of 1.2 and later.
    for alert in [&[0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x32], &[0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x0a]] {
        let address = not_kafka(alert);
        says(&connect(&address.to_string()).0, ErrorKind::Protocol, &["TLS", "security.protocol", &address.to_string()]);
    }
}

#[test]
fn a_port_that_only_closes_is_named_with_a_guess() {
    let address = not_kafka(b"").to_string();
    let (error, text) = connect(&address);
    says(&error, ErrorKind::AllBrokersDown, &[&address]);
    assert!(text.contains("is this a Kafka listener"), "{text}");
}

#[test]
fn a_port_that_stays_silent_is_given_up_by_name() {
    // The system accepts for it, and nobody ever reads.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let (error, text) = connect(&address);
    says(&error, ErrorKind::AllBrokersDown, &[&address, "connect.timeout.ms"]);
    assert!(text.contains("ApiVersions") || text.contains("socket.connection.setup.timeout.ms"), "{text}");
}

#[test]
fn an_unknown_topic_is_told_when_nothing_creates_it() {
    let test = |servers: &str, allow: &str| {
        let properties = [("allow.auto.create.topics", allow), ("delivery.timeout.ms", "1500"), ("request.timeout.ms", "1000")];
        let client = client(servers, &properties);
        let name = unique_name("unknown");
        let producer = client.producer().unwrap();
        let send = |i: usize| producer.send_blocking(Record::to(&name).key(&format!("{i}")).value("v")).unwrap();
        let deliveries: Vec<_> = (0..20).map(send).collect();
        for delivery in deliveries {
            let error = in_time(move || delivery.wait()).unwrap_err();
            says(&error, ErrorKind::UnknownTopic, &[&name, "delivery.timeout.ms"]);
            assert_eq!((error.topic(), error.possibly_written()), (Some(name.as_str()), false));
        }
        assert_eq!(producer.buffered_bytes(), 0);
        assert!(!client.admin().list_topics_blocking().unwrap().contains(&name), "asking did not create it");
        let error = client.admin().describe_topic_blocking(&name).unwrap_err();
        assert_eq!((error.name(), error.topic()), ("UNKNOWN_TOPIC_OR_PARTITION", Some(name.as_str())));
    };
    on_both(|servers| test(servers, "false"));
    // The client would, and the broker does not.
    let lite = Broker::builder().auto_create(false).start().unwrap();
    test(lite.bootstrap_servers(), "true");
}

#[test]
fn names_that_no_topic_can_have_are_refused_at_once() {
    on_both(|servers| {
        let client = client(servers, &[]);
        let producer = client.producer().unwrap();
        for name in ["", ".", "..", "a b", "a/b", &"x".repeat(250)] {
            let error = producer.try_send(&Record::to(name).value("v")).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{name}: {error}");
            let error = client.admin().create_topic_blocking(NewTopic::new(name).partitions(1)).unwrap_err();
            assert_eq!(error.name(), "INVALID_TOPIC_EXCEPTION", "{name}: {error}");
        }
    });
}

#[test]
fn a_record_larger_than_the_client_allows_is_refused_at_once() {
    on_both(|servers| {
        let client = client(servers, &[("message.max.bytes", "2000")]);
        let topic = topic(&client, 1);
        let producer = client.producer().unwrap();
        let error = producer.try_send(&Record::to(&topic).value(&"x".repeat(3000))).unwrap_err();
        says(&error, ErrorKind::RecordTooLarge, &["message.max.bytes", "2000"]);
        assert_eq!(error.name(), "MESSAGE_TOO_LARGE");
        // And the others go on.
        producer.send_blocking(Record::to(&topic).value("small")).unwrap().wait().unwrap();
        assert_eq!(values(&client, &topic, 0), ["small"]);
    });
}

#[test]
fn a_record_larger_than_the_topic_allows_is_refused_by_the_broker() {
    on_both(|servers| {
        let client = client(servers, &[("linger.ms", "0")]);
        let name = unique_name("large");
        client.admin().create_topic_blocking(NewTopic::new(&name).partitions(1).config("max.message.bytes", "2000")).unwrap();
        let producer = client.producer().unwrap();
        let large = producer.send_blocking(Record::to(&name).value(&"x".repeat(3000))).unwrap();
        let error = in_time(move || large.wait()).unwrap_err();
        assert_eq!(
            (error.kind(), error.topic(), error.partition()),
            (ErrorKind::Broker, Some(name.as_str()), Some(0)),
            "{error}"
        );
        assert_eq!(error.code(), Some(ottla::ErrorCode::MessageTooLarge), "{error}");
        assert!(!error.is_retriable() && !error.possibly_written(), "{error}");
        // Idempotence goes on behind the refused batch.
        for value in ["1", "2"] {
            producer.send_blocking(Record::to(&name).value(value)).unwrap().wait().unwrap();
        }
        assert_eq!(values(&client, &name, 0), ["1", "2"]);
        assert_eq!(producer.buffered_bytes(), 0);
    });
}

#[test]
fn a_full_buffer_says_so_at_once_or_after_max_block_ms_and_goes_on_when_there_is_room() {
    on_both(|servers| {
        let properties = [
            ("queue.buffering.max.messages", "10"),
            ("max.block.ms", "300"),
            ("allow.auto.create.topics", "false"),
            ("linger.ms", "0"),
        ];
        let impatient = client(servers, &properties);
        let patient = client(servers, &[properties[0], ("max.block.ms", "60000"), properties[2], properties[3]]);
        let name = unique_name("full");
        let fill = |client: &Client| {
            let producer = client.producer().unwrap();
            // The topic does not exist yet, so nothing can leave.
            let deliveries: Vec<_> =
                (0..10).map(|i| producer.try_send(&Record::to(&name).partition(0).value(&format!("{i}"))).unwrap()).collect();
            (producer, deliveries)
        };
        let (producer, stuck) = fill(&impatient);
        let error = producer.try_send(&Record::to(&name).value("11")).unwrap_err();
        says(&error, ErrorKind::QueueFull, &["queue.buffering.max.messages"]);
        assert_eq!((error.name(), error.is_retriable()), ("_QUEUE_FULL", true));
        let error = producer.send_blocking(Record::to(&name).value("11")).unwrap_err();
        says(&error, ErrorKind::QueueFull, &["max.block.ms (300 ms)"]);
        producer.purge(true, true);
        for delivery in stuck {
            let error = in_time(move || delivery.wait()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Purged(ottla::PurgedFrom::InQueue), "{error}");
        }

        let (producer, deliveries) = fill(&patient);
        let sending = {
            let (producer, name) = (producer.clone(), name.clone());
            thread::spawn(move || {
                producer.send_blocking(Record::to(&name).partition(0).value("10")).map(|delivery| delivery.wait())
            })
        };
        patient.admin().create_topic_blocking(NewTopic::new(&name).partitions(1)).unwrap();
        let last = in_time(move || sending.join().unwrap()).unwrap().unwrap();
        assert_eq!(last.offset, 10);
        for (delivery, offset) in deliveries.into_iter().zip(0..) {
            assert_eq!(in_time(move || delivery.wait()).unwrap().offset, offset);
        }
        assert_eq!(values(&patient, &name, 0), (0..=10).map(|i| format!("{i}")).collect::<Vec<_>>());
    });
}

#[test]
fn what_a_live_broker_has_against_a_topic_is_told() {
    let client = client(LiveKafka::shared().bootstrap_servers(), &[]);
    let name = unique_name("replicas");
    let error = client.admin().create_topic_blocking(NewTopic::new(&name).partitions(1).replication_factor(3)).unwrap_err();
    assert_eq!((error.name(), error.topic()), ("INVALID_REPLICATION_FACTOR", Some(name.as_str())), "{error}");
    let error = client.admin().create_topic_blocking(NewTopic::new(&name).config("no.such.property", "1")).unwrap_err();
    assert_eq!(error.name(), "INVALID_CONFIG", "{error}");
}
