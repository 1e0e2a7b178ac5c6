//! How much of everything a message may have.

/// Bounds of what the parser reads. What is beyond them is refused, as [`Why`](super::Why) says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Octets of a message, at most 65,535.
    pub message: u16,
    /// Header lines, at most [`MAX_HEADERS`](super::MAX_HEADERS); a folded one counts once.
    pub headers: u8,
    /// Octets of a header line, folds included.
    pub header: u16,
    /// Octets of a Request-URI.
    pub uri: u16,
    /// Via values: each response has them all.
    pub vias: u8,
    /// Values of each header that lists addresses: Contact, Route, P-Asserted-Identity and their like.
    pub contacts: u8,
    /// Parameters of one value.
    pub parameters: u8,
    /// Parts of a multipart body, at most [`MAX_PARTS`](super::multipart::MAX_PARTS).
    pub parts: u8,
    /// How deep multipart bodies may stand in each other, at most [`MAX_DEPTH`](super::multipart::MAX_DEPTH).
    pub depth: u8,
    /// Octets of a Call-ID.
    pub call_id: u16,
}

impl Limits {
    /// What the configuration has unless it says something else.
    pub const DEFAULT: Self = Self {
        message: u16::MAX,
        headers: 128,
        header: 8192,
        uri: 2048,
        vias: 70,
        contacts: 16,
        parameters: 64,
        parts: 8,
        depth: 2,
        call_id: 1024,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
