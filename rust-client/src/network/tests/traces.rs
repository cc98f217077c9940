//! What an observer is told of requests, and of groups, while it wants to know.

use std::sync::atomic::AtomicBool;

use ottla_broker::{ApiKey, Effect, Rule};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::*;
use crate::{ClientEvent, GroupAssignment, GroupTopics, MemberSubscription, PartitionAssignor, RequestEnd, RequestTrace};

const LONG: Duration = Duration::from_secs(60);

struct Watched {
    broker: Broker,
    client: Client,
    told: UnboundedReceiver<ClientEvent>,
    wanted: Arc<AtomicBool>,
}

impl Watched {
    async fn new() -> Self {
        let (broker, network) = broker(1);
        let (tell, told) = unbounded_channel();
        let wanted = Arc::new(AtomicBool::new(true));
        let observer = Arc::new(move |event| drop(tell.send(event)));
        let builder = client(&network, "broker-1:9092").observer(observer).trace(wanted.clone());
        Self { broker, client: builder.connect().await.unwrap(), told, wanted }
    }

    /// What was told so far.
    fn take(&mut self) -> Vec<ClientEvent> {
        std::iter::from_fn(|| self.told.try_recv().ok()).collect()
    }

    /// The ends of requests to one API that were told so far.
    fn requests(&mut self, api: &str) -> Vec<RequestTrace> {
        let told = self.take().into_iter();
        told.filter_map(|event| if let ClientEvent::Request(trace) = event { Some(trace) } else { None })
            .filter(|trace| trace.api_name == api)
            .collect()
    }

    async fn until(&mut self, wanted: impl Fn(&ClientEvent) -> bool) -> ClientEvent {
        loop {
            let event = self.told.recv().await.unwrap();
            if wanted(&event) {
                return event;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn each_request_is_told_with_its_times_and_its_end() {
    let mut watched = Watched::new().await;
    let told = watched.take();
    let Some(ClientEvent::Request(first)) = told.first() else { panic!("{told:?}") };
    assert_eq!((first.api_name, first.api_key, first.correlation_id, first.broker), ("ApiVersions", 18, 0, -1));
    assert_eq!(first.address, "broker-1:9092");
    assert!(matches!(first.end, RequestEnd::Answered { bytes: 1.. }), "{first:?}");
    watched.broker.add_fault(Rule::on(ApiKey::CreateTopics, Effect::Delay { ms: 70, applied: true }).once()).unwrap();
    watched.client.admin().create_topic(NewTopic::new("t").partitions(1)).await.unwrap();
    let created = watched.requests("CreateTopics");
    assert_eq!(created.len(), 1);
    assert_eq!((created[0].pending, created[0].duration), (Duration::ZERO, Duration::from_millis(70)));
    assert_eq!((created[0].api_key, created[0].broker), (19, 1));

    let producer = watched.client.producer_builder().set("acks", "0").build().unwrap();
    producer.send(Record::to("t").value("1")).await.unwrap().await.unwrap();
    let produced = watched.requests("Produce");
    assert!(matches!(produced[..], [RequestTrace { end: RequestEnd::Written, .. }]), "{produced:?}");

    watched.wanted.store(false, Ordering::Relaxed);
    watched.client.admin().list_topics().await.unwrap();
    assert!(watched.take().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_request_without_an_answer_timed_out_and_those_behind_it_failed() {
    let mut watched = Watched::new().await;
    watched.client.admin().create_topic(NewTopic::new("t").partitions(1)).await.unwrap();
    watched.take();
    watched.broker.add_fault(Rule::on(ApiKey::DeleteTopics, Effect::Silence { applied: false }).once()).unwrap();
    let admin = watched.client.admin();
    let (first, second) = (admin.delete_topic("t"), admin.create_topic(NewTopic::new("u").partitions(1)));
    // Both come right: they are asked again.
    let (first, second) = tokio::join!(first, second);
    first.unwrap();
    second.unwrap();
    let told: Vec<_> = watched.take().into_iter().filter(|event| matches!(event, ClientEvent::Request(_))).collect();
    let end = |api: &str| {
        let of = told.iter().filter_map(|event| if let ClientEvent::Request(trace) = event { Some(trace) } else { None });
        of.filter(|trace| trace.api_name == api).map(|trace| (trace.end.clone(), trace.duration)).collect::<Vec<_>>()
    };
    let deleted = end("DeleteTopics");
    assert!(matches!(deleted[..], [(RequestEnd::TimedOut, _), (RequestEnd::Answered { .. }, _)]), "{told:?}");
    // What an admin call gives a broker.
    assert_eq!(deleted[0].1, Duration::from_secs(30));
    let created = end("CreateTopics");
    assert!(matches!(&created[..], [(RequestEnd::Failed(error), _), ..] if error.broker().is_some()), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn requests_that_wait_for_their_connection_are_counted() {
    let mut watched = Watched::new().await;
    watched.take();
    let admin = watched.client.admin();
    let create = async |name: &str| admin.create_topic(NewTopic::new(name).partitions(1)).await.unwrap();
    // Handed over in one turn, so that two wait behind the first.
    tokio::join!(create("a"), create("b"), create("c"));
    let told = watched.take().into_iter();
    let sizes: Vec<usize> = told
        .filter_map(|event| if let ClientEvent::RequestQueue { size, broker: 1, .. } = event { Some(size) } else { None })
        .collect();
    assert_eq!(sizes, [1, 2, 1, 0]);
}

/// Assigns what nobody asked for.
struct Generous;

impl PartitionAssignor for Generous {
    fn name(&self) -> &str {
        "generous"
    }

    fn assigns_beyond_subscriptions(&self) -> bool {
        true
    }

    fn assign(&self, _topics: &GroupTopics, members: &[MemberSubscription]) -> GroupAssignment {
        let partitions = || vec![crate::TopicPartition::new("t", 0), crate::TopicPartition::new("x", 0)];
        let assignment = || crate::MemberAssignment { partitions: partitions(), user_data: None };
        members.iter().map(|member| (member.member_id.clone(), assignment())).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn heartbeats_and_topics_beyond_the_subscription_are_told() {
    let mut watched = Watched::new().await;
    watched.client.admin().create_topic(NewTopic::new("t").partitions(1)).await.unwrap();
    let builder = watched.client.consumer_builder().assignor(Arc::new(Generous));
    let builder =
        builder.set("partition.assignment.strategy", "generous").set("group.id", "g").set("auto.offset.reset", "earliest");
    let consumer = builder.build().unwrap();
    consumer.subscribe(["t"]).unwrap();
    let producer = watched.client.producer().unwrap();
    producer.send(Record::to("t").value("1")).await.unwrap().await.unwrap();
    let read = consumer.next_timeout(LONG).await.unwrap().expect("the record");
    assert_eq!(read.records().count(), 1);
    drop(read);
    assert_eq!(consumer.assignment(), [crate::TopicPartition::new("t", 0)]);
    let beyond = watched.until(|event| matches!(event, ClientEvent::UnsubscribedTopics { .. })).await;
    let ClientEvent::UnsubscribedTopics { member, assigned, subscribed } = beyond else { unreachable!() };
    assert_eq!((member.group_id.as_str(), member.generation), ("g", 1));
    assert_eq!(member.member_id, consumer.group_state().unwrap().member_id);
    assert_eq!((assigned, subscribed), (vec!["t".into(), "x".into()], vec!["t".into()]));
    let heard = watched.until(|event| matches!(event, ClientEvent::Heartbeat(_))).await;
    assert!(matches!(heard, ClientEvent::Heartbeat(same) if same == member));
}
