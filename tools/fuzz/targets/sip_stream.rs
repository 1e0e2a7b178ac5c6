//! `fuzz::sip::stream`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| fuzz::sip::stream::run(octets));
