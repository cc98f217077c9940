//! A batch that comes in: its bytes as one ArrayBuffer, and a table of where its records' parts lie.

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr::null_mut;

use napi::sys;
use napi_derive::napi;
use ottla::FetchedBatch;

use crate::raw::{self, Raw, to_number};

/// Words of the table for each record: its offset behind the batch's first, its timestamp's high and low half, where its key
/// begins and how long it is (-1: null), the same for its value, and where in the table its headers are told of (0: none): how
/// many, and of each where the name and the value begin and how long they are.
const WORDS: usize = 8;

/// Below this a copy is cheaper than a buffer that has to be let go of.
const COPIED: usize = 4096;

thread_local! {
    /// Whether JavaScript may have no memory of others, as it is in Electron.
    static FORBIDDEN: Cell<bool> = const { Cell::new(false) };
}

/// External memory is refused from now on, or no more: as Electron always does, for tests elsewhere.
#[napi(catch_unwind)]
pub fn forbid_external_memory(forbidden: bool) {
    FORBIDDEN.set(forbidden);
}

fn word(number: usize) -> i32 {
    // A batch is far smaller than 2 GB: receive.message.max.bytes and inflate.max.bytes bound it there.
    i32::try_from(number).unwrap_or(-1)
}

/// Begin and length of a part of `whole`, which itself begins at `shift`.
fn place(whole: &[u8], part: Option<&[u8]>, shift: usize) -> [i32; 2] {
    match part {
        None => [0, -1],
        Some(part) => {
            let at = (part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize);
            [word(shift + at.min(whole.len())), word(part.len())]
        }
    }
}

/// Batches of up to so many bytes are handed out together, until they have [`TOGETHER`] bytes.
pub(crate) const SMALL: usize = 16 * 1024;
pub(crate) const TOGETHER: usize = 64 * 1024;

/// Offsets in the table count from the first, in 32 bits.
pub(crate) fn fits(first: &FetchedBatch, next: &FetchedBatch) -> bool {
    i32::try_from(next.next_offset().saturating_sub(first.first_offset())).is_ok()
}

/// The table as it grows: of all batches, whose bytes lie one behind the other.
#[derive(Default)]
struct Table {
    words: Vec<i32>,
    headers: Vec<i32>,
    /// Where in `words` is to be told where in `headers` a record's are.
    with_headers: Vec<(usize, usize)>,
    count: usize,
}

impl Table {
    fn add(&mut self, batch: &FetchedBatch, first: i64, shift: usize) {
        let whole: &[u8] = batch.payload();
        let place = |part| place(whole, part, shift);
        for record in batch.records() {
            let delta = i32::try_from(record.offset.saturating_sub(first)).unwrap_or(i32::MAX);
            let timestamp = record.timestamp;
            let [key, key_len] = place(record.key);
            let [value, value_len] = place(record.value);
            #[expect(clippy::cast_possible_truncation, reason = "the two halves of a timestamp")]
            self.words.extend([delta, (timestamp >> 32) as i32, timestamp as i32, key, key_len, value, value_len, 0]);
            if !record.headers.is_empty() {
                self.with_headers.push((self.words.len() - 1, self.headers.len()));
                self.headers.push(word(record.headers.len()));
                for header in record.headers {
                    self.headers.extend(place(Some(header.key.as_bytes())));
                    self.headers.extend(place(header.value));
                }
            }
            self.count += 1;
        }
    }

    fn finish(mut self) -> (Vec<i32>, usize) {
        let behind = self.words.len();
        for (slot, begin) in self.with_headers {
            if let Some(slot) = self.words.get_mut(slot) {
                *slot = word(behind + begin);
            }
        }
        self.words.extend(self.headers);
        (self.words, self.count)
    }
}

/// What JavaScript reads of batches that are handed out as one: the number to speak of them, topic, partition, first offset, how
/// many records, the offset behind, the bytes, the table, the high watermark, the id of the broker.
pub(crate) fn to_js(env: sys::napi_env, at: u32, batches: &[FetchedBatch], high: i64) -> Raw {
    let (Some(head), Some(last)) = (batches.first(), batches.last()) else { return raw::null(env) };
    let first = head.first_offset();
    let hint = batches.iter().map(|batch| batch.len_hint().min(batch.payload().len())).sum::<usize>();
    let mut table = Table { words: Vec::with_capacity(hint * WORDS), ..Table::default() };
    let bytes = match batches {
        [one] => {
            table.add(one, first, 0);
            payload_to_js(env, one)
        }
        several => {
            let mut bytes = Vec::with_capacity(TOGETHER);
            for batch in several {
                table.add(batch, first, bytes.len());
                bytes.extend_from_slice(batch.payload());
            }
            raw::copied(env, &bytes)
        }
    };
    let (words, count) = table.finish();
    raw::array(
        env,
        [
            raw::double(env, f64::from(at)),
            raw::string(env, head.topic().as_str()),
            raw::int32(env, head.partition()),
            raw::double(env, to_number(first)),
            raw::int32(env, word(count)),
            raw::double(env, to_number(last.next_offset())),
            bytes,
            raw::typed(env, sys::TypedarrayType::int32_array, &words),
            raw::double(env, to_number(high)),
            raw::int32(env, head.broker()),
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
    // SAFETY: the bytes stay where they are as long as `kept` does, which `let_go` drops. Nobody else reads them once the batch
    // has been told of: JavaScript may write there.
    let status = unsafe {
        let data = (*kept).as_ptr().cast_mut().cast::<c_void>();
        match FORBIDDEN.get() {
            true => sys::Status::napi_no_external_buffers_allowed,
            false => sys::napi_create_external_arraybuffer(env, data, (*kept).len(), Some(let_go), kept.cast(), &raw mut buffer),
        }
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
