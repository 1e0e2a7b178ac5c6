//! `fuzz::m3ua`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| fuzz::m3ua::run(octets));
