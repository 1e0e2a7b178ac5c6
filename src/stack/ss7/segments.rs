//! Messages in segments: which worker puts them together, and what is whole.

use crate::base::{MalformedCounts, Time};
use crate::codec::Prepend;
use crate::proto::sccp;
use crate::stack::{Indication, Label, Outside};

use super::{ROOM, Ss7};

/// Room for a message that was put together, as long as one that crosses to another worker.
#[derive(Debug)]
pub(in crate::stack) struct Whole([u8; ROOM_OF_WHOLE]);

/// The longest data, and what stands around it in a LUDT.
const ROOM_OF_WHOLE: usize = sccp::LONGEST_REASSEMBLED as usize + 72;

impl Whole {
    pub(in crate::stack) const EMPTY: Self = Self([0; ROOM_OF_WHOLE]);
}

/// What [`Ss7::return_segment`] needs.
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
