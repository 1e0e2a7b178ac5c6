//! The failure matrix: whatever goes wrong with a message, over either access, it ends delivered by another domain, or it waits
//! with the right flags and is delivered when it can be; never lost, never twice.
//!
//! The real stacks, flows and subscriber table, on a virtual clock.

mod world;

use corenet::config::Config;
use corenet::hlr::subscriber::{Domain, Subscriber};
use corenet::ledger::{Direction, Outcome};
use corenet::model::{Failure, Model};
use corenet::scenario::Phase;
use corenet::traffic::Flow;
use corenet::ue::{Act, Behaviour};
use std::time::Duration;
use world::*;

/// The service centre's only interval: who comes back before that was alerted for.
const RETRY: Duration = Duration::from_secs(60);

/// Little happens here: the clock goes in such steps.
const STEP: Duration = Duration::from_millis(10);

/// What goes wrong with a mobile terminated message.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// At the UE.
    Ue(Behaviour),
    /// It takes the message, and leaves instead of reporting.
    Leaves,
    /// The HLR answers sendRoutingInfoForSM so.
    Routing(Failure),
    /// It does not answer that.
    RoutingSilent,
    /// The UE does not answer, and the HLR answers reportSM-DeliveryStatus so.
    Report(Failure),
    /// It does not answer that.
    ReportSilent,
}

/// What it leads to where there is no other domain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Then {
    /// UNRI is set, and the service centre waits to be alerted at the next sign of life.
    Unri,
    /// MCEF is set, and it waits for room.
    Mcef,
    /// The HLR is told nothing: the service centre tries again by its schedule.
    Schedule,
    /// It can't be delivered at all, and its sender is told.
    Never,
}

/// PROTOCOLS 2.7, as an SMS-GMSC sees it: of a UE's answers the absences and the full memory are the HLR's business.
fn faults() -> Vec<(Fault, Then)> {
    let mut faults = vec![
        (Fault::Ue(Behaviour::Silent), Then::Unri),
        (Fault::Ue(Behaviour::Mute), Then::Unri),
        (Fault::Leaves, Then::Unri),
    ];
    let statuses = [
        (404, Then::Unri),
        (408, Then::Unri),
        (410, Then::Unri),
        (430, Then::Unri),
        (480, Then::Unri),
        (604, Then::Unri),
        (400, Then::Unri),
        (403, Then::Never),
        (603, Then::Never),
        (406, Then::Schedule),
        (415, Then::Schedule),
        (420, Then::Schedule),
        (488, Then::Schedule),
        (486, Then::Schedule),
        (600, Then::Schedule),
        (500, Then::Schedule),
        (503, Then::Schedule),
        (513, Then::Schedule),
    ];
    faults.extend(statuses.map(|(status, then)| (Fault::Ue(Behaviour::Refusing(status)), then)));
    faults.push((Fault::Ue(Behaviour::Failing(22)), Then::Mcef));
    let causes = [1, 38, 41, 81, 95, 96, 97, 98, 99, 111, 127];
    faults.extend(causes.map(|cause| (Fault::Ue(Behaviour::Failing(cause)), Then::Schedule)));
    let of_hlr = [
        (Failure::SystemFailure, Then::Schedule),
        (Failure::DataMissing, Then::Schedule),
        (Failure::UnexpectedDataValue, Then::Schedule),
        (Failure::FacilityNotSupported, Then::Schedule),
        (Failure::AbsentSubscriberSm, Then::Schedule),
        (Failure::CallBarred, Then::Schedule),
        (Failure::UnknownSubscriber, Then::Never),
        (Failure::TeleserviceNotProvisioned, Then::Never),
    ];
    faults.extend(of_hlr.map(|(failure, then)| (Fault::Routing(failure), then)));
    faults.push((Fault::RoutingSilent, Then::Schedule));
    let of_report = [
        Failure::SystemFailure,
        Failure::DataMissing,
        Failure::UnexpectedDataValue,
        Failure::UnknownSubscriber,
        Failure::MessageWaitingListFull,
    ];
    faults.extend(of_report.map(|failure| (Fault::Report(failure), Then::Schedule)));
    faults.push((Fault::ReportSilent, Then::Schedule));
    faults
}

fn failing(failure: Failure) -> Model {
    Model { errors: [(failure, 1.0)].into(), ..Model::default() }
}

fn silent() -> Model {
    Model { silent: 1.0, ..Model::default() }
}

/// Two UEs of each access, registered, and nothing else to do.
fn quiet(by_msc: bool) -> World {
    let change = |corenet: &mut Config| {
        for network in &mut corenet.networks {
            network.subscribers = Some(2);
            network.direct = network.direct.min(2);
        }
        let traffic = &mut corenet.traffic;
        (traffic.mo, traffic.mt, traffic.direct_mo, traffic.direct_mt) = (0, 0, 0, 0);
        corenet.smsc.retry_s = vec![RETRY.as_secs() as u32];
        corenet.serving_nodes[0].attached = if by_msc { 1.0 } else { 0.0 };
        corenet.serving_nodes[1].attached = 0.0;
    };
    let mut world = world_of(1, |gateway, corenet| {
        gateway.timers.mt_report = Duration::from_secs(2);
        gateway.timers.map_forward = Duration::from_secs(5);
        change(corenet);
    });
    world.step = STEP;
    world.run_until("registered UEs", |world| world.scenario.phase() == Phase::Finished);
    world
}

impl World {
    /// What the HLR knows of a UE.
    fn subscriber(&self, ue: u32) -> Subscriber {
        let imsi = self.ues().ues[ue as usize].imsi;
        let subscribers = &self.hlr().subscribers;
        *subscribers.by_imsi(imsi).and_then(|id| subscribers.get(id)).unwrap()
    }

    /// A UE that misbehaves no longer, and an HLR neither.
    fn heal(&mut self, ue: u32) {
        self.with_ues(|node, _, _| node.ues[ue as usize].behaviour = Behaviour::Good);
        self.with_hlr(|node, _| node.models = corenet::model::Models::default());
    }

    /// The messages: how many the UE has accepted, and the MSC.
    fn accepted(&self, ue: u32) -> (u32, u64) {
        let number = self.ues().ues[ue as usize].msisdn;
        (self.ues().ledger.accepted(Direction::Mt, number), self.serving(0).counts.delivered)
    }
}

/// One message with one fault.
fn deliver(direct: bool, by_msc: bool, fault: Fault, then: Then) {
    let mut world = quiet(by_msc);
    let ue = world.members(direct)[0];
    let (network, number) = {
        let ue = &world.ues().ues[ue as usize];
        (ue.network as u16, ue.msisdn)
    };
    match fault {
        Fault::Ue(behaviour) => world.with_ues(|node, _, _| node.ues[ue as usize].behaviour = behaviour),
        Fault::Leaves => world.with_ues(|node, _, _| node.ues[ue as usize].behaviour = Behaviour::Mute),
        Fault::Routing(failure) => {
            world.with_hlr(|node, _| node.models.send_routing_info_for_sm = Some(failing(failure)));
        }
        Fault::RoutingSilent => {
            world.with_hlr(|node, _| node.models.send_routing_info_for_sm = Some(silent()))
        }
        Fault::Report(failure) => {
            world.with_ues(|node, _, _| node.ues[ue as usize].behaviour = Behaviour::Silent);
            world.with_hlr(|node, _| node.models.report_sm_delivery_status = Some(failing(failure)));
        }
        Fault::ReportSilent => {
            world.with_ues(|node, _, _| node.ues[ue as usize].behaviour = Behaviour::Silent);
            world.with_hlr(|node, _| node.models.report_sm_delivery_status = Some(silent()));
        }
    }
    world.with_smsc(|node, now, _| node.submit_to(now, network, number));
    if matches!(fault, Fault::Leaves) {
        world.run_until("a message at the UE", |world| world.ues().ledger.refused(Direction::Mt, number) > 0);
        world.with_ues(|node, now, cx| node.act(now, ue, Act::Leave, cx));
    }
    world.run_until("the end of the attempt", |world| {
        world.smsc().counts.attempts > 0 && world.smsc().queue.under_way() == 0
    });
    let began = world.simulation.now();

    let of_routing = matches!(fault, Fault::Routing(_) | Fault::RoutingSilent);
    if by_msc && !of_routing {
        assert_eq!((world.accepted(ue), world.smsc().queue.len()), ((0, 1), 0), "by the MSC, at once");
    } else if then == Then::Never {
        assert_eq!((world.accepted(ue), world.smsc().queue.len()), ((0, 0), 0));
        assert_eq!(world.smsc().counts.given_up, 1);
    } else {
        assert_eq!((world.accepted(ue), world.smsc().queue.waiting()), ((0, 0), 1));
        let known = world.subscriber(ue);
        let flags = (known.is_unreachable(Domain::IpSmGw), known.memory_full);
        assert_eq!(flags, (then == Then::Unri, then == Then::Mcef));
        assert_eq!(world.hlr().waiting.len(), usize::from(matches!(then, Then::Unri | Then::Mcef)));
        world.heal(ue);
        match then {
            Then::Unri => world.with_ues(|node, now, cx| node.act(now, ue, Act::Register, cx)),
            Then::Mcef => world.with_ues(|node, now, cx| node.act(now, ue, Act::MemoryAvailable, cx)),
            // A UE of the gateway's own that does not answer has been de-registered (G-5).
            Then::Schedule => world.with_ues(|node, now, cx| node.act(now, ue, Act::Register, cx)),
            Then::Never => {}
        }
        world.run_until("a delivered message", |world| world.smsc().queue.is_empty());
        let waited = world.simulation.now().since(began);
        match then {
            Then::Unri | Then::Mcef => assert!(waited < RETRY / 5, "alerted for: {waited:?}"),
            _ => assert!(waited >= RETRY, "by the schedule: {waited:?}"),
        }
        // The HLR hears of the success, and its flags go.
        world.run_until("an HLR that waits for nothing", |world| world.hlr().waiting.is_empty());
        assert!(!world.subscriber(ue).has_flags());
    }
    let (by_ue, by_other) = world.accepted(ue);
    assert_eq!(u64::from(by_ue) + by_other, u64::from(then != Then::Never || by_msc && !of_routing));
    let comparison = world.nodes().comparison();
    assert_eq!(comparison.differences, [""; 0]);
    let ended = if by_ue == 0 && by_other == 0 { Outcome::Failed } else { Outcome::Accepted };
    assert_eq!(world.smsc().ledger.count(Direction::Mt, ended), 1);
    world.stop();
}

fn deliver_all(direct: bool, by_msc: bool) {
    for (fault, then) in faults() {
        let told = std::panic::catch_unwind(|| deliver(direct, by_msc, fault, then));
        assert!(told.is_ok(), "direct: {direct}, an MSC too: {by_msc}, {fault:?}: {then:?}");
    }
}

#[test]
fn p_8_5_whatever_fails_over_ims_is_delivered_later() {
    deliver_all(false, false);
}

#[test]
fn p_8_5_whatever_fails_over_ims_is_delivered_by_the_msc() {
    deliver_all(false, true);
}

#[test]
fn p_8_5_whatever_fails_directly_is_delivered_later() {
    deliver_all(true, false);
}

#[test]
fn p_8_5_whatever_fails_directly_is_delivered_by_the_msc() {
    deliver_all(true, true);
}

/// What goes wrong with a mobile originated message on its way to the service centre.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// The service centre answers so.
    Error(Failure),
    /// It does not answer.
    Silent,
    /// It answers after the gateway has given up: it has the message nevertheless.
    Late,
    /// Who is called takes no mo-forwardSM, and refuses the dialogue.
    Abort,
    /// Nobody is called so: SCCP returns the message.
    Udts,
}

fn ways() -> impl Iterator<Item = Way> {
    let errors = [
        Failure::SystemFailure,
        Failure::DataMissing,
        Failure::UnexpectedDataValue,
        Failure::FacilityNotSupported,
        Failure::ResourceLimitation,
        Failure::UnknownServiceCentre,
        Failure::ScCongestion,
        Failure::InvalidSmeAddress,
        Failure::SubscriberNotScSubscriber,
        Failure::EquipmentProtocolError,
        Failure::CallBarred,
        Failure::TeleserviceNotProvisioned,
    ];
    errors.map(Way::Error).into_iter().chain([Way::Silent, Way::Late, Way::Abort, Way::Udts])
}

/// A message whose way fails is reported as failed, and the next one goes through. What the service centre took it has once.
fn submit(direct: bool, way: Way) {
    let mut world = quiet(false);
    let ue = world.members(direct)[0];
    let (network, number) = {
        let ue = &world.ues().ues[ue as usize];
        (ue.network, ue.msisdn)
    };
    let centre = world.with_ues(|node, _, _| node.service_centre(network));
    let hlr = world.with_hlr(|node, _| node.hlr.title(network));
    let model = match way {
        Way::Error(failure) => failing(failure),
        Way::Silent => silent(),
        Way::Late => Model { delay_ms: 7_000, ..Model::default() },
        Way::Abort | Way::Udts => Model::default(),
    };
    world.with_smsc(|node, _, _| node.set_model(model));
    match way {
        Way::Abort => world.with_ues(|node, _, _| node.set_service_centre(network, hlr)),
        // The gateway's translation leads all numbers of this country to the service centres.
        Way::Udts => {
            let other = format!("{}98", &centre.to_string()[..centre.len() - 2]).parse().unwrap();
            world.with_ues(|node, _, _| node.set_service_centre(network, other));
        }
        _ => {}
    }
    world.with_ues(|node, _, _| node.may_refuse());
    world.with_ues(|node, now, cx| node.act(now, ue, Act::Submit, cx));
    let ended = |world: &mut World| world.traffic().mo_of_both().map(Flow::ended).iter().sum::<u32>();
    world.run_until("a report", |world| ended(world) == 1);
    assert_eq!(world.ues().ledger.count(Direction::Mo, Outcome::Failed), 1);
    world.simulation.pass(Duration::from_secs(10));

    world.with_smsc(|node, _, _| node.set_model(Model::default()));
    world.with_ues(|node, _, _| node.set_service_centre(network, centre));
    world.with_ues(|node, now, cx| node.act(now, ue, Act::Submit, cx));
    world.run_until("another report", |world| ended(world) == 2);
    let comparison = world.nodes().comparison();
    assert_eq!(comparison.differences, [""; 0]);
    let late = u64::from(matches!(way, Way::Late));
    assert_eq!((comparison.delivered, comparison.unreported), (1, late));
    assert_eq!(u64::from(world.smsc().ledger.accepted(Direction::Mo, number)), 1 + late);
    world.stop();
}

#[test]
fn p_8_9_and_p_8_3_whatever_fails_on_the_way_to_the_service_centre_is_reported() {
    for direct in [false, true] {
        for way in ways() {
            let told = std::panic::catch_unwind(|| submit(direct, way));
            assert!(told.is_ok(), "direct: {direct}, {way:?}");
        }
    }
}
