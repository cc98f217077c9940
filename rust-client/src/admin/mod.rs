//! What an administrator does: topics, groups and the cluster looked at and changed.

mod cluster;
mod coordinated;
mod group_offsets;
mod groups;
mod topics;

use std::sync::Arc;
use std::time::Duration;

use ottla_core::error::{Error, ErrorKind};
use ottla_protocol::{ErrorCode, Request, Text};

use crate::client::ClientInner;

pub use cluster::ClusterDescription;
pub use group_offsets::ListGroupOffsetsSpec;
pub use groups::GroupList;
pub use topics::{NewTopic, PartitionDescription, TopicDescription};

/// Topics, groups and the cluster: looked at and changed. Each call is bounded by `default.api.timeout.ms`, and tries again until then
/// what may come right by itself.
///
/// What was sent when a connection broke, or was not answered in time, may have been done all the same: asked again, the broker then
/// says that the topic exists, or the group is gone.
#[derive(Clone)]
pub struct Admin {
    client: Arc<ClientInner>,
}

impl Admin {
    pub(crate) fn new(client: Arc<ClientInner>) -> Self {
        Self { client }
    }

    fn limit(&self) -> Duration {
        self.client.settings.default_api_timeout
    }

    fn timeout_ms(&self) -> i32 {
        i32::try_from(self.limit().as_millis()).unwrap_or(i32::MAX)
    }

    /// Asks until there is an answer, `default.api.timeout.ms` at the longest. `change`: it goes to the controller, and not to two
    /// brokers at once.
    async fn ask<R: Request + Clone + Send + Sync + 'static>(&self, request: R, change: bool) -> Result<R::Response, Error>
    where
        R::Response: Send + 'static,
    {
        let (client, limit) = (self.client.clone(), self.limit());
        self.client
            .run(async move {
                let (mut last, mut attempts) = (None, 0);
                let asked = async {
                    loop {
                        let answered = if change {
                            // Half of it, so that one silent broker does not use up the time of the others.
                            client.call_controller(&request, limit / 2).await
                        } else {
                            client.call_first(request.clone(), limit).await
                        };
                        match answered {
                            Err(error) if error.is_retriable() => last = Some(error),
                            answered => return answered,
                        }
                        client.refresh();
                        client.back_off(attempts).await;
                        attempts += 1;
                    }
                };
                match tokio::time::timeout(limit, asked).await {
                    Ok(answered) => answered,
                    Err(_) => {
                        let limit = limit.as_millis();
                        let what = format!("no answer to {} within default.api.timeout.ms ({limit} ms)", R::KEY.name());
                        let error = Error::new(ErrorKind::Timeout, what).retriable();
                        Err(match last {
                            Some(cause) => error.with_source(cause),
                            None => error,
                        })
                    }
                }
            })
            .await
    }
}

fn incomplete(api: &str) -> Error {
    Error::new(ErrorKind::Protocol, format!("the broker's answer to {api} leaves out what was asked for"))
}

fn check(code: i16, said: Option<&Text>, tried: &str, topic: &str) -> Result<(), Error> {
    let code = ErrorCode::from_code(code);
    if code == ErrorCode::None {
        return Ok(());
    }
    let said = said.map(|text| format!(" ({text})")).unwrap_or_default();
    let error = Error::kafka(code, format!("{tried}{said}"));
    Err(if topic.is_empty() { error } else { error.with_topic(topic) })
}
