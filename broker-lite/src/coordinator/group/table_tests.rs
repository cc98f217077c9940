//! Every state x event pair, as a table that is checked in: `table.txt`. With UPDATE_SNAPSHOTS=1 the test writes it anew.

use std::fmt::Write;
use std::path::Path;

use super::test_members::{Members, RULES};
use super::*;

/// Brings a group into a state.
type Make = fn() -> Members;

const STATES: [(&str, Make); 6] = [
    ("Empty", Members::empty),
    ("PreparingRebalance (first)", Members::first_rebalance),
    ("PreparingRebalance", Members::preparing),
    ("CompletingRebalance", Members::completing),
    ("Stable", Members::stable),
    ("Dead", Members::dead),
];

pub(super) type Event = fn(&mut Members) -> String;

/// In the states with members there are "lead", "follow", which is dynamic, "static" with the instance "i", and, while they join, an
/// id "given" to one that has not come yet. In PreparingRebalance only the leader has joined again; in CompletingRebalance the
/// follower's sync is parked.
pub(super) const EVENTS: [(&str, Event); 35] = [
    ("join, version 3", |it| it.join_new(3, None, &["range"])),
    ("join, version 4", |it| it.join_new(4, None, &["range"])),
    ("join with the given id", |it| it.join("given", None, &["range"])),
    ("join with the given id, as a static member", |it| it.join("given", Some("x"), &["range"])),
    ("join with an unknown id", |it| it.join("nobody", None, &["range"])),
    ("join with another protocol", |it| it.join_new(4, None, &["sticky"])),
    ("leader joins again", |it| it.join("lead", None, &["range"])),
    ("follower joins again", |it| it.join("follow", None, &["range"])),
    ("follower joins again, changed", |it| it.join("follow", None, &["range", "sticky"])),
    ("new static member joins", |it| it.join_new(9, Some("j"), &["range"])),
    ("static member joins without its id, version 8", |it| it.join_new(8, Some("i"), &["range"])),
    ("static member joins without its id, version 9", |it| it.join_new(9, Some("i"), &["range"])),
    ("static member joins again", |it| it.join("static", Some("i"), &["range"])),
    ("another joins with its instance id", |it| it.join("lead", Some("i"), &["range"])),
    ("leader syncs", |it| it.sync("lead", None, 0)),
    ("follower syncs", |it| it.sync("follow", None, 0)),
    ("follower syncs, generation before", |it| it.sync("follow", None, -1)),
    ("unknown member syncs", |it| it.sync("nobody", None, 0)),
    ("another syncs with the instance id", |it| it.sync("lead", Some("i"), 0)),
    ("heartbeat", |it| it.heartbeat("follow", None, 0)),
    ("heartbeat, generation before", |it| it.heartbeat("follow", None, -1)),
    ("heartbeat of an unknown member", |it| it.heartbeat("nobody", None, 0)),
    ("heartbeat of another with the instance id", |it| it.heartbeat("lead", Some("i"), 0)),
    ("leader leaves", |it| it.leave("lead", None)),
    ("follower leaves", |it| it.leave("follow", None)),
    ("static member is sent away", |it| it.leave("", Some("i"))),
    ("given id leaves", |it| it.leave("given", None)),
    ("unknown member leaves", |it| it.leave("nobody", None)),
    ("member commits", |it| it.commit("follow", 0)),
    ("member commits, generation before", |it| it.commit("follow", -1)),
    ("somebody without a generation commits", |it| it.commit_simply()),
    ("the initial delay ends", |it| it.pass(3_000)),
    ("the sessions end", |it| it.pass(10_000)),
    ("the rebalance timeout ends", |it| it.pass_with_heartbeats(60_000)),
    ("another broker coordinates it", |it| it.unload()),
];

fn table() -> String {
    let mut table = String::from("state | event | what is answered | state after, generation, members (* waits)\n");
    for (state, make) in STATES {
        for (event, apply) in EVENTS {
            let mut members = make();
            let heard = apply(&mut members);
            writeln!(table, "{state} | {event} | {heard} | {}", members.stands()).unwrap();
        }
    }
    table
}

#[test]
fn the_table_is_the_one_that_is_checked_in() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/coordinator/group/table.txt");
    let now = table();
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, &now).unwrap();
    }
    let before = std::fs::read_to_string(&path).unwrap();
    for (before, now) in before.lines().zip(now.lines()) {
        assert_eq!(before, now, "if this is meant, run the test with UPDATE_SNAPSHOTS=1");
    }
    assert_eq!(before.lines().count(), now.lines().count());
}

/// What a reader of the table would have to check line by line.
#[test]
fn nothing_is_lost_in_any_pair() {
    for (state, make) in STATES {
        for (event, apply) in EVENTS {
            let mut members = make();
            let waiting = members.tickets();
            apply(&mut members);
            let group = &members.group;
            let waits = members.tickets();
            for ticket in &waiting {
                let answered = members.answered.contains(ticket);
                assert!(answered != waits.contains(ticket), "{state}, {event}: #{ticket} is lost, or answered and waits");
            }
            // Whoever waits has a time at which that ends, at the latest.
            assert!(waits.is_empty() || group.next_deadline().is_some(), "{state}, {event}");
            assert_eq!(group.leader.is_none(), group.members.is_empty() || group.state == State::Dead, "{state}, {event}");
            let later = group.next_deadline().is_none_or(|at| at > members.now);
            assert!(later, "{state}, {event}: something is due still");
            // In the end, when nobody says anything any more, nobody is left.
            let mut members = members;
            let mut limit = 0;
            while let Some(at) = members.group.next_deadline() {
                members.now = at;
                members.group.advance(at, &RULES, &mut Answers::new());
                limit += 1;
                assert!(limit < 100, "{state}, {event}: it does not end");
            }
            assert!(members.group.members.is_empty() && members.group.pending.is_empty(), "{state}, {event}");
        }
    }
}
