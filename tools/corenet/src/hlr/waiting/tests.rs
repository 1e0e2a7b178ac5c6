use super::*;
use DeliveryOutcome::{AbsentSubscriber, MemoryCapacityExceeded, SuccessfulTransfer};
use ipsmgw::ident::Msisdn;

const IMSI: &str = "262010000000001";
const MSISDN: &str = "49170000001";

fn number(digits: &str) -> AddressString {
    AddressString::international(digits.parse().unwrap())
}

/// A service centre, by its number.
fn centre(at: u32) -> AddressString {
    number(&(4_917_200_000_u64 + u64::from(at)).to_string())
}

struct Hlr {
    subscribers: Subscribers,
    waiting: MessagesWaiting,
    id: SubscriberId,
}

impl Hlr {
    fn new(rules: AlertRules) -> Self {
        let mut subscribers = Subscribers::default();
        let id = subscribers.add(0, IMSI.parse().unwrap(), MSISDN.parse().unwrap()).unwrap();
        Self { subscribers, waiting: MessagesWaiting::new(rules), id }
    }

    fn report(&mut self, report: &ReportSmDeliveryStatus) -> Result<(), UserError<'static>> {
        let result = self.waiting.report_sm_delivery_status(&mut self.subscribers, report)?;
        assert_eq!(result.stored_msisdn, None);
        Ok(())
    }

    /// A report of the MSC's outcome alone, from service centre `at`.
    fn outcome(&mut self, at: u32, outcome: DeliveryOutcome) {
        self.report(&report(at, outcome)).unwrap();
    }

    fn ready(&mut self, reason: AlertReason, domain: Domain) {
        let imsi = IMSI.parse().unwrap();
        let (gprs, ip_sm_gw) = (domain == Domain::Sgsn, domain == Domain::IpSmGw);
        let ready = ReadyForSm { imsi, reason, gprs, ip_sm_gw };
        self.waiting.ready_for_sm(&mut self.subscribers, &ready).unwrap();
    }

    fn present(&mut self, domain: Domain) {
        self.waiting.present(&mut self.subscribers, self.id, domain);
    }

    /// The alerts that are due, with the service centres they go to.
    fn alerts(&mut self, now: Time) -> Vec<(AlertId, AddressString)> {
        let (waiting, subscribers) = (&mut self.waiting, &self.subscribers);
        let alerts = core::iter::from_fn(|| waiting.poll_alert(now, subscribers));
        let alerts = alerts.map(|alert| {
            assert_eq!(alert.argument.msisdn, number(MSISDN));
            (alert.id, alert.argument.service_centre)
        });
        alerts.collect()
    }

    /// Sends the alerts that are due, which are all taken; where they went.
    fn alerted(&mut self) -> Vec<AddressString> {
        let alerts = self.alerts(Time::ZERO);
        alerts.iter().for_each(|(id, _)| self.waiting.ended(Time::ZERO, *id, true));
        alerts.into_iter().map(|(_, to)| to).collect()
    }

    /// UNRI, MNRF, MNRG, MCEF.
    fn flags(&self) -> [bool; 4] {
        let subscriber = self.subscribers.get(self.id).unwrap();
        let [unri, mnrf, mnrg] = Domain::ALL.map(|domain| subscriber.is_unreachable(domain));
        [unri, mnrf, mnrg, subscriber.memory_full]
    }

    fn reason(&self, domain: Domain) -> Option<u8> {
        self.subscribers.get(self.id).unwrap().reason(domain).map(|reason| reason.0)
    }

    fn list(&self) -> Vec<(AddressString, Option<SmscType>)> {
        self.waiting.list(&self.subscribers, self.id).collect()
    }
}

fn report(at: u32, outcome: DeliveryOutcome) -> ReportSmDeliveryStatus {
    ReportSmDeliveryStatus::new(number(MSISDN), centre(at), outcome)
}

const NONE: [bool; 4] = [false; 4];
const UNRI: [bool; 4] = [true, false, false, false];
const MNRF: [bool; 4] = [false, true, false, false];
const MNRG: [bool; 4] = [false, false, true, false];

fn diagnostic(code: u8) -> Option<AbsentSubscriberDiagnostic> {
    Some(AbsentSubscriberDiagnostic(code))
}

#[test]
fn h_6_an_absent_subscriber_sets_the_flag_of_the_domain_that_failed() {
    let absent = report(1, AbsentSubscriber);
    let in_msc = ReportSmDeliveryStatus { diagnostic: diagnostic(1), ..absent };
    let in_sgsn = ReportSmDeliveryStatus { outcome_is_gprs: true, diagnostic: diagnostic(6), ..absent };
    let over_ip = ReportSmDeliveryStatus { ip_sm_gw: true, diagnostic: diagnostic(12), ..absent };
    for (report, flags, domain, reason) in [
        (absent, MNRF, Domain::Msc, None),
        (in_msc, MNRF, Domain::Msc, Some(1)),
        (in_sgsn, MNRG, Domain::Sgsn, Some(6)),
        (over_ip, UNRI, Domain::IpSmGw, Some(12)),
    ] {
        let mut hlr = Hlr::new(AlertRules::default());
        hlr.report(&report).unwrap();
        assert_eq!((hlr.flags(), hlr.reason(domain)), (flags, reason));
        assert_eq!(hlr.list(), [(centre(1), None)]);
        assert_eq!(hlr.alerts(Time::ZERO), []);
    }
}

#[test]
fn h_6_all_outcomes_of_a_report_count() {
    let mut hlr = Hlr::new(AlertRules::default());
    let all = ReportSmDeliveryStatus {
        diagnostic: diagnostic(0),
        gprs_support: true,
        additional_outcome: Some(AbsentSubscriber),
        additional_diagnostic: diagnostic(5),
        ip_sm_gw_outcome: Some(AbsentSubscriber),
        ip_sm_gw_diagnostic: diagnostic(12),
        ..report(1, AbsentSubscriber)
    };
    hlr.report(&all).unwrap();
    assert_eq!(hlr.flags(), [true, true, true, false]);
    assert_eq!(Domain::ALL.map(|domain| hlr.reason(domain)), [Some(12), Some(0), Some(5)]);
    let mut hlr = Hlr::new(AlertRules::default());
    let swapped = ReportSmDeliveryStatus { outcome_is_gprs: true, ip_sm_gw_outcome: None, ..all };
    let swapped = ReportSmDeliveryStatus { diagnostic: None, additional_diagnostic: None, ..swapped };
    hlr.report(&swapped).unwrap();
    assert_eq!(hlr.flags(), [false, true, true, false], "the other domain of GPRS is the MSC's");
    let mut hlr = Hlr::new(AlertRules::default());
    let contradiction = ReportSmDeliveryStatus {
        ip_sm_gw: true,
        ip_sm_gw_outcome: Some(SuccessfulTransfer),
        ..report(1, AbsentSubscriber)
    };
    hlr.report(&contradiction).unwrap();
    assert_eq!(
        hlr.flags(),
        UNRI,
        "with the indicator the outcome is the gateway's, and there is no other of it"
    );
}

#[test]
fn h_4_the_diagnostic_of_a_spoofed_gateway_is_the_gateways() {
    for (code, flags, domain) in
        [(11, UNRI, Domain::IpSmGw), (12, UNRI, Domain::IpSmGw), (6, MNRG, Domain::Sgsn)]
    {
        let mut hlr = Hlr::new(AlertRules::default());
        let believed = ReportSmDeliveryStatus { diagnostic: diagnostic(code), ..report(1, AbsentSubscriber) };
        hlr.report(&believed).unwrap();
        assert_eq!((hlr.flags(), hlr.reason(domain)), (flags, Some(code)), "not the MSC's");
    }
}

#[test]
fn h_6_the_type_of_the_service_centre_is_kept_with_its_address() {
    let mut hlr = Hlr::new(AlertRules::default());
    let of_type = |at, smsc_type| ReportSmDeliveryStatus { smsc_type, ..report(at, AbsentSubscriber) };
    hlr.report(&of_type(1, Some(SmscType::VoiceMail))).unwrap();
    hlr.report(&of_type(2, None)).unwrap();
    hlr.report(&of_type(1, None)).unwrap();
    assert_eq!(hlr.list(), [(centre(1), Some(SmscType::VoiceMail)), (centre(2), None)], "once each");
    hlr.report(&of_type(1, Some(SmscType::Normal))).unwrap();
    assert_eq!(hlr.list()[0], (centre(1), Some(SmscType::Normal)), "the last word counts");
    assert_eq!(hlr.waiting.counts.waiting, 2);
}

#[test]
fn h_6_a_sign_of_life_alerts_every_service_centre_that_waits() {
    for domain in Domain::ALL {
        let mut hlr = Hlr::new(AlertRules::default());
        hlr.outcome(1, AbsentSubscriber);
        hlr.outcome(2, AbsentSubscriber);
        hlr.ready(AlertReason::MsPresent, domain);
        let expected = if domain == Domain::Msc { NONE } else { MNRF };
        assert_eq!(hlr.flags(), expected, "the flag of that domain alone");
        assert_eq!(hlr.alerted(), [centre(1), centre(2)]);
        assert!(hlr.list().is_empty() && hlr.waiting.is_empty());
        hlr.present(domain);
        assert_eq!(hlr.alerted(), [], "nobody waits");
    }
}

#[test]
fn h_6_the_next_registration_of_a_gateway_alerts_whatever_flag_is_set() {
    for outcome_is_gprs in [false, true] {
        let mut hlr = Hlr::new(AlertRules::default());
        hlr.report(&ReportSmDeliveryStatus { outcome_is_gprs, ..report(1, AbsentSubscriber) }).unwrap();
        hlr.present(Domain::IpSmGw);
        assert_eq!(hlr.alerted(), [centre(1)]);
        assert_eq!(hlr.flags(), if outcome_is_gprs { MNRG } else { MNRF });
    }
}

#[test]
fn h_6_nobody_is_alerted_while_the_memory_is_full() {
    for domain in Domain::ALL {
        let mut hlr = Hlr::new(AlertRules::default());
        hlr.outcome(1, MemoryCapacityExceeded);
        let over_ip = ReportSmDeliveryStatus { ip_sm_gw: true, ..report(2, AbsentSubscriber) };
        hlr.report(&over_ip).unwrap();
        assert_eq!(hlr.flags(), [true, false, false, true]);
        hlr.present(domain);
        hlr.ready(AlertReason::MsPresent, domain);
        assert_eq!(hlr.alerted(), [], "a sign of life clears the flag of its domain and no more");
        assert_eq!(hlr.flags(), [domain != Domain::IpSmGw, false, false, true]);
        hlr.ready(AlertReason::MemoryAvailable, domain);
        assert_eq!(hlr.alerted(), [centre(1), centre(2)]);
        assert_eq!(hlr.flags(), [domain != Domain::IpSmGw, false, false, false]);
    }
}

#[test]
fn h_6_a_success_ends_the_waiting_of_its_centre_and_alerts_the_others() {
    for (success, left) in [
        (report(2, SuccessfulTransfer), UNRI),
        (ReportSmDeliveryStatus { ip_sm_gw: true, ..report(2, SuccessfulTransfer) }, MNRF),
        (
            ReportSmDeliveryStatus { outcome_is_gprs: true, ..report(2, SuccessfulTransfer) },
            [true, true, false, false],
        ),
    ] {
        let mut hlr = Hlr::new(AlertRules::default());
        let over_ip = Some(AbsentSubscriber);
        let absent =
            |at| ReportSmDeliveryStatus { ip_sm_gw_outcome: over_ip, ..report(at, AbsentSubscriber) };
        for at in 1..=3 {
            hlr.report(&absent(at)).unwrap();
        }
        hlr.outcome(1, MemoryCapacityExceeded);
        hlr.report(&success).unwrap();
        assert_eq!(hlr.flags(), left, "there was room, and the domain's flag is gone");
        assert_eq!(hlr.alerted(), [centre(1), centre(3)]);
        assert!(hlr.waiting.is_empty());
    }
}

#[test]
fn h_6_a_message_that_fell_back_waits_no_longer_but_flags_the_domain_that_failed() {
    let mut hlr = Hlr::new(AlertRules::default());
    let fell_back = ReportSmDeliveryStatus {
        ip_sm_gw_outcome: Some(AbsentSubscriber),
        ip_sm_gw_diagnostic: diagnostic(12),
        ..report(1, SuccessfulTransfer)
    };
    hlr.report(&fell_back).unwrap();
    assert_eq!((hlr.flags(), hlr.list().len()), (UNRI, 0));
    let memory = ReportSmDeliveryStatus { ip_sm_gw_outcome: Some(MemoryCapacityExceeded), ..fell_back };
    hlr.report(&memory).unwrap();
    assert_eq!(hlr.flags(), UNRI, "where one message found room, another will");
}

#[test]
fn h_6_a_full_list_is_told_and_the_flag_set_nevertheless() {
    let mut hlr = Hlr::new(AlertRules { list: 2, ..AlertRules::default() });
    hlr.outcome(1, MemoryCapacityExceeded);
    hlr.outcome(2, MemoryCapacityExceeded);
    assert_eq!(hlr.report(&report(3, AbsentSubscriber)), Err(UserError::MessageWaitingListFull));
    assert_eq!(hlr.flags(), [false, true, false, true]);
    hlr.outcome(2, AbsentSubscriber);
    assert_eq!((hlr.list().len(), hlr.waiting.counts.list_full), (2, 1));
    let mut none = Hlr::new(AlertRules { list: 0, ..AlertRules::default() });
    assert_eq!(none.report(&report(1, AbsentSubscriber)), Err(UserError::MessageWaitingListFull));
    assert!(none.waiting.is_empty(), "an empty list is none");
}

#[test]
fn h_6_a_single_attempt_is_not_waited_for() {
    let mut hlr = Hlr::new(AlertRules::default());
    let once = ReportSmDeliveryStatus { single_attempt: true, ..report(1, AbsentSubscriber) };
    hlr.report(&once).unwrap();
    assert_eq!((hlr.flags(), hlr.list().len()), (MNRF, 0));
}

#[test]
fn h_6_nobody_reports_of_strangers() {
    let mut hlr = Hlr::new(AlertRules::default());
    let unknown = Err(UserError::UnknownSubscriber { diagnostic: None });
    let stranger = ReportSmDeliveryStatus { msisdn: number("4917099"), ..report(1, AbsentSubscriber) };
    assert_eq!(hlr.report(&stranger), unknown);
    let mut national = report(1, AbsentSubscriber);
    national.msisdn.nature.0 = 2;
    assert_eq!(hlr.report(&national), unknown, "a national number is nobody's");
    let imsi = "262010000000009".parse().unwrap();
    let ready = ReadyForSm { imsi, reason: AlertReason::MsPresent, gprs: false, ip_sm_gw: true };
    let unknown = Err(UserError::UnknownSubscriber { diagnostic: Some(0) });
    assert_eq!(hlr.waiting.ready_for_sm(&mut hlr.subscribers, &ready), unknown);
    assert_eq!((hlr.flags(), hlr.waiting.counts.reports), (NONE, 0));
}

#[test]
fn h_6_a_failed_alert_is_sent_again_until_the_centre_is_given_up() {
    let mut hlr = Hlr::new(AlertRules { repeats: 2, interval_s: 10, ..AlertRules::default() });
    hlr.outcome(1, AbsentSubscriber);
    hlr.present(Domain::Msc);
    assert_eq!(hlr.waiting.poll_timeout(), Time::ZERO);
    for round in 0..3 {
        let now = Time::from_millis(10_000 * round);
        let alerts = hlr.alerts(now);
        assert_eq!(alerts.iter().map(|(_, to)| *to).collect::<Vec<_>>(), [centre(1)]);
        assert_eq!(hlr.list().len(), 1, "until the alert is taken the centre waits");
        assert_eq!(hlr.waiting.poll_timeout(), Time::NEVER);
        hlr.waiting.ended(now, alerts[0].0, false);
        assert_eq!(hlr.alerts(now + Duration::from_secs(9)), []);
        let next = if round < 2 { now + Duration::from_secs(10) } else { Time::NEVER };
        assert_eq!(hlr.waiting.poll_timeout(), next);
    }
    let counts = hlr.waiting.counts.clone();
    assert_eq!((counts.alerts, counts.repeated, counts.alerted, counts.given_up), (3, 2, 0, 1));
    assert!(hlr.waiting.is_empty() && hlr.waiting.alerts.is_empty());
    hlr.waiting.ended(Time::ZERO, AlertId(1), true);
    assert_eq!(hlr.waiting.counts.alerted, 0, "an alert ends once");
}

#[test]
fn h_6_a_failure_after_the_alert_was_sent_is_not_lost_by_its_answer() {
    let mut hlr = Hlr::new(AlertRules::default());
    hlr.outcome(1, AbsentSubscriber);
    hlr.present(Domain::Msc);
    let first = hlr.alerts(Time::ZERO);
    hlr.present(Domain::Sgsn);
    assert_eq!(hlr.alerts(Time::ZERO), [], "one alert at a time to a centre");
    hlr.outcome(1, AbsentSubscriber);
    hlr.waiting.ended(Time::ZERO, first[0].0, true);
    assert_eq!(hlr.list(), [(centre(1), None)], "its message failed anew");
    hlr.present(Domain::Msc);
    assert_eq!(hlr.alerted(), [centre(1)]);
    assert!(hlr.waiting.is_empty());
}

#[test]
fn h_6_an_alert_that_is_not_needed_any_more_is_not_sent() {
    let mut hlr = Hlr::new(AlertRules { interval_s: 1, ..AlertRules::default() });
    hlr.outcome(1, AbsentSubscriber);
    hlr.present(Domain::Msc);
    hlr.outcome(1, SuccessfulTransfer);
    assert_eq!(hlr.alerts(Time::ZERO), [], "before it was sent");
    hlr.outcome(1, AbsentSubscriber);
    hlr.present(Domain::Msc);
    let alert = hlr.alerts(Time::ZERO)[0].0;
    hlr.waiting.ended(Time::ZERO, alert, false);
    hlr.outcome(1, SuccessfulTransfer);
    assert_eq!(hlr.alerts(Time::from_millis(1_000)), [], "before it was sent again");
    assert!(hlr.waiting.is_empty() && hlr.waiting.alerts.is_empty());
    assert_eq!(hlr.waiting.poll_timeout(), Time::NEVER);
}

#[test]
fn lists_are_of_their_subscribers() {
    let mut hlr = Hlr::new(AlertRules::default());
    let other: Msisdn = "49170000002".parse().unwrap();
    let id = hlr.subscribers.add(0, "262010000000002".parse().unwrap(), other).unwrap();
    hlr.outcome(1, AbsentSubscriber);
    let about_other = ReportSmDeliveryStatus { msisdn: other.into(), ..report(2, AbsentSubscriber) };
    hlr.report(&about_other).unwrap();
    assert_eq!(hlr.waiting.len(), 2);
    hlr.present(Domain::Msc);
    assert_eq!(hlr.alerted(), [centre(1)]);
    let left: Vec<_> = hlr.waiting.list(&hlr.subscribers, id).collect();
    assert_eq!(left, [(centre(2), None)]);
}
