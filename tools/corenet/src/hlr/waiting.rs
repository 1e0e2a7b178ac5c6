//! Messages waiting (TS 23.040 3.2.7, 10.3; TS 29.002 12.3 to 12.5, 23.4, 23.5, 25.10): which service centres wait for a
//! subscriber, when they are alerted, and what becomes of alerts that fail.
//!
//! | what | is set by | is cleared by |
//! | --- | --- | --- |
//! | an address in MWD | a failure, of any domain; nobody there to ask about (sendRoutingInfoForSM) | its alert; its own success; too many failed alerts |
//! | MNRF, MNRG, UNRI | an absent subscriber in that domain; no node in that domain | a sign of life or a success in that domain |
//! | MCEF | a full memory, of any domain: the mobile has one | readyForSM with memoryAvailable; a success, of any domain |
//!
//! While MCEF is set a sign of life alerts nobody (TS 29.002 23.4, note 2), not the registration of 8.6 step 3 either, which is
//! "as described in TS 23.040": what waits would find no room.

use crate::hlr::subscriber::{Domain, NodeId, SubscriberId, Subscribers};
use ipsmgw::base::{Time, counts};
use ipsmgw::proto::map::{
    AbsentSubscriberDiagnostic, AddressString, AlertReason, AlertServiceCentre, DeliveryOutcome, ReadyForSm,
    ReportSmDeliveryStatus, ReportSmDeliveryStatusResult, SmscType, UserError,
};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// What an operator decides about alerts.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AlertRules {
    /// How many service centres may wait for one subscriber. Default 16.
    pub list: usize,
    /// How often an alert that failed is sent again (TS 29.002 25.10.4). Default 3.
    pub repeats: u8,
    /// How long after the failure, in seconds. Default 60.
    pub interval_s: u32,
}

impl Default for AlertRules {
    fn default() -> Self {
        Self { list: 16, repeats: 3, interval_s: 60 }
    }
}

/// Names an alert, for its end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct AlertId(pub u32);

/// A service centre to be told that a subscriber can be reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Alert {
    /// For [`MessagesWaiting::ended`].
    pub id: AlertId,
    /// What it is told.
    pub argument: AlertServiceCentre,
}

/// A service centre that waits for a subscriber.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    service_centre: NodeId,
    /// What kind it is, as it last said (8.5 step 8).
    smsc_type: Option<SmscType>,
    /// The alert that is to go to it, or has gone, since its last failure.
    alert: Option<AlertId>,
}

/// An alert that has not ended.
#[derive(Clone, Copy, Debug)]
struct UnderWay {
    subscriber: SubscriberId,
    failures: u8,
}

counts! {
    /// What waits, and who was told.
    pub struct WaitingCounts {
        /// Reports of deliveries.
        reports,
        /// Service centres that began to wait for a subscriber.
        waiting,
        /// Service centres for which a list had no room.
        list_full,
        /// Alerts sent, each time.
        alerts,
        /// Alerts that the service centre took.
        alerted,
        /// Alerts sent again after a failure.
        repeated,
        /// Service centres that were given up.
        given_up,
    }
}

/// The lists of all subscribers for whom somebody waits, and the alerts under way.
#[derive(Default)]
pub struct MessagesWaiting {
    rules: AlertRules,
    lists: BTreeMap<SubscriberId, Vec<Waiting>>,
    alerts: BTreeMap<AlertId, UnderWay>,
    due: VecDeque<AlertId>,
    later: BTreeSet<(Time, AlertId)>,
    last: u32,
    /// What was counted.
    pub counts: WaitingCounts,
}

/// What became of a message in the domains that a report tells of.
fn outcomes(
    report: &ReportSmDeliveryStatus,
) -> impl Iterator<Item = (Domain, DeliveryOutcome, Option<AbsentSubscriberDiagnostic>)> {
    // TS 29.002 7.6.8: the outcome is the MSC's unless an indicator says otherwise, the additional one that of GPRS.
    let (main, other) = match report {
        _ if report.ip_sm_gw => (Domain::IpSmGw, Domain::Sgsn),
        _ if report.outcome_is_gprs => (Domain::Sgsn, Domain::Msc),
        _ => (Domain::Msc, Domain::Sgsn),
    };
    let additional = report.additional_outcome.map(|outcome| (other, outcome, report.additional_diagnostic));
    let ip = report.ip_sm_gw_outcome.filter(|_| !report.ip_sm_gw);
    let ip = ip.map(|outcome| (Domain::IpSmGw, outcome, report.ip_sm_gw_diagnostic));
    let named = [Some((main, report.outcome, report.diagnostic)), additional, ip].into_iter().flatten();
    // An SMS-GMSC that was given the gateway's number in an MSC's or SGSN's place (H-4) takes the outcome for theirs.
    // The diagnostic comes from the node itself, and knows better.
    named.map(|(domain, outcome, diagnostic)| match diagnostic.and_then(Domain::of) {
        Some(own) if outcome == DeliveryOutcome::AbsentSubscriber => (own, outcome, diagnostic),
        _ => (domain, outcome, diagnostic),
    })
}

impl MessagesWaiting {
    /// Nobody waits.
    #[must_use]
    pub fn new(rules: AlertRules) -> Self {
        Self { rules, ..Self::default() }
    }

    /// The service centres that wait for a subscriber, with their kinds.
    pub fn list<'a>(
        &'a self,
        subscribers: &'a Subscribers,
        id: SubscriberId,
    ) -> impl Iterator<Item = (AddressString, Option<SmscType>)> + 'a {
        let list = self.lists.get(&id).into_iter().flatten();
        list.filter_map(|waiting| {
            Some((subscribers.nodes.number(waiting.service_centre)?, waiting.smsc_type))
        })
    }

    /// For how many subscribers somebody waits.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lists.len()
    }

    /// Whether nobody waits for anybody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lists.is_empty()
    }

    /// Inserts a service centre into MWD, if it is not there yet (TS 23.040 3.2.7, 1a and 1b). Whether it is there now.
    ///
    /// Its message has just failed: an alert that is on its way to it is about an earlier one, and does not count.
    pub fn wait(
        &mut self,
        subscribers: &mut Subscribers,
        id: SubscriberId,
        service_centre: AddressString,
        smsc_type: Option<SmscType>,
    ) -> bool {
        let list = self.lists.entry(id).or_default();
        let place = subscribers.nodes.place(service_centre);
        let room = list.len() < self.rules.list;
        let known = list.iter_mut().find(|waiting| Some(waiting.service_centre) == place);
        match (known, place) {
            (Some(waiting), _) => {
                waiting.alert = None;
                waiting.smsc_type = smsc_type.or(waiting.smsc_type);
                true
            }
            (None, Some(service_centre)) if room => {
                list.push(Waiting { service_centre, smsc_type, alert: None });
                self.counts.waiting += 1;
                true
            }
            _ => {
                self.counts.list_full += 1;
                self.forget_if_empty(id);
                false
            }
        }
    }

    fn forget_if_empty(&mut self, id: SubscriberId) {
        if self.lists.get(&id).is_some_and(Vec::is_empty) {
            self.lists.remove(&id);
        }
    }

    /// reportSM-DeliveryStatus (TS 29.002 12.3, 23.5; 8.5 step 8), from an SMS-GMSC or a gateway.
    ///
    /// Where the HLR relays sendRoutingInfoForSM to the gateway (TS 29.002 23.5.2), the SMS-GMSC's report would be
    /// ignored. In the study it is the SMS-GMSC that tries all domains, so its report counts.
    ///
    /// # Errors
    /// unknownSubscriber; messageWaitingListFull, with the flags set nevertheless.
    pub fn report_sm_delivery_status(
        &mut self,
        subscribers: &mut Subscribers,
        report: &ReportSmDeliveryStatus,
    ) -> Result<ReportSmDeliveryStatusResult, UserError<'static>> {
        let unknown = UserError::UnknownSubscriber { diagnostic: None };
        let id = report.msisdn.msisdn().and_then(|number| subscribers.by_msisdn(number)).ok_or(unknown)?;
        let subscriber = subscribers.get_mut(id).ok_or(unknown)?;
        self.counts.reports += 1;
        let mut delivered = false;
        for (domain, outcome, diagnostic) in outcomes(report) {
            match outcome {
                DeliveryOutcome::AbsentSubscriber => subscriber.set_unreachable(domain, diagnostic),
                DeliveryOutcome::MemoryCapacityExceeded => subscriber.memory_full = true,
                DeliveryOutcome::SuccessfulTransfer => {
                    subscriber.set_reachable(domain);
                    delivered = true;
                }
            }
        }
        if delivered {
            // 2d: what another domain said before is of the past, and there was room.
            subscriber.memory_full = false;
            self.delivered(subscribers, id, report.service_centre);
        } else if !report.single_attempt
            && !self.wait(subscribers, id, report.service_centre, report.smsc_type)
        {
            return Err(UserError::MessageWaitingListFull);
        }
        Ok(ReportSmDeliveryStatusResult { stored_msisdn: None })
    }

    /// A service centre's message has arrived: it waits no longer, and the others are alerted (TS 23.040 3.2.7, 2d).
    fn delivered(&mut self, subscribers: &Subscribers, id: SubscriberId, service_centre: AddressString) {
        if let Some(list) = self.lists.get_mut(&id) {
            list.retain(|waiting| subscribers.nodes.number(waiting.service_centre) != Some(service_centre));
            self.forget_if_empty(id);
        }
        self.alert(id);
    }

    /// readyForSM (TS 29.002 12.4, 23.4), from a VLR, an SGSN or a gateway.
    ///
    /// # Errors
    /// unknownSubscriber.
    pub fn ready_for_sm(
        &mut self,
        subscribers: &mut Subscribers,
        ready: &ReadyForSm,
    ) -> Result<(), UserError<'static>> {
        let unknown = UserError::UnknownSubscriber { diagnostic: Some(0) };
        let id = subscribers.by_imsi(ready.imsi).ok_or(unknown)?;
        let domain = match ready {
            _ if ready.ip_sm_gw => Domain::IpSmGw,
            _ if ready.gprs => Domain::Sgsn,
            _ => Domain::Msc,
        };
        if ready.reason == AlertReason::MemoryAvailable
            && let Some(subscriber) = subscribers.get_mut(id)
        {
            subscriber.memory_full = false;
        }
        self.present(subscribers, id, domain);
        Ok(())
    }

    /// The subscriber has given a sign of life in a domain (TS 23.040 3.2.7, 2a and 2b): by updateLocation, updateGprsLocation,
    /// the registration of a gateway (8.6 step 3), or readyForSM. Whatever flag made a service centre wait, this is the
    /// chance for its message.
    pub fn present(&mut self, subscribers: &mut Subscribers, id: SubscriberId, domain: Domain) {
        let Some(subscriber) = subscribers.get_mut(id) else { return };
        subscriber.set_reachable(domain);
        if !subscriber.memory_full {
            self.alert(id);
        }
    }

    /// Alerts all who wait for a subscriber, unless their alerts are on their way.
    fn alert(&mut self, id: SubscriberId) {
        for waiting in self.lists.get_mut(&id).into_iter().flatten() {
            if waiting.alert.is_none() {
                self.last = self.last.wrapping_add(1);
                let alert = AlertId(self.last);
                waiting.alert = Some(alert);
                self.alerts.insert(alert, UnderWay { subscriber: id, failures: 0 });
                self.due.push_back(alert);
            }
        }
    }

    /// The place of the service centre that an alert goes to; none if it waits for another by now.
    fn place(&self, alert: AlertId, id: SubscriberId) -> Option<usize> {
        self.lists.get(&id)?.iter().position(|waiting| waiting.alert == Some(alert))
    }

    /// The next alert to send, if it is time for one. It ends with [`MessagesWaiting::ended`].
    pub fn poll_alert(&mut self, now: Time, subscribers: &Subscribers) -> Option<Alert> {
        while let Some(&(time, alert)) = self.later.first()
            && time <= now
        {
            self.later.pop_first();
            self.due.push_back(alert);
        }
        while let Some(id) = self.due.pop_front() {
            let Some(&UnderWay { subscriber, failures }) = self.alerts.get(&id) else { continue };
            let place = self.place(id, subscriber);
            let waiting = place.and_then(|place| self.lists.get(&subscriber)?.get(place));
            let to = waiting.and_then(|waiting| subscribers.nodes.number(waiting.service_centre));
            if let (Some(service_centre), Some(about)) = (to, subscribers.get(subscriber)) {
                self.counts.alerts += 1;
                self.counts.repeated += u64::from(failures > 0);
                let msisdn = about.msisdn.into();
                return Some(Alert {
                    id,
                    argument: AlertServiceCentre { msisdn, service_centre, imsi: None },
                });
            }
            self.alerts.remove(&id);
        }
        None
    }

    /// An alert has ended: the service centre has taken it, or not (an error, an abort, silence).
    ///
    /// One that was taken ends the waiting (TS 23.040 3.2.7: "the address for that SC is deleted from the MWD"). One that
    /// was not is sent again as often as the operator wants, and then the service centre is purged (TS 29.002 25.10.4).
    pub fn ended(&mut self, now: Time, id: AlertId, taken: bool) {
        let Some(under_way) = self.alerts.get_mut(&id) else { return };
        let subscriber = under_way.subscriber;
        if !taken && under_way.failures < self.rules.repeats {
            under_way.failures += 1;
            self.later.insert((now + Duration::from_secs(self.rules.interval_s.into()), id));
            return;
        }
        self.alerts.remove(&id);
        // Its message may have failed anew meanwhile: then it waits for the next alert.
        if let Some(place) = self.place(id, subscriber)
            && let Some(list) = self.lists.get_mut(&subscriber)
        {
            list.remove(place);
            self.forget_if_empty(subscriber);
            let count = if taken { &mut self.counts.alerted } else { &mut self.counts.given_up };
            *count += 1;
        }
    }

    /// When [`MessagesWaiting::poll_alert`] has one that failed before.
    #[must_use]
    pub fn poll_timeout(&self) -> Time {
        match (self.due.is_empty(), self.later.first()) {
            (false, _) => Time::ZERO,
            (true, Some((time, _))) => *time,
            (true, None) => Time::NEVER,
        }
    }
}

#[cfg(test)]
mod tests;
