//! Delivery reports, served when the application polls.

use std::ffi::{c_int, c_void};
use std::sync::Arc;

use ottla::{DeliveryReport, Error, RecordView};
use ottla_core::completion::{BatchResult, Written};
use ottla_protocol::record::{DecodedBatch, RecordCursor};

use crate::boundary::c_string;
use crate::error::{self, code};
use crate::handle::{is_yielding, rd_kafka_s};
use crate::message::{Message, Shown};
use crate::op::Op;
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

/// The reports of a batch that wait to be served.
pub(crate) struct Waiting {
    report: DeliveryReport,
    /// Behind those that the application was called for already, before it asked that polling ends.
    from: RecordCursor,
}

impl Waiting {
    /// All of them.
    pub(crate) fn new(report: DeliveryReport) -> Box<Self> {
        Box::new(Self { report, from: RecordCursor::default() })
    }

    /// How many there are.
    fn len(&self) -> usize {
        self.report.len().saturating_sub(self.from.index as usize)
    }
}

/// Calls the application for each record of a batch; how many times. What is left when it asks that polling ends goes back into the
/// queue, before all that waits there.
pub(crate) fn serve(handle: &rd_kafka_s, mut waiting: Box<Waiting>) -> usize {
    let called = call(handle, &mut waiting);
    if waiting.len() > 0 && !handle.is_gone() {
        handle.main.ops.put_back(Op::Report(waiting));
    }
    called
}

fn call(handle: &rd_kafka_s, waiting: &mut Waiting) -> usize {
    let Waiting { report, from } = waiting;
    let (Some(outlet), Ok(records), Some(batch)) = (&handle.outlet, report.records(), Batch::of(handle, report)) else {
        from.index = u32::MAX;
        return 0;
    };
    let callbacks = &handle.conf.callbacks;
    let (rk, conf_opaque) = (handle.pointer(), callbacks.opaque.0);
    let mut called = 0;
    loop {
        let index = from.index;
        let Some(record) = from.next(&records) else { return called };
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
        if is_yielding() && !handle.is_gone() {
            return called;
        }
    }
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
    waiting: Box<Waiting>,
}

impl Delivered {
    /// All reports of a batch that the application wants; `None` if it wants none of them.
    pub(crate) fn of(handle: &rd_kafka_s, waiting: Box<Waiting>) -> Option<Self> {
        let outlet = handle.outlet.clone()?;
        let Waiting { report, from } = &*waiting;
        let (Ok(records), Some(batch)) = (report.records(), Batch::of(handle, report)) else { return None };
        let (mut messages, mut sides) = (Vec::with_capacity(waiting.len()), Vec::new());
        for (record, index) in records.records_from(*from).zip(from.index..) {
            let (opaque, side) = outlet.opaque(report.opaque(index));
            if let Some(wanted) = batch.wanted(record, index) {
                messages.push(batch.message(wanted, opaque, side.as_ref()));
            }
            sides.extend(side);
        }
        let topic = batch.topic.clone();
        let delivered = Self { messages, next: 0, outlet, _sides: sides, _records: records, _topic: topic, waiting };
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
        self.outlet.outstanding.remove(self.waiting.len() as u64);
    }
}
