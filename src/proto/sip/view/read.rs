//! What a message's lines say, read in the order in which faults of it are told.

use super::{Message, Method, Start, Why};
use crate::base::Malformed;
use crate::codec::scan::{Task, Vectors};
use crate::proto::sip::headers::{MediaType, NameAddr, take_value};
use crate::proto::sip::name::Name;
use crate::proto::sip::params::Params;
use crate::proto::sip::scan::{
    decimal, has_scheme, is_token, is_uri_text, is_visible, seconds, skip_lws, split_once, split_token,
};
use crate::proto::sip::slots::{Quotes, Slot, Slots, take_line};
use crate::proto::sip::uri::{Scheme, Uri};
use crate::proto::sip::usual::{Marked, Usual};
use crate::proto::sip::via::Via;

/// Finds the lines of a message that has nothing unusual among them.
pub(super) struct Find<'a, 'b> {
    pub(super) bytes: &'a [u8],
    pub(super) slots: &'b mut Slots,
}

impl Task for Find<'_, '_> {
    type Output = Option<(usize, usize)>;
    #[inline(always)]
    fn run(self, vectors: Vectors) -> Option<(usize, usize)> {
        if self.bytes.len() > usize::from(self.slots.limits.message) {
            return None;
        }
        self.slots.fill_usual(vectors, self.bytes)
    }
}

/// Reads the values of a message whose lines have been found so.
pub(super) struct Read<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) slots: &'a Slots,
    pub(super) start_line: usize,
    pub(super) body_at: usize,
}

impl<'a> Task for Read<'a> {
    type Output = Result<Message<'a>, Malformed>;
    #[inline(always)]
    fn run(self, vectors: Vectors) -> Result<Message<'a>, Malformed> {
        let Self { bytes, slots, start_line, body_at } = self;
        let usual = Marked { bytes, marks: slots.marks(), vectors };
        let start = match usual.start(start_line, &slots.limits) {
            Some(start) => start,
            None => {
                let line = bytes.get(..start_line).unwrap_or(&[]);
                read_start(line, usize::from(slots.limits.uri)).map_err(|why| why.at(0))?
            }
        };
        Headers { bytes, slots, usual }.message(start, body_at)
    }
}

/// The lines of a message that has been indexed.
#[derive(Clone, Copy)]
pub(super) struct Headers<'a, U> {
    pub(super) bytes: &'a [u8],
    pub(super) slots: &'a Slots,
    pub(super) usual: U,
}

impl<'a, U: Usual<'a>> Headers<'a, U> {
    pub(super) fn value(&self, slot: &Slot) -> &'a [u8] {
        self.bytes.get(usize::from(slot.value)..usize::from(slot.end)).unwrap_or(&[])
    }

    /// Offset and value of the first header of that name; 0 and nothing if there is none.
    pub(super) fn first(&self, name: Name) -> (usize, &'a [u8]) {
        self.slots.first(name).map_or((0, &[]), |slot| (usize::from(slot.line), self.value(slot)))
    }

    /// The message whose lines these are.
    #[inline(always)]
    pub(super) fn message(self, start: Start<'a>, body_at: usize) -> Result<Message<'a>, Malformed> {
        let (top_via, has_one_via) = self.vias()?;
        let from = self.one_address(Name::From, Why::From)?;
        let to = self.one_address(Name::To, Why::To)?;
        let call_id = self.call_id()?;
        let (cseq, cseq_method) = self.cseq(start)?;
        let max_forwards = match self.slots.first(Name::MaxForwards) {
            None => None,
            Some(slot) => Some(
                self.decimal(slot)
                    .and_then(|hops| u8::try_from(hops).ok())
                    .ok_or(Why::MaxForwards.at(usize::from(slot.line)))?,
            ),
        };
        let content_type = match self.slots.first(Name::ContentType) {
            None => None,
            Some(slot) => Some(self.media_type(slot)?),
        };
        let expires = self.slots.first(Name::Expires);
        let expires = expires.and_then(|slot| self.usual.decimal(slot).or_else(|| seconds(self.value(slot))));
        let body = self.body(body_at)?;
        let mut others = Others { asserted: [None; 2], contact: None, all_contacts: false };
        if self.slots.has_others() {
            self.others(&mut others)?;
        }
        Ok(Message {
            bytes: self.bytes,
            slots: self.slots,
            start,
            top_via,
            from,
            to,
            call_id,
            cseq,
            cseq_method,
            max_forwards,
            expires,
            content_type,
            asserted: others.asserted,
            contact: others.contact,
            has_one_via,
            all_contacts: others.all_contacts,
            body,
        })
    }

    /// From or To.
    #[inline(always)]
    fn one_address(&self, name: Name, why: Why) -> Result<NameAddr<'a>, Malformed> {
        let slot = self.slots.first(name).ok_or(why.at(0))?;
        let most = self.slots.limits.parameters;
        let (start, end) = slot.place();
        match self.usual.address(start, end, most) {
            Some((address, at)) if at == end => Ok(address),
            _ => NameAddr::read(self.value(slot), most).ok_or(why.at(usize::from(slot.line))),
        }
    }

    #[inline(always)]
    fn call_id(&self) -> Result<&'a [u8], Malformed> {
        let slot = self.slots.first(Name::CallId).ok_or(Why::CallId.at(0))?;
        let (at, value) = (usize::from(slot.line), self.value(slot));
        if value.len() > usize::from(self.slots.limits.call_id) {
            return Err(Why::TooLong.at(at));
        }
        if self.usual.is_call_id(slot) || is_visible(value) { Ok(value) } else { Err(Why::CallId.at(at)) }
    }

    #[inline(always)]
    fn cseq(&self, start: Start<'a>) -> Result<(u32, Method<'a>), Malformed> {
        let slot = self.slots.first(Name::CSeq).ok_or(Why::CSeq.at(0))?;
        let at = usize::from(slot.line);
        let read = self.usual.cseq(slot).or_else(|| read_cseq(self.value(slot)));
        let (number, method) = read.ok_or(Why::CSeq.at(at))?;
        match start {
            Start::Request { method: other, .. } if method != other => Err(Why::CSeqMethod.at(at)),
            _ => Ok((number, method)),
        }
    }

    #[inline(always)]
    fn media_type(&self, slot: &Slot) -> Result<MediaType<'a>, Malformed> {
        let most = self.slots.limits.parameters;
        let read = self.usual.media_type(slot, most).or_else(|| MediaType::read(self.value(slot), most));
        read.ok_or(Why::ContentType.at(usize::from(slot.line)))
    }

    #[inline(always)]
    fn decimal(&self, slot: &Slot) -> Option<u32> {
        self.usual.decimal(slot).or_else(|| decimal(self.value(slot)))
    }

    /// Reads what stands in some messages alone.
    #[inline(always)]
    fn others(&self, others: &mut Others<'a>) -> Result<(), Malformed> {
        if let Some(slot) = self.slots.first(Name::Contact) {
            let mut contacts = Contacts { first: None };
            let (count, all) = self.addresses(Name::Contact, Why::Contact, &mut contacts)?;
            if all && count > 1 {
                return Err(Why::Contact.at(usize::from(slot.line)));
            }
            others.contact = contacts.first;
            others.all_contacts = all;
        }
        self.addresses(Name::PAssertedIdentity, Why::AssertedIdentity, &mut others.asserted)?;
        self.addresses(Name::Route, Why::Route, &mut Routes)?;
        self.addresses(Name::RecordRoute, Why::Route, &mut Routes)?;
        if self.slots.has_seldom() {
            self.seldom()?;
        }
        Ok(())
    }

    /// Reads the addresses of all headers of that name. Gives how many there are, and whether one is a `*`.
    #[inline(always)]
    fn addresses(&self, name: Name, why: Why, keep: &mut impl Keep<'a>) -> Result<(u8, bool), Malformed> {
        let limits = &self.slots.limits;
        let (mut count, mut all) = (0, false);
        for slot in self.slots.named(name) {
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
                    Some((address, uri)) => keep.odd(address, uri),
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
        let limits = &self.slots.limits;
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
            if let (0, Some(slot)) = (tokens, self.slots.first(name)) {
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
        (!token.is_empty()).then_some((token, Params::parse(params, self.slots.limits.parameters)?))
    }

    /// The topmost Via, and whether it is the only one. All must be readable, and no more than may be.
    #[inline(always)]
    fn vias(&self) -> Result<(Via<'a>, bool), Malformed> {
        let parameters = self.slots.limits.parameters;
        let mut slots = self.slots.named(Name::Via);
        let slot = slots.next().ok_or(Why::Via.at(0))?;
        let mut count = 1;
        let top = match self.usual.via(slot, parameters) {
            Some(via) => via,
            None => self.odd_via(slot, &mut count)?,
        };
        for slot in slots {
            if count == usize::from(self.slots.limits.vias) {
                return Err(Why::TooManyVias.at(usize::from(slot.line)));
            }
            count += 1;
            if !self.usual.is_via(slot, parameters) {
                self.odd_via(slot, &mut count)?;
            }
        }
        Ok((top, count == 1))
    }

    /// The first value of a Via line that has something unusual. `count` has counted one.
    #[cold]
    fn odd_via(&self, slot: &Slot, count: &mut usize) -> Result<Via<'a>, Malformed> {
        let parameters = self.slots.limits.parameters;
        let refused = Why::Via.at(usize::from(slot.line));
        let via = Via::read(self.value(slot), parameters).ok_or(refused)?;
        *count += via.count(parameters).ok_or(refused)? - 1;
        if *count > usize::from(self.slots.limits.vias) {
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
        for slot in self.slots.named(name) {
            let mut rest = self.value(slot);
            while let Some(value) = take_value(&mut rest) {
                if count == self.slots.limits.contacts || see(value).is_none() {
                    return Err(why.at(usize::from(slot.line)));
                }
                count += 1;
            }
        }
        Ok(count)
    }

    #[inline(always)]
    fn body(&self, at: usize) -> Result<&'a [u8], Malformed> {
        let rest = self.bytes.get(at..).unwrap_or(&[]);
        let mut length = None;
        for slot in self.slots.named(Name::ContentLength) {
            let refused = Why::ContentLength.at(usize::from(slot.line));
            let octets = self.decimal(slot).ok_or(refused)?;
            if length.is_some_and(|other| other != octets) {
                return Err(refused);
            }
            length = Some(octets);
        }
        match length {
            None => Ok(rest),
            Some(octets) => rest.get(..octets as usize).ok_or(Why::Truncated.at(at)),
        }
    }
}

/// What keeps something of addresses.
trait Keep<'a> {
    /// Reads one that is as usual, and gives where it ends.
    fn usual(&mut self, usual: impl Usual<'a>, at: usize, end: usize, most: u8) -> Option<usize>;
    /// One that is not has been read.
    fn odd(&mut self, address: NameAddr<'a>, uri: Uri<'a>);
}

/// Of contacts the first.
struct Contacts<'a> {
    first: Option<NameAddr<'a>>,
}

impl<'a> Keep<'a> for Contacts<'a> {
    #[inline(always)]
    fn usual(&mut self, usual: impl Usual<'a>, at: usize, end: usize, most: u8) -> Option<usize> {
        let (address, at) = usual.address(at, end, most)?;
        self.first = self.first.or(Some(address));
        Some(at)
    }

    fn odd(&mut self, address: NameAddr<'a>, _: Uri<'a>) {
        self.first = self.first.or(Some(address));
    }
}

/// Of routes nothing.
struct Routes;

impl<'a> Keep<'a> for Routes {
    #[inline(always)]
    fn usual(&mut self, usual: impl Usual<'a>, at: usize, end: usize, most: u8) -> Option<usize> {
        usual.address_end(at, end, most)
    }

    fn odd(&mut self, _: NameAddr<'a>, _: Uri<'a>) {}
}

impl<'a> Keep<'a> for [Option<Uri<'a>>; 2] {
    #[inline(always)]
    fn usual(&mut self, usual: impl Usual<'a>, at: usize, end: usize, most: u8) -> Option<usize> {
        let (uri, at) = usual.address_uri(at, end, most)?;
        assert_uri(self, uri);
        Some(at)
    }

    fn odd(&mut self, _: NameAddr<'a>, uri: Uri<'a>) {
        assert_uri(self, uri);
    }
}

/// Of each kind of asserted URIs the first counts, and other kinds don't (RFC 5876 4.5).
#[inline(always)]
fn assert_uri<'a>([first, second]: &mut [Option<Uri<'a>>; 2], uri: Uri<'a>) {
    let is_tel = uri.scheme == Scheme::Tel;
    match first {
        _ if uri.scheme == Scheme::Other => {}
        None => *first = Some(uri),
        Some(first) if second.is_none() && (first.scheme == Scheme::Tel) != is_tel => *second = Some(uri),
        Some(_) => {}
    }
}

/// What some messages have alone.
struct Others<'a> {
    asserted: [Option<Uri<'a>>; 2],
    contact: Option<NameAddr<'a>>,
    all_contacts: bool,
}

/// Reads the start line and finds the headers. Gives the offset of the body.
pub(super) fn index<'a>(bytes: &'a [u8], slots: &mut Slots) -> Result<(Start<'a>, usize), Malformed> {
    slots.clear();
    if bytes.len() > usize::from(slots.limits.message) {
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
    let start = read_start(line, usize::from(slots.limits.uri)).map_err(|why| why.at(at))?;
    let body_at = slots.fill(bytes, next)?;
    Ok((start, body_at))
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
