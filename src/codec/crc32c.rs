//! CRC32c (Castagnoli), SCTP's checksum (RFC 9260 annex A): by the processor's instruction where there is one.
#![allow(unsafe_code)] // calling a function that needs SSE 4.2, after asking the processor for it

/// The reflected polynomial.
const POLYNOMIAL: u32 = 0x82f6_3b78;

/// The remainder of every octet.
const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        let mut remainder = octet as u32;
        let mut bit = 0;
        while bit < 8 {
            remainder = if remainder & 1 == 1 { remainder >> 1 ^ POLYNOMIAL } else { remainder >> 1 };
            bit += 1;
        }
        table[octet] = remainder;
        octet += 1;
    }
    table
};

/// The register before the first octet.
pub const START: u32 = u32::MAX;

/// The CRC32c of `bytes`. On the wire it stands least significant octet first.
#[must_use]
pub fn crc32c(bytes: &[u8]) -> u32 {
    !update(START, bytes)
}

/// The register after `bytes`; begin with [`START`], and the CRC is the complement of the last one.
#[must_use]
#[inline]
pub fn update(register: u32, bytes: &[u8]) -> u32 {
    #[cfg(target_arch = "x86_64")]
    if cfg!(target_feature = "sse4.2") || std::arch::is_x86_feature_detected!("sse4.2") {
        // SAFETY: the processor has SSE 4.2, by the line above; the function asks for nothing else.
        return unsafe { update_sse(register, bytes) };
    }
    update_by_table(register, bytes)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse4.2")]
fn update_sse(register: u32, bytes: &[u8]) -> u32 {
    use core::arch::x86_64::{_mm_crc32_u8, _mm_crc32_u64};
    let (words, rest) = bytes.as_chunks::<8>();
    let register = words
        .iter()
        .fold(u64::from(register), |register, word| _mm_crc32_u64(register, u64::from_le_bytes(*word)));
    rest.iter().fold(register as u32, |register, &octet| _mm_crc32_u8(register, octet))
}

fn update_by_table(register: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(register, |register, &octet| register >> 8 ^ TABLE[usize::from(register as u8 ^ octet)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_vectors() {
        // RFC 3720 B.4 and the check value of the CRC catalogues.
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(&core::array::from_fn::<u8, 32, _>(|i| i as u8)), 0x46dd_794e);
    }

    #[test]
    fn instruction_and_table_agree_at_every_length() {
        let bytes: Vec<u8> = (0..200u32).map(|i| (i.wrapping_mul(2654435761) >> 13) as u8).collect();
        for length in 0..bytes.len() {
            assert_eq!(update(7, &bytes[..length]), update_by_table(7, &bytes[..length]), "{length}");
            let (one, two) = bytes.split_at(length);
            assert_eq!(update(update(START, one), two), update(START, &bytes));
        }
    }
}
