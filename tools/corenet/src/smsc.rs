//! The Short Message Service Centre, with its SMS-IWMSC ([`iwmsc`]) and SMS-GMSC ([`gmsc`]).

pub mod gmsc;
pub mod iwmsc;

use crate::config::{self, Config};
use crate::random::Random;
use ipsmgw::proto::map::SmDeliveryFailureCause;

/// What service centres have in common.
#[derive(Clone, Debug)]
pub struct Smsc {
    config: config::Smsc,
}

impl Smsc {
    /// As configured.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self { config: config.smsc.clone() }
    }

    /// Whether it refuses the next message.
    pub(crate) fn refuses(&self, random: &mut Random) -> bool {
        random.chance(self.config.failing)
    }

    /// The cause of its refusals.
    pub(crate) fn cause(&self) -> SmDeliveryFailureCause {
        self.config.cause
    }

    /// TP-FCS of its refusals.
    pub(crate) fn failure(&self) -> u8 {
        match self.config.cause {
            SmDeliveryFailureCause::InvalidSmeAddress => 0xc3,
            SmDeliveryFailureCause::SubscriberNotScSubscriber => 0xc1,
            SmDeliveryFailureCause::ServiceCentreCongestion => 0xc0,
            _ => 0xff,
        }
    }
}
