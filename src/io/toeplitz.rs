//! The Toeplitz hash by which a network card with receive-side scaling chooses a queue, in software for ports
//! without it.

use core::net::IpAddr;

/// The key of Microsoft's "Verifying the RSS Hash Calculation", which we also give to network cards that take
/// one of 40 octets.
pub const KEY: [u8; 40] = [
    0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0,
    0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42,
    0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
];

/// Entries of the table from hash to queue that cards start with.
const TABLE: u32 = 128;

/// The hash of a flow as its receiver sees it; `ports` are source and destination, absent for a 2-tuple hash.
/// Both addresses are of one family, otherwise each is hashed in its own length.
#[must_use]
pub fn toeplitz(source: IpAddr, destination: IpAddr, ports: Option<(u16, u16)>) -> u32 {
    let mut hash = Hash::new();
    for address in [source, destination] {
        match address {
            IpAddr::V4(address) => hash.add(&address.octets()),
            IpAddr::V6(address) => hash.add(&address.octets()),
        }
    }
    if let Some((source, destination)) = ports {
        hash.add(&source.to_be_bytes());
        hash.add(&destination.to_be_bytes());
    }
    hash.value
}

/// The queue, of `queues`, to which a card with its initial table sends a flow of this hash; 0 if there is
/// none.
#[must_use]
pub fn queue(hash: u32, queues: usize) -> usize {
    ((hash % TABLE) as usize).checked_rem(queues).unwrap_or(0)
}

struct Hash {
    value: u32,
    /// The 32 bits of the key that stand at the next input bit, and the 32 after them.
    window: u64,
    /// The key's octets that have been shifted into the window.
    shifted: usize,
}

impl Hash {
    fn new() -> Self {
        let window = KEY.iter().take(8).fold(0, |window, &octet| window << 8 | u64::from(octet));
        Self { value: 0, window, shifted: 8 }
    }

    fn add(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            for bit in 0..8 {
                if byte & 0x80 >> bit != 0 {
                    self.value ^= (self.window << bit >> 32) as u32;
                }
            }
            let next = KEY.get(self.shifted).copied().unwrap_or(0);
            self.window = self.window << 8 | u64::from(next);
            self.shifted += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Source, its port, destination, its port, hash of the addresses, hash of all four; from Microsoft's
    /// "Verifying the RSS Hash Calculation".
    const PUBLISHED: [(&str, u16, &str, u16, u32, u32); 8] = [
        ("66.9.149.187", 2794, "161.142.100.80", 1766, 0x323e_8fc2, 0x51cc_c178),
        ("199.92.111.2", 14230, "65.69.140.83", 4739, 0xd718_262a, 0xc626_b0ea),
        ("24.19.198.95", 12898, "12.22.207.184", 38024, 0xd2d0_a5de, 0x5c2b_394a),
        ("38.27.205.30", 48228, "209.142.163.6", 2217, 0x8298_9176, 0xafc7_327f),
        ("153.39.163.191", 44251, "202.188.127.2", 1303, 0x5d18_09c5, 0x10e8_28a2),
        ("3ffe:2501:200:1fff::7", 2794, "3ffe:2501:200:3::1", 1766, 0x2cc1_8cd5, 0x4020_7d3d),
        ("3ffe:501:8::260:97ff:fe40:efab", 14230, "ff02::1", 4739, 0x0f0c_461c, 0xdde5_1bbf),
        (
            "3ffe:1900:4545:3:200:f8ff:fe21:67cf",
            44251,
            "fe80::200:f8ff:fe21:67cf",
            38024,
            0x4b61_e985,
            0x02d1_feef,
        ),
    ];

    #[test]
    fn published_vectors() {
        for (source, source_port, destination, destination_port, addresses, all) in PUBLISHED {
            let (source, destination) = (source.parse().unwrap(), destination.parse().unwrap());
            assert_eq!(toeplitz(source, destination, None), addresses, "{source} {destination}");
            assert_eq!(toeplitz(source, destination, Some((source_port, destination_port))), all);
        }
    }

    #[test]
    fn every_queue_gets_flows() {
        let (source, destination) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let mut flows = [0; 3];
        for port in 1024..2048 {
            flows[queue(toeplitz(source, destination, Some((port, 5060))), 3)] += 1;
        }
        assert!(flows.iter().all(|&count| count > 200), "{flows:?}");
        assert_eq!(queue(7, 0), 0);
    }
}
