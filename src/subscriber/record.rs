//! What is known about one subscriber.

use crate::base::{Connection, Time};
use crate::ident::{Identity, Imsi, Msisdn};
use core::fmt;
use core::net::SocketAddr;

/// How the subscriber reaches us.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum AccessKind {
    /// Through an S-CSCF, which registered the subscriber here as a third party (TS 24.229 5.4.1.7).
    Ims,
    /// The UE itself registered here (TR 23.804 8.1).
    Direct,
}

/// The value of P-Access-Network-Info at registration, at most 63 octets of text.
#[derive(Clone, Copy)]
pub struct AccessNetworkInfo {
    len: u8,
    text: [u8; Self::MAX],
}

impl AccessNetworkInfo {
    /// The longest value, in octets.
    pub const MAX: usize = 63;
    /// Unknown.
    pub const EMPTY: Self = Self { len: 0, text: [0; Self::MAX] };

    /// From the header's text, cut to 63 octets at a character's border; empty if it is not UTF-8.
    #[must_use]
    pub fn new(text: &[u8]) -> Self {
        let text = core::str::from_utf8(text).unwrap_or("");
        let cut = text.floor_char_boundary(Self::MAX);
        let mut info = Self { len: cut as u8, ..Self::EMPTY };
        if let (Some(room), Some(text)) = (info.text.get_mut(..cut), text.as_bytes().get(..cut)) {
            room.copy_from_slice(text);
        }
        info
    }

    /// The text; empty when unknown.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.text.get(..usize::from(self.len)).and_then(|text| core::str::from_utf8(text).ok()).unwrap_or("")
    }
}

impl PartialEq for AccessNetworkInfo {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for AccessNetworkInfo {}

impl fmt::Debug for AccessNetworkInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// One way to reach a subscriber. Until when it holds is an atomic word beside it: [`super::Subscriber::expiry`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Binding {
    /// Through an S-CSCF or directly.
    pub access: AccessKind,
    /// Which binding is tried first: the higher number.
    pub priority: u8,
    /// Where SIP goes: the S-CSCF's URI (the Contact of its REGISTER), or the UE's contact.
    pub contact: Identity,
    /// The signalling address of the S-CSCF, or of the UE as it sends: behind a NAT, the NAT's.
    pub remote: SocketAddr,
    /// Where requests are sent: `remote`, but for a UE that receives at another port than it sends from.
    pub target: SocketAddr,
    /// Our address that the registration came to.
    pub local: SocketAddr,
    /// The UE's stream, by which alone it is reached; none if it registered by UDP, or through an S-CSCF.
    pub connection: Option<Connection>,
    /// Index of the served network.
    pub network: u16,
    /// P-Access-Network-Info of the registration.
    pub access_network_info: AccessNetworkInfo,
    /// A keyed hash of all that the registration said but its expiry: the same again is a mere refresh.
    pub fingerprint: u64,
    /// A keyed hash of what names this binding among those of the subscriber: access and device, or contact.
    pub registration: u64,
    /// A keyed hash of what names the UE's device, which may have several flows, each a binding (RFC 5626); 0: nothing does.
    pub device: u64,
    /// A keyed hash of the REGISTER's Call-ID.
    pub call: u64,
    /// The REGISTER's CSeq.
    pub sequence: u32,
}

/// A subscriber's identities and bindings, by themselves. In the table they lie otherwise: [`super::Published`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    imsi: Option<Imsi>,
    msisdn: Option<Msisdn>,
    private_identity: Option<Identity>,
    identities: Box<[Identity]>,
    /// The set of each identity: those of one set register and leave together.
    sets: Box<[u8]>,
    /// Until when each set is registered, where there are several.
    ends: Box<[(u8, Time)]>,
    bindings: Box<[Binding]>,
}

impl Record {
    /// The most public identities of one subscriber.
    pub const IDENTITIES: usize = 32;
    /// The most bindings of one subscriber.
    pub const BINDINGS: usize = 4;
    /// The set of an identity that no S-CSCF's de-registration of another one ends: the URI of the subscriber's number, and
    /// what a UE registered itself.
    pub const EVERY_SET: u8 = u8::MAX;

    /// A record of an implicitly registered set, the default public identity first, and its bindings.
    /// `None` if the subscriber has no key at all (neither IMSI, MSISDN nor identity) or there are too many
    /// identities or bindings.
    #[must_use]
    pub fn new(
        imsi: Option<Imsi>,
        msisdn: Option<Msisdn>,
        private_identity: Option<Identity>,
        identities: &[Identity],
        bindings: &[Binding],
    ) -> Option<Self> {
        let known = imsi.is_some() || msisdn.is_some() || !identities.is_empty();
        let fits = identities.len() <= Self::IDENTITIES && bindings.len() <= Self::BINDINGS;
        (known && fits).then(|| Self {
            imsi,
            msisdn,
            private_identity,
            identities: identities.into(),
            sets: identities.iter().map(|_| 0).collect(),
            ends: [].into(),
            bindings: bindings.into(),
        })
    }

    /// A record that was one before: identities with their sets and their ends, and bindings.
    pub(super) fn of_parts(
        imsi: Option<Imsi>,
        msisdn: Option<Msisdn>,
        private_identity: Option<Identity>,
        (identities, sets, ends): (&[Identity], &[u8], &[(u8, Time)]),
        bindings: &[Binding],
    ) -> Self {
        Self {
            imsi,
            msisdn,
            private_identity,
            identities: identities.into(),
            sets: sets.into(),
            ends: ends.into(),
            bindings: bindings.into(),
        }
    }

    /// The same record, whose identities registered in these sets, one for each identity; without them they are one set.
    #[must_use]
    pub fn in_sets(mut self, sets: &[u8]) -> Self {
        if sets.len() == self.identities.len() {
            self.sets = sets.into();
        }
        self
    }

    /// The same record, whose sets are registered until these times. Where there is but one, its binding's expiry says all.
    #[must_use]
    pub fn until(mut self, ends: &[(u8, Time)]) -> Self {
        let is_there = |(set, _): &(u8, Time)| *set != Self::EVERY_SET && self.sets.contains(set);
        let ends: Vec<_> = ends.iter().copied().filter(is_there).collect();
        self.ends = if ends.len() > 1 { ends.into() } else { [].into() };
        self
    }

    /// Until when each set is registered, if there are several that registered apart; a binding of theirs lives as long as
    /// the last of them.
    #[must_use]
    pub fn ends(&self) -> &[(u8, Time)] {
        &self.ends
    }

    /// Until when the set of an identity is registered, if several registered apart.
    #[must_use]
    pub fn end_of(&self, identity: &Identity) -> Option<Time> {
        let set = self.set_of(identity)?;
        self.ends.iter().find(|(it, _)| *it == set).map(|(_, end)| *end)
    }

    /// The identities with their sets, the default one first.
    pub fn in_their_sets(&self) -> impl Iterator<Item = (Identity, u8)> + '_ {
        self.identities.iter().copied().zip(self.sets.iter().copied())
    }

    /// The set of a public identity of the subscriber's.
    #[must_use]
    pub fn set_of(&self, identity: &Identity) -> Option<u8> {
        self.in_their_sets().find(|(it, _)| it == identity).map(|(_, set)| set)
    }

    /// The subscriber without the identities of a set; `None` if none would be left that registered apart from it.
    #[must_use]
    pub fn without_set(&self, set: u8) -> Option<Self> {
        if set == Self::EVERY_SET || !self.sets.iter().any(|it| *it != set && *it != Self::EVERY_SET) {
            return None;
        }
        let (identities, sets): (Vec<_>, Vec<_>) = self.in_their_sets().filter(|(_, it)| *it != set).unzip();
        let rest = Self { identities: identities.into(), sets: sets.into(), ..self.clone() };
        Some(rest.until(&self.ends))
    }

    /// The same subscriber with other bindings; `None` if there are too many.
    #[must_use]
    pub fn with_bindings(&self, bindings: &[Binding]) -> Option<Self> {
        // Sets are an S-CSCF's: they go with its binding.
        let has_sets = bindings.iter().any(|binding| binding.access == AccessKind::Ims);
        let sets = self.sets.iter().map(|set| if has_sets { *set } else { Self::EVERY_SET });
        (bindings.len() <= Self::BINDINGS).then(|| Self {
            bindings: bindings.into(),
            sets: sets.collect(),
            ends: if has_sets { self.ends.clone() } else { [].into() },
            ..self.clone()
        })
    }

    /// The IMSI, if known.
    #[must_use]
    pub fn imsi(&self) -> Option<Imsi> {
        self.imsi
    }

    /// The MSISDN, if known.
    #[must_use]
    pub fn msisdn(&self) -> Option<Msisdn> {
        self.msisdn
    }

    /// The private user identity, if known.
    #[must_use]
    pub fn private_identity(&self) -> Option<Identity> {
        self.private_identity
    }

    /// The default public user identity, which is the Request-URI of what we send.
    #[must_use]
    pub fn default_identity(&self) -> Option<Identity> {
        self.identities.first().copied()
    }

    /// The public user identities, the default one first.
    pub fn identities(&self) -> impl ExactSizeIterator<Item = Identity> + '_ {
        self.identities.iter().copied()
    }

    /// The binding at `index`.
    #[must_use]
    pub fn binding(&self, index: usize) -> Option<Binding> {
        self.bindings.get(index).copied()
    }

    /// The bindings, by index.
    pub fn bindings(&self) -> impl ExactSizeIterator<Item = Binding> + '_ {
        self.bindings.iter().copied()
    }

    /// Whether `text` is one of the public identities.
    #[must_use]
    pub fn has_identity(&self, text: &[u8]) -> bool {
        self.identities.iter().any(|identity| identity.as_bytes() == text)
    }

    /// The binding of the UE that sends from `address`.
    #[must_use]
    pub fn binding_from(&self, address: SocketAddr) -> Option<usize> {
        self.bindings
            .iter()
            .position(|binding| binding.access == AccessKind::Direct && same_address(binding.remote, address))
    }
}

/// Whether two addresses name the same IP address and port; flow label and zone don't matter.
pub(super) fn same_address(a: SocketAddr, b: SocketAddr) -> bool {
    a.port() == b.port() && a.ip().to_canonical() == b.ip().to_canonical()
}

/// Names a subscriber for as long as it stays in the table, whatever it registers meanwhile; stale afterwards.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct SubscriberId {
    /// Its place in the table.
    pub slot: u32,
    /// How often the place had been used before.
    pub generation: u32,
}

impl SubscriberId {
    /// The name as one word.
    #[must_use]
    pub const fn to_u64(self) -> u64 {
        (self.generation as u64) << 32 | self.slot as u64
    }

    /// The name from [`SubscriberId::to_u64`].
    #[must_use]
    pub const fn from_u64(word: u64) -> Self {
        Self { slot: word as u32, generation: (word >> 32) as u32 }
    }
}
