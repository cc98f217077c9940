//! The native module of the Python package `ottla`. What a user sees is in the package, built on this.

mod admin;
mod aio_calls;
mod aio_clients;
mod arguments;
mod broker;
mod commits;
mod consumer;
mod consumer_calls;
mod delivery;
mod errors;
mod events;
mod future;
mod gil;
mod held;
mod listener;
mod message;
mod message_classes;
mod partitions;
mod port;
mod producer;
mod raw;
mod sending;
mod service;
mod shared;
mod steps;
mod table;
mod tuples;

use pyo3::exceptions::PyImportError;
use pyo3::ffi;
use pyo3::prelude::*;

/// Classes and names are kept once for the process, and a lock that another interpreter has guards none of it: from 3.12 on the
/// interpreter itself refuses to load this into one with a lock of its own, but not into one that shares the main one's.
fn refuse_subinterpreters(py: Python<'_>) -> PyResult<()> {
    // SAFETY: the token says that there is a current interpreter.
    let number = unsafe { ffi::PyInterpreterState_GetID(ffi::PyInterpreterState_Get()) };
    match number {
        0 => Ok(()),
        ..0 => Err(PyErr::fetch(py)),
        _ => Err(PyImportError::new_err(
            "ottla can be used in the main interpreter only, and this is a subinterpreter (with mod_wsgi: \
             WSGIApplicationGroup %{GLOBAL})",
        )),
    }
}

#[pymodule]
fn _ottla(module: &Bound<'_, PyModule>) -> PyResult<()> {
    refuse_subinterpreters(module.py())?;
    shared::make_class(module.py())?;
    future::make_classes(module.py())?;
    message_classes::add_classes(module)?;
    producer::add_class(module)?;
    sending::add_class(module)?;
    consumer::add_class(module)?;
    consumer_calls::add(module)?;
    aio_calls::add(module)?;
    aio_clients::add_classes(module)?;
    module.add_class::<admin::Admin>()?;
    module.add_class::<broker::Broker>()?;
    module.add_function(wrap_pyfunction!(errors::error_codes, module)?)?;
    module.add_function(wrap_pyfunction!(errors::describe_code, module)?)?;
    module.add_function(wrap_pyfunction!(producer::check_properties, module)?)?;
    module.add_function(wrap_pyfunction!(producer::flush_all, module)?)?;
    module.add_function(wrap_pyfunction!(service::serve_callbacks, module)?)?;
    module.add_function(wrap_pyfunction!(service::stop_callbacks, module)?)?;
    module.add_function(wrap_pyfunction!(service::give_up_call, module)?)?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))
}
