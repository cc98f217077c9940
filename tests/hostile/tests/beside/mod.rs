//! A well-behaved client that produces and consumes while something else goes wrong, and notices whatever disturbs it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use ottla::{Client, Consumer, Record, StartAt};

/// Only bounds a test that would hang otherwise.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// A client at work on a thread of its own.
pub(crate) struct Beside {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<usize>,
}

impl Beside {
    /// Starts producing to partition 0 of a topic that nobody else writes to, one record at a time, and reading it back.
    ///
    /// # Panics
    /// If there is no connection.
    #[must_use]
    pub(crate) fn start(bootstrap_servers: &str, topic: &'static str) -> Self {
        let client = Client::connect_blocking(bootstrap_servers).expect("the broker is there");
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = thread::spawn(move || {
            let producer = client.producer().expect("a producer");
            let consumer = client.consumer().expect("a consumer");
            consumer.assign([(topic, 0, StartAt::Beginning)]);
            let mut count = 0;
            while !stopped.load(Ordering::SeqCst) || count == 0 {
                let value = format!("record {count}");
                let delivery = producer.send_blocking(Record::to(topic).partition(0).value(&value)).expect("there is room");
                let written = delivery.wait().expect("it is undisturbed");
                assert_eq!(written.offset, count as i64, "each record is written once");
                assert_eq!(next(&consumer), [value.into_bytes()]);
                count += 1;
            }
            producer.close_blocking().expect("it ends in time");
            count
        });
        Self { stop, thread }
    }

    /// Stops it, and says how many records it wrote and read.
    ///
    /// # Panics
    /// If it was disturbed.
    #[must_use]
    pub(crate) fn finish(self) -> usize {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.join().expect("the client beside was not disturbed")
    }
}

fn next(consumer: &Consumer) -> Vec<Vec<u8>> {
    let batch = consumer.next_blocking(LONG).expect("no error").expect("a batch in time");
    batch.records().map(|record| record.value.unwrap_or_default().to_vec()).collect()
}
