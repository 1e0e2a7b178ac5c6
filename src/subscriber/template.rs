//! Texts that many subscribers share but for their numbers: kept once, and named by a number.

use super::memory::Pages;
use super::sync::{AtomicU64, Ordering};
use ahash::AHashMap;
use core::net::IpAddr;

/// Words of a template: its length, and its octets.
const TEMPLATE: usize = 32;
/// The longest.
const LONGEST: usize = 8 * (TEMPLATE - 1);
/// The most templates of a table.
pub(super) const MOST: usize = 4096;

/// In a template: the digits of the MSISDN stand here.
const MSISDN: u8 = 1;
/// The digits of the IMSI.
const IMSI: u8 = 2;
/// The IP address that the UE sends to us from, as it is in a host.
const ADDRESS: u8 = 3;
/// Below, an octet stands for something; no text that has one is put so.
const FIRST_TEXT: u8 = b' ';

/// What stands for the holes of a text.
#[derive(Clone, Copy)]
pub(super) struct Holes {
    /// Packed.
    pub(super) msisdn: u64,
    /// Packed.
    pub(super) imsi: u64,
    pub(super) address: Option<IpAddr>,
}

/// A text of at most 256 octets that is being put together.
pub(super) struct Room {
    octets: [u8; 256],
    len: usize,
}

impl Room {
    pub(super) const fn new() -> Self {
        Self { octets: [0; 256], len: 0 }
    }

    pub(super) fn octets(&self) -> &[u8] {
        self.octets.get(..self.len).unwrap_or(&[])
    }

    fn push(&mut self, octet: u8) {
        if let Some(place) = self.octets.get_mut(self.len) {
            *place = octet;
            self.len += 1;
        }
    }

    pub(super) fn extend(&mut self, octets: &[u8]) {
        if let Some(room) = self.octets.get_mut(self.len..self.len + octets.len()) {
            room.copy_from_slice(octets);
            self.len += octets.len();
        }
    }

    fn extend_digits(&mut self, packed: u64) {
        let (digits, count) = digits(packed);
        self.extend(digits.get(..count).unwrap_or(&[]));
    }

    fn extend_host(&mut self, ip: IpAddr) {
        use std::io::Write;
        let mut text = [0; 48];
        let whole = text.len();
        let mut rest = &mut text[..];
        // The longest address has 41 octets with its brackets.
        let _ = match ip {
            IpAddr::V4(ip) => write!(rest, "{ip}"),
            IpAddr::V6(ip) => write!(rest, "[{ip}]"),
        };
        let written = whole - rest.len();
        self.extend(text.get(..written).unwrap_or(&[]));
    }

    /// Adds a text with what stands for its holes.
    pub(super) fn fill(&mut self, mut text: &[u8], holes: &Holes) {
        while let Some(at) = text.iter().position(|&octet| octet < FIRST_TEXT) {
            let (before, rest) = text.split_at(at);
            self.extend(before);
            let Some((hole, behind)) = rest.split_first() else { return };
            match *hole {
                MSISDN => self.extend_digits(holes.msisdn),
                IMSI => self.extend_digits(holes.imsi),
                ADDRESS => holes.address.into_iter().for_each(|ip| self.extend_host(ip)),
                octet => self.push(octet),
            }
            text = behind;
        }
        self.extend(text);
    }
}

/// A packed number in digits, and how many they are.
fn digits(packed: u64) -> ([u8; 16], usize) {
    (core::array::from_fn(|at| b'0' + ((packed >> (4 * at)) as u8 & 0xf)), (packed >> 60) as usize)
}

/// A text with holes where the subscriber's numbers and address are; `None` if that could not be told from other octets of
/// it. Whether there is a number among them.
pub(super) fn cut(text: &[u8], holes: &Holes) -> Option<(Vec<u8>, bool)> {
    if text.iter().any(|&octet| octet < FIRST_TEXT) {
        return None;
    }
    let mut address = Room::new();
    holes.address.into_iter().for_each(|ip| address.extend_host(ip));
    let (msisdn, imsi) = (digits(holes.msisdn), digits(holes.imsi));
    // Shorter ones stand anywhere by chance.
    let long = |count: usize| if count < 5 { 0 } else { count };
    let parts = [
        (msisdn.0.get(..long(msisdn.1)), MSISDN),
        (imsi.0.get(..long(imsi.1)), IMSI),
        (Some(address.octets()), ADDRESS),
    ];
    let part_at = |rest: &[u8], first: u8| {
        parts.iter().find_map(|(part, hole)| {
            let part = part.filter(|part| part.first() == Some(&first) && rest.starts_with(part))?;
            Some((part.len(), *hole))
        })
    };
    let (mut cut, mut rest, mut is_numbered) = (Vec::with_capacity(text.len()), text, false);
    while let Some((first, behind)) = rest.split_first() {
        match part_at(rest, *first).and_then(|(len, hole)| Some((rest.get(len..)?, hole))) {
            Some((behind, hole)) => {
                cut.push(hole);
                is_numbered |= hole != ADDRESS;
                rest = behind;
            }
            None => {
                cut.push(*first);
                rest = behind;
            }
        }
    }
    Some((cut, is_numbered))
}

/// Whether a text with holes begins, behind its scheme, with the MSISDN, or with the IMSI and no plus before it, as
/// [`super::table`] looks for numbers in identities.
pub(super) fn begins_with_number(text: &[u8]) -> bool {
    let behind_scheme = text.iter().position(|&octet| octet == b':').map_or(0, |at| at + 1);
    let (text, is_global) = match text.get(behind_scheme..) {
        Some([b'+', rest @ ..]) => (rest, true),
        Some(text) => (text, false),
        None => return false,
    };
    let is_number = |hole: u8| hole == MSISDN || hole == IMSI && !is_global;
    match text {
        [hole] => is_number(*hole),
        [hole, behind, ..] => is_number(*hole) && *behind >= FIRST_TEXT && !behind.is_ascii_digit(),
        [] => false,
    }
}

/// The templates, as readers find them. 0 names none.
pub(super) struct Templates(Pages<TEMPLATE>);

impl Templates {
    pub(super) fn new(count: usize) -> Self {
        Self(Pages::new(count))
    }

    pub(super) fn pages(&self) -> &Pages<TEMPLATE> {
        &self.0
    }

    fn words(&self, number: u16) -> Option<&[AtomicU64; TEMPLATE]> {
        self.0.get(usize::from(number).checked_sub(1)?)
    }

    /// Shows `see` the octets of a template.
    pub(super) fn with<T>(&self, number: u16, see: impl FnOnce(&[u8]) -> T) -> Option<T> {
        let (length, words) = self.words(number)?.split_first()?;
        let length = length.load(Ordering::Relaxed) as usize;
        let mut octets = [0; LONGEST];
        for (room, word) in octets.chunks_exact_mut(8).zip(words).take(length.div_ceil(8)) {
            room.copy_from_slice(&word.load(Ordering::Relaxed).to_le_bytes());
        }
        octets.get(..length).map(see)
    }

    fn write(&self, number: u16, text: &[u8]) {
        let Some((length, words)) = self.words(number).and_then(|words| words.split_first()) else { return };
        length.store(text.len() as u64, Ordering::Relaxed);
        for (part, word) in text.chunks(8).zip(words) {
            let mut octets = [0; 8];
            octets.iter_mut().zip(part).for_each(|(to, from)| *to = *from);
            word.store(u64::from_le_bytes(octets), Ordering::Relaxed);
        }
    }
}

/// What kind of text a template is of: what is written like a number, or for how a UE is reached, leaves room for others.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Of {
    /// Who somebody is.
    Identity = 1,
    /// How he is reached, which a UE has a say in.
    Access = 2,
    /// Where he is reached, which is all a UE's.
    Contact = 3,
}

impl Of {
    /// The kind from its number.
    pub(super) fn from_octet(octet: u8) -> Option<Self> {
        [Self::Identity, Self::Access, Self::Contact].into_iter().find(|kind| *kind as u8 == octet)
    }

    /// The most templates at which one more of this kind is taken.
    fn most(self, all: usize) -> usize {
        match self {
            Self::Identity => all,
            Self::Access => all / 2,
            Self::Contact => all / 4,
        }
    }
}

/// For the writer: which template has which text, and how many records name it.
pub(super) struct Interned {
    numbers: AHashMap<Box<[u8]>, u16>,
    /// By number, less one: by how many records, as which kind it came, and the text.
    uses: Vec<(u32, Of, Box<[u8]>)>,
    free: Vec<u16>,
    most: usize,
    /// What whole lists of templates name, since those of many images are the same.
    lists: AHashMap<Box<[u8]>, List>,
}

/// The templates of an image, in their order.
#[derive(Clone, Copy)]
pub(super) struct List {
    numbers: [u16; List::MOST],
    count: u8,
    /// How many of those in the line are of identities that lead to the subscriber by his numbers.
    pub(super) leading: u8,
}

impl List {
    /// The most: five places of a line, and those that octets name.
    const MOST: usize = 5 + super::store::NAMED;

    pub(super) fn numbers(&self) -> &[u16] {
        self.numbers.get(..usize::from(self.count)).unwrap_or(&[])
    }
}

/// Lists that are remembered.
const LISTS: usize = 4096;

impl Interned {
    pub(super) fn new(most: usize) -> Self {
        Self { numbers: AHashMap::new(), uses: vec![], free: vec![], most, lists: AHashMap::new() }
    }

    /// The template of a text, for one more record; `None` if there is no room for it.
    pub(super) fn take(&mut self, templates: &Templates, text: &[u8], of: Of) -> Option<u16> {
        if let Some(&number) = self.numbers.get(text) {
            self.uses.get_mut(usize::from(number) - 1)?.0 += 1;
            return Some(number);
        }
        if text.len() > LONGEST || self.numbers.len() >= of.most(self.most) {
            return None;
        }
        let number = self.free.pop().unwrap_or(self.uses.len() as u16 + 1);
        let (text, place): (Box<[u8]>, _) = (text.into(), usize::from(number) - 1);
        templates.write(number, &text);
        self.numbers.insert(text.clone(), number);
        match self.uses.get_mut(place) {
            Some(uses) => *uses = (1, of, text),
            None => self.uses.push((1, of, text)),
        }
        Some(number)
    }

    /// A record that named it is gone, and so is every reader of that.
    pub(super) fn give_back(&mut self, number: u16) {
        let place = usize::from(number).checked_sub(1).and_then(|at| self.uses.get_mut(at));
        let Some((uses, _, text)) = place else { return };
        *uses = uses.saturating_sub(1);
        if *uses == 0 {
            self.numbers.remove(text);
            self.free.push(number);
            self.lists.clear();
        }
    }

    /// [`Interned::take`] of all of a list, whose octets `octets` are; `None`, and nothing is taken, if there is no room for one.
    pub(super) fn take_list<'t>(
        &mut self,
        templates: &Templates,
        octets: &[u8],
        list: impl Iterator<Item = (Option<Of>, bool, &'t [u8])>,
    ) -> Option<List> {
        if let Some(&list) = self.lists.get(octets) {
            for number in list.numbers() {
                self.uses.get_mut(usize::from(*number) - 1)?.0 += 1;
            }
            return Some(list);
        }
        let mut taken = List { numbers: [0; List::MOST], count: 0, leading: 0 };
        for (kind, is_identity, text) in list {
            let place = taken.numbers.get_mut(usize::from(taken.count));
            let Some((place, number)) = place.zip(kind.and_then(|kind| self.take(templates, text, kind)))
            else {
                taken.numbers().iter().for_each(|number| self.give_back(*number));
                return None;
            };
            *place = number;
            taken.count += 1;
            taken.leading += u8::from(is_identity && begins_with_number(text));
        }
        if self.lists.len() < LISTS {
            self.lists.insert(octets.into(), taken);
        }
        Some(taken)
    }

    /// The text of a template, and its kind.
    pub(super) fn text(&self, number: u16) -> Option<(Of, &[u8])> {
        let (_, of, text) = self.uses.get(usize::from(number).checked_sub(1)?)?;
        Some((*of, text))
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.numbers.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ident::Digits;

    #[test]
    fn a_text_with_holes_is_the_text() {
        let digits = |text: &str| text.parse::<Digits>().unwrap().to_word();
        let (msisdn, imsi) = (digits("491701234567"), digits("262011234567890"));
        let (four, six) = ("10.1.2.3".parse().unwrap(), "2001:db8::1".parse().unwrap());
        let some = [(msisdn, imsi, Some(four)), (msisdn, 0, None), (0, imsi, Some(six)), (0, 0, None)];
        for text in [
            "sip:+491701234567@home1.net",
            "tel:+491701234567",
            "262011234567890@ims.mnc001.mcc262.3gppnetwork.org",
            "sip:491701234567@10.1.2.3:5060;ob",
            "sip:[2001:db8::1]:5060",
            "sip:bücher@home1.net",
            "",
        ] {
            for (msisdn, imsi, address) in some {
                let holes = Holes { msisdn, imsi, address };
                let (cut, is_numbered) = cut(text.as_bytes(), &holes).unwrap();
                let mut room = Room::new();
                room.fill(&cut, &holes);
                assert_eq!(room.octets(), text.as_bytes());
                assert_eq!(is_numbered, cut.iter().any(|&it| it == MSISDN || it == IMSI));
            }
        }
        let holes = Holes { msisdn, imsi, address: None };
        assert_eq!(cut(b"sip:+491701234567@a", &holes).unwrap(), (b"sip:+\x01@a".to_vec(), true));
        assert!(cut(b"sip:\x01@a", &holes).is_none(), "an octet that would be a hole");
        for text in ["", "4", "491701234567", "262011234567890", "000000000000000"] {
            assert_eq!(Digits::from_word(digits(text)), text.parse().ok());
        }
    }

    #[test]
    fn templates_are_shared_bounded_and_used_again() {
        let (templates, mut interned) = (Templates::new(4), Interned::new(4));
        let take = |interned: &mut Interned, text: &[u8], of| interned.take(&templates, text, of);
        let a = take(&mut interned, b"a", Of::Access).unwrap();
        assert_eq!(take(&mut interned, b"a", Of::Identity), Some(a));
        let b = take(&mut interned, &[b'b'; LONGEST], Of::Access).unwrap();
        assert_eq!(templates.with(b, <[u8]>::to_vec), Some(vec![b'b'; LONGEST]));
        assert_eq!(take(&mut interned, b"c", Of::Access), None, "half is for identities");
        let c = take(&mut interned, b"c", Of::Identity).unwrap();
        assert!(take(&mut interned, &[b'x'; LONGEST + 1], Of::Identity).is_none());
        assert!(take(&mut interned, b"d", Of::Identity).is_some());
        assert_eq!((take(&mut interned, b"e", Of::Identity), interned.len()), (None, 4));
        interned.give_back(a);
        assert_eq!(take(&mut interned, b"e", Of::Identity), None, "one record still names it");
        interned.give_back(a);
        assert_eq!(take(&mut interned, b"e", Of::Identity), Some(a));
        assert_eq!(templates.with(a, <[u8]>::to_vec), Some(b"e".to_vec()));
        assert_eq!(templates.with(c, <[u8]>::to_vec), Some(b"c".to_vec()));
        assert_eq!(templates.with(0, <[u8]>::to_vec), None);
    }
}
