//! What a message's lines say, read in the order in which faults of it are told.

use super::{Method, Start, Why};
use crate::base::Malformed;
use crate::codec::scan::{Task, Vectors};
use crate::proto::sip::headers::{MediaType, NameAddr, take_value};
use crate::proto::sip::name::Name;
use crate::proto::sip::params::Params;
use crate::proto::sip::places::{AddressPlaces, MediaTypePlaces, Place, UriPlaces, Values, ViaPlaces};
use crate::proto::sip::scan::{
    decimal, has_scheme, is_token, is_uri_text, is_visible, seconds, skip_lws, split_once, split_token,
};
use crate::proto::sip::slots::{Lines, Quotes, Slot, Slots, take_line};
use crate::proto::sip::uri::{Scheme, Uri};
use crate::proto::sip::usual::{Marked, Usual};
use crate::proto::sip::via::Via;

/// Reads a message that has nothing unusual among its lines; gives nothing of any other.
pub(super) struct Read<'a, 'b> {
    pub(super) bytes: &'a [u8],
    pub(super) slots: &'b mut Slots,
}

impl Task for Read<'_, '_> {
    type Output = Option<Result<(), Malformed>>;
    #[inline(always)]
    fn run(self, vectors: Vectors) -> Option<Result<(), Malformed>> {
        let (bytes, Slots { lines, marks, values }) = (self.bytes, self.slots);
        if bytes.len() > usize::from(lines.limits.message) {
            return None;
        }
        let (start_line, body_at) = lines.fill_usual(vectors, bytes, marks)?;
        let lines = &*lines;
        let usual = Marked { bytes, marks, vectors };
        if usual.start(start_line, &lines.limits, values).is_none() {
            match read_start(bytes.get(..start_line).unwrap_or(&[]), usize::from(lines.limits.uri)) {
                Ok(start) => values.set_start(bytes, &start),
                Err(why) => return Some(Err(why.at(0))),
            }
        }
        Some(Headers { bytes, lines, usual }.message(values, body_at))
    }
}

/// The lines of a message that has been indexed.
#[derive(Clone, Copy)]
pub(super) struct Headers<'a, U> {
    pub(super) bytes: &'a [u8],
    pub(super) lines: &'a Lines,
    pub(super) usual: U,
}

impl<'a, U: Usual> Headers<'a, U> {
    pub(super) fn value(&self, slot: &Slot) -> &'a [u8] {
        self.bytes.get(usize::from(slot.value)..usize::from(slot.end)).unwrap_or(&[])
    }

    /// Offset and value of the first header of that name; 0 and nothing if there is none.
    pub(super) fn first(&self, name: Name) -> (usize, &'a [u8]) {
        self.lines.first(name).map_or((0, &[]), |slot| (usize::from(slot.line), self.value(slot)))
    }

    /// Reads what the lines say.
    #[inline(always)]
    pub(super) fn message(self, values: &mut Values, body_at: usize) -> Result<(), Malformed> {
        values.has_one_via = self.vias(&mut values.via)?;
        self.one_address(Name::From, Why::From, &mut values.from)?;
        self.one_address(Name::To, Why::To, &mut values.to)?;
        values.call_id = self.call_id()?;
        self.cseq(values)?;
        values.max_forwards = match self.lines.first(Name::MaxForwards) {
            None => None,
            Some(slot) => Some(
                self.decimal(slot)
                    .and_then(|hops| u8::try_from(hops).ok())
                    .ok_or(Why::MaxForwards.at(usize::from(slot.line)))?,
            ),
        };
        let slot = self.lines.first(Name::ContentType);
        values.has_content_type = slot.is_some();
        if let Some(slot) = slot {
            self.media_type(slot, &mut values.content_type)?;
        }
        let expires = self.lines.first(Name::Expires);
        values.expires =
            expires.and_then(|slot| self.usual.decimal(slot).or_else(|| seconds(self.value(slot))));
        values.body = self.body(body_at)?;
        (values.asserted, values.has_contact, values.all_contacts) = (0, false, false);
        if self.lines.has_others() {
            self.others(values)?;
        }
        Ok(())
    }

    /// From or To.
    #[inline(always)]
    fn one_address(&self, name: Name, why: Why, address: &mut AddressPlaces) -> Result<(), Malformed> {
        let slot = self.lines.first(name).ok_or(why.at(0))?;
        let most = self.lines.limits.parameters;
        let (start, end) = slot.place();
        if self.usual.address(start, end, most, address) != Some(end) {
            let read = NameAddr::read(self.value(slot), most).ok_or(why.at(usize::from(slot.line)))?;
            *address = AddressPlaces::of(self.bytes, &read);
        }
        Ok(())
    }

    #[inline(always)]
    fn call_id(&self) -> Result<Place, Malformed> {
        let slot = self.lines.first(Name::CallId).ok_or(Why::CallId.at(0))?;
        let (at, (start, end)) = (usize::from(slot.line), slot.place());
        if end - start > usize::from(self.lines.limits.call_id) {
            return Err(Why::TooLong.at(at));
        }
        let is_sound = self.usual.is_call_id(slot) || is_visible(self.value(slot));
        if is_sound { Ok(Place::new(start, end)) } else { Err(Why::CallId.at(at)) }
    }

    #[inline(always)]
    fn cseq(&self, values: &mut Values) -> Result<(), Malformed> {
        let slot = self.lines.first(Name::CSeq).ok_or(Why::CSeq.at(0))?;
        if self.usual.cseq(slot, values).is_some() {
            return Ok(());
        }
        let at = usize::from(slot.line);
        let (number, method) = read_cseq(self.value(slot)).ok_or(Why::CSeq.at(at))?;
        if values.status == 0 && values.method(self.bytes) != method {
            return Err(Why::CSeqMethod.at(at));
        }
        values.cseq = number;
        values.set_method(self.bytes, method);
        Ok(())
    }

    #[inline(always)]
    fn media_type(&self, slot: &Slot, media_type: &mut MediaTypePlaces) -> Result<(), Malformed> {
        let most = self.lines.limits.parameters;
        if self.usual.media_type(slot, most, media_type).is_none() {
            let read = MediaType::read(self.value(slot), most);
            let read = read.ok_or(Why::ContentType.at(usize::from(slot.line)))?;
            *media_type = MediaTypePlaces::of(self.bytes, &read);
        }
        Ok(())
    }

    #[inline(always)]
    fn decimal(&self, slot: &Slot) -> Option<u32> {
        self.usual.decimal(slot).or_else(|| decimal(self.value(slot)))
    }

    /// Reads what stands in some messages alone.
    #[inline(always)]
    fn others(&self, values: &mut Values) -> Result<(), Malformed> {
        if let Some(slot) = self.lines.first(Name::Contact) {
            let (count, all) = self.addresses(Name::Contact, Why::Contact, &mut Contacts(values))?;
            if all && count > 1 {
                return Err(Why::Contact.at(usize::from(slot.line)));
            }
            values.all_contacts = all;
        }
        self.addresses(Name::PAssertedIdentity, Why::AssertedIdentity, &mut Asserted(values))?;
        self.addresses(Name::Route, Why::Route, &mut Routes)?;
        self.addresses(Name::RecordRoute, Why::Route, &mut Routes)?;
        if self.lines.has_seldom() {
            self.seldom()?;
        }
        Ok(())
    }

    /// Reads the addresses of all headers of that name. Gives how many there are, and whether one is a `*`.
    #[inline(always)]
    fn addresses(&self, name: Name, why: Why, keep: &mut impl Keep) -> Result<(u8, bool), Malformed> {
        let limits = &self.lines.limits;
        let (mut count, mut all) = (0, false);
        for slot in self.lines.named(name) {
            let refused = why.at(usize::from(slot.line));
            let (mut at, end) = slot.place();
            while let Some(next) = keep.usual(self.usual, at, end, limits.parameters) {
                if count == limits.contacts {
                    return Err(refused);
                }
                count += 1;
                at = next;
                if at == end {
                    break;
                }
                // Behind a comma, one space mostly.
                at += 1;
                at += usize::from(self.bytes.get(at) == Some(&b' '));
            }
            if at < end {
                self.odd_addresses(name, (at, end), refused, &mut count, &mut |address| match address {
                    Some((address, uri)) => keep.odd(self.bytes, &address, &uri),
                    None => all = true,
                })?;
            }
        }
        Ok((count, all))
    }

    /// The same of the rest of a line, which has something unusual. `see` is shown nothing for a `*` in Contact.
    #[cold]
    fn odd_addresses(
        &self,
        name: Name,
        (at, end): (usize, usize),
        refused: Malformed,
        count: &mut u8,
        see: &mut dyn FnMut(Option<(NameAddr<'a>, Uri<'a>)>),
    ) -> Result<(), Malformed> {
        let limits = &self.lines.limits;
        let mut rest = self.bytes.get(at..end).unwrap_or(&[]);
        while let Some(value) = take_value(&mut rest) {
            if *count == limits.contacts {
                return Err(refused);
            }
            *count += 1;
            let is_all = name == Name::Contact && value == b"*";
            let read = || NameAddr::read_with_uri(value, limits.parameters).ok_or(refused);
            see(if is_all { None } else { Some(read()?) });
        }
        Ok(())
    }

    /// Reads what is hardly ever there.
    #[cold]
    fn seldom(&self) -> Result<(), Malformed> {
        for (name, why) in [
            (Name::ContentEncoding, Why::ContentEncoding),
            (Name::Require, Why::Require),
            (Name::ProxyRequire, Why::Require),
        ] {
            let tokens = self.list(name, why, |value| is_token(value).then_some(()))?;
            if let (0, Some(slot)) = (tokens, self.lines.first(name)) {
                return Err(why.at(usize::from(slot.line)));
            }
        }
        for (name, why) in [(Name::Event, Why::Event), (Name::SubscriptionState, Why::SubscriptionState)] {
            let (at, value) = self.first(name);
            if at > 0 && self.token_and_params(value).is_none() {
                return Err(why.at(at));
            }
        }
        Ok(())
    }

    /// A token with parameters.
    pub(super) fn token_and_params(&self, value: &'a [u8]) -> Option<(&'a [u8], Params<'a>)> {
        let (token, params) = split_token(value);
        (!token.is_empty()).then_some((token, Params::parse(params, self.lines.limits.parameters)?))
    }

    /// The topmost Via, and whether it is the only one. All must be readable, and no more than may be.
    #[inline(always)]
    fn vias(&self, top: &mut ViaPlaces) -> Result<bool, Malformed> {
        let parameters = self.lines.limits.parameters;
        let mut slots = self.lines.named(Name::Via);
        let slot = slots.next().ok_or(Why::Via.at(0))?;
        let mut count = 1;
        if self.usual.via(slot, parameters, top).is_none() {
            *top = ViaPlaces::of(self.bytes, &self.odd_via(slot, &mut count)?);
        }
        for slot in slots {
            if count == usize::from(self.lines.limits.vias) {
                return Err(Why::TooManyVias.at(usize::from(slot.line)));
            }
            count += 1;
            if self.usual.via(slot, parameters, &mut ViaPlaces::EMPTY.clone()).is_none() {
                self.odd_via(slot, &mut count)?;
            }
        }
        Ok(count == 1)
    }

    /// The first value of a Via line that has something unusual. `count` has counted one.
    #[cold]
    fn odd_via(&self, slot: &Slot, count: &mut usize) -> Result<Via<'a>, Malformed> {
        let parameters = self.lines.limits.parameters;
        let refused = Why::Via.at(usize::from(slot.line));
        let via = Via::read(self.value(slot), parameters).ok_or(refused)?;
        *count += via.count(parameters).ok_or(refused)? - 1;
        if *count > usize::from(self.lines.limits.vias) {
            return Err(Why::TooManyVias.at(usize::from(slot.line)));
        }
        Ok(via)
    }

    /// Shows `see` each value of the headers of that name. Gives how many there are, or `why` if it refuses one or there
    /// are too many.
    fn list(
        &self,
        name: Name,
        why: Why,
        mut see: impl FnMut(&'a [u8]) -> Option<()>,
    ) -> Result<u8, Malformed> {
        let mut count = 0;
        for slot in self.lines.named(name) {
            let mut rest = self.value(slot);
            while let Some(value) = take_value(&mut rest) {
                if count == self.lines.limits.contacts || see(value).is_none() {
                    return Err(why.at(usize::from(slot.line)));
                }
                count += 1;
            }
        }
        Ok(count)
    }

    #[inline(always)]
    fn body(&self, at: usize) -> Result<Place, Malformed> {
        let mut length = None;
        for slot in self.lines.named(Name::ContentLength) {
            let refused = Why::ContentLength.at(usize::from(slot.line));
            let octets = self.decimal(slot).ok_or(refused)?;
            if length.is_some_and(|other| other != octets) {
                return Err(refused);
            }
            length = Some(octets);
        }
        let end = self.bytes.len();
        match length {
            None => Ok(Place::new(at, end)),
            Some(octets) if octets as usize <= end - at => Ok(Place::new(at, at + octets as usize)),
            Some(_) => Err(Why::Truncated.at(at)),
        }
    }
}

/// What keeps something of addresses.
trait Keep {
    /// Reads one that is as usual, and gives where it ends.
    fn usual(&mut self, usual: impl Usual, at: usize, end: usize, most: u8) -> Option<usize>;
    /// One that is not has been read.
    fn odd(&mut self, bytes: &[u8], address: &NameAddr<'_>, uri: &Uri<'_>);
}

/// Of contacts the first.
struct Contacts<'v>(&'v mut Values);

impl Keep for Contacts<'_> {
    #[inline(always)]
    fn usual(&mut self, usual: impl Usual, at: usize, end: usize, most: u8) -> Option<usize> {
        let mut other = AddressPlaces::EMPTY;
        let address = if self.0.has_contact { &mut other } else { &mut self.0.contact };
        let end = usual.address(at, end, most, address)?;
        self.0.has_contact = true;
        Some(end)
    }

    fn odd(&mut self, bytes: &[u8], address: &NameAddr<'_>, _: &Uri<'_>) {
        if !self.0.has_contact {
            self.0.contact = AddressPlaces::of(bytes, address);
            self.0.has_contact = true;
        }
    }
}

/// Of routes nothing.
struct Routes;

impl Keep for Routes {
    #[inline(always)]
    fn usual(&mut self, usual: impl Usual, at: usize, end: usize, most: u8) -> Option<usize> {
        usual.address(at, end, most, &mut AddressPlaces::EMPTY.clone())
    }

    fn odd(&mut self, _: &[u8], _: &NameAddr<'_>, _: &Uri<'_>) {}
}

/// Of each kind of asserted URIs the first counts, and other kinds don't (RFC 5876 4.5).
struct Asserted<'v>(&'v mut Values);

impl Asserted<'_> {
    /// Counts the URI that was noted behind those that count, if it does.
    #[inline(always)]
    fn count(&mut self) {
        let is_tel = |uri: &UriPlaces| uri.scheme == Scheme::Tel;
        let [first, second] = &self.0.asserted_uris;
        match self.0.asserted {
            0 => self.0.asserted = u8::from(first.scheme != Scheme::Other),
            1 if second.scheme != Scheme::Other && is_tel(first) != is_tel(second) => self.0.asserted = 2,
            _ => {}
        }
    }

    /// Where the next one is noted.
    #[inline(always)]
    fn next<'p>(&'p mut self, other: &'p mut UriPlaces) -> &'p mut UriPlaces {
        self.0.asserted_uris.get_mut(usize::from(self.0.asserted)).unwrap_or(other)
    }
}

impl Keep for Asserted<'_> {
    #[inline(always)]
    fn usual(&mut self, usual: impl Usual, at: usize, end: usize, most: u8) -> Option<usize> {
        let mut other = UriPlaces::EMPTY;
        let end = usual.address_uri(at, end, most, self.next(&mut other))?;
        self.count();
        Some(end)
    }

    fn odd(&mut self, bytes: &[u8], _: &NameAddr<'_>, uri: &Uri<'_>) {
        *self.next(&mut UriPlaces::EMPTY.clone()) = UriPlaces::of(bytes, uri);
        self.count();
    }
}

/// Reads the start line and finds the headers. Gives the offset of the body.
pub(super) fn index(bytes: &[u8], lines: &mut Lines, values: &mut Values) -> Result<usize, Malformed> {
    lines.clear();
    if bytes.len() > usize::from(lines.limits.message) {
        return Err(Why::TooLarge.at(bytes.len()));
    }
    let mut at = 0;
    while bytes.get(at..).is_some_and(|rest| rest.starts_with(b"\r\n")) {
        at += 2;
    }
    if at == bytes.len() {
        return Err(Why::Empty.at(at));
    }
    let mut quotes = Quotes::default();
    let (line, next) = take_line(bytes, at, &mut quotes)?;
    if quotes.is_asked() {
        // Nothing is quoted in a start line.
        return Err(Why::Control.at(at));
    }
    let start = read_start(line, usize::from(lines.limits.uri)).map_err(|why| why.at(at))?;
    values.set_start(bytes, &start);
    lines.fill(bytes, next)
}

fn read_start(line: &[u8], longest_uri: usize) -> Result<Start<'_>, Why> {
    let (first, rest) = split_once(line, b' ').ok_or(Why::StartLine)?;
    if first.eq_ignore_ascii_case(b"SIP/2.0") {
        let digits = rest.get(..3).ok_or(Why::Status)?;
        if !matches!(rest.get(3), None | Some(b' ')) {
            return Err(Why::Status);
        }
        let status = decimal(digits).and_then(|code| u16::try_from(code).ok()).ok_or(Why::Status)?;
        return if (100..700).contains(&status) { Ok(Start::Response { status }) } else { Err(Why::Status) };
    }
    let (uri, version) = split_once(rest, b' ').ok_or(Why::StartLine)?;
    if !is_token(first) {
        return Err(Why::StartLine);
    }
    if !version.eq_ignore_ascii_case(b"SIP/2.0") {
        let other_version = version
            .split_at_checked(4)
            .is_some_and(|(sip, number)| sip.eq_ignore_ascii_case(b"SIP/") && !number.contains(&b' '));
        return Err(if other_version { Why::Version } else { Why::StartLine });
    }
    if uri.len() > longest_uri {
        return Err(Why::TooLong);
    }
    if !is_uri_text(uri) || !has_scheme(uri) {
        return Err(Why::RequestUri);
    }
    let uri = Uri::of_checked(uri).filter(|uri| uri.headers().is_empty()).ok_or(Why::RequestUri)?;
    Ok(Start::Request { method: Method::read(first), uri })
}

fn read_cseq(value: &[u8]) -> Option<(u32, Method<'_>)> {
    let digits = value.iter().position(|c| !c.is_ascii_digit())?;
    let (number, method) = value.split_at_checked(digits)?;
    let text = skip_lws(method);
    let method = match Method::read(text) {
        _ if text.len() == method.len() => return None,
        Method::Other(other) if !is_token(other) => return None,
        method => method,
    };
    Some((decimal(number)?, method))
}
