//! What stands in the arguments, results and errors as we read them, told in the paths of ASN.1; and the same written
//! again.

use core::net::IpAddr;

use super::super::super::subscription::{
    AnyTimeModification, AnyTimeModificationResult, CancelLocation, DeleteSubscriberData, EmptyResult,
    InsertSubscriberData, LocationInfo, PurgeMs, PurgeMsResult, Reset, SendAuthenticationInfo,
    SendAuthenticationInfoResult, SubscriberIdentity, UpdateGprsLocation, UpdateLocation,
    UpdateLocationResult,
};
use super::super::{
    AddressString, AlertServiceCentre, Arc, CorrelationId, DeliveryOutcome, DialoguePdu, ForwardSmResult,
    Imsi, InformServiceCentre, Malformed, MoForwardSm, MtForwardSm, ReadyForSm, ReportSmDeliveryStatus,
    ReportSmDeliveryStatusResult, SendRoutingInfoForSm, SendRoutingInfoForSmResult, ServingNode, SmRpDa,
    SmRpOa, SmscType, UserAbort, UserError, Version, error_code, number, tbcd, written,
};
use super::Line;
use crate::ident::Digits;

/// Lines `path=value`.
#[derive(Default)]
pub(super) struct Told(pub Vec<String>);

impl Told {
    fn text(&mut self, path: &str, value: impl ToString) {
        self.0.push(format!("{path}={}", value.to_string()));
    }

    fn number(&mut self, path: &str, value: Option<impl Into<u32>>) {
        if let Some(value) = value {
            self.text(path, value.into());
        }
    }

    fn null(&mut self, path: &str, present: bool) {
        if present {
            self.text(path, 1);
        }
    }

    fn octets(&mut self, path: &str, octets: Option<&[u8]>) {
        if let Some(octets) = octets {
            self.text(path, in_hex(octets));
        }
    }

    /// In seconds since 1900.
    fn time(&mut self, path: &str, time: Option<u32>) {
        self.octets(path, time.map(u32::to_be_bytes).as_ref().map(|octets| &octets[..]));
    }

    fn imsi(&mut self, path: &str, imsi: Option<Imsi>) {
        self.digits(path, imsi.map(Imsi::digits));
    }

    fn digits(&mut self, path: &str, digits: Option<Digits>) {
        if let Some(digits) = digits {
            self.octets(path, Some(&written(|w| _ = tbcd::write(w, digits))));
        }
    }

    fn address(&mut self, path: &str, address: Option<AddressString>) {
        if let Some(address) = address {
            self.octets(path, Some(&written(|w| address.write(w))));
        }
    }

    fn outcome(&mut self, path: &str, outcome: Option<DeliveryOutcome>) {
        self.number(path, outcome.map(|outcome| outcome as u8));
    }

    fn correlation_id(&mut self, id: Option<CorrelationId<'_>>) {
        if let Some(id) = id {
            self.octets("correlationID.hlr-id", id.hlr_id);
            self.octets("correlationID.sip-uri-A", id.sip_uri_a);
            self.octets("correlationID.sip-uri-B", Some(id.sip_uri_b));
        }
    }

    fn ends(&mut self, destination: SmRpDa, origin: SmRpOa, ui: &[u8]) {
        match destination {
            SmRpDa::Imsi(imsi) => self.imsi("sm-RP-DA.imsi", Some(imsi)),
            SmRpDa::Lmsi(lmsi) => self.octets("sm-RP-DA.lmsi", Some(&lmsi)),
            SmRpDa::RoamingNumber(number) => self.address("sm-RP-DA.roamingNumber", Some(number)),
            SmRpDa::ServiceCentre(number) => self.address("sm-RP-DA.serviceCentreAddressDA", Some(number)),
            SmRpDa::None => self.null("sm-RP-DA.noSM-RP-DA", true),
        }
        match origin {
            SmRpOa::Msisdn(number) => self.address("sm-RP-OA.msisdn", Some(number)),
            SmRpOa::ServiceCentre(number) => self.address("sm-RP-OA.serviceCentreAddressOA", Some(number)),
            SmRpOa::None => self.null("sm-RP-OA.noSM-RP-OA", true),
        }
        self.octets("sm-RP-UI", Some(ui));
    }
}

pub(super) fn in_hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn version_of(line: &Line<'_>) -> Version {
    line.version.parse().ok().and_then(Version::new).unwrap()
}

/// Lines and octets, or why there are none.
pub(super) type Reading = Result<(Told, Vec<u8>), Malformed>;

/// Reads a line's octets by the reader that there is for its name and kind, whatever the version; `None` if there is no
/// reader.
pub(super) fn read(line: &Line<'_>) -> Option<Reading> {
    match line.kind {
        "err" => Some(error(line)),
        "dialogue" => Some(Ok(dialogue_pdu(&line.octets)?)),
        _ => short_message(line)
            .or_else(|| alerting(line))
            .or_else(|| registration(line))
            .or_else(|| data(line)),
    }
}

fn forward_sm(line: &Line<'_>) -> Option<Reading> {
    let (octets, version) = (line.octets.as_slice(), version_of(line));
    let mut told = Told::default();
    Some(match (line.name, line.kind) {
        ("mo-ForwardSM", "arg") => MoForwardSm::parse(octets).map(|sm| {
            told.ends(sm.service_centre, sm.originator, sm.ui);
            told.imsi("imsi", sm.imsi);
            told.null("moreMessagesToSend", sm.more_messages);
            told.correlation_id(sm.correlation_id);
            told.number("sm-DeliveryOutcome", sm.delivery_outcome);
            (told, written(|w| sm.write_in(w, version)))
        }),
        ("mt-ForwardSM" | "forwardSM", "arg") => MtForwardSm::parse(octets).map(|sm| {
            told.ends(sm.destination, sm.origin, sm.ui);
            told.null("moreMessagesToSend", sm.more_messages);
            told.number("smDeliveryTimer", sm.delivery_timer);
            told.time("smDeliveryStartTime", sm.delivery_start);
            told.null("smsOverIP-OnlyIndicator", sm.sms_over_ip_only);
            told.correlation_id(sm.correlation_id);
            told.time("maximumRetransmissionTime", sm.maximum_retransmission);
            told.address("smsGmscAddress", sm.gmsc);
            (told, written(|w| sm.write_in(w, version)))
        }),
        ("mo-ForwardSM" | "mt-ForwardSM", "res") => ForwardSmResult::parse(octets).map(|result| {
            told.octets("sm-RP-UI", result.ui);
            (told, written(|w| _ = result.write(w)))
        }),
        _ => return None,
    })
}

fn short_message(line: &Line<'_>) -> Option<Reading> {
    let (octets, version) = (line.octets.as_slice(), version_of(line));
    let mut told = Told::default();
    Some(match (line.name, line.kind) {
        ("sendRoutingInfoForSM", "arg") => SendRoutingInfoForSm::parse(octets, None).map(|info| {
            told.address("msisdn", Some(info.msisdn));
            told.text("sm-RP-PRI", u8::from(info.priority));
            told.address("serviceCentreAddress", Some(info.service_centre));
            told.null("gprsSupportIndicator", info.gprs_support);
            told.number("sm-RP-MTI", info.mti.map(|mti| mti as u8));
            told.octets("sm-RP-SMEA", info.smea);
            told.number("sm-deliveryNotIntended", info.delivery_not_intended);
            told.null("ip-sm-gwGuidanceIndicator", info.ip_sm_gw_guidance);
            told.imsi("imsi", info.imsi);
            told.null("singleAttemptDelivery", info.single_attempt);
            (told, written(|w| info.write_in(w, version, None)))
        }),
        ("sendRoutingInfoForSM", "res") => SendRoutingInfoForSmResult::parse(octets).map(|info| {
            routing_info(
                &mut told,
                &info,
                if line.version == "3" { "networkNode-Number" } else { "locationInfo.msc-Number" },
            );
            (told, written(|w| info.write_in(w, version)))
        }),
        ("reportSM-DeliveryStatus", "arg") => ReportSmDeliveryStatus::parse(octets, None).map(|report| {
            delivery_status(&mut told, &report);
            if version == Version::V1 {
                told.0.retain(|line| !line.starts_with("sm-DeliveryOutcome"));
            }
            (told, written(|w| report.write_in(w, version, None)))
        }),
        ("reportSM-DeliveryStatus", "res") => ReportSmDeliveryStatusResult::parse(octets).map(|result| {
            told.address(if line.version == "3" { "storedMSISDN" } else { "value" }, result.stored_msisdn);
            (told, written(|w| _ = result.write_in(w, version)))
        }),
        _ => return forward_sm(line),
    })
}

fn routing_info(told: &mut Told, info: &SendRoutingInfoForSmResult, node: &str) {
    let location = |name: &str| format!("locationInfoWithLMSI.{name}");
    told.imsi("imsi", Some(info.imsi));
    told.address(&location(node), Some(info.network_node));
    told.octets(&location("lmsi"), info.lmsi.as_ref().map(|lmsi| &lmsi[..]));
    told.null(&location("gprsNodeIndicator"), info.gprs_node);
    for (name, node) in [("additional-Number", info.additional), ("thirdNumber", info.third)] {
        match node {
            Some(ServingNode::Msc(number)) => {
                told.address(&location(&format!("{name}.msc-Number")), Some(number))
            }
            Some(ServingNode::Sgsn(number)) => {
                told.address(&location(&format!("{name}.sgsn-Number")), Some(number))
            }
            None => {}
        }
    }
    told.null(&location("imsNodeIndicator"), info.ims_node);
    if let Some(guidance) = info.guidance {
        told.text("ip-sm-gwGuidance.minimumDeliveryTimeValue", guidance.minimum);
        told.text("ip-sm-gwGuidance.recommendedDeliveryTimeValue", guidance.recommended);
    }
}

fn delivery_status(told: &mut Told, report: &ReportSmDeliveryStatus) {
    told.address("msisdn", Some(report.msisdn));
    told.address("serviceCentreAddress", Some(report.service_centre));
    told.outcome("sm-DeliveryOutcome", Some(report.outcome));
    told.number("absentSubscriberDiagnosticSM", report.diagnostic.map(|it| it.0));
    told.null("gprsSupportIndicator", report.gprs_support);
    told.null("deliveryOutcomeIndicator", report.outcome_is_gprs);
    told.outcome("additionalSM-DeliveryOutcome", report.additional_outcome);
    told.number("additionalAbsentSubscriberDiagnosticSM", report.additional_diagnostic.map(|it| it.0));
    told.null("ip-sm-gw-Indicator", report.ip_sm_gw);
    told.outcome("ip-sm-gw-sm-deliveryOutcome", report.ip_sm_gw_outcome);
    told.number("ip-sm-gw-absentSubscriberDiagnosticSM", report.ip_sm_gw_diagnostic.map(|it| it.0));
    told.imsi("imsi", report.imsi);
    told.null("singleAttemptDelivery", report.single_attempt);
}

fn alerting(line: &Line<'_>) -> Option<Reading> {
    let (octets, version) = (line.octets.as_slice(), version_of(line));
    let mut told = Told::default();
    Some(match (line.name, line.kind) {
        ("readyForSM", "arg") => ReadyForSm::parse(octets).map(|ready| {
            told.imsi("imsi", Some(ready.imsi));
            told.number("alertReason", Some(ready.reason as u8));
            told.null("alertReasonIndicator", ready.gprs);
            told.null("additionalAlertReasonIndicator", ready.ip_sm_gw);
            (told, written(|w| ready.write_in(w, version)))
        }),
        ("noteSubscriberPresent", "arg") => ReadyForSm::parse_note_subscriber_present(octets).map(|ready| {
            told.imsi("value", Some(ready.imsi));
            (told, written(|w| ready.write_in(w, version)))
        }),
        ("alertServiceCentre" | "alertServiceCentreWithoutResult", "arg") => {
            AlertServiceCentre::parse(octets).map(|alert| {
                told.address("msisdn", Some(alert.msisdn));
                told.address("serviceCentreAddress", Some(alert.service_centre));
                told.imsi("imsi", alert.imsi);
                (told, written(|w| alert.write(w)))
            })
        }
        ("informServiceCentre", "arg") => InformServiceCentre::parse(octets).map(|inform| {
            told.address("storedMSISDN", inform.stored_msisdn);
            if let Some(status) = inform.status {
                let bits =
                    [status.sc_address_not_included, status.mnrf, status.mcef, status.mnrg, false, false];
                told.text("mw-Status", bits.map(|bit| if bit { "1" } else { "0" }).concat());
            }
            told.number("absentSubscriberDiagnosticSM", inform.diagnostic.map(|it| it.0));
            told.number(
                "additionalAbsentSubscriberDiagnosticSM",
                inform.additional_diagnostic.map(|it| it.0),
            );
            (told, written(|w| inform.write(w)))
        }),
        ("readyForSM" | "cancelLocation" | "insertSubscriberData" | "deleteSubscriberData", "res") => {
            EmptyResult::decode(octets).map(|result| (told, result.encode()))
        }
        _ => return None,
    })
}

fn registration(line: &Line<'_>) -> Option<Reading> {
    let octets = line.octets.as_slice();
    let mut told = Told::default();
    let of_3 = line.version == "3";
    Some(match (line.name, line.kind) {
        ("anyTimeModification", "arg") => AnyTimeModification::decode(octets).map(|modification| {
            match modification.subscriber {
                SubscriberIdentity::Imsi(imsi) => told.imsi("subscriberIdentity.imsi", Some(imsi)),
                SubscriberIdentity::Msisdn(number) => told.address("subscriberIdentity.msisdn", Some(number)),
            }
            told.address("gsmSCF-Address", Some(modification.gsm_scf));
            let status = modification.registration.map(|status| status as u8);
            told.number("modificationRequestFor-IP-SM-GW-Data.modifyRegistrationStatus", status);
            (told, modification.encode())
        }),
        ("anyTimeModification", "res") => AnyTimeModificationResult::decode(octets).map(|result| {
            told.address("serviceCentreAddress", result.service_centre);
            (told, result.encode())
        }),
        ("updateLocation", "arg") => UpdateLocation::decode(octets).map(|update| {
            told.imsi("imsi", Some(update.imsi));
            let (path, number) = match update.location {
                LocationInfo::MscNumber(number) if of_3 => ("msc-Number", number),
                LocationInfo::MscNumber(number) => ("locationInfo.msc-Number", number),
                LocationInfo::RoamingNumber(number) => ("locationInfo.roamingNumber", number),
            };
            told.address(path, Some(number));
            told.address("vlr-Number", Some(update.vlr_number));
            (told, update.encode())
        }),
        ("updateGprsLocation", "arg") => UpdateGprsLocation::decode(octets).map(|update| {
            told.imsi("imsi", Some(update.imsi));
            told.address("sgsn-Number", Some(update.sgsn_number));
            let address = match update.sgsn_address {
                IpAddr::V4(ip) => [&[0x04][..], &ip.octets()].concat(),
                IpAddr::V6(ip) => [&[0x50][..], &ip.octets()].concat(),
            };
            told.octets("sgsn-Address", Some(&address));
            (told, update.encode())
        }),
        ("updateLocation" | "updateGprsLocation", "res") => {
            UpdateLocationResult::decode(octets).map(|result| {
                // Versions 1 and 2 have the choice; pycrate takes either in both.
                let is_bare = octets.first() == Some(&0x04);
                told.address("hlr-Number", Some(result.hlr_number));
                (told, result.encode_in(if is_bare { Version::V1 } else { Version::V3 }))
            })
        }
        ("cancelLocation", "arg") => CancelLocation::decode(octets).map(|cancel| {
            told.imsi(if of_3 { "identity.imsi" } else { "imsi" }, Some(cancel.imsi));
            told.number("cancellationType", cancel.cancellation.map(|it| it as u8));
            (told, if of_3 { cancel.encode() } else { cancel.encode_v2() })
        }),
        ("purgeMS", "arg") => PurgeMs::decode(octets).map(|purge| {
            told.imsi("imsi", Some(purge.imsi));
            told.address("vlr-Number", purge.vlr_number);
            told.address("sgsn-Number", purge.sgsn_number);
            let version_2 = purge.encode_v2().filter(|_| !of_3);
            (told, version_2.unwrap_or_else(|| purge.encode()))
        }),
        ("purgeMS", "res") => PurgeMsResult::decode(octets).map(|result| {
            told.null("freezeTMSI", result.freeze_tmsi);
            told.null("freezeP-TMSI", result.freeze_p_tmsi);
            (told, result.encode())
        }),
        ("reset", "arg") => Reset::decode(octets).map(|reset| {
            let number = if of_3 { "sendingNodenumber.hlr-Number" } else { "hlr-Number" };
            told.address(number, Some(reset.hlr_number));
            for (at, prefix) in reset.imsi_prefixes.iter().enumerate() {
                told.digits(&format!("hlr-List[{at}]"), Some(*prefix));
            }
            (told, reset.encode())
        }),
        _ => return None,
    })
}

fn data(line: &Line<'_>) -> Option<Reading> {
    let octets = line.octets.as_slice();
    let mut told = Told::default();
    Some(match (line.name, line.kind) {
        ("insertSubscriberData", "arg") => InsertSubscriberData::decode(octets).map(|insert| {
            told.imsi("imsi", insert.imsi);
            told.address("msisdn", insert.msisdn);
            told.number("subscriberStatus", insert.status.map(|status| status as u8));
            for (at, code) in insert.teleservices.iter().flatten().enumerate() {
                told.octets(&format!("teleserviceList[{at}]"), Some(&[code.0]));
            }
            (told, insert.encode())
        }),
        ("deleteSubscriberData", "arg") => DeleteSubscriberData::decode(octets).map(|delete| {
            told.imsi("imsi", Some(delete.imsi));
            for code in &delete.teleservices {
                told.octets("basicServiceList.teleservice", Some(&[code.0]));
            }
            (told, delete.encode())
        }),
        ("sendAuthenticationInfo", "arg") => SendAuthenticationInfo::decode(octets).map(|info| {
            told.imsi("imsi", Some(info.imsi));
            told.number("numberOfRequestedVectors", Some(info.vectors));
            told.null("segmentationProhibited", info.segmentation_prohibited);
            told.null("immediateResponsePreferred", info.immediate_response_preferred);
            if let Some(info) = info.re_synchronisation {
                told.octets("re-synchronisationInfo.rand", Some(&info.rand));
                told.octets("re-synchronisationInfo.auts", Some(&info.auts));
            }
            told.number("requestingNodeType", info.requesting_node_type);
            (told, info.encode())
        }),
        ("sendAuthenticationInfo", "res") => SendAuthenticationInfoResult::decode(octets).map(|result| {
            for (at, vector) in result.quintuplets.iter().enumerate() {
                let parts: [(_, &[u8]); 5] = [
                    ("rand", &vector.rand),
                    ("xres", &vector.xres),
                    ("ck", &vector.ck),
                    ("ik", &vector.ik),
                    ("autn", &vector.autn),
                ];
                for (name, octets) in parts {
                    told.octets(&format!("authenticationSetList.quintupletList[{at}].{name}"), Some(octets));
                }
            }
            (told, result.encode())
        }),
        _ => return None,
    })
}

/// Local code of an error by its name.
fn code_of(name: &str) -> u8 {
    match name {
        "unknownSubscriber" => error_code::UNKNOWN_SUBSCRIBER,
        "unidentifiedSubscriber" => error_code::UNIDENTIFIED_SUBSCRIBER,
        "absentSubscriberSM" => error_code::ABSENT_SUBSCRIBER_SM,
        "roamingNotAllowed" => error_code::ROAMING_NOT_ALLOWED,
        "illegalSubscriber" => error_code::ILLEGAL_SUBSCRIBER,
        "teleserviceNotProvisioned" => error_code::TELESERVICE_NOT_PROVISIONED,
        "illegalEquipment" => error_code::ILLEGAL_EQUIPMENT,
        "callBarred" => error_code::CALL_BARRED,
        "facilityNotSupported" => error_code::FACILITY_NOT_SUPPORTED,
        "absentSubscriber" => error_code::ABSENT_SUBSCRIBER,
        "subscriberBusyForMT-SMS" => error_code::SUBSCRIBER_BUSY_FOR_MT_SMS,
        "sm-DeliveryFailure" => error_code::SM_DELIVERY_FAILURE,
        "messageWaitingListFull" => error_code::MESSAGE_WAITING_LIST_FULL,
        "systemFailure" => error_code::SYSTEM_FAILURE,
        "dataMissing" => error_code::DATA_MISSING,
        "unexpectedDataValue" => error_code::UNEXPECTED_DATA_VALUE,
        "resourceLimitation" => error_code::RESOURCE_LIMITATION,
        "atm-NotAllowed" => error_code::ATM_NOT_ALLOWED,
        "informationNotAvailable" => error_code::INFORMATION_NOT_AVAILABLE,
        other => panic!("{other} is none of our errors"),
    }
}

fn error(line: &Line<'_>) -> Reading {
    let error = UserError::parse(code_of(line.name), &line.octets)?;
    assert_eq!(error.code(), code_of(line.name));
    let mut told = Told::default();
    match error {
        UserError::UnknownSubscriber { diagnostic } => told.number("unknownSubscriberDiagnostic", diagnostic),
        UserError::AbsentSubscriberSm { diagnostic, additional, imsi, retransmission, alert } => {
            told.number("absentSubscriberDiagnosticSM", diagnostic.map(|it| it.0));
            told.number("additionalAbsentSubscriberDiagnosticSM", additional.map(|it| it.0));
            told.imsi("imsi", imsi);
            told.time("requestedRetransmissionTime", retransmission);
            told.imsi("userIdentifierAlert", alert);
        }
        UserError::AbsentSubscriber { mwd_set } => told.number("value", mwd_set),
        UserError::RoamingNotAllowed { cause } => told.number("roamingNotAllowedCause", cause),
        UserError::CallBarred { cause, unauthorised_originator } => {
            told.number("callBarringCause", cause);
            told.null("unauthorisedMessageOriginator", unauthorised_originator);
        }
        UserError::SmDeliveryFailure { cause, diagnostic_info } => {
            told.number("sm-EnumeratedDeliveryFailureCause", Some(cause as u8));
            told.octets("diagnosticInfo", diagnostic_info);
        }
        UserError::SystemFailure { network_resource, additional, cause } => {
            told.number("networkResource", network_resource);
            told.number("additionalNetworkResource", additional);
            told.number("failureCauseParam", cause);
        }
        _ => {}
    }
    Ok((told, written(|w| error.write_in(w, version_of(line)))))
}

fn dialogue_pdu(octets: &[u8]) -> Option<(Told, Vec<u8>)> {
    let pdu = DialoguePdu::parse(octets)?;
    let mut told = Told::default();
    let name = match pdu {
        DialoguePdu::Open { destination, originator } => {
            told.address("map-open.destinationReference", destination);
            told.address("map-open.originationReference", originator);
            "map-open"
        }
        DialoguePdu::Accept => "map-accept",
        DialoguePdu::Close => "map-close",
        DialoguePdu::Refuse { reason, alternative } => {
            told.number("map-refuse.reason", Some(reason as u8));
            if let Some(value) = alternative {
                told.text("map-refuse.alternativeApplicationContext", dotted(value));
            }
            "map-refuse"
        }
        DialoguePdu::UserAbort(abort) => {
            let (choice, value) = match abort {
                UserAbort::UserSpecific => ("userSpecificReason", 1),
                UserAbort::ResourceLimitation => ("userResourceLimitation", 1),
                UserAbort::ResourceUnavailable(reason) => ("resourceUnavailable", reason),
                UserAbort::ProcedureCancellation(reason) => ("applicationProcedureCancellation", reason),
            };
            told.number(&format!("map-userAbort.map-UserAbortChoice.{choice}"), Some(value));
            "map-userAbort"
        }
        DialoguePdu::ProviderAbort(reason) => {
            told.number("map-providerAbort.map-ProviderAbortReason", Some(reason));
            "map-providerAbort"
        }
    };
    told.text("pdu", name);
    Some((told, written(|w| pdu.write(w))))
}

/// The numbers of an object identifier whose first is 0 or 1.
fn dotted(value: &[u8]) -> String {
    let mut numbers = vec![u32::from(value[0]) / 40, u32::from(value[0]) % 40];
    let mut number = 0;
    for octet in &value[1..] {
        number = number << 7 | u32::from(octet & 0x7f);
        if octet & 0x80 == 0 {
            numbers.push(core::mem::take(&mut number));
        }
    }
    numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(".")
}

/// Arguments with the extensions that TR 23.804 needs, which no version has: name, octets, and what else is in them.
pub(super) fn with_private_extensions() -> Vec<(&'static str, Vec<u8>, Vec<String>)> {
    let arc: Arc = "1.3.6.1.4.1.32473.7".parse().unwrap();
    let (msisdn, centre) = (number("491701234567"), number("491710760000"));
    let mut info = SendRoutingInfoForSm::new(msisdn, true, centre);
    info.ip_messaging = true;
    let mut told = Told::default();
    told.address("msisdn", Some(msisdn));
    told.text("sm-RP-PRI", 1);
    told.address("serviceCentreAddress", Some(centre));
    let routing = ("sendRoutingInfoForSM", written(|w| info.write(w, Some(&arc))), told.0);
    let mut report = ReportSmDeliveryStatus::new(msisdn, centre, DeliveryOutcome::AbsentSubscriber);
    report.smsc_type = Some(SmscType::VoiceMail);
    let mut told = Told::default();
    delivery_status(&mut told, &report);
    vec![routing, ("reportSM-DeliveryStatus", written(|w| report.write(w, Some(&arc))), told.0)]
}
