//! The HLR as a node of the network: what it is asked and asks by MAP, what it tells a presence server by SIP, and how it misbehaves
//! if it is to.

use super::presence::{CONTENT_TYPE, EVENT, document};
use super::subscriber::{Domain, SubscriberId};
use super::waiting::{Alert, AlertId};
use super::{Answer, Hlr, Left, Location, encoded};
use crate::config::Config;
use crate::model::{Failure, Fate, Models};
use crate::node::Cx;
use crate::scenario::{Phase, Player};
use core::convert::Infallible;
use core::net::SocketAddr;
use core::time::Duration;
use ipsmgw::base::{Counts, Key, Time};
use ipsmgw::ident::Ssn;
use ipsmgw::proto::map::subscription::{CancelLocation, CancellationType, UpdateLocationResult};
use ipsmgw::proto::map::{AddressString, InformServiceCentre, Version, context, operation};
use ipsmgw::stack::{
    Application, Asked, Indication, Invoke, MapInvoke, Operation, Outcome, PublishRequest, Published, Stack,
    UserError,
};
use std::collections::BTreeMap;

/// The invoke timer of alertServiceCentre (TS 29.002 17.1.2: short).
const ALERT: Duration = Duration::from_secs(8);
/// Of a key, which says what it is a key of: a publication.
const PUBLICATIONS: u32 = 3;

/// What a user word brings back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum User {
    /// insertSubscriberData, by the number of the location that waits for it.
    SubscriberData(u32),
    /// alertServiceCentre.
    Alert(AlertId),
    /// A PUBLISH.
    Publication(SubscriberId),
    /// informServiceCentre, which nothing answers.
    Inform,
    /// cancelLocation, whose answer changes nothing.
    Cancel,
}

impl User {
    fn to_u64(self) -> u64 {
        match self {
            Self::SubscriberData(number) => u64::from(number),
            Self::Alert(AlertId(number)) => 1 << 32 | u64::from(number),
            Self::Publication(id) => 2 << 32 | u64::from(id.to_u32()),
            Self::Inform => 3 << 32,
            Self::Cancel => 4 << 32,
        }
    }

    fn from_u64(word: u64) -> Self {
        let number = word as u32;
        match word >> 32 {
            0 => Self::SubscriberData(number),
            1 => Self::Alert(AlertId(number)),
            2 => Self::Publication(SubscriberId::from_u32(number)),
            3 => Self::Inform,
            _ => Self::Cancel,
        }
    }
}

/// An operation to be answered.
#[derive(Clone, Copy)]
struct Question {
    asked: Asked,
    opcode: u8,
    version: Version,
}

/// One that is answered later, as configured.
struct Late {
    question: Question,
    argument: Vec<u8>,
    error: Option<UserError<'static>>,
}

/// The HLR on its stack.
pub struct HlrNode {
    /// What it knows.
    pub hlr: Hlr,
    /// How it misbehaves.
    pub models: Models,
    /// updateLocations and updateGprsLocations, by their codes, that wait until the node has taken the subscriber's data.
    locations: BTreeMap<u32, (Question, Location)>,
    next: u32,
    late: BTreeMap<(Time, u64), Late>,
    /// Own address and the presence server's.
    presence: Option<(SocketAddr, SocketAddr)>,
    stopping: bool,
}

impl HlrNode {
    /// As configured.
    ///
    /// # Errors
    /// Says which subscribers are wrong.
    pub fn new(config: &Config) -> Result<Self, String> {
        Ok(Self {
            hlr: Hlr::with_subscribers(config)?,
            models: config.hlr.models.clone(),
            locations: BTreeMap::new(),
            next: 0,
            late: BTreeMap::new(),
            presence: config.hlr.presence.and_then(|it| Some((config.hlr.sip()?, it.server))),
            stopping: false,
        })
    }

    /// Leaves the SS7 network in order.
    pub fn stop(&mut self, now: Time, cx: &mut Cx<'_>) {
        if !core::mem::replace(&mut self.stopping, true) {
            cx.stack.stop(now, cx.outside);
        }
    }

    /// A gateway, an SMS-GMSC, an SGSN asks: it is answered now, later or never, as configured.
    fn on_invoke(&mut self, now: Time, invoke: &Invoke<'_>, cx: &mut Cx<'_>) {
        let Operation::Other { opcode, argument } = invoke.operation else {
            return self.finish(now, &invoke.asked, 0, Err(UserError::FacilityNotSupported), cx);
        };
        let question = Question { asked: invoke.asked, opcode, version: invoke.version };
        match self.models.of(opcode).choose(&mut self.hlr.random) {
            Fate::Silence => self.hlr.counts.ignored += 1,
            Fate::Answer(Duration::ZERO, None) => self.answer(now, &question, argument, cx),
            Fate::Answer(delay, error) => {
                self.next = self.next.wrapping_add(1);
                let error = error.map(Failure::error);
                let late = Late { question, argument: argument.to_vec(), error };
                self.late.insert((now + delay, self.next.into()), late);
            }
        }
    }

    /// 8.1 step 4, 8.2.1 step 3, 8.2.2 step 2, 8.4 steps 3 and 7, 8.5 step 8, 8.7 and 8.8 step 6: what was asked is done and
    /// answered.
    fn answer(&mut self, now: Time, question: &Question, argument: &[u8], cx: &mut Cx<'_>) {
        let Question { asked, opcode, .. } = question;
        let hlr = &mut self.hlr;
        let answer = match *opcode {
            operation::SEND_ROUTING_INFO_FOR_SM => {
                let (answer, inform) = hlr.send_routing_info_for_sm(argument);
                if let Some(inform) = inform {
                    self.inform(now, asked, &inform, cx);
                }
                answer
            }
            operation::REPORT_SM_DELIVERY_STATUS => hlr.report_sm_delivery_status(argument),
            operation::READY_FOR_SM => hlr.ready_for_sm(argument),
            operation::ANY_TIME_MODIFICATION => hlr.any_time_modification(argument),
            operation::PURGE_MS => hlr.purge_ms(argument),
            operation::SEND_AUTHENTICATION_INFO => hlr.send_authentication_info(argument),
            operation::UPDATE_LOCATION | operation::UPDATE_GPRS_LOCATION => {
                match self.insert(now, question, argument, cx) {
                    Ok(()) => return,
                    Err(error) => Err(error),
                }
            }
            _ => Err(UserError::FacilityNotSupported),
        };
        self.finish(now, asked, *opcode, answer, cx);
    }

    /// informServiceCentre, in the dialogue of the question and before its answer (TS 29.002 23.3).
    fn inform(&mut self, now: Time, asked: &Asked, inform: &InformServiceCentre, cx: &mut Cx<'_>) {
        let argument = encoded(|w| inform.write(w));
        let (opcode, user) = (operation::INFORM_SERVICE_CENTRE, User::Inform.to_u64());
        // Without it the SMS-GMSC reports what it reports anyway.
        let _ = cx.stack.invoke_within(now, asked, opcode, &argument, user, cx.outside);
    }

    /// 8.1 step 5: insertSubscriberData, before updateLocation or updateGprsLocation is answered.
    fn insert(
        &mut self,
        now: Time,
        question: &Question,
        argument: &[u8],
        cx: &mut Cx<'_>,
    ) -> Result<(), UserError<'static>> {
        let (location, data) = match question.opcode {
            operation::UPDATE_LOCATION => self.hlr.update_location(argument)?,
            _ => self.hlr.update_gprs_location(argument)?,
        };
        self.next = self.next.wrapping_add(1);
        let (opcode, user) = (operation::INSERT_SUBSCRIBER_DATA, User::SubscriberData(self.next).to_u64());
        let sent = cx.stack.invoke_within(now, &question.asked, opcode, &data.encode(), user, cx.outside);
        sent.map_err(|_| UserError::system_failure())?;
        self.locations.insert(self.next, (*question, location));
        Ok(())
    }

    /// The node has taken the subscriber's data, or has not.
    fn on_inserted(&mut self, now: Time, number: u32, outcome: &Outcome<'_>, cx: &mut Cx<'_>) {
        let Some((question, location)) = self.locations.remove(&number) else { return };
        let title = self.hlr.home(location.subscriber).map(|home| home.title);
        let answer = match (outcome, title) {
            (Outcome::Returned { .. }, Some(title)) => {
                let result = UpdateLocationResult { hlr_number: AddressString::international(title) };
                self.hlr.locate(location).map(|()| result.encode_in(question.version))
            }
            _ => Err(UserError::system_failure()),
        };
        self.finish(now, &question.asked, question.opcode, answer, cx);
    }

    fn finish(&mut self, now: Time, asked: &Asked, opcode: u8, answer: Answer, cx: &mut Cx<'_>) {
        match answer {
            Ok(result) => {
                let result = (!result.is_empty()).then_some(&result[..]);
                cx.stack.returned(now, asked, opcode, result, cx.outside)
            }
            Err(error) => {
                self.hlr.counts.refused += 1;
                cx.stack.user_error(now, asked, &error, cx.outside)
            }
        };
    }

    /// cancelLocation to nodes that serve a subscriber no longer (TS 29.002 8.1.3).
    fn cancel(&mut self, now: Time, cx: &mut Cx<'_>) {
        while let Some(Left { subscriber, number, domain }) = self.hlr.left.pop_front() {
            let about = self.hlr.subscribers.get(subscriber).map(|about| about.imsi);
            let (Some(imsi), Some(home)) = (about, self.hlr.home(subscriber)) else { continue };
            let ssn = if domain == Domain::Sgsn { Ssn::SGSN } else { Ssn::VLR };
            let cancel = CancelLocation { imsi, cancellation: Some(CancellationType::UpdateProcedure) };
            let invoke = MapInvoke {
                from: (home.title, Ssn::HLR),
                to: (number.digits, ssn),
                context: context::LOCATION_CANCELLATION_V3,
                opcode: operation::CANCEL_LOCATION,
                argument: &cancel.encode(),
                timeout: ALERT,
            };
            // A node that can't be reached finds out when it is asked for the subscriber.
            let sent = cx.stack.invoke(now, &invoke, User::Cancel.to_u64(), cx.outside);
            self.hlr.counts.cancelled += u64::from(sent.is_ok());
        }
    }

    /// 8.6 step 3: alertServiceCentre to all who wait for somebody that can be reached again.
    fn alert(&mut self, now: Time, cx: &mut Cx<'_>) {
        while let Some(Alert { id, argument }) = self.hlr.waiting.poll_alert(now, &self.hlr.subscribers) {
            let about = argument.msisdn.msisdn().and_then(|it| self.hlr.subscribers.by_msisdn(it));
            let title = about.and_then(|about| self.hlr.home(about)).map(|home| home.title);
            let sent = title.is_some_and(|title| {
                let invoke = MapInvoke {
                    from: (title, Ssn::HLR),
                    to: (argument.service_centre.digits, Ssn::MSC),
                    context: context::ALERT_V2,
                    opcode: operation::ALERT_SERVICE_CENTRE,
                    argument: &encoded(|w| argument.write(w)),
                    timeout: ALERT,
                };
                cx.stack.invoke(now, &invoke, User::Alert(id).to_u64(), cx.outside).is_ok()
            });
            if !sent {
                self.hlr.waiting.ended(now, id, false);
            }
        }
    }

    /// 8.1 step 4, 8.2 step 3: the presence server is told who is IP connected, and who no longer.
    fn publish(&mut self, now: Time, cx: &mut Cx<'_>) {
        let Some((local, remote)) = self.presence else { return };
        while let Some(publish) = self.hlr.presence.as_mut().and_then(|presence| presence.poll_publish(now)) {
            let user = publish.user;
            let entity = self.hlr.entity(user).unwrap_or_default();
            let body = publish.basic.map(|basic| document(&entity, basic));
            let request = PublishRequest {
                local,
                remote,
                uri: &entity,
                event: EVENT,
                expires: publish.expires,
                if_match: publish.if_match.as_deref(),
                key: Key { slot: user.to_u32(), generation: PUBLICATIONS },
                body: body.as_ref().map_or(("", b""), |body| (CONTENT_TYPE, body.as_bytes())),
            };
            if cx.stack.publish(now, &request, User::Publication(user).to_u64(), cx.outside).is_err() {
                self.on_published(now, user, &Published { status: 503, ..Published::default() });
            }
        }
    }

    fn on_published(&mut self, now: Time, user: SubscriberId, answer: &Published<'_>) {
        if let Some(presence) = &mut self.hlr.presence {
            presence.answered(now, user, answer);
        }
    }

    fn on_late(&mut self, now: Time, cx: &mut Cx<'_>) {
        while let Some(entry) = self.late.first_entry()
            && entry.key().0 <= now
        {
            let Late { question, argument, error } = entry.remove();
            match error {
                Some(error) => self.finish(now, &question.asked, question.opcode, Err(error), cx),
                None => self.answer(now, &question, &argument, cx),
            }
        }
    }
}

impl Player for HlrNode {
    fn is_up(&self, stack: &Stack) -> bool {
        stack.ss7().transport().associations().all(|(_, _, is_active)| is_active)
    }

    fn enter(&mut self, _phase: Phase) {}

    fn is_done(&self) -> bool {
        true
    }
}

impl Application for HlrNode {
    type Crossing = Infallible;
    type Request = Infallible;
    type Reply = Infallible;

    fn handle(&mut self, now: Time, indication: &mut Indication<'_>, cx: &mut Cx<'_>) {
        match *indication {
            Indication::Invoke(invoke) => self.on_invoke(now, &invoke, cx),
            Indication::Ended { user, outcome } => match User::from_u64(user) {
                User::SubscriberData(number) => self.on_inserted(now, number, &outcome, cx),
                User::Alert(id) => {
                    let taken = matches!(outcome, Outcome::Returned { .. });
                    self.hlr.waiting.ended(now, id, taken);
                }
                User::Publication(_) | User::Inform | User::Cancel => {}
            },
            Indication::Published { user, answer } => {
                if let User::Publication(id) = User::from_u64(user) {
                    self.on_published(now, id, &answer);
                }
            }
            Indication::Answered { user, status, .. } => {
                if let User::Publication(id) = User::from_u64(user) {
                    self.on_published(now, id, &Published { status, ..Published::default() });
                }
            }
            Indication::Unreachable { user, .. } => {
                self.handle(
                    now,
                    &mut Indication::Answered { user, status: 503, report: None, charging: None },
                    cx,
                );
            }
            // Nobody else has business here: MESSAGE and REGISTER are for S-CSCFs.
            Indication::Message(message) => cx.stack.answer(now, &message.request, 403, cx.outside),
            Indication::Register(register) => cx.stack.answer(now, &register.request, 403, cx.outside),
            Indication::Content(content) => cx.stack.answer(now, &content.request, 403, cx.outside),
            Indication::Notify(notify) => cx.stack.answer(now, &notify.request, 481, cx.outside),
            Indication::Subscribed { .. } => {}
            Indication::Challenged { .. } | Indication::KeepAlive { .. } | Indication::Gone { .. } => {}
        }
        self.alert(now, cx);
        self.cancel(now, cx);
        self.publish(now, cx);
    }

    fn handle_crossing(&mut self, _now: Time, crossing: Infallible, _cx: &mut Cx<'_>) {
        match crossing {}
    }

    fn handle_reply(&mut self, _now: Time, reply: Infallible, _cx: &mut Cx<'_>) {
        match reply {}
    }

    fn handle_timeout(&mut self, now: Time, cx: &mut Cx<'_>) {
        self.on_late(now, cx);
        self.cancel(now, cx);
        self.alert(now, cx);
        self.publish(now, cx);
    }

    fn poll_timeout(&self) -> Time {
        let late = self.late.first_key_value().map_or(Time::NEVER, |((at, _), _)| *at);
        let presence = self.hlr.presence.as_ref().map_or(Time::NEVER, |presence| presence.poll_timeout());
        late.min(presence).min(self.hlr.waiting.poll_timeout())
    }

    fn is_stopping(&self) -> bool {
        self.stopping
    }

    fn quiescent(&mut self) {}

    fn counts(&self) -> &dyn Counts {
        &self.hlr.counts
    }

    fn fill(&self, visit: &mut dyn FnMut(&'static str, usize, usize)) {
        visit("locations", self.locations.len(), 0);
        visit("waiting", self.hlr.waiting.len(), self.hlr.subscribers.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_words_bring_back_what_they_were_made_of() {
        for number in [0, 7, u32::MAX] {
            let users = [
                User::SubscriberData(number),
                User::Alert(AlertId(number)),
                User::Publication(SubscriberId::from_u32(number)),
                User::Inform,
                User::Cancel,
            ];
            for user in users {
                assert_eq!(User::from_u64(user.to_u64()), user);
            }
        }
    }
}
