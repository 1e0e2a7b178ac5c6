//! Octet classes and searches of SIP text, eight or sixteen octets at a time.

/// Offset of the first control character at or after `from`, or the length if there is none.
#[inline(always)]
pub(super) fn control(bytes: &[u8], from: usize) -> usize {
    let hits_of = |word| below(word, 0x20) | equal(word, 0x7f);
    let hits = |word: &[u8; 8]| hits_of(u64::from_le_bytes(*word));
    let (blocks, _) = bytes.get(from..).unwrap_or(&[]).as_chunks::<16>();
    let mut at = from;
    for block in blocks {
        if any(block, |octet| (octet < 0x20) | (octet == 0x7f))
            && let ([low, high], _) = block.as_chunks::<8>()
        {
            let (low, high) = (hits(low), hits(high));
            let bits = if low != 0 { low.trailing_zeros() } else { 64 + high.trailing_zeros() };
            return at + (bits / 8) as usize;
        }
        at += 16;
    }
    by_words(bytes, at, hits_of)
}

/// Offset of the first `octet` at or after `from`, or the length if there is none.
#[inline]
pub(super) fn octet(bytes: &[u8], from: usize, octet: u8) -> usize {
    by_words(bytes, from, |word| equal(word, octet))
}

/// Offset of the first semicolon or question mark, which end the host and port of a URI, or the length if there is none.
#[inline]
pub(super) fn host_end(text: &[u8]) -> usize {
    by_words(text, 0, |word| equal(word, b';') | equal(word, b'?'))
}

/// Offset of the first comma, quote or angle bracket that opens, or the length if there is none.
#[inline]
pub(super) fn list_mark(bytes: &[u8], from: usize) -> usize {
    let from = skip_without(bytes, from, |octet| (octet == b',') | (octet == b'"') | (octet == b'<'));
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
    if rest.is_empty() {
        return at;
    }
    let last = match bytes.last_chunk::<8>() {
        // Behind octets that were looked at already, or that nobody asked for.
        Some(last) => u64::from_le_bytes(*last) >> (8 * (8 - rest.len())),
        None => rest.iter().rev().fold(0, |word, &octet| word << 8 | u64::from(octet)),
    };
    at + ((hits(last).trailing_zeros() / 8) as usize).min(rest.len())
}

/// Passes over blocks of sixteen octets, from `from`, that have no `wanted` octet.
#[inline(always)]
fn skip_without(text: &[u8], from: usize, wanted: impl Fn(u8) -> bool) -> usize {
    let (blocks, _) = text.get(from..).unwrap_or(&[]).as_chunks::<16>();
    from + 16 * blocks.iter().take_while(|block| !any(*block, &wanted)).count()
}

/// Whether any octet is `wanted`: a few comparisons without branches, which compilers make vector instructions of.
#[inline(always)]
fn any(octets: &[u8], wanted: impl Fn(u8) -> bool) -> bool {
    octets.iter().fold(false, |any, &octet| any | wanted(octet))
}

const TOKEN: u8 = 1;
const HOST: u8 = 2;
const URI: u8 = 4;
const LINE: u8 = 8;
const OPAQUE: u8 = 16;
const USER: u8 = 32;
const PASSWORD: u8 = 64;
const DISPLAY: u8 = 128;

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
        // RFC 3261 25.1: reserved, unreserved, "%" of escapes, the brackets of an IPv6 reference; and "#", which handsets
        // leave unescaped in service codes.
        if c.is_ascii_alphanumeric() || among(c, b"-_.!~*'();/?:@&=+$,%[]#") {
            class |= URI;
        }
        if c >= b' ' && c != 0x7f || c == b'\t' {
            class |= LINE;
        }
        if c > b' ' && c < 0x7f && !among(c, b";,\"<>") {
            class |= OPAQUE;
        }
        if class & URI != 0 && !among(c, b":@[]") {
            class |= USER;
        }
        if class & USER != 0 && !among(c, b";?/#") {
            class |= PASSWORD;
        }
        // Beyond the grammar, octets above ASCII, and a comma as in RFC 4475 3.1.2.15.
        if class & TOKEN != 0 || among(c, b" \t\r\n,") || c >= 0x80 {
            class |= DISPLAY;
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

/// Whether no octet of `text` is `unwanted`, which is as of [`any`].
#[inline(always)]
fn none(text: &[u8], unwanted: impl Fn(u8) -> bool) -> bool {
    let (blocks, rest) = text.as_chunks::<16>();
    let any_of_rest = match text.last_chunk::<16>() {
        // Some of these are looked at twice.
        Some(last) => !rest.is_empty() && any(last, &unwanted),
        None => any(rest, &unwanted),
    };
    !any_of_rest && !blocks.iter().any(|block| any(block, &unwanted))
}

/// Whether all octets of `text` are of `class`, and there is one.
#[inline(always)]
fn all(text: &[u8], class: u8) -> bool {
    let all_of = |text: &[u8]| text.iter().fold(class, |all, &octet| all & classes(octet)) != 0;
    match text.last_chunk::<8>() {
        // Some of these are looked at twice. Compilers write eight look-ups out.
        Some(last) => all_of(last) && text.as_chunks::<8>().0.iter().all(|word| all_of(word)),
        None => !text.is_empty() && all_of(text),
    }
}

/// Whether `text` is a token (RFC 3261 25.1), not empty.
#[inline]
pub(super) fn is_token(text: &[u8]) -> bool {
    if text.len() < 16 { all(text, TOKEN) } else { is_long_token(text) }
}

fn is_long_token(text: &[u8]) -> bool {
    let other = |octet: u8| {
        let letter = (octet | 0x20).wrapping_sub(b'a') < 26;
        let mark = (octet == b'!') | (octet == b'%') | (octet == b'\'') | (octet == b'*') | (octet == b'+');
        // From "-" to "9".
        let digit = (octet.wrapping_sub(b'-') < 13) & (octet != b'/');
        let high = (octet == b'_') | (octet == b'`') | (octet == b'~');
        !(letter | mark | digit | high)
    };
    none(text, other)
}

/// Whether `text` has only octets that a URI may have, not empty.
pub(super) fn is_uri_text(text: &[u8]) -> bool {
    all(text, URI)
}

/// Whether `text` can stand within a line: it has no control character but tabs.
pub(super) fn is_line_text(text: &[u8]) -> bool {
    let plain = text.is_empty() || text.len() >= 16 && none(text, |octet| (octet < b' ') | (octet == 0x7f));
    plain || all(text, LINE)
}

/// Whether `text` begins with a scheme and a colon.
#[inline]
pub(super) fn has_scheme(text: &[u8]) -> bool {
    matches!(text, [b's', b'i', b'p', b':', ..] | [b't', b'e', b'l', b':', ..])
        || split_once(text, b':').is_some_and(|(scheme, _)| is_token(scheme))
}

/// Whether `text` has neither white space nor a comma nor a quote.
pub(super) fn is_plain(text: &[u8]) -> bool {
    none(text, |octet| (octet <= b' ') | (octet == b',') | (octet == b'"'))
}

/// Whether `text` has only visible octets that don't end a parameter's value, not empty.
pub(super) fn is_opaque(text: &[u8]) -> bool {
    all(text, OPAQUE)
}

/// Whether `text` can be the user part of a SIP URI, not empty; its escapes are looked at elsewhere.
pub(super) fn is_user_text(text: &[u8]) -> bool {
    all(text, USER)
}

/// Whether `text` can be a password in a SIP URI; it may be empty.
pub(super) fn is_password_text(text: &[u8]) -> bool {
    text.is_empty() || all(text, PASSWORD)
}

/// Whether `text` is a display name without quotes: tokens and white space, or nothing.
pub(super) fn is_display_text(text: &[u8]) -> bool {
    text.is_empty() || all(text, DISPLAY)
}

/// Whether all octets of `text` are visible ones of ASCII, and there is one.
pub(super) fn is_visible(text: &[u8]) -> bool {
    !text.is_empty() && none(text, |octet| (octet <= b' ') | (octet >= 0x7f))
}

/// Splits `text` after the token that it begins with, which may be empty.
#[inline]
pub(super) fn split_token(text: &[u8]) -> (&[u8], &[u8]) {
    split_at(text, |octet| classes(octet) & TOKEN == 0)
}

/// Splits `text` before what ends a parameter's value: white space, a semicolon, a comma or a quote.
#[inline]
pub(super) fn split_param_value(text: &[u8]) -> (&[u8], &[u8]) {
    let ends = |octet| (octet <= b' ') | (octet == b';') | (octet == b',') | (octet == b'"');
    let ends_of = |word| below(word, 0x21) | equal(word, b';') | equal(word, b',') | equal(word, b'"');
    let at = by_words(text, skip_without(text, 0, ends), ends_of);
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

/// Linear white space; the line ends are those of folds.
#[inline(always)]
pub(super) const fn is_lws(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t' | b'\r' | b'\n')
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
    fn other_classes_have_these_octets_and_no_others() {
        type Class = (fn(&[u8]) -> bool, fn(u8) -> bool);
        let classes: [Class; 7] = [
            (is_visible, |octet| octet > b' ' && octet < 0x7f),
            (is_line_text, |octet| octet >= b' ' && octet != 0x7f || octet == b'\t'),
            (is_opaque, |octet| octet > b' ' && octet < 0x7f && !b";,\"<>".contains(&octet)),
            (is_user_text, |octet| octet.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/%#".contains(&octet)),
            (is_password_text, |octet| octet.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,%".contains(&octet)),
            (is_display_text, |octet| {
                octet.is_ascii_alphanumeric() || octet >= 0x80 || b"-.!%*_+`'~ \t\r\n,".contains(&octet)
            }),
            (is_plain, |octet| octet > b' ' && !b",\"".contains(&octet)),
        ];
        for (class, wanted) in classes {
            for octet in 0..=u8::MAX {
                for length in [1, 7, 8, 9, 15, 16, 17, 40] {
                    for at in 0..length {
                        let mut text = [b'a'; 40];
                        text[at] = octet;
                        assert_eq!(class(&text[..length]), wanted(octet), "{octet:#x} at {at} of {length}");
                    }
                }
            }
        }
        assert!(!is_visible(b"") && is_line_text(b"") && !is_opaque(b"") && is_plain(b""));
        assert!(!is_user_text(b"") && is_password_text(b"") && is_display_text(b""));
    }

    #[test]
    fn tokens_have_these_octets_and_no_others() {
        for octet in 0..=u8::MAX {
            let wanted = octet.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&octet);
            for length in [1, 15, 16, 17, 40] {
                for at in 0..length {
                    let mut text = [b'a'; 40];
                    text[at] = octet;
                    assert_eq!(is_token(&text[..length]), wanted, "{octet:#x} at {at} of {length}");
                }
            }
        }
        assert!(!is_token(b""));
    }

    #[test]
    fn searches_of_every_kind_agree_with_a_look_at_each_octet() {
        type Search = (fn(&[u8]) -> usize, fn(u8) -> bool);
        let searches: [Search; 3] = [
            (|text| control(text, 0), |octet| octet < 0x20 || octet == 0x7f),
            (|text| list_mark(text, 0), |octet| b",\"<".contains(&octet)),
            (|text| split_param_value(text).0.len(), |octet| octet <= b' ' || b";,\"".contains(&octet)),
        ];
        for (search, wanted) in searches {
            for octet in 0..=u8::MAX {
                for length in [1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 33] {
                    for at in 0..length {
                        let mut text = [b'a'; 33];
                        text[at] = octet;
                        let expected = if wanted(octet) { at } else { length };
                        assert_eq!(search(&text[..length]), expected, "{octet:#x} at {at} of {length}");
                    }
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
