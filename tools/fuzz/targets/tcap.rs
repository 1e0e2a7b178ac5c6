//! `fuzz::tcap`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| fuzz::tcap::run(octets));
