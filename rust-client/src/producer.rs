//! The public producer, and the task that carries out what the sender decides.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use ottla_core::completion::{RecordHandle, Written};
use ottla_core::config::{Acks, ProducerConfig};
use ottla_core::error::{Error, ErrorKind};
use ottla_core::event_queue::EventQueue;
use ottla_core::metadata::PartitionInfo;
use ottla_core::metrics::{ProducerMetrics, ProducerSnapshot};
use ottla_core::producer::{Accumulator, AppendError, Command, DeliveryReport, ProducerSettings, RecordRef, Sender, Topic};
use ottla_core::time::Clock;
use ottla_protocol::Text;
use ottla_protocol::messages::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};
use ottla_protocol::messages::produce::{ProduceRequest, ProduceResponse};
use tokio::sync::{Notify, mpsc, watch};

use crate::client::ClientInner;
use crate::network::{Connection, Purpose};
use crate::observer::ClientEvent;
use crate::overrides::Overrides;
use crate::runtime::block_on;

/// A record to send, borrowed from the caller: it is encoded once, straight into its batch.
#[derive(Clone, Debug, Default)]
pub struct Record<'a> {
    topic: &'a str,
    partition: Option<i32>,
    timestamp: Option<i64>,
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
    headers: Vec<(&'a str, Option<&'a [u8]>)>,
    opaque: u64,
}

impl<'a> Record<'a> {
    /// A record for a topic, with neither key nor value (a tombstone).
    #[must_use]
    pub fn to(topic: &'a str) -> Self {
        Self { topic, ..Self::default() }
    }

    /// Sets the key: records of one key go to one partition.
    #[must_use]
    pub fn key<K: AsRef<[u8]> + ?Sized>(mut self, key: &'a K) -> Self {
        self.key = Some(key.as_ref());
        self
    }

    /// Sets the value.
    #[must_use]
    pub fn value<V: AsRef<[u8]> + ?Sized>(mut self, value: &'a V) -> Self {
        self.value = Some(value.as_ref());
        self
    }

    /// Adds a header. Keys may repeat, and their order is kept.
    #[must_use]
    pub fn header<V: AsRef<[u8]> + ?Sized>(mut self, key: &'a str, value: &'a V) -> Self {
        self.headers.push((key, Some(value.as_ref())));
        self
    }

    /// Adds a header whose value is null.
    #[must_use]
    pub fn null_header(mut self, key: &'a str) -> Self {
        self.headers.push((key, None));
        self
    }

    /// Sends it to this partition, whatever its key.
    #[must_use]
    pub fn partition(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }

    /// Sets its timestamp, in ms since the epoch; else it is stamped when it is sent.
    #[must_use]
    pub fn timestamp(mut self, millis: i64) -> Self {
        self.timestamp = Some(millis);
        self
    }

    /// A number that comes back with its delivery report.
    #[must_use]
    pub fn opaque(mut self, opaque: u64) -> Self {
        self.opaque = opaque;
        self
    }
}

/// What becomes of a record: a future, and [`Delivery::wait`] for callers without an executor. Dropping it changes nothing.
#[derive(Debug)]
#[must_use = "a record may fail after it was taken: await its delivery, or ask for delivery reports"]
pub struct Delivery {
    handle: RecordHandle,
}

impl Future for Delivery {
    type Output = Result<Written, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.handle.poll(context)
    }
}

impl Delivery {
    /// Blocks until the record is acknowledged or has failed, `delivery.timeout.ms` at the longest.
    ///
    /// # Errors
    /// Why the record was not written.
    pub fn wait(self) -> Result<Written, Error> {
        block_on(self)
    }

    /// The result if it is there.
    pub fn try_result(&mut self) -> Option<Result<Written, Error>> {
        self.handle.try_result()
    }
}

/// How a producer is made when the client's configuration alone is not enough.
pub struct ProducerBuilder {
    client: Arc<ClientInner>,
    overrides: Overrides,
    reports: bool,
}

impl ProducerBuilder {
    pub(crate) fn new(client: Arc<ClientInner>) -> Self {
        let overrides = Overrides::of(&client.config);
        Self { client, overrides, reports: false }
    }

    /// Sets a property for this producer only. What is wrong with it, [`ProducerBuilder::build`] says.
    #[must_use]
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.overrides.set(name, value);
        self
    }

    /// Asks for delivery reports by the batch, for bindings: [`Producer::reports`]. Batches then keep their uncompressed records,
    /// and quota, queue length and flush count until the report is served.
    #[must_use]
    pub fn reports(mut self, reports: bool) -> Self {
        self.reports = reports;
        self
    }

    /// Makes the producer.
    ///
    /// # Errors
    /// If a property was not known or not allowed, or if they contradict each other.
    pub fn build(self) -> Result<Producer, Error> {
        let config = self.overrides.finish()?.producer()?;
        let wake = Arc::new(Notify::new());
        let waker = wake.clone();
        let clock: Arc<dyn Clock> = self.client.clock.clone();
        let offload = self.client.offload.clone();
        let settings = settings(&config, self.reports);
        let mut rng = self.client.fork_rng();
        let seed = rng.next_u64();
        let accumulator = Arc::new(Accumulator::new(settings, clock, offload, Arc::new(move || waker.notify_one()), seed));
        let metrics = Arc::new(ProducerMetrics::default());
        let sender = Sender::new(accumulator.clone(), metrics.clone(), rng);
        let (events, mailbox) = mpsc::unbounded_channel();
        let (stop, stopped) = watch::channel(());
        let driver = Driver {
            client: self.client.clone(),
            sender,
            connections: BTreeMap::new(),
            events,
            config: config.clone(),
            commands: Vec::new(),
        };
        self.client.handle.spawn(driver.run(wake, mailbox, stopped));
        Ok(Producer { inner: Arc::new(Inner { client: self.client, accumulator, metrics, config, _stop: stop }) })
    }
}

fn settings(config: &ProducerConfig, reports: bool) -> ProducerSettings {
    ProducerSettings {
        batch_size: config.batch_size,
        batch_messages: u32::try_from(config.batch_num_messages).unwrap_or(u32::MAX),
        linger: config.linger,
        message_max_bytes: config.message_max_bytes,
        compression: config.compression,
        compression_level: config.compression_level,
        delivery_timeout: config.delivery_timeout,
        request_timeout: config.request_timeout,
        acks: match config.acks {
            Acks::None => 0,
            Acks::Leader => 1,
            Acks::All => -1,
        },
        idempotence: config.enable_idempotence,
        max_in_flight: config.max_in_flight,
        retries: config.retries,
        retry_backoff: config.retry_backoff,
        retry_backoff_max: config.retry_backoff_max,
        partitioner: config.partitioner,
        sticky: config.sticky_partitioning_linger.is_some(),
        adaptive: config.adaptive_partitioning,
        unknown_topic_limit: config.topic_propagation,
        buffer_bytes: config.queue_buffering_max_bytes,
        buffer_messages: if config.queue_buffering_max_messages == usize::MAX { 0 } else { config.queue_buffering_max_messages },
        reports,
    }
}

struct Inner {
    client: Arc<ClientInner>,
    accumulator: Arc<Accumulator>,
    metrics: Arc<ProducerMetrics>,
    config: ProducerConfig,
    /// Dropped with the last producer: the driver ends.
    _stop: watch::Sender<()>,
}

/// Sends records. Cloning it is cheap and shares everything. Dropping the last one gives up what is not delivered (each delivery
/// then says so): [`Producer::flush`] or [`Producer::close`] first.
#[derive(Clone)]
pub struct Producer {
    inner: Arc<Inner>,
}

/// A producer's handle to one topic, which spares the look-up by name.
#[derive(Clone)]
pub struct TopicProducer {
    producer: Producer,
    topic: Arc<Topic>,
}

impl Producer {
    fn append(&self, topic: Option<&Arc<Topic>>, record: &Record<'_>) -> Result<Delivery, AppendError> {
        let reference = RecordRef {
            partition: record.partition,
            timestamp: record.timestamp,
            key: record.key,
            value: record.value,
            headers: &record.headers,
            opaque: record.opaque,
        };
        let accumulator = &self.inner.accumulator;
        let appended = match topic {
            Some(topic) => accumulator.append(topic, &reference)?,
            None => accumulator.append_to(record.topic, &reference)?,
        };
        Ok(Delivery { handle: appended.into_handle() })
    }

    /// Takes a record into its batch; waits while the buffer is full, `max.block.ms` at the longest. Dropping the future before it
    /// is ready sends nothing.
    ///
    /// # Errors
    /// If the record can't be taken. A later failure comes with the [`Delivery`].
    pub async fn send(&self, record: Record<'_>) -> Result<Delivery, Error> {
        self.send_to(None, &record).await
    }

    async fn send_to(&self, topic: Option<&Arc<Topic>>, record: &Record<'_>) -> Result<Delivery, Error> {
        match self.append(topic, record) {
            Ok(delivery) => Ok(delivery),
            Err(AppendError::Rejected(error)) => Err(error),
            Err(AppendError::Full) => self.send_when_room(topic, record).await,
        }
    }

    async fn send_when_room(&self, topic: Option<&Arc<Topic>>, record: &Record<'_>) -> Result<Delivery, Error> {
        let limit = self.inner.config.max_block;
        let mut late = std::pin::pin!(self.inner.client.sleep(limit));
        let mut waiter = RoomWaiter { producer: self, slot: None };
        std::future::poll_fn(|context| {
            // In line first, then tried: what is given back in between is not missed.
            self.inner.accumulator.quota().wait(&mut waiter.slot, context.waker());
            match self.append(topic, record) {
                Ok(delivery) => return Poll::Ready(Ok(delivery)),
                Err(AppendError::Rejected(error)) => return Poll::Ready(Err(error)),
                Err(AppendError::Full) => {}
            }
            late.as_mut().poll(context).map(|()| Err(self.full(Some(limit))))
        })
        .await
    }

    fn full(&self, waited: Option<Duration>) -> Error {
        let limit = self.inner.accumulator.quota().byte_limit() / 1024;
        let waited =
            waited.map(|limit| format!(" and stayed so for max.block.ms ({} ms)", limit.as_millis())).unwrap_or_default();
        let what = format!(
            "the producer's buffer is full (queue.buffering.max.kbytes {limit}, queue.buffering.max.messages){waited}: wait for deliveries"
        );
        Error::new(ErrorKind::QueueFull, what).retriable()
    }

    /// Takes a record into its batch or says at once why not.
    ///
    /// # Errors
    /// [`ErrorKind::QueueFull`] if the buffer is full, or why the record can't be taken.
    pub fn try_send(&self, record: &Record<'_>) -> Result<Delivery, Error> {
        self.try_send_to(None, record)
    }

    fn try_send_to(&self, topic: Option<&Arc<Topic>>, record: &Record<'_>) -> Result<Delivery, Error> {
        match self.append(topic, record) {
            Ok(delivery) => Ok(delivery),
            Err(AppendError::Rejected(error)) => Err(error),
            Err(AppendError::Full) => Err(self.full(None)),
        }
    }

    /// [`Producer::send`] for callers without an executor.
    ///
    /// # Errors
    /// As [`Producer::send`].
    pub fn send_blocking(&self, record: Record<'_>) -> Result<Delivery, Error> {
        block_on(self.send(record))
    }

    /// A handle to a topic, which spares the look-up by name. The record's own topic is not looked at.
    ///
    /// # Errors
    /// If no topic can have this name.
    pub fn topic(&self, name: &str) -> Result<TopicProducer, Error> {
        Ok(TopicProducer { producer: self.clone(), topic: self.inner.accumulator.topic(name)? })
    }

    /// A topic's partitions, for who chooses one himself; waits for a topic that is not known yet, and may be created by being asked
    /// for, `topic.metadata.propagation.max.ms` at the longest (`max.block.ms`, if that is less).
    ///
    /// # Errors
    /// [`ErrorKind::UnknownTopic`] if there was no such topic until then.
    pub async fn partitions(&self, topic: &str) -> Result<Vec<PartitionInfo>, Error> {
        let (client, config) = (&self.inner.client, &self.inner.config);
        let name = Text::from(topic);
        let mut news = client.news();
        client.follow(&name, config.allow_auto_create_topics);
        let limit = config.max_block.min(config.topic_propagation);
        let mut late = std::pin::pin!(client.sleep(limit));
        loop {
            if let Some(found) = client.cluster().topic(&name) {
                return Ok(found.partitions.clone());
            }
            let mut changed = std::pin::pin!(news.changed());
            let is_late = std::future::poll_fn(|context| match changed.as_mut().poll(context) {
                Poll::Ready(()) => Poll::Ready(false),
                Poll::Pending => late.as_mut().poll(context).map(|()| true),
            });
            if is_late.await {
                let what = format!("the topic's partitions were not known within {} ms: does it exist?", limit.as_millis());
                return Err(Error::new(ErrorKind::UnknownTopic, what).with_topic(topic));
            }
        }
    }

    /// Sends all that is open now, and waits until it is done: each record is bounded by `delivery.timeout.ms`.
    pub async fn flush(&self) {
        let accumulator = &self.inner.accumulator;
        let flush = Flush { waiter: accumulator.begin_flush(), accumulator };
        std::future::poll_fn(|context| accumulator.poll_flush(&flush.waiter, context)).await;
    }

    /// [`Producer::flush`] for callers without an executor.
    pub fn flush_blocking(&self) {
        block_on(self.flush());
    }

    /// [`Producer::flush`], but waits `limit` at the longest.
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`] if something is left; it goes on being sent.
    pub async fn flush_within(&self, limit: Duration) -> Result<(), Error> {
        let mut late = std::pin::pin!(self.inner.client.sleep(limit));
        let mut flush = std::pin::pin!(self.flush());
        std::future::poll_fn(|context| {
            if flush.as_mut().poll(context).is_ready() {
                return Poll::Ready(Ok(()));
            }
            late.as_mut().poll(context).map(|()| {
                let what = format!("not all records were delivered within the {} ms given to flush", limit.as_millis());
                Err(Error::new(ErrorKind::Timeout, what))
            })
        })
        .await
    }

    /// [`Producer::flush_within`] for callers without an executor.
    ///
    /// # Errors
    /// As [`Producer::flush_within`].
    pub fn flush_within_blocking(&self, limit: Duration) -> Result<(), Error> {
        block_on(self.flush_within(limit))
    }

    /// Gives up records: those that wait to be sent, or also those that no answer has come for. Their deliveries say so.
    pub fn purge(&self, queued: bool, in_flight: bool) {
        self.inner.accumulator.purge(queued, in_flight);
    }

    /// Takes no more records, sends what it has, and gives up what is left after `close.timeout.ms`.
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`] if something was given up; the deliveries say what.
    pub async fn close(self) -> Result<(), Error> {
        self.inner.accumulator.close();
        let flushed = self.flush_within(self.inner.config.close_timeout).await;
        if flushed.is_err() {
            self.purge(true, true);
        }
        flushed
    }

    /// [`Producer::close`] for callers without an executor.
    ///
    /// # Errors
    /// As [`Producer::close`].
    pub fn close_blocking(self) -> Result<(), Error> {
        block_on(self.close())
    }

    /// The queue of delivery reports, where [`ProducerBuilder::reports`] asked for them.
    #[must_use]
    pub fn reports(&self) -> &Arc<EventQueue<DeliveryReport>> {
        self.inner.accumulator.reports()
    }

    /// Bytes of the buffer in use.
    #[must_use]
    pub fn buffered_bytes(&self) -> u64 {
        self.inner.accumulator.quota().used_bytes()
    }

    /// Counters and latencies so far.
    #[must_use]
    pub fn metrics(&self) -> ProducerSnapshot {
        self.inner.metrics.snapshot()
    }
}

impl TopicProducer {
    /// [`Producer::send`] to this topic.
    ///
    /// # Errors
    /// As [`Producer::send`].
    pub async fn send(&self, record: Record<'_>) -> Result<Delivery, Error> {
        self.producer.send_to(Some(&self.topic), &record).await
    }

    /// [`Producer::try_send`] to this topic.
    ///
    /// # Errors
    /// As [`Producer::try_send`].
    pub fn try_send(&self, record: &Record<'_>) -> Result<Delivery, Error> {
        self.producer.try_send_to(Some(&self.topic), record)
    }

    /// [`Producer::send_blocking`] to this topic.
    ///
    /// # Errors
    /// As [`Producer::send`].
    pub fn send_blocking(&self, record: Record<'_>) -> Result<Delivery, Error> {
        block_on(self.send(record))
    }
}

/// Takes a dropped waiter out of the line.
struct RoomWaiter<'a> {
    producer: &'a Producer,
    slot: Option<u64>,
}

impl Drop for RoomWaiter<'_> {
    fn drop(&mut self) {
        self.producer.inner.accumulator.quota().forget(&mut self.slot);
    }
}

/// Ends a flush, also one whose waiter was dropped.
struct Flush<'a> {
    waiter: ottla_core::producer::FlushWaiter,
    accumulator: &'a Accumulator,
}

impl Drop for Flush<'_> {
    fn drop(&mut self) {
        self.accumulator.end_flush();
    }
}

/// What comes back to the driver.
enum Event {
    Connected(i32, Arc<Connection>),
    /// `true`: it was not in use, and nothing is wrong.
    Disconnected(i32, bool),
    Produced(u64, Result<Option<ProduceResponse>, Error>),
    ProducerId(Result<InitProducerIdResponse, Error>),
}

/// Carries out the sender's commands on the IO runtime.
struct Driver {
    client: Arc<ClientInner>,
    sender: Sender,
    connections: BTreeMap<i32, Arc<Connection>>,
    events: mpsc::UnboundedSender<Event>,
    config: ProducerConfig,
    commands: Vec<Command>,
}

impl Driver {
    async fn run(mut self, wake: Arc<Notify>, mut mailbox: mpsc::UnboundedReceiver<Event>, mut stopped: watch::Receiver<()>) {
        let mut news = self.client.news();
        let mut ended = false;
        loop {
            if let Some(error) = self.sender.fatal_error().filter(|_| !ended) {
                tracing::error!(%error, "the producer has come to its end");
                self.client.observer.tell(|| ClientEvent::ProducerEnded(error.clone()));
                ended = true;
            }
            let cluster = self.client.cluster();
            let deadline = self.sender.poll(self.client.clock.now(), &cluster, &mut self.commands);
            self.carry_out();
            tokio::select! {
                biased;
                event = mailbox.recv() => {
                    if let Some(event) = event {
                        self.on_event(event);
                    }
                    // All that came is taken before the next look at what is ready.
                    while let Ok(event) = mailbox.try_recv() {
                        self.on_event(event);
                    }
                }
                () = wake.notified() => {}
                () = news.changed() => {}
                _ = stopped.changed() => return,
                () = tokio::time::sleep_until(self.client.clock.to_tokio(deadline)) => {}
            }
        }
    }

    fn on_event(&mut self, event: Event) {
        let now = self.client.clock.now();
        match event {
            Event::Connected(broker, connection) => {
                self.connections.insert(broker, connection);
                self.sender.on_connected(broker);
            }
            Event::Disconnected(broker, was_idle) => {
                self.connections.remove(&broker);
                self.sender.on_disconnected(broker);
                if !was_idle {
                    self.client.refresh();
                }
            }
            Event::Produced(token, answer) => self.sender.on_produced(now, token, answer, &mut self.commands),
            Event::ProducerId(answer) => self.sender.on_producer_id(now, answer),
        }
    }

    fn carry_out(&mut self) {
        for command in std::mem::take(&mut self.commands) {
            match command {
                Command::Follow(topic) => self.client.follow(&topic, self.config.allow_auto_create_topics),
                Command::RefreshMetadata => self.client.refresh(),
                Command::LearnLeaders(hints) => self.client.learn_leaders(&hints),
                Command::Connect(broker) => self.connect(broker),
                Command::Produce { token, broker, request } => self.produce(token, broker, &request),
                Command::InitProducerId(request) => self.init_producer_id(request),
            }
        }
    }

    fn connect(&self, broker: i32) {
        let (client, events) = (self.client.clone(), self.events.clone());
        let pause = self.config.retry_backoff;
        tokio::spawn(async move {
            let connected = async {
                let connection = client.connection(broker, Purpose::Produce).await?;
                connection.ready().await?;
                Ok::<_, Error>(connection)
            };
            // A send fails only when the producer is gone, and then nobody wants to know.
            let mut was_idle = false;
            if let Ok(connection) = connected.await {
                drop(client);
                let _ = events.send(Event::Connected(broker, connection.clone()));
                tokio::select! {
                    biased;
                    closed = connection.wait_closed() => was_idle = closed.was_idle,
                    () = events.closed() => return,
                }
            } else {
                // A leader that metadata does not list fails at once: asked for again without a pause, it would keep this thread busy.
                tokio::time::sleep(pause).await;
            }
            let _ = events.send(Event::Disconnected(broker, was_idle));
        });
    }

    fn produce(&self, token: u64, broker: i32, request: &ProduceRequest) {
        let (events, observer) = (self.events.clone(), self.client.observer.clone());
        let reply = move |answer: Result<Option<(ProduceResponse, i16)>, Error>| {
            if let Ok(Some((response, _))) = &answer {
                observer.throttled(broker, response.throttle_time_ms);
            }
            let _ = events.send(Event::Produced(token, answer.map(|answer| answer.map(|(response, _)| response))));
        };
        let Some(connection) = self.connections.get(&broker) else {
            return reply(
                Err(Error::new(ErrorKind::Transport, format!("the connection to broker {broker} is gone")).retriable()),
            );
        };
        // From version 13 topics go by their ids, which brokers before 2.8 did not tell.
        let named = request.topic_data.iter().any(|topic| topic.topic_id.is_zero());
        let at_most = named.then_some(12);
        let answered = request.acks != 0;
        connection.send(request, at_most, self.config.request_timeout, answered, self.client.client_id.as_ref(), reply);
    }

    fn init_producer_id(&self, request: InitProducerIdRequest) {
        let (client, events, timeout) = (self.client.clone(), self.events.clone(), self.config.request_timeout);
        tokio::spawn(async move {
            let _ = events.send(Event::ProducerId(client.call_first(request, timeout).await));
        });
    }
}
