//! `fuzz::sip::uri`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| fuzz::sip::uri::run(octets));
