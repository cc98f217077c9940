//! What Kafka promises, held against a history and the logs that are left, in the manner of Jepsen's Kafka workload.

use std::collections::{BTreeMap, BTreeSet};

use crate::history::{Fate, History, Place, Seen};
use crate::schedule::topic_name;

/// The logs as they are at the end: offsets and record ids.
pub type Logs = BTreeMap<Place, Vec<(i64, usize)>>;

/// How much was really checked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Checked {
    /// Records acknowledged with acks=all or acks=1 that were looked for.
    pub acknowledged: u64,
    /// Records read by consumers.
    pub reads: u64,
    /// Neighbours of one idempotent producer in one log.
    pub neighbours: u64,
    /// Failed records that must not be in a log.
    pub not_written: u64,
    /// Records whose delivery failed though they may be in the log.
    pub possibly_written: u64,
}

impl Checked {
    /// Adds another run's.
    pub fn merge(&mut self, other: &Self) {
        self.acknowledged += other.acknowledged;
        self.reads += other.reads;
        self.neighbours += other.neighbours;
        self.not_written += other.not_written;
        self.possibly_written += other.possibly_written;
    }
}

/// Checks a run; what is wrong goes into the history.
pub fn check(history: &mut History, logs: &Logs) -> Checked {
    let mut found = Vec::new();
    let mut checked = Checked::default();
    let places = places_of(logs);
    handles(history, &mut found);
    if history.corrupted {
        // What was damaged on its way carries no checksum, but for the batches: only that nothing hangs or panics can be told.
        found.into_iter().for_each(|what| history.violation(what));
        return checked;
    }
    acknowledged(history, logs, &places, &mut checked, &mut found);
    never_written(history, &places, &mut checked, &mut found);
    once_and_in_order(history, logs, &mut checked, &mut found);
    reads_agree(history, logs, &mut found);
    for ((consumer, place), seen) in &history.seen {
        stretches(history, (*consumer, *place), logs, seen, &mut checked, &mut found);
    }
    found.into_iter().for_each(|what| history.violation(what));
    checked
}

fn at(place: Place) -> String {
    format!("{}-{}", topic_name(place.0), place.1)
}

fn places_of(logs: &Logs) -> BTreeMap<usize, Vec<(Place, i64)>> {
    let mut places: BTreeMap<usize, Vec<(Place, i64)>> = BTreeMap::new();
    for (place, log) in logs {
        for (offset, id) in log {
            places.entry(*id).or_default().push((*place, *offset));
        }
    }
    places
}

/// Every handle is completed exactly once, and its report says the same.
fn handles(history: &History, found: &mut Vec<String>) {
    for (id, sent) in history.sent.iter().enumerate() {
        if matches!(sent.fate, Fate::Offered) || (matches!(sent.fate, Fate::Pending) && !sent.unwatched) {
            found.push(format!("record {id} of producer {} was never completed: {:?}", sent.producer, sent.fate));
        }
        let taken = !matches!(sent.fate, Fate::Offered | Fate::NotTaken(_));
        let expected = usize::from(history.producers[sent.producer].reports && taken);
        if sent.reported.len() != expected {
            found.push(format!("record {id} ({:?}) was reported {} times: {:?}", sent.fate, sent.reported.len(), sent.reported));
        }
        if let Some(reported) = sent.reported.first()
            && *reported != sent.fate
            && !sent.unwatched
        {
            found.push(format!("record {id}: the handle says {:?}, the report {reported:?}", sent.fate));
        }
    }
}

/// The topic was deleted after the record was sent: it may be gone with it.
fn deleted_since(history: &History, topic: i64, at: u64) -> bool {
    history.deleted.iter().any(|(when, of)| *of == topic && *when >= at)
}

/// The offset was cut off the log after this time; nobody knows of -1.
fn truncated_since(history: &History, place: Place, offset: i64, at: u64) -> bool {
    history.truncated.iter().any(|(when, of, end)| *of == place && *when >= at && (offset < 0 || *end <= offset))
}

/// What was acknowledged is in the log, where the acknowledgement says.
fn acknowledged(
    history: &History,
    logs: &Logs,
    places: &BTreeMap<usize, Vec<(Place, i64)>>,
    checked: &mut Checked,
    found: &mut Vec<String>,
) {
    for (id, sent) in history.sent.iter().enumerate() {
        let Fate::Acknowledged(partition, offset) = sent.fate else { continue };
        let acks = history.producers[sent.producer].acks;
        let truncated = acks != -1 && history.truncations.iter().any(|when| *when >= sent.sent_at);
        let truncated = truncated || truncated_since(history, (sent.topic, partition), offset, sent.sent_at);
        if acks == 0 || truncated || deleted_since(history, sent.topic, sent.sent_at) {
            continue;
        }
        checked.acknowledged += 1;
        let place = (sent.topic, partition);
        let there = places.get(&id).map(Vec::as_slice).unwrap_or_default();
        if !there.iter().any(|(of, _)| *of == place) {
            let end = logs.get(&place).and_then(|log| log.last()).map(|(offset, _)| *offset);
            found.push(format!(
                "record {id}, acknowledged at {} offset {offset} (acks={acks}, at {} ms), is lost; it is at {there:?}, the log's last offset is {end:?}",
                at(place),
                sent.ended_at
            ));
        } else if offset >= 0 && !there.contains(&(place, offset)) {
            found.push(format!("record {id} was acknowledged at {} offset {offset}, and is at {there:?}", at(place)));
        }
    }
}

/// What was not taken, or failed for sure, is nowhere.
fn never_written(history: &History, places: &BTreeMap<usize, Vec<(Place, i64)>>, checked: &mut Checked, found: &mut Vec<String>) {
    let mut read: BTreeMap<usize, (usize, Place, i64)> = BTreeMap::new();
    for ((consumer, place), seen) in &history.seen {
        for (_, seen) in seen {
            if let Seen::Record(offset, id) = seen {
                read.entry(*id).or_insert((*consumer, *place, *offset));
            }
        }
    }
    for (id, sent) in history.sent.iter().enumerate() {
        match &sent.fate {
            Fate::NotTaken(_) | Fate::Failed { possibly_written: false, .. } => checked.not_written += 1,
            Fate::Failed { .. } => {
                checked.possibly_written += 1;
                continue;
            }
            _ => continue,
        }
        if let Some(there) = places.get(&id) {
            found.push(format!("record {id} failed for sure ({:?}) and is in the log at {there:?}", sent.fate));
        } else if let Some((consumer, place, offset)) = read.get(&id) {
            let place = at(*place);
            found.push(format!("record {id} failed for sure ({:?}); consumer {consumer} read it at {place} {offset}", sent.fate));
        }
    }
}

/// Idempotence: none twice, and the records of one producer in the order in which it sent them.
fn once_and_in_order(history: &History, logs: &Logs, checked: &mut Checked, found: &mut Vec<String>) {
    for (place, log) in logs {
        let mut last: BTreeMap<usize, (i64, usize)> = BTreeMap::new();
        let (mut seen, mut newest) = (BTreeSet::new(), BTreeMap::new());
        for (offset, id) in log {
            let producer = history.sent[*id].producer;
            if history.one_in_flight.contains(&producer) && !history.truncated.iter().any(|(_, of, _)| of == place) {
                in_order_at_first(history, *place, (*offset, *id), &mut seen, &mut newest, found);
            }
            if !history.producers[producer].idempotent {
                continue;
            }
            if let Some((before, last)) = last.insert(producer, (*offset, *id)) {
                checked.neighbours += 1;
                if last == *id {
                    found.push(format!("record {id} is twice in {}: at {before} and {offset}", at(*place)));
                } else if last > *id {
                    let what = format!("record {id} at offset {offset} of {} comes behind record {last} at {before}", at(*place));
                    found.push(what);
                }
            }
        }
    }
}

/// Without idempotence a record may come again, but first it comes in its order.
fn in_order_at_first(
    history: &History,
    place: Place,
    (offset, id): (i64, usize),
    seen: &mut BTreeSet<usize>,
    newest: &mut BTreeMap<usize, usize>,
    found: &mut Vec<String>,
) {
    let sent = &history.sent[id];
    if !matches!(sent.fate, Fate::Acknowledged(..)) || !seen.insert(id) {
        return;
    }
    let before = newest.entry(sent.producer).or_default();
    if *before > id {
        found.push(format!(
            "record {id} at offset {offset} of {} comes behind record {before}, with one request in flight",
            at(place)
        ));
    }
    *before = id.max(*before);
}

/// All see the same record at the same offset, unless the topic was made anew or its log truncated.
fn reads_agree(history: &History, logs: &Logs, found: &mut Vec<String>) {
    let mut known: BTreeMap<(Place, i64), usize> = BTreeMap::new();
    for (place, log) in logs {
        known.extend(log.iter().map(|(offset, id)| ((*place, *offset), *id)));
    }
    for ((consumer, place), seen) in &history.seen {
        if history.deleted.iter().any(|(_, topic)| *topic == place.0) {
            continue;
        }
        for (when, seen) in seen {
            match seen {
                Seen::Foreign(offset, what) => found.push(format!("consumer {consumer} read at {} {offset}: {what}", at(*place))),
                Seen::Record(offset, id) => match known.get(&(*place, *offset)) {
                    Some(there) if there == id => {}
                    _ if truncated_since(history, *place, *offset, 0) => {}
                    other => {
                        found.push(format!(
                            "consumer {consumer} read record {id} at {} offset {offset} (at {when} ms), where the log has {other:?}",
                            at(*place)
                        ));
                    }
                },
                Seen::From(_) | Seen::Told(_) => {}
            }
        }
    }
}

/// From an assignment or a seek on, each record follows the one before: offsets never go back, and none is left out.
fn stretches(
    history: &History,
    (consumer, place): (usize, Place),
    logs: &Logs,
    seen: &[(u64, Seen)],
    checked: &mut Checked,
    found: &mut Vec<String>,
) {
    let empty = Vec::new();
    let current: BTreeMap<i64, usize> = logs.get(&place).unwrap_or(&empty).iter().copied().collect();
    let is_current = |offset: i64, id: usize| current.get(&offset) == Some(&id);
    let truncated =
        |at: u64, from: i64| history.truncated.iter().any(|(when, of, end)| *of == place && *when <= at && *end <= from);
    // What was truncated after it was read may have been sent again, and lie where it lay before: that tells nothing.
    let rewritten =
        |at: u64, offset: i64| history.truncated.iter().any(|(when, of, end)| *of == place && *when > at && *end <= offset);
    let deleted = |at: u64| history.deleted.iter().any(|(when, topic)| *topic == place.0 && *when <= at);
    let mut last: Option<(i64, usize)> = None;
    let mut expected: Option<i64> = None;
    let mut begun_anew = 0;
    for (when, seen) in seen {
        match seen {
            // Beyond the end of a log that was truncated or made anew, auto.offset.reset decides.
            Seen::From(Some(offset)) if *offset > 0 && (truncated(*when, *offset) || deleted(*when)) => {
                (expected, last) = (None, None);
            }
            Seen::From(offset) => (expected, last) = (*offset, None),
            Seen::Told(_) => (expected, last) = (None, None),
            Seen::Foreign(..) => {}
            Seen::Record(offset, id) => {
                checked.reads += 1;
                // Made anew, a topic begins at 0 again: once for each deletion.
                let deletions = history.deleted.iter().filter(|(at, topic)| *topic == place.0 && at <= when).count();
                if expected.is_some_and(|expected| expected != *offset) && begun_anew < deletions.div_ceil(2) {
                    begun_anew += 1;
                } else if expected.is_some_and(|expected| *offset < expected && truncated(*when, expected)) {
                    // Back to where the log parted.
                } else if let Some((before, lost)) = last
                    && expected == Some(*offset)
                    && truncated(*when, before)
                    && deletions == 0
                    && is_current(*offset, *id)
                    && !is_current(before, lost)
                    && !rewritten(*when, *offset)
                {
                    found.push(format!(
                        "consumer {consumer} read record {lost} at {} offset {before}, which was truncated, and went on behind it with record {id} (at {when} ms)",
                        at(place)
                    ));
                } else if let Some(expected) = expected
                    && *offset != expected
                {
                    found.push(format!(
                        "consumer {consumer} read record {id} at {} offset {offset} (at {when} ms), where offset {expected} was to come",
                        at(place)
                    ));
                }
                expected = Some(offset + 1);
                last = Some((*offset, *id));
            }
        }
    }
}
