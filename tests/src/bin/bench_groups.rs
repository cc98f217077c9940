//! Ottla's side of the groups' benchmarks: how soon a new group has its first record, and how long a group of many members takes
//! until each has its part of the partitions, as its application is told. Prints one JSON object with what each run took, in ms.
//!
//!   bench_groups first --bootstrap-servers B --topic T --runs N
//!   bench_groups rebalance --bootstrap-servers B --topic T --runs N --members 100 --partitions 1000 --strategy range
//!                          --heartbeat-ms 200 [--one-client]

use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ottla::{Answering, Client, Consumer, Rebalance, RebalanceListener};
use serde_json::json;

/// Bounds a run that goes wrong.
const WITHIN: Duration = Duration::from_secs(60);

type Failure = Box<dyn Error + Send + Sync>;

struct Arguments {
    case: String,
    bootstrap_servers: String,
    topic: String,
    runs: usize,
    members: usize,
    partitions: usize,
    strategy: String,
    heartbeat_ms: String,
    one_client: bool,
}

fn arguments() -> Result<Arguments, Failure> {
    use lexopt::prelude::{Long, Value, ValueExt};
    let mut parsed = Arguments {
        case: String::new(),
        bootstrap_servers: "127.0.0.1:9092".to_owned(),
        topic: "bench".to_owned(),
        runs: 10,
        members: 100,
        partitions: 1000,
        strategy: "range".to_owned(),
        heartbeat_ms: "3000".to_owned(),
        one_client: false,
    };
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Value(case) => parsed.case = case.string()?,
            Long("bootstrap-servers") => parsed.bootstrap_servers = parser.value()?.string()?,
            Long("topic") => parsed.topic = parser.value()?.string()?,
            Long("runs") => parsed.runs = parser.value()?.parse()?,
            Long("members") => parsed.members = parser.value()?.parse()?,
            Long("partitions") => parsed.partitions = parser.value()?.parse()?,
            Long("strategy") => parsed.strategy = parser.value()?.string()?,
            Long("heartbeat-ms") => parsed.heartbeat_ms = parser.value()?.string()?,
            Long("one-client") => parsed.one_client = true,
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(parsed)
}

fn client(arguments: &Arguments) -> Result<Client, Failure> {
    Ok(Client::builder().set("bootstrap.servers", &arguments.bootstrap_servers)?.build()?)
}

fn group(run: usize) -> String {
    format!("bench-{}-{run}", std::process::id())
}

fn millis(took: Duration) -> f64 {
    (took.as_secs_f64() * 1e6).round() / 1e3
}

/// From before the client is built until its consumer, the first of a new group, hands out a record.
fn first(arguments: &Arguments) -> Result<Vec<f64>, Failure> {
    let mut took = Vec::new();
    for run in 0..arguments.runs {
        let begin = Instant::now();
        let client = client(arguments)?;
        let consumer = client.consumer_builder().group(&group(run)).set("auto.offset.reset", "earliest").build()?;
        consumer.subscribe([&arguments.topic])?;
        let batch = consumer.next_blocking(WITHIN)?.ok_or("no record came")?;
        if batch.records().next().is_none() {
            return Err("a batch without records came".into());
        }
        took.push(millis(begin.elapsed()));
        drop(batch);
        consumer.close().wait()?;
    }
    Ok(took)
}

/// How many partitions each member has, as its application was told.
#[derive(Default)]
struct Counts {
    counts: Mutex<Vec<usize>>,
    changed: Condvar,
}

impl Counts {
    fn lock(&self) -> MutexGuard<'_, Vec<usize>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, member: usize, by: impl Fn(usize) -> usize) {
        if let Some(count) = self.lock().get_mut(member) {
            *count = by(*count);
        }
        self.changed.notify_all();
    }

    /// Waits until the first so many members share all partitions as evenly as can be, and the others have none.
    fn wait(&self, members: usize, partitions: usize) -> Result<Instant, Failure> {
        let begin = Instant::now();
        let mut counts = self.lock();
        loop {
            let even =
                counts.iter().take(members).all(|count| *count == partitions / members || *count == partitions.div_ceil(members));
            if even && counts.iter().take(members).sum::<usize>() == partitions {
                return Ok(Instant::now());
            }
            let left = WITHIN.saturating_sub(begin.elapsed());
            if left.is_zero() {
                return Err(format!("{members} members do not come to share {partitions} partitions: {counts:?}").into());
            }
            counts = self.changed.wait_timeout(counts, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

struct Listener {
    member: usize,
    counts: Arc<Counts>,
}

impl Listener {
    fn change(&self, by: impl Fn(usize) -> usize) -> Answering {
        self.counts.change(self.member, by);
        Box::pin(std::future::ready(()))
    }
}

impl RebalanceListener for Listener {
    fn assigned(&self, rebalance: Rebalance) -> Answering {
        self.change(|count| count + rebalance.partitions().len())
    }

    fn revoked(&self, rebalance: Rebalance) -> Answering {
        self.change(|count| count.saturating_sub(rebalance.partitions().len()))
    }

    fn lost(&self, rebalance: Rebalance) -> Answering {
        self.change(|count| count.saturating_sub(rebalance.partitions().len()))
    }
}

/// A member, whose thread asks for records until it is told to leave; it answers with when it began to.
struct Member {
    leave: Arc<AtomicBool>,
    thread: JoinHandle<Result<Instant, Failure>>,
}

impl Member {
    fn start(arguments: &Arguments, client: &Client, group: &str, member: usize, counts: &Arc<Counts>) -> Result<Self, Failure> {
        let builder = client.consumer_builder().group(group).set("auto.offset.reset", "earliest");
        let builder = builder.set("partition.assignment.strategy", &arguments.strategy);
        let builder = builder.set("heartbeat.interval.ms", &arguments.heartbeat_ms);
        // Nothing is read. A last commit would fail where another member has just left, and its rebalance is under way.
        let builder = builder.set("enable.auto.commit", "false");
        let consumer = builder.listener(Listener { member, counts: counts.clone() }).build()?;
        consumer.subscribe([&arguments.topic])?;
        let leave = Arc::new(AtomicBool::new(false));
        let told = leave.clone();
        // The last one comes and goes, so it looks often whether it is to go.
        let look = Duration::from_millis(if member + 1 == arguments.members { 2 } else { 200 });
        let thread = std::thread::spawn(move || Self::run(&consumer, &told, look));
        Ok(Self { leave, thread })
    }

    fn run(consumer: &Consumer, leave: &AtomicBool, look: Duration) -> Result<Instant, Failure> {
        while !leave.load(Ordering::SeqCst) {
            consumer.next_blocking(look)?;
        }
        let begin = Instant::now();
        consumer.close().wait()?;
        Ok(begin)
    }

    fn leave(self) -> Result<Instant, Failure> {
        self.leave.store(true, Ordering::SeqCst);
        self.thread.join().map_err(|_| "a member panicked")?
    }
}

/// All members but one come; then, again and again, the last one comes and goes.
fn rebalance(arguments: &Arguments) -> Result<serde_json::Value, Failure> {
    let group = group(0);
    let counts = Arc::new(Counts::default());
    counts.lock().resize(arguments.members, 0);
    let shared = client(arguments)?;
    let of = || if arguments.one_client { Ok(shared.clone()) } else { client(arguments) };
    let last = arguments.members.checked_sub(1).filter(|others| *others > 0).ok_or("there must be two members")?;
    let begin = Instant::now();
    let mut members = Vec::new();
    for member in 0..last {
        members.push(Member::start(arguments, &of()?, &group, member, &counts)?);
    }
    let form = millis(counts.wait(last, arguments.partitions)?.duration_since(begin));
    let (mut join, mut leave) = (Vec::new(), Vec::new());
    for _ in 0..arguments.runs {
        let begin = Instant::now();
        let member = Member::start(arguments, &of()?, &group, last, &counts)?;
        join.push(millis(counts.wait(last + 1, arguments.partitions)?.duration_since(begin)));
        let gone = std::thread::spawn(move || member.leave());
        // Without what it had: the others have it all only once they have been told so.
        let settled = counts.wait(last, arguments.partitions)?;
        let begin = gone.join().map_err(|_| "the leaving member panicked")??;
        leave.push(millis(settled.duration_since(begin)));
        counts.change(last, |_| 0);
    }
    for member in &members {
        member.leave.store(true, Ordering::SeqCst);
    }
    for member in members {
        member.leave()?;
    }
    Ok(json!({ "client": "ottla", "form_ms": [form], "join_ms": join, "leave_ms": leave }))
}

fn main() -> Result<(), Failure> {
    let arguments = arguments()?;
    let line = match arguments.case.as_str() {
        "first" => json!({ "client": "ottla", "first_ms": first(&arguments)? }),
        "rebalance" => rebalance(&arguments)?,
        other => return Err(format!("the case is first or rebalance, not '{other}'").into()),
    };
    println!("{line}");
    Ok(())
}
