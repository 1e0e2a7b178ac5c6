//! A worker's numbers, in the order in which they are published.

use super::Worker;
use crate::base::Layer;
use crate::base::publish::{Show, Shown};
use crate::io::PacketIo;
use crate::proto;
use crate::stack::Application;

/// Each layer's names of what is malformed.
pub const WHY: [&[&str]; Layer::COUNT] = [
    proto::link::WHY,
    proto::sctp::WHY,
    proto::m3ua::WHY,
    proto::sccp::WHY,
    proto::tcap::WHY,
    proto::map::WHY,
    proto::sip::WHY,
    proto::rp::WHY,
    proto::tpdu::WHY,
];

/// States of an association as this worker knows them.
const TRAFFIC: &[&str] = &["down", "active"];

impl<IO: PacketIo, A: Application> Shown for Worker<IO, A> {
    fn show(&self, to: &mut dyn Show) {
        let stack = self.stack();
        let (work, transmit) = self.counts();
        to.counts("worker", "", work);
        to.counts("transmit", "", transmit);
        to.level(("worker", "", "sleeps", "Times that the idle worker slept."), self.sleeps(), 0);
        to.level(
            ("worker", "", "waiting", "Items in the rings towards this worker."),
            self.waiting() as u64,
            0,
        );
        to.level(("worker", "", "frames_free", "Frames left in the pool."), self.frames_free() as u64, 0);
        to.counts("stack", "", &stack.counts);
        to.counts("link", "", &stack.link().counts);
        to.counts("ims", "", &stack.ims().counts);
        let (clients, servers) = stack.ims().transaction_counts();
        to.counts("sip_client", "", clients);
        to.counts("sip_server", "", servers);
        to.counts("ss7", "", &stack.ss7().counts);
        to.counts("transport", "", &stack.ss7().transport().counts);
        to.counts("sctp", "", stack.ss7().transport().sctp_counts());
        to.counts("sccp", "", stack.ss7().sccp_counts());
        to.counts("tcap", "", stack.ss7().tcap_counts());
        to.counts("application", "", self.application_ref().counts());
        let mut level = |name, used, size| {
            to.level(("fill", "", name, "Entries in use."), used as u64, size as u64);
        };
        stack.fill(&mut level);
        self.application_ref().fill(&mut level);
        for (name, owner, active) in stack.ss7().transport().associations() {
            if owner == self.id() {
                to.state(
                    ("association", name, "state", "Whether it carries traffic."),
                    usize::from(active),
                    TRAFFIC,
                );
            }
        }
        for (name, asp) in stack.ss7().transport().asps() {
            to.counts("m3ua", name, &asp.counts);
        }
        to.malformed(&[&stack.malformed, stack.ss7().transport().sctp_malformed()], &WHY);
    }
}
