//! The MSISDN in service-info, which the S-CSCF copies from the initial filter criteria (TS 24.341 B.3).

use crate::ident::Msisdn;
use roxmltree::Document;

/// The longest body that is looked at, in octets.
const MAX: usize = 8_192;

/// The MSISDN in `body`: an application/3gpp-ims+xml document, or what its service-info holds. That is a bare number or
/// an element `msisdn`, at whatever depth, in XML that may itself be quoted as text.
pub(super) fn msisdn(body: &[u8]) -> Option<Msisdn> {
    let text = std::str::from_utf8(body).ok().filter(|text| text.len() <= MAX)?.trim();
    if !text.starts_with('<') {
        return number(text);
    }
    let document = Document::parse(text);
    // Several elements side by side are no document.
    let wrapped = document.is_err().then(|| format!("<service-info>{text}</service-info>"));
    let document = match &wrapped {
        Some(wrapped) => Document::parse(wrapped).ok()?,
        None => document.ok()?,
    };
    let named = |name: &'static str| {
        document.descendants().filter(move |node| node.tag_name().name().eq_ignore_ascii_case(name))
    };
    let tagged = named("msisdn").find_map(|node| number(node.text()?.trim()));
    tagged.or_else(|| {
        let quoted = named("service-info").find_map(|node| node.text())?.trim();
        if !quoted.starts_with('<') {
            return number(quoted);
        }
        let quoted = format!("<service-info>{quoted}</service-info>");
        let document = Document::parse(&quoted).ok()?;
        let mut tags =
            document.descendants().filter(|node| node.tag_name().name().eq_ignore_ascii_case("msisdn"));
        tags.find_map(|node| number(node.text()?.trim()))
    })
}

/// A number, with or without `+`, or as a tel URI.
fn number(text: &str) -> Option<Msisdn> {
    let text = text.strip_prefix("tel:").unwrap_or(text);
    text.strip_prefix('+').unwrap_or(text).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_found_however_it_is_wrapped() {
        let all = [
            "491710000001",
            " +491710000001\r\n",
            "tel:+491710000001",
            "<msisdn>491710000001</msisdn>",
            "<a>1</a><MSISDN>491710000001</MSISDN>",
            "<ims-3gpp version=\"1\"><service-info>491710000001</service-info></ims-3gpp>",
            "<?xml version=\"1.0\"?>\n<ims-3gpp version=\"1\">\n <service-info>\n  +491710000001\n </service-info>\n</ims-3gpp>",
            "<ims-3gpp version=\"1\"><service-info><msisdn>491710000001</msisdn></service-info></ims-3gpp>",
            "<ims-3gpp><service-info><![CDATA[<x><msisdn>+491710000001</msisdn></x>]]></service-info></ims-3gpp>",
            "<ims-3gpp><service-info>&lt;msisdn&gt;491710000001&lt;/msisdn&gt;</service-info></ims-3gpp>",
            "<i:ims-3gpp xmlns:i=\"u\"><i:service-info><i:msisdn>491710000001</i:msisdn></i:service-info></i:ims-3gpp>",
        ];
        for text in all {
            assert_eq!(
                msisdn(text.as_bytes()).map(|it| it.to_string()).as_deref(),
                Some("491710000001"),
                "{text}"
            );
        }
    }

    #[test]
    fn anything_else_is_none() {
        let long = format!("<msisdn>491710000001</msisdn>{}", " ".repeat(MAX));
        let entities = "<!DOCTYPE a [<!ENTITY b \"491710000001\">]><msisdn>&b;</msisdn>";
        let all = [
            "",
            "hello",
            "<",
            "<msisdn>",
            "<msisdn/>",
            "<service-info>x</service-info>",
            "12345678901234567",
        ];
        for text in all.into_iter().chain([&*long, entities]) {
            assert_eq!(msisdn(text.as_bytes()), None, "{text}");
        }
        assert_eq!(msisdn(&[0xff, 0xfe]), None);
        let whole = b"<ims-3gpp version=\"1\"><service-info>491710000001</service-info></ims-3gpp>";
        for cut in 0..whole.len() {
            assert_eq!(msisdn(&whole[..cut]), None);
        }
        for at in 0..whole.len() {
            for octet in 0..=255 {
                let mut changed = *whole;
                changed[at] = octet;
                let _ = msisdn(&changed);
            }
        }
    }
}
