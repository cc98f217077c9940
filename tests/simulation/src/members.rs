//! Applications that are members of groups: they come, go, stall, commit, and come again.

mod listener;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ottla::{BatchCursor, Client, Consumer, Error, ErrorKind, FetchedBatch, GroupState, Rng, StartAt};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::group_history::{Standing, group_name, places, topic_number};
use crate::history::Place;
use crate::network::Network;
use crate::random::Draw;
use crate::run::World;
use crate::schedule::{MemberPlan, topic_name};
use crate::trace::note;
use listener::Listener;

/// What a member's application is told. Topics are bits of a number.
#[derive(Debug)]
pub(crate) enum Command {
    /// A new consumer joins, if there is none.
    Join(i64),
    /// It subscribes to these topics instead; to none: it leaves the group, and stays a consumer.
    Subscribe(i64),
    /// It goes: 0 closed, and that is waited for, 1 closed only, 2 dropped.
    Leave(i64),
    /// Nothing is asked for and nothing handled for so many ms.
    Stall(u64),
    /// The listener's next answer takes so many ms.
    SlowListener(u64),
    /// 0: positions, 1: positions, not waited for, 2: what is committed is asked.
    Commit(i64),
    /// Back to this part of a thousand of what was read.
    SeekBack(Place, i64),
    /// All is well: no more stalls.
    Calm,
    /// Closes and ends.
    Finish(oneshot::Sender<()>),
}

/// How a consumer comes to its end.
enum Ending {
    Leave(i64),
    /// Another static member has its name.
    Fenced,
    Finish(oneshot::Sender<()>),
    /// The run is over.
    Gone,
}

/// A place for a member, where one consumer comes after the other.
pub(crate) struct Application {
    pub(crate) number: usize,
    pub(crate) world: Arc<World>,
    pub(crate) network: Arc<Network>,
    pub(crate) client: Client,
    pub(crate) plan: MemberPlan,
    pub(crate) rng: Rng,
    pub(crate) commands: mpsc::UnboundedReceiver<Command>,
    pub(crate) calm: bool,
}

/// One consumer.
struct Live<'a> {
    application: &'a mut Application,
    member: usize,
    consumer: Arc<Consumer>,
    listener: Option<Listener>,
    read_up_to: BTreeMap<Place, i64>,
    ending: Option<Ending>,
}

/// How long a call for records waits.
const LIMIT: u64 = 3000;

fn ms(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn topics(bits: i64) -> Vec<String> {
    (0..16).filter(|topic| bits >> topic & 1 == 1).map(topic_name).collect()
}

impl Application {
    pub(crate) async fn run(mut self) {
        while let Some(command) = self.commands.recv().await {
            let ending = match command {
                Command::Join(topics) => self.live(topics).await,
                Command::Calm => {
                    self.calm = true;
                    continue;
                }
                Command::Finish(done) => Ending::Finish(done),
                _ => continue,
            };
            match ending {
                Ending::Finish(done) => {
                    // The run waits for this, or is over.
                    let _ = done.send(());
                    return;
                }
                Ending::Gone => return,
                Ending::Leave(_) | Ending::Fenced => {}
            }
        }
    }

    async fn live(&mut self, bits: i64) -> Ending {
        let plan = &self.plan;
        let group = plan.group();
        let cooperative = plan.text("partition.assignment.strategy").is_some_and(|names| names.starts_with("cooperative"));
        let instance = plan.text("group.instance.id").map(ToOwned::to_owned);
        let member = self.world.history().member_begins(group, plan.listens, cooperative, instance);
        let mut builder = self.client.consumer_builder().group(&group_name(group));
        for (name, value) in plan.properties.iter().filter(|(name, _)| name != "group") {
            builder = builder.set(name, value);
        }
        let listener = plan.listens.then(|| Listener::new(member, self.world.clone(), plan.commits == 4));
        if let Some(listener) = &listener {
            builder = builder.listener(listener.clone());
        }
        let consumer = Arc::new(builder.build().unwrap());
        if let Some(listener) = &listener {
            listener.of(&consumer);
        }
        consumer.subscribe(topics(bits)).unwrap();
        note!(self.world.trace, "member {member} begins, at {}", self.number);
        let mut live = Live { application: self, member, consumer, listener, read_up_to: BTreeMap::new(), ending: None };
        live.run().await;
        live.end().await
    }
}

impl Live<'_> {
    fn world(&self) -> &Arc<World> {
        &self.application.world
    }

    fn state(&self) -> GroupState {
        self.consumer.group_state().expect("a consumer of a group")
    }

    async fn run(&mut self) {
        self.stand();
        while self.ending.is_none() {
            let begun = Instant::now();
            let limit = if self.application.calm { 300 } else { LIMIT };
            // A command drops the waiter.
            let next = tokio::select! {
                biased;
                command = self.application.commands.recv() => {
                    match command {
                        Some(command) => {
                            self.application.network.count("waiter dropped", usize::from(begun.elapsed() > Duration::ZERO));
                            self.obey(command).await;
                            self.stand();
                        }
                        None => self.ending = Some(Ending::Gone),
                    }
                    continue;
                },
                next = self.consumer.next_timeout(Duration::from_millis(limit)) => next,
            };
            self.world().history().bounded("a member's next_timeout", ms(begun), limit);
            self.stand();
            match next {
                Ok(Some(batch)) => self.read(batch).await,
                Ok(None) => {}
                Err(error) => self.hear(&error),
            }
            self.stand();
        }
    }

    /// Tells how it stands.
    fn stand(&self) {
        let state = self.state();
        let positions = places(&state.owned).into_iter();
        let positions = positions.map(|place| (place, self.consumer.position(&topic_name(place.0), place.1))).collect();
        let mut history = self.world().history();
        history.member_stands(self.member, &state);
        let standing = Standing {
            member: self.member,
            group: self.application.plan.group(),
            state: state.state,
            held_up_by: state.held_up_by,
            generation: state.generation,
            member_id: state.member_id.to_string(),
            positions,
        };
        history.groups.standings.insert(self.application.number, standing);
    }

    async fn obey(&mut self, command: Command) {
        note!(self.world().trace, "member {}: {command:?}", self.member);
        match command {
            Command::Join(_) => {}
            Command::Subscribe(0) => {
                let begun = Instant::now();
                let done = self.consumer.unsubscribe().await;
                note!(self.world().trace, "member {} unsubscribes: {:?}", self.member, done.map_err(|error| error.kind()));
                self.world().history().bounded("unsubscribe", ms(begun), self.application.plan.close_timeout());
            }
            Command::Subscribe(bits) => {
                if let Err(error) = self.consumer.subscribe(topics(bits)) {
                    self.world().history().violation(format!("member {} can't subscribe: {error}", self.member));
                }
            }
            Command::Leave(how) => self.ending = Some(Ending::Leave(how)),
            Command::Stall(_) if self.application.calm => {}
            Command::Stall(ms) => {
                self.application.network.count("member stalled", usize::from(!self.state().owned.is_empty()));
                tokio::time::sleep(Duration::from_millis(ms)).await;
            }
            Command::SlowListener(ms) => {
                if let Some(listener) = self.listener.as_ref().filter(|_| !self.application.calm) {
                    listener.slow_down(ms);
                }
            }
            Command::Commit(how) => self.commit(how, None).await,
            Command::SeekBack(place, part) => {
                let to = self.read_up_to.get(&place).copied().unwrap_or(0) * part / 1000;
                self.seek_to(place, StartAt::Offset(to));
            }
            Command::Calm => {
                self.application.calm = true;
                if let Some(listener) = &self.listener {
                    listener.slow_down(0);
                }
            }
            Command::Finish(done) => self.ending = Some(Ending::Finish(done)),
        }
    }

    fn seek_to(&mut self, place: Place, start: StartAt) {
        let assigned = places(&self.consumer.assignment()).contains(&place);
        match self.consumer.seek(&topic_name(place.0), place.1, start) {
            Ok(()) => {
                let to = if let StartAt::Offset(offset) = start { Some(offset) } else { None };
                note!(self.world().trace, "member {} seeks {place:?} {to:?}", self.member);
                self.world().history().member_seeks(self.member, place, to);
            }
            Err(error) if !assigned && error.kind() == ErrorKind::State => {}
            Err(error) => {
                self.world().history().violation(format!("seek of {place:?}, assigned: {assigned}: {error}"));
            }
        }
    }

    async fn commit(&self, how: i64, batch: Option<&FetchedBatch>) {
        let begun = Instant::now();
        let bound = self.application.plan.api_timeout();
        let done = match (how, batch) {
            (1, _) => {
                // It goes on by itself.
                drop(self.consumer.commit_async());
                return;
            }
            (2, _) => {
                let all = places(&self.consumer.assignment());
                let all = all.into_iter().map(|(topic, partition)| (topic_name(topic), partition));
                self.consumer.committed(all).await.map(drop)
            }
            (_, Some(batch)) => self.consumer.commit(batch).await,
            _ => self.consumer.commit_positions().await,
        };
        note!(self.world().trace, "member {} commits: {:?}", self.member, done.as_ref().map_err(|error| error.to_string()));
        self.world().history().bounded("a commit", ms(begun), bound);
    }

    fn hear(&mut self, error: &Error) {
        note!(self.world().trace, "member {} hears: {error}", self.member);
        if error.kind() == ErrorKind::MaxPollExceeded {
            self.application.network.count("max.poll.interval.ms exceeded", 1);
        }
        if error.is_fatal() {
            let fenced = self.application.plan.text("group.instance.id").is_some();
            if !fenced {
                self.world().history().mismatch(format!("member {} hears of what can't be mended: {error}", self.member));
            }
            self.ending = Some(Ending::Fenced);
            return;
        }
        let (Some(topic), Some(partition)) = (error.topic(), error.partition()) else { return };
        let place = (topic_number(topic), partition);
        match error.kind() {
            ErrorKind::OffsetReset => self.seek_to(place, StartAt::Beginning),
            ErrorKind::LogTruncation => {
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
        let place = (topic_number(batch.topic()), batch.partition());
        if self.application.plan.cursors {
            let mut cursor = batch.into_cursor();
            loop {
                self.between_records(true).await;
                if self.ending.is_some() {
                    return;
                }
                let Some(record) = next_of(&mut cursor) else { break };
                self.on_record(place, record);
            }
            if cursor.batch().is_valid() {
                self.after_batch(cursor.batch()).await;
            }
            return;
        }
        let mut records = batch.records();
        loop {
            self.between_records(false).await;
            let Some(record) = records.next() else { break };
            let (key, value) = (record.key.map(<[u8]>::to_vec), record.value.map(<[u8]>::to_vec));
            self.on_record(place, (record.offset, key, value));
        }
        self.after_batch(&batch).await;
    }

    async fn after_batch(&mut self, batch: &FetchedBatch) {
        match self.application.plan.commits {
            1 if batch.is_valid() => self.commit(0, Some(batch)).await,
            2 => self.commit(0, None).await,
            3 => self.commit(1, None).await,
            _ => {}
        }
    }

    /// A slow application; one that takes record by record may have something else to do.
    async fn between_records(&mut self, commands: bool) {
        if !self.application.calm && self.application.rng.chance(15) {
            let longest = *self.application.rng.pick(&[50, 50, 500, 5000]);
            tokio::time::sleep(Duration::from_millis(self.application.rng.below(longest))).await;
        }
        while commands && self.ending.is_none() {
            let Ok(command) = self.application.commands.try_recv() else { return };
            Box::pin(self.obey(command)).await;
        }
    }

    fn on_record(&mut self, place: Place, (offset, key, value): Taken) {
        let end = self.read_up_to.entry(place).or_default();
        *end = (*end).max(offset + 1);
        let state = self.state();
        note!(self.world().trace, "member {} gets {place:?} {offset}", self.member);
        let mut history = self.world().history();
        match history.recognise(place.0, place.1, key.as_deref(), value.as_deref().unwrap_or_default()) {
            Ok(id) => history.member_was_handed(self.member, place, offset, id, &state),
            Err(what) => history.mismatch(format!("member {} got at {place:?} {offset}: {what}", self.member)),
        }
    }

    async fn end(self) -> Ending {
        let Self { application, member, consumer, listener, ending, .. } = self;
        let ending = ending.unwrap_or(Ending::Gone);
        let begun = Instant::now();
        let how = match &ending {
            Ending::Leave(how) => *how,
            Ending::Gone => 2,
            Ending::Fenced | Ending::Finish(_) => 0,
        };
        match how {
            0 => {
                let closed = consumer.close().await;
                application.world.history().bounded("close", ms(begun), application.plan.close_timeout());
                note!(
                    application.world.trace,
                    "member {member} is closed: {:?}",
                    closed.as_ref().map_err(|error| error.to_string())
                );
                if let (Ending::Finish(_), Err(error)) = (&ending, closed) {
                    let mut history = application.world.history();
                    history.groups.not_committed.insert(application.plan.group());
                    // What was on its way when the faults ended, or a connection that fell silent, takes some seconds yet.
                    let patient = application.plan.close_timeout() >= 10_000 && application.plan.api_timeout() >= 10_000;
                    // Another has just left, and the answer to the JoinGroup that followed was still on its way: the coordinator is a
                    // generation ahead.
                    let ahead = error.code().is_some_and(|code| [22, 27].contains(&code.code()));
                    if patient && !ahead {
                        history.mismatch(format!("member {member} can't be closed, with all being well: {error}"));
                    }
                }
            }
            1 => drop(consumer.close()),
            _ => {}
        }
        // The listener has a part in it as well.
        drop((consumer, listener));
        let mut history = application.world.history();
        history.member_ends(member);
        history.groups.standings.remove(&application.number);
        drop(history);
        ending
    }
}

/// Offset, key and value of a record.
type Taken = (i64, Option<Vec<u8>>, Option<Vec<u8>>);

/// The next record, by itself.
fn next_of(cursor: &mut BatchCursor) -> Option<Taken> {
    let record = cursor.next()?;
    Some((record.offset, record.key.map(<[u8]>::to_vec), record.value.map(<[u8]>::to_vec)))
}
