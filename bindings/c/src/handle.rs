//! Clients: made, polled, flushed, destroyed.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ffi::{CString, c_char, c_int, c_void};
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::Poll;
use std::time::Duration;

use ottla::{Client, Config, Error, ErrorKind};
use ottla_bindings::fork::Kept;
use ottla_bindings::statistics::{Reading, Statistics};
use ottla_bindings::wait::{Waited, wait};

use crate::asked::asked;
use crate::boundary::{Deadline, c_string, limit, text, write_text};
use crate::conf::{rd_kafka_conf_s, rd_kafka_topic_conf_s};
use crate::error::{self, FATAL, INVALID_ARG, NO_ERROR, TIMED_OUT, code, told};
use crate::event;
use crate::exit;
use crate::member::Member;
use crate::misc::{Logger, log_line, print};
use crate::op::Op;
use crate::produce::Outlet;
use crate::queue::rd_kafka_queue_s;
use crate::report;
use crate::signals;
use crate::simple::Legacy;
use crate::topic::{self, Topics, rd_kafka_topic_s};
use crate::types::{CONSUMER, PRODUCER, rd_kafka_resp_err_t, rd_kafka_type_t};

/// A client (`rd_kafka_t`).
pub struct rd_kafka_s {
    this: Weak<Self>,
    pub(crate) kind: c_int,
    pub(crate) conf: rd_kafka_conf_s,
    name: CString,
    client: OnceLock<Kept<Client>>,
    /// A producer's way out.
    pub(crate) outlet: Option<Arc<Outlet>>,
    /// A consumer's membership in its group.
    pub(crate) member: Option<Member>,
    /// Partitions that are read without a group.
    pub(crate) legacy: Legacy,
    pub(crate) main: Arc<rd_kafka_queue_s>,
    /// Where lines of the log wait, with `log.queue`, for the queue that the application sets; else it goes with the main queue.
    pub(crate) logs: Arc<rd_kafka_queue_s>,
    topics: Topics,
    /// Topics that the client uses by itself, by name: their handles live as long as it.
    own_topics: Mutex<BTreeMap<String, Arc<rd_kafka_topic_s>>>,
    fatal: Mutex<Option<(c_int, CString)>>,
    statistics: Statistics,
    /// The controller, as metadata told it last.
    pub(crate) controller: AtomicI32,
    /// Up to which level lines are logged.
    pub(crate) log_level: AtomicI32,
    /// What the application set for its lines since it was made.
    logger: Mutex<Option<Logger>>,
    /// The application has destroyed it, perhaps from a callback: nothing is called any more.
    gone: AtomicBool,
}

/// Locks, whatever became of who held it before.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many clients there are, and who waits for their end: `rd_kafka_wait_destroyed`.
static ALIVE: (Mutex<usize>, Condvar) = (Mutex::new(0), Condvar::new());

thread_local! {
    /// A callback on this thread asked that polling ends.
    static YIELD: Cell<bool> = const { Cell::new(false) };
}

/// Whether a callback on this thread asked that polling ends; asked once.
pub(crate) fn yields() -> bool {
    YIELD.replace(false)
}

/// The same, without an end to it: who polls asks yet.
#[inline]
pub(crate) fn is_yielding() -> bool {
    YIELD.get()
}

/// A client of this library's; `None` for a null.
///
/// # Safety
/// `rk` is null or a client that was not destroyed.
pub(crate) unsafe fn of<'a>(rk: *const rd_kafka_s) -> Option<&'a rd_kafka_s> {
    // SAFETY: the caller's promise.
    unsafe { rk.as_ref() }
}

impl rd_kafka_s {
    fn create(kind: c_int, conf: &rd_kafka_conf_s) -> Result<Arc<Self>, Error> {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let config = conf.merged();
        let role = if kind == PRODUCER { "producer" } else { "consumer" };
        let client_id = config.get("client.id").unwrap_or("rdkafka");
        let name = format!("{client_id}#{role}-{number}");
        let has_servers = config.get("bootstrap.servers").is_ok_and(|servers| !servers.is_empty());
        let handle = Arc::new_cyclic(|this: &Weak<Self>| {
            let main = rd_kafka_queue_s::new(this.clone());
            let logs = rd_kafka_queue_s::new(this.clone());
            if conf.own("log.queue") != "true" {
                logs.forward(Some(&main));
            }
            let outlet = (kind == PRODUCER).then(|| Arc::new(Outlet::new(conf, main.ops.clone())));
            let in_group = kind == CONSUMER && config.get("group.id").is_ok_and(|group| !group.is_empty());
            Self {
                this: this.clone(),
                kind,
                conf: conf.clone(),
                name: c_string(name.as_str()),
                client: OnceLock::new(),
                outlet,
                member: in_group.then(|| Member::new(this.clone(), conf.has_event(event::kind::REBALANCE))),
                legacy: Legacy::default(),
                main,
                logs,
                topics: Topics::default(),
                own_topics: Mutex::default(),
                fatal: Mutex::default(),
                statistics: Statistics::new(&name, client_id, role),
                controller: AtomicI32::new(-1),
                log_level: AtomicI32::new(conf.own("log_level").parse().unwrap_or(6)),
                logger: Mutex::default(),
                gone: AtomicBool::new(false),
            }
        });
        *lock(&ALIVE.0) += 1;
        if has_servers {
            handle.start(config)?;
        }
        Ok(handle)
    }

    /// Makes the client proper, once servers are known.
    fn start(&self, config: Config) -> Result<(), Error> {
        let (ops, logs) = (self.main.ops.clone(), self.logs.ops.clone());
        let wants = crate::log::Wants::of(&self.conf);
        let commits = self.member.as_ref().map(|member| member.queue.ops.clone());
        let observer = crate::log::observer(ops, logs, commits, wants, self.weak());
        let exit_timeout = config.client()?.exit_timeout;
        let client = signals::blocked(|| {
            let client = Client::builder().config(config).observer(observer).build()?;
            if let Some(outlet) = &self.outlet {
                outlet.prepare(&client)?;
            }
            if let Some(member) = &self.member {
                member.start(&client, self)?;
            }
            Ok::<_, Error>(client)
        })?;
        // A second one would come of two threads that add brokers at once: one of them wins.
        drop(self.client.set(Kept::new(client)));
        if let Some(outlet) = &self.outlet {
            let _ = outlet.exit_timeout.set(exit_timeout);
            exit::register(self.weak());
        }
        Ok(())
    }

    /// The client proper.
    pub(crate) fn client(&self) -> Result<&Client, Error> {
        match self.client.get() {
            Some(client) => client.get(),
            None => Err(Error::new(ErrorKind::State, "no bootstrap.servers are configured: the client has nobody to ask")),
        }
    }

    /// Whether this is another process than the one that the client was made in: its IO thread is not here, and what that had locked
    /// stays locked.
    pub(crate) fn is_forked(&self) -> bool {
        self.client.get().is_some_and(Kept::is_forked)
    }

    /// Whether the application has destroyed it.
    pub(crate) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }

    /// Where lines of the log go, unless a queue takes them.
    pub(crate) fn logger(&self) -> Logger {
        let callbacks = &self.conf.callbacks;
        let configured = || if callbacks.log_is_set { Logger::of(callbacks.log) } else { Logger::Prints };
        lock(&self.logger).unwrap_or_else(configured)
    }

    /// Lines of the log go there from now on.
    pub(crate) fn set_logger(&self, logger: Logger) {
        *lock(&self.logger) = Some(logger);
    }

    /// Keeps it alive while the application's functions are called, which may destroy it.
    pub(crate) fn keep(&self) -> Option<Arc<Self>> {
        self.this.upgrade()
    }

    /// What may keep this alive no longer than C does.
    pub(crate) fn weak(&self) -> Weak<Self> {
        self.this.clone()
    }

    /// As C knows it.
    pub(crate) fn pointer(&self) -> *mut Self {
        std::ptr::from_ref(self).cast_mut()
    }

    /// The client's name.
    pub(crate) fn name(&self) -> &str {
        self.name.to_str().unwrap_or_default()
    }

    /// A topic's handle, with its configuration if it is a new one.
    pub(crate) fn topic(&self, name: &str, conf: Option<&rd_kafka_topic_conf_s>) -> Result<Arc<rd_kafka_topic_s>, Error> {
        self.topics.get(name, || topic::make(self, name, conf))
    }

    /// The names of the topics in use.
    pub(crate) fn topic_names(&self) -> Vec<String> {
        self.topics.names()
    }

    /// A topic's handle that lives as long as the client.
    pub(crate) fn own_topic(&self, name: &str) -> Result<Arc<rd_kafka_topic_s>, Error> {
        if let Some(topic) = lock(&self.own_topics).get(name) {
            return Ok(topic.clone());
        }
        let topic = self.topic(name, None)?;
        lock(&self.own_topics).insert(name.to_owned(), topic.clone());
        Ok(topic)
    }

    /// The client can't go on.
    pub(crate) fn set_fatal(&self, error: &Error) {
        let mut fatal = lock(&self.fatal);
        if fatal.is_none() {
            *fatal = Some((error.code().map_or(FATAL, |code| c_int::from(code.code())), c_string(told(error))));
        }
    }

    /// The client is said not to be able to go on, for a test of its application.
    pub(crate) fn pretend_fatal(&self, code: c_int, words: &str) -> bool {
        let mut fatal = lock(&self.fatal);
        if fatal.is_some() {
            return false;
        }
        *fatal = Some((code, c_string(format!("test_fatal_error: {words}"))));
        drop(fatal);
        if let Some(outlet) = &self.outlet {
            outlet.ended.store(true, Ordering::Release);
        }
        let text = format!("test_fatal_error: {words}");
        self.main.ops.push(Op::Error { code: FATAL, words: c_string(text), fatal: None });
        true
    }

    /// A broker as librdkafka names it: its address and its id.
    fn broker_name(&self, id: i32) -> String {
        let brokers = self.client().map(Client::brokers).unwrap_or_default();
        match brokers.into_iter().find(|broker| broker.id == id) {
            Some(broker) => format!("{}:{}/{id}", broker.host, broker.port),
            None => id.to_string(),
        }
    }

    /// What the client has counted, as JSON.
    pub(crate) fn statistics(&self) -> Option<CString> {
        let client = self.client().ok()?;
        let producer = self.outlet.as_ref().and_then(|outlet| outlet.all().into_iter().next());
        let consumer = self.member.as_ref().and_then(|member| member.consumer().ok());
        let reading = Reading {
            client: client.metrics(),
            producer: producer.as_ref().map(ottla::Producer::metrics),
            consumer: consumer.map(ottla::Consumer::metrics),
            group: consumer.and_then(ottla::Consumer::group_state),
            waiting: self.main.ops.len(),
            outstanding: self.outlet.as_ref().map_or(0, |outlet| outlet.outstanding.get()),
            buffered_bytes: producer.as_ref().map_or(0, ottla::Producer::buffered_bytes),
        };
        Some(c_string(self.statistics.json(&reading)))
    }

    /// Calls the application for one thing; how many times.
    pub(crate) fn serve(&self, op: Op) -> usize {
        let callbacks = &self.conf.callbacks;
        let (rk, opaque) = (self.pointer(), callbacks.opaque.0);
        match op {
            Op::Report(report) => report::serve(self, report),
            Op::Yield => {
                YIELD.set(true);
                0
            }
            Op::Error { code, words, fatal } => {
                if let Some(fatal) = fatal {
                    self.set_fatal(&fatal);
                }
                match callbacks.error {
                    // SAFETY: the application's function, and a text that lives until it returns.
                    Some(error_cb) => unsafe { error_cb(rk, code, words.as_ptr(), opaque) },
                    None => return 0,
                }
                1
            }
            Op::Throttle { broker, time_ms } => {
                let Some(throttle_cb) = callbacks.throttle else { return 0 };
                let name = c_string(self.broker_name(broker));
                // SAFETY: as above.
                unsafe { throttle_cb(rk, name.as_ptr(), broker, time_ms, opaque) };
                1
            }
            Op::Statistics => {
                let (Some(stats_cb), Some(json)) = (callbacks.stats, self.statistics()) else { return 0 };
                // SAFETY: a text in C's memory, which the application frees if it says that it keeps it.
                unsafe {
                    let json = libc::strdup(json.as_ptr());
                    if !json.is_null() && stats_cb(rk, json, libc::strlen(json), opaque) == 0 {
                        libc::free(json.cast());
                    }
                }
                1
            }
            Op::Log { level, facility, words } => match self.logger() {
                // SAFETY: as above.
                Logger::Calls(log_cb) => unsafe {
                    log_cb(rk, level, facility.as_ptr(), words.as_ptr());
                    1
                },
                Logger::Prints => {
                    print(&log_line(level, &facility.to_string_lossy(), self.name(), &words.to_string_lossy()));
                    1
                }
                Logger::Silent => 0,
            },
            Op::OffsetCommit { code, offsets, reply } => {
                let (commit_cb, opaque) = match reply {
                    Some((commit_cb, opaque)) => (Some(commit_cb), opaque.0),
                    None => (callbacks.offset_commit, opaque),
                };
                let Some(commit_cb) = commit_cb else { return 0 };
                let list = crate::consumer::committed_list(&offsets);
                // SAFETY: as above, with a list that is destroyed afterwards.
                unsafe {
                    commit_cb(rk, code, list, opaque);
                    crate::list::rd_kafka_topic_partition_list_destroy(list);
                }
                1
            }
            Op::Rebalance(rebalance) => {
                if let Some(member) = &self.member {
                    member.serve(self, &rebalance);
                }
                1
            }
        }
    }
}

impl Drop for rd_kafka_s {
    fn drop(&mut self) {
        *lock(&ALIVE.0) -= 1;
        ALIVE.1.notify_all();
    }
}

/// `rd_kafka_new`: takes the configuration unless it fails.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_new(
    r#type: rd_kafka_type_t,
    conf: *mut rd_kafka_conf_s,
    errstr: *mut c_char,
    errstr_size: usize,
) -> *mut rd_kafka_s {
    guarded!(std::ptr::null_mut(), {
        if r#type != PRODUCER && r#type != CONSUMER {
            error::set_last(INVALID_ARG, libc::EINVAL);
            // SAFETY: the caller's buffer.
            unsafe { write_text(errstr, errstr_size, "The client is neither RD_KAFKA_PRODUCER nor RD_KAFKA_CONSUMER") };
            return std::ptr::null_mut();
        }
        let default;
        // SAFETY: null or a configuration of this library.
        let given = match unsafe { conf.as_ref() } {
            Some(given) => given,
            None => {
                default = rd_kafka_conf_s::default();
                &default
            }
        };
        match rd_kafka_s::create(r#type, given) {
            Ok(handle) => {
                if !conf.is_null() {
                    // SAFETY: it was made by this library, and is now the client's.
                    drop(unsafe { Box::from_raw(conf) });
                }
                error::set_last(NO_ERROR, 0);
                Arc::into_raw(handle).cast_mut()
            }
            Err(error) => {
                // SAFETY: the caller's buffer.
                unsafe { write_text(errstr, errstr_size, &error.to_string()) };
                error::set_last(code(&error), libc::EINVAL);
                std::ptr::null_mut()
            }
        }
    })
}

/// `rd_kafka_destroy`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_destroy(rk: *mut rd_kafka_s) {
    // SAFETY: the caller's promise.
    unsafe { rd_kafka_destroy_flags(rk, 0) }
}

/// `RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE`.
const NO_CONSUMER_CLOSE: c_int = 0x8;

/// `rd_kafka_destroy_flags`: a consumer leaves its group first; what a producer has not delivered is given up.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_destroy_flags(rk: *mut rd_kafka_s, flags: c_int) {
    if rk.is_null() {
        return;
    }
    guarded!((), {
        // SAFETY: it was given to C by `rd_kafka_new`, and the caller gives it up.
        let handle = unsafe { Arc::from_raw(rk) };
        if handle.is_forked() {
            // The parent's: nothing of it can be touched here.
            *lock(&ALIVE.0) -= 1;
            return std::mem::forget(handle);
        }
        handle.gone.store(true, Ordering::Relaxed);
        if let Some(member) = &handle.member {
            if flags & NO_CONSUMER_CLOSE == 0 {
                // Why the last commit failed was for who closed the consumer before.
                drop(member.close());
            }
            member.drop_out();
        }
        handle.legacy.clear();
        if let Some(outlet) = &handle.outlet {
            outlet.all().iter().for_each(|producer| producer.purge(true, true));
        }
        if let Ok(client) = handle.client() {
            client.close();
        }
        // Nobody polls any more: what waits is dropped, and with it what the application gave to be freed.
        for queue in
            [Some(&handle.main), Some(&handle.logs), handle.member.as_ref().map(|member| &member.queue)].into_iter().flatten()
        {
            queue.set_ring(None);
            queue.forward(None);
            while queue.ops.try_pop().is_some() {}
        }
        // Their topics hold the client weakly.
        drop(std::mem::take(&mut *lock(&handle.own_topics)));
    });
}

/// `rd_kafka_wait_destroyed`: 0 once there is no client any more.
#[unsafe(no_mangle)]
pub extern "C" fn rd_kafka_wait_destroyed(timeout_ms: c_int) -> c_int {
    guarded!(-1, {
        let deadline = Deadline::after(timeout_ms);
        let mut alive = lock(&ALIVE.0);
        while *alive > 0 {
            let left = deadline.left().unwrap_or(Duration::from_secs(3600));
            if left.is_zero() {
                return -1;
            }
            alive = ALIVE.1.wait_timeout(alive, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        0
    })
}

/// `rd_kafka_name`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_name(rk: *const rd_kafka_s) -> *const c_char {
    // SAFETY: null or a client.
    unsafe { of(rk) }.map_or(c"".as_ptr(), |handle| handle.name.as_ptr())
}

/// `rd_kafka_type`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_type(rk: *const rd_kafka_s) -> rd_kafka_type_t {
    // SAFETY: null or a client.
    unsafe { of(rk) }.map_or(PRODUCER, |handle| handle.kind)
}

/// `rd_kafka_opaque`: what the configuration was given.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_opaque(rk: *const rd_kafka_s) -> *mut c_void {
    // SAFETY: null or a client.
    unsafe { of(rk) }.map_or(std::ptr::null_mut(), |handle| handle.conf.callbacks.opaque.0)
}

/// `rd_kafka_conf`: the client's configuration, which stays its own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_conf(rk: *mut rd_kafka_s) -> *const rd_kafka_conf_s {
    // SAFETY: null or a client.
    unsafe { of(rk) }.map_or(std::ptr::null(), |handle| &raw const handle.conf)
}

/// `rd_kafka_brokers_add`: how many were taken; of a client that has none yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_brokers_add(rk: *mut rd_kafka_s, brokerlist: *const c_char) -> c_int {
    guarded!(0, {
        // SAFETY: null, or a client and a text.
        let (Some(handle), Some(servers)) = (unsafe { of(rk) }, unsafe { text(brokerlist) }) else { return 0 };
        let mut config = handle.conf.merged();
        if handle.client.get().is_some() || config.set("bootstrap.servers", servers).is_err() {
            return 0;
        }
        match handle.start(config) {
            Ok(()) => c_int::try_from(servers.split(',').count()).unwrap_or(0),
            Err(_) => 0,
        }
    })
}

/// Serves what waits in a queue: waits for the first, and takes what is there behind it. How many calls that were.
pub(crate) fn poll_queue(handle: &rd_kafka_s, queue: &rd_kafka_queue_s, timeout: Option<Duration>) -> usize {
    YIELD.set(false);
    if handle.is_forked() {
        return 0;
    }
    let _kept = handle.keep();
    let mut served = 0;
    let mut timeout = timeout;
    // What comes meanwhile is for the next poll: this one ends.
    let mut left = queue.ops.end().len().max(1);
    while let Waited::Done(op) = queue.ops.pop_within(timeout, &mut || false) {
        served += handle.serve(op);
        left -= 1;
        if left == 0 || is_yielding() || handle.is_gone() {
            break;
        }
        timeout = Some(Duration::ZERO);
    }
    served
}

/// `rd_kafka_poll`: serves what waits; how many calls that were.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_poll(rk: *mut rd_kafka_s, timeout_ms: c_int) -> c_int {
    guarded!(0, {
        // SAFETY: null or a client.
        let Some(handle) = (unsafe { of(rk) }) else { return 0 };
        if handle.is_forked() || handle.main.ops.is_empty() && timeout_ms == 0 && !handle.main.is_forwarded() {
            return 0;
        }
        c_int::try_from(poll_queue(handle, &handle.main, limit(timeout_ms))).unwrap_or(c_int::MAX)
    })
}

/// `rd_kafka_yield`: from a callback, ends the poll that it was called from.
#[unsafe(no_mangle)]
pub extern "C" fn rd_kafka_yield(_rk: *mut rd_kafka_s) {
    YIELD.set(true);
}

/// `rd_kafka_outq_len`: records that are not yet reported, and what else waits to be served.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_outq_len(rk: *mut rd_kafka_s) -> c_int {
    guarded!(0, {
        // SAFETY: null or a client.
        let Some(handle) = (unsafe { of(rk) }) else { return 0 };
        let records = handle.outlet.as_ref().map_or(0, |outlet| outlet.outstanding.get());
        let waiting = handle.main.ops.end().len() as u64;
        c_int::try_from(records.saturating_add(waiting)).unwrap_or(c_int::MAX)
    })
}

/// `rd_kafka_flush`: sends what is there and serves reports, until all is reported or the time is over.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_flush(rk: *mut rd_kafka_s, timeout_ms: c_int) -> rd_kafka_resp_err_t {
    guarded!(INVALID_ARG, {
        // SAFETY: null or a client.
        let Some(handle) = (unsafe { of(rk) }) else { return INVALID_ARG };
        let Some(outlet) = &handle.outlet else { return error::NOT_IMPLEMENTED };
        if handle.is_forked() {
            return error::STATE;
        }
        let _kept = handle.keep();
        let deadline = Deadline::after(timeout_ms);
        let producers = outlet.all();
        let flush_all = || {
            Box::pin(async {
                for producer in &producers {
                    producer.flush().await;
                }
            })
        };
        let mut flush = flush_all();
        let mut flushed = false;
        YIELD.set(false);
        loop {
            let left = deadline.left();
            let mut pop = (!outlet.by_event).then(|| handle.main.ops.pop());
            // Reports first: it is their being served that a flush waits for. Where they are events, another thread serves them.
            let next =
                std::future::poll_fn(|context| match pop.as_mut().map_or(Poll::Pending, |pop| Pin::new(pop).poll(context)) {
                    Poll::Ready(op) => Poll::Ready(Some(op)),
                    Poll::Pending if flushed => Poll::Ready(None),
                    Poll::Pending => flush.as_mut().poll(context).map(|()| {
                        flushed = true;
                        None
                    }),
                });
            match wait(pin!(next), left, &mut || false) {
                // It is for who polls.
                Waited::Done(Some(Op::Yield)) => {}
                Waited::Done(Some(op)) => {
                    handle.serve(op);
                    if handle.is_gone() {
                        return error::DESTROY;
                    }
                }
                Waited::Done(None) if outlet.outstanding.get() == 0 => return NO_ERROR,
                // Another thread has produced meanwhile, or is about to count down what it has served.
                Waited::Done(None) => {
                    (flush, flushed) = (flush_all(), false);
                    std::thread::yield_now();
                }
                Waited::TimedOut | Waited::Interrupted => {}
            }
            if is_yielding() || deadline.is_over() {
                return if outlet.outstanding.get() == 0 { NO_ERROR } else { TIMED_OUT };
            }
        }
    })
}

/// `rd_kafka_fatal_error`: why the client can't go on, if so.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_fatal_error(
    rk: *mut rd_kafka_s,
    errstr: *mut c_char,
    errstr_size: usize,
) -> rd_kafka_resp_err_t {
    guarded!(NO_ERROR, {
        // SAFETY: null or a client.
        let Some(handle) = (unsafe { of(rk) }) else { return NO_ERROR };
        match &*lock(&handle.fatal) {
            Some((code, words)) => {
                // SAFETY: the caller's buffer.
                unsafe { write_text(errstr, errstr_size, &words.to_string_lossy()) };
                *code
            }
            None => NO_ERROR,
        }
    })
}

/// `rd_kafka_clusterid`: to be freed by the caller; null if no broker answered in time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_clusterid(rk: *mut rd_kafka_s, timeout_ms: c_int) -> *mut c_char {
    guarded!(std::ptr::null_mut(), {
        // SAFETY: null or a client.
        let Some(Ok(client)) = (unsafe { of(rk) }).map(rd_kafka_s::client) else { return std::ptr::null_mut() };
        let admin = client.admin();
        match asked(admin.describe_cluster(), timeout_ms) {
            // SAFETY: a text.
            Ok(cluster) => unsafe { libc::strdup(c_string(cluster.cluster_id).as_ptr()) },
            Err(_) => std::ptr::null_mut(),
        }
    })
}

/// `rd_kafka_controllerid`: -1 if no broker answered in time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_controllerid(rk: *mut rd_kafka_s, timeout_ms: c_int) -> i32 {
    guarded!(-1, {
        // SAFETY: null or a client.
        let Some(handle) = (unsafe { of(rk) }) else { return -1 };
        let known = handle.controller.load(Ordering::Relaxed);
        let Ok(client) = handle.client() else { return -1 };
        if known >= 0 {
            return known;
        }
        let admin = client.admin();
        asked(admin.describe_cluster(), timeout_ms).map_or(-1, |cluster| cluster.controller)
    })
}

/// `rd_kafka_mem_free`: frees what this library allocated for C.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_mem_free(_rk: *mut rd_kafka_s, ptr: *mut c_void) {
    // SAFETY: null or allocated by C's allocator, as all that is the caller's to free.
    unsafe { libc::free(ptr) };
}

/// `rd_kafka_mem_malloc`: memory of C's allocator.
#[unsafe(no_mangle)]
pub extern "C" fn rd_kafka_mem_malloc(_rk: *mut rd_kafka_s, size: usize) -> *mut c_void {
    // SAFETY: any size may be asked for.
    unsafe { libc::malloc(size) }
}

/// `rd_kafka_mem_calloc`: zeroed memory of C's allocator.
#[unsafe(no_mangle)]
pub extern "C" fn rd_kafka_mem_calloc(_rk: *mut rd_kafka_s, num: usize, size: usize) -> *mut c_void {
    // SAFETY: any size may be asked for.
    unsafe { libc::calloc(num, size) }
}

/// `rd_kafka_thread_cnt`: clients share their threads.
#[unsafe(no_mangle)]
pub extern "C" fn rd_kafka_thread_cnt() -> c_int {
    c_int::from(*lock(&ALIVE.0) > 0)
}
