//! `sticky`: as even as possible, and with that as few partitions as possible move.

use bytes::{BufMut, Bytes, BytesMut};
use ottla_protocol::{DecodeError, Reader, Text, read_array_len};

use super::balance::balanced;
use super::claims::{Claim, owners};
use super::{GroupAssignment, GroupTopics, LastAssignment, MemberSubscription, PartitionAssignor};
use crate::consumer::TopicPartition;
use crate::group::partitions_by_topic;

/// Kafka's StickyAssignor, for the eager protocol: each member tells in its user data what it read before it gave everything up.
/// Members read from replicas in their own rack where that does not cost evenness (KIP-881).
#[derive(Clone, Copy, Debug, Default)]
pub struct StickyAssignor;

impl PartitionAssignor for StickyAssignor {
    fn name(&self) -> &str {
        "sticky"
    }

    fn subscription_user_data(&self, _topics: &[Text], last: &LastAssignment) -> Option<Bytes> {
        encode_user_data(last.partitions.as_ref()?, last.generation)
    }

    fn assign(&self, topics: &GroupTopics, members: &[MemberSubscription]) -> GroupAssignment {
        let claims: Vec<Claim> = members.iter().map(|member| claim(member.user_data.as_ref())).collect();
        balanced(topics, members, &owners(topics, members, &claims))
    }
}

/// As StickyAssignor writes it (version 1): the topics with their partitions, then the generation.
fn encode_user_data(partitions: &[TopicPartition], generation: i32) -> Option<Bytes> {
    let topics = partitions_by_topic(partitions);
    let mut bytes = BytesMut::new();
    bytes.put_i32(i32::try_from(topics.len()).ok()?);
    for (topic, partitions) in topics {
        bytes.put_i16(i16::try_from(topic.len()).ok()?);
        bytes.put_slice(topic.as_bytes());
        bytes.put_i32(i32::try_from(partitions.len()).ok()?);
        for partition in partitions {
            bytes.put_i32(partition);
        }
    }
    bytes.put_i32(generation);
    Some(bytes.freeze())
}

/// User data that can't be read claims nothing: the member then counts as new.
fn claim(user_data: Option<&Bytes>) -> Claim {
    user_data.and_then(|bytes| decode_user_data(bytes).ok()).unwrap_or(Claim { partitions: Vec::new(), generation: -1 })
}

fn decode_user_data(bytes: &Bytes) -> Result<Claim, DecodeError> {
    let mut reader = Reader::new(bytes.clone());
    let mut partitions = Vec::new();
    for _ in 0..read_array_len(&mut reader, false)?.unwrap_or(0) {
        let topic = reader.read_text(false)?.ok_or(DecodeError::UnexpectedNull("a topic"))?.detach();
        for _ in 0..read_array_len(&mut reader, false)?.unwrap_or(0) {
            partitions.push(TopicPartition { topic: topic.clone(), partition: reader.read_i32()? });
        }
    }
    // Version 0 ends before the generation.
    let generation = if reader.remaining() == 0 { -1 } else { reader.read_i32()? };
    Ok(Claim { partitions, generation })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_data_is_as_java_writes_it() {
        let last = LastAssignment {
            partitions: Some(vec![TopicPartition::new("t", 0), TopicPartition::new("t", 2)]),
            generation: 5,
            user_data: None,
        };
        let bytes = StickyAssignor.subscription_user_data(&[], &last).unwrap();
        let expected = [0, 0, 0, 1, 0, 1, b't', 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 5];
        assert_eq!(bytes, Bytes::copy_from_slice(&expected));
        let read = decode_user_data(&bytes).unwrap();
        assert_eq!((read.partitions, read.generation), (last.partitions.unwrap(), 5));
        let oldest = decode_user_data(&bytes.slice(..19)).unwrap();
        assert_eq!((oldest.partitions.len(), oldest.generation), (2, -1));
        assert_eq!(StickyAssignor.subscription_user_data(&[], &LastAssignment::default()), None);
    }

    #[test]
    fn user_data_that_lies_claims_nothing() {
        for bytes in [&[127, 255, 255, 255][..], &[0, 0, 0, 1, 0, 1], &[0, 0, 0, 1, 0, 1, b't', 127, 0, 0, 0], &[9]] {
            assert!(claim(Some(&Bytes::copy_from_slice(bytes))).partitions.is_empty());
        }
    }
}
