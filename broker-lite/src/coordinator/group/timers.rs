//! What time brings: the end of the joining and of the syncing, and members that are gone.

use ottla_protocol::Text;

use super::{Answers, Group, GroupRules, JoinTimer, State};

/// Whose time is over.
enum Due {
    Join,
    Sync,
    Pending(Text),
    Member(Text),
}

impl Group {
    /// When [`Group::advance`] has something to do next.
    pub(crate) fn next_deadline(&self) -> Option<i64> {
        let members = self.members.iter().filter_map(|member| member.expires);
        let pending = self.pending.values().copied();
        let joining = self.join_timer.map(JoinTimer::at);
        members.chain(pending).chain(joining).chain(self.sync_deadline).min()
    }

    /// Does what is due by now, in the order in which it was due.
    pub(crate) fn advance(&mut self, now: i64, rules: &GroupRules, answers: &mut Answers) {
        while let Some(at) = self.next_deadline().filter(|at| *at <= now) {
            match self.due_at(at) {
                Due::Join => self.end_joining(now, answers),
                Due::Sync => self.end_syncing(now, rules, answers),
                Due::Pending(id) => self.expire_pending(&id, now, answers),
                Due::Member(id) => self.expire_member(&id, now, rules, answers),
            }
        }
    }

    fn due_at(&self, at: i64) -> Due {
        if let Some((id, _)) = self.pending.iter().find(|(_, deadline)| **deadline == at) {
            return Due::Pending(id.clone());
        }
        if let Some(member) = self.members.iter().find(|member| member.expires == Some(at)) {
            return Due::Member(member.id.clone());
        }
        if self.join_timer.is_some_and(|timer| timer.at() == at) { Due::Join } else { Due::Sync }
    }

    fn end_joining(&mut self, now: i64, answers: &mut Answers) {
        match self.join_timer.take() {
            Some(JoinTimer::Initial { delay, remaining, .. }) if self.new_member_added && remaining > 0 => {
                self.new_member_added = false;
                // The last stretch may be shorter.
                let next = delay.min(remaining);
                let timer =
                    JoinTimer::Initial { at: now.saturating_add(next), delay: next, remaining: remaining.saturating_sub(delay) };
                // A delay of 0 is over at once.
                if next > 0 {
                    self.join_timer = Some(timer);
                } else {
                    self.complete_join(now, answers);
                }
            }
            Some(_) => {
                self.new_member_added = false;
                if self.state == State::PreparingRebalance {
                    self.complete_join(now, answers);
                }
            }
            None => {}
        }
    }

    /// Who has not synced is out, and the others begin again.
    fn end_syncing(&mut self, now: i64, rules: &GroupRules, answers: &mut Answers) {
        self.sync_deadline = None;
        let late = std::mem::take(&mut self.pending_sync);
        if late.is_empty() || !matches!(self.state, State::CompletingRebalance | State::Stable) {
            return;
        }
        late.iter().for_each(|id| self.remove(id, now, answers));
        self.prepare_rebalance(now, rules, answers);
    }

    fn expire_pending(&mut self, id: &str, now: i64, answers: &mut Answers) {
        self.remove(id, now, answers);
        if self.state == State::PreparingRebalance && self.has_all_joined() {
            self.complete_join(now, answers);
        }
    }

    fn expire_member(&mut self, id: &str, now: i64, rules: &GroupRules, answers: &mut Answers) {
        let Some(member) = self.member_mut(id) else { return };
        member.expires = None;
        // Its session begins again with the answer that it waits for.
        if !member.is_excused() {
            self.remove_and_rebalance(id, now, rules, answers);
        }
    }
}
