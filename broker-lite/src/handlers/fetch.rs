//! Fetch, versions 4 to 18, with sessions. Waits end by events.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ottla_protocol::messages::fetch::{
    EpochEndOffset, FetchRequest, FetchResponse, FetchableTopicResponse, LeaderIdAndEpoch, NodeEndpoint, PartitionData,
};
use ottla_protocol::{ErrorCode, Records};

use crate::cluster::Topic;
use crate::dispatch::RequestContext;
use crate::fetch_session::FetchTarget;
use crate::log::Log;
use crate::partition::PartitionState;
use crate::purgatory::DelayedFetch;

/// From this version on topics come by their ids.
const TOPIC_IDS_FROM: i16 = 13;
/// From this version on an error says who leads instead (KIP-951).
const LEADER_HINT_FROM: i16 = 16;
/// From this version on followers answer too (KIP-392).
const FOLLOWERS_FROM: i16 = 11;
const READ_COMMITTED: i8 = 1;
/// Where a batch header has its CRC.
const CRC_AT: usize = 17;
/// Errors that a response has one place for.
const WHOLE_RESPONSE: [ErrorCode; 3] =
    [ErrorCode::FetchSessionIdNotFound, ErrorCode::InvalidFetchSessionEpoch, ErrorCode::FetchSessionTopicIdError];

pub(crate) async fn handle(context: &RequestContext<'_>, request: FetchRequest) -> FetchResponse {
    let uses_topic_ids = context.api_version >= TOPIC_IDS_FROM;
    let now_ms = context.cluster.clock.now_ms();
    let begun = context.node.fetch_sessions().begin(&request, uses_topic_ids, now_ms);
    let (session, targets) = match begun {
        Ok(begun) => begun,
        Err(error) => return FetchResponse { error_code: error.code(), ..Default::default() },
    };
    if let Some(error) = context.verdict.error_of(&WHOLE_RESPONSE) {
        return FetchResponse { error_code: error.code(), ..Default::default() };
    }
    let mut answers = read_or_wait(context, &request, targets).await;
    let random = &context.node.session_random;
    spoil(context, &mut answers);
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
            topic.partition(*partition).is_some_and(|partition| partition.lock().watch(&delayed, context.node.id, *end))
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
        match read(context, request, &target, Room { bytes: room, at_least_one }, &mut data) {
            Ok(Seen { topic, visible_end, size }) => {
                pass.bytes += size;
                room = room.saturating_sub(size);
                pass.urgent |= data.diverging_epoch.epoch >= 0 || data.preferred_read_replica >= 0;
                pass.seen.push((topic, target.partition, visible_end));
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

/// Gives the batches a wrong CRC that a fault says it of.
fn spoil(context: &RequestContext<'_>, answers: &mut [(FetchTarget, PartitionData)]) {
    for (target, data) in answers {
        let Some(records) = data.records.as_ref().filter(|records| !records.is_empty()) else { continue };
        let by_id = || context.cluster.topic_by_id(&target.topic_id).map(|topic| topic.name.clone()).unwrap_or_default();
        let name = if target.topic.is_empty() { by_id() } else { target.topic.clone() };
        if context.spoils_crc(&name, target.partition) {
            data.records = Some(with_wrong_crc(records));
        }
    }
}

/// The first of the ranges is a batch.
fn with_wrong_crc(records: &Records) -> Records {
    let mut parts = records.parts().iter();
    let mut first = parts.next().map(|batch| batch.to_vec()).unwrap_or_default();
    if let Some(byte) = first.get_mut(CRC_AT) {
        *byte ^= 0xff;
    }
    std::iter::once(first.into()).chain(parts.cloned()).collect()
}

/// How much may be read.
#[derive(Clone, Copy)]
struct Room {
    bytes: usize,
    at_least_one: bool,
}

/// What was found in one partition.
struct Seen {
    topic: Arc<Topic>,
    /// Up to where a consumer may read at this broker.
    visible_end: i64,
    size: usize,
}

fn read(
    context: &RequestContext<'_>,
    request: &FetchRequest,
    target: &FetchTarget,
    room: Room,
    data: &mut PartitionData,
) -> Result<Seen, ErrorCode> {
    let by_id = context.api_version >= TOPIC_IDS_FROM;
    let found = if by_id { context.cluster.topic_by_id(&target.topic_id) } else { context.cluster.topic(&target.topic) };
    let topic = found?;
    if let Some(error) = context.verdict.read_error(&topic.name, target.partition) {
        return Err(error);
    }
    let partition = topic.partition(target.partition).ok_or(ErrorCode::UnknownTopicOrPartition)?.lock();
    let (visible_end, end) = match check_role(context, &partition, target.current_leader_epoch) {
        Ok(ends) => ends,
        Err(error) => {
            let hint = matches!(error, ErrorCode::FencedLeaderEpoch | ErrorCode::NotLeaderOrFollower);
            if hint && context.api_version >= LEADER_HINT_FROM {
                let (leader_id, leader_epoch) = (partition.leader(), partition.leader_epoch());
                data.current_leader = LeaderIdAndEpoch { leader_id, leader_epoch, ..Default::default() };
            }
            return Err(error);
        }
    };
    let log = &partition.log;
    data.high_watermark = visible_end;
    data.last_stable_offset = visible_end;
    data.log_start_offset = log.log_start_offset();
    let mut size = 0;
    if let Some(diverging) = diverging_epoch(log, target)? {
        data.diverging_epoch = diverging;
    } else if let Some(preferred) = preferred_read_replica(context, request, &partition, target.fetch_offset) {
        data.preferred_read_replica = preferred;
    } else {
        if target.fetch_offset < log.log_start_offset() || target.fetch_offset > end {
            return Err(ErrorCode::OffsetOutOfRange);
        }
        let max_bytes = usize::try_from(target.max_bytes).unwrap_or(0).min(room.bytes);
        let read = log.read(target.fetch_offset, visible_end, max_bytes, room.at_least_one);
        let read = read.map_err(|_| ErrorCode::KafkaStorageError)?;
        size = read.size;
        data.records = Some(read.records);
    }
    drop(partition);
    Ok(Seen { topic, visible_end, size })
}

/// Up to which offset a consumer may read at this broker, and where its copy of the log ends. Older clients read from the leader only.
fn check_role(context: &RequestContext<'_>, partition: &PartitionState, known_epoch: i32) -> Result<(i64, i64), ErrorCode> {
    let ends = partition.check_replica(context.node.id, known_epoch)?;
    if context.api_version < FOLLOWERS_FROM && partition.leader() != context.node.id {
        return Err(ErrorCode::NotLeaderOrFollower);
    }
    Ok(ends)
}

/// Where the log parted from the one that the client read from, if it did (KIP-320).
fn diverging_epoch(log: &Log, target: &FetchTarget) -> Result<Option<EpochEndOffset>, ErrorCode> {
    if target.last_fetched_epoch < 0 {
        return Ok(None);
    }
    let (epoch, end_offset) = log.end_offset_for_epoch(target.last_fetched_epoch);
    if epoch < 0 || end_offset < 0 {
        return Err(ErrorCode::OffsetOutOfRange);
    }
    let diverges = epoch < target.last_fetched_epoch || end_offset < target.fetch_offset;
    Ok(diverges.then_some(EpochEndOffset { epoch, end_offset, ..Default::default() }))
}

/// The broker that the client had better ask (KIP-392). Only the leader knows.
fn preferred_read_replica(
    context: &RequestContext<'_>,
    request: &FetchRequest,
    partition: &PartitionState,
    fetch_offset: i64,
) -> Option<i32> {
    let asked = context.api_version >= FOLLOWERS_FROM && !request.rack_id.is_empty();
    if !asked || partition.leader() != context.node.id || !context.cluster.config.selects_replicas_by_rack() {
        return None;
    }
    let in_rack = |id: i32| context.cluster.node(id).is_some_and(|node| node.rack.as_ref() == Some(&request.rack_id));
    partition.preferred_read_replica(fetch_offset, in_rack)
}

fn respond(context: &RequestContext<'_>, session_id: i32, answers: Vec<(FetchTarget, PartitionData)>) -> FetchResponse {
    let mut response = FetchResponse { session_id, ..Default::default() };
    let leaders: BTreeSet<i32> = answers.iter().map(|(_, data)| data.current_leader.leader_id).collect();
    for node in leaders.into_iter().filter_map(|id| context.cluster.node(id)) {
        let (host, port) = context.endpoint(node);
        let rack = node.rack.clone();
        response.node_endpoints.push(NodeEndpoint { node_id: node.id, host, port, rack, ..Default::default() });
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
