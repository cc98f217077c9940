//! Configuration objects: properties as texts, callbacks, the opaque that they get.

use std::collections::BTreeMap;
use std::ffi::{c_char, c_int, c_void};

use ottla::{Config, Error};
use ottla_core::config::{Face, Property, ValueType, find, nearest};

use crate::boundary::{text, write_text};
use crate::handle::rd_kafka_s;
use crate::properties::{LEGACY_INTERVAL, find_topics, fixed, only_topics};
use crate::types::{rd_kafka_conf_res_t, rd_kafka_message_s, rd_kafka_resp_err_t, rd_kafka_topic_partition_list_s};

/// `RD_KAFKA_CONF_UNKNOWN`.
pub(crate) const UNKNOWN: rd_kafka_conf_res_t = -2;
/// `RD_KAFKA_CONF_INVALID`.
pub(crate) const INVALID: rd_kafka_conf_res_t = -1;
/// `RD_KAFKA_CONF_OK`.
pub(crate) const OK: rd_kafka_conf_res_t = 0;

pub(crate) type DrMsgCb = unsafe extern "C" fn(*mut rd_kafka_s, *const rd_kafka_message_s, *mut c_void);
pub(crate) type DrCb = unsafe extern "C" fn(*mut rd_kafka_s, *mut c_void, usize, rd_kafka_resp_err_t, *mut c_void, *mut c_void);
pub(crate) type RebalanceCb =
    unsafe extern "C" fn(*mut rd_kafka_s, rd_kafka_resp_err_t, *mut rd_kafka_topic_partition_list_s, *mut c_void);
pub(crate) type OffsetCommitCb =
    unsafe extern "C" fn(*mut rd_kafka_s, rd_kafka_resp_err_t, *mut rd_kafka_topic_partition_list_s, *mut c_void);
pub(crate) type ErrorCb = unsafe extern "C" fn(*mut rd_kafka_s, c_int, *const c_char, *mut c_void);
pub(crate) type ThrottleCb = unsafe extern "C" fn(*mut rd_kafka_s, *const c_char, i32, c_int, *mut c_void);
pub(crate) type LogCb = unsafe extern "C" fn(*const rd_kafka_s, c_int, *const c_char, *const c_char);
pub(crate) type StatsCb = unsafe extern "C" fn(*mut rd_kafka_s, *mut c_char, usize, *mut c_void) -> c_int;
pub(crate) type ConsumeCb = unsafe extern "C" fn(*mut rd_kafka_message_s, *mut c_void);

/// A pointer of the application's that goes through this library untouched.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opaque(pub(crate) *mut c_void);

impl Default for Opaque {
    fn default() -> Self {
        Self(std::ptr::null_mut())
    }
}

// SAFETY: it is only handed back to the application, which knows what it points to.
unsafe impl Send for Opaque {}
// SAFETY: as above.
unsafe impl Sync for Opaque {}

/// The application's functions.
#[derive(Clone, Copy, Default)]
pub(crate) struct Callbacks {
    pub(crate) dr_msg: Option<DrMsgCb>,
    pub(crate) dr: Option<DrCb>,
    pub(crate) rebalance: Option<RebalanceCb>,
    pub(crate) offset_commit: Option<OffsetCommitCb>,
    pub(crate) error: Option<ErrorCb>,
    pub(crate) throttle: Option<ThrottleCb>,
    pub(crate) log: Option<LogCb>,
    pub(crate) stats: Option<StatsCb>,
    pub(crate) consume: Option<ConsumeCb>,
    pub(crate) opaque: Opaque,
    /// `rd_kafka_conf_set_log_cb` was called: also with a null, which silences the log.
    pub(crate) log_is_set: bool,
}

/// Properties that this face acts on by itself: what they say is not the client's to know.
const FACE: [&str; 7] = [
    "log_level",
    "delivery.report.only.error",
    "enabled_events",
    "log.queue",
    "internal.termination.signal",
    "log.connection.close",
    "debug",
];

/// What acts among [`FACE`]: any of its values is taken. The others take what the table allows.
const ACTS_HERE: [&str; 5] = ["log_level", "delivery.report.only.error", "auto.commit.enable", "enabled_events", "log.queue"];

/// `builtin.features`: of librdkafka's, what this build has.
const FEATURES: [&str; 4] = ["gzip", "snappy", "lz4", "zstd"];

/// Whether the face acts on a property that the client does not act on.
pub(crate) fn acts_here(name: &str) -> bool {
    ACTS_HERE.contains(&name)
}

/// A configuration (`rd_kafka_conf_t`).
#[derive(Clone)]
pub struct rd_kafka_conf_s {
    pub(crate) config: Config,
    /// Properties that the face acts on, by name.
    pub(crate) own: BTreeMap<&'static str, String>,
    pub(crate) callbacks: Callbacks,
    /// What topics have that are made without a configuration of their own.
    pub(crate) default_topic: Option<rd_kafka_topic_conf_s>,
}

impl Default for rd_kafka_conf_s {
    fn default() -> Self {
        Self {
            config: Config::with_defaults_of(Face::Librdkafka),
            own: BTreeMap::new(),
            callbacks: Callbacks::default(),
            default_topic: None,
        }
    }
}

/// A topic's configuration (`rd_kafka_topic_conf_t`).
#[derive(Clone)]
pub struct rd_kafka_topic_conf_s {
    pub(crate) config: Config,
    /// `auto.commit.enable`: without a group there is nothing to commit, and nothing is, so that either value is taken.
    auto_commit: bool,
    /// `auto.commit.interval.ms`, for the same reason.
    interval: String,
    pub(crate) opaque: Opaque,
}

impl Default for rd_kafka_topic_conf_s {
    fn default() -> Self {
        let config = Config::with_defaults_of(Face::Librdkafka);
        Self { config, auto_commit: true, interval: "60000".to_owned(), opaque: Opaque::default() }
    }
}

/// What librdkafka says of a name that it does not know, and the nearest one behind it.
fn unknown_name(name: &str) -> String {
    let hint = match nearest(name) {
        Some(near) if !near.starts_with("none: ") => format!(" (did you mean {near}?)"),
        _ => String::new(),
    };
    format!("No such configuration property: \"{name}\"{hint}")
}

/// What librdkafka says of a value that is not allowed, and our words behind it.
fn bad_value(property: &Property, value: &str, error: &Error) -> String {
    let name = property.name;
    let theirs = match property.value {
        ValueType::Call => return format!("Property \"{name}\" must be set through dedicated .._set_..() function"),
        ValueType::Bool => format!("Expected bool value for \"{name}\": true or false"),
        ValueType::Int { .. } if value.trim().is_empty() => {
            format!("Integer configuration property \"{name}\" cannot be set to empty value")
        }
        ValueType::Int { min, max, .. } if value.trim().parse::<i64>().is_ok_and(|number| number < min || max < number) => {
            format!("Configuration property \"{name}\" value {} is outside allowed range {min}..{max}", value.trim())
        }
        ValueType::Enum(_) | ValueType::Flags(_) => format!("Invalid value \"{value}\" for configuration property \"{name}\""),
        _ => format!("Invalid value for configuration property \"{name}\""),
    };
    format!("{theirs}: {}", error.what())
}

/// Sets a property that is `allowed` in a configuration of this kind.
fn set(config: &mut Config, property: &'static Property, name: &str, value: &str) -> Result<(), String> {
    config.set(name, value).map(|_| ()).map_err(|error| bad_value(property, value, &error))
}

/// What this build has, as librdkafka lists it.
pub(crate) fn features() -> String {
    FEATURES.join(",")
}

/// Whether this build has what the application needs.
fn has_features(wanted: &str) -> Result<(), String> {
    let lacking = wanted.split(',').map(str::trim).find(|name| !name.is_empty() && !FEATURES.contains(name));
    lacking.map_or(Ok(()), |lacking| {
        let has = features();
        Err(format!("Invalid value \"{lacking}\" for configuration property \"builtin.features\": this build has {has}"))
    })
}

impl rd_kafka_conf_s {
    fn set(&mut self, name: &str, value: &str) -> Result<(), (rd_kafka_conf_res_t, String)> {
        if let Some(only) = fixed(name) {
            let words =
                format!("Invalid value for configuration property \"{name}\": it does not act yet, and takes only {only}");
            return if value == only { Ok(()) } else { Err((INVALID, words)) };
        }
        let Some(property) = find(name) else { return Err((UNKNOWN, unknown_name(name))) };
        if property.name == "builtin.features" {
            return has_features(value).map_err(|words| (INVALID, words));
        }
        if property.name == "auto.commit.enable" {
            return self.default_topic.get_or_insert_default().set(name, value);
        }
        if FACE.contains(&property.name) {
            return self.set_own(property, value).map_err(|words| (INVALID, words));
        }
        if only_topics(property, value) {
            let words = "a client's configuration has none to inherit from";
            let error = Error::new(ottla::ErrorKind::Config, words);
            return Err((INVALID, bad_value(property, value, &error)));
        }
        set(&mut self.config, property, name, value).map_err(|words| (INVALID, words))
    }

    fn set_own(&mut self, property: &'static Property, value: &str) -> Result<(), String> {
        let checked = property.value.check(value);
        let checked = match checked {
            Ok(checked) => checked,
            Err(_) if value.is_empty() && property.default.is_empty() => String::new(),
            Err(why) => {
                let error = Error::new(ottla::ErrorKind::Config, format!("{}={value} {why}", property.name));
                return Err(bad_value(property, value, &error));
            }
        };
        if !ACTS_HERE.contains(&property.name) && checked != property.default {
            // The client's own words for what does not act yet.
            set(&mut self.config, property, property.name, value)?;
        }
        self.own.insert(property.name, checked);
        Ok(())
    }

    /// A property that the face acts on.
    pub(crate) fn own(&self, name: &str) -> &str {
        self.own
            .get(name)
            .map_or_else(|| find(name).map_or_else(|| fixed(name).unwrap_or(""), |property| property.default), String::as_str)
    }

    /// Whether events of a kind are enabled.
    pub(crate) fn has_event(&self, kind: c_int) -> bool {
        self.own("enabled_events").parse().is_ok_and(|enabled: c_int| enabled & kind != 0)
    }

    /// A property's value.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        if let Some(value) = fixed(name) {
            return Some(value.to_owned());
        }
        let property = find(name)?;
        if property.name == "builtin.features" {
            return Some(features());
        }
        if FACE.contains(&property.name) {
            return Some(self.own(property.name).to_owned());
        }
        match &self.default_topic {
            Some(topic) if topic.config.is_set(name) => topic.config.get(name).ok().map(str::to_owned),
            _ => self.config.get(name).ok().map(str::to_owned),
        }
    }

    /// What the client gets: the properties, with those of the topics' default configuration.
    pub(crate) fn merged(&self) -> Config {
        let mut config = self.config.clone();
        if let Some(topic) = &self.default_topic {
            overlay(&mut config, &topic.config);
        }
        config
    }
}

/// Sets in `config` what was set in `over`.
pub(crate) fn overlay(config: &mut Config, over: &Config) {
    // Each was checked when it was set.
    let _ = config.set_all(over.iter());
}

impl rd_kafka_topic_conf_s {
    fn set(&mut self, name: &str, value: &str) -> Result<(), (rd_kafka_conf_res_t, String)> {
        let Some(property) = find_topics(name) else {
            return Err((UNKNOWN, unknown_name(name)));
        };
        if property.name == "auto.commit.enable"
            && let Ok(checked) = property.value.check(value)
        {
            self.auto_commit = checked == "true";
            return Ok(());
        }
        if property.name == LEGACY_INTERVAL
            && let Ok(checked) = property.value.check(value)
        {
            self.interval = checked;
            return Ok(());
        }
        set(&mut self.config, property, name, value).map_err(|words| (INVALID, words))
    }

    /// A property's value.
    pub(crate) fn get(&self, property: &Property) -> String {
        match property.name {
            "auto.commit.enable" => self.auto_commit.to_string(),
            LEGACY_INTERVAL => self.interval.clone(),
            name => self.config.get(name).unwrap_or_default().to_owned(),
        }
    }
}

/// `rd_kafka_conf_new`.
#[unsafe(no_mangle)]
pub extern "C" fn rd_kafka_conf_new() -> *mut rd_kafka_conf_s {
    guarded!(std::ptr::null_mut(), { Box::into_raw(Box::default()) })
}

/// `rd_kafka_conf_destroy`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_conf_destroy(conf: *mut rd_kafka_conf_s) {
    if !conf.is_null() {
        // SAFETY: it was made by this library, and the caller gives it up.
        guarded!((), { drop(unsafe { Box::from_raw(conf) }) });
    }
}

/// `rd_kafka_conf_dup`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_conf_dup(conf: *const rd_kafka_conf_s) -> *mut rd_kafka_conf_s {
    guarded!(std::ptr::null_mut(), {
        // SAFETY: null or a configuration of this library.
        unsafe { conf.as_ref() }.map_or(std::ptr::null_mut(), |conf| Box::into_raw(Box::new(conf.clone())))
    })
}

/// How a property is set in a configuration.
type Set<T> = fn(&mut T, &str, &str) -> Result<(), (rd_kafka_conf_res_t, String)>;

/// Sets a property as C asks for it, and tells C how that went; a null takes back what was set.
///
/// # Safety
/// `conf` is null or a configuration of this library, `name` and `value` are null or texts, and `errstr` is null or has room for so
/// many bytes.
unsafe fn set_in<T>(
    conf: *mut T,
    set: Set<T>,
    name: *const c_char,
    value: *const c_char,
    errstr: *mut c_char,
    size: usize,
) -> rd_kafka_conf_res_t {
    // SAFETY: the caller's promise.
    let (Some(conf), Some(name)) = (unsafe { conf.as_mut() }, unsafe { text(name) }) else {
        // SAFETY: the caller's promise.
        unsafe { write_text(errstr, size, "No configuration object or no property name was given") };
        return INVALID;
    };
    let default = find(name).map_or_else(|| fixed(name).unwrap_or(""), |property| property.default);
    // SAFETY: the caller's promise.
    let value = if value.is_null() { default } else { unsafe { text(value) }.unwrap_or("\u{fffd}") };
    match set(conf, name, value) {
        Ok(()) => OK,
        Err((code, words)) => {
            // SAFETY: the caller's promise.
            unsafe { write_text(errstr, size, &words) };
            code
        }
    }
}

/// `rd_kafka_conf_set`: a null takes back what was set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_conf_set(
    conf: *mut rd_kafka_conf_s,
    name: *const c_char,
    value: *const c_char,
    errstr: *mut c_char,
    errstr_size: usize,
) -> rd_kafka_conf_res_t {
    // SAFETY: null, or a configuration of this library; texts, and the caller's buffer.
    guarded!(INVALID, { unsafe { set_in(conf, rd_kafka_conf_s::set, name, value, errstr, errstr_size) } })
}

/// `rd_kafka_topic_conf_new`.
#[unsafe(no_mangle)]
pub extern "C" fn rd_kafka_topic_conf_new() -> *mut rd_kafka_topic_conf_s {
    guarded!(std::ptr::null_mut(), { Box::into_raw(Box::default()) })
}

/// `rd_kafka_topic_conf_destroy`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_topic_conf_destroy(topic_conf: *mut rd_kafka_topic_conf_s) {
    if !topic_conf.is_null() {
        // SAFETY: it was made by this library, and the caller gives it up.
        guarded!((), { drop(unsafe { Box::from_raw(topic_conf) }) });
    }
}

/// `rd_kafka_topic_conf_dup`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_topic_conf_dup(conf: *const rd_kafka_topic_conf_s) -> *mut rd_kafka_topic_conf_s {
    guarded!(std::ptr::null_mut(), {
        // SAFETY: null or a configuration of this library.
        unsafe { conf.as_ref() }.map_or(std::ptr::null_mut(), |conf| Box::into_raw(Box::new(conf.clone())))
    })
}

/// `rd_kafka_topic_conf_set`: a null takes back what was set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_topic_conf_set(
    conf: *mut rd_kafka_topic_conf_s,
    name: *const c_char,
    value: *const c_char,
    errstr: *mut c_char,
    errstr_size: usize,
) -> rd_kafka_conf_res_t {
    // SAFETY: null, or a configuration of this library; texts, and the caller's buffer.
    guarded!(INVALID, { unsafe { set_in(conf, rd_kafka_topic_conf_s::set, name, value, errstr, errstr_size) } })
}

/// `rd_kafka_conf_set_default_topic_conf`: takes the topic's configuration.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_conf_set_default_topic_conf(conf: *mut rd_kafka_conf_s, tconf: *mut rd_kafka_topic_conf_s) {
    guarded!((), {
        // SAFETY: null, or made by this library and given up by the caller.
        let topic = (!tconf.is_null()).then(|| *unsafe { Box::from_raw(tconf) });
        // SAFETY: null or a configuration of this library.
        if let Some(conf) = unsafe { conf.as_mut() } {
            conf.default_topic = topic;
        }
    });
}

/// `rd_kafka_conf_get_default_topic_conf`: stays the configuration's own; made if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_conf_get_default_topic_conf(conf: *mut rd_kafka_conf_s) -> *mut rd_kafka_topic_conf_s {
    guarded!(std::ptr::null_mut(), {
        // SAFETY: null or a configuration of this library.
        let Some(conf) = (unsafe { conf.as_mut() }) else { return std::ptr::null_mut() };
        conf.default_topic.as_mut().map_or(std::ptr::null_mut(), std::ptr::from_mut)
    })
}

/// Writes a value for C, whose length comes with its zero byte.
///
/// # Safety
/// `size` points to the room that `dest` has, unless one of them is null.
unsafe fn answer_value(value: Option<String>, dest: *mut c_char, size: *mut usize) -> rd_kafka_conf_res_t {
    let Some(value) = value else { return UNKNOWN };
    if !size.is_null() {
        // SAFETY: the caller's promise.
        unsafe { write_text(dest, *size, &value) };
        // SAFETY: as above.
        unsafe { *size = value.len() + 1 };
    }
    OK
}

/// `rd_kafka_conf_get`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_conf_get(
    conf: *const rd_kafka_conf_s,
    name: *const c_char,
    dest: *mut c_char,
    dest_size: *mut usize,
) -> rd_kafka_conf_res_t {
    guarded!(INVALID, {
        // SAFETY: null, or a configuration of this library and a text.
        let (Some(conf), Some(name)) = (unsafe { conf.as_ref() }, unsafe { text(name) }) else { return UNKNOWN };
        // SAFETY: the caller's buffer.
        unsafe { answer_value(conf.get(name), dest, dest_size) }
    })
}

/// `rd_kafka_topic_conf_get`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_topic_conf_get(
    conf: *const rd_kafka_topic_conf_s,
    name: *const c_char,
    dest: *mut c_char,
    dest_size: *mut usize,
) -> rd_kafka_conf_res_t {
    guarded!(INVALID, {
        // SAFETY: null, or a configuration of this library and a text.
        let (Some(conf), Some(name)) = (unsafe { conf.as_ref() }, unsafe { text(name) }) else { return UNKNOWN };
        let known = find_topics(name);
        // SAFETY: the caller's buffer.
        unsafe { answer_value(known.map(|property| conf.get(property)), dest, dest_size) }
    })
}

/// `rd_kafka_conf_set_opaque`: what callbacks get.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_conf_set_opaque(conf: *mut rd_kafka_conf_s, opaque: *mut c_void) {
    // SAFETY: null or a configuration of this library.
    if let Some(conf) = unsafe { conf.as_mut() } {
        conf.callbacks.opaque = Opaque(opaque);
    }
}

/// `rd_kafka_topic_conf_set_opaque`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_topic_conf_set_opaque(conf: *mut rd_kafka_topic_conf_s, rkt_opaque: *mut c_void) {
    // SAFETY: null or a configuration of this library.
    if let Some(conf) = unsafe { conf.as_mut() } {
        conf.opaque = Opaque(rkt_opaque);
    }
}

/// `rd_kafka_conf_set_dr_msg_cb`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_conf_set_dr_msg_cb(conf: *mut rd_kafka_conf_s, dr_msg_cb: Option<DrMsgCb>) {
    // SAFETY: null or a configuration of this library.
    if let Some(conf) = unsafe { conf.as_mut() } {
        conf.callbacks.dr_msg = dr_msg_cb;
    }
}

/// `rd_kafka_conf_set_dr_cb`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_conf_set_dr_cb(conf: *mut rd_kafka_conf_s, dr_cb: Option<DrCb>) {
    // SAFETY: null or a configuration of this library.
    if let Some(conf) = unsafe { conf.as_mut() } {
        conf.callbacks.dr = dr_cb;
    }
}

/// `rd_kafka_conf_set_rebalance_cb`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_conf_set_rebalance_cb(conf: *mut rd_kafka_conf_s, rebalance_cb: Option<RebalanceCb>) {
    // SAFETY: null or a configuration of this library.
    if let Some(conf) = unsafe { conf.as_mut() } {
        conf.callbacks.rebalance = rebalance_cb;
    }
}

/// `rd_kafka_conf_set_offset_commit_cb`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_conf_set_offset_commit_cb(
    conf: *mut rd_kafka_conf_s,
    offset_commit_cb: Option<OffsetCommitCb>,
) {
    // SAFETY: null or a configuration of this library.
    if let Some(conf) = unsafe { conf.as_mut() } {
        conf.callbacks.offset_commit = offset_commit_cb;
    }
}

/// `rd_kafka_conf_set_error_cb`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_conf_set_error_cb(conf: *mut rd_kafka_conf_s, error_cb: Option<ErrorCb>) {
    // SAFETY: null or a configuration of this library.
    if let Some(conf) = unsafe { conf.as_mut() } {
        conf.callbacks.error = error_cb;
    }
}

/// `rd_kafka_conf_set_throttle_cb`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_conf_set_throttle_cb(conf: *mut rd_kafka_conf_s, throttle_cb: Option<ThrottleCb>) {
    // SAFETY: null or a configuration of this library.
    if let Some(conf) = unsafe { conf.as_mut() } {
        conf.callbacks.throttle = throttle_cb;
    }
}

/// `rd_kafka_conf_set_log_cb`: a null silences the log.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_conf_set_log_cb(conf: *mut rd_kafka_conf_s, log_cb: Option<LogCb>) {
    // SAFETY: null or a configuration of this library.
    if let Some(conf) = unsafe { conf.as_mut() } {
        (conf.callbacks.log, conf.callbacks.log_is_set) = (log_cb, true);
    }
}

/// `rd_kafka_conf_set_stats_cb`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_conf_set_stats_cb(conf: *mut rd_kafka_conf_s, stats_cb: Option<StatsCb>) {
    // SAFETY: null or a configuration of this library.
    if let Some(conf) = unsafe { conf.as_mut() } {
        conf.callbacks.stats = stats_cb;
    }
}

/// `rd_kafka_conf_set_consume_cb`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_conf_set_consume_cb(conf: *mut rd_kafka_conf_s, consume_cb: Option<ConsumeCb>) {
    // SAFETY: null or a configuration of this library.
    if let Some(conf) = unsafe { conf.as_mut() } {
        conf.callbacks.consume = consume_cb;
    }
}

/// `rd_kafka_conf_set_events`: which kinds of events go into the client's queues though they have no callback.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_conf_set_events(conf: *mut rd_kafka_conf_s, events: c_int) {
    guarded!((), {
        // SAFETY: null or a configuration of this library.
        if let Some(conf) = unsafe { conf.as_mut() }
            && conf.set("enabled_events", &events.to_string()).is_err()
        {
            crate::misc::print(&format!("rd_kafka_conf_set_events: {events:#x} are no events"));
        }
    });
}

/// `rd_kafka_default_topic_conf_dup`: a copy of what the client's topics have by default, to be destroyed by the caller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_default_topic_conf_dup(rk: *mut rd_kafka_s) -> *mut rd_kafka_topic_conf_s {
    guarded!(std::ptr::null_mut(), {
        // SAFETY: null or a client.
        let default = unsafe { crate::handle::of(rk) }.and_then(|handle| handle.conf.default_topic.clone());
        Box::into_raw(Box::new(default.unwrap_or_default()))
    })
}
