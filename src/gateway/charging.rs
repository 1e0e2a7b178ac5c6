//! What charging has to know of a message beside what it carries (TS 24.229 5.7.1, TS 32.260): kept from the request that brings
//! it, or that is made for it, to its end, and told there to the log as far as that is asked for.

use core::time::Duration;

use super::cause::Failure;
use super::mailbox::ToControl;
use super::{Cx, Gateway};
use crate::base::{Inline, Time};
use crate::ident::Imsi;
use crate::stack::{ChargingVector, Message};
use crate::subscriber::AccessNetworkInfo;

/// Octets of an IMS charging identity that are kept.
const ICID: usize = 64;
/// Octets of a network's name that are kept.
const IOI: usize = 48;

/// The span in which so many ends are told.
const SPAN: Duration = Duration::from_secs(1);

/// What is kept of one message.
#[derive(Clone, Copy, Debug)]
pub struct Charging {
    /// IMS charging identity.
    pub icid: Inline<ICID>,
    /// The network that the request comes from.
    pub orig_ioi: Inline<IOI>,
    /// The network that it ends in, as the answer says.
    pub term_ioi: Inline<IOI>,
    /// By which access the UE has sent its message, or its report.
    pub access_network_info: AccessNetworkInfo,
}

impl Charging {
    /// Of a message that nothing is known of.
    pub(super) const NONE: Self = Self {
        icid: Inline::EMPTY,
        orig_ioi: Inline::EMPTY,
        term_ioi: Inline::EMPTY,
        access_network_info: AccessNetworkInfo::EMPTY,
    };

    /// Of what a UE has sent: the vector only if it comes from the core (RFC 7315 6.6).
    pub(super) fn of(message: &Message<'_>, is_of_core: bool) -> Self {
        let vector = message.charging_vector().filter(|_| is_of_core).unwrap_or_default();
        Self {
            icid: beginning(vector.icid),
            orig_ioi: beginning(vector.orig_ioi),
            term_ioi: beginning(vector.term_ioi),
            access_network_info: AccessNetworkInfo::new(message.access_network_info),
        }
    }

    /// What the answer to our request tells.
    pub(super) fn answered(&mut self, vector: &ChargingVector<'_>) {
        if !vector.term_ioi.is_empty() {
            self.term_ioi = beginning(vector.term_ioi);
        }
    }
}

/// As much of it as is kept.
fn beginning<const N: usize>(text: &[u8]) -> Inline<N> {
    Inline::new(text.get(..N).unwrap_or(text)).unwrap_or(Inline::EMPTY)
}

/// How a message ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// A submission, or notice of free memory.
    Submitted {
        /// RP-Cause of the RP-ERROR; none: RP-ACK.
        cause: Option<u8>,
        /// Whether the UE has taken that report.
        is_told: bool,
    },
    /// A message for a UE: nothing if it was delivered.
    Delivered(Option<Failure>),
}

/// The end of a message, for the log.
#[derive(Clone, Copy, Debug)]
pub struct MessageEnd {
    /// The served network.
    pub network: u16,
    /// The UE's subscriber.
    pub imsi: Option<Imsi>,
    /// How it ended.
    pub end: End,
    /// What was kept of it.
    pub charging: Charging,
}

impl Gateway {
    /// An identity for a request of ours that no other request has, of this life of the process or of another (TS 24.229
    /// 5.7.3).
    pub(super) fn next_icid(&mut self) -> Inline<ICID> {
        self.icids = self.icids.wrapping_add(1);
        let mut text = [0; 32];
        let word = u128::from(self.config.icid) << 64 | u128::from(self.icids);
        for (at, place) in text.iter_mut().enumerate() {
            *place = b"0123456789abcdef"[(word >> (124 - 4 * at)) as usize & 0xf];
        }
        beginning(&text)
    }

    /// A message is over.
    pub(super) fn ended(&mut self, now: Time, end: &MessageEnd, cx: &mut Cx<'_>) {
        self.note(now, end.imsi, end.end);
        if self.config.ends_per_second == 0 {
            return;
        }
        if now >= self.ends_since + SPAN {
            (self.ends_since, self.ends_told) = (now, 0);
        }
        self.ends_told += 1;
        let is_told = self.ends_told <= self.config.ends_per_second
            && cx.outside.to_control(ToControl::MessageEnded(Box::new(*end))).is_ok();
        self.counts.ends_untold += u64::from(!is_told);
    }
}
