//! What is asked.

use bytes::Bytes;
use ottla_protocol::Text;
use ottla_protocol::messages::join_group::JoinGroupRequestProtocol;
use ottla_protocol::messages::leave_group::MemberIdentity;
use ottla_protocol::messages::offset_commit::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use ottla_protocol::messages::offset_delete::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};
use ottla_protocol::messages::offset_fetch::{OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics};
use ottla_protocol::messages::sync_group::SyncGroupRequestAssignment;
use ottla_protocol::messages::{
    ConsumerGroupDescribeRequest, DeleteGroupsRequest, DescribeGroupsRequest, FindCoordinatorRequest, HeartbeatRequest,
    JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, ListGroupsRequest, OffsetCommitRequest, OffsetDeleteRequest,
    OffsetFetchRequest, SyncGroupRequest,
};

use crate::peer::{Peer, Script};

/// What a consumer says that subscribes to a topic.
fn subscription(topic: &str) -> Bytes {
    let length = i16::try_from(topic.len()).unwrap().to_be_bytes();
    [&[0, 0, 0, 0, 0, 1][..], &length, topic.as_bytes(), &[0xff; 4]].concat().into()
}

fn join(script: &Script, member_id: &Text, protocols: &[&str]) -> JoinGroupRequest {
    let protocol = |name: &&str| JoinGroupRequestProtocol {
        name: (*name).into(),
        metadata: subscription(&script.topic),
        ..Default::default()
    };
    JoinGroupRequest {
        group_id: script.group.clone(),
        session_timeout_ms: 30_000,
        rebalance_timeout_ms: 30_000,
        member_id: member_id.clone(),
        protocol_type: "consumer".into(),
        protocols: protocols.iter().map(protocol).collect(),
        ..Default::default()
    }
}

fn sync(script: &Script, member_id: &Text, generation_id: i32, assignments: &[(&Text, &'static [u8])]) -> SyncGroupRequest {
    let assignment = |(member_id, assignment): &(&Text, &'static [u8])| SyncGroupRequestAssignment {
        member_id: (*member_id).clone(),
        assignment: Bytes::from_static(assignment),
        ..Default::default()
    };
    SyncGroupRequest {
        group_id: script.group.clone(),
        generation_id,
        member_id: member_id.clone(),
        protocol_type: Some("consumer".into()),
        protocol_name: Some("range".into()),
        assignments: assignments.iter().map(assignment).collect(),
        ..Default::default()
    }
}

fn heartbeat(script: &Script, member_id: &Text, generation_id: i32) -> HeartbeatRequest {
    let group_id = script.group.clone();
    HeartbeatRequest { group_id, generation_id, member_id: member_id.clone(), ..Default::default() }
}

fn leave(script: &Script, version: i16, members: &[(&Text, Option<&str>)]) -> LeaveGroupRequest {
    let member = |(member_id, instance_id): &(&Text, Option<&str>)| MemberIdentity {
        member_id: (*member_id).clone(),
        group_instance_id: instance_id.map(Text::from),
        ..Default::default()
    };
    let mut request = LeaveGroupRequest { group_id: script.group.clone(), ..Default::default() };
    if version < 3 {
        request.member_id = members[0].0.clone();
    } else {
        request.members = members.iter().map(member).collect();
    }
    request
}

/// A commit for partition 0 of the topic, partition 7 of it, and a topic that is not there.
fn commit(script: &Script, version: i16, member_id: &Text, generation: i32, metadata: Option<&str>) -> OffsetCommitRequest {
    let partition = |partition_index| OffsetCommitRequestPartition {
        partition_index,
        committed_offset: 5,
        committed_leader_epoch: 1,
        committed_metadata: metadata.map(Text::from),
        ..Default::default()
    };
    let topic = |name: &Text| OffsetCommitRequestTopic {
        name: name.clone(),
        topic_id: script.topic_id,
        partitions: vec![partition(0), partition(7)],
        ..Default::default()
    };
    let mut topics = vec![topic(&script.topic)];
    if version < 10 {
        topics.push(OffsetCommitRequestTopic {
            name: "no-such-topic".into(),
            partitions: vec![partition(0)],
            ..Default::default()
        });
    }
    OffsetCommitRequest {
        group_id: script.group.clone(),
        generation_id_or_member_epoch: generation,
        member_id: member_id.clone(),
        topics,
        ..Default::default()
    }
}

/// Notes a commit's errors by topic and partition: Kafka puts first what it refuses.
fn note_commit(script: &mut Script, what: &str, version: i16, request: &OffsetCommitRequest) {
    let response = script.peer.ask(version, request);
    let mut errors: Vec<_> = Vec::new();
    for topic in &response.topics {
        for partition in &topic.partitions {
            errors.push((topic.name.clone(), topic.topic_id.to_string(), partition.partition_index, partition.error_code));
        }
    }
    errors.sort();
    script.note(&format!("{what} v{version}"), &errors);
}

/// Asks for what is committed, in the form of each version; null asks for all.
fn note_offsets(script: &mut Script, what: &str) {
    let name = script.topic.clone();
    for version in 1..=7 {
        let topic =
            |name: &Text| OffsetFetchRequestTopic { name: name.clone(), partition_indexes: vec![0, 1, 7], ..Default::default() };
        let topics = Some(vec![topic(&name), topic(&"no-such-topic".into())]);
        let request = OffsetFetchRequest { group_id: script.group.clone(), topics, ..Default::default() };
        script.ask(what, version, &request);
        if version >= 2 {
            script.ask(what, version, &OffsetFetchRequest { topics: None, ..request });
        }
    }
    for version in 8..=10 {
        let topic = |name: &Text| OffsetFetchRequestTopics {
            name: name.clone(),
            topic_id: script.topic_id,
            partition_indexes: vec![0, 1, 7],
            ..Default::default()
        };
        let mut unknown = topic(&"no-such-topic".into());
        unknown.topic_id.0[0] ^= 1;
        // Its name in what is noted.
        let id = unknown.topic_id.to_string();
        let group = OffsetFetchRequestGroup {
            group_id: script.group.clone(),
            topics: Some(vec![topic(&name), unknown]),
            ..Default::default()
        };
        let all = OffsetFetchRequestGroup { topics: None, ..group.clone() };
        let other = OffsetFetchRequestGroup { group_id: "no-such-group".into(), ..all.clone() };
        script.name(&id, "UNKNOWN-ID");
        script.ask(what, version, &OffsetFetchRequest { groups: vec![group, other], ..Default::default() });
        script.ask(what, version, &OffsetFetchRequest { groups: vec![all], ..Default::default() });
    }
}

fn note_descriptions(script: &mut Script, what: &str) {
    let groups = vec![script.group.clone(), "no-such-group".into(), "".into()];
    for version in 0..=6 {
        let include_authorized_operations = version >= 3 && version % 2 == 0;
        let request = DescribeGroupsRequest { groups: groups.clone(), include_authorized_operations, ..Default::default() };
        let mut response = script.peer.ask(version, &request);
        // Kafka answers in no order.
        response.groups.sort_by_key(|group| group.group_id.clone());
        response.groups.iter_mut().for_each(|it| it.members.sort_by_key(|member| script.called(&member.member_id)));
        script.note(&format!("{what} v{version}"), &response);
    }
    for version in 0..=1 {
        let request = ConsumerGroupDescribeRequest {
            group_ids: groups.clone(),
            include_authorized_operations: version == 1,
            ..Default::default()
        };
        let mut response = script.peer.ask(version, &request);
        response.groups.sort_by_key(|group| group.group_id.clone());
        script.note(&format!("{what} v{version}"), &response);
    }
    let group = script.group.clone();
    for version in 0..=5 {
        let mut request = ListGroupsRequest::default();
        let filters: &[(&[&str], &[&str])] = match version {
            0..=3 => &[(&[], &[])],
            4 => &[(&[], &[]), (&["stable"], &[]), (&["Empty", "PreparingRebalance"], &[]), (&["nonsense"], &[])],
            _ => &[(&[], &[]), (&[], &["classic"]), (&[], &["Classic", "consumer"]), (&["Stable"], &["consumer"]), (&[], &["x"])],
        };
        for (states, types) in filters {
            request.states_filter = states.iter().map(|it| Text::from(*it)).collect();
            request.types_filter = types.iter().map(|it| Text::from(*it)).collect();
            let mut response = script.peer.ask(version, &request);
            response.groups.retain(|it| it.group_id == group);
            script.note(&format!("{what}: list {states:?} {types:?} v{version}"), &response);
        }
    }
}

fn delete_offsets(script: &Script) -> OffsetDeleteRequest {
    let partition = |partition_index| OffsetDeleteRequestPartition { partition_index, ..Default::default() };
    let topic = |name: &Text| OffsetDeleteRequestTopic {
        name: name.clone(),
        partitions: vec![partition(0), partition(1)],
        ..Default::default()
    };
    let topics = vec![topic(&script.topic), topic(&"no-such-topic".into())];
    OffsetDeleteRequest { group_id: script.group.clone(), topics, ..Default::default() }
}

fn note_deleted_offsets(script: &mut Script, what: &str) {
    let mut response = script.peer.ask(0, &delete_offsets(script));
    // Kafka puts first what it refuses.
    response.topics.sort_by_key(|topic| topic.name.clone());
    script.note(what, &response);
}

fn note_deleted(script: &mut Script, what: &str, request: &DeleteGroupsRequest) {
    let mut response = script.peer.ask(2, request);
    response.results.sort_by_key(|group| group.group_id.clone());
    script.note(what, &response);
}

/// Waits until a group rebalances: the requests that make it do so come on other connections.
fn until_it_rebalances(script: &mut Script, member_id: &Text, generation_id: i32) {
    while script.peer.ask(4, &heartbeat(script, member_id, generation_id)).error_code != 27 {}
}

/// Joins with an id that was asked for first. The answer is still to come.
fn send_join(script: &mut Script, peer: &mut Peer, name: &str, protocols: &[&str]) -> Text {
    let request = join(script, &Text::default(), protocols);
    let first = peer.ask(9, &request);
    script.name(&first.member_id, name);
    script.note(name, &first);
    peer.send(9, &JoinGroupRequest { member_id: first.member_id.clone(), ..request });
    first.member_id
}

fn joined(script: &mut Script, peer: &mut Peer, name: &str) -> JoinGroupResponse {
    let mut response = peer.receive::<JoinGroupRequest>(9);
    // Kafka has them in no order.
    response.members.sort_by_key(|member| script.called(&member.member_id));
    script.note(name, &response);
    response
}

pub(crate) fn coordinators(script: &mut Script) {
    let group = script.group.clone();
    for version in 0..=6 {
        for key_type in [0, 3] {
            if version == 0 && key_type != 0 {
                continue;
            }
            let mut request = FindCoordinatorRequest { key_type, ..Default::default() };
            if version < 4 {
                request.key = group.clone();
            } else {
                request.coordinator_keys = vec![group.clone(), "".into()];
            }
            let mut response = script.peer.ask(version, &request);
            // Ports differ, and the text of a wrong type is Kafka's own.
            response.port = i32::from(response.port > 0);
            response.coordinators.iter_mut().for_each(|it| it.port = i32::from(it.port > 0));
            script.note(&format!("find {key_type} v{version}"), &response);
        }
    }
}

pub(crate) fn nothing_there(script: &mut Script) {
    let nobody = Text::from("nobody");
    for version in 0..=9 {
        let good = join(script, &Text::default(), &["range"]);
        for (what, request) in [
            ("no group", JoinGroupRequest { group_id: "".into(), ..good.clone() }),
            ("short", JoinGroupRequest { session_timeout_ms: 5_999, ..good.clone() }),
            ("long", JoinGroupRequest { session_timeout_ms: 1_800_001, ..good.clone() }),
            ("nobody", JoinGroupRequest { member_id: nobody.clone(), ..good.clone() }),
            ("no type", JoinGroupRequest { protocol_type: "".into(), ..good.clone() }),
            ("no protocols", JoinGroupRequest { protocols: vec![], ..good.clone() }),
        ] {
            script.ask(what, version, &request);
        }
    }
    // The last ones made the group.
    let group = script.group.clone();
    for name in [group, "never-there".into(), "".into()] {
        script.group = name;
        for version in 0..=5 {
            script.ask("sync", version, &sync(script, &nobody, 1, &[]));
            script.ask("leave", version, &leave(script, version, &[(&nobody, None)]));
            if version >= 3 {
                script.ask(
                    "leave several",
                    version,
                    &leave(script, version, &[(&nobody, Some("i")), (&"".into(), Some("i")), (&"".into(), None)]),
                );
                script.ask("leave none", version, &leave(script, version, &[]));
            }
        }
        for version in 0..=4 {
            script.ask("heartbeat", version, &heartbeat(script, &nobody, 1));
        }
        for version in 2..=9 {
            note_commit(script, "commit", version, &commit(script, version, &nobody, 3, None));
        }
        note_commit(script, "commit", 10, &commit(script, 10, &nobody, 3, None));
        for version in 0..=2 {
            let groups_names = vec!["no-such-group".into()];
            script.ask("delete", version, &DeleteGroupsRequest { groups_names, ..Default::default() });
        }
        note_deleted_offsets(script, "delete offsets");
        note_offsets(script, "fetch");
        note_descriptions(script, "describe");
    }
}

pub(crate) fn a_life(script: &mut Script) {
    // Offsets without a member.
    let nobody = Text::default();
    note_commit(script, "simple commit", 9, &commit(script, 9, &nobody, -1, Some("simple")));
    note_commit(script, "long metadata", 9, &commit(script, 9, &nobody, -1, Some(&"ä".repeat(4097))));
    note_commit(script, "longest metadata", 9, &commit(script, 9, &nobody, -1, Some(&"ä".repeat(4096))));
    note_commit(script, "by id", 10, &commit(script, 10, &nobody, -1, None));
    note_offsets(script, "simple fetch");
    note_descriptions(script, "simple");

    let mut peer = script.connect();
    let id = send_join(script, &mut peer, "MEMBER", &["range", "roundrobin"]);
    joined(script, &mut peer, "MEMBER");
    note_descriptions(script, "completing");
    note_commit(script, "completing", 9, &commit(script, 9, &id, 1, None));
    script.ask("completing", 4, &heartbeat(script, &id, 1));
    script.ask("completing again", 9, &join(script, &id, &["range", "roundrobin"]));
    for version in [4, 5] {
        let mut wrong = sync(script, &id, 1, &[]);
        wrong.protocol_name = None;
        if version == 5 {
            script.ask("no protocol", version, &wrong);
            wrong.protocol_name = Some("roundrobin".into());
            script.ask("another protocol", version, &wrong);
        }
    }
    script.ask("another generation", 5, &sync(script, &id, 2, &[]));
    script.ask("sync", 5, &sync(script, &id, 1, &[(&id, b"assigned"), (&nobody, b"nobody")]));
    script.ask("sync again", 3, &sync(script, &id, 1, &[]));
    note_descriptions(script, "stable");
    for version in 2..=10 {
        note_commit(script, "commit", version, &commit(script, version, &id, 1, Some("m")));
        note_commit(script, "another generation", version, &commit(script, version, &id, 2, None));
        note_commit(script, "another member", version, &commit(script, version, &"x".into(), 1, None));
        note_commit(script, "no member", version, &commit(script, version, &nobody, -1, None));
    }
    note_offsets(script, "fetch");
    script.ask("heartbeat", 4, &heartbeat(script, &id, 1));
    script.ask("another generation", 4, &heartbeat(script, &id, 0));
    note_deleted_offsets(script, "subscribed");
    let groups_names = vec![script.group.clone(), "".into()];
    let delete = DeleteGroupsRequest { groups_names, ..Default::default() };
    note_deleted(script, "delete", &delete);
    let other = JoinGroupRequest { protocol_type: "connect".into(), ..join(script, &nobody, &["range"]) };
    script.ask("another type", 9, &other);
    script.ask("another protocol", 9, &join(script, &nobody, &["sticky"]));
    script.ask("leave", 5, &leave(script, 5, &[(&id, None), (&id, None)]));
    note_descriptions(script, "empty");
    script.ask("rejoin", 9, &join(script, &id, &["range"]));
    note_offsets(script, "fetch of an empty group");
    note_deleted_offsets(script, "delete offsets");
    note_offsets(script, "fetch of nothing");
    note_deleted(script, "delete", &delete);
    note_deleted(script, "delete again", &delete);
    note_descriptions(script, "deleted");
}

pub(crate) fn rebalances(script: &mut Script) {
    let (mut first, mut second) = (script.connect(), script.connect());
    let one = send_join(script, &mut first, "ONE", &["range", "roundrobin"]);
    joined(script, &mut first, "ONE");
    let two = send_join(script, &mut second, "TWO", &["roundrobin", "range"]);
    until_it_rebalances(script, &one, 1);
    script.ask("during", 5, &sync(script, &one, 1, &[]));
    note_commit(script, "during", 9, &commit(script, 9, &one, 1, None));
    note_descriptions(script, "preparing");
    first.send(9, &join(script, &one, &["range"]));
    let leaders = joined(script, &mut first, "ONE");
    joined(script, &mut second, "TWO");
    assert_eq!(leaders.members.len(), 2);
    second.send(5, &sync(script, &two, 2, &[]));
    script.ask("sync of the leader", 5, &sync(script, &one, 2, &[(&one, b"1"), (&two, b"2")]));
    let synced = second.receive::<SyncGroupRequest>(5);
    script.note("sync of the follower", &synced);
    // A follower that comes again with what it said before hears what there is.
    script.ask("follower again", 9, &join(script, &two, &["roundrobin", "range"]));
    script.ask("follower again", 5, &join(script, &two, &["roundrobin", "range"]));
    // One that says something else begins a rebalance, as the leader does always.
    second.send(9, &join(script, &two, &["range"]));
    until_it_rebalances(script, &one, 2);
    first.send(9, &join(script, &one, &["range"]));
    joined(script, &mut first, "ONE");
    joined(script, &mut second, "TWO");
    first.send(9, &join(script, &one, &["roundrobin", "range"]));
    until_it_rebalances(script, &two, 3);
    second.send(9, &join(script, &two, &["range"]));
    joined(script, &mut first, "ONE");
    joined(script, &mut second, "TWO");
    script.ask("leave of the leader", 2, &leave(script, 2, &[(&one, None)]));
    script.ask("after it", 4, &heartbeat(script, &two, 4));
    second.send(9, &join(script, &two, &["range"]));
    joined(script, &mut second, "TWO");
    script.ask("leave of the last", 0, &leave(script, 0, &[(&two, None)]));
    note_descriptions(script, "left");
}

pub(crate) fn static_members(script: &mut Script) {
    let request = |script: &Script, id: &Text, instance: &str, protocols: &[&str]| JoinGroupRequest {
        group_instance_id: Some(instance.into()),
        ..join(script, id, protocols)
    };
    let nobody = Text::default();
    let asked = request(script, &nobody, "i", &["range", "roundrobin"]);
    let first = script.peer.ask(9, &asked);
    script.name(&first.member_id, "FIRST");
    script.note("first", &first);
    let of = |script: &Script, id: &Text, assignments: &[(&Text, &'static [u8])]| SyncGroupRequest {
        group_instance_id: Some("i".into()),
        ..sync(script, id, 1, assignments)
    };
    let request_sync = of(script, &first.member_id, &[(&first.member_id, b"1")]);
    script.ask("sync", 5, &request_sync);
    let mut last = first.member_id;
    for (version, name) in [(5, "V5"), (8, "V8"), (9, "V9")] {
        let back = script.peer.ask(version, &asked);
        script.name(&back.member_id, name);
        script.note(name, &back);
        let beat = HeartbeatRequest { group_instance_id: Some("i".into()), ..heartbeat(script, &last, 1) };
        script.ask("fenced", 4, &beat);
        script.ask("fenced without its instance", 4, &HeartbeatRequest { group_instance_id: None, ..beat });
        let late = of(script, &last, &[]);
        script.ask("fenced", 5, &late);
        script.ask("fenced", 5, &leave(script, 5, &[(&last, Some("i"))]));
        let join_again = request(script, &last, "i", &["range"]);
        script.ask("fenced", 9, &join_again);
        let mut late = commit(script, 9, &last, 1, None);
        late.group_instance_id = Some("i".into());
        note_commit(script, "fenced", 9, &late);
        last = back.member_id;
        let again = of(script, &last, &[]);
        script.ask("sync", 5, &again);
    }
    note_descriptions(script, "static");
    let unknown = HeartbeatRequest { group_instance_id: Some("other".into()), ..heartbeat(script, &last, 1) };
    script.ask("unknown instance", 4, &unknown);
    // Another protocol is a rebalance.
    let changed = request(script, &nobody, "i", &["roundrobin"]);
    let back = script.peer.ask(9, &changed);
    script.name(&back.member_id, "CHANGED");
    script.note("changed", &back);
    script.ask("by instance", 5, &leave(script, 5, &[(&nobody, Some("i"))]));
    script.ask("by instance again", 5, &leave(script, 5, &[(&nobody, Some("i"))]));
}

pub(crate) fn full(script: &mut Script) {
    let mut peers: Vec<Peer> = Vec::new();
    let mut ids: Vec<Text> = Vec::new();
    for name in ["A", "B", "C"] {
        let mut peer = script.connect();
        ids.push(send_join(script, &mut peer, name, &["range"]));
        // All others come again.
        for (peer, id) in peers.iter_mut().zip(&ids) {
            until_it_rebalances(script, id, i32::try_from(ids.len()).unwrap() - 1);
            peer.send(9, &join(script, id, &["range"]));
        }
        peers.push(peer);
        for (peer, id) in peers.iter_mut().zip(["A", "B", "C"]) {
            joined(script, peer, id);
        }
    }
    let more = script.peer.ask(9, &join(script, &Text::default(), &["range"]));
    script.note("one more", &more);
    let more = script.peer.ask(3, &join(script, &Text::default(), &["range"]));
    script.note("one more, old", &more);
}
