//! Java's KafkaConsumer and ours in the same group: they hand partitions to each other, and each goes on where the other has committed.

mod coordinator_killed;
mod java;

use std::time::Instant;

use java::Java;
use ottla::{Client, Consumer};
use ottla_tests::kafka::unique_name;

use crate::groups::{Got, PARTITIONS, member, take, write};
use crate::helper::{PATIENCE, client, on_both, topic};

const ASSIGNORS: [(&str, &str); 4] = [
    ("range", "RangeAssignor"),
    ("roundrobin", "RoundRobinAssignor"),
    ("sticky", "StickyAssignor"),
    ("cooperative-sticky", "CooperativeStickyAssignor"),
];

/// A group of one of our consumers, which asks for records all the time, and one of Java's.
struct Both<'a> {
    client: Client,
    java: &'a Java,
    servers: &'a str,
    topic: String,
    group: String,
    assignor: (&'static str, &'static str),
    ours: Option<Consumer>,
    got: Got,
    /// Java's members so far, of which the last may be here still.
    members: Vec<String>,
    java_is_here: bool,
    written: usize,
}

impl Both<'_> {
    /// How many partitions Java's member has.
    fn javas(&self) -> usize {
        self.members.last().filter(|_| self.java_is_here).map_or(0, |name| self.java.said(name).has.len())
    }

    fn java_joins(&mut self) {
        self.members.push(unique_name("java"));
        let name = self.members.last().unwrap();
        self.java_is_here = true;
        self.java.join(name, self.servers, &self.group, &self.topic, self.assignor.1);
    }

    fn java_leaves(&mut self) {
        let name = self.members.last().unwrap().clone();
        self.java.leave(&name);
        self.until("Java's member has left", |both| both.java.said(&name).left);
        self.java_is_here = false;
    }

    fn we_join(&mut self) {
        let properties = [("partition.assignment.strategy", self.assignor.0)];
        self.ours = Some(member(&self.client, &self.group, &self.topic, &properties));
    }

    fn we_leave(&mut self) {
        self.ours.take().unwrap().close().wait().unwrap();
    }

    /// Asks for records until it is so.
    fn until(&mut self, what: &str, so: impl Fn(&Self) -> bool) {
        let start = Instant::now();
        while !so(self) {
            let javas = self.javas();
            let ours = self.ours.as_ref().map(|ours| (ours.group_state(), ours.assignment()));
            assert!(start.elapsed() < PATIENCE, "{:?}: {what}: Java's has {javas}, ours {ours:?}", self.assignor);
            match &self.ours {
                Some(ours) => drop(take(ours, &mut self.got)),
                None => self.java.wait(),
            }
        }
    }

    /// Until ours and Java's have so many partitions.
    fn until_shared(&mut self, ours: usize, javas: usize) {
        self.until(&format!("{ours} partitions for us, {javas} for Java"), |both| {
            let have = both.ours.as_ref().map_or(0, |consumer| {
                let state = consumer.group_state().unwrap();
                if state.state == "Stable" && consumer.assignment().len() == state.owned.len() { state.owned.len() } else { 0 }
            });
            have == ours && both.javas() == javas
        });
    }

    /// So many more records in each partition, which somebody reads.
    fn more(&mut self, count: usize) {
        write(&self.client, &self.topic, count);
        self.written += count;
        let all = self.written * PARTITIONS as usize;
        self.until("all that was written is read", |both| both.read().len() >= all);
        let read = self.read();
        assert!(read.values().all(|times| *times == 1), "{:?}: handed out twice: {read:?}", self.assignor);
    }

    /// What all have read, as (offset, how often).
    fn read(&self) -> Got {
        let mut all = self.got.clone();
        for name in &self.members {
            for at in self.java.said(name).read {
                *all.entry(at).or_default() += 1;
            }
        }
        all
    }
}

#[test]
fn java_s_consumer_and_ours_hand_partitions_over_both_ways_by_each_assignor() {
    let java = Java::start();
    on_both(|servers| {
        std::thread::scope(|scope| {
            for assignor in ASSIGNORS {
                let java = &java;
                scope.spawn(move || hand_over_both_ways(java, servers, assignor));
            }
        });
    });
}

fn hand_over_both_ways(java: &Java, servers: &str, assignor: (&'static str, &'static str)) {
    let client = client(servers, &[]);
    let topic = topic(&client, PARTITIONS);
    let mut both = Both {
        client,
        java,
        servers,
        topic,
        group: unique_name("with-java"),
        assignor,
        ours: None,
        got: Got::new(),
        members: Vec::new(),
        java_is_here: false,
        written: 0,
    };
    // Ours is first, and leads.
    both.we_join();
    both.until_shared(6, 0);
    both.more(10);
    both.java_joins();
    both.until_shared(3, 3);
    both.more(10);
    both.we_leave();
    both.until_shared(0, 6);
    both.more(10);
    // Java's leads.
    both.we_join();
    both.until_shared(3, 3);
    both.more(10);
    both.java_leaves();
    both.until_shared(6, 0);
    both.more(10);
    both.we_leave();
    // Both are gone, and what they committed is there.
    let reader = both.client.consumer_builder().group(&both.group).build().unwrap();
    let committed = reader.committed_blocking((0..PARTITIONS).map(|partition| (&both.topic, partition))).unwrap();
    assert!(committed.values().all(|offset| offset.as_ref().is_some_and(|at| at.offset == 50)), "{committed:?}");
    reader.close().wait().unwrap();
}
