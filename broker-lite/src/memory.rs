//! Connections through memory: no socket, no port, and nothing that a paused clock would not wait for.

use std::io;
use std::sync::Arc;

use tokio::io::DuplexStream;

use crate::cluster::Cluster;
use crate::node::{Command, Node};

/// What each direction of a connection holds before its writer has to wait, like a socket's buffer.
const BUFFER_SIZE: usize = 64 << 10;

/// Opens connections to the brokers of one [`Broker`](crate::Broker) through memory. Clones lead to the same one.
///
/// It does not keep the broker running: once that has stopped, connections are refused.
#[derive(Clone)]
pub struct MemoryConnector {
    cluster: Arc<Cluster>,
}

impl MemoryConnector {
    pub(crate) fn new(cluster: Arc<Cluster>) -> Self {
        Self { cluster }
    }

    /// A connection to the broker that clients are told is at this host and port.
    ///
    /// # Errors
    /// [`io::ErrorKind::ConnectionRefused`] if nobody listens there.
    pub fn connect(&self, host: &str, port: u16) -> io::Result<DuplexStream> {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let here = |node: &&Node| {
            let (at_host, at_port) = node.endpoint(None);
            at_port == port && &*at_host == host
        };
        open(self.cluster.nodes.iter().find(here))
    }

    /// A connection to the broker with this id.
    ///
    /// # Errors
    /// [`io::ErrorKind::ConnectionRefused`] if there is none, or it is stopped.
    pub fn connect_to(&self, node_id: i32) -> io::Result<DuplexStream> {
        open(self.cluster.node(node_id))
    }
}

impl std::fmt::Debug for MemoryConnector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryConnector").finish_non_exhaustive()
    }
}

fn open(node: Option<&Node>) -> io::Result<DuplexStream> {
    let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
    let node = node.filter(|node| node.is_running()).ok_or_else(refused)?;
    let (ours, theirs) = tokio::io::duplex(BUFFER_SIZE);
    if node.command(Command::Connect(ours)) { Ok(theirs) } else { Err(refused()) }
}
