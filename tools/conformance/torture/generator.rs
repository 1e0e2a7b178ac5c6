//! Malformed messages after the catalogue of PROTOS c07-sip: exceptional elements in the place of, before and behind each
//! field of a MESSAGE and of a REGISTER, one at a time and two at a time, by seed; and the rule for each.

/// Texts that a field does not expect.
pub(crate) fn elements() -> Vec<Vec<u8>> {
    let mut elements: Vec<Vec<u8>> = vec![];
    for length in [1usize, 16, 64, 127, 128, 129, 255, 256, 257, 700] {
        elements.push(vec![b'a'; length]);
    }
    elements.extend([b' ', b'\t', b'"', b'%', b';', b',', b'<', b'0'].map(|octet| vec![octet; 100]));
    let octets: [&[u8]; 24] = [
        b"",
        b" ",
        b"\0",
        b"a\0b",
        b"\x07\x08\x0b",
        b"\x7f",
        b"\x80",
        b"\xff\xfe",
        b"\xc0\x80",
        b"\xc0\xaf",
        b"\xe0\x80\xaf",
        b"\xf8\x88\x80\x80\x80",
        b"\xed\xa0\x80",
        "\u{fc}\u{416}\u{20ac}".as_bytes(),
        "\u{feff}\u{2028}".as_bytes(),
        b"\r",
        b"\n",
        b"\r\n",
        b"\n\n",
        b"\r\n\r\n",
        b"\r\n ",
        b"\r\n\t",
        b"\r\nP-Asserted-Identity: <sip:root@home1.net>",
        b"\r\nContent-Length: 0\r\n\r\nBYE sip:a@b SIP/2.0\r\n",
    ];
    elements.extend(octets.map(<[u8]>::to_vec));
    let texts = "%s%s%s%s|%n%n%n%n|%.999d|%00|%ff|%zz|%|%0|\"|\"\"|\"\\\"|\"\\\\\"|\"a|<|>|<>|<<>>|[|]|[]|[::1]|[::1|\
        [2001:db8:::192.0.2.1]|[1:2:3:4:5:6:7:8:9]|,|,,,,|;|;;;;|;=|;a=|=|@|@@|:|::|?|/|\\|(|((()))|{}|0|-1|+1|00|1.5|0x10|1e9|\
        255|256|65535|65536|2147483647|2147483648|4294967295|4294967296|18446744073709551615|18446744073709551616|\
        99999999999999999999999999|0000000000000000000000000000001|*|SIP/2.0|SIP/2.0 200 OK|sip:|sip:@|sip:a@b|sips:a@b|\
        tel:|tel:.|tel:1|http://a|urn:service:sos|z9hG4bK|;lr|;tag=x|;branch=z9hG4bKx|;expires=0|;received=255.255.255.255|\
        ;maddr=224.0.0.1|;rport=0|;rport=99999|application/sdp|multipart/mixed|gzip|../../etc/passwd|' OR 1=1 --|${jndi:ldap://x}|<a/>";
    elements.extend(texts.split('|').map(|text| text.trim_start().as_bytes().to_vec()));
    elements
}

/// What a field holds, and so what is asked of what is put there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// Method, Request-URI, version: before the first Via, without which nobody can be answered.
    Start,
    /// A method, in the request line and in CSeq.
    Method,
    /// The version's number.
    Version,
    /// A part of the topmost Via.
    Via,
    /// The branch behind its cookie.
    Branch,
    /// A token.
    Token,
    /// Max-Forwards.
    Hops,
    /// The number in CSeq.
    Sequence,
    /// The number of octets of the body.
    Length,
    /// Extensions that must be understood.
    Require,
    /// The value of a header that nobody knows.
    Unknown,
    /// What may be refused, taken or passed over, but is answered.
    Any,
    /// The body.
    Body,
}

/// A text between two fields, the field's kind, and what it holds when it is right.
type Field = (&'static str, Kind, &'static str);

/// A short message of somebody who is not registered.
const MESSAGE: &[Field] = &[
    ("", Kind::Method, "MESSAGE"),
    (" ", Kind::Start, "sip"),
    (":", Kind::Start, "ipsmgw"),
    ("@", Kind::Start, "home1.net"),
    (" SIP/", Kind::Version, "2.0"),
    ("\r\nVia: SIP/2.0/", Kind::Via, "UDP"),
    (" ", Kind::Via, "10.1.0.5"),
    (":", Kind::Via, "5060"),
    (";branch=z9hG4bK", Kind::Branch, "NUMBER"),
    (";", Kind::Via, "x=y"),
    ("\r\nMax-Forwards: ", Kind::Hops, "70"),
    ("\r\nFrom: ", Kind::Any, "Nobody"),
    (" <", Kind::Any, "sip:nobody@home1.net"),
    (">;tag=", Kind::Token, "t1"),
    ("\r\nTo: <", Kind::Any, "tel:+491710760000"),
    (">", Kind::Any, ""),
    ("\r\nCall-ID: ", Kind::Any, "NUMBER@home1.net"),
    ("\r\nCSeq: ", Kind::Sequence, "7"),
    (" ", Kind::Method, "MESSAGE"),
    ("\r\nP-Asserted-Identity: ", Kind::Any, "<sip:nobody@home1.net>"),
    ("\r\nP-Access-Network-Info: ", Kind::Any, "IEEE-802.11"),
    ("\r\nP-Charging-Vector: ", Kind::Any, "icid-value=1;orig-ioi=home1.net"),
    ("\r\nRoute: ", Kind::Any, "<sip:ipsmgw.home1.net;lr>"),
    ("\r\nIn-Reply-To: ", Kind::Any, "nobody@home1.net"),
    ("\r\nDate: ", Kind::Any, "Sat, 13 Nov 2010 23:29:00 GMT"),
    ("\r\nX-Unknown: ", Kind::Unknown, "y"),
    ("\r\nRequire: ", Kind::Require, ""),
    ("\r\n", Kind::Any, "X-Name"),
    (": z\r\nContent-Type: ", Kind::Any, "application/vnd.3gpp.sms"),
    ("\r\nContent-Length: ", Kind::Length, "LENGTH"),
    ("\r\n\r\n", Kind::Body, "\0\u{1}\0\u{1}9\u{1}x"),
];

/// A third-party REGISTER for somebody who is not known.
const REGISTER: &[Field] = &[
    ("", Kind::Method, "REGISTER"),
    (" ", Kind::Start, "sip:ipsmgw.home1.net"),
    (" SIP/", Kind::Version, "2.0"),
    ("\r\nv: SIP/2.0/UDP ", Kind::Via, "10.1.0.5"),
    (";branch=z9hG4bK", Kind::Branch, "NUMBER"),
    ("\r\nf: ", Kind::Any, "<sip:scscf1.home1.net>"),
    (";tag=", Kind::Token, "r1"),
    ("\r\nt: ", Kind::Any, "<sip:nobody@home1.net>"),
    ("\r\ni: ", Kind::Any, "NUMBER@home1.net"),
    ("\r\nCSeq: ", Kind::Sequence, "9"),
    (" ", Kind::Method, "REGISTER"),
    ("\r\nMax-Forwards: ", Kind::Hops, "69"),
    ("\r\nm: ", Kind::Any, "<sip:scscf1.home1.net>"),
    (";expires=", Kind::Any, "3600"),
    (";q=", Kind::Any, "0.5"),
    ("\r\nExpires: ", Kind::Any, "600"),
    ("\r\nP-Associated-URI: ", Kind::Any, "<sip:nobody@home1.net>, <sip:other@home1.net>"),
    ("\r\nAuthorization: ", Kind::Any, "Digest"),
    (" username=", Kind::Any, "\"nobody@home1.net\""),
    (", nonce=", Kind::Any, "\"\""),
    ("\r\nX-Unknown: ", Kind::Unknown, "y"),
    ("\r\nRequire: ", Kind::Require, ""),
    ("\r\nc: ", Kind::Any, "multipart/mixed"),
    (";boundary=", Kind::Any, "b"),
    ("\r\nl: ", Kind::Length, "LENGTH"),
    ("\r\n\r\n", Kind::Body, "--b\r\nContent-Type: message/sip\r\n\r\nx\r\n--b--\r\n"),
];

/// What may come of a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Rule {
    /// The statuses that it may get; none is asked for if it is empty.
    pub(crate) statuses: Vec<u16>,
    /// Whether it may go unanswered.
    pub(crate) may_drop: bool,
}

/// A message with something wrong in it, and its rule.
pub(crate) struct Malformed {
    pub(crate) octets: Vec<u8>,
    pub(crate) rule: Rule,
}

/// Statuses for what nobody can say more about.
const ANY: [u16; 14] = [200, 400, 403, 405, 413, 414, 415, 416, 420, 481, 482, 483, 505, 513];

/// One after the other: each element at each field in each way, then pairs by seed.
pub(crate) struct Generator {
    elements: Vec<Vec<u8>>,
    seed: u64,
    number: u64,
}

impl Generator {
    pub(crate) fn new(seed: u64) -> Self {
        Self { elements: elements(), seed, number: 0 }
    }

    /// How many there are of one element at one field.
    pub(crate) fn single(&self) -> u64 {
        (self.elements.len() * (MESSAGE.len() + REGISTER.len()) * 3) as u64
    }

    fn random(&mut self, below: usize) -> usize {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 33) as usize % below
    }

    pub(crate) fn next(&mut self) -> Malformed {
        let number = self.number as usize;
        self.number += 1;
        let fields = MESSAGE.len() + REGISTER.len();
        let single = self.elements.len() * fields * 3;
        let mut changes = vec![(
            number / (self.elements.len() * 3) % fields,
            number % self.elements.len(),
            number / self.elements.len() % 3,
        )];
        if number >= single {
            // Two in one message, which may undo each other: nothing is asked but that it ends well.
            changes = (0..2)
                .map(|_| (self.random(fields), self.random(self.elements.len()), self.random(3)))
                .collect();
            let in_message = changes[0].0 < MESSAGE.len();
            changes[1].0 = if in_message {
                changes[1].0 % MESSAGE.len()
            } else {
                MESSAGE.len() + changes[1].0 % REGISTER.len()
            };
        }
        self.make(number, &changes)
    }

    fn make(&self, number: usize, changes: &[(usize, usize, usize)]) -> Malformed {
        let (template, offset) =
            if changes[0].0 < MESSAGE.len() { (MESSAGE, 0) } else { (REGISTER, MESSAGE.len()) };
        let mut texts: Vec<Vec<u8>> = template.iter().map(|field| field.2.as_bytes().to_vec()).collect();
        for text in &mut texts {
            // A transaction of its own, and no second copy of another's request.
            *text = replaced(text, b"NUMBER", format!("g{number}").as_bytes());
        }
        for &(field, element, way) in changes {
            let (text, element) = (&mut texts[field - offset], &self.elements[element]);
            *text = match way {
                0 => element.clone(),
                1 => [&element[..], text].concat(),
                _ => [&text[..], element].concat(),
            };
        }
        let body = texts.last().map_or(0, Vec::len);
        let right = body.to_string().into_bytes();
        for text in &mut texts {
            *text = replaced(text, b"LENGTH", &right);
        }
        let rule = match changes {
            [(field, ..)] => {
                rule(template[field - offset].1, &texts[field - offset], &right, template == MESSAGE)
            }
            _ => Rule { statuses: ANY.to_vec(), may_drop: true },
        };
        let mut octets = vec![];
        for ((before, kind, right), text) in template.iter().zip(&texts) {
            // Without an extension to require there is no such line.
            if *kind != Kind::Require || text != right.as_bytes() {
                octets.extend(before.bytes());
                octets.extend(text);
            }
        }
        octets.truncate(1400);
        Malformed { octets, rule }
    }
}

fn replaced(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    match text.windows(from.len()).position(|part| part == from) {
        Some(at) => [&text[..at], to, &text[at + from.len()..]].concat(),
        None => text.to_vec(),
    }
}

fn is_token(text: &[u8]) -> bool {
    !text.is_empty()
        && text.iter().all(|octet| octet.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(octet))
}

/// The number in a field, if it is one: white space around it is not part of it.
fn number(text: &[u8]) -> Option<u128> {
    let text = text.trim_ascii();
    let is_number = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    // Too great for 128 bits is too great for any field; zeros in front make none greater.
    is_number.then(|| core::str::from_utf8(text).ok()?.parse().ok())?
}

/// What is asked of a message with `text` in a field of this kind.
fn rule(kind: Kind, text: &[u8], length: &[u8], is_message: bool) -> Rule {
    let only = |statuses: &[u16]| Rule { statuses: statuses.to_vec(), may_drop: false };
    let any = Rule { statuses: ANY.to_vec(), may_drop: false };
    let sound = 403;
    // A line end may make anything of what follows; a control character ends what can be read.
    if text.iter().any(|octet| matches!(octet, b'\r' | b'\n')) {
        return Rule {
            may_drop: matches!(kind, Kind::Start | Kind::Method | Kind::Version | Kind::Via | Kind::Branch),
            ..any
        };
    }
    match kind {
        Kind::Method if is_token(text) && text != b"ACK" => {
            // In one place alone, it is not that of the other.
            let same = text == if is_message { &b"MESSAGE"[..] } else { b"REGISTER" };
            if same { only(&[sound]) } else { only(&[400]) }
        }
        Kind::Version if text == b"2.0" => only(&[sound]),
        Kind::Start | Kind::Method | Kind::Version | Kind::Via => Rule { may_drop: true, ..any },
        Kind::Branch if is_token(text) => only(&[sound]),
        Kind::Branch => Rule { may_drop: true, ..any },
        Kind::Token if is_token(text) => only(&[sound]),
        Kind::Hops => match number(text) {
            Some(0) => only(&[483]),
            Some(1..=255) => only(&[sound]),
            _ => only(&[400]),
        },
        Kind::Sequence => match number(text) {
            // RFC 3261 8.1.1.5 has it below 2^31; more than 32 bits are refused in any case.
            Some(0..0x8000_0000) => only(&[sound]),
            Some(0x8000_0000..=0xffff_ffff) => only(&[sound, 400]),
            _ => only(&[400]),
        },
        Kind::Length => match (number(text), number(length)) {
            (Some(said), Some(is)) if said == is => only(&[sound]),
            (Some(said), Some(is)) if said < is => any,
            _ => only(&[400]),
        },
        Kind::Require if text.is_empty() => only(&[sound]),
        Kind::Require if is_token(text) => only(&[420]),
        Kind::Unknown if text.iter().all(|octet| matches!(octet, b' '..=b'~' | b'\t')) => only(&[sound]),
        Kind::Any | Kind::Token | Kind::Require | Kind::Unknown | Kind::Body => any,
    }
}
