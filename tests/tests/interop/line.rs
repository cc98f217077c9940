//! A line to a broker that a test can silence or cut, for brokers that it can't stop.

use std::io;
use std::pin::pin;
use std::sync::Arc;

use ottla::{Connecting, Connector, Error, ErrorKind, Stream};
use tokio::io::{copy_bidirectional, duplex};
use tokio::net::TcpStream;
use tokio::sync::watch;

/// How a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// Bytes pass.
    Open,
    /// Bytes wait, as behind a firewall that drops packets.
    Silent,
    /// Connections break, and new ones are refused.
    Cut,
}

/// Opens TCP connections that are all as the line is.
pub(crate) struct Lines {
    line: watch::Sender<Line>,
}

impl Lines {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { line: watch::Sender::new(Line::Open) })
    }

    pub(crate) fn set(&self, line: Line) {
        self.line.send_replace(line);
    }

    async fn open(&self, host: &str, port: u16) -> io::Result<Box<dyn Stream>> {
        if *self.line.borrow() == Line::Cut {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let tcp = TcpStream::connect((host, port)).await?;
        let (near, far) = duplex(64 * 1024);
        tokio::spawn(relay(near, tcp, self.line.subscribe()));
        Ok(Box::new(far))
    }
}

async fn relay(mut near: tokio::io::DuplexStream, mut tcp: TcpStream, mut line: watch::Receiver<Line>) {
    let mut copying = pin!(copy_bidirectional(&mut near, &mut tcp));
    loop {
        let now = *line.borrow_and_update();
        let changed = match now {
            Line::Cut => return,
            Line::Silent => line.changed().await,
            Line::Open => tokio::select! {
                biased;
                changed = line.changed() => changed,
                _ = &mut copying => return,
            },
        };
        if changed.is_err() {
            return;
        }
    }
}

impl Connector for Lines {
    fn connect<'a>(&'a self, host: &'a str, port: u16) -> Connecting<'a> {
        Box::pin(async move {
            let refused = |error| Error::new(ErrorKind::Transport, "the line is cut").with_source(error).retriable();
            self.open(host, port).await.map_err(refused)
        })
    }
}
