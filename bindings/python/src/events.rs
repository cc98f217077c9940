//! What happens to a client without a call that would tell of it, told to callbacks when the application polls.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use ottla::{Client, ClientEvent, Error, ErrorCode, Observer, OffsetAndMetadata, TopicPartition};
use ottla_bindings::statistics::{Reading, Statistics};
use ottla_bindings::{Queue, error_code};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::commits::Offsets;
use crate::held::Held;
use crate::{errors, partitions};

/// What was to be committed, with the coordinator's answers.
type Answers = BTreeMap<TopicPartition, (OffsetAndMetadata, Option<ErrorCode>)>;

/// Callbacks of a client, each None or callable.
#[derive(Default)]
pub(crate) struct Callbacks {
    error: Held,
    stats: Held,
    throttle: Held,
    logger: Held,
    commit: Held,
}

impl Callbacks {
    /// Out of a dictionary, by the names of the configuration.
    pub(crate) fn new(callbacks: &Bound<'_, PyDict>) -> PyResult<Self> {
        let get = |name: &str| Ok::<_, PyErr>(Held::new(callbacks.get_item(name)?.map(Bound::unbind)));
        Ok(Self {
            error: get("error_cb")?,
            stats: get("stats_cb")?,
            throttle: get("throttle_cb")?,
            logger: get("logger")?,
            commit: get("on_commit")?,
        })
    }

    /// Shows the callbacks to the collector of garbage.
    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.all().into_iter().try_for_each(|callback| callback.traverse(visit))
    }

    /// Lets go of the callbacks, for the collector of garbage.
    pub(crate) fn clear(&self, py: Python<'_>) {
        self.all().into_iter().for_each(|callback| callback.clear(py));
    }

    fn all(&self) -> [&Held; 5] {
        [&self.error, &self.stats, &self.throttle, &self.logger, &self.commit]
    }

    fn log(&self, py: Python<'_>, level: &str, text: String) -> PyResult<()> {
        let logger = match self.logger.get(py) {
            Some(logger) => logger,
            None => py.import("logging")?.call_method1("getLogger", ("ottla",))?,
        };
        logger.call_method1(level, ("%s", text)).map(drop)
    }

    /// Tells of an error that concerns no single record.
    pub(crate) fn tell(&self, py: Python<'_>, error: &Error) -> PyResult<()> {
        let callback = self.error.get(py);
        if callback.is_none() || !self.logger.is_none(py) {
            self.log(py, "warning", error.to_string())?;
        }
        let Some(callback) = callback else { return Ok(()) };
        callback.call1((errors::kafka_error(py, error)?,)).map(drop)
    }

    /// Whether it is to be told what became of commits.
    pub(crate) fn hears_of_commits(&self, py: Python<'_>) -> bool {
        !self.commit.is_none(py)
    }

    /// Tells what became of a commit.
    pub(crate) fn committed(&self, py: Python<'_>, offsets: &Offsets, outcome: Result<(), Error>) -> PyResult<()> {
        let Some(callback) = self.commit.get(py) else { return Ok(()) };
        let error = outcome.err().map(|error| errors::kafka_error(py, &error)).transpose()?;
        callback.call1((error, partitions::of_commit(py, offsets)?)).map(drop)
    }

    /// The same of an automatic one, of which the coordinator's answer for each partition is known.
    fn committed_automatically(&self, py: Python<'_>, offsets: Answers, outcome: &Result<(), Error>) -> PyResult<()> {
        let Some(callback) = self.commit.get(py) else { return Ok(()) };
        let error = outcome.as_ref().err().map(|error| errors::kafka_error(py, error)).transpose()?;
        let told = PyList::empty(py);
        for (key, (offset, answer)) in offsets {
            let one = partitions::committed(py, &key, Some(&offset))?;
            match answer {
                Some(code) if code.code() != 0 => {
                    one.setattr("error", errors::of_code(py, code.code(), &error_code::text(code.code()))?)?;
                }
                Some(_) => {}
                None => one.setattr("error", &error)?,
            }
            told.append(one)?;
        }
        callback.call1((error, told)).map(drop)
    }

    /// Tells of an event; `statistics` reads them when it is time.
    pub(crate) fn serve(
        &self,
        py: Python<'_>,
        event: ClientEvent,
        client: Option<&Client>,
        statistics: impl FnOnce() -> String,
    ) -> PyResult<()> {
        match event {
            ClientEvent::BrokerDown(error) | ClientEvent::AllBrokersDown(error) | ClientEvent::ProducerEnded(error) => {
                self.tell(py, &error)
            }
            ClientEvent::BrokerUp { broker, address } => self.log(py, "info", format!("broker {broker} at {address} is up")),
            ClientEvent::BrokersUp => self.log(py, "info", "brokers answer again".to_owned()),
            ClientEvent::Throttled { broker, time } => {
                let Some(callback) = self.throttle.get(py) else { return Ok(()) };
                let class = py.import("ottla._model")?.getattr("ThrottleEvent")?;
                callback.call1((class.call1((address(client, broker), broker, time.as_secs_f64()))?,)).map(drop)
            }
            ClientEvent::AutomaticCommit { offsets, result, .. } => self.committed_automatically(py, offsets, &result),
            ClientEvent::StatisticsDue => {
                let Some(callback) = self.stats.get(py) else { return Ok(()) };
                callback.call1((statistics(),)).map(drop)
            }
            _ => Ok(()),
        }
    }
}

/// `HOST:PORT` of a broker, which is its name to librdkafka's users.
fn address(client: Option<&Client>, broker: i32) -> String {
    let known = client.map(Client::brokers).unwrap_or_default();
    known.iter().find(|one| one.id == broker).map_or_else(String::new, |one| format!("{}:{}", one.host, one.port))
}

/// An observer that puts events into a queue, made into the queue's own kind; automatic commits only if somebody hears of them.
pub(crate) fn observer<E: Send + 'static>(queue: &Queue<E>, make: fn(ClientEvent) -> E, hears_of_commits: bool) -> Observer {
    let queue = queue.clone();
    Arc::new(move |event| {
        if hears_of_commits || !matches!(event, ClientEvent::AutomaticCommit { .. }) {
            queue.push(make(event));
        }
    })
}

/// Statistics of a client, which gets a name of its own in the process.
pub(crate) fn statistics(client_id: &str, kind: &'static str) -> Statistics {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let name = format!("{client_id}#{kind}-{}", NEXT.fetch_add(1, Ordering::Relaxed));
    Statistics::new(&name, client_id, kind)
}

/// What a client counts, for a start.
pub(crate) fn reading(client: &ottla::Client, waiting: usize) -> Reading {
    Reading { client: client.metrics(), waiting, ..Reading::default() }
}
