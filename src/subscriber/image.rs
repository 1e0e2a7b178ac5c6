//! A record by itself in the octets that it has in the table: what outlives the process goes back there as it is, and nobody
//! takes it apart for that.
//!
//! First the numbers, the first binding's fingerprint and the shape, in words; then which templates the line names, a bit for
//! each of its places, and how many the octets name; kind, length and text of all these; how many cells there are; and their
//! octets without the zeros at the end. Templates are named by their places among the record's own. Numbers have the least
//! significant octet first.

use super::draft::{Draft, ENDS, FAR_IDENTITIES, FAR_PRIVATE, IN_LINE, Shape, of_binding};
use super::published::Published;
use super::record::{Record, SubscriberId};
use super::store::{CELL, FINGERPRINT, IDENTITIES, IMSI, LARGEST, MSISDN, NAMED, SHAPE, Stocks, Store, load};
use super::table::Subscriber;
use super::template::{Interned, Of};
use crate::base::{ConnectionId, Time};
use crate::ident::{Digits, Imsi, Msisdn};

/// Behind the places of the line that have an identity's template each comes that of the private identity.
const PLACES: usize = IN_LINE + 1;

/// A record's octets, of which it is known where what is.
#[derive(Clone)]
pub struct Image<'i> {
    octets: &'i [u8],
    /// Where the texts begin.
    texts: usize,
    /// How many of them the octets name.
    far: u8,
    near: u8,
    cells: u8,
    /// Where the octets of the cells begin, behind the numbers of their templates.
    body: usize,
    bindings: [Place; Record::BINDINGS],
}

/// Where what a life of the process may change stands of a binding.
#[derive(Clone, Copy, Default)]
struct Place {
    flags: u8,
    network: usize,
    connection: usize,
}

fn word(octets: &[u8], at: usize) -> Option<u64> {
    octets.get(at..)?.first_chunk().map(|octets| u64::from_le_bytes(*octets))
}

/// The next text at a place, with its kind, and where the one behind it begins.
fn text(octets: &[u8], at: usize) -> Option<(u8, &[u8], usize)> {
    let [kind, length] = *octets.get(at..)?.first_chunk()?;
    let end = at + 2 + usize::from(length);
    Some((kind, octets.get(at + 2..end)?, end))
}

impl<'i> Image<'i> {
    const WORDS: usize = 4 * 8;

    /// Finds its way in octets that [`super::Writer::write_image`] has written; `None` if they are others.
    #[must_use]
    pub fn read(octets: &'i [u8]) -> Option<Self> {
        let [near, far] = *octets.get(Self::WORDS..)?.first_chunk()?;
        if near >> PLACES != 0 || usize::from(far) > NAMED {
            return None;
        }
        let texts = Self::WORDS + 2;
        let mut at = texts;
        for _ in 0..near.count_ones() + u32::from(far) {
            (_, _, at) = text(octets, at)?;
        }
        let cells = *octets.get(at)?;
        let body = at + 1;
        let numbers = usize::from(cells > 0) + 2 * usize::from(far);
        let is_fit = numbers + octets.len() - body <= CELL * usize::from(cells);
        let mut image = Self { octets, texts, far, near, cells, body, bindings: Default::default() };
        let count = usize::from(image.shape().bindings);
        if !is_fit || usize::from(cells) > LARGEST || count > Record::BINDINGS {
            return None;
        }
        let mut at = body;
        for binding in 0..count {
            let length = u16::from_le_bytes(*octets.get(at..)?.first_chunk()?);
            let place = image.place(at + 2, binding)?;
            *image.bindings.get_mut(binding)? = place;
            at += 2 + usize::from(length);
        }
        Some(image)
    }

    /// Where it is of a binding whose octets begin at a place.
    fn place(&self, at: usize, binding: usize) -> Option<Place> {
        use of_binding::{DEVICE, OWN};
        let [flags, _priority, shared] = *self.octets.get(at..)?.first_chunk()?;
        let has = |flag: u8| usize::from(flags & flag != 0);
        // What bindings share begins with the access, and the network is behind it.
        let (network, own) = match flags & OWN {
            0 => (self.start_of(self.near.count_ones() as usize + usize::from(shared))? + 3, 0),
            _ => (at + 4, usize::from(shared)),
        };
        self.octets.get(network..network + 2)?;
        let fingerprint = usize::from(binding > 0);
        let connection = at + 3 + own + 8 * (2 + has(DEVICE) + fingerprint);
        if flags & of_binding::CONNECTION != 0 {
            self.octets.get(connection..connection + 9)?;
        }
        Some(Place { flags, network, connection })
    }

    /// Where one of the texts begins.
    fn start_of(&self, number: usize) -> Option<usize> {
        (0..number).try_fold(self.texts, |at, _| Some(text(self.octets, at)?.2))
    }

    pub(super) fn shape(&self) -> Shape {
        Shape::from_word(self.word(3))
    }

    /// A word of those at the start: MSISDN, IMSI, fingerprint and shape.
    pub(super) fn word(&self, at: usize) -> u64 {
        word(self.octets, 8 * at).unwrap_or(0)
    }

    /// The IMSI, if known.
    #[must_use]
    pub fn imsi(&self) -> Option<Imsi> {
        Imsi::new(Digits::from_word(self.word(1))?)
    }

    /// The MSISDN, if known.
    #[must_use]
    pub fn msisdn(&self) -> Option<Msisdn> {
        Msisdn::new(Digits::from_word(self.word(0))?)
    }

    /// How many bindings there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.shape().bindings.into()
    }

    fn places(&self) -> impl Iterator<Item = Place> + '_ {
        self.bindings.iter().copied().take(self.count())
    }

    /// The network of each binding, and whether its UE registered by a stream.
    pub fn networks(&self) -> impl Iterator<Item = (u16, bool)> + '_ {
        self.places().filter_map(|place| {
            let network = *self.octets.get(place.network..)?.first_chunk()?;
            Some((u16::from_le_bytes(network), place.flags & of_binding::CONNECTION != 0))
        })
    }

    /// Whether a UE has registered here directly.
    pub(super) fn has_direct(&self) -> bool {
        // What bindings share begins with the access.
        self.places().any(|place| place.network.checked_sub(1).and_then(|at| self.octets.get(at)) != Some(&0))
    }

    /// Whether an octet of text, which is neither digit nor letter, may stand in an identity.
    #[must_use]
    pub fn may_have(&self, octet: u8) -> bool {
        let shape = self.shape();
        let is_far = shape.has(FAR_IDENTITIES) || shape.has(FAR_PRIVATE);
        let body = self.octets.get(self.body..).filter(|_| is_far);
        self.list().contains(&octet) || body.is_some_and(|octets| octets.contains(&octet))
    }

    /// The record by itself, whose bindings' newest CSeqs are these: for what has to be looked at before it goes into a table.
    #[must_use]
    pub fn to_record(&self, scratch: &mut Scratch, sequences: &[u32]) -> Option<Record> {
        let Scratch { store, stocks } = scratch;
        let (draft, _) = Draft::of_image(self, &store.templates, &mut stocks.interned)?;
        let times: Vec<_> = sequences.iter().map(|sequence| (Time::ZERO, *sequence)).collect();
        let nobody = SubscriberId::from_u64(0);
        let place = stocks.write(store, nobody, &draft, (&times, true))?;
        let record = store.lines.get(place as usize).map(|line| Published { store, line }.to_record());
        stocks.free(store, place);
        record
    }

    /// Whether sets of identities registered apart, whose ends are times of the life that wrote it.
    #[must_use]
    pub fn has_ends(&self) -> bool {
        self.shape().has(ENDS)
    }

    /// The octets of the list of templates.
    pub(super) fn list(&self) -> &'i [u8] {
        self.octets.get(Self::WORDS..self.body - 1).unwrap_or_default()
    }

    /// The templates: kind, whether it is that of a public identity in the line, and text. Those of the line come first.
    pub(super) fn templates(&self) -> impl Iterator<Item = (Option<Of>, bool, &'i [u8])> + use<'i> {
        let (octets, mut at) = (self.octets, self.texts);
        let identities = (self.near & !(1 << IN_LINE)).count_ones();
        (0..self.near.count_ones() + u32::from(self.far)).map_while(move |number| {
            let (kind, text, next) = text(octets, at)?;
            at = next;
            Some((Of::from_octet(kind), number < identities, text))
        })
    }

    /// Which places of the line have a template.
    pub(super) fn near(&self) -> impl Iterator<Item = usize> + use<> {
        let near = self.near;
        (0..PLACES).filter(move |at| near & 1 << at != 0)
    }

    /// The octets of the cells with these templates.
    pub(super) fn cells(&self, numbers: &[u16]) -> Vec<u8> {
        let whole = CELL * usize::from(self.cells);
        let mut octets = Vec::with_capacity(whole);
        if self.cells > 0 {
            octets.push(self.far);
            numbers.iter().for_each(|number| octets.extend_from_slice(&number.to_le_bytes()));
            octets.extend_from_slice(self.octets.get(self.body..).unwrap_or_default());
            // What was cut off at the end were zeros.
            octets.resize(octets.len().max(whole - CELL + 1), 0);
        }
        octets
    }
}

/// Writes a subscriber's record; see [`super::Writer::write_image`].
pub(super) fn write(
    subscriber: &Subscriber<'_>,
    interned: &Interned,
    (network, stream): (impl Fn(u16) -> u16, ConnectionId),
    into: &mut Vec<u8>,
) -> Option<()> {
    let (line, start) = (subscriber.line, into.len());
    let shape = Shape::of(line);
    let identities = load(line, IDENTITIES);
    let in_line = (0..IN_LINE).map(|at| (identities >> (16 * at)) as u16).chain([shape.private]);
    let mut octets = vec![];
    subscriber.table.store.octets(line).rest(&mut octets);
    let cells = octets.len() / CELL;
    let (far, body) = match octets.split_first() {
        Some((count, rest)) => rest.split_at_checked(2 * usize::from(*count))?,
        None => (&[][..], &[][..]),
    };
    let far = far.as_chunks::<2>().0.iter().map(|number| u16::from_le_bytes(*number));
    let bindings = (0..shape.bindings).try_fold(0, |at, _| {
        let length = u16::from_le_bytes(*body.get(at..)?.first_chunk()?);
        Some(at + 2 + usize::from(length))
    })?;
    // The zeros behind it, to the end of the cell, are not the record's; those within a binding are.
    let end = body.iter().rposition(|&octet| octet != 0).map_or(0, |last| last + 1);
    let body = body.get(..end.max(bindings))?;
    for word in [load(line, MSISDN), load(line, IMSI), load(line, FINGERPRINT), load(line, SHAPE)] {
        into.extend(word.to_le_bytes());
    }
    let near = in_line.clone().enumerate().filter(|(_, number)| *number != 0);
    into.push(near.fold(0, |bits, (at, _)| bits | 1 << at));
    into.push(far.len() as u8);
    for number in in_line.filter(|number| *number != 0).chain(far) {
        let (kind, text) = interned.text(number)?;
        into.extend([kind as u8, text.len() as u8]);
        into.extend(text);
    }
    into.push(cells as u8);
    into.extend(body);
    let image = Image::read(into.get(start..)?)?;
    let (count, places) = (image.count(), image.bindings);
    let id = u64::from(stream.slot) << 32 | u64::from(stream.generation);
    for place in places.iter().take(count) {
        let octets = into.get_mut(start + place.network..)?.first_chunk_mut()?;
        *octets = network(u16::from_le_bytes(*octets)).to_le_bytes();
        if place.flags & of_binding::CONNECTION != 0 {
            let (thread, name) = into.get_mut(start + place.connection..)?.split_first_mut()?;
            *thread = stream.thread;
            *name.first_chunk_mut()? = id.to_le_bytes();
        }
    }
    Some(())
}

/// Room for one record, where nobody else reads.
pub struct Scratch {
    store: Store,
    stocks: Stocks,
}

impl Default for Scratch {
    fn default() -> Self {
        // As many lines as there have to be for templates of any record.
        let store = Store::new(256, LARGEST, 0);
        Self { stocks: Stocks::new(&store), store }
    }
}
