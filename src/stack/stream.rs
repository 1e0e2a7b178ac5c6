//! What stream threads and workers tell each other: whole SIP messages by TCP and TLS, and what became of connections.

use core::net::SocketAddr;

use super::ims::TOKEN_PARAMETER;
use crate::base::{Connection, SipKey};
use crate::ident::WorkerId;
use crate::proto::sip::{Message, Method, Minter, Name, ServerKey, Slots, Token, Uri, Why};

/// What a stream thread has for a worker.
#[derive(Debug)]
pub enum FromStream {
    /// A whole message.
    Message(StreamMessage),
    /// A request of the worker's was not answered.
    Failed(StreamFailure),
}

/// A whole message that came by a stream.
#[derive(Debug)]
pub struct StreamMessage {
    /// The connection.
    pub connection: Connection,
    /// Its other end.
    pub source: SocketAddr,
    /// Its end here.
    pub local: SocketAddr,
    /// The message.
    pub octets: Vec<u8>,
    /// Whether the peer has proved to be who its address says, or need not: without, it is a stranger.
    pub proved: bool,
    /// These are only the headers of one that is to be refused, since nobody can say where it ends: the connection is
    /// closed after the answer.
    pub refused: Option<Refused>,
}

/// Why a stream is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refused(pub(crate) Why);

impl Refused {
    /// What the framing says.
    #[must_use]
    pub const fn new(why: Why) -> Self {
        Self(why)
    }
}

/// A request of ours whose stream could not be had, or was lost before its answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StreamFailure {
    /// The request.
    pub token: Token,
    /// Whether it had left: the peer may have it.
    pub sent: bool,
}

/// What a stream thread has to know of a message to pass it on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Glance {
    /// The worker that it belongs to.
    pub worker: WorkerId,
    /// The request of ours that it answers.
    pub answers: Option<Token>,
    /// Whether it is a REGISTER.
    pub registers: bool,
    /// The port of sent-by in the topmost Via of a request, if the connection may be used for requests to there (RFC 5923).
    pub alias: Option<u16>,
}

/// Which worker a message belongs to, by the same keyed hash as the workers' own: a stream thread hands it over without a
/// detour.
pub struct Owner {
    fingerprint: SipKey,
    minter: Minter,
    workers: u8,
}

impl Owner {
    /// Of so many workers. `key` is this process's secret.
    #[must_use]
    pub fn new(key: &SipKey, workers: u8) -> Self {
        Self { fingerprint: ServerKey::secret(key), minter: Minter::new(*key), workers }
    }

    /// Looks at a message. What can't be read is refused by the first worker.
    #[must_use]
    pub fn look(&self, octets: &[u8], secure: bool, slots: &mut Slots) -> Glance {
        let nobody = Glance { worker: WorkerId(0), answers: None, registers: false, alias: None };
        let Ok(message) = Message::parse(octets, slots) else { return nobody };
        let via = message.top_via();
        if !message.is_request() {
            let answers = via.branch.and_then(|branch| self.minter.read_branch(branch));
            let answers = answers.filter(|token| token.worker.0 < self.workers);
            return Glance { worker: answers.map_or(nobody.worker, |token| token.worker), answers, ..nobody };
        }
        let default = if secure { 5061 } else { 5060 };
        let alias = via.has_alias().then(|| via.sent_by_port.unwrap_or(default));
        Glance {
            worker: owner(
                self.workers,
                ServerKey::of(&self.fingerprint, &message),
                in_reply_to(&self.minter, &message)
                    .or_else(|| token_in_request_uri(&self.minter, self.workers, &message)),
            ),
            answers: None,
            registers: message.method() == Method::Register,
            alias,
        }
    }

    /// The Flow-Timer, in seconds, that a response of ours to a REGISTER tells a UE (RFC 5626 5.4).
    #[must_use]
    pub fn flow_timer(&self, octets: &[u8], slots: &mut Slots) -> Option<u32> {
        let response =
            octets.starts_with(b"SIP/2.0 2").then(|| Message::parse(octets, slots).ok()).flatten()?;
        let value = response.header(Name::FlowTimer).filter(|_| response.method() == Method::Register)?;
        core::str::from_utf8(value).ok()?.parse().ok()
    }

    /// Which request of ours a message is that a worker gave; none if it is a response.
    #[must_use]
    pub fn sent(&self, octets: &[u8]) -> Option<Token> {
        self.minter.read_sent(octets)
    }
}

/// The worker that a request belongs to, the same for every retransmission: the one that sent what it answers, or else one
/// chosen by the transaction.
pub(super) fn owner(workers: u8, key: ServerKey, answered: Option<Token>) -> WorkerId {
    match answered {
        Some(token) if token.worker.0 < workers => token.worker,
        _ => WorkerId(key.spread(workers)),
    }
}

/// Which request of ours In-Reply-To names.
pub(super) fn in_reply_to(minter: &Minter, request: &Message<'_>) -> Option<Token> {
    request.values(Name::InReplyTo).find_map(|call_id| minter.read_call_id(call_id))
}

/// The token of ours in the Request-URI of a MESSAGE: a UE sends its report to the URI that we have asserted.
pub(super) fn token_in_request_uri(minter: &Minter, workers: u8, request: &Message<'_>) -> Option<Token> {
    let uri = request.request_uri();
    let has_one = request.method() == Method::Message
        && uri.windows(TOKEN_PARAMETER.len()).any(|part| part == TOKEN_PARAMETER.as_bytes());
    let value = Uri::of_checked(uri).filter(|_| has_one)?.param(TOKEN_PARAMETER)?;
    minter.read_tag(value).filter(|token| token.worker.0 < workers)
}
