//! Dialogues: the transactions and dialogues of one worker (Q.774 3.1 to 3.3).
//!
//! A dialogue opened by us waits for its first backward message, which brings the peer's transaction id and its own
//! address; one opened by the peer waits for our answer. Whoever ends it, its id then rests.

mod quota;
mod receive;
mod send;

use super::identifier::{Scheme, Slots};
use super::{
    Components, Diagnostic, DialogueId, MessageType, Refusal, RefusalReason, TransactionId,
    TransactionPortion, view,
};
use crate::base::{Malformed, SipKey, Time, TimerId, Wheel, counts};
use crate::ident::{PointCode, SccpAddress, WorkerId};
use core::cell::Cell;
use core::time::Duration;

/// Which parts of an address must be those that we expect. A part that the expected address lacks is not compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AddressParts {
    /// The point code.
    pub point_code: bool,
    /// The subsystem number.
    pub ssn: bool,
    /// The global title: plan, nature and digits.
    pub title: bool,
}

/// Which parts of a backward message's calling address must match its dialogue's peer; a mismatch drops the message,
/// since transaction ids alone can be guessed, and a title can be written by anybody. The OPC is what the network itself
/// vouches for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PeerMatch {
    /// For the first backward message, against the address that we called, with the point code that the Begin was sent
    /// to: a title that is translated on the way is answered from another (TS 29.002 6.1.3), which then becomes the
    /// peer's address.
    pub first: AddressParts,
    /// For all later ones, against the peer's address, with the OPC of its first message.
    pub later: AddressParts,
    /// Point codes that stand in for one another: SCCP relays that share a load, each of which puts its own OPC on what
    /// it passes on, and the point code that is both of theirs.
    pub relays: Vec<PointCode>,
}

impl Default for PeerMatch {
    /// Point code and subsystem at first; the title too later. No relays.
    fn default() -> Self {
        Self {
            first: AddressParts { point_code: true, ssn: true, title: false },
            later: AddressParts { point_code: true, ssn: true, title: true },
            relays: Vec::new(),
        }
    }
}

impl PeerMatch {
    fn agrees(&self, parts: AddressParts, expected: &SccpAddress, got: &SccpAddress) -> bool {
        let is_relay = |code: Option<PointCode>| code.is_some_and(|code| self.relays.contains(&code));
        let point_code = !parts.point_code
            || expected.point_code.is_none()
            || expected.point_code == got.point_code
            || is_relay(expected.point_code) && is_relay(got.point_code);
        let ssn = !parts.ssn || expected.ssn.is_none() || expected.ssn == got.ssn;
        let title = !parts.title
            || expected.title.is_none_or(|expected| {
                got.title.is_some_and(|got| {
                    (expected.numbering_plan, expected.nature, expected.digits)
                        == (got.numbering_plan, got.nature, got.digits)
                })
            });
        point_code && ssn && title
    }
}

/// What a table of dialogues is made for.
#[derive(Clone, Debug)]
pub struct DialoguesConfig {
    /// Whose table this is.
    pub worker: WorkerId,
    /// How many workers there are; ids of all must be told apart.
    pub workers: u8,
    /// How many dialogues at a time.
    pub capacity: usize,
    /// How many transaction ids: the dialogues at a time, and those that rest (dialogues a second times `rest`). 16
    /// octets each.
    pub identifiers: usize,
    /// The node's own bits at the front of every transaction id, for peers that route by them.
    pub prefix: u32,
    /// How many bits that is, 0..=8.
    pub prefix_bits: u32,
    /// The secret behind the transaction ids; the same for all workers.
    pub key: SipKey,
    /// How long a transaction id is not used again: longer than the longest invoke timer.
    pub rest: Duration,
    /// How long a dialogue that the peer opened lives, if we don't end it: from its Begin, or from the last
    /// [`Dialogues::renew`].
    pub guard: Duration,
    /// What must match before a message counts as the peer's.
    pub peer_match: PeerMatch,
    /// What one peer may take of the table, and strangers of our time.
    pub limits: Limits,
}

/// What is not let grow, whatever peers do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Dialogues at a time that were opened from one title.
    pub per_title: u32,
    /// Dialogues at a time that were opened from one point code, which may be a relay's.
    pub per_point_code: u32,
    /// Aborts a second for transaction ids that name no dialogue.
    pub aborts_per_second: u32,
}

impl Default for Limits {
    /// None.
    fn default() -> Self {
        Self { per_title: u32::MAX, per_point_code: u32::MAX, aborts_per_second: u32::MAX }
    }
}

/// Which worker a message is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Owner {
    /// The one that holds the dialogue.
    Worker(WorkerId),
    /// A Begin: any; spread by this hash of its OTID.
    Begin {
        /// The hash.
        otid_hash: u64,
    },
    /// No dialogue of ours: any, to refuse or count it.
    None,
}

/// What a message means to the user of its dialogue, which keeps a `U` with it.
#[derive(Clone, Debug)]
pub enum Indication<'a, U = u64> {
    /// The peer opened a dialogue. It lives until the user ends or aborts it.
    Begin {
        /// The new dialogue.
        dialogue: DialogueId,
        /// Value of the object identifier; `None` without a dialogue portion (MAP v1).
        application_context: Option<&'a [u8]>,
        /// What the peer's user tells ours.
        user_information: Option<&'a [u8]>,
        /// What it asks for.
        components: Components<'a>,
    },
    /// The dialogue goes on.
    Continue {
        /// Which.
        dialogue: DialogueId,
        /// What [`Dialogues::open`] or [`Dialogues::set_user`] left there.
        user: U,
        /// What the peer's user tells ours; only in the first backward message.
        user_information: Option<&'a [u8]>,
        /// Components.
        components: Components<'a>,
    },
    /// The peer ended the dialogue; it is gone.
    End {
        /// Which.
        dialogue: DialogueId,
        /// What [`Dialogues::open`] or [`Dialogues::set_user`] left there.
        user: U,
        /// What the peer's user tells ours; only in the first backward message.
        user_information: Option<&'a [u8]>,
        /// Components.
        components: Components<'a>,
    },
    /// The dialogue failed; it is gone.
    Abort {
        /// Which.
        dialogue: DialogueId,
        /// What [`Dialogues::open`] or [`Dialogues::set_user`] left there.
        user: U,
        /// Why.
        cause: AbortCause<'a>,
        /// What to send back, if we are the ones who abort.
        answer: Option<Refusal<'a>>,
    },
    /// A message outside of any dialogue, which nobody answers.
    Unidirectional {
        /// Value of the object identifier; `None` without a dialogue portion.
        application_context: Option<&'a [u8]>,
        /// What the peer's user tells ours.
        user_information: Option<&'a [u8]>,
        /// What it asks for.
        components: Components<'a>,
    },
    /// No dialogue for this message, but an answer to send back.
    Refuse(Refusal<'a>),
    /// Nothing to do; counted.
    Ignored,
}

/// What becomes of a Begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Admission {
    /// A dialogue, if there is room for one.
    Open,
    /// Nothing: nobody learns of it.
    Ignore,
    /// An Abort.
    Refuse(RefusalReason<'static>),
}

/// Why a dialogue failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AbortCause<'a> {
    /// The peer's transaction layer: a P-Abort cause, from [`p_abort`](super::p_abort).
    Provider(u8),
    /// The peer's dialogue layer.
    DialogueProvider,
    /// The peer's user.
    User {
        /// What it tells ours.
        user_information: Option<&'a [u8]>,
    },
    /// The peer's user, without a dialogue portion: as a peer aborts that knows of none.
    Bare,
    /// The peer did not accept the dialogue.
    Refused {
        /// Why not.
        diagnostic: Diagnostic,
        /// What its user tells ours.
        user_information: Option<&'a [u8]>,
    },
    /// The first backward message lacks the dialogue portion, has another kind of it, or names another application
    /// context: as good as a refusal (TS 29.002 15.2.1). Or a message has a dialogue portion where none belongs, or one
    /// that can't be read.
    Abnormal,
    /// The peer's message can't be read.
    Malformed(Malformed),
}

/// Why we abort a dialogue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AbortReason {
    /// We don't have its application context, or not in this version. Only as the first answer.
    ContextNotSupported,
    /// We don't want it. Only as the first answer.
    Refused,
    /// Its user gives up.
    User,
}

/// A dialogue that took too long; it is gone.
#[derive(Clone, Copy, Debug)]
pub struct Expired<U = u64> {
    /// Which.
    pub dialogue: DialogueId,
    /// What [`Dialogues::open`] or [`Dialogues::set_user`] left there.
    pub user: U,
    /// Whether we had opened it, and so an operation of ours has timed out.
    pub initiator: bool,
    /// The peer.
    pub peer: SccpAddress,
    /// The Abort to send to the peer, if it has told us its transaction id.
    pub abort: Option<Refusal<'static>>,
}

/// A dialogue that failed because SCCP could not deliver a message of it; it is gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Returned<U = u64> {
    /// Which.
    pub dialogue: DialogueId,
    /// What [`Dialogues::open`] or [`Dialogues::set_user`] left there.
    pub user: U,
}

counts! {
    /// What happened to dialogues.
    pub struct TcapCounts {
        /// Begins sent.
        begins_sent,
        /// Continues sent.
        continues_sent,
        /// Ends sent.
        ends_sent,
        /// Aborts sent for a dialogue.
        aborts_sent,
        /// Begins that opened a dialogue.
        begins_received,
        /// Continues that belong to a dialogue.
        continues_received,
        /// Ends that belong to a dialogue.
        ends_received,
        /// Aborts that belong to a dialogue.
        aborts_received,
        /// Unidirectional messages.
        unidirectionals_received,
        /// Messages that can't be read.
        malformed,
        /// Messages of a type that Q.773 does not have.
        unrecognised_type,
        /// Begins refused because the table is full.
        refused_full,
        /// Begins refused because their title or point code has enough dialogues open.
        refused_quota,
        /// Begins that the user would not have.
        not_admitted,
        /// Begins refused, and Unidirectionals dropped, for their dialogue portion.
        refused_dialogue_portion,
        /// Dialogues of ours not opened because the table is full.
        open_full,
        /// Continues, Ends and Aborts for no dialogue that we have.
        unrecognised_transaction,
        /// Continues for no dialogue that we have, not answered since too many were within the second.
        aborts_withheld,
        /// Messages for a dialogue of ours from somebody else, by point code, address or transaction id.
        wrong_peer,
        /// Messages that the dialogue's state does not allow.
        unexpected,
        /// Dialogues failed for a dialogue portion: without the agreed context, unreadable, or where none belongs.
        abnormal,
        /// Dialogues that the peer did not accept.
        refused_by_peer,
        /// Dialogues of ours that got no answer in time.
        invokes_expired,
        /// Dialogues of the peer's that nobody ended.
        guards_expired,
        /// Dialogues of which SCCP returned a message.
        returned,
        /// Requests of our user for a dialogue that is gone, or not in the state for them.
        stale,
    }
}

/// An application context that a dialogue remembers; MAP's and CAP's have seven octets.
#[derive(Clone, Copy, Debug)]
struct Context {
    len: u8,
    octets: [u8; Self::MAX],
}

impl Context {
    const MAX: usize = 15;

    /// From the value of an object identifier; an empty one stands for no dialogue portion.
    fn new(value: &[u8]) -> Option<Self> {
        let mut context = Self { len: value.len() as u8, octets: [0; Self::MAX] };
        context.octets.get_mut(..value.len())?.copy_from_slice(value);
        Some(context)
    }

    fn as_bytes(&self) -> &[u8] {
        self.octets.get(..usize::from(self.len)).unwrap_or(&[])
    }

    fn is_none(&self) -> bool {
        self.len == 0
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Ours, the Begin not written yet.
    Idle,
    /// Ours, the Begin sent: nothing came back yet.
    InitiationSent,
    /// The peer's: not answered yet.
    InitiationReceived,
    /// Both know each other.
    Active,
}

struct Dialogue<U> {
    id: DialogueId,
    state: State,
    initiator: bool,
    /// Our transaction id.
    local: TransactionId,
    /// The peer's, once it has told.
    remote: Option<TransactionId>,
    peer: SccpAddress,
    context: Context,
    user: U,
    timer: TimerId,
    /// Where the peer's dialogues are counted.
    places: quota::Places,
}

/// One worker's dialogues. Their user keeps a `U` with each, which comes back with whatever happens to it; one that a
/// peer opens begins with the default. Nothing is allocated after construction.
pub struct Dialogues<U = u64> {
    /// What happened.
    pub counts: TcapCounts,
    worker: WorkerId,
    scheme: Scheme,
    /// The id that was looked at last, and what it names: a message's owner is asked for before the message is taken.
    last_named: Cell<Option<(TransactionId, WorkerId, DialogueId)>>,
    slots: Slots,
    dialogues: Vec<Option<Dialogue<U>>>,
    free: Vec<u32>,
    timers: Wheel<DialogueId>,
    otid_key: SipKey,
    guard: Duration,
    peer_match: PeerMatch,
    quotas: quota::Quotas,
    aborts_per_second: u32,
    /// The second in which Aborts to strangers were sent last, and how many.
    aborts: (u64, u32),
}

impl<U: Copy + Default> Dialogues<U> {
    /// An empty table.
    ///
    /// # Errors
    /// If the transaction ids don't fit 32 bits, or numbers contradict each other; the text says what would fit.
    pub fn new(config: DialoguesConfig) -> Result<Self, String> {
        let DialoguesConfig { worker, workers, capacity, identifiers, .. } = config;
        if worker.0 >= workers {
            return Err(format!("worker {} of {workers}: workers count from 0", worker.0));
        }
        if capacity == 0 || capacity > identifiers {
            return Err(format!(
                "{capacity} dialogues with {identifiers} transaction ids: at least one dialogue, and an id for each"
            ));
        }
        let key = config.key.derive("tcap transaction id");
        let scheme = Scheme::new(key, config.prefix, config.prefix_bits, workers, identifiers)?;
        Ok(Self {
            counts: TcapCounts::default(),
            worker,
            scheme,
            last_named: Cell::new(None),
            slots: Slots::new(identifiers, config.rest),
            dialogues: (0..capacity).map(|_| None).collect(),
            free: (0..capacity as u32).rev().collect(),
            timers: Wheel::new(capacity),
            otid_key: config.key.derive("tcap begin"),
            guard: config.guard,
            peer_match: config.peer_match,
            quotas: quota::Quotas::new(config.key.derive("tcap quotas"), config.limits),
            aborts_per_second: config.limits.aborts_per_second,
            aborts: (0, 0),
        })
    }

    /// Which worker a message is for. Reads the transaction portion only.
    #[must_use]
    pub fn owner(&self, bytes: &[u8]) -> Owner {
        let Ok(portion) = TransactionPortion::parse(bytes) else { return Owner::None };
        match (portion.message_type, portion.otid, portion.dtid) {
            (MessageType::Begin, Some(otid), _) => {
                // It only spreads dialogues over workers.
                Owner::Begin { otid_hash: self.otid_key.quick_hash(&[otid.as_bytes()]) }
            }
            (_, _, Some(dtid)) => self.owner_of(dtid),
            _ => Owner::None,
        }
    }

    /// Which worker a message of ours is from that SCCP returned to us.
    #[must_use]
    pub fn owner_of_returned(&self, bytes: &[u8]) -> Owner {
        view::returned_otid(bytes).map_or(Owner::None, |otid| self.owner_of(otid))
    }

    fn owner_of(&self, id: TransactionId) -> Owner {
        self.named(id).map_or(Owner::None, |(worker, _)| Owner::Worker(worker))
    }

    /// The worker and the dialogue that a transaction id of ours names.
    fn named(&self, id: TransactionId) -> Option<(WorkerId, DialogueId)> {
        if let Some((last, worker, dialogue)) = self.last_named.get()
            && last == id
        {
            return Some((worker, dialogue));
        }
        let (worker, dialogue) = self.scheme.invert(id)?;
        self.last_named.set(Some((id, worker, dialogue)));
        Some((worker, dialogue))
    }

    /// How many dialogues there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.dialogues.len() - self.free.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn find(&self, id: DialogueId) -> Option<&Dialogue<U>> {
        self.dialogues.get(self.slots.place(id)? as usize)?.as_ref()
    }

    fn find_mut(&mut self, id: DialogueId) -> Option<&mut Dialogue<U>> {
        self.dialogues.get_mut(self.slots.place(id)? as usize)?.as_mut()
    }

    /// The dialogue that a transaction id of ours names.
    fn find_local(&self, id: TransactionId) -> Option<&Dialogue<U>> {
        let (worker, id) = self.named(id)?;
        if worker != self.worker {
            return None;
        }
        self.find(id)
    }

    fn insert(
        &mut self,
        now: Time,
        peer: &SccpAddress,
        remote: Option<TransactionId>,
        context: Context,
        user: U,
        timeout: Duration,
    ) -> Option<DialogueId> {
        let place = *self.free.last()?;
        let id = self.slots.take(now, place)?;
        let Ok(timer) = self.timers.insert(now + timeout, id) else {
            self.slots.free(now, &self.scheme, id);
            return None;
        };
        self.free.pop();
        let dialogue = Dialogue {
            id,
            state: if remote.is_some() { State::InitiationReceived } else { State::Idle },
            initiator: remote.is_none(),
            local: TransactionId::from_u32(self.scheme.apply(self.worker, id)),
            remote,
            peer: *peer,
            context,
            user,
            timer,
            places: quota::Places::default(),
        };
        if let Some(entry) = self.dialogues.get_mut(place as usize) {
            *entry = Some(dialogue);
        }
        Some(id)
    }

    fn remove(&mut self, now: Time, id: DialogueId) -> Option<Dialogue<U>> {
        let place = self.slots.place(id)?;
        let dialogue = self.dialogues.get_mut(place as usize)?.take()?;
        self.timers.cancel(dialogue.timer);
        self.slots.free(now, &self.scheme, id);
        self.quotas.leave(dialogue.places);
        self.free.push(place);
        debug_assert_eq!(self.timers.len(), self.len());
        Some(dialogue)
    }

    /// Opens a dialogue of ours with `peer` (with the point code that its Begin goes to, if that is to be matched), which
    /// lives for `invoke_timeout` unless the timer is set anew. Next is
    /// [`Dialogues::write_begin`]. `None` when the table is full, or every free transaction id still rests.
    pub fn open(
        &mut self,
        now: Time,
        peer: &SccpAddress,
        user: U,
        invoke_timeout: Duration,
    ) -> Option<DialogueId> {
        let id = self.insert(now, peer, None, Context::new(&[])?, user, invoke_timeout);
        self.counts.open_full += u64::from(id.is_none());
        id
    }

    /// Whether a point is configured as a relay, which has many behind it.
    #[must_use]
    pub fn is_relay(&self, point_code: PointCode) -> bool {
        self.peer_match.relays.contains(&point_code)
    }

    /// Ends a dialogue without a message (a prearranged end), as when its Begin could not be sent.
    pub fn close(&mut self, now: Time, id: DialogueId) {
        self.remove(now, id);
    }

    /// How many dialogues fit.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.dialogues.len()
    }

    /// The dialogue's peer: the address that we called, or that its last first message came from.
    #[must_use]
    pub fn peer(&self, id: DialogueId) -> Option<&SccpAddress> {
        self.find(id).map(|dialogue| &dialogue.peer)
    }

    /// Our transaction id in the dialogue, as traces show it.
    #[must_use]
    pub fn local_id(&self, id: DialogueId) -> Option<TransactionId> {
        self.find(id).map(|dialogue| dialogue.local)
    }

    /// The peer's transaction id, once it is known.
    #[must_use]
    pub fn remote_id(&self, id: DialogueId) -> Option<TransactionId> {
        self.find(id)?.remote
    }

    /// What [`Dialogues::open`] or [`Dialogues::set_user`] left with the dialogue.
    #[must_use]
    pub fn user(&self, id: DialogueId) -> Option<U> {
        self.find(id).map(|dialogue| dialogue.user)
    }

    /// Leaves something with the dialogue, to come back in its indications.
    pub fn set_user(&mut self, id: DialogueId, user: U) {
        if let Some(dialogue) = self.find_mut(id) {
            dialogue.user = user;
        }
    }

    /// The point that a dialogue's Begin goes to, from which its first answer must come.
    pub fn goes_to(&mut self, id: DialogueId, point_code: PointCode) {
        if let Some(dialogue) = self.find_mut(id) {
            dialogue.peer.point_code = Some(point_code);
        }
    }

    /// Lets the dialogue live for `timeout` from now: for the next operation, or longer than the guard.
    pub fn set_timer(&mut self, now: Time, id: DialogueId, timeout: Duration) {
        let Some(old) = self.find(id).map(|dialogue| dialogue.timer) else { return };
        self.timers.cancel(old);
        // There is room: a timer was just cancelled.
        if let Ok(timer) = self.timers.insert(now + timeout, id)
            && let Some(dialogue) = self.find_mut(id)
        {
            dialogue.timer = timer;
        }
    }

    /// Lets a dialogue of the peer's live for the guard time from now: it has asked for something, or answered. What it
    /// merely sends keeps no dialogue alive.
    pub fn renew(&mut self, now: Time, id: DialogueId) {
        if self.find(id).is_some_and(|dialogue| !dialogue.initiator) {
            self.set_timer(now, id, self.guard);
        }
    }

    /// Whether one more Abort may go to a stranger within this second.
    fn may_abort(&mut self, now: Time) -> bool {
        let (second, sent) = self.aborts;
        let sent = if second == now.as_secs() { sent } else { 0 };
        let may = sent < self.aborts_per_second;
        self.aborts = (now.as_secs(), sent + u32::from(may));
        self.counts.aborts_withheld += u64::from(!may);
        may
    }

    /// The earliest time at which [`Dialogues::handle_timeout`] has something to do.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Time> {
        (!self.timers.is_empty()).then(|| self.timers.next_deadline())
    }

    /// Ends the next dialogue that took too long. Call until `None`.
    pub fn handle_timeout(&mut self, now: Time) -> Option<Expired<U>> {
        loop {
            let id = self.timers.poll(now)?;
            let Some(place) = self.slots.place(id) else { continue };
            let Some(dialogue) = self.dialogues.get_mut(place as usize).and_then(Option::take) else {
                continue;
            };
            self.slots.free(now, &self.scheme, id);
            self.quotas.leave(dialogue.places);
            self.free.push(place);
            match dialogue.initiator {
                true => self.counts.invokes_expired += 1,
                false => self.counts.guards_expired += 1,
            }
            let reason = dialogue.plain_abort();
            return Some(Expired {
                dialogue: id,
                user: dialogue.user,
                initiator: dialogue.initiator,
                peer: dialogue.peer,
                abort: dialogue.remote.map(|to| Refusal { to, reason, malformed: None }),
            });
        }
    }

    /// Panics unless every dialogue has one slot, one timer and one place.
    pub fn assert_invariants(&self) {
        let (mut live, mut counted) = (0, [0; 2]);
        for (place, dialogue) in self.dialogues.iter().enumerate() {
            let Some(dialogue) = dialogue else { continue };
            live += 1;
            counted = dialogue.places.add_to(counted);
            assert_eq!(
                self.slots.place(dialogue.id),
                Some(place as u32),
                "slot and dialogue name each other"
            );
            assert_eq!(self.scheme.invert(dialogue.local), Some((self.worker, dialogue.id)));
            assert_eq!(
                dialogue.remote.is_some(),
                matches!(dialogue.state, State::InitiationReceived | State::Active)
            );
        }
        assert_eq!(live, self.len());
        assert_eq!(live, self.slots.in_use());
        assert_eq!(live, self.timers.len());
        assert_eq!(counted, self.quotas.sums(), "each dialogue of a peer's is counted once");
    }
}

impl<U> Dialogue<U> {
    /// An Abort by our user: without a dialogue portion if the dialogue has none.
    fn plain_abort(&self) -> RefusalReason<'static> {
        if self.context.is_none() { RefusalReason::Bare } else { RefusalReason::User }
    }
}
