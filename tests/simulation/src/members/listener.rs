//! What a member's listener notes, and how long it takes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use ottla::{Answering, Consumer, QuestionKind, Rebalance, RebalanceListener};

use crate::group_history::places;
use crate::run::World;
use crate::trace::note;

#[derive(Clone)]
pub(super) struct Listener(Arc<Inner>);

struct Inner {
    member: usize,
    world: Arc<World>,
    /// Commits before it gives partitions up.
    commits: bool,
    consumer: OnceLock<Weak<Consumer>>,
    slow_ms: AtomicU64,
}

impl Listener {
    pub(super) fn new(member: usize, world: Arc<World>, commits: bool) -> Self {
        let (consumer, slow_ms) = Default::default();
        Self(Arc::new(Inner { member, world, commits, consumer, slow_ms }))
    }

    pub(super) fn of(&self, consumer: &Arc<Consumer>) {
        assert!(self.0.consumer.set(Arc::downgrade(consumer)).is_ok(), "one listener for one consumer");
    }

    /// The next answer takes so long.
    pub(super) fn slow_down(&self, ms: u64) {
        self.0.slow_ms.store(ms, Ordering::Relaxed);
    }

    fn answer(&self, rebalance: Rebalance) -> Answering {
        let inner = self.0.clone();
        Box::pin(async move {
            let Inner { member, world, .. } = &*inner;
            let partitions = places(rebalance.partitions());
            let kind = rebalance.kind();
            note!(world.trace, "member {member} hears: {kind:?} {partitions:?}");
            let state = inner.consumer.get().and_then(Weak::upgrade).and_then(|consumer| consumer.group_state());
            world.history().member_hears(*member, state.as_ref(), kind, &partitions);
            let slow = inner.slow_ms.swap(0, Ordering::Relaxed);
            if slow > 0 {
                tokio::time::sleep(Duration::from_millis(slow)).await;
            }
            if inner.commits && kind == QuestionKind::Revoked {
                // It goes on only while the application asks for records, so that there is no bound.
                let done = rebalance.commit().await;
                note!(world.trace, "member {member} commits as it gives up: {:?}", done.map_err(|error| error.to_string()));
            }
        })
    }
}

impl RebalanceListener for Listener {
    fn assigned(&self, rebalance: Rebalance) -> Answering {
        self.answer(rebalance)
    }

    fn revoked(&self, rebalance: Rebalance) -> Answering {
        self.answer(rebalance)
    }

    fn lost(&self, rebalance: Rebalance) -> Answering {
        self.answer(rebalance)
    }
}
