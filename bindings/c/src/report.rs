//! Delivery reports, served when the application polls.

use std::ffi::{c_int, c_void};
use std::sync::Arc;

use ottla::{DeliveryReport, Error, RecordView};
use ottla_core::completion::{BatchResult, Written};
use ottla_protocol::record::DecodedBatch;

use crate::boundary::c_string;
use crate::error::{self, code};
use crate::handle::rd_kafka_s;
use crate::message::{Message, Shown};
use crate::produce::{Outlet, Side};
use crate::topic::rd_kafka_topic_s;
use crate::types::{offset, rd_kafka_message_s};

/// `RD_KAFKA_MSG_STATUS_*`.
const NOT_PERSISTED: c_int = 0;
const POSSIBLY_PERSISTED: c_int = 1;
const PERSISTED: c_int = 2;

/// What the reports of a batch have in common.
struct Batch<'a> {
    result: &'a BatchResult,
    topic: Option<Arc<rd_kafka_topic_s>>,
    only_errors: bool,
}

impl<'a> Batch<'a> {
    fn of(handle: &rd_kafka_s, report: &'a DeliveryReport) -> Option<Self> {
        let topic = handle.own_topic(report.topic().as_str()).ok();
        let only_errors = handle.conf.own("delivery.report.only.error") == "true";
        Some(Self { result: report.result()?, topic, only_errors })
    }

    /// A record with its outcome, if the application wants to hear of it.
    #[inline(always)]
    fn wanted<'r, E>(&self, record: Result<RecordView<'r>, E>, index: u32) -> Option<(RecordView<'r>, Result<Written, Error>)> {
        let written = self.result.record(index);
        Some((record.ok().filter(|_| !(self.only_errors && written.is_ok()))?, written))
    }

    /// A report as the application gets it. What came with the record is to be kept as long as it is looked at. Always inlined: a message
    /// is large, and is written once, where it stays.
    #[inline(always)]
    fn message(
        &self,
        (record, written): (RecordView<'_>, Result<Written, Error>),
        opaque: usize,
        side: Option<&Side>,
    ) -> Message {
        let rkt = self.topic.as_ref().map_or(std::ptr::null_mut(), |topic| Arc::as_ptr(topic).cast_mut());
        let mut message = Message::of_record(&record, rkt, self.result.partition, Shown::Report);
        message.raw._private = opaque as *mut c_void;
        if let Some(payload) = side.map(|side| side.payload).filter(|payload| *payload != 0) {
            message.raw.payload = payload as *mut c_void;
        }
        match written {
            Ok(written) => {
                (message.raw.offset, message.status) = (written.offset, PERSISTED);
                if let Some(at) = written.log_append_time {
                    message.set_log_append_time(at);
                }
            }
            Err(error) => {
                (message.raw.err, message.raw.offset) = (code(&error), offset::INVALID);
                message.status = if error.possibly_written() { POSSIBLY_PERSISTED } else { NOT_PERSISTED };
                message.say(c_string(error::told(&error)));
            }
        }
        message
    }
}

/// Calls the application for each record of a batch; how many times.
pub(crate) fn serve(handle: &rd_kafka_s, report: DeliveryReport) -> usize {
    let (Some(outlet), Ok(records), Some(batch)) = (&handle.outlet, report.records(), Batch::of(handle, &report)) else {
        return 0;
    };
    let callbacks = &handle.conf.callbacks;
    let (rk, conf_opaque) = (handle.pointer(), callbacks.opaque.0);
    let mut called = 0;
    for (record, index) in records.records().zip(0..) {
        let (opaque, side) = outlet.opaque(report.opaque(index));
        if let Some(wanted) = batch.wanted(record, index).filter(|_| !handle.is_gone()) {
            let message = batch.message(wanted, opaque, side.as_ref());
            called += 1;
            if let Some(dr_msg) = callbacks.dr_msg {
                // SAFETY: the application's function, with a message that lives until it returns.
                unsafe { dr_msg(rk, std::ptr::from_ref(&message).cast(), conf_opaque) };
            } else if let Some(dr) = callbacks.dr {
                let raw = &message.raw;
                // SAFETY: as above.
                unsafe { dr(rk, raw.payload, raw.len, raw.err, conf_opaque, raw._private) };
            }
        }
        drop(side);
        outlet.outstanding.remove(1);
    }
    called
}

/// The reports of a batch for an application that takes them out of an event: they count as served once this is dropped.
pub(crate) struct Delivered {
    messages: Vec<Message>,
    next: usize,
    outlet: Arc<Outlet>,
    /// What came with the records, and where the messages' keys and values lie.
    _sides: Vec<Side>,
    _records: DecodedBatch,
    /// What the messages' `rkt` points to: the application may destroy its client before the event.
    _topic: Option<Arc<rd_kafka_topic_s>>,
    report: DeliveryReport,
}

impl Delivered {
    /// All reports of a batch that the application wants; `None` if it wants none of them.
    pub(crate) fn of(handle: &rd_kafka_s, report: DeliveryReport) -> Option<Self> {
        let outlet = handle.outlet.clone()?;
        let (Ok(records), Some(batch)) = (report.records(), Batch::of(handle, &report)) else { return None };
        let (mut messages, mut sides) = (Vec::with_capacity(report.len()), Vec::new());
        for (record, index) in records.records().zip(0..) {
            let (opaque, side) = outlet.opaque(report.opaque(index));
            if let Some(wanted) = batch.wanted(record, index) {
                messages.push(batch.message(wanted, opaque, side.as_ref()));
            }
            sides.extend(side);
        }
        let topic = batch.topic.clone();
        let delivered = Self { messages, next: 0, outlet, _sides: sides, _records: records, _topic: topic, report };
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
