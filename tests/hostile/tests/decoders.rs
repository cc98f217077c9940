//! Every decoder under changed and random bytes. `OTTLA_SEED` and `OTTLA_HOSTILE_INPUTS` replay and widen a run.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use bytes::Bytes;
use ottla_hostile_tests::allocator::{held_against, measured};
use ottla_hostile_tests::{batches, codecs, frames, messages, run, seed};
use ottla_protocol::messages::ListGroupsResponse;
use ottla_protocol::{Decode, Reader};

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

#[test]
fn the_documented_factor_is_that_of_the_worst_message() {
    let (name, version, factor) = messages::worst();
    println!("{name} version {version}: {factor:.1} bytes for each");
    assert!((messages::FACTOR as f64 - 1.0..=messages::FACTOR as f64).contains(&factor), "{name} version {version}: {factor}");
}

/// Elements as short as can be, one more than a vector that doubles has room for: their array is made room for once.
#[test]
fn the_worst_message_takes_no_more_than_documented() {
    for exponent in [4, 10, 16] {
        let count = (1_u32 << exponent) + 1;
        let mut bytes = vec![0, 0, 0, 0, 0, 0];
        let mut rest = count + 1;
        while rest >= 0x80 {
            bytes.push((rest & 0x7f) as u8 | 0x80);
            rest >>= 7;
        }
        bytes.push(rest as u8);
        // Two empty strings and no tagged fields, for each group.
        (0..count).for_each(|_| bytes.extend([1, 1, 0]));
        bytes.push(0);
        let frame = Bytes::from(bytes);
        let (groups, usage) = measured(|| ListGroupsResponse::decode(&mut Reader::new(frame.clone()), 3).unwrap().groups.len());
        assert_eq!(groups, count as usize);
        let _ = held_against(usage, frame.len(), frame.len() * messages::FACTOR + messages::CONSTANT);
        assert_eq!(usage.allocations, 1);
    }
}
