//! Applications that produce.

use std::sync::Arc;
use std::time::Duration;

use ottla::{Delivery, Producer};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::history::{Fate, fate_of, key_of, record, value_of};
use crate::run::World;
use crate::schedule::topic_name;
use crate::trace::note;

/// What a producing application is told.
pub(crate) enum Command {
    Produce {
        topic: i64,
        partition: Option<i32>,
        count: i64,
        size: usize,
        patience: i64,
    },
    Flush,
    Purge(bool),
    /// Deliver what is left, and end.
    Finish(oneshot::Sender<()>),
}

/// The bounds that a producer's configuration gives.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) max_block: u64,
    pub(crate) delivery_timeout: u64,
}

pub(crate) struct Application {
    pub(crate) number: usize,
    pub(crate) world: Arc<World>,
    pub(crate) producer: Producer,
    pub(crate) bounds: Bounds,
    pub(crate) reports: bool,
}

fn ms(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

impl Application {
    pub(crate) async fn run(self, mut commands: mpsc::UnboundedReceiver<Command>) {
        let mut waiting = JoinSet::new();
        let serving = self.reports.then(|| tokio::spawn(serve_reports(self.world.clone(), self.producer.clone())));
        let mut done = None;
        while let Some(command) = commands.recv().await {
            match command {
                Command::Produce { topic, partition, count, size, patience } => {
                    // Awaited while the rest is still being sent.
                    let (deliveries, delivered) = mpsc::unbounded_channel();
                    waiting.spawn(wait(self.world.clone(), delivered));
                    self.produce(topic, partition, count, size, patience, deliveries).await;
                }
                Command::Flush => self.flush().await,
                Command::Purge(flying) => self.producer.purge(true, flying),
                Command::Finish(finished) => {
                    done = Some(finished);
                    break;
                }
            }
        }
        self.flush().await;
        while waiting.join_next().await.is_some() {}
        self.end().await;
        if let Some(serving) = serving {
            serving.abort();
        }
        // The run waits for this, or is over.
        let _ = done.map(|done| done.send(()));
    }

    async fn produce(
        &self,
        topic: i64,
        partition: Option<i32>,
        count: i64,
        size: usize,
        patience: i64,
        deliveries: mpsc::UnboundedSender<(usize, Delivery)>,
    ) {
        let name = topic_name(topic);
        for _ in 0..count {
            let world = &self.world;
            let id = world.history().offer(self.number, topic, partition, size, world.trace.now_ms());
            let (key, value) = (key_of(id), value_of(id, size.max(8)));
            let sending = self.producer.send(record(&name, partition, id, key.as_deref(), &value));
            let begun = Instant::now();
            let sent = if patience == 2 { tokio::time::timeout(Duration::ZERO, sending).await.ok() } else { Some(sending.await) };
            let mut history = world.history();
            history.bounded("send", ms(begun), self.bounds.max_block);
            match sent {
                Some(Ok(delivery)) => {
                    history.sent[id].fate = Fate::Pending;
                    // What waited in vain for room has its own bound; the delivery's begins when it is taken.
                    history.sent[id].sent_at = world.trace.now_ms();
                    history.sent[id].unwatched = patience == 1;
                    if patience != 1 {
                        // The other end lives as long as this one.
                        let _ = deliveries.send((id, delivery));
                    }
                }
                Some(Err(error)) => history.sent[id].fate = Fate::NotTaken(error.to_string()),
                None => history.sent[id].fate = Fate::NotTaken("the sender gave up".into()),
            }
        }
    }

    async fn flush(&self) {
        let begun = Instant::now();
        self.producer.flush().await;
        self.world.history().bounded("flush", ms(begun), self.bounds.delivery_timeout);
    }

    /// Nothing may be left.
    async fn end(&self) {
        // What the flush waited for is gone; the last reports may still be on their way out.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let left = self.producer.buffered_bytes();
        if left != 0 {
            self.world.history().violation(format!("producer {} holds {left} bytes of its buffer at the end", self.number));
        }
        if let Err(error) = self.producer.clone().close().await {
            self.world.history().violation(format!("producer {} can't be closed: {error}", self.number));
        }
    }
}

async fn wait(world: Arc<World>, mut deliveries: mpsc::UnboundedReceiver<(usize, Delivery)>) {
    while let Some((id, delivery)) = deliveries.recv().await {
        let result = delivery.await;
        note!(world.trace, "delivery {id}: {:?}", fate_of(&result));
        world.history().delivered(id, &result, world.trace.now_ms());
    }
}

async fn serve_reports(world: Arc<World>, producer: Producer) {
    let came = Arc::new(Notify::new());
    let notify = came.clone();
    producer.reports().set_notify(Some(Arc::new(move || notify.notify_one())));
    loop {
        while let Some(report) = producer.reports().try_pop() {
            let mut history = world.history();
            for index in 0..report.len() {
                let index = u32::try_from(index).unwrap();
                let Some(id) = usize::try_from(report.opaque(index)).unwrap().checked_sub(1) else {
                    history.violation(format!("a delivery report without its opaques: {:?}", report.result()));
                    continue;
                };
                let result = report.result().expect("a report is of a batch that is done").record(index);
                history.sent[id].reported.push(fate_of(&result));
            }
        }
        came.notified().await;
    }
}
