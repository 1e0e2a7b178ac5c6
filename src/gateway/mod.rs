//! The procedures of TR 23.804 clause 8, one file each.

pub mod mailbox;
