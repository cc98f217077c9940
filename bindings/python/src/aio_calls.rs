//! The calls of `ottla.aio` that wait: each answers with a future of the port's.

use std::future::Future;
use std::sync::Arc;

use ottla::{Client, Error};
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::consumer::Consumer;
use crate::consumer_calls::{said, starts_of};
use crate::errors;
use crate::partitions::{self, Asked};
use crate::port::{Port, Settle};
use crate::sending::SendingProducer;

/// A call whose answer `make` turns into Python's object.
async fn settle<T: Send + 'static>(
    call: impl Future<Output = Result<T, Error>> + Send,
    make: impl FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + 'static,
) -> Settle {
    let answer = call.await;
    Box::new(move |py: Python<'_>, _: Option<&Consumer>| match answer {
        Ok(answer) => make(py, answer),
        Err(error) => Err(errors::raise(py, &error)),
    })
}

#[expect(clippy::unnecessary_wraps, reason = "what `settle` takes")]
fn nothing(py: Python<'_>, _answer: ()) -> PyResult<Py<PyAny>> {
    Ok(py.None())
}

fn consumer_of(py: Python<'_>, consumer: &Consumer) -> PyResult<Arc<ottla::Consumer>> {
    consumer.shared(py)
}

/// Asks for the next batch; the future's answer is None, and the records are then at hand.
#[pyfunction]
pub(crate) fn aio_next(py: Python<'_>, consumer: Py<Consumer>, port: &Port) -> PyResult<Py<PyAny>> {
    let native = consumer_of(py, consumer.get())?;
    let call = async move {
        let come = native.next().await;
        Box::new(move |py: Python<'_>, consumer: Option<&Consumer>| match (come, consumer) {
            (Ok(batch), Some(consumer)) => consumer.take_answer(py, batch),
            // What is wrong for some time only is told elsewhere: nothing came, and the caller asks again.
            (Err(error), Some(consumer)) if !consumer.is_for_application(py, &error)? => Ok(py.None()),
            (Err(error), _) => Err(errors::raise(py, &error)),
            (Ok(_), None) => Ok(py.None()),
        }) as Settle
    };
    port.run(py, Some(consumer), Box::pin(call))
}

/// Commits these offsets, or what was consumed, and waits for it.
#[pyfunction]
pub(crate) fn aio_commit(
    py: Python<'_>,
    consumer: &Consumer,
    port: &Port,
    offsets: Option<&Bound<'_, PyAny>>,
) -> PyResult<Py<PyAny>> {
    let native = consumer_of(py, consumer)?;
    let commit = match said(None, offsets)? {
        Some(said) => said,
        None => native.to_commit().map_err(|error| errors::raise(py, &error))?.into_iter().collect(),
    };
    port.run(py, None, Box::pin(settle(async move { native.commit_offsets(commit).await }, nothing)))
}

/// What the group has committed.
#[pyfunction]
pub(crate) fn aio_committed(py: Python<'_>, consumer: &Consumer, port: &Port, of: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    let native = consumer_of(py, consumer)?;
    let asked = partitions::asked(of)?;
    let keys: Vec<_> = asked.iter().map(|one| (one.topic.clone(), one.partition)).collect();
    let call = settle(async move { native.committed(keys).await }, move |py, found| {
        let make = |one: &Asked| partitions::committed(py, &one.key(), found.get(&one.key()).and_then(Option::as_ref));
        Ok(PyList::new(py, asked.iter().map(make).collect::<PyResult<Vec<_>>>()?)?.into_any().unbind())
    });
    port.run(py, None, Box::pin(call))
}

/// A partition's first offset and its end.
#[pyfunction]
pub(crate) fn aio_watermarks(
    py: Python<'_>,
    consumer: &Consumer,
    port: &Port,
    topic: String,
    partition: i32,
) -> PyResult<Py<PyAny>> {
    let native = consumer_of(py, consumer)?;
    let call = settle(async move { native.watermarks(&topic, partition).await }, |py, offsets| {
        Ok(offsets.into_pyobject(py)?.into_any().unbind())
    });
    port.run(py, None, Box::pin(call))
}

/// The first offsets and their times at or after times: (topic, partition, offset, time), -1 where there is none.
#[pyfunction]
pub(crate) fn aio_offsets_for_times(
    py: Python<'_>,
    consumer: &Consumer,
    port: &Port,
    times: Vec<(String, i32, i64)>,
) -> PyResult<Py<PyAny>> {
    let native = consumer_of(py, consumer)?;
    let call = settle(async move { native.offsets_for_times(times).await }, |py, found| {
        let rows = found.into_iter().map(|(key, at)| {
            let (offset, time) = at.map_or((-1, -1), |at| (at.offset, at.timestamp));
            (key.topic.to_string(), key.partition, offset, time)
        });
        Ok(PyList::new(py, rows.collect::<Vec<_>>())?.into_any().unbind())
    });
    port.run(py, None, Box::pin(call))
}

/// Assigns partitions by hand, from where the group stands where no offset says otherwise.
#[pyfunction]
pub(crate) fn aio_assign(py: Python<'_>, consumer: &Consumer, port: &Port, of: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    let native = consumer_of(py, consumer)?;
    let asked = partitions::asked(of)?;
    let call = settle(
        async move {
            native.incremental_assign(Vec::<(&str, i32, ottla::StartAt)>::new())?;
            let starts = starts_of(&native, asked).await?;
            native.assign(starts);
            Ok(())
        },
        nothing,
    );
    port.run(py, None, Box::pin(call))
}

/// Leaves the group and ends the consumer.
#[pyfunction]
pub(crate) fn aio_close(py: Python<'_>, consumer: Py<Consumer>, port: &Port) -> PyResult<Py<PyAny>> {
    let Some(closing) = consumer.get().begin_close(py)? else {
        return port.run(py, None, Box::pin(settle(std::future::ready(Ok(())), nothing)));
    };
    port.run(py, None, Box::pin(settle(closing, nothing)))
}

/// Waits until a broker answers.
#[pyfunction]
pub(crate) fn aio_connected(py: Python<'_>, client: &Bound<'_, PyAny>, port: &Port) -> PyResult<Py<PyAny>> {
    let client: Client = match client.cast::<Consumer>() {
        Ok(consumer) => consumer.get().client(py)?,
        Err(_) => client.cast::<SendingProducer>()?.get().client(py)?,
    };
    let admin = client.admin();
    port.run(py, None, Box::pin(settle(async move { admin.describe_cluster().await }, |py, _| Ok(py.None()))))
}

/// A topic's partitions.
#[pyfunction]
pub(crate) fn aio_partitions(py: Python<'_>, client: &Bound<'_, PyAny>, port: &Port, topic: String) -> PyResult<Py<PyAny>> {
    let client: Client = match client.cast::<Consumer>() {
        Ok(consumer) => consumer.get().client(py)?,
        Err(_) => client.cast::<SendingProducer>()?.get().client(py)?,
    };
    let admin = client.admin();
    let call = settle(async move { admin.describe_topic(&topic).await }, |py, topic| {
        let numbers: Vec<i32> = topic.partitions.iter().map(|partition| partition.partition).collect();
        Ok(PyList::new(py, numbers)?.into_any().unbind())
    });
    port.run(py, None, Box::pin(call))
}

/// Waits until all that was sent before has ended.
#[pyfunction]
pub(crate) fn aio_flush(py: Python<'_>, producer: &SendingProducer, port: &Port) -> PyResult<Py<PyAny>> {
    let native = producer.native(py)?;
    let flush = async move {
        native.flush().await;
        Ok(())
    };
    port.run(py, None, Box::pin(settle(flush, nothing)))
}

/// Adds these functions to the module.
pub(crate) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Port>()?;
    module.add_function(wrap_pyfunction!(aio_next, module)?)?;
    module.add_function(wrap_pyfunction!(aio_commit, module)?)?;
    module.add_function(wrap_pyfunction!(aio_committed, module)?)?;
    module.add_function(wrap_pyfunction!(aio_watermarks, module)?)?;
    module.add_function(wrap_pyfunction!(aio_offsets_for_times, module)?)?;
    module.add_function(wrap_pyfunction!(aio_assign, module)?)?;
    module.add_function(wrap_pyfunction!(aio_close, module)?)?;
    module.add_function(wrap_pyfunction!(aio_connected, module)?)?;
    module.add_function(wrap_pyfunction!(aio_partitions, module)?)?;
    module.add_function(wrap_pyfunction!(aio_flush, module)?)
}
