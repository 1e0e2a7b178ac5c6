//! A frame in a DPDK buffer (mbuf), owned.
#![allow(unsafe_code)] // reads and writes the buffer that it owns

use core::mem::forget;
use core::ptr::NonNull;
use core::slice;

use dpdk_sys::rte_mbuf;

/// An mbuf of one segment that nobody else refers to.
pub struct Mbuf(NonNull<rte_mbuf>);

// SAFETY: an mbuf belongs to no thread. Freeing it returns it to its mempool, which any thread may do at any
// time.
unsafe impl Send for Mbuf {}

impl Mbuf {
    /// Takes over an mbuf from DPDK. Gives it up again, unfreed, if it is a chain of several segments.
    ///
    /// # Safety
    /// It is a live mbuf with one reference, which passes to the result.
    #[inline]
    pub(super) unsafe fn adopt(raw: NonNull<rte_mbuf>) -> Result<Self, Chain> {
        // SAFETY: live, says the caller.
        if unsafe { raw.as_ref() }.nb_segs == 1 { Ok(Self(raw)) } else { Err(Chain(raw)) }
    }

    /// Gives the mbuf, with its one reference, to whoever calls.
    #[inline]
    pub(super) fn into_raw(self) -> *mut rte_mbuf {
        let raw = self.0.as_ptr();
        forget(self);
        raw
    }

    #[inline]
    fn fields(&self) -> &rte_mbuf {
        // SAFETY: live until dropped, and changed only through `&mut self`.
        unsafe { self.0.as_ref() }
    }

    #[inline]
    pub(in crate::io) fn bytes(&self) -> &[u8] {
        let fields = self.fields();
        // SAFETY: data_off + data_len <= buf_len: the driver keeps that for what it received, `set_range` for
        // the rest. The buffer is this mbuf's alone, and its memory was zeroed when EAL mapped it.
        unsafe {
            slice::from_raw_parts(
                fields.buf_addr.cast::<u8>().add(fields.data_off.into()),
                fields.data_len.into(),
            )
        }
    }

    #[inline]
    pub(in crate::io) fn bytes_mut(&mut self) -> &mut [u8] {
        let fields = self.fields();
        // SAFETY: as in `bytes`; `&mut self` makes it the only borrow.
        unsafe {
            slice::from_raw_parts_mut(
                fields.buf_addr.cast::<u8>().add(fields.data_off.into()),
                fields.data_len.into(),
            )
        }
    }

    #[inline]
    pub(in crate::io) fn room(&mut self) -> &mut [u8] {
        let fields = self.fields();
        // SAFETY: buf_addr and buf_len are the mbuf's buffer, set by the mempool and by no one after; the
        // only borrow.
        unsafe { slice::from_raw_parts_mut(fields.buf_addr.cast::<u8>(), fields.buf_len.into()) }
    }

    /// `start <= end <= room().len()`, as [`crate::io::Frame::set_range`] sees to.
    #[inline]
    pub(in crate::io) fn set_range(&mut self, start: usize, end: usize) {
        assert!(start <= end && end <= usize::from(self.fields().buf_len));
        // SAFETY: live, and `&mut self` makes it the only borrow.
        let fields = unsafe { self.0.as_mut() };
        fields.data_off = start as u16; // buf_len is a u16
        fields.data_len = (end - start) as u16;
        fields.pkt_len = (end - start) as u32;
    }
}

impl Drop for Mbuf {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: live, with the one reference that is ours; nobody uses it after.
        unsafe { dpdk_sys::shim_pktmbuf_free(self.0.as_ptr()) };
    }
}

/// A received frame of several segments, longer than one buffer: freed when dropped, good for nothing else.
pub(super) struct Chain(NonNull<rte_mbuf>);

impl Drop for Chain {
    fn drop(&mut self) {
        // SAFETY: `Mbuf::adopt` took over a live mbuf with one reference to each segment; all are freed here,
        // once.
        unsafe { dpdk_sys::shim_pktmbuf_free(self.0.as_ptr()) };
    }
}
