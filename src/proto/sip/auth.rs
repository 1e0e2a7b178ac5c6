//! What we read of an Authorization header (RFC 3261 20.7).

use super::headers::unquoted;
use super::scan::{is_lws, skip_lws, split_once};
use super::scan::{quoted, trim};

/// The `username` of a Digest authorization, without quotes: in IMS the private user identity (TS 24.229 5.1.1.2).
/// `None` for another scheme, or if the header can't be read that far.
#[must_use]
pub fn username(value: &[u8]) -> Option<&[u8]> {
    let (scheme, mut rest) = value.split_at_checked(value.iter().copied().position(is_lws)?)?;
    if !scheme.eq_ignore_ascii_case(b"Digest") {
        return None;
    }
    loop {
        let (name, value) = split_once(rest, b'=')?;
        let value = skip_lws(value);
        let len = match value.first()? {
            b'"' => quoted(value)?,
            _ => value.iter().position(|&c| c == b',').unwrap_or(value.len()),
        };
        let (value, after) = value.split_at_checked(len)?;
        if trim(name).eq_ignore_ascii_case(b"username") {
            return Some(unquoted(trim(value)));
        }
        rest = skip_lws(after).strip_prefix(b",")?;
    }
}
