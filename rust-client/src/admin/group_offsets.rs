//! What groups have committed: listed, altered, deleted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ottla_core::admin::{
    GroupAnswers, MAX_OFFSET_VERSION, PartitionResults, offset_commit_request, offset_delete_request, offset_fetch_request,
    read_offset_commit, read_offset_delete, read_offset_fetch,
};
use ottla_core::consumer::TopicPartition;
use ottla_core::error::Error;
use ottla_core::group::offset_commit::{OffsetAndMetadata, fit_offset_fetch};
use ottla_protocol::Text;
use ottla_protocol::messages::{OffsetCommitRequest, OffsetDeleteRequest, OffsetFetchRequest};

use super::Admin;
use super::coordinated::Asked;
use super::groups::by_name;
use crate::runtime::block_on;

/// From this version on an OffsetFetch is of several groups.
const SEVERAL_FROM: i16 = 8;

/// Which offsets of a group to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListGroupOffsetsSpec {
    group: Text,
    partitions: Option<BTreeSet<TopicPartition>>,
}

impl ListGroupOffsetsSpec {
    /// All that the group has committed.
    #[must_use]
    pub fn all(group: impl AsRef<str>) -> Self {
        Self { group: Text::from(group.as_ref()), partitions: None }
    }

    /// These partitions' offsets.
    #[must_use]
    pub fn partitions(group: impl AsRef<str>, partitions: impl IntoIterator<Item = TopicPartition>) -> Self {
        Self { group: Text::from(group.as_ref()), partitions: Some(partitions.into_iter().collect()) }
    }
}

/// What each group has committed, `None` where a partition that was asked for has no offset.
type GroupOffsets = BTreeMap<String, Result<PartitionResults<Option<OffsetAndMetadata>>, Error>>;

impl Admin {
    /// What groups have committed. A group that is not there has committed nothing. With `require_stable`, a partition whose offset
    /// an open transaction may still change is `UNSTABLE_OFFSET_COMMIT`, which is retriable (brokers from 2.5 on).
    ///
    /// # Errors
    /// If the client is closed. What concerns a group or a partition is its result.
    pub async fn list_group_offsets(
        &self,
        groups: impl IntoIterator<Item = ListGroupOffsetsSpec>,
        require_stable: bool,
    ) -> Result<GroupOffsets, Error> {
        let specs: BTreeMap<Text, Option<BTreeSet<TopicPartition>>> =
            groups.into_iter().map(|spec| (spec.group, spec.partitions)).collect();
        let groups: Vec<Text> = specs.keys().cloned().collect();
        let specs = Arc::new(specs);
        let ask = move |asked, groups| fetch(asked, groups, specs.clone(), require_stable);
        Ok(by_name(self.coordinated(groups, "while listing a group's offsets", ask).await?))
    }

    /// [`Admin::list_group_offsets`] for callers without an executor.
    ///
    /// # Errors
    /// As [`Admin::list_group_offsets`].
    pub fn list_group_offsets_blocking(
        &self,
        groups: impl IntoIterator<Item = ListGroupOffsetsSpec>,
        require_stable: bool,
    ) -> Result<GroupOffsets, Error> {
        block_on(self.list_group_offsets(groups, require_stable))
    }

    /// Commits offsets in the name of a group, which is made if it is not there. It must have no members: else each partition is
    /// `UNKNOWN_MEMBER_ID`.
    ///
    /// # Errors
    /// If the coordinator does not answer. What concerns a partition is its result.
    pub async fn alter_group_offsets(
        &self,
        group: &str,
        offsets: impl IntoIterator<Item = (TopicPartition, OffsetAndMetadata)>,
    ) -> Result<PartitionResults<()>, Error> {
        let (group, offsets) = (Text::from(group), Arc::new(offsets.into_iter().collect::<BTreeMap<_, _>>()));
        let named = group.clone();
        let ask = move |asked| commit(asked, named.clone(), offsets.clone());
        self.coordinated_one(&group, "while altering a group's offsets", ask).await
    }

    /// [`Admin::alter_group_offsets`] for callers without an executor.
    ///
    /// # Errors
    /// As [`Admin::alter_group_offsets`].
    pub fn alter_group_offsets_blocking(
        &self,
        group: &str,
        offsets: impl IntoIterator<Item = (TopicPartition, OffsetAndMetadata)>,
    ) -> Result<PartitionResults<()>, Error> {
        block_on(self.alter_group_offsets(group, offsets))
    }

    /// Deletes what a group has committed. A topic that its members subscribe to is `GROUP_SUBSCRIBED_TO_TOPIC`.
    ///
    /// # Errors
    /// What concerns the whole group, such as `GROUP_ID_NOT_FOUND`. What concerns a partition is its result.
    pub async fn delete_group_offsets(
        &self,
        group: &str,
        partitions: impl IntoIterator<Item = TopicPartition>,
    ) -> Result<PartitionResults<()>, Error> {
        let (group, partitions) = (Text::from(group), Arc::new(partitions.into_iter().collect::<BTreeSet<_>>()));
        let named = group.clone();
        let ask = move |asked| delete(asked, named.clone(), partitions.clone());
        self.coordinated_one(&group, "while deleting a group's offsets", ask).await
    }

    /// [`Admin::delete_group_offsets`] for callers without an executor.
    ///
    /// # Errors
    /// As [`Admin::delete_group_offsets`].
    pub fn delete_group_offsets_blocking(
        &self,
        group: &str,
        partitions: impl IntoIterator<Item = TopicPartition>,
    ) -> Result<PartitionResults<()>, Error> {
        block_on(self.delete_group_offsets(group, partitions))
    }
}

fn placed<T>(asked: &Asked, results: PartitionResults<T>) -> PartitionResults<T> {
    results.into_iter().map(|(partition, result)| (partition, result.map_err(|error| asked.place(error)))).collect()
}

async fn fetch(
    asked: Asked,
    groups: Vec<Text>,
    specs: Arc<BTreeMap<Text, Option<BTreeSet<TopicPartition>>>>,
    require_stable: bool,
) -> Result<GroupAnswers<PartitionResults<Option<OffsetAndMetadata>>>, Error> {
    let version = asked.version::<OffsetFetchRequest>(Some(MAX_OFFSET_VERSION)).await?;
    let at_once = if version >= SEVERAL_FROM { groups.len().max(1) } else { 1 };
    let mut answers = Vec::with_capacity(groups.len());
    for groups in groups.chunks(at_once) {
        let mut request = offset_fetch_request(groups.iter().filter_map(|group| specs.get_key_value(group)), require_stable);
        fit_offset_fetch(&mut request, version);
        let response = asked.call(&request, version).await?;
        for (group, spec) in groups.iter().filter_map(|group| specs.get_key_value(group)) {
            let read = read_offset_fetch(group, spec, version, &response);
            answers.push((group.clone(), read.map(|read| placed(&asked, read)).map_err(|error| asked.place(error))));
        }
    }
    Ok(answers)
}

async fn commit(
    asked: Asked,
    group: Text,
    offsets: Arc<BTreeMap<TopicPartition, OffsetAndMetadata>>,
) -> Result<PartitionResults<()>, Error> {
    let version = asked.version::<OffsetCommitRequest>(Some(MAX_OFFSET_VERSION)).await?;
    let response = asked.call(&offset_commit_request(&group, &offsets), version).await?;
    Ok(placed(&asked, read_offset_commit(&group, offsets.keys(), &response)?))
}

async fn delete(asked: Asked, group: Text, partitions: Arc<BTreeSet<TopicPartition>>) -> Result<PartitionResults<()>, Error> {
    let version = asked.version::<OffsetDeleteRequest>(None).await?;
    let response = asked.call(&offset_delete_request(&group, partitions.iter()), version).await?;
    Ok(placed(&asked, read_offset_delete(&group, partitions.iter(), &response)?))
}
