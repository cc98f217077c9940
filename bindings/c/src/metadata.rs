//! The cluster and its topics, as C looks into them.

use std::collections::BTreeMap;
use std::ffi::{CString, c_char, c_int};

use ottla::{Client, ClusterDescription, Error, TopicDescription};

use crate::asked::asked_somebody;
use crate::boundary::c_string;
use crate::error::{INVALID_ARG, NO_ERROR, code};
use crate::handle::{of, rd_kafka_s};
use crate::topic::rd_kafka_topic_s;
use crate::types::rd_kafka_resp_err_t;

/// A broker (`rd_kafka_metadata_broker_t`).
#[repr(C)]
pub struct rd_kafka_metadata_broker {
    /// Its id.
    pub id: i32,
    /// Its host.
    pub host: *mut c_char,
    /// Its port.
    pub port: c_int,
}

/// A partition (`rd_kafka_metadata_partition_t`).
#[repr(C)]
pub struct rd_kafka_metadata_partition {
    /// Which one.
    pub id: i32,
    /// What is wrong with it.
    pub err: rd_kafka_resp_err_t,
    /// Its leader, -1 if it has none.
    pub leader: i32,
    /// How many replicas there are.
    pub replica_cnt: c_int,
    /// The replicas.
    pub replicas: *mut i32,
    /// How many of them are in sync.
    pub isr_cnt: c_int,
    /// Those in sync.
    pub isrs: *mut i32,
}

/// A topic (`rd_kafka_metadata_topic_t`).
#[repr(C)]
pub struct rd_kafka_metadata_topic {
    /// Its name.
    pub topic: *mut c_char,
    /// How many partitions it has.
    pub partition_cnt: c_int,
    /// The partitions.
    pub partitions: *mut rd_kafka_metadata_partition,
    /// What is wrong with it.
    pub err: rd_kafka_resp_err_t,
}

/// A cluster (`rd_kafka_metadata_t`).
#[repr(C)]
pub struct rd_kafka_metadata {
    /// How many brokers there are.
    pub broker_cnt: c_int,
    /// The brokers.
    pub brokers: *mut rd_kafka_metadata_broker,
    /// How many topics there are.
    pub topic_cnt: c_int,
    /// The topics.
    pub topics: *mut rd_kafka_metadata_topic,
    /// Which broker told this, -1 if that is not known.
    pub orig_broker_id: i32,
    /// Its name.
    pub orig_broker_name: *mut c_char,
}

/// What C gets, and what its pointers lead to.
#[repr(C)]
struct Owned {
    raw: rd_kafka_metadata,
    texts: Vec<CString>,
    brokers: Vec<rd_kafka_metadata_broker>,
    topics: Vec<rd_kafka_metadata_topic>,
    partitions: Vec<Vec<rd_kafka_metadata_partition>>,
    ids: Vec<Vec<i32>>,
}

/// A length for C.
pub(crate) fn count(length: usize) -> c_int {
    c_int::try_from(length).unwrap_or(c_int::MAX)
}

/// `LEADER_NOT_AVAILABLE`.
const NO_LEADER: c_int = 5;

impl Owned {
    fn text(&mut self, text: &str) -> *mut c_char {
        let text = c_string(text);
        let pointer = text.as_ptr().cast_mut();
        self.texts.push(text);
        pointer
    }

    fn ids(&mut self, ids: &[i32]) -> (c_int, *mut i32) {
        let mut ids = ids.to_vec();
        let answer = (count(ids.len()), ids.as_mut_ptr());
        self.ids.push(ids);
        answer
    }

    fn of(cluster: &ClusterDescription, topics: &Topics, from: &str) -> Box<Self> {
        let null = std::ptr::null_mut();
        let raw = rd_kafka_metadata {
            broker_cnt: 0,
            brokers: std::ptr::null_mut(),
            topic_cnt: 0,
            topics: std::ptr::null_mut(),
            orig_broker_id: -1,
            orig_broker_name: null,
        };
        let empty = (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut owned =
            Box::new(Self { raw, texts: empty.0, brokers: empty.1, topics: empty.2, partitions: empty.3, ids: empty.4 });
        for broker in &cluster.brokers {
            let host = owned.text(broker.host.as_str());
            owned.brokers.push(rd_kafka_metadata_broker { id: broker.id, host, port: broker.port });
        }
        for (name, described) in topics {
            let topic = owned.text(name);
            let mut partitions = Vec::new();
            for partition in described.as_ref().map(|topic| topic.partitions.as_slice()).unwrap_or_default() {
                let (replica_cnt, replicas) = owned.ids(&partition.replicas);
                let (isr_cnt, isrs) = owned.ids(&partition.isr);
                partitions.push(rd_kafka_metadata_partition {
                    id: partition.partition,
                    err: if partition.leader.is_some() { NO_ERROR } else { NO_LEADER },
                    leader: partition.leader.unwrap_or(-1),
                    replica_cnt,
                    replicas,
                    isr_cnt,
                    isrs,
                });
            }
            let err = described.as_ref().map_or_else(code, |_| NO_ERROR);
            let (partition_cnt, pointer) = (count(partitions.len()), partitions.as_mut_ptr());
            owned.partitions.push(partitions);
            owned.topics.push(rd_kafka_metadata_topic { topic, partition_cnt, partitions: pointer, err });
        }
        owned.raw.orig_broker_name = owned.text(from);
        (owned.raw.broker_cnt, owned.raw.brokers) = (count(owned.brokers.len()), owned.brokers.as_mut_ptr());
        (owned.raw.topic_cnt, owned.raw.topics) = (count(owned.topics.len()), owned.topics.as_mut_ptr());
        owned
    }
}

type Topics = BTreeMap<String, Result<TopicDescription, Error>>;

async fn describe(client: &Client, names: Option<Vec<String>>) -> Result<(ClusterDescription, Topics), Error> {
    let admin = client.admin();
    let cluster = admin.describe_cluster().await?;
    let topics = match names {
        Some(names) => admin.describe_topics(names).await?,
        None => admin.describe_all_topics().await?,
    };
    Ok((cluster, topics))
}

/// `rd_kafka_metadata`: to be destroyed by the caller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_metadata(
    rk: *mut rd_kafka_s,
    all_topics: c_int,
    only_rkt: *mut rd_kafka_topic_s,
    metadatap: *mut *const rd_kafka_metadata,
    timeout_ms: c_int,
) -> rd_kafka_resp_err_t {
    guarded!(INVALID_ARG, {
        // SAFETY: null, or a client and a topic.
        let (Some(handle), false) = (unsafe { of(rk) }, metadatap.is_null()) else { return INVALID_ARG };
        let client = match handle.client() {
            Ok(client) => client,
            Err(error) => return code(&error),
        };
        // SAFETY: null or a topic.
        let names = match unsafe { only_rkt.as_ref() } {
            Some(only) => Some(vec![only.name().to_owned()]),
            None if all_topics != 0 => None,
            None => Some(handle.topic_names()),
        };
        match asked_somebody(client, describe(client, names), timeout_ms) {
            Ok((cluster, topics)) => {
                handle.controller.store(cluster.controller, std::sync::atomic::Ordering::Relaxed);
                let servers = client.config().get("bootstrap.servers").unwrap_or_default().to_owned();
                let first = servers.split(',').next().unwrap_or_default().trim();
                let owned = Owned::of(&cluster, &topics, &format!("{first}/bootstrap"));
                // SAFETY: a place of the caller's.
                unsafe { *metadatap = Box::into_raw(owned).cast() };
                NO_ERROR
            }
            Err(code) => code,
        }
    })
}

/// `rd_kafka_metadata_destroy`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_metadata_destroy(metadata: *const rd_kafka_metadata) {
    if !metadata.is_null() {
        // SAFETY: it was given to C by `rd_kafka_metadata`, which lies first in it, and the caller gives it up.
        guarded!((), { drop(unsafe { Box::from_raw(metadata.cast_mut().cast::<Owned>()) }) });
    }
}
