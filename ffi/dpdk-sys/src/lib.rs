//! DPDK as C has it: bindings to the distribution's libraries, and a shim (`shim.c`) for the functions that
//! its headers define inline. No logic: what is safe to do with them is decided in the gateway's `io::dpdk`.
#![allow(
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    unsafe_op_in_unsafe_fn,
    clippy::all,
    clippy::undocumented_unsafe_blocks
)]

include!(concat!(env!("OUT_DIR"), "/bindings.rs"));
