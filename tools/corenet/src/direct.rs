//! UEs with direct access: they register at the gateway themselves, with their SIM card or a password, from their own
//! addresses (TR 23.804 8.1, 8.2; RFC 3261 10.2, RFC 3310, RFC 4169).

use crate::config::{DirectAuthentication, Line, Network};
use crate::digest::{Challenge, Client};
use crate::hlr;
use crate::node::{Cx, Node};
use crate::random::Random;
use crate::sim_card::SimCard;
use crate::ue::{self, REGISTRATIONS};
use ipsmgw::base::{Key, Time};
use ipsmgw::stack::{Content, Message, RegisterRequest};
use std::net::{IpAddr, SocketAddr};

/// P-Access-Network-Info of UEs with direct access.
pub(crate) const ACCESS_NETWORK: &[u8] = b"IEEE-802.11;i-wlan-node-id=00a0c91e6bf6";
/// Challenges in one registration with a card: one, and another after re-synchronisation.
const CHALLENGES: u32 = 2;
/// Every so many UEs have a card that is ahead of the authentication centre.
const AHEAD: u32 = 8;
/// By so much.
const AHEAD_BY: u64 = 1 << 20;

/// What a UE has for direct access.
#[derive(Clone)]
pub struct Direct {
    /// Where it is seen: with `direct_sharing`, behind an address translator.
    pub address: SocketAddr,
    /// Its contact's URI, which behind an address translator leads nowhere.
    pub contact: String,
    /// The identity that it registers.
    pub identity: String,
    /// Its NAI, its name when it authenticates.
    nai: String,
    realm: String,
    /// Its `+sip.instance`.
    instance: String,
    proof: Proof,
    /// Challenges of the present registration.
    challenges: u32,
    random: Random,
}

/// What a UE proves who it is with.
#[derive(Clone)]
enum Proof {
    Card(Box<SimCard>),
    Password(String),
}

/// Without keys.
impl core::fmt::Debug for Direct {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Direct({})", self.address)
    }
}

/// The address that is `number` addresses further.
fn further(ip: IpAddr, number: u32) -> IpAddr {
    match ip {
        IpAddr::V4(ip) => IpAddr::V4((ip.to_bits().wrapping_add(number)).into()),
        IpAddr::V6(ip) => IpAddr::V6((ip.to_bits().wrapping_add(number.into())).into()),
    }
}

/// Where the UE at place `at` of a network is seen.
#[must_use]
pub fn address(network: &Network, at: u32) -> Option<SocketAddr> {
    let first = network.direct_address.filter(|_| at < network.direct)?;
    let sharing = network.direct_sharing.max(1);
    let port = first.port().wrapping_add((at % sharing) as u16);
    Some(SocketAddr::new(further(first.ip(), at / sharing), port))
}

impl Direct {
    /// Of the UE at place `at` of `network`; `None` if it has no direct access.
    #[must_use]
    pub fn new(network: &Network, at: u32, line: &Line, seed: u64) -> Option<Self> {
        let address = address(network, at)?;
        let (imsi, realm) = (line.imsi, &network.realm);
        let seen = match network.direct_sharing {
            0 | 1 => address,
            _ => SocketAddr::new(further([192, 168, 0, 1].into(), at), 5060),
        };
        let mut card = SimCard::new(hlr::milenage(seed, imsi));
        if at % AHEAD == AHEAD - 1 {
            card.use_up_to(AHEAD_BY);
        }
        let proof = match network.direct_authentication {
            DirectAuthentication::Aka => Proof::Card(card.into()),
            DirectAuthentication::Digest => Proof::Password(password(seed, line)),
        };
        let nai = format!("{imsi}@{realm}");
        let identity = match at % 2 {
            0 => line.identities[0].clone(),
            _ => format!("sip:{nai}"),
        };
        Some(Self {
            address,
            contact: format!("sip:{imsi}@{seen}"),
            identity,
            nai,
            realm: realm.clone(),
            instance: format!("<urn:gsma:imei:35693803-{at:06}-0>"),
            proof,
            challenges: 0,
            random: Random::new(seed ^ u64::from(at) << 32),
        })
    }

    /// The Authorization that answers a challenge, with the password or with the card; `None` if it is one too many.
    fn answer(&mut self, challenge: &[u8]) -> Option<String> {
        self.challenges += 1;
        let challenge = Challenge::parse(core::str::from_utf8(challenge).ok()?)?;
        let cnonce = format!("{:016x}", self.random.bits());
        let uri = format!("sip:{}", self.realm);
        let client = Client { username: &self.nai, method: "REGISTER", uri: &uri, cnonce: &cnonce, nc: 1 };
        match &mut self.proof {
            Proof::Password(password) => (challenge.algorithm.eq_ignore_ascii_case("MD5")
                && self.challenges == 1)
                .then(|| client.with_password(&challenge, password.as_bytes())),
            Proof::Card(card) if self.challenges <= CHALLENGES => {
                client.with_card(&challenge, card).map(|(answer, _)| answer)
            }
            Proof::Card(_) => None,
        }
    }

    /// The Authorization of a first REGISTER: a card says whose it is, and a password nothing.
    fn initial(&self) -> Option<String> {
        let uri = format!("sip:{}", self.realm);
        let client = Client { username: &self.nai, method: "REGISTER", uri: &uri, cnonce: "", nc: 0 };
        matches!(self.proof, Proof::Card(_)).then(|| client.initial(&self.realm))
    }
}

/// A subscriber's password, which follows from the seed.
fn password(seed: u64, line: &Line) -> String {
    format!("{:016x}", Random::new(!seed ^ hlr::number(line.imsi)).bits())
}

/// A line of the gateway's credential file for a subscriber: the name, the realm, and the hash of both with the password.
#[must_use]
pub fn credential(network: &Network, line: &Line, seed: u64) -> String {
    let (nai, realm) = (format!("{}@{}", line.imsi, network.realm), &network.realm);
    let hash = crate::digest::hex_md5(format!("{nai}:{realm}:{}", password(seed, line)).as_bytes());
    format!("{nai}:{realm}:{hash}")
}

/// 8.1 step 2, 8.2.1 step 1: the UE registers or leaves.
pub(crate) fn register(node: &mut Node, now: Time, number: u32, cx: &mut Cx<'_>) -> Result<(), String> {
    let Some(direct) = &mut node.ues[number as usize].direct else { return Err("no direct access".into()) };
    direct.challenges = 0;
    let authorization = direct.initial();
    send(node, now, number, authorization.as_deref(), cx)
}

fn send(
    node: &mut Node,
    now: Time,
    number: u32,
    authorization: Option<&str>,
    cx: &mut Cx<'_>,
) -> Result<(), String> {
    let ue = &mut node.ues[number as usize];
    let Some(direct) = &ue.direct else { return Err("no direct access".into()) };
    ue.sequence += 1;
    // Every other one leaves with all its contacts (RFC 3261 10.2.2).
    let contact = match (ue.expires, number % 2) {
        (0, 1) => "*".into(),
        (expires, _) => format!(
            "<{}>;+sip.instance=\"{}\";+g.3gpp.icsi-ref=\"urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel\";+g.3gpp.smsip;expires={expires}",
            direct.contact, direct.instance
        ),
    };
    let request = RegisterRequest {
        local: direct.address,
        remote: node.scscfs[ue.network].gateway,
        request_uri: &format!("sip:{}", direct.realm),
        from: &direct.identity,
        to: &direct.identity,
        expires: ue.expires,
        contact: Some(&contact),
        authorization,
        key: Key { slot: number, generation: REGISTRATIONS },
        sequence: ue.sequence,
        access_network_info: ACCESS_NETWORK,
        body: ("", b""),
    };
    ue::send_register(now, number, &request, cx)
}

/// 401: who is it? The UE proves it, once, and once more if its card and the authentication centre had to agree first.
pub(crate) fn on_challenged(node: &mut Node, now: Time, number: u32, challenge: &[u8], cx: &mut Cx<'_>) {
    let Some(ue) = node.ues.get_mut(number as usize) else { return };
    let Some(direct) = &mut ue.direct else { return ue::on_registered(node, now, number, 401) };
    let answer = direct.answer(challenge);
    let sent = answer.map(|authorization| send(node, now, number, Some(&authorization), cx));
    if !matches!(sent, Some(Ok(()))) {
        ue::on_registered(node, now, number, 401);
    }
}

/// A MESSAGE from the gateway to a UE's address: it must be for the contact that the UE had registered.
pub(crate) fn on_message(node: &mut Node, now: Time, number: u32, message: &Message<'_>, cx: &mut Cx<'_>) {
    let ue = &node.ues[number as usize];
    let gateway = node.scscfs[ue.network].gateway;
    let contact = ue.direct.as_ref().map(|direct| direct.contact.as_str());
    if message.request.source != gateway {
        node.traffic.counts.foreign_source += 1;
        return cx.stack.answer(now, &message.request, 403, cx.outside);
    }
    if message.to.as_ref().map(|identity| identity.as_str()) != contact {
        node.traffic.counts.unknown_recipient += 1;
        return cx.stack.answer(now, &message.request, 404, cx.outside);
    }
    ue::on_message(node, now, number, message, cx);
}

/// 8.2.2 step 4: the gateway tells that it has ended the registration.
pub(crate) fn on_content(node: &mut Node, now: Time, content: &Content<'_>, cx: &mut Cx<'_>) {
    let known = node.by_address.contains_key(&content.request.local);
    let status = match (known, content.media_type) {
        (true, b"application/reginfo+xml") => {
            node.traffic.counts.informed += 1;
            200
        }
        _ => {
            node.traffic.counts.not_for_us += 1;
            415
        }
    };
    cx.stack.answer(now, &content.request, status, cx.outside);
}
