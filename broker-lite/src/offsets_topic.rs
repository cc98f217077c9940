//! `__consumer_offsets`: made when it is needed, and followed by the coordinators.

use std::sync::Arc;

use ottla_protocol::ErrorCode;

use crate::cluster::{Cluster, Topic};
use crate::config::TopicConfig;
use crate::partition::Partition;
use crate::placement::Layout;
use crate::topic_name;

impl Cluster {
    /// `__consumer_offsets`, which is made if it is not there.
    pub(crate) fn offsets_topic(&self) -> Result<Arc<Topic>, ErrorCode> {
        let name = topic_name::CONSUMER_OFFSETS;
        if let Ok(topic) = self.topic(name) {
            return Ok(topic);
        }
        let segment_bytes = self.config.number("offsets.topic.segment.bytes").max(1 << 20).to_string();
        let properties =
            [("cleanup.policy", "compact"), ("compression.type", "producer"), ("segment.bytes", segment_bytes.as_str())];
        let properties = properties.map(|(name, value)| (name, Some(value)));
        let config = TopicConfig::new(&self.config, properties).map_err(|_| ErrorCode::InvalidConfig)?;
        let brokers = i64::try_from(self.nodes.len()).unwrap_or(i64::MAX);
        let factor = self.config.number("offsets.topic.replication.factor").min(brokers);
        let partitions = i32::try_from(self.config.number("offsets.topic.num.partitions")).unwrap_or(i32::MAX);
        let layout = Layout::Spread { partitions, replication_factor: i16::try_from(factor).ok() };
        match self.create_topic(name, layout, config, false) {
            Err(refusal) if refusal.code == ErrorCode::TopicAlreadyExists => self.topic(name),
            created => created.map_err(|refusal| refusal.code),
        }
    }

    /// Lets the coordinators follow the leaders of `__consumer_offsets`. The membership is held.
    pub(crate) fn move_coordinators(&self) {
        let leaders = self.topic(topic_name::CONSUMER_OFFSETS).map(|topic| {
            let leader = |partition: &Arc<Partition>| {
                let view = partition.lock().view();
                (view.leader, view.leader_epoch)
            };
            topic.partitions.iter().map(leader).collect()
        });
        self.coordinators.follow(leaders.unwrap_or_default(), self.clock.steady_ms());
    }

    /// Drops offsets that were committed long ago, once.
    pub(crate) fn expire_offsets(&self) {
        let retention_ms = self.config.number("offsets.retention.minutes").saturating_mul(60_000);
        self.coordinators.expire_offsets(retention_ms, self.clock.steady_ms());
    }
}
