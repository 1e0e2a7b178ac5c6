//! Vectors that strangers have made: pycrate 0.8.1 by its TS 29.002 (decoded by it again), and tshark 4.0 found nothing
//! wrong with them in TCAP, SCCP and M3UA. Those called `MORE` have elements that we pass over.

use super::super::tests::{hex, imsi, number, why};
use super::*;

const ATM: &str = "301aa00a800862021132547698f0810791947101990910a803800101";
const ATM_MSISDN: &str = "3019a009810791947110325476810791947101990910a803800100";
const ATM_MORE: &str = "3044a00a800862021132547698f08107919471019909108600a707a0050303010000a81e800101a219800c6970736d67772e686f6d65\
     318109686f6d65312e6e657489020680";
const ATM_RESULT: &str = "3009890791947101670000";
const UGL: &str = "301a040862021132547698f00407919471019909100405040a070001";
const UGL_V6: &str = "3026040862021132547698f004079194710199091004115020010db8000000000000000000000001";
const UGL_MORE: &str = "3044040862021132547698f00407919471019909100405040a070001a0068300840204e081009101009200930e7367736e2e686f6d\
     65312e6e65749409686f6d65312e6e6574";
const UGL_RESULT: &str = "3009040791947101880810";
const UGL_RESULT_MORE: &str = "300d04079194710188081005008000";
const ISD: &str = "301e800862021132547698f0810791947110325476830100a606040121040122";
const ISD_MORE: &str = "307a81079194711032547682010a830101a40604011a04011fa609040111040121040122a70fa00d040121300830068301108401\
     0fa8050303014000b016a11430120201019002f12192030000009404036e6574980100b11ba119a014301280010181016482079194\
     71019909108301008101039202080093020600";
const DSD: &str = "300f800862021132547698f0a103830121";
const DSD_MORE: &str = "301d800862021132547698f0a10682011a830122a2030401218900aa020500";
const CANCEL: &str = "a30d040862021132547698f00a0101";
const CANCEL_MORE: &str = "a3233010040862021132547698f00404010203040a01008001018407919471018808108600";
const CANCEL_V2: &str = "040862021132547698f0";
const CANCEL_V2_LMSI: &str = "3010040862021132547698f0040401020304";
const PURGE: &str = "a313040862021132547698f0810791947101990910";
const PURGE_VLR: &str = "a313040862021132547698f0800791947101990910";
const PURGE_RESULT: &str = "30028100";
const SAI: &str = "3012800862021132547698f00201010500830100";
const SAI_MORE: &str = "303b800862021132547698f0020105810030220410000102030405060708090a0b0c0d0e0f040e20212223242526272829\
     2a2b2c2d830101840362f210";
const SAI_RESULT: &str = "a356a154305204101010101010101010101010101010101004081111111111111111041012121212121212121212121212121212\
     041013131313131313131313131313131313041014141414141414141414141414141414";
const SAI_RESULT_MORE: &str = "a381b1a181a8305204101010101010101010101010101010101004081111111111111111041012121212121212121212121212121212\
     04101313131313131313131313131313131304101414141414141414141414141414141430520410202020202020202020202020\
     20202020040821212121212121210410222222222222222222222222222222220410232323232323232323232323232323230410\
     24242424242424242424242424242424830400000001";
const SAI_RESULT_TRIPLETS: &str =
    "a326a02430220410000102030405060708090a0b0c0d0e0f04040102030404080000000000000000";
const RESET: &str = "3009040791947101880810";
const RESET_LIST: &str = "3018040791947101880810300d0404620211f204056202113254";
const RESET_CSS: &str = "3009810791947101880810";
const RESET_V1: &str = "300c0a0101040791947101880810";
const RESET_V1_LIST: &str = "301b0a0101040791947101880810300d0404620211f204056202113254";

const UL: &str = "301c040862021132547698f0810791947101999010040791947101999020";
const UL_MORE: &str =
    "302a040862021132547698f08107919471019990100407919471019990208a0401020304a604800204c08b00";

const ALL: [&str; 32] = [
    UL,
    UL_MORE,
    ATM,
    ATM_MSISDN,
    ATM_MORE,
    ATM_RESULT,
    UGL,
    UGL_V6,
    UGL_MORE,
    UGL_RESULT,
    UGL_RESULT_MORE,
    ISD,
    ISD_MORE,
    DSD,
    DSD_MORE,
    CANCEL,
    CANCEL_MORE,
    CANCEL_V2,
    CANCEL_V2_LMSI,
    PURGE,
    PURGE_VLR,
    PURGE_RESULT,
    SAI,
    SAI_MORE,
    SAI_RESULT,
    SAI_RESULT_MORE,
    SAI_RESULT_TRIPLETS,
    RESET,
    RESET_LIST,
    RESET_CSS,
    "3000",
    "a300",
];

fn gateway() -> AddressString {
    number("491710999001")
}

fn hlr() -> AddressString {
    number("491710888001")
}

fn subscriber() -> AddressString {
    number("491701234567")
}

#[test]
fn any_time_modification() {
    let activate = AnyTimeModification {
        subscriber: SubscriberIdentity::Imsi(imsi()),
        gsm_scf: gateway(),
        registration: Some(ModifyRegistrationStatus::Activate),
    };
    assert_eq!(activate.encode(), hex(ATM));
    assert_eq!(AnyTimeModification::decode(&hex(ATM)), Ok(activate));
    assert_eq!(AnyTimeModification::decode(&hex(ATM_MORE)), Ok(activate));
    let deactivate = AnyTimeModification {
        subscriber: SubscriberIdentity::Msisdn(subscriber()),
        registration: Some(ModifyRegistrationStatus::Deactivate),
        ..activate
    };
    assert_eq!(deactivate.encode(), hex(ATM_MSISDN));
    assert_eq!(AnyTimeModification::decode(&hex(ATM_MSISDN)), Ok(deactivate));
    let other = AnyTimeModification { registration: None, ..activate };
    assert_eq!(AnyTimeModification::decode(&other.encode()), Ok(other));
    let wrong = ATM.replace("800101", "800102");
    assert_eq!(why(AnyTimeModification::decode(&hex(&wrong))), "value");

    let result = AnyTimeModificationResult { service_centre: Some(number("491710760000")) };
    assert_eq!(result.encode(), hex(ATM_RESULT));
    assert_eq!(AnyTimeModificationResult::decode(&hex(ATM_RESULT)), Ok(result));
    let none = AnyTimeModificationResult { service_centre: None };
    assert_eq!(none.encode(), hex("3000"));
    for form in ["", "3000", "3005a20330010a", "3080 0000"] {
        assert_eq!(AnyTimeModificationResult::decode(&hex(form)), Ok(none), "{form}");
    }
}

#[test]
fn update_location() {
    let update = UpdateLocation {
        imsi: imsi(),
        location: LocationInfo::MscNumber(number("491710990901")),
        vlr_number: number("491710990902"),
    };
    assert_eq!(update.encode(), hex(UL));
    for form in [UL, UL_MORE] {
        assert_eq!(UpdateLocation::decode(&hex(form)), Ok(update));
    }
    // Versions 1 and 2: LocationInfo, of which 1 has the roaming number alone.
    assert_eq!((update.encode_in(Version::V3), update.encode_in(Version::V2)), (hex(UL), hex(UL)));
    let first = UpdateLocation { location: LocationInfo::RoamingNumber(number("491710990901")), ..update };
    assert_eq!(update.encode_in(Version::V1), first.encode());
    assert_eq!(UpdateLocation::decode(&first.encode()), Ok(first));
    assert_eq!(first.encode_in(Version::V2), first.encode());
    let result = UpdateLocationResult { hlr_number: hlr() };
    for (version, tag) in [(Version::V1, 0x04), (Version::V2, 0x30), (Version::V3, 0x30)] {
        let octets = result.encode_in(version);
        assert_eq!((octets[0], UpdateLocationResult::decode(&octets)), (tag, Ok(result)), "{version:?}");
    }
}

#[test]
fn update_gprs_location() {
    let update = |ip: &str| UpdateGprsLocation {
        imsi: imsi(),
        sgsn_number: gateway(),
        sgsn_address: ip.parse().unwrap(),
    };
    for (ip, form) in [("10.7.0.1", UGL), ("2001:db8::1", UGL_V6)] {
        assert_eq!(update(ip).encode(), hex(form));
        assert_eq!(UpdateGprsLocation::decode(&hex(form)), Ok(update(ip)));
    }
    assert_eq!(UpdateGprsLocation::decode(&hex(UGL_MORE)), Ok(update("10.7.0.1")));
    for wrong in ["0404040a0700", "0400", "040510 0a070001", "0405 500a070001"] {
        let form = [&hex(UGL)[2..21], &hex(wrong)].concat();
        let whole = [&[0x30, form.len() as u8], &form[..]].concat();
        assert_eq!(why(UpdateGprsLocation::decode(&whole)), "value", "{wrong}");
    }
    let result = UpdateLocationResult { hlr_number: hlr() };
    assert_eq!(result.encode(), hex(UGL_RESULT));
    for form in [UGL_RESULT, UGL_RESULT_MORE] {
        assert_eq!(UpdateLocationResult::decode(&hex(form)), Ok(result));
    }
    assert_eq!(why(UpdateLocationResult::decode(&[])), "structure");
}

#[test]
fn insert_and_delete_subscriber_data() {
    let insert = InsertSubscriberData {
        imsi: Some(imsi()),
        msisdn: Some(subscriber()),
        status: Some(SubscriberStatus::ServiceGranted),
        teleservices: Some(vec![Teleservice::SHORT_MESSAGE_MT_PP, Teleservice::SHORT_MESSAGE_MO_PP]),
    };
    assert_eq!(insert.encode(), hex(ISD));
    assert_eq!(InsertSubscriberData::decode(&hex(ISD)), Ok(insert));
    let barred = InsertSubscriberData {
        imsi: None,
        msisdn: Some(subscriber()),
        status: Some(SubscriberStatus::OperatorDeterminedBarring),
        teleservices: Some([0x11, 0x21, 0x22].map(Teleservice).into()),
    };
    assert_eq!(InsertSubscriberData::decode(&hex(ISD_MORE)), Ok(barred));
    let nothing = InsertSubscriberData { imsi: None, msisdn: None, status: None, teleservices: None };
    assert_eq!(nothing.encode(), hex("3000"));
    assert_eq!(InsertSubscriberData::decode(&hex("3000")), Ok(nothing));
    for wrong in ["3003 830102", "3004 a6020400"] {
        assert_eq!(why(InsertSubscriberData::decode(&hex(wrong))), "value");
    }

    let mut delete = DeleteSubscriberData { imsi: imsi(), teleservices: vec![Teleservice(0x21)] };
    assert_eq!(delete.encode(), hex(DSD));
    assert_eq!(DeleteSubscriberData::decode(&hex(DSD)), Ok(delete.clone()));
    delete.teleservices = vec![Teleservice(0x22)];
    assert_eq!(DeleteSubscriberData::decode(&hex(DSD_MORE)), Ok(delete.clone()));
    delete.teleservices.clear();
    assert_eq!(DeleteSubscriberData::decode(&delete.encode()), Ok(delete));

    assert_eq!(EmptyResult.encode(), hex("3000"));
    for form in ["", "3000", "3009a103040162860204e0"] {
        assert_eq!(EmptyResult::decode(&hex(form)), Ok(EmptyResult));
    }
    for form in ["3001", "3001 04", "0400"] {
        assert_eq!(why(EmptyResult::decode(&hex(form))), "structure");
    }
}

#[test]
fn groups_of_teleservices_include_their_members() {
    let short_message = Teleservice::SHORT_MESSAGE_MT_PP;
    for group in [Teleservice::ALL, Teleservice::ALL_SHORT_MESSAGE, short_message] {
        assert!(group.includes(short_message));
    }
    for other in [Teleservice::SHORT_MESSAGE_MO_PP, Teleservice(0x10), Teleservice(0x11)] {
        assert!(!other.includes(short_message));
    }
    assert!(!short_message.includes(Teleservice::ALL_SHORT_MESSAGE));
}

#[test]
fn cancel_location() {
    let cancel = CancelLocation { imsi: imsi(), cancellation: Some(CancellationType::SubscriptionWithdraw) };
    assert_eq!(cancel.encode(), hex(CANCEL));
    assert_eq!(CancelLocation::decode(&hex(CANCEL)), Ok(cancel));
    let update = CancelLocation { cancellation: Some(CancellationType::UpdateProcedure), ..cancel };
    assert_eq!(CancelLocation::decode(&hex(CANCEL_MORE)), Ok(update));
    let attach = CancelLocation { cancellation: Some(CancellationType::InitialAttachProcedure), ..cancel };
    assert_eq!(CancelLocation::decode(&attach.encode()), Ok(attach));
    let unknown = CancelLocation { cancellation: None, ..cancel };
    assert_eq!(CancelLocation::decode(&hex(&CANCEL.replace("0a0101", "0a0107"))), Ok(unknown));
    assert_eq!(unknown.encode_v2(), hex(CANCEL_V2));
    for form in [CANCEL_V2, CANCEL_V2_LMSI] {
        assert_eq!(CancelLocation::decode(&hex(form)), Ok(unknown));
    }
    assert_eq!(why(CancelLocation::decode(&hex("04026202"))), "value");
}

#[test]
fn purge_ms() {
    let purge = PurgeMs { imsi: imsi(), vlr_number: None, sgsn_number: Some(gateway()) };
    assert_eq!(purge.encode(), hex(PURGE));
    assert_eq!(PurgeMs::decode(&hex(PURGE)), Ok(purge));
    let as_vlr = PurgeMs { vlr_number: Some(gateway()), sgsn_number: None, ..purge };
    assert_eq!(as_vlr.encode(), hex(PURGE_VLR));
    assert_eq!(PurgeMs::decode(&hex(PURGE_VLR)), Ok(as_vlr));
    // Version 2 has no SGSNs.
    assert_eq!(purge.encode_v2(), None);
    let second = as_vlr.encode_v2().unwrap();
    assert_eq!((second[0], PurgeMs::decode(&second)), (0x30, Ok(as_vlr)));
    let result = PurgeMsResult { freeze_tmsi: false, freeze_p_tmsi: true };
    assert_eq!(result.encode(), hex(PURGE_RESULT));
    assert_eq!(PurgeMsResult::decode(&hex(PURGE_RESULT)), Ok(result));
    let nothing = PurgeMsResult { freeze_tmsi: false, freeze_p_tmsi: false };
    for form in ["", "3000", "3002 8200"] {
        assert_eq!(PurgeMsResult::decode(&hex(form)), Ok(nothing));
    }
}

fn vector(first: u8) -> Quintuplet {
    Quintuplet {
        rand: [first; 16],
        xres: vec![first + 1; 8],
        ck: [first + 2; 16],
        ik: [first + 3; 16],
        autn: [first + 4; 16],
    }
}

#[test]
fn send_authentication_info() {
    let ask = SendAuthenticationInfo {
        imsi: imsi(),
        vectors: 1,
        segmentation_prohibited: true,
        immediate_response_preferred: false,
        re_synchronisation: None,
        requesting_node_type: Some(0),
    };
    assert_eq!(ask.encode(), hex(SAI));
    assert_eq!(SendAuthenticationInfo::decode(&hex(SAI)), Ok(ask));
    let again = SendAuthenticationInfo {
        vectors: 5,
        segmentation_prohibited: false,
        immediate_response_preferred: true,
        re_synchronisation: Some(ReSynchronisation {
            rand: core::array::from_fn(|at| at as u8),
            auts: core::array::from_fn(|at| 0x20 + at as u8),
        }),
        requesting_node_type: Some(1),
        ..ask
    };
    assert_eq!(SendAuthenticationInfo::decode(&hex(SAI_MORE)), Ok(again));
    // Ours is the same less the PLMN.
    assert_eq!(again.encode()[2..], hex(SAI_MORE)[2..hex(SAI_MORE).len() - 5]);
    for wrong in [SAI.replace("020101", "020106"), SAI.replace("020101", "020100")] {
        assert_eq!(why(SendAuthenticationInfo::decode(&hex(&wrong))), "value");
    }

    let result = |firsts: &[u8]| SendAuthenticationInfoResult {
        quintuplets: firsts.iter().map(|&first| vector(first)).collect(),
    };
    assert_eq!(result(&[0x10]).encode(), hex(SAI_RESULT));
    assert_eq!(SendAuthenticationInfoResult::decode(&hex(SAI_RESULT)), Ok(result(&[0x10])));
    assert_eq!(SendAuthenticationInfoResult::decode(&hex(SAI_RESULT_MORE)), Ok(result(&[0x10, 0x20])));
    for form in ["", "a300", SAI_RESULT_TRIPLETS] {
        assert_eq!(SendAuthenticationInfoResult::decode(&hex(form)), Ok(result(&[])));
    }
    let mut short = vector(1);
    short.xres.truncate(3);
    let short = SendAuthenticationInfoResult { quintuplets: vec![short] };
    assert_eq!(why(SendAuthenticationInfoResult::decode(&short.encode())), "value");
}

#[test]
fn keys_are_never_shown() {
    let result = SendAuthenticationInfoResult { quintuplets: vec![vector(0x10)] };
    assert_eq!(format!("{result:?}"), "SendAuthenticationInfoResult { quintuplets: [Quintuplet] }");
    let info = ReSynchronisation { rand: [1; 16], auts: [2; 14] };
    assert_eq!(format!("{info:?}"), "ReSynchronisation");
}

#[test]
fn reset() {
    let all = Reset { hlr_number: hlr(), imsi_prefixes: vec![] };
    assert_eq!(all.encode(), hex(RESET));
    let some = Reset {
        imsi_prefixes: ["2620112", "2620112345"].map(|prefix| prefix.parse().unwrap()).into(),
        ..all.clone()
    };
    assert_eq!(some.encode(), hex(RESET_LIST));
    for (form, reset) in [(RESET, &all), (RESET_CSS, &all), (RESET_LIST, &some)] {
        assert_eq!(Reset::decode(&hex(form)).as_ref(), Ok(reset));
    }
    // Version 1, by pycrate 0.8.1: with a network resource in front.
    for (form, reset) in [(RESET_V1, &all), (RESET_V1_LIST, &some)] {
        assert_eq!(Reset::decode(&hex(form)).as_ref(), Ok(reset), "{form}");
    }
    assert_eq!(why(Reset::decode(&hex("3003 0a0101"))), "structure");
    assert_eq!(why(Reset::decode(&hex("300f 040791947101880810 3004 04026f02"))), "value");
    assert_eq!(why(Reset::decode(&hex("300f 040791947101880810 3004 0402f621"))), "value");
}

/// Elements after the last that any version has, with tags of one octet and more; indefinite lengths; lengths in more
/// octets than they need.
#[test]
fn what_is_not_known_is_passed_over() {
    let ask = CancelLocation::decode(&hex(CANCEL));
    for form in [
        "a317 040862021132547698f0 0a0101 9f8148 00 bf22 03 020107",
        "a380 040862021132547698f0 0a0101 a080 3000 0000 0000",
        "a38110 04810862021132547698f0 0a820001 01",
    ] {
        assert_eq!(CancelLocation::decode(&hex(form)), ask, "{form}");
    }
}

fn read_everything(bytes: &[u8]) {
    let _ = (AnyTimeModification::decode(bytes), AnyTimeModificationResult::decode(bytes));
    let _ = (UpdateLocation::decode(bytes), UpdateGprsLocation::decode(bytes));
    let _ = UpdateLocationResult::decode(bytes);
    let _ = (InsertSubscriberData::decode(bytes), DeleteSubscriberData::decode(bytes));
    let _ = (CancelLocation::decode(bytes), EmptyResult::decode(bytes), Reset::decode(bytes));
    let _ = (PurgeMs::decode(bytes), PurgeMsResult::decode(bytes));
    let _ = (SendAuthenticationInfo::decode(bytes), SendAuthenticationInfoResult::decode(bytes));
}

#[test]
fn no_octets_do_harm() {
    for message in ALL.map(hex) {
        for cut in 0..message.len() {
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
    let mut seed = 23u64;
    let mut random = move || {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (seed >> 33) as u8
    };
    const TAGS: [u8; 14] =
        [0x30, 0x04, 0x80, 0x81, 0xa0, 0xa1, 0xa3, 0xa6, 0xa8, 0x0a, 0x02, 0x05, 0x83, 0x9f];
    for _ in 0..5_000 {
        let length = random() % 48;
        let bytes: Vec<u8> = (0..length)
            .map(|_| if random() & 1 == 0 { TAGS[usize::from(random()) % TAGS.len()] } else { random() % 20 })
            .collect();
        read_everything(&bytes);
    }
    for open in [[0x30, 0x80], [0xa3, 0x80]] {
        read_everything(&open.repeat(2000));
    }
    // Lengths far beyond the message.
    for form in ["3084ffffffff04", "a384ffffffff0484ffffffff", "30880fffffffffffffff", "04847fffffff00"] {
        read_everything(&hex(form));
    }
}

#[test]
fn what_is_cut_off_is_refused() {
    for message in ALL.map(hex) {
        for cut in 1..message.len() {
            let bytes = &message[..cut];
            assert!(AnyTimeModification::decode(bytes).is_err());
            assert!(UpdateLocation::decode(bytes).is_err());
            assert!(UpdateGprsLocation::decode(bytes).is_err());
            assert!(InsertSubscriberData::decode(bytes).is_err());
            assert!(DeleteSubscriberData::decode(bytes).is_err());
            assert!(CancelLocation::decode(bytes).is_err());
            assert!(PurgeMs::decode(bytes).is_err());
            assert!(SendAuthenticationInfo::decode(bytes).is_err());
            assert!(SendAuthenticationInfoResult::decode(bytes).is_err());
            assert!(Reset::decode(bytes).is_err());
        }
    }
}
