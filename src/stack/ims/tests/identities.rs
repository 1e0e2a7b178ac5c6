//! Who is meant, and what he can do: what the core says beside To.

use super::*;

fn message(headers: &str) -> Vec<u8> {
    let head = text(&format!(
        "
        MESSAGE sip:gw.home1.net SIP/2.0
        Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK1
        Max-Forwards: 70
        From: <sip:a@home1.net>;tag=1
        To: <sip:gw.home1.net>
        Call-ID: 1
        CSeq: 1 MESSAGE
        {headers}
        Content-Type: application/vnd.3gpp.sms
        Content-Length: 2
        "
    ));
    [&head[..], &[0x06, 0x01]].concat()
}

#[test]
fn the_served_user_goes_before_whoever_is_asserted() {
    let asserted = "P-Asserted-Identity: <sip:a@home1.net>, <tel:+4917-1>";
    for (headers, expected) in [
        (asserted.to_owned(), &["sip:a@home1.net", "tel:+49171"][..]),
        (
            format!("{asserted}\nP-Served-User: <sip:s@HOME1.net>;sescase=orig;regstate=reg"),
            &["sip:s@home1.net", "sip:a@home1.net", "tel:+49171"],
        ),
        (format!("{asserted}\nP-Served-User: nobody"), &["sip:a@home1.net", "tel:+49171"]),
        ("P-Served-User: \"S\" <sip:s@home1.net>".into(), &["sip:s@home1.net"]),
    ] {
        Bench::new().input(SCSCF, &message(&headers), |_, next| match next {
            Next::Indication(Indication::Message(message)) => {
                let found: Vec<_> =
                    message.asserted.iter().flatten().map(|it| it.as_str().to_owned()).collect();
                assert_eq!(found, expected, "{headers}");
            }
            _ => panic!("no MESSAGE"),
        });
    }
}

fn third_party(kind: &str, body: &str) -> Vec<u8> {
    let head = text(&format!(
        "
        REGISTER sip:gw.home1.net SIP/2.0
        Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK1
        Max-Forwards: 70
        From: <sip:scscf.home1.net>;tag=1
        To: <sip:a@home1.net>
        Call-ID: 1
        CSeq: 1 REGISTER
        Contact: <sip:scscf.home1.net>;+g.of.the.s-cscf
        Content-Type: {kind}
        Content-Length: {}
        ",
        body.len()
    ));
    [&head[..], body.as_bytes()].concat()
}

fn own(contact: &str) -> String {
    String::from_utf8(ue_register("1")).unwrap().replace(";q=0.7", contact)
}

/// The feature tags that a REGISTER tells of.
fn features(register: &[u8]) -> Vec<(String, String)> {
    let text = |octets: &[u8]| String::from_utf8(octets.to_vec()).unwrap();
    Bench::new().register(SCSCF, register, |_, it| {
        it.features().map(|(name, value)| (text(name), text(value))).collect()
    })
}

#[test]
fn the_ues_own_feature_tags_are_told_wherever_its_register_stands() {
    let contact = own(";+g.3gpp.smsip;audio;+g.3gpp.icsi-ref=\"urn%3A1\";q=0.7");
    let instance = ("+sip.instance".to_owned(), "\"<urn:gsma:imei:90420156-025763-0>\"".to_owned());
    let expected = [
        instance,
        ("+g.3gpp.smsip".into(), String::new()),
        ("+g.3gpp.icsi-ref".into(), "\"urn%3A1\"".into()),
    ];
    assert_eq!(features(&third_party("message/sip", &contact)), expected);
    let several = format!("--b\r\nContent-Type: message/sip\r\n\r\n{contact}\r\n--b--\r\n");
    assert_eq!(features(&third_party("multipart/mixed;boundary=b", &several)), expected);
    assert_eq!(features(&third_party("application/3gpp-ims+xml", "<x/>")), []);
    let without = own("").replacen("Contact:", "X:", 1);
    assert_eq!(features(&third_party("message/sip", &without)), []);
}

#[test]
fn credentials_for_several_realms_are_told_each() {
    let register = String::from_utf8(ue_register("1")).unwrap();
    let register = register.replace("Supported:", "Authorization: Other realm=\"b, c\"\r\nSupported:");
    Bench::new().register(UE, register.as_bytes(), |_, it| {
        let all: Vec<_> = it.authorizations().collect();
        assert_eq!((all.len(), all.last()), (2, Some(&&b"Other realm=\"b, c\""[..])));
        assert_eq!(all.first().copied(), it.authorization);
    });
}
