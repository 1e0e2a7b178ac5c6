//! The short message transfer layer, SM-TL (TS 23.040 clause 9.2): the TPDUs between a mobile and its service centre.
//!
//! ```text
//! SMS-DELIVER         00 SC->MS  OA | PID | DCS | SCTS | UDL | UD
//! SMS-DELIVER-REPORT  00 MS->SC  [FCS] | PI | [PID] | [DCS] | [UDL | UD]
//! SMS-SUBMIT          01 MS->SC  MR | DA | PID | DCS | [VP] | UDL | UD
//! SMS-SUBMIT-REPORT   01 SC->MS  [FCS] | PI | SCTS | [PID] | [DCS] | [UDL | UD]
//! SMS-STATUS-REPORT   10 SC->MS  MR | RA | SCTS | DT | ST | [PI | [PID] | [DCS] | [UDL | UD]]
//! SMS-COMMAND         10 MS->SC  MR | PID | CT | MN | DA | CDL | CD
//! ```
//! A first octet with the flags and TP-MTI (its two low bits) comes before each. The MTI doesn't tell a report from a
//! message: what carried it does ([`Carrier`]). The gateway passes TPDUs on as they are; who reads and writes them are the
//! ends (the tools' UE and service centre), and the gateway's rules that look but never touch.
#![deny(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects
)]
#![cfg_attr(
    test,
    allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::panic, clippy::arithmetic_side_effects)
)]

mod address;
mod build;
mod codes;
mod coding;
mod header;
#[cfg(test)]
mod tests;
mod time;
mod user_data;
mod view;

pub use address::TpAddress;
pub use codes::{CommandType, FailureCause, ProtocolIdentifier, Status};
pub use coding::{Alphabet, CodingScheme, Waiting};
pub use header::{Concatenation, Element, Elements};
pub use time::{DateTime, Timestamp, Validity};
pub use user_data::UserData;
pub use view::{
    Carrier, Command, Deliver, DeliverReport, Parameters, StatusReport, Submit, SubmitReport, Tpdu, WHY,
};
