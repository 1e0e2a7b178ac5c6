//! Runs the core network over DPDK ports until its scenario has ended.

use crate::api::{self, Ask, Question};
use crate::capture::{CaptureFile, WallClock};
use crate::config::{self, Config, HLR, SMSC, SignallingPoint, UES};
use crate::hlr::HlrNode;
use crate::model::{Model, Models};
use crate::node::Node;
use crate::nodes::Nodes;
use crate::scenario::{Phase, Player, Scenario};
use crate::serving::ServingNode;
use crate::smsc::SmscNode;
use crate::start;
use crate::stp::StpNode;
use crate::switch::Switch;
use crate::traffic::Until;
use crate::ue::Act;
use ipsmgw::base::{PortId, Time};
use ipsmgw::control::config::{Association, Backoff as BackoffSetting};
use ipsmgw::control::layers;
use ipsmgw::dataplane::{Backoff, BackoffMode, Clock, Worker};
use ipsmgw::io::dpdk::{DpdkIo, Eal, Ports, PortsConfig};
use ipsmgw::io::memory::MemoryIo;
use ipsmgw::io::{Fan, Impaired, PacketIo};
use ipsmgw::stack::Stack;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;

/// How often progress is told, and it is looked whether to stop.
const LOOK: Duration = Duration::from_millis(50);
/// How long leaving the SS7 network may take.
const GRACE: Duration = Duration::from_secs(5);

/// What the one who runs it is told.
pub trait Observer {
    /// The ports are up: the gateway may start.
    fn ready(&mut self);
    /// How far the scenario is.
    fn progress(&mut self, phase: Phase, nodes: &Nodes<'_>);
    /// The scenario has ended, and the capture is complete but for the leaving. `remarks` are about the network, a line
    /// each.
    fn finished(&mut self, nodes: &Nodes<'_>, remarks: &str);
}

/// A node and the stack that it stands on.
type On<A> = Worker<Impaired<MemoryIo>, A>;

/// The core network over DPDK ports.
pub struct Core {
    switch: Switch<Fan<DpdkIo>>,
    ues: Option<On<Node>>,
    smsc: Option<On<SmscNode>>,
    hlr: Option<On<HlrNode>>,
    serving: Vec<On<ServingNode>>,
    stps: Vec<On<StpNode>>,
    /// Whether these are all nodes that the configuration has.
    are_all: bool,
    scenario: Scenario,
    ports: Ports,
    capture: Option<CaptureFile>,
    /// Of the associations of each signalling point, in the order of [`Config::points`], whether they lead out of the box.
    outward: Vec<Vec<bool>>,
    clock: Clock,
    backoff: Backoff,
    /// What is asked over HTTP.
    questions: Option<mpsc::Receiver<Question>>,
}

/// Of a node that another process plays.
const ELSEWHERE: &str = "this process does not play that node; ask the one that does";

/// An SME's message.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct To {
    to: String,
}

/// What a UE is to do.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Acts {
    act: Act,
}

fn read<T: DeserializeOwned>(value: Value) -> Result<T, String> {
    serde_json::from_value(value).map_err(|error| error.to_string())
}

/// Calls a function of all nodes, whatever they are.
macro_rules! all {
    ($core:expr, $node:pat => $act:expr) => {{
        let Core { ues, smsc, hlr, serving, stps, .. } = $core;
        if let Some($node) = ues {
            $act;
        }
        if let Some($node) = smsc {
            $act;
        }
        if let Some($node) = hlr {
            $act;
        }
        for $node in serving {
            $act;
        }
        for $node in stps {
            $act;
        }
    }};
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
        switch.station = config.station();
        let mut attach = |places: &[usize]| {
            let places: Vec<PortId> = places.iter().map(|&at| PortId(at as u8)).collect();
            switch.attach(&places).ok_or("a node's port: there is none of this name; name a [[port]]")
        };
        let named = |name: &str| config.ports.iter().position(|port| port.name == name).unwrap_or(usize::MAX);
        let of = |point: &SignallingPoint| point.networks().map(|(name, _)| named(name)).collect::<Vec<_>>();
        let mut core = (None, None, None, vec![], vec![]);
        if config.plays(UES) {
            core.0 = Some(start::ues(config, attach(&start::ue_ports(config).collect::<Vec<_>>())?)?);
        }
        if config.plays(SMSC) {
            core.1 = Some(start::smsc(config, since.as_secs(), attach(&of(&config.smsc.point))?)?);
        }
        if config.plays(HLR) {
            core.2 = Some(start::hlr(config, attach(&of(&config.hlr.point))?)?);
        }
        let serving = config.serving_nodes.iter().enumerate();
        for (at, node) in serving.filter(|(_, node)| config.plays(&node.name)) {
            core.3.push(start::serving(config, at, attach(&of(&node.point))?)?);
        }
        for (at, stp) in config.stps.iter().enumerate().filter(|(_, stp)| config.plays(&stp.name)) {
            core.4.push(start::stp(config, at, attach(&of(&stp.point))?)?);
        }
        let (ues, smsc, hlr, serving, stps) = core;
        let mode = match config.node.backoff {
            BackoffSetting::Spin => BackoffMode::Spin,
            BackoffSetting::Yield => BackoffMode::Yield,
        };
        let leads_out = |it: &Association| !it.remote.iter().any(|to| config.is_own(*to));
        let outward = config.points().map(|(_, point)| point.associations.iter().map(leads_out).collect());
        let outward = outward.collect();
        let scenario = Scenario::new(config.traffic.up);
        let backoff = Backoff::new(mode);
        let questions = config.api.as_ref().map(api::listen).transpose()?;
        Ok(Self {
            switch,
            ues,
            smsc,
            hlr,
            serving,
            stps,
            are_all: config.node.plays.is_none(),
            scenario,
            ports,
            capture,
            outward,
            clock,
            backoff,
            questions,
        })
    }

    /// The nodes, to look at.
    #[must_use]
    pub fn nodes(&self) -> Nodes<'_> {
        Nodes {
            ues: self.ues.as_ref().map(Worker::application_ref),
            smsc: self.smsc.as_ref().map(Worker::application_ref),
            hlr: self.hlr.as_ref().map(Worker::application_ref),
            serving: self.serving.iter().map(Worker::application_ref).collect(),
            are_all: self.are_all,
        }
    }

    /// Whether the whole scenario has gone as configured.
    #[must_use]
    pub fn is_as_configured(&self) -> bool {
        !self.scenario.is_stuck && self.nodes().is_as_configured()
    }

    /// The stacks of the signalling points, in the order of [`Config::points`].
    fn points(&self) -> impl Iterator<Item = &Stack> {
        let smsc = self.smsc.as_ref().map(Worker::stack);
        let hlr = self.hlr.as_ref().map(Worker::stack);
        let stps = self.stps.iter().map(Worker::stack);
        smsc.into_iter().chain(hlr).chain(self.serving.iter().map(Worker::stack)).chain(stps)
    }

    /// Whether no association leads out of the box any more. Where none ever did, nobody can tell.
    fn gateway_has_left(&self) -> bool {
        let has_some = self.outward.iter().flatten().any(|out| *out);
        has_some
            && self.points().zip(&self.outward).all(|(stack, outward)| {
                let associations = stack.ss7().transport().associations();
                associations.zip(outward).all(|((_, _, is_active), out)| !(is_active && *out))
            })
    }

    /// What the network did besides: losses, doubles and what they led to. Empty if there was nothing.
    fn remarks(&mut self) -> String {
        let (mut lost, mut doubled, mut data_again) = (0, 0, 0);
        all!(&mut *self, node => {
            let more = node.io().counts();
            (lost, doubled) = (lost + more.impaired_lost, doubled + more.impaired_doubled);
            data_again += node.stack().ss7().transport().sctp_counts().data_again;
        });
        let nodes = self.nodes();
        let (mo_again, ue_twice) = (
            nodes.smsc.map_or(0, |node| node.counts.mo_again),
            nodes.ues.map_or(0, |node| node.traffic.counts.ue_twice),
        );
        let ims = self.ues.as_ref().map(|ues| ues.stack().ims());
        let sent_again = ims.map_or(0, |ims| ims.transaction_counts().0.retransmitted);
        let remarks = [
            (lost, "packets lost by the impairment"),
            (doubled, "packets doubled by the impairment"),
            (self.switch.counts.lost, "packets lost because a queue was full"),
            (sent_again, "SIP requests sent again"),
            (ims.map_or(0, |ims| ims.counts.repeated), "SIP requests received again"),
            (data_again, "SCTP chunks sent again"),
            (mo_again, "messages that the SMS-IWMSC got again"),
            (ue_twice, "messages that a UE got again"),
        ];
        let seen = remarks.into_iter().filter(|(count, _)| *count > 0);
        let seen: String = seen.map(|(count, what)| format!("{count} {what}\n")).collect();
        let stuck = self.scenario.is_stuck.then_some("an association has not become active in time\n");
        seen + stuck.unwrap_or_default()
    }

    /// Goes on with the scenario where all nodes have done their part.
    fn advance(&mut self, now: Time) {
        let (mut are_up, mut are_done) = (true, true);
        all!(&*self, node => {
            are_up &= node.application_ref().is_up(node.stack());
            are_done &= node.application_ref().is_done();
        });
        if let Some(phase) = self.scenario.advance(now, are_up, are_done) {
            all!(&mut *self, node => node.with_application(|node, _| node.enter(phase)));
        }
    }

    /// Answers what is asked over HTTP.
    fn answer(&mut self, now: Time, ask: Ask) -> Result<Value, String> {
        match ask {
            Ask::Nodes => Ok(self.nodes().numbers()),
            Ask::Models => Ok(self.nodes().models()),
            Ask::Ledger => serde_json::to_value(self.nodes().comparison()).map_err(|error| error.to_string()),
            Ask::SetModels(node, models) => {
                self.set_models(&node, models)?;
                Ok(self.nodes().models())
            }
            Ask::Message(message) => {
                let number = read::<To>(message)?.to.parse()?;
                let smsc = self.smsc.as_mut().ok_or(ELSEWHERE)?;
                let network = smsc.application_ref().network_of(number);
                let network = network.ok_or("to: nobody has this number; give a subscriber's")?;
                smsc.with_application(|smsc, _| smsc.submit_to(now, network, number));
                Ok(json!({}))
            }
            Ask::Act(number, act) => {
                let act = read::<Acts>(act)?.act;
                let ues = self.ues.as_mut().ok_or(ELSEWHERE)?;
                let mut list = ues.application_ref().ues.iter();
                let at = list.position(|ue| ue.msisdn.to_string() == number);
                let at = at.ok_or("nobody has this number; give a UE's")? as u32;
                ues.with_application(|ues, cx| ues.act(now, at, act, cx));
                Ok(json!({}))
            }
        }
    }

    /// How a node is to misbehave from now on.
    fn set_models(&mut self, node: &str, models: Value) -> Result<(), String> {
        if node == HLR {
            let models: Models = read(models)?;
            models.check()?;
            let hlr = self.hlr.as_mut().ok_or(ELSEWHERE)?;
            hlr.with_application(|hlr, _| hlr.models = models);
            return Ok(());
        }
        if node == UES {
            let shares: config::Ue = read(models)?;
            shares.check()?;
            let ues = self.ues.as_mut().ok_or(ELSEWHERE)?;
            ues.with_application(|ues, _| ues.set_shares(shares));
            return Ok(());
        }
        let model: Model = read(models)?;
        model.check()?;
        if node == SMSC {
            let smsc = self.smsc.as_mut().ok_or(ELSEWHERE)?;
            smsc.with_application(|smsc, _| smsc.set_model(model));
            return Ok(());
        }
        let serving = self.serving.iter_mut().find(|serving| serving.application_ref().name == node);
        let serving = serving.ok_or_else(|| format!("no node {node:?} has models"))?;
        serving.with_application(|serving, _| serving.model = model);
        Ok(())
    }

    /// All nodes leave the SS7 network in order.
    fn stop(&mut self, now: Time) {
        self.scenario.end();
        all!(self, node => node.with_application(|node, cx| node.stop(now, cx)));
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
            self.scenario.end();
        }
        let (mut next, mut stop_by, mut told) = (Time::ZERO, Time::NEVER, serves);
        loop {
            let now = self.clock.now();
            let mut busy = self.switch.turn();
            let mut closed = true;
            all!(&mut *self, node => {
                busy |= node.turn(now);
                closed &= node.stack().is_closed();
            });
            self.backoff.after_turn(busy);
            self.advance(now);
            let finished = self.scenario.phase() == Phase::Finished;
            if finished && !told {
                told = true;
                self.flush()?;
                let remarks = self.remarks();
                observer.finished(&self.nodes(), &remarks);
            }
            if finished && told && closed && stop_by < Time::NEVER {
                break;
            }
            if now < next {
                continue;
            }
            next = now + LOOK;
            while let Some((ask, answer)) = self.questions.as_mut().and_then(|it| it.try_recv().ok()) {
                // Who asked may have gone.
                let _ = answer.send(self.answer(now, ask));
            }
            observer.progress(self.scenario.phase(), &self.nodes());
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
                self.stop(now);
            }
            if now >= stop_by {
                break;
            }
        }
        // What the nodes have said last, the end of an association, is with the switch yet.
        self.switch.turn();
        self.switch.outside().leave();
        self.flush()
    }

    fn flush(&self) -> Result<(), String> {
        let flushed = self.capture.as_ref().map_or(Ok(()), CaptureFile::flush);
        flushed.map_err(|error| format!("capture: {error}; free disk space"))
    }
}
