//! Where a partition starts: at what its group has committed, if the log still holds that, or as a duration says.

use super::*;

fn committed(leader_epoch: i32) -> StartAt {
    StartAt::OffsetAndEpoch { offset: 10, leader_epoch }
}

#[test]
fn what_was_committed_is_compared_with_the_log_before_anything_is_fetched() {
    let mut bench = Bench::one(committed(4));
    let (token, request) = bench.validation();
    let asked = &request.topics[0].partitions[0];
    assert_eq!((asked.leader_epoch, asked.current_leader_epoch), (4, 5));
    bench.no_fetch();
    assert_eq!(bench.position(), Some(10), "known all the while");
    assert_eq!(bench.fetcher.position(&key(0)).unwrap().leader_epoch(), 4, "and committed again as it was");
    bench.epoch_end(token, 4, 20);
    let (token, request, _) = bench.fetch();
    let asked = &request.topics[0].partitions[0];
    assert_eq!((asked.fetch_offset, asked.last_fetched_epoch), (10, 4));
    bench.answer(token, vec![data(0, vec![])]);
    assert_eq!(bench.fetcher.metrics().truncations, 0);
    // So is what the application seeks to, with an epoch.
    bench.fetcher.seek(&key(0), committed(3)).unwrap();
    let (token, _) = bench.validation();
    bench.epoch_end(token, 3, 7);
    assert_eq!((bench.position(), bench.fetcher.metrics().truncations), (Some(7), 1));
    assert_eq!(bench.fetch().1.topics[0].partitions[0].fetch_offset, 7);
}

#[test]
fn without_epochs_there_is_nothing_to_compare() {
    let mut bench = Bench::one(committed(-1));
    assert_eq!(bench.fetch().1.topics[0].partitions[0].fetch_offset, 10);
    let mut bench = Bench::new(ConsumerSettings::default(), &[(1, -1)]);
    bench.fetcher.assign([(key(0), committed(4))]);
    assert_eq!(bench.fetch().1.topics[0].partitions[0].fetch_offset, 10);
}

#[test]
fn metadata_older_than_what_was_committed_are_asked_for_again() {
    let mut bench = Bench::one(committed(9));
    assert!(bench.refreshes());
    assert!(bench.commands.is_empty(), "{:?}", bench.commands);
    bench.cluster = cluster(2, Uuid([7; 16]), &[(2, 9)]);
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.validation().1.topics[0].partitions[0].current_leader_epoch, 9);
    // But not without end: the topic may be another one of that name.
    let mut bench = Bench::one(committed(9));
    let mut passes = 0;
    while !bench.commands.iter().any(|command| matches!(command, ConsumerCommand::OffsetForLeaderEpoch { .. })) {
        bench.pass(Duration::from_secs(1));
        passes += 1;
        assert!(passes < 20);
    }
    let (token, _) = bench.validation();
    bench.epoch_end(token, -1, -1);
    bench.list_offsets();
}

#[test]
fn what_waits_for_its_group_may_be_sought_in_and_paused() {
    let mut bench = Bench::new(ConsumerSettings { reset: ResetPolicy::None, ..ConsumerSettings::default() }, &[(1, 5), (1, 5)]);
    bench.fetcher.add_waiting([key(0), key(1)]);
    bench.poll();
    assert!(bench.commands.is_empty() && bench.position().is_none() && bench.fetcher.take().is_none());
    assert_eq!([0, 1, 2].map(|p| bench.fetcher.is_waiting(&key(p))), [Some(true), Some(true), None]);
    bench.fetcher.pause(&key(1)).unwrap();
    bench.fetcher.seek(&key(0), StartAt::Offset(3)).unwrap();
    assert_eq!(bench.fetcher.is_waiting(&key(0)), Some(false));
    bench.fetcher.start([(key(0), StartAt::Offset(50)), (key(1), StartAt::Offset(60)), (key(2), StartAt::Default)]);
    assert_eq!((bench.position(), bench.fetcher.position(&key(1)).unwrap().offset()), (Some(3), Some(60)));
    assert_eq!(bench.fetcher.paused().collect::<Vec<_>>(), [&key(1)], "it stays so");
    assert_eq!((bench.error().kind(), bench.fetcher.assignment().count()), (ErrorKind::OffsetReset, 3));
    let asked: Vec<_> = bench.fetch().1.topics[0].partitions.iter().map(|p| (p.partition, p.fetch_offset)).collect();
    assert_eq!(asked, [(0, 3)]);
}

#[test]
fn a_duration_is_counted_from_the_moment_of_asking() {
    let reset = ResetPolicy::ByDuration(Duration::from_secs(60));
    let mut bench = Bench::new(ConsumerSettings { reset, ..ConsumerSettings::default() }, &[(1, 5)]);
    bench.fetcher.assign([(key(0), StartAt::Default)]);
    let asked = |wall: i64, bench: &mut Bench| {
        bench.fetcher.set_wall_millis(wall);
        bench.pass(Duration::from_secs(2));
        let (token, request) = bench.list_offsets();
        (token, request.topics[0].partitions[0].timestamp)
    };
    let (token, timestamp) = asked(100_000, &mut bench);
    assert_eq!(timestamp, 40_000);
    bench.offsets(token, -1, -1, ErrorCode::NotLeaderOrFollower.code());
    let (token, timestamp) = asked(200_000, &mut bench);
    assert_eq!(timestamp, 140_000);
    bench.offsets(token, -1, -1, ErrorCode::NotLeaderOrFollower.code());
    // The special values are below zero.
    let (token, timestamp) = asked(59_998, &mut bench);
    assert_eq!(timestamp, 0);
    // Nothing is that young: the end.
    bench.offsets(token, -1, -1, 0);
    let (token, timestamp) = asked(300_000, &mut bench);
    assert_eq!(timestamp, LATEST_TIMESTAMP);
    bench.offsets(token, 33, 5, 0);
    assert_eq!(bench.position(), Some(33));
}
