//! A file descriptor that becomes readable when a queue has something: what a foreign loop waits on.

use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ottla::{Error, ErrorKind};

/// A descriptor of the binding's own (an eventfd, elsewhere a pipe) for a host's loop: asyncio's `add_reader`.
pub struct Wakeup {
    read: OwnedFd,
    /// The other end, where it is a pipe.
    write: Option<OwnedFd>,
    /// It was rung and not yet cleared: no second system call until it is.
    rung: AtomicBool,
}

impl Wakeup {
    /// A quiet one.
    ///
    /// # Errors
    /// If the process may have no more descriptors.
    pub fn new() -> Result<Arc<Self>, Error> {
        let failed = |error: rustix::io::Errno| {
            let what = "no file descriptor can be had to wake the application's loop";
            Error::new(ErrorKind::Fatal, what).with_source(std::io::Error::from(error))
        };
        let (read, write) = Self::open().map_err(failed)?;
        Ok(Arc::new(Self { read, write, rung: AtomicBool::new(false) }))
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn open() -> rustix::io::Result<(OwnedFd, Option<OwnedFd>)> {
        use rustix::event::{EventfdFlags, eventfd};
        Ok((eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?, None))
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn open() -> rustix::io::Result<(OwnedFd, Option<OwnedFd>)> {
        use rustix::fs::{OFlags, fcntl_setfl};
        use rustix::io::{FdFlags, fcntl_setfd};
        let (read, write) = rustix::pipe::pipe()?;
        for end in [&read, &write] {
            fcntl_setfl(end, OFlags::NONBLOCK)?;
            fcntl_setfd(end, FdFlags::CLOEXEC)?;
        }
        Ok((read, Some(write)))
    }

    /// What the loop waits on until it is readable. It stays this object's own: nobody else closes it.
    #[must_use]
    pub fn descriptor(&self) -> RawFd {
        self.read.as_raw_fd()
    }

    /// Makes it readable.
    pub fn ring(&self) {
        if !self.rung.swap(true, Ordering::SeqCst) {
            // Full is readable, and there is nobody to tell of anything else.
            let _ = rustix::io::write(self.write.as_ref().unwrap_or(&self.read), &1_u64.to_ne_bytes());
        }
    }

    /// Makes it quiet; to be called by the loop before it drains the queue.
    pub fn clear(&self) {
        let mut bytes = [0_u8; 64];
        // An eventfd is empty after one read, a pipe has one ring at most.
        let _ = rustix::io::read(&self.read, &mut bytes);
        self.rung.store(false, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    use super::*;

    fn is_readable(wakeup: &Wakeup) -> bool {
        let mut fds = [PollFd::new(&wakeup.read, PollFlags::IN)];
        poll(&mut fds, Some(&Timespec::default())).unwrap() == 1
    }

    #[test]
    fn it_is_readable_from_the_first_ring_until_it_is_cleared() {
        let wakeup = Wakeup::new().unwrap();
        assert!(!is_readable(&wakeup));
        wakeup.ring();
        wakeup.ring();
        assert!(is_readable(&wakeup));
        wakeup.clear();
        assert!(!is_readable(&wakeup));
        wakeup.ring();
        assert!(is_readable(&wakeup));
    }
}
