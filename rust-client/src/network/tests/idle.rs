//! Connections that were closed while a consumer had no use for them.

use super::*;
use crate::StartAt;

const LONG: Duration = Duration::from_secs(60);

async fn quiet(properties: &[(&str, &str)]) -> (Broker, Arc<Network>, Client) {
    let (broker, network) = broker(1);
    let mut builder = client(&network, "broker-1:9092");
    for (name, value) in properties {
        builder = builder.set(name, value).unwrap();
    }
    let client = builder.connect().await.unwrap();
    client.admin().create_topic(NewTopic::new("t").partitions(1)).await.unwrap();
    (broker, network, client)
}

#[tokio::test(start_paused = true)]
async fn a_paused_consumer_reads_on_though_either_side_closed_its_connection() {
    for by_broker in [false, true] {
        let properties = [
            ("connections.max.idle.ms", if by_broker { "0" } else { "60000" }),
            ("topic.metadata.refresh.interval.ms", "-1"),
            ("metadata.max.age.ms", "86400000"),
        ];
        let (broker, network, client) = quiet(&properties).await;
        let producer = client.producer().unwrap();
        let consumer = client.consumer().unwrap();
        consumer.assign([("t", 0, StartAt::Beginning)]);
        for offset in 0..3 {
            let begun = Instant::now();
            producer.send(Record::to("t").value("v")).await.unwrap().await.unwrap();
            let read = consumer.next_timeout(LONG).await.unwrap().expect("a record in time");
            assert_eq!(read.records().map(|record| record.offset).collect::<Vec<_>>(), [offset]);
            drop(read);
            // The Fetch that is parked when the consumer pauses ends in fetch.wait.max.ms.
            assert!(begun.elapsed() <= Duration::from_secs(2), "{:?}", begun.elapsed());
            consumer.pause("t", 0).unwrap();
            assert!(consumer.next_timeout(LONG).await.unwrap().is_none());
            let connects = network.connects.load(Ordering::SeqCst);
            if by_broker {
                broker.stop_broker(1).unwrap();
                broker.restart_broker(1).unwrap();
            }
            assert!(consumer.next_timeout(60 * LONG).await.unwrap().is_none());
            assert_eq!(client.metrics().connections, 0, "{:?}", client.metrics());
            assert_eq!(network.connects.load(Ordering::SeqCst), connects, "closing them is no reason to connect again");
            consumer.resume("t", 0).unwrap();
        }
        assert_eq!((producer.metrics().retries, client.metrics().connection_failures), (0, 0));
        consumer.close().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_whose_group_is_quiet_stays_in_it_and_commits() {
    let (_broker, _network, client) = quiet(&[("connections.max.idle.ms", "60000")]).await;
    let producer = client.producer().unwrap();
    let consumer = client.consumer_builder().group("g").set("auto.offset.reset", "earliest").build().unwrap();
    consumer.subscribe(["t"]).unwrap();
    for offset in 0..3 {
        producer.send(Record::to("t").value("v")).await.unwrap().await.unwrap();
        let read = consumer.next_timeout(LONG).await.unwrap().expect("a record in time");
        assert_eq!(read.records().map(|record| record.offset).collect::<Vec<_>>(), [offset]);
        consumer.commit(&read).await.unwrap();
        drop(read);
        // Meanwhile the connection for JoinGroup, at least, is closed.
        assert!(consumer.next_timeout(60 * LONG).await.unwrap().is_none());
    }
    consumer.close().await.unwrap();
}
