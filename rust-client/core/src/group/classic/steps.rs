//! What a member does by itself: in each state the next thing, and what is due.

use std::collections::BTreeSet;

use ottla_protocol::Text;

use super::{ClassicMembership, LeavePolicy, RebalanceProtocol, STALLED_AFTER, Signal, State};
use crate::consumer::TopicPartition;
use crate::error::{Error, ErrorKind};
use crate::group::membership::{MembershipCommand, Question, QuestionKind};
use crate::time::Instant;

impl ClassicMembership {
    /// Changes the state as the table says; whether it says anything.
    pub(super) fn signal(&mut self, now: Instant, signal: Signal) -> bool {
        let Some(next) = self.state.after(signal) else { return false };
        let (group, member, from, to) = (&self.settings.group_id, &self.member_id, self.state.name(), next.name());
        tracing::debug!(%group, %member, from, to, ?signal);
        self.state = next;
        self.since = now;
        self.unsettled = match next {
            State::Unsubscribed | State::Stable | State::Fenced | State::Closed => None,
            _ => self.unsettled.or(Some((now, now))),
        };
        self.enter(now);
        true
    }

    fn enter(&mut self, now: Instant) {
        match self.state {
            State::Preparing => {
                self.joining = None;
                let given_up = match self.protocol {
                    RebalanceProtocol::Eager => self.owned.iter().cloned().collect(),
                    RebalanceProtocol::Cooperative => {
                        self.owned.iter().filter(|partition| !self.topics.contains(&partition.topic)).cloned().collect()
                    }
                };
                self.ask_only(given_up);
            }
            State::Departing => {
                self.joining = None;
                self.ask_only(self.owned.iter().cloned().collect());
            }
            State::Fenced => {
                self.joining = None;
                self.lose_generation(true);
                self.questions.clear();
            }
            State::Stable => self.attempts = 0,
            State::Leaving => self.send_leave(now),
            State::Unsubscribed => {
                self.lose_generation(false);
                self.leave_by = Instant::FAR_FUTURE;
                self.attempts = 0;
                self.last = super::LastAssignment { generation: -1, ..super::LastAssignment::default() };
                if !self.topics.is_empty() {
                    self.signal(now, Signal::Subscribe);
                }
            }
            State::Closed => {
                self.lose_generation(false);
                self.questions.clear();
                self.asked = None;
                self.owned.clear();
                self.outbox.push(MembershipCommand::Closed);
            }
            _ => {}
        }
    }

    /// Asks to give these up, behind what is asked already. Without a generation they are lost: that is asked when it is their
    /// turn.
    fn ask_only(&mut self, mut given_up: Vec<TopicPartition>) {
        self.questions.clear();
        if let Some(asked) = self.asked.as_ref().filter(|asked| asked.kind != QuestionKind::Assigned) {
            given_up.retain(|partition| !asked.partitions.contains(partition));
        }
        if self.generation.is_some() && !given_up.is_empty() {
            self.questions.push_back((QuestionKind::Revoked, given_up));
        }
    }

    /// Does the next thing that the state asks for; whether there was one.
    pub(super) fn step(&mut self, now: Instant) -> bool {
        match self.state {
            State::Preparing | State::Departing | State::Reconciling | State::Fenced => self.ask_next(now),
            // What it could not be asked before it left.
            State::Unsubscribed => self.ask_next(now),
            State::Unjoined => self.ask_next(now) || self.asked.is_none() && self.join(now),
            State::Stable => {
                if self.rejoin.is_none() && self.topics != self.joined_topics {
                    self.rejoin = Some("the subscription changed");
                }
                self.rejoin.is_some() && self.signal(now, Signal::Rejoin)
            }
            State::Leaving if self.leaving.is_none() => self.left(now),
            _ => false,
        }
    }

    /// Puts the next question, or goes on if all are answered.
    fn ask_next(&mut self, now: Instant) -> bool {
        if self.asked.is_some() {
            return false;
        }
        let (kind, partitions) = match self.questions.pop_front() {
            Some((QuestionKind::Revoked, _)) if self.generation.is_none() => return true,
            Some(question) => question,
            None if self.generation.is_none() && !self.owned.is_empty() => {
                (QuestionKind::Lost, self.owned.iter().cloned().collect())
            }
            None => return self.signal(now, Signal::Answered),
        };
        if kind == QuestionKind::Assigned {
            self.owned.extend(partitions.iter().cloned());
        }
        self.next_question += 1;
        let question = Question { id: self.next_question, kind, partitions };
        self.asked = Some(question.clone());
        self.outbox.push(MembershipCommand::Ask(question));
        true
    }

    pub(super) fn on_answered(&mut self, question: u64) {
        let Some(answered) = self.asked.take_if(|asked| asked.id == question) else { return };
        if answered.kind != QuestionKind::Assigned {
            for partition in &answered.partitions {
                self.owned.remove(partition);
            }
        }
    }

    fn join(&mut self, now: Instant) -> bool {
        let Some(broker) = self.coordinator else { return false };
        if self.await_poll || self.is_poll_overdue(now) || now < self.retry_at {
            return false;
        }
        match self.join_request() {
            Ok(request) => {
                self.send_join(broker, request);
                self.rejoin = None;
                self.followed.clear();
                self.joined_topics.clone_from(&self.topics);
                self.signal(now, Signal::SendJoin)
            }
            Err(error) => {
                // Too long for the wire: only another subscription mends that.
                let what = format!("the subscription can't be sent: {error}");
                self.report(now, Error::new(ErrorKind::InvalidArgument, what));
                self.await_poll = true;
                false
            }
        }
    }

    /// The coordinator's answer is there, or nobody waits for it.
    pub(super) fn left(&mut self, now: Instant) -> bool {
        self.leaving = None;
        self.signal(now, if self.closing.is_some() { Signal::LeftForGood } else { Signal::Left })
    }

    pub(super) fn on_subscribed(&mut self, now: Instant, topics: BTreeSet<Text>) {
        self.topics = topics;
        if self.topics.is_empty() {
            self.leave_by = self.leave_by.min(now + self.settings.max_poll_interval);
            if !self.signal(now, Signal::Unsubscribe) && !matches!(self.state, State::Departing | State::Leaving) {
                self.leave_by = Instant::FAR_FUTURE;
            }
        } else {
            self.signal(now, Signal::Subscribe);
        }
    }

    pub(super) fn on_close(&mut self, now: Instant, leave: LeavePolicy, by: Instant) {
        self.closing = Some(leave);
        self.leave_by = self.leave_by.min(by);
        self.signal(now, Signal::Close);
    }

    /// What is due because time has passed.
    pub(super) fn expire(&mut self, now: Instant) {
        if now >= self.leave_by {
            self.give_up_leaving(now);
        }
        if self.requires_polls() && self.is_poll_overdue(now) {
            let silent = now.since(self.polled_at).as_millis();
            let what = format!(
                "the application has not polled for {silent} ms, more than max.poll.interval.ms ({}) allows: its partitions go \
                 to other members, and it joins the group again when it polls. Take fewer records at a time, or \
                 raise the property",
                self.settings.max_poll_interval.as_millis()
            );
            self.report(now, Error::new(ErrorKind::MaxPollExceeded, what));
            if !self.is_static() {
                self.send_leave_behind(now);
            }
            self.lose_generation(self.is_static());
            self.signal(now, Signal::PollIntervalExceeded);
        }
        if self.heartbeats() && self.coordinator.is_some() && now >= self.heard_at + self.settings.session_timeout {
            // The coordinator may have given the member up, or be gone itself: whoever is the coordinator will tell.
            let what =
                format!("no heartbeat was answered for session.timeout.ms ({})", self.settings.session_timeout.as_millis());
            self.note(now, Error::new(ErrorKind::Timeout, what));
            self.heard_at = now;
            self.lose_coordinator();
        }
    }

    /// The bound of leaving has passed: nobody waits for answers any more. What the application still has is lost; it hears so once it
    /// has answered what it was asked last.
    fn give_up_leaving(&mut self, now: Instant) {
        if self.state == State::Departing {
            self.questions.clear();
            if self.closing.is_none() && !self.owned.is_empty() {
                self.outbox.push(MembershipCommand::TakeAway(self.owned.iter().cloned().collect()));
            }
            self.signal(now, Signal::Answered);
        }
        if self.state == State::Leaving {
            self.left(now);
        }
    }

    /// Whether the application has to poll for the member to stay one.
    fn requires_polls(&self) -> bool {
        match self.state {
            State::Joining | State::Assigning | State::Syncing => true,
            State::Preparing | State::Unjoined | State::Reconciling | State::Stable => self.generation.is_some(),
            _ => false,
        }
    }

    /// Whether heartbeats are due in this state: not while a JoinGroup is under way, which is one itself.
    pub(super) fn heartbeats(&self) -> bool {
        self.generation.is_some()
            && !matches!(self.state, State::Unsubscribed | State::Joining | State::Leaving | State::Fenced | State::Closed)
    }

    pub(super) fn ask_for_coordinator(&mut self) {
        let idle = matches!(self.state, State::Unsubscribed | State::Fenced | State::Closed);
        if self.coordinator.is_none() && !self.finding && !idle {
            self.finding = true;
            self.outbox.push(MembershipCommand::FindCoordinator);
        }
    }

    pub(super) fn warn_if_stalled(&mut self, now: Instant) {
        let Some((since, said)) = self.unsettled else { return };
        let Some(cause) = self.held_up_by(now) else { return };
        if now.since(said) >= STALLED_AFTER {
            self.unsettled = Some((since, now));
            let error = self.last_error.as_ref().map(|(_, error)| error.to_string()).unwrap_or_default();
            tracing::warn!(
                group = %self.settings.group_id, member = %self.member_id, state = self.state.name(), %cause, last_error = error,
                "the rebalance has not come to its end for {} s", now.since(since).as_secs()
            );
        }
    }

    /// When something is due by itself.
    pub(super) fn deadline(&self, now: Instant) -> Instant {
        let mut at = Instant::FAR_FUTURE;
        let mut due = |when: Instant| at = at.min(when);
        if matches!(self.state, State::Departing | State::Leaving) {
            due(self.leave_by);
        }
        let waits = self.asked.is_some() || self.coordinator.is_none() || self.await_poll || self.is_poll_overdue(now);
        if self.state == State::Unjoined && !waits {
            due(self.retry_at);
        }
        if self.requires_polls() && !self.is_poll_overdue(now) {
            due(self.polled_at + self.settings.max_poll_interval + std::time::Duration::from_micros(1));
        }
        if self.heartbeats() && self.coordinator.is_some() {
            if self.heartbeat.is_none() {
                due(self.heartbeat_at);
            }
            due(self.heard_at + self.settings.session_timeout);
        }
        if let Some((_, said)) = self.unsettled.filter(|_| self.held_up_by(now).is_some()) {
            due(said + STALLED_AFTER);
        }
        at
    }
}
