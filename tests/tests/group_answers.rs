//! The same requests about groups to broker-lite and to a live Kafka: the answers are the same, down to texts.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "group_answers/peer.rs"]
mod peer;
#[path = "group_answers/scripts.rs"]
mod scripts;
#[path = "group_answers/tools.rs"]
mod tools;

use std::sync::OnceLock;

use ottla_broker::Broker;
use ottla_tests::kafka::{KafkaOptions, LiveKafka, unique_name};

use peer::Script;

/// A Kafka that begins a group's first rebalance at once, as broker-lite does.
fn kafka() -> &'static LiveKafka {
    static KAFKA: OnceLock<LiveKafka> = OnceLock::new();
    KAFKA.get_or_init(|| {
        let options = KafkaOptions::default().property("group.initial.rebalance.delay.ms", "0");
        LiveKafka::start_with(&options.property("group.max.size", "3"))
    })
}

/// Runs a script on both, and compares what was heard line by line.
fn the_same_on_both(name: &str, script: impl Fn(&mut Script)) {
    let lite = Broker::builder().config("group.max.size", "3").unwrap().start().unwrap();
    let name = unique_name(name);
    let run = |servers: &str| {
        let mut run = Script::start(servers, &name);
        script(&mut run);
        run.heard()
    };
    let (ours, kafkas) = (run(lite.bootstrap_servers()), run(kafka().bootstrap_servers()));
    let differ: Vec<String> = ours
        .iter()
        .zip(&kafkas)
        .filter(|(ours, kafkas)| ours != kafkas)
        .map(|(ours, kafkas)| format!("broker-lite: {ours}\n      Kafka: {kafkas}"))
        .collect();
    assert!(differ.is_empty() && ours.len() == kafkas.len(), "{}", differ.join("\n\n"));
}

#[test]
fn coordinators_are_found() {
    the_same_on_both("coordinators", scripts::coordinators);
}

#[test]
fn what_is_not_there() {
    the_same_on_both("missing", scripts::nothing_there);
}

#[test]
fn a_group_lives_and_is_deleted() {
    the_same_on_both("life", scripts::a_life);
}

#[test]
fn two_members_rebalance() {
    the_same_on_both("rebalance", scripts::rebalances);
}

#[test]
fn static_members_come_and_go() {
    the_same_on_both("static", scripts::static_members);
}

#[test]
fn a_group_is_full() {
    the_same_on_both("full", scripts::full);
}

#[test]
fn kafkas_tools_see_and_change_groups() {
    the_same_on_both("tools", tools::groups);
}

#[test]
fn two_of_javas_consumers_share_a_topic() {
    the_same_on_both("range", |script| tools::two_consumers(script, "RangeAssignor"));
    the_same_on_both("cooperative", |script| tools::two_consumers(script, "CooperativeStickyAssignor"));
}
