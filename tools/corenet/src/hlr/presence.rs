//! What the HLR tells a presence server (8.1 step 4, 8.2.1 step 3, 8.2.2 step 2; H-5): that a user is IP connected, or no longer.
//!
//! Told by PUBLISH (RFC 3903) with a PIDF document (RFC 3863). Which headers and body a PUBLISH has, tells what it is
//! (RFC 3903 table 1; all have an Expires):
//!
//! | | SIP-If-Match | body | when |
//! | --- | --- | --- | --- |
//! | initial | no | yes | there is no entity tag, or it is not known any more (412) |
//! | refresh | yes | no | the user stays connected, and the publication is about to expire |
//! | modify | yes | yes | the user has come or gone |
//!
//! "Disconnected" is published as `closed`, and then left to expire: to refresh it for everybody who is not there would be
//! endless, and who has nothing published is not there either. There is no removal, which would leave watchers without
//! a word. Of each user one PUBLISH is under way at most (RFC 3903 4.1), so that the last state wins.

use crate::hlr::subscriber::SubscriberId;
use core::fmt::Write as _;
use ipsmgw::base::{Time, counts};
use ipsmgw::stack::Published;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// The event package (RFC 3856).
pub const EVENT: &str = "presence";
/// The type of the document (RFC 3863).
pub const CONTENT_TYPE: &str = "application/pidf+xml";
/// The longest entity tag that is kept. With a longer one, the next publication is an initial one.
const LONGEST_TAG: usize = 256;
/// How long before its end a publication is refreshed, if that is not more than half of its life: as long as a PUBLISH may go
/// without an answer, twice (64 times T1, RFC 3261 17.1.2.2).
const AHEAD_S: u32 = 64;

/// What an operator decides about presence.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PresenceRules {
    /// Seconds of life that a publication asks for. Default 3,600.
    pub expires_s: u32,
    /// Seconds after which a PUBLISH that failed is sent again. Default 60.
    pub retry_s: u32,
}

impl Default for PresenceRules {
    fn default() -> Self {
        Self { expires_s: 3_600, retry_s: 60 }
    }
}

/// The basic status (RFC 3863 4.1.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Basic {
    /// IP connected.
    Open,
    /// IP disconnected.
    Closed,
}

/// The document that says so about a user, by the user's URI.
#[must_use]
pub fn document(entity: &str, basic: Basic) -> String {
    let basic = match basic {
        Basic::Open => "open",
        Basic::Closed => "closed",
    };
    let mut document = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" entity=\"",
    );
    for character in entity.chars() {
        match character {
            '&' => document.push_str("&amp;"),
            '<' => document.push_str("&lt;"),
            '"' => document.push_str("&quot;"),
            other => document.push(other),
        }
    }
    let tuple = "\">\n<tuple id=\"ip-sm-gw\"><status><basic>";
    let _infallible = writeln!(document, "{tuple}{basic}</basic></status></tuple>\n</presence>");
    document
}

/// An entity tag as text, which is a token (RFC 3903 11.3.1), if it is not too long to keep.
fn entity_tag(octets: &[u8]) -> Option<Box<str>> {
    let is_token = |octet: &u8| octet.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(octet);
    let kept = (1..=LONGEST_TAG).contains(&octets.len()) && octets.iter().all(is_token);
    core::str::from_utf8(octets).ok().filter(|_| kept).map(Box::from)
}

/// A PUBLISH to send. Its Request-URI, From and To are the user's URI (RFC 3903 4).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Publish {
    /// Whom it is about.
    pub user: SubscriberId,
    /// SIP-If-Match.
    pub if_match: Option<Box<str>>,
    /// Expires.
    pub expires: u32,
    /// What the document says, if there is one.
    pub basic: Option<Basic>,
}

counts! {
    /// What presence servers were told.
    pub struct PresenceCounts {
        /// Users published as IP connected.
        open,
        /// Users published as IP disconnected.
        closed,
        /// Publications refreshed.
        refreshed,
        /// PUBLISH requests that failed.
        failed,
    }
}

/// What a user's publication is, and what it is to be.
#[derive(Debug)]
struct Publication {
    wanted: Basic,
    /// What the server has, as far as we know.
    published: Option<Basic>,
    /// What the PUBLISH under way says.
    under_way: Option<Basic>,
    tag: Option<Box<str>>,
    expires: u32,
    /// When it is refreshed, sent again, or has expired.
    at: Time,
    queued: bool,
}

/// The publications of all users.
pub struct Presence {
    rules: PresenceRules,
    publications: BTreeMap<SubscriberId, Publication>,
    ready: VecDeque<SubscriberId>,
    timers: BTreeSet<(Time, SubscriberId)>,
    /// What was counted.
    pub counts: PresenceCounts,
}

impl Presence {
    /// Nothing is published.
    #[must_use]
    pub fn new(rules: PresenceRules) -> Self {
        Self {
            rules,
            publications: BTreeMap::new(),
            ready: VecDeque::new(),
            timers: BTreeSet::new(),
            counts: PresenceCounts::default(),
        }
    }

    /// A user is IP connected, or no longer.
    pub fn set(&mut self, user: SubscriberId, wanted: Basic) {
        let expires = self.rules.expires_s;
        let publication = self.publications.entry(user).or_insert(Publication {
            wanted,
            published: None,
            under_way: None,
            tag: None,
            expires,
            at: Time::NEVER,
            queued: false,
        });
        publication.wanted = wanted;
        if publication.under_way.is_none() && publication.published != Some(wanted) {
            self.queue(user);
        }
    }

    fn queue(&mut self, user: SubscriberId) {
        if let Some(publication) = self.publications.get_mut(&user)
            && !core::mem::replace(&mut publication.queued, true)
        {
            self.ready.push_back(user);
        }
    }

    fn arm(&mut self, user: SubscriberId, at: Time) {
        if let Some(publication) = self.publications.get_mut(&user) {
            let before = core::mem::replace(&mut publication.at, at);
            self.timers.remove(&(before, user));
            if at < Time::NEVER {
                self.timers.insert((at, user));
            }
        }
    }

    /// The next PUBLISH to send, if it is time for one. It ends with [`Presence::answered`].
    pub fn poll_publish(&mut self, now: Time) -> Option<Publish> {
        while let Some(&(at, user)) = self.timers.first()
            && at <= now
        {
            self.timers.pop_first();
            let publication = self.publications.get(&user);
            if publication.is_some_and(|publication| publication.has_ended()) {
                self.publications.remove(&user);
            } else {
                self.queue(user);
            }
        }
        while let Some(user) = self.ready.pop_front() {
            let Some(publication) = self.publications.get_mut(&user) else { continue };
            publication.queued = false;
            if publication.under_way.is_some() || publication.has_ended() {
                continue;
            }
            publication.under_way = Some(publication.wanted);
            let current = publication.published == Some(publication.wanted) && publication.tag.is_some();
            let publish = Publish {
                user,
                if_match: publication.tag.clone(),
                expires: publication.expires,
                basic: (!current).then_some(publication.wanted),
            };
            self.arm(user, Time::NEVER);
            return Some(publish);
        }
        None
    }

    /// The answer to a user's PUBLISH; 408 if none came in time, 503 if it could not be sent.
    pub fn answered(&mut self, now: Time, user: SubscriberId, answer: &Published<'_>) {
        let Some(publication) = self.publications.get_mut(&user) else { return };
        let Some(said) = publication.under_way.take() else { return };
        let after = |seconds: u32| now + Duration::from_secs(seconds.into());
        let at = match answer.status {
            200..=299 => {
                let count = match said {
                    said if publication.published == Some(said) => &mut self.counts.refreshed,
                    Basic::Open => &mut self.counts.open,
                    Basic::Closed => &mut self.counts.closed,
                };
                *count += 1;
                publication.published = Some(said);
                publication.tag = answer.etag.and_then(entity_tag);
                let life = answer.expires.unwrap_or(publication.expires).min(publication.expires);
                match said {
                    Basic::Open => after(life - AHEAD_S.min(life / 2)),
                    Basic::Closed => after(life),
                }
            }
            // The server does not know the tag any more (RFC 3903 4.1): everything anew.
            412 if publication.tag.is_some() => {
                (publication.tag, publication.published) = (None, None);
                now
            }
            // Too short a life (RFC 3903 6, step 4).
            423 if answer.min_expires.is_some_and(|seconds| seconds > publication.expires) => {
                publication.expires = answer.min_expires.unwrap_or(publication.expires);
                now
            }
            _ => {
                self.counts.failed += 1;
                after(self.rules.retry_s)
            }
        };
        let changed = publication.published.is_some_and(|published| published != publication.wanted);
        let told = (200..300).contains(&answer.status);
        self.arm(user, if changed && told { now } else { at });
    }

    /// When [`Presence::poll_publish`] has something.
    #[must_use]
    pub fn poll_timeout(&self) -> Time {
        match (self.ready.is_empty(), self.timers.first()) {
            (false, _) => Time::ZERO,
            (true, Some((at, _))) => *at,
            (true, None) => Time::NEVER,
        }
    }
}

impl Publication {
    /// Nobody is to be told anything any more.
    fn has_ended(&self) -> bool {
        (self.wanted, self.published) == (Basic::Closed, Some(Basic::Closed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hlr::subscriber::Subscribers;

    fn users() -> [SubscriberId; 2] {
        let mut subscribers = Subscribers::default();
        [1, 2].map(|at: u8| {
            let imsi = format!("26201000000000{at}").parse().unwrap();
            subscribers.add(0, imsi, format!("4917{at}").parse().unwrap()).unwrap()
        })
    }

    fn ok(etag: &str) -> Published<'_> {
        Published { status: 200, etag: Some(etag.as_bytes()), expires: Some(3_600), min_expires: None }
    }

    fn refused(status: u16) -> Published<'static> {
        Published { status, ..Published::default() }
    }

    fn publish(user: SubscriberId, if_match: Option<&str>, basic: Option<Basic>) -> Option<Publish> {
        Some(Publish { user, if_match: if_match.map(Box::from), expires: 3_600, basic })
    }

    fn seconds(seconds: u64) -> Time {
        Time::from_millis(seconds * 1_000)
    }

    #[test]
    fn h_5_the_document_is_pidf() {
        let open = document("sip:+49170000001@home1.net", Basic::Open);
        assert_eq!(
            open,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <presence xmlns=\"urn:ietf:params:xml:ns:pidf\" entity=\"sip:+49170000001@home1.net\">\n\
             <tuple id=\"ip-sm-gw\"><status><basic>open</basic></status></tuple>\n\
             </presence>\n"
        );
        let closed = document("sip:a&b<c\"d@home1.net", Basic::Closed);
        assert!(closed.contains("entity=\"sip:a&amp;b&lt;c&quot;d@home1.net\""));
        assert!(closed.contains("<basic>closed</basic>"));
    }

    #[test]
    fn h_5_who_is_connected_and_then_disconnected_is_published_so() {
        let [user, _] = users();
        let mut presence = Presence::new(PresenceRules::default());
        presence.set(user, Basic::Open);
        assert_eq!(presence.poll_timeout(), Time::ZERO);
        assert_eq!(presence.poll_publish(Time::ZERO), publish(user, None, Some(Basic::Open)));
        presence.answered(Time::ZERO, user, &ok("a"));
        presence.set(user, Basic::Open);
        assert_eq!(presence.poll_publish(Time::ZERO), None, "told already");
        presence.set(user, Basic::Closed);
        assert_eq!(presence.poll_publish(Time::ZERO), publish(user, Some("a"), Some(Basic::Closed)));
        presence.answered(Time::ZERO, user, &ok("b"));
        assert_eq!(presence.poll_publish(seconds(3_599)), None, "it is not refreshed");
        presence.set(user, Basic::Open);
        let again = publish(user, Some("b"), Some(Basic::Open));
        assert_eq!(presence.poll_publish(seconds(3_599)), again, "until it expires it is the same one");
        presence.answered(seconds(3_599), user, &ok("c"));
        presence.set(user, Basic::Closed);
        presence.poll_publish(seconds(3_600)).unwrap();
        presence.answered(seconds(3_600), user, &ok("d"));
        assert_eq!(presence.poll_publish(seconds(7_200)), None);
        assert!(presence.publications.is_empty() && presence.poll_timeout() == Time::NEVER, "forgotten");
        assert_eq!((presence.counts.open, presence.counts.closed), (2, 2));
    }

    #[test]
    fn h_5_a_connected_user_is_refreshed_before_the_publication_expires() {
        let [user, _] = users();
        let mut presence = Presence::new(PresenceRules::default());
        presence.set(user, Basic::Open);
        presence.poll_publish(Time::ZERO).unwrap();
        presence.answered(Time::ZERO, user, &ok("a"));
        assert_eq!(presence.poll_timeout(), seconds(3_536));
        assert_eq!(presence.poll_publish(seconds(3_535)), None);
        assert_eq!(presence.poll_publish(seconds(3_536)), publish(user, Some("a"), None));
        let short = Published { expires: Some(60), ..ok("b") };
        presence.answered(seconds(3_536), user, &short);
        assert_eq!(presence.poll_timeout(), seconds(3_566), "half of a short life");
        assert_eq!(presence.poll_publish(seconds(3_566)), publish(user, Some("b"), None));
        let longer = Published { expires: Some(9_999), ..ok("c") };
        presence.answered(seconds(3_566), user, &longer);
        assert_eq!(presence.poll_timeout(), seconds(3_566 + 3_536), "not longer than was asked for");
        assert_eq!(presence.counts.refreshed, 2);
    }

    #[test]
    fn h_5_one_publication_of_a_user_is_under_way_and_the_last_state_wins() {
        let [user, other] = users();
        let mut presence = Presence::new(PresenceRules::default());
        presence.set(user, Basic::Open);
        presence.poll_publish(Time::ZERO).unwrap();
        for basic in [Basic::Closed, Basic::Open, Basic::Closed] {
            presence.set(user, basic);
        }
        presence.set(other, Basic::Open);
        assert_eq!(presence.poll_publish(Time::ZERO), publish(other, None, Some(Basic::Open)));
        assert_eq!(presence.poll_publish(Time::ZERO), None);
        presence.answered(Time::ZERO, user, &ok("a"));
        assert_eq!(presence.poll_publish(Time::ZERO), publish(user, Some("a"), Some(Basic::Closed)));
        presence.set(user, Basic::Open);
        presence.set(user, Basic::Closed);
        presence.answered(Time::ZERO, user, &ok("b"));
        assert_eq!(presence.poll_publish(Time::ZERO), None);
        presence.answered(Time::ZERO, user, &ok("c"));
        assert_eq!(presence.counts.closed, 1, "an answer to nothing changes nothing");
    }

    #[test]
    fn h_5_a_publication_that_is_not_known_any_more_begins_anew() {
        let [user, _] = users();
        let mut presence = Presence::new(PresenceRules::default());
        presence.set(user, Basic::Open);
        presence.poll_publish(Time::ZERO).unwrap();
        presence.answered(Time::ZERO, user, &ok("a"));
        presence.poll_publish(seconds(3_536)).unwrap();
        presence.answered(seconds(3_536), user, &refused(412));
        assert_eq!(presence.poll_publish(seconds(3_536)), publish(user, None, Some(Basic::Open)));
        presence.answered(seconds(3_536), user, &refused(412));
        assert_eq!(presence.poll_publish(seconds(3_536)), None, "nothing to begin anew: a failure");
        assert_eq!(presence.poll_timeout(), seconds(3_596));
        let mut without_tag = Presence::new(PresenceRules::default());
        without_tag.set(user, Basic::Open);
        without_tag.poll_publish(Time::ZERO).unwrap();
        without_tag.answered(Time::ZERO, user, &refused(200));
        let anew = publish(user, None, Some(Basic::Open));
        assert_eq!(without_tag.poll_publish(seconds(3_536)), anew, "a server that gave no tag");
    }

    #[test]
    fn an_entity_tag_is_a_token_of_some_length() {
        assert_eq!(entity_tag(b"a.1234-%x").as_deref(), Some("a.1234-%x"));
        for wrong in [&b""[..], b"a b", b"a\r\n b", b"a;b", &[b'a'; 257], &[0xff]] {
            assert_eq!(entity_tag(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn h_5_a_server_that_wants_longer_lives_gets_them_and_one_that_fails_is_asked_again() {
        let [user, _] = users();
        let mut presence = Presence::new(PresenceRules::default());
        presence.set(user, Basic::Open);
        presence.poll_publish(Time::ZERO).unwrap();
        presence.answered(Time::ZERO, user, &Published { min_expires: Some(7_200), ..refused(423) });
        assert_eq!(presence.poll_publish(Time::ZERO).unwrap().expires, 7_200);
        presence.answered(Time::ZERO, user, &Published { min_expires: Some(7_200), ..refused(423) });
        assert_eq!(presence.poll_publish(Time::ZERO), None, "that is what it has: a failure");
        for (at, status) in [(60, 408), (120, 503), (180, 404)] {
            let publish = presence.poll_publish(seconds(at)).unwrap();
            assert_eq!((publish.if_match, publish.basic), (None, Some(Basic::Open)));
            presence.answered(seconds(at), user, &refused(status));
            assert_eq!(presence.poll_publish(seconds(at + 59)), None);
        }
        presence.set(user, Basic::Closed);
        assert!(presence.poll_publish(seconds(181)).is_some(), "news don't wait for the next try");
        assert_eq!(presence.counts.failed, 4);
    }
}
