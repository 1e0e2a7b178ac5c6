//! The event package `reg` (RFC 3680) as its subscriber sees it: SUBSCRIBE with its answer, and NOTIFY (RFC 6665).

use super::send::Head;
use super::{Ims, RequestId};
use crate::base::{Key, Out, Time};
use crate::proto::sip::{self, Method, Minter, Name, Writer};
use crate::stack::{Notify, Refusal, Request, SubscribeRequest, Subscribed};

/// The event package.
pub(super) const EVENT: &[u8] = b"reg";
/// The type of its documents.
pub(super) const REGINFO: &str = "application/reginfo+xml";

/// A NOTIFY, or the status that refuses it: 481 unless it is of a subscription that we may have, 489 for another event
/// package, 415 for another document.
pub(super) fn notify<'a>(request: &Request<'a>, minter: &Minter) -> Result<Notify<'a>, u16> {
    let message = &request.message;
    let of_call = minter.read_call_id(message.call_id());
    let of_tag = message.to().tag().and_then(|tag| minter.read_tag(tag));
    let token = of_call.filter(|_| of_call == of_tag).ok_or(481u16)?;
    if !message.event().is_some_and(|(package, _)| package.eq_ignore_ascii_case(EVENT)) {
        return Err(489);
    }
    let body = message.body();
    let is_reginfo = || message.content_type().is_some_and(|it| it.is(REGINFO));
    if !body.is_empty() && !is_reginfo() {
        return Err(415);
    }
    Ok(Notify {
        request: *request,
        key: Key { slot: token.slot, generation: token.generation },
        remote_tag: message.from().tag().unwrap_or(&[]),
        cseq: message.cseq().0,
        state: message.header(Name::SubscriptionState).unwrap_or(&[]),
        contact: message.contacts().next().map(|contact| contact.uri),
        body,
    })
}

/// What the final answer to a SUBSCRIBE says.
pub(super) fn answer(message: &sip::Message<'_>, status: u16) -> Subscribed {
    Subscribed {
        status,
        expires: message.expires(),
        min_expires: message.min_expires(),
        retry_after: message.retry_after(),
    }
}

impl Ims {
    /// A SUBSCRIBE.
    pub(in crate::stack) fn subscribe(
        &mut self,
        now: Time,
        request: &SubscribeRequest<'_>,
        user: u64,
        out: &mut dyn Out,
    ) -> Result<RequestId, Refusal> {
        let (local, _, transport) = self.way(request.local, request.remote, None);
        // Where the S-CSCF is to send: what a name leads to is for others to decide.
        let contact = match transport {
            b"UDP" => format!("sip:{local}"),
            b"TCP" => format!("sip:{local};transport=tcp"),
            _ => format!("sip:{local};transport=tls"),
        };
        let head = Head {
            method: Method::Subscribe,
            local: request.local,
            remote: request.remote,
            connection: None,
            uri: request.request_uri,
            routes: request.routes,
            from: request.from,
            to: request.to,
            to_tag: request.to_tag,
            key: request.key,
            cseq: request.sequence,
        };
        let extra = |w: &mut Writer<'_>| {
            w.address(Name::PAssertedIdentity, request.from.as_bytes(), &[]);
            w.address(Name::Contact, contact.as_bytes(), &[]);
            w.header(Name::Event, &[EVENT]);
            w.header(Name::Accept, &[REGINFO.as_bytes()]);
            w.number(Name::Expires, request.expires);
        };
        self.request(now, &head, user, (extra, "", &[]), out)
    }
}
