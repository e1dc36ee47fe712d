//! Bytes for `redrive_fuzz::event`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| redrive_fuzz::event(bytes));
