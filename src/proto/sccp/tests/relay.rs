//! A point that translates what is for others.

use super::*;

const OPC: PointCode = PointCode(77);
const OWN: u32 = 100;
const FIRST: u32 = 200;
const BACKUP: u32 = 201;

/// What is away.
#[derive(Default)]
struct Away {
    points: Vec<u32>,
    subsystems: Vec<(u32, u8)>,
}

impl States for Away {
    fn point(&self, point_code: PointCode) -> PointState {
        if self.points.contains(&point_code.0) { PointState::Unavailable } else { PointState::Available }
    }

    fn subsystem(&self, point_code: PointCode, ssn: Ssn) -> SubsystemState {
        let away = self.subsystems.contains(&(point_code.0, ssn.0));
        if away { SubsystemState::Prohibited } else { SubsystemState::Allowed }
    }
}

/// Titles of the gateway lead on by title, those of the centre to the subsystem of one of two points, with other digits.
fn point() -> Sccp {
    let on_ssn =
        |point_code| Destination { point_code: PointCode(point_code), ssn: None, route_on_ssn: true };
    let rewrite = Rewrite {
        strip: 2,
        add: digits("0"),
        translation_type: Some(7),
        numbering_plan: None,
        nature: Some(NatureOfAddress(3)),
    };
    let rules = vec![
        Rule::new(digits("491710999"), Destination::titled(PointCode(300))),
        Rule {
            targets: Targets::new(&[on_ssn(FIRST), on_ssn(BACKUP)], Sharing::Primary).unwrap(),
            rewrite: Some(rewrite),
            ..Rule::new(digits("491710760"), on_ssn(FIRST))
        },
        Rule::new(digits("43"), Destination::titled(PointCode(OWN))),
    ];
    Sccp::new(&SccpConfig::new(vec![PointCode(OWN)], vec![Ssn::MSC], rules)).unwrap()
}

fn relay(point: &mut Sccp, bytes: &[u8], away: &Away) -> (Relayed, Vec<u8>) {
    let mut room = [0; 5000];
    let mut w = Prepend::new(&mut room);
    let relayed = point.relay(Time::ZERO, OPC, 5, bytes, away, &mut w);
    (relayed, w.finish().unwrap().to_vec())
}

fn service(bytes: &[u8]) -> Service<'_> {
    match parse(bytes) {
        Ok(Input::Service(service)) => service,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_title_is_translated_and_the_rest_goes_on_as_it_came() {
    let mut point = point();
    for kind in [Kind::Udt, Kind::Xudt, Kind::Ludt] {
        let data = vec![kind as u8; if kind == Kind::Ludt { 1000 } else { 150 }];
        let bytes = built(kind, true, &centre(), &gateway(), &data);
        let (relayed, sent) = relay(&mut point, &bytes, &Away::default());
        assert_eq!(relayed, Relayed::On(PointCode(FIRST)));
        let (before, after) = (parsed(&bytes), parsed(&sent));
        let called = after.called.title.unwrap();
        assert_eq!(called.digits, digits("01710760000"));
        assert_eq!((called.translation_type, called.nature), (7, NatureOfAddress(3)));
        assert_eq!((after.called.ssn, after.called.route_on_ssn), (Some(Ssn::MSC), true));
        assert_eq!(after.hop_counter, before.hop_counter.map(|left| left - 1));
        assert_eq!(after.calling_octets, before.calling_octets);
        assert_eq!((after.data, after.class, after.return_on_error), (&data[..], 1, true));
        assert_eq!((after.segmentation, after.importance), (None, None));
    }
    // Without a rewriting rule the title stays, and is translated once more.
    let (relayed, sent) =
        relay(&mut point, &built(Kind::Udt, true, &gateway(), &centre(), b"x"), &Away::default());
    assert_eq!((relayed, parsed(&sent).called), (Relayed::On(PointCode(300)), gateway()));
    assert_eq!(point.counts.relayed, 4);
}

/// What an SCCP does not know goes on too.
#[test]
fn optional_parts_go_on_as_they_came() {
    let mut bytes = segment(&centre(), &gateway(), 0xc3, true);
    let end = bytes.len() - 1;
    bytes.splice(end..end, [0x77, 2, 9, 9]);
    let (relayed, sent) = relay(&mut point(), &bytes, &Away::default());
    assert_eq!(relayed, Relayed::On(PointCode(FIRST)));
    let optional = [0x10, 4, 0xc3, 1, 2, 3, 0x12, 1, 5, 0x77, 2, 9, 9, 0];
    assert_eq!(sent[sent.len() - optional.len()..], optional);
    let after = parsed(&sent);
    assert_eq!(after.segmentation, parsed(&bytes).segmentation);
    assert_eq!((after.importance, after.data, after.hop_counter), (Some(5), &b"part"[..], Some(14)));
}

/// The answer to a subsystem number alone would come to whoever is next.
#[test]
fn a_calling_address_without_a_title_is_told_its_point_code() {
    let after = |calling: &SccpAddress| {
        let (_, sent) =
            relay(&mut point(), &built(Kind::Udt, true, &centre(), calling, b"x"), &Away::default());
        parsed(&sent).calling
    };
    assert_eq!(after(&on_ssn(None, 6)), on_ssn(Some(OPC.0), 6));
    assert_eq!(after(&on_ssn(Some(9), 6)), on_ssn(Some(9), 6));
    assert_eq!(after(&gateway()), gateway());
}

#[test]
fn the_backup_is_taken_while_the_first_is_away() {
    let mut point = point();
    let bytes = built(Kind::Udt, true, &centre(), &gateway(), b"x");
    let to = |point: &mut Sccp, away: &Away| relay(point, &bytes, away).0;
    let first_away = Away { points: vec![FIRST], ..Away::default() };
    let out = Away { subsystems: vec![(FIRST, 8)], ..Away::default() };
    let other = Away { subsystems: vec![(FIRST, 6)], ..Away::default() };
    assert_eq!(to(&mut point, &first_away), Relayed::On(PointCode(BACKUP)));
    assert_eq!(to(&mut point, &out), Relayed::On(PointCode(BACKUP)));
    assert_eq!(to(&mut point, &other), Relayed::On(PointCode(FIRST)));
    // With both away it comes back, with the first one's trouble.
    let both = Away { points: vec![FIRST, BACKUP], ..Away::default() };
    let (relayed, sent) = relay(&mut point, &bytes, &both);
    assert_eq!((relayed, service(&sent).cause), (Relayed::Back(PointCode(300)), Cause::MTP_FAILURE));
    assert_eq!((service(&sent).called, service(&sent).calling), (gateway(), centre()));
    let both = Away { points: vec![BACKUP], subsystems: vec![(FIRST, 8)] };
    assert_eq!(service(&relay(&mut point, &bytes, &both).1).cause, Cause::SUBSYSTEM_FAILURE);
    let silent = built(Kind::Udt, false, &centre(), &gateway(), b"x");
    assert_eq!(relay(&mut point, &silent, &both).0, Relayed::Nothing);
}

#[test]
fn the_last_hop_is_not_translated() {
    for (left, relayed) in [
        (2, Relayed::On(PointCode(FIRST))),
        (1, Relayed::Back(PointCode(300))),
        (0, Relayed::Back(PointCode(300))),
    ] {
        let mut point = point();
        let mut bytes = built(Kind::Xudt, true, &centre(), &gateway(), b"x");
        bytes[2] = left;
        let (became, sent) = relay(&mut point, &bytes, &Away::default());
        assert_eq!(became, relayed);
        if left < 2 {
            assert_eq!(service(&sent).cause, Cause::HOP_COUNTER_VIOLATION);
            assert_eq!(point.counts.hop_counter, 1);
        }
    }
    // By point code nothing is translated.
    let mut bytes = built(Kind::Xudt, true, &on_ssn(Some(FIRST), 8), &gateway(), b"x");
    bytes[2] = 1;
    let (relayed, sent) = relay(&mut point(), &bytes, &Away::default());
    assert_eq!((relayed, parsed(&sent).hop_counter), (Relayed::On(PointCode(FIRST)), Some(1)));
}

/// What comes back is translated too, and never answered.
#[test]
fn service_messages_are_passed_on() {
    for kind in [Kind::Udt, Kind::Xudt, Kind::Ludt] {
        let sent = built(kind, true, &centre(), &gateway(), b"data");
        let mut room = [0; 600];
        let mut w = Prepend::new(&mut room);
        build::service(&mut w, &parsed(&sent), Cause::SUBSYSTEM_FAILURE).unwrap();
        let mut back = w.finish().unwrap().to_vec();
        let mut point = point();
        let (relayed, onward) = relay(&mut point, &back, &Away::default());
        assert_eq!(relayed, Relayed::On(PointCode(300)));
        let after = service(&onward);
        assert_eq!((after.kind, after.cause, after.data), (kind, Cause::SUBSYSTEM_FAILURE, &b"data"[..]));
        assert_eq!((after.called, after.calling), (gateway(), centre()));
        let away = Away { points: vec![300], ..Away::default() };
        assert_eq!(relay(&mut point, &back, &away).0, Relayed::Nothing);
        if kind != Kind::Udt {
            assert_eq!(onward[2], 14);
            back[2] = 1;
            assert_eq!(relay(&mut point, &back, &Away::default()).0, Relayed::Nothing);
            assert_eq!(point.counts.hop_counter, 1);
        }
        assert_eq!(point.counts.returned, 0);
    }
}

/// A form that its addresses no longer fit, after a longer title.
#[test]
fn what_no_longer_fits_comes_back() {
    let long = Rewrite {
        strip: 0,
        add: digits("0123456789"),
        translation_type: None,
        numbering_plan: None,
        nature: None,
    };
    let rule =
        Rule { rewrite: Some(long), ..Rule::new(digits("491710760"), Destination::titled(PointCode(FIRST))) };
    let mut point = Sccp::new(&SccpConfig::new(vec![PointCode(OWN)], vec![], vec![rule])).unwrap();
    let segmentation = Segmentation { first: true, in_sequence: true, remaining: 1, local_reference: 5 };
    let room = build::segment_room(&centre(), &gateway(), 4000);
    let mut buffer = [0; 400];
    let mut w = Prepend::new(&mut buffer);
    let header = UnitdataHeader { class: 1, return_on_error: true, called: &centre(), calling: &gateway() };
    build::segment(&mut w, &header, &vec![7; room], segmentation, 4000).unwrap();
    let (relayed, sent) = relay(&mut point, w.finish().unwrap(), &Away::default());
    assert_eq!((relayed, service(&sent).cause), (Relayed::Back(OPC), Cause::LOCAL_PROCESSING));
    assert_eq!((point.counts.too_long, point.counts.relayed), (1, 0));
}

#[test]
fn what_is_for_the_point_itself_is_not_passed_on() {
    let mut point = point();
    let title = |text: &str, ssn| SccpAddress::titled(digits(text), Ssn(ssn));
    let own = [title("4366", 8), title("4366", 9), on_ssn(None, 8), on_ssn(Some(OWN), 1), title("1", 8)];
    for called in own {
        let bytes = built(Kind::Udt, true, &called, &gateway(), b"x");
        assert_eq!(relay(&mut point, &bytes, &Away::default()), (Relayed::NotForOthers, vec![]));
    }
    assert_eq!(relay(&mut point, &[9, 0], &Away::default()).0, Relayed::NotForOthers);
    assert_eq!(point.counts.relayed, 0);
}

/// Octets changed at random: what goes on can be read, and has the same data; what comes back goes to who sent it.
#[test]
fn whatever_goes_on_can_be_read() {
    let mut random = crate::base::Random::new(23);
    let mut point = point();
    let (mut on, mut back) = (0, 0);
    let mut last = built(Kind::Xudt, true, &centre(), &gateway(), &[4; 60]);
    last[2] = 1;
    let whole = [
        last,
        built(Kind::Udt, true, &centre(), &gateway(), &[5; 60]),
        built(Kind::Xudt, true, &gateway(), &centre(), &[6; 60]),
        built(Kind::Ludt, true, &centre(), &gateway(), &[7; 300]),
        segment(&centre(), &gateway(), 0xc3, true),
    ];
    for _ in 0..50_000 {
        let mut bytes = whole[random.below(5) as usize].clone();
        for _ in 0..1 + random.below(3) {
            let at = random.below(bytes.len().min(60) as u64) as usize;
            bytes[at] = random.bits() as u8;
        }
        let (relayed, sent) = relay(&mut point, &bytes, &Away::default());
        match relayed {
            Relayed::On(_) => {
                on += 1;
                match (parse(&bytes), parse(&sent)) {
                    (Ok(Input::Unitdata(before)), Ok(Input::Unitdata(after))) => {
                        assert_eq!((after.data, after.segmentation), (before.data, before.segmentation));
                    }
                    (Ok(Input::Service(before)), Ok(Input::Service(after))) => {
                        assert_eq!((after.data, after.cause), (before.data, before.cause));
                    }
                    other => panic!("{other:?}"),
                }
            }
            Relayed::Back(_) => {
                back += 1;
                assert_eq!(service(&sent).data, parsed(&bytes).data);
            }
            Relayed::NotForOthers | Relayed::Nothing => assert!(sent.is_empty()),
        }
    }
    // No more are returned in one second.
    assert!(on > 10_000 && back == 1_000, "{on} {back}");
}
