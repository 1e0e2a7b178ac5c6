//! Identifiers that we mint: branches, Call-IDs and tags that name the state they belong to, under a keyed check.

use super::scan::split_once;
use super::via::{MAGIC_COOKIE, has_magic_cookie};
use super::view::Message;
use crate::base::SipKey;
use crate::ident::WorkerId;

/// Which state an identifier belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Token {
    /// The worker that holds the state.
    pub worker: WorkerId,
    /// Its place in that worker's slab.
    pub slot: u32,
    /// The generation of the place.
    pub generation: u32,
}

/// Octets of a token's text: worker, slot, generation and check in hexadecimal.
const TOKEN_TEXT: usize = 2 + 8 + 8 + 16;
/// The longest host that a Call-ID of ours carries.
const HOST: usize = 64;

/// Text of at most `N` octets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Text<const N: usize> {
    octets: [u8; N],
    len: u8,
}

impl<const N: usize> Text<N> {
    const EMPTY: Self = Self { octets: [0; N], len: 0 };

    /// The text.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.octets.get(..usize::from(self.len)).unwrap_or(&[])
    }

    /// Appends `text`, or nothing if there is no room.
    fn push(&mut self, text: &[u8]) {
        let start = usize::from(self.len);
        if let Some(room) = self.octets.get_mut(start..start + text.len()) {
            room.copy_from_slice(text);
            self.len += text.len() as u8;
        }
    }

    /// Appends the last `digits` hexadecimal digits of `number`, at most 16.
    fn push_hex(&mut self, number: u64, digits: usize) {
        let mut text = [0; 16];
        let (high, low) = text.split_at_mut(8);
        high.copy_from_slice(&hex_of((number >> 32) as u32).to_be_bytes());
        low.copy_from_slice(&hex_of(number as u32).to_be_bytes());
        self.push(text.get(16 - digits.min(16)..).unwrap_or(&[]));
    }
}

/// A branch of ours, with the magic cookie.
pub type Branch = Text<{ MAGIC_COOKIE.len() + TOKEN_TEXT }>;
/// A Call-ID of ours.
pub type CallId = Text<{ TOKEN_TEXT + 1 + HOST }>;
/// A tag of ours.
pub type Tag = Text<TOKEN_TEXT>;

/// Mints identifiers and knows its own again. Every worker has one of the same key, drawn at start: identifiers of an
/// earlier process are strangers.
#[derive(Clone, Debug)]
pub struct Minter {
    branch: SipKey,
    call_id: SipKey,
    tag: SipKey,
    to_tag: SipKey,
}

impl Minter {
    /// A minter under `key`. Each kind of identifier has a key derived from it, so that one is not taken for another.
    #[must_use]
    pub fn new(key: SipKey) -> Self {
        Self {
            branch: key.derive("sip branch"),
            call_id: key.derive("sip call-id"),
            tag: key.derive("sip tag"),
            to_tag: key.derive("sip to tag"),
        }
    }

    /// The branch of a client transaction.
    #[must_use]
    pub fn branch(&self, token: Token) -> Branch {
        let mut text = Branch::EMPTY;
        text.push(MAGIC_COOKIE);
        push_token(&mut text, &self.branch, token);
        text
    }

    /// The Call-ID of a request, with `@host` unless the host is longer than 64 octets.
    #[must_use]
    pub fn call_id(&self, token: Token, host: &[u8]) -> CallId {
        let mut text = CallId::EMPTY;
        push_token(&mut text, &self.call_id, token);
        if host.len() <= HOST {
            text.push(b"@");
            text.push(host);
        }
        text
    }

    /// The From tag of a request.
    #[must_use]
    pub fn tag(&self, token: Token) -> Tag {
        let mut text = Tag::EMPTY;
        push_token(&mut text, &self.tag, token);
        text
    }

    /// The To tag of every response to `request`: a keyed hash of its branch, so that it need not be kept; of its Call-ID, if
    /// it has no branch of RFC 3261, which would tell it from others.
    #[must_use]
    pub fn to_tag(&self, request: &Message<'_>) -> Tag {
        let branch = request.branch().filter(|branch| has_magic_cookie(branch));
        self.to_tag_of(branch.unwrap_or_else(|| request.call_id()))
    }

    pub(super) fn to_tag_of(&self, branch: &[u8]) -> Tag {
        let mut text = Tag::EMPTY;
        // 32 bits are what RFC 3261 19.3 asks for, and a challenge has no octet to spare.
        // Nobody is asked for it again, so that to make one up wins nothing.
        text.push_hex(self.to_tag.quick_hash(&[branch]), 8);
        text
    }

    /// Whose branch this is, if we minted it.
    #[must_use]
    pub fn read_branch(&self, branch: &[u8]) -> Option<Token> {
        read_token(&self.branch, branch.strip_prefix(MAGIC_COOKIE)?)
    }

    /// Whose request a text begins with, if we wrote it: that of an ICMP error quotes what we sent, at least up to the
    /// branch of its only Via.
    #[must_use]
    pub fn read_quoted(&self, text: &[u8]) -> Option<Token> {
        let (_, rest) = split_once(text, b'\r')?;
        self.read_via(rest.strip_prefix(b"\nVia: SIP/2.0/UDP ")?)
    }

    /// Whose request a text is, if we wrote it for a stream.
    #[must_use]
    pub fn read_sent(&self, text: &[u8]) -> Option<Token> {
        let (_, rest) = split_once(text, b'\r')?;
        let via = rest.strip_prefix(b"\nVia: SIP/2.0/")?;
        self.read_via(via.strip_prefix(b"TCP ").or_else(|| via.strip_prefix(b"TLS "))?)
    }

    fn read_via(&self, via: &[u8]) -> Option<Token> {
        let (_, rest) = split_once(via, b';')?;
        let branch = rest.strip_prefix(b"branch=")?;
        self.read_branch(branch.get(..MAGIC_COOKIE.len() + TOKEN_TEXT)?)
    }

    /// Whose Call-ID this is, if we minted it; also for a value of In-Reply-To. The host is not looked at.
    #[must_use]
    pub fn read_call_id(&self, call_id: &[u8]) -> Option<Token> {
        let (token, host) = call_id.split_at_checked(TOKEN_TEXT)?;
        if !matches!(host.first(), None | Some(b'@')) {
            return None;
        }
        read_token(&self.call_id, token)
    }

    /// Whose tag this is, if we minted it with [`Minter::tag`].
    #[must_use]
    pub fn read_tag(&self, tag: &[u8]) -> Option<Token> {
        read_token(&self.tag, tag)
    }
}

fn push_token<const N: usize>(text: &mut Text<N>, key: &SipKey, token: Token) {
    text.push_hex(u64::from(token.worker.0), 2);
    text.push_hex(u64::from(token.slot) << 32 | u64::from(token.generation), 16);
    text.push_hex(check(key, token), 16);
}

fn check(key: &SipKey, token: Token) -> u64 {
    let state = u64::from(token.slot) << 32 | u64::from(token.generation);
    // Who could make one up could end transactions of others: this authenticates.
    key.hash_words([state, token.worker.0.into()])
}

fn read_token(key: &SipKey, text: &[u8]) -> Option<Token> {
    let (&[high, low], rest) = text.split_first_chunk()?;
    let (slot, rest) = rest.split_first_chunk()?;
    let (generation, rest) = rest.split_first_chunk()?;
    let (first, rest) = rest.split_first_chunk()?;
    let token = Token {
        worker: WorkerId(read_eight([b'0', b'0', b'0', b'0', b'0', b'0', high, low])? as u8),
        slot: read_eight(*slot)?,
        generation: read_eight(*generation)?,
    };
    let given = u64::from(read_eight(*first)?) << 32 | u64::from(read_eight(rest.try_into().ok()?)?);
    (given == check(key, token)).then_some(token)
}

/// A one in each octet.
const EACH: u64 = 0x0101_0101_0101_0101;

/// Eight hexadecimal digits, the first in the top octet.
const fn hex_of(number: u32) -> u64 {
    let mut nibbles = number as u64;
    nibbles = (nibbles | nibbles << 16) & 0x0000_ffff_0000_ffff;
    nibbles = (nibbles | nibbles << 8) & 0x00ff_00ff_00ff_00ff;
    nibbles = (nibbles | nibbles << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    let letters = (nibbles + EACH * 6) >> 4 & EACH;
    nibbles + EACH * b'0' as u64 + letters * (b'a' - b'0' - 10) as u64
}

/// Eight hexadecimal digits, in either case.
fn read_eight(digits: [u8; 8]) -> Option<u32> {
    let text = u64::from_be_bytes(digits);
    // Letters have bit 6, and bit 5 in lower case.
    let letters = text >> 6 & EACH;
    let mut number = (text & (EACH * 0xf)).wrapping_add(letters * 9) & (EACH * 0xf);
    number = (number | number >> 4) & 0x00ff_00ff_00ff_00ff;
    number = (number | number >> 8) & 0x0000_ffff_0000_ffff;
    let number = (number | number >> 16) as u32;
    // What was no digit is spelt otherwise.
    (hex_of(number) == text | letters << 5).then_some(number)
}
