//! One broker of the cluster: who it is, where it is reached, and whether it is there.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use ottla_protocol::Text;
use tokio::io::DuplexStream;
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc};

use crate::config::BrokerConfig;
use crate::fetch_session::FetchSessions;
use crate::random::Random;

/// What the task that serves a broker is told.
pub(crate) enum Command {
    /// Accept connections here.
    Listen(TcpListener),
    /// Serve this connection, which came through memory.
    Connect(DuplexStream),
    /// Close the listener and all connections. The sender is dropped once that is done.
    Close(std::sync::mpsc::Sender<()>),
}

/// A broker.
pub(crate) struct Node {
    pub(crate) id: i32,
    pub(crate) rack: Option<Text>,
    /// As the cluster's, with what is this broker's own.
    pub(crate) config: BrokerConfig,
    /// Host and port to tell clients; else the address that they came to, with the listener's port.
    advertised: Option<(Text, u16)>,
    /// Where it listens, or would; nowhere if all its connections come through memory.
    listen_ip: Option<IpAddr>,
    port: AtomicU16,
    running: AtomicBool,
    isolated: AtomicBool,
    /// Its waiters go on in the order in which they came, where those of a `watch` channel would not, so that a run can be replayed.
    healed: Notify,
    fetch_sessions: Mutex<FetchSessions>,
    /// For the ids of fetch sessions.
    pub(crate) session_random: Random,
    commands: mpsc::UnboundedSender<Command>,
}

/// What makes a broker.
pub(crate) struct NodeSetup {
    pub(crate) id: i32,
    pub(crate) config: BrokerConfig,
    pub(crate) advertised: Option<(Text, u16)>,
    pub(crate) local_addr: Option<SocketAddr>,
    pub(crate) seed: u64,
}

impl Node {
    pub(crate) fn new(setup: NodeSetup) -> (Self, mpsc::UnboundedReceiver<Command>) {
        let (commands, receiver) = mpsc::unbounded_channel();
        let mut node = Self {
            id: setup.id,
            rack: setup.config.rack().map(Text::from),
            fetch_sessions: Mutex::new(FetchSessions::new(session_slots(&setup.config))),
            config: setup.config,
            advertised: setup.advertised,
            listen_ip: setup.local_addr.map(|address| address.ip()),
            port: AtomicU16::new(setup.local_addr.map_or(0, |address| address.port())),
            running: AtomicBool::new(true),
            isolated: AtomicBool::new(false),
            healed: Notify::new(),
            session_random: Random::seeded(setup.seed),
            commands,
        };
        let listener = setup.local_addr.map_or_else(|| node.address(), |address| address.to_string());
        node.config.set_derived("listeners", format!("PLAINTEXT://{listener}"));
        node.config.set_derived("advertised.listeners", format!("PLAINTEXT://{}", node.address()));
        node.config.set_derived("broker.id", node.id.to_string());
        node.config.set_derived("node.id", node.id.to_string());
        (node, receiver)
    }

    /// Where a client is told that this broker is, if it came to `reached`.
    pub(crate) fn endpoint(&self, reached: Option<IpAddr>) -> (Text, u16) {
        if let Some((host, port)) = &self.advertised {
            return (host.clone(), *port);
        }
        let ip = reached.or_else(|| self.listen_ip.map(reachable)).unwrap_or(IpAddr::from([127, 0, 0, 1]));
        (Text::from(ip.to_canonical().to_string()), self.port.load(Ordering::Relaxed))
    }

    /// The same as `HOST:PORT`.
    pub(crate) fn address(&self) -> String {
        match self.endpoint(None) {
            (host, port) if host.contains(':') => format!("[{host}]:{port}"),
            (host, port) => format!("{host}:{port}"),
        }
    }

    /// The address of the listener, if there is one.
    pub(crate) fn local_addr(&self) -> Option<SocketAddr> {
        self.listen_ip.map(|ip| SocketAddr::new(ip, self.port.load(Ordering::Relaxed)))
    }

    pub(crate) fn set_port(&self, port: u16) {
        self.port.store(port, Ordering::Relaxed);
    }

    /// Whether the other brokers see it.
    pub(crate) fn is_alive(&self) -> bool {
        self.is_running() && !self.isolated.load(Ordering::Relaxed)
    }

    pub(crate) fn is_running(&self) -> bool {
        self.running.load(Ordering::Relaxed)
    }

    pub(crate) fn set_running(&self, running: bool) {
        self.running.store(running, Ordering::Relaxed);
    }

    pub(crate) fn set_isolated(&self, isolated: bool) {
        self.isolated.store(isolated, Ordering::Release);
        if !isolated {
            self.healed.notify_waiters();
        }
    }

    /// Ends when nothing is between the broker and its clients.
    pub(crate) async fn reachable(&self) {
        while self.isolated.load(Ordering::Acquire) {
            let mut healed = std::pin::pin!(self.healed.notified());
            // Registered before it looks again: nothing can come in between.
            healed.as_mut().enable();
            if self.isolated.load(Ordering::Acquire) {
                healed.await;
            }
        }
    }

    pub(crate) fn fetch_sessions(&self) -> MutexGuard<'_, FetchSessions> {
        self.fetch_sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A broker that starts again knows none of them.
    pub(crate) fn forget_fetch_sessions(&self) {
        *self.fetch_sessions() = FetchSessions::new(session_slots(&self.config));
    }

    /// False if the task that serves the broker has ended.
    pub(crate) fn command(&self, command: Command) -> bool {
        self.commands.send(command).is_ok()
    }
}

fn session_slots(config: &BrokerConfig) -> usize {
    usize::try_from(config.number("max.incremental.fetch.session.cache.slots")).unwrap_or(0)
}

/// An address to connect to: a listener on all interfaces is reached by the loopback one.
fn reachable(listener: IpAddr) -> IpAddr {
    match listener {
        IpAddr::V4(ip) if ip.is_unspecified() => std::net::Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => std::net::Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    }
}
