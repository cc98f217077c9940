//! Connections to brokers: opened when needed, keyed by broker and purpose, opened again with backoff.

mod connection;
mod pool;
#[cfg(test)]
mod tests;
mod tracer;
mod transport;

pub(crate) use connection::Connection;
pub(crate) use connection::ConnectionSettings;
pub(crate) use pool::{Connections, PoolSettings, Purpose};
pub(crate) use transport::{AddressFamily, TcpConnector};
pub use transport::{Connecting, Connector, Stream};
