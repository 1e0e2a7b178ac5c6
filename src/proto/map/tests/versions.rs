//! How versions 1 and 2 spell operations and errors: octets by pycrate 0.8.1, from the ASN.1 of both.

use super::*;

fn service_centre() -> AddressString {
    super::number("491710760000")
}

fn number() -> AddressString {
    super::number("491701234567")
}

const MO: &str = "3016 84079194710167000082079194711032547604020102";
const MT: &str = "3019 800862021132547698f0840791947101670000040201020500";
const ONE_MORE: &str = "3008 8500850004020102";
const ROAMING: &str = "3016 83079194711032547684079194710167000004020102";

fn mo() -> MoForwardSm<'static> {
    MoForwardSm::new(SmRpDa::ServiceCentre(service_centre()), SmRpOa::Msisdn(number()), &[1, 2])
}

fn mt() -> MtForwardSm<'static> {
    let to = MtForwardSm::new(SmRpDa::Imsi(imsi()), SmRpOa::ServiceCentre(service_centre()), &[1, 2]);
    MtForwardSm { more_messages: true, ..to }
}

#[test]
fn forward_sm_is_the_same_both_ways_in_older_versions() {
    assert_eq!(MoForwardSm::parse(&hex(MO)), Ok(mo()));
    assert_eq!(MtForwardSm::parse(&hex(MT)), Ok(mt()));
    // What only version 3 has stays out.
    let later = MoForwardSm { imsi: Some(imsi()), delivery_outcome: Some(1), ..mo() };
    let timed = MtForwardSm { delivery_timer: Some(60), sms_over_ip_only: true, ..mt() };
    for version in [Version::V1, Version::V2] {
        assert_eq!(written(|w| later.write_in(w, version)), hex(MO));
        assert_eq!(written(|w| timed.write_in(w, version)), hex(MT));
    }
    assert_eq!(written(|w| later.write_in(w, Version::V3)), written(|w| later.write(w)));
    assert_eq!(written(|w| timed.write_in(w, Version::V3)), written(|w| timed.write(w)));
    let more = MoForwardSm { more_messages: true, ..mo() };
    assert_eq!(MoForwardSm::parse(&written(|w| more.write_in(w, Version::V2))), Ok(more));
    // The kind of address tells the way.
    let ways = [MO, MT, ROAMING, ONE_MORE, "3002 8500", "30", "3003 860101"];
    let told = ways.map(|octets| is_mobile_originated(&hex(octets)));
    assert_eq!(told, [Some(true), Some(false), Some(false), None, None, None, None]);
    let again = MtForwardSm::new(SmRpDa::None, SmRpOa::None, &[1, 2]);
    assert_eq!(written(|w| again.write_in(w, Version::V2)), hex(ONE_MORE));
    let octets = hex(ROAMING);
    let roaming = MtForwardSm::parse(&octets).unwrap();
    assert_eq!(roaming.destination, SmRpDa::RoamingNumber(number()));
    assert_eq!(written(|w| roaming.write_in(w, Version::V1)), octets);
}

#[test]
fn extensions_are_kept_octet_by_octet() {
    let container = "300c a00a 3008 06032a0304 020105";
    let golden = hex(&format!("3024 84079194710167000082079194711032547604020102 {container}"));
    let sm = MoForwardSm::parse(&golden).unwrap();
    assert_eq!(written(|w| sm.write(w)), golden);
    let golden = hex(&format!("302a 800862021132547698f0840791947101670000040201020500 {container} 02013c"));
    let sm = MtForwardSm::parse(&golden).unwrap();
    assert_eq!((sm.extension, sm.delivery_timer), (Extension::new(&hex(container)[2..]), Some(60)));
    assert_eq!(written(|w| sm.write(w)), golden);
}

#[test]
fn reports_of_older_versions_end_early() {
    let report = ReportSmDeliveryStatus {
        diagnostic: Some(AbsentSubscriberDiagnostic(5)),
        ..ReportSmDeliveryStatus::new(number(), service_centre(), DeliveryOutcome::SuccessfulTransfer)
    };
    let second = hex("3015 040791947110325476 040791947101670000 0a0102");
    assert_eq!(written(|w| report.write_in(w, Version::V2, None)), second);
    let first = hex("3012 040791947110325476 040791947101670000");
    assert_eq!(written(|w| report.write_in(w, Version::V1, None)), first);
    assert_eq!(written(|w| report.write_in(w, Version::V3, None)), written(|w| report.write(w, None)));
    let absent = ReportSmDeliveryStatus::parse(&first, None).unwrap();
    assert_eq!(absent.outcome, DeliveryOutcome::AbsentSubscriber);
    let wrong = hex("3015 040791947110325476 040791947101670000 800105");
    assert_eq!(why(ReportSmDeliveryStatus::parse(&wrong, None)), "missing");
}

#[test]
fn results_of_older_reports_are_bare() {
    let stored = ReportSmDeliveryStatusResult { stored_msisdn: Some(number()) };
    let bare = hex("04 07 91947110325476");
    assert_eq!(ReportSmDeliveryStatusResult::parse(&bare), Ok(stored));
    let none = ReportSmDeliveryStatusResult { stored_msisdn: None };
    for version in [Version::V1, Version::V2] {
        assert_eq!(written(|w| assert!(stored.write_in(w, version))), bare);
        assert!(written(|w| assert!(!none.write_in(w, version))).is_empty());
    }
    assert_eq!(written(|w| assert!(stored.write_in(w, Version::V3))), hex("3009 04 07 91947110325476"));
    assert_eq!(why(ReportSmDeliveryStatusResult::parse(&hex("05 00"))), "structure");
}

#[test]
fn routing_information_of_older_versions_is_one_node() {
    let info = SendRoutingInfoForSm {
        gprs_support: true,
        imsi: Some(imsi()),
        ..SendRoutingInfoForSm::new(number(), true, service_centre())
    };
    let golden = hex("3015 8007919471103254768101ff820791947101670000");
    assert_eq!(written(|w| info.write_in(w, Version::V2, None)), golden);
    assert_eq!(written(|w| info.write_in(w, Version::V3, None)), written(|w| info.write(w, None)));
    let result = SendRoutingInfoForSmResult {
        lmsi: Some([1, 2, 3, 4]),
        gprs_node: true,
        additional: Some(ServingNode::Sgsn(number())),
        ..SendRoutingInfoForSmResult::new(imsi(), service_centre())
    };
    let golden = hex("301b 040862021132547698f0a00f810791947101670000040401020304");
    assert_eq!(written(|w| result.write_in(w, Version::V1)), golden);
    assert_eq!(written(|w| result.write_in(w, Version::V3)), written(|w| result.write(w)));
    // A roaming number, and mwd-Set behind it.
    let roaming = hex("3018 040862021132547698f0a0098007919471103254768201ff");
    let expected = SendRoutingInfoForSmResult::new(imsi(), number());
    assert_eq!(SendRoutingInfoForSmResult::parse(&roaming), Ok(expected));
}

#[test]
fn who_is_there_again_is_told_shortly_in_older_versions() {
    let ready =
        ReadyForSm { imsi: imsi(), reason: AlertReason::MemoryAvailable, gprs: false, ip_sm_gw: true };
    assert_eq!(written(|w| ready.write_in(w, Version::V2)), hex("300d 800862021132547698f0 0a0101"));
    assert_eq!(written(|w| ready.write_in(w, Version::V3)), written(|w| ready.write(w)));
    let bare = hex("0408 62021132547698f0");
    assert_eq!(written(|w| ready.write_in(w, Version::V1)), bare);
    let present = ReadyForSm { reason: AlertReason::MsPresent, ip_sm_gw: false, ..ready };
    assert_eq!(ReadyForSm::parse_note_subscriber_present(&bare), Ok(present));
    for (wrong, expected) in [("", "missing"), ("3000", "missing"), ("0401ff", "value")] {
        assert_eq!(why(ReadyForSm::parse_note_subscriber_present(&hex(wrong))), expected, "{wrong}");
    }
    // alertServiceCentreWithoutResult has the argument of alertServiceCentre.
    let alert = AlertServiceCentre { msisdn: number(), service_centre: service_centre(), imsi: None };
    assert_eq!(written(|w| alert.write(w)), hex("3012 040791947110325476 040791947101670000"));
}

#[test]
fn errors_are_spoken_in_the_version_of_the_dialogue() {
    use Version::{V1, V2, V3};
    let report: &[u8] = &[0, 0xd3, 0];
    let congestion =
        UserError::sm_delivery_failure(SmDeliveryFailureCause::ServiceCentreCongestion, Some(report));
    let absent = UserError::absent_subscriber_sm(AbsentSubscriberDiagnostic::NO_RESPONSE_VIA_IP_SM_GW);
    let failure = UserError::SystemFailure { network_resource: Some(5), additional: Some(3), cause: Some(0) };
    let spoken: [(UserError<'_>, Version, u8, &str); 19] = [
        (congestion, V1, 32, "0a0104"),
        (congestion, V2, 32, "30080a0104040300d300"),
        (congestion, V3, 32, "30080a0104040300d300"),
        (absent, V1, 27, ""),
        (absent, V2, 27, ""),
        (absent, V3, 6, "300302010c"),
        (failure, V2, 34, "0a0105"),
        (failure, V3, 34, "30090a0105800103810100"),
        (UserError::AbsentSubscriber { mwd_set: Some(true) }, V1, 27, "0101ff"),
        (UserError::AbsentSubscriber { mwd_set: Some(true) }, V2, 27, ""),
        (UserError::RoamingNotAllowed { cause: Some(3) }, V2, 8, "0a0103"),
        (UserError::RoamingNotAllowed { cause: None }, V1, 8, "0a0100"),
        (UserError::CallBarred { cause: Some(1), unauthorised_originator: true }, V2, 13, "0a0101"),
        (UserError::UnknownSubscriber { diagnostic: Some(1) }, V2, 1, ""),
        (UserError::SubscriberBusyForMtSms, V2, 31, ""),
        (UserError::SubscriberBusyForMtSms, V1, 34, ""),
        (UserError::IllegalEquipment, V1, 9, ""),
        (UserError::ResourceLimitation, V2, 34, ""),
        (UserError::Other { code: 99, parameter: &[5, 0] }, V1, 99, "0500"),
    ];
    for (error, version, code, parameter) in spoken {
        let error = error.spoken(version);
        let octets = written(|w| error.write_in(w, version));
        assert_eq!((error.code(), &octets), (code, &hex(parameter)), "{error:?} in {version:?}");
        assert!(UserError::parse(code, &octets).is_ok());
    }
    for (octets, mwd_set) in [("0101ff", Some(true)), ("010100", Some(false)), ("", None), ("3000", None)] {
        let octets = hex(octets);
        let read = UserError::parse(error_code::ABSENT_SUBSCRIBER, &octets);
        assert_eq!(read, Ok(UserError::AbsentSubscriber { mwd_set }), "{octets:02x?}");
    }
    assert_eq!(why(UserError::parse(error_code::ABSENT_SUBSCRIBER, &hex("0102ffff"))), "value");
}

#[test]
fn absent_subscribers_have_all_their_parameters() {
    let golden = hex("301d 020105 810862021132547698f0 8204e5f10203 830862021132547698f0");
    let error = UserError::AbsentSubscriberSm {
        diagnostic: Some(AbsentSubscriberDiagnostic(5)),
        additional: None,
        imsi: Some(imsi()),
        retransmission: Some(0xe5f1_0203),
        alert: Some(imsi()),
    };
    assert_eq!(UserError::parse(error_code::ABSENT_SUBSCRIBER_SM, &golden), Ok(error));
    assert_eq!(written(|w| error.write(w)), golden);
    assert_eq!(why(UserError::parse(error_code::ABSENT_SUBSCRIBER_SM, &hex("3003 820101"))), "value");
}
