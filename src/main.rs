//! Start-up of the gateway.
fn main() {}
