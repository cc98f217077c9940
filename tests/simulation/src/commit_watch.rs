//! Looks at every OffsetCommit on its way to a coordinator and back.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use ottla_broker::Broker;
use ottla_protocol::frame::{decode_request_header, decode_response_header};
use ottla_protocol::messages::{OffsetCommitRequest, OffsetCommitResponse};
use ottla_protocol::{ApiKey, Decode, Reader};

use crate::group_history::topic_number;
use crate::history::Place;
use crate::run::World;

/// A commit that is not answered.
struct Asked {
    version: i16,
    group: String,
    generation: i32,
    member_id: String,
    offsets: Vec<(Place, i64)>,
    /// What was wrong with it already when it came to the broker.
    late: Option<String>,
}

pub(crate) struct CommitWatch {
    world: Arc<World>,
    broker: Arc<Broker>,
    asked: Mutex<BTreeMap<(u64, i32), Asked>>,
}

impl CommitWatch {
    pub(crate) fn new(world: Arc<World>, broker: Arc<Broker>) -> Self {
        Self { world, broker, asked: Mutex::default() }
    }

    fn asked(&self) -> std::sync::MutexGuard<'_, BTreeMap<(u64, i32), Asked>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A client has sent a commit.
    pub(crate) fn sent(&self, link: u64, frame: &Bytes) {
        let mut reader = Reader::new(frame.slice(4..));
        let header = decode_request_header(&mut reader).expect("a client's own header");
        let version = header.api_version;
        let request = OffsetCommitRequest::decode(&mut reader, version).expect("a client's own request");
        let mut offsets = Vec::new();
        for topic in &request.topics {
            for partition in &topic.partitions {
                offsets.push(((topic_number(&topic.name), partition.partition_index), partition.committed_offset));
            }
        }
        let group = request.group_id.to_string();
        let (generation, member_id) = (request.generation_id_or_member_epoch, request.member_id.to_string());
        self.world.history().commit_is_sent(topic_number(&group), &member_id, generation, &offsets);
        let asked = Asked { version, group, generation, member_id, offsets, late: None };
        self.asked().insert((link, header.correlation_id), asked);
    }

    /// It comes to the broker now.
    pub(crate) fn arrives(&self, link: u64, frame: &[u8]) {
        let Some(id) = frame.get(8..12).map(|id| i32::from_be_bytes(id.try_into().unwrap())) else { return };
        if let Some(asked) = self.asked().get_mut(&(link, id))
            // A broker that is cut off sees to it later.
            && let Some(group) = self.broker.group_status(&asked.group).filter(|group| group.coordinator.is_some())
        {
            let known = group.members.iter().any(|member| member.id == asked.member_id);
            if group.generation > asked.generation {
                asked.late = Some(format!("of generation {} came in generation {}", asked.generation, group.generation));
            } else if !known {
                asked.late = Some(format!("came of {}, which is no member any more ({group:?}),", asked.member_id));
            }
        }
    }

    /// It is answered. The answer may have been damaged on purpose.
    pub(crate) fn answered(&self, link: u64, frame: &Bytes) {
        let Some(id) = frame.get(4..8).map(|id| i32::from_be_bytes(id.try_into().unwrap())) else { return };
        let Some(asked) = self.asked().remove(&(link, id)) else { return };
        let mut reader = Reader::new(frame.slice(4..));
        let response = decode_response_header(&mut reader, ApiKey::OffsetCommit, asked.version)
            .and_then(|_| OffsetCommitResponse::decode(&mut reader, asked.version));
        let Ok(response) = response else { return };
        let mut history = self.world.history();
        let mut any = false;
        for topic in &response.topics {
            for partition in topic.partitions.iter().filter(|partition| partition.error_code == 0) {
                any = true;
                let place = (topic_number(&topic.name), partition.partition_index);
                if let Some((_, offset)) = asked.offsets.iter().find(|(of, _)| *of == place) {
                    history.commit_is_accepted(topic_number(&asked.group), place, *offset);
                }
            }
        }
        match asked.late {
            Some(late) if any => history.mismatch(format!("a commit that {late} was accepted")),
            Some(_) => history.groups.checked.refused_commits += 1,
            None => {}
        }
    }
}
