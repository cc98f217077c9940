//! The network between clients and brokers: in memory, frame by frame, with delays and faults from the seed.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use ottla::{Connecting, Connector, Error, ErrorKind, Stream};
use ottla_broker::MemoryConnector;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::commit_watch::CommitWatch;
use crate::link::{self, Link};
use crate::random::{Draw, stream};
use crate::strikes::Strikes;
use crate::trace::{Trace, note};

/// Where in a frame a connection is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Nothing of the frame arrives.
    Before,
    /// A part of it arrives.
    Mid,
    /// The frame arrives; of a request, its response does not.
    After,
}

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// From the client to the broker.
    Request,
    /// From the broker to the client.
    Response,
}

/// What each frame may meet by chance.
#[derive(Clone, Copy, Debug, Default)]
pub struct Chances {
    /// The longest usual delay of a frame.
    pub latency_ms: i64,
    /// How many frames of a thousand meet a cut.
    pub cuts: i64,
    /// How many frames of a thousand wait for long.
    pub stalls: i64,
    /// How many frames of a thousand are the last one that gets through their way, while the connection stays open.
    pub half_open: i64,
    /// How many connections of a thousand are refused.
    pub refusals: i64,
}

/// What is wrong with the ways to one broker.
#[derive(Default)]
pub(crate) struct Way {
    refused_until: Option<Instant>,
    unanswered_until: Option<Instant>,
    slow: Option<(Instant, i64)>,
    silent_until: BTreeMap<Direction, Instant>,
    cuts: VecDeque<(Direction, Cut)>,
}

pub(crate) struct State {
    pub(crate) ways: BTreeMap<i32, Way>,
    pub(crate) links: BTreeMap<u64, Arc<Link>>,
    /// Clients that have no network.
    lost_until: BTreeMap<usize, Instant>,
    opened: u64,
    pub(crate) chances: Chances,
    strikes: Strikes,
}

/// All connections of a run.
pub struct Network {
    seed: u64,
    memory: MemoryConnector,
    pub(crate) trace: Arc<Trace>,
    state: Mutex<State>,
    /// Wakes who waits for the end of faults, in the order in which they came (a `watch` channel draws lots).
    healing: Notify,
    healed: AtomicBool,
    watch: OnceLock<CommitWatch>,
}

impl Network {
    pub(crate) fn new(seed: u64, memory: MemoryConnector, trace: Arc<Trace>, chances: Chances) -> Arc<Self> {
        let (ways, links, lost_until, strikes) = Default::default();
        let state = State { ways, links, lost_until, opened: 0, chances, strikes };
        let (healing, healed, watch) = (Notify::new(), AtomicBool::new(false), OnceLock::new());
        Arc::new(Self { seed, memory, trace, state: Mutex::new(state), healing, healed, watch })
    }

    /// Who looks at commits.
    pub(crate) fn watch(&self) -> &CommitWatch {
        self.watch.get().expect("a run begins with it")
    }

    pub(crate) fn watch_by(&self, watch: CommitWatch) {
        assert!(self.watch.set(watch).is_ok(), "once");
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn count(&self, fault: &str, in_flight: usize) {
        self.state().strikes.add(fault, in_flight);
    }

    pub(crate) fn count_rule(&self, fault: &str, hits: u64) {
        self.state().strikes.add_rule(fault, hits);
    }

    pub(crate) fn strikes(&self) -> Strikes {
        self.state().strikes.clone()
    }

    /// How many requests wait for this broker's answers.
    pub(crate) fn in_flight(&self, broker: i32) -> usize {
        self.state().links.values().filter(|link| link.broker == broker).map(|link| link.in_flight()).sum()
    }

    fn with_way(&self, broker: i32, change: impl FnOnce(&mut Way)) {
        change(self.state().ways.entry(broker).or_default());
    }

    pub(crate) fn cut_next(&self, broker: i32, direction: Direction, cut: Cut) {
        self.with_way(broker, |way| way.cuts.push_back((direction, cut)));
    }

    pub(crate) fn refuse(&self, broker: i32, ms: u64) {
        self.with_way(broker, |way| way.refused_until = Some(Instant::now() + Duration::from_millis(ms)));
    }

    pub(crate) fn leave_unanswered(&self, broker: i32, ms: u64) {
        self.with_way(broker, |way| way.unanswered_until = Some(Instant::now() + Duration::from_millis(ms)));
    }

    pub(crate) fn slow_down(&self, broker: i32, ms: u64, delay: i64) {
        self.with_way(broker, |way| way.slow = Some((Instant::now() + Duration::from_millis(ms), delay)));
    }

    pub(crate) fn silence(&self, broker: i32, direction: Direction, ms: u64) {
        let until = Instant::now() + Duration::from_millis(ms);
        self.with_way(broker, |way| {
            way.silent_until.insert(direction, until);
        });
        let in_flight = self.in_flight(broker);
        self.count("silence one way", in_flight);
    }

    /// Nothing gets through between a client and the brokers.
    pub(crate) fn lose(&self, client: usize, ms: u64) {
        let mut state = self.state();
        let in_flight = state.links.values().filter(|link| link.client == client).map(|link| link.in_flight()).sum();
        state.strikes.add("network lost", in_flight);
        state.lost_until.insert(client, Instant::now() + Duration::from_millis(ms));
    }

    /// All connections of a broker break at once.
    pub(crate) fn cut_all(&self, broker: i32) {
        let in_flight = self.in_flight(broker);
        self.count("all connections cut", in_flight);
        let links: Vec<Arc<Link>> = self.state().links.values().filter(|link| link.broker == broker).cloned().collect();
        links.iter().for_each(|link| link.cut());
    }

    /// Ends all faults, for good.
    pub(crate) fn heal(&self) {
        let mut state = self.state();
        state.ways.clear();
        state.lost_until.clear();
        state.chances = Chances { latency_ms: state.chances.latency_ms, ..Chances::default() };
        let half_open: Vec<Arc<Link>> = state.links.values().filter(|link| link.is_half_open()).cloned().collect();
        drop(state);
        // Nobody would ever hear of them again.
        half_open.iter().for_each(|link| link.cut());
        self.healed.store(true, Ordering::Relaxed);
        self.healing.notify_waiters();
    }

    /// A cut that waits for a frame of this way.
    pub(crate) fn take_cut(&self, broker: i32, direction: Direction) -> Option<Cut> {
        let mut state = self.state();
        let cuts = &mut state.ways.get_mut(&broker)?.cuts;
        let at = cuts.iter().position(|(of, _)| *of == direction)?;
        cuts.remove(at).map(|(_, cut)| cut)
    }

    /// By how much frames are late at the moment.
    pub(crate) fn lateness(&self, broker: i32) -> i64 {
        match self.state().ways.get(&broker).and_then(|way| way.slow) {
            Some((until, delay)) if until > Instant::now() => delay,
            _ => 0,
        }
    }

    /// Waits while nothing gets through this way.
    pub(crate) async fn audible(&self, link: &Link, direction: Direction) {
        let until = || {
            let state = self.state();
            let silent = state.ways.get(&link.broker).and_then(|way| way.silent_until.get(&direction).copied());
            silent.max(state.lost_until.get(&link.client).copied())
        };
        loop {
            let Some(until) = until().filter(|until| *until > Instant::now()) else { return };
            tokio::select! {
                biased;
                () = self.healing.notified() => {}
                () = tokio::time::sleep_until(until) => {}
            }
        }
    }

    /// Waits until the faults end.
    pub(crate) async fn for_good(&self) {
        // One thread: nothing comes between the look and the wait.
        if !self.healed.load(Ordering::Relaxed) {
            self.healing.notified().await;
        }
    }
}

/// A client's way into the network.
pub(crate) struct Access(pub(crate) Arc<Network>, pub(crate) usize);

impl Connector for Access {
    fn connect<'a>(&'a self, host: &'a str, port: u16) -> Connecting<'a> {
        Box::pin(open(self.0.clone(), self.1, host.to_owned(), port))
    }
}

fn refused(what: &'static str) -> Error {
    Error::new(ErrorKind::Transport, what).with_source(std::io::Error::from(std::io::ErrorKind::ConnectionRefused)).retriable()
}

async fn open(network: Arc<Network>, number: usize, host: String, port: u16) -> Result<Box<dyn Stream>, Error> {
    let broker: i32 = host.rsplit('-').next().and_then(|id| id.parse().ok()).unwrap_or(-1);
    let id = {
        let mut state = network.state();
        state.opened += 1;
        state.opened
    };
    let mut rng = stream(network.seed, &format!("connection {id}"));
    let chances = network.state().chances;
    tokio::time::sleep(Duration::from_millis(rng.between(1, chances.latency_ms.max(1)).unsigned_abs())).await;
    // Nobody is there to refuse it.
    network.audible(&Link::new(id, broker, number), Direction::Request).await;
    let now = Instant::now();
    let (refuse, unanswered) = {
        let state = network.state();
        let way = state.ways.get(&broker);
        let lasts = |until: Option<Instant>| until.is_some_and(|until| until > now);
        (way.is_some_and(|way| lasts(way.refused_until)), way.is_some_and(|way| lasts(way.unanswered_until)))
    };
    if unanswered {
        note!(network.trace, "connection {id} to {broker} is not answered");
        network.count("connect not answered", 1);
        network.for_good().await;
    }
    if refuse || rng.chance(chances.refusals) {
        note!(network.trace, "connection {id} to {broker} is refused");
        network.count("connect refused", 1);
        return Err(refused("the network refuses the connection"));
    }
    match network.memory.connect(&host, port) {
        Ok(server) => {
            note!(network.trace, "connection {id} to {broker} is open");
            let (client, ours) = tokio::io::duplex(64 << 10);
            link::start(network, Link::new(id, broker, number), ours, server, rng);
            Ok(Box::new(client))
        }
        Err(_) => {
            note!(network.trace, "connection {id} to {broker}: nobody there");
            network.count("connect to a stopped broker", 1);
            Err(refused("nobody listens there"))
        }
    }
}
