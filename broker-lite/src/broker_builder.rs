//! What a broker is started with, and the start.

use std::net::TcpListener;
use std::sync::Arc;

use ottla_protocol::Text;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};

use crate::broker::{Broker, create_topic};
use crate::clock::Clock;
use crate::cluster::{Cluster, FIRST_NODE_ID};
use crate::config::BrokerConfig;
use crate::error::Error;
use crate::node::{Command, Node, NodeSetup};
use crate::random::Random;
use crate::server;

/// The port that clients are told of a broker in memory.
const MEMORY_PORT: u16 = 9092;
/// Each has a port and a task.
const MAX_BROKERS: usize = 100;

/// What a broker is started with.
#[derive(Clone, Debug)]
pub struct BrokerBuilder {
    listen: String,
    in_memory: bool,
    brokers: usize,
    racks: Vec<String>,
    advertised: Option<String>,
    topics: Vec<(String, Option<i32>)>,
    config: BrokerConfig,
    clock: Option<Clock>,
    seed: Option<u64>,
    journal: usize,
    runtime: Option<Handle>,
}

impl Default for BrokerBuilder {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:0".into(),
            in_memory: false,
            brokers: 1,
            racks: Vec::new(),
            advertised: None,
            topics: Vec::new(),
            config: BrokerConfig::default(),
            clock: None,
            seed: None,
            journal: 0,
            runtime: None,
        }
    }
}

impl BrokerBuilder {
    /// Where to listen; port 0, which is the default, picks a free one.
    #[must_use]
    pub fn listen(mut self, address: impl Into<String>) -> Self {
        self.listen = address.into();
        self
    }

    /// Opens no socket and starts no thread: connections come through [`Broker::memory_connector`], and the broker runs on the
    /// runtime that [`BrokerBuilder::start`] is called in, unless one is given. Clients are told that broker N is at `broker-N:9092`.
    ///
    /// With a clock ([`Clock::tokio`], which is the default here, or a manual one) and a [seed](BrokerBuilder::seed) that are the
    /// same, the same requests get the same answers, on a runtime with one thread also in the same order and at the same time.
    /// Waits (a long poll, a delay, a throttled connection) always go by the runtime's timer.
    #[must_use]
    pub fn in_memory(mut self) -> Self {
        self.in_memory = true;
        self
    }

    /// How many brokers the cluster has, 1 by default and at most 100. Their ids count from 1, and a port given with
    /// [`BrokerBuilder::listen`] or [`BrokerBuilder::advertised`] is the first one's; the others have the next ones.
    #[must_use]
    pub fn brokers(mut self, brokers: usize) -> Self {
        self.brokers = brokers;
        self
    }

    /// The racks that the brokers are in, from the first broker on, and from the first rack again when there are more brokers. By
    /// default all are where broker.rack says, if anywhere.
    #[must_use]
    pub fn racks<I: IntoIterator<Item = S>, S: Into<String>>(mut self, racks: I) -> Self {
        self.racks = racks.into_iter().map(Into::into).collect();
        self
    }

    /// What ids and all else that is random are drawn from. By default each broker has a seed of its own.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Keeps so many of the last requests in the [journal](Broker::journal), from the first one on. By default it is off.
    #[must_use]
    pub fn journal(mut self, capacity: usize) -> Self {
        self.journal = capacity;
        self
    }

    /// The `HOST:PORT` that clients are told; by default the address at which each client reached the broker.
    #[must_use]
    pub fn advertised(mut self, address: impl Into<String>) -> Self {
        self.advertised = Some(address.into());
        self
    }

    /// How many partitions a topic has where nobody says: num.partitions, 1 by default.
    ///
    /// # Errors
    /// [`Error::Config`] if it is not positive.
    pub fn partitions(self, partitions: i32) -> Result<Self, Error> {
        self.config("num.partitions", &partitions.to_string())
    }

    /// Creates a topic at the start.
    #[must_use]
    pub fn topic(mut self, name: impl Into<String>, partitions: i32) -> Self {
        self.topics.push((name.into(), Some(partitions)));
        self
    }

    /// Creates a topic of num.partitions partitions at the start.
    #[must_use]
    pub fn topic_of_default_size(mut self, name: impl Into<String>) -> Self {
        self.topics.push((name.into(), None));
        self
    }

    /// Whether asking for the metadata of an unknown topic creates it: auto.create.topics.enable, on by default.
    #[must_use]
    pub fn auto_create(mut self, enable: bool) -> Self {
        self.config.set_derived("auto.create.topics.enable", enable.to_string());
        self
    }

    /// Sets a property of the broker by Kafka's name, `log.retention.ms` for instance.
    ///
    /// # Errors
    /// [`Error::Config`] if there is no such property, or it can't have this value.
    pub fn config(mut self, name: &str, value: &str) -> Result<Self, Error> {
        self.config.set(name, value)?;
        Ok(self)
    }

    /// The clock that timestamps, retention, and the sessions and timeouts of groups go by.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Runs on this runtime, which needs its time driver, and its IO driver unless the broker is in memory, instead of a thread and
    /// runtime of the broker's own.
    #[must_use]
    pub fn runtime(mut self, runtime: Handle) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// Starts the broker. When this returns, clients can connect.
    ///
    /// # Errors
    /// If the address can't be used, a topic can't be created, or no thread can be started; for a broker in memory, if there is no
    /// runtime to run on.
    pub fn start(self) -> Result<Broker, Error> {
        let seed = self.seed.unwrap_or_else(Random::any_seed);
        let (nodes, commands, listeners) = self.nodes(seed)?;
        let given = match self.runtime {
            None if self.in_memory => Some(Handle::try_current().map_err(|error| Error::Runtime(std::io::Error::other(error)))?),
            given => given,
        };
        let clock = self.clock.unwrap_or_else(|| match &given {
            Some(runtime) if self.in_memory => {
                let _entered = runtime.enter();
                Clock::tokio(Clock::system().now_ms())
            }
            _ => Clock::system(),
        });
        let cluster = Arc::new(Cluster::new(self.config, clock, seed, nodes));
        cluster.journal.keep(self.journal);
        for (name, partitions) in &self.topics {
            create_topic(&cluster, name, partitions.unwrap_or_else(|| cluster.default_partitions()))?;
        }

        let stop = watch::Sender::new(false);
        let (runtime, ended) = match given {
            Some(runtime) => {
                runtime.spawn(server::run(cluster.clone(), commands, stop.subscribe()));
                (runtime, None)
            }
            None => {
                let (runtime, ended) = start_thread(cluster.clone(), commands, stop.subscribe())?;
                (runtime, Some(ended))
            }
        };
        let broker = Broker::new(cluster, runtime, stop, ended);
        for (node, listener) in broker.cluster().nodes.iter().zip(listeners) {
            broker.serve_on(node, listener)?;
        }
        Ok(broker)
    }

    /// The brokers with what they are to be told, and with their listeners, none for those in memory.
    fn nodes(&self, seed: u64) -> Result<Nodes, Error> {
        if self.brokers == 0 || self.brokers > MAX_BROKERS {
            return Err(Error::Brokers(self.brokers));
        }
        let advertised = self.advertised.as_deref().map(split_address).transpose()?;
        let (mut nodes, mut commands, mut listeners) = (Vec::new(), Vec::new(), Vec::new());
        let mut racks = self.racks.iter().cycle();
        for (id, at) in (FIRST_NODE_ID..).zip(0..self.brokers as u16) {
            let listener = if self.in_memory { None } else { Some(bind(&nth_address(&self.listen, at))?) };
            let bound = |listener: &TcpListener| listener.local_addr();
            let local_addr = listener.as_ref().map(bound).transpose();
            let local_addr = local_addr.map_err(|source| Error::Bind { address: self.listen.clone(), source })?;
            let advertised = match &advertised {
                None if self.in_memory => Some((Text::from(format!("broker-{id}")), MEMORY_PORT)),
                Some((host, port)) => Some((host.clone(), nth_port(*port, at))),
                None => None,
            };
            let mut config = self.config.clone();
            if let Some(rack) = racks.next() {
                config.set_derived("broker.rack", rack.clone());
            }
            let seed = Random::derive_seed(seed, u64::from(id.unsigned_abs()));
            let (node, receiver) = Node::new(NodeSetup { id, config, advertised, local_addr, seed });
            nodes.push(node);
            commands.push(receiver);
            listeners.extend(listener);
        }
        Ok((nodes, commands, listeners))
    }
}

/// The port of the broker that is `at` places behind the first one; 0 picks a free one for each.
fn nth_port(port: u16, at: u16) -> u16 {
    if port == 0 { 0 } else { port.saturating_add(at) }
}

fn nth_address(address: &str, at: u16) -> String {
    match address.rsplit_once(':').map(|(host, port)| (host, port.parse())) {
        Some((host, Ok(port))) if at > 0 => format!("{host}:{}", nth_port(port, at)),
        _ => address.to_owned(),
    }
}

type Nodes = (Vec<Node>, Vec<mpsc::UnboundedReceiver<Command>>, Vec<TcpListener>);

pub(crate) fn bind(address: &str) -> Result<TcpListener, Error> {
    let bind_error = |source| Error::Bind { address: address.to_owned(), source };
    let listener = TcpListener::bind(address).map_err(bind_error)?;
    listener.set_nonblocking(true).map_err(bind_error)?;
    Ok(listener)
}

/// Serves on a thread with a runtime of its own. The receiver hears when it ended.
fn start_thread(
    cluster: Arc<Cluster>,
    commands: Vec<mpsc::UnboundedReceiver<Command>>,
    stop: watch::Receiver<bool>,
) -> Result<(Handle, std::sync::mpsc::Receiver<()>), Error> {
    let (end, ended) = std::sync::mpsc::channel();
    let (ready, started) = std::sync::mpsc::channel();
    let run = move || {
        // Dropped last: its receiver hears of it by that.
        let _end: std::sync::mpsc::Sender<()> = end;
        match tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build() {
            Ok(runtime) => {
                let _ = ready.send(Ok(runtime.handle().clone()));
                runtime.block_on(server::run(cluster, commands, stop));
            }
            Err(error) => drop(ready.send(Err(error))),
        }
    };
    std::thread::Builder::new().name("broker-lite".into()).spawn(run).map_err(Error::Runtime)?;
    match started.recv() {
        Ok(Ok(runtime)) => Ok((runtime, ended)),
        Ok(Err(error)) => Err(Error::Runtime(error)),
        Err(_) => Err(Error::Runtime(std::io::Error::other("the broker's thread ended at once"))),
    }
}

fn split_address(address: &str) -> Result<(Text, u16), Error> {
    let wrong = || Error::Advertised(address.to_owned());
    let (host, port) = address.rsplit_once(':').ok_or_else(wrong)?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if host.is_empty() {
        return Err(wrong());
    }
    Ok((Text::from(host), port.parse().map_err(|_| wrong())?))
}
