//! Topics that are subscribed to by name and can't be read: who subscribes to them is told, once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ottla_core::error::Error;
use ottla_core::metadata::Cluster;
use ottla_core::time::Instant;
use ottla_protocol::{ErrorCode, Text};

/// What is wrong with a topic, since when, and whether the application knows.
struct Trouble {
    code: ErrorCode,
    since: Instant,
    is_told: bool,
}

/// The topics that the metadata have an error for.
#[derive(Default)]
pub(super) struct Missing(BTreeMap<Text, Trouble>);

impl Missing {
    /// What is to be told now of the topics that are subscribed to, and when to look again at the latest. A topic that is not there
    /// may yet come to be: that is told after `limit`. An error that does not pass by itself is told at once, any other never: the
    /// metadata tell of it.
    pub(super) fn look(
        &mut self,
        now: Instant,
        subscribed: &BTreeSet<Text>,
        cluster: &Cluster,
        limit: Duration,
    ) -> (Vec<Error>, Instant) {
        self.0.retain(|name, _| subscribed.contains(name));
        let (mut told, mut again) = (Vec::new(), Instant::FAR_FUTURE);
        for name in subscribed {
            let Some(code) = cluster.topics.get(name).map(|topic| topic.error).filter(|code| *code != ErrorCode::None) else {
                self.0.remove(name);
                continue;
            };
            let trouble = self.0.entry(name.clone()).or_insert(Trouble { code, since: now, is_told: false });
            if trouble.code != code {
                *trouble = Trouble { code, since: now, is_told: false };
            }
            if trouble.is_told {
                continue;
            }
            let what = if code == ErrorCode::UnknownTopicOrPartition {
                let at = trouble.since + limit;
                if now < at {
                    again = again.min(at);
                    continue;
                }
                let limit = limit.as_millis();
                format!(
                    "the consumer subscribes to a topic that does not exist, and did not come to be within \
                     topic.metadata.propagation.max.ms ({limit} ms); once it does it is read"
                )
            } else if code.is_retriable() {
                continue;
            } else {
                "the consumer subscribes to a topic that can't be described".to_owned()
            };
            trouble.is_told = true;
            told.push(Error::kafka(code, what).with_topic(name.as_str()));
        }
        (told, again)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ottla_core::metadata::TopicInfo;
    use ottla_protocol::Uuid;

    use super::*;

    fn cluster(code: ErrorCode) -> Cluster {
        let name = Text::from("t");
        let topic = TopicInfo { name: name.clone(), id: Uuid::ZERO, error: code, is_internal: false, partitions: Vec::new() };
        Cluster { topics: [(name, Arc::new(topic))].into(), ..Cluster::default() }
    }

    #[test]
    fn each_trouble_is_told_once_and_anew_when_it_comes_back() {
        let subscribed = BTreeSet::from([Text::from("t")]);
        let limit = Duration::from_secs(30);
        let mut missing = Missing::default();
        let mut codes = |at: u64, cluster: &Cluster| {
            let (told, again) = missing.look(Instant::from_micros(at * 1_000_000), &subscribed, cluster, limit);
            let codes: Vec<_> = told.iter().map(Error::code).collect();
            (codes, again)
        };
        let at = |seconds: u64| Instant::from_micros(seconds * 1_000_000);
        let never = Instant::FAR_FUTURE;
        let unknown = cluster(ErrorCode::UnknownTopicOrPartition);
        assert_eq!(codes(1, &Cluster::default()), (vec![], never), "nothing is known yet");
        assert_eq!(codes(2, &unknown), (vec![], at(32)));
        assert_eq!(codes(31, &unknown), (vec![], at(32)));
        assert_eq!(codes(32, &unknown), (vec![Some(ErrorCode::UnknownTopicOrPartition)], never));
        assert_eq!(codes(99, &unknown), (vec![], never), "once");
        assert_eq!(codes(100, &cluster(ErrorCode::LeaderNotAvailable)), (vec![], never), "it is being made");
        assert_eq!(codes(101, &cluster(ErrorCode::None)), (vec![], never));
        assert_eq!(codes(102, &unknown), (vec![], at(132)), "deleted");
        let denied = cluster(ErrorCode::TopicAuthorizationFailed);
        assert_eq!(codes(103, &denied), (vec![Some(ErrorCode::TopicAuthorizationFailed)], never), "at once");
        assert_eq!(codes(104, &denied), (vec![], never));
    }
}
