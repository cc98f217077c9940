//! libFuzzer at frames and headers. See `ottla_hostile_tests::fuzz` for an input's form.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    ottla_hostile_tests::fuzz::frames(data);
});
