//! A record put into the words and octets in which it is published.

use super::image::Image;
use super::record::{AccessKind, Binding, Record};
use super::store::{FINGERPRINT, IDENTITIES, IMSI, LINE, Line, MSISDN, SHAPE, load};
use super::template::{Holes, Interned, Of, Templates, cut};
use core::net::{IpAddr, SocketAddr};

/// Identities whose templates the line itself names.
pub(super) const IN_LINE: usize = 4;

/// The identities are in the octets, not in the line.
pub(super) const FAR_IDENTITIES: u8 = 1;
/// There is a private identity in the octets.
pub(super) const FAR_PRIVATE: u8 = 2;
/// Not all identities are of one set: the octets say of which.
pub(super) const SETS: u8 = 4;
/// The octets say until when each set is registered.
pub(super) const ENDS: u8 = 8;

/// The last word of a line: what there is to the record.
#[derive(Clone, Copy, Default)]
pub(super) struct Shape {
    /// The private identity's template.
    pub(super) private: u16,
    pub(super) identities: u8,
    pub(super) bindings: u8,
    pub(super) flags: u8,
    /// The set of all identities, without [`SETS`].
    pub(super) set: u8,
}

impl Shape {
    pub(super) fn of(line: &Line) -> Self {
        Self::from_word(load(line, SHAPE))
    }

    pub(super) fn from_word(word: u64) -> Self {
        let [private_low, private_high, identities, bindings, flags, set, ..] = word.to_le_bytes();
        let private = u16::from_le_bytes([private_low, private_high]);
        Self { private, identities, bindings, flags, set }
    }

    fn word(self) -> u64 {
        let [low, high] = self.private.to_le_bytes();
        u64::from_le_bytes([low, high, self.identities, self.bindings, self.flags, self.set, 0, 0])
    }

    pub(super) fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// The templates that a line names.
    pub(super) fn named(self, identities: u64) -> impl Iterator<Item = u16> {
        let of_line = (0..IN_LINE).map(move |at| (identities >> (16 * at)) as u16);
        of_line.chain([self.private]).filter(|&number| number != 0)
    }
}

/// How a text lies among the octets.
pub(super) mod text {
    /// A length and the text.
    pub(in super::super) const WHOLE: u8 = 0;
    /// A length and the text with holes.
    pub(in super::super) const CUT: u8 = 1;
    /// A template.
    pub(in super::super) const TEMPLATE: u8 = 2;
    /// A template, and a length and the text behind it.
    pub(in super::super) const BEFORE: u8 = 3;
    /// A template, and a length and the text before it.
    pub(in super::super) const BEHIND: u8 = 4;
    /// A template, and how many digits of hexadecimal follow it, two in an octet; in small letters, or in capitals.
    pub(in super::super) const SMALL: u8 = 5;
    pub(in super::super) const CAPITAL: u8 = 6;
}

/// What a binding's octets say of the rest.
pub(super) mod of_binding {
    /// What bindings share is here, not a template.
    pub(in super::super) const OWN: u8 = 1;
    pub(in super::super) const DEVICE: u8 = 2;
    pub(in super::super) const CONNECTION: u8 = 4;
    pub(in super::super) const SECURE: u8 = 8;
    pub(in super::super) const OTHER_TARGET: u8 = 16;
    pub(in super::super) const ACCESS_NETWORK: u8 = 32;
}

/// A record on its way into the table.
pub(super) struct Draft {
    pub(super) shape: Shape,
    pub(super) octets: Vec<u8>,
    msisdn: u64,
    imsi: u64,
    fingerprint: u64,
    identities: u64,
    /// The templates that the octets name.
    numbers: Vec<u16>,
}

impl Draft {
    /// The words of the line that follow from the record alone.
    pub(super) fn words(&self) -> [u64; LINE] {
        let mut words = [0; LINE];
        words[MSISDN] = self.msisdn;
        words[IMSI] = self.imsi;
        words[FINGERPRINT] = self.fingerprint;
        words[IDENTITIES] = self.identities;
        words[SHAPE] = self.shape.word();
        words
    }

    /// All templates that it names, as often as it does.
    pub(super) fn named(&self) -> impl Iterator<Item = u16> {
        self.shape.named(self.identities).chain(self.numbers.iter().copied())
    }

    /// The same of an image, and how many identities of the line lead to the subscriber by his numbers. `None`, and nothing is
    /// taken, if there is no room for a template.
    pub(super) fn of_image(
        image: &Image<'_>,
        templates: &Templates,
        interned: &mut Interned,
    ) -> Option<(Self, u8)> {
        let list = interned.take_list(templates, image.list(), image.templates())?;
        let mut shape = Shape { private: 0, ..image.shape() };
        let (mut identities, mut near) = (0, 0);
        for (at, number) in image.near().zip(list.numbers()) {
            near += 1;
            match at {
                at if at < IN_LINE => identities |= u64::from(*number) << (16 * at),
                _ => shape.private = *number,
            }
        }
        let far = list.numbers().get(near..).unwrap_or_default();
        let draft = Self {
            shape,
            octets: image.cells(far),
            msisdn: image.word(0),
            imsi: image.word(1),
            fingerprint: image.word(2),
            identities,
            numbers: far.to_vec(),
        };
        Some((draft, list.leading))
    }

    /// A record's words and octets. The templates that they name are taken.
    pub(super) fn new(record: &Record, templates: &Templates, interned: &mut Interned) -> Self {
        let packed = |digits: Option<crate::ident::Digits>| digits.map_or(0, crate::ident::Digits::to_word);
        let holes = Holes {
            msisdn: packed(record.msisdn().map(|it| it.digits())),
            imsi: packed(record.imsi().map(|it| it.digits())),
            address: None,
        };
        let mut writer = Writer { templates, interned, holes, octets: vec![], numbers: vec![] };
        let mut shape = Shape {
            identities: record.identities().len() as u8,
            bindings: record.bindings().len() as u8,
            ..Shape::default()
        };
        for (at, binding) in record.bindings().enumerate() {
            writer.put_binding(&binding, at > 0);
        }
        if let Some(private) = record.private_identity() {
            match writer.template_of(private.as_bytes()) {
                Some(number) => shape.private = number,
                None => {
                    shape.flags |= FAR_PRIVATE;
                    writer.put_identity(private.as_bytes());
                }
            }
        }
        let mut identities = 0;
        let near: Option<Vec<u16>> = (record.identities().len() <= IN_LINE)
            .then(|| writer.all_templates(record.identities().collect::<Vec<_>>().as_slice()))
            .flatten();
        match near {
            Some(numbers) => {
                let words = numbers.iter().zip(0..).map(|(number, at)| u64::from(*number) << (16 * at));
                identities = words.sum();
            }
            None => {
                shape.flags |= FAR_IDENTITIES;
                record.identities().for_each(|identity| writer.put_identity(identity.as_bytes()));
            }
        }
        let mut sets = record.in_their_sets().map(|(_, set)| set);
        shape.set = sets.next().unwrap_or(0);
        if !sets.all(|set| set == shape.set) {
            shape.flags |= SETS;
            writer.octets.extend(record.in_their_sets().map(|(_, set)| set));
        }
        if !record.ends().is_empty() {
            shape.flags |= ENDS;
            writer.octets.push(record.ends().len() as u8);
            for (set, end) in record.ends() {
                writer.octets.push(*set);
                writer.put_word(end.as_nanos());
            }
        }
        let Writer { octets: body, numbers, holes, .. } = writer;
        let mut octets = vec![];
        if !body.is_empty() {
            octets.push(numbers.len() as u8);
            octets.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
            octets.extend(body);
        }
        let fingerprint = record.binding(0).map_or(0, |binding| binding.fingerprint);
        Self { shape, octets, msisdn: holes.msisdn, imsi: holes.imsi, fingerprint, identities, numbers }
    }
}

/// What a template may have of a binding: what those through one S-CSCF share, or those of UEs that registered at one address.
fn shared_part(binding: &Binding) -> Vec<u8> {
    let mut octets = vec![u8::from(binding.access == AccessKind::Direct)];
    octets.extend(binding.network.to_le_bytes());
    put_address(&mut octets, binding.local);
    if binding.access == AccessKind::Ims {
        put_address(&mut octets, binding.remote);
        put_address(&mut octets, binding.target);
        octets.push(binding.contact.as_bytes().len() as u8);
        octets.extend(binding.contact.as_bytes());
    }
    octets
}

/// The version of IP, the address and the port; of one with a flow or a zone, these too.
fn put_address(octets: &mut Vec<u8>, address: SocketAddr) {
    match address {
        SocketAddr::V4(address) => {
            octets.push(4);
            octets.extend(address.ip().octets());
        }
        SocketAddr::V6(address) => {
            let plain = address.flowinfo() == 0 && address.scope_id() == 0;
            octets.push(if plain { 6 } else { 7 });
            octets.extend(address.ip().octets());
            if !plain {
                octets.extend(address.flowinfo().to_le_bytes());
                octets.extend(address.scope_id().to_le_bytes());
            }
        }
    }
    octets.extend(address.port().to_le_bytes());
}

struct Writer<'w> {
    templates: &'w Templates,
    interned: &'w mut Interned,
    holes: Holes,
    octets: Vec<u8>,
    numbers: Vec<u16>,
}

impl Writer<'_> {
    fn put_word(&mut self, word: u64) {
        self.octets.extend(word.to_le_bytes());
    }

    /// Puts which of the named templates it is; false, and nothing, if there is no room for the template.
    fn put_template(&mut self, kind: Option<u8>, text: &[u8], of: Of) -> bool {
        let Some(number) = self.interned.take(self.templates, text, of) else { return false };
        self.octets.extend(kind);
        self.octets.push(self.numbers.len() as u8);
        self.numbers.push(number);
        true
    }

    fn put_counted(&mut self, text: &[u8]) {
        // No text has more than 127 octets.
        self.octets.push(text.len() as u8);
        self.octets.extend(text);
    }

    /// The template of an identity that follows from the subscriber's numbers.
    fn template_of(&mut self, identity: &[u8]) -> Option<u16> {
        let (cut, _) = cut(identity, &self.holes).filter(|(_, is_numbered)| *is_numbered)?;
        self.interned.take(self.templates, &cut, Of::Identity)
    }

    fn all_templates(&mut self, identities: &[crate::ident::Identity]) -> Option<Vec<u16>> {
        let mut numbers = vec![];
        for identity in identities {
            match self.template_of(identity.as_bytes()) {
                Some(number) => numbers.push(number),
                None => {
                    numbers.into_iter().for_each(|number| self.interned.give_back(number));
                    return None;
                }
            }
        }
        Some(numbers)
    }

    fn put_identity(&mut self, text: &[u8]) {
        if let Some((cut, true)) = cut(text, &self.holes)
            && self.put_template(Some(text::TEMPLATE), &cut, Of::Identity)
        {
            return;
        }
        // Names of one domain share that.
        let at = text.iter().position(|&octet| octet == b'@');
        if let Some((user, domain)) = at.and_then(|at| text.split_at_checked(at))
            && self.put_template(Some(text::BEHIND), domain, Of::Identity)
        {
            return self.put_counted(user);
        }
        self.octets.push(text::WHOLE);
        self.put_counted(text);
    }

    fn put_contact(&mut self, contact: &[u8], address: IpAddr) {
        let holes = Holes { address: Some(address), ..self.holes };
        let (kind, text) = match cut(contact, &holes) {
            // UEs of one make write it alike.
            Some((cut, true)) if self.put_template(Some(text::TEMPLATE), &cut, Of::Contact) => return,
            Some((cut, _)) => (text::CUT, cut),
            None => (text::WHOLE, contact.to_vec()),
        };
        self.octets.push(kind);
        self.put_counted(&text);
    }

    /// P-Access-Network-Info: what kind of cell, which many share, and the cell's name in hexadecimal.
    fn put_access_network(&mut self, info: &[u8]) {
        let split = info.iter().rposition(|&octet| octet == b'=').map_or(0, |at| at + 1);
        let (kind, cell) = info.split_at_checked(split).unwrap_or((&[], info));
        let is_small = cell.iter().all(|octet| matches!(octet, b'0'..=b'9' | b'a'..=b'f'));
        let is_capital = cell.iter().all(|octet| matches!(octet, b'0'..=b'9' | b'A'..=b'F'));
        let form = match (is_small, is_capital) {
            (true, _) => text::SMALL,
            (_, true) => text::CAPITAL,
            _ => text::BEFORE,
        };
        if kind.is_empty() || !self.put_template(Some(form), kind, Of::Access) {
            self.octets.push(text::WHOLE);
            return self.put_counted(info);
        }
        if form == text::BEFORE {
            return self.put_counted(cell);
        }
        self.octets.push(cell.len() as u8);
        let digit = |octet: u8| (octet as char).to_digit(16).unwrap_or(0) as u8;
        let digits: Vec<u8> = cell.iter().map(|octet| digit(*octet)).collect();
        let pairs = digits.chunks(2).map(|pair| pair.iter().rev().fold(0, |octet, it| octet << 4 | it));
        self.octets.extend(pairs);
    }

    fn put_binding(&mut self, binding: &Binding, with_fingerprint: bool) {
        use of_binding::{ACCESS_NETWORK, CONNECTION, DEVICE, OTHER_TARGET, OWN, SECURE};
        let whole = core::mem::take(&mut self.octets);
        let info = binding.access_network_info.as_str().as_bytes();
        let is_direct = binding.access == AccessKind::Direct;
        let has = [
            (DEVICE, binding.device != 0),
            (CONNECTION, binding.connection.is_some()),
            (SECURE, binding.connection.is_some_and(|it| it.secure)),
            (OTHER_TARGET, is_direct && binding.target != binding.remote),
            (ACCESS_NETWORK, !info.is_empty()),
        ];
        let flags = has.iter().filter(|(_, has)| *has).fold(0, |flags, (flag, _)| flags | flag);
        self.octets.extend([flags, binding.priority]);
        let shared = shared_part(binding);
        if !self.put_template(None, &shared, Of::Access) {
            if let Some(flags) = self.octets.first_mut() {
                *flags |= OWN;
            }
            self.put_counted(&shared);
        }
        self.put_word(binding.registration);
        self.put_word(binding.call);
        if binding.device != 0 {
            self.put_word(binding.device);
        }
        if with_fingerprint {
            self.put_word(binding.fingerprint);
        }
        if let Some(connection) = binding.connection {
            self.octets.push(connection.id.thread);
            self.put_word(u64::from(connection.id.slot) << 32 | u64::from(connection.id.generation));
        }
        if is_direct {
            put_address(&mut self.octets, binding.remote);
            if binding.target != binding.remote {
                put_address(&mut self.octets, binding.target);
            }
            self.put_contact(binding.contact.as_bytes(), binding.remote.ip());
        }
        if !info.is_empty() {
            self.put_access_network(info);
        }
        let of_this = core::mem::replace(&mut self.octets, whole);
        self.octets.extend((of_this.len() as u16).to_le_bytes());
        self.octets.extend(of_this);
    }
}
