//! Queues as C uses them.

use std::ffi::{c_int, c_void};
use std::sync::Arc;

use crate::boundary::bytes;
use crate::conf::Opaque;
use crate::handle::{of, rd_kafka_s};
use crate::op::Op;
use crate::queue::rd_kafka_queue_s;
use crate::ring::{QueueEventCb, Ring};

/// A counted pointer to a queue that C holds; `None` for a null.
///
/// # Safety
/// `rkqu` is null or a queue that was not destroyed.
pub(crate) unsafe fn shared(rkqu: *const rd_kafka_queue_s) -> Option<Arc<rd_kafka_queue_s>> {
    if rkqu.is_null() {
        return None;
    }
    // SAFETY: C holds one count of it, and gets another that is taken at once.
    unsafe {
        Arc::increment_strong_count(rkqu);
        Some(Arc::from_raw(rkqu))
    }
}

/// A queue with its client, which may be gone.
///
/// # Safety
/// As [`shared`].
pub(crate) unsafe fn with_handle(rkqu: *const rd_kafka_queue_s) -> Option<(Arc<rd_kafka_s>, Arc<rd_kafka_queue_s>)> {
    // SAFETY: the caller's promise. Counted: a callback may destroy the queue.
    let queue = unsafe { shared(rkqu) }?;
    Some((queue.handle.upgrade()?, queue))
}

fn into_raw(queue: Arc<rd_kafka_queue_s>) -> *mut rd_kafka_queue_s {
    Arc::into_raw(queue).cast_mut()
}

/// `rd_kafka_queue_new`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_queue_new(rk: *mut rd_kafka_s) -> *mut rd_kafka_queue_s {
    guarded!(std::ptr::null_mut(), {
        // SAFETY: null or a client.
        unsafe { of(rk) }.map_or(std::ptr::null_mut(), |handle| into_raw(rd_kafka_queue_s::owned(handle.weak())))
    })
}

/// `rd_kafka_queue_destroy`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_queue_destroy(rkqu: *mut rd_kafka_queue_s) {
    if !rkqu.is_null() {
        // SAFETY: it was given to C by `into_raw`, and the caller gives it up.
        guarded!((), {
            let queue = unsafe { Arc::from_raw(rkqu) };
            if queue.is_owned {
                // What is forwarded here may keep it, but nobody polls it.
                queue.set_ring(None);
            }
        });
    }
}

/// `rd_kafka_queue_get_main`: what `rd_kafka_poll` serves.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_queue_get_main(rk: *mut rd_kafka_s) -> *mut rd_kafka_queue_s {
    // SAFETY: null or a client.
    guarded!(std::ptr::null_mut(), { unsafe { of(rk) }.map_or(std::ptr::null_mut(), |handle| into_raw(handle.main.clone())) })
}

/// `rd_kafka_queue_get_consumer`: what `rd_kafka_consumer_poll` serves; null without a group.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_queue_get_consumer(rk: *mut rd_kafka_s) -> *mut rd_kafka_queue_s {
    guarded!(std::ptr::null_mut(), {
        // SAFETY: null or a client.
        let member = unsafe { of(rk) }.and_then(|handle| handle.member.as_ref());
        member.map_or(std::ptr::null_mut(), |member| into_raw(member.queue.clone()))
    })
}

/// `rd_kafka_queue_forward`: what comes into one queue goes into another; a null ends that.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_queue_forward(src: *mut rd_kafka_queue_s, dst: *mut rd_kafka_queue_s) {
    guarded!((), {
        // SAFETY: null or queues.
        let (Some(from), to) = (unsafe { shared(src) }, unsafe { shared(dst) }) else { return };
        if !from.forward(to.as_ref()) {
            crate::misc::print("rd_kafka_queue_forward: the queues would form a circle; nothing is forwarded");
        }
    });
}

/// `rd_kafka_queue_length`: how many things wait to be served, records not counted.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_queue_length(rkqu: *mut rd_kafka_queue_s) -> usize {
    // SAFETY: null or a queue.
    guarded!(0, { unsafe { rkqu.as_ref() }.map_or(0, |queue| queue.ops.end().len()) })
}

/// `rd_kafka_queue_yield`: ends a poll of the queue, or the next one if nobody polls it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_queue_yield(rkqu: *mut rd_kafka_queue_s) {
    guarded!((), {
        // SAFETY: null or a queue.
        if let Some(queue) = unsafe { rkqu.as_ref() } {
            queue.ops.push(Op::Yield);
        }
    });
}

/// `rd_kafka_queue_poll_callback`: serves what waits, by the configured callbacks; how many calls that were.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_queue_poll_callback(rkqu: *mut rd_kafka_queue_s, timeout_ms: c_int) -> c_int {
    guarded!(0, {
        // SAFETY: null or a queue.
        let Some((handle, queue)) = (unsafe { with_handle(rkqu) }) else { return 0 };
        let served = crate::handle::poll_queue(&handle, &queue, crate::boundary::limit(timeout_ms));
        c_int::try_from(served).unwrap_or(c_int::MAX)
    })
}

/// `rd_kafka_queue_io_event_enable`: has bytes written to a descriptor when something comes into an empty queue; -1 ends that.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_queue_io_event_enable(
    rkqu: *mut rd_kafka_queue_s,
    fd: c_int,
    payload: *const c_void,
    size: usize,
) {
    guarded!((), {
        // SAFETY: null, or a queue and so many bytes.
        if let Some(queue) = unsafe { rkqu.as_ref() } {
            // SAFETY: as above.
            let payload = unsafe { bytes(payload, size) }.unwrap_or_default().to_vec();
            queue.set_ring((fd >= 0).then(|| Ring::writes(fd, payload)));
        }
    });
}

/// `rd_kafka_queue_cb_event_enable`: has a function called when something comes into an empty queue; null ends that. It is called on
/// a thread of the library's, and is to do no more than to tell another.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_queue_cb_event_enable(
    rkqu: *mut rd_kafka_queue_s,
    event_cb: Option<QueueEventCb>,
    qev_opaque: *mut c_void,
) {
    guarded!((), {
        // SAFETY: null or a queue.
        if let Some(queue) = unsafe { rkqu.as_ref() } {
            queue.set_ring(event_cb.map(|event_cb| Ring::calls(queue.handle.clone(), event_cb, Opaque(qev_opaque))));
        }
    });
}
