//! P-Charging-Vector: by which records of several nodes about one request are put together (RFC 7315 4.6, TS 24.229 7.2A.5).

/// What it says; each empty if it does not. Quotes are taken off.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ChargingVector<'a> {
    /// icid-value: the identity of the request for charging.
    pub icid: &'a [u8],
    /// orig-ioi: the network that it comes from.
    pub orig_ioi: &'a [u8],
    /// term-ioi: the network that it ends in.
    pub term_ioi: &'a [u8],
}

impl<'a> ChargingVector<'a> {
    /// From the header's value, which is as its sender spelt it: identities often have octets that no token has. `None` without
    /// an icid-value.
    #[must_use]
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let mut vector = Self::default();
        let mut rest = value;
        while let Some((parameter, after)) = next_parameter(rest) {
            rest = after;
            let Some(equals) = parameter.iter().position(|octet| *octet == b'=') else { continue };
            let (name, value) = parameter.split_at_checked(equals)?;
            let value = bare(value.get(1..)?);
            let place = match name.trim_ascii() {
                name if name.eq_ignore_ascii_case(b"icid-value") => &mut vector.icid,
                name if name.eq_ignore_ascii_case(b"orig-ioi") => &mut vector.orig_ioi,
                name if name.eq_ignore_ascii_case(b"term-ioi") => &mut vector.term_ioi,
                _ => continue,
            };
            if place.is_empty() {
                *place = value;
            }
        }
        (!vector.icid.is_empty()).then_some(vector)
    }
}

/// The text up to the next semicolon outside quotes, and what follows that.
fn next_parameter(text: &[u8]) -> Option<(&[u8], &[u8])> {
    if text.is_empty() {
        return None;
    }
    let (mut is_quoted, mut is_escaped) = (false, false);
    let end = text.iter().position(|&octet| {
        match octet {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            b';' if !is_quoted => return true,
            _ => {}
        }
        false
    });
    let (parameter, after) = text.split_at_checked(end.unwrap_or(text.len()))?;
    Some((parameter, after.get(1..).unwrap_or(&[])))
}

/// A value without white space around it and without its quotes.
fn bare(value: &[u8]) -> &[u8] {
    let value = value.trim_ascii();
    value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charging_vectors_as_they_are_spelt() {
        let vector = |icid, orig_ioi, term_ioi| ChargingVector { icid, orig_ioi, term_ioi };
        for (text, expected) in [
            (
                &b"icid-value=\"AyretyU0dm+6O2IrT5tAFrbHLso=023551024\"; orig-ioi=home1.net"[..],
                Some(vector(b"AyretyU0dm+6O2IrT5tAFrbHLso=023551024", b"home1.net", b"")),
            ),
            (
                b"icid-value=1234bc9876e;icid-generated-at=192.0.6.8;orig-ioi=\"Type 3home1.net\";Term-IOI=h2",
                Some(vector(b"1234bc9876e", b"Type 3home1.net", b"h2")),
            ),
            (b"orig-ioi=a ; ICID-Value = x=y== ; flag", Some(vector(b"x=y==", b"a", b""))),
            (b"icid-value=\"a;b\\\"c\";orig-ioi=", Some(vector(b"a;b\\\"c", b"", b""))),
            (b"icid-value=first;icid-value=second", Some(vector(b"first", b"", b""))),
            (b"icid-value=\"open;orig-ioi=a", Some(vector(b"\"open;orig-ioi=a", b"", b""))),
            (b"orig-ioi=a", None),
            (b"icid-value=;orig-ioi=a", None),
            (b"icid-value", None),
            (b";;;", None),
            (b"", None),
        ] {
            assert_eq!(ChargingVector::parse(text), expected, "{}", String::from_utf8_lossy(text));
        }
    }
}
