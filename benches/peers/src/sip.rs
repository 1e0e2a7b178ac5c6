//! SIP requests read by others, on the messages of ours: the whole message, and of it what the gateway uses, each as the
//! library's own type as far as it has one.

use std::hint::black_box;

use bytes::Bytes;

use crate::measure::Figures;
use crate::messages::MIX;
use crate::requests::{self, Request, Said};

pub fn parse(figures: &mut Figures) {
    for (kind, of) in
        [("message", requests::message as fn(usize) -> Request), ("register", requests::register)]
    {
        let made: Vec<Request> = (0..MIX).map(of).collect();
        by_rsip::parse(figures, kind, &made);
        by_rsipstack::parse(figures, kind, &made);
        by_sipx(figures, kind, &made);
        by_ezk(figures, kind, &made);
        by_rvoip(figures, kind, &made);
        if kind == "message" {
            by_httparse(figures, &made);
        }
    }
}

/// Times `read` over those of the requests in which it finds what they say.
fn time<'a, T>(
    figures: &mut Figures,
    who: &str,
    kind: &str,
    made: &'a [Request],
    read: impl Fn(&'a [u8]) -> Option<T>,
    finds: impl Fn(&T, &Said) -> bool,
) {
    let name = format!("peer.{}.parse_{kind}", who.split(' ').next().unwrap_or(who));
    if !figures.wants(&format!("{name}_ns")) && !figures.wants(&format!("{name}_allocs")) {
        return;
    }
    let good: Vec<&[u8]> = made
        .iter()
        .filter(|it| read(&it.text).is_some_and(|found| finds(&found, &it.said)))
        .map(|it| &it.text[..])
        .collect();
    assert!(!good.is_empty(), "{who} reads none of them");
    let context = format!("{who}: {} of the mix, which it reads rightly", good.len());
    figures.time(&name, "", good.len(), &context, || {
        for text in &good {
            black_box(read(text));
        }
    });
}

/// rsip and what has grown from it have one face.
macro_rules! of_rsip {
    ($name:ident, $who:literal, $root:path) => {
        mod $name {
            use super::*;
            use sip::headers::ToTypedHeader;
            #[allow(unused_imports)] // one of the two has its methods without
            use sip::headers::UntypedHeader as _;
            use sip::prelude::HeadersExt;
            use $root as sip;

            pub fn parse(figures: &mut Figures, kind: &str, made: &[Request]) {
                let read = |text: &[u8]| {
                    let request = sip::Request::try_from(text).ok()?;
                    let via = request.via_header().ok()?.clone().typed().ok()?;
                    let from = request.from_header().ok()?.clone().typed().ok()?;
                    let to = request.to_header().ok()?.clone().typed().ok()?;
                    let cseq = request.cseq_header().ok()?.clone().typed().ok()?;
                    let hops = request.max_forwards_header().ok()?.value().parse::<u8>().ok()?;
                    let contact = match request.contact_header() {
                        Ok(contact) => Some(contact.clone().typed().ok()?),
                        Err(_) => None,
                    };
                    black_box((to, hops, contact));
                    Some((request, via, from, cseq))
                };
                time(figures, $who, kind, made, read, |(request, via, from, cseq), said| {
                    let is = |value: Option<String>, wanted: &str| value.as_deref() == Some(wanted);
                    request.method.to_string() == said.method
                        && is(via.branch().map(|it| it.value().to_owned()), &said.branch)
                        && is(from.tag().map(|it| it.value().to_owned()), &said.tag)
                        && is(request.call_id_header().ok().map(|it| it.value().to_owned()), &said.call_id)
                        && cseq.seq == said.cseq
                        && request.body == said.body
                });
            }
        }
    };
}

mod rsip_face {
    pub use rsip::Request;
    pub use rsip::headers;
    pub use rsip::prelude;
}

mod rsipstack_face {
    pub use rsipstack::sip::Request;
    pub use rsipstack::sip::prelude;
    pub mod headers {
        pub use rsipstack::sip::prelude::{ToTypedHeader, UntypedHeader};
    }
}

of_rsip!(by_rsip, "rsip 0.4", crate::sip::rsip_face);
of_rsip!(by_rsipstack, "rsipstack 0.7", crate::sip::rsipstack_face);

fn by_sipx(figures: &mut Figures, kind: &str, made: &[Request]) {
    use sipx_sip::headers::{CSeq, CallId, ContentType, From, MaxForwards, PAssertedIdentity, To, Via};
    let limits = sipx_sip::parser::Limits::default();
    let read = |text: &[u8]| {
        let message = sipx_sip::parser::parse_datagram(Bytes::copy_from_slice(text), &limits).ok()?;
        let request = message.as_request()?;
        if !sipx_sip::validate::validate_request(request).is_empty() {
            return None;
        }
        let headers = &request.headers;
        let via = headers.typed::<Via>()?.ok()?;
        let from = headers.typed::<From>()?.ok()?;
        let to = headers.typed::<To>()?.ok()?;
        let call_id = headers.typed::<CallId>()?.ok()?;
        let cseq = headers.typed::<CSeq>()?.ok()?;
        let hops = headers.typed::<MaxForwards>()?.ok()?;
        let kind = headers.typed::<ContentType>()?.ok()?;
        let asserted: Vec<_> = headers.typed_all::<PAssertedIdentity>().collect::<Result<_, _>>().ok()?;
        let contacts: Vec<_> =
            headers.typed_all::<sipx_sip::headers::Contact>().collect::<Result<_, _>>().ok()?;
        black_box((to, hops, kind, asserted, contacts));
        Some((message, via, from, call_id, cseq))
    };
    time(figures, "sipx 1", kind, made, read, |(message, via, from, call_id, cseq), said| {
        let request = message.as_request().expect("a request");
        request.method.as_bytes() == said.method.as_bytes()
            && via.branch() == Some(said.branch.as_bytes())
            && from.0.tag() == Some(said.tag.as_bytes())
            && *call_id.0 == *said.call_id.as_bytes()
            && cseq.sequence == said.cseq
            && request.body()[..] == said.body[..]
    });
}

fn by_ezk(figures: &mut Figures, kind: &str, made: &[Request]) {
    use ezk_sip_types::header::typed::{CSeq, CallID, Contact, ContentType, FromTo, MaxForwards, Via};
    use ezk_sip_types::msg::{Line, MessageLine, PullParser};
    use ezk_sip_types::parse::Parse;
    use ezk_sip_types::{Headers, Name};
    let read = |text: &[u8]| {
        let octets = Bytes::copy_from_slice(text);
        let mut parser = PullParser::new(&octets, 0);
        let first = std::str::from_utf8(parser.next()?.ok()?).ok()?;
        let (_, line) = MessageLine::parse(&octets)(first).ok()?;
        let mut headers = Headers::new();
        for part in &mut parser {
            let (_, line) = Line::parse(&octets, std::str::from_utf8(part.ok()?).ok()?).ok()?;
            headers.insert(line.name, line.value);
        }
        let body = octets.slice(parser.head_end()..);
        let via: Via = headers.get_named::<Vec<Via>>().ok()?.into_iter().next()?;
        let from: FromTo = headers.get(Name::FROM).ok()?;
        let to: FromTo = headers.get(Name::TO).ok()?;
        let call_id: CallID = headers.get_named().ok()?;
        let cseq: CSeq = headers.get_named().ok()?;
        let hops: MaxForwards = headers.get_named().ok()?;
        let kind: ContentType = headers.get_named().ok()?;
        let contact = match headers.try_get_named::<Vec<Contact>>() {
            Some(contact) => Some(contact.ok()?),
            None => None,
        };
        black_box((to, hops, kind, contact));
        Some((line, via, from, call_id, cseq, body))
    };
    time(figures, "ezk 0.6", kind, made, read, |(line, via, from, call_id, cseq, body), said| {
        line.request_method().is_some_and(|method| method.to_string() == said.method)
            && via.params.get_val("branch").is_some_and(|it| &it[..] == said.branch)
            && from.tag.as_ref().is_some_and(|it| &it[..] == said.tag)
            && *call_id.0 == *said.call_id
            && cseq.cseq == said.cseq
            && body[..] == said.body[..]
    });
}

fn by_rvoip(figures: &mut Figures, kind: &str, made: &[Request]) {
    // It reads every header into its type.
    let read = |text: &[u8]| {
        let message = rvoip_sip_core::parse_message(text).ok()?;
        let via = message.first_via()?;
        Some((message, via))
    };
    time(figures, "rvoip 0.4", kind, made, read, |(message, via), said| {
        let Some(request) = message.as_request() else { return false };
        request.method().to_string() == said.method
            && via.branch() == Some(&said.branch[..])
            && request.from_tag().as_deref() == Some(&said.tag[..])
            && request.call_id().is_some_and(|it| it.to_string().contains(&said.call_id))
            && request.cseq_number() == Some(said.cseq)
            && request.body() == &said.body[..]
    });
}

/// A mark, not a peer: it finds where the header lines are.
fn by_httparse(figures: &mut Figures, made: &[Request]) {
    // HTTP's version in SIP's place, and no folded lines, which it refuses; nothing else differs.
    let as_http: Vec<Vec<u8>> = made
        .iter()
        .map(|it| {
            let text = &it.text;
            let at = text.windows(7).position(|it| it == b"SIP/2.0").expect("a version");
            let folded = text.windows(3).position(|it| it == b"\r\n ");
            let mut text = [&text[..at], b"HTTP/1.1", &text[at + 7..]].concat();
            if let Some(fold) = folded {
                text[fold + 1..fold + 3].fill(b' ');
            }
            text
        })
        .collect();
    let context =
        "httparse 1: where the header lines of the same text as HTTP are, and no more: a limit, not a peer";
    figures.time("peer.httparse.parse", "", MIX, context, || {
        for text in &as_http {
            let mut headers = [httparse::EMPTY_HEADER; 64];
            let mut request = httparse::Request::new(&mut headers);
            black_box(request.parse(text).expect("a request"));
        }
    });
}
