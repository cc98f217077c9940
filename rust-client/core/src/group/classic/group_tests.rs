//! Whole groups on virtual time: members come, go, fall silent and lose the network, and the coordinator with them. At no time do
//! two members that the coordinator knows read the same partition, and once all is quiet everybody reads their part.

use std::collections::BTreeMap;

use bytes::Bytes;
use ottla_protocol::ErrorCode;
use ottla_protocol::messages::join_group::JoinGroupResponseMember;
use ottla_protocol::messages::{
    HeartbeatResponse, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, LeaveGroupResponse, SyncGroupRequest,
    SyncGroupResponse,
};

use super::tests::settings;
use super::*;
use crate::group::assignor::builtin;
use crate::group::membership::{GroupRequest, GroupResponse};

/// Which client, and its token.
type Waiting = (usize, u64);

#[derive(Default)]
struct Member {
    protocols: Vec<(Text, Bytes)>,
    joining: Option<Waiting>,
    syncing: Option<Waiting>,
    heard: Instant,
    assignment: Bytes,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Joining(Instant),
    Syncing,
    Stable,
}

/// As much of a group coordinator as members need.
struct Coordinator {
    members: BTreeMap<Text, Member>,
    given: BTreeSet<Text>,
    phase: Phase,
    generation: i32,
    leader: Text,
    protocol: Text,
    replies: Vec<(Waiting, GroupResponse)>,
    ids: u32,
}

impl Coordinator {
    fn new() -> Self {
        Self {
            members: BTreeMap::new(),
            given: BTreeSet::new(),
            phase: Phase::Stable,
            generation: 0,
            leader: Text::default(),
            protocol: Text::default(),
            replies: Vec::new(),
            ids: 0,
        }
    }

    fn handle(&mut self, now: Instant, from: Waiting, request: GroupRequest) {
        match request {
            GroupRequest::JoinGroup(request) => self.join(now, from, request),
            GroupRequest::SyncGroup(request) => self.sync(now, from, request),
            GroupRequest::Heartbeat(request) => {
                let code = self.check(now, &request.member_id, request.generation_id);
                let code = if code.is_none() && matches!(self.phase, Phase::Joining(_)) {
                    ErrorCode::RebalanceInProgress
                } else {
                    code.unwrap_or(ErrorCode::None)
                };
                let response = HeartbeatResponse { error_code: code.code(), ..HeartbeatResponse::default() };
                self.replies.push((from, GroupResponse::Heartbeat(response)));
            }
            GroupRequest::LeaveGroup(LeaveGroupRequest { members, .. }) => {
                for member in members {
                    self.remove(now, &member.member_id);
                }
                self.replies.push((from, GroupResponse::LeaveGroup(LeaveGroupResponse::default())));
            }
        }
    }

    fn check(&mut self, now: Instant, member: &Text, generation: i32) -> Option<ErrorCode> {
        match self.members.get_mut(member) {
            None => Some(ErrorCode::UnknownMemberId),
            Some(_) if generation != self.generation => Some(ErrorCode::IllegalGeneration),
            Some(member) => {
                member.heard = now;
                None
            }
        }
    }

    fn join(&mut self, now: Instant, from: Waiting, request: JoinGroupRequest) {
        let refuse = |code: ErrorCode, member_id: Text| {
            let response = JoinGroupResponse { error_code: code.code(), member_id, ..JoinGroupResponse::default() };
            (from, GroupResponse::JoinGroup(response))
        };
        let id = request.member_id;
        if id.is_empty() {
            self.ids += 1;
            let id = Text::from(format!("member-{}", self.ids));
            self.given.insert(id.clone());
            return self.replies.push(refuse(ErrorCode::MemberIdRequired, id));
        }
        if !self.members.contains_key(&id) && !self.given.remove(&id) {
            return self.replies.push(refuse(ErrorCode::UnknownMemberId, id));
        }
        let member = self.members.entry(id).or_default();
        member.heard = now;
        member.protocols = request.protocols.into_iter().map(|p| (p.name, p.metadata)).collect();
        member.joining = Some(from);
        self.rebalance(now);
        self.complete_join(now);
    }

    fn rebalance(&mut self, now: Instant) {
        if !matches!(self.phase, Phase::Joining(_)) {
            self.phase = Phase::Joining(now);
            for member in self.members.values_mut() {
                if let Some(from) = member.syncing.take() {
                    let response =
                        SyncGroupResponse { error_code: ErrorCode::RebalanceInProgress.code(), ..SyncGroupResponse::default() };
                    self.replies.push((from, GroupResponse::SyncGroup(response)));
                    member.heard = now;
                }
            }
        }
    }

    fn remove(&mut self, now: Instant, id: &Text) {
        self.given.remove(id);
        let Some(member) = self.members.remove(id) else { return };
        if let Some(from) = member.joining {
            let response = JoinGroupResponse { error_code: ErrorCode::UnknownMemberId.code(), ..JoinGroupResponse::default() };
            self.replies.push((from, GroupResponse::JoinGroup(response)));
        }
        self.rebalance(now);
        self.complete_join(now);
    }

    fn complete_join(&mut self, now: Instant) {
        if !matches!(self.phase, Phase::Joining(_)) || self.members.values().any(|member| member.joining.is_none()) {
            return;
        }
        self.generation += 1;
        self.phase = if self.members.is_empty() { Phase::Stable } else { Phase::Syncing };
        let Some((first, member)) = self.members.first_key_value() else { return };
        self.protocol = member.protocols[0].0.clone();
        if !self.members.contains_key(&self.leader) {
            self.leader = first.clone();
        }
        let all: Vec<JoinGroupResponseMember> = self
            .members
            .iter()
            .map(|(id, member)| JoinGroupResponseMember {
                member_id: id.clone(),
                metadata: member.protocols[0].1.clone(),
                ..JoinGroupResponseMember::default()
            })
            .collect();
        for (id, member) in &mut self.members {
            member.heard = now;
            member.assignment = Bytes::new();
            let Some(from) = member.joining.take() else { continue };
            let response = JoinGroupResponse {
                generation_id: self.generation,
                protocol_name: Some(self.protocol.clone()),
                leader: self.leader.clone(),
                member_id: id.clone(),
                members: if *id == self.leader { all.clone() } else { Vec::new() },
                ..JoinGroupResponse::default()
            };
            self.replies.push((from, GroupResponse::JoinGroup(response)));
        }
    }

    fn sync(&mut self, now: Instant, from: Waiting, request: SyncGroupRequest) {
        let code = self.check(now, &request.member_id, request.generation_id);
        let code = code.or(matches!(self.phase, Phase::Joining(_)).then_some(ErrorCode::RebalanceInProgress));
        if let Some(code) = code {
            let response = SyncGroupResponse { error_code: code.code(), ..SyncGroupResponse::default() };
            return self.replies.push((from, GroupResponse::SyncGroup(response)));
        }
        if let Some(member) = self.members.get_mut(&request.member_id) {
            member.syncing = Some(from);
        }
        if self.phase == Phase::Syncing && request.member_id == self.leader {
            for assignment in request.assignments {
                if let Some(member) = self.members.get_mut(&assignment.member_id) {
                    member.assignment = assignment.assignment;
                }
            }
            self.phase = Phase::Stable;
        }
        if self.phase == Phase::Stable {
            for member in self.members.values_mut() {
                if let Some(from) = member.syncing.take() {
                    member.heard = now;
                    let response = SyncGroupResponse { assignment: member.assignment.clone(), ..SyncGroupResponse::default() };
                    self.replies.push((from, GroupResponse::SyncGroup(response)));
                }
            }
        }
    }

    /// Sessions and rebalance timeouts.
    fn tick(&mut self, now: Instant) {
        let session = settings(&["range"]).session_timeout;
        let late = |member: &Member| match self.phase {
            Phase::Joining(since) => member.joining.is_none() && now.since(since) > MAX_POLL_INTERVAL,
            _ => false,
        };
        let gone: Vec<Text> = self
            .members
            .iter()
            .filter(|(_, m)| late(m) || m.joining.is_none() && m.syncing.is_none() && now.since(m.heard) > session)
            .map(|(id, _)| id.clone())
            .collect();
        for id in gone {
            self.remove(now, &id);
        }
    }
}

const MAX_POLL_INTERVAL: Duration = Duration::from_secs(6);
const TICK: Duration = Duration::from_millis(20);

struct Client {
    member: ClassicMembership,
    /// The application does nothing until then.
    silent_until: Instant,
    question: Option<(Instant, u64)>,
    assign: Option<(Instant, MembershipCommand)>,
    find_at: Option<Instant>,
    cut_until: Instant,
    closed: bool,
}

enum Packet {
    Request(Waiting, GroupRequest),
    Reply(Waiting, Result<GroupResponse, Error>),
}

struct World {
    seed: u64,
    rng: Rng,
    now: Instant,
    assignors: Vec<&'static str>,
    coordinator: Coordinator,
    clients: Vec<Client>,
    packets: BTreeMap<(Instant, u64), Packet>,
    sent: u64,
    topics: GroupTopics,
    /// How many partitions members were asked to give up, and lost.
    revoked: usize,
    lost: usize,
    poll_interval_exceeded: usize,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::from_seed(seed);
        let assignors = [&["range"][..], &["cooperative-sticky"], &["sticky", "roundrobin"]][rng.below(3) as usize].to_vec();
        let racks = [("t", 7), ("u", 4)].map(|(topic, count)| (Text::from(topic), vec![BTreeSet::new(); count]));
        let mut world = Self {
            seed,
            rng,
            now: Instant::from_micros(5_000_000),
            assignors,
            coordinator: Coordinator::new(),
            clients: Vec::new(),
            packets: BTreeMap::new(),
            sent: 0,
            topics: GroupTopics { racks: racks.into() },
            revoked: 0,
            lost: 0,
            poll_interval_exceeded: 0,
        };
        for _ in 0..3 {
            world.add_client();
        }
        world
    }

    fn add_client(&mut self) {
        let settings = ClassicSettings { max_poll_interval: MAX_POLL_INTERVAL, ..settings(&self.assignors) };
        let mut member = ClassicMembership::new(settings, self.rng.fork()).unwrap();
        member.handle(self.now, MembershipEvent::Subscribed(self.topics.racks.keys().cloned().collect()));
        self.clients.push(Client {
            member,
            silent_until: self.now,
            question: None,
            assign: None,
            find_at: None,
            cut_until: self.now,
            closed: false,
        });
    }

    fn post(&mut self, packet: Packet) {
        self.sent += 1;
        let delay = Duration::from_millis(1 + self.rng.below(40));
        self.packets.insert((self.now + delay, self.sent), packet);
    }

    fn deliver(&mut self) {
        while let Some(entry) = self.packets.first_entry().filter(|entry| entry.key().0 <= self.now) {
            match entry.remove() {
                Packet::Request((client, token), request) => {
                    if self.clients[client].cut_until > self.now {
                        let lost = Err(Error::new(ErrorKind::Transport, "cut"));
                        self.post(Packet::Reply((client, token), lost));
                    } else {
                        self.coordinator.handle(self.now, (client, token), request);
                    }
                }
                Packet::Reply((client, token), answer) => {
                    let client = &mut self.clients[client];
                    let lost = client.cut_until > self.now;
                    let answer = if lost { Err(Error::new(ErrorKind::Transport, "cut")) } else { answer };
                    client.member.handle(self.now, MembershipEvent::Response { token, answer });
                }
            }
            for (to, response) in std::mem::take(&mut self.coordinator.replies) {
                self.post(Packet::Reply(to, Ok(response)));
            }
        }
    }

    fn tick(&mut self) {
        self.now = self.now + TICK;
        self.coordinator.tick(self.now);
        for (to, response) in std::mem::take(&mut self.coordinator.replies) {
            self.post(Packet::Reply(to, Ok(response)));
        }
        self.deliver();
        for index in 0..self.clients.len() {
            self.application(index);
            let mut commands = Vec::new();
            let due = self.clients[index].member.poll(self.now, &mut commands);
            let again = self.clients[index].member.poll(self.now, &mut commands);
            assert!(due > self.now && due == again, "seed {}: due at {due} at {}", self.seed, self.now);
            for command in commands {
                self.command(index, command);
            }
        }
        self.check();
    }

    fn application(&mut self, index: usize) {
        let now = self.now;
        let client = &mut self.clients[index];
        if client.find_at.is_some_and(|at| at <= now) && client.cut_until <= now {
            client.find_at = None;
            client.member.handle(now, MembershipEvent::CoordinatorFound(7));
        }
        if client.silent_until > now {
            return;
        }
        client.member.handle(now, MembershipEvent::ApplicationPolled);
        if let Some((_, question)) = client.question.take_if(|(at, _)| *at <= now) {
            client.member.handle(now, MembershipEvent::Answered { question });
        }
        if let Some((_, MembershipCommand::Assign { token, assignor, members, .. })) = client.assign.take_if(|(at, _)| *at <= now)
        {
            let result = Ok(builtin(&assignor).unwrap().assign(&self.topics, &members));
            client.member.handle(now, MembershipEvent::Assigned { token, topics: self.topics.clone(), result });
        }
    }

    fn command(&mut self, index: usize, command: MembershipCommand) {
        let soon = self.now + Duration::from_millis(self.rng.below(300));
        match command {
            MembershipCommand::Send { token, request, .. } => self.post(Packet::Request((index, token), request)),
            MembershipCommand::FindCoordinator => self.clients[index].find_at = Some(soon),
            MembershipCommand::Assign { .. } => self.clients[index].assign = Some((soon, command)),
            MembershipCommand::Ask(question) => {
                assert!(self.clients[index].question.is_none(), "seed {}: two questions at once", self.seed);
                self.clients[index].question = Some((soon, question.id));
                match question.kind {
                    QuestionKind::Assigned => {}
                    QuestionKind::Revoked => self.revoked += question.partitions.len(),
                    QuestionKind::Lost => self.lost += question.partitions.len(),
                }
            }
            MembershipCommand::Report(error) => {
                assert_eq!(error.kind(), ErrorKind::MaxPollExceeded, "seed {}: {error}", self.seed);
                self.poll_interval_exceeded += 1;
            }
            MembershipCommand::Closed => self.clients[index].closed = true,
            MembershipCommand::Follow { .. } | MembershipCommand::TakeAway(_) | MembershipCommand::HeartbeatTaken => {}
            MembershipCommand::NotSubscribed { .. } => panic!("seed {}: nobody assigns what is not subscribed to", self.seed),
        }
    }

    /// Nobody reads what another reads, as far as the coordinator knows them.
    fn check(&self) {
        let mut readers: BTreeMap<&TopicPartition, &Text> = BTreeMap::new();
        for client in &self.clients {
            if client.closed || !self.coordinator.members.contains_key(&client.member.member_id) {
                continue;
            }
            for partition in &client.member.owned {
                let other = readers.insert(partition, &client.member.member_id);
                assert!(
                    other.is_none(),
                    "seed {} at {}: {partition:?} is read by {other:?} and {}",
                    self.seed,
                    self.now,
                    client.member.member_id
                );
            }
        }
    }

    fn strike(&mut self) {
        let open: Vec<usize> = (0..self.clients.len()).filter(|&index| !self.clients[index].closed).collect();
        let victim = open[self.rng.below(open.len() as u64) as usize];
        let time = Duration::from_millis(self.rng.below(12_000));
        match self.rng.below(6) {
            0 => self.clients[victim].silent_until = self.now + time,
            1 => {
                self.clients[victim].cut_until = self.now + time;
                self.clients[victim].member.handle(self.now, MembershipEvent::CoordinatorLost);
            }
            2 if open.len() < 6 => self.add_client(),
            3 if open.len() > 2 => {
                let (leave, by) = (LeavePolicy::Default, self.now + Duration::from_secs(3));
                self.clients[victim].member.handle(self.now, MembershipEvent::Close { leave, by });
            }
            4 => {
                let topics = self.topics.racks.keys().filter(|_| self.rng.below(3) > 0).cloned().collect();
                self.clients[victim].member.handle(self.now, MembershipEvent::Subscribed(topics));
            }
            _ => {
                // The coordinator moves, and knows the group there too.
                for client in &mut self.clients {
                    client.member.handle(self.now, MembershipEvent::CoordinatorLost);
                }
            }
        }
    }
}

#[test]
fn no_partition_has_two_readers_and_every_rebalance_ends() {
    let mut struck = (0, 0, 0);
    for seed in 0..60 {
        let mut world = World::new(seed);
        for _ in 0..12 {
            for _ in 0..1 + world.rng.below(400) {
                world.tick();
            }
            world.strike();
        }
        let all: BTreeSet<Text> = world.topics.racks.keys().cloned().collect();
        for client in world.clients.iter_mut() {
            client.member.handle(world.now, MembershipEvent::Subscribed(all.clone()));
        }
        for _ in 0..3000 {
            world.tick();
        }
        let mut read = 0;
        for client in world.clients.iter().filter(|client| !client.closed) {
            let status = client.member.status(world.now);
            assert_eq!(status.state, "Stable", "seed {seed}: {status:?}");
            assert!(!status.owned.is_empty(), "seed {seed}: {status:?}");
            read += status.owned.len();
        }
        assert_eq!(read, 11, "seed {seed}");
        struck = (struck.0 + world.revoked, struck.1 + world.lost, struck.2 + world.poll_interval_exceeded);
    }
    // The schedules did do something to the groups.
    assert!(struck.0 > 1000 && struck.1 > 100 && struck.2 > 20, "{struck:?}");
}

#[test]
fn who_joins_a_cooperative_group_takes_from_the_others_what_it_gets_and_no_more() {
    for seed in 0..20 {
        let mut world = World::new(seed);
        world.assignors = vec!["cooperative-sticky"];
        world.clients.clear();
        (0..3).for_each(|_| world.add_client());
        (0..500).for_each(|_| world.tick());
        let before: Vec<BTreeSet<TopicPartition>> = world.clients.iter().map(|client| client.member.owned.clone()).collect();
        assert_eq!(before.iter().map(BTreeSet::len).sum::<usize>(), 11, "seed {seed}");
        (world.revoked, world.lost) = (0, 0);
        world.add_client();
        (0..500).for_each(|_| world.tick());
        let kept: usize =
            before.iter().zip(&world.clients).map(|(before, client)| before.intersection(&client.member.owned).count()).sum();
        assert_eq!((kept, world.clients[3].member.owned.len(), world.revoked, world.lost), (9, 2, 2, 0), "seed {seed}");
    }
}
