//! The task that carries out what a consumer's fetcher decides.

use std::sync::Arc;
use std::time::Duration;

use ottla_core::config::ConsumerConfig;
use ottla_core::consumer::{CompletedFetch, ConsumerCommand, Decoded, fit_fetch_request};
use ottla_core::error::Error;
use ottla_core::time::{Clock, Instant};
use ottla_protocol::messages::fetch::{FetchRequest, FetchResponse};
use ottla_protocol::messages::list_offsets::ListOffsetsResponse;
use ottla_protocol::messages::offset_for_leader_epoch::OffsetForLeaderEpochResponse;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::Shared;
use crate::client::ClientInner;
use crate::network::Purpose;

/// The answer to a command.
enum Answer {
    Fetch(u64, Result<FetchResponse, Error>),
    ListOffsets(u64, Result<ListOffsetsResponse, Error>),
    OffsetForLeaderEpoch(u64, Result<OffsetForLeaderEpochResponse, Error>),
}

/// Owns the fetcher's IO: one task on the IO runtime, and a task for each request under way.
pub(super) struct Driver {
    client: Arc<ClientInner>,
    shared: Arc<Shared>,
    purpose: Purpose,
    timeout: Duration,
    fetch_timeout: Duration,
    tasks: JoinSet<Answer>,
}

impl Driver {
    /// `id` tells its connections from those of other consumers.
    pub(super) fn new(client: Arc<ClientInner>, shared: Arc<Shared>, id: u64, config: &ConsumerConfig) -> Self {
        Self {
            client,
            shared,
            purpose: Purpose::Fetch(id),
            timeout: config.socket_timeout,
            fetch_timeout: config.socket_timeout.saturating_add(config.fetch_wait_max),
            tasks: JoinSet::new(),
        }
    }

    pub(super) async fn run(mut self, mut stopped: watch::Receiver<()>) {
        let mut news = self.client.news();
        let mut commands = Vec::new();
        let (done, mut decoded) = mpsc::unbounded_channel();
        loop {
            let Some((deadline, completed)) = self.step(&mut commands) else { break };
            // Out with the next requests first, so that the brokers work while this thread decodes.
            for command in commands.drain(..) {
                self.carry_out(command);
            }
            if let Some(completed) = completed {
                if completed.takes_long() {
                    let done = done.clone();
                    // Nobody listens any more once the consumer is closed.
                    completed.decode_elsewhere(&*self.client.offload, move |decoded| drop(done.send(decoded)));
                    continue;
                }
                self.take_in_decoded(completed.decode());
                while let Some(answer) = self.tasks.try_join_next() {
                    self.take_in(answer.ok());
                }
                tokio::task::yield_now().await;
                continue;
            }
            let until = self.client.clock.to_tokio(deadline);
            tokio::select! {
                biased;
                _ = stopped.changed() => break,
                Some(answer) = self.tasks.join_next(), if !self.tasks.is_empty() => self.take_in(answer.ok()),
                Some(decoded) = decoded.recv() => self.take_in_decoded(decoded),
                () = self.shared.wake.notified() => {}
                () = news.changed() => {}
                () = tokio::time::sleep_until(until) => {}
            }
        }
        self.client.connections.release(self.purpose);
    }

    /// What to ask for, when to come back at the latest, and what there is to decode. `None` once the consumer is closed.
    fn step(&self, commands: &mut Vec<ConsumerCommand>) -> Option<(Instant, Option<CompletedFetch>)> {
        let mut state = self.shared.state();
        if state.closed {
            return None;
        }
        state.fetcher.set_wall_millis(self.client.clock.wall_millis());
        let deadline = state.fetcher.poll(self.client.clock.now(), &self.client.cluster(), commands);
        state.fetcher.take_wake();
        let completed = state.fetcher.next_completed();
        self.shared.rouse(state);
        Some((deadline, completed))
    }

    fn take_in_decoded(&self, decoded: Decoded) {
        let now = self.client.clock.now();
        self.shared.change(|fetcher| fetcher.on_decoded(now, decoded));
    }

    fn take_in(&self, answer: Option<Answer>) {
        let now = self.client.clock.now();
        let hints = self.shared.change(|fetcher| {
            match answer {
                Some(Answer::Fetch(token, answer)) => fetcher.on_fetch(now, token, answer),
                Some(Answer::ListOffsets(token, answer)) => fetcher.on_list_offsets(now, token, answer),
                Some(Answer::OffsetForLeaderEpoch(token, answer)) => fetcher.on_offset_for_leader_epoch(now, token, answer),
                // The task panicked, or the runtime ends.
                None => {}
            }
            fetcher.take_hints()
        });
        if !hints.is_empty() {
            self.client.learn_leaders(&hints);
        }
    }

    fn carry_out(&mut self, command: ConsumerCommand) {
        let client = self.client.clone();
        let (timeout, purpose) = (self.timeout, self.purpose);
        match command {
            ConsumerCommand::Fetch { token, broker, request, max_version } => {
                let timeout = self.fetch_timeout;
                self.tasks.spawn(async move {
                    Answer::Fetch(token, fetch(&client, broker, purpose, request, max_version, timeout).await)
                });
            }
            ConsumerCommand::ListOffsets { token, broker, request } => {
                self.tasks.spawn(async move {
                    Answer::ListOffsets(token, client.call(broker, Purpose::Common, &request, timeout).await)
                });
            }
            ConsumerCommand::OffsetForLeaderEpoch { token, broker, request } => {
                self.tasks.spawn(async move {
                    Answer::OffsetForLeaderEpoch(token, client.call(broker, Purpose::Common, &request, timeout).await)
                });
            }
            ConsumerCommand::RefreshMetadata => self.client.refresh(),
        }
    }
}

async fn fetch(
    client: &ClientInner,
    broker: i32,
    purpose: Purpose,
    request: FetchRequest,
    max_version: Option<i16>,
    timeout: Duration,
) -> Result<FetchResponse, Error> {
    let response = client.call_fitted(&client.broker(broker)?, purpose, request, fit_fetch_request, max_version, timeout).await?;
    client.observer.throttled(broker, response.throttle_time_ms);
    Ok(response)
}
