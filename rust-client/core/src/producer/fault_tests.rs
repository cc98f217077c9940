//! The producer's bad days on virtual time: what is refused, lost, throttled, too large.

use ottla_protocol::messages::produce::{
    BatchIndexAndErrorMessage, LeaderIdAndEpoch, NodeEndpoint, PartitionProduceResponse, ProduceResponse, TopicProduceResponse,
};
use ottla_protocol::record::{DecodedBatch, split_batches};

use super::tests::*;
use super::*;

/// Answers for partition 0 with whatever else is to be in the answer.
fn answer_with(harness: &mut Harness, token: u64, partition: PartitionProduceResponse, rest: ProduceResponse) {
    let topic =
        TopicProduceResponse { name: Text::from("t"), partition_responses: vec![partition], ..TopicProduceResponse::default() };
    let response = ProduceResponse { responses: vec![topic], ..rest };
    harness.sender.on_produced(harness.clock.now(), token, Ok(Some(response)), &mut harness.commands);
    harness.poll();
}

fn refused(code: ErrorCode) -> PartitionProduceResponse {
    PartitionProduceResponse { error_code: code.code(), base_offset: -1, ..PartitionProduceResponse::default() }
}

/// Serves all requests until nothing comes for some time: appends what comes in sequence, refuses what is out of order, and refuses
/// batches of more than `max` bytes. Returns (epoch, sequence, records) of what it appended.
fn serve(harness: &mut Harness, max: i32) -> Vec<(i16, i32, i32)> {
    let (mut log, mut offset) = (Vec::new(), 0);
    let (mut epoch, mut next) = (-1, 0);
    for _ in 0..40 {
        for (token, header) in harness.take_requests() {
            if header.batch_length > max {
                harness.answer(token, ErrorCode::MessageTooLarge, -1);
            } else if header.producer_epoch == epoch && header.base_sequence != next {
                harness.answer(token, ErrorCode::OutOfOrderSequenceNumber, -1);
            } else {
                (epoch, next) = (header.producer_epoch, header.base_sequence + header.records_count);
                log.push((epoch, header.base_sequence, header.records_count));
                harness.answer(token, ErrorCode::None, offset);
                offset += i64::from(header.records_count);
            }
        }
        harness.advance(Duration::from_millis(500));
    }
    log
}

fn offsets(handles: &mut [RecordHandle]) -> Vec<i64> {
    handles.iter_mut().map(|handle| handle.try_result().unwrap().unwrap().offset).collect()
}

#[test]
fn a_batch_too_large_for_the_broker_goes_in_parts_with_its_sequences() {
    for compression in [Compression::None, Compression::Lz4] {
        let mut harness = Harness::new(ProducerSettings { compression, reports: true, ..settings() }, 1);
        // Numbers, so that compression does not make them small.
        let mut rng = Rng::from_seed(3);
        let values: Vec<Vec<u8>> = (0..12).map(|_| (0..800).map(|_| rng.next_u32() as u8).collect()).collect();
        let mut handles: Vec<_> = values.iter().map(|value| harness.send(value)).collect();
        harness.advance(Duration::from_millis(5));
        let log = serve(&mut harness, 3_000);
        let records: i32 = log.iter().map(|(.., records)| records).sum();
        assert_eq!(records, 12, "{log:?}");
        assert!(log.len() >= 4 && log.iter().all(|(epoch, ..)| *epoch == 0), "{log:?}");
        assert_eq!(offsets(&mut handles), (0..12).collect::<Vec<_>>());
        // The reports come for the parts, with what was in them.
        let mut served = Vec::new();
        while let Some(report) = harness.accumulator.reports().try_pop() {
            let batch = report.records().unwrap();
            served.extend(batch.records().map(|record| record.unwrap().value.unwrap().to_vec()));
        }
        assert_eq!(served, values);
        assert_eq!(harness.accumulator.quota().used_bytes(), 0, "all quota is back");
    }
}

#[test]
fn a_record_too_large_for_the_broker_fails_alone() {
    let mut harness = Harness::new(settings(), 1);
    let (small, large) = (vec![1; 100], vec![2; 5_000]);
    let mut handles = [harness.send(&small), harness.send(&large), harness.send(&small)];
    harness.advance(Duration::from_millis(5));
    let log = serve(&mut harness, 3_000);
    assert_eq!(log.iter().map(|(.., records)| records).sum::<i32>(), 2, "{log:?}");
    let error = handles[1].try_result().unwrap().unwrap_err();
    assert_eq!((error.name(), error.possibly_written()), ("MESSAGE_TOO_LARGE", false));
    assert_eq!(handles[0].try_result().unwrap().unwrap().offset, 0);
    assert_eq!(handles[2].try_result().unwrap().unwrap().offset, 1);
}

#[test]
fn records_that_the_broker_names_fail_with_its_words_and_the_others_with_them() {
    let mut harness = Harness::new(settings(), 1);
    let mut handles: Vec<_> = (0..3).map(|_| harness.send(b"v")).collect();
    harness.advance(Duration::from_millis(5));
    let token = harness.take_requests()[0].0;
    let culprit = |batch_index| BatchIndexAndErrorMessage {
        batch_index,
        batch_index_error_message: Some(Text::from("no key")),
        ..BatchIndexAndErrorMessage::default()
    };
    // Twice, and one that is not in the batch: the broker may say what it likes.
    let record_errors = vec![culprit(1), culprit(1), culprit(77), culprit(-1)];
    let partition = PartitionProduceResponse { record_errors, ..refused(ErrorCode::InvalidRecord) };
    answer_with(&mut harness, token, partition, ProduceResponse::default());
    let errors: Vec<_> = handles.iter_mut().map(|handle| handle.try_result().unwrap().unwrap_err()).collect();
    assert!(errors.iter().all(|error| error.name() == "INVALID_RECORD" && !error.possibly_written()));
    assert!(errors[1].to_string().contains("no key"), "{}", errors[1]);
    assert!(!errors[0].to_string().contains("no key") && errors[0].to_string().contains("1 of which"), "{}", errors[0]);
}

#[test]
fn a_leader_that_comes_with_the_error_is_learned_and_asked_at_once() {
    let mut harness = Harness::new(settings(), 1);
    let mut handle = harness.send(b"v");
    harness.advance(Duration::from_millis(5));
    let token = harness.take_requests()[0].0;
    let current_leader = LeaderIdAndEpoch { leader_id: 2, leader_epoch: 1, ..LeaderIdAndEpoch::default() };
    let partition = PartitionProduceResponse { current_leader, ..refused(ErrorCode::NotLeaderOrFollower) };
    let node = NodeEndpoint { node_id: 2, host: Text::from("two"), port: 9, ..NodeEndpoint::default() };
    answer_with(&mut harness, token, partition, ProduceResponse { node_endpoints: vec![node], ..ProduceResponse::default() });
    let hints = harness.commands.iter().find_map(|command| match command {
        Command::LearnLeaders(hints) => Some(hints.clone()),
        _ => None,
    });
    let hint = &hints.unwrap()[0];
    assert_eq!((hint.leader, hint.leader_epoch, hint.broker.as_ref().unwrap().port), (2, 1, 9));
    // What the client makes of it: a cluster with that leader.
    let mut moved = (*cluster(2, 1)).clone();
    moved.brokers.insert(2, hint.broker.clone().unwrap());
    let info = &mut Arc::make_mut(moved.topics.get_mut(&Text::from("t")).unwrap()).partitions[0];
    (info.leader, info.leader_epoch) = (2, 1);
    harness.cluster = Arc::new(moved);
    harness.sender.on_connected(2);
    harness.poll();
    let again = harness.take_requests();
    assert_eq!((again.len(), again[0].1.base_sequence), (1, 0), "without a backoff: it was for the old leader");
    harness.answer(again[0].0, ErrorCode::None, 5);
    assert_eq!(handle.try_result().unwrap().unwrap().offset, 5);
}

#[test]
fn nothing_goes_to_a_new_leader_while_the_old_one_has_not_answered() {
    let mut harness = Harness::new(settings(), 1);
    let _first = harness.send(b"1");
    harness.advance(Duration::from_millis(5));
    let old = harness.take_requests();
    let mut moved = (*cluster(2, 1)).clone();
    let info = &mut Arc::make_mut(moved.topics.get_mut(&Text::from("t")).unwrap()).partitions[0];
    (info.leader, info.leader_epoch) = (2, 1);
    harness.cluster = Arc::new(moved);
    harness.sender.on_connected(2);
    let _second = harness.send(b"2");
    harness.advance(Duration::from_millis(5));
    assert!(harness.take_requests().is_empty(), "the second would come in before the first");
    harness.cut(&[old[0].0]);
    let mut sequences = Vec::new();
    for _ in 0..4 {
        harness.advance(Duration::from_secs(1));
        for (token, header) in harness.take_requests() {
            sequences.push(header.base_sequence);
            harness.answer(token, ErrorCode::None, 0);
        }
    }
    assert_eq!(sequences, [0, 1]);
}

#[test]
fn a_throttled_broker_is_left_alone_until_the_time_is_over() {
    let mut harness = Harness::new(settings(), 1);
    let _first = harness.send(b"1");
    harness.advance(Duration::from_millis(5));
    let token = harness.take_requests()[0].0;
    let partition = PartitionProduceResponse::default();
    answer_with(&mut harness, token, partition, ProduceResponse { throttle_time_ms: 700, ..ProduceResponse::default() });
    let _second = harness.send(b"2");
    harness.advance(Duration::from_millis(699));
    assert!(harness.take_requests().is_empty());
    assert!(harness.deadline <= harness.clock.now() + Duration::from_millis(1), "it comes back by itself");
    harness.advance(Duration::from_millis(1));
    assert_eq!(harness.take_requests().len(), 1);
}

#[test]
fn what_may_be_written_keeps_its_numbers_when_another_partition_needs_a_new_epoch() {
    let mut harness = Harness::new(settings(), 2);
    let mut waiting = harness.send(b"partition 0");
    let record = RecordRef { partition: Some(1), timestamp: None, key: None, value: Some(b"one"), headers: &[], opaque: 0 };
    let _other = harness.accumulator.append_to("t", &record).unwrap();
    harness.advance(Duration::from_millis(5));
    let both = std::mem::take(&mut harness.commands);
    let Some(Command::Produce { token, .. }) = both.iter().find(|command| matches!(command, Command::Produce { .. })) else {
        panic!("{both:?}")
    };
    // Partition 0: no word on whether it was appended. Partition 1: the broker lost its state.
    let answers = vec![
        PartitionProduceResponse { index: 0, ..refused(ErrorCode::RequestTimedOut) },
        PartitionProduceResponse { index: 1, ..refused(ErrorCode::UnknownProducerId) },
    ];
    let topic = TopicProduceResponse { name: Text::from("t"), partition_responses: answers, ..TopicProduceResponse::default() };
    let response = ProduceResponse { responses: vec![topic], ..ProduceResponse::default() };
    harness.sender.on_produced(harness.clock.now(), *token, Ok(Some(response)), &mut harness.commands);
    let mut sent = Vec::new();
    for _ in 0..10 {
        harness.advance(Duration::from_millis(200));
        for command in std::mem::take(&mut harness.commands) {
            let Command::Produce { token, request, .. } = command else { continue };
            let mut answers = Vec::new();
            for data in &request.topic_data[0].partition_data {
                let batches = split_batches(&data.records.as_ref().unwrap().to_bytes()).collect::<Result<Vec<_>, _>>().unwrap();
                let header = batches[0].header;
                sent.push((data.index, header.producer_epoch, header.base_sequence));
                answers.push(PartitionProduceResponse { index: data.index, ..PartitionProduceResponse::default() });
            }
            let topic =
                TopicProduceResponse { name: Text::from("t"), partition_responses: answers, ..TopicProduceResponse::default() };
            let response = ProduceResponse { responses: vec![topic], ..ProduceResponse::default() };
            harness.sender.on_produced(harness.clock.now(), token, Ok(Some(response)), &mut harness.commands);
        }
    }
    sent.sort_unstable();
    assert_eq!(sent, [(0, 0, 0), (1, 1, 0)], "under its old number the broker can tell that it has it already");
    assert!(waiting.try_result().unwrap().is_ok());
}

#[test]
fn a_hole_in_the_sequence_is_closed_by_a_new_epoch() {
    let mut harness = Harness::begun(settings());
    let mut handles = filled(&mut harness, 3);
    let requests = harness.take_requests();
    // The first is refused for good; the others, right behind it, are out of order.
    harness.answer(requests[0].0, ErrorCode::InvalidTimestamp, -1);
    harness.answer(requests[1].0, ErrorCode::OutOfOrderSequenceNumber, -1);
    harness.answer(requests[2].0, ErrorCode::OutOfOrderSequenceNumber, -1);
    harness.advance(Duration::from_secs(1));
    let log = serve(&mut harness, i32::MAX);
    assert_eq!(log, [(1, 0, 1), (1, 1, 1)]);
    assert_eq!(handles[0].try_result().unwrap().unwrap_err().name(), "INVALID_TIMESTAMP");
    assert_eq!(offsets(&mut handles[1..]), [0, 1]);
}

#[test]
fn a_batch_that_expired_unanswered_holds_up_new_ones_until_its_fate_is_known() {
    // Its answer comes late: in the log after all, or not.
    for (late, epoch) in [(ErrorCode::None, 0), (ErrorCode::NotLeaderOrFollower, 1)] {
        let mut harness = Harness::new(ProducerSettings { delivery_timeout: Duration::from_secs(10), ..settings() }, 1);
        let mut first = harness.send(b"1");
        harness.advance(Duration::from_millis(5));
        let requests = harness.take_requests();
        harness.advance(Duration::from_secs(10));
        let error = first.try_result().unwrap().unwrap_err();
        assert!(error.possibly_written(), "{error}");
        harness.answer(requests[0].0, late, 0);
        let mut second = harness.send(b"2");
        harness.advance(Duration::from_secs(2));
        let next = harness.take_requests();
        assert_eq!((next[0].1.producer_epoch, next[0].1.base_sequence), (epoch, 1 - i32::from(epoch)), "{late:?}");
        harness.answer(next[0].0, ErrorCode::None, 1);
        assert!(second.try_result().unwrap().is_ok());
    }
}

#[test]
fn a_topic_that_stays_unknown_fails_its_records_in_time() {
    let limit = Duration::from_secs(7);
    let mut harness = Harness::without_metadata(ProducerSettings { unknown_topic_limit: limit, ..settings() });
    let mut handle = harness.send(b"v");
    harness.poll();
    let mut without = (*cluster(1, 1)).clone();
    Arc::make_mut(without.topics.get_mut(&Text::from("t")).unwrap()).error = ErrorCode::UnknownTopicOrPartition;
    Arc::make_mut(without.topics.get_mut(&Text::from("t")).unwrap()).partitions.clear();
    harness.cluster = Arc::new(without);
    harness.advance(limit - Duration::from_millis(1));
    assert!(handle.try_result().is_none());
    harness.advance(Duration::from_millis(1));
    let error = handle.try_result().unwrap().unwrap_err();
    assert_eq!((error.kind(), error.possibly_written()), (ErrorKind::UnknownTopic, false));
    assert!(error.to_string().contains("topic.metadata.propagation.max.ms (7000 ms)"), "{error}");
    assert_eq!(harness.accumulator.quota().used_bytes(), 0);
}

#[test]
fn a_refused_producer_id_ends_the_producer_with_its_error() {
    let mut harness = Harness::without_metadata(settings());
    harness.cluster = cluster(1, 1);
    harness.accumulator.topic("t").unwrap();
    harness.sender.on_connected(1);
    harness.sender.poll(harness.clock.now(), &harness.cluster.clone(), &mut harness.commands);
    let mut handle = harness.send(b"v");
    harness.sender.poll(harness.clock.now(), &harness.cluster.clone(), &mut harness.commands);
    assert!(harness.commands.iter().any(|command| matches!(command, Command::InitProducerId(_))));
    let refusal =
        InitProducerIdResponse { error_code: ErrorCode::ClusterAuthorizationFailed.code(), ..InitProducerIdResponse::default() };
    harness.sender.on_producer_id(harness.clock.now(), Ok(refusal));
    let error = handle.try_result().unwrap().unwrap_err();
    assert!(error.is_fatal() && error.name() == "CLUSTER_AUTHORIZATION_FAILED" && !error.possibly_written(), "{error}");
    let Err(AppendError::Rejected(error)) = harness.try_send(b"more") else { panic!("it is taken") };
    assert!(error.is_fatal(), "{error}");
    assert_eq!(harness.accumulator.quota().used_bytes(), 0);
}

#[test]
fn records_without_a_key_stay_until_a_batch_is_full_and_then_prefer_short_lines() {
    let mut harness = Harness::new(settings(), 3);
    harness.poll();
    let record = RecordRef { partition: None, timestamp: None, key: None, value: Some(&[0; 990]), headers: &[], opaque: 0 };
    // A trickle: each record lingers out alone, and all go to one partition until it has had a batch's worth of bytes.
    let mut partitions = Vec::new();
    for _ in 0..11 {
        let _handle = harness.accumulator.append_to("t", &record).unwrap();
        harness.advance(Duration::from_millis(5));
        for command in std::mem::take(&mut harness.commands) {
            let Command::Produce { token, request, .. } = command else { continue };
            let data = &request.topic_data[0].partition_data[0];
            let batches = split_batches(&data.records.as_ref().unwrap().to_bytes()).collect::<Result<Vec<_>, _>>().unwrap();
            let batch: DecodedBatch = batches[0].decode(true, usize::MAX, Vec::new()).unwrap();
            partitions.extend(batch.records().map(|_| data.index));
            let answer = PartitionProduceResponse { index: data.index, ..PartitionProduceResponse::default() };
            let topic = TopicProduceResponse {
                name: Text::from("t"),
                partition_responses: vec![answer],
                ..TopicProduceResponse::default()
            };
            let response = ProduceResponse { responses: vec![topic], ..ProduceResponse::default() };
            harness.sender.on_produced(harness.clock.now(), token, Ok(Some(response)), &mut harness.commands);
        }
    }
    assert_eq!(partitions.len(), 11);
    assert!(partitions[..10].iter().all(|partition| *partition == partitions[0]), "{partitions:?}");
}

#[test]
fn a_clock_that_jumps_ends_what_is_late_and_goes_on() {
    let mut harness = Harness::new(settings(), 1);
    let mut in_flight = harness.send(b"1");
    harness.advance(Duration::from_millis(5));
    let requests = harness.take_requests();
    let mut waiting = harness.send(b"2");
    // The machine slept for a week.
    harness.advance(Duration::from_secs(7 * 24 * 3600));
    assert!(in_flight.try_result().unwrap().unwrap_err().possibly_written());
    assert!(!waiting.try_result().unwrap().unwrap_err().possibly_written());
    harness.answer(requests[0].0, ErrorCode::None, 0);
    // And to the end of time, and back to its beginning, which a clock must not do but a broken one may.
    for at in [u64::MAX, 0, 1_000_000] {
        harness.clock.0.store(at, Ordering::SeqCst);
        harness.poll();
    }
    let mut after = harness.send(b"3");
    harness.advance(Duration::from_secs(1));
    let again = harness.take_requests();
    assert_eq!(again.len(), 1);
    harness.answer(again[0].0, ErrorCode::None, 1);
    assert_eq!(after.try_result().unwrap().unwrap().offset, 1);
}

/// A broker that was killed and remembers of each producer only the last batch: (last sequence, its batch's first).
fn answer_as_killed(harness: &mut Harness, last: &mut Option<(i32, i32)>, log: &mut Vec<(i16, i32)>) {
    for (token, header) in harness.take_requests() {
        let (first, next) = (header.base_sequence, header.base_sequence + header.records_count);
        let is_new_epoch = log.iter().all(|(epoch, _)| *epoch < header.producer_epoch);
        match *last {
            Some((_, known)) if known == first && !is_new_epoch => harness.answer(token, ErrorCode::None, 700),
            Some((end, _)) if end + 1 != first && !(is_new_epoch && first == 0) => {
                harness.answer(token, ErrorCode::OutOfOrderSequenceNumber, -1);
            }
            _ => {
                *last = Some((next - 1, first));
                log.push((header.producer_epoch, first));
                harness.answer(token, ErrorCode::None, 800);
            }
        }
    }
}

#[test]
fn what_a_killed_broker_has_forgotten_is_not_written_twice() {
    // How many of three batches under way are in its log.
    for written in 0..=3_usize {
        let mut harness = Harness::begun(settings());
        let mut handles = filled(&mut harness, 3);
        let requests = harness.take_requests();
        assert_eq!(requests.len(), 3);
        harness.cut(&requests.iter().map(|(token, _)| *token).collect::<Vec<_>>());
        harness.sender.on_connected(1);
        let end = i32::try_from(written).unwrap();
        let (mut last, mut log) = (Some((end, end)), vec![(0, -1)]);
        for _ in 0..30 {
            harness.advance(Duration::from_millis(500));
            answer_as_killed(&mut harness, &mut last, &mut log);
        }
        // The rest is appended under its own numbers, and nothing under others.
        let expected: Vec<(i16, i32)> = (end + 1..=3).map(|sequence| (0, sequence)).collect();
        assert_eq!(log[1..], expected, "{written} were in the log");
        let offsets = offsets(&mut handles);
        assert!(offsets[..written].iter().all(|offset| [-1, 700].contains(offset)), "{offsets:?}");
        assert!(offsets[written..].iter().all(|offset| *offset == 800), "{offsets:?}");
        let mut after = harness.send(b"after");
        harness.advance(Duration::from_millis(5));
        answer_as_killed(&mut harness, &mut last, &mut log);
        assert_eq!(log.last(), Some(&(0, 4)));
        assert!(after.try_result().unwrap().is_ok());
    }
}

#[test]
fn what_is_in_doubt_when_a_broker_has_lost_the_sequence_fails_and_the_rest_goes_on_under_a_new_epoch() {
    let mut harness = Harness::begun(settings());
    let mut before: Vec<_> = (0..3).map(|_| harness.send(&[0; 6_000])).collect();
    harness.advance(Duration::from_millis(5));
    for (token, _) in harness.take_requests() {
        harness.answer(token, ErrorCode::None, 0);
    }
    assert!(before.iter_mut().all(|handle| handle.try_result().unwrap().is_ok()));
    let mut handles = filled(&mut harness, 3);
    let tokens: Vec<u64> = harness.take_requests().iter().map(|(token, _)| *token).collect();
    // The first two get no answer, the third is refused.
    harness.cut(&tokens[..2]);
    harness.answer(tokens[2], ErrorCode::NotLeaderOrFollower, -1);
    harness.sender.on_connected(1);
    // It lost acknowledged batches too: an unclean election.
    let (mut last, mut log) = (Some((1, 1)), vec![(0, -1)]);
    for _ in 0..30 {
        harness.advance(Duration::from_millis(500));
        answer_as_killed(&mut harness, &mut last, &mut log);
    }
    assert_eq!(log[1..], [(1, 0)], "what was refused is in no log");
    for handle in &mut handles[..2] {
        let error = handle.try_result().unwrap().unwrap_err();
        assert_eq!((error.name(), error.possibly_written()), ("OUT_OF_ORDER_SEQUENCE_NUMBER", true), "{error}");
    }
    assert_eq!(handles[2].try_result().unwrap().unwrap().offset, 800);
    assert_eq!(harness.accumulator.quota().used_bytes(), 0);
}

#[test]
fn when_the_epochs_are_used_up_nothing_goes_unnumbered_and_a_new_id_begins_at_zero() {
    let mut harness = Harness::without_metadata(settings());
    harness.cluster = cluster(1, 2);
    harness.accumulator.topic("t").unwrap();
    harness.sender.on_connected(1);
    let _first = harness.send(b"0");
    harness.sender.poll(harness.clock.now(), &harness.cluster.clone(), &mut harness.commands);
    harness.commands.clear();
    let last = InitProducerIdResponse { producer_id: 41, producer_epoch: i16::MAX - 1, ..InitProducerIdResponse::default() };
    harness.sender.on_producer_id(harness.clock.now(), Ok(last));
    harness.advance(Duration::from_millis(5));
    let (token, header) = harness.take_requests()[0];
    assert_eq!((header.producer_id, header.producer_epoch), (41, i16::MAX - 1));
    harness.answer(token, ErrorCode::UnknownProducerId, -1);
    let other = RecordRef { partition: Some(1), timestamp: None, key: None, value: Some(b"1"), headers: &[], opaque: 0 };
    let _other = harness.accumulator.append_to("t", &other).unwrap();
    for _ in 0..10 {
        harness.advance(Duration::from_millis(200));
    }
    let mut numbered = Vec::new();
    for command in &harness.commands {
        let Command::Produce { request, .. } = command else { continue };
        for data in &request.topic_data[0].partition_data {
            let header = verify_crc(&data.records.as_ref().unwrap().to_bytes()).unwrap();
            numbered.push((data.index, header.producer_id, header.producer_epoch, header.base_sequence));
        }
    }
    numbered.sort_unstable();
    // The other partition may have gone under the old id, before anybody knew that its epochs are used up.
    assert!(numbered.contains(&(0, 42, 0, 0)), "{numbered:?}");
    assert!(numbered.iter().all(|(_, id, _, sequence)| [41, 42].contains(id) && *sequence >= 0), "{numbered:?}");
    assert_eq!(numbered.len(), 2);
}
