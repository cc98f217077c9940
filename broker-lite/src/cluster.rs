//! The cluster's state: topics by name and by id, producer ids, fetch sessions.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use ottla_protocol::{ErrorCode, Text, Uuid};

use crate::clock::Clock;
use crate::config::{BrokerConfig, TopicConfig};
use crate::coordinator::Coordinators;
use crate::fault::Faults;
use crate::handlers::{self, metadata};
use crate::history::{History, Undo};
use crate::journal::Journal;
use crate::log::Refusal;
use crate::node::Node;
use crate::partition::{NO_LEADER, Partition, PartitionSetup};
use crate::placement::{self, Layout, Place};
use crate::random::Random;
use crate::storage::{MemoryStorage, Storage};
use crate::topic_name;

/// The id of the first broker.
pub(crate) const FIRST_NODE_ID: i32 = 1;

/// Faults have a stream of randomness of their own.
const FAULTS: u64 = u64::MAX;
/// And members' ids.
const MEMBER_IDS: u64 = u64::MAX - 1;
/// Kafka creates no more partitions than this at the request of one client.
const MAX_PARTITIONS_AT_ONCE: usize = 10_000;

/// A topic. What can't change is kept here, what can lies in the partitions.
pub(crate) struct Topic {
    pub(crate) name: Text,
    pub(crate) id: Uuid,
    pub(crate) config: TopicConfig,
    pub(crate) partitions: Vec<Arc<Partition>>,
}

impl Topic {
    pub(crate) fn partition(&self, index: i32) -> Option<&Partition> {
        usize::try_from(index).ok().and_then(|index| self.partitions.get(index)).map(|partition| &**partition)
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
    /// Held while brokers come or go, leaders move, or topics are made.
    membership: Mutex<()>,
    controller: AtomicI32,
    /// Followers copy only what a producer waits for.
    replication_held: AtomicBool,
    /// Where the next topic's first leader is looked for.
    next_place: AtomicUsize,
    pub(crate) faults: Faults,
    pub(crate) journal: Arc<Journal>,
    pub(crate) history: History,
    pub(crate) coordinators: Coordinators,
    random: Random,
    topics: RwLock<Topics>,
    next_producer_id: AtomicI64,
    next_connection_id: AtomicU64,
    storage: Arc<dyn Storage>,
}

impl Cluster {
    pub(crate) fn new(config: BrokerConfig, clock: Clock, seed: u64, nodes: Vec<Node>) -> Self {
        let random = Random::seeded(seed);
        let coordinators = Coordinators::new(&config, Random::derive_seed(seed, MEMBER_IDS));
        Self {
            id: random.uuid(),
            config,
            clock,
            nodes,
            membership: Mutex::default(),
            controller: AtomicI32::new(FIRST_NODE_ID),
            replication_held: AtomicBool::new(false),
            next_place: AtomicUsize::new(0),
            faults: Faults::new(Random::derive_seed(seed, FAULTS)),
            journal: Arc::new(Journal::new(0)),
            history: History::default(),
            coordinators,
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

    /// Whoever holds this changes who leads what; nobody else does meanwhile.
    pub(crate) fn membership(&self) -> MutexGuard<'_, ()> {
        self.membership.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The id of the controller, [`NO_LEADER`] while no broker is there.
    pub(crate) fn controller(&self) -> i32 {
        self.controller.load(Ordering::Relaxed)
    }

    pub(crate) fn set_controller(&self, node: i32) {
        self.controller.store(node, Ordering::Relaxed);
    }

    pub(crate) fn replication_held(&self) -> bool {
        self.replication_held.load(Ordering::Relaxed)
    }

    /// When followers copy again, they catch up at once.
    pub(crate) fn hold_replication(&self, held: bool) {
        self.replication_held.store(held, Ordering::Relaxed);
        if !held {
            for topic in self.all_topics() {
                topic.partitions.iter().for_each(|partition| partition.lock().replicate());
            }
        }
    }

    pub(crate) fn all_topics(&self) -> Vec<Arc<Topic>> {
        self.topics().iter().cloned().collect()
    }

    /// Lets the partitions and the controller follow from whether this broker is alive. The membership is held.
    pub(crate) fn note_liveness(&self, node: &Node) -> Result<(), Refusal> {
        let (alive, held) = (node.is_alive(), self.replication_held());
        let mut outcome = Ok(());
        let mut change = vec![Undo::Broker { id: node.id, alive: !alive }];
        for topic in self.all_topics() {
            for (index, partition) in topic.partitions.iter().enumerate() {
                let mut partition = partition.lock();
                let view = partition.view();
                let changed = partition.set_alive(node.id, alive, held);
                if matches!(changed, Ok(true)) {
                    change.push(Undo::Partition { topic: topic.id, index, view });
                }
                outcome = outcome.and(changed.map(drop));
            }
        }
        if self.node(self.controller()).is_none_or(|controller| !controller.is_alive()) {
            let next = self.nodes.iter().find(|node| node.is_alive());
            change.push(Undo::Controller(self.controller()));
            self.set_controller(next.map_or(NO_LEADER, |node| node.id));
        }
        self.history.record(change);
        self.move_coordinators();
        outcome
    }

    /// Makes this broker the leader, or has it take over anew. The membership is held.
    pub(crate) fn move_leader(&self, topic: &Topic, partition: usize, node: i32) -> Result<(), Refusal> {
        let unknown = || Refusal::new(ErrorCode::UnknownTopicOrPartition, ErrorCode::UnknownTopicOrPartition.message());
        let mut state = topic.partitions.get(partition).ok_or_else(unknown)?.lock();
        let view = state.view();
        state.move_leader(node, self.replication_held())?;
        self.history.record(vec![Undo::Partition { topic: topic.id, index: partition, view }]);
        drop(state);
        self.move_coordinators();
        Ok(())
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

    /// Creates a topic. With `validate_only` it is checked only.
    pub(crate) fn create_topic(
        &self,
        name: &str,
        layout: Layout,
        config: TopicConfig,
        validate_only: bool,
    ) -> Result<Arc<Topic>, Refusal> {
        let _membership = self.membership();
        self.check_new_name(name)?;
        let assignments = self.assign(layout, validate_only)?;
        check_number_of_partitions(assignments.len())?;
        let id = self.random.uuid();
        let partitions = if validate_only { Vec::new() } else { self.new_partitions(name, 0, &config, assignments) };
        let topic = Arc::new(Topic { name: Text::from(name), id, config, partitions });
        if validate_only {
            return Ok(topic);
        }
        let mut topics = self.topics_mut();
        topics.by_name.insert(topic.name.clone(), topic.clone());
        topics.by_id.insert(topic.id, topic.clone());
        topics.by_collision_key.insert(topic_name::collision_key(name), topic.name.clone());
        self.history.record(vec![Undo::Created(topic.id)]);
        drop(topics);
        self.move_coordinators();
        Ok(topic)
    }

    /// Gives a topic more partitions, up to `count`. With `validate_only` it is checked only.
    pub(crate) fn create_partitions(
        &self,
        name: &str,
        count: i32,
        assignments: Option<Vec<Vec<i32>>>,
        validate_only: bool,
    ) -> Result<(), Refusal> {
        let _membership = self.membership();
        let topic = self.topic(name).map_err(|code| Refusal::new(code, code.message()))?;
        let has = topic.partitions.len();
        let invalid = |message: String| Err(Refusal::new(ErrorCode::InvalidPartitions, message));
        let more = match usize::try_from(count) {
            Ok(count) if count > has => count - has,
            Ok(count) if count == has => return invalid(format!("Topic already has {has} partition(s).")),
            _ => {
                return invalid(format!("The topic {name} currently has {has} partition(s); {count} would not be an increase."));
            }
        };
        let layout = match assignments {
            Some(manual) if manual.len() != more => {
                let message = format!(
                    "Attempted to add {more} additional partition(s), but only {} assignment(s) were specified.",
                    manual.len()
                );
                return Err(Refusal::new(ErrorCode::InvalidReplicaAssignment, message));
            }
            Some(manual) => Layout::Manual(manual),
            None => {
                let factor = topic.partitions.first().map_or(1, |partition| partition.lock().view().replicas.len());
                Layout::Spread {
                    partitions: i32::try_from(more).unwrap_or(i32::MAX),
                    replication_factor: i16::try_from(factor).ok(),
                }
            }
        };
        let assignments = self.assign(layout, validate_only)?;
        check_number_of_partitions(assignments.len())?;
        if validate_only {
            return Ok(());
        }
        let mut partitions = topic.partitions.clone();
        partitions.extend(self.new_partitions(name, has, &topic.config, assignments));
        let grown = Arc::new(Topic { name: topic.name.clone(), id: topic.id, config: topic.config.clone(), partitions });
        let mut topics = self.topics_mut();
        topics.by_name.insert(grown.name.clone(), grown.clone());
        self.history.record(vec![Undo::Grown { topic: grown.id, partitions: has }]);
        topics.by_id.insert(grown.id, grown);
        drop(topics);
        self.move_coordinators();
        Ok(())
    }

    fn new_partitions(&self, name: &str, from: usize, config: &TopicConfig, assignments: Vec<Vec<i32>>) -> Vec<Arc<Partition>> {
        let topic: Arc<str> = Arc::from(name);
        let alive = |id: i32| (id, self.node(id).is_some_and(Node::is_alive));
        let partition = |(index, replicas): (usize, Vec<i32>)| {
            Arc::new(Partition::new(PartitionSetup {
                topic: topic.clone(),
                index: i32::try_from(index).unwrap_or(i32::MAX),
                storage: self.storage.clone(),
                config,
                assignment: replicas.into_iter().map(alive).collect(),
            }))
        };
        (from..).zip(assignments).map(partition).collect()
    }

    pub(crate) fn places(&self) -> Vec<Place> {
        let place =
            |node: &Node| Place { node: node.id, rack: node.rack.as_ref().map(ToString::to_string), alive: node.is_alive() };
        self.nodes.iter().map(place).collect()
    }

    /// Brokers for each partition.
    fn assign(&self, layout: Layout, validate_only: bool) -> Result<Vec<Vec<i32>>, Refusal> {
        let places = self.places();
        match layout {
            Layout::Spread { partitions, replication_factor } => {
                let default = || self.config.number("default.replication.factor");
                let factor =
                    placement::check_replication_factor(replication_factor.map_or_else(default, i64::from), places.len())?;
                let count = match usize::try_from(partitions) {
                    Ok(count) if count > 0 => count,
                    _ => {
                        let message = "Number of partitions was set to an invalid non-positive value.";
                        return Err(Refusal::new(ErrorCode::InvalidPartitions, message));
                    }
                };
                check_number_of_partitions(count)?;
                let taken = if validate_only { 0 } else { count };
                let first = self.next_place.fetch_add(taken, Ordering::Relaxed);
                Ok(placement::spread(&places, first, count, factor))
            }
            Layout::Manual(assignments) => {
                for replicas in &assignments {
                    placement::check_assignment(replicas, &places)?;
                }
                Ok(assignments)
            }
        }
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
        if name == topic_name::CONSUMER_OFFSETS {
            return self.offsets_topic();
        }
        let config = TopicConfig::new(&self.config, []).map_err(|_| ErrorCode::InvalidConfig)?;
        let layout = Layout::Spread { partitions: self.default_partitions(), replication_factor: None };
        match self.create_topic(name, layout, config, false) {
            Err(refusal) if refusal.code == ErrorCode::TopicAlreadyExists => self.topic(name),
            Err(refusal) if refusal.code == ErrorCode::InvalidRequest => Err(ErrorCode::InvalidTopicException),
            created => created.map_err(|refusal| refusal.code),
        }
    }

    /// Deletes a topic; who waits for it hears of it.
    pub(crate) fn delete_topic(&self, topic: &Topic) {
        let _membership = self.membership();
        let mut topics = self.topics_mut();
        topics.by_name.remove(&*topic.name);
        // It may have got more partitions meanwhile.
        let Some(topic) = topics.by_id.remove(&topic.id) else { return };
        topics.by_collision_key.remove(&topic_name::collision_key(&topic.name));
        drop(topics);
        self.history.record(vec![Undo::Deleted(metadata::describe(&topic, handlers::OPERATIONS_NOT_ASKED_FOR))]);
        for partition in &topic.partitions {
            partition.lock().delete();
        }
        self.coordinators.forget_topic(&topic.name);
        self.move_coordinators();
    }

    /// Applies retention to every partition, once.
    pub(crate) fn enforce_retention(&self) {
        let topics = self.all_topics();
        let expiration = self.config.number("producer.id.expiration.ms");
        let now_ms = self.clock.now_ms();
        for topic in topics {
            for partition in &topic.partitions {
                let mut partition = partition.lock();
                let high_watermark = partition.high_watermark();
                partition.log.enforce_retention(&topic.config, high_watermark, expiration, now_ms);
            }
        }
    }
}

fn check_number_of_partitions(count: usize) -> Result<(), Refusal> {
    if count > MAX_PARTITIONS_AT_ONCE {
        return Err(Refusal::new(ErrorCode::PolicyViolation, "Excessively large number of partitions per request."));
    }
    Ok(())
}

fn already_exists(name: &str) -> Refusal {
    Refusal::new(ErrorCode::TopicAlreadyExists, format!("Topic '{name}' already exists."))
}
