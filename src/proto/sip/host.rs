//! Hosts as SIP spells them (RFC 3261 25.1, RFC 5118).

use super::scan::octet;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An IPv4 address, or an IPv6 address with or without brackets (RFC 5118 4.5).
pub(super) fn ip_address(text: &[u8]) -> Option<IpAddr> {
    let plain = match text.strip_prefix(b"[") {
        Some(rest) => rest.strip_suffix(b"]")?,
        None => text,
    };
    if plain.contains(&b':') {
        ipv6(plain).map(IpAddr::V6)
    } else if plain.len() == text.len() {
        core::str::from_utf8(plain).ok()?.parse::<Ipv4Addr>().ok().map(IpAddr::V4)
    } else {
        None
    }
}

/// An IPv6 address. Three colons before an IPv4 address mean two: the grammar of RFC 3261 lets a sender write them, and they
/// must be tolerated (RFC 5118 4.10).
fn ipv6(text: &[u8]) -> Option<Ipv6Addr> {
    let read = |text: &[u8]| core::str::from_utf8(text).ok()?.parse::<Ipv6Addr>().ok();
    let Some(at) = text.windows(3).position(|three| three == b":::") else { return read(text) };
    let (before, rest) = text.split_at_checked(at + 2)?;
    let after = rest.get(1..)?;
    core::str::from_utf8(after).ok()?.parse::<Ipv4Addr>().ok()?;
    let mut room = [0; 45];
    let room = room.get_mut(..before.len() + after.len())?;
    let (first, last) = room.split_at_mut_checked(before.len())?;
    first.copy_from_slice(before);
    last.copy_from_slice(after);
    read(room)
}

/// Whether `text` is a host: a name, an IPv4 address, or an IPv6 address in brackets.
///
/// Beyond the grammar, names may have an underscore wherever a letter may stand: hosts of laboratories do.
pub(super) fn is_host(text: &[u8]) -> bool {
    if text.first() == Some(&b'[') {
        return octet(text, 0, b']') + 1 == text.len() && ip_address(text).is_some();
    }
    let labels = text.strip_suffix(b".").unwrap_or(text);
    let (mut previous, mut last_label) = (b'.', 0);
    for (at, &octet) in labels.iter().enumerate() {
        match octet {
            b'.' if is_letter_or_digit(previous) => last_label = at + 1,
            b'-' if previous != b'.' => {}
            _ if is_letter_or_digit(octet) => {}
            _ => return false,
        }
        previous = octet;
    }
    if !is_letter_or_digit(previous) {
        return false;
    }
    // The last label of a name begins with no digit, so an address is no name.
    !labels.get(last_label).is_some_and(u8::is_ascii_digit) || ip_address(text).is_some()
}

const fn is_letter_or_digit(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || octet == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_colon_address() {
        let same = |text: &str, other: &str| {
            assert_eq!(ip_address(text.as_bytes()), other.parse().ok(), "{text}");
        };
        same("[2001:db8:::192.0.2.1]", "2001:db8::192.0.2.1");
        same("2001:db8:::192.0.2.1", "2001:db8::192.0.2.1");
        same("[:::192.0.2.1]", "::192.0.2.1");
        for none in [
            "[2001:db8::::192.0.2.1]",
            "[2001:db8:::1]",
            "[2001:::db8:::192.0.2.1]",
            "[2001::db8:::192.0.2.1]",
            "[:::]",
            "[::192.0.2.256]",
            "[192.0.2.1]",
            "[1:2:3:4:5:6:7:8:1:2:3:4:5:6:7:8:1:2:3:4:5:6:::192.0.2.1]",
        ] {
            assert_eq!(ip_address(none.as_bytes()), None, "{none}");
        }
    }

    #[test]
    fn hosts_are_names_with_labels_or_addresses() {
        for host in [
            "h",
            "a.example",
            "A-1.b--c.Example.",
            "3gpp.org",
            "0.1.a",
            "xn--a.b",
            "a_b.c",
            "_sip.a",
            "192.0.2.255",
            "[2001:db8::1]",
            "[::ffff:192.0.2.1]",
            "1a.b1",
        ] {
            assert!(is_host(host.as_bytes()), "{host}");
        }
        for none in [
            "",
            ".",
            "-a",
            "a-",
            "a.-b",
            "a-.b",
            "a..b",
            ".a",
            "a.1",
            "1",
            "192.0.2",
            "192.0.2.256",
            "192.0.2.1.1",
            "a b",
            "a:b",
            "a\u{e9}",
            "[::1",
            "::1",
            "[::1]x",
            "[a]",
            "a..",
            "192.0.2.1.",
        ] {
            assert!(!is_host(none.as_bytes()), "{none}");
        }
    }
}
