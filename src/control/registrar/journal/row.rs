//! The rows of the store: what there is to restore of a subscriber, of what an HLR is owed, and of whom is watched.
//!
//! A key is kind and shard, then the name. A value begins with the number of the record that wrote it. What is restored lives
//! for as long again as it was granted, so that rows have spans and no times.

use super::octets::{Octets, address, digits, identity, several, text};
use super::{Name, RowKey};
use crate::base::{Connection, ConnectionId, Time};
use crate::codec::Reader;
use crate::codec::crc32c::crc32c;
use crate::control::registrar::r1::Party;
use crate::control::registrar::reg_event::Watched;
use crate::control::store::Kind;
use crate::control::subscribers::Known;
use crate::gateway::mailbox::{RegisterRequest, Registrant};
use crate::ident::{Identity, Imsi, Msisdn, Wildcard, WorkerId};
use crate::stack::Deferred;
use crate::subscriber::{
    AccessKind, AccessNetworkInfo, Binding, Image, Loading, Published, Record, Scratch, Subscriber, Writer,
};

/// A stream of a life before this one: no connection has this name, so that nothing is sent by it.
const GONE: ConnectionId = ConnectionId { thread: u8::MAX, slot: u32::MAX, generation: u32::MAX };

/// The places of served networks in the configuration and, which no change of that moves, in the store.
#[derive(Clone, Default, Debug)]
pub(crate) struct Networks {
    /// By the place in the configuration.
    stored: Vec<u16>,
    /// By the place in the store; none: it is served no more.
    served: Vec<Option<u16>>,
}

impl Networks {
    /// `served` are the names in the configuration, `stored` those in the store, which has all of these and perhaps others.
    pub(crate) fn new(served: &[String], stored: &[String]) -> Self {
        let place = |name: &String, names: &[String]| {
            names.iter().position(|it| it == name).and_then(|at| u16::try_from(at).ok())
        };
        Self {
            stored: served.iter().map(|name| place(name, stored).unwrap_or(u16::MAX)).collect(),
            served: stored.iter().map(|name| place(name, served)).collect(),
        }
    }

    fn stored(&self, network: u16) -> u16 {
        self.stored.get(usize::from(network)).copied().unwrap_or(u16::MAX)
    }

    fn served(&self, stored: u16) -> Option<u16> {
        self.served.get(usize::from(stored)).copied().flatten()
    }
}

/// A row that is not what was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Unreadable;

impl Name {
    /// What the row of a subscriber is called.
    pub(crate) fn of(subscriber: Published<'_>) -> Option<Self> {
        Self::first(subscriber.imsi(), subscriber.msisdn(), || subscriber.default_identity())
    }

    /// The same of a record by itself.
    pub(crate) fn of_record(record: &Record) -> Option<Self> {
        Self::first(record.imsi(), record.msisdn(), || record.default_identity())
    }

    fn first(
        imsi: Option<Imsi>,
        msisdn: Option<Msisdn>,
        identity: impl FnOnce() -> Option<Identity>,
    ) -> Option<Self> {
        let by_msisdn = || msisdn.map(Self::Msisdn);
        imsi.map(Self::Imsi).or_else(by_msisdn).or_else(|| identity().map(Self::Identity))
    }

    pub(crate) fn shard(&self) -> u8 {
        match self {
            Self::Imsi(imsi) => Loading::shard_of_imsi(*imsi),
            Self::Msisdn(msisdn) => Loading::shard_of(&msisdn.digits().to_u128().to_be_bytes()),
            Self::Identity(identity) => Loading::shard_of(identity.as_bytes()),
        }
    }
}

/// The key of a row.
pub(crate) fn key_of(row: &RowKey, networks: &Networks) -> Box<[u8]> {
    let mut key = Octets::default();
    match row {
        RowKey::Subscriber(name) => {
            key.u8(Kind::Subscriber as u8);
            key.u8(name.shard());
            match name {
                Name::Imsi(imsi) => {
                    key.u8(1);
                    key.digits(Some(imsi.digits()));
                }
                Name::Msisdn(msisdn) => {
                    key.u8(2);
                    key.digits(Some(msisdn.digits()));
                }
                Name::Identity(identity) => {
                    key.u8(3);
                    key.identity(Some(*identity));
                }
            }
        }
        RowKey::Owed(party) => {
            key.u8(Kind::Owed as u8);
            key.u8(Loading::shard_of_imsi(party.imsi));
            key.u16(networks.stored(party.network));
            key.digits(Some(party.imsi.digits()));
        }
        RowKey::Watched(watched) => {
            key.u8(Kind::Watched as u8);
            key.u8(Loading::shard_of(watched.identity.as_bytes()));
            key.u16(networks.stored(watched.network));
            key.identity(Some(watched.identity));
        }
        RowKey::Ended((imsi, name, call)) => {
            key.u8(Kind::Ended as u8);
            key.u8(imsi.map_or_else(|| Loading::shard_of(&name.to_be_bytes()), Loading::shard_of_imsi));
            key.digits(imsi.map(Imsi::digits));
            key.u64(*name);
            key.u64(*call);
        }
    }
    key.0.into()
}

/// What a key names; `Ok(None)`: something about a network that is served no more.
pub(crate) fn read_key(key: &[u8], networks: &Networks) -> Result<Option<RowKey>, Unreadable> {
    let mut key = Reader::new(key);
    let read = |key: &mut Reader<'_>| {
        let kind = key.u8()?;
        let _shard = key.u8()?;
        Some(match kind {
            kind if kind == Kind::Subscriber as u8 => Some(RowKey::Subscriber(match key.u8()? {
                1 => Name::Imsi(Imsi::new(digits(key)??)?),
                2 => Name::Msisdn(Msisdn::new(digits(key)??)?),
                3 => Name::Identity(identity(key)??),
                _ => return None,
            })),
            kind if kind == Kind::Owed as u8 => {
                let network = networks.served(key.u16()?);
                let imsi = Imsi::new(digits(key)??)?;
                network.map(|network| RowKey::Owed(Party { network, imsi }))
            }
            kind if kind == Kind::Watched as u8 => {
                let network = networks.served(key.u16()?);
                let identity = identity(key)??;
                network.map(|network| RowKey::Watched(Watched { network, identity }))
            }
            kind if kind == Kind::Ended as u8 => {
                let imsi = digits(key)?.map(|digits| Imsi::new(digits).ok_or(())).transpose().ok()?;
                Some(RowKey::Ended((imsi, word(key)?, word(key)?)))
            }
            _ => return None,
        })
    };
    read(&mut key).filter(|_| key.is_empty()).ok_or(Unreadable)
}

/// A subscriber with his bindings, as he lies in the row: what the table had of him, and until when.
#[derive(Clone)]
pub(crate) struct SubscriberRow<'r> {
    /// What was registered, with the store's places of networks.
    pub(crate) image: Image<'r>,
    /// For how long each binding was granted, in seconds, which is how long it lives from now on; and its newest CSeq.
    pub(crate) bindings: [(u32, u32); Record::BINDINGS],
    /// When the HLR last said that it knows us to serve him, in seconds since 1970; 0 if it did not.
    pub(crate) told: u64,
    /// Whether his number is the one that the HLR told.
    pub(crate) is_number_told: bool,
}

/// A subscriber by himself, with the configuration's places of networks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Apart {
    /// What was registered. Bindings by networks that are served no more are not here.
    pub(crate) record: Record,
    /// How long each binding lives from now on, in seconds.
    pub(crate) periods: Vec<u32>,
    /// Bindings that were left out.
    pub(crate) left_out: usize,
}

impl<'r> SubscriberRow<'r> {
    /// Where the number of bindings stands: behind the number of the record, what the HLR said, and whether that was his number.
    const COUNT: usize = 8 + 8 + 1;

    /// The value of a subscriber's row; `None` if he is not in the table.
    pub(crate) fn write(
        sequence: u64,
        (table, subscriber): (&Writer, &Subscriber<'_>),
        periods: &[u32],
        (told, is_number_told): (u64, bool),
        networks: &Networks,
    ) -> Option<Box<[u8]>> {
        let mut row = Octets(Vec::with_capacity(320));
        row.u64(sequence);
        row.u64(told);
        row.u8(is_number_told.into());
        let count = subscriber.record().bindings().len();
        row.u8(count as u8);
        for at in 0..count {
            row.u32(periods.get(at).copied().unwrap_or(0));
            row.u32(subscriber.sequence(at));
        }
        table.write_image(subscriber, (|network| networks.stored(network), GONE), &mut row.0)?;
        row.u32(crc32c(&row.0));
        Some(row.0.into())
    }

    /// Where the image begins in a row, if it is one.
    pub(crate) fn image_in(row: &[u8]) -> &[u8] {
        let count = row.get(Self::COUNT).copied().unwrap_or(0);
        row.get(Self::COUNT + 1 + 8 * usize::from(count)..).unwrap_or_default()
    }

    /// Reads one.
    pub(crate) fn read(row: &'r [u8]) -> Result<Self, Unreadable> {
        Self::of(row).ok_or(Unreadable)
    }

    fn of(row: &'r [u8]) -> Option<Self> {
        let (row, sum) = row.split_last_chunk()?;
        if crc32c(row) != u32::from_be_bytes(*sum) {
            return None;
        }
        let mut row = Reader::new(row);
        let _sequence = word(&mut row)?;
        let told = word(&mut row)?;
        let is_number_told = row.u8()? != 0;
        let count = usize::from(row.u8()?);
        let mut bindings = [(0, 0); Record::BINDINGS];
        for binding in bindings.get_mut(..count)? {
            *binding = (row.u32()?, row.u32()?);
        }
        let image = Image::read(row.rest()).filter(|image| image.count() == count)?;
        Some(Self { image, bindings, told, is_number_told })
    }

    /// The bindings' periods and CSeqs.
    pub(crate) fn bindings(&self) -> &[(u32, u32)] {
        self.bindings.get(..self.image.count()).unwrap_or_default()
    }

    /// The networks of his bindings, and whether each is by a stream. `None` if not all of them stand in the configuration where they
    /// stand in the store.
    pub(crate) fn networks(&self, networks: &Networks) -> Option<impl Iterator<Item = (u16, bool)> + '_> {
        let stands = |(network, _): (u16, bool)| networks.served(network) == Some(network);
        self.image.networks().all(stands).then(|| self.image.networks())
    }

    /// Takes him apart; times of identities that registered apart begin at `now`.
    pub(crate) fn apart(
        &self,
        now: Time,
        networks: &Networks,
        scratch: &mut Scratch,
    ) -> Result<Apart, Unreadable> {
        let sequences: Vec<u32> = self.bindings().iter().map(|(_, sequence)| *sequence).collect();
        let record = self.image.to_record(scratch, &sequences).ok_or(Unreadable)?;
        let all = record.bindings().zip(self.bindings());
        let (bindings, periods): (Vec<_>, Vec<_>) = all
            .filter_map(|(binding, (period, _))| {
                let network = networks.served(binding.network)?;
                Some((Binding { network, ..binding }, *period))
            })
            .unzip();
        let is_ims = |binding: &Binding| binding.access == AccessKind::Ims;
        let of_sets = bindings.iter().position(is_ims).and_then(|at| periods.get(at));
        let end = now + core::time::Duration::from_secs(of_sets.copied().unwrap_or(0).into());
        let ends: Vec<_> = record.ends().iter().map(|(set, _)| (*set, end)).collect();
        let left_out = record.bindings().len() - bindings.len();
        let (identities, sets): (Vec<_>, Vec<_>) = record.in_their_sets().unzip();
        let (imsi, msisdn, private) = (record.imsi(), record.msisdn(), record.private_identity());
        let record = Record::new(imsi, msisdn, private, &identities, &bindings).ok_or(Unreadable)?;
        Ok(Apart { left_out, record: record.in_sets(&sets).until(&ends), periods })
    }
}

/// Of a stream only what it was is kept: it ends with the process.
fn write_connection(row: &mut Octets, connection: Option<Connection>) {
    row.u8(match connection {
        None => 0,
        Some(Connection { secure: false, .. }) => 1,
        Some(Connection { secure: true, .. }) => 2,
    });
}

fn read_connection(row: &mut Reader<'_>) -> Option<Option<Connection>> {
    match row.u8()? {
        0 => Some(None),
        kind @ 1..=2 => Some(Some(Connection { id: GONE, secure: kind == 2 })),
        _ => None,
    }
}

/// What an HLR is yet to be told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct OwedRow {
    /// That the subscriber is registered here, or that he is not.
    pub(crate) wanted: bool,
}

impl OwedRow {
    pub(crate) fn write(self, sequence: u64) -> Box<[u8]> {
        let mut row = Octets::default();
        row.u64(sequence);
        row.u8(self.wanted.into());
        row.0.into()
    }

    pub(crate) fn read(row: &[u8]) -> Result<Self, Unreadable> {
        let mut row = Reader::new(row);
        let read = word(&mut row).and_then(|_| row.u8());
        match read.filter(|_| row.is_empty()) {
            Some(wanted @ 0..=1) => Ok(Self { wanted: wanted == 1 }),
            _ => Err(Unreadable),
        }
    }
}

/// A de-registration of late.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct EndedRow {
    /// CSeq: what is older than that comes too late.
    pub(crate) cseq: u32,
}

impl EndedRow {
    pub(crate) fn write(self, sequence: u64) -> Box<[u8]> {
        let mut row = Octets::default();
        row.u64(sequence);
        row.u32(self.cseq);
        row.0.into()
    }

    pub(crate) fn read(row: &[u8]) -> Result<Self, Unreadable> {
        let mut row = Reader::new(row);
        let read = word(&mut row).and_then(|_| row.u32());
        read.filter(|_| row.is_empty()).map(|cseq| Self { cseq }).ok_or(Unreadable)
    }
}

/// Whose registration state is watched: the REGISTER that says so, without what nobody asks for any more.
pub(crate) struct WatchedRow {
    pub(crate) request: RegisterRequest,
    pub(crate) known: Known,
}

impl WatchedRow {
    pub(crate) fn write(sequence: u64, request: &RegisterRequest, known: Known) -> Box<[u8]> {
        let mut row = Octets(Vec::with_capacity(320));
        row.u64(sequence);
        row.digits(known.imsi.map(Imsi::digits));
        row.digits(known.msisdn.map(Msisdn::digits));
        row.identity(request.contact);
        row.address(request.remote);
        row.address(request.local);
        write_connection(&mut row, request.connection);
        row.u32(request.expires_s);
        row.u64(request.call);
        row.u32(request.sequence);
        row.text(request.access_network_info.as_str().as_bytes());
        row.u64(request.fingerprint);
        let (private, associated, wildcards): (_, &[Identity], &[Wildcard]) = match &request.registrant {
            Registrant::Scscf { private_identity, associated, wildcards, .. } => {
                (*private_identity, associated, wildcards)
            }
            Registrant::Ue(_) => (None, &[], &[]),
        };
        row.identity(private);
        let others: Vec<Identity> = associated.iter().copied().take(Record::IDENTITIES).collect();
        row.u8(others.len() as u8);
        others.iter().for_each(|identity| row.identity(Some(*identity)));
        row.u8(wildcards.len().min(Record::IDENTITIES) as u8);
        wildcards.iter().take(Record::IDENTITIES).for_each(|it| row.identity(Some(it.identity())));
        row.0.into()
    }

    /// Reads one; a worker of `workers` sends for it.
    pub(crate) fn read(row: &[u8], watched: Watched, workers: u8) -> Result<Self, Unreadable> {
        let mut row = Reader::new(row);
        read_watched(&mut row, watched, workers).filter(|_| row.is_empty()).ok_or(Unreadable)
    }
}

fn read_watched(row: &mut Reader<'_>, watched: Watched, workers: u8) -> Option<WatchedRow> {
    let _sequence = word(row)?;
    let imsi = digits(row)?.map(|digits| Imsi::new(digits).ok_or(())).transpose().ok()?;
    let msisdn = digits(row)?.map(|digits| Msisdn::new(digits).ok_or(())).transpose().ok()?;
    let contact = identity(row)?;
    let (remote, local) = (address(row)?, address(row)?);
    let connection = read_connection(row)?;
    let (expires_s, call, sequence) = (row.u32()?, word(row)?, row.u32()?);
    let access_network_info = AccessNetworkInfo::new(text(row)?);
    let fingerprint = word(row)?;
    let private_identity = identity(row)?;
    let associated = several(row, Record::IDENTITIES, |row| identity(row)?)?;
    let wildcards = several(row, Record::IDENTITIES, |row| Wildcard::new(identity(row)??))?;
    let registrant = Registrant::Scscf {
        network: watched.network,
        private_identity,
        associated,
        wildcards,
        service_info: vec![],
    };
    let spread = Loading::shard_of(watched.identity.as_bytes());
    let request = RegisterRequest {
        registrant,
        public_identity: watched.identity,
        contact,
        remote,
        local,
        connection,
        expires_s,
        call,
        sequence,
        access_network_info,
        worker: WorkerId(spread % workers.max(1)),
        reply_to: Deferred::NOBODY,
        fingerprint,
    };
    Some(WatchedRow { request, known: Known { imsi, msisdn } })
}

fn word(row: &mut Reader<'_>) -> Option<u64> {
    row.array().map(u64::from_be_bytes)
}
