//! What survives when another broker becomes the coordinator: what Kafka would have written to `__consumer_offsets`. That is the
//! last generation that got its assignment, not the rebalance that was under way.

use ottla_protocol::{ErrorCode, Text};

use super::{Answers, Group, GroupRules, Member, State};

/// A group as it is stored.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    generation: i32,
    since: i64,
    protocol_type: Option<Text>,
    protocol_name: Option<Text>,
    leader: Option<Text>,
    members: Vec<Member>,
}

impl Group {
    pub(super) fn store(&mut self) {
        let protocol = self.protocol_name.clone().unwrap_or_default();
        let stored = |member: &Member| Member {
            // Of the protocols only the one in use is kept.
            protocols: member.protocols.only(&protocol),
            is_new: false,
            join: None,
            sync: None,
            expires: None,
            ..member.clone()
        };
        self.stored = Snapshot {
            generation: self.generation,
            since: self.since,
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol_name.clone(),
            leader: self.leader.clone(),
            members: self.members.iter().map(stored).collect(),
        };
    }

    /// The group as a new coordinator finds it. The sessions begin anew.
    pub(crate) fn load(stored: Snapshot, now: i64) -> Self {
        let mut group = Self {
            state: if stored.members.is_empty() { State::Empty } else { State::Stable },
            previous: State::Empty,
            since: if stored.members.is_empty() && stored.protocol_type.is_some() { stored.since } else { now },
            generation: stored.generation,
            protocol_type: stored.protocol_type.clone(),
            protocol_name: stored.protocol_name.clone(),
            leader: stored.leader.clone(),
            members: stored.members.clone(),
            pending: Default::default(),
            pending_sync: Default::default(),
            join_timer: None,
            sync_deadline: None,
            new_member_added: false,
            subscribed: None,
            stored,
        };
        group.subscribed = group.subscriptions();
        group.members.iter_mut().for_each(|member| member.keep_alive(now));
        group
    }

    /// Another broker coordinates the group now. Everybody who waits hears of it.
    pub(crate) fn unload(&mut self, now: i64, answers: &mut Answers) {
        for member in &mut self.members {
            let id = member.id.clone();
            member.refuse_join(&id, ErrorCode::NotCoordinator, answers);
            member.refuse_sync(now, ErrorCode::NotCoordinator, answers);
        }
        self.enter(State::Dead, now);
        self.members.clear();
        self.leader = None;
        self.pending.clear();
        self.pending_sync.clear();
        self.join_timer = None;
        self.sync_deadline = None;
    }

    /// The same group, as it was stored.
    pub(crate) fn reload(&self, now: i64) -> Self {
        Self::load(self.stored.clone(), now)
    }

    /// A group that came with more members than there may be is made smaller.
    pub(crate) fn fit(&mut self, now: i64, rules: &GroupRules, answers: &mut Answers) {
        if self.state == State::Stable && self.members.len() > rules.max_size {
            self.prepare_rebalance(now, rules, answers);
        }
    }
}
