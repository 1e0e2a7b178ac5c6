//! Seeded chance: what is written is read, and segments of many peers in any order of arrival become what they were.

use super::lies::Part;
use super::*;
use crate::base::{Random, SipKey};
use crate::codec::mutated::mutated;
use crate::proto::sccp::{Reassembly, ReassemblyConfig};

fn octets(random: &mut Random, length: u64) -> Vec<u8> {
    (0..length).map(|_| random.bits() as u8).collect()
}

fn some_digits(random: &mut Random) -> Digits {
    (0..random.below(31)).fold(Digits::EMPTY, |digits, _| digits.with(random.below(15) as u8).unwrap())
}

/// An address whose unwritten parts are as they are read.
fn some_address(random: &mut Random) -> SccpAddress {
    let chance = |random: &mut Random| random.below(2) == 0;
    let title = chance(random).then(|| {
        let digits = some_digits(random);
        let (tt, plan, nature) = (random.bits() as u8, random.below(16) as u8, random.below(128) as u8);
        let none = GlobalTitle {
            indicator: TitleIndicator::Nature,
            translation_type: 0,
            numbering_plan: NumberingPlan(0),
            nature: NatureOfAddress(0),
            digits,
        };
        let (plan, nature) = (NumberingPlan(plan), NatureOfAddress(nature));
        match random.below(4) {
            0 => GlobalTitle { numbering_plan: NumberingPlan::E164, nature, ..none },
            1 => GlobalTitle { indicator: TitleIndicator::TranslationType, translation_type: tt, ..none },
            2 => GlobalTitle {
                indicator: TitleIndicator::TypeAndPlan,
                translation_type: tt,
                numbering_plan: plan,
                ..none
            },
            _ => GlobalTitle {
                indicator: TitleIndicator::TypePlanAndNature,
                translation_type: tt,
                numbering_plan: plan,
                nature,
                digits,
            },
        }
    });
    SccpAddress {
        point_code: chance(random).then(|| PointCode(random.below(1 << 14) as u32)),
        ssn: chance(random).then(|| Ssn(random.bits() as u8)),
        title,
        route_on_ssn: chance(random),
        national: chance(random),
    }
}

#[test]
fn what_is_written_is_read() {
    let mut random = Random::new(17);
    for _ in 0..20_000 {
        let kind = [Kind::Udt, Kind::Xudt, Kind::Ludt][random.below(3) as usize];
        let (called, calling) = (some_address(&mut random), some_address(&mut random));
        let longest = if kind == Kind::Ludt { 900 } else { 200 };
        let length = 1 + random.below(longest);
        let data = octets(&mut random, length);
        let return_on_error = random.below(2) == 0;
        let bytes = built(kind, return_on_error, &called, &calling, &data);
        let read = parsed(&bytes);
        assert_eq!((read.kind, read.return_on_error, read.class), (kind, return_on_error, 1));
        assert_eq!((read.called, read.calling, read.data), (called, calling, &data[..]));
        let mut buffer = [0; 1200];
        let mut writer = Prepend::new(&mut buffer);
        build::service(&mut writer, &read, Cause::MTP_FAILURE).unwrap();
        let Ok(Input::Service(service)) = parse(writer.finish().unwrap()) else { panic!() };
        assert_eq!((service.called, service.calling, service.data), (calling, called, &data[..]));
    }
}

/// Titles in full, of numbers of so many digits.
fn titled(random: &mut Random, digits: u64) -> SccpAddress {
    let some = |random: &mut Random| {
        (0..digits).fold(Digits::EMPTY, |all, _| all.with(random.below(15) as u8).unwrap())
    };
    SccpAddress {
        national: random.below(2) == 0,
        ..SccpAddress::titled(some(random), Ssn(random.bits() as u8))
    }
}

/// The form that nearly every UDT has is taken apart in one step: whatever is changed in one, that says what is said of
/// parts and addresses of any form.
#[test]
fn the_usual_udt_is_read_as_any_other() {
    let mut random = Random::new(31);
    let (mut usual, mut others, mut refused) = (0, 0, 0);
    for digits in [6, 7, 8, 11, 12, 15, 16, 17] {
        let (called, calling) = (titled(&mut random, digits), titled(&mut random, 23 - digits));
        let udt = built(Kind::Udt, digits % 2 == 0, &called, &calling, b"data");
        mutated(&udt, digits, &mut |bytes| {
            let read = parse(bytes);
            assert_eq!(read, view::any(bytes), "{bytes:02x?}");
            match (view::usual(bytes), read) {
                (Some(_), _) => usual += 1,
                (None, Ok(_)) => others += 1,
                (None, Err(_)) => refused += 1,
            }
        });
    }
    assert!(usual > 10_000 && others > 10_000 && refused > 10_000, "{usual} {others} {refused}");
}

/// And so it is written: as the form of any addresses is, within the same limit.
#[test]
fn the_usual_udt_is_written_as_any_other() {
    let mut random = Random::new(37);
    let (mut written, mut too_long) = (0, 0);
    for round in 0..20_000 {
        let count = random.below(31);
        let usual = round % 2 == 0;
        let called = if usual { titled(&mut random, count) } else { some_address(&mut random) };
        let calling = titled(&mut random, 30 - count);
        let length = random.below(260);
        let data = octets(&mut random, length);
        let limit = 200 + random.below(100) as usize;
        let header = UnitdataHeader { class: 1, return_on_error: usual, called: &called, calling: &calling };
        let by = |write: &dyn Fn(&mut Prepend<'_>) -> Result<(), build::TooLong>| {
            let mut buffer = [0; 400];
            let mut writer = Prepend::new(&mut buffer);
            writer.bytes(&data);
            write(&mut writer).map(|()| writer.finish().unwrap().to_vec())
        };
        let udt = by(&|writer| build::udt(writer, 0, &header, limit));
        assert_eq!(udt, by(&|writer| unitdata(writer, 0, Kind::Udt, &header, limit)));
        if let Ok(udt) = &udt {
            assert_eq!(build::udt_len(data.len(), &called, &calling), udt.len());
            written += 1;
        } else {
            too_long += 1;
        }
    }
    assert!(written > 5_000 && too_long > 1_000, "{written} {too_long}");
}

/// A message of a peer, cut.
fn cut(random: &mut Random, opc: u32, reference: u32) -> (Vec<u8>, Vec<Part>) {
    let length = 2 + random.below(1600);
    let data = octets(random, length);
    let count = length.div_ceil(200).clamp(2, 16) as usize;
    let parts: Vec<&[u8]> = data.chunks(data.len().div_ceil(count)).collect();
    let parts = parts.iter().enumerate().map(|(at, part)| Part {
        opc,
        called: centre(),
        calling: gateway(),
        class: 1,
        first: at == 0,
        remaining: (parts.len() - 1 - at) as u8,
        reference,
        data: part.to_vec(),
    });
    let parts = parts.collect();
    (data, parts)
}

#[test]
fn segments_in_any_interleaving_become_what_they_were() {
    let mut random = Random::new(23);
    let mut reassembly: Reassembly<u32> = Reassembly::new(ReassemblyConfig::default(), SipKey::new([1; 16]));
    let mut made = 0;
    for round in 0..300 {
        // Eight peers with two messages each, whose references are the same as the others'.
        let mut open: Vec<(u32, Vec<u8>, std::collections::VecDeque<Part>)> = (0..16)
            .map(|at| {
                let (data, parts) = cut(&mut random, at / 2, round * 2 + at % 2);
                (at, data, parts.into())
            })
            .collect();
        while !open.is_empty() {
            let at = random.below(open.len() as u64) as usize;
            let (label, data, parts) = &mut open[at];
            let part = parts.pop_front().unwrap();
            let octets = part.octets();
            let give_back = &mut |_: &u32, _: &Unitdata<'_>, cause| panic!("{cause:?}");
            let opc = PointCode(part.opc);
            let whole = reassembly.take(Time::ZERO, opc, *label, &parsed(&octets), give_back);
            assert_eq!(whole, parts.is_empty());
            if whole {
                let mut buffer = [0; 2200];
                let mut writer = Prepend::new(&mut buffer);
                assert!(reassembly.next_whole(&mut writer).is_some());
                assert_eq!(parsed(writer.finish().unwrap()).data, &data[..]);
                made += 1;
                open.remove(at);
            }
        }
        reassembly.assert_invariants();
        assert_eq!(reassembly.fill().0, 0);
    }
    assert!(made > 4000, "{made}");
}

/// Any octet of any segment changed: whatever it becomes, the places are bounded and all come free.
#[test]
fn flipped_segments_leave_nothing_behind() {
    let mut random = Random::new(29);
    let mut reassembly: Reassembly<u32> = Reassembly::new(ReassemblyConfig::default(), SipKey::new([1; 16]));
    let (mut returned, mut wholes) = (0, 0);
    let mut now = Time::ZERO;
    for reference in 0..3000 {
        let (_, parts) = cut(&mut random, 1, reference);
        for part in &parts {
            let mut octets = part.octets();
            if random.below(3) == 0 {
                let at = random.below(octets.len() as u64) as usize;
                octets[at] ^= 1 << random.below(8);
            }
            let Ok(Input::Unitdata(unitdata)) = parse(&octets) else { continue };
            let give_back = &mut |_: &u32, _: &Unitdata<'_>, _| returned += 1;
            reassembly.take(now, PointCode(1), 0, &unitdata, give_back);
            reassembly.assert_invariants();
            let mut buffer = [0; 2200];
            while reassembly.next_whole(&mut Prepend::new(&mut buffer)).is_some() {
                wholes += 1;
            }
        }
        now += core::time::Duration::from_secs(1);
        reassembly.handle_timeout(now, &mut |_, _, _| returned += 1);
    }
    now += core::time::Duration::from_secs(15);
    reassembly.handle_timeout(now, &mut |_, _, _| returned += 1);
    assert_eq!((reassembly.fill().0, reassembly.poll_timeout()), (0, Time::NEVER));
    assert!(returned > 100 && wholes > 100, "{returned} {wholes}");
}
