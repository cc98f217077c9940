//! The data file: scenarios as they are written, and as a runner is given them.

use std::path::Path;

use serde_json::{Map, Value, json};

use crate::{Failure, keys};

/// All that the data file says.
pub(crate) struct Data {
    /// How each face names errors, by our name; where it does not say, the face has our name.
    names: Value,
    pub(crate) scenarios: Vec<Scenario>,
    folder: std::path::PathBuf,
}

/// A scenario of the data file.
pub(crate) struct Scenario {
    pub(crate) name: String,
    written: Value,
}

impl Data {
    pub(crate) fn read(folder: &Path) -> Result<Self, Failure> {
        let mut data: Value = serde_json::from_str(&std::fs::read_to_string(folder.join("scenarios.json"))?)?;
        let written = data["scenarios"].take();
        let scenarios: Vec<Scenario> = written.as_array().into_iter().flatten().map(Scenario::of).collect::<Result<_, _>>()?;
        Ok(Self { names: data["names"].take(), scenarios, folder: folder.to_owned() })
    }

    /// What a face calls an error.
    pub(crate) fn name<'a>(&'a self, error: &'a str, face: &str) -> &'a str {
        self.names[error][face].as_str().unwrap_or(error)
    }

    /// What a runner is given: everything is spelt out, bytes are hex, and what is expected is not told.
    pub(crate) fn given(&self, scenario: &Scenario, face: &str, servers: &str) -> Value {
        let topic = scenario.topic(face);
        let steps: Vec<Value> = scenario.steps().iter().map(|step| self.given_step(step)).collect();
        let producer = json!({"bootstrap.servers": servers, "linger.ms": "0"});
        let consumer = json!({"bootstrap.servers": servers, "group.id": topic, "auto.offset.reset": "earliest"});
        json!({
            "topic": scenario.written["topic"].as_str().unwrap_or(&topic),
            "producer": merged(producer, &scenario.written["producer"]),
            "consumer": merged(consumer, &scenario.written["consumer"]),
            "steps": steps,
        })
    }

    fn given_step(&self, step: &Value) -> Value {
        let one = |(name, argument): (&String, &Value)| {
            let argument = match argument {
                Value::Object(plan) if plan.contains_key("while_both") => {
                    plan.iter().map(|(name, records)| (name.clone(), Value::Array(self.records(records)))).collect()
                }
                Value::Object(_) if name == "send_again" => record(argument),
                Value::Number(_) | Value::String(_) if name != "send_together" => argument.clone(),
                _ => self.records(argument).into(),
            };
            (name.clone(), argument)
        };
        step.as_object().map(|step| step.iter().map(one).collect::<Map<_, _>>()).unwrap_or_default().into()
    }

    /// Records with their bytes in hex; "keys" stands for a record for each of the keys.
    pub(crate) fn records(&self, written: &Value) -> Vec<Value> {
        match written {
            Value::Array(records) => records.iter().map(record).collect(),
            _ => keys::all().iter().map(|key| json!({"key": hex(key), "value": null})).collect(),
        }
    }

    /// On which partition each key is to be.
    pub(crate) fn partitions(&self, partitioner: &str) -> Result<Vec<i32>, Failure> {
        Ok(keys::partitions(&self.folder, partitioner)?)
    }
}

impl Scenario {
    fn of(written: &Value) -> Result<Self, Failure> {
        let name = written["name"].as_str().ok_or("a scenario has no name")?.to_owned();
        let count = |what: &str| written[what].as_array().map_or(0, Vec::len);
        let asks = written["steps"].as_array().into_iter().flatten().filter(|step| step.get("ask").is_some()).count();
        if count("steps") - asks != count("expect") {
            return Err(format!("{name}: not each step but \"ask\" has one outcome that is expected").into());
        }
        Ok(Self { name, written: written.clone() })
    }

    /// The topic of a face: a name of its own, so that all run at once.
    pub(crate) fn topic(&self, face: &str) -> String {
        let name: String = self.name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        format!("{face}-{name}")
    }

    /// How many partitions its topic is created with; none: it is not created.
    pub(crate) fn partitions(&self) -> Option<i32> {
        self.written["partitions"].as_i64().and_then(|partitions| i32::try_from(partitions).ok())
    }

    pub(crate) fn topic_config(&self) -> impl Iterator<Item = (&String, &str)> {
        let config = self.written["topic_config"].as_object();
        config.into_iter().flatten().map(|(name, value)| (name, value.as_str().unwrap_or_default()))
    }

    pub(crate) fn steps(&self) -> &[Value] {
        self.written["steps"].as_array().map_or(&[], Vec::as_slice)
    }

    /// The outcomes that are expected of a face.
    pub(crate) fn expected(&self, face: &str) -> &[Value] {
        let own = &self.written["differs"][face]["expect"];
        let all = if own.is_array() { own } else { &self.written["expect"] };
        all.as_array().map_or(&[], Vec::as_slice)
    }

    /// Whether it has something done to the brokers.
    pub(crate) fn asks(&self) -> bool {
        self.steps().iter().any(|step| step.get("ask").is_some())
    }

    /// The codec that the batches in the log are to have, if it matters.
    pub(crate) fn codec(&self) -> Option<&str> {
        self.written["codec_in_log"].as_str()
    }

    /// All records that its "send" steps name.
    pub(crate) fn sent(&self, data: &Data) -> Vec<Value> {
        self.steps().iter().filter_map(|step| step.get("send")).flat_map(|records| data.records(records)).collect()
    }
}

fn merged(mut base: Value, more: &Value) -> Value {
    if let (Some(base), Some(more)) = (base.as_object_mut(), more.as_object()) {
        base.extend(more.clone());
    }
    base
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes as the data file writes them, in hex: null, a text, {"hex": ...}, or {"repeat": TEXT, "times": N}.
pub(crate) fn bytes(written: &Value) -> Value {
    match written {
        Value::String(text) => hex(text.as_bytes()).into(),
        Value::Object(what) => match (what.get("repeat"), what.get("times")) {
            (Some(text), Some(times)) => {
                let times = times.as_u64().and_then(|times| usize::try_from(times).ok()).unwrap_or_default();
                hex(text.as_str().unwrap_or_default().repeat(times).as_bytes()).into()
            }
            _ => what.get("hex").cloned().unwrap_or_default(),
        },
        _ => Value::Null,
    }
}

fn record(written: &Value) -> Value {
    let mut record = written.clone();
    record["key"] = bytes(&written["key"]);
    record["value"] = bytes(&written["value"]);
    if let Some(headers) = written["headers"].as_array() {
        record["headers"] = headers.iter().map(|header| json!([header[0], bytes(&header[1])])).collect();
    }
    record
}
