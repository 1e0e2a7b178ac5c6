//! Signalling Connection Control Part (ITU-T Q.711 to Q.714), connectionless: unitdata from subsystem to subsystem,
//! addressed by global title or point code.
//!
//! ```text
//! UDT:  09 | class | ptr called | ptr calling | ptr data | L called | L calling | L data     Q.713 4.10
//! UDTS: 0a | cause | as UDT                                                                  Q.713 4.11
//! XUDT: 11 | class | hops | three pointers, ptr optional | as UDT | 10 segmentation … 00     Q.713 4.18
//! LUDT: 13 | as XUDT, with pointers and data length of two octets, least significant first   Q.713 4.20
//! ```
//!
//! A pointer counts from its own (last) octet to the length octet of what it points to. [`parse`] reads, [`build`]
//! writes, [`Routes`] is global title translation, and [`Sccp`] decides what becomes of a message that has arrived.

#![deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg_attr(test, allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod address;
pub mod build;
mod connectionless;
mod reassembly;
mod relay;
mod routing;
mod scmg;
mod subsystem;
#[cfg(test)]
mod tests;
mod translation;
mod view;

pub use build::TooLong;
pub use connectionless::{Indication, RemotePoint, Sccp, SccpConfig, SccpCounts};
pub use reassembly::{LONGEST as LONGEST_REASSEMBLED, Reassembly, ReassemblyConfig, ReassemblyCounts};
pub use relay::Relayed;
pub use routing::{DuplicatePrefix, Routes};
pub use scmg::{Scmg, ScmgType};
pub use subsystem::{SubsystemCounts, SubsystemNews, Subsystems, SubsystemsConfig};
pub use translation::{
    AllAvailable, Destination, PointState, Rewrite, Route, Rule, Sharing, States, Step, SubsystemState,
    Targets,
};
pub use view::{Input, Segmentation, Service, Unitdata, WHY, Why, parse};

/// The service indicator of SCCP in MTP3 and M3UA.
pub const SERVICE_INDICATOR: u8 = 3;

/// The longest SCCP message that fits an MTP3 signal unit: 272 octets less the routing label.
pub const MTP3_LIMIT: usize = 268;

/// Which of the three forms of unitdata, in growing generality.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Kind {
    /// Unitdata: at most 255 octets of data.
    Udt = 0x09,
    /// Extended unitdata: with hop counter and optional part.
    Xudt = 0x11,
    /// Long unitdata: data of up to 3,952 octets.
    Ludt = 0x13,
}

/// Return cause of a service message (Q.713 3.12).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Cause(pub u8);

impl Cause {
    /// No translation for an address of such nature.
    pub const NO_TRANSLATION_NATURE: Self = Self(0);
    /// No translation for this specific address.
    pub const NO_TRANSLATION_ADDRESS: Self = Self(1);
    /// Subsystem congestion.
    pub const SUBSYSTEM_CONGESTION: Self = Self(2);
    /// Subsystem failure.
    pub const SUBSYSTEM_FAILURE: Self = Self(3);
    /// Unequipped user.
    pub const UNEQUIPPED_USER: Self = Self(4);
    /// MTP failure.
    pub const MTP_FAILURE: Self = Self(5);
    /// Network congestion.
    pub const NETWORK_CONGESTION: Self = Self(6);
    /// Unqualified.
    pub const UNQUALIFIED: Self = Self(7);
    /// Error in message transport.
    pub const MESSAGE_TRANSPORT: Self = Self(8);
    /// Error in local processing.
    pub const LOCAL_PROCESSING: Self = Self(9);
    /// The destination cannot perform reassembly.
    pub const NO_REASSEMBLY: Self = Self(10);
    /// SCCP failure.
    pub const SCCP_FAILURE: Self = Self(11);
    /// Hop counter violation.
    pub const HOP_COUNTER_VIOLATION: Self = Self(12);
    /// Segmentation not supported.
    pub const SEGMENTATION_NOT_SUPPORTED: Self = Self(13);
    /// Segmentation failure.
    pub const SEGMENTATION_FAILURE: Self = Self(14);

    /// In words (Q.713 3.12).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.0 {
            0 => "no translation for an address of such nature",
            1 => "no translation for this specific address",
            2 => "subsystem congestion",
            3 => "subsystem failure",
            4 => "unequipped user",
            5 => "MTP failure",
            6 => "network congestion",
            7 => "unqualified",
            8 => "error in message transport",
            9 => "error in local processing",
            10 => "destination cannot perform reassembly",
            11 => "SCCP failure",
            12 => "hop counter violation",
            13 => "segmentation not supported",
            14 => "segmentation failure",
            _ => "reserved",
        }
    }

    /// Whether another try, perhaps another way, may succeed: congestion and failures, not wrong addresses.
    #[must_use]
    pub const fn is_temporary(self) -> bool {
        matches!(self.0, 2 | 3 | 5 | 6)
    }
}
