//! The IMS side: SIP transactions over UDP, and the SM-RP messages that MESSAGE carries (TS 24.341).

mod register;
mod rpdu;
mod send;
#[cfg(test)]
mod tests;

use core::net::{IpAddr, SocketAddr};

use crate::base::{Flow, Inline, Key, MalformedCounts, Out, SipKey, Time, Transport, counts};
use crate::ident::{Identity, WorkerId};
use crate::proto::link::{self, Datagram};
use crate::proto::sip::{
    self, ClientConfig, ClientTransactions, Method, Minter, Name, NameAddr, Origin, Received,
    ResponseOutcome, Scheme, ServerConfig, ServerKey, ServerTransactions, Slots, Uri,
    keep_alive::{self, KeepAlive},
};

pub use rpdu::submit_report;

use super::{Content, Indication, Message, Next, Published, Request};

/// The body type of SM-RP messages (TS 24.341 5.3.1.2).
const SMS: &str = "application/vnd.3gpp.sms";

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
        /// Requests refused with 405: a method that we don't have.
        bad_method,
        /// Requests refused with 415: MESSAGE without an SM-RP message.
        bad_media_type,
        /// Requests refused with 416: a Request-URI of another scheme.
        bad_scheme,
        /// Requests refused with 420: an extension that we don't have.
        bad_extension,
        /// Requests refused with 483.
        too_many_hops,
        /// REGISTERs refused with 403: not one contact of several is to stay, but more, or none.
        several_contacts,
        /// Requests refused with 503: no transaction free.
        full,
        /// MESSAGEs whose body is no SM-RP message, refused with 400.
        bad_rp,
        /// Requests of ours not sent because no transaction was free or they did not fit.
        not_sent,
        /// ICMP errors about SIP of ours that do not prove to be about an open request.
        unreachable_unproved,
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

/// What the IMS side of one worker is made of.
#[derive(Clone, Debug)]
pub struct ImsConfig {
    /// The worker.
    pub worker: WorkerId,
    /// How many there are.
    pub workers: u8,
    /// Which side of SM-RP.
    pub side: Side,
    /// Our addresses.
    pub listen: Vec<SocketAddr>,
    /// Hosts that are known by configuration, the S-CSCFs: a response may go there that is longer than its request.
    pub trusted: Vec<IpAddr>,
    /// The host part of Call-IDs.
    pub host: String,
    /// The longest registration that is granted, in seconds.
    pub registration_max: u32,
    /// Seconds of Retry-After with a 503.
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
    /// What was refused.
    pub counts: ImsCounts,
}

impl Ims {
    /// The IMS side of a worker. `key` is this process's secret.
    #[must_use]
    pub fn new(config: ImsConfig, key: &SipKey) -> Self {
        let minter = Minter::new(*key);
        let hosts = config.listen.iter().map(|local| (local.ip(), spell_host(local.ip()))).collect();
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
        Self {
            clients: ClientTransactions::new(clients, minter.clone()),
            servers: ServerTransactions::new(servers, key),
            minter,
            hosts,
            config,
            sequence: 1,
            counts: ImsCounts::default(),
        }
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
        let known = self.config.trusted.contains(&source.ip());
        if let Some(keep_alive) = KeepAlive::read(datagram.payload) {
            let origin = Origin { source, local, octets: datagram.payload.len(), known };
            return self.handle_keep_alive(keep_alive, &origin, out);
        }
        slots.keep_within(self.config.limits);
        embedded.keep_within(self.config.limits);
        let message = match sip::Message::parse(datagram.payload, slots) {
            Ok(message) => message,
            Err(why) => {
                malformed.add(why);
                let origin = Origin { source, local, octets: datagram.payload.len(), known };
                self.refuse_malformed(datagram.payload, why, &origin, embedded, out);
                return Next::Done;
            }
        };
        if message.is_request() {
            let (key, in_reply_to) = (self.servers.key(&message), self.in_reply_to(&message));
            let owner = self.owner(key, in_reply_to);
            if owner != self.config.worker {
                return Next::HandOff(owner);
            }
            let octets = datagram.payload.len();
            let request = Request { key, message, in_reply_to, source, local, octets, known };
            return self.handle_request(now, &request, embedded, out);
        }
        match self.clients.handle_response(now, &message) {
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
            ResponseOutcome::Final { user, status, .. } => {
                let challenge = message.header(Name::WwwAuthenticate);
                let challenge = challenge.filter(|_| self.config.side == Side::Mobile && status == 401);
                Next::Indication(match challenge {
                    Some(challenge) => Indication::Challenged { user, challenge },
                    None => Indication::Answered { user, status },
                })
            }
            ResponseOutcome::Provisional | ResponseOutcome::Absorbed | ResponseOutcome::NotOurs => Next::Done,
        }
    }

    /// The worker that a request belongs to, the same for every retransmission: the one that sent what it answers, or
    /// else one chosen by the transaction.
    fn owner(&self, key: ServerKey, in_reply_to: Option<sip::Token>) -> WorkerId {
        let workers = self.config.workers;
        match in_reply_to {
            Some(token) if token.worker.0 < workers => token.worker,
            _ => WorkerId(key.spread(workers)),
        }
    }

    fn in_reply_to(&self, request: &sip::Message<'_>) -> Option<sip::Token> {
        request.values(Name::InReplyTo).find_map(|call_id| self.minter.read_call_id(call_id))
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
        match self.servers.receive(now, key, message, source.ip()) {
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
            Received::Completed { status, known } => {
                self.counts.repeated += 1;
                self.respond(&Request { known: request.known || known, ..*request }, status, out);
                return Next::Done;
            }
            Received::Full => {
                self.counts.full += 1;
                self.respond(request, 503, out);
                return Next::Done;
            }
            Received::Legacy => {
                self.counts.bad_request += 1;
                self.respond(request, 400, out);
                return Next::Done;
            }
        }
        match self.indication(request, embedded) {
            Ok(indication) => Next::Indication(indication),
            Err(status) => {
                self.count_refusal(message.method(), status);
                self.respond(request, status, out);
                if request.known {
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
            Method::Register => Ok(Indication::Register(register::read(request, embedded)?)),
            Method::Message if self.config.side == Side::Mobile && !is_sms(message) => {
                let media_type = message.header(Name::ContentType).unwrap_or(&[]);
                let body = message.body();
                Ok(Indication::Content(Content { request: *request, media_type, body }))
            }
            Method::Message => Ok(Indication::Message(self.message_of(request, &uri)?)),
            // A peer that asks whether we are alive.
            Method::Options => Err(200),
            _ => Err(405),
        }
    }

    /// The Request-URI of a request that gets right what every one must (RFC 3261 8.2), or the status that says what is
    /// wrong.
    fn check<'a>(&self, message: &sip::Message<'a>) -> Result<Uri<'a>, u16> {
        if message.max_forwards() == Some(0) && message.method() != Method::Options {
            return Err(483);
        }
        if message.header(Name::Require).is_some() {
            return Err(420);
        }
        message.target().filter(|uri| uri.scheme != Scheme::Other).ok_or(416)
    }

    fn count_refusal(&mut self, method: Method<'_>, status: u16) {
        match status {
            400 if method == Method::Register => self.counts.bad_request += 1,
            400 => self.counts.bad_rp += 1,
            403 => self.counts.several_contacts += 1,
            405 => self.counts.bad_method += 1,
            415 => self.counts.bad_media_type += 1,
            416 => self.counts.bad_scheme += 1,
            420 => self.counts.bad_extension += 1,
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
        let rp = rpdu::read(self.config.side, message.body()).ok_or(400u16)?;
        let mut asserted = [None; 2];
        let identities = message.asserted().filter_map(|uri| Uri::of_checked(uri)?.canonical());
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
            has_in_reply_to: message.header(Name::InReplyTo).is_some(),
            request_digits: uri.digits().map(|number| number.digits),
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
    pub(super) fn handle_unreachable<'a>(&mut self, told: &link::Unreachable<'_>) -> Next<'a> {
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
        let token = told.quoted.get(8..).and_then(|text| self.minter.read_quoted(text));
        let Some(token) = token.filter(|_| self.config.listen.contains(&local)) else {
            self.counts.unreachable_unproved += 1;
            return Next::Done;
        };
        if token.worker != self.config.worker && token.worker.0 < self.config.workers {
            return Next::HandOff(token.worker);
        }
        match self.clients.unreachable(token, &told.flow).filter(|_| token.worker == self.config.worker) {
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

    /// Runs the transactions' timers.
    pub(super) fn handle_timeout(&mut self, now: Time, out: &mut dyn Out) {
        self.clients.handle_timeout(now, out);
        self.servers.handle_timeout(now, out);
    }

    /// When [`Self::handle_timeout`] has something to do, or earlier.
    pub(super) fn poll_timeout(&self) -> Time {
        self.clients
            .poll_timeout()
            .into_iter()
            .chain(self.servers.poll_timeout())
            .min()
            .unwrap_or(Time::NEVER)
    }

    /// The user word of a request of ours that got no final answer in time.
    pub(super) fn poll_expired(&mut self) -> Option<u64> {
        self.clients.poll_expired()
    }

    /// What must hold between any two calls.
    pub fn assert_invariants(&self) {
        self.clients.assert_invariants();
        self.servers.assert_invariants();
    }
}

/// Whether a MESSAGE says that it carries an SM-RP message.
fn is_sms(message: &sip::Message<'_>) -> bool {
    // Nearly all spell it as we do.
    message.header(Name::ContentType) == Some(SMS.as_bytes())
        || message.content_type().is_some_and(|media_type| media_type.is(SMS))
}

/// The canonical identity of a name-addr or addr-spec.
pub(super) fn identity(value: &[u8]) -> Option<Identity> {
    Uri::of_checked(NameAddr::parse(value)?.uri)?.canonical()
}

/// The flow of a datagram from `local` to `remote`.
fn flow(local: SocketAddr, remote: SocketAddr) -> Flow {
    Flow {
        source: local.ip(),
        destination: remote.ip(),
        transport: Transport::Udp { source_port: local.port(), destination_port: remote.port() },
    }
}

/// A host as Via names it.
fn spell_host(ip: IpAddr) -> Inline<48> {
    let text = match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    };
    Inline::new(text.as_bytes()).unwrap_or(Inline::EMPTY)
}
