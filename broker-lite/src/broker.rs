//! A running broker: what it is asked, and its end.

use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use ottla_protocol::ErrorCode;
use tokio::io::DuplexStream;
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::broker_builder::BrokerBuilder;
use crate::cluster::Cluster;
use crate::config::TopicConfig;
use crate::error::Error;
use crate::log::Refusal;
use crate::memory::MemoryConnector;
use crate::node::{Command, Node};
use crate::placement::Layout;

/// How long a stop waits for the broker's thread.
const STOP_WITHIN: Duration = Duration::from_secs(1);

/// A running broker. Dropping it stops it.
pub struct Broker {
    cluster: Arc<Cluster>,
    bootstrap_servers: String,
    runtime: Handle,
    stop: watch::Sender<bool>,
    /// Hears when the broker's own thread has ended; nothing if it runs on somebody else's runtime.
    ended: Option<Mutex<Receiver<()>>>,
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

    pub(crate) fn new(cluster: Arc<Cluster>, runtime: Handle, stop: watch::Sender<bool>, ended: Option<Receiver<()>>) -> Self {
        let addresses: Vec<String> = cluster.nodes.iter().map(Node::address).collect();
        Self { bootstrap_servers: addresses.join(","), cluster, runtime, stop, ended: ended.map(Mutex::new) }
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

    /// Deletes what retention.ms, retention.bytes and offsets.retention.minutes allow to be deleted now, instead of at the next
    /// log.retention.check.interval.ms and offsets.retention.check.interval.ms.
    pub fn enforce_retention(&self) {
        self.cluster.enforce_retention();
        self.cluster.expire_offsets();
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
        if let Some(ended) = &mut self.ended {
            // Both an end and a timeout are fine: the bound counts.
            let _ = ended.get_mut().unwrap_or_else(PoisonError::into_inner).recv_timeout(STOP_WITHIN);
        }
    }
}

impl std::fmt::Debug for Broker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Broker").field("bootstrap_servers", &self.bootstrap_servers).finish_non_exhaustive()
    }
}

pub(crate) fn create_topic(cluster: &Cluster, name: &str, partitions: i32) -> Result<(), Error> {
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
