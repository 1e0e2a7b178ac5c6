//! The core network in a box.
fn main() {}
