//! Java's consumer, by Kafka's console consumer, and Kafka's tool for groups.

use ottla::{Client, Record};
use ottla_protocol::messages::DescribeGroupsRequest;

use crate::kafka;
use crate::peer::{Peer, Script};

const CONSUMER: &str = "org.apache.kafka.tools.consumer.ConsoleConsumer";
const GROUPS: &str = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";

fn tool(class: &str, servers: &str, arguments: &[&str]) -> Result<String, String> {
    let mut all = vec!["--bootstrap-server", servers];
    all.extend_from_slice(arguments);
    kafka().run_tool(class, &all, b"").unwrap().into_text().map_err(|error| error.to_string())
}

/// What a tool printed: one space between words, ids and lines in order, what differs from run to run by another name.
fn plain(printed: &str) -> Vec<String> {
    let word = |word: &str| match word.rsplit_once("console-consumer-") {
        Some(_) => "CONSUMER".to_owned(),
        None if word.starts_with("127.0.0.1:") => "BROKER".to_owned(),
        None => word.to_owned(),
    };
    let line = |line: &str| line.split_whitespace().map(word).collect::<Vec<_>>().join(" ");
    let mut lines: Vec<String> = printed.lines().map(line).filter(|line| !line.is_empty()).collect();
    lines.sort();
    lines
}

fn produce(script: &Script, values: std::ops::Range<u32>) {
    let client = Client::builder().set("bootstrap.servers", script.servers()).unwrap().build().unwrap();
    let producer = client.producer().unwrap();
    for value in values {
        for partition in 0..2 {
            let value = format!("{partition}-{value}");
            drop(producer.try_send(&Record::to(script.topic.as_str()).partition(partition).value(&value)).unwrap());
        }
    }
    producer.flush_blocking();
}

/// Waits until the group is stable with so many members, and each has partitions. (Of cooperative ones, some have none at first.) Each question is one to the broker: no time is waited for.
fn until_stable(script: &Script, members: usize) {
    let mut peer: Peer = script.connect();
    let request = DescribeGroupsRequest { groups: vec![script.group.clone()], ..Default::default() };
    let stable = |group: &ottla_protocol::messages::describe_groups::DescribedGroup| {
        // A version, and then the number of topics.
        let has_some = |assignment: &[u8]| assignment.get(2..6).is_some_and(|topics| topics != [0; 4]);
        let all_have = group.members.iter().all(|member| has_some(&member.member_assignment));
        group.group_state == "Stable" && group.members.len() == members && all_have
    };
    while !stable(&peer.ask(5, &request).groups[0]) {}
}

fn consume<'a>(script: &'a Script, more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["--topic", &script.topic, "--group", &script.group, "--timeout-ms", "60000"];
    arguments.extend_from_slice(more);
    arguments
}

/// What the tool for groups prints of a group that comes, is read by, goes and is deleted.
pub(crate) fn groups(script: &mut Script) {
    let servers = script.servers().to_owned();
    let (group, topic) = (script.group.to_string(), script.topic.to_string());
    let run = |arguments: &[&str]| match tool(GROUPS, &servers, arguments) {
        Ok(printed) => plain(&printed),
        Err(error) => vec![error.lines().next().unwrap_or_default().to_owned()],
    };
    produce(script, 0..10);
    let reader = {
        let arguments: Vec<String> =
            consume(script, &["--from-beginning", "--max-messages", "30"]).into_iter().map(str::to_owned).collect();
        let servers = servers.clone();
        std::thread::spawn(move || tool(CONSUMER, &servers, &arguments.iter().map(String::as_str).collect::<Vec<_>>()))
    };
    until_stable(script, 1);
    script.note("members", &run(&["--describe", "--members", "--verbose", "--group", &group]));
    script.note("state", &run(&["--describe", "--state", "--group", &group]));
    produce(script, 10..15);
    let read = reader.join().unwrap().unwrap();
    script.note("read", &plain(&read));
    script.note("offsets", &run(&["--describe", "--group", &group]));
    let listed = run(&["--list", "--state"]);
    script.note("list", &listed.iter().filter(|line| line.starts_with(&group)).collect::<Vec<_>>());
    let reset = ["--reset-offsets", "--group", &group, "--topic", &topic, "--to-offset", "13", "--execute"];
    script.note("reset", &run(&reset));
    let read = tool(CONSUMER, &servers, &consume(script, &["--max-messages", "4"])).unwrap();
    script.note("read again", &plain(&read));
    script.note("delete offsets", &run(&["--delete-offsets", "--group", &group, "--topic", &format!("{topic}:0")]));
    script.note("what is left", &run(&["--describe", "--offsets", "--group", &group]));
    script.note("delete", &run(&["--delete", "--group", &group]));
    script.note("gone", &run(&["--describe", "--group", &group]));
}

/// Two of Java's consumers share a topic by one of Java's assignors.
pub(crate) fn two_consumers(script: &mut Script, assignor: &str) {
    let servers = script.servers().to_owned();
    let property = format!("partition.assignment.strategy=org.apache.kafka.clients.consumer.{assignor}");
    let read = |_| {
        let mut more = vec!["--from-beginning", "--max-messages", "10", "--command-property", &property];
        more.extend(["--formatter-property", "print.partition=true"]);
        let arguments: Vec<String> = consume(script, &more).into_iter().map(str::to_owned).collect();
        let servers = servers.clone();
        std::thread::spawn(move || tool(CONSUMER, &servers, &arguments.iter().map(String::as_str).collect::<Vec<_>>()).unwrap())
    };
    let readers = [0, 1].map(read);
    until_stable(script, 2);
    produce(script, 0..10);
    let mut read = readers.map(|reader| plain(&reader.join().unwrap()));
    read.sort();
    // Each has read its partition, and nothing else.
    assert!(read.iter().all(|lines| lines.len() == 10), "{read:?}");
    script.note("read", &read);
}
