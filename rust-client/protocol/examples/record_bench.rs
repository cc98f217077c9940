//! Nanoseconds a record: appended to a batch, read from it, and each codec over the batch.
//!
//! `cargo run --release -p ottla-protocol --example record_bench`

#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "a benchmark looks at the clock; the crate does not")]

use std::hint::black_box;
use std::time::Instant;

use bytes::Bytes;
use ottla_protocol::compression::{Compression, compress, is_supported};
use ottla_protocol::record::{Attributes, BatchBuilder, BatchHeader, RecordCursor, seal_header, split_batches, verify_crc};

const ROUNDS: u32 = 2_000;
const RECORDS: u32 = 1_000;

type Headers<'a> = &'a [(&'a str, Option<&'a [u8]>)];
type Failure = Box<dyn std::error::Error>;

/// The best of five runs, since what else the machine does only ever adds.
fn measure(what: &str, mut run: impl FnMut() -> Result<(), Failure>) -> Result<(), Failure> {
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let start = Instant::now();
        for _ in 0..ROUNDS {
            run()?;
        }
        best = best.min(start.elapsed().as_secs_f64());
    }
    println!("{what:<40} {:>8.1} ns a record", best * 1e9 / f64::from(ROUNDS) / f64::from(RECORDS));
    Ok(())
}

fn fill(buf: Vec<u8>, key: Option<&[u8]>, value: &[u8], headers: Headers<'_>) -> Result<BatchBuilder, Failure> {
    let mut builder = BatchBuilder::new(buf);
    for i in 0..RECORDS {
        builder.append(1_700_000_000_000 + i64::from(i / 100), key, Some(black_box(value)), headers.iter().copied())?;
    }
    Ok(builder)
}

fn main() -> Result<(), Failure> {
    let text: Vec<u8> = (0..100_u8).map(|i| b'a' + i.wrapping_mul(7) % 26).collect();
    let headers = [("trace", Some(&b"0123456789abcdef"[..])), ("kind", None)];
    let mut buf = Vec::new();
    let cases: [(&str, Option<&[u8]>, Headers<'_>); 3] =
        [("no key", None, &[]), ("key", Some(b"customer-1"), &[]), ("key, 2 headers", Some(b"customer-1"), &headers)];
    for (name, key, headers) in cases {
        measure(&format!("append, 100-byte value, {name}"), || {
            (buf, _) = black_box(fill(std::mem::take(&mut buf), key, &text, headers)?).finish();
            Ok(())
        })?;
        let (payload, meta) = fill(Vec::new(), key, &text, headers)?.finish();
        let mut header = BatchHeader::for_batch(&meta, Attributes::default());
        let bytes = Bytes::from([&seal_header(&mut header, &payload)[..], &payload].concat());
        let batch = split_batches(&bytes).next().ok_or("no batch")??;
        let decoded = batch.decode(true, usize::MAX, Vec::new())?;
        measure(&format!("iterate, {name}"), || {
            for record in decoded.records() {
                black_box(record?);
            }
            Ok(())
        })?;
        measure(&format!("cursor, {name}"), || {
            let mut cursor = RecordCursor::default();
            while let Some(record) = cursor.next(&decoded) {
                black_box(record?);
            }
            Ok(())
        })?;
    }
    let (payload, meta) = fill(Vec::new(), None, &text, &[])?.finish();
    let mut header = BatchHeader::for_batch(&meta, Attributes::default());
    let sealed = [&seal_header(&mut header, &payload)[..], &payload].concat();
    measure("CRC of the batch", || {
        black_box(verify_crc(black_box(&sealed))?);
        Ok(())
    })?;
    for codec in Compression::ALL.into_iter().filter(|codec| is_supported(*codec)) {
        let mut out = Vec::new();
        compress(codec, None, &payload, &mut out)?;
        println!("{codec}: {} bytes of {}", out.len(), payload.len());
    }
    Ok(())
}
