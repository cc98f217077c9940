//! Incremental fetch sessions (KIP-227): the broker remembers which partitions a consumer wants, and from where; requests then say
//! only what changed in the wishes, and answers only what changed in the partitions.

use std::collections::BTreeMap;

use ottla_protocol::messages::fetch::{FetchPartition, FetchTopic, ForgottenTopic};
use ottla_protocol::{ErrorCode, Text, Uuid};

use super::subscription_state::TopicPartition;

/// The epoch that asks for a new session, and for everything.
const INITIAL_EPOCH: i32 = 0;
/// The id of no session: what a broker answers that has no room for one.
const NO_SESSION: i32 = 0;

/// A partition as the broker remembers it.
#[derive(Clone, Debug, PartialEq)]
struct Remembered {
    topic_id: Uuid,
    wish: FetchPartition,
}

/// A partition that a fetch is to ask for.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    pub(super) key: TopicPartition,
    pub(super) topic_id: Uuid,
    pub(super) partition: FetchPartition,
}

/// What a request says of its session.
#[derive(Debug, PartialEq)]
pub(super) struct SessionRequest {
    pub(super) id: i32,
    pub(super) epoch: i32,
    pub(super) topics: Vec<FetchTopic>,
    pub(super) forgotten: Vec<ForgottenTopic>,
}

/// The client's side of a session with one broker. One request is under way at a time.
///
/// | epoch | next request |
/// |---|---|
/// | 0 | full: all partitions, in the hope of a session; an old one, if there is an id, is closed thereby |
/// | 1 and above | incremental: partitions added, changed, and forgotten |
#[derive(Debug, Default)]
pub(super) struct FetchSession {
    id: i32,
    /// Of the next request.
    epoch: i32,
    /// Whether topics travel as ids, which can't change within a session.
    by_id: bool,
    partitions: BTreeMap<TopicPartition, Remembered>,
}

impl FetchSession {
    /// What to send so that the broker knows exactly these wishes, in this order of urgency.
    pub(super) fn request(&mut self, wishes: Vec<Wish>) -> SessionRequest {
        let by_id = wishes.iter().all(|wish| !wish.topic_id.is_zero());
        if by_id != self.by_id {
            self.start_again();
            self.by_id = by_id;
        }
        let mut forgotten = Vec::new();
        if self.epoch == INITIAL_EPOCH {
            self.partitions.clear();
        } else {
            let wanted: BTreeMap<&TopicPartition, Uuid> = wishes.iter().map(|wish| (&wish.key, wish.topic_id)).collect();
            // A topic made anew has another id: its partitions are others.
            self.partitions.retain(|key, known| {
                let keep = wanted.get(key) == Some(&known.topic_id);
                if !keep {
                    forget(&mut forgotten, key, known.topic_id);
                }
                keep
            });
        }
        let mut topics: Vec<FetchTopic> = Vec::new();
        let mut places: BTreeMap<Text, usize> = BTreeMap::new();
        for Wish { key, topic_id, partition } in wishes {
            let wanted = Remembered { topic_id, wish: partition };
            if self.partitions.get(&key) == Some(&wanted) {
                continue;
            }
            let place = *places.entry(key.topic.clone()).or_insert(topics.len());
            if place == topics.len() {
                // Name and id: the version that the connection speaks carries one of them.
                topics.push(FetchTopic { topic: key.topic.clone(), topic_id, ..FetchTopic::default() });
            }
            if let Some(topic) = topics.get_mut(place) {
                topic.partitions.push(wanted.wish.clone());
            }
            self.partitions.insert(key, wanted);
        }
        SessionRequest { id: self.id, epoch: self.epoch, topics, forgotten }
    }

    /// Whether the answer to the request that was made last has all of its partitions, not only those with news.
    pub(super) fn is_full(&self) -> bool {
        self.epoch == INITIAL_EPOCH
    }

    /// An answer came, with the session's id, or 0 where the broker declines to keep one.
    pub(super) fn on_answer(&mut self, id: i32) {
        if id == NO_SESSION || (!self.is_full() && id != self.id) {
            self.id = NO_SESSION;
            self.epoch = INITIAL_EPOCH;
        } else {
            self.id = id;
            // 0 has another meaning.
            self.epoch = self.epoch.checked_add(1).unwrap_or(1);
        }
    }

    /// The broker refused the request as a whole. Whether a full one mends that.
    pub(super) fn on_error(&mut self, code: ErrorCode) -> bool {
        let about_session = matches!(
            code,
            ErrorCode::FetchSessionIdNotFound | ErrorCode::InvalidFetchSessionEpoch | ErrorCode::FetchSessionTopicIdError
        );
        let mended = about_session && !self.is_full();
        self.start_again();
        if code == ErrorCode::FetchSessionIdNotFound {
            self.id = NO_SESSION;
        }
        mended
    }

    /// Nobody knows what the broker remembers: all is told again, in a new session that closes this one.
    pub(super) fn start_again(&mut self) {
        self.epoch = INITIAL_EPOCH;
    }
}

fn forget(forgotten: &mut Vec<ForgottenTopic>, key: &TopicPartition, topic_id: Uuid) {
    match forgotten.last_mut().filter(|topic| topic.topic == key.topic && topic.topic_id == topic_id) {
        Some(topic) => topic.partitions.push(key.partition),
        None => forgotten.push(ForgottenTopic {
            topic: key.topic.clone(),
            topic_id,
            partitions: vec![key.partition],
            ..ForgottenTopic::default()
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: Uuid = Uuid([7; 16]);

    fn wish(partition: i32, fetch_offset: i64) -> Wish {
        of("orders", ID, partition, fetch_offset)
    }

    fn of(topic: &str, topic_id: Uuid, partition: i32, fetch_offset: i64) -> Wish {
        let request = FetchPartition { partition, fetch_offset, ..FetchPartition::default() };
        Wish { key: TopicPartition::new(topic, partition), topic_id, partition: request }
    }

    fn sent(request: &SessionRequest) -> (i32, i32, Vec<(i32, i64)>, Vec<i32>) {
        let sent = request.topics.iter().flat_map(|topic| topic.partitions.iter().map(|p| (p.partition, p.fetch_offset)));
        let forgotten = request.forgotten.iter().flat_map(|topic| topic.partitions.iter().copied());
        (request.id, request.epoch, sent.collect(), forgotten.collect())
    }

    #[test]
    fn only_what_changed_is_said() {
        let mut session = FetchSession::default();
        assert_eq!(sent(&session.request(vec![wish(2, 5), wish(0, 7)])), (0, 0, vec![(2, 5), (0, 7)], vec![]));
        assert!(session.is_full());
        session.on_answer(99);
        assert!(!session.is_full());
        assert_eq!(sent(&session.request(vec![wish(2, 5), wish(0, 7)])), (99, 1, vec![], vec![]));
        session.on_answer(99);
        assert_eq!(sent(&session.request(vec![wish(1, 0), wish(0, 8)])), (99, 2, vec![(1, 0), (0, 8)], vec![2]));
        session.on_answer(99);
        assert_eq!(sent(&session.request(vec![wish(0, 8)])), (99, 3, vec![], vec![1]));
        session.on_answer(99);
        assert_eq!(sent(&session.request(vec![wish(2, 5), wish(0, 8)])), (99, 4, vec![(2, 5)], vec![]));
    }

    #[test]
    fn a_declined_session_is_asked_for_again_and_again() {
        let mut session = FetchSession::default();
        for _ in 0..3 {
            assert_eq!(sent(&session.request(vec![wish(0, 7)])), (0, 0, vec![(0, 7)], vec![]));
            session.on_answer(0);
        }
        session.on_answer(5);
        assert_eq!(sent(&session.request(vec![wish(0, 8)])).0, 5);
        // The broker closed it.
        session.on_answer(0);
        assert_eq!(sent(&session.request(vec![wish(0, 8)])), (0, 0, vec![(0, 8)], vec![]));
    }

    #[test]
    fn errors_lead_to_a_full_request() {
        for (code, id) in [
            (ErrorCode::FetchSessionIdNotFound, 0),
            (ErrorCode::InvalidFetchSessionEpoch, 9),
            (ErrorCode::FetchSessionTopicIdError, 9),
        ] {
            let mut session = FetchSession::default();
            session.request(vec![wish(0, 7)]);
            session.on_answer(9);
            session.request(vec![wish(0, 8)]);
            assert!(session.on_error(code), "{code:?}");
            assert_eq!(sent(&session.request(vec![wish(0, 8)])), (id, 0, vec![(0, 8)], vec![]), "{code:?}");
            assert!(!session.on_error(code), "a full one was refused too");
        }
        let mut session = FetchSession::default();
        session.request(vec![wish(0, 7)]);
        session.on_answer(9);
        session.request(vec![wish(0, 7)]);
        assert!(!session.on_error(ErrorCode::UnknownServerError));
        assert_eq!(sent(&session.request(vec![wish(0, 7)])), (9, 0, vec![(0, 7)], vec![]), "which closes the old one");
    }

    #[test]
    fn a_lost_answer_and_another_sessions_id_start_again() {
        let mut session = FetchSession::default();
        session.request(vec![wish(0, 7)]);
        session.on_answer(9);
        session.request(vec![wish(0, 8)]);
        session.start_again();
        assert_eq!(sent(&session.request(vec![wish(0, 8)])), (9, 0, vec![(0, 8)], vec![]));
        session.on_answer(10);
        session.request(vec![]);
        session.on_answer(11);
        assert_eq!(sent(&session.request(vec![wish(0, 8)])), (0, 0, vec![(0, 8)], vec![]));
    }

    #[test]
    fn a_topic_made_anew_is_forgotten_and_added() {
        let mut session = FetchSession::default();
        session.request(vec![of("a", ID, 0, 7), of("b", ID, 0, 1)]);
        session.on_answer(9);
        let other = Uuid([8; 16]);
        let request = session.request(vec![of("a", other, 0, 7), of("b", ID, 0, 1)]);
        assert_eq!(sent(&request), (9, 1, vec![(0, 7)], vec![0]));
        assert_eq!((request.topics[0].topic_id, request.forgotten[0].topic_id), (other, ID));
        // Ids and names don't mix in a session.
        session.on_answer(9);
        let request = session.request(vec![of("a", Uuid::ZERO, 0, 7), of("b", ID, 0, 1)]);
        assert_eq!((request.id, request.epoch, request.topics.len(), request.forgotten.len()), (9, 0, 2, 0));
    }

    #[test]
    fn the_epoch_wraps_to_one() {
        let mut session = FetchSession { id: 9, epoch: i32::MAX, ..FetchSession::default() };
        session.by_id = true;
        assert_eq!(session.request(vec![wish(0, 0)]).epoch, i32::MAX);
        session.on_answer(9);
        assert_eq!(session.request(vec![wish(0, 0)]).epoch, 1);
    }
}
