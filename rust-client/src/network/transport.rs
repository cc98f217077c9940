//! The seam between connections and what carries their bytes: TCP now; TLS, and memory in a simulation, fit in the same place.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ottla_core::error::{Error, ErrorKind};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};

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

/// Plain TCP. Each address that a name resolves to is tried in turn.
pub(crate) struct TcpConnector {
    pub(crate) family: AddressFamily,
    pub(crate) nodelay: bool,
    /// For all addresses of a name: each has its part, so that a dead one does not use up the time of the others.
    pub(crate) timeout: Duration,
    /// Counts the attempts: each begins with another address, so that one that takes connections and serves none is not the only
    /// one that is tried.
    pub(crate) attempts: AtomicUsize,
}

impl TcpConnector {
    fn wants(&self, address: &SocketAddr) -> bool {
        match self.family {
            AddressFamily::Any => true,
            AddressFamily::V4 => matches!(address.ip(), IpAddr::V4(_)),
            AddressFamily::V6 => matches!(address.ip(), IpAddr::V6(_)),
        }
    }

    async fn open(&self, host: &str, port: u16) -> Result<Box<dyn Stream>, Error> {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let resolved = lookup_host((host, port)).await.map_err(|error| {
            Error::new(ErrorKind::Resolve, format!("the host name {host} can't be resolved")).with_source(error).retriable()
        })?;
        let mut addresses: Vec<SocketAddr> = resolved.filter(|address| self.wants(address)).collect();
        if addresses.is_empty() {
            let what = format!("{host} has no address of the family that broker.address.family asks for");
            return Err(Error::new(ErrorKind::Resolve, what));
        }
        let first = self.attempts.fetch_add(1, Ordering::Relaxed) % addresses.len();
        addresses.rotate_left(first);
        self.open_one_of(&addresses).await
    }

    async fn open_one_of(&self, addresses: &[SocketAddr]) -> Result<Box<dyn Stream>, Error> {
        let each = self.timeout / u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
        let mut last = Error::new(ErrorKind::Resolve, "no address");
        for address in addresses {
            let opened = tokio::time::timeout(each, TcpStream::connect(address)).await;
            match opened.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut))) {
                Ok(stream) => {
                    // A refusal only costs latency.
                    let _ = stream.set_nodelay(self.nodelay);
                    return Ok(Box::new(stream));
                }
                Err(error) => {
                    last = Error::new(ErrorKind::Transport, format!("no connection to {address}")).with_source(error).retriable();
                }
            }
        }
        Err(last)
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
    async fn a_name_with_a_dead_address_is_reached_at_another() {
        // Bound and let go: nobody listens there.
        let dead = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let live = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let connector = TcpConnector {
            family: AddressFamily::Any,
            nodelay: true,
            timeout: Duration::from_secs(10),
            attempts: AtomicUsize::new(0),
        };
        let addresses = [dead, live.local_addr().unwrap()];
        assert!(connector.open_one_of(&addresses).await.is_ok());
        let error = connector.open_one_of(&addresses[..1]).await.map(drop).unwrap_err();
        assert!(error.to_string().contains(&dead.to_string()) && error.is_retriable(), "{error}");
    }
}
