//! What the stack tells the application: one value for each message that arrived, named as the standards name it.

use core::fmt;
use core::net::SocketAddr;

use crate::base::Key;
use crate::ident::{Digits, Identity, Imsi, Msisdn, WorkerId};
use crate::proto::map::UserError;
use crate::proto::sip::{self, ServerKey};
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
    /// Where it came from.
    pub source: SocketAddr,
    /// Our address that it came to.
    pub local: SocketAddr,
}

/// A third-party REGISTER of an S-CSCF (TS 24.229 5.4.1.7).
#[derive(Clone, Copy, Debug)]
pub struct Register<'a> {
    /// What to answer.
    pub request: Request<'a>,
    /// The public user identity being registered (To), canonical.
    pub public_identity: Identity,
    /// The S-CSCF's URI (Contact).
    pub contact: Identity,
    /// Seconds of life asked for; 0 ends the registration.
    pub expires: u32,
    /// The private identity in the UE's own REGISTER, if the S-CSCF put that into the body.
    pub private_identity: Option<Identity>,
    /// The body of type `application/3gpp-ims+xml`, which may tell the MSISDN; empty if there is none.
    pub service_info: &'a [u8],
    /// P-Associated-URI as received, or empty.
    pub associated: &'a [u8],
    /// P-Access-Network-Info, or empty.
    pub access_network_info: &'a [u8],
}

/// A MESSAGE with an SM-RP message inside.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// What to answer.
    pub request: Request<'a>,
    /// Who sends it, as the trusted core asserts (P-Asserted-Identity), canonical; more than one where the core
    /// asserts a SIP and a tel URI.
    pub asserted: [Option<Identity>; 2],
    /// The Request-URI, canonical: whom the message is for, as a UE sees it.
    pub to: Option<Identity>,
    /// The request's Call-ID, for In-Reply-To.
    pub call_id: &'a [u8],
    /// Which request of ours In-Reply-To names: its worker and the application's key for it.
    pub in_reply_to: Option<(WorkerId, Key)>,
    /// Whether the request has an In-Reply-To at all, ours or not.
    pub has_in_reply_to: bool,
    /// The digits of the Request-URI, if it is a telephone number: the service centre's address (8.9 step 6).
    pub request_digits: Option<Digits>,
    /// P-Access-Network-Info, or empty.
    pub access_network_info: &'a [u8],
    /// The relay-layer message.
    pub rp: Rp<'a>,
}

/// An SM-RP message (TS 24.011 7.3), as either side sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rp<'a> {
    /// RP-DATA from the mobile: SUBMIT or COMMAND for a service centre.
    Submit {
        /// Message reference.
        reference: u8,
        /// The service centre's address (RP-DA), unless it is empty.
        service_centre: Option<Digits>,
        /// The TPDU.
        tpdu: &'a [u8],
    },
    /// RP-DATA from the network: DELIVER or STATUS-REPORT of a service centre.
    Deliver {
        /// Message reference.
        reference: u8,
        /// The service centre's address (RP-OA).
        service_centre: Option<Digits>,
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

/// A short message as MAP carries it (TS 29.002 12.2, 12.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForwardSm<'a> {
    /// SM-RP-DA of a mobile terminated message, or the originator's IMSI beside SM-RP-OA.
    pub imsi: Option<Imsi>,
    /// SM-RP-OA of a mobile originated message.
    pub msisdn: Option<Msisdn>,
    /// The service centre: SM-RP-DA of a mobile originated, SM-RP-OA of a mobile terminated message.
    pub service_centre: Option<Digits>,
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
    /// A result of forwardSM, with the TPDU of SM-RP-UI if it had one.
    Result(Option<&'a [u8]>),
    /// A result of another operation. Of a result in several parts it is the first: the others are not waited for.
    Returned {
        /// The operation's local code.
        opcode: u8,
        /// The result: a whole element, or nothing.
        result: &'a [u8],
    },
    /// A user error.
    Error(UserError<'a>),
    /// The dialogue was refused or aborted, the operation rejected, or SCCP returned the message.
    Aborted,
    /// No answer in time.
    TimedOut,
}

/// Without the octets of a result, which may be keys.
impl fmt::Debug for Outcome<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Result(tpdu) => f.debug_tuple("Result").field(tpdu).finish(),
            Self::Returned { opcode, result } => write!(f, "Returned({opcode}, {} octets)", result.len()),
            Self::Error(error) => f.debug_tuple("Error").field(error).finish(),
            Self::Aborted => f.write_str("Aborted"),
            Self::TimedOut => f.write_str("TimedOut"),
        }
    }
}

/// What happened.
#[derive(Clone, Copy, Debug)]
pub enum Indication<'a> {
    /// A third-party REGISTER.
    Register(Register<'a>),
    /// A MESSAGE with an SM-RP message.
    Message(Message<'a>),
    /// One of our SIP requests has its final answer.
    Answered {
        /// The user word given with the request.
        user: u64,
        /// The status, 408 if none came in time.
        status: u16,
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
    /// A dialogue that a peer opened has gone before we answered.
    Gone {
        /// The dialogue.
        dialogue: DialogueId,
    },
}

/// A SIP request to send: everything but its identifiers.
#[derive(Clone, Copy, Debug)]
pub struct MessageRequest<'a> {
    /// Our address.
    pub local: SocketAddr,
    /// Where it is sent: the S-CSCF.
    pub remote: SocketAddr,
    /// Request-URI and To: the user's public identity.
    pub request_uri: &'a str,
    /// Our own URI, in From and P-Asserted-Identity.
    pub from: &'a str,
    /// Route, without angle brackets.
    pub route: Option<&'a str>,
    /// The Call-ID that this answers.
    pub in_reply_to: Option<&'a [u8]>,
    /// The application's own key, which the Call-ID carries and an In-Reply-To brings back.
    pub key: Key,
    /// Towards a UE: asks for no forking and for a contact that takes short messages (TS 24.341 5.3.3.4).
    pub towards_ue: bool,
    /// P-Access-Network-Info, or empty.
    pub access_network_info: &'a [u8],
    /// What it carries.
    pub rp: Rp<'a>,
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

/// A third-party REGISTER to send, as an S-CSCF does (TS 24.229 5.4.1.7).
#[derive(Clone, Copy, Debug)]
pub struct RegisterRequest<'a> {
    /// Our address.
    pub local: SocketAddr,
    /// Where it is sent: the application server.
    pub remote: SocketAddr,
    /// Request-URI: the application server's.
    pub request_uri: &'a str,
    /// The S-CSCF's own URI, in From and Contact.
    pub from: &'a str,
    /// The public user identity being registered.
    pub to: &'a str,
    /// Seconds of life.
    pub expires: u32,
    /// The application's own key, which the Call-ID carries.
    pub key: Key,
    /// CSeq, growing from one REGISTER of a user to the next.
    pub sequence: u32,
    /// P-Access-Network-Info, or empty.
    pub access_network_info: &'a [u8],
    /// Type and octets of the body; an empty body has no type.
    pub body: (&'a str, &'a [u8]),
}
