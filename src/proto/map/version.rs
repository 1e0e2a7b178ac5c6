//! Versions of MAP: how each spells an operation, and what TS 29.002 17.1.2 and 17.6 say of operations by their code.

use core::time::Duration;

use super::{context, error_code, operation};

/// A version of an application context, and so of the operations in it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Version {
    /// Phase 1: no dialogue portion, the context follows from the operation.
    V1 = 1,
    /// Phase 2.
    V2 = 2,
    /// Phase 2+.
    V3 = 3,
}

impl Version {
    /// From the last arc of an application context.
    #[must_use]
    pub const fn new(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::V1),
            2 => Some(Self::V2),
            3 => Some(Self::V3),
            _ => None,
        }
    }

    /// The next older one.
    #[must_use]
    pub const fn below(self) -> Option<Self> {
        match self {
            Self::V1 => None,
            Self::V2 => Some(Self::V1),
            Self::V3 => Some(Self::V2),
        }
    }
}

/// The context of a version 1 dialogue, which names none: it follows from the first operation (TS 29.002 table 15.2/1).
#[must_use]
pub const fn context_of_v1(opcode: u8) -> Option<u8> {
    Some(match opcode {
        operation::UPDATE_LOCATION => context::NETWORK_LOCATION_UPDATE,
        operation::CANCEL_LOCATION => context::LOCATION_CANCELLATION,
        operation::INSERT_SUBSCRIBER_DATA | operation::DELETE_SUBSCRIBER_DATA => {
            context::SUBSCRIBER_DATA_MANAGEMENT
        }
        operation::SEND_PARAMETERS => context::INFO_RETRIEVAL,
        operation::RESET => context::RESET,
        operation::SEND_ROUTING_INFO_FOR_SM | operation::REPORT_SM_DELIVERY_STATUS => context::GATEWAY,
        // Both ways: shortMsgRelayContext-v1 has the number that is the mobile's originating one's later.
        operation::MO_FORWARD_SM => context::MO_RELAY,
        operation::NOTE_SUBSCRIBER_PRESENT => context::MWD_MANAGEMENT,
        operation::ALERT_SERVICE_CENTRE_WITHOUT_RESULT => context::ALERT,
        _ => return None,
    })
}

/// Context and operation code in which mt-ForwardSM is asked for in a version: forwardSM in 1 and 2, and in 1 in the
/// context of both ways (PROTOCOLS 7.1; TS 29.002 17.3.2).
#[must_use]
pub const fn mt_forward_sm(version: Version) -> (u8, u8) {
    match version {
        Version::V1 => (context::MO_RELAY, operation::MO_FORWARD_SM),
        Version::V2 => (context::MT_RELAY, operation::MO_FORWARD_SM),
        Version::V3 => (context::MT_RELAY, operation::MT_FORWARD_SM),
    }
}

/// Context and operation code in which an HLR is told in a version that a subscriber is there again.
#[must_use]
pub const fn ready_for_sm(version: Version) -> (u8, u8) {
    match version {
        Version::V1 => (context::MWD_MANAGEMENT, operation::NOTE_SUBSCRIBER_PRESENT),
        Version::V2 | Version::V3 => (context::MWD_MANAGEMENT, operation::READY_FOR_SM),
    }
}

/// Which answers an operation has (X.880; Q.771 2.3.1.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Class {
    /// Result and error.
    Both = 1,
    /// Error alone.
    ErrorOnly = 2,
    /// Result alone.
    ResultOnly = 3,
    /// None.
    Neither = 4,
}

impl Class {
    /// Whether a result may come, without which the operation has failed (Q.774 3.2.1.1).
    #[must_use]
    pub const fn has_result(self) -> bool {
        matches!(self, Self::Both | Self::ResultOnly)
    }

    /// Whether an error may come.
    #[must_use]
    pub const fn has_error(self) -> bool {
        matches!(self, Self::Both | Self::ErrorOnly)
    }
}

/// The class of an operation.
#[must_use]
pub const fn class(opcode: u8) -> Class {
    if operation::is_unanswered(opcode) { Class::Neither } else { Class::Both }
}

/// How long an operation may take (TS 29.002 17.1.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Timer {
    /// s: 3 to 10 seconds.
    Short,
    /// m: 15 to 30 seconds.
    Medium,
    /// ml: 1 to 10 minutes.
    MediumLong,
}

impl Timer {
    /// How long that is here (PROTOCOLS 7.1).
    #[must_use]
    pub const fn life(self) -> Duration {
        Duration::from_secs(match self {
            Self::Short => 8,
            Self::Medium => 20,
            Self::MediumLong => 90,
        })
    }
}

/// The timer of an operation.
#[must_use]
pub const fn timer(opcode: u8) -> Timer {
    match opcode {
        operation::MT_FORWARD_SM | operation::MO_FORWARD_SM => Timer::MediumLong,
        operation::REPORT_SM_DELIVERY_STATUS
        | operation::NOTE_SUBSCRIBER_PRESENT
        | operation::ALERT_SERVICE_CENTRE_WITHOUT_RESULT
        | operation::INFORM_SERVICE_CENTRE
        | operation::ALERT_SERVICE_CENTRE => Timer::Short,
        _ => Timer::Medium,
    }
}

/// Errors that may answer an operation, in any version of it (TS 29.002 17.6; PROTOCOLS 7.4). Empty for one that has
/// none, or that is not known here.
#[must_use]
pub const fn errors(opcode: u8) -> &'static [u8] {
    use error_code as code;
    match opcode {
        operation::UPDATE_LOCATION | operation::UPDATE_GPRS_LOCATION => &[
            code::SYSTEM_FAILURE,
            code::DATA_MISSING,
            code::UNEXPECTED_DATA_VALUE,
            code::UNKNOWN_SUBSCRIBER,
            code::ROAMING_NOT_ALLOWED,
        ],
        operation::CANCEL_LOCATION => &[code::DATA_MISSING, code::UNEXPECTED_DATA_VALUE],
        operation::INSERT_SUBSCRIBER_DATA | operation::DELETE_SUBSCRIBER_DATA => {
            &[code::DATA_MISSING, code::UNEXPECTED_DATA_VALUE, code::UNIDENTIFIED_SUBSCRIBER]
        }
        operation::SEND_PARAMETERS => {
            &[code::UNEXPECTED_DATA_VALUE, code::UNKNOWN_SUBSCRIBER, code::UNIDENTIFIED_SUBSCRIBER]
        }
        operation::MT_FORWARD_SM | operation::MO_FORWARD_SM => &[
            code::SYSTEM_FAILURE,
            code::DATA_MISSING,
            code::UNEXPECTED_DATA_VALUE,
            code::FACILITY_NOT_SUPPORTED,
            code::UNIDENTIFIED_SUBSCRIBER,
            code::ILLEGAL_SUBSCRIBER,
            code::ILLEGAL_EQUIPMENT,
            code::SUBSCRIBER_BUSY_FOR_MT_SMS,
            code::SM_DELIVERY_FAILURE,
            code::ABSENT_SUBSCRIBER_SM,
            code::ABSENT_SUBSCRIBER,
        ],
        operation::SEND_ROUTING_INFO_FOR_SM => &[
            code::SYSTEM_FAILURE,
            code::DATA_MISSING,
            code::UNEXPECTED_DATA_VALUE,
            code::FACILITY_NOT_SUPPORTED,
            code::UNKNOWN_SUBSCRIBER,
            code::TELESERVICE_NOT_PROVISIONED,
            code::CALL_BARRED,
            code::ABSENT_SUBSCRIBER_SM,
            code::ABSENT_SUBSCRIBER,
        ],
        operation::REPORT_SM_DELIVERY_STATUS => &[
            code::DATA_MISSING,
            code::UNEXPECTED_DATA_VALUE,
            code::UNKNOWN_SUBSCRIBER,
            code::MESSAGE_WAITING_LIST_FULL,
        ],
        operation::SEND_AUTHENTICATION_INFO | operation::RESTORE_DATA => {
            &[code::SYSTEM_FAILURE, code::DATA_MISSING, code::UNEXPECTED_DATA_VALUE, code::UNKNOWN_SUBSCRIBER]
        }
        operation::NOTE_SUBSCRIBER_DATA_MODIFIED => {
            &[code::DATA_MISSING, code::UNEXPECTED_DATA_VALUE, code::UNKNOWN_SUBSCRIBER]
        }
        operation::ALERT_SERVICE_CENTRE => {
            &[code::SYSTEM_FAILURE, code::DATA_MISSING, code::UNEXPECTED_DATA_VALUE]
        }
        operation::READY_FOR_SM => &[
            code::DATA_MISSING,
            code::UNEXPECTED_DATA_VALUE,
            code::FACILITY_NOT_SUPPORTED,
            code::UNKNOWN_SUBSCRIBER,
        ],
        operation::ANY_TIME_MODIFICATION => &[
            code::ATM_NOT_ALLOWED,
            code::DATA_MISSING,
            code::UNEXPECTED_DATA_VALUE,
            code::UNKNOWN_SUBSCRIBER,
            code::INFORMATION_NOT_AVAILABLE,
            code::SYSTEM_FAILURE,
        ],
        operation::PURGE_MS => &[code::DATA_MISSING, code::UNEXPECTED_DATA_VALUE, code::UNKNOWN_SUBSCRIBER],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_go_down_to_the_first() {
        for number in 0..=u8::MAX {
            assert_eq!(
                Version::new(number).map(|version| version as u8),
                (1..=3).contains(&number).then_some(number)
            );
        }
        assert_eq!(Version::V3.below().and_then(Version::below), Some(Version::V1));
        assert_eq!(Version::V1.below(), None);
        assert!(Version::V1 < Version::V2 && Version::V2 < Version::V3);
    }

    #[test]
    fn a_version_1_operation_names_its_context() {
        let expected = [
            (2, 1),
            (3, 2),
            (7, 16),
            (8, 16),
            (9, 14),
            (37, 10),
            (45, 20),
            (46, 21),
            (47, 20),
            (48, 24),
            (49, 23),
        ];
        for opcode in 0..=u8::MAX {
            let found = expected.iter().find(|(of, _)| *of == opcode).map(|(_, context)| *context);
            assert_eq!(context_of_v1(opcode), found, "operation {opcode}");
        }
    }

    #[test]
    fn the_mobile_terminated_way_has_another_spelling_in_each_version() {
        assert_eq!(
            [Version::V1, Version::V2, Version::V3].map(mt_forward_sm),
            [(21, 46), (25, 46), (25, 44)]
        );
        assert_eq!([Version::V1, Version::V2, Version::V3].map(ready_for_sm), [(24, 48), (24, 66), (24, 66)]);
        let (context, opcode) = mt_forward_sm(Version::V1);
        assert_eq!(context_of_v1(opcode), Some(context));
    }

    #[test]
    fn classes_timers_and_errors_agree() {
        let unanswered: Vec<u8> = (0..=u8::MAX).filter(|&opcode| class(opcode) == Class::Neither).collect();
        assert_eq!(unanswered, [37, 48, 49, 63]);
        let classes = [Class::Both, Class::ErrorOnly, Class::ResultOnly, Class::Neither];
        let answers = classes.map(|class| (class.has_result(), class.has_error()));
        assert_eq!(answers, [(true, true), (false, true), (true, false), (false, false)]);
        for opcode in 0..=u8::MAX {
            let errors = errors(opcode);
            assert!(errors.is_empty() || class(opcode) == Class::Both, "operation {opcode}");
            assert!(errors.iter().all(|code| errors.iter().filter(|other| *other == code).count() == 1));
        }
        let long: Vec<u8> = (0..=u8::MAX).filter(|&opcode| timer(opcode) == Timer::MediumLong).collect();
        assert_eq!(long, [44, 46]);
        assert_eq!(timer(operation::REPORT_SM_DELIVERY_STATUS), Timer::Short);
        assert!(errors(46).contains(&error_code::ABSENT_SUBSCRIBER) && !errors(47).contains(&34));
    }
}
