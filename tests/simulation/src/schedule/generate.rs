//! From a seed to a schedule.

use ottla::Rng;

use super::{Action, ClientPlan, Schedule, Verb, generate_groups};
use crate::faults;
use crate::random::{Draw, stream};

/// How long applications and faults are busy, in virtual ms.
pub(super) const BUSY_MS: i64 = 20_000;

/// The schedule of a seed: with groups where it is odd.
#[must_use]
pub fn generate(seed: u64) -> Schedule {
    let mut shape = stream(seed, "shape");
    let brokers = *shape.pick(&[1, 2, 3, 3]);
    let mut schedule = Schedule {
        seed,
        brokers,
        replicas: shape.between(1, brokers),
        topics: (0..shape.between(1, 2)).map(|_| shape.between(1, 3)).collect(),
        latency_ms: *shape.pick(&[0, 2, 10, 60]),
        offload_ms: *shape.pick(&[0, 5, 50]),
        ..Schedule::default()
    };
    // Some runs are calm but for what is planned, in some everything happens.
    if shape.chance(500) {
        schedule.cuts = *shape.pick(&[0, 5, 20, 60]);
        schedule.stalls = *shape.pick(&[0, 5, 20]);
        schedule.half_open = *shape.pick(&[0, 0, 3, 10]);
        schedule.refusals = *shape.pick(&[0, 50, 300]);
    }
    schedule.unclean = i64::from(schedule.replicas > 1 && shape.chance(200));
    for _ in 0..shape.between(1, 3) {
        schedule.clients.push(client(&mut shape));
    }
    // Somebody has to do something.
    schedule.clients[0].producers = schedule.clients[0].producers.max(1);
    let groups = seed % 2 == 1;
    if groups {
        generate_groups::members(&mut schedule, &mut stream(seed, "groups"));
    }
    application(&mut schedule, &mut stream(seed, "application"));
    misfortunes(&mut schedule, &mut stream(seed, "faults"));
    if groups {
        generate_groups::application(&mut schedule, &mut stream(seed, "members"));
        generate_groups::misfortunes(&mut schedule, &mut stream(seed, "faults of groups"));
        generate_groups::spare_static_members(&mut schedule);
    }
    let mut corruption = stream(seed, "corruption");
    if corruption.chance(60) {
        for _ in 0..corruption.between(1, 3) {
            let numbers = faults::draw_corruption(&mut corruption);
            schedule.act(corruption.between(0, BUSY_MS), Verb::Fault, &numbers);
        }
    }
    schedule.actions.sort_by_key(|action| action.at);
    schedule
}

fn client(rng: &mut Rng) -> ClientPlan {
    let mut properties = Vec::new();
    let mut set = |name: &str, value: &'static str| properties.push((name.to_owned(), value.to_owned()));
    match rng.between(0, 9) {
        0..6 => set("acks", "all"),
        kind => {
            set("enable.idempotence", "false");
            set("acks", ["all", "all", "1", "0"][usize::try_from(kind - 6).unwrap()]);
        }
    }
    set("linger.ms", rng.pick::<&str>(&["0", "5", "100"]));
    set("compression.type", rng.pick::<&str>(&["none", "none", "gzip", "snappy", "lz4", "zstd"]));
    set("batch.size", rng.pick::<&str>(&["200", "2000", "65536", "1000000"]));
    set("max.in.flight", rng.pick::<&str>(&["1", "2", "5"]));
    let (delivery, request) =
        *rng.pick(&[("3000", "500"), ("3000", "2000"), ("10000", "500"), ("10000", "8000"), ("30000", "2000")]);
    set("delivery.timeout.ms", delivery);
    set("request.timeout.ms", request);
    set("socket.timeout.ms", rng.pick::<&str>(&["1000", "5000"]));
    set("socket.connection.setup.timeout.ms", rng.pick::<&str>(&["1000", "3000"]));
    set("max.block.ms", rng.pick::<&str>(&["0", "1000", "20000"]));
    let (buffer, record) = *rng.pick(&[("8", "8000"), ("64", "60000"), ("32768", "1000000")]);
    set("queue.buffering.max.kbytes", buffer);
    set("message.max.bytes", record);
    set("retry.backoff.ms", rng.pick::<&str>(&["10", "100"]));
    set("reconnect.backoff.ms", rng.pick::<&str>(&["5", "50"]));
    set("reconnect.backoff.max.ms", "1000");
    set("topic.metadata.propagation.max.ms", rng.pick::<&str>(&["2000", "30000"]));
    set("default.api.timeout.ms", "10000");
    set("fetch.wait.max.ms", rng.pick::<&str>(&["30", "200", "500"]));
    set("fetch.min.bytes", rng.pick::<&str>(&["1", "1", "1000"]));
    set("fetch.max.bytes", rng.pick::<&str>(&["1000", "100000", "50000000"]));
    set("max.partition.fetch.bytes", rng.pick::<&str>(&["1000", "100000", "1048576"]));
    set("queued.max.messages.kbytes", rng.pick::<&str>(&["1", "16", "65536"]));
    set("auto.offset.reset", rng.pick::<&str>(&["earliest", "latest", "none"]));
    ClientPlan {
        producers: usize::try_from(rng.between(0, 2)).unwrap(),
        consumers: usize::try_from(rng.between(0, 2)).unwrap(),
        reports: rng.chance(250),
        cursors: rng.chance(500),
        properties,
    }
}

pub(super) fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap()
}

impl Schedule {
    pub(super) fn act(&mut self, at: i64, verb: Verb, numbers: &[i64]) {
        self.actions.push(Action { at: at.unsigned_abs(), verb, numbers: numbers.to_vec() });
    }

    pub(super) fn any_topic(&self, rng: &mut Rng) -> i64 {
        rng.between(0, number(self.topics.len()) - 1)
    }

    pub(super) fn any_place(&self, rng: &mut Rng) -> (i64, i64) {
        let topic = self.any_topic(rng);
        (topic, rng.between(0, self.topics[usize::try_from(topic).unwrap()] - 1))
    }
}

fn application(schedule: &mut Schedule, rng: &mut Rng) {
    let producers = number(schedule.clients.iter().map(|client| client.producers).sum());
    let consumers = number(schedule.clients.iter().map(|client| client.consumers).sum());
    let pace = *rng.pick(&[3, 10, 30]);
    let large = rng.chance(150);
    for producer in 0..producers {
        for _ in 0..rng.between(1, pace) {
            let (topic, partition) = schedule.any_place(rng);
            let partition = if rng.chance(600) { partition } else { -1 };
            let size = if large { rng.between(100, 9000) } else { rng.between(8, 300) };
            let patience = *rng.pick(&[0, 0, 0, 0, 0, 1, 2]);
            let numbers = [producer, topic, partition, rng.between(1, 12), size, patience];
            schedule.act(rng.between(0, BUSY_MS), Verb::Produce, &numbers);
        }
        if rng.chance(300) {
            schedule.act(rng.between(0, BUSY_MS), Verb::Flush, &[producer]);
        }
        if rng.chance(50) {
            schedule.act(rng.between(0, BUSY_MS), Verb::Purge, &[producer, rng.between(0, 1)]);
        }
    }
    for consumer in 0..consumers {
        let topic = schedule.any_topic(rng);
        schedule.act(rng.between(0, 3000), Verb::Assign, &[consumer, topic, -2]);
        for _ in 0..rng.between(0, pace) {
            let (topic, partition) = schedule.any_place(rng);
            let at = rng.between(0, BUSY_MS);
            match rng.between(0, 9) {
                0..4 => schedule.act(at, Verb::Seek, &[consumer, topic, partition, rng.between(-2, 1000)]),
                4 => schedule.act(at, Verb::Pause, &[consumer, topic, partition]),
                5 => schedule.act(at, Verb::Resume, &[consumer, topic, partition]),
                6 => schedule.act(at, Verb::Stall, &[consumer, rng.between(1, 3000)]),
                7 => schedule.act(at, Verb::Watermarks, &[consumer, topic, partition]),
                8 => schedule.act(at, Verb::Assign, &[consumer, topic, rng.between(-2, -1)]),
                _ => {}
            }
        }
    }
    if rng.chance(200) {
        let client = rng.between(0, number(schedule.clients.len()) - 1);
        let topic = schedule.any_topic(rng);
        schedule.act(rng.between(0, BUSY_MS), Verb::Describe, &[client, topic]);
    }
}

/// Followers lag, leave the ISR, so that what they lack is read, and lead all the same.
fn unclean(schedule: &mut Schedule, rng: &mut Rng) {
    for _ in 0..rng.between(1, 5) {
        let at = rng.between(0, BUSY_MS);
        let (topic, partition) = schedule.any_place(rng);
        schedule.act(at, Verb::HoldReplication, &[1]);
        let shrunk = at + rng.between(200, 2000);
        schedule.act(shrunk, Verb::ShrinkIsr, &[topic, partition]);
        let moved = shrunk + rng.between(50, 1000);
        for broker in 1..=schedule.brokers {
            schedule.act(moved, Verb::MoveLeader, &[topic, partition, broker]);
        }
        if rng.chance(300) {
            schedule.act(moved + rng.between(0, 2000), Verb::HoldReplication, &[0]);
        }
    }
}

fn misfortunes(schedule: &mut Schedule, rng: &mut Rng) {
    let brokers = schedule.brokers;
    if schedule.unclean == 1 {
        unclean(schedule, rng);
    } else if rng.chance(250) {
        schedule.act(rng.between(0, BUSY_MS), Verb::HoldReplication, &[1]);
        schedule.act(rng.between(0, BUSY_MS), Verb::HoldReplication, &[0]);
    }
    for _ in 0..*rng.pick(&[0, 0, 1, 2, 4]) {
        let numbers = faults::draw(rng, brokers, number(schedule.topics.len()));
        let at = rng.between(0, BUSY_MS);
        // What a client asks for but once it asks for soon.
        schedule.act(if faults::strikes_early(&numbers) { 0 } else { at }, Verb::Fault, &numbers);
    }
    for _ in 0..rng.between(0, 8) {
        let at = rng.between(0, BUSY_MS);
        let broker = rng.between(1, brokers);
        let (topic, partition) = schedule.any_place(rng);
        let ms = *rng.pick(&[20, 300, 2000, 6000]);
        match rng.between(0, 14) {
            0 => {
                schedule.act(at, Verb::Stop, &[broker]);
                schedule.act(at + ms, Verb::Restart, &[broker]);
            }
            1 => {
                schedule.act(at, Verb::Isolate, &[broker]);
                schedule.act(at + ms, Verb::Heal, &[broker]);
            }
            2 | 3 => schedule.act(at, Verb::MoveLeader, &[topic, partition, broker]),
            4 => schedule.act(at, Verb::BumpEpoch, &[topic, partition]),
            5 => schedule.act(at, Verb::ShrinkIsr, &[topic, partition]),
            6 if rng.chance(300) => {
                schedule.act(at, Verb::DeleteTopic, &[topic]);
                schedule.act(at + ms, Verb::CreateTopic, &[topic]);
            }
            6 => schedule.act(at, Verb::MoveController, &[broker]),
            7 | 8 => schedule.act(at, Verb::CutRequest, &[broker, rng.between(0, 2)]),
            9 | 10 => schedule.act(at, Verb::CutResponse, &[broker, rng.between(0, 2)]),
            11 => schedule.act(at, Verb::CutAll, &[broker]),
            12 => schedule.act(at, Verb::Silence, &[broker, rng.between(0, 1), ms]),
            13 if rng.chance(500) => schedule.act(at, Verb::Refuse, &[broker, ms]),
            13 => schedule.act(at, Verb::LeaveUnanswered, &[broker, ms]),
            _ => schedule.act(at, Verb::Slow, &[broker, ms, rng.between(1, 700)]),
        }
    }
}
