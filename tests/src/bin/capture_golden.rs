//! Captures bytes of a live Apache Kafka into `tests/data/golden`: record batches of each codec as the Java producer wrote them and
//! the broker stored them, and responses as they came over a socket. They are committed: run this again for a new Kafka only.

use std::error::Error;
use std::fs;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::Path;

use ottla_tests::kafka::{KAFKA_VERSION, LiveKafka, workspace_root};

/// Key, headers and value as the console producer reads them: a null key and a null value, an empty value, headers that repeat
/// in their order, and enough alike that each codec does compress.
fn input() -> String {
    let mut lines = vec![
        "h1:v1,h2:v2\talice\tfirst".to_owned(),
        "trace:one,trace:two,trace:one\tbob\tsecond".to_owned(),
        "empty:\tNULL\ta null key".to_owned(),
        "NULL\tcarol\tno headers".to_owned(),
        "h:v\tdave\tNULL".to_owned(),
        "h:v\terin\t".to_owned(),
    ];
    lines.extend((0..20).map(|number| format!("n:{number}\tkey-{number}\tthe same words again and again, number {number}")));
    lines.join("\n") + "\n"
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = workspace_root().join("tests/data/golden");
    fs::create_dir_all(&folder)?;
    let kafka = LiveKafka::start();
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        capture_batches(&kafka, codec, &folder)?;
    }
    capture_responses(&kafka, &folder)?;
    println!("captured from Apache Kafka {KAFKA_VERSION} into {}", folder.display());
    Ok(())
}

fn capture_batches(kafka: &LiveKafka, codec: &str, folder: &Path) -> Result<(), Box<dyn Error>> {
    let topic = format!("golden-{codec}");
    kafka.create_topic(&topic, 1, 1)?;
    let mut arguments = vec!["--bootstrap-server", kafka.bootstrap_servers(), "--topic", &topic];
    arguments.extend(["--compression-codec", codec, "--batch-size", "65536"]);
    // A linger that is longer than the tool runs: one batch, sent when it closes.
    arguments.extend(["--command-property", "linger.ms=60000", "--command-property", "batch.size=65536"]);
    for property in ["parse.key=true", "parse.headers=true", "null.marker=NULL"] {
        arguments.extend(["--reader-property", property]);
    }
    kafka.run_tool("org.apache.kafka.tools.ConsoleProducer", &arguments, input().as_bytes())?.into_text()?;

    // The segment is the batches and nothing else, as they are on the wire too.
    let segment = kafka.data_folder(1).join(format!("{topic}-0")).join("00000000000000000000.log");
    let bytes = fs::read(&segment)?;
    if bytes.is_empty() {
        return Err(format!("{} is empty", segment.display()).into());
    }
    println!("{codec}: {} bytes, attributes {:?}", bytes.len(), bytes.get(21..23));
    fs::write(folder.join(format!("batch-{codec}.bin")), bytes)?;
    Ok(())
}

/// Requests in bytes written by hand, so that none of our own encoders has a part in what is captured.
fn capture_responses(kafka: &LiveKafka, folder: &Path) -> Result<(), Box<dyn Error>> {
    let mut socket = TcpStream::connect(kafka.bootstrap_servers())?;

    // ApiVersions 0: an empty body after header v1.
    let response = exchange(&mut socket, &header(18, 0, 1))?;
    fs::write(folder.join("api_versions-response-v0.bin"), response)?;
    // ApiVersions 4: header v2; client_software_name, client_software_version, tagged fields.
    let mut request = header(18, 4, 2);
    request.push(0);
    request.extend(b"\x06ottla\x061.0.0\x00");
    let response = exchange(&mut socket, &request)?;
    fs::write(folder.join("api_versions-response-v4.bin"), response)?;

    // Metadata 1, of one topic: topics.
    let mut request = header(3, 1, 3);
    request.extend(b"\x00\x00\x00\x01\x00\x0bgolden-none");
    let response = exchange(&mut socket, &request)?;
    fs::write(folder.join("metadata-response-v1.bin"), response)?;
    // Metadata 13, of one topic and one unknown: topics (id, name, tagged fields), allow_auto_topic_creation,
    // include_topic_authorized_operations, tagged fields.
    let mut request = header(3, 13, 4);
    request.push(0);
    request.push(3);
    for name in ["golden-none", "golden-gone"] {
        request.extend([0; 16]);
        request.push(12);
        request.extend(name.as_bytes());
        request.push(0);
    }
    request.extend([0, 1, 0]);
    let response = exchange(&mut socket, &request)?;
    fs::write(folder.join("metadata-response-v13.bin"), response)?;
    Ok(())
}

/// A request header v1: api key, version, correlation id, client id "golden". Header v2 is that and tagged fields.
fn header(api_key: i16, version: i16, correlation_id: i32) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(api_key.to_be_bytes());
    bytes.extend(version.to_be_bytes());
    bytes.extend(correlation_id.to_be_bytes());
    bytes.extend(b"\x00\x06golden");
    bytes
}

/// Sends a request and returns the response without its length field: it begins with the response header.
fn exchange(socket: &mut TcpStream, request: &[u8]) -> io::Result<Vec<u8>> {
    let length = u32::try_from(request.len()).map_err(io::Error::other)?;
    socket.write_all(&length.to_be_bytes())?;
    socket.write_all(request)?;
    let mut length = [0; 4];
    socket.read_exact(&mut length)?;
    let length = u64::from(u32::from_be_bytes(length));
    let mut response = Vec::new();
    let read = socket.take(length).read_to_end(&mut response)? as u64;
    if read < length { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(response) }
}
