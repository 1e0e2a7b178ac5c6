//! An HLR, with an SMSC beside it: it knows who is registered at the gateway, takes its time, and can fail in all the ways
//! that the script asks for.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use ipsmgw::base::{Counts, Time};
use ipsmgw::codec::Prepend;
use ipsmgw::ident::{Digits, Imsi, Ssn};
use ipsmgw::proto::map::subscription::{
    AnyTimeModification, AnyTimeModificationResult, CancelLocation, CancellationType, DeleteSubscriberData,
    InsertSubscriberData, ModifyRegistrationStatus, PurgeMs, PurgeMsResult, Reset, SubscriberIdentity,
    Teleservice, UpdateGprsLocation, UpdateLocationResult,
};
use ipsmgw::proto::map::{
    AddressString, SendRoutingInfoForSm, SendRoutingInfoForSmResult, context, operation,
};
use ipsmgw::sim::Random;
use ipsmgw::stack::{
    Application, Asked, Context, Indication, MapInvoke, MtForward, Operation, Outcome, UserError,
};

pub(crate) const GATEWAY_TITLE: &str = "491710999001";
pub(crate) const HLR_TITLE: &str = "491710760001";
pub(crate) const CENTRE: &str = "491710760000";

pub(crate) type Cx<'a> = Context<'a, (), ()>;

/// The IMSI of a subscriber.
pub(crate) fn imsi(subscriber: usize) -> Imsi {
    format!("26201{subscriber:010}").parse().expect("an IMSI")
}

/// The number of a subscriber, without `+`.
pub(crate) fn msisdn(subscriber: usize) -> String {
    format!("49170{subscriber:07}")
}

fn digits(text: &str) -> Digits {
    text.parse().expect("digits")
}

/// How the HLR treats operations now. Shares are of a thousand.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mood {
    /// An operation takes up to so long.
    pub(crate) delay: Duration,
    /// So many are lost before they have any effect.
    pub(crate) deaf: u64,
    /// So many take effect and are never answered.
    pub(crate) mute: u64,
    /// So many are answered that there is a system failure.
    pub(crate) failing: u64,
    /// So many are refused for good; the subscriber is then not registered.
    pub(crate) refusing: u64,
}

impl Mood {
    /// Whether everything is answered, and soon.
    pub(crate) fn is_well(&self) -> bool {
        self.deaf + self.mute + self.failing + self.refusing == 0 && self.delay <= Duration::from_secs(1)
    }
}

/// What the HLR does next with an operation.
enum Step {
    /// It tells the gateway once more that somebody has gone elsewhere.
    Cancel(usize),
    /// It takes effect.
    Effect(Asked, u8, Vec<u8>),
    /// What its own operation has brought is in the argument; now the answer.
    Answer(Asked, u8),
}

/// What the HLR has asked the gateway.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Asking {
    Cancel(usize),
    Delete(usize),
    Insert,
    Forward,
}

/// The application.
pub(crate) struct Hlr {
    pub(crate) mood: Mood,
    /// Who is registered at the gateway, by IMSI.
    pub(crate) here: BTreeSet<Imsi>,
    /// When an operation about somebody was last carried out, refused or lost.
    pub(crate) touched: BTreeMap<Imsi, Time>,
    /// Registrations and de-registrations that were refused for good.
    pub(crate) refused: Vec<(Time, Imsi)>,
    /// Operations of the gateway's that arrived.
    pub(crate) arrived: u64,
    /// Ended otherwise than with a result, or with what the HLR can expect.
    pub(crate) unanswered: u64,
    /// What they were.
    pub(crate) notes: Vec<String>,
    /// What it was answered.
    pub(crate) answered: u64,
    /// Indications that nobody expected.
    pub(crate) unexpected: u64,
    random: Random,
    steps: BTreeMap<(Time, u64), Step>,
    /// Operations about one subscriber take effect in the order in which they came.
    busy: BTreeMap<Imsi, Time>,
    asking: BTreeMap<u64, (Asking, Option<Asked>)>,
    serial: u64,
}

impl Hlr {
    pub(crate) fn new(random: Random) -> Self {
        Self {
            mood: Mood::default(),
            here: BTreeSet::new(),
            touched: BTreeMap::new(),
            refused: vec![],
            arrived: 0,
            unanswered: 0,
            notes: vec![],
            answered: 0,
            unexpected: 0,
            random,
            steps: BTreeMap::new(),
            busy: BTreeMap::new(),
            asking: BTreeMap::new(),
            serial: 0,
        }
    }

    /// Whether nothing is under way.
    pub(crate) fn is_idle(&self) -> bool {
        // An insertSubscriberData may have gone with its dialogue.
        self.steps.is_empty() && self.asking.values().all(|(asking, _)| *asking == Asking::Insert)
    }

    /// Whether an operation about `imsi` waits to take effect.
    pub(crate) fn is_busy(&self, now: Time, imsi: Imsi) -> bool {
        self.busy.get(&imsi).is_some_and(|until| *until >= now)
    }

    /// What has not ended.
    pub(crate) fn open(&self) -> Vec<Asking> {
        self.asking.values().map(|(asking, _)| *asking).collect()
    }

    fn serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    fn ask(
        &mut self,
        now: Time,
        (asking, context, opcode): (Asking, &'static [u8], u8),
        argument: &[u8],
        cx: &mut Cx<'_>,
    ) {
        let user = self.serial();
        let invoke = MapInvoke {
            from: (digits(HLR_TITLE), Ssn::HLR),
            to: (digits(GATEWAY_TITLE), Ssn::SGSN),
            context,
            opcode,
            argument,
            // Longer than SCTP takes to get a chunk through that is lost three times over.
            timeout: Duration::from_secs(30),
        };
        if cx.stack.invoke(now, &invoke, user, cx.outside).is_ok() {
            self.asking.insert(user, (asking, None));
        } else {
            self.unanswered += 1;
            if let Asking::Cancel(subscriber) = asking {
                let number = self.serial();
                self.steps.insert((now + Duration::from_secs(2), number), Step::Cancel(subscriber));
            }
        }
    }

    /// Somebody has gone elsewhere: the gateway is told, until it has answered.
    pub(crate) fn cancel(&mut self, now: Time, subscriber: usize, cx: &mut Cx<'_>) {
        self.here.remove(&imsi(subscriber));
        self.touched.insert(imsi(subscriber), now);
        let argument =
            CancelLocation { imsi: imsi(subscriber), cancellation: Some(CancellationType::UpdateProcedure) };
        let how = (Asking::Cancel(subscriber), context::LOCATION_CANCELLATION_V3, operation::CANCEL_LOCATION);
        self.ask(now, how, &argument.encode(), cx);
    }

    /// Somebody may have no short messages any more. That does not change where he is registered.
    pub(crate) fn delete(&mut self, now: Time, subscriber: usize, cx: &mut Cx<'_>) {
        self.touched.insert(imsi(subscriber), now);
        let argument = DeleteSubscriberData {
            imsi: imsi(subscriber),
            teleservices: vec![Teleservice::ALL_SHORT_MESSAGE],
        };
        let how = (
            Asking::Delete(subscriber),
            context::SUBSCRIBER_DATA_MANAGEMENT_V3,
            operation::DELETE_SUBSCRIBER_DATA,
        );
        self.ask(now, how, &argument.encode(), cx);
    }

    /// It comes to believe that somebody is at the gateway, or that he is not, and tells nobody.
    pub(crate) fn believe(&mut self, now: Time, subscriber: usize, is_here: bool) {
        self.touched.insert(imsi(subscriber), now);
        match is_here {
            true => self.here.insert(imsi(subscriber)),
            false => self.here.remove(&imsi(subscriber)),
        };
    }

    /// The HLR dies and comes back: what was under way is gone; and if it `forgets`, who is where, which it says.
    pub(crate) fn restart(&mut self, now: Time, forgets: bool, cx: &mut Cx<'_>) {
        self.steps.retain(|_, step| matches!(step, Step::Cancel(_)));
        self.busy.clear();
        for subscriber in 0..8 {
            self.touched.insert(imsi(subscriber), now);
        }
        if forgets {
            self.here.clear();
            let argument =
                Reset { hlr_number: AddressString::international(digits(HLR_TITLE)), imsi_prefixes: vec![] };
            let user = self.serial();
            let invoke = MapInvoke {
                from: (digits(HLR_TITLE), Ssn::HLR),
                to: (digits(GATEWAY_TITLE), Ssn::SGSN),
                context: context::RESET_V2,
                opcode: operation::RESET,
                argument: &argument.encode(),
                timeout: Duration::from_secs(2),
            };
            // Nobody answers it.
            let _ = cx.stack.invoke(now, &invoke, user | 1 << 40, cx.outside);
        }
    }

    /// The SMS-GMSC has a message.
    pub(crate) fn forward(&mut self, now: Time, subscriber: usize, cx: &mut Cx<'_>) {
        let user = self.serial();
        let forward = MtForward {
            title: digits(CENTRE),
            ssn: Ssn::MSC,
            node: (digits(GATEWAY_TITLE), Ssn::MSC),
            imsi: imsi(subscriber),
            service_centre: digits(CENTRE).into(),
            more_messages: false,
            tpdu: &[
                0x04, 0x0c, 0x91, 0x94, 0x71, 0x10, 0x32, 0x54, 0x76, 0x00, 0x04, 0x62, 0x11, 0x22, 0x01,
                0x00, 0x00, 0x00, 0x01, user as u8,
            ],
        };
        if cx.stack.mt_forward_sm(now, &forward, user, cx.outside).is_ok() {
            self.asking.insert(user, (Asking::Forward, None));
        }
    }

    fn on_operation(&mut self, now: Time, asked: Asked, opcode: u8, argument: &[u8]) {
        self.arrived += 1;
        let Some(imsi) = whom(opcode, argument) else {
            self.unexpected += 1;
            return;
        };
        self.touched.insert(imsi, now);
        if self.random.below(1000) < self.mood.deaf {
            return;
        }
        let takes = self.random.span(self.mood.delay);
        let at = (now + takes).max(self.busy.get(&imsi).copied().unwrap_or(now));
        self.busy.insert(imsi, at);
        let number = self.serial();
        self.steps.insert((at, number), Step::Effect(asked, opcode, argument.to_vec()));
    }

    fn effect(&mut self, now: Time, asked: Asked, opcode: u8, argument: &[u8], cx: &mut Cx<'_>) {
        let Some(imsi) = whom(opcode, argument) else { return };
        self.touched.insert(imsi, now);
        let chance = self.random.below(1000);
        if chance < self.mood.failing {
            cx.stack.user_error(now, &asked, &UserError::system_failure(), cx.outside);
            return;
        }
        if self.random.below(1000) < self.mood.refusing {
            self.here.remove(&imsi);
            self.refused.push((now, imsi));
            let error = match self.random.below(2) {
                0 => UserError::UnknownSubscriber { diagnostic: None },
                _ => UserError::RoamingNotAllowed { cause: Some(0) },
            };
            cx.stack.user_error(now, &asked, &error, cx.outside);
            return;
        }
        if opcode == operation::SEND_ROUTING_INFO_FOR_SM {
            return self.place(now, asked, imsi, cx);
        }
        if registers(opcode, argument) {
            self.here.insert(imsi);
        } else {
            self.here.remove(&imsi);
        }
        if self.random.below(1000) < self.mood.mute {
            return;
        }
        if opcode == operation::UPDATE_GPRS_LOCATION {
            let subscriber: usize = imsi.digits().to_string()[5..].parse().expect("a subscriber");
            let insert = InsertSubscriberData {
                imsi: Some(imsi),
                msisdn: Some(AddressString::international(digits(&msisdn(subscriber)))),
                status: None,
                teleservices: Some(vec![Teleservice::ALL_SHORT_MESSAGE]),
            };
            let user = self.serial();
            let argument = insert.encode();
            let opcode = operation::INSERT_SUBSCRIBER_DATA;
            if cx.stack.invoke_within(now, &asked, opcode, &argument, user, cx.outside).is_ok() {
                self.asking.insert(user, (Asking::Insert, Some(asked)));
            }
            return;
        }
        // The answer may take some time of its own.
        let at = now + self.random.span(self.mood.delay / 4);
        let number = self.serial();
        self.steps.insert((at, number), Step::Answer(asked, opcode));
    }

    /// Somebody asks whom it would send a message to.
    fn place(&mut self, now: Time, asked: Asked, imsi: Imsi, cx: &mut Cx<'_>) {
        if self.random.below(1000) < self.mood.mute {
            return;
        }
        if !self.here.contains(&imsi) {
            let absent = UserError::AbsentSubscriberSm {
                diagnostic: None,
                additional: None,
                imsi: None,
                retransmission: None,
                alert: None,
            };
            cx.stack.user_error(now, &asked, &absent, cx.outside);
            return;
        }
        let node = AddressString::international(digits(GATEWAY_TITLE));
        let mut room = [0; 128];
        let mut w = Prepend::new(&mut room);
        SendRoutingInfoForSmResult::new(imsi, node).write(&mut w);
        let result = w.finish().expect("room");
        cx.stack.returned(now, &asked, operation::SEND_ROUTING_INFO_FOR_SM, Some(result), cx.outside);
    }

    fn answer(&mut self, now: Time, asked: Asked, opcode: u8, cx: &mut Cx<'_>) {
        let result = match opcode {
            operation::UPDATE_GPRS_LOCATION => {
                UpdateLocationResult { hlr_number: AddressString::international(digits(HLR_TITLE)) }.encode()
            }
            operation::PURGE_MS => PurgeMsResult { freeze_tmsi: false, freeze_p_tmsi: false }.encode(),
            _ => AnyTimeModificationResult { service_centre: None }.encode(),
        };
        cx.stack.returned(now, &asked, opcode, Some(&result), cx.outside);
    }

    fn on_ended(&mut self, now: Time, user: u64, outcome: &Outcome<'_>, cx: &mut Cx<'_>) {
        if user >> 40 == 1 {
            // Reset has no answer.
            return;
        }
        let Some((asking, asked)) = self.asking.remove(&user) else {
            self.unexpected += 1;
            return;
        };
        let answered = matches!(
            (asking, outcome),
            (_, Outcome::Returned { .. } | Outcome::Result { .. })
                | (Asking::Delete(_), Outcome::Error(UserError::UnidentifiedSubscriber))
                | (Asking::Forward, Outcome::Error(_))
        );
        if answered {
            self.answered += 1;
        } else if asking != Asking::Insert {
            // The gateway may have given the operation up that this was for.
            self.unanswered += 1;
            self.notes.push(format!("{asking:?}: {outcome:?}"));
        }
        match (asking, asked) {
            (Asking::Insert, Some(asked)) if answered => {
                self.answer(now, asked, operation::UPDATE_GPRS_LOCATION, cx);
            }
            // Until it has an answer, unless the subscriber is back.
            (Asking::Cancel(subscriber), _) if !answered && !self.here.contains(&imsi(subscriber)) => {
                self.cancel(now, subscriber, cx);
            }
            _ => {}
        }
    }
}

/// Whom an operation is about.
fn whom(opcode: u8, argument: &[u8]) -> Option<Imsi> {
    match opcode {
        operation::UPDATE_GPRS_LOCATION => Some(UpdateGprsLocation::decode(argument).ok()?.imsi),
        operation::SEND_ROUTING_INFO_FOR_SM => SendRoutingInfoForSm::parse(argument, None).ok()?.imsi,
        operation::PURGE_MS => Some(PurgeMs::decode(argument).ok()?.imsi),
        operation::ANY_TIME_MODIFICATION => match AnyTimeModification::decode(argument).ok()?.subscriber {
            SubscriberIdentity::Imsi(imsi) => Some(imsi),
            SubscriberIdentity::Msisdn(_) => None,
        },
        _ => None,
    }
}

fn registers(opcode: u8, argument: &[u8]) -> bool {
    opcode == operation::UPDATE_GPRS_LOCATION
        || opcode == operation::ANY_TIME_MODIFICATION
            && AnyTimeModification::decode(argument)
                .is_ok_and(|it| it.registration == Some(ModifyRegistrationStatus::Activate))
}

impl Application for Hlr {
    type Crossing = ();
    type Request = ();
    type Reply = ();

    fn handle(&mut self, now: Time, indication: &mut Indication<'_>, cx: &mut Cx<'_>) {
        match *indication {
            Indication::Invoke(invoke) => match invoke.operation {
                Operation::Other { opcode, argument } => {
                    self.on_operation(now, invoke.asked, opcode, argument);
                }
                Operation::MoForwardSm(_) => {
                    let report = [0x01, 0x00, 0x62, 0x11, 0x22, 0x01, 0x00, 0x00, 0x00];
                    cx.stack.mo_forward_sm_result(now, &invoke.asked, Some(&report), cx.outside);
                }
                Operation::MtForwardSm(_) => self.unexpected += 1,
            },
            Indication::Ended { user, outcome } => self.on_ended(now, user, &outcome, cx),
            // The gateway has waited for too long.
            Indication::Gone { .. } => {}
            _ => self.unexpected += 1,
        }
    }

    fn handle_crossing(&mut self, _: Time, (): (), _: &mut Cx<'_>) {}
    fn handle_reply(&mut self, _: Time, (): (), _: &mut Cx<'_>) {}

    fn handle_timeout(&mut self, now: Time, cx: &mut Cx<'_>) {
        while let Some(entry) = self.steps.first_entry() {
            if entry.key().0 > now {
                return;
            }
            match entry.remove() {
                Step::Effect(asked, opcode, argument) => self.effect(now, asked, opcode, &argument, cx),
                Step::Cancel(subscriber) if self.here.contains(&imsi(subscriber)) => {}
                Step::Cancel(subscriber) => self.cancel(now, subscriber, cx),
                Step::Answer(asked, opcode) => self.answer(now, asked, opcode, cx),
            }
        }
    }

    fn poll_timeout(&self) -> Time {
        self.steps.first_key_value().map_or(Time::NEVER, |((at, _), _)| *at)
    }

    fn quiescent(&mut self) {}
    fn counts(&self) -> &dyn Counts {
        self
    }
    fn fill(&self, _: &mut dyn FnMut(&'static str, usize, usize)) {}
}

impl Counts for Hlr {
    fn each(&self, visit: &mut dyn FnMut(&'static str, &'static str, u64)) {
        visit("unexpected", "Indications that nobody expected.", self.unexpected);
    }
}
