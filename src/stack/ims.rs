//! The IMS side: SIP transactions, and the SM-RP messages that MESSAGE carries (TS 24.341).

mod hops;
mod register;
mod rpdu;
mod send;
mod subscribe;
#[cfg(test)]
mod tests;
mod way;

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::sync::Arc;

use crate::base::{
    Flow, Inline, IpPrefix, Key, Layer, Malformed, MalformedCounts, Out, SipKey, Time, Transport, counts,
};
use crate::ident::{Identity, Number, Wildcard, WorkerId};
use crate::proto::link::{self, Datagram};
use crate::proto::sip::{
    self, ClientConfig, ClientTransactions, Method, Minter, Name, NameAddr, Origin, Received,
    ResponseOutcome, Scheme, ServerConfig, ServerKey, ServerTransactions, Slots, Uri,
    keep_alive::{self, KeepAlive},
};

pub use hops::{CoreHosts, Hop, HopState};
pub use rpdu::submit_report;

use super::stream::{Refused, StreamFailure, StreamMessage, in_reply_to, owner, token_in_request_uri};
use super::{Content, Indication, Message, Next, Published, Request};
use hops::Hops;
use way::{flow, spell_host, stream_flow};

/// The body type of SM-RP messages (TS 24.341 5.3.1.2).
const SMS: &str = "application/vnd.3gpp.sms";
/// The parameter of our own URI that names a message.
pub(super) const TOKEN_PARAMETER: &str = "ipsm";

counts! {
    /// What the IMS side refused, beside what SIP's transactions count themselves.
    pub struct ImsCounts {
        /// Requests taken.
        requests,
        /// Retransmissions answered again.
        repeated,
        /// Datagrams to a port where SIP does not listen.
        not_sip,
        /// Keep-alives: line ends, a zero or nothing, and STUN Binding requests.
        keep_alive,
        /// STUN Binding requests answered.
        keep_alive_answered,
        /// Requests refused as malformed, with 400 or 505.
        bad_request,
        /// Requests refused with 513: longer than the limit.
        too_large,
        /// Requests refused with 405: a method that we don't have.
        bad_method,
        /// CANCELs, refused with 481: what they name is not here.
        cancelled,
        /// CANCELs answered 200, which change nothing: what they name goes on, or is over.
        cancelled_in_vain,
        /// Requests refused with 482: they came again by another way.
        merged,
        /// Requests refused with 415: their body is encoded.
        bad_encoding,
        /// Requests refused with 415: MESSAGE without an SM-RP message.
        bad_media_type,
        /// Requests refused with 416: a Request-URI of another scheme.
        bad_scheme,
        /// Requests refused with 420: an extension that we don't have.
        bad_extension,
        /// REGISTERs refused with 439: a flow that is somebody else's, through whom the UE comes.
        flow_of_another,
        /// NOTIFYs refused with 481: their Call-ID or To is of no subscription of ours.
        bad_dialogue,
        /// Requests refused with 483.
        too_many_hops,
        /// NOTIFYs refused with 489: another event package.
        bad_event,
        /// REGISTERs refused with 403: not one contact of several is to stay, but more, or none.
        several_contacts,
        /// Requests refused with 503: no transaction free.
        full,
        /// MESSAGEs with a P-Asserted-Identity that is not believed: they come from outside the trust domain (RFC 3325).
        asserted_stripped,
        /// MESSAGEs whose body is no SM-RP message, refused with 400.
        bad_rp,
        /// OPTIONS sent to hops that were down.
        probes,
        /// Requests of ours not sent because no transaction was free or they did not fit.
        not_sent,
        /// ICMP errors about SIP of ours that do not prove to be about an open request.
        unreachable_unproved,
        /// Messages that came by streams.
        by_stream,
        /// Requests of ours whose stream could not be had, or was lost before their answer.
        stream_failed,
    }
}

/// Which side of SM-RP we are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// The network: a gateway.
    Network,
    /// The mobile: UEs, behind the S-CSCF of the core network in a box.
    Mobile,
}

/// How streams come into it.
#[derive(Clone, Debug, Default)]
pub struct ImsStreams {
    /// Addresses of ours where stream threads listen, and whether that is TLS; without any there are no streams.
    pub listen: Vec<(SocketAddr, bool)>,
    /// Peers that get our requests by a stream, and whether that is TLS; others get them by UDP, unless they are too large
    /// for it.
    pub peers: Vec<(SocketAddr, bool)>,
}

/// What the IMS side of one worker is made of.
#[derive(Clone, Debug)]
pub struct ImsConfig {
    /// The worker.
    pub worker: WorkerId,
    /// How many there are.
    pub workers: u8,
    /// Which side of SM-RP.
    pub side: Side,
    /// Our addresses for UDP.
    pub listen: Vec<SocketAddr>,
    /// TCP and TLS.
    pub streams: ImsStreams,
    /// Hosts that are known by configuration, S-CSCFs and other peers: a response may go there that is longer than its request.
    pub trusted: Vec<IpPrefix>,
    /// Where requests to users of served networks can be sent, each network's in the order in which they are tried.
    pub hops: Vec<Hop>,
    /// How long the answer to such a request is waited for, at all hops together.
    pub answer_within: Duration,
    /// How often a hop that is down is asked by OPTIONS whether it still is.
    pub probe: Duration,
    /// The host part of Call-IDs, and of our own URI in OPTIONS.
    pub host: String,
    /// Hosts whose requests may have no branch of RFC 3261.
    pub legacy: Vec<IpPrefix>,
    /// The longest registration that is granted, in seconds.
    pub registration_max: u32,
    /// Seconds of Retry-After with a 503, at least; twice as many at most.
    pub retry_after: u32,
    /// SIP's timers.
    pub timers: sip::Timers,
    /// Client transactions, at most.
    pub client_transactions: usize,
    /// What a message may have.
    pub limits: sip::Limits,
    /// Requests that wait for our answer, at most.
    pub pending_requests: usize,
    /// Server transactions, at most; an answered one lives 64 times T1.
    pub server_transactions: usize,
}

/// A deferred SIP request. It can cross to other threads and come back to its worker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Deferred(ServerKey);

/// A SIP request of ours whose final answer is awaited, to be given up by [`super::Stack::cancel_request`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RequestId(Key);

#[cfg(test)]
impl Deferred {
    /// One that no request waits under.
    pub(crate) const fn numbered(number: u64) -> Self {
        Self(ServerKey::numbered(number as u128))
    }
}

/// The IMS side of one worker.
pub struct Ims {
    config: ImsConfig,
    minter: Minter,
    clients: ClientTransactions,
    servers: ServerTransactions,
    /// Our addresses as Via names them.
    hosts: Vec<(IpAddr, Inline<48>)>,
    sequence: u32,
    hops: Hops,
    /// The hosts of served networks' cores, as they are now.
    core: Arc<CoreHosts>,
    /// The second since 1970 in which our clock began, once it is known.
    began: Option<u64>,
    /// What was refused.
    pub counts: ImsCounts,
}

impl Ims {
    /// The IMS side of a worker. `key` is this process's secret.
    #[must_use]
    pub fn new(config: ImsConfig, key: &SipKey) -> Self {
        let minter = Minter::new(*key);
        let streams = config.streams.listen.iter().map(|(local, _)| local);
        let own = config.listen.iter().chain(streams);
        let hosts = own.map(|local| (local.ip(), spell_host(local.ip()))).collect();
        let clients = ClientConfig {
            capacity: config.client_transactions,
            worker: config.worker,
            timers: config.timers,
        };
        let servers = ServerConfig {
            pending: config.pending_requests,
            completed: config.server_transactions,
            timers: config.timers,
        };
        let core = Arc::new(CoreHosts::of(&config));
        let mut ims = Self {
            clients: ClientTransactions::new(clients, minter.clone()),
            servers: ServerTransactions::new(servers, key),
            minter,
            hosts,
            sequence: 1,
            hops: Hops::new(&config.hops, config.probe),
            core: core.clone(),
            began: None,
            config,
            counts: ImsCounts::default(),
        };
        ims.set_core(&core);
        ims
    }

    /// The counters of SIP's client and server transactions.
    #[must_use]
    pub fn transaction_counts(&self) -> (&sip::SipClientCounts, &sip::SipServerCounts) {
        (&self.clients.counts, &self.servers.counts)
    }

    /// How full the tables are: name, used, size.
    pub fn fill(&self, visit: &mut dyn FnMut(&'static str, usize, usize)) {
        visit("client_transactions", self.clients.len(), self.config.client_transactions);
        visit("pending_requests", self.servers.pending(), self.config.pending_requests);
        visit("server_transactions", self.servers.completed(), self.config.server_transactions);
        visit("kept_answers", self.servers.kept(), self.config.pending_requests);
    }

    /// A UDP datagram.
    pub(super) fn handle_input<'a>(
        &mut self,
        now: Time,
        datagram: &Datagram<'a>,
        slots: &'a mut Slots,
        embedded: &'a mut Slots,
        malformed: &mut MalformedCounts,
        out: &mut dyn Out,
    ) -> Next<'a> {
        let source = SocketAddr::new(datagram.source, datagram.source_port);
        let local = SocketAddr::new(datagram.destination, datagram.destination_port);
        if !self.config.listen.contains(&local) {
            self.counts.not_sip += 1;
            return Next::Done;
        }
        let known = contains(&self.core.trusted, source.ip());
        let origin = Origin { source, local, octets: datagram.payload.len(), known, connection: None };
        if let Some(keep_alive) = KeepAlive::read(datagram.payload) {
            return self.handle_keep_alive(keep_alive, &origin, out);
        }
        self.handle_message(now, datagram.payload, &origin, slots, embedded, malformed, out)
    }

    /// A message that came by a stream, to the worker that it belongs to.
    pub(super) fn handle_stream<'a>(
        &mut self,
        now: Time,
        arrived: &'a StreamMessage,
        slots: &'a mut Slots,
        embedded: &'a mut Slots,
        malformed: &mut MalformedCounts,
        out: &mut dyn Out,
    ) -> Next<'a> {
        let &StreamMessage { connection, source, local, ref octets, refused, proved } = arrived;
        self.counts.by_stream += 1;
        let known = proved && contains(&self.core.trusted, source.ip());
        let origin = Origin { source, local, octets: octets.len(), known, connection: Some(connection) };
        if let Some(Refused(why)) = refused {
            embedded.keep_within(self.config.limits);
            let why = Malformed::new(Layer::Sip, why as u8, octets.len());
            malformed.add(why);
            if !self.refuse_malformed(octets, why, &origin, embedded, out) {
                out.no_answer(origin.flow(source));
            }
            return Next::Done;
        }
        self.handle_message(now, octets, &origin, slots, embedded, malformed, out)
    }

    /// The stream of a request of ours could not be had, or is lost before the answer.
    pub(super) fn handle_stream_failure(
        &mut self,
        now: Time,
        failure: &StreamFailure,
        out: &mut dyn Out,
    ) -> Option<Indication<'static>> {
        let (user, flow) = self.clients.stream_failed(now, failure.token, failure.sent, out)?;
        self.counts.stream_failed += 1;
        if self.hop_lost(now, user, out) {
            return None;
        }
        let port = match flow.transport {
            Transport::Stream { destination_port, .. } | Transport::StreamTo { destination_port, .. } => {
                destination_port
            }
            _ => 0,
        };
        Some(Indication::Unreachable { user, remote: SocketAddr::new(flow.destination, port) })
    }

    #[allow(clippy::too_many_arguments)] // what it is, where from, and room to read it
    fn handle_message<'a>(
        &mut self,
        now: Time,
        payload: &'a [u8],
        origin: &Origin,
        slots: &'a mut Slots,
        embedded: &'a mut Slots,
        malformed: &mut MalformedCounts,
        out: &mut dyn Out,
    ) -> Next<'a> {
        slots.keep_within(self.config.limits);
        embedded.keep_within(self.config.limits);
        let message = match sip::Message::parse(payload, slots) {
            Ok(message) => message,
            Err(why) => {
                malformed.add(why);
                self.refuse_malformed(payload, why, origin, embedded, out);
                return Next::Done;
            }
        };
        if message.is_request() {
            let key = self.servers.key(&message);
            let in_reply_to = in_reply_to(&self.minter, &message);
            let report_token = token_in_request_uri(&self.minter, self.config.workers, &message);
            let owner = owner(self.config.workers, key, in_reply_to.or(report_token));
            if owner != self.config.worker {
                return Next::HandOff(owner);
            }
            let &Origin { source, local, octets, known, connection } = origin;
            let request = Request {
                key,
                message,
                in_reply_to,
                report_token,
                source,
                local,
                octets,
                known,
                trusted: known,
                connection,
            };
            return self.handle_request(now, &request, embedded, out);
        }
        let outcome = self.clients.handle_response(now, &message);
        if let ResponseOutcome::Final { user, status, .. } = outcome
            && self.hop_answered(now, user, status, &message, out)
        {
            return Next::Done;
        }
        // Who has it from a hop before calls this a copy (RFC 3261 8.2.2.2): it is taken.
        let again = self.clients.last_attempt().is_some_and(|(last, _)| last.tried.count_ones() > 1);
        let outcome = match outcome {
            ResponseOutcome::Final { user, key, status: 482 } if again => {
                ResponseOutcome::Final { user, key, status: 202 }
            }
            other => other,
        };
        match outcome {
            ResponseOutcome::Elsewhere(worker) => Next::HandOff(worker),
            ResponseOutcome::Final { user, status, .. } if message.method() == Method::Publish => {
                let answer = Published {
                    status,
                    etag: message.header(Name::SipETag),
                    expires: message.expires(),
                    min_expires: message.min_expires(),
                };
                Next::Indication(Indication::Published { user, answer })
            }
            ResponseOutcome::Final { user, status, .. } if message.method() == Method::Subscribe => {
                Next::Indication(Indication::Subscribed { user, answer: subscribe::answer(&message, status) })
            }
            ResponseOutcome::Final { user, status, .. } => {
                let challenge = message.header(Name::WwwAuthenticate);
                let challenge = challenge.filter(|_| self.config.side == Side::Mobile && status == 401);
                Next::Indication(match challenge {
                    Some(challenge) => Indication::Challenged { user, challenge },
                    None => {
                        let body = (self.config.side == Side::Network && status < 300 && is_sms(&message))
                            .then(|| rpdu::read(Side::Network, message.body()));
                        let report = body.flatten().map(|read| read.rp);
                        let charging = message.header(Name::PChargingVector);
                        let charging = charging.and_then(sip::ChargingVector::parse);
                        Indication::Answered { user, status, report, charging }
                    }
                })
            }
            ResponseOutcome::Provisional | ResponseOutcome::Absorbed | ResponseOutcome::NotOurs => Next::Done,
        }
    }

    /// What a URI of ours gets as a parameter, so that what is sent there names the request with this key.
    pub(super) fn report_token(&self, key: Key) -> Inline<48> {
        let token = sip::Token { worker: self.config.worker, slot: key.slot, generation: key.generation };
        let mut text = [0; 48];
        let mut len = 0;
        for part in [b";", TOKEN_PARAMETER.as_bytes(), b"=", self.minter.tag(token).as_bytes()] {
            if let Some(room) = text.get_mut(len..len + part.len()) {
                room.copy_from_slice(part);
                len += part.len();
            }
        }
        text.get(..len).and_then(Inline::new).unwrap_or(Inline::EMPTY)
    }

    fn handle_request<'a>(
        &mut self,
        now: Time,
        request: &Request<'a>,
        embedded: &'a mut Slots,
        out: &mut dyn Out,
    ) -> Next<'a> {
        let Request { key, ref message, source, octets, .. } = *request;
        self.counts.requests += 1;
        if message.method() == Method::Ack {
            return Next::Done;
        }
        let legacy = contains(&self.core.legacy, source.ip());
        match self.servers.receive(now, key, message, source.ip(), legacy) {
            Received::New(_) => {}
            Received::InProgress { trying: false } => {
                self.counts.repeated += 1;
                return Next::Done;
            }
            Received::InProgress { trying: true } | Received::Kept => {
                self.counts.repeated += 1;
                self.servers.repeat(key, octets, out);
                return Next::Done;
            }
            Received::Completed { status, known, at } => {
                self.counts.repeated += 1;
                self.respond(at, &Request { known: request.known || known, ..*request }, status, out);
                return Next::Done;
            }
            Received::Merged => {
                self.counts.merged += 1;
                self.respond(now, request, 482, out);
                return Next::Done;
            }
            Received::Full => {
                self.counts.full += 1;
                self.respond(now, request, 503, out);
                return Next::Done;
            }
            Received::Legacy => {
                self.counts.bad_request += 1;
                self.respond(now, request, 400, out);
                return Next::Done;
            }
        }
        match self.indication(request, embedded) {
            Ok(indication) => {
                let stripped = !request.known && message.header(Name::PAssertedIdentity).is_some();
                self.counts.asserted_stripped += u64::from(stripped && message.method() == Method::Message);
                Next::Indication(indication)
            }
            Err(status) => {
                self.count_refusal(message, status);
                self.respond(now, request, status, out);
                if request.known && request.connection.is_none() {
                    self.servers.complete_now(now, key, status, source.ip());
                }
                Next::Done
            }
        }
    }

    /// What a new request tells the application, or the status that refuses it.
    #[inline(always)] // so that what is large is made where it is to be
    fn indication<'a>(&self, request: &Request<'a>, embedded: &'a mut Slots) -> Result<Indication<'a>, u16> {
        let message = &request.message;
        let uri = self.check(message)?;
        match message.method() {
            Method::Register | Method::Message if is_encoded(message) => Err(415),
            Method::Register => Ok(Indication::Register(register::read(request, embedded)?)),
            Method::Message if self.config.side == Side::Mobile && !is_sms(message) => {
                let media_type = message.header(Name::ContentType).unwrap_or(&[]);
                let body = message.body();
                Ok(Indication::Content(Content { request: *request, media_type, body }))
            }
            Method::Message => Ok(Indication::Message(self.message_of(request, &uri)?)),
            Method::Notify => Ok(Indication::Notify(subscribe::notify(request, &self.minter)?)),
            // A peer that asks whether we are alive.
            Method::Options => Err(200),
            // RFC 3261 9.2: nothing that we answer can be cancelled, but a transaction that is here is no error.
            Method::Other(b"CANCEL") if self.servers.knows_cancelled(message) => Err(200),
            Method::Other(b"CANCEL") => Err(481),
            _ => Err(405),
        }
    }

    /// The Request-URI of a request that gets right what every one must (RFC 3261 8.2), or the status that says what is
    /// wrong.
    fn check<'a>(&self, message: &sip::Message<'a>) -> Result<Uri<'a>, u16> {
        if message.max_forwards() == Some(0) && message.method() != Method::Options {
            return Err(483);
        }
        if unsupported(message).next().is_some() {
            return Err(420);
        }
        message.target().filter(|uri| uri.scheme != Scheme::Other).ok_or(416)
    }

    fn count_refusal(&mut self, message: &sip::Message<'_>, status: u16) {
        let method = message.method();
        match status {
            200 if method == Method::Other(b"CANCEL") => self.counts.cancelled_in_vain += 1,
            400 if matches!(method, Method::Register | Method::Notify) => self.counts.bad_request += 1,
            400 => self.counts.bad_rp += 1,
            403 => self.counts.several_contacts += 1,
            405 => self.counts.bad_method += 1,
            481 if method == Method::Notify => self.counts.bad_dialogue += 1,
            481 => self.counts.cancelled += 1,
            415 if is_encoded(message) => self.counts.bad_encoding += 1,
            415 => self.counts.bad_media_type += 1,
            416 => self.counts.bad_scheme += 1,
            420 => self.counts.bad_extension += 1,
            439 => self.counts.flow_of_another += 1,
            489 => self.counts.bad_event += 1,
            483 => self.counts.too_many_hops += 1,
            _ => {}
        }
    }

    /// The SM-RP message in a MESSAGE, and who sends it.
    #[inline(always)] // as above
    fn message_of<'a>(&self, request: &Request<'a>, uri: &Uri<'a>) -> Result<Message<'a>, u16> {
        let message = &request.message;
        if !is_sms(message) {
            return Err(415);
        }
        let rpdu::Read { rp, repaired } = rpdu::read(self.config.side, message.body()).ok_or(400u16)?;
        let number = uri.digits();
        let mut asserted = [None; 3];
        let identities = asserted_uris(request).filter_map(|uri| uri.canonical());
        for (place, identity) in asserted.iter_mut().zip(identities) {
            *place = Some(identity);
        }
        Ok(Message {
            request: *request,
            asserted,
            to: uri.canonical(),
            call_id: message.call_id(),
            in_reply_to: request.in_reply_to.map(|token| {
                (token.worker, crate::base::Key { slot: token.slot, generation: token.generation })
            }),
            token: request.report_token.map(|token| {
                (token.worker, crate::base::Key { slot: token.slot, generation: token.generation })
            }),
            has_in_reply_to: message.header(Name::InReplyTo).is_some(),
            request_number: number.map(|number| Number::of_uri(number.digits, number.international)),
            repaired,
            access_network_info: message.header(Name::PAccessNetworkInfo).unwrap_or(&[]),
            rp,
        })
    }

    /// A keep-alive. Its answer, where it has one, tells the address that we see, which is longer than the request
    /// unless that is padded: then the application has to know the source.
    fn handle_keep_alive<'a>(
        &mut self,
        keep_alive: KeepAlive,
        origin: &Origin,
        out: &mut dyn Out,
    ) -> Next<'a> {
        self.counts.keep_alive += 1;
        let &Origin { source, local, .. } = origin;
        let KeepAlive::Binding(transaction) = keep_alive else { return Next::Done };
        if !origin.takes(keep_alive::binding_answer_len(source.ip())) {
            return Next::Indication(Indication::KeepAlive { source, local, transaction });
        }
        self.answer_keep_alive(source, local, &transaction, out);
        Next::Done
    }

    /// An ICMP error about a packet that claims to be ours. It counts if nobody is there, and if what it quotes is the
    /// beginning of a request that we sent by that very flow, and that is open: nobody else knows its branch but who got
    /// the request.
    pub(super) fn handle_unreachable<'a>(
        &mut self,
        now: Time,
        told: &link::Unreachable<'_>,
        out: &mut dyn Out,
    ) -> Next<'a> {
        use link::Cause::{HopLimit, Parameter, TooBig};
        if matches!(told.cause, TooBig(_) | HopLimit | Parameter) {
            return Next::Done;
        }
        let Flow { source, destination, transport: Transport::Udp { source_port, destination_port } } =
            told.flow
        else {
            return Next::Done;
        };
        let local = SocketAddr::new(source, source_port);
        let Some(token) = self.quoted_request(told).filter(|_| self.config.listen.contains(&local)) else {
            self.counts.unreachable_unproved += 1;
            return Next::Done;
        };
        if token.worker != self.config.worker && token.worker.0 < self.config.workers {
            return Next::HandOff(token.worker);
        }
        match self.clients.unreachable(token, &told.flow).filter(|_| token.worker == self.config.worker) {
            Some(user) if self.hop_lost(now, user, out) => Next::Done,
            Some(user) => {
                let remote = SocketAddr::new(destination, destination_port);
                Next::Indication(Indication::Unreachable { user, remote })
            }
            None => {
                self.counts.unreachable_unproved += 1;
                Next::Done
            }
        }
    }

    /// The request of ours that an ICMP error quotes the beginning of.
    pub(super) fn quoted_request(&self, told: &link::Unreachable<'_>) -> Option<sip::Token> {
        told.quoted.get(8..).and_then(|text| self.minter.read_quoted(text))
    }

    /// Runs the transactions' timers.
    pub(super) fn handle_timeout(&mut self, now: Time, out: &mut dyn Out) {
        self.clients.handle_timeout(now, out);
        self.servers.handle_timeout(now, out);
        while let Some((at, hop)) = self.hops.probe(now) {
            self.counts.probes += u64::from(self.ask_hop(now, at, &hop, out));
        }
    }

    /// When [`Self::handle_timeout`] has something to do, or earlier.
    pub(super) fn poll_timeout(&self) -> Time {
        self.clients
            .poll_timeout()
            .into_iter()
            .chain(self.servers.poll_timeout())
            .chain(self.hops.poll_timeout())
            .min()
            .unwrap_or(Time::NEVER)
    }

    /// The user word of a request of ours that got no final answer in time, at no hop that it could be sent to.
    pub(super) fn poll_expired(&mut self, now: Time, out: &mut dyn Out) -> Option<u64> {
        loop {
            let user = self.clients.poll_expired()?;
            if !self.hop_lost(now, user, out) {
                return Some(user);
            }
        }
    }

    /// The request that ended with this answer was one of several hops': whether it goes on to another, or was our own.
    fn hop_answered(
        &mut self,
        now: Time,
        user: u64,
        status: u16,
        answer: &sip::Message<'_>,
        out: &mut dyn Out,
    ) -> bool {
        let retry_after = answer.header(Name::RetryAfter).and_then(leading_seconds);
        if let Some(at) = probed(user) {
            self.hops.answered(now, at, status, retry_after);
            return true;
        }
        let Some((last, flow)) = self.clients.last_attempt() else { return false };
        self.hops.answered(now, last.hop, status, retry_after);
        status == 503 && self.go_on(now, &last, &flow, out)
    }

    /// The request that ended was not answered: whether it goes on to another hop, or was our own.
    fn hop_lost(&mut self, now: Time, user: u64, out: &mut dyn Out) -> bool {
        if let Some(at) = probed(user) {
            self.hops.lost(now, at);
            return true;
        }
        let Some((last, flow)) = self.clients.last_attempt() else { return false };
        self.hops.lost(now, last.hop);
        self.go_on(now, &last, &flow, out)
    }

    /// Sends the request that ended last to the next hop, if there is one.
    fn go_on(&mut self, now: Time, last: &sip::Attempt, by: &Flow, out: &mut dyn Out) -> bool {
        let next = self.hops.go_on(now, by.source, last, self.config.timers.transaction());
        let Some((attempt, hop)) = next.and_then(|next| Some((next, self.hops.get(next.hop)?))) else {
            return false;
        };
        // Via names the transport, and a peer by TLS gets nothing in clear: only one of the same kind is next.
        let own = SocketAddr::new(by.source, 0);
        let is_secure =
            match stream_flow(&self.config.streams.listen, &self.core.peers, (own, hop.address), None) {
                Some((_, Flow { transport: Transport::StreamTo { secure, .. }, .. })) => Some(secure),
                _ => None,
            };
        let is_same = match by.transport {
            Transport::StreamTo { secure: true, .. } => is_secure == Some(true),
            Transport::StreamTo { .. } => is_secure != Some(true),
            _ => is_secure.is_none(),
        };
        if !is_same {
            return false;
        }
        let to = match by.transport {
            Transport::Udp { source_port, .. } => flow(SocketAddr::new(by.source, source_port), hop.address),
            // By a stream of the same kind, which Via has named.
            Transport::StreamTo { secure, .. } => {
                let transport = Transport::StreamTo { destination_port: hop.address.port(), secure };
                Flow { source: by.source, destination: hop.address.ip(), transport }
            }
            _ => return false,
        };
        let mut room = [0; 160];
        let Some(route) = send::spell_route(hop.uri.as_str(), &mut room) else { return false };
        self.clients.send_elsewhere(now, (to, attempt), route, out)
    }

    /// The places of hops of served networks, and how each has answered this worker.
    pub fn hops(&self) -> impl Iterator<Item = &(Option<Hop>, HopState)> {
        self.hops.each()
    }

    /// What must hold between any two calls.
    pub fn assert_invariants(&self) {
        self.clients.assert_invariants();
        self.servers.assert_invariants();
    }
}

/// What a request requires and we don't have: all but outbound, where it is about a registration.
fn unsupported<'a>(message: &sip::Message<'a>) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    let registers = message.method() == Method::Register;
    let is_known = move |option: &&[u8]| registers && option.eq_ignore_ascii_case(register::OUTBOUND);
    message.values(Name::Require).filter(move |option| !is_known(option))
}

fn contains(ranges: &[IpPrefix], address: IpAddr) -> bool {
    ranges.iter().any(|range| range.contains(address))
}

/// User words of requests that the stack itself makes: OPTIONS to a hop, by its place. The application has none so great.
const PROBE: u64 = 0xff << 56;

fn probed(user: u64) -> Option<u8> {
    (user & PROBE == PROBE).then_some(user as u8)
}

/// The seconds of a Retry-After, without what may stand behind them (RFC 3261 20.33).
fn leading_seconds(value: &[u8]) -> Option<u32> {
    let digits = value.iter().map_while(|octet| octet.checked_sub(b'0').filter(|digit| *digit < 10));
    digits.fold(None, |seconds, digit| {
        Some(seconds.unwrap_or(0u32).saturating_mul(10).saturating_add(digit.into()))
    })
}

/// Whether the body is not as it is: compressed (RFC 3261 8.2.3), or in an encoding of mail's that makes text of octets, which
/// TS 24.341 5.3.1.2 has no place for.
fn is_encoded(message: &sip::Message<'_>) -> bool {
    let as_it_is = |encoding: &[u8]| {
        [&b"binary"[..], b"8bit", b"7bit"].iter().any(|plain| encoding.eq_ignore_ascii_case(plain))
    };
    let mut of_mail = message.values(Name::ContentTransferEncoding);
    !message.body().is_empty() && (message.is_encoded() || of_mail.any(|encoding| !as_it_is(encoding)))
}

/// Whether a MESSAGE says that it carries an SM-RP message.
fn is_sms(message: &sip::Message<'_>) -> bool {
    // Nearly all spell it as we do.
    message.header(Name::ContentType) == Some(SMS.as_bytes())
        || message.content_type().is_some_and(|media_type| media_type.is(SMS))
}

/// Who sends a MESSAGE, as a trusted core asserts: the served user (RFC 5502), then P-Asserted-Identity.
pub(super) fn asserted_uris<'a>(request: &Request<'a>) -> impl Iterator<Item = Uri<'a>> + use<'a> {
    let message = &request.message;
    let served = message.values(Name::PServedUser).take(1).filter_map(|it| Some(NameAddr::parse(it)?.uri));
    let uris = served.chain(message.asserted()).filter_map(Uri::of_checked);
    let known = request.known;
    uris.filter(move |_| known)
}

/// The canonical identity of a name-addr or addr-spec.
pub(super) fn identity(value: &[u8]) -> Option<Identity> {
    Uri::of_checked(NameAddr::parse(value)?.uri)?.canonical()
}

/// The wildcarded identity of a name-addr or addr-spec.
pub(super) fn wildcard(value: &[u8]) -> Option<Wildcard> {
    let uri = Uri::of_checked(NameAddr::parse(value)?.uri)?;
    // The canonical form of a number has no dots, which mean something else here.
    let text = match uri.scheme {
        Scheme::Tel => Identity::new(uri.identity_text())?,
        _ => uri.canonical()?,
    };
    Wildcard::new(text)
}

/// Whether a P-Associated-URI is that of a wildcarded identity (TS 23.003 13.4A).
pub(super) fn is_wildcarded(value: &[u8]) -> bool {
    value.iter().filter(|octet| **octet == b'!').count() > 1
}
