//! Writes requests and responses, forwards, into a transmit buffer (RFC 3261 8.1.1, 8.2.6, RFC 3581).

use super::host::is_host;
use super::mint::{Minter, Tag};
use super::name::Name;
use super::params::Params;
use super::scan::{is_line_text, is_token, is_uri_text, spell};
use super::slots::Slots;
use super::via::Via;
use super::view::{Field, Fragment, Message, Method, WHY, Why};
use crate::base::Malformed;
use core::fmt::Write as _;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::time::UNIX_EPOCH;

/// Seconds from 1970 to the first year that has no Date.
const YEAR_10000: u64 = 253_402_300_800;

/// Writes a message. A write that doesn't fit, or a value with a control character in it, spoils the message: it is
/// never given out.
pub struct Writer<'b> {
    buffer: &'b mut [u8],
    len: usize,
    spoilt: bool,
}

impl<'b> Writer<'b> {
    /// An empty writer over `buffer`.
    #[must_use]
    pub const fn new(buffer: &'b mut [u8]) -> Self {
        Self { buffer, len: 0, spoilt: false }
    }

    /// How long the message is, or `None` if it is spoilt.
    #[must_use]
    pub const fn finish(&self) -> Option<usize> {
        if self.spoilt { None } else { Some(self.len) }
    }

    /// Writes a header from the parts of its value; a part with a control character spoils the message, since a line
    /// end in it would begin a header of somebody else's.
    pub fn header(&mut self, name: Name, parts: &[&[u8]]) {
        self.name(name);
        for part in parts {
            self.checked(part);
        }
        self.end_line();
    }

    /// Writes a Contact with its seconds of life.
    pub fn contact(&mut self, uri: &[u8], expires: u32) {
        self.address(Name::Contact, uri, &[b";expires=", spell(expires, &mut [0; 10])]);
    }

    /// Writes the Contact of a flow, named by its device and number (RFC 5626 6).
    pub fn contact_of_flow(&mut self, uri: &[u8], instance: &[u8], reg_id: u32, expires: u32) {
        let (mut life, mut number) = ([0; 10], [0; 10]);
        let (life, number) = (spell(expires, &mut life), spell(reg_id, &mut number));
        let params: [&[u8]; 7] =
            [b";reg-id=", number, b";+sip.instance=\"", instance, b"\"", b";expires=", life];
        self.address(Name::Contact, uri, &params);
    }

    /// Writes a header whose value is a number.
    pub fn number(&mut self, name: Name, number: u32) {
        self.name(name);
        self.bytes(spell(number, &mut [0; 10]));
        self.end_line();
    }

    /// Writes a header whose value is a list of tokens. A value that is none is left out, and without one there is no
    /// header: nothing that somebody else wrote can spoil the message.
    pub fn tokens<'v>(&mut self, name: Name, values: impl Iterator<Item = &'v [u8]>) {
        let mut first = true;
        for value in values.filter(|value| is_token(value)) {
            if first {
                self.name(name);
            } else {
                self.bytes(b", ");
            }
            self.bytes(value);
            first = false;
        }
        if !first {
            self.end_line();
        }
    }

    /// Writes Date: seconds since 1970, before the year 10000 (RFC 3261 20.17).
    pub fn date(&mut self, since_1970: u64) {
        if since_1970 < YEAR_10000 {
            self.name(Name::Date);
            let date = httpdate::HttpDate::from(UNIX_EPOCH + Duration::from_secs(since_1970));
            self.spoilt |= write!(self, "{date}").is_err();
            self.end_line();
        }
    }

    /// Writes a header whose value is `<uri>` and then `params`, which begins with a semicolon or is empty.
    pub fn address(&mut self, name: Name, uri: &[u8], params: &[&[u8]]) {
        self.name_and_uri(name, uri);
        for part in params {
            self.checked(part);
        }
        self.end_line();
    }

    #[inline(always)] // most texts are constants, which then need no call to be copied
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        match self
            .len
            .checked_add(bytes.len())
            .and_then(|end| Some((end, self.buffer.get_mut(self.len..end)?)))
        {
            Some((end, room)) => {
                room.copy_from_slice(bytes);
                self.len = end;
            }
            None => self.spoilt = true,
        }
    }

    /// Writes the first `len` octets of `text`. All sixteen are copied where there is room, which needs no call.
    #[inline(always)]
    fn short(&mut self, text: &[u8; 16], len: usize) {
        match self.buffer.get_mut(self.len..).and_then(|rest| rest.first_chunk_mut::<16>()) {
            Some(room) if len <= 16 => {
                *room = *text;
                self.len += len;
            }
            _ => self.bytes(text.get(..len).unwrap_or(&[])),
        }
    }

    fn checked(&mut self, bytes: &[u8]) {
        self.spoilt |= !is_line_text(bytes);
        self.bytes(bytes);
    }

    fn token(&mut self, text: &[u8]) {
        self.spoilt |= !is_token(text);
        self.bytes(text);
    }

    fn name_and_uri(&mut self, name: Name, uri: &[u8]) {
        self.name(name);
        self.spoilt |= !is_uri_text(uri);
        self.bytes(b"<");
        self.bytes(uri);
        self.bytes(b">");
    }

    fn name(&mut self, name: Name) {
        self.spoilt |= name == Name::Other;
        self.bytes(name.line().as_bytes());
    }

    fn end_line(&mut self) {
        self.bytes(b"\r\n");
    }

    /// Writes a header's value as it came, on one line.
    fn copied(&mut self, value: &[u8], folded: bool) {
        if folded {
            for part in value.split(|&c| c == b'\r' || c == b'\n') {
                self.bytes(part);
            }
        } else {
            self.bytes(value);
        }
    }

    fn address_octets(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(address) => {
                let (text, len) = spell_v4(address);
                self.short(&text, len);
            }
            IpAddr::V6(address) => self.spoilt |= write!(self, "{address}").is_err(),
        }
    }
}

/// An address in dotted decimals, and how long that is.
fn spell_v4(address: Ipv4Addr) -> ([u8; 16], usize) {
    let (mut text, mut len) = ([0; 16], 0);
    for octet in address.octets() {
        if let Some(place) = text.get_mut(len..len + 4) {
            place.copy_from_slice(DECIMALS.get(usize::from(octet)).unwrap_or(&[0; 4]));
        }
        len += 2 + usize::from(octet > 9) + usize::from(octet > 99);
    }
    (text, len - 1)
}

/// A port in decimals, and how long that is.
fn spell_port(port: u16) -> ([u8; 16], usize) {
    let digits = [port / 10_000, port / 1000 % 10, port / 100 % 10, port / 10 % 10, port % 10];
    let all = digits.iter().fold(0, |all, &digit| all << 8 | u64::from(b'0') | u64::from(digit));
    let len = 1 + [9, 99, 999, 9999].into_iter().map(|end| usize::from(port > end)).sum::<usize>();
    let mut text = [0; 16];
    if let Some(place) = text.first_chunk_mut() {
        *place = (all << (8 * (8 - len))).to_be_bytes();
    }
    (text, len)
}

/// The decimals of each octet with a full stop behind them.
#[allow(clippy::indexing_slicing)] // evaluated at compile time
static DECIMALS: [[u8; 4]; 256] = {
    let mut decimals = [[0; 4]; 256];
    let mut octet = 0;
    while octet < 256 {
        let (hundreds, tens, ones) =
            (b'0' + (octet / 100) as u8, b'0' + (octet / 10 % 10) as u8, b'0' + (octet % 10) as u8);
        decimals[octet] = match octet {
            0..10 => [ones, b'.', 0, 0],
            10..100 => [tens, ones, b'.', 0],
            _ => [hundreds, tens, ones, b'.'],
        };
        octet += 1;
    }
    decimals
};

impl core::fmt::Write for Writer<'_> {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        self.bytes(text.as_bytes());
        Ok(())
    }
}

/// What the mandatory headers of a request say (RFC 3261 8.1.1). The URIs stand without angle brackets.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The method.
    pub method: Method<'a>,
    /// The Request-URI.
    pub uri: &'a [u8],
    /// The transport as Via names it: `UDP`, `TCP` or `TLS`.
    pub transport: &'static [u8],
    /// Our host as Via names it; an IPv6 address in brackets.
    pub host: &'a [u8],
    /// Our port.
    pub port: u16,
    /// The transaction's branch.
    pub branch: &'a [u8],
    /// The values of Route, each as it stands in the header, `<sip:…;lr>`.
    pub routes: &'a [&'a [u8]],
    /// Who sends.
    pub from: &'a [u8],
    /// The tag of From, which every request carries.
    pub from_tag: &'a [u8],
    /// For whom.
    pub to: &'a [u8],
    /// The Call-ID.
    pub call_id: &'a [u8],
    /// The number of CSeq.
    pub cseq: u32,
}

/// Changes the transport in the Via of a request that [`request`] has written, which is its first header; whether that said
/// `before`.
pub(super) fn set_via_transport(written: &mut [u8], before: &[u8; 3], after: &[u8; 3]) -> bool {
    const VIA: &[u8] = b"\r\nVia: SIP/2.0/";
    let Some(line) = written.iter().position(|&octet| octet == b'\r') else { return false };
    let is_via = written.get(line..).is_some_and(|rest| rest.starts_with(VIA));
    let at = line + VIA.len();
    match written.get_mut(at..at + 3).filter(|place| is_via && **place == before[..]) {
        Some(place) => {
            place.copy_from_slice(after);
            true
        }
        None => false,
    }
}

/// Changes the branch of a request that [`request`] has written, to one of the same length.
pub(super) fn set_branch(written: &mut [u8], before: &[u8], after: &[u8]) -> Option<()> {
    let via = written.windows(BRANCH.len()).position(|text| text == BRANCH)?;
    let at = via + BRANCH.len();
    let place = written.get_mut(at..at + before.len()).filter(|place| **place == *before)?;
    place.copy_from_slice(after.get(..before.len())?);
    Some(())
}

const BRANCH: &[u8] = b";branch=";

/// Changes the value of the only Route of a request of `len` octets that [`request`] has written, in the room that it has.
/// Gives its new length, or nothing if it has no Route, or no room for that one.
pub(super) fn set_route(room: &mut [u8], len: usize, route: &[u8]) -> Option<usize> {
    const ROUTE: &[u8] = b"\r\nRoute: ";
    let at = room.get(..len)?.windows(ROUTE.len()).position(|text| text == ROUTE)? + ROUTE.len();
    let old = room.get(at..len)?.iter().position(|&octet| octet == b'\r')?;
    let new_len = len - old + route.len();
    if new_len > room.len() || !is_line_text(route) {
        return None;
    }
    room.copy_within(at + old..len, at + route.len());
    room.get_mut(at..at + route.len())?.copy_from_slice(route);
    Some(new_len)
}

/// A body and what it is.
#[derive(Clone, Copy, Debug)]
pub struct Content<'a> {
    /// The value of Content-Type.
    pub media_type: &'a [u8],
    /// The octets.
    pub body: &'a [u8],
}

/// Writes a request: the mandatory headers with Max-Forwards 70, those that `extra` adds, and the body.
pub fn request(
    request: &Request<'_>,
    extra: impl FnOnce(&mut Writer<'_>),
    content: Option<Content<'_>>,
    w: &mut Writer<'_>,
) {
    request_within(request, &[], extra, content, w);
}

/// Writes a request as [`request`] does, within the dialogue that the peer's tag names; without one if it is empty.
pub fn request_within(
    request: &Request<'_>,
    to_tag: &[u8],
    extra: impl FnOnce(&mut Writer<'_>),
    content: Option<Content<'_>>,
    w: &mut Writer<'_>,
) {
    w.token(request.method.text());
    w.bytes(b" ");
    w.spoilt |= !is_uri_text(request.uri);
    w.bytes(request.uri);
    w.bytes(b" SIP/2.0\r\nVia: SIP/2.0/");
    w.bytes(request.transport);
    w.bytes(b" ");
    w.spoilt |= !is_host(request.host);
    w.bytes(request.host);
    w.bytes(b":");
    w.bytes(spell(u32::from(request.port), &mut [0; 10]));
    w.bytes(b";branch=");
    w.token(request.branch);
    w.bytes(b";rport\r\nMax-Forwards: 70\r\n");
    for route in request.routes {
        w.header(Name::Route, &[route]);
    }
    w.name_and_uri(Name::From, request.from);
    w.bytes(b";tag=");
    w.checked(request.from_tag);
    w.end_line();
    w.name_and_uri(Name::To, request.to);
    if !to_tag.is_empty() {
        w.bytes(b";tag=");
        w.token(to_tag);
    }
    w.end_line();
    w.header(Name::CallId, &[request.call_id]);
    w.name(Name::CSeq);
    w.bytes(spell(request.cseq, &mut [0; 10]));
    w.bytes(b" ");
    w.bytes(request.method.text());
    w.end_line();
    extra(w);
    let body = content.map_or(&[][..], |content| content.body);
    if let Some(content) = content {
        w.header(Name::ContentType, &[content.media_type]);
    }
    match u32::try_from(body.len()) {
        Ok(len) => w.number(Name::ContentLength, len),
        Err(_) => w.spoilt = true,
    }
    w.end_line();
    w.bytes(body);
}

/// Writes the response to `request`, which came from `source`: its Vias (the topmost with `received` and `rport`), From,
/// To with `to_tag` unless it has a tag, Call-ID and CSeq, the headers that `extra` adds, and no body. The same arguments
/// give the same octets.
pub fn response(
    request: &Message<'_>,
    status: u16,
    reason: &'static str,
    to_tag: &Tag,
    source: SocketAddr,
    extra: impl FnOnce(&mut Writer<'_>),
    w: &mut Writer<'_>,
) {
    status_line(status, reason, w);
    response_head(&request.fragment(), to_tag, source, w);
    if status == 100 {
        timestamp(&request.fragment(), w);
    }
    extra(w);
    response_end(false, w);
}

/// Writes the answer to a request that [`Message::parse`] refused as `malformed`: 505 for another version, 513 if it is
/// too large, otherwise a 400 that says why (RFC 3261 21.4.1, 21.5.6, 21.5.7). Copies the headers that are there. Gives
/// where to send it, or `None` if there is nothing to answer: a response, an ACK, a keep-alive, or a message without a Via.
pub fn refusal(
    bytes: &[u8],
    malformed: Malformed,
    minter: &Minter,
    source: SocketAddr,
    slots: &mut Slots,
    w: &mut Writer<'_>,
) -> Option<SocketAddr> {
    let fragment = Fragment::salvage(bytes, slots)?;
    let reason = WHY.get(usize::from(malformed.why)).copied().unwrap_or(reason_phrase(400));
    status_line(status_of(malformed), reason, w);
    let to_tag = minter.to_tag_of(fragment.top_via.branch.unwrap_or(&[]));
    response_head(&fragment, &to_tag, source, w);
    response_end(false, w);
    Some(response_target(&fragment.top_via, source))
}

/// The status that refuses what is malformed.
#[must_use]
pub const fn status_of(malformed: Malformed) -> u16 {
    const VERSION: u8 = Why::Version as u8;
    const TOO_LARGE: u8 = Why::TooLarge as u8;
    match malformed.why {
        VERSION => 505,
        TOO_LARGE => 513,
        _ => 400,
    }
}

/// The reason is a text of ours: nobody else's octets are in it.
pub(super) fn status_line(status: u16, reason: &'static str, w: &mut Writer<'_>) {
    match (status, reason) {
        // What nearly all are.
        (200, "OK") => return w.bytes(b"SIP/2.0 200 OK\r\n"),
        (202, "Accepted") => return w.bytes(b"SIP/2.0 202 Accepted\r\n"),
        (100..=999, _) => {
            let [hundreds, tens, ones] =
                [status / 100, status / 10 % 10, status % 10].map(|digit| b'0' + digit as u8);
            w.bytes(b"SIP/2.0 ");
            w.bytes(&[hundreds, tens, ones, b' ']);
        }
        _ => w.spoilt = true,
    }
    w.bytes(reason.as_bytes());
    w.end_line();
}

/// What every response to the request has in common.
pub(super) fn response_head(request: &Fragment<'_>, to_tag: &Tag, source: SocketAddr, w: &mut Writer<'_>) {
    let mut vias = request.fields(Name::Via);
    let Some(top) = vias.next() else { return };
    let mut run = Run::behind(request, &top);
    top_via(&request.top_via, &top, request.octets(), source, w);
    for via in vias {
        run.line(Name::Via, &via, w);
    }
    if let Some(from) = request.field(Name::From) {
        run.line(Name::From, &from, w);
    }
    if let Some(to) = request.field(Name::To) {
        run.line(Name::To, &to, w);
        if request.lacks_to_tag {
            run.write(w);
            w.bytes(b";tag=");
            // Mostly minted, of eight octets: these need no call to be copied.
            match to_tag.as_bytes() {
                &[a, b, c, d, e, f, g, h] => w.bytes(&[a, b, c, d, e, f, g, h]),
                other => w.bytes(other),
            }
        }
    }
    if let Some(call_id) = request.field(Name::CallId) {
        run.line(Name::CallId, &call_id, w);
    }
    if let Some(cseq) = request.field(Name::CSeq) {
        run.line(Name::CSeq, &cseq, w);
    }
    run.end_line(w);
}

/// Lines that a response has in the order of its request, one upon the other: they are copied at once.
struct Run<'a> {
    octets: &'a [u8],
    /// From where on they are to be written, and where the last one ends. Its line end is written with what follows.
    start: usize,
    end: usize,
}

impl<'a> Run<'a> {
    /// Nothing yet, behind a line that is written.
    fn behind(request: &Fragment<'a>, line: &Field<'a>) -> Self {
        Self { octets: request.octets(), start: line.end(), end: line.end() }
    }

    /// Goes on with a line.
    #[inline(always)] // so that the name is a constant
    fn line(&mut self, name: Name, field: &Field<'a>, w: &mut Writer<'_>) {
        let is_as_ours = field.is_spelt(name, self.octets);
        if is_as_ours && field.line == self.end + 2 {
            self.end = field.end();
            return;
        }
        self.end_line(w);
        self.end = field.end();
        self.start = if is_as_ours { field.line } else { self.end };
        if !is_as_ours {
            w.name(name);
            w.copied(field.value, field.folded);
        }
    }

    /// Writes what was not written yet.
    fn write(&mut self, w: &mut Writer<'_>) {
        w.bytes(self.octets.get(self.start..self.end).unwrap_or(&[]));
        self.start = self.end;
    }

    /// The same, and ends the line.
    fn end_line(&mut self, w: &mut Writer<'_>) {
        self.write(w);
        w.end_line();
    }
}

/// What a 100 tells back of a Timestamp (RFC 3261 8.2.6.1).
pub(super) fn timestamp(request: &Fragment<'_>, w: &mut Writer<'_>) {
    if let Some(field) = request.field(Name::Timestamp) {
        w.name(Name::Timestamp);
        w.copied(field.value, field.folded);
        w.end_line();
    }
}

pub(super) fn response_end(short: bool, w: &mut Writer<'_>) {
    w.bytes(if short { b"\r\n" } else { b"Content-Length: 0\r\n\r\n" });
}

/// The topmost Via of a response, without its line end: what the sender said of `received` and `rport` gives way to what we
/// have seen (RFC 3261 18.2.1, RFC 3581 4).
fn top_via(via: &Via<'_>, line: &Field<'_>, octets: &[u8], source: SocketAddr, w: &mut Writer<'_>) {
    let address = source.ip().to_canonical();
    let wants_received = via.rport.is_some() || via.sent_by_address() != Some(address);
    if !via.readable || !wants_received && via.received.is_none() {
        w.name(Name::Via);
        return w.copied(line.value, line.folded);
    }
    // What is left of the parameters: mostly they are in one piece, and that begins where the line does.
    let piece = if via.received.is_none() { via.params.plain_before(b";rport") } else { None };
    match piece {
        Some(piece) if line.is_spelt(Name::Via, octets) => {
            w.bytes(octets.get(line.line..line.at + via.head.len() + piece.len()).unwrap_or(&[]));
        }
        _ => {
            w.name(Name::Via);
            w.copied(via.head, line.folded);
            other_params(via.params, line.folded, w);
        }
    }
    if wants_received {
        w.bytes(b";received=");
        w.address_octets(address);
    }
    if via.rport.is_some() {
        w.bytes(b";rport=");
        let (text, len) = spell_port(source.port());
        w.short(&text, len);
    }
    w.copied(via.rest, line.folded);
}

/// The parameters of a Via but those that are ours to say.
fn other_params(params: Params<'_>, folded: bool, w: &mut Writer<'_>) {
    for param in params {
        if param.name.eq_ignore_ascii_case(b"received") || param.name.eq_ignore_ascii_case(b"rport") {
            continue;
        }
        w.bytes(b";");
        w.bytes(param.name);
        if let Some(value) = param.value {
            w.bytes(b"=");
            w.copied(value, folded);
        }
    }
}

/// Where the response to a request with that topmost Via goes (RFC 3261 18.2.2, RFC 3581 4): to the address it came
/// from; to the port it came from if `rport` asks for that, otherwise to the port of sent-by. `maddr` is not followed: we
/// serve no multicast, and it would let a stranger aim our responses. A Via that can't be read, of a request that is
/// malformed, says nothing: then the response goes to where the request came from.
#[must_use]
pub fn response_target(via: &Via<'_>, source: SocketAddr) -> SocketAddr {
    let port =
        if via.rport.is_some() || !via.readable { source.port() } else { via.sent_by_port.unwrap_or(5060) };
    SocketAddr::new(source.ip(), port)
}

/// The reason phrase of a status code (RFC 3261 21 and its extensions).
#[must_use]
pub const fn reason_phrase(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        200 => "OK",
        202 => "Accepted",
        301 => "Moved Permanently",
        302 => "Moved Temporarily",
        305 => "Use Proxy",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        410 => "Gone",
        412 => "Conditional Request Failed",
        413 => "Request Entity Too Large",
        414 => "Request-URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Unsupported URI Scheme",
        420 => "Bad Extension",
        439 => "First Hop Lacks Outbound Support",
        421 => "Extension Required",
        423 => "Interval Too Brief",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        482 => "Loop Detected",
        483 => "Too Many Hops",
        484 => "Address Incomplete",
        485 => "Ambiguous",
        486 => "Busy Here",
        488 => "Not Acceptable Here",
        489 => "Bad Event",
        491 => "Request Pending",
        494 => "Security Agreement Required",
        500 => "Server Internal Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Server Time-out",
        505 => "Version Not Supported",
        513 => "Message Too Large",
        580 => "Precondition Failure",
        600 => "Busy Everywhere",
        603 => "Decline",
        604 => "Does Not Exist Anywhere",
        606 => "Not Acceptable",
        _ => match status / 100 {
            1 => "Progress",
            2 => "Success",
            3 => "Redirection",
            4 => "Request Failure",
            5 => "Server Failure",
            _ => "Global Failure",
        },
    }
}
