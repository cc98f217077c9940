//! Members of a group, each driven by a thread and two plain connections, at broker-lite and at a live Kafka: they share the
//! partitions, commit before they give one up, and go on where another has committed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "group_answers/peer.rs"]
#[allow(dead_code, reason = "only its connections are used here")]
mod peer;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use ottla::{Client, Record};
use ottla_broker::Broker;
use ottla_core::consumer::TopicPartition;
use ottla_core::group::assignor::{GroupTopics, builtin};
use ottla_core::group::classic::{ClassicMembership, ClassicSettings};
use ottla_core::group::coordinator::{CoordinatorCommand, CoordinatorFinder, CoordinatorKey, CoordinatorSettings};
use ottla_core::group::offset_commit::{
    CommitMode, OffsetAndMetadata, OffsetCommand, OffsetCommitSettings, OffsetCommitter, OffsetRequest, OffsetResponse,
};
use ottla_core::group::{
    GroupRequest, GroupResponse, Lane, LeavePolicy, Membership, MembershipCommand, MembershipEvent, Question, QuestionKind,
};
use ottla_core::random::Rng;
use ottla_core::time::Instant;
use ottla_protocol::Text;
use ottla_protocol::messages::DescribeGroupsRequest;
use ottla_tests::kafka::{KafkaOptions, LiveKafka, unique_name};

use peer::Peer;

const TOPIC: &str = "shared-by-members";
const PARTITIONS: i32 = 6;
const WITHIN: Duration = Duration::from_secs(60);

enum Request {
    Group(GroupRequest),
    Offsets(OffsetRequest),
}

enum Input {
    Group(u64, GroupResponse),
    Offsets(u64, OffsetResponse),
    Close,
}

/// What can be seen of a member from outside.
#[derive(Clone, Debug, Default)]
struct Seen {
    state: &'static str,
    owned: BTreeSet<i32>,
    /// What was committed of each partition when it was assigned.
    started: BTreeMap<i32, Option<i64>>,
}

type Shared = Arc<(Mutex<Vec<Seen>>, Condvar)>;

struct Running {
    input: Sender<Input>,
    thread: JoinHandle<()>,
}

/// One of the connections: a request at a time, as a broker answers them.
fn lane(servers: String, input: Sender<Input>) -> Sender<(u64, Request)> {
    let (requests, waiting) = channel::<(u64, Request)>();
    std::thread::spawn(move || {
        let mut peer = Peer::connect(&servers);
        for (token, request) in waiting {
            let answer = match request {
                Request::Group(GroupRequest::JoinGroup(r)) => Input::Group(token, GroupResponse::JoinGroup(peer.ask(9, &r))),
                Request::Group(GroupRequest::SyncGroup(r)) => Input::Group(token, GroupResponse::SyncGroup(peer.ask(5, &r))),
                Request::Group(GroupRequest::Heartbeat(r)) => Input::Group(token, GroupResponse::Heartbeat(peer.ask(4, &r))),
                Request::Group(GroupRequest::LeaveGroup(r)) => Input::Group(token, GroupResponse::LeaveGroup(peer.ask(5, &r))),
                Request::Offsets(OffsetRequest::Commit(r)) => Input::Offsets(token, OffsetResponse::Commit(peer.ask(9, &r))),
                Request::Offsets(OffsetRequest::Fetch(r)) => Input::Offsets(token, OffsetResponse::Fetch(peer.ask(9, &r))),
            };
            if input.send(answer).is_err() {
                return;
            }
        }
    });
    requests
}

struct Driver {
    topic: Text,
    start: std::time::Instant,
    member: ClassicMembership,
    finder: CoordinatorFinder,
    committer: OffsetCommitter,
    lanes: [Sender<(u64, Request)>; 2],
    control: Peer,
    question: Option<Question>,
    seen: Seen,
}

impl Driver {
    fn now(&self) -> Instant {
        Instant::from_micros(1 + u64::try_from(self.start.elapsed().as_micros()).unwrap())
    }

    /// Carries out all commands; answers when the next thing is due, `None` at the end.
    fn work(&mut self) -> Option<Instant> {
        loop {
            let now = self.now();
            let (mut group, mut offsets, mut coordinator) = (Vec::new(), Vec::new(), Vec::new());
            let due = self.member.poll(now, &mut group).min(self.committer.poll(now, &mut offsets));
            let due = due.min(self.finder.poll(now, &mut coordinator));
            if group.is_empty() && offsets.is_empty() && coordinator.is_empty() {
                return Some(due);
            }
            for command in group {
                if matches!(command, MembershipCommand::Closed) {
                    return None;
                }
                self.group_command(now, command);
            }
            for command in offsets {
                self.offset_command(now, command);
            }
            for command in coordinator {
                match command {
                    CoordinatorCommand::Send { token, request } => {
                        let answer = self.control.ask(4, &request);
                        self.finder.on_response(now, token, Ok(answer));
                    }
                    CoordinatorCommand::Found(found) => {
                        self.member.handle(now, MembershipEvent::CoordinatorFound(found.id));
                        self.committer.on_coordinator_found(found.id);
                    }
                    CoordinatorCommand::Report(error) => panic!("{error}"),
                }
            }
        }
    }

    fn group_command(&mut self, now: Instant, command: MembershipCommand) {
        match command {
            MembershipCommand::Send { token, lane, request, .. } => {
                self.lanes[usize::from(lane == Lane::Heartbeat)].send((token, Request::Group(request))).unwrap();
            }
            MembershipCommand::FindCoordinator => self.finder.find(now),
            MembershipCommand::Assign { token, assignor, members, .. } => {
                let count = usize::try_from(PARTITIONS).unwrap();
                let topics = GroupTopics { racks: [(self.topic.clone(), vec![BTreeSet::new(); count])].into() };
                let result = Ok(builtin(&assignor).unwrap().assign(&topics, &members));
                self.member.handle(now, MembershipEvent::Assigned { token, topics, result });
            }
            MembershipCommand::Ask(question) => {
                let by = now + Duration::from_secs(10);
                let partitions = question.partitions.iter();
                match question.kind {
                    QuestionKind::Assigned => drop(self.committer.fetch(now, partitions.cloned().collect(), true, by)),
                    QuestionKind::Revoked => {
                        let offset = |p: &TopicPartition| (p.clone(), OffsetAndMetadata::new(100 + i64::from(p.partition)));
                        let identity = self.member.identity();
                        self.committer.commit(now, partitions.map(offset).collect(), identity, CommitMode::Sync, by);
                    }
                    QuestionKind::Lost => panic!("nobody was slow"),
                }
                self.question = Some(question);
            }
            MembershipCommand::Report(error) => panic!("{error}"),
            MembershipCommand::Follow { .. } | MembershipCommand::TakeAway(_) => {}
            MembershipCommand::Closed | MembershipCommand::HeartbeatTaken => {}
            MembershipCommand::NotSubscribed { .. } => panic!("nobody assigns what is not subscribed to"),
        }
    }

    fn offset_command(&mut self, now: Instant, command: OffsetCommand) {
        match command {
            OffsetCommand::Send { token, request, .. } => self.lanes[1].send((token, Request::Offsets(request))).unwrap(),
            OffsetCommand::FindCoordinator => self.finder.find(now),
            OffsetCommand::Refused { code, .. } => panic!("{code:?}"),
            OffsetCommand::Committed(outcome) => {
                outcome.result.unwrap();
                self.answer(now);
            }
            OffsetCommand::Fetched { result, .. } => {
                let offsets = result.unwrap().into_iter();
                self.seen.started.extend(offsets.map(|(p, offset)| (p.partition, offset.map(|offset| offset.offset))));
                self.answer(now);
            }
        }
    }

    fn answer(&mut self, now: Instant) {
        let question = self.question.take().expect("there was a question");
        self.member.handle(now, MembershipEvent::Answered { question: question.id });
        if question.kind == QuestionKind::Revoked {
            self.committer.forget(&question.partitions);
        }
    }
}

fn settings(group: &str, assignor: &str) -> ClassicSettings {
    ClassicSettings {
        group_id: group.into(),
        group_instance_id: None,
        assignors: vec![builtin(assignor).unwrap()],
        session_timeout: Duration::from_secs(30),
        heartbeat_interval: Duration::from_millis(100),
        max_poll_interval: Duration::from_secs(60),
        request_timeout: Duration::from_secs(30),
        retry_backoff: Duration::from_millis(20),
        retry_backoff_max: Duration::from_millis(200),
        client_rack: None,
    }
}

fn start(servers: &str, topic: &str, group: &str, assignor: &str, index: usize, shared: &Shared) -> Running {
    let (input, inputs) = channel();
    let lanes = [lane(servers.into(), input.clone()), lane(servers.into(), input.clone())];
    let mut rng = Rng::from_seed(index as u64);
    let key: Text = group.into();
    let (retry_backoff, retry_backoff_max) = (Duration::from_millis(20), Duration::from_millis(200));
    let find = CoordinatorSettings {
        key_type: CoordinatorKey::Group,
        key: key.clone(),
        query_interval: Duration::from_secs(600),
        retry_backoff,
        retry_backoff_max,
    };
    let offsets = OffsetCommitSettings {
        group_id: key,
        auto_commit_interval: None,
        auto_offset_store: true,
        request_timeout: Duration::from_secs(30),
        retry_backoff,
        retry_backoff_max,
    };
    let driver = Driver {
        topic: topic.into(),
        start: std::time::Instant::now(),
        member: ClassicMembership::new(settings(group, assignor), rng.fork()).unwrap(),
        finder: CoordinatorFinder::new(find, rng.fork()),
        committer: OffsetCommitter::new(offsets, rng.fork()),
        lanes,
        control: Peer::connect(servers),
        question: None,
        seen: Seen::default(),
    };
    let shared = shared.clone();
    let thread = std::thread::spawn(move || drive(driver, &inputs, index, &shared));
    Running { input, thread }
}

fn drive(mut driver: Driver, inputs: &Receiver<Input>, index: usize, shared: &Shared) {
    driver.member.handle(driver.now(), MembershipEvent::Subscribed(BTreeSet::from([driver.topic.clone()])));
    while let Some(due) = driver.work() {
        let now = driver.now();
        let status = driver.member.status(now);
        driver.seen.state = status.state;
        driver.seen.owned = status.owned.iter().map(|p| p.partition).collect();
        shared.0.lock().unwrap()[index] = driver.seen.clone();
        shared.1.notify_all();
        let input = inputs.recv_timeout(due.since(now).min(WITHIN));
        let now = driver.now();
        // The application polls all the time.
        driver.member.handle(now, MembershipEvent::ApplicationPolled);
        match input {
            Ok(Input::Group(token, answer)) => driver.member.handle(now, MembershipEvent::Response { token, answer: Ok(answer) }),
            Ok(Input::Offsets(token, answer)) => driver.committer.on_response(now, token, Ok(answer)),
            Ok(Input::Close) => {
                let close = MembershipEvent::Close { leave: LeavePolicy::Default, by: now + Duration::from_secs(10) };
                driver.member.handle(now, close);
            }
            Err(_) => {}
        }
    }
}

/// Waits until the members from `first` on are settled and have so many partitions each.
fn until_settled(shared: &Shared, first: usize, counts: &[usize]) -> Vec<Seen> {
    let settled = |seen: &[Seen]| {
        let mut owned: Vec<usize> = seen[first..].iter().map(|seen| seen.owned.len()).collect();
        owned.sort_unstable();
        owned == counts && seen[first..].iter().all(|seen| seen.state == "Stable")
    };
    let (seen, late) = shared.1.wait_timeout_while(shared.0.lock().unwrap(), WITHIN, |seen| !settled(seen)).unwrap();
    assert!(!late.timed_out(), "{counts:?} were awaited: {:?}", *seen);
    let all: BTreeSet<i32> = seen[first..].iter().flat_map(|seen| seen.owned.iter().copied()).collect();
    assert_eq!(all.len(), seen[first..].iter().map(|seen| seen.owned.len()).sum::<usize>(), "{:?}", *seen);
    seen.clone()
}

fn members_share_a_topic(servers: &str) {
    for assignor in ["range", "roundrobin", "sticky", "cooperative-sticky"] {
        let group = unique_name(&format!("members-{assignor}"));
        let shared: Shared = Arc::new((Mutex::new(vec![Seen::default()]), Condvar::new()));
        let add = |index| {
            let mut seen = shared.0.lock().unwrap();
            seen.resize(index + 1, Seen::default());
            drop(seen);
            start(servers, TOPIC, &group, assignor, index, &shared)
        };
        let mut members = vec![add(0)];
        until_settled(&shared, 0, &[6]);
        members.push(add(1));
        until_settled(&shared, 0, &[3, 3]);
        members.push(add(2));
        let seen = until_settled(&shared, 0, &[2, 2, 2]);
        for partition in &seen[2].owned {
            // Whoever had it before has committed.
            assert_eq!(seen[2].started[partition], Some(100 + i64::from(*partition)), "{assignor}: {seen:?}");
        }
        let first = members.remove(0);
        first.input.send(Input::Close).unwrap();
        first.thread.join().unwrap();
        until_settled(&shared, 1, &[3, 3]);
        for member in members {
            member.input.send(Input::Close).unwrap();
            member.thread.join().unwrap();
        }
    }
}

#[test]
fn members_share_a_topic_of_broker_lite() {
    let broker = Broker::builder().topic(TOPIC, PARTITIONS).start().unwrap();
    members_share_a_topic(broker.bootstrap_servers());
}

fn kafka() -> &'static LiveKafka {
    static KAFKA: OnceLock<LiveKafka> = OnceLock::new();
    KAFKA.get_or_init(|| {
        let kafka = LiveKafka::start_with(&KafkaOptions::default().property("group.initial.rebalance.delay.ms", "0"));
        kafka.create_topic(TOPIC, PARTITIONS.cast_unsigned(), 1).unwrap();
        kafka
    })
}

#[test]
fn members_share_a_topic_of_kafka() {
    members_share_a_topic(kafka().bootstrap_servers());
}

/// Java's consumer of the topic that is called as the group, which ends with the first record that it reads.
fn java(group: &str, assignor: &str) -> JoinHandle<()> {
    let property = format!("partition.assignment.strategy=org.apache.kafka.clients.consumer.{assignor}");
    let group = group.to_owned();
    std::thread::spawn(move || {
        let mut arguments = vec!["--bootstrap-server", kafka().bootstrap_servers(), "--topic", &group, "--group", &group];
        arguments.extend(["--from-beginning", "--max-messages", "1", "--timeout-ms", "60000", "--command-property", &property]);
        let output = kafka().run_tool("org.apache.kafka.tools.consumer.ConsoleConsumer", &arguments, b"").unwrap();
        let printed = output.into_text().unwrap();
        assert!(printed.contains("for everybody"), "{printed}");
    })
}

/// Each question is one to the broker: no time is waited for.
fn until_there(group: &str) {
    let mut peer = Peer::connect(kafka().bootstrap_servers());
    let request = DescribeGroupsRequest { groups: vec![group.into()], ..DescribeGroupsRequest::default() };
    let begun = std::time::Instant::now();
    while peer.ask(5, &request).groups[0].group_state != "Stable" {
        assert!(begun.elapsed() < WITHIN, "Java's consumer did not join");
    }
}

fn a_record_in_each_partition(topic: &str) {
    let client = Client::builder().set("bootstrap.servers", kafka().bootstrap_servers()).unwrap().build().unwrap();
    let producer = client.producer().unwrap();
    for partition in 0..PARTITIONS {
        drop(producer.try_send(&Record::to(topic).partition(partition).value("for everybody")).unwrap());
    }
    producer.flush_blocking();
}

#[test]
fn java_s_consumers_and_members_hand_partitions_to_each_other() {
    let assignors = [
        ("range", "RangeAssignor"),
        ("roundrobin", "RoundRobinAssignor"),
        ("sticky", "StickyAssignor"),
        ("cooperative-sticky", "CooperativeStickyAssignor"),
    ];
    for (index, (name, class)) in assignors.into_iter().enumerate() {
        let group = unique_name(&format!("with-java-{name}"));
        kafka().create_topic(&group, PARTITIONS.cast_unsigned(), 1).unwrap();
        let shared: Shared = Arc::new((Mutex::new(vec![Seen::default()]), Condvar::new()));
        let add = || start(kafka().bootstrap_servers(), &group, &group, name, 0, &shared);
        // Who is first leads and divides, by turns.
        let (member, java) = if index % 2 == 0 {
            let java = java(&group, class);
            until_there(&group);
            (add(), java)
        } else {
            let member = add();
            until_settled(&shared, 0, &[6]);
            (member, java(&group, class))
        };
        until_settled(&shared, 0, &[3]);
        a_record_in_each_partition(&group);
        java.join().unwrap();
        until_settled(&shared, 0, &[6]);
        member.input.send(Input::Close).unwrap();
        member.thread.join().unwrap();
    }
}
