//! Events in any order, answers that nobody asked for or that make no sense: no panic, no busy loop, questions one at a time, and
//! close always comes to its end in time.

use bytes::Bytes;
use ottla_protocol::ErrorCode;
use ottla_protocol::messages::join_group::JoinGroupResponseMember;
use ottla_protocol::messages::{HeartbeatResponse, JoinGroupResponse, LeaveGroupResponse, SyncGroupResponse};

use super::tests::settings;
use super::*;
use crate::group::assignor::MemberAssignment;
use crate::group::encode_assignment;
use crate::group::membership::GroupResponse;

const CODES: [i16; 16] = [0, 0, 0, 0, 14, 15, 16, 22, 23, 25, 27, 30, 79, 81, 82, 999];

fn bytes(rng: &mut Rng) -> Bytes {
    match rng.below(4) {
        0 => (0..rng.below(12)).map(|_| rng.next_u32() as u8).collect(),
        _ => {
            let partitions = (0..rng.below(4))
                .map(|_| TopicPartition::new(["t", "u"][rng.below(2) as usize], rng.below(6) as i32 - 1))
                .collect();
            encode_assignment(&MemberAssignment { partitions, user_data: None }).unwrap()
        }
    }
}

/// Mostly to what was asked.
fn response(rng: &mut Rng, state: State) -> GroupResponse {
    let error_code = if rng.below(2) == 0 { 0 } else { CODES[rng.below(16) as usize] };
    let kind = match state {
        State::Joining => 0,
        State::Syncing => 1,
        State::Leaving => 3,
        _ => 2,
    };
    let kind = if rng.below(8) == 0 { rng.below(4) } else { kind };
    let id = |rng: &mut Rng| Text::from(["m", "n", ""][rng.below(3) as usize]);
    match kind {
        0 => GroupResponse::JoinGroup(JoinGroupResponse {
            error_code,
            generation_id: rng.below(4) as i32 - 1,
            protocol_name: (rng.below(3) > 0).then(|| "range".into()),
            leader: id(rng),
            member_id: id(rng),
            skip_assignment: rng.below(4) == 0,
            members: (0..rng.below(3))
                .map(|_| JoinGroupResponseMember {
                    member_id: id(rng),
                    metadata: bytes(rng),
                    ..JoinGroupResponseMember::default()
                })
                .collect(),
            ..JoinGroupResponse::default()
        }),
        1 => GroupResponse::SyncGroup(SyncGroupResponse { error_code, assignment: bytes(rng), ..SyncGroupResponse::default() }),
        2 => GroupResponse::Heartbeat(HeartbeatResponse { error_code, ..HeartbeatResponse::default() }),
        _ => GroupResponse::LeaveGroup(LeaveGroupResponse { error_code, ..LeaveGroupResponse::default() }),
    }
}

fn event(rng: &mut Rng, member: &ClassicMembership) -> MembershipEvent {
    let latest = member.next_token;
    match rng.below(12) {
        0 if rng.below(3) == 0 => {
            MembershipEvent::TopicsMatched(["t", "u"].into_iter().filter(|_| rng.below(4) > 0).map(Text::from).collect())
        }
        0 => MembershipEvent::Subscribed(["t", "u"].into_iter().filter(|_| rng.below(4) > 0).map(Text::from).collect()),
        1 => {
            let count = rng.below(4) as usize;
            MembershipEvent::TopicsChanged(GroupTopics { racks: [("t".into(), vec![BTreeSet::new(); count])].into() })
        }
        2 => MembershipEvent::ApplicationPolled,
        3 => MembershipEvent::Answered { question: member.next_question.saturating_sub(rng.below(8) / 7) },
        4 => MembershipEvent::Assigned {
            token: latest,
            topics: GroupTopics::default(),
            result: if rng.below(4) == 0 { Err(Error::new(ErrorKind::State, "no")) } else { Ok(Default::default()) },
        },
        5 => MembershipEvent::CoordinatorFound(rng.below(3) as i32),
        6 => MembershipEvent::CoordinatorLost,
        7 => MembershipEvent::CommitRefused {
            generation: rng.below(4) as i32 - 1,
            code: ErrorCode::from_code(CODES[rng.below(16) as usize]),
        },
        _ => {
            let asked = member.leaving.or(member.joining).or(member.heartbeat);
            let token = asked.filter(|_| rng.below(8) > 0).unwrap_or(latest.saturating_sub(rng.below(3)));
            let answer =
                if rng.below(8) == 0 { Err(Error::new(ErrorKind::Transport, "cut")) } else { Ok(response(rng, member.state)) };
            MembershipEvent::Response { token, answer }
        }
    }
}

#[test]
fn any_events_in_any_order() {
    let mut reached = BTreeSet::new();
    for seed in 0..1500 {
        let mut rng = Rng::from_seed(seed);
        let mut settings = settings(&[["range", "cooperative-sticky", "sticky"][rng.below(3) as usize]]);
        settings.group_instance_id = (rng.below(3) == 0).then(|| "i".into());
        let mut member = ClassicMembership::new(settings, rng.fork()).unwrap();
        let mut now = Instant::from_micros(1_000_000);
        let mut open: Option<u64> = None;
        let mut closed = false;
        let mut commands = Vec::new();
        let mut poll = |member: &mut ClassicMembership, now: Instant, answered: Option<u64>| {
            let due = member.poll(now, &mut commands);
            assert!(due > now, "seed {seed}: due at {due} at {now} in {:?}", member.state);
            open = open.filter(|open| Some(*open) != answered);
            for command in commands.drain(..) {
                match command {
                    MembershipCommand::Ask(question) => {
                        assert_eq!(open, None, "seed {seed}: two questions at once");
                        open = Some(question.id);
                    }
                    MembershipCommand::Closed => {
                        assert!(!closed, "seed {seed}: closed twice");
                        closed = true;
                    }
                    _ => {}
                }
            }
            due
        };
        for _ in 0..120 {
            let event = event(&mut rng, &member);
            let answered = if let MembershipEvent::Answered { question } = &event { Some(*question) } else { None };
            member.handle(now, event);
            let due = poll(&mut member, now, answered);
            reached.insert(member.state);
            let _ = member.status(now).held_up_by.map(|cause| cause.to_string());
            now = match rng.below(6) {
                0 if due < Instant::FAR_FUTURE => due,
                1 => now + Duration::from_millis(rng.below(70_000)),
                _ => now + Duration::from_millis(rng.below(50)),
            };
        }
        let by = now + Duration::from_secs(5);
        member.handle(now, MembershipEvent::Close { leave: LeavePolicy::Default, by });
        while member.state != State::Closed {
            now = poll(&mut member, now, None);
            assert!(now <= by || member.state == State::Closed, "seed {seed}: {:?} at {now}", member.state);
        }
        assert!(member.owned.is_empty());
    }
    for state in State::ALL {
        assert!(reached.contains(&state) || state == State::Closed, "{state:?} was never reached");
    }
}
