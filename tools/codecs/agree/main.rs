//! Our codecs beside the crates m3ua, sccp, tcap and gsm_map, which others wrote, on random valid messages: what ours
//! write, theirs read to the same values, and the other way round. gsm_map and tcap are derived by rasn from types after
//! the standards' ASN.1, so that here what is written by hand is held against what is generated.
//!
//! `IPSMGW_CASES` says how many cases of each kind.

mod lower;
mod map;
mod random;
mod refusals;
mod tcap;

use ipsmgw::codec::Prepend;

/// What `write` writes.
fn written(write: impl FnOnce(&mut Prepend<'_>)) -> Vec<u8> {
    let mut room = [0; 1024];
    let mut w = Prepend::new(&mut room);
    write(&mut w);
    w.finish().expect("it fits").to_vec()
}
