//! The consumer's calls that are not hot: positions, commits, assignment. `ottla.Consumer` makes methods of them.

use std::collections::BTreeMap;
use std::future::Future;

use ottla::{Error, ErrorKind, OffsetAndMetadata, QuestionKind, StartAt, TopicPartition};
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::consumer::{Consumer, state_error};
use crate::errors;
use crate::gil::{block_on, limit};
use crate::message::{NO_OFFSET, fields_of};
use crate::partitions::{self, Asked};

fn raised<T>(py: Python<'_>, result: Result<T, Error>) -> PyResult<T> {
    result.map_err(|error| errors::raise(py, &error))
}

fn waited<T: Send>(
    py: Python<'_>,
    call: impl Future<Output = Result<T, Error>> + Send,
    seconds: Option<f64>,
    late: &'static str,
) -> PyResult<T> {
    match block_on(py, call, limit(seconds))? {
        Some(answer) => raised(py, answer),
        None => Err(errors::timed_out(py, late)),
    }
}

fn is_in_group(consumer: &ottla::Consumer) -> bool {
    consumer.group_state().is_some()
}

/// Where to start: what the caller said, or where the group stands, or where `auto.offset.reset` says.
pub(crate) async fn starts_of(consumer: &ottla::Consumer, asked: Vec<Asked>) -> Result<Vec<(String, i32, StartAt)>, Error> {
    let unsaid: Vec<_> = asked.iter().filter(|one| one.start().is_none()).map(|one| (one.topic.clone(), one.partition)).collect();
    let committed =
        if unsaid.is_empty() || !is_in_group(consumer) { BTreeMap::new() } else { consumer.committed(unsaid).await? };
    let start = |one: Asked| {
        let at = one.start().unwrap_or_else(|| match committed.get(&one.key()) {
            Some(Some(offset)) => StartAt::Offset(offset.offset),
            _ => StartAt::Default,
        });
        (one.topic, one.partition, at)
    };
    Ok(asked.into_iter().map(start).collect())
}

fn starts(py: Python<'_>, consumer: &ottla::Consumer, asked: Vec<Asked>) -> PyResult<Vec<(String, i32, StartAt)>> {
    waited(py, starts_of(consumer, asked), None, "the group's offsets did not come in time")
}

/// From within `on_assign` the group has assigned already, and `assign` says where to begin.
fn seek_assigned(py: Python<'_>, consumer: &ottla::Consumer, asked: &[Asked]) -> PyResult<()> {
    for one in asked {
        if let Some(at) = one.start() {
            raised(py, consumer.seek(&one.topic, one.partition, at))?;
        }
    }
    Ok(())
}

/// Assigns partitions by hand.
#[pyfunction]
pub(crate) fn consumer_assign(py: Python<'_>, consumer: &Consumer, partitions: &Bound<'_, PyAny>) -> PyResult<()> {
    let asked = partitions::asked(partitions)?;
    let (inner, native) = consumer.open(py)?;
    match inner.rebalances.asked() {
        Some(QuestionKind::Assigned) => return seek_assigned(py, native, &asked),
        // The group takes them when the callback has returned.
        Some(_) if asked.is_empty() => return Ok(()),
        Some(_) => return Err(state_error(py, "partitions can't be assigned while they are revoked")),
        None => {}
    }
    let starts = starts(py, native, asked)?;
    // Says what is wrong, which a call for records would say otherwise.
    raised(py, native.incremental_assign(Vec::<(&str, i32, StartAt)>::new()))?;
    native.assign(starts);
    Ok(())
}

/// Assigns some more partitions by hand.
#[pyfunction]
pub(crate) fn consumer_incremental_assign(py: Python<'_>, consumer: &Consumer, partitions: &Bound<'_, PyAny>) -> PyResult<()> {
    let asked = partitions::asked(partitions)?;
    let (inner, native) = consumer.open(py)?;
    if inner.rebalances.asked() == Some(QuestionKind::Assigned) {
        return seek_assigned(py, native, &asked);
    }
    let starts = starts(py, native, asked)?;
    raised(py, native.incremental_assign(starts))
}

/// Takes partitions from those that are assigned by hand.
#[pyfunction]
pub(crate) fn consumer_incremental_unassign(py: Python<'_>, consumer: &Consumer, partitions: &Bound<'_, PyAny>) -> PyResult<()> {
    let asked = partitions::asked(partitions)?;
    let (inner, native) = consumer.open(py)?;
    if inner.rebalances.asked().is_some() {
        return Ok(());
    }
    raised(py, native.incremental_unassign(asked.iter().map(|one| (&one.topic, one.partition))))
}

/// What is assigned.
#[pyfunction]
pub(crate) fn consumer_assignment<'py>(py: Python<'py>, consumer: &Consumer) -> PyResult<Bound<'py, PyList>> {
    partitions::list(py, &consumer.open(py)?.1.assignment())
}

/// What is assigned and paused.
#[pyfunction]
pub(crate) fn consumer_paused<'py>(py: Python<'py>, consumer: &Consumer) -> PyResult<Bound<'py, PyList>> {
    partitions::list(py, &consumer.open(py)?.1.paused())
}

/// Goes on elsewhere.
#[pyfunction]
pub(crate) fn consumer_seek(py: Python<'_>, consumer: &Consumer, partition: &Bound<'_, PyAny>) -> PyResult<()> {
    let asked = partitions::one(partition)?;
    let native = consumer.open(py)?.1;
    let at = asked.start().unwrap_or(StartAt::Default);
    raised(py, native.seek(&asked.topic, asked.partition, at))
}

/// Pauses (true) or resumes partitions.
#[pyfunction]
pub(crate) fn consumer_pause(py: Python<'_>, consumer: &Consumer, partitions: &Bound<'_, PyAny>, pause: bool) -> PyResult<()> {
    let native = consumer.open(py)?.1;
    for one in partitions::asked(partitions)? {
        raised(py, if pause { native.pause(&one.topic, one.partition) } else { native.resume(&one.topic, one.partition) })?;
    }
    Ok(())
}

/// The offsets of the next records: after what was handed out, unknown (-1001) before the first one.
#[pyfunction]
pub(crate) fn consumer_position<'py>(
    py: Python<'py>,
    consumer: &Consumer,
    partitions: &Bound<'_, PyAny>,
) -> PyResult<Bound<'py, PyList>> {
    let native = consumer.open(py)?.1;
    let made = partitions::asked(partitions)?
        .iter()
        .map(|one| partitions::make(py, &one.key(), native.position(&one.topic, one.partition).unwrap_or(NO_OFFSET)))
        .collect::<PyResult<Vec<_>>>()?;
    PyList::new(py, made)
}

/// What the group has committed.
#[pyfunction]
pub(crate) fn consumer_committed<'py>(
    py: Python<'py>,
    consumer: &Consumer,
    partitions: &Bound<'_, PyAny>,
    timeout: Option<f64>,
) -> PyResult<Bound<'py, PyList>> {
    let asked = partitions::asked(partitions)?;
    let native = consumer.open(py)?.1;
    let keys: Vec<_> = asked.iter().map(|one| (one.topic.clone(), one.partition)).collect();
    let found = waited(py, native.committed(keys), timeout, "the coordinator did not tell the committed offsets in time")?;
    let made = asked
        .iter()
        .map(|one| partitions::committed(py, &one.key(), found.get(&one.key()).and_then(Option::as_ref)))
        .collect::<PyResult<Vec<_>>>()?;
    PyList::new(py, made)
}

/// The offset behind a message.
fn behind(message: &Bound<'_, PyAny>) -> PyResult<(TopicPartition, OffsetAndMetadata)> {
    let py = message.py();
    let fields = fields_of(message)?;
    if !fields.error().is_null() || fields.topic().is_null() || fields.record.offset < 0 {
        return Err(errors::raise(
            py,
            &Error::new(ErrorKind::InvalidArgument, "a message that is an error has no offset to commit or store"),
        ));
    }
    // SAFETY: a reference that the message owns.
    let topic: String = unsafe { Bound::from_borrowed_ptr(py, fields.topic()) }.extract()?;
    let mut offset = OffsetAndMetadata::new(fields.record.offset.saturating_add(1));
    offset.leader_epoch = fields.leader_epoch();
    Ok((TopicPartition::new(topic, fields.partition()), offset))
}

pub(crate) fn said(
    message: Option<&Bound<'_, PyAny>>,
    offsets: Option<&Bound<'_, PyAny>>,
) -> PyResult<Option<Vec<(TopicPartition, OffsetAndMetadata)>>> {
    match (message, offsets) {
        (Some(_), Some(_)) => Err(pyo3::exceptions::PyValueError::new_err("message and offsets are mutually exclusive")),
        (Some(message), None) => Ok(Some(vec![behind(message)?])),
        (None, Some(offsets)) => Ok(Some(partitions::asked(offsets)?.iter().map(Asked::to_commit).collect())),
        (None, None) => Ok(None),
    }
}

/// Commits the offset behind a message, these offsets, or what was consumed (or stored). Answers with what was committed, or None
/// where it goes on in the background.
#[pyfunction]
pub(crate) fn consumer_commit<'py>(
    py: Python<'py>,
    consumer: &Consumer,
    message: Option<&Bound<'_, PyAny>>,
    offsets: Option<&Bound<'_, PyAny>>,
    asynchronous: bool,
) -> PyResult<Option<Bound<'py, PyList>>> {
    let (inner, native) = consumer.open(py)?;
    let said = said(message, offsets)?;
    let commit: Vec<_> = match said {
        // A position that is not known yet is nothing to commit.
        Some(said) => said.into_iter().filter(|(_, offset)| offset.offset >= 0).collect(),
        None => raised(py, native.to_commit())?.into_iter().collect(),
    };
    if commit.is_empty() && asynchronous {
        return Ok(None);
    }
    if commit.is_empty() {
        let error = errors::of_code(py, -168, "Local: No offset stored")?;
        return Err(errors::exception(py, &error));
    }
    if asynchronous {
        // Goes on whether it is waited for or not.
        let committing = raised(py, native.commit_offsets_async(commit.clone()))?;
        inner.tell_of_commit(py, commit, committing);
        return Ok(None);
    }
    let Some(outcome) = block_on(py, native.commit_offsets(commit.clone()), None)? else {
        return Err(errors::timed_out(py, "the commit was not answered in time"));
    };
    inner.tell_of_committed(py, commit.clone(), outcome.clone());
    raised(py, outcome)?;
    Ok(Some(partitions::of_commit(py, &commit)?))
}

/// Stores offsets for the next commit.
#[pyfunction]
pub(crate) fn consumer_store_offsets(
    py: Python<'_>,
    consumer: &Consumer,
    message: Option<&Bound<'_, PyAny>>,
    offsets: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    let native = consumer.open(py)?.1;
    let Some(said) = said(message, offsets)? else {
        return Err(pyo3::exceptions::PyValueError::new_err("expected either message or offsets"));
    };
    for (key, offset) in said {
        raised(py, native.store_offset(key, offset))?;
    }
    Ok(())
}

/// A partition's first offset and its end; as the last fetch told, if `cached` (-1001 where it did not).
#[pyfunction]
pub(crate) fn consumer_watermarks(
    py: Python<'_>,
    consumer: &Consumer,
    partition: &Bound<'_, PyAny>,
    timeout: Option<f64>,
    cached: bool,
) -> PyResult<(i64, i64)> {
    let asked = partitions::one(partition)?;
    let native = consumer.open(py)?.1;
    if cached {
        let known = native.cached_watermarks(&asked.topic, asked.partition).unwrap_or_default();
        return Ok((known.log_start_offset.unwrap_or(NO_OFFSET), known.high_watermark.unwrap_or(NO_OFFSET)));
    }
    waited(py, native.watermarks(&asked.topic, asked.partition), timeout, "the partition's leader did not answer in time")
}

/// The first offsets at or after the times that stand for offsets in these partitions; -1 (the end) where there is none.
#[pyfunction]
pub(crate) fn consumer_offsets_for_times<'py>(
    py: Python<'py>,
    consumer: &Consumer,
    partitions: &Bound<'_, PyAny>,
    timeout: Option<f64>,
) -> PyResult<Vec<(Bound<'py, PyAny>, i64)>> {
    let asked = partitions::asked(partitions)?;
    let native = consumer.open(py)?.1;
    let times: Vec<_> = asked.iter().map(|one| (one.topic.clone(), one.partition, one.offset)).collect();
    let found = waited(py, native.offsets_for_times(times), timeout, "the partitions' leaders did not answer in time")?;
    asked
        .iter()
        .map(|one| {
            let at = found.iter().find(|(key, _)| *key == one.key()).and_then(|(_, at)| *at);
            let offset = at.map_or(partitions::OFFSET_END, |at| at.offset);
            Ok((partitions::make(py, &one.key(), offset)?, at.map_or(-1, |at| at.timestamp)))
        })
        .collect()
}

/// The member id, empty outside of a group.
#[pyfunction]
pub(crate) fn consumer_member_id(py: Python<'_>, consumer: &Consumer) -> PyResult<String> {
    Ok(consumer.open(py)?.1.group_state().map(|state| state.member_id.to_string()).unwrap_or_default())
}

/// Adds these functions to the module.
pub(crate) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(consumer_assign, module)?)?;
    module.add_function(wrap_pyfunction!(consumer_incremental_assign, module)?)?;
    module.add_function(wrap_pyfunction!(consumer_incremental_unassign, module)?)?;
    module.add_function(wrap_pyfunction!(consumer_assignment, module)?)?;
    module.add_function(wrap_pyfunction!(consumer_paused, module)?)?;
    module.add_function(wrap_pyfunction!(consumer_seek, module)?)?;
    module.add_function(wrap_pyfunction!(consumer_pause, module)?)?;
    module.add_function(wrap_pyfunction!(consumer_position, module)?)?;
    module.add_function(wrap_pyfunction!(consumer_committed, module)?)?;
    module.add_function(wrap_pyfunction!(consumer_commit, module)?)?;
    module.add_function(wrap_pyfunction!(consumer_store_offsets, module)?)?;
    module.add_function(wrap_pyfunction!(consumer_watermarks, module)?)?;
    module.add_function(wrap_pyfunction!(consumer_offsets_for_times, module)?)?;
    module.add_function(wrap_pyfunction!(consumer_member_id, module)?)
}
