//! What tells an application's loop that a queue is not empty any more: bytes written to a descriptor of its own, or a call.

use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, Weak};
use std::thread::ThreadId;

use ottla_bindings::Wake;

use crate::conf::Opaque;
use crate::exit;
use crate::handle::{lock, rd_kafka_s};
use crate::signals;

pub(crate) type QueueEventCb = unsafe extern "C" fn(*mut rd_kafka_s, *mut c_void);

/// A way to tell an application. It ends when it is dropped: nothing is written and no call is made after that, whoever still has a
/// clone of [`Ring::wake`].
pub(crate) struct Ring {
    wake: Wake,
    ends: Ends,
}

/// What a ring ends.
enum Ends {
    /// Writes to this descriptor.
    Writes(Arc<Mutex<Option<i32>>>),
    Calls(Arc<Call>),
}

/// Writes, if that is possible at once, and raises no SIGPIPE where nobody reads any more.
fn write(descriptor: i32, payload: &[u8]) {
    let (bytes, length) = (payload.as_ptr().cast(), payload.len());
    // SAFETY: so many bytes. Whatever becomes of them is seen by who reads; there is nobody to tell.
    let sent = unsafe { libc::send(descriptor, bytes, length, libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT) };
    if sent >= 0 || std::io::Error::last_os_error().raw_os_error() != Some(libc::ENOTSOCK) {
        return;
    }
    let mut room = libc::pollfd { fd: descriptor, events: libc::POLLOUT, revents: 0 };
    // SAFETY: one descriptor, looked at and not waited for.
    if unsafe { libc::poll(&raw mut room, 1, 0) } == 1 && room.revents & libc::POLLOUT != 0 {
        // SAFETY: as above.
        signals::without_pipe(|| unsafe { libc::write(descriptor, bytes, length) } >= 0);
    }
}

impl Ring {
    /// Writes `payload` to a descriptor, as long as that has room: it may be called on the IO thread, which must not wait for who reads.
    pub(crate) fn writes(descriptor: i32, payload: Vec<u8>) -> Self {
        let place = Arc::new(Mutex::new(Some(descriptor)));
        let writing = place.clone();
        // Locked while it writes: who ends it may close the descriptor right after.
        let wake = move || {
            if let Some(descriptor) = *lock(&writing) {
                write(descriptor, &payload);
            }
        };
        Self { wake: Arc::new(wake), ends: Ends::Writes(place) }
    }

    /// Calls the application, on a thread that is there for that alone.
    pub(crate) fn calls(handle: Weak<rd_kafka_s>, event_cb: QueueEventCb, opaque: Opaque) -> Self {
        let call = Arc::new(Call {
            handle,
            event_cb,
            opaque,
            pending: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            running: Mutex::new(()),
        });
        let ringing = call.clone();
        Self { wake: Arc::new(move || ringing.ring()), ends: Ends::Calls(call) }
    }

    /// What rings.
    pub(crate) fn wake(&self) -> Wake {
        self.wake.clone()
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        let call = match &self.ends {
            Ends::Writes(place) => return *lock(place) = None,
            Ends::Calls(call) => call,
        };
        call.ended.store(true, Ordering::SeqCst);
        // One that is under way is waited for, unless this is it.
        if lock(&CALLER).as_ref().is_none_or(|caller| caller.thread != std::thread::current().id()) {
            drop(lock(&call.running));
        }
    }
}

/// A function of the application's that is called when a queue has something.
struct Call {
    handle: Weak<rd_kafka_s>,
    event_cb: QueueEventCb,
    opaque: Opaque,
    /// It is about to be called: a second ring adds nothing.
    pending: AtomicBool,
    ended: AtomicBool,
    running: Mutex<()>,
}

/// The thread that calls, of the process as it was after so many forks.
struct Caller {
    calls: Sender<Arc<Call>>,
    thread: ThreadId,
    forks: u32,
}

/// Started by the first that needs it.
static CALLER: Mutex<Option<Caller>> = Mutex::new(None);

impl Call {
    fn ring(self: &Arc<Self>) {
        if exit::is_leaving() || self.ended.load(Ordering::SeqCst) || self.pending.swap(true, Ordering::SeqCst) {
            return;
        }
        let mut caller = lock(&CALLER);
        if caller.as_ref().is_none_or(|caller| caller.forks != ottla::forks()) {
            *caller = Caller::start();
        }
        // It takes them as long as the process lives.
        if caller.as_ref().is_none_or(|caller| caller.calls.send(self.clone()).is_err()) {
            self.pending.store(false, Ordering::SeqCst);
        }
    }

    fn run(&self) {
        let running = lock(&self.running);
        self.pending.store(false, Ordering::SeqCst);
        if self.ended.load(Ordering::SeqCst) {
            return;
        }
        if let Some(handle) = self.handle.upgrade() {
            // SAFETY: the application's function, with its own pointer.
            unsafe { (self.event_cb)(handle.pointer(), self.opaque.0) };
        }
        drop(running);
    }
}

impl Caller {
    /// `None`: the process may have no more threads.
    fn start() -> Option<Self> {
        let (calls, to_call) = channel::<Arc<Call>>();
        let body = move || to_call.into_iter().for_each(|call| call.run());
        let thread = signals::blocked(|| std::thread::Builder::new().name("ottla-events".to_owned()).spawn(body)).ok()?;
        Some(Self { calls, thread: thread.thread().id(), forks: ottla::forks() })
    }
}
