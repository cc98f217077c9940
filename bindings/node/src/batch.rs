//! A batch that comes in: its bytes as one ArrayBuffer, and a table of where its records' parts lie.

use std::ffi::c_void;
use std::ptr::null_mut;

use napi::sys;
use ottla::FetchedBatch;

use crate::raw::{self, Raw, to_number};

/// Words of the table for each record: its offset behind the batch's first, its timestamp's high and low half, where its key begins
/// and how long it is (-1: null), the same for its value, and where in the table its headers are told of (0: none): how many, and of
/// each where the name and the value begin and how long they are.
const WORDS: usize = 8;

/// Below this a copy is cheaper than a buffer that has to be let go of.
const COPIED: usize = 4096;

fn word(number: usize) -> i32 {
    // A batch is far smaller than 2 GB: receive.message.max.bytes and inflate.max.bytes bound it there.
    i32::try_from(number).unwrap_or(-1)
}

/// Begin and length of a part of `whole`.
fn place(whole: &[u8], part: Option<&[u8]>) -> [i32; 2] {
    match part {
        None => [0, -1],
        Some(part) => {
            let at = (part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize);
            [word(at.min(whole.len())), word(part.len())]
        }
    }
}

/// What JavaScript reads of a batch: the number to speak of it, topic, partition, first offset, how many records, the offset behind,
/// the bytes, the table, the high watermark.
pub(crate) fn to_js(env: sys::napi_env, at: u32, batch: &FetchedBatch, high: i64) -> Raw {
    let payload = batch.payload();
    let whole: &[u8] = payload;
    let first = batch.first_offset();
    let mut table: Vec<i32> = Vec::with_capacity(batch.len_hint().min(whole.len()) * WORDS);
    let mut headers: Vec<i32> = Vec::new();
    let mut with_headers: Vec<(usize, usize)> = Vec::new();
    let mut count = 0_usize;
    for record in batch.records() {
        let delta = i32::try_from(record.offset.saturating_sub(first)).unwrap_or(i32::MAX);
        let timestamp = record.timestamp;
        let [key, key_len] = place(whole, record.key);
        let [value, value_len] = place(whole, record.value);
        #[expect(clippy::cast_possible_truncation, reason = "the two halves of a timestamp")]
        table.extend([delta, (timestamp >> 32) as i32, timestamp as i32, key, key_len, value, value_len, 0]);
        if !record.headers.is_empty() {
            with_headers.push((table.len() - 1, headers.len()));
            headers.push(word(record.headers.len()));
            for header in record.headers {
                headers.extend(place(whole, Some(header.key.as_bytes())));
                headers.extend(place(whole, header.value));
            }
        }
        count += 1;
    }
    let behind = table.len();
    for (slot, begin) in with_headers {
        if let Some(slot) = table.get_mut(slot) {
            *slot = word(behind + begin);
        }
    }
    table.extend(headers);
    raw::array(
        env,
        [
            raw::double(env, f64::from(at)),
            raw::string(env, batch.topic().as_str()),
            raw::int32(env, batch.partition()),
            raw::double(env, to_number(first)),
            raw::int32(env, word(count)),
            raw::double(env, to_number(batch.next_offset())),
            payload_to_js(env, batch),
            raw::typed(env, sys::TypedarrayType::int32_array, &table),
            raw::double(env, to_number(high)),
        ],
    )
}

fn payload_to_js(env: sys::napi_env, batch: &FetchedBatch) -> Raw {
    let payload = batch.payload();
    if payload.len() < COPIED {
        return raw::copied(env, payload);
    }
    let mut buffer = null_mut();
    let kept = Box::into_raw(Box::new(payload.clone()));
    // SAFETY: the bytes stay where they are as long as `kept` does, which `let_go` drops. Nobody else reads them once the batch has
    // been told of: JavaScript may write there.
    let status = unsafe {
        let data = (*kept).as_ptr().cast_mut().cast::<c_void>();
        sys::napi_create_external_arraybuffer(env, data, (*kept).len(), Some(let_go), kept.cast(), &raw mut buffer)
    };
    if status == sys::Status::napi_ok {
        return buffer;
    }
    // Not allowed here (Electron): a copy.
    // SAFETY: nobody took it.
    drop(unsafe { Box::from_raw(kept) });
    raw::copied(env, payload)
}

unsafe extern "C" fn let_go(_env: sys::napi_env, _data: *mut c_void, kept: *mut c_void) {
    // SAFETY: made by `Box::into_raw` above, and called once.
    drop(unsafe { Box::from_raw(kept.cast::<bytes::Bytes>()) });
}
