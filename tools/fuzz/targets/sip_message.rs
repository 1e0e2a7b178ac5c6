//! `fuzz::sip::message`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| fuzz::sip::message::run(octets));
