//! Every public future polled some times and then dropped, over and over: nothing is lost, doubled, or left behind.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ottla::{Client, Consumer, FetchedBatch, NewTopic, Producer, Record, Rng, StartAt};
use ottla_tests::kafka::unique_name;

use crate::helper::{PATIENCE, client, in_time, on_both, topic, values};

const ROUNDS: u64 = 150;
const MOST_POLLS: u64 = 8;

/// Polls a future `polls` times, with the others given a chance in between, and drops it.
fn polled<F: Future>(future: F, polls: u64) -> Option<F::Output> {
    let mut future = pin!(future);
    for _ in 0..polls {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return Some(output);
        }
        std::thread::yield_now();
    }
    None
}

struct Run {
    client: Client,
    producer: Producer,
    consumer: Consumer,
    topic: String,
    rng: Rng,
    next: u64,
    /// Values whose send returned Ok, in order.
    sent: Vec<String>,
    /// Values that the consumer handed out, in order.
    seen: Vec<String>,
}

impl Run {
    fn new(servers: &str, seed: u64) -> Self {
        let properties = [("queue.buffering.max.messages", "20"), ("linger.ms", "1"), ("fetch.wait.max.ms", "20")];
        let client = client(servers, &properties);
        let topic = topic(&client, 1);
        let (producer, consumer) = (client.producer().unwrap(), client.consumer().unwrap());
        consumer.assign([(&topic, 0, StartAt::Beginning)]);
        let (sent, seen) = (Vec::new(), Vec::new());
        Self { client, producer, consumer, topic, rng: Rng::from_seed(seed), next: 0, sent, seen }
    }

    fn send(&mut self, polls: u64) {
        let value = format!("{}", self.next);
        self.next += 1;
        // A future that is dropped before it is ready sends nothing.
        if let Some(sent) = polled(self.producer.send(Record::to(&self.topic).value(&value)), polls) {
            let delivery = sent.unwrap();
            self.sent.push(value);
            let polls = self.rng.below(MOST_POLLS);
            if let Some(outcome) = polled(delivery, polls) {
                outcome.unwrap();
            }
        }
    }

    fn take(&mut self, batch: &FetchedBatch) {
        let values = batch.records().map(|record| String::from_utf8(record.value.unwrap().to_vec()).unwrap());
        self.seen.extend(values);
    }

    /// One of all that can be waited for, dropped after so many polls.
    fn step(&mut self, servers: &str, polls: u64) {
        let limit = Duration::from_millis(self.rng.below(20));
        match self.rng.below(13) {
            // More than the buffer takes.
            0..=2 => (0..30).for_each(|_| self.send(polls)),
            3 => drop(polled(self.producer.flush(), polls)),
            4 => drop(polled(self.producer.flush_within(limit), polls)),
            5 | 6 => {
                if let Some(batch) = polled(self.consumer.next(), polls) {
                    self.take(&batch.unwrap().expect("it is not closed"));
                }
            }
            7 => {
                if let Some(Some(batch)) = polled(self.consumer.next_timeout(limit), polls).map(Result::unwrap) {
                    self.take(&batch);
                }
            }
            8 => drop(polled(self.consumer.watermarks(&self.topic, 0), polls).map(Result::unwrap)),
            9 => drop(polled(self.consumer.offsets_for_times([(&self.topic, 0, 0)]), polls).map(Result::unwrap)),
            10 => {
                let admin = self.client.admin();
                drop(polled(admin.list_topics(), polls).map(Result::unwrap));
                drop(polled(admin.describe_topic(&self.topic), polls).map(Result::unwrap));
                drop(polled(admin.describe_topics([&self.topic]), polls).map(Result::unwrap));
                drop(polled(admin.describe_cluster(), polls).map(Result::unwrap));
            }
            11 => {
                let admin = self.client.admin();
                let name = unique_name("dropped");
                if let Some(created) = polled(admin.create_topic(NewTopic::new(&name).partitions(1)), polls) {
                    created.unwrap();
                }
                // Made or not, or just being made: the answer tells.
                drop(polled(admin.delete_topic(&name), polls));
            }
            _ => drop(polled(Client::connect(servers), polls).map(Result::unwrap)),
        }
    }

    fn finish(mut self, seed: u64) {
        self.producer.flush_blocking();
        assert_eq!(self.producer.buffered_bytes(), 0, "seed {seed}");
        assert_eq!(values(&self.client, &self.topic, 0), self.sent, "seed {seed}: all once and in order");
        while self.seen.len() < self.sent.len() {
            let batch = self.consumer.next_blocking(PATIENCE).unwrap().expect("a batch in time");
            self.take(&batch);
        }
        assert_eq!(self.seen, self.sent, "seed {seed}: the consumer saw all once and in order");
        self.producer.close_blocking().unwrap();
    }
}

fn seed() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    match std::env::var("OTTLA_TEST_SEED") {
        Ok(seed) => seed.parse().expect("OTTLA_TEST_SEED is a number"),
        Err(_) => std::hash::RandomState::new().build_hasher().finish(),
    }
}

#[test]
fn waiters_dropped_after_any_number_of_polls_lose_nothing() {
    let seed = seed();
    println!("OTTLA_TEST_SEED={seed}");
    on_both(|servers| {
        let servers = servers.to_owned();
        in_time(move || {
            let mut run = Run::new(&servers, seed);
            for round in 0..ROUNDS {
                run.step(&servers, round % (MOST_POLLS + 1));
            }
            run.finish(seed);
        });
    });
}

#[test]
fn a_send_that_is_dropped_while_the_buffer_is_full_leaves_its_place_to_others() {
    on_both(|servers| {
        let properties = [("queue.buffering.max.messages", "5"), ("linger.ms", "0"), ("allow.auto.create.topics", "false")];
        let client = client(servers, &properties);
        let name = unique_name("line");
        let producer = client.producer().unwrap();
        let record = |value: &'static str| Record::to(&name).partition(0).value(value);
        // The topic does not exist yet, so nothing leaves.
        let stuck: Vec<_> = ["0", "1", "2", "3", "4"].map(|value| producer.try_send(&record(value)).unwrap()).into();
        for _ in 0..100 {
            assert!(polled(producer.send(record("never")), 3).is_none());
        }
        let waiting = {
            let (producer, name) = (producer.clone(), name.clone());
            std::thread::spawn(move || producer.send_blocking(Record::to(&name).partition(0).value("5")).map(|sent| sent.wait()))
        };
        client.admin().create_topic_blocking(NewTopic::new(&name).partitions(1)).unwrap();
        assert_eq!(in_time(move || waiting.join().unwrap()).unwrap().unwrap().offset, 5);
        for delivery in stuck {
            delivery.wait().unwrap();
        }
        assert_eq!(values(&client, &name, 0), ["0", "1", "2", "3", "4", "5"]);
        producer.flush_blocking();
        assert_eq!(producer.buffered_bytes(), 0);
    });
}
