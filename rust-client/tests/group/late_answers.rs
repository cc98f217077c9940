//! Answers that come when the member has left: `max.poll.interval.ms` was over before.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ottla::{Answering, ErrorKind, QuestionKind, Rebalance, RebalanceListener};
use tokio::sync::Semaphore;

use super::paused_time::on_paused_time;
use super::{Listener, assigned, next, produce, read, until};

/// Longer than `max.poll.interval.ms`.
const TOO_LONG: Duration = Duration::from_secs(61);

/// Keeps what it is asked, and answers as often as it is allowed to.
#[derive(Clone)]
struct Slow {
    seen: Arc<Mutex<Vec<(QuestionKind, usize)>>>,
    allowed: Arc<Semaphore>,
}

impl Slow {
    fn new() -> Self {
        Self { seen: Arc::default(), allowed: Arc::new(Semaphore::new(0)) }
    }

    fn seen(&self) -> Vec<(QuestionKind, usize)> {
        self.seen.lock().unwrap().clone()
    }

    fn answer(&self, rebalance: &Rebalance) -> Answering {
        self.seen.lock().unwrap().push((rebalance.kind(), rebalance.partitions().len()));
        let allowed = self.allowed.clone();
        Box::pin(async move { allowed.acquire().await.unwrap().forget() })
    }
}

impl RebalanceListener for Slow {
    fn assigned(&self, rebalance: Rebalance) -> Answering {
        self.answer(&rebalance)
    }

    fn revoked(&self, rebalance: Rebalance) -> Answering {
        self.answer(&rebalance)
    }

    fn lost(&self, rebalance: Rebalance) -> Answering {
        self.answer(&rebalance)
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_listener_is_too_slow_for_is_taken_away_and_it_hears_so() {
    let (broker, client) = on_paused_time();
    let slow = Slow::new();
    let builder = client.consumer_builder().group("g").set("max.poll.interval.ms", "60000").set("close.timeout.ms", "5000");
    let consumer = builder.listener(slow.clone()).build().unwrap();
    consumer.subscribe(["orders"]).unwrap();
    while slow.seen().is_empty() {
        assert!(consumer.next_timeout(Duration::from_secs(1)).await.unwrap().is_none());
    }
    produce(&client, 0, 0..5).await;
    produce(&client, 1, 5..10).await;
    assert_eq!(assigned(&consumer).len(), 2);
    assert_eq!(consumer.unsubscribe().await.unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!(consumer.group_state().unwrap().state, "Departing");
    tokio::time::sleep(TOO_LONG).await;
    assert_eq!(consumer.group_state().unwrap().state, "Unsubscribed");
    assert!(broker.group_status("g").unwrap().members.is_empty(), "it has left");
    assert!(consumer.assignment().is_empty());
    assert!(consumer.next_timeout(Duration::from_secs(1)).await.unwrap().is_none());
    assert_eq!(slow.seen(), [(QuestionKind::Assigned, 2)], "one question at a time");
    slow.allowed.add_permits(1);
    assert!(consumer.next_timeout(Duration::from_secs(1)).await.unwrap().is_none(), "nothing of what it lost");
    assert_eq!(slow.seen(), [(QuestionKind::Assigned, 2), (QuestionKind::Lost, 2)]);
    // Without waiting for its answer.
    consumer.subscribe(["orders"]).unwrap();
    assert!(consumer.next_timeout(TOO_LONG).await.unwrap().is_none(), "it joins when it has answered");
    slow.allowed.add_permits(2);
    let mut all = read(&consumer, 10).await;
    all.sort_unstable();
    assert_eq!(all, (0..10).collect::<Vec<_>>());
    assert_eq!(slow.seen().last(), Some(&(QuestionKind::Assigned, 2)));
    slow.allowed.add_permits(1);
    consumer.close().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_is_away_while_its_member_leaves_may_subscribe_or_assign_at_once() {
    for by_hand in [false, true] {
        let (broker, client) = on_paused_time();
        let listener = Listener::default();
        let builder = client.consumer_builder().group("g").set("max.poll.interval.ms", "60000").listener(listener.clone());
        let consumer = builder.build().unwrap();
        consumer.subscribe(["orders"]).unwrap();
        until(&[&consumer], || assigned(&consumer).len() == 2 && !listener.peek().is_empty()).await;
        produce(&client, 0, 0..5).await;
        let held = next(&consumer).await;
        listener.take();
        // Takes effect without anybody who waits.
        consumer.subscribe([""; 0]).unwrap();
        tokio::time::sleep(TOO_LONG).await;
        assert!(!held.is_valid() && consumer.assignment().is_empty());
        assert_eq!(consumer.commit(&held).await.unwrap_err().kind(), ErrorKind::State);
        if by_hand {
            consumer.assign([("orders", 0, ottla::StartAt::Offset(2))]);
            assert_eq!(read(&consumer, 3).await, [2, 3, 4]);
            assert_eq!(assigned(&consumer), [0], "what it heard as lost is not what it was assigned since");
            assert_eq!(listener.take(), [(QuestionKind::Lost, vec![0, 1])]);
        } else {
            consumer.subscribe(["orders"]).unwrap();
            assert_eq!(read(&consumer, 5).await, [0, 1, 2, 3, 4], "what was not committed comes again");
            assert_eq!(listener.take(), [(QuestionKind::Lost, vec![0, 1]), (QuestionKind::Assigned, vec![0, 1])]);
        }
        consumer.close().await.unwrap();
        assert_eq!(broker.committed_offset("g", "orders", 0).unwrap().0, 5);
    }
}
