//! Any order of events: what was acknowledged with acks=all stays, whoever leads.

use std::collections::BTreeMap;

use ottla_broker::Broker;
use ottla_protocol::record::verify_crc;

use crate::peer::batch;
use crate::setup::{NOW, produce_batch, status, three};

/// SplitMix64.
struct Draw(u64);

impl Draw {
    fn next(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

struct Run {
    broker: Broker,
    draw: Draw,
    /// The timestamp of each record that was acknowledged with acks=all, by its offset.
    acknowledged: BTreeMap<i64, i64>,
    next_timestamp: i64,
    last_epoch: i32,
    last_high_watermark: i64,
    appended: i64,
    truncated: bool,
}

impl Run {
    async fn step(&mut self) {
        let node = 1 + self.draw.next(3) as i32;
        match self.draw.next(12) {
            0 => self.broker.stop_broker(node).unwrap(),
            1 => self.broker.restart_broker(node).unwrap(),
            2 => self.broker.isolate(node).unwrap(),
            3 | 4 => self.broker.heal(node).unwrap(),
            // It may be out of sync.
            5 => drop(self.broker.move_leader("t", 0, node)),
            6 => self.broker.hold_replication(self.draw.next(4) > 0),
            7 => self.broker.replicate("t", 0).unwrap(),
            8 => self.broker.shrink_isr("t", 0).unwrap(),
            9 => self.produce(-1).await,
            _ => self.produce(1).await,
        }
    }

    async fn produce(&mut self, acks: i16) {
        let Some(leader) = status(&self.broker).leader else { return };
        self.next_timestamp += 1;
        let before = status(&self.broker).log_end_offset;
        let answer = produce_batch(&self.broker, leader, acks, batch(&[self.next_timestamp])).await;
        if answer.error_code != 0 {
            assert_eq!((answer.error_code, acks), (19, -1));
            return;
        }
        assert_eq!(answer.base_offset, before);
        self.appended += 1;
        if acks == -1 {
            assert!(status(&self.broker).high_watermark > before);
            self.acknowledged.insert(before, self.next_timestamp);
        }
    }

    fn check(&mut self) {
        let now = status(&self.broker);
        let ends: Vec<i64> = now.replicas.iter().map(|(_, end)| *end).collect();
        assert!(ends.iter().all(|end| *end <= now.log_end_offset) && now.high_watermark <= now.log_end_offset);
        let in_sync = now.replicas.iter().filter(|(node, _)| now.isr.contains(node));
        assert!(in_sync.clone().all(|(_, end)| *end >= now.high_watermark), "{now:?}");
        assert!(!now.isr.is_empty() && now.leader.is_none_or(|leader| now.isr.contains(&leader)), "{now:?}");
        assert!(now.leader_epoch >= self.last_epoch && now.high_watermark >= self.last_high_watermark);
        self.last_epoch = now.leader_epoch;
        self.last_high_watermark = now.high_watermark;

        let stored: Vec<_> = self.broker.stored_batches("t", 0).unwrap().iter().map(|it| verify_crc(it).unwrap()).collect();
        self.truncated |= (stored.len() as i64) < self.appended;
        assert_eq!(stored.len() as i64, now.log_end_offset, "one record a batch, and no gaps");
        assert!(stored.iter().zip(0..).all(|(header, offset)| header.base_offset == offset));
        assert!(stored.is_sorted_by_key(|header| header.partition_leader_epoch));
        for (offset, timestamp) in &self.acknowledged {
            assert_eq!(stored[*offset as usize].max_timestamp, *timestamp, "the record at {offset} was acknowledged");
        }
    }
}

/// Names the seed if the test fails.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("seed {}", self.0);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_that_all_acknowledged_is_lost() {
    let (mut truncated, mut acknowledged) = (0, 0);
    for seed in 0..100 {
        let _named = Seed(seed);
        let broker = three().seed(seed).config("min.insync.replicas", "2").unwrap().start().unwrap();
        let mut run = Run {
            broker,
            draw: Draw(seed),
            acknowledged: BTreeMap::new(),
            next_timestamp: NOW,
            last_epoch: 0,
            last_high_watermark: 0,
            appended: 0,
            truncated: false,
        };
        for _ in 0..100 {
            run.step().await;
            run.check();
        }
        truncated += usize::from(run.truncated);
        acknowledged += run.acknowledged.len();
    }
    // Else the test would prove nothing.
    assert!(truncated > 20 && acknowledged > 200, "{truncated} runs truncated, {acknowledged} records acknowledged");
}
