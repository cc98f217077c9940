//! Frames, the headers of requests and responses, and the answer to ApiVersions, whose version its reader does not know.

use bytes::{Bytes, BytesMut};
use ottla_protocol::arbitrary::{Arbitrary, Random};
use ottla_protocol::messages::{ApiVersionsResponse, MetadataRequest};
use ottla_protocol::{ApiKey, Reader, Text, frame};

use crate::allocator::{held_against, measured};
use crate::mutation::{mutate, noise};
use crate::{Input, Target, messages};

const NAMES: [&str; 4] = ["next_frame", "decode_request_header", "decode_response_header", "decode_api_versions_response"];
/// The largest frame that is taken.
const MAX: usize = 1 << 20;

/// The decoders of frames and headers.
#[derive(Debug)]
pub struct Frames;

impl Target for Frames {
    fn name(&self) -> &'static str {
        "frames"
    }

    fn input(&self, number: u64, random: &mut Random) -> Input {
        let decoder = (number % NAMES.len() as u64) as usize;
        if random.below(8) == 0 {
            return Input::new(noise(random), decoder);
        }
        let (mut bytes, other) = (valid(random, decoder), valid(random, decoder));
        mutate(random, &mut bytes, &other);
        Input::new(bytes, decoder)
    }

    fn feed(&self, input: &Input) -> f64 {
        let ((), usage) = measured(|| decode(&input.bytes, input.decoder));
        held_against(usage, input.bytes.len(), input.bytes.len() * messages::FACTOR + messages::CONSTANT)
    }

    fn describe(&self, input: &Input) -> String {
        NAMES[input.decoder].to_owned()
    }
}

fn valid(random: &mut Random, decoder: usize) -> Vec<u8> {
    match decoder {
        0 => (0..=random.below(3)).flat_map(|_| request(random)).collect(),
        1 => request(random).split_off(4),
        _ => {
            let version = random.below(5) as i16;
            let answer = ApiVersionsResponse::arbitrary(random, version);
            let mut bytes = frame::encode_response(version, random.bits() as i32, &answer).expect("it has a form").concat();
            // The header of this answer is four bytes in each version.
            bytes.split_off(if decoder == 2 { 4 } else { 8 })
        }
    }
}

fn request(random: &mut Random) -> Vec<u8> {
    let version = random.below(14) as i16;
    let body = MetadataRequest::arbitrary(random, version);
    let client_id = random.flip().then(|| Text::from_static("client"));
    frame::encode_request(version, random.bits() as i32, client_id.as_ref(), &body).expect("it has a form").concat()
}

fn decode(bytes: &Bytes, decoder: usize) {
    match decoder {
        0 => {
            // In pieces, as it comes from a connection.
            let mut received = BytesMut::new();
            for piece in bytes.chunks(7) {
                received.extend_from_slice(piece);
                loop {
                    match frame::next_frame(&mut received, MAX) {
                        Ok(Some(frame)) => assert!(frame.len() <= bytes.len()),
                        Ok(None) => break,
                        Err(_) => return,
                    }
                }
            }
        }
        1 => drop(frame::decode_request_header(&mut Reader::new(bytes.clone()))),
        2 => {
            for api in ApiKey::ALL {
                for version in [*api.schema_versions().start(), *api.schema_versions().end()] {
                    let _ = frame::decode_response_header(&mut Reader::new(bytes.clone()), *api, version);
                }
            }
        }
        _ => {
            for version in -1..=5 {
                let _ = frame::decode_api_versions_response(&mut Reader::new(bytes.clone()), version);
            }
        }
    }
}
