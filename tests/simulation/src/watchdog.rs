//! A run that does not end in wall time either goes round and round without virtual time passing, or is locked up: no timer of its
//! own can tell. The process ends then, with the schedule named.

use std::collections::BTreeMap;
use std::sync::{Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

use crate::Schedule;
use crate::campaign::write_schedule;

/// Runs take milliseconds.
const AT_MOST: Duration = Duration::from_secs(60);

struct Running {
    next: u64,
    runs: BTreeMap<u64, (Instant, Schedule)>,
}

static RUNNING: Mutex<Running> = Mutex::new(Running { next: 0, runs: BTreeMap::new() });
static START: Once = Once::new();

/// A run that is watched until this is dropped.
pub(crate) struct Watched(u64);

/// Begins to watch a run.
pub(crate) fn watch(schedule: &Schedule) -> Watched {
    START.call_once(|| drop(std::thread::spawn(look)));
    let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    running.next += 1;
    let number = running.next;
    running.runs.insert(number, (Instant::now(), schedule.clone()));
    Watched(number)
}

impl Drop for Watched {
    fn drop(&mut self) {
        RUNNING.lock().unwrap_or_else(PoisonError::into_inner).runs.remove(&self.0);
    }
}

fn look() {
    loop {
        std::thread::sleep(Duration::from_secs(1));
        let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        let stuck: Vec<&Schedule> =
            running.runs.values().filter(|(begun, _)| begun.elapsed() > AT_MOST).map(|(_, schedule)| schedule).collect();
        for schedule in &stuck {
            let what = format!("the run has not ended within {} s of wall time", AT_MOST.as_secs());
            let file = write_schedule(schedule, std::slice::from_ref(&what));
            eprintln!("seed {} fails ({}): {what}", schedule.seed, file.display());
        }
        if !stuck.is_empty() {
            // Nothing else ends a thread.
            std::process::exit(1);
        }
    }
}
