//! Coordinators that move, load, fall silent or are gone, while an administrator asks them.

use std::collections::BTreeSet;

use ottla::{Client, ErrorCode, ErrorKind, GroupFilter, ListGroupOffsetsSpec, MemberIdentity};
use ottla_broker::{ApiKey, Broker, Effect, Rule};

use super::{code, codes, describe, offsets, partitions};
use crate::helper::{PATIENCE, client, in_time};

fn three() -> Broker {
    Broker::builder().brokers(3).topic("t", 2).start().unwrap()
}

fn quick(servers: &str, limit: &str) -> Client {
    let backoffs = ["retry.backoff.ms", "retry.backoff.max.ms", "reconnect.backoff.ms", "reconnect.backoff.max.ms"];
    let mut properties: Vec<(&str, &str)> = backoffs.into_iter().map(|name| (name, "10")).collect();
    properties.push(("default.api.timeout.ms", limit));
    client(servers, &properties)
}

/// Which broker coordinates each group.
fn coordinators(client: &Client, groups: &[String]) -> Vec<i32> {
    let described = client.admin().describe_groups_blocking(groups, false).unwrap();
    groups.iter().map(|group| described[group].as_ref().unwrap().coordinator.id).collect()
}

fn ten_groups(client: &Client) -> Vec<String> {
    let groups: Vec<String> = (0..10).map(|i| format!("group-{i}")).collect();
    for group in &groups {
        assert_eq!(codes(&client.admin().alter_group_offsets_blocking(group, offsets("t", &[(0, 1)])).unwrap()), [None]);
    }
    groups
}

#[test]
fn groups_of_several_brokers_are_answered_in_one_call() {
    let broker = three();
    let client = quick(broker.bootstrap_servers(), "60000");
    let admin = client.admin();
    let groups = ten_groups(&client);
    assert_eq!(coordinators(&client, &groups).into_iter().collect::<BTreeSet<_>>().len(), 3);
    let listed = admin.list_groups_blocking(&GroupFilter::all()).unwrap().all().unwrap();
    assert_eq!(listed.into_iter().map(|listing| listing.group_id).collect::<Vec<_>>(), groups);
    let all = groups.iter().map(ListGroupOffsetsSpec::all);
    assert!(admin.list_group_offsets_blocking(all, true).unwrap().values().all(|offsets| offsets.as_ref().unwrap().len() == 1));
    assert!(admin.delete_groups_blocking(&groups).unwrap().values().all(Result::is_ok));
    assert!(admin.list_groups_blocking(&GroupFilter::all()).unwrap().all().unwrap().is_empty());
}

#[test]
fn each_call_comes_through_while_coordinators_move_load_or_are_not_there() {
    let broker = three();
    let client = quick(broker.bootstrap_servers(), "60000");
    let admin = client.admin();
    let group = "g";
    admin.alter_group_offsets_blocking(group, offsets("t", &[(0, 1)])).unwrap();
    let moved = [ErrorCode::NotCoordinator, ErrorCode::CoordinatorLoadInProgress, ErrorCode::CoordinatorNotAvailable];
    let apis = [
        ApiKey::ConsumerGroupDescribe,
        ApiKey::DescribeGroups,
        ApiKey::OffsetFetch,
        ApiKey::OffsetCommit,
        ApiKey::OffsetDelete,
        ApiKey::LeaveGroup,
        ApiKey::DeleteGroups,
        ApiKey::ListGroups,
        ApiKey::FindCoordinator,
    ];
    for code in moved {
        for api in apis {
            if api == ApiKey::FindCoordinator && code == ErrorCode::NotCoordinator {
                continue;
            }
            let rule = broker.add_fault(Rule::on(api, Effect::Error { code, applied: false }).once()).unwrap();
            match api {
                ApiKey::OffsetFetch => {
                    let listed = admin.list_group_offsets_blocking([ListGroupOffsetsSpec::all(group)], false).unwrap();
                    assert_eq!(listed[group].as_ref().unwrap().len(), 1);
                }
                ApiKey::OffsetCommit => {
                    assert_eq!(codes(&admin.alter_group_offsets_blocking(group, offsets("t", &[(0, 2)])).unwrap()), [None]);
                }
                ApiKey::OffsetDelete => {
                    assert_eq!(codes(&admin.delete_group_offsets_blocking(group, partitions("t", &[1])).unwrap()), [None]);
                }
                ApiKey::LeaveGroup => {
                    let nobody = MemberIdentity::MemberId("nobody".to_owned());
                    let removed = admin.remove_members_blocking(group, [nobody], None).unwrap();
                    assert_eq!(super::code(&removed[0].1), Some(ErrorCode::UnknownMemberId));
                }
                ApiKey::DeleteGroups => {
                    assert!(admin.delete_groups_blocking([group]).unwrap()[group].is_ok());
                    admin.alter_group_offsets_blocking(group, offsets("t", &[(0, 1)])).unwrap();
                }
                ApiKey::ListGroups => {
                    assert_eq!(admin.list_groups_blocking(&GroupFilter::all()).unwrap().all().unwrap().len(), 1);
                }
                _ => assert_eq!(describe(&client, group).unwrap().group_id, group),
            }
            assert_eq!(broker.fault_hits(rule), 1, "{api} {code}");
        }
    }
}

#[test]
fn a_coordinator_that_really_moved_is_found() {
    let broker = three();
    let client = quick(broker.bootstrap_servers(), "60000");
    let groups = ten_groups(&client);
    let before = coordinators(&client, &groups);
    let elsewhere = |id: &i32| id % 3 + 1;
    for (group, id) in groups.iter().zip(&before) {
        broker.move_coordinator(group, elsewhere(id)).unwrap();
    }
    let after = coordinators(&client, &groups);
    assert_eq!(after, before.iter().map(elsewhere).collect::<Vec<_>>());
    for group in &groups {
        assert_eq!(codes(&client.admin().alter_group_offsets_blocking(group, offsets("t", &[(0, 9)])).unwrap()), [None]);
    }
}

#[test]
fn a_coordinator_that_stops_while_it_is_asked_is_replaced() {
    let broker = three();
    broker.journal().keep(1_000);
    let client = quick(broker.bootstrap_servers(), "60000");
    let groups = ten_groups(&client);
    let at = coordinators(&client, &groups)[0];
    broker.journal().clear();
    let silent = Rule { broker: Some(at), ..Rule::on(ApiKey::ConsumerGroupDescribe, Effect::Silence { applied: false }).once() };
    broker.add_fault(silent).unwrap();
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| coordinators(&client, &groups));
        let seen = broker
            .journal()
            .wait_for_blocking(PATIENCE, |entry| entry.api == ApiKey::ConsumerGroupDescribe && entry.broker == at);
        assert!(seen.is_some());
        broker.stop_broker(at).unwrap();
        let after = asked.join().unwrap();
        assert!(!after.contains(&at), "{after:?}");
    });
    // The others have taken over its groups.
    let listed = client.admin().list_groups_blocking(&GroupFilter::all()).unwrap();
    assert_eq!(listed.groups.into_iter().map(|listing| listing.group_id).collect::<Vec<_>>(), groups);
}

#[test]
fn the_groups_of_the_other_brokers_are_there_when_one_is_silent() {
    let broker = three();
    let client = quick(broker.bootstrap_servers(), "3000");
    let groups = ten_groups(&client);
    let at = coordinators(&client, &groups);
    let node = Some(2);
    let silent = Rule { broker: node, ..Rule::on(ApiKey::ListGroups, Effect::Silence { applied: false }) };
    broker.add_fault(silent).unwrap();
    let admin = client.admin();
    let listed = in_time(move || admin.list_groups_blocking(&GroupFilter::all()).unwrap());
    let expected: Vec<&String> = groups.iter().zip(&at).filter(|(_, id)| **id != 2).map(|(group, _)| group).collect();
    assert_eq!(listed.groups.iter().map(|listing| &listing.group_id).collect::<Vec<_>>(), expected);
    let [error] = listed.errors.as_slice() else { panic!("{:?}", listed.errors) };
    assert_eq!((error.kind(), error.broker().map(|(id, _)| id)), (ErrorKind::Timeout, node));
    assert!(listed.all().is_err());
}

#[test]
fn a_call_ends_in_time_and_says_why_it_did_not_succeed() {
    let broker = three();
    let client = quick(broker.bootstrap_servers(), "1000");
    let groups = ten_groups(&client);
    let lame = Rule {
        group: Some(groups[3].clone()),
        ..Rule::on(ApiKey::DeleteGroups, Effect::Error { code: ErrorCode::CoordinatorLoadInProgress, applied: false })
    };
    broker.add_fault(lame).unwrap();
    let (admin, asked) = (client.admin(), groups.clone());
    let deleted = in_time(move || admin.delete_groups_blocking(&asked).unwrap());
    for (group, result) in deleted {
        if group != groups[3] {
            result.unwrap();
            continue;
        }
        assert_eq!(code(&result), None);
        let error = result.unwrap_err();
        assert_eq!((error.kind(), error.group(), error.is_retriable()), (ErrorKind::Timeout, Some(group.as_str()), true));
        assert!(error.to_string().contains("COORDINATOR_LOAD_IN_PROGRESS"), "{error}");
    }
}
