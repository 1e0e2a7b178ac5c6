//! The value of Subscription-State (RFC 6665 8.2.3).

use std::time::Duration;

/// What a NOTIFY says of its subscription.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum SubscriptionState {
    /// It lives, for so long if that is said. A state that nobody has heard of yet is one of these.
    Active(Option<Duration>),
    /// It has ended, and this is to be done.
    Terminated(Next),
}

/// What becomes of a subscription that the notifier has ended (RFC 6665 4.1.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Next {
    /// Another at once: deactivated, timeout.
    Now,
    /// Another after a while, this long if that is said: probation, giveup, no reason or one that is not known.
    Later(Option<Duration>),
    /// None, as long as nobody registers: rejected, invariant.
    Never,
    /// None, and what was watched is no more: noresource.
    Gone,
}

/// Reads the header's value; `None` if it is none.
pub(super) fn read(value: &[u8]) -> Option<SubscriptionState> {
    let text = std::str::from_utf8(value).ok()?;
    let mut parts = text.split(';').map(str::trim);
    let state = parts.next().filter(|state| is_token(state))?;
    let (mut reason, mut expires, mut retry_after) = (None, None, None);
    for part in parts {
        let (name, value) =
            part.split_once('=').map_or((part, ""), |(name, value)| (name.trim(), value.trim()));
        if !is_token(name) {
            return None;
        }
        match () {
            () if name.eq_ignore_ascii_case("reason") => reason = Some(value),
            () if name.eq_ignore_ascii_case("expires") => expires = seconds(value),
            () if name.eq_ignore_ascii_case("retry-after") => retry_after = seconds(value),
            () => {}
        }
    }
    if !state.eq_ignore_ascii_case("terminated") {
        return Some(SubscriptionState::Active(expires));
    }
    let is = |known: &str| reason.is_some_and(|reason| reason.eq_ignore_ascii_case(known));
    Some(SubscriptionState::Terminated(match () {
        () if is("deactivated") || is("timeout") => Next::Now,
        () if is("rejected") || is("invariant") => Next::Never,
        () if is("noresource") => Next::Gone,
        () => Next::Later(retry_after),
    }))
}

fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&octet))
}

/// Seconds; too great a number counts as the greatest, anything else as not said.
fn seconds(text: &str) -> Option<Duration> {
    let digits = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    digits.then(|| Duration::from_secs(text.parse::<u32>().unwrap_or(u32::MAX).into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_rule() {
        use SubscriptionState::{Active, Terminated};
        let after = |seconds| Some(Duration::from_secs(seconds));
        for (text, state) in [
            ("active", Active(None)),
            ("ACTIVE;Expires=600000", Active(after(600_000))),
            ("active ; expires = 7;x=y;z", Active(after(7))),
            ("active;expires=99999999999", Active(after(u32::MAX.into()))),
            ("active;expires=soon", Active(None)),
            ("pending;expires=60", Active(after(60))),
            ("waiting", Active(None)),
            ("terminated", Terminated(Next::Later(None))),
            ("terminated;reason=deactivated", Terminated(Next::Now)),
            ("terminated;reason=timeout;retry-after=9", Terminated(Next::Now)),
            ("terminated;reason=Probation;retry-after=9", Terminated(Next::Later(after(9)))),
            ("terminated;reason=probation", Terminated(Next::Later(None))),
            ("terminated;retry-after=9;reason=giveup", Terminated(Next::Later(after(9)))),
            ("terminated;reason=rejected", Terminated(Next::Never)),
            ("terminated;reason=invariant", Terminated(Next::Never)),
            ("terminated;reason=noresource", Terminated(Next::Gone)),
            ("terminated;reason=of-tomorrow;retry-after=1", Terminated(Next::Later(after(1)))),
        ] {
            assert_eq!(read(text.as_bytes()), Some(state), "{text}");
        }
        for text in [&b""[..], b";expires=1", b"act ive", b"active;=1", b"active;;", b"\xff"] {
            assert_eq!(read(text), None, "{}", text.escape_ascii());
        }
    }
}
