//! What the stack tells the application: one value for each message that arrived, named as the standards name it.

use core::fmt;
use core::net::SocketAddr;

use crate::base::{Connection, Key};
use crate::ident::{Identity, Imsi, Msisdn, Number, Wildcard, WorkerId};
use crate::proto::map::{UserError, Version};
use crate::proto::sccp::Cause as ReturnCause;
use crate::proto::sip::{self, ChargingVector, ServerKey};
use crate::proto::tcap::DialogueId;

/// A SIP request whose final answer the application owes: answer it in the same turn, or defer it.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The server transaction.
    pub(crate) key: ServerKey,
    /// The request itself, from which the answer is made.
    pub(crate) message: sip::Message<'a>,
    /// Which request of ours In-Reply-To names.
    pub(crate) in_reply_to: Option<sip::Token>,
    /// Which request of ours the Request-URI names.
    pub(crate) report_token: Option<sip::Token>,
    /// Where it came from.
    pub source: SocketAddr,
    /// Our address that it came to.
    pub local: SocketAddr,
    /// Octets of its datagram.
    pub octets: usize,
    /// Whether the source is known: see [`Request::from_known`].
    pub(crate) known: bool,
    /// Whether it comes from one of [`super::ImsConfig::trusted`], which has proved so where it has to.
    pub trusted: bool,
    /// The stream that it came by; none if it is a datagram.
    pub connection: Option<Connection>,
}

impl Request<'_> {
    /// The same request, from a source that is known: it has shown that what is sent there arrives (a binding's
    /// address), or the operator says so. Only to such a source does a response go that is longer than its request, and
    /// only its requests are remembered after their answer (but for a 2xx, which always is). The stack itself knows
    /// those of [`super::ImsConfig::trusted`].
    #[must_use]
    pub const fn from_known(self) -> Self {
        Self { known: true, ..self }
    }

    /// What the transaction layer has to know of where it came from.
    pub(crate) const fn origin(&self) -> sip::Origin {
        let Self { source, local, octets, known, connection, .. } = *self;
        sip::Origin { source, local, octets, known, connection }
    }
}

/// A REGISTER: an S-CSCF's for one of its users (TS 24.229 5.4.1.7), or a UE's own, with direct access. Which of the two
/// is told by its source.
#[derive(Clone, Copy, Debug)]
pub struct Register<'a> {
    /// What to answer.
    pub request: Request<'a>,
    /// The public user identity being registered (To), canonical.
    pub public_identity: Identity,
    /// The URI of To as it is spelt.
    pub to_uri: &'a [u8],
    /// The Request-URI.
    pub request_uri: &'a [u8],
    /// The URI of the Contact that is to stay, or the only one: the S-CSCF's, or the UE's. Without one, and without
    /// [`Register::contact_wildcard`], the REGISTER is a query (RFC 3261 10.2.3).
    pub contact: Option<Identity>,
    /// Contact's host and port, if the host is an IP address; behind a NAT it is not where the UE can be reached. None
    /// from those of [`super::ImsConfig::trusted`].
    pub contact_address: Option<SocketAddr>,
    /// Contact's `q`, in thousandths.
    pub contact_q: Option<u16>,
    /// `Contact: *` with `Expires: 0`: all bindings end (RFC 3261 10.2.2).
    pub contact_wildcard: bool,
    /// Contact's `+sip.instance` without quotes, or empty.
    pub instance: &'a [u8],
    /// Contact's `reg-id`, if this is a UE's flow as RFC 5626 has it: it comes from the UE itself, with an instance, and
    /// `outbound` among what it supports.
    pub reg_id: Option<u32>,
    /// Seconds of life asked for, by Contact's parameter, else by Expires, else 3600 (RFC 3261 10.3); 0 ends the
    /// registration.
    pub expires: u32,
    /// The value of the first Authorization, perhaps folded.
    pub authorization: Option<&'a [u8]>,
    /// The Call-ID.
    pub call_id: &'a [u8],
    /// The number of CSeq.
    pub cseq: u32,
    /// Whether the topmost Via asks for `rport` (RFC 3581).
    pub rport: bool,
    /// The private identity in the UE's own REGISTER, if the S-CSCF put that into the body.
    pub private_identity: Option<Identity>,
    /// The value of Contact in the UE's own REGISTER, if the S-CSCF put that into the body; else empty.
    pub ue_contact: &'a [u8],
    /// The answer to the UE's own REGISTER, if the S-CSCF put that into the body (a `message/sip` part); or empty.
    pub response: &'a [u8],
    /// The body of type `application/3gpp-ims+xml`, which may tell the MSISDN; empty if there is none.
    pub service_info: &'a [u8],
    /// P-Access-Network-Info, or empty.
    pub access_network_info: &'a [u8],
}

impl<'a> Register<'a> {
    /// The values of all P-Associated-URI headers, as they are spelt.
    pub fn associated_values(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.request.message.values(sip::Name::PAssociatedUri)
    }

    /// The values of all Authorization headers, perhaps folded: one for each realm (RFC 3261 22.3).
    pub fn authorizations(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.request.message.lines(sip::Name::Authorization)
    }

    /// The feature tags of the UE's own Contact (RFC 3840 9), each with its value as it is spelt, or empty.
    pub fn features(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let contact = sip::NameAddr::parse(self.ue_contact);
        let params = contact.into_iter().flat_map(|contact| contact.params);
        let tags = params.filter(|param| param.name.starts_with(b"+"));
        tags.map(|param| (param.name, param.value.unwrap_or(&[])))
    }

    /// The URIs of further Contacts, which are to leave as [`Register::contact`] comes.
    pub fn leaving(&self) -> impl Iterator<Item = Identity> + use<'a> {
        let stays = self.contact;
        let contacts = self.request.message.contacts();
        contacts.filter_map(|contact| Identity::new(contact.uri)).filter(move |uri| Some(*uri) != stays)
    }

    /// Visits the canonical identities in P-Associated-URI of the answer to the UE's own REGISTER, if that is in the body: the
    /// implicitly registered set (TS 24.229 5.4.1.2.2).
    pub fn each_answered(&self, visit: &mut dyn FnMut(Identity)) {
        if self.response.is_empty() {
            return;
        }
        let mut slots = sip::Slots::new();
        if let Ok(response) = sip::Message::parse(self.response, &mut slots)
            && response.status().is_some_and(|status| (200..300).contains(&status))
        {
            response.values(sip::Name::PAssociatedUri).filter_map(super::ims::identity).for_each(visit);
        }
    }

    /// The canonical identities in P-Associated-URI but the wildcarded ones.
    pub fn associated(&self) -> impl Iterator<Item = Identity> + use<'a> {
        self.associated_values().filter(|it| !super::ims::is_wildcarded(it)).filter_map(super::ims::identity)
    }

    /// The wildcarded identities in P-Associated-URI; `None` for one whose expression is not known.
    pub fn wildcards(&self) -> impl Iterator<Item = Option<Wildcard>> + use<'a> {
        self.associated_values().filter(|it| super::ims::is_wildcarded(it)).map(super::ims::wildcard)
    }
}

/// A MESSAGE with an SM-RP message inside.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// What to answer.
    pub request: Request<'a>,
    /// Who sends it, as the trusted core asserts, canonical: the served user (P-Served-User, RFC 5502) first, then
    /// P-Asserted-Identity, of which there is more than one where the core asserts a SIP and a tel URI.
    pub asserted: [Option<Identity>; 3],
    /// The Request-URI, canonical: whom the message is for, as a UE sees it.
    pub to: Option<Identity>,
    /// The request's Call-ID, for In-Reply-To.
    pub call_id: &'a [u8],
    /// Which request of ours In-Reply-To names: its worker and the application's key for it.
    pub in_reply_to: Option<(WorkerId, Key)>,
    /// Which request of ours the token in the Request-URI names ([`super::Stack::report_token`]).
    pub token: Option<(WorkerId, Key)>,
    /// Whether the request has an In-Reply-To at all, ours or not.
    pub has_in_reply_to: bool,
    /// The number in the Request-URI, if it is one: the service centre's address (8.9 step 6).
    pub request_number: Option<Number>,
    /// Of the relay-layer message, a report, only part could be read.
    pub repaired: bool,
    /// P-Access-Network-Info, or empty.
    pub access_network_info: &'a [u8],
    /// The relay-layer message.
    pub rp: Rp<'a>,
}

impl Message<'_> {
    /// P-Charging-Vector, if it has one that names the request.
    #[must_use]
    pub fn charging_vector(&self) -> Option<ChargingVector<'_>> {
        ChargingVector::parse(self.request.message.header(sip::Name::PChargingVector)?)
    }

    /// Those of [`Message::asserted`] that are telephone numbers, each with its number.
    pub fn asserted_numbers(&self) -> impl Iterator<Item = (Identity, Number)> {
        super::ims::asserted_uris(&self.request).filter_map(|uri| {
            let number = uri.digits()?;
            Some((uri.canonical()?, Number::of_uri(number.digits, number.international)))
        })
    }
}

/// A MESSAGE to a UE with other content than an SM-RP message.
#[derive(Clone, Copy, Debug)]
pub struct Content<'a> {
    /// What to answer.
    pub request: Request<'a>,
    /// Content-Type, or empty.
    pub media_type: &'a [u8],
    /// The content.
    pub body: &'a [u8],
}

/// An SM-RP message (TS 24.011 7.3), as either side sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rp<'a> {
    /// RP-DATA from the mobile: SUBMIT or COMMAND for a service centre.
    Submit {
        /// Message reference.
        reference: u8,
        /// The service centre's address (RP-DA), unless it is empty.
        service_centre: Option<Number>,
        /// The TPDU.
        tpdu: &'a [u8],
    },
    /// RP-DATA from the network: DELIVER or STATUS-REPORT of a service centre.
    Deliver {
        /// Message reference.
        reference: u8,
        /// The service centre's address (RP-OA).
        service_centre: Option<Number>,
        /// The TPDU.
        tpdu: &'a [u8],
    },
    /// RP-ACK.
    Ack {
        /// Reference of the message it answers.
        reference: u8,
        /// DELIVER-REPORT or SUBMIT-REPORT.
        tpdu: Option<&'a [u8]>,
    },
    /// RP-ERROR.
    Error {
        /// Reference of the message it answers.
        reference: u8,
        /// RP-Cause (TS 24.011 table 8.4).
        cause: u8,
        /// DELIVER-REPORT or SUBMIT-REPORT.
        tpdu: Option<&'a [u8]>,
    },
    /// RP-SMMA: the mobile has memory again.
    MemoryAvailable {
        /// Message reference.
        reference: u8,
    },
    /// Not an SM-RP message that the sender may send: answered with RP-ERROR `cause` where it has a reference.
    Faulty {
        /// Message reference.
        reference: u8,
        /// 81, 95 to 99 or 111.
        cause: u8,
    },
}

impl Rp<'_> {
    /// Its message reference, or that of the message it answers.
    #[must_use]
    pub const fn reference(&self) -> u8 {
        match *self {
            Self::Submit { reference, .. }
            | Self::Deliver { reference, .. }
            | Self::Ack { reference, .. }
            | Self::Error { reference, .. }
            | Self::MemoryAvailable { reference }
            | Self::Faulty { reference, .. } => reference,
        }
    }
}

/// A short message as MAP carries it (TS 29.002 12.2, 12.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForwardSm<'a> {
    /// SM-RP-DA of a mobile terminated message, or the originator's IMSI beside SM-RP-OA.
    pub imsi: Option<Imsi>,
    /// SM-RP-OA of a mobile originated message.
    pub msisdn: Option<Msisdn>,
    /// The service centre: SM-RP-DA of a mobile originated, SM-RP-OA of a mobile terminated message.
    pub service_centre: Option<Number>,
    /// SM-RP-UI, the TPDU.
    pub tpdu: &'a [u8],
    /// More messages wait (mt-forwardSM).
    pub more_messages: bool,
}

/// An operation that a peer invoked.
#[derive(Clone, Copy, Debug)]
pub struct Invoke<'a> {
    /// Whom to answer.
    pub asked: Asked,
    /// What is asked.
    pub operation: Operation<'a>,
    /// The word of our own dialogue that it came in, if it came in one of ours.
    pub within: Option<u64>,
    /// The version of MAP that it is asked in.
    pub version: Version,
}

/// What a peer may ask.
#[derive(Clone, Copy)]
pub enum Operation<'a> {
    /// mt-forwardSM, from an SMS-GMSC.
    MtForwardSm(ForwardSm<'a>),
    /// mo-forwardSM, as an SMS-IWMSC gets it.
    MoForwardSm(ForwardSm<'a>),
    /// Another that is offered, its argument unread.
    Other {
        /// The operation's local code.
        opcode: u8,
        /// The argument: a whole element, or nothing.
        argument: &'a [u8],
    },
}

/// Without the octets of an argument: they may be private.
impl fmt::Debug for Operation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MtForwardSm(forward) => f.debug_tuple("MtForwardSm").field(forward).finish(),
            Self::MoForwardSm(forward) => f.debug_tuple("MoForwardSm").field(forward).finish(),
            Self::Other { opcode, argument } => write!(f, "Other({opcode}, {} octets)", argument.len()),
        }
    }
}

/// How an operation that we invoked ended.
#[derive(Clone, Copy)]
pub enum Outcome<'a> {
    /// A result of forwardSM.
    Result {
        /// The TPDU of SM-RP-UI, if there is one.
        tpdu: Option<&'a [u8]>,
        /// The dialogue, which the peer left open for the message that is to follow this one (moreMessagesToSend).
        open: Option<DialogueId>,
    },
    /// A result of another operation. Of a result in several parts it is the first: the others are not waited for.
    Returned {
        /// The operation's local code.
        opcode: u8,
        /// The result: a whole element, or nothing.
        result: &'a [u8],
    },
    /// A user error.
    Error(UserError<'a>),
    /// SCCP returned the message for this cause: the operation did not reach the peer.
    NotDelivered(ReturnCause),
    /// The dialogue was refused or aborted, or the operation rejected.
    Aborted,
    /// No answer in time.
    TimedOut,
}

/// Without the octets of a result, which may be keys.
impl fmt::Debug for Outcome<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Result { tpdu, open } => f.debug_tuple("Result").field(tpdu).field(open).finish(),
            Self::Returned { opcode, result } => write!(f, "Returned({opcode}, {} octets)", result.len()),
            Self::Error(error) => f.debug_tuple("Error").field(error).finish(),
            Self::NotDelivered(cause) => write!(f, "NotDelivered({})", cause.0),
            Self::Aborted => f.write_str("Aborted"),
            Self::TimedOut => f.write_str("TimedOut"),
        }
    }
}

/// A NOTIFY of a subscription of ours (RFC 6665 4.1.3): we minted its Call-ID and the tag of To, which belong together.
#[derive(Clone, Copy, Debug)]
pub struct Notify<'a> {
    /// What to answer.
    pub request: Request<'a>,
    /// The application's key of the SUBSCRIBE that it belongs to.
    pub key: Key,
    /// From's tag, which names the dialogue at the peer; empty if there is none.
    pub remote_tag: &'a [u8],
    /// The number of CSeq.
    pub cseq: u32,
    /// Subscription-State, perhaps folded; empty if there is none.
    pub state: &'a [u8],
    /// The URI of Contact, the peer's target from now on.
    pub contact: Option<&'a [u8]>,
    /// The document, of the type that was asked for; empty if there is none.
    pub body: &'a [u8],
}

impl<'a> Notify<'a> {
    /// The URIs of Record-Route in their order, which is the route set of who gets the first request of a dialogue (RFC
    /// 3261 12.1.1).
    pub fn routes(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.request.message.addresses(sip::Name::RecordRoute).map(|route| route.uri)
    }
}

/// A SUBSCRIBE to send for the event package `reg` (RFC 6665 4.1.2, RFC 3680 4): the first, or one within its dialogue.
#[derive(Clone, Copy)]
pub struct SubscribeRequest<'a> {
    /// Our address.
    pub local: SocketAddr,
    /// Where it is sent: the S-CSCF.
    pub remote: SocketAddr,
    /// Request-URI: the public identity, or the peer's target within the dialogue.
    pub request_uri: &'a str,
    /// The public identity that is watched.
    pub to: &'a str,
    /// The peer's tag within the dialogue; empty before there is one.
    pub to_tag: &'a [u8],
    /// Our own URI, in From and P-Asserted-Identity.
    pub from: &'a str,
    /// The values of Route, each as it stands in the header.
    pub routes: &'a [&'a [u8]],
    /// Seconds of life asked for; 0 ends the subscription.
    pub expires: u32,
    /// The application's own key, which the Call-ID and our tag carry.
    pub key: Key,
    /// CSeq, growing from one SUBSCRIBE of a dialogue to the next.
    pub sequence: u32,
}

/// The final answer to a SUBSCRIBE (RFC 6665 4.1.2).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Subscribed {
    /// The status, 408 if none came in time.
    pub status: u16,
    /// Seconds of life granted (2xx).
    pub expires: Option<u32>,
    /// The fewest seconds of life that would be granted (423).
    pub min_expires: Option<u32>,
    /// Seconds after which another try may succeed (Retry-After).
    pub retry_after: Option<u32>,
}

/// What happened.
#[derive(Clone, Copy, Debug)]
pub enum Indication<'a> {
    /// A REGISTER.
    Register(Register<'a>),
    /// A MESSAGE with an SM-RP message.
    Message(Message<'a>),
    /// One of our SIP requests has its final answer.
    Answered {
        /// The user word given with the request.
        user: u64,
        /// The status, 408 if none came in time.
        status: u16,
        /// The SM-RP message in the body of a 2xx, where no procedure has one.
        report: Option<Rp<'a>>,
        /// P-Charging-Vector of the answer.
        charging: Option<ChargingVector<'a>>,
    },
    /// A UE's own REGISTER of ours was answered 401 with a challenge: it has ended.
    Challenged {
        /// The user word given with the request.
        user: u64,
        /// The value of the first WWW-Authenticate, perhaps folded.
        challenge: &'a [u8],
    },
    /// A PUBLISH of ours has its final answer, if one came in time; else there is [`Indication::Answered`].
    Published {
        /// The user word given with the request.
        user: u64,
        /// The answer.
        answer: Published<'a>,
    },
    /// A SUBSCRIBE of ours has its final answer, if one came in time; else there is [`Indication::Answered`].
    Subscribed {
        /// The user word given with the request.
        user: u64,
        /// The answer.
        answer: Subscribed,
    },
    /// A NOTIFY of a subscription of ours.
    Notify(Notify<'a>),
    /// A MESSAGE to a UE with other content than an SM-RP message.
    Content(Content<'a>),
    /// One of our SIP requests can't be delivered, as ICMP tells about that very request: it has ended.
    Unreachable {
        /// The user word given with the request.
        user: u64,
        /// Where it was sent.
        remote: SocketAddr,
    },
    /// A STUN Binding request whose answer is longer, from a source that the stack does not know: if the application
    /// does, it calls [`super::Stack::answer_keep_alive`].
    KeepAlive {
        /// Where it came from.
        source: SocketAddr,
        /// Our address that it came to.
        local: SocketAddr,
        /// STUN's transaction id.
        transaction: [u8; 12],
    },
    /// A peer invoked an operation.
    Invoke(Invoke<'a>),
    /// An operation that we invoked has ended.
    Ended {
        /// The user word given with it.
        user: u64,
        /// How.
        outcome: Outcome<'a>,
    },
    /// A dialogue that a peer opened has gone before we answered, or before the message that was to follow in it.
    Gone {
        /// The dialogue.
        dialogue: DialogueId,
        /// Whether an answer of ours was awaited.
        is_owed: bool,
        /// Whom another message was to follow for, if it is known.
        more_for: Option<Imsi>,
    },
}

/// A SIP request to send: everything but its identifiers.
#[derive(Clone, Copy, Debug)]
pub struct MessageRequest<'a> {
    /// Our address.
    pub local: SocketAddr,
    /// Where it is sent: the S-CSCF, or the UE with direct access.
    pub remote: SocketAddr,
    /// The UE's own stream, by which alone it can be reached (RFC 5626); none if it registered by UDP, or towards the core.
    pub connection: Option<Connection>,
    /// Request-URI: the user's public identity, or with direct access the UE's contact.
    pub request_uri: &'a str,
    /// To: the user's public identity, where the Request-URI is another.
    pub to: Option<&'a str>,
    /// Our own URI, in From.
    pub from: &'a str,
    /// Whether P-Asserted-Identity says the same (RFC 3325). It does so towards the core; and towards a UE that is told
    /// it: the UE sends its report there (TS 24.341 5.3.2.4), and no privacy is asked for our own identity.
    pub asserted: bool,
    /// Route, without angle brackets; none with direct access.
    pub route: Option<&'a str>,
    /// The Call-ID that this answers.
    pub in_reply_to: Option<&'a [u8]>,
    /// The application's own key, which the Call-ID carries and an In-Reply-To brings back.
    pub key: Key,
    /// Towards a UE through the core: asks for no forking and for a contact that takes short messages (TS 24.341
    /// 5.3.3.4). There is nobody to ask with direct access.
    pub towards_ue: bool,
    /// P-Access-Network-Info, or empty.
    pub access_network_info: &'a [u8],
    /// P-Charging-Vector towards the core: our identity for the request (icid-value), and the network that it comes from
    /// (orig-ioi), or empty.
    pub charging: Option<(&'a [u8], &'a [u8])>,
    /// What it carries.
    pub rp: Rp<'a>,
}

/// A MESSAGE with any content, to a UE with direct access.
#[derive(Clone, Copy)]
pub struct InformRequest<'a> {
    /// Our address.
    pub local: SocketAddr,
    /// Where it is sent.
    pub remote: SocketAddr,
    /// The UE's own stream, if it registered by one.
    pub connection: Option<Connection>,
    /// Request-URI: the UE's contact.
    pub request_uri: &'a str,
    /// To: the user's public identity.
    pub to: &'a str,
    /// Our own URI, in From.
    pub from: &'a str,
    /// The application's own key, which the Call-ID carries and an In-Reply-To brings back.
    pub key: Key,
    /// Content-Type, as in `text/plain;charset=UTF-8`.
    pub content_type: &'a str,
    /// The content.
    pub body: &'a [u8],
}

/// A PUBLISH to send (RFC 3903 4). Without a body, it refreshes what was published before; with one and without
/// [`PublishRequest::if_match`], it is the first.
#[derive(Clone, Copy)]
pub struct PublishRequest<'a> {
    /// Our address.
    pub local: SocketAddr,
    /// Where it is sent: the event state compositor.
    pub remote: SocketAddr,
    /// Whose state it is: Request-URI, From and To.
    pub uri: &'a str,
    /// Event: the event package.
    pub event: &'a str,
    /// Seconds of life that are asked for.
    pub expires: u32,
    /// SIP-If-Match: the entity tag of what was published before.
    pub if_match: Option<&'a str>,
    /// The application's own key, which the Call-ID carries.
    pub key: Key,
    /// Type and octets of the body; an empty body has no type.
    pub body: (&'a str, &'a [u8]),
}

/// The final answer to a PUBLISH (RFC 3903 6).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Published<'a> {
    /// The status.
    pub status: u16,
    /// SIP-ETag: the entity tag of what is published now (2xx).
    pub etag: Option<&'a [u8]>,
    /// Seconds of life granted (2xx).
    pub expires: Option<u32>,
    /// The fewest seconds of life that would be granted (423).
    pub min_expires: Option<u32>,
}

/// What the final answer to a deferred request carries beside what follows from the request.
#[derive(Clone, Copy, Default)]
pub struct Answer<'a> {
    /// Contact: URIs and their seconds of life (200 to REGISTER).
    pub contacts: &'a [(&'a str, u32)],
    /// The flow that was registered (200 to REGISTER): it is required to be one, as RFC 5626 6 has it.
    pub flow: Option<RegisteredFlow<'a>>,
    /// Values of WWW-Authenticate, each a header of its own (401).
    pub challenges: &'a [&'a str],
    /// P-Associated-URI (200 to REGISTER).
    pub associated: &'a [Identity],
    /// Retry-After in seconds; a 503 has what is configured without it.
    pub retry_after: Option<u32>,
    /// Min-Expires in seconds (423).
    pub min_expires: Option<u32>,
    /// Date, as RFC 3261 20.17 spells it.
    pub date: Option<&'a str>,
    /// The request has shown that its source gets what is sent there: it brought back a nonce. As
    /// [`Request::from_known`], after the deferral.
    pub known: bool,
}

impl Answer<'_> {
    /// Whether a retransmission's answer can't be made from the request again.
    pub(crate) const fn is_whole(&self) -> bool {
        !self.contacts.is_empty()
            || !self.challenges.is_empty()
            || !self.associated.is_empty()
            || self.retry_after.is_some()
            || self.min_expires.is_some()
            || self.date.is_some()
    }
}

/// A flow of a UE's, as the answer to its REGISTER names it.
#[derive(Clone, Copy, Debug)]
pub struct RegisteredFlow<'a> {
    /// Which of the contacts it is, by its place.
    pub contact: usize,
    /// `+sip.instance`, without quotes.
    pub instance: &'a [u8],
    /// `reg-id`.
    pub reg_id: u32,
    /// Flow-Timer, in seconds: how long it may be silent.
    pub timer: Option<u32>,
}

/// A dialogue of some worker and the invoke in it that waits for an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Asked {
    /// The worker that has the dialogue.
    pub worker: WorkerId,
    /// The dialogue.
    pub dialogue: DialogueId,
    /// The invoke.
    pub invoke_id: i8,
}

/// A REGISTER to send: a third party's, as an S-CSCF does (TS 24.229 5.4.1.7), or a UE's own (RFC 3261 10.2).
#[derive(Clone, Copy, Debug)]
pub struct RegisterRequest<'a> {
    /// Our address.
    pub local: SocketAddr,
    /// Where it is sent: the application server.
    pub remote: SocketAddr,
    /// Request-URI: the application server's.
    pub request_uri: &'a str,
    /// The S-CSCF's own URI, or the UE's public identity, in From.
    pub from: &'a str,
    /// The public user identity being registered.
    pub to: &'a str,
    /// Seconds of life.
    pub expires: u32,
    /// The value of Contact; none: the URI in From.
    pub contact: Option<&'a str>,
    /// The value of Authorization.
    pub authorization: Option<&'a str>,
    /// The application's own key, which the Call-ID carries.
    pub key: Key,
    /// CSeq, growing from one REGISTER of a user to the next.
    pub sequence: u32,
    /// P-Access-Network-Info, or empty.
    pub access_network_info: &'a [u8],
    /// Type and octets of the body; an empty body has no type.
    pub body: (&'a str, &'a [u8]),
}
