//! `TopicPartition` objects, which are Python's own, and what they say.

use ottla::{OffsetAndMetadata, StartAt, TopicPartition};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyList, PyType};

use crate::commits::Offsets;
use crate::message::NO_OFFSET;

static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();

pub(crate) const OFFSET_BEGINNING: i64 = -2;
pub(crate) const OFFSET_END: i64 = -1;
pub(crate) const OFFSET_STORED: i64 = -1000;

/// What a caller said of a partition.
pub(crate) struct Asked {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) metadata: Option<String>,
    pub(crate) leader_epoch: Option<i32>,
}

impl Asked {
    pub(crate) fn key(&self) -> TopicPartition {
        TopicPartition::new(self.topic.as_str(), self.partition)
    }

    /// Where to start; `None`: where the group stands, or else `auto.offset.reset` says.
    pub(crate) fn start(&self) -> Option<StartAt> {
        match self.offset {
            OFFSET_BEGINNING => Some(StartAt::Beginning),
            OFFSET_END => Some(StartAt::End),
            offset @ 0.. => Some(StartAt::Offset(offset)),
            _ => None,
        }
    }

    pub(crate) fn to_commit(&self) -> (TopicPartition, OffsetAndMetadata) {
        let mut offset = OffsetAndMetadata::new(self.offset);
        offset.leader_epoch = self.leader_epoch.unwrap_or(-1);
        if let Some(metadata) = &self.metadata {
            offset.metadata = metadata.as_str().into();
        }
        (self.key(), offset)
    }
}

fn class(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    CLASS.import(py, "ottla._model", "TopicPartition")
}

/// Reads a list of `TopicPartition`.
pub(crate) fn asked(partitions: &Bound<'_, PyAny>) -> PyResult<Vec<Asked>> {
    let each = partitions.try_iter().map_err(|_| PyTypeError::new_err("requires list of TopicPartition"))?;
    each.map(|partition| one(&partition?)).collect()
}

/// Reads a `TopicPartition`.
pub(crate) fn one(partition: &Bound<'_, PyAny>) -> PyResult<Asked> {
    if !partition.is_instance(class(partition.py())?)? {
        return Err(PyTypeError::new_err("expected TopicPartition"));
    }
    let offset: i64 = partition.getattr("offset")?.extract()?;
    if offset < 0 && ![OFFSET_BEGINNING, OFFSET_END, OFFSET_STORED, NO_OFFSET].contains(&offset) {
        return Err(PyValueError::new_err(format!("offset {offset} has no meaning")));
    }
    Ok(Asked {
        topic: partition.getattr("topic")?.extract()?,
        partition: partition.getattr("partition")?.extract()?,
        offset,
        metadata: partition.getattr("metadata")?.extract()?,
        leader_epoch: partition.getattr("leader_epoch")?.extract()?,
    })
}

/// Makes a `TopicPartition`.
pub(crate) fn make<'py>(py: Python<'py>, key: &TopicPartition, offset: i64) -> PyResult<Bound<'py, PyAny>> {
    class(py)?.call1((&*key.topic, key.partition, offset))
}

/// Makes one with all that a commit keeps.
pub(crate) fn committed<'py>(
    py: Python<'py>,
    key: &TopicPartition,
    offset: Option<&OffsetAndMetadata>,
) -> PyResult<Bound<'py, PyAny>> {
    let class = class(py)?;
    match offset {
        None => class.call1((&*key.topic, key.partition, NO_OFFSET)),
        Some(offset) => {
            let metadata = (!offset.metadata.is_empty()).then(|| offset.metadata.to_string());
            let epoch = (offset.leader_epoch >= 0).then_some(offset.leader_epoch);
            class.call1((&*key.topic, key.partition, offset.offset, metadata, epoch))
        }
    }
}

/// Makes a list of what is committed.
pub(crate) fn of_commit<'py>(py: Python<'py>, offsets: &Offsets) -> PyResult<Bound<'py, PyList>> {
    let made: Vec<_> = offsets.iter().map(|(key, offset)| committed(py, key, Some(offset))).collect::<PyResult<_>>()?;
    PyList::new(py, made)
}

/// Makes a list of them, without offsets.
pub(crate) fn list<'py>(py: Python<'py>, keys: &[TopicPartition]) -> PyResult<Bound<'py, PyList>> {
    let made: Vec<_> = keys.iter().map(|key| make(py, key, NO_OFFSET)).collect::<PyResult<_>>()?;
    PyList::new(py, made)
}
