//! Connections: frames in, frames out, one request of a connection at a time.

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use ottla_protocol::frame;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::cluster::Cluster;
use crate::dispatch::{self, Answer, Connection, Outcome};
use crate::node::{Command, Node};

/// How much is read at once while nothing is known of the next frame.
const READ_SIZE: usize = 8 << 10;
/// How much of the next requests is read while one is being answered.
const READ_AHEAD: usize = 64 << 10;
/// How many ranges go into one system call.
const SLICES: usize = 64;

/// Serves all brokers until `stop` says so or its sender is gone; then all connections are closed.
pub(crate) async fn run(cluster: Arc<Cluster>, commands: Vec<mpsc::UnboundedReceiver<Command>>, mut stop: watch::Receiver<bool>) {
    let mut tasks = JoinSet::new();
    for (index, commands) in commands.into_iter().enumerate() {
        tasks.spawn(serve(cluster.clone(), index, commands));
    }
    tasks.spawn(retention_loop(cluster.clone()));
    tasks.spawn(offsets_retention_loop(cluster.clone()));
    tasks.spawn(async move { cluster.coordinators.run(&cluster.clock).await });
    // An error says that the sender is gone, which is an end as well.
    drop(stop.wait_for(|stop| *stop).await);
    tasks.shutdown().await;
}

/// Serves one broker. Its connections end with it.
async fn serve(cluster: Arc<Cluster>, node: usize, mut commands: mpsc::UnboundedReceiver<Command>) {
    let mut connections = JoinSet::new();
    let mut listener: Option<TcpListener> = None;
    loop {
        tokio::select! {
            biased;
            command = commands.recv() => match command {
                None => break,
                Some(Command::Listen(opened)) => listener = Some(opened),
                Some(Command::Connect(stream)) => drop(connections.spawn(memory_connection(stream, cluster.clone(), node))),
                Some(Command::Close(done)) => {
                    listener = None;
                    connections.shutdown().await;
                    drop(done);
                }
            },
            Some(_) = connections.join_next() => {}
            stream = accept(listener.as_ref()) => drop(connections.spawn(tcp_connection(stream, cluster.clone(), node))),
        }
    }
}

async fn accept(listener: Option<&TcpListener>) -> TcpStream {
    let Some(listener) = listener else { return std::future::pending().await };
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
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

async fn offsets_retention_loop(cluster: Arc<Cluster>) {
    let interval = cluster.config.number("offsets.retention.check.interval.ms").unsigned_abs().max(1);
    loop {
        cluster.clock.sleep(Duration::from_millis(interval)).await;
        cluster.expire_offsets();
    }
}

async fn tcp_connection(mut stream: TcpStream, cluster: Arc<Cluster>, node: usize) {
    // Responses are written whole; waiting for more would only delay them.
    let _ = stream.set_nodelay(true);
    let (local, peer) = match (stream.local_addr(), stream.peer_addr()) {
        (Ok(local), Ok(peer)) => (local, peer),
        (Err(error), _) | (_, Err(error)) => return tracing::debug!("a connection ended at once: {error}"),
    };
    let Some(node) = cluster.nodes.get(node) else { return };
    let connection = Connection { node, id: cluster.new_connection_id(), reached: Some(local.ip()), peer: Some(peer.ip()) };
    let (mut reader, mut writer) = stream.split();
    report(converse(&mut reader, &mut writer, &cluster, &connection).await, &connection, &peer);
}

async fn memory_connection(stream: DuplexStream, cluster: Arc<Cluster>, node: usize) {
    let Some(node) = cluster.nodes.get(node) else { return };
    let connection = Connection { node, id: cluster.new_connection_id(), reached: None, peer: None };
    let (mut reader, mut writer) = tokio::io::split(stream);
    report(converse(&mut reader, &mut writer, &cluster, &connection).await, &connection, &"memory");
}

fn report(end: Result<(), End>, connection: &Connection<'_>, peer: &dyn std::fmt::Display) {
    let (node, id) = (connection.node.id, connection.id);
    match end {
        Ok(()) => {}
        Err(End::Io(error)) => tracing::debug!("broker {node}, connection {id} from {peer}: {error}"),
        Err(End::Refused(reason)) => {
            tracing::warn!("broker {node}, connection {id} from {peer}: {reason}; the connection is closed");
        }
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

async fn converse<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(
    reader: &mut R,
    writer: &mut W,
    cluster: &Cluster,
    connection: &Connection<'_>,
) -> Result<(), End> {
    let max_frame = usize::try_from(cluster.config.number("socket.request.max.bytes")).unwrap_or(usize::MAX);
    let mut received = BytesMut::new();
    let mut at_end = false;
    loop {
        match frame::next_frame(&mut received, max_frame).map_err(|error| End::Refused(error.to_string()))? {
            Some(request) => {
                let Some(answer) = answer(cluster, connection, request, reader, &mut received, &mut at_end).await? else {
                    // What lies behind a request that was given up must not be done without it.
                    return Ok(());
                };
                match answer.answer {
                    Answer::Send(response) => write_all(writer, response).await?,
                    Answer::Silence => {}
                    Answer::SendAndClose(response) => return Ok(write_all(writer, response).await?),
                    Answer::SilenceForGood => return Ok(drain(reader).await?),
                    Answer::HangUp => return Ok(()),
                    Answer::Close(reason) => return Err(End::Refused(reason)),
                }
                if !answer.mute.is_zero() {
                    tokio::time::sleep(answer.mute).await;
                }
            }
            None if at_end => return Ok(()),
            None => at_end = read_some(reader, &mut received).await? == 0,
        }
    }
}

/// Runs a request while what comes behind it is read, within a bound. `None` if the client hung up while the request waited.
async fn answer<R: AsyncRead + Unpin>(
    cluster: &Cluster,
    connection: &Connection<'_>,
    request: Bytes,
    reader: &mut R,
    received: &mut BytesMut,
    at_end: &mut bool,
) -> Result<Option<Outcome>, End> {
    let mut answer = std::pin::pin!(answer_if_reachable(cluster, connection, request));
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

/// What comes in or would go out while the broker is isolated waits, as it would in a network that has to send it again.
async fn answer_if_reachable(cluster: &Cluster, connection: &Connection<'_>, request: Bytes) -> Outcome {
    let node: &Node = connection.node;
    node.reachable().await;
    let answer = dispatch::dispatch(cluster, connection, request).await;
    node.reachable().await;
    answer
}

/// Reads what is there. The buffer grows with what came, not with what a frame's size claims.
async fn read_some<R: AsyncRead + Unpin>(reader: &mut R, received: &mut BytesMut) -> io::Result<usize> {
    if received.capacity() - received.len() < READ_SIZE / 2 {
        let claimed = received.first_chunk::<4>().map_or(0, |size| u32::from_be_bytes(*size) as usize);
        let missing = claimed.saturating_add(4).saturating_sub(received.len());
        // At most as much again as came already.
        received.reserve(missing.min(received.len()).max(READ_SIZE));
    }
    reader.read_buf(received).await
}

/// Throws away what comes until the client hangs up.
async fn drain<R: AsyncRead + Unpin>(reader: &mut R) -> io::Result<()> {
    let mut ignored = BytesMut::new();
    while read_some(reader, &mut ignored).await? > 0 {
        ignored.clear();
    }
    Ok(())
}

async fn write_all<W: AsyncWrite + Unpin>(writer: &mut W, mut parts: Vec<Bytes>) -> io::Result<()> {
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
