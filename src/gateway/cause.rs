//! How a "no" of one side is said on the other: SIP, SM-RP and MAP causes (TS 23.040 9.3, TS 29.002 12, TS 24.011
//! annex E). Each direction is one table, whose rows an operator may change; `[causes]` of the configuration has their
//! names.

use crate::stack::{
    AbsentSubscriberDiagnostic, Outcome, Refusal, SmDeliveryFailureCause as Cause, UserError,
};

/// RP-Cause 1.
pub const UNASSIGNED_NUMBER: u8 = 1;
/// RP-Cause 10.
pub const CALL_BARRED: u8 = 10;
/// RP-Cause 21.
pub const TRANSFER_REJECTED: u8 = 21;
/// RP-Cause 22.
pub const MEMORY_CAPACITY_EXCEEDED: u8 = 22;
/// RP-Cause 28.
pub const UNIDENTIFIED_SUBSCRIBER: u8 = 28;
/// RP-Cause 38.
pub const NETWORK_OUT_OF_ORDER: u8 = 38;
/// RP-Cause 41.
pub const TEMPORARY_FAILURE: u8 = 41;
/// RP-Cause 42.
pub const CONGESTION: u8 = 42;
/// RP-Cause 47.
pub const RESOURCES_UNAVAILABLE: u8 = 47;
/// RP-Cause 69.
pub const NOT_IMPLEMENTED: u8 = 69;
/// RP-Cause 96.
pub const INVALID_MANDATORY_INFORMATION: u8 = 96;
/// RP-Cause 97.
pub const MESSAGE_TYPE_NON_EXISTENT: u8 = 97;
/// RP-Cause 111.
pub const PROTOCOL_ERROR: u8 = 111;

/// Why a mobile terminated message was not delivered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failure {
    /// Nobody we know of.
    UnidentifiedSubscriber,
    /// Known, but not to be reached: the diagnostic of TS 23.040 3.3.2.
    Absent(AbsentSubscriberDiagnostic),
    /// Too many messages wait for the same user, or the UE is busy.
    Busy,
    /// The UE's memory is full.
    MemoryCapacityExceeded,
    /// The UE found the message wrong.
    EquipmentProtocolError,
    /// The UE takes no short messages.
    EquipmentNotSmEquipped,
    /// The UE refuses it.
    IllegalSubscriber,
    /// The UE refuses it, where an operator says so: there is no service over this node.
    FacilityNotSupported,
    /// We, or the core, can't do it now.
    SystemFailure,
}

/// Diagnostic: de-registered for IMS.
pub const DEREGISTERED: AbsentSubscriberDiagnostic = AbsentSubscriberDiagnostic::DEREGISTERED_FOR_IMS;
/// Diagnostic: no response via the IP-SM-GW.
pub const NO_RESPONSE: AbsentSubscriberDiagnostic = AbsentSubscriberDiagnostic::NO_RESPONSE_VIA_IP_SM_GW;

/// Why a MAP operation brought no result, as far as RP-Causes tell that.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum NoResult {
    /// A user error, by its local code.
    Error(u8),
    /// sm-DeliveryFailure, by its cause.
    DeliveryFailure(Cause),
    /// An error that no row names.
    Other,
    /// The dialogue was refused or aborted, or the operation rejected.
    Aborted,
    /// SCCP returned the message: there is no way to that address.
    NotDelivered,
    /// SCCP returned the message, for a failure or congestion that will pass.
    NotDeliveredNow,
    /// No answer in time.
    TimedOut,
}

/// MAP to RP-Cause: mobile originated, and RP-SMMA.
const RP_OF_MAP: &[(&str, NoResult, u8)] = &[
    ("unknownSubscriber", NoResult::Error(1), 30),
    ("unidentifiedSubscriber", NoResult::Error(5), UNIDENTIFIED_SUBSCRIBER),
    ("illegalSubscriber", NoResult::Error(9), UNIDENTIFIED_SUBSCRIBER),
    ("teleserviceNotProvisioned", NoResult::Error(11), 50),
    ("callBarred", NoResult::Error(13), CALL_BARRED),
    ("facilityNotSupported", NoResult::Error(21), NOT_IMPLEMENTED),
    (
        "memoryCapacityExceeded",
        NoResult::DeliveryFailure(Cause::MemoryCapacityExceeded),
        MEMORY_CAPACITY_EXCEEDED,
    ),
    ("equipmentProtocolError", NoResult::DeliveryFailure(Cause::EquipmentProtocolError), PROTOCOL_ERROR),
    ("equipmentNotSM-Equipped", NoResult::DeliveryFailure(Cause::EquipmentNotSmEquipped), PROTOCOL_ERROR),
    ("unknownServiceCentre", NoResult::DeliveryFailure(Cause::UnknownServiceCentre), UNASSIGNED_NUMBER),
    ("sc-Congestion", NoResult::DeliveryFailure(Cause::ServiceCentreCongestion), CONGESTION),
    ("invalidSME-Address", NoResult::DeliveryFailure(Cause::InvalidSmeAddress), TRANSFER_REJECTED),
    (
        "subscriberNotSC-Subscriber",
        NoResult::DeliveryFailure(Cause::SubscriberNotScSubscriber),
        UNIDENTIFIED_SUBSCRIBER,
    ),
    ("systemFailure", NoResult::Error(34), NETWORK_OUT_OF_ORDER),
    ("dataMissing", NoResult::Error(35), TEMPORARY_FAILURE),
    ("unexpectedDataValue", NoResult::Error(36), TEMPORARY_FAILURE),
    ("resourceLimitation", NoResult::Error(51), RESOURCES_UNAVAILABLE),
    ("otherError", NoResult::Other, TEMPORARY_FAILURE),
    ("aborted", NoResult::Aborted, NETWORK_OUT_OF_ORDER),
    ("notDelivered", NoResult::NotDelivered, NETWORK_OUT_OF_ORDER),
    ("notDeliveredNow", NoResult::NotDeliveredNow, TEMPORARY_FAILURE),
    ("timedOut", NoResult::TimedOut, NETWORK_OUT_OF_ORDER),
];

/// Cause of sm-DeliveryFailure to TP-FCS of a SUBMIT-REPORT (TS 23.040 9.2.3.22), where the service centre gave none.
const FCS_OF_MAP: &[(&str, Cause, u8)] = &[
    ("sc-Congestion", Cause::ServiceCentreCongestion, 0xc0),
    ("invalidSME-Address", Cause::InvalidSmeAddress, 0xc3),
    ("subscriberNotSC-Subscriber", Cause::SubscriberNotScSubscriber, 0xc1),
];

/// What the other two tables lead to, by the names of MAP.
const FAILURES: &[(&str, Failure)] = &[
    ("unidentifiedSubscriber", Failure::UnidentifiedSubscriber),
    ("absentSubscriberSM 11", Failure::Absent(DEREGISTERED)),
    ("absentSubscriberSM 12", Failure::Absent(NO_RESPONSE)),
    ("subscriberBusyForMT-SMS", Failure::Busy),
    ("memoryCapacityExceeded", Failure::MemoryCapacityExceeded),
    ("equipmentProtocolError", Failure::EquipmentProtocolError),
    ("equipmentNotSM-Equipped", Failure::EquipmentNotSmEquipped),
    ("illegalSubscriber", Failure::IllegalSubscriber),
    ("facilityNotSupported", Failure::FacilityNotSupported),
    ("systemFailure", Failure::SystemFailure),
];

/// UE's RP-Cause to MAP: mobile terminated. Values not listed read as 111 (TS 24.011 8.2.5.4).
const MAP_OF_RP: &[(u8, Failure)] = &[
    (MEMORY_CAPACITY_EXCEEDED, Failure::MemoryCapacityExceeded),
    (81, Failure::EquipmentProtocolError),
    (95, Failure::EquipmentProtocolError),
    (96, Failure::EquipmentProtocolError),
    (97, Failure::EquipmentProtocolError),
    (98, Failure::EquipmentProtocolError),
    (99, Failure::EquipmentProtocolError),
    (PROTOCOL_ERROR, Failure::EquipmentProtocolError),
];

/// SIP status to MAP: mobile terminated. Of those not listed, 5xx is a system failure, the others no response.
const MAP_OF_SIP: &[(u16, Failure)] = &[
    (404, Failure::Absent(DEREGISTERED)),
    (410, Failure::Absent(DEREGISTERED)),
    (480, Failure::Absent(DEREGISTERED)),
    (604, Failure::Absent(DEREGISTERED)),
    (408, Failure::Absent(NO_RESPONSE)),
    (430, Failure::Absent(NO_RESPONSE)),
    (486, Failure::Busy),
    (600, Failure::Busy),
    (406, Failure::EquipmentNotSmEquipped),
    (415, Failure::EquipmentNotSmEquipped),
    (420, Failure::EquipmentNotSmEquipped),
    (488, Failure::EquipmentNotSmEquipped),
    (403, Failure::IllegalSubscriber),
    (603, Failure::IllegalSubscriber),
];

/// The tables, with what an operator has changed in them.
#[derive(Clone, Debug)]
pub struct Causes {
    rp_of_map: Vec<(NoResult, u8)>,
    fcs_of_map: Vec<(Cause, u8)>,
    map_of_rp: Vec<(u8, Failure)>,
    map_of_sip: Vec<(u16, Failure)>,
}

/// Why a row can't be changed like that.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Unfit {
    /// There is no such row: what its name may be.
    Key(String),
    /// It can't lead there: where it may.
    Value(String),
}

impl Default for Causes {
    fn default() -> Self {
        Self {
            rp_of_map: RP_OF_MAP.iter().map(|(_, of, cause)| (*of, *cause)).collect(),
            fcs_of_map: FCS_OF_MAP.iter().map(|(_, of, cause)| (*of, *cause)).collect(),
            map_of_rp: MAP_OF_RP.to_vec(),
            map_of_sip: MAP_OF_SIP.to_vec(),
        }
    }
}

fn look_up<K: PartialEq + Copy, V: Copy>(table: &[(K, V)], key: K) -> Option<V> {
    table.iter().find(|(of, _)| *of == key).map(|(_, value)| *value)
}

/// Puts a row in the place of the one with its key, or behind all others.
fn set<K: PartialEq, V>(table: &mut Vec<(K, V)>, key: K, value: V) {
    match table.iter_mut().find(|(of, _)| *of == key) {
        Some(row) => row.1 = value,
        None => table.push((key, value)),
    }
}

fn one_of<'a>(names: impl Iterator<Item = &'a str>) -> String {
    format!("one of {}", names.collect::<Vec<_>>().join(", "))
}

fn failure(name: &str) -> Result<Failure, Unfit> {
    let found = FAILURES.iter().find(|(of, _)| *of == name);
    found.map(|(_, failure)| *failure).ok_or_else(|| Unfit::Value(one_of(FAILURES.iter().map(|row| row.0))))
}

/// Changes by an operator.
impl Causes {
    /// The RP-Cause for a MAP error, a cause of sm-DeliveryFailure, or no answer at all.
    ///
    /// # Errors
    /// There is no such row, or no such RP-Cause.
    pub fn set_rp_of_map(&mut self, name: &str, cause: u8) -> Result<(), Unfit> {
        let row = RP_OF_MAP.iter().find(|(of, ..)| *of == name);
        let (_, of, _) = row.ok_or_else(|| Unfit::Key(one_of(RP_OF_MAP.iter().map(|row| row.0))))?;
        if !(1..=127).contains(&cause) {
            return Err(Unfit::Value("an RP-Cause from 1 to 127".into()));
        }
        set(&mut self.rp_of_map, *of, cause);
        Ok(())
    }

    /// The TP-FCS for a cause of sm-DeliveryFailure that comes without a SUBMIT-REPORT.
    ///
    /// # Errors
    /// There is no such row, or no such TP-FCS.
    pub fn set_fcs_of_map(&mut self, name: &str, fcs: u8) -> Result<(), Unfit> {
        let causes = || {
            RP_OF_MAP.iter().filter_map(|(of, what, _)| match what {
                NoResult::DeliveryFailure(cause) => Some((*of, *cause)),
                _ => None,
            })
        };
        let row = causes().find(|(of, _)| *of == name);
        let (_, of) = row.ok_or_else(|| Unfit::Key(one_of(causes().map(|(of, _)| of))))?;
        if fcs < 0x80 {
            return Err(Unfit::Value("a TP-FCS from 0x80 to 0xff".into()));
        }
        set(&mut self.fcs_of_map, of, fcs);
        Ok(())
    }

    /// The MAP error for an RP-Cause of the UE's.
    ///
    /// # Errors
    /// There is no such RP-Cause, or no such error.
    pub fn set_map_of_rp(&mut self, cause: &str, name: &str) -> Result<(), Unfit> {
        let of = cause.parse().ok().filter(|cause| (1..=127).contains(cause));
        let of = of.ok_or_else(|| Unfit::Key("an RP-Cause from 1 to 127".into()))?;
        set(&mut self.map_of_rp, of, failure(name)?);
        Ok(())
    }

    /// The MAP error for a final SIP status.
    ///
    /// # Errors
    /// There is no such status, or no such error.
    pub fn set_map_of_sip(&mut self, status: &str, name: &str) -> Result<(), Unfit> {
        let of = status.parse().ok().filter(|status| (300..700).contains(status));
        let of = of.ok_or_else(|| Unfit::Key("a SIP status from 300 to 699".into()))?;
        set(&mut self.map_of_sip, of, failure(name)?);
        Ok(())
    }
}

impl Causes {
    /// The failure that the UE's RP-ERROR means.
    #[must_use]
    pub fn failure_of_rp_cause(&self, cause: u8) -> Failure {
        let known = look_up(&self.map_of_rp, cause & 0x7f);
        let known = known.or_else(|| look_up(&self.map_of_rp, PROTOCOL_ERROR));
        known.unwrap_or(Failure::EquipmentProtocolError)
    }

    /// The failure that a final SIP status other than 2xx means.
    #[must_use]
    pub fn failure_of_status(&self, status: u16) -> Failure {
        look_up(&self.map_of_sip, status).unwrap_or(match status {
            500..600 => Failure::SystemFailure,
            _ => Failure::Absent(NO_RESPONSE),
        })
    }

    /// The RP-Cause that the service centre's or the HLR's answer, which is no result, or the lack of one means to the
    /// UE.
    #[must_use]
    pub fn rp_cause_of(&self, outcome: &Outcome<'_>) -> u8 {
        let of = match outcome {
            Outcome::Error(UserError::SmDeliveryFailure { cause, .. }) => NoResult::DeliveryFailure(*cause),
            Outcome::Error(error) => NoResult::Error(error.code()),
            Outcome::Result { .. } | Outcome::Returned { .. } | Outcome::Aborted => NoResult::Aborted,
            Outcome::NotDelivered(cause) if cause.is_temporary() => NoResult::NotDeliveredNow,
            Outcome::NotDelivered(_) => NoResult::NotDelivered,
            Outcome::TimedOut => NoResult::TimedOut,
        };
        let cause = look_up(&self.rp_of_map, of).or_else(|| look_up(&self.rp_of_map, NoResult::Other));
        cause.unwrap_or(TEMPORARY_FAILURE)
    }

    /// The same for a UE that has memory again: few causes may answer that (TS 24.011 table 8.4).
    #[must_use]
    pub fn rp_cause_of_alert(&self, outcome: &Outcome<'_>) -> u8 {
        match self.rp_cause_of(outcome) {
            cause @ (30 | 38 | 41 | 42 | 47 | 69 | 95..=99 | 111 | 127) => cause,
            _ => TEMPORARY_FAILURE,
        }
    }

    /// The TP-FCS of the SUBMIT-REPORT that the originator gets, where the service centre's error has none.
    #[must_use]
    pub fn fcs_of(&self, outcome: &Outcome<'_>) -> Option<u8> {
        match outcome {
            Outcome::Error(UserError::SmDeliveryFailure { cause, diagnostic_info: None }) => {
                look_up(&self.fcs_of_map, *cause)
            }
            _ => None,
        }
    }
}

/// The SUBMIT-REPORT inside the service centre's error, which goes to the originator unchanged.
#[must_use]
pub fn diagnostic<'a>(outcome: &Outcome<'a>) -> Option<&'a [u8]> {
    match *outcome {
        Outcome::Error(UserError::SmDeliveryFailure { diagnostic_info, .. }) => diagnostic_info,
        _ => None,
    }
}

/// The RP-Cause for a submission that could not even be sent.
#[must_use]
pub fn of_refusal(refusal: Refusal) -> u8 {
    match refusal {
        Refusal::NoRoute => NETWORK_OUT_OF_ORDER,
        Refusal::Full => CONGESTION,
        Refusal::TooLong => INVALID_MANDATORY_INFORMATION,
    }
}

/// The MAP error for a failure; `report` is the UE's DELIVER-REPORT, if it gave one.
#[must_use]
pub fn map_error(failure: Failure, report: Option<&[u8]>) -> UserError<'_> {
    match failure {
        Failure::UnidentifiedSubscriber => UserError::UnidentifiedSubscriber,
        Failure::Absent(diagnostic) => UserError::absent_subscriber_sm(diagnostic),
        Failure::Busy => UserError::SubscriberBusyForMtSms,
        Failure::MemoryCapacityExceeded => {
            UserError::sm_delivery_failure(Cause::MemoryCapacityExceeded, report)
        }
        Failure::EquipmentProtocolError => {
            UserError::sm_delivery_failure(Cause::EquipmentProtocolError, report)
        }
        Failure::EquipmentNotSmEquipped => {
            UserError::sm_delivery_failure(Cause::EquipmentNotSmEquipped, report)
        }
        Failure::IllegalSubscriber => UserError::IllegalSubscriber,
        Failure::FacilityNotSupported => UserError::FacilityNotSupported,
        Failure::SystemFailure => UserError::system_failure(),
    }
}

#[cfg(test)]
mod tests;
