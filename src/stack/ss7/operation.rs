//! Operations of ours: in which version they are asked for, with or without a handshake, and what follows when the peer
//! refuses.

use core::time::Duration;

use super::dialogue::{IN_SEQUENCE_RETURNED, gone, selection};
use super::held::{Argument, Held};
use super::invocation::{INVOKE_ID, Octets, Opener, Party};
use super::version::{Handshake, policy};
use super::{LocationUpdate, MapInvoke, MoForward, MtForward, ROOM, ReadyForSm, Refusal, SHORT, Ss7};
use crate::base::{Inline, Time};
use crate::codec::Prepend;
use crate::ident::{Digits, SccpAddress, Ssn};
use crate::proto::map::{self, SmRpDa, SmRpOa, Version, context};
use crate::proto::sccp;
use crate::proto::tcap::{AbortCause, AbortReason, DialogueId, build};
use crate::stack::{Indication, Outcome, Outside};

impl Ss7 {
    /// mo-forwardSM towards the SMS-IWMSC.
    pub(in crate::stack) fn mo_forward_sm(
        &mut self,
        now: Time,
        forward: &MoForward<'_>,
        user: u64,
        outside: &mut dyn Outside,
    ) -> Result<(), Refusal> {
        let argument = Argument::Mo {
            service_centre: forward.destination,
            msisdn: forward.msisdn,
            imsi: forward.imsi,
            tpdu: self.user_data(forward.tpdu)?,
        };
        let between = ((forward.title, forward.ssn), (forward.service_centre, Ssn::MSC));
        self.ask(now, between, self.forward_timeout, argument, user, outside)
    }

    /// mt-forwardSM, as an SMS-GMSC sends it.
    pub(in crate::stack) fn mt_forward_sm(
        &mut self,
        now: Time,
        forward: &MtForward<'_>,
        user: u64,
        outside: &mut dyn Outside,
    ) -> Result<(), Refusal> {
        let argument = Argument::Mt {
            imsi: forward.imsi,
            service_centre: forward.service_centre,
            tpdu: self.user_data(forward.tpdu)?,
            more_messages: forward.more_messages,
        };
        let between = ((forward.title, forward.ssn), forward.node);
        self.ask(now, between, self.forward_timeout, argument, user, outside)
    }

    /// The next message for the subscriber of the last, in the same dialogue, which its peer left open for it. It names
    /// neither subscriber nor service centre again (TS 29.002 7.6.8.1, 7.6.8.2). What can't be sent ends the dialogue: it can
    /// go in one of its own.
    pub(in crate::stack) fn next_mt_forward_sm(
        &mut self,
        now: Time,
        dialogue: DialogueId,
        (tpdu, more_messages): (&[u8], bool),
        user: u64,
        outside: &mut dyn Outside,
    ) -> Result<(), Refusal> {
        let next = self.dialogues.user(dialogue).and_then(|party| party.next(user, more_messages));
        let Some((party, id)) = next else { return Err(Refusal::NoRoute) };
        let sent = self.user_data(tpdu).and_then(|tpdu| {
            self.try_send(now, dialogue, false, outside, |w| {
                let to = map::MtForwardSm::new(SmRpDa::None, SmRpOa::None, &tpdu);
                map::MtForwardSm { more_messages, ..to }.write_in(w, party.version);
                build::invoke(w, 0, id, map::mt_forward_sm(party.version).1);
            })
        });
        if let Err(refusal) = sent {
            self.no_more_messages(now, dialogue, outside);
            return Err(refusal);
        }
        self.counts.more_messages_sent += 1;
        self.dialogues.set_user(dialogue, party);
        self.dialogues.set_timer(now, dialogue, self.forward_timeout);
        Ok(())
    }

    /// Nothing follows in a dialogue that was left open for another message: it is closed (TS 29.002 12.9, MAP-CLOSE).
    pub(in crate::stack) fn no_more_messages(
        &mut self,
        now: Time,
        dialogue: DialogueId,
        outside: &mut dyn Outside,
    ) {
        let waits = matches!(
            self.dialogues.user(dialogue),
            Some(Party { opener: Opener::Us { is_answered: true, .. }, .. })
        );
        if waits {
            self.send(now, dialogue, true, outside, |_| {});
        }
    }

    /// readyForSM towards the HLR.
    pub(in crate::stack) fn ready_for_sm(
        &mut self,
        now: Time,
        ready: &ReadyForSm,
        user: u64,
        outside: &mut dyn Outside,
    ) -> Result<(), Refusal> {
        let argument = Argument::Ready(map::ReadyForSm {
            imsi: ready.imsi,
            reason: ready.reason,
            gprs: ready.sgsn,
            ip_sm_gw: !ready.sgsn,
        });
        self.ask(now, (ready.from, (ready.hlr, Ssn::HLR)), ready.timeout, argument, user, outside)
    }

    /// updateLocation towards the HLR.
    pub(in crate::stack) fn update_location(
        &mut self,
        now: Time,
        location: &LocationUpdate,
        user: u64,
        outside: &mut dyn Outside,
    ) -> Result<(), Refusal> {
        let between = (location.from, (location.hlr, Ssn::HLR));
        self.ask(now, between, location.timeout, Argument::Location(location.update), user, outside)
    }

    /// Any operation, in a dialogue of its own.
    pub(in crate::stack) fn invoke(
        &mut self,
        now: Time,
        invoke: &MapInvoke<'_>,
        user: u64,
        outside: &mut dyn Outside,
    ) -> Result<(), Refusal> {
        let named = context::parse(invoke.context);
        let named = named.and_then(|(context, version)| Some((context, Version::new(version)?)));
        let Some((context, version)) = named else { return Err(Refusal::NoRoute) };
        let Some(argument) = Octets::new(invoke.argument) else {
            return self.ask_once(now, invoke, version, user, outside);
        };
        let argument = Argument::Encoded { context, version, opcode: invoke.opcode, argument };
        self.ask(now, (invoke.from, invoke.to), invoke.timeout, argument, user, outside)
    }

    /// An operation whose argument is too long to be kept: nothing is asked again if the peer refuses the version.
    fn ask_once(
        &mut self,
        now: Time,
        invoke: &MapInvoke<'_>,
        version: Version,
        user: u64,
        outside: &mut dyn Outside,
    ) -> Result<(), Refusal> {
        let [from, to] = [invoke.from, invoke.to].map(|(title, ssn)| SccpAddress::titled(title, ssn));
        let mut room = [0; ROOM];
        let mut w = Prepend::new(&mut room);
        w.bytes(invoke.argument);
        build::invoke(&mut w, 0, INVOKE_ID, invoke.opcode);
        let party = Party::ours(user, invoke.from, invoke.opcode).held(None, version);
        let dialogue = self.dialogues.open(now, &to, party, invoke.timeout).ok_or(Refusal::Full)?;
        self.send_begin(now, dialogue, &mut w, invoke.context, &from, outside)
    }

    /// SM-RP-UI, which has an end (maxSignalInfoLength), whatever a message would carry.
    fn user_data(&mut self, tpdu: &[u8]) -> Result<Inline<{ map::MAX_UI }>, Refusal> {
        Inline::new(tpdu).ok_or(Refusal::TooLong).inspect_err(|_| self.counts.too_long += 1)
    }

    /// Asks a peer for something, in the newest version that it is not known to refuse.
    fn ask(
        &mut self,
        now: Time,
        between: ((Digits, Ssn), (Digits, Ssn)),
        timeout: Duration,
        argument: Argument,
        user: u64,
        outside: &mut dyn Outside,
    ) -> Result<(), Refusal> {
        let (oldest, newest) = argument.versions();
        let peer = between.1.0;
        let known = self.versions.of(now, peer, argument.spelling(newest).0).unwrap_or(newest);
        let version = newest.min(known).min(policy(&self.policies, peer).highest).max(oldest);
        let held = Held { between, user, deadline: now + timeout, version, waits: false, argument };
        self.begin(now, held, outside)
    }

    /// Opens a dialogue for an operation and sends it, or sends the Begin alone if the operation must wait.
    fn begin(&mut self, now: Time, mut held: Held, outside: &mut dyn Outside) -> Result<(), Refusal> {
        let (from, to) = held.between;
        let (context, opcode) = held.argument.spelling(held.version);
        let named = context::of(context, held.version as u8);
        let named = if held.version == Version::V1 { &[][..] } else { &named };
        let (from_address, titled) = (SccpAddress::titled(from.0, from.1), SccpAddress::titled(to.0, to.1));
        let mut room = [0; SHORT];
        let mut w = Prepend::new(&mut room);
        held.argument.write(&mut w, held.version);
        build::invoke(&mut w, 0, INVOKE_ID, opcode);
        // Version 1 has no dialogue to open first.
        held.waits = held.version > Version::V1
            && match policy(&self.policies, to.0).handshake {
                Handshake::Always => true,
                Handshake::WhenNeeded => {
                    !self.fits(build::begin_len(w.len(), named.len()), &titled, &from_address)
                }
                Handshake::Never => false,
            };
        if held.waits {
            if !self.fits(build::continue_len(w.len()), &titled, &from_address) {
                self.counts.too_long += 1;
                return Err(Refusal::TooLong);
            }
            w = Prepend::new(&mut room);
        }
        let key = self.held.insert(held).ok();
        self.counts.held_full += u64::from(key.is_none());
        if key.is_none() && held.waits {
            return Err(Refusal::Full);
        }
        let party = Party::ours(held.user, from, opcode).held(key, held.version);
        let party = party.with_more(held.argument.has_more());
        let sent = match self.dialogues.open(now, &titled, party, held.left(now)) {
            Some(dialogue) => self.send_begin(now, dialogue, &mut w, named, &from_address, outside),
            None => Err(Refusal::Full),
        };
        if let (Err(_), Some(key)) = (sent, key) {
            self.held.remove(key);
        } else if sent.is_ok() && held.waits {
            self.counts.handshakes += 1;
        }
        sent
    }

    fn send_begin(
        &mut self,
        now: Time,
        dialogue: DialogueId,
        w: &mut Prepend<'_>,
        application_context: &[u8],
        from: &SccpAddress,
        outside: &mut dyn Outside,
    ) -> Result<(), Refusal> {
        let begun = self.dialogues.write_begin(w, 0, dialogue, application_context, None);
        let sent = begun.ok_or(Refusal::TooLong).and_then(|peer| {
            if let Some((destination, _)) = self.route(&peer, selection(dialogue)) {
                if !self.transport.admits(destination) {
                    return Err(Refusal::Full);
                }
                // Answers must come from where the Begin goes.
                self.dialogues.goes_to(dialogue, destination);
            }
            self.send_unitdata(w, IN_SEQUENCE_RETURNED, &peer, from, selection(dialogue), outside)
        });
        if sent.is_err() {
            self.dialogues.close(now, dialogue);
        }
        sent.map(|_| ())
    }

    /// Whether a TCAP message of so many octets fits one UDT, or goes in another form where it is sent to.
    fn fits(&self, octets: usize, to: &SccpAddress, from: &SccpAddress) -> bool {
        self.route(to, 0).is_none_or(|(destination, called)| {
            sccp::build::udt_len(octets, &called, from) <= self.budget
                || self.form_of(destination) != sccp::Kind::Udt
        })
    }

    /// What a dialogue of ours kept until now, kept no longer.
    pub(super) fn release(&mut self, party: &Party) -> Option<Held> {
        party.held.and_then(|key| self.held.remove(key))
    }

    /// The peer has accepted a dialogue of ours, if this is its first answer: what waited for it is sent now. From here on
    /// nothing is sent again. Tells if that ended the dialogue.
    pub(super) fn accepted(
        &mut self,
        now: Time,
        dialogue: DialogueId,
        party: &Party,
        outside: &mut dyn Outside,
    ) -> Option<Indication<'static>> {
        let held = self.release(party)?;
        self.remember(now, &held);
        self.dialogues.set_user(dialogue, Party { held: None, ..*party });
        if !held.waits {
            return None;
        }
        let (_, opcode) = held.argument.spelling(held.version);
        let sent = self.try_send(now, dialogue, false, outside, |w| {
            held.argument.write(w, held.version);
            build::invoke(w, 0, INVOKE_ID, opcode);
        });
        if sent.is_ok() {
            return None;
        }
        self.abort(now, dialogue, AbortReason::User, outside);
        Some(gone(dialogue, party, Outcome::Aborted))
    }

    /// A version that a peer has accepted, if it is not the newest.
    pub(super) fn remember(&mut self, now: Time, held: &Held) {
        let (_, newest) = held.argument.versions();
        if held.version < newest.min(policy(&self.policies, held.between.1.0).highest) {
            let context = held.argument.spelling(newest).0;
            self.versions.accepted(now, held.between.1.0, context, held.version);
        }
    }

    /// A dialogue of ours has failed: the same is asked for in an older version, if the peer says that this would do and
    /// has accepted nothing yet. Whether it was.
    pub(super) fn ask_again(
        &mut self,
        now: Time,
        party: &Party,
        cause: &AbortCause<'_>,
        outside: &mut dyn Outside,
    ) -> bool {
        if !matches!(party.opener, Opener::Us { .. }) {
            return false;
        }
        let Some(held) = self.release(party) else { return false };
        let Some(version) = held.fallback(cause) else { return false };
        self.counts.version_refused += 1;
        self.begin(now, Held { version, ..held }, outside).is_ok()
    }

    /// What peers accepted after they had refused something newer: title, context, version, and for how much longer.
    pub fn versions(&self, now: Time, visit: &mut dyn FnMut(Digits, u8, Version, Duration)) {
        self.versions.each(now, visit);
    }
}
