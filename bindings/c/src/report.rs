//! Delivery reports, served when the application polls.

use std::ffi::{c_int, c_void};
use std::sync::Arc;

use ottla::DeliveryReport;
use ottla_protocol::record::DecodedBatch;

use crate::boundary::c_string;
use crate::error::{self, NO_ERROR, code};
use crate::handle::rd_kafka_s;
use crate::message::{Message, Shown};
use crate::produce::{Outlet, Side};
use crate::types::{offset, rd_kafka_message_s};

/// `RD_KAFKA_MSG_STATUS_*`.
const NOT_PERSISTED: c_int = 0;
const POSSIBLY_PERSISTED: c_int = 1;
const PERSISTED: c_int = 2;

/// Goes through a batch's reports, each as the application gets it; `None` for one that it does not want. What came with the record
/// is to be kept as long as the report is looked at.
#[inline]
fn each(
    handle: &rd_kafka_s,
    outlet: &Outlet,
    report: &DeliveryReport,
    batch: &DecodedBatch,
    mut told: impl FnMut(Option<Message>, Option<Side>),
) {
    let Some(result) = report.result() else { return };
    let topic = handle.own_topic(report.topic().as_str());
    let rkt = topic.as_ref().map_or(std::ptr::null_mut(), |topic| Arc::as_ptr(topic).cast_mut());
    let only_errors = handle.conf.own("delivery.report.only.error") == "true";
    for (record, index) in batch.records().zip(0..) {
        let written = result.record(index);
        let (number, side) = outlet.opaque(report.opaque(index));
        let Some(record) = record.ok().filter(|_| !(only_errors && written.is_ok())) else {
            told(None, side);
            continue;
        };
        let payload = side.as_ref().map(|side| side.payload).filter(|payload| *payload != 0);
        let mut message = Message::of_record(&record, rkt, result.partition, Shown::Report);
        message.raw.offset = written.as_ref().map_or(offset::INVALID, |written| written.offset);
        message.raw._private = number as *mut c_void;
        if let Some(payload) = payload {
            message.raw.payload = payload as *mut c_void;
        }
        if let Ok(Some(at)) = written.as_ref().map(|written| written.log_append_time) {
            message.set_log_append_time(at);
        }
        (message.raw.err, message.status) = match &written {
            Ok(_) => (NO_ERROR, PERSISTED),
            Err(error) => (code(error), if error.possibly_written() { POSSIBLY_PERSISTED } else { NOT_PERSISTED }),
        };
        if let Err(error) = &written {
            message.say(c_string(error::told(error)));
        }
        told(Some(message), side);
    }
}

/// Calls the application for each record of a batch; how many times.
pub(crate) fn serve(handle: &rd_kafka_s, report: DeliveryReport) -> usize {
    let (Some(outlet), Ok(batch)) = (&handle.outlet, report.records()) else { return 0 };
    let callbacks = &handle.conf.callbacks;
    let (rk, opaque) = (handle.pointer(), callbacks.opaque.0);
    let mut called = 0;
    each(handle, outlet, &report, &batch, |message, side| {
        if let Some(message) = message.filter(|_| !handle.is_gone()) {
            called += 1;
            if let Some(dr_msg) = callbacks.dr_msg {
                // SAFETY: the application's function, with a message that lives until it returns.
                unsafe { dr_msg(rk, std::ptr::from_ref(&message).cast(), opaque) };
            } else if let Some(dr) = callbacks.dr {
                let raw = &message.raw;
                // SAFETY: as above.
                unsafe { dr(rk, raw.payload, raw.len, raw.err, opaque, raw._private) };
            }
        }
        drop(side);
        outlet.outstanding.remove(1);
    });
    called
}

/// The reports of a batch for an application that takes them out of an event: they count as served once this is dropped.
pub(crate) struct Delivered {
    messages: Vec<Message>,
    next: usize,
    outlet: Arc<Outlet>,
    /// What came with the records, and where the messages' keys and values lie.
    _sides: Vec<Side>,
    _batch: DecodedBatch,
    report: DeliveryReport,
}

impl Delivered {
    /// All reports of a batch that the application wants; `None` if it wants none of them.
    pub(crate) fn of(handle: &rd_kafka_s, report: DeliveryReport) -> Option<Self> {
        let (Some(outlet), Ok(batch)) = (&handle.outlet, report.records()) else { return None };
        let (mut messages, mut sides) = (Vec::with_capacity(report.len()), Vec::new());
        each(handle, outlet, &report, &batch, |message, side| {
            messages.extend(message);
            sides.extend(side);
        });
        let delivered = Self { messages, next: 0, outlet: outlet.clone(), _sides: sides, _batch: batch, report };
        (!delivered.messages.is_empty()).then_some(delivered)
    }

    /// The next message, which lives as long as this.
    pub(crate) fn next(&mut self) -> Option<*const rd_kafka_message_s> {
        let message = self.messages.get(self.next)?;
        self.next += 1;
        Some(std::ptr::from_ref(message).cast())
    }

    /// How many are left.
    pub(crate) fn left(&self) -> usize {
        self.messages.len() - self.next
    }
}

impl Drop for Delivered {
    fn drop(&mut self) {
        self.outlet.outstanding.remove(self.report.len() as u64);
    }
}
