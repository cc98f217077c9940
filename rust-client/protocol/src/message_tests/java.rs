//! Byte for byte as Kafka's own codec: a Java program over the kafka-clients jar reads each random message and writes it again.
//! It knows every API and version, those that the `kafka-protocol` crate lacks too.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{encoded, random};
use crate::arbitrary::Arbitrary;
use crate::messages::*;

const JAR: &str = "kafka-clients-4.3.1.jar";

/// The jar in the workspace's cache, fetched if need be.
fn jar() -> PathBuf {
    let cache = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.cache");
    let jar = cache.join(JAR);
    if !jar.exists() {
        let command = format!(
            "mvn -q dependency:copy -Dartifact=org.apache.kafka:kafka-clients:4.3.1 -DoutputDirectory={}",
            cache.display()
        );
        let fetched =
            Command::new("sh").args(["-c", &command]).stdout(Stdio::null()).status().is_ok_and(|status| status.success());
        assert!(fetched && jar.exists(), "{JAR} is missing and could not be fetched; this fetches it: {command}");
    }
    jar
}

/// One line a message: kind, key, version, bytes.
fn line(lines: &mut String, kind: &str, key: i16, version: i16, bytes: &[u8]) {
    let _ = write!(lines, "{kind} {key} {version} ");
    for byte in bytes {
        let _ = write!(lines, "{byte:02x}");
    }
    lines.push('\n');
}

macro_rules! random_lines {
    ($($name:ident = $key:literal, $versions:expr, $flexible:expr, $stable:literal, $request:ident, $response:ident;)*) => {
        fn random_lines() -> String {
            let mut random = random();
            let mut lines = String::new();
            $(
                for version in $versions {
                    for _ in 0..8 {
                        let request = encoded(&$request::arbitrary(&mut random, version), version).expect("encodes");
                        line(&mut lines, "request", $key, version, &request);
                        let response = encoded(&$response::arbitrary(&mut random, version), version).expect("encodes");
                        line(&mut lines, "response", $key, version, &response);
                    }
                    line(&mut lines, "request", $key, version, &encoded(&$request::default(), version).expect("encodes"));
                    line(&mut lines, "response", $key, version, &encoded(&$response::default(), version).expect("encodes"));
                }
            )*
            lines
        }
    };
}

crate::for_each_api!(random_lines);

#[test]
fn kafkas_own_codec_agrees() {
    let lines = random_lines();
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/Agreement.java");
    let mut child = Command::new("java")
        .arg("-cp")
        .arg(jar())
        .arg(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("java 17 or later is on the path; on Debian: apt-get install openjdk-17-jdk-headless");
    // It reads all lines before it answers, so neither side waits for the other.
    let sent = child.stdin.take().expect("piped").write_all(lines.as_bytes());
    let output = child.wait_with_output().expect("java ends");
    let answer = String::from_utf8_lossy(&output.stdout);
    assert!(sent.is_ok() && output.status.success(), "{answer}");
    assert_eq!(answer.trim(), format!("{} messages agree", lines.lines().count()));
}
