//! Registration once it is known who it is about: the HLR's part, and the record of the table (8.1 steps 3 to 6, 8.7
//! steps 5 to 7).

use super::r1::{Party, Settled};
use super::{Known, R1Order, Registrar, Waiter, hlr};
use crate::base::Time;
use crate::gateway::mailbox::{RegisterRequest, ToWorker};
use crate::ident::{Identity, Imsi};

/// A registration whose subscriber is known.
#[derive(Debug)]
pub(super) struct Joining {
    pub(super) request: RegisterRequest,
    pub(super) network: u16,
    pub(super) known: Known,
    pub(super) expires_s: u32,
    /// Whether the REGISTER has its answer already: then a NOTIFY is what brings this about, and the REGISTER is the
    /// newest of its identity.
    pub(super) is_answered: bool,
}

impl Registrar {
    /// 8.1 step 3, 8.7 step 5: the HLR is told, before or after the answer.
    pub(super) fn join(&mut self, now: Time, request: RegisterRequest, network: u16, known: Known) {
        let expires_s = self.granted(&request);
        self.join_as(now, Joining { request, network, known, expires_s, is_answered: false });
    }

    /// Whether more wait for their HLR than it can be told of in time, so that this one has to come again in so many seconds. An
    /// S-CSCF can't be asked to (TS 24.229 5.4.1.7): it is answered before the HLR is told, as long as that happens in the time in
    /// which the two may differ. So it is with everybody where the answer comes first anyway.
    pub(super) fn is_too_many(
        &mut self,
        now: Time,
        network: u16,
        imsi: Option<Imsi>,
        is_third_party: bool,
    ) -> Option<u32> {
        let party = self.party(network, imsi)?;
        let waits = self.order(network) == R1Order::Before200;
        self.r1.refuses(now, party, (waits, is_third_party || !waits))
    }

    /// Seconds of life that a REGISTER gets.
    pub(super) fn granted(&self, request: &RegisterRequest) -> u32 {
        let most = u32::try_from(self.config.timers.registration_max.as_secs()).unwrap_or(u32::MAX);
        request.expires_s.min(most)
    }

    /// As [`Registrar::join`], also of somebody whose REGISTER has been answered.
    pub(super) fn join_as(&mut self, now: Time, joining: Joining) {
        let (network, known) = (joining.network, joining.known);
        if !joining.is_answered && self.is_stale(now, known, network, &joining.request) {
            self.counts.refused_stale += 1;
            return self.answer_joining(now, &joining, 500, &[]);
        }
        // Nobody hears of a registration that could not be kept; who was answered has it already.
        if !joining.is_answered && self.is_refused_by_journal(now, &joining) {
            return self.answer_joining(now, &joining, 503, &[]);
        }
        let joining = Box::new(joining);
        match (self.party(network, known.imsi), self.order(network)) {
            (None, _) => {
                self.on_joined(now, *joining, Settled::Agreed);
            }
            (Some(party), R1Order::Before200) => {
                self.writer.join_began(party.imsi);
                // Already so: nothing has to be said.
                if let Some(Waiter::Join(joining)) =
                    self.r1.wish(now, party, true, Some(Waiter::Join(joining)))
                {
                    self.on_joined(now, *joining, Settled::Agreed);
                }
            }
            (Some(_), R1Order::After200) => {
                self.on_joined(now, *joining, Settled::Late);
            }
        }
    }

    /// 8.1 steps 5 and 6, 8.7 steps 6 and 7: the HLR has answered, or takes too long; the mapping is stored and the UE or
    /// the S-CSCF answered.
    pub(super) fn on_joined(&mut self, now: Time, joining: Joining, how: Settled) {
        let party = self.party(joining.network, joining.known.imsi);
        self.conclude(now, joining, party, how);
        // Messages that came for the subscriber meanwhile find it now, or don't.
        let waiting = party.map(|party| (party.imsi, self.writer.join_ended(party.imsi, self.workers)));
        for (imsi, worker) in
            waiting.into_iter().flat_map(|(imsi, workers)| workers.map(move |it| (imsi, it)))
        {
            self.out.push((worker, ToWorker::Joined(imsi)));
        }
    }

    fn conclude(&mut self, now: Time, mut joining: Joining, party: Option<Party>, how: Settled) {
        match how {
            Settled::Agreed | Settled::Late => {}
            Settled::Refused(error) => {
                self.counts.refused_hlr += 1;
                return self.answer_joining(now, &joining, hlr::status_of(error), &[]);
            }
            Settled::Superseded => {
                self.counts.refused_busy += 1;
                return self.answer_joining(now, &joining, 503, &[]);
            }
        }
        let told = party.and_then(|party| self.r1.msisdn(party));
        joining.known.msisdn = told.or(joining.known.msisdn);
        match self.store(now, &joining) {
            Ok(()) => {
                self.note(&joining);
                let contacts = self.contacts(now, &joining);
                self.answer_joining(now, &joining, 200, &contacts);
                self.watch_joined(now, &joining);
                let subscriber = joining.known.imsi.and_then(|imsi| self.writer.by_imsi(imsi));
                if let Some(imsi) = joining.known.imsi.filter(|_| subscriber.is_some_and(|it| it.take_unri()))
                {
                    let present = ToWorker::Present { network: joining.network, imsi };
                    self.out.push((joining.request.worker, present));
                }
            }
            Err(status) => self.answer_joining(now, &joining, status, &[]),
        }
        // The HLR must not go on believing what we have refused, nor miss what we have stored.
        if let Some(party) = party {
            self.tell_hlr(now, party);
        }
        // It may have gone while the HLR was asked.
        if let Some(connection) = joining.request.connection.map(|it| it.id).filter(|&it| self.is_lost(it)) {
            self.without_connection(now, joining.request.remote, connection);
        }
    }

    /// Whoever was answered before the HLR was asked is not answered again.
    fn answer_joining(&mut self, now: Time, joining: &Joining, status: u16, contacts: &[(Identity, u32)]) {
        if !joining.is_answered {
            self.answer(now, &joining.request, status, contacts);
        }
    }

    fn note(&mut self, joining: &Joining) {
        let Known { imsi, msisdn } = joining.known;
        let identity = joining.request.public_identity;
        self.counts.registered += 1;
        if imsi.is_none() {
            self.counts.without_imsi += 1;
            tracing::warn!(?identity, "registered without IMSI: no message can be sent to it");
        }
        if msisdn.is_none() {
            self.counts.without_msisdn += 1;
            tracing::warn!(?identity, "registered without MSISDN: its messages carry no number of its own");
        }
        tracing::debug!(?identity, ?imsi, ?msisdn, expires_s = joining.expires_s, "registered");
    }
}
