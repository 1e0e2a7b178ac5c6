//! User errors (TS 29.002 17.6, 17.7.7): how an operation fails, and the parameters that say more.

use super::{Fields, Version, Why, put_imsi, put_null, read_imsi, read_u8, read_u32};
use crate::base::{Layer, Malformed};
use crate::codec::{Prepend, Reader, ber};
use crate::ident::Imsi;

/// Local codes of errors (TS 29.002 17.6).
pub mod error_code {
    /// unknownSubscriber.
    pub const UNKNOWN_SUBSCRIBER: u8 = 1;
    /// unidentifiedSubscriber.
    pub const UNIDENTIFIED_SUBSCRIBER: u8 = 5;
    /// absentSubscriberSM.
    pub const ABSENT_SUBSCRIBER_SM: u8 = 6;
    /// roamingNotAllowed.
    pub const ROAMING_NOT_ALLOWED: u8 = 8;
    /// illegalSubscriber.
    pub const ILLEGAL_SUBSCRIBER: u8 = 9;
    /// teleserviceNotProvisioned.
    pub const TELESERVICE_NOT_PROVISIONED: u8 = 11;
    /// illegalEquipment.
    pub const ILLEGAL_EQUIPMENT: u8 = 12;
    /// callBarred.
    pub const CALL_BARRED: u8 = 13;
    /// facilityNotSupported.
    pub const FACILITY_NOT_SUPPORTED: u8 = 21;
    /// absentSubscriber, of versions 1 and 2.
    pub const ABSENT_SUBSCRIBER: u8 = 27;
    /// subscriberBusyForMT-SMS.
    pub const SUBSCRIBER_BUSY_FOR_MT_SMS: u8 = 31;
    /// sm-DeliveryFailure.
    pub const SM_DELIVERY_FAILURE: u8 = 32;
    /// messageWaitingListFull.
    pub const MESSAGE_WAITING_LIST_FULL: u8 = 33;
    /// systemFailure.
    pub const SYSTEM_FAILURE: u8 = 34;
    /// dataMissing.
    pub const DATA_MISSING: u8 = 35;
    /// unexpectedDataValue.
    pub const UNEXPECTED_DATA_VALUE: u8 = 36;
    /// resourceLimitation.
    pub const RESOURCE_LIMITATION: u8 = 51;
    /// atm-NotAllowed.
    pub const ATM_NOT_ALLOWED: u8 = 61;
    /// informationNotAvailable.
    pub const INFORMATION_NOT_AVAILABLE: u8 = 62;
}

/// Why a subscriber is absent for short messages (TS 23.040 3.3.2).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct AbsentSubscriberDiagnostic(pub u8);

impl AbsentSubscriberDiagnostic {
    /// No answer to paging by the MSC.
    pub const NO_PAGING_RESPONSE_MSC: Self = Self(0);
    /// IMSI detached.
    pub const IMSI_DETACHED: Self = Self(1);
    /// No answer to paging by the SGSN.
    pub const NO_PAGING_RESPONSE_SGSN: Self = Self(5);
    /// Not registered in the HSS or HLR for IMS.
    pub const DEREGISTERED_FOR_IMS: Self = Self(11);
    /// No answer through the IP-SM-GW.
    pub const NO_RESPONSE_VIA_IP_SM_GW: Self = Self(12);
    /// The mobile is not available for a while.
    pub const TEMPORARILY_UNAVAILABLE: Self = Self(13);
}

/// SM-EnumeratedDeliveryFailureCause.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum SmDeliveryFailureCause {
    /// The mobile's memory is full.
    MemoryCapacityExceeded = 0,
    /// The mobile's protocol failed.
    EquipmentProtocolError = 1,
    /// The mobile can't do short messages.
    EquipmentNotSmEquipped = 2,
    /// The service centre is not known.
    UnknownServiceCentre = 3,
    /// The service centre has too much to do.
    ServiceCentreCongestion = 4,
    /// The recipient's or sender's address is not valid.
    InvalidSmeAddress = 5,
    /// The subscriber is not one of the service centre's.
    SubscriberNotScSubscriber = 6,
}

impl SmDeliveryFailureCause {
    fn read(octets: &[u8]) -> Option<Self> {
        Some(match ber::integer(octets)? {
            0 => Self::MemoryCapacityExceeded,
            1 => Self::EquipmentProtocolError,
            2 => Self::EquipmentNotSmEquipped,
            3 => Self::UnknownServiceCentre,
            4 => Self::ServiceCentreCongestion,
            5 => Self::InvalidSmeAddress,
            6 => Self::SubscriberNotScSubscriber,
            _ => return None,
        })
    }
}

/// A user error with its parameter, as version 3 has it; [`UserError::spoken`] and [`UserError::write_in`] turn it into
/// what older versions can say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UserError<'a> {
    /// There is no such subscriber.
    UnknownSubscriber {
        /// 0 IMSI unknown, 1 no GPRS or EPS subscription, 2 number ported away.
        diagnostic: Option<u8>,
    },
    /// The subscriber is not served here.
    UnidentifiedSubscriber,
    /// The subscriber is not there.
    AbsentSubscriberSm {
        /// Why.
        diagnostic: Option<AbsentSubscriberDiagnostic>,
        /// Why not in the other domain.
        additional: Option<AbsentSubscriberDiagnostic>,
        /// From an HLR to an IP-SM-GW: the subscriber may be there in IMS yet.
        imsi: Option<Imsi>,
        /// When the sender is asked to try again, in seconds since 1900 (NTP).
        retransmission: Option<u32>,
        /// The external identifier's IMSI that an alert will name (userIdentifierAlert).
        alert: Option<Imsi>,
    },
    /// The subscriber may not be served there.
    RoamingNotAllowed {
        /// 0 not in that PLMN, 3 barred by the operator.
        cause: Option<u8>,
    },
    /// The subscriber is not allowed.
    IllegalSubscriber,
    /// The mobile is not allowed.
    IllegalEquipment,
    /// The subscriber has no short message service.
    TeleserviceNotProvisioned,
    /// The subscriber's service is barred.
    CallBarred {
        /// 0 by the subscriber, 1 by the operator.
        cause: Option<u8>,
        /// The sender is not authorised.
        unauthorised_originator: bool,
    },
    /// The network can't do this.
    FacilityNotSupported,
    /// The subscriber is not there, as versions 1 and 2 say it.
    AbsentSubscriber {
        /// In version 1: whether the service centre is on the waiting list (mwd-Set).
        mwd_set: Option<bool>,
    },
    /// Another message is on its way to the subscriber.
    SubscriberBusyForMtSms,
    /// The message could not be delivered.
    SmDeliveryFailure {
        /// Why.
        cause: SmDeliveryFailureCause,
        /// The SMS-SUBMIT-REPORT or SMS-DELIVER-REPORT.
        diagnostic_info: Option<&'a [u8]>,
    },
    /// The service centre does not fit the waiting list.
    MessageWaitingListFull,
    /// Something is out of order.
    SystemFailure {
        /// Where: 0 PLMN, 1 HLR, 2 VLR, 3 previous VLR, 4 controlling MSC, 5 visited MSC, 6 EIR, 7 radio subsystem.
        network_resource: Option<u8>,
        /// Where, with more places: 0 SGSN, 1 GGSN, 2 GMLC, 3 gsmSCF, 4 NPLR, 5 AuC.
        additional: Option<u8>,
        /// 0 limit reached on number of concurrent location requests.
        cause: Option<u8>,
    },
    /// An optional parameter is missing that this needs.
    DataMissing,
    /// A value does not fit.
    UnexpectedDataValue,
    /// Too much to do.
    ResourceLimitation,
    /// The asker may not modify the subscriber's data.
    AtmNotAllowed,
    /// What was asked for can't be told.
    InformationNotAvailable,
    /// Another.
    Other {
        /// Its code.
        code: u8,
        /// Its parameter: a whole element or nothing.
        parameter: &'a [u8],
    },
}

impl<'a> UserError<'a> {
    /// absentSubscriberSM with one diagnostic.
    #[must_use]
    pub const fn absent_subscriber_sm(diagnostic: AbsentSubscriberDiagnostic) -> Self {
        Self::AbsentSubscriberSm {
            diagnostic: Some(diagnostic),
            additional: None,
            imsi: None,
            retransmission: None,
            alert: None,
        }
    }

    /// sm-DeliveryFailure.
    #[must_use]
    pub const fn sm_delivery_failure(
        cause: SmDeliveryFailureCause,
        diagnostic_info: Option<&'a [u8]>,
    ) -> Self {
        Self::SmDeliveryFailure { cause, diagnostic_info }
    }

    /// systemFailure without a place.
    #[must_use]
    pub const fn system_failure() -> Self {
        Self::SystemFailure { network_resource: None, additional: None, cause: None }
    }

    /// Its local code, from [`error_code`].
    #[must_use]
    pub const fn code(&self) -> u8 {
        match self {
            Self::UnknownSubscriber { .. } => error_code::UNKNOWN_SUBSCRIBER,
            Self::UnidentifiedSubscriber => error_code::UNIDENTIFIED_SUBSCRIBER,
            Self::AbsentSubscriberSm { .. } => error_code::ABSENT_SUBSCRIBER_SM,
            Self::RoamingNotAllowed { .. } => error_code::ROAMING_NOT_ALLOWED,
            Self::IllegalSubscriber => error_code::ILLEGAL_SUBSCRIBER,
            Self::IllegalEquipment => error_code::ILLEGAL_EQUIPMENT,
            Self::TeleserviceNotProvisioned => error_code::TELESERVICE_NOT_PROVISIONED,
            Self::CallBarred { .. } => error_code::CALL_BARRED,
            Self::FacilityNotSupported => error_code::FACILITY_NOT_SUPPORTED,
            Self::AbsentSubscriber { .. } => error_code::ABSENT_SUBSCRIBER,
            Self::SubscriberBusyForMtSms => error_code::SUBSCRIBER_BUSY_FOR_MT_SMS,
            Self::SmDeliveryFailure { .. } => error_code::SM_DELIVERY_FAILURE,
            Self::MessageWaitingListFull => error_code::MESSAGE_WAITING_LIST_FULL,
            Self::SystemFailure { .. } => error_code::SYSTEM_FAILURE,
            Self::DataMissing => error_code::DATA_MISSING,
            Self::UnexpectedDataValue => error_code::UNEXPECTED_DATA_VALUE,
            Self::ResourceLimitation => error_code::RESOURCE_LIMITATION,
            Self::AtmNotAllowed => error_code::ATM_NOT_ALLOWED,
            Self::InformationNotAvailable => error_code::INFORMATION_NOT_AVAILABLE,
            Self::Other { code, .. } => *code,
        }
    }

    /// Reads an error of any version: its local code, and its parameter, a whole element or nothing.
    ///
    /// # Errors
    /// If the parameter is mistyped.
    pub fn parse(code: u8, parameter: &'a [u8]) -> Result<Self, Malformed> {
        Ok(match code {
            error_code::UNKNOWN_SUBSCRIBER => {
                let (diagnostic, _) = read_enumerated_or_sequence(parameter, 0)?;
                Self::UnknownSubscriber { diagnostic }
            }
            error_code::UNIDENTIFIED_SUBSCRIBER => Self::UnidentifiedSubscriber,
            error_code::ABSENT_SUBSCRIBER_SM => read_absent_subscriber_sm(parameter)?,
            error_code::ROAMING_NOT_ALLOWED => {
                let (cause, _) = read_enumerated_or_sequence(parameter, 0)?;
                Self::RoamingNotAllowed { cause }
            }
            error_code::ILLEGAL_SUBSCRIBER => Self::IllegalSubscriber,
            error_code::ILLEGAL_EQUIPMENT => Self::IllegalEquipment,
            error_code::TELESERVICE_NOT_PROVISIONED => Self::TeleserviceNotProvisioned,
            error_code::CALL_BARRED => {
                let (cause, unauthorised_originator) = read_enumerated_or_sequence(parameter, 0x81)?;
                Self::CallBarred { cause, unauthorised_originator }
            }
            error_code::FACILITY_NOT_SUPPORTED => Self::FacilityNotSupported,
            error_code::ABSENT_SUBSCRIBER => read_absent_subscriber(parameter)?,
            error_code::SUBSCRIBER_BUSY_FOR_MT_SMS => Self::SubscriberBusyForMtSms,
            error_code::SM_DELIVERY_FAILURE => read_sm_delivery_failure(parameter)?,
            error_code::MESSAGE_WAITING_LIST_FULL => Self::MessageWaitingListFull,
            error_code::SYSTEM_FAILURE => read_system_failure(parameter)?,
            error_code::DATA_MISSING => Self::DataMissing,
            error_code::UNEXPECTED_DATA_VALUE => Self::UnexpectedDataValue,
            error_code::RESOURCE_LIMITATION => Self::ResourceLimitation,
            error_code::ATM_NOT_ALLOWED => Self::AtmNotAllowed,
            error_code::INFORMATION_NOT_AVAILABLE => Self::InformationNotAvailable,
            code => Self::Other { code, parameter },
        })
    }

    /// The error that says this in a version: older ones lack some (TS 29.002 17.6, "must not be used in version").
    #[must_use]
    pub const fn spoken(self, version: Version) -> Self {
        match (version, self) {
            // Whether the service centre was put on the waiting list is the HLR's to say, and optional.
            (Version::V1 | Version::V2, Self::AbsentSubscriberSm { .. }) => {
                Self::AbsentSubscriber { mwd_set: None }
            }
            (Version::V1, Self::SubscriberBusyForMtSms) => Self::system_failure(),
            (Version::V1, Self::IllegalEquipment) => Self::IllegalSubscriber,
            (Version::V1 | Version::V2, Self::ResourceLimitation) => Self::system_failure(),
            _ => self,
        }
    }

    /// Puts the parameter in front in the form of a version, for the error of [`UserError::spoken`]; nothing if it would
    /// be empty. Versions 1 and 2 have a bare ENUMERATED where 3 has a SEQUENCE, or nothing at all.
    pub fn write_in(&self, w: &mut Prepend<'_>, version: Version) {
        if version == Version::V3 {
            return self.write(w);
        }
        let mark = w.len();
        let bare = |w: &mut Prepend<'_>, value: u8| ber::put_integer(w, 0x0a, i32::from(value));
        match *self {
            Self::SmDeliveryFailure { cause, .. } if version == Version::V1 => bare(w, cause as u8),
            Self::SmDeliveryFailure { cause, diagnostic_info } => {
                if let Some(info) = diagnostic_info {
                    ber::put(w, 0x04, info);
                }
                bare(w, cause as u8);
                ber::wrap(w, 0x30, mark);
            }
            // The parameter is mandatory there: 0 is "not in that PLMN".
            Self::RoamingNotAllowed { cause } => bare(w, cause.unwrap_or(0)),
            Self::CallBarred { cause: Some(value), .. }
            | Self::SystemFailure { network_resource: Some(value), .. } => bare(w, value),
            Self::AbsentSubscriber { mwd_set: Some(set) } if version == Version::V1 => {
                w.bytes(&[0x01, 1, if set { 0xff } else { 0 }]);
            }
            Self::Other { parameter, .. } => w.bytes(parameter),
            _ => {}
        }
    }

    /// Puts the parameter in front, in the form of version 3; nothing if it would be empty.
    pub fn write(&self, w: &mut Prepend<'_>) {
        let mark = w.len();
        match *self {
            Self::AbsentSubscriberSm { diagnostic, additional, imsi, retransmission, alert } => {
                if let Some(imsi) = alert {
                    put_imsi(w, 0x83, imsi);
                }
                if let Some(time) = retransmission {
                    ber::put(w, 0x82, &time.to_be_bytes());
                }
                if let Some(imsi) = imsi {
                    put_imsi(w, 0x81, imsi);
                }
                if let Some(AbsentSubscriberDiagnostic(code)) = additional {
                    ber::put_integer(w, 0x80, i32::from(code));
                }
                if let Some(AbsentSubscriberDiagnostic(code)) = diagnostic {
                    ber::put_integer(w, 0x02, i32::from(code));
                }
            }
            Self::CallBarred { cause, unauthorised_originator } => {
                put_null(w, 0x81, unauthorised_originator);
                if let Some(cause) = cause {
                    ber::put_integer(w, 0x0a, i32::from(cause));
                }
            }
            Self::SmDeliveryFailure { cause, diagnostic_info } => {
                if let Some(info) = diagnostic_info {
                    ber::put(w, 0x04, info);
                }
                w.bytes(&[0x0a, 1, cause as u8]);
            }
            Self::RoamingNotAllowed { cause: Some(cause) }
            | Self::UnknownSubscriber { diagnostic: Some(cause) } => {
                ber::put_integer(w, 0x0a, i32::from(cause));
            }
            Self::SystemFailure { network_resource, additional, cause } => {
                for (tag, value) in [(0x81, cause), (0x80, additional), (0x0a, network_resource)] {
                    if let Some(value) = value {
                        ber::put_integer(w, tag, i32::from(value));
                    }
                }
            }
            Self::Other { parameter, .. } => return w.bytes(parameter),
            _ => {}
        }
        if w.len() > mark {
            ber::wrap(w, 0x30, mark);
        }
    }
}

fn read_absent_subscriber_sm(parameter: &[u8]) -> Result<UserError<'_>, Malformed> {
    let (mut diagnostic, mut additional, mut imsi) = (None, None, None);
    let (mut retransmission, mut alert) = (None, None);
    if !parameter.is_empty() {
        let mut fields = Fields::of(parameter, 0x30)?;
        while let Some(field) = fields.next()? {
            let code =
                || fields.value(read_u8(field.value)).map(|code| Some(AbsentSubscriberDiagnostic(code)));
            match field.tag {
                0x02 => diagnostic = code()?,
                0x80 => additional = code()?,
                0x81 => imsi = Some(fields.value(read_imsi(field.value))?),
                0x82 => retransmission = Some(fields.value(read_u32(field.value))?),
                0x83 => alert = Some(fields.value(read_imsi(field.value))?),
                _ => fields.pass(field, &[0x80, 0x81, 0x82, 0x83])?,
            }
        }
    }
    Ok(UserError::AbsentSubscriberSm { diagnostic, additional, imsi, retransmission, alert })
}

/// In version 1 perhaps a bare BOOLEAN; later nothing, or a SEQUENCE whose reason is not of short messages.
fn read_absent_subscriber(parameter: &[u8]) -> Result<UserError<'_>, Malformed> {
    let mut outer = Reader::new(parameter);
    let mwd_set = match ber::read_tag(&mut outer, 0x01) {
        Some(&[value]) => Some(value != 0),
        Some(_) => return Err(Malformed::new(Layer::Map, Why::Value as u8, 0)),
        None => None,
    };
    Ok(UserError::AbsentSubscriber { mwd_set })
}

/// Nothing, a bare ENUMERATED (versions 1 and 2), or a SEQUENCE.
fn read_system_failure(parameter: &[u8]) -> Result<UserError<'_>, Malformed> {
    let is_sequence = parameter.first() == Some(&0x30);
    let mut fields = if is_sequence { Fields::of(parameter, 0x30)? } else { Fields::new(parameter) };
    let (mut network_resource, mut additional, mut cause) = (None, None, None);
    while let Some(field) = fields.next()? {
        let place = match field.tag {
            0x0a => &mut network_resource,
            0x80 if is_sequence => &mut additional,
            0x81 if is_sequence => &mut cause,
            _ => continue,
        };
        *place = Some(fields.value(read_u8(field.value))?);
    }
    Ok(UserError::SystemFailure { network_resource, additional, cause })
}

/// In version 1 a bare ENUMERATED; later a SEQUENCE that begins with it.
fn read_sm_delivery_failure(parameter: &[u8]) -> Result<UserError<'_>, Malformed> {
    let mut outer = Reader::new(parameter);
    if let Some(bare) = ber::read_tag(&mut outer, 0x0a) {
        let cause = SmDeliveryFailureCause::read(bare);
        let cause = cause.ok_or(Malformed::new(Layer::Map, Why::Value as u8, 0))?;
        return Ok(UserError::SmDeliveryFailure { cause, diagnostic_info: None });
    }
    let mut fields = Fields::of(parameter, 0x30)?;
    let cause = SmDeliveryFailureCause::read(fields.tagged(0x0a)?);
    let cause = fields.value(cause)?;
    let mut diagnostic_info = None;
    while let Some(field) = fields.next()? {
        if field.tag == 0x04 {
            let info = (1..=super::MAX_UI).contains(&field.value.len()).then_some(field.value);
            diagnostic_info = Some(fields.value(info)?);
        }
    }
    Ok(UserError::SmDeliveryFailure { cause, diagnostic_info })
}

/// A parameter that is nothing, a bare ENUMERATED (versions 1 and 2), or a SEQUENCE with perhaps that ENUMERATED in it
/// and perhaps a NULL of this tag.
fn read_enumerated_or_sequence(parameter: &[u8], null: u8) -> Result<(Option<u8>, bool), Malformed> {
    let mut fields = match parameter.first() {
        Some(0x30) => Fields::of(parameter, 0x30)?,
        _ => Fields::new(parameter),
    };
    let (mut value, mut marked) = (None, false);
    while let Some(field) = fields.next()? {
        if field.tag == 0x0a {
            value = Some(fields.value(read_u8(field.value))?);
        }
        marked |= field.tag == null;
    }
    Ok((value, marked))
}
