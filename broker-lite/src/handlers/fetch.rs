//! Fetch, versions 4 to 18, with sessions. Waits end by events.

use std::sync::Arc;
use std::time::Duration;

use ottla_protocol::messages::fetch::{
    EpochEndOffset, FetchRequest, FetchResponse, FetchableTopicResponse, LeaderIdAndEpoch, NodeEndpoint, PartitionData,
};
use ottla_protocol::{ErrorCode, Records};

use crate::cluster::{NODE_ID, Topic};
use crate::dispatch::RequestContext;
use crate::fetch_session::FetchTarget;
use crate::purgatory::DelayedFetch;

/// From this version on topics come by their ids.
const TOPIC_IDS_FROM: i16 = 13;
/// From this version on an error says who leads instead (KIP-951).
const LEADER_HINT_FROM: i16 = 16;
const READ_COMMITTED: i8 = 1;

pub(crate) async fn handle(context: &RequestContext<'_>, request: FetchRequest) -> FetchResponse {
    let uses_topic_ids = context.api_version >= TOPIC_IDS_FROM;
    let now_ms = context.cluster.clock.now_ms();
    let begun = context.node.fetch_sessions().begin(&request, uses_topic_ids, now_ms);
    let (session, targets) = match begun {
        Ok(begun) => begun,
        Err(error) => return FetchResponse { error_code: error.code(), ..Default::default() },
    };
    let mut answers = read_or_wait(context, &request, targets).await;
    let random = &context.node.session_random;
    let session_id = context.node.fetch_sessions().finish(session, uses_topic_ids, &mut answers, random, now_ms);
    respond(context, session_id, answers)
}

/// One pass over all partitions.
struct Pass {
    answers: Vec<(FetchTarget, PartitionData)>,
    /// The partitions that could be read, with their topics and ends, in the order of the answers.
    seen: Vec<(Arc<Topic>, i32, i64)>,
    bytes: usize,
    /// An error or a diverging epoch, which nobody should wait to hear.
    urgent: bool,
}

async fn read_or_wait(
    context: &RequestContext<'_>,
    request: &FetchRequest,
    targets: Vec<FetchTarget>,
) -> Vec<(FetchTarget, PartitionData)> {
    let min_bytes = usize::try_from(request.min_bytes).unwrap_or(0);
    let max_wait = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0));
    let mut pass = read_all(context, request, targets);
    let answer_now = |pass: &Pass| pass.urgent || pass.answers.is_empty() || pass.bytes >= min_bytes;
    if max_wait.is_zero() || answer_now(&pass) {
        return pass.answers;
    }
    let timeout = tokio::time::sleep(max_wait);
    let mut timeout = std::pin::pin!(timeout);
    loop {
        let missing = i64::try_from(min_bytes - pass.bytes).unwrap_or(i64::MAX);
        let delayed = DelayedFetch::new(missing);
        let watching = pass.seen.iter().all(|(topic, partition, end)| {
            topic.partition(*partition).is_some_and(|partition| partition.lock().watch(&delayed, *end))
        });
        let timed_out = watching
            && tokio::select! {
                biased;
                () = delayed.woken() => false,
                () = &mut timeout => true,
            };
        let targets = pass.answers.into_iter().map(|(target, _)| target).collect();
        pass = read_all(context, request, targets);
        // Bytes that came, but that max_bytes keeps out of the answer, are no reason to wait longer: more of them would not help.
        if timed_out || watching || answer_now(&pass) {
            return pass.answers;
        }
    }
}

fn read_all(context: &RequestContext<'_>, request: &FetchRequest, targets: Vec<FetchTarget>) -> Pass {
    let largest = usize::try_from(context.cluster.config.number("fetch.max.bytes")).unwrap_or(usize::MAX);
    let mut room = usize::try_from(request.max_bytes).unwrap_or(0).min(largest);
    let mut pass =
        Pass { answers: Vec::with_capacity(targets.len()), seen: Vec::with_capacity(targets.len()), bytes: 0, urgent: false };
    for target in targets {
        let mut data = PartitionData { partition_index: target.partition, records: Some(Records::new()), ..Default::default() };
        // The first batch is returned even if it is larger than allowed; else the consumer could never get past it.
        let at_least_one = pass.bytes == 0;
        match read(context, &target, room, at_least_one, &mut data) {
            Ok((topic, size)) => {
                pass.bytes += size;
                room = room.saturating_sub(size);
                pass.urgent |= data.diverging_epoch.epoch >= 0;
                pass.seen.push((topic, target.partition, data.high_watermark));
                if request.isolation_level == READ_COMMITTED {
                    data.aborted_transactions = Some(Vec::new());
                }
            }
            Err(error) => {
                data.error_code = error.code();
                data.high_watermark = -1;
                pass.urgent = true;
            }
        }
        pass.answers.push((target, data));
    }
    pass
}

fn read(
    context: &RequestContext<'_>,
    target: &FetchTarget,
    room: usize,
    at_least_one: bool,
    data: &mut PartitionData,
) -> Result<(Arc<Topic>, usize), ErrorCode> {
    let by_id = context.api_version >= TOPIC_IDS_FROM;
    let found = if by_id { context.cluster.topic_by_id(&target.topic_id) } else { context.cluster.topic(&target.topic) };
    let topic = found?;
    let partition = topic.partition(target.partition).ok_or(ErrorCode::UnknownTopicOrPartition)?.lock();
    if let Err(error) = partition.check_epoch(target.current_leader_epoch) {
        if error == ErrorCode::FencedLeaderEpoch && context.api_version >= LEADER_HINT_FROM {
            data.current_leader =
                LeaderIdAndEpoch { leader_id: NODE_ID, leader_epoch: partition.leader_epoch(), ..Default::default() };
        }
        return Err(error);
    }
    let log = &partition.log;
    let (start, end) = (log.log_start_offset(), log.log_end_offset());
    let mut diverges = false;
    if target.last_fetched_epoch >= 0 {
        let (epoch, end_offset) = log.end_offset_for_epoch(target.last_fetched_epoch);
        if epoch < 0 || end_offset < 0 {
            return Err(ErrorCode::OffsetOutOfRange);
        }
        if epoch < target.last_fetched_epoch || end_offset < target.fetch_offset {
            data.diverging_epoch = EpochEndOffset { epoch, end_offset, ..Default::default() };
            diverges = true;
        }
    }
    let mut size = 0;
    if !diverges {
        if target.fetch_offset < start || target.fetch_offset > end {
            return Err(ErrorCode::OffsetOutOfRange);
        }
        let max_bytes = usize::try_from(target.max_bytes).unwrap_or(0).min(room);
        let read = log.read(target.fetch_offset, max_bytes, at_least_one).map_err(|_| ErrorCode::KafkaStorageError)?;
        size = read.size;
        data.records = Some(read.records);
    }
    data.high_watermark = end;
    data.last_stable_offset = end;
    data.log_start_offset = start;
    drop(partition);
    Ok((topic, size))
}

fn respond(context: &RequestContext<'_>, session_id: i32, answers: Vec<(FetchTarget, PartitionData)>) -> FetchResponse {
    let mut response = FetchResponse { session_id, ..Default::default() };
    if answers.iter().any(|(_, data)| data.current_leader.leader_id >= 0) {
        let (host, port) = context.endpoint(context.node);
        response.node_endpoints =
            vec![NodeEndpoint { node_id: NODE_ID, host, port, rack: context.node.rack.clone(), ..Default::default() }];
    }
    for (target, data) in answers {
        match response.responses.last_mut() {
            Some(topic) if topic.topic == target.topic && topic.topic_id == target.topic_id => topic.partitions.push(data),
            _ => response.responses.push(FetchableTopicResponse {
                topic: target.topic,
                topic_id: target.topic_id,
                partitions: vec![data],
                ..Default::default()
            }),
        }
    }
    response
}
