//! LeaveGroup: members go, or are sent away by an admin.

use ottla_protocol::ErrorCode;
use ottla_protocol::messages::leave_group::{MemberIdentity, MemberResponse};

use super::{Answers, Group, GroupRules, State};

impl Group {
    /// Lets these members go, and tells for each what became of it.
    pub(crate) fn leave(
        &mut self,
        now: i64,
        members: &[MemberIdentity],
        rules: &GroupRules,
        answers: &mut Answers,
    ) -> Result<Vec<MemberResponse>, ErrorCode> {
        if self.state == State::Dead {
            return Err(ErrorCode::CoordinatorNotAvailable);
        }
        let mut any = false;
        let mut responses = Vec::with_capacity(members.len());
        for member in members {
            let left = self.leave_one(now, member, answers);
            any |= left.is_ok();
            responses.push(MemberResponse {
                member_id: member.member_id.clone(),
                group_instance_id: member.group_instance_id.clone(),
                error_code: left.err().unwrap_or(ErrorCode::None).code(),
                ..Default::default()
            });
        }
        match self.state {
            State::Stable | State::CompletingRebalance if any => self.rebalance_or_complete(now, rules, answers),
            State::PreparingRebalance if any => self.complete_if_all_joined(now, answers),
            _ => {}
        }
        Ok(responses)
    }

    fn leave_one(&mut self, now: i64, member: &MemberIdentity, answers: &mut Answers) -> Result<(), ErrorCode> {
        let instance_id = member.group_instance_id.as_ref();
        if member.member_id.is_empty() {
            // An admin names static members by their instance id only.
            let found = instance_id.and_then(|id| self.static_member(id)).map(|member| member.id.clone());
            self.remove(&found.ok_or(ErrorCode::UnknownMemberId)?, now, answers);
        } else if self.pending.contains_key(&member.member_id) {
            self.remove(&member.member_id, now, answers);
        } else {
            self.validate(&member.member_id, instance_id)?;
            self.remove(&member.member_id, now, answers);
        }
        Ok(())
    }
}
