//! `fuzz::sip::body`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| fuzz::sip::body::run(octets));
