//! The rules of groups, one by one.

use bytes::Bytes;
use ottla_protocol::messages::JoinGroupRequest;

use super::test_members::{BEGIN, Members, RULES, protocols};
use super::*;

fn at_once() -> Members {
    Members::with(GroupRules { initial_rebalance_delay_ms: 0, ..RULES })
}

#[test]
fn the_initial_delay_begins_again_with_each_member_up_to_the_rebalance_timeout() {
    let mut members = Members::empty();
    members.join_as("first", None);
    for i in 0..19 {
        // One comes in each stretch of 3 s: 60 s in all.
        assert_eq!(members.pass(2_999), "", "{i}");
        members.join_as(&format!("m{i}"), Some(&format!("i{i}")));
        if i < 9 {
            members.rules.max_size = 100;
        }
        assert_eq!(members.pass(1), "", "{i}");
    }
    members.pass(3_000);
    assert_eq!((members.group.state, members.group.members.len()), (State::CompletingRebalance, 20));
    assert_eq!(members.now - BEGIN, 60_000);
}

#[test]
fn the_initial_delay_ends_when_nobody_comes_any_more() {
    let mut members = Members::empty();
    members.join_as("first", None);
    assert_eq!(members.pass(2_999), "");
    assert_eq!(members.pass(1), "waiting: joined 1 as first, led by first, of 1");
}

#[test]
fn a_delay_of_nothing_is_over_at_once() {
    let mut members = at_once();
    assert_eq!(members.join_as("first", None), "it waits");
    assert_eq!(members.pass(0), "waiting: joined 1 as first, led by first, of 1");
}

#[test]
fn later_rebalances_have_no_delay_but_wait_for_all() {
    let mut members = Members::stable();
    assert_eq!(members.join_as("late", None), "it waits");
    members.join("follow", None, &["range"]);
    members.join("static", Some("i"), &["range"]);
    let heard = members.join("lead", None, &["range"]);
    assert!(heard.contains("it: joined 2 as lead, led by lead, of 4") && heard.matches("of 0").count() == 3, "{heard}");
}

#[test]
fn ids_that_were_given_away_hold_up_a_rebalance_until_they_are_forgotten() {
    let mut members = Members::stable();
    members.join_new(4, None, &["range"]);
    for id in ["lead", "follow"] {
        members.join(id, None, &["range"]);
    }
    assert_eq!(members.join("static", Some("i"), &["range"]), "it waits");
    assert_eq!(members.group.state, State::PreparingRebalance);
    assert_eq!(members.pass(9_999), "");
    assert!(members.pass(1).contains("joined 2 as lead"));
    assert_eq!(members.join("new1", None, &["range"]), "it: join 25 new1");
}

#[test]
fn members_that_wait_are_excused_from_heartbeats_and_new_ones_for_five_minutes() {
    let mut members = Members::stable();
    members.join_as("late", None);
    members.join("lead", None, &["range"]);
    // Nobody else comes: the static member's and the follower's sessions end, and with them the joining.
    let heard = members.pass(10_000);
    assert!(heard.contains("joined 2 as lead, led by lead, of 2"), "{heard}");

    let mut members = at_once();
    members.join_as("first", None);
    members.pass(0);
    members.join_as("late", None);
    members.group.members[0].session_timeout_ms = 1_000_000;
    members.group.members[0].rebalance_timeout_ms = 1_000_000;
    members.heartbeat("first", None, 0);
    members.group.join_timer = Some(JoinTimer::Final { at: members.now + 1_000_000 });
    assert_eq!(members.pass(299_999), "");
    assert_eq!(members.pass(1), "waiting: join 25 ");
}

#[test]
fn a_member_that_never_syncs_is_out_after_the_rebalance_timeout() {
    let mut members = Members::completing();
    members.sync("static", Some("i"), 0);
    // The leader is there, but does not assign.
    let heard = members.pass_with_heartbeats(60_000);
    assert_eq!(heard, "waiting: sync 27; waiting: sync 27");
    assert_eq!(members.stands(), "PreparingRebalance, 1, [follow static]");
    assert_eq!(members.heartbeat("lead", None, 0), "25");
}

#[test]
fn syncs_after_the_leaders_get_their_part_and_ones_of_late_members_end_the_wait() {
    let mut members = Members::completing();
    let heard = members.sync("lead", None, 0);
    assert_eq!(heard, "it: synced \"part of lead\"; waiting: synced \"part of follow\"");
    assert_eq!(members.sync("static", Some("i"), 0), "it: synced \"part of static\"");
    assert_eq!(members.group.sync_deadline, None);
    assert_eq!(members.sync("follow", None, 0), "it: synced \"part of follow\"");
}

#[test]
fn the_protocol_is_one_that_all_have_and_most_put_first() {
    let mut members = Members::empty();
    for names in [&["a", "b", "c"][..], &["c", "b"], &["b", "c", "a"]] {
        members.join_new(3, None, names);
    }
    assert_eq!(members.join_new(3, None, &["a"]), "it: join 23 ");
    let other = JoinGroupRequest {
        session_timeout_ms: 10_000,
        protocol_type: "connect".into(),
        protocols: protocols(&["b"]),
        ..Default::default()
    };
    assert_eq!(members.join_request(&other, 3, "x"), "it: join 23 ");
    members.pass(3_000);
    members.pass(3_000);
    assert_eq!(members.group.protocol_name.as_deref(), Some("b"));
    // At a tie, the oldest member's choice.
    let mut members = Members::empty();
    members.join_new(3, None, &["x", "y"]);
    members.join_new(3, None, &["y", "x"]);
    members.pass(3_000);
    members.pass(3_000);
    assert_eq!(members.group.protocol_name.as_deref(), Some("x"));
}

#[test]
fn a_full_group_takes_nobody_else() {
    let mut members = Members::stable();
    members.rules.max_size = 3;
    assert_eq!(members.join_as("late", None), "it: join 81 ");
    assert_eq!(members.join("follow", None, &["range", "other"]), "it waits");
    // While a group rebalances, who comes first stays.
    members.join_as("new", None);
    members.join_as("newer", None);
    assert_eq!(members.join("lead", None, &["range"]), "it: join 81 ");
    assert_eq!(members.heartbeat("lead", None, 0), "25");
}

#[test]
fn a_static_member_that_is_late_stays_until_its_session_ends() {
    let mut members = Members::stable();
    members.group.members[2].session_timeout_ms = 100_000;
    members.heartbeat("static", Some("i"), 0);
    members.join("lead", None, &["range"]);
    members.join("follow", None, &["range"]);
    let heard = members.pass_with_heartbeats(60_000);
    assert!(heard.contains("joined 2 as lead, led by lead, of 3"), "{heard}");
}

#[test]
fn with_static_members_only_that_do_not_join_the_rebalance_goes_on() {
    let mut members = Members::stable();
    members.group.members[2].session_timeout_ms = 200_000;
    members.heartbeat("static", Some("i"), 0);
    members.join_as("late", None);
    members.leave("late", None);
    members.leave("lead", None);
    members.leave("follow", None);
    assert_eq!(members.stands(), "PreparingRebalance, 1, [static]");
    members.pass(60_000);
    assert_eq!(members.stands(), "PreparingRebalance, 1, [static]");
    let heard = members.join("static", Some("i"), &["range"]);
    assert_eq!(heard, "it: joined 2 as static, led by static, of 1");
}

#[test]
fn a_second_join_or_sync_of_a_member_ends_the_first() {
    let mut members = Members::preparing();
    let heard = members.join("lead", None, &["range"]);
    assert_eq!(heard, "it waits; waiting: join 27 lead");
    let mut members = Members::completing();
    assert_eq!(members.sync("follow", None, 0), "it waits; waiting: sync 27");
}

#[test]
fn another_coordinator_goes_on_with_the_last_generation_that_was_assigned() {
    let mut members = Members::preparing();
    members.now += 9_000;
    assert_eq!(members.unload(), "waiting: join 16 lead");
    members.group = members.group.reload(members.now);
    assert_eq!(members.stands(), "Stable, 1, [lead follow static]");
    // Sessions begin anew.
    members.pass(9_999);
    assert_eq!(members.heartbeat("follow", None, 0), "0");
    assert_eq!(members.sync("follow", None, 0), "it: synced \"part of follow\"");
    members.pass(1);
    assert_eq!(members.stands(), "PreparingRebalance, 1, [follow]");
}

#[test]
fn a_rebalance_that_ends_with_nobody_leaves_an_empty_group() {
    let mut members = Members::stable();
    members.pass(10_000);
    assert_eq!(members.stands(), "Empty, 2, []");
    assert_eq!(members.group.protocol_name, None);
    assert_eq!(members.group.protocol_type.as_deref(), Some("consumer"));
    assert_eq!(members.group.next_deadline(), None);
}

#[test]
fn what_members_subscribe_to_is_known_if_they_are_consumers() {
    let mut members = Members::stable();
    assert!(members.group.is_subscribed_to("t") && !members.group.is_subscribed_to("u"));
    for id in ["lead", "follow", "static"] {
        members.leave(id, None);
    }
    assert!(!members.group.is_subscribed_to("t"));
    // Who says nothing that can be read is taken to subscribe to anything.
    let mut members = at_once();
    let mut request = JoinGroupRequest {
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 10_000,
        protocol_type: "consumer".into(),
        protocols: protocols(&["range"]),
        ..Default::default()
    };
    request.protocols[0].metadata = Bytes::from_static(b"?");
    members.join_request(&request, 3, "m");
    members.pass(0);
    assert!(members.group.is_subscribed_to("t") && members.group.is_subscribed_to("u"));
}

#[test]
fn version_0_has_no_rebalance_timeout_of_its_own_and_a_negative_one_is_none() {
    for (version, given, timeout) in [(0, 60_000, 10_000), (1, 60_000, 60_000), (1, -1, 0)] {
        let mut members = Members::empty();
        let request = JoinGroupRequest {
            session_timeout_ms: 10_000,
            rebalance_timeout_ms: given,
            protocol_type: "consumer".into(),
            protocols: protocols(&["range"]),
            ..Default::default()
        };
        members.join_request(&request, version, "m");
        assert_eq!(members.group.rebalance_timeout_ms(), timeout);
        // Whatever it is, time goes on.
        for _ in 0..3 {
            members.pass(1_000_000);
        }
        assert_eq!(members.group.state, State::Empty);
    }
}
