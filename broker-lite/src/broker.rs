//! Starting and stopping.

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use bytes::Bytes;
use ottla_protocol::{ErrorCode, Text};
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::cluster::Cluster;
use crate::config::{BrokerConfig, TopicConfig};
use crate::error::Error;
use crate::log::Refusal;
use crate::server;

/// How long a stop waits for the broker's thread.
const STOP_WITHIN: Duration = Duration::from_secs(1);

/// A running broker. Dropping it stops it.
pub struct Broker {
    cluster: Arc<Cluster>,
    bootstrap_servers: String,
    local_addr: SocketAddr,
    stop: watch::Sender<bool>,
    /// Hears when the broker's own thread has ended; nothing if it runs on somebody else's runtime.
    ended: Option<mpsc::Receiver<()>>,
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

    /// `HOST:PORT`, for a client's `bootstrap.servers`.
    #[must_use]
    pub fn bootstrap_servers(&self) -> &str {
        &self.bootstrap_servers
    }

    /// The address of the listener.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
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
        let found = self.cluster.topic(topic).map_err(|code| refused(topic, Refusal::new(code, code.message())))?;
        let storage = |error: std::io::Error| refused(topic, error.into());
        found.partition(partition).ok_or_else(|| no_partition(topic))?.lock().log.batches().map_err(storage)
    }

    /// Lets the leader of a partition take over anew: clients see a new leader epoch, which is answered.
    ///
    /// # Errors
    /// [`Error::Topic`] if there is no such partition.
    pub fn bump_leader_epoch(&self, topic: &str, partition: i32) -> Result<i32, Error> {
        let found = self.cluster.topic(topic).map_err(|code| refused(topic, Refusal::new(code, code.message())))?;
        Ok(found.partition(partition).ok_or_else(|| no_partition(topic))?.lock().bump_leader_epoch())
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
    advertised: Option<String>,
    topics: Vec<(String, Option<i32>)>,
    config: BrokerConfig,
    clock: Clock,
    runtime: Option<Handle>,
}

impl Default for BrokerBuilder {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:0".into(),
            advertised: None,
            topics: Vec::new(),
            config: BrokerConfig::default(),
            clock: Clock::system(),
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
        self.clock = clock;
        self
    }

    /// Runs on this runtime, which needs its IO and time drivers, instead of a thread and runtime of the broker's own.
    #[must_use]
    pub fn runtime(mut self, runtime: Handle) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// Starts the broker. When this returns, clients can connect.
    ///
    /// # Errors
    /// If the address can't be used, a topic can't be created, or no thread can be started.
    pub fn start(self) -> Result<Broker, Error> {
        let advertised = self.advertised.as_deref().map(split_address).transpose()?;
        let bind_error = |source| Error::Bind { address: self.listen.clone(), source };
        let listener = TcpListener::bind(&self.listen).map_err(bind_error)?;
        listener.set_nonblocking(true).map_err(bind_error)?;
        let local_addr = listener.local_addr().map_err(bind_error)?;
        let bootstrap_servers = match &advertised {
            Some((host, port)) if host.contains(':') => format!("[{host}]:{port}"),
            Some((host, port)) => format!("{host}:{port}"),
            None => reachable(local_addr).to_string(),
        };

        let mut config = self.config;
        config.set_derived("listeners", format!("PLAINTEXT://{local_addr}"));
        config.set_derived("advertised.listeners", format!("PLAINTEXT://{bootstrap_servers}"));
        let cluster = Arc::new(Cluster::new(config, self.clock, advertised));
        for (name, partitions) in &self.topics {
            create_topic(&cluster, name, partitions.unwrap_or_else(|| cluster.default_partitions()))?;
        }

        let stop = watch::Sender::new(false);
        let ended = match self.runtime {
            Some(runtime) => {
                let _entered = runtime.enter();
                let listener = tokio::net::TcpListener::from_std(listener).map_err(Error::Runtime)?;
                runtime.spawn(server::serve(listener, cluster.clone(), stop.subscribe()));
                None
            }
            None => Some(start_thread(listener, cluster.clone(), stop.subscribe())?),
        };
        Ok(Broker { cluster, bootstrap_servers, local_addr, stop, ended })
    }
}

/// Serves on a thread with a runtime of its own. The receiver hears when it ended.
fn start_thread(listener: TcpListener, cluster: Arc<Cluster>, stop: watch::Receiver<bool>) -> Result<mpsc::Receiver<()>, Error> {
    let (end, ended) = mpsc::channel();
    let (ready, started) = mpsc::channel();
    let run = move || {
        // Dropped last: its receiver hears of it by that.
        let _end: mpsc::Sender<()> = end;
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build() {
            Ok(runtime) => runtime,
            Err(error) => return drop(ready.send(Err(error))),
        };
        runtime.block_on(async {
            match tokio::net::TcpListener::from_std(listener) {
                Ok(listener) => {
                    let _ = ready.send(Ok(()));
                    server::serve(listener, cluster, stop).await;
                }
                Err(error) => drop(ready.send(Err(error))),
            }
        });
    };
    std::thread::Builder::new().name("broker-lite".into()).spawn(run).map_err(Error::Runtime)?;
    match started.recv() {
        Ok(Ok(())) => Ok(ended),
        Ok(Err(error)) => Err(Error::Runtime(error)),
        Err(_) => Err(Error::Runtime(std::io::Error::other("the broker's thread ended at once"))),
    }
}

fn create_topic(cluster: &Cluster, name: &str, partitions: i32) -> Result<(), Error> {
    if partitions <= 0 {
        let message = "Number of partitions was set to an invalid non-positive value.";
        return Err(refused(name, Refusal::new(ErrorCode::InvalidPartitions, message)));
    }
    let config = TopicConfig::new(&cluster.config, [])?;
    cluster.create_topic(name, partitions, config, false).map_err(|refusal| refused(name, refusal))?;
    Ok(())
}

fn refused(name: &str, refusal: Refusal) -> Error {
    Error::Topic { name: name.to_owned(), code: refusal.code, message: refusal.message }
}

fn no_partition(topic: &str) -> Error {
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

/// An address to connect to: a listener on all interfaces is reached by the loopback one.
fn reachable(listener: SocketAddr) -> SocketAddr {
    let mut address = listener;
    if listener.ip().is_unspecified() {
        address.set_ip(match listener {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}
