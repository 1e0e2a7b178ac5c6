//! The slow path: configuration, registration, metrics and the admin API.

pub mod config;
pub mod log;
pub mod registrar;
pub mod subscribers;
