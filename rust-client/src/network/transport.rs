//! The seam between connections and what carries their bytes: TCP now; TLS, and memory in a simulation, fit in the same place.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
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
    /// For one address, so that a dead one does not use up the time of the others.
    pub(crate) address_timeout: Duration,
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
        let mut last =
            Error::new(ErrorKind::Resolve, format!("{host} has no address of the family that broker.address.family asks for"));
        for address in resolved.filter(|address| self.wants(address)) {
            let opened = tokio::time::timeout(self.address_timeout, TcpStream::connect(address)).await;
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
