//! The Short Message Service Centre, a node of its own: its SMS-IWMSC ([`iwmsc`]) takes messages, its queue keeps them
//! ([`queue`], [`store`]), and its SMS-GMSC ([`gmsc`]) sends them.

pub mod gmsc;
pub mod iwmsc;
mod node;
pub mod queue;
pub mod store;

pub use node::{SmscCounts, SmscNode};

use crate::config::{Config, Network};
use ipsmgw::ident::{Digits, Imsi, Msisdn};
use ipsmgw::proto::map::{SmDeliveryFailureCause, UserError};
use ipsmgw::proto::tpdu::FailureCause;
use std::collections::BTreeMap;

/// The service centre of a network, as others know it.
#[derive(Clone, Copy, Debug)]
pub struct Centre {
    /// Its title: also that of its SMS-GMSC and SMS-IWMSC.
    pub title: Digits,
    /// The network's HLR.
    pub hlr: Digits,
}

/// TP-FCS that goes with an error (TS 23.040 9.2.3.22).
#[must_use]
pub const fn failure_cause(error: &UserError<'_>) -> FailureCause {
    match error {
        UserError::SmDeliveryFailure { cause, .. } => match cause {
            SmDeliveryFailureCause::InvalidSmeAddress => FailureCause::INVALID_SME_ADDRESS,
            SmDeliveryFailureCause::SubscriberNotScSubscriber => FailureCause::NO_SC_SUBSCRIPTION,
            SmDeliveryFailureCause::ServiceCentreCongestion => FailureCause::SC_BUSY,
            _ => FailureCause::UNSPECIFIED,
        },
        _ => FailureCause::UNSPECIFIED,
    }
}

/// Whose subscribers the numbers are.
#[derive(Clone, Default, Debug)]
pub struct Numbering {
    /// Beginnings of numbers and IMSIs, with how many subscribers there are, by network.
    generated: Vec<(u16, Digits, Digits, u32)>,
    listed: BTreeMap<Msisdn, (u16, Imsi)>,
}

impl Numbering {
    /// Of all networks.
    ///
    /// # Errors
    /// Says which subscribers are wrong.
    pub fn new(config: &Config) -> Result<Self, String> {
        let mut numbering = Self::default();
        for (at, network) in config.networks.iter().enumerate() {
            match network {
                Network {
                    subscribers_file: None,
                    subscribers: Some(count),
                    msisdn_prefix: Some(msisdn),
                    imsi_prefix: Some(imsi),
                    ..
                } => numbering.generated.push((at as u16, *msisdn, *imsi, *count)),
                network => {
                    let lines = network.lines()?.into_iter();
                    numbering.listed.extend(lines.map(|line| (line.msisdn, (at as u16, line.imsi))));
                }
            }
        }
        Ok(numbering)
    }

    /// The network and the IMSI of a number; `None` if it is no subscriber's.
    #[must_use]
    pub fn subscriber(&self, number: Msisdn) -> Option<(u16, Imsi)> {
        if let Some(&listed) = self.listed.get(&number) {
            return Some(listed);
        }
        let of = |&(network, msisdn, imsi, count): &(u16, Digits, Digits, u32)| {
            let text = number.to_string();
            let running: u32 = text.strip_prefix(&msisdn.to_string())?.parse().ok()?;
            // A number is one subscriber's only as it is spelt when it is made.
            let spelt = (1..=count).contains(&running) && text == format!("{msisdn}{running:06}");
            let width = 15usize.saturating_sub(imsi.len());
            let imsi = format!("{imsi}{running:0width$}").parse().ok()?;
            spelt.then_some((network, imsi))
        };
        self.generated.iter().find_map(of)
    }
}
