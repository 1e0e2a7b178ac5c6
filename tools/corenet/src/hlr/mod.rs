//! The Home Location Register with its authentication centre: who subscribes, which nodes take messages for them, who waits to
//! be told that they can be reached, and the vectors that prove them.

mod node;
pub mod presence;
pub mod routing;
pub mod subscriber;
pub mod waiting;

pub use node::HlrNode;

use crate::config::Config;
use crate::milenage::Milenage;
use crate::random::Random;
use crate::sim_card;
use ipsmgw::base::counts;
use ipsmgw::codec::Prepend;
use ipsmgw::control::config::{NodeKind, R1};
use ipsmgw::ident::{Digits, Imsi};
use ipsmgw::proto::map::subscription::{
    AnyTimeModification, AnyTimeModificationResult, InsertSubscriberData, LocationInfo,
    ModifyRegistrationStatus, PurgeMs, PurgeMsResult, Quintuplet, SendAuthenticationInfo,
    SendAuthenticationInfoResult, SubscriberIdentity, UpdateGprsLocation, UpdateLocation,
};
use ipsmgw::proto::map::{
    AddressString, Arc, InformServiceCentre, ReadyForSm, ReportSmDeliveryStatus, SendRoutingInfoForSm,
};
use ipsmgw::stack::UserError;
use presence::{Basic, Presence};
use routing::RoutingRules;
use std::collections::{BTreeMap, VecDeque};
use subscriber::{Domain, Gateways, SubscriberId, Subscribers};
use waiting::MessagesWaiting;

counts! {
    /// What the HLR was asked.
    pub struct HlrCounts {
        /// Subscribers that a gateway registered.
        registered,
        /// Subscribers that a gateway de-registered.
        deregistered,
        /// Authentication vectors given.
        vectors,
        /// Sequence numbers taken over from cards.
        resynchronised,
        /// Subscriber data that a node took.
        inserted,
        /// Nodes told that they serve a subscriber no longer.
        cancelled,
        /// Operations refused.
        refused,
        /// Operations left without an answer, as configured.
        ignored,
        /// Routing information given.
        routed,
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
    service_centre: Digits,
    realm: String,
    rules: RoutingRules,
}

/// A location that is stored once its node has taken the subscriber's data.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Location {
    subscriber: SubscriberId,
    node: Located,
}

/// By what kind of node a subscriber is served, and its number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Located {
    IpSmGw(AddressString),
    /// With the VLR's number.
    Msc(AddressString, AddressString),
    Sgsn(AddressString),
}

/// A node that serves a subscriber no longer, and has to be told (TS 29.002 8.1.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Left {
    subscriber: SubscriberId,
    number: AddressString,
    domain: Domain,
}

/// The subscribers of all networks, and what the HLR does for them.
pub struct Hlr {
    homes: Vec<Home>,
    /// Who subscribes, and where they are.
    pub subscribers: Subscribers,
    /// Who waits for them.
    pub waiting: MessagesWaiting,
    /// What presence servers are told, if there is one.
    pub presence: Option<Presence>,
    /// The authentication centre's part: of subscribers that have been authenticated.
    authentication: BTreeMap<SubscriberId, sim_card::Subscription>,
    /// Beginnings of the numbers of MSCs and of SGSNs that may serve subscribers.
    mscs: Vec<Digits>,
    sgsns: Vec<Digits>,
    arc: Option<Arc>,
    /// Nodes to be sent cancelLocation.
    left: VecDeque<Left>,
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

/// The result of an operation, encoded, or nothing where an operation has none; or why there is none.
type Answer = Result<Vec<u8>, UserError<'static>>;

const UNKNOWN: UserError<'static> = UserError::UnknownSubscriber { diagnostic: Some(0) };

impl Hlr {
    /// Without subscribers.
    fn new(config: &Config) -> Self {
        let home = |network: &crate::config::Network| {
            let known = network.r1 == R1::Preconfigured;
            Home {
                title: network.hlr_title,
                service_centre: network.service_centre,
                realm: network.realm.clone(),
                rules: RoutingRules {
                    gateways: Gateways {
                        numbers: vec![network.gateway_title],
                        predefined: known.then_some(network.gateway_title),
                        without_exchange: known,
                    },
                    priority: config.hlr.priority,
                    gateway_node: network.gateway_node,
                    unri_withholds: config.hlr.unri_withholds,
                },
            }
        };
        let of_kind = |kind| {
            let own = config.serving_nodes.iter().filter(move |node| node.kind == kind);
            own.map(|node| node.title)
        };
        Self {
            homes: config.networks.iter().map(home).collect(),
            subscribers: Subscribers::default(),
            waiting: MessagesWaiting::new(config.hlr.alerts),
            presence: config.hlr.presence.map(|presence| Presence::new(presence.rules)),
            authentication: BTreeMap::new(),
            mscs: config.hlr.mscs.iter().copied().chain(of_kind(NodeKind::Msc)).collect(),
            sgsns: config.hlr.sgsns.iter().copied().chain(of_kind(NodeKind::Sgsn)).collect(),
            arc: config.extensions,
            left: VecDeque::new(),
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
            let wrong = |what: String| format!("network {}: {what}", network.name);
            let generated = (network.subscribers, network.imsi_prefix, network.msisdn_prefix);
            if let (None, (Some(count), Some(imsi), Some(msisdn))) = (&network.subscribers_file, generated) {
                hlr.subscribers.generate(at as u16, (imsi, msisdn), count).map_err(wrong)?;
                continue;
            }
            for line in network.lines()? {
                let added = hlr.subscribers.add(at as u16, line.imsi, line.msisdn);
                added.map_err(|taken| wrong(taken.to_string()))?;
            }
        }
        Ok(hlr)
    }

    /// The gateway that serves a subscriber, as it registered itself.
    #[must_use]
    pub fn gateway_of(&self, imsi: Imsi) -> Option<Digits> {
        let id = self.subscribers.by_imsi(imsi)?;
        let registered = self.subscribers.get(id)?.is_ip_registered();
        let number = self.subscribers.node(id, Domain::IpSmGw, &self.home(id)?.rules.gateways);
        number.filter(|_| registered).map(|number| number.digits)
    }

    /// How many subscribers have a gateway that serves them.
    #[must_use]
    pub fn registered(&self) -> usize {
        self.subscribers.ip_registered()
    }

    /// A subscriber's network.
    fn home(&self, id: SubscriberId) -> Option<&Home> {
        self.homes.get(usize::from(self.subscribers.get(id)?.home))
    }

    /// The HLR's title in a network.
    #[must_use]
    pub fn title(&self, network: usize) -> Digits {
        self.homes[network].title
    }

    /// What users are called at the presence server.
    fn entity(&self, id: SubscriberId) -> Option<String> {
        Some(format!("sip:+{}@{}", self.subscribers.get(id)?.msisdn, self.home(id)?.realm))
    }

    /// sendRoutingInfoForSM (8.4 step 3): the result, and what the service centre is told beside it.
    fn send_routing_info_for_sm(&mut self, argument: &[u8]) -> (Answer, Option<InformServiceCentre>) {
        let Ok(ask) = SendRoutingInfoForSm::parse(argument, self.arc.as_ref()) else {
            return (Err(UserError::UnexpectedDataValue), None);
        };
        let id = ask.msisdn.msisdn().and_then(|number| self.subscribers.by_msisdn(number));
        let home = id.and_then(|id| self.subscribers.get(id)).map_or(0, |subscriber| subscriber.home);
        let Some(rules) = self.homes.get(usize::from(home)).map(|home| &home.rules) else {
            return (Err(UNKNOWN), None);
        };
        let routed = routing::send_routing_info_for_sm(&mut self.subscribers, &mut self.waiting, rules, &ask);
        match routed.answer {
            Ok(_) => self.counts.routed += 1,
            Err(UserError::AbsentSubscriberSm { .. }) => self.counts.absent += 1,
            Err(_) => {}
        }
        (routed.answer.map(|result| encoded(|w| result.write(w))), routed.inform)
    }

    /// reportSM-DeliveryStatus (8.4 step 7, 8.5 step 8).
    fn report_sm_delivery_status(&mut self, argument: &[u8]) -> Answer {
        let report = ReportSmDeliveryStatus::parse(argument, self.arc.as_ref());
        let report = report.map_err(|_| UserError::UnexpectedDataValue)?;
        let result = self.waiting.report_sm_delivery_status(&mut self.subscribers, &report)?;
        Ok(encoded(|w| {
            result.write(w);
        }))
    }

    /// readyForSM: the subscriber is there again, or has room.
    fn ready_for_sm(&mut self, argument: &[u8]) -> Answer {
        let ready = ReadyForSm::parse(argument).map_err(|_| UserError::UnexpectedDataValue)?;
        self.waiting.ready_for_sm(&mut self.subscribers, &ready)?;
        Ok(vec![])
    }

    /// 8.1 step 4, 8.7 step 6: a gateway serves the subscriber from now on. 8.6 step 3: whoever waits is alerted.
    fn register(&mut self, id: SubscriberId, gateway: AddressString) -> Result<(), UserError<'static>> {
        let stored = self.subscribers.register_ip_sm_gw(id, gateway);
        stored.map_err(|_| UserError::system_failure())?;
        self.counts.registered += 1;
        self.tell_presence(id, Basic::Open);
        self.waiting.present(&mut self.subscribers, id, Domain::IpSmGw);
        Ok(())
    }

    /// 8.2.1 step 3, 8.2.2 step 2, 8.8 step 6: it no longer does.
    fn deregister(&mut self, id: SubscriberId) {
        self.subscribers.deregister_ip_sm_gw(id);
        self.counts.deregistered += 1;
        self.tell_presence(id, Basic::Closed);
    }

    /// H-5: the presence server is told.
    fn tell_presence(&mut self, id: SubscriberId, basic: Basic) {
        if let Some(presence) = &mut self.presence {
            presence.set(id, basic);
        }
    }

    /// anyTimeModification: R1 of TS 23.204, both ways (H-1, H-7).
    fn any_time_modification(&mut self, argument: &[u8]) -> Answer {
        let argument = AnyTimeModification::decode(argument).map_err(|_| UserError::UnexpectedDataValue)?;
        let id = match argument.subscriber {
            SubscriberIdentity::Imsi(imsi) => self.subscribers.by_imsi(imsi),
            SubscriberIdentity::Msisdn(number) => {
                number.msisdn().and_then(|msisdn| self.subscribers.by_msisdn(msisdn))
            }
        };
        let id = id.ok_or(UNKNOWN)?;
        let home = self.home(id).ok_or(UNKNOWN)?;
        if !home.rules.gateways.contains(argument.gsm_scf) {
            return Err(UserError::AtmNotAllowed);
        }
        let service_centre = Some(AddressString::international(home.service_centre));
        match argument.registration {
            Some(ModifyRegistrationStatus::Activate) => self.register(id, argument.gsm_scf)?,
            Some(ModifyRegistrationStatus::Deactivate) => self.deregister(id),
            None => return Err(UserError::DataMissing),
        }
        Ok(AnyTimeModificationResult { service_centre }.encode())
    }

    /// updateGprsLocation: whom a gateway or an SGSN serves from now on, and what it is told first (H-2). A gateway's leaves the
    /// subscriber's SGSN where it is (G-4).
    fn update_gprs_location(
        &self,
        argument: &[u8],
    ) -> Result<(Location, InsertSubscriberData), UserError<'static>> {
        let argument = UpdateGprsLocation::decode(argument).map_err(|_| UserError::UnexpectedDataValue)?;
        let id = self.subscribers.by_imsi(argument.imsi).ok_or(UNKNOWN)?;
        let subscriber = self.subscribers.get(id).ok_or(UNKNOWN)?;
        let number = argument.sgsn_number;
        let is_gateway = self.home(id).is_some_and(|home| home.rules.gateways.contains(number));
        let is_sgsn = self.sgsns.iter().any(|sgsn| number.digits.starts_with(*sgsn));
        let node = match (is_gateway, is_sgsn) {
            (true, _) => Located::IpSmGw(number),
            (false, true) => Located::Sgsn(number),
            (false, false) => return Err(UserError::RoamingNotAllowed { cause: Some(0) }),
        };
        Ok((Location { subscriber: id, node }, subscriber.data()))
    }

    /// updateLocation: whom an MSC with its VLR serves from now on, and what it is told first.
    fn update_location(
        &self,
        argument: &[u8],
    ) -> Result<(Location, InsertSubscriberData), UserError<'static>> {
        let argument = UpdateLocation::decode(argument).map_err(|_| UserError::UnexpectedDataValue)?;
        let id = self.subscribers.by_imsi(argument.imsi).ok_or(UNKNOWN)?;
        let subscriber = self.subscribers.get(id).ok_or(UNKNOWN)?;
        // A roaming number is one of the MSC's own.
        let (LocationInfo::MscNumber(msc) | LocationInfo::RoamingNumber(msc)) = argument.location;
        if !self.mscs.iter().any(|of| msc.digits.starts_with(*of)) {
            return Err(UserError::RoamingNotAllowed { cause: Some(0) });
        }
        let node = Located::Msc(msc, argument.vlr_number);
        Ok((Location { subscriber: id, node }, subscriber.data()))
    }

    /// The node has taken the subscriber's data.
    fn locate(&mut self, location: Location) -> Result<(), UserError<'static>> {
        let Location { subscriber, node } = location;
        self.counts.inserted += 1;
        let (stored, domain) = match node {
            Located::IpSmGw(number) => return self.register(subscriber, number),
            Located::Msc(msc, vlr) => (self.subscribers.update_location(subscriber, (msc, vlr)), Domain::Msc),
            Located::Sgsn(number) => {
                (self.subscribers.update_gprs_location(subscriber, number), Domain::Sgsn)
            }
        };
        if let Some(before) = stored.map_err(|_| UserError::system_failure())? {
            self.left.push_back(Left { subscriber, number: before, domain });
        }
        self.waiting.present(&mut self.subscribers, subscriber, domain);
        Ok(())
    }

    /// purgeMS: whoever is not the subscriber's node any more changes nothing (TS 29.002 19.1.4).
    fn purge_ms(&mut self, argument: &[u8]) -> Answer {
        let argument = PurgeMs::decode(argument).map_err(|_| UserError::UnexpectedDataValue)?;
        let id = self.subscribers.by_imsi(argument.imsi).ok_or(UNKNOWN)?;
        let by = [(argument.vlr_number, true), (argument.sgsn_number, false)];
        for (number, vlr) in by.into_iter().filter_map(|(number, vlr)| Some((number?, vlr))) {
            if self.subscribers.purge_ms(id, number, vlr) == Some(Domain::IpSmGw) {
                self.counts.deregistered += 1;
                self.tell_presence(id, Basic::Closed);
            }
        }
        Ok(PurgeMsResult { freeze_tmsi: false, freeze_p_tmsi: false }.encode())
    }

    /// sendAuthenticationInfo: vectors, from the card's own sequence number on if it tells one (TS 33.102 6.3.5).
    fn send_authentication_info(&mut self, argument: &[u8]) -> Answer {
        let argument =
            SendAuthenticationInfo::decode(argument).map_err(|_| UserError::UnexpectedDataValue)?;
        let id = self.subscribers.by_imsi(argument.imsi).ok_or(UNKNOWN)?;
        let (seed, imsi) = (self.seed, argument.imsi);
        let centre = self.authentication.entry(id);
        let centre = centre.or_insert_with(|| sim_card::Subscription::new(milenage(seed, imsi), AMF));
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

/// What `write` writes.
fn encoded(write: impl Fn(&mut Prepend<'_>)) -> Vec<u8> {
    let mut room = [0; 256];
    let mut w = Prepend::new(&mut room);
    write(&mut w);
    w.finish().unwrap_or_default().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim_card::{CardAnswer, SimCard};
    use ipsmgw::ident::Msisdn;
    use ipsmgw::proto::map::SendRoutingInfoForSmResult;
    use ipsmgw::proto::map::subscription::ReSynchronisation;

    const IMSI: &str = "262010000000001";
    const GATEWAY: &str = "4917100001";

    fn hlr(r1: R1) -> (Hlr, Imsi, Msisdn) {
        let text = include_str!("../../demo/corenet.toml");
        let mut config = Config::parse(text).unwrap();
        config.networks[0].r1 = r1;
        let mut hlr = Hlr::new(&config);
        let line = config.networks[0].lines().unwrap().remove(0);
        hlr.subscribers.add(0, line.imsi, line.msisdn).unwrap();
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
        let absent = hlr.send_routing_info_for_sm(&question(msisdn)).0.unwrap_err();
        assert!(matches!(absent, UserError::AbsentSubscriberSm { .. }));
        hlr.any_time_modification(&modification(imsi, GATEWAY, Activate)).unwrap();
        let routing = hlr.send_routing_info_for_sm(&question(msisdn)).0.unwrap();
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
        let (location, data) = hlr.update_gprs_location(&update(imsi, GATEWAY)).unwrap();
        assert_eq!(data.msisdn.and_then(|number| number.msisdn()), Some(msisdn));
        hlr.locate(location).unwrap();
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
        assert!(hlr.send_routing_info_for_sm(&question(msisdn)).0.is_ok());
        let unknown = hlr.send_routing_info_for_sm(&question("491700000000".parse().unwrap())).0;
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
