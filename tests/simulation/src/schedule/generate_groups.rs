//! The part of a schedule that concerns groups.

use ottla::Rng;

use super::generate::{BUSY_MS, number};
use super::{MemberPlan, Schedule, Verb};
use crate::faults;
use crate::random::Draw;

const STRATEGIES: &[&str] =
    &["range", "roundrobin", "sticky", "cooperative-sticky", "cooperative-sticky", "range,roundrobin", "sticky,range"];

/// Who may be in which group. Consumers without a group are left where they are few.
pub(super) fn members(schedule: &mut Schedule, rng: &mut Rng) {
    for client in &mut schedule.clients {
        client.consumers = client.consumers.min(usize::from(rng.chance(250)));
        let refresh = rng.pick::<&str>(&["2000", "10000", "300000"]);
        client.properties.push(("topic.metadata.refresh.interval.ms".to_owned(), (*refresh).to_owned()));
    }
    for group in 0..*rng.pick(&[1, 1, 1, 2]) {
        let strategy = *rng.pick(STRATEGIES);
        let shared_name = rng.chance(100);
        for at in 0..rng.between(1, 4) {
            let client = rng.between(0, number(schedule.clients.len()) - 1);
            let mut plan = member(rng, group, strategy);
            plan.client = usize::try_from(client).unwrap();
            // A static member that comes back gets what it had: if it had been given less than all, for others to give up first, nobody
            // joins again for the rest (KIP-345 and KIP-429).
            let may_be_static = !strategy.starts_with("cooperative");
            if rng.chance(if shared_name { 700 } else { 150 }) && may_be_static {
                let name = if shared_name { 0 } else { at };
                plan.properties.push(("group.instance.id".to_owned(), format!("static-{name}")));
            }
            schedule.members.push(plan);
        }
    }
}

fn member(rng: &mut Rng, group: i64, strategy: &str) -> MemberPlan {
    let mut properties = vec![("group".to_owned(), group.to_string())];
    let mut set = |name: &str, value: &str| properties.push((name.to_owned(), value.to_owned()));
    set("partition.assignment.strategy", strategy);
    set("auto.offset.reset", "earliest");
    let session = *rng.pick(&["6000", "10000"]);
    set("session.timeout.ms", session);
    set("heartbeat.interval.ms", rng.pick::<&str>(&["300", "1000", "3000"]));
    set("max.poll.interval.ms", rng.pick::<&str>(&[session, "10000", "20000"]));
    set("enable.auto.commit", rng.pick::<&str>(&["true", "true", "false"]));
    set("auto.commit.interval.ms", rng.pick::<&str>(&["100", "1000", "5000"]));
    set("close.timeout.ms", rng.pick::<&str>(&["1000", "5000", "10000"]));
    set("default.api.timeout.ms", rng.pick::<&str>(&["2000", "10000"]));
    let listens = rng.chance(600);
    let commits = if rng.chance(400) { rng.between(1, 4) } else { 0 };
    MemberPlan { client: 0, listens, cursors: rng.chance(500), commits, properties }
}

/// A static member that comes back with another subscription gets what it had, without a rebalance: it always reads everything.
fn some_topics(schedule: &Schedule, rng: &mut Rng, member: i64) -> i64 {
    let all = (1 << schedule.topics.len()) - 1;
    let plan = usize::try_from(member).ok().and_then(|member| schedule.members.get(member));
    let is_static = plan.is_some_and(|plan| plan.text("group.instance.id").is_some());
    if is_static || rng.chance(800) { all } else { rng.between(1, all) }
}

/// They come, go, stall, commit and seek.
pub(super) fn application(schedule: &mut Schedule, rng: &mut Rng) {
    let pace = *rng.pick(&[1, 3, 8]);
    for member in 0..number(schedule.members.len()) {
        let topics = some_topics(schedule, rng, member);
        let first = if rng.chance(700) { rng.between(0, 2000) } else { rng.between(0, BUSY_MS) };
        schedule.act(first, Verb::Join, &[member, topics]);
        for _ in 0..rng.between(0, pace) {
            let at = rng.between(first, BUSY_MS);
            match rng.between(0, 10) {
                0 | 1 => {
                    schedule.act(at, Verb::Leave, &[member, rng.between(0, 2)]);
                    if rng.chance(700) {
                        let topics = some_topics(schedule, rng, member);
                        schedule.act(at + rng.between(1, 8000), Verb::Join, &[member, topics]);
                    }
                }
                2 | 3 => {
                    let ms = *rng.pick(&[100, 2000, 9000, 15_000, 25_000]);
                    schedule.act(at, Verb::StallMember, &[member, rng.between(1, ms)]);
                }
                4 => {
                    let ms = *rng.pick(&[100, 2000, 4000]);
                    schedule.act(at, Verb::SlowListener, &[member, rng.between(1, ms)]);
                }
                5 => {
                    let topics = if rng.chance(500) { 0 } else { some_topics(schedule, rng, member) };
                    schedule.act(at, Verb::Subscribe, &[member, topics]);
                    if topics == 0 {
                        let topics = some_topics(schedule, rng, member);
                        schedule.act(at + rng.between(1, 8000), Verb::Subscribe, &[member, topics]);
                    }
                }
                6..9 => schedule.act(at, Verb::Commit, &[member, rng.between(0, 2)]),
                _ => {
                    let (topic, partition) = schedule.any_place(rng);
                    schedule.act(at, Verb::SeekBack, &[member, topic, partition, rng.between(0, 1000)]);
                }
            }
        }
    }
}

/// What befalls groups above all.
pub(super) fn misfortunes(schedule: &mut Schedule, rng: &mut Rng) {
    let groups = 1 + schedule.members.iter().map(MemberPlan::group).max().unwrap_or(0);
    for _ in 0..*rng.pick(&[0, 0, 1, 3]) {
        let numbers = faults::draw_for_groups(rng, schedule.brokers);
        schedule.act(rng.between(0, BUSY_MS), Verb::Fault, &numbers);
    }
    for _ in 0..rng.between(0, 5) {
        let at = rng.between(0, BUSY_MS);
        let group = rng.between(0, groups - 1);
        let ms = *rng.pick(&[50, 1000, 4000, 9000, 15_000]);
        match rng.between(0, 9) {
            0..4 => schedule.act(at, Verb::MoveCoordinator, &[group, rng.between(1, schedule.brokers)]),
            4 | 5 => {
                schedule.act(at, Verb::StopCoordinator, &[group]);
                schedule.act(at + ms, Verb::RestartAll, &[]);
            }
            6..9 => {
                let client = rng.between(0, number(schedule.clients.len()) - 1);
                schedule.act(at, Verb::LoseNetwork, &[client, ms]);
            }
            _ => {
                let topic = schedule.any_topic(rng);
                schedule.act(at, Verb::AddPartitions, &[topic, rng.between(1, 2)]);
            }
        }
    }
}

/// A static member that comes back as its group's leader goes on with what was divided before (KIP-814), even if the topics have other
/// partitions by now: nobody hears of that until the next rebalance.
pub(super) fn spare_static_members(schedule: &mut Schedule) {
    if schedule.members.iter().any(|plan| plan.text("group.instance.id").is_some()) {
        let changes = [Verb::AddPartitions, Verb::DeleteTopic, Verb::CreateTopic];
        schedule.actions.retain(|action| !changes.contains(&action.verb));
    }
}
