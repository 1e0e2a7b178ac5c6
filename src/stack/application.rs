//! What stands on the stack: the gateway, or a node of the core network in a box.

use crate::base::{Counts, Flow, Frames, Time};
use crate::ident::{PointCode, WorkerId};
use crate::proto::link::Part;

use super::{Hint, Indication, Stack};

/// A signalling message on its way between two workers: an SCCP message and what MTP says of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Label {
    /// Whether it came from the network, or is to be sent.
    pub direction: Direction,
    /// The association it came by, or has to leave by; by its place in the configuration.
    pub association: u16,
    /// Originating point code.
    pub originating: PointCode,
    /// Destination point code.
    pub destination: PointCode,
    /// Signalling link selection.
    pub selection: u8,
    /// Which of the ways to its destination would not take it: a bit for each, by place.
    pub tried: u16,
}

/// Which way a message crosses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// From the network to the worker that owns the dialogue.
    In,
    /// To the network by the worker that owns the association.
    Out,
}

/// What the worker lends to the stack for the length of a call: transmit buffers and the way to the other workers.
pub trait Outside: Frames {
    /// Copies a signalling message out and hands it to `to`. `false` when its ring or the pool is full (counted).
    fn hand_off(&mut self, to: WorkerId, label: Label, message: &[u8]) -> bool;

    /// Copies a part of a packet out, which was put together here, and hands it to `to`. `false` when its ring or the pool is
    /// full (counted).
    fn hand_off_part(&mut self, to: WorkerId, part: Part, octets: &[u8]) -> bool;

    /// Tells every other worker something about the network.
    fn tell_all(&mut self, news: News);

    /// Copies a message out and hands it to a stream thread: `len` octets of the buffer last given, behind
    /// [`crate::base::HEADROOM`]. Without stream threads it goes nowhere.
    fn send_stream(&mut self, flow: &Flow, len: usize) {
        let _ = (flow, len);
    }

    /// The same with a message that is longer than a frame.
    fn send_long_by_stream(&mut self, flow: &Flow, message: &[u8]) {
        let _ = (flow, message);
    }

    /// Tells a stream thread that what came by that stream gets no answer.
    fn no_answer(&mut self, flow: &Flow) {
        let _ = flow;
    }

    /// Gives all ports what was written so far, so that nothing written later can leave before it by another port.
    fn drain(&mut self);
}

/// What one worker learns and all have to know.
#[derive(Clone, Copy, Debug)]
pub enum News {
    /// A neighbour's link address.
    Neighbour(crate::proto::link::Neighbour),
    /// How an association leads to a destination.
    Way {
        /// Its place in the configuration.
        association: u16,
        /// The destination's point code.
        destination: PointCode,
        /// What its signalling gateway says of the destination; `None`: it carries no traffic.
        state: Option<crate::proto::m3ua::Availability>,
    },
    /// Whether a subsystem of another point takes messages.
    Subsystem(crate::proto::sccp::SubsystemNews),
    /// What a path carries, as a router said that saw a packet of ours.
    PathMtu {
        /// Where it leads.
        destination: core::net::IpAddr,
        /// Octets of the longest IP packet.
        mtu: u32,
    },
}

/// What the worker lends to an application: the stack's [`Outside`], and the way to the application's other halves, the
/// same application on other workers and the control thread.
pub trait Surroundings<C, R>: Outside {
    /// Hands `message` to the application of worker `to`, or gives it back when the ring is full.
    fn to_worker(&mut self, to: WorkerId, message: C) -> Result<(), C>;

    /// Hands `request` to the control thread, or gives it back when the mailbox is full.
    fn to_control(&mut self, request: R) -> Result<(), R>;
}

/// What an application may use while it handles something.
pub struct Context<'a, C, R> {
    /// The protocols.
    pub stack: &'a mut Stack,
    /// Transmit buffers, the other workers and the control thread.
    pub outside: &'a mut dyn Surroundings<C, R>,
}

/// An application on one worker.
pub trait Application {
    /// What it tells itself on other workers.
    type Crossing: Send + 'static;
    /// What it asks the control thread.
    type Request: Send + 'static;
    /// What the control thread answers.
    type Reply: Send + 'static;

    /// A message has arrived: a great value, that is not moved about, and that the application may change.
    fn handle(
        &mut self,
        now: Time,
        indication: &mut Indication<'_>,
        cx: &mut Context<'_, Self::Crossing, Self::Request>,
    );

    /// These are probably whom the frames of a burst are about, the first one first: what will be looked up can be fetched.
    fn look_ahead(&self, hints: &[Option<Hint<'_>>]) {
        let _ = hints;
    }

    /// The same application on another worker says something.
    fn handle_crossing(
        &mut self,
        now: Time,
        crossing: Self::Crossing,
        cx: &mut Context<'_, Self::Crossing, Self::Request>,
    );

    /// The control thread answers.
    fn handle_reply(
        &mut self,
        now: Time,
        reply: Self::Reply,
        cx: &mut Context<'_, Self::Crossing, Self::Request>,
    );

    /// Deadlines have passed.
    fn handle_timeout(&mut self, now: Time, cx: &mut Context<'_, Self::Crossing, Self::Request>);

    /// The earliest deadline.
    fn poll_timeout(&self) -> Time;

    /// Whether it was told to stop: it begins nothing new.
    fn is_stopping(&self) -> bool {
        false
    }

    /// Whether nothing is under way.
    fn is_idle(&self) -> bool {
        true
    }

    /// The end of a turn: nothing read from shared tables is held any more.
    fn quiescent(&mut self);

    /// The application's counters.
    fn counts(&self) -> &dyn Counts;

    /// How full its tables are: name, used, size.
    fn fill(&self, visit: &mut dyn FnMut(&'static str, usize, usize));
}
