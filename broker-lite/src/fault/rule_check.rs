//! Rules that could never do what they say are refused when they are added.

use ottla_protocol::{ApiKey, ErrorCode};

use super::{Effect, Rule};
use crate::history::VERSIONS_KEPT;

/// The APIs whose handlers know where an error goes.
const WITH_ERRORS: [ApiKey; 22] = [
    ApiKey::Produce,
    ApiKey::Fetch,
    ApiKey::ListOffsets,
    ApiKey::Metadata,
    ApiKey::FindCoordinator,
    ApiKey::JoinGroup,
    ApiKey::SyncGroup,
    ApiKey::Heartbeat,
    ApiKey::LeaveGroup,
    ApiKey::OffsetCommit,
    ApiKey::OffsetFetch,
    ApiKey::OffsetDelete,
    ApiKey::ListGroups,
    ApiKey::DescribeGroups,
    ApiKey::DeleteGroups,
    ApiKey::ConsumerGroupDescribe,
    ApiKey::CreateTopics,
    ApiKey::DeleteTopics,
    ApiKey::DeleteRecords,
    ApiKey::InitProducerId,
    ApiKey::OffsetForLeaderEpoch,
    ApiKey::CreatePartitions,
];

/// Why a rule can't be, if so.
pub(super) fn check(rule: &Rule) -> Result<(), String> {
    if !(0.0..=1.0).contains(&rule.probability) {
        return Err(format!("a probability lies between 0 and 1, {} does not", rule.probability));
    }
    if rule.times == Some(0) {
        return Err("a rule that strikes 0 times does nothing; to strike always, leave the times out".into());
    }
    let only = |api: ApiKey, what: &str| match rule.api {
        Some(other) if other != api => Err(format!("{what} is for {api}, not for {other}")),
        _ => Ok(()),
    };
    match &rule.effect {
        Effect::Error { code: ErrorCode::None, .. } => Err("error 0 is no error".into()),
        Effect::Error { .. } => match rule.api {
            Some(api) if WITH_ERRORS.contains(&api) => Ok(()),
            Some(api) => Err(format!("there is no place known for an error in the response to {api}")),
            None => Err("a rule with an error names its API, since each has another place for it".into()),
        },
        Effect::Throttle { ms: ..=0 } => Err("a client is throttled for at least a millisecond".into()),
        Effect::Corrupt { bits: 0 } => Err("a response is corrupted by at least one bit".into()),
        Effect::WrongCrc => only(ApiKey::Fetch, "a batch with a wrong CRC"),
        Effect::StaleMetadata { versions } if !(1..=VERSIONS_KEPT).contains(versions) => {
            Err(format!("metadata is 1 to {VERSIONS_KEPT} versions stale, not {versions}"))
        }
        Effect::StaleMetadata { .. } => only(ApiKey::Metadata, "stale metadata"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_says_why() {
        let error = Effect::Error { code: ErrorCode::NotLeaderOrFollower, applied: false };
        for (rule, words) in [
            (Rule::new(error.clone()), "names its API"),
            (Rule::on(ApiKey::ApiVersions, error.clone()), "response to ApiVersions"),
            (Rule::on(ApiKey::Produce, Effect::Error { code: ErrorCode::None, applied: false }), "no error"),
            (Rule { probability: f64::NAN, ..Rule::new(Effect::WrongCrc) }, "between 0 and 1"),
            (Rule { probability: 1.5, ..Rule::new(Effect::WrongCrc) }, "between 0 and 1"),
            (Rule { times: Some(0), ..Rule::new(Effect::WrongCrc) }, "0 times"),
            (Rule::on(ApiKey::Produce, Effect::WrongCrc), "for Fetch, not for Produce"),
            (Rule::on(ApiKey::Fetch, Effect::StaleMetadata { versions: 1 }), "for Metadata, not for Fetch"),
            (Rule::new(Effect::StaleMetadata { versions: 33 }), "1 to 32 versions"),
            (Rule::new(Effect::Throttle { ms: 0 }), "at least a millisecond"),
            (Rule::new(Effect::Corrupt { bits: 0 }), "at least one bit"),
        ] {
            let why = check(&rule).unwrap_err();
            assert!(why.contains(words), "{why}");
        }
        for api in WITH_ERRORS {
            assert_eq!(check(&Rule::on(api, error.clone())), Ok(()));
        }
        assert_eq!(check(&Rule::new(Effect::Close { applied: true }).once()), Ok(()));
    }
}
