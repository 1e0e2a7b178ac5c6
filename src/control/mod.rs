//! The slow path: configuration, registration, metrics and the admin API.

pub mod config;
