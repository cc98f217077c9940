//! Which brokers get the replicas of a new partition.

use ottla_protocol::ErrorCode;

use crate::log::Refusal;

/// How a topic is to be laid out.
#[derive(Clone, Debug)]
pub(crate) enum Layout {
    /// Leaders and replicas spread over the brokers.
    Spread {
        /// How many partitions.
        partitions: i32,
        /// How many replicas of each; as default.replication.factor says if there is none.
        replication_factor: Option<i16>,
    },
    /// The replicas of each partition, the preferred leader first.
    Manual(Vec<Vec<i32>>),
}

/// A broker as far as placing replicas is concerned.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) node: i32,
    pub(crate) rack: Option<String>,
    pub(crate) alive: bool,
}

/// Holds a replication factor against the number of brokers, with Kafka's words.
pub(crate) fn check_replication_factor(factor: i64, brokers: usize) -> Result<usize, Refusal> {
    let invalid = |message: String| Err(Refusal::new(ErrorCode::InvalidReplicationFactor, message));
    match usize::try_from(factor) {
        Err(_) | Ok(0) => invalid("Replication factor must be larger than 0, or -1 to use the default value.".into()),
        Ok(wanted) if wanted > brokers => invalid(format!(
            "Unable to replicate the partition {factor} time(s): The target replication factor of {factor} cannot be reached \
             because only {brokers} broker(s) are registered."
        )),
        Ok(wanted) => Ok(wanted),
    }
}

/// Holds the replicas of one partition, as somebody chose them, against the brokers.
pub(crate) fn check_assignment(replicas: &[i32], places: &[Place]) -> Result<(), Refusal> {
    let invalid = |message: String| Err(Refusal::new(ErrorCode::InvalidReplicaAssignment, message));
    if replicas.is_empty() {
        return invalid("The manual partition assignment includes an empty replica list.".into());
    }
    let mut seen = Vec::with_capacity(replicas.len());
    for id in replicas {
        if seen.contains(id) {
            return invalid(format!("The manual partition assignment includes the broker {id} more than once."));
        }
        if !places.iter().any(|place| place.node == *id) {
            return invalid(format!("The manual partition assignment includes broker {id}, but no such broker is registered."));
        }
        seen.push(*id);
    }
    Ok(())
}

/// The replicas of `count` partitions, each led by the broker after the one before. Brokers that are there are preferred; replicas
/// next to one another are in different racks where that is possible. `first` moves the beginning, so that topics of one partition
/// are spread too.
pub(crate) fn spread(places: &[Place], first: usize, count: usize, factor: usize) -> Vec<Vec<i32>> {
    let alive: Vec<Place> = places.iter().filter(|place| place.alive).cloned().collect();
    let order = by_racks_in_turn(if alive.len() >= factor { &alive } else { places });
    if order.is_empty() {
        return vec![Vec::new(); count];
    }
    let replica = |at: usize| order.get(at % order.len()).copied().unwrap_or(0);
    (first..first.saturating_add(count))
        .map(|start| (0..factor.min(order.len())).map(|next| replica(start.wrapping_add(next))).collect())
        .collect()
}

/// One broker of each rack, then the next one of each.
fn by_racks_in_turn(places: &[Place]) -> Vec<i32> {
    let turn = |place: &Place, before: &[Place]| before.iter().filter(|other| other.rack == place.rack).count();
    let turns = places.iter().enumerate().map(|(at, place)| (turn(place, places.get(..at).unwrap_or_default()), at, place));
    let mut turns: Vec<(usize, usize, &Place)> = match places.iter().any(|place| place.rack.is_some()) {
        true => turns.collect(),
        false => places.iter().enumerate().map(|(at, place)| (0, at, place)).collect(),
    };
    turns.sort_by_key(|(turn, at, _)| (*turn, *at));
    turns.into_iter().map(|(_, _, place)| place.node).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(racks: &[Option<&str>]) -> Vec<Place> {
        let place = |(node, rack): (i32, &Option<&str>)| Place { node, rack: rack.map(str::to_owned), alive: true };
        (1..).zip(racks).map(place).collect()
    }

    #[test]
    fn leaders_go_round_and_racks_differ() {
        assert_eq!(spread(&places(&[None; 3]), 0, 4, 2), [[1, 2], [2, 3], [3, 1], [1, 2]]);
        assert_eq!(spread(&places(&[None; 3]), 2, 1, 3), [[3, 1, 2]]);
        let racks = places(&[Some("a"), Some("a"), Some("b"), Some("b")]);
        assert_eq!(spread(&racks, 0, 2, 2), [[1, 3], [3, 2]]);
        assert_eq!(spread(&places(&[None]), 5, 2, 1), [[1], [1]]);
    }

    #[test]
    fn brokers_that_are_there_are_preferred() {
        let mut places = places(&[None; 3]);
        places[0].alive = false;
        assert_eq!(spread(&places, 0, 2, 2), [[2, 3], [3, 2]]);
        assert_eq!(spread(&places, 0, 1, 3), [[1, 2, 3]]);
    }

    #[test]
    fn what_cannot_be_is_refused_with_kafkas_words() {
        let text = |refused: Refusal| refused.message;
        assert!(text(check_replication_factor(0, 1).unwrap_err()).contains("must be larger than 0"));
        assert!(text(check_replication_factor(3, 2).unwrap_err()).contains("only 2 broker(s) are registered"));
        let places = places(&[None; 2]);
        assert!(check_assignment(&[2, 1], &places).is_ok());
        assert!(text(check_assignment(&[], &places).unwrap_err()).contains("empty replica list"));
        assert!(text(check_assignment(&[1, 1], &places).unwrap_err()).contains("more than once"));
        assert!(text(check_assignment(&[1, 3], &places).unwrap_err()).contains("no such broker"));
    }
}
