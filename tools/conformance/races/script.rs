//! What happens to a world by chance, and what must be so in the end.

use core::net::SocketAddrV4;
use core::time::Duration;
use std::collections::BTreeMap;

use ipsmgw::base::Time;
use ipsmgw::ident::WorkerId;
use ipsmgw::sim::{Quality, Random, Trace};
use ipsmgw::subscriber::{AccessKind, Binding};

use crate::hlr::{Mood, imsi};
use crate::notifier::{Contact, How};
use crate::phones::{Presence, SCSCF};
use crate::world::{GUARD, Notifies, REPAIR, Shape, World, home};

/// How long a REGISTER may be repeated by its sender (RFC 3261 timer F).
const LIFE: Duration = Duration::from_secs(32);
/// For so long, less the way, older REGISTERs are refused after a de-registration: twice timer F.
const REMEMBERED: Duration = Duration::from_secs(60);
/// How much longer than `r1_repair` a difference may be seen: an operation's own time, and the way.
const SLACK: Duration = Duration::from_secs(6);

/// A REGISTER.
struct Request {
    branch: u64,
    sequence: u32,
    expires: u64,
    wildcard: bool,
    from: SocketAddrV4,
    /// When it was first sent.
    sent: Time,
    /// When the network repeated it last.
    repeated: Option<Time>,
}

/// A UE, or the S-CSCF for a subscriber.
struct Device {
    subscriber: usize,
    /// 0 and 1 are UEs, 2 is the S-CSCF.
    number: usize,
    call: u32,
    sequence: u32,
    at: SocketAddrV4,
    /// Until when what it sent before may still arrive.
    settled: Time,
    requests: Vec<Request>,
}

/// How a device's last request ended.
enum End {
    /// It holds, or has ended, whatever: too much can have happened.
    Open,
    Registered,
    Gone,
}

impl Device {
    fn is_direct(&self) -> bool {
        self.number < 2
    }

    fn contact(&self) -> String {
        match self.is_direct() {
            true => format!("sip:s{}d{}@", self.subscriber, self.number),
            false => "sip:scscf.home1.net".into(),
        }
    }

    fn identity(&self) -> String {
        format!("sip:{}@ims.mnc001.mcc262.3gppnetwork.org", imsi(self.subscriber).digits())
    }

    fn text(&self, branch: u64, sequence: u32, expires: u64, wildcard: bool) -> Vec<u8> {
        let Self { at, subscriber, number, call, .. } = self;
        let identity = self.identity();
        let contact = match (wildcard, self.is_direct()) {
            (true, _) => "*".into(),
            (_, true) => format!(
                "<{}{at}>;+sip.instance=\"<urn:gsma:imei:35-{subscriber:06}-{number:06}-0>\"",
                self.contact()
            ),
            (_, false) => format!("<{}>", self.contact()),
        };
        let from = if self.is_direct() { &identity } else { "sip:scscf.home1.net" };
        format!(
            "REGISTER sip:home1.net SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bK{branch};rport\r\n\
             Max-Forwards: 70\r\nFrom: <{from}>;tag={branch}\r\nTo: <{identity}>\r\n\
             Call-ID: c{subscriber}-{number}-{call}\r\nCSeq: {sequence} REGISTER\r\nContact: {contact}\r\n\
             Expires: {expires}\r\nUser-Agent: {}\r\nContent-Length: 0\r\n\r\n",
            "x".repeat(400)
        )
        .into_bytes()
    }
}

/// A run.
pub(crate) struct Run {
    pub(crate) world: World,
    pub(crate) random: Random,
    notifies: Notifies,
    pub(crate) subscribers: usize,
    devices: Vec<Device>,
    /// Whether the network repeats frames.
    doubles: bool,
    /// What can have ended a subscriber's bindings: the HLR said so.
    killed: Vec<(Time, usize)>,
    /// Until when something was out of order.
    pub(crate) disturbed: Time,
    /// When the HLR said last that it has restarted.
    restarted: Time,
    /// When a worker paused last.
    rested: Time,
    differing: BTreeMap<usize, Time>,
    /// What a failing seed shows.
    log: Vec<String>,
    /// Devices whose end was certain.
    pub(crate) certain: u64,
}

impl Run {
    pub(crate) fn new(seed: u64, kept: bool) -> Self {
        let mut random = Random::stream(seed, 99);
        let mut one_in = |of| random.below(of) == 0;
        let mut shape = Shape {
            associations: if one_in(2) { 1 } else { 2 },
            gprs: one_in(2),
            after_200: one_in(3),
            ims_first: one_in(2),
            notifies: Notifies::Nothing,
            kept,
        };
        shape.notifies = match random.below(4) {
            0 | 1 => Notifies::Nothing,
            2 => Notifies::Ends,
            _ => Notifies::All,
        };
        let mut world = World::new(shape, seed);
        if random.below(2) == 0 {
            world.simulation.control_delay = Duration::from_millis(20);
        }
        let quality = Quality {
            loss: [0, 10_000, 40_000][random.below(3) as usize],
            duplicate: [0, 20_000][random.below(2) as usize],
            reorder: [0, 100_000][random.below(2) as usize],
            jitter: Duration::from_millis([0, 2, 30][random.below(3) as usize]),
            ..Quality::PERFECT
        };
        world.set_quality(quality);
        world.phones.borrow_mut().overtaking = quality.reorder > 0 || !quality.jitter.is_zero();
        let subscribers = 4 + random.below(3) as usize;
        let mut devices = vec![];
        for subscriber in 0..subscribers {
            for number in 0..3 {
                let at = if number < 2 { home(subscriber, number) } else { SCSCF };
                let (call, sequence, settled) = (0, 0, Time::ZERO);
                world.phones.borrow_mut().presence.insert(at, Presence::There);
                devices.push(Device { subscriber, number, call, sequence, at, settled, requests: vec![] });
            }
        }
        let log = vec![format!("{shape:?} {quality:?}")];
        Self {
            world,
            notifies: shape.notifies,
            random,
            subscribers,
            devices,
            doubles: quality.duplicate > 0,
            killed: vec![],
            disturbed: Time::ZERO,
            restarted: Time::ZERO,
            rested: Time::ZERO,
            differing: BTreeMap::new(),
            log,
            certain: 0,
        }
    }

    pub(crate) fn note(&mut self, what: String) {
        let now = self.world.now();
        self.log.push(format!("{:9.4} {what}", now.as_nanos() as f64 / 1e9));
    }

    pub(crate) fn span(&mut self, millis: u64) -> Duration {
        Duration::from_millis(self.random.below(millis + 1))
    }

    /// A REGISTER of one device; `late`: its first transmission takes that long.
    fn register(&mut self, device: usize, expires: u64, wildcard: bool, late: Duration) {
        let at = self.world.now() + late;
        let branch = self.world.on_phones(|phones, _| phones.serial());
        let it = &mut self.devices[device];
        it.sequence += 1;
        it.settled = it.settled.max(at + LIFE);
        let text = it.text(branch, it.sequence, expires, wildcard);
        let (from, sequence) = (it.at, it.sequence);
        it.requests.push(Request { branch, sequence, expires, wildcard, from, sent: at, repeated: None });
        let (subscriber, number) = (it.subscriber, it.number);
        self.note(format!(
            "s{subscriber}d{number} REGISTER {sequence} expires {expires} wildcard {wildcard} from {from} in {late:?}"
        ));
        self.world.on_phones(|phones, _| phones.request(at, branch, from, text, true));
        if !self.devices[device].is_direct() {
            let contact = if expires > 0 { Contact::Takes } else { Contact::Gone };
            self.tell(device, contact);
        }
    }

    /// The S-CSCF knows something about a user, and tells it in one of its ways.
    fn tell(&mut self, device: usize, contact: Contact) {
        if self.notifies == Notifies::Nothing {
            return;
        }
        let identity = self.devices[device].identity();
        let how = match self.random.below(8) {
            0..3 => How::Full,
            3..5 => How::Partial,
            5 => How::Gap,
            6 => How::Lost,
            _ => How::Last,
        };
        self.note(format!("{identity} is {contact:?}, NOTIFY {how:?}"));
        self.world.on_phones(|phones, now| {
            phones.notifier.set(now, &identity, contact);
            phones.notify(now, &identity, how);
        });
    }

    pub(crate) fn act(&mut self) {
        let device = self.random.below(self.devices.len() as u64) as usize;
        let subscriber = self.devices[device].subscriber;
        match self.random.below(100) {
            0..32 => {
                let expires = match self.random.below(3) {
                    0 => 5 + self.random.below(40),
                    _ => 600 + self.random.below(3000),
                };
                self.register(device, expires, false, Duration::ZERO);
            }
            32..46 => {
                let wildcard = self.devices[device].is_direct() && self.random.below(4) == 0;
                self.register(device, 0, wildcard, Duration::ZERO);
            }
            // It is on its way for long, and others overtake it.
            46..52 => {
                let expires = if self.random.below(2) == 0 { 0 } else { 1000 };
                let late = self.span(15_000);
                self.register(device, expires, false, late);
            }
            52..58 => self.repeat(device),
            58..62 => self.reboot(device),
            62..67 => self.rebind(device),
            67..70 => self.swap(device),
            70..74 => self.leave(device),
            74..82 => {
                self.note(format!("MT for s{subscriber}"));
                self.world.on_hlr(|hlr, now, cx| hlr.forward(now, subscriber, cx));
            }
            82..84 => {
                let (at, identity) = (self.devices[device].at, self.devices[device].identity());
                self.world.on_phones(|phones, now| phones.submit(now, at, &identity));
            }
            84..86 => {
                let contact = [Contact::Gone, Contact::Mute, Contact::Takes][self.random.below(3) as usize];
                let scscf = self.devices.iter().position(|it| it.subscriber == subscriber && !it.is_direct());
                if let Some(scscf) = scscf {
                    self.tell(scscf, contact);
                }
            }
            86..89 => {
                self.note(format!("cancelLocation s{subscriber}"));
                self.killed.push((self.world.now(), subscriber));
                self.world.on_hlr(|hlr, now, cx| hlr.cancel(now, subscriber, cx));
            }
            89..91 => {
                self.note(format!("deleteSubscriberData s{subscriber}"));
                self.killed.push((self.world.now(), subscriber));
                self.world.on_hlr(|hlr, now, cx| hlr.delete(now, subscriber, cx));
            }
            91..93 => {
                // A Reset that is lost tells nobody.
                let forgets = self.random.below(3) > 0 && self.world.now() > self.disturbed;
                if forgets {
                    self.restarted = self.world.now();
                }
                self.note(format!("HLR restarts, forgets {forgets}"));
                self.world.on_hlr(|hlr, now, cx| hlr.restart(now, forgets, cx));
            }
            93..97 => self.mood(),
            97..99 => self.rest(),
            _ if self.world.now() > self.restarted + Duration::from_secs(5) => self.cut(),
            _ => {}
        }
    }

    /// The kernel takes a worker's core away, for no longer than M3UA's heartbeat allows.
    fn rest(&mut self) {
        if self.world.now() > self.rested + Duration::from_secs(3) {
            self.rested = self.world.now();
            let (gateway, worker) = (self.world.gateway, WorkerId(self.random.below(2) as u8));
            let span = self.span(800);
            self.note(format!("{worker:?} pauses for {span:?}"));
            self.world.simulation.pause(gateway, worker, span);
        }
    }

    /// The network repeats an old request, perhaps much later.
    fn repeat(&mut self, device: usize) {
        let count = self.devices[device].requests.len() as u64;
        let (at, chosen) = (self.world.now() + self.span(40_000), self.random.below(count) as usize);
        let it = &mut self.devices[device];
        // Of an older call it would be a request of its own right.
        let Some(request) = it.requests.get_mut(chosen).filter(|it| !it.wildcard && it.repeated.is_none())
        else {
            return;
        };
        if at < request.sent {
            return;
        }
        request.repeated = Some(at);
        it.settled = it.settled.max(at + Duration::from_secs(1));
        let (branch, sequence) = (request.branch, request.sequence);
        let (subscriber, number) = (it.subscriber, it.number);
        self.note(format!("s{subscriber}d{number} REGISTER {sequence} is repeated at {at:?}"));
        self.world.on_phones(|phones, _| phones.repeat(at, branch));
    }

    /// A device starts afresh, with a Call-ID of its own.
    fn reboot(&mut self, device: usize) {
        let now = self.world.now();
        let it = &mut self.devices[device];
        if it.settled < now {
            it.call += 1;
            it.sequence = 0;
            it.requests.clear();
            self.register(device, 900, false, Duration::ZERO);
        }
    }

    fn move_to(&mut self, device: usize, to: SocketAddrV4) {
        let it = &mut self.devices[device];
        it.at = to;
        let (subscriber, number) = (it.subscriber, it.number);
        self.note(format!("s{subscriber}d{number} is at {to}"));
        self.world.on_phones(|phones, _| phones.presence.insert(to, Presence::There));
    }

    /// The NAT gives the device another port.
    fn rebind(&mut self, device: usize) {
        if !self.devices[device].is_direct() {
            return;
        }
        let old = self.devices[device].at;
        let how = if self.random.below(2) == 0 { Presence::Gone } else { Presence::Closed };
        self.world.on_phones(|phones, _| phones.presence.insert(old, how));
        let port = 10_000 + self.random.below(1000) as u16;
        self.move_to(device, SocketAddrV4::new(*old.ip(), port));
        if self.random.below(3) > 0 {
            self.register(device, 1200, false, Duration::ZERO);
        }
    }

    /// Two devices find themselves at each other's address.
    fn swap(&mut self, device: usize) {
        let other = self.random.below(self.devices.len() as u64) as usize;
        if other == device || !self.devices[device].is_direct() || !self.devices[other].is_direct() {
            return;
        }
        let (a, b) = (self.devices[device].at, self.devices[other].at);
        self.move_to(device, b);
        self.move_to(other, a);
        self.register(device, 1300, false, Duration::ZERO);
        if self.random.below(3) > 0 {
            let pause = self.span(200);
            self.pass(pause);
            self.register(other, 1300, false, Duration::ZERO);
        }
    }

    /// A UE goes without a word, or comes back.
    fn leave(&mut self, device: usize) {
        if !self.devices[device].is_direct() {
            return;
        }
        let at = self.devices[device].at;
        let how = [Presence::There, Presence::Gone, Presence::Closed][self.random.below(3) as usize];
        self.note(format!("{at} is {how:?}"));
        self.world.on_phones(|phones, _| phones.presence.insert(at, how));
    }

    fn mood(&mut self) {
        let seconds = |random: &mut Random, most: u64| Duration::from_millis(random.below(most * 1000));
        let mood = match self.random.below(8) {
            0..3 => Mood::default(),
            3 => Mood { delay: seconds(&mut self.random, 6), ..Mood::default() },
            4 => Mood { delay: seconds(&mut self.random, 30), ..Mood::default() },
            5 => Mood { deaf: 500, mute: 300, ..Mood::default() },
            6 => Mood { failing: 600, delay: seconds(&mut self.random, 1), ..Mood::default() },
            _ => Mood { refusing: 500, delay: seconds(&mut self.random, 3), ..Mood::default() },
        };
        self.note(format!("HLR: {mood:?}"));
        self.world.on_hlr(|hlr, _, _| hlr.mood = mood);
    }

    /// The HLR can't be reached for a while.
    fn cut(&mut self) {
        let span = Duration::from_secs(1) + self.span(8000);
        self.note(format!("no way to the HLR for {span:?}"));
        let links = self.world.hlr_links();
        let before: Vec<Quality> =
            links.iter().map(|&link| self.world.simulation.link(link).to_node.quality).collect();
        for &link in &links {
            let link = self.world.simulation.link(link);
            (link.to_node.quality, link.from_node.quality) = (Quality::CUT, Quality::CUT);
        }
        self.disturbed = self.disturbed.max(self.world.now() + span + Duration::from_secs(10));
        self.pass(span);
        for (&link, &quality) in links.iter().zip(&before) {
            let link = self.world.simulation.link(link);
            (link.to_node.quality, link.from_node.quality) = (quality, quality);
        }
    }

    /// Lets time pass, and looks each second.
    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.world.now() + time;
        while self.world.now() < end {
            let step = end.since(self.world.now()).min(Duration::from_secs(1));
            self.world.simulation.pass(step);
            self.look();
        }
    }

    fn is_registered(&self, subscriber: usize) -> bool {
        let table = self.world.simulation.registrar(self.world.gateway).table();
        table.by_imsi(imsi(subscriber)).is_some_and(|it| it.is_registered(self.world.now()))
    }

    /// What must be so at any time: the indexes are inverse of each other, and table and HLR don't differ for long when
    /// nothing is under way and nothing fails.
    fn look(&mut self) {
        let now = self.world.now();
        self.world.simulation.registrar(self.world.gateway).assert_invariants();
        if !self.world.hlr().mood.is_well() || !self.world.is_active() {
            self.disturbed = self.disturbed.max(now);
        }
        for subscriber in 0..self.subscribers {
            if self.is_registered(subscriber) == self.world.hlr().here.contains(&imsi(subscriber)) {
                self.differing.remove(&subscriber);
                continue;
            }
            let since = *self.differing.entry(subscriber).or_insert(now);
            let open = self.devices.iter().filter(|device| device.subscriber == subscriber).any(|device| {
                let phones = self.world.phones.borrow();
                device.requests.iter().any(|it| phones.is_open(now, it.branch))
            });
            if open || self.world.hlr().is_busy(now, imsi(subscriber)) {
                self.differing.insert(subscriber, now);
                continue;
            }
            let touched = self.world.hlr().touched.get(&imsi(subscriber)).copied().unwrap_or(Time::ZERO);
            let latest = since.max(self.disturbed).max(touched);
            assert!(
                now <= latest + REPAIR + SLACK,
                "table and HLR differ about subscriber {subscriber} since {since:?}: HLR {}, now {now:?}, differing {}",
                self.world.hlr().here.contains(&imsi(subscriber)),
                self.world.simulation.registrar(self.world.gateway).differing()
            );
        }
    }

    /// Nothing new; everything works, and has time.
    pub(crate) fn settle(&mut self) {
        self.note("quiet".into());
        self.world.set_quality(Quality::PERFECT);
        self.world.on_hlr(|hlr, _, _| hlr.mood = Mood::default());
        let at: Vec<_> = self.devices.iter().map(|device| device.at).collect();
        self.world.on_phones(|phones, _| {
            phones.presence.values_mut().for_each(|presence| *presence = Presence::Closed);
            phones.presence.extend(at.into_iter().map(|at| (at, Presence::There)));
        });
        // What was lost is heard of with the next refresh, which may be long after.
        self.world.on_phones(|phones, now| {
            phones.notifier.watched().iter().for_each(|identity| phones.notify(now, identity, How::Full));
        });
        let repeats = self.devices.iter().map(|device| device.settled).max().unwrap_or(Time::ZERO);
        let rest = repeats.since(self.world.now().min(repeats));
        self.pass(rest.max(Duration::from_secs(35)) + REPAIR + SLACK * 2);
        // What was repeated may end only now; `look` says how long that may take.
        while !self.agree() {
            self.pass(Duration::from_secs(1));
        }
        self.note("the end".into());
    }

    /// Whether table and HLR agree about everybody, and the exchange is done.
    pub(crate) fn agree(&self) -> bool {
        let here = &self.world.hlr().here;
        let registrar = self.world.simulation.registrar(self.world.gateway);
        registrar.differing() == 0
            && (0..self.subscribers).all(|it| self.is_registered(it) == here.contains(&imsi(it)))
    }

    /// When a request can last have arrived.
    fn last_of(&self, request: &Request) -> Time {
        let phones = self.world.phones.borrow();
        let answered = phones.transactions.get(&request.branch).filter(|it| it.status.is_some());
        let own = answered.map_or(request.sent + LIFE, |it| it.answered);
        request.repeated.map_or(own, |at| own.max(at + Duration::from_secs(1)))
    }

    /// Whether something else than its own requests can have ended what a device asked for by `request`.
    fn can_have_been_ended(&self, device: &Device, request: &Request) -> bool {
        let phones = self.world.phones.borrow();
        let since = request.sent;
        let by_hlr = self
            .killed
            .iter()
            .any(|&(at, subscriber)| subscriber == device.subscriber && at + Duration::from_secs(45) > since);
        let refused = self
            .world
            .hlr()
            .refused
            .iter()
            .any(|&(at, who)| who == imsi(device.subscriber) && at + Duration::from_secs(8) > since);
        let missed =
            device.is_direct() && phones.missed.iter().any(|&(at, to)| to == request.from && at >= since);
        let others = self.devices.iter().filter(|other| other.number < 2 && !core::ptr::eq(*other, device));
        let by_others = device.is_direct()
            && others.flat_map(|other| other.requests.iter().map(move |it| (other, it))).any(
                |(other, it)| {
                    let wildcard = it.wildcard && other.subscriber == device.subscriber;
                    (wildcard || it.from == request.from) && self.last_of(it) >= since
                },
            );
        let absent = phones.notifier.absent.get(&device.identity());
        let by_notify = self.notifies == Notifies::Ends
            && !device.is_direct()
            && absent.is_some_and(|at| *at + LIFE >= since);
        by_hlr || refused || missed || by_others || by_notify
    }

    /// What the S-CSCF has told of a contact in the end, and the gateway has taken.
    fn told(&self, device: &Device) -> Option<Contact> {
        let phones = self.world.phones.borrow();
        let (branch, contact) = phones.notifier.last(&device.identity())?;
        (phones.transactions.get(&branch)?.status == Some(200)).then_some(contact)
    }

    /// What must have become of a device's registration.
    fn end_of(&self, device: &Device) -> End {
        let Some(last) = device.requests.last() else { return End::Open };
        let phones = self.world.phones.borrow();
        let transaction = &phones.transactions[&last.branch];
        if transaction.status != Some(200) {
            return End::Open;
        }
        if last.expires == 0 {
            // What the network holds back for longer than anybody remembers is news.
            let news = |it: &Request| it.repeated.is_some_and(|at| at >= transaction.answered + REMEMBERED);
            return if device.requests.iter().any(news) { End::Open } else { End::Gone };
        }
        let guard = if device.is_direct() { GUARD } else { Duration::ZERO };
        let life = Duration::from_secs(last.expires) + guard;
        if self.notifies == Notifies::All && !device.is_direct() {
            match self.told(device) {
                None => return End::Open,
                Some(Contact::Gone | Contact::Mute) => return End::Gone,
                Some(Contact::Takes) => {}
            }
        }
        let now = self.world.now();
        let expired = transaction.answered + life + Duration::from_secs(3);
        if now > expired {
            // What arrives after it was ended otherwise is news.
            let again =
                device.requests.iter().any(|it| it.branch != last.branch && self.last_of(it) > last.sent)
                    || last.repeated.is_some();
            return if again { End::Open } else { End::Gone };
        }
        if now + Duration::from_secs(1) > last.sent + life || self.can_have_been_ended(device, last) {
            return End::Open;
        }
        End::Registered
    }

    fn assert_end(&mut self) {
        let now = self.world.now();
        let gateway = self.world.gateway;
        for subscriber in 0..self.subscribers {
            assert_eq!(
                self.is_registered(subscriber),
                self.world.hlr().here.contains(&imsi(subscriber)),
                "table and HLR, subscriber {subscriber}"
            );
        }
        let registrar = self.world.simulation.registrar(gateway);
        assert_eq!(registrar.differing(), 0, "subscribers of whom the exchange is not done");
        for subscriber in 0..self.subscribers {
            let found = registrar.table().by_imsi(imsi(subscriber));
            assert_eq!(found.and_then(|it| it.mt_holder()), None, "nobody holds subscriber {subscriber}");
        }
        for at in 0..self.devices.len() {
            self.assert_device(now, at);
        }
        self.assert_nothing_is_left();
    }

    fn assert_device(&mut self, now: Time, at: usize) {
        let device = &self.devices[at];
        let contact = device.contact();
        let registrar = self.world.simulation.registrar(self.world.gateway);
        let kind = if device.is_direct() { AccessKind::Direct } else { AccessKind::Ims };
        let bindings: Vec<Binding> = registrar
            .table()
            .by_imsi(imsi(device.subscriber))
            .map(|it| it.registered(now).map(|(_, binding)| binding).collect())
            .unwrap_or_default();
        let of_this: Vec<_> = bindings
            .iter()
            .filter(|it| it.access == kind && it.contact.as_str().starts_with(&contact))
            .collect();
        let name = format!("s{}d{}", device.subscriber, device.number);
        assert!(of_this.len() <= 1, "{name} has one binding at most: {of_this:?}");
        match (self.end_of(device), of_this.first()) {
            (End::Open, None) => return,
            (End::Open | End::Registered, Some(binding)) => {
                let phones = self.world.phones.borrow();
                let known = device.requests.iter().any(|it| {
                    let transaction = &phones.transactions[&it.branch];
                    // What was refused may have been accepted when it came once more.
                    let again = self.doubles || it.repeated.is_some() || transaction.sent > 1;
                    it.expires > 0
                        && it.sequence == binding.sequence
                        && binding.remote == it.from.into()
                        && (again || matches!(transaction.status, None | Some(200)))
                });
                let statuses: Vec<_> = device
                    .requests
                    .iter()
                    .map(|it| (it.sequence, phones.transactions[&it.branch].status))
                    .collect();
                assert!(known || !device.is_direct(), "{name} never registered so: {binding:?} {statuses:?}");
            }
            (End::Gone, None) => {}
            (End::Registered, None) => panic!("{name} has registered, and has no binding"),
            (End::Gone, Some(binding)) => panic!("{name} has gone, and has a binding: {binding:?}"),
        }
        if let (End::Registered, Some(binding)) = (self.end_of(device), of_this.first())
            && device.is_direct()
        {
            assert_eq!(
                Some(binding.sequence),
                device.requests.last().map(|it| it.sequence),
                "{name}'s newest"
            );
        }
        if !matches!(self.end_of(device), End::Open) {
            self.certain += 1;
        }
    }

    fn assert_nothing_is_left(&mut self) {
        let mut left = vec![];
        let mut add = |name, used, _| {
            if used > 0 && !matches!(name, "server_transactions" | "kept_answers" | "remembered") {
                left.push((name, used));
            }
        };
        for worker in self.world.simulation.workers(self.world.gateway) {
            use ipsmgw::stack::Application as _;
            worker.stack().fill(&mut add);
            worker.application_ref().fill(&mut add);
        }
        assert_eq!(left, [], "nothing is under way");
        let hlr = self.world.hlr();
        assert_eq!(hlr.unexpected, 0);
        // With an association go the messages that it had.
        let lost = self.world.has_lost_an_association();
        assert!(lost || hlr.is_idle(), "every operation of the HLR has ended: {:?}", hlr.open());
        assert!(lost || hlr.unanswered == 0, "unanswered: {:?}", hlr.notes);
        let phones = self.world.phones.borrow();
        assert_eq!(phones.complaints, Vec::<String>::new());
        let unanswered = phones.transactions.iter().find(|(_, it)| it.is_register && it.status.is_none());
        assert!(unanswered.is_none(), "a REGISTER without an answer: {unanswered:?}");
        drop(phones);
        self.world.simulation.assert_no_frame_is_lost();
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.log.join("\n"));
        }
    }
}

/// What became of a seed.
pub(crate) struct Outcome {
    pub(crate) trace: Trace,
    /// Devices whose end was certain.
    pub(crate) certain: u64,
    /// Bindings that NOTIFYs have ended.
    pub(crate) ended_by_notify: u64,
}

/// One seed.
pub(crate) fn run(seed: u64) -> Outcome {
    let mut run = Run::new(seed, false);
    let (steps, longest) = (20 + run.random.below(40), [300, 2000, 5000][run.random.below(3) as usize]);
    for _ in 0..steps {
        run.act();
        let pause = match run.random.below(3) {
            0 => Duration::ZERO,
            1 => run.span(20),
            _ => run.span(longest),
        };
        run.pass(pause);
    }
    run.settle();
    run.assert_end();
    Outcome {
        trace: run.world.simulation.trace(),
        certain: run.certain,
        ended_by_notify: run.world.simulation.registrar(run.world.gateway).counts.deregistered_by_notify,
    }
}
