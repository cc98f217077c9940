//! Members that come, go, fall silent and lose their connections, on a cluster whose coordinators move. The same seed gives the same
//! run; OTTLA_SEED=N runs one only.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use ottla_broker::Broker;
use ottla_protocol::Text;
use tokio::time::Instant;

use crate::setup::{GROUP, MemberPeer, builder, coordinator};

const SEEDS: u64 = 25;
const MEMBERS: u64 = 5;
/// Nobody does anything new afterwards.
const BUSY: Duration = Duration::from_secs(300);

/// Numbers from a seed: an LCG's upper half.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    async fn wait(&mut self, below_ms: u64) {
        tokio::time::sleep(Duration::from_millis(self.below(below_ms))).await;
    }
}

/// What the members did and heard, and who got which part in which generation.
#[derive(Default)]
struct Seen {
    log: Vec<String>,
    /// By generation and member: a part is given to nobody else. (A static member keeps it with its next id.)
    parts: BTreeMap<(i32, u64), Vec<u8>>,
    committed: i64,
}

struct Player {
    broker: Rc<Broker>,
    seen: Rc<RefCell<Seen>>,
    dice: Dice,
    name: u64,
    begun: Instant,
    member: MemberPeer,
}

impl Player {
    fn log(&self, what: impl std::fmt::Display) {
        let at = self.begun.elapsed().as_millis();
        self.seen.borrow_mut().log.push(format!("{at} {} {what}", self.name));
    }

    /// A connection to whoever coordinates the group now.
    async fn connect(&mut self) {
        loop {
            for node in 1..=3 {
                let reachable = self.broker.connect_in_memory(node).is_ok();
                if !reachable {
                    continue;
                }
                let found = coordinator(&self.broker, node, GROUP).await.ok();
                if let Some(Ok(stream)) = found.map(|node| self.broker.connect_in_memory(node)) {
                    self.member.peer.0 = stream;
                    return;
                }
            }
            self.dice.wait(500).await;
        }
    }

    async fn play(&mut self) {
        while self.begun.elapsed() < BUSY {
            if let Err(code) = self.round().await {
                self.log(format_args!("hears {code}"));
                match code {
                    // A new start.
                    25 | 82 => self.member.id = Text::default(),
                    // Who was asked is not there any more, or not the one.
                    14..=16 | -1 => self.connect().await,
                    _ => {}
                }
                self.dice.wait(300).await;
            }
        }
    }

    /// From a join to the next one.
    async fn round(&mut self) -> Result<(), i16> {
        let ask = self.member.join_request();
        let mut joined = self.member.peer.try_ask(9, &ask).await.ok_or(-1_i16)?;
        if joined.error_code == 79 {
            self.member.id = joined.member_id;
            let ask = self.member.join_request();
            joined = self.member.peer.try_ask(9, &ask).await.ok_or(-1_i16)?;
        }
        check(joined.error_code)?;
        (self.member.id, self.member.generation) = (joined.member_id.clone(), joined.generation_id);
        self.log(format_args!(
            "joined {} of {}, leads {}",
            joined.generation_id,
            joined.members.len(),
            joined.leader == self.member.id
        ));
        let others: Vec<Text> = joined.members.iter().map(|member| member.member_id.clone()).collect();
        let sync = self.member.sync_request(&others);
        let synced = self.member.peer.try_ask(5, &sync).await.ok_or(-1_i16)?;
        check(synced.error_code)?;
        let (key, part) = ((joined.generation_id, self.name), synced.assignment.to_vec());
        self.log(format_args!("has {:?}", String::from_utf8_lossy(&part)));
        {
            let mut seen = self.seen.borrow_mut();
            let taken = seen.parts.iter().any(|((generation, name), it)| *generation == key.0 && *name != key.1 && *it == part);
            assert!(part.is_empty() || !taken, "two members have {part:?}\n{}", seen.log.join("\n"));
            seen.parts.insert(key, part);
        }
        loop {
            match self.dice.below(40) {
                0 => {
                    let leave = self.member.leave_request();
                    let left = self.member.peer.try_ask(5, &leave).await.ok_or(-1_i16)?;
                    self.log(format_args!("leaves: {}", left.error_code));
                    self.member.id = Text::default();
                    self.dice.wait(5_000).await;
                    return check(left.error_code);
                }
                1 => {
                    self.log("falls silent");
                    self.dice.wait(30_000).await;
                }
                2 => self.connect().await,
                3 => return Ok(()),
                4..=9 => {
                    let offset = self.seen.borrow().committed + 1;
                    let commit = self.member.commit_request(offset);
                    let code = self.member.peer.try_ask(9, &commit).await.ok_or(-1_i16)?.topics[0].partitions[0].error_code;
                    check(code)?;
                    self.seen.borrow_mut().committed = offset;
                    let kept = self.broker.committed_offset(GROUP, "t", 0).map_or(-1, |(offset, _)| offset);
                    assert!(kept >= offset, "{offset} was acknowledged, {kept} is there");
                }
                _ => {
                    let beat = self.member.heartbeat_request();
                    check(self.member.peer.try_ask(4, &beat).await.ok_or(-1_i16)?.error_code)?;
                }
            }
            self.dice.wait(3_000).await;
        }
    }
}

fn check(code: i16) -> Result<(), i16> {
    if code == 0 { Ok(()) } else { Err(code) }
}

/// Moves the coordinator about, and stops and restarts brokers one at a time.
async fn disturb(broker: Rc<Broker>, mut dice: Dice, begun: Instant) {
    while begun.elapsed() < BUSY {
        dice.wait(20_000).await;
        let node = 1 + i32::try_from(dice.below(3)).unwrap();
        if dice.below(2) == 0 {
            let _ = broker.move_coordinator(GROUP, node);
        } else {
            broker.stop_broker(node).unwrap();
            dice.wait(10_000).await;
            broker.restart_broker(node).unwrap();
        }
    }
}

fn run(seed: u64) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let broker = Rc::new(builder().seed(seed).brokers(3).start().unwrap());
        coordinator(&broker, 1, GROUP).await.unwrap();
        let seen = Rc::new(RefCell::new(Seen::default()));
        let begun = Instant::now();
        let mut tasks = vec![tokio::task::spawn_local(disturb(broker.clone(), Dice(seed), begun))];
        for name in 1..=MEMBERS {
            let (broker, seen, dice) = (broker.clone(), seen.clone(), Dice(seed ^ (name << 32)));
            let member = MemberPeer::new(&broker, 1);
            let mut player = Player { broker, seen, dice, name, begun, member };
            player.member.instance_id = (name == 1).then(|| "static".into());
            tasks.push(tokio::task::spawn_local(async move {
                player.connect().await;
                player.play().await;
            }));
        }
        for task in tasks {
            // The longest wait is a rebalance that nobody ends.
            let ended = tokio::time::timeout(BUSY + Duration::from_secs(600), task).await;
            ended.unwrap_or_else(|_| panic!("seed {seed}: somebody waits for ever\n{}", seen.borrow().log.join("\n"))).unwrap();
        }
        // Nobody is left in the end.
        tokio::time::sleep(Duration::from_secs(700)).await;
        assert!(broker.group_status(GROUP).unwrap().members.is_empty(), "seed {seed}");
        seen.take().log
    })
}

#[test]
fn the_same_seed_gives_the_same_run_and_nobody_waits_for_ever() {
    let seeds = match std::env::var("OTTLA_SEED") {
        Ok(seed) => seed.parse().map(|seed: u64| seed..seed + 1).unwrap(),
        Err(_) => 1..SEEDS + 1,
    };
    for seed in seeds {
        let (first, again) = (run(seed), run(seed));
        let joined = first.iter().filter(|line| line.contains("joined")).count();
        assert!(joined > 20, "seed {seed}: hardly anything happened");
        for (at, (first, again)) in first.iter().zip(&again).enumerate() {
            assert_eq!(first, again, "seed {seed}, line {at}");
        }
        assert_eq!(first.len(), again.len(), "seed {seed}");
    }
}
