//! Topics and the cluster.

use std::future::Future;

use ottla::{Client, Error, NewTopic};
use ottla_bindings::fork::Kept;
use ottla_core::config::Face;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::errors;
use crate::gil::{block_on, limit};
use crate::service;

/// The native part of `ottla.admin.AdminClient`.
#[pyclass(frozen, module = "ottla._ottla", name = "Admin")]
pub(crate) struct Admin {
    client: Kept<Client>,
}

impl Admin {
    pub(crate) fn of(client: &Client) -> Self {
        Self { client: Kept::new(client.clone()) }
    }

    fn admin(&self, py: Python<'_>) -> PyResult<ottla::Admin> {
        Ok(self.client.get().map_err(|error| errors::raise(py, &error))?.admin())
    }

    fn wait<T: Send>(py: Python<'_>, call: impl Future<Output = Result<T, Error>> + Send, seconds: Option<f64>) -> PyResult<T> {
        match block_on(py, call, limit(seconds))? {
            Some(answer) => answer.map_err(|error| errors::raise(py, &error)),
            None => Err(errors::timed_out(py, "no broker answered in the time that the call gave")),
        }
    }
}

#[pymethods]
impl Admin {
    #[new]
    fn new(py: Python<'_>, properties: Vec<(String, String)>) -> PyResult<Self> {
        let config = crate::producer::config(py, Face::Librdkafka, &properties)?;
        let client = py.detach(|| Client::builder().config(config).build()).map_err(|error| errors::raise(py, &error))?;
        Ok(Self { client: Kept::new(client) })
    }

    /// Makes a topic; `done` is called with what became of it, on the thread that calls back. The call's number.
    #[expect(clippy::too_many_arguments, reason = "what describes a topic")]
    #[pyo3(signature = (done, name, partitions, replication_factor, configs, timeout = None))]
    fn create_topic(
        &self,
        py: Python<'_>,
        done: Py<PyAny>,
        name: String,
        partitions: i32,
        replication_factor: i16,
        configs: Vec<(String, String)>,
        timeout: Option<f64>,
    ) -> PyResult<u64> {
        let admin = self.admin(py)?;
        let mut topic = NewTopic::new(name).partitions(partitions).replication_factor(replication_factor);
        for (name, value) in configs {
            topic = topic.config(name, value);
        }
        service::run(py, async move { admin.create_topic(topic).await.map(drop) }, timeout, done)
    }

    /// Deletes a topic, in the same way.
    #[pyo3(signature = (done, name, timeout = None))]
    fn delete_topic(&self, py: Python<'_>, done: Py<PyAny>, name: String, timeout: Option<f64>) -> PyResult<u64> {
        let admin = self.admin(py)?;
        service::run(py, async move { admin.delete_topic(&name).await }, timeout, done)
    }

    #[pyo3(signature = (timeout = None))]
    fn list_topics(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<Vec<String>> {
        let admin = self.admin(py)?;
        Self::wait(py, admin.list_topics(), timeout)
    }

    /// (name, id, is_internal, [(partition, leader, leader_epoch, replicas, isr)])
    #[pyo3(signature = (name, timeout = None))]
    fn describe_topic<'py>(&self, py: Python<'py>, name: &str, timeout: Option<f64>) -> PyResult<Bound<'py, PyDict>> {
        let admin = self.admin(py)?;
        let topic = Self::wait(py, admin.describe_topic(name), timeout)?;
        let partitions = PyList::empty(py);
        for partition in topic.partitions {
            let leader = partition.leader.unwrap_or(-1);
            partitions.append((partition.partition, leader, partition.leader_epoch, partition.replicas, partition.isr))?;
        }
        let described = PyDict::new(py);
        described.set_item("name", topic.name)?;
        described.set_item("id", topic.id.to_string())?;
        described.set_item("is_internal", topic.is_internal)?;
        described.set_item("partitions", partitions)?;
        Ok(described)
    }

    /// (cluster id, controller, [(id, host, port, rack)])
    #[pyo3(signature = (timeout = None))]
    fn describe_cluster<'py>(&self, py: Python<'py>, timeout: Option<f64>) -> PyResult<(String, i32, Bound<'py, PyList>)> {
        let admin = self.admin(py)?;
        let cluster = Self::wait(py, admin.describe_cluster(), timeout)?;
        let brokers = PyList::empty(py);
        for broker in cluster.brokers {
            let rack = broker.rack.as_ref().map(ToString::to_string);
            brokers.append((broker.id, broker.host.to_string(), broker.port, rack))?;
        }
        Ok((cluster.cluster_id, cluster.controller, brokers))
    }
}
