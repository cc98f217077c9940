//! A client: configuration, connections and metadata, shared by the producers, consumers and admins made from it.

use std::future::Future;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use ottla_core::config::{AddressFamily, ClientConfig, Config};
use ottla_core::error::{Error, ErrorKind};
use ottla_core::metadata::{BrokerInfo, Cluster, LeaderHint, MetadataSettings, MetadataUpdater, backoff, log_changes};
use ottla_core::offload::Offload;
use ottla_core::random::Rng;
use ottla_core::time::Clock;
use ottla_protocol::messages::metadata::{MetadataRequest, MetadataResponse};
use ottla_protocol::{Request, Text};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::admin::Admin;
use crate::consumer::Consumer;
use crate::group::ConsumerBuilder;
use crate::hedge::first_of;
use crate::metrics::{ClientCounters, ClientSnapshot};
use crate::network::{Connection, Connections, Connector, Purpose, TcpConnector};
use crate::network::{ConnectionSettings, PoolSettings};
use crate::observer::{ClientEvent, Observed, Observer};
use crate::offload::{AroundWork, BlockingPool};
use crate::producer::{Producer, ProducerBuilder};
use crate::runtime::{RuntimeClock, block_on, seed, shared};
use crate::watched::{Watched, Watcher};

/// A client of one cluster. Cloning it is cheap and shares everything; when the last clone, and the last of what was made from
/// it, is dropped, its connections close.
#[derive(Clone)]
pub struct Client {
    pub(crate) inner: Arc<ClientInner>,
}

/// What all parts of a client share.
pub(crate) struct ClientInner {
    pub(crate) config: Config,
    pub(crate) settings: ClientConfig,
    pub(crate) handle: Handle,
    /// Where work that takes long runs.
    pub(crate) offload: Arc<dyn Offload>,
    pub(crate) counters: Arc<ClientCounters>,
    pub(crate) observer: Observed,
    pub(crate) clock: Arc<RuntimeClock>,
    pub(crate) connections: Connections,
    pub(crate) client_id: Option<Text>,
    cluster: ArcSwap<Cluster>,
    updater: Mutex<MetadataUpdater>,
    wake: Arc<Notify>,
    news: Watched<News>,
    rng: Mutex<Rng>,
}

/// What the metadata task tells those who wait.
#[derive(Clone, Debug, Default)]
pub(crate) struct News {
    /// How many times metadata came.
    pub(crate) version: u64,
    /// Why the last attempt failed, if it did.
    pub(crate) error: Option<Error>,
}

/// How a client is made when `bootstrap.servers` alone is not enough.
#[derive(Default)]
pub struct ClientBuilder {
    config: Config,
    handle: Option<Handle>,
    connector: Option<Arc<dyn Connector>>,
    offload: Option<Arc<dyn Offload>>,
    around_work: Option<AroundWork>,
    seed: Option<u64>,
    wall_millis: Option<i64>,
    observer: Observed,
}

impl ClientBuilder {
    /// Takes a configuration whole.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Sets one property.
    ///
    /// # Errors
    /// If there is no such property (the nearest name is in the error) or the value is not allowed.
    pub fn set(mut self, name: &str, value: &str) -> Result<Self, Error> {
        self.config.set(name, value)?;
        Ok(self)
    }

    /// Runs the client's IO on this runtime instead of the process' own. It must have time and IO enabled.
    #[must_use]
    pub fn runtime(mut self, handle: Handle) -> Self {
        self.handle = Some(handle);
        self
    }

    /// Carries the client's bytes over something else than TCP.
    #[must_use]
    pub fn connector(mut self, connector: Arc<dyn Connector>) -> Self {
        self.connector = Some(connector);
        self
    }

    /// Runs work that takes long (compressing and inflating large batches) here instead of on the runtime's blocking threads.
    #[must_use]
    pub fn offload(mut self, offload: Arc<dyn Offload>) -> Self {
        self.offload = Some(offload);
        self
    }

    /// Has `around` call the work that may take longer than some ten microseconds on a thread of the application's, which
    /// compresses the batches that it fills: a host with a lock of its own lets go of that meanwhile. Not asked where
    /// [`ClientBuilder::offload`] gives another place, which has a method for it.
    #[must_use]
    pub fn around_work(mut self, around: fn(&mut dyn FnMut())) -> Self {
        self.around_work = Some(around);
        self
    }

    /// Seeds the client's randomness: jitter, partitions of records without a key.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Begins the client's wall clock at this time, in ms since the epoch, from where it goes on with the runtime's clock: under
    /// a paused clock records are then stamped with virtual time.
    #[must_use]
    pub fn wall_clock(mut self, millis: i64) -> Self {
        self.wall_millis = Some(millis);
        self
    }

    /// Tells `observer` what happens to the client without a call that would tell of it.
    #[must_use]
    pub fn observer(mut self, observer: Observer) -> Self {
        self.observer.observer = Some(observer);
        self
    }

    /// Tells the observer of each request and heartbeat too ([`ClientEvent::Request`] and its like), whenever `wanted` is true.
    #[must_use]
    pub fn trace(mut self, wanted: Arc<AtomicBool>) -> Self {
        self.observer.trace = Some(wanted);
        self
    }

    /// Makes the client. Nothing is connected yet.
    ///
    /// # Errors
    /// If the configuration contradicts itself or names no bootstrap server.
    pub fn build(self) -> Result<Client, Error> {
        let settings = self.config.client()?;
        let handle = match self.handle {
            Some(handle) => handle,
            None => shared()?,
        };
        let clock = Arc::new(RuntimeClock::new(&handle, self.wall_millis));
        let mut rng = Rng::from_seed(self.seed.unwrap_or_else(seed));
        let family = match settings.address_family {
            AddressFamily::V4 => crate::network::AddressFamily::V4,
            AddressFamily::V6 => crate::network::AddressFamily::V6,
            _ => crate::network::AddressFamily::Any,
        };
        let setup_timeout = settings.socket_connection_setup_timeout;
        let connector = self.connector.unwrap_or_else(|| Arc::new(TcpConnector::new(family, settings.tcp_nodelay)));
        let client_id = Some(Text::from(settings.client_id.as_str()));
        let counters = Arc::new(ClientCounters::default());
        let pool = PoolSettings {
            connection: ConnectionSettings {
                client_id: client_id.clone(),
                setup_timeout,
                receive_max_bytes: settings.receive_message_max_bytes,
                max_idle: settings.connections_max_idle,
                counters: counters.clone(),
                observer: self.observer.clone(),
            },
            reconnect_backoff: settings.reconnect_backoff,
            reconnect_backoff_max: settings.reconnect_backoff_max,
        };
        let age = settings.metadata_max_age;
        let metadata = MetadataSettings {
            refresh_interval: settings.topic_metadata_refresh_interval.map_or(age, |interval| interval.min(age)),
            retry_backoff: settings.retry_backoff,
            retry_backoff_max: settings.retry_backoff_max,
        };
        let inner = Arc::new(ClientInner {
            connections: Connections::new(connector, pool, clock.clone(), rng.fork()),
            updater: Mutex::new(MetadataUpdater::new(metadata, rng.fork())),
            config: self.config,
            settings,
            clock,
            client_id,
            cluster: ArcSwap::default(),
            wake: Arc::new(Notify::new()),
            counters,
            observer: self.observer,
            offload: self
                .offload
                .unwrap_or_else(|| Arc::new(BlockingPool { handle: handle.clone(), around_work: self.around_work })),
            news: Watched::new(News::default()),
            rng: Mutex::new(rng),
            handle,
        });
        inner.handle.spawn(keep_metadata(Arc::downgrade(&inner), inner.wake.clone()));
        if let (Some(observer), Some(interval)) = (&inner.observer.observer, inner.settings.statistics_interval) {
            inner.handle.spawn(tell_when_due(Arc::downgrade(&inner), observer.clone(), interval));
        }
        Ok(Client { inner })
    }

    /// Makes the client and waits until the cluster has answered, `connect.timeout.ms` at the longest.
    ///
    /// # Errors
    /// If the configuration is wrong, or no bootstrap server answered: with its address and the cause.
    pub async fn connect(self) -> Result<Client, Error> {
        let client = self.build()?;
        client.inner.connected().await?;
        Ok(client)
    }

    /// [`ClientBuilder::connect`] for callers without an executor.
    ///
    /// # Errors
    /// As [`ClientBuilder::connect`].
    pub fn connect_blocking(self) -> Result<Client, Error> {
        block_on(self.connect())
    }
}

impl Client {
    /// Connects to a cluster with the default configuration. `bootstrap_servers` is `host:port[,host:port...]`.
    ///
    /// # Errors
    /// If no bootstrap server answered within `connect.timeout.ms` (10 s): with its address and the cause.
    pub async fn connect(bootstrap_servers: &str) -> Result<Self, Error> {
        Self::builder().set("bootstrap.servers", bootstrap_servers)?.connect().await
    }

    /// [`Client::connect`] for callers without an executor.
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub fn connect_blocking(bootstrap_servers: &str) -> Result<Self, Error> {
        block_on(Self::connect(bootstrap_servers))
    }

    /// Connects with a configuration.
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub async fn with_config(config: Config) -> Result<Self, Error> {
        Self::builder().config(config).connect().await
    }

    /// [`Client::with_config`] for callers without an executor.
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub fn with_config_blocking(config: Config) -> Result<Self, Error> {
        block_on(Self::with_config(config))
    }

    /// A client with more choices.
    #[must_use]
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// A producer with this client's configuration.
    ///
    /// # Errors
    /// If the configuration of producers contradicts itself.
    pub fn producer(&self) -> Result<Producer, Error> {
        self.producer_builder().build()
    }

    /// A producer with more choices.
    #[must_use]
    pub fn producer_builder(&self) -> ProducerBuilder {
        ProducerBuilder::new(self.inner.clone())
    }

    /// A consumer with this client's configuration: assign partitions to it, or, with `group.id`, subscribe to topics.
    ///
    /// # Errors
    /// If the configuration of consumers contradicts itself.
    pub fn consumer(&self) -> Result<Consumer, Error> {
        Consumer::new(self.inner.clone())
    }

    /// A consumer with more choices: its group among them.
    #[must_use]
    pub fn consumer_builder(&self) -> ConsumerBuilder {
        ConsumerBuilder::new(self.inner.clone())
    }

    /// Topics and the cluster: looked at and changed.
    #[must_use]
    pub fn admin(&self) -> Admin {
        Admin::new(self.inner.clone())
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    /// What the client has counted: connections, requests, metadata. Producers and consumers have counts of their own.
    #[must_use]
    pub fn metrics(&self) -> ClientSnapshot {
        self.inner.counters.snapshot()
    }

    /// The brokers that are known now.
    #[must_use]
    pub fn brokers(&self) -> Vec<BrokerInfo> {
        self.inner.cluster().brokers.values().cloned().collect()
    }

    /// Closes the connections. What was made from this client fails from now on; close producers and consumers first.
    pub fn close(&self) {
        self.inner.connections.close();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ClientInner {
    /// The newest metadata, without a lock.
    pub(crate) fn cluster(&self) -> Arc<Cluster> {
        self.cluster.load_full()
    }

    /// Asks for a topic's metadata from now on.
    pub(crate) fn follow(&self, topic: &Text, may_create: bool) {
        if lock(&self.updater).follow(topic, may_create) {
            self.wake.notify_one();
        }
    }

    /// Asks for all topics' metadata from now on, until it is said as often that this is not needed any more.
    pub(crate) fn follow_all(&self, wanted: bool) {
        lock(&self.updater).follow_all(wanted);
        self.wake.notify_one();
    }

    /// What is known of leaders is stale.
    pub(crate) fn refresh(&self) {
        lock(&self.updater).refresh();
        self.wake.notify_one();
    }

    /// Newer leaders that came with errors: known to all from now on, without a wait for metadata.
    pub(crate) fn learn_leaders(&self, hints: &[LeaderHint]) {
        let mut updater = lock(&self.updater);
        if let Some(cluster) = updater.learn(hints) {
            // Under the lock, so that a metadata answer does not come in between.
            let version = cluster.version;
            let before = self.cluster.swap(cluster.clone());
            drop(updater);
            log_changes(&before, &cluster);
            // Whether metadata can be had is another question.
            self.news.change(|news| news.version = version);
        }
    }

    /// Changes whenever metadata came or could not be had.
    pub(crate) fn news(&self) -> Watcher<News> {
        self.news.subscribe()
    }

    /// A source of randomness of its own for a part of the client.
    pub(crate) fn fork_rng(&self) -> Rng {
        lock(&self.rng).fork()
    }

    /// Runs `work` on the IO runtime and waits for it from wherever the caller is. The work goes on if the waiter is dropped.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        match self.handle.spawn(work).await {
            Ok(result) => result,
            Err(error) => Err(Error::new(ErrorKind::Closed, "the IO runtime ended").with_source(error)),
        }
    }

    /// Waits on the IO runtime, for callers that may be on any executor.
    pub(crate) async fn sleep(&self, duration: Duration) {
        // The set ends its task with the waiter: one that gives up leaves no timer behind.
        let mut sleeping = JoinSet::new();
        sleeping.spawn_on(async move { tokio::time::sleep(duration).await }, &self.handle);
        // Fails only when the runtime is gone; then there is nothing to wait for.
        let _ = sleeping.join_next().await;
    }

    async fn connected(self: &Arc<Self>) -> Result<(), Error> {
        let mut news = self.news();
        let limit = self.settings.connect_timeout;
        let inner = self.clone();
        self.run(async move {
            let wait = async {
                loop {
                    let seen = news.get();
                    match seen.error {
                        _ if seen.version > 0 => return Ok(()),
                        // It will not get better by waiting.
                        Some(error) if error.kind() == ErrorKind::Protocol || !error.is_retriable() => return Err(error),
                        _ => {}
                    }
                    news.changed().await;
                }
            };
            match tokio::time::timeout(limit, wait).await {
                Ok(result) => result,
                Err(_) => {
                    let cause = inner.news.get().error;
                    let names: Vec<String> = inner.bootstrap().iter().map(|b| format!("{}:{}", b.host, b.port)).collect();
                    let what = format!(
                        "no bootstrap server of {} answered within connect.timeout.ms ({} ms)",
                        names.join(", "),
                        limit.as_millis()
                    );
                    let error = Error::new(ErrorKind::AllBrokersDown, what);
                    Err(match cause {
                        Some(cause) => error.with_source(cause),
                        None => error,
                    })
                }
            }
        })
        .await
    }

    fn bootstrap(&self) -> Vec<BrokerInfo> {
        let servers = self.settings.bootstrap_servers.iter().zip(1..);
        servers
            .map(|(server, n)| BrokerInfo {
                id: -n,
                host: Text::from(server.host.as_str()),
                port: i32::from(server.port),
                rack: None,
            })
            .collect()
    }

    /// Brokers to ask something that any can answer: known ones from a random one on, those that are connected first, then the
    /// bootstrap servers (KIP-899), unless `metadata.recovery.strategy` is `none`.
    fn candidates(&self) -> Vec<BrokerInfo> {
        let mut known: Vec<BrokerInfo> = self.cluster().brokers.values().cloned().collect();
        if known.is_empty() {
            return self.bootstrap();
        }
        let first = lock(&self.rng).below(known.len() as u64);
        known.rotate_left(usize::try_from(first).unwrap_or(0));
        known.sort_by_key(|broker| !self.connections.is_ready(broker.id, Purpose::Common));
        if self.settings.rebootstrap {
            known.extend(self.bootstrap());
        }
        known
    }

    /// A broker of the cluster.
    pub(crate) fn broker(&self, id: i32) -> Result<BrokerInfo, Error> {
        let absent = || Error::new(ErrorKind::Transport, format!("broker {id} is not in the cluster's metadata")).retriable();
        self.cluster().brokers.get(&id).cloned().ok_or_else(absent)
    }

    /// The connection to a broker of the cluster. Runs on the IO runtime.
    pub(crate) async fn connection(&self, broker: i32, purpose: Purpose) -> Result<Arc<Connection>, Error> {
        self.connections.get(&self.broker(broker)?, purpose).await
    }

    /// Asks one broker. Runs on the IO runtime.
    pub(crate) async fn call<R: Request>(
        &self,
        broker: i32,
        purpose: Purpose,
        request: &R,
        timeout: Duration,
    ) -> Result<R::Response, Error>
    where
        R::Response: Send + 'static,
    {
        let connection = self.connection(broker, purpose).await?;
        Ok(connection.call(request, None, timeout, self.client_id.as_ref()).await?.0)
    }

    /// Asks a broker in the newest version that both know and `at_most` allows, which `fit` makes the request fit. Runs on the IO
    /// runtime.
    pub(crate) async fn call_fitted<R: Request>(
        &self,
        broker: &BrokerInfo,
        purpose: Purpose,
        mut request: R,
        fit: impl FnOnce(&mut R, i16),
        at_most: Option<i16>,
        timeout: Duration,
    ) -> Result<R::Response, Error>
    where
        R::Response: Send + 'static,
    {
        let connection = self.connections.get(broker, purpose).await?;
        let version = connection.ready().await?.version_of::<R>(at_most)?;
        fit(&mut request, version);
        Ok(connection.call(&request, Some(version), timeout, self.client_id.as_ref()).await?.0)
    }

    /// Asks any broker, one after another until one answers. Runs on the IO runtime.
    pub(crate) async fn call_any<R: Request>(&self, request: &R, timeout: Duration) -> Result<R::Response, Error>
    where
        R::Response: Send + 'static,
    {
        let mut last = Error::new(ErrorKind::AllBrokersDown, "no broker is known");
        for broker in self.candidates() {
            match self.ask(&broker, request, timeout).await {
                Ok(response) => return Ok(response),
                Err(error) if error.kind() == ErrorKind::Closed => return Err(error),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Asks the controller, or any other broker, which passes it on (KIP-590). Runs on the IO runtime.
    pub(crate) async fn call_controller<R: Request>(&self, request: &R, timeout: Duration) -> Result<R::Response, Error>
    where
        R::Response: Send + 'static,
    {
        let cluster = self.cluster();
        if let Some(broker) = cluster.brokers.get(&cluster.controller) {
            match self.ask(broker, request, timeout).await {
                Err(error) if error.is_retriable() => {}
                answered => return answered,
            }
        }
        self.call_any(request, timeout).await
    }

    /// Waits before attempt number `attempts` is repeated. Runs on the IO runtime.
    pub(crate) async fn back_off(&self, attempts: u32) {
        let settings = &self.settings;
        let wait = backoff(attempts, settings.retry_backoff, settings.retry_backoff_max, &mut lock(&self.rng));
        tokio::time::sleep(wait).await;
    }

    async fn ask<R: Request>(&self, broker: &BrokerInfo, request: &R, timeout: Duration) -> Result<R::Response, Error>
    where
        R::Response: Send + 'static,
    {
        let connection = self.connections.get(broker, Purpose::Common).await?;
        Ok(connection.call(request, None, timeout, self.client_id.as_ref()).await?.0)
    }

    /// [`Self::call_any`] for what may be asked twice without harm: a broker that stays silent for `retry.backoff.max.ms` is not
    /// waited for any longer than the others that are asked beside it.
    pub(crate) async fn call_first<R>(self: &Arc<Self>, request: R, timeout: Duration) -> Result<R::Response, Error>
    where
        R: Request + Clone + Send + Sync + 'static,
        R::Response: Send + 'static,
    {
        self.call_first_fitted(request, |_, _| {}, timeout).await
    }

    /// [`Self::call_first`] of a request that `fit` makes fit its version.
    pub(crate) async fn call_first_fitted<R>(
        self: &Arc<Self>,
        request: R,
        fit: fn(&mut R, i16),
        timeout: Duration,
    ) -> Result<R::Response, Error>
    where
        R: Request + Clone + Send + Sync + 'static,
        R::Response: Send + 'static,
    {
        let attempts = self.candidates().into_iter().map(|broker| {
            let (client, request) = (self.clone(), request.clone());
            async move { client.call_fitted(&broker, Purpose::Common, request, fit, None, timeout).await }
        });
        let none = Error::new(ErrorKind::AllBrokersDown, "no broker is known");
        first_of(attempts, self.settings.retry_backoff_max, none).await
    }
}

/// Asks for metadata when it is time, until the client is gone.
async fn keep_metadata(client: Weak<ClientInner>, wake: Arc<Notify>) {
    loop {
        let Some(inner) = client.upgrade() else { return };
        let now = inner.clock.now();
        let request = lock(&inner.updater).poll(now);
        if let Some(request) = request {
            let timeout = inner.settings.socket_timeout;
            let answer: Result<MetadataResponse, Error> = inner.call_first::<MetadataRequest>(request, timeout).await;
            let now = inner.clock.now();
            inner.counters.on_metadata(answer.is_ok());
            match answer {
                Ok(response) => {
                    let (before, cluster) = {
                        let mut updater = lock(&inner.updater);
                        let cluster = updater.on_response(now, response);
                        (inner.cluster.swap(cluster.clone()), cluster)
                    };
                    log_changes(&before, &cluster);
                    if cluster.brokers.is_empty() && !before.brokers.is_empty() {
                        inner.connections.rebootstrap();
                    }
                    let version = cluster.version;
                    if inner.news.get().error.is_some() {
                        tracing::info!("metadata again");
                        inner.observer.tell(|| ClientEvent::BrokersUp);
                    }
                    inner.news.set(News { version, error: None });
                }
                Err(error) => {
                    // One line when it begins, not one for each attempt.
                    if inner.news.get().error.is_none() {
                        tracing::warn!(%error, "no metadata");
                        inner.observer.tell(|| ClientEvent::AllBrokersDown(all_down(&error)));
                    }
                    lock(&inner.updater).on_failure(now);
                    inner.news.change(|news| news.error = Some(error));
                }
            }
        }
        let until = inner.clock.to_tokio(lock(&inner.updater).deadline());
        drop(inner);
        tokio::select! {
            biased;
            () = wake.notified() => {}
            () = tokio::time::sleep_until(until) => {}
        }
    }
}

/// Says so each `interval`, until the client is gone.
async fn tell_when_due(client: Weak<ClientInner>, observer: Observer, interval: Duration) {
    let mut due = tokio::time::interval(interval);
    due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    due.tick().await;
    loop {
        due.tick().await;
        if client.strong_count() == 0 {
            return;
        }
        observer(ClientEvent::StatisticsDue);
    }
}

fn all_down(cause: &Error) -> Error {
    let what = "no broker of the cluster answers, nor does a bootstrap server";
    Error::new(ErrorKind::AllBrokersDown, what).with_source(cause.clone())
}

impl Drop for ClientInner {
    fn drop(&mut self) {
        self.connections.close();
        // The metadata task finds the client gone.
        self.wake.notify_one();
    }
}
