//! What happens to a client without a call that would tell of it, on its way to JavaScript: one function there is told of all
//! clients, each under a number of JavaScript's own, so that a client is watched before it is connected.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use napi::sys;
use ottla::{ClientEvent, Error, GroupMember, Observer, RequestEnd, RequestTrace, Text};
use ottla_bindings::Queue;

use crate::event_loop;
use crate::raw::{self, Raw, Reference};
use crate::value::Value;

/// What JavaScript is told, by kind; nothing: the client has gone.
type Told = Option<(&'static str, Value)>;

/// A client's watcher. Dropping it has JavaScript told that nothing more comes.
pub(crate) struct Watch {
    queue: Queue<Told>,
    client_id: String,
    trace: Arc<AtomicBool>,
}

fn now_ms() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64() * 1000.0)
}

impl Watch {
    /// Tells JavaScript under this number from now on.
    pub(crate) fn begin(watcher: u32, trace: bool, client_id: String) -> Self {
        let queue = Queue::<Told>::new();
        if let Some(current) = event_loop::current() {
            let (queue, env) = (queue.clone(), current.env());
            current.spawn(async move {
                while let Some((kind, fields)) = queue.pop().await {
                    tell(env, watcher, kind, fields);
                }
                tell(env, watcher, "end", Value::Undefined);
            });
        }
        Self { queue, client_id, trace: Arc::new(AtomicBool::new(trace)) }
    }

    /// Called on the IO thread: it hands on what JavaScript is to know, and wakes it for nothing else.
    pub(crate) fn observer(&self) -> Observer {
        let (queue, client_id) = (self.queue.clone(), self.client_id.clone());
        Arc::new(move |event| {
            if let Some(told) = told(event, &client_id) {
                queue.push(Some(told));
            }
        })
    }

    /// Whether each request and heartbeat is told.
    pub(crate) fn switch(&self) -> Arc<AtomicBool> {
        self.trace.clone()
    }

    pub(crate) fn set(&self, trace: bool) {
        self.trace.store(trace, Ordering::Relaxed);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.queue.push(None);
    }
}

/// Calls JavaScript's function, which throws nothing that anybody could be told of.
fn tell(env: sys::napi_env, watcher: u32, kind: &str, fields: Value) {
    let function = event_loop::current().and_then(|current| current.tell.borrow().as_ref().map(Reference::get));
    if let Some(function) = function {
        raw::call_quietly(env, function, &[raw::double(env, f64::from(watcher)), raw::string(env, kind), fields.into_js(env)]);
    }
}

/// `setTell(function)`: who is told what happens to clients.
pub(crate) unsafe extern "C" fn set_tell(env: sys::napi_env, info: sys::napi_callback_info) -> Raw {
    raw::guarded(env, || {
        let [function] = raw::arguments(env, info);
        if let Some(current) = event_loop::current() {
            current.tell.replace(Some(Reference::new(env, function)));
        }
        raw::undefined(env)
    })
}

fn text(text: &Text) -> Value {
    text.as_str().into()
}

fn texts(texts: &[Text]) -> Value {
    Value::list(texts.iter().map(text))
}

fn log(level: &str, error: Error) -> (&'static str, Value) {
    ("log", Value::Object(vec![("level", level.into()), ("error", Value::Error(error))]))
}

fn member(member: &GroupMember) -> Vec<(&'static str, Value)> {
    let GroupMember { group_id, member_id, generation } = member;
    vec![("groupId", text(group_id)), ("memberId", text(member_id)), ("generationId", (*generation).into())]
}

/// What JavaScript is told of an event, if anything.
fn told(event: ClientEvent, client_id: &str) -> Option<(&'static str, Value)> {
    Some(match event {
        ClientEvent::BrokerDown(error) | ClientEvent::AllBrokersDown(error) => log("warn", error),
        ClientEvent::ProducerEnded(error) => log("error", error),
        ClientEvent::BrokerUp { broker, address } => {
            ("up", Value::Object(vec![("nodeId", broker.into()), ("broker", address.into())]))
        }
        ClientEvent::BrokersUp => ("up", Value::Object(Vec::new())),
        ClientEvent::UnsubscribedTopics { member: of, assigned, subscribed } => {
            let mut fields = member(&of);
            fields.extend([("assignedTopics", texts(&assigned)), ("topicsSubscribed", texts(&subscribed))]);
            ("unsubscribed", Value::Object(fields))
        }
        ClientEvent::Heartbeat(of) => ("heartbeat", Value::Object(member(&of))),
        ClientEvent::Request(trace) => request(trace, client_id)?,
        ClientEvent::RequestQueue { address, size, .. } => {
            let size = Value::Number(f64::from(u32::try_from(size).unwrap_or(u32::MAX)));
            ("queue", Value::Object(vec![("broker", address.into()), ("clientId", client_id.into()), ("queueSize", size)]))
        }
        _ => return None,
    })
}

/// Times as KafkaJS has them: whole milliseconds, since the epoch when it was made and sent.
fn request(trace: RequestTrace, client_id: &str) -> Option<(&'static str, Value)> {
    let ms = |duration: std::time::Duration| (duration.as_secs_f64() * 1000.0).round();
    let sent = (now_ms() - trace.duration.as_secs_f64() * 1000.0).round();
    let mut fields = vec![
        ("apiKey", i32::from(trace.api_key).into()),
        ("apiName", if trace.api_name == "FindCoordinator" { "GroupCoordinator" } else { trace.api_name }.into()),
        ("apiVersion", i32::from(trace.api_version).into()),
        ("broker", trace.address.into()),
        ("clientId", client_id.into()),
        ("correlationId", trace.correlation_id.into()),
        ("createdAt", Value::Number(sent - ms(trace.pending))),
        ("sentAt", Value::Number(sent)),
        ("pendingDuration", Value::Number(ms(trace.pending))),
    ];
    let size = match trace.end {
        RequestEnd::TimedOut => return Some(("timeout", Value::Object(fields))),
        RequestEnd::Answered { bytes } => u32::try_from(bytes).unwrap_or(u32::MAX),
        RequestEnd::Written => 0,
        // KafkaJS tells of none that failed with its connection.
        _ => return None,
    };
    fields.extend([("duration", Value::Number(ms(trace.duration))), ("size", Value::Number(f64::from(size)))]);
    Some(("request", Value::Object(fields)))
}
