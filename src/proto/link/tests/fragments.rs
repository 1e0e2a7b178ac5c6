//! Packets that arrive in fragments, and those that leave in them.

use super::*;
use crate::base::Random;
use crate::proto::link::checksum::Sum;

const OURS: [&str; 2] = ["192.0.2.10", "2001:db8::10"];
const THEIRS: [&str; 2] = ["203.0.114.9", "2001:db8:9::9"];
/// Octets that a packet may have behind its IP header.
const LONGEST: usize = 8192 + 8;
const UDP_NUMBER: u8 = 17;

/// A UDP datagram with its header and checksum, as it is before it is cut.
fn datagram(family: usize, payload: &[u8]) -> Vec<u8> {
    let len = (payload.len() + 8) as u16;
    let mut datagram = [&[0x13, 0xc4, 0x13, 0xc4][..], &len.to_be_bytes(), &[0, 0], payload].concat();
    let sum = view::pseudo_header(ip(THEIRS[family]), ip(OURS[family]), UDP_NUMBER, datagram.len());
    let sum = sum.octets(&datagram).field();
    datagram[6..8].copy_from_slice(&if sum == [0, 0] { [0xff; 2] } else { sum });
    datagram
}

/// One fragment in its frame, whatever it claims.
fn fragment(family: usize, protocol: u8, id: u32, offset: usize, more: bool, payload: &[u8]) -> Vec<u8> {
    let (source, destination) = (ip(THEIRS[family]), ip(OURS[family]));
    let mut frame = [&MAC[..], &GATEWAY].concat();
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let total = (20 + payload.len()) as u16;
            let place = (offset / 8) as u16 | u16::from(more) << 13;
            let mut header = [&[0x45, 0][..], &total.to_be_bytes(), &(id as u16).to_be_bytes()].concat();
            header.extend(place.to_be_bytes());
            header.extend([60, protocol, 0, 0]);
            header.extend(source.octets());
            header.extend(destination.octets());
            let sum = Sum::ZERO.octets(&header).field();
            header[10..12].copy_from_slice(&sum);
            frame.extend([8, 0]);
            frame.extend(header);
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            frame.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
            frame.extend(((8 + payload.len()) as u16).to_be_bytes());
            frame.extend([44, 60]);
            frame.extend(source.octets());
            frame.extend(destination.octets());
            frame.extend([protocol, 0]);
            frame.extend((offset as u16 | u16::from(more)).to_be_bytes());
            frame.extend(id.to_be_bytes());
        }
        _ => panic!("one family"),
    }
    frame.extend(payload);
    frame
}

/// `packet` in fragments, cut at these places.
fn cut(family: usize, id: u32, packet: &[u8], places: &[usize]) -> Vec<Vec<u8>> {
    let ends = places.iter().copied().chain([packet.len()]);
    let mut from = 0;
    ends.map(|end| {
        let piece = &packet[from..end];
        let frame = fragment(family, UDP_NUMBER, id, from, end < packet.len(), piece);
        from = end;
        frame
    })
    .collect()
}

fn room(link: &Link) -> Reassembled {
    Reassembled::new(link.longest_reassembled())
}

/// Gives the link these frames; the payload of the datagram that the last one completes.
fn deliver(link: &mut Link, wire: &mut Wire, now: Time, frames: &[Vec<u8>]) -> Option<Vec<u8>> {
    let (last, first) = frames.split_last().unwrap();
    for frame in first {
        assert_eq!(link.handle_input(now, P0, frame, wire), Ok(Input::Handled));
    }
    link.assert_invariants();
    match link.handle_input(now, P0, last, wire).unwrap() {
        Input::Reassembled => {
            let mut whole = room(link);
            assert!(link.take_reassembled(&mut whole));
            assert!(!link.take_reassembled(&mut whole), "once");
            link.assert_invariants();
            match link.handle_reassembled(now, &whole, wire).unwrap() {
                Input::Udp(datagram) => Some(datagram.payload.to_vec()),
                other => panic!("{other:?}"),
            }
        }
        Input::Handled => None,
        other => panic!("{other:?}"),
    }
}

fn payload(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 7 + at / 256) as u8).collect()
}

#[test]
fn fragments_in_any_order_make_the_datagram() {
    let text = payload(3515);
    for family in [0, 1] {
        let datagram = datagram(family, &text);
        let frames = cut(family, 7, &datagram, &[1232, 2464]);
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let (mut link, mut wire) = ready();
            let frames: Vec<_> = order.iter().map(|at| frames[*at].clone()).collect();
            assert_eq!(deliver(&mut link, &mut wire, Time::ZERO, &frames), Some(text.clone()), "{order:?}");
            assert_eq!((link.counts.fragments, link.counts.reassembled, link.counts.udp_in), (3, 1, 1));
            // The same identification again is another datagram.
            assert_eq!(deliver(&mut link, &mut wire, Time::ZERO, &frames), Some(text.clone()));
            assert!(wire.sent.is_empty());
        }
    }
}

/// 20,000 datagrams cut at random places, their fragments shuffled, some of them doubled, several trains at once.
#[test]
fn random_cuts_orders_and_copies_make_the_datagram() {
    let mut random = Random::stream(7, 0);
    let (mut link, mut wire) = ready();
    let mut below = |most: usize| random.below(most as u64) as usize;
    for round in 0..5_000u32 {
        let mut frames = Vec::new();
        let mut expected = Vec::new();
        for train in 0..4 {
            let family = below(2);
            let text = payload(64 + below(if round.is_multiple_of(50) { LONGEST - 8 - 64 } else { 600 }));
            let datagram = datagram(family, &text);
            let mut places: Vec<usize> =
                (0..below(6)).map(|_| (6 + below(datagram.len() / 8 - 6)) * 8).collect();
            places.sort_unstable();
            places.dedup();
            places.retain(|place| *place < datagram.len());
            // A fragment of IPv4 in the middle has 48 octets at least.
            let mut last = 0;
            places.retain(|place| {
                *place - last >= 48 && {
                    last = *place;
                    true
                }
            });
            if places.is_empty() {
                continue;
            }
            frames.extend(cut(family, round * 4 + train, &datagram, &places));
            expected.push(text);
        }
        for at in (1..frames.len()).rev() {
            frames.swap(at, below(at + 1));
        }
        let mut whole = room(&link);
        let mut arrived = Vec::new();
        for frame in &frames {
            // A copy of what is not complete yet: the same frame twice in a row, the first of which may complete it.
            for _ in 0..1 + usize::from(below(8) == 0) {
                let input = link.handle_input(Time::ZERO, P0, frame, &mut wire).unwrap();
                if input == Input::Reassembled {
                    assert!(link.take_reassembled(&mut whole));
                    match link.handle_reassembled(Time::ZERO, &whole, &mut wire) {
                        Ok(Input::Udp(datagram)) => arrived.push(datagram.payload.to_vec()),
                        other => panic!("{other:?}"),
                    }
                    break;
                }
            }
        }
        arrived.sort();
        expected.sort();
        assert_eq!(arrived, expected, "round {round}");
        link.assert_invariants();
    }
    let counts = &link.counts;
    assert!(counts.fragments_repeated > 100 && counts.reassembled > 10_000, "{counts:?}");
    assert_eq!(counts.fragments_overlapping + counts.fragments_beyond + counts.reassembly_full, 0);
}

/// 200,000 fragments by chance, most of which contradict others: what comes of them was sent so, and by nothing that
/// overlaps.
#[test]
fn nothing_is_made_that_was_not_sent() {
    let mut random = Random::stream(8, 0);
    let (mut link, mut wire) = ready();
    let mut whole = room(&link);
    let mut now = Time::ZERO;
    type Sent = Vec<(usize, bool, Vec<u8>)>;
    let mut sent = std::collections::BTreeMap::<(usize, u32), Sent>::new();
    for _ in 0..200_000 {
        let (family, id) = (random.below(2) as usize, random.below(4) as u32);
        let (start, more) = (random.below(4) as usize * 48, random.below(3) > 0);
        let octets = vec![random.below(2) as u8; [48, 48, 48, 96, 47, 0][random.below(6) as usize]];
        let frame = fragment(family, 17, id, start, more, &octets);
        let pieces = sent.entry((family, id)).or_default();
        // Neither of them counts as part of anything.
        let is_none = octets.is_empty() || more && octets.len() == 47 || !more && start == 0;
        let piece = (start, more, octets);
        if !is_none && !pieces.contains(&piece) {
            pieces.push(piece);
        }
        if link.handle_input(now, P0, &frame, &mut wire) == Ok(Input::Reassembled) {
            assert!(link.take_reassembled(&mut whole));
            let mut pieces = sent.remove(&(family, id)).unwrap();
            pieces.sort();
            let mut end = 0;
            for (start, more, octets) in &pieces {
                assert_eq!(*start, end, "a hole, or an overlap: {pieces:?}");
                end += octets.len();
                assert_eq!(*more, end < whole.octets().len());
            }
            let all: Vec<u8> = pieces.into_iter().flat_map(|(_, _, octets)| octets).collect();
            assert_eq!(all, whole.octets());
        }
        if random.below(32) == 0 {
            // All of them are over.
            now += Duration::from_secs(15);
            link.handle_timeout(now, &mut wire);
            wire.take();
            sent.clear();
            link.assert_invariants();
        }
    }
    let counts = &link.counts;
    assert!(counts.reassembled > 100 && counts.fragments_overlapping > 1000, "{counts:?}");
    assert!(counts.fragments_beyond > 100 && counts.fragments_of_refused > 1000, "{counts:?}");
}

#[test]
fn overlaps_are_refused() {
    let text = payload(2000);
    for family in [0, 1] {
        let whole = datagram(family, &text);
        let good = cut(family, 9, &whole, &[800, 1600]);
        let piece =
            |offset: usize, more, octets: &[u8]| fragment(family, UDP_NUMBER, 9, offset, more, octets);
        let mut forged = whole[800..1600].to_vec();
        forged[5] ^= 1;
        for (name, bad) in [
            ("a part of one there", piece(400, true, &whole[400..800])),
            ("half of it", piece(400, true, &whole[400..1200])),
            ("the same place, other octets", piece(800, true, &forged)),
            ("two at once", piece(0, true, &whole[..1600])),
            ("the same, shorter", piece(800, true, &whole[800..1200])),
            ("the same, as the last", piece(800, false, &whole[800..1600])),
        ] {
            let (mut link, mut wire) = ready();
            let mut counts = |frames: &[Vec<u8>]| {
                assert_eq!(deliver(&mut link, &mut wire, Time::ZERO, frames), None, "{name}");
                link.counts.clone()
            };
            let after = counts(&[good[0].clone(), good[1].clone(), bad]);
            assert_eq!((after.fragments_overlapping, after.fragments_of_refused), (1, 0), "{name}");
            // Nothing of it counts any more, not even all of it again.
            let after = counts(&[good[2].clone(), good[0].clone(), good[1].clone(), good[2].clone()]);
            assert_eq!((after.fragments_of_refused, after.reassembled), (4, 0));
            // After its time it may come anew, and nobody is told of the refused one.
            let later = Time::from_millis(15_000);
            link.handle_timeout(later, &mut wire);
            assert_eq!((link.counts.reassembly_late, link.counts.errors_out), (0, 0));
            assert_eq!(deliver(&mut link, &mut wire, later, &good), Some(text.clone()));
        }
    }
}

#[test]
fn copies_are_let_go() {
    for family in [0, 1] {
        let (mut link, mut wire) = ready();
        let text = payload(2000);
        let [a, b, c] = cut(family, 9, &datagram(family, &text), &[800, 1600]).try_into().unwrap();
        let frames = [c.clone(), a.clone(), c, a, b];
        assert_eq!(deliver(&mut link, &mut wire, Time::ZERO, &frames), Some(text));
        assert_eq!((link.counts.fragments_repeated, link.counts.fragments_overlapping), (2, 0));
    }
}

#[test]
fn an_end_that_contradicts_is_refused() {
    for family in [0, 1] {
        let piece = |offset: usize, more, len: usize| {
            fragment(family, UDP_NUMBER, 9, offset, more, &payload(offset + len)[offset..])
        };
        for bad in [
            // Behind the end, up to it and further ones to come, another end before and behind it, an end before what is there.
            [piece(0, true, 400), piece(800, false, 800), piece(1600, true, 800)],
            [piece(0, true, 800), piece(1600, false, 800), piece(800, true, 1600)],
            [piece(0, true, 800), piece(1600, false, 400), piece(800, false, 400)],
            [piece(0, true, 800), piece(1600, false, 400), piece(2400, false, 400)],
            [piece(0, true, 800), piece(1600, true, 800), piece(800, false, 400)],
        ] {
            let (mut link, mut wire) = ready();
            let [first, second, third] = &bad;
            link.handle_input(Time::ZERO, P0, first, &mut wire).unwrap();
            assert_eq!(link.handle_input(Time::ZERO, P0, second, &mut wire), Ok(Input::Handled));
            assert_eq!(link.handle_input(Time::ZERO, P0, third, &mut wire), Ok(Input::Handled));
            assert_eq!(link.counts.fragments_beyond, 1, "{:?}", link.counts);
            assert_eq!(link.counts.reassembled, 0);
        }
    }
}

/// Ping of death, nothing, uneven cuts, tiny first fragments.
#[test]
fn fragments_that_are_none() {
    for family in [0, 1] {
        for (name, frame, count, error) in [
            ("death", fragment(family, 1, 1, 65_528, false, &[0; 800]), 0, Some((0, 42))),
            ("beyond", fragment(family, UDP_NUMBER, 1, LONGEST - 8, true, &[0; 64]), 0, Some((0, 42))),
            ("empty", fragment(family, UDP_NUMBER, 1, 800, true, &[]), 1, None),
            ("empty end", fragment(family, UDP_NUMBER, 1, 800, false, &[]), 1, None),
            ("uneven", fragment(family, UDP_NUMBER, 1, 800, true, &[0; 801]), 2, Some((0, 4))),
            ("tiny", fragment(family, 132, 1, 0, true, &[0; 8]), 3, Some((3, 0))),
        ] {
            let (mut link, mut wire) = ready();
            assert_eq!(link.handle_input(Time::ZERO, P0, &frame, &mut wire), Ok(Input::Handled), "{name}");
            let counts = &link.counts;
            let counted = [
                counts.fragments_too_long,
                counts.fragments_empty,
                counts.fragments_uneven,
                counts.fragments_tiny,
            ];
            assert_eq!((counted[count], counted.iter().sum::<u64>()), (1, 1), "{name}: {counts:?}");
            match error.filter(|_| family == 1) {
                None => assert!(wire.sent.is_empty(), "{name}"),
                Some((code, pointer)) => {
                    let error = wire.one();
                    assert_eq!((error[54], error[55], error[61]), (4, code, pointer), "{name}: {error:02x?}");
                }
            }
        }
    }
    // Of IPv4, any link carries more than 40 octets behind the header.
    let (mut link, mut wire) = ready();
    let frame = fragment(0, UDP_NUMBER, 1, 800, true, &[0; 40]);
    assert_eq!(link.handle_input(Time::ZERO, P0, &frame, &mut wire), Ok(Input::Handled));
    assert_eq!(link.counts.fragments_tiny, 1);
}

#[test]
fn a_table_full_of_first_fragments_refuses_and_recovers() {
    let mut config = config();
    config.reassembly =
        ReassemblyConfig { entries: 16, known: vec![ip(THEIRS[0]).into()], ..config.reassembly };
    let mut link = Link::new(config).unwrap();
    let mut wire = Wire::new();
    link.learn(Time::ZERO, told("192.0.2.1", None, GATEWAY), &mut wire);
    let text = payload(2000);
    let good = cut(0, 1, &datagram(0, &text), &[800, 1600]);
    let from = |source: [u8; 4], id: u32| {
        let mut frame = fragment(0, UDP_NUMBER, id, 0, true, &[0; 800]);
        for (at, octet) in source.into_iter().enumerate() {
            patch(&mut frame, 26 + at, octet, 24);
        }
        frame
    };
    // One stranger gets a quarter, all together half; a known source finds room all the same.
    for id in 0..6 {
        link.handle_input(Time::ZERO, P0, &from([203, 0, 114, 77], id), &mut wire).unwrap();
    }
    assert_eq!((link.counts.reassembly_source_full, link.counts.reassembly_full), (2, 0));
    for number in 0..100 {
        link.handle_input(Time::ZERO, P0, &from([203, 0, 115, number], 1), &mut wire).unwrap();
    }
    assert_eq!(link.counts.reassembly_full, 96);
    assert_eq!(deliver(&mut link, &mut wire, Time::ZERO, &good), Some(text.clone()));
    // What had room goes on, too.
    for id in 0..4 {
        let frame = fragment(0, UDP_NUMBER, 100 + id, 0, true, &[0; 800]);
        link.handle_input(Time::ZERO, P0, &frame, &mut wire).unwrap();
    }
    assert_eq!(deliver(&mut link, &mut wire, Time::ZERO, &good), None);
    assert_eq!(link.counts.reassembly_source_full, 5);
    link.assert_invariants();
    assert_eq!(link.poll_timeout(), Time::ZERO, "a gateway is to be asked for");
    link.handle_timeout(Time::from_millis(14_999), &mut wire);
    assert_eq!(link.counts.reassembly_late, 0);
    wire.take();
    let later = Time::from_millis(15_000);
    link.handle_timeout(later, &mut wire);
    assert_eq!(link.counts.reassembly_late, 12);
    assert_eq!(wire.take().iter().filter(|frame| frame[12..14] == [8, 0] && frame[34] == 11).count(), 12);
    link.assert_invariants();
    assert_eq!(deliver(&mut link, &mut wire, later, &good), Some(text));
}

/// Time exceeded (RFC 792, RFC 4443 3.3) for those whose first fragment came, and not more of them than of other errors.
#[test]
fn the_sender_of_a_late_packet_is_told() {
    for family in [0, 1] {
        let (mut link, mut wire) = ready();
        let frames = cut(family, 5, &datagram(family, &payload(3000)), &[1232, 2464]);
        assert_eq!(deliver(&mut link, &mut wire, Time::ZERO, &frames[..2]), None);
        let other = cut(family, 6, &datagram(family, &payload(3000)), &[1232, 2464]);
        assert_eq!(deliver(&mut link, &mut wire, Time::from_millis(1), &other[1..]), None);
        link.handle_timeout(Time::from_millis(15_000), &mut wire);
        let error = wire
            .take()
            .into_iter()
            .find(|frame| frame[12..14] != [8, 6] && frame[20] != 58 || frame[54] < 128);
        let error = error.unwrap();
        assert_eq!((link.counts.reassembly_late, link.counts.errors_out), (1, 1));
        let (icmp, kind) = if family == 0 { (34, 11) } else { (54, 3) };
        assert_eq!(error[icmp..icmp + 2], [kind, 1]);
        // It quotes the first fragment from its IP header on.
        let quote = &error[icmp + 8..];
        assert_eq!(quote[..quote.len()], frames[0][14..14 + quote.len()]);
        link.handle_timeout(Time::from_millis(15_001), &mut wire);
        assert_eq!(
            (link.counts.reassembly_late, link.counts.errors_out),
            (2, 1),
            "without its first: nobody"
        );
    }
}

/// RFC 6946: with a fragment header, but whole. It has nothing to do with a train of the same identification.
#[test]
fn v6_atomic_fragment() {
    let (mut link, mut wire) = ready();
    let text = payload(900);
    let train = cut(1, 3, &datagram(1, &payload(2000)), &[800, 1600]);
    assert_eq!(deliver(&mut link, &mut wire, Time::ZERO, &train[..1]), None);
    let atomic = fragment(1, UDP_NUMBER, 3, 0, false, &datagram(1, &text));
    match link.handle_input(Time::ZERO, P0, &atomic, &mut wire).unwrap() {
        Input::Udp(datagram) => assert_eq!(datagram.payload, text),
        other => panic!("{other:?}"),
    }
    assert_eq!((link.counts.fragments, link.counts.reassembled), (1, 0));
    assert_eq!(deliver(&mut link, &mut wire, Time::ZERO, &train[1..]), Some(payload(2000)));
    // Another fragment header within it is against RFC 8200.
    let nested = [&[UDP_NUMBER, 0, 0, 1, 0, 0, 0, 9][..], &datagram(1, &text)].concat();
    let frame = fragment(1, 44, 3, 0, false, &nested);
    let refused = link.handle_input(Time::ZERO, P0, &frame, &mut wire).unwrap_err();
    assert_eq!(refused.why, Why::Ipv6Extension as u8);
}

/// Each fragment goes to the worker that a hash names, the same for all of a train; trains spread.
#[test]
fn one_worker_has_a_train() {
    let mut links: Vec<Link> = (0..4)
        .map(|worker| Link::new(LinkConfig { worker: WorkerId(worker), workers: 4, ..config() }).unwrap())
        .collect();
    let mut wire = Wire::new();
    let mut owned = [0; 4];
    for id in 0..200 {
        let family = usize::from(id % 2 == 1);
        let text = payload(2000);
        let frames = cut(family, id, &datagram(family, &text), &[800, 1600]);
        let owners: Vec<WorkerId> = frames
            .iter()
            .zip(0usize..)
            .map(|(frame, at)| match links[at].handle_input(Time::ZERO, P0, frame, &mut wire) {
                Ok(Input::Elsewhere(owner)) => owner,
                Ok(Input::Handled) => WorkerId(at as u8),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(owners[..], [owners[0]; 3]);
        owned[usize::from(owners[0].0)] += 1;
    }
    assert!(owned.iter().all(|count| *count > 30), "{owned:?}");
}

/// What a link has sent, as another gets it.
fn received(frames: &[Vec<u8>], link: &mut Link) -> Option<Vec<u8>> {
    let frames: Vec<Vec<u8>> =
        frames.iter().map(|frame| [&MAC[..], &GATEWAY, &frame[12..]].concat()).collect();
    deliver(link, &mut Wire::new(), Time::ZERO, &frames)
}

fn reversed(family: usize) -> Link {
    let mut config = config();
    config.ports[0].addresses = vec![own(THEIRS[family], if family == 0 { 24 } else { 64 }, None)];
    config.routes.clear();
    config.ports.truncate(1);
    Link::new(config).unwrap()
}

#[test]
fn what_is_larger_than_the_link_goes_in_fragments() {
    for family in [0, 1] {
        let flow = udp(OURS[family], THEIRS[family]);
        let header = if family == 0 { 20 } else { 40 };
        let fits = 1500 - header - 8;
        for (len, pieces) in [(fits, 1), (fits + 1, 2), (1900, 2)] {
            let (mut link, mut wire) = ready();
            transmit(&mut link, &mut wire, Time::ZERO, &flow, &payload(len));
            let frames = wire.take();
            assert_eq!((frames.len(), link.counts.too_long), (pieces, 0));
            assert_eq!(link.counts.fragmented, u64::from(pieces > 1));
            if pieces > 1 {
                assert_eq!(received(&frames, &mut reversed(family)), Some(payload(len)));
            }
        }
        // Up to what is configured, from the room for it.
        for (len, sent) in [(300, true), (3515, true), (LONGEST - 8, true), (LONGEST - 7, false)] {
            let (mut link, mut wire) = ready();
            let text = payload(len);
            let room = link.long_room().unwrap();
            if let Some(room) = room.get_mut(..len) {
                room.copy_from_slice(&text);
            }
            assert!(link.take_long() && !link.take_long());
            link.transmit_long(Time::ZERO, &flow, len, &mut wire);
            let frames = wire.take();
            assert!(frames.iter().all(|frame| frame.len() <= 1514));
            match (sent, len > fits) {
                (false, _) => assert_eq!((frames.len(), link.counts.too_long), (0, 1)),
                (true, true) => {
                    let (last, others) = frames.split_last().unwrap();
                    assert!(
                        others.iter().all(|frame| (frame.len() - 14 - header).is_multiple_of(8))
                            && last.len() > 60
                    );
                    assert_eq!(received(&frames, &mut reversed(family)), Some(text));
                }
                (true, false) => assert_eq!(frames.len(), 1),
            }
        }
    }
}

/// RFC 6864 4.3: within the life of a packet no other between the two has its identification, whichever worker sends it; and
/// no fragment forbids to be fragmented further.
#[test]
fn fragments_are_told_apart() {
    for family in [0, 1] {
        let mut seen = std::collections::BTreeSet::new();
        for worker in 0..3 {
            let config = LinkConfig { worker: WorkerId(worker), workers: 3, ..config() };
            let (mut link, mut wire) = (Link::new(config).unwrap(), Wire::new());
            for gateway in ["192.0.2.1", "2001:db8::1"] {
                link.learn(Time::ZERO, told(gateway, None, GATEWAY), &mut wire);
            }
            for _ in 0..1000 {
                transmit(
                    &mut link,
                    &mut wire,
                    Time::ZERO,
                    &udp(OURS[family], THEIRS[family]),
                    &payload(1900),
                );
                let frames = wire.take();
                let id =
                    |frame: &[u8]| if family == 0 { frame[18..20].to_vec() } else { frame[58..62].to_vec() };
                assert_eq!(frames.len(), 2);
                assert_eq!(id(&frames[0]), id(&frames[1]));
                assert!(family == 1 || frames.iter().all(|frame| frame[20] & 0x40 == 0));
                assert!(seen.insert(id(&frames[0])), "worker {worker}");
            }
        }
    }
}

#[test]
fn a_narrow_path_gets_fragments_for_ten_minutes() {
    for (family, narrow, least) in [(0, 1000, 576), (1, 1400, 1280)] {
        let (mut link, mut wire) = ready();
        let flow = udp(OURS[family], THEIRS[family]);
        let text = payload(1400);
        let mut longest = |link: &mut Link, now| {
            transmit(link, &mut wire, now, &flow, &text);
            let frames = wire.take();
            frames.iter().map(|frame| frame.len() - 14).max().unwrap()
        };
        assert!(longest(&mut link, Time::ZERO) > 1400);
        assert!(!link.lower_mtu(Time::ZERO, flow.destination, 0), "not told how much");
        assert!(link.lower_mtu(Time::ZERO, flow.destination, narrow));
        assert!(!link.lower_mtu(Time::ZERO, flow.destination, narrow + 8), "known to be less");
        let fits = longest(&mut link, Time::ZERO);
        assert!(fits <= narrow as usize && fits > narrow as usize - 8);
        // Nobody gets us to send crumbs.
        assert!(link.lower_mtu(Time::ZERO, flow.destination, 68));
        let fits = longest(&mut link, Time::ZERO);
        assert!(fits <= least && fits > least - 8, "{fits}");
        assert_eq!(link.counts.paths_lowered, 2);
        let elsewhere = udp(OURS[family], if family == 0 { "203.0.114.10" } else { "2001:db8:9::a" });
        transmit(&mut link, &mut Wire::new(), Time::ZERO, &elsewhere, &text);
        assert!(longest(&mut link, Time::from_millis(600_000)) > 1400, "it may have widened");
        link.assert_invariants();
    }
}

/// An echo request in fragments is answered in fragments.
#[test]
fn a_long_echo() {
    let (mut link, mut wire) = ready();
    let mut ping = [&[8, 0, 0, 0, 1, 2, 3, 4][..], &payload(3000)].concat();
    let sum = Sum::ZERO.octets(&ping).field();
    ping[2..4].copy_from_slice(&sum);
    let mut whole = room(&link);
    for (offset, more) in [(0, true), (1480, true), (2960, false)] {
        let piece = &ping[offset..ping.len().min(offset + 1480)];
        link.handle_input(Time::ZERO, P0, &fragment(0, 1, 8, offset, more, piece), &mut wire).unwrap();
    }
    assert!(link.take_reassembled(&mut whole));
    assert_eq!(link.handle_reassembled(Time::ZERO, &whole, &mut wire), Ok(Input::Handled));
    let frames = wire.take();
    assert_eq!((frames.len(), link.counts.echoes), (3, 1));
    let answer: Vec<u8> = frames
        .iter()
        .flat_map(|frame| frame[34..14 + usize::from(frame[16]) * 256 + usize::from(frame[17])].to_vec())
        .collect();
    assert_eq!((answer[0], &answer[4..]), (0, &ping[4..]));
    assert!(Sum::ZERO.octets(&answer).is_right());
}

/// Another worker goes on with what this one has put together.
#[test]
fn a_packet_crosses_in_parts() {
    let (mut link, mut wire) = ready();
    let text = payload(5000);
    let mut whole = room(&link);
    for frame in cut(1, 9, &datagram(1, &text), &[1232, 2464, 3696]) {
        link.handle_input(Time::ZERO, P0, &frame, &mut wire).unwrap();
    }
    assert!(link.take_reassembled(&mut whole));
    let parts: Vec<(Part, Vec<u8>)> =
        whole.parts(2048).map(|(part, octets)| (part, octets.to_vec())).collect();
    assert_eq!(
        parts.iter().map(|(part, octets)| (part.offset, octets.len())).collect::<Vec<_>>(),
        [(0, 2048), (2048, 2048), (4096, 912)]
    );
    let mut other = room(&link);
    let take = |other: &mut Reassembled, at: usize| other.take_in(&parts[at].0, &parts[at].1);
    // One lost in between spoils it, until another begins.
    assert_eq!(
        [0, 2, 1, 0, 1].map(|at| take(&mut other, at)),
        [Some(false), None, None, Some(false), Some(false)]
    );
    assert_eq!(take(&mut other, 2), Some(true));
    assert_eq!(other.octets(), whole.octets());
    match link.handle_reassembled(Time::ZERO, &other, &mut wire).unwrap() {
        Input::Udp(datagram) => assert_eq!((datagram.payload, datagram.source), (&text[..], ip(THEIRS[1]))),
        other => panic!("{other:?}"),
    }
    let long = Part { total: u16::MAX, ..parts[0].0 };
    assert_eq!(other.take_in(&long, &vec![0; LONGEST + 1]), None);
}
