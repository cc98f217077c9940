//! Carries out what a call about groups decides: look-ups at any broker, questions to coordinators, time.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use ottla_core::admin::{CoordinatedCall, CoordinatedCommand, CoordinatedSettings, GroupAnswers, GroupResults};
use ottla_core::error::{Error, ErrorKind};
use ottla_core::group::coordinator::{CoordinatorInfo, fit_find_coordinator};
use ottla_core::metadata::BrokerInfo;
use ottla_core::time::Clock;
use ottla_protocol::messages::{FindCoordinatorRequest, FindCoordinatorResponse};
use ottla_protocol::{Request, Text};
use tokio::task::JoinSet;

use super::Admin;
use crate::client::ClientInner;
use crate::network::Purpose;

/// A coordinator that is asked.
pub(super) struct Asked {
    client: Arc<ClientInner>,
    pub(super) broker: BrokerInfo,
    timeout: Duration,
}

impl Asked {
    pub(super) fn new(client: Arc<ClientInner>, broker: BrokerInfo, timeout: Duration) -> Self {
        Self { client, broker, timeout }
    }

    fn coordinator(client: Arc<ClientInner>, found: CoordinatorInfo, timeout: Duration) -> Self {
        // FindCoordinator does not tell the rack.
        let rack = client.cluster().brokers.get(&found.id).and_then(|known| known.rack.clone());
        let broker = BrokerInfo { id: found.id, host: found.host, port: i32::from(found.port), rack };
        Self::new(client, broker, timeout)
    }

    /// The version that the broker and this client share.
    pub(super) async fn version<R: Request>(&self, at_most: Option<i16>) -> Result<i16, Error> {
        let connection = self.client.connections.get(&self.broker, Purpose::Common).await?;
        connection.ready().await?.version_of::<R>(at_most).map_err(|error| self.place(error))
    }

    /// Asks in this version.
    pub(super) async fn call<R: Request>(&self, request: &R, version: i16) -> Result<R::Response, Error>
    where
        R::Response: Send + 'static,
    {
        let connection = self.client.connections.get(&self.broker, Purpose::Common).await?;
        Ok(connection.call(request, Some(version), self.timeout, self.client.client_id.as_ref()).await?.0)
    }

    /// The error says which broker it came from.
    pub(super) fn place(&self, error: Error) -> Error {
        place(&self.broker, error)
    }
}

fn place(broker: &BrokerInfo, error: Error) -> Error {
    match error.broker() {
        Some(_) => error,
        None => error.with_broker(broker.id, format!("{}:{}", broker.host, broker.port)),
    }
}

enum Came<T> {
    Found(u64, Result<FindCoordinatorResponse, Error>),
    Answer(u64, Result<GroupAnswers<T>, Error>),
}

impl Admin {
    /// Asks each group's coordinator, until all have answered or `default.api.timeout.ms` is over.
    pub(super) async fn coordinated<T, F, A>(
        &self,
        groups: impl IntoIterator<Item = Text>,
        tried: &'static str,
        ask: F,
    ) -> Result<GroupResults<T>, Error>
    where
        T: Send + 'static,
        F: Fn(Asked, Vec<Text>) -> A + Send + 'static,
        A: Future<Output = Result<GroupAnswers<T>, Error>> + Send + 'static,
    {
        let (client, limit) = (self.client.clone(), self.limit());
        let settings = CoordinatedSettings {
            retry_backoff: client.settings.retry_backoff,
            retry_backoff_max: client.settings.retry_backoff_max,
        };
        let mut call = CoordinatedCall::new(groups, settings, client.fork_rng());
        self.client
            .run(async move {
                let by = client.clock.now() + limit;
                let (mut tasks, mut commands) = (JoinSet::new(), Vec::new());
                while !call.is_done() && client.clock.now() < by {
                    let next = call.poll(client.clock.now(), &mut commands).min(by);
                    let timeout = client.settings.socket_timeout.min(by.since(client.clock.now()));
                    for command in commands.drain(..) {
                        match command {
                            CoordinatedCommand::Find { token, request } => {
                                let client = client.clone();
                                tasks.spawn(async move { Came::Found(token, find(&client, request, timeout).await) });
                            }
                            CoordinatedCommand::Ask { token, broker, groups } => {
                                let asked = Asked::coordinator(client.clone(), broker, timeout);
                                let broker = asked.broker.clone();
                                let answer = in_time(ask(asked, groups), timeout);
                                tasks.spawn(
                                    async move { Came::Answer(token, answer.await.map_err(|error| place(&broker, error))) },
                                );
                            }
                        }
                    }
                    let came = tokio::select! {
                        biased;
                        Some(came) = tasks.join_next() => came,
                        () = tokio::time::sleep_until(client.clock.to_tokio(next)) => continue,
                    };
                    match came {
                        Ok(Came::Found(token, answer)) => call.on_found(client.clock.now(), token, answer),
                        Ok(Came::Answer(token, answer)) => call.on_answer(client.clock.now(), token, answer),
                        // The runtime ends.
                        Err(error) => return Err(Error::new(ErrorKind::Closed, "the IO runtime ended").with_source(error)),
                    }
                }
                Ok(call.into_results(tried, limit))
            })
            .await
    }

    /// [`Self::coordinated`] about one group.
    pub(super) async fn coordinated_one<T, F, A>(&self, group: &Text, tried: &'static str, ask: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Fn(Asked) -> A + Send + 'static,
        A: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let one = move |asked: Asked, groups: Vec<Text>| {
            let broker = Asked::new(asked.client.clone(), asked.broker.clone(), asked.timeout);
            let answer = ask(asked);
            async move {
                let answer = answer.await.map_err(|error| broker.place(error));
                Ok(groups.into_iter().zip([answer]).collect())
            }
        };
        let mut results = self.coordinated([group.clone()], tried, one).await?;
        results.remove(group).unwrap_or_else(|| Err(Error::new(ErrorKind::State, "no group was named")))
    }
}

async fn find(
    client: &Arc<ClientInner>,
    request: FindCoordinatorRequest,
    timeout: Duration,
) -> Result<FindCoordinatorResponse, Error> {
    in_time(client.call_first_fitted(request, fit_find_coordinator, timeout), timeout).await
}

/// Opening a connection takes time, too.
async fn in_time<T>(asking: impl Future<Output = Result<T, Error>>, timeout: Duration) -> Result<T, Error> {
    match tokio::time::timeout(timeout, asking).await {
        Ok(answer) => answer,
        Err(_) => Err(Error::new(ErrorKind::Timeout, format!("no answer within {} ms", timeout.as_millis()))),
    }
}
