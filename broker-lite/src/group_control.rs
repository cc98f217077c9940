//! What a test sees of groups, and does to their coordinators.

use bytes::Bytes;
use ottla_protocol::{ErrorCode, Text};

use crate::broker::{Broker, refused};
use crate::coordinator::{Group, Member, Slot, State};
use crate::error::Error;
use crate::log::Refusal;
use crate::partition::NO_LEADER;
use crate::topic_name::CONSUMER_OFFSETS;

/// How a group stands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupStatus {
    /// The broker that coordinates it, if there is one now.
    pub coordinator: Option<i32>,
    /// Its state.
    pub state: GroupState,
    /// Its generation: how many rebalances it has been through.
    pub generation: i32,
    /// What its members have agreed on, `range` for instance.
    pub protocol: Option<String>,
    /// The id of the member that assigns.
    pub leader: Option<String>,
    /// The members, in the order in which they joined first.
    pub members: Vec<GroupMemberStatus>,
}

/// How a member of a group stands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupMemberStatus {
    /// Its id, which the broker gave it.
    pub id: String,
    /// The group.instance.id of a static member.
    pub instance_id: Option<String>,
    /// How its client calls itself.
    pub client_id: String,
    /// What the leader assigned to it.
    pub assignment: Bytes,
    /// Whether its JoinGroup or SyncGroup waits for an answer.
    pub waits: bool,
}

/// The state of a group.
pub type GroupState = State;

impl Broker {
    /// How a group stands; nothing if there is no group of this name.
    #[must_use]
    pub fn group_status(&self, group: &str) -> Option<GroupStatus> {
        let coordinators = &self.cluster().coordinators;
        let coordinator = coordinators.coordinator_of(group).filter(|node| *node != NO_LEADER);
        coordinators.look(group, |slot| status(coordinator, &slot.group))
    }

    /// The names of all groups.
    #[must_use]
    pub fn groups(&self) -> Vec<String> {
        self.cluster().coordinators.names()
    }

    /// The offset that a group has committed, with its metadata.
    #[must_use]
    pub fn committed_offset(&self, group: &str, topic: &str, partition: i32) -> Option<(i64, String)> {
        let committed = |slot: &Slot| slot.offsets.get(topic, partition).map(|it| (it.offset, it.metadata.to_string()));
        self.cluster().coordinators.look(group, committed).flatten()
    }

    /// Makes another broker the coordinator of a group, and of all others in the same partition of `__consumer_offsets`, by making it
    /// that partition's leader. Members that wait are answered NOT_COORDINATOR; offsets and the last generation go on there.
    ///
    /// # Errors
    /// As [`Broker::move_leader`]: only a broker with an in-sync replica of that partition can.
    pub fn move_coordinator(&self, group: &str, node_id: i32) -> Result<(), Error> {
        let missing = |code: ErrorCode| refused(CONSUMER_OFFSETS, Refusal::new(code, code.message()));
        self.cluster().offsets_topic().map_err(missing)?;
        let partition = self.cluster().coordinators.partition_of(group);
        self.move_leader(CONSUMER_OFFSETS, partition.ok_or_else(|| missing(ErrorCode::CoordinatorNotAvailable))?, node_id)
    }
}

fn status(coordinator: Option<i32>, group: &Group) -> GroupStatus {
    let text = |text: Option<&Text>| text.map(ToString::to_string);
    let member = |member: &Member| GroupMemberStatus {
        id: member.id.to_string(),
        instance_id: text(member.instance_id.as_ref()),
        client_id: member.client_id.to_string(),
        assignment: member.assignment.clone(),
        waits: member.waits(),
    };
    GroupStatus {
        coordinator,
        state: group.state(),
        generation: group.generation(),
        protocol: text(group.protocol_name()),
        leader: text(group.leader()),
        members: group.members().iter().map(member).collect(),
    }
}
