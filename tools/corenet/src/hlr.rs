//! The Home Location Register: who subscribes, and which node takes messages for them.

use ipsmgw::ident::{Digits, Imsi, Msisdn, Ssn};
use std::collections::BTreeMap;

/// The answer to sendRoutingInfoForSM (TS 29.002 12.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RoutingInfo {
    /// The recipient's IMSI.
    pub imsi: Imsi,
    /// The title of the node that serves the recipient: the gateway's, which it registered, or was given beforehand.
    pub node: Digits,
    /// Its subsystem number.
    pub ssn: Ssn,
}

/// The subscribers of all networks. The GMSC beside it asks in process.
#[derive(Debug, Default)]
pub struct Hlr {
    by_msisdn: BTreeMap<Msisdn, RoutingInfo>,
}

impl Hlr {
    /// Adds a subscriber, or gives the number back that is taken.
    ///
    /// # Errors
    /// The number, if another subscriber has it.
    pub fn add(&mut self, msisdn: Msisdn, routing: RoutingInfo) -> Result<(), Msisdn> {
        match self.by_msisdn.insert(msisdn, routing) {
            None => Ok(()),
            Some(_) => Err(msisdn),
        }
    }

    /// sendRoutingInfoForSM; `None` for an unknown subscriber.
    #[must_use]
    pub fn send_routing_info_for_sm(&self, msisdn: Msisdn) -> Option<RoutingInfo> {
        self.by_msisdn.get(&msisdn).copied()
    }
}
