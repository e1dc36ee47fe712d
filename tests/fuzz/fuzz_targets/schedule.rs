//! Bytes for `redrive_fuzz::schedule`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| redrive_fuzz::schedule(bytes));
