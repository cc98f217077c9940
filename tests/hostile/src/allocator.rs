//! An allocator that counts: for the thread that asks, so that tests and workers side by side don't count each other's bytes, and
//! for the process, where the work is done on threads of the broker's or the client's own.

#![allow(
    unsafe_code,
    reason = "GlobalAlloc is an unsafe trait, and there is no other way to see each allocation; what it is \
          asked goes to the system's allocator as it came, so its contract is passed on unchanged"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicIsize, AtomicUsize, Ordering::Relaxed};

/// The system's allocator with counters.
#[derive(Debug)]
pub struct Counting;

/// What was allocated since counting began.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// The bytes held now, above those held at the beginning.
    pub current: isize,
    /// The most bytes held at once, above those held at the beginning. A block that grows counts twice while it is moved.
    pub peak: isize,
    /// The largest block.
    pub largest: usize,
    /// How many blocks were allocated or grown.
    pub allocations: usize,
}

thread_local! {
    // No destructor and nothing to set up lazily: this may be touched by the last allocation of a thread.
    static THREAD: Cell<Usage> = const { Cell::new(Usage { current: 0, peak: 0, largest: 0, allocations: 0 }) };
}

static CURRENT: AtomicIsize = AtomicIsize::new(0);
static PEAK: AtomicIsize = AtomicIsize::new(0);
static LARGEST: AtomicUsize = AtomicUsize::new(0);

fn taken(size: usize) {
    let bytes = size as isize;
    // Not there any more: the thread is at its end.
    let _ = THREAD.try_with(|cell| {
        let mut usage = cell.get();
        usage.current += bytes;
        usage.peak = usage.peak.max(usage.current);
        usage.largest = usage.largest.max(size);
        usage.allocations += 1;
        cell.set(usage);
    });
    let current = CURRENT.fetch_add(bytes, Relaxed) + bytes;
    PEAK.fetch_max(current, Relaxed);
    LARGEST.fetch_max(size, Relaxed);
}

fn given_back(size: usize) {
    let _ = THREAD.try_with(|cell| {
        let mut usage = cell.get();
        usage.current -= size as isize;
        cell.set(usage);
    });
    CURRENT.fetch_sub(size as isize, Relaxed);
}

// SAFETY: each method hands its arguments to the system's allocator and returns what that one returns; the counters neither
// allocate nor unwind.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        taken(layout.size());
        // SAFETY: the caller's promise about the layout is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        taken(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        given_back(layout.size());
        // SAFETY: as above, and the block came from the system's allocator.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        taken(size);
        // SAFETY: as above.
        let moved = unsafe { System.realloc(block, layout, size) };
        given_back(layout.size());
        moved
    }
}

/// Runs `work` and says what this thread allocated for it.
pub fn measured<T>(work: impl FnOnce() -> T) -> (T, Usage) {
    let before = THREAD.get();
    THREAD.set(Usage { current: 0, peak: 0, largest: 0, allocations: 0 });
    let result = work();
    let usage = THREAD.get();
    // What was going on before goes on with what was added.
    THREAD.set(Usage {
        current: before.current + usage.current,
        peak: before.peak.max(before.current + usage.peak),
        largest: before.largest.max(usage.largest),
        allocations: before.allocations + usage.allocations,
    });
    (result, usage)
}

/// The whole process, from now on. There is one for a test binary: a second one would reset the first one's peak.
#[derive(Debug)]
pub struct Process {
    start: isize,
}

impl Process {
    /// Starts counting.
    #[must_use]
    pub fn watch() -> Self {
        let start = CURRENT.load(Relaxed);
        PEAK.store(start, Relaxed);
        LARGEST.store(0, Relaxed);
        Self { start }
    }

    /// The most bytes held at once, above those held at the beginning.
    #[must_use]
    pub fn peak(&self) -> isize {
        PEAK.load(Relaxed) - self.start
    }

    /// The bytes held now, above those held at the beginning.
    #[must_use]
    pub fn current(&self) -> isize {
        CURRENT.load(Relaxed) - self.start
    }

    /// The largest block since this was asked last, so that it can be told who caused it.
    #[must_use]
    pub fn take_largest(&self) -> usize {
        LARGEST.swap(0, Relaxed)
    }

    /// The largest block since the beginning, or since [`Process::take_largest`].
    #[must_use]
    pub fn largest(&self) -> usize {
        LARGEST.load(Relaxed)
    }
}

/// Asserts that a decoder took no more memory than it may, and says how much of that it took.
///
/// # Panics
/// If it took more.
#[must_use]
pub fn held_against(usage: Usage, len: usize, allowed: usize) -> f64 {
    assert!(usage.peak <= allowed as isize, "{len} bytes took {usage:?}, {allowed} are allowed");
    usage.peak as f64 / allowed as f64
}
