//! Answers that take their time, that nobody finishes, or that the coordinator withholds.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ottla::{Answering, ErrorCode, ErrorKind, Rebalance, RebalanceListener};
use ottla_broker::{Broker, Effect, Rule};
use ottla_protocol::ApiKey;
use tokio::sync::Semaphore;

use super::{LONG, assigned, connected, member, next, produce, read, started, until, values};

/// Answers when it is allowed to, and counts.
#[derive(Clone)]
struct Slow {
    allowed: Arc<Semaphore>,
    begun: Arc<AtomicUsize>,
    done: Arc<AtomicUsize>,
}

impl Slow {
    fn new() -> Self {
        Self { allowed: Arc::new(Semaphore::new(0)), begun: Arc::default(), done: Arc::default() }
    }

    fn counts(&self) -> (usize, usize) {
        (self.begun.load(Ordering::SeqCst), self.done.load(Ordering::SeqCst))
    }
}

impl RebalanceListener for Slow {
    fn assigned(&self, _: Rebalance) -> Answering {
        let this = self.clone();
        this.begun.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            this.allowed.acquire().await.unwrap().forget();
            this.done.fetch_add(1, Ordering::SeqCst);
        })
    }
}

#[tokio::test]
async fn an_answer_outlives_the_call_that_began_it() {
    let (_broker, client) = started(1).await;
    produce(&client, 0, 0..5).await;
    let slow = Slow::new();
    let consumer = client.consumer_builder().group("g").listener(slow.clone()).build().unwrap();
    consumer.subscribe(["orders"]).unwrap();
    while slow.counts() == (0, 0) {
        assert!(consumer.next_timeout(Duration::from_millis(10)).await.unwrap().is_none(), "no record before the answer");
    }
    for _ in 0..3 {
        assert!(consumer.next_timeout(Duration::from_millis(10)).await.unwrap().is_none());
        assert!(consumer.try_next().unwrap().is_none());
    }
    assert_eq!(slow.counts(), (1, 0), "it began once");
    let state = consumer.group_state().unwrap();
    assert!(state.held_up_by.unwrap().contains("the application has not yet answered"), "{}", state.state);
    // One call is given up while another waits too: that one goes on with it.
    let waiting = consumer.next();
    let given_up = consumer.next_timeout(Duration::from_millis(10));
    let (batch, none, ()) = tokio::join!(waiting, given_up, async {
        tokio::time::timeout(Duration::from_millis(50), std::future::pending::<()>()).await.unwrap_err();
        slow.allowed.add_permits(1);
    });
    assert!(none.unwrap().is_none());
    assert_eq!(values(&batch.unwrap().unwrap()), [0, 1, 2, 3, 4]);
    assert_eq!(slow.counts(), (1, 1));
}

#[tokio::test]
async fn a_close_that_is_not_waited_for_ends_what_a_listener_has_begun() {
    let (broker, client) = started(1).await;
    broker.journal().keep(1000);
    let slow = Slow::new();
    let consumer = client.consumer_builder().group("g").listener(slow.clone()).set("close.timeout.ms", "300").build().unwrap();
    consumer.subscribe(["orders"]).unwrap();
    while slow.counts() == (0, 0) {
        assert!(consumer.next_timeout(Duration::from_millis(10)).await.unwrap().is_none());
    }
    drop(consumer);
    // Nobody ever allows it to answer: the bound of the close does.
    broker.journal().wait_for(LONG, |entry| entry.api == ApiKey::LeaveGroup).await.expect("it leaves");
    assert_eq!(slow.counts(), (1, 0));
}

struct Panics;

impl RebalanceListener for Panics {
    fn assigned(&self, _: Rebalance) -> Answering {
        Box::pin(async { std::panic::resume_unwind(Box::new("on purpose")) })
    }
}

#[tokio::test]
async fn a_listener_that_panics_has_answered() {
    let (_broker, client) = started(1).await;
    produce(&client, 0, 0..5).await;
    let consumer = Arc::new(client.consumer_builder().group("g").listener(Panics).build().unwrap());
    consumer.subscribe(["orders"]).unwrap();
    let asking = consumer.clone();
    let asked = tokio::spawn(async move { asking.next().await.map(|_| ()) });
    assert!(asked.await.unwrap_err().is_panic(), "whoever asked sees it");
    assert_eq!(read(&consumer, 5).await, [0, 1, 2, 3, 4], "and the consumer goes on");
}

#[tokio::test]
async fn where_to_start_is_asked_again_and_the_refusal_told_once() {
    let (broker, client) = started(1).await;
    produce(&client, 0, 0..5).await;
    let refusal = Effect::Error { code: ErrorCode::GroupAuthorizationFailed, applied: false };
    let rule = broker.add_fault(Rule::on(ApiKey::OffsetFetch, refusal)).unwrap();
    let consumer = member(&client, &[("retry.backoff.max.ms", "20"), ("retry.backoff.ms", "10")]);
    let error = consumer.next_timeout(LONG).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::GroupAuthorizationFailed), "{error}");
    while broker.fault_hits(rule) < 3 {
        assert!(consumer.next_timeout(Duration::from_millis(10)).await.unwrap().is_none(), "it is not told again");
    }
    assert_eq!((assigned(&consumer), consumer.position("orders", 0)), (vec![0], None), "it is there, and may be sought in");
    broker.remove_fault(rule);
    assert_eq!(read(&consumer, 5).await, [0, 1, 2, 3, 4]);
}

#[tokio::test]
async fn a_group_that_must_not_be_joined_says_so() {
    let (broker, client) = started(1).await;
    let refusal = Effect::Error { code: ErrorCode::GroupAuthorizationFailed, applied: false };
    let rule = broker.add_fault(Rule::on(ApiKey::JoinGroup, refusal)).unwrap();
    let consumer = member(&client, &[]);
    for _ in 0..2 {
        let error = consumer.next_timeout(LONG).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Broker, Some(ErrorCode::GroupAuthorizationFailed)), "{error}");
    }
    broker.remove_fault(rule);
    loop {
        // One more may have been on its way.
        match consumer.next_timeout(Duration::from_millis(10)).await {
            Ok(_) if assigned(&consumer) == [0] => break,
            Ok(_) => {}
            Err(error) => assert_eq!(error.code(), Some(ErrorCode::GroupAuthorizationFailed)),
        }
    }
}

#[tokio::test]
async fn a_coordinator_that_moves_is_followed() {
    let broker = Broker::builder().brokers(3).topic("orders", 2).config("offsets.topic.replication.factor", "3").unwrap();
    let broker = broker.start().unwrap();
    let client = connected(&broker).await;
    let consumer = member(&client, &[("heartbeat.interval.ms", "20")]);
    until(&[&consumer], || assigned(&consumer).len() == 2).await;
    for node in [1, 2, 3, 1] {
        broker.move_coordinator("g", node).unwrap();
        produce(&client, 0, 0..1).await;
        let batch = next(&consumer).await;
        consumer.commit(&batch).await.unwrap();
        assert_eq!(broker.committed_offset("g", "orders", 0).unwrap().0, batch.next_offset());
        until(&[&consumer], || consumer.group_state().unwrap().coordinator == Some(node)).await;
    }
    assert_eq!(consumer.group_state().unwrap().generation, 1, "without a rebalance");
    consumer.close().await.unwrap();
}
