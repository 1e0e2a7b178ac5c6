//! Arguments, results and parameters of MAP.

use core::fmt::Debug;

use gsm_map::operations::{
    alert_sc, errors, inform_sc, mo_forward_sm, mt_forward_sm, ready_for_sm, report_sm, sri_sm,
};
use gsm_map::types;
use ipsmgw::codec::Prepend;
use ipsmgw::proto::map::{
    AbsentSubscriberDiagnostic, AlertReason, AlertServiceCentre, CorrelationId, DeliveryOutcome, Extension,
    ForwardSmResult, InformServiceCentre, IpSmGwGuidance, MoForwardSm, MtForwardSm, MwStatus, ReadyForSm,
    ReportSmDeliveryStatus, ReportSmDeliveryStatusResult, SendRoutingInfoForSm, SendRoutingInfoForSmResult,
    ServingNode, SmRpDa, SmRpMti, SmRpOa, UserError,
};

use crate::random::{Random, each};
use crate::written;

/// Both write the same octets, and read each other's to what they were given.
fn agree<T>(case: u64, theirs: &T, write: impl FnOnce(&mut Prepend<'_>), read: impl Fn(&[u8]))
where
    T: rasn::Encode + rasn::Decode + PartialEq + Debug,
{
    let ours = written(write);
    assert_eq!(&gsm_map::decode::<T>(&ours).expect("theirs read ours"), theirs, "case {case}");
    let encoded = gsm_map::encode(theirs).expect("theirs write");
    assert_eq!(ours, encoded, "case {case}");
    read(&encoded);
}

/// A container with one private extension, for both: the contents of the whole, and the members of its list.
fn extension(random: &mut Random) -> (Vec<u8>, types::ExtensionContainer) {
    let value = random.octets(1, 20);
    let length = value.len() as u8;
    let list = [&[0x30, length + 7, 6, 3, 0x2a, 3, 4, 4, length], &value[..]].concat();
    let contents = [&[0xa0, list.len() as u8], &list[..]].concat();
    let private = Some(types::Opaque::new(list));
    (contents, types::ExtensionContainer { private_extension_list: private, pcs_extensions: None })
}

/// Parts of a correlation id: of the HLR, and the URIs of both sides.
type Correlation = (Option<Vec<u8>>, Option<Vec<u8>>, Vec<u8>);

fn correlation(random: &mut Random) -> Correlation {
    (random.perhaps(|it| it.octets(3, 8)), random.perhaps(|it| it.octets(1, 40)), random.octets(1, 40))
}

fn correlations((hlr_id, sip_uri_a, sip_uri_b): &Correlation) -> (CorrelationId<'_>, types::CorrelationId) {
    let octets = |octets: &Option<Vec<u8>>| octets.clone().map(Into::into);
    (
        CorrelationId { hlr_id: hlr_id.as_deref(), sip_uri_a: sip_uri_a.as_deref(), sip_uri_b },
        types::CorrelationId {
            hlr_id: octets(hlr_id),
            sip_uri_a: octets(sip_uri_a),
            sip_uri_b: sip_uri_b.clone().into(),
        },
    )
}

fn destination(random: &mut Random) -> (SmRpDa, types::SmRpDa) {
    let (address, octets) = random.address();
    let (imsi, digits) = random.imsi();
    let lmsi = random.octet();
    match random.below(4) {
        0 => (SmRpDa::Imsi(imsi), types::SmRpDa::Imsi(digits.into())),
        1 => (SmRpDa::Lmsi([lmsi; 4]), types::SmRpDa::Lmsi(vec![lmsi; 4].into())),
        2 => (SmRpDa::ServiceCentre(address), types::SmRpDa::ServiceCentreAddressDa(octets.into())),
        _ => (SmRpDa::None, types::SmRpDa::NoSmRpDa(())),
    }
}

fn origin(random: &mut Random) -> (SmRpOa, types::SmRpOa) {
    let (address, octets) = random.address();
    match random.below(3) {
        0 => (SmRpOa::Msisdn(address), types::SmRpOa::MsIsdn(octets.into())),
        1 => (SmRpOa::ServiceCentre(address), types::SmRpOa::ServiceCentreAddressOa(octets.into())),
        _ => (SmRpOa::None, types::SmRpOa::NoSmRpOa(())),
    }
}

fn outcome(random: &mut Random) -> (DeliveryOutcome, report_sm::SmDeliveryOutcome) {
    use report_sm::SmDeliveryOutcome as Theirs;
    match random.below(3) {
        0 => (DeliveryOutcome::MemoryCapacityExceeded, Theirs::MemoryCapacityExceeded),
        1 => (DeliveryOutcome::AbsentSubscriber, Theirs::AbsentSubscriber),
        _ => (DeliveryOutcome::SuccessfulTransfer, Theirs::SuccessfulTransfer),
    }
}

/// Takes a pair that may be there apart.
fn apart<A, B>(pair: Option<(A, B)>) -> (Option<A>, Option<B>) {
    pair.unzip()
}

#[test]
fn mo_forward_sm() {
    each(|case, random| {
        let ((to, to_theirs), (from, from_theirs)) = (destination(random), origin(random));
        let ui = random.octets(1, 200);
        let (extension, extension_theirs) = apart(random.perhaps(extension));
        let (imsi, imsi_theirs) = apart(random.perhaps(Random::imsi));
        let correlation = random.perhaps(correlation);
        let (correlation_id, correlation_theirs) = apart(correlation.as_ref().map(correlations));
        let (outcome, outcome_theirs) = apart(random.perhaps(outcome));
        let mut theirs = mo_forward_sm::MoForwardSmArg::new(to_theirs, from_theirs, ui.clone().into());
        theirs.extension_container = extension_theirs;
        theirs.imsi = imsi_theirs.map(Into::into);
        theirs.correlation_id = correlation_theirs;
        theirs.sm_delivery_outcome = outcome_theirs;
        let mut ours = MoForwardSm::new(to, from, &ui);
        ours.extension = extension.as_deref().map_or(Extension::NONE, Extension::new);
        ours.imsi = imsi;
        ours.correlation_id = correlation_id;
        ours.delivery_outcome = outcome.map(|outcome| outcome as u8);
        agree(case, &theirs, |w| ours.write(w), |octets| assert_eq!(MoForwardSm::parse(octets), Ok(ours)));
    });
}

#[test]
fn mt_forward_sm() {
    each(|case, random| {
        let ((to, to_theirs), (from, from_theirs)) = (destination(random), origin(random));
        let ui = random.octets(1, 200);
        let (extension, extension_theirs) = apart(random.perhaps(extension));
        let correlation = random.perhaps(correlation);
        let (correlation_id, correlation_theirs) = apart(correlation.as_ref().map(correlations));
        let (gmsc, gmsc_theirs) = apart(random.perhaps(Random::address));
        let mut ours = MtForwardSm::new(to, from, &ui);
        ours.more_messages = random.flag();
        ours.extension = extension.as_deref().map_or(Extension::NONE, Extension::new);
        ours.delivery_timer = random.perhaps(|it| 30 + it.below(571) as u16);
        ours.delivery_start = random.perhaps(|it| it.word() as u32);
        ours.sms_over_ip_only = random.flag();
        ours.correlation_id = correlation_id;
        ours.maximum_retransmission = random.perhaps(|it| it.word() as u32);
        ours.gmsc = gmsc;
        let time = |time: u32| time.to_be_bytes().to_vec().into();
        let mut theirs = mt_forward_sm::MtForwardSmArg::new(to_theirs, from_theirs, ui.clone().into());
        theirs.more_messages_to_send = ours.more_messages.then_some(());
        theirs.extension_container = extension_theirs;
        theirs.sm_delivery_timer = ours.delivery_timer.map(Into::into);
        theirs.sm_delivery_start_time = ours.delivery_start.map(time);
        theirs.sms_over_ip_only_indicator = ours.sms_over_ip_only.then_some(());
        theirs.correlation_id = correlation_theirs;
        theirs.maximum_retransmission_time = ours.maximum_retransmission.map(time);
        theirs.sms_gmsc_address = gmsc_theirs.map(Into::into);
        agree(case, &theirs, |w| ours.write(w), |octets| assert_eq!(MtForwardSm::parse(octets), Ok(ours)));
    });
}

#[test]
fn results_of_forwarding() {
    each(|case, random| {
        let ui = random.octets(1, 200);
        let ours = ForwardSmResult { ui: Some(&ui) };
        let write = |w: &mut Prepend<'_>| assert!(ours.write(w));
        let read = |octets: &[u8]| assert_eq!(ForwardSmResult::parse(octets), Ok(ours));
        let ui = Some(ui.clone().into());
        let mo = mo_forward_sm::MoForwardSmRes { sm_rp_ui: ui.clone(), extension_container: None };
        agree(case, &mo, write, read);
        let mt = mt_forward_sm::MtForwardSmRes { sm_rp_ui: ui, extension_container: None };
        agree(case, &mt, write, read);
    });
}

#[test]
fn send_routing_info_for_sm() {
    each(|case, random| {
        let ((msisdn, msisdn_theirs), (centre, centre_theirs)) = (random.address(), random.address());
        let smea = random.perhaps(|it| it.octets(1, 12));
        let (imsi, imsi_theirs) = apart(random.perhaps(Random::imsi));
        let mut ours = SendRoutingInfoForSm::new(msisdn, random.flag(), centre);
        ours.gprs_support = random.flag();
        ours.mti = random.perhaps(|it| if it.flag() { SmRpMti::Deliver } else { SmRpMti::StatusReport });
        ours.smea = smea.as_deref();
        ours.delivery_not_intended = random.perhaps(|it| it.below(2) as u8);
        ours.ip_sm_gw_guidance = random.flag();
        ours.imsi = imsi;
        ours.single_attempt = random.flag();
        let mut theirs =
            sri_sm::RoutingInfoForSmArg::new(msisdn_theirs.into(), ours.priority, centre_theirs.into());
        theirs.gprs_support_indicator = ours.gprs_support.then_some(());
        theirs.sm_rp_mti = ours.mti.map(|mti| (mti as u8).into());
        theirs.sm_rp_smea = smea.clone().map(Into::into);
        theirs.sm_delivery_not_intended =
            ours.delivery_not_intended.map(|what| sri_sm::SmDeliveryNotIntended::from_value(i64::from(what)));
        theirs.ip_sm_gw_guidance_indicator = ours.ip_sm_gw_guidance.then_some(());
        theirs.imsi = imsi_theirs.map(Into::into);
        theirs.single_attempt_delivery = ours.single_attempt.then_some(());
        let read = |octets: &[u8]| assert_eq!(SendRoutingInfoForSm::parse(octets, None), Ok(ours));
        agree(case, &theirs, |w| ours.write(w, None), read);
    });
}

fn serving_node(random: &mut Random) -> (ServingNode, types::AdditionalNumber) {
    let (address, octets) = random.address();
    match random.flag() {
        true => (ServingNode::Msc(address), types::AdditionalNumber::MscNumber(octets.into())),
        false => (ServingNode::Sgsn(address), types::AdditionalNumber::SgsnNumber(octets.into())),
    }
}

#[test]
fn result_of_send_routing_info_for_sm() {
    each(|case, random| {
        let ((imsi, imsi_theirs), (node, node_theirs)) = (random.imsi(), random.address());
        let (additional, additional_theirs) = apart(random.perhaps(serving_node));
        let (third, third_theirs) = apart(random.perhaps(serving_node));
        let mut ours = SendRoutingInfoForSmResult::new(imsi, node);
        ours.lmsi = random.perhaps(|it| (it.word() as u32).to_be_bytes());
        ours.gprs_node = random.flag();
        ours.additional = additional;
        ours.third = third;
        ours.ims_node = random.flag();
        let seconds = |random: &mut Random| 30 + random.below(571) as u16;
        ours.guidance =
            random.perhaps(|it| IpSmGwGuidance { minimum: seconds(it), recommended: seconds(it) });
        let mut location = types::LocationInfoWithLmsi::new(node_theirs.into());
        location.lmsi = ours.lmsi.map(|lmsi| lmsi.to_vec().into());
        location.gprs_node_indicator = ours.gprs_node.then_some(());
        location.additional_number = additional_theirs;
        location.third_number = third_theirs;
        location.ims_node_indicator = ours.ims_node.then_some(());
        let mut theirs = sri_sm::RoutingInfoForSmRes::new(imsi_theirs.into(), location);
        theirs.ip_sm_gw_guidance = ours.guidance.map(|guidance| sri_sm::IpSmGwGuidance {
            minimum_delivery_time_value: guidance.minimum.into(),
            recommended_delivery_time_value: guidance.recommended.into(),
            extension_container: None,
        });
        let read = |octets: &[u8]| assert_eq!(SendRoutingInfoForSmResult::parse(octets), Ok(ours));
        agree(case, &theirs, |w| ours.write(w), read);
    });
}

#[test]
fn report_sm_delivery_status() {
    each(|case, random| {
        let ((msisdn, msisdn_theirs), (centre, centre_theirs)) = (random.address(), random.address());
        let (first, first_theirs) = outcome(random);
        let (second, second_theirs) = apart(random.perhaps(outcome));
        let (third, third_theirs) = apart(random.perhaps(outcome));
        let (imsi, imsi_theirs) = apart(random.perhaps(Random::imsi));
        let diagnostic = |random: &mut Random| AbsentSubscriberDiagnostic(random.octet());
        let mut ours = ReportSmDeliveryStatus::new(msisdn, centre, first);
        ours.diagnostic = random.perhaps(diagnostic);
        ours.gprs_support = random.flag();
        ours.outcome_is_gprs = random.flag();
        ours.additional_outcome = second;
        ours.additional_diagnostic = random.perhaps(diagnostic);
        ours.ip_sm_gw = random.flag();
        ours.ip_sm_gw_outcome = third;
        ours.ip_sm_gw_diagnostic = random.perhaps(diagnostic);
        ours.imsi = imsi;
        ours.single_attempt = random.flag();
        let number = |diagnostic: Option<AbsentSubscriberDiagnostic>| diagnostic.map(|it| it.0.into());
        let mut theirs = report_sm::ReportSmDeliveryStatusArg::new(
            msisdn_theirs.into(),
            centre_theirs.into(),
            first_theirs,
        );
        theirs.absent_subscriber_diagnostic_sm = number(ours.diagnostic);
        theirs.gprs_support_indicator = ours.gprs_support.then_some(());
        theirs.delivery_outcome_indicator = ours.outcome_is_gprs.then_some(());
        theirs.additional_sm_delivery_outcome = second_theirs;
        theirs.additional_absent_subscriber_diagnostic_sm = number(ours.additional_diagnostic);
        theirs.ip_sm_gw_indicator = ours.ip_sm_gw.then_some(());
        theirs.ip_sm_gw_sm_delivery_outcome = third_theirs;
        theirs.ip_sm_gw_absent_subscriber_diagnostic_sm = number(ours.ip_sm_gw_diagnostic);
        theirs.imsi = imsi_theirs.map(Into::into);
        theirs.single_attempt_delivery = ours.single_attempt.then_some(());
        let read = |octets: &[u8]| assert_eq!(ReportSmDeliveryStatus::parse(octets, None), Ok(ours));
        agree(case, &theirs, |w| ours.write(w, None), read);
        let result = ReportSmDeliveryStatusResult { stored_msisdn: Some(msisdn) };
        let theirs = report_sm::ReportSmDeliveryStatusRes {
            stored_msisdn: Some(theirs.msisdn),
            extension_container: None,
        };
        let read = |octets: &[u8]| assert_eq!(ReportSmDeliveryStatusResult::parse(octets), Ok(result));
        agree(case, &theirs, |w| assert!(result.write(w)), read);
    });
}

#[test]
fn ready_for_sm() {
    each(|case, random| {
        let (imsi, imsi_theirs) = random.imsi();
        let (reason, reason_theirs) = match random.flag() {
            true => (AlertReason::MsPresent, ready_for_sm::AlertReason::MsPresent),
            false => (AlertReason::MemoryAvailable, ready_for_sm::AlertReason::MemoryAvailable),
        };
        let ours = ReadyForSm { imsi, reason, gprs: random.flag(), ip_sm_gw: random.flag() };
        let mut theirs = ready_for_sm::ReadyForSmArg::new(imsi_theirs.into(), reason_theirs);
        theirs.alert_reason_indicator = ours.gprs.then_some(());
        theirs.additional_alert_reason_indicator = ours.ip_sm_gw.then_some(());
        agree(case, &theirs, |w| ours.write(w), |octets| assert_eq!(ReadyForSm::parse(octets), Ok(ours)));
    });
}

#[test]
fn alert_service_centre() {
    each(|case, random| {
        let ((msisdn, msisdn_theirs), (service_centre, centre_theirs)) = (random.address(), random.address());
        let (imsi, imsi_theirs) = apart(random.perhaps(Random::imsi));
        let ours = AlertServiceCentre { msisdn, service_centre, imsi };
        let mut theirs = alert_sc::AlertServiceCentreArg::new(msisdn_theirs.into(), centre_theirs.into());
        theirs.imsi = imsi_theirs.map(Into::into);
        let read = |octets: &[u8]| assert_eq!(AlertServiceCentre::parse(octets), Ok(ours));
        agree(case, &theirs, |w| ours.write(w), read);
    });
}

#[test]
fn inform_service_centre() {
    each(|case, random| {
        let (stored_msisdn, stored_theirs) = apart(random.perhaps(Random::address));
        let status = random.perhaps(|it| MwStatus {
            sc_address_not_included: it.flag(),
            mnrf: it.flag(),
            mcef: it.flag(),
            mnrg: it.flag(),
        });
        let diagnostic = |random: &mut Random| AbsentSubscriberDiagnostic(random.octet());
        let (one, other) = (random.perhaps(diagnostic), random.perhaps(diagnostic));
        let ours =
            InformServiceCentre { stored_msisdn, status, diagnostic: one, additional_diagnostic: other };
        let theirs = inform_sc::InformServiceCentreArg {
            stored_msisdn: stored_theirs.map(Into::into),
            mw_status: status.map(|status| {
                let flags = types::MwStatusFlags {
                    sc_address_not_included: status.sc_address_not_included,
                    mnrf_set: status.mnrf,
                    mcef_set: status.mcef,
                    mnrg_set: status.mnrg,
                    ..Default::default()
                };
                flags.to_bits()
            }),
            absent_subscriber_diagnostic_sm: one.map(|it| it.0.into()),
            additional_absent_subscriber_diagnostic_sm: other.map(|it| it.0.into()),
            ..Default::default()
        };
        let read = |octets: &[u8]| assert_eq!(InformServiceCentre::parse(octets), Ok(ours));
        agree(case, &theirs, |w| ours.write(w), read);
    });
}

#[test]
fn absent_subscriber_sm() {
    each(|case, random| {
        let diagnostic = |random: &mut Random| AbsentSubscriberDiagnostic(random.octet());
        let (one, other) = (diagnostic(random), random.perhaps(diagnostic));
        let (imsi, imsi_theirs) = apart(random.perhaps(Random::imsi));
        let (alert, alert_theirs) = apart(random.perhaps(Random::imsi));
        let retransmission = random.perhaps(|it| it.word() as u32);
        let ours = UserError::AbsentSubscriberSm {
            diagnostic: Some(one),
            additional: other,
            imsi,
            retransmission,
            alert,
        };
        let theirs = errors::AbsentSubscriberSmParam {
            absent_subscriber_diagnostic_sm: Some(one.0.into()),
            additional_absent_subscriber_diagnostic_sm: other.map(|it| it.0.into()),
            imsi: imsi_theirs.map(Into::into),
            requested_retransmission_time: retransmission.map(|time| time.to_be_bytes().to_vec().into()),
            user_identifier_alert: alert_theirs.map(Into::into),
            ..Default::default()
        };
        let read = |octets: &[u8]| assert_eq!(UserError::parse(6, octets), Ok(ours));
        agree(case, &theirs, |w| ours.write(w), read);
    });
}
