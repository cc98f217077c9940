//! What is known of the cluster: brokers, topics, leaders and their epochs; and when to ask again.

mod changes;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ottla_protocol::messages::metadata::{MetadataRequest, MetadataRequestTopic, MetadataResponse};
use ottla_protocol::{ErrorCode, Text, Uuid};

use crate::random::Rng;
use crate::time::Instant;

pub use changes::log_changes;

/// A broker's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerInfo {
    /// The broker's id.
    pub id: i32,
    /// Its host name or address.
    pub host: Text,
    /// Its port.
    pub port: i32,
    /// Its rack, if it has one.
    pub rack: Option<Text>,
}

/// A partition's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionInfo {
    /// The partition.
    pub partition: i32,
    /// The error of this partition alone.
    pub error: ErrorCode,
    /// The leader's broker id, -1 if there is none.
    pub leader: i32,
    /// The leader's epoch, -1 if the broker did not say.
    pub leader_epoch: i32,
    /// All replicas' broker ids.
    pub replicas: Vec<i32>,
    /// Those in sync.
    pub isr: Vec<i32>,
}

/// A topic's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicInfo {
    /// The topic.
    pub name: Text,
    /// Its id, zero before brokers had them.
    pub id: Uuid,
    /// The error of the whole topic.
    pub error: ErrorCode,
    /// Whether it is one of Kafka's own.
    pub is_internal: bool,
    /// Its partitions; the place is the partition.
    pub partitions: Vec<PartitionInfo>,
}

impl TopicInfo {
    /// Whether the topic is there, and only can't be described right now: it then has the partitions that it was last known to have.
    fn has_passing_error(&self) -> bool {
        use ErrorCode::{InconsistentTopicId, UnknownTopicId, UnknownTopicOrPartition};
        self.error.is_retriable() && !matches!(self.error, UnknownTopicOrPartition | UnknownTopicId | InconsistentTopicId)
    }
}

/// One state of the cluster. Never changed, only replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cluster {
    /// Counts the snapshots.
    pub version: u64,
    /// The cluster's id.
    pub cluster_id: Option<Text>,
    /// The controller's broker id, -1 if unknown.
    pub controller: i32,
    /// Brokers by id.
    pub brokers: BTreeMap<i32, BrokerInfo>,
    /// Topics by name.
    pub topics: BTreeMap<Text, Arc<TopicInfo>>,
    /// Whether these are all the topics that there are, and not those alone that were asked for.
    pub all_topics: bool,
}

impl Cluster {
    /// A topic without an error.
    #[must_use]
    pub fn topic(&self, name: &Text) -> Option<&Arc<TopicInfo>> {
        self.topics.get(name).filter(|topic| topic.error == ErrorCode::None)
    }

    /// A topic with the partitions that it was last known to have, though it may be that it can't be described right now.
    #[must_use]
    pub fn last_known(&self, name: &Text) -> Option<&Arc<TopicInfo>> {
        self.topics.get(name).filter(|topic| topic.error == ErrorCode::None || topic.has_passing_error())
    }

    /// Whether it is known that there is no such partition.
    #[must_use]
    pub fn is_gone(&self, topic: &Text, partition: i32) -> bool {
        match self.topics.get(topic) {
            Some(info) if info.error == ErrorCode::None => usize::try_from(partition).is_ok_and(|p| p >= info.partitions.len()),
            Some(info) => matches!(info.error, ErrorCode::UnknownTopicOrPartition | ErrorCode::UnknownTopicId),
            None => self.all_topics,
        }
    }

    /// A partition's state.
    #[must_use]
    pub fn partition(&self, topic: &Text, partition: i32) -> Option<&PartitionInfo> {
        self.topic(topic)?.partitions.get(usize::try_from(partition).ok()?)
    }

    /// This cluster with newer leaders, or `None` if no hint tells anything new: a hint counts if its epoch is newer than what is
    /// known and its broker's address is known.
    fn with_leaders(&self, hints: &[LeaderHint]) -> Option<Self> {
        let mut next: Option<Self> = None;
        for hint in hints {
            let known = next.as_ref().unwrap_or(self);
            let newer = known
                .partition(&hint.topic, hint.partition)
                .is_some_and(|info| hint.leader >= 0 && hint.leader_epoch > info.leader_epoch);
            if !newer || (hint.broker.is_none() && !known.brokers.contains_key(&hint.leader)) {
                continue;
            }
            let next = next.get_or_insert_with(|| Self { version: self.version + 1, ..self.clone() });
            if let Some(broker) = &hint.broker {
                next.brokers.insert(broker.id, broker.clone());
            }
            if let Some(topic) = next.topics.get_mut(&hint.topic)
                && let Some(place) = usize::try_from(hint.partition).ok()
                && let Some(info) = Arc::make_mut(topic).partitions.get_mut(place)
            {
                info.leader = hint.leader;
                info.leader_epoch = hint.leader_epoch;
                info.error = ErrorCode::None;
            }
        }
        next
    }

    /// Whether both have the same brokers, topics and leaders.
    fn says_the_same(&self, other: &Self) -> bool {
        self.brokers == other.brokers && self.topics == other.topics
    }

    /// The name of the topic with this id.
    #[must_use]
    pub fn topic_name(&self, id: Uuid) -> Option<&Text> {
        self.topics.values().find(|topic| topic.id == id && !id.is_zero()).map(|topic| &topic.name)
    }
}

/// A newer leader, as a broker tells it with the error NOT_LEADER_OR_FOLLOWER or FENCED_LEADER_EPOCH (KIP-951).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaderHint {
    /// The topic.
    pub topic: Text,
    /// The partition.
    pub partition: i32,
    /// The new leader's broker id.
    pub leader: i32,
    /// The new leader's epoch.
    pub leader_epoch: i32,
    /// The new leader's address, if the answer names it.
    pub broker: Option<BrokerInfo>,
}

fn topic_info(topic: ottla_protocol::messages::metadata::MetadataResponseTopic, before: Option<&TopicInfo>) -> Option<TopicInfo> {
    let name = topic.name?.detach();
    let before = before.filter(|known| known.id == topic.topic_id);
    let mut partitions: Vec<PartitionInfo> = topic
        .partitions
        .into_iter()
        .map(|p| PartitionInfo {
            partition: p.partition_index,
            error: ErrorCode::from_code(p.error_code),
            leader: p.leader_id,
            leader_epoch: p.leader_epoch,
            replicas: p.replica_nodes,
            isr: p.isr_nodes,
        })
        .collect();
    partitions.sort_by_key(|p| p.partition);
    partitions.dedup_by_key(|p| p.partition);
    for (place, partition) in partitions.iter_mut().enumerate() {
        if usize::try_from(partition.partition) != Ok(place) {
            // A hole in the numbering: no broker sends that. Treated as unknown, so that places stay partitions.
            return None;
        }
        // A broker that lags may answer with an older epoch than another has told: the newer one stands.
        if let Some(known) = before.and_then(|t| t.partitions.get(place))
            && known.leader_epoch > partition.leader_epoch
            && partition.leader_epoch >= 0
        {
            *partition = known.clone();
        }
    }
    Some(TopicInfo {
        name,
        id: topic.topic_id,
        error: ErrorCode::from_code(topic.error_code),
        is_internal: topic.is_internal,
        partitions,
    })
}

/// How often to ask.
#[derive(Clone, Debug)]
pub struct MetadataSettings {
    /// `topic.metadata.refresh.interval.ms`.
    pub refresh_interval: Duration,
    /// `retry.backoff.ms`: the first wait after a failure.
    pub retry_backoff: Duration,
    /// `retry.backoff.max.ms`: the longest.
    pub retry_backoff_max: Duration,
}

/// Decides when to ask for metadata, and for which topics. One request is under way at a time.
#[derive(Debug)]
pub struct MetadataUpdater {
    settings: MetadataSettings,
    /// What is followed, and whether it may be created by being asked for.
    topics: BTreeMap<Text, bool>,
    /// How many want to know of all topics.
    follow_all: usize,
    /// What is in flight asks for topics that may be created, and for no others.
    partial: bool,
    /// The next request is for the others.
    others_next: bool,
    /// Something of what is known is stale, and not asked for yet.
    stale: bool,
    cluster: Arc<Cluster>,
    asked: bool,
    in_flight: bool,
    /// What is in flight asks for all topics.
    asked_all: bool,
    /// A topic was followed that no request has asked for yet.
    unasked: bool,
    attempts: u32,
    not_before: Instant,
    next_refresh: Instant,
    rng: Rng,
}

impl MetadataUpdater {
    /// Asks at once.
    #[must_use]
    pub fn new(settings: MetadataSettings, rng: Rng) -> Self {
        Self {
            settings,
            topics: BTreeMap::new(),
            follow_all: 0,
            partial: false,
            others_next: false,
            stale: false,
            cluster: Arc::new(Cluster::default()),
            asked: true,
            in_flight: false,
            asked_all: false,
            unasked: false,
            attempts: 0,
            not_before: Instant::default(),
            next_refresh: Instant::default(),
            rng,
        }
    }

    /// The newest snapshot.
    #[must_use]
    pub fn cluster(&self) -> &Arc<Cluster> {
        &self.cluster
    }

    /// Follows a topic from now on. `may_create`: a broker may create it (`allow.auto.create.topics`), as soon as one of those who
    /// follow it says so. Returns whether that is anything new.
    pub fn follow(&mut self, topic: &Text, may_create: bool) -> bool {
        let new = match self.topics.get_mut(topic) {
            Some(creatable) if *creatable || !may_create => false,
            Some(creatable) => {
                *creatable = true;
                true
            }
            None => {
                self.topics.insert(topic.detach(), may_create);
                true
            }
        };
        if new {
            // A topic that nobody has asked for yet does not wait behind another topic's backoff.
            self.asked = true;
            self.unasked = true;
            self.not_before = Instant::default();
        }
        new
    }

    /// Asks for all topics from now on, until it is said as often that this is not needed any more.
    pub fn follow_all(&mut self, wanted: bool) {
        if !wanted {
            self.follow_all = self.follow_all.saturating_sub(1);
            return;
        }
        self.follow_all += 1;
        if !self.cluster.all_topics {
            (self.asked, self.unasked, self.others_next) = (true, true, true);
            self.not_before = Instant::default();
        }
    }

    /// Something showed that what is known is stale: ask again, but not before the backoff is over.
    pub fn refresh(&mut self) {
        self.asked = true;
        self.stale = true;
    }

    /// Takes in newer leaders that came with errors. Returns the new snapshot if they told anything new.
    pub fn learn(&mut self, hints: &[LeaderHint]) -> Option<Arc<Cluster>> {
        self.cluster = Arc::new(self.cluster.with_leaders(hints)?);
        Some(self.cluster.clone())
    }

    /// When [`Self::poll`] may have something to say.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        if self.in_flight {
            Instant::FAR_FUTURE
        } else if self.asked {
            self.not_before
        } else {
            self.next_refresh
        }
    }

    /// The request to send now, if it is time. The caller reports back with [`Self::on_response`] or [`Self::on_failure`].
    pub fn poll(&mut self, now: Instant) -> Option<MetadataRequest> {
        if self.in_flight || now < self.deadline() {
            return None;
        }
        if !self.unasked && now >= self.not_before + self.settings.retry_backoff_max {
            // It has been quiet for some time: what is asked now is about something else.
            self.attempts = 0;
        }
        self.in_flight = true;
        self.asked = false;
        self.unasked = false;
        // The permission to create is one of the whole request: what must not be created is asked for in another.
        let all_topics = self.follow_all > 0;
        let all_creatable = !all_topics && self.topics.values().all(|creatable| *creatable);
        // A topic that nobody creates, asked for again and again, must not keep what is stale of the others from being asked for.
        self.stale |= now >= self.next_refresh;
        let others_next = std::mem::take(&mut self.others_next) || (self.partial && self.stale);
        let unknown = |name: &Text| {
            let known = self.cluster.topics.get(name);
            known.is_none_or(|info| info.error == ErrorCode::UnknownTopicOrPartition)
        };
        let missing = || self.topics.iter().filter(|(name, creatable)| **creatable && unknown(name)).map(|(name, _)| name);
        self.partial = !all_creatable && !others_next && missing().next().is_some();
        self.stale &= self.partial;
        let names: Vec<&Text> = if self.partial { missing().collect() } else { self.topics.keys().collect() };
        self.asked_all = all_topics && !self.partial;
        let topic = |name: &Text| MetadataRequestTopic { name: Some(name.clone()), ..MetadataRequestTopic::default() };
        Some(MetadataRequest {
            topics: (self.partial || !all_topics).then(|| names.into_iter().map(topic).collect()),
            allow_auto_topic_creation: self.partial || (all_creatable && !self.topics.is_empty()),
            ..MetadataRequest::default()
        })
    }

    /// No broker could be asked, or none answered.
    pub fn on_failure(&mut self, now: Instant) {
        self.in_flight = false;
        self.asked = true;
        self.back_off(now);
    }

    fn back_off(&mut self, now: Instant) {
        self.not_before =
            now + backoff(self.attempts, self.settings.retry_backoff, self.settings.retry_backoff_max, &mut self.rng);
        self.attempts = self.attempts.saturating_add(1);
    }

    /// Takes in an answer to [`Self::poll`]'s request.
    pub fn on_response(&mut self, now: Instant, response: MetadataResponse) -> Arc<Cluster> {
        self.in_flight = false;
        if ErrorCode::from_code(response.error_code) == ErrorCode::RebootstrapRequired {
            // KIP-1102: the brokers that are known are not to be asked any more; what is known of topics stands until others tell.
            let next = Cluster { version: self.cluster.version + 1, brokers: BTreeMap::new(), ..(*self.cluster).clone() };
            self.cluster = Arc::new(next);
            self.asked = true;
            self.back_off(now);
            return self.cluster.clone();
        }
        if !self.partial {
            self.next_refresh = now + self.settings.refresh_interval;
        }
        let mut next = Cluster {
            version: self.cluster.version + 1,
            cluster_id: response.cluster_id.map(|id| id.detach()),
            controller: response.controller_id,
            brokers: response
                .brokers
                .into_iter()
                .map(|b| {
                    (
                        b.node_id,
                        BrokerInfo { id: b.node_id, host: b.host.detach(), port: b.port, rack: b.rack.map(|r| r.detach()) },
                    )
                })
                .collect(),
            topics: if self.partial { self.cluster.topics.clone() } else { BTreeMap::new() },
            all_topics: if self.partial { self.cluster.all_topics } else { self.asked_all },
        };
        for topic in response.topics {
            let before = topic.name.as_ref().and_then(|name| self.cluster.topics.get(name));
            if let Some(mut info) = topic_info(topic, before.map(AsRef::as_ref)) {
                if let Some(before) = before.filter(|_| info.partitions.is_empty() && info.has_passing_error()) {
                    (info.id, info.is_internal, info.partitions) = (before.id, before.is_internal, before.partitions.clone());
                }
                next.topics.insert(info.name.clone(), Arc::new(info));
            }
        }
        if next.all_topics && !self.partial {
            // Of one that is asked for by its name a broker says that it is not there. Here it says nothing.
            for name in self.topics.keys().filter(|name| !next.topics.contains_key(*name)).cloned().collect::<Vec<_>>() {
                let error = ErrorCode::UnknownTopicOrPartition;
                let info = TopicInfo { name: name.clone(), id: Uuid::ZERO, error, is_internal: false, partitions: Vec::new() };
                next.topics.insert(name, Arc::new(info));
            }
        }
        // A topic that is being made, or a partition without a leader, comes right by itself: ask again soon.
        let leaderless = |p: &PartitionInfo| p.leader < 0 || p.error == ErrorCode::LeaderNotAvailable;
        let to_settle = |info: &Arc<TopicInfo>| info.error.is_retriable() || info.partitions.iter().any(leaderless);
        let unsettled = next.brokers.is_empty() || next.topics.values().any(to_settle);
        if unsettled {
            self.asked = true;
            self.back_off(now);
        } else {
            // A refresh asked for by an error that this answer did not settle waits a backoff, and a longer one as long as the answers
            // tell nothing new (KIP-580), so that errors make no storm.
            if !next.says_the_same(&self.cluster) {
                self.attempts = 0;
            }
            self.back_off(now);
        }
        let all_missing = self.follow_all > 0 && !next.all_topics;
        if self.partial && (all_missing || self.topics.keys().any(|name| !next.topics.contains_key(name))) {
            // The others come next.
            (self.asked, self.unasked, self.others_next) = (true, true, true);
        }
        // The request was not about what is stale.
        self.asked |= self.stale;
        if self.unasked {
            self.not_before = now;
        }
        self.cluster = Arc::new(next);
        self.cluster.clone()
    }
}

/// The wait before attempt number `attempts` is repeated: doubled each time, up to `max`, with 20 % of jitter (KIP-580).
#[must_use]
pub fn backoff(attempts: u32, first: Duration, max: Duration, rng: &mut Rng) -> Duration {
    let whole = first.saturating_mul(1_u32 << attempts.min(16)).min(max);
    let micros = u64::try_from(whole.as_micros()).unwrap_or(u64::MAX);
    let percent = 80 + u64::from(rng.next_u32() % 41);
    Duration::from_micros(micros.saturating_mul(percent) / 100).min(max)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Cluster {
        let broker = |id| BrokerInfo { id, host: Text::from("b"), port: 9092, rack: None };
        let partition = PartitionInfo {
            partition: 0,
            error: ErrorCode::None,
            leader: 1,
            leader_epoch: 5,
            replicas: vec![1, 2],
            isr: vec![1, 2],
        };
        let topic = TopicInfo {
            name: Text::from("t"),
            id: Uuid::ZERO,
            error: ErrorCode::None,
            is_internal: false,
            partitions: vec![partition],
        };
        Cluster {
            version: 3,
            brokers: [(1, broker(1)), (2, broker(2))].into(),
            topics: [(topic.name.clone(), Arc::new(topic))].into(),
            ..Cluster::default()
        }
    }

    #[test]
    fn a_topic_followed_while_a_request_is_under_way_is_asked_for_right_after_it() {
        let wait = Duration::from_millis(100);
        let settings = MetadataSettings { refresh_interval: wait * 100, retry_backoff: wait, retry_backoff_max: wait };
        let mut updater = MetadataUpdater::new(settings, Rng::from_seed(1));
        let now = Instant::default() + Duration::from_secs(1);
        assert!(updater.poll(now).is_some());
        assert!(updater.follow(&Text::from("t"), false) && updater.poll(now).is_none());
        let broker = ottla_protocol::messages::metadata::MetadataResponseBroker { node_id: 1, ..Default::default() };
        let response = MetadataResponse { brokers: vec![broker], ..Default::default() };
        updater.on_response(now, response.clone());
        assert_eq!(updater.poll(now).and_then(|request| request.topics).map(|topics| topics.len()), Some(1));
        // What is asked again without a new topic waits.
        updater.refresh();
        updater.on_response(now, response);
        updater.refresh();
        assert!(updater.poll(now).is_none() && updater.poll(now + wait).is_some());
    }

    fn answer(topics: &[(&str, ErrorCode)]) -> MetadataResponse {
        use ottla_protocol::messages::metadata::{MetadataResponseBroker, MetadataResponseTopic};
        let broker = MetadataResponseBroker { node_id: 1, ..Default::default() };
        let topics = topics.iter().map(|(name, error)| MetadataResponseTopic {
            name: Some(Text::from(*name)),
            error_code: error.code(),
            ..Default::default()
        });
        MetadataResponse { brokers: vec![broker], topics: topics.collect(), ..Default::default() }
    }

    /// The names that are asked for now, and whether they may be created; `None` for all.
    fn asked(updater: &mut MetadataUpdater, now: Instant) -> Option<(Option<Vec<String>>, bool)> {
        let request = updater.poll(now)?;
        let names = |topics: Vec<MetadataRequestTopic>| {
            topics.into_iter().filter_map(|topic| topic.name.map(|name| name.to_string())).collect::<Vec<_>>()
        };
        Some((request.topics.map(names), request.allow_auto_topic_creation))
    }

    #[test]
    fn all_topics_are_asked_for_as_long_as_somebody_wants_to_know() {
        let mut updater = updater();
        let mut now = Instant::default() + Duration::from_secs(1);
        let named = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        updater.follow(&Text::from("b"), false);
        assert_eq!(asked(&mut updater, now), Some((named(&["b"]), false)));
        // What is on its way is not all.
        updater.follow_all(true);
        updater.follow_all(true);
        assert!(!updater.on_response(now, answer(&[("b", ErrorCode::None)])).all_topics);
        assert_eq!(asked(&mut updater, now), Some((None, false)));
        let cluster = updater.on_response(now, answer(&[("a", ErrorCode::None)]));
        assert!(cluster.all_topics && cluster.topic(&Text::from("a")).is_some());
        let gone = |cluster: &Cluster, topic: &str| cluster.is_gone(&Text::from(topic), 0);
        // "a" has no partitions.
        assert_eq!(["a", "b", "c"].map(|topic| gone(&cluster, topic)), [true; 3]);
        assert!(!known().is_gone(&Text::from("t"), 0) && known().is_gone(&Text::from("t"), 1) && !gone(&known(), "a"));
        assert_eq!(cluster.topics.get("b").map(|topic| topic.error), Some(ErrorCode::UnknownTopicOrPartition));
        // One that may be created is asked for by its name, and then all again.
        assert!(updater.follow(&Text::from("c"), true));
        assert_eq!(asked(&mut updater, now), Some((named(&["c"]), true)));
        let cluster = updater.on_response(now, answer(&[("c", ErrorCode::UnknownTopicOrPartition)]));
        assert!(cluster.all_topics && cluster.topic(&Text::from("a")).is_some());
        now = now + Duration::from_secs(10);
        updater.follow_all(false);
        assert_eq!(asked(&mut updater, now), Some((named(&["c"]), true)));
        updater.on_response(now, answer(&[("c", ErrorCode::None)]));
        now = now + Duration::from_secs(300);
        assert_eq!(asked(&mut updater, now), Some((None, false)));
        updater.on_response(now, answer(&[("a", ErrorCode::None), ("b", ErrorCode::None), ("c", ErrorCode::None)]));
        updater.follow_all(false);
        now = now + Duration::from_secs(300);
        assert_eq!(asked(&mut updater, now), Some((named(&["b", "c"]), false)));
        let cluster = updater.on_response(now, answer(&[("b", ErrorCode::None), ("c", ErrorCode::None)]));
        assert!(!cluster.all_topics && !gone(&cluster, "a"));
    }

    #[test]
    fn a_topic_that_nobody_creates_does_not_keep_others_from_being_asked_for() {
        let mut updater = updater();
        updater.follow(&Text::from("mine"), true);
        updater.follow(&Text::from("other"), false);
        let mut requests = Vec::new();
        for millis in 0..10_000 {
            let now = Instant::from_micros(1_000_000 + millis * 1000);
            if let Some((names, creates)) = asked(&mut updater, now) {
                let known = |name: &String| (if name == "mine" { "mine" } else { "other" }, name == "mine");
                let topics: Vec<_> = names.unwrap().iter().map(known).collect();
                let error = |mine: bool| if mine { ErrorCode::UnknownTopicOrPartition } else { ErrorCode::None };
                updater.on_response(now, answer(&topics.iter().map(|(name, mine)| (*name, error(*mine))).collect::<Vec<_>>()));
                requests.push((topics.len(), creates));
            }
        }
        assert!(requests.starts_with(&[(1, true), (2, false)]), "{requests:?}");
        assert!(requests.len() < 25, "no storm: {}", requests.len());
        assert!(updater.cluster().topic(&Text::from("other")).is_some());
    }

    #[test]
    fn what_is_stale_is_asked_for_beside_a_topic_that_nobody_creates() {
        let mut updater = updater();
        updater.follow(&Text::from("mine"), true);
        updater.follow(&Text::from("other"), false);
        let (mut whole, mut refreshed) = (0, Vec::new());
        for millis in 0..60_000 {
            if millis == 20_000 || millis == 40_000 {
                updater.refresh();
                whole = 0;
            }
            let now = Instant::from_micros(1_000_000 + millis * 1000);
            if let Some((names, _)) = asked(&mut updater, now) {
                let names = names.unwrap();
                if names.len() == 2 {
                    whole += 1;
                    refreshed.push(millis);
                }
                let topic = |name: &'static str, error| names.iter().any(|asked| asked == name).then_some((name, error));
                let topics = [topic("mine", ErrorCode::UnknownTopicOrPartition), topic("other", ErrorCode::None)];
                updater.on_response(now, answer(&topics.into_iter().flatten().collect::<Vec<_>>()));
            }
        }
        assert_eq!(whole, 1, "{refreshed:?}");
        let after = |from| refreshed.iter().filter(|at| (from..from + 3000).contains(*at)).count();
        assert_eq!((after(20_000), after(40_000)), (1, 1), "within two of the longest backoffs: {refreshed:?}");
    }

    #[test]
    fn a_topic_that_can_t_be_described_for_a_moment_keeps_its_partitions_for_who_divides_them() {
        let mut updater = updater();
        let name = Text::from("t");
        updater.follow(&name, false);
        let mut now = Instant::from_micros(1_000_000);
        let mut next = |updater: &mut MetadataUpdater, error: ErrorCode, count: i32| {
            now = now.max(updater.deadline());
            updater.poll(now).unwrap();
            updater.refresh();
            let partition = |partition_index| ottla_protocol::messages::metadata::MetadataResponsePartition {
                partition_index,
                leader_id: 1,
                ..Default::default()
            };
            let mut response = answer(&[("t", error)]);
            response.topics[0].partitions = (0..count).map(partition).collect();
            let cluster = updater.on_response(now, response);
            (cluster.topic(&name).map(|info| info.partitions.len()), cluster.last_known(&name).map(|info| info.partitions.len()))
        };
        assert_eq!(next(&mut updater, ErrorCode::LeaderNotAvailable, 0), (None, Some(0)), "it is being made");
        assert_eq!(next(&mut updater, ErrorCode::None, 2), (Some(2), Some(2)));
        assert_eq!(next(&mut updater, ErrorCode::LeaderNotAvailable, 0), (None, Some(2)));
        assert_eq!(next(&mut updater, ErrorCode::LeaderNotAvailable, 0), (None, Some(2)), "and again");
        assert_eq!(next(&mut updater, ErrorCode::None, 3), (Some(3), Some(3)));
        assert_eq!(next(&mut updater, ErrorCode::UnknownTopicOrPartition, 0), (None, None), "it is gone");
        assert_eq!(next(&mut updater, ErrorCode::LeaderNotAvailable, 0), (None, Some(0)), "and made anew");
    }

    fn hint(leader: i32, leader_epoch: i32) -> LeaderHint {
        LeaderHint { topic: Text::from("t"), partition: 0, leader, leader_epoch, broker: None }
    }

    #[test]
    fn a_leader_hint_counts_when_its_epoch_is_newer_and_its_broker_known() {
        let cluster = known();
        assert_eq!(cluster.with_leaders(&[hint(2, 5), hint(2, 4), hint(-1, 9), hint(3, 6)]), None);
        let moved = cluster.with_leaders(&[hint(2, 6)]).unwrap();
        let info = moved.partition(&Text::from("t"), 0).unwrap();
        assert_eq!((moved.version, info.leader, info.leader_epoch), (4, 2, 6));
        let broker = BrokerInfo { id: 3, host: Text::from("new"), port: 1, rack: None };
        let moved = cluster.with_leaders(&[LeaderHint { broker: Some(broker.clone()), ..hint(3, 7) }, hint(2, 6)]).unwrap();
        assert_eq!(moved.partition(&Text::from("t"), 0).unwrap().leader, 3, "the older hint behind it does not count");
        assert_eq!(moved.brokers.get(&3), Some(&broker));
    }

    fn updater() -> MetadataUpdater {
        let settings = MetadataSettings {
            refresh_interval: Duration::from_secs(300),
            retry_backoff: Duration::from_millis(100),
            retry_backoff_max: Duration::from_secs(1),
        };
        MetadataUpdater::new(settings, Rng::from_seed(1))
    }

    /// Counts the requests of ten seconds in which something asks for a refresh every millisecond.
    fn requests(answer: impl Fn() -> Option<MetadataResponse>) -> usize {
        let mut updater = updater();
        updater.follow(&Text::from("t"), false);
        let mut requests = 0;
        for millis in 0..10_000 {
            let now = Instant::from_micros(1_000_000 + millis * 1000);
            updater.refresh();
            if updater.poll(now).is_some() {
                requests += 1;
                match answer() {
                    Some(response) => drop(updater.on_response(now, response)),
                    None => updater.on_failure(now),
                }
            }
        }
        requests
    }

    #[test]
    fn errors_by_the_thousand_make_no_storm() {
        let broker = ottla_protocol::messages::metadata::MetadataResponseBroker { node_id: 1, ..Default::default() };
        let good = || Some(MetadataResponse { brokers: vec![broker.clone()], ..MetadataResponse::default() });
        // The wait grows to retry.backoff.max.ms, with failures and with answers that tell nothing new.
        for requests in [requests(good), requests(|| None)] {
            assert!((10..=18).contains(&requests), "{requests}");
        }
        // Answers that tell something new: the cluster settles, and the wait stays short.
        let epochs = std::cell::Cell::new(0);
        let partition = || ottla_protocol::messages::metadata::MetadataResponsePartition {
            leader_id: 1,
            leader_epoch: epochs.replace(epochs.get() + 1),
            ..Default::default()
        };
        let topic = || ottla_protocol::messages::metadata::MetadataResponseTopic {
            name: Some(Text::from("t")),
            partitions: vec![partition()],
            ..Default::default()
        };
        let moving = || {
            let brokers = vec![broker.clone()];
            Some(MetadataResponse { brokers, topics: vec![topic()], ..MetadataResponse::default() })
        };
        assert!((80..=130).contains(&requests(moving)), "{}", requests(moving));
    }

    #[test]
    fn a_cluster_that_asks_for_it_is_begun_again_with_the_bootstrap_servers() {
        let mut updater = updater();
        updater.cluster = Arc::new(known());
        let required = MetadataResponse { error_code: ErrorCode::RebootstrapRequired.code(), ..MetadataResponse::default() };
        let cluster = updater.on_response(Instant::from_micros(5), required);
        assert!(cluster.brokers.is_empty() && cluster.version == 4);
        assert!(cluster.partition(&Text::from("t"), 0).is_some());
        assert!(updater.deadline() < Instant::FAR_FUTURE);
    }

    #[test]
    fn only_what_may_be_created_is_asked_for_with_that_permission() {
        let mut updater = updater();
        let (mine, theirs) = (Text::from("mine"), Text::from("theirs"));
        let asked = |request: &MetadataRequest| {
            let names = request.topics.iter().flatten().map(|topic| topic.name.as_ref().unwrap().to_string());
            (names.collect::<Vec<_>>(), request.allow_auto_topic_creation)
        };
        let answer = |names: &[(&str, ErrorCode)]| {
            let topic = |(name, code): &(&str, ErrorCode)| ottla_protocol::messages::metadata::MetadataResponseTopic {
                name: Some(Text::from(*name)),
                error_code: code.code(),
                ..Default::default()
            };
            let broker = ottla_protocol::messages::metadata::MetadataResponseBroker { node_id: 1, ..Default::default() };
            MetadataResponse { brokers: vec![broker], topics: names.iter().map(topic).collect(), ..MetadataResponse::default() }
        };
        let now = Instant::from_micros(10);
        assert!(updater.follow(&theirs, false));
        assert_eq!(asked(&updater.poll(now).unwrap()), (vec!["theirs".to_owned()], false));
        updater.on_response(now, answer(&[("theirs", ErrorCode::UnknownTopicOrPartition)]));
        // A producer comes to the client.
        assert!(updater.follow(&mine, true) && !updater.follow(&mine, false));
        assert_eq!(asked(&updater.poll(now).unwrap()), (vec!["mine".to_owned()], true));
        let cluster = updater.on_response(now, answer(&[("mine", ErrorCode::None)]));
        assert!(cluster.topics.contains_key(&mine) && cluster.topics.contains_key(&theirs), "merged");
        let later = Instant::from_micros(10_000_000);
        assert_eq!(asked(&updater.poll(later).unwrap()), (vec!["mine".to_owned(), "theirs".to_owned()], false));
        // And then to the other topic as well.
        updater.on_response(later, answer(&[("mine", ErrorCode::None), ("theirs", ErrorCode::UnknownTopicOrPartition)]));
        assert!(updater.follow(&theirs, true));
        assert!(updater.poll(later).unwrap().allow_auto_topic_creation);
    }
}
