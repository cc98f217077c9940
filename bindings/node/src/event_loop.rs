//! Futures of the client's, polled on the event loop's thread.
//!
//! Their wakers, which are called on the IO thread, put a number into a list and, if nobody has yet, ring: one call of a
//! threadsafe function, after which the loop polls all that were woken. So no foreign code runs on the IO thread, and the loop is
//! never blocked.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ffi::c_void;
use std::future::Future;
use std::pin::Pin;
use std::ptr::null_mut;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use napi::sys;
use ottla::Error;

use crate::error;
use crate::raw::{self, Raw, Reference};
use crate::value::Value;

/// What wakers on other threads see of a loop.
struct Bell {
    /// Rung and not yet heard.
    rung: AtomicBool,
    /// Whom to poll.
    woken: Mutex<Vec<u64>>,
    /// None once the environment has gone.
    function: Mutex<Option<Function>>,
}

#[derive(Clone, Copy)]
struct Function(sys::napi_threadsafe_function);

// SAFETY: made to be called from any thread, as its name says.
unsafe impl Send for Function {}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Bell {
    fn ring(&self) {
        if !self.rung.swap(true, Ordering::SeqCst) {
            // Locked, so that it does not go meanwhile.
            if let Some(Function(function)) = *lock(&self.function) {
                // SAFETY: it is there as long as it stands here.
                unsafe { sys::napi_call_threadsafe_function(function, null_mut(), sys::ThreadsafeFunctionCallMode::nonblocking) };
            }
        }
    }
}

/// Wakes one task.
struct TaskWaker {
    bell: Arc<Bell>,
    id: u64,
    /// In the list already.
    woken: AtomicBool,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.woken.swap(true, Ordering::SeqCst) {
            lock(&self.bell.woken).push(self.id);
            self.bell.ring();
        }
    }
}

/// What is polled: until it is ready.
type Task = Pin<Box<dyn Future<Output = ()>>>;

struct Spawned {
    task: Option<Task>,
    waker: Arc<TaskWaker>,
}

/// The loop of one environment: the main thread's or a worker's.
pub(crate) struct EventLoop {
    env: sys::napi_env,
    bell: Arc<Bell>,
    tasks: RefCell<HashMap<u64, Spawned>>,
    next: Cell<u64>,
    alive: Cell<u32>,
    /// Makes an error as JavaScript knows it.
    pub(crate) make_error: RefCell<Option<Reference>>,
    /// Is told what happens to clients.
    pub(crate) tell: RefCell<Option<Reference>>,
}

thread_local! {
    static LOOP: RefCell<Option<Rc<EventLoop>>> = const { RefCell::new(None) };
}

/// The loop of this thread.
pub(crate) fn current() -> Option<Rc<EventLoop>> {
    LOOP.try_with(|slot| slot.borrow().clone()).ok().flatten()
}

/// Called by Node when the bell was rung, on the loop's thread.
unsafe extern "C" fn rung(env: sys::napi_env, _callback: Raw, _context: *mut c_void, _data: *mut c_void) {
    // None: the environment is going.
    if env.is_null() {
        return;
    }
    raw::guarded(env, || {
        if let Some(event_loop) = current() {
            event_loop.run_woken();
        }
        null_mut()
    });
}

/// Called by Node before the environment goes.
unsafe extern "C" fn gone(_data: *mut c_void) {
    let gone = LOOP.try_with(|slot| slot.borrow_mut().take()).ok().flatten();
    if let Some(event_loop) = gone {
        *lock(&event_loop.bell.function) = None;
        // Not while it is borrowed: what is dropped may come back here.
        let tasks = std::mem::take(&mut *event_loop.tasks.borrow_mut());
        drop(tasks);
        drop(event_loop.make_error.borrow_mut().take());
        drop(event_loop.tell.borrow_mut().take());
        crate::handles::clear();
    }
}

/// Starts the loop of this thread's environment, unless it was: who loads the addon a second time uses the same one.
pub(crate) fn start(env: sys::napi_env) {
    if current().is_some() {
        return;
    }
    let mut function = null_mut();
    // SAFETY: a name, no JavaScript function but a callback of ours, an unbounded queue that the flag keeps at one.
    unsafe {
        let name = raw::string(env, "ottla");
        sys::napi_create_threadsafe_function(
            env,
            null_mut(),
            null_mut(),
            name,
            0,
            1,
            null_mut(),
            None,
            null_mut(),
            Some(rung),
            &raw mut function,
        );
        // It keeps the process only while something is open.
        sys::napi_unref_threadsafe_function(env, function);
        sys::napi_add_env_cleanup_hook(env, Some(gone), null_mut());
    }
    let bell =
        Bell { rung: AtomicBool::new(false), woken: Mutex::new(Vec::new()), function: Mutex::new(Some(Function(function))) };
    let event_loop = EventLoop {
        env,
        bell: Arc::new(bell),
        tasks: RefCell::new(HashMap::new()),
        next: Cell::new(0),
        alive: Cell::new(0),
        make_error: RefCell::new(None),
        tell: RefCell::new(None),
    };
    LOOP.set(Some(Rc::new(event_loop)));
}

impl EventLoop {
    pub(crate) fn env(&self) -> sys::napi_env {
        self.env
    }

    /// Polls what was woken.
    pub(crate) fn run_woken(&self) {
        // First quiet, then looked: who comes later rings again.
        self.bell.rung.store(false, Ordering::SeqCst);
        let woken = std::mem::take(&mut *lock(&self.bell.woken));
        for id in woken {
            let mut scope = null_mut();
            // SAFETY: opened and closed around what one task makes.
            unsafe { sys::napi_open_handle_scope(self.env, &raw mut scope) };
            self.poll(id);
            // SAFETY: as above.
            unsafe { sys::napi_close_handle_scope(self.env, scope) };
        }
    }

    fn poll(&self, id: u64) {
        let (mut task, waker) = {
            let mut tasks = self.tasks.borrow_mut();
            let Some(spawned) = tasks.get_mut(&id) else { return };
            // None: it is being polled further up the stack.
            let Some(task) = spawned.task.take() else { return };
            (task, spawned.waker.clone())
        };
        // First quiet, then polled: who wakes it meanwhile has it polled again, in a later turn of the loop.
        waker.woken.store(false, Ordering::SeqCst);
        let waker = Waker::from(waker);
        let done = task.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
        let mut tasks = self.tasks.borrow_mut();
        if done {
            let spawned = tasks.remove(&id);
            drop(tasks);
            drop((spawned, task));
        } else if let Some(spawned) = tasks.get_mut(&id) {
            spawned.task = Some(task);
        }
    }

    /// Polls a future until it is ready, for the first time now.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        let id = self.next.get() + 1;
        self.next.set(id);
        let waker = Arc::new(TaskWaker { bell: self.bell.clone(), id, woken: AtomicBool::new(false) });
        self.tasks.borrow_mut().insert(id, Spawned { task: Some(Box::pin(task)), waker });
        self.poll(id);
    }

    /// A promise for what a future comes to. Until then the process goes on.
    pub(crate) fn promise<T: 'static>(
        self: &Rc<Self>,
        future: impl Future<Output = Result<T, Error>> + 'static,
        convert: impl FnOnce(sys::napi_env, T) -> Raw + 'static,
    ) -> Raw {
        let (mut deferred, mut promise) = (null_mut(), null_mut());
        // SAFETY: places for both.
        unsafe { sys::napi_create_promise(self.env, &raw mut deferred, &raw mut promise) };
        let alive = self.keep_alive();
        let env = self.env;
        self.spawn(async move {
            let settled = future.await;
            // SAFETY: the deferred is settled once, on the loop's thread, within a scope.
            unsafe {
                match settled {
                    Ok(value) => sys::napi_resolve_deferred(env, deferred, convert(env, value)),
                    Err(error) => sys::napi_reject_deferred(env, deferred, error::to_js(env, &error)),
                };
            }
            drop(alive);
        });
        promise
    }

    /// A promise for a future's value.
    pub(crate) fn promise_value(self: &Rc<Self>, future: impl Future<Output = Result<Value, Error>> + 'static) -> Raw {
        self.promise(future, |env, value| value.into_js(env))
    }

    /// Keeps the process going as long as it lives.
    pub(crate) fn keep_alive(self: &Rc<Self>) -> KeepAlive {
        self.count(1);
        KeepAlive(self.clone())
    }

    /// Counts what keeps the process going.
    pub(crate) fn count(&self, by: i32) {
        let before = self.alive.get();
        let now = before.saturating_add_signed(by);
        self.alive.set(now);
        if let Some(Function(function)) = *lock(&self.bell.function) {
            // SAFETY: the function is there, and this is its loop's thread.
            unsafe {
                match (before, now) {
                    (0, 1) => sys::napi_ref_threadsafe_function(self.env, function),
                    (1, 0) => sys::napi_unref_threadsafe_function(self.env, function),
                    _ => 0,
                };
            }
        }
    }
}

/// See [`EventLoop::keep_alive`].
pub(crate) struct KeepAlive(Rc<EventLoop>);

impl Drop for KeepAlive {
    fn drop(&mut self) {
        self.0.count(-1);
    }
}

/// A waker that outlives the poll that it came from: for callbacks that ring.
pub(crate) async fn own_waker() -> Waker {
    std::future::poll_fn(|context| Poll::Ready(context.waker().clone())).await
}
