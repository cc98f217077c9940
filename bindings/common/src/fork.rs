//! What becomes of a client in a process that forks: the child has its memory and not its IO thread.

use ottla::{Error, ErrorKind};

/// Has the process count its forks. To be called before the first client; once is enough, and more does no harm.
#[cfg(unix)]
pub fn watch() {
    use std::sync::Once;

    extern "C" fn in_child() {
        ottla::after_fork_in_child();
    }

    static WATCHED: Once = Once::new();
    WATCHED.call_once(|| {
        // SAFETY: the handler is a plain function that lives as long as the program, and does one atomic addition, which is all
        // that a child of a program with threads may do.
        #[expect(unsafe_code, reason = "there is no safe way to hear of a fork")]
        let failed = unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
        // Only for lack of memory; a client that goes through a fork is then not found out.
        debug_assert_eq!(failed, 0, "pthread_atfork");
    });
}

/// Has the process count its forks: there are none on this system.
#[cfg(not(unix))]
pub fn watch() {}

/// Something that belongs to the process it was made in. In a child of that process it can't be used, and is never dropped: what
/// the lost IO thread had locked stays locked.
pub struct Kept<T> {
    value: Option<T>,
    forks: u32,
}

impl<T> Kept<T> {
    /// Keeps a value of this process.
    pub fn new(value: T) -> Self {
        watch();
        Self { value: Some(value), forks: ottla::forks() }
    }

    /// The value.
    ///
    /// # Errors
    /// [`ErrorKind::State`] in another process than the one it was made in.
    #[inline]
    pub fn get(&self) -> Result<&T, Error> {
        match &self.value {
            Some(value) if self.forks == ottla::forks() => Ok(value),
            _ => Err(forked()),
        }
    }

    /// Whether this is another process than the one it was made in.
    #[must_use]
    pub fn is_forked(&self) -> bool {
        self.forks != ottla::forks()
    }

    /// Takes the value out, unless this is another process.
    #[must_use]
    pub fn into_inner(mut self) -> Option<T> {
        if self.is_forked() {
            return None;
        }
        self.value.take()
    }
}

impl<T> Drop for Kept<T> {
    fn drop(&mut self) {
        if self.is_forked() {
            std::mem::forget(self.value.take());
        }
    }
}

#[cold]
fn forked() -> Error {
    let what = "this client was made before the process forked, and can't be used in the child: make a new one there";
    Error::new(ErrorKind::State, what)
}
