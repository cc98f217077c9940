//! The brokers' fault model, as numbers of a schedule.

use ottla::Rng;
use ottla_broker::{ApiKey, Effect, ErrorCode, Rule};

use crate::random::Draw;
use crate::schedule::topic_name;

const PRODUCE: i64 = 0;
const FETCH: i64 = 1;
const LIST_OFFSETS: i64 = 2;
const METADATA: i64 = 3;
const OFFSET_COMMIT: i64 = 8;
const OFFSET_FETCH: i64 = 9;
const FIND_COORDINATOR: i64 = 10;
const JOIN_GROUP: i64 = 11;
const HEARTBEAT: i64 = 12;
const LEAVE_GROUP: i64 = 13;
const SYNC_GROUP: i64 = 14;
const API_VERSIONS: i64 = 18;
const INIT_PRODUCER_ID: i64 = 22;
const OFFSET_FOR_LEADER_EPOCH: i64 = 23;

/// Errors that a broker that is well may answer with for a while: (code, what was asked may have been done).
fn errors(api: i64) -> &'static [(i64, bool)] {
    match api {
        // With 7, 13 and 20 the batch may be in the log; -1 says nothing.
        PRODUCE => &[(6, false), (3, false), (5, false), (7, false), (7, true), (19, false), (20, true), (56, false), (-1, true)],
        FETCH => {
            &[(6, false), (3, false), (56, false), (70, false), (71, false), (74, false), (75, false), (100, false), (-1, false)]
        }
        LIST_OFFSETS => &[(6, false), (3, false), (5, false), (74, false), (75, false), (78, false)],
        METADATA => &[(5, false), (3, false)],
        INIT_PRODUCER_ID => &[(14, false), (51, false)],
        OFFSET_FOR_LEADER_EPOCH => &[(6, false), (74, false), (75, false), (3, false)],
        OFFSET_COMMIT => &[(14, false), (15, false), (16, false), (16, true), (22, false), (25, false), (27, false), (7, true)],
        OFFSET_FETCH => &[(14, false), (16, false), (88, false)],
        FIND_COORDINATOR => &[(14, false), (15, false)],
        JOIN_GROUP => &[(14, false), (15, false), (16, false), (16, true), (25, false), (27, false)],
        HEARTBEAT => &[(15, false), (16, false), (22, false), (25, false), (27, false)],
        LEAVE_GROUP => &[(15, false), (16, true), (25, false)],
        SYNC_GROUP => &[(14, false), (16, false), (16, true), (22, false), (25, false), (27, false)],
        _ => &[],
    }
}

/// The effects, by their numbers.
const NAMES: &[&str] = &[
    "error",
    "delay",
    "throttle",
    "close",
    "silence",
    "truncated response",
    "wrong CRC",
    "stale metadata",
    "corrupted response",
];

/// The number of the effect that damages responses.
const CORRUPT: i64 = 8;

/// A rule's numbers, in the order of [`crate::schedule::Verb::arguments`].
pub(crate) fn draw(rng: &mut Rng, brokers: i64, topics: i64) -> Vec<i64> {
    let apis = [
        PRODUCE,
        PRODUCE,
        PRODUCE,
        FETCH,
        FETCH,
        FETCH,
        LIST_OFFSETS,
        METADATA,
        API_VERSIONS,
        INIT_PRODUCER_ID,
        OFFSET_FOR_LEADER_EPOCH,
    ];
    let api = *rng.pick(&apis);
    let mut applied = rng.chance(500);
    let (effect, value) = match rng.between(0, 9) {
        0..4 if !errors(api).is_empty() => {
            let (code, done) = *rng.pick(errors(api));
            applied = done;
            (0, code)
        }
        0..5 => (1, rng.between(1, 5000)),
        5 => (2, rng.between(1, 3000)),
        6 => (3, 0),
        7 => (4, 0),
        8 => (5, rng.between(0, 200)),
        _ if api == FETCH => (6, 0),
        _ if api == METADATA => (7, rng.between(1, 8)),
        _ => (3, 0),
    };
    let broker = if rng.chance(500) { rng.between(1, brokers) } else { -1 };
    let named = matches!(api, PRODUCE | FETCH | METADATA | LIST_OFFSETS);
    let topic = if named && rng.chance(500) { rng.between(0, topics - 1) } else { -1 };
    let per_mille = *rng.pick(&[1000, 1000, 300]);
    let skip = rng.between(0, 3);
    let skip = if api == INIT_PRODUCER_ID { 0 } else { skip };
    vec![api, effect, value, i64::from(applied), broker, topic, skip, rng.between(1, 6), per_mille]
}

/// The same for requests to a group's coordinator.
pub(crate) fn draw_for_groups(rng: &mut Rng, brokers: i64) -> Vec<i64> {
    let apis = [
        OFFSET_COMMIT,
        OFFSET_COMMIT,
        OFFSET_FETCH,
        FIND_COORDINATOR,
        JOIN_GROUP,
        JOIN_GROUP,
        HEARTBEAT,
        HEARTBEAT,
        LEAVE_GROUP,
        SYNC_GROUP,
        SYNC_GROUP,
    ];
    let api = *rng.pick(&apis);
    let mut applied = rng.chance(500);
    let (effect, value) = match rng.between(0, 9) {
        0..5 => {
            let (code, done) = *rng.pick(errors(api));
            applied = done;
            (0, code)
        }
        5 => (1, rng.between(1, 8000)),
        6 => (2, rng.between(1, 3000)),
        7 => (3, 0),
        8 => (4, 0),
        _ => (5, rng.between(0, 60)),
    };
    let broker = if rng.chance(300) { rng.between(1, brokers) } else { -1 };
    let per_mille = *rng.pick(&[1000, 1000, 300]);
    vec![api, effect, value, i64::from(applied), broker, -1, rng.between(0, 4), rng.between(1, 6), per_mille]
}

/// Responses come damaged.
pub(crate) fn draw_corruption(rng: &mut Rng) -> Vec<i64> {
    let apis = [PRODUCE, FETCH, LIST_OFFSETS, METADATA, OFFSET_COMMIT, OFFSET_FETCH, FIND_COORDINATOR, JOIN_GROUP, HEARTBEAT];
    let more = [LEAVE_GROUP, SYNC_GROUP, API_VERSIONS, INIT_PRODUCER_ID, OFFSET_FOR_LEADER_EPOCH];
    let api = *rng.pick(&[&apis[..], &more[..]].concat());
    let bits = *rng.pick(&[1, 3, 40]);
    vec![api, CORRUPT, bits, 1, -1, -1, rng.between(0, 3), rng.between(1, 8), *rng.pick(&[1000, 300])]
}

/// Whether a rule is about what is asked at the beginning only.
pub(crate) fn strikes_early(numbers: &[i64]) -> bool {
    numbers.first() == Some(&INIT_PRODUCER_ID)
}

/// Whether a rule's numbers damage responses.
pub(crate) fn corrupts(numbers: &[i64]) -> bool {
    numbers.get(1) == Some(&CORRUPT)
}

/// The rule, if its numbers make one.
pub(crate) fn rule(numbers: &[i64]) -> Option<Rule> {
    let &[api, effect, value, applied, broker, topic, skip, times, per_mille] = numbers else { return None };
    let applied = applied == 1;
    let effect = match effect {
        0 => Effect::Error { code: ErrorCode::from_code(i16::try_from(value).ok()?), applied },
        1 => Effect::Delay { ms: value.unsigned_abs(), applied },
        2 => Effect::Throttle { ms: i32::try_from(value).ok()? },
        3 => Effect::Close { applied },
        4 => Effect::Silence { applied },
        5 => Effect::Truncate { keep: usize::try_from(value).ok()? },
        6 => Effect::WrongCrc,
        7 => Effect::StaleMetadata { versions: usize::try_from(value).ok()? },
        CORRUPT => Effect::Corrupt { bits: u32::try_from(value).ok()? },
        _ => return None,
    };
    Some(Rule {
        api: ApiKey::ALL.iter().copied().find(|key| *key as i64 == api),
        broker: i32::try_from(broker).ok().filter(|broker| *broker > 0),
        topic: (topic >= 0).then(|| topic_name(topic)),
        skip: skip.unsigned_abs(),
        times: Some(times.unsigned_abs()),
        probability: per_mille as f64 / 1000.0,
        ..Rule::new(effect)
    })
}

/// What a rule is called where strikes are counted.
pub(crate) fn name(numbers: &[i64]) -> String {
    let effect = numbers.get(1).and_then(|at| usize::try_from(*at).ok()).and_then(|at| NAMES.get(at)).unwrap_or(&"?");
    let api = ApiKey::ALL.iter().find(|key| Some(&(**key as i64)) == numbers.first()).map_or("?", |key| key.name());
    format!("{effect}: {api}")
}
