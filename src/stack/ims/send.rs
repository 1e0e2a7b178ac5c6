//! What the IMS side sends: requests with identifiers of ours, and responses made from the request alone.

use core::net::{IpAddr, SocketAddr};

use super::register::{self, Contact};
use super::{Deferred, Hop, Ims, PROBE, RequestId, SMS, flow, rpdu, stream_flow, subscribe};
use crate::base::{Connection, Flow, Inline, Key, Malformed, Out, Time, Transport};
use crate::codec::Prepend;
use crate::proto::sip::{self, Method, Name, Origin, Slots, Token, Writer, build, keep_alive};
use crate::stack::{
    Answer, InformRequest, MessageRequest, PublishRequest, Refusal, RegisterRequest, Request,
};

/// The contact that TS 24.341 asks the core for: one that takes short messages.
const ACCEPT_CONTACT: &[u8] = b"*;+g.3gpp.smsip;require;explicit";

/// Octets of a request whose response may not fit a frame.
const LONG: usize = 1_400;

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
        self.respond(now, request, status, out);
        // Over a stream nothing comes twice.
        if request.connection.is_none() && (request.known || status < 300) {
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
        let later = request.0.jitter(self.config.retry_after);
        let retry_after = answer.retry_after.or((status == 503).then_some(later));
        let extra = |w: &mut Writer<'_>, short: bool| {
            let challenges = if short { 1 } else { answer.challenges.len() };
            for challenge in answer.challenges.iter().take(challenges) {
                w.header(Name::WwwAuthenticate, &[challenge.as_bytes()]);
            }
            for (at, &(uri, expires)) in answer.contacts.iter().enumerate() {
                match answer.flow.filter(|flow| flow.contact == at) {
                    Some(flow) => w.contact_of_flow(uri.as_bytes(), flow.instance, flow.reg_id, expires),
                    None => w.contact(uri.as_bytes(), expires),
                }
            }
            if let Some(flow) = &answer.flow {
                w.header(Name::Require, &[register::OUTBOUND]);
                if let Some(seconds) = flow.timer {
                    w.number(Name::FlowTimer, seconds);
                }
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

    /// Writes the response to `request`, which was answered first at `answered`, unless it is too long for its source. The
    /// same request, status and time give the same octets, so that no response needs to be kept for retransmissions.
    pub(super) fn respond(&mut self, answered: Time, request: &Request<'_>, status: u16, out: &mut dyn Out) {
        let message = &request.message;
        let to_tag = self.minter.to_tag(message);
        let extra = self.extra(answered, request, status);
        let write = |extra: &Extra<'_>, room: &mut [u8]| {
            let mut w = Writer::new(room);
            let reason = build::reason_phrase(status);
            build::response(message, status, reason, &to_tag, request.source, |w| extra.write(w), &mut w);
            w.finish()
        };
        let Some(room) = out.room() else {
            self.servers.counts.no_buffer += 1;
            return;
        };
        // What it repeats may be more than a frame holds, or even a datagram: the status alone is an answer too.
        let len = write(&extra, room).or_else(|| {
            let room = out.long_room()?;
            write(&extra, room).or_else(|| write(&Extra::None, room))
        });
        let origin = request.origin();
        self.commit(len, &origin, origin.target(&message.top_via()), out);
    }

    /// Sends the response of `len` octets in the room last given, as far as its source may get it.
    fn commit(&mut self, len: Option<usize>, origin: &Origin, target: SocketAddr, out: &mut dyn Out) {
        match len {
            Some(len) if origin.takes(len) => out.commit(len, origin.flow(target)),
            Some(_) => self.servers.counts.reply_withheld += 1,
            None => self.servers.counts.unwritable += 1,
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
    fn extra<'a>(&self, answered: Time, request: &Request<'a>, status: u16) -> Extra<'a> {
        let message = request.message;
        match (status, message.method()) {
            (200, Method::Register) => {
                let contact = match register::contact(&message) {
                    Ok((Contact::One(contact), expires)) => {
                        Some((contact.uri, expires.min(self.config.registration_max)))
                    }
                    _ => None,
                };
                Extra::Registered { contact, date: self.began.map(|began| began + answered.as_secs()) }
            }
            (503, _) => Extra::RetryAfter(request.key.jitter(self.config.retry_after)),
            (200, Method::Options) | (405, _) => Extra::Allow,
            (415, Method::Notify) => {
                Extra::Accept { media_type: subscribe::REGINFO, encoded: super::is_encoded(&message) }
            }
            (415, _) => Extra::Accept { media_type: SMS, encoded: super::is_encoded(&message) },
            (420, _) => Extra::Unsupported(message),
            (489, _) => Extra::AllowEvents,
            _ => Extra::None,
        }
    }

    /// The second since 1970 in which our clock began: what Date is made of.
    pub(in crate::stack) fn set_calendar(&mut self, began: u64) {
        self.began = Some(began);
    }

    /// Answers what is not even a request, as far as it can be answered; whether it was.
    pub(super) fn refuse_malformed(
        &mut self,
        bytes: &[u8],
        why: Malformed,
        origin: &Origin,
        slots: &mut Slots,
        out: &mut dyn Out,
    ) -> bool {
        let room = if bytes.len() > LONG { out.long_room() } else { out.room() };
        let Some(room) = room else { return false };
        let mut w = Writer::new(room);
        let Some(target) = build::refusal(bytes, why, &self.minter, origin.source, slots, &mut w) else {
            return false;
        };
        match build::status_of(why) {
            513 => self.counts.too_large += 1,
            _ => self.counts.bad_request += 1,
        }
        let len = w.finish();
        self.commit(len, origin, target, out);
        len.is_some()
    }

    /// Our address for a datagram: that which the application knows, unless it is a stream's alone.
    fn local_of(&self, local: SocketAddr, remote: SocketAddr) -> SocketAddr {
        let listen = &self.config.listen;
        match listen.contains(&local) {
            true => local,
            false => *listen.iter().find(|own| own.is_ipv4() == remote.is_ipv4()).unwrap_or(&local),
        }
    }

    /// One of our addresses as Via names it; nothing for another's, with which no request can be written.
    pub(super) fn host(&self, ip: IpAddr) -> Inline<48> {
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
        // Towards a network's core, any of its hops may take it.
        let lives = (self.config.answer_within, self.config.timers.transaction());
        let between = (request.local.ip(), request.remote);
        let attempt = request.route.and_then(|_| self.hops.begin(now, between, lives));
        let hop = attempt.and_then(|attempt| self.hops.get(attempt.hop));
        let elsewhere = hop.filter(|hop| hop.address != request.remote);
        let remote = elsewhere.map_or(request.remote, |hop| hop.address);
        let uri = elsewhere.as_ref().map(|hop| hop.uri.as_str()).or(request.route);
        let mut route_text = [0; 160];
        let mut uri_text = [0; 160];
        let route = uri.and_then(|uri| spell_route(uri, &mut route_text));
        let head = Head {
            method: Method::Message,
            local: request.local,
            remote,
            connection: request.connection,
            uri: spell_request_uri(request.request_uri, &mut uri_text),
            routes: route.as_slice(),
            from: request.from,
            to: request.to.unwrap_or(request.request_uri),
            to_tag: &[],
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
            match request.charging {
                Some((icid, [])) => w.header(Name::PChargingVector, &[b"icid-value=", icid]),
                Some((icid, ioi)) => {
                    w.header(Name::PChargingVector, &[b"icid-value=", icid, b";orig-ioi=\"", ioi, b"\""]);
                }
                None => {}
            }
            if let Some(call_id) = request.in_reply_to {
                w.header(Name::InReplyTo, &[call_id]);
            }
            if request.towards_ue {
                w.header(Name::RequestDisposition, &[b"no-fork"]);
                w.header(Name::AcceptContact, &[ACCEPT_CONTACT]);
            }
        };
        let sent = self.request(now, &head, user, (extra, SMS, body), out)?;
        if let Some(attempt) = attempt {
            self.clients.set_attempt(sent.0, attempt);
        }
        Ok(sent)
    }

    /// Asks a hop that is down whether it still is; whether it could be asked.
    pub(super) fn ask_hop(&mut self, now: Time, at: u8, hop: &Hop, out: &mut dyn Out) -> bool {
        let same = |local: &&SocketAddr| local.is_ipv4() == hop.address.is_ipv4();
        let Some(&local) = self.config.listen.iter().find(same) else { return false };
        let mut own = [0; 68];
        let Some(own) = spell_own(&self.config.host, &mut own) else { return false };
        let head = Head {
            method: Method::Options,
            local,
            remote: hop.address,
            connection: None,
            uri: hop.uri.as_str(),
            routes: &[],
            from: own,
            to: hop.uri.as_str(),
            to_tag: &[],
            key: Key { slot: at.into(), generation: 0xff << 24 },
            cseq: self.next_sequence(),
        };
        let extra = |w: &mut Writer<'_>| w.header(Name::Accept, &[SMS.as_bytes()]);
        self.request(now, &head, PROBE | u64::from(at), (extra, "", &[]), out).is_ok()
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
            connection: request.connection,
            uri: request.request_uri,
            routes: &[],
            from: request.from,
            to: request.to,
            to_tag: &[],
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
            connection: None,
            uri: request.request_uri,
            routes: &[],
            from: request.from,
            to: request.to,
            to_tag: &[],
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
            connection: None,
            uri: request.uri,
            routes: &[],
            from: request.uri,
            to: request.uri,
            to_tag: &[],
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
    pub(super) fn request(
        &mut self,
        now: Time,
        head: &Head<'_>,
        user: u64,
        (extra, media_type, body): (impl Fn(&mut Writer<'_>), &str, &[u8]),
        out: &mut dyn Out,
    ) -> Result<RequestId, Refusal> {
        let token =
            Token { worker: self.config.worker, slot: head.key.slot, generation: head.key.generation };
        let (call_id, tag) =
            (self.minter.call_id(token, self.config.host.as_bytes()), self.minter.tag(token));
        let (local, flow, transport) = self.way(head.local, head.remote, head.connection);
        let host = self.host(local.ip());
        let content = build::Content { media_type: media_type.as_bytes(), body };
        let to_tag = head.to_tag;
        let build = |w: &mut Writer<'_>, branch: &[u8]| {
            let head = build::Request {
                method: head.method,
                uri: head.uri.as_bytes(),
                transport,
                host: &host,
                port: local.port(),
                branch,
                routes: head.routes,
                from: head.from.as_bytes(),
                from_tag: tag.as_bytes(),
                to: head.to.as_bytes(),
                call_id: call_id.as_bytes(),
                cseq: head.cseq,
            };
            build::request_within(&head, to_tag, &extra, (!body.is_empty()).then_some(content), w);
        };
        let started = self.clients.start(now, flow, user, out, build);
        started.map(RequestId).map_err(|refused| {
            self.counts.not_sent += 1;
            match refused {
                sip::Refused::Unwritable => Refusal::TooLong,
                sip::Refused::Full | sip::Refused::Gone | sip::Refused::Withheld => Refusal::Full,
            }
        })
    }

    /// How a request goes from one of our addresses to a peer's: from where exactly, by what, and that transport's name in Via.
    pub(super) fn way(
        &self,
        local: SocketAddr,
        remote: SocketAddr,
        connection: Option<Connection>,
    ) -> (SocketAddr, Flow, &'static [u8]) {
        let stream = stream_flow(&self.config.streams.listen, &self.core.peers, (local, remote), connection);
        let (local, flow) = stream.unwrap_or_else(|| {
            let local = self.local_of(local, remote);
            (local, flow(local, remote))
        });
        let transport: &'static [u8] = match flow.transport {
            Transport::Stream { connection: Connection { secure: true, .. }, .. }
            | Transport::StreamTo { secure: true, .. } => b"TLS",
            Transport::Stream { .. } | Transport::StreamTo { .. } => b"TCP",
            _ => b"UDP",
        };
        (local, flow, transport)
    }

    /// CSeq numbers: below 2^31 (RFC 3261 8.1.1.5).
    fn next_sequence(&mut self) -> u32 {
        self.sequence = self.sequence % 0x7fff_fffe + 1;
        self.sequence
    }
}

/// What every request of ours begins with, and where it goes.
pub(super) struct Head<'a> {
    pub(super) method: Method<'static>,
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    pub(super) connection: Option<Connection>,
    pub(super) uri: &'a str,
    pub(super) routes: &'a [&'a [u8]],
    pub(super) from: &'a str,
    pub(super) to: &'a str,
    /// The peer's, within a dialogue.
    pub(super) to_tag: &'a [u8],
    /// Call-ID and tag name it.
    pub(super) key: Key,
    pub(super) cseq: u32,
}

/// Headers of a response.
#[derive(Clone, Copy)]
#[allow(clippy::large_enum_variant)] // made and used at once
enum Extra<'a> {
    None,
    /// The contact with its seconds of life, and the date in seconds since 1970.
    Registered {
        contact: Option<(&'a [u8], u32)>,
        date: Option<u64>,
    },
    RetryAfter(u32),
    Allow,
    /// What bodies are taken; of an encoded one, that none is.
    Accept {
        media_type: &'static str,
        encoded: bool,
    },
    AllowEvents,
    /// Every option that the request requires.
    Unsupported(sip::Message<'a>),
}

impl Extra<'_> {
    fn write(&self, w: &mut Writer<'_>) {
        match *self {
            Self::None => {}
            Self::Registered { contact, date } => {
                if let Some((uri, expires)) = contact {
                    w.contact(uri, expires);
                }
                if let Some(date) = date {
                    w.date(date);
                }
            }
            Self::RetryAfter(seconds) => w.number(Name::RetryAfter, seconds),
            Self::Allow => w.header(Name::Allow, &[b"MESSAGE, REGISTER, OPTIONS, NOTIFY"]),
            Self::Accept { media_type, encoded } => {
                w.header(Name::Accept, &[media_type.as_bytes()]);
                if encoded {
                    w.header(Name::AcceptEncoding, &[b"identity"]);
                }
            }
            Self::AllowEvents => w.header(Name::AllowEvents, &[subscribe::EVENT]),
            Self::Unsupported(ref request) => {
                w.tokens(Name::Unsupported, super::unsupported(request));
            }
        }
    }
}

/// Our own URI, `sip:host`.
fn spell_own<'b>(host: &str, room: &'b mut [u8; 68]) -> Option<&'b str> {
    let len = 4 + host.len();
    room.get_mut(..4)?.copy_from_slice(b"sip:");
    room.get_mut(4..len)?.copy_from_slice(host.as_bytes());
    core::str::from_utf8(room.get(..len)?).ok()
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
pub(super) fn spell_route<'b>(uri: &str, room: &'b mut [u8; 160]) -> Option<&'b [u8]> {
    let loose = |param: &str| param.split('=').next().is_some_and(|name| name.eq_ignore_ascii_case("lr"));
    let end: &[u8] = if uri.split(';').skip(1).any(loose) { b">" } else { b";lr>" };
    let parts: [&[u8]; 3] = [b"<", uri.as_bytes(), end];
    let mut len = 0;
    for part in parts {
        room.get_mut(len..len + part.len())?.copy_from_slice(part);
        len += part.len();
    }
    room.get(..len)
}
