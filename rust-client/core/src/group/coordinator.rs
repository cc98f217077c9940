//! Which broker coordinates a group, or a transactional id: looked up at any broker, and again when it turns out to be another.

use std::time::Duration;

use ottla_protocol::messages::{FindCoordinatorRequest, FindCoordinatorResponse};
use ottla_protocol::{ErrorCode, Text};

use crate::error::{Error, ErrorKind};
use crate::metadata::backoff;
use crate::random::Rng;
use crate::time::Instant;

/// What is coordinated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CoordinatorKey {
    /// A group.
    Group,
    /// A transactional id.
    Transaction,
}

/// The properties.
#[derive(Clone, Debug)]
pub struct CoordinatorSettings {
    /// What is coordinated: the type of `key`.
    pub key_type: CoordinatorKey,
    /// `group.id` or `transactional.id`.
    pub key: Text,
    /// `coordinator.query.interval.ms`: after so long it is looked up again, though nothing is wrong.
    pub query_interval: Duration,
    /// `retry.backoff.ms`.
    pub retry_backoff: Duration,
    /// `retry.backoff.max.ms`.
    pub retry_backoff_max: Duration,
}

/// A broker, as FindCoordinator names it: the metadata may not know it yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoordinatorInfo {
    /// The broker's id.
    pub id: i32,
    /// Its host name or address.
    pub host: Text,
    /// Its port.
    pub port: u16,
}

/// What the driver is to do.
#[derive(Clone, Debug)]
pub enum CoordinatorCommand {
    /// Send to any broker; the answer comes back by [`CoordinatorFinder::on_response`]. [`fit_find_coordinator`] makes it fit its
    /// version.
    Send {
        /// Comes back with the answer.
        token: u64,
        /// The request.
        request: FindCoordinatorRequest,
    },
    /// It is this broker from now on: tell the membership and the committer.
    Found(CoordinatorInfo),
    /// Tell the application; the search goes on.
    Report(Error),
}

/// Looks for the coordinator while somebody wants to know.
pub struct CoordinatorFinder {
    settings: CoordinatorSettings,
    rng: Rng,
    known: Option<CoordinatorInfo>,
    wanted: bool,
    token: u64,
    in_flight: bool,
    /// When the next look-up is due.
    at: Instant,
    attempts: u32,
    /// What the application was told last, so that it hears of it once.
    reported: Option<ErrorCode>,
    last_error: Option<Error>,
    outbox: Vec<CoordinatorCommand>,
}

impl CoordinatorFinder {
    /// Nobody wants to know yet.
    #[must_use]
    pub fn new(settings: CoordinatorSettings, rng: Rng) -> Self {
        Self {
            settings,
            rng,
            known: None,
            wanted: false,
            token: 0,
            in_flight: false,
            at: Instant::default(),
            attempts: 0,
            reported: None,
            last_error: None,
            outbox: Vec::new(),
        }
    }

    /// The coordinator is not known to somebody, or is not the one that was found. A search that is under way answers this too.
    pub fn find(&mut self, now: Instant) {
        let again = self.known.take().is_some();
        if again || !self.wanted {
            // Found, and wrong: it may still be moving, so the first attempt after that waits a little.
            self.at = if again { now + self.wait() } else { now };
        }
        self.wanted = true;
    }

    /// The coordinator, as far as it is known.
    #[must_use]
    pub fn known(&self) -> Option<&CoordinatorInfo> {
        self.known.as_ref()
    }

    /// Why the last look-up did not succeed.
    #[must_use]
    pub fn last_error(&self) -> Option<&Error> {
        self.last_error.as_ref()
    }

    /// What is to be done now. Answers when it wants to be called again, if nothing happens before.
    pub fn poll(&mut self, now: Instant, commands: &mut Vec<CoordinatorCommand>) -> Instant {
        if self.wanted && !self.in_flight && now >= self.at {
            self.in_flight = true;
            self.token += 1;
            let request = FindCoordinatorRequest {
                key_type: match self.settings.key_type {
                    CoordinatorKey::Group => 0,
                    CoordinatorKey::Transaction => 1,
                },
                coordinator_keys: vec![self.settings.key.clone()],
                ..FindCoordinatorRequest::default()
            };
            self.outbox.push(CoordinatorCommand::Send { token: self.token, request });
        }
        commands.append(&mut self.outbox);
        if self.wanted && !self.in_flight { self.at } else { Instant::FAR_FUTURE }
    }

    /// The request was answered, or failed on its way.
    pub fn on_response(&mut self, now: Instant, token: u64, answer: Result<FindCoordinatorResponse, Error>) {
        if !self.in_flight || token != self.token {
            return;
        }
        self.in_flight = false;
        match answer.and_then(|response| read_coordinator(&self.settings.key, &response)) {
            Ok(found) => {
                (self.attempts, self.reported, self.last_error) = (0, None, None);
                self.at = now + self.settings.query_interval;
                if self.known.as_ref() != Some(&found) {
                    self.known = Some(found.clone());
                    self.outbox.push(CoordinatorCommand::Found(found));
                }
            }
            Err(error) => {
                self.at = now + self.wait();
                if !error.is_retriable() && (self.reported.is_none() || self.reported != error.code()) {
                    self.reported = error.code();
                    self.outbox.push(CoordinatorCommand::Report(error.clone()));
                }
                self.last_error = Some(error);
            }
        }
    }

    fn wait(&mut self) -> Duration {
        let wait = backoff(self.attempts, self.settings.retry_backoff, self.settings.retry_backoff_max, &mut self.rng);
        self.attempts = self.attempts.saturating_add(1);
        wait
    }
}

/// Who coordinates `key`, wherever the answer's version has it.
pub(crate) fn read_coordinator(key: &Text, response: &FindCoordinatorResponse) -> Result<CoordinatorInfo, Error> {
    let (code, message, id, host, port) = match response.coordinators.iter().find(|one| one.key == *key) {
        Some(one) => (one.error_code, &one.error_message, one.node_id, &one.host, one.port),
        None => (response.error_code, &response.error_message, response.node_id, &response.host, response.port),
    };
    match ErrorCode::from_code(code) {
        ErrorCode::None => {}
        code => {
            let message = message.as_ref().map(|message| format!(": {message}")).unwrap_or_default();
            return Err(Error::kafka(code, format!("while looking for the coordinator of {key:?}{message}")));
        }
    }
    match u16::try_from(port) {
        Ok(port) if port > 0 && id >= 0 && !host.is_empty() => Ok(CoordinatorInfo { id, host: host.detach(), port }),
        _ => Err(Error::new(ErrorKind::Protocol, "a broker named a coordinator without an address").retriable()),
    }
}

/// Below version 4 a FindCoordinator is of one key only, which stands in another field.
pub fn fit_find_coordinator(request: &mut FindCoordinatorRequest, version: i16) {
    if version < 4 {
        request.key = std::mem::take(&mut request.coordinator_keys).into_iter().next().unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use ottla_protocol::messages::find_coordinator::Coordinator;

    use super::*;

    struct One {
        finder: CoordinatorFinder,
        now: Instant,
    }

    impl One {
        fn new() -> Self {
            let settings = CoordinatorSettings {
                key_type: CoordinatorKey::Group,
                key: "g".into(),
                query_interval: Duration::from_secs(600),
                retry_backoff: Duration::from_millis(100),
                retry_backoff_max: Duration::from_secs(1),
            };
            let mut finder = CoordinatorFinder::new(settings, Rng::from_seed(1));
            let now = Instant::from_micros(1_000_000);
            assert_eq!(finder.poll(now, &mut Vec::new()), Instant::FAR_FUTURE);
            finder.find(now);
            Self { finder, now }
        }

        /// Lets time pass until it asks.
        fn asks(&mut self) -> (u64, FindCoordinatorRequest) {
            let mut commands = Vec::new();
            loop {
                let due = self.finder.poll(self.now, &mut commands);
                match commands.pop() {
                    Some(CoordinatorCommand::Send { token, request }) => return (token, request),
                    Some(other) => panic!("{other:?}"),
                    None => self.now = due,
                }
            }
        }

        fn answer(&mut self, code: ErrorCode, node_id: i32) -> Vec<CoordinatorCommand> {
            let (token, _) = self.asks();
            let one = Coordinator {
                key: "g".into(),
                node_id,
                host: "h".into(),
                port: 9092,
                error_code: code.code(),
                ..Coordinator::default()
            };
            let response = FindCoordinatorResponse { coordinators: vec![one], ..FindCoordinatorResponse::default() };
            self.finder.on_response(self.now, token, Ok(response));
            let mut commands = Vec::new();
            self.finder.poll(self.now, &mut commands);
            commands
        }
    }

    #[test]
    fn is_found_and_found_again() {
        let mut one = One::new();
        assert!(one.answer(ErrorCode::CoordinatorNotAvailable, 0).is_empty());
        assert!(matches!(one.answer(ErrorCode::None, 1).as_slice(), [CoordinatorCommand::Found(found)] if found.id == 1));
        // After coordinator.query.interval.ms: the same, and nobody is told; another, and they are.
        let before = one.now;
        assert!(one.answer(ErrorCode::None, 1).is_empty());
        assert_eq!(one.now.since(before), Duration::from_secs(600));
        assert!(matches!(one.answer(ErrorCode::None, 2).as_slice(), [CoordinatorCommand::Found(found)] if found.id == 2));
        // It was wrong: it is told again, the same or not.
        one.finder.find(one.now);
        assert_eq!(one.finder.known(), None);
        assert!(matches!(one.answer(ErrorCode::None, 2).as_slice(), [CoordinatorCommand::Found(_)]));
    }

    #[test]
    fn attempts_wait_longer_each_time_and_the_application_hears_once_what_it_can_mend() {
        let mut one = One::new();
        let mut waits = Vec::new();
        for attempt in 0..6 {
            let before = one.now;
            let commands = one.answer(ErrorCode::GroupAuthorizationFailed, 0);
            assert_eq!(commands.len(), usize::from(attempt == 0));
            waits.push(one.now.since(before).as_millis());
        }
        assert_eq!(waits[0], 0);
        assert!(waits[1] < 130 && waits[5] > 700, "{waits:?}");
        assert_eq!(one.finder.last_error().and_then(Error::code), Some(ErrorCode::GroupAuthorizationFailed));
    }

    #[test]
    fn an_answer_without_an_address_an_old_one_or_none_is_no_coordinator() {
        let mut one = One::new();
        assert!(one.answer(ErrorCode::None, -1).is_empty());
        let (token, mut request) = one.asks();
        for version in 0..=6 {
            let mut request = request.clone();
            fit_find_coordinator(&mut request, version);
            ottla_protocol::Encode::encode(&request, &mut ottla_protocol::WireBuf::new(), version).unwrap();
        }
        fit_find_coordinator(&mut request, 3);
        assert_eq!((request.key.as_str(), request.coordinator_keys.len()), ("g", 0));
        one.finder.on_response(one.now, token, Err(Error::new(ErrorKind::Transport, "cut")));
        one.finder.on_response(one.now, token, Ok(FindCoordinatorResponse::default()));
        assert_eq!(one.finder.known(), None);
        // Version 3 has the answer in other fields.
        let (token, _) = one.asks();
        let response = FindCoordinatorResponse { node_id: 4, host: "h".into(), port: 1, ..FindCoordinatorResponse::default() };
        one.finder.on_response(one.now, token, Ok(response));
        assert_eq!(one.finder.known().map(|found| found.id), Some(4));
    }
}
