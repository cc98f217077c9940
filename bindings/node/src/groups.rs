//! Groups, and what they have committed.

use std::collections::BTreeMap;

use napi_derive::napi;
use ottla::{Error, ErrorCode, GroupDescription, GroupFilter, ListGroupOffsetsSpec, OffsetAndMetadata, Text, TopicPartition};

use crate::admin::client;
use crate::consumer::offsets_of;
use crate::value::Value;
use crate::{Answer, answer};

/// All groups.
#[napi(catch_unwind, ts_return_type = "Promise<object>")]
pub fn admin_list_groups(client_id: u32) -> napi::Result<Answer> {
    answer(async move {
        let groups = client(client_id)?.admin().list_groups(&GroupFilter::default()).await?.all()?;
        Ok(Value::list(
            groups.into_iter().map(|group| {
                Value::Object(vec![("groupId", group.group_id.into()), ("protocolType", group.protocol_type.into())])
            }),
        ))
    })
}

fn description(group: GroupDescription) -> Value {
    let members = group.members.into_iter().map(|member| {
        Value::Object(vec![
            ("memberId", member.member_id.into()),
            ("clientId", member.client_id.into()),
            ("clientHost", member.host.into()),
            ("memberMetadata", Value::Bytes(member.metadata_bytes)),
            ("memberAssignment", Value::Bytes(member.assignment_bytes)),
        ])
    });
    Value::Object(vec![
        ("errorCode", 0.into()),
        ("groupId", group.group_id.into()),
        ("state", group.state.to_string().into()),
        ("protocolType", group.protocol_type.into()),
        ("protocol", group.assignor.into()),
        ("members", Value::list(members)),
    ])
}

/// How brokers told of a group that is not there, before they had an error for it.
fn dead(group: String) -> Value {
    Value::Object(vec![
        ("errorCode", 0.into()),
        ("groupId", group.into()),
        ("state", "Dead".into()),
        ("protocolType", "".into()),
        ("protocol", "".into()),
        ("members", Value::List(Vec::new())),
    ])
}

/// Groups with their members, in the order of the names; the first error.
#[napi(catch_unwind, ts_return_type = "Promise<object>")]
pub fn admin_describe_groups(client_id: u32, groups: Vec<String>) -> napi::Result<Answer> {
    answer(async move {
        let described = client(client_id)?.admin().describe_groups(groups, false).await?;
        let all = described.into_iter().map(|(name, group)| match group {
            Ok(group) => Ok(description(group)),
            Err(error) if error.code() == Some(ErrorCode::GroupIdNotFound) => Ok(dead(name)),
            Err(error) => Err(error),
        });
        Ok(Value::List(all.collect::<Result<_, Error>>()?))
    })
}

/// Deletes groups: of each its error, or `null`, in the order of the names.
#[napi(catch_unwind, ts_return_type = "Promise<object>")]
pub fn admin_delete_groups(client_id: u32, groups: Vec<String>) -> napi::Result<Answer> {
    answer(async move {
        let deleted = client(client_id)?.admin().delete_groups(groups).await?;
        Ok(Value::list(deleted.into_iter().map(|(group, result)| {
            let error = result.err().map_or(Value::Null, Value::Error);
            Value::Object(vec![("groupId", group.into()), ("error", error)])
        })))
    })
}

fn offset_value(key: &TopicPartition, committed: Option<OffsetAndMetadata>) -> Value {
    let (offset, metadata) = committed.map_or((-1, Text::default()), |committed| (committed.offset, committed.metadata));
    let metadata = if metadata.is_empty() { Value::Null } else { metadata.as_str().into() };
    Value::Object(vec![
        ("topic", key.topic.as_str().into()),
        ("partition", key.partition.into()),
        ("offset", Value::offset(offset)),
        ("metadata", metadata),
    ])
}

/// What a group has committed: of all partitions of these topics (-1 where it has nothing), or, without topics, all that it has.
#[napi(catch_unwind, ts_return_type = "Promise<object>")]
pub fn admin_fetch_offsets(client_id: u32, group: String, topics: Vec<String>) -> napi::Result<Answer> {
    answer(async move {
        let admin = client(client_id)?.admin();
        let spec = if topics.is_empty() {
            ListGroupOffsetsSpec::all(&group)
        } else {
            let mut partitions = Vec::new();
            for topic in &topics {
                let described = admin.describe_topic(topic).await?.partitions;
                partitions.extend(described.iter().map(|one| TopicPartition::new(topic.as_str(), one.partition)));
            }
            ListGroupOffsetsSpec::partitions(&group, partitions)
        };
        let mut offsets = Vec::new();
        for of_group in admin.list_group_offsets([spec], false).await?.into_values() {
            for (key, committed) in of_group? {
                offsets.push(offset_value(&key, committed?));
            }
        }
        Ok(Value::List(offsets))
    })
}

/// Commits offsets in the name of a group without members: topic, partition, offset, metadata, and so on.
#[napi(catch_unwind, ts_return_type = "Promise<void>")]
pub fn admin_set_offsets(client_id: u32, group: String, offsets: Vec<String>) -> napi::Result<Answer> {
    answer(async move {
        let offsets: BTreeMap<_, _> = offsets_of(&offsets)?;
        for altered in client(client_id)?.admin().alter_group_offsets(&group, offsets).await?.into_values() {
            altered?;
        }
        Ok(Value::Undefined)
    })
}
