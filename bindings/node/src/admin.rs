//! Topics and the cluster.

use napi_derive::napi;
use ottla::{Client, Error, ErrorCode, NewTopic, TopicDescription};

use crate::handles;
use crate::value::Value;
use crate::{Answer, answer, error};

pub(crate) fn client(client: u32) -> Result<Client, Error> {
    let handle = handles::client(client).ok_or_else(|| error::closed("the client is closed"))?;
    handle.get().cloned()
}

/// Creates a topic; -1 is the broker's default. `configs` are name, value, name, value.
#[napi(catch_unwind, ts_return_type = "Promise<void>")]
pub fn admin_create_topic(
    client_id: u32,
    name: String,
    partitions: i32,
    replication_factor: i32,
    configs: Vec<String>,
) -> napi::Result<Answer> {
    answer(async move {
        let factor = i16::try_from(replication_factor).unwrap_or(i16::MAX);
        let mut topic = NewTopic::new(name).partitions(partitions).replication_factor(factor);
        for pair in configs.chunks_exact(2) {
            if let [name, value] = pair {
                topic = topic.config(name, value);
            }
        }
        client(client_id)?.admin().create_topic(topic).await.map(|_| Value::Undefined)
    })
}

/// Deletes a topic.
#[napi(catch_unwind, ts_return_type = "Promise<void>")]
pub fn admin_delete_topic(client_id: u32, name: String) -> napi::Result<Answer> {
    answer(async move { client(client_id)?.admin().delete_topic(&name).await.map(|()| Value::Undefined) })
}

/// The names of all topics.
#[napi(catch_unwind, ts_return_type = "Promise<string[]>")]
pub fn admin_list_topics(client_id: u32) -> napi::Result<Answer> {
    answer(async move {
        let names = client(client_id)?.admin().list_topics().await?;
        Ok(Value::list(names.into_iter().map(Value::Text)))
    })
}

fn description(topic: TopicDescription) -> Value {
    let partitions = topic.partitions.into_iter().map(|partition| {
        Value::Object(vec![
            // Kafka's LEADER_NOT_AVAILABLE, where there is none.
            ("partitionErrorCode", partition.leader.map_or(5, |_| 0).into()),
            ("partitionId", partition.partition.into()),
            ("leader", partition.leader.unwrap_or(-1).into()),
            ("replicas", partition.replicas.into()),
            ("isr", partition.isr.into()),
            ("offlineReplicas", Value::List(Vec::new())),
        ])
    });
    Value::Object(vec![("name", topic.name.into()), ("partitions", Value::list(partitions))])
}

/// A topic with its partitions.
#[napi(catch_unwind, ts_return_type = "Promise<object>")]
pub fn admin_describe_topic(client_id: u32, name: String) -> napi::Result<Answer> {
    answer(async move { client(client_id)?.admin().describe_topic(&name).await.map(description) })
}

/// Whether topics can be read: fails with what is wrong with the first of them that can't. Those that are not there may be created
/// by being asked for.
#[napi(catch_unwind, ts_return_type = "Promise<void>")]
pub fn admin_check_topics(client_id: u32, names: Vec<String>, create: bool) -> napi::Result<Answer> {
    answer(async move {
        let admin = client(client_id)?.admin();
        let found = if create { admin.describe_or_create_topics(names).await } else { admin.describe_topics(names).await }?;
        let failed =
            found.into_values().filter_map(Result::err).find(|error| error.code() != Some(ErrorCode::LeaderNotAvailable));
        failed.map_or(Ok(Value::Undefined), Err)
    })
}

/// The cluster with its brokers.
#[napi(catch_unwind, ts_return_type = "Promise<object>")]
pub fn admin_describe_cluster(client_id: u32) -> napi::Result<Answer> {
    answer(async move {
        let cluster = client(client_id)?.admin().describe_cluster().await?;
        let brokers = cluster.brokers.into_iter().map(|broker| {
            Value::Object(vec![("nodeId", broker.id.into()), ("host", broker.host.as_str().into()), ("port", broker.port.into())])
        });
        let controller = if cluster.controller < 0 { Value::Null } else { cluster.controller.into() };
        Ok(Value::Object(vec![
            ("brokers", Value::list(brokers)),
            ("controller", controller),
            ("clusterId", cluster.cluster_id.into()),
        ]))
    })
}

/// First offset and end of each of a topic's partitions.
#[napi(catch_unwind, ts_return_type = "Promise<object>")]
pub fn admin_topic_offsets(client_id: u32, topic: String) -> napi::Result<Answer> {
    answer(async move {
        let client = client(client_id)?;
        let described = client.admin().describe_topic(&topic).await?;
        let consumer = client.consumer()?;
        let mut offsets = Vec::new();
        for partition in described.partitions {
            let (low, high) = consumer.watermarks(&topic, partition.partition).await?;
            offsets.push(Value::Object(vec![
                ("partition", partition.partition.into()),
                ("offset", Value::offset(high)),
                ("high", Value::offset(high)),
                ("low", Value::offset(low)),
            ]));
        }
        Ok(Value::List(offsets))
    })
}

/// Of each of a topic's partitions, the first offset with a timestamp (ms) or a later one; its end where there is none.
#[napi(catch_unwind, ts_return_type = "Promise<object>")]
pub fn admin_topic_offsets_at(client_id: u32, topic: String, timestamp: i64) -> napi::Result<Answer> {
    answer(async move {
        let client = client(client_id)?;
        let described = client.admin().describe_topic(&topic).await?;
        let consumer = client.consumer()?;
        let times = described.partitions.iter().map(|partition| (&topic, partition.partition, timestamp));
        let mut offsets = Vec::new();
        for (key, found) in consumer.offsets_for_times(times).await? {
            let offset = match found {
                Some(found) => found.offset,
                None => consumer.watermarks(&topic, key.partition).await?.1,
            };
            offsets.push(Value::Object(vec![("partition", key.partition.into()), ("offset", Value::offset(offset))]));
        }
        Ok(Value::List(offsets))
    })
}
