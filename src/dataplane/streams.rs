//! The rings between workers and stream threads: whole messages one way and the other, and the buffers they came in back to
//! where they came from, so that neither side allocates for a message.

use crate::base::{Bell, Consumer, Flow, Producer, SipKey, counts, ring};
use crate::stack::{FromStream, StreamMessage};
use core::net::IpAddr;

/// The longest message that a worker sends by a stream, in octets, and few at a time: an answer repeats what the longest
/// request has of hops and names.
pub const LONGEST: usize = 65_535;
/// Buffers for so long a message between a worker and a stream thread.
const LONG: usize = 4;
/// What all other buffers hold: what a frame has room for.
const SHORT: usize = 2048;

counts! {
    /// What a worker did with streams.
    pub struct StreamCounts {
        /// Messages given to stream threads.
        stream_sent,
        /// Messages that came from them, and news of connections.
        stream_received,
        /// Messages not sent by a stream because all buffers towards its thread were in use, or none is there.
        stream_full,
    }
}

/// The stream thread, of so many, that has the connections with a host, whoever has opened them.
#[must_use]
pub fn thread_of(spread: &SipKey, host: IpAddr, threads: usize) -> usize {
    let octets = match host {
        IpAddr::V4(host) => host.to_ipv6_mapped().octets(),
        IpAddr::V6(host) => host.octets(),
    };
    (spread.quick_hash(&[&octets]) % threads.max(1) as u64) as usize
}

/// A message on its way to a stream thread.
pub struct ToStream {
    /// By which connection, or to whom.
    pub flow: Flow,
    len: usize,
    octets: Box<[u8]>,
}

impl ToStream {
    /// The message; nothing where there is no answer.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.octets.get(..self.len).unwrap_or(&[])
    }
}

/// A worker's ends towards one stream thread.
pub struct StreamEnd {
    to: Producer<ToStream>,
    /// Buffers that the thread has emptied.
    emptied: Consumer<Box<[u8]>>,
    free: Vec<Box<[u8]>>,
    long: Vec<Box<[u8]>>,
    from: Consumer<FromStream>,
    /// Buffers that the worker has read.
    read: Producer<Vec<u8>>,
    bell: Bell,
    rung: bool,
}

/// A stream thread's ends towards one worker.
pub struct ThreadEnd {
    from: Consumer<ToStream>,
    emptied: Producer<Box<[u8]>>,
    to: Producer<FromStream>,
    read: Consumer<Vec<u8>>,
}

/// The rings between a worker and a stream thread, of `size` messages each way; `bell` wakes the thread.
#[must_use]
pub fn stream_rings(size: usize, bell: Bell) -> (StreamEnd, ThreadEnd) {
    let (to, from_worker) = ring(size);
    let (emptied_by, emptied) = ring(size + LONG);
    let (to_worker, from) = ring(size);
    let (read, read_by) = ring(size);
    let buffers = |count, octets| (0..count).map(|_| vec![0; octets].into_boxed_slice()).collect();
    let (free, long) = (buffers(size, SHORT), buffers(LONG, LONGEST));
    let worker = StreamEnd { to, emptied, free, long, from, read, bell, rung: false };
    (worker, ThreadEnd { from: from_worker, emptied: emptied_by, to: to_worker, read: read_by })
}

impl StreamEnd {
    /// Copies a message out to the thread; whether there was a buffer.
    pub(super) fn send(&mut self, flow: &Flow, message: &[u8]) -> bool {
        while let Some(buffer) = self.emptied.pop() {
            self.take_back(buffer);
        }
        let buffers = if message.len() > SHORT { &mut self.long } else { &mut self.free };
        let Some(mut octets) = buffers.pop() else { return false };
        let Some(place) = octets.get_mut(..message.len()) else {
            self.take_back(octets);
            return false;
        };
        place.copy_from_slice(message);
        let item = ToStream { flow: *flow, len: message.len(), octets };
        self.rung = true;
        match self.to.push(item) {
            Ok(()) => true,
            Err(item) => {
                self.take_back(item.octets);
                false
            }
        }
    }

    fn take_back(&mut self, buffer: Box<[u8]>) {
        let buffers = if buffer.len() > SHORT { &mut self.long } else { &mut self.free };
        buffers.push(buffer);
    }

    /// The next thing from the thread, which may sleep until there is room for another.
    pub(super) fn receive(&mut self) -> Option<FromStream> {
        let item = self.from.pop();
        self.rung |= item.is_some();
        item
    }

    /// Gives the buffer of what was received back.
    pub(super) fn give_back(&mut self, item: FromStream) {
        if let FromStream::Message(StreamMessage { octets, .. }) = item {
            // There are no more than came by a ring of the same size; the thread drops what is too much.
            let _full = self.read.push(octets);
        }
    }

    /// Whether something waits for the worker.
    pub(super) fn is_waiting(&self) -> bool {
        !self.from.is_empty()
    }

    /// Wakes the thread, if it was sent something or has room again.
    pub(super) fn ring(&mut self) {
        if core::mem::take(&mut self.rung) {
            self.bell.ring();
        }
    }
}

impl ThreadEnd {
    /// The next message of the worker's.
    pub fn receive(&mut self) -> Option<ToStream> {
        self.from.pop()
    }

    /// Gives its buffer back.
    pub fn give_back(&mut self, item: ToStream) {
        // As many as the ring has room for.
        let _full = self.emptied.push(item.octets);
    }

    /// Hands the worker something, or gives it back when the ring is full.
    ///
    /// # Errors
    /// The same again: there is no room.
    pub fn send(&mut self, item: FromStream) -> Result<(), FromStream> {
        self.to.push(item)
    }

    /// Whether there is no room for more.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.to.is_full()
    }

    /// An empty buffer that the worker has read, if there is one.
    pub fn buffer(&mut self) -> Option<Vec<u8>> {
        self.read.pop()
    }

    /// Whether a message of the worker's waits.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        !self.from.is_empty()
    }

    /// Whether the worker has ended.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        self.from.is_abandoned()
    }
}
