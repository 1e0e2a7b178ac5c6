//! Random walks of two machines, from a seed: messages are lost, doubled and overtaken, associations end, management
//! stops and blocks; nothing contradicts itself, and in peace both come up.

use super::server::Gateway;
use super::ttcn_sgp::{key, reg_req};
use super::*;

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// Takes one message of those on the way, not always the first: streams overtake each other.
fn take(random: &mut Random, queue: &mut VecDeque<(u16, Vec<u8>)>) -> Option<(u16, Vec<u8>)> {
    let at = random.below(queue.len().max(1) as u64) as usize;
    queue.remove(at)
}

fn step(random: &mut Random, now: Time, a: &mut Node, b: &mut Node) {
    let from_a = random.below(2) == 0;
    let (from, to) = if from_a { (&mut *a, &mut *b) } else { (&mut *b, &mut *a) };
    match random.below(40) {
        0 => from.stop(now),
        1 => from.start(now),
        2 => {
            a.down(now);
            b.down(now);
            a.sent.clear();
            b.sent.clear();
        }
        3 => {
            a.up(now);
            b.up(now);
        }
        4 => from.up(now),
        5 => drop(take(random, &mut from.sent)),
        6 => {
            if let Some((stream, bytes)) = from.sent.front().cloned() {
                let _ = to.input(now, stream, &bytes);
            }
        }
        7 => from.asp.report(PointCode(random.below(16) as u32), 2, Change::Congestion(1), &mut |_, _| ()),
        8 => {
            from.asp.block(&mut |_, _| ());
            from.tend(now, false);
        }
        9 => from.asp.unblock(),
        10 => from.timeout(now),
        _ => {
            if let Some((stream, bytes)) = take(random, &mut from.sent) {
                let _ = to.input(now, stream, &bytes);
            }
        }
    }
    if a.sent.len() + b.sent.len() > 200 {
        a.sent.clear();
        b.sent.clear();
    }
}

/// Peace: everything arrives, in order, and timers run.
fn settle(now: &mut Time, a: &mut Node, b: &mut Node) {
    for node in [&mut *a, &mut *b] {
        node.sent.clear();
        node.asp.unblock();
        node.up(*now);
    }
    a.start(*now);
    b.start(*now);
    for _ in 0..60 {
        exchange(*now, a, b);
        *now += Duration::from_secs(1);
        a.timeout(*now);
        b.timeout(*now);
    }
}

fn pairs() -> Vec<(AspConfig, AspConfig)> {
    let of = |role, double_exchange| AspConfig {
        double_exchange,
        t_audit: Some(Duration::from_secs(30)),
        audited: vec![PointCode(9)],
        ..AspConfig::new(role, vec![100, 200])
    };
    let mut registering = of(Role::Asp, false);
    registering.register = vec![key(1, 9), key(2, 10)];
    registering.routing_contexts.clear();
    let registrar = AspConfig { registration: true, routing_contexts: vec![], ..of(Role::Sgp, false) };
    vec![
        (of(Role::Asp, false), of(Role::Sgp, false)),
        (of(Role::IpspClient, false), of(Role::IpspServer, false)),
        (of(Role::IpspClient, true), of(Role::IpspServer, true)),
        (of(Role::IpspClient, false), of(Role::IpspClient, false)),
        (registering, registrar),
    ]
}

#[test]
fn two_machines_stand_whatever_happens_between_them() {
    for seed in 0..60 {
        let mut random = Random(seed + 1);
        for (a, b) in pairs() {
            let (mut a, mut b) = (Node::new(a), Node::new(b));
            b.servers.provision(vec![], Some(1000));
            let mut now = Time::ZERO;
            for _ in 0..600 {
                step(&mut random, now, &mut a, &mut b);
                now += Duration::from_millis(random.below(700));
            }
            settle(&mut now, &mut a, &mut b);
            let both = (a.asp.state(), b.asp.state());
            assert_eq!(both, (AspState::Active, AspState::Active), "seed {seed}: {:?}", a.asp.role());
            assert_eq!((a.asp.active_contexts(), b.asp.active_contexts()).0.count_ones(), 2, "seed {seed}");
        }
    }
}

#[test]
fn servers_stand_whatever_their_asps_do() {
    for seed in 0..200 {
        let mut random = Random(seed + 1);
        let config = ServerConfig {
            least_active: 1 + random.below(2) as u8,
            held: 64,
            ..ServerConfig::new(Some(100))
        };
        let mut gateway = Gateway::new(3, &[100], config);
        let mut now = Time::ZERO;
        for _ in 0..400 {
            let at = random.below(3) as usize;
            let modes = [
                None,
                Some(TrafficMode::Override),
                Some(TrafficMode::Loadshare),
                Some(TrafficMode::Broadcast),
            ];
            match random.below(9) {
                0 => gateway.aspup(now, at),
                1 | 2 => gateway.aspac(now, at, modes[random.below(4) as usize]),
                3 => gateway.send(now, at, Kind::Aspia),
                4 => gateway.send(now, at, Kind::Aspdn),
                5 => {
                    gateway.lose(now, at);
                    gateway.nodes[at].up(now);
                    gateway.tend(now, at, true);
                }
                6 => gateway.timeout(now),
                7 => {
                    let server = gateway.servers.server_mut(0, Some(100)).unwrap();
                    server.hold(&[7; 20]);
                    server.release(&mut |message| assert_eq!(message, [7; 20]));
                    server.assert_invariants();
                }
                _ => {
                    // What was held leaves before anything else.
                    gateway.servers.release(&mut |message| assert_eq!(message, [7; 20]));
                    let (choice, to) = gateway.choose(random.below(256) as u8);
                    let sent = matches!(choice, Some(Choice::One(_) | Choice::All(..)));
                    assert_eq!(sent, gateway.state() == ServerState::Active);
                    for (association, _) in to {
                        assert!(gateway.nodes[usize::from(association)].asp.is_active(), "seed {seed}");
                    }
                }
            }
            now += Duration::from_millis(random.below(500));
        }
    }
}

/// Every octet of every message about routing keys cut and flipped, for all roles.
#[test]
fn registration_messages_cut_and_flipped_are_survived() {
    let mut full = key(1, 9);
    (full.mode, full.services) = (Some(TrafficMode::Loadshare), 1 << 3);
    let result = [(tag::LOCAL_KEY, 1u32), (tag::REGISTRATION_STATUS, 0), (tag::ROUTING_CONTEXT, 1000)];
    let inside: Vec<u8> = result
        .iter()
        .flat_map(|(tag, word)| [&tag.to_be_bytes()[..], &[0, 8], &word.to_be_bytes()].concat())
        .collect();
    let messages = [
        reg_req(&[full, key(2, 10)]),
        message(Kind::RegRsp, &[(tag::REGISTRATION_RESULT, &inside)]),
        message(Kind::DeregReq, &[(tag::ROUTING_CONTEXT, &[0, 0, 3, 0xe8, 0, 0, 0, 100])]),
        message(Kind::DeregRsp, &[(tag::DEREGISTRATION_RESULT, &inside)]),
    ];
    for role in [Role::Asp, Role::IpspClient, Role::IpspServer, Role::Sgp] {
        let mut config = AspConfig::new(role, vec![100]);
        config.registration = true;
        config.register = vec![key(1, 9)];
        let mut node = Node::new(config);
        node.servers.provision(vec![], Some(1000));
        node.up(Time::ZERO);
        let _ = node.input(Time::ZERO, 0, &message(Kind::Aspup, &[]));
        let _ = node.input(Time::ZERO, 0, &message(Kind::AspupAck, &[]));
        let mut now = Time::ZERO;
        for golden in &messages {
            for end in 0..golden.len() {
                let _ = node.input(now, 0, &golden[..end]);
            }
            for at in 0..golden.len() {
                for bit in 0..8 {
                    let mut bytes = golden.clone();
                    bytes[at] ^= 1 << bit;
                    let _ = node.input(now, 0, &bytes);
                    now += Duration::from_millis(50);
                    node.timeout(now);
                }
            }
        }
    }
}
