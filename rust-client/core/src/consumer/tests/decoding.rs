//! What is checked and inflated where, in which order, and what becomes of damage.

use super::*;

#[test]
fn what_takes_long_is_given_away() {
    let noise: Vec<u8> = (0..40_000_u32).flat_map(|n| n.wrapping_mul(0x9e37_79b1).to_be_bytes()).collect();
    let cases = [
        (batch(0, 2), false),
        (compressed(0, 10, b"small"), false),
        (compressed(0, 1, &noise), true),
        ([batch(0, 1), compressed(1, 1, &noise)].concat(), true),
        // Checked and copied only: by the slice.
        ((0..20).flat_map(|n| batch(n * 4000, 4000)).collect(), false),
        (batch(0, 60_000), true),
    ];
    for (place, (records, long)) in cases.into_iter().enumerate() {
        let mut bench = Bench::one(StartAt::Offset(0));
        let (token, ..) = bench.fetch();
        bench.answer(token, vec![data(0, records)]);
        assert_eq!(bench.fetcher.next_completed().unwrap().takes_long(), long, "case {place}");
    }
}

#[test]
fn partitions_are_decoded_side_by_side_and_each_in_order() {
    let offload = Deferred::default();
    let (done, decoded) = std::sync::mpsc::channel();
    let mut bench = Bench::new(ConsumerSettings::default(), &[(1, 5), (1, 5)]);
    bench.fetcher.assign([0, 1].map(|p| (key(p), StartAt::Offset(0))));
    for base in [0, 1] {
        let (token, ..) = bench.fetch();
        bench.answer(token, vec![data(0, batch(base, 1)), data(1, batch(base, 1))]);
    }
    let mut given = 0;
    while let Some(completed) = bench.fetcher.next_completed() {
        let done = done.clone();
        completed.decode_elsewhere(&offload, move |decoded| done.send(decoded).unwrap());
        given += 1;
    }
    assert_eq!(given, 2, "one of each partition");
    for round in 0..2 {
        // The second one is done first.
        for job in offload.0.lock().unwrap().drain(..).rev() {
            job();
        }
        for decoded in decoded.try_iter() {
            bench.fetcher.on_decoded(bench.now, decoded);
        }
        let mut taken = [0; 2].map(|_| bench.take()).map(|batch| (batch.partition(), values(&batch).join(" ")));
        taken.sort();
        assert_eq!(taken, [0, 1].map(|partition| (partition, format!("v{round}"))));
        while let Some(completed) = bench.fetcher.next_completed() {
            let done = done.clone();
            completed.decode_elsewhere(&offload, move |decoded| done.send(decoded).unwrap());
        }
    }
    assert!(bench.fetcher.next_completed().is_none());
}

#[test]
fn work_that_was_dropped_unrun_is_fetched_again() {
    let offload = Deferred::default();
    let (done, decoded) = std::sync::mpsc::channel();
    let mut bench = Bench::one(StartAt::Offset(0));
    bench.feed(batch(0, 2));
    let (token, ..) = bench.fetch();
    bench.answer(token, vec![data(0, batch(2, 2))]);
    let (token, ..) = bench.fetch();
    bench.answer(token, vec![data(0, batch(4, 2))]);
    bench.fetcher.next_completed().unwrap().decode_elsewhere(&offload, move |decoded| done.send(decoded).unwrap());
    offload.0.lock().unwrap().clear();
    bench.fetcher.on_decoded(bench.now, decoded.recv().unwrap());
    assert!(bench.fetcher.next_completed().is_none(), "what came behind the hole is not handed out");
    bench.no_fetch();
    bench.pass(Duration::from_millis(120));
    let (token, request, _) = bench.fetch();
    let asked = &request.topics[0].partitions[0];
    assert_eq!((asked.fetch_offset, asked.last_fetched_epoch), (2, 5));
    bench.answer(token, vec![data(0, [batch(2, 2), batch(4, 2)].concat())]);
    bench.decode();
    assert_eq!([0; 3].map(|_| values(&bench.take()).join(" ")), ["v0 v1", "v2 v3", "v4 v5"]);
    assert_eq!(bench.fetcher.quota().held(), 0);
}

#[test]
fn damage_behind_what_is_not_decoded_yet_does_not_lose_it() {
    let mut bench = Bench::one(StartAt::Offset(0));
    let (token, ..) = bench.fetch();
    bench.answer(token, vec![data(0, batch(0, 2))]);
    let (token, ..) = bench.fetch();
    let mut damaged = batch(2, 2);
    damaged[16] = 9;
    bench.answer(token, vec![data(0, damaged.clone())]);
    bench.decode();
    assert_eq!(values(&bench.take()), ["v0", "v1"]);
    assert!(bench.fetcher.take().is_none());
    bench.pass(Duration::from_millis(120));
    bench.feed(damaged);
    let error = bench.error();
    assert!(error.to_string().contains("offset 2"), "{error}");
}

#[test]
fn a_truncation_behind_a_batch_in_the_applications_hands_leaves_it_alone() {
    let mut bench = Bench::one(StartAt::Offset(0));
    bench.feed([batch(0, 4), batch(4, 4)].concat());
    let held = bench.take();
    let (token, ..) = bench.fetch();
    let diverging_epoch = Diverging { epoch: 4, end_offset: 6, ..Diverging::default() };
    bench.answer(token, vec![PartitionData { diverging_epoch, ..data(0, vec![]) }]);
    assert!(held.is_valid());
    assert_eq!(values(&held).len(), 4);
    let (token, request, _) = bench.fetch();
    assert_eq!(request.topics[0].partitions[0].fetch_offset, 4, "not handed out again");
    bench.answer(token, vec![data(0, batch(4, 2))]);
    bench.decode();
    assert_eq!(values(&bench.take()), ["v4", "v5"]);
    assert_eq!(bench.position(), Some(4));
}

#[test]
fn a_batch_that_inflates_beyond_the_bound_is_told_with_its_place_and_can_be_skipped() {
    let settings = ConsumerSettings { inflate_limit: 10_000, ..ConsumerSettings::default() };
    let mut bench = Bench::new(settings, &[(1, 5)]);
    bench.fetcher.assign([(key(0), StartAt::Offset(0))]);
    bench.feed([batch(0, 2), compressed(2, 20, &[0; 1000]), batch(22, 1)].concat());
    assert_eq!(values(&bench.take()), ["v0", "v1"]);
    let error = bench.error();
    assert_eq!((error.kind(), error.topic(), error.partition()), (ErrorKind::Compression, Some("orders"), Some(0)));
    assert_eq!((error.offset(), error.next_offset(), bench.position()), (Some(2), Some(22), Some(2)));
    bench.fetcher.seek(&key(0), StartAt::Offset(error.next_offset().unwrap())).unwrap();
    bench.feed(batch(22, 1));
    assert_eq!(values(&bench.take()), ["v22"]);
}

#[test]
fn a_header_that_lies_does_not_tell_to_skip_the_whole_log() {
    let mut bench = Bench::one(StartAt::Offset(0));
    let mut damaged = stored(0, 2, |header| header.last_offset_delta = i32::MAX - 1);
    *damaged.last_mut().unwrap() ^= 1;
    bench.feed(damaged);
    assert_eq!(bench.error().next_offset(), Some(100), "the high watermark");
}
