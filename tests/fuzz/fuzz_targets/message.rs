//! Entry point for the bytes of `redrive_fuzz::message`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| redrive_fuzz::message(bytes));
