//! librdkafka's partitioners, for applications that place records themselves.

use std::ffi::c_void;
use std::hash::{BuildHasher, RandomState};

use ottla_core::producer::partitioner::{Partitioner, random_partition};

use crate::boundary::bytes;
use crate::topic::rd_kafka_topic_s;
use crate::types::PARTITION_UA;

/// The partition that a partitioner finds for a key.
///
/// # Safety
/// `key` is null or so many bytes.
unsafe fn place(partitioner: Partitioner, key: *const c_void, len: usize, count: i32) -> i32 {
    guarded!(PARTITION_UA, {
        // SAFETY: the caller's promise.
        let key = unsafe { bytes(key, len) };
        let anywhere = || random_partition(&[], count, &mut || (RandomState::new().hash_one(0) >> 32) as u32);
        partitioner.partition_for_key(key, count).or_else(anywhere).unwrap_or(PARTITION_UA)
    })
}

/// `rd_kafka_msg_partitioner_random`: any partition.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_msg_partitioner_random(
    _rkt: *const rd_kafka_topic_s,
    key: *const c_void,
    keylen: usize,
    partition_cnt: i32,
    _rkt_opaque: *mut c_void,
    _msg_opaque: *mut c_void,
) -> i32 {
    // SAFETY: the caller's bytes.
    unsafe { place(Partitioner::Random, key, keylen, partition_cnt) }
}

/// `rd_kafka_msg_partitioner_consistent`: by the CRC-32 of the key.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_msg_partitioner_consistent(
    _rkt: *const rd_kafka_topic_s,
    key: *const c_void,
    keylen: usize,
    partition_cnt: i32,
    _rkt_opaque: *mut c_void,
    _msg_opaque: *mut c_void,
) -> i32 {
    // SAFETY: the caller's bytes.
    unsafe { place(Partitioner::Consistent, key, keylen, partition_cnt) }
}

/// `rd_kafka_msg_partitioner_consistent_random`: by the CRC-32 of the key; any partition without one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_msg_partitioner_consistent_random(
    _rkt: *const rd_kafka_topic_s,
    key: *const c_void,
    keylen: usize,
    partition_cnt: i32,
    _rkt_opaque: *mut c_void,
    _msg_opaque: *mut c_void,
) -> i32 {
    // SAFETY: the caller's bytes.
    unsafe { place(Partitioner::ConsistentRandom, key, keylen, partition_cnt) }
}

/// `rd_kafka_msg_partitioner_murmur2`: by Java's murmur2 of the key.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_msg_partitioner_murmur2(
    _rkt: *const rd_kafka_topic_s,
    key: *const c_void,
    keylen: usize,
    partition_cnt: i32,
    _rkt_opaque: *mut c_void,
    _msg_opaque: *mut c_void,
) -> i32 {
    // SAFETY: the caller's bytes.
    unsafe { place(Partitioner::Murmur2, key, keylen, partition_cnt) }
}

/// `rd_kafka_msg_partitioner_murmur2_random`: by Java's murmur2 of the key; any partition without one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_msg_partitioner_murmur2_random(
    _rkt: *const rd_kafka_topic_s,
    key: *const c_void,
    keylen: usize,
    partition_cnt: i32,
    _rkt_opaque: *mut c_void,
    _msg_opaque: *mut c_void,
) -> i32 {
    // SAFETY: the caller's bytes.
    unsafe { place(Partitioner::Murmur2Random, key, keylen, partition_cnt) }
}

/// `rd_kafka_msg_partitioner_fnv1a`: by the FNV-1a of the key.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_msg_partitioner_fnv1a(
    _rkt: *const rd_kafka_topic_s,
    key: *const c_void,
    keylen: usize,
    partition_cnt: i32,
    _rkt_opaque: *mut c_void,
    _msg_opaque: *mut c_void,
) -> i32 {
    // SAFETY: the caller's bytes.
    unsafe { place(Partitioner::Fnv1a, key, keylen, partition_cnt) }
}

/// `rd_kafka_msg_partitioner_fnv1a_random`: by the FNV-1a of the key; any partition without one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_msg_partitioner_fnv1a_random(
    _rkt: *const rd_kafka_topic_s,
    key: *const c_void,
    keylen: usize,
    partition_cnt: i32,
    _rkt_opaque: *mut c_void,
    _msg_opaque: *mut c_void,
) -> i32 {
    // SAFETY: the caller's bytes.
    unsafe { place(Partitioner::Fnv1aRandom, key, keylen, partition_cnt) }
}
