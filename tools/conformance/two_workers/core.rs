//! The core network of these tests as one application: S-CSCF, UEs and SMSC, with a sheet of what became of each
//! message.

use std::collections::{BTreeMap, BTreeSet};

use ipsmgw::base::{Counts, Inline, Key, Time};
use ipsmgw::ident::{Imsi, Number, Ssn};
use ipsmgw::stack::{
    Application, Context, DialogueId, Indication, MessageRequest, MtForward, Operation, Outcome,
    RegisterRequest, Request, Rp,
};

pub(crate) const GATEWAY_SIP: &str = "10.0.0.1:5060";
pub(crate) const CORE_SIP: &str = "10.0.0.2:5060";
pub(crate) const GATEWAY_TITLE: &str = "491710999001";
pub(crate) const CENTRE: &str = "491710760000";
pub(crate) const OTHER_CENTRE: &str = "491710760001";

pub(crate) type Cx<'a> = Context<'a, (), ()>;

/// How a UE takes a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ue {
    /// It reports at once, with In-Reply-To.
    Prompt,
    /// It reports at once, without In-Reply-To, as old ones do.
    Bare,
    /// It reports when it is told to.
    Held,
    /// It never reports.
    Silent,
}

/// What became of a mobile originated message.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub(crate) struct Mo {
    /// The final answer to its MESSAGE.
    pub(crate) status: u16,
    /// How often the service centre got it.
    pub(crate) arrived: u32,
    /// How often the UE got an RP-ACK.
    pub(crate) acknowledged: u32,
    /// How often the UE got an RP-ERROR.
    pub(crate) refused: u32,
}

/// What became of a mobile terminated message.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub(crate) struct Mt {
    /// How often the UE got it.
    pub(crate) delivered: u32,
    /// What the SMS-GMSC was told: 0 for a result, else the user error; nothing yet.
    pub(crate) outcome: Option<u8>,
}

/// A delivery that waits for its report.
#[derive(Clone, Copy)]
struct Delivery {
    user: u32,
    reference: u8,
    call_id: Inline<256>,
}

/// The application.
pub(crate) struct Core {
    /// Indications that nobody expected.
    pub(crate) unexpected: u64,
    serial: u32,
    reference: u8,
    held: Vec<Delivery>,
    /// UEs that are not prompt.
    pub(crate) ues: BTreeMap<u32, Ue>,
    /// Who has registered or de-registered, with the answer.
    pub(crate) registered: Vec<u16>,
    /// Messages by serial number.
    pub(crate) mo: BTreeMap<u32, Mo>,
    /// Who submitted a message, and with which RP-MR, by serial number.
    submitted: BTreeMap<u32, (u32, u8)>,
    /// Submissions that have their final answer, repeats among them.
    answered: usize,
    /// Which message a MESSAGE carried once more, by the number of its Call-ID.
    repeats: BTreeMap<u32, u32>,
    /// Messages by serial number.
    pub(crate) mt: BTreeMap<u32, Mt>,
    /// Of a message that others follow in its dialogue: for whom, how many, and whether they wait to be told to.
    following: BTreeMap<u32, (u32, u32, bool)>,
    /// Messages that followed another in its dialogue.
    pub(crate) chained: BTreeSet<u32>,
    /// Dialogues that are left open for another message, and the message that was last in each.
    open: Vec<(u32, DialogueId)>,
    /// Whom messages are for, by serial number.
    pub(crate) users: BTreeMap<u32, u32>,
    /// Serial numbers in the order in which UEs got them.
    pub(crate) order: Vec<u32>,
    /// Final answers to delivery reports.
    pub(crate) reports: Vec<u16>,
    /// Delivery reports sent.
    pub(crate) reported: usize,
}

const REGISTER: u64 = 1 << 32;
const SUBMIT: u64 = 2 << 32;
const FORWARD: u64 = 3 << 32;
const REPORT: u64 = 4 << 32;

fn identity(user: u32) -> String {
    format!("sip:+49170{user:07}@home1.net")
}

/// The IMSI of a user.
pub(crate) fn imsi(user: u32) -> Imsi {
    format!("26201{user:010}").parse().expect("an IMSI")
}

/// An 8-bit text that ends in the message's serial number.
fn tpdu(submit: bool, serial: u32) -> Vec<u8> {
    let mut tpdu = if submit { vec![0x11, serial as u8] } else { vec![0x04] };
    tpdu.extend([0x0c, 0x91, 0x94, 0x71, 0x10, 0x32, 0x54, 0x76, 0x00, 0x04]);
    if submit {
        tpdu.push(0xa7);
    } else {
        tpdu.extend([0x62, 0x11, 0x22, 0x01, 0x00, 0x00, 0x00]);
    }
    let length = 4 + (serial.wrapping_mul(37) % 137) as u8;
    tpdu.push(length);
    tpdu.extend((4..length).map(|at| at.wrapping_mul(serial as u8)));
    tpdu.extend(serial.to_be_bytes());
    tpdu
}

fn serial_of(submit: bool, octets: &[u8]) -> Option<u32> {
    let serial = u32::from_be_bytes(*octets.last_chunk()?);
    (octets == tpdu(submit, serial)).then_some(serial)
}

impl Core {
    /// Nobody has done anything.
    pub(crate) fn new() -> Self {
        Self {
            unexpected: 0,
            serial: 0,
            reference: 0,
            held: vec![],
            ues: BTreeMap::new(),
            registered: vec![],
            mo: BTreeMap::new(),
            submitted: BTreeMap::new(),
            answered: 0,
            repeats: BTreeMap::new(),
            mt: BTreeMap::new(),
            following: BTreeMap::new(),
            chained: BTreeSet::new(),
            open: vec![],
            users: BTreeMap::new(),
            order: vec![],
            reports: vec![],
            reported: 0,
        }
    }

    fn key(&mut self) -> Key {
        self.serial += 1;
        Key { slot: self.serial, generation: 0 }
    }

    /// The S-CSCF registers a user, or with `expires` 0 de-registers it.
    pub(crate) fn register(&mut self, now: Time, user: u32, expires: u32, cx: &mut Cx<'_>) {
        self.register_as(now, user, &identity(user), expires, cx);
    }

    /// The same, under this public identity.
    pub(crate) fn register_as(
        &mut self,
        now: Time,
        user: u32,
        identity: &str,
        expires: u32,
        cx: &mut Cx<'_>,
    ) {
        let body = format!(
            "REGISTER sip:home1.net SIP/2.0\r\nVia: SIP/2.0/UDP 10.9.9.9;branch=z9hG4bKx\r\nFrom: <{identity}>;tag=1\r\n\
             To: <{identity}>\r\nCall-ID: a{user}\r\nCSeq: 1 REGISTER\r\nMax-Forwards: 70\r\n\
             Authorization: Digest username=\"{}@ims.mnc001.mcc262.3gppnetwork.org\", realm=\"home1.net\"\r\n\
             Contact: <sip:{user}@10.9.9.9>;+g.3gpp.smsip\r\nContent-Length: 0\r\n\r\n",
            imsi(user)
        );
        let key = self.key();
        let request = RegisterRequest {
            local: CORE_SIP.parse().expect("an address"),
            remote: GATEWAY_SIP.parse().expect("an address"),
            request_uri: "sip:ipsmgw.home1.net",
            from: "sip:scscf.home1.net",
            to: identity,
            expires,
            contact: None,
            authorization: None,
            key,
            sequence: self.serial,
            access_network_info: b"IEEE-802.11",
            body: ("message/sip", body.as_bytes()),
        };
        cx.stack.register(now, &request, REGISTER, cx.outside).expect("room");
    }

    /// A UE submits a message; its serial number.
    pub(crate) fn submit(&mut self, now: Time, user: u32, cx: &mut Cx<'_>) -> u32 {
        self.reference = self.reference.wrapping_add(1);
        let key = self.key();
        let serial = key.slot;
        self.mo.insert(serial, Mo::default());
        let rp = Rp::Submit {
            reference: self.reference,
            service_centre: CENTRE.parse().ok().map(Number::international),
            tpdu: &tpdu(true, serial),
        };
        self.submitted.insert(serial, (user, self.reference));
        self.message(now, &identity(user), key, None, rp, SUBMIT | u64::from(serial), cx);
        serial
    }

    /// Whether every submission, and every repeat, has its final answer.
    pub(crate) fn all_answered(&self) -> bool {
        self.answered == self.mo.len() + self.repeats.len()
    }

    /// A UE submits the same message once more, in a MESSAGE of its own.
    pub(crate) fn submit_again(&mut self, now: Time, serial: u32, cx: &mut Cx<'_>) {
        let (user, _) = self.submitted[&serial];
        self.submit_again_as(now, serial, &identity(user), cx);
    }

    /// The same is submitted by whoever has this public identity.
    pub(crate) fn submit_again_as(&mut self, now: Time, serial: u32, from: &str, cx: &mut Cx<'_>) {
        let (_, reference) = self.submitted[&serial];
        let key = self.key();
        self.repeats.insert(key.slot, serial);
        let service_centre = CENTRE.parse().ok().map(Number::international);
        let rp = Rp::Submit { reference, service_centre, tpdu: &tpdu(true, serial) };
        self.message(now, from, key, None, rp, SUBMIT | u64::from(serial), cx);
    }

    /// The SMS-GMSC sends a message; its serial number.
    pub(crate) fn forward(&mut self, now: Time, user: u32, cx: &mut Cx<'_>) -> u32 {
        self.forward_from(now, CENTRE, user, false, cx)
    }

    /// Another SMS-GMSC sends a message that `count` others follow in the same dialogue: at once, or when they are told to.
    /// Its serial number.
    pub(crate) fn forward_more(
        &mut self,
        now: Time,
        (user, count): (u32, u32),
        waits: bool,
        cx: &mut Cx<'_>,
    ) -> u32 {
        let serial = self.forward_from(now, OTHER_CENTRE, user, true, cx);
        self.following.insert(serial, (user, count, waits));
        serial
    }

    /// The next messages in the dialogues that wait for them; how many.
    pub(crate) fn go_on(&mut self, now: Time, cx: &mut Cx<'_>) -> usize {
        let open = core::mem::take(&mut self.open);
        for &(last, dialogue) in &open {
            self.follow(now, last, dialogue, cx);
        }
        open.len()
    }

    /// No messages follow in the dialogues that wait for them.
    pub(crate) fn close(&mut self, now: Time, cx: &mut Cx<'_>) {
        for (_, dialogue) in core::mem::take(&mut self.open) {
            cx.stack.no_more_messages(now, dialogue, cx.outside);
        }
    }

    fn follow(&mut self, now: Time, last: u32, dialogue: DialogueId, cx: &mut Cx<'_>) {
        let Some((user, left, waits)) = self.following.remove(&last) else { return };
        let serial = self.key().slot;
        self.mt.insert(serial, Mt::default());
        let (next, word) = (tpdu(false, serial), FORWARD | u64::from(serial));
        let sent = cx.stack.next_mt_forward_sm(now, dialogue, &next, left > 1, word, cx.outside);
        sent.expect("an open dialogue");
        self.users.insert(serial, user);
        self.chained.insert(serial);
        if left > 1 {
            self.following.insert(serial, (user, left - 1, waits));
        }
    }

    fn forward_from(
        &mut self,
        now: Time,
        centre: &str,
        user: u32,
        more_messages: bool,
        cx: &mut Cx<'_>,
    ) -> u32 {
        let serial = self.key().slot;
        self.users.insert(serial, user);
        self.mt.insert(serial, Mt::default());
        let forward = MtForward {
            title: centre.parse().expect("digits"),
            ssn: Ssn::MSC,
            node: (GATEWAY_TITLE.parse().expect("digits"), Ssn::MSC),
            imsi: imsi(user),
            service_centre: Number::international(centre.parse().expect("digits")),
            more_messages,
            tpdu: &tpdu(false, serial),
        };
        let user = FORWARD | u64::from(serial);
        cx.stack.mt_forward_sm(now, &forward, user, cx.outside).expect("a way to the gateway");
        serial
    }

    /// UEs that held their reports back send them.
    pub(crate) fn release(&mut self, now: Time, cx: &mut Cx<'_>) -> usize {
        let held = core::mem::take(&mut self.held);
        for delivery in &held {
            self.report(now, delivery, true, cx);
        }
        held.len()
    }

    fn report(&mut self, now: Time, delivery: &Delivery, in_reply_to: bool, cx: &mut Cx<'_>) {
        self.reported += 1;
        let key = self.key();
        let rp = Rp::Ack { reference: delivery.reference, tpdu: Some(&[0, 0]) };
        let call_id = in_reply_to.then_some(&delivery.call_id[..]);
        self.message(now, &identity(delivery.user), key, call_id, rp, REPORT, cx);
    }

    fn message(
        &mut self,
        now: Time,
        from: &str,
        key: Key,
        in_reply_to: Option<&[u8]>,
        rp: Rp<'_>,
        word: u64,
        cx: &mut Cx<'_>,
    ) {
        let request = MessageRequest {
            local: CORE_SIP.parse().expect("an address"),
            remote: GATEWAY_SIP.parse().expect("an address"),
            connection: None,
            request_uri: "sip:ipsmgw.home1.net",
            to: None,
            asserted: true,
            from,
            route: None,
            in_reply_to,
            key,
            towards_ue: false,
            access_network_info: b"IEEE-802.11",
            charging: None,
            rp,
        };
        cx.stack.message(now, &request, word, cx.outside).expect("room");
    }

    fn on_deliver(
        &mut self,
        now: Time,
        request: &Request<'_>,
        delivery: Delivery,
        tpdu: &[u8],
        cx: &mut Cx<'_>,
    ) {
        let serial = serial_of(false, tpdu).expect("a message of ours, unchanged");
        self.mt.get_mut(&serial).expect("a message that was sent").delivered += 1;
        self.order.push(serial);
        cx.stack.answer(now, request, 200, cx.outside);
        match self.ues.get(&delivery.user).unwrap_or(&Ue::Prompt) {
            Ue::Prompt => self.report(now, &delivery, true, cx),
            Ue::Bare => self.report(now, &delivery, false, cx),
            Ue::Held => self.held.push(delivery),
            Ue::Silent => {}
        }
    }
}

impl Application for Core {
    type Crossing = ();
    type Request = ();
    type Reply = ();

    fn handle(&mut self, now: Time, indication: &mut Indication<'_>, cx: &mut Cx<'_>) {
        match *indication {
            Indication::Answered { user, status, .. } => match (user & !0xffff_ffff, user as u32) {
                (REGISTER, _) => self.registered.push(status),
                (SUBMIT, serial) => {
                    self.answered += 1;
                    self.mo.get_mut(&serial).expect("submitted").status = status;
                }
                (REPORT, _) => self.reports.push(status),
                _ => self.unexpected += 1,
            },
            Indication::Invoke(invoke) => match invoke.operation {
                Operation::MoForwardSm(forward) => {
                    let serial = serial_of(true, forward.tpdu).expect("a message of ours, unchanged");
                    self.mo.get_mut(&serial).expect("submitted").arrived += 1;
                    let report = [0x01, 0x00, 0x62, 0x11, 0x22, 0x01, 0x00, 0x00, 0x00];
                    cx.stack.mo_forward_sm_result(now, &invoke.asked, Some(&report), cx.outside);
                }
                Operation::MtForwardSm(_) | Operation::Other { .. } => self.unexpected += 1,
            },
            Indication::Message(message) => {
                let submission = message
                    .in_reply_to
                    .and_then(|(_, key)| self.mo.get_mut(self.repeats.get(&key.slot).unwrap_or(&key.slot)));
                match (message.rp, submission) {
                    (Rp::Ack { .. }, Some(mo)) => {
                        mo.acknowledged += 1;
                        cx.stack.answer(now, &message.request, 200, cx.outside);
                    }
                    (Rp::Error { .. }, Some(mo)) => {
                        mo.refused += 1;
                        cx.stack.answer(now, &message.request, 200, cx.outside);
                    }
                    (Rp::Deliver { reference, tpdu, .. }, _) => {
                        let to = message.to.expect("a Request-URI");
                        let user = to.as_str().strip_prefix("tel:+49170").expect("a tel URI").parse();
                        let call_id = Inline::new(message.call_id).expect("a Call-ID");
                        let delivery = Delivery { user: user.expect("a user's number"), reference, call_id };
                        self.on_deliver(now, &message.request, delivery, tpdu, cx);
                    }
                    _ => self.unexpected += 1,
                }
            }
            Indication::Ended { user, outcome } => {
                let told = match outcome {
                    Outcome::Result { tpdu: Some([0, 0]), .. } => 0,
                    Outcome::Error(error) => error.code(),
                    Outcome::Result { .. }
                    | Outcome::Returned { .. }
                    | Outcome::NotDelivered(_)
                    | Outcome::Aborted
                    | Outcome::TimedOut => u8::MAX,
                };
                let serial = user as u32;
                let mt = self.mt.get_mut(&serial).expect("a message that was sent");
                assert_eq!(mt.outcome.replace(told), None, "one outcome for each message");
                if let Outcome::Result { open: Some(dialogue), .. } = outcome {
                    match self.following.get(&serial) {
                        Some((.., false)) => self.follow(now, serial, dialogue, cx),
                        _ => self.open.push((serial, dialogue)),
                    }
                }
            }
            // The gateway has ended a dialogue in which nothing followed.
            Indication::Gone { dialogue, .. } => self.open.retain(|(_, open)| *open != dialogue),
            _ => self.unexpected += 1,
        }
    }

    fn handle_crossing(&mut self, _: Time, (): (), _: &mut Cx<'_>) {}
    fn handle_reply(&mut self, _: Time, (): (), _: &mut Cx<'_>) {}
    fn handle_timeout(&mut self, _: Time, _: &mut Cx<'_>) {}
    fn poll_timeout(&self) -> Time {
        Time::NEVER
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
