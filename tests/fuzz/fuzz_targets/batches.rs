//! libFuzzer at record batches, and messages of magic 0 and 1. See `ottla_hostile_tests::fuzz` for an input's form.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    ottla_hostile_tests::fuzz::batches(data);
});
