//! Ottla's assignors beside those of the kafka-clients jar, on seeded groups: `range` and `roundrobin` divide exactly as Java's do;
//! `sticky` and `cooperative-sticky` are as even or more so, at equal evenness read as much or more from their own racks, and at
//! equal racks move as few partitions or fewer. What members tell each other goes through Java's own reading and writing.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use bytes::Bytes;
use ottla_core::consumer::TopicPartition;
use ottla_core::group::assignor::{GroupAssignment, GroupTopics, LastAssignment, MemberSubscription, builtin};
use ottla_core::group::{decode_assignment, encode_subscription};
use ottla_core::random::Rng;
use ottla_protocol::Text;
use ottla_tests::kafka::{kafka_libs, workspace_root};

const GROUPS: u64 = 2000;

#[derive(Clone, Debug)]
struct Group {
    seed: u64,
    topics: GroupTopics,
    members: Vec<MemberSubscription>,
}

const RACKS: [&str; 3] = ["east", "north", "west"];

fn random_racks(rng: &mut Rng, with_racks: bool) -> BTreeSet<Text> {
    if !with_racks {
        return BTreeSet::new();
    }
    (0..rng.below(4)).map(|_| Text::from(RACKS[rng.below(3) as usize])).collect()
}

fn random_member(rng: &mut Rng, topics: &GroupTopics, alike: bool, with_racks: bool) -> MemberSubscription {
    let mut subscribed: Vec<Text> = topics.racks.keys().filter(|_| alike || rng.below(3) > 0).cloned().collect();
    // Java's sticky assignors hand partitions to a member without a subscription, if they come upon it first.
    if rng.below(8) == 0 && !alike || subscribed.is_empty() {
        subscribed.push("gone".into());
    }
    MemberSubscription {
        member_id: format!("consumer-{}-{}", rng.below(12), rng.next_u32()).into(),
        group_instance_id: (rng.below(6) == 0).then(|| format!("instance-{}", rng.next_u32()).into()),
        topics: subscribed,
        generation: -1,
        rack: (with_racks && rng.below(5) > 0).then(|| Text::from(RACKS[rng.below(3) as usize])),
        ..MemberSubscription::default()
    }
}

fn random_group(seed: u64) -> Group {
    let mut rng = Rng::from_seed(seed);
    let (alike, with_racks) = (rng.below(2) == 0, rng.below(2) == 0);
    let mut topics = GroupTopics::default();
    let same = rng.below(2) == 0;
    let count = 1 + rng.below(12);
    for topic in 0..1 + rng.below(6) {
        let count = if same { count } else { 1 + rng.below(20) };
        let partitions = (0..count).map(|_| random_racks(&mut rng, with_racks)).collect();
        topics.racks.insert(format!("topic-{topic}").into(), partitions);
    }
    let members = (0..1 + rng.below(10)).map(|_| random_member(&mut rng, &topics, alike, with_racks)).collect();
    Group { seed, topics, members }
}

/// Members go and come, a topic grows.
fn change(group: &mut Group) {
    let mut rng = Rng::from_seed(group.seed ^ 0xc0de);
    for _ in 0..rng.below(3) {
        if group.members.len() > 1 {
            group.members.remove(rng.below(group.members.len() as u64) as usize);
        }
    }
    let alike = group.members.windows(2).all(|pair| pair[0].topics == pair[1].topics);
    let with_racks = group.members.iter().any(|member| member.rack.is_some());
    for _ in 0..rng.below(4) {
        let member = random_member(&mut rng, &group.topics, alike, with_racks);
        group.members.push(member);
    }
    if rng.below(3) == 0 {
        for partitions in group.topics.racks.values_mut() {
            partitions.push(random_racks(&mut rng, with_racks));
        }
    }
}

/// Each member has what `assignment` says, in this generation: told as both assignors tell it.
fn remember(group: &mut Group, assignment: &GroupAssignment, generation: i32, cooperative: bool) {
    let name = if cooperative { "cooperative-sticky" } else { "sticky" };
    let assignor = builtin(name).expect("there is one");
    for member in &mut group.members {
        let partitions = assignment.get(&member.member_id).map(|assigned| assigned.partitions.clone());
        let last = LastAssignment { partitions: partitions.clone(), generation, user_data: None };
        member.user_data = assignor.subscription_user_data(&member.topics, &last);
        member.generation = if partitions.is_some() { generation } else { -1 };
        member.owned_partitions = if cooperative { partitions.unwrap_or_default() } else { Vec::new() };
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Bytes {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex")).collect()
}

fn ask(input: &mut String, group: &Group, assignor: &str) {
    for (topic, partitions) in &group.topics.racks {
        let _ = write!(input, "topic\t{topic}");
        for racks in partitions {
            let racks: Vec<&str> = racks.iter().map(Text::as_str).collect();
            let _ = write!(input, "\t{}", if racks.is_empty() { "-".to_owned() } else { racks.join(",") });
        }
        input.push('\n');
    }
    for member in &group.members {
        let instance = member.group_instance_id.as_ref().map_or("-", Text::as_str);
        let subscription = encode_subscription(member).expect("it is short");
        let _ = writeln!(input, "member\t{}\t{instance}\t{}", member.member_id, hex(&subscription));
    }
    let _ = writeln!(input, "assign\t{assignor}");
}

/// What Java's assignor does with each of the groups.
fn java(groups: &[Group], assignor: &str) -> Vec<GroupAssignment> {
    let mut input = String::new();
    for group in groups {
        ask(&mut input, group, assignor);
    }
    let libs = kafka_libs().expect("Kafka's jars");
    let mut java = Command::new("java")
        .args(["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp"])
        .arg(libs.join("*"))
        .arg(workspace_root().join("tests/java/AssignorReference.java"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("java runs");
    let mut stdin = java.stdin.take().expect("a pipe");
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = java.wait_with_output().expect("java ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    writer.join().expect("no panic").expect("java reads");
    let mut answers = Vec::new();
    let mut answer = GroupAssignment::new();
    for line in String::from_utf8(output.stdout).expect("text").lines() {
        match line.split_once('\t') {
            Some((member, assignment)) => {
                let mut assignment = decode_assignment(&unhex(assignment)).expect("Java's bytes");
                assignment.partitions.sort();
                answer.insert(member.into(), assignment);
            }
            None => answers.push(std::mem::take(&mut answer)),
        }
    }
    assert_eq!(answers.len(), groups.len());
    answers
}

fn ours(group: &Group, assignor: &str) -> GroupAssignment {
    let mut assignment = builtin(assignor).expect("there is one").assign(&group.topics, &group.members);
    assignment.values_mut().for_each(|member| member.partitions.sort());
    assignment
}

#[test]
fn range_and_roundrobin_are_java_s() {
    let groups: Vec<Group> = (0..GROUPS).map(random_group).collect();
    for name in ["range", "roundrobin"] {
        for (group, expected) in groups.iter().zip(java(&groups, name)) {
            assert_eq!(ours(group, name), expected, "{name}, seed {}: {group:#?}", group.seed);
        }
    }
}

/// How good a division is, the smaller the better: evenness, then racks, then moves.
fn quality(group: &Group, assignment: &GroupAssignment, before: &GroupAssignment) -> (usize, usize, usize) {
    let even = assignment.values().map(|member| member.partitions.len().pow(2)).sum();
    let all: Vec<&BTreeSet<Text>> = group.topics.racks.values().flatten().collect();
    let union: BTreeSet<&Text> = all.iter().copied().flatten().collect();
    let racks_matter = all.iter().any(|racks| racks.len() < union.len())
        && group.members.iter().filter_map(|member| member.rack.as_ref()).any(|rack| union.contains(rack));
    let is_far = |member: &MemberSubscription, partition: &TopicPartition| {
        let racks = &group.topics.racks[&partition.topic][partition.partition as usize];
        racks_matter && member.rack.as_ref().is_some_and(|rack| !racks.contains(rack))
    };
    let present: BTreeMap<&Text, &MemberSubscription> = group.members.iter().map(|m| (&m.member_id, m)).collect();
    let mut owner: BTreeMap<&TopicPartition, &Text> = BTreeMap::new();
    for (id, member) in before.iter().filter(|(id, _)| present.contains_key(*id)) {
        owner.extend(member.partitions.iter().map(|partition| (partition, id)));
    }
    let mut far = 0;
    let mut moves = 0;
    for (id, member) in assignment {
        for partition in &member.partitions {
            far += usize::from(is_far(present[id], partition));
            moves += usize::from(owner.get(partition).is_some_and(|owner| *owner != id));
        }
    }
    (even, far, moves)
}

fn handed(assignment: &GroupAssignment) -> usize {
    assignment.values().map(|member| member.partitions.len()).sum()
}

fn subscribed_partitions(group: &Group) -> usize {
    let topics: BTreeSet<&Text> = group.members.iter().flat_map(|member| &member.topics).collect();
    topics.into_iter().map(|topic| group.topics.partitions(topic)).sum()
}

fn compare(groups: &[Group], before: &[GroupAssignment], ours: &[GroupAssignment], java: &[GroupAssignment], what: &str) {
    let mut better = 0;
    for (((group, before), ours), java) in groups.iter().zip(before).zip(ours).zip(java) {
        assert_eq!(handed(ours), handed(java), "{what}, seed {}", group.seed);
        let (mine, theirs) = (quality(group, ours, before), quality(group, java, before));
        assert!(mine <= theirs, "{what}, seed {}: {mine:?} where Java has {theirs:?}\n{group:#?}", group.seed);
        better += usize::from(mine < theirs);
    }
    println!("{what}: {} groups, better than Java's in {better}", groups.len());
}

#[test]
fn sticky_is_as_even_as_java_s_and_moves_no_more() {
    let mut groups: Vec<Group> = (0..GROUPS).map(random_group).collect();
    let nothing = vec![GroupAssignment::new(); groups.len()];
    let fresh: Vec<GroupAssignment> = groups.iter().map(|group| ours(group, "sticky")).collect();
    let fresh_java = java(&groups, "sticky");
    compare(&groups, &nothing, &fresh, &fresh_java, "sticky, a new group");
    // What is kept is Java's own division for every other group, so that neither has it easier.
    let before: Vec<GroupAssignment> =
        fresh.into_iter().zip(fresh_java).enumerate().map(|(i, (mine, java))| if i % 2 == 0 { mine } else { java }).collect();
    for (group, before) in groups.iter_mut().zip(&before) {
        change(group);
        remember(group, before, 3, false);
    }
    let after: Vec<GroupAssignment> = groups.iter().map(|group| ours(group, "sticky")).collect();
    compare(&groups, &before, &after, &java(&groups, "sticky"), "sticky, members come and go");
}

#[test]
fn cooperative_sticky_is_as_even_as_java_s_and_moves_no_more() {
    let mut groups: Vec<Group> = (0..GROUPS).map(|seed| random_group(seed + 1_000_000)).collect();
    let before = java(&groups, "cooperative-sticky");
    for (group, before) in groups.iter_mut().zip(&before) {
        change(group);
        remember(group, before, 3, true);
    }
    let first: Vec<GroupAssignment> = groups.iter().map(|group| ours(group, "cooperative-sticky")).collect();
    let first_java = java(&groups, "cooperative-sticky");
    for ((group, before), (mine, java)) in groups.iter().zip(&before).zip(first.iter().zip(&first_java)) {
        for assignment in [mine, java] {
            // What stays unassigned is what moves: no partition is read by two on the way.
            assert_eq!(quality(group, assignment, before).2, 0, "seed {}", group.seed);
        }
    }
    let (mut mine, mut theirs) = (groups.clone(), groups.clone());
    for index in 0..groups.len() {
        remember(&mut mine[index], &first[index], 4, true);
        remember(&mut theirs[index], &first_java[index], 4, true);
    }
    let second: Vec<GroupAssignment> = mine.iter().map(|group| ours(group, "cooperative-sticky")).collect();
    // Java's may change its mind on the way and need one rebalance more.
    let second_java = java(&theirs, "cooperative-sticky");
    for (group, assignment) in theirs.iter_mut().zip(&second_java) {
        remember(group, assignment, 5, true);
    }
    let third = java(&theirs, "cooperative-sticky");
    let settled: Vec<usize> =
        (0..groups.len()).filter(|&index| handed(&third[index]) == subscribed_partitions(&groups[index])).collect();
    assert!(settled.len() > groups.len() * 9 / 10, "{} of {}", settled.len(), groups.len());
    for (group, second) in groups.iter().zip(&second) {
        assert_eq!(handed(second), subscribed_partitions(group), "seed {}", group.seed);
    }
    let pick = |all: &[GroupAssignment]| settled.iter().map(|&index| all[index].clone()).collect::<Vec<_>>();
    let groups: Vec<Group> = settled.iter().map(|&index| groups[index].clone()).collect();
    compare(&groups, &pick(&before), &pick(&second), &pick(&third), "cooperative-sticky, members come and go");
}
