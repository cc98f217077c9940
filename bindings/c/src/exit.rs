//! The end of the process: what producers have is sent, within `exit.timeout.ms`, and what is lost is told.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::time::Duration;

use ottla::Producer;
use ottla_bindings::exit::{self, Leaves};

use crate::boundary::caught;
use crate::handle::{lock, rd_kafka_s};
use crate::misc::{Logger, log_line, print};
use crate::signals;

/// The process ends: nothing of the application's is called any more that it does not poll for.
static LEAVING: AtomicBool = AtomicBool::new(false);

/// Whether the process ends.
pub(crate) fn is_leaving() -> bool {
    LEAVING.load(Ordering::Relaxed)
}

/// `LOG_WARNING` of syslog.
const WARNING: libc::c_int = 4;

impl Leaves for rd_kafka_s {
    fn producers(&self) -> Vec<Producer> {
        self.outlet.as_ref().filter(|_| !self.is_forked()).map(|outlet| outlet.all()).unwrap_or_default()
    }

    fn outstanding(&self) -> u64 {
        // What a client had that was destroyed is given up already.
        let outlet = self.outlet.as_ref().filter(|_| !self.is_forked() && !self.is_gone());
        outlet.map_or(0, |outlet| outlet.unanswered.get())
    }

    fn limit(&self) -> Duration {
        self.outlet.as_ref().and_then(|outlet| outlet.exit_timeout.get().copied()).unwrap_or_default()
    }

    fn lost(&self, outstanding: u64) -> u64 {
        let failed = self.outlet.as_ref().map_or(0, |outlet| outlet.failed_at_exit.load(Ordering::Relaxed));
        let records = outstanding + failed;
        let is_logged = self.log_level.load(Ordering::Relaxed) >= WARNING && !matches!(self.logger(), Logger::Silent);
        if records > 0 && is_logged {
            let limit = self.limit().as_millis();
            let words = format!("{records} records were not delivered within the {limit} ms of exit.timeout.ms, and are lost");
            print(&log_line(WARNING, "EXIT", self.name(), &words));
        }
        records
    }
}

/// Has the end of the process look after a producer.
pub(crate) fn register(handle: Weak<rd_kafka_s>) {
    static REGISTERED: AtomicBool = AtomicBool::new(false);
    exit::register(handle);
    if !REGISTERED.swap(true, Ordering::Relaxed) {
        // SAFETY: a plain function of this library, which is never unloaded (build.rs). It fails for lack of memory only.
        unsafe { libc::atexit(leave) };
    }
}

/// What `exit` calls. The thread that calls it has lost what it had of its own, so another one waits for what is sent.
extern "C" fn leave() {
    guarded!((), {
        let Some(limit) = exit::longest() else { return };
        LEAVING.store(true, Ordering::Relaxed);
        let ended = Arc::new((Mutex::new(false), Condvar::new()));
        let telling = ended.clone();
        let body = move || {
            caught(|| exit::flush_all(&mut || {}));
            *lock(&telling.0) = true;
            telling.1.notify_all();
        };
        let spawned = signals::blocked(|| std::thread::Builder::new().name("ottla-exit".to_owned()).spawn(body));
        if spawned.is_err() {
            return print(&log_line(WARNING, "EXIT", "rdkafka", "no thread can be started: what is not delivered is lost"));
        }
        // It ends by itself; this is for the worst.
        let worst = limit.saturating_add(Duration::from_secs(1));
        let waited = ended.1.wait_timeout_while(lock(&ended.0), worst, |ended| !*ended);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    });
}
