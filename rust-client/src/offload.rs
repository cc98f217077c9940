//! Where work that takes long runs, unless the client was given another place.

use ottla_core::offload::Offload;
use tokio::runtime::Handle;

/// The runtime's pool of blocking threads.
pub(crate) struct BlockingPool(pub(crate) Handle);

impl Offload for BlockingPool {
    fn run(&self, job: Box<dyn FnOnce() + Send>) {
        self.0.spawn_blocking(job);
    }
}
