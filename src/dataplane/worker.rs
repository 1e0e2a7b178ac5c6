//! A worker: polls its queue of every port, runs each packet through stack and application, sends what they wrote.

use core::time::Duration;

use super::rings::{Internal, WorkerEnd};
use super::streams::{StreamCounts, StreamEnd};
use super::transmit::{Transmit, TransmitCounts};
use crate::base::{PortId, SipKey, Time, counts};
use crate::ident::WorkerId;
use crate::io::{BURST, Batch, Frame, PacketIo};
use crate::stack::{Application, Context, Cursor, Next, Part, Stack};

counts! {
    /// What the worker did.
    pub struct WorkerCounts {
        /// Turns.
        turns,
        /// Turns that found something to do.
        busy_turns,
        /// Frames received from the ports.
        frames_received,
        /// Frames and messages taken over from other workers.
        taken_over,
        /// Nanoseconds spent in busy turns.
        busy_nanos,
    }
}

/// How often timers are looked at, at the most: SIP's shortest is 500 ms, SCTP's 20 ms.
const TIMER_STEP: Duration = Duration::from_micros(500);

/// At most this many items are taken from each ring in a turn, so that no neighbour starves the ports.
const RING_BURST: usize = 32;

/// With fewer frames in a burst there is nothing to do while the memory brings what is known of their subscribers.
const LOOKS_AHEAD: usize = 3;

/// One core's worth of gateway.
pub struct Worker<IO, A: Application> {
    id: WorkerId,
    stack: Stack,
    application: A,
    transmit: Transmit<IO, A::Crossing, A::Request, A::Reply>,
    cursor: Cursor,
    batch: Batch,
    next_timers: Time,
    counts: WorkerCounts,
    sleeps: u64,
}

impl<IO: PacketIo, A: Application> Worker<IO, A> {
    /// A worker that has not begun.
    #[must_use]
    pub fn new(
        id: WorkerId,
        io: IO,
        stack: Stack,
        application: A,
        ends: WorkerEnd<A::Crossing, A::Request, A::Reply>,
    ) -> Self {
        Self {
            id,
            cursor: stack.cursor(),
            stack,
            application,
            transmit: Transmit::new(io, ends),
            batch: Batch::new(),
            next_timers: Time::ZERO,
            counts: WorkerCounts::default(),
            sleeps: 0,
        }
    }

    /// The same with stream threads, among which `spread` spreads peers ([`super::thread_of`]).
    #[must_use]
    pub fn with_streams(self, streams: Vec<StreamEnd>, spread: SipKey) -> Self {
        Self { transmit: self.transmit.with_streams(streams, spread), ..self }
    }

    /// What went to stream threads and came from them; nothing if there are none.
    #[must_use]
    pub fn stream_counts(&self) -> &StreamCounts {
        &self.transmit.stream_counts
    }

    /// Which worker it is.
    #[must_use]
    pub fn id(&self) -> WorkerId {
        self.id
    }

    /// The packet ports.
    pub fn io(&mut self) -> &mut IO {
        &mut self.transmit.io
    }

    /// The application.
    pub fn application(&mut self) -> &mut A {
        &mut self.application
    }

    /// The protocols.
    #[must_use]
    pub fn stack(&self) -> &Stack {
        &self.stack
    }

    /// What it did, and what left it.
    #[must_use]
    pub fn counts(&self) -> (&WorkerCounts, &TransmitCounts) {
        (&self.counts, &self.transmit.counts)
    }

    /// The application, to look at.
    #[must_use]
    pub fn application_ref(&self) -> &A {
        &self.application
    }

    /// Adds to the time spent in busy turns.
    pub fn add_busy(&mut self, span: Duration) {
        self.counts.busy_nanos += u64::try_from(span.as_nanos()).unwrap_or(0);
    }

    /// How often the back-off has slept, to be published.
    pub fn set_sleeps(&mut self, sleeps: u64) {
        self.sleeps = sleeps;
    }

    /// How often the back-off has slept.
    #[must_use]
    pub fn sleeps(&self) -> u64 {
        self.sleeps
    }

    /// Frames left in the pool.
    #[must_use]
    pub fn frames_free(&self) -> usize {
        self.transmit.io.available()
    }

    /// Whether the application was told to stop.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.application.is_stopping()
    }

    /// When its timers ran last, or a little later.
    pub(super) const fn seen(&self) -> Time {
        self.next_timers
    }

    /// Whether nothing is under way: neither in the application nor at a peer that owes an acknowledgement.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.application.is_idle() && self.waiting() == 0 && self.stack.is_closed()
    }

    /// How many items wait in the rings towards this worker.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.transmit.ends.from.iter().flatten().map(crate::base::Consumer::len).sum()
    }

    /// Whether requests have gone to the control thread since the last call.
    pub fn take_woke_control(&mut self) -> bool {
        core::mem::take(&mut self.transmit.woke_control)
    }

    /// One turn: receive, run to completion, send. Whether there was anything to do.
    pub fn turn(&mut self, now: Time) -> bool {
        let mut busy = self.receive(now);
        busy |= self.take_over(now);
        busy |= self.take_replies(now);
        busy |= self.take_streams(now);
        if now >= self.next_timers {
            self.next_timers = now + TIMER_STEP;
            self.handle_timeout(now);
        }
        self.stack.flush(now, &mut self.transmit);
        self.transmit.flush();
        self.transmit.streams.iter_mut().for_each(StreamEnd::ring);
        self.application.quiescent();
        self.counts.turns += 1;
        self.counts.busy_turns += u64::from(busy);
        busy
    }

    /// When the next turn has something to do, if no frame comes until then; a time that has passed when it has already.
    /// Walks over every timer: for simulations, whose clock jumps to it.
    #[must_use]
    pub fn poll_timeout(&self) -> Time {
        let streams = self.transmit.streams.iter().any(StreamEnd::is_waiting);
        if streams
            || self.waiting() > 0
            || !self.transmit.ends.from_control.is_empty()
            || self.transmit.is_pending()
        {
            return Time::ZERO;
        }
        // A turn looks at timers in steps.
        self.stack.poll_timeout().min(self.application.poll_timeout()).max(self.next_timers)
    }

    /// Something to call with what an application does on its own, between turns: start traffic, stop.
    pub fn with_application<T>(
        &mut self,
        act: impl FnOnce(&mut A, &mut Context<'_, A::Crossing, A::Request>) -> T,
    ) -> T {
        act(&mut self.application, &mut Context { stack: &mut self.stack, outside: &mut self.transmit })
    }

    fn receive(&mut self, now: Time) -> bool {
        let mut any = false;
        for port in 0..self.transmit.io.ports() {
            let port = PortId(port as u8);
            self.counts.frames_received += self.transmit.io.rx_burst(port, &mut self.batch) as u64;
            self.look_ahead();
            while let Some(frame) = self.batch.pop() {
                any = true;
                self.handle_frame(now, port, frame);
            }
        }
        any
    }

    /// While the first frames of a burst are worked on, the memory brings what is known of the subscribers of the others.
    fn look_ahead(&self) {
        if self.batch.len() < LOOKS_AHEAD {
            return;
        }
        let mut hints = [None; BURST];
        let mut places = hints.iter_mut();
        for frame in self.batch.iter() {
            self.stack.hints(frame.bytes(), &mut |hint| {
                if let Some(place) = places.next() {
                    *place = Some(hint);
                }
            });
        }
        self.application.look_ahead(&hints);
    }

    fn handle_frame(&mut self, now: Time, port: PortId, frame: Frame) {
        self.cursor.reset();
        loop {
            match &mut self.stack.next(now, port, frame.bytes(), &mut self.cursor, &mut self.transmit) {
                Next::Indication(indication) => {
                    let mut cx = Context { stack: &mut self.stack, outside: &mut self.transmit };
                    self.application.handle(now, indication, &mut cx);
                }
                &mut Next::HandOff(owner) => return self.transmit.hand_off_frame(owner, frame, port),
                Next::Again => {}
                Next::Done => return,
            }
        }
    }

    fn take_over(&mut self, now: Time) -> bool {
        let mut any = false;
        for neighbour in 0..self.transmit.ends.from.len() {
            for _ in 0..RING_BURST {
                let Some(Some(ring)) = self.transmit.ends.from.get_mut(neighbour) else { break };
                let Some(item) = ring.pop() else { break };
                any = true;
                self.counts.taken_over += 1;
                match item {
                    Internal::Frame { frame, port } => self.handle_frame(now, port, frame),
                    Internal::Message { frame, label } => self.handle_message(now, &label, &frame),
                    Internal::Part { frame, part } => {
                        self.handle_part(now, WorkerId(neighbour as u8), &part, frame);
                    }
                    Internal::News(news) => self.stack.learn(now, news, &mut self.transmit),
                    Internal::Application(crossing) => {
                        let mut cx = Context { stack: &mut self.stack, outside: &mut self.transmit };
                        self.application.handle_crossing(now, crossing, &mut cx);
                    }
                }
            }
        }
        any
    }

    /// A part of a packet that came in fragments; with the last one, the packet.
    fn handle_part(&mut self, now: Time, from: WorkerId, part: &Part, frame: Frame) {
        self.cursor.reset();
        let is_whole = self.stack.take_part(from, part, frame.bytes(), &mut self.cursor);
        drop(frame);
        if !is_whole {
            return;
        }
        loop {
            match &mut self.stack.next_reassembled(now, &mut self.cursor, &mut self.transmit) {
                Next::Indication(indication) => {
                    let mut cx = Context { stack: &mut self.stack, outside: &mut self.transmit };
                    self.application.handle(now, indication, &mut cx);
                }
                Next::Again => {}
                // What is another's has been handed on.
                Next::HandOff(_) | Next::Done => return,
            }
        }
    }

    fn handle_message(&mut self, now: Time, label: &crate::stack::Label, frame: &Frame) {
        if let Some(indication) =
            &mut self.stack.handle_message(now, label, frame.bytes(), &mut self.transmit)
        {
            let mut cx = Context { stack: &mut self.stack, outside: &mut self.transmit };
            self.application.handle(now, indication, &mut cx);
        }
    }

    fn take_replies(&mut self, now: Time) -> bool {
        let mut any = false;
        while let Some(reply) = self.transmit.ends.from_control.pop() {
            any = true;
            let mut cx = Context { stack: &mut self.stack, outside: &mut self.transmit };
            self.application.handle_reply(now, reply, &mut cx);
        }
        any
    }

    fn take_streams(&mut self, now: Time) -> bool {
        let mut any = false;
        for thread in 0..self.transmit.streams.len() {
            for _ in 0..RING_BURST {
                let Some(item) = self.transmit.streams.get_mut(thread).and_then(StreamEnd::receive) else {
                    break;
                };
                any = true;
                self.transmit.stream_counts.stream_received += 1;
                if let Next::Indication(indication) =
                    &mut self.stack.next_of_stream(now, &item, &mut self.cursor, &mut self.transmit)
                {
                    let mut cx = Context { stack: &mut self.stack, outside: &mut self.transmit };
                    self.application.handle(now, indication, &mut cx);
                }
                if let Some(thread) = self.transmit.streams.get_mut(thread) {
                    thread.give_back(item);
                }
            }
        }
        any
    }

    fn handle_timeout(&mut self, now: Time) {
        self.stack.handle_timeout(now, &mut self.transmit);
        while let Some(indication) =
            &mut self.stack.poll_indication(now, &mut self.cursor, &mut self.transmit)
        {
            let mut cx = Context { stack: &mut self.stack, outside: &mut self.transmit };
            self.application.handle(now, indication, &mut cx);
        }
        let mut cx = Context { stack: &mut self.stack, outside: &mut self.transmit };
        self.application.handle_timeout(now, &mut cx);
    }
}
