//! All connections of a client: one for each broker and purpose, none before it is needed.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ottla_core::error::{Error, ErrorKind};
use ottla_core::metadata::{BrokerInfo, backoff};
use ottla_core::random::Rng;
use ottla_core::time::{Clock, Instant};

use super::connection::{Connection, ConnectionSettings, Target};
use super::transport::Connector;
use crate::runtime::RuntimeClock;

/// What a connection is for. A broker answers one request of a connection at a time, so a long poll has one of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Purpose {
    /// All but what follows: shared by all of a client.
    Common,
    /// Produce requests: shared by the client's producers.
    Produce,
    /// The Fetch requests of one consumer.
    Fetch(u64),
    /// The JoinGroup and SyncGroup requests of one consumer, which a coordinator parks.
    Join(u64),
    /// What else one consumer asks its group's coordinator for.
    Coordinator(u64),
}

/// A broker is connected to no more often than this for each purpose, whatever `reconnect.backoff.ms` and however connections end:
/// one that takes them and closes them at once must not keep the client's thread busy.
const SHORTEST_LIFE: Duration = Duration::from_millis(10);

impl Purpose {
    /// For the log.
    fn name(self) -> &'static str {
        match self {
            Self::Common => "common",
            Self::Produce => "produce",
            Self::Fetch(_) => "fetch",
            Self::Join(_) => "join",
            Self::Coordinator(_) => "coordinator",
        }
    }
}

struct Slot {
    connection: Option<Arc<Connection>>,
    address: (String, u16),
    failures: u32,
    opened: Instant,
    not_before: Instant,
    /// Whether it was logged that the broker can't be had: shared by the connections that follow one another here.
    down: Arc<AtomicBool>,
}

impl Slot {
    fn new(address: (String, u16)) -> Self {
        let (opened, not_before) = (Instant::default(), Instant::default());
        Self { connection: None, address, failures: 0, opened, not_before, down: Arc::default() }
    }
}

pub(crate) struct PoolSettings {
    pub(crate) connection: ConnectionSettings,
    pub(crate) reconnect_backoff: Duration,
    pub(crate) reconnect_backoff_max: Duration,
}

struct Inner {
    slots: BTreeMap<(i32, Purpose), Slot>,
    rng: Rng,
    closed: bool,
}

pub(crate) struct Connections {
    inner: Mutex<Inner>,
    connector: Arc<dyn Connector>,
    settings: PoolSettings,
    clock: Arc<RuntimeClock>,
}

impl Connections {
    pub(crate) fn new(connector: Arc<dyn Connector>, settings: PoolSettings, clock: Arc<RuntimeClock>, rng: Rng) -> Self {
        Self { inner: Mutex::new(Inner { slots: BTreeMap::new(), rng, closed: false }), connector, settings, clock }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection to a broker, opened if need be, after the backoff if the last one failed. It may not be ready yet. Must be
    /// called within the runtime.
    pub(crate) async fn get(&self, broker: &BrokerInfo, purpose: Purpose) -> Result<Arc<Connection>, Error> {
        let port = u16::try_from(broker.port)
            .map_err(|_| Error::new(ErrorKind::Protocol, format!("broker {} has the port {}", broker.id, broker.port)))?;
        let address = (broker.host.to_string(), port);
        loop {
            let not_before = {
                let mut inner = self.inner();
                if inner.closed {
                    return Err(Error::new(ErrorKind::Closed, "the client is closed"));
                }
                let now = self.clock.now();
                let Inner { slots, rng, .. } = &mut *inner;
                let slot = slots.entry((broker.id, purpose)).or_insert_with(|| Slot::new(address.clone()));
                if slot.address != address {
                    // The broker moved: what was learned of the old address does not hold.
                    *slot = Slot::new(address.clone());
                }
                if let Some(connection) = &slot.connection {
                    let Some(closed) = connection.closed() else { return Ok(connection.clone()) };
                    slot.failures = if connection.was_ready() { 0 } else { slot.failures.saturating_add(1) };
                    let (first, max) = (self.settings.reconnect_backoff, self.settings.reconnect_backoff_max);
                    // One that was closed when it was not in use is opened again at once.
                    let wait = if closed.was_idle { Duration::ZERO } else { backoff(slot.failures, first, max, rng) };
                    slot.not_before = (closed.at + wait).max(slot.opened + SHORTEST_LIFE);
                    slot.connection = None;
                }
                if slot.not_before <= now {
                    let target = Target { id: broker.id, host: broker.host.clone(), port, purpose: purpose.name() };
                    let (connector, settings) = (self.connector.clone(), self.settings.connection.clone());
                    let connection = Connection::open(target, connector, settings, self.clock.clone(), slot.down.clone());
                    let connection = Arc::new(connection);
                    slot.opened = now;
                    slot.connection = Some(connection.clone());
                    return Ok(connection);
                }
                slot.not_before
            };
            tokio::time::sleep_until(self.clock.to_tokio(not_before)).await;
        }
    }

    /// Whether a broker can be asked now, without a wait for a connection.
    pub(crate) fn is_ready(&self, broker: i32, purpose: Purpose) -> bool {
        let inner = self.inner();
        inner.slots.get(&(broker, purpose)).and_then(|slot| slot.connection.as_ref()).is_some_and(|found| found.is_ready())
    }

    /// Lets go of all connections of a purpose.
    pub(crate) fn release(&self, purpose: Purpose) {
        self.inner().slots.retain(|(_, of), _| *of != purpose);
    }

    /// Closes all connections, those to bootstrap servers too: the cluster is to be looked for anew, and where names lead now may not
    /// be where they led.
    pub(crate) fn rebootstrap(&self) {
        for slot in std::mem::take(&mut self.inner().slots).into_values() {
            if let Some(connection) = slot.connection {
                connection.close();
            }
        }
    }

    /// Closes all connections and opens no more.
    pub(crate) fn close(&self) {
        let mut inner = self.inner();
        inner.closed = true;
        inner.slots.clear();
    }
}
