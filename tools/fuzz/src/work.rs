//! How much is done: edges of the control flow, counted by what the compiler puts at each of them.
#![allow(unsafe_code)]

unsafe extern "C" {
    static ipsmgw_work: core::ffi::c_ulong;
}

fn count() -> u64 {
    // SAFETY: it is written by this thread alone, and not while it is read here.
    unsafe { (&raw const ipsmgw_work).read_volatile() }
}

/// What `act` gives, and the edges that it took.
pub fn of<T>(act: impl FnOnce() -> T) -> (T, u64) {
    let before = count();
    let done = act();
    (done, count() - before)
}
