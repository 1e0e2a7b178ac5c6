//! Two sockets of usrsctp over AF_CONN, driven from C.
#![allow(unsafe_code)] // calls C

use crate::measure::Figures;

// SAFETY: as `usrsctp.c` defines them.
unsafe extern "C" {
    safe fn peer_usrsctp_start() -> i32;
    fn peer_usrsctp_exchange(body: *const u8, length: usize, messages: u32, nodelay: i32) -> i32;
}

pub fn messages(figures: &mut Figures) {
    const PEER: &str = "peer.usrsctp";
    if !figures.wants(PEER) && !figures.wants("sctp.") {
        return;
    }
    assert_eq!(peer_usrsctp_start(), 0, "usrsctp");
    let body = [0x5a; 200];
    let context = "usrsctp 0.9.5 of Debian 12, AF_CONN, no threads, receive callback; NODELAY for one, Nagle for 32, which bundles";
    figures.both_ends(PEER, context, |size| {
        let nodelay = i32::from(size == 1);
        // SAFETY: it reads so many octets of the body, and calls nothing of ours.
        let error = unsafe { peer_usrsctp_exchange(body.as_ptr(), body.len(), size as u32, nodelay) };
        assert_eq!(error, 0, "usrsctp");
    });
}
