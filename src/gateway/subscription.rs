//! Subscriptions to the registration state of users (TS 24.341 5.3.3.2, RFC 3680): the control thread's. The worker only
//! carries SUBSCRIBE and NOTIFY between mailbox and transaction.

use super::mailbox::{Notified, Subscribe, ToControl};
use super::{Cx, Gateway, User};
use crate::base::Time;
use crate::stack::{Answer, Notify, SubscribeRequest, Subscribed};

/// The most routes of a dialogue, and the most octets of one.
const ROUTES: usize = 8;
const ROUTE: usize = 255;

/// The control thread subscribes, refreshes or ends a subscription.
pub(super) fn on_subscribe(gateway: &mut Gateway, now: Time, subscribe: &Subscribe, cx: &mut Cx<'_>) {
    let sent = send(gateway, now, subscribe, cx);
    if sent.is_some() {
        gateway.counts.subscribe_sent += 1;
    } else {
        gateway.counts.subscribe_not_sent += 1;
        on_failed(gateway, subscribe.subscription, 503, cx);
    }
}

fn send(gateway: &Gateway, now: Time, subscribe: &Subscribe, cx: &mut Cx<'_>) -> Option<()> {
    let network = gateway.networks.get(usize::from(subscribe.network))?;
    let user = User::Subscription(subscribe.subscription);
    let routes: Vec<Vec<u8>> = subscribe.routes.iter().map(|uri| format!("<{uri}>").into_bytes()).collect();
    let routes: Vec<&[u8]> = routes.iter().map(Vec::as_slice).collect();
    let request = SubscribeRequest {
        local: subscribe.local,
        remote: subscribe.remote,
        request_uri: &subscribe.request_uri,
        to: subscribe.to.as_str(),
        to_tag: &subscribe.to_tag,
        from: &network.uri,
        routes: &routes,
        expires: subscribe.expires,
        key: user.call(),
        sequence: subscribe.sequence,
    };
    cx.stack.subscribe(now, &request, user.to_u64(), cx.outside).ok().map(|_| ())
}

/// Its final answer. What does not reach the control thread is as good as unanswered: it has a timer of its own.
pub(super) fn on_answered(gateway: &mut Gateway, subscription: u64, answer: Subscribed, cx: &mut Cx<'_>) {
    if cx.outside.to_control(ToControl::Subscribed { subscription, answer }).is_err() {
        gateway.counts.control_full += 1;
    }
}

/// It had none, or could not be sent.
pub(super) fn on_failed(gateway: &mut Gateway, subscription: u64, status: u16, cx: &mut Cx<'_>) {
    on_answered(gateway, subscription, Subscribed { status, ..Subscribed::default() }, cx);
}

/// What the S-CSCF says about a user. Whether the subscription is there, and what becomes of it, is the control thread's
/// to say; nobody but an S-CSCF is believed.
pub(super) fn on_notify(gateway: &mut Gateway, now: Time, notify: &Notify<'_>, cx: &mut Cx<'_>) {
    let refused = match (User::subscription(notify.key), gateway.network_of(&notify.request)) {
        (_, None) => {
            gateway.counts.untrusted_source += 1;
            Err(403)
        }
        (None, _) => Err(481),
        (Some(subscription), Some(_)) => Ok(subscription),
    };
    let subscription = match refused {
        Ok(subscription) => subscription,
        Err(status) => return cx.stack.answer(now, &notify.request, status, cx.outside),
    };
    let Some(reply_to) = cx.stack.defer(now, &notify.request) else {
        gateway.counts.notify_full += 1;
        return cx.stack.answer(now, &notify.request, 503, cx.outside);
    };
    let notified = Notified {
        subscription,
        remote_tag: notify.remote_tag.to_vec(),
        sequence: notify.cseq,
        state: notify.state.to_vec(),
        contact: notify.contact.and_then(text),
        routes: routes(notify),
        body: notify.body.to_vec(),
        worker: gateway.config.worker,
        reply_to,
    };
    gateway.counts.notify_forwarded += 1;
    if cx.outside.to_control(ToControl::Notified(Box::new(notified))).is_err() {
        gateway.counts.notify_full += 1;
        cx.stack.answer_deferred(now, reply_to, 503, &Answer::default(), cx.outside);
    }
}

fn routes(notify: &Notify<'_>) -> Option<Vec<String>> {
    let mut routes = vec![];
    for route in notify.routes() {
        if routes.len() == ROUTES {
            return None;
        }
        routes.push(text(route)?);
    }
    Some(routes)
}

/// A URI of the peer's that is kept.
fn text(uri: &[u8]) -> Option<String> {
    let text = core::str::from_utf8(uri).ok()?;
    (text.len() <= ROUTE).then(|| text.to_owned())
}
