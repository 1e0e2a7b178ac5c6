//! Whom a request is probably from, or whom it registers, told without reading the request.

use memchr::memmem::Finder;

/// Finds the identity in a request.
pub struct Hinter {
    asserted: Finder<'static>,
    to: Finder<'static>,
}

impl Hinter {
    /// One for all requests.
    #[must_use]
    pub fn new() -> Self {
        Self { asserted: Finder::new("\r\nP-Asserted-Identity:"), to: Finder::new("\r\nTo:") }
    }

    /// Whether it may be a request that is about its sender: MESSAGE or REGISTER.
    #[must_use]
    pub fn is_request(text: &[u8]) -> bool {
        text.starts_with(b"MESSAGE ") || text.starts_with(b"REGISTER ")
    }

    /// The URI whom the network asserts to be the sender (RFC 3325 9.1), or that a REGISTER registers, if it stands
    /// between angle brackets as nearly all write it.
    #[must_use]
    pub fn identity<'a>(&self, text: &'a [u8]) -> Option<&'a [u8]> {
        let header = if text.first() == Some(&b'R') { &self.to } else { &self.asserted };
        let line = text.get(header.find(text)? + header.needle().len()..)?;
        // No identity of the table is longer, nor are most display names.
        let line = line.get(..line.len().min(512))?;
        let (_, uri) = line.split_at_checked(memchr::memchr2(b'<', b'\r', line)?)?;
        let uri = uri.strip_prefix(b"<")?;
        let (uri, behind) = uri.split_at_checked(memchr::memchr2(b'>', b'\r', uri)?)?;
        behind.starts_with(b">").then_some(uri)
    }
}

impl Default for Hinter {
    fn default() -> Self {
        Self::new()
    }
}
