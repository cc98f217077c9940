//! Groups: listed, described, deleted, and members removed from them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ottla_core::admin::{
    GroupAnswers, GroupDescription, GroupFilter, GroupListing, GroupResults, MemberIdentity, MemberResults, fit_list_groups,
    leave_group_request, needs_classic, read_classic_description, read_consumer_description, read_delete_groups,
    read_leave_group, read_list_groups,
};
use ottla_core::error::{Error, ErrorKind};
use ottla_core::metadata::BrokerInfo;
use ottla_core::time::Clock;
use ottla_protocol::Text;
use ottla_protocol::messages::{
    ConsumerGroupDescribeRequest, DeleteGroupsRequest, DescribeGroupsRequest, LeaveGroupRequest, ListGroupsRequest,
};
use tokio::task::JoinSet;

use super::Admin;
use super::coordinated::Asked;
use crate::client::ClientInner;
use crate::runtime::block_on;

/// The groups of a cluster, as far as its brokers answered.
#[derive(Clone, Debug, Default)]
pub struct GroupList {
    /// The groups by id.
    pub groups: Vec<GroupListing>,
    /// Of each broker that did not answer, why. The groups that it coordinates are missing.
    pub errors: Vec<Error>,
}

impl GroupList {
    /// The groups, if none is missing.
    ///
    /// # Errors
    /// The first of `errors`.
    pub fn all(self) -> Result<Vec<GroupListing>, Error> {
        match self.errors.into_iter().next() {
            Some(error) => Err(error),
            None => Ok(self.groups),
        }
    }
}

impl Admin {
    /// The groups of all brokers, of all types.
    ///
    /// # Errors
    /// If the brokers can't be found out. A broker that does not answer is in the list's errors, and the groups of the others are there.
    pub async fn list_groups(&self, filter: &GroupFilter) -> Result<GroupList, Error> {
        let by = self.client.clock.now() + self.limit();
        let found = self.metadata(Some(Vec::new()), false).await?.brokers;
        let brokers = found.into_iter().map(|b| BrokerInfo { id: b.node_id, host: b.host, port: b.port, rack: b.rack });
        let (client, request, brokers) = (self.client.clone(), filter.request(), brokers.collect::<Vec<_>>());
        self.client
            .run(async move {
                let limit = by.since(client.clock.now());
                let mut asked = JoinSet::new();
                for broker in brokers {
                    asked.spawn(list_patiently(client.clone(), broker, request.clone(), limit));
                }
                let (mut groups, mut errors) = (BTreeMap::new(), Vec::new());
                while let Some(answer) = asked.join_next().await {
                    match answer {
                        // One that moves meanwhile may be listed by two.
                        Ok(Ok(listed)) => groups.extend(listed.into_iter().map(|group| (group.group_id.clone(), group))),
                        Ok(Err(error)) => errors.push(error),
                        Err(error) => return Err(Error::new(ErrorKind::Closed, "the IO runtime ended").with_source(error)),
                    }
                }
                Ok(GroupList { groups: groups.into_values().collect(), errors })
            })
            .await
    }

    /// [`Admin::list_groups`] for callers without an executor.
    ///
    /// # Errors
    /// As [`Admin::list_groups`].
    pub fn list_groups_blocking(&self, filter: &GroupFilter) -> Result<GroupList, Error> {
        block_on(self.list_groups(filter))
    }

    /// Groups with their members and what these read. Classic groups and those of KIP-848; of a group of another type or one that is
    /// not there the error is `GROUP_ID_NOT_FOUND`. With `authorized_operations` it is asked for what the client may do with them.
    ///
    /// # Errors
    /// If the client is closed. What concerns a group is its result.
    pub async fn describe_groups(
        &self,
        groups: impl IntoIterator<Item = impl AsRef<str>>,
        authorized_operations: bool,
    ) -> Result<BTreeMap<String, Result<GroupDescription, Error>>, Error> {
        let ask = move |asked, groups| describe(asked, groups, authorized_operations);
        Ok(by_name(self.coordinated(texts(groups), "while describing a group", ask).await?))
    }

    /// [`Admin::describe_groups`] for callers without an executor.
    ///
    /// # Errors
    /// As [`Admin::describe_groups`].
    pub fn describe_groups_blocking(
        &self,
        groups: impl IntoIterator<Item = impl AsRef<str>>,
        authorized_operations: bool,
    ) -> Result<BTreeMap<String, Result<GroupDescription, Error>>, Error> {
        block_on(self.describe_groups(groups, authorized_operations))
    }

    /// Deletes groups with their offsets. A group with members is `NON_EMPTY_GROUP`.
    ///
    /// # Errors
    /// If the client is closed. What concerns a group is its result.
    pub async fn delete_groups(
        &self,
        groups: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<BTreeMap<String, Result<(), Error>>, Error> {
        let ask = |asked: Asked, groups: Vec<Text>| async move {
            let version = asked.version::<DeleteGroupsRequest>(None).await?;
            let request = DeleteGroupsRequest { groups_names: groups, ..DeleteGroupsRequest::default() };
            Ok(placed(&asked, read_delete_groups(asked.call(&request, version).await?)))
        };
        Ok(by_name(self.coordinated(texts(groups), "while deleting a group", ask).await?))
    }

    /// [`Admin::delete_groups`] for callers without an executor.
    ///
    /// # Errors
    /// As [`Admin::delete_groups`].
    pub fn delete_groups_blocking(
        &self,
        groups: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<BTreeMap<String, Result<(), Error>>, Error> {
        block_on(self.delete_groups(groups))
    }

    /// Removes members from their group, which shares their partitions among the others. A member that lives joins again; a static
    /// one is fenced. The broker logs the reason.
    ///
    /// # Errors
    /// What concerns the whole group. What concerns a member, such as `UNKNOWN_MEMBER_ID`, is its result.
    pub async fn remove_members(
        &self,
        group: &str,
        members: impl IntoIterator<Item = MemberIdentity>,
        reason: Option<&str>,
    ) -> Result<MemberResults, Error> {
        let members: Vec<MemberIdentity> = members.into_iter().collect();
        let (group, reason) = (Text::from(group), reason.map(str::to_owned));
        let named = group.clone();
        let ask = move |asked| remove(asked, named.clone(), members.clone(), reason.clone());
        self.coordinated_one(&group, "while removing members", ask).await
    }

    /// [`Admin::remove_members`] for callers without an executor.
    ///
    /// # Errors
    /// As [`Admin::remove_members`].
    pub fn remove_members_blocking(
        &self,
        group: &str,
        members: impl IntoIterator<Item = MemberIdentity>,
        reason: Option<&str>,
    ) -> Result<MemberResults, Error> {
        block_on(self.remove_members(group, members, reason))
    }

    /// Removes all members that a group has now: it is described, then they are removed, each within `default.api.timeout.ms`.
    ///
    /// # Errors
    /// As [`Admin::remove_members`], and if the group can't be described.
    pub async fn remove_all_members(&self, group: &str, reason: Option<&str>) -> Result<MemberResults, Error> {
        let described = self.describe_groups([group], false).await?.into_values().next();
        let members = described.ok_or_else(|| super::incomplete("DescribeGroups"))??.members.into_iter();
        let identity = |member: ottla_core::admin::MemberDescription| match member.group_instance_id {
            Some(id) => MemberIdentity::GroupInstanceId(id),
            None => MemberIdentity::MemberId(member.member_id),
        };
        let members: Vec<MemberIdentity> = members.map(identity).collect();
        if members.is_empty() {
            return Ok(Vec::new());
        }
        self.remove_members(group, members, reason).await
    }

    /// [`Admin::remove_all_members`] for callers without an executor.
    ///
    /// # Errors
    /// As [`Admin::remove_all_members`].
    pub fn remove_all_members_blocking(&self, group: &str, reason: Option<&str>) -> Result<MemberResults, Error> {
        block_on(self.remove_all_members(group, reason))
    }
}

pub(super) fn texts(groups: impl IntoIterator<Item = impl AsRef<str>>) -> Vec<Text> {
    groups.into_iter().map(|group| Text::from(group.as_ref())).collect()
}

pub(super) fn by_name<T>(results: GroupResults<T>) -> BTreeMap<String, Result<T, Error>> {
    results.into_iter().map(|(group, result)| (group.to_string(), result)).collect()
}

fn placed<T>(asked: &Asked, answers: GroupAnswers<T>) -> GroupAnswers<T> {
    answers.into_iter().map(|(group, result)| (group, result.map_err(|error| asked.place(error)))).collect()
}

/// Asks a broker for its groups until it answers, or is no part of the cluster any more.
async fn list_patiently(
    client: Arc<ClientInner>,
    broker: BrokerInfo,
    request: ListGroupsRequest,
    limit: Duration,
) -> Result<Vec<GroupListing>, Error> {
    let asked = Asked::new(client.clone(), broker, limit.min(client.settings.socket_timeout));
    let (mut last, mut attempts) = (None, 0);
    let asking = async {
        loop {
            match list(&asked, request.clone()).await {
                Err(error) if error.is_retriable() => last = Some(asked.place(error)),
                answered => return answered.map_err(|error| asked.place(error)),
            }
            client.refresh();
            client.back_off(attempts).await;
            attempts += 1;
            if !client.cluster().brokers.contains_key(&asked.broker.id)
                && let Some(error) = last.take()
            {
                return Err(error);
            }
        }
    };
    match tokio::time::timeout(limit, asking).await {
        Ok(answered) => answered,
        Err(_) => {
            let what =
                format!("while listing groups: no answer within default.api.timeout.ms, {} ms of it left", limit.as_millis());
            let error = asked.place(Error::new(ErrorKind::Timeout, what));
            Err(match last {
                Some(cause) => error.with_source(cause),
                None => error,
            })
        }
    }
}

async fn list(asked: &Asked, mut request: ListGroupsRequest) -> Result<Vec<GroupListing>, Error> {
    let version = asked.version::<ListGroupsRequest>(None).await?;
    fit_list_groups(&mut request, version)?;
    read_list_groups(asked.call(&request, version).await?)
}

/// As Java's admin: those of KIP-848 first, and what is none of them is asked for by the older request.
async fn describe(asked: Asked, groups: Vec<Text>, operations: bool) -> Result<GroupAnswers<GroupDescription>, Error> {
    let mut answers = match asked.version::<ConsumerGroupDescribeRequest>(None).await {
        Ok(version) => {
            let request = ConsumerGroupDescribeRequest {
                group_ids: groups,
                include_authorized_operations: operations,
                ..ConsumerGroupDescribeRequest::default()
            };
            read_consumer_description(asked.call(&request, version).await?, &asked.broker)
        }
        Err(error) if needs_classic(&error) => {
            groups.into_iter().map(|group| (group, Err(error.clone()))).collect::<GroupAnswers<_>>()
        }
        Err(error) => return Err(error),
    };
    let is_open = |result: &Result<GroupDescription, Error>| result.as_ref().is_err_and(needs_classic);
    let open: Vec<Text> = answers.iter().filter(|(_, result)| is_open(result)).map(|(group, _)| group.clone()).collect();
    if !open.is_empty() {
        answers.retain(|(_, result)| !is_open(result));
        let version = asked.version::<DescribeGroupsRequest>(None).await?;
        let request = DescribeGroupsRequest {
            groups: open,
            include_authorized_operations: operations && version >= OPERATIONS_FROM,
            ..DescribeGroupsRequest::default()
        };
        answers.extend(read_classic_description(asked.call(&request, version).await?, &asked.broker));
    }
    Ok(placed(&asked, answers))
}

/// From this version on DescribeGroups tells what the client may do.
const OPERATIONS_FROM: i16 = 3;

async fn remove(asked: Asked, group: Text, members: Vec<MemberIdentity>, reason: Option<String>) -> Result<MemberResults, Error> {
    let version = asked.version::<LeaveGroupRequest>(None).await?;
    let mut results = MemberResults::new();
    for (request, members) in leave_group_request(&group, &members, reason.as_deref(), version)? {
        let answer = match asked.call(&request, version).await {
            Ok(response) => read_leave_group(&group, members.clone(), version, response),
            Err(error) => Err(error),
        };
        match answer {
            Ok(removed) => results.extend(removed),
            // Nothing was done yet: all of it is tried again.
            Err(error) if results.is_empty() => return Err(error),
            Err(error) => results.extend(members.into_iter().map(|member| (member, Err(error.clone())))),
        }
    }
    Ok(results.into_iter().map(|(member, result)| (member, result.map_err(|error| asked.place(error)))).collect())
}
