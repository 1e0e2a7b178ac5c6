//! What becomes of messages whose association has ended: those that were not sent go another way, the others may have
//! arrived (RFC 4666 4.3.4.6, RFC 9260 11.1.14).

use core::ops::Range;
use std::collections::VecDeque;

use crate::base::Time;
use crate::codec::Prepend;
use crate::ident::PointCode;
use crate::proto::map::operation;
use crate::proto::sctp::Left;
use crate::proto::tcap::{self, Code, Component, MessageType};
use crate::proto::{m3ua, sccp};

use super::transport::{PPID_M3UA, Transport};
use super::{ROOM, Ss7};
use crate::stack::{Direction, Indication, Label, Outside};

/// What associations left behind, until it goes another way. It grows when an association ends, not when packets come.
#[derive(Debug, Default)]
pub(super) struct Leftovers {
    octets: Vec<u8>,
    messages: Vec<Leftover>,
    /// Those that were not sent and find no way, until their senders have learnt it.
    stranded: VecDeque<Range<usize>>,
}

/// An M3UA message that was not acknowledged.
#[derive(Clone, Debug)]
struct Leftover {
    /// It left, or a part of it.
    sent: bool,
    place: Range<usize>,
}

impl Leftovers {
    /// Keeps a message; M3UA's own among them are of no use to anybody any more.
    pub(super) fn keep(&mut self, left: &Left<'_>) {
        if left.ppid == PPID_M3UA {
            let start = self.octets.len();
            self.octets.extend_from_slice(left.payload);
            self.messages.push(Leftover { sent: left.sent, place: start..self.octets.len() });
        }
    }

    /// Keeps an M3UA message that was never given to an association.
    pub(super) fn keep_unsent(&mut self, message: &[u8]) {
        self.keep(&Left { stream: 0, ppid: PPID_M3UA, sent: false, payload: message });
    }

    /// Whether senders here have to learn that their messages found no way.
    pub(super) fn has_stranded(&self) -> bool {
        !self.stranded.is_empty()
    }

    /// Forgets what nobody waits for any more. The room is kept: no association fails only once.
    fn clear(&mut self) {
        self.messages.clear();
        if self.stranded.is_empty() {
            self.octets.clear();
        }
    }
}

impl Transport {
    /// Sends what ended associations left behind by other ways: what was not sent, and of what was sent that which may come
    /// twice.
    pub(super) fn rescue(&mut self, outside: &mut dyn Outside) {
        if self.left.messages.is_empty() {
            return;
        }
        let mut left = core::mem::take(&mut self.left);
        for message in &left.messages {
            let Some(octets) = left.octets.get(message.place.clone()) else { continue };
            let Some((label, payload)) = data(octets) else { continue };
            if message.sent {
                self.counts.indeterminate += 1;
                if is_repeatable(payload) && self.send_by_best(label, payload, outside).is_ok() {
                    self.counts.repeated += 1;
                }
            } else if self.send_by_best(label, payload, outside).is_ok() {
                self.counts.rescued += 1;
            } else {
                self.counts.stranded += 1;
                left.stranded.push_back(message.place.clone());
            }
        }
        left.clear();
        self.left = left;
    }
}

impl Ss7 {
    /// The next dialogue of ours whose message was left behind and found no way.
    pub(super) fn next_stranded(
        &mut self,
        now: Time,
        outside: &mut dyn Outside,
    ) -> Option<Indication<'static>> {
        let mut gone = None;
        while gone.is_none() && self.transport.left.has_stranded() {
            let mut left = core::mem::take(&mut self.transport.left);
            let place = left.stranded.pop_front();
            if let Some((label, message)) = place.and_then(|place| left.octets.get(place)).and_then(data) {
                gone = self.bounce(now, &label, message, outside);
            }
            left.clear();
            self.transport.left = left;
        }
        gone
    }

    /// A message of ours finds no way: it comes back as a message does that MTP could not carry further on (Q.713 3.12),
    /// so that its dialogue ends at once, on whichever worker that is, or to the node that it was passed on for. One that was
    /// not to be returned is gone.
    pub(super) fn bounce(
        &mut self,
        now: Time,
        label: &Label,
        message: &[u8],
        outside: &mut dyn Outside,
    ) -> Option<Indication<'static>> {
        if label.originating != self.transport.point_code() {
            return None;
        }
        let Ok(sccp::Input::Unitdata(unitdata)) = sccp::parse(message) else { return None };
        if !unitdata.return_on_error {
            return None;
        }
        // A gateway between others has translated it for one of them.
        let is_ours = matches!(self.sccp.routes.route(&unitdata.calling), sccp::Route::Local(_));
        if self.transport.gateway.is_some() && !is_ours {
            self.give_back(now, label, &unitdata, sccp::Cause::MTP_FAILURE, outside);
            return None;
        }
        let mut room = [0; ROOM];
        let mut w = Prepend::new(&mut room);
        sccp::build::service(&mut w, &unitdata, sccp::Cause::MTP_FAILURE).ok()?;
        let returned = w.finish()?;
        let Ok(sccp::Input::Service(service)) = sccp::parse(returned) else { return None };
        self.counts.bounced += 1;
        let back = Label {
            direction: Direction::In,
            originating: label.destination,
            destination: label.originating,
            ..*label
        };
        self.on_notice(now, &back, &service, returned, outside)
    }
}

/// The routing context of an M3UA DATA, if it is one.
pub(super) fn data_context(octets: &[u8]) -> Option<Option<u32>> {
    let message = m3ua::Message::parse(octets).ok()?;
    m3ua::Data::parse(&message).ok().map(|data| data.routing_context)
}

/// The user's message in an M3UA DATA of ours, and what to send it again with.
fn data(octets: &[u8]) -> Option<(Label, &[u8])> {
    let message = m3ua::Message::parse(octets).ok()?;
    if message.kind() != Ok(m3ua::Kind::Data) {
        return None;
    }
    let data = m3ua::Data::parse(&message).ok()?;
    let label = Label {
        direction: Direction::Out,
        association: 0,
        originating: data.opc,
        destination: PointCode(data.dpc.0),
        selection: data.sls,
        tried: 0,
    };
    Some((label, data.payload))
}

/// Whether it does no harm if an SCCP message comes twice: service messages, ends of dialogues, and dialogues for operations
/// that say how things are. A short message never: its recipient would have it twice.
fn is_repeatable(message: &[u8]) -> bool {
    let unitdata = match sccp::parse(message) {
        Ok(sccp::Input::Unitdata(unitdata)) => unitdata,
        Ok(sccp::Input::Service(_)) => return true,
        Err(_) => return false,
    };
    let Ok(mut message) = tcap::Message::parse(unitdata.data) else { return false };
    match message.message_type {
        MessageType::End | MessageType::Abort => true,
        MessageType::Begin => {
            let is_idempotent = |component| match component {
                Component::Invoke { opcode: Code::Local(code), .. } => operation::is_idempotent(code),
                _ => false,
            };
            // An empty Begin asks for a dialogue, of which one is enough.
            !message.components.is_empty() && message.components.all(is_idempotent)
        }
        MessageType::Continue | MessageType::Unidirectional | MessageType::Unrecognised => false,
    }
}
