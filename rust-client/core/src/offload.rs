//! The one seam through which work that takes long leaves the IO thread: compressing and inflating.

/// From how many compressed bytes, or bytes to compress, work is given away; smaller work costs less than the way there and back.
pub const OFFLOAD_FROM: usize = 32 * 1024;

/// From how many bytes on compressing takes longer than it takes a host to let go of its lock.
pub const LET_GO_FROM: usize = 1024;

/// Runs work that takes long beside the IO thread. A job may be dropped unrun, when its runtime ends: it then reports that by
/// itself, so that a batch to be sent ends with an error and a partition is fetched again.
pub trait Offload: Send + Sync {
    /// Runs `job` somewhere, soon.
    fn run(&self, job: Box<dyn FnOnce() + Send>);

    /// Runs `work`, which may take longer than some ten microseconds, on this thread, which may be the application's: it
    /// compresses what it filled. A host whose threads hold a lock of its own lets go of that meanwhile.
    fn run_here(&self, work: &mut dyn FnMut()) {
        work();
    }
}
