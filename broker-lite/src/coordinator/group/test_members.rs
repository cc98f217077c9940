//! A group with members that tests move about.

use bytes::Bytes;
use ottla_protocol::messages::join_group::JoinGroupRequestProtocol;
use ottla_protocol::messages::leave_group::MemberIdentity;
use ottla_protocol::messages::sync_group::SyncGroupRequestAssignment;
use ottla_protocol::messages::{JoinGroupRequest, SyncGroupRequest};

use super::*;

pub(super) const RULES: GroupRules = GroupRules { initial_rebalance_delay_ms: 3_000, max_size: 10 };
pub(super) const BEGIN: i64 = 1_000_000;

/// A group, the time, and who has been answered.
pub(super) struct Members {
    pub(super) group: Group,
    pub(super) rules: GroupRules,
    pub(super) now: i64,
    pub(super) answered: Vec<Ticket>,
    last_ticket: Ticket,
    next_id: u32,
}

pub(super) fn protocols(names: &[&str]) -> Vec<JoinGroupRequestProtocol> {
    let protocol = |name: &&str| JoinGroupRequestProtocol {
        name: (*name).into(),
        metadata: Bytes::from_static(b"\0\0\0\0\0\x01\0\x01t\0\0\0\0"),
        ..Default::default()
    };
    names.iter().map(protocol).collect()
}

impl Members {
    pub(super) fn with(rules: GroupRules) -> Self {
        Self { group: Group::new(BEGIN), rules, now: BEGIN, answered: Vec::new(), last_ticket: 0, next_id: 0 }
    }

    pub(super) fn empty() -> Self {
        Self::with(RULES)
    }

    /// The leader and the others have come, and the delay goes on.
    pub(super) fn first_rebalance() -> Self {
        let mut members = Self::empty();
        members.join_as("lead", None);
        members.join_as("follow", None);
        members.join_as("static", Some("i"));
        members.give_away("given");
        members
    }

    pub(super) fn stable() -> Self {
        let mut members = Self::completing();
        members.sync("lead", None, 0);
        members.sync("static", Some("i"), 0);
        members.answered.clear();
        members
    }

    /// The follower waits for the leader's assignment.
    pub(super) fn completing() -> Self {
        let mut members = Self::empty();
        members.join_as("lead", None);
        members.join_as("follow", None);
        members.join_as("static", Some("i"));
        members.pass(3_000);
        members.pass(3_000);
        assert_eq!(members.group.state, State::CompletingRebalance);
        members.sync("follow", None, 0);
        members.answered.clear();
        members
    }

    /// The leader has joined again.
    pub(super) fn preparing() -> Self {
        let mut members = Self::stable();
        members.join("lead", None, &["range"]);
        members.give_away("given");
        members.answered.clear();
        members
    }

    pub(super) fn dead() -> Self {
        let mut members = Self::stable();
        members.unload();
        members.answered.clear();
        members
    }

    fn give_away(&mut self, id: &str) {
        self.join_with("", None, &["range"], 4, id);
    }

    /// A new member with this id.
    pub(super) fn join_as(&mut self, id: &str, instance_id: Option<&str>) -> String {
        let version = if instance_id.is_some() { 9 } else { 3 };
        self.join_with("", instance_id, &["range"], version, id)
    }

    pub(super) fn join_new(&mut self, version: i16, instance_id: Option<&str>, names: &[&str]) -> String {
        self.next_id += 1;
        let id = format!("new{}", self.next_id);
        self.join_with("", instance_id, names, version, &id)
    }

    pub(super) fn join(&mut self, id: &str, instance_id: Option<&str>, names: &[&str]) -> String {
        self.join_with(id, instance_id, names, 9, "")
    }

    fn join_with(&mut self, id: &str, instance_id: Option<&str>, names: &[&str], api_version: i16, new_id: &str) -> String {
        let request = JoinGroupRequest {
            group_id: "g".into(),
            session_timeout_ms: 10_000,
            rebalance_timeout_ms: 60_000,
            member_id: id.into(),
            group_instance_id: instance_id.map(Text::from),
            protocol_type: "consumer".into(),
            protocols: protocols(names),
            ..Default::default()
        };
        self.join_request(&request, api_version, new_id)
    }

    pub(super) fn join_request(&mut self, request: &JoinGroupRequest, api_version: i16, new_id: &str) -> String {
        let mut answers = Answers::new();
        self.last_ticket += 1;
        let (ticket, client_host) = (self.last_ticket, Text::default());
        let joining = Joining { ticket, request, api_version, new_id: new_id.into(), client_id: Text::default(), client_host };
        self.group.join(self.now, &joining, &self.rules, &mut answers);
        self.hear(Some(ticket), answers)
    }

    /// `off` is added to the generation that the group is in.
    pub(super) fn sync(&mut self, id: &str, instance_id: Option<&str>, off: i32) -> String {
        let part = |member: &Member| SyncGroupRequestAssignment {
            member_id: member.id.clone(),
            assignment: Bytes::from(format!("part of {}", member.id)),
            ..Default::default()
        };
        let is_leader = self.group.is_leader(id);
        let request = SyncGroupRequest {
            generation_id: self.group.generation + off,
            member_id: id.into(),
            group_instance_id: instance_id.map(Text::from),
            assignments: self.group.members.iter().filter(|_| is_leader).map(part).collect(),
            ..Default::default()
        };
        self.last_ticket += 1;
        let mut answers = Answers::new();
        self.group.sync(self.now, &Syncing { ticket: self.last_ticket, request: &request }, &mut answers);
        self.hear(Some(self.last_ticket), answers)
    }

    pub(super) fn heartbeat(&mut self, id: &str, instance_id: Option<&str>, off: i32) -> String {
        let instance_id = instance_id.map(Text::from);
        code(self.group.heartbeat(self.now, id, instance_id.as_ref(), self.group.generation + off))
    }

    pub(super) fn leave(&mut self, id: &str, instance_id: Option<&str>) -> String {
        let member =
            MemberIdentity { member_id: id.into(), group_instance_id: instance_id.map(Text::from), ..Default::default() };
        let mut answers = Answers::new();
        let left = match self.group.leave(self.now, &[member], &self.rules, &mut answers) {
            Ok(members) => members[0].error_code.to_string(),
            Err(error) => format!("{} for all", error.code()),
        };
        [left, self.hear(None, answers)].join(" ").trim_end().to_owned()
    }

    pub(super) fn commit(&mut self, id: &str, off: i32) -> String {
        code(self.group.check_commit(self.now, id, None, self.group.generation + off))
    }

    pub(super) fn commit_simply(&mut self) -> String {
        code(self.group.check_commit(self.now, "", None, -1))
    }

    pub(super) fn pass(&mut self, ms: i64) -> String {
        self.now += ms;
        let mut answers = Answers::new();
        self.group.advance(self.now, &self.rules, &mut answers);
        self.hear(None, answers)
    }

    /// The members go on telling that they are there.
    pub(super) fn pass_with_heartbeats(&mut self, ms: i64) -> String {
        let mut heard = Vec::new();
        for _ in 0..ms / 5_000 {
            heard.push(self.pass(5_000));
            let ids: Vec<Text> = self.group.members.iter().map(|member| member.id.clone()).collect();
            ids.iter().for_each(|id| drop(self.heartbeat(id, None, 0)));
        }
        heard.retain(|it| !it.is_empty());
        heard.join("; ")
    }

    pub(super) fn unload(&mut self) -> String {
        let mut answers = Answers::new();
        self.group.unload(self.now, &mut answers);
        self.hear(None, answers)
    }

    /// How many requests there were that may wait.
    pub(super) fn asked(&self) -> usize {
        usize::try_from(self.last_ticket).unwrap()
    }

    /// The requests that wait.
    pub(super) fn tickets(&self) -> Vec<Ticket> {
        self.group.members.iter().flat_map(|member| [member.join, member.sync]).flatten().collect()
    }

    /// The state, the generation, and the members; a star says that one waits.
    pub(super) fn stands(&self) -> String {
        let member = |member: &Member| format!("{}{}", member.id, if member.waits() { "*" } else { "" });
        let members: Vec<String> = self.group.members.iter().map(member).collect();
        format!("{}, {}, [{}]", self.group.state.name(), self.group.generation, members.join(" "))
    }

    fn hear(&mut self, asked: Option<Ticket>, answers: Answers) -> String {
        self.answered.extend(answers.iter().map(|(ticket, _)| *ticket));
        let mut heard: Vec<String> = Vec::new();
        if asked.is_some_and(|asked| !answers.iter().any(|(ticket, _)| *ticket == asked)) {
            heard.push("it waits".into());
        }
        for (ticket, answer) in answers {
            let who = if Some(ticket) == asked { "it" } else { "waiting" };
            heard.push(format!("{who}: {}", words(&answer)));
        }
        heard.join("; ")
    }
}

fn code(result: Result<(), ErrorCode>) -> String {
    result.err().unwrap_or(ErrorCode::None).code().to_string()
}

fn words(answer: &Answer) -> String {
    match answer {
        Answer::Join(response) if response.error_code != 0 => format!("join {} {}", response.error_code, response.member_id),
        Answer::Join(it) => {
            let skip = if it.skip_assignment { ", need not assign" } else { "" };
            format!("joined {} as {}, led by {}, of {}{skip}", it.generation_id, it.member_id, it.leader, it.members.len())
        }
        Answer::Sync(response) if response.error_code != 0 => format!("sync {}", response.error_code),
        Answer::Sync(response) => format!("synced {:?}", String::from_utf8_lossy(&response.assignment)),
    }
}
