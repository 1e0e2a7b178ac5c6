//! Values as they are usually spelt, read by marks of their octets; any other spelling is left to the general readers.
//!
//! Whatever a reader here takes, the general one takes too and gives the same. What it doesn't take may still be good.

mod params;

use self::params::{Any, Others, Param, See, Tag, Tokens, note};
use super::host::is_host;
use super::limits::Limits;
use super::places::{
    AddressPlaces, Known, MediaTypePlaces, ParamsPlaces, Place, UriPlaces, Values, ViaPlaces,
};
use super::slots::Slot;
use super::uri::Scheme;
use super::view::Method;
use crate::codec::scan::{Marks, SHOWN, Vectors, Window};

/// Readers of values that may have marks. Each gives `None` or `false` of what it does not take, and then has left
/// anything at the places that it was given to note.
pub(super) trait Usual: Copy {
    /// The request line, which ends at `end`.
    fn start(self, end: usize, limits: &Limits, values: &mut Values) -> Option<()>;
    /// A Via line of one value.
    fn via(self, slot: &Slot, most: u8, via: &mut ViaPlaces) -> Option<()>;
    /// The address at a place, and where it ends: at `end`, or at a comma.
    fn address(self, at: usize, end: usize, most: u8, address: &mut AddressPlaces) -> Option<usize>;
    /// The URI of such an address, and where the address ends.
    fn address_uri(self, at: usize, end: usize, most: u8, uri: &mut UriPlaces) -> Option<usize>;
    /// Whether all octets of a Call-ID are visible ones.
    fn is_call_id(self, slot: &Slot) -> bool;
    /// CSeq, of a request if it has the same method.
    fn cseq(self, slot: &Slot, values: &mut Values) -> Option<()>;
    /// A number.
    fn decimal(self, slot: &Slot) -> Option<u32>;
    /// Content-Type.
    fn media_type(self, slot: &Slot, most: u8, media_type: &mut MediaTypePlaces) -> Option<()>;
}

/// No marks: nothing is taken.
#[derive(Clone, Copy)]
pub(super) struct Unmarked;

impl Usual for Unmarked {
    fn start(self, _: usize, _: &Limits, _: &mut Values) -> Option<()> {
        None
    }
    fn via(self, _: &Slot, _: u8, _: &mut ViaPlaces) -> Option<()> {
        None
    }
    fn address(self, _: usize, _: usize, _: u8, _: &mut AddressPlaces) -> Option<usize> {
        None
    }
    fn address_uri(self, _: usize, _: usize, _: u8, _: &mut UriPlaces) -> Option<usize> {
        None
    }
    fn is_call_id(self, _: &Slot) -> bool {
        false
    }
    fn cseq(self, _: &Slot, _: &mut Values) -> Option<()> {
        None
    }
    fn decimal(self, _: &Slot) -> Option<u32> {
        None
    }
    fn media_type(self, _: &Slot, _: u8, _: &mut MediaTypePlaces) -> Option<()> {
        None
    }
}

/// A message and the marks of its octets.
#[derive(Clone, Copy)]
pub(super) struct Marked<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) marks: &'a Marks,
    pub(super) vectors: Vectors,
}

/// Where something begins and ends in a window.
type Shown = (usize, usize);

/// A window that begins at `base`, of which all stops before `at` have been taken, and the one there.
struct Reached<'a> {
    window: Window<'a>,
    base: usize,
    at: usize,
    /// The octet there.
    behind: u8,
    /// How many parameters have been passed over.
    count: usize,
}

impl Reached<'_> {
    #[inline(always)]
    const fn place(&self) -> usize {
        self.base + self.at
    }
}

const BRANCH: u64 = u64::from_le_bytes(*b";branch=");
const RPORT: u64 = u64::from_le_bytes(*b";rport\0\0");
const EACH: u64 = 0x0101_0101_0101_0101;
const LOWER: u64 = 0x20 * EACH;

/// The number of up to eight digits that eight octets begin with.
#[inline(always)]
fn number(octets: u64, digits: usize) -> Option<u32> {
    if digits.wrapping_sub(1) < 4 {
        const ONES: u32 = 0x0101_0101;
        let values = (octets as u32 ^ (0x30 * ONES)) << (32 - 8 * digits);
        if (values | values.wrapping_add(6 * ONES)) & (0xf0 * ONES) != 0 {
            return None;
        }
        let pairs = values.wrapping_mul(10).wrapping_add(values >> 8) & 0x00ff_00ff;
        return Some(pairs.wrapping_mul(1 + (100 << 16)) >> 16);
    }
    if digits.wrapping_sub(1) >= 8 {
        return None;
    }
    let values = (octets ^ (0x30 * EACH)) << (64 - 8 * digits);
    if (values | values.wrapping_add(6 * EACH)) & (0xf0 * EACH) != 0 {
        return None;
    }
    // Neighbours make pairs, pairs fours, and fours the number.
    let pairs = values.wrapping_mul(10).wrapping_add(values >> 8);
    const PAIR: u64 = 0xff | 0xff << 32;
    let high = (pairs & PAIR).wrapping_mul(100 + (1_000_000 << 32));
    let low = (pairs >> 16 & PAIR).wrapping_mul(1 + (10_000 << 32));
    Some((high.wrapping_add(low) >> 32) as u32)
}

#[inline(always)]
fn port(window: &Window<'_>, (start, end): Shown) -> Option<u16> {
    u16::try_from(number(window.eight(start), end.wrapping_sub(start))?).ok()
}

impl<'a> Marked<'a> {
    /// Whether a host stands there, so far from the beginning of a window, which begins at `base`; no IPv6 reference.
    #[inline(always)]
    fn is_host(self, window: &Window<'_>, base: usize, (start, end): Shown) -> bool {
        // A place that is not shown may end before it begins: nothing stands there.
        let octets = end.wrapping_sub(start);
        let odd = || is_odd_host(self.bytes, base + start, base + end);
        if octets.wrapping_sub(1) >= 32 {
            return odd();
        }
        // The stops have seen to all other octets.
        let (between, strange) = self.vectors.host(window.block(start));
        // With one before the host, and one behind it: a label has a letter or a digit at either end.
        let within = self.vectors.lowest(between.into(), octets) << 1 | 1;
        let bits = within | 2 << octets;
        let stray = (bits & bits << 1) | self.vectors.lowest(strange.into(), octets);
        let label = start + 63 - within.leading_zeros() as usize;
        (stray == 0 && window.octet(label) > b'9' && window.octet(label.wrapping_sub(1)) != b'-') || odd()
    }

    /// Where the IPv6 reference ends that begins with the bracket at `start`.
    #[inline(always)]
    fn reference(self, window: &Window<'_>, start: usize) -> Option<usize> {
        let (others, colons) = self.vectors.groups(window.block(start + 1));
        let octets = others.trailing_zeros();
        let end = start + 1 + octets as usize;
        if octets.wrapping_sub(2) >= 30 || window.octet(end) != b']' {
            return None;
        }
        let all = (1u32 << octets) - 1;
        let colons = colons & all;
        let digits = all & !colons;
        let five = digits & digits >> 1 & digits >> 2 & digits >> 3 & digits >> 4;
        let double = colons & colons >> 1;
        let groups = (digits & !(digits << 1)).count_ones();
        let single = colons & !double & !(double << 1);
        let at_either_end = single & (1 | 1 << (octets - 1));
        let whole = match double.count_ones() {
            0 => groups == 8,
            1 => groups < 8,
            _ => false,
        };
        (whole && five | at_either_end == 0).then_some(end + 1)
    }

    /// Passes over parameters, from `at` in a window that begins at `base`; up to there its stops have been taken. `see` is
    /// shown each.
    #[inline(always)]
    fn params(
        self,
        mut window: Window<'a>,
        mut base: usize,
        mut at: usize,
        see: &mut impl See,
    ) -> Option<Reached<'a>> {
        let mut behind = window.octet(at);
        if behind != b';' {
            return Some(Reached { window, base, at, behind, count: 0 });
        }
        // Mostly there is one.
        let mut next = window;
        let end = next.stop();
        let value = if next.octet(end) == b'=' { (end + 1, next.stop()) } else { (end, end) };
        let behind_value = next.octet(value.1);
        if value.1 < SHOWN && behind_value != b';' {
            let octets = end.checked_sub(at + 1).filter(|&octets| octets > 0)?;
            if next.octet(end) == b'=' && value.0 == value.1 {
                return None;
            }
            let name = self.vectors.lowest(next.eight(at) | LOWER, 8 * (octets + 1));
            see.see(&Param { name, octets, base, value })?;
            return Some(Reached { window: next, base, at: value.1, behind: behind_value, count: 1 });
        }
        let (mut seen, mut repeated, mut count) = (0u64, false, 0);
        while behind == b';' {
            let end = window.stop();
            let mut value = (end, end);
            behind = window.octet(end);
            if behind == b'=' {
                value = (end + 1, window.stop());
                behind = window.octet(value.1);
                if value.0 == value.1 {
                    return None;
                }
            }
            if value.1 >= SHOWN {
                if at == 0 {
                    return None;
                }
                (base, at, behind) = (base + at, 0, b';');
                window = self.marks.window(base);
                window.stop();
                continue;
            }
            let octets = end.checked_sub(at + 1).filter(|&octets| octets > 0)?;
            let name = self.vectors.lowest(window.eight(at) | LOWER, 8 * (octets + 1));
            see.see(&Param { name, octets, base, value })?;
            repeated |= note(&mut seen, name);
            count += 1;
            at = value.1;
        }
        (!repeated).then_some(Reached { window, base, at, behind, count })
    }

    /// The URI that stands at `start` in a window, which begins at `base`; up to there its stops have been taken.
    #[inline(always)]
    fn uri(
        self,
        mut window: Window<'a>,
        mut base: usize,
        start: usize,
        uri: &mut UriPlaces,
    ) -> Option<Reached<'a>> {
        const SIP: u32 = u32::from_le_bytes(*b"sip:");
        const TEL: u32 = u32::from_le_bytes(*b"tel:");
        let text = base + start;
        let scheme = window.four(start);
        window.stop();
        let user = start + 4;
        let mut end = window.stop();
        if end >= SHOWN {
            return None;
        }
        uri.port = None;
        uri.headers = Place::default();
        if scheme == SIP {
            uri.scheme = Scheme::Sip;
            let mut host = user;
            if window.octet(end) == b'@' {
                if user == end {
                    return None;
                }
                uri.user = Place::new(base + user, base + end);
                host = end + 1;
                end = window.stop();
                if end >= SHOWN {
                    (base, host) = (base + host, 0);
                    window = self.marks.window(base);
                    end = window.stop();
                }
            } else {
                uri.user = Place::default();
            }
            uri.host = Place::new(base + host, base + end);
            if !self.is_host(&window, base, (host, end)) {
                return None;
            }
            if window.octet(end) == b':' {
                let digits = (end + 1, window.stop());
                uri.port = Some(port(&window, digits)?);
                end = digits.1;
            }
        } else if scheme != TEL || user == end {
            return None;
        } else {
            uri.scheme = Scheme::Tel;
            uri.user = Place::new(base + user, base + end);
            uri.host = Place::default();
        }
        if end >= SHOWN {
            return None;
        }
        let start = base + end;
        let reached = self.params(window, base, end, &mut Any)?;
        uri.params = Place::new(start, reached.place());
        uri.text = Place::new(text, reached.place());
        Some(reached)
    }

    /// The place behind a display name, where an angle bracket opens.
    #[inline(always)]
    fn behind_display(self, start: usize, end: usize) -> Option<usize> {
        let mut window = self.marks.window(start);
        let mut at = window.stop();
        if at == 0 {
            if window.octet(0) != b'"' {
                return None;
            }
            loop {
                at = window.stop();
                match window.octet(at) {
                    _ if at >= SHOWN => return None,
                    b'"' => break,
                    // What is escaped may be a stop or not.
                    b'\\' if window.next_stop() == at + 1 => _ = window.stop(),
                    _ => {}
                }
            }
            at += 1;
            at += usize::from(window.octet(at) == b' ');
        } else {
            // Words with one space behind each.
            while at < SHOWN && window.octet(at) == b' ' {
                let word = at + 1;
                at = window.stop();
                if at == word {
                    break;
                }
            }
        }
        let open = start + at;
        (at < SHOWN && window.octet(at) == b'<' && open < end).then_some(open)
    }

    /// Passes over the parameters of a Via, as [`Marked::params`] does over those of others.
    #[inline(always)]
    fn via_params(
        self,
        mut window: Window<'a>,
        mut base: usize,
        mut at: usize,
        via: &mut ViaPlaces,
    ) -> Option<Reached<'a>> {
        const RECEIVED: u64 = u64::from_le_bytes(*b";receive");
        let mut others = 0u64;
        let (mut count, mut repeated) = (0, false);
        let (mut has_branch, mut has_received) = (false, false);
        while window.octet(at) == b';' {
            let mut next = window;
            let word = next.eight(at);
            let end = next.stop();
            let value = if next.octet(end) == b'=' { (end + 1, next.stop()) } else { (end, end) };
            if value.1 >= SHOWN {
                if at == 0 {
                    return None;
                }
                (base, at) = (base + at, 0);
                window = self.marks.window(base).behind();
                continue;
            }
            if next.octet(end) == b'=' && value.0 == value.1 {
                return None;
            }
            let place = (base + value.0, base + value.1);
            if word == BRANCH {
                repeated |= has_branch;
                has_branch = true;
                via.branch = Place::new(place.0, place.1);
            } else if word << 16 == RPORT << 16 && end == at + 6 {
                repeated |= via.rport.is_some();
                via.rport = Some(match value.0 == value.1 {
                    true => None,
                    false => Some(port(&next, value).filter(|&port| port != 0)?),
                });
            } else if word == RECEIVED && next.four(at + 8) as u16 == u16::from_le_bytes(*b"d=") {
                repeated |= has_received;
                has_received = true;
                via.received = Place::new(place.0, place.1);
                if !is_ipv4(self.bytes.get(place.0..place.1)?) {
                    return None;
                }
            } else {
                let octets = end.checked_sub(at + 1).filter(|&octets| octets > 0)?;
                let name = self.vectors.lowest(word | LOWER, 8 * (octets + 1));
                Others.see(&Param { name, octets, base, value })?;
                repeated |= note(&mut others, name);
            }
            count += 1;
            (window, at) = (next, value.1);
        }
        (!repeated).then_some(Reached { window, base, at, behind: window.octet(at), count })
    }

    /// The address that ends at `end` or at a comma, and its URI. Gives where it ends.
    #[inline(always)]
    fn address_places(
        self,
        start: usize,
        end: usize,
        most: u8,
        address: &mut AddressPlaces,
        uri: &mut UriPlaces,
    ) -> Option<usize> {
        let mut open = start;
        let mut window = self.marks.window(start);
        address.display = Place::default();
        if window.octet(0) != b'<' {
            open = self.behind_display(start, end)?;
            let last = open - 1;
            // One space is not of the name.
            let name = last + usize::from(self.bytes.get(last) != Some(&b' '));
            address.display = Place::new(start, name);
            window = self.marks.window(open);
        }
        window.stop();
        let Reached { mut window, base, at, behind, .. } = self.uri(window, open, 1, uri)?;
        if behind != b'>' {
            return None;
        }
        address.uri = Place::new(open + 1, base + at);
        address.tag = Place::default();
        // What stands behind the bracket is plain only in what is no address.
        let (close, next) = (base + at + 1, window.stop());
        let reached = if next < SHOWN {
            self.params(window, base, at + 1, &mut Tag(&mut address.tag))?
        } else {
            let window = self.marks.window(close).behind();
            self.params(window, close, 0, &mut Tag(&mut address.tag))?
        };
        let behind = reached.place();
        if reached.count > usize::from(most) || behind != end && reached.behind != b',' {
            return None;
        }
        address.params = ParamsPlaces::plain(close, behind);
        Some(behind)
    }

    /// The method at a place of so many octets.
    #[inline(always)]
    fn method(self, window: &Window<'_>, start: usize, octets: usize) -> Known {
        const MESSAGE: u64 = u64::from_le_bytes(*b"MESSAGE\0");
        const REGISTER: u64 = u64::from_le_bytes(*b"REGISTER");
        match self.vectors.lowest(window.eight(start), 8 * octets) {
            MESSAGE if octets == 7 => Known::Message,
            REGISTER if octets == 8 => Known::Register,
            _ => Known::Other,
        }
    }
}

/// Whether a host stands there that isn't plain to see.
#[cold]
fn is_odd_host(bytes: &[u8], start: usize, end: usize) -> bool {
    let text = bytes.get(start..end).unwrap_or(&[]);
    !text.is_empty() && text.first() != Some(&b'[') && (is_ipv4(text) || is_host(text))
}

/// Whether an IPv4 address stands there: the same that core takes.
fn is_ipv4(text: &[u8]) -> bool {
    let (mut dots, mut digits, mut value) = (0, 0, 0);
    for &octet in text {
        let digit = u32::from(octet.wrapping_sub(b'0'));
        if digit < 10 {
            if digits > 0 && value == 0 {
                return false;
            }
            digits += 1;
            value = value * 10 + digit;
            if value > 255 {
                return false;
            }
        } else if octet == b'.' && digits > 0 {
            (dots, digits, value) = (dots + 1, 0, 0);
        } else {
            return false;
        }
    }
    dots == 3 && digits > 0
}

impl Usual for Marked<'_> {
    #[inline(always)]
    fn start(self, end: usize, limits: &Limits, values: &mut Values) -> Option<()> {
        const VERSION: u64 = u64::from_le_bytes(*b" SIP/2.0");
        let mut window = self.marks.window(0);
        let method = window.stop();
        let (start, end) = (method + 1, end.checked_sub(8)?);
        if method.wrapping_sub(1) >= SHOWN - 1
            || window.octet(method) != b' '
            || self.marks.eight(end) != VERSION
            || end.checked_sub(start)? > usize::from(limits.uri)
        {
            return None;
        }
        values.status = 0;
        match self.method(&window, 0, method) {
            Known::Other => values.set_method(self.bytes, Method::read(self.bytes.get(..method)?)),
            known => values.known = known,
        }
        let reached = self.uri(window, 0, start, &mut values.target)?;
        (reached.place() == end).then_some(())
    }

    #[inline(always)]
    fn via(self, slot: &Slot, most: u8, via: &mut ViaPlaces) -> Option<()> {
        const PROTOCOL: u64 = u64::from_le_bytes(*b"SIP/2.0/");
        let (start, line_end) = slot.place();
        let base = start + 8;
        let mut window = self.marks.window(base);
        let transport = window.stop();
        let shown = transport > 0 && transport < SHOWN - 1;
        if self.marks.eight(start) != PROTOCOL || !shown || window.octet(transport) != b' ' {
            return None;
        }
        via.transport = Place::new(base, base + transport);
        let host = transport + 1;
        let mut end = window.stop();
        if window.octet(host) == b'[' {
            end = self.reference(&window, host)?;
            window.pass(end);
            if window.stop() != end {
                return None;
            }
        } else if !self.is_host(&window, base, (host, end)) {
            return None;
        }
        via.host = Place::new(base + host, base + end);
        via.port = None;
        if window.octet(end) == b':' {
            let digits = (end + 1, window.stop());
            via.port = Some(port(&window, digits).filter(|&port| port != 0)?);
            end = digits.1;
        }
        if end >= SHOWN {
            return None;
        }
        via.head = Place::new(start, base + end);
        via.params = ParamsPlaces::plain(base + end, line_end);
        via.received = Place::default();
        via.rest = Place::default();
        via.rport = None;
        // Mostly that is a branch, alone or before `rport`.
        let mut next = window;
        if next.eight(end) == BRANCH {
            next.stop();
            let value = (end + 8, next.stop());
            let behind = base + value.1;
            let rport = behind + 6 == line_end && next.eight(value.1) << 16 == RPORT << 16;
            if value.0 < value.1 && value.1 < SHOWN && (rport || behind == line_end) && most > 1 {
                via.branch = Place::new(base + value.0, behind);
                via.rport = if rport { Some(None) } else { None };
                return Some(());
            }
        }
        via.branch = Place::default();
        let passed = self.via_params(window, base, end, via)?;
        (passed.place() == line_end && passed.count <= usize::from(most)).then_some(())
    }

    #[inline(always)]
    fn address(self, at: usize, end: usize, most: u8, address: &mut AddressPlaces) -> Option<usize> {
        self.address_places(at, end, most, address, &mut UriPlaces::EMPTY.clone())
    }

    #[inline(always)]
    fn address_uri(self, at: usize, end: usize, most: u8, uri: &mut UriPlaces) -> Option<usize> {
        self.address_places(at, end, most, &mut AddressPlaces::EMPTY.clone(), uri)
    }

    #[inline(always)]
    fn is_call_id(self, slot: &Slot) -> bool {
        let (start, end) = slot.place();
        let mut window = self.marks.window(start);
        let octets = end - start;
        if octets.wrapping_sub(1) >= SHOWN - 1 {
            return false;
        }
        loop {
            let at = window.stop();
            if at >= octets {
                return at == octets;
            }
            if !matches!(window.octet(at), b'!'..=b'~') {
                return false;
            }
        }
    }

    #[inline(always)]
    fn cseq(self, slot: &Slot, values: &mut Values) -> Option<()> {
        let (start, end) = slot.place();
        let mut window = self.marks.window(start);
        let digits = window.stop();
        let method = digits + 1;
        let octets = end.checked_sub(start + method)?;
        let known = self.method(&window, method, octets);
        // Others are compared elsewhere.
        if window.octet(digits) != b' '
            || known == Known::Other
            || known != values.known && values.status == 0
        {
            return None;
        }
        values.known = known;
        values.cseq = number(window.eight(0), digits)?;
        Some(())
    }

    #[inline(always)]
    fn decimal(self, slot: &Slot) -> Option<u32> {
        let (start, end) = slot.place();
        number(self.marks.eight(start), end - start)
    }

    #[inline(always)]
    fn media_type(self, slot: &Slot, most: u8, media_type: &mut MediaTypePlaces) -> Option<()> {
        let (start, line_end) = slot.place();
        let mut window = self.marks.window(start);
        // The type of short messages.
        const KIND: u64 = u64::from_le_bytes(*b"applicat");
        const MIDDLE: u64 = u64::from_le_bytes(*b"ion/vnd.");
        const LAST: u64 = u64::from_le_bytes(*b"3gpp.sms");
        let (mut kind, mut subtype) = (11, (12, 24));
        let mut end = line_end;
        if line_end - start != 24
            || window.eight(16) != LAST
            || window.eight(8) != MIDDLE
            || window.eight(0) != KIND
        {
            kind = window.stop();
            subtype = (kind + 1, window.stop());
            if kind == 0 || window.octet(kind) != b'/' || subtype.0 == subtype.1 || subtype.1 >= SHOWN {
                return None;
            }
            let passed = self.params(window, start, subtype.1, &mut Tokens)?;
            if passed.place() != line_end || passed.count > usize::from(most) {
                return None;
            }
            end = start + subtype.1;
        }
        media_type.kind = Place::new(start, start + kind);
        media_type.subtype = Place::new(start + subtype.0, start + subtype.1);
        media_type.params = ParamsPlaces::plain(end, line_end);
        Some(())
    }
}
