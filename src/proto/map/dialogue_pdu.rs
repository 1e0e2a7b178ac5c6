//! MAP dialogue PDUs: what MAP's users tell each other in the user information of TCAP dialogues (TS 29.002 17.4).

use super::{AddressString, read_u8};
use crate::codec::{Prepend, Reader, ber};

/// Value of the object identifier map-DialogueAS, {0 4 0 0 1 1 1 1}.
const MAP_DIALOGUE_AS: &[u8] = &[0x04, 0x00, 0x00, 0x01, 0x01, 0x01, 0x01];

/// Why a dialogue is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum RefuseReason {
    /// No reason given.
    NoReason = 0,
    /// The destination reference is not known.
    InvalidDestinationReference = 1,
    /// The originating reference is not known.
    InvalidOriginatingReference = 2,
}

/// Why a user aborts a dialogue: tag and, where it has one, value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UserAbort {
    /// For a reason of its own.
    UserSpecific,
    /// It has too much to do.
    ResourceLimitation,
    /// It lacks a resource: 0 for a short time, 1 for a long one.
    ResourceUnavailable(u8),
    /// Its procedure ended: 0 handover cancellation, 1 radio channel release, 2 network path release, 3 call release,
    /// 4 associated procedure failure, 5 tandem dialogue release, 6 remote operations failure.
    ProcedureCancellation(u8),
}

/// A MAP dialogue PDU.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DialoguePdu<'a> {
    /// map-open, with a Begin.
    Open {
        /// Whom the dialogue concerns, for example the IMSI when a short message goes to an LMSI.
        destination: Option<AddressString>,
        /// Who asks.
        originator: Option<AddressString>,
    },
    /// map-accept, with the first answer.
    Accept,
    /// map-close, with an End.
    Close,
    /// map-refuse, with a rejecting Abort.
    Refuse {
        /// Why.
        reason: RefuseReason,
        /// The application context to try instead: value of the object identifier.
        alternative: Option<&'a [u8]>,
    },
    /// map-userAbort, with an Abort.
    UserAbort(UserAbort),
    /// map-providerAbort, with an Abort: 0 abnormal dialogue, 1 invalid PDU.
    ProviderAbort(u8),
}

impl<'a> DialoguePdu<'a> {
    /// The most octets that [`DialoguePdu::write`] needs, with an application context of 7 octets.
    pub const MAX: usize = 96;

    /// Finds the MAP dialogue PDU in user information. `None` if there is none that can be read: the dialogue goes on
    /// without it.
    #[must_use]
    pub fn parse(user_information: &'a [u8]) -> Option<Self> {
        let mut externals = Reader::new(user_information);
        while let Some(external) = ber::read(&mut externals) {
            let mut parts = Reader::new(external.value);
            if external.tag == 0x28
                && ber::read_tag(&mut parts, 0x06) == Some(MAP_DIALOGUE_AS)
                && let Some(pdu) = ber::read_tag(&mut parts, 0xa0)
            {
                return Self::read(pdu);
            }
        }
        None
    }

    fn read(pdu: &'a [u8]) -> Option<Self> {
        let pdu = ber::read(&mut Reader::new(pdu))?;
        let mut fields = Reader::new(pdu.value);
        match pdu.tag {
            0xa0 => {
                let (mut destination, mut originator) = (None, None);
                while !fields.is_empty() {
                    let field = ber::read(&mut fields)?;
                    match field.tag {
                        0x80 => destination = Some(AddressString::read(field.value)?),
                        0x81 => originator = Some(AddressString::read(field.value)?),
                        _ => {} // Extensions.
                    }
                }
                Some(Self::Open { destination, originator })
            }
            0xa1 => Some(Self::Accept),
            0xa2 => Some(Self::Close),
            0xa3 => {
                let reason = match ber::integer(ber::read_tag(&mut fields, 0x0a)?)? {
                    1 => RefuseReason::InvalidDestinationReference,
                    2 => RefuseReason::InvalidOriginatingReference,
                    _ => RefuseReason::NoReason,
                };
                let mut alternative = None;
                while !fields.is_empty() {
                    let field = ber::read(&mut fields)?;
                    if field.tag == 0x06 {
                        alternative = Some(field.value);
                    }
                }
                Some(Self::Refuse { reason, alternative })
            }
            0xa4 => {
                let choice = ber::read(&mut fields)?;
                Some(Self::UserAbort(match choice.tag {
                    0x80 => UserAbort::UserSpecific,
                    0x81 => UserAbort::ResourceLimitation,
                    0x82 => UserAbort::ResourceUnavailable(read_u8(choice.value)?),
                    0x83 => UserAbort::ProcedureCancellation(read_u8(choice.value)?),
                    _ => return None,
                }))
            }
            0xa5 => Some(Self::ProviderAbort(read_u8(ber::read_tag(&mut fields, 0x0a)?)?)),
            _ => None,
        }
    }

    /// Puts the PDU in front, in the EXTERNAL that makes it user information of a dialogue.
    pub fn write(&self, w: &mut Prepend<'_>) {
        let mark = w.len();
        let tag = match *self {
            Self::Open { destination, originator } => {
                if let Some(originator) = originator {
                    originator.put(w, 0x81);
                }
                if let Some(destination) = destination {
                    destination.put(w, 0x80);
                }
                0xa0
            }
            Self::Accept => 0xa1,
            Self::Close => 0xa2,
            Self::Refuse { reason, alternative } => {
                if let Some(alternative) = alternative {
                    ber::put(w, 0x06, alternative);
                }
                w.bytes(&[0x0a, 0x01, reason as u8]);
                0xa3
            }
            Self::UserAbort(abort) => {
                match abort {
                    UserAbort::UserSpecific => w.bytes(&[0x80, 0]),
                    UserAbort::ResourceLimitation => w.bytes(&[0x81, 0]),
                    UserAbort::ResourceUnavailable(reason) => ber::put_integer(w, 0x82, i32::from(reason)),
                    UserAbort::ProcedureCancellation(reason) => ber::put_integer(w, 0x83, i32::from(reason)),
                }
                0xa4
            }
            Self::ProviderAbort(reason) => {
                ber::put_integer(w, 0x0a, i32::from(reason));
                0xa5
            }
        };
        ber::wrap(w, tag, mark);
        ber::wrap(w, 0xa0, mark);
        ber::put(w, 0x06, MAP_DIALOGUE_AS);
        ber::wrap(w, 0x28, mark);
    }
}
