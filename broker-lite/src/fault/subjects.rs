//! What a request is about, so that rules can be held against it.

use ottla_protocol::messages::{
    ApiVersionsRequest, ConsumerGroupDescribeRequest, CreatePartitionsRequest, CreateTopicsRequest, DeleteGroupsRequest,
    DeleteRecordsRequest, DeleteTopicsRequest, DescribeClusterRequest, DescribeConfigsRequest, DescribeGroupsRequest,
    DescribeTopicPartitionsRequest, FetchRequest, FindCoordinatorRequest, HeartbeatRequest, InitProducerIdRequest,
    JoinGroupRequest, LeaveGroupRequest, ListGroupsRequest, ListOffsetsRequest, MetadataRequest, OffsetCommitRequest,
    OffsetDeleteRequest, OffsetFetchRequest, OffsetForLeaderEpochRequest, ProduceRequest, SyncGroupRequest,
};
use ottla_protocol::{ApiKey, Text, Uuid};

use crate::cluster::Cluster;
use crate::node::Node;

/// FindCoordinator's key types.
const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;
/// DescribeConfigs' type of a topic.
const TOPIC_RESOURCE: i8 = 2;

/// Who asks for what, and where.
pub(crate) struct Asked<'a> {
    pub(crate) api: ApiKey,
    pub(crate) client_id: Option<Text>,
    pub(crate) node: &'a Node,
    pub(crate) connection: u64,
}

/// What a request names.
#[derive(Debug, Default)]
pub(crate) struct Named {
    /// Topics, with a partition where one is named.
    pub(super) partitions: Vec<(Text, Option<i32>)>,
    pub(super) groups: Vec<Text>,
    pub(super) transactional_ids: Vec<Text>,
}

impl Named {
    fn topic(&mut self, topic: &Text) {
        self.partitions.push((topic.clone(), None));
    }

    fn partition(&mut self, topic: &Text, partition: i32) {
        self.partitions.push((topic.clone(), Some(partition)));
    }

    fn transactional_id(&mut self, id: Option<&Text>) {
        self.transactional_ids.extend(id.cloned());
    }
}

/// A request that can be asked what it is about.
pub(crate) trait Subjects {
    /// What it names. `node` is who was asked.
    fn name(&self, cluster: &Cluster, node: &Node, named: &mut Named);
}

macro_rules! name_nothing {
    ($($request:ident)*) => {
        $(impl Subjects for $request {
            fn name(&self, _cluster: &Cluster, _node: &Node, _named: &mut Named) {}
        })*
    };
}

name_nothing!(ApiVersionsRequest DescribeClusterRequest ListGroupsRequest);

/// The name of a topic that a request calls by name or id; the empty one if nobody knows the id.
fn name_of(cluster: &Cluster, name: &Text, id: &Uuid) -> Text {
    if id.is_zero() || !name.is_empty() {
        return name.clone();
    }
    cluster.topic_by_id(id).map(|topic| topic.name.clone()).unwrap_or_default()
}

impl Subjects for ProduceRequest {
    fn name(&self, cluster: &Cluster, _node: &Node, named: &mut Named) {
        for topic in &self.topic_data {
            let name = name_of(cluster, &topic.name, &topic.topic_id);
            topic.partition_data.iter().for_each(|partition| named.partition(&name, partition.index));
        }
        named.transactional_id(self.transactional_id.as_ref());
    }
}

impl Subjects for FetchRequest {
    fn name(&self, cluster: &Cluster, node: &Node, named: &mut Named) {
        for topic in &self.topics {
            let name = name_of(cluster, &topic.topic, &topic.topic_id);
            topic.partitions.iter().for_each(|partition| named.partition(&name, partition.partition));
        }
        if self.session_epoch > 0 {
            for (topic, id, partition) in node.fetch_sessions().partitions_of(self.session_id) {
                named.partition(&name_of(cluster, &topic, &id), partition);
            }
        }
    }
}

impl Subjects for ListOffsetsRequest {
    fn name(&self, _cluster: &Cluster, _node: &Node, named: &mut Named) {
        for topic in &self.topics {
            topic.partitions.iter().for_each(|partition| named.partition(&topic.name, partition.partition_index));
        }
    }
}

impl Subjects for MetadataRequest {
    fn name(&self, cluster: &Cluster, _node: &Node, named: &mut Named) {
        match &self.topics {
            Some(topics) => {
                for topic in topics {
                    named.topic(&name_of(cluster, topic.name.as_ref().unwrap_or(&Text::default()), &topic.topic_id));
                }
            }
            None => cluster.topics().iter().for_each(|topic| named.topic(&topic.name)),
        }
    }
}

impl Subjects for OffsetForLeaderEpochRequest {
    fn name(&self, _cluster: &Cluster, _node: &Node, named: &mut Named) {
        for topic in &self.topics {
            topic.partitions.iter().for_each(|partition| named.partition(&topic.topic, partition.partition));
        }
    }
}

impl Subjects for DeleteRecordsRequest {
    fn name(&self, _cluster: &Cluster, _node: &Node, named: &mut Named) {
        for topic in &self.topics {
            topic.partitions.iter().for_each(|partition| named.partition(&topic.name, partition.partition_index));
        }
    }
}

impl Subjects for CreateTopicsRequest {
    fn name(&self, _cluster: &Cluster, _node: &Node, named: &mut Named) {
        self.topics.iter().for_each(|topic| named.topic(&topic.name));
    }
}

impl Subjects for CreatePartitionsRequest {
    fn name(&self, _cluster: &Cluster, _node: &Node, named: &mut Named) {
        self.topics.iter().for_each(|topic| named.topic(&topic.name));
    }
}

impl Subjects for DeleteTopicsRequest {
    fn name(&self, cluster: &Cluster, _node: &Node, named: &mut Named) {
        self.topic_names.iter().for_each(|name| named.topic(name));
        for topic in &self.topics {
            named.topic(&name_of(cluster, topic.name.as_ref().unwrap_or(&Text::default()), &topic.topic_id));
        }
    }
}

impl Subjects for DescribeTopicPartitionsRequest {
    fn name(&self, _cluster: &Cluster, _node: &Node, named: &mut Named) {
        self.topics.iter().for_each(|topic| named.topic(&topic.name));
    }
}

impl Subjects for DescribeConfigsRequest {
    fn name(&self, _cluster: &Cluster, _node: &Node, named: &mut Named) {
        let topics = self.resources.iter().filter(|resource| resource.resource_type == TOPIC_RESOURCE);
        topics.for_each(|topic| named.topic(&topic.resource_name));
    }
}

impl Subjects for InitProducerIdRequest {
    fn name(&self, _cluster: &Cluster, _node: &Node, named: &mut Named) {
        named.transactional_id(self.transactional_id.as_ref());
    }
}

impl Subjects for FindCoordinatorRequest {
    fn name(&self, _cluster: &Cluster, _node: &Node, named: &mut Named) {
        let keys = self.coordinator_keys.iter().chain(Some(&self.key).filter(|key| !key.is_empty()));
        match self.key_type {
            GROUP => named.groups.extend(keys.cloned()),
            TRANSACTION => named.transactional_ids.extend(keys.cloned()),
            _ => {}
        }
    }
}

macro_rules! name_the_group {
    ($($request:ident)*) => {
        $(impl Subjects for $request {
            fn name(&self, _cluster: &Cluster, _node: &Node, named: &mut Named) {
                named.groups.push(self.group_id.clone());
            }
        })*
    };
}

name_the_group!(JoinGroupRequest SyncGroupRequest HeartbeatRequest LeaveGroupRequest);

impl Subjects for OffsetCommitRequest {
    fn name(&self, cluster: &Cluster, _node: &Node, named: &mut Named) {
        named.groups.push(self.group_id.clone());
        for topic in &self.topics {
            let name = name_of(cluster, &topic.name, &topic.topic_id);
            topic.partitions.iter().for_each(|partition| named.partition(&name, partition.partition_index));
        }
    }
}

impl Subjects for OffsetFetchRequest {
    fn name(&self, cluster: &Cluster, _node: &Node, named: &mut Named) {
        for topic in self.topics.iter().flatten() {
            topic.partition_indexes.iter().for_each(|partition| named.partition(&topic.name, *partition));
        }
        for group in &self.groups {
            named.groups.push(group.group_id.clone());
            for topic in group.topics.iter().flatten() {
                let name = name_of(cluster, &topic.name, &topic.topic_id);
                topic.partition_indexes.iter().for_each(|partition| named.partition(&name, *partition));
            }
        }
        if self.groups.is_empty() {
            named.groups.push(self.group_id.clone());
        }
    }
}

impl Subjects for OffsetDeleteRequest {
    fn name(&self, _cluster: &Cluster, _node: &Node, named: &mut Named) {
        named.groups.push(self.group_id.clone());
        for topic in &self.topics {
            topic.partitions.iter().for_each(|partition| named.partition(&topic.name, partition.partition_index));
        }
    }
}

impl Subjects for DescribeGroupsRequest {
    fn name(&self, _cluster: &Cluster, _node: &Node, named: &mut Named) {
        named.groups.extend(self.groups.iter().cloned());
    }
}

impl Subjects for ConsumerGroupDescribeRequest {
    fn name(&self, _cluster: &Cluster, _node: &Node, named: &mut Named) {
        named.groups.extend(self.group_ids.iter().cloned());
    }
}

impl Subjects for DeleteGroupsRequest {
    fn name(&self, _cluster: &Cluster, _node: &Node, named: &mut Named) {
        named.groups.extend(self.groups_names.iter().cloned());
    }
}
