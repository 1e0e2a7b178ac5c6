//! Octet classes and searches of SIP text, eight octets at a time.

/// Offset of the first octet below 0x20 at or after `from`, or the length if there is none.
pub(super) fn control(bytes: &[u8], from: usize) -> usize {
    by_words(bytes, from, |word| below(word, 0x20))
}

/// Offset of the first `octet` at or after `from`, or the length if there is none.
#[inline]
pub(super) fn octet(bytes: &[u8], from: usize, octet: u8) -> usize {
    by_words(bytes, from, |word| equal(word, octet))
}

/// Offset of the first comma, quote or angle bracket that opens, or the length if there is none.
#[inline]
pub(super) fn list_mark(bytes: &[u8], from: usize) -> usize {
    by_words(bytes, from, |word| equal(word, b',') | equal(word, b'"') | equal(word, b'<'))
}

const EACH: u64 = 0x0101_0101_0101_0101;
const TOPS: u64 = 0x8080_8080_8080_8080;

#[inline(always)]
fn below(word: u64, octet: u8) -> u64 {
    word.wrapping_sub(EACH * u64::from(octet)) & !word & TOPS
}

#[inline(always)]
fn equal(word: u64, octet: u8) -> u64 {
    below(word ^ (EACH * u64::from(octet)), 1)
}

/// `hits` sets the top bit of each octet that is wanted; above the first one it may err, since a subtraction borrows
/// from the octets above.
#[inline(always)]
fn by_words(bytes: &[u8], from: usize, hits: impl Fn(u64) -> u64) -> usize {
    let (words, rest) = bytes.get(from..).unwrap_or(&[]).as_chunks::<8>();
    let mut at = from;
    for word in words {
        let found = hits(u64::from_le_bytes(*word));
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    for &octet in rest {
        if hits(u64::from(octet) | TOPS << 8) & 0xff != 0 {
            break;
        }
        at += 1;
    }
    at
}

const TOKEN: u8 = 1;
const HOST: u8 = 2;

#[allow(clippy::indexing_slicing)] // evaluated at compile time
static CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        let c = octet as u8;
        let mut class = 0;
        if c.is_ascii_alphanumeric() || among(c, b"-.!%*_+`'~") {
            class |= TOKEN;
        }
        if c.is_ascii_alphanumeric() || among(c, b"-._") {
            class |= HOST;
        }
        classes[octet] = class;
        octet += 1;
    }
    classes
};

#[allow(clippy::indexing_slicing)] // evaluated at compile time
const fn among(c: u8, set: &[u8]) -> bool {
    let mut at = 0;
    while at < set.len() {
        if set[at] == c {
            return true;
        }
        at += 1;
    }
    false
}

#[inline(always)]
fn classes(octet: u8) -> u8 {
    // The index is an octet and the table has 256 entries, so the fallback is never taken (nor compiled).
    CLASSES.get(usize::from(octet)).copied().unwrap_or(0)
}

/// Whether no octet of `text` is `unwanted`. That is asked of sixteen octets at once, which compilers make vector
/// instructions of; so it has to be a few comparisons without branches.
#[inline(always)]
fn none(text: &[u8], unwanted: impl Fn(u8) -> bool) -> bool {
    let any = |octets: &[u8]| octets.iter().fold(false, |any, &octet| any | unwanted(octet));
    let (blocks, rest) = text.as_chunks::<16>();
    let any_of_rest = match text.last_chunk::<16>() {
        // Some of these are looked at twice.
        Some(last) => !rest.is_empty() && any(last),
        None => any(rest),
    };
    !any_of_rest && !blocks.iter().any(|block| any(block))
}

/// Whether all octets of `text` are of `class`, and there is one.
#[inline(always)]
fn all(text: &[u8], class: u8) -> bool {
    !text.is_empty() && text.iter().fold(class, |all, &octet| all & classes(octet)) != 0
}

/// Whether `text` is a token (RFC 3261 25.1), not empty.
pub(super) fn is_token(text: &[u8]) -> bool {
    all(text, TOKEN)
}

/// Whether `text` has only octets that a URI may have, not empty.
pub(super) fn is_uri_text(text: &[u8]) -> bool {
    // RFC 3261 25.1 without "<", ">", backslash, "^", braces, bar, quote and grave accent: reserved, unreserved, "%" of
    // escapes, the brackets of an IPv6 reference; and "#", which handsets leave unescaped in service codes.
    let other = |octet: u8| {
        (octet.wrapping_sub(b'!') > b'~' - b'!')
            | (octet | 2 == b'>')
            | (octet | 2 == b'^')
            | (octet.wrapping_sub(b'{') < 3)
            | (octet == b'"')
            | (octet == b'`')
    };
    !text.is_empty() && none(text, other)
}

/// Whether `text` has only octets of a host name or IPv4 address, not empty.
pub(super) fn is_host_text(text: &[u8]) -> bool {
    all(text, HOST)
}

/// Whether `text` has white space in it.
pub(super) fn has_lws(text: &[u8]) -> bool {
    text.iter().fold(false, |any, &octet| any | is_lws(octet))
}

/// Splits `text` after the token that it begins with, which may be empty.
#[inline]
pub(super) fn split_token(text: &[u8]) -> (&[u8], &[u8]) {
    split_at(text, |octet| classes(octet) & TOKEN == 0)
}

/// Splits `text` before what ends a parameter's value: white space, a semicolon, a comma or a quote.
#[inline]
pub(super) fn split_param_value(text: &[u8]) -> (&[u8], &[u8]) {
    let ends = |word| below(word, 0x21) | equal(word, b';') | equal(word, b',') | equal(word, b'"');
    let at = by_words(text, 0, ends);
    text.split_at_checked(at).unwrap_or((text, &[]))
}

/// Splits `text` after the host name, IPv4 address or port that it begins with, which may be empty.
#[inline]
pub(super) fn split_host(text: &[u8]) -> (&[u8], &[u8]) {
    split_at(text, |octet| classes(octet) & HOST == 0)
}

#[inline(always)]
fn split_at(text: &[u8], end: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    let at = text.iter().position(|&octet| end(octet)).unwrap_or(text.len());
    text.split_at_checked(at).unwrap_or((text, &[]))
}

/// Linear white space. Of the octets up to a space, a header's value has only spaces, tabs and the line ends of folds:
/// the parser refuses any other.
#[inline(always)]
pub(super) const fn is_lws(octet: u8) -> bool {
    octet <= b' '
}

/// `text` from its first octet that is no white space.
pub(super) fn skip_lws(text: &[u8]) -> &[u8] {
    let mut rest = text;
    while let Some((&octet, after)) = rest.split_first() {
        if !is_lws(octet) {
            break;
        }
        rest = after;
    }
    rest
}

/// `text` without white space at either end.
pub(super) fn trim(text: &[u8]) -> &[u8] {
    let mut rest = skip_lws(text);
    while let Some((&octet, before)) = rest.split_last() {
        if !is_lws(octet) {
            break;
        }
        rest = before;
    }
    rest
}

/// A number of decimal digits alone, if it fits.
pub(super) fn decimal(text: &[u8]) -> Option<u32> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u32, |number, &c| {
        if !c.is_ascii_digit() {
            return None;
        }
        number.checked_mul(10)?.checked_add(u32::from(c - b'0'))
    })
}

/// A number of seconds; one too great counts as the greatest (RFC 3261 20.19).
pub(super) fn seconds(text: &[u8]) -> Option<u32> {
    match decimal(text) {
        None if !text.is_empty() && text.iter().all(u8::is_ascii_digit) => Some(u32::MAX),
        seconds => seconds,
    }
}

/// `number` in decimal digits.
pub(super) fn spell(number: u32, buffer: &mut [u8; 10]) -> &[u8] {
    let mut start = buffer.len();
    let mut rest = number;
    for (at, place) in buffer.iter_mut().enumerate().rev() {
        *place = b'0' + (rest % 10) as u8;
        rest /= 10;
        start = at;
        if rest == 0 {
            break;
        }
    }
    buffer.get(start..).unwrap_or(&[])
}

/// The length of the quoted string at the start of `text`, quotes included; `None` if it does not end.
pub(super) fn quoted(text: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        match text.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// Splits `text` before and after its first `octet`.
pub(super) fn split_once(text: &[u8], wanted: u8) -> Option<(&[u8], &[u8])> {
    let (before, rest) = text.split_at_checked(octet(text, 0, wanted))?;
    Some((before, rest.get(1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_have_these_octets_and_no_others() {
        for octet in 0..=u8::MAX {
            let wanted = octet.is_ascii_alphanumeric() || b"-_.!~*'();/?:@&=+$,%[]#".contains(&octet);
            for length in [1, 15, 16, 17, 40] {
                for at in 0..length {
                    let mut text = [b'a'; 40];
                    text[at] = octet;
                    assert_eq!(is_uri_text(&text[..length]), wanted, "{octet:#x} at {at} of {length}");
                }
            }
        }
    }

    #[test]
    fn searches_find_the_first_at_or_after() {
        let find = |bytes: &[u8], from: usize| {
            bytes
                .iter()
                .enumerate()
                .position(|(at, &c)| at >= from && c == b':')
                .unwrap_or(bytes.len().max(from))
        };
        for length in 0..70 {
            for first in 0..=length {
                for second in [first, first + 1, first + 16, first + 20] {
                    let mut text = vec![b'a'; length];
                    for at in [first, second] {
                        text.get_mut(at).into_iter().for_each(|octet| *octet = b':');
                    }
                    for from in [0, 1, 15, 16, 17, 33, length, length + 1] {
                        assert_eq!(
                            octet(&text, from, b':'),
                            find(&text, from),
                            "{length} {first} {second} {from}"
                        );
                    }
                }
            }
        }
    }
}
