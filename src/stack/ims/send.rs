//! What the IMS side sends: requests with identifiers of ours, and responses made from the request alone.

use core::net::{IpAddr, SocketAddr};

use super::register::{self, Contact};
use super::{Deferred, Ims, RequestId, SMS, flow, rpdu};
use crate::base::{Inline, Key, Malformed, Out, Time};
use crate::codec::Prepend;
use crate::proto::sip::{self, Method, Name, Origin, Slots, Token, Writer, build, keep_alive};
use crate::stack::{
    Answer, InformRequest, MessageRequest, PublishRequest, Refusal, RegisterRequest, Request,
};

/// The contact that TS 24.341 asks the core for: one that takes short messages.
const ACCEPT_CONTACT: &[u8] = b"*;+g.3gpp.smsip;require;explicit";

impl Ims {
    /// Answers a request of this turn. What else the response carries follows from the request and the status. Of
    /// sources that are not known nothing is remembered but what was accepted, so that nobody fills the table: a
    /// retransmission is refused again.
    pub(in crate::stack) fn answer(
        &mut self,
        now: Time,
        request: &Request<'_>,
        status: u16,
        out: &mut dyn Out,
    ) {
        self.respond(request, status, out);
        if request.known || status < 300 {
            self.servers.complete_now(now, request.key, status, request.source.ip());
        }
    }

    /// Keeps what the answer needs.
    pub(in crate::stack) fn defer(&mut self, now: Time, request: &Request<'_>) -> Option<Deferred> {
        let to_tag = self.minter.to_tag(&request.message);
        self.servers
            .defer(now, request.key, &request.message, &to_tag, request.origin())
            .ok()
            .map(|()| Deferred(request.key))
    }

    /// Answers a deferred request.
    pub(in crate::stack) fn answer_deferred(
        &mut self,
        now: Time,
        request: Deferred,
        status: u16,
        answer: &Answer<'_>,
        out: &mut dyn Out,
    ) {
        if answer.known {
            self.servers.vouch(request.0);
        }
        let retry_after = answer.retry_after.or((status == 503).then_some(self.config.retry_after));
        let extra = |w: &mut Writer<'_>, short: bool| {
            let challenges = if short { 1 } else { answer.challenges.len() };
            for challenge in answer.challenges.iter().take(challenges) {
                w.header(Name::WwwAuthenticate, &[challenge.as_bytes()]);
            }
            for &(uri, expires) in answer.contacts {
                write_contact(uri.as_bytes(), expires, w);
            }
            for identity in answer.associated {
                w.address(Name::PAssociatedUri, identity.as_bytes(), &[]);
            }
            if let Some(seconds) = retry_after {
                w.number(Name::RetryAfter, seconds);
            }
            if let Some(seconds) = answer.min_expires {
                w.number(Name::MinExpires, seconds);
            }
            if let Some(date) = answer.date {
                w.header(Name::Date, &[date.as_bytes()]);
            }
        };
        // Too late means that the client has given up: there is nobody to answer.
        let _counted = self.servers.answer(now, request.0, status, answer.is_whole(), extra, out);
    }

    /// Writes the response to `request`, unless it is too long for its source. The same request and status give the same
    /// octets, so that no response needs to be kept for retransmissions.
    pub(super) fn respond(&mut self, request: &Request<'_>, status: u16, out: &mut dyn Out) {
        let message = &request.message;
        let to_tag = self.minter.to_tag(message);
        let extra = self.extra(message, status);
        let Some(room) = out.room() else { return };
        let mut w = Writer::new(room);
        let reason = build::reason_phrase(status);
        build::response(message, status, reason, &to_tag, request.source, |w| extra.write(w), &mut w);
        let target = build::response_target(&message.top_via(), request.source);
        self.commit(w.finish(), &request.origin(), target, out);
    }

    /// Sends the response of `len` octets in the room last given, as far as its source may get it.
    fn commit(&mut self, len: Option<usize>, origin: &Origin, target: SocketAddr, out: &mut dyn Out) {
        match len {
            Some(len) if origin.takes(len) => out.commit(len, flow(origin.local, target)),
            Some(_) => self.servers.counts.reply_withheld += 1,
            None => {}
        }
    }

    /// Answers a STUN Binding request.
    pub(in crate::stack) fn answer_keep_alive(
        &mut self,
        source: SocketAddr,
        local: SocketAddr,
        transaction: &[u8; 12],
        out: &mut dyn Out,
    ) {
        let Some(room) = out.room() else { return };
        if let Some(len) = keep_alive::write_binding_answer(transaction, source, room) {
            self.counts.keep_alive_answered += 1;
            out.commit(len, flow(local, source));
        }
    }

    /// The headers that a response carries beyond the mandatory ones.
    fn extra<'a>(&self, request: &sip::Message<'a>, status: u16) -> Extra<'a> {
        match (status, request.method()) {
            (200, Method::Register) => match register::contact(request) {
                Ok((Contact::One(contact), expires)) => {
                    Extra::Contact { uri: contact.uri, expires: expires.min(self.config.registration_max) }
                }
                _ => Extra::None,
            },
            (503, _) => Extra::RetryAfter(self.config.retry_after),
            (200, Method::Options) | (405, _) => Extra::Allow,
            (415, _) => Extra::Accept,
            (420, _) => Extra::Unsupported(request.header(Name::Require).unwrap_or(&[])),
            _ => Extra::None,
        }
    }

    /// Answers what is not even a request, as far as it can be answered.
    pub(super) fn refuse_malformed(
        &mut self,
        bytes: &[u8],
        why: Malformed,
        origin: &Origin,
        slots: &mut Slots,
        out: &mut dyn Out,
    ) {
        let Some(room) = out.room() else { return };
        let mut w = Writer::new(room);
        if let Some(target) = build::refusal(bytes, why, &self.minter, origin.source, slots, &mut w) {
            self.counts.bad_request += 1;
            self.commit(w.finish(), origin, target, out);
        }
    }

    /// One of our addresses as Via names it; nothing for another's, with which no request can be written.
    fn host(&self, ip: IpAddr) -> Inline<48> {
        self.hosts.iter().find(|(own, _)| *own == ip).map_or(Inline::EMPTY, |(_, host)| *host)
    }

    /// A MESSAGE with an SM-RP message.
    pub(in crate::stack) fn message(
        &mut self,
        now: Time,
        request: &MessageRequest<'_>,
        user: u64,
        out: &mut dyn Out,
    ) -> Result<RequestId, Refusal> {
        let mut body = [0; 256];
        let mut body = Prepend::new(&mut body);
        rpdu::write(self.config.side, &request.rp, &mut body);
        let body = body.finish().ok_or(Refusal::TooLong)?;
        let mut route_text = [0; 160];
        let mut uri_text = [0; 160];
        let route = request.route.and_then(|uri| spell_route(uri, &mut route_text));
        let head = Head {
            method: Method::Message,
            local: request.local,
            remote: request.remote,
            uri: spell_request_uri(request.request_uri, &mut uri_text),
            routes: route.as_slice(),
            from: request.from,
            to: request.to.unwrap_or(request.request_uri),
            key: request.key,
            cseq: self.next_sequence(),
        };
        let extra = |w: &mut Writer<'_>| {
            if request.asserted {
                w.address(Name::PAssertedIdentity, request.from.as_bytes(), &[]);
            }
            if !request.access_network_info.is_empty() {
                w.header(Name::PAccessNetworkInfo, &[request.access_network_info]);
            }
            if let Some(call_id) = request.in_reply_to {
                w.header(Name::InReplyTo, &[call_id]);
            }
            if request.towards_ue {
                w.header(Name::RequestDisposition, &[b"no-fork"]);
                w.header(Name::AcceptContact, &[ACCEPT_CONTACT]);
            }
        };
        self.request(now, &head, user, (extra, SMS, body), out)
    }

    /// A MESSAGE with any content.
    pub(in crate::stack) fn inform(
        &mut self,
        now: Time,
        request: &InformRequest<'_>,
        user: u64,
        out: &mut dyn Out,
    ) -> Result<RequestId, Refusal> {
        let head = Head {
            method: Method::Message,
            local: request.local,
            remote: request.remote,
            uri: request.request_uri,
            routes: &[],
            from: request.from,
            to: request.to,
            key: request.key,
            cseq: self.next_sequence(),
        };
        self.request(now, &head, user, (|_: &mut Writer<'_>| (), request.content_type, request.body), out)
    }

    /// Stops repeating a request, whose answer nobody waits for any more. Whether it was open.
    pub(in crate::stack) fn cancel(&mut self, request: RequestId) -> bool {
        self.clients.cancel(request.0).is_some()
    }

    /// A REGISTER.
    pub(in crate::stack) fn register(
        &mut self,
        now: Time,
        request: &RegisterRequest<'_>,
        user: u64,
        out: &mut dyn Out,
    ) -> Result<RequestId, Refusal> {
        let head = Head {
            method: Method::Register,
            local: request.local,
            remote: request.remote,
            uri: request.request_uri,
            routes: &[],
            from: request.from,
            to: request.to,
            key: request.key,
            cseq: request.sequence,
        };
        let extra = |w: &mut Writer<'_>| {
            match request.contact {
                Some(contact) => w.header(Name::Contact, &[contact.as_bytes()]),
                None => w.address(Name::Contact, request.from.as_bytes(), &[]),
            }
            if let Some(authorization) = request.authorization {
                w.header(Name::Authorization, &[authorization.as_bytes()]);
            }
            w.number(Name::Expires, request.expires);
            if !request.access_network_info.is_empty() {
                w.header(Name::PAccessNetworkInfo, &[request.access_network_info]);
            }
        };
        let (media_type, body) = request.body;
        self.request(now, &head, user, (extra, media_type, body), out)
    }

    /// A PUBLISH.
    pub(in crate::stack) fn publish(
        &mut self,
        now: Time,
        request: &PublishRequest<'_>,
        user: u64,
        out: &mut dyn Out,
    ) -> Result<RequestId, Refusal> {
        let head = Head {
            method: Method::Publish,
            local: request.local,
            remote: request.remote,
            uri: request.uri,
            routes: &[],
            from: request.uri,
            to: request.uri,
            key: request.key,
            cseq: self.next_sequence(),
        };
        let extra = |w: &mut Writer<'_>| {
            w.header(Name::Event, &[request.event.as_bytes()]);
            w.number(Name::Expires, request.expires);
            if let Some(tag) = request.if_match {
                w.header(Name::SipIfMatch, &[tag.as_bytes()]);
            }
        };
        let (media_type, body) = request.body;
        self.request(now, &head, user, (extra, media_type, body), out)
    }

    /// Sends a request with the headers of its head, those that `extra` writes, and a body unless that is empty, in a
    /// transaction of its own.
    fn request(
        &mut self,
        now: Time,
        head: &Head<'_>,
        user: u64,
        (extra, media_type, body): (impl FnOnce(&mut Writer<'_>), &str, &[u8]),
        out: &mut dyn Out,
    ) -> Result<RequestId, Refusal> {
        let token =
            Token { worker: self.config.worker, slot: head.key.slot, generation: head.key.generation };
        let (call_id, tag) =
            (self.minter.call_id(token, self.config.host.as_bytes()), self.minter.tag(token));
        let host = self.host(head.local.ip());
        let content = build::Content { media_type: media_type.as_bytes(), body };
        let build = |w: &mut Writer<'_>, branch: &[u8]| {
            let head = build::Request {
                method: head.method,
                uri: head.uri.as_bytes(),
                host: &host,
                port: head.local.port(),
                branch,
                routes: head.routes,
                from: head.from.as_bytes(),
                from_tag: tag.as_bytes(),
                to: head.to.as_bytes(),
                call_id: call_id.as_bytes(),
                cseq: head.cseq,
            };
            build::request(&head, extra, (!body.is_empty()).then_some(content), w);
        };
        let started = self.clients.start(now, flow(head.local, head.remote), user, out, build);
        started.map(RequestId).map_err(|refused| {
            self.counts.not_sent += 1;
            match refused {
                sip::Refused::Unwritable => Refusal::TooLong,
                sip::Refused::Full | sip::Refused::Gone | sip::Refused::Withheld => Refusal::Full,
            }
        })
    }

    /// CSeq numbers: below 2^31 (RFC 3261 8.1.1.5).
    fn next_sequence(&mut self) -> u32 {
        self.sequence = self.sequence % 0x7fff_fffe + 1;
        self.sequence
    }
}

/// What every request of ours begins with, and where it goes.
struct Head<'a> {
    method: Method<'static>,
    local: SocketAddr,
    remote: SocketAddr,
    uri: &'a str,
    routes: &'a [&'a [u8]],
    from: &'a str,
    to: &'a str,
    /// Call-ID and tag name it.
    key: Key,
    cseq: u32,
}

/// Headers of a response.
#[derive(Clone, Copy)]
enum Extra<'a> {
    None,
    Contact { uri: &'a [u8], expires: u32 },
    RetryAfter(u32),
    Allow,
    Accept,
    Unsupported(&'a [u8]),
}

impl Extra<'_> {
    fn write(&self, w: &mut Writer<'_>) {
        match *self {
            Self::None => {}
            Self::Contact { uri, expires } => write_contact(uri, expires, w),
            Self::RetryAfter(seconds) => w.number(Name::RetryAfter, seconds),
            Self::Allow => w.header(Name::Allow, &[b"MESSAGE, REGISTER, OPTIONS"]),
            Self::Accept => w.header(Name::Accept, &[SMS.as_bytes()]),
            Self::Unsupported(options) => w.header(Name::Unsupported, &[options]),
        }
    }
}

/// A Contact with its seconds of life.
fn write_contact(uri: &[u8], expires: u32, w: &mut Writer<'_>) {
    let mut digits = [0; 10];
    let mut at = digits.len();
    let mut left = expires;
    loop {
        at -= 1;
        digits[at] = b'0' + (left % 10) as u8;
        left /= 10;
        if left == 0 {
            break;
        }
    }
    w.address(Name::Contact, uri, &[b";expires=", &digits[at..]]);
}

/// A URI as a Request-URI has it: without headers and without the parameter `method`, which a contact may have (RFC 3261
/// 19.1.1).
fn spell_request_uri<'b>(uri: &'b str, room: &'b mut [u8; 160]) -> &'b str {
    let scheme = uri.split(':').next().unwrap_or("");
    let host = uri.rfind('@').map_or(0, |at| at + 1);
    let (user, rest) = uri.split_at_checked(host).unwrap_or((uri, ""));
    let bare = rest.split('?').next().unwrap_or(rest);
    let is_method = |part: &&str| part.get(..7).is_some_and(|name| name.eq_ignore_ascii_case("method="));
    let is_sip = scheme.eq_ignore_ascii_case("sip") || scheme.eq_ignore_ascii_case("sips");
    if !is_sip || bare.len() == rest.len() && !bare.split(';').any(|part| is_method(&part)) {
        return uri;
    }
    let mut len = 0;
    let kept = bare.split(';').enumerate().filter(|(at, part)| *at == 0 || !is_method(part));
    let texts = kept.flat_map(|(at, part)| [if at == 0 { user } else { ";" }, part]);
    for text in texts {
        let Some(place) = room.get_mut(len..len + text.len()) else { return uri };
        place.copy_from_slice(text.as_bytes());
        len += text.len();
    }
    room.get(..len).and_then(|text| core::str::from_utf8(text).ok()).unwrap_or(uri)
}

/// A Route value: `<uri;lr>`.
fn spell_route<'b>(uri: &str, room: &'b mut [u8; 160]) -> Option<&'b [u8]> {
    let parts: [&[u8]; 3] = [b"<", uri.as_bytes(), if uri.contains(";lr") { b">" } else { b";lr>" }];
    let mut len = 0;
    for part in parts {
        room.get_mut(len..len + part.len())?.copy_from_slice(part);
        len += part.len();
    }
    room.get(..len)
}
