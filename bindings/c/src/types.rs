//! The structs that C looks into, laid out as librdkafka's are, and the numbers of its enums.

use std::ffi::{c_char, c_int, c_void};

use crate::headers::rd_kafka_headers_s;
use crate::topic::rd_kafka_topic_s;

/// `rd_kafka_resp_err_t`, an enum in C.
pub type rd_kafka_resp_err_t = c_int;
/// `rd_kafka_type_t`, an enum in C.
pub type rd_kafka_type_t = c_int;
/// `rd_kafka_timestamp_type_t`, an enum in C.
pub type rd_kafka_timestamp_type_t = c_int;
/// `rd_kafka_msg_status_t`, an enum in C.
pub type rd_kafka_msg_status_t = c_int;
/// `rd_kafka_conf_res_t`, an enum in C.
pub type rd_kafka_conf_res_t = c_int;

/// A record, or an error in its place (`rd_kafka_message_t`).
#[repr(C)]
pub struct rd_kafka_message_s {
    /// Not zero: this is an error, and the payload its text.
    pub err: rd_kafka_resp_err_t,
    /// The topic.
    pub rkt: *mut rd_kafka_topic_s,
    /// The partition.
    pub partition: i32,
    /// The value.
    pub payload: *mut c_void,
    /// The value's length.
    pub len: usize,
    /// The key.
    pub key: *mut c_void,
    /// The key's length.
    pub key_len: usize,
    /// The offset.
    pub offset: i64,
    /// In a delivery report the opaque that came with the record; else the library's own.
    pub _private: *mut c_void,
}

/// A partition in a list (`rd_kafka_topic_partition_t`).
#[repr(C)]
pub struct rd_kafka_topic_partition_s {
    /// The topic.
    pub topic: *mut c_char,
    /// The partition.
    pub partition: i32,
    /// An offset, or one of the special values.
    pub offset: i64,
    /// What the application keeps beside a committed offset.
    pub metadata: *mut c_void,
    /// Its length.
    pub metadata_size: usize,
    /// The application's own.
    pub opaque: *mut c_void,
    /// What became of this partition.
    pub err: rd_kafka_resp_err_t,
    /// The library's own.
    pub _private: *mut c_void,
}

/// Partitions (`rd_kafka_topic_partition_list_t`).
#[repr(C)]
pub struct rd_kafka_topic_partition_list_s {
    /// How many there are.
    pub cnt: c_int,
    /// For how many there is room.
    pub size: c_int,
    /// The partitions.
    pub elems: *mut rd_kafka_topic_partition_s,
}

/// A value of any of the types that a record is made of.
#[repr(C)]
#[derive(Clone, Copy)]
pub union rd_kafka_vu_value {
    /// A text.
    pub cstr: *const c_char,
    /// A topic handle.
    pub rkt: *mut rd_kafka_topic_s,
    /// A number.
    pub i: c_int,
    /// A number.
    pub i32_: i32,
    /// A number.
    pub i64_: i64,
    /// Bytes.
    pub mem: rd_kafka_vu_mem,
    /// A header.
    pub header: rd_kafka_vu_header,
    /// Headers.
    pub headers: *mut rd_kafka_headers_s,
    /// A pointer.
    pub ptr: *mut c_void,
    /// Room for what may come.
    pub pad: [c_char; 64],
}

/// Bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rd_kafka_vu_mem {
    /// Where.
    pub ptr: *mut c_void,
    /// How many.
    pub size: usize,
}

/// A header.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rd_kafka_vu_header {
    /// Its key.
    pub name: *const c_char,
    /// Its value.
    pub val: *const c_void,
    /// The value's length, -1 for that of a string.
    pub size: isize,
}

/// One of the parts that a record is made of (`rd_kafka_vu_t`).
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rd_kafka_vu_s {
    /// Which one.
    pub vtype: c_int,
    /// Its value.
    pub u: rd_kafka_vu_value,
}

/// `rd_kafka_vtype_t`.
pub(crate) mod vtype {
    pub(crate) const TOPIC: i32 = 1;
    pub(crate) const RKT: i32 = 2;
    pub(crate) const PARTITION: i32 = 3;
    pub(crate) const VALUE: i32 = 4;
    pub(crate) const KEY: i32 = 5;
    pub(crate) const OPAQUE: i32 = 6;
    pub(crate) const MSGFLAGS: i32 = 7;
    pub(crate) const TIMESTAMP: i32 = 8;
    pub(crate) const HEADER: i32 = 9;
    pub(crate) const HEADERS: i32 = 10;
}

/// `RD_KAFKA_MSG_F_*`.
pub(crate) mod flag {
    pub(crate) const FREE: i32 = 0x1;
    pub(crate) const COPY: i32 = 0x2;
    pub(crate) const BLOCK: i32 = 0x4;
    pub(crate) const PARTITION: i32 = 0x8;
}

/// `RD_KAFKA_OFFSET_*`.
pub(crate) mod offset {
    pub(crate) const BEGINNING: i64 = -2;
    pub(crate) const END: i64 = -1;
    pub(crate) const STORED: i64 = -1000;
    pub(crate) const INVALID: i64 = -1001;
    pub(crate) const TAIL_BASE: i64 = -2000;
}

/// The partition that is to be chosen (`RD_KAFKA_PARTITION_UA`).
pub(crate) const PARTITION_UA: i32 = -1;
/// `RD_KAFKA_PRODUCER`.
pub(crate) const PRODUCER: c_int = 0;
/// `RD_KAFKA_CONSUMER`.
pub(crate) const CONSUMER: c_int = 1;
