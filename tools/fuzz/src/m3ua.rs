//! M3UA over associations, in any role, as a signalling gateway over two that share application servers: messages, lost
//! associations, timers and commands in any order.

use crate::base::Time;
use crate::codec::Prepend;
use crate::ident::PointCode;
use crate::octets::Octets;
use crate::proto::m3ua::keys::RoutingKey;
use crate::proto::m3ua::{
    Asp, AspConfig, AspState, Change, Data, Input, Message, Provision, Reach, Role, ServerConfig, Servers,
    Told, TrafficMode, build,
};
use crate::work;
use std::time::Duration;

/// Edges that an event may cost, and those that each of its octets may: a DAUD of many points is answered one by one.
const WORK: (u64, u64) = (20_000, 3_000);
/// Destinations that can be known.
const DESTINATIONS: usize = 16;
/// Messages of ours that one event may bring about, beside those that its octets may: the audit of a range is told of the
/// reach and the congestion of each destination in it.
const ANSWERS: usize = 16 + 2 * DESTINATIONS;
/// Octets that are held while an application server is pending.
const HELD: usize = 200;

fn configuration(octets: &mut Octets<'_>) -> AspConfig {
    let (options, more) = (octets.u8(), octets.u8());
    let role = [Role::Asp, Role::Sgp, Role::IpspClient, Role::IpspServer][usize::from(options & 3)];
    let contexts = [vec![], vec![7], vec![7, 8], vec![7, 8, 0xffff_ffff]];
    let key = |local| RoutingKey {
        local,
        context: None,
        mode: None,
        appearance: None,
        point_code: PointCode(local),
        services: 0,
    };
    AspConfig {
        double_exchange: options & 0x10 != 0,
        network_appearance: (options & 0x20 != 0).then_some(3),
        traffic_mode: (options & 0x40 != 0).then_some(TrafficMode::Loadshare),
        t_beat: (options & 0x80 != 0).then_some(Duration::from_secs(1)),
        t_audit: (more & 1 == 0).then_some(Duration::from_secs(3)),
        audited: if more & 2 == 0 { vec![PointCode(1), PointCode(2)] } else { vec![] },
        peer_contexts: if more & 4 == 0 { vec![] } else { vec![9] },
        register: if more & 8 == 0 { vec![] } else { vec![key(1), key(2)] },
        registration: more & 0x10 != 0,
        ssnm_while_inactive: more & 0x20 != 0,
        daud_from_gateway: more & 0x40 != 0,
        data_on_stream_0: more & 0x80 != 0,
        destinations: DESTINATIONS,
        ..AspConfig::new(role, contexts[usize::from(options >> 2 & 3)].clone())
    }
}

/// One association, or those of a gateway.
struct Node {
    asps: Vec<(Asp, bool)>,
    servers: Servers,
    now: Time,
}

/// What an event has sent.
#[derive(Default)]
struct Sent {
    messages: usize,
    longest: usize,
    errors: u32,
}

impl Sent {
    fn add(&mut self, message: &[u8]) {
        self.messages += 1;
        self.longest = self.longest.max(message.len());
        self.errors += u32::from(is_error(message));
        let Ok(message) = Message::parse(message) else { panic!("what we send can't be read") };
        assert!(message.kind().is_ok(), "what we send is known");
    }
}

impl Node {
    fn new(octets: &mut Octets<'_>) -> Self {
        let config = configuration(octets);
        let count = if config.role == Role::Sgp { 2 } else { 1 };
        let configs = vec![config; count];
        let numbered = configs.iter().enumerate().map(|(at, config)| (at as u16, config));
        let of = |context| ServerConfig { held: HELD, ..ServerConfig::new(context) };
        let mut servers = Servers::new(numbered, &[of(None), of(Some(7)), of(Some(8))]);
        let key = Provision { context: 20, point_code: PointCode(1), services: 8 };
        servers.provision(vec![key], Some(30));
        let asps = configs.into_iter().map(|config| (Asp::new(config), false)).collect();
        Self { asps, servers, now: Time::from_millis(1000) }
    }

    /// What became of an association, told to the others.
    fn tend(&mut self, at: usize, failed: bool, sent: &mut Sent) {
        let mut told = Vec::new();
        if let Some((asp, _)) = self.asps.get(at) {
            self.servers.observe(self.now, at as u16, asp, failed, &mut |it| told.push(it));
        }
        self.tell(&told, sent);
    }

    fn tell(&mut self, told: &[Told], sent: &mut Sent) {
        for told in told {
            let Some((asp, _)) = self.asps.get_mut(usize::from(told.association)) else { panic!("no such") };
            asp.tell(told.status, told.context, told.asp_identifier, &mut |_, message| sent.add(message));
        }
        for (at, (asp, _)) in self.asps.iter_mut().enumerate() {
            self.servers.govern(at as u16, asp);
        }
    }

    fn hear(&mut self, at: usize, stream: u16, message: &[u8], sent: &mut Sent) {
        let Self { asps, servers, now } = self;
        let Some((asp, up)) = asps.get_mut(at) else { return };
        let mut send = |_: u16, message: &[u8]| sent.add(message);
        match asp.handle_input(*now, stream, message, &mut send) {
            Ok(Input::Data(data)) => assert!(data.payload.len() <= message.len()),
            Ok(Input::Registration(keys)) => servers.register(at as u16, asp, keys, &mut send),
            Ok(Input::Deregistration(contexts)) => servers.deregister(asp, contexts, &mut send),
            Ok(Input::Destination { affected, .. }) => assert!(affected.count() <= message.len() / 4),
            Ok(Input::Changed(_) | Input::Handled) | Err(_) => {}
        }
        assert!(*up || sent.messages == 0);
    }

    /// Something to be sent to an application server: it goes to an ASP that is there, or is held, in bounds.
    fn send(&mut self, at: usize, selection: u8) {
        let context = [None, Some(7), Some(8), Some(20)][usize::from(selection & 3)];
        let Self { asps, servers, .. } = self;
        servers.choose(at as u16, context, selection, &mut |to, _| {
            assert!(
                asps.get(usize::from(to))
                    .is_some_and(|(asp, _)| asp.member_state(context) == AspState::Active)
            );
        });
        if let Some(server) = servers.server_mut(at as u16, context) {
            if selection & 4 == 0 {
                server.hold(&[selection; 30]);
            } else {
                let mut octets = 0;
                server.release(&mut |message| octets += message.len());
                assert!(octets <= HELD.max(64 * 1024));
            }
        }
    }

    fn command(&mut self, what: u8, at: usize, octets: &mut Octets<'_>, sent: &mut Sent) {
        let Self { asps, now, .. } = self;
        let Some((asp, up)) = asps.get_mut(at) else { return };
        let mut send = |_: u16, message: &[u8]| sent.add(message);
        match what {
            0 => {
                *up = true;
                asp.association_up(*now, u16::from(octets.u8()), &mut send);
            }
            1 => {
                *up = false;
                asp.association_down(*now);
            }
            2 => asp.stop(*now, &mut send),
            3 => asp.start(*now, &mut send),
            4 => asp.block(&mut send),
            5 => asp.unblock(),
            6 => asp.audit(&mut send),
            7 => {
                let reach = [Reach::Available, Reach::Restricted, Reach::Unavailable];
                let change = match octets.below(4) {
                    3 => Change::Congestion(octets.below(4)),
                    which => Change::Reach(reach[usize::from(which)]),
                };
                asp.report(PointCode(u32::from(octets.u16())), octets.below(26), change, &mut send);
            }
            _ => {}
        }
        self.tend(at, what == 1, sent);
    }

    fn pass(&mut self, time: Duration, sent: &mut Sent) {
        self.now += time;
        for at in 0..self.asps.len() {
            let Some((asp, _)) = self.asps.get_mut(at) else { continue };
            let _ = asp.handle_timeout(self.now, &mut |_, message| sent.add(message));
            self.tend(at, false, sent);
        }
        let mut told = Vec::new();
        let mut octets = 0;
        self.servers
            .handle_timeout(self.now, &mut |it| told.push(it), &mut |message| octets += message.len());
        assert!(octets <= 4 * HELD.max(64 * 1024));
        self.tell(&told, sent);
    }

    fn check(&self, which: core::ops::Range<usize>) {
        self.servers.assert_invariants();
        for (asp, up) in self.asps.get(which).unwrap_or(&[]) {
            assert!(*up || !asp.is_active());
            asp.assert_invariants();
        }
    }
}

pub fn run(octets: &[u8]) {
    let mut octets = Octets(octets);
    let mut node = Node::new(&mut octets);
    while !octets.is_empty() {
        let event = octets.u8();
        let at = usize::from(event >> 4 & 1) % node.asps.len();
        let (mut sent, mut message) = (Sent::default(), vec![]);
        match event & 0xf {
            10..12 => message = spelt(&mut octets),
            12.. => {
                let count = usize::from(octets.u8());
                message = whole(event, octets.take(count));
            }
            _ => {}
        }
        let ((), work) = work::of(|| match event & 0xf {
            8 => node.pass(Duration::from_millis(u64::from(octets.u16())), &mut sent),
            9 => node.send(at, octets.u8()),
            10.. => {
                node.hear(at, u16::from(event >> 5 & 1), &message, &mut sent);
                node.tend(at, false, &mut sent);
            }
            what => node.command(what, at, &mut octets, &mut sent),
        });
        let length = message.len();
        assert!(work <= WORK.0 + WORK.1 * length as u64, "{work} edges for {length} octets");
        assert!(sent.messages <= ANSWERS + length / 8, "{} answers to {length} octets", sent.messages);
        assert!(sent.longest <= length + 1500, "{} octets answer {length}", sent.longest);
        assert!(sent.errors == 0 || !is_error(&message), "an ERR is never answered by one");
        // One about its contexts, and one about what is asked for those of them that are known.
        assert!(sent.errors <= 2, "{} ERRs for one message", sent.errors);
        node.check(at..at + 1);
    }
    node.check(0..node.asps.len());
}

fn is_error(message: &[u8]) -> bool {
    message.get(2..4) == Some(&[0, 0])
}

/// A message as it came, or with the header that makes its parameters one.
fn whole(event: u8, octets: &[u8]) -> Vec<u8> {
    if event & 0x80 == 0 || octets.len() < 2 {
        return octets.to_vec();
    }
    let (kind, parameters) = octets.split_at(2);
    let length = (8 + parameters.len() as u32).to_be_bytes();
    let message = [&[1, 0], kind, &length, parameters].concat();
    if let Ok(message) = Message::parse(&message) {
        let _ = Data::parse(&message);
    }
    message
}

/// A message by its parameters, so that a few octets make one that can be read.
fn spelt(octets: &mut Octets<'_>) -> Vec<u8> {
    const TAGS: [u16; 24] = [
        0x4, 0x6, 0x7, 0x9, 0xb, 0xc, 0xd, 0x11, 0x12, 0x13, 0x200, 0x204, 0x205, 0x207, 0x208, 0x209, 0x20a,
        0x20b, 0x20c, 0x20e, 0x212, 0x213, 0x210, 0x20d,
    ];
    let (class, kind, count) = (octets.below(10), octets.below(7), octets.below(5));
    let mut parameters = vec![];
    for _ in 0..count {
        let tag = TAGS[usize::from(octets.below(24))];
        let length = octets.below(40);
        parameters.push((tag, octets.take(usize::from(length))));
    }
    let mut room = [0; 400];
    let mut w = Prepend::new(&mut room);
    for (tag, value) in parameters.iter().rev() {
        build::parameter(&mut w, *tag, value);
    }
    let length = (8 + w.len() as u32).to_be_bytes();
    w.bytes(&length);
    w.bytes(&[1, 0, class, kind]);
    w.finish().expect("it fits").to_vec()
}
