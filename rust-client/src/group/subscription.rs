//! What a consumer subscribes to: topics by name, and by regular expressions that follow topics as they come and go.

use std::collections::BTreeSet;

use ottla_core::error::{Error, ErrorKind};
use ottla_core::group::matching_topics;
use ottla_core::metadata::Cluster;
use ottla_protocol::Text;
use regex_lite::Regex;

/// Names, and patterns of names.
#[derive(Debug, Default)]
pub(crate) struct Subscription {
    names: BTreeSet<Text>,
    patterns: Vec<Regex>,
}

impl Subscription {
    /// One that begins with `^` is a pattern, as librdkafka has it; no topic's name does.
    pub(crate) fn of<T: AsRef<str>>(topics: impl IntoIterator<Item = T>) -> Result<Self, Error> {
        let mut subscription = Self::default();
        for topic in topics {
            let topic = topic.as_ref();
            if topic.starts_with('^') {
                subscription.patterns.push(regex(topic)?);
            } else {
                subscription.names.insert(Text::from(topic));
            }
        }
        Ok(subscription)
    }

    /// All topics whose names the pattern matches.
    pub(crate) fn matching(pattern: &str) -> Result<Self, Error> {
        Ok(Self { names: BTreeSet::new(), patterns: vec![regex(pattern)?] })
    }

    pub(super) fn names(&self) -> &BTreeSet<Text> {
        &self.names
    }

    pub(super) fn has_patterns(&self) -> bool {
        !self.patterns.is_empty()
    }

    /// The topics that are meant, of those that there are: Kafka's own among them only if they are named, or `internal`.
    pub(super) fn topics(&self, cluster: &Cluster, internal: bool) -> BTreeSet<Text> {
        let mut topics = matching_topics(cluster, internal, |name| self.patterns.iter().any(|pattern| pattern.is_match(name)));
        topics.extend(self.names.iter().cloned());
        topics
    }
}

fn regex(pattern: &str) -> Result<Regex, Error> {
    Regex::new(pattern).map_err(|error| {
        let what = format!("can't subscribe: {pattern:?} is not a regular expression: {error}");
        Error::new(ErrorKind::InvalidArgument, what)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test ends at what it does not expect")]

    use std::sync::Arc;

    use ottla_core::metadata::TopicInfo;
    use ottla_protocol::{ErrorCode, Uuid};

    use super::*;

    fn cluster() -> Cluster {
        let topics = ["orders-1", "orders-2", "old-orders-3", "__consumer_offsets"].map(|name| {
            let is_internal = name.starts_with("__");
            let name = Text::from(name);
            let info = TopicInfo { name: name.clone(), id: Uuid::ZERO, error: ErrorCode::None, is_internal, partitions: vec![] };
            (name, Arc::new(info))
        });
        Cluster { topics: topics.into(), all_topics: true, ..Cluster::default() }
    }

    #[test]
    fn names_and_patterns_may_be_mixed() {
        let topics = |items: &[&str]| -> Vec<String> {
            let subscription = Subscription::of(items).unwrap();
            subscription.topics(&cluster(), false).iter().map(|topic| topic.to_string()).collect()
        };
        assert_eq!(topics(&["^orders-.*"]), ["orders-1", "orders-2"]);
        assert_eq!(topics(&["^orders-1", "^old", "not-there"]), ["not-there", "old-orders-3", "orders-1"]);
        assert_eq!(topics(&["^orders$"]), [""; 0]);
        assert_eq!(topics(&["orders-.*"]), ["orders-.*"], "a name");
        assert_eq!(topics(&["^__", "^.*offsets"]), [""; 0], "Kafka's own");
        assert_eq!(topics(&["__consumer_offsets"]), ["__consumer_offsets"]);
        let internal = Subscription::matching("offsets$").unwrap().topics(&cluster(), true);
        assert_eq!(internal, BTreeSet::from(["__consumer_offsets".into()]));
        let anywhere = Subscription::matching("orders").unwrap().topics(&cluster(), false);
        assert_eq!(anywhere.len(), 3);
    }

    #[test]
    fn what_is_no_pattern_is_said() {
        for pattern in ["^(", "^[z-a]", "^a{3,2}", "^(?P<n", "^\\", &format!("^{}", "(".repeat(10_000)), "^(a{1000}){1000}"] {
            let error = Subscription::of([pattern]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
            assert!(error.to_string().contains("regular expression"), "{error}");
        }
    }
}
