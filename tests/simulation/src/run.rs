//! Carries a schedule out.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ottla::{Client, Connecting, Connector, Error, ErrorKind, NewTopic, Stream};
use ottla_broker::{Broker, Clock, MemoryConnector, RuleId};
use ottla_protocol::record::split_batches;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::checker::{self, Checked, Logs};
use crate::commit_watch::CommitWatch;
use crate::group_history::{GroupChecked, group_name};
use crate::history::{FIRST_TIMESTAMP, History, Place, ProducerTraits};
use crate::network::{Access, Chances, Cut, Direction, Network};
use crate::offload::Deferred;
use crate::random::{Draw, derive, stream};
use crate::schedule::{Action, ClientPlan, Schedule, Verb, topic_name};
use crate::strikes::Strikes;
use crate::trace::{Trace, note};
use crate::{consumers, faults, group_checker, members, operator, producers, watchdog};

/// Longer than any run takes, in virtual time.
const AT_MOST: Duration = Duration::from_secs(24 * 3600);

/// By how much clients' wall clocks are off: nothing, an hour, 20 years, or so much that it is before 1970.
const WALL_CLOCKS_OFF_MS: [i64; 5] = [0, 0, -3_600_000, 630_720_000_000, -FIRST_TIMESTAMP - 1];

/// What came of a run.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// What went against Kafka's promises; empty if all is well.
    pub violations: Vec<String>,
    /// The hash of what happened.
    pub trace: u64,
    /// What happened, if [`run_traced`] was asked.
    pub lines: Vec<String>,
    /// The faults.
    pub strikes: Strikes,
    /// How much was checked.
    pub checked: Checked,
    /// How much was checked of groups.
    pub groups: GroupChecked,
    /// How many records were sent.
    pub sent: u64,
    /// How many calls were held against their bounds.
    pub bounded_calls: u64,
    /// Virtual time.
    pub virtual_ms: u64,
}

/// What all parts of a run share.
pub(crate) struct World {
    history: Mutex<History>,
    pub(crate) trace: Arc<Trace>,
}

impl World {
    pub(crate) fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs a schedule.
#[must_use]
pub fn run(schedule: &Schedule) -> Outcome {
    run_with(schedule, false)
}

/// Runs a schedule and keeps what happened, line by line.
#[must_use]
pub fn run_traced(schedule: &Schedule) -> Outcome {
    run_with(schedule, true)
}

fn run_with(schedule: &Schedule, keep_lines: bool) -> Outcome {
    let _watched = watchdog::watch(schedule);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let done = std::panic::catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async {
            let trace = Arc::new(Trace::new(keep_lines));
            let what = tokio::select! {
                biased;
                outcome = simulate(schedule, trace.clone()) => return outcome,
                () = trace.overrun() => "too much happens for a run of so few actions: something goes round and round".to_owned(),
                () = tokio::time::sleep(AT_MOST) => format!("the run did not end within {} s", AT_MOST.as_secs()),
            };
            let (hash, lines) = trace.end();
            Outcome { violations: vec![what], trace: hash, lines, ..Outcome::default() }
        })
    }));
    done.unwrap_or_else(|panic| {
        let what =
            panic.downcast_ref::<String>().cloned().or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Outcome { violations: vec![format!("a panic: {}", what.unwrap_or_default())], ..Outcome::default() }
    })
}

/// The operator's way to the brokers, without faults.
struct Straight(MemoryConnector);

impl Connector for Straight {
    fn connect<'a>(&'a self, host: &'a str, port: u16) -> Connecting<'a> {
        let opened = self.0.connect(host, port);
        Box::pin(async move {
            match opened {
                Ok(stream) => Ok(Box::new(stream) as Box<dyn Stream>),
                Err(error) => Err(Error::new(ErrorKind::Transport, "no connection").with_source(error).retriable()),
            }
        })
    }
}

pub(crate) struct Run<'a> {
    pub(crate) schedule: &'a Schedule,
    pub(crate) world: Arc<World>,
    network: Arc<Network>,
    pub(crate) broker: Arc<Broker>,
    clients: Vec<Client>,
    operator: Client,
    producers: Vec<mpsc::UnboundedSender<producers::Command>>,
    consumers: Vec<mpsc::UnboundedSender<consumers::Command>>,
    pub(crate) members: Vec<mpsc::UnboundedSender<members::Command>>,
    /// Calls of the operator and of admins that are under way.
    calls: JoinSet<()>,
    rules: Vec<(RuleId, String)>,
}

async fn simulate(schedule: &Schedule, trace: Arc<Trace>) -> Outcome {
    let mut run = Run::start(schedule, trace.clone());
    let start = Instant::now();
    for action in &schedule.actions {
        tokio::time::sleep_until(start + Duration::from_millis(action.at)).await;
        note!(trace, "{} {:?}", action.verb.name(), action.numbers);
        let before = run.ends();
        run.act(action);
        run.note_truncations(&before);
    }
    run.heal().await;
    run.finish().await;
    let logs = run.logs();
    let Run { world, network, broker, clients, operator, .. } = run;
    drop((clients, operator));
    // Closing takes a moment, and a FIN its way.
    tokio::time::sleep(Duration::from_secs(10)).await;
    let open = network.state().links.len();
    let mut history = world.history();
    if open > 0 {
        history.violation(format!("{open} connections are open after the clients are gone"));
    }
    let checked = checker::check(&mut history, &logs);
    let groups: std::collections::BTreeSet<i64> = schedule.members.iter().map(|member| member.group()).collect();
    group_checker::check(&mut history, &logs, &groups.into_iter().collect::<Vec<_>>());
    drop(broker);
    let (hash, lines) = trace.end();
    Outcome {
        violations: std::mem::take(&mut history.violations),
        trace: hash,
        lines,
        strikes: network.strikes(),
        checked,
        groups: history.groups.checked,
        sent: history.sent.len() as u64,
        bounded_calls: history.bounded_calls,
        virtual_ms: trace.now_ms(),
    }
}

fn held_limit(plan: &ClientPlan) -> u64 {
    // A fetch may bring one batch more than there is room for, and the application holds one.
    plan.number("queued.max.messages.kbytes", 65536) * 1024 + plan.number("fetch.max.bytes", 52_428_800).max(1_100_000)
}

impl<'a> Run<'a> {
    fn start(schedule: &'a Schedule, trace: Arc<Trace>) -> Self {
        let mut builder = Broker::builder()
            .in_memory()
            .brokers(usize::try_from(schedule.brokers).unwrap())
            .seed(derive(schedule.seed, "broker"))
            .clock(Clock::tokio(FIRST_TIMESTAMP))
            .auto_create(false)
            .config("unclean.leader.election.enable", if schedule.unclean == 1 { "true" } else { "false" })
            .unwrap()
            .config("default.replication.factor", &schedule.replicas.to_string())
            .unwrap();
        for (partitions, topic) in schedule.topics.iter().zip(0..) {
            builder = builder.topic(topic_name(topic), i32::try_from(*partitions).unwrap());
        }
        let broker = Arc::new(builder.start().unwrap());
        let chances = Chances {
            latency_ms: schedule.latency_ms,
            cuts: schedule.cuts,
            stalls: schedule.stalls,
            half_open: schedule.half_open,
            refusals: schedule.refusals,
        };
        let network = Network::new(derive(schedule.seed, "network"), broker.memory_connector(), trace.clone(), chances);
        let world = Arc::new(World { history: Mutex::default(), trace });
        world.history().corrupted = schedule.corrupts();
        network.watch_by(CommitWatch::new(world.clone(), broker.clone()));
        let operator = Client::builder()
            .set("bootstrap.servers", broker.bootstrap_servers())
            .unwrap()
            .runtime(Handle::current())
            .connector(Arc::new(Straight(broker.memory_connector())))
            .seed(derive(schedule.seed, "operator"))
            .build()
            .unwrap();
        let (clients, producers, consumers, members, calls, rules) = Default::default();
        let mut run = Self { schedule, world, network, broker, clients, operator, producers, consumers, members, calls, rules };
        for (plan, number) in schedule.clients.iter().zip(0..) {
            run.start_client(plan, number);
        }
        run.start_members();
        run
    }

    fn start_client(&mut self, plan: &ClientPlan, number: usize) {
        let seed = self.schedule.seed;
        let offload = Deferred::new(seed, number, self.schedule.offload_ms, self.network.clone());
        let mut builder = Client::builder().set("bootstrap.servers", self.broker.bootstrap_servers()).unwrap();
        for (name, value) in &plan.properties {
            builder = builder.set(name, value).unwrap();
        }
        // Nobody's wall clock is right, and nothing may depend on it: records carry their own timestamps.
        let off = *stream(seed, &format!("wall clock {number}")).pick(&WALL_CLOCKS_OFF_MS);
        self.network.count("wall clock off", usize::from(off != 0));
        let client = builder
            .wall_clock(FIRST_TIMESTAMP + off)
            .runtime(Handle::current())
            .connector(Arc::new(Access(self.network.clone(), number)))
            .offload(Arc::new(offload))
            .seed(derive(seed, &format!("client {number}")))
            .build()
            .unwrap();
        let delivery_timeout = plan.number("delivery.timeout.ms", 120_000);
        for _ in 0..plan.producers {
            let (sender, receiver) = mpsc::unbounded_channel();
            let acks = plan.text("acks").map_or(-1, |acks| acks.parse().unwrap_or(-1));
            let idempotent = plan.text("enable.idempotence") != Some("false");
            let traits = ProducerTraits { acks, idempotent, reports: plan.reports, delivery_timeout };
            self.world.history().producers.push(traits);
            if !idempotent && plan.number("max.in.flight", 5) == 1 {
                self.world.history().one_in_flight.insert(self.producers.len());
            }
            let application = producers::Application {
                number: self.producers.len(),
                world: self.world.clone(),
                producer: client.producer_builder().reports(plan.reports).build().unwrap(),
                bounds: producers::Bounds { max_block: plan.number("max.block.ms", 60_000), delivery_timeout },
                reports: plan.reports,
            };
            tokio::spawn(application.run(receiver));
            self.producers.push(sender);
        }
        for _ in 0..plan.consumers {
            let (sender, receiver) = mpsc::unbounded_channel();
            let number = self.consumers.len();
            let rng = stream(seed, &format!("consuming application {number}"));
            let bounds = (plan.number("default.api.timeout.ms", 60_000), held_limit(plan));
            let consumer = client.consumer().unwrap();
            let application =
                consumers::Application::new(number, self.world.clone(), consumer, rng, plan.cursors, bounds, receiver);
            tokio::spawn(application.run());
            self.consumers.push(sender);
        }
        self.clients.push(client);
    }

    fn start_members(&mut self) {
        for (plan, number) in self.schedule.members.iter().zip(0..) {
            let (sender, commands) = mpsc::unbounded_channel();
            let application = members::Application {
                number,
                world: self.world.clone(),
                network: self.network.clone(),
                client: self.clients[plan.client].clone(),
                plan: plan.clone(),
                rng: stream(self.schedule.seed, &format!("member's application {number}")),
                commands,
                calm: false,
            };
            tokio::spawn(application.run());
            self.members.push(sender);
        }
    }

    /// A fault that concerns a whole broker.
    fn strike(&self, fault: &str, broker: i32) {
        self.network.count(fault, self.network.in_flight(broker));
    }

    /// Where the logs end now.
    fn ends(&self) -> BTreeMap<Place, i64> {
        let end = |place: Place| self.broker.partition_status(&topic_name(place.0), place.1).ok().map(|it| it.log_end_offset);
        self.places().into_iter().filter_map(|place| Some((place, end(place)?))).collect()
    }

    /// A leader that changed lacked something, which is lost.
    fn note_truncations(&self, before: &BTreeMap<Place, i64>) {
        for (place, end) in self.ends() {
            if before.get(&place).is_some_and(|before| end < *before) {
                note!(self.world.trace, "{place:?} is truncated to {end}");
                self.network.count("log truncated", 1);
                let now = self.world.trace.now_ms();
                self.world.history().truncated.push((now, place, end));
            }
        }
    }

    fn act(&mut self, action: &Action) {
        let number = |at: usize| action.numbers.get(at).copied().unwrap_or(0);
        let small = |at: usize| i32::try_from(number(at)).unwrap_or(0);
        let place: Place = (number(1), small(2));
        let cut = |at: usize| [Cut::Before, Cut::Mid, Cut::After][usize::try_from(number(at)).unwrap_or(0).min(2)];
        let ms = |at: usize| number(at).unsigned_abs();
        match action.verb {
            Verb::Produce => {
                let partition = (number(2) >= 0).then(|| small(2));
                let size = usize::try_from(number(4)).unwrap_or(0);
                let (topic, count, patience) = (number(1), number(3), number(5));
                self.tell_producer(number(0), producers::Command::Produce { topic, partition, count, size, patience });
            }
            Verb::Flush => self.tell_producer(number(0), producers::Command::Flush),
            Verb::Purge => self.tell_producer(number(0), producers::Command::Purge(number(1) == 1)),
            Verb::Assign => {
                let partitions = usize::try_from(number(1)).ok().and_then(|topic| self.schedule.topics.get(topic)).copied();
                self.tell_consumer(number(0), consumers::Command::Assign(number(1), partitions.unwrap_or(1), number(2)));
            }
            Verb::Seek => self.tell_consumer(number(0), consumers::Command::Seek(place, number(3))),
            Verb::Pause => self.tell_consumer(number(0), consumers::Command::Pause(place)),
            Verb::Resume => self.tell_consumer(number(0), consumers::Command::Resume(place)),
            Verb::Stall => self.tell_consumer(number(0), consumers::Command::Stall(ms(1))),
            Verb::Watermarks => self.tell_consumer(number(0), consumers::Command::Watermarks(place)),
            Verb::Describe => self.describe(number(0), number(1)),
            Verb::CutRequest => self.network.cut_next(small(0), Direction::Request, cut(1)),
            Verb::CutResponse => self.network.cut_next(small(0), Direction::Response, cut(1)),
            Verb::CutAll => self.network.cut_all(small(0)),
            Verb::Silence => {
                let way = if number(1) == 0 { Direction::Request } else { Direction::Response };
                self.network.silence(small(0), way, ms(2));
            }
            Verb::Refuse => self.network.refuse(small(0), ms(1)),
            Verb::LeaveUnanswered => self.network.leave_unanswered(small(0), ms(1)),
            Verb::Slow => self.network.slow_down(small(0), ms(1), number(2)),
            Verb::Fault => {
                let added = faults::rule(&action.numbers).and_then(|rule| self.broker.add_fault(rule).ok());
                self.rules.extend(added.map(|id| (id, faults::name(&action.numbers))));
            }
            Verb::Join => self.tell_member(number(0), members::Command::Join(number(1))),
            Verb::Subscribe => self.tell_member(number(0), members::Command::Subscribe(number(1))),
            Verb::Leave => self.tell_member(number(0), members::Command::Leave(number(1))),
            Verb::StallMember => self.tell_member(number(0), members::Command::Stall(ms(1))),
            Verb::SlowListener => self.tell_member(number(0), members::Command::SlowListener(ms(1))),
            Verb::Commit => self.tell_member(number(0), members::Command::Commit(number(1))),
            Verb::SeekBack => self.tell_member(number(0), members::Command::SeekBack(place, number(3))),
            Verb::LoseNetwork => self.network.lose(usize::try_from(number(0)).unwrap_or(0), ms(1)),
            _ => self.act_on_brokers(action.verb, number(0), small(1), small(2)),
        }
    }

    /// What is refused, because of something else that happened, changes nothing.
    fn act_on_brokers(&mut self, verb: Verb, first: i64, second: i32, third: i32) {
        let id = i32::try_from(first).unwrap_or(0);
        let topic = topic_name(first);
        match verb {
            Verb::Stop => {
                self.strike("broker stopped", id);
                let _ = self.broker.stop_broker(id);
            }
            Verb::Restart => {
                let _ = self.broker.restart_broker(id);
            }
            Verb::Isolate => {
                self.strike("broker isolated", id);
                let _ = self.broker.isolate(id);
            }
            Verb::Heal => {
                let _ = self.broker.heal(id);
            }
            Verb::MoveLeader => {
                let before = self.broker.partition_status(&topic, second).ok().and_then(|status| status.leader);
                if self.broker.move_leader(&topic, second, third).is_ok() {
                    self.strike("leader moved", before.unwrap_or(0));
                }
            }
            Verb::BumpEpoch => {
                let leader = self.broker.partition_status(&topic, second).ok().and_then(|status| status.leader);
                if self.broker.bump_leader_epoch(&topic, second).is_ok() {
                    self.strike("leader epoch bumped", leader.unwrap_or(0));
                }
            }
            Verb::MoveController => {
                let _ = self.broker.move_controller(id);
            }
            Verb::HoldReplication => {
                self.broker.hold_replication(first == 1);
            }
            Verb::ShrinkIsr => {
                let _ = self.broker.shrink_isr(&topic, second);
            }
            Verb::MoveCoordinator => {
                let group = group_name(first);
                let waiting = self.waiting(&group);
                if self.broker.move_coordinator(&group, second).is_ok() {
                    self.network.count("coordinator moved", self.strike_of(&group));
                    self.network.count("coordinator moved: a rebalance", waiting);
                }
            }
            Verb::StopCoordinator => {
                let group = group_name(first);
                if let Some(coordinator) = self.broker.group_status(&group).and_then(|status| status.coordinator) {
                    self.network.count("coordinator stopped", self.strike_of(&group));
                    self.network.count("coordinator stopped: a rebalance", self.waiting(&group));
                    let _ = self.broker.stop_broker(coordinator);
                }
            }
            Verb::RestartAll => {
                for id in self.broker.broker_ids() {
                    let _ = self.broker.restart_broker(id);
                }
            }
            Verb::AddPartitions => self.add_partitions(first, second),
            Verb::DeleteTopic => self.delete_topic(first),
            Verb::CreateTopic => self.create_topic(first),
            _ => {}
        }
    }

    fn tell_producer(&self, number: i64, command: producers::Command) {
        if let Some(producer) = usize::try_from(number).ok().and_then(|number| self.producers.get(number)) {
            let _ = producer.send(command);
        }
    }

    fn tell_consumer(&self, number: i64, command: consumers::Command) {
        if let Some(consumer) = usize::try_from(number).ok().and_then(|number| self.consumers.get(number)) {
            let _ = consumer.send(command);
        }
    }

    fn tell_member(&self, number: i64, command: members::Command) {
        if let Some(member) = usize::try_from(number).ok().and_then(|number| self.members.get(number)) {
            let _ = member.send(command);
        }
    }

    /// How many members of a group wait for its rebalance.
    fn waiting(&self, group: &str) -> usize {
        self.broker.group_status(group).map_or(0, |status| status.members.iter().filter(|member| member.waits).count())
    }

    /// How many requests its coordinator owes.
    fn strike_of(&self, group: &str) -> usize {
        let coordinator = self.broker.group_status(group).and_then(|status| status.coordinator);
        coordinator.map_or(0, |broker| self.network.in_flight(broker))
    }

    fn describe(&mut self, client: i64, topic: i64) {
        let Some(client) = usize::try_from(client).ok().and_then(|number| self.clients.get(number)) else { return };
        let (admin, world) = (client.admin(), self.world.clone());
        self.calls.spawn(async move {
            let begun = Instant::now();
            let described = admin.describe_topic(&topic_name(topic)).await;
            note!(world.trace, "describe: {:?}", described.map(|topic| topic.partitions.len()).map_err(|error| error.kind()));
            let took = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            world.history().bounded("describe_topic", took, 10_000);
        });
    }

    fn delete_topic(&mut self, topic: i64) {
        let (admin, world) = (self.operator.admin(), self.world.clone());
        self.network.count("topic deleted", 1);
        world.history().deleted.push((world.trace.now_ms(), topic));
        self.calls.spawn(async move {
            let done = admin.delete_topic(&topic_name(topic)).await;
            note!(world.trace, "deleted {topic}: {:?}", done.map_err(|error| error.kind()));
            let now = world.trace.now_ms();
            world.history().deleted.push((now, topic));
        });
    }

    fn create_topic(&mut self, topic: i64) {
        let (admin, world) = (self.operator.admin(), self.world.clone());
        let partitions = usize::try_from(topic).ok().and_then(|topic| self.schedule.topics.get(topic)).copied().unwrap_or(1);
        let new = NewTopic::new(topic_name(topic)).partitions(i32::try_from(partitions).unwrap());
        self.calls.spawn(async move {
            let done = admin.create_topic(new).await;
            note!(world.trace, "created {topic}: {:?}", done.map(drop).map_err(|error| error.kind()));
        });
    }

    /// Ends all faults.
    async fn heal(&mut self) {
        note!(self.world.trace, "all faults end");
        let before = self.ends();
        self.network.heal();
        for (id, name) in std::mem::take(&mut self.rules) {
            self.network.count_rule(&name, self.broker.fault_hits(id));
        }
        self.broker.clear_faults();
        for id in self.broker.broker_ids() {
            let _ = self.broker.restart_broker(id);
            let _ = self.broker.heal(id);
        }
        self.broker.hold_replication(false);
        self.note_truncations(&before);
        while self.calls.join_next().await.is_some() {}
        for (topic, partition) in self.places() {
            let _ = self.broker.replicate(&topic_name(topic), partition);
        }
    }

    /// All partitions: those that were planned, and those that came later.
    fn places(&self) -> Vec<Place> {
        let mut places = Vec::new();
        for (planned, topic) in self.schedule.topics.iter().zip(0..) {
            let planned = i32::try_from(*planned).unwrap();
            let name = topic_name(topic);
            places.extend((0..planned).map(|partition| (topic, partition)));
            let later = (planned..).take_while(|partition| self.broker.partition_status(&name, *partition).is_ok());
            places.extend(later.map(|partition| (topic, partition)));
        }
        places
    }

    /// More partitions, as an operator makes them.
    fn add_partitions(&mut self, topic: i64, count: i32) {
        let there = i32::try_from(self.places().iter().filter(|place| place.0 == topic).count()).unwrap();
        let (connector, world) = (self.broker.memory_connector(), self.world.clone());
        let address = self.broker.controller().and_then(|id| self.broker.address_of(id).ok());
        let Some((host, port)) = address.as_deref().and_then(|address| address.rsplit_once(':')) else { return };
        let (host, port) = (host.to_owned(), port.parse().unwrap());
        self.network.count("partitions added", self.members.len());
        self.calls.spawn(async move {
            let Ok(stream) = connector.connect(&host, port) else { return };
            let done = operator::add_partitions(stream, &topic_name(topic), there + count).await;
            note!(world.trace, "partitions of {topic}, {}: {done:?}", there + count);
        });
    }

    /// Everything must drain: producers first, then consumers up to where the logs end.
    async fn finish(&mut self) {
        let mut done = Vec::new();
        for producer in &self.producers {
            let (finished, waits) = oneshot::channel();
            if producer.send(producers::Command::Finish(finished)).is_ok() {
                done.push(waits);
            }
        }
        for waits in done.drain(..) {
            if waits.await.is_err() {
                self.world.history().violation("a producing application panicked".into());
            }
        }
        let mut ends: BTreeMap<Place, i64> = BTreeMap::new();
        for place in self.places() {
            if let Ok(status) = self.broker.partition_status(&topic_name(place.0), place.1) {
                if status.high_watermark != status.log_end_offset {
                    self.world.history().violation(format!("the brokers do not settle: {place:?} {status:?}"));
                }
                ends.insert(place, status.high_watermark);
            }
        }
        self.settle_groups(&ends).await;
        for consumer in &self.consumers {
            let (finished, waits) = oneshot::channel();
            if consumer.send(consumers::Command::Finish(ends.clone(), finished)).is_ok() {
                done.push(waits);
            }
        }
        for waits in done {
            if waits.await.is_err() {
                self.world.history().violation("a consuming application panicked".into());
            }
        }
    }

    /// The logs that are left, decoded record by record.
    fn logs(&self) -> Logs {
        let mut logs = Logs::new();
        for place in self.places() {
            let Ok(batches) = self.broker.stored_batches(&topic_name(place.0), place.1) else { continue };
            let log = logs.entry(place).or_default();
            for batch in batches.iter().flat_map(split_batches) {
                let decoded = batch.unwrap().decode(true, 1 << 30, Vec::new()).unwrap();
                for record in decoded.records() {
                    let record = record.unwrap();
                    let mut history = self.world.history();
                    match history.recognise(place.0, place.1, record.key, record.value.unwrap_or_default()) {
                        Ok(id) => log.push((record.offset, id)),
                        Err(what) => history.violation(format!("the log {place:?} has at {}: {what}", record.offset)),
                    }
                }
            }
        }
        logs
    }
}
