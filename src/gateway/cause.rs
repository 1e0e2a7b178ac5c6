//! How a "no" of one side is said on the other: SIP, SM-RP and MAP causes (TS 23.040 9.3, TS 29.002 12, TS 24.011
//! annex E). Each direction is one table.

use crate::stack::{AbsentSubscriberDiagnostic, Refusal, SmDeliveryFailureCause, UserError};

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
    /// We, or the core, can't do it now.
    SystemFailure,
}

/// Diagnostic: de-registered for IMS.
pub const DEREGISTERED: AbsentSubscriberDiagnostic = AbsentSubscriberDiagnostic::DEREGISTERED_FOR_IMS;
/// Diagnostic: no response via the IP-SM-GW.
pub const NO_RESPONSE: AbsentSubscriberDiagnostic = AbsentSubscriberDiagnostic::NO_RESPONSE_VIA_IP_SM_GW;

/// UE's RP-Cause to MAP: mobile terminated. Values not listed read as 111 (TS 24.011 8.2.5.4).
const FAILURE_OF_RP_CAUSE: &[(u8, Failure)] = &[
    (MEMORY_CAPACITY_EXCEEDED, Failure::MemoryCapacityExceeded),
    (81, Failure::EquipmentProtocolError),
    (95, Failure::EquipmentProtocolError),
    (96, Failure::EquipmentProtocolError),
    (97, Failure::EquipmentProtocolError),
    (98, Failure::EquipmentProtocolError),
    (99, Failure::EquipmentProtocolError),
    (111, Failure::EquipmentProtocolError),
];

/// SIP status to MAP: mobile terminated. Of those not listed, 5xx is a system failure, 4xx and 6xx no response.
const FAILURE_OF_STATUS: &[(u16, Failure)] = &[
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

/// MAP user error to RP-Cause: mobile originated. Errors not listed are a temporary failure.
const RP_CAUSE_OF_ERROR: &[(u8, u8)] = &[
    (1, 30), // unknownSubscriber
    (5, UNIDENTIFIED_SUBSCRIBER),
    (9, UNIDENTIFIED_SUBSCRIBER),
    (11, 50), // teleserviceNotProvisioned
    (13, CALL_BARRED),
    (21, NOT_IMPLEMENTED),
    (34, NETWORK_OUT_OF_ORDER),
    (35, TEMPORARY_FAILURE),
    (36, TEMPORARY_FAILURE),
    (51, RESOURCES_UNAVAILABLE),
];

/// Cause of sm-DeliveryFailure to RP-Cause: mobile originated.
const RP_CAUSE_OF_DELIVERY_FAILURE: &[(SmDeliveryFailureCause, u8)] = &[
    (SmDeliveryFailureCause::MemoryCapacityExceeded, MEMORY_CAPACITY_EXCEEDED),
    (SmDeliveryFailureCause::EquipmentProtocolError, PROTOCOL_ERROR),
    (SmDeliveryFailureCause::EquipmentNotSmEquipped, PROTOCOL_ERROR),
    (SmDeliveryFailureCause::UnknownServiceCentre, UNASSIGNED_NUMBER),
    (SmDeliveryFailureCause::ServiceCentreCongestion, CONGESTION),
    (SmDeliveryFailureCause::InvalidSmeAddress, TRANSFER_REJECTED),
    (SmDeliveryFailureCause::SubscriberNotScSubscriber, UNIDENTIFIED_SUBSCRIBER),
];

fn look_up<K: PartialEq + Copy, V: Copy>(table: &[(K, V)], key: K) -> Option<V> {
    table.iter().find(|(of, _)| *of == key).map(|(_, value)| *value)
}

/// The failure that the UE's RP-ERROR means.
#[must_use]
pub fn failure_of_rp_cause(cause: u8) -> Failure {
    look_up(FAILURE_OF_RP_CAUSE, cause & 0x7f).unwrap_or(Failure::EquipmentProtocolError)
}

/// The failure that a final SIP status other than 2xx means.
#[must_use]
pub fn failure_of_status(status: u16) -> Failure {
    look_up(FAILURE_OF_STATUS, status).unwrap_or(match status {
        500..600 => Failure::SystemFailure,
        _ => Failure::Absent(NO_RESPONSE),
    })
}

/// The RP-Cause that the service centre's error means to the originator.
#[must_use]
pub fn of_map_error(error: &UserError<'_>) -> u8 {
    let cause = match error {
        UserError::SmDeliveryFailure { cause, .. } => look_up(RP_CAUSE_OF_DELIVERY_FAILURE, *cause),
        other => look_up(RP_CAUSE_OF_ERROR, other.code()),
    };
    cause.unwrap_or(TEMPORARY_FAILURE)
}

/// The RP-Cause that the HLR's error means to a UE that has memory again; of the causes, few may answer that
/// (TS 24.011 table 8.4).
#[must_use]
pub fn of_alert_error(error: &UserError<'_>) -> u8 {
    match of_map_error(error) {
        cause @ (30 | NETWORK_OUT_OF_ORDER | CONGESTION | RESOURCES_UNAVAILABLE | NOT_IMPLEMENTED) => cause,
        _ => TEMPORARY_FAILURE,
    }
}

/// The SUBMIT-REPORT inside the service centre's error, which goes to the originator unchanged.
#[must_use]
pub fn diagnostic<'a>(error: &UserError<'a>) -> Option<&'a [u8]> {
    match *error {
        UserError::SmDeliveryFailure { diagnostic_info, .. } => diagnostic_info,
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
            UserError::sm_delivery_failure(SmDeliveryFailureCause::MemoryCapacityExceeded, report)
        }
        Failure::EquipmentProtocolError => {
            UserError::sm_delivery_failure(SmDeliveryFailureCause::EquipmentProtocolError, report)
        }
        Failure::EquipmentNotSmEquipped => {
            UserError::sm_delivery_failure(SmDeliveryFailureCause::EquipmentNotSmEquipped, report)
        }
        Failure::IllegalSubscriber => UserError::IllegalSubscriber,
        Failure::SystemFailure => UserError::system_failure(),
    }
}
