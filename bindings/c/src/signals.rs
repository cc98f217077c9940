//! Signals are the application's: threads that are started here take none of them, and what is written here raises none.

use std::mem::MaybeUninit;

/// Restores this thread's signals when it is dropped.
struct Restored(libc::sigset_t);

impl Drop for Restored {
    fn drop(&mut self) {
        // SAFETY: what `block` got from the system.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, std::ptr::null_mut()) };
    }
}

/// Blocks signals on this thread, until what it answers is dropped.
fn block(signals: &libc::sigset_t) -> Restored {
    let mut before = MaybeUninit::zeroed();
    // SAFETY: a set, and a place for one. A zeroed set is one too, should the call fail, which it does for no set that there is.
    unsafe {
        libc::pthread_sigmask(libc::SIG_BLOCK, signals, before.as_mut_ptr());
        Restored(before.assume_init())
    }
}

/// Does what may start threads, which take this thread's mask over: no handler of the application's runs on them, and a write to a
/// connection that is gone does not end the process. Faults stay what they are.
pub(crate) fn blocked<T>(start: impl FnOnce() -> T) -> T {
    let mut signals = MaybeUninit::zeroed();
    // SAFETY: a place for a set, which is filled first.
    let signals: libc::sigset_t = unsafe {
        libc::sigfillset(signals.as_mut_ptr());
        for fault in [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGABRT, libc::SIGTRAP, libc::SIGSYS] {
            libc::sigdelset(signals.as_mut_ptr(), fault);
        }
        signals.assume_init()
    };
    let _restored = block(&signals);
    start()
}

/// Writes on this thread, without the SIGPIPE that it may raise. `write` says whether it went well.
pub(crate) fn without_pipe(write: impl FnOnce() -> bool) {
    let (mut signals, mut pending) = (MaybeUninit::zeroed(), MaybeUninit::zeroed());
    // SAFETY: places for sets, which are filled first.
    let (signals, was_pending): (libc::sigset_t, bool) = unsafe {
        libc::sigemptyset(signals.as_mut_ptr());
        libc::sigaddset(signals.as_mut_ptr(), libc::SIGPIPE);
        libc::sigpending(pending.as_mut_ptr());
        (signals.assume_init(), libc::sigismember(pending.as_ptr(), libc::SIGPIPE) == 1)
    };
    let restored = block(&signals);
    if !write() && !was_pending {
        let at_once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: a set and a time. One that another sent meanwhile is taken with it: there is no telling them apart.
        unsafe { libc::sigtimedwait(&raw const signals, std::ptr::null_mut(), &raw const at_once) };
    }
    drop(restored);
}
