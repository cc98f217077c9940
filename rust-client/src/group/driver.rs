//! Carries out what the membership, the commits and the search for the coordinator decide: one task on the IO runtime, and one for
//! each request under way.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ottla_core::error::{Error, ErrorKind};
use ottla_core::group::assignor::{GroupTopics, MemberSubscription, builtin};
use ottla_core::group::classic::State;
use ottla_core::group::coordinator::{CoordinatorCommand, fit_find_coordinator};
use ottla_core::group::offset_commit::{OffsetCommand, OffsetRequest, OffsetResponse, fit_offset_fetch};
use ottla_core::group::{
    GroupRequest, GroupResponse, Lane, Membership, MembershipCommand, MembershipEvent, Question, fit_leave_group,
};
use ottla_core::metadata::BrokerInfo;
use ottla_core::time::Instant;
use ottla_protocol::messages::FindCoordinatorResponse;
use ottla_protocol::{Request, Text};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::missing::Missing;
use super::{Group, Inner, positions, there};
use crate::client::ClientInner;
use crate::consumer::Work;
use crate::network::Purpose;
use crate::observer::{ClientEvent, GroupMember};

/// The answer to a request, or something else that is done.
enum Answer {
    Group(u64, Result<GroupResponse, Error>),
    Offset(u64, Result<OffsetResponse, Error>),
    Coordinator(u64, Result<FindCoordinatorResponse, Error>),
    /// What the application did not do was done for it.
    Served,
}

/// What a step leaves to be done without the lock.
enum Todo {
    Group(u64, BrokerInfo, Lane, GroupRequest, Duration),
    Offset(u64, BrokerInfo, OffsetRequest, i16, Duration),
    Find(u64, ottla_protocol::messages::FindCoordinatorRequest),
    Ask(Question),
    Assign(Assign),
    Fetched(super::Fetching, Result<ottla_core::group::offset_commit::CommittedOffsets, Error>),
    Report(Error),
    Tell(ClientEvent),
    Closed,
}

/// A run of the assignor that waits for metadata.
struct Assign {
    token: u64,
    assignor: Text,
    topics: BTreeSet<Text>,
    members: Vec<MemberSubscription>,
    by: Instant,
    /// Of which metadata it is known that they lack some of the topics, though they have all that there are.
    lacking: Option<u64>,
}

pub(super) struct Driver {
    group: Arc<Group>,
    state: watch::Sender<State>,
    tasks: JoinSet<Answer>,
    id: u64,
    followed: BTreeSet<Text>,
    /// What the membership was told of them last.
    told: Option<GroupTopics>,
    assign: Option<Assign>,
    missing: Missing,
    closed: bool,
}

impl Driver {
    pub(super) fn new(group: Arc<Group>, state: watch::Sender<State>) -> Self {
        let id = group.client.fork_rng().next_u64();
        Self {
            group,
            state,
            tasks: JoinSet::new(),
            id,
            followed: BTreeSet::new(),
            told: None,
            assign: None,
            missing: Missing::default(),
            closed: false,
        }
    }

    pub(super) async fn run(mut self) {
        let mut news = self.group.client.news();
        loop {
            let (deadline, todo) = self.step();
            let again = !todo.is_empty();
            for one in todo {
                self.carry_out(one);
            }
            self.on_metadata();
            let deadline = deadline.min(self.tell_missing());
            self.serve_alone();
            if again {
                continue;
            }
            if self.closed && self.is_done() {
                break;
            }
            let until = self.group.client.clock.to_tokio(deadline);
            tokio::select! {
                biased;
                Some(answer) = self.tasks.join_next(), if !self.tasks.is_empty() => {
                    // None: the task panicked, or the runtime ends.
                    if let Ok(answer) = answer {
                        self.take_in(answer);
                    }
                }
                () = self.group.wake.notified() => {}
                () = news.changed() => {}
                () = tokio::time::sleep_until(until) => {}
            }
        }
        for purpose in [Purpose::Join(self.id), Purpose::Coordinator(self.id)] {
            self.group.client.connections.release(purpose);
        }
        self.group.forget_patterns(&mut self.group.inner());
        while let Some(work) = self.group.consumer.take_work() {
            drop(work);
        }
        // Who waits for something hears that it will not come.
        let mut inner = self.group.inner();
        if inner.committer.is_committing() && inner.close_error.is_none() {
            let what = "what was consumed is not known to be committed: the coordinator has not answered within close.timeout.ms";
            inner.close_error = Some(Error::new(ErrorKind::Timeout, what).with_group(self.group.config.group_id.as_str()));
        }
        inner.commits.clear();
        inner.fetches.clear();
    }

    /// Whether nothing is left to be done for a member that has left.
    fn is_done(&self) -> bool {
        let inner = self.group.inner();
        !inner.committer.is_committing() || inner.close_by.is_some_and(|by| self.group.now() >= by)
    }

    /// What is to be done, and when to come back at the latest.
    fn step(&self) -> (Instant, Vec<Todo>) {
        let group = &self.group;
        let now = group.now();
        let mut todo = Vec::new();
        group.start_again();
        let mut inner = group.inner();
        if group.consumer.is_waited_for() {
            // The application is here, and waits for records.
            inner.membership.handle(now, MembershipEvent::ApplicationPolled);
        }
        if inner.close_by.is_none() && now >= inner.committer.auto_commit_at() {
            let identity = inner.identity();
            let cluster = group.client.cluster();
            let positions = there(positions(&inner, &group.consumer, &cluster), &cluster);
            inner.committer.auto_commit(now, &positions, identity);
        }
        let mut deadline = inner.committer.auto_commit_at();
        if inner.close_by.is_some() {
            deadline = inner.close_by.filter(|by| *by > now).unwrap_or(Instant::FAR_FUTURE);
        }
        if let Some(at) = inner.initialize_at {
            deadline = deadline.min(at);
        }
        let (mut member, mut offsets, mut finder) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            let Inner { membership, committer, finder: search, .. } = &mut *inner;
            let at = membership.poll(now, &mut member).min(committer.poll(now, &mut offsets));
            let at = at.min(search.poll(now, &mut finder));
            if member.is_empty() && offsets.is_empty() && finder.is_empty() {
                deadline = deadline.min(at);
                break;
            }
            member.drain(..).for_each(|command| self.on_member(now, &mut inner, command, &mut todo));
            offsets.drain(..).for_each(|command| self.on_offset(now, &mut inner, command, &mut todo));
            finder.drain(..).for_each(|command| self.on_finder(now, &mut inner, command, &mut todo));
        }
        let state = inner.membership.state();
        drop(inner);
        self.state.send_if_modified(|known| std::mem::replace(known, state) != state);
        if let Some(assign) = &self.assign {
            deadline = deadline.min(assign.by);
        }
        (deadline, todo)
    }

    fn on_member(&self, now: Instant, inner: &mut Inner, command: MembershipCommand, todo: &mut Vec<Todo>) {
        match command {
            MembershipCommand::Send { token, broker, lane, request, timeout } => {
                todo.push(Todo::Group(token, self.broker(inner, broker), lane, request, timeout));
            }
            MembershipCommand::FindCoordinator => inner.finder.find(now),
            MembershipCommand::Assign { token, assignor, topics, members } => {
                let by = now + self.group.timeouts.request.min(self.group.config.session_timeout / 2);
                todo.push(Todo::Assign(Assign { token, assignor, topics, members, by, lacking: None }));
            }
            MembershipCommand::Follow { topics } => {
                let (assignor, members) = (Text::default(), Vec::new());
                todo.push(Todo::Assign(Assign { token: 0, assignor, topics, members, by: now, lacking: None }));
            }
            // Under the lock: whoever subscribes next finds them gone.
            MembershipCommand::TakeAway(partitions) => self.group.take_away(inner, &partitions),
            MembershipCommand::Ask(question) => todo.push(Todo::Ask(question)),
            MembershipCommand::Report(error) => todo.push(Todo::Report(error)),
            MembershipCommand::HeartbeatTaken if self.group.client.observer.traces() => {
                todo.push(Todo::Tell(ClientEvent::Heartbeat(self.member(inner, now))));
            }
            MembershipCommand::HeartbeatTaken => {}
            MembershipCommand::NotSubscribed { assigned, subscribed } => {
                let member = self.member(inner, now);
                let (assigned, subscribed) = (Vec::from_iter(assigned), Vec::from_iter(subscribed));
                todo.push(Todo::Tell(ClientEvent::UnsubscribedTopics { member, assigned, subscribed }));
            }
            MembershipCommand::Closed => todo.push(Todo::Closed),
        }
    }

    fn on_offset(&self, now: Instant, inner: &mut Inner, command: OffsetCommand, todo: &mut Vec<Todo>) {
        match command {
            OffsetCommand::Send { token, broker, request, max_version, timeout } => {
                todo.push(Todo::Offset(token, self.broker(inner, broker), request, max_version, timeout));
            }
            OffsetCommand::FindCoordinator => inner.finder.find(now),
            OffsetCommand::Refused { generation, code } => {
                inner.membership.handle(now, MembershipEvent::CommitRefused { generation, code });
            }
            OffsetCommand::Committed(outcome) => {
                if inner.close_by.is_some() {
                    inner.on_commit_at_close(&outcome);
                }
                if outcome.automatic {
                    let (group_id, offsets) = (self.group.config.group_id.as_str().into(), outcome.offsets.clone());
                    let result = outcome.result.clone();
                    todo.push(Todo::Tell(ClientEvent::AutomaticCommit { group_id, offsets, result }));
                }
                if let Some(tell) = inner.commits.remove(&outcome.id) {
                    // Who asked may have gone.
                    drop(tell.send(outcome));
                }
            }
            OffsetCommand::Fetched { id, result } => {
                if let Some(waiting) = inner.fetches.remove(&id) {
                    todo.push(Todo::Fetched(waiting, result));
                }
            }
        }
    }

    fn on_finder(&self, now: Instant, inner: &mut Inner, command: CoordinatorCommand, todo: &mut Vec<Todo>) {
        match command {
            CoordinatorCommand::Send { token, request } => todo.push(Todo::Find(token, request)),
            CoordinatorCommand::Found(found) => {
                inner.membership.handle(now, MembershipEvent::CoordinatorFound(found.id));
                inner.committer.on_coordinator_found(found.id);
            }
            CoordinatorCommand::Report(error) => todo.push(Todo::Report(error)),
        }
    }

    /// This consumer's place in the group.
    fn member(&self, inner: &Inner, now: Instant) -> GroupMember {
        let identity = inner.membership.status(now).identity;
        let group_id = Text::from(self.group.config.group_id.as_str());
        GroupMember { group_id, member_id: identity.member_id, generation: identity.generation }
    }

    /// Where the coordinator is: as it was named, or as the metadata have it.
    fn broker(&self, inner: &Inner, id: i32) -> BrokerInfo {
        if let Some(known) = inner.finder.known().filter(|known| known.id == id) {
            return BrokerInfo { id, host: known.host.clone(), port: i32::from(known.port), rack: None };
        }
        let cluster = self.group.client.cluster();
        cluster.brokers.get(&id).cloned().unwrap_or(BrokerInfo { id, host: Text::default(), port: 0, rack: None })
    }

    fn carry_out(&mut self, todo: Todo) {
        let client = self.group.client.clone();
        match todo {
            Todo::Group(token, broker, lane, request, timeout) => {
                let purpose = match lane {
                    Lane::Join => Purpose::Join(self.id),
                    Lane::Heartbeat => Purpose::Coordinator(self.id),
                };
                self.tasks
                    .spawn(async move { Answer::Group(token, ask_group(&client, &broker, purpose, request, timeout).await) });
            }
            Todo::Offset(token, broker, request, max, timeout) => {
                let purpose = Purpose::Coordinator(self.id);
                self.tasks.spawn(async move {
                    Answer::Offset(token, ask_offsets(&client, &broker, purpose, request, max, timeout).await)
                });
            }
            Todo::Find(token, request) => {
                let timeout = self.group.timeouts.request;
                self.tasks.spawn(async move {
                    Answer::Coordinator(token, client.call_first_fitted(request, fit_find_coordinator, timeout).await)
                });
            }
            Todo::Ask(question) => self.group.ask(question),
            Todo::Assign(mut assign) => {
                self.group.follow(&assign.topics, false);
                let cluster = client.cluster();
                if cluster.all_topics && assign.topics.iter().any(|topic| !cluster.topics.contains_key(topic)) {
                    // Another member knows of more, or knows less: what is said next holds.
                    assign.lacking = Some(cluster.version);
                    client.refresh();
                }
                if assign.token == 0 {
                    self.told = None;
                } else {
                    self.told = Some(GroupTopics::default());
                }
                self.followed.clone_from(&assign.topics);
                self.assign = Some(assign).filter(|assign| assign.token != 0);
            }
            Todo::Fetched(waiting, result) => self.group.fetched(waiting, result),
            Todo::Report(error) => self.group.consumer.push_work(Work::Error(error)),
            Todo::Tell(event) => {
                if let ClientEvent::UnsubscribedTopics { member, assigned, subscribed } = &event {
                    let (group, member) = (member.group_id.as_str(), member.member_id.as_str());
                    tracing::warn!(
                        group,
                        member,
                        ?assigned,
                        ?subscribed,
                        "the leader assigned topics that are not subscribed to"
                    );
                }
                client.observer.tell(|| event);
            }
            Todo::Closed => self.closed = true,
        }
    }

    /// Runs the assignor once its topics are known, and tells the membership what has changed.
    fn on_metadata(&mut self) {
        let cluster = self.group.client.cluster();
        let now = self.group.now();
        self.group.match_topics(&cluster);
        let known = |assign: &mut Assign| {
            now >= assign.by
                || assign.topics.iter().all(|topic| cluster.topics.contains_key(topic))
                || assign.lacking.is_some_and(|version| cluster.all_topics && cluster.version > version)
        };
        if let Some(assign) = self.assign.take_if(known) {
            let topics = GroupTopics::from_cluster(&cluster, &assign.topics);
            self.told = Some(topics.clone());
            let own = self.group.own_assignors.iter().find(|own| *own.name() == *assign.assignor).cloned();
            let is_own = own.is_some();
            match own.or_else(|| builtin(&assign.assignor)) {
                Some(assignor) => self.group.assign(assign.token, assignor, is_own, topics, assign.members),
                None => {
                    let what =
                        format!("the coordinator picked the assignor {:?}, which is not one of this member's", assign.assignor);
                    let result = Err(Error::new(ErrorKind::Protocol, what));
                    self.group.event(MembershipEvent::Assigned { token: assign.token, topics, result });
                }
            }
        } else if self.assign.is_none() && !self.followed.is_empty() {
            let topics = GroupTopics::from_cluster(&cluster, &self.followed);
            if self.told.as_ref() != Some(&topics) {
                self.told = Some(topics.clone());
                self.group.event(MembershipEvent::TopicsChanged(topics));
            }
        }
    }

    /// Tells of topics that are subscribed to and are not there; when to look again at the latest.
    fn tell_missing(&mut self) -> Instant {
        let group = &self.group;
        let inner = group.inner();
        if inner.close_by.is_some() {
            return Instant::FAR_FUTURE;
        }
        let cluster = group.client.cluster();
        let (told, again) = self.missing.look(group.now(), &inner.named, &cluster, group.timeouts.unknown_topic);
        drop(inner);
        told.into_iter().for_each(|error| group.consumer.push_work(Work::Error(error)));
        again
    }

    /// Answers what is asked when nobody of the application is there any more.
    fn serve_alone(&mut self) {
        if !self.group.alone.load(Ordering::Acquire) {
            return;
        }
        while let Some((work, begun)) = self.group.consumer.take_work() {
            // None of the application's code runs here: its listener is not asked any more, its assignor not run.
            let Work::Answer(answering) = work else { continue };
            let group = self.group.clone();
            self.tasks.spawn(async move {
                if begun {
                    group.end(answering).await;
                } else {
                    answering.await;
                }
                Answer::Served
            });
        }
    }

    fn take_in(&self, answer: Answer) {
        let now = self.group.now();
        let mut inner = self.group.inner();
        match answer {
            Answer::Group(token, answer) => inner.membership.handle(now, MembershipEvent::Response { token, answer }),
            Answer::Offset(token, answer) => inner.committer.on_response(now, token, answer),
            Answer::Coordinator(token, answer) => inner.finder.on_response(now, token, answer),
            Answer::Served => {}
        }
    }
}

/// Asks the coordinator, and waits no longer than `timeout`, for a connection either.
async fn ask<R: Request>(
    client: &ClientInner,
    broker: &BrokerInfo,
    purpose: Purpose,
    request: R,
    fit: impl FnOnce(&mut R, i16),
    at_most: Option<i16>,
    timeout: Duration,
) -> Result<R::Response, Error>
where
    R::Response: Send + 'static,
{
    let asking = client.call_fitted(broker, purpose, request, fit, at_most, timeout);
    match tokio::time::timeout(timeout, asking).await {
        Ok(answer) => answer,
        Err(_) => {
            let what = format!("the coordinator has not answered {} within {} ms", R::KEY.name(), timeout.as_millis());
            Err(Error::new(ErrorKind::Timeout, what).with_broker(broker.id, format!("{}:{}", broker.host, broker.port)))
        }
    }
}

async fn ask_group(
    client: &ClientInner,
    broker: &BrokerInfo,
    purpose: Purpose,
    request: GroupRequest,
    timeout: Duration,
) -> Result<GroupResponse, Error> {
    Ok(match request {
        GroupRequest::JoinGroup(request) => {
            GroupResponse::JoinGroup(ask(client, broker, purpose, request, |_, _| {}, None, timeout).await?)
        }
        GroupRequest::SyncGroup(request) => {
            GroupResponse::SyncGroup(ask(client, broker, purpose, request, |_, _| {}, None, timeout).await?)
        }
        GroupRequest::Heartbeat(request) => {
            GroupResponse::Heartbeat(ask(client, broker, purpose, request, |_, _| {}, None, timeout).await?)
        }
        GroupRequest::LeaveGroup(request) => {
            GroupResponse::LeaveGroup(ask(client, broker, purpose, request, fit_leave_group, None, timeout).await?)
        }
    })
}

async fn ask_offsets(
    client: &ClientInner,
    broker: &BrokerInfo,
    purpose: Purpose,
    request: OffsetRequest,
    max_version: i16,
    timeout: Duration,
) -> Result<OffsetResponse, Error> {
    let at_most = Some(max_version);
    Ok(match request {
        OffsetRequest::Commit(request) => {
            OffsetResponse::Commit(ask(client, broker, purpose, request, |_, _| {}, at_most, timeout).await?)
        }
        OffsetRequest::Fetch(request) => {
            OffsetResponse::Fetch(ask(client, broker, purpose, request, fit_offset_fetch, at_most, timeout).await?)
        }
    })
}
