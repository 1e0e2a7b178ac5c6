//! The Home Location Register with its authentication centre: who subscribes, which node takes messages for them, and the
//! vectors that prove them.

mod node;

pub use node::HlrNode;
pub mod model;
pub mod presence;
pub mod routing;
pub mod subscriber;
pub mod waiting;

use crate::config::{Config, Line};
use crate::milenage::Milenage;
use crate::random::Random;
use crate::sim_card;
use ipsmgw::base::counts;
use ipsmgw::codec::Prepend;
use ipsmgw::control::config::R1;
use ipsmgw::ident::{Digits, Imsi, Msisdn, Ssn};
use ipsmgw::proto::map::subscription::{
    AnyTimeModification, AnyTimeModificationResult, InsertSubscriberData, ModifyRegistrationStatus, PurgeMs,
    PurgeMsResult, Quintuplet, SendAuthenticationInfo, SendAuthenticationInfoResult, SubscriberIdentity,
    SubscriberStatus, Teleservice, UpdateGprsLocation,
};
use ipsmgw::proto::map::{AddressString, SendRoutingInfoForSm, SendRoutingInfoForSmResult};
use ipsmgw::stack::{AbsentSubscriberDiagnostic, Asked, UserError};
use std::collections::BTreeMap;

counts! {
    /// What gateways asked the HLR.
    pub struct HlrCounts {
        /// Subscribers that a gateway registered.
        registered,
        /// Subscribers that a gateway de-registered.
        deregistered,
        /// Authentication vectors given.
        vectors,
        /// Sequence numbers taken over from cards.
        resynchronised,
        /// Subscriber data that a gateway took.
        inserted,
        /// Operations refused.
        refused,
        /// Recipients without a node that would take a message.
        absent,
    }
}

/// AMF of vectors: the separation bit is not set, for this is no EPS (TS 33.102 annex H).
const AMF: [u8; 2] = [0; 2];
/// Vectors that one UDT carries.
const MOST_VECTORS: u8 = 2;

/// What the HLR has of a network.
#[derive(Clone, Debug)]
struct Home {
    /// The HLR's own title in it.
    title: Digits,
    /// The one gateway that it knows, with its subsystem.
    gateway: (Digits, Ssn),
    r1: R1,
    service_centre: Digits,
}

/// A subscriber.
struct Subscriber {
    home: usize,
    msisdn: Msisdn,
    /// The number of the gateway that serves the subscriber, while it is registered (H-1).
    gateway: Option<Digits>,
    authentication: sim_card::Subscription,
}

/// An updateGprsLocation that waits until the gateway has taken the subscriber's data.
struct Location {
    asked: Asked,
    imsi: Imsi,
    gateway: Digits,
}

/// The subscribers of all networks.
pub struct Hlr {
    homes: Vec<Home>,
    subscribers: BTreeMap<Imsi, Subscriber>,
    by_msisdn: BTreeMap<Msisdn, Imsi>,
    locations: BTreeMap<u32, Location>,
    next: u32,
    random: Random,
    seed: u64,
    /// What it was asked.
    pub counts: HlrCounts,
}

/// An IMSI as a number.
pub(crate) fn number(imsi: Imsi) -> u64 {
    imsi.to_string().parse().unwrap_or(0)
}

/// K and OPc of a subscriber, which follow from the seed, as the authentication centre and the card have them.
#[must_use]
pub fn milenage(seed: u64, imsi: Imsi) -> Milenage {
    let mut random = Random::new(seed ^ number(imsi));
    let mut key = || core::array::from_fn(|_| random.bits() as u8);
    Milenage::new(key(), key())
}

/// The result of an operation, or why there is none.
type Answer = Result<Vec<u8>, UserError<'static>>;

impl Hlr {
    /// Without subscribers.
    #[must_use]
    fn new(config: &Config) -> Self {
        let home = |network: &crate::config::Network| Home {
            title: network.hlr_title,
            gateway: (network.gateway_title, network.gateway_node.ssn()),
            r1: network.r1,
            service_centre: network.service_centre,
        };
        Self {
            homes: config.networks.iter().map(home).collect(),
            subscribers: BTreeMap::new(),
            by_msisdn: BTreeMap::new(),
            locations: BTreeMap::new(),
            next: 0,
            random: Random::new(config.seed ^ 0x5ec2),
            seed: config.seed,
            counts: HlrCounts::default(),
        }
    }

    /// With the subscribers of all networks.
    ///
    /// # Errors
    /// Says which subscribers are wrong.
    pub fn with_subscribers(config: &Config) -> Result<Self, String> {
        let mut hlr = Self::new(config);
        for (at, network) in config.networks.iter().enumerate() {
            for line in network.lines()? {
                let twice = |what| format!("network {}: {what} is given twice", network.name);
                hlr.add(at, &line).map_err(twice)?;
            }
        }
        Ok(hlr)
    }

    /// Adds a subscriber of the network at place `home`.
    ///
    /// # Errors
    /// The IMSI or the number that another subscriber has.
    fn add(&mut self, home: usize, line: &Line) -> Result<(), String> {
        let authentication = sim_card::Subscription::new(milenage(self.seed, line.imsi), AMF);
        let subscriber = Subscriber { home, msisdn: line.msisdn, gateway: None, authentication };
        if self.by_msisdn.insert(line.msisdn, line.imsi).is_some() {
            return Err(line.msisdn.to_string());
        }
        match self.subscribers.insert(line.imsi, subscriber) {
            None => Ok(()),
            Some(_) => Err(line.imsi.to_string()),
        }
    }

    /// sendRoutingInfoForSM: the gateway, which has registered or is known beforehand.
    fn send_routing_info_for_sm(&mut self, argument: &[u8]) -> Answer {
        let argument =
            SendRoutingInfoForSm::parse(argument, None).map_err(|_| UserError::UnexpectedDataValue)?;
        let unknown = UserError::UnknownSubscriber { diagnostic: None };
        let imsi = argument.msisdn.msisdn().and_then(|msisdn| self.by_msisdn.get(&msisdn).copied());
        let imsi = imsi.ok_or(unknown)?;
        let subscriber = self.subscribers.get(&imsi).ok_or(unknown)?;
        let home = &self.homes[subscriber.home];
        let (known, ssn) = home.gateway;
        let Some(node) = subscriber.gateway.or((home.r1 == R1::Preconfigured).then_some(known)) else {
            self.counts.absent += 1;
            return Err(UserError::AbsentSubscriberSm {
                diagnostic: Some(AbsentSubscriberDiagnostic::DEREGISTERED_FOR_IMS),
                additional: None,
                imsi: None,
            });
        };
        let result = SendRoutingInfoForSmResult {
            gprs_node: ssn == Ssn::SGSN,
            ..SendRoutingInfoForSmResult::new(imsi, AddressString::international(node))
        };
        let mut room = [0; 128];
        let mut w = Prepend::new(&mut room);
        result.write(&mut w);
        Ok(w.finish().unwrap_or_default().to_vec())
    }

    /// The gateway that serves a subscriber, as it registered itself.
    #[must_use]
    pub fn gateway_of(&self, imsi: Imsi) -> Option<Digits> {
        self.subscribers.get(&imsi)?.gateway
    }

    /// How many subscribers have a gateway that serves them.
    #[must_use]
    pub fn registered(&self) -> usize {
        self.subscribers.values().filter(|subscriber| subscriber.gateway.is_some()).count()
    }

    fn set(&mut self, imsi: Imsi, gateway: Option<Digits>) {
        let Some(subscriber) = self.subscribers.get_mut(&imsi) else { return };
        subscriber.gateway = gateway;
        match gateway {
            Some(_) => self.counts.registered += 1,
            None => self.counts.deregistered += 1,
        }
    }

    /// The subscriber's network, if the subscriber is known.
    fn home(&self, imsi: Imsi) -> Result<&Home, UserError<'static>> {
        let subscriber = self.subscribers.get(&imsi);
        let home = subscriber.and_then(|subscriber| self.homes.get(subscriber.home));
        home.ok_or(UserError::UnknownSubscriber { diagnostic: Some(0) })
    }

    /// anyTimeModification: R1 of TS 23.204, both ways (H-1, H-7).
    fn any_time_modification(&mut self, argument: &[u8]) -> Answer {
        let argument = AnyTimeModification::decode(argument).map_err(|_| UserError::UnexpectedDataValue)?;
        let imsi = match argument.subscriber {
            SubscriberIdentity::Imsi(imsi) => Some(imsi),
            SubscriberIdentity::Msisdn(number) => {
                number.msisdn().and_then(|msisdn| self.by_msisdn.get(&msisdn).copied())
            }
        };
        let imsi = imsi.ok_or(UserError::UnknownSubscriber { diagnostic: Some(0) })?;
        let home = self.home(imsi)?;
        if argument.gsm_scf.digits != home.gateway.0 {
            return Err(UserError::AtmNotAllowed);
        }
        let service_centre = Some(AddressString::international(home.service_centre));
        match argument.registration {
            Some(ModifyRegistrationStatus::Activate) => self.set(imsi, Some(argument.gsm_scf.digits)),
            Some(ModifyRegistrationStatus::Deactivate) => self.set(imsi, None),
            None => return Err(UserError::DataMissing),
        }
        Ok(AnyTimeModificationResult { service_centre }.encode())
    }

    /// updateGprsLocation: whom the gateway stands in for as SGSN, and what it is told first (H-2).
    fn update_gprs_location(&self, argument: &[u8]) -> Result<(Imsi, Digits, Vec<u8>), UserError<'static>> {
        let argument = UpdateGprsLocation::decode(argument).map_err(|_| UserError::UnexpectedDataValue)?;
        let home = self.home(argument.imsi)?;
        if argument.sgsn_number.digits != home.gateway.0 {
            return Err(UserError::RoamingNotAllowed { cause: Some(0) });
        }
        let data = InsertSubscriberData {
            imsi: None,
            msisdn: self.subscribers.get(&argument.imsi).map(|subscriber| subscriber.msisdn.into()),
            status: Some(SubscriberStatus::ServiceGranted),
            teleservices: Some(vec![Teleservice::SHORT_MESSAGE_MT_PP, Teleservice::SHORT_MESSAGE_MO_PP]),
        };
        Ok((argument.imsi, argument.sgsn_number.digits, data.encode()))
    }

    /// purgeMS: whoever is not the subscriber's gateway any more changes nothing (TS 29.002 19.1.4).
    fn purge_ms(&mut self, argument: &[u8]) -> Answer {
        let argument = PurgeMs::decode(argument).map_err(|_| UserError::UnexpectedDataValue)?;
        self.home(argument.imsi)?;
        let number = argument.sgsn_number.map(|number| number.digits);
        if number.is_some() && number == self.gateway_of(argument.imsi) {
            self.set(argument.imsi, None);
        }
        Ok(PurgeMsResult { freeze_tmsi: false, freeze_p_tmsi: false }.encode())
    }

    /// sendAuthenticationInfo: vectors, from the card's own sequence number on if it tells one (TS 33.102 6.3.5).
    fn send_authentication_info(&mut self, argument: &[u8]) -> Answer {
        let argument =
            SendAuthenticationInfo::decode(argument).map_err(|_| UserError::UnexpectedDataValue)?;
        let unknown = UserError::UnknownSubscriber { diagnostic: Some(0) };
        let centre = &mut self.subscribers.get_mut(&argument.imsi).ok_or(unknown)?.authentication;
        if let Some(told) = argument.re_synchronisation {
            if !centre.resynchronise(told.rand, told.auts) {
                return Err(UserError::UnexpectedDataValue);
            }
            self.counts.resynchronised += 1;
        }
        let mut quintuplets = vec![];
        for _ in 0..argument.vectors.min(MOST_VECTORS) {
            let vector = centre.vector(core::array::from_fn(|_| self.random.bits() as u8));
            quintuplets.push(Quintuplet {
                rand: vector.rand,
                xres: vector.keys.res.to_vec(),
                ck: vector.keys.ck,
                ik: vector.keys.ik,
                autn: vector.autn,
            });
            self.counts.vectors += 1;
        }
        Ok(SendAuthenticationInfoResult { quintuplets }.encode())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim_card::{CardAnswer, SimCard};
    use ipsmgw::proto::map::subscription::ReSynchronisation;

    const IMSI: &str = "262010000000001";
    const GATEWAY: &str = "4917100001";

    fn hlr(r1: R1) -> (Hlr, Imsi, Msisdn) {
        let text = include_str!("../../demo/corenet.toml");
        let mut config = Config::parse(text).unwrap();
        config.networks[0].r1 = r1;
        let mut hlr = Hlr::new(&config);
        let line = config.networks[0].lines().unwrap().remove(0);
        hlr.add(0, &line).unwrap();
        assert!(hlr.add(0, &line).is_err());
        assert_eq!(line.imsi.to_string(), IMSI);
        (hlr, line.imsi, line.msisdn)
    }

    fn number(digits: &str) -> AddressString {
        AddressString::international(digits.parse().unwrap())
    }

    fn question(msisdn: Msisdn) -> Vec<u8> {
        let mut room = [0; 64];
        let mut w = Prepend::new(&mut room);
        SendRoutingInfoForSm::new(msisdn.into(), true, number("491710000099")).write(&mut w, None);
        w.finish().unwrap().to_vec()
    }

    fn modification(imsi: Imsi, gateway: &str, status: ModifyRegistrationStatus) -> Vec<u8> {
        let subscriber = SubscriberIdentity::Imsi(imsi);
        let gsm_scf = number(gateway);
        AnyTimeModification { subscriber, gsm_scf, registration: Some(status) }.encode()
    }

    #[test]
    fn a_subscriber_is_where_the_gateway_registered() {
        use ModifyRegistrationStatus::{Activate, Deactivate};
        let (mut hlr, imsi, msisdn) = hlr(R1::AnyTimeModification);
        let absent = hlr.send_routing_info_for_sm(&question(msisdn)).unwrap_err();
        assert!(matches!(absent, UserError::AbsentSubscriberSm { .. }));
        hlr.any_time_modification(&modification(imsi, GATEWAY, Activate)).unwrap();
        let routing = hlr.send_routing_info_for_sm(&question(msisdn)).unwrap();
        let routing = SendRoutingInfoForSmResult::parse(&routing).unwrap();
        assert_eq!((routing.imsi, routing.network_node, routing.gprs_node), (imsi, number(GATEWAY), false));
        hlr.any_time_modification(&modification(imsi, GATEWAY, Deactivate)).unwrap();
        assert_eq!((hlr.gateway_of(imsi), hlr.registered()), (None, 0));
        let stranger = hlr.any_time_modification(&modification(imsi, "4917100002", Activate));
        assert_eq!(stranger, Err(UserError::AtmNotAllowed));
        let other = "262010000000099".parse().unwrap();
        let unknown = hlr.any_time_modification(&modification(other, GATEWAY, Activate));
        assert_eq!(unknown, Err(UserError::UnknownSubscriber { diagnostic: Some(0) }));
        assert_eq!(hlr.any_time_modification(b"?"), Err(UserError::UnexpectedDataValue));
    }

    #[test]
    fn a_location_brings_the_number_and_a_purge_of_another_changes_nothing() {
        let (mut hlr, imsi, msisdn) = hlr(R1::UpdateGprsLocation);
        let update = |imsi, gateway| {
            let sgsn_address = [10, 0, 0, 1].into();
            UpdateGprsLocation { imsi, sgsn_number: number(gateway), sgsn_address }.encode()
        };
        let (_, gateway, data) = hlr.update_gprs_location(&update(imsi, GATEWAY)).unwrap();
        let data = InsertSubscriberData::decode(&data).unwrap();
        assert_eq!(data.msisdn.and_then(|number| number.msisdn()), Some(msisdn));
        hlr.set(imsi, Some(gateway));
        let stranger = hlr.update_gprs_location(&update(imsi, "4917100002"));
        assert_eq!(stranger, Err(UserError::RoamingNotAllowed { cause: Some(0) }));
        for (sgsn, left) in [("4917100002", 1), (GATEWAY, 0)] {
            let purge = PurgeMs { imsi, vlr_number: None, sgsn_number: Some(number(sgsn)) };
            hlr.purge_ms(&purge.encode()).unwrap();
            assert_eq!(hlr.registered(), left);
        }
    }

    #[test]
    fn who_is_known_beforehand_needs_no_registration() {
        let (mut hlr, _, msisdn) = hlr(R1::Preconfigured);
        assert!(hlr.send_routing_info_for_sm(&question(msisdn)).is_ok());
        let unknown = hlr.send_routing_info_for_sm(&question("491700000000".parse().unwrap()));
        assert_eq!(unknown, Err(UserError::UnknownSubscriber { diagnostic: None }));
    }

    #[test]
    fn vectors_are_those_of_the_subscribers_card() {
        let (mut hlr, imsi, _) = hlr(R1::Preconfigured);
        let mut card = SimCard::new(milenage(hlr.seed, imsi));
        card.use_up_to(5_000);
        let ask = |re_synchronisation| SendAuthenticationInfo {
            imsi,
            vectors: 1,
            segmentation_prohibited: true,
            immediate_response_preferred: true,
            re_synchronisation,
            requesting_node_type: Some(1),
        };
        let vector = |answer: Answer| {
            SendAuthenticationInfoResult::decode(&answer.unwrap()).unwrap().quintuplets.remove(0)
        };
        let first = vector(hlr.send_authentication_info(&ask(None).encode()));
        let CardAnswer::SyncFailure(auts) = card.authenticate(first.rand, first.autn) else {
            panic!("the card is ahead")
        };
        let told = |auts| ask(Some(ReSynchronisation { rand: first.rand, auts })).encode();
        let wrong = hlr.send_authentication_info(&told([0; 14]));
        assert_eq!(wrong, Err(UserError::UnexpectedDataValue));
        let second = vector(hlr.send_authentication_info(&told(auts)));
        assert!(matches!(
            card.authenticate(second.rand, second.autn),
            CardAnswer::Response(keys) if keys.res[..] == second.xres[..]
        ));
        assert_eq!((hlr.counts.vectors, hlr.counts.resynchronised), (2, 1));
    }
}
