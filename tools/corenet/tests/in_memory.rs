//! Whole procedures of the gateway among the nodes of the core network, and what loss and duplication do to them, by a
//! seed.

mod world;

use corenet::config::{DirectAuthentication, RegisterBody};
use corenet::model::Failure;
use corenet::scenario::Phase;
use ipsmgw::base::Time;
use ipsmgw::control::config::{Aka, Authentication, NodeKind, R1};
use std::path::PathBuf;
use std::time::Duration;
use world::*;

#[test]
fn everything_arrives_unchanged_and_is_reported_by_one_worker() {
    let mut world = world(1, |_, corenet| corenet.traffic.deregister = true);
    world.run();
    assert_eq!(
        outcomes(&world),
        [("registration", 40, 0), ("mo", 200, 0), ("mt", 200, 0), ("deregistration", 40, 0)]
    );
    assert_eq!(again(&world), (0, 0));
    let counts = &world.smsc().counts;
    assert_eq!((counts.mo_accepted, counts.for_smes, counts.without_imsi), (200, 200, 0));
    world.stop();
}

#[test]
fn two_workers_hand_over_frames_and_messages() {
    let mut world = world(2, |_, corenet| (corenet.traffic.mo, corenet.traffic.mt) = (1000, 1000));
    world.run();
    assert_eq!(outcomes(&world), [("registration", 40, 0), ("mo", 1000, 0), ("mt", 1000, 0)]);
    assert!(world.sum(|worker| worker.counts().1.frames_handed_off) > 1000);
    assert!(world.sum(|worker| worker.counts().1.messages_handed_off) > 500);
    for worker in world.gateway() {
        assert!(worker.application_ref().counts.mo_accepted > 300, "both workers take messages");
    }
    world.stop();
}

#[test]
fn nothing_is_lost_with_loss_and_duplication() {
    for seed in 1..=3 {
        let mut world = world(2, |_, corenet| {
            corenet.seed = seed;
            (corenet.impairment.loss, corenet.impairment.duplicate) = (0.01, 0.01);
            (corenet.traffic.mo, corenet.traffic.mt) = (500, 500);
            corenet.traffic.deregister = true;
        });
        world.run();
        assert_eq!(outcomes(&world)[1..3], [("mo", 500, 0), ("mt", 500, 0)], "seed {seed}");
        let counts = world.simulation.peer_mut(world.ues).io().counts();
        let (lost, doubled) = (counts.impaired_lost, counts.impaired_doubled);
        assert!(lost > 20 && doubled > 20, "{lost} lost, {doubled} doubled");
        assert_eq!(again(&world), (0, 0), "seed {seed}");
        world.stop();
    }
}

#[test]
fn an_unchanged_registration_stays_on_the_worker() {
    let mut world = world(2, |_, corenet| {
        corenet.traffic.refreshes = 2;
        (corenet.traffic.mo, corenet.traffic.mt) = (0, 0);
    });
    world.run();
    assert_eq!(outcomes(&world), [("registration", 120, 0)]);
    let refreshed = world.sum(|worker| worker.application_ref().counts.registration_refreshed);
    assert_eq!((refreshed, world.simulation.registrar(world.gateway).counts.registered), (80, 40));
    world.stop();
}

#[test]
fn identities_come_by_any_body() {
    for body in [
        RegisterBody::None,
        RegisterBody::ServiceInfo,
        RegisterBody::EmbeddedRegister,
        RegisterBody::Multipart,
    ] {
        let mut world = world(1, |_, corenet| {
            for network in &mut corenet.networks {
                // Without a file the IMSI must come from the body.
                if network.name == "home1"
                    || matches!(body, RegisterBody::EmbeddedRegister | RegisterBody::Multipart)
                {
                    network.register_body = body;
                }
            }
            (corenet.traffic.mo, corenet.traffic.mt) = (50, 50);
        });
        world.run();
        assert_eq!(outcomes(&world), [("registration", 40, 0), ("mo", 50, 0), ("mt", 50, 0)], "{body:?}");
    }
}

#[test]
fn ues_and_service_centres_that_refuse_are_understood() {
    let mut world = world(2, |gateway, corenet| {
        gateway.timers.mt_report = Duration::from_secs(2);
        (corenet.ue.silent, corenet.ue.mute, corenet.ue.failing) = (0.1, 0.1, 0.2);
        corenet.smsc.model.errors = [(Failure::ScCongestion, 0.1), (Failure::SystemFailure, 0.1)].into();
        only_by_the_gateway(corenet);
        corenet.traffic.deregister = true;
    });
    world.run();
    let [_, mo, mt, _] = outcomes(&world)[..] else { panic!("{:?}", outcomes(&world)) };
    assert!(mo.1 > 100 && mo.2 > 20 && mo.1 + mo.2 == 200, "{mo:?}");
    assert!(mt.1 > 50 && mt.2 > 20 && mt.1 + mt.2 == 200, "{mt:?}");
    world.stop();
}

/// Pains 1 and 4: every other UE submits each message again after its RP-ACK, and every other reports under its number: nothing
/// is forwarded twice, and nothing is refused or lost, with loss and duplication too.
#[test]
fn habits_of_ues_cost_no_message() {
    for seed in 1..=3 {
        let mut world = world(2, |_, corenet| {
            corenet.seed = seed;
            (corenet.ue.repeating, corenet.ue.other_identity) = (0.5, 0.5);
            (corenet.traffic.mo, corenet.traffic.mt) = (500, 500);
            if seed > 1 {
                (corenet.impairment.loss, corenet.impairment.duplicate) = (0.01, 0.01);
            }
        });
        world.run();
        world.run_until("the reports of what came again", |world| {
            world.traffic().counts.repeated == world.traffic().counts.repeated_reported
        });
        assert_eq!(outcomes(&world)[1..3], [("mo", 500, 0), ("mt", 500, 0)], "seed {seed}");
        assert_eq!(world.smsc().counts.mo_accepted, 500, "seed {seed}: each once");
        assert_eq!(again(&world), (0, 0), "seed {seed}");
        let repeated = world.traffic().counts.repeated;
        assert!(repeated > 100, "{repeated}");
        assert_eq!(world.sum(|worker| worker.application_ref().counts.mo_repeated), repeated);
        assert_eq!(world.sum(|worker| worker.application_ref().counts.report_unmatched), 0);
        assert_eq!(world.nodes().surprises(), "");
        world.stop();
    }
}

#[test]
fn what_goes_wrong_is_noticed() {
    let mut world = world(1, |gateway, corenet| {
        // The gateway never learns the IMSIs of home1: it can't tell them, and no message finds its recipient.
        gateway.networks[0].subscribers = None;
        gateway.networks[0].r1 = R1::Preconfigured;
        corenet.networks[0].r1 = R1::Preconfigured;
        corenet.networks.truncate(1);
        only_by_the_gateway(corenet);
        for point in [&mut corenet.smsc.point, &mut corenet.hlr.point] {
            point.titles.retain(|title| !title.prefix.to_string().starts_with("44"));
        }
        (corenet.traffic.mo, corenet.traffic.mt) = (20, 20);
    });
    world.run_until("the end of the scenario", |world| world.scenario.phase() == Phase::Finished);
    assert_eq!(outcomes(&world), [("registration", 20, 0), ("mo", 20, 0), ("mt", 0, 20)]);
    let nodes = world.nodes();
    assert_eq!(world.smsc().counts.without_imsi, 20);
    assert!(!nodes.is_as_configured());
    assert_eq!(world.smsc().counts.failed_at_nodes, 20);
    let surprises = nodes.surprises();
    assert!(surprises.contains("GivenUp"), "{surprises}");
}

#[test]
fn ues_register_with_their_cards_send_receive_and_leave() {
    for (algorithms, sharing) in [(&[Aka::V2, Aka::V1][..], 1), (&[Aka::V1][..], 4)] {
        let mut world = direct_world(2, |gateway, corenet| {
            gateway.networks[1].direct.as_mut().unwrap().aka = algorithms.to_vec();
            corenet.networks[1].direct_sharing = sharing;
            corenet.traffic.refreshes = 1;
            corenet.traffic.deregister = true;
        });
        world.run_until("the registrations' end", |world| world.scenario.phase() == Phase::Messages);
        world.assert_agreement("after registration");
        assert_eq!(world.hlr().registered(), 70);
        world.run();
        let expected = [
            ("registration", 40, 0),
            ("mo", 200, 0),
            ("mt", 200, 0),
            ("deregistration", 20, 0),
            ("direct_registration", 100, 0),
            ("direct_mo", 200, 0),
            ("direct_mt", 200, 0),
            ("direct_deregistration", 50, 0),
        ];
        assert_eq!(outcomes(&world), expected, "{algorithms:?}");
        world.assert_agreement("after de-registration");
        let hlr = world.hlr();
        assert_eq!((hlr.registered(), hlr.counts.registered, hlr.counts.deregistered), (0, 70, 70));
        assert_eq!((hlr.counts.inserted, hlr.counts.resynchronised, hlr.counts.refused), (50 + 2 * 70, 6, 0));
        let counts = &world.traffic().counts;
        assert_eq!((counts.foreign_source, counts.unknown_recipient, counts.informed), (0, 0, 0));
        world.stop();
    }
}

/// Their first REGISTERs have no credentials, and every other one registers its number, while passwords go by the NAI: one
/// challenge has to do.
#[test]
fn ues_register_with_their_passwords_send_receive_and_leave() {
    let mut world = direct_world(2, |gateway, corenet| {
        let network = &mut gateway.networks[1];
        // Before anything is proved, a number is a subscriber's by this file alone.
        network.subscribers = Some(PathBuf::new());
        let direct = network.direct.as_mut().unwrap();
        (direct.authentication, direct.credentials) = (Authentication::Digest, Some(PathBuf::new()));
        corenet.networks[1].direct_authentication = DirectAuthentication::Digest;
        corenet.traffic.refreshes = 1;
        corenet.traffic.deregister = true;
    });
    world.run();
    let expected = [
        ("registration", 40, 0),
        ("mo", 200, 0),
        ("mt", 200, 0),
        ("deregistration", 20, 0),
        ("direct_registration", 100, 0),
        ("direct_mo", 200, 0),
        ("direct_mt", 200, 0),
        ("direct_deregistration", 50, 0),
    ];
    assert_eq!(outcomes(&world), expected);
    world.assert_agreement("after de-registration");
    let hlr = world.hlr();
    assert_eq!((hlr.registered(), hlr.counts.registered, hlr.counts.deregistered), (0, 70, 70));
    world.stop();
}

#[test]
fn direct_access_bears_loss_and_duplication() {
    for seed in 1..=2 {
        let mut world = direct_world(2, |_, corenet| {
            corenet.seed = seed;
            (corenet.impairment.loss, corenet.impairment.duplicate) = (0.01, 0.01);
            corenet.traffic.deregister = true;
        });
        world.run();
        let flows = outcomes(&world);
        let direct = [("direct_mo", 200, 0), ("direct_mt", 200, 0)];
        assert!(direct.iter().all(|flow| flows.contains(flow)), "seed {seed}: {flows:?}");
        world.stop();
    }
}

#[test]
fn ues_that_stay_away_are_de_registered_and_told() {
    let mut world = direct_world(1, |gateway, corenet| {
        gateway.timers.guard = Duration::from_secs(10);
        (corenet.traffic.mo, corenet.traffic.mt) = (0, 0);
        (corenet.traffic.direct_mo, corenet.traffic.direct_mt) = (50, 50);
        corenet.traffic.expires = 120;
    });
    world.run();
    assert_eq!(world.hlr().registered(), 70);
    world.run_until("the guard timers' end", |world| world.traffic().counts.informed == 50);
    world.run_until("the HLR's knowledge of it", |world| world.hlr().registered() == 0);
    world.assert_agreement("after the guard timer");
    world.stop();
}

#[test]
fn mobiles_behind_an_msc_and_an_sgsn_send_as_ever() {
    let mut world = world(1, |_, corenet| {
        (corenet.traffic.mo, corenet.traffic.mt) = (0, 0);
        for node in &mut corenet.serving_nodes {
            node.mo = 100;
        }
    });
    world.run_and_compare(&[("registration", 40, 0), ("msc1_mo", 100, 0), ("sgsn1_mo", 100, 0)]);
    assert_eq!((world.serving(0).counts.located, world.serving(1).counts.located), (40, 40));
    world.stop();
}

/// 8.5 step 7: what can't be delivered over IP goes to the MSC, and from there to the SGSN, with no retry in between.
#[test]
fn g_4_who_cannot_be_reached_over_ip_is_reached_through_msc_and_sgsn() {
    for (msc_errors, by_msc, by_sgsn) in [(vec![], 200, 0), (vec![Failure::SystemFailure], 0, 200)] {
        let mut world = world(2, |gateway, corenet| {
            gateway.timers.mt_report = Duration::from_secs(2);
            (corenet.traffic.mo, corenet.ue.mute) = (0, 1.0);
            corenet.serving_nodes[0].model.errors = msc_errors.iter().map(|error| (*error, 1.0)).collect();
        });
        world.run_and_compare(&[("registration", 40, 0), ("mt", 200, 0)]);
        let delivered = [0, 1].map(|at| world.serving(at).counts.delivered);
        assert_eq!(delivered, [by_msc, by_sgsn]);
        let counts = &world.smsc().counts;
        assert_eq!((counts.attempts, counts.fallbacks), (200 - counts.continued, 200));
        world.stop();
    }
}

/// Those who are not registered over IP at all are reached as they were before there was a gateway.
#[test]
fn g_4_who_is_not_registered_over_ip_is_reached_at_once() {
    let mut world = world(1, |_, corenet| {
        (corenet.traffic.mo, corenet.traffic.absent) = (0, 1.0);
        corenet.traffic.absence = Duration::from_secs(100);
        corenet.traffic.rate = 20.0;
    });
    world.run_and_compare(&[("registration", 40, 0), ("mt", 200, 0)]);
    assert!(world.serving(0).counts.delivered > 100, "most were away");
    assert_eq!(world.smsc().counts.failed_at_nodes, 0);
    world.stop();
}

/// P-8.6 whole: whoever is nowhere to be found is waited for, and the next registration brings the messages.
#[test]
fn p_8_6_who_was_absent_gets_everything_at_the_next_registration() {
    for seed in 1..=3 {
        let mut world = world(2, |_, corenet| {
            corenet.seed = seed;
            corenet.traffic.absent = 0.5;
            (corenet.smsc.retry_s, corenet.traffic.rate) = (vec![3_600], 50.0);
            for node in &mut corenet.serving_nodes {
                node.attached = 0.0;
            }
        });
        world.run_and_compare(&[("registration", 40, 0), ("mo", 200, 0), ("mt", 200, 0)]);
        let (smsc, hlr) = (&world.smsc().counts, &world.hlr().waiting);
        assert!(smsc.no_routing > 10 && smsc.alerts_for_waiting > 5, "{smsc:?}");
        assert!(hlr.is_empty() && hlr.counts.given_up == 0, "{:?}", hlr.counts);
        assert!(world.simulation.now() < Time::from_millis(3_600_000), "nobody waited for the schedule");
        world.stop();
    }
}

/// TS 23.040 3.2.6: a mobile that its MSC did not find, and one without room, come back by readyForSM.
#[test]
fn h_6_mobiles_that_come_back_or_have_room_again_get_what_waited() {
    for error in [Failure::AbsentSubscriberSm, Failure::MemoryCapacityExceeded] {
        let mut world = world(1, |_, corenet| {
            (corenet.traffic.mo, corenet.traffic.absent) = (0, 1.0);
            corenet.traffic.absence = Duration::from_secs(300);
            (corenet.smsc.retry_s, corenet.traffic.rate) = (vec![3_600], 50.0);
            corenet.serving_nodes[1].attached = 0.0;
            let msc = &mut corenet.serving_nodes[0];
            msc.model.errors = [(error, 0.2)].into();
            msc.back_ms = Some(2_000);
        });
        world.run_and_compare(&[("registration", 40, 0), ("mt", 200, 0)]);
        let counts = &world.serving(0).counts;
        assert!(counts.ready > 10, "{error:?}: {counts:?}");
        assert!(world.smsc().counts.reports >= counts.ready, "{error:?}: {:?}", world.smsc().counts);
        world.stop();
    }
}

/// Two MSCs claim the same mobiles: each is where it registered last, and the other has been told to let it go.
#[test]
fn a_mobile_that_has_moved_is_cancelled_where_it_was() {
    let mut world = world(1, |_, corenet| {
        (corenet.traffic.mo, corenet.traffic.absent) = (0, 1.0);
        corenet.traffic.absence = Duration::from_secs(100);
        corenet.traffic.rate = 20.0;
        corenet.serving_nodes[1].kind = NodeKind::Msc;
    });
    world.run_and_compare(&[("registration", 40, 0), ("mt", 200, 0)]);
    let nodes = [0, 1].map(|at| &world.serving(at).counts);
    assert_eq!(world.hlr().counts.cancelled, 40);
    assert_eq!(nodes[0].cancelled + nodes[1].cancelled, 40, "{nodes:?}");
    assert_eq!((nodes[0].not_here, nodes[1].not_here), (0, 0), "nobody is looked for where he was");
    assert!(nodes[0].delivered + nodes[1].delivered > 100, "{nodes:?}");
    world.stop();
}

/// Where several processes play the nodes, messages go while UEs register, leave and come back: none waits for longer than
/// the service centre's interval allows.
#[test]
fn nodes_of_several_processes_do_not_wait_for_each_other() {
    let seeds = std::env::var("IPSMGW_SEEDS").map_or(10, |seeds| seeds.parse().unwrap());
    for seed in 0..seeds {
        let mut world = world_of(2, |_, corenet| {
            corenet.seed = seed;
            (corenet.traffic.mo, corenet.traffic.direct_mo) = (20, 20);
            (corenet.traffic.mt, corenet.traffic.direct_mt) = (80, 80);
            corenet.traffic.rate = 400.0;
            (corenet.traffic.absent, corenet.traffic.absence) = (0.2, Duration::from_secs(2));
            corenet.smsc.retry_s = vec![5];
            for network in &mut corenet.networks {
                network.direct = network.direct.min(20);
            }
            corenet.serving_nodes[0].attached = 0.5;
            corenet.serving_nodes[1].attached = 0.0;
        });
        world.of_ues = Some(corenet::scenario::Scenario::new(Duration::from_secs(30)));
        let began = world.simulation.now();
        world.run_until("the end of both scenarios", |world| {
            let ues = world.of_ues.as_ref().map(corenet::scenario::Scenario::phase);
            (world.scenario.phase(), ues) == (Phase::Finished, Some(Phase::Finished))
        });
        let taken = world.simulation.now().since(began);
        assert!(taken < Duration::from_secs(30), "seed {seed}: {taken:?}");
        let comparison = world.nodes().comparison();
        assert_eq!((comparison.delivered, comparison.sent), (200, 200), "seed {seed}: {}", comparison.text());
        assert_eq!(comparison.differences, [""; 0], "seed {seed}");
    }
}
