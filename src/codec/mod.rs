//! How octets are spelt, for every protocol: reading forwards, writing backwards, BER, TBCD digits.

pub mod ber;
mod prepend;
mod reader;
pub mod tbcd;

pub use prepend::Prepend;
pub use reader::Reader;
