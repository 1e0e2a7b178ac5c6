//! What the log tells of delivery reports that match nothing, and of the ends of messages.

use super::config::Config;
use crate::gateway::charging::{End, MessageEnd};
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

/// Logs the end of a message, with what is known of it for charging.
pub(super) fn tell_end(config: &Config, ended: &MessageEnd) {
    let network = config.networks.get(usize::from(ended.network));
    let text = |octets: &[u8]| (!octets.is_empty()).then(|| String::from_utf8_lossy(octets).into_owned());
    let charging = &ended.charging;
    let (outcome, rp_cause, failure, told) = match ended.end {
        End::Submitted { cause, is_told } => {
            (if cause.is_none() { "acknowledged" } else { "refused" }, cause, None, Some(is_told))
        }
        End::Delivered(None) => ("delivered", None, None, None),
        End::Delivered(Some(failure)) => ("failed", None, Some(failure), None),
    };
    tracing::info!(
        network = network.map(|network| network.name.as_str()),
        imsi = ended.imsi.map(|imsi| tracing::field::display(Masked(imsi.digits()))),
        outcome,
        rp_cause,
        failure = failure.map(tracing::field::debug),
        report_taken = told,
        icid = text(&charging.icid),
        orig_ioi = text(&charging.orig_ioi),
        term_ioi = text(&charging.term_ioi),
        access_network_info = text(charging.access_network_info.as_str().as_bytes()),
        "message ended"
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Inline;
    use crate::control::config::LogFormat;
    use crate::control::log::tests::logged;
    use crate::gateway::cause::Failure;
    use crate::gateway::charging::Charging;
    use crate::ident::Identity;
    use crate::subscriber::AccessNetworkInfo;
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

    #[test]
    fn the_log_tells_how_a_message_ended_and_what_charging_has_to_know() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operating/examples/gateway.toml");
        let config = Config::load(Path::new(file)).unwrap();
        let charging = Charging {
            icid: Inline::new(b"1234bc").unwrap(),
            orig_ioi: Inline::new(b"Type 3home1.net").unwrap(),
            term_ioi: Inline::EMPTY,
            access_network_info: AccessNetworkInfo::new(b"IEEE-802.11;i-wlan-node-id=00"),
        };
        let imsi = "262011234567890".parse().ok();
        let ended = |end| {
            let end = MessageEnd { network: 0, imsi, end, charging };
            let text = logged(LogFormat::Json, || tell_end(&config, &end));
            serde_json::from_str::<serde_json::Value>(&text).unwrap()
        };
        let json = ended(End::Submitted { cause: Some(38), is_told: true });
        for (key, value) in [
            ("message", "message ended"),
            ("network", "home1"),
            ("imsi", "************890"),
            ("outcome", "refused"),
            ("icid", "1234bc"),
            ("orig_ioi", "Type 3home1.net"),
            ("access_network_info", "IEEE-802.11;i-wlan-node-id=00"),
        ] {
            assert_eq!(json[key], value, "{json}");
        }
        assert_eq!((&json["rp_cause"], &json["report_taken"]), (&38.into(), &true.into()));
        assert!(json.get("term_ioi").is_none_or(serde_json::Value::is_null), "{json}");
        assert_eq!(ended(End::Delivered(None))["outcome"], "delivered");
        let failed = ended(End::Delivered(Some(Failure::Busy)));
        assert_eq!((&failed["outcome"], &failed["failure"]), (&"failed".into(), &"Busy".into()));
    }
}
