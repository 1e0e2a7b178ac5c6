//! Requests, their repetitions, responses and time, against a whole gateway: each answer can be read and is that
//! request's, a transaction has one final answer, strangers get no more than they sent, and in the end nothing is left.

use super::world::World;
use crate::octets::Octets;
use ipsmgw::base::{Layer, SipKey, Time};
use ipsmgw::control::authentication::{
    Algorithm, Attempt, Authenticator, AuthenticatorConfig, NetworkAuthentication, Scheme, Verdict,
};
use ipsmgw::ident::Digits;
use ipsmgw::proto::sip::{Message, Method, Slots};
use std::cell::RefCell;
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

const SCSCF: [u8; 4] = [10, 0, 0, 2];
/// The S-CSCF, and UEs and others that nobody vouches for.
const SOURCES: [[u8; 4]; 4] = [SCSCF, SCSCF, [10, 0, 0, 7], [10, 0, 0, 8]];
/// 64 times T1, less what may lie between an answer and its arrival: so long the same request has the same answer.
const REMEMBERED: Duration = Duration::from_millis(31_900);
/// The same and as much more: from then on it is another transaction.
const FORGOTTEN: Duration = Duration::from_millis(32_100);
/// The most events of a script.
const EVENTS: usize = 40;

thread_local! {
    /// To build a gateway takes longer than a script. Each script leaves it as it was found, but for numbers that go on.
    static WORLD: RefCell<World> = RefCell::new(World::new());
}

struct Bench<'a> {
    world: &'a mut World,
    /// Datagrams to the SIP port, and the last of them.
    sent: u64,
    last: (usize, Vec<u8>),
    /// Octets from and to those that nobody vouches for.
    strangers: HashMap<[u8; 4], (usize, usize)>,
    /// The well-formed requests so far, by branch, sent-by and method.
    asked: HashMap<Vec<u8>, Asked>,
    /// The final answers to requests of the S-CSCF.
    finals: HashMap<Vec<u8>, Final>,
    /// Requests of the gateway's: Via, From, To, Call-ID and CSeq as they stand there.
    requests: Vec<Vec<u8>>,
    number: u32,
}

/// Requests of one transaction, or what passes for that.
#[derive(Default)]
struct Asked {
    call_ids: Vec<Vec<u8>>,
    /// Those who asked.
    from: Vec<[u8; 4]>,
}

/// The first final answer of a transaction.
struct Final {
    status: u16,
    since: Time,
    /// How many answers the gateway had forgotten until then.
    forgotten: u64,
}

impl Asked {
    /// Whether only the S-CSCF asked.
    fn is_known(&self) -> bool {
        self.from.iter().all(|from| *from == SCSCF)
    }
}

pub fn run(octets: &[u8]) {
    WORLD.with_borrow_mut(|world| script(world, Octets(octets)));
}

fn script(world: &mut World, mut octets: Octets<'_>) {
    let mut bench = Bench {
        sent: counted(world),
        world,
        last: (0, vec![]),
        strangers: HashMap::new(),
        asked: HashMap::new(),
        finals: HashMap::new(),
        requests: vec![],
        number: 0,
    };
    for _ in 0..EVENTS {
        if octets.is_empty() {
            break;
        }
        bench.event(&mut octets);
        bench.balance();
    }
    // Whatever came, in the end nothing is left of it.
    for seconds in [16, 16, 16, 16, 4000, 50] {
        bench.world.pass(Duration::from_secs(seconds));
        bench.look();
    }
    bench.world.assert_rest();
    bench.world.assert_frames_are_back();
}

impl Bench<'_> {
    fn event(&mut self, octets: &mut Octets<'_>) {
        let event = octets.u8();
        let (from, queue) = (usize::from(event >> 3 & 3), usize::from(event >> 7));
        let from_queue = from | queue << 2;
        match event & 7 {
            0 => {
                let millis = u64::from(octets.u16()) % 40_000;
                self.world.pass(Duration::from_millis(millis));
                self.look();
            }
            1 => {
                let text = self.sound(octets);
                self.send(from_queue, text);
            }
            2 => {
                let text = self.sound(octets);
                let changed = change(&text, octets);
                self.send(from_queue, changed);
            }
            3 => {
                let length = usize::from(octets.u16()) % 1400;
                let text = octets.take(length).to_vec();
                self.send(from_queue, text);
            }
            4 => {
                let (first, text) = self.last.clone();
                let from_queue = if event & 0x40 == 0 { first ^ queue << 2 } else { from_queue };
                self.send(from_queue, text);
            }
            5 | 6 => self.respond(octets, from_queue),
            _ => {
                let text = self.report(octets);
                self.send(from_queue, text);
            }
        }
    }

    fn send(&mut self, from_queue: usize, text: Vec<u8>) {
        let from = SOURCES[from_queue & 3];
        if text.len() > 1400 {
            return;
        }
        self.sent += 1;
        if from != SCSCF {
            self.strangers.entry(from).or_default().0 += text.len();
        }
        let mut slots = Slots::new();
        if let Ok(message) = Message::parse(&text, &mut slots)
            && message.is_request()
        {
            let asked = self.asked.entry(key(&message)).or_default();
            asked.call_ids.push(message.call_id().to_vec());
            asked.from.push(from);
            asked.from.sort_unstable();
            asked.from.dedup();
            // A retransmission is answered where its transaction came from: who sends it in another's name pays for that.
            for stranger in asked.from.iter().filter(|other| **other != from && **other != SCSCF) {
                self.strangers.entry(*stranger).or_default().0 += text.len();
            }
        }
        self.world.send(from, from_queue >> 2, &text);
        self.last = (from_queue, text);
        self.look();
    }

    /// What the gateway has sent.
    fn look(&mut self) {
        for datagram in core::mem::take(&mut self.world.arrived) {
            if datagram.to != SCSCF {
                self.strangers.entry(datagram.to).or_default().1 += datagram.octets.len();
            }
            let mut slots = Slots::new();
            let text = &datagram.octets;
            let Ok(message) = Message::parse(text, &mut slots) else {
                // The refusal of what can't be read tells back what it can't read.
                let is_refusal = text.starts_with(b"SIP/2.0 400 ") || text.starts_with(b"SIP/2.0 505 ");
                assert!(is_refusal && text.ends_with(b"\r\n\r\n"), "{}", text.escape_ascii());
                continue;
            };
            let Some(status) = message.status() else {
                assert_eq!((datagram.to, message.body().is_empty()), (SCSCF, false));
                self.requests.retain(|request| request != text);
                self.requests.push(text.clone());
                continue;
            };
            let key = key(&message);
            let Some(asked) = self.asked.get(&key) else {
                assert!(matches!(status, 400 | 505), "an answer to nobody: {}", text.escape_ascii());
                continue;
            };
            if matches!(status, 400 | 505) {
                continue; // perhaps of another with that branch, which can't be read
            }
            let plain = super::reference::bare(message.call_id());
            let is_his = asked.call_ids.iter().any(|id| super::reference::bare(id) == plain);
            assert!(is_his, "{}", text.escape_ascii());
            if status >= 200 && asked.is_known() && status != 503 {
                self.examine_final(key, status, message.method() == Method::Register, text);
            }
        }
        for (stranger, (from, to)) in &self.strangers {
            // A 100 and the final answer, each no longer than its request.
            assert!(*to <= 2 * from, "{stranger:?} sent {from} octets and got {to}");
        }
    }

    /// A transaction has one final answer as long as it lives. Only that of a REGISTER may be forgotten before, in favour of
    /// newer requests: it is kept whole, and there are few places for such. Its repetition is then a new request, which is
    /// no newer than what it has brought about, and refused with 500 (RFC 3261 10.3 step 7).
    fn examine_final(&mut self, key: Vec<u8>, status: u16, is_register: bool, text: &[u8]) {
        let now = self.world.now;
        let forgotten = self.world.sum(|stack| stack.ims().transaction_counts().1.forgotten_early);
        let new = Final { status, since: now, forgotten };
        let Some(first) = self.finals.get_mut(&key) else {
            self.finals.insert(key, new);
            return;
        };
        let age = now.since(first.since);
        let is_kept = !is_register || first.forgotten == forgotten;
        if age > FORGOTTEN || !is_kept {
            *first = new;
        } else if age < REMEMBERED {
            assert_eq!(first.status, status, "two final answers: {}", text.escape_ascii());
        }
    }

    fn balance(&self) {
        assert_eq!(self.sent, counted(self.world), "each datagram is counted once");
    }

    /// A request as it should be.
    fn sound(&mut self, octets: &mut Octets<'_>) -> Vec<u8> {
        let (which, user) = (octets.u8(), octets.u8() & 3);
        self.number += 1;
        // Few branches, so that some are used twice.
        let branch = if which & 0x80 == 0 { self.number } else { u32::from(octets.u8() & 3) };
        let body = match which & 7 {
            0 | 1 => vec![],
            2 | 3 => {
                [&b"\0\x2a\0\x07\x91\x94\x71\x01\x67\x00\x00\x09"[..], b"\x01\x05\x05\x81\x21\x43\xf5\0\0"]
                    .concat()
            }
            4 => vec![6, octets.u8()],
            _ => {
                let length = usize::from(octets.u8());
                octets.take(length).to_vec()
            }
        };
        let method = match which & 7 {
            0 | 1 => "REGISTER",
            7 => "OPTIONS",
            _ => "MESSAGE",
        };
        let expires = if which & 8 == 0 { 3600 } else { 0 };
        let who = format!("sip:user{user}@home1.net");
        let (from, to) =
            if method == "REGISTER" { ("sip:scscf.home1.net", &*who) } else { (&*who, "tel:+491710760000") };
        let mut text = format!(
            "{method} sip:ipsmgw.home1.net SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bK{branch};rport\r\n\
             Max-Forwards: 70\r\nFrom: <{from}>;tag=t{branch}\r\nTo: <{to}>\r\nCall-ID: c{branch}@home1.net\r\n\
             CSeq: {branch} {method}\r\nP-Asserted-Identity: <{who}>\r\nContact: <sip:scscf.home1.net>\r\n\
             P-Associated-URI: <{who}>, <tel:+4917012345{user}>\r\nExpires: {expires}\r\n"
        );
        if method == "REGISTER" && which & 16 == 0 {
            let inner = format!(
                "REGISTER sip:home1.net SIP/2.0\r\nVia: SIP/2.0/UDP u;branch=z9hG4bKu\r\nFrom: <{who}>;tag=u\r\nTo: <{who}>\r\n\
                 Call-ID: u\r\nCSeq: 1 REGISTER\r\nContact: <sip:u>;+g.3gpp.smsip\r\n\
                 Authorization: Digest username=\"26201123456789{user}@home1.net\",realm=\"home1.net\"\r\n\r\n"
            );
            let xml =
                format!("<ims-3gpp version=\"1\"><service-info>4917012345{user}</service-info></ims-3gpp>");
            let body = format!(
                "--b\r\nContent-Type: application/3gpp-ims+xml\r\n\r\n{xml}\r\n--b\r\nContent-Type: message/sip\r\n\r\n{inner}\r\n--b--\r\n"
            );
            text += &format!(
                "Content-Type: multipart/mixed;boundary=b\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            return text.into_bytes();
        }
        text += &format!("Content-Type: application/vnd.3gpp.sms\r\nContent-Length: {}\r\n\r\n", body.len());
        [text.as_bytes(), &body].concat()
    }

    /// A report of the UE's for one of the gateway's messages.
    fn report(&mut self, octets: &mut Octets<'_>) -> Vec<u8> {
        let which = octets.u8();
        let request =
            usize::from(octets.u8()).checked_rem(self.requests.len()).and_then(|at| self.requests.get(at));
        let mut slots = Slots::new();
        let call_id = request.and_then(|text| {
            Message::parse(text, &mut slots)
                .ok()
                .map(|message| String::from_utf8_lossy(message.call_id()).into_owned())
        });
        let call_id = call_id.unwrap_or_else(|| "nobody".into());
        self.number += 1;
        let number = self.number;
        let length = usize::from(octets.u8() & 63);
        let body = [&[which & 7, octets.u8()][..], octets.take(length)].concat();
        let text = format!(
            "MESSAGE sip:ipsmgw.home1.net SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2;branch=z9hG4bKr{number}\r\n\
             From: <sip:user0@home1.net>;tag=r\r\nTo: <sip:ipsmgw.home1.net>\r\nCall-ID: r{number}\r\nCSeq: 1 MESSAGE\r\n\
             P-Asserted-Identity: <sip:user{user}@home1.net>\r\nIn-Reply-To: {call_id}\r\n\
             Content-Type: application/vnd.3gpp.sms\r\nContent-Length: {length}\r\n\r\n",
            user = which >> 6,
            length = body.len(),
        );
        [text.as_bytes(), &body].concat()
    }

    /// A response to a request of the gateway's, right or with something in it.
    fn respond(&mut self, octets: &mut Octets<'_>, from_queue: usize) {
        let (which, status, count) = (octets.u8(), octets.u8(), octets.u8());
        let Some(request) =
            usize::from(which).checked_rem(self.requests.len()).and_then(|at| self.requests.get(at))
        else {
            return;
        };
        let status =
            [100, 200, 202, 404, 408, 480, 503, 100 + u16::from(status) * 2][usize::from(status & 7)];
        let head = String::from_utf8_lossy(request);
        let kept = head.split("\r\n").filter(|line| {
            ["Via:", "From:", "To:", "Call-ID:", "CSeq:"].iter().any(|name| line.starts_with(name))
        });
        let lines: Vec<_> = kept.map(String::from).collect();
        let text =
            format!("SIP/2.0 {status} x\r\n{}\r\nContent-Length: 0\r\n\r\n", lines.join("\r\n")).into_bytes();
        let text = if count & 1 == 0 { text } else { change(&text, octets) };
        self.send(from_queue, text);
    }
}

/// Datagrams as the gateway counts them: as what can't be read, requests, responses and keep-alives.
fn counted(world: &World) -> u64 {
    let malformed = world.sum(|stack| (0..64).map(|why| stack.malformed.get(Layer::Sip, why)).sum());
    let ims = world.sum(|stack| stack.ims().counts.requests + stack.ims().counts.keep_alive);
    let responses = world.sum(|stack| {
        let (client, _) = stack.ims().transaction_counts();
        client.provisional + client.finals + client.absorbed + client.not_ours
    });
    malformed + ims + responses
}

/// A sound text with something in the place of something else.
fn change(text: &[u8], octets: &mut Octets<'_>) -> Vec<u8> {
    let at = usize::from(octets.u16()) % (text.len() + 1);
    let gone = usize::from(octets.u8() & 63).min(text.len() - at);
    let length = usize::from(octets.u8());
    [&text[..at], octets.take(length), &text[at + gone..]].concat()
}

/// What makes a transaction, but for the key under which the gateway hashes it (RFC 3261 17.2.3).
fn key(message: &Message<'_>) -> Vec<u8> {
    let via = message.top_via();
    let usual = if via.transport.eq_ignore_ascii_case(b"TLS") { 5061 } else { 5060 };
    let (host, port) = (via.sent_by_host.to_ascii_lowercase(), via.sent_by_port.unwrap_or(usual).to_string());
    let parts = [via.branch.unwrap_or(&[]), &host, port.as_bytes(), message.method().text()];
    parts.join(&b' ')
}

thread_local! {
    static AUTHENTICATOR: RefCell<Authenticator> = RefCell::new({
        let digits = |text: &str| text.parse::<Digits>().expect("digits");
        let network = NetworkAuthentication {
            realm: "home1.net".into(),
            mcc: digits("262"),
            mnc: digits("01"),
            realms: vec!["home1.net".into()],
            algorithms: vec![Algorithm::Md5],
            credentials: Default::default(),
        };
        let bounds = AuthenticatorConfig { places: 64, nonces: 64, ..AuthenticatorConfig::new(vec![network]) };
        Authenticator::new(bounds, &SipKey::new([4; 16]))
    });
}

/// One who authenticates believes nobody whom it knows nothing of.
pub fn authenticate(authorization: &[u8]) {
    AUTHENTICATOR.with_borrow_mut(|authenticator| {
        let attempt = Attempt {
            network: 0,
            scheme: Scheme::Digest { imsi: "262011234567890".parse().expect("an IMSI"), user: Some("user0") },
            source: IpAddr::from([192, 0, 2, 1]),
            method: b"REGISTER",
            request_uri: b"sip:home1.net",
            authorization: Some(authorization),
        };
        assert!(!matches!(authenticator.examine(Time::ZERO, &attempt), Verdict::Authenticated));
    });
}
