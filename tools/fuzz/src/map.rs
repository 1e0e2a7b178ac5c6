//! MAP: every reader on any octets; what it reads is written to what reads the same.

use crate::codec::Prepend;
use crate::octets::Octets;
use crate::proto::map::{self, Version, subscription};
use crate::work;
use std::fmt::Debug;

/// Edges that an argument may cost by hand, and those that each of its octets may.
const WORK: (u64, u64) = (5_000, 100);
/// The same of those that an ASN.1 library reads.
const SLOW: (u64, u64) = (200_000, 4_000);

fn written(write: impl FnOnce(&mut Prepend<'_>)) -> Vec<u8> {
    let mut room = vec![0; 4_096];
    let mut w = Prepend::new(&mut room);
    write(&mut w);
    w.finish().expect("it fits").to_vec()
}

fn bounded<T>(octets: &[u8], (least, each): (u64, u64), read: impl FnOnce() -> T) -> T {
    let (read, work) = work::of(read);
    let limit = least + each * octets.len() as u64;
    assert!(work <= limit, "{work} edges for {} octets", octets.len());
    read
}

/// What is read is written, and read again the same.
macro_rules! hot {
    ($octets:expr, $read:expr, $write:expr) => {{
        let octets: &[u8] = $octets;
        if let Ok(value) = bounded(octets, WORK, || $read(octets)) {
            let again = written(|w| {
                let _ = $write(&value, w);
            });
            same(&value, &$read(&again));
        }
    }};
}

macro_rules! slow {
    ($octets:expr, $kind:ty) => {{
        let octets: &[u8] = $octets;
        if let Ok(value) = bounded(octets, SLOW, || <$kind>::decode(octets)) {
            same(&value, &<$kind>::decode(&value.encode()));
        }
    }};
}

fn same<T: Debug, E: Debug>(value: &T, again: &Result<T, E>) {
    match again {
        Ok(again) => assert_eq!(format!("{value:?}"), format!("{again:?}")),
        Err(error) => panic!("{value:?} can't be read again: {error:?}"),
    }
}

pub fn run(octets: &[u8]) {
    let mut octets = Octets(octets);
    let which = octets.u8();
    let octets = octets.0;
    match which % 24 {
        0 => hot!(octets, map::MoForwardSm::parse, |it: &map::MoForwardSm<'_>, w: &mut Prepend<'_>| it
            .write(w)),
        1 => hot!(octets, map::MtForwardSm::parse, |it: &map::MtForwardSm<'_>, w: &mut Prepend<'_>| it
            .write(w)),
        2 => {
            // An empty result is no element at all.
            if let Ok(result) = bounded(octets, WORK, || map::ForwardSmResult::parse(octets)) {
                written(|w| {
                    let _ = result.write(w);
                });
            }
        }
        3 => hot!(
            octets,
            |octets| map::SendRoutingInfoForSm::parse(octets, None),
            |it: &map::SendRoutingInfoForSm<'_>, w: &mut Prepend<'_>| it.write(w, None)
        ),
        4 => hot!(
            octets,
            map::SendRoutingInfoForSmResult::parse,
            |it: &map::SendRoutingInfoForSmResult, w: &mut Prepend<'_>| it.write(w)
        ),
        5 => hot!(
            octets,
            |octets| map::ReportSmDeliveryStatus::parse(octets, None),
            |it: &map::ReportSmDeliveryStatus, w: &mut Prepend<'_>| it.write(w, None)
        ),
        6 => {
            if let Ok(result) = bounded(octets, WORK, || map::ReportSmDeliveryStatusResult::parse(octets)) {
                written(|w| {
                    let _ = result.write(w);
                });
            }
        }
        7 => hot!(
            octets,
            map::AlertServiceCentre::parse,
            |it: &map::AlertServiceCentre, w: &mut Prepend<'_>| it.write(w)
        ),
        8 => hot!(octets, map::ReadyForSm::parse, |it: &map::ReadyForSm, w: &mut Prepend<'_>| it.write(w)),
        9 => hot!(
            octets,
            map::InformServiceCentre::parse,
            |it: &map::InformServiceCentre, w: &mut Prepend<'_>| it.write(w)
        ),
        10 => {
            let (code, octets) = octets.split_first().map_or((0, octets), |(code, rest)| (*code, rest));
            if let Ok(error) = bounded(octets, WORK, || map::UserError::parse(code, octets)) {
                for version in [Version::V1, Version::V2, Version::V3] {
                    let spoken = error.spoken(version);
                    written(|w| spoken.write_in(w, version));
                }
            }
        }
        11 => {
            if let Some(pdu) = bounded(octets, WORK, || map::DialoguePdu::parse(octets)) {
                written(|w| pdu.write(w));
            }
        }
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
