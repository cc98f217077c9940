//! What an operator does that the client can't.

use bytes::Bytes;
use ottla_protocol::frame::{decode_response_header, encode_request};
use ottla_protocol::messages::create_partitions::CreatePartitionsTopic;
use ottla_protocol::messages::{CreatePartitionsRequest, CreatePartitionsResponse};
use ottla_protocol::{ApiKey, Decode, Reader};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const VERSION: i16 = 3;

/// Asks the controller for so many partitions in all; answers its error code.
pub(crate) async fn add_partitions(
    mut stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    topic: &str,
    count: i32,
) -> std::io::Result<i16> {
    let topic = CreatePartitionsTopic { name: topic.into(), count, ..CreatePartitionsTopic::default() };
    let request = CreatePartitionsRequest { topics: vec![topic], timeout_ms: 10_000, ..CreatePartitionsRequest::default() };
    for part in encode_request(VERSION, 1, None, &request).expect("a small request") {
        stream.write_all(&part).await?;
    }
    let mut answer = vec![0; usize::try_from(stream.read_i32().await?).expect("a broker's own size")];
    stream.read_exact(&mut answer).await?;
    let mut reader = Reader::new(Bytes::from(answer));
    let response = decode_response_header(&mut reader, ApiKey::CreatePartitions, VERSION)
        .and_then(|_| CreatePartitionsResponse::decode(&mut reader, VERSION));
    Ok(response.map_or(-1, |response| response.results.first().map_or(-1, |result| result.error_code)))
}
