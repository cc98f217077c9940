//! What a test does to the brokers of a cluster while it runs.

use std::sync::Arc;
use std::time::Duration;

use ottla_protocol::ErrorCode;

use crate::broker::{Broker, no_partition, refused};
use crate::broker_builder::bind;
use crate::cluster::Topic;
use crate::error::Error;
use crate::fault::{Rule, RuleId, RuleStatus};
use crate::history::Undo;
use crate::journal::Journal;
use crate::log::Refusal;
use crate::node::{Command, Node};
use crate::partition::{NO_LEADER, PartitionState};

/// How long a stop waits until the connections are closed.
const CLOSED_WITHIN: Duration = Duration::from_secs(1);

/// How a partition stands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartitionStatus {
    /// The broker that leads it, if any does.
    pub leader: Option<i32>,
    /// The leader's epoch.
    pub leader_epoch: i32,
    /// The brokers with a replica, the preferred leader first, each with its end offset.
    pub replicas: Vec<(i32, i64)>,
    /// The brokers that are in sync.
    pub isr: Vec<i32>,
    /// The offset of the oldest record.
    pub log_start_offset: i64,
    /// The offset below which consumers may read.
    pub high_watermark: i64,
    /// The offset of the leader's next record.
    pub log_end_offset: i64,
}

impl Broker {
    /// The ids of the brokers.
    #[must_use]
    pub fn broker_ids(&self) -> Vec<i32> {
        self.cluster().nodes.iter().map(|node| node.id).collect()
    }

    /// Where one of the brokers is, as `HOST:PORT`.
    ///
    /// # Errors
    /// [`Error::NoSuchBroker`].
    pub fn address_of(&self, node_id: i32) -> Result<String, Error> {
        Ok(self.node(node_id)?.address())
    }

    /// Stops one broker: its connections are closed and new ones refused, and others lead its partitions, with new leader epochs. An
    /// in-sync replica takes over, so that what was acknowledged with acks=all is not lost; what only this broker had is. A partition
    /// that has no other in-sync replica has no leader until the broker is back (unless unclean.leader.election.enable is on).
    ///
    /// On a runtime that was given to the builder, listener and connections are closed as soon as that runtime gets to it.
    ///
    /// # Errors
    /// [`Error::NoSuchBroker`].
    pub fn stop_broker(&self, node_id: i32) -> Result<(), Error> {
        let node = self.node(node_id)?;
        self.change_liveness(node, || node.set_running(false))?;
        let (done, closed) = std::sync::mpsc::channel();
        node.command(Command::Close(done));
        node.forget_fetch_sessions();
        if self.has_own_thread() {
            // Both an end and a timeout are fine: the bound counts.
            let _ = closed.recv_timeout(CLOSED_WITHIN);
        }
        Ok(())
    }

    /// Starts a broker again that was stopped, on the same port if that is still free, with what it had, cut off where the new
    /// leaders' logs part from it. It follows, and leads only what has no leader.
    ///
    /// # Errors
    /// [`Error::NoSuchBroker`]; [`Error::Bind`] if there is no port at all.
    pub fn restart_broker(&self, node_id: i32) -> Result<(), Error> {
        let node = self.node(node_id)?;
        if node.is_running() {
            return Ok(());
        }
        if let Some(mut address) = node.local_addr() {
            let listener = bind(&address.to_string()).or_else(|_| {
                address.set_port(0);
                bind(&address.to_string())
            })?;
            let bound = listener.local_addr().map_err(|source| Error::Bind { address: address.to_string(), source })?;
            node.set_port(bound.port());
            self.serve_on(node, listener)?;
        }
        self.change_liveness(node, || node.set_running(true))
    }

    /// Cuts a broker off from clients and from the other brokers: its connections stay, and new ones are accepted, but nothing goes
    /// through them, and others lead its partitions. What clients sent is processed after [`Broker::heal`], as it would be when a
    /// network sends it again.
    ///
    /// # Errors
    /// [`Error::NoSuchBroker`].
    pub fn isolate(&self, node_id: i32) -> Result<(), Error> {
        let node = self.node(node_id)?;
        self.change_liveness(node, || node.set_isolated(true))
    }

    /// Ends what [`Broker::isolate`] began.
    ///
    /// # Errors
    /// [`Error::NoSuchBroker`].
    pub fn heal(&self, node_id: i32) -> Result<(), Error> {
        let node = self.node(node_id)?;
        self.change_liveness(node, || node.set_isolated(false))
    }

    /// Whether a broker is neither stopped nor isolated; false if there is none with this id.
    #[must_use]
    pub fn is_alive(&self, node_id: i32) -> bool {
        self.node(node_id).is_ok_and(Node::is_alive)
    }

    /// The id of the controller, if any broker is there.
    #[must_use]
    pub fn controller(&self) -> Option<i32> {
        Some(self.cluster().controller()).filter(|id| *id != NO_LEADER)
    }

    /// Makes another broker the controller.
    ///
    /// # Errors
    /// [`Error::NoSuchBroker`], also for a broker that is stopped or isolated.
    pub fn move_controller(&self, node_id: i32) -> Result<(), Error> {
        let _membership = self.cluster().membership();
        let node = self.node(node_id)?;
        if !node.is_alive() {
            return Err(Error::NoSuchBroker(node_id));
        }
        self.cluster().history.record(vec![Undo::Controller(self.cluster().controller())]);
        self.cluster().set_controller(node_id);
        Ok(())
    }

    /// Makes an in-sync replica the leader, with a new leader epoch, also if it leads already. What it does not have is truncated.
    ///
    /// # Errors
    /// [`Error::Topic`] if there is no such partition, or the broker is no in-sync replica of it that is there. A replica that is not
    /// in sync may lead where unclean.leader.election.enable is on.
    pub fn move_leader(&self, topic: &str, partition: i32, node_id: i32) -> Result<(), Error> {
        let _membership = self.cluster().membership();
        let found = self.cluster().topic(topic).map_err(|code| refused(topic, Refusal::new(code, code.message())))?;
        let index = usize::try_from(partition).map_err(|_| no_partition(topic))?;
        self.cluster().move_leader(&found, index, node_id).map_err(|refusal| refused(topic, refusal))
    }

    /// Lets the leader of a partition take over anew: clients see a new leader epoch, which is answered.
    ///
    /// # Errors
    /// As [`Broker::move_leader`].
    pub fn bump_leader_epoch(&self, topic: &str, partition: i32) -> Result<i32, Error> {
        let leader = self.with_partition(topic, partition, |_, state| state.leader())?;
        self.move_leader(topic, partition, leader)?;
        self.with_partition(topic, partition, |_, state| state.leader_epoch())
    }

    /// From now on followers copy only what a producer waits for with acks=all; `false` lets them copy everything at once again,
    /// which is the default. What was produced with acks=0 or 1 meanwhile is not visible to consumers, and lost when another broker
    /// becomes the leader. A broker that comes back stays out of the ISR meanwhile.
    pub fn hold_replication(&self, held: bool) {
        let _membership = self.cluster().membership();
        self.cluster().hold_replication(held);
    }

    /// Lets the followers of one partition catch up now, and those that are there be in sync again.
    ///
    /// # Errors
    /// [`Error::Topic`] if there is no such partition.
    pub fn replicate(&self, topic: &str, partition: i32) -> Result<(), Error> {
        self.with_partition(topic, partition, |_, state| state.replicate())
    }

    /// Followers of one partition that lag leave its ISR, as they do in Kafka after replica.lag.time.max.ms. The others' records
    /// become visible by that; an unclean election may lose them then.
    ///
    /// # Errors
    /// [`Error::Topic`] if there is no such partition.
    pub fn shrink_isr(&self, topic: &str, partition: i32) -> Result<(), Error> {
        self.with_partition(topic, partition, |_, state| state.shrink_isr())
    }

    /// How a partition stands.
    ///
    /// # Errors
    /// [`Error::Topic`] if there is no such partition.
    pub fn partition_status(&self, topic: &str, partition: i32) -> Result<PartitionStatus, Error> {
        self.with_partition(topic, partition, |_, state| {
            let view = state.view();
            PartitionStatus {
                leader: Some(view.leader).filter(|id| *id != NO_LEADER),
                leader_epoch: view.leader_epoch,
                replicas: state.replica_end_offsets(),
                isr: view.isr,
                log_start_offset: state.log.log_start_offset(),
                high_watermark: state.high_watermark(),
                log_end_offset: state.log.log_end_offset(),
            }
        })
    }

    /// Puts a rule in force: see [`Rule`]. All rules that match a request strike it, in the order in which they were added.
    ///
    /// # Errors
    /// [`Error::Fault`] if the rule could never do what it says.
    pub fn add_fault(&self, rule: Rule) -> Result<RuleId, Error> {
        self.cluster().faults.add(rule).map_err(Error::Fault)
    }

    /// The rules in force, with what became of them.
    #[must_use]
    pub fn faults(&self) -> Vec<RuleStatus> {
        self.cluster().faults.list()
    }

    /// How often a rule struck; 0 if it is not in force.
    #[must_use]
    pub fn fault_hits(&self, id: RuleId) -> u64 {
        self.faults().iter().find(|status| status.id == id).map_or(0, |status| status.hits)
    }

    /// Ends a rule. What it is doing to a request already goes on.
    pub fn remove_fault(&self, id: RuleId) -> Option<RuleStatus> {
        self.cluster().faults.remove(id)
    }

    /// Ends all rules.
    pub fn clear_faults(&self) -> Vec<RuleStatus> {
        self.cluster().faults.clear()
    }

    /// The requests seen, if the journal is on: see [`Journal::keep`].
    #[must_use]
    pub fn journal(&self) -> Arc<Journal> {
        self.cluster().journal.clone()
    }

    pub(crate) fn with_partition<T>(
        &self,
        topic: &str,
        partition: i32,
        look: impl FnOnce(&Topic, &mut PartitionState) -> T,
    ) -> Result<T, Error> {
        let unknown = |code: ErrorCode| refused(topic, Refusal::new(code, code.message()));
        let found = self.cluster().topic(topic).map_err(unknown)?;
        let mut state = found.partition(partition).ok_or_else(|| no_partition(topic))?.lock();
        Ok(look(&found, &mut state))
    }

    fn change_liveness(&self, node: &Node, change: impl FnOnce()) -> Result<(), Error> {
        let _membership = self.cluster().membership();
        let before = node.is_alive();
        change();
        if node.is_alive() == before {
            return Ok(());
        }
        self.cluster().note_liveness(node).map_err(|refusal| refused("a log that had to be truncated", refusal))
    }

    fn node(&self, node_id: i32) -> Result<&Node, Error> {
        self.cluster().node(node_id).ok_or(Error::NoSuchBroker(node_id))
    }
}
