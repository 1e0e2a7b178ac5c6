//! BER, TBCD and hexadecimal, written and read by hand.

/// The octets of hexadecimal digits; spaces don't count.
pub fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().filter_map(|c| c.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// Octets as hexadecimal digits.
pub fn spell(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// An element with a tag of one octet.
pub fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut element = vec![tag];
    match content.len() {
        len @ ..128 => element.push(len as u8),
        len @ ..256 => element.extend([0x81, len as u8]),
        len => element.extend([0x82, (len >> 8) as u8, len as u8]),
    }
    element.extend(content);
    element
}

/// The elements that stand one after the other in `octets`.
pub fn elements(mut octets: &[u8]) -> Vec<(u8, &[u8])> {
    let mut all = vec![];
    while let [tag, first, rest @ ..] = octets {
        let (len, rest) = match first {
            0x81 => (usize::from(rest[0]), &rest[1..]),
            0x82 => (usize::from(rest[0]) << 8 | usize::from(rest[1]), &rest[2..]),
            len => (usize::from(*len), rest),
        };
        all.push((*tag, &rest[..len]));
        octets = &rest[len..];
    }
    all
}

/// The content of the element that these tags lead to, each the first of its kind.
pub fn find<'a>(octets: &'a [u8], path: &[u8]) -> Option<&'a [u8]> {
    path.iter().try_fold(octets, |octets, tag| {
        elements(octets).into_iter().find(|(found, _)| found == tag).map(|(_, content)| content)
    })
}

/// As [`find`], for what must be there.
#[track_caller]
pub fn at<'a>(octets: &'a [u8], path: &[u8]) -> &'a [u8] {
    find(octets, path).unwrap_or_else(|| panic!("no {path:02x?} in {}", spell(octets)))
}

/// Digits, two an octet, the first one low, filled with `filler`.
pub fn bcd(digits: &str, filler: u8) -> Vec<u8> {
    let digits: Vec<u8> = digits.bytes().map(|digit| digit - b'0').collect();
    digits.chunks(2).map(|pair| pair[0] | pair.get(1).copied().unwrap_or(filler) << 4).collect()
}

/// Numbering plan E.164, international, and the digits: MAP's AddressString and RP's address.
pub fn international(digits: &str) -> Vec<u8> {
    [&[0x91][..], &bcd(digits, 0xf)].concat()
}
