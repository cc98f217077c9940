//! Whom the fetcher asks: leaders that move, replicas nearby, topics that are made anew.

use ottla_protocol::messages::fetch::{LeaderIdAndEpoch, NodeEndpoint};

use super::*;

/// Takes out the next fetch, and the broker that it goes to.
fn fetch_of(bench: &mut Bench) -> (i32, u64, FetchRequest) {
    bench.poll();
    let place = bench.commands.iter().position(|c| matches!(c, ConsumerCommand::Fetch { .. })).expect("a fetch");
    match bench.commands.remove(place) {
        ConsumerCommand::Fetch { token, broker, request, .. } => (broker, token, request),
        _ => unreachable!(),
    }
}

fn near() -> Bench {
    let settings = ConsumerSettings {
        client_rack: Text::from("a"),
        reset: ResetPolicy::Earliest,
        metadata_max_age: Duration::from_secs(60),
        ..ConsumerSettings::default()
    };
    let mut bench = Bench::new(settings, &[(1, 5)]);
    bench.fetcher.assign([(key(0), StartAt::Offset(0))]);
    let (broker, token, request) = fetch_of(&mut bench);
    assert_eq!((broker, request.rack_id.as_str()), (1, "a"));
    bench.answer(token, vec![PartitionData { preferred_read_replica: 2, ..data(0, vec![]) }]);
    bench
}

#[test]
fn a_replica_nearby_is_read_from_until_its_time_is_over() {
    let mut bench = near();
    let (broker, token, request) = fetch_of(&mut bench);
    assert_eq!((broker, request.topics[0].partitions[0].fetch_offset), (2, 0), "at once");
    bench.answer(token, vec![data(0, batch(0, 2))]);
    bench.decode();
    assert_eq!(values(&bench.take()), ["v0", "v1"]);
    bench.pass(Duration::from_secs(59));
    let (broker, token, _) = fetch_of(&mut bench);
    assert_eq!(broker, 2);
    bench.answer(token, vec![data(0, vec![])]);
    bench.pass(Duration::from_secs(1));
    assert_eq!(fetch_of(&mut bench).0, 1, "the leader says again who is nearby");
}

#[test]
fn what_a_follower_does_not_have_the_leader_is_asked_for() {
    let mut bench = near();
    let (_, token, _) = fetch_of(&mut bench);
    bench.answer(token, vec![failed(ErrorCode::OffsetOutOfRange)]);
    bench.no_fetch();
    bench.pass(Duration::from_millis(120));
    let (broker, token, request) = fetch_of(&mut bench);
    assert_eq!((broker, request.topics[0].partitions[0].fetch_offset), (1, 0), "no reset");
    // What the leader does not have either is out of range.
    bench.answer(token, vec![failed(ErrorCode::OffsetOutOfRange)]);
    assert_eq!(bench.list_offsets().1.topics[0].partitions[0].timestamp, EARLIEST_TIMESTAMP);
}

#[test]
fn a_followers_answer_is_one_though_its_time_is_over_meanwhile() {
    let mut bench = near();
    let (_, token, _) = fetch_of(&mut bench);
    bench.pass(Duration::from_secs(61));
    bench.answer(token, vec![failed(ErrorCode::OffsetOutOfRange)]);
    bench.pass(Duration::from_secs(1));
    assert_eq!(fetch_of(&mut bench).0, 1, "no reset");
}

#[test]
fn a_replica_in_trouble_is_left_for_the_leader() {
    for failure in [None, Some(ErrorCode::NotLeaderOrFollower), Some(ErrorCode::KafkaStorageError)] {
        let mut bench = near();
        let (_, token, _) = fetch_of(&mut bench);
        match failure {
            Some(code) => bench.answer(token, vec![failed(code)]),
            None => {
                let error = Error::new(ErrorKind::Transport, "the connection broke").retriable();
                bench.fetcher.on_fetch(bench.now, token, Err(error));
            }
        }
        bench.pass(Duration::from_millis(120));
        assert_eq!(fetch_of(&mut bench).0, 1, "{failure:?}");
    }
    // Nor is one that is no longer in the cluster.
    let mut bench = near();
    let mut without = Cluster::clone(&bench.cluster);
    without.brokers.remove(&2);
    bench.cluster = Arc::new(without);
    assert_eq!(fetch_of(&mut bench).0, 1);
}

fn moved(leader: i32, epoch: i32) -> PartitionData {
    let current_leader = LeaderIdAndEpoch { leader_id: leader, leader_epoch: epoch, ..LeaderIdAndEpoch::default() };
    PartitionData { current_leader, ..failed(ErrorCode::NotLeaderOrFollower) }
}

#[test]
fn a_leader_that_comes_with_the_error_is_asked_at_once() {
    let mut bench = Bench::one(StartAt::Offset(0));
    let (token, ..) = bench.fetch();
    let responses = vec![FetchableTopicResponse {
        topic_id: Uuid([7; 16]),
        partitions: vec![moved(3, 6)],
        ..FetchableTopicResponse::default()
    }];
    let node = NodeEndpoint { node_id: 3, host: Text::from("new"), port: 99, ..NodeEndpoint::default() };
    let response = FetchResponse { responses, node_endpoints: vec![node], ..FetchResponse::default() };
    bench.fetcher.on_fetch(bench.now, token, Ok(response));
    let hints = bench.fetcher.take_hints();
    let broker = BrokerInfo { id: 3, host: Text::from("new"), port: 99, rack: None };
    let hint = LeaderHint { topic: TOPIC, partition: 0, leader: 3, leader_epoch: 6, broker: Some(broker.clone()) };
    assert_eq!(hints, [hint]);
    assert!(bench.fetcher.take_hints().is_empty());
    // As the driver makes it known.
    let mut next = Cluster::clone(&cluster(2, Uuid([7; 16]), &[(3, 6)]));
    next.brokers.insert(3, broker);
    bench.cluster = Arc::new(next);
    let (broker, token, request) = fetch_of(&mut bench);
    assert_eq!((broker, request.topics[0].partitions[0].current_leader_epoch), (3, 6));
    // Brokers that send each other's clients back and forth are not asked without end.
    bench.answer(token, vec![moved(1, 7)]);
    assert_eq!(bench.fetcher.take_hints().len(), 1);
    bench.cluster = cluster(3, Uuid([7; 16]), &[(1, 7)]);
    bench.no_fetch();
}

#[test]
fn an_older_leader_is_no_hint() {
    let mut bench = Bench::one(StartAt::Offset(0));
    for stale in [moved(2, 5), moved(-1, 9)] {
        let (token, ..) = bench.fetch();
        bench.answer(token, vec![stale]);
        assert!(bench.fetcher.take_hints().is_empty());
        bench.no_fetch();
        bench.pass(Duration::from_secs(1));
    }
}

#[test]
fn a_topic_made_anew_is_read_as_the_policy_says() {
    for policy in [ResetPolicy::Earliest, ResetPolicy::Latest, ResetPolicy::None] {
        let mut bench = Bench::new(ConsumerSettings { reset: policy, ..ConsumerSettings::default() }, &[(1, 5)]);
        bench.fetcher.assign([(key(0), StartAt::Offset(10))]);
        bench.feed(batch(10, 2));
        let (token, ..) = bench.fetch();
        bench.answer(token, vec![failed(ErrorCode::UnknownTopicId)]);
        bench.pass(Duration::from_secs(1));
        assert!(bench.refreshes());
        let (token, ..) = bench.fetch();
        bench.answer(token, vec![failed(ErrorCode::UnknownTopicId)]);
        let held = bench.take();
        bench.cluster = cluster(2, Uuid([8; 16]), &[(1, 0)]);
        assert!(held.is_valid() && bench.fetcher.is_made_anew(&key(0), &bench.cluster));
        bench.pass(Duration::from_secs(1));
        assert!(!bench.fetcher.is_made_anew(&key(0), &bench.cluster));
        assert!(!held.is_valid() && values(&held).is_empty(), "its offsets mean something else now");
        assert_eq!(bench.fetcher.position(&key(0)).unwrap().offset(), None, "nothing to commit");
        assert_eq!(bench.fetcher.metrics().resets, 1);
        if policy == ResetPolicy::None {
            let error = bench.error();
            assert_eq!((error.kind(), error.offset(), error.next_offset()), (ErrorKind::OffsetReset, Some(10), Some(0)));
            bench.no_fetch();
            bench.fetcher.seek(&key(0), StartAt::Beginning).unwrap();
        } else {
            assert!(bench.fetcher.take().is_none());
        }
        let (token, request) = bench.list_offsets();
        let expected = if policy == ResetPolicy::Latest { LATEST_TIMESTAMP } else { EARLIEST_TIMESTAMP };
        assert_eq!(request.topics[0].partitions[0].timestamp, expected);
        bench.offsets(token, 0, 0, 0);
        let (_, request, _) = bench.fetch();
        assert_eq!((request.topics[0].topic_id, request.topics[0].partitions[0].fetch_offset), (Uuid([8; 16]), 0));
        assert_eq!(request.topics[0].partitions[0].current_leader_epoch, 0);
    }
}

#[test]
fn what_is_on_its_way_or_waits_when_a_topic_is_made_anew_is_of_the_other_one() {
    for decoded in [false, true] {
        let mut bench = Bench::new(ConsumerSettings { reset: ResetPolicy::None, ..ConsumerSettings::default() }, &[(1, 5)]);
        bench.fetcher.assign([(key(0), StartAt::Offset(10))]);
        let (token, ..) = bench.fetch();
        if decoded {
            bench.answer(token, vec![data(0, batch(10, 2))]);
            bench.decode();
        }
        bench.cluster = cluster(2, Uuid([8; 16]), &[(1, 0)]);
        bench.poll();
        if !decoded {
            bench.answer(token, vec![data(0, batch(10, 2))]);
            bench.decode();
        }
        bench.no_fetch();
        assert_eq!(bench.error().offset(), Some(10));
        assert!(bench.fetcher.take().is_none());
    }
}

#[test]
fn a_topic_made_anew_while_its_log_is_validated_is_not_mistaken_for_it() {
    let mut bench = Bench::new(ConsumerSettings { reset: ResetPolicy::Earliest, ..ConsumerSettings::default() }, &[(1, 5)]);
    bench.fetcher.assign([(key(0), StartAt::OffsetAndEpoch { offset: 10, leader_epoch: 5 })]);
    bench.poll();
    let asked = |command: &ConsumerCommand| matches!(command, ConsumerCommand::OffsetForLeaderEpoch { .. });
    assert!(bench.commands.iter().any(asked));
    bench.commands.clear();
    bench.cluster = cluster(2, Uuid([8; 16]), &[(1, 0)]);
    assert_eq!(bench.list_offsets().1.topics[0].partitions[0].timestamp, EARLIEST_TIMESTAMP);
}
