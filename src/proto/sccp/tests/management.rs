//! Subsystems at other points: news of them, and tests.

use super::*;
use crate::proto::sccp::{SubsystemNews, Subsystems, SubsystemsConfig};
use SubsystemState::{Allowed, Congested, Prohibited};
use core::time::Duration;

const START: Time = Time::from_millis(1);

fn says(subsystems: &mut Subsystems, message_type: ScmgType, ssn: u8, congestion: Option<u8>) -> bool {
    let scmg = Scmg { message_type, ssn: Ssn(ssn), point_code: PointCode(5), multiplicity: 0, congestion };
    subsystems.on_scmg(START, &scmg, |known| known == PointCode(5)).is_some()
}

fn state(subsystems: &Subsystems, ssn: u8) -> SubsystemState {
    subsystems.state(PointCode(5), Ssn(ssn))
}

/// Tests sent until `end`: when, and of which subsystem.
fn tests_until(subsystems: &mut Subsystems, end: u64) -> Vec<(u64, u8)> {
    let mut sent = vec![];
    while subsystems.poll_timeout() <= START + Duration::from_secs(end) {
        let now = subsystems.poll_timeout();
        subsystems.handle_timeout(now, &mut |scmg, news| {
            assert_eq!((scmg.message_type, scmg.point_code), (ScmgType::StatusTest, PointCode(5)));
            assert_eq!((news.ssn, news.state), (scmg.ssn, Prohibited));
            sent.push((now.since(START).as_secs(), scmg.ssn.0));
        });
    }
    sent
}

#[test]
fn a_prohibited_subsystem_is_tested_until_it_is_allowed() {
    let mut subsystems = Subsystems::new(SubsystemsConfig::default());
    assert_eq!(state(&subsystems, 6), Allowed);
    assert!(says(&mut subsystems, ScmgType::Prohibited, 6, None));
    assert_eq!((state(&subsystems, 6), state(&subsystems, 8)), (Prohibited, Allowed));
    assert_eq!(subsystems.state(PointCode(6), Ssn::HLR), Allowed, "another point");
    assert_eq!(tests_until(&mut subsystems, 120), [(10, 6), (25, 6), (47, 6), (81, 6)]);
    assert!(says(&mut subsystems, ScmgType::Prohibited, 6, None));
    assert_eq!(tests_until(&mut subsystems, 132), [(131, 6)], "told again, its timer runs on");
    assert!(says(&mut subsystems, ScmgType::Allowed, 6, None));
    assert_eq!((state(&subsystems, 6), tests_until(&mut subsystems, 9999).len()), (Allowed, 0));
    assert_eq!((subsystems.counts.prohibited, subsystems.counts.allowed), (1, 1));
    assert_eq!(subsystems.fill(), (0, 256));
}

#[test]
fn tests_are_ten_minutes_apart_at_most() {
    let mut subsystems = Subsystems::new(SubsystemsConfig::default());
    says(&mut subsystems, ScmgType::Prohibited, 6, None);
    let sent = tests_until(&mut subsystems, 20_000);
    let [.., (before, _), (last, _)] = sent[..] else { panic!() };
    assert_eq!(last - before, 600);
}

#[test]
fn the_sccp_of_a_point_stands_for_all_its_subsystems() {
    let mut subsystems = Subsystems::new(SubsystemsConfig::default());
    subsystems.prohibit(START, PointCode(5), Ssn::SCMG);
    assert_eq!((state(&subsystems, 6), state(&subsystems, 8)), (Prohibited, Prohibited));
    assert_eq!(tests_until(&mut subsystems, 11), [(10, 1)]);
    assert!(says(&mut subsystems, ScmgType::Allowed, 1, None));
    assert_eq!(state(&subsystems, 6), Allowed);
}

#[test]
fn congestion_is_heeded_when_it_is_high_and_passes() {
    let mut subsystems = Subsystems::new(SubsystemsConfig::default());
    assert!(!says(&mut subsystems, ScmgType::Congested, 1, Some(4)));
    assert_eq!(state(&subsystems, 6), Allowed);
    assert!(says(&mut subsystems, ScmgType::Congested, 1, Some(5)));
    assert_eq!(state(&subsystems, 6), Congested);
    says(&mut subsystems, ScmgType::Prohibited, 6, None);
    assert_eq!((state(&subsystems, 6), state(&subsystems, 8)), (Prohibited, Congested));
    assert_eq!(tests_until(&mut subsystems, 11), [(10, 6)]);
    assert_eq!((state(&subsystems, 6), state(&subsystems, 8)), (Prohibited, Allowed));
}

#[test]
fn news_of_strangers_and_of_nobody_are_ignored() {
    let config = SubsystemsConfig { capacity: 3, ..SubsystemsConfig::default() };
    let mut subsystems = Subsystems::new(config);
    let point_code = PointCode(9);
    let congestion = None;
    let scmg =
        Scmg { message_type: ScmgType::Prohibited, ssn: Ssn(6), point_code, multiplicity: 0, congestion };
    assert_eq!(subsystems.on_scmg(START, &scmg, |known| known == PointCode(5)), None);
    assert!(!says(&mut subsystems, ScmgType::Prohibited, 0, None));
    assert!(!says(&mut subsystems, ScmgType::OutOfServiceRequest, 6, None));
    assert!(!says(&mut subsystems, ScmgType::OutOfServiceGrant, 6, None));
    assert_eq!((subsystems.counts.ignored, subsystems.counts.coordination), (2, 2));
    for ssn in 2..=255 {
        says(&mut subsystems, ScmgType::Prohibited, ssn, None);
    }
    assert_eq!(subsystems.fill(), (3, 3));
    assert_eq!(subsystems.counts.ignored, 2 + 251);
}

#[test]
fn one_worker_tests_and_the_others_know() {
    let mut other = Subsystems::new(SubsystemsConfig::default());
    let news = |state| SubsystemNews { point_code: PointCode(5), ssn: Ssn::HLR, state };
    other.learn(START, &news(Prohibited));
    assert_eq!((state(&other, 6), tests_until(&mut other, 600)), (Prohibited, vec![]));
    other.learn(START + Duration::from_secs(600), &news(Prohibited));
    assert_eq!((tests_until(&mut other, 1209), state(&other, 6)), (vec![], Prohibited));
    assert_eq!(
        (tests_until(&mut other, 1210), state(&other, 6)),
        (vec![], Allowed),
        "told no more: forgotten"
    );
    other.learn(START, &news(Congested));
    assert_eq!(state(&other, 6), Congested);
    other.learn(START, &news(Allowed));
    assert_eq!(state(&other, 6), Allowed);
}
