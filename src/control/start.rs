//! Puts the gateway together and runs it.

use super::config::Config;
use super::subscribers::Subscribers;
use super::{Control, Doorbell, StartError, log, registrar::Registrar};
use crate::base::{SipKey, Time};
use crate::subscriber::{TableConfig, table};
use std::sync::Arc;

/// Runs the gateway until it is told to stop.
pub fn run(config: Config, subscribers: Subscribers) -> Result<(), StartError> {
    log::start(&config.log);
    let secret = config.secret().map_err(|error| StartError::new(error.what, error.remedy))?;
    for (what, room) in config.sizes() {
        tracing::info!(what, room, "capacity");
    }
    let (writer, _readers) = table(&TableConfig {
        subscribers: config.capacity.subscribers as usize,
        identities: config.capacity.identities as usize,
        addresses: config.capacity.subscribers as usize,
        readers: config.node.workers.into(),
        key: SipKey::new(secret).derive("subscribers"),
    });
    #[allow(clippy::disallowed_methods)] // where the process's clock begins
    let began = std::time::Instant::now();
    let clock = Box::new(move || Time::ZERO + began.elapsed());
    let config = Arc::new(config);
    let registrar = Registrar::new(config.clone(), subscribers, writer);
    Control::new(config, registrar, vec![], vec![], clock, Doorbell::default()).run()
}
