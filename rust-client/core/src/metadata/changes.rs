//! What is new between two snapshots of the cluster, for the log: a line for each change of a topic, not one for each answer.

use ottla_protocol::{ErrorCode, Text};

use super::{Cluster, TopicInfo};

/// So many partitions are named in a line.
const NAMED: usize = 8;

/// Partitions that have something in common.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Partitions {
    named: Vec<i32>,
    count: usize,
}

impl Partitions {
    fn add(&mut self, partition: i32) {
        self.count += 1;
        if self.named.len() < NAMED {
            self.named.push(partition);
        }
    }
}

/// What became of a topic's leaders.
#[derive(Debug, Default, PartialEq, Eq)]
struct Leaders {
    lost: Partitions,
    found: Partitions,
    moved: Partitions,
}

fn leaders(before: Option<&TopicInfo>, after: &TopicInfo) -> Leaders {
    let mut leaders = Leaders::default();
    for (place, info) in after.partitions.iter().enumerate() {
        let old = before.and_then(|before| before.partitions.get(place)).map(|info| info.leader);
        match (old, info.leader) {
            (None | Some(0..), ..0) => leaders.lost.add(info.partition),
            (Some(..0), 0..) => leaders.found.add(info.partition),
            (Some(old @ 0..), new @ 0..) if old != new => leaders.moved.add(info.partition),
            _ => {}
        }
    }
    leaders
}

/// Logs what is new in `after`.
pub fn log_changes(before: &Cluster, after: &Cluster) {
    let known_brokers = (before.brokers.is_empty(), after.brokers.is_empty());
    match known_brokers {
        (true, false) => {
            let cluster = after.cluster_id.as_ref().map_or("", Text::as_str);
            tracing::info!(cluster, brokers = after.brokers.len(), "the cluster's brokers are known");
        }
        (false, true) => tracing::info!("the brokers ask to begin again with the bootstrap servers"),
        _ => {}
    }
    for (name, info) in &after.topics {
        let old = before.topics.get(name).map(AsRef::as_ref);
        if old.is_some_and(|old| std::ptr::eq(old, info.as_ref())) {
            continue;
        }
        let was = old.map_or(ErrorCode::None, |old| old.error);
        if was != info.error {
            match info.error {
                ErrorCode::None => tracing::info!(topic = %name, "the topic is there"),
                error => tracing::info!(topic = %name, error = error.name(), "the topic can't be used"),
            }
        }
        let Leaders { lost, found, moved } = leaders(old, info);
        if lost.count > 0 {
            tracing::warn!(topic = %name, count = lost.count, partitions = ?lost.named, "partitions have no leader");
        }
        if found.count > 0 {
            tracing::info!(topic = %name, count = found.count, partitions = ?found.named, "partitions have a leader again");
        }
        if moved.count > 0 {
            tracing::info!(topic = %name, count = moved.count, partitions = ?moved.named, "partitions have a new leader");
        }
    }
}

#[cfg(test)]
mod tests {
    use ottla_protocol::Uuid;

    use super::super::PartitionInfo;
    use super::*;

    fn topic(leaders: &[i32]) -> TopicInfo {
        let info = |(partition, leader): (i32, &i32)| PartitionInfo {
            partition,
            error: ErrorCode::None,
            leader: *leader,
            leader_epoch: 0,
            replicas: Vec::new(),
            isr: Vec::new(),
        };
        TopicInfo {
            name: Text::from("t"),
            id: Uuid::ZERO,
            error: ErrorCode::None,
            is_internal: false,
            partitions: (0..).zip(leaders).map(info).collect(),
        }
    }

    #[test]
    fn leaders_are_lost_found_and_moved() {
        let of = |before: Option<&[i32]>, after: &[i32]| {
            let Leaders { lost, found, moved } = leaders(before.map(topic).as_ref(), &topic(after));
            (lost.named, found.named, moved.named)
        };
        assert_eq!(of(Some(&[1, 1, -1, -1, 2]), &[1, -1, -1, 3, 4]), (vec![1], vec![3], vec![4]));
        assert_eq!(of(None, &[1, -1]), (vec![1], vec![], vec![]), "that there are leaders is no news");
        assert_eq!(of(Some(&[1]), &[1, 2]), (vec![], vec![], vec![]), "nor are new partitions");
        let many = leaders(Some(&topic(&[1; 100])), &topic(&[-1; 100])).lost;
        assert_eq!((many.count, many.named.len()), (100, NAMED));
    }
}
