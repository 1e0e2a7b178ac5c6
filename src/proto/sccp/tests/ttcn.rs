//! The scenarios of osmo-ttcn3-hacks' SCCP_Tests_RAW that are about connectionless SCCP, under their names.

use super::node::{node, outcome};
use super::*;

/// SST from management to management, about a subsystem of point 100.
fn sst(ssn: u8) -> Vec<u8> {
    unhex(&format!("09 00 03 05 07 02 42 01 02 42 01 05 03 {ssn:02x} 64 00 00"))
}

#[test]
fn sccp_udt_without_cr_cc() {
    let bytes = built(Kind::Udt, false, &centre(), &gateway(), b"data");
    assert_eq!(outcome(&mut node(), &bytes), ("unitdata 8".into(), vec![]));
}

#[test]
fn sccp_process_rx_xudt() {
    let bytes = built(Kind::Xudt, false, &on_ssn(Some(100), 8), &on_ssn(Some(77), 8), b"data");
    assert_eq!(outcome(&mut node(), &bytes), ("unitdata 8".into(), vec![]));
}

#[test]
fn sccp_process_rx_ludt() {
    let bytes = built(Kind::Ludt, false, &on_ssn(Some(100), 8), &on_ssn(Some(77), 8), &[1; 1200]);
    assert_eq!(outcome(&mut node(), &bytes), ("unitdata 8".into(), vec![]));
}

#[test]
fn sccp_scmg_sst_ssn1() {
    let (told, answer) = outcome(&mut node(), &sst(1));
    assert_eq!((told.as_str(), &answer[12..14]), ("answer to 77", &[1, 1][..]));
}

#[test]
fn sccp_scmg_sst_ssn_valid() {
    let (told, answer) = outcome(&mut node(), &sst(8));
    assert_eq!((told.as_str(), &answer[12..14]), ("answer to 77", &[1, 8][..]));
}

#[test]
fn sccp_scmg_sst_ssn_invalid() {
    assert_eq!(outcome(&mut node(), &sst(123)), (String::new(), vec![]));
}

/// The calling address is a subsystem number and no more: what comes back goes to the sender.
#[test]
fn sccp_callingparty_ssn_only() {
    let mut node = node();
    let bytes = built(Kind::Udt, true, &on_ssn(Some(100), 8), &on_ssn(None, 202), b"data");
    assert_eq!(outcome(&mut node, &bytes).0, "unitdata 8");
    let bytes = built(Kind::Udt, true, &on_ssn(Some(100), 9), &on_ssn(None, 202), b"data");
    assert_eq!(outcome(&mut node, &bytes).0, "answer to 77");
}

/// Routed on a title, and there is none; or one without digits.
#[test]
fn sccp_routing_global_title_crash() {
    let mut node = node();
    for called in
        [SccpAddress { route_on_ssn: false, ..on_ssn(None, 8) }, SccpAddress::titled(Digits::EMPTY, Ssn(8))]
    {
        let bytes = built(Kind::Udt, false, &called, &on_ssn(None, 8), b"data");
        assert_eq!(outcome(&mut node, &bytes), (String::new(), vec![]));
    }
    assert_eq!(node.counts.no_translation, 2);
}

/// CR, CC, CREF, RLSD, RLC, DT1, AK, RSR, RSC, ERR, IT: no connection is ever there.
#[test]
fn connection_oriented_messages_are_counted_and_not_answered() {
    let mut node = node();
    for message_type in [1, 2, 3, 4, 5, 6, 8, 13, 14, 15, 16] {
        let mut bytes = built(Kind::Udt, true, &centre(), &gateway(), b"data");
        bytes[0] = message_type;
        let mut buffer = [0; 300];
        let mut answer = Prepend::new(&mut buffer);
        let refused = node.handle_input(Time::ZERO, PointCode(77), &bytes, &mut answer).unwrap_err();
        assert_eq!((WHY[usize::from(refused.why)], answer.len()), ("type", 0));
    }
    assert_eq!(node.counts.malformed, 11);
}
