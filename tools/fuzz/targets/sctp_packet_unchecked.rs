//! `fuzz::packet`, with checksums and MACs of cookies not compared.
#![no_main]

libfuzzer_sys::fuzz_target!(init: fuzz::check(false), |octets: &[u8]| fuzz::packet::run(octets));
