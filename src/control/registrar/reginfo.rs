//! Documents of type application/reginfo+xml (RFC 3680 5): which contacts of a user are registered, and which of them
//! take short messages.
//!
//! A document comes from outside. It is bounded before it is read: in octets, in depth, in elements, and it may declare
//! nothing (no entities). Elements of other namespaces are extensions, and passed over.

use roxmltree::{Document, Node, ParsingOptions};

/// The longest document that is read, in octets.
pub(super) const MAX: usize = 65_536;
/// How deep elements may stand in one another.
const DEPTH: usize = 16;
/// The most nodes of a document.
const NODES: u32 = 8_192;
/// The most registrations of a document, and the most contacts of all of them.
const REGISTRATIONS: usize = 64;
const CONTACTS: usize = 256;
/// The longest identity or name of a registration or contact, in octets.
const TEXT: usize = 255;
/// The namespace (RFC 3680 5.4).
const NAMESPACE: &str = "urn:ietf:params:xml:ns:reginfo";
/// The feature tag of a UE that takes short messages over IP (TS 24.341 5.3.2.2).
const SMSIP: &str = "+g.3gpp.smsip";

/// What a document says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Reginfo {
    /// The first document of a subscription has 0, each further one more (RFC 3680 5.1).
    pub(super) version: u32,
    /// Whether it says everything, or only what has changed.
    pub(super) is_full: bool,
    pub(super) registrations: Vec<Registration>,
}

/// A public identity, and where it is registered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Registration {
    pub(super) id: String,
    /// Whether nothing of it is left, whatever its contacts say.
    pub(super) is_terminated: bool,
    pub(super) contacts: Vec<Contact>,
}

/// A contact of a public identity.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Contact {
    pub(super) id: String,
    /// Whether it is registered; otherwise it has gone.
    pub(super) is_active: bool,
    /// Whether the UE there takes short messages over IP.
    pub(super) takes_messages: bool,
    /// Seconds that it has left, if that is said.
    pub(super) expires: Option<u32>,
}

/// Why a document can't be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unreadable {
    /// Longer, deeper or with more in it than is read.
    TooMuch,
    /// No XML without declarations.
    NotXml,
    /// XML, and no registration information: an element or attribute that must be there isn't, or is something else.
    NotReginfo,
}

/// Reads a document.
pub(super) fn read(body: &[u8]) -> Result<Reginfo, Unreadable> {
    if body.len() > MAX {
        return Err(Unreadable::TooMuch);
    }
    let text = std::str::from_utf8(body).map_err(|_| Unreadable::NotXml)?;
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if depth(text) > DEPTH {
        return Err(Unreadable::TooMuch);
    }
    let options = ParsingOptions { allow_dtd: false, nodes_limit: NODES };
    let document = Document::parse_with_options(text, options).map_err(|why| match why {
        roxmltree::Error::NodesLimitReached => Unreadable::TooMuch,
        _ => Unreadable::NotXml,
    })?;
    let root = document.root_element();
    if !is_named(root, "reginfo") {
        return Err(Unreadable::NotReginfo);
    }
    let number = root.attribute("version").and_then(|version| version.trim().parse().ok());
    let is_full = match root.attribute("state") {
        Some("full") => true,
        Some("partial") => false,
        _ => return Err(Unreadable::NotReginfo),
    };
    let mut registrations = vec![];
    let mut contacts = 0;
    for node in root.children().filter(|node| is_named(*node, "registration")) {
        let registration = registration(node)?;
        contacts += registration.contacts.len();
        registrations.push(registration);
        if registrations.len() > REGISTRATIONS || contacts > CONTACTS {
            return Err(Unreadable::TooMuch);
        }
    }
    Ok(Reginfo { version: number.ok_or(Unreadable::NotReginfo)?, is_full, registrations })
}

fn registration(node: Node<'_, '_>) -> Result<Registration, Unreadable> {
    let is_terminated = match node.attribute("state") {
        Some("init" | "active") => false,
        Some("terminated") => true,
        _ => return Err(Unreadable::NotReginfo),
    };
    // The public identity; the identities of a set have their contacts in common (TS 24.229 5.4.2.1.2).
    name(node, "aor")?;
    let contacts = node.children().filter(|node| is_named(*node, "contact")).map(contact);
    Ok(Registration { id: name(node, "id")?, is_terminated, contacts: contacts.collect::<Result<_, _>>()? })
}

/// A contact is registered if its state says so, and no event that ends one: an event of which nobody has heard yet
/// changes nothing (RFC 3680 5.2).
fn contact(node: Node<'_, '_>) -> Result<Contact, Unreadable> {
    let is_active = match node.attribute("state") {
        Some("active") => true,
        Some("terminated") => false,
        _ => return Err(Unreadable::NotReginfo),
    };
    let event = node.attribute("event").ok_or(Unreadable::NotReginfo)?;
    let takes_messages = node.children().filter(|node| is_named(*node, "unknown-param")).any(is_smsip);
    Ok(Contact {
        id: name(node, "id")?,
        is_active: is_active && !is_end(event),
        takes_messages,
        expires: node.attribute("expires").and_then(|seconds| seconds.trim().parse().ok()),
    })
}

/// The events with which a contact goes (RFC 3680 4.7.1).
fn is_end(event: &str) -> bool {
    matches!(event, "expired" | "deactivated" | "probation" | "unregistered" | "rejected")
}

/// Whether a parameter is the feature tag, and not one that says no (RFC 3840 9: without a value it is true).
fn is_smsip(node: Node<'_, '_>) -> bool {
    let is_it = node.attribute("name").is_some_and(|name| name.trim().eq_ignore_ascii_case(SMSIP));
    let value = node.text().unwrap_or("").trim().trim_matches('"');
    is_it && !value.eq_ignore_ascii_case("FALSE") && !value.eq_ignore_ascii_case("!TRUE")
}

fn name(node: Node<'_, '_>, attribute: &str) -> Result<String, Unreadable> {
    let text = node.attribute(attribute).filter(|text| !text.is_empty()).ok_or(Unreadable::NotReginfo)?;
    if text.len() > TEXT {
        return Err(Unreadable::TooMuch);
    }
    Ok(text.to_owned())
}

/// Whether an element is RFC 3680's of that name; some write none of the namespace.
fn is_named(node: Node<'_, '_>, name: &str) -> bool {
    let tag = node.tag_name();
    node.is_element() && tag.name() == name && tag.namespace().is_none_or(|space| space == NAMESPACE)
}

/// How deep elements stand in one another: the reader goes down by calling itself, so this is asked before.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0usize, 0);
    let mut rest = text;
    while let Some((_, markup)) = rest.split_once('<') {
        let apart = [("!--", "-->"), ("![CDATA[", "]]>"), ("?", "?>")];
        let end = apart.into_iter().find(|(begin, _)| markup.starts_with(begin)).map(|(_, end)| end);
        if let Some(end) = end {
            rest = markup.split_once(end).map_or("", |(_, after)| after);
            continue;
        }
        let len = tag_len(markup);
        if markup.starts_with('/') {
            depth = depth.saturating_sub(1);
        } else {
            deepest = deepest.max(depth + 1);
            let closes = markup.get(..len).is_some_and(|tag| tag.ends_with('/'));
            depth += usize::from(!closes);
        }
        rest = markup.get(len..).unwrap_or("");
    }
    deepest
}

/// Where a tag ends: at the first `>` that is in no quotes.
fn tag_len(markup: &str) -> usize {
    let mut quote = None;
    let end = markup.bytes().position(|octet| {
        match quote {
            None if octet == b'>' => return true,
            None if matches!(octet, b'"' | b'\'') => quote = Some(octet),
            Some(open) if open == octet => quote = None,
            _ => {}
        }
        false
    });
    end.unwrap_or(markup.len())
}

#[cfg(test)]
mod tests;
