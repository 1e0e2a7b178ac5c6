//! A range of IP addresses.

use core::net::IpAddr;

/// The addresses of one family whose leading bits are those of one address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IpPrefix {
    /// An address in the range.
    pub address: IpAddr,
    /// How many leading bits all have in common: 32, or 128 of IPv6, for one address alone.
    pub length: u8,
}

impl IpPrefix {
    /// Whether `address` lies in the range.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let different = match (self.address, address) {
            (IpAddr::V4(ours), IpAddr::V4(other)) => u128::from(ours.to_bits() ^ other.to_bits()) << 96,
            (IpAddr::V6(ours), IpAddr::V6(other)) => ours.to_bits() ^ other.to_bits(),
            _ => return false,
        };
        different.leading_zeros() >= u32::from(self.length)
    }
}

impl From<IpAddr> for IpPrefix {
    fn from(address: IpAddr) -> Self {
        Self { address, length: if address.is_ipv4() { 32 } else { 128 } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_its_addresses_and_no_others() {
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        for (range, length, inside, outside) in [
            ("10.1.0.0", 16, &["10.1.0.0", "10.1.255.255"][..], &["10.2.0.0", "10.0.255.255", "::a01:0"][..]),
            ("10.1.2.3", 32, &["10.1.2.3"], &["10.1.2.2", "10.1.2.4"]),
            ("0.0.0.0", 0, &["0.0.0.0", "255.255.255.255"], &["::"]),
            ("fd00::", 8, &["fd00::", "fdff::1"], &["fe00::", "fc00::", "253.0.0.0"]),
            ("fd00::1", 128, &["fd00::1"], &["fd00::2"]),
        ] {
            let range = IpPrefix { address: address(range), length };
            assert!(inside.iter().all(|it| range.contains(address(it))), "{range:?}");
            assert!(!outside.iter().any(|it| range.contains(address(it))), "{range:?}");
        }
        let one = IpPrefix::from(address("fd00::1"));
        assert!(one.contains(address("fd00::1")) && !one.contains(address("fd00::3")));
    }
}
