//! The rings between workers, and between each worker and the control thread, all made at start.

use crate::base::{Consumer, PortId, Producer, ring};
use crate::io::Frame;
use crate::stack::{Label, News, Part};

/// What crosses from one worker to another.
pub enum Internal<C> {
    /// A whole frame, uncopied, for the owner of its association or SIP transaction.
    Frame {
        /// The frame; the receiver owns it now.
        frame: Frame,
        /// The port it came from.
        port: PortId,
    },
    /// One signalling message, copied out of its packet, for the owner of its dialogue or of the association it leaves by.
    Message {
        /// A frame that holds just the message.
        frame: Frame,
        /// What MTP says of it.
        label: Label,
    },
    /// A part of a packet that came in fragments and that another worker has put together.
    Part {
        /// A frame that holds just the part.
        frame: Frame,
        /// Which part of what it is.
        part: Part,
    },
    /// Something about the network.
    News(News),
    /// The application's own.
    Application(C),
}

/// One worker's ends of the rings.
pub struct WorkerEnd<C, Q, P> {
    /// Towards each worker; none towards itself.
    pub(super) to: Vec<Option<Producer<Internal<C>>>>,
    /// From each worker; none from itself.
    pub(super) from: Vec<Option<Consumer<Internal<C>>>>,
    /// Towards the control thread.
    pub(super) to_control: Producer<Q>,
    /// From the control thread.
    pub(super) from_control: Consumer<P>,
}

/// The control thread's ends for one worker.
pub struct ControlEnd<Q, P> {
    /// The worker's requests.
    pub requests: Consumer<Q>,
    /// Answers to it.
    pub replies: Producer<P>,
}

/// All ends: one for each worker, and the control thread's.
pub type Rings<C, Q, P> = (Vec<WorkerEnd<C, Q, P>>, Vec<ControlEnd<Q, P>>);

/// Rings for `workers` workers, each of `size` items between workers and `mailbox` items to and from control.
#[must_use]
pub fn rings<C: Send, Q: Send, P: Send>(workers: usize, size: usize, mailbox: usize) -> Rings<C, Q, P> {
    let mut to: Vec<Vec<Option<Producer<Internal<C>>>>> = Vec::new();
    let mut from: Vec<Vec<Option<Consumer<Internal<C>>>>> = (0..workers).map(|_| Vec::new()).collect();
    for sender in 0..workers {
        let mut producers = Vec::new();
        for (receiver, consumers) in from.iter_mut().enumerate() {
            let ends = (sender != receiver).then(|| ring(size));
            let (producer, consumer) = ends.unzip();
            producers.push(producer);
            consumers.push(consumer);
        }
        to.push(producers);
    }
    to.into_iter()
        .zip(from)
        .map(|(to, from)| {
            let (to_control, requests) = ring(mailbox);
            let (replies, from_control) = ring(mailbox);
            (WorkerEnd { to, from, to_control, from_control }, ControlEnd { requests, replies })
        })
        .unzip()
}
