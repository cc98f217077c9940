//! Every decoder under changed and random bytes. `OTTLA_SEED` and `OTTLA_HOSTILE_INPUTS` replay and widen a run.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use ottla_hostile_tests::{batches, codecs, frames, messages, run, seed};

#[test]
fn messages() {
    let target = messages::Messages::new();
    let inputs = seed::inputs(target.count() * 30);
    let part = run(&target, seed::seed(), seed::first()..seed::first() + inputs);
    println!("{:.0} % of the memory that they may take", part * 100.0);
}

#[test]
fn record_batches() {
    let inputs = seed::inputs(8_000);
    let part = run(&batches::Batches, seed::seed(), seed::first()..seed::first() + inputs);
    println!("{:.0} % of the memory that they may take", part * 100.0);
}

#[test]
fn codecs() {
    let inputs = seed::inputs(4_000);
    let part = run(&codecs::Codecs, seed::seed(), seed::first()..seed::first() + inputs);
    println!("{:.0} % of the memory that they may take", part * 100.0);
}

#[test]
fn frames_and_headers() {
    let inputs = seed::inputs(8_000);
    let part = run(&frames::Frames, seed::seed(), seed::first()..seed::first() + inputs);
    println!("{:.0} % of the memory that they may take", part * 100.0);
}
