//! What the HLR keeps of its subscribers (TS 23.008): who they are, which nodes serve them, and why a message could not
//! reach them.
//!
//! There may be millions, so a subscriber is 64 octets: the numbers of nodes, of which a network has few, stand in a
//! table of their own.

use core::num::NonZeroU16;
use ipsmgw::ident::{Digits, Imsi, Msisdn};
use ipsmgw::proto::map::subscription::{InsertSubscriberData, SubscriberStatus, Teleservice};
use ipsmgw::proto::map::{AbsentSubscriberDiagnostic, AddressString};
use serde::Deserialize;
use std::collections::BTreeMap;

/// A way to a subscriber.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Domain {
    /// Over IP, by the IP-SM-GW.
    IpSmGw,
    /// Circuit switched, by the MSC.
    Msc,
    /// Packet switched, by the SGSN.
    Sgsn,
}

impl Domain {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::IpSmGw, Self::Msc, Self::Sgsn];

    /// The domain that a diagnostic is about (TS 23.040 3.3.2): each names its own.
    #[must_use]
    pub const fn of(diagnostic: AbsentSubscriberDiagnostic) -> Option<Self> {
        match diagnostic.0 {
            0..=4 | 9 => Some(Self::Msc),
            5..=8 | 10 => Some(Self::Sgsn),
            11 | 12 => Some(Self::IpSmGw),
            _ => None,
        }
    }

    /// Why somebody can't be reached whom no node of this domain serves (TS 23.040 3.3.2).
    #[must_use]
    pub const fn deregistered(self) -> AbsentSubscriberDiagnostic {
        AbsentSubscriberDiagnostic(match self {
            Self::IpSmGw => 11,
            Self::Msc => 3,
            Self::Sgsn => 7,
        })
    }

    /// The same of somebody whom the node has purged. The IP-SM-GW's purgeMS is its de-registration.
    #[must_use]
    pub const fn purged(self) -> AbsentSubscriberDiagnostic {
        AbsentSubscriberDiagnostic(match self {
            Self::IpSmGw => 11,
            Self::Msc => 4,
            Self::Sgsn => 8,
        })
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// The order in which the domains are to be tried (H-4). Which comes first is "outside the scope" of the study (5.1.2),
/// and so the operator's; by default it is IP, "the preferred method" of one who is registered there (5.1.2.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(try_from = "[Domain; 3]")]
pub struct Priority([Domain; 3]);

impl Priority {
    /// The domains in order.
    #[must_use]
    pub const fn domains(self) -> [Domain; 3] {
        self.0
    }
}

impl Default for Priority {
    fn default() -> Self {
        Self(Domain::ALL)
    }
}

impl TryFrom<[Domain; 3]> for Priority {
    type Error = &'static str;

    fn try_from(domains: [Domain; 3]) -> Result<Self, Self::Error> {
        if Domain::ALL.iter().all(|domain| domains.contains(domain)) {
            Ok(Self(domains))
        } else {
            Err("expected each of \"ip-sm-gw\", \"msc\" and \"sgsn\" once")
        }
    }
}

/// Why a subscriber gets no messages (TS 29.002 17.7.7, CallBarringCause).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Barring {
    /// The subscriber's own barring of incoming calls (TS 22.088).
    ServiceActive = 0,
    /// The operator's (TS 22.041).
    Operator = 1,
}

/// What the HLR knows of gateways before any of them registers somebody (H-1).
#[derive(Clone, Default, Debug)]
pub struct Gateways {
    /// The numbers of gateways. Only from them a registration is taken; and an updateGprsLocation of theirs is a
    /// registration, which leaves the subscriber's SGSN where it is (R-1, G-4).
    pub numbers: Vec<Digits>,
    /// The one gateway of all subscribers who have none of their own (5.1.2.2: "pre-defined as a single address").
    pub predefined: Option<Digits>,
    /// Gateways don't register their users (8.7 steps 5 and 6 are left out): who has a predefined gateway can always
    /// be reached there, as far as the HLR knows.
    pub without_exchange: bool,
}

impl Gateways {
    /// Whether this is the number of a gateway.
    #[must_use]
    pub fn contains(&self, number: AddressString) -> bool {
        self.numbers.contains(&number.digits) || self.predefined == Some(number.digits)
    }
}

/// A subscriber's place in [`Subscribers`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct SubscriberId(u32);

impl SubscriberId {
    /// As a word that comes back.
    pub(crate) const fn to_u32(self) -> u32 {
        self.0
    }

    /// Of such a word.
    pub(crate) const fn from_u32(word: u32) -> Self {
        Self(word)
    }
}

/// A number's place in [`Nodes`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NodeId(NonZeroU16);

/// The numbers of nodes: MSCs, VLRs, SGSNs, gateways and service centres.
#[derive(Default)]
pub struct Nodes {
    numbers: Vec<AddressString>,
    places: BTreeMap<(u8, u8, Digits), NodeId>,
}

impl Nodes {
    /// The place of a number, which it gets now if it has none; `None` if there are 65,535 already.
    pub fn place(&mut self, number: AddressString) -> Option<NodeId> {
        let key = (number.nature.0, number.plan.0, number.digits);
        if let Some(&place) = self.places.get(&key) {
            return Some(place);
        }
        let place = NodeId(NonZeroU16::new(u16::try_from(self.numbers.len() + 1).ok()?)?);
        self.numbers.push(number);
        self.places.insert(key, place);
        Some(place)
    }

    /// The number at a place.
    #[must_use]
    pub fn number(&self, place: NodeId) -> Option<AddressString> {
        self.numbers.get(usize::from(place.0.get()) - 1).copied()
    }
}

/// No diagnostic: TS 23.040 has but a few.
const NO_REASON: u8 = u8::MAX;

/// A subscriber.
#[derive(Clone, Copy, Debug)]
pub struct Subscriber {
    /// The IMSI.
    pub imsi: Imsi,
    /// The number, also MSIsdn-Alert (TS 23.040 3.2.6).
    pub msisdn: Msisdn,
    vlr: Option<NodeId>,
    msc: Option<NodeId>,
    sgsn: Option<NodeId>,
    /// The gateway that registered the subscriber.
    ip_sm_gw: Option<NodeId>,
    /// The subscriber's gateway by subscription (8.7 step 5: "on a per subscriber basis").
    predefined: Option<NodeId>,
    /// The network whose subscriber it is.
    pub home: u16,
    /// The flag of 5.1.2.1: a gateway has registered the subscriber.
    ip_registered: bool,
    /// UNRI, MNRF and MNRG, by [`Domain::bit`].
    unreachable: u8,
    /// UNRR, MNRR-MSC and MNRR-SGSN, or [`NO_REASON`].
    reasons: [u8; 3],
    /// MCEF: the mobile's memory is full (TS 23.040 3.2.7).
    pub memory_full: bool,
    /// Short message MT/PP is provisioned (TS 22.003 TS21).
    pub teleservice_mt: bool,
    /// Short message MO/PP is provisioned (TS22).
    pub teleservice_mo: bool,
    /// Messages for the subscriber are barred.
    pub barring: Option<Barring>,
    /// An order of domains of the subscriber's own.
    pub priority: Option<Priority>,
}

impl Subscriber {
    const fn new(home: u16, imsi: Imsi, msisdn: Msisdn) -> Self {
        Self {
            imsi,
            msisdn,
            vlr: None,
            msc: None,
            sgsn: None,
            ip_sm_gw: None,
            predefined: None,
            home,
            ip_registered: false,
            unreachable: 0,
            reasons: [NO_REASON; 3],
            memory_full: false,
            teleservice_mt: true,
            teleservice_mo: true,
            barring: None,
            priority: None,
        }
    }

    /// Whether a gateway has registered the subscriber (5.1.2.1).
    #[must_use]
    pub const fn is_ip_registered(&self) -> bool {
        self.ip_registered
    }

    /// MNRF, MNRG or UNRI: the domain's flag that a message did not reach the subscriber (TS 23.040 3.2.7, TS 23.008 3.2.5).
    #[must_use]
    pub const fn is_unreachable(&self, domain: Domain) -> bool {
        self.unreachable & domain.bit() != 0
    }

    /// Why (MNRR-MSC, MNRR-SGSN, UNRR); remembered of a purged or de-registered subscriber too, whose flag is not set.
    #[must_use]
    pub fn reason(&self, domain: Domain) -> Option<AbsentSubscriberDiagnostic> {
        let reason = self.reasons[domain as usize];
        (reason != NO_REASON).then_some(AbsentSubscriberDiagnostic(reason))
    }

    /// Whether a message did not reach the subscriber in any domain, or found no room.
    #[must_use]
    pub const fn has_flags(&self) -> bool {
        self.unreachable != 0 || self.memory_full
    }

    /// Sets the domain's flag. A reason that is not told leaves the one that is known.
    pub fn set_unreachable(&mut self, domain: Domain, reason: Option<AbsentSubscriberDiagnostic>) {
        self.unreachable |= domain.bit();
        if let Some(reason) = reason {
            self.reasons[domain as usize] = reason.0;
        }
    }

    /// Clears the domain's flag with its reason.
    pub fn set_reachable(&mut self, domain: Domain) {
        self.unreachable &= !domain.bit();
        self.reasons[domain as usize] = NO_REASON;
    }

    /// What updateGprsLocation and updateLocation tell the node that asks: the number of whom it serves (H-2), and what of
    /// the short message service is provisioned (TS 29.002 8.8.1).
    #[must_use]
    pub fn data(&self) -> InsertSubscriberData {
        let services = [
            (self.teleservice_mt, Teleservice::SHORT_MESSAGE_MT_PP),
            (self.teleservice_mo, Teleservice::SHORT_MESSAGE_MO_PP),
        ];
        let barred = self.barring == Some(Barring::Operator);
        InsertSubscriberData {
            imsi: None,
            msisdn: Some(self.msisdn.into()),
            status: Some(match barred {
                true => SubscriberStatus::OperatorDeterminedBarring,
                false => SubscriberStatus::ServiceGranted,
            }),
            teleservices: Some(
                services.iter().filter(|(has, _)| *has).map(|(_, service)| *service).collect(),
            ),
        }
    }
}

/// What another subscriber has already.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Taken {
    /// The IMSI.
    Imsi(Imsi),
    /// The number.
    Msisdn(Msisdn),
    /// All places.
    Places,
}

impl core::fmt::Display for Taken {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Imsi(imsi) => write!(f, "IMSI {imsi} is given twice"),
            Self::Msisdn(number) => write!(f, "number {number} is given twice"),
            Self::Places => f.write_str("too many subscribers"),
        }
    }
}

impl core::error::Error for Taken {}

/// There are more nodes than numbers can be kept of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooManyNodes;

/// The subscribers of an HLR.
#[derive(Default)]
pub struct Subscribers {
    list: Vec<Subscriber>,
    by_imsi: BTreeMap<Imsi, SubscriberId>,
    by_msisdn: BTreeMap<Msisdn, SubscriberId>,
    /// The numbers of nodes.
    pub nodes: Nodes,
    ip_registered: usize,
}

impl Subscribers {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many of them a gateway has registered.
    #[must_use]
    pub const fn ip_registered(&self) -> usize {
        self.ip_registered
    }

    /// Adds a subscriber with all short message services, whom no node serves.
    ///
    /// # Errors
    /// What another subscriber has already; nothing has changed then.
    pub fn add(&mut self, home: u16, imsi: Imsi, msisdn: Msisdn) -> Result<SubscriberId, Taken> {
        let id = SubscriberId(u32::try_from(self.list.len()).map_err(|_| Taken::Places)?);
        self.check(imsi, msisdn)?;
        self.by_imsi.insert(imsi, id);
        self.by_msisdn.insert(msisdn, id);
        self.list.push(Subscriber::new(home, imsi, msisdn));
        Ok(id)
    }

    /// Adds `count` subscribers, numbered from 1: the number fills the IMSI up to 15 digits, and makes six digits or more
    /// of the MSISDN, as in the configuration's `subscribers`.
    ///
    /// # Errors
    /// Says which subscriber is wrong; nothing has changed then.
    pub fn generate(
        &mut self,
        home: u16,
        (imsi, msisdn): (Digits, Digits),
        count: u32,
    ) -> Result<(), String> {
        let first = u32::try_from(self.list.len()).map_err(|_| Taken::Places.to_string())?;
        first.checked_add(count).ok_or_else(|| Taken::Places.to_string())?;
        let width = 15usize.saturating_sub(imsi.len());
        let one = |number| {
            let imsi = numbered(imsi, number, width).and_then(Imsi::new);
            let msisdn = numbered(msisdn, number, 6).and_then(Msisdn::new);
            match (imsi, msisdn) {
                (Some(imsi), Some(msisdn)) => Ok(Subscriber::new(home, imsi, msisdn)),
                _ => Err(format!("subscriber {number}: the IMSI or the number is too long")),
            }
        };
        let mut list = Vec::with_capacity(count as usize);
        for number in 1..=count {
            list.push(one(number)?);
        }
        for subscriber in list.iter().filter(|_| first > 0) {
            self.check(subscriber.imsi, subscriber.msisdn).map_err(|taken| taken.to_string())?;
        }
        // Trees that are made at once are made quickly, and full.
        let numbered = || list.iter().zip(first..);
        self.by_imsi.append(&mut numbered().map(|(one, id)| (one.imsi, SubscriberId(id))).collect());
        self.by_msisdn.append(&mut numbered().map(|(one, id)| (one.msisdn, SubscriberId(id))).collect());
        match first {
            0 => self.list = list,
            _ => self.list.extend(list),
        }
        Ok(())
    }

    /// Whether both are free.
    fn check(&self, imsi: Imsi, msisdn: Msisdn) -> Result<(), Taken> {
        match (self.by_msisdn.contains_key(&msisdn), self.by_imsi.contains_key(&imsi)) {
            (true, _) => Err(Taken::Msisdn(msisdn)),
            (_, true) => Err(Taken::Imsi(imsi)),
            _ => Ok(()),
        }
    }

    /// The subscriber of an IMSI.
    #[must_use]
    pub fn by_imsi(&self, imsi: Imsi) -> Option<SubscriberId> {
        self.by_imsi.get(&imsi).copied()
    }

    /// The subscriber of a number.
    #[must_use]
    pub fn by_msisdn(&self, msisdn: Msisdn) -> Option<SubscriberId> {
        self.by_msisdn.get(&msisdn).copied()
    }

    /// What is known of a subscriber.
    #[must_use]
    pub fn get(&self, id: SubscriberId) -> Option<&Subscriber> {
        self.list.get(id.0 as usize)
    }

    /// The same, to change it.
    pub fn get_mut(&mut self, id: SubscriberId) -> Option<&mut Subscriber> {
        self.list.get_mut(id.0 as usize)
    }

    /// The number of the node that serves a subscriber in a domain, as far as the HLR knows.
    ///
    /// With the gateway that registered the subscriber, the flag is kept by registrations; the address that counts is the one
    /// that came with it. Without that exchange (8.7 step 5) it is the predefined one, and nobody can tell whether the
    /// subscriber is there.
    #[must_use]
    pub fn node(&self, id: SubscriberId, domain: Domain, gateways: &Gateways) -> Option<AddressString> {
        let subscriber = self.get(id)?;
        let place = match domain {
            Domain::Msc => subscriber.msc,
            Domain::Sgsn => subscriber.sgsn,
            Domain::IpSmGw if subscriber.ip_registered => subscriber.ip_sm_gw.or(subscriber.predefined),
            Domain::IpSmGw if gateways.without_exchange => subscriber.predefined,
            Domain::IpSmGw => return None,
        };
        match (place, domain) {
            (Some(place), _) => self.nodes.number(place),
            (None, Domain::IpSmGw) => gateways.predefined.map(AddressString::international),
            (None, _) => None,
        }
    }

    /// The VLR of a subscriber.
    #[must_use]
    pub fn vlr(&self, id: SubscriberId) -> Option<AddressString> {
        self.nodes.number(self.get(id)?.vlr?)
    }

    /// Gives a subscriber a gateway of its own, before any registration (H-1).
    ///
    /// # Errors
    /// If the number can't be kept.
    pub fn predefine_ip_sm_gw(
        &mut self,
        id: SubscriberId,
        number: AddressString,
    ) -> Result<(), TooManyNodes> {
        let place = self.nodes.place(number).ok_or(TooManyNodes)?;
        if let Some(subscriber) = self.get_mut(id) {
            subscriber.predefined = Some(place);
        }
        Ok(())
    }

    /// 8.1 step 4: stores the gateway's address and sets the flag. Whether the flag was not set before.
    ///
    /// # Errors
    /// If the number can't be kept.
    pub fn register_ip_sm_gw(
        &mut self,
        id: SubscriberId,
        number: AddressString,
    ) -> Result<bool, TooManyNodes> {
        let place = self.nodes.place(number).ok_or(TooManyNodes)?;
        let Some(subscriber) = self.get_mut(id) else { return Ok(false) };
        subscriber.ip_sm_gw = Some(place);
        let new = !core::mem::replace(&mut subscriber.ip_registered, true);
        self.ip_registered += usize::from(new);
        Ok(new)
    }

    /// 8.2.1 step 3, 8.2.2 step 2, 8.8 step 6: deletes the gateway's address and the flag. Whether the flag was set.
    ///
    /// What is deleted is what a registration brought. A predefined address is subscription data and stays (TS 23.204
    /// 6.2.1), but without the flag nothing is sent there, unless no gateway registers anybody: then there is nothing
    /// to de-register either (8.8 step 5).
    pub fn deregister_ip_sm_gw(&mut self, id: SubscriberId) -> bool {
        let Some(subscriber) = self.get_mut(id) else { return false };
        subscriber.ip_sm_gw = None;
        subscriber.reasons[Domain::IpSmGw as usize] = Domain::IpSmGw.deregistered().0;
        let was = core::mem::replace(&mut subscriber.ip_registered, false);
        self.ip_registered -= usize::from(was);
        was
    }

    /// updateLocation (TS 29.002 8.1.2): an MSC with its VLR serves the subscriber from now on. The VLR that did before,
    /// if that is another.
    ///
    /// # Errors
    /// If a number can't be kept.
    pub fn update_location(
        &mut self,
        id: SubscriberId,
        (msc, vlr): (AddressString, AddressString),
    ) -> Result<Option<AddressString>, TooManyNodes> {
        let places = (self.nodes.place(msc).ok_or(TooManyNodes)?, self.nodes.place(vlr).ok_or(TooManyNodes)?);
        let Some(subscriber) = self.get_mut(id) else { return Ok(None) };
        let before = subscriber.vlr.replace(places.1).filter(|before| *before != places.1);
        subscriber.msc = Some(places.0);
        Ok(before.and_then(|before| self.nodes.number(before)))
    }

    /// updateGprsLocation of an SGSN (TS 29.002 8.1.7). A gateway's is [`Subscribers::register_ip_sm_gw`]. The SGSN that
    /// served the subscriber before, if that is another.
    ///
    /// # Errors
    /// If the number can't be kept.
    pub fn update_gprs_location(
        &mut self,
        id: SubscriberId,
        sgsn: AddressString,
    ) -> Result<Option<AddressString>, TooManyNodes> {
        let place = self.nodes.place(sgsn).ok_or(TooManyNodes)?;
        let Some(subscriber) = self.get_mut(id) else { return Ok(None) };
        let before = subscriber.sgsn.replace(place).filter(|before| *before != place);
        Ok(before.and_then(|before| self.nodes.number(before)))
    }

    /// purgeMS (TS 29.002 8.1.6): the node knows the subscriber no longer. The domain that lost its node; none if the
    /// subscriber has moved on, for then the purge comes from the previous node (TS 29.002 19.1.4).
    pub fn purge_ms(&mut self, id: SubscriberId, number: AddressString, vlr: bool) -> Option<Domain> {
        let is = |place: Option<NodeId>, nodes: &Nodes| {
            place.and_then(|place| nodes.number(place)).is_some_and(|known| known.digits == number.digits)
        };
        let subscriber = *self.get(id)?;
        let domain = match vlr {
            true if is(subscriber.vlr, &self.nodes) => Domain::Msc,
            false if is(subscriber.sgsn, &self.nodes) => Domain::Sgsn,
            false if is(subscriber.ip_sm_gw, &self.nodes) => Domain::IpSmGw,
            _ => return None,
        };
        if domain == Domain::IpSmGw {
            self.deregister_ip_sm_gw(id);
        }
        let subscriber = self.get_mut(id)?;
        match domain {
            Domain::Msc => (subscriber.msc, subscriber.vlr) = (None, None),
            Domain::Sgsn => subscriber.sgsn = None,
            Domain::IpSmGw => {}
        }
        subscriber.reasons[domain as usize] = domain.purged().0;
        Some(domain)
    }
}

/// `prefix` with `number` behind it, in `width` digits at least.
fn numbered(prefix: Digits, number: u32, width: usize) -> Option<Digits> {
    let mut digits = [0; 10];
    let mut count = 0;
    let mut rest = number;
    while rest > 0 {
        digits[count] = (rest % 10) as u8;
        rest /= 10;
        count += 1;
    }
    let zeros = (count..width).map(|_| 0);
    zeros.chain(digits[..count].iter().rev().copied()).try_fold(prefix, Digits::with)
}

#[cfg(test)]
mod tests;
