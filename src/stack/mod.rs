//! Composes the protocols: the IMS side (link, SIP, RP) and the SS7 side (link, SCTP, M3UA, SCCP, TCAP, MAP). The only
//! place where protocols meet. One stack per worker; it knows no subscribers and no policy. It is as long as it is because each
//! thing that a gateway asks of either side is a short function here, so that the whole of that is seen in one place.

mod ahead;
mod application;
mod cursor;
mod ims;
mod indication;
mod ss7;
mod stream;
mod wire;

use core::net::{IpAddr, SocketAddr};
use std::sync::Arc;

pub use crate::proto::link::Part;
pub use crate::proto::map::{AbsentSubscriberDiagnostic, AlertReason, SmDeliveryFailureCause, UserError};
pub use crate::proto::sccp::Cause as ReturnCause;
pub use crate::proto::sip::ChargingVector;
pub use crate::proto::tcap::DialogueId;
pub use ahead::Hint;
pub use application::{Application, Context, Direction, Label, News, Outside, Surroundings};
pub use cursor::Cursor;
pub use ims::{
    CoreHosts, Deferred, Hop, HopState, Ims, ImsConfig, ImsCounts, ImsStreams, RequestId, Side, submit_report,
};
pub use indication::{
    Answer, Asked, Content, ForwardSm, Indication, InformRequest, Invoke, Message, MessageRequest, Notify,
    Operation, Outcome, PublishRequest, Published, Register, RegisterRequest, RegisteredFlow, Request, Rp,
    SubscribeRequest, Subscribed,
};
pub use ss7::{
    Action, AssociationSetup, Destination, Handshake, LocationUpdate, MapInvoke, MoForward, MtForward, Offer,
    Operator, PeerPolicy, Peers, ReadyForSm, Refusal, Rule, RuleCounts, Screened, Screening, ScreeningConfig,
    ScreeningCounts, Ss7, Ss7Config, Ss7Counts, Transport,
};

pub use stream::{FromStream, Glance, Owner, Refused, StreamFailure, StreamMessage};

use crate::base::{Inline, Key, MalformedCounts, PortId, SipKey, Time, counts};
use crate::ident::{Ssn, WorkerId};
use crate::proto::link::{self, Link};
use crate::proto::map::operation;
use crate::proto::sctp;
use cursor::Place;
use wire::Wire;

counts! {
    /// What the stack did with frames that are nobody's.
    pub struct StackCounts {
        /// Frames for an exception port, of which there is none: TCP, for example.
        other_protocol,
        /// ICMP errors about packets of ours, proved or not.
        unreachable,
        /// Packets that came in fragments and were handed over to another worker, put together.
        reassembled_handed_over,
        /// Parts of such packets that did not follow on each other, since the ring was full.
        parts_lost,
    }
}

/// Octets of a packet that came in fragments which cross to another worker at once: what a frame has room for.
const PART: usize = 2048;

/// What a frame holds next.
#[allow(clippy::large_enum_variant)] // given back once a packet, never stored
pub enum Next<'a> {
    /// Something for the application.
    Indication(Indication<'a>),
    /// The frame belongs to another worker.
    HandOff(WorkerId),
    /// A part that needed nobody; there may be more.
    Again,
    /// Nothing more.
    Done,
}

/// The protocols of one worker.
pub struct Stack {
    worker: WorkerId,
    link: Link,
    ims: Ims,
    ss7: Ss7,
    fingerprints: SipKey,
    ahead: ahead::Ahead,
    /// What comes from each worker of a packet that it has put together.
    parts: Box<[link::Reassembled]>,
    /// What was malformed.
    pub malformed: MalformedCounts,
    /// What was nobody's.
    pub counts: StackCounts,
}

impl Stack {
    /// A stack with nothing up yet. `key` is this process's secret.
    #[must_use]
    pub fn new(worker: WorkerId, key: &SipKey, link: Link, ims: Ims, ss7: Ss7) -> Self {
        let longest = link.longest_reassembled();
        Self {
            worker,
            parts: (0..link.workers()).map(|_| link::Reassembled::new(longest)).collect(),
            link,
            ims,
            ss7,
            ahead: ahead::Ahead::new(),
            fingerprints: key.derive("registration fingerprint"),
            malformed: MalformedCounts::default(),
            counts: StackCounts::default(),
        }
    }

    /// From now on fingerprints are made by this secret, which other lives of the process share.
    pub fn set_fingerprint_key(&mut self, secret: &SipKey) {
        self.fingerprints = secret.derive("registration fingerprint");
    }

    /// The link layer.
    #[must_use]
    pub fn link(&self) -> &Link {
        &self.link
    }

    /// The IMS side.
    #[must_use]
    pub fn ims(&self) -> &Ims {
        &self.ims
    }

    /// The SS7 side.
    #[must_use]
    pub fn ss7(&self) -> &Ss7 {
        &self.ss7
    }

    /// A cursor for what this stack receives.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        Cursor::new(self.link.longest_reassembled())
    }

    /// The next thing in a received frame. Call with the same cursor until [`Next::Done`] or
    /// [`Next::HandOff`].
    pub fn next<'a>(
        &mut self,
        now: Time,
        port: PortId,
        frame: &'a [u8],
        cursor: &'a mut Cursor,
        outside: &mut dyn Outside,
    ) -> Next<'a> {
        if cursor.is_reassembled {
            return self.next_reassembled(now, cursor, outside);
        }
        // An SCTP packet is asked again and again; what surrounds it was checked the first time.
        if let Some((source, destination, ref packet)) = cursor.place.packet {
            let payload = frame.get(packet.clone()).unwrap_or(&[]);
            return self.next_of_sctp(now, (source, destination), payload, &mut cursor.place.sctp, outside);
        }
        if cursor.place.datagram {
            return Next::Done;
        }
        match self.link.handle_input(now, port, frame, outside) {
            Ok(link::Input::Reassembled) => {
                cursor.is_reassembled = self.link.take_reassembled(&mut cursor.reassembled);
                self.next_reassembled(now, cursor, outside)
            }
            Ok(input) => self.next_of(now, input, frame, &mut cursor.place, outside),
            Err(why) => {
                self.malformed.add(why);
                Next::Done
            }
        }
    }

    /// [`Self::next`] in the packet that the cursor holds: one that this worker has put together, or another did.
    pub fn next_reassembled<'a>(
        &mut self,
        now: Time,
        cursor: &'a mut Cursor,
        outside: &mut dyn Outside,
    ) -> Next<'a> {
        let Cursor { place, reassembled, is_reassembled, .. } = cursor;
        let reassembled: &'a link::Reassembled = reassembled;
        if let Some((source, destination, ref packet)) = place.packet {
            let payload = reassembled.octets().get(packet.clone()).unwrap_or(&[]);
            return self.next_of_sctp(now, (source, destination), payload, &mut place.sctp, outside);
        }
        if place.datagram || !*is_reassembled {
            return Next::Done;
        }
        let input = match self.link.handle_reassembled(now, reassembled, outside) {
            Ok(input) => input,
            Err(why) => {
                self.malformed.add(why);
                return Next::Done;
            }
        };
        match self.next_of(now, input, reassembled.octets(), place, outside) {
            Next::HandOff(owner) => {
                self.hand_over(owner, reassembled, outside);
                Next::Done
            }
            next => next,
        }
    }

    /// Hands over a packet that was put together here, and is another's.
    fn hand_over(&mut self, owner: WorkerId, packet: &link::Reassembled, outside: &mut dyn Outside) {
        self.counts.reassembled_handed_over += 1;
        for (part, octets) in packet.parts(PART) {
            if !outside.hand_off_part(owner, part, octets) {
                return;
            }
        }
    }

    /// Takes in a part of a packet that another worker has put together. Whether it is whole now, for
    /// [`Self::next_reassembled`]; parts of one come without others between.
    pub fn take_part(
        &mut self,
        from: WorkerId,
        part: &link::Part,
        octets: &[u8],
        cursor: &mut Cursor,
    ) -> bool {
        let Some(place) = self.parts.get_mut(usize::from(from.0)) else { return false };
        match place.take_in(part, octets) {
            Some(true) => {
                core::mem::swap(place, &mut cursor.reassembled);
                cursor.is_reassembled = true;
                true
            }
            Some(false) => false,
            None => {
                self.counts.parts_lost += 1;
                false
            }
        }
    }

    /// What a packet told the link layer; the packet is in `octets`.
    fn next_of<'a>(
        &mut self,
        now: Time,
        input: link::Input<'a>,
        octets: &'a [u8],
        place: &'a mut Place,
        outside: &mut dyn Outside,
    ) -> Next<'a> {
        match input {
            link::Input::Sctp(packet) => {
                let owner = self.ss7.transport.owner(packet.source, packet.payload);
                if owner != self.worker {
                    return Next::HandOff(owner);
                }
                let start = packet.payload.as_ptr().addr() - octets.as_ptr().addr();
                place.packet = Some((packet.source, packet.destination, start..start + packet.payload.len()));
                let between = (packet.source, packet.destination);
                self.next_of_sctp(now, between, packet.payload, &mut place.sctp, outside)
            }
            link::Input::Udp(datagram) => {
                let Place { datagram: taken, sip, embedded, .. } = place;
                *taken = true;
                let mut wire = Wire { now, link: &mut self.link, outside };
                self.ims.handle_input(now, &datagram, sip, embedded, &mut self.malformed, &mut wire)
            }
            link::Input::Learned(neighbour) => {
                outside.tell_all(News::Neighbour(neighbour));
                Next::Done
            }
            link::Input::Unreachable(told) => {
                self.counts.unreachable += 1;
                place.datagram = true;
                if !told.flow.transport.is_sctp() {
                    return self.unreachable_sip(now, &told, outside);
                }
                let mut wire = Wire { now, link: &mut self.link, outside };
                let owner = self.ss7.transport.unreachable(now, &told, &mut wire);
                self.ss7.transport.settle(now, outside);
                owner.map_or(Next::Done, Next::HandOff)
            }
            link::Input::Other => {
                self.counts.other_protocol += 1;
                Next::Done
            }
            link::Input::Elsewhere(owner) => Next::HandOff(owner),
            link::Input::Handled | link::Input::Reassembled => Next::Done,
        }
    }

    /// An ICMP error about a datagram. That it was too big for its path is no failure: the next try goes in fragments.
    fn unreachable_sip<'a>(
        &mut self,
        now: Time,
        told: &link::Unreachable<'_>,
        outside: &mut dyn Outside,
    ) -> Next<'a> {
        if let link::Cause::TooBig(mtu) = told.cause {
            let destination = told.flow.destination;
            if self.ims.quoted_request(told).is_none() {
                self.ims.counts.unreachable_unproved += 1;
            } else if self.link.lower_mtu(now, destination, mtu) {
                outside.tell_all(News::PathMtu { destination, mtu });
            }
            return Next::Done;
        }
        let mut wire = Wire { now, link: &mut self.link, outside };
        self.ims.handle_unreachable(now, told, &mut wire)
    }

    fn next_of_sctp<'a>(
        &mut self,
        now: Time,
        between: (IpAddr, IpAddr),
        packet: &'a [u8],
        cursor: &'a mut sctp::Cursor,
        outside: &mut dyn Outside,
    ) -> Next<'a> {
        let mut wire = Wire { now, link: &mut self.link, outside };
        let malformed = &mut self.malformed;
        let step =
            self.ss7.transport.next(now, between, packet, cursor, &mut |why| malformed.add(why), &mut wire);
        self.ss7.transport.settle(now, outside);
        match step {
            None => Next::Done,
            Some(None) => Next::Again,
            Some(Some((label, message))) if label.destination != self.ss7.transport.point_code() => {
                self.ss7.transport.relay(now, &label, message, outside);
                Next::Again
            }
            Some(Some((label, message))) => {
                match self.ss7.handle_sccp(now, &label, message, &mut self.malformed, outside) {
                    Some(indication) => Next::Indication(indication),
                    None => Next::Again,
                }
            }
        }
    }

    /// What a stream thread has for this worker. It never gives [`Next::HandOff`]: the thread knows the owner.
    pub fn next_of_stream<'a>(
        &mut self,
        now: Time,
        from_stream: &'a FromStream,
        cursor: &'a mut Cursor,
        outside: &mut dyn Outside,
    ) -> Next<'a> {
        let Place { sip, embedded, .. } = &mut cursor.place;
        let mut wire = Wire { now, link: &mut self.link, outside };
        match from_stream {
            FromStream::Message(message) => {
                self.ims.handle_stream(now, message, sip, embedded, &mut self.malformed, &mut wire)
            }
            FromStream::Failed(failure) => {
                let indication = self.ims.handle_stream_failure(now, failure, &mut wire);
                indication.map_or(Next::Done, Next::Indication)
            }
        }
    }

    /// A signalling message that another worker handed over.
    pub fn handle_message<'a>(
        &mut self,
        now: Time,
        label: &Label,
        message: &'a [u8],
        outside: &mut dyn Outside,
    ) -> Option<Indication<'a>> {
        self.ss7.handle_message(now, label, message, &mut self.malformed, outside)
    }

    /// What another worker has learnt.
    pub fn learn(&mut self, now: Time, news: News, outside: &mut dyn Outside) {
        match news {
            News::Neighbour(neighbour) => self.link.learn(now, neighbour, outside),
            News::Way { association, destination, state } => {
                self.ss7.transport.learn(association, destination, state);
            }
            News::Subsystem(news) => self.ss7.learn(now, &news),
            News::PathMtu { destination, mtu } => {
                self.link.lower_mtu(now, destination, mtu);
            }
        }
    }

    /// A message that screening refused, or would, and that the operator is to be told of.
    pub fn next_screened(&mut self) -> Option<Screened> {
        self.ss7.next_screened()
    }

    /// Takes a subsystem of ours out of service on this worker, or brings it back; whether it is one. With `tell`, as one
    /// worker does, the points that we send to are told by SSP or SSA.
    pub fn set_subsystem(
        &mut self,
        ssn: Ssn,
        in_service: bool,
        tell: bool,
        outside: &mut dyn Outside,
    ) -> bool {
        self.ss7.set_subsystem(ssn, in_service, tell, outside)
    }

    /// The end of a turn: what was written to associations becomes packets.
    pub fn flush(&mut self, now: Time, outside: &mut dyn Outside) {
        let mut wire = Wire { now, link: &mut self.link, outside };
        self.ss7.transport.endpoint.flush(now, &mut wire);
    }

    /// What was written so far leaves now: nothing written later, to whatever port, is seen before it. What was handed
    /// to another worker leaves when that worker says the same.
    pub fn send_off(&mut self, now: Time, outside: &mut dyn Outside) {
        self.flush(now, outside);
        outside.drain();
    }

    /// Whether a dialogue that a peer opened still waits for our answer.
    #[must_use]
    pub fn is_open(&self, dialogue: DialogueId) -> bool {
        self.ss7.is_open(dialogue)
    }

    /// Runs every protocol's timers. What they bring about for the application comes from [`Stack::poll_indication`].
    pub fn handle_timeout(&mut self, now: Time, outside: &mut dyn Outside) {
        self.link.handle_timeout(now, outside);
        let mut wire = Wire { now, link: &mut self.link, outside };
        self.ss7.transport.handle_timeout(now, &mut wire);
        self.ims.handle_timeout(now, &mut wire);
        self.ss7.transport.settle(now, outside);
        self.ss7.transport.announce(now, outside);
    }

    /// When [`Stack::handle_timeout`] has something to do, or earlier. Walks over every timer: for simulations.
    #[must_use]
    pub fn poll_timeout(&self) -> Time {
        self.link.poll_timeout().min(self.ims.poll_timeout()).min(self.ss7.poll_timeout())
    }

    /// What timers brought about, and what waited for the application; the cursor holds it. Call until `None`.
    pub fn poll_indication<'a>(
        &mut self,
        now: Time,
        cursor: &'a mut Cursor,
        outside: &mut dyn Outside,
    ) -> Option<Indication<'a>> {
        let mut wire = Wire { now, link: &mut self.link, outside };
        if let Some(user) = self.ims.poll_expired(now, &mut wire) {
            return Some(Indication::Answered { user, status: 408, report: None, charging: None });
        }
        let Cursor { components, whole, .. } = cursor;
        if self.ss7.has_whole()
            && let Some(indication) = self.ss7.next_whole(now, whole, &mut self.malformed, outside)
        {
            return Some(indication);
        }
        self.ss7.poll(now, components, &mut self.malformed, outside)
    }

    /// Answers a SIP request with its final status. The headers that belong to the status follow from the request:
    /// Contact for a REGISTER, Retry-After, Allow, Accept, Unsupported.
    pub fn answer(&mut self, now: Time, request: &Request<'_>, status: u16, outside: &mut dyn Outside) {
        let mut wire = Wire { now, link: &mut self.link, outside };
        self.ims.answer(now, request, status, &mut wire);
    }

    /// The calendar: the second since 1970 in which the clock that `now` tells began. Answers have a Date then.
    pub fn set_calendar(&mut self, began: u64) {
        self.ims.set_calendar(began);
    }

    /// The hosts of served networks' cores are these from now on.
    pub fn set_core(&mut self, core: &Arc<CoreHosts>) {
        self.ims.set_core(core);
        self.link.set_known(core.known.clone());
    }

    /// Keeps what is needed to answer a SIP request later, or tells that there is no room.
    pub fn defer(&mut self, now: Time, request: &Request<'_>) -> Option<Deferred> {
        self.ims.defer(now, request)
    }

    /// Answers a deferred request. What `answer` adds is kept for retransmissions, in the place where the request has
    /// waited, until Timer J ends or the place is needed; after that a retransmission is a new request.
    pub fn answer_deferred(
        &mut self,
        now: Time,
        request: Deferred,
        status: u16,
        answer: &Answer<'_>,
        outside: &mut dyn Outside,
    ) {
        let mut wire = Wire { now, link: &mut self.link, outside };
        self.ims.answer_deferred(now, request, status, answer, &mut wire);
    }

    /// Answers the keep-alive of [`Indication::KeepAlive`], whose source the application knows.
    pub fn answer_keep_alive(
        &mut self,
        now: Time,
        source: SocketAddr,
        local: SocketAddr,
        transaction: &[u8; 12],
        outside: &mut dyn Outside,
    ) {
        let mut wire = Wire { now, link: &mut self.link, outside };
        self.ims.answer_keep_alive(source, local, transaction, &mut wire);
    }

    /// Sends a MESSAGE with an SM-RP message. Its final answer comes as [`Indication::Answered`] with `user`, or
    /// [`Indication::Unreachable`].
    ///
    /// # Errors
    /// When no transaction is free.
    pub fn message(
        &mut self,
        now: Time,
        request: &MessageRequest<'_>,
        user: u64,
        outside: &mut dyn Outside,
    ) -> Result<RequestId, Refusal> {
        let mut wire = Wire { now, link: &mut self.link, outside };
        self.ims.message(now, request, user, &mut wire)
    }

    /// A parameter for our own URI in From and P-Asserted-Identity of the MESSAGE with this key: a report that is sent
    /// to that URI brings it back as [`Message::token`].
    #[must_use]
    pub fn report_token(&self, key: Key) -> Inline<48> {
        self.ims.report_token(key)
    }

    /// Sends a MESSAGE with any content. It ends as that of [`Stack::message`] does.
    ///
    /// # Errors
    /// When no transaction is free, or it does not fit a datagram.
    pub fn inform(
        &mut self,
        now: Time,
        request: &InformRequest<'_>,
        user: u64,
        outside: &mut dyn Outside,
    ) -> Result<RequestId, Refusal> {
        let mut wire = Wire { now, link: &mut self.link, outside };
        self.ims.inform(now, request, user, &mut wire)
    }

    /// Stops repeating a request whose answer nobody waits for any more: there is no [`Indication::Answered`] then, and
    /// a late answer is absorbed. Whether it was open. (SIP has no CANCEL for it, RFC 3261 9.1.)
    pub fn cancel_request(&mut self, request: RequestId) -> bool {
        self.ims.cancel(request)
    }

    /// Sends a REGISTER, as an S-CSCF or a UE does. Its final answer comes as [`Indication::Answered`] with `user`, or as
    /// [`Indication::Challenged`].
    ///
    /// # Errors
    /// When no transaction is free.
    pub fn register(
        &mut self,
        now: Time,
        request: &RegisterRequest<'_>,
        user: u64,
        outside: &mut dyn Outside,
    ) -> Result<RequestId, Refusal> {
        let mut wire = Wire { now, link: &mut self.link, outside };
        self.ims.register(now, request, user, &mut wire)
    }

    /// Sends a PUBLISH, as a presence user agent does. Its final answer comes as [`Indication::Published`] with `user`; that
    /// none came, as of any other request.
    ///
    /// # Errors
    /// When no transaction is free, or it does not fit a datagram.
    pub fn publish(
        &mut self,
        now: Time,
        request: &PublishRequest<'_>,
        user: u64,
        outside: &mut dyn Outside,
    ) -> Result<RequestId, Refusal> {
        let mut wire = Wire { now, link: &mut self.link, outside };
        self.ims.publish(now, request, user, &mut wire)
    }

    /// Sends a SUBSCRIBE. Its final answer comes as [`Indication::Subscribed`] with `user`; that none came, as of any other
    /// request. What is watched comes as [`Indication::Notify`], on whatever worker, perhaps before that answer.
    ///
    /// # Errors
    /// When no transaction is free, or it does not fit a datagram.
    pub fn subscribe(
        &mut self,
        now: Time,
        request: &SubscribeRequest<'_>,
        user: u64,
        outside: &mut dyn Outside,
    ) -> Result<RequestId, Refusal> {
        let mut wire = Wire { now, link: &mut self.link, outside };
        self.ims.subscribe(now, request, user, &mut wire)
    }

    /// Sends mo-forwardSM. Its end comes as [`Indication::Ended`] with `user`.
    ///
    /// # Errors
    /// When it can't be sent.
    pub fn mo_forward_sm(
        &mut self,
        now: Time,
        forward: &MoForward<'_>,
        user: u64,
        outside: &mut dyn Outside,
    ) -> Result<(), Refusal> {
        self.ss7.mo_forward_sm(now, forward, user, outside)
    }

    /// Sends mt-forwardSM, as an SMS-GMSC does. Its end comes as [`Indication::Ended`] with `user`.
    ///
    /// # Errors
    /// When it can't be sent.
    pub fn mt_forward_sm(
        &mut self,
        now: Time,
        forward: &MtForward<'_>,
        user: u64,
        outside: &mut dyn Outside,
    ) -> Result<(), Refusal> {
        self.ss7.mt_forward_sm(now, forward, user, outside)
    }

    /// Sends the next mt-forwardSM to the subscriber of the last in the dialogue that its [`Outcome::Result`] names. Its end
    /// comes as [`Indication::Ended`] with `user`.
    ///
    /// # Errors
    /// When it can't be sent there: the dialogue is over.
    pub fn next_mt_forward_sm(
        &mut self,
        now: Time,
        dialogue: DialogueId,
        tpdu: &[u8],
        more_messages: bool,
        user: u64,
        outside: &mut dyn Outside,
    ) -> Result<(), Refusal> {
        self.ss7.next_mt_forward_sm(now, dialogue, (tpdu, more_messages), user, outside)
    }

    /// Ends a dialogue that was left open for another short message, of which there is none.
    pub fn no_more_messages(&mut self, now: Time, dialogue: DialogueId, outside: &mut dyn Outside) {
        self.ss7.no_more_messages(now, dialogue, outside);
    }

    /// Sends readyForSM. Its end comes as [`Indication::Ended`] with `user`.
    ///
    /// # Errors
    /// When it can't be sent.
    pub fn ready_for_sm(
        &mut self,
        now: Time,
        ready: &ReadyForSm,
        user: u64,
        outside: &mut dyn Outside,
    ) -> Result<(), Refusal> {
        self.ss7.ready_for_sm(now, ready, user, outside)
    }

    /// Sends updateLocation, as a VLR does, in the newest version that the HLR takes. Its end comes as [`Indication::Ended`] with
    /// `user`; what the HLR invokes meanwhile as [`Indication::Invoke`] with the same word.
    ///
    /// # Errors
    /// When it can't be sent.
    pub fn update_location(
        &mut self,
        now: Time,
        location: &LocationUpdate,
        user: u64,
        outside: &mut dyn Outside,
    ) -> Result<(), Refusal> {
        self.ss7.update_location(now, location, user, outside)
    }

    /// Invokes any operation in a dialogue of its own. Its end comes as [`Indication::Ended`] with `user`, whose top two
    /// bits are clear. What the peer invokes meanwhile comes as [`Indication::Invoke`] with the same word.
    ///
    /// # Errors
    /// When it can't be sent.
    pub fn invoke(
        &mut self,
        now: Time,
        invoke: &MapInvoke<'_>,
        user: u64,
        outside: &mut dyn Outside,
    ) -> Result<(), Refusal> {
        self.ss7.invoke(now, invoke, user, outside)
    }

    /// Invokes an operation in the dialogue of one that a peer invoked and that waits for our answer. Its end comes as
    /// [`Indication::Ended`] with `user`, unless nothing answers it (class 4); the peer's own goes on waiting.
    ///
    /// # Errors
    /// When it can't be sent, or the dialogue is gone.
    pub fn invoke_within(
        &mut self,
        now: Time,
        asked: &Asked,
        opcode: u8,
        argument: &[u8],
        user: u64,
        outside: &mut dyn Outside,
    ) -> Result<(), Refusal> {
        self.ss7.invoke_within(now, asked, opcode, argument, user, outside)
    }

    /// The result of any operation that a peer invoked: a whole element, or nothing. The dialogue ends if the peer opened
    /// it and waits for nothing else. Gives the worker whose association it leaves by, if it is sent.
    pub fn returned(
        &mut self,
        now: Time,
        asked: &Asked,
        opcode: u8,
        result: Option<&[u8]>,
        outside: &mut dyn Outside,
    ) -> Option<WorkerId> {
        self.ss7.returned(now, asked, opcode, result, outside)
    }

    /// The result of an mt-forwardSM that a peer invoked, with the UE's DELIVER-REPORT if there is one. Gives the worker
    /// whose association it leaves by, if it is sent.
    pub fn mt_forward_sm_result(
        &mut self,
        now: Time,
        asked: &Asked,
        tpdu: Option<&[u8]>,
        outside: &mut dyn Outside,
    ) -> Option<WorkerId> {
        self.ss7.forward_sm_result(now, asked, operation::MT_FORWARD_SM, tpdu, outside)
    }

    /// The result of an mo-forwardSM that a peer invoked, with the service centre's SUBMIT-REPORT if there is one.
    pub fn mo_forward_sm_result(
        &mut self,
        now: Time,
        asked: &Asked,
        tpdu: Option<&[u8]>,
        outside: &mut dyn Outside,
    ) {
        self.ss7.forward_sm_result(now, asked, operation::MO_FORWARD_SM, tpdu, outside);
    }

    /// A user error as the answer to what a peer invoked. Gives the worker whose association it leaves by, if it is sent.
    pub fn user_error(
        &mut self,
        now: Time,
        asked: &Asked,
        error: &UserError<'_>,
        outside: &mut dyn Outside,
    ) -> Option<WorkerId> {
        self.ss7.user_error(now, asked, error, outside)
    }

    /// A keyed hash of texts and addresses, to compare by.
    #[must_use]
    pub fn fingerprint(&self, texts: &[&[u8]], addresses: &[SocketAddr]) -> u64 {
        let spell = |address: &SocketAddr| -> [u8; 18] {
            let mut octets = [0; 18];
            let ip = match address.ip() {
                core::net::IpAddr::V4(ip) => ip.to_ipv6_mapped(),
                core::net::IpAddr::V6(ip) => ip,
            };
            octets[..16].copy_from_slice(&ip.octets());
            octets[16..].copy_from_slice(&address.port().to_be_bytes());
            octets
        };
        // Nobody but this process ever sees it: it must only not be aimed at.
        let of_texts = self.fingerprints.quick_hash(texts);
        addresses.iter().fold(of_texts, |hash, address| {
            self.fingerprints.quick_hash(&[&hash.to_be_bytes(), &spell(address)])
        })
    }

    /// How full the tables are: name, used, size.
    pub fn fill(&self, visit: &mut dyn FnMut(&'static str, usize, usize)) {
        self.link.fill(visit);
        self.ims.fill(visit);
        self.ss7.fill(visit);
    }

    /// Whether every association is closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.ss7.transport.is_closed()
    }

    /// Leaves the SS7 network in order.
    pub fn stop(&mut self, now: Time, outside: &mut dyn Outside) {
        let mut wire = Wire { now, link: &mut self.link, outside };
        self.ss7.transport.stop(now, &mut wire);
    }

    /// What must hold between any two calls.
    pub fn assert_invariants(&self) {
        self.ss7.assert_invariants();
        self.ims.assert_invariants();
    }
}
