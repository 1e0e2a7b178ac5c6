//! The parts of a long text leave the SMS-GMSC in one dialogue (moreMessagesToSend; TS 29.002 12.9), to the gateway and to an
//! MSC, in every version of MAP; what fails of them ends it, and goes on by the service centre's rules.

mod world;

use corenet::config::{Config, HighestMap};
use corenet::ledger::Direction;
use corenet::model::{Failure, Model};
use corenet::scenario::Phase;
use ipsmgw::proto::map::Version;
use std::time::Duration;
use world::*;

const VERSIONS: [Version; 3] = [Version::V1, Version::V2, Version::V3];
const PARTS: u8 = 3;

/// Two UEs behind each S-CSCF, registered, and nothing else to do.
fn quiet(change: impl FnOnce(&mut Config)) -> World {
    let mut world = world(1, |gateway, corenet| {
        gateway.timers.mt_report = Duration::from_secs(2);
        for network in &mut corenet.networks {
            network.subscribers = Some(2);
        }
        (corenet.traffic.mo, corenet.traffic.mt) = (0, 0);
        corenet.smsc.retry_s = vec![60];
        corenet.serving_nodes[0].attached = 0.0;
        corenet.serving_nodes[1].attached = 0.0;
        change(corenet);
    });
    world.step = Duration::from_millis(10);
    world.run_until("registered UEs", |world| world.scenario.phase() == Phase::Finished);
    world
}

/// A long text for the first UE: its place.
fn submit(world: &mut World) -> usize {
    let ue = world.members(false)[0] as usize;
    let (network, number) = (world.ues().ues[ue].network as u16, world.ues().ues[ue].msisdn);
    let parts = world.with_smsc(|node, now, _| node.submit_parts_to(now, network, number, PARTS));
    assert_eq!(parts.len(), usize::from(PARTS));
    ue
}

fn more_messages_in(world: &World) -> u64 {
    world.sum(|worker| worker.stack().ss7().counts.more_messages)
}

#[test]
fn parts_of_a_long_text_reach_the_gateway_in_one_dialogue_of_every_version() {
    for version in VERSIONS {
        let mut world = quiet(|corenet| corenet.smsc.point.highest_map = HighestMap(version));
        let ue = submit(&mut world);
        world.run_until("an empty queue", |world| world.smsc().queue.is_empty());
        let (counts, number) = (&world.smsc().counts, world.ues().ues[ue].msisdn);
        assert_eq!((counts.attempts, counts.forwarded, counts.delivered), (1, 3, 3), "{version:?}");
        assert_eq!((counts.more_messages, counts.in_open_dialogue), (2, 2), "{version:?}");
        assert_eq!(more_messages_in(&world), 2, "{version:?}");
        assert_eq!(world.ues().ledger.accepted(Direction::Mt, number), 3, "{version:?}");
        let comparison = world.nodes().comparison();
        assert_eq!((comparison.sent, comparison.delivered), (3, 3), "{version:?}: {}", comparison.text());
        let ss7 = world.simulation.peer(world.smsc).stack().ss7();
        assert_eq!(ss7.counts.version_refused, 0, "asked for in its own version at once");
        world.stop();
    }
}

#[test]
fn parts_of_a_long_text_reach_an_msc_in_one_dialogue_of_its_version() {
    for (version, refused) in VERSIONS.into_iter().zip([2, 1, 0]) {
        let mut world = quiet(|corenet| {
            corenet.serving_nodes[0].attached = 1.0;
            corenet.serving_nodes[0].point.highest_map = HighestMap(version);
            // UEs don't answer: the MSC is next.
            corenet.ue.silent = 1.0;
        });
        submit(&mut world);
        world.run_until("an empty queue", |world| world.smsc().queue.is_empty());
        let counts = &world.smsc().counts;
        assert_eq!((counts.delivered, counts.in_open_dialogue), (3, 2), "{version:?}");
        assert_eq!(world.serving(0).counts.delivered, 3, "{version:?}");
        let ss7 = world.simulation.peer(world.smsc).stack().ss7();
        assert_eq!(ss7.counts.version_refused, refused, "{version:?}: by the first message alone");
        assert_eq!(ss7.counts.more_messages_sent, 2, "{version:?}");
        world.stop();
    }
}

/// The second part fails: the first has arrived, and the others go when the service centre tries again.
#[test]
fn a_part_that_fails_ends_the_dialogue_and_waits() {
    for version in VERSIONS {
        let mut world = quiet(|corenet| {
            corenet.serving_nodes[0].attached = 1.0;
            corenet.serving_nodes[0].model = Model { delay_ms: 100, ..Model::default() };
            corenet.smsc.point.highest_map = HighestMap(version);
            corenet.ue.silent = 1.0;
        });
        submit(&mut world);
        // It is at the MSC, after the gateway, and will be answered well.
        world.run_until("the first part", |world| world.smsc().counts.forwarded == 2);
        world.simulation.pass(Duration::from_millis(50));
        let failing = Model { errors: [(Failure::SystemFailure, 1.0)].into(), ..Model::default() };
        let msc = world.serving[0];
        world.simulation.peer_mut(msc).with_application(|node, _| node.model = failing);
        world.run_until("a failure", |world| world.smsc().queue.waiting() == 1);
        let counts = &world.smsc().counts;
        assert_eq!((counts.delivered, counts.in_open_dialogue), (1, 1), "{version:?}");
        assert_eq!(world.smsc().queue.len(), 2, "{version:?}");
        world.simulation.peer_mut(msc).with_application(|node, _| node.model = Model::default());
        world.run_until("an empty queue", |world| world.smsc().queue.is_empty());
        let counts = &world.smsc().counts;
        assert_eq!((counts.delivered, counts.in_open_dialogue, counts.attempts), (3, 2, 2), "{version:?}");
        assert_eq!(world.serving(0).counts.delivered, 3, "{version:?}: once each");
        world.stop();
    }
}
