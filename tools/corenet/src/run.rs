//! Runs the core network over DPDK ports until its scenario has ended.

use crate::capture::{CaptureFile, WallClock};
use crate::config::Config;
use crate::hlr::HlrNode;
use crate::impairment::Impaired;
use crate::node::Node;
use crate::start;
use crate::switch::Switch;
use crate::traffic::{Traffic, Until};
use ipsmgw::base::{PortId, Time};
use ipsmgw::control::config::Backoff as BackoffSetting;
use ipsmgw::control::layers;
use ipsmgw::dataplane::{Backoff, BackoffMode, Clock, Worker};
use ipsmgw::io::dpdk::{DpdkIo, Eal, Ports, PortsConfig};
use ipsmgw::io::memory::MemoryIo;
use ipsmgw::io::{Fan, PacketIo};
use ipsmgw::stack::Stack;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How often progress is told, and it is looked whether to stop.
const LOOK: Duration = Duration::from_millis(50);
/// How long leaving the SS7 network may take.
const GRACE: Duration = Duration::from_secs(5);

/// What the one who runs it is told.
pub trait Observer {
    /// The ports are up: the gateway may start.
    fn ready(&mut self);
    /// How far the scenario is.
    fn progress(&mut self, traffic: &Traffic);
    /// The scenario has ended, and the capture is complete but for the leaving. `remarks` are about the network, a line
    /// each.
    fn finished(&mut self, traffic: &Traffic, remarks: &str);
}

/// The core network over DPDK ports.
pub struct Core {
    switch: Switch<Fan<DpdkIo>>,
    worker: Worker<Impaired<MemoryIo>, Node>,
    hlr: Worker<Impaired<MemoryIo>, HlrNode>,
    ports: Ports,
    capture: Option<CaptureFile>,
    /// Of the associations of both, in their order, whether they lead out of the box.
    outward: [Vec<bool>; 2],
    clock: Clock,
    backoff: Backoff,
}

impl Core {
    /// Starts DPDK and opens the ports.
    ///
    /// # Errors
    /// Says what does not fit or does not start.
    #[allow(clippy::disallowed_methods)] // a capture tells the time of day
    pub fn open(config: &Config) -> Result<Self, String> {
        let eal = Eal::init(&layers::environment(&config.eal, &config.ports))?;
        let frames = config.node.frames * (config.ports.len() * config.node.queues) as u32;
        let queues = PortsConfig { workers: config.node.queues, frames, ..PortsConfig::default() };
        let (ports, io) = Ports::open(&eal, &queues)?;
        let names = config.ports.iter().map(|port| port.name.as_str());
        let capture = config.capture.file.as_deref().map(|file| {
            CaptureFile::create(file, names).map_err(|error| {
                format!("capture {}: {error}; give a path that can be written", file.display())
            })
        });
        let capture = capture.transpose()?;
        let clock = Clock::start();
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let since = since.saturating_sub(clock.now().since(Time::ZERO));
        let wall: WallClock =
            Box::new(move || u64::try_from((since + clock.now().since(Time::ZERO)).as_nanos()).unwrap_or(0));
        let written = capture.clone().map(|file| (file, wall));
        let mut switch = Switch::new(Fan::new(io), frames as usize, written);
        let all: Vec<PortId> = (0..config.ports.len()).map(|at| PortId(at as u8)).collect();
        let no_port = "a node's port: there is none of this name; name a [[port]]";
        let worker = start::build(config, switch.attach(&all).ok_or(no_port)?)?;
        let of_hlr = config.ports.iter().position(|port| port.name == config.hlr.point.port);
        let of_hlr = all.get(of_hlr.unwrap_or(usize::MAX)).ok_or(no_port)?;
        let hlr = start::hlr(config, switch.attach(&[*of_hlr]).ok_or(no_port)?)?;
        let mode = match config.node.backoff {
            BackoffSetting::Spin => BackoffMode::Spin,
            BackoffSetting::Yield => BackoffMode::Yield,
        };
        let outward = [&config.associations, &config.hlr.point.associations]
            .map(|list| list.iter().map(|it| !it.remote.iter().any(|to| config.is_own(*to))).collect());
        let backoff = Backoff::new(mode);
        Ok(Self { switch, worker, hlr, ports, capture, outward, clock, backoff })
    }

    /// The scenario.
    #[must_use]
    pub fn traffic(&self) -> &Traffic {
        &self.worker.application_ref().traffic
    }

    /// Whether no association leads out of the box any more.
    fn gateway_has_left(&self) -> bool {
        let left = |stack: &Stack, outward: &[bool]| {
            stack.ss7().transport().associations().zip(outward).all(|((_, _, active), out)| !(active && *out))
        };
        let [of_node, of_hlr] = &self.outward;
        left(self.worker.stack(), of_node) && left(self.hlr.stack(), of_hlr)
    }

    /// What the network did besides: losses, doubles and what they led to. Empty if there was nothing.
    fn remarks(&mut self) -> String {
        let ((lost, doubled), (more_lost, more_doubled)) = (self.worker.io().counts, self.hlr.io().counts);
        let (clients, _) = self.worker.stack().ims().transaction_counts();
        let counts = &self.traffic().counts;
        let remarks = [
            (lost + more_lost, "packets lost by the impairment"),
            (doubled + more_doubled, "packets doubled by the impairment"),
            (self.switch.counts.lost, "packets lost because a queue was full"),
            (clients.retransmitted, "SIP requests sent again"),
            (self.worker.stack().ims().counts.repeated, "SIP requests received again"),
            (self.worker.stack().ss7().transport().sctp_counts().data_again, "SCTP chunks sent again"),
            (counts.iwmsc_twice, "messages that the SMS-IWMSC got again"),
            (counts.ue_twice, "messages that a UE got again"),
        ];
        let seen = remarks.into_iter().filter(|(count, _)| *count > 0);
        seen.map(|(count, what)| format!("{count} {what}\n")).collect()
    }

    /// Runs the scenario, or what of it there is before `stop`, and then leaves the SS7 network.
    ///
    /// # Errors
    /// Says what failed at the ports or the capture.
    pub fn run(
        &mut self,
        stop: &AtomicBool,
        until: Until,
        observer: &mut dyn Observer,
    ) -> Result<(), String> {
        self.switch.outside().enter()?;
        observer.ready();
        let serves = until == Until::Stopped;
        if serves {
            self.worker.with_application(|node, _| node.has_no_scenario());
        }
        let (mut next, mut stop_by, mut told) = (Time::ZERO, Time::NEVER, serves);
        loop {
            let now = self.clock.now();
            let carried = self.switch.turn();
            let busy = self.worker.turn(now) | self.hlr.turn(now);
            self.backoff.after_turn(busy || carried);
            let node = self.worker.application_ref();
            let finished = node.is_finished();
            if finished && !told {
                told = true;
                self.flush()?;
                let remarks = self.remarks();
                observer.finished(self.traffic(), &remarks);
            }
            let closed = self.worker.stack().is_closed() && self.hlr.stack().is_closed();
            if finished && told && closed && (stop_by < Time::NEVER || !serves) {
                break;
            }
            if now < next {
                continue;
            }
            next = now + LOOK;
            if self.hlr.application_ref().is_up(self.hlr.stack()) {
                self.worker.with_application(|node, _| node.others_are_up());
            }
            observer.progress(self.traffic());
            if let Some(fault) = (0..self.ports.len()).find_map(|at| self.ports.fault(PortId(at as u8))) {
                return Err(fault);
            }
            let leaves = match until {
                Until::End => finished,
                Until::GatewayLeft => finished && self.gateway_has_left(),
                Until::Stopped => false,
            };
            if stop_by == Time::NEVER && (stop.load(Ordering::Relaxed) || leaves) {
                stop_by = now + GRACE;
                self.worker.with_application(|node, cx| node.stop(now, cx));
                self.hlr.with_application(|node, cx| node.stop(now, cx));
            }
            if now >= stop_by {
                break;
            }
        }
        self.switch.outside().leave();
        self.flush()
    }

    fn flush(&self) -> Result<(), String> {
        let flushed = self.capture.as_ref().map_or(Ok(()), CaptureFile::flush);
        flushed.map_err(|error| format!("capture: {error}; free disk space"))
    }
}
