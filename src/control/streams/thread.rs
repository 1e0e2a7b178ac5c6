//! A stream thread: the connections with its share of hosts, and the rings to the workers.

use super::channel::{Channel, End, READ};
use super::{Lost, StreamsConfig, TICK};
use crate::base::publish::{Publisher, Show, Shown};
use crate::base::{Connection, ConnectionId, Key, SipKey, Slab, Transport, counts};
use crate::dataplane::{ThreadEnd, ToStream, thread_of};
use crate::ident::WorkerId;
use crate::proto::sip::{Slots, Why};
use crate::stack::{FromStream, Owner, Refused, StreamFailure, StreamMessage};
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::time::{interval, sleep, timeout};

/// TLS handshakes at a time, per thread: each costs the processor most of a millisecond.
const HANDSHAKES: usize = 64;
/// How long accepting rests when the process has no file descriptor left.
const REST: Duration = Duration::from_millis(50);
/// Buffers kept for messages to workers.
const BUFFERS: usize = 64;

counts! {
    /// What a stream thread did.
    pub struct StreamThreadCounts {
        /// Connections that peers opened.
        accepted,
        /// Connections that we opened.
        opened,
        /// Connections not accepted, or not opened, because there are as many as may be.
        refused_full,
        /// Connections not accepted because their host has as many as it may have.
        refused_source,
        /// Connections that could not be accepted.
        accept_failed,
        /// Whole messages given to workers.
        messages_in,
        /// Messages written to connections.
        messages_out,
        /// Pings answered (RFC 5626 4.4.1).
        pings,
        /// Waits for room in the ring to a worker.
        ring_waits,
        /// Messages whose connection was gone, and that only that could carry.
        flow_gone,
        /// Connections that the peer closed.
        closed_by_peer,
        /// Connections closed because nothing came for a long time.
        closed_idle,
        /// Connections closed because a UE has let its Flow-Timer pass (RFC 5626 5.4).
        closed_flow_dead,
        /// Connections closed because a message that had begun was not finished in time.
        closed_stalled,
        /// Connections closed because the peer does not read.
        closed_slow_reader,
        /// Connections closed because nobody could say where the next message begins.
        closed_unframed,
        /// Connections closed because TLS was not agreed on.
        closed_handshake,
        /// Connections closed because a trusted host did not prove its name.
        closed_peer_refused,
        /// Connections that could not be opened.
        not_opened,
    }
}

/// A connection that another thread has accepted.
pub(super) struct Accepted {
    stream: std::net::TcpStream,
    peer: SocketAddr,
    secure: bool,
}

/// What a thread is started with.
pub(super) struct Setup {
    pub(super) number: u8,
    pub(super) config: Arc<StreamsConfig>,
    pub(super) owner: Owner,
    pub(super) spread: SipKey,
    pub(super) workers: Vec<ThreadEnd>,
    /// Towards each thread.
    pub(super) threads: Vec<mpsc::Sender<Accepted>>,
    /// Connections of all threads.
    pub(super) total: Arc<AtomicUsize>,
    pub(super) lost: mpsc::UnboundedSender<Lost>,
}

/// One stream thread.
pub(super) struct Thread {
    setup: Setup,
    workers: RefCell<Vec<ThreadEnd>>,
    channels: RefCell<Slab<Rc<Channel>>>,
    /// The connection that requests to a peer go by.
    by_peer: RefCell<HashMap<(SocketAddr, bool), Key, ahash::RandomState>>,
    /// Connections that a host has opened.
    of_host: RefCell<HashMap<IpAddr, usize, ahash::RandomState>>,
    /// News that had no room in the ring to its worker.
    waiting: RefCell<VecDeque<(WorkerId, FromStream)>>,
    /// Of each worker, how many messages wait for room in the ring to it.
    held: RefCell<Vec<usize>>,
    /// There may be room again.
    room: Notify,
    slots: RefCell<Slots>,
    handshakes: Semaphore,
    buffers: RefCell<Vec<Vec<u8>>>,
    counts: RefCell<StreamThreadCounts>,
    ending: Cell<bool>,
}

/// A thread's numbers.
pub(super) struct Numbers {
    pub(super) name: String,
    pub(super) counts: StreamThreadCounts,
    pub(super) open: u64,
    pub(super) most: u64,
}

impl Shown for Numbers {
    fn show(&self, to: &mut dyn Show) {
        to.counts("stream_thread", &self.name, &self.counts);
        let about = ("stream_thread", self.name.as_str(), "connections", "Connections that are open.");
        to.level(about, self.open, self.most);
    }
}

/// What counts as one host: an IPv6 network of 64 bits is given to anybody (RFC 4291 2.5.4).
fn host(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        address => address,
    }
}

/// Whether it is the last response to its request.
fn is_final(message: &[u8]) -> bool {
    message.strip_prefix(b"SIP/2.0 ").is_some_and(|status| !status.starts_with(b"1"))
}

impl Thread {
    pub(super) fn new(mut setup: Setup) -> Self {
        let workers = core::mem::take(&mut setup.workers);
        // What workers can't read is not read here either.
        let mut slots = Slots::new();
        slots.keep_within(setup.config.texts);
        Self {
            workers: RefCell::new(workers),
            channels: RefCell::new(Slab::new(setup.config.connections)),
            by_peer: RefCell::default(),
            of_host: RefCell::default(),
            waiting: RefCell::default(),
            held: RefCell::new(vec![0; usize::from(u8::MAX) + 1]),
            room: Notify::new(),
            slots: RefCell::new(slots),
            handshakes: Semaphore::new(HANDSHAKES),
            buffers: RefCell::default(),
            counts: RefCell::default(),
            ending: Cell::new(false),
            setup,
        }
    }

    pub(super) fn config(&self) -> &StreamsConfig {
        &self.setup.config
    }

    pub(super) fn count(&self, add: impl FnOnce(&mut StreamThreadCounts)) {
        add(&mut self.counts.borrow_mut());
    }

    /// Publishes its numbers at each tick, however much there is to do.
    pub(super) async fn publish(self: Rc<Self>, mut numbers: Numbers, mut publisher: Publisher) {
        let mut tick = interval(TICK);
        loop {
            tick.tick().await;
            numbers.counts = self.counts.borrow().clone();
            numbers.open = self.channels.borrow().len() as u64;
            publisher.publish(&numbers);
        }
    }

    /// Listens at `address` with the other threads.
    pub(super) fn bind(address: SocketAddr, write_buffer: usize) -> io::Result<TcpListener> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.set_reuseport(true)?;
        // Connections have it from here: what the kernel keeps for a peer that does not read is bounded too.
        socket.set_send_buffer_size(u32::try_from(write_buffer).unwrap_or(u32::MAX))?;
        socket.bind(address)?;
        socket.listen(1024)
    }

    /// Accepts connections, each for the thread that has its host.
    pub(super) async fn accept(self: Rc<Self>, listener: TcpListener, secure: bool) {
        loop {
            let Ok((stream, peer)) = listener.accept().await else {
                self.count(|counts| counts.accept_failed += 1);
                sleep(REST).await;
                continue;
            };
            let thread = thread_of(&self.setup.spread, peer.ip(), self.setup.threads.len());
            if thread == usize::from(self.setup.number) {
                self.admit(stream, peer, secure);
            } else if let (Ok(stream), Some(to)) = (stream.into_std(), self.setup.threads.get(thread))
                && to.try_send(Accepted { stream, peer, secure }).is_err()
            {
                self.count(|counts| counts.refused_full += 1);
            }
        }
    }

    /// Takes over what other threads have accepted.
    pub(super) async fn take_over(self: Rc<Self>, mut accepted: mpsc::Receiver<Accepted>) {
        while let Some(Accepted { stream, peer, secure }) = accepted.recv().await {
            match TcpStream::from_std(stream) {
                Ok(stream) => self.admit(stream, peer, secure),
                Err(_) => self.count(|counts| counts.accept_failed += 1),
            }
        }
    }

    fn admit(self: &Rc<Self>, stream: TcpStream, peer: SocketAddr, secure: bool) {
        let config = self.config();
        let known = config.is_scscf(peer.ip());
        let opened = self.of_host.borrow().get(&host(peer.ip())).copied().unwrap_or(0);
        if !known && opened >= config.connections_per_source {
            self.count(|counts| counts.refused_source += 1);
            return;
        }
        let Ok(local) = stream.local_addr() else {
            self.count(|counts| counts.accept_failed += 1);
            return;
        };
        let Some(channel) = self.register(Channel::new(secure, peer, local, false)) else { return };
        *self.of_host.borrow_mut().entry(host(peer.ip())).or_default() += 1;
        self.count(|counts| counts.accepted += 1);
        let thread = self.clone();
        tokio::task::spawn_local(async move {
            let end = thread.serve(&channel, stream, secure).await;
            thread.close(&channel, end);
        });
    }

    /// Gives a connection its name, if there is room for it.
    fn register(&self, channel: Channel) -> Option<Rc<Channel>> {
        let channel = Rc::new(channel);
        let most = self.config().connections;
        let total = &self.setup.total;
        let key = match total.fetch_add(1, Ordering::Relaxed) < most {
            true => self.channels.borrow_mut().insert(channel.clone()).ok(),
            false => None,
        };
        let Some(Key { slot, generation }) = key else {
            total.fetch_sub(1, Ordering::Relaxed);
            self.count(|counts| counts.refused_full += 1);
            return None;
        };
        let id = ConnectionId { thread: self.setup.number, slot, generation };
        channel.connection.set(Connection { id, ..channel.connection.get() });
        Some(channel)
    }

    async fn serve(&self, channel: &Channel, stream: TcpStream, secure: bool) -> End {
        let _unsupported = stream.set_nodelay(true);
        if !secure {
            return channel.run(self, stream).await;
        }
        let Some(tls) = self.config().tls() else { return End::Handshake };
        let handshake = async {
            let _permit = self.handshakes.acquire().await;
            tls.acceptor.accept(stream).await
        };
        let Ok(Ok(stream)) = timeout(self.config().handshake, handshake).await else { return End::Handshake };
        let certificates = stream.get_ref().1.peer_certificates();
        let certificate = certificates.and_then(|chain| chain.first());
        let host = channel.peer.ip();
        let is_proved = certificate.is_some_and(|it| self.config().is_proof(host, it));
        channel.proved.set(!tls.verify_peers || is_proved);
        // Who has none is a stranger, as UEs are, to whom an S-CSCF has nothing to say.
        if self.config().is_scscf(host) && !channel.proved.get() {
            return End::PeerRefused;
        }
        channel.run(self, stream).await
    }

    /// Hands a message to the worker that it belongs to; waits while the ring is full, so that the peer has to.
    pub(super) async fn deliver(&self, channel: &Channel, message: &[u8], refused: Option<Why>) {
        let connection = channel.connection.get();
        let glance = self.setup.owner.look(message, connection.secure, &mut self.slots.borrow_mut());
        if let Some(token) = glance.answers {
            channel.answered(token);
        }
        if glance.registers {
            channel.registers.set(true);
        }
        if let Some(port) = glance.alias {
            self.alias(channel, port);
        }
        if refused.is_some() || !message.starts_with(b"SIP/") && !message.starts_with(b"ACK ") {
            channel.awaits();
        }
        let mut octets = self.buffer(glance.worker);
        octets.extend_from_slice(message);
        let refused = refused.map(Refused::new);
        let (source, local) = (channel.peer, channel.local.get());
        let proved = channel.proved.get();
        let mut item =
            FromStream::Message(StreamMessage { connection, source, local, octets, proved, refused });
        while let Err(back) = self.offer(glance.worker, item) {
            item = back;
            self.count(|counts| counts.ring_waits += 1);
            if self.ending.get() {
                return;
            }
            self.hold(glance.worker, 1);
            self.room.notified().await;
            self.hold(glance.worker, -1);
        }
        self.count(|counts| counts.messages_in += 1);
    }

    /// That so many more messages wait for room in the ring to a worker.
    fn hold(&self, worker: WorkerId, more: isize) {
        if let Some(held) = self.held.borrow_mut().get_mut(usize::from(worker.0)) {
            *held = held.saturating_add_signed(more);
        }
    }

    fn offer(&self, worker: WorkerId, item: FromStream) -> Result<(), FromStream> {
        match self.workers.borrow_mut().get_mut(usize::from(worker.0)) {
            Some(end) => end.send(item),
            None => Ok(()),
        }
    }

    /// An empty buffer, one that has been used if possible.
    fn buffer(&self, worker: WorkerId) -> Vec<u8> {
        let mut buffers = self.buffers.borrow_mut();
        if let Some(end) = self.workers.borrow_mut().get_mut(usize::from(worker.0)) {
            while let Some(mut buffer) = end.buffer() {
                buffer.clear();
                if buffers.len() < BUFFERS && buffer.capacity() <= READ {
                    buffers.push(buffer);
                }
            }
        }
        buffers.pop().unwrap_or_default()
    }

    /// RFC 5923 8: requests to the port of sent-by may go by this connection, if the host is trusted, and has proved its name
    /// where it has to.
    fn alias(&self, channel: &Channel, port: u16) {
        let connection = channel.connection.get();
        if self.config().is_scscf(channel.peer.ip()) && channel.proved.get() {
            let peer = (SocketAddr::new(channel.peer.ip(), port), connection.secure);
            let key = Key { slot: connection.id.slot, generation: connection.id.generation };
            self.by_peer.borrow_mut().insert(peer, key);
        }
    }

    /// Borrows for no longer than this: what finds no room goes back.
    fn next_waiting(&self) -> Option<(WorkerId, FromStream)> {
        self.waiting.borrow_mut().pop_front()
    }

    /// Sends what workers have given; whether there was anything.
    pub(super) fn pump(self: &Rc<Self>) -> bool {
        self.room.notify_waiters();
        while let Some((worker, item)) = self.next_waiting() {
            if let Err(item) = self.offer(worker, item) {
                self.waiting.borrow_mut().push_front((worker, item));
                break;
            }
        }
        let mut any = false;
        let workers = self.workers.borrow().len();
        // Between two shares the connections write: what workers send in a burst makes no peer slow.
        let share = self.config().write_buffer / (2 * workers.max(1));
        for worker in 0..workers {
            let next = || self.workers.borrow_mut().get_mut(worker).and_then(ThreadEnd::receive);
            let mut octets = 0;
            while octets < share
                && let Some(item) = next()
            {
                any = true;
                octets += item.bytes().len();
                self.send(&item);
                if let Some(end) = self.workers.borrow_mut().get_mut(worker) {
                    end.give_back(item);
                }
            }
        }
        any
    }

    /// Whether a worker has something to send, or room for what waits, after the bell was set.
    pub(super) fn is_waiting(&self) -> bool {
        let held = self.held.borrow();
        let waiting = self.waiting.borrow().front().map(|(worker, _)| usize::from(worker.0));
        let has_room = |worker, end: &ThreadEnd| {
            (waiting == Some(worker) || held.get(worker).is_some_and(|held| *held > 0)) && !end.is_full()
        };
        let workers = self.workers.borrow();
        workers.iter().enumerate().any(|(worker, end)| end.is_waiting() || has_room(worker, end))
    }

    /// Whether all workers have ended.
    pub(super) fn is_abandoned(&self) -> bool {
        self.workers.borrow().iter().all(ThreadEnd::is_abandoned)
    }

    /// Closes all connections.
    pub(super) fn end(&self) {
        self.ending.set(true);
        self.room.notify_waiters();
        self.channels.borrow().iter().for_each(|(_, channel)| channel.end(End::Stopped));
    }

    fn send(self: &Rc<Self>, item: &ToStream) {
        let (flow, message) = (item.flow, item.bytes());
        let (port, secure) = match flow.transport {
            Transport::Stream { connection, destination_port } => {
                let key = Key { slot: connection.id.slot, generation: connection.id.generation };
                let channel = self.channels.borrow().get(key).cloned();
                if let Some(channel) = channel.filter(|channel| channel.ends.get().is_none()) {
                    return self.write(&channel, message);
                }
                if message.is_empty() {
                    return;
                }
                // RFC 5626 4.2: a flow that is gone can't be opened from here.
                let opens = self.config().opens_for_answers(flow.destination, connection.secure);
                if destination_port == 0 || !opens {
                    self.count(|counts| counts.flow_gone += 1);
                    return self.failed(self.setup.owner.sent(message), false);
                }
                (destination_port, connection.secure)
            }
            Transport::StreamTo { destination_port, secure } => (destination_port, secure),
            Transport::Udp { .. } | Transport::Sctp | Transport::SctpInFragments => return,
        };
        let peer = SocketAddr::new(flow.destination, port);
        let key = self.by_peer.borrow().get(&(peer, secure)).copied();
        let found = key.and_then(|key| self.channels.borrow().get(key).cloned());
        let found = found.filter(|channel| channel.ends.get().is_none());
        let channel = found.or_else(|| self.open(flow.source, peer, secure));
        match channel {
            Some(channel) => self.write(&channel, message),
            None => self.failed(self.setup.owner.sent(message), false),
        }
    }

    fn write(&self, channel: &Channel, message: &[u8]) {
        if message.is_empty() {
            return channel.is_answered();
        }
        if let Some(token) = self.setup.owner.sent(message) {
            channel.await_answer(token);
        }
        if is_final(message) {
            channel.is_answered();
        }
        if channel.registers.get()
            && let Some(seconds) = self.setup.owner.flow_timer(message, &mut self.slots.borrow_mut())
        {
            channel.flow_timer.set(Some(Duration::from_secs(seconds.into())));
        }
        channel.write(message, self.config().write_buffer);
        self.count(|counts| counts.messages_out += 1);
    }

    /// A request of ours will not be answered.
    fn failed(&self, token: Option<crate::proto::sip::Token>, sent: bool) {
        let Some(token) = token else { return };
        let item = FromStream::Failed(StreamFailure { token, sent });
        if let Err(item) = self.offer(token.worker, item) {
            self.waiting.borrow_mut().push_back((token.worker, item));
        }
    }

    /// Opens a connection from an address of ours.
    fn open(self: &Rc<Self>, local: IpAddr, peer: SocketAddr, secure: bool) -> Option<Rc<Channel>> {
        let local = SocketAddr::new(local, 0);
        let channel = self.register(Channel::new(secure, peer, local, true))?;
        let id = channel.connection.get().id;
        let key = Key { slot: id.slot, generation: id.generation };
        self.by_peer.borrow_mut().insert((peer, secure), key);
        let (thread, channel_of_task) = (self.clone(), channel.clone());
        tokio::task::spawn_local(async move {
            let channel = channel_of_task;
            let end = match timeout(thread.config().connect, thread.connect(local, peer)).await {
                Ok(Ok(stream)) => thread.serve_opened(&channel, stream).await,
                Ok(Err(_)) | Err(_) => End::NotOpened,
            };
            thread.close(&channel, end);
        });
        Some(channel)
    }

    async fn connect(&self, local: SocketAddr, peer: SocketAddr) -> io::Result<TcpStream> {
        let socket = if peer.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.bind(local)?;
        socket.connect(peer).await
    }

    async fn serve_opened(&self, channel: &Channel, stream: TcpStream) -> End {
        if let Ok(local) = stream.local_addr() {
            channel.local.set(local);
        }
        let _unsupported = stream.set_nodelay(true);
        if !channel.connection.get().secure {
            self.count(|counts| counts.opened += 1);
            channel.open.set(true);
            return channel.run(self, stream).await;
        }
        let Some(tls) = self.config().tls() else { return End::NotOpened };
        let name = self.config().server_name(channel.peer.ip());
        match timeout(self.config().handshake, tls.connector.connect(name, stream)).await {
            Ok(Ok(stream)) => {
                self.count(|counts| counts.opened += 1);
                channel.open.set(true);
                channel.proved.set(true);
                channel.run(self, stream).await
            }
            Ok(Err(_)) | Err(_) => End::Handshake,
        }
    }

    /// A connection has ended: its name is stale from now on, and who waits for answers by it is told.
    fn close(&self, channel: &Channel, end: End) {
        let connection = channel.connection.get();
        let key = Key { slot: connection.id.slot, generation: connection.id.generation };
        if self.channels.borrow_mut().remove(key).is_none() {
            return;
        }
        self.setup.total.fetch_sub(1, Ordering::Relaxed);
        self.by_peer.borrow_mut().retain(|_, of| *of != key);
        if !channel.outgoing {
            let mut of_host = self.of_host.borrow_mut();
            let host = host(channel.peer.ip());
            match of_host.get_mut(&host) {
                Some(opened) if *opened > 1 => *opened -= 1,
                _ => drop(of_host.remove(&host)),
            }
        }
        let sent = channel.open.get();
        for token in channel.unanswered.take() {
            self.failed(Some(token), sent);
        }
        if channel.registers.get() {
            // Without a control thread nobody has to know.
            let _gone = self.setup.lost.send(Lost { source: channel.peer, connection: connection.id });
        }
        self.count(|counts| match end {
            End::ByPeer => counts.closed_by_peer += 1,
            End::Idle => counts.closed_idle += 1,
            End::FlowDead => counts.closed_flow_dead += 1,
            End::Stalled => counts.closed_stalled += 1,
            End::SlowReader => counts.closed_slow_reader += 1,
            End::Unframed => counts.closed_unframed += 1,
            End::Handshake => counts.closed_handshake += 1,
            End::PeerRefused => counts.closed_peer_refused += 1,
            End::NotOpened => counts.not_opened += 1,
            End::Stopped => {}
        });
    }
}
