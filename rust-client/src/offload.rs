//! Where work that takes long runs, unless the client was given another place.

use ottla_core::offload::Offload;
use tokio::runtime::Handle;

/// What calls the work it is given: see [`ClientBuilder::around_work`](crate::ClientBuilder::around_work).
pub(crate) type AroundWork = fn(&mut dyn FnMut());

/// The runtime's pool of blocking threads.
pub(crate) struct BlockingPool {
    pub(crate) handle: Handle,
    pub(crate) around_work: Option<AroundWork>,
}

impl Offload for BlockingPool {
    fn run(&self, job: Box<dyn FnOnce() + Send>) {
        self.handle.spawn_blocking(job);
    }

    fn run_here(&self, work: &mut dyn FnMut()) {
        match self.around_work {
            Some(around) => around(work),
            None => work(),
        }
    }
}
