//! What a REGISTER says, of an S-CSCF for its user and of a UE for itself (RFC 3261 10.3, TS 24.229 5.4.1.7).

use super::Request;
use crate::ident::Identity;
use crate::proto::sip::{self, MediaType, Method, Name, NameAddr, Scheme, Slots, Uri};
use crate::stack::Register;

/// The body type that carries service-info (TS 24.229 7.6).
const IMS_XML: &str = "application/3gpp-ims+xml";
/// A SIP message as a body (RFC 3420).
const EMBEDDED: &str = "message/sip";
/// The option tag of RFC 5626.
pub(super) const OUTBOUND: &[u8] = b"outbound";
/// Seconds of life where none are asked for (RFC 3261 10.3).
const EXPIRES: u32 = 3600;

/// What Contact asks for.
pub(super) enum Contact<'a> {
    /// There is none: a query.
    None,
    /// `*`: all of them.
    All,
    /// The one that is to stay, or the only one.
    One(NameAddr<'a>),
}

/// The Contact of a REGISTER and the seconds of life that are asked for, or the status that refuses it.
///
/// RFC 3261 10.3 step 7 has every contact bound or removed, or none. Requests go where the REGISTER comes from, and that is
/// one place: of several contacts one stays, and the others leave.
pub(super) fn contact<'a>(message: &sip::Message<'a>) -> Result<(Contact<'a>, u32), u16> {
    let mut contacts = message.values(Name::Contact);
    let expires = message.expires().unwrap_or(EXPIRES);
    let one = |value: &'a [u8]| -> Result<(NameAddr<'a>, u32), u16> {
        let contact = NameAddr::parse(value).ok_or(400u16)?;
        Ok((contact, contact.expires().unwrap_or(expires)))
    };
    let (mut contact, mut life) = match contacts.next() {
        None => return Ok((Contact::None, expires)),
        // RFC 3261 10.3 step 6.
        Some(b"*") if expires == 0 && contacts.next().is_none() => return Ok((Contact::All, 0)),
        Some(first) => one(first)?,
    };
    let mut several = false;
    for value in contacts {
        let (other, seconds) = one(value)?;
        several = true;
        if seconds > 0 && life > 0 {
            return Err(403);
        }
        if seconds > 0 {
            (contact, life) = (other, seconds);
        }
    }
    if several && life == 0 { Err(403) } else { Ok((Contact::One(contact), life)) }
}

/// A REGISTER, or the status that refuses it.
pub(super) fn read<'a>(request: &Request<'a>, embedded: &'a mut Slots) -> Result<Register<'a>, u16> {
    let message = &request.message;
    // RFC 3261 10.3 step 5, 10.2: an address of record is a SIP or SIPS URI; in IMS it may be a tel URI.
    let to = Uri::of_checked(message.to().uri).filter(|uri| uri.scheme != Scheme::Other);
    let public_identity = to.and_then(|uri| uri.canonical()).ok_or(400u16)?;
    let (contact, expires) = contact(message)?;
    let contact_wildcard = matches!(contact, Contact::All);
    let contact = match contact {
        Contact::One(contact) => Some(contact),
        Contact::None | Contact::All => None,
    };
    let content = content(message, embedded)?;
    let uri = contact.map(|contact| contact.uri);
    // Nobody asks for an S-CSCF's: its requests come by the thousand.
    let of_ue = uri.filter(|_| !request.known);
    Ok(Register {
        request: *request,
        public_identity,
        to_uri: message.to().uri,
        request_uri: message.request_uri(),
        contact: uri.map(|uri| identity_of(request, uri).ok_or(400u16)).transpose()?,
        contact_address: of_ue.and_then(Uri::parse).and_then(|uri| uri.address()),
        contact_q: contact.and_then(|contact| contact.q()),
        contact_wildcard,
        instance: contact.and_then(|contact| contact.instance()).unwrap_or(&[]),
        reg_id: contact.map(|contact| flow_number(request, &contact)).transpose()?.flatten(),
        expires,
        authorization: message.header(Name::Authorization),
        call_id: message.call_id(),
        cseq: message.cseq().0,
        rport: message.top_via().rport.is_some(),
        private_identity: content.private_identity,
        ue_contact: content.ue_contact,
        service_info: content.service_info,
        response: content.response,
        access_network_info: message.header(Name::PAccessNetworkInfo).unwrap_or(&[]),
    })
}

/// The number of the flow that a UE's REGISTER is about (RFC 5626 6): it has an instance, and can do outbound. A UE that
/// comes through somebody else has its flow with him, and nobody in between has said that he keeps it. An S-CSCF's
/// REGISTER is about no flow of ours.
fn flow_number(request: &Request<'_>, contact: &NameAddr<'_>) -> Result<Option<u32>, u16> {
    let message = &request.message;
    let mut options = message.values(Name::Supported).chain(message.values(Name::Require));
    let is_able = options.any(|option| option.eq_ignore_ascii_case(OUTBOUND));
    let number = contact.reg_id().filter(|_| is_able && !request.trusted);
    match number.filter(|_| contact.instance().is_some_and(|it| !it.is_empty())) {
        Some(_) if message.values(Name::Via).nth(1).is_some() => Err(439),
        number => Ok(number),
    }
}

/// A part of `body`, which a view of it gave, for as long as the body lives.
fn within<'a>(body: &'a [u8], part: &[u8]) -> Option<&'a [u8]> {
    let start = part.as_ptr().addr().checked_sub(body.as_ptr().addr())?;
    body.get(start..start.checked_add(part.len())?)
}

/// A contact as it is kept. An S-CSCF's has the same URI as its From (TS 24.229 5.4.1.7), unless it hides something of its own
/// in it, which may be longer than there is room for; then that of From leads there too.
fn identity_of(request: &Request<'_>, uri: &[u8]) -> Option<Identity> {
    let short = || request.known.then(|| Identity::new(request.message.from().uri)).flatten();
    Identity::new(uri).or_else(short)
}

/// What an S-CSCF puts into the body.
struct Content<'a> {
    service_info: &'a [u8],
    private_identity: Option<Identity>,
    ue_contact: &'a [u8],
    response: &'a [u8],
}

impl<'a> Content<'a> {
    /// Takes a part of the body for what it is; of others nothing is known.
    fn take(&mut self, media_type: &MediaType<'_>, body: &'a [u8], slots: &mut Slots) {
        if media_type.is(IMS_XML) {
            self.service_info = body;
        } else if media_type.is(EMBEDDED)
            && let Ok(inner) = sip::Message::parse(body, slots)
            && inner.method() == Method::Register
        {
            if !inner.is_request() {
                self.response = body;
                return;
            }
            let username = inner.header(Name::Authorization).and_then(sip::auth::username);
            self.private_identity = username.and_then(Identity::new);
            self.ue_contact = inner.header(Name::Contact).and_then(|it| within(body, it)).unwrap_or(&[]);
        }
    }
}

/// The parser has taken parts apart that are in parts.
fn content<'a>(message: &sip::Message<'a>, embedded: &mut Slots) -> Result<Content<'a>, u16> {
    let mut content = Content { service_info: &[], private_identity: None, ue_contact: &[], response: &[] };
    for part in message.parts().map_err(|_| 400u16)?.iter() {
        if let Some(media_type) = part.content_type {
            content.take(&media_type, part.body, embedded);
        }
    }
    Ok(content)
}
