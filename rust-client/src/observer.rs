//! What happens to a client without a call that would tell of it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ottla_core::error::Error;

/// Something that happens to a client without a call that would tell of it. Each change of state is told once, not each attempt.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ClientEvent {
    /// A broker can't be reached, or its connection broke: the error says which. The client goes on trying.
    BrokerDown(Error),
    /// A broker that could not be reached is connected again.
    BrokerUp {
        /// Its id, negative for a bootstrap server.
        broker: i32,
        /// `HOST:PORT`.
        address: String,
    },
    /// No broker answers. The client goes on trying.
    AllBrokersDown(Error),
    /// A broker answers again.
    BrokersUp,
    /// A producer can't go on: close it and make a new one.
    ProducerEnded(Error),
    /// A broker asks for a pause (KIP-219), which the client keeps.
    Throttled {
        /// The broker's id.
        broker: i32,
        /// For how long.
        time: Duration,
    },
    /// `statistics.interval.ms` have passed: the time to read the metrics.
    StatisticsDue,
}

/// Told of a client's events, on the thread that the client's IO runs on: it must not block, and hands them on.
pub type Observer = Arc<dyn Fn(ClientEvent) + Send + Sync>;

/// An observer, if there is one.
#[derive(Clone, Default)]
pub(crate) struct Observed(pub(crate) Option<Observer>);

impl Observed {
    pub(crate) fn tell(&self, event: impl FnOnce() -> ClientEvent) {
        if let Some(observer) = &self.0 {
            observer(event());
        }
    }

    /// An answer said that the broker throttles.
    pub(crate) fn throttled(&self, broker: i32, throttle_time_ms: i32) {
        if let Some(ms) = u64::try_from(throttle_time_ms).ok().filter(|ms| *ms > 0) {
            self.tell(|| ClientEvent::Throttled { broker, time: Duration::from_millis(ms) });
        }
    }
}

impl fmt::Debug for Observed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Observed" } else { "NotObserved" })
    }
}
