//! What a test does to the brokers of a cluster while it runs.

use std::time::Duration;

use crate::broker::{Broker, bind};
use crate::error::Error;
use crate::node::{Command, Node};

/// How long a stop waits until the connections are closed.
const CLOSED_WITHIN: Duration = Duration::from_secs(1);

impl Broker {
    /// Stops one broker: its connections are closed and new ones refused. On a runtime that was given to the builder, listener and
    /// connections are closed as soon as that runtime gets to it.
    ///
    /// # Errors
    /// [`Error::NoSuchBroker`].
    pub fn stop_broker(&self, node_id: i32) -> Result<(), Error> {
        let node = self.node(node_id)?;
        node.set_running(false);
        let (done, closed) = std::sync::mpsc::channel();
        node.command(Command::Close(done));
        node.forget_fetch_sessions();
        if self.has_own_thread() {
            // Both an end and a timeout are fine: the bound counts.
            let _ = closed.recv_timeout(CLOSED_WITHIN);
        }
        Ok(())
    }

    /// Starts a broker again that was stopped, on the same port if that is still free.
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
        node.set_running(true);
        Ok(())
    }

    /// Cuts a broker off: its connections stay, and new ones are accepted, but nothing goes through them. What clients sent is
    /// processed after [`Broker::heal`], as it would be when a network sends it again.
    ///
    /// # Errors
    /// [`Error::NoSuchBroker`].
    pub fn isolate(&self, node_id: i32) -> Result<(), Error> {
        self.node(node_id)?.set_isolated(true);
        Ok(())
    }

    /// Ends what [`Broker::isolate`] began.
    ///
    /// # Errors
    /// [`Error::NoSuchBroker`].
    pub fn heal(&self, node_id: i32) -> Result<(), Error> {
        self.node(node_id)?.set_isolated(false);
        Ok(())
    }

    /// Whether a broker is neither stopped nor isolated; false if there is none with this id.
    #[must_use]
    pub fn is_alive(&self, node_id: i32) -> bool {
        self.node(node_id).is_ok_and(Node::is_alive)
    }

    fn node(&self, node_id: i32) -> Result<&Node, Error> {
        self.cluster().node(node_id).ok_or(Error::NoSuchBroker(node_id))
    }
}
