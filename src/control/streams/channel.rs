//! One connection: octets in become messages, messages out wait in a bounded queue.

use super::thread::Thread;
use crate::base::{Connection, ConnectionId};
use crate::proto::sip::Token;
use crate::proto::sip::framing::{Framed, Framer, PONG, is_between};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, timeout_at};

/// Octets read at a time, and kept for a connection between messages.
pub(super) const READ: usize = 4096;
/// How long the answer to what ends a stream may take to be written.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// How long TLS may take to say good-bye.
const GOOD_BYE: Duration = Duration::from_millis(100);
/// Requests without an answer that are remembered for a connection.
const UNANSWERED: usize = 1024;

/// Why a connection has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    /// The peer has closed it, in order or not.
    ByPeer,
    /// A UE that was told a Flow-Timer has let it pass.
    FlowDead,
    /// Nothing came for a long time.
    Idle,
    /// A message that had begun was not finished in time.
    Stalled,
    /// The peer does not read what it is sent.
    SlowReader,
    /// Nobody can say where the next message begins.
    Unframed,
    /// TLS could not be agreed on, or took too long.
    Handshake,
    /// A host that is trusted did not prove its name.
    PeerRefused,
    /// It could not be opened.
    NotOpened,
    /// The gateway stops.
    Stopped,
}

/// What the connection's own task and the thread share.
pub(super) struct Channel {
    pub(super) connection: Cell<Connection>,
    pub(super) peer: SocketAddr,
    pub(super) local: Cell<SocketAddr>,
    /// Whether we have opened it.
    pub(super) outgoing: bool,
    /// Whether it is open, rather than being opened.
    pub(super) open: Cell<bool>,
    /// Whether the peer has proved by a certificate to be who its address says, or need not.
    pub(super) proved: Cell<bool>,
    /// Whether somebody has registered by it.
    pub(super) registers: Cell<bool>,
    /// How long a UE may be silent that has registered its flow by RFC 5626.
    pub(super) flow_timer: Cell<Option<Duration>>,
    /// That it has to end, at once.
    pub(super) ends: Cell<Option<End>>,
    /// Requests of the peer's that have no final answer yet: a stream of which nobody can say where its next message begins
    /// ends once they have.
    open_requests: Cell<u32>,
    writes: RefCell<VecDeque<u8>>,
    waker: RefCell<Option<Waker>>,
    /// Requests of ours that were sent by it and not answered.
    pub(super) unanswered: RefCell<VecDeque<Token>>,
}

impl Channel {
    pub(super) fn new(secure: bool, peer: SocketAddr, local: SocketAddr, outgoing: bool) -> Self {
        let id = ConnectionId { thread: 0, slot: 0, generation: 0 };
        Self {
            connection: Cell::new(Connection { id, secure }),
            peer,
            local: Cell::new(local),
            outgoing,
            open: Cell::new(!outgoing),
            proved: Cell::new(!secure),
            registers: Cell::new(false),
            flow_timer: Cell::new(None),
            ends: Cell::new(None),
            open_requests: Cell::new(0),
            writes: RefCell::default(),
            waker: RefCell::default(),
            unanswered: RefCell::default(),
        }
    }

    /// Queues octets, unless they are more than `most` with what waits: then the peer is too slow, and is left.
    pub(super) fn write(&self, octets: &[u8], most: usize) {
        let mut writes = self.writes.borrow_mut();
        if writes.len() + octets.len() > most {
            self.ends.set(self.ends.get().or(Some(End::SlowReader)));
        } else {
            writes.extend(octets);
        }
        drop(writes);
        self.wake();
    }

    /// Remembers a request of ours that was sent by it.
    pub(super) fn await_answer(&self, token: Token) {
        let mut unanswered = self.unanswered.borrow_mut();
        // Some have their answer by another way: the oldest give way.
        if unanswered.len() == UNANSWERED {
            unanswered.pop_front();
        }
        unanswered.push_back(token);
    }

    /// A request of ours has its answer.
    pub(super) fn answered(&self, token: Token) {
        let mut unanswered = self.unanswered.borrow_mut();
        if let Some(at) = unanswered.iter().position(|it| *it == token) {
            unanswered.remove(at);
        }
    }

    /// The peer's next request goes to a worker.
    pub(super) fn awaits(&self) {
        self.open_requests.set(self.open_requests.get() + 1);
    }

    /// One of the peer's requests has its answer, or gets none.
    pub(super) fn is_answered(&self) {
        self.open_requests.set(self.open_requests.get().saturating_sub(1));
        self.wake();
    }

    /// Ends it.
    pub(super) fn end(&self, end: End) {
        self.ends.set(self.ends.get().or(Some(end)));
        self.wake();
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }

    fn is_writing(&self) -> bool {
        !self.writes.borrow().is_empty()
    }

    /// Writes what it can, then reads what is there.
    fn poll<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        cx: &mut Context<'_>,
        stream: &mut S,
        reader: &mut Reader,
    ) -> Poll<io::Result<Event>> {
        *self.waker.borrow_mut() = Some(cx.waker().clone());
        if let Some(end) = self.ends.get() {
            return Poll::Ready(Ok(Event::Ends(end)));
        }
        if self.poll_write(cx, stream, reader)? {
            return Poll::Ready(Ok(Event::Wrote));
        }
        if self.is_writing() && reader.stuck.is_none() {
            reader.stuck = Some(Instant::now());
            return Poll::Ready(Ok(Event::Stuck));
        }
        if reader.is_over {
            let is_done = self.open_requests.get() == 0 && !self.is_writing() && !reader.unflushed;
            return if is_done { Poll::Ready(Ok(Event::Ends(End::Unframed))) } else { Poll::Pending };
        }
        let mut room = [0; READ];
        let mut room = ReadBuf::new(&mut room);
        match Pin::new(stream).poll_read(cx, &mut room)? {
            Poll::Ready(()) => {
                reader.octets.extend_from_slice(room.filled());
                Poll::Ready(Ok(if room.filled().is_empty() { Event::Ends(End::ByPeer) } else { Event::Read }))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    /// Whether anything was written.
    fn poll_write<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        cx: &mut Context<'_>,
        stream: &mut S,
        reader: &mut Reader,
    ) -> io::Result<bool> {
        let mut writes = self.writes.borrow_mut();
        let mut wrote = false;
        while !writes.is_empty() {
            match Pin::new(&mut *stream).poll_write(cx, writes.as_slices().0) {
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(octets)) => {
                    writes.drain(..octets);
                    (wrote, reader.unflushed) = (true, true);
                }
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => break,
            }
        }
        if writes.is_empty() && writes.capacity() > READ {
            *writes = VecDeque::new();
        }
        if reader.unflushed
            && let Poll::Ready(flushed) = Pin::new(stream).poll_flush(cx)
        {
            flushed?;
            reader.unflushed = false;
        }
        Ok(wrote)
    }

    /// Carries a connection that is open, until it ends, and closes it.
    pub(super) async fn run<S: AsyncRead + AsyncWrite + Unpin>(&self, thread: &Thread, mut stream: S) -> End {
        let end = self.carry(thread, &mut stream).await;
        if end != End::ByPeer {
            // Who does not read what was sent does not read this either.
            let _unread = tokio::time::timeout(GOOD_BYE, stream.shutdown()).await;
        }
        end
    }

    async fn carry<S: AsyncRead + AsyncWrite + Unpin>(&self, thread: &Thread, stream: &mut S) -> End {
        let config = thread.config();
        let mut reader = Reader::new(Framer::new(config.limits));
        // When anything came or went, and when anything came.
        let (mut last, mut heard) = (Instant::now(), Instant::now());
        loop {
            if !reader.is_over {
                reader.take(thread, self).await;
            }
            let (idle, stalled) = (last + config.idle, reader.begun.map(|begun| begun + config.message));
            let slow = reader.stuck.map(|since| since + config.message);
            let over = reader.over_since.map(|since| since + LAST_WORDS);
            let dead = self.flow_timer.get().map(|timer| heard + timer + config.flow_grace);
            let until = [stalled, slow, over, dead].into_iter().flatten().fold(idle, Instant::min);
            let event = timeout_at(until, poll_fn(|cx| self.poll(cx, stream, &mut reader))).await;
            let now = Instant::now();
            match event {
                Ok(Ok(Event::Read)) => (last, heard) = (now, now),
                Ok(Ok(Event::Wrote)) => (last, reader.stuck) = (now, None),
                Ok(Ok(Event::Stuck)) => {}
                Ok(Ok(Event::Ends(end))) => return end,
                Ok(Err(_)) => return End::ByPeer,
                Err(_) if over.is_some_and(|over| now >= over) => return End::Unframed,
                Err(_) if stalled.is_some_and(|stalled| now >= stalled) => return End::Stalled,
                Err(_) if slow.is_some_and(|slow| now >= slow) => return End::SlowReader,
                Err(_) if dead.is_some_and(|dead| now >= dead) => return End::FlowDead,
                Err(_) => return End::Idle,
            }
        }
    }
}

enum Event {
    Read,
    Wrote,
    /// Something waits to be written, and can't be yet.
    Stuck,
    Ends(End),
}

/// What came by a connection and is not taken yet.
struct Reader {
    framer: Framer,
    octets: Vec<u8>,
    /// When the message began that is not whole.
    begun: Option<Instant>,
    /// Nothing more is read.
    is_over: bool,
    over_since: Option<Instant>,
    unflushed: bool,
    /// Since when what waits to be written has not moved.
    stuck: Option<Instant>,
}

impl Reader {
    fn new(framer: Framer) -> Self {
        Self {
            framer,
            octets: vec![],
            begun: None,
            is_over: false,
            over_since: None,
            unflushed: false,
            stuck: None,
        }
    }

    /// Hands the worker what is whole.
    async fn take(&mut self, thread: &Thread, channel: &Channel) {
        let mut taken = 0;
        loop {
            let rest = self.octets.get(taken..).unwrap_or(&[]);
            match self.framer.next(rest) {
                Framed::NeedMore => {
                    let is_partial = !is_between(rest);
                    self.begun =
                        is_partial.then(|| self.begun.filter(|_| taken == 0).unwrap_or_else(Instant::now));
                    break;
                }
                Framed::Ping(len) => {
                    thread.count(|counts| counts.pings += 1);
                    channel.write(PONG, thread.config().write_buffer);
                    taken += len;
                }
                Framed::Message(range) => {
                    let message = rest.get(range.clone()).unwrap_or(&[]);
                    thread.deliver(channel, message, None).await;
                    taken += range.end;
                }
                Framed::Refuse { why, head } => {
                    (self.is_over, self.over_since) = (true, Some(Instant::now()));
                    self.begun = None;
                    if let Some(head @ [_, ..]) = rest.get(head) {
                        thread.deliver(channel, head, Some(why)).await;
                    }
                    break;
                }
            }
        }
        self.octets.drain(..taken);
        if self.octets.is_empty() && self.octets.capacity() > READ {
            self.octets = vec![];
        }
    }
}
