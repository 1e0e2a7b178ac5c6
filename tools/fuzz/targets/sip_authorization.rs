//! `fuzz::sip::authorization`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| fuzz::sip::authorization::run(octets));
