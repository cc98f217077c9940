//! Groups from an administrator's side: the same answers from a live Apache Kafka and from broker-lite.

mod coordinators;
mod kinds;
mod tools;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use ottla::{
    AclOperation, Client, Consumer, ConsumerGroupState, Error, ErrorCode, GroupDescription, GroupFilter, GroupType,
    ListGroupOffsetsSpec, MemberIdentity, OffsetAndMetadata, PartitionResults, TopicPartition,
};
use ottla_tests::kafka::unique_name;

use crate::helper::{PATIENCE, client, on_both, topic};

/// A member that has its partitions.
fn member(client: &Client, group: &str, topic: &str, properties: &[(&str, &str)]) -> Consumer {
    let builder = client.consumer_builder().group(group).set("heartbeat.interval.ms", "100");
    let builder = properties.iter().fold(builder, |builder, (name, value)| builder.set(name, value));
    let consumer = builder.build().unwrap();
    consumer.subscribe([topic]).unwrap();
    let start = Instant::now();
    while consumer.assignment().is_empty() {
        assert!(start.elapsed() < PATIENCE, "{:?}", consumer.group_state());
        consumer.next_blocking(Duration::from_millis(20)).unwrap();
    }
    consumer
}

fn describe(client: &Client, group: &str) -> Result<GroupDescription, Error> {
    client.admin().describe_groups_blocking([group], false).unwrap().remove(group).unwrap()
}

/// Asks until the group is as it is wanted.
fn described(client: &Client, group: &str, wanted: impl Fn(&GroupDescription) -> bool) -> GroupDescription {
    let start = Instant::now();
    loop {
        let described = describe(client, group);
        match &described {
            Ok(described) if wanted(described) => return described.clone(),
            Err(error) => assert_eq!(error.code(), Some(ErrorCode::GroupIdNotFound), "{error}"),
            Ok(_) => {}
        }
        assert!(start.elapsed() < PATIENCE, "{described:?}");
    }
}

fn code<T: std::fmt::Debug>(result: &Result<T, Error>) -> Option<ErrorCode> {
    result.as_ref().err().and_then(Error::code)
}

fn codes<T: std::fmt::Debug>(results: &PartitionResults<T>) -> Vec<Option<ErrorCode>> {
    results.values().map(code).collect()
}

fn offsets(topic: &str, offsets: &[(i32, i64)]) -> Vec<(TopicPartition, OffsetAndMetadata)> {
    let one = |(partition, offset): &(i32, i64)| (TopicPartition::new(topic, *partition), OffsetAndMetadata::new(*offset));
    offsets.iter().map(one).collect()
}

fn partitions(topic: &str, partitions: &[i32]) -> Vec<TopicPartition> {
    partitions.iter().map(|partition| TopicPartition::new(topic, *partition)).collect()
}

#[test]
fn a_group_is_listed_and_described_with_its_members_and_goes_when_they_are_gone() {
    on_both(|servers| {
        let client = client(servers, &[("client.id", "one of many")]);
        let admin = client.admin();
        let (topic, group) = (topic(&client, 3), unique_name("group"));
        let consumer = member(&client, &group, &topic, &[("partition.assignment.strategy", "range")]);
        let found = described(&client, &group, |group| group.state == ConsumerGroupState::Stable);
        assert_eq!(
            (found.group_type, found.protocol_type.as_str(), found.assignor.as_str()),
            (GroupType::Classic, "consumer", "range")
        );
        assert!(client.brokers().contains(&found.coordinator), "{:?}", found.coordinator);
        assert_eq!((found.group_epoch, found.authorized_operations, found.members.len()), (None, None, 1));
        let one = &found.members[0];
        assert_eq!(Some(one.member_id.as_str()), consumer.group_state().map(|state| state.member_id.to_string()).as_deref());
        assert_eq!((one.client_id.as_str(), one.host.as_str(), &one.group_instance_id), ("one of many", "/127.0.0.1", &None));
        assert_eq!(one.assignment, Some(partitions(&topic, &[0, 1, 2])));
        assert_eq!((one.subscribed_topics.as_slice(), &one.target_assignment), ([topic.clone()].as_slice(), &None));
        assert!(!one.assignment_bytes.is_empty() && !one.metadata_bytes.is_empty());
        let asked = admin.describe_groups_blocking([&group], true).unwrap().remove(&group).unwrap().unwrap();
        let operations = asked.authorized_operations.unwrap();
        for operation in [AclOperation::Read, AclOperation::Delete, AclOperation::Describe] {
            assert!(operations.contains(&operation), "{operations:?}");
        }

        let listed = |filter: &GroupFilter| {
            let groups = admin.list_groups_blocking(filter).unwrap().all().unwrap();
            groups.into_iter().find(|listing| listing.group_id == group)
        };
        let listing = listed(&GroupFilter::all()).unwrap();
        assert_eq!((listing.protocol_type.as_str(), listing.group_type), ("consumer", GroupType::Classic));
        assert_eq!(listing.state, ConsumerGroupState::Stable);
        let stable = GroupFilter::all().state(ConsumerGroupState::Stable).group_type(GroupType::Classic);
        assert_eq!(listed(&stable), Some(listing));
        assert_eq!(listed(&GroupFilter::all().state(ConsumerGroupState::Empty)), None);
        assert_eq!(listed(&GroupFilter::all().group_type(GroupType::Consumer)), None);

        let delete = || admin.delete_groups_blocking([&group]).unwrap().remove(&group).unwrap();
        // What groups commit lies in a topic of Kafka's own.
        assert!(admin.describe_topic_blocking("__consumer_offsets").unwrap().is_internal);
        let refused = delete();
        assert_eq!(code(&refused), Some(ErrorCode::NonEmptyGroup));
        let error = refused.unwrap_err();
        assert_eq!((error.group(), error.is_retriable()), (Some(group.as_str()), false));
        assert_eq!(error.broker().map(|(id, _)| id), Some(found.coordinator.id));
        consumer.close().wait().unwrap();
        let empty = described(&client, &group, |group| group.state == ConsumerGroupState::Empty);
        assert!(empty.members.is_empty());
        assert_eq!(listed(&GroupFilter::all().state(ConsumerGroupState::Empty)).unwrap().group_type, GroupType::Classic);
        delete().unwrap();
        assert_eq!(code(&delete()), Some(ErrorCode::GroupIdNotFound));
        let gone = describe(&client, &group);
        assert_eq!(code(&gone), Some(ErrorCode::GroupIdNotFound));
        assert_eq!(gone.unwrap_err().group(), Some(group.as_str()));
        assert_eq!(listed(&GroupFilter::all()), None);
    });
}

#[test]
fn each_group_of_a_call_has_its_own_result() {
    let nameless_groups = Mutex::new(Vec::new());
    on_both(|servers| {
        let client = client(servers, &[]);
        let admin = client.admin();
        let topic = topic(&client, 1);
        let groups: [String; 3] = std::array::from_fn(|_| unique_name("group"));
        for group in &groups[..2] {
            assert_eq!(codes(&admin.alter_group_offsets_blocking(group, offsets(&topic, &[(0, 5)])).unwrap()), [None]);
        }
        let codes_of = |described: BTreeMap<String, Result<GroupDescription, Error>>| {
            described.into_iter().map(|(group, result)| (group, code(&result))).collect::<BTreeMap<_, _>>()
        };
        let expected: BTreeMap<String, Option<ErrorCode>> =
            groups.iter().cloned().zip([None, None, Some(ErrorCode::GroupIdNotFound)]).collect();
        assert_eq!(codes_of(admin.describe_groups_blocking(&groups, false).unwrap()), expected);
        let deleted = admin.delete_groups_blocking(&groups).unwrap();
        assert_eq!(deleted.into_iter().map(|(group, result)| (group, code(&result))).collect::<BTreeMap<_, _>>(), expected);
        // None at all, and one without a name.
        assert!(admin.describe_groups_blocking(std::iter::empty::<&str>(), false).unwrap().is_empty());
        let nameless = admin.describe_groups_blocking([""], false).unwrap().remove("").unwrap();
        let deleted = admin.delete_groups_blocking([""]).unwrap().remove("").unwrap();
        nameless_groups.lock().unwrap().push((code(&nameless).unwrap(), code(&deleted).unwrap()));
    });
    let answers = nameless_groups.into_inner().unwrap();
    assert_eq!(answers[0], answers[1]);
}

#[test]
fn offsets_are_altered_listed_and_deleted_while_nobody_reads() {
    on_both(|servers| {
        let client = client(servers, &[]);
        let admin = client.admin();
        let (topic, group, other) = (topic(&client, 3), unique_name("group"), unique_name("group"));
        let kept = OffsetAndMetadata { offset: 7, leader_epoch: 0, metadata: "kept ß".into() };
        let mut wanted = offsets(&topic, &[(0, 3), (9, 1)]);
        wanted.push((TopicPartition::new(topic.as_str(), 1), kept.clone()));
        wanted.extend(offsets("no-such-topic", &[(0, 1)]));
        let altered = admin.alter_group_offsets_blocking(&group, wanted).unwrap();
        let unknown = Some(ErrorCode::UnknownTopicOrPartition);
        assert_eq!(altered.len(), 4);
        for (partition, result) in &altered {
            let is_there = partition.topic == topic.as_str() && partition.partition < 3;
            assert_eq!(code(result), unknown.filter(|_| !is_there), "{partition:?}");
        }
        let error = altered[&TopicPartition::new(topic.as_str(), 9)].as_ref().unwrap_err();
        assert_eq!((error.group(), error.topic(), error.partition()), (Some(group.as_str()), Some(topic.as_str()), Some(9)));
        assert!(error.broker().is_some());

        let spec = ListGroupOffsetsSpec::partitions(&group, partitions(&topic, &[1, 2]));
        for require_stable in [false, true] {
            let mut listed =
                admin.list_group_offsets_blocking([spec.clone(), ListGroupOffsetsSpec::all(&other)], require_stable).unwrap();
            let some = listed.remove(&group).unwrap().unwrap();
            let some: Vec<_> = some.into_iter().map(|(partition, result)| (partition.partition, result.unwrap())).collect();
            assert_eq!(some, [(1, Some(kept.clone())), (2, None)]);
            assert_eq!(listed.remove(&other).unwrap().unwrap().len(), 0, "a group that is not there has committed nothing");
        }
        let all = |group: &str| {
            let mut listed = admin.list_group_offsets_blocking([ListGroupOffsetsSpec::all(group)], false).unwrap();
            let offset = |(partition, result): (TopicPartition, Result<Option<OffsetAndMetadata>, Error>)| {
                (partition.partition, result.unwrap().unwrap().offset)
            };
            listed.remove(group).unwrap().unwrap().into_iter().map(offset).collect::<Vec<_>>()
        };
        assert_eq!(all(&group), [(0, 3), (1, 7)]);

        let deleted = admin.delete_group_offsets_blocking(&group, partitions(&topic, &[0, 2, 9])).unwrap();
        assert_eq!(codes(&deleted), [None, None, unknown]);
        assert_eq!(all(&group), [(1, 7)]);
        let refused = admin.delete_group_offsets_blocking(&other, partitions(&topic, &[0]));
        assert_eq!(code(&refused), Some(ErrorCode::GroupIdNotFound));
        assert_eq!(refused.unwrap_err().group(), Some(other.as_str()));
        // What was altered is where a member begins.
        let consumer = client.consumer_builder().group(&group).build().unwrap();
        let committed = consumer.committed_blocking([(&topic, 1)]).unwrap();
        assert_eq!(committed.into_values().collect::<Vec<_>>(), [Some(kept)]);
        consumer.close().wait().unwrap();
    });
}

#[test]
fn offsets_of_a_group_with_members_are_theirs() {
    on_both(|servers| {
        let client = client(servers, &[]);
        let admin = client.admin();
        let (read, unread, group) = (topic(&client, 1), topic(&client, 1), unique_name("group"));
        let before = offsets(&read, &[(0, 0)]).into_iter().chain(offsets(&unread, &[(0, 4)]));
        assert_eq!(codes(&admin.alter_group_offsets_blocking(&group, before).unwrap()), [None, None]);
        let consumer = member(&client, &group, &read, &[]);
        let altered = admin.alter_group_offsets_blocking(&group, offsets(&read, &[(0, 1)])).unwrap();
        assert_eq!(codes(&altered), [Some(ErrorCode::UnknownMemberId)]);
        let both = partitions(&read, &[0]).into_iter().chain(partitions(&unread, &[0]));
        let deleted = admin.delete_group_offsets_blocking(&group, both).unwrap();
        assert_eq!(code(&deleted[&TopicPartition::new(read.as_str(), 0)]), Some(ErrorCode::GroupSubscribedToTopic));
        assert_eq!(code(&deleted[&TopicPartition::new(unread.as_str(), 0)]), None);
        consumer.close().wait().unwrap();
        let deleted = admin.delete_group_offsets_blocking(&group, partitions(&read, &[0])).unwrap();
        assert_eq!(codes(&deleted), [None]);
    });
}

#[test]
fn members_are_removed_by_their_ids_by_their_instances_and_all_at_once() {
    on_both(|servers| {
        let client = client(servers, &[]);
        let admin = client.admin();
        let (topic, group) = (topic(&client, 2), unique_name("group"));
        let by_id = |id: &str| MemberIdentity::MemberId(id.to_owned());
        let by_instance = |id: &str| MemberIdentity::GroupInstanceId(id.to_owned());
        let results = admin.remove_members_blocking(&group, [by_id("nobody")], None).unwrap();
        assert_eq!(code(&results[0].1), Some(ErrorCode::UnknownMemberId), "nobody is in a group that is not there");

        let fixed = member(&client, &group, &topic, &[("group.instance.id", "fixed"), ("session.timeout.ms", "30000")]);
        let id = fixed.group_state().unwrap().member_id.to_string();
        // It has left the group as far as it knows, and stays in it all the same.
        fixed.close().wait().unwrap();
        let found = describe(&client, &group).unwrap();
        assert_eq!(found.members.iter().map(|one| &one.member_id).collect::<Vec<_>>(), [&id]);
        assert_eq!(found.members[0].group_instance_id.as_deref(), Some("fixed"));
        let asked = [by_instance("nobody"), by_instance("fixed"), by_id("nobody")];
        let results = admin.remove_members_blocking(&group, asked.clone(), Some("it is switched off")).unwrap();
        assert_eq!(results.iter().map(|(member, _)| member).collect::<Vec<_>>(), asked.iter().collect::<Vec<_>>());
        let unknown = Some(ErrorCode::UnknownMemberId);
        assert_eq!(results.iter().map(|(_, result)| code(result)).collect::<Vec<_>>(), [unknown, None, unknown]);
        let error = results[0].1.as_ref().unwrap_err();
        assert_eq!((error.group(), error.broker().map(|(id, _)| id)), (Some(group.as_str()), Some(found.coordinator.id)));
        assert!(describe(&client, &group).unwrap().members.is_empty());

        let fixed = member(&client, &group, &topic, &[("group.instance.id", "fixed"), ("session.timeout.ms", "30000")]);
        fixed.close().wait().unwrap();
        let results = admin.remove_all_members_blocking(&group, None).unwrap();
        assert_eq!(results.len(), 1);
        assert!(results[0].1.is_ok() && results[0].0 == by_instance("fixed"), "{results:?}");
        assert!(admin.remove_all_members_blocking(&group, None).unwrap().is_empty());

        // One that lives is out, and comes back as another.
        let lives = member(&client, &group, &topic, &[]);
        let id = lives.group_state().unwrap().member_id.to_string();
        let results = admin.remove_members_blocking(&group, [by_id(&id)], None).unwrap();
        assert!(results[0].1.is_ok(), "{results:?}");
        let start = Instant::now();
        while lives.group_state().is_none_or(|state| state.member_id == id.as_str() || state.state != "Stable") {
            assert!(start.elapsed() < PATIENCE, "{:?}", lives.group_state());
            let _ = lives.next_blocking(Duration::from_millis(20));
        }
        assert!(describe(&client, &group).unwrap().members.iter().all(|one| one.member_id != id));
        lives.close().wait().unwrap();
        assert_eq!(code(&admin.remove_all_members_blocking(&unique_name("group"), None)), Some(ErrorCode::GroupIdNotFound));
    });
}
