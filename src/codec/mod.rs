//! How octets are spelt, for every protocol: reading forwards, writing backwards, BER, TBCD digits.

pub mod ber;
pub mod crc32c;
mod prepend;
mod reader;
pub mod tbcd;

pub use prepend::Prepend;
pub use reader::Reader;
