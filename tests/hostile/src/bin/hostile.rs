//! Millions of changed and random inputs at every decoder: `make hostile INPUTS=10000000`.
//!
//! `OTTLA_HOSTILE_INPUTS` says how many, for all decoders together; `OTTLA_SEED` and `OTTLA_HOSTILE_FIRST` repeat what a failure
//! printed.

use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use ottla_hostile_tests::{Target, all_targets, run, seed};

/// How many inputs a thread takes at once.
const PIECE: u64 = 1000;
/// A target's share of the inputs, in the order of `all_targets`: messages have the most decoders.
const SHARES: [u64; 4] = [6, 2, 1, 1];

fn main() {
    let inputs = seed::inputs(1_000_000);
    let (seed, first) = (seed::seed(), seed::first());
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let begun = Instant::now();
    for (target, share) in all_targets().iter().zip(SHARES) {
        // One input that is to be repeated is one for each: which target it was is in the failure's message.
        let inputs = (inputs * share / SHARES.iter().sum::<u64>()).max(inputs.min(1));
        feed(target.as_ref(), seed, first, inputs, threads);
    }
    println!("{inputs} inputs in {:.1} s, no panic, memory within its bounds", begun.elapsed().as_secs_f64());
}

fn feed(target: &dyn Target, seed: u64, first: u64, inputs: u64, threads: usize) {
    let begun = Instant::now();
    let (next, done, most) = (AtomicU64::new(first), AtomicU64::new(0), Mutex::new(0.0_f64));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let from = next.fetch_add(PIECE, Ordering::Relaxed);
                    let until = (from + PIECE).min(first + inputs);
                    if from >= until {
                        return;
                    }
                    let part = run(target, seed, from..until);
                    let done = done.fetch_add(until - from, Ordering::Relaxed) + until - from;
                    let mut most = most.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    *most = most.max(part);
                    let rate = done as f64 / begun.elapsed().as_secs_f64();
                    print!(
                        "\r{:10} {done:>12} inputs {rate:>10.0}/s  memory at most {:3.0} % of its bound",
                        target.name(),
                        *most * 100.0
                    );
                    // A terminal that can't be written to shows no progress.
                    let _ = std::io::stdout().flush();
                }
            });
        }
    });
    println!();
}
