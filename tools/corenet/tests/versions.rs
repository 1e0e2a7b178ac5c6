//! MO against a service centre of MAP version 3, 2 or 1: messages of 160 septets and of 140 octets among others, between
//! titles of 12 and of 15 digits, and both ways to refuse a version.

mod world;

use corenet::config::{HighestMap, RefuseAs};
use ipsmgw::ident::Digits;
use ipsmgw::proto::map::{Version, context};
use std::time::Duration;
use world::*;

/// The gateway's titles and the service centres', of so many digits.
fn lengthen(gateway: &mut ipsmgw::control::config::Config, corenet: &mut corenet::Config, length: usize) {
    let with = |title: Digits| {
        let padded = format!("{title}12345");
        padded.get(..length).and_then(|digits| digits.parse().ok()).expect("a title to be made longer")
    };
    for (ours, theirs) in gateway.networks.iter_mut().zip(&mut corenet.networks) {
        ours.gateway_title = with(ours.gateway_title);
        theirs.gateway_title = with(theirs.gateway_title);
        theirs.service_centre = with(theirs.service_centre);
    }
}

#[test]
fn mobile_originated_messages_reach_service_centres_of_every_version() {
    for (version, refuse_as) in [
        (Version::V3, RefuseAs::Context),
        (Version::V2, RefuseAs::Context),
        (Version::V2, RefuseAs::PAbort),
        (Version::V1, RefuseAs::Context),
        (Version::V1, RefuseAs::PAbort),
    ] {
        for length in [12, 15] {
            let what = format!("{version:?}, {refuse_as:?}, titles of {length} digits");
            let mut world = world(1, |gateway, corenet| {
                lengthen(gateway, corenet, length);
                (corenet.traffic.mo, corenet.traffic.mt) = (80, 0);
                corenet.smsc.point.highest_map = HighestMap(version);
                corenet.smsc.point.refuse_as = refuse_as;
            });
            world.run();
            assert_eq!(outcomes(&world), [("registration", 40, 0), ("mo", 80, 0)], "{what}");
            assert_eq!(again(&world), (0, 0), "{what}: once each");
            let counts = &world.smsc().counts;
            // Older versions don't tell the IMSI.
            let without_imsi = if version == Version::V3 { 0 } else { 80 };
            assert_eq!((counts.mo_accepted, counts.without_imsi), (80, without_imsi), "{what}");
            let now = world.simulation.now();
            let stack = world.gateway()[0].stack();
            let refused = stack.ss7().counts.version_refused;
            let mut remembered = vec![];
            stack.ss7().versions(now, &mut |_, context, version, left| {
                assert!(left > Duration::from_secs(3000));
                remembered.push((context, version));
            });
            if version == Version::V3 {
                assert_eq!((refused, remembered), (0, vec![]), "{what}");
                assert_eq!(stack.ss7().counts.handshakes > 0, length == 15, "{what}");
            } else {
                // Two service centres; half of the messages are under way before the first answer.
                assert_eq!(remembered, [(context::MO_RELAY, version); 2], "{what}");
                let each = Version::V3 as u64 - version as u64;
                assert!((2..60 * each).contains(&refused), "{what}: {refused} refused");
            }
            world.stop();
        }
    }
}
