//! The broker for tests.

use std::collections::BTreeMap;

use ottla::Error;
use ottla_bindings::TestBroker;
use pyo3::prelude::*;

use crate::errors;

/// A broker in this process: see `ottla.testing.Broker`, which is built on it.
#[pyclass(frozen, subclass, module = "ottla._ottla", name = "Broker")]
pub(crate) struct Broker {
    broker: TestBroker,
}

fn done<T: Send>(py: Python<'_>, act: impl FnOnce() -> Result<T, Error> + Send) -> PyResult<T> {
    py.detach(act).map_err(|error| errors::raise(py, &error))
}

fn borrowed(words: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
    words.iter().map(|(name, value)| (name.as_str(), value.as_str()))
}

#[pymethods]
impl Broker {
    #[new]
    fn new(py: Python<'_>, options: Vec<(String, String)>) -> PyResult<Self> {
        Ok(Self { broker: done(py, || TestBroker::start(borrowed(&options)))? })
    }

    /// HOST:PORT of each broker, joined by commas.
    #[getter]
    fn bootstrap_servers(&self) -> &str {
        self.broker.bootstrap_servers()
    }

    /// Ends it, all brokers of it. What it held is gone.
    fn stop(&self, py: Python<'_>) {
        py.detach(|| self.broker.stop());
    }

    /// Stops one broker, as if it had been killed.
    fn stop_broker(&self, py: Python<'_>, id: i32) -> PyResult<()> {
        done(py, || self.broker.stop_broker(id))
    }

    /// Starts a broker again that was stopped, on its old port.
    fn restart_broker(&self, py: Python<'_>, id: i32) -> PyResult<()> {
        done(py, || self.broker.restart_broker(id))
    }

    /// Moves a partition's leader.
    fn move_leader(&self, py: Python<'_>, topic: &str, partition: i32, broker: i32) -> PyResult<()> {
        done(py, || self.broker.move_leader(topic, partition, broker))
    }

    /// Creates a topic.
    #[pyo3(signature = (name, partitions = 1))]
    fn create_topic(&self, py: Python<'_>, name: &str, partitions: i32) -> PyResult<()> {
        done(py, || self.broker.create_topic(name, partitions))
    }

    /// Adds a fault, in words.
    fn _add_fault(&self, py: Python<'_>, words: BTreeMap<String, String>) -> PyResult<u64> {
        let words: Vec<_> = words.into_iter().collect();
        done(py, || self.broker.add_fault(borrowed(&words)))
    }

    /// How often a fault struck.
    fn fault_hits(&self, py: Python<'_>, id: u64) -> PyResult<u64> {
        done(py, || self.broker.fault_hits(id))
    }

    /// Removes a fault; whether there was one.
    fn remove_fault(&self, py: Python<'_>, id: u64) -> PyResult<bool> {
        done(py, || self.broker.remove_fault(id))
    }

    /// Removes all faults.
    fn clear_faults(&self, py: Python<'_>) -> PyResult<()> {
        done(py, || self.broker.clear_faults())
    }

    /// How many requests of an API the journal has seen.
    fn requests(&self, py: Python<'_>, api: &str) -> PyResult<usize> {
        done(py, || self.broker.requests(api))
    }
}
