//! The S-CSCF as it tells of registration state (RFC 3680, RFC 6665): a subscription for each user, and NOTIFYs that say all
//! or only what has changed, that leave a version out, or get lost on the way.

use std::collections::BTreeMap;

use ipsmgw::base::Time;

use crate::phones::{GATEWAY, SCSCF, header};

/// What the S-CSCF knows of a user's one contact.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) enum Contact {
    /// It is not registered.
    #[default]
    Gone,
    /// It takes no short messages.
    Mute,
    /// It takes short messages.
    Takes,
}

/// What a NOTIFY is like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum How {
    /// It says all.
    Full,
    /// It says what has changed.
    Partial,
    /// So it does, and the document before it was never sent.
    Gap,
    /// It is never sent.
    Lost,
    /// It ends the subscription, for another to be made.
    Last,
}

struct Subscription {
    call: String,
    /// The gateway as the SUBSCRIBE wrote it, with its tag.
    peer: String,
    tag: u64,
    /// CSeq of the last SUBSCRIBE, and of the last NOTIFY.
    asked: u32,
    sequence: u32,
    version: u32,
    /// The last NOTIFY's branch, and what it said; none if that was lost, or not all.
    last: Option<(u64, Contact)>,
}

/// All subscriptions, by public identity.
#[derive(Default)]
pub(crate) struct Notifier {
    subscriptions: BTreeMap<String, Subscription>,
    contacts: BTreeMap<String, Contact>,
    /// When it was known last that somebody's contact does not count.
    pub(crate) absent: BTreeMap<String, Time>,
}

impl Notifier {
    /// A contact comes, changes or goes.
    pub(crate) fn set(&mut self, now: Time, identity: &str, contact: Contact) {
        if contact != Contact::Takes {
            self.absent.insert(identity.to_owned(), now);
        }
        self.contacts.insert(identity.to_owned(), contact);
    }

    fn contact(&self, identity: &str) -> Contact {
        self.contacts.get(identity).copied().unwrap_or_default()
    }

    /// Who has a subscription.
    pub(crate) fn watched(&self) -> Vec<String> {
        self.subscriptions.keys().cloned().collect()
    }

    /// The branch of the NOTIFY that said all that there is to say about somebody, and what.
    pub(crate) fn last(&self, identity: &str) -> Option<(u64, Contact)> {
        let last = self.subscriptions.get(identity)?.last?;
        (last.1 == self.contact(identity)).then_some(last)
    }

    /// A SUBSCRIBE: the headers of its 200, and whose NOTIFY follows, unless it is a repetition.
    pub(crate) fn subscribed(&mut self, head: &str, serial: u64) -> (String, Option<String>) {
        let value = |name| header(head, name).unwrap_or("").to_owned();
        let number = |text: String| text.split(' ').next().and_then(|it| it.parse::<u32>().ok()).unwrap_or(0);
        let (call, to, asked) = (value("Call-ID"), value("To"), number(value("CSeq")));
        let identity = to.split(['<', '>']).nth(1).unwrap_or("").to_owned();
        let lives = number(value("Expires")) > 0;
        let known = self.subscriptions.get_mut(&identity).filter(|it| it.call == call);
        let (tag, is_new) = match known {
            Some(known) => {
                let is_new = asked > known.asked;
                known.asked = known.asked.max(asked);
                (known.tag, is_new)
            }
            // What is within a dialogue that has ended: the tag that it had.
            None if to.contains(";tag=") => return (format!("To: {to}\r\nExpires: 0\r\n"), None),
            None if !lives => return (format!("To: {to};tag={serial}\r\nExpires: 0\r\n"), None),
            None => {
                let peer = value("From");
                let subscription =
                    Subscription { call, peer, tag: serial, asked, sequence: 0, version: 0, last: None };
                self.subscriptions.insert(identity.clone(), subscription);
                (serial, true)
            }
        };
        if !lives {
            self.subscriptions.remove(&identity);
        }
        let to = if to.contains(";tag=") { to } else { format!("{to};tag={tag}") };
        let expires = if lives { 3_600 } else { 0 };
        (format!("To: {to}\r\nExpires: {expires}\r\n"), (is_new && lives).then_some(identity))
    }

    /// The next NOTIFY about somebody; none if it is lost, or nobody asked.
    pub(crate) fn notify(&mut self, identity: &str, branch: u64, how: How) -> Option<Vec<u8>> {
        let contact = self.contact(identity);
        let it = self.subscriptions.get_mut(identity)?;
        it.version += u32::from(it.sequence > 0) + u32::from(how == How::Gap);
        it.sequence += 1;
        let is_full = it.sequence == 1 || matches!(how, How::Full | How::Last);
        it.last = (is_full && how != How::Lost).then_some((branch, contact));
        let (active, event) = match contact {
            Contact::Gone => ("terminated", "unregistered"),
            Contact::Mute | Contact::Takes => ("active", "registered"),
        };
        let param = if contact == Contact::Takes { "<unknown-param name=\"+g.3gpp.smsip\"/>" } else { "" };
        let body = format!(
            "<reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" version=\"{}\" state=\"{}\"><registration aor=\"{identity}\" \
             id=\"r\" state=\"{active}\"><contact id=\"c\" state=\"{active}\" event=\"{event}\"><uri>sip:u@h</uri>{param}</contact>\
             </registration></reginfo>",
            it.version,
            if is_full { "full" } else { "partial" },
        );
        let state = if how == How::Last { "terminated;reason=deactivated" } else { "active;expires=3600" };
        let text = format!(
            "NOTIFY sip:{GATEWAY} SIP/2.0\r\nVia: SIP/2.0/UDP {SCSCF};branch=z9hG4bK{branch};rport\r\nMax-Forwards: 70\r\n\
             From: <{identity}>;tag={}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {} NOTIFY\r\nContact: <sip:{SCSCF}>\r\nEvent: reg\r\n\
             Subscription-State: {state}\r\nContent-Type: application/reginfo+xml\r\nContent-Length: {}\r\n\r\n{body}",
            it.tag,
            it.peer,
            it.call,
            it.sequence,
            body.len()
        );
        if how == How::Last {
            self.subscriptions.remove(identity);
        }
        (how != How::Lost).then(|| text.into_bytes())
    }
}
