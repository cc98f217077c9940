//! Applications that consume.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use ottla::{Consumer, Error, ErrorKind, FetchedBatch, Rng, StartAt};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::history::{Place, Seen};
use crate::random::Draw;
use crate::run::World;
use crate::schedule::topic_name;
use crate::trace::note;

/// What a consuming application is told.
pub(crate) enum Command {
    /// Topic and its partitions, and where: -2 the beginning, -1 the end.
    Assign(i64, i64, i64),
    /// A place, and where: as for Assign, or a part of a thousand of what was read.
    Seek(Place, i64),
    Pause(Place),
    Resume(Place),
    Stall(u64),
    Watermarks(Place),
    /// Read up to these offsets, and end.
    Finish(BTreeMap<Place, i64>, oneshot::Sender<()>),
}

/// How long everything that is there may take to be read once all is well.
const DRAIN_MS: u64 = 300_000;

pub(crate) struct Application {
    pub(crate) number: usize,
    pub(crate) world: Arc<World>,
    pub(crate) consumer: Consumer,
    pub(crate) rng: Rng,
    /// Takes records one by one.
    pub(crate) cursors: bool,
    pub(crate) api_timeout: u64,
    pub(crate) held_limit: u64,
    assigned: BTreeSet<Place>,
    paused: BTreeSet<Place>,
    read_up_to: BTreeMap<Place, i64>,
    commands: mpsc::UnboundedReceiver<Command>,
    finish: Option<(BTreeMap<Place, i64>, oneshot::Sender<()>)>,
}

fn ms(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

impl Application {
    pub(crate) fn new(
        number: usize,
        world: Arc<World>,
        consumer: Consumer,
        rng: Rng,
        cursors: bool,
        bounds: (u64, u64),
        commands: mpsc::UnboundedReceiver<Command>,
    ) -> Self {
        let (api_timeout, held_limit) = bounds;
        let (assigned, paused, read_up_to, finish) = Default::default();
        Self { number, world, consumer, rng, cursors, api_timeout, held_limit, assigned, paused, read_up_to, commands, finish }
    }

    pub(crate) async fn run(mut self) {
        const LIMIT: u64 = 5000;
        while self.finish.is_none() {
            let begun = Instant::now();
            // A command drops the waiter.
            let next = tokio::select! {
                biased;
                command = self.commands.recv() => match command {
                    Some(command) => {
                        self.obey(command).await;
                        continue;
                    }
                    None => return,
                },
                next = self.consumer.next_timeout(Duration::from_millis(LIMIT)) => next,
            };
            self.world.history().bounded("next_timeout", ms(begun), LIMIT);
            self.take(next).await;
        }
        if let Some((ends, done)) = self.finish.take() {
            self.drain(&ends).await;
            self.consumer.close();
            // The run waits for this, or is over.
            let _ = done.send(());
        }
    }

    fn saw(&self, place: Place, seen: Seen) {
        note!(self.world.trace, "consumer {} {place:?} {seen:?}", self.number);
        self.world.history().saw(self.number, place, self.world.trace.now_ms(), seen);
    }

    async fn obey(&mut self, command: Command) {
        match command {
            Command::Assign(topic, partitions, at) => self.assign(topic, partitions, at),
            Command::Seek(place, to) => self.seek(place, to),
            Command::Pause(place) => {
                let done = self.consumer.pause(&topic_name(place.0), place.1);
                if self.expect_state(place, "pause", &done) {
                    self.paused.insert(place);
                }
            }
            Command::Resume(place) => {
                let done = self.consumer.resume(&topic_name(place.0), place.1);
                self.expect_state(place, "resume", &done);
                self.paused.remove(&place);
            }
            Command::Stall(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
            Command::Watermarks(place) => self.watermarks(place).await,
            Command::Finish(ends, done) => self.finish = Some((ends, done)),
        }
    }

    /// A call about a partition works if and only if it is assigned.
    fn expect_state(&self, place: Place, call: &str, done: &Result<(), Error>) -> bool {
        let expected = self.assigned.contains(&place);
        let right = match done {
            Ok(()) => expected,
            Err(error) => !expected && error.kind() == ErrorKind::State,
        };
        if !right {
            self.world.history().violation(format!("{call} of {place:?}, assigned: {expected}: {done:?}"));
        }
        done.is_ok()
    }

    fn assign(&mut self, topic: i64, partitions: i64, at: i64) {
        let start = if at == -1 { StartAt::End } else { StartAt::Beginning };
        let name = topic_name(topic);
        let partitions = 0..i32::try_from(partitions).unwrap();
        self.consumer.assign(partitions.clone().map(|partition| (name.as_str(), partition, start)));
        self.assigned = partitions.map(|partition| (topic, partition)).collect();
        self.paused.clear();
        for place in self.assigned.clone() {
            self.saw(place, Seen::From((at != -1).then_some(0)));
        }
    }

    fn seek(&mut self, place: Place, to: i64) {
        let start = match to {
            -1 => StartAt::End,
            ..-1 => StartAt::Beginning,
            part => StartAt::Offset(self.read_up_to.get(&place).copied().unwrap_or(0) * part / 1000),
        };
        self.seek_to(place, start);
    }

    fn seek_to(&mut self, place: Place, start: StartAt) {
        let done = self.consumer.seek(&topic_name(place.0), place.1, start);
        if self.expect_state(place, "seek", &done) {
            self.saw(
                place,
                Seen::From(match start {
                    StartAt::Beginning => Some(0),
                    StartAt::Offset(offset) => Some(offset),
                    _ => None,
                }),
            );
        }
    }

    async fn watermarks(&self, place: Place) {
        let begun = Instant::now();
        let found = self.consumer.watermarks(&topic_name(place.0), place.1).await;
        note!(self.world.trace, "consumer {} watermarks {place:?}: {:?}", self.number, found.as_ref().ok());
        // Two questions, each within the bound.
        self.world.history().bounded("watermarks", ms(begun), 2 * self.api_timeout);
    }

    async fn take(&mut self, next: Result<Option<FetchedBatch>, Error>) {
        self.check_memory();
        match next {
            Ok(Some(batch)) => self.read(batch).await,
            Ok(None) => {}
            Err(error) => self.hear(&error),
        }
    }

    fn check_memory(&self) {
        let held = self.consumer.metrics().bytes_held as u64;
        if held > self.held_limit {
            let what = format!("consumer {} holds {held} bytes, its limit is {}", self.number, self.held_limit);
            self.world.history().violation(what);
        }
    }

    fn hear(&mut self, error: &Error) {
        note!(self.world.trace, "consumer {} hears: {error}", self.number);
        let (Some(topic), Some(partition)) = (error.topic(), error.partition()) else { return };
        let topic = topic.rsplit('-').next().and_then(|number| number.parse().ok()).unwrap_or(-1);
        let place = (topic, partition);
        if !self.assigned.contains(&place) {
            return self.world.history().violation(format!("consumer {} has no {place:?} and hears: {error}", self.number));
        }
        match error.kind() {
            ErrorKind::OffsetReset => {
                self.saw(place, Seen::Told(error.name().to_owned()));
                self.seek_to(place, StartAt::Beginning);
            }
            ErrorKind::LogTruncation => {
                self.saw(place, Seen::Told(error.name().to_owned()));
                self.seek_to(place, error.next_offset().map_or(StartAt::Beginning, StartAt::Offset));
            }
            // What can't be read is asked for again: the bytes were damaged on their way.
            _ => {
                if let Some(offset) = error.offset() {
                    self.seek_to(place, StartAt::Offset(offset));
                }
            }
        }
    }

    async fn read(&mut self, batch: FetchedBatch) {
        let topic = batch.topic().rsplit('-').next().and_then(|number| number.parse().ok()).unwrap_or(-1);
        let place = (topic, batch.partition());
        if self.cursors {
            let mut cursor = batch.into_cursor();
            loop {
                self.interrupted().await;
                // What the application held may just have ended.
                let valid = cursor.batch().is_valid();
                let Some(record) = cursor.next() else { return };
                let (key, value) = (record.key.map(<[u8]>::to_vec), record.value.map(<[u8]>::to_vec));
                let offset = record.offset;
                self.on_record(place, offset, key.as_deref(), value.as_deref());
                let position = self.consumer.position(&topic_name(place.0), place.1);
                // A topic that was made anew is read from its beginning, beside a batch of the old one that is still being read.
                let anew = self.world.history().deleted.iter().any(|(_, topic)| *topic == place.0);
                if valid && !anew && position != Some(offset + 1) {
                    let what = format!("the position of {place:?} is {position:?} behind offset {offset}");
                    self.world.history().mismatch(what);
                }
            }
        }
        let mut records = batch.records();
        loop {
            self.interrupted().await;
            let Some(record) = records.next() else { return };
            self.on_record(place, record.offset, record.key, record.value);
        }
    }

    /// Between two records: a slow application, or something else to do.
    async fn interrupted(&mut self) {
        if self.rng.chance(20) {
            tokio::time::sleep(Duration::from_millis(self.rng.below(100))).await;
        }
        if self.finish.is_none() {
            while let Ok(command) = self.commands.try_recv() {
                Box::pin(self.obey(command)).await;
            }
        }
    }

    fn on_record(&mut self, place: Place, offset: i64, key: Option<&[u8]>, value: Option<&[u8]>) {
        let recognised = self.world.history().recognise(place.0, place.1, key, value.unwrap_or_default());
        let end = self.read_up_to.entry(place).or_default();
        *end = (*end).max(offset + 1);
        if !self.assigned.contains(&place) || self.paused.contains(&place) && recognised.is_err() {
            self.world.history().violation(format!("consumer {} has no {place:?}, and reads offset {offset}", self.number));
        }
        self.saw(
            place,
            match recognised {
                Ok(id) => Seen::Record(offset, id),
                Err(what) => Seen::Foreign(offset, what),
            },
        );
    }

    /// All is well: what is assigned must be read to the end.
    async fn drain(&mut self, ends: &BTreeMap<Place, i64>) {
        for place in std::mem::take(&mut self.paused) {
            let done = self.consumer.resume(&topic_name(place.0), place.1);
            self.expect_state(place, "resume", &done);
        }
        let begun = Instant::now();
        loop {
            let position = |place: &Place| self.consumer.position(&topic_name(place.0), place.1);
            let left =
                self.assigned.iter().find(|place| ends.get(place).is_some_and(|end| position(place).is_none_or(|at| at < *end)));
            let Some(place) = left.copied() else { return };
            if ms(begun) > DRAIN_MS {
                let what = format!(
                    "consumer {} stands at {:?} of {place:?}, which ends at {:?}, {DRAIN_MS} ms after all was well; {:?}",
                    self.number,
                    position(&place),
                    ends.get(&place),
                    self.consumer.metrics()
                );
                return self.world.history().mismatch(what);
            }
            let next = self.consumer.next_timeout(Duration::from_millis(500)).await;
            self.take(next).await;
        }
    }
}
