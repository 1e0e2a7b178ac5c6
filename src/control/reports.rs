//! What the log tells of delivery reports that match nothing.

use super::config::Config;
use crate::gateway::mailbox::Unmatched;
use crate::ident::{Imsi, Masked};

/// Logs one: who has sent it, and what was waited for.
pub(super) fn tell(config: &Config, unmatched: &Unmatched) {
    let network = config.networks.get(usize::from(unmatched.network));
    let shown = |imsi: Option<Imsi>| imsi.map(|imsi| tracing::field::display(Masked(imsi.digits())));
    tracing::warn!(
        network = network.map(|network| network.name.as_str()),
        sender = unmatched.sender.map(tracing::field::debug),
        imsi = shown(unmatched.imsi),
        rp_mr = unmatched.reference,
        in_reply_to = unmatched.has_in_reply_to,
        named_imsi = shown(unmatched.named.and_then(|(imsi, _)| imsi)),
        named_rp_mr = unmatched.named.map(|(_, reference)| reference),
        awaited_rp_mr = unmatched.awaited,
        "delivery report matches nothing"
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::config::LogFormat;
    use crate::control::log::tests::logged;
    use crate::ident::Identity;
    use std::path::Path;

    #[test]
    fn the_log_explains_a_report_that_matches_nothing_and_masks_who_it_is() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operating/examples/gateway.toml");
        let config = Config::load(Path::new(file)).unwrap();
        let unmatched = Unmatched {
            network: 1,
            sender: Identity::new(b"sip:+447700900123@home2.net"),
            imsi: "234150123456789".parse().ok(),
            reference: 7,
            has_in_reply_to: true,
            named: Some(("234150123456700".parse().ok(), 9)),
            awaited: Some(8),
        };
        let text = logged(LogFormat::Json, || tell(&config, &unmatched));
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        for (key, value) in [
            ("message", "delivery report matches nothing"),
            ("network", "home2"),
            ("sender", "sip:**********123@home2.net"),
            ("imsi", "************789"),
            ("named_imsi", "************700"),
        ] {
            assert_eq!(json[key], value, "{text}");
        }
        for (key, value) in [("rp_mr", 7), ("named_rp_mr", 9), ("awaited_rp_mr", 8)] {
            assert_eq!(json[key], value, "{text}");
        }
        assert_eq!(json["in_reply_to"], true);
        assert!(!format!("{unmatched:?}").contains("4477009"), "masked in debug output too");
        let nobody = Unmatched { sender: None, imsi: None, named: None, awaited: None, ..unmatched };
        let text = logged(LogFormat::Text, || tell(&config, &nobody));
        assert!(text.contains("rp_mr=7") && !text.contains("named_rp_mr"), "{text}");
    }
}
