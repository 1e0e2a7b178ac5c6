use super::*;
use crate::base::PortId;
use std::cell::RefCell;
use std::rc::Rc;

const PORT: PortId = PortId(0);
const EVERYBODY: [u8; 6] = [0xff; 6];

fn frame(to: [u8; 6], from: [u8; 6], payload: &[u8]) -> Vec<u8> {
    [&to[..], &from, &[0x88, 0xb5], payload].concat()
}

/// When, and the payload.
type Heard = Rc<RefCell<Vec<(Time, Vec<u8>)>>>;

/// A peer that writes down what it hears.
fn listener(simulation: &mut Simulation, name: &str, bridge: BridgeId) -> (LinkId, Heard) {
    let heard = Heard::default();
    let notes = heard.clone();
    let peer = simulation.add_peer(name, &[bridge], |io, _| {
        Scripted::new(io, move |now, frame, _| {
            notes.borrow_mut().extend(frame.map(|(_, frame)| (now, frame[14..].to_vec())));
        })
    });
    (simulation.links_of_peer(peer)[0], heard)
}

/// A peer that sends `count` frames to everybody, numbered and with the time, one every 10 µs.
fn sender(simulation: &mut Simulation, bridge: BridgeId, count: u32) -> LinkId {
    let mut sent = 0u32;
    let peer = simulation.add_peer("sender", &[bridge], |io, _| {
        Scripted::new(io, move |now, _, ports| {
            if sent < count {
                let payload = [&now.as_nanos().to_be_bytes()[..], &sent.to_be_bytes()].concat();
                ports.send(PORT, &frame(EVERYBODY, ports.mac(PORT), &payload));
                sent += 1;
                ports.wake_at(now + Duration::from_micros(10));
            }
        })
    });
    simulation.links_of_peer(peer)[0]
}

fn sent_at(payload: &[u8]) -> Time {
    Time::from_nanos(u64::from_be_bytes(*payload.first_chunk().unwrap()))
}

fn number(payload: &[u8]) -> u32 {
    u32::from_be_bytes(*payload.last_chunk().unwrap())
}

const BAD: Quality = Quality {
    loss: 100_000,
    duplicate: 50_000,
    damage: 0,
    reorder: 20_000,
    delay: Duration::from_micros(100),
    jitter: Duration::from_micros(50),
    room: 64,
};

/// 10,000 frames over a link that works like `quality`, and one that is perfect.
fn run(seed: u64, quality: Quality) -> (Simulation, LinkId, Vec<(Time, Vec<u8>)>) {
    let mut simulation = Simulation::new(seed);
    let bridge = simulation.add_bridge();
    let link = sender(&mut simulation, bridge, 10_000);
    let (_, heard) = listener(&mut simulation, "listener", bridge);
    simulation.link(link).from_node.quality = quality;
    simulation.pass(Duration::from_secs(1));
    assert_eq!(simulation.now(), Time::from_millis(2000));
    simulation.assert_no_frame_is_lost();
    (simulation, link, heard.take())
}

#[test]
fn a_seed_decides_everything() {
    let (first, _, heard) = run(1, BAD);
    let (again, _, heard_again) = run(1, BAD);
    assert_eq!((first.trace(), heard), (again.trace(), heard_again));
    let (other, ..) = run(2, BAD);
    assert_ne!(first.trace(), other.trace());
    assert!(first.trace().frames > 18_000);
}

#[test]
fn what_goes_in_comes_out_is_lost_or_doubled_in_the_shares_asked_for() {
    let (mut simulation, link, heard) = run(3, BAD);
    let counts = &simulation.link(link).from_node.counts;
    assert_eq!((counts.sent, counts.full, counts.refused), (10_000, 0, 0));
    assert_eq!(counts.arrived, counts.sent - counts.lost + counts.doubled);
    assert_eq!(heard.len() as u64, counts.arrived);
    // Four standard deviations around what is expected.
    assert!((880..=1120).contains(&counts.lost), "{counts:?}");
    assert!((370..=535).contains(&counts.doubled), "{counts:?}");
    assert!((130..=250).contains(&counts.held_back), "{counts:?}");
}

#[test]
fn nothing_arrives_before_it_was_sent_nor_later_than_it_may() {
    let (_, _, heard) = run(4, BAD);
    let (least, most) = (BAD.delay + Quality::PERFECT.delay, BAD.jitter * 2 + Duration::from_micros(30));
    for (now, payload) in heard {
        let took = now.since(sent_at(&payload));
        assert!(took >= least && took <= least + most, "{took:?}");
    }
}

#[test]
fn frames_keep_their_order_unless_they_are_held_back() {
    let disorder = |quality| {
        let (mut simulation, link, heard) = run(5, quality);
        let passed = heard.windows(2).filter(|pair| number(&pair[0].1) > number(&pair[1].1)).count() as u64;
        (passed, simulation.link(link).from_node.counts.held_back)
    };
    assert_eq!(disorder(Quality { reorder: 0, ..BAD }), (0, 0), "in spite of jitter");
    let (passed, held_back) = disorder(BAD);
    assert!(passed > 50 && passed <= held_back, "{passed} of {held_back}");
}

#[test]
fn a_damaged_frame_has_one_bit_turned() {
    let (mut simulation, link, _) = run(6, Quality { damage: 1_000_000, ..Quality::PERFECT });
    assert_eq!(simulation.link(link).from_node.counts.damaged, 10_000);
    let mut network = Network::new(Random::new(1));
    let bridge = network.add_bridge();
    let pool = Pool::new(4);
    let (node, end) = pair(1, 2, &pool);
    let link = network.add_link("a", bridge, end.clone(), 0);
    let (listener, end) = pair(1, 2, &pool);
    network.add_link("b", bridge, end, 1);
    network.links[link].from_node.quality.damage = 1_000_000;
    let original = frame([0; 6], [2; 6], &[0; 50]);
    assert!(node.send(0, &original));
    network.collect(Time::ZERO, link, 0);
    for millis in 1..3 {
        network.deliver(Time::from_millis(millis), &mut |actor| assert_eq!(actor, 1));
    }
    let arrived = listener.receive(0).unwrap();
    let turned: u32 = original.iter().zip(arrived.bytes()).map(|(a, b)| (a ^ b).count_ones()).sum();
    assert_eq!(turned, 1);
}

#[test]
fn a_link_holds_so_many_frames_and_no_more() {
    let delay = Duration::from_micros(1000);
    let (mut simulation, link, heard) = run(7, Quality { delay, room: 10, ..Quality::PERFECT });
    let counts = simulation.link(link).from_node.counts.clone();
    assert!(counts.full > 8_000 && counts.arrived + counts.full == 10_000, "{counts:?}");
    assert_eq!((heard.len() as u64, simulation.on_the_way()), (counts.arrived, 0));
}

#[test]
fn a_bridge_sends_frames_where_their_address_was_seen() {
    let mut simulation = Simulation::new(8);
    let (bridge, other) = (simulation.add_bridge(), simulation.add_bridge());
    let (known, heard_by_known) = listener(&mut simulation, "known", bridge);
    let (_, heard_by_third) = listener(&mut simulation, "third", bridge);
    let (_, heard_elsewhere) = listener(&mut simulation, "elsewhere", other);
    // Its first frame tells the bridge where it is.
    let answerer = simulation.add_peer("answerer", &[bridge], |io, _| {
        Scripted::new(io, |_, heard, ports| {
            let from = ports.mac(PORT);
            match heard {
                None => ports.send(PORT, &frame(EVERYBODY, from, b"here")),
                Some((_, heard)) => ports.send(PORT, &frame([1, 0, 0, 0, 0, 1], from, &heard[14..])),
            }
        })
    });
    simulation.pass(Duration::from_millis(1));
    let to = simulation.peer(answerer).mac();
    let caller = simulation.add_peer("caller", &[bridge], |io, _| {
        Scripted::new(io, move |_, heard, ports| {
            if heard.is_none() {
                ports.send(PORT, &frame(to, ports.mac(PORT), b"for you"));
            }
        })
    });
    simulation.pass(Duration::from_millis(1));
    let payloads = |heard: &Heard| -> Vec<Vec<u8>> { heard.take().into_iter().map(|(_, it)| it).collect() };
    // The answer goes to a group: to all.
    assert_eq!(payloads(&heard_by_third), [b"here".to_vec(), b"for you".to_vec()]);
    assert_eq!(payloads(&heard_by_known).len(), 2);
    assert!(payloads(&heard_elsewhere).is_empty());
    let link = simulation.links_of_peer(caller)[0];
    assert_eq!(simulation.link(link).to_node.counts.arrived, 1, "the answer alone");
    simulation.set_quality(bridge, Quality::CUT);
    simulation.peer_mut(answerer).wake();
    simulation.pass(Duration::from_millis(1));
    assert!(simulation.link(known).to_node.counts.arrived == 2 && heard_by_third.take().is_empty());
}

#[test]
fn a_queue_is_chosen_by_chance_or_by_the_flow() {
    let mut network = Network::new(Random::new(9));
    let bridge = network.add_bridge();
    let pool = Pool::new(600);
    let (node, end) = pair(2, 512, &pool);
    let to = network.add_link("two queues", bridge, end, 5);
    let (sender, end) = pair(1, 512, &pool);
    let from = network.add_link("sender", bridge, end, 7);
    let udp = |port: u8| {
        let mut packet = vec![0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2];
        packet.extend([0x13, port, 0x13, 0xc4, 0, 8, 0, 0]);
        [&[2; 6][..], &[4; 6], &[8, 0], &packet].concat()
    };
    let mut on_queues = |queues, port| {
        network.links[to].queues = queues;
        for _ in 0..100 {
            assert!(sender.send(0, &udp(port)));
        }
        network.collect(Time::ZERO, from, 0);
        for millis in 1..3 {
            network.deliver(Time::from_millis(millis), &mut |actor| assert!(actor == 5 || actor == 6));
        }
        [0, 1].map(|queue| core::iter::from_fn(|| node.receive(queue)).count())
    };
    let [first, second] = on_queues(Queues::Chance, 1);
    assert!(first > 30 && second > 30 && first + second == 100, "{first} {second}");
    for port in 0..16 {
        let expected = receive_queue_of(&udp(port));
        assert_eq!(on_queues(Queues::Toeplitz, port)[expected], 100);
    }
    assert!((0..16).any(|port| receive_queue_of(&udp(port)) == 1));
}

fn receive_queue_of(frame: &[u8]) -> usize {
    crate::io::receive_queue(frame, 2)
}

#[test]
fn a_node_without_room_loses_frames_and_they_are_counted() {
    let mut simulation = Simulation::new(10);
    let bridge = simulation.add_bridge();
    sender(&mut simulation, bridge, 1000);
    let (link, heard) = listener(&mut simulation, "listener", bridge);
    let actor = simulation.actors.len() - 1;
    simulation.actors[actor].ready = simulation.now + Duration::from_millis(500);
    simulation.pass(Duration::from_secs(1));
    let refused = simulation.link(link).to_node.counts.refused;
    assert_eq!((refused, heard.take().len()), (1000 - 256, 256));
    simulation.assert_no_frame_is_lost();
}

#[test]
fn a_test_that_fails_leaves_its_frames() {
    let failed = std::thread::Builder::new().name("sim::leaves its frames".into()).spawn(|| {
        let (simulation, ..) = run(11, Quality::PERFECT);
        assert_eq!(simulation.trace().frames, 0, "to fail");
    });
    assert!(failed.unwrap().join().is_err());
    // Whoever builds elsewhere may have no such folder.
    let target = std::path::PathBuf::from("target");
    let target = if target.is_dir() { target } else { std::env::temp_dir() };
    let name = target.join("sim-sim__leaves_its_frames-11.pcapng");
    let file = std::fs::read(&name).expect("the file");
    std::fs::remove_file(&name).unwrap();
    let (mut at, mut kinds) = (0, std::collections::BTreeMap::<u32, u32>::new());
    while at < file.len() {
        let word = |at: usize| u32::from_le_bytes(*file[at..].first_chunk().unwrap());
        let length = word(at + 4) as usize;
        assert_eq!(word(at + length - 4) as usize, length, "its length stands at both ends");
        *kinds.entry(word(at)).or_default() += 1;
        at += length;
    }
    assert_eq!(kinds, [(1, 2), (6, 20_000), (0x0a0d_0d0a, 1)].into());
}

#[test]
fn the_last_megabytes_of_frames_are_kept() {
    let mut capture = capture::Capture::default();
    capture.add_interface("a");
    for at in 0..20_000 {
        capture.add(Time::from_millis(at), 0, true, &[at as u8; 1000]);
    }
    let path = capture.write("bounded test").unwrap();
    let length = std::fs::metadata(&path).unwrap().len();
    std::fs::remove_file(path).unwrap();
    assert!((4 << 20..=8 << 20).contains(&length), "{length}");
}

#[test]
fn the_clock_stands_where_it_is_told_to() {
    let stands = |clock| {
        let mut simulation = Simulation::new(12);
        simulation.clock = clock;
        let bridge = simulation.add_bridge();
        sender(&mut simulation, bridge, 3);
        let (_, heard) = listener(&mut simulation, "listener", bridge);
        let mut steps = 0;
        while simulation.step(Time::from_millis(1010)) {
            steps += 1;
        }
        let times: Vec<u64> = heard.take().iter().map(|(now, _)| now.as_nanos() / 1000 % 100_000).collect();
        (steps, times)
    };
    let grain = Duration::from_micros(500);
    let (steps, times) = stands(Clock::Steps(grain));
    assert_eq!((steps, times), (20, vec![1500, 2000, 2500]));
    let (steps, times) = stands(Clock::Grid(grain));
    assert_eq!((steps, times), (6, vec![1500, 2000, 2500]));
    let (_, times) = stands(Clock::Jumps);
    assert!(times.iter().all(|at| *at < 100), "{times:?}");
}
