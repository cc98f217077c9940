//! Topic handles.

use std::collections::BTreeMap;
use std::ffi::{CString, c_char, c_void};
use std::sync::{Arc, Mutex, Weak};

use ottla::{Config, TopicProducer};
use ottla_bindings::fork::Kept;

use crate::boundary::{c_string, text};
use crate::conf::{Opaque, rd_kafka_topic_conf_s};
use crate::error::{INVALID_ARG, NO_ERROR, code, set_last};
use crate::handle::rd_kafka_s;
use crate::produce::Outlet;

/// A topic of a client (`rd_kafka_topic_t`); C holds counted pointers to it.
pub struct rd_kafka_topic_s {
    pub(crate) name: CString,
    text: String,
    pub(crate) opaque: Opaque,
    pub(crate) handle: Weak<rd_kafka_s>,
    /// Where its records go out, if the client is a producer.
    pub(crate) out: Option<(Arc<Outlet>, Kept<TopicProducer>)>,
    /// What its configuration sets, for the consumers that read it.
    pub(crate) config: Config,
}

impl rd_kafka_topic_s {
    /// The name.
    pub(crate) fn name(&self) -> &str {
        &self.text
    }
}

/// The topics of a client by name.
#[derive(Default)]
pub(crate) struct Topics(Mutex<BTreeMap<String, Weak<rd_kafka_topic_s>>>);

impl Topics {
    /// The handle of a topic, made by `make` if there is none.
    pub(crate) fn get(
        &self,
        name: &str,
        make: impl FnOnce() -> Result<rd_kafka_topic_s, ottla::Error>,
    ) -> Result<Arc<rd_kafka_topic_s>, ottla::Error> {
        let mut topics = crate::handle::lock(&self.0);
        if let Some(topic) = topics.get(name).and_then(Weak::upgrade) {
            return Ok(topic);
        }
        let topic = Arc::new(make()?);
        topics.retain(|_, topic| topic.strong_count() > 0);
        topics.insert(name.to_owned(), Arc::downgrade(&topic));
        Ok(topic)
    }

    /// The names of those that are in use.
    pub(crate) fn names(&self) -> Vec<String> {
        let topics = crate::handle::lock(&self.0);
        topics.iter().filter(|(_, topic)| topic.strong_count() > 0).map(|(name, _)| name.clone()).collect()
    }
}

/// A topic for C.
pub(crate) fn into_raw(topic: Arc<rd_kafka_topic_s>) -> *mut rd_kafka_topic_s {
    Arc::into_raw(topic).cast_mut()
}

/// `rd_kafka_topic_new`: the same handle for each call with the same name. The configuration is taken.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_topic_new(
    rk: *mut rd_kafka_s,
    topic: *const c_char,
    conf: *mut rd_kafka_topic_conf_s,
) -> *mut rd_kafka_topic_s {
    guarded!(std::ptr::null_mut(), {
        // SAFETY: null, or made by this library and given up by the caller.
        let conf = (!conf.is_null()).then(|| *unsafe { Box::from_raw(conf) });
        // SAFETY: null, or a client and a text of the caller's.
        let (Some(handle), Some(name)) = (unsafe { crate::handle::of(rk) }, unsafe { text(topic) }) else {
            set_last(INVALID_ARG, libc::EINVAL);
            return std::ptr::null_mut();
        };
        if name.is_empty() || name.len() > 512 {
            set_last(INVALID_ARG, libc::EINVAL);
            return std::ptr::null_mut();
        }
        match handle.topic(name, conf.as_ref()) {
            Ok(topic) => {
                set_last(NO_ERROR, 0);
                into_raw(topic)
            }
            Err(error) => {
                set_last(code(&error), libc::EINVAL);
                std::ptr::null_mut()
            }
        }
    })
}

/// Makes a topic's handle.
pub(crate) fn make(
    handle: &rd_kafka_s,
    name: &str,
    conf: Option<&rd_kafka_topic_conf_s>,
) -> Result<rd_kafka_topic_s, ottla::Error> {
    let config = conf.map_or_else(Config::default, |conf| conf.config.clone());
    let out = match &handle.outlet {
        Some(outlet) => Some((outlet.clone(), outlet.topic(handle, name, conf.map(|conf| &conf.config))?)),
        None => None,
    };
    let opaque = conf.or(handle.conf.default_topic.as_ref()).map_or_else(Opaque::default, |conf| conf.opaque);
    Ok(rd_kafka_topic_s { name: c_string(name), text: name.to_owned(), opaque, handle: handle.weak(), out, config })
}

/// `rd_kafka_topic_destroy`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_topic_destroy(rkt: *mut rd_kafka_topic_s) {
    if !rkt.is_null() {
        // SAFETY: it was given to C by `into_raw`, and the caller gives it up.
        guarded!((), { drop(unsafe { Arc::from_raw(rkt) }) });
    }
}

/// `rd_kafka_topic_name`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_topic_name(rkt: *const rd_kafka_topic_s) -> *const c_char {
    // SAFETY: null or a topic of this library.
    unsafe { rkt.as_ref() }.map_or(c"".as_ptr(), |topic| topic.name.as_ptr())
}

/// `rd_kafka_topic_opaque`: what its configuration was given.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_topic_opaque(rkt: *const rd_kafka_topic_s) -> *mut c_void {
    // SAFETY: null or a topic of this library.
    unsafe { rkt.as_ref() }.map_or(std::ptr::null_mut(), |topic| topic.opaque.0)
}
