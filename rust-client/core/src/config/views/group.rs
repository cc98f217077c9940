//! What a member of a consumer group needs to know.

use std::time::Duration;

use super::contradiction;
use crate::config::Config;
use crate::error::{Error, ErrorKind};

/// What a member of a consumer group needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupConfig {
    /// `group.id`
    pub group_id: String,
    /// `group.instance.id`; none for a dynamic member.
    pub group_instance_id: Option<String>,
    /// `partition.assignment.strategy`, best first.
    pub assignment_strategy: Vec<String>,
    /// `session.timeout.ms`
    pub session_timeout: Duration,
    /// `heartbeat.interval.ms`
    pub heartbeat_interval: Duration,
    /// `max.poll.interval.ms`
    pub max_poll_interval: Duration,
    /// `coordinator.query.interval.ms`
    pub coordinator_query_interval: Duration,
    /// `auto.commit.interval.ms`; none if it is 0 or `enable.auto.commit` is false.
    pub auto_commit_interval: Option<Duration>,
    /// `enable.auto.offset.store`
    pub auto_offset_store: bool,
    /// `exclude.internal.topics`
    pub exclude_internal_topics: bool,
}

impl Config {
    /// What a member of a consumer group needs to know; `None` without `group.id`.
    ///
    /// # Errors
    /// Properties contradict each other, or `group.protocol` is one that this client does not speak.
    pub fn group(&self) -> Result<Option<GroupConfig>, Error> {
        let group_id = self.text("group.id").to_owned();
        if group_id.is_empty() {
            return Ok(None);
        }
        if self.text("group.protocol") != "classic" {
            return Err(Error::new(
                ErrorKind::UnsupportedFeature,
                format!("group.protocol={}: only classic is supported", self.text("group.protocol")),
            ));
        }
        let session_timeout = self.millis("session.timeout.ms");
        let heartbeat_interval = self.millis("heartbeat.interval.ms");
        let max_poll_interval = self.millis("max.poll.interval.ms");
        if heartbeat_interval >= session_timeout {
            return Err(contradiction(format!(
                "heartbeat.interval.ms={} is not less than session.timeout.ms={}: the member would count as gone between two \
                 heartbeats",
                self.text("heartbeat.interval.ms"),
                self.text("session.timeout.ms")
            )));
        }
        if max_poll_interval < session_timeout {
            return Err(contradiction(format!(
                "max.poll.interval.ms={} is less than session.timeout.ms={}: raise the one or lower the other",
                self.text("max.poll.interval.ms"),
                self.text("session.timeout.ms")
            )));
        }
        let commits = self.flag("enable.auto.commit");
        let strategies = self.text("partition.assignment.strategy").split(',').map(str::trim).filter(|name| !name.is_empty());
        Ok(Some(GroupConfig {
            group_id,
            group_instance_id: Some(self.text("group.instance.id").to_owned()).filter(|id| !id.is_empty()),
            assignment_strategy: strategies.map(str::to_owned).collect(),
            session_timeout,
            heartbeat_interval,
            max_poll_interval,
            coordinator_query_interval: self.millis("coordinator.query.interval.ms"),
            auto_commit_interval: Some(self.millis("auto.commit.interval.ms")).filter(|every| commits && !every.is_zero()),
            exclude_internal_topics: self.flag("exclude.internal.topics"),
            auto_offset_store: self.flag("enable.auto.offset.store"),
        }))
    }
}
