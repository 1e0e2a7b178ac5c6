//! What a worker and the control thread tell each other.

use super::Network;
use super::charging::MessageEnd;
use crate::base::Connection;
use crate::ident::{Digits, Identity, Imsi, Ssn, Wildcard, WorkerId};
use crate::stack::{Asked, CoreHosts, Deferred, Screened, Subscribed, UserError};
use crate::subscriber::{AccessNetworkInfo, Binding, SubscriberId};
use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;
use std::sync::Arc;

/// From a worker to the control thread.
#[derive(Debug)]
pub enum ToControl {
    /// A registration that changes something, or a de-registration; a plain refresh stays on the worker.
    Register(Box<RegisterRequest>),
    /// A binding of this subscriber's was refreshed, and the REGISTER answered.
    Refreshed(SubscriberId),
    /// An operation that the control thread had invoked has ended.
    Ended {
        /// Its number.
        operation: u64,
        /// How.
        outcome: MapOutcome,
    },
    /// A peer has invoked an operation that is not about short messages.
    Invoked(Box<Invoked>),
    /// A UE that registered here itself can't be reached.
    Unreachable {
        /// Whose.
        subscriber: SubscriberId,
        /// Which of its bindings, as it was when it was tried: a newer registration of the same device is another.
        binding: Version,
    },
    /// A SUBSCRIBE of the control thread's has its final answer.
    Subscribed {
        /// The subscription.
        subscription: u64,
        /// The answer.
        answer: Subscribed,
    },
    /// A NOTIFY of one of the control thread's subscriptions.
    Notified(Box<Notified>),
    /// Screening has refused a message, or would: for the log.
    Screened(Screened),
    /// A delivery report matches nothing: for the log.
    Unmatched(Box<Unmatched>),
    /// A message is over: for the log.
    MessageEnded(Box<MessageEnd>),
}

/// A delivery report that matches nothing, and what was waited for instead.
#[derive(Debug)]
pub struct Unmatched {
    /// The served network that it came from.
    pub network: u16,
    /// Who has sent it, as the core asserts, or the UE's contact.
    pub sender: Option<Identity>,
    /// That subscriber's IMSI; none: he is not registered, or has none.
    pub imsi: Option<Imsi>,
    /// Its RP-MR.
    pub reference: u8,
    /// Whether it has an In-Reply-To.
    pub has_in_reply_to: bool,
    /// The IMSI of whom the message was for that In-Reply-To names, if that waits for a report; and its RP-MR.
    pub named: Option<(Option<Imsi>, u8)>,
    /// RP-MR of the message that waits for that subscriber's report.
    pub awaited: Option<u8>,
}

/// A binding as it was at some time: with the same name and another version it is a newer one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Version {
    /// Its name: [`Binding::registration`].
    pub registration: u64,
    /// Its REGISTER's Call-ID, hashed.
    pub call: u64,
    /// Its REGISTER's CSeq.
    pub sequence: u32,
}

impl Version {
    /// That of a binding.
    #[must_use]
    pub fn of(binding: &Binding) -> Self {
        Self { registration: binding.registration, call: binding.call, sequence: binding.sequence }
    }

    /// Whether `request` is older than what it is about (RFC 3261 10.3 step 7).
    #[must_use]
    pub fn is_newer_than(&self, request: &RegisterRequest) -> bool {
        self.call == request.call && self.sequence >= request.sequence
    }
}

/// From the control thread to a worker.
#[derive(Debug)]
pub enum ToWorker {
    /// What became of a registration.
    RegisterDone(Box<RegisterOutcome>),
    /// An operation to invoke.
    Invoke(Box<MapOperation>),
    /// The answer to a peer's operation.
    Answer(Box<MapAnswer>),
    /// A subscriber has registered anew whom a message had not reached.
    Present {
        /// The served network.
        network: u16,
        /// The subscriber.
        imsi: Imsi,
    },
    /// The registration of a subscriber has ended for which messages wait here; the table says how.
    Joined(Imsi),
    /// A UE is to be told that its registration has ended.
    Inform(Box<Inform>),
    /// A SUBSCRIBE to send.
    Subscribe(Box<Subscribe>),
    /// All wildcarded identities that are registered: whom nobody knows by his own may be one of these.
    Wildcards(Arc<[Wildcard]>),
    /// Where the S-CSCFs of served networks are from now on.
    Located(Arc<Located>),
    /// The answer to a NOTIFY.
    NotifyDone {
        /// The NOTIFY that waits for it.
        reply_to: Deferred,
        /// The status of the answer.
        status: u16,
    },
    /// A subsystem of the gateway goes out of service, or comes back.
    Subsystem {
        /// Which.
        ssn: Ssn,
        /// Whether it is in service from now on.
        in_service: bool,
        /// Whether this is the worker that tells other points.
        tells: bool,
    },
    /// The calendar: the second since 1970 in which the clock that workers read began.
    Calendar(u64),
    /// Finish what is under way, shut associations down and end.
    Stop,
}

/// Where the S-CSCFs of served networks are: what workers exchange as a whole.
#[derive(Clone, Debug)]
pub struct Located {
    /// The networks, each with its S-CSCFs.
    pub networks: Arc<[Network]>,
    /// The hosts of their cores, for the stack.
    pub core: Arc<CoreHosts>,
}

/// Who has sent a REGISTER.
#[derive(Clone, PartialEq, Eq)]
pub enum Registrant {
    /// The S-CSCF of a served network (8.7 step 4, 8.8 step 4), for a subscriber.
    Scscf {
        /// The network, by its place in the configuration.
        network: u16,
        /// The user name of the UE's own REGISTER, if that is embedded.
        private_identity: Option<Identity>,
        /// P-Associated-URI: the other identities of the implicitly registered set.
        associated: Vec<Identity>,
        /// The wildcarded ones of the set.
        wildcards: Vec<Wildcard>,
        /// The body of type application/3gpp-ims+xml, or the text of its service-info; empty if there is none.
        service_info: Vec<u8>,
    },
    /// A UE, for itself (8.1 step 2, 8.2.1 step 1).
    Ue(UeRegister),
}

/// What only the REGISTER of a UE tells.
#[derive(Clone, PartialEq, Eq)]
pub struct UeRegister {
    /// The To header's URI, as written: the NAI may stand there.
    pub to: Vec<u8>,
    /// The Request-URI, which a digest covers.
    pub request_uri: Vec<u8>,
    /// The Authorization headers, one for each realm.
    pub authorizations: Vec<Vec<u8>>,
    /// Whether Contact is `*`: every binding of the UE ends.
    pub wildcard: bool,
    /// Contacts that are to leave as the other one comes.
    pub leaving: Vec<Identity>,
    /// The Contact's q-value, in thousandths.
    pub q: Option<u16>,
    /// The Contact's +sip.instance, which names the device, or empty.
    pub instance: Vec<u8>,
    /// The Contact's reg-id, which names one of the device's flows (RFC 5626), where it has several.
    pub reg_id: Option<u32>,
    /// Where requests to the UE go, where that is not where the REGISTER came from.
    pub target: Option<SocketAddr>,
}

/// A REGISTER as far as the binding depends on it.
#[derive(Clone)]
pub struct RegisterRequest {
    /// Who has sent it.
    pub registrant: Registrant,
    /// The To header's public user identity.
    pub public_identity: Identity,
    /// The Contact header: the S-CSCF's URI, or the UE's; none in a REGISTER that only asks.
    pub contact: Option<Identity>,
    /// Where it came from.
    pub remote: SocketAddr,
    /// Our address that it came to.
    pub local: SocketAddr,
    /// The stream that it came by; none if it was a datagram.
    pub connection: Option<Connection>,
    /// How long it asks for, in seconds; 0 de-registers.
    pub expires_s: u32,
    /// A keyed hash of the Call-ID.
    pub call: u64,
    /// CSeq: of two REGISTERs with one Call-ID, the higher is the newer (RFC 3261 10.3).
    pub sequence: u32,
    /// P-Access-Network-Info.
    pub access_network_info: AccessNetworkInfo,
    /// The worker that waits for the outcome.
    pub worker: WorkerId,
    /// The REGISTER that waits for it.
    pub reply_to: Deferred,
    /// A keyed hash of all that the binding depends on but the expiry: the same again is a mere refresh.
    pub fingerprint: u64,
}

/// Without service-info and Authorization, which may hold anything.
impl fmt::Debug for RegisterRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegisterRequest")
            .field("direct", &matches!(self.registrant, Registrant::Ue(_)))
            .field("public_identity", &self.public_identity)
            .field("expires_s", &self.expires_s)
            .field("worker", &self.worker)
            .finish_non_exhaustive()
    }
}

/// A flow of a UE's that was registered (RFC 5626).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Flow {
    /// The Contact that it leads to.
    pub contact: Identity,
    /// The device.
    pub instance: Vec<u8>,
    /// Its number among the device's flows.
    pub reg_id: u32,
    /// Seconds that it may be silent.
    pub timer: Option<u32>,
}

/// What became of a [`RegisterRequest`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RegisterOutcome {
    /// The REGISTER that waits for it.
    pub reply_to: Deferred,
    /// The status of the answer.
    pub status: u16,
    /// The contacts that are registered now, each with its seconds.
    pub contacts: Vec<(Identity, u32)>,
    /// The flow that was registered, which is one of these.
    pub flow: Option<Flow>,
    /// WWW-Authenticate, with 401.
    pub challenges: Vec<String>,
    /// P-Associated-URI: the identities of a UE that registered here itself.
    pub associated: Vec<Identity>,
    /// Seconds after which the REGISTER may come again (Retry-After), with 503; none: what is configured.
    pub retry_after: Option<u32>,
    /// Date.
    pub date: Option<String>,
}

/// An operation to invoke in a dialogue of its own.
#[derive(Clone, PartialEq, Eq)]
pub struct MapOperation {
    /// Its number, below 2^56, which comes back with its end.
    pub operation: u64,
    /// Our own title and subsystem.
    pub from: (Digits, Ssn),
    /// The HLR's.
    pub to: (Digits, Ssn),
    /// The application context.
    pub context: &'static [u8],
    /// The operation code.
    pub opcode: u8,
    /// The argument, encoded.
    pub argument: Vec<u8>,
    /// How long it may take.
    pub timeout: Duration,
}

/// Without the argument, which tells numbers.
impl fmt::Debug for MapOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapOperation")
            .field("operation", &self.operation)
            .field("opcode", &self.opcode)
            .finish_non_exhaustive()
    }
}

/// How an operation of the control thread's ended.
#[derive(Clone, PartialEq, Eq)]
pub enum MapOutcome {
    /// A result, encoded; empty if there was none.
    Returned(Vec<u8>),
    /// A user error, by its code.
    Error(u8),
    /// The dialogue was refused or aborted, the operation rejected, or SCCP returned the message.
    Aborted,
    /// No answer in time.
    TimedOut,
    /// It could not be sent.
    NotSent,
}

/// Without the result, which may hold keys.
impl fmt::Debug for MapOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Returned(_) => f.write_str("Returned"),
            Self::Error(code) => write!(f, "Error({code})"),
            Self::Aborted => f.write_str("Aborted"),
            Self::TimedOut => f.write_str("TimedOut"),
            Self::NotSent => f.write_str("NotSent"),
        }
    }
}

/// An operation that a peer has invoked, in a dialogue that it opened or in one of the control thread's operations.
#[derive(Clone, PartialEq, Eq)]
pub struct Invoked {
    /// Whom to answer.
    pub asked: Asked,
    /// The operation of ours in whose dialogue it came.
    pub within: Option<u64>,
    /// The operation code.
    pub opcode: u8,
    /// The argument, encoded.
    pub argument: Vec<u8>,
}

/// Without the argument, which tells numbers.
impl fmt::Debug for Invoked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invoked")
            .field("within", &self.within)
            .field("opcode", &self.opcode)
            .finish_non_exhaustive()
    }
}

/// The answer to an [`Invoked`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MapAnswer {
    /// Whom to answer.
    pub asked: Asked,
    /// The operation code.
    pub opcode: u8,
    /// The result, encoded, if the operation has one; or the error.
    pub answer: Result<Option<Vec<u8>>, UserError<'static>>,
}

/// A SUBSCRIBE to send to an S-CSCF (TS 24.341 5.3.3.2, RFC 3680).
#[derive(Clone, PartialEq, Eq)]
pub struct Subscribe {
    /// The subscription's number, below 2^56: its answers and NOTIFYs come back under it.
    pub subscription: u64,
    /// The served network.
    pub network: u16,
    /// Our address.
    pub local: SocketAddr,
    /// The S-CSCF's.
    pub remote: SocketAddr,
    /// Request-URI.
    pub request_uri: String,
    /// The public identity that is watched.
    pub to: Identity,
    /// The S-CSCF's tag within the dialogue; empty before there is one.
    pub to_tag: Vec<u8>,
    /// The URIs of Route.
    pub routes: Vec<String>,
    /// Seconds of life asked for; 0 ends the subscription.
    pub expires: u32,
    /// CSeq.
    pub sequence: u32,
}

/// Without the identities.
impl fmt::Debug for Subscribe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscribe")
            .field("subscription", &self.subscription)
            .field("expires", &self.expires)
            .field("sequence", &self.sequence)
            .finish_non_exhaustive()
    }
}

/// A NOTIFY from an S-CSCF.
#[derive(Clone, PartialEq, Eq)]
pub struct Notified {
    /// The number of the subscription that it names.
    pub subscription: u64,
    /// From's tag.
    pub remote_tag: Vec<u8>,
    /// CSeq.
    pub sequence: u32,
    /// Subscription-State.
    pub state: Vec<u8>,
    /// The URI of Contact.
    pub contact: Option<String>,
    /// The URIs of Record-Route; `None` if they are too many, or too long.
    pub routes: Option<Vec<String>>,
    /// The document; empty if there is none.
    pub body: Vec<u8>,
    /// The worker that waits for the answer.
    pub worker: WorkerId,
    /// The NOTIFY that waits for it.
    pub reply_to: Deferred,
}

/// Without what it says about users.
impl fmt::Debug for Notified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notified")
            .field("subscription", &self.subscription)
            .field("sequence", &self.sequence)
            .field("octets", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// What a UE is told that has been de-registered (8.2.2 step 4).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Inform {
    /// The served network.
    pub network: u16,
    /// Our address.
    pub local: SocketAddr,
    /// Where the UE is.
    pub remote: SocketAddr,
    /// Its stream, if it registered by one.
    pub connection: Option<Connection>,
    /// Its contact.
    pub contact: Identity,
    /// Whom it is about.
    pub identity: Identity,
    /// Type and octets of what it is told.
    pub content: (&'static str, Vec<u8>),
}
