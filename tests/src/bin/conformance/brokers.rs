//! The two kinds of brokers that the scenarios run against, and what a scenario may have done to them.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use ottla::{Client, NewTopic};
use ottla_broker::Broker;
use ottla_tests::kafka::{KafkaOptions, LiveKafka};

use crate::Failure;
use crate::data::Scenario;

/// No runner waits longer for the others.
const PATIENCE: Duration = Duration::from_secs(180);

/// One broker, which creates no topics by itself.
pub(crate) enum Brokers {
    Lite(Broker),
    Live(Box<LiveKafka>),
}

impl Brokers {
    pub(crate) fn lite() -> Result<Self, Failure> {
        Ok(Self::Lite(Broker::builder().auto_create(false).start()?))
    }

    pub(crate) fn live() -> Result<Self, Failure> {
        let options = KafkaOptions::default().property("auto.create.topics.enable", "false");
        Ok(Self::Live(Box::new(LiveKafka::try_start_with(&options)?)))
    }

    pub(crate) fn servers(&self) -> String {
        match self {
            Self::Lite(broker) => broker.bootstrap_servers().to_owned(),
            Self::Live(kafka) => kafka.bootstrap_servers().to_owned(),
        }
    }

    /// Creates each scenario's topic for each face.
    pub(crate) fn create_topics(&self, scenarios: &[&Scenario], faces: &[&str]) -> Result<(), Failure> {
        let client = Client::connect_blocking(&self.servers())?;
        let of_face = |face: &str| -> Result<(), Failure> {
            for (scenario, partitions) in scenarios.iter().filter_map(|scenario| Some((scenario, scenario.partitions()?))) {
                let topic = NewTopic::new(scenario.topic(face)).partitions(partitions).replication_factor(1);
                let topic = scenario.topic_config().fold(topic, |topic, (name, value)| topic.config(name, value));
                client.admin().create_topic_blocking(topic)?;
            }
            Ok(())
        };
        // The faces' topics side by side: each waits for its own.
        thread::scope(|scope| {
            let creating: Vec<_> = faces.iter().map(|face| scope.spawn(|| of_face(face))).collect();
            creating.into_iter().try_for_each(|created| created.join().map_err(|_| "a panic while creating topics")?)
        })
    }

    fn act(&mut self, what: &str) -> Result<(), Failure> {
        match (self, what) {
            (Self::Lite(broker), "stop") => Ok(broker.stop_broker(first(broker)?)?),
            (Self::Lite(broker), "restart") => Ok(broker.restart_broker(first(broker)?)?),
            (Self::Live(kafka), "stop") => {
                kafka.kill_broker(1);
                Ok(())
            }
            (Self::Live(kafka), "restart") => Ok(kafka.restart_broker(1)?),
            _ => Err(format!("nobody knows how to {what} a broker").into()),
        }
    }

    /// The codec's number in the attributes of each batch of partition 0, which is written in all of them.
    pub(crate) fn codecs(&self, topic: &str) -> Result<Vec<u8>, Failure> {
        let logs: Vec<Vec<u8>> = match self {
            Self::Lite(broker) => broker.stored_batches(topic, 0)?.iter().map(|batch| batch.to_vec()).collect(),
            Self::Live(kafka) => {
                vec![std::fs::read(kafka.data_folder(1).join(format!("{topic}-0/00000000000000000000.log")))?]
            }
        };
        logs.iter().flat_map(|log| codecs_in(log)).collect::<Option<_>>().ok_or_else(|| "a log ends within a batch".into())
    }
}

fn first(broker: &Broker) -> Result<i32, Failure> {
    Ok(broker.broker_ids().first().copied().ok_or("there is no broker")?)
}

/// Batch after batch: the length stands at byte 8, the attributes at byte 21.
fn codecs_in(mut log: &[u8]) -> Vec<Option<u8>> {
    let mut codecs = Vec::new();
    while !log.is_empty() {
        let length = log.get(8..12).and_then(|bytes| bytes.try_into().ok()).map(i32::from_be_bytes);
        let rest = length.and_then(|length| log.get(12 + usize::try_from(length).ok()?..));
        let Some(rest) = rest else {
            codecs.push(None);
            break;
        };
        codecs.push(log.get(22).map(|attributes| attributes & 7));
        log = rest;
    }
    codecs
}

#[derive(Default)]
struct Asked {
    /// How many runners are still there.
    runners: usize,
    waiting: usize,
    /// How often something was done.
    done: usize,
    failed: Option<String>,
}

/// What runners ask for is done once, when all that are left have asked for it.
pub(crate) struct Control<'a> {
    brokers: &'a Mutex<Brokers>,
    asked: Mutex<Asked>,
    changed: Condvar,
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'a> Control<'a> {
    pub(crate) fn new(brokers: &'a Mutex<Brokers>, runners: usize) -> Self {
        Self { brokers, asked: Mutex::new(Asked { runners, ..Asked::default() }), changed: Condvar::new() }
    }

    pub(crate) fn ask(&self, what: &str) -> Result<(), Failure> {
        let mut asked = lock(&self.asked);
        asked.waiting += 1;
        let before = asked.done;
        while asked.done == before && asked.waiting < asked.runners {
            let (next, late) = self.changed.wait_timeout(asked, PATIENCE).unwrap_or_else(PoisonError::into_inner);
            asked = next;
            if late.timed_out() {
                return Err(format!("the other runners did not ask to {what} a broker").into());
            }
        }
        if asked.done == before {
            asked.failed = lock(self.brokers).act(what).err().map(|error| error.to_string());
            asked.waiting = 0;
            asked.done += 1;
            self.changed.notify_all();
        }
        asked.failed.clone().map_or(Ok(()), |error| Err(error.into()))
    }

    /// A runner has ended: nobody waits for it.
    pub(crate) fn leave(&self) {
        lock(&self.asked).runners -= 1;
        self.changed.notify_all();
    }
}
