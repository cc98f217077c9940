//! Consumer groups: who is in the group, who reads which partition, and how far the group has read.
//!
//! Three machines, driven by one task of the consumer's: a [`coordinator::CoordinatorFinder`], a [`Membership`]
//! ([`classic::ClassicMembership`]) and an [`offset_commit::OffsetCommitter`]. After each event the driver polls them, carries out
//! what they command, and sleeps until the earliest time that they name. What it connects:
//!
//! - `FindCoordinator` of either goes to [`coordinator::CoordinatorFinder::find`], and what that finds to both. A connection to the
//!   coordinator that breaks is told to both, the answers of its requests as errors.
//! - [`Question`]s go to the application in order; no record of a partition that is revoked or lost is handed out once the question
//!   is asked. Before the application answers [`QuestionKind::Revoked`] (and before close), positions are committed
//!   ([`offset_commit::OffsetCommitter::final_commit`]); lost ones are not. After the answer they are forgotten
//!   ([`offset_commit::OffsetCommitter::forget`]). On [`QuestionKind::Assigned`] what is committed is fetched first.
//! - A commit carries [`Membership::identity`] of the moment at which it is asked for. A refusal that concerns the membership goes
//!   there ([`MembershipEvent::CommitRefused`]).
//! - The assignor runs where the application's code may run, with [`assignor::GroupTopics::from_cluster`] of fresh metadata.

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
