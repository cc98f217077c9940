//! Groups deleted (DeleteGroups), and members removed from theirs (LeaveGroup, KIP-345 and KIP-800).

use ottla_protocol::Text;
use ottla_protocol::messages::delete_groups::DeleteGroupsResponse;
use ottla_protocol::messages::leave_group::{self, LeaveGroupRequest, LeaveGroupResponse};

use super::{GroupAnswers, group_error, left_out};
use crate::error::{Error, ErrorKind};

/// From this version on LeaveGroup names several members, by `group.instance.id` too.
const SEVERAL_FROM: i16 = 3;
/// Brokers refuse a longer reason; Java cuts it too.
const REASON_MAX: usize = 255;

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MemberIdentity {
    /// By the id that it has from the coordinator, or made itself (KIP-848).
    MemberId(String),
    /// By its `group.instance.id`: a static member (KIP-345).
    GroupInstanceId(String),
}

/// What became of each member, in the order in which they were named.
pub type MemberResults = Vec<(MemberIdentity, Result<(), Error>)>;

impl MemberIdentity {
    fn request(&self, reason: &Text) -> leave_group::MemberIdentity {
        let (member_id, group_instance_id) = match self {
            Self::MemberId(id) => (Text::from(id.as_str()), None),
            Self::GroupInstanceId(id) => (Text::default(), Some(Text::from(id.as_str()))),
        };
        leave_group::MemberIdentity { member_id, group_instance_id, reason: Some(reason.clone()), ..Default::default() }
    }
}

/// Each group of the answer.
pub fn read_delete_groups(response: DeleteGroupsResponse) -> GroupAnswers<()> {
    let result = |one: ottla_protocol::messages::delete_groups::DeletableGroupResult| {
        let deleted = group_error(one.error_code, None, "while deleting a group", &one.group_id);
        (one.group_id.detach(), deleted)
    };
    response.results.into_iter().map(result).collect()
}

/// The requests that remove members, with the members of each: from version 3 on one for all.
///
/// # Errors
/// [`ErrorKind::UnsupportedVersion`] if a member is named by its `group.instance.id`, which the version does not know.
pub fn leave_group_request(
    group: &Text,
    members: &[MemberIdentity],
    reason: Option<&str>,
    version: i16,
) -> Result<Vec<(LeaveGroupRequest, Vec<MemberIdentity>)>, Error> {
    // As Java's admin says it.
    let reason = match reason {
        Some(reason) => format!("member was removed by an admin: {reason}"),
        None => "member was removed by an admin".to_owned(),
    };
    let reason = Text::from(reason.chars().take(REASON_MAX).collect::<String>());
    if version >= SEVERAL_FROM {
        let all = members.iter().map(|member| member.request(&reason)).collect();
        let request = LeaveGroupRequest { group_id: group.clone(), members: all, ..LeaveGroupRequest::default() };
        return Ok(vec![(request, members.to_vec())]);
    }
    let one = |member: &MemberIdentity| match member {
        MemberIdentity::MemberId(id) => {
            let member_id = Text::from(id.as_str());
            let request = LeaveGroupRequest { group_id: group.clone(), member_id, ..LeaveGroupRequest::default() };
            Ok((request, vec![member.clone()]))
        }
        MemberIdentity::GroupInstanceId(_) => {
            let what = "the broker is too old to remove a member by its group.instance.id: it serves LeaveGroup up to version";
            Err(Error::new(ErrorKind::UnsupportedVersion, format!("{what} {version}")).with_group(group.as_str()))
        }
    };
    members.iter().map(one).collect()
}

/// What became of each of these members.
///
/// # Errors
/// That of the whole group.
pub fn read_leave_group(
    group: &Text,
    members: Vec<MemberIdentity>,
    version: i16,
    response: LeaveGroupResponse,
) -> Result<MemberResults, Error> {
    const TRIED: &str = "while removing a member";
    if version < SEVERAL_FROM {
        let removed = group_error(response.error_code, None, TRIED, group);
        return match removed {
            Err(error) if error.is_retriable() => Err(error),
            removed => Ok(members.into_iter().map(|member| (member, removed.clone())).collect()),
        };
    }
    group_error(response.error_code, None, "while removing members", group)?;
    let result = |member: MemberIdentity| {
        let answer = response.members.iter().find(|answer| match &member {
            MemberIdentity::MemberId(id) => answer.member_id == id.as_str(),
            MemberIdentity::GroupInstanceId(id) => answer.group_instance_id.as_deref() == Some(id),
        });
        let removed = match answer {
            Some(answer) => group_error(answer.error_code, None, TRIED, group),
            None => Err(left_out("LeaveGroup").with_group(group.as_str())),
        };
        (member, removed)
    };
    Ok(members.into_iter().map(result).collect())
}

#[cfg(test)]
mod tests {
    use ottla_protocol::ErrorCode;

    use super::*;

    fn by_id(id: &str) -> MemberIdentity {
        MemberIdentity::MemberId(id.to_owned())
    }

    #[test]
    fn old_brokers_remove_one_member_at_a_time_and_by_its_id_only() {
        let group = Text::from("g");
        let (a, b, instance) = (by_id("a"), by_id("b"), MemberIdentity::GroupInstanceId("i".to_owned()));
        for version in 0..=5 {
            let requests = leave_group_request(&group, &[a.clone(), b.clone()], Some("upgrade"), version).unwrap();
            assert_eq!(requests.len(), if version < 3 { 2 } else { 1 });
            for (request, _) in &requests {
                ottla_protocol::Encode::encode(request, &mut ottla_protocol::WireBuf::new(), version).unwrap();
            }
            let by_instance = leave_group_request(&group, &[a.clone(), instance.clone()], None, version);
            assert_eq!(by_instance.is_ok(), version >= 3);
        }
        let whole = leave_group_request(&group, &[a], Some(&"ü".repeat(300)), 5).unwrap();
        assert_eq!(whole[0].0.members[0].reason.as_ref().unwrap().chars().count(), 255);
    }

    #[test]
    fn each_member_has_its_own_answer_and_a_group_that_moved_has_none() {
        let group = Text::from("g");
        let (a, instance) = (by_id("a"), MemberIdentity::GroupInstanceId("i".to_owned()));
        let answer = |member_id: &str, instance: Option<&str>, error_code| leave_group::MemberResponse {
            member_id: member_id.into(),
            group_instance_id: instance.map(Text::from),
            error_code,
            ..Default::default()
        };
        let members = vec![answer("m", Some("i"), 0), answer("other", None, 0), answer("a", None, 25)];
        let response = LeaveGroupResponse { members, ..Default::default() };
        let asked = vec![a.clone(), instance, by_id("left out")];
        let results = read_leave_group(&group, asked, 5, response).unwrap();
        assert_eq!(results[0].1.as_ref().unwrap_err().code(), Some(ErrorCode::UnknownMemberId));
        assert!(results[1].1.is_ok());
        assert_eq!(results[2].1.as_ref().unwrap_err().kind(), ErrorKind::Protocol);
        for version in [0, 5] {
            let moved = LeaveGroupResponse { error_code: 16, ..Default::default() };
            assert!(read_leave_group(&group, vec![a.clone()], version, moved).unwrap_err().is_retriable());
        }
        let unknown = LeaveGroupResponse { error_code: 25, ..Default::default() };
        let results = read_leave_group(&group, vec![a], 2, unknown).unwrap();
        assert_eq!(results[0].1.as_ref().unwrap_err().code(), Some(ErrorCode::UnknownMemberId));
    }
}
