//! What stands between a client and a broker, frame by frame: it may look at each, and send on something else.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// The largest frame that is passed on.
const MAX_FRAME: usize = 64 << 20;

/// A request that went through.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its API's number.
    pub api_key: i16,
    /// Its version.
    pub version: i16,
    /// The frame, without its size.
    pub frame: Vec<u8>,
}

/// Sees each request, and chooses what is sent on for each response.
pub trait Between: Send + Sync {
    /// A request on its way to the broker.
    fn request(&self, _request: &Request) {}

    /// The response to it, without its size. The bytes to send, size included; none to send nothing and close the connection.
    fn response(&self, request: Option<&Request>, frame: Vec<u8>) -> Option<Vec<u8>>;
}

/// The frame as it goes over the wire.
#[must_use]
pub fn sized(frame: &[u8]) -> Vec<u8> {
    let mut bytes = (frame.len() as u32).to_be_bytes().to_vec();
    bytes.extend_from_slice(frame);
    bytes
}

/// Listens, and stops when it is dropped.
pub struct Proxy {
    address: SocketAddr,
    broker: Arc<Mutex<Option<SocketAddr>>>,
    stopped: Arc<AtomicBool>,
}

impl Proxy {
    /// Listens on a free port. Connections wait until a broker is named.
    ///
    /// # Panics
    /// If there is no free port.
    #[must_use]
    pub fn start(between: Arc<dyn Between>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let broker = Arc::new(Mutex::new(None));
        let stopped = Arc::new(AtomicBool::new(false));
        let (to, end) = (broker.clone(), stopped.clone());
        thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                if end.load(Ordering::SeqCst) {
                    return;
                }
                let broker: Option<SocketAddr> = *to.lock().unwrap_or_else(PoisonError::into_inner);
                let (Some(broker), between) = (broker, between.clone()) else { continue };
                thread::spawn(move || {
                    // Ends with either side.
                    let _ = pass(&client, broker, &between);
                });
            }
        });
        Self { address, broker, stopped }
    }

    /// The `HOST:PORT` to reach it at, for a broker to advertise.
    #[must_use]
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Where connections go from now on.
    pub fn connect_to(&self, broker: SocketAddr) {
        *self.broker.lock().unwrap_or_else(PoisonError::into_inner) = Some(broker);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Wakes the listener.
        let _ = TcpStream::connect(self.address);
    }
}

fn pass(client: &TcpStream, broker: SocketAddr, between: &Arc<dyn Between>) -> io::Result<()> {
    let broker = TcpStream::connect(broker)?;
    for stream in [client, &broker] {
        stream.set_nodelay(true)?;
    }
    // Requests that an answer is awaited for, in order.
    let awaited = Arc::new(Mutex::new(std::collections::VecDeque::new()));
    let forth = {
        let (client, mut broker, between, awaited) = (client.try_clone()?, broker.try_clone()?, between.clone(), awaited.clone());
        thread::spawn(move || {
            let mut reader = &client;
            while let Ok(frame) = read_frame(&mut reader) {
                let number = |at: usize| frame.get(at..at + 2).map_or(-1, |two| i16::from_be_bytes([two[0], two[1]]));
                let request = Request { api_key: number(0), version: number(2), frame };
                between.request(&request);
                let bytes = sized(&request.frame);
                awaited.lock().unwrap_or_else(PoisonError::into_inner).push_back(request);
                if broker.write_all(&bytes).is_err() {
                    break;
                }
            }
            let _ = broker.shutdown(Shutdown::Both);
        })
    };
    let (mut reader, mut writer) = (&broker, client);
    while let Ok(frame) = read_frame(&mut reader) {
        let request = awaited.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        match between.response(request.as_ref(), frame) {
            Some(bytes) if writer.write_all(&bytes).is_ok() => {}
            _ => break,
        }
    }
    for stream in [client, &broker] {
        let _ = stream.shutdown(Shutdown::Both);
    }
    let _ = forth.join();
    Ok(())
}

/// Reads a frame, without its size.
///
/// # Errors
/// If the stream ends or the size is none that is passed on.
pub fn read_frame(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut size = [0; 4];
    stream.read_exact(&mut size)?;
    let size = u32::from_be_bytes(size) as usize;
    if size > MAX_FRAME {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut frame = vec![0; size];
    stream.read_exact(&mut frame)?;
    Ok(frame)
}
