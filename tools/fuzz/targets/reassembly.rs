//! `fuzz::reassembly`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| fuzz::reassembly::run(octets));
