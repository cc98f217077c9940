//! What the application is asked, as futures that run on its thread.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ottla_core::consumer::{Position, StartAt, TopicPartition};
use ottla_core::error::{Error, ErrorKind};
use ottla_core::group::assignor::{GroupAssignment, GroupTopics, MemberSubscription, PartitionAssignor};
use ottla_core::group::classic::State as MemberState;
use ottla_core::group::offset_commit::{CommittedOffsets, OffsetAndMetadata};
use ottla_core::group::{Membership, MembershipEvent, Question, QuestionKind};
use ottla_core::time::Instant;

use super::{Answering, Fetching, Group, Inner, Rebalance, closed, there};
use crate::consumer::Work;

/// The answer to a question: given when this is dropped, whatever became of the listener.
struct Answer {
    group: Arc<Group>,
    question: u64,
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.group.event(MembershipEvent::Answered { question: self.question });
    }
}

impl Group {
    /// Puts a question, or answers it where there is nobody to be asked.
    pub(super) fn ask(self: &Arc<Self>, question: Question) {
        match question.kind {
            QuestionKind::Assigned => self.start_partitions(question),
            QuestionKind::Revoked => self.put(question),
            QuestionKind::Lost => {
                self.lose(&question.partitions);
                self.put_to_listener(question);
            }
        }
    }

    /// Hands out no more records of these partitions, nor commits anything of them.
    pub(super) fn take_away(&self, inner: &mut Inner, partitions: &[TopicPartition]) {
        inner.leave_out(partitions);
        inner.revoking.retain(|key, _| !partitions.contains(key));
        inner.committer.forget(partitions);
        self.consumer.change(|fetcher| fetcher.remove(partitions));
    }

    /// These partitions are another's already.
    fn lose(&self, partitions: &[TopicPartition]) {
        let mut inner = self.inner();
        // Of one that left they were taken away then. Those that it has now it was assigned by hand.
        if inner.subscribed || inner.membership.state() != MemberState::Unsubscribed {
            self.take_away(&mut inner, partitions);
        }
    }

    fn put(self: &Arc<Self>, question: Question) {
        self.consumer.push_work(Work::Answer(self.clone().answering(question)));
    }

    fn put_to_listener(self: &Arc<Self>, question: Question) {
        if self.listener().is_some() {
            self.put(question);
        } else {
            self.event(MembershipEvent::Answered { question: question.id });
        }
    }

    /// What answers a question, polled by whoever asks for records.
    fn answering(self: Arc<Self>, question: Question) -> Answering {
        let answer = Answer { group: self.clone(), question: question.id };
        Box::pin(async move {
            let _answer = answer;
            let (mut kind, partitions) = (question.kind, question.partitions);
            if kind == QuestionKind::Revoked && self.inner().membership.identity().is_none() {
                // It was asked, and the membership was over before the application came to it.
                kind = QuestionKind::Lost;
                self.lose(&partitions);
            }
            let positions = if kind == QuestionKind::Revoked { self.give_up(&partitions) } else { BTreeMap::new() };
            // What is gone now may be another topic when the listener has answered.
            let to_commit = there(positions.clone(), &self.client.cluster());
            if let Some(listener) = self.listener() {
                let rebalance = Rebalance { group: self.clone(), kind, partitions: partitions.clone(), positions };
                match kind {
                    QuestionKind::Assigned => listener.assigned(rebalance).await,
                    QuestionKind::Revoked => listener.revoked(rebalance).await,
                    QuestionKind::Lost => listener.lost(rebalance).await,
                }
            }
            if kind == QuestionKind::Revoked {
                if let Err(error) = self.final_commit(&to_commit).await {
                    // At close whoever waits for that hears of it.
                    if self.inner().close_by.is_none() {
                        self.consumer.push_work(Work::Error(error));
                    }
                }
                self.given_up(&partitions);
            }
        })
    }

    /// These partitions are not this member's any more.
    fn given_up(&self, partitions: &[TopicPartition]) {
        let mut inner = self.inner();
        inner.committer.forget(partitions);
        inner.revoking.clear();
    }

    /// Ends what the application has begun to answer, and will not come to its end with: it has gone.
    pub(super) async fn end(self: Arc<Self>, begun: Answering) {
        let positions = self.inner().revoking.clone();
        // Why it fails is kept for whoever waits for the close.
        let _ = self.final_commit(&positions).await;
        self.given_up(&positions.into_keys().collect::<Vec<_>>());
        // Which gives the answer.
        drop(begun);
    }

    /// Hands out no more records of these partitions. What was taken before counts as consumed, since the application is here again.
    fn give_up(&self, partitions: &[TopicPartition]) -> BTreeMap<TopicPartition, Arc<Position>> {
        let cluster = self.client.cluster();
        let mut inner = self.inner();
        let mut positions = BTreeMap::new();
        self.consumer.change(|fetcher| {
            fetcher.consume_taken();
            for key in partitions {
                // In a topic that was made anew it stands nowhere.
                let anew = fetcher.is_made_anew(key, &cluster);
                if let Some(position) = fetcher.position(key).filter(|_| !anew) {
                    positions.insert(key.clone(), position.clone());
                }
            }
            fetcher.remove(partitions);
        });
        inner.leave_out(partitions);
        inner.revoking.clone_from(&positions);
        positions
    }

    /// Asks for the offsets at which new partitions are to start. A listener hears of them when these are known.
    fn start_partitions(self: &Arc<Self>, question: Question) {
        self.follow(question.partitions.iter().map(|key| &key.topic), self.timeouts.may_create);
        let now = self.now();
        let by = now + self.timeouts.api.min(self.config.max_poll_interval / 2);
        let mut inner = self.inner();
        let id = inner.initialize(now, question.partitions.iter().cloned().collect(), self.timeouts.require_stable, by);
        let question = if self.listener().is_some() {
            Some(question)
        } else {
            self.consumer.change(|fetcher| fetcher.add_waiting(question.partitions));
            inner.membership.handle(now, MembershipEvent::Answered { question: question.id });
            None
        };
        inner.fetches.insert(id, Fetching::Start { id, question });
        drop(inner);
        self.wake.notify_one();
    }

    /// Asks again for what could not be had.
    pub(super) fn start_again(&self) {
        let now = self.now();
        let mut inner = self.inner();
        if inner.initialize_at.take_if(|at| *at <= now).is_none() || inner.initializing.is_empty() {
            return;
        }
        let waiting: BTreeSet<TopicPartition> = {
            let Inner { initializing, .. } = &mut *inner;
            let state = self.consumer.state();
            // What was sought elsewhere meanwhile needs no offset of the group's. What is not there yet is asked for already.
            initializing.retain(|key, _| state.fetcher.is_waiting(key) != Some(false));
            initializing.keys().filter(|key| state.fetcher.is_waiting(key) == Some(true)).cloned().collect()
        };
        if waiting.is_empty() {
            return;
        }
        let id = inner.initialize(now, waiting, self.timeouts.require_stable, now + self.timeouts.api);
        inner.fetches.insert(id, Fetching::Start { id, question: None });
    }

    /// The committed offsets are there, or could not be had.
    pub(super) fn fetched(self: &Arc<Self>, waiting: Fetching, result: Result<CommittedOffsets, Error>) {
        let (id, question) = match waiting {
            Fetching::Call(tell) => {
                // Who asked may have gone.
                drop(tell.send(result));
                return;
            }
            Fetching::Start { id, question } => (id, question),
        };
        match result {
            Ok(offsets) => {
                let mut inner = self.inner();
                inner.initialize_error = None;
                let mut starts = Vec::new();
                for (key, committed) in offsets {
                    if inner.initializing.get(&key) == Some(&id) {
                        inner.initializing.remove(&key);
                        starts.push((key, committed.map_or(StartAt::Default, start_at)));
                    }
                }
                // The question comes before the first record.
                let work = question.filter(|_| self.listener().is_some()).map(|question| self.clone().answering(question));
                self.consumer.start_partitions(starts, work.map(Work::Answer));
            }
            Err(error) => {
                let mut inner = self.inner();
                inner.initialize_at = Some(self.now() + self.timeouts.retry_max);
                let told = inner.initialize_error.as_ref().map(Error::code);
                if told != Some(error.code()) {
                    inner.initialize_error = Some(error.clone());
                    self.consumer.push_work(Work::Error(error));
                }
                if let Some(question) = question {
                    // Its listener may seek, though where the group stands is not known.
                    let missing = question.partitions.iter().filter(|key| inner.initializing.get(key) == Some(&id)).cloned();
                    let missing: Vec<TopicPartition> = missing.collect();
                    self.consumer.change(|fetcher| fetcher.add_waiting(missing));
                    drop(inner);
                    self.put_to_listener(question);
                }
            }
        }
        self.wake.notify_one();
    }

    /// Divides the partitions: an assignor of the application's runs on its thread, one that is built in beside the IO.
    pub(super) fn assign(
        self: &Arc<Self>,
        token: u64,
        assignor: Arc<dyn PartitionAssignor>,
        own: bool,
        topics: GroupTopics,
        members: Vec<MemberSubscription>,
    ) {
        let mut run = Assigning { group: self.clone(), token, topics, result: None };
        let mut work = move || run.result = Some(assignor.assign(&run.topics, &members));
        if own {
            self.consumer.push_work(Work::Assign(Box::pin(async move { work() })));
        } else {
            self.client.offload.run(Box::new(work));
        }
    }
}

impl Inner {
    /// Begins to ask where the group stands in these partitions.
    fn initialize(&mut self, now: Instant, partitions: BTreeSet<TopicPartition>, require_stable: bool, by: Instant) -> u64 {
        let id = self.committer.fetch(now, partitions.clone(), require_stable, by);
        self.initializing.extend(partitions.into_iter().map(|key| (key, id)));
        id
    }
}

/// Where to go on behind what was committed: with the epoch, the leader is asked first whether its log still holds that.
fn start_at(committed: OffsetAndMetadata) -> StartAt {
    StartAt::OffsetAndEpoch { offset: committed.offset, leader_epoch: committed.leader_epoch }
}

/// An assignor's run: what came of it is told when this is dropped.
struct Assigning {
    group: Arc<Group>,
    token: u64,
    topics: GroupTopics,
    result: Option<GroupAssignment>,
}

impl Drop for Assigning {
    fn drop(&mut self) {
        let result = self.result.take().ok_or_else(|| match *self.group.settled.borrow() {
            MemberState::Closed => closed(),
            _ => Error::new(ErrorKind::State, "the assignor has not come to its end"),
        });
        let topics = std::mem::take(&mut self.topics);
        self.group.event(MembershipEvent::Assigned { token: self.token, topics, result });
    }
}
