//! The core network in a box: HLR, SMSC (with its SMS-GMSC and SMS-IWMSC), S-CSCF and UEs, over the gateway's own protocol
//! stack. It makes traffic, and judges what comes out at the other end. The HLR is a signalling point of its own, on a
//! stack of its own; an Ethernet joins the stacks with each other and with the gateway ([`switch`]).

pub mod api;
pub mod capture;
pub mod config;
pub mod digest;
pub mod direct;
pub mod hlr;
pub mod ledger;
pub mod milenage;
pub mod model;
pub mod node;
pub mod nodes;
pub mod random;
pub mod report;
#[cfg(feature = "dpdk")]
pub mod run;
pub mod scenario;
pub mod scscf;
pub mod serving;
pub mod short_message;
pub mod sim_card;
pub mod smsc;
pub mod start;
pub mod stp;
pub mod switch;
pub mod traffic;
pub mod ue;

pub use config::Config;
pub use node::Node;
