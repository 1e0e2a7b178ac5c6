//! The subscriber table's own code on the words of model checkers, and what must hold there.
#![allow(dead_code, unused_imports, unreachable_pub, missing_docs)] // of the code that is included, models use a part
#![allow(clippy::duplicate_mod, clippy::modulo_one)] // each model has words of its own, and as few as can be
#![allow(clippy::disallowed_methods)] // one starts a thread that it stops

#[path = "../../../src/base/mod.rs"]
pub mod base;
#[path = "../../../src/ident/mod.rs"]
pub mod ident;

pub mod planted;
pub mod shuffled;
pub mod stopped;
pub mod watched;
