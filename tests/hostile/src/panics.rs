//! Panics on any thread of the process: one in a task of the broker's or the client's ends that task and is not seen otherwise.

use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};

static COUNT: AtomicUsize = AtomicUsize::new(0);

/// Counts panics from now on; they are printed as before.
pub fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let printed = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            COUNT.fetch_add(1, Ordering::SeqCst);
            printed(panic);
        }));
    });
}

/// How many there were.
#[must_use]
pub fn count() -> usize {
    COUNT.load(Ordering::SeqCst)
}
