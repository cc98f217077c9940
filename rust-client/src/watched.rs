//! A value that many wait to see changed. As tokio's `watch`, but waiters are woken in the order in which they came: that one wakes
//! them in a random order, and a simulation could not replay.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

struct Inner<T> {
    value: Mutex<(u64, T)>,
    changed: Notify,
}

impl<T> Inner<T> {
    fn value(&self) -> MutexGuard<'_, (u64, T)> {
        self.value.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The value's owner, who changes it.
pub(crate) struct Watched<T>(Arc<Inner<T>>);

impl<T: Clone> Watched<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Arc::new(Inner { value: Mutex::new((0, value)), changed: Notify::new() }))
    }

    pub(crate) fn get(&self) -> T {
        self.0.value().1.clone()
    }

    pub(crate) fn set(&self, value: T) {
        self.change(|old| *old = value);
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut T)) {
        {
            let mut value = self.0.value();
            change(&mut value.1);
            value.0 += 1;
        }
        self.0.changed.notify_waiters();
    }

    /// One who has seen the value as it is now.
    pub(crate) fn subscribe(&self) -> Watcher<T> {
        Watcher { seen: self.0.value().0, inner: self.0.clone() }
    }
}

/// One who waits for changes.
#[derive(Clone)]
pub(crate) struct Watcher<T> {
    inner: Arc<Inner<T>>,
    seen: u64,
}

impl<T: Clone> Watcher<T> {
    /// The value, which then counts as seen.
    pub(crate) fn get(&mut self) -> T {
        let value = self.inner.value();
        self.seen = value.0;
        value.1.clone()
    }

    /// Waits until the value was changed since it was last seen; it then counts as seen.
    pub(crate) async fn changed(&mut self) {
        loop {
            let mut changed = std::pin::pin!(self.inner.changed.notified());
            // In line before the look, so that a change in between is not missed.
            changed.as_mut().enable();
            let now = self.inner.value().0;
            if now != self.seen {
                self.seen = now;
                return;
            }
            changed.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_change_is_seen_once_by_each_in_the_order_in_which_they_wait() {
        let watched = Watched::new(0);
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut waiting = tokio::task::JoinSet::new();
        for name in 0..20 {
            let (mut watcher, order) = (watched.subscribe(), order.clone());
            waiting.spawn(async move {
                watcher.changed().await;
                order.lock().unwrap().push((name, watcher.get()));
            });
        }
        tokio::task::yield_now().await;
        watched.set(7);
        while waiting.join_next().await.is_some() {}
        assert_eq!(*order.lock().unwrap(), (0..20).map(|name| (name, 7)).collect::<Vec<_>>());
        let mut late = watched.subscribe();
        watched.change(|value| *value += 1);
        late.changed().await;
        assert_eq!(late.get(), 8);
    }
}
