//! What is said to HLRs, and what they say: the operations of R1 (requirement R-1; PROTOCOLS 7.3) and of the HLR itself.

use super::r1::{Request, Send};
use super::{Form, Party, Registrar};
use crate::base::{Inline, Time};
use crate::control::authentication::Vector;
use crate::control::config::Network;
use crate::gateway;
use crate::gateway::mailbox::{Invoked, MapAnswer, MapOperation, MapOutcome, ToWorker};
use crate::ident::{Digits, Imsi, Ssn};
use crate::proto::map::subscription::{
    AnyTimeModification, CancelLocation, DeleteSubscriberData, EmptyResult, InsertSubscriberData,
    ModifyRegistrationStatus, PurgeMs, ReSynchronisation, Reset, SendAuthenticationInfo,
    SendAuthenticationInfoResult, SubscriberIdentity, Teleservice, UpdateGprsLocation,
};
use crate::proto::map::{AddressString, context, operation};
use crate::stack::UserError;

/// Teleservices with short messages among them (TS 29.002 17.7.9): all, all short messages, mobile terminated, mobile
/// originated.
const SMS: [Teleservice; 4] = [Teleservice(0x00), Teleservice(0x20), Teleservice(0x21), Teleservice(0x22)];
/// RequestingNodeType: sgsn (TS 29.002 17.7.1).
const SGSN_NODE: u8 = 1;

impl Registrar {
    /// 8.1 step 3, 8.2.1 step 2, 8.2.2 step 1, 8.7 and 8.8 step 5: an operation goes to the HLR, through any worker.
    pub(super) fn send(&mut self, now: Time, send: Send) {
        let Some(operation) = self.operation(&send) else {
            return self.r1.ended(now, send.operation, MapOutcome::NotSent);
        };
        let worker = self.worker(send.operation);
        let operation = ToWorker::Invoke(Box::new(operation));
        match send.request {
            // What is owed to the HLR is written first: a life after this one would not know that it was told.
            Request::Register | Request::Deregister if self.is_kept() => {
                self.settling.sends.push((worker, operation));
            }
            _ => self.out.push((worker, operation)),
        }
    }

    /// An operation of ours has ended.
    pub(super) fn on_ended(&mut self, now: Time, operation: u64, outcome: MapOutcome) {
        if let MapOutcome::Returned(result) = &outcome
            && let Some(names_us) = self.names_us(operation, result)
        {
            self.r1.heard(operation, names_us);
        }
        self.r1.ended(now, operation, outcome);
    }

    fn operation(&self, send: &Send) -> Option<MapOperation> {
        let Party { network, imsi } = send.party;
        let network = self.config.networks.get(usize::from(network))?;
        let hlr = hlr_of(network, imsi)?;
        let ours = network.gateway_title;
        let gprs = network.r1 == Form::UpdateGprsLocation;
        let number = AddressString::international(ours);
        let (context, opcode, ssn, argument) = match send.request {
            Request::Register | Request::Deregister if !gprs => {
                let status = match send.request {
                    Request::Register => ModifyRegistrationStatus::Activate,
                    _ => ModifyRegistrationStatus::Deactivate,
                };
                let argument = AnyTimeModification {
                    subscriber: SubscriberIdentity::Imsi(imsi),
                    gsm_scf: number,
                    registration: Some(status),
                };
                let context = context::ANY_TIME_INFO_HANDLING_V3;
                (context, operation::ANY_TIME_MODIFICATION, Ssn::GSM_SCF, argument.encode())
            }
            Request::Register => {
                let sgsn_address = self.config.sip.listen.first()?.ip();
                let argument = UpdateGprsLocation { imsi, sgsn_number: number, sgsn_address };
                (
                    context::GPRS_LOCATION_UPDATE_V3,
                    operation::UPDATE_GPRS_LOCATION,
                    Ssn::SGSN,
                    argument.encode(),
                )
            }
            Request::Deregister => {
                let argument = PurgeMs { imsi, vlr_number: None, sgsn_number: Some(number) };
                (context::MS_PURGING_V3, operation::PURGE_MS, Ssn::SGSN, argument.encode())
            }
            Request::Place => {
                // As a SMS-GMSC asks (TS 29.002 6.1.3.8), if the gateway may be an MSC.
                let is_msc = self.config.sccp.subsystems.contains(&Ssn::MSC.0);
                let ssn = if is_msc { Ssn::MSC } else { network.node.ssn() };
                let argument = self.place_question(send.party, ours)?;
                (context::GATEWAY_V3, operation::SEND_ROUTING_INFO_FOR_SM, ssn, argument)
            }
            Request::Vector(resynchronise) => {
                let argument = SendAuthenticationInfo {
                    imsi,
                    vectors: 1,
                    segmentation_prohibited: true,
                    immediate_response_preferred: true,
                    re_synchronisation: resynchronise.map(|(rand, auts)| ReSynchronisation { rand, auts }),
                    requesting_node_type: Some(SGSN_NODE),
                };
                let context = context::INFO_RETRIEVAL_V3;
                (context, operation::SEND_AUTHENTICATION_INFO, Ssn::SGSN, argument.encode())
            }
        };
        Some(MapOperation {
            operation: send.operation,
            from: (ours, ssn),
            to: (hlr, Ssn::HLR),
            context,
            opcode,
            argument,
            timeout: self.config.timers.map_registration,
        })
    }

    /// An HLR has invoked an operation, in the dialogue of one of ours or in one that it opened.
    pub(super) fn on_invoked(&mut self, now: Time, invoked: &Invoked) {
        let answer = match invoked.opcode {
            operation::INSERT_SUBSCRIBER_DATA => self.on_insert_subscriber_data(now, invoked),
            operation::DELETE_SUBSCRIBER_DATA => self.on_delete_subscriber_data(now, invoked),
            operation::CANCEL_LOCATION => self.on_cancel_location(now, invoked),
            operation::RESET => return self.on_reset(now, invoked),
            _ => Err(UserError::FacilityNotSupported),
        };
        match answer {
            Ok(_) => self.counts.invoked += 1,
            Err(_) => self.counts.invoked_refused += 1,
        }
        let answer = MapAnswer { asked: invoked.asked, opcode: invoked.opcode, answer };
        self.out.push((invoked.asked.worker, ToWorker::Answer(Box::new(answer))));
    }

    /// insertSubscriberData: inside updateGprsLocation it brings the MSISDN (8.1 step 5); alone, it changes it.
    fn on_insert_subscriber_data(
        &mut self,
        now: Time,
        invoked: &Invoked,
    ) -> Result<Option<Vec<u8>>, UserError<'static>> {
        let argument =
            InsertSubscriberData::decode(&invoked.argument).map_err(|_| UserError::UnexpectedDataValue)?;
        if let Some(imsi) = argument.imsi.filter(|_| invoked.within.is_none()) {
            self.refuse_unloaded(imsi)?;
        }
        let within = invoked.within.and_then(|operation| self.r1.party(operation));
        let parties = match (within, argument.imsi) {
            (Some(party), imsi) if imsi.is_none_or(|imsi| imsi == party.imsi) => vec![party],
            (None, Some(imsi)) => self.parties(imsi),
            _ => vec![],
        };
        if parties.is_empty() {
            self.suspect(now, argument.imsi.filter(|_| within.is_none()));
            return Err(UserError::UnidentifiedSubscriber);
        }
        let msisdn = argument.msisdn.and_then(|number| number.msisdn());
        for party in parties {
            self.r1.inserted(party, msisdn);
            if within.is_none() {
                self.on_number(now, party, msisdn);
            }
        }
        Ok(Some(EmptyResult.encode()))
    }

    /// The HLR speaks of somebody who is not here, and believes that he is.
    fn suspect(&mut self, now: Time, imsi: Option<Imsi>) {
        if let Some(imsi) = imsi {
            self.audit.suspect(now, imsi);
        }
    }

    /// deleteSubscriberData: who may have no short messages any more has no business here.
    fn on_delete_subscriber_data(
        &mut self,
        now: Time,
        invoked: &Invoked,
    ) -> Result<Option<Vec<u8>>, UserError<'static>> {
        let argument =
            DeleteSubscriberData::decode(&invoked.argument).map_err(|_| UserError::UnexpectedDataValue)?;
        self.refuse_unloaded(argument.imsi)?;
        let parties = self.parties(argument.imsi);
        if parties.is_empty() {
            self.suspect(now, Some(argument.imsi));
            return Err(UserError::UnidentifiedSubscriber);
        }
        if argument.teleservices.iter().any(|service| SMS.contains(service)) {
            for party in parties {
                // Where he is registered, the HLR knows as before: it is told that it is no longer here.
                self.counts.cancelled += self.end_all(now, party, "deactivated");
            }
        }
        Ok(Some(EmptyResult.encode()))
    }

    /// cancelLocation: the HLR has another node, or nobody, in our place. Somebody unknown is as good as gone.
    fn on_cancel_location(
        &mut self,
        now: Time,
        invoked: &Invoked,
    ) -> Result<Option<Vec<u8>>, UserError<'static>> {
        let argument =
            CancelLocation::decode(&invoked.argument).map_err(|_| UserError::UnexpectedDataValue)?;
        self.refuse_unloaded(argument.imsi)?;
        for party in self.parties(argument.imsi) {
            self.cancel(now, party);
        }
        Ok(Some(EmptyResult.encode()))
    }

    fn cancel(&mut self, now: Time, party: Party) {
        self.r1.cancelled(now, party);
        // While an exchange is under way it decides; the HLR is asked once more.
        if !self.r1.is_wanted(party) {
            self.counts.cancelled += self.end_all(now, party, "deactivated");
            tracing::info!(imsi = ?party.imsi, "de-registered by the HLR");
        }
    }

    /// reset: the HLR has restarted, and every subscriber of its is registered once more, paced. Nobody is answered.
    fn on_reset(&mut self, now: Time, invoked: &Invoked) {
        let Ok(argument) = Reset::decode(&invoked.argument) else {
            self.counts.invoked_refused += 1;
            return;
        };
        self.counts.invoked += 1;
        self.reset(now, &argument);
        // Whoever is not restored yet would be as if the HLR knew of him.
        if !self.restoring.loading.is_done() {
            self.restoring.resets.push(argument);
        }
    }

    /// The subscribers of an HLR that has restarted are registered once more.
    pub(super) fn reset(&mut self, now: Time, argument: &Reset) {
        let config = self.config.clone();
        let is_its = |party: Party| {
            let network = config.networks.get(usize::from(party.network));
            let hlr = network.and_then(|network| hlr_of(network, party.imsi));
            hlr == Some(argument.hlr_number.digits)
                || argument.imsi_prefixes.iter().any(|prefix| party.imsi.digits().starts_with(*prefix))
        };
        let again = self.r1.reset(now, is_its);
        tracing::warn!(hlr = %argument.hlr_number.digits, subscribers = again, "an HLR has restarted: its subscribers are registered again");
    }

    /// The networks that a subscriber is registered in here, or is about to be.
    fn parties(&self, imsi: Imsi) -> Vec<Party> {
        let networks = 0..self.config.networks.len() as u16;
        let parties = networks.map(|network| Party { network, imsi });
        let has = |party: &Party| {
            self.r1.is_known(*party)
                || self
                    .writer
                    .by_imsi(imsi)
                    .is_some_and(|it| it.record().bindings().any(|it| it.network == party.network))
        };
        parties.filter(has).collect()
    }
}

/// The title of the HLR that has a subscriber.
pub(super) fn hlr_of(network: &Network, imsi: Imsi) -> Option<Digits> {
    gateway::hlr_of(network.hlr.iter().map(|route| (route.imsi_prefix, route.title)), imsi)
}

/// The first vector of a sendAuthenticationInfo result.
pub(super) fn vector(result: &[u8]) -> Option<Vector> {
    let result = SendAuthenticationInfoResult::decode(result).ok()?;
    let first = result.quintuplets.into_iter().next()?;
    Some(Vector {
        rand: first.rand,
        autn: first.autn,
        xres: Inline::new(&first.xres)?,
        ck: first.ck,
        ik: first.ik,
    })
}

/// What a REGISTER is answered when the HLR refuses for good (TS 29.002 17.6.6): nobody of that name; or a refusal.
pub(super) const fn status_of(error: u8) -> u16 {
    match error {
        1 | 5 => 404,
        35 | 36 => 500,
        _ => 403,
    }
}
