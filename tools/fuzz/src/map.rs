//! MAP: every reader on any octets; what it reads is written to what reads the same.

use crate::codec::{Prepend, ber};
use crate::octets::Octets;
use crate::proto::map::{self, Arc, Version, context, is_mobile_originated, subscription};
use crate::work;

/// Edges that an argument may cost by hand, and those that each of its octets may.
const WORK: (u64, u64) = (2_000, 60);
/// The same of those that an ASN.1 library reads.
const SLOW: (u64, u64) = (100_000, 4_000);
/// Elements that may be read for each octet.
const STEPS: u64 = 8;

fn written(write: impl FnOnce(&mut Prepend<'_>)) -> Vec<u8> {
    let mut room = [0; 2_048];
    let mut w = Prepend::new(&mut room);
    write(&mut w);
    w.finish().expect("it fits").to_vec()
}

fn bounded<T>(octets: &[u8], (least, each): (u64, u64), read: impl FnOnce() -> T) -> T {
    let ((read, steps), work) = work::of(|| ber::steps::of(read));
    let length = octets.len() as u64;
    assert!(work <= least + each * length, "{work} edges for {length} octets");
    assert!(steps <= STEPS * (length + 1), "{steps} elements read of {length} octets");
    read
}

/// Nobody makes much of little.
fn is_no_longer(written: &[u8], octets: &[u8]) {
    assert!(written.len() <= octets.len() + 64, "{} octets of {}", written.len(), octets.len());
}

/// What is read, without what is not written, is written to what reads the same.
macro_rules! same {
    ($octets:expr, $work:expr, $read:expr, $write:expr, $kept:expr) => {{
        let octets: &[u8] = $octets;
        if let Ok(value) = bounded(octets, $work, || $read(octets)) {
            #[allow(clippy::redundant_closure_call)]
            let value = $kept(value);
            let first = written(|w| _ = $write(&value, w));
            is_no_longer(&first, octets);
            let again = $read(&first).expect("what we write can be read");
            assert_eq!(value, again);
            assert_eq!(first, written(|w| _ = $write(&again, w)));
        }
    }};
    ($octets:expr, $read:expr, $write:expr) => {
        same!($octets, WORK, $read, $write, |it| it)
    };
}

/// What is read is written in a form that says less; what is read from that is written and read the same.
macro_rules! settled {
    ($octets:expr, $read:expr, $write:expr, $read_again:expr) => {{
        let octets: &[u8] = $octets;
        if let Ok(value) = bounded(octets, WORK, || $read(octets)) {
            let first = written(|w| _ = $write(&value, w));
            is_no_longer(&first, octets);
            let less = $read_again(&first).expect("what we write can be read");
            let second = written(|w| _ = $write(&less, w));
            assert_eq!(first, second);
            assert_eq!($read_again(&second), Ok(less));
        }
    }};
}

macro_rules! slow {
    ($octets:expr, $kind:ty) => {{
        let put = |it: &$kind, w: &mut Prepend<'_>| w.bytes(&it.encode());
        same!($octets, SLOW, <$kind>::decode, put, |it| it)
    }};
}

pub fn run(octets: &[u8]) {
    let mut octets = Octets(octets);
    let which = octets.u8() % 32;
    let octets = octets.0;
    match which {
        0..12 => version_3(which, octets),
        12..24 => by_library(which, octets),
        _ => others(which, octets),
    }
}

fn version_3(which: u8, octets: &[u8]) {
    match which {
        // Only versions 1 and 2 say whether there is more.
        0 => same!(octets, WORK, map::MoForwardSm::parse, map::MoForwardSm::write, |it| map::MoForwardSm {
            more_messages: false,
            ..it
        }),
        1 => same!(octets, map::MtForwardSm::parse, map::MtForwardSm::write),
        2 => same!(octets, map::ForwardSmResult::parse, map::ForwardSmResult::write),
        3 => same!(
            octets,
            |octets| map::SendRoutingInfoForSm::parse(octets, None),
            |it: &map::SendRoutingInfoForSm<'_>, w: &mut Prepend<'_>| it.write(w, None)
        ),
        4 => same!(octets, map::SendRoutingInfoForSmResult::parse, map::SendRoutingInfoForSmResult::write),
        5 => same!(
            octets,
            |octets| map::ReportSmDeliveryStatus::parse(octets, None),
            |it: &map::ReportSmDeliveryStatus, w: &mut Prepend<'_>| it.write(w, None)
        ),
        6 => {
            same!(octets, map::ReportSmDeliveryStatusResult::parse, map::ReportSmDeliveryStatusResult::write)
        }
        7 => same!(octets, map::AlertServiceCentre::parse, map::AlertServiceCentre::write),
        8 => same!(octets, map::ReadyForSm::parse, map::ReadyForSm::write),
        9 => same!(octets, map::InformServiceCentre::parse, map::InformServiceCentre::write),
        10 => errors(octets),
        _ => same!(octets, |octets| map::DialoguePdu::parse(octets).ok_or(()), map::DialoguePdu::write),
    }
}

/// A version says of an error what it can, and says that again.
fn errors(octets: &[u8]) {
    let (&code, parameter) = octets.split_first().unwrap_or((&0, &[]));
    for version in [Version::V1, Version::V2, Version::V3] {
        let Ok(error) = bounded(parameter, WORK, || map::UserError::parse(code, parameter)) else { return };
        let spoken = error.spoken(version);
        assert_eq!(spoken.spoken(version), spoken);
        let read = |octets| map::UserError::parse(spoken.code(), octets);
        let first = written(|w| spoken.write_in(w, version));
        is_no_longer(&first, parameter);
        let less = read(&first).expect("what we write can be read");
        let second = written(|w| less.write_in(w, version));
        assert_eq!(first, second);
    }
}

fn by_library(which: u8, octets: &[u8]) {
    match which {
        12 => slow!(octets, subscription::AnyTimeModification),
        13 => slow!(octets, subscription::AnyTimeModificationResult),
        14 => slow!(octets, subscription::UpdateLocation),
        15 => slow!(octets, subscription::UpdateGprsLocation),
        16 => slow!(octets, subscription::UpdateLocationResult),
        17 => slow!(octets, subscription::InsertSubscriberData),
        18 => slow!(octets, subscription::DeleteSubscriberData),
        19 => slow!(octets, subscription::CancelLocation),
        20 => slow!(octets, subscription::PurgeMs),
        21 => slow!(octets, subscription::SendAuthenticationInfo),
        22 => slow!(octets, subscription::SendAuthenticationInfoResult),
        _ => slow!(octets, subscription::Reset),
    }
}

/// Older versions, and the private extensions.
fn others(which: u8, octets: &[u8]) {
    let arc: Option<Arc> = "2.999".parse().ok();
    let arc = arc.as_ref();
    let version = if which & 1 == 0 { Version::V1 } else { Version::V2 };
    match which {
        24 | 25 => {
            if let (Some(mobile), Ok(sm)) = (is_mobile_originated(octets), map::MoForwardSm::parse(octets)) {
                assert_eq!(mobile, matches!(sm.service_centre, map::SmRpDa::ServiceCentre(_)));
            }
            settled!(
                octets,
                map::MoForwardSm::parse,
                |it: &map::MoForwardSm<'_>, w: &mut Prepend<'_>| it.write_in(w, version),
                map::MoForwardSm::parse
            );
            settled!(
                octets,
                map::MtForwardSm::parse,
                |it: &map::MtForwardSm<'_>, w: &mut Prepend<'_>| it.write_in(w, version),
                map::MtForwardSm::parse
            );
        }
        26 => same!(
            octets,
            |octets| map::SendRoutingInfoForSm::parse(octets, arc),
            |it: &map::SendRoutingInfoForSm<'_>, w: &mut Prepend<'_>| it.write(w, arc)
        ),
        27 => same!(
            octets,
            |octets| map::ReportSmDeliveryStatus::parse(octets, arc),
            |it: &map::ReportSmDeliveryStatus, w: &mut Prepend<'_>| it.write(w, arc)
        ),
        28 | 29 => {
            let report = |octets| map::ReportSmDeliveryStatus::parse(octets, None);
            settled!(
                octets,
                report,
                |it: &map::ReportSmDeliveryStatus, w: &mut Prepend<'_>| it.write_in(w, version, None),
                report
            );
            settled!(
                octets,
                map::ReportSmDeliveryStatusResult::parse,
                |it: &map::ReportSmDeliveryStatusResult, w: &mut Prepend<'_>| it.write_in(w, version),
                map::ReportSmDeliveryStatusResult::parse
            );
        }
        30 => {
            same!(
                octets,
                map::ReadyForSm::parse_note_subscriber_present,
                |it: &map::ReadyForSm, w: &mut Prepend<'_>| it.write_in(w, Version::V1)
            );
            settled!(
                octets,
                map::SendRoutingInfoForSmResult::parse,
                |it: &map::SendRoutingInfoForSmResult, w: &mut Prepend<'_>| it.write_in(w, Version::V2),
                map::SendRoutingInfoForSmResult::parse
            );
        }
        _ => {
            if let Some((name, number)) = context::parse(octets) {
                assert_eq!(context::of(name, number), octets);
            }
            slow!(octets, subscription::EmptyResult);
            slow!(octets, subscription::PurgeMsResult);
        }
    }
}
