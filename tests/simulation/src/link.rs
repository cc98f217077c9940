//! One connection: a pump for each direction, which takes whole frames, and lets them through as the seed says.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use ottla::Rng;
use ottla_protocol::ApiKey;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};
use tokio::sync::watch;

use crate::network::{Cut, Direction, Network};
use crate::random::{Draw, stream};
use crate::trace::note;

/// What both pumps of a connection share.
pub(crate) struct Link {
    id: u64,
    pub(crate) broker: i32,
    pub(crate) client: usize,
    /// The APIs of the requests that were let through and are not answered, by correlation id.
    awaited: Mutex<BTreeMap<i32, i16>>,
    cut: watch::Sender<bool>,
    half_open: AtomicBool,
}

impl Link {
    pub(crate) fn new(id: u64, broker: i32, client: usize) -> Arc<Self> {
        let (cut, half_open) = (watch::Sender::new(false), AtomicBool::new(false));
        Arc::new(Self { id, broker, client, awaited: Mutex::default(), cut, half_open })
    }

    fn awaited(&self) -> MutexGuard<'_, BTreeMap<i32, i16>> {
        self.awaited.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.awaited().len()
    }

    pub(crate) fn is_half_open(&self) -> bool {
        self.half_open.load(Ordering::Relaxed)
    }

    /// Both sides see the connection break.
    pub(crate) fn cut(&self) {
        self.cut.send_replace(true);
    }
}

/// Starts the pumps.
pub(crate) fn start(network: Arc<Network>, link: Arc<Link>, client: DuplexStream, server: DuplexStream, mut rng: Rng) {
    network.state().links.insert(link.id, link.clone());
    let (from_client, to_client) = tokio::io::split(client);
    let (from_server, to_server) = tokio::io::split(server);
    let seed = rng.next_u64();
    let pump = |direction, name| Pump { network: network.clone(), link: link.clone(), direction, rng: stream(seed, name) };
    let requests = pump(Direction::Request, "requests");
    let responses = pump(Direction::Response, "responses");
    tokio::spawn(async move {
        let mut cut = link.cut.subscribe();
        // Both halves go with the block, so that a cut ends both directions.
        let pumps = async { tokio::join!(requests.run(from_client, to_server), responses.run(from_server, to_client)) };
        tokio::select! {
            biased;
            _ = cut.wait_for(|cut| *cut) => {}
            _ = pumps => {}
        }
        network.state().links.remove(&link.id);
    });
}

struct Pump {
    network: Arc<Network>,
    link: Arc<Link>,
    direction: Direction,
    rng: Rng,
}

/// The next frame, or what is left before the end.
async fn next_frame(from: &mut ReadHalf<DuplexStream>, received: &mut BytesMut) -> (Bytes, bool) {
    loop {
        if let Some(size) = received.first_chunk::<4>() {
            let whole = 4 + u32::from_be_bytes(*size) as usize;
            if received.len() >= whole {
                return (received.split_to(whole).freeze(), true);
            }
        }
        match from.read_buf(received).await {
            Ok(1..) => {}
            _ => return (received.split().freeze(), false),
        }
    }
}

impl Pump {
    async fn run(mut self, mut from: ReadHalf<DuplexStream>, mut to: WriteHalf<DuplexStream>) {
        let mut received = BytesMut::new();
        loop {
            let (frame, whole) = next_frame(&mut from, &mut received).await;
            if !whole {
                self.delay().await;
                self.network.audible(&self.link, self.direction).await;
                note!(self.network.trace, "{} {:?} ends, {} bytes left", self.link.id, self.direction, frame.len());
                let _ = to.write_all(&frame).await;
                let _ = to.shutdown().await;
                return;
            }
            let api = self.account(&frame);
            self.watch(api, &frame);
            self.delay().await;
            self.network.audible(&self.link, self.direction).await;
            if self.meets_half_open(api) {
                // The peer never hears another word, and the connection stays.
                self.link.half_open.store(true, Ordering::Relaxed);
                self.network.for_good().await;
                self.link.cut();
                std::future::pending::<()>().await;
            }
            let cut = self.cut_of();
            if self.direction == Direction::Request
                && api == ApiKey::OffsetCommit as i16
                && cut.is_none_or(|cut| cut == Cut::After)
            {
                self.network.watch().arrives(self.link.id, &frame);
            }
            if let Some(cut) = cut {
                self.strike(&format!("cut {} a {}", name(cut), self.way()), api);
                let part = match cut {
                    Cut::Before => 0,
                    Cut::Mid => self.rng.below(frame.len() as u64) as usize,
                    Cut::After => frame.len(),
                };
                let _ = to.write_all(&frame[..part]).await;
                if cut == Cut::After {
                    // Time to be applied, or not.
                    tokio::time::sleep(Duration::from_millis(self.rng.below(3))).await;
                }
                self.link.cut();
                return;
            }
            note!(
                self.network.trace,
                "{} {:?} {api} {} bytes {:08x}{}",
                self.link.id,
                self.direction,
                frame.len(),
                crc32fast::hash(&frame),
                if self.direction == Direction::Request { Self::batches(&frame, api) } else { String::new() }
            );
            if to.write_all(&frame).await.is_err() {
                // The other side is gone: nobody reads on.
                self.link.cut();
                return;
            }
        }
    }

    /// Keeps the books of what is awaited; tells the frame's API.
    fn account(&self, frame: &[u8]) -> i16 {
        let number = |at: usize| frame.get(at..at + 4).map_or(0, |bytes| i32::from_be_bytes(bytes.try_into().unwrap()));
        let mut awaited = self.link.awaited();
        match self.direction {
            Direction::Request => {
                let api = (number(4) >> 16) as i16;
                awaited.insert(number(8), api);
                api
            }
            Direction::Response => {
                let correlation_id = number(4);
                let api = awaited.remove(&correlation_id).unwrap_or(-1);
                // Answers come in order: what was asked before gets none (acks=0).
                awaited.retain(|id, _| *id > correlation_id);
                api
            }
        }
    }

    /// Commits are looked at as they leave the client, and answers as they leave the broker.
    fn watch(&self, api: i16, frame: &Bytes) {
        if api == ApiKey::OffsetCommit as i16 {
            match self.direction {
                Direction::Request => self.network.watch().sent(self.link.id, frame),
                Direction::Response => self.network.watch().answered(self.link.id, frame),
            }
        }
    }

    /// Producer id, epoch, first sequence and count of a Produce request's batches.
    fn batches(frame: &[u8], api: i16) -> String {
        let mut found = String::new();
        if api != 0 {
            return found;
        }
        for at in 0..frame.len().saturating_sub(61) {
            let part = &frame[at..];
            let length = i32::from_be_bytes(part[8..12].try_into().unwrap());
            if part[..8] == [0; 8]
                && part[16] == 2
                && usize::try_from(length).is_ok_and(|length| length >= 49 && length + 12 <= part.len())
            {
                let number = |at: usize| i32::from_be_bytes(part[at..at + 4].try_into().unwrap());
                let epoch = i16::from_be_bytes([part[51], part[52]]);
                found += &format!(" [id {} epoch {epoch} sequence {} count {}]", number(47), number(53), number(57));
            }
        }
        found
    }

    fn way(&self) -> &'static str {
        match self.direction {
            Direction::Request => "request",
            Direction::Response => "response",
        }
    }

    fn strike(&self, fault: &str, api: i16) {
        let api = ApiKey::ALL.iter().find(|key| **key as i16 == api).map_or("?", |key| key.name());
        note!(self.network.trace, "{} {fault} {api}", self.link.id);
        self.network.count(fault, 1);
        if matches!(api, "Produce" | "Fetch" | "JoinGroup" | "SyncGroup" | "Heartbeat" | "OffsetCommit" | "LeaveGroup") {
            self.network.count(&format!("{fault}: {api}"), 1);
        }
    }

    async fn delay(&mut self) {
        let chances = self.network.state().chances;
        let mut ms = if self.rng.chance(500) { 0 } else { self.rng.between(0, chances.latency_ms) };
        ms += self.network.lateness(self.link.broker);
        if self.rng.chance(chances.stalls) {
            ms += self.rng.between(100, 4000);
            self.network.count(&format!("stalled {}", self.way()), 1);
        }
        if ms > 0 {
            tokio::time::sleep(Duration::from_millis(ms.unsigned_abs())).await;
        }
    }

    fn meets_half_open(&mut self, api: i16) -> bool {
        let chance = self.network.state().chances.half_open;
        let meets = self.rng.chance(chance);
        if meets {
            self.strike(&format!("half-open from a {} on", self.way()), api);
        }
        meets
    }

    fn cut_of(&mut self) -> Option<Cut> {
        let chance = self.network.state().chances.cuts;
        if let Some(cut) = self.network.take_cut(self.link.broker, self.direction) {
            return Some(cut);
        }
        self.rng.chance(chance).then(|| *self.rng.pick(&[Cut::Before, Cut::Mid, Cut::After]))
    }
}

fn name(cut: Cut) -> &'static str {
    match cut {
        Cut::Before => "before",
        Cut::Mid => "within",
        Cut::After => "after",
    }
}
