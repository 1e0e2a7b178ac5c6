//! Each layer alone, taking messages apart and writing them, and the tables beneath: `link.*` to `crc32c.*`.

#[path = "support/measure.rs"]
mod measure;
#[path = "support/messages.rs"]
mod messages;
#[path = "support/ss7.rs"]
mod ss7;

use core::hint::black_box;
use core::net::{IpAddr, SocketAddr};
use core::ops::Range;
use core::time::Duration;

use ipsmgw::base::{Flow, Frames, HEADROOM, Out, PortId, SipKey, Time, Transport, Wheel, ring};
use ipsmgw::codec::{Prepend, crc32c, gsm7};
use ipsmgw::ident::{Digits, Identity, Imsi, Msisdn, PointCode, SccpAddress, Ssn, WorkerId};
use ipsmgw::proto::link::{Evidence, Link, LinkConfig, Neighbour, OwnAddress, PortConfig};
use ipsmgw::proto::{m3ua, map, rp, sccp, sctp, tcap, tpdu};
use ipsmgw::stack::{Action, Direction, Label, Offer, Operator, Rule, Screening, ScreeningConfig};
use ipsmgw::subscriber::{self, AccessKind, AccessNetworkInfo, Binding, Record, TableConfig};
use measure::Figures;
use messages::{MIX, mix};

#[global_allocator]
static ALLOCATOR: measure::Counting = measure::Counting;

fn digits(text: &str) -> Digits {
    text.parse().expect("digits")
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// Runs `write` over a writer with room, and looks at what stands in it.
fn written(room: &mut [u8], write: impl FnOnce(&mut Prepend<'_>)) {
    let mut w = Prepend::new(room);
    write(&mut w);
    black_box(w.finish().expect("it fits"));
}

/// One frame buffer, sent to nobody.
struct Hole {
    buffer: Vec<u8>,
    sent: Option<Range<usize>>,
}

impl Frames for Hole {
    fn buffer(&mut self) -> Option<&mut [u8]> {
        Some(&mut self.buffer)
    }

    fn send(&mut self, _: PortId, range: Range<usize>) {
        self.sent = Some(range);
    }
}

fn link(figures: &mut Figures) {
    let end = |mac: u8, address: &str| {
        let own = OwnAddress { address: ip(address), prefix: 24, vlan: None };
        let port = PortConfig { mac: [2, 0, 0, 0, 0, mac], mtu: 1500, addresses: vec![own] };
        Link::new(LinkConfig { ports: vec![port], udp_ports: vec![5060], ..LinkConfig::default() })
            .expect("a link")
    };
    let (mut ours, mut theirs) = (end(1, "10.0.0.1"), end(2, "10.0.0.2"));
    let now = Time::from_millis(1);
    let mut hole = Hole { buffer: vec![0; 2176], sent: None };
    let transport = Transport::Udp { source_port: 5060, destination_port: 5060 };
    let flow = Flow { source: ip("10.0.0.2"), destination: ip("10.0.0.1"), transport };
    for evidence in [Evidence::Asked, Evidence::Answered] {
        let news =
            Neighbour { port: PortId(0), vlan: None, ip: ip("10.0.0.1"), mac: [2, 0, 0, 0, 0, 1], evidence };
        theirs.learn(now, news, &mut hole);
    }
    let bodies = mix(messages::message);
    let mut frames = Vec::new();
    for body in &bodies {
        hole.buffer[HEADROOM..HEADROOM + body.len()].copy_from_slice(body);
        theirs.transmit(now, &flow, body.len(), &mut hole);
        frames.push(hole.buffer[hole.sent.take().expect("a known neighbour")].to_vec());
    }
    let context = "IPv4, UDP with checksum, frames of 750 to 950 octets";
    figures.time("link.input", "", MIX, context, || {
        for frame in &frames {
            black_box(ours.handle_input(now, PortId(0), frame, &mut hole).expect("a good frame"));
        }
    });
    figures.time("link.transmit", "", MIX, context, || {
        for body in &bodies {
            theirs.transmit(now, &flow, body.len(), &mut hole);
            black_box(&hole.sent);
        }
    });
}

fn sms(figures: &mut Figures) {
    let mut room = [0; 512];
    let bodies = mix(messages::rp_data);
    let context = "RP-DATA to the network, 24 to 154 octets of TPDU";
    figures.time("rp.parse", "", MIX, context, || {
        for body in &bodies {
            black_box(rp::Rpdu::parse(body, rp::Direction::MsToNetwork).expect("an RPDU"));
        }
    });
    let parsed: Vec<_> = bodies
        .iter()
        .map(|body| rp::Rpdu::parse(body, rp::Direction::MsToNetwork).expect("an RPDU"))
        .collect();
    figures.time("rp.build", "", MIX, context, || {
        for rpdu in &parsed {
            written(&mut room, |w| rpdu.write(rp::Direction::MsToNetwork, w));
        }
    });
    let tpdus = mix(messages::submit);
    let context = "SMS-SUBMIT with 10 to 140 octets";
    figures.time("tpdu.parse", "", MIX, context, || {
        for tpdu in &tpdus {
            black_box(tpdu::Tpdu::parse(tpdu, tpdu::Carrier::DataFromMs).expect("a TPDU"));
        }
    });
    let parsed: Vec<_> = tpdus
        .iter()
        .map(|tpdu| tpdu::Tpdu::parse(tpdu, tpdu::Carrier::DataFromMs).expect("a TPDU"))
        .collect();
    figures.time("tpdu.build", "", MIX, context, || {
        for tpdu in &parsed {
            written(&mut room, |w| tpdu.write(w));
        }
    });
    let text = "Dear Sir, €100 are due; kind regards, your bank. ".repeat(4);
    let text = &text[..text.char_indices().nth(156).expect("long enough").0];
    let mut packed = [0; 140];
    figures.time("tpdu.pack_text", "", 1, "160 septets, some from the extension table", || {
        black_box(gsm7::pack_text(black_box(text), 0, &mut packed).expect("it fits"));
    });
    figures.time("tpdu.unpack_text", "", 1, "160 septets, some from the extension table", || {
        black_box(gsm7::characters(gsm7::unpack(black_box(&packed), 0, 160)).count());
    });
}

/// M3UA's payload: the UDT, in a DATA.
fn payload(data: &[u8]) -> &[u8] {
    let message = m3ua::Message::parse(data).expect("M3UA");
    m3ua::Data::parse(&message).expect("DATA").payload
}

fn user_data(udt: &[u8]) -> &[u8] {
    match sccp::parse(udt) {
        Ok(sccp::Input::Unitdata(unitdata)) => unitdata.data,
        other => panic!("{other:?}"),
    }
}

/// The argument of the one Invoke in a Begin.
fn argument(begin: &[u8]) -> &[u8] {
    let mut message = tcap::Message::parse(begin).expect("TCAP");
    match message.components.next() {
        Some(tcap::Component::Invoke { argument, .. }) => argument,
        other => panic!("{other:?}"),
    }
}

const PARSED: &str =
    "of a DATA of 170 to 240 octets: UDT with two global titles, Begin with AARQ, mo-forwardSM";

fn ss7_parse(figures: &mut Figures) {
    let datas = mix(messages::m3ua_data);
    let udts: Vec<_> = datas.iter().map(|data| payload(data)).collect();
    let begins: Vec<_> = udts.iter().map(|udt| user_data(udt)).collect();
    let arguments: Vec<_> = begins.iter().map(|begin| argument(begin)).collect();
    figures.time("m3ua.parse", "", MIX, PARSED, || {
        for data in &datas {
            black_box(payload(data));
        }
    });
    figures.time("sccp.parse", "", MIX, PARSED, || {
        for udt in &udts {
            black_box(sccp::parse(udt).expect("SCCP"));
        }
    });
    figures.time("tcap.parse", "", MIX, PARSED, || {
        for begin in &begins {
            black_box(argument(begin));
        }
    });
    figures.time("map.parse", "", MIX, PARSED, || {
        for argument in &arguments {
            black_box(map::MoForwardSm::parse(argument).expect("MAP"));
        }
    });
}

/// Every rule, over a thousand networks; nothing is refused.
fn screening(figures: &mut Figures) {
    let network = |at: u32| Operator {
        is_own: false,
        titles: vec![digits(&format!("{}", 20_000 + 70 * at))],
        imsi_prefixes: vec![digits(&format!("{}", 20_000 + 41 * at))],
    };
    let own = Operator {
        is_own: true,
        titles: vec![digits("49171099"), digits("4917107")],
        imsi_prefixes: vec![digits("26201")],
    };
    let config = ScreeningConfig {
        actions: [Action::Drop; Rule::COUNT],
        operators: (0..1_000).map(network).chain([own]).collect(),
        originating: vec![Some(vec![PointCode(100), PointCode(200)])],
        title_rate: (1_000_000_000, 1_000_000),
        returned_rate: (1_000_000_000, 1_000_000),
        ..ScreeningConfig::default()
    };
    let mut screening = Screening::new(&config, SipKey::new([3; 16])).expect("networks that differ");
    let label = Label {
        direction: Direction::In,
        association: 0,
        originating: PointCode(100),
        destination: PointCode(200),
        selection: 0,
        tried: 0,
    };
    let offers = [Offer::only(map::context::MO_RELAY, map::Version::V3, map::operation::MO_FORWARD_SM)];
    let datas = mix(messages::m3ua_data);
    let parsed: Vec<_> = datas
        .iter()
        .map(|data| match sccp::parse(payload(data)) {
            Ok(sccp::Input::Unitdata(unitdata)) => {
                let begin = tcap::Message::parse(unitdata.data).expect("TCAP");
                (unitdata, begin.components)
            }
            other => panic!("{other:?}"),
        })
        .collect();
    let now = Time::from_millis(1);
    let context = "16 rules, 1,000 networks: addresses, the title's rate, the operation of that Begin";
    figures.time("screening.message", "", MIX, context, || {
        for (unitdata, components) in &parsed {
            assert!(screening.message(now, &label) && screening.unitdata(now, &label, unitdata));
            screening.begin(&label, unitdata);
            let name = Some(map::context::MO_RELAY_V3);
            let admission = screening.admit(now, Some(Ssn::MSC), &offers, name, components);
            assert_eq!(admission, tcap::Admission::Open);
        }
    });
}

fn ss7_build(figures: &mut Figures) {
    let tpdus: Vec<_> = mix(|user| messages::submission(user).tpdu);
    let (called, calling) = (
        SccpAddress::titled(digits("491710760000"), Ssn::MSC),
        SccpAddress::titled(digits("491710999001"), Ssn::MSC),
    );
    let international = |text: &str| map::AddressString::international(digits(text));
    let forwards: Vec<_> = tpdus
        .iter()
        .enumerate()
        .map(|(user, ui)| map::MoForwardSm {
            service_centre: map::SmRpDa::ServiceCentre(international("491710760000")),
            originator: map::SmRpOa::Msisdn(international(&messages::number(user))),
            ui,
            imsi: messages::imsi(user).parse().ok(),
            correlation_id: None,
            delivery_outcome: None,
            more_messages: false,
            extension: map::Extension::NONE,
        })
        .collect();
    let udt =
        sccp::build::UnitdataHeader { class: 1, return_on_error: true, called: &called, calling: &calling };
    let data = m3ua::build::DataHeader {
        network_appearance: None,
        routing_context: Some(100),
        opc: PointCode(100),
        dpc: PointCode(200),
        si: 3,
        ni: 2,
        mp: 0,
        sls: 5,
    };
    let mut dialogues = dialogues();
    let now = Time::from_millis(1);
    let mut room = [0; 512];
    figures.time("map.build", "", MIX, "mo-forwardSM", || {
        for forward in &forwards {
            written(&mut room, |w| forward.write(w));
        }
    });
    let mut begin = |w: &mut Prepend<'_>, forward: &map::MoForwardSm<'_>| {
        let mark = w.len();
        forward.write(w);
        tcap::build::invoke(w, mark, 1, 46);
        let id = dialogues.open(now, &called, 1, Duration::from_secs(60)).expect("room");
        black_box(dialogues.write_begin(w, mark, id, map::context::MO_RELAY_V3, None));
        dialogues.close(now, id);
    };
    figures.time(
        "tcap.build",
        "",
        MIX,
        "a dialogue opened, its Begin with AARQ and mo-forwardSM, closed",
        || {
            for forward in &forwards {
                written(&mut room, |w| begin(w, forward));
            }
        },
    );
    let inner = [0x5a; 200];
    figures.time("sccp.build", "", 1, "UDT with two global titles around 200 octets", || {
        written(&mut room, |w| {
            w.bytes(black_box(&inner));
            sccp::build::udt(w, 0, &udt, 268).expect("it fits");
        });
    });
    figures.time("m3ua.build", "", 1, "DATA around 230 octets", || {
        let mut w = Prepend::new(&mut room);
        let mark = m3ua::build::data_padding(&mut w);
        w.bytes(black_box(&[0x5a; 230]));
        black_box(m3ua::build::data(&mut w, mark, &data).expect("it fits"));
    });
}

fn dialogues() -> tcap::Dialogues {
    tcap::Dialogues::new(tcap::DialoguesConfig {
        worker: WorkerId(0),
        workers: 1,
        capacity: 8192,
        identifiers: 1 << 24,
        prefix: 0,
        prefix_bits: 0,
        key: SipKey::new([3; 16]),
        rest: Duration::ZERO,
        guard: Duration::from_secs(60),
        peer_match: tcap::PeerMatch::default(),
        limits: tcap::Limits::default(),
    })
    .expect("a table")
}

/// Packets on their way to the other endpoint.
#[derive(Default)]
struct Cable {
    room: Vec<u8>,
    packets: Vec<Vec<u8>>,
    used: usize,
}

impl Out for Cable {
    fn room(&mut self) -> Option<&mut [u8]> {
        self.room.resize(1500, 0);
        Some(&mut self.room)
    }

    fn commit(&mut self, len: usize, _: Flow) {
        if self.used == self.packets.len() {
            self.packets.push(Vec::with_capacity(1500));
        }
        self.packets[self.used].clear();
        self.packets[self.used].extend_from_slice(&self.room[..len]);
        self.used += 1;
    }
}

/// An endpoint, what it has sent, and its address.
struct End(sctp::Endpoint, Cable, IpAddr);

impl End {
    fn new(role: sctp::Role, ours: &str, theirs: &str, secret: u8) -> Self {
        let config = sctp::AssociationConfig::new(role, ip(ours), ip(theirs));
        let endpoint = sctp::Endpoint::new(vec![config], [secret; 32], SipKey::new([secret; 16]));
        Self(endpoint, Cable::default(), ip(ours))
    }

    /// Takes what the other end has sent; how many messages there were.
    fn take(&mut self, now: Time, from: &mut Self, cursor: &mut sctp::Cursor) -> usize {
        let mut messages = 0;
        for packet in &from.1.packets[..from.1.used] {
            cursor.reset();
            while let Some(event) = self.0.input(now, from.2, self.2, packet, cursor, &mut self.1) {
                black_box(event);
                messages += 1;
            }
        }
        from.1.used = 0;
        messages
    }
}

fn sctp_messages(figures: &mut Figures) {
    let mut now = Time::from_millis(1);
    let (mut a, mut b) = (
        End::new(sctp::Role::Client, "10.7.0.1", "10.7.0.2", 1),
        End::new(sctp::Role::Server, "10.7.0.2", "10.7.0.1", 2),
    );
    let id = sctp::AssociationId(0);
    b.0.connect(now, id, &mut b.1);
    a.0.connect(now, id, &mut a.1);
    let mut cursor = sctp::Cursor::new();
    let mut exchange = |a: &mut End, b: &mut End, burst: usize| {
        now += Duration::from_micros(50);
        for stream in 0..burst {
            a.0.send(now, id, stream as u16 % 16, 3, &[0x5a; 200]).expect("room");
        }
        let mut arrived = 0;
        while arrived < burst || a.1.used + b.1.used > 0 {
            a.0.flush(now, &mut a.1);
            arrived += b.take(now, a, &mut cursor);
            b.0.flush(now, &mut b.1);
            a.take(now, b, &mut cursor);
            if a.1.used + b.1.used == 0 && arrived < burst {
                now += Duration::from_millis(20);
                a.0.handle_timeout(now, &mut a.1);
                b.0.handle_timeout(now, &mut b.1);
            }
        }
    };
    for _ in 0..4 {
        exchange(&mut a, &mut b, 0);
    }
    let context = "what a batch brings is taken before the next flush, which sends its SACK";
    let allocations = figures.both_ends("sctp", context, |burst| exchange(&mut a, &mut b, burst));
    figures.allocations("sctp", allocations);
}

const SUBSCRIBERS: usize = 200_000;

fn subscribers(figures: &mut Figures) {
    if !figures.wants("subscriber.") {
        return;
    }
    let (mut writer, readers) = subscriber::table(&TableConfig {
        subscribers: SUBSCRIBERS,
        identities: 2 * SUBSCRIBERS,
        details: SUBSCRIBERS,
        addresses: SUBSCRIBERS,
        readers: 1,
        key: SipKey::new([5; 16]),
    });
    let users: Vec<(Imsi, Msisdn, String)> = (0..SUBSCRIBERS)
        .map(|user| {
            let (imsi, number) = (messages::imsi(user), messages::number(user));
            let uri = format!("sip:+{number}@home1.net");
            (imsi.parse().expect("an IMSI"), number.parse().expect("an MSISDN"), uri)
        })
        .collect();
    let identity = |text: &str| Identity::new(text.as_bytes()).expect("an identity");
    let address: SocketAddr = "10.0.0.2:5060".parse().expect("an address");
    for (imsi, number, uri) in &users {
        let binding = Binding {
            access: AccessKind::Ims,
            priority: 0,
            contact: identity("sip:scscf1.home1.net"),
            remote: address,
            target: address,
            local: address,
            connection: None,
            network: 0,
            access_network_info: AccessNetworkInfo::EMPTY,
            fingerprint: 1,
            registration: 1,
            device: 0,
            call: 1,
            sequence: 1,
        };
        let record =
            Record::new(Some(*imsi), Some(*number), None, &[identity(uri)], &[binding]).expect("a record");
        writer.register(record, &[Some(Time::NEVER)]).expect("room");
    }
    let reader = &readers[0];
    // Far apart, so that no line is near the one before.
    let order: Vec<_> = (0..1024).map(|step| &users[step * 104_729 % SUBSCRIBERS]).collect();
    let now = Time::from_millis(1);
    figures.time(
        "subscriber.lookup",
        "",
        order.len(),
        "by IMSI, 200,000 subscribers, one by one, whole key compared",
        || {
            for (imsi, ..) in &order {
                black_box(reader.by_imsi(*imsi).expect("a subscriber").is_registered(now));
            }
        },
    );
    figures.time("subscriber.lookup_identity", "", order.len(), "by SIP URI, 200,000 subscribers", || {
        for (.., uri) in &order {
            black_box(reader.by_identity(uri.as_bytes()).expect("a subscriber").is_registered(now));
        }
    });
}

fn tables(figures: &mut Figures) {
    const ARMED: usize = 100_000;
    let mut wheel = Wheel::new(ARMED + 1);
    let mut now = Time::from_millis(1);
    let life = Duration::from_secs(32);
    let mut armed: std::collections::VecDeque<_> =
        (0..ARMED).map(|item| wheel.insert(now + life, item as u32).expect("room")).collect();
    figures.time(
        "wheel.insert_cancel",
        "",
        1000,
        "100,000 timers of one duration armed, the oldest cancelled",
        || {
            for item in 0..1000 {
                now += Duration::from_nanos(300);
                armed.push_back(wheel.insert(now + life, item).expect("room"));
                black_box(wheel.cancel(armed.pop_front().expect("a timer")));
            }
        },
    );
    let (mut producer, mut consumer) = ring::<[u64; 2]>(4096);
    figures.time("ring.item", "", 32, "16 octets, 32 pushed and 32 popped by one thread", || {
        for item in 0..32 {
            producer.push([item, item]).expect("room");
        }
        while let Some(item) = consumer.pop() {
            black_box(item);
        }
    });
    let octets: Vec<u8> = (0..1500).map(|at| at as u8).collect();
    for size in [100, 300, 1500] {
        figures.time(&format!("crc32c.{size}"), "", 1, "octets in the cache", || {
            black_box(crc32c::crc32c(black_box(&octets[..size])));
        });
    }
}

fn main() {
    let mut figures = Figures::from_arguments();
    link(&mut figures);
    sms(&mut figures);
    sctp_messages(&mut figures);
    ss7_parse(&mut figures);
    screening(&mut figures);
    ss7_build(&mut figures);
    ss7::figures(&mut figures);
    subscribers(&mut figures);
    tables(&mut figures);
    figures.finish();
}
