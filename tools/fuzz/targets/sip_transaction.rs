//! `fuzz::sip::transaction`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| fuzz::sip::transaction::run(octets));
