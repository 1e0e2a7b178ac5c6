//! The subscriber table's own tests, with its memory from the kernel, compiled without the gateway around it.
#![allow(dead_code, unused_imports, unreachable_pub, missing_docs)] // of the code that is included, the table uses a part

#[path = "../../src/base/mod.rs"]
mod base;
#[path = "../../src/ident/mod.rs"]
mod ident;
#[path = "../../src/subscriber/mod.rs"]
mod subscriber;
