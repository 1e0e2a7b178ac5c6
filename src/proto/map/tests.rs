//! Golden vectors, rare forms, and octets that nobody should send.

mod vectors;
mod versions;

use super::*;
use crate::codec::mutated::mutated;
use crate::ident::{Digits, Msisdn};

const MO: &str =
    "3031840791947101670000820791947110325476041311050c919471907856340000a705c8329bfd06040862021132547698f0";
const SRI: &str = "30198007919471103254768101ff82079194710167000087008b00";
const SRI_RESULT: &str = "301d040862021132547698f0a009810791947101990910a50602011e020178";
const REPORT: &str = "301a0407919471103254760407919471016700000a010180010c8600";
const ABSENT: &str = "300302010c";
// By pycrate 0.8.1, TS 29.002.
const ALERT: &str = "301c040791947110325476040791947101670000040862021132547698f0";
const READY: &str = "300f800862021132547698f00a01018100";
const THREE: &str =
    "302b040862021132547698f0a01f810791947101670000a609810791947110325476a909800791947101990910";
const SRI_EXTENDED: &str =
    "302b8007919471103254768101ff820791947101670000a612a010300e060a2b0601040181fd59070105008700";
const REPORT_EXTENDED: &str = "302f0407919471103254760407919471016700000a010180010c\
     a113a011300f060a2b0601040181fd5907020a01018600";
const INFORM: &str = "3013040791947110325476030202a0020101800106";

pub(super) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().filter_map(|c| c.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn written(write: impl FnOnce(&mut Prepend<'_>)) -> Vec<u8> {
    let mut buffer = [0; 600];
    let mut w = Prepend::new(&mut buffer);
    write(&mut w);
    w.finish().expect("it fits").to_vec()
}

pub(super) fn number(digits: &str) -> AddressString {
    AddressString::international(digits.parse().unwrap())
}

pub(super) fn imsi() -> Imsi {
    "262011234567890".parse().unwrap()
}

pub(super) fn why(result: Result<impl core::fmt::Debug, Malformed>) -> &'static str {
    let malformed = result.unwrap_err();
    assert_eq!(malformed.layer, Layer::Map);
    WHY[usize::from(malformed.why)]
}

#[test]
fn mo_forward_sm_is_the_golden_one() {
    let bytes = hex(MO);
    let sm = MoForwardSm::parse(&bytes).unwrap();
    let expected = MoForwardSm {
        service_centre: SmRpDa::ServiceCentre(number("491710760000")),
        originator: SmRpOa::Msisdn(number("491701234567")),
        ui: &hex("11050c919471907856340000a705c8329bfd06"),
        imsi: Some(imsi()),
        correlation_id: None,
        delivery_outcome: None,
        more_messages: false,
        extension: Extension::NONE,
    };
    assert_eq!(sm, expected);
    assert_eq!(written(|w| sm.write(w)), bytes);
    assert_eq!(number("491701234567").msisdn(), Msisdn::from_ascii(b"491701234567"));
}

/// 188 octets, which with a TCAP Begin around them make 237: what fits one UDT between titles of 12 digits.
#[test]
fn mo_forward_sm_of_140_octets_leaves_room_for_a_begin() {
    let ui = [0x55; 154];
    let sm = MoForwardSm {
        service_centre: SmRpDa::ServiceCentre(number("491710760000")),
        originator: SmRpOa::Msisdn(number("491701234567")),
        ui: &ui,
        imsi: Some(imsi()),
        correlation_id: None,
        delivery_outcome: None,
        more_messages: false,
        extension: Extension::NONE,
    };
    assert_eq!(written(|w| sm.write(w)).len(), 188);
}

#[test]
fn mt_forward_sm_round_trips_with_everything_and_with_nothing() {
    let ui = [7; 200];
    let origin = SmRpOa::ServiceCentre(number("491710760000"));
    let correlation_id =
        CorrelationId { hlr_id: Some(&[0x62]), sip_uri_a: Some(b"sip:a"), sip_uri_b: b"sip:b" };
    let full = MtForwardSm {
        more_messages: true,
        delivery_timer: Some(600),
        delivery_start: Some(0xe000_0001),
        sms_over_ip_only: true,
        correlation_id: Some(correlation_id),
        maximum_retransmission: Some(7),
        gmsc: Some(number("491710760001")),
        ..MtForwardSm::new(SmRpDa::Imsi(imsi()), origin, &ui)
    };
    let subsequent = MtForwardSm::new(SmRpDa::None, SmRpOa::None, &ui[..1]);
    let lmsi = MtForwardSm::new(SmRpDa::Lmsi([1, 2, 3, 4]), origin, &ui);
    for sm in [full, subsequent, lmsi] {
        let bytes = written(|w| sm.write(w));
        assert_eq!(MtForwardSm::parse(&bytes), Ok(sm));
    }
    let plain = written(|w| MtForwardSm::new(SmRpDa::Imsi(imsi()), origin, &[1, 2]).write(w));
    assert_eq!(plain, hex("3017 8008 62021132547698f0 8407 91947101670000 0402 0102"));
    // A delivery timer out of range is passed over.
    let odd = hex("301a 8008 62021132547698f0 8407 91947101670000 0402 0102 02011d");
    assert_eq!(MtForwardSm::parse(&odd).unwrap().delivery_timer, None);
}

#[test]
fn mo_forward_sm_between_subscribers_without_numbers() {
    let sm = MoForwardSm {
        service_centre: SmRpDa::ServiceCentre(number("491710760000")),
        originator: SmRpOa::None,
        ui: &[1],
        imsi: None,
        correlation_id: Some(CorrelationId { hlr_id: None, sip_uri_a: None, sip_uri_b: b"sip:b" }),
        delivery_outcome: Some(2),
        ..MoForwardSm::new(SmRpDa::None, SmRpOa::None, &[1])
    };
    assert_eq!(MoForwardSm::parse(&written(|w| sm.write(w))), Ok(sm));
}

#[test]
fn results_may_be_empty() {
    assert_eq!(ForwardSmResult::parse(&[]), Ok(ForwardSmResult { ui: None }));
    assert_eq!(ForwardSmResult::parse(&[0x30, 0]), Ok(ForwardSmResult { ui: None }));
    assert!(written(|w| assert!(!ForwardSmResult { ui: None }.write(w))).is_empty());
    let result = ForwardSmResult { ui: Some(&[0, 0]) };
    let bytes = written(|w| assert!(result.write(w)));
    assert_eq!(bytes, hex("3004 0402 0000"));
    assert_eq!(ForwardSmResult::parse(&bytes), Ok(result));
    let stored = ReportSmDeliveryStatusResult { stored_msisdn: Some(number("1")) };
    let bytes = written(|w| assert!(stored.write(w)));
    assert_eq!(ReportSmDeliveryStatusResult::parse(&bytes), Ok(stored));
    let empty = ReportSmDeliveryStatusResult { stored_msisdn: None };
    assert_eq!(ReportSmDeliveryStatusResult::parse(&[]), Ok(empty));
    assert!(written(|w| assert!(!empty.write(w))).is_empty());
}

#[test]
fn routing_info_is_the_golden_one() {
    let bytes = hex(SRI);
    let info = SendRoutingInfoForSm::parse(&bytes, None).unwrap();
    let expected = SendRoutingInfoForSm {
        gprs_support: true,
        ip_sm_gw_guidance: true,
        ..SendRoutingInfoForSm::new(number("491701234567"), true, number("491710760000"))
    };
    assert_eq!(info, expected);
    assert_eq!(written(|w| info.write(w, None)), bytes);
    let full = SendRoutingInfoForSm {
        mti: Some(SmRpMti::StatusReport),
        smea: Some(&[1, 0x91, 0x10]),
        delivery_not_intended: Some(1),
        imsi: Some(imsi()),
        single_attempt: true,
        priority: false,
        ..info
    };
    assert_eq!(SendRoutingInfoForSm::parse(&written(|w| full.write(w, None)), None), Ok(full));
}

#[test]
fn routing_info_result_is_the_golden_one() {
    let bytes = hex(SRI_RESULT);
    let result = SendRoutingInfoForSmResult::parse(&bytes).unwrap();
    let expected = SendRoutingInfoForSmResult {
        guidance: Some(IpSmGwGuidance { minimum: 30, recommended: 120 }),
        ..SendRoutingInfoForSmResult::new(imsi(), number("491710999001"))
    };
    assert_eq!(result, expected);
    assert_eq!(written(|w| result.write(w)), bytes);
    for additional in [ServingNode::Msc(number("12")), ServingNode::Sgsn(number("13"))] {
        let full = SendRoutingInfoForSmResult {
            lmsi: Some([9, 8, 7, 6]),
            gprs_node: true,
            additional: Some(additional),
            guidance: None,
            ..result
        };
        assert_eq!(SendRoutingInfoForSmResult::parse(&written(|w| full.write(w))), Ok(full));
    }
    // By pycrate 0.8.1.
    let three = hex(THREE);
    let expected = SendRoutingInfoForSmResult {
        additional: Some(ServingNode::Sgsn(number("491701234567"))),
        third: Some(ServingNode::Msc(number("491710999001"))),
        ..SendRoutingInfoForSmResult::new(imsi(), number("491710760000"))
    };
    assert_eq!(SendRoutingInfoForSmResult::parse(&three), Ok(expected));
    assert_eq!(written(|w| expected.write(w)), three);
    // The same with imsNodeIndicator [11] NULL at the end of the location.
    let ims = SendRoutingInfoForSmResult { ims_node: true, ..expected };
    let octets = hex(&(THREE.replace("302b", "302d").replace("a01f", "a021") + "8b00"));
    assert_eq!(SendRoutingInfoForSmResult::parse(&octets), Ok(ims));
    assert_eq!(written(|w| ims.write(w)), octets);
}

#[test]
fn delivery_status_is_the_golden_one() {
    let bytes = hex(REPORT);
    let report = ReportSmDeliveryStatus::parse(&bytes, None).unwrap();
    let outcome = DeliveryOutcome::AbsentSubscriber;
    let expected = ReportSmDeliveryStatus {
        diagnostic: Some(AbsentSubscriberDiagnostic::NO_RESPONSE_VIA_IP_SM_GW),
        ip_sm_gw: true,
        ..ReportSmDeliveryStatus::new(number("491701234567"), number("491710760000"), outcome)
    };
    assert_eq!(report, expected);
    assert_eq!(written(|w| report.write(w, None)), bytes);
    let full = ReportSmDeliveryStatus {
        outcome: DeliveryOutcome::MemoryCapacityExceeded,
        gprs_support: true,
        outcome_is_gprs: true,
        additional_outcome: Some(DeliveryOutcome::SuccessfulTransfer),
        additional_diagnostic: Some(AbsentSubscriberDiagnostic(255)),
        ip_sm_gw_outcome: Some(DeliveryOutcome::AbsentSubscriber),
        ip_sm_gw_diagnostic: Some(AbsentSubscriberDiagnostic::DEREGISTERED_FOR_IMS),
        imsi: Some(imsi()),
        single_attempt: true,
        ..report
    };
    assert_eq!(ReportSmDeliveryStatus::parse(&written(|w| full.write(w, None)), None), Ok(full));
}

/// What the study adds: there with an arc, and neither written nor read without one.
#[test]
fn private_extensions_are_the_golden_ones() {
    let arc: Arc = "1.3.6.1.4.1.32473.7".parse().unwrap();
    let other: Arc = "1.3.6.1.4.1.32473.8".parse().unwrap();
    let plain = SendRoutingInfoForSm {
        gprs_support: true,
        ..SendRoutingInfoForSm::new(number("491701234567"), true, number("491710760000"))
    };
    let extended = SendRoutingInfoForSm { ip_messaging: true, ..plain };
    let bytes = hex(SRI_EXTENDED);
    assert_eq!(written(|w| extended.write(w, Some(&arc))), bytes);
    assert_eq!(SendRoutingInfoForSm::parse(&bytes, Some(&arc)), Ok(extended));
    for ignorant in [None, Some(&other)] {
        assert_eq!(SendRoutingInfoForSm::parse(&bytes, ignorant), Ok(plain));
    }
    assert_eq!(written(|w| extended.write(w, None)), written(|w| plain.write(w, Some(&arc))));

    let plain = ReportSmDeliveryStatus {
        diagnostic: Some(AbsentSubscriberDiagnostic::NO_RESPONSE_VIA_IP_SM_GW),
        ip_sm_gw: true,
        ..ReportSmDeliveryStatus::parse(&hex(REPORT), None).unwrap()
    };
    let extended = ReportSmDeliveryStatus { smsc_type: Some(SmscType::VoiceMail), ..plain };
    let bytes = hex(REPORT_EXTENDED);
    assert_eq!(written(|w| extended.write(w, Some(&arc))), bytes);
    assert_eq!(ReportSmDeliveryStatus::parse(&bytes, Some(&arc)), Ok(extended));
    assert_eq!(ReportSmDeliveryStatus::parse(&bytes, Some(&other)), Ok(plain));
    assert_eq!(written(|w| extended.write(w, None)), written(|w| plain.write(w, Some(&arc))));
}

#[test]
fn alerts_are_the_golden_ones() {
    let bytes = hex(ALERT);
    let alert = AlertServiceCentre {
        msisdn: number("491701234567"),
        service_centre: number("491710760000"),
        imsi: Some(imsi()),
    };
    assert_eq!(AlertServiceCentre::parse(&bytes), Ok(alert));
    assert_eq!(written(|w| alert.write(w)), bytes);
    let bytes = hex("3012040791947110325476040791947101670000");
    let alert = AlertServiceCentre { imsi: None, ..alert };
    assert_eq!(AlertServiceCentre::parse(&bytes), Ok(alert));
    assert_eq!(written(|w| alert.write(w)), bytes);
    assert_eq!(why(AlertServiceCentre::parse(&hex("3009 040791947110325476"))), "missing");
    assert_eq!(why(AlertServiceCentre::parse(&hex("300b 040791947110325476 0400"))), "value");

    let memory =
        ReadyForSm { imsi: imsi(), reason: AlertReason::MemoryAvailable, gprs: false, ip_sm_gw: true };
    let present = ReadyForSm { reason: AlertReason::MsPresent, gprs: true, ip_sm_gw: false, ..memory };
    for (ready, golden) in [(memory, READY), (present, "300f800862021132547698f00a01000500")] {
        assert_eq!(ReadyForSm::parse(&hex(golden)), Ok(ready));
        assert_eq!(written(|w| ready.write(w)), hex(golden));
    }
    let extended = "3011 800862021132547698f0 0a0101 3000 8100";
    assert_eq!(ReadyForSm::parse(&hex(extended)), Ok(memory), "an extension container is passed over");
    assert_eq!(why(ReadyForSm::parse(&hex("300d 800862021132547698f0 0a0102"))), "value");
    assert_eq!(why(ReadyForSm::parse(&hex("300d 040862021132547698f0 0a0101"))), "missing");
}

#[test]
fn inform_service_centre_is_the_golden_one() {
    let bytes = hex(INFORM);
    let inform = InformServiceCentre {
        stored_msisdn: Some(number("491701234567")),
        status: Some(MwStatus { sc_address_not_included: true, mcef: true, ..MwStatus::default() }),
        diagnostic: Some(AbsentSubscriberDiagnostic::IMSI_DETACHED),
        additional_diagnostic: Some(AbsentSubscriberDiagnostic(6)),
    };
    assert_eq!(InformServiceCentre::parse(&bytes), Ok(inform));
    assert_eq!(written(|w| inform.write(w)), bytes);
    let other = MwStatus { mnrf: true, mnrg: true, ..MwStatus::default() };
    let other = InformServiceCentre { status: Some(other), ..InformServiceCentre::default() };
    assert_eq!(written(|w| other.write(w)), hex("3004 03020250"));
    // Those of sixteen bits, too.
    assert_eq!(InformServiceCentre::parse(&hex("3005 0303005f80")), Ok(other));
    assert_eq!(InformServiceCentre::parse(&hex("3000")), Ok(InformServiceCentre::default()));
    for wrong in ["3002 0300", "3003 030102", "3004 03020850", "3002 0400"] {
        assert_eq!(why(InformServiceCentre::parse(&hex(wrong))), "value", "{wrong}");
    }
}

fn errors() -> Vec<UserError<'static>> {
    vec![
        UserError::UnknownSubscriber { diagnostic: None },
        UserError::UnknownSubscriber { diagnostic: Some(1) },
        UserError::UnidentifiedSubscriber,
        UserError::absent_subscriber_sm(AbsentSubscriberDiagnostic::NO_RESPONSE_VIA_IP_SM_GW),
        UserError::AbsentSubscriberSm {
            diagnostic: None,
            additional: Some(AbsentSubscriberDiagnostic::IMSI_DETACHED),
            imsi: Some(imsi()),
            retransmission: Some(0xe5f1_0203),
            alert: Some(imsi()),
        },
        UserError::RoamingNotAllowed { cause: Some(3) },
        UserError::RoamingNotAllowed { cause: None },
        UserError::IllegalSubscriber,
        UserError::IllegalEquipment,
        UserError::TeleserviceNotProvisioned,
        UserError::CallBarred { cause: Some(1), unauthorised_originator: true },
        UserError::CallBarred { cause: None, unauthorised_originator: false },
        UserError::FacilityNotSupported,
        UserError::AbsentSubscriber { mwd_set: None },
        UserError::SubscriberBusyForMtSms,
        UserError::sm_delivery_failure(SmDeliveryFailureCause::MemoryCapacityExceeded, Some(&[0, 0xd3, 0])),
        UserError::sm_delivery_failure(SmDeliveryFailureCause::SubscriberNotScSubscriber, None),
        UserError::MessageWaitingListFull,
        UserError::system_failure(),
        UserError::SystemFailure { network_resource: Some(5), additional: Some(3), cause: Some(0) },
        UserError::DataMissing,
        UserError::UnexpectedDataValue,
        UserError::ResourceLimitation,
        UserError::AtmNotAllowed,
        UserError::InformationNotAvailable,
        UserError::Other { code: 211, parameter: &[0x30, 0] },
    ]
}

#[test]
fn every_error_round_trips() {
    for error in errors() {
        let parameter = written(|w| error.write(w));
        assert_eq!(UserError::parse(error.code(), &parameter), Ok(error));
    }
    let absent = UserError::absent_subscriber_sm(AbsentSubscriberDiagnostic(12));
    assert_eq!(written(|w| absent.write(w)), hex(ABSENT));
    let cause = SmDeliveryFailureCause::EquipmentProtocolError;
    let failure = UserError::sm_delivery_failure(cause, Some(&[0, 0xff, 0]));
    assert_eq!(written(|w| failure.write(w)), hex("3008 0a0101 040300ff00"));
    // By pycrate 0.8.1, TS 29.002; tshark 4.0 finds nothing wrong with them.
    let unknown = UserError::UnknownSubscriber { diagnostic: Some(0) };
    assert_eq!(written(|w| unknown.write(w)), hex("30030a0100"));
    let barred = UserError::RoamingNotAllowed { cause: Some(3) };
    assert_eq!(written(|w| barred.write(w)), hex("30030a0103"));
    let elsewhere = UserError::RoamingNotAllowed { cause: Some(0) };
    assert_eq!(UserError::parse(error_code::ROAMING_NOT_ALLOWED, &hex("30060a0100800100")), Ok(elsewhere));
}

#[test]
fn errors_of_older_versions_are_read() {
    let congestion = UserError::sm_delivery_failure(SmDeliveryFailureCause::ServiceCentreCongestion, None);
    assert_eq!(UserError::parse(error_code::SM_DELIVERY_FAILURE, &hex("0a0104")), Ok(congestion));
    let failure = UserError::SystemFailure { network_resource: Some(1), additional: None, cause: None };
    for form in ["0a0101", "3003 0a0101", "3008 0a0101 3003800101"] {
        assert_eq!(UserError::parse(error_code::SYSTEM_FAILURE, &hex(form)), Ok(failure));
    }
    let barred = UserError::CallBarred { cause: Some(1), unauthorised_originator: false };
    assert_eq!(UserError::parse(error_code::CALL_BARRED, &hex("0a0101")), Ok(barred));
    assert_eq!(why(UserError::parse(error_code::SM_DELIVERY_FAILURE, &hex("0a0107"))), "value");
    assert_eq!(why(UserError::parse(error_code::SM_DELIVERY_FAILURE, &hex("3000"))), "missing");
    assert_eq!(why(UserError::parse(error_code::SM_DELIVERY_FAILURE, &[])), "structure");
    assert_eq!(why(UserError::parse(error_code::SYSTEM_FAILURE, &hex("3003"))), "structure");
}

/// Extension containers, elements of later versions, indefinite lengths, lengths in more octets than they need.
#[test]
fn rare_spellings_are_read() {
    for spelling in [
        "3080 840791947101670000 820791947110325476 0401aa 3003800101 040862021132547698f0 9f5501ff 0000",
        "308126 840791947101670000 82810791947110325476 0401aa bf2000 040862021132547698f0 830102",
    ] {
        let bytes = hex(spelling);
        let sm = MoForwardSm::parse(&bytes).unwrap();
        assert_eq!((sm.ui, sm.imsi), (&[0xaa][..], Some(imsi())));
    }
    // Another application's priority: any octet but 0 is true.
    let mut other_true = hex(SRI);
    other_true[13] = 1;
    assert!(SendRoutingInfoForSm::parse(&other_true, None).unwrap().priority);
    // A reserved kind of message is no kind.
    let reserved = hex("3018 800791947110325476 810100 820791947101670000 880109");
    assert_eq!(SendRoutingInfoForSm::parse(&reserved, None).unwrap().mti, None);
}

#[test]
fn mistyped_arguments_say_what_is_wrong() {
    for (argument, reason) in [
        ("", "structure"),
        ("3100", "structure"),
        ("30000000", "structure"),
        ("3000", "missing"),
        ("3009 8407 91947101670000", "missing"),
        ("3002 8500", "missing"),
        ("300d 8500 8500 840791947101670000", "missing"),
        ("3006 8500 8500 0400", "value"),
        ("3007 8000 8500 0401aa", "value"),
        ("3007 8400 8500 0401aa", "value"),
        ("3008 840111 8500 0401aa", "value"),
        ("300a 8403911ff1 8500 0401aa", "value"),
        ("300a 8500 8500 0401aa 0401ff", "value"),
        ("3009 8500 8500 0401aa a000", "missing"),
        ("3007 8500 a500 0401aa", "missing"),
        ("3007 8500 8500 2401aa", "structure"),
        ("3006 8500 8500 0401", "structure"),
    ] {
        let bytes = hex(argument);
        let parsed = MoForwardSm::parse(&bytes);
        assert_eq!(why(parsed), reason, "{argument}");
    }
    let long = written(|w| MtForwardSm::new(SmRpDa::None, SmRpOa::None, &[0; 201]).write(w));
    assert_eq!(why(MtForwardSm::parse(&long)), "value");
    let lmsi = hex("300b 8103010203 8500 0401aa 0500");
    assert_eq!(why(MtForwardSm::parse(&lmsi)), "structure");
    let many = written(|w| {
        w.bytes(&[5, 0].repeat(MAX_ELEMENTS));
        w.bytes(&hex("8500 8500 0401aa"));
        ber::wrap(w, 0x30, 0);
    });
    assert_eq!(why(MtForwardSm::parse(&many)), "too_many_elements");
}

/// A string in pieces (X.690 8.7.3) is refused wherever it stands: an optional one must not get lost as if a later
/// version had added it. So is an end of contents that ends nothing.
#[test]
fn constructed_strings_are_refused_everywhere() {
    for argument in [
        "300f 8500 8500 0401aa 24060404 08620211",
        "3009 8500 8500 0401aa 8000",
        "300a 8500 8500 0401aa a10101",
        "3009 8500 8500 0401aa 0000",
        "300a 8500 8500 0401aa 300000",
        "3009 8500 8500 0401aa 1000",
        "3080 8500 8500 0401aa 2480 0402aabb 0000 0000",
    ] {
        assert_eq!(why(MoForwardSm::parse(&hex(argument))), "structure", "{argument}");
    }
    for argument in ["3009 8500 8500 0401aa a200", "3009 8500 8500 0401aa a300", "3009 8500 8500 0401aa 2400"]
    {
        assert_eq!(why(MtForwardSm::parse(&hex(argument))), "structure", "{argument}");
    }
    for tag in ["a7", "a8", "a9", "aa", "ac", "ad", "86"] {
        let argument = hex(&(SRI.replace("3019", "301b") + tag + "00"));
        let parsed = SendRoutingInfoForSm::parse(&argument, None);
        assert_eq!(why(parsed), "structure", "{tag}");
    }
    for tag in ["a0", "81", "a4", "a6", "a9", "aa"] {
        let argument = REPORT.replace("301a", "301c") + tag + "00";
        assert_eq!(why(ReportSmDeliveryStatus::parse(&hex(&argument), None)), "structure", "{tag}");
    }
    let spoilt = SRI_RESULT.replace("a50602011e020178", "850602011e020178");
    assert_eq!(why(SendRoutingInfoForSmResult::parse(&hex(&spoilt))), "structure");
    assert_eq!(why(ReadyForSm::parse(&hex("3011800862021132547698f00a0101a100"))), "structure");
    assert_eq!(
        why(AlertServiceCentre::parse(&hex("3014 040791947110325476 040791947101670000 2400"))),
        "structure"
    );
    assert_eq!(why(InformServiceCentre::parse(&hex("3004 2400 0500"))), "structure");
    assert_eq!(why(ReportSmDeliveryStatusResult::parse(&hex("3002 2400"))), "structure");
    // What the crate behind the slow operations would take.
    let pieces = hex("300c 800862021132547698f0 2400");
    assert_eq!(why(subscription::SendAuthenticationInfo::decode(&pieces)), "structure");
}

#[test]
fn addresses_have_a_nature_a_plan_and_at_most_thirty_digits() {
    let imsi_of_e212 =
        AddressString { nature: TypeOfNumber::INTERNATIONAL, plan: Plan::E212, digits: imsi().digits() };
    let bytes = written(|w| imsi_of_e212.put(w, 0x80));
    assert_eq!(bytes, hex("8009 96 62021132547698f0"));
    assert_eq!(AddressString::read(&bytes[2..]), Some(imsi_of_e212));
    assert_eq!(imsi_of_e212.msisdn(), None);
    assert_eq!(AddressString::read(&[]), None);
    assert_eq!(AddressString::read(&[0x91]).map(|address| address.digits), Some(Digits::EMPTY));
    assert_eq!(AddressString::read(&[0x91; 17]), None);
    assert_eq!(AddressString::read(&hex("111032")), None, "no extension bit");
    assert_eq!(format!("{:?}", number("491701234567")), "1/1:*********567");
}

#[test]
fn dialogue_pdus_round_trip() {
    let reference = AddressString { plan: Plan::E212, ..number("262011234567890") };
    for pdu in [
        DialoguePdu::Open { destination: Some(reference), originator: None },
        DialoguePdu::Open { destination: None, originator: Some(number("491710760000")) },
        DialoguePdu::Accept,
        DialoguePdu::Close,
        DialoguePdu::Refuse { reason: RefuseReason::NoReason, alternative: Some(context::MO_RELAY_V3) },
        DialoguePdu::Refuse { reason: RefuseReason::InvalidDestinationReference, alternative: None },
        DialoguePdu::Refuse { reason: RefuseReason::InvalidOriginatingReference, alternative: None },
        DialoguePdu::UserAbort(UserAbort::UserSpecific),
        DialoguePdu::UserAbort(UserAbort::ResourceLimitation),
        DialoguePdu::UserAbort(UserAbort::ResourceUnavailable(1)),
        DialoguePdu::UserAbort(UserAbort::ProcedureCancellation(4)),
        DialoguePdu::ProviderAbort(1),
    ] {
        let bytes = written(|w| pdu.write(w));
        assert!(bytes.len() <= DialoguePdu::MAX);
        assert_eq!(DialoguePdu::parse(&bytes), Some(pdu));
        let other = [&hex("2805 06012a a000")[..], &bytes].concat();
        assert_eq!(DialoguePdu::parse(&other), Some(pdu), "behind another user's information");
    }
    assert_eq!(written(|w| DialoguePdu::Close.write(w)), hex("280d 060704000001010101 a002 a200"));
    assert_eq!(DialoguePdu::parse(&[]), None);
}

#[test]
fn contexts_name_themselves() {
    assert_eq!(context::parse(context::MO_RELAY_V3), Some((context::MO_RELAY, 3)));
    assert_eq!(context::parse(context::MT_RELAY_V3), Some((context::MT_RELAY, 3)));
    assert_eq!(context::parse(context::GATEWAY_V3), Some((context::GATEWAY, 3)));
    assert_eq!(context::parse(context::ALERT_V2), Some((23, 2)));
    assert_eq!(context::parse(context::MWD_MANAGEMENT_V3), Some((24, 3)));
    for other in [&hex("040000011503 3d")[..], &[], &hex("04000001001503 00"), &hex("0400000100 8115")] {
        assert_eq!(context::parse(other), None);
    }
}

/// The form that nearly every mo-ForwardSM has is taken apart in one step: whatever is changed in one, that says what is
/// said of any argument.
#[test]
fn the_usual_mo_forward_sm_is_read_as_any_other() {
    let (mut usual, mut others, mut refused) = (0, 0, 0);
    for (length, digits) in
        [(1, 7), (19, 12), (92, 15), (93, 16), (94, 15), (126, 11), (127, 12), (128, 13), (200, 14)]
    {
        let (ui, number) = (vec![4; length], number(&"4917012345678901"[..digits]));
        let sm = MoForwardSm::new(SmRpDa::ServiceCentre(number), SmRpOa::Msisdn(number), &ui);
        let sm = MoForwardSm { imsi: Imsi::from_ascii(&b"262011234567890"[..digits.min(15)]), ..sm };
        mutated(&written(|w| sm.write(w)), length as u64, &mut |bytes| {
            let read = MoForwardSm::parse(bytes);
            assert_eq!(read, MoForwardSm::any(bytes), "{bytes:02x?}");
            match (MoForwardSm::usual(bytes), read) {
                (Some(_), _) => usual += 1,
                (None, Ok(_)) => others += 1,
                (None, Err(_)) => refused += 1,
            }
        });
    }
    assert!(usual > 10_000 && others > 1_000 && refused > 10_000, "{usual} {others} {refused}");
}

#[test]
fn numbers_of_few_digits_are_written_as_those_of_many() {
    for count in 0..=Digits::MAX {
        let number = number(&"123456789012345678901234567890"[..count]);
        let octets = written(|w| number.put(w, 0x84));
        assert_eq!(octets, written(|w| number.put_long(w, 0x84)));
        assert_eq!(AddressString::read(&octets[2..]), Some(number));
        let few = AddressString::read_few(&octets[2..]);
        assert_eq!(few, Some(number).filter(|_| (7..=16).contains(&count)), "{count}");
    }
}

fn read_everything(bytes: &[u8]) {
    let _ = (MoForwardSm::parse(bytes), MtForwardSm::parse(bytes), ForwardSmResult::parse(bytes));
    let arc = "1.3.6.1.4.1.32473.7".parse().ok();
    let _ = (SendRoutingInfoForSm::parse(bytes, arc.as_ref()), SendRoutingInfoForSmResult::parse(bytes));
    let _ = ReportSmDeliveryStatus::parse(bytes, arc.as_ref());
    let _ = ReportSmDeliveryStatusResult::parse(bytes);
    let _ = (AlertServiceCentre::parse(bytes), ReadyForSm::parse(bytes), InformServiceCentre::parse(bytes));
    let _ = (DialoguePdu::parse(bytes), AddressString::read(bytes), context::parse(bytes));
    for code in 0..=64 {
        let _ = UserError::parse(code, bytes);
    }
}

#[test]
fn no_octets_do_harm() {
    let mut messages: Vec<_> =
        [MO, SRI, SRI_RESULT, THREE, SRI_EXTENDED, REPORT, REPORT_EXTENDED, ABSENT].map(hex).into();
    messages.extend([ALERT, READY, INFORM].map(hex));
    messages.extend(errors().iter().map(|error| written(|w| error.write(w))));
    let refuse = DialoguePdu::Refuse { reason: RefuseReason::NoReason, alternative: Some(&[4, 0]) };
    messages.push(written(|w| refuse.write(w)));
    for message in &messages {
        for cut in 0..=message.len() {
            read_everything(&message[..cut]);
        }
        for at in 0..message.len() {
            for change in [1, 0x80, 0xff, 0x20] {
                let mut changed = message.clone();
                changed[at] ^= change;
                read_everything(&changed);
            }
        }
    }
    let mut seed = 11u64;
    let mut random = move || {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (seed >> 33) as u8
    };
    const TAGS: [u8; 16] =
        [0x30, 0x04, 0x80, 0x82, 0x84, 0x85, 0xa0, 0xa1, 0xa5, 0xa6, 0x0a, 0x02, 0x05, 0x28, 0x06, 0x91];
    for _ in 0..20_000 {
        let length = random() % 48;
        let bytes: Vec<u8> = (0..length)
            .map(|_| if random() & 1 == 0 { TAGS[usize::from(random()) % TAGS.len()] } else { random() % 20 })
            .collect();
        read_everything(&bytes);
    }
    read_everything(&[0x30, 0x80].repeat(2000));
}
