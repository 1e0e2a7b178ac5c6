//! An SMSC that takes every message, and an HLR that carries out one operation after the other and refuses what it has no room for.

use core::time::Duration;
use std::collections::BTreeMap;

use ipsmgw::base::{Counts, Time};
use ipsmgw::ident::{Imsi, Ssn};
use ipsmgw::proto::map::operation;
use ipsmgw::proto::map::subscription::{
    AnyTimeModification, AnyTimeModificationResult, ModifyRegistrationStatus, SubscriberIdentity,
};
use ipsmgw::stack::{Application, Asked, Context, Indication, Operation, UserError};

pub(crate) const HLR: (&str, Ssn) = ("491710760001", Ssn::HLR);
pub(crate) const CENTRE: (&str, Ssn) = ("491710760000", Ssn::MSC);

/// How much work the HLR lets wait.
const ROOM: Duration = Duration::from_millis(200);

type Cx<'a> = Context<'a, (), ()>;

/// The application.
pub(crate) struct Core {
    each: Duration,
    /// Until when the HLR has something to do.
    busy: Time,
    due: BTreeMap<(Time, u64), (Asked, Imsi)>,
    serial: u64,
    /// How often the HLR has registered each.
    pub(crate) registered: BTreeMap<Imsi, u32>,
    /// Operations that it had no room for.
    pub(crate) refused: u32,
    /// Messages that the SMSC got.
    pub(crate) messages: u32,
    /// Indications that nobody expected.
    unexpected: u64,
}

impl Core {
    /// One whose HLR takes so many operations in a second.
    pub(crate) fn new(takes: u32) -> Self {
        Self {
            each: Duration::from_secs(1) / takes,
            busy: Time::ZERO,
            due: BTreeMap::new(),
            serial: 0,
            registered: BTreeMap::new(),
            refused: 0,
            messages: 0,
            unexpected: 0,
        }
    }

    /// Operations that the HLR has not answered.
    pub(crate) fn waiting(&self) -> usize {
        self.due.len()
    }

    fn on_operation(&mut self, now: Time, asked: Asked, opcode: u8, argument: &[u8], cx: &mut Cx<'_>) {
        let argument = AnyTimeModification::decode(argument).expect("an argument");
        let SubscriberIdentity::Imsi(imsi) = argument.subscriber else { panic!("by IMSI") };
        let registers = argument.registration == Some(ModifyRegistrationStatus::Activate);
        assert!(opcode == operation::ANY_TIME_MODIFICATION && registers, "nobody leaves");
        if self.busy.since(now) >= ROOM {
            self.refused += 1;
            cx.stack.user_error(now, &asked, &UserError::system_failure(), cx.outside);
            return;
        }
        self.busy = self.busy.max(now) + self.each;
        self.serial += 1;
        self.due.insert((self.busy, self.serial), (asked, imsi));
    }
}

impl Application for Core {
    type Crossing = ();
    type Request = ();
    type Reply = ();

    fn handle(&mut self, now: Time, indication: &mut Indication<'_>, cx: &mut Cx<'_>) {
        match *indication {
            Indication::Invoke(invoke) => match invoke.operation {
                Operation::Other { opcode, argument } => {
                    self.on_operation(now, invoke.asked, opcode, argument, cx);
                }
                Operation::MoForwardSm(_) => {
                    self.messages += 1;
                    let report = [0x01, 0x00, 0x62, 0x11, 0x22, 0x01, 0x00, 0x00, 0x00];
                    cx.stack.mo_forward_sm_result(now, &invoke.asked, Some(&report), cx.outside);
                }
                Operation::MtForwardSm(_) => self.unexpected += 1,
            },
            _ => self.unexpected += 1,
        }
    }

    fn handle_crossing(&mut self, _: Time, (): (), _: &mut Cx<'_>) {}
    fn handle_reply(&mut self, _: Time, (): (), _: &mut Cx<'_>) {}

    fn handle_timeout(&mut self, now: Time, cx: &mut Cx<'_>) {
        while let Some(entry) = self.due.first_entry().filter(|entry| entry.key().0 <= now) {
            let (asked, imsi) = entry.remove();
            *self.registered.entry(imsi).or_default() += 1;
            let result = AnyTimeModificationResult { service_centre: None }.encode();
            let opcode = operation::ANY_TIME_MODIFICATION;
            cx.stack.returned(now, &asked, opcode, Some(&result), cx.outside);
        }
    }

    fn poll_timeout(&self) -> Time {
        self.due.first_key_value().map_or(Time::NEVER, |((at, _), _)| *at)
    }

    fn quiescent(&mut self) {}
    fn counts(&self) -> &dyn Counts {
        self
    }
    fn fill(&self, _: &mut dyn FnMut(&'static str, usize, usize)) {}
}

impl Counts for Core {
    fn each(&self, visit: &mut dyn FnMut(&'static str, &'static str, u64)) {
        visit("unexpected", "Indications that nobody expected.", self.unexpected);
    }
}
