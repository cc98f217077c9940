//! The cluster's state: topics by name and by id, producer ids, fetch sessions.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use ottla_protocol::{ErrorCode, Text, Uuid};

use crate::clock::Clock;
use crate::config::{BrokerConfig, TopicConfig};
use crate::log::Refusal;
use crate::node::Node;
use crate::partition::Partition;
use crate::random::Random;
use crate::storage::{MemoryStorage, Storage};
use crate::topic_name;

/// The id of the one broker there is.
pub(crate) const NODE_ID: i32 = 1;

/// Kafka creates no more partitions than this at the request of one client.
const MAX_PARTITIONS_AT_ONCE: i32 = 10_000;

/// A topic. What can't change is kept here, what can lies in the partitions.
pub(crate) struct Topic {
    pub(crate) name: Text,
    pub(crate) id: Uuid,
    pub(crate) config: TopicConfig,
    pub(crate) partitions: Vec<Partition>,
}

impl Topic {
    pub(crate) fn partition(&self, index: i32) -> Option<&Partition> {
        usize::try_from(index).ok().and_then(|index| self.partitions.get(index))
    }

    pub(crate) fn is_internal(&self) -> bool {
        topic_name::is_internal(&self.name)
    }
}

#[derive(Default)]
pub(crate) struct Topics {
    by_name: BTreeMap<Text, Arc<Topic>>,
    by_id: BTreeMap<Uuid, Arc<Topic>>,
    by_collision_key: BTreeMap<String, Text>,
}

impl Topics {
    pub(crate) fn by_name(&self, name: &str) -> Option<&Arc<Topic>> {
        self.by_name.get(name)
    }

    pub(crate) fn by_id(&self, id: &Uuid) -> Option<&Arc<Topic>> {
        self.by_id.get(id)
    }

    /// All topics by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Topic>> {
        self.by_name.values()
    }
}

/// Everything that outlives a request.
pub(crate) struct Cluster {
    pub(crate) id: Uuid,
    pub(crate) config: BrokerConfig,
    pub(crate) clock: Clock,
    /// Brokers with the ids from 1 on.
    pub(crate) nodes: Vec<Node>,
    random: Random,
    topics: RwLock<Topics>,
    next_producer_id: AtomicI64,
    next_connection_id: AtomicU64,
    storage: Arc<dyn Storage>,
}

impl Cluster {
    pub(crate) fn new(config: BrokerConfig, clock: Clock, seed: u64, nodes: Vec<Node>) -> Self {
        let random = Random::seeded(seed);
        Self {
            id: random.uuid(),
            config,
            clock,
            nodes,
            random,
            topics: RwLock::default(),
            next_producer_id: AtomicI64::new(0),
            next_connection_id: AtomicU64::new(1),
            storage: Arc::new(MemoryStorage),
        }
    }

    pub(crate) fn topics(&self) -> RwLockReadGuard<'_, Topics> {
        self.topics.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn topics_mut(&self) -> RwLockWriteGuard<'_, Topics> {
        self.topics.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The broker with this id.
    pub(crate) fn node(&self, id: i32) -> Option<&Node> {
        self.nodes.iter().find(|node| node.id == id)
    }

    /// Connections are numbered in the order in which they are served.
    pub(crate) fn new_connection_id(&self) -> u64 {
        self.next_connection_id.fetch_add(1, Ordering::Relaxed)
    }

    /// The topic of this name.
    pub(crate) fn topic(&self, name: &str) -> Result<Arc<Topic>, ErrorCode> {
        self.topics().by_name(name).cloned().ok_or(ErrorCode::UnknownTopicOrPartition)
    }

    /// The topic of this id.
    pub(crate) fn topic_by_id(&self, id: &Uuid) -> Result<Arc<Topic>, ErrorCode> {
        self.topics().by_id(id).cloned().ok_or(ErrorCode::UnknownTopicId)
    }

    /// Each producer gets an id that no other has.
    pub(crate) fn new_producer_id(&self) -> i64 {
        self.next_producer_id.fetch_add(1, Ordering::Relaxed)
    }

    /// How many partitions a topic gets when nobody says.
    pub(crate) fn default_partitions(&self) -> i32 {
        i32::try_from(self.config.number("num.partitions")).unwrap_or(1)
    }

    /// Creates a topic; all but its name and their number of partitions as its config says. With `validate_only` it is checked
    /// only.
    pub(crate) fn create_topic(
        &self,
        name: &str,
        partitions: i32,
        config: TopicConfig,
        validate_only: bool,
    ) -> Result<Arc<Topic>, Refusal> {
        self.check_new_name(name)?;
        if partitions > MAX_PARTITIONS_AT_ONCE {
            return Err(Refusal::new(ErrorCode::PolicyViolation, "Excessively large number of partitions per request."));
        }
        let shared: Arc<str> = Arc::from(name);
        let partitions = if validate_only { 0 } else { partitions };
        let topic = Arc::new(Topic {
            name: Text::from(name),
            id: self.random.uuid(),
            config,
            partitions: (0..partitions).map(|index| Partition::new(shared.clone(), index, self.storage.clone())).collect(),
        });
        if validate_only {
            return Ok(topic);
        }
        let mut topics = self.topics_mut();
        if topics.by_name(name).is_some() {
            return Err(already_exists(name));
        }
        topics.by_name.insert(topic.name.clone(), topic.clone());
        topics.by_id.insert(topic.id, topic.clone());
        topics.by_collision_key.insert(topic_name::collision_key(name), topic.name.clone());
        Ok(topic)
    }

    fn check_new_name(&self, name: &str) -> Result<(), Refusal> {
        if name == topic_name::CLUSTER_METADATA {
            let message = format!("Creation of internal topic {name} is prohibited.");
            return Err(Refusal::new(ErrorCode::InvalidRequest, message));
        }
        topic_name::check(name).map_err(|message| Refusal::new(ErrorCode::InvalidTopicException, message))?;
        let topics = self.topics();
        if topics.by_name(name).is_some() {
            return Err(already_exists(name));
        }
        match topics.by_collision_key.get(&topic_name::collision_key(name)) {
            Some(other) => {
                let message = format!("Topic '{name}' collides with existing topic: {other}");
                Err(Refusal::new(ErrorCode::InvalidTopicException, message))
            }
            None => Ok(()),
        }
    }

    /// Creates a topic because a client asked for its metadata.
    pub(crate) fn auto_create_topic(&self, name: &str) -> Result<Arc<Topic>, ErrorCode> {
        let config = TopicConfig::new(&self.config, []).map_err(|_| ErrorCode::InvalidConfig)?;
        match self.create_topic(name, self.default_partitions(), config, false) {
            Err(refusal) if refusal.code == ErrorCode::TopicAlreadyExists => self.topic(name),
            Err(refusal) if refusal.code == ErrorCode::InvalidRequest => Err(ErrorCode::InvalidTopicException),
            created => created.map_err(|refusal| refusal.code),
        }
    }

    /// Deletes a topic; who waits for it hears of it.
    pub(crate) fn delete_topic(&self, topic: &Topic) {
        let mut topics = self.topics_mut();
        topics.by_name.remove(&*topic.name);
        topics.by_id.remove(&topic.id);
        topics.by_collision_key.remove(&topic_name::collision_key(&topic.name));
        drop(topics);
        for partition in &topic.partitions {
            partition.lock().delete();
        }
    }

    /// Applies retention to every partition, once.
    pub(crate) fn enforce_retention(&self) {
        let topics: Vec<Arc<Topic>> = self.topics().iter().cloned().collect();
        let expiration = self.config.number("producer.id.expiration.ms");
        let now_ms = self.clock.now_ms();
        for topic in topics {
            for partition in &topic.partitions {
                partition.lock().log.enforce_retention(&topic.config, expiration, now_ms);
            }
        }
    }
}

fn already_exists(name: &str) -> Refusal {
    Refusal::new(ErrorCode::TopicAlreadyExists, format!("Topic '{name}' already exists."))
}
