//! The names of server transactions.

use crate::base::SipKey;
use crate::proto::sip::view::{Message, Method};

/// Names a server transaction: its low half is a keyed hash of branch, sent-by and method (RFC 3261 17.2.3), its high half
/// one of From tag, Call-ID and the number of CSeq, which a CANCEL of the request has, and every copy of it that came by another
/// way (8.2.2.2). The lowest bit of the high half says whether the request may be such a copy.
#[derive(Clone, Copy, Debug)]
pub struct ServerKey(pub(super) u128);

/// The high half only tells copies apart, and is no part of the name.
impl PartialEq for ServerKey {
    fn eq(&self, other: &Self) -> bool {
        self.0 as u64 == other.0 as u64
    }
}

impl Eq for ServerKey {}

impl core::hash::Hash for ServerKey {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        (self.0 as u64).hash(state);
    }
}

impl ServerKey {
    /// A number below `count`, the same for every retransmission and every copy, and on every worker, to spread requests by.
    #[must_use]
    pub const fn spread(self, count: u8) -> u8 {
        if count == 0 { 0 } else { ((self.copies() >> 1) % count as u64) as u8 }
    }

    /// What all copies of the request have in common.
    pub(super) const fn copies(self) -> u64 {
        (self.0 >> 64) as u64
    }

    /// Whether it may be a copy: a MESSAGE outside of a dialogue. Of others nobody asks.
    pub(super) const fn may_be_copy(self) -> bool {
        self.copies() & 1 == 1
    }

    /// What copies are found by.
    pub(super) const fn place_of_copies(self) -> u128 {
        (self.copies() >> 1) as u128
    }

    /// Seconds from `least` to twice as many, the same for every retransmission: so that those who are sent away together
    /// don't come back together.
    #[must_use]
    pub const fn jitter(self, least: u32) -> u32 {
        least.saturating_add((self.0 as u64 % (least as u64 + 1)) as u32)
    }

    /// What makes the names unpredictable, the same on all workers.
    #[must_use]
    pub fn secret(secret: &SipKey) -> SipKey {
        secret.derive("sip server transaction")
    }

    /// That of a request, under the key that [`Self::secret`] gives. Without a branch of RFC 3261 all counts that 17.2.3 has for such requests.
    #[must_use]
    pub fn of(secret: &SipKey, request: &Message<'_>) -> Self {
        Self::of_method(secret, request, request.method())
    }

    /// That of a request with the same headers and another method: what a CANCEL names (RFC 3261 9.2).
    pub(super) fn of_method(secret: &SipKey, request: &Message<'_>, method: Method<'_>) -> Self {
        let via = request.top_via();
        let mut folded = [0; 255];
        let host = lower_case(via.sent_by_host, &mut folded);
        let usual = if via.transport.eq_ignore_ascii_case(b"TLS") { 5061u16 } else { 5060 };
        let port = via.sent_by_port.unwrap_or(usual).to_be_bytes();
        let number = request.cseq().0.to_be_bytes();
        let may_be_copy = method == Method::Message && request.to().tag().is_none();
        let method = method.text();
        let from_tag = request.from().tag().unwrap_or(&[]);
        // Nobody but this process ever sees the fingerprint: it must only not be aimed at.
        let branch = via.branch.unwrap_or(&[]);
        let shared = secret.quick_hash(&[from_tag, request.call_id(), &number]);
        let transaction = if via.has_magic_cookie() {
            secret.quick_hash(&[branch, host, &port, method])
        } else {
            // RFC 3261 17.2.3: Request-URI, both tags, Call-ID, CSeq and the topmost Via.
            let to_tag = request.to().tag().unwrap_or(&[]);
            let shared = shared.to_be_bytes();
            secret.quick_hash(&[branch, host, &port, method, request.request_uri(), to_tag, &shared])
        };
        let copies = shared & !1 | u64::from(may_be_copy);
        Self(u128::from(copies) << 64 | u128::from(transaction))
    }

    /// A key that no request has.
    #[cfg(test)]
    pub(crate) const fn numbered(number: u128) -> Self {
        Self(number)
    }
}

/// A host in lower case, in `room` if it has to be written anew; one that doesn't fit there stays as it is.
fn lower_case<'a>(host: &'a [u8], room: &'a mut [u8]) -> &'a [u8] {
    if !host.iter().any(u8::is_ascii_uppercase) {
        return host;
    }
    match room.get_mut(..host.len()) {
        Some(room) => {
            room.copy_from_slice(host);
            room.make_ascii_lowercase();
            room
        }
        None => host,
    }
}
