//! One URI, by every way that it comes in.

use ipsmgw::proto::sip::{Message, NameAddr, Scheme, Slots, Uri, split_values};

pub fn run(octets: &[u8]) {
    super::message::identifiers(octets);
    let parsed = Uri::parse(octets);
    if let Some(uri) = parsed {
        look(&uri, octets);
    }
    // Between angle brackets, as a value of a list, and by itself it is the same URI.
    let bracketed = [b"<", octets, b">"].concat();
    if octets.contains(&b'>') {
        assert_eq!(parsed, None);
    } else if let Some(address) = NameAddr::parse(&bracketed) {
        assert_eq!(address.uri, octets);
        assert_eq!(Uri::of_checked(address.uri), parsed);
        assert_eq!(split_values(&bracketed).collect::<Vec<_>>(), [&bracketed[..]]);
    } else {
        assert!(parsed.is_none(), "a URI that is none in brackets");
    }
    if let Some(address) = NameAddr::parse(octets) {
        assert!(octets.windows(address.uri.len()).any(|part| part == address.uri));
    }
    request(octets, parsed);
}

fn look(uri: &Uri<'_>, octets: &[u8]) {
    let text = uri.identity_text();
    assert!(octets.starts_with(text));
    assert!(uri.params().is_empty() || uri.params().starts_with(b";"));
    for name in ["user", "transport", "lr", "phone-context"] {
        let _ = uri.param(name);
    }
    if let Some(address) = uri.address() {
        assert!(address.port() != 0);
    }
    if let Some(number) = uri.digits() {
        assert!(!number.digits.is_empty());
    }
    // The canonical form is a URI, and its own canonical form; digits stay.
    let Some(canonical) = uri.canonical() else { return };
    if uri.scheme == Scheme::Other {
        return;
    }
    let again = Uri::parse(canonical.as_bytes()).expect("a canonical identity is a URI");
    assert_eq!(again.scheme, uri.scheme);
    assert_eq!(again.canonical(), Some(canonical), "canonical once for all");
    assert!(again.host.eq_ignore_ascii_case(uri.host) && again.port == uri.port);
    if uri.scheme == Scheme::Tel {
        assert_eq!(again.digits(), uri.digits());
    }
}

/// As a Request-URI it is taken, or refused for a reason that has to do with URIs.
fn request(octets: &[u8], parsed: Option<Uri<'_>>) {
    let rest =
        b" SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\n\
        Call-ID: c\r\nCSeq: 1 OPTIONS\r\n\r\n";
    let text = [b"OPTIONS ", octets, rest].concat();
    let mut slots = Slots::new();
    match Message::parse(&text, &mut slots) {
        Ok(message) => {
            // A line end or a second request in it would make another one of it.
            if message.request_uri() == octets {
                assert_eq!(Uri::of_checked(octets), parsed);
            } else {
                assert!(octets.contains(&b'\n') || octets.contains(&b' '));
            }
        }
        Err(why) => {
            let why = ipsmgw::proto::sip::WHY[usize::from(why.why)];
            let about_uri =
                ["Bad Request-URI", "Too Long"].contains(&why) && (why != "Too Long" || octets.len() > 1000);
            // What `Uri::parse` takes has neither line ends nor spaces.
            assert!(parsed.is_none() || about_uri, "{why}: {}", octets.escape_ascii());
        }
    }
}
