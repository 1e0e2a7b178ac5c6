//! The value of an Authorization header, as it is read, and as one who authenticates takes it.

use super::is_within;
use ipsmgw::proto::sip::auth::{Authorization, Unreadable, username};

type Fields<'a> = [(&'static str, Option<&'a [u8]>); 11];

fn fields<'a>(all: &Authorization<'a>) -> Fields<'a> {
    [
        ("username", all.username),
        ("realm", all.realm),
        ("nonce", all.nonce),
        ("uri", all.uri),
        ("response", all.response),
        ("algorithm", all.algorithm),
        ("cnonce", all.cnonce),
        ("nc", all.nc),
        ("qop", all.qop),
        ("auts", all.auts),
        ("opaque", all.opaque),
    ]
}

pub fn run(octets: &[u8]) {
    let parsed = Authorization::parse(octets);
    match &parsed {
        Ok(all) => {
            for (_, value) in fields(all) {
                assert!(value.is_none_or(|value| is_within(value, octets)));
            }
            assert_eq!(username(octets), all.username, "both readers see one user");
            again(all);
            twice(octets, all);
        }
        Err(Unreadable::Scheme) => assert_eq!(username(octets), None),
        Err(_) => {}
    }
    // Parameters that nobody knows change nothing.
    let more = [octets, b", unknown=\"a,b=c\", x=1"].concat();
    if let Ok(all) = parsed
        && let Ok(same) = Authorization::parse(&more)
    {
        assert_eq!(fields(&same), fields(&all));
    }
    super::transaction::authenticate(octets);
}

/// Written anew with quotes around every value it says the same.
fn again(all: &Authorization<'_>) {
    let mut text = b"digest\t".to_vec();
    for (name, value) in fields(all) {
        let Some(value) = value else { continue };
        // A backslash that was no escape would become one between quotes.
        if value.contains(&b'\\') {
            return;
        }
        text.extend([name.to_ascii_uppercase().as_bytes(), b" = \"", value, b"\" ,\r\n "].concat());
    }
    let same = Authorization::parse(&text).expect("what was read can be read again");
    assert_eq!(fields(&same), fields(all));
}

/// A parameter that stands there twice is refused, whatever it says: two readers would choose two of them.
fn twice(octets: &[u8], all: &Authorization<'_>) {
    for (name, value) in fields(all) {
        if value.is_some() {
            let doubled = [octets, b", ", name.as_bytes(), b"=\"x\""].concat();
            assert!(Authorization::parse(&doubled).is_err(), "{name}");
        }
    }
}
