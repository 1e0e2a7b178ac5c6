//! What pycrate wrote (`vectors.txt`, by `tools/interop/vectors.py`) reads here to the values that it tells, and what is
//! written here again is the same octets; what we write (`ours.txt`) is for `tools/interop/codec_judge.py`.

mod told;

use std::collections::{BTreeMap, BTreeSet};

use super::hex;
use told::in_hex;

const VECTORS: &str = include_str!("vectors.txt");

/// So many of each version, name and kind are among ours.
const MOST_OF_ONE: usize = 6;

type Subject = (&'static str, &'static str, &'static str);

/// Version, name and kind of what has vectors that are not read to the values that they tell, since nobody here needs it:
/// triplets (sendAuthenticationInfo of version 2, sendParameters) authenticate nobody in the IMS, which wants quintuplets (TS
/// 33.203 6.1); an HLR says noteSubscriberDataModified to whoever asked it to tell when a UE is reachable again, which
/// a gateway hears of as presence or by a REGISTER; restoreData is a VLR's that was restarted.
const NOT_READ: &[Subject] = &[
    ("1", "sendParameters", "arg"),
    ("1", "sendParameters", "res"),
    ("2", "restoreData", "arg"),
    ("2", "restoreData", "res"),
    ("2", "sendAuthenticationInfo", "arg"),
    ("2", "sendAuthenticationInfo", "res"),
    ("3", "noteSubscriberDataModified", "arg"),
    ("3", "noteSubscriberDataModified", "res"),
    ("3", "restoreData", "arg"),
    ("3", "restoreData", "res"),
];

/// The same of what is read, but has vectors that are written in another form of the same values.
const WRITTEN_OTHERWISE: &[Subject] = &[("3", "callBarred", "err"), ("3", "systemFailure", "err")];

/// Name and kind of what is read as far as it is used, with the paths that are read. Of all others everything is read
/// but extension containers and [`PASSED_OVER`].
const READ_IN_PART: &[(&str, &str, &[&str])] = &[
    (
        "anyTimeModification",
        "arg",
        &[
            "subscriberIdentity",
            "gsmSCF-Address",
            "modificationRequestFor-IP-SM-GW-Data.modifyRegistrationStatus",
        ],
    ),
    ("anyTimeModification", "res", &["serviceCentreAddress"]),
    ("cancelLocation", "arg", &["identity", "imsi", "imsi-WithLMSI", "cancellationType"]),
    ("cancelLocation", "res", &[]),
    ("deleteSubscriberData", "arg", &["imsi", "basicServiceList"]),
    ("deleteSubscriberData", "res", &[]),
    ("insertSubscriberData", "arg", &["imsi", "msisdn", "subscriberStatus", "teleserviceList"]),
    ("insertSubscriberData", "res", &[]),
    ("purgeMS", "arg", &["imsi", "vlr-Number", "sgsn-Number"]),
    ("purgeMS", "res", &["freezeTMSI", "freezeP-TMSI"]),
    ("readyForSM", "res", &[]),
    ("reset", "arg", &["sendingNodenumber", "hlr-Number", "hlr-List"]),
    (
        "sendAuthenticationInfo",
        "arg",
        &[
            "imsi",
            "value",
            "numberOfRequestedVectors",
            "segmentationProhibited",
            "immediateResponsePreferred",
            "re-synchronisationInfo",
            "requestingNodeType",
        ],
    ),
    ("sendAuthenticationInfo", "res", &["authenticationSetList.quintupletList"]),
    ("updateGprsLocation", "arg", &["imsi", "sgsn-Number", "sgsn-Address"]),
    ("updateGprsLocation", "res", &["hlr-Number"]),
    ("updateLocation", "arg", &["imsi", "msc-Number", "vlr-Number", "locationInfo"]),
    ("updateLocation", "res", &["hlr-Number", "extensibleUpdateLocationRes"]),
];

/// Name, kind and the paths that are passed over.
const PASSED_OVER: &[(&str, &str, &[&str])] = &[
    ("absentSubscriber", "err", &["absentSubscriberReason"]),
    (
        "alertServiceCentre",
        "arg",
        &[
            "correlationID",
            "maximumUeAvailabilityTime",
            "smsGmscAlertEvent",
            "smsGmscDiameterAddress",
            "newSGSNNumber",
            "newSGSNDiameterAddress",
            "newMMENumber",
            "newMMEDiameterAddress",
            "newMSCNumber",
        ],
    ),
    ("callBarred", "err", &["extensibleCallBarredParam.anonymousCallRejection"]),
    (
        "facilityNotSupported",
        "err",
        &["shapeOfLocationEstimateNotSupported", "neededLcsCapabilityNotSupportedInServingNode"],
    ),
    (
        "informServiceCentre",
        "arg",
        &["smsf3gppAbsentSubscriberDiagnosticSM", "smsfNon3gppAbsentSubscriberDiagnosticSM"],
    ),
    ("mt-ForwardSM", "arg", &["smsGmscDiameterAddress"]),
    ("readyForSM", "arg", &["maximumUeAvailabilityTime"]),
    (
        "reportSM-DeliveryStatus",
        "arg",
        &[
            "correlationID",
            "smsf-3gpp-deliveryOutcomeIndicator",
            "smsf-3gpp-deliveryOutcome",
            "smsf-3gpp-absentSubscriberDiagSM",
            "smsf-non-3gpp-deliveryOutcomeIndicator",
            "smsf-non-3gpp-deliveryOutcome",
            "smsf-non-3gpp-absentSubscriberDiagSM",
        ],
    ),
    ("roamingNotAllowed", "err", &["additionalRoamingNotAllowedCause"]),
    (
        "sendRoutingInfoForSM",
        "arg",
        &["teleservice", "t4-Trigger-Indicator", "correlationID", "smsf-supportIndicator"],
    ),
    (
        "sendRoutingInfoForSM",
        "res",
        &[
            "mwd-Set",
            "locationInfoWithLMSI.networkNodeDiameterAddress",
            "locationInfoWithLMSI.additionalNetworkNodeDiameterAddress",
            "locationInfoWithLMSI.thirdNetworkNodeDiameterAddress",
            "locationInfoWithLMSI.smsf-3gpp-Number",
            "locationInfoWithLMSI.smsf-3gpp-DiameterAddress",
            "locationInfoWithLMSI.smsf-non-3gpp-Number",
            "locationInfoWithLMSI.smsf-non-3gpp-DiameterAddress",
            "locationInfoWithLMSI.smsf-3gpp-address-indicator",
            "locationInfoWithLMSI.smsf-non-3gpp-address-indicator",
        ],
    ),
    ("subscriberBusyForMT-SMS", "err", &["gprsConnectionSuspended"]),
    ("unexpectedDataValue", "err", &["unexpectedSubscriber"]),
];

/// One vector.
struct Line<'a> {
    version: &'a str,
    name: &'a str,
    kind: &'a str,
    form: &'a str,
    octets: Vec<u8>,
    values: Vec<&'a str>,
}

/// Whether a path is one of `parts`, or below one.
fn is_below(path: &str, parts: &[&str]) -> bool {
    let below = |part: &&str| {
        let rest = path.strip_prefix(*part);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    parts.iter().any(below)
}

impl<'a> Line<'a> {
    fn read(text: &'a str) -> Self {
        let parts: Vec<_> = text.split('\t').collect();
        let &[version, name, kind, form, octets, values] = parts.as_slice() else { panic!("{text}") };
        let values = values.split(';').filter(|value| *value != "-").collect();
        Self { version, name, kind, form, octets: hex(octets), values }
    }

    /// Whether one of our lists has its version, name and kind.
    fn is_among(&self, list: &[Subject]) -> bool {
        list.contains(&(self.version, self.name, self.kind))
    }

    fn keeps_extensions(&self) -> bool {
        self.kind == "arg" && ["mo-ForwardSM", "mt-ForwardSM"].contains(&self.name)
    }

    fn is_read(&self, path: &str) -> bool {
        let of = |list: &'static [(&str, &str, &[&str])]| {
            list.iter().find(|entry| (entry.0, entry.1) == (self.name, self.kind)).map(|entry| entry.2)
        };
        of(READ_IN_PART).is_none_or(|parts| is_below(path, parts))
            && !of(PASSED_OVER).is_some_and(|parts| is_below(path, parts))
            && !path.contains("extensionContainer")
    }

    /// The values that are to be read, as we tell them, and whether these are all, as pycrate tells them.
    fn expected(&self) -> (BTreeSet<String>, bool) {
        let (mut expected, mut whole) = (BTreeSet::new(), true);
        if let ("dialogue", Some(first)) = (self.kind, self.values.first()) {
            expected.insert(format!("pdu={}", first.split(['.', '=']).next().unwrap()));
        }
        for value in &self.values {
            let (path, text) = value.split_once('=').unwrap();
            let told = self.is_read(path).then(|| self.as_we_tell(path, text)).flatten();
            // An extension container is kept as it is, if it is not empty.
            let kept = self.keeps_extensions() && path.starts_with("extensionContainer.");
            let nothing = text == "{}" && path.starts_with("map-") && !path.contains('.');
            whole &= told.as_deref() == Some(value) || kept || nothing;
            expected.extend(told);
        }
        (expected, whole)
    }

    /// A value that pycrate tells, as we tell it: some choices are one to us. `None` if nothing is left of it.
    fn as_we_tell(&self, path: &str, text: &str) -> Option<String> {
        let path = match (self.name, self.kind) {
            _ if text == "{}" => return None,
            // An error's parameter may be a CHOICE of the value alone, and the value in a SEQUENCE.
            (_, "err") | ("updateLocation", "res") => path.rsplit('.').next()?.to_string(),
            ("cancelLocation", _) if path.ends_with("lmsi") => return None,
            ("cancelLocation", _) => path.replace("imsi-WithLMSI.", ""),
            ("sendRoutingInfoForSM", "res") => {
                path.replace("locationInfo.roamingNumber", "locationInfo.msc-Number")
            }
            ("reset", _) => path.replace("css-Number", "hlr-Number"),
            ("deleteSubscriberData", _) if path.contains("earerService") => return None,
            ("deleteSubscriberData", "arg") if path.contains('[') => {
                "basicServiceList.teleservice".to_string()
            }
            ("informServiceCentre", _) if path == "mw-Status" => {
                // The last two bits are of 5G.
                return Some(format!("{path}={}00", text.get(..4)?));
            }
            _ => path.to_string(),
        };
        Some(format!("{path}={text}"))
    }
}

/// What is read of the same subject's other octets.
fn told_of(line: &Line<'_>, octets: Vec<u8>) -> Vec<String> {
    let again = Line { values: Vec::new(), octets, ..*line };
    told::read(&again).unwrap().unwrap().0.0
}

fn vectors() -> impl Iterator<Item = Line<'static>> {
    VECTORS.lines().skip(1).map(Line::read)
}

/// Whether these are the same values; an ENUMERATED that stands alone has no name there.
fn are_equal(told: &BTreeSet<String>, expected: &BTreeSet<String>) -> bool {
    let alone = |set: &BTreeSet<String>| {
        let first = set.first().filter(|_| set.len() == 1)?;
        first.split_once('=').map(|(_, text)| text.to_string())
    };
    let unnamed = expected.first().is_some_and(|value| value.starts_with("value="));
    told == expected || unnamed && alone(told) == alone(expected)
}

/// Checks a list against what has been found to belong on it.
fn same_list(name: &str, list: &[Subject], found: &BTreeSet<Subject>) {
    let listed: BTreeSet<_> = list.iter().copied().collect();
    let (missing, stale): (Vec<_>, Vec<_>) =
        (found.difference(&listed).collect(), listed.difference(found).collect());
    assert!(missing.is_empty() && stale.is_empty(), "{name} lacks {missing:?} and need not have {stale:?}");
}

#[test]
fn vectors_are_read_to_their_values() {
    let mut not_read = BTreeSet::new();
    for line in vectors() {
        let (expected, _) = line.expected();
        let right = match told::read(&line) {
            Some(Ok((told, _))) => are_equal(&told.0.iter().cloned().collect(), &expected),
            Some(Err(_)) | None => false,
        };
        if !right {
            if !line.is_among(NOT_READ) {
                let seen = told::read(&line).map(|read| read.map(|(told, _)| told.0));
                println!(
                    "{} {} {} {}: {seen:?}, not {expected:?}",
                    line.version,
                    line.name,
                    line.kind,
                    in_hex(&line.octets)
                );
            }
            not_read.insert((line.version, line.name, line.kind));
        }
    }
    same_list("NOT_READ", NOT_READ, &not_read);
}

#[test]
fn every_path_that_is_passed_over_has_a_vector() {
    for (name, kind, paths) in PASSED_OVER {
        for path in *paths {
            let has = |line: &Line<'_>| {
                line.values.iter().any(|value| is_below(value.split('=').next().unwrap(), &[path]))
            };
            let mut of = vectors().filter(|line| (line.name, line.kind) == (*name, *kind));
            assert!(of.any(|line| has(&line)), "{name} {kind}: no vector has {path}");
        }
    }
}

/// An empty SEQUENCE may as well be left out.
fn same_octets(ours: &[u8], theirs: &[u8]) -> bool {
    ours == theirs || ours.is_empty() && theirs == [0x30, 0]
}

#[test]
fn what_was_read_is_written_in_the_same_octets() {
    let (mut otherwise, mut compared) = (BTreeSet::new(), 0);
    for line in vectors().filter(|line| line.form == "def" && !line.is_among(NOT_READ)) {
        let (_, whole) = line.expected();
        let (told, octets) = told::read(&line).unwrap().unwrap();
        if line.version == "3" && !octets.is_empty() {
            assert_eq!(told_of(&line, octets.clone()), told.0, "{} {}", line.name, line.kind);
        }
        if !whole {
            continue;
        }
        compared += 1;
        if !same_octets(&octets, &line.octets) {
            if !line.is_among(WRITTEN_OTHERWISE) {
                println!(
                    "{} {} {}: {}, not {}",
                    line.version,
                    line.name,
                    line.kind,
                    in_hex(&octets),
                    in_hex(&line.octets)
                );
            }
            otherwise.insert((line.version, line.name, line.kind));
        }
    }
    same_list("WRITTEN_OTHERWISE", WRITTEN_OTHERWISE, &otherwise);
    assert!(compared > 120, "only {compared} vectors have nothing that is passed over");
}

/// What is written of all that was read, a few of each, and our private extensions, which pycrate's vectors have not.
fn ours() -> String {
    let mut ours = String::from(
        "# What we write of the vectors, by the test ours_are_up_to_date (IPSMGW_BLESS=1 renews it); for codec_judge.py.\n",
    );
    let mut seen = BTreeMap::<_, BTreeSet<_>>::new();
    let not_ours =
        |line: &Line<'_>| line.is_among(NOT_READ) || line.version != "3" && line.is_among(WRITTEN_OTHERWISE);
    // Extensions in indefinite form would be kept so.
    let in_other_form = |line: &Line<'_>| line.form == "indef" && line.keeps_extensions();
    for line in vectors().filter(|line| !not_ours(line) && !in_other_form(line)) {
        let Some(Ok((told, octets))) = told::read(&line) else { continue };
        let before = seen.entry((line.version, line.name, line.kind)).or_default();
        if before.len() < MOST_OF_ONE && !octets.is_empty() && before.insert(octets.clone()) {
            ours += &row(line.version, line.name, line.kind, &octets, &told.0);
        }
    }
    for (name, octets, told) in told::with_private_extensions() {
        ours += &row("3", name, "arg", &octets, &told);
    }
    ours
}

fn row(version: &str, name: &str, kind: &str, octets: &[u8], told: &[String]) -> String {
    let values = if told.is_empty() { "-".to_string() } else { told.join(";") };
    format!("{version}\t{name}\t{kind}\tdef\t{}\t{values}\n", in_hex(octets))
}

#[test]
fn ours_are_up_to_date() {
    let ours = ours();
    if std::env::var_os("IPSMGW_BLESS").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/proto/map/tests/ours.txt");
        std::fs::write(path, &ours).unwrap();
        return;
    }
    assert!(
        ours == include_str!("ours.txt"),
        "src/proto/map/tests/ours.txt is not what we write: IPSMGW_BLESS=1"
    );
}
