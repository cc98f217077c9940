//! Incremental fetch sessions (KIP-227): a consumer says what changed in its wishes, the broker what changed in its partitions.

use std::collections::BTreeMap;

use ottla_protocol::messages::fetch::{FetchRequest, PartitionData};
use ottla_protocol::{ErrorCode, Text, Uuid};

use crate::random::Random;

/// A session that was used within this time keeps its slot.
const EVICTION_MS: i64 = 120_000;
/// The epoch that closes a session, or asks for none.
const FINAL_EPOCH: i32 = -1;
/// The epoch that asks for a new session.
const INITIAL_EPOCH: i32 = 0;

/// What a consumer wants of one partition.
#[derive(Clone, Debug)]
pub(crate) struct FetchTarget {
    pub(crate) topic: Text,
    pub(crate) topic_id: Uuid,
    pub(crate) partition: i32,
    pub(crate) current_leader_epoch: i32,
    pub(crate) fetch_offset: i64,
    pub(crate) last_fetched_epoch: i32,
    pub(crate) max_bytes: i32,
}

/// A partition as a client calls it: by the topic's name or id.
pub(crate) type PartitionKey = (Text, Uuid, i32);

impl FetchTarget {
    fn key(&self) -> PartitionKey {
        (self.topic.clone(), self.topic_id, self.partition)
    }

    /// Keeps nothing of the request's frame alive.
    fn detach(self) -> Self {
        Self { topic: self.topic.detach(), ..self }
    }
}

/// What the request's session fields ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SessionUse {
    /// Answer everything, remember nothing.
    None,
    /// Answer everything, and open a session if there is room.
    Open,
    /// Answer what changed since the last time.
    Continue(i32),
}

#[derive(Debug)]
struct CachedPartition {
    target: FetchTarget,
    sent_high_watermark: i64,
    sent_log_start_offset: i64,
}

#[derive(Debug)]
struct FetchSession {
    /// The epoch that the next request has to carry.
    epoch: i32,
    uses_topic_ids: bool,
    last_used_ms: i64,
    /// In the order in which they are answered: a partition that had records goes to the end.
    partitions: BTreeMap<u64, CachedPartition>,
    places: BTreeMap<PartitionKey, u64>,
    next_place: u64,
}

impl FetchSession {
    fn put(&mut self, target: FetchTarget) {
        let key = target.key();
        if let Some(known) = self.places.get(&key).and_then(|place| self.partitions.get_mut(place)) {
            known.target = target;
            return;
        }
        let target = target.detach();
        self.places.insert(target.key(), self.next_place);
        let cached = CachedPartition { target, sent_high_watermark: -1, sent_log_start_offset: -1 };
        self.partitions.insert(self.next_place, cached);
        self.next_place += 1;
    }

    fn remove(&mut self, key: &PartitionKey) {
        if let Some(place) = self.places.remove(key) {
            self.partitions.remove(&place);
        }
    }

    /// Notes what is being sent for a partition, and tells whether it is worth sending.
    fn note(&mut self, key: &PartitionKey, data: &PartitionData) -> bool {
        let Some(&place) = self.places.get(key) else { return true };
        let Some(cached) = self.partitions.get_mut(&place) else { return true };
        let has_records = data.records.as_ref().is_some_and(|records| !records.is_empty());
        let changed = has_records
            || data.error_code != 0
            || data.diverging_epoch.epoch >= 0
            || data.preferred_read_replica >= 0
            || data.high_watermark != cached.sent_high_watermark
            || data.log_start_offset != cached.sent_log_start_offset;
        cached.sent_high_watermark = data.high_watermark;
        cached.sent_log_start_offset = data.log_start_offset;
        if has_records && let Some(cached) = self.partitions.remove(&place) {
            self.partitions.insert(self.next_place, cached);
            self.places.insert(key.clone(), self.next_place);
            self.next_place += 1;
        }
        changed
    }
}

/// All sessions, in a bounded number of slots.
#[derive(Debug)]
pub(crate) struct FetchSessions {
    slots: usize,
    sessions: BTreeMap<i32, FetchSession>,
}

impl FetchSessions {
    pub(crate) fn new(slots: usize) -> Self {
        Self { slots, sessions: BTreeMap::new() }
    }

    /// The partitions of a session, if there is one with this id.
    pub(crate) fn partitions_of(&self, id: i32) -> Vec<PartitionKey> {
        self.sessions.get(&id).map(|session| session.places.keys().cloned().collect()).unwrap_or_default()
    }

    /// What to fetch for this request.
    pub(crate) fn begin(
        &mut self,
        request: &FetchRequest,
        uses_topic_ids: bool,
        now_ms: i64,
    ) -> Result<(SessionUse, Vec<FetchTarget>), ErrorCode> {
        if matches!(request.session_epoch, FINAL_EPOCH | INITIAL_EPOCH) {
            self.sessions.remove(&request.session_id);
            let kind = if request.session_epoch == INITIAL_EPOCH { SessionUse::Open } else { SessionUse::None };
            return Ok((kind, targets(request).collect()));
        }
        let session = self.sessions.get_mut(&request.session_id).ok_or(ErrorCode::FetchSessionIdNotFound)?;
        if session.epoch != request.session_epoch {
            return Err(ErrorCode::InvalidFetchSessionEpoch);
        }
        if session.uses_topic_ids != uses_topic_ids {
            return Err(ErrorCode::FetchSessionTopicIdError);
        }
        for target in targets(request) {
            session.put(target);
        }
        for topic in &request.forgotten_topics_data {
            for partition in &topic.partitions {
                session.remove(&(topic.topic.clone(), topic.topic_id, *partition));
            }
        }
        if session.partitions.is_empty() {
            // Nothing is left of it: it is closed, as Kafka does.
            self.sessions.remove(&request.session_id);
            return Ok((SessionUse::None, Vec::new()));
        }
        session.epoch = if session.epoch == i32::MAX { 1 } else { session.epoch + 1 };
        session.last_used_ms = now_ms;
        let targets = session.partitions.values().map(|cached| cached.target.clone()).collect();
        Ok((SessionUse::Continue(request.session_id), targets))
    }

    /// Opens or updates the session, and drops from the answer what did not change. Gives the session's id, 0 for none.
    pub(crate) fn finish(
        &mut self,
        kind: SessionUse,
        uses_topic_ids: bool,
        answers: &mut Vec<(FetchTarget, PartitionData)>,
        random: &Random,
        now_ms: i64,
    ) -> i32 {
        match kind {
            SessionUse::None => 0,
            SessionUse::Continue(id) => {
                if let Some(session) = self.sessions.get_mut(&id) {
                    answers.retain(|(target, data)| session.note(&target.key(), data));
                }
                id
            }
            SessionUse::Open if answers.is_empty() || !self.make_room(now_ms) => 0,
            SessionUse::Open => {
                let mut session = FetchSession {
                    epoch: 1,
                    uses_topic_ids,
                    last_used_ms: now_ms,
                    partitions: BTreeMap::new(),
                    places: BTreeMap::new(),
                    next_place: 0,
                };
                for (target, data) in answers.iter() {
                    session.put(target.clone());
                    session.note(&target.key(), data);
                }
                let id = loop {
                    let id = (random.next() >> 33) as i32;
                    if id != 0 && !self.sessions.contains_key(&id) {
                        break id;
                    }
                };
                self.sessions.insert(id, session);
                id
            }
        }
    }

    /// Whether there is a slot, or one whose session was not used for long.
    fn make_room(&mut self, now_ms: i64) -> bool {
        if self.sessions.len() < self.slots {
            return true;
        }
        let oldest = self.sessions.iter().min_by_key(|(_, session)| session.last_used_ms);
        match oldest.map(|(id, session)| (*id, session.last_used_ms)) {
            Some((id, last_used_ms)) if now_ms.saturating_sub(last_used_ms) > EVICTION_MS => {
                self.sessions.remove(&id);
                true
            }
            _ => false,
        }
    }
}

fn targets(request: &FetchRequest) -> impl Iterator<Item = FetchTarget> + '_ {
    request.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|partition| FetchTarget {
            topic: topic.topic.clone(),
            topic_id: topic.topic_id,
            partition: partition.partition,
            current_leader_epoch: partition.current_leader_epoch,
            fetch_offset: partition.fetch_offset,
            last_fetched_epoch: partition.last_fetched_epoch,
            max_bytes: partition.partition_max_bytes,
        })
    })
}
