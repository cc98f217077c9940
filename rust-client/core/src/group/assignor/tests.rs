//! What every assignor keeps, on seeds; that Java's results are the same or no better is compared in tests/.

use super::*;
use crate::random::Rng;

fn topics(counts: &[(&str, usize)]) -> GroupTopics {
    let racks = counts.iter().map(|(topic, count)| (Text::from(*topic), vec![BTreeSet::new(); *count])).collect();
    GroupTopics { racks }
}

fn member(id: &str, topics: &[&str]) -> MemberSubscription {
    MemberSubscription {
        member_id: id.into(),
        topics: topics.iter().map(|topic| Text::from(*topic)).collect(),
        generation: -1,
        ..MemberSubscription::default()
    }
}

fn of(assignment: &GroupAssignment, member: &str) -> Vec<String> {
    assignment[member].partitions.iter().map(|p| format!("{}{}", p.topic, p.partition)).collect()
}

#[test]
fn ranges_by_topic() {
    let members = [member("b", &["t", "u"]), member("a", &["t", "u", "gone"])];
    let assignment = RangeAssignor.assign(&topics(&[("t", 3), ("u", 1)]), &members);
    assert_eq!((of(&assignment, "a"), of(&assignment, "b")), (vec!["t0".into(), "t1".into(), "u0".into()], vec!["t2".into()]));
}

#[test]
fn a_static_member_comes_first_whatever_its_member_id() {
    let mut members = [member("a", &["t"]), member("z", &["t"])];
    members[1].group_instance_id = Some("i".into());
    for assignor in [&RangeAssignor as &dyn PartitionAssignor, &RoundRobinAssignor] {
        assert_eq!(of(&assignor.assign(&topics(&[("t", 1)]), &members), "z"), ["t0"]);
    }
}

#[test]
fn dealt_in_turn_over_those_who_subscribe() {
    let members = [member("a", &["t"]), member("b", &["t", "u"]), member("c", &["t", "u", "v"])];
    let assignment = RoundRobinAssignor.assign(&topics(&[("t", 1), ("u", 2), ("v", 3)]), &members);
    assert_eq!((of(&assignment, "a"), of(&assignment, "b")), (vec!["t0".to_owned()], vec!["u0".to_owned()]));
    assert_eq!(of(&assignment, "c"), ["u1", "v0", "v1", "v2"]);
}

#[test]
fn range_reads_from_its_own_rack_where_the_counts_allow_it() {
    let rack = |name: &str| BTreeSet::from([Text::from(name)]);
    let topics = GroupTopics { racks: BTreeMap::from([("t".into(), vec![rack("2"), rack("1"), rack("1"), rack("2")])]) };
    let mut members = [member("a", &["t"]), member("b", &["t"])];
    members[0].rack = Some("1".into());
    members[1].rack = Some("2".into());
    for assignor in [&RangeAssignor as &dyn PartitionAssignor, &StickyAssignor] {
        let assignment = assignor.assign(&topics, &members);
        assert_eq!(
            (of(&assignment, "a"), of(&assignment, "b")),
            (vec!["t1".into(), "t2".into()], vec!["t0".into(), "t3".into()])
        );
    }
}

#[test]
fn the_later_generation_is_believed_and_of_equal_ones_none() {
    let topics = topics(&[("t", 2)]);
    let mut members = [member("a", &["t"]), member("b", &["t"]), member("c", &["t"])];
    for (member, generation) in members.iter_mut().zip([3, 4, 4]) {
        member.generation = generation;
        member.owned_partitions = vec![TopicPartition::new("t", 0)];
    }
    members[2].owned_partitions = vec![TopicPartition::new("t", 1)];
    let claims: Vec<claims::Claim> =
        members.iter().map(|m| claims::Claim { partitions: m.owned_partitions.clone(), generation: m.generation }).collect();
    let owners = claims::owners(&topics, &members, &claims);
    assert_eq!(owners, BTreeMap::from([(TopicPartition::new("t", 0), 1), (TopicPartition::new("t", 1), 2)]));
    members[0].owned_partitions = vec![TopicPartition::new("t", 1)];
    let claims: Vec<claims::Claim> =
        members.iter().map(|m| claims::Claim { partitions: m.owned_partitions.clone(), generation: 4 }).collect();
    assert_eq!(claims::owners(&topics, &members, &claims), BTreeMap::from([(TopicPartition::new("t", 0), 1)]));
}

#[test]
fn what_moves_is_withheld_for_one_rebalance() {
    let topics = topics(&[("t", 4)]);
    let mut members = [member("a", &["t"]), member("b", &["t"])];
    members[0].owned_partitions = (0..4).map(|partition| TopicPartition::new("t", partition)).collect();
    members[0].generation = 1;
    let first = CooperativeStickyAssignor.assign(&topics, &members);
    assert_eq!((of(&first, "a").len(), of(&first, "b").len()), (2, 0));
    members[0].owned_partitions = first["a"].partitions.clone();
    let second = CooperativeStickyAssignor.assign(&topics, &members);
    assert_eq!((of(&second, "a"), of(&second, "b").len()), (of(&first, "a"), 2));
}

#[test]
fn who_is_alone_in_reading_a_topic_leaves_the_others_to_the_others() {
    let members = [member("a", &["t"]), member("b", &["t", "u"]), member("c", &["t", "u", "v"])];
    let assignment = StickyAssignor.assign(&topics(&[("t", 1), ("u", 2), ("v", 3)]), &members);
    let counts: Vec<usize> = assignment.values().map(|member| member.partitions.len()).collect();
    assert_eq!(counts, [1, 2, 3]);
}

#[test]
fn the_rebalance_protocol_is_the_most_cooperative_in_common() {
    let of = |names: &[&str]| common_protocol(&names.iter().map(|name| builtin(name).unwrap()).collect::<Vec<_>>());
    assert_eq!(of(&["cooperative-sticky"]), Some(RebalanceProtocol::Cooperative));
    assert_eq!(of(&["range", "cooperative-sticky"]), Some(RebalanceProtocol::Eager));
    assert!(builtin("Range").is_none());
}

struct Group {
    topics: GroupTopics,
    members: Vec<MemberSubscription>,
}

fn random_group(rng: &mut Rng) -> Group {
    let topic_count = 1 + rng.below(5);
    let racks = ["r0", "r1", "r2"];
    let mut group = Group { topics: GroupTopics::default(), members: Vec::new() };
    for topic in 0..topic_count {
        let partitions = (0..rng.below(9)).map(|_| (0..rng.below(3)).map(|_| Text::from(racks[rng.below(3) as usize])).collect());
        group.topics.racks.insert(Text::from(format!("t{topic}")), partitions.collect());
    }
    group.topics.racks.retain(|_, partitions| !partitions.is_empty());
    let alike = rng.below(2) == 0;
    for index in 0..1 + rng.below(7) {
        let mut member = member(&format!("m{}", rng.below(1000) * 10 + index), &[]);
        member.topics = (0..topic_count).filter(|_| alike || rng.below(2) == 0).map(|t| Text::from(format!("t{t}"))).collect();
        member.rack = Some(rng.below(4) as usize).and_then(|rack| racks.get(rack)).map(|rack| Text::from(*rack));
        group.members.push(member);
    }
    group
}

/// Each partition goes to exactly one member, which subscribes to its topic; all that somebody subscribes to go to someone.
fn check_complete(group: &Group, assignment: &GroupAssignment, what: &str) {
    let mut seen = BTreeSet::new();
    for member in &group.members {
        for partition in &assignment[&member.member_id].partitions {
            assert!(member.topics.contains(&partition.topic), "{what}: not subscribed to {partition:?}");
            assert!((partition.partition as usize) < group.topics.partitions(&partition.topic), "{what}: {partition:?}");
            assert!(seen.insert(partition.clone()), "{what}: {partition:?} twice");
        }
    }
    let subscribed: BTreeSet<&Text> = group.members.iter().flat_map(|member| &member.topics).collect();
    let all: usize = subscribed.iter().map(|topic| group.topics.partitions(topic)).sum();
    assert_eq!(seen.len(), all, "{what}");
}

/// Nobody who has two more than another could give it one, over however many hands.
fn check_balanced(group: &Group, assignment: &GroupAssignment, what: &str) {
    let load = |member: &MemberSubscription| assignment[&member.member_id].partitions.len();
    for from in &group.members {
        let mut reached = BTreeSet::from([from.member_id.clone()]);
        let mut hands = vec![from];
        while let Some(hand) = hands.pop() {
            assert!(
                load(hand) + 1 >= load(from),
                "{what}: {} has {}, {} has {}",
                from.member_id,
                load(from),
                hand.member_id,
                load(hand)
            );
            for partition in &assignment[&hand.member_id].partitions {
                for next in group.members.iter().filter(|next| next.topics.contains(&partition.topic)) {
                    if reached.insert(next.member_id.clone()) {
                        hands.push(next);
                    }
                }
            }
        }
    }
}

fn remember(group: &mut Group, assignment: &GroupAssignment, generation: i32, cooperative: bool) {
    for member in &mut group.members {
        let Some(assigned) = assignment.get(&member.member_id) else { continue };
        member.generation = generation;
        if cooperative {
            member.owned_partitions.clone_from(&assigned.partitions);
        } else {
            let last = LastAssignment { partitions: Some(assigned.partitions.clone()), generation, user_data: None };
            member.user_data = StickyAssignor.subscription_user_data(&member.topics, &last);
        }
    }
}

#[test]
fn complete_balanced_and_sticky_over_rebalances() {
    for seed in 0..400 {
        let mut rng = Rng::from_seed(seed);
        let mut group = random_group(&mut rng);
        for generation in 0..4 {
            for (name, assignor) in [("range", &RangeAssignor as &dyn PartitionAssignor), ("roundrobin", &RoundRobinAssignor)] {
                check_complete(&group, &assignor.assign(&group.topics, &group.members), &format!("{name}, seed {seed}"));
            }
            let what = format!("sticky, seed {seed}, generation {generation}");
            let assignment = StickyAssignor.assign(&group.topics, &group.members);
            check_complete(&group, &assignment, &what);
            check_balanced(&group, &assignment, &what);
            // Nothing changed: nothing moves.
            remember(&mut group, &assignment, generation, false);
            assert_eq!(StickyAssignor.assign(&group.topics, &group.members), assignment, "{what}");
            // Somebody comes or goes, or a topic grows.
            match rng.below(3) {
                0 if group.members.len() > 1 => drop(group.members.remove(rng.below(group.members.len() as u64) as usize)),
                1 => group.members.push(random_group(&mut rng).members.remove(0)),
                _ => group.topics.racks.values_mut().for_each(|partitions| partitions.push(BTreeSet::new())),
            }
            let mut ids = BTreeSet::new();
            group.members.retain(|member| ids.insert(member.member_id.clone()));
        }
    }
}

#[test]
fn cooperative_members_end_balanced_and_no_partition_has_two_readers_on_the_way() {
    for seed in 0..400 {
        let mut rng = Rng::from_seed(seed);
        let mut group = random_group(&mut rng);
        for generation in 0..6 {
            let assignment = CooperativeStickyAssignor.assign(&group.topics, &group.members);
            for member in &group.members {
                for partition in &assignment[&member.member_id].partitions {
                    let other = group
                        .members
                        .iter()
                        .find(|other| other.member_id != member.member_id && other.owned_partitions.contains(partition));
                    assert!(other.is_none(), "seed {seed}: {partition:?} still is {other:?}'s");
                }
            }
            let settled = group.members.iter().all(|member| {
                member.owned_partitions.iter().all(|owned| assignment[&member.member_id].partitions.contains(owned))
            });
            remember(&mut group, &assignment, generation, true);
            if settled {
                let what = format!("cooperative-sticky, seed {seed}, generation {generation}");
                check_complete(&group, &assignment, &what);
                check_balanced(&group, &assignment, &what);
                let more = random_group(&mut rng).members.remove(0);
                if group.members.iter().all(|member| member.member_id != more.member_id) {
                    group.members.push(more);
                }
            } else {
                // What was given up is handed out in the very next rebalance.
                let next = CooperativeStickyAssignor.assign(&group.topics, &group.members);
                check_complete(&group, &next, &format!("cooperative-sticky, seed {seed}"));
            }
        }
    }
}

#[test]
fn a_large_group_that_doubles_moves_half() {
    let topics = topics(&[("t", 600), ("u", 400)]);
    let mut group = Group { topics, members: (0..50).map(|i| member(&format!("m{i:03}"), &["t", "u"])).collect() };
    let before = StickyAssignor.assign(&group.topics, &group.members);
    remember(&mut group, &before, 1, false);
    group.members.extend((50..100).map(|i| member(&format!("m{i:03}"), &["t", "u"])));
    let after = StickyAssignor.assign(&group.topics, &group.members);
    check_complete(&group, &after, "100 members");
    let kept: usize = before
        .iter()
        .map(|(id, had)| after[id].partitions.iter().filter(|partition| had.partitions.contains(partition)).count())
        .sum();
    assert_eq!(kept, 500);
    assert!(after.values().all(|member| member.partitions.len() == 10));
}

#[test]
fn a_large_group_with_subscriptions_of_all_kinds_is_divided_evenly_from_the_worst_start() {
    let mut rng = Rng::from_seed(1);
    let names: Vec<String> = (0..50).map(|topic| format!("t{topic:02}")).collect();
    let mut group = Group { topics: GroupTopics::default(), members: Vec::new() };
    for name in &names {
        group.topics.racks.insert(name.as_str().into(), vec![BTreeSet::new(); 20]);
    }
    for index in 0..100 {
        let mut member = member(&format!("m{index:03}"), &[]);
        member.topics = names.iter().filter(|_| index < 3 || rng.below(2) == 0).map(|name| Text::from(name.as_str())).collect();
        group.members.push(member);
    }
    // Three members had everything.
    let before = StickyAssignor.assign(&group.topics, &group.members[..3]);
    remember(&mut group, &before, 1, false);
    let after = StickyAssignor.assign(&group.topics, &group.members);
    check_complete(&group, &after, "100 members");
    check_balanced(&group, &after, "100 members");
    assert!(after.values().all(|member| member.partitions.len() == 10));
}
