//! The messages that layers are timed with, ours and the peers' the same: each kind for 64 users, with bodies and header
//! values of different lengths, so that no branch predictor learns one message by heart.
#![allow(dead_code, unreachable_pub, missing_docs)] // each benchmark uses its part

/// How many there are of a kind.
pub const MIX: usize = 64;

pub fn number(user: usize) -> String {
    format!("49170{:07}", user * 7_919 + 1)
}

pub fn imsi(user: usize) -> String {
    format!("26201{:010}", user * 10_007 + 1)
}

/// An SMS-SUBMIT: 8-bit data of 10 to 140 octets, of any value.
pub fn submit(user: usize) -> Vec<u8> {
    submit_of(user, 10 + user * 130 / (MIX - 1))
}

fn submit_of(user: usize, length: usize) -> Vec<u8> {
    let mut tpdu = vec![0x11, user as u8, 0x0c, 0x91, 0x94, 0x71, 0x10, 0x32, 0x54, 0x76, 0x00, 0x04, 0xa7];
    tpdu.push(length as u8);
    tpdu.extend((0..length).map(|at| (at * 31 + user * 7) as u8));
    tpdu
}

/// An RP-DATA with an SMS-SUBMIT for service centre 491710760000.
pub fn rp_data(user: usize) -> Vec<u8> {
    let tpdu = submit(user);
    let mut rpdu = vec![0x00, user as u8, 0x00, 0x07, 0x91, 0x94, 0x71, 0x01, 0x67, 0x00, 0x00];
    rpdu.push(tpdu.len() as u8);
    rpdu.extend(tpdu);
    rpdu
}

/// A MESSAGE as an S-CSCF sends it: about 900 octets with three Via and a binary body.
pub fn message(user: usize) -> Vec<u8> {
    let (number, body) = (number(user), rp_data(user));
    let mut text = format!(
        "MESSAGE sip:+491710760000@home1.net;user=phone SIP/2.0\r\n\
         Via: SIP/2.0/UDP scscf1.home1.net:5060;branch=z9hG4bK{:016x};rport\r\n\
         Via: SIP/2.0/UDP pcscf{}.visited1.net:5060;branch=z9hG4bK240f34.1\r\n\
         Via: SIP/2.0/UDP [2001:db8:aaa:bbb::{}]:1357;comp=sigcomp;branch=z9hG4bKnashds7\r\n\
         Max-Forwards: {}\r\n\
         Route: <sip:ipsmgw.home1.net;lr>\r\n\
         P-Asserted-Identity: \"User {user}\" <sip:+{number}@home1.net>, <tel:+{number}>\r\n\
         P-Access-Network-Info: 3GPP-E-UTRAN-FDD; utran-cell-id-3gpp=26201D0FCE{user:02}\r\n\
         P-Visited-Network-ID: \"Visited network number {user}\"\r\n\
         P-Charging-Vector: icid-value=\"AyretyU0dm+6O2IrT5tAFrbHLso={user:03}\"; orig-ioi=home1.net\r\n\
         From: <sip:+{number}@home1.net>;tag={:x}\r\n\
         To: <sip:+491710760000@home1.net;user=phone>\r\n\
         Call-ID: {:024x}@10.9.{}.{}\r\n\
         CSeq: {} MESSAGE\r\n\
         Request-Disposition: no-fork\r\n\
         Content-Type: application/vnd.3gpp.sms\r\n\
         Content-Length: {}\r\n\r\n",
        user * 0x9e37_79b9,
        user % 7,
        user * 13,
        68 + user % 3,
        user * 0x01f3_57bd,
        user * 0x0123_4567,
        user % 200,
        user * 3,
        user * 17 + 1,
        body.len()
    )
    .into_bytes();
    text.extend(body);
    text
}

/// A 200 to a MESSAGE of the gateway's.
pub fn response(user: usize) -> Vec<u8> {
    let number = number(user);
    format!(
        "SIP/2.0 200 OK\r\n\
         Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK{:034x};rport=5060;received=10.0.0.1\r\n\
         From: <sip:ipsmgw.home1.net>;tag={:034x}\r\n\
         To: <tel:+{number}>;tag={:x}\r\n\
         Call-ID: {:034x}@ipsmgw.home1.net\r\n\
         CSeq: {} MESSAGE\r\n\
         Content-Length: 0\r\n\r\n",
        user * 0x9e37_79b9,
        user * 0x01f3_57bd,
        user * 0x0123_4567,
        user * 0x3243_f6a8,
        user + 1
    )
    .into_bytes()
}

/// Digits packed two to an octet, filled up with `f`.
pub fn packed(digits: &str) -> Vec<u8> {
    let digit = |at: Option<&u8>| at.map_or(0xf, |digit| digit - b'0');
    digits.as_bytes().chunks(2).map(|pair| digit(pair.get(1)) << 4 | digit(pair.first())).collect()
}

fn tlv(tag: u8, contents: &[&[u8]]) -> Vec<u8> {
    let contents = contents.concat();
    let mut element = vec![tag];
    match contents.len() {
        short @ 0..0x80 => element.push(short as u8),
        long => element.extend([0x81, long as u8]),
    }
    element.extend(contents);
    element
}

/// What a Begin with mo-forwardSM says, from the routing label to the short message: whoever reads it must find this,
/// and whoever writes it is given this. Numbers have 11 to 15 digits.
pub struct Submission {
    pub routing_context: u32,
    pub opc: u32,
    pub dpc: u32,
    pub sls: u8,
    /// Titles, both of subsystem 8.
    pub called: String,
    pub calling: String,
    pub otid: u32,
    pub invoke_id: i8,
    pub centre: String,
    pub originator: String,
    pub imsi: String,
    pub tpdu: Vec<u8>,
}

/// The last arcs of shortMsgMO-RelayContext-v3.
pub const CONTEXT: [u8; 7] = [4, 0, 0, 1, 0, 21, 3];

/// No two are alike in anything but what a network has one of.
pub fn submission(user: usize) -> Submission {
    let of = |country: &str, seed: usize, digits: usize| {
        let number = format!("{country}{:010}", (user + 1) * 2_654_435_761 * seed % 10_000_000_000);
        number[..digits].to_string()
    };
    Submission {
        routing_context: 100,
        opc: 1000 + user as u32 % 7,
        dpc: 200 + user as u32 % 3,
        sls: user as u8 % 16,
        called: of("49171", 7_919, 11 + user % 5),
        calling: of("46708", 104_729, 11 + user * 3 % 5),
        otid: (user as u32 + 1).wrapping_mul(0x9e37_79b9),
        invoke_id: (user % 100) as i8 + 1,
        centre: of("49171", 31_337, 11 + user * 2 % 5),
        originator: of("49170", 15_485_863, 11 + user * 4 % 5),
        imsi: of("26201", 32_452_843, 14 + usize::from(!user.is_multiple_of(8))),
        // With the longest numbers, the longest that fit one UDT.
        tpdu: submit_of(user, 10 + user * 29 % MIX * 118 / (MIX - 1)),
    }
}

/// The argument of mo-forwardSM.
pub fn mo_forward_sm(user: usize) -> Vec<u8> {
    let it = submission(user);
    let centre = tlv(0x84, &[&[0x91], &packed(&it.centre)]);
    let originator = tlv(0x82, &[&[0x91], &packed(&it.originator)]);
    let imsi = tlv(0x04, &[&packed(&it.imsi)]);
    tlv(0x30, &[&centre, &originator, &tlv(0x04, &[&it.tpdu]), &imsi])
}

/// A TCAP Begin with AARQ for shortMsgMO-RelayContext-v3, without the protocol version that is the default, and
/// mo-forwardSM.
pub fn begin(user: usize) -> Vec<u8> {
    let it = submission(user);
    let request = tlv(0x60, &[&tlv(0xa1, &[&tlv(0x06, &[&CONTEXT])])]);
    let external =
        tlv(0x28, &[&tlv(0x06, &[&[0x00, 0x11, 0x86, 0x05, 0x01, 0x01, 0x01]]), &tlv(0xa0, &[&request])]);
    let invoke = tlv(0xa1, &[&[0x02, 0x01, it.invoke_id as u8, 0x02, 0x01, 46], &mo_forward_sm(user)]);
    let otid = tlv(0x48, &[&it.otid.to_be_bytes()]);
    tlv(0x62, &[&otid, &tlv(0x6b, &[&external]), &tlv(0x6c, &[&invoke])])
}

/// An SCCP address with a global title: numbering plan E.164, international, routed on the title.
fn titled(digits: &str, ssn: u8) -> Vec<u8> {
    let mut address = vec![0x12, ssn, 0x00, 0x12, 0x04];
    address.extend(packed(digits).iter().map(|octet| if octet >> 4 == 0xf { octet & 0xf } else { *octet }));
    if !digits.len().is_multiple_of(2) {
        address[3] = 0x11;
    }
    address
}

/// A UDT, class 1 with return, with that Begin.
pub fn udt(user: usize) -> Vec<u8> {
    let it = submission(user);
    let (called, calling, data) = (titled(&it.called, 8), titled(&it.calling, 8), begin(user));
    let mut udt = vec![0x09, 0x81, 3, 3 + called.len() as u8, 3 + (called.len() + calling.len()) as u8];
    for part in [&called, &calling, &data] {
        udt.push(part.len() as u8);
        udt.extend(part);
    }
    udt
}

/// An M3UA DATA with that UDT.
pub fn m3ua_data(user: usize) -> Vec<u8> {
    let (it, udt) = (submission(user), udt(user));
    let padding = udt.len().wrapping_neg() & 3;
    let mut parameters = vec![0, 6, 0, 8];
    parameters.extend(it.routing_context.to_be_bytes());
    parameters.extend([0x02, 0x10]);
    parameters.extend((16 + udt.len() as u16).to_be_bytes());
    parameters.extend([it.opc, it.dpc].map(u32::to_be_bytes).concat());
    parameters.extend([3, 2, 0, it.sls]);
    parameters.extend(udt);
    parameters.extend(&[0; 3][..padding]);
    let mut message = vec![1, 0, 1, 1];
    message.extend((8 + parameters.len() as u32).to_be_bytes());
    message.extend(parameters);
    message
}

/// All of a kind.
pub fn mix(of: impl Fn(usize) -> Vec<u8>) -> Vec<Vec<u8>> {
    (0..MIX).map(of).collect()
}
