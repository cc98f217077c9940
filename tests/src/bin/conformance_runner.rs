//! The runner for Rust of the conformance scenarios: `ottla`'s calls as its users write them. tests/conformance/README.md tells
//! the protocol.

#![allow(clippy::indexing_slicing, reason = "of JSON, where what is not there is null")]

use std::error::Error as StdError;
use std::io::{BufRead, Write};
use std::time::{Duration, Instant};

use ottla::{BatchCursor, Client, ClientBuilder, Consumer, Delivery, Error, ErrorKind, Producer, Record, StartAt};
use serde_json::{Map, Value, json};

/// Longer than anything takes that works.
const PATIENCE: Duration = Duration::from_secs(60);

/// What no scenario expects, and ends the runner.
type Broken = Box<dyn StdError>;

/// An outcome of a step: an error of the client's is one too.
enum Failure {
    Client(Error),
    Broken(Broken),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Client(error)
    }
}

impl From<&str> for Failure {
    fn from(what: &str) -> Self {
        Self::Broken(what.into())
    }
}

fn put(line: &Value) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

fn take() -> Result<Option<Value>, Broken> {
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line)?;
    Ok(if read == 0 { None } else { Some(serde_json::from_str(&line)?) })
}

fn decoded(value: &Value) -> Result<Option<Vec<u8>>, Failure> {
    let Some(text) = value.as_str() else { return Ok(None) };
    let byte = |at: usize| text.get(at..at + 2).and_then(|two| u8::from_str_radix(two, 16).ok()).ok_or("no hex");
    Ok(Some((0..text.len()).step_by(2).map(byte).collect::<Result<_, _>>()?))
}

fn encoded(bytes: Option<&[u8]>) -> Value {
    bytes.map(|bytes| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()).into()
}

fn failed(error: &Error) -> Value {
    json!({"error": error.name(), "says": error.to_string()})
}

fn list(value: &Value) -> Result<&[Value], Failure> {
    Ok(value.as_array().ok_or("no list")?)
}

/// A record's bytes, which a [`Record`] borrows.
struct Parts {
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Option<Vec<u8>>)>,
    partition: Option<i32>,
    timestamp: Option<i64>,
}

impl Parts {
    fn of(record: &Value) -> Result<Self, Failure> {
        let mut headers = Vec::new();
        for header in record["headers"].as_array().into_iter().flatten() {
            headers.push((header[0].as_str().unwrap_or_default().to_owned(), decoded(&header[1])?));
        }
        Ok(Self {
            key: decoded(&record["key"])?,
            value: decoded(&record["value"])?,
            headers,
            partition: record["partition"].as_i64().and_then(|partition| i32::try_from(partition).ok()),
            timestamp: record["timestamp"].as_i64(),
        })
    }

    fn record<'a>(&'a self, topic: &'a str) -> Record<'a> {
        let mut record = Record::to(topic);
        if let Some(key) = &self.key {
            record = record.key(key);
        }
        if let Some(value) = &self.value {
            record = record.value(value);
        }
        for (name, value) in &self.headers {
            record = match value {
                Some(value) => record.header(name, value),
                None => record.null_header(name),
            };
        }
        if let Some(partition) = self.partition {
            record = record.partition(partition);
        }
        if let Some(timestamp) = self.timestamp {
            record = record.timestamp(timestamp);
        }
        record
    }
}

/// A record that was read, with where it lies, to be sorted by.
type Read = ((i32, i64), Value);

/// A member of a group.
struct Member {
    consumer: Consumer,
    cursor: Option<BatchCursor>,
}

impl Member {
    /// The next record if one comes in time.
    fn poll(&mut self, limit: Duration) -> Result<Option<Read>, Failure> {
        if self.cursor.is_none() {
            self.cursor = self.consumer.next_blocking(limit)?.map(ottla::FetchedBatch::into_cursor);
        }
        let Some(cursor) = &mut self.cursor else { return Ok(None) };
        let partition = cursor.batch().partition();
        let Some(record) = cursor.next() else {
            self.cursor = None;
            return Ok(None);
        };
        let headers: Vec<Value> = record.headers.iter().map(|header| json!([header.key, encoded(header.value)])).collect();
        let value = json!({
            "at": [partition, record.offset],
            "key": encoded(record.key),
            "value": encoded(record.value),
            "headers": headers,
            "timestamp": record.timestamp,
        });
        Ok(Some(((partition, record.offset), value)))
    }
}

/// A scenario under way.
struct Scenario {
    scenario: Value,
    topic: String,
    producer: Option<Producer>,
}

impl Scenario {
    fn new(scenario: Value) -> Self {
        let topic = scenario["topic"].as_str().unwrap_or_default().to_owned();
        Self { scenario, topic, producer: None }
    }

    fn run(&mut self, step: &Value) -> Result<(), Broken> {
        let Some((name, argument)) = step.as_object().and_then(|step| step.iter().next()) else {
            return Err("a step has one name".into());
        };
        let outcome = match name.as_str() {
            "ask" => {
                put(&json!({"ask": argument}))?;
                take()?;
                return Ok(());
            }
            "send" => self.send(argument),
            "send_again" => self.send_again(argument),
            "send_together" => self.send_together(argument),
            "read" => self.member().and_then(|member| read(member, argument)),
            "read_assigned" => self.assigned().and_then(|member| read(member, argument)),
            "members" => self.members(argument),
            _ => return Err(format!("there is no step {name}").into()),
        };
        match outcome {
            Ok(outcome) => put(&json!({"outcome": outcome}))?,
            Err(Failure::Client(error)) => put(&json!({"outcome": failed(&error)}))?,
            Err(Failure::Broken(broken)) => return Err(broken),
        }
        Ok(())
    }

    /// A client with the scenario's properties for a producer or a consumer.
    fn client(&self, which: &str) -> Result<Client, Failure> {
        let properties: &Map<String, Value> = self.scenario[which].as_object().ok_or("no properties")?;
        let set =
            |builder: ClientBuilder, (name, value): (&String, &Value)| builder.set(name, value.as_str().unwrap_or_default());
        Ok(properties.iter().try_fold(Client::builder(), set)?.build()?)
    }

    fn producer(&mut self) -> Result<&Producer, Failure> {
        if self.producer.is_none() {
            self.producer = Some(self.client("producer")?.producer()?);
        }
        Ok(self.producer.as_ref().ok_or("a producer")?)
    }

    fn send(&mut self, records: &Value) -> Result<Value, Failure> {
        self.producer()?;
        let mut outcomes = Vec::new();
        for record in list(records)? {
            outcomes.push(match self.begin(record).and_then(|delivery| Ok(delivery.wait()?)) {
                Ok(written) => json!({"partition": written.partition, "offset": written.offset}),
                Err(Failure::Client(error)) => failed(&error),
                Err(broken) => return Err(broken),
            });
        }
        Ok(outcomes.into())
    }

    /// Sends a record until it is written.
    fn send_again(&mut self, record: &Value) -> Result<Value, Failure> {
        let end = Instant::now() + PATIENCE;
        loop {
            match self.begin(record)?.wait() {
                Ok(written) => return Ok(json!({"partition": written.partition})),
                Err(error) if error.kind() == ErrorKind::MsgTimedOut && Instant::now() < end => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn begin(&mut self, record: &Value) -> Result<Delivery, Failure> {
        let (parts, topic) = (Parts::of(record)?, self.topic.clone());
        Ok(self.producer()?.send_blocking(parts.record(&topic))?)
    }

    fn send_together(&mut self, records: &Value) -> Result<Value, Failure> {
        let deliveries = list(records)?.iter().map(|record| self.begin(record)).collect::<Result<Vec<_>, _>>()?;
        let delivered = deliveries.len();
        for delivery in deliveries {
            delivery.wait()?;
        }
        Ok(json!({"delivered": delivered}))
    }

    fn member(&self) -> Result<Member, Failure> {
        let consumer = self.client("consumer")?.consumer()?;
        consumer.subscribe([&self.topic])?;
        Ok(Member { consumer, cursor: None })
    }

    /// A consumer to which the topic's first partition is assigned.
    fn assigned(&self) -> Result<Member, Failure> {
        let consumer = self.client("consumer")?.consumer()?;
        consumer.assign([(&self.topic, 0, StartAt::Beginning)]);
        Ok(Member { consumer, cursor: None })
    }

    /// Two members share the topic's two partitions; then the first leaves.
    fn members(&mut self, plan: &Value) -> Result<Value, Failure> {
        let (mut first, mut second) = (self.member()?, self.member()?);
        let (mut firsts, mut seconds) = (Vec::new(), Vec::new());
        let end = Instant::now() + PATIENCE;
        let (while_both, when_one_left) = (&plan["while_both"], &plan["when_one_left"]);
        let mut sent = false;
        while !sent || firsts.len() + seconds.len() < list(while_both)?.len() {
            if Instant::now() > end {
                return Err("two members did not share in time".into());
            }
            if !sent && [&first, &second].iter().all(|member| member.consumer.assignment().len() == 1) {
                self.send(while_both)?;
                sent = true;
            }
            firsts.extend(value_of(first.poll(Duration::from_millis(20))?));
            seconds.extend(value_of(second.poll(Duration::from_millis(20))?));
        }
        firsts.sort();
        seconds.sort();
        let mut shares = [firsts, seconds];
        shares.sort();
        drop(first.cursor.take());
        first.consumer.close().wait()?;
        let (mut left, mut sent) = (Vec::new(), false);
        while !sent || left.len() < list(when_one_left)?.len() {
            if Instant::now() > end {
                return Err("one member did not get all in time".into());
            }
            if !sent && second.consumer.assignment().len() == 2 {
                self.send(when_one_left)?;
                sent = true;
            }
            left.extend(value_of(second.poll(Duration::from_millis(20))?));
        }
        left.sort();
        second.consumer.close().wait()?;
        Ok(json!({"shares": shares, "left_to_one": left}))
    }

    fn close(self) -> Result<(), Broken> {
        if let Some(producer) = self.producer {
            producer.close_blocking()?;
        }
        Ok(())
    }
}

/// So many records, in the order of the log.
fn read(mut reader: Member, count: &Value) -> Result<Value, Failure> {
    let (count, end, mut got) = (count.as_u64().unwrap_or_default(), Instant::now() + PATIENCE, Vec::new());
    while (got.len() as u64) < count {
        if Instant::now() > end {
            return Err("not all records came in time".into());
        }
        got.extend(reader.poll(Duration::from_secs(1))?);
    }
    reader.consumer.close().wait()?;
    got.sort_by_key(|(at, _)| *at);
    Ok(got.into_iter().map(|(_, record)| record).collect())
}

fn value_of(read: Option<Read>) -> Option<String> {
    read.and_then(|(_, record)| record["value"].as_str().map(str::to_owned))
}

fn main() -> Result<(), Broken> {
    while let Some(line) = take()? {
        let mut running = Scenario::new(line.clone());
        for step in line["steps"].as_array().into_iter().flatten() {
            running.run(step)?;
        }
        running.close()?;
    }
    Ok(())
}
