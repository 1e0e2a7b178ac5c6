//! A worker's numbers, in the order in which they are published.

use super::Worker;
use crate::base::publish::{Show, Shown};
use crate::base::{Layer, Time};
use crate::io::PacketIo;
use crate::proto::{self, m3ua, sctp};
use crate::stack::{Action, Application, Hop, HopState};
use core::time::Duration;

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

/// The group of numbers of SCTP's paths; each object is the association's name and the path's number.
pub const SCTP_PATH: &str = "sctp_path";
/// The words of a path's addresses, ours first.
pub const PATH_WORDS: [&str; 4] = ["local_high", "local_low", "remote_high", "remote_low"];

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
        to.counts("reassembly", "", stack.ss7().reassembly_counts());
        to.counts("subsystems", "", stack.ss7().subsystem_counts());
        to.counts("tcap", "", stack.ss7().tcap_counts());
        let screening = stack.ss7().screening();
        to.counts("screening_all", "", &screening.counts);
        for (rule, action, counts) in screening.rules() {
            to.counts("screening", rule.name(), counts);
            let about = ("screening", rule.name(), "action", "What is done about what breaks the rule.");
            to.state(about, action as usize, Action::NAMES);
        }
        to.counts("streams", "", self.stream_counts());
        to.counts("application", "", self.application_ref().counts());
        let mut level = |name, used, size| {
            to.level(("fill", "", name, "Entries in use."), used as u64, size as u64);
        };
        stack.fill(&mut level);
        self.application_ref().fill(&mut level);
        for (at, (hop, state)) in stack.ims().hops().enumerate() {
            show_hop(to, at, hop.as_ref(), *state);
        }
        for (name, owner, active) in stack.ss7().transport().associations() {
            if owner == self.id() {
                to.state(
                    ("association", name, "state", "Whether it carries traffic."),
                    usize::from(active),
                    TRAFFIC,
                );
            }
        }
        for (destination, name, state) in stack.ss7().transport().own_ways() {
            to.state(
                (
                    "way",
                    &format!("{destination} by {name}"),
                    "state",
                    "Whether it leads there (RFC 4666 4.5).",
                ),
                way_state(state),
                WAY_STATES,
            );
        }
        stack.ss7().transport().each_sctp(&mut |name, status, paths| {
            show_sctp(to, self.seen(), name, status, paths);
        });
        for (name, asp) in stack.ss7().transport().asps() {
            to.counts("m3ua", name, &asp.counts);
        }
        to.malformed(&[&stack.malformed, stack.ss7().transport().sctp_malformed()], &WHY);
    }
}

/// The group of numbers of hops that have got their places after the start; each object is the number of a place.
pub const LOCATED: &str = "located";
/// States of a place: those of a hop, and two more.
const PLACE_STATES: &[&str] = &["up", "resting", "down", "unused", "former"];

/// A hop. What it is called is learnt at the start, when those of the configuration are there, and the places of others empty.
fn show_hop(to: &mut dyn Show, at: usize, hop: Option<&Hop>, state: HopState) {
    const HELP: &str = "How it has answered.";
    match hop {
        Some(hop) => {
            let state = if hop.turn.is_some() { state.place() } else { 4 };
            let name = format!("{} {}", hop.uri.as_str(), hop.address);
            to.state(("hop", &name, "state", HELP), state, HopState::NAMES);
        }
        None => to.state((LOCATED, &at.to_string(), "state", HELP), 3, PLACE_STATES),
    }
}

/// States of a way to a destination, the best first but for the first.
const WAY_STATES: &[&str] = &["down", "available", "congested", "restricted", "no-sccp", "unavailable"];

fn way_state(state: Option<m3ua::Availability>) -> usize {
    match state {
        None => 0,
        Some(state) if state.reach == m3ua::Reach::Unavailable => 5,
        Some(state) if state.no_sccp => 4,
        Some(state) if state.reach == m3ua::Reach::Restricted => 3,
        Some(state) => 1 + usize::from(state.congestion > 0),
    }
}

/// An association's SCTP, and each of the places that it has for a path.
fn show_sctp(
    to: &mut dyn Show,
    now: Time,
    name: &str,
    status: &sctp::AssociationStatus,
    paths: &mut dyn Iterator<Item = sctp::PathStatus>,
) {
    const GROUP: &str = "sctp_association";
    const STATES: &[&str] = &sctp::State::NAMES;
    const PATH_STATES: &[&str] = &["unused", "unconfirmed", "active", "potentially-failed", "inactive"];
    to.state((GROUP, name, "state", "State of the association (RFC 9260 4)."), status.state as usize, STATES);
    let levels = [
        ("streams", "Outbound streams agreed on.", u64::from(status.streams)),
        ("peer_window", "Octets that the peer has room for.", status.peer_window.into()),
        ("waiting", "DATA chunks that are not acknowledged.", status.waiting.into()),
        ("errors", "Transmissions in a row without an answer.", status.errors.into()),
    ];
    for (level, help, value) in levels {
        to.level((GROUP, name, level, help), value, 0);
    }
    for number in 0..sctp::MAX_PATHS {
        let path = paths.next();
        let object = &format!("{name} {number}");
        let micros = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let state = path.map_or(0, |path| path.state as usize + 1);
        to.state(
            (SCTP_PATH, object, "state", "How the path stands (RFC 9260 8.2, RFC 7829)."),
            state,
            PATH_STATES,
        );
        let heard = path.and_then(|path| path.heard).map_or(0, |heard| micros(now.since(heard)) / 1_000);
        let of = |value: fn(&sctp::PathStatus) -> u64| path.as_ref().map_or(0, value);
        let levels = [
            ("primary", "Whether it is the primary path.", of(|path| path.is_primary.into())),
            ("rto_us", "Retransmission time-out.", path.map_or(0, |path| micros(path.rto))),
            ("srtt_us", "Smoothed round-trip time.", path.and_then(|path| path.srtt).map_or(0, micros)),
            ("cwnd", "Congestion window, in octets.", of(|path| path.cwnd.into())),
            ("flight", "Octets under way.", of(|path| path.flight.into())),
            ("limit", "Octets of the largest SCTP packet.", of(|path| path.limit as u64)),
            ("errors", "Transmissions in a row without an answer.", of(|path| path.errors.into())),
            ("again", "DATA chunks sent here again.", of(|path| path.again)),
            ("heard_ms_ago", "Since its last HEARTBEAT was answered; 0: none was.", heard),
        ];
        for (level, help, value) in levels {
            to.level((SCTP_PATH, object, level, help), value, 0);
        }
        let [local_high, local_low, remote_high, remote_low] = PATH_WORDS;
        to.address(SCTP_PATH, object, [local_high, local_low], path.map(|path| path.local));
        to.address(SCTP_PATH, object, [remote_high, remote_low], path.map(|path| path.remote));
    }
}
