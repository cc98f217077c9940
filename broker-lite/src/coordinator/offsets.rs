//! The offsets that a group has committed. They belong to the group, whichever broker coordinates it.

use std::collections::BTreeMap;

use ottla_protocol::Text;

use super::group::{Group, State};

/// An offset as it was committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Committed {
    pub(crate) offset: i64,
    /// -1 if none was given.
    pub(crate) leader_epoch: i32,
    pub(crate) metadata: Text,
    pub(crate) at: i64,
    /// When it goes, if its committer said so (versions 2 to 4).
    pub(crate) expires: Option<i64>,
}

/// All of a group's, by topic and partition.
#[derive(Clone, Debug, Default)]
pub(crate) struct Offsets(BTreeMap<Text, BTreeMap<i32, Committed>>);

impl Offsets {
    pub(crate) fn commit(&mut self, topic: &Text, partition: i32, committed: Committed) {
        match self.0.get_mut(topic.as_str()) {
            Some(partitions) => drop(partitions.insert(partition, committed)),
            None => drop(self.0.insert(topic.detach(), BTreeMap::from([(partition, committed)]))),
        }
    }

    pub(crate) fn get(&self, topic: &str, partition: i32) -> Option<&Committed> {
        self.0.get(topic)?.get(&partition)
    }

    pub(crate) fn topics(&self) -> impl Iterator<Item = (&Text, &BTreeMap<i32, Committed>)> {
        self.0.iter()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn delete(&mut self, topic: &str, partition: i32) {
        let Some(partitions) = self.0.get_mut(topic) else { return };
        partitions.remove(&partition);
        if partitions.is_empty() {
            self.0.remove(topic);
        }
    }

    /// The topic is gone.
    pub(crate) fn forget_topic(&mut self, topic: &str) {
        self.0.remove(topic);
    }

    fn retain(&mut self, keep: impl Fn(&str, &Committed) -> bool) {
        self.0.retain(|topic, partitions| {
            partitions.retain(|_, committed| keep(topic, committed));
            !partitions.is_empty()
        });
    }

    /// Drops what nobody used for `retention_ms`: of a group with members what they don't subscribe to, by when it was committed; of
    /// one without members everything, by when the last member left (KIP-211).
    pub(crate) fn expire(&mut self, group: &Group, retention_ms: i64, now: i64) {
        let stable = group.state() == State::Stable && group.knows_subscriptions();
        let since = match (group.state(), group.protocol_type()) {
            (State::Empty, Some(_)) => Some(group.since()),
            // Never had members.
            (State::Empty, None) => None,
            _ if stable => None,
            _ => return,
        };
        self.retain(|topic, committed| {
            let over = committed.expires.unwrap_or_else(|| since.unwrap_or(committed.at).saturating_add(retention_ms));
            now < over || stable && group.is_subscribed_to(topic)
        });
    }
}
