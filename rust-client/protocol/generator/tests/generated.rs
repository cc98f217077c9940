//! What is committed is what the generator writes.

#![allow(clippy::expect_used)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The jar in the workspace's cache, fetched if need be.
fn jar(workspace: &Path) -> PathBuf {
    let cache = workspace.join(".cache");
    let jar = cache.join("kafka-clients-4.3.1.jar");
    if !jar.exists() {
        let artifact = "-Dartifact=org.apache.kafka:kafka-clients:4.3.1";
        let command = format!("mvn -q dependency:copy {artifact} -DoutputDirectory={}", cache.display());
        let fetched =
            Command::new("sh").args(["-c", &command]).stdout(Stdio::null()).status().is_ok_and(|status| status.success());
        assert!(fetched && jar.exists(), "{} is missing and could not be fetched; this fetches it: {command}", jar.display());
    }
    jar
}

fn texts(folder: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder).expect("the folder is there");
    entries
        .map(|entry| entry.expect("readable"))
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), fs::read_to_string(entry.path()).expect("a text")))
        .collect()
}

#[test]
fn the_committed_messages_are_those_of_the_schemas() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let committed = workspace.join("rust-client/protocol/src/messages");
    let fresh = Path::new(env!("CARGO_TARGET_TMPDIR")).join("messages");
    ottla_protocol_generator::generate(&jar(&workspace), &fresh).expect("the schemas are understood");
    let (committed, fresh) = (texts(&committed), texts(&fresh));
    let names = |texts: &BTreeMap<String, String>| texts.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&committed), names(&fresh));
    let changed: Vec<_> = fresh.iter().filter(|(name, text)| committed.get(*name) != Some(text)).map(|(name, _)| name).collect();
    let command = "cargo run -p ottla-protocol-generator -- .cache/kafka-clients-4.3.1.jar rust-client/protocol/src/messages";
    assert!(changed.is_empty(), "{changed:?} are not what the generator writes; this writes them: {command}");
}
