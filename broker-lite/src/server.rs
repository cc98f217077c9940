//! Connections: frames in, frames out, one request of a connection at a time.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use ottla_protocol::frame;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::cluster::Cluster;
use crate::dispatch::{self, Answer};

/// How much is read at once while nothing is known of the next frame.
const READ_SIZE: usize = 8 << 10;
/// How much of the next requests is read while one is being answered.
const READ_AHEAD: usize = 64 << 10;
/// How many ranges go into one system call.
const SLICES: usize = 64;

/// Accepts connections until `stop` says so or its sender is gone; then all connections are closed.
pub(crate) async fn serve(listener: TcpListener, cluster: Arc<Cluster>, mut stop: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    let mut retention = std::pin::pin!(retention_loop(cluster.clone()));
    loop {
        tokio::select! {
            biased;
            () = stopped(&mut stop) => break,
            Some(_) = connections.join_next() => {}
            () = &mut retention => {}
            (stream, peer) = accept(&listener) => {
                connections.spawn(connection(stream, peer, cluster.clone()));
            }
        }
    }
    connections.shutdown().await;
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error says that the sender is gone, which is an end as well.
    drop(stop.wait_for(|stop| *stop).await);
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            // Out of file descriptors, most likely. Others may be freed; the listener is not at fault.
            Err(error) => {
                tracing::warn!("a connection can't be accepted: {error}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn retention_loop(cluster: Arc<Cluster>) {
    let interval = cluster.config.number("log.retention.check.interval.ms").unsigned_abs().max(1);
    loop {
        cluster.clock.sleep(Duration::from_millis(interval)).await;
        cluster.enforce_retention();
    }
}

async fn connection(mut stream: TcpStream, peer: SocketAddr, cluster: Arc<Cluster>) {
    // Responses are written whole; waiting for more would only delay them.
    let _ = stream.set_nodelay(true);
    let local = match stream.local_addr() {
        Ok(local) => local,
        Err(error) => return tracing::debug!("{peer}: {error}"),
    };
    match converse(&mut stream, local, &cluster).await {
        Ok(()) => {}
        Err(End::Io(error)) => tracing::debug!("{peer}: {error}"),
        Err(End::Refused(reason)) => tracing::warn!("{peer}: {reason}; the connection is closed"),
    }
}

enum End {
    Io(io::Error),
    Refused(String),
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

async fn converse(stream: &mut TcpStream, local: SocketAddr, cluster: &Cluster) -> Result<(), End> {
    let (mut reader, mut writer) = stream.split();
    let max_frame = usize::try_from(cluster.config.number("socket.request.max.bytes")).unwrap_or(usize::MAX);
    let mut received = BytesMut::new();
    let mut at_end = false;
    loop {
        match frame::next_frame(&mut received, max_frame).map_err(|error| End::Refused(error.to_string()))? {
            Some(request) => {
                let Some(answer) = answer(cluster, local, request, &mut reader, &mut received, &mut at_end).await? else {
                    continue;
                };
                match answer {
                    Answer::Send(response) => write_all(&mut writer, response).await?,
                    Answer::Silence => {}
                    Answer::Close(reason) => return Err(End::Refused(reason)),
                }
            }
            None if at_end => return Ok(()),
            None => at_end = read_some(&mut reader, &mut received).await? == 0,
        }
    }
}

/// Runs a request while what comes behind it is read, within a bound. `None` if the client hung up while the request waited.
async fn answer(
    cluster: &Cluster,
    local: SocketAddr,
    request: Bytes,
    reader: &mut ReadHalf<'_>,
    received: &mut BytesMut,
    at_end: &mut bool,
) -> Result<Option<Answer>, End> {
    let mut answer = std::pin::pin!(dispatch::dispatch(cluster, local, request));
    loop {
        tokio::select! {
            biased;
            answer = &mut answer => return Ok(Some(answer)),
            read = read_some(reader, received), if !*at_end && received.len() < READ_AHEAD => {
                if read? == 0 {
                    *at_end = true;
                    return Ok(None);
                }
            }
        }
    }
}

/// Reads what is there. The buffer grows with what came, not with what a frame's size claims.
async fn read_some(reader: &mut ReadHalf<'_>, received: &mut BytesMut) -> io::Result<usize> {
    if received.capacity() - received.len() < READ_SIZE / 2 {
        let claimed = received.first_chunk::<4>().map_or(0, |size| u32::from_be_bytes(*size) as usize);
        let missing = claimed.saturating_add(4).saturating_sub(received.len());
        // At most as much again as came already.
        received.reserve(missing.min(received.len()).max(READ_SIZE));
    }
    reader.read_buf(received).await
}

async fn write_all(writer: &mut WriteHalf<'_>, mut parts: Vec<Bytes>) -> io::Result<()> {
    let mut first = 0;
    while first < parts.len() {
        let rest = parts.get(first..).unwrap_or_default();
        let mut slices = [IoSlice::new(&[]); SLICES];
        for (slice, part) in slices.iter_mut().zip(rest) {
            *slice = IoSlice::new(part);
        }
        let used = rest.len().min(SLICES);
        let mut written = writer.write_vectored(slices.get(..used).unwrap_or_default()).await?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        while let Some(part) = parts.get_mut(first) {
            if written < part.len() {
                part.advance(written);
                break;
            }
            written -= part.len();
            first += 1;
        }
    }
    Ok(())
}
