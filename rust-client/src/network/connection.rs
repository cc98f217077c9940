//! One connection: a task that reads, a task that writes, and between them what is awaited.

use std::io::IoSlice;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use ottla_core::connection::{BrokerApis, ConnectionState, Received, not_kafka};
use ottla_core::error::{Error, ErrorKind};
use ottla_core::time::{Clock, Instant};
use ottla_protocol::frame::{encode_request, next_frame};
use ottla_protocol::{ApiKey, Decode, Reader, Request, Text};
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::{Notify, mpsc, oneshot};

use super::tracer::{Trace, Tracer};
use super::transport::{Connector, Stream};
use crate::metrics::ClientCounters;
use crate::observer::{ClientEvent, Observed, RequestEnd};
use crate::runtime::RuntimeClock;
use crate::watched::Watched;

/// Called once with the answer's body (`None` where the broker sends none), or with why there is none.
pub(crate) type Reply = Box<dyn FnOnce(Result<Option<Reader>, Error>) + Send>;

/// How long a connection has to last to be one that works, although nothing was answered on it.
const STEADY: Duration = Duration::from_secs(1);

struct Outgoing {
    frame: Vec<Bytes>,
    correlation_id: i32,
    api_key: ApiKey,
    version: i16,
    timeout: Duration,
    answered: bool,
    awaiting: Awaiting,
}

/// Who is told of an answer.
struct Awaiting {
    reply: Reply,
    trace: Trace,
}

/// Where a connection is to go, and what bounds it.
pub(crate) struct Target {
    pub(crate) id: i32,
    pub(crate) host: Text,
    pub(crate) port: u16,
    /// What it is for, as the log has it.
    pub(crate) purpose: &'static str,
}

impl Target {
    pub(crate) fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

#[derive(Clone)]
pub(crate) struct ConnectionSettings {
    pub(crate) client_id: Option<Text>,
    pub(crate) setup_timeout: Duration,
    pub(crate) receive_max_bytes: usize,
    /// After how long without a request the connection is closed; zero for never.
    pub(crate) max_idle: Duration,
    pub(crate) counters: Arc<ClientCounters>,
    pub(crate) observer: Observed,
}

#[derive(Clone, Debug)]
enum State {
    Opening,
    Ready,
    Closed(Closed),
}

/// How a connection ended.
#[derive(Clone, Debug)]
pub(crate) struct Closed {
    pub(crate) error: Error,
    pub(crate) at: Instant,
    /// Nothing was awaited: either side may close a connection that is not in use, and nobody has to know.
    pub(crate) was_idle: bool,
}

/// A connection's handle. Dropping the last one closes it.
pub(crate) struct Connection {
    outgoing: mpsc::UnboundedSender<Outgoing>,
    shared: Arc<Shared>,
    next_id: AtomicI32,
}

struct Shared {
    target: Target,
    clock: Arc<RuntimeClock>,
    counters: Arc<ClientCounters>,
    observer: Observed,
    apis: OnceLock<BrokerApis>,
    state: Watched<State>,
    awaited: Mutex<Option<ConnectionState<Awaiting>>>,
    tracer: Tracer,
    /// When the last request was sent, in microseconds of the clock.
    last_used: AtomicU64,
    /// When the handshake was done, in microseconds of the clock.
    since: AtomicU64,
    /// A request was answered.
    served: AtomicBool,
    /// It was logged that the broker can't be had, and not yet that it can again.
    down: Arc<AtomicBool>,
    /// Nobody wants the connection any more: its end is no news.
    released: AtomicBool,
    /// The oldest deadline may have changed.
    changed: Notify,
    /// The writer is to end.
    closing: Notify,
}

impl Shared {
    fn awaited(&self) -> MutexGuard<'_, Option<ConnectionState<Awaiting>>> {
        self.awaited.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn use_now(&self) {
        self.last_used.store(self.clock.now().as_micros(), Ordering::Relaxed);
    }

    fn last_used(&self) -> Instant {
        Instant::from_micros(self.last_used.load(Ordering::Relaxed))
    }

    /// A handshake proves little: a broker may close at the first request. One that was answered does, and so does some time.
    fn has_held(&self) -> bool {
        let since = Instant::from_micros(self.since.load(Ordering::Relaxed));
        self.served.load(Ordering::Relaxed) || (self.apis.get().is_some() && since + STEADY <= self.clock.now())
    }

    /// Logs that the broker can be had, where it was logged that it can't.
    fn say_up(&self) {
        if self.down.load(Ordering::Relaxed) && self.down.swap(false, Ordering::Relaxed) {
            tracing::info!(broker = self.target.id, address = %self.target.address(), purpose = self.target.purpose, "connected again");
            self.observer.tell(|| ClientEvent::BrokerUp { broker: self.target.id, address: self.target.address() });
        }
    }

    /// Logs that the broker can't be had, but not again at each attempt.
    fn say_down(&self, error: &Error, what: &str) {
        if !self.released.load(Ordering::Relaxed) && !self.down.swap(true, Ordering::Relaxed) {
            let (id, purpose) = (self.target.id, self.target.purpose);
            tracing::warn!(broker = id, address = %self.target.address(), purpose, %error, "{what}");
            self.observer.tell(|| ClientEvent::BrokerDown(self.place(error.clone())));
        }
    }

    fn place(&self, error: Error) -> Error {
        error.with_broker(self.target.id, self.target.address())
    }

    /// Tells who awaits an answer why there is none.
    fn fail(&self, awaiting: Awaiting, error: &Error) {
        self.tracer.end(awaiting.trace, || RequestEnd::Failed(error.clone()));
        (awaiting.reply)(Err(error.clone()));
    }

    /// Ends the connection: what is awaited fails, in order.
    fn close(&self, error: &Error) {
        let error = self.place(error.clone());
        let awaited: Vec<Awaiting> = self.awaited().as_mut().map(ConnectionState::take_awaited).into_iter().flatten().collect();
        let was_idle = self.apis.get().is_some() && awaited.is_empty() && self.has_held();
        if self.apis.get().is_some() && !was_idle {
            self.say_down(&error, "connection lost");
        }
        self.state.set(State::Closed(Closed { error: error.clone(), at: self.clock.now(), was_idle }));
        self.closing.notify_one();
        for awaiting in awaited {
            self.fail(awaiting, &error);
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.shared.released.store(true, Ordering::Relaxed);
    }
}

impl Connection {
    /// Opens a connection in the background. Must be called within the runtime. `down`: whether it was logged that the broker can't
    /// be had.
    pub(crate) fn open(
        target: Target,
        connector: Arc<dyn Connector>,
        settings: ConnectionSettings,
        clock: Arc<RuntimeClock>,
        down: Arc<AtomicBool>,
    ) -> Self {
        let (outgoing, incoming) = mpsc::unbounded_channel();
        let tracer = Tracer::new(target.id, target.address(), settings.observer.clone(), clock.clone());
        let shared = Arc::new(Shared {
            target,
            clock,
            tracer,
            counters: settings.counters.clone(),
            observer: settings.observer.clone(),
            apis: OnceLock::new(),
            state: Watched::new(State::Opening),
            awaited: Mutex::new(None),
            last_used: AtomicU64::new(0),
            since: AtomicU64::new(0),
            served: AtomicBool::new(false),
            down,
            released: AtomicBool::new(false),
            changed: Notify::new(),
            closing: Notify::new(),
        });
        tokio::spawn(run(shared.clone(), connector, settings, incoming));
        Self { outgoing, shared, next_id: AtomicI32::new(1) }
    }

    /// Ends it for all who use it. What is awaited fails, and may be tried again elsewhere.
    pub(crate) fn close(&self) {
        self.shared.released.store(true, Ordering::Relaxed);
        self.shared.closing.notify_one();
    }

    /// How it ended, if it has.
    pub(crate) fn closed(&self) -> Option<Closed> {
        match self.shared.state.get() {
            State::Closed(closed) => Some(closed),
            _ => None,
        }
    }

    /// Whether requests may be sent now.
    pub(crate) fn is_ready(&self) -> bool {
        matches!(self.shared.state.get(), State::Ready)
    }

    /// Whether the handshake was ever done.
    pub(crate) fn was_ready(&self) -> bool {
        self.shared.apis.get().is_some()
    }

    /// Waits until requests may be sent.
    pub(crate) async fn ready(&self) -> Result<&BrokerApis, Error> {
        let mut state = self.shared.state.subscribe();
        loop {
            if let Some(closed) = self.closed() {
                return Err(closed.error);
            }
            if let Some(apis) = self.shared.apis.get() {
                return Ok(apis);
            }
            state.changed().await;
        }
    }

    /// Waits until the connection is closed.
    pub(crate) async fn wait_closed(&self) -> Closed {
        let mut state = self.shared.state.subscribe();
        loop {
            if let Some(closed) = self.closed() {
                return closed;
            }
            state.changed().await;
        }
    }

    fn gone(&self) -> Error {
        self.shared.place(Error::new(ErrorKind::Transport, "the connection was closed").retriable())
    }

    /// Sends a request; `reply` is called once, from the IO runtime or at once.
    pub(crate) fn send<R: Request>(
        &self,
        request: &R,
        at_most: Option<i16>,
        timeout: Duration,
        answered: bool,
        client_id: Option<&Text>,
        reply: impl FnOnce(Result<Option<(R::Response, i16)>, Error>) + Send + 'static,
    ) where
        R::Response: 'static,
    {
        let Some(apis) = self.shared.apis.get() else {
            let error = self.closed().map_or_else(|| self.gone(), |closed| closed.error);
            return reply(Err(error));
        };
        let correlation_id = self.next_id.fetch_add(1, Ordering::Relaxed) & i32::MAX;
        let encoded = apis
            .version_of::<R>(at_most)
            .and_then(|version| Ok((version, encode_request(version, correlation_id, client_id, request)?)));
        let (version, frame) = match encoded {
            Ok(encoded) => encoded,
            Err(error) => return reply(Err(self.shared.place(error))),
        };
        let shared = self.shared.clone();
        let decode = move |answer: Result<Option<Reader>, Error>| {
            let decoded = answer.and_then(|reader| match reader {
                Some(mut reader) => match R::Response::decode(&mut reader, version) {
                    Ok(response) => Ok(Some((response, version))),
                    Err(error) => {
                        let what = format!("the broker's answer to {} version {version} is malformed", R::KEY.name());
                        Err(shared.place(Error::new(ErrorKind::Protocol, what).with_source(error)))
                    }
                },
                None => Ok(None),
            });
            reply(decoded);
        };
        let trace = self.shared.tracer.begin(R::KEY, version, correlation_id);
        let awaiting = Awaiting { reply: Box::new(decode), trace };
        self.shared.tracer.queued();
        let outgoing = Outgoing { frame, correlation_id, api_key: R::KEY, version, timeout, answered, awaiting };
        if let Err(mpsc::error::SendError(outgoing)) = self.outgoing.send(outgoing) {
            self.shared.tracer.withdrawn();
            self.shared.fail(outgoing.awaiting, &self.closed().map_or_else(|| self.gone(), |closed| closed.error));
        }
    }

    /// Sends a request and waits for its answer and the version that both are in.
    pub(crate) async fn call<R: Request>(
        &self,
        request: &R,
        at_most: Option<i16>,
        timeout: Duration,
        client_id: Option<&Text>,
    ) -> Result<(R::Response, i16), Error>
    where
        R::Response: Send + 'static,
    {
        self.ready().await?;
        let (answer, answered) = oneshot::channel();
        self.send(request, at_most, timeout, true, client_id, move |response| {
            // Nobody waits any more: the answer is of no use.
            let _ = answer.send(response);
        });
        match answered.await {
            Ok(Ok(Some(answer))) => Ok(answer),
            Ok(Err(error)) => Err(error),
            Ok(Ok(None)) | Err(_) => Err(self.gone()),
        }
    }
}

async fn run(
    shared: Arc<Shared>,
    connector: Arc<dyn Connector>,
    settings: ConnectionSettings,
    incoming: mpsc::UnboundedReceiver<Outgoing>,
) {
    let failed = |error: &Error| {
        shared.say_down(error, "no connection");
        shared.counters.on_connection_failure();
        shared.close(error);
    };
    let deadline = shared.clock.now() + settings.setup_timeout;
    let opening = connector.connect(&shared.target.host, shared.target.port);
    let opened = match tokio::time::timeout_at(shared.clock.to_tokio(deadline), opening).await {
        Ok(opened) => opened,
        Err(_) => {
            let what =
                format!("no connection within socket.connection.setup.timeout.ms ({} ms)", settings.setup_timeout.as_millis());
            Err(Error::new(ErrorKind::Transport, what).retriable())
        }
    };
    let started = opened.and_then(|stream| {
        let (state, hello) = ConnectionState::start(settings.client_id.clone(), deadline)?;
        Ok((stream, state, hello))
    });
    let (stream, state, hello) = match started {
        Ok(started) => started,
        Err(error) => return failed(&error),
    };
    let mut state = state;
    let mut stream = stream;
    let mut received = BytesMut::with_capacity(64 * 1024);
    let mut trace = None;
    let hands = shake_hands(&shared, &mut stream, &mut received, &mut state, hello, settings.receive_max_bytes, &mut trace);
    let apis = match tokio::time::timeout_at(shared.clock.to_tokio(deadline), hands).await {
        Ok(Ok(apis)) => apis,
        Ok(Err(error)) => {
            shared.tracer.end(trace, || RequestEnd::Failed(shared.place(error.clone())));
            return failed(&error);
        }
        Err(_) => {
            shared.tracer.end(trace, || RequestEnd::TimedOut);
            return failed(&state.overdue());
        }
    };
    shared.use_now();
    shared.since.store(shared.clock.now().as_micros(), Ordering::Relaxed);
    *shared.awaited() = Some(state);
    // Set once: nobody else sets it.
    let _ = shared.apis.set(apis);
    shared.counters.on_connect();
    shared.state.set(State::Ready);
    let (reading, writing) = tokio::io::split(stream);
    let writer = tokio::spawn(write(shared.clone(), writing, incoming));
    let error = read(&shared, reading, received, &settings, &writer).await;
    shared.counters.on_disconnect();
    shared.close(&error);
}

async fn shake_hands(
    shared: &Shared,
    stream: &mut Box<dyn Stream>,
    received: &mut BytesMut,
    state: &mut ConnectionState<Awaiting>,
    hello: Vec<Bytes>,
    max: usize,
    trace: &mut Trace,
) -> Result<BrokerApis, Error> {
    let mut hello = Some(hello);
    loop {
        if let Some(hello) = hello.take() {
            *trace = shared.tracer.begin(ApiKey::ApiVersions, state.handshake_version().unwrap_or(0), 0);
            write_all(stream, hello).await.map_err(broken)?;
        }
        if let Some(frame) = take_frame(received, max)? {
            let bytes = frame.len();
            let received = state.on_frame(frame)?;
            shared.tracer.end(trace.take(), || RequestEnd::Answered { bytes });
            match received {
                Received::Ready(apis) => return Ok(apis),
                Received::Again(again) => hello = Some(again),
                Received::Answer(..) => {}
            }
        } else if stream.read_buf(received).await.map_err(broken)? == 0 {
            let what =
                "the peer closed the connection before it answered ApiVersions: is this a Kafka listener (and not a TLS one)?";
            return Err(Error::new(ErrorKind::Transport, what).retriable());
        }
    }
}

/// The next whole frame of what was received. A size beyond all bounds is a peer that speaks something else.
fn take_frame(received: &mut BytesMut, max: usize) -> Result<Option<Bytes>, Error> {
    let first = received.first_chunk::<4>().copied().unwrap_or_default();
    next_frame(received, max).map_err(|error| not_kafka(&first, error))
}

fn broken(error: std::io::Error) -> Error {
    Error::new(ErrorKind::Transport, "the connection broke").with_source(error).retriable()
}

/// Reads frames until the connection ends; answers why.
async fn read(
    shared: &Arc<Shared>,
    mut stream: ReadHalf<Box<dyn Stream>>,
    mut received: BytesMut,
    settings: &ConnectionSettings,
    writer: &tokio::task::JoinHandle<()>,
) -> Error {
    loop {
        match take_frame(&mut received, settings.receive_max_bytes) {
            Ok(Some(frame)) => match on_frame(shared, frame) {
                Ok(()) => continue,
                Err(error) => return error,
            },
            Ok(None) => {}
            Err(error) => return error,
        }
        // Doubled with what has arrived, never by what a size claims.
        received.reserve(received.len().clamp(64 * 1024, 8 * 1024 * 1024));
        let awaited = shared.awaited().as_ref().map_or(Instant::FAR_FUTURE, ConnectionState::deadline);
        let idle = awaited == Instant::FAR_FUTURE && !settings.max_idle.is_zero();
        let deadline = if idle { shared.last_used() + settings.max_idle } else { awaited };
        tokio::select! {
            biased;
            read = stream.read_buf(&mut received) => match read {
                Ok(0) => return Error::new(ErrorKind::Transport, "the broker closed the connection").retriable(),
                Ok(_) => {}
                Err(error) => return broken(error),
            },
            () = shared.changed.notified() => {
                if writer.is_finished() {
                    return Error::new(ErrorKind::Transport, "the connection broke while writing").retriable();
                }
            }
            () = tokio::time::sleep_until(shared.clock.to_tokio(deadline)), if deadline != Instant::FAR_FUTURE => {
                let mut state = shared.awaited();
                if idle && shared.last_used() + settings.max_idle <= shared.clock.now() {
                    let what = format!("the connection was not in use for connections.max.idle.ms ({} ms)", settings.max_idle.as_millis());
                    return Error::new(ErrorKind::Transport, what).retriable();
                }
                if let Some(late) = state.as_mut().filter(|state| state.deadline() <= shared.clock.now()) {
                    let (error, trace) = (late.overdue(), late.oldest().and_then(|awaiting| awaiting.trace.take()));
                    drop(state);
                    shared.counters.on_request_timeout();
                    shared.tracer.end(trace, || RequestEnd::TimedOut);
                    return error;
                }
            }
        }
    }
}

fn on_frame(shared: &Arc<Shared>, frame: Bytes) -> Result<(), Error> {
    let bytes = frame.len();
    let received = match shared.awaited().as_mut() {
        Some(state) => state.on_frame(frame)?,
        None => return Ok(()),
    };
    // The reply is called outside the lock.
    if let Received::Answer(Awaiting { reply, trace }, reader) = received {
        shared.served.store(true, Ordering::Relaxed);
        shared.say_up();
        shared.tracer.end(trace, || RequestEnd::Answered { bytes });
        reply(Ok(Some(reader)));
    }
    Ok(())
}

async fn write(shared: Arc<Shared>, mut stream: WriteHalf<Box<dyn Stream>>, mut incoming: mpsc::UnboundedReceiver<Outgoing>) {
    loop {
        let next = tokio::select! {
            biased;
            () = shared.closing.notified() => None,
            next = incoming.recv() => next,
        };
        let Some(Outgoing { frame, correlation_id, api_key, version, timeout, answered, mut awaiting }) = next else { break };
        shared.counters.on_request();
        shared.use_now();
        shared.tracer.sent(&mut awaiting.trace);
        let unanswered = if answered {
            let deadline = shared.clock.now() + timeout;
            if let Some(state) = shared.awaited().as_mut() {
                state.sent(correlation_id, api_key, version, deadline, timeout, awaiting);
            }
            shared.changed.notify_one();
            None
        } else {
            Some(awaiting)
        };
        let written = tokio::select! {
            biased;
            () = shared.closing.notified() => Err(std::io::ErrorKind::NotConnected.into()),
            written = write_all(&mut stream, frame) => written,
        };
        shared.tracer.written();
        match (unanswered, &written) {
            (Some(Awaiting { reply, trace }), Ok(())) => {
                if shared.has_held() {
                    shared.say_up();
                }
                shared.tracer.end(trace, || RequestEnd::Written);
                reply(Ok(None));
            }
            (Some(awaiting), Err(error)) => {
                shared.fail(awaiting, &shared.place(broken(std::io::Error::from(error.kind()))));
            }
            (None, _) => {}
        }
        if written.is_err() {
            break;
        }
    }
    // The reader, which may wait for ever on an idle peer, learns that nobody writes any more.
    let _ = stream.shutdown().await;
    incoming.close();
    let error = shared.place(Error::new(ErrorKind::Transport, "the connection was closed").retriable());
    while let Some(outgoing) = incoming.recv().await {
        shared.tracer.withdrawn();
        shared.fail(outgoing.awaiting, &error);
    }
    shared.tracer.emptied();
    shared.changed.notify_one();
}

/// Writes all ranges with as few calls as the socket allows, and without copying them.
async fn write_all<S: AsyncWrite + Unpin>(stream: &mut S, mut frame: Vec<Bytes>) -> std::io::Result<()> {
    let mut first = 0;
    loop {
        while frame.get(first).is_some_and(Bytes::is_empty) {
            first += 1;
        }
        let Some(rest) = frame.get(first..).filter(|rest| !rest.is_empty()) else { return stream.flush().await };
        let slices: Vec<IoSlice<'_>> = rest.iter().take(64).map(|range| IoSlice::new(range)).collect();
        let mut written = stream.write_vectored(&slices).await?;
        if written == 0 {
            return Err(std::io::ErrorKind::WriteZero.into());
        }
        for range in frame.iter_mut().skip(first) {
            let step = written.min(range.len());
            range.advance(step);
            written -= step;
            if written == 0 {
                break;
            }
        }
    }
}
