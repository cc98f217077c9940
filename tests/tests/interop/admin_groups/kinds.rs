//! Groups of other types than the classic one, as a live Apache Kafka has them: of Java's consumers with `group.protocol=consumer`
//! (KIP-848), and of Java's share consumers (KIP-932).

use std::sync::atomic::{AtomicBool, Ordering};

use ottla::{Client, ConsumerGroupState, ErrorCode, GroupFilter, GroupType, ListGroupOffsetsSpec, Record, TopicPartition};
use ottla_broker::Broker;
use ottla_tests::kafka::{LiveKafka, unique_name};

use super::{code, codes, described, offsets, partitions};
use crate::helper::{PATIENCE, client, topic};

const CONSUMER: &str = "org.apache.kafka.tools.consumer.ConsoleConsumer";
const SHARE_CONSUMER: &str = "org.apache.kafka.tools.consumer.ConsoleShareConsumer";

/// While one of Kafka's consumers, which ends after its first record, is in the group.
fn beside(class: &'static str, topic: &str, group: &str, arguments: &[&str], look: impl FnOnce(&Client)) {
    let kafka = LiveKafka::shared();
    let client = client(kafka.bootstrap_servers(), &[]);
    let ended = AtomicBool::new(false);
    let mut all = vec!["--bootstrap-server", kafka.bootstrap_servers(), "--topic", topic, "--group", group];
    all.extend(["--max-messages", "1", "--timeout-ms", "60000"]);
    all.extend(arguments);
    std::thread::scope(|scope| {
        let (all, ended) = (&all, &ended);
        let reader = scope.spawn(move || {
            let output = kafka.run_tool(class, all, b"").unwrap().into_text();
            ended.store(true, Ordering::SeqCst);
            output
        });
        let looked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| look(&client)));
        // A share group begins at the end, wherever that is by now: it is written until one is read.
        let producer = client.producer().unwrap();
        while !ended.load(Ordering::SeqCst) {
            producer.send_blocking(Record::to(topic).value("the end")).unwrap().wait().unwrap();
        }
        let read = reader.join().unwrap();
        if let Err(panic) = looked {
            std::panic::resume_unwind(panic);
        }
        assert!(read.unwrap().contains("the end"));
    });
}

/// The type and state of a group as it is listed.
fn listed(client: &Client, group: &str, filter: &GroupFilter) -> Option<(GroupType, ConsumerGroupState)> {
    let groups = client.admin().list_groups_blocking(filter).unwrap().all().unwrap();
    groups.into_iter().find(|listing| listing.group_id == group).map(|listing| (listing.group_type, listing.state))
}

#[test]
fn a_group_of_kip_848_is_described_with_what_each_member_is_to_read() {
    let setup = client(LiveKafka::shared().bootstrap_servers(), &[]);
    let (topic, group) = (topic(&setup, 2), unique_name("group"));
    beside(CONSUMER, &topic, &group, &["--command-property", "group.protocol=consumer"], |client| {
        let admin = client.admin();
        let found = described(client, &group, |group| {
            group.state == ConsumerGroupState::Stable
                && group.members.iter().any(|one| one.assignment.as_ref().unwrap().len() == 2)
        });
        assert_eq!(
            (found.group_type, found.protocol_type.as_str(), found.assignor.as_str()),
            (GroupType::Consumer, "consumer", "uniform")
        );
        assert!(found.group_epoch.unwrap() > 0 && found.group_epoch == found.target_assignment_epoch, "{found:?}");
        assert_eq!(found.coordinator, client.brokers()[0]);
        let [one] = found.members.as_slice() else { panic!("{found:?}") };
        assert_eq!((one.upgraded, one.member_epoch.is_some()), (Some(true), true));
        assert_eq!((one.host.as_str(), one.client_id.is_empty()), ("/127.0.0.1", false));
        assert_eq!(one.subscribed_topics.as_slice(), std::slice::from_ref(&topic));
        let mut assignment = one.assignment.clone().unwrap();
        assignment.sort();
        assert_eq!(assignment, partitions(&topic, &[0, 1]));
        assert_eq!(one.target_assignment.as_ref().map(Vec::len), Some(2));
        let operations = admin.describe_groups_blocking([&group], true).unwrap().remove(&group).unwrap().unwrap();
        assert!(operations.authorized_operations.is_some_and(|operations| !operations.is_empty()));
        assert_eq!(listed(client, &group, &GroupFilter::all()), Some((GroupType::Consumer, ConsumerGroupState::Stable)));
        let consumers = GroupFilter::all().group_type(GroupType::Consumer).state(ConsumerGroupState::Stable);
        assert!(listed(client, &group, &consumers).is_some());
        assert_eq!(listed(client, &group, &GroupFilter::all().group_type(GroupType::Classic)), None);

        let deleted = admin.delete_groups_blocking([&group]).unwrap().remove(&group).unwrap();
        assert_eq!(code(&deleted), Some(ErrorCode::NonEmptyGroup));
        let altered = admin.alter_group_offsets_blocking(&group, offsets(&topic, &[(0, 0)])).unwrap();
        assert_eq!(codes(&altered), [Some(ErrorCode::UnknownMemberId)]);
        let deleted = admin.delete_group_offsets_blocking(&group, partitions(&topic, &[0])).unwrap();
        assert_eq!(codes(&deleted), [Some(ErrorCode::GroupSubscribedToTopic)]);
    });
    let client = client(LiveKafka::shared().bootstrap_servers(), &[]);
    let admin = client.admin();
    let empty = described(&client, &group, |group| group.members.is_empty());
    assert_eq!((empty.state, empty.group_type), (ConsumerGroupState::Empty, GroupType::Consumer));
    assert_eq!(codes(&admin.alter_group_offsets_blocking(&group, offsets(&topic, &[(1, 1)])).unwrap()), [None]);
    let mut listed = admin.list_group_offsets_blocking([ListGroupOffsetsSpec::all(&group)], true).unwrap();
    let listed = listed.remove(&group).unwrap().unwrap();
    let second = listed[&TopicPartition::new(topic.as_str(), 1)].as_ref().unwrap().as_ref().unwrap();
    assert_eq!(second.offset, 1);
    admin.delete_groups_blocking([&group]).unwrap().remove(&group).unwrap().unwrap();
    assert_eq!(code(&super::describe(&client, &group)), Some(ErrorCode::GroupIdNotFound));
}

#[test]
fn a_share_group_is_listed_with_its_type() {
    let setup = client(LiveKafka::shared().bootstrap_servers(), &[]);
    let (topic, group) = (topic(&setup, 1), unique_name("share"));
    beside(SHARE_CONSUMER, &topic, &group, &[], |client| {
        let start = std::time::Instant::now();
        let share = GroupFilter::all().group_type(GroupType::Share);
        while listed(client, &group, &share).is_none() {
            assert!(start.elapsed() < PATIENCE);
        }
        assert_eq!(listed(client, &group, &GroupFilter::all()).map(|(group_type, _)| group_type), Some(GroupType::Share));
        // It is described by requests of its own.
        let error = super::describe(client, &group).unwrap_err();
        assert_eq!((error.code(), error.group()), (Some(ErrorCode::GroupIdNotFound), Some(group.as_str())));
    });
}

#[test]
fn on_broker_lite_javas_consumer_hears_that_the_newer_protocol_is_not_served() {
    let lite = Broker::start_blocking().unwrap();
    let servers = lite.bootstrap_servers();
    lite.create_topic("t", 1).unwrap();
    let arguments = ["--bootstrap-server", servers, "--topic", "t", "--group", "g", "--timeout-ms", "60000"];
    let newer = ["--command-property", "group.protocol=consumer"];
    let output = LiveKafka::shared().run_tool(CONSUMER, &[arguments.as_slice(), &newer].concat(), b"").unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(said.contains("UnsupportedVersionException") && said.contains("Set group.protocol=classic"), "{said}");
    let client = client(servers, &[]);
    assert!(client.admin().list_groups_blocking(&GroupFilter::all()).unwrap().all().unwrap().is_empty());
}
