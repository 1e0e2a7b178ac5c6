//! `[causes]`: rows that differ in the tables between the causes of SIP, SM-RP and MAP.

use super::source::Source;
use crate::gateway::cause::{Causes, Unfit};
use serde::Deserialize;
use std::collections::BTreeMap;

/// The rows, by the names of `docs/operating/examples/gateway.toml`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Changes {
    /// RP-Causes for what MAP brings instead of a result.
    rp_of_map: BTreeMap<String, u8>,
    /// TP-FCS for causes of sm-DeliveryFailure that come without a SUBMIT-REPORT.
    fcs_of_map: BTreeMap<String, u8>,
    /// MAP errors for RP-Causes of UEs.
    map_of_rp: BTreeMap<String, String>,
    /// MAP errors for SIP statuses.
    map_of_sip: BTreeMap<String, String>,
}

impl Changes {
    /// The tables with these rows in them; what does not fit is reported.
    pub(super) fn apply(&self, source: &mut Source<'_>) -> Causes {
        let mut causes = Causes::default();
        let mut check = |table: &str, key: &str, value: &dyn std::fmt::Display, set: Result<(), Unfit>| {
            let place = format!("causes.{table}.{key}");
            match set {
                Ok(()) => {}
                Err(Unfit::Key(known)) => {
                    source.error(&place, format!("there is no row {key:?}"), format!("give {known}"));
                }
                Err(Unfit::Value(known)) => {
                    source.error(&place, format!("can't lead to {value}"), format!("give {known}"));
                }
            }
        };
        for (key, value) in &self.rp_of_map {
            check("rp_of_map", key, value, causes.set_rp_of_map(key, *value));
        }
        for (key, value) in &self.fcs_of_map {
            check("fcs_of_map", key, value, causes.set_fcs_of_map(key, *value));
        }
        for (key, value) in &self.map_of_rp {
            check("map_of_rp", key, value, causes.set_map_of_rp(key, value));
        }
        for (key, value) in &self.map_of_sip {
            check("map_of_sip", key, value, causes.set_map_of_sip(key, value));
        }
        causes
    }
}
