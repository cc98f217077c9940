//! Bytes captured from Apache Kafka 4.3.1 decode, and are written back the same.

use std::fmt::Debug;

use bytes::Bytes;

use super::{decoded, encoded};
use crate::messages::{ApiVersionsResponse, MetadataResponse};
use crate::{ApiKey, Decode, Encode};

fn golden<T: Encode + Decode + Debug>(bytes: &'static [u8], version: i16) -> T {
    let bytes = Bytes::from_static(bytes);
    let message = decoded::<T>(&bytes, version);
    assert_eq!(encoded(&message, version).unwrap(), bytes);
    message
}

macro_rules! captured {
    ($file:literal) => {
        include_bytes!(concat!("../../../../tests/data/golden/", $file))
    };
}

#[test]
fn api_versions() {
    for (bytes, version) in
        [(captured!("api_versions-response-v0.bin").as_slice(), 0), (captured!("api_versions-response-v4.bin").as_slice(), 4)]
    {
        // The header is four bytes in every version.
        let response = golden::<ApiVersionsResponse>(&bytes[4..], version);
        assert_eq!(response.error_code, 0);
        // Two of the 77 are served only with a metrics plugin.
        assert_eq!(response.api_keys.len(), 75);
        for served in &response.api_keys {
            let key = ApiKey::try_from(served.api_key).unwrap();
            assert_eq!(served.max_version, key.latest_stable_version(), "{key}");
            let first = if key == ApiKey::Produce { 0 } else { *key.schema_versions().start() };
            assert_eq!(served.min_version, first, "{key}");
        }
        assert_eq!(response.finalized_features.iter().any(|feature| &*feature.name == "transaction.version"), version == 4);
    }
}

#[test]
fn metadata() {
    let old = golden::<MetadataResponse>(&captured!("metadata-response-v1.bin")[4..], 1);
    assert_eq!(old.topics[0].name.as_deref(), Some("golden-none"));
    assert_eq!((&*old.brokers[0].host, old.brokers[0].node_id), ("127.0.0.1", old.controller_id));

    // The header is flexible: correlation id and no tagged fields.
    let new = golden::<MetadataResponse>(&captured!("metadata-response-v13.bin")[5..], 13);
    let found: Vec<_> =
        new.topics.iter().map(|topic| (topic.name.as_deref(), topic.error_code, topic.topic_id.is_zero())).collect();
    assert_eq!(found, [(Some("golden-none"), 0, false), (Some("golden-gone"), 3, true)]);
    assert_eq!(new.topics[0].partitions[0].isr_nodes, [1]);
    assert!(new.cluster_id.is_some());
}
