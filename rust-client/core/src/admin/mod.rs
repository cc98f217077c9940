//! What an administrator asks about groups: who is asked, and again when the coordinator moved; requests and answers of each version.
//!
//! A [`CoordinatedCall`] finds the coordinators and says what to ask whom. The other files read the answers, which may leave out
//! what was asked for, or name what was not.

mod coordinated;
mod group_description;
mod group_listing;
mod group_members;
mod group_offsets;

pub use coordinated::{CoordinatedCall, CoordinatedCommand, CoordinatedSettings, GroupAnswers, GroupResults};
pub use group_description::{
    AclOperation, GroupDescription, MemberDescription, needs_classic, read_classic_description, read_consumer_description,
};
pub use group_listing::{ConsumerGroupState, GroupFilter, GroupListing, GroupType, fit_list_groups, read_list_groups};
pub use group_members::{MemberIdentity, MemberResults, leave_group_request, read_delete_groups, read_leave_group};
pub use group_offsets::{
    MAX_OFFSET_VERSION, PartitionResults, offset_commit_request, offset_delete_request, offset_fetch_request, read_offset_commit,
    read_offset_delete, read_offset_fetch,
};

use ottla_protocol::ErrorCode;

use crate::error::{Error, ErrorKind};

/// The error of a group, if there is one.
fn group_error(code: i16, said: Option<&str>, tried: &str, group: &str) -> Result<(), Error> {
    match ErrorCode::from_code(code) {
        ErrorCode::None => Ok(()),
        code => {
            let said = said.map(|text| format!(" ({text})")).unwrap_or_default();
            Err(Error::kafka(code, format!("{tried}{said}")).with_group(group))
        }
    }
}

/// The answer does not say what was asked.
fn left_out(api: &str) -> Error {
    Error::new(ErrorKind::Protocol, format!("the broker's answer to {api} leaves out what was asked for"))
}

/// Whether the answer is about where the group's coordinator is, rather than about the group.
fn is_about_coordinator(code: i16) -> bool {
    matches!(
        ErrorCode::from_code(code),
        ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable | ErrorCode::CoordinatorLoadInProgress
    )
}
