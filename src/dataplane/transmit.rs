//! What a worker lends to stack and application: frames to write into, and the rings to the other workers.

use core::ops::Range;

use super::rings::{Internal, WorkerEnd};
use super::streams::{StreamCounts, StreamEnd};
use crate::base::{Flow, Frames, HEADROOM, PortId, SipKey, Transport, counts};
use crate::ident::WorkerId;
use crate::io::{Batch, Frame, PacketIo};
use crate::stack::{Label, News, Outside, Part, Surroundings};

counts! {
    /// What left the worker, and how.
    pub struct TransmitCounts {
        /// Frames given to the ports.
        frames_sent,
        /// Frames dropped because the port took no more.
        frames_dropped,
        /// Packets not sent because the frame pool was empty.
        pool_empty,
        /// Frames handed whole to another worker.
        frames_handed_off,
        /// Signalling messages handed to another worker, on the way in or out.
        messages_handed_off,
        /// Parts of packets that came in fragments, handed to another worker.
        parts_handed_off,
        /// Frames and messages lost because the ring to another worker was full.
        ring_full,
    }
}

pub(super) struct Transmit<IO, C, Q, P> {
    pub(super) io: IO,
    current: Option<Frame>,
    batches: Vec<Batch>,
    pub(super) ends: WorkerEnd<C, Q, P>,
    /// Towards each stream thread.
    pub(super) streams: Vec<StreamEnd>,
    spread: Option<SipKey>,
    pub(super) stream_counts: StreamCounts,
    /// Whether something went to the control thread this turn.
    pub(super) woke_control: bool,
    pub(super) counts: TransmitCounts,
}

impl<IO: PacketIo, C, Q, P> Transmit<IO, C, Q, P>
where
    C: Send,
    Q: Send,
{
    pub(super) fn new(io: IO, ends: WorkerEnd<C, Q, P>) -> Self {
        let batches = (0..io.ports()).map(|_| Batch::new()).collect();
        Self {
            io,
            current: None,
            batches,
            ends,
            streams: vec![],
            spread: None,
            stream_counts: StreamCounts::default(),
            woke_control: false,
            counts: TransmitCounts::default(),
        }
    }

    /// With stream threads, among which `spread` spreads peers.
    pub(super) fn with_streams(self, streams: Vec<StreamEnd>, spread: SipKey) -> Self {
        Self { streams, spread: Some(spread), ..self }
    }

    /// The stream thread that a flow belongs to.
    fn thread_of(&self, flow: &Flow) -> usize {
        match (flow.transport, &self.spread) {
            (Transport::Stream { connection, .. }, _) => connection.id.thread.into(),
            (_, Some(spread)) => super::streams::thread_of(spread, flow.destination, self.streams.len()),
            _ => 0,
        }
    }

    /// Gives a port its waiting frames; what it does not take is dropped, as a full link would.
    fn drain_port(&mut self, port: usize) {
        let Some(batch) = self.batches.get_mut(port) else { return };
        let waiting = batch.len();
        if waiting == 0 {
            return;
        }
        let id = PortId(port as u8);
        let mut sent = self.io.tx_burst(id, batch);
        if sent < waiting {
            sent += self.io.tx_burst(id, batch);
        }
        self.counts.frames_sent += sent as u64;
        if sent < waiting {
            self.counts.frames_dropped += (waiting - sent) as u64;
            self.io.drop_unsent(id, batch);
        }
    }

    /// Whether frames wait for the end of the turn.
    pub(super) fn is_pending(&self) -> bool {
        self.batches.iter().any(|batch| !batch.is_empty())
    }

    /// The end of a turn.
    pub(super) fn flush(&mut self) {
        for port in 0..self.batches.len() {
            self.drain_port(port);
        }
    }

    fn push(&mut self, to: WorkerId, item: Internal<C>) -> Result<(), Internal<C>> {
        match self.ends.to.get_mut(usize::from(to.0)) {
            Some(Some(ring)) => ring.push(item),
            _ => Err(item),
        }
    }

    /// Hands a frame whole to another worker.
    pub(super) fn hand_off_frame(&mut self, to: WorkerId, frame: Frame, port: PortId) {
        match self.push(to, Internal::Frame { frame, port }) {
            Ok(()) => self.counts.frames_handed_off += 1,
            Err(_) => self.counts.ring_full += 1,
        }
    }
}

impl<IO: PacketIo, C: Send, Q: Send, P> Frames for Transmit<IO, C, Q, P> {
    fn buffer(&mut self) -> Option<&mut [u8]> {
        if self.current.is_none() {
            self.current = self.io.alloc();
            if self.current.is_none() {
                self.counts.pool_empty += 1;
            }
        }
        self.current.as_mut().map(Frame::room)
    }

    fn send(&mut self, port: PortId, range: Range<usize>) {
        let Some(mut frame) = self.current.take() else { return };
        frame.set_range(range);
        let at = usize::from(port.0);
        if self.batches.get(at).is_some_and(|batch| batch.len() == Batch::CAPACITY) {
            self.drain_port(at);
        }
        if self.batches.get_mut(at).is_none_or(|batch| batch.push(frame).is_err()) {
            self.counts.frames_dropped += 1;
        }
    }
}

impl<IO: PacketIo, C: Send, Q: Send, P> Outside for Transmit<IO, C, Q, P> {
    fn hand_off(&mut self, to: WorkerId, label: Label, message: &[u8]) -> bool {
        let Some(mut frame) = self.io.alloc() else {
            self.counts.pool_empty += 1;
            return false;
        };
        let handed = frame.copy_from(message) && self.push(to, Internal::Message { frame, label }).is_ok();
        match handed {
            true => self.counts.messages_handed_off += 1,
            false => self.counts.ring_full += 1,
        }
        handed
    }

    fn hand_off_part(&mut self, to: WorkerId, part: Part, octets: &[u8]) -> bool {
        let Some(mut frame) = self.io.alloc() else {
            self.counts.pool_empty += 1;
            return false;
        };
        let handed = frame.copy_from(octets) && self.push(to, Internal::Part { frame, part }).is_ok();
        match handed {
            true => self.counts.parts_handed_off += 1,
            false => self.counts.ring_full += 1,
        }
        handed
    }

    fn send_stream(&mut self, flow: &Flow, len: usize) {
        let thread = self.thread_of(flow);
        let message = self.current.as_mut().and_then(|frame| frame.room().get(HEADROOM..HEADROOM + len));
        let thread = self.streams.get_mut(thread);
        match thread.zip(message).is_some_and(|(thread, message)| thread.send(flow, message)) {
            true => self.stream_counts.stream_sent += 1,
            false => self.stream_counts.stream_full += 1,
        }
    }

    fn send_long_by_stream(&mut self, flow: &Flow, message: &[u8]) {
        let thread = self.thread_of(flow);
        match self.streams.get_mut(thread).is_some_and(|thread| thread.send(flow, message)) {
            true => self.stream_counts.stream_sent += 1,
            false => self.stream_counts.stream_full += 1,
        }
    }

    fn no_answer(&mut self, flow: &Flow) {
        let thread = self.thread_of(flow);
        // Without a buffer the thread waits as long as an answer may take.
        if self.streams.get_mut(thread).is_some_and(|thread| !thread.send(flow, &[])) {
            self.stream_counts.stream_full += 1;
        }
    }

    fn tell_all(&mut self, news: News) {
        for ring in self.ends.to.iter_mut().flatten() {
            if ring.push(Internal::News(news)).is_err() {
                self.counts.ring_full += 1;
            }
        }
    }

    fn drain(&mut self) {
        self.flush();
    }
}

impl<IO: PacketIo, C: Send, Q: Send, P> Surroundings<C, Q> for Transmit<IO, C, Q, P> {
    fn to_worker(&mut self, to: WorkerId, message: C) -> Result<(), C> {
        self.push(to, Internal::Application(message)).map_err(|item| match item {
            Internal::Application(message) => message,
            _ => unreachable!("the item that was pushed"),
        })
    }

    fn to_control(&mut self, request: Q) -> Result<(), Q> {
        self.woke_control = true;
        self.ends.to_control.push(request)
    }
}
