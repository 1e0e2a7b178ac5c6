//! Values as they are usually spelt, read by marks of their octets; any other spelling is left to the general readers.
//!
//! Whatever a reader here takes, the general one takes too and gives the same. What it doesn't take may still be good.

mod params;

use self::params::{Any, Param, See, Tag, Tokens, ViaParams, note};
use super::headers::{MediaType, NameAddr};
use super::host::is_host;
use super::limits::Limits;
use super::params::Params;
use super::slots::Slot;
use super::uri::{Scheme, Uri};
use super::via::Via;
use super::view::{Method, Start};
use crate::codec::scan::{Marks, SHOWN, Vectors, Window};

/// Readers of values that may have marks. Each gives `None` of what it does not take.
pub(super) trait Usual<'a>: Copy {
    /// The request line, which ends at `end`.
    fn start(self, end: usize, limits: &Limits) -> Option<Start<'a>>;
    /// A Via line of one value.
    fn via(self, slot: &Slot, most: u8) -> Option<Via<'a>>;
    /// Whether there is such a line.
    fn is_via(self, slot: &Slot, most: u8) -> bool;
    /// The address at a place, and where it ends: at `end`, or at a comma.
    fn address(self, at: usize, end: usize, most: u8) -> Option<(NameAddr<'a>, usize)>;
    /// The URI of such an address, and where the address ends.
    fn address_uri(self, at: usize, end: usize, most: u8) -> Option<(Uri<'a>, usize)>;
    /// Where such an address ends.
    fn address_end(self, at: usize, end: usize, most: u8) -> Option<usize>;
    /// Whether all octets of a Call-ID are visible ones.
    fn is_call_id(self, slot: &Slot) -> bool;
    /// CSeq.
    fn cseq(self, slot: &Slot) -> Option<(u32, Method<'a>)>;
    /// A number.
    fn decimal(self, slot: &Slot) -> Option<u32>;
    /// Content-Type.
    fn media_type(self, slot: &Slot, most: u8) -> Option<MediaType<'a>>;
}

/// No marks: nothing is taken.
#[derive(Clone, Copy)]
pub(super) struct Unmarked;

impl<'a> Usual<'a> for Unmarked {
    fn start(self, _: usize, _: &Limits) -> Option<Start<'a>> {
        None
    }
    fn via(self, _: &Slot, _: u8) -> Option<Via<'a>> {
        None
    }
    fn is_via(self, _: &Slot, _: u8) -> bool {
        false
    }
    fn address(self, _: usize, _: usize, _: u8) -> Option<(NameAddr<'a>, usize)> {
        None
    }
    fn address_uri(self, _: usize, _: usize, _: u8) -> Option<(Uri<'a>, usize)> {
        None
    }
    fn address_end(self, _: usize, _: usize, _: u8) -> Option<usize> {
        None
    }
    fn is_call_id(self, _: &Slot) -> bool {
        false
    }
    fn cseq(self, _: &Slot) -> Option<(u32, Method<'a>)> {
        None
    }
    fn decimal(self, _: &Slot) -> Option<u32> {
        None
    }
    fn media_type(self, _: &Slot, _: u8) -> Option<MediaType<'a>> {
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

/// Where something begins and ends.
type Place = (usize, usize);

/// Where the parts of a URI are.
struct UriPlaces {
    scheme: Scheme,
    user: Place,
    host: Place,
    port: Option<u16>,
    params: Place,
}

/// Where the parts of an address are.
struct AddressPlaces {
    display: Place,
    uri: UriPlaces,
    text: Place,
    params: Place,
    /// Empty if there is none.
    tag: Place,
}

/// Where the parts of a Via are.
struct ViaPlaces {
    transport: Place,
    host: Place,
    port: Option<u16>,
    head: Place,
    params: Place,
    known: ViaParams,
}

/// Parameters that have been passed over.
struct Passed {
    /// Where they end.
    end: usize,
    /// The octet there.
    behind: u8,
    count: usize,
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
fn port(window: &Window<'_>, (start, end): Place) -> Option<u16> {
    u16::try_from(number(window.eight(start), end.wrapping_sub(start))?).ok()
}

impl<'a> Marked<'a> {
    #[inline(always)]
    fn text(self, (start, end): Place) -> Option<&'a [u8]> {
        self.bytes.get(start..end)
    }

    /// Whether a host stands there, so far from the beginning of a window, which begins at `base`; no IPv6 reference.
    #[inline(always)]
    fn is_host(self, window: &Window<'_>, base: usize, (start, end): Place) -> bool {
        // A place that is not shown may end before it begins: nothing stands there.
        let octets = end.wrapping_sub(start);
        let odd = || is_odd_host(self.bytes, base + start, base + end);
        if octets.wrapping_sub(1) >= 32 {
            return odd();
        }
        // The stops have seen to all other octets.
        let (between, strange) = self.vectors.host(window.block(start));
        let beyond = 32 - octets as u32;
        let bits = between << beyond;
        // A label has a letter or a digit at either end.
        let stray = (strange << beyond) | (bits & bits << 1) | (bits >> 31) | (between & 1);
        let label = end - (bits.leading_zeros() as usize).min(octets);
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
    ) -> Option<Passed> {
        let mut behind = window.octet(at);
        if behind != b';' {
            return Some(Passed { end: base + at, behind, count: 0 });
        }
        // Mostly there is one.
        let mut next = window;
        let end = next.stop();
        let value = if next.octet(end) == b'=' { (end + 1, next.stop()) } else { (end, end) };
        if value.1 < SHOWN && next.octet(value.1) != b';' {
            let octets = end.checked_sub(at + 1).filter(|&octets| octets > 0)?;
            if next.octet(end) == b'=' && value.0 == value.1 {
                return None;
            }
            let name = self.vectors.lowest(next.eight(at) | LOWER, 8 * (octets + 1));
            see.see(&Param { name, octets, base, value })?;
            let behind = next.octet(value.1);
            return Some(Passed { end: base + value.1, behind, count: 1 });
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
        (!repeated).then_some(Passed { end: base + at, behind, count })
    }

    /// The URI that stands at `start` in a window, which begins at `base`; up to there its stops have been taken.
    #[inline(always)]
    fn uri(self, mut window: Window<'a>, mut base: usize, start: usize) -> Option<(UriPlaces, Passed)> {
        const SIP: u32 = u32::from_le_bytes(*b"sip:");
        const TEL: u32 = u32::from_le_bytes(*b"tel:");
        let scheme = window.four(start);
        window.stop();
        let user = start + 4;
        let mut end = window.stop();
        if end >= SHOWN {
            return None;
        }
        let mut places = UriPlaces {
            scheme: Scheme::Sip,
            user: (base + user, base + end),
            host: (0, 0),
            port: None,
            params: (0, 0),
        };
        if scheme == SIP {
            let mut host = user;
            if window.octet(end) == b'@' {
                if user == end {
                    return None;
                }
                host = end + 1;
                end = window.stop();
                if end >= SHOWN {
                    (base, host) = (base + host, 0);
                    window = self.marks.window(base);
                    end = window.stop();
                }
            } else {
                places.user.1 = places.user.0;
            }
            places.host = (base + host, base + end);
            if !self.is_host(&window, base, (host, end)) {
                return None;
            }
            if window.octet(end) == b':' {
                let digits = (end + 1, window.stop());
                places.port = Some(port(&window, digits)?);
                end = digits.1;
            }
        } else if scheme != TEL || user == end {
            return None;
        } else {
            places.scheme = Scheme::Tel;
        }
        if end >= SHOWN {
            return None;
        }
        let start = base + end;
        let passed = self.params(window, base, end, &mut Any)?;
        places.params = (start, passed.end);
        Some((places, passed))
    }

    #[inline(always)]
    fn uri_of(self, places: &UriPlaces, text: Place) -> Option<Uri<'a>> {
        let user = self.text(places.user)?;
        let host = self.text(places.host)?;
        let params = self.text(places.params)?;
        Some(Uri::of_parts(places.scheme, [user, host, params, self.text(text)?], places.port))
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

    /// What stands at a place, unless it is empty.
    #[inline(always)]
    fn unless_empty(self, place: Place) -> Option<Option<&'a [u8]>> {
        if place.0 == place.1 { Some(None) } else { Some(Some(self.text(place)?)) }
    }

    /// The places of a Via line of one value.
    #[inline(always)]
    fn via_places(self, slot: &Slot, most: u8) -> Option<ViaPlaces> {
        const PROTOCOL: u64 = u64::from_le_bytes(*b"SIP/2.0/");
        let (start, line_end) = slot.place();
        let base = start + 8;
        let mut window = self.marks.window(base);
        let transport = window.stop();
        let shown = transport > 0 && transport < SHOWN - 1;
        if self.marks.eight(start) != PROTOCOL || !shown || window.octet(transport) != b' ' {
            return None;
        }
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
        let mut places = ViaPlaces {
            transport: (base, base + transport),
            host: (base + host, base + end),
            port: None,
            head: (start, 0),
            params: (0, line_end),
            known: ViaParams { branch: (0, 0), received: (0, 0), rport: None },
        };
        if window.octet(end) == b':' {
            let digits = (end + 1, window.stop());
            places.port = Some(port(&window, digits).filter(|&port| port != 0)?);
            end = digits.1;
        }
        if end >= SHOWN {
            return None;
        }
        (places.head.1, places.params.0) = (base + end, base + end);
        // Mostly that is a branch, alone or before `rport`.
        let mut next = window;
        if next.eight(end) == BRANCH {
            next.stop();
            let value = (end + 8, next.stop());
            let behind = base + value.1;
            let rport = behind + 6 == line_end && next.eight(value.1) << 16 == RPORT << 16;
            if value.0 < value.1 && value.1 < SHOWN && (rport || behind == line_end) && most > 1 {
                places.known.branch = (base + value.0, behind);
                places.known.rport = if rport { Some(None) } else { None };
                return Some(places);
            }
        }
        let passed = self.via_params(window, base, end, &mut places.known)?;
        (passed.end == line_end && passed.count <= usize::from(most)).then_some(places)
    }

    /// Passes over the parameters of a Via, as [`Marked::params`] does over those of others.
    #[inline(always)]
    fn via_params(
        self,
        mut window: Window<'a>,
        mut base: usize,
        mut at: usize,
        known: &mut ViaParams,
    ) -> Option<Passed> {
        const RECEIVED: u64 = u64::from_le_bytes(*b";receive");
        let mut others = 0u64;
        let (mut count, mut repeated) = (0, false);
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
                repeated |= known.branch.1 != 0;
                known.branch = place;
            } else if word << 16 == RPORT << 16 && end == at + 6 {
                repeated |= known.rport.is_some();
                known.rport = Some(match value.0 == value.1 {
                    true => None,
                    false => Some(port(&next, value).filter(|&port| port != 0)?),
                });
            } else if word == RECEIVED && next.four(at + 8) as u16 == u16::from_le_bytes(*b"d=") {
                repeated |= known.received.1 != 0;
                known.received = place;
                if !is_ipv4(self.text(place)?) {
                    return None;
                }
            } else {
                let octets = end.checked_sub(at + 1).filter(|&octets| octets > 0)?;
                let name = self.vectors.lowest(word | LOWER, 8 * (octets + 1));
                known.see(&Param { name, octets, base, value })?;
                repeated |= note(&mut others, name);
            }
            count += 1;
            (window, at) = (next, value.1);
        }
        (!repeated).then_some(Passed { end: base + at, behind: window.octet(at), count })
    }

    /// The places of an address that ends at `end` or at a comma.
    #[inline(always)]
    fn address_places(self, start: usize, end: usize, most: u8) -> Option<AddressPlaces> {
        let mut open = start;
        let mut window = self.marks.window(start);
        if window.octet(0) != b'<' {
            open = self.behind_display(start, end)?;
            window = self.marks.window(open);
        }
        window.stop();
        let (uri, passed) = self.uri(window, open, 1)?;
        let close = passed.end;
        if passed.behind != b'>' {
            return None;
        }
        let window = self.marks.window(close + 1);
        let mut tag = Tag((0, 0));
        let passed = self.params(window.behind(), close + 1, 0, &mut tag)?;
        if passed.count > usize::from(most) || passed.end != end && passed.behind != b',' {
            return None;
        }
        Some(AddressPlaces {
            display: (start, open),
            uri,
            text: (open + 1, close),
            params: (close + 1, passed.end),
            tag: tag.0,
        })
    }

    /// The method at the beginning of a window.
    #[inline(always)]
    fn method(self, window: &Window<'_>, base: usize, (start, end): Place) -> Option<Method<'a>> {
        const MESSAGE: u64 = u64::from_le_bytes(*b"MESSAGE\0");
        const REGISTER: u64 = u64::from_le_bytes(*b"REGISTER");
        let octets = end.checked_sub(start)?;
        match self.vectors.lowest(window.eight(start), 8 * octets) {
            MESSAGE if octets == 7 => Some(Method::Message),
            REGISTER if octets == 8 => Some(Method::Register),
            _ => Some(Method::read(self.text((base + start, base + end))?)),
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

impl<'a> Usual<'a> for Marked<'a> {
    #[inline(always)]
    fn start(self, end: usize, limits: &Limits) -> Option<Start<'a>> {
        const VERSION: u64 = u64::from_le_bytes(*b" SIP/2.0");
        let mut window = self.marks.window(0);
        let method = window.stop();
        let place = (method + 1, end.checked_sub(8)?);
        if method.wrapping_sub(1) >= SHOWN - 1
            || window.octet(method) != b' '
            || self.marks.eight(place.1) != VERSION
            || place.1.checked_sub(place.0)? > usize::from(limits.uri)
        {
            return None;
        }
        let (places, passed) = self.uri(window, 0, place.0)?;
        if passed.end != place.1 {
            return None;
        }
        let uri = self.uri_of(&places, place)?;
        Some(Start::Request { method: self.method(&window, 0, (0, method))?, uri })
    }

    #[inline(always)]
    fn via(self, slot: &Slot, most: u8) -> Option<Via<'a>> {
        let places = self.via_places(slot, most)?;
        let params = Params::plain(self.text(places.params)?);
        let mut via = Via::plain(
            self.text(places.transport)?,
            self.text(places.host)?,
            self.text(places.head)?,
            params,
        );
        via.sent_by_port = places.port;
        via.branch = self.unless_empty(places.known.branch)?;
        via.received = self.unless_empty(places.known.received)?;
        via.rport = places.known.rport;
        Some(via)
    }

    #[inline(always)]
    fn is_via(self, slot: &Slot, most: u8) -> bool {
        self.via_places(slot, most).is_some()
    }

    #[inline(always)]
    fn address(self, at: usize, end: usize, most: u8) -> Option<(NameAddr<'a>, usize)> {
        let places = self.address_places(at, end, most)?;
        let mut display = &[][..];
        if places.display.0 < places.display.1 {
            display = self.text(places.display)?;
            display = display.strip_suffix(b" ").unwrap_or(display);
        }
        let params = Params::plain(self.text(places.params)?);
        let tag = self.unless_empty(places.tag)?;
        Some((NameAddr::of_parts(display, self.text(places.text)?, params, tag), places.params.1))
    }

    #[inline(always)]
    fn address_uri(self, at: usize, end: usize, most: u8) -> Option<(Uri<'a>, usize)> {
        let places = self.address_places(at, end, most)?;
        Some((self.uri_of(&places.uri, places.text)?, places.params.1))
    }

    #[inline(always)]
    fn address_end(self, at: usize, end: usize, most: u8) -> Option<usize> {
        Some(self.address_places(at, end, most)?.params.1)
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
    fn cseq(self, slot: &Slot) -> Option<(u32, Method<'a>)> {
        let (start, end) = slot.place();
        let mut window = self.marks.window(start);
        let digits = window.stop();
        let method = (digits + 1, window.stop());
        if window.octet(digits) != b' ' || method.0 == method.1 || start + method.1 != end {
            return None;
        }
        Some((number(window.eight(0), digits)?, self.method(&window, start, method)?))
    }

    #[inline(always)]
    fn decimal(self, slot: &Slot) -> Option<u32> {
        let (start, end) = slot.place();
        number(self.marks.eight(start), end - start)
    }

    #[inline(always)]
    fn media_type(self, slot: &Slot, most: u8) -> Option<MediaType<'a>> {
        let (start, line_end) = slot.place();
        let mut window = self.marks.window(start);
        // The type of short messages.
        const KIND: u64 = u64::from_le_bytes(*b"applicat");
        const MIDDLE: u64 = u64::from_le_bytes(*b"ion/vnd.");
        const LAST: u64 = u64::from_le_bytes(*b"3gpp.sms");
        if line_end - start == 24
            && window.eight(16) == LAST
            && window.eight(8) == MIDDLE
            && window.eight(0) == KIND
        {
            let (kind, subtype) = self.text((start, line_end))?.split_at_checked(11)?;
            return Some(MediaType { kind, subtype: subtype.get(1..)?, params: Params::plain(&[]) });
        }
        let kind = window.stop();
        let subtype = (kind + 1, window.stop());
        if kind == 0 || window.octet(kind) != b'/' || subtype.0 == subtype.1 || subtype.1 >= SHOWN {
            return None;
        }
        let passed = self.params(window, start, subtype.1, &mut Tokens)?;
        if passed.end != line_end || passed.count > usize::from(most) {
            return None;
        }
        Some(MediaType {
            kind: self.text((start, start + kind))?,
            subtype: self.text((start + subtype.0, start + subtype.1))?,
            params: Params::plain(self.text((start + subtype.1, line_end))?),
        })
    }
}
