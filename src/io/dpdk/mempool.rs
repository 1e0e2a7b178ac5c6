//! The pool that all frames come from, sized at start.
#![allow(unsafe_code)] // calls into DPDK's mempool

use core::ptr::NonNull;

use dpdk_sys::rte_mempool;

use super::explain;
use super::mbuf::Mbuf;
use crate::base::HEADROOM;
use crate::io::ROOM;

const _: () = assert!(HEADROOM == dpdk_sys::RTE_PKTMBUF_HEADROOM as usize);
const _: () = assert!(ROOM == dpdk_sys::RTE_MBUF_DEFAULT_BUF_SIZE as usize);

/// Frames that each worker may keep to itself, at most.
const CACHE: u32 = 256;

/// A DPDK mempool of frames; a copy is the same pool. It lives as long as the process.
#[derive(Clone, Copy)]
pub(super) struct Mempool(NonNull<rte_mempool>);

// SAFETY: a mempool is made for any thread to allocate from and free to (its ring is multi-producer,
// multi-consumer; caches are per registered thread), and it is never freed.
unsafe impl Send for Mempool {}
// SAFETY: as for Send; all methods call functions of DPDK that any thread may call at any time.
unsafe impl Sync for Mempool {}

impl Mempool {
    /// With `frames` frames, on the memory node `node` (-1 for any).
    pub(super) fn new(frames: u32, workers: usize, node: i32) -> Result<Self, String> {
        // All caches together may hide at most a quarter of the frames from a worker that needs one.
        let cache = CACHE.min(frames / (6 * workers as u32).max(1));
        // SAFETY: a NUL-terminated name that DPDK copies; the sizes are checked by it.
        let raw = unsafe {
            dpdk_sys::rte_pktmbuf_pool_create(c"frames".as_ptr(), frames, cache, 0, ROOM as u16, node)
        };
        NonNull::new(raw).map(Self).ok_or_else(|| {
            // SAFETY: reads a thread-local number.
            let why = explain(unsafe { dpdk_sys::shim_errno() });
            let megabytes = (u64::from(frames) * (ROOM as u64 + 256)) >> 20;
            format!(
                "no memory for {frames} frames, about {megabytes} MB: {why}; \
                 remedy: more memory_mb or hugepages, or fewer frames"
            )
        })
    }

    pub(super) fn as_ptr(self) -> *mut rte_mempool {
        self.0.as_ptr()
    }

    /// An empty frame.
    #[inline]
    pub(super) fn alloc(self) -> Option<Mbuf> {
        // SAFETY: a live mempool; the mbuf that it gives has one reference, ours, and one segment.
        let raw = NonNull::new(unsafe { dpdk_sys::shim_pktmbuf_alloc(self.0.as_ptr()) })?;
        // SAFETY: as above.
        unsafe { Mbuf::adopt(raw) }.ok()
    }

    /// How many frames are in it, its caches included.
    pub(super) fn available(self) -> usize {
        // SAFETY: a live mempool; only reads counts.
        unsafe { dpdk_sys::rte_mempool_avail_count(self.0.as_ptr()) as usize }
    }
}
