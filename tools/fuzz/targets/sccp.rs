//! `fuzz::sccp`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| fuzz::sccp::run(octets));
