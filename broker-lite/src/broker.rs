//! Starting and stopping.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ottla_protocol::{ErrorCode, Text};
use tokio::io::DuplexStream;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};

use crate::clock::Clock;
use crate::cluster::{Cluster, FIRST_NODE_ID};
use crate::config::{BrokerConfig, TopicConfig};
use crate::error::Error;
use crate::log::Refusal;
use crate::memory::MemoryConnector;
use crate::node::{Command, Node, NodeSetup};
use crate::placement::Layout;
use crate::random::Random;
use crate::server;

/// How long a stop waits for the broker's thread.
const STOP_WITHIN: Duration = Duration::from_secs(1);
/// The port that clients are told of a broker in memory.
const MEMORY_PORT: u16 = 9092;
/// Each has a port and a task.
const MAX_BROKERS: usize = 100;

/// A running broker. Dropping it stops it.
pub struct Broker {
    cluster: Arc<Cluster>,
    bootstrap_servers: String,
    runtime: Handle,
    stop: watch::Sender<bool>,
    /// Hears when the broker's own thread has ended; nothing if it runs on somebody else's runtime.
    ended: Option<std::sync::mpsc::Receiver<()>>,
}

impl Broker {
    /// Starts a broker with Kafka's defaults on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// If there is no free port, or no thread can be started.
    pub async fn start() -> Result<Self, Error> {
        // Binding a port and starting a thread take less time than a hop to another thread would.
        Self::builder().start()
    }

    /// The same for callers that are not async. It may be called inside and outside of a runtime.
    ///
    /// # Errors
    /// As [`Broker::start`].
    pub fn start_blocking() -> Result<Self, Error> {
        Self::builder().start()
    }

    /// Chooses more than the defaults.
    #[must_use]
    pub fn builder() -> BrokerBuilder {
        BrokerBuilder::default()
    }

    /// `HOST:PORT` of each broker, joined by commas, for a client's `bootstrap.servers`.
    #[must_use]
    pub fn bootstrap_servers(&self) -> &str {
        &self.bootstrap_servers
    }

    /// The address of the (first) broker's listener; one that nobody listens at (`0.0.0.0:0`) if the broker is in memory.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        let listener = self.cluster.nodes.first().and_then(Node::local_addr);
        listener.unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0)))
    }

    /// Opens connections through memory, to a broker with listeners as well as to one without.
    #[must_use]
    pub fn memory_connector(&self) -> MemoryConnector {
        MemoryConnector::new(self.cluster.clone())
    }

    /// A connection through memory to the broker with this id.
    ///
    /// # Errors
    /// [`std::io::ErrorKind::ConnectionRefused`] if there is none, or it is stopped.
    pub fn connect_in_memory(&self, node_id: i32) -> std::io::Result<DuplexStream> {
        self.memory_connector().connect_to(node_id)
    }

    pub(crate) fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    pub(crate) fn has_own_thread(&self) -> bool {
        self.ended.is_some()
    }

    /// Lets a broker accept connections.
    pub(crate) fn serve_on(&self, node: &Node, listener: TcpListener) -> Result<(), Error> {
        let _entered = self.runtime.enter();
        let listener = tokio::net::TcpListener::from_std(listener).map_err(Error::Runtime)?;
        if node.command(Command::Listen(listener)) {
            return Ok(());
        }
        Err(Error::Runtime(std::io::Error::other("the broker's runtime has ended")))
    }

    /// Creates a topic, as CreateTopics does.
    ///
    /// # Errors
    /// [`Error::Topic`] if the name can't be used or is taken, or the number is not positive.
    pub fn create_topic(&self, name: &str, partitions: i32) -> Result<(), Error> {
        create_topic(&self.cluster, name, partitions)
    }

    /// The batches of a partition as they are stored, e.g. to see which codec a client really used.
    ///
    /// # Errors
    /// [`Error::Topic`] if there is no such partition.
    pub fn stored_batches(&self, topic: &str, partition: i32) -> Result<Vec<Bytes>, Error> {
        let storage = |error: std::io::Error| refused(topic, error.into());
        self.with_partition(topic, partition, |_, state| state.log.batches())?.map_err(storage)
    }

    /// Deletes what retention.ms and retention.bytes allow to be deleted now, instead of at the next
    /// log.retention.check.interval.ms.
    pub fn enforce_retention(&self) {
        self.cluster.enforce_retention();
    }

    /// Closes the listener and all connections, and waits until that is done, at most a second. On a runtime that was given to the
    /// builder there is no wait, since the caller may be what that runtime is busy with.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // Nobody else may come in.
        self.cluster.nodes.iter().for_each(|node| node.set_running(false));
        self.stop.send_replace(true);
        if let Some(ended) = &self.ended {
            // Both an end and a timeout are fine: the bound counts.
            let _ = ended.recv_timeout(STOP_WITHIN);
        }
    }
}

impl std::fmt::Debug for Broker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Broker").field("bootstrap_servers", &self.bootstrap_servers).finish_non_exhaustive()
    }
}

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

    /// The clock that timestamps and retention go by.
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
        let addresses: Vec<String> = cluster.nodes.iter().map(Node::address).collect();
        let broker = Broker { bootstrap_servers: addresses.join(","), cluster, runtime, stop, ended };
        for (node, listener) in broker.cluster.nodes.iter().zip(listeners) {
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

fn create_topic(cluster: &Cluster, name: &str, partitions: i32) -> Result<(), Error> {
    let config = TopicConfig::new(&cluster.config, [])?;
    let layout = Layout::Spread { partitions, replication_factor: None };
    cluster.create_topic(name, layout, config, false).map_err(|refusal| refused(name, refusal))?;
    Ok(())
}

pub(crate) fn refused(name: &str, refusal: Refusal) -> Error {
    Error::Topic { name: name.to_owned(), code: refusal.code, message: refusal.message }
}

pub(crate) fn no_partition(topic: &str) -> Error {
    let code = ErrorCode::UnknownTopicOrPartition;
    refused(topic, Refusal::new(code, code.message()))
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
