//! Outcomes held against what the data file expects.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::Failure;
use crate::data::{Data, Scenario, bytes};

/// A timestamp that the client gave is no further from now, in ms.
const RECENT: i64 = 10 * 60 * 1000;
/// Longer values are shortened when they are shown.
const SHOWN: usize = 160;

/// What is wrong with a face's outcomes of a scenario, one line for each difference.
pub(crate) fn differences(data: &Data, scenario: &Scenario, face: &str, outcomes: &[Value]) -> Result<Vec<String>, Failure> {
    let mut found = Vec::new();
    let steps = scenario.steps().iter().filter(|step| step.get("ask").is_none());
    for ((step, expected), outcome) in steps.zip(scenario.expected(face)).zip(outcomes) {
        let name = step.as_object().and_then(|step| step.keys().next()).map_or("", String::as_str);
        let (expected, outcome) = (spelt_out(data, scenario, expected, outcome)?, with_times(outcome));
        let mut differences = Vec::new();
        compare(data, face, "", &expected, &outcome, &mut differences);
        found.extend(differences.into_iter().map(|difference| format!("{name}{difference}")));
    }
    if outcomes.len() != scenario.expected(face).len() {
        found.push(format!("{} outcomes where {} are expected", outcomes.len(), scenario.expected(face).len()));
    }
    Ok(found)
}

/// The short ways of writing an outcome in the data file, in full.
fn spelt_out(data: &Data, scenario: &Scenario, expected: &Value, outcome: &Value) -> Result<Value, Failure> {
    if expected == "written" {
        return Ok(positions(&scenario.sent(data))
            .map(|(partition, offset, _)| json!({"partition": partition, "offset": offset}))
            .collect());
    }
    if expected == "as sent" {
        return Ok(positions(&scenario.sent(data)).map(|(partition, offset, record)| read(record, partition, offset)).collect());
    }
    if let Some(partitioner) = expected["on"].as_str() {
        return on_partitions(data, partitioner, &expected["anywhere"], outcome);
    }
    if let Some(values) = expected["shares"].as_array() {
        let hex = |values: &Value| values.as_array().into_iter().flatten().map(bytes).collect::<Value>();
        return Ok(json!({"shares": values.iter().map(hex).collect::<Value>(), "left_to_one": hex(&expected["left_to_one"])}));
    }
    Ok(expected.clone())
}

/// Each record with its partition and its offset there.
fn positions(sent: &[Value]) -> impl Iterator<Item = (i64, usize, &Value)> {
    let partition = |record: &Value| record["partition"].as_i64().unwrap_or_default();
    sent.iter().enumerate().map(move |(at, record)| {
        let before = sent.iter().take(at).filter(|other| partition(other) == partition(record)).count();
        (partition(record), before, record)
    })
}

fn read(record: &Value, partition: i64, offset: usize) -> Value {
    json!({
        "at": [partition, offset],
        "key": record["key"],
        "value": record["value"],
        "headers": record.get("headers").cloned().unwrap_or_else(|| json!([])),
        "timestamp": record.get("timestamp").cloned().unwrap_or_else(|| json!("now")),
    })
}

/// The records as they were read, each with the partition that the reference client chose; keys `anywhere` may be on any.
fn on_partitions(data: &Data, partitioner: &str, anywhere: &Value, outcome: &Value) -> Result<Value, Failure> {
    let is_anywhere = |key: &str| anywhere.as_array().is_some_and(|keys| keys.iter().any(|one| one == key));
    let keys: Vec<Value> = data.records(&Value::Null).iter().map(|record| record["key"].clone()).collect();
    let expected = data.partitions(partitioner)?;
    let mut wanted: std::collections::BTreeMap<&str, Vec<i32>> = std::collections::BTreeMap::new();
    for (key, partition) in keys.iter().zip(&expected) {
        wanted.entry(key.as_str().unwrap_or_default()).or_default().push(*partition);
    }
    let records = outcome.as_array().cloned().unwrap_or_default();
    let on = |mut record: Value| {
        let key = record["key"].as_str().unwrap_or("a null key").to_owned();
        let found = wanted.get_mut(key.as_str()).and_then(Vec::pop);
        if found.is_some() && is_anywhere(&key) {
            return record;
        }
        record["at"][0] = found.map_or_else(|| json!("a key that was sent so often"), Value::from);
        record
    };
    let mut all: Vec<Value> = records.into_iter().map(on).collect();
    all.extend(wanted.into_values().flatten().map(|partition| json!({"at": [partition, "a record that is missing"]})));
    Ok(with_times(&all.into()))
}

/// Timestamps of the clients' own are "now".
fn with_times(outcome: &Value) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(0));
    let mut outcome = outcome.clone();
    for record in outcome.as_array_mut().into_iter().flatten() {
        if record["timestamp"].as_i64().is_some_and(|timestamp| (now - timestamp).abs() < RECENT) {
            record["timestamp"] = json!("now");
        }
    }
    outcome
}

fn compare(data: &Data, face: &str, place: &str, expected: &Value, outcome: &Value, found: &mut Vec<String>) {
    match (expected, outcome) {
        (Value::Object(error), _) if error.contains_key("error") => compare_errors(data, face, place, expected, outcome, found),
        (Value::Array(expected), Value::Array(outcome)) if expected.len() == outcome.len() => {
            for (at, (expected, outcome)) in expected.iter().zip(outcome).enumerate() {
                compare(data, face, &format!("{place}[{at}]"), expected, outcome, found);
            }
        }
        (Value::Object(expected), Value::Object(fields)) if fields.get("error").is_none() => {
            for (name, expected) in expected {
                compare(data, face, &format!("{place}.{name}"), expected, fields.get(name).unwrap_or(&Value::Null), found);
            }
        }
        _ if expected == outcome => {}
        _ => found.push(format!("{place}: expected {}, came {}", shown(expected), shown(outcome))),
    }
}

fn compare_errors(data: &Data, face: &str, place: &str, expected: &Value, outcome: &Value, found: &mut Vec<String>) {
    let error = expected["error"].as_str().unwrap_or_default();
    let name = data.name(error, face);
    if outcome["error"] != name {
        found.push(format!("{place}: expected {error} ({name} in this face), came {}", shown(outcome)));
    }
    // Where a face's peer has a code and no words, it has none either.
    if expected["silent"].as_array().is_some_and(|faces| faces.iter().any(|silent| silent == face)) {
        return;
    }
    let says = outcome["says"].as_str().unwrap_or_default();
    for hint in expected["says"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !says.contains(hint) {
            found.push(format!("{place}: the error does not say {hint:?}: {says}"));
        }
    }
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}... ({} characters)", text.get(..at).unwrap_or_default(), text.len()),
        None => text,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn data() -> Data {
        Data::read(&ottla_tests::kafka::workspace_root().join("tests/conformance")).unwrap()
    }

    fn found(data: &Data, name: &str, face: &str, outcomes: &[Value]) -> Vec<String> {
        let scenario = data.scenarios.iter().find(|scenario| scenario.name == name).unwrap();
        differences(data, scenario, face, outcomes).unwrap()
    }

    #[test]
    fn what_is_expected_is_no_difference_and_what_is_not_is() {
        let (data, name) = (data(), "an unknown partition");
        let outcome =
            |error: &str, says: &str, offset: i64| [json!([{"error": error, "says": says}, {"partition": 1, "offset": offset}])];
        assert_eq!(found(&data, name, "python", &outcome("_UNKNOWN_PARTITION", "no partition 7", 0)), [""; 0]);
        assert_eq!(found(&data, name, "node", &outcome("KafkaJSNonRetriableError UnknownPartition", "7", 0)), [""; 0]);
        assert_eq!(found(&data, name, "python", &outcome("_UNKNOWN_PARTITION", "no such one", 0)).len(), 1, "words");
        assert_eq!(found(&data, name, "node", &outcome("_UNKNOWN_PARTITION", "7", 0)).len(), 1, "another face's name");
        assert_eq!(found(&data, name, "c", &outcome("_UNKNOWN_TOPIC", "7", 1)).len(), 2, "a code and an offset");
        assert_eq!(found(&data, name, "c", &[json!([{"partition": 1, "offset": 0}])]).len(), 1, "a record less");
        assert_eq!(found(&data, name, "c", &[json!({"error": "_FAIL", "says": ""})]).len(), 1, "no producer at all");
        assert!(!found(&data, name, "c", &[]).is_empty(), "no outcome");
    }

    #[test]
    fn a_key_on_another_partition_is_a_difference() {
        let (data, name) = (data(), "keys by murmur2 as Java's client puts them");
        let partitions = data.partitions("murmur2").unwrap();
        let keys = data.records(&Value::Null);
        let record = |(key, partition): (&Value, i32)| json!({"at": [partition, 0], "key": key["key"], "value": null, "headers": [], "timestamp": 1});
        let mut read: Vec<Value> = keys.iter().zip(partitions).map(record).collect();
        let delivered = json!({"delivered": 10_000});
        assert_eq!(found(&data, name, "rust", &[delivered.clone(), read.clone().into()]), [""; 0]);
        read[17]["at"][0] = json!((read[17]["at"][0].as_i64().unwrap() + 1) % 17);
        assert_eq!(found(&data, name, "rust", &[delivered.clone(), read.clone().into()]).len(), 1);
        read.pop();
        assert!(!found(&data, name, "rust", &[delivered, read.into()]).is_empty());
    }
}
