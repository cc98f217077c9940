//! What is written is read back as it was, and topics and the cluster are described.

use ottla::{ErrorKind, NewTopic, Record};
use ottla_protocol::compression::Compression;
use ottla_tests::kafka::unique_name;

use crate::helper::{client, on_both, read, topic};

#[test]
fn every_codec_and_every_acks_there_and_back() {
    on_both(|servers| {
        for codec in Compression::ALL {
            for acks in ["all", "1", "0"] {
                let idempotence = if acks == "all" { "true" } else { "false" };
                let properties = [("compression.type", codec.name()), ("acks", acks), ("enable.idempotence", idempotence)];
                let client = client(servers, &properties);
                let topic = topic(&client, 1);
                let producer = client.producer().unwrap();
                let deliveries: Vec<_> = (0..500)
                    .map(|i| {
                        let (key, value) = (format!("key {i}"), format!("value {i} {}", "x".repeat(50)));
                        let record = Record::to(&topic).key(&key).value(&value).header("h", &key).null_header("h");
                        producer.send_blocking(record).unwrap()
                    })
                    .collect();
                for (i, delivery) in deliveries.into_iter().enumerate() {
                    let written = delivery.wait().unwrap();
                    assert_eq!(written.partition, 0);
                    assert_eq!(written.offset, if acks == "0" { -1 } else { i64::try_from(i).unwrap() });
                }
                let records = read(&client, &topic, 0, 500);
                assert_eq!(records.len(), 500);
                for (i, record) in records.into_iter().enumerate() {
                    assert_eq!(record.offset, i64::try_from(i).unwrap());
                    assert_eq!(record.key.unwrap(), format!("key {i}").into_bytes());
                    assert_eq!(record.value.unwrap(), format!("value {i} {}", "x".repeat(50)).into_bytes());
                    assert_eq!(record.headers, [format!("h=Some(\"key {i}\")"), "h=None".to_owned()]);
                }
            }
        }
    });
}

#[test]
fn a_topic_that_comes_to_be_when_it_is_written_to() {
    on_both(|servers| {
        let client = client(servers, &[]);
        let topic = unique_name("auto");
        let producer = client.producer().unwrap();
        let deliveries: Vec<_> =
            (0..10).map(|i| producer.try_send(&Record::to(&topic).value(&format!("{i}"))).unwrap()).collect();
        producer.flush_blocking();
        let offsets: Vec<i64> =
            deliveries.into_iter().map(|mut d| d.try_result().expect("flush waits for it").unwrap().offset).collect();
        assert_eq!(offsets, (0..10).collect::<Vec<_>>());
        let values: Vec<_> = read(&client, &topic, 0, 10).into_iter().map(|record| record.value.unwrap()).collect();
        assert_eq!(values, (0..10).map(|i| format!("{i}").into_bytes()).collect::<Vec<_>>());
    });
}

#[test]
fn tombstones_empty_values_and_chosen_partitions() {
    on_both(|servers| {
        let client = client(servers, &[]);
        let topic = topic(&client, 3);
        let producer = client.producer().unwrap();
        let tombstone = producer.send_blocking(Record::to(&topic).key("k").partition(2)).unwrap().wait().unwrap();
        let empty = producer.send_blocking(Record::to(&topic).value("").partition(2)).unwrap().wait().unwrap();
        assert_eq!((tombstone.partition, tombstone.offset, empty.offset), (2, 0, 1));
        let records = read(&client, &topic, 2, 2);
        assert_eq!((records[0].key.as_deref(), records[0].value.as_deref()), (Some(&b"k"[..]), None));
        assert_eq!((records[1].key.as_deref(), records[1].value.as_deref()), (None, Some(&b""[..])));
        let error = producer.send_blocking(Record::to(&topic).value("v").partition(9)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnknownPartition);
    });
}

#[test]
fn topics_and_the_cluster_are_described() {
    on_both(|servers| {
        let client = client(servers, &[]);
        let topic = topic(&client, 3);
        let admin = client.admin();
        assert!(admin.list_topics_blocking().unwrap().contains(&topic));
        let description = admin.describe_topic_blocking(&topic).unwrap();
        assert_eq!(description.partitions.len(), 3);
        assert!(description.partitions.iter().all(|p| p.leader.is_some()));
        assert_eq!(admin.describe_cluster_blocking().unwrap().brokers.len(), 1);
        let again = admin.create_topic_blocking(NewTopic::new(&topic)).unwrap_err();
        assert_eq!(again.name(), "TOPIC_ALREADY_EXISTS");
        admin.delete_topic_blocking(&topic).unwrap();
        assert_eq!(admin.delete_topic_blocking(&topic).unwrap_err().name(), "UNKNOWN_TOPIC_OR_PARTITION");
    });
}

#[test]
fn a_batch_too_large_for_the_topic_goes_in_parts_and_a_record_too_large_fails_alone() {
    on_both(|servers| {
        for codec in ["none", "lz4"] {
            let client = client(servers, &[("compression.type", codec), ("linger.ms", "200")]);
            let topic = unique_name("parts");
            let new = NewTopic::new(&topic).partitions(1).config("max.message.bytes", "20000");
            client.admin().create_topic_blocking(new).unwrap();
            let producer = client.producer().unwrap();
            // Of all bytes, so that they don't compress away.
            let value =
                |i: u32| (0..300_u32).map(|at| (i.wrapping_mul(at + 7).wrapping_mul(2_654_435_761) >> 13) as u8).collect();
            let values: Vec<Vec<u8>> = (0..1_000).map(value).collect();
            let large: Vec<u8> = (0..100).flat_map(value).collect();
            let send = |value: &[u8]| producer.send_blocking(Record::to(&topic).value(value)).unwrap();
            let mut deliveries: Vec<_> = values[..500].iter().map(|value| send(value)).collect();
            let too_large = send(&large);
            deliveries.extend(values[500..].iter().map(|value| send(value)));
            for (i, delivery) in deliveries.into_iter().enumerate() {
                assert_eq!(delivery.wait().unwrap().offset, i64::try_from(i).unwrap());
            }
            let error = too_large.wait().unwrap_err();
            assert_eq!((error.name(), error.possibly_written()), ("MESSAGE_TOO_LARGE", false), "{error}");
            let records = read(&client, &topic, 0, values.len());
            assert!(records.iter().map(|record| record.value.as_ref().unwrap()).eq(&values));
            assert!(producer.metrics().splits > 0);
        }
    });
}
