//! SIP requests that are timed, ours and the peers' the same: 64 of each kind, no two alike in the order of their headers,
//! in their forms, in the number of Via or in length, as different phones and cores write them.
#![allow(dead_code, unreachable_pub, missing_docs)] // each benchmark uses its part

use crate::messages::{imsi, number, rp_data};

/// What a request says: whoever reads it must find this.
pub struct Said {
    pub method: &'static str,
    pub branch: String,
    pub tag: String,
    pub call_id: String,
    pub cseq: u32,
    pub body: Vec<u8>,
}

pub struct Request {
    pub text: Vec<u8>,
    pub said: Said,
}

/// A MESSAGE of a UE as its S-CSCF hands it on: 900 octets in the mean, one to four Via, a binary body.
pub fn message(user: usize) -> Request {
    let number = number(user);
    let said = said("MESSAGE", user, rp_data(user));
    let uri = match user % 5 {
        0 => "tel:+491710760000".to_owned(),
        _ => "sip:+491710760000@home1.net;user=phone".to_owned(),
    };
    let name = match user % 3 {
        0 => format!("\"User {user}, \\\"at home\\\"\" "),
        1 => format!("User{user} "),
        _ => String::new(),
    };
    let asserted = match user % 2 {
        0 => format!("{name}<sip:+{number}@home1.net>, <tel:+{number}>"),
        _ => format!("{name}<sip:+{number}@home1.net;user=phone>"),
    };
    let access = match user % 16 {
        7 => "3GPP-E-UTRAN-FDD;\r\n utran-cell-id-3gpp=26201D0FCE11".to_owned(),
        _ => format!("3GPP-E-UTRAN-FDD; utran-cell-id-3gpp=26201D0FCE{user:02}"),
    };
    let mut lines = vec![
        ("Max-Forwards", (66 + user % 4).to_string()),
        ("From", format!("<sip:+{number}@home1.net>;tag={}", said.tag)),
        ("To", format!("<{uri}>")),
        ("Call-ID", said.call_id.clone()),
        ("CSeq", format!("{} MESSAGE", said.cseq)),
        ("Route", "<sip:ipsmgw.home1.net;lr>".to_owned()),
        ("P-Asserted-Identity", asserted),
        ("P-Access-Network-Info", access),
        ("P-Visited-Network-ID", format!("\"Visited network number {user}\"")),
        (
            "P-Charging-Vector",
            format!("icid-value=\"AyretyU0dm+6O2IrT5tAFrbHLso={user:03}\"; orig-ioi=home1.net"),
        ),
        ("Request-Disposition", "no-fork".to_owned()),
        ("Content-Type", "application/vnd.3gpp.sms".to_owned()),
        ("Content-Length", said.body.len().to_string()),
    ];
    let turns = user % lines.len();
    lines.rotate_left(turns);
    spell(&uri, user, &lines, said)
}

/// A third-party REGISTER with the UE's own REGISTER in it: 1,200 octets in the mean.
pub fn register(user: usize) -> Request {
    let (number, imsi) = (number(user), imsi(user));
    let body = format!(
        "REGISTER sip:home1.net SIP/2.0\r\n\
         Via: SIP/2.0/UDP [2001:db8:aaa:bbb::{:x}]:1357;branch=z9hG4bKnashds{user};keep;rport\r\n\
         From: <sip:+{number}@home1.net>;tag=4fa3\r\nTo: <sip:+{number}@home1.net>\r\n\
         Call-ID: apb03a0s09dkjdfglkj{user}\r\nCSeq: 2 REGISTER\r\nMax-Forwards: 70\r\n\
         Authorization: Digest username=\"{imsi}@ims.mnc001.mcc262.3gppnetwork.org\", realm=\"home1.net\", nonce=\"\", uri=\"sip:home1.net\", response=\"\"\r\n\
         Contact: <sip:[2001:db8:aaa:bbb::{:x}]:1357>;+g.3gpp.smsip;+sip.instance=\"<urn:gsma:imei:90420156-025763-{}>\";expires=600000\r\n\
         Supported: path, gruu, outbound\r\nContent-Length: 0\r\n\r\n",
        user * 11,
        user * 11,
        user % 10
    );
    let said = said("REGISTER", user, body.into_bytes());
    let mut lines = vec![
        ("Max-Forwards", "70".to_owned()),
        ("From", format!("<sip:scscf1.home1.net>;tag={}", said.tag)),
        ("To", format!("<sip:+{number}@home1.net>")),
        ("Call-ID", said.call_id.clone()),
        ("CSeq", format!("{} REGISTER", said.cseq)),
        ("Contact", "<sip:scscf1.home1.net:5060>".to_owned()),
        ("Expires", (if user.is_multiple_of(8) { 0 } else { 600_000 - user }).to_string()),
        ("P-Access-Network-Info", format!("3GPP-E-UTRAN-FDD; utran-cell-id-3gpp=26201D0FCE{user:02}")),
        ("P-Charging-Vector", format!("icid-value=\"AyretyU0dm+6O2IrT5tAFrbHLso={user:03}\"")),
        ("Content-Type", "message/sip".to_owned()),
        ("Content-Length", said.body.len().to_string()),
    ];
    let turns = user % lines.len();
    lines.rotate_left(turns);
    spell("sip:ipsmgw.home1.net", user, &lines, said)
}

fn compact(name: &str) -> &str {
    match name {
        "Via" => "v",
        "From" => "f",
        "To" => "t",
        "Call-ID" => "i",
        "Contact" => "m",
        "Content-Type" => "c",
        "Content-Length" => "l",
        other => other,
    }
}

fn said(method: &'static str, user: usize, body: Vec<u8>) -> Said {
    Said {
        method,
        branch: format!("z9hG4bK{:016x}", user * 0x9e37_79b9),
        tag: format!("{:x}", user * 0x01f3_57bd + 7),
        call_id: format!("{:024x}@10.9.{}.{}", user * 0x0123_4567, user % 200, user * 3),
        cseq: user as u32 * 17 + 1,
        body,
    }
}

/// The request with those header lines; each sixteenth in compact forms.
fn spell(uri: &str, user: usize, lines: &[(&str, String)], said: Said) -> Request {
    let mut text = format!("{} {uri} SIP/2.0\r\n", said.method);
    let mut line = |name: &str, value: &str| {
        let name = if user % 16 == 9 { compact(name) } else { name };
        text.push_str(&format!("{name}: {value}\r\n"));
    };
    line("Via", &format!("SIP/2.0/UDP scscf{}.home1.net:5060;branch={};rport", user % 3, said.branch));
    for hop in 0..user % 4 {
        let via = match hop {
            0 => format!("SIP/2.0/UDP pcscf{}.visited1.net:5060;branch=z9hG4bK240f34.1", user % 7),
            1 => format!(
                "SIP/2.0/UDP [2001:db8:aaa:bbb::{:x}]:1357;comp=sigcomp;branch=z9hG4bKnashds7",
                user * 13
            ),
            _ => format!("SIP/2.0/TCP 10.20.30.{user};received=192.0.2.{user};branch=z9hG4bKlast{user}"),
        };
        line("Via", &via);
    }
    for (name, value) in lines {
        line(name, value);
    }
    text.push_str("\r\n");
    let mut text = text.into_bytes();
    text.extend(&said.body);
    Request { text, said }
}
