//! A call about groups: each is asked about at its own coordinator, and again, at another one if need be, as long as that may help.

use std::collections::BTreeMap;
use std::time::Duration;

use ottla_protocol::Text;
use ottla_protocol::messages::{FindCoordinatorRequest, FindCoordinatorResponse};

use super::left_out;
use crate::error::{Error, ErrorKind};
use crate::group::coordinator::{CoordinatorInfo, read_coordinator};
use crate::metadata::backoff;
use crate::random::Rng;
use crate::time::Instant;

/// What became of each group.
pub type GroupResults<T> = BTreeMap<Text, Result<T, Error>>;

/// What one answer says of groups, in its order.
pub type GroupAnswers<T> = Vec<(Text, Result<T, Error>)>;

/// The properties.
#[derive(Clone, Copy, Debug)]
pub struct CoordinatedSettings {
    /// `retry.backoff.ms`.
    pub retry_backoff: Duration,
    /// `retry.backoff.max.ms`.
    pub retry_backoff_max: Duration,
}

/// What the driver is to do.
#[derive(Clone, Debug)]
pub enum CoordinatedCommand {
    /// Send to any broker; the answer comes back by [`CoordinatedCall::on_found`].
    /// [`crate::group::coordinator::fit_find_coordinator`] makes it fit its version.
    Find {
        /// Comes back with the answer.
        token: u64,
        /// The request.
        request: FindCoordinatorRequest,
    },
    /// Ask this broker about these groups; what it says comes back by [`CoordinatedCall::on_answer`].
    Ask {
        /// Comes back with the answer.
        token: u64,
        /// The groups' coordinator.
        broker: CoordinatorInfo,
        /// The groups.
        groups: Vec<Text>,
    },
}

/// What is known of a group.
enum Place<T> {
    /// Its coordinator has to be found.
    Unknown,
    /// Its coordinator has to be asked.
    Found(CoordinatorInfo),
    /// An answer is awaited.
    Awaited,
    /// There is nothing more to ask.
    Done(Result<T, Error>),
}

struct Group<T> {
    place: Place<T>,
    /// When it goes on.
    at: Instant,
    attempts: u32,
    last_error: Option<Error>,
}

/// One call about several groups.
pub struct CoordinatedCall<T> {
    settings: CoordinatedSettings,
    rng: Rng,
    groups: BTreeMap<Text, Group<T>>,
    awaited: BTreeMap<u64, Vec<Text>>,
    tokens: u64,
    /// A broker was met that looks up one key at a time (FindCoordinator before version 4).
    one_by_one: bool,
}

impl<T> CoordinatedCall<T> {
    /// Nothing is known of the groups' coordinators yet.
    #[must_use]
    pub fn new(groups: impl IntoIterator<Item = Text>, settings: CoordinatedSettings, rng: Rng) -> Self {
        let group = |id| (id, Group { place: Place::Unknown, at: Instant::default(), attempts: 0, last_error: None });
        let groups = groups.into_iter().map(group).collect();
        Self { settings, rng, groups, awaited: BTreeMap::new(), tokens: 0, one_by_one: false }
    }

    /// Whether each group has its result.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.groups.values().all(|group| matches!(group.place, Place::Done(_)))
    }

    /// What is to be done now. Answers when it wants to be called again, if nothing happens before.
    pub fn poll(&mut self, now: Instant, commands: &mut Vec<CoordinatedCommand>) -> Instant {
        let (mut next, mut unknown, mut found) = (Instant::FAR_FUTURE, Vec::new(), Vec::<(CoordinatorInfo, Vec<Text>)>::new());
        for (id, group) in &mut self.groups {
            let known = match &group.place {
                Place::Unknown => None,
                Place::Found(broker) => Some(broker.clone()),
                Place::Awaited | Place::Done(_) => continue,
            };
            if now < group.at {
                next = next.min(group.at);
                continue;
            }
            group.place = Place::Awaited;
            match known {
                None => unknown.push(id.clone()),
                Some(broker) => match found.iter_mut().find(|(known, _)| *known == broker) {
                    Some((_, groups)) => groups.push(id.clone()),
                    None => found.push((broker, vec![id.clone()])),
                },
            }
        }
        let at_once = if self.one_by_one { 1 } else { unknown.len().max(1) };
        for keys in unknown.chunks(at_once) {
            let token = self.token(keys.to_vec());
            let request = FindCoordinatorRequest { coordinator_keys: keys.to_vec(), ..FindCoordinatorRequest::default() };
            commands.push(CoordinatedCommand::Find { token, request });
        }
        for (broker, groups) in found {
            let token = self.token(groups.clone());
            commands.push(CoordinatedCommand::Ask { token, broker, groups });
        }
        next
    }

    fn token(&mut self, groups: Vec<Text>) -> u64 {
        self.tokens += 1;
        self.awaited.insert(self.tokens, groups);
        self.tokens
    }

    /// The look-up was answered, or failed on its way.
    pub fn on_found(&mut self, now: Instant, token: u64, answer: Result<FindCoordinatorResponse, Error>) {
        let Some(groups) = self.awaited.remove(&token) else { return };
        // Before version 4 the answer is about the first key, the only one that was sent.
        let is_single = answer.as_ref().is_ok_and(|response| response.coordinators.is_empty());
        self.one_by_one |= is_single && groups.len() > 1;
        for (place, id) in groups.into_iter().enumerate() {
            let found = match &answer {
                Ok(_) if is_single && place > 0 => {
                    self.set(&id, now, Place::Unknown);
                    continue;
                }
                Ok(response) => read_coordinator(&id, response),
                Err(error) => Err(error.clone()),
            };
            match found {
                Ok(broker) => self.set(&id, now, Place::Found(broker)),
                Err(error) => self.failed(now, &id, error),
            }
        }
    }

    /// The coordinator answered, or could not be asked. What it says of groups that it was not asked about is left.
    pub fn on_answer(&mut self, now: Instant, token: u64, answer: Result<GroupAnswers<T>, Error>) {
        let Some(groups) = self.awaited.remove(&token) else { return };
        match answer {
            Ok(results) => {
                let mut results: BTreeMap<Text, Result<T, Error>> = results.into_iter().collect();
                for id in groups {
                    match results.remove(&id) {
                        Some(Ok(result)) => self.set(&id, now, Place::Done(Ok(result))),
                        Some(Err(error)) => self.failed(now, &id, error),
                        None => self.failed(now, &id, left_out("a request about a group")),
                    }
                }
            }
            Err(error) => groups.iter().for_each(|id| self.failed(now, id, error.clone())),
        }
    }

    fn set(&mut self, id: &Text, at: Instant, place: Place<T>) {
        if let Some(group) = self.groups.get_mut(id) {
            (group.at, group.place) = (at, place);
        }
    }

    fn failed(&mut self, now: Instant, id: &Text, error: Error) {
        let error = error.with_group(id.as_str());
        let Some(group) = self.groups.get_mut(id) else { return };
        if !error.is_retriable() {
            group.place = Place::Done(Err(error));
            return;
        }
        let settings = &self.settings;
        group.at = now + backoff(group.attempts, settings.retry_backoff, settings.retry_backoff_max, &mut self.rng);
        group.attempts = group.attempts.saturating_add(1);
        group.last_error = Some(error);
        // It may be another by then.
        group.place = Place::Unknown;
    }

    /// The end: what has no result yet has run out of time. `limit` is `default.api.timeout.ms`.
    #[must_use]
    pub fn into_results(self, tried: &str, limit: Duration) -> GroupResults<T> {
        let result = |(id, group): (Text, Group<T>)| {
            let result = match group.place {
                Place::Done(result) => result,
                _ => {
                    let what = format!("{tried}: not done within default.api.timeout.ms ({} ms)", limit.as_millis());
                    let error = Error::new(ErrorKind::Timeout, what).with_group(id.as_str());
                    Err(match group.last_error {
                        Some(cause) => error.with_source(cause),
                        None => error,
                    })
                }
            };
            (id, result)
        };
        self.groups.into_iter().map(result).collect()
    }
}

#[cfg(test)]
mod tests {
    use ottla_protocol::ErrorCode;
    use ottla_protocol::messages::find_coordinator::Coordinator;

    use super::*;

    const SETTINGS: CoordinatedSettings =
        CoordinatedSettings { retry_backoff: Duration::from_millis(100), retry_backoff_max: Duration::from_secs(1) };

    struct Driven {
        call: CoordinatedCall<i32>,
        now: Instant,
    }

    impl Driven {
        fn new(groups: &[&str]) -> Self {
            let groups = groups.iter().map(|id| Text::from(*id));
            Self { call: CoordinatedCall::new(groups, SETTINGS, Rng::from_seed(1)), now: Instant::from_micros(1) }
        }

        /// What it wants to be done next, as soon as that is.
        fn commands(&mut self) -> Vec<CoordinatedCommand> {
            let mut commands = Vec::new();
            loop {
                let next = self.call.poll(self.now, &mut commands);
                if !commands.is_empty() || next == Instant::FAR_FUTURE {
                    return commands;
                }
                self.now = next;
            }
        }

        fn find(&mut self) -> (u64, Vec<Text>) {
            match self.commands().as_slice() {
                [CoordinatedCommand::Find { token, request }] => (*token, request.coordinator_keys.clone()),
                other => panic!("{other:?}"),
            }
        }

        fn found(&mut self, brokers: &[(&str, i32)]) {
            let (token, keys) = self.find();
            assert_eq!(keys, brokers.iter().map(|(key, _)| Text::from(*key)).collect::<Vec<_>>());
            let one = |(key, id): &(&str, i32)| Coordinator {
                key: Text::from(*key),
                node_id: *id,
                host: "h".into(),
                port: 9092,
                ..Coordinator::default()
            };
            let coordinators = brokers.iter().map(one).collect();
            self.call.on_found(self.now, token, Ok(FindCoordinatorResponse { coordinators, ..Default::default() }));
        }

        fn asks(&mut self) -> Vec<(u64, i32, Vec<Text>)> {
            let read = |command| match command {
                CoordinatedCommand::Ask { token, broker, groups } => (token, broker.id, groups),
                other => panic!("{other:?}"),
            };
            self.commands().into_iter().map(read).collect()
        }
    }

    fn code(result: &Result<i32, Error>) -> Option<ErrorCode> {
        result.as_ref().err().and_then(Error::code)
    }

    #[test]
    fn groups_of_one_coordinator_are_asked_about_together() {
        let mut driven = Driven::new(&["a", "b", "c"]);
        driven.found(&[("a", 1), ("b", 2), ("c", 1)]);
        let asks = driven.asks();
        assert_eq!(asks.iter().map(|(_, id, groups)| (*id, groups.len())).collect::<Vec<_>>(), [(1, 2), (2, 1)]);
        driven.call.on_answer(driven.now, asks[1].0, Ok(vec![("b".into(), Ok(2)), ("nobody asked".into(), Ok(9))]));
        assert!(!driven.call.is_done());
        driven.call.on_answer(driven.now, asks[0].0, Ok(vec![("c".into(), Ok(3))]));
        assert!(driven.call.is_done());
        let results = driven.call.into_results("while asking", Duration::ZERO);
        assert_eq!((results["b"].as_ref().ok(), results["c"].as_ref().ok()), (Some(&2), Some(&3)));
        assert_eq!(results["a"].as_ref().unwrap_err().kind(), ErrorKind::Protocol, "the answer leaves it out");
        assert_eq!(results.len(), 3);
    }

    #[test]
    fn a_coordinator_that_moved_loads_or_is_gone_is_found_again_and_later_each_time() {
        let mut driven = Driven::new(&["a"]);
        let mut waits = Vec::new();
        let codes =
            [ErrorCode::NotCoordinator, ErrorCode::CoordinatorLoadInProgress, ErrorCode::CoordinatorNotAvailable].map(Some);
        for failure in codes.into_iter().chain([None]) {
            let before = driven.now;
            driven.found(&[("a", 1)]);
            waits.push(driven.now.since(before).as_millis());
            let (token, _, _) = driven.asks().remove(0);
            let answer = match failure {
                Some(code) => Ok(vec![("a".into(), Err(Error::kafka(code, "while asking")))]),
                None => Err(Error::new(ErrorKind::Transport, "cut")),
            };
            driven.call.on_answer(driven.now, token, answer);
        }
        assert!(waits[0] == 0 && waits[1] >= 80 && waits[3] > 2 * waits[1], "{waits:?}");
        driven.found(&[("a", 2)]);
        let (token, id, _) = driven.asks().remove(0);
        assert_eq!(id, 2);
        driven.call.on_answer(driven.now, token, Ok(vec![("a".into(), Ok(7))]));
        assert_eq!(driven.call.into_results("", Duration::ZERO)["a"].as_ref().ok(), Some(&7));
    }

    #[test]
    fn what_no_retry_mends_ends_its_group_and_no_other() {
        let mut driven = Driven::new(&["a", "b"]);
        driven.found(&[("a", 1), ("b", 1)]);
        let (token, _, _) = driven.asks().remove(0);
        let failed = Err(Error::kafka(ErrorCode::NonEmptyGroup, "while deleting"));
        let moved = Err(Error::kafka(ErrorCode::NotCoordinator, "while deleting"));
        driven.call.on_answer(driven.now, token, Ok(vec![("a".into(), failed), ("b".into(), moved)]));
        driven.found(&[("b", 1)]);
        // Time runs out.
        let results = driven.call.into_results("while deleting", Duration::from_secs(60));
        let error = results["a"].as_ref().unwrap_err();
        assert_eq!((code(&results["a"]), error.group()), (Some(ErrorCode::NonEmptyGroup), Some("a")));
        let error = results["b"].as_ref().unwrap_err();
        assert_eq!((error.kind(), error.group(), error.is_retriable()), (ErrorKind::Timeout, Some("b"), true));
        assert!(error.to_string().contains("NOT_COORDINATOR"), "{error}");
    }

    #[test]
    fn an_old_broker_is_asked_for_one_coordinator_at_a_time() {
        let mut driven = Driven::new(&["a", "b", "c"]);
        let (token, keys) = driven.find();
        assert_eq!(keys.len(), 3);
        let response = FindCoordinatorResponse { node_id: 4, host: "h".into(), port: 1, ..Default::default() };
        driven.call.on_found(driven.now, token, Ok(response.clone()));
        let before = driven.now;
        let commands = driven.commands();
        assert_eq!(before, driven.now, "without a backoff");
        let finds: Vec<(u64, usize)> = commands
            .iter()
            .filter_map(|command| match command {
                CoordinatedCommand::Find { token, request } => Some((*token, request.coordinator_keys.len())),
                CoordinatedCommand::Ask { .. } => None,
            })
            .collect();
        assert_eq!((commands.len(), finds.len()), (3, 2), "the first is asked about beside that");
        for (token, keys) in finds {
            assert_eq!(keys, 1);
            driven.call.on_found(driven.now, token, Ok(response.clone()));
        }
        assert_eq!(driven.asks().remove(0).2, ["b", "c"]);
        // An answer that comes twice, or that nobody waits for, changes nothing.
        driven.call.on_found(driven.now, token, Ok(response));
        driven.call.on_answer(driven.now, 99, Ok(vec![("a".into(), Ok(1))]));
        assert!(!driven.call.is_done());
    }
}
