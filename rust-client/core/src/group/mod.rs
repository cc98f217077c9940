//! Consumer groups: who is in the group, who reads which partition, and how far the group has read.

pub mod assignor;
pub mod classic;
mod consumer_protocol;
pub mod coordinator;
mod membership;
pub mod offset_commit;

pub use consumer_protocol::{
    decode_assignment, decode_subscription, encode_assignment, encode_subscription, partitions_by_topic,
};
pub use membership::{
    GroupIdentity, GroupRequest, GroupResponse, GroupStatus, HeldUpBy, Lane, LeavePolicy, Membership, MembershipCommand,
    MembershipEvent, Question, QuestionKind, fit_leave_group, matching_topics,
};
