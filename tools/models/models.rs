//! What holds of the subscriber table whatever the order in which threads get on.

use models::{shuffled, stopped, watched};

#[test]
fn a_key_that_is_there_is_found() {
    watched::a_key_that_is_there_is_found();
}

#[test]
fn a_record_is_whole_until_the_reader_lets_go() {
    watched::a_record_is_whole_until_the_reader_lets_go();
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
    shuffled::readers_and_the_writer(2_000);
}

/// No look-up takes more steps than its buckets have words and its record octets, wherever the writer stands.
#[test]
fn a_stopped_writer_keeps_nobody_waiting() {
    let (stops, most) = stopped::a_stopped_writer_keeps_nobody_waiting();
    assert!(stops > 200, "{stops} stops");
    assert!(most < 500, "{most} accesses");
}
