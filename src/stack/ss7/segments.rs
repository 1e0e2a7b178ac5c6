//! Messages in segments: which worker puts them together, what is whole, and those that we send.

use crate::base::{MalformedCounts, Time};
use crate::codec::Prepend;
use crate::ident::{PointCode, WorkerId};
use crate::proto::sccp;
use crate::proto::sccp::build::UnitdataHeader;
use crate::stack::{Indication, Label, Outside};

use super::{CROSSING, ROOM, Refusal, Ss7};

/// Room for a message that was put together, as long as one that crosses to another worker.
#[derive(Debug)]
pub(in crate::stack) struct Whole([u8; ROOM_OF_WHOLE]);

/// The longest data, and what stands around it in a LUDT.
const ROOM_OF_WHOLE: usize = sccp::LONGEST_REASSEMBLED as usize + 72;

impl Whole {
    pub(in crate::stack) const EMPTY: Self = Self([0; ROOM_OF_WHOLE]);
}

/// How a message leaves.
pub(super) enum Wrapped {
    /// In one piece, which has been written.
    Whole,
    /// In segments, of which nothing has been written.
    InSegments,
    /// Not at all.
    TooLong,
}

/// How many segments a message has at most.
const SEGMENTS: usize = 16;

/// What [`return_segment`] needs.
type Returning<'s> = (&'s mut sccp::Sccp, &'s mut super::Transport, &'s mut dyn Outside);

impl Ss7 {
    /// A segment, for the worker that puts its message together: it has no transaction id that would tell whose it is.
    pub(super) fn on_segment(
        &mut self,
        now: Time,
        label: &Label,
        segment: &sccp::Unitdata<'_>,
        message: &[u8],
        outside: &mut dyn Outside,
    ) {
        let worker = self.reassembly.worker(label.originating, segment, self.workers);
        if worker != self.worker {
            if !outside.hand_off(worker, *label, message) {
                self.counts.not_handed_on += 1;
                let cause = sccp::Cause::SUBSYSTEM_CONGESTION;
                self.give_back(now, label, segment, cause, outside);
            }
            return;
        }
        let Self { reassembly, sccp, transport, .. } = self;
        let give_back = &mut |label: &Label, first: &sccp::Unitdata<'_>, cause: sccp::Cause| {
            return_segment(now, label, first, cause, (sccp, transport, outside));
        };
        reassembly.take(now, label.originating, *label, segment, give_back);
    }

    /// Gives up messages whose other segments did not come in time.
    pub(super) fn give_up_segments(&mut self, now: Time, outside: &mut dyn Outside) {
        let Self { reassembly, sccp, transport, .. } = self;
        let give_back = &mut |label: &Label, first: &sccp::Unitdata<'_>, cause: sccp::Cause| {
            return_segment(now, label, first, cause, (sccp, transport, outside));
        };
        reassembly.handle_timeout(now, give_back);
    }

    /// The next message that is whole now, which stands in `room`: as if it had come in one. Whether there was one, and
    /// what it is for the application.
    pub(in crate::stack) fn next_whole<'a>(
        &mut self,
        now: Time,
        room: &'a mut Whole,
        malformed: &mut MalformedCounts,
        outside: &mut dyn Outside,
    ) -> Option<Indication<'a>> {
        let mut w = Prepend::new(&mut room.0);
        let label = self.reassembly.next_whole(&mut w)?;
        let length = w.finish()?.len();
        let message = room.0.get(ROOM_OF_WHOLE.checked_sub(length)?..)?;
        let indication = self.sccp.handle_whole(message);
        self.deliver(now, &label, &indication, message, malformed, outside)
    }

    /// Makes what stands in `w` a message that fits and that `destination` takes, the shortest form first.
    pub(super) fn wrap(
        &self,
        w: &mut Prepend<'_>,
        destination: PointCode,
        header: &UnitdataHeader<'_>,
    ) -> Wrapped {
        if w.overflowed() {
            return Wrapped::TooLong;
        }
        let form = self.form_of(destination);
        let fits = match (sccp::build::udt(w, 0, header, self.budget), form) {
            (Ok(()), _) => true,
            (_, sccp::Kind::Udt) => false,
            (_, sccp::Kind::Xudt) => return Wrapped::InSegments,
            (_, sccp::Kind::Ludt) => sccp::build::unitdata(w, 0, sccp::Kind::Ludt, header, CROSSING).is_ok(),
        };
        if fits && !w.overflowed() { Wrapped::Whole } else { Wrapped::TooLong }
    }

    /// The greatest form that a destination takes.
    pub(super) fn form_of(&self, destination: PointCode) -> sccp::Kind {
        let known = self.points.iter().find(|point| point.point_code == destination);
        known.map_or(sccp::Kind::Udt, |point| point.form)
    }

    /// Sends what stands in `w` in segments of about the same length, the last perhaps shorter (Q.714 4.1.1.2): in
    /// sequence, and what can't be put together comes back with the first.
    pub(super) fn send_segments(
        &mut self,
        w: &Prepend<'_>,
        header: &UnitdataHeader<'_>,
        destination: PointCode,
        selection: u8,
        outside: &mut dyn Outside,
    ) -> Result<WorkerId, Refusal> {
        let data = w.finish().ok_or(Refusal::TooLong)?;
        let longest = sccp::build::segment_room(header.called, header.calling, self.budget).max(1);
        let count = data.len().div_ceil(longest).max(2);
        if count > SEGMENTS {
            return Err(Refusal::TooLong);
        }
        // Workers share the peer's view of our address: each has references of its own.
        self.reference = self.reference.wrapping_add(1) & 0xf_ffff;
        let local_reference = u32::from(self.worker.0 & 0xf) << 20 | self.reference;
        let mut room = [0; ROOM];
        let mut leaves_by = self.worker;
        for (at, part) in data.chunks(data.len().div_ceil(count).max(1)).enumerate() {
            let (first, remaining) = (at == 0, (count - 1 - at) as u8);
            let segmentation = sccp::Segmentation { first, in_sequence: true, remaining, local_reference };
            let header =
                UnitdataHeader { class: 1, return_on_error: header.return_on_error && first, ..*header };
            let mut segment = Prepend::new(&mut room);
            sccp::build::segment(&mut segment, &header, part, segmentation, self.budget)
                .map_err(|_| Refusal::TooLong)?;
            leaves_by = self.transport.send(&mut segment, destination, selection, outside)?;
        }
        self.counts.segmented += 1;
        Ok(leaves_by)
    }

    /// Whether a message is whole.
    pub(in crate::stack) fn has_whole(&self) -> bool {
        self.reassembly.has_whole()
    }
}

/// Returns the first segment of a message that can't be put together, if its sender wants that.
fn return_segment(
    now: Time,
    label: &Label,
    first: &sccp::Unitdata<'_>,
    cause: sccp::Cause,
    (sccp, transport, outside): Returning<'_>,
) {
    let mut room = [0; ROOM];
    let mut answer = Prepend::new(&mut room);
    if let Some(to) = sccp.return_unitdata(now, label.originating, first, cause, &mut answer) {
        let _ = transport.send(&mut answer, to, label.selection, outside);
    }
}
