//! Java's KafkaConsumers as members of groups, all in one JVM: they come and go as they are told, and say what they have and read.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use ottla_tests::kafka::{kafka_libs, workspace_root};

/// What one member has said.
#[derive(Clone, Debug, Default)]
pub(super) struct Said {
    pub(super) has: BTreeSet<i32>,
    pub(super) read: Vec<(i32, i64)>,
    pub(super) left: bool,
}

#[derive(Default)]
struct Heard {
    members: BTreeMap<String, Said>,
    ended: bool,
}

/// The JVM. Dropped, it ends.
pub(super) struct Java {
    process: Child,
    stdin: Mutex<ChildStdin>,
    heard: Arc<(Mutex<Heard>, Condvar)>,
}

impl Java {
    pub(super) fn start() -> Self {
        let mut process = Command::new("java")
            .args(["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp"])
            .arg(kafka_libs().unwrap().join("*"))
            .arg(workspace_root().join("tests/java/ConsumerMember.java"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("java runs");
        let (stdin, stdout) = (Mutex::new(process.stdin.take().unwrap()), process.stdout.take().unwrap());
        let heard = Arc::new((Mutex::new(Heard::default()), Condvar::new()));
        let into = heard.clone();
        std::thread::spawn(move || {
            // What its logger prints is not for us.
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if let Some(line) = line.strip_prefix("@\t") {
                    hear(&mut into.0.lock().unwrap(), line);
                    into.1.notify_all();
                }
            }
            into.0.lock().unwrap().ended = true;
            into.1.notify_all();
        });
        Self { process, stdin, heard }
    }

    pub(super) fn join(&self, name: &str, servers: &str, group: &str, topic: &str, assignor: &str) {
        self.tell(&format!("join\t{name}\t{servers}\t{group}\t{topic}\t{assignor}\n"));
    }

    pub(super) fn leave(&self, name: &str) {
        self.tell(&format!("leave\t{name}\n"));
    }

    /// Waits until anything is said, for a moment at the longest.
    pub(super) fn wait(&self) {
        drop(self.heard.1.wait_timeout(self.heard.0.lock().unwrap(), Duration::from_millis(50)).unwrap());
    }

    fn tell(&self, line: &str) {
        self.stdin.lock().unwrap().write_all(line.as_bytes()).unwrap();
    }

    /// What a member has said so far.
    pub(super) fn said(&self, name: &str) -> Said {
        let heard = self.heard.0.lock().unwrap();
        assert!(!heard.ended, "Java's members have ended, with what they printed above");
        heard.members.get(name).cloned().unwrap_or_default()
    }
}

impl Drop for Java {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn hear(heard: &mut Heard, line: &str) {
    let words: Vec<&str> = line.split('\t').collect();
    let said = heard.members.entry(words[0].to_owned()).or_default();
    match words[1] {
        "has" => said.has = words[2].split(',').filter(|word| !word.is_empty()).map(|word| word.parse().unwrap()).collect(),
        "read" => said.read.push((words[2].parse().unwrap(), words[3].parse().unwrap())),
        "left" => said.left = true,
        other => panic!("a member says {other}"),
    }
}
