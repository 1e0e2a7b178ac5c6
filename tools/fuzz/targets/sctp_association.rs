//! `fuzz::association`, with checksums and MACs of cookies compared.
#![no_main]

libfuzzer_sys::fuzz_target!(init: fuzz::check(true), |octets: &[u8]| fuzz::association::run(octets));
