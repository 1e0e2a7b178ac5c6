//! How octets are spelt, for every protocol: reading forwards, writing backwards, BER, TBCD digits, the GSM alphabet.

pub mod ber;
pub mod crc32c;
pub mod gsm7;
#[cfg(test)]
pub(crate) mod mutated;
mod prepend;
mod reader;
pub mod scan;
pub mod tbcd;

pub use prepend::Prepend;
pub use reader::Reader;
