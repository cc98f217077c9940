//! Topics: looked at, made, deleted.

use std::collections::BTreeMap;

use ottla_core::error::Error;
use ottla_protocol::messages::create_topics::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest};
use ottla_protocol::messages::delete_topics::{DeleteTopicState, DeleteTopicsRequest};
use ottla_protocol::messages::metadata::{MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseTopic};
use ottla_protocol::{Text, Uuid};

use super::{Admin, check, incomplete};
use crate::runtime::block_on;

/// A topic to make.
#[derive(Clone, Debug)]
pub struct NewTopic {
    name: String,
    partitions: i32,
    replication_factor: i16,
    configs: BTreeMap<String, String>,
}

impl NewTopic {
    /// A topic with the broker's default numbers of partitions and replicas.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), partitions: -1, replication_factor: -1, configs: BTreeMap::new() }
    }

    /// Sets the number of partitions.
    #[must_use]
    pub fn partitions(mut self, partitions: i32) -> Self {
        self.partitions = partitions;
        self
    }

    /// Sets the number of replicas of each partition.
    #[must_use]
    pub fn replication_factor(mut self, replicas: i16) -> Self {
        self.replication_factor = replicas;
        self
    }

    /// Sets a property of the topic, such as `retention.ms`.
    #[must_use]
    pub fn config(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.configs.insert(name.into(), value.into());
        self
    }
}

/// A topic as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicDescription {
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: Uuid,
    /// Whether it is one of Kafka's own.
    pub is_internal: bool,
    /// Its partitions in order.
    pub partitions: Vec<PartitionDescription>,
}

/// A partition as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionDescription {
    /// The partition.
    pub partition: i32,
    /// Its leader's broker id, `None` if it has none.
    pub leader: Option<i32>,
    /// The leader's epoch.
    pub leader_epoch: i32,
    /// All replicas' broker ids.
    pub replicas: Vec<i32>,
    /// Those in sync.
    pub isr: Vec<i32>,
}

impl Admin {
    /// Makes a topic.
    ///
    /// # Errors
    /// What the broker has against it, such as `TOPIC_ALREADY_EXISTS`.
    pub async fn create_topic(&self, topic: NewTopic) -> Result<Uuid, Error> {
        let tried = format!("while creating topic {}", topic.name);
        let configs = topic.configs.into_iter().map(|(name, value)| CreatableTopicConfig {
            name: Text::from(name),
            value: Some(Text::from(value)),
            ..CreatableTopicConfig::default()
        });
        let new = CreatableTopic {
            name: Text::from(topic.name.as_str()),
            num_partitions: topic.partitions,
            replication_factor: topic.replication_factor,
            configs: configs.collect(),
            ..CreatableTopic::default()
        };
        let request = CreateTopicsRequest { topics: vec![new], timeout_ms: self.timeout_ms(), ..CreateTopicsRequest::default() };
        let response = self.ask(request, true).await?;
        let result = response.topics.into_iter().next().ok_or_else(|| incomplete("CreateTopics"))?;
        check(result.error_code, result.error_message.as_ref(), &tried, &topic.name)?;
        Ok(result.topic_id)
    }

    /// [`Admin::create_topic`] for callers without an executor.
    ///
    /// # Errors
    /// As [`Admin::create_topic`].
    pub fn create_topic_blocking(&self, topic: NewTopic) -> Result<Uuid, Error> {
        block_on(self.create_topic(topic))
    }

    /// Deletes a topic.
    ///
    /// # Errors
    /// What the broker has against it, such as `UNKNOWN_TOPIC_OR_PARTITION`.
    pub async fn delete_topic(&self, name: &str) -> Result<(), Error> {
        let text = Text::from(name);
        let request = DeleteTopicsRequest {
            topics: vec![DeleteTopicState { name: Some(text.clone()), ..DeleteTopicState::default() }],
            topic_names: vec![text],
            timeout_ms: self.timeout_ms(),
            ..DeleteTopicsRequest::default()
        };
        let response = self.ask(request, true).await?;
        let result = response.responses.into_iter().next().ok_or_else(|| incomplete("DeleteTopics"))?;
        check(result.error_code, result.error_message.as_ref(), &format!("while deleting topic {name}"), name)
    }

    /// [`Admin::delete_topic`] for callers without an executor.
    ///
    /// # Errors
    /// As [`Admin::delete_topic`].
    pub fn delete_topic_blocking(&self, name: &str) -> Result<(), Error> {
        block_on(self.delete_topic(name))
    }

    pub(super) async fn metadata(
        &self,
        topics: Option<Vec<MetadataRequestTopic>>,
        allow_auto_topic_creation: bool,
    ) -> Result<MetadataResponse, Error> {
        let request = MetadataRequest { topics, allow_auto_topic_creation, ..MetadataRequest::default() };
        self.ask(request, false).await
    }

    async fn describe(
        &self,
        names: impl IntoIterator<Item = impl AsRef<str>>,
        allow_auto_topic_creation: bool,
    ) -> Result<BTreeMap<String, Result<TopicDescription, Error>>, Error> {
        let named = |name: Text| MetadataRequestTopic { name: Some(name), ..MetadataRequestTopic::default() };
        let topics: Vec<_> = names.into_iter().map(|name| named(Text::from(name.as_ref()))).collect();
        if topics.is_empty() {
            return Ok(BTreeMap::new());
        }
        Ok(descriptions(self.metadata(Some(topics), allow_auto_topic_creation).await?))
    }

    /// The names of all topics, Kafka's own included, in order.
    ///
    /// # Errors
    /// If no broker answered.
    pub async fn list_topics(&self) -> Result<Vec<String>, Error> {
        let response = self.metadata(None, false).await?;
        let mut names: Vec<String> =
            response.topics.into_iter().filter_map(|topic| topic.name.map(|name| name.to_string())).collect();
        names.sort_unstable();
        Ok(names)
    }

    /// [`Admin::list_topics`] for callers without an executor.
    ///
    /// # Errors
    /// As [`Admin::list_topics`].
    pub fn list_topics_blocking(&self) -> Result<Vec<String>, Error> {
        block_on(self.list_topics())
    }

    /// A topic with its partitions, leaders and replicas.
    ///
    /// # Errors
    /// `UNKNOWN_TOPIC_OR_PARTITION`, or if no broker answered.
    pub async fn describe_topic(&self, name: &str) -> Result<TopicDescription, Error> {
        let topic = MetadataRequestTopic { name: Some(Text::from(name)), ..MetadataRequestTopic::default() };
        let response = self.metadata(Some(vec![topic]), false).await?;
        let topic = response.topics.into_iter().next().ok_or_else(|| incomplete("Metadata"))?;
        check(topic.error_code, None, &format!("while describing topic {name}"), name)?;
        Ok(description(topic))
    }

    /// [`Admin::describe_topic`] for callers without an executor.
    ///
    /// # Errors
    /// As [`Admin::describe_topic`].
    pub fn describe_topic_blocking(&self, name: &str) -> Result<TopicDescription, Error> {
        block_on(self.describe_topic(name))
    }

    /// Topics with their partitions, leaders and replicas, by one request. A topic that is not there has the error
    /// `UNKNOWN_TOPIC_OR_PARTITION`.
    ///
    /// # Errors
    /// If no broker answered. What concerns a topic is its result.
    pub async fn describe_topics(
        &self,
        names: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<BTreeMap<String, Result<TopicDescription, Error>>, Error> {
        self.describe(names, false).await
    }

    /// [`Admin::describe_topics`], with the brokers asked to create what is not there. They do so if `auto.create.topics.enable` is
    /// true; such a topic has the error `LEADER_NOT_AVAILABLE` at first.
    ///
    /// # Errors
    /// As [`Admin::describe_topics`].
    pub async fn describe_or_create_topics(
        &self,
        names: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<BTreeMap<String, Result<TopicDescription, Error>>, Error> {
        self.describe(names, true).await
    }

    /// [`Admin::describe_or_create_topics`] for callers without an executor.
    ///
    /// # Errors
    /// As [`Admin::describe_topics`].
    pub fn describe_or_create_topics_blocking(
        &self,
        names: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<BTreeMap<String, Result<TopicDescription, Error>>, Error> {
        block_on(self.describe_or_create_topics(names))
    }

    /// [`Admin::describe_topics`] for callers without an executor.
    ///
    /// # Errors
    /// As [`Admin::describe_topics`].
    pub fn describe_topics_blocking(
        &self,
        names: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<BTreeMap<String, Result<TopicDescription, Error>>, Error> {
        block_on(self.describe_topics(names))
    }

    /// All topics, Kafka's own included, with their partitions, leaders and replicas, by one request.
    ///
    /// # Errors
    /// If no broker answered. What concerns a topic is its result.
    pub async fn describe_all_topics(&self) -> Result<BTreeMap<String, Result<TopicDescription, Error>>, Error> {
        Ok(descriptions(self.metadata(None, false).await?))
    }

    /// [`Admin::describe_all_topics`] for callers without an executor.
    ///
    /// # Errors
    /// As [`Admin::describe_all_topics`].
    pub fn describe_all_topics_blocking(&self) -> Result<BTreeMap<String, Result<TopicDescription, Error>>, Error> {
        block_on(self.describe_all_topics())
    }
}

/// What a broker tells of topics, by name.
fn descriptions(response: MetadataResponse) -> BTreeMap<String, Result<TopicDescription, Error>> {
    let told = response.topics.into_iter().filter_map(|topic| {
        let name = topic.name.as_ref()?.to_string();
        let checked = check(topic.error_code, None, &format!("while describing topic {name}"), &name);
        Some((name, checked.map(|()| description(topic))))
    });
    told.collect()
}

fn description(topic: MetadataResponseTopic) -> TopicDescription {
    let mut partitions: Vec<PartitionDescription> = topic
        .partitions
        .into_iter()
        .map(|p| PartitionDescription {
            partition: p.partition_index,
            leader: (p.leader_id >= 0).then_some(p.leader_id),
            leader_epoch: p.leader_epoch,
            replicas: p.replica_nodes,
            isr: p.isr_nodes,
        })
        .collect();
    partitions.sort_by_key(|p| p.partition);
    let name = topic.name.map(|name| name.to_string()).unwrap_or_default();
    TopicDescription { name, id: topic.topic_id, is_internal: topic.is_internal, partitions }
}
