//! A consumer with more choices.

use std::sync::Arc;

use ottla_core::error::Error;
use ottla_core::group::assignor::PartitionAssignor;

use super::RebalanceListener;
use crate::client::ClientInner;
use crate::consumer::Consumer;
use crate::overrides::Overrides;

/// How a consumer is made when the client's configuration alone is not enough.
pub struct ConsumerBuilder {
    client: Arc<ClientInner>,
    overrides: Overrides,
    assignors: Vec<Arc<dyn PartitionAssignor>>,
    listener: Option<Arc<dyn RebalanceListener>>,
}

impl ConsumerBuilder {
    pub(crate) fn new(client: Arc<ClientInner>) -> Self {
        let overrides = Overrides::of(&client.config);
        Self { client, overrides, assignors: Vec::new(), listener: None }
    }

    /// Sets a property for this consumer only. What is wrong with it, [`ConsumerBuilder::build`] says.
    #[must_use]
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.overrides.set(name, value);
        self
    }

    /// The consumer group (`group.id`).
    #[must_use]
    pub fn group(self, id: &str) -> Self {
        self.set("group.id", id)
    }

    /// An assignor of the application's own, for `partition.assignment.strategy` to name. It runs on the thread that asks for
    /// records.
    #[must_use]
    pub fn assignor(mut self, assignor: Arc<dyn PartitionAssignor>) -> Self {
        self.assignors.push(assignor);
        self
    }

    /// Who is asked when partitions come and go.
    #[must_use]
    pub fn listener(mut self, listener: impl RebalanceListener + 'static) -> Self {
        self.listener = Some(Arc::new(listener));
        self
    }

    /// The consumer. Nothing is asked yet.
    ///
    /// # Errors
    /// If a property was not known or not allowed, or if they contradict each other.
    pub fn build(self) -> Result<Consumer, Error> {
        Consumer::with_config(self.client, &self.overrides.finish()?, self.assignors, self.listener)
    }
}
