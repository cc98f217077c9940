//! A broker, and members that ask it.

use std::time::Duration;

use bytes::Bytes;
use ottla_broker::{Broker, BrokerBuilder, Clock};
use ottla_protocol::messages::join_group::JoinGroupRequestProtocol;
use ottla_protocol::messages::leave_group::MemberIdentity;
use ottla_protocol::messages::offset_commit::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use ottla_protocol::messages::offset_fetch::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use ottla_protocol::messages::sync_group::SyncGroupRequestAssignment;
use ottla_protocol::messages::{
    FindCoordinatorRequest, HeartbeatRequest, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, OffsetCommitRequest,
    OffsetFetchRequest, SyncGroupRequest, SyncGroupResponse,
};
use ottla_protocol::{ErrorCode, Text};

use crate::async_peer::AsyncPeer;

pub(crate) const NOW: i64 = 1_700_000_000_000;
pub(crate) const GROUP: &str = "g";

pub(crate) fn builder() -> BrokerBuilder {
    Broker::builder().in_memory().seed(1).clock(Clock::tokio(NOW)).topic("t", 2)
}

pub(crate) fn connect(broker: &Broker, node: i32) -> AsyncPeer {
    AsyncPeer(broker.connect_in_memory(node).unwrap())
}

/// The broker that coordinates a group.
pub(crate) async fn coordinator(broker: &Broker, ask: i32, group: &str) -> Result<i32, ErrorCode> {
    let request = FindCoordinatorRequest { coordinator_keys: vec![group.into()], ..Default::default() };
    let mut peer = connect(broker, ask);
    let Some(mut found) = peer.try_ask(4, &request).await else { return Err(ErrorCode::NetworkException) };
    let found = found.coordinators.remove(0);
    match found.error_code {
        0 => Ok(found.node_id),
        code => Err(ErrorCode::from_code(code)),
    }
}

/// Lets everything go on that can, without time passing.
pub(crate) async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

pub(crate) async fn pass(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
    settle().await;
}

pub(crate) fn join_request(member_id: &Text, protocols: &[(&str, &'static [u8])]) -> JoinGroupRequest {
    let protocol = |(name, metadata): &(&str, &'static [u8])| JoinGroupRequestProtocol {
        name: (*name).into(),
        metadata: Bytes::from_static(metadata),
        ..Default::default()
    };
    JoinGroupRequest {
        group_id: GROUP.into(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 60_000,
        member_id: member_id.clone(),
        protocol_type: "consumer".into(),
        protocols: protocols.iter().map(protocol).collect(),
        ..Default::default()
    }
}

/// A member on a connection of its own.
pub(crate) struct MemberPeer {
    pub(crate) peer: AsyncPeer,
    pub(crate) id: Text,
    pub(crate) instance_id: Option<Text>,
    pub(crate) generation: i32,
    pub(crate) protocols: Vec<(&'static str, &'static [u8])>,
}

/// The version of JoinGroup that members speak, and the others accordingly.
const JOIN: i16 = 9;
const SYNC: i16 = 5;

impl MemberPeer {
    pub(crate) fn new(broker: &Broker, node: i32) -> Self {
        let protocols = vec![("range", &b"meta"[..])];
        Self { peer: connect(broker, node), id: Text::default(), instance_id: None, generation: -1, protocols }
    }

    pub(crate) fn static_one(broker: &Broker, node: i32, instance_id: &str) -> Self {
        Self { instance_id: Some(instance_id.into()), ..Self::new(broker, node) }
    }

    pub(crate) fn join_request(&self) -> JoinGroupRequest {
        JoinGroupRequest { group_instance_id: self.instance_id.clone(), ..join_request(&self.id, &self.protocols) }
    }

    /// Gets an id if there is none, and sends a JoinGroup.
    pub(crate) async fn send_join(&mut self) {
        if self.id.is_empty() && self.instance_id.is_none() {
            let first = self.peer.ask(JOIN, &self.join_request()).await;
            assert_eq!(first.error_code, 79);
            self.id = first.member_id;
        }
        self.peer.send(JOIN, &self.join_request()).await;
        settle().await;
    }

    pub(crate) async fn joined(&mut self) -> JoinGroupResponse {
        let response = self.peer.receive::<JoinGroupRequest>(JOIN).await;
        if response.error_code == 0 {
            self.id = response.member_id.clone();
            self.generation = response.generation_id;
        }
        response
    }

    pub(crate) async fn join(&mut self) -> JoinGroupResponse {
        self.send_join().await;
        self.joined().await
    }

    /// As a leader that gives each member a part of its own.
    pub(crate) fn sync_request(&self, members: &[Text]) -> SyncGroupRequest {
        let part = |(at, member_id): (usize, &Text)| SyncGroupRequestAssignment {
            member_id: member_id.clone(),
            assignment: Bytes::from(format!("part {at}")),
            ..Default::default()
        };
        SyncGroupRequest {
            group_id: GROUP.into(),
            generation_id: self.generation,
            member_id: self.id.clone(),
            group_instance_id: self.instance_id.clone(),
            protocol_type: Some("consumer".into()),
            protocol_name: Some(self.protocols[0].0.into()),
            assignments: members.iter().enumerate().map(part).collect(),
            ..Default::default()
        }
    }

    pub(crate) async fn send_sync(&mut self, assignments: &[(&Text, &'static [u8])]) {
        let assignment = |(member_id, assignment): &(&Text, &'static [u8])| SyncGroupRequestAssignment {
            member_id: (*member_id).clone(),
            assignment: Bytes::from_static(assignment),
            ..Default::default()
        };
        let assignments = assignments.iter().map(assignment).collect();
        let request = SyncGroupRequest { assignments, ..self.sync_request(&[]) };
        self.peer.send(SYNC, &request).await;
        settle().await;
    }

    pub(crate) async fn synced(&mut self) -> SyncGroupResponse {
        self.peer.receive::<SyncGroupRequest>(SYNC).await
    }

    pub(crate) async fn sync(&mut self, assignments: &[(&Text, &'static [u8])]) -> SyncGroupResponse {
        self.send_sync(assignments).await;
        self.synced().await
    }

    pub(crate) fn heartbeat_request(&self) -> HeartbeatRequest {
        HeartbeatRequest {
            group_id: GROUP.into(),
            generation_id: self.generation,
            member_id: self.id.clone(),
            group_instance_id: self.instance_id.clone(),
            ..Default::default()
        }
    }

    pub(crate) async fn heartbeat(&mut self) -> i16 {
        let request = self.heartbeat_request();
        self.peer.ask(4, &request).await.error_code
    }

    pub(crate) fn leave_request(&self) -> LeaveGroupRequest {
        let (member_id, group_instance_id) = (self.id.clone(), self.instance_id.clone());
        let member = MemberIdentity { member_id, group_instance_id, ..Default::default() };
        LeaveGroupRequest { group_id: GROUP.into(), members: vec![member], ..Default::default() }
    }

    pub(crate) async fn leave(&mut self) -> i16 {
        let request = self.leave_request();
        let response = self.peer.ask(5, &request).await;
        if response.error_code != 0 { response.error_code } else { response.members[0].error_code }
    }

    /// A commit for partition 0 of topic "t".
    pub(crate) fn commit_request(&self, offset: i64) -> OffsetCommitRequest {
        OffsetCommitRequest {
            generation_id_or_member_epoch: self.generation,
            member_id: self.id.clone(),
            group_instance_id: self.instance_id.clone(),
            ..commit_request("t", 0, offset, "")
        }
    }

    pub(crate) async fn commit(&mut self, offset: i64) -> i16 {
        let request = self.commit_request(offset);
        self.peer.ask(9, &request).await.topics[0].partitions[0].error_code
    }
}

/// A commit without a member.
pub(crate) fn commit_request(topic: &str, partition_index: i32, offset: i64, metadata: &str) -> OffsetCommitRequest {
    let partition = OffsetCommitRequestPartition {
        partition_index,
        committed_offset: offset,
        committed_leader_epoch: 3,
        committed_metadata: Some(metadata.into()),
        ..Default::default()
    };
    let topic = OffsetCommitRequestTopic { name: topic.into(), partitions: vec![partition], ..Default::default() };
    OffsetCommitRequest { group_id: GROUP.into(), topics: vec![topic], ..Default::default() }
}

/// What is committed for partition 0 of topic "t": the offset, or the group's or partition's error.
pub(crate) async fn committed(broker: &Broker, node: i32) -> Result<i64, i16> {
    let topic = OffsetFetchRequestTopics { name: "t".into(), partition_indexes: vec![0], ..Default::default() };
    let group = OffsetFetchRequestGroup { group_id: GROUP.into(), topics: Some(vec![topic]), ..Default::default() };
    let response = connect(broker, node).ask(9, &OffsetFetchRequest { groups: vec![group], ..Default::default() }).await;
    let group = &response.groups[0];
    if group.error_code != 0 {
        return Err(group.error_code);
    }
    let partition = &group.topics[0].partitions[0];
    if partition.error_code == 0 { Ok(partition.committed_offset) } else { Err(partition.error_code) }
}

/// Two members of a stable group: the leader first.
pub(crate) async fn two_members(broker: &Broker) -> (MemberPeer, MemberPeer) {
    let node = coordinator(broker, 1, GROUP).await.unwrap();
    let (mut leader, mut follower) = (MemberPeer::new(broker, node), MemberPeer::new(broker, node));
    leader.join().await;
    follower.send_join().await;
    leader.join().await;
    follower.joined().await;
    follower.send_sync(&[]).await;
    let assigned = leader.sync(&[(&leader.id.clone(), b"one"), (&follower.id, b"two")]).await;
    assert_eq!((assigned.error_code, &assigned.assignment[..]), (0, &b"one"[..]));
    assert_eq!(&follower.synced().await.assignment[..], b"two");
    (leader, follower)
}
