//! The client's errors as Python's.

use ottla::{Error, ErrorKind};
use ottla_bindings::error_code;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

static KAFKA_ERROR: PyOnceLock<Py<PyType>> = PyOnceLock::new();
static KAFKA_EXCEPTION: PyOnceLock<Py<PyType>> = PyOnceLock::new();

fn kafka_error_type(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    KAFKA_ERROR.import(py, "ottla._error", "KafkaError")
}

/// A `KafkaError` of a code.
pub(crate) fn of_code<'py>(py: Python<'py>, code: i16, reason: &str) -> PyResult<Bound<'py, PyAny>> {
    kafka_error_type(py)?.call1((code, reason))
}

/// The client's error as a `KafkaError`: librdkafka's text of its code, then what happened.
pub(crate) fn kafka_error<'py>(py: Python<'py>, error: &Error) -> PyResult<Bound<'py, PyAny>> {
    let code = error.local_code();
    let reason = format!("{}: {error}", error_code::text(code));
    kafka_error_type(py)?.call1((code, reason, error.is_fatal(), error.is_retriable(), error.txn_requires_abort()))
}

/// A `KafkaException` around a `KafkaError`.
pub(crate) fn exception(py: Python<'_>, error: &Bound<'_, PyAny>) -> PyErr {
    let made = KAFKA_EXCEPTION.import(py, "ottla._error", "KafkaException").and_then(|class| class.call1((error,)));
    made.map_or_else(|error| error, PyErr::from_value)
}

/// The client's error as an exception.
pub(crate) fn raise(py: Python<'_>, error: &Error) -> PyErr {
    // A client of before a fork, and a closed one, are misuse of the object: confluent-kafka raises RuntimeError there.
    if error.kind() == ErrorKind::Closed {
        return PyRuntimeError::new_err(error.to_string());
    }
    match kafka_error(py, error) {
        Ok(error) => exception(py, &error),
        Err(error) => error,
    }
}

/// What a call that was not over in the caller's time raises.
pub(crate) fn timed_out(py: Python<'_>, what: &'static str) -> PyErr {
    raise(py, &Error::new(ErrorKind::Timeout, what).retriable())
}

/// All codes with their names and texts.
#[pyfunction]
pub(crate) fn error_codes() -> Vec<(i16, &'static str, &'static str)> {
    error_code::ALL.iter().map(|row| (row.code, row.name, row.text)).collect()
}

/// A code's name and text, also of one that nobody knows.
#[pyfunction]
pub(crate) fn describe_code(code: i16) -> (String, String) {
    (error_code::name(code).into_owned(), error_code::text(code).into_owned())
}

static TRANSLATED: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static AIO_TRANSLATED: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// A `KafkaException` as kafka-python's users know it; other exceptions stay what they are.
pub(crate) fn translated(py: Python<'_>, error: PyErr) -> PyErr {
    let made = TRANSLATED.import(py, "ottla.kafka.errors", "translated").and_then(|make| make.call1((error.value(py),)));
    made.map_or_else(|error| error, PyErr::from_value)
}

/// A `KafkaException` as aiokafka's users know it; other exceptions stay what they are.
pub(crate) fn aio_translated(py: Python<'_>, error: PyErr) -> PyErr {
    let made = AIO_TRANSLATED.import(py, "ottla.aio.errors", "translated").and_then(|make| make.call1((error.value(py),)));
    made.map_or_else(|error| error, PyErr::from_value)
}
