//! What Kafka promises to a group, held against the logs that are left.

use std::collections::BTreeMap;

use crate::checker::Logs;
use crate::history::History;
use crate::schedule::topic_name;

/// At least once: all that is in the logs was handed out to somebody of each group that reads them. What was never handed out must not
/// lie behind a committed offset, which is the same thing once everything is drained.
pub fn check(history: &mut History, logs: &Logs, groups: &[i64]) {
    let mut found = Vec::new();
    let mut looked_for = 0;
    for group in groups {
        for (place, log) in logs {
            // Made anew, a topic begins again; what was committed of a log that was truncated may point behind other records.
            if history.deleted.iter().any(|(_, topic)| *topic == place.0)
                || history.truncated.iter().any(|(_, of, _)| of == place)
            {
                continue;
            }
            let nothing = BTreeMap::new();
            let handed = history.groups.handed.get(&(*group, *place)).unwrap_or(&nothing);
            let end = history.groups.ends.get(place).copied().unwrap_or(0);
            for (offset, id) in log.iter().filter(|(offset, _)| *offset < end) {
                looked_for += 1;
                let place = format!("{}-{}", topic_name(place.0), place.1);
                match handed.get(offset) {
                    Some(ids) if ids.len() == 1 && ids.contains(id) => {}
                    Some(ids) => found.push(format!("group {group} got {ids:?} at {place} {offset}, where the log has {id}")),
                    None => found.push(format!("nobody of group {group} got record {id} at {place} {offset}")),
                }
            }
        }
    }
    history.groups.checked.at_least_once += looked_for;
    found.into_iter().for_each(|what| history.mismatch(what));
}
