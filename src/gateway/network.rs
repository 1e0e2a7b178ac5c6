//! A served network: what an operator configures for one PLMN or IMS domain.

use core::net::SocketAddr;
use core::time::Duration;

use super::Numbering;
use crate::base::IpPrefix;
use crate::ident::{Digits, Identity, Imsi, Ssn};

/// How the gateway appears to SMS-GMSC and SMS-IWMSC (REQUIREMENTS G-7).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Node {
    /// As an MSC, on reference point E.
    Msc,
    /// As an SGSN, on reference point Gd.
    Sgsn,
}

impl Node {
    /// Our subsystem number in that role.
    #[must_use]
    pub const fn ssn(self) -> Ssn {
        match self {
            Self::Msc => Ssn::MSC,
            Self::Sgsn => Ssn::SGSN,
        }
    }
}

/// What a delivery report that matches nothing is answered with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UnmatchedReport {
    /// As any report, and counted: handsets repeat on a 4xx.
    Accept,
    /// 488, as TS 24.341 5.3.3.4.1.
    NotAcceptable,
}

/// A call session control function that may register users and send their messages.
#[derive(Clone, Debug)]
pub struct Scscf {
    /// Its SIP URI.
    pub uri: Identity,
    /// Where it sends from and is sent to.
    pub address: SocketAddr,
}

/// A served network.
#[derive(Clone, Debug)]
pub struct Network {
    /// Its name in logs and counters.
    pub name: String,
    /// First digits of its subscribers' IMSIs.
    pub imsi_prefixes: Vec<Digits>,
    /// Our own global title in it.
    pub title: Digits,
    /// Its name among networks in P-Charging-Vector (orig-ioi), or empty.
    pub ioi: String,
    /// What we are to its SMS-GMSC and SMS-IWMSC.
    pub node: Node,
    /// Our own SIP URI in it.
    pub uri: String,
    /// First digits of the service centres that its users may send to; none listed means any.
    pub service_centres: Vec<Digits>,
    /// How its users spell numbers.
    pub numbering: Numbering,
    /// The titles of its HLRs, each with the first digits of its subscribers' IMSIs.
    pub hlrs: Vec<(Digits, Digits)>,
    /// Whether its HLRs take us for an SGSN, as which we register subscribers there.
    pub sgsn_at_hlr: bool,
    /// Its S-CSCFs.
    pub scscfs: Vec<Scscf>,
    /// Where S-CSCFs were that have moved: nobody is believed there, but what was meant for them still finds its way.
    pub former: Vec<Scscf>,
    /// Whether it is not known yet where one of its S-CSCFs is.
    pub unlocated: bool,
    /// Other hosts of its core whose messages are believed; none of them registers users, and nothing is sent there.
    pub trusted: Vec<IpPrefix>,
    /// Whether its UEs may register here themselves.
    pub direct: bool,
    /// Whether messages are refused that come over another access than the one that is preferred (G-6).
    pub mo_preferred_only: bool,
    /// What a delivery report is answered with: 200 (TR 23.804 8.10 step 14) or 202 (TS 24.341).
    pub report_answer: u16,
    /// What a delivery report that matches nothing is answered with.
    pub report_unmatched: UnmatchedReport,
    /// How long a submission, or a notice of free memory, is remembered: the same again gets the same report. Zero: not at all.
    pub duplicate: Duration,
    /// Whether our URI in From and P-Asserted-Identity of a message names that message, for reports without In-Reply-To.
    pub report_token: bool,
    /// Whether an RP-ACK or RP-ERROR in the body of a 2xx counts as the report.
    pub report_in_200: bool,
}

impl Network {
    /// The S-CSCF at `source`, or else the first on that host: requests may come from any port.
    #[must_use]
    pub fn scscf(&self, source: SocketAddr) -> Option<&Scscf> {
        let exact = self.scscfs.iter().find(|scscf| scscf.address == source);
        exact.or_else(|| self.scscfs.iter().find(|scscf| scscf.address.ip() == source.ip()))
    }

    /// The S-CSCF that is sent to at `remote`, or was once.
    #[must_use]
    pub fn scscf_at(&self, remote: SocketAddr) -> Option<&Scscf> {
        self.scscf(remote).or_else(|| self.former.iter().find(|scscf| scscf.address == remote))
    }

    /// Who sends a REGISTER from `source` with that Contact: of several S-CSCFs on one host the one whose URI it is, where the port
    /// does not tell, which by TCP it never does.
    #[must_use]
    pub fn scscf_registering(&self, source: SocketAddr, contact: Option<&Identity>) -> Option<&Scscf> {
        let exact = self.scscfs.iter().find(|scscf| scscf.address == source);
        exact.or_else(|| self.named(source, contact)).or_else(|| self.scscf(source))
    }

    /// Whether one of its S-CSCFs on that host has that URI.
    pub(crate) fn has_named(&self, source: SocketAddr, contact: Option<&Identity>) -> bool {
        self.named(source, contact).is_some()
    }

    fn named(&self, source: SocketAddr, contact: Option<&Identity>) -> Option<&Scscf> {
        let authority_of = authority(contact?.as_str());
        let mut here = self.scscfs.iter().filter(|scscf| scscf.address.ip() == source.ip());
        here.find(|scscf| authority(scscf.uri.as_str()).eq_ignore_ascii_case(authority_of))
    }

    /// Whether `source` is a host of its core that messages may come from.
    #[must_use]
    pub fn trusts(&self, source: SocketAddr) -> bool {
        self.scscf(source).is_some() || self.trusted.iter().any(|hosts| hosts.contains(source.ip()))
    }

    /// The title of the HLR that has a subscriber.
    #[must_use]
    pub fn hlr(&self, imsi: Imsi) -> Option<Digits> {
        hlr_of(self.hlrs.iter().copied(), imsi)
    }

    /// Whether users may send to service centre `number`.
    #[must_use]
    pub fn allows_service_centre(&self, number: Digits) -> bool {
        self.service_centres.is_empty()
            || self.service_centres.iter().any(|prefix| number.starts_with(*prefix))
    }
}

/// Of HLRs' titles, each with the first digits of its subscribers' IMSIs, that of the longest prefix.
#[must_use]
pub fn hlr_of(hlrs: impl Iterator<Item = (Digits, Digits)>, imsi: Imsi) -> Option<Digits> {
    let its = hlrs.filter(|(prefix, _)| imsi.digits().starts_with(*prefix));
    its.max_by_key(|(prefix, _)| prefix.len()).map(|(_, title)| title)
}
/// Host and port of a SIP URI, as they are spelt.
fn authority(uri: &str) -> &str {
    let rest = uri.split_once(':').map_or(uri, |(_, rest)| rest);
    let rest = rest.split(['?']).next().unwrap_or(rest);
    let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    rest.split(';').next().unwrap_or(rest)
}
