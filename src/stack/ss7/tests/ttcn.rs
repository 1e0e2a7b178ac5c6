//! The cases of the TTCN-3 suites STP_Tests_M3UA and SCCP_Tests_RAW (osmo-ttcn3-hacks) that take a signalling gateway with several
//! ASPs, under their names in lower case. All ASPs are one transport, the gateway is the other.

use super::failover::{Crossed, FAR, Net, Packets};
use super::*;
use crate::proto::m3ua::TrafficMode;
use crate::proto::sctp::AssociationId;

/// The point behind the ASPs.
const NEAR: PointCode = PointCode(100);
/// Another behind the last of them.
const NEXT: PointCode = PointCode(101);

/// Two ASPs of one application server, which is the way to `NEAR`.
fn server(mode: TrafficMode) -> Net {
    let to_all = |point| Destination::new(point, vec![0, 1]);
    Net::shaped(
        &["one", "two"],
        0,
        &[7],
        vec![to_all(FAR)],
        Some(vec![to_all(NEAR)]),
        &|_, _, config: &mut AspConfig| config.traffic_mode = Some(mode),
    )
}

/// The gateway sends a message to a point.
fn send(net: &mut Net, to: PointCode, selection: u8, message: &[u8]) -> Result<WorkerId, Refusal> {
    let mut room = [0; 1024];
    let mut w = Prepend::new(&mut room);
    w.bytes(message);
    net.them.send(&mut w, to, selection, &mut Crossed::default())
}

/// By which associations a message for each of 16 selections arrives.
fn spread(net: &mut Net) -> Vec<u16> {
    net.back.clear();
    for selection in 0..16 {
        send(net, NEAR, selection, &[selection; 8]).unwrap();
    }
    net.pump();
    net.back.iter().map(|(association, _)| *association).collect()
}

/// An ASP enters the traffic or leaves it; its association stays.
fn lead(net: &mut Net, association: usize, enters: bool) {
    let (us, now) = (&mut net.us, net.now);
    let Some(Some(link)) = us.links.get_mut(association) else { panic!() };
    let (endpoint, local) = (&mut us.endpoint, link.local);
    let mut send = |stream: u16, message: &[u8]| {
        endpoint.send(now, local, stream, 3, message).unwrap();
    };
    if enters {
        link.asp.start(now, &mut send);
    } else {
        link.asp.stop(now, &mut send);
    }
    net.pump();
}

fn active(net: &Net) -> Vec<u16> {
    (0..2).filter(|&at| net.us.is_active(at)).collect()
}

#[test]
fn tmt_override() {
    let mut net = server(TrafficMode::Override);
    let [first] = active(&net)[..] else { panic!("one is active, the other stands by") };
    assert_eq!(spread(&mut net), [first; 16]);
    // The other takes over when the first is gone, and the first stands by when it is back.
    net.end(first);
    net.run(Duration::from_millis(100));
    assert_eq!(spread(&mut net), [1 - first; 16]);
    net.cut.clear();
    net.run(Duration::from_secs(12));
    let [now] = active(&net)[..] else { panic!("one is active") };
    assert_eq!(spread(&mut net), [now; 16]);
}

/// One message after the other, each in a flow of its own: each ASP has its turn.
#[test]
fn tmt_loadshare_roundrobin() {
    let mut net = server(TrafficMode::Loadshare);
    assert_eq!(active(&net), [0, 1]);
    let by = spread(&mut net);
    let mut turns: Vec<_> = by.iter().filter(|at| **at == 0).collect();
    assert_eq!((turns.len(), by.len()), (8, 16));
    turns.dedup();
    send(&mut net, NEAR, 0, b"a").unwrap();
    send(&mut net, NEAR, 1, b"b").unwrap();
    net.pump();
    let last: Vec<_> = net.back.iter().rev().take(2).map(|(at, _)| *at).collect();
    assert_ne!(last[0], last[1]);
}

#[test]
fn tmt_loadshare_sls() {
    let mut net = server(TrafficMode::Loadshare);
    for selection in 0..16 {
        net.back.clear();
        for n in 0..5 {
            send(&mut net, NEAR, selection, &[n]).unwrap();
        }
        net.pump();
        let (by, said): (Vec<_>, Vec<_>) = net.back.iter().map(|(at, message)| (*at, message[0])).unzip();
        assert_eq!((by, said), (vec![by_of(&net); 5], vec![0, 1, 2, 3, 4]));
    }
    // All flows go by the one that is left.
    net.end(0);
    assert_eq!(spread(&mut net), [1; 16]);
}

fn by_of(net: &Net) -> u16 {
    net.back[0].0
}

#[test]
fn tmt_broadcast() {
    let mut net = server(TrafficMode::Broadcast);
    send(&mut net, NEAR, 3, b"first").unwrap();
    send(&mut net, NEAR, 3, b"second").unwrap();
    net.pump();
    for at in [0, 1] {
        let said: Vec<_> = net.back.iter().filter(|(by, _)| *by == at).map(|(_, said)| &said[..]).collect();
        assert_eq!(said, [&b"first"[..], b"second"]);
    }
    assert_eq!(net.them.counts.broadcast, 2);
}

/// What comes while the last ASP is gone waits for T(r), and leaves in order; after T(r) it is given up.
#[test]
fn messages_wait_while_their_application_server_is_pending() {
    let mut net = server(TrafficMode::Loadshare);
    lead(&mut net, 0, false);
    lead(&mut net, 1, false);
    net.back.clear();
    for n in 0..50 {
        send(&mut net, NEAR, 5, &[n; 200]).unwrap();
    }
    net.run(Duration::from_millis(1900));
    assert_eq!(net.back, []);
    lead(&mut net, 1, true);
    net.run(Duration::from_millis(10));
    let said: Vec<_> = net.back.iter().map(|(_, said)| said[0]).collect();
    assert_eq!(said, (0..50).collect::<Vec<_>>());
    let held = |net: &Net| {
        let counts = &net.them.servers().each().next().unwrap().0.counts;
        (counts.held, counts.released, counts.discarded)
    };
    assert_eq!(held(&net), (50, 50, 0));
    lead(&mut net, 1, false);
    send(&mut net, NEAR, 5, b"never").unwrap();
    net.run(Duration::from_millis(2100));
    assert_eq!(held(&net), (51, 50, 1));
    assert_eq!(net.them.counts.stranded, 1);
    assert_eq!(send(&mut net, NEAR, 5, b"no more"), Err(Refusal::NoRoute));
}

/// Two application servers lead to one point: its flows are spread over both.
#[test]
fn combinedlset_loadshare() {
    let own = |at: usize, _: Role, config: &mut AspConfig| config.routing_contexts = vec![7 + at as u32];
    let to_all = |point| Destination::new(point, vec![0, 1]);
    let behind = Some(vec![to_all(NEAR)]);
    let mut net = Net::shaped(&["one", "two"], 0, &[7], vec![to_all(FAR)], behind, &own);
    let by = spread(&mut net);
    assert_eq!([0, 1].map(|at| by.iter().filter(|by| **by == at).count()), [8, 8]);
    // One gone for good, the other has all.
    net.end(0);
    assert_eq!(spread(&mut net), [1; 16]);
}

/// Two points behind ASPs that share a routing context, which is to be one point's: each gets what is for it alone.
#[test]
fn asps_with_one_context_for_two_points_get_their_own() {
    let behind = vec![Destination::new(NEAR, vec![0]), Destination::new(NEXT, vec![1])];
    let destinations = vec![Destination::new(FAR, vec![0, 1])];
    let mut net = Net::shaped(&["one", "two"], 0, &[7], destinations, Some(behind), &|_, _, _| ());
    for selection in 0..16 {
        send(&mut net, NEAR, selection, b"near").unwrap();
        send(&mut net, NEXT, selection, b"next").unwrap();
    }
    net.pump();
    // The transport of the ASPs is the point NEAR itself: what is for the other is not for it.
    assert_eq!(net.back.iter().filter(|(by, said)| (*by, &said[..]) == (0, b"near")).count(), 16);
    assert_eq!((net.back.len(), net.us.counts.foreign_point_code), (16, 16));
}

/// A gateway with an application server of its own behind each association: `NEAR` behind the first, `NEAR` + 1 and `NEAR` + 2
/// behind the second. Both ASPs send to all of them, and to 555, which nobody knows.
fn relay() -> Net {
    let own = |at: usize, _: Role, config: &mut AspConfig| config.routing_contexts = vec![7 + at as u32];
    let next = [NEXT, PointCode(102)];
    let mut all: Vec<_> = next.iter().map(|to| Destination::new(*to, vec![0])).collect();
    let behind = next.iter().map(|to| Destination::new(*to, vec![1]));
    let behind = Some([Destination::new(NEAR, vec![0])].into_iter().chain(behind).collect());
    all.push(Destination::new(PointCode(555), vec![0]));
    Net::shaped(&["one", "two"], 0, &[7], all, behind, &own)
}

fn reaches(net: &Net, to: PointCode) -> bool {
    net.us.state_of(to).is_some_and(|state| state.is_usable())
}

/// Nobody knows of the point.
#[test]
fn inaccessible_sp_duna() {
    let mut net = relay();
    let nobody = PointCode(555);
    assert!(reaches(&net, nobody));
    net.send_to(nobody, 1, b"nobody").unwrap();
    net.pump();
    assert!(!reaches(&net, nobody) && reaches(&net, NEXT));
}

/// The point is known, but none of its ASPs is active.
#[test]
fn inaccessible_sp_duna2() {
    let mut net = relay();
    net.us.links[1].as_mut().unwrap().asp.stop(net.now, &mut |_, _| ());
    net.end(1);
    net.run(Duration::from_secs(3));
    // Whoever has not heard the DUNA, or forgot it, is told again.
    net.us.ways.hear(net.now, 0, (NEXT, 0), m3ua::Change::Reach(m3ua::Reach::Available));
    assert!(reaches(&net, NEXT));
    net.send_to(NEXT, 1, b"away").unwrap();
    net.pump();
    assert!(!reaches(&net, NEXT));
}

/// An ASP comes and goes: the others hear of its point.
#[test]
fn ssnm_aspac_dava_aspia_duna() {
    let mut net = relay();
    assert!(reaches(&net, NEXT));
    lead(&mut net, 1, false);
    net.run(Duration::from_millis(1900));
    assert!(reaches(&net, NEXT), "T(r)");
    net.run(Duration::from_millis(200));
    assert!(!reaches(&net, NEXT));
    lead(&mut net, 1, true);
    net.run(Duration::from_millis(200));
    assert!(reaches(&net, NEXT));
}

/// Its only way is lost and comes back.
#[test]
fn ssnm_distribution_dava_duna() {
    let mut net = relay();
    net.end(1);
    net.run(Duration::from_millis(2100));
    assert!(!reaches(&net, NEXT));
    net.cut.clear();
    net.run(Duration::from_secs(8));
    assert!(reaches(&net, NEXT));
}

/// Both points behind it are told.
#[test]
fn ssnm_distribution_dava_duna_multipc() {
    let mut net = relay();
    let next = [NEXT, PointCode(102)];
    assert_eq!(next.map(|to| reaches(&net, to)), [true; 2]);
    net.end(1);
    net.run(Duration::from_millis(2100));
    assert_eq!(next.map(|to| reaches(&net, to)), [false; 2]);
    net.cut.clear();
    net.run(Duration::from_secs(8));
    assert_eq!(next.map(|to| reaches(&net, to)), [true; 2]);
}

/// From an ASP to the gateway, as octets.
fn say(net: &mut Net, association: u16, message: &str) {
    net.us.endpoint.send(net.now, AssociationId(association), 0, 3, &hex(message)).unwrap();
    net.pump();
}

/// An ASP has nothing to say of users (3.4.5): ERR 06, and nobody hears of it.
#[test]
fn ssnm_distribution_dupu() {
    let mut net = relay();
    say(&mut net, 1, "01000205 00000020 0006 0008 00000008 0012 0008 00000065 0204 0008 00020003");
    assert!(reaches(&net, NEXT));
    let errors = net.us.asps().map(|(_, asp)| asp.counts.errors_received);
    assert_eq!(errors.collect::<Vec<_>>(), [0, 1]);
}

/// An ASP says that its point is congested: the other hears it.
#[test]
fn ssnm_distribution_scon() {
    let mut net = relay();
    let congestion = |net: &Net| net.us.state_of(NEXT).map(|state| state.congestion);
    assert_eq!(congestion(&net), Some(0));
    say(&mut net, 1, "01000204 00000020 0006 0008 00000008 0012 0008 00000065 0205 0008 00000002");
    assert_eq!(congestion(&net), Some(2));
}

/// The gateway is told to stop: it lets its ASPs down, and nobody comes in again.
#[test]
fn m3ua_sctp_srv_adm_shutdown() {
    let mut net = server(TrafficMode::Loadshare);
    net.them.stop(net.now, &mut Packets::new());
    net.run(Duration::from_secs(3));
    assert!(active(&net).is_empty());
    assert!(net.them.is_closed());
    assert_eq!(send(&mut net, NEAR, 0, b"no"), Err(Refusal::NoRoute));
}

/// So does an ASP that is an SCTP client, in its own order.
#[test]
fn clnt_sctp_adm_shutdown() {
    let mut net = server(TrafficMode::Loadshare);
    net.us.stop(net.now, &mut Packets::new());
    net.run(Duration::from_secs(3));
    assert!(net.us.is_closed());
    net.run(Duration::from_secs(20));
    assert!(net.us.is_closed() && active(&net).is_empty());
}

/// DATA for ISUP: there is none.
#[test]
fn local_unavailable_user_part_dupu() {
    let mut net = server(TrafficMode::Loadshare);
    // OPC 100, DPC 300, SI 5, NI 2, SLS 0.
    let data = "01000101 00000028 0006 0008 00000007 0210 0018 00000064 0000012c 05020000 00000000 00000000";
    net.us.endpoint.send(net.now, AssociationId(0), 1, 3, &hex(data)).unwrap();
    net.pump();
    assert_eq!(net.them.counts.foreign_user, 1);
    // Of another user than SCCP it says nothing that the ASP had to heed.
    assert!(reaches(&net, FAR));
    let counts = |net: &Net, of| net.us.asps().nth(of).map(|(_, asp)| asp.counts.management_received);
    assert_eq!(counts(&net, 0).unwrap() - counts(&net, 1).unwrap(), 1);
}

/// What an association that ended leaves of a broadcast, the other ASP has had: it does not get it twice.
#[test]
fn a_broadcast_is_not_rescued_by_who_has_it() {
    let mut net = server(TrafficMode::Broadcast);
    net.cut.push(0);
    for n in 0..50 {
        send(&mut net, NEAR, 3, &[n; 900]).unwrap();
    }
    net.run(Duration::from_secs(5));
    assert_eq!(active(&net), [1]);
    let said: Vec<_> = net.back.iter().map(|(by, said)| (*by, said[0])).collect();
    assert_eq!(said, (0..50).map(|n| (1, n)).collect::<Vec<_>>());
    assert_eq!(net.them.counts.rescued, 0);
    assert!(net.them.counts.copies > 0);
}

/// A broadcast to the only ASP at a point that shares its routing context with another point goes there once.
#[test]
fn a_broadcast_goes_by_each_association_once() {
    let behind = vec![Destination::new(NEAR, vec![0]), Destination::new(NEXT, vec![1])];
    let destinations = vec![Destination::new(FAR, vec![0, 1])];
    let mut net = Net::shaped(&["one", "two"], 0, &[7], destinations, Some(behind), &|_, _, config| {
        config.traffic_mode = Some(TrafficMode::Broadcast);
    });
    send(&mut net, NEAR, 3, b"once").unwrap();
    net.pump();
    assert_eq!(net.back, [(0, b"once".to_vec())]);
}

/// Other workers don't know that an application server is pending: what they send by it goes another way meanwhile.
#[test]
fn another_worker_need_not_wait_for_a_pending_server() {
    let own = |at: usize, _: Role, config: &mut AspConfig| config.routing_contexts = vec![7 + at as u32];
    let to_all = |point| Destination::new(point, vec![0, 1]);
    let behind = Some(vec![to_all(NEAR)]);
    let mut net = Net::shaped(&["one", "two"], 0, &[7], vec![to_all(FAR)], behind, &own);
    lead(&mut net, 0, false);
    let label = Label {
        direction: Direction::Out,
        association: 0,
        originating: FAR,
        destination: NEAR,
        selection: 2,
        tried: 1,
    };
    net.them.send_for_another(&label, b"now", &mut Crossed::default()).unwrap();
    net.pump();
    assert_eq!(net.back, [(1, b"now".to_vec())]);
    // With no other way it waits.
    lead(&mut net, 1, false);
    net.them.send_for_another(&label, b"later", &mut Crossed::default()).unwrap();
    lead(&mut net, 0, true);
    net.run(Duration::from_millis(10));
    assert_eq!(net.back[1..], [(0, b"later".to_vec())]);
}
