//! The core network in a box, as a program.
fn main() {}
