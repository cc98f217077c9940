//! The seam between connections and what carries their bytes: TCP now; TLS, and memory in a simulation, fit in the same place.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ottla_core::error::{Error, ErrorKind};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};

use crate::hedge::first_of;

/// What carries a connection's bytes.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A stream that is being opened.
pub type Connecting<'a> = Pin<Box<dyn Future<Output = Result<Box<dyn Stream>, Error>> + Send + 'a>>;

/// Opens a stream to a host and port.
pub trait Connector: Send + Sync + 'static {
    /// Opens a stream; the caller bounds the time it may take.
    fn connect<'a>(&'a self, host: &'a str, port: u16) -> Connecting<'a>;
}

/// `broker.address.family`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AddressFamily {
    Any,
    V4,
    V6,
}

/// What names and addresses lead to: the system's resolver and its sockets, or a test's.
pub(crate) trait Reach: Send + Sync + 'static {
    /// The addresses of a name.
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Waiting<'a, Vec<SocketAddr>>;
    /// A connection to one of them.
    fn dial(&self, address: SocketAddr) -> Waiting<'_, Box<dyn Stream>>;
}

/// What [`Reach`] answers.
pub(crate) type Waiting<'a, T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send + 'a>>;

struct System {
    nodelay: bool,
}

impl Reach for System {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Waiting<'a, Vec<SocketAddr>> {
        Box::pin(async move { Ok(lookup_host((host, port)).await?.collect()) })
    }

    fn dial(&self, address: SocketAddr) -> Waiting<'_, Box<dyn Stream>> {
        Box::pin(async move {
            let stream = TcpStream::connect(address).await?;
            // A refusal only costs latency.
            let _ = stream.set_nodelay(self.nodelay);
            Ok(Box::new(stream) as Box<dyn Stream>)
        })
    }
}

/// How long an address is waited for before the next one of the same name is tried beside it (RFC 8305): a dead one, whose packets
/// are dropped, then costs this time and not all that there is for connecting.
const NEXT_ADDRESS: Duration = Duration::from_millis(250);

/// Plain TCP, to whichever address of a name answers.
pub(crate) struct TcpConnector {
    family: AddressFamily,
    reach: Arc<dyn Reach>,
    /// Counts the attempts: each begins with another address, so that one that takes connections and serves none is not the only
    /// one that is tried.
    attempts: AtomicUsize,
}

impl TcpConnector {
    pub(crate) fn new(family: AddressFamily, nodelay: bool) -> Self {
        Self::reaching(family, Arc::new(System { nodelay }))
    }

    pub(crate) fn reaching(family: AddressFamily, reach: Arc<dyn Reach>) -> Self {
        Self { family, reach, attempts: AtomicUsize::new(0) }
    }

    fn wants(&self, address: &SocketAddr) -> bool {
        match self.family {
            AddressFamily::Any => true,
            AddressFamily::V4 => matches!(address.ip(), IpAddr::V4(_)),
            AddressFamily::V6 => matches!(address.ip(), IpAddr::V6(_)),
        }
    }

    async fn open(&self, host: &str, port: u16) -> Result<Box<dyn Stream>, Error> {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let resolved = self.reach.resolve(host, port).await.map_err(|error| {
            Error::new(ErrorKind::Resolve, format!("the host name {host} can't be resolved")).with_source(error).retriable()
        })?;
        let mut addresses: Vec<SocketAddr> = resolved.into_iter().filter(|address| self.wants(address)).collect();
        if addresses.is_empty() {
            let what = format!("{host} has no address of the family that broker.address.family asks for");
            return Err(Error::new(ErrorKind::Resolve, what));
        }
        let first = self.attempts.fetch_add(1, Ordering::Relaxed) % addresses.len();
        addresses.rotate_left(first);
        self.open_one_of(addresses).await
    }

    async fn open_one_of(&self, addresses: Vec<SocketAddr>) -> Result<Box<dyn Stream>, Error> {
        let attempts = addresses.into_iter().map(|address| {
            let reach = self.reach.clone();
            async move {
                let failed = |error| {
                    Error::new(ErrorKind::Transport, format!("no connection to {address}")).with_source(error).retriable()
                };
                reach.dial(address).await.map_err(failed)
            }
        });
        first_of(attempts, NEXT_ADDRESS, Error::new(ErrorKind::Resolve, "no address")).await
    }
}

impl Connector for TcpConnector {
    fn connect<'a>(&'a self, host: &'a str, port: u16) -> Connecting<'a> {
        Box::pin(self.open(host, port))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_with_an_address_that_refuses_is_reached_at_another() {
        // Bound and let go: nobody listens there.
        let dead = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let live = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let connector = TcpConnector::new(AddressFamily::Any, true);
        assert!(connector.open_one_of(vec![dead, live.local_addr().unwrap()]).await.is_ok());
        let error = connector.open_one_of(vec![dead]).await.map(drop).unwrap_err();
        assert!(error.to_string().contains(&dead.to_string()) && error.is_retriable(), "{error}");
    }
}
