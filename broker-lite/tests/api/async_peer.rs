//! The other end of a connection through memory.

use bytes::Bytes;
use ottla_protocol::{Decode, Reader, Request, Text, frame};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

pub(crate) struct AsyncPeer(pub(crate) DuplexStream);

impl AsyncPeer {
    pub(crate) async fn send<R: Request>(&mut self, version: i16, request: &R) {
        let parts = frame::encode_request(version, 7, Some(&Text::from_static("test")), request).unwrap();
        self.0.write_all(&parts.concat()).await.unwrap();
    }

    /// The next frame; none if the broker closed the connection.
    pub(crate) async fn receive_frame(&mut self) -> Option<Bytes> {
        let size = self.0.read_u32().await.ok()?;
        let mut body = vec![0; size as usize];
        self.0.read_exact(&mut body).await.ok()?;
        Some(body.into())
    }

    pub(crate) async fn receive<R: Request>(&mut self, version: i16) -> R::Response {
        let mut reader = Reader::new(self.receive_frame().await.expect("the broker closed the connection"));
        assert_eq!(frame::decode_response_header(&mut reader, R::KEY, version).unwrap(), 7);
        let response = R::Response::decode(&mut reader, version).unwrap();
        assert_eq!(reader.remaining(), 0);
        response
    }

    /// The same; none if the broker closed the connection.
    #[allow(dead_code, reason = "shared with other tests")]
    pub(crate) async fn try_ask<R: Request>(&mut self, version: i16, request: &R) -> Option<R::Response> {
        let parts = frame::encode_request(version, 7, Some(&Text::from_static("test")), request).unwrap();
        self.0.write_all(&parts.concat()).await.ok()?;
        let mut reader = Reader::new(self.receive_frame().await?);
        assert_eq!(frame::decode_response_header(&mut reader, R::KEY, version).unwrap(), 7);
        Some(R::Response::decode(&mut reader, version).unwrap())
    }

    pub(crate) async fn ask<R: Request>(&mut self, version: i16, request: &R) -> R::Response {
        self.send(version, request).await;
        self.receive::<R>(version).await
    }
}
