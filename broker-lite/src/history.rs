//! How the cluster's metadata was before: for each change what undoes it, so that a client can be told what is no longer true.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ottla_protocol::messages::metadata::{
    MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use ottla_protocol::{ErrorCode, Uuid};

use crate::partition::PartitionView;

/// How many versions back can be gone.
pub(crate) const VERSIONS_KEPT: usize = 32;

/// What undoes one part of a change.
#[derive(Clone, Debug)]
pub(crate) enum Undo {
    /// The partition looked like this.
    Partition { topic: Uuid, index: usize, view: PartitionView },
    /// The topic was not there.
    Created(Uuid),
    /// The topic had so many partitions.
    Grown { topic: Uuid, partitions: usize },
    /// The topic was there.
    Deleted(MetadataResponseTopic),
    /// The broker was there, or was not.
    Broker { id: i32, alive: bool },
    /// This was the controller.
    Controller(i32),
}

/// The last changes, the newest last.
#[derive(Debug, Default)]
pub(crate) struct History(Mutex<VecDeque<Vec<Undo>>>);

impl History {
    fn versions(&self) -> MutexGuard<'_, VecDeque<Vec<Undo>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes one change by all that undoes it.
    pub(crate) fn record(&self, change: Vec<Undo>) {
        if change.is_empty() {
            return;
        }
        let mut versions = self.versions();
        if versions.len() == VERSIONS_KEPT {
            versions.pop_front();
        }
        versions.push_back(change);
    }

    /// Makes of the present answer the one of so many versions before. `all` tells that all topics were asked for.
    pub(crate) fn rewind(
        &self,
        versions: usize,
        response: &mut MetadataResponse,
        all: bool,
        broker: impl Fn(i32) -> Option<MetadataResponseBroker>,
    ) {
        for undo in self.versions().iter().rev().take(versions).flat_map(|change| change.iter().rev()) {
            match undo {
                Undo::Broker { id, alive: true } => {
                    response.brokers.extend(broker(*id));
                    response.brokers.sort_by_key(|broker| broker.node_id);
                    response.brokers.dedup_by_key(|broker| broker.node_id);
                }
                Undo::Broker { id, alive: false } => response.brokers.retain(|broker| broker.node_id != *id),
                Undo::Controller(id) => response.controller_id = *id,
                Undo::Deleted(topic) => bring_back(response, topic, all),
                Undo::Created(id) if all => response.topics.retain(|topic| topic.topic_id != *id),
                Undo::Created(id) => find(response, id).into_iter().for_each(forget),
                Undo::Grown { topic, partitions } => {
                    find(response, topic).into_iter().for_each(|topic| topic.partitions.truncate(*partitions));
                }
                Undo::Partition { topic, index, view } => {
                    let partition = find(response, topic).and_then(|topic| topic.partitions.get_mut(*index));
                    partition.into_iter().for_each(|partition| show(partition, view));
                }
            }
        }
    }
}

fn find<'a>(response: &'a mut MetadataResponse, id: &Uuid) -> Option<&'a mut MetadataResponseTopic> {
    response.topics.iter_mut().find(|topic| topic.topic_id == *id)
}

fn bring_back(response: &mut MetadataResponse, deleted: &MetadataResponseTopic, all: bool) {
    let same = |topic: &&mut MetadataResponseTopic| {
        topic.topic_id == deleted.topic_id || (topic.topic_id.is_zero() && topic.name == deleted.name)
    };
    match response.topics.iter_mut().find(same) {
        Some(topic) => *topic = deleted.clone(),
        None if all => response.topics.push(deleted.clone()),
        None => {}
    }
    if all {
        response.topics.sort_by(|a, b| a.name.cmp(&b.name));
    }
}

fn forget(topic: &mut MetadataResponseTopic) {
    topic.error_code = ErrorCode::UnknownTopicOrPartition.code();
    topic.topic_id = Uuid::ZERO;
    topic.partitions.clear();
}

/// How a partition is described.
pub(crate) fn show(partition: &mut MetadataResponsePartition, view: &PartitionView) {
    partition.error_code = view.error().code();
    partition.leader_id = view.leader;
    partition.leader_epoch = view.leader_epoch;
    partition.replica_nodes.clone_from(&view.replicas);
    partition.isr_nodes.clone_from(&view.isr);
    partition.offline_replicas.clone_from(&view.offline);
}
