//! The S-CSCFs: tell the gateway who registers (TS 24.229 5.4.1.7), and stand between it and the UEs.

use crate::config::{Network, RegisterBody};
use crate::node::{Cx, Node};
use crate::ue::{self, REGISTRATIONS, Ue};
use ipsmgw::base::{Key, Time};
use ipsmgw::ident::Digits;
use ipsmgw::stack::{Message, RegisterRequest};
use std::net::SocketAddr;

/// P-Access-Network-Info of every UE.
pub(crate) const ACCESS_NETWORK: &[u8] = b"3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=2620100010000001";
/// Between the parts of a multipart body.
const BOUNDARY: &str = "part-of-register";

/// The S-CSCF of a network.
#[derive(Clone, Debug)]
pub struct Scscf {
    /// Its URI.
    pub uri: String,
    /// Its address.
    pub address: SocketAddr,
    /// The gateway's address.
    pub gateway: SocketAddr,
    /// The gateway's URI.
    pub gateway_uri: String,
    /// The network's service centre.
    pub service_centre: Digits,
    /// The network's HLR.
    pub hlr: Digits,
    realm: String,
    register_body: RegisterBody,
}

impl Scscf {
    /// Of `network`.
    #[must_use]
    pub fn new(network: &Network) -> Self {
        Self {
            uri: network.scscf_uri.clone(),
            address: network.scscf_address,
            gateway: network.gateway_address,
            gateway_uri: network.gateway_uri.clone(),
            service_centre: network.service_centre,
            hlr: network.hlr_title,
            realm: network.realm.clone(),
            register_body: network.register_body,
        }
    }

    /// The body of the third-party REGISTER for `ue`, and its type.
    fn body(&self, ue: &Ue) -> (String, String) {
        match self.register_body {
            RegisterBody::None => (String::new(), String::new()),
            RegisterBody::ServiceInfo => (IMS_XML.into(), service_info(ue)),
            RegisterBody::EmbeddedRegister => (EMBEDDED.into(), self.embedded(ue)),
            RegisterBody::Multipart => {
                let parts = [(IMS_XML, service_info(ue)), (EMBEDDED, self.embedded(ue))];
                let parts = parts.map(|(media_type, body)| {
                    format!("--{BOUNDARY}\r\nContent-Type: {media_type}\r\n\r\n{body}\r\n")
                });
                let body = format!("{}--{BOUNDARY}--\r\n", parts.concat());
                (format!("multipart/mixed;boundary=\"{BOUNDARY}\""), body)
            }
        }
    }

    /// The REGISTER that the UE had sent.
    fn embedded(&self, ue: &Ue) -> String {
        let Ue { imsi, expires, .. } = ue;
        let (realm, identity) = (&self.realm, &ue.identities[0]);
        format!(
            "REGISTER sip:{realm} SIP/2.0\r\n\
             Via: SIP/2.0/UDP 192.0.2.77:5060;branch=z9hG4bK{imsi}\r\n\
             Max-Forwards: 70\r\n\
             From: <{identity}>;tag={imsi}\r\n\
             To: <{identity}>\r\n\
             Call-ID: {imsi}@192.0.2.77\r\n\
             CSeq: {} REGISTER\r\n\
             Contact: <sip:192.0.2.77:5060>;+g.3gpp.smsip\r\n\
             Expires: {expires}\r\n\
             Authorization: Digest username=\"{imsi}@{realm}\", realm=\"{realm}\", nonce=\"\", \
             uri=\"sip:{realm}\", response=\"\"\r\n\
             Content-Length: 0\r\n\r\n",
            ue.sequence
        )
    }
}

const IMS_XML: &str = "application/3gpp-ims+xml";
const EMBEDDED: &str = "message/sip";

fn service_info(ue: &Ue) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ims-3gpp version=\"1\"><service-info>{}</service-info></ims-3gpp>",
        ue.msisdn
    )
}

/// 8.7 step 4, 8.8 step 4: the S-CSCF tells the gateway who registers or leaves.
pub(crate) fn register(node: &mut Node, now: Time, number: u32, cx: &mut Cx<'_>) -> Result<(), String> {
    let ue = &mut node.ues[number as usize];
    ue.sequence += 1;
    let scscf = &node.scscfs[ue.network];
    let (media_type, body) = scscf.body(ue);
    let request = RegisterRequest {
        local: scscf.address,
        remote: scscf.gateway,
        request_uri: &scscf.gateway_uri,
        from: &scscf.uri,
        to: &ue.identities[0],
        expires: ue.expires,
        contact: None,
        authorization: None,
        key: Key { slot: number, generation: REGISTRATIONS },
        sequence: ue.sequence,
        access_network_info: ACCESS_NETWORK,
        body: (&media_type, body.as_bytes()),
    };
    ue::send_register(now, number, &request, cx)
}

/// A MESSAGE from the gateway: for one of our UEs.
pub(crate) fn on_message(node: &mut Node, now: Time, message: &Message<'_>, cx: &mut Cx<'_>) {
    let Some(network) = node.scscfs.iter().position(|scscf| scscf.address == message.request.local) else {
        node.traffic.counts.not_for_us += 1;
        return cx.stack.answer(now, &message.request, 404, cx.outside);
    };
    let scscf = &node.scscfs[network];
    let asserted = message.asserted[0].is_some_and(|identity| identity.as_str() == scscf.gateway_uri);
    if message.request.source.ip() != scscf.gateway.ip() || !asserted {
        node.traffic.counts.foreign_source += 1;
        return cx.stack.answer(now, &message.request, 403, cx.outside);
    }
    let recipient = message.to.and_then(|identity| node.by_identity.get(identity.as_str()).copied());
    match recipient.filter(|&number| node.ues[number as usize].network == network) {
        Some(number) => ue::on_message(node, now, number, message, cx),
        None => {
            node.traffic.counts.unknown_recipient += 1;
            cx.stack.answer(now, &message.request, 404, cx.outside);
        }
    }
}
