//! The broker for tests, driven by words: each language passes what its users write, and adds nothing.

use std::sync::{Mutex, MutexGuard, PoisonError};

use ottla::{Error, ErrorKind};
use ottla_broker::{ApiKey, Broker, Effect, ErrorCode, Rule, RuleId};

/// A broker (or several) in this process.
pub struct TestBroker {
    broker: Mutex<Option<Broker>>,
    bootstrap_servers: String,
}

fn wrong(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidArgument, what.into())
}

fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T, Error> {
    value.parse().map_err(|_| wrong(format!("{name}: {value:?} is no number, or one that is not allowed there")))
}

fn truth(name: &str, value: &str) -> Result<bool, Error> {
    match value {
        "true" | "True" | "1" => Ok(true),
        "false" | "False" | "0" => Ok(false),
        _ => Err(wrong(format!("{name}: {value:?} is neither true nor false"))),
    }
}

fn failed(error: ottla_broker::Error) -> Error {
    Error::new(ErrorKind::InvalidArgument, "the test broker refused").with_source(error)
}

impl TestBroker {
    /// Starts one on free ports of 127.0.0.1. Options: `brokers` (how many), `partitions` (of a topic that nobody sized),
    /// `topic` (`name` or `name:partitions`, may repeat), `auto_create` (`true`, `false`), `journal` (how many requests to keep),
    /// `seed`, and any property of a broker by Kafka's name.
    ///
    /// # Errors
    /// If there is no such option, it can't have this value, or no broker can be started.
    pub fn start<'a>(options: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, Error> {
        let mut builder = Broker::builder();
        for (name, value) in options {
            builder = match name {
                "brokers" => builder.brokers(number(name, value)?),
                "partitions" => builder.partitions(number(name, value)?).map_err(failed)?,
                "topic" => match value.split_once(':') {
                    Some((topic, partitions)) => builder.topic(topic, number(name, partitions)?),
                    None => builder.topic_of_default_size(value),
                },
                "auto_create" => builder.auto_create(truth(name, value)?),
                "journal" => builder.journal(number(name, value)?),
                "seed" => builder.seed(number(name, value)?),
                _ => builder.config(name, value).map_err(failed)?,
            };
        }
        let broker = builder.start().map_err(failed)?;
        Ok(Self { bootstrap_servers: broker.bootstrap_servers().to_owned(), broker: Mutex::new(Some(broker)) })
    }

    /// `HOST:PORT` of each broker, joined by commas.
    #[must_use]
    pub fn bootstrap_servers(&self) -> &str {
        &self.bootstrap_servers
    }

    fn lock(&self) -> MutexGuard<'_, Option<Broker>> {
        self.broker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, act: impl FnOnce(&Broker) -> Result<T, ottla_broker::Error>) -> Result<T, Error> {
        match &*self.lock() {
            Some(broker) => act(broker).map_err(failed),
            None => Err(Error::new(ErrorKind::Closed, "the test broker was stopped")),
        }
    }

    /// Ends it, all brokers of it. What it held is gone.
    pub fn stop(&self) {
        let broker = self.lock().take();
        drop(broker);
    }

    /// Stops one broker, as if it had been killed: its leaders move, its connections close. What it stores stays.
    ///
    /// # Errors
    /// If there is no such broker.
    pub fn stop_broker(&self, id: i32) -> Result<(), Error> {
        self.with(|broker| broker.stop_broker(id))
    }

    /// Starts a broker again that was stopped, on its old port.
    ///
    /// # Errors
    /// If there is no such broker, or its port is taken.
    pub fn restart_broker(&self, id: i32) -> Result<(), Error> {
        self.with(|broker| broker.restart_broker(id))
    }

    /// Moves a partition's leader.
    ///
    /// # Errors
    /// If there is no such partition or broker.
    pub fn move_leader(&self, topic: &str, partition: i32, broker: i32) -> Result<(), Error> {
        self.with(|brokers| brokers.move_leader(topic, partition, broker))
    }

    /// Creates a topic.
    ///
    /// # Errors
    /// If it exists, or can't be named so.
    pub fn create_topic(&self, name: &str, partitions: i32) -> Result<(), Error> {
        self.with(|broker| broker.create_topic(name, partitions))
    }

    /// Adds a fault. Conditions: `api` (`Produce`), `topic`, `partition`, `group`, `transactional_id`, `client_id`, `broker`,
    /// `connection`, `skip` (so many first), `times` (so many are struck), `probability`. What happens, one of: `error` (a code's
    /// name or number), `delay_ms`, `throttle_ms`, `close`, `silence`, `truncate` (bytes that are kept), `corrupt` (bits),
    /// `wrong_crc`, `stale_metadata` (versions); with `applied` where the request may be carried out all the same.
    ///
    /// # Errors
    /// If a word is unknown, a value is not allowed, or no effect or more than one is named.
    pub fn add_fault<'a>(&self, words: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<u64, Error> {
        let rule = rule(words)?;
        self.with(|broker| broker.add_fault(rule)).map(|id| id.0)
    }

    /// How often a fault struck.
    ///
    /// # Errors
    /// If the broker was stopped.
    pub fn fault_hits(&self, id: u64) -> Result<u64, Error> {
        self.with(|broker| Ok(broker.fault_hits(RuleId(id))))
    }

    /// Removes a fault; whether there was one.
    ///
    /// # Errors
    /// If the broker was stopped.
    pub fn remove_fault(&self, id: u64) -> Result<bool, Error> {
        self.with(|broker| Ok(broker.remove_fault(RuleId(id)).is_some()))
    }

    /// Removes all faults.
    ///
    /// # Errors
    /// If the broker was stopped.
    pub fn clear_faults(&self) -> Result<(), Error> {
        self.with(|broker| {
            broker.clear_faults();
            Ok(())
        })
    }

    /// How many requests of an API the journal has seen (option `journal`).
    ///
    /// # Errors
    /// If there is no such API, or the broker was stopped.
    pub fn requests(&self, api: &str) -> Result<usize, Error> {
        let key = api_key(api)?;
        self.with(|broker| Ok(broker.journal().count(|entry| entry.api == key)))
    }
}

fn api_key(name: &str) -> Result<ApiKey, Error> {
    let found = (0..=i16::from(u8::MAX)).filter_map(|key| ApiKey::try_from(key).ok());
    found.into_iter().find(|key| key.name().eq_ignore_ascii_case(name)).ok_or_else(|| wrong(format!("there is no API {name:?}")))
}

fn error_code(value: &str) -> Result<ErrorCode, Error> {
    if let Ok(code) = value.parse() {
        return Ok(ErrorCode::from_code(code));
    }
    let named = (-1..=200).map(ErrorCode::from_code).find(|code| code.name() == value);
    named.ok_or_else(|| wrong(format!("there is no error code {value:?}")))
}

fn rule<'a>(words: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Rule, Error> {
    // Whatever effect stands here is replaced, or the rule refused.
    let mut rule = Rule::new(Effect::WrongCrc);
    let (mut effects, mut is_applied) = (Vec::new(), false);
    for (name, value) in words {
        match name {
            "api" => rule.api = Some(api_key(value)?),
            "topic" => rule.topic = Some(value.to_owned()),
            "partition" => rule.partition = Some(number(name, value)?),
            "group" => rule.group = Some(value.to_owned()),
            "transactional_id" => rule.transactional_id = Some(value.to_owned()),
            "client_id" => rule.client_id = Some(value.to_owned()),
            "broker" => rule.broker = Some(number(name, value)?),
            "connection" => rule.connection = Some(number(name, value)?),
            "skip" => rule.skip = number(name, value)?,
            "times" => rule.times = Some(number(name, value)?),
            "probability" => rule.probability = number(name, value)?,
            "applied" => is_applied = truth(name, value)?,
            "error" => effects.push(Effect::Error { code: error_code(value)?, applied: false }),
            "delay_ms" => effects.push(Effect::Delay { ms: number(name, value)?, applied: false }),
            "throttle_ms" => effects.push(Effect::Throttle { ms: number(name, value)? }),
            "truncate" => effects.push(Effect::Truncate { keep: number(name, value)? }),
            "corrupt" => effects.push(Effect::Corrupt { bits: number(name, value)? }),
            "stale_metadata" => effects.push(Effect::StaleMetadata { versions: number(name, value)? }),
            "close" if truth(name, value)? => effects.push(Effect::Close { applied: false }),
            "silence" if truth(name, value)? => effects.push(Effect::Silence { applied: false }),
            "wrong_crc" if truth(name, value)? => effects.push(Effect::WrongCrc),
            "close" | "silence" | "wrong_crc" => {}
            _ => return Err(wrong(format!("a fault knows no word {name:?}"))),
        }
    }
    let mut effects = effects.into_iter();
    let (Some(mut effect), None) = (effects.next(), effects.next()) else {
        return Err(wrong("a fault needs one effect: error, delay_ms, throttle_ms, close, silence, truncate, corrupt, ..."));
    };
    match &mut effect {
        Effect::Error { applied, .. }
        | Effect::Delay { applied, .. }
        | Effect::Close { applied }
        | Effect::Silence { applied } => {
            *applied = is_applied;
        }
        _ if is_applied => return Err(wrong("applied: this effect has no choice there")),
        _ => {}
    }
    rule.effect = effect;
    Ok(rule)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_rules_and_wrong_words_are_named() {
        let words = [("api", "Produce"), ("topic", "t"), ("partition", "0"), ("error", "NOT_LEADER_OR_FOLLOWER"), ("times", "2")];
        let expected = Rule {
            api: Some(ApiKey::Produce),
            topic: Some("t".into()),
            partition: Some(0),
            times: Some(2),
            ..Rule::new(Effect::Error { code: ErrorCode::from_code(6), applied: false })
        };
        assert_eq!(rule(words).unwrap(), expected);
        let text = |words: &[(&'static str, &'static str)]| rule(words.iter().copied()).unwrap_err().to_string();
        assert!(text(&[("apy", "Produce")]).contains("\"apy\""));
        assert!(text(&[("api", "Produze")]).contains("\"Produze\""));
        assert!(text(&[("error", "NOPE")]).contains("\"NOPE\""));
        assert!(text(&[("api", "Produce")]).contains("one effect"));
        assert!(text(&[("close", "true"), ("silence", "true")]).contains("one effect"));
        assert!(text(&[("wrong_crc", "true"), ("applied", "true")]).contains("no choice"));
    }

    #[test]
    fn a_stopped_broker_says_so() {
        let broker = TestBroker::start([("topic", "t:3"), ("journal", "100")]).unwrap();
        let id = broker.add_fault([("api", "Fetch"), ("delay_ms", "5")]).unwrap();
        assert_eq!((broker.fault_hits(id).unwrap(), broker.requests("fetch").unwrap()), (0, 0));
        assert!(broker.remove_fault(id).unwrap() && !broker.remove_fault(id).unwrap());
        broker.stop();
        assert_eq!(broker.create_topic("u", 1).unwrap_err().kind(), ErrorKind::Closed);
        let error = TestBroker::start([("no.such.property", "1")]).err().expect("refused");
        assert!(error.to_string().contains("no.such.property"), "{error}");
    }
}
