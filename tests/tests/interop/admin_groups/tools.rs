//! What Kafka's own tools say of a group that has members: on both brokers the same.

use std::sync::Mutex;

use ottla_tests::kafka::{LiveKafka, unique_name};

use super::member;
use crate::helper::{client, on_both, topic};

const GROUPS: &str = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";
const ALL_GROUPS: &str = "org.apache.kafka.tools.GroupsCommand";

/// What a tool printed, or failed with: of the lines that name the group or the topic, their words.
fn run(class: &str, servers: &str, arguments: &[&str], group: &str, topic: &str) -> Vec<String> {
    let mut all = vec!["--bootstrap-server", servers];
    all.extend_from_slice(arguments);
    let printed = match LiveKafka::shared().run_tool(class, &all, b"").unwrap().into_text() {
        Ok(printed) => printed,
        Err(error) => error.to_string(),
    };
    let lines = printed.lines().filter(|line| line.contains(group) || line.contains(topic));
    let words =
        |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ").replace(group, "GROUP").replace(topic, "TOPIC");
    lines.map(words).collect()
}

#[test]
fn a_group_in_use_is_left_alone() {
    let said = Mutex::new(Vec::new());
    on_both(|servers| {
        let client = client(servers, &[]);
        let (topic, group) = (topic(&client, 1), unique_name("tool-group"));
        let consumer = member(&client, &group, &topic, &[]);
        let run = |class, arguments: &[&str]| run(class, servers, arguments, &group, &topic);
        let reset = ["--reset-offsets", "--group", &group, "--topic", &topic, "--to-earliest", "--execute"];
        let lines = [
            run(GROUPS, &["--delete", "--group", &group]),
            run(GROUPS, &reset),
            run(GROUPS, &["--delete-offsets", "--group", &group, "--topic", &topic]),
            run(GROUPS, &["--list", "--state", "stable", "--type", "classic"]),
            run(ALL_GROUPS, &["--list", "--consumer"]),
        ];
        assert!(lines.iter().all(|lines| !lines.is_empty()), "{lines:#?}");
        said.lock().unwrap().push(lines);
        consumer.close().wait().unwrap();
    });
    let said = said.into_inner().unwrap();
    assert_eq!(said[0], said[1]);
}
