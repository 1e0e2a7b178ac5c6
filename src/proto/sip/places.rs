//! Where in a message the values are that were read of it. The texts themselves are taken when they are asked for: most
//! readers of a message ask for a few.

use super::headers::{MediaType, NameAddr};
use super::params::Params;
use super::uri::{Scheme, Uri};
use super::via::Via;
use super::view::{Method, Start};

/// Where something begins and ends; nothing stands at a place that is empty.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    start: u16,
    end: u16,
}

impl Place {
    /// No message is longer than such a number says.
    #[inline(always)]
    pub(super) const fn new(start: usize, end: usize) -> Self {
        Self { start: start as u16, end: end as u16 }
    }

    /// Where a text stands that is a part of a message.
    fn of(bytes: &[u8], text: &[u8]) -> Self {
        if text.is_empty() {
            return Self::default();
        }
        let start = text.as_ptr().addr().wrapping_sub(bytes.as_ptr().addr());
        debug_assert!(start + text.len() <= bytes.len());
        Self::new(start, start + text.len())
    }

    #[inline(always)]
    pub(super) fn text(self, bytes: &[u8]) -> &[u8] {
        bytes.get(usize::from(self.start)..usize::from(self.end)).unwrap_or(&[])
    }

    /// What stands there, unless it is empty.
    #[inline(always)]
    pub(super) fn unless_empty(self, bytes: &[u8]) -> Option<&[u8]> {
        (self.start != self.end).then(|| self.text(bytes))
    }
}

/// Parameters, and whether no white space, comma or quote is in them.
#[derive(Clone, Copy, Debug)]
pub(super) struct ParamsPlaces {
    place: Place,
    plain: bool,
}

impl ParamsPlaces {
    pub(super) const EMPTY: Self = Self::plain(0, 0);

    #[inline(always)]
    pub(super) const fn plain(start: usize, end: usize) -> Self {
        Self { place: Place::new(start, end), plain: true }
    }

    fn of(bytes: &[u8], params: &Params<'_>) -> Self {
        let (text, plain) = params.parts();
        Self { place: Place::of(bytes, text), plain }
    }

    #[inline(always)]
    fn params(self, bytes: &[u8]) -> Params<'_> {
        Params::of_parts(self.place.text(bytes), self.plain)
    }
}

/// A URI's parts.
#[derive(Clone, Copy, Debug)]
pub(super) struct UriPlaces {
    pub(super) scheme: Scheme,
    pub(super) port: Option<u16>,
    pub(super) user: Place,
    pub(super) host: Place,
    pub(super) params: Place,
    pub(super) headers: Place,
    pub(super) text: Place,
}

impl UriPlaces {
    pub(super) const EMPTY: Self = {
        let none = Place::new(0, 0);
        Self {
            scheme: Scheme::Other,
            port: None,
            user: none,
            host: none,
            params: none,
            headers: none,
            text: none,
        }
    };

    pub(super) fn of(bytes: &[u8], uri: &Uri<'_>) -> Self {
        let of = |text| Place::of(bytes, text);
        Self {
            scheme: uri.scheme,
            port: uri.port,
            user: of(uri.user),
            host: of(uri.host),
            params: of(uri.params()),
            headers: of(uri.headers()),
            text: of(uri.text()),
        }
    }

    #[inline(always)]
    pub(super) fn uri(self, bytes: &[u8]) -> Uri<'_> {
        let parts = [self.user, self.host, self.params, self.headers, self.text];
        Uri::of_parts(self.scheme, parts.map(|place| place.text(bytes)), self.port)
    }
}

/// An address's parts.
#[derive(Clone, Copy, Debug)]
pub(super) struct AddressPlaces {
    pub(super) display: Place,
    pub(super) uri: Place,
    pub(super) params: ParamsPlaces,
    /// Empty if there is none.
    pub(super) tag: Place,
}

impl AddressPlaces {
    pub(super) const EMPTY: Self = {
        let none = Place::new(0, 0);
        Self { display: none, uri: none, params: ParamsPlaces::EMPTY, tag: none }
    };

    pub(super) fn of(bytes: &[u8], address: &NameAddr<'_>) -> Self {
        Self {
            display: Place::of(bytes, address.display),
            uri: Place::of(bytes, address.uri),
            params: ParamsPlaces::of(bytes, &address.params),
            tag: Place::of(bytes, address.tag().unwrap_or(&[])),
        }
    }

    #[inline(always)]
    pub(super) fn address(self, bytes: &[u8]) -> NameAddr<'_> {
        let (display, uri) = (self.display.text(bytes), self.uri.text(bytes));
        NameAddr::of_parts(display, uri, self.params.params(bytes), self.tag.unless_empty(bytes))
    }

    #[inline(always)]
    pub(super) const fn has_tag(&self) -> bool {
        self.tag.start != self.tag.end
    }
}

/// A Via's parts; the line goes on at `rest`.
#[derive(Clone, Copy, Debug)]
pub(super) struct ViaPlaces {
    pub(super) transport: Place,
    pub(super) host: Place,
    pub(super) port: Option<u16>,
    /// Empty if there is none, as `received`.
    pub(super) branch: Place,
    pub(super) received: Place,
    pub(super) rport: Option<Option<u16>>,
    pub(super) head: Place,
    pub(super) params: ParamsPlaces,
    pub(super) rest: Place,
}

impl ViaPlaces {
    pub(super) const EMPTY: Self = {
        let none = Place::new(0, 0);
        Self {
            transport: none,
            host: none,
            port: None,
            branch: none,
            received: none,
            rport: None,
            head: none,
            params: ParamsPlaces::EMPTY,
            rest: none,
        }
    };

    pub(super) fn of(bytes: &[u8], via: &Via<'_>) -> Self {
        let of = |text| Place::of(bytes, text);
        Self {
            transport: of(via.transport),
            host: of(via.sent_by_host),
            port: via.sent_by_port,
            branch: of(via.branch.unwrap_or(&[])),
            received: of(via.received.unwrap_or(&[])),
            rport: via.rport,
            head: of(via.head),
            params: ParamsPlaces::of(bytes, &via.params),
            rest: of(via.rest),
        }
    }

    #[inline(always)]
    pub(super) fn via(self, bytes: &[u8]) -> Via<'_> {
        Via {
            transport: self.transport.text(bytes),
            sent_by_host: self.host.text(bytes),
            sent_by_port: self.port,
            branch: self.branch.unless_empty(bytes),
            received: self.received.unless_empty(bytes),
            rport: self.rport,
            head: self.head.text(bytes),
            params: self.params.params(bytes),
            rest: self.rest.text(bytes),
            readable: true,
        }
    }
}

/// A media type's parts.
#[derive(Clone, Copy, Debug)]
pub(super) struct MediaTypePlaces {
    pub(super) kind: Place,
    pub(super) subtype: Place,
    pub(super) params: ParamsPlaces,
}

impl MediaTypePlaces {
    pub(super) const EMPTY: Self =
        Self { kind: Place::new(0, 0), subtype: Place::new(0, 0), params: ParamsPlaces::EMPTY };

    pub(super) fn of(bytes: &[u8], media_type: &MediaType<'_>) -> Self {
        Self {
            kind: Place::of(bytes, media_type.kind),
            subtype: Place::of(bytes, media_type.subtype),
            params: ParamsPlaces::of(bytes, &media_type.params),
        }
    }

    #[inline(always)]
    pub(super) fn media_type(self, bytes: &[u8]) -> MediaType<'_> {
        MediaType {
            kind: self.kind.text(bytes),
            subtype: self.subtype.text(bytes),
            params: self.params.params(bytes),
        }
    }
}

/// A method, as [`Method`] has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Known {
    Register,
    Message,
    Options,
    Publish,
    Subscribe,
    Notify,
    Ack,
    Other,
}

/// What a message says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Values {
    /// 0 for a request.
    pub(super) status: u16,
    /// Of a request.
    pub(super) target: UriPlaces,
    pub(super) via: ViaPlaces,
    pub(super) from: AddressPlaces,
    pub(super) to: AddressPlaces,
    pub(super) call_id: Place,
    pub(super) cseq: u32,
    /// What CSeq says, or at first the start line of a request.
    pub(super) known: Known,
    /// The place of one that is none of those.
    pub(super) method: Place,
    pub(super) max_forwards: Option<u8>,
    pub(super) expires: Option<u32>,
    pub(super) has_content_type: bool,
    pub(super) content_type: MediaTypePlaces,
    /// How many URIs of P-Asserted-Identity there are here.
    pub(super) asserted: u8,
    pub(super) asserted_uris: [UriPlaces; 2],
    /// The first Contact that is an address.
    pub(super) has_contact: bool,
    pub(super) contact: AddressPlaces,
    pub(super) has_one_via: bool,
    pub(super) all_contacts: bool,
    pub(super) body: Place,
}

impl Values {
    pub(super) const EMPTY: Self = Self {
        status: 0,
        target: UriPlaces::EMPTY,
        via: ViaPlaces::EMPTY,
        from: AddressPlaces::EMPTY,
        to: AddressPlaces::EMPTY,
        call_id: Place::new(0, 0),
        cseq: 0,
        method: Place::new(0, 0),
        known: Known::Other,
        max_forwards: None,
        expires: None,
        has_content_type: false,
        content_type: MediaTypePlaces::EMPTY,
        asserted: 0,
        asserted_uris: [UriPlaces::EMPTY; 2],
        has_contact: false,
        contact: AddressPlaces::EMPTY,
        has_one_via: false,
        all_contacts: false,
        body: Place::new(0, 0),
    };

    /// Notes a method of a message.
    pub(super) fn set_method(&mut self, bytes: &[u8], method: Method<'_>) {
        self.known = match method {
            Method::Register => Known::Register,
            Method::Message => Known::Message,
            Method::Options => Known::Options,
            Method::Publish => Known::Publish,
            Method::Subscribe => Known::Subscribe,
            Method::Notify => Known::Notify,
            Method::Ack => Known::Ack,
            Method::Other(text) => {
                self.method = Place::of(bytes, text);
                Known::Other
            }
        };
    }

    #[inline]
    pub(super) fn method<'a>(&self, bytes: &'a [u8]) -> Method<'a> {
        match self.known {
            Known::Register => Method::Register,
            Known::Message => Method::Message,
            Known::Options => Method::Options,
            Known::Publish => Method::Publish,
            Known::Subscribe => Method::Subscribe,
            Known::Notify => Method::Notify,
            Known::Ack => Method::Ack,
            Known::Other => Method::Other(self.method.text(bytes)),
        }
    }

    /// Notes a start line of a message.
    pub(super) fn set_start(&mut self, bytes: &[u8], start: &Start<'_>) {
        match start {
            Start::Request { method, uri } => {
                self.status = 0;
                self.target = UriPlaces::of(bytes, uri);
                self.set_method(bytes, *method);
            }
            Start::Response { status } => self.status = *status,
        }
    }
}
