//! What traffic may pass: DATA both ways, routing contexts and network appearance (RFC 4666 3.3.1, 4.3.4.3).

use super::{Asp, AspConfig, AspState, Input, Request, Role, Side};
use crate::base::Malformed;
use crate::codec::Reader;
use crate::proto::m3ua::view::{Data, Message, Why, malformed};
use crate::proto::m3ua::{ErrorCode, tag};

/// The most unknown routing contexts that one ERR names.
const UNKNOWN_MAX: usize = 64;

impl Asp {
    /// Whether DATA may be sent: the other side's ASP is active. With double exchange ours need not be.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.theirs().state == AspState::Active
    }

    /// The routing contexts for which DATA may be sent, one bit each by their place in the configuration; bit 0 where
    /// none is configured.
    #[must_use]
    pub fn active_contexts(&self) -> u32 {
        self.theirs().active
    }

    /// The routing context to put into DATA: `wanted` if that is active, without one the first that is.
    /// `Some(None)`: none is to be put there. `None`: such DATA may not be sent now.
    #[must_use]
    pub fn data_context(&self, wanted: Option<u32>) -> Option<Option<u32>> {
        let active = self.active_contexts();
        match wanted {
            Some(context) => {
                let bit = self.context_bit(Side::Theirs, wanted)?;
                (active & bit != 0).then_some(Some(context))
            }
            None if active == 0 => None,
            None => Some(self.contexts(Side::Theirs, active).next()),
        }
    }

    /// The routing contexts of a direction: those that its ASP is active for.
    pub(super) fn list(&self, side: Side) -> &[u32] {
        if side == Side::Theirs && self.is_double() && !self.config.peer_contexts.is_empty() {
            &self.config.peer_contexts
        } else {
            &self.config.routing_contexts
        }
    }

    /// All routing contexts; without any, the nameless one.
    pub(super) fn all(&self, side: Side) -> u32 {
        match self.list(side).len() {
            0 => u32::from(!self.registers()),
            count => (u32::MAX >> 32usize.saturating_sub(count)) & !self.registrations.vacant,
        }
    }

    /// The bit of a routing context, or `None` if it isn't configured or is needed and absent.
    pub(super) fn context_bit(&self, side: Side, context: Option<u32>) -> Option<u32> {
        let contexts = self.list(side);
        match context {
            Some(context) if !contexts.is_empty() => {
                let at = contexts.iter().position(|&known| known == context)?;
                Some(1 << at).filter(|bit| self.all(side) & bit != 0)
            }
            Some(_) if self.config.role == Role::Sgp => None,
            _ => Some(self.all(side)).filter(|all| all.is_power_of_two()),
        }
    }

    /// The routing contexts that a mask stands for.
    pub(super) fn contexts(&self, side: Side, mask: u32) -> impl DoubleEndedIterator<Item = u32> + use<> {
        // A copy, so that a message can be written while the machine changes; at most 32 words.
        let mut copy = [0; AspConfig::MAX_CONTEXTS];
        let list = self.list(side);
        for (to, &from) in copy.iter_mut().zip(list) {
            *to = from;
        }
        (0..list.len()).filter(move |at| mask >> at & 1 == 1).filter_map(move |at| copy.get(at).copied())
    }

    pub(super) fn on_data<'a>(
        &mut self,
        stream: u16,
        bytes: &[u8],
        message: &Message<'a>,
        send: &mut dyn FnMut(u16, &[u8]),
    ) -> Result<Input<'a>, Malformed> {
        let data = Data::parse(message)?;
        if stream == 0 && self.streams_out > 1 && !self.config.data_on_stream_0 {
            self.counts.invalid_stream += 1;
            self.reject(ErrorCode::InvalidStreamIdentifier, bytes, data.routing_context.as_slice(), send);
            return Ok(Input::Handled);
        }
        if !self.is_our_network(data.network_appearance, bytes, send) {
            return Ok(Input::Handled);
        }
        let context = data.routing_context;
        let Some(bit) = self.context_bit(Side::Ours, context) else {
            self.counts.invalid_routing_context += 1;
            let code = match context {
                Some(_) => ErrorCode::InvalidRoutingContext,
                None => ErrorCode::MissingParameter,
            };
            self.reject(code, bytes, context.as_slice(), send);
            return Ok(Input::Handled);
        };
        // DATA may overtake the ASPAC ACK on another stream (4.3.4.3).
        if self.ours().active & bit != 0 || self.request == Some(Request::Aspac) {
            self.counts.data_received += 1;
            return Ok(Input::Data(data));
        }
        if self.config.role == Role::Asp && self.ours().state != AspState::Down {
            // An ASP discards silently what is for an application server that it isn't active for (3.8.1): it may
            // have crossed our ASPIA.
            self.counts.data_inactive += 1;
        } else {
            self.unexpected(bytes, send);
        }
        Ok(Input::Handled)
    }

    /// Whether a message's network appearance, if it bears one, is ours; an ERR is sent if not.
    pub(super) fn is_our_network(
        &mut self,
        appearance: Option<u32>,
        bytes: &[u8],
        send: &mut dyn FnMut(u16, &[u8]),
    ) -> bool {
        let (Some(theirs), Some(ours)) = (appearance, self.config.network_appearance) else { return true };
        if theirs != ours {
            self.counts.invalid_network_appearance += 1;
            self.reject(ErrorCode::InvalidNetworkAppearance, bytes, &[], send);
        }
        theirs == ours
    }

    /// The routing contexts that a message names; all if it names none. `None` if it names none of ours. Those that
    /// aren't ours are told in an ERR.
    pub(super) fn context_mask(
        &mut self,
        side: Side,
        bytes: &[u8],
        message: &Message<'_>,
        send: &mut dyn FnMut(u16, &[u8]),
    ) -> Result<Option<u32>, Malformed> {
        let Some(value) = message.parameters.find(tag::ROUTING_CONTEXT) else {
            let all = self.all(side);
            if all == 0 {
                self.counts.invalid_routing_context += 1;
                self.reject(ErrorCode::NoConfiguredAs, bytes, &[], send);
            }
            return Ok((all != 0).then_some(all));
        };
        if value.is_empty() || value.len() % 4 != 0 {
            return Err(malformed(Why::Size, 8));
        }
        let mut reader = Reader::new(value);
        let mut mask = 0;
        let mut unknown = [0; UNKNOWN_MAX];
        let mut count = 0;
        while let Some(context) = reader.u32() {
            if let Some(bit) = self.context_bit(side, Some(context)) {
                mask |= bit;
            } else if let Some(slot) = unknown.get_mut(count) {
                *slot = context;
                count += 1;
            }
        }
        if let Some(unknown @ [_, ..]) = unknown.get(..count) {
            self.counts.invalid_routing_context += 1;
            self.reject(ErrorCode::InvalidRoutingContext, bytes, unknown, send);
        }
        Ok((mask != 0).then_some(mask))
    }
}
