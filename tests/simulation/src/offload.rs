//! Work that takes long, deferred on the one thread as the seed says, so that races of sealing and decoding show.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ottla::{Offload, Rng};

use crate::network::Network;
use crate::random::{Draw, stream};

pub(crate) struct Deferred {
    rng: Mutex<Rng>,
    max_ms: i64,
    network: Arc<Network>,
}

impl Deferred {
    pub(crate) fn new(seed: u64, client: usize, max_ms: i64, network: Arc<Network>) -> Self {
        Self { rng: Mutex::new(stream(seed, &format!("offload {client}"))), max_ms, network }
    }
}

impl Offload for Deferred {
    fn run(&self, job: Box<dyn FnOnce() + Send>) {
        let delay = self.rng.lock().unwrap_or_else(PoisonError::into_inner).between(0, self.max_ms);
        self.network.count("offload deferred", usize::from(delay > 0));
        tokio::spawn(async move {
            if delay > 0 {
                tokio::time::sleep(Duration::from_millis(delay.unsigned_abs())).await;
            }
            job();
        });
    }
}
