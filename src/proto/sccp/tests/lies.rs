//! Segments that lie (Q.714 4.1.1.3): whatever they say, the memory is bounded, each message ends once, and its first
//! segment comes back once.

use super::*;
use crate::base::SipKey;
use crate::proto::sccp::{Reassembly, ReassemblyConfig};
use core::time::Duration;

/// What was returned: from whom, cause, and data.
type Returned = (u32, Cause, Vec<u8>);

struct Bench {
    reassembly: Reassembly<u32>,
    now: Time,
    returned: Vec<Returned>,
}

/// A segment as it comes.
#[derive(Clone)]
pub(super) struct Part {
    pub(super) opc: u32,
    pub(super) called: SccpAddress,
    pub(super) calling: SccpAddress,
    pub(super) class: u8,
    pub(super) first: bool,
    pub(super) remaining: u8,
    pub(super) reference: u32,
    pub(super) data: Vec<u8>,
}

impl Part {
    pub(super) fn octets(&self) -> Vec<u8> {
        let mut buffer = [0; 400];
        let mut writer = Prepend::new(&mut buffer);
        let header = UnitdataHeader {
            class: self.class,
            return_on_error: self.first,
            called: &self.called,
            calling: &self.calling,
        };
        let segmentation = Segmentation {
            first: self.first,
            in_sequence: true,
            remaining: self.remaining,
            local_reference: self.reference,
        };
        build::segment(&mut writer, &header, &self.data, segmentation, MTP3_LIMIT).unwrap();
        writer.finish().unwrap().to_vec()
    }
}

/// A segment of a message from point 7.
fn part(first: bool, remaining: u8, data: &[u8]) -> Part {
    let (called, calling) = (centre(), gateway());
    Part { opc: 7, called, calling, class: 1, first, remaining, reference: 99, data: data.to_vec() }
}

impl Bench {
    fn new(entries: u16, octets: u16) -> Self {
        let config = ReassemblyConfig { entries, octets, t_reass: Duration::from_secs(15) };
        let reassembly = Reassembly::new(config, SipKey::new([3; 16]));
        Self { reassembly, now: Time::from_millis(1), returned: Vec::new() }
    }

    /// Takes a segment, and gives the message that is whole then.
    fn take(&mut self, part: &Part) -> Option<Vec<u8>> {
        let octets = part.octets();
        let Self { reassembly, now, returned } = self;
        let give_back = &mut |label: &u32, first: &Unitdata<'_>, cause| {
            assert!(first.return_on_error);
            returned.push((*label, cause, first.data.to_vec()));
        };
        let whole = reassembly.take(*now, PointCode(part.opc), part.opc, &parsed(&octets), give_back);
        self.reassembly.assert_invariants();
        assert_eq!(whole, self.reassembly.has_whole());
        self.whole()
    }

    fn whole(&mut self) -> Option<Vec<u8>> {
        let mut buffer = [0; 2200];
        let mut writer = Prepend::new(&mut buffer);
        self.reassembly.next_whole(&mut writer)?;
        let message = writer.finish().unwrap();
        let unitdata = parsed(message);
        assert!(unitdata.kind == Kind::Ludt && !unitdata.is_segment());
        self.reassembly.assert_invariants();
        Some(unitdata.data.to_vec())
    }

    /// The message is given up, and its first segment "one" comes back, once.
    fn is_given_up(&mut self) {
        assert_eq!(self.returned, [(7, Cause::NO_REASSEMBLY, b"one".to_vec())]);
        assert_eq!(self.reassembly.fill().0, 0);
        for remaining in 0..16 {
            assert_eq!(self.take(&part(false, remaining, b"more")), None, "what follows is nobody's");
        }
        assert_eq!(self.returned.len(), 1);
    }
}

#[test]
fn segments_become_a_message() {
    let mut bench = Bench::new(2, 2048);
    assert_eq!(bench.take(&part(true, 2, b"one")), None);
    assert_eq!(bench.take(&part(false, 1, b"two")), None);
    assert_eq!(bench.take(&part(false, 0, b"three")), Some(b"onetwothree".to_vec()));
    assert_eq!((bench.returned.len(), bench.reassembly.fill()), (0, (0, 2)));
}

#[test]
fn xudt_first_bit_twice() {
    let mut bench = Bench::new(2, 2048);
    bench.take(&part(true, 2, b"one"));
    bench.take(&part(true, 1, b"anew"));
    assert_eq!(bench.returned, [(7, Cause::NO_REASSEMBLY, b"one".to_vec())]);
    assert_eq!(bench.take(&part(false, 0, b"!")), Some(b"anew!".to_vec()), "the later one counts");
    assert_eq!(bench.reassembly.counts.begun_anew, 1);
}

#[test]
fn xudt_without_first() {
    let mut bench = Bench::new(2, 2048);
    for remaining in 0..16 {
        assert_eq!(bench.take(&part(false, remaining, b"two")), None);
    }
    assert_eq!(bench.reassembly.counts.segments_stray, 16);
    assert_eq!((bench.reassembly.fill().0, bench.returned.len()), (0, 0));
}

#[test]
fn xudt_remaining_not_decreasing() {
    let mut bench = Bench::new(2, 2048);
    bench.take(&part(true, 3, b"one"));
    bench.take(&part(false, 2, b"two"));
    bench.take(&part(false, 2, b"two"));
    bench.is_given_up();
    assert_eq!(bench.reassembly.counts.out_of_order, 1);
}

#[test]
fn xudt_remaining_rises() {
    let mut bench = Bench::new(2, 2048);
    bench.take(&part(true, 3, b"one"));
    bench.take(&part(false, 4, b"two"));
    bench.is_given_up();
}

#[test]
fn xudt_gap() {
    let mut bench = Bench::new(2, 2048);
    bench.take(&part(true, 3, b"one"));
    bench.take(&part(false, 1, b"three"));
    bench.is_given_up();
}

#[test]
fn xudt_17_segments() {
    let mut bench = Bench::new(2, 2048);
    bench.take(&part(true, 15, b"a"));
    for remaining in (1..15).rev() {
        assert_eq!(bench.take(&part(false, remaining, b"b")), None);
    }
    assert_eq!(bench.take(&part(false, 0, b"c")), Some(b"abbbbbbbbbbbbbbc".to_vec()), "sixteen");
    assert_eq!(bench.take(&part(false, 0, b"d")), None);
    assert_eq!(bench.reassembly.counts.segments_stray, 1);
}

#[test]
fn xudt_too_many_octets() {
    let mut bench = Bench::new(2, 300);
    bench.take(&part(true, 2, b"one"));
    bench.take(&part(false, 1, &[2; 200]));
    bench.take(&part(false, 0, &[3; 98]));
    bench.is_given_up();
    assert_eq!(bench.reassembly.counts.too_long, 1);
    let mut narrow = Bench::new(2, 2);
    narrow.take(&part(true, 2, b"one"));
    narrow.is_given_up();
}

#[test]
fn xudt_other_called_address() {
    let mut bench = Bench::new(2, 2048);
    bench.take(&part(true, 2, b"one"));
    bench.take(&Part { called: on_ssn(None, 8), ..part(false, 1, b"two") });
    bench.is_given_up();
    assert_eq!(bench.reassembly.counts.at_odds, 1);
}

#[test]
fn xudt_class_changes() {
    let mut bench = Bench::new(2, 2048);
    bench.take(&part(true, 2, b"one"));
    bench.take(&Part { class: 0, ..part(false, 1, b"two") });
    bench.is_given_up();
    assert_eq!(bench.reassembly.counts.at_odds, 1);
}

#[test]
fn xudt_reassembly_times_out() {
    let mut bench = Bench::new(2, 2048);
    bench.take(&part(true, 2, b"one"));
    let due = bench.now + Duration::from_secs(15);
    assert_eq!(bench.reassembly.poll_timeout(), due);
    let step = |bench: &mut Bench, now| {
        let Bench { reassembly, returned, .. } = bench;
        let give_back = &mut |label: &u32, first: &Unitdata<'_>, cause| {
            returned.push((*label, cause, first.data.to_vec()));
        };
        reassembly.handle_timeout(now, give_back);
    };
    bench.now += Duration::from_secs(9);
    bench.take(&part(false, 1, b"two"));
    step(&mut bench, due - Duration::from_millis(1));
    assert_eq!(bench.returned, [], "the timer runs from the first segment on");
    step(&mut bench, due);
    assert_eq!((bench.reassembly.poll_timeout(), bench.reassembly.counts.timed_out), (Time::NEVER, 1));
    bench.is_given_up();
}

#[test]
fn xudt_table_full_of_one_peer() {
    let mut bench = Bench::new(8, 2048);
    for reference in 0..100 {
        bench.take(&Part { reference, ..part(true, 2, b"one") });
    }
    assert_eq!(bench.reassembly.fill(), (4, 8), "one peer has half of it");
    assert!(bench.returned.iter().all(|returned| returned.1 == Cause::LOCAL_PROCESSING));
    assert_eq!((bench.returned.len(), bench.reassembly.counts.no_room), (96, 96));
    assert_eq!(bench.take(&Part { opc: 8, ..part(true, 1, b"an") }), None);
    assert_eq!(bench.take(&Part { opc: 8, ..part(false, 0, b"other") }), Some(b"another".to_vec()));
    for opc in 8..100 {
        bench.take(&Part { opc, ..part(true, 2, b"one") });
    }
    assert_eq!(bench.reassembly.fill(), (8, 8), "and all together no more than there is");
}

#[test]
fn xudt_local_reference_reused() {
    let mut bench = Bench::new(2, 2048);
    for text in ["first", "second", "third"] {
        assert_eq!(bench.take(&part(true, 1, text.as_bytes())), None);
        assert_eq!(bench.take(&part(false, 0, b".")), Some(format!("{text}.").into_bytes()));
    }
    assert_eq!(bench.returned, []);
}

#[test]
fn xudt_two_peers_one_reference() {
    let mut bench = Bench::new(4, 2048);
    let other = SccpAddress::titled(digits("4366"), Ssn::HLR);
    let mine = |first, remaining, data| part(first, remaining, data);
    let theirs = |first, remaining, data| Part { calling: other, ..part(first, remaining, data) };
    let elsewhere = |first, remaining, data| Part { opc: 8, ..part(first, remaining, data) };
    assert_eq!(bench.take(&mine(true, 1, b"my ")), None);
    assert_eq!(bench.take(&theirs(true, 1, b"their ")), None);
    assert_eq!(bench.take(&elsewhere(true, 1, b"its ")), None);
    assert_eq!(bench.take(&theirs(false, 0, b"end")), Some(b"their end".to_vec()));
    assert_eq!(bench.take(&mine(false, 0, b"end")), Some(b"my end".to_vec()));
    assert_eq!(bench.take(&elsewhere(false, 0, b"end")), Some(b"its end".to_vec()));
}

#[test]
fn xudt_interleaved() {
    let mut bench = Bench::new(4, 2048);
    let of = |reference, first, remaining, data: &[u8]| Part { reference, ..part(first, remaining, data) };
    bench.take(&of(1, true, 2, b"a"));
    bench.take(&of(2, true, 2, b"1"));
    bench.take(&of(2, false, 1, b"2"));
    bench.take(&of(1, false, 1, b"b"));
    assert_eq!(bench.take(&of(1, false, 0, b"c")), Some(b"abc".to_vec()));
    assert_eq!(bench.take(&of(2, false, 0, b"3")), Some(b"123".to_vec()));
}

/// A parameter that says two things.
#[test]
fn xudt_segmentation_twice() {
    let mut bytes = part(true, 2, b"one").octets();
    let end = bytes.pop().unwrap();
    bytes.extend([0x10, 4, 0xc1, 1, 2, 3, end]);
    let refused = parse(&bytes).unwrap_err();
    assert_eq!(WHY[usize::from(refused.why)], "optional");
}
