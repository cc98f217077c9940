//! When brokers are asked, for what, and what is counted.

use super::*;

#[test]
fn a_broker_whose_partitions_are_all_paused_or_full_is_left_in_peace() {
    let settings = ConsumerSettings { queued_min_messages: 4, ..ConsumerSettings::default() };
    let mut bench = Bench::new(settings, &[(1, 5), (1, 5)]);
    bench.fetcher.assign([0, 1].map(|p| (key(p), StartAt::Offset(0))));
    let (token, ..) = bench.fetch();
    bench.answer(token, vec![data(0, [batch(0, 5), batch(5, 5)].concat()), data(1, vec![])]);
    bench.decode();
    bench.fetcher.pause(&key(1)).unwrap();
    bench.no_fetch();
    assert_eq!(bench.deadline, Instant::FAR_FUTURE);
    bench.fetcher.resume(&key(1)).unwrap();
    // Once a short wait; then none until the application takes something.
    for wait in [20, 500, 500] {
        let (token, request, _) = bench.fetch();
        assert_eq!(request.max_wait_ms, wait);
        bench.answer(token, vec![data(1, vec![])]);
    }
    assert_eq!(bench.take().partition(), 0);
    assert_eq!(bench.fetch().1.max_wait_ms, 20);
}

#[test]
fn what_is_fetched_and_taken_is_counted() {
    let mut bench = Bench::one(StartAt::Offset(0));
    assert_eq!(bench.fetcher.metrics(), ConsumerSnapshot::default());
    let records = [batch(0, 2), compressed(2, 10, &[7; 100])].concat();
    let size = records.len() as u64;
    let (token, ..) = bench.fetch();
    bench.pass(Duration::from_millis(8));
    bench.answer(token, vec![data(0, records)]);
    bench.decode();
    let metrics = bench.fetcher.metrics();
    assert_eq!(
        (metrics.fetch_requests, metrics.batches_fetched, metrics.records_fetched, metrics.bytes_fetched),
        (1, 2, 12, size)
    );
    assert_eq!((metrics.records_consumed, metrics.bytes_held), (0, bench.fetcher.quota().held()));
    assert_eq!(metrics.lag, [(key(0), 90)], "to the last stable offset");
    let latency = metrics.fetch_latency_p50.unwrap().as_micros() as f64;
    assert!((latency / 8000.0 - 1.0).abs() < 0.13, "{latency}");
    drop(bench.take());
    drop(bench.take());
    let (token, ..) = bench.fetch();
    bench.answer(token, vec![failed(ErrorCode::TopicAuthorizationFailed)]);
    bench.error();
    let metrics = bench.fetcher.metrics();
    assert_eq!((metrics.batches_consumed, metrics.records_consumed, metrics.errors), (2, 12, 1));
    assert!(metrics.bytes_consumed > size, "inflated");
    assert_eq!((metrics.bytes_held, &metrics.lag[..]), (0, &[(key(0), 78)][..]));
}

#[test]
fn a_broker_that_throttles_is_left_alone_until_the_time_is_over() {
    let mut bench = Bench::new(ConsumerSettings::default(), &[(1, 5), (2, 5)]);
    bench.fetcher.assign([0, 1].map(|p| (key(p), StartAt::Offset(0))));
    let (token, ..) = bench.fetch();
    bench.commands.clear();
    let responses = vec![FetchableTopicResponse {
        topic_id: Uuid([7; 16]),
        partitions: vec![data(0, batch(0, 1))],
        ..FetchableTopicResponse::default()
    }];
    let response = FetchResponse { throttle_time_ms: 700, responses, ..FetchResponse::default() };
    bench.fetcher.on_fetch(bench.now, token, Ok(response));
    bench.decode();
    assert_eq!(values(&bench.take()), ["v0"], "what came is handed out");
    bench.no_fetch();
    assert_eq!(bench.deadline, bench.now + Duration::from_millis(700));
    bench.pass(Duration::from_millis(699)).no_fetch();
    bench.pass(Duration::from_millis(1));
    assert_eq!(bench.fetch().1.topics[0].partitions[0].partition, 0);
    assert_eq!(bench.fetcher.metrics().throttle_time, Duration::from_millis(700));
}

#[test]
fn a_fetch_session_says_only_what_changed() {
    let answer = |bench: &mut Bench, token, session_id, error_code, partitions: Vec<PartitionData>| {
        let responses = vec![FetchableTopicResponse { topic_id: Uuid([7; 16]), partitions, ..FetchableTopicResponse::default() }];
        let response = FetchResponse { session_id, error_code, responses, ..FetchResponse::default() };
        bench.fetcher.on_fetch(bench.now, token, Ok(response));
        bench.decode();
    };
    let asked = |request: &FetchRequest| {
        let partitions = request.topics.iter().flat_map(|topic| &topic.partitions);
        let forgotten = request.forgotten_topics_data.iter().flat_map(|topic| topic.partitions.clone()).collect::<Vec<_>>();
        let partitions = partitions.map(|p| (p.partition, p.fetch_offset)).collect::<Vec<_>>();
        ((request.session_id, request.session_epoch), partitions, forgotten)
    };
    let mut bench = Bench::new(ConsumerSettings::default(), &[(1, 5), (1, 5)]);
    bench.fetcher.assign([0, 1].map(|p| (key(p), StartAt::Offset(0))));
    let (token, request, _) = bench.fetch();
    assert_eq!(asked(&request), ((0, 0), vec![(0, 0), (1, 0)], vec![]));
    answer(&mut bench, token, 77, 0, vec![data(0, batch(0, 2)), data(1, vec![])]);
    let (token, request, _) = bench.fetch();
    assert_eq!(asked(&request), ((77, 1), vec![(0, 2)], vec![]));
    // Nothing of partition 0 is no error within a session.
    answer(&mut bench, token, 77, 0, vec![data(1, batch(0, 1))]);
    assert_eq!(bench.take().partition(), 0);
    assert_eq!(bench.take().partition(), 1);
    bench.fetcher.pause(&key(0)).unwrap();
    let (token, request, _) = bench.fetch();
    assert_eq!(asked(&request), ((77, 2), vec![(1, 1)], vec![0]));
    // The broker has forgotten the session: asked in full at once, and nobody is told.
    answer(&mut bench, token, 0, ErrorCode::FetchSessionIdNotFound.code(), vec![]);
    bench.fetcher.resume(&key(0)).unwrap();
    let (token, request, _) = bench.fetch();
    assert_eq!(asked(&request), ((0, 0), vec![(0, 2), (1, 1)], vec![]));
    assert!(bench.fetcher.take().is_none());
    // A broken connection: nobody knows what the broker remembers.
    answer(&mut bench, token, 78, 0, vec![data(0, vec![]), data(1, vec![])]);
    let (token, ..) = bench.fetch();
    bench.fetcher.on_fetch(bench.now, token, Err(Error::new(ErrorKind::Transport, "the connection broke").retriable()));
    bench.pass(Duration::from_secs(1));
    assert_eq!(asked(&bench.fetch().1).0, (78, 0));
}

#[test]
fn a_broker_that_refuses_full_requests_for_their_session_is_not_asked_without_end() {
    let mut bench = Bench::one(StartAt::Offset(0));
    let (token, ..) = bench.fetch();
    let response = FetchResponse { error_code: ErrorCode::InvalidFetchSessionEpoch.code(), ..FetchResponse::default() };
    bench.fetcher.on_fetch(bench.now, token, Ok(response));
    bench.no_fetch();
    bench.pass(Duration::from_millis(120));
    bench.fetch();
}
