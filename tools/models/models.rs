//! What holds of the subscriber table whatever the order in which threads get on.

use models::planted::FAULTS;
use models::{shuffled, stopped, watched};
use std::process::{Command, Stdio};

#[test]
fn a_key_that_is_there_is_found() {
    watched::a_key_that_is_there_is_found();
}

#[test]
fn a_record_is_whole_until_the_reader_lets_go() {
    watched::a_record_is_whole_until_the_reader_lets_go();
}

#[test]
fn a_place_leads_to_a_whole_record() {
    watched::a_place_leads_to_a_whole_record();
}

#[test]
fn nothing_is_written_before_readers_let_go() {
    watched::nothing_is_written_before_readers_let_go();
}

#[test]
fn an_extension_is_not_lost() {
    watched::an_extension_is_not_lost();
}

#[test]
fn one_holder_at_a_time() {
    watched::one_holder_at_a_time();
}

#[test]
fn readers_and_the_writer_in_many_orders() {
    let orders = std::env::var("IPSMGW_ORDERS").ok().and_then(|orders| orders.parse().ok());
    shuffled::readers_and_the_writer(orders.unwrap_or(2_000));
}

/// No look-up takes more steps than its buckets have words and its record octets, wherever the writer stands.
#[test]
fn a_stopped_writer_keeps_nobody_waiting() {
    let (stops, most) = stopped::a_stopped_writer_keeps_nobody_waiting();
    assert!(stops > 200, "{stops} stops");
    assert!(most < 500, "{most} accesses");
}

/// Each fault is found by the model that is there for it, in a process of its own: it may end as it likes, but not well.
#[test]
fn planted_faults_are_found() {
    if std::env::var_os("PLANTED").is_some() {
        return;
    }
    let program = std::env::current_exe().expect("a program");
    let missed: Vec<_> = FAULTS
        .iter()
        .filter(|fault| {
            assert!(fault.place() > 0);
            let mut test = Command::new(&program);
            test.args([fault.model, "--exact"]).env("PLANTED", fault.name);
            test.stdout(Stdio::null()).stderr(Stdio::null()).status().expect("it starts").success()
        })
        .map(|fault| fault.name)
        .collect();
    assert!(missed.is_empty(), "not found: {missed:#?}");
}
