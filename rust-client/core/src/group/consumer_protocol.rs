//! The bytes that members of a consumer group exchange through the coordinator, which does not look into them: a version, then
//! ConsumerProtocolSubscription or ConsumerProtocolAssignment.

use bytes::{Bytes, BytesMut};
use ottla_protocol::messages::{ConsumerProtocolAssignment, ConsumerProtocolSubscription};
use ottla_protocol::messages::{consumer_protocol_assignment, consumer_protocol_subscription};
use ottla_protocol::{Decode, DecodeError, Encode, EncodeError, Reader, Text, WireBuf};

use super::assignor::{MemberAssignment, MemberSubscription};
use crate::consumer::TopicPartition;

/// The newest version that is written; a newer one is read as this, since versions only ever append fields.
const VERSION: i16 = 3;

/// What a member tells the leader, as JoinGroup carries it.
///
/// # Errors
/// If a topic's name or the user data is too long for the wire.
pub fn encode_subscription(subscription: &MemberSubscription) -> Result<Bytes, EncodeError> {
    let owned_partitions = partitions_by_topic(&subscription.owned_partitions)
        .into_iter()
        .map(|(topic, partitions)| consumer_protocol_subscription::TopicPartition {
            topic,
            partitions,
            ..consumer_protocol_subscription::TopicPartition::default()
        })
        .collect();
    let message = ConsumerProtocolSubscription {
        topics: subscription.topics.clone(),
        user_data: subscription.user_data.clone(),
        owned_partitions,
        generation_id: subscription.generation,
        rack_id: subscription.rack.clone(),
        ..ConsumerProtocolSubscription::default()
    };
    encode(&message)
}

/// What a member told the leader. The member's ids stand beside it in JoinGroup's answer.
///
/// # Errors
/// If the bytes are malformed.
pub fn decode_subscription(
    member_id: Text,
    group_instance_id: Option<Text>,
    bytes: &Bytes,
) -> Result<MemberSubscription, DecodeError> {
    let message: ConsumerProtocolSubscription = decode(bytes)?;
    let owned = message.owned_partitions.into_iter().flat_map(|topic| {
        let name = topic.topic.detach();
        topic.partitions.into_iter().map(move |partition| TopicPartition { topic: name.clone(), partition })
    });
    Ok(MemberSubscription {
        member_id,
        group_instance_id,
        topics: message.topics.iter().map(Text::detach).collect(),
        owned_partitions: owned.collect(),
        generation: message.generation_id,
        rack: message.rack_id.filter(|rack| !rack.is_empty()).map(|rack| rack.detach()),
        user_data: message.user_data,
    })
}

/// What the leader tells a member, as SyncGroup carries it.
///
/// # Errors
/// If a topic's name or the user data is too long for the wire.
pub fn encode_assignment(assignment: &MemberAssignment) -> Result<Bytes, EncodeError> {
    let assigned_partitions = partitions_by_topic(&assignment.partitions)
        .into_iter()
        .map(|(topic, partitions)| consumer_protocol_assignment::TopicPartition {
            topic,
            partitions,
            ..consumer_protocol_assignment::TopicPartition::default()
        })
        .collect();
    let message = ConsumerProtocolAssignment {
        assigned_partitions,
        user_data: assignment.user_data.clone(),
        ..ConsumerProtocolAssignment::default()
    };
    encode(&message)
}

/// What the leader told a member. No bytes at all stand for no partitions: so a coordinator answers a member that the leader left
/// out.
///
/// # Errors
/// If the bytes are malformed.
pub fn decode_assignment(bytes: &Bytes) -> Result<MemberAssignment, DecodeError> {
    if bytes.is_empty() {
        return Ok(MemberAssignment::default());
    }
    let message: ConsumerProtocolAssignment = decode(bytes)?;
    let partitions = message.assigned_partitions.into_iter().flat_map(|topic| {
        let name = topic.topic.detach();
        topic.partitions.into_iter().map(move |partition| TopicPartition { topic: name.clone(), partition })
    });
    Ok(MemberAssignment { partitions: partitions.collect(), user_data: message.user_data })
}

/// Partitions in their topics, in the order in which the topics come first.
#[must_use]
pub fn partitions_by_topic(partitions: &[TopicPartition]) -> Vec<(Text, Vec<i32>)> {
    let mut topics: Vec<(Text, Vec<i32>)> = Vec::new();
    let mut places = std::collections::BTreeMap::<&Text, usize>::new();
    for TopicPartition { topic, partition } in partitions {
        let place = *places.entry(topic).or_insert_with(|| {
            topics.push((topic.clone(), Vec::new()));
            topics.len() - 1
        });
        if let Some((_, known)) = topics.get_mut(place) {
            known.push(*partition);
        }
    }
    topics
}

fn encode(message: &impl Encode) -> Result<Bytes, EncodeError> {
    let mut writer = WireBuf::new();
    writer.write_i16(VERSION);
    message.encode(&mut writer, VERSION)?;
    let mut whole = BytesMut::with_capacity(writer.len());
    for part in writer.finish() {
        whole.extend_from_slice(&part);
    }
    Ok(whole.freeze())
}

fn decode<M: Decode>(bytes: &Bytes) -> Result<M, DecodeError> {
    let mut reader = Reader::new(bytes.clone());
    let version = reader.read_i16()?;
    if version < 0 {
        return Err(DecodeError::UnsupportedVersion { message: "the consumer protocol", version });
    }
    M::decode(&mut reader, version.min(VERSION))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subscription() -> MemberSubscription {
        MemberSubscription {
            member_id: "m".into(),
            group_instance_id: Some("i".into()),
            topics: vec!["a".into(), "b".into()],
            owned_partitions: vec![TopicPartition::new("b", 3), TopicPartition::new("a", 0), TopicPartition::new("b", 1)],
            generation: 7,
            rack: Some("r".into()),
            user_data: Some(Bytes::from_static(b"mine")),
        }
    }

    #[test]
    fn a_subscription_comes_back() {
        let bytes = encode_subscription(&subscription()).unwrap();
        let read = decode_subscription("m".into(), Some("i".into()), &bytes).unwrap();
        let owned = vec![TopicPartition::new("b", 3), TopicPartition::new("b", 1), TopicPartition::new("a", 0)];
        assert_eq!(read, MemberSubscription { owned_partitions: owned, ..subscription() });
    }

    #[test]
    fn a_newer_version_is_read_as_far_as_it_is_known_and_an_older_one_has_less() {
        let mut newer = encode_subscription(&subscription()).unwrap().to_vec();
        newer[1] = 9;
        newer.extend_from_slice(b"what came later");
        assert_eq!(decode_subscription("m".into(), None, &newer.into()).unwrap().generation, 7);
        // Version 0, as clients of 2012 to 2019 write it: the topics and null user data.
        let oldest = Bytes::from_static(&[0, 0, 0, 0, 0, 1, 0, 1, b'a', 255, 255, 255, 255]);
        let read = decode_subscription("m".into(), None, &oldest).unwrap();
        assert_eq!((read.topics, read.generation, read.rack), (vec![Text::from("a")], -1, None));
    }

    #[test]
    fn an_assignment_comes_back_and_no_bytes_are_no_partitions() {
        let assignment =
            MemberAssignment { partitions: vec![TopicPartition::new("a", 0), TopicPartition::new("a", 5)], user_data: None };
        assert_eq!(decode_assignment(&encode_assignment(&assignment).unwrap()).unwrap(), assignment);
        assert_eq!(decode_assignment(&Bytes::new()).unwrap(), MemberAssignment::default());
    }

    #[test]
    fn what_is_cut_off_or_lies_is_refused() {
        let whole = encode_subscription(&subscription()).unwrap();
        for len in 0..whole.len() {
            assert!(decode_subscription("m".into(), None, &whole.slice(..len)).is_err(), "{len}");
        }
        let lying = Bytes::from_static(&[0, 1, 127, 255, 255, 255]);
        assert!(decode_subscription("m".into(), None, &lying).is_err());
        assert!(decode_assignment(&lying).is_err());
        assert!(decode_assignment(&Bytes::from_static(&[255, 255])).is_err());
    }
}
