use super::*;
use crate::stack::ReturnCause;

fn rp_of(error: UserError<'_>) -> u8 {
    Causes::default().rp_cause_of(&Outcome::Error(error))
}

fn of_delivery(cause: Cause) -> (u8, Option<u8>) {
    let outcome = Outcome::Error(UserError::sm_delivery_failure(cause, None));
    (Causes::default().rp_cause_of(&outcome), Causes::default().fcs_of(&outcome))
}

/// The UE's RP-ERROR, and the MAP error of it with the UE's DELIVER-REPORT.
#[test]
fn rp_causes_of_ues_become_map_errors() {
    let causes = Causes::default();
    let report = Some(&[0u8, 0xd3, 0][..]);
    let full = UserError::sm_delivery_failure(Cause::MemoryCapacityExceeded, report);
    assert_eq!(map_error(causes.failure_of_rp_cause(22), report), full);
    assert_eq!(map_error(causes.failure_of_rp_cause(0x80 | 22), report), full, "the spare bit says nothing");
    let wrong = UserError::sm_delivery_failure(Cause::EquipmentProtocolError, report);
    for cause in [81, 95, 96, 97, 98, 99, 111, 127, 1, 38, 41, 0] {
        assert_eq!(map_error(causes.failure_of_rp_cause(cause), report), wrong, "{cause}");
    }
}

#[test]
fn sip_statuses_become_map_errors() {
    let absent = |diagnostic| UserError::absent_subscriber_sm(AbsentSubscriberDiagnostic(diagnostic));
    for (status, expected) in [
        (404, absent(11)),
        (480, absent(11)),
        (410, absent(11)),
        (604, absent(11)),
        (408, absent(12)),
        (430, absent(12)),
        (486, UserError::SubscriberBusyForMtSms),
        (600, UserError::SubscriberBusyForMtSms),
        (415, UserError::sm_delivery_failure(Cause::EquipmentNotSmEquipped, None)),
        (406, UserError::sm_delivery_failure(Cause::EquipmentNotSmEquipped, None)),
        (488, UserError::sm_delivery_failure(Cause::EquipmentNotSmEquipped, None)),
        (420, UserError::sm_delivery_failure(Cause::EquipmentNotSmEquipped, None)),
        (403, UserError::IllegalSubscriber),
        (603, UserError::IllegalSubscriber),
        (500, UserError::system_failure()),
        (503, UserError::system_failure()),
        (599, UserError::system_failure()),
        (400, absent(12)),
        (302, absent(12)),
        (699, absent(12)),
    ] {
        assert_eq!(map_error(Causes::default().failure_of_status(status), None), expected, "{status}");
    }
    assert_eq!(map_error(Failure::UnidentifiedSubscriber, None), UserError::UnidentifiedSubscriber);
}

#[test]
fn map_errors_become_rp_causes() {
    for (cause, expected) in [
        (Cause::UnknownServiceCentre, (1, None)),
        (Cause::ServiceCentreCongestion, (42, Some(0xc0))),
        (Cause::InvalidSmeAddress, (21, Some(0xc3))),
        (Cause::SubscriberNotScSubscriber, (28, Some(0xc1))),
        (Cause::EquipmentProtocolError, (111, None)),
        (Cause::EquipmentNotSmEquipped, (111, None)),
        (Cause::MemoryCapacityExceeded, (22, None)),
    ] {
        assert_eq!(of_delivery(cause), expected, "{cause:?}");
    }
    for (error, expected) in [
        (UserError::system_failure(), 38),
        (UserError::UnexpectedDataValue, 41),
        (UserError::DataMissing, 41),
        (UserError::FacilityNotSupported, 69),
        (UserError::CallBarred { cause: Some(1), unauthorised_originator: false }, 10),
        (UserError::UnknownSubscriber { diagnostic: None }, 30),
        (UserError::UnidentifiedSubscriber, 28),
        (UserError::IllegalSubscriber, 28),
        (UserError::TeleserviceNotProvisioned, 50),
        (UserError::ResourceLimitation, 47),
        (UserError::Other { code: 99, parameter: &[] }, 41),
        (UserError::RoamingNotAllowed { cause: None }, 41),
    ] {
        assert_eq!(rp_of(error), expected, "{error:?}");
        assert_eq!(Causes::default().fcs_of(&Outcome::Error(error)), None);
    }
    assert_eq!(Causes::default().rp_cause_of(&Outcome::Aborted), 38, "an abort, a reject");
    assert_eq!(Causes::default().rp_cause_of(&Outcome::TimedOut), 38);
    for (cause, expected) in [(0, 38), (1, 38), (4, 38), (9, 38), (2, 41), (3, 41), (5, 41), (6, 41)] {
        let outcome = Outcome::NotDelivered(ReturnCause(cause));
        assert_eq!(Causes::default().rp_cause_of(&outcome), expected, "SCCP's return cause {cause}");
    }
    for (refusal, expected) in [(Refusal::NoRoute, 38), (Refusal::Full, 42), (Refusal::TooLong, 96)] {
        assert_eq!(of_refusal(refusal), expected);
    }
}

/// The service centre's own SUBMIT-REPORT goes through, and nothing is said beside it.
#[test]
fn a_submit_report_of_the_service_centre_has_its_own_failure_cause() {
    let own = UserError::sm_delivery_failure(Cause::ServiceCentreCongestion, Some(&[1, 0xc2]));
    let outcome = Outcome::Error(own);
    assert_eq!((diagnostic(&outcome), Causes::default().fcs_of(&outcome)), (Some(&[1, 0xc2][..]), None));
    assert_eq!(diagnostic(&Outcome::TimedOut), None);
}

/// Of TS 24.011 table 8.4, those for RP-SMMA; what has none there is a temporary failure.
#[test]
fn few_causes_answer_a_notice_of_free_memory() {
    let alert = |error| Causes::default().rp_cause_of_alert(&Outcome::Error(error));
    assert_eq!(alert(UserError::UnknownSubscriber { diagnostic: Some(0) }), 30);
    assert_eq!(alert(UserError::system_failure()), 38);
    assert_eq!(alert(UserError::FacilityNotSupported), 69);
    for error in
        [UserError::UnidentifiedSubscriber, UserError::TeleserviceNotProvisioned, UserError::DataMissing]
    {
        assert_eq!(alert(error), 41);
    }
    for outcome in [Outcome::Aborted, Outcome::TimedOut] {
        assert_eq!(Causes::default().rp_cause_of_alert(&outcome), 38);
    }
}

#[test]
fn an_operator_changes_rows() {
    let mut causes = Causes::default();
    causes.set_rp_of_map("sc-Congestion", 47).unwrap();
    causes.set_rp_of_map("otherError", 127).unwrap();
    causes.set_rp_of_map("timedOut", 41).unwrap();
    causes.set_fcs_of_map("unknownServiceCentre", 0xc2).unwrap();
    causes.set_map_of_rp("22", "systemFailure").unwrap();
    causes.set_map_of_rp("111", "absentSubscriberSM 12").unwrap();
    causes.set_map_of_sip("486", "absentSubscriberSM 12").unwrap();
    causes.set_map_of_sip("503", "facilityNotSupported").unwrap();
    let failure = |cause| Outcome::Error(UserError::sm_delivery_failure(cause, None));
    assert_eq!(causes.rp_cause_of(&failure(Cause::ServiceCentreCongestion)), 47);
    assert_eq!(causes.rp_cause_of(&Outcome::Error(UserError::Other { code: 99, parameter: &[] })), 127);
    let outcomes = (causes.rp_cause_of(&Outcome::TimedOut), causes.rp_cause_of(&Outcome::Aborted));
    assert_eq!(outcomes, (41, 38));
    assert_eq!(causes.fcs_of(&failure(Cause::UnknownServiceCentre)), Some(0xc2));
    assert_eq!(causes.failure_of_rp_cause(22), Failure::SystemFailure);
    assert_eq!(causes.failure_of_rp_cause(77), Failure::Absent(NO_RESPONSE), "read as 111");
    assert_eq!(causes.failure_of_status(486), Failure::Absent(NO_RESPONSE));
    assert_eq!(map_error(causes.failure_of_status(503), None), UserError::FacilityNotSupported);
    assert_eq!(causes.failure_of_status(500), Failure::SystemFailure);
}

#[test]
fn there_are_rows_that_nobody_can_change() {
    let mut causes = Causes::default();
    let before = format!("{causes:?}");
    assert!(
        matches!(causes.set_rp_of_map("scCongestion", 1), Err(Unfit::Key(names)) if names.contains("sc-C"))
    );
    assert!(matches!(causes.set_rp_of_map("aborted", 0), Err(Unfit::Value(_))));
    assert!(matches!(causes.set_rp_of_map("aborted", 128), Err(Unfit::Value(_))));
    assert!(matches!(causes.set_fcs_of_map("systemFailure", 0xc0), Err(Unfit::Key(_))));
    assert!(matches!(causes.set_fcs_of_map("sc-Congestion", 0x7f), Err(Unfit::Value(_))));
    for key in ["0", "128", "x", ""] {
        assert!(matches!(causes.set_map_of_rp(key, "systemFailure"), Err(Unfit::Key(_))), "{key}");
    }
    for key in ["200", "700", "4xx"] {
        assert!(matches!(causes.set_map_of_sip(key, "systemFailure"), Err(Unfit::Key(_))), "{key}");
    }
    let wrong = causes.set_map_of_sip("486", "busy");
    assert!(matches!(wrong, Err(Unfit::Value(names)) if names.contains("subscriberBusyForMT-SMS")));
    assert_eq!(format!("{causes:?}"), before);
}
