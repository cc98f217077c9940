//! The cluster's groups, as C looks into them.

use std::collections::BTreeMap;
use std::ffi::{CString, c_char, c_int, c_void};

use ottla::{BrokerInfo, Client, Error, GroupDescription, GroupFilter, GroupListing};

use crate::asked::asked_somebody;
use crate::boundary::{c_string, text};
use crate::error::{INVALID_ARG, NO_ERROR, code};
use crate::handle::{of, rd_kafka_s};
use crate::metadata::{count, rd_kafka_metadata_broker};
use crate::types::rd_kafka_resp_err_t;

/// A member of a group (`struct rd_kafka_group_member_info`).
#[repr(C)]
pub struct rd_kafka_group_member_info {
    /// Its id.
    pub member_id: *mut c_char,
    /// Its `client.id`.
    pub client_id: *mut c_char,
    /// Where it is.
    pub client_host: *mut c_char,
    /// What it told the leader, as the protocol of the group's type has it.
    pub member_metadata: *mut c_void,
    /// Its length.
    pub member_metadata_size: c_int,
    /// What the leader told it, as the protocol of the group's type has it.
    pub member_assignment: *mut c_void,
    /// Its length.
    pub member_assignment_size: c_int,
}

/// A group (`struct rd_kafka_group_info`).
#[repr(C)]
pub struct rd_kafka_group_info {
    /// Its coordinator.
    pub broker: rd_kafka_metadata_broker,
    /// Its name.
    pub group: *mut c_char,
    /// What is wrong with it.
    pub err: rd_kafka_resp_err_t,
    /// Its state.
    pub state: *mut c_char,
    /// What its members are.
    pub protocol_type: *mut c_char,
    /// The assignor that was chosen.
    pub protocol: *mut c_char,
    /// Its members.
    pub members: *mut rd_kafka_group_member_info,
    /// How many there are.
    pub member_cnt: c_int,
}

/// Groups (`struct rd_kafka_group_list`).
#[repr(C)]
pub struct rd_kafka_group_list {
    /// The groups.
    pub groups: *mut rd_kafka_group_info,
    /// How many there are.
    pub group_cnt: c_int,
}

/// `_PARTIAL`: some brokers did not answer.
const PARTIAL: c_int = -158;

type Described = BTreeMap<String, Result<GroupDescription, Error>>;

/// What C gets, and what its pointers lead to.
#[repr(C)]
struct Owned {
    raw: rd_kafka_group_list,
    groups: Vec<rd_kafka_group_info>,
    members: Vec<Vec<rd_kafka_group_member_info>>,
    texts: Vec<CString>,
    bytes: Vec<Vec<u8>>,
}

impl Owned {
    fn text(&mut self, text: &str) -> *mut c_char {
        let text = c_string(text);
        let pointer = text.as_ptr().cast_mut();
        self.texts.push(text);
        pointer
    }

    fn bytes(&mut self, bytes: &[u8]) -> (*mut c_void, c_int) {
        let mut bytes = bytes.to_vec();
        let answer = (bytes.as_mut_ptr().cast(), count(bytes.len()));
        self.bytes.push(bytes);
        answer
    }

    fn broker(&mut self, broker: Option<&BrokerInfo>) -> rd_kafka_metadata_broker {
        let host = self.text(broker.map_or("", |broker| broker.host.as_str()));
        rd_kafka_metadata_broker { id: broker.map_or(-1, |broker| broker.id), host, port: broker.map_or(0, |broker| broker.port) }
    }

    fn group(&mut self, name: &str, described: &Result<GroupDescription, Error>) -> rd_kafka_group_info {
        let group = described.as_ref().ok();
        let mut members = Vec::new();
        for member in group.map(|group| group.members.as_slice()).unwrap_or_default() {
            let (member_metadata, member_metadata_size) = self.bytes(&member.metadata_bytes);
            let (member_assignment, member_assignment_size) = self.bytes(&member.assignment_bytes);
            members.push(rd_kafka_group_member_info {
                member_id: self.text(&member.member_id),
                client_id: self.text(&member.client_id),
                client_host: self.text(&member.host),
                member_metadata,
                member_metadata_size,
                member_assignment,
                member_assignment_size,
            });
        }
        let info = rd_kafka_group_info {
            broker: self.broker(group.map(|group| &group.coordinator)),
            group: self.text(name),
            err: described.as_ref().map_or_else(code, |_| NO_ERROR),
            state: self.text(group.map_or("Dead", |group| group.state.name())),
            protocol_type: self.text(group.map_or("", |group| &group.protocol_type)),
            protocol: self.text(group.map_or("", |group| &group.assignor)),
            members: members.as_mut_ptr(),
            member_cnt: count(members.len()),
        };
        self.members.push(members);
        info
    }

    fn of(described: &Described) -> Box<Self> {
        let raw = rd_kafka_group_list { groups: std::ptr::null_mut(), group_cnt: 0 };
        let mut owned = Box::new(Self { raw, groups: Vec::new(), members: Vec::new(), texts: Vec::new(), bytes: Vec::new() });
        for (name, described) in described {
            let group = owned.group(name, described);
            owned.groups.push(group);
        }
        (owned.raw.groups, owned.raw.group_cnt) = (owned.groups.as_mut_ptr(), count(owned.groups.len()));
        owned
    }
}

/// The groups, and whether brokers are missing; all groups, or the one that is named.
async fn describe(client: &Client, name: Option<String>) -> Result<(Described, bool), Error> {
    let admin = client.admin();
    let (names, is_partial) = match name {
        Some(name) => (vec![name], false),
        None => {
            let mut listed = admin.list_groups(&GroupFilter::all()).await?;
            let failed = listed.errors.pop();
            match failed {
                Some(error) if listed.groups.is_empty() => return Err(error),
                failed => (listed.groups.into_iter().map(|GroupListing { group_id, .. }| group_id).collect(), failed.is_some()),
            }
        }
    };
    Ok((admin.describe_groups(names, false).await?, is_partial))
}

/// `rd_kafka_list_groups`: the group that is named, or all groups, to be destroyed by the caller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_list_groups(
    rk: *mut rd_kafka_s,
    group: *const c_char,
    grplistp: *mut *const rd_kafka_group_list,
    timeout_ms: c_int,
) -> rd_kafka_resp_err_t {
    guarded!(INVALID_ARG, {
        // SAFETY: null or a client.
        let (Some(handle), false) = (unsafe { of(rk) }, grplistp.is_null()) else { return INVALID_ARG };
        // SAFETY: null or a text.
        let name = unsafe { text(group) }.map(str::to_owned);
        let client = match handle.client() {
            Ok(client) => client,
            Err(error) => return code(&error),
        };
        match asked_somebody(client, describe(client, name), timeout_ms) {
            Ok((described, is_partial)) => {
                // SAFETY: a place of the caller's.
                unsafe { *grplistp = Box::into_raw(Owned::of(&described)).cast() };
                if is_partial { PARTIAL } else { NO_ERROR }
            }
            Err(code) => code,
        }
    })
}

/// `rd_kafka_group_list_destroy`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_group_list_destroy(grplist: *const rd_kafka_group_list) {
    if !grplist.is_null() {
        // SAFETY: it was given to C by `rd_kafka_list_groups`, which lies first in it, and the caller gives it up.
        guarded!((), { drop(unsafe { Box::from_raw(grplist.cast_mut().cast::<Owned>()) }) });
    }
}
