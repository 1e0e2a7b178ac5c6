//! A public user identity as text: a SIP or tel URI.

use core::fmt;

/// A public user identity (TS 23.003 13.4): the URI's text without parameters and headers, at most 127 octets.
#[derive(Clone, Copy)]
pub struct Identity {
    len: u8,
    text: [u8; Self::MAX],
}

impl Identity {
    /// The longest identity, in octets.
    pub const MAX: usize = 127;

    /// From a URI's text; `None` if it is empty, too long or not UTF-8.
    #[must_use]
    pub fn new(text: &[u8]) -> Option<Self> {
        if text.is_empty() || text.len() > Self::MAX || !is_utf8(text) {
            return None;
        }
        let mut identity = Self { len: text.len() as u8, text: [0; Self::MAX] };
        identity.text.get_mut(..text.len())?.copy_from_slice(text);
        Some(identity)
    }

    /// The tel URI of a subscriber's number (RFC 3966), global form.
    #[must_use]
    pub fn tel(msisdn: super::Msisdn) -> Option<Self> {
        let mut text = [0; 5 + super::Digits::MAX];
        let mut digits = [0; super::Digits::MAX];
        let digits = msisdn.digits().to_ascii(&mut digits);
        text.get_mut(..5)?.copy_from_slice(b"tel:+");
        text.get_mut(5..5 + digits.len())?.copy_from_slice(digits);
        Self::new(text.get(..5 + digits.len())?)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(self.as_bytes()).unwrap_or("")
    }

    /// The text's octets.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.text.get(..usize::from(self.len)).unwrap_or(&[])
    }
}

/// Nearly all are ASCII, which is told sooner.
fn is_utf8(text: &[u8]) -> bool {
    text.is_ascii() || core::str::from_utf8(text).is_ok()
}

impl PartialEq for Identity {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Identity {}

impl core::hash::Hash for Identity {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Masked: debug output may reach a log.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.as_str();
        let (scheme, rest) = text.split_once(':').unwrap_or(("", text));
        let user = rest.split('@').next().unwrap_or("");
        let shown = user.char_indices().rev().nth(2).map_or(0, |(at, _)| at);
        write!(
            f,
            "{scheme}:{}{}{}",
            "*".repeat(user[..shown].chars().count()),
            &user[shown..],
            &rest[user.len()..]
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_are_compared_whole_and_masked() {
        let a = Identity::new(b"sip:+491701234567@ims.example").unwrap();
        assert_eq!(a, Identity::new(b"sip:+491701234567@ims.example").unwrap());
        assert_ne!(a, Identity::new(b"sip:+491701234568@ims.example").unwrap());
        assert_eq!(format!("{a:?}"), "sip:**********567@ims.example");
        assert!(Identity::new(&[b'x'; 128]).is_none());
        assert!(Identity::new(b"").is_none());
    }
}
