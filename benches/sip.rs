//! SIP messages taken apart and written: `sip.*`, and `limit.line_scan_ns`, what it costs to find the ends of their lines
//! alone.

#[path = "support/measure.rs"]
mod measure;
#[path = "support/messages.rs"]
mod messages;
#[path = "support/sip.rs"]
mod requests;

use core::hint::black_box;
use core::net::SocketAddr;

use ipsmgw::base::SipKey;
use ipsmgw::ident::WorkerId;
use ipsmgw::proto::sip::{self, Name, Slots};
use measure::Figures;
use messages::{MIX, mix};
use requests::Request;

#[global_allocator]
static ALLOCATOR: measure::Counting = measure::Counting;

/// What the gateway takes from a request, each part checked: a message notes where its parts are, and those are taken here
/// that the gateway asks for.
struct Fields<'a> {
    message: sip::Message<'a>,
    method: sip::Method<'a>,
    target: Option<sip::Uri<'a>>,
    branch: Option<&'a [u8]>,
    sent_by: (&'a [u8], &'a [u8], Option<u16>),
    from_tag: Option<&'a [u8]>,
    to_tag: Option<&'a [u8]>,
    call_id: &'a [u8],
    cseq: u32,
    asserted: Option<sip::Uri<'a>>,
    media_type: Option<(&'a [u8], &'a [u8])>,
    contact: Option<&'a [u8]>,
    body: &'a [u8],
    access: Option<&'a [u8]>,
    charging: Option<&'a [u8]>,
    route: Option<&'a [u8]>,
    is_plain: bool,
}

/// Shows `see` a request's fields.
#[inline(always)]
fn read<R>(text: &[u8], slots: &mut Slots, see: impl FnOnce(&Fields<'_>) -> R) -> R {
    let message = sip::Message::parse(text, slots).expect("a good request");
    let via = message.top_via();
    see(&Fields {
        method: message.method(),
        target: message.target(),
        branch: via.branch,
        sent_by: (via.transport, via.sent_by_host, via.sent_by_port),
        from_tag: message.from().tag(),
        to_tag: message.to().tag(),
        call_id: message.call_id(),
        cseq: message.cseq().0,
        asserted: message.asserted_uris().next(),
        media_type: message.content_type().map(|it| (it.kind, it.subtype)),
        contact: message.contact().map(|contact| contact.uri),
        body: message.body(),
        access: message.header(Name::PAccessNetworkInfo),
        charging: message.header(Name::PChargingVector),
        route: message.header(Name::Route),
        is_plain: message.header(Name::Require).is_none() && message.header(Name::InReplyTo).is_none(),
        message,
    })
}

/// Everything that a request says is found.
fn check(request: &Request, slots: &mut Slots) {
    read(&request.text, slots, |found| {
        let (said, message) = (&request.said, &found.message);
        assert_eq!(found.method.text(), said.method.as_bytes());
        assert_eq!(found.branch, Some(said.branch.as_bytes()));
        assert_eq!((found.sent_by.0, found.sent_by.2), (&b"UDP"[..], Some(5060)));
        assert!(found.sent_by.1.ends_with(b".home1.net"));
        assert_eq!(found.from_tag, Some(said.tag.as_bytes()));
        assert_eq!(found.to_tag, None);
        assert_eq!(found.call_id, said.call_id.as_bytes());
        assert_eq!(found.cseq, said.cseq);
        assert_eq!(found.body, said.body);
        assert!(found.target.is_some_and(|uri| !uri.user.is_empty() || !uri.host.is_empty()));
        assert!(message.max_forwards().is_some() && found.media_type.is_some());
        assert!(found.access.is_some() && found.charging.is_some() && found.is_plain);
        assert!(found.asserted.is_some() == (said.method == "MESSAGE"));
        assert!(found.route.is_some() == (said.method == "MESSAGE"));
        assert!(found.contact.is_some() == (said.method == "REGISTER"));
        assert!(message.expires().is_some() == (said.method == "REGISTER"));
    });
}

/// `texts` once after the other, as they come.
fn all(texts: &[Vec<u8>], slots: &mut Slots) {
    for text in texts {
        read(text, slots, |fields| _ = black_box(fields));
    }
}

fn parse(figures: &mut Figures) {
    let mut slots = Slots::new();
    let mut allocated = 0;
    for (kind, of) in
        [("message", requests::message as fn(usize) -> Request), ("register", requests::register)]
    {
        let made: Vec<Request> = (0..MIX).map(of).collect();
        made.iter().for_each(|request| check(request, &mut slots));
        let octets = made.iter().map(|it| it.text.len()).sum::<usize>() / MIX;
        let texts: Vec<Vec<u8>> = made.into_iter().map(|it| it.text).collect();
        let context =
            format!("mix of 64, {octets} octets in the mean, what the gateway uses read and checked");
        figures.time(&format!("sip.parse_{kind}"), "", MIX, &context, || all(&texts, &mut slots));
        allocated += measure::cost(|| all(&texts, &mut slots)).1;
        if kind == "message" {
            cold(figures, &texts, &mut slots);
            figures.time(
                "limit.line_scan",
                "",
                MIX,
                "the same messages: the ends of their lines alone",
                || {
                    for text in &texts {
                        let ends =
                            |part: &[u8]| part.iter().map(|octet| u8::from(*octet == b'\n')).sum::<u8>();
                        black_box(text.chunks(64).map(|part| usize::from(ends(part))).sum::<usize>());
                    }
                },
            );
        }
    }
    figures.add(
        "sip.allocs",
        allocated as f64 / (2 * MIX) as f64,
        "allocations",
        "a request, of either kind",
    );
}

/// Copies of the messages all over a memory that no cache holds, each asked for while the fourth before it is read.
fn cold(figures: &mut Figures, texts: &[Vec<u8>], slots: &mut Slots) {
    const ROOM: usize = 2048;
    const COPIES: usize = 1 << 17;
    const AHEAD: usize = 4;
    if !figures.wants("sip.parse_message_cold_ns") {
        return;
    }
    let mut memory = vec![0u8; ROOM * COPIES];
    // A step that is odd meets every place once.
    let place = |at: usize| (at * 40_503 % COPIES) * ROOM;
    for at in 0..COPIES {
        let text = &texts[at % MIX];
        memory[place(at)..][..text.len()].copy_from_slice(text);
    }
    let of = |at: usize| &memory[place(at % COPIES)..][..texts[at % MIX].len()];
    let mut at = 0;
    figures.time("sip.parse_message_cold", "", MIX, "as before, of 256 MiB, fetched four ahead", || {
        for _ in 0..MIX {
            measure::prefetch(of(at + AHEAD));
            read(of(at), slots, |fields| _ = black_box(fields));
            at += 1;
        }
    });
}

fn build(figures: &mut Figures) {
    let minter = sip::Minter::new(SipKey::new([7; 16]));
    let source: SocketAddr = "10.0.0.2:5060".parse().expect("an address");
    let texts: Vec<Vec<u8>> = (0..MIX).map(|user| requests::message(user).text).collect();
    let mut slots: Vec<_> = texts.iter().map(|_| Slots::new()).collect();
    let parsed: Vec<_> = texts
        .iter()
        .zip(&mut slots)
        .map(|(text, slots)| sip::Message::parse(text, slots).expect("a good message"))
        .collect();
    let mut room = [0; 1500];
    figures.time("sip.build_202", "", MIX, "202 to those messages, To tag minted", || {
        for request in &parsed {
            let mut w = sip::Writer::new(&mut room);
            let tag = minter.to_tag(request);
            sip::build::response(request, 202, "Accepted", &tag, source, |_| (), &mut w);
            black_box(w.finish().expect("it fits"));
        }
    });
    let responses = mix(messages::response);
    let mut slots = Slots::new();
    figures.time("sip.parse_response", "", MIX, "200 of 300 octets", || {
        for text in &responses {
            black_box(sip::Message::parse(text, &mut slots).expect("a good message"));
        }
    });
    let users: Vec<_> =
        (0..MIX).map(|user| (format!("tel:+{}", messages::number(user)), messages::rp_data(user))).collect();
    figures.time("sip.build_message", "", MIX, "MESSAGE towards a UE, identifiers minted", || {
        for (slot, (user, body)) in users.iter().enumerate() {
            let token = sip::Token { worker: WorkerId(1), slot: slot as u32, generation: 5 };
            let (branch, tag) = (minter.branch(token), minter.tag(token));
            let call_id = minter.call_id(token, b"ipsmgw.home1.net");
            let head = sip::build::Request {
                method: sip::Method::Message,
                uri: user.as_bytes(),
                transport: b"UDP",
                host: b"10.0.0.1",
                port: 5060,
                branch: branch.as_bytes(),
                routes: &[b"<sip:scscf1.home1.net;lr>"],
                from: b"sip:ipsmgw.home1.net",
                from_tag: tag.as_bytes(),
                to: user.as_bytes(),
                call_id: call_id.as_bytes(),
                cseq: slot as u32 + 1,
            };
            let mut w = sip::Writer::new(&mut room);
            let extra = |w: &mut sip::Writer<'_>| {
                w.address(sip::Name::PAssertedIdentity, b"sip:ipsmgw.home1.net", &[]);
                w.header(sip::Name::RequestDisposition, &[b"no-fork"]);
                w.header(sip::Name::AcceptContact, &[b"*;+g.3gpp.smsip;require;explicit"]);
            };
            let content = sip::build::Content { media_type: b"application/vnd.3gpp.sms", body };
            sip::build::request(&head, extra, Some(content), &mut w);
            black_box(w.finish().expect("it fits"));
        }
    });
}

fn main() {
    let mut figures = Figures::from_arguments();
    parse(&mut figures);
    build(&mut figures);
    figures.finish();
}
