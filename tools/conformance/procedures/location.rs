//! An S-CSCF that is given by name (RFC 3263), with a server of DNS at a port of this host.

#![allow(clippy::disallowed_methods)] // the gateway asks DNS in real time

use super::harness::gateway::{Bench, Options, isolated};
use super::harness::peers::{SCSCF, Ue, deliver, v4};
use super::harness::steps::*;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A server that has the name's address, and nothing else; 0: it says nothing.
struct Dns {
    address: Arc<AtomicU32>,
    port: u16,
}

impl Dns {
    fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (port, address) = (socket.local_addr().unwrap().port(), Arc::new(AtomicU32::new(0)));
        let of_thread = address.clone();
        std::thread::Builder::new()
            .spawn(move || {
                let mut asked = [0; 512];
                while let Ok((len, from)) = socket.recv_from(&mut asked) {
                    let address = of_thread.load(Ordering::Relaxed);
                    if address != 0 {
                        socket.send_to(&answer(&asked[..len], address.into()), from).unwrap();
                    }
                }
            })
            .unwrap();
        Self { address, port }
    }

    fn says(&self, address: SocketAddr) {
        let SocketAddr::V4(address) = address else { panic!() };
        self.address.store(address.ip().to_bits(), Ordering::Relaxed);
    }

    fn is_silent(&self) {
        self.address.store(0, Ordering::Relaxed);
    }
}

/// An answer with one record that lives a second, to a question for an address; one without any to all others.
fn answer(asked: &[u8], address: Ipv4Addr) -> Vec<u8> {
    let name = asked[12..].iter().position(|octet| *octet == 0).unwrap() + 13;
    let (question, kind) = (&asked[12..name + 4], &asked[name..name + 2]);
    let is_address = kind == [0, 1];
    let mut octets = asked[..2].to_vec();
    octets.extend([0x81, 0x80, 0, 1, 0, is_address.into(), 0, 0, 0, 0]);
    octets.extend(question);
    if is_address {
        octets.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4]);
        octets.extend(address.octets());
    }
    octets
}

/// Delivers a message by way of `scscf`.
#[track_caller]
fn delivered_by(bench: &mut Bench, ue: &Ue, scscf: SocketAddr) {
    let otid = bench.send_mt(&ue.imsi, &deliver());
    let message = bench.expect_message();
    assert_eq!(message.destination, scscf);
    bench.answer(&message, "200 OK");
    let mut report = bench.report(ue, &message, &rp_ack(&message));
    report.source = scscf;
    assert_eq!(bench.transact(&report).status(), 200);
    bench.expect_end(&otid).component(0xa2);
}

/// The places that the name has, as `ipsmgw show peers` tells it, when they are these, so known, and workers have them.
#[track_caller]
fn until_located(bench: &mut Bench, wanted: &[(SocketAddr, &str)]) {
    let wanted: Vec<_> = wanted
        .iter()
        .map(|(address, by)| (format!("sip:scscf1.home1.net {address}"), (*by).to_owned()))
        .collect();
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    loop {
        let mut seen = vec![];
        for peer in bench.shown("peers") {
            let text = |key: &str| peer[key].as_str().unwrap_or("").to_owned();
            let row = (text("name"), text("located_by"));
            if row.0.starts_with("sip:scscf1.home1.net ") && !seen.contains(&row) {
                seen.push(row);
            }
        }
        if seen == wanted {
            // It is the control thread that has told: each worker takes what it has been sent with its next turn.
            return bench.until_published();
        }
        assert!(std::time::Instant::now() < deadline, "{seen:?}, not {wanted:?}");
        bench.step();
    }
}

/// Who may be the S-CSCF is told to come again until DNS has answered. It is found, moves, and takes its users with it; and stays
/// where it is while DNS is silent.
#[test]
fn p_8_10_an_s_cscf_by_name_moves_and_stays() {
    let second = v4([10, 1, 0, 7]);
    let dns = Dns::start();
    let sections = format!(
        "[sip.dns]\nservers = [\"127.0.0.1:{}\"]\ntimeout_ms = 200\nattempts = 1\nttl_min_s = 1\nnegative_max_s = 1\n",
        dns.port
    );
    let options = Options {
        scscf: r#"[{ uri = "sip:scscf1.home1.net" }]"#,
        sections: sections.leak(),
        ..Options::default()
    };
    isolated(options, |bench| {
        let alice = Ue::home1(0);
        let early = bench.full_register(&alice, 3600);
        let refused = bench.transact(&early);
        assert_eq!(refused.status(), 503);
        assert!(refused.header("Retry-After").parse::<u32>().is_ok_and(|seconds| seconds > 0));
        dns.says(SCSCF[0]);
        until_located(bench, &[(SCSCF[0], "dns")]);
        bench.register(&alice);
        delivered_by(bench, &alice, SCSCF[0]);
        dns.says(second);
        until_located(bench, &[(second, "dns")]);
        delivered_by(bench, &alice, second);
        let old = bench.full_register(&alice, 3600);
        assert_eq!(bench.transact(&old).status(), 403, "it is not there any more");
        let mut new = bench.full_register(&alice, 3600);
        new.source = second;
        assert_eq!(bench.transact(&new).status(), 200);
        dns.is_silent();
        until_located(bench, &[(second, "dns, stale")]);
        delivered_by(bench, &alice, second);
        bench.until_total("application.mt_delivered", 3);
        bench.until_total("application.unlocated_source", 1);
        bench.assert_silent();
    });
}
