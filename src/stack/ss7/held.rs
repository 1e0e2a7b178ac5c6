//! Operations of ours that a peer has not accepted yet: kept to be sent after the handshake, or again in an older version.

use core::time::Duration;

use super::invocation::Octets;
use crate::base::{Inline, Time};
use crate::codec::Prepend;
use crate::ident::{Digits, Imsi, Msisdn, Number, Ssn};
use crate::proto::map::subscription::UpdateLocation;
use crate::proto::map::{
    self, AddressString, DialoguePdu, MAX_UI, SmRpDa, SmRpOa, Version, context, operation,
};
use crate::proto::tcap::{AbortCause, Diagnostic, p_abort};

/// What is asked for, in no version's form yet.
#[derive(Clone, Copy)]
pub(super) enum Argument {
    /// mo-ForwardSM.
    Mo { service_centre: Number, msisdn: Option<Msisdn>, imsi: Option<Imsi>, tpdu: Inline<MAX_UI> },
    /// mt-ForwardSM.
    Mt { imsi: Imsi, service_centre: Number, tpdu: Inline<MAX_UI>, more_messages: bool },
    /// readyForSM.
    Ready(map::ReadyForSm),
    /// updateLocation.
    Location(UpdateLocation),
    /// Another, encoded by whoever asks; it can be said in one version only.
    Encoded { context: u8, version: Version, opcode: u8, argument: Octets },
}

impl Argument {
    /// The oldest and the newest version that says this.
    pub(super) fn versions(&self) -> (Version, Version) {
        match *self {
            Self::Mo { .. } | Self::Mt { .. } | Self::Location(_) => (Version::V1, Version::V3),
            // noteSubscriberPresent says no more than that.
            Self::Ready(map::ReadyForSm { reason: map::AlertReason::MsPresent, .. }) => {
                (Version::V1, Version::V3)
            }
            Self::Ready(_) => (Version::V2, Version::V3),
            Self::Encoded { version, .. } => (version, version),
        }
    }

    /// Whether another message is to follow in the dialogue.
    pub(super) fn has_more(&self) -> bool {
        matches!(self, Self::Mt { more_messages: true, .. })
    }

    /// The context and the operation's code in a version.
    pub(super) fn spelling(&self, version: Version) -> (u8, u8) {
        match *self {
            Self::Mo { .. } => (context::MO_RELAY, operation::MO_FORWARD_SM),
            Self::Mt { .. } => map::mt_forward_sm(version),
            Self::Ready(_) => map::ready_for_sm(version),
            Self::Location(_) => (context::NETWORK_LOCATION_UPDATE, operation::UPDATE_LOCATION),
            Self::Encoded { context, opcode, .. } => (context, opcode),
        }
    }

    /// Puts the argument in front, in the form of a version.
    pub(super) fn write(&self, w: &mut Prepend<'_>, version: Version) {
        match self {
            Self::Mo { service_centre, msisdn, imsi, tpdu } => {
                let originator =
                    msisdn.map_or(SmRpOa::None, |msisdn| SmRpOa::Msisdn(AddressString::from(msisdn)));
                let to = SmRpDa::ServiceCentre((*service_centre).into());
                let argument =
                    map::MoForwardSm { imsi: *imsi, ..map::MoForwardSm::new(to, originator, tpdu) };
                argument.write_in(w, version);
            }
            Self::Mt { imsi, service_centre, tpdu, more_messages } => {
                let origin = SmRpOa::ServiceCentre((*service_centre).into());
                let argument = map::MtForwardSm {
                    more_messages: *more_messages,
                    ..map::MtForwardSm::new(SmRpDa::Imsi(*imsi), origin, tpdu)
                };
                argument.write_in(w, version);
            }
            Self::Ready(ready) => ready.write_in(w, version),
            Self::Location(update) => w.bytes(&update.encode_in(version)),
            Self::Encoded { argument, .. } => w.bytes(argument),
        }
    }
}

/// An operation of ours that has not been accepted.
#[derive(Clone, Copy)]
pub(super) struct Held {
    /// Our own title and subsystem number, and those of the peer.
    pub(super) between: ((Digits, Ssn), (Digits, Ssn)),
    /// The application's word.
    pub(super) user: u64,
    /// When it has taken too long, in whatever version.
    pub(super) deadline: Time,
    /// The version that it is asked for in.
    pub(super) version: Version,
    /// Whether it is sent when the peer has accepted the dialogue; else it was sent with the Begin.
    pub(super) waits: bool,
    pub(super) argument: Argument,
}

impl Held {
    /// How much time is left.
    pub(super) fn left(&self, now: Time) -> Duration {
        self.deadline.since(now)
    }

    /// The version to ask in after the peer refused this one, if its reason says that another would do (TS 29.002 15.2.1,
    /// 15.3, 18.2.4): the alternative that it names, or else the next older one.
    pub(super) fn fallback(&self, cause: &AbortCause<'_>) -> Option<Version> {
        let (oldest, _) = self.argument.versions();
        let below = self.version.below().filter(|&version| version >= oldest);
        match *cause {
            AbortCause::Refused { diagnostic, user_information } => {
                let named = user_information.and_then(DialoguePdu::parse);
                let named = match named {
                    Some(DialoguePdu::Refuse { alternative: Some(value), .. }) => self.named(value),
                    _ => None,
                };
                let unsupported = matches!(
                    diagnostic,
                    Diagnostic::CONTEXT_NOT_SUPPORTED | Diagnostic::NO_COMMON_DIALOGUE_PORTION
                );
                named.filter(|&version| version >= oldest).or(below.filter(|_| unsupported))
            }
            // A peer of version 1 does not know what a dialogue portion is: to it the transaction portion is wrong, or its
            // user gives up without a word.
            AbortCause::Provider(p_abort::INCORRECT_TRANSACTION_PORTION) | AbortCause::Bare => below,
            _ => None,
        }
    }

    /// The version that an alternative context stands for, if it is the same operation's and older.
    fn named(&self, alternative: &[u8]) -> Option<Version> {
        let (context, version) = context::parse(alternative)?;
        let version = Version::new(version).filter(|&version| version < self.version)?;
        (self.argument.spelling(version).0 == context).then_some(version)
    }
}
