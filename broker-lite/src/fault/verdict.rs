//! What the rules decided for one request.

use std::time::Duration;

use bytes::Bytes;
use ottla_protocol::ErrorCode;

use crate::random::Random;

/// How an answer ends that does not go out as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Close { applied: bool },
    Silence { applied: bool },
    Truncate { keep: usize },
}

/// An error for what a rule is about.
#[derive(Clone, Debug)]
pub(super) struct InjectedError {
    pub(super) topic: Option<String>,
    pub(super) partition: Option<i32>,
    /// A group or transactional id.
    pub(super) coordinated: Option<String>,
    pub(super) code: ErrorCode,
    pub(super) applied: bool,
}

/// Nothing, most of the time.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(super) errors: Vec<InjectedError>,
    pub(super) delay_before: Duration,
    pub(super) delay_after: Duration,
    pub(super) throttle_ms: i32,
    pub(super) stale_versions: usize,
    pub(super) ending: Option<Ending>,
    /// A seed, and how many bits are flipped.
    pub(super) corrupt: Option<(u64, u32)>,
}

impl Verdict {
    /// The error for a partition that the request names, from a rule that says whether the request is applied.
    pub(crate) fn partition_error(&self, topic: &str, partition: i32, applied: bool) -> Option<ErrorCode> {
        let about = |error: &&InjectedError| {
            error.applied == applied
                && error.topic.as_deref().is_none_or(|name| name == topic)
                && error.partition.is_none_or(|index| index == partition)
        };
        self.errors.iter().find(about).map(|error| error.code)
    }

    /// The same where one that is applied is none: for what only reads.
    pub(crate) fn read_error(&self, topic: &str, partition: i32) -> Option<ErrorCode> {
        self.partition_error(topic, partition, false).or_else(|| self.partition_error(topic, partition, true))
    }

    /// The error for a topic as a whole: not from a rule about one of its partitions.
    pub(crate) fn topic_error(&self, topic: &str, applied: bool) -> Option<ErrorCode> {
        let about = |error: &&InjectedError| {
            error.applied == applied && error.partition.is_none() && error.topic.as_deref().is_none_or(|name| name == topic)
        };
        self.errors.iter().find(about).map(|error| error.code)
    }

    /// The error for the coordinator of this group or transactional id.
    pub(crate) fn coordinator_error(&self, key: &str) -> Option<ErrorCode> {
        let about = |error: &&InjectedError| error.coordinated.as_deref().is_none_or(|wanted| wanted == key);
        self.errors.iter().find(about).map(|error| error.code)
    }

    /// The error for a group as a whole, from a rule that says whether the request is applied: not from a rule about a topic.
    pub(crate) fn group_error(&self, group: &str, applied: bool) -> Option<ErrorCode> {
        let about = |error: &&InjectedError| {
            let whole = error.topic.is_none() && error.partition.is_none();
            whole && error.applied == applied && error.coordinated.as_deref().is_none_or(|wanted| wanted == group)
        };
        self.errors.iter().find(about).map(|error| error.code)
    }

    /// The same where one that is applied is none: for what only reads.
    pub(crate) fn group_read_error(&self, group: &str) -> Option<ErrorCode> {
        self.group_error(group, false).or_else(|| self.group_error(group, true))
    }

    /// The error for what a group committed of a partition.
    pub(crate) fn offset_error(&self, group: &str, topic: &str, partition: i32, applied: bool) -> Option<ErrorCode> {
        let about = |error: &&InjectedError| {
            error.applied == applied
                && error.coordinated.as_deref().is_none_or(|wanted| wanted == group)
                && error.topic.as_deref().is_none_or(|name| name == topic)
                && error.partition.is_none_or(|index| index == partition)
        };
        self.errors.iter().find(about).map(|error| error.code)
    }

    /// The error for a response that has one place for errors.
    pub(crate) fn error(&self) -> Option<ErrorCode> {
        self.errors.first().map(|error| error.code)
    }

    /// The first of these errors, which stand for the whole response.
    pub(crate) fn error_of(&self, codes: &[ErrorCode]) -> Option<ErrorCode> {
        self.errors.iter().map(|error| error.code).find(|code| codes.contains(code))
    }

    /// How many versions before the present the metadata is to be, 0 for none.
    pub(crate) fn stale_versions(&self) -> usize {
        self.stale_versions
    }

    pub(crate) fn throttle_ms(&self) -> i32 {
        self.throttle_ms
    }

    /// How long the connection is muted behind the answer.
    pub(crate) fn mute(&self) -> Duration {
        Duration::from_millis(u64::from(self.throttle_ms.unsigned_abs()))
    }

    /// How the request ends before it was applied, if it does.
    pub(crate) fn ending_before(&self) -> Option<Ending> {
        self.ending.filter(|ending| matches!(ending, Ending::Close { applied: false } | Ending::Silence { applied: false }))
    }

    /// How the request ends after it was applied, if not by its answer.
    pub(crate) fn ending_after(&self) -> Option<Ending> {
        self.ending
    }

    pub(crate) async fn wait_before(&self) {
        wait(self.delay_before).await;
    }

    pub(crate) async fn wait_after(&self) {
        wait(self.delay_after).await;
    }

    /// Flips what is to be flipped in a frame, its size excepted.
    pub(crate) fn corrupt(&self, frame: Vec<Bytes>) -> Vec<Bytes> {
        let Some((seed, bits)) = self.corrupt else { return frame };
        let random = Random::seeded(seed);
        let mut whole = frame.concat();
        let body = whole.get_mut(4..).unwrap_or_default();
        for _ in 0..bits {
            let (at, bit) = (random.below(body.len() as u64), random.below(8));
            if let Some(byte) = usize::try_from(at).ok().and_then(|at| body.get_mut(at)) {
                *byte ^= 1 << bit;
            }
        }
        vec![whole.into()]
    }
}

async fn wait(delay: Duration) {
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
}

/// So many bytes of a frame, and never all of them.
pub(crate) fn truncate(frame: &[Bytes], keep: usize) -> Vec<Bytes> {
    let mut whole = frame.concat();
    whole.truncate(keep.min(whole.len().saturating_sub(1)));
    vec![whole.into()]
}
