//! A record as readers find it in the table.

use super::draft::{FAR_IDENTITIES, FAR_PRIVATE, SETS, Shape, of_binding, text};
use super::record::{AccessKind, AccessNetworkInfo, Binding, Record, same_address};
use super::store::{Cursor, FINGERPRINT, IDENTITIES, IMSI, Line, MSISDN, NAMED, Store, load};
use super::template::{Holes, Room};
use crate::base::{Connection, ConnectionId, Time};
use crate::ident::{Digits, Identity, Imsi, Msisdn};
use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

/// A subscriber's record as it is published, where it lies: it is taken apart as it is asked. [`Published::to_record`] is
/// the same by itself.
#[derive(Clone, Copy)]
pub struct Published<'t> {
    pub(super) store: &'t Store,
    pub(super) line: &'t Line,
}

/// Values of a record, one after the other.
pub struct Each<'t, T> {
    record: Published<'t>,
    at: usize,
    count: usize,
    get: fn(Published<'t>, usize) -> Option<T>,
}

impl<T> Iterator for Each<'_, T> {
    type Item = T;
    fn next(&mut self) -> Option<T> {
        let at = self.at;
        if at >= self.count {
            return None;
        }
        self.at += 1;
        (self.get)(self.record, at)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.count - self.at;
        (left, Some(left))
    }
}

impl<T> ExactSizeIterator for Each<'_, T> {}

/// The octets of a record, with the templates that they name.
struct Octets<'t> {
    store: &'t Store,
    cursor: Cursor<'t>,
    named: [u16; NAMED],
    holes: Holes,
}

impl Octets<'_> {
    /// The template that comes next, by its place among those that are named.
    fn number(&mut self) -> Option<u16> {
        self.named.get(usize::from(self.cursor.octet()?)).copied()
    }

    fn add_template(&mut self, room: &mut Room) -> Option<()> {
        let number = self.number()?;
        let holes = self.holes;
        self.store.templates.with(number, |text| room.fill(text, &holes))
    }

    fn add_counted(&mut self, room: &mut Room, with_holes: bool) -> Option<()> {
        let count = usize::from(self.cursor.octet()?);
        let mut octets = [0; 256];
        let octets = octets.get_mut(..count)?;
        self.cursor.read(octets)?;
        if with_holes {
            room.fill(octets, &self.holes)
        } else {
            room.extend(octets)
        }
        Some(())
    }

    fn add_hexadecimal(&mut self, room: &mut Room, digits: &[u8; 16]) -> Option<()> {
        let count = usize::from(self.cursor.octet()?);
        let mut pair = 0;
        for at in 0..count {
            pair = if at % 2 == 0 { self.cursor.octet()? } else { pair >> 4 };
            room.extend(digits.get(usize::from(pair & 0xf)..)?.get(..1)?);
        }
        Some(())
    }

    /// The text that comes next.
    fn text(&mut self) -> Option<Room> {
        let mut room = Room::new();
        match self.cursor.octet()? {
            text::WHOLE => self.add_counted(&mut room, false)?,
            text::CUT => self.add_counted(&mut room, true)?,
            text::TEMPLATE => self.add_template(&mut room)?,
            text::BEFORE => {
                self.add_template(&mut room)?;
                self.add_counted(&mut room, false)?;
            }
            text::BEHIND => {
                let number = self.number()?;
                self.add_counted(&mut room, false)?;
                self.store.templates.with(number, |text| room.extend(text))?;
            }
            text::SMALL => {
                self.add_template(&mut room)?;
                self.add_hexadecimal(&mut room, b"0123456789abcdef")?;
            }
            text::CAPITAL => {
                self.add_template(&mut room)?;
                self.add_hexadecimal(&mut room, b"0123456789ABCDEF")?;
            }
            _ => return None,
        }
        Some(room)
    }

    fn identity(&mut self) -> Option<Identity> {
        Identity::new(self.text()?.octets())
    }

    fn skip_bindings(&mut self, count: u8) -> Option<()> {
        for _ in 0..count {
            let length = self.cursor.length()?;
            self.cursor.skip(length)?;
        }
        Some(())
    }
}

/// Takes octets from the front of what bindings share, or from a record's.
trait Take {
    fn take(&mut self, room: &mut [u8]) -> Option<()>;

    fn take_array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let mut octets = [0; N];
        self.take(&mut octets).map(|()| octets)
    }

    fn take_address(&mut self) -> Option<SocketAddr> {
        let [kind] = self.take_array()?;
        let (ip, flow, zone) = match kind {
            4 => (IpAddr::V4(Ipv4Addr::from(self.take_array::<4>()?)), 0, 0),
            kind => {
                let ip = Ipv6Addr::from(self.take_array::<16>()?);
                let plain = kind == 6;
                let flow = if plain { 0 } else { u32::from_le_bytes(self.take_array()?) };
                let zone = if plain { 0 } else { u32::from_le_bytes(self.take_array()?) };
                (IpAddr::V6(ip), flow, zone)
            }
        };
        let port = u16::from_le_bytes(self.take_array()?);
        Some(match ip {
            IpAddr::V4(ip) => SocketAddr::from((ip, port)),
            IpAddr::V6(ip) => SocketAddrV6::new(ip, port, flow, zone).into(),
        })
    }
}

impl Take for Cursor<'_> {
    fn take(&mut self, room: &mut [u8]) -> Option<()> {
        self.read(room)
    }
}

impl Take for &[u8] {
    fn take(&mut self, room: &mut [u8]) -> Option<()> {
        let (taken, rest) = self.split_at_checked(room.len())?;
        room.copy_from_slice(taken);
        *self = rest;
        Some(())
    }
}

/// What a binding shares with others.
struct SharedPart {
    access: AccessKind,
    network: u16,
    local: SocketAddr,
    /// Through an S-CSCF: its address, where requests go, and its URI.
    through: Option<(SocketAddr, SocketAddr, Identity)>,
}

impl SharedPart {
    fn read(mut octets: &[u8]) -> Option<Self> {
        let [is_direct] = octets.take_array()?;
        let network = u16::from_le_bytes(octets.take_array()?);
        let local = octets.take_address()?;
        if is_direct != 0 {
            return Some(Self { access: AccessKind::Direct, network, local, through: None });
        }
        let (remote, target) = (octets.take_address()?, octets.take_address()?);
        let (_, contact) = octets.split_first()?;
        let through = Some((remote, target, Identity::new(contact)?));
        Some(Self { access: AccessKind::Ims, network, local, through })
    }
}

impl<'t> Published<'t> {
    fn shape(self) -> Shape {
        Shape::of(self.line)
    }

    fn holes(self) -> Holes {
        Holes { msisdn: load(self.line, MSISDN), imsi: load(self.line, IMSI), address: None }
    }

    fn octets(self) -> Option<Octets<'t>> {
        let mut cursor = self.store.octets(self.line);
        let (named, _) = cursor.named()?;
        Some(Octets { store: self.store, cursor, named, holes: self.holes() })
    }

    /// The IMSI, if known.
    #[must_use]
    pub fn imsi(self) -> Option<Imsi> {
        Imsi::new(Digits::from_word(load(self.line, IMSI))?)
    }

    /// The MSISDN, if known.
    #[must_use]
    pub fn msisdn(self) -> Option<Msisdn> {
        Msisdn::new(Digits::from_word(load(self.line, MSISDN))?)
    }

    /// The private user identity, if known.
    #[must_use]
    pub fn private_identity(self) -> Option<Identity> {
        let shape = self.shape();
        if shape.has(FAR_PRIVATE) {
            let mut octets = self.octets()?;
            octets.skip_bindings(shape.bindings)?;
            return octets.identity();
        }
        self.filled(shape.private)
    }

    /// A template of the line, with the subscriber's numbers.
    fn filled(self, number: u16) -> Option<Identity> {
        let mut room = Room::new();
        self.store.templates.with(number, |text| room.fill(text, &self.holes()))?;
        Identity::new(room.octets())
    }

    /// The octets from the identities on, where these are there, or else from what comes behind them.
    fn behind_private(self) -> Option<Octets<'t>> {
        let shape = self.shape();
        let mut octets = self.octets()?;
        octets.skip_bindings(shape.bindings)?;
        if shape.has(FAR_PRIVATE) {
            octets.text()?;
        }
        Some(octets)
    }

    fn behind_identities(self) -> Option<Octets<'t>> {
        let shape = self.shape();
        let mut octets = self.behind_private()?;
        if shape.has(FAR_IDENTITIES) {
            for _ in 0..shape.identities {
                octets.text()?;
            }
        }
        Some(octets)
    }

    fn near(self, at: usize) -> Option<Identity> {
        self.filled((load(self.line, IDENTITIES) >> (16 * at)) as u16)
    }

    fn identity(self, at: usize) -> Option<Identity> {
        if !self.shape().has(FAR_IDENTITIES) {
            return self.near(at);
        }
        let mut octets = self.behind_private()?;
        for _ in 0..at {
            octets.text()?;
        }
        octets.identity()
    }

    /// The default public user identity, which is the Request-URI of what we send.
    #[must_use]
    pub fn default_identity(self) -> Option<Identity> {
        self.identities().next()
    }

    /// The public user identities, the default one first.
    #[must_use]
    pub fn identities(self) -> Each<'t, Identity> {
        let count = self.shape().identities.into();
        Each { record: self, at: 0, count, get: Self::identity }
    }

    /// The identities with their sets, the default one first.
    #[must_use]
    pub fn in_their_sets(self) -> Each<'t, (Identity, u8)> {
        fn get(record: Published<'_>, at: usize) -> Option<(Identity, u8)> {
            Some((record.identity(at)?, record.set(at)))
        }
        Each { record: self, at: 0, count: self.shape().identities.into(), get }
    }

    fn set(self, at: usize) -> u8 {
        let shape = self.shape();
        let far = || {
            let mut octets = self.behind_identities()?;
            octets.cursor.skip(at)?;
            octets.cursor.octet()
        };
        if shape.has(SETS) { far().unwrap_or(0) } else { shape.set }
    }

    /// The set of a public identity of the subscriber's.
    #[must_use]
    pub fn set_of(self, identity: &Identity) -> Option<u8> {
        let at = self.identities().position(|it| it == *identity)?;
        Some(self.set(at))
    }

    /// Whether there are sets that registered apart, as [`Published::ends`] tells.
    pub(super) fn has_ends(self) -> bool {
        self.shape().has(super::draft::ENDS)
    }

    /// Until when each set is registered, if there are several that registered apart; a binding of theirs lives as long as
    /// the last of them.
    #[must_use]
    pub fn ends(self) -> Vec<(u8, Time)> {
        if !self.has_ends() {
            return vec![];
        }
        self.far_ends().unwrap_or_default()
    }

    fn far_ends(self) -> Option<Vec<(u8, Time)>> {
        let shape = self.shape();
        let mut octets = self.behind_identities()?;
        if shape.has(SETS) {
            octets.cursor.skip(shape.identities.into())?;
        }
        let count = octets.cursor.octet()?;
        let mut end = || Some((octets.cursor.octet()?, Time::from_nanos(octets.cursor.word()?)));
        (0..count).map(|_| end()).collect()
    }

    /// Until when the set of an identity is registered, if several registered apart.
    #[must_use]
    pub fn end_of(self, identity: &Identity) -> Option<Time> {
        let set = self.set_of(identity)?;
        self.ends().into_iter().find(|(it, _)| *it == set).map(|(_, end)| end)
    }

    /// The binding at `index`. Its CSeq is the newest.
    #[must_use]
    pub fn binding(self, index: usize) -> Option<Binding> {
        self.read_binding(index, &mut self.octets_of(index)?)
    }

    /// The priority of the binding at `index`, without the rest of it.
    #[must_use]
    pub fn priority(self, index: usize) -> Option<u8> {
        let [_, priority] = self.octets_of(index)?.cursor.array()?;
        Some(priority)
    }

    /// The octets of a binding, from its first.
    fn octets_of(self, index: usize) -> Option<Octets<'t>> {
        let at = u8::try_from(index).ok().filter(|&at| at < self.shape().bindings)?;
        let mut octets = self.octets()?;
        octets.skip_bindings(at)?;
        octets.cursor.length()?;
        Some(octets)
    }

    fn read_binding(self, index: usize, octets: &mut Octets<'t>) -> Option<Binding> {
        use of_binding::{ACCESS_NETWORK, CONNECTION, DEVICE, OTHER_TARGET, OWN, SECURE};
        let [flags, priority] = octets.cursor.array()?;
        let has = |flag: u8| flags & flag != 0;
        let shared = if has(OWN) {
            let mut room = Room::new();
            octets.add_counted(&mut room, false)?;
            SharedPart::read(room.octets())?
        } else {
            let number = octets.number()?;
            self.store.templates.with(number, SharedPart::read)??
        };
        let registration = octets.cursor.word()?;
        let call = octets.cursor.word()?;
        let device = if has(DEVICE) { octets.cursor.word()? } else { 0 };
        let fingerprint = if index > 0 { octets.cursor.word()? } else { load(self.line, FINGERPRINT) };
        let mut connection = None;
        if has(CONNECTION) {
            let (thread, name) = (octets.cursor.octet()?, octets.cursor.word()?);
            let id = ConnectionId { thread, slot: (name >> 32) as u32, generation: name as u32 };
            connection = Some(Connection { id, secure: has(SECURE) });
        }
        let (remote, target, contact) = match shared.through {
            Some(through) => through,
            None => {
                let remote = octets.cursor.take_address()?;
                let target = if has(OTHER_TARGET) { octets.cursor.take_address()? } else { remote };
                octets.holes.address = Some(remote.ip());
                (remote, target, octets.identity()?)
            }
        };
        let mut access_network_info = AccessNetworkInfo::EMPTY;
        if has(ACCESS_NETWORK) {
            access_network_info = AccessNetworkInfo::new(octets.text()?.octets());
        }
        let (word, _) = self.store.sequence(self.line, index)?;
        Some(Binding {
            access: shared.access,
            priority,
            contact,
            remote,
            target,
            local: shared.local,
            connection,
            network: shared.network,
            access_network_info,
            fingerprint,
            registration,
            device,
            call,
            sequence: word.load(super::sync::Ordering::Acquire) as u32,
        })
    }

    /// How many bindings there are.
    pub(super) fn count(self) -> usize {
        self.shape().bindings.into()
    }

    /// The bindings, by index.
    #[must_use]
    pub fn bindings(self) -> Each<'t, Binding> {
        Each { record: self, at: 0, count: self.count(), get: Self::binding }
    }

    /// Whether `text` is one of the public identities.
    #[must_use]
    pub fn has_identity(self, text: &[u8]) -> bool {
        self.identities().any(|identity| identity.as_bytes() == text)
    }

    /// The binding of the UE that sends from `address`.
    #[must_use]
    pub fn binding_from(self, address: SocketAddr) -> Option<usize> {
        self.bindings()
            .position(|binding| binding.access == AccessKind::Direct && same_address(binding.remote, address))
    }

    /// The record by itself.
    #[must_use]
    pub fn to_record(self) -> Record {
        let identities: Vec<_> = self.identities().collect();
        let bindings: Vec<_> = self.bindings().collect();
        let sets: Vec<_> = (0..identities.len()).map(|at| self.set(at)).collect();
        Record::of_parts(
            self.imsi(),
            self.msisdn(),
            self.private_identity(),
            (&identities, &sets, &self.ends()),
            &bindings,
        )
    }

    /// The subscriber without the identities of a set; `None` if none would be left that registered apart from it.
    #[must_use]
    pub fn without_set(self, set: u8) -> Option<Record> {
        self.to_record().without_set(set)
    }

    /// The same subscriber with other bindings; `None` if there are too many.
    #[must_use]
    pub fn with_bindings(self, bindings: &[Binding]) -> Option<Record> {
        self.to_record().with_bindings(bindings)
    }
}

/// With numbers masked, as debug output may reach a log.
impl fmt::Debug for Published<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_record().fmt(f)
    }
}
