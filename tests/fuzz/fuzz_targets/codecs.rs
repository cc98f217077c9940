//! libFuzzer at gzip, snappy, lz4 and zstd within a limit. See `ottla_hostile_tests::fuzz` for an input's form.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    ottla_hostile_tests::fuzz::codecs(data);
});
