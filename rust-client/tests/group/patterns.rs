//! Subscriptions that follow topics: those that come and go, and partitions that are added to one.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ottla::{Answering, Client, Consumer, ErrorCode, ErrorKind, NewTopic, Rebalance, RebalanceListener, Record};
use ottla_broker::Broker;
use ottla_protocol::ApiKey;
use ottla_protocol::messages::create_partitions::{CreatePartitionsRequest, CreatePartitionsTopic};

use super::{LONG, ask, connected, until};

/// A producer would make a topic anew that was deleted.
const PROPERTIES: [(&str, &str); 3] =
    [("metadata.max.age.ms", "50"), ("auto.offset.reset", "earliest"), ("allow.auto.create.topics", "false")];

async fn client(broker: &Broker) -> Client {
    let builder = Client::builder().set("bootstrap.servers", broker.bootstrap_servers()).unwrap();
    PROPERTIES.iter().fold(builder, |builder, (name, value)| builder.set(name, value).unwrap()).connect().await.unwrap()
}

fn member(client: &Client, pattern: &str) -> Consumer {
    let consumer = client.consumer_builder().group("g").set("heartbeat.interval.ms", "20").build().unwrap();
    consumer.subscribe_pattern(pattern).unwrap();
    consumer
}

fn assigned(consumer: &Consumer) -> Vec<String> {
    consumer.assignment().iter().map(|key| format!("{}/{}", key.topic, key.partition)).collect()
}

async fn write(client: &Client, topic: &str, partition: i32, value: &str) {
    let producer = client.producer().unwrap();
    producer.send(Record::to(topic).partition(partition).value(value)).await.unwrap().await.unwrap();
}

async fn value(consumer: &Consumer) -> String {
    let batch = consumer.next_timeout(LONG).await.unwrap().expect("a batch in time");
    String::from_utf8(batch.records().next().unwrap().value.unwrap().to_vec()).unwrap()
}

/// Commits by hand what it gives up, and notes what comes of it.
struct Commits(Arc<Mutex<Vec<Option<ErrorCode>>>>);

impl RebalanceListener for Commits {
    fn revoked(&self, rebalance: Rebalance) -> Answering {
        let told = self.0.clone();
        Box::pin(async move {
            let result = rebalance.commit().await;
            told.lock().unwrap().push(result.err().map(|error| error.code().unwrap()));
        })
    }
}

#[tokio::test]
async fn topics_that_match_come_and_go() {
    let broker = Broker::builder().topic("orders-1", 1).topic("bills", 1).start().unwrap();
    let client = client(&broker).await;
    let told = Arc::new(Mutex::new(Vec::new()));
    let consumer = client.consumer_builder().group("g").listener(Commits(told.clone())).build().unwrap();
    consumer.subscribe(["^orders-"]).unwrap();
    until(&[&consumer], || assigned(&consumer) == ["orders-1/0"]).await;
    broker.create_topic("orders-2", 2).unwrap();
    broker.create_topic("old-orders", 2).unwrap();
    until(&[&consumer], || assigned(&consumer) == ["orders-1/0", "orders-2/0", "orders-2/1"]).await;
    write(&client, "orders-2", 1, "new").await;
    assert_eq!(value(&consumer).await, "new");
    // What was consumed of a topic that is deleted can't be committed: nothing waits for that.
    client.admin().delete_topic("orders-2").await.unwrap();
    until(&[&consumer], || assigned(&consumer) == ["orders-1/0"]).await;
    assert_eq!(consumer.group_state().unwrap().state, "Stable");
    assert_eq!(std::mem::take(&mut *told.lock().unwrap()), [None, Some(ErrorCode::UnknownTopicOrPartition)]);
    client.admin().delete_topic("orders-1").await.unwrap();
    until(&[&consumer], || consumer.group_state().unwrap().state == "Unsubscribed").await;
    let state = consumer.group_state().unwrap();
    assert_eq!(state.held_up_by.as_deref(), Some("no topic matches what is subscribed to"));
    client.admin().create_topic(NewTopic::new("orders-1").partitions(2)).await.unwrap();
    until(&[&consumer], || assigned(&consumer) == ["orders-1/0", "orders-1/1"]).await;
    consumer.close().await.unwrap();
}

#[tokio::test]
async fn members_with_one_pattern_share_what_comes() {
    let broker = Broker::builder().topic("orders-1", 2).start().unwrap();
    // Metadata of their own, at times of their own.
    let (one, two) = (client(&broker).await, client(&broker).await);
    let (first, second) = (member(&one, "^orders"), member(&two, "^orders"));
    until(&[&first, &second], || first.assignment().len() == 1 && second.assignment().len() == 1).await;
    broker.create_topic("orders-2", 2).unwrap();
    until(&[&first, &second], || first.assignment().len() == 2 && second.assignment().len() == 2).await;
    one.admin().delete_topic("orders-1").await.unwrap();
    until(&[&first, &second], || {
        let mut all = [assigned(&first), assigned(&second)].concat();
        all.sort();
        all == ["orders-2/0", "orders-2/1"] && first.assignment().len() == 1
    })
    .await;
    first.close().await.unwrap();
    second.close().await.unwrap();
}

#[tokio::test]
async fn kafka_s_own_topics_match_only_when_that_is_asked_for() {
    let broker = Broker::builder().topic("orders", 1).start().unwrap();
    let client = client(&broker).await;
    let consumer = member(&client, ".");
    until(&[&consumer], || assigned(&consumer) == ["orders/0"]).await;
    let own = |topics: &[String]| topics.iter().any(|topic| topic.starts_with("__consumer_offsets/"));
    until(&[&consumer], || client.metrics().metadata_refreshes > 5).await;
    assert!(!own(&assigned(&consumer)));
    consumer.close().await.unwrap();
    let builder = client.consumer_builder().group("g").set("exclude.internal.topics", "false");
    let consumer = builder.build().unwrap();
    consumer.subscribe_pattern("^(orders|__consumer_offsets)$").unwrap();
    until(&[&consumer], || own(&assigned(&consumer)) && assigned(&consumer).contains(&"orders/0".to_owned())).await;
}

#[tokio::test]
async fn another_subscription_takes_the_place_of_a_pattern() {
    let broker = Broker::builder().topic("orders", 1).topic("bills", 1).start().unwrap();
    let client = client(&broker).await;
    let consumer = member(&client, "^");
    until(&[&consumer], || assigned(&consumer) == ["bills/0", "orders/0"]).await;
    consumer.subscribe(["orders"]).unwrap();
    until(&[&consumer], || assigned(&consumer) == ["orders/0"]).await;
    consumer.subscribe(["^b", "orders"]).unwrap();
    until(&[&consumer], || assigned(&consumer) == ["bills/0", "orders/0"]).await;
    consumer.unsubscribe().await.unwrap();
    assert_eq!((assigned(&consumer), consumer.group_state().unwrap().held_up_by), (vec![], None));
    for pattern in ["^[", "^(a"] {
        let error = consumer.subscribe([pattern]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(error.to_string().contains(pattern), "{error}");
    }
    assert_eq!(consumer.subscribe_pattern("(").unwrap_err().kind(), ErrorKind::InvalidArgument);
    consumer.assign([("orders", 0, ottla::StartAt::Beginning)]);
    assert_eq!(consumer.subscribe_pattern("^").unwrap_err().kind(), ErrorKind::State);
}

#[tokio::test]
async fn a_pattern_without_brokers_says_what_it_waits_for() {
    let broker = Broker::builder().topic("orders", 1).start().unwrap();
    let client = connected(&broker).await;
    broker.stop_broker(1).unwrap();
    let consumer = member(&client, "^orders");
    assert!(consumer.next_timeout(Duration::from_millis(50)).await.unwrap().is_none());
    let state = consumer.group_state().unwrap();
    assert_eq!(state.held_up_by.as_deref(), Some("it is not known yet which topics there are"));
    broker.restart_broker(1).unwrap();
    until(&[&consumer], || assigned(&consumer) == ["orders/0"]).await;
}

/// Asks the broker, without the client, to add partitions.
fn add_partitions(broker: &Broker, topic: &str, count: i32) {
    let topic = CreatePartitionsTopic { name: topic.into(), count, assignments: None, ..CreatePartitionsTopic::default() };
    let request = CreatePartitionsRequest { topics: vec![topic], timeout_ms: 10_000, ..CreatePartitionsRequest::default() };
    let response = ask(broker, 3, &request);
    assert_eq!(response.results[0].error_code, 0, "{response:?}");
}

#[tokio::test]
async fn partitions_that_are_added_are_shared_too() {
    for strategy in ["range", "cooperative-sticky"] {
        let broker = Broker::builder().topic("orders", 1).start().unwrap();
        broker.journal().keep(10_000);
        let (one, two) = (client(&broker).await, client(&broker).await);
        let member = |client: &Client| {
            let builder = client.consumer_builder().group("g").set("heartbeat.interval.ms", "20");
            let consumer = builder.set("partition.assignment.strategy", strategy).build().unwrap();
            consumer.subscribe(["orders"]).unwrap();
            Arc::new(consumer)
        };
        let (first, second) = (member(&one), member(&two));
        until(&[&first, &second], || {
            let stable = |consumer: &Consumer| consumer.group_state().unwrap().state == "Stable";
            stable(&first) && stable(&second) && first.assignment().len() + second.assignment().len() == 1
        })
        .await;
        add_partitions(&broker, "orders", 4);
        until(&[&first, &second], || first.assignment().len() == 2 && second.assignment().len() == 2).await;
        for partition in 0..4 {
            write(&one, "orders", partition, "x").await;
        }
        assert_eq!((value(&first).await, value(&second).await), ("x".to_owned(), "x".to_owned()), "{strategy}");
        assert!(broker.journal().count(|entry| entry.api == ApiKey::JoinGroup) >= 3);
    }
}
