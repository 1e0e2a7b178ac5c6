//! What the IMS side sends: requests with identifiers of ours, and responses made from the request alone.

use core::net::{IpAddr, SocketAddr};

use super::{Deferred, Ims, SMS, flow, rpdu};
use crate::base::{Inline, Key, Malformed, Out, Time};
use crate::codec::Prepend;
use crate::proto::sip::{self, Method, Name, NameAddr, Slots, Token, Writer, build};
use crate::stack::{MessageRequest, Refusal, RegisterRequest, Request};

/// The contact that TS 24.341 asks the core for: one that takes short messages.
const ACCEPT_CONTACT: &[u8] = b"*;+g.3gpp.smsip;require;explicit";

impl Ims {
    /// Answers a request of this turn. What else the response carries follows from the request and the status.
    pub(in crate::stack) fn answer(
        &mut self,
        now: Time,
        request: &Request<'_>,
        status: u16,
        out: &mut dyn Out,
    ) {
        self.respond(&request.message, status, request.source, request.local, out);
        self.servers.complete_now(now, request.key, status);
    }

    /// Keeps what the answer needs.
    pub(in crate::stack) fn defer(&mut self, now: Time, request: &Request<'_>) -> Option<Deferred> {
        let to_tag = self.minter.to_tag(&request.message);
        self.servers
            .defer(now, request.key, &request.message, &to_tag, request.source, request.local)
            .ok()
            .map(|()| Deferred(request.key))
    }

    /// Answers a deferred request: a REGISTER with the contact and its seconds of life.
    pub(in crate::stack) fn answer_deferred(
        &mut self,
        now: Time,
        request: Deferred,
        status: u16,
        contact: Option<(&str, u32)>,
        out: &mut dyn Out,
    ) {
        let extra = match (status, contact) {
            (503, _) => Extra::RetryAfter(self.config.retry_after),
            (_, Some((uri, expires))) => Extra::Contact { uri: uri.as_bytes(), expires },
            _ => Extra::None,
        };
        let extra = |w: &mut Writer<'_>| extra.write(w);
        // Too late means that the client has given up: there is nobody to answer.
        let _ = self.servers.answer(now, request.0, status, extra, out);
    }

    /// Writes the response to `request`. The same request and status give the same octets, so that no response needs
    /// to be kept for retransmissions.
    pub(super) fn respond(
        &mut self,
        request: &sip::Message<'_>,
        status: u16,
        source: SocketAddr,
        local: SocketAddr,
        out: &mut dyn Out,
    ) {
        let to_tag = self.minter.to_tag(request);
        let extra = self.extra(request, status);
        let Some(room) = out.room() else { return };
        let mut w = Writer::new(room);
        let reason = build::reason_phrase(status);
        build::response(request, status, reason, &to_tag, source, |w| extra.write(w), &mut w);
        if let Some(len) = w.finish() {
            out.commit(len, flow(local, build::response_target(&request.top_via(), source)));
        }
    }

    /// The headers that a response carries beyond the mandatory ones.
    fn extra<'a>(&self, request: &sip::Message<'a>, status: u16) -> Extra<'a> {
        match (status, request.method()) {
            (200, Method::Register) => Extra::Contact {
                uri: request
                    .values(Name::Contact)
                    .next()
                    .and_then(NameAddr::parse)
                    .map_or(&[], |contact| contact.uri),
                expires: request.expires().unwrap_or(3600).min(self.config.registration_max),
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
        source: SocketAddr,
        local: SocketAddr,
        slots: &mut Slots,
        out: &mut dyn Out,
    ) {
        let Some(room) = out.room() else { return };
        let mut w = Writer::new(room);
        let target = build::refusal(bytes, why, &self.minter, source, slots, &mut w);
        if let (Some(target), Some(len)) = (target, w.finish()) {
            self.counts.bad_request += 1;
            out.commit(len, flow(local, target));
        }
    }

    fn token(&self, key: Key) -> Token {
        Token { worker: self.config.worker, slot: key.slot, generation: key.generation }
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
    ) -> Result<(), Refusal> {
        let mut body = [0; 256];
        let mut body = Prepend::new(&mut body);
        rpdu::write(self.config.side, &request.rp, &mut body);
        let body = body.finish().ok_or(Refusal::TooLong)?;
        let mut route_text = [0; 160];
        let route = request.route.and_then(|uri| spell_route(uri, &mut route_text));
        let token = self.token(request.key);
        let (call_id, tag) =
            (self.minter.call_id(token, self.config.host.as_bytes()), self.minter.tag(token));
        let cseq = self.next_sequence();
        let host = self.host(request.local.ip());
        let build = |w: &mut Writer<'_>, branch: &[u8]| {
            let head = build::Request {
                method: Method::Message,
                uri: request.request_uri.as_bytes(),
                host: &host,
                port: request.local.port(),
                branch,
                routes: route.as_slice(),
                from: request.from.as_bytes(),
                from_tag: tag.as_bytes(),
                to: request.request_uri.as_bytes(),
                call_id: call_id.as_bytes(),
                cseq,
            };
            let extra = |w: &mut Writer<'_>| {
                w.address(Name::PAssertedIdentity, request.from.as_bytes(), &[]);
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
            build::request(&head, extra, Some(build::Content { media_type: SMS.as_bytes(), body }), w);
        };
        self.start(now, request.local, request.remote, user, out, build)
    }

    /// A third-party REGISTER.
    pub(in crate::stack) fn register(
        &mut self,
        now: Time,
        request: &RegisterRequest<'_>,
        user: u64,
        out: &mut dyn Out,
    ) -> Result<(), Refusal> {
        let token = self.token(request.key);
        let (call_id, tag) =
            (self.minter.call_id(token, self.config.host.as_bytes()), self.minter.tag(token));
        let host = self.host(request.local.ip());
        let (media_type, body) = request.body;
        let content =
            (!body.is_empty()).then_some(build::Content { media_type: media_type.as_bytes(), body });
        let build = |w: &mut Writer<'_>, branch: &[u8]| {
            let head = build::Request {
                method: Method::Register,
                uri: request.request_uri.as_bytes(),
                host: &host,
                port: request.local.port(),
                branch,
                routes: &[],
                from: request.from.as_bytes(),
                from_tag: tag.as_bytes(),
                to: request.to.as_bytes(),
                call_id: call_id.as_bytes(),
                cseq: request.sequence,
            };
            let extra = |w: &mut Writer<'_>| {
                w.address(Name::Contact, request.from.as_bytes(), &[]);
                w.number(Name::Expires, request.expires);
                if !request.access_network_info.is_empty() {
                    w.header(Name::PAccessNetworkInfo, &[request.access_network_info]);
                }
            };
            build::request(&head, extra, content, w);
        };
        self.start(now, request.local, request.remote, user, out, build)
    }

    fn start(
        &mut self,
        now: Time,
        local: SocketAddr,
        remote: SocketAddr,
        user: u64,
        out: &mut dyn Out,
        build: impl FnOnce(&mut Writer<'_>, &[u8]),
    ) -> Result<(), Refusal> {
        self.clients.start(now, flow(local, remote), user, out, build).map(|_| ()).map_err(|refused| {
            self.counts.not_sent += 1;
            match refused {
                sip::Refused::Unwritable => Refusal::TooLong,
                sip::Refused::Full | sip::Refused::Gone => Refusal::Full,
            }
        })
    }

    /// CSeq numbers: below 2^31 (RFC 3261 8.1.1.5).
    fn next_sequence(&mut self) -> u32 {
        self.sequence = self.sequence % 0x7fff_fffe + 1;
        self.sequence
    }
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
            Self::Contact { uri, expires } => {
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
            Self::RetryAfter(seconds) => w.number(Name::RetryAfter, seconds),
            Self::Allow => w.header(Name::Allow, &[b"MESSAGE, REGISTER, OPTIONS"]),
            Self::Accept => w.header(Name::Accept, &[SMS.as_bytes()]),
            Self::Unsupported(options) => w.header(Name::Unsupported, &[options]),
        }
    }
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
