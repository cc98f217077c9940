//! Statistics as JSON, with librdkafka's names for what both know.
//!
//! What librdkafka counts and Ottla does not is left out, not told as 0: a dashboard shows a gap instead of a lie.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ottla::{ClientSnapshot, ConsumerSnapshot, GroupState, ProducerSnapshot};
use serde_json::{Map, Value, json};

/// Whose statistics they are.
pub struct Statistics {
    name: String,
    client_id: String,
    kind: &'static str,
    begin: Instant,
}

/// One reading of all that a client counts.
#[derive(Default)]
pub struct Reading {
    /// Of the client.
    pub client: ClientSnapshot,
    /// Of its producer, if it is one.
    pub producer: Option<ProducerSnapshot>,
    /// Of its consumer, if it is one.
    pub consumer: Option<ConsumerSnapshot>,
    /// How its consumer stands in its group.
    pub group: Option<GroupState>,
    /// Events that wait to be served.
    pub waiting: usize,
    /// Records taken and not reported.
    pub outstanding: u64,
    /// Bytes of the producer's buffer in use.
    pub buffered_bytes: u64,
}

fn micros(duration: Option<Duration>) -> Value {
    duration.map_or(Value::Null, |duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX).into())
}

impl Statistics {
    /// Statistics of a client from now on. `kind`: `producer` or `consumer`.
    #[must_use]
    pub fn new(name: &str, client_id: &str, kind: &'static str) -> Self {
        Self { name: name.to_owned(), client_id: client_id.to_owned(), kind, begin: Instant::now() }
    }

    /// The JSON text.
    #[must_use]
    pub fn json(&self, reading: &Reading) -> String {
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut all = json!({
            "name": self.name,
            "client_id": self.client_id,
            "type": self.kind,
            "ts": micros(Some(self.begin.elapsed())),
            "time": time.as_secs(),
            "age": micros(Some(self.begin.elapsed())),
            "replyq": reading.waiting,
            "tx": reading.client.requests,
        });
        let Value::Object(fields) = &mut all else { return String::new() };
        let mut put = |name: &str, value: Value| drop(fields.insert(name.to_owned(), value));
        put("ottla", ours(reading));
        if let Some(producer) = &reading.producer {
            put("msg_cnt", reading.outstanding.into());
            put("msg_size", reading.buffered_bytes.into());
            put("txmsgs", producer.records_written.into());
            put("txmsg_bytes", producer.bytes_written.into());
        }
        if let Some(consumer) = &reading.consumer {
            put("rxmsgs", consumer.records_fetched.into());
            put("rxmsg_bytes", consumer.bytes_fetched.into());
            put("topics", topics(consumer));
        }
        if let Some(group) = &reading.group {
            let state = json!({
                "state": if group.generation >= 0 { "up" } else { "init" },
                "stateage": group.since.as_millis(),
                "join_state": group.state,
                "rebalance_cnt": group.rebalances,
                "assignment_size": group.owned.len(),
            });
            put("cgrp", state);
        }
        all.to_string()
    }
}

/// What librdkafka has no name for.
fn ours(reading: &Reading) -> Value {
    let client = &reading.client;
    let mut all = json!({
        "connections": client.connections,
        "connects": client.connects,
        "connection_failures": client.connection_failures,
        "request_timeouts": client.request_timeouts,
        "metadata_refreshes": client.metadata_refreshes,
        "metadata_failures": client.metadata_failures,
    });
    let Value::Object(fields) = &mut all else { return all };
    if let Some(producer) = &reading.producer {
        let counts = json!({
            "requests": producer.requests,
            "batches": producer.batches,
            "bytes_sent": producer.bytes_sent,
            "records_failed": producer.records_failed,
            "retries": producer.retries,
            "splits": producer.splits,
            "throttle_us": micros(Some(producer.throttle_time)),
            "delivery_latency_p50_us": micros(producer.delivery_latency_p50),
            "delivery_latency_p99_us": micros(producer.delivery_latency_p99),
        });
        fields.insert("producer".to_owned(), counts);
    }
    if let Some(consumer) = &reading.consumer {
        let counts = json!({
            "fetch_requests": consumer.fetch_requests,
            "follower_fetches": consumer.follower_fetches,
            "fetch_failures": consumer.fetch_failures,
            "records_consumed": consumer.records_consumed,
            "bytes_consumed": consumer.bytes_consumed,
            "bytes_held": consumer.bytes_held,
            "errors": consumer.errors,
            "truncations": consumer.truncations,
            "resets": consumer.resets,
            "throttle_us": micros(Some(consumer.throttle_time)),
            "fetch_latency_p50_us": micros(consumer.fetch_latency_p50),
            "fetch_latency_p99_us": micros(consumer.fetch_latency_p99),
        });
        fields.insert("consumer".to_owned(), counts);
    }
    all
}

fn topics(consumer: &ConsumerSnapshot) -> Value {
    let mut topics = Map::new();
    for (key, lag) in &consumer.lag {
        let topic =
            topics.entry(key.topic.to_string()).or_insert_with(|| json!({ "topic": key.topic.to_string(), "partitions": {} }));
        if let Some(Value::Object(partitions)) = topic.get_mut("partitions") {
            partitions.insert(key.partition.to_string(), json!({ "partition": key.partition, "consumer_lag": lag }));
        }
    }
    topics.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_producers_statistics_have_librdkafkas_names_and_no_consumers_fields() {
        let statistics = Statistics::new("rdkafka#producer-1", "me", "producer");
        let reading = Reading { producer: Some(ProducerSnapshot::default()), outstanding: 3, ..Reading::default() };
        let json: Value = serde_json::from_str(&statistics.json(&reading)).unwrap();
        let text = |name: &str| json.get(name).cloned().unwrap_or_default();
        assert_eq!((text("name"), text("type"), text("msg_cnt")), ("rdkafka#producer-1".into(), "producer".into(), 3.into()));
        assert!(json.get("rxmsgs").is_none() && json.get("cgrp").is_none());
    }
}
