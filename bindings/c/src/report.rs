//! Delivery reports, served when the application polls.

use std::ffi::{c_int, c_void};

use ottla::{DeliveryReport, Error};

use crate::error::{NO_ERROR, code};
use crate::handle::rd_kafka_s;
use crate::message::{self, Message, Shown};
use crate::types::offset;

/// `RD_KAFKA_MSG_STATUS_*`.
const NOT_PERSISTED: c_int = 0;
const POSSIBLY_PERSISTED: c_int = 1;
const PERSISTED: c_int = 2;

/// Calls the application for each record of a batch; how many times.
pub(crate) fn serve(handle: &rd_kafka_s, report: DeliveryReport) -> usize {
    let Some(outlet) = &handle.outlet else { return 0 };
    let callbacks = &handle.conf.callbacks;
    let (Some(result), Ok(batch)) = (report.result(), report.records()) else { return 0 };
    let topic = handle.own_topic(report.topic().as_str());
    let rkt = topic.as_ref().map_or(std::ptr::null_mut(), |topic| std::sync::Arc::as_ptr(topic).cast_mut());
    let only_errors = handle.conf.own("delivery.report.only.error") == "true";
    let (rk, opaque) = (handle.pointer(), callbacks.opaque.0);
    let mut called = 0;
    for (record, index) in batch.records().zip(0..) {
        let written = result.record(index);
        let (number, side) = outlet.opaque(report.opaque(index));
        if let Ok(record) = record
            && !(only_errors && written.is_ok())
        {
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
                Err(error) => (delivery_code(error), if error.possibly_written() { POSSIBLY_PERSISTED } else { NOT_PERSISTED }),
            };
            called += 1;
            if let Some(dr_msg) = callbacks.dr_msg {
                // SAFETY: the application's function, with a message that lives until it returns.
                unsafe { dr_msg(rk, std::ptr::from_ref(&message).cast(), opaque) };
            } else if let Some(dr) = callbacks.dr {
                let raw = &message.raw;
                // SAFETY: as above.
                unsafe { dr(rk, raw.payload, raw.len, raw.err, opaque, raw._private) };
            }
            message::drop_headers(&mut message);
        }
        drop(side);
        outlet.outstanding.remove(1);
    }
    called
}

/// The code of a record that was not delivered.
fn delivery_code(error: &Error) -> c_int {
    code(error)
}
