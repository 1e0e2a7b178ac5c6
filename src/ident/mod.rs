//! Identities of subscribers and network nodes: small values that are copied.

mod digits;
mod identity;
mod nai;
mod number;
mod sccp_address;
mod wildcard;

pub use digits::{Digits, Imsi, Msisdn};
pub use identity::Identity;
pub use nai::{Nai, NaiError, ServedRealms};
pub use number::{Number, Plan, TypeOfNumber};
pub use sccp_address::{
    GlobalTitle, NatureOfAddress, NumberingPlan, PointCode, SccpAddress, Ssn, TitleIndicator,
};

pub use wildcard::Wildcard;

/// A worker, by its number from 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub struct WorkerId(pub u8);

/// Shows the last three digits of a number only, as logs may.
#[derive(Clone, Copy)]
pub struct Masked(pub Digits);

impl core::fmt::Display for Masked {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let hidden = self.0.len().saturating_sub(3);
        for at in 0..self.0.len() {
            let shown = if at < hidden { '*' } else { char::from(b'0' + self.0.get(at).unwrap_or(0) % 10) };
            core::fmt::Write::write_char(f, shown)?;
        }
        Ok(())
    }
}
