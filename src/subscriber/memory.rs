//! Groups of words in memory of the kernel's, in huge pages where there are any.
#![allow(unsafe_code)] // maps memory, fetches a line into the cache ahead of its use, and compares words by vectors

use super::sync::{AtomicU64, Ordering};
use core::ffi::c_int;
use core::fmt;
use core::ops::Deref;
use core::ptr::{NonNull, null_mut};

const HUGE: usize = 1 << 21;
const SMALL: usize = 1 << 12;

/// The pages that memory is in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
pub enum PageSize {
    /// 4 KiB: too little of it to ask for more.
    Small,
    /// Pages of 2 MiB as far as the kernel puts them together (madvise).
    Advised,
    /// Pages of 2 MiB, which the operator has set aside.
    Huge,
}

impl fmt::Display for PageSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Small => "4 KiB",
            Self::Advised => "2 MiB where the kernel has them",
            Self::Huge => "2 MiB",
        })
    }
}

/// `count` groups of `N` words, zero at first. All of it is there from the start: nobody waits for a page later, and what
/// the machine does not have is missed at once.
pub(super) struct Pages<const N: usize> {
    start: NonNull<[AtomicU64; N]>,
    count: usize,
    mapped: usize,
    size: PageSize,
}

// SAFETY: it owns its memory, and all that anybody can do with it is in atomic words.
unsafe impl<const N: usize> Send for Pages<N> {}
// SAFETY: as above.
unsafe impl<const N: usize> Sync for Pages<N> {}

fn map(length: usize, flags: c_int) -> Option<NonNull<u8>> {
    let (protection, flags) =
        (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | flags);
    // SAFETY: a mapping of its own, where the kernel likes.
    let start = unsafe { libc::mmap(null_mut(), length, protection, flags, -1, 0) };
    NonNull::new(start.cast()).filter(|_| start != libc::MAP_FAILED)
}

/// Memory in 2 MiB pages, by what the kernel grants, and how long it is.
fn map_large(length: usize) -> Option<(NonNull<u8>, usize, PageSize)> {
    let whole = length.next_multiple_of(HUGE);
    // Not where much of the last one would stay empty.
    if whole - length <= length / 32
        && let Some(start) = map(whole, libc::MAP_HUGETLB)
    {
        return Some((start, whole, PageSize::Huge));
    }
    // One more, so that some address in it begins a huge page; what is before and behind goes back.
    let whole = map(length + HUGE, 0)?;
    let before = whole.as_ptr().align_offset(HUGE);
    let start = whole.as_ptr().wrapping_add(before);
    // SAFETY: both ends are of the mapping made above, and nobody has seen it yet.
    let advised = unsafe {
        if before > 0 {
            libc::munmap(whole.as_ptr().cast(), before);
        }
        libc::munmap(start.wrapping_add(length).cast(), HUGE - before);
        libc::madvise(start.cast(), length, libc::MADV_HUGEPAGE) == 0
    };
    Some((NonNull::new(start)?, length, if advised { PageSize::Advised } else { PageSize::Small }))
}

impl<const N: usize> Pages<N> {
    pub(super) fn new(count: usize) -> Self {
        let length = (count * size_of::<[AtomicU64; N]>()).max(1).next_multiple_of(SMALL);
        let mapped = match length >= HUGE && !cfg!(miri) {
            true => map_large(length),
            false => map(length, 0).map(|start| (start, length, PageSize::Small)),
        };
        let Some((start, mapped, size)) = mapped else {
            let layout = core::alloc::Layout::from_size_align(length, SMALL);
            std::alloc::handle_alloc_error(layout.unwrap_or(core::alloc::Layout::new::<u64>()));
        };
        if mapped >= HUGE {
            // SAFETY: the mapping made above. A kernel that doesn't know this puts pages there as they are first used.
            unsafe { libc::madvise(start.as_ptr().cast(), mapped, libc::MADV_POPULATE_WRITE) };
        }
        Self { start: start.cast(), count, mapped, size }
    }

    /// Octets that it takes.
    pub(super) fn memory(&self) -> usize {
        self.mapped
    }

    pub(super) fn page_size(&self) -> PageSize {
        self.size
    }
}

/// Begins to fetch the line in which a group starts.
#[inline]
pub(super) fn prefetch<const N: usize>(group: &[AtomicU64; N]) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: a hint about an address, which is that of a group besides.
    unsafe {
        core::arch::x86_64::_mm_prefetch::<{ core::arch::x86_64::_MM_HINT_T0 }>(
            core::ptr::from_ref(group).cast(),
        );
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = group;
}

/// The halves of words, the low one first, that are `value` where `mask` has ones: a bit for each; and the last word. It says
/// where to look: who goes on from a word reads it again, in the order that it needs.
#[inline]
pub(super) fn equal_halves<const N: usize>(words: &[AtomicU64; N], value: u32, mask: u32) -> (u32, u64) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: every processor of this architecture has SSE2.
    unsafe {
        equal_halves_by_vectors(words, value, mask)
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    words.iter().enumerate().fold((0, 0), |(bits, _), (at, word)| {
        let (word, is) = (word.load(Ordering::Relaxed), |half: u32| u32::from(half & mask == value));
        (bits | (is(word as u32) | is((word >> 32) as u32) << 1) << (2 * at), word)
    })
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
#[target_feature(enable = "sse2")]
#[inline]
fn equal_halves_by_vectors<const N: usize>(words: &[AtomicU64; N], value: u32, mask: u32) -> (u32, u64) {
    use core::arch::x86_64::{
        _mm_and_si128, _mm_castsi128_ps, _mm_cmpeq_epi32, _mm_movemask_ps, _mm_set_epi64x, _mm_set1_epi32,
    };
    let (value, mask) = (_mm_set1_epi32(value as i32), _mm_set1_epi32(mask as i32));
    let (pairs, _) = words.as_chunks::<2>();
    pairs.iter().enumerate().fold((0, 0), |(bits, _), (at, [low, high])| {
        let (low, high) = (low.load(Ordering::Relaxed), high.load(Ordering::Relaxed));
        let pair = _mm_set_epi64x(high as i64, low as i64);
        let equal = _mm_cmpeq_epi32(_mm_and_si128(pair, mask), value);
        (bits | (_mm_movemask_ps(_mm_castsi128_ps(equal)) as u32) << (4 * at), high)
    })
}

impl<const N: usize> Deref for Pages<N> {
    type Target = [[AtomicU64; N]];
    #[inline]
    fn deref(&self) -> &Self::Target {
        // SAFETY: mapped for so many groups as long as `self` lives; words of zeros are words, and change atomically only.
        unsafe { core::slice::from_raw_parts(self.start.as_ptr(), self.count) }
    }
}

impl<const N: usize> Drop for Pages<N> {
    fn drop(&mut self) {
        // SAFETY: the mapping is `self`'s, and so is every borrow of it.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.mapped) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_zero_whole_and_aligned() {
        for count in [0, 1, 511, if cfg!(miri) { 600 } else { 100_000 }] {
            let pages = Pages::<8>::new(count);
            assert_eq!(pages.len(), count);
            assert!(pages.memory() >= count * 64 && pages.memory() < count * 64 + 2 * HUGE);
            assert_eq!(pages.as_ptr().align_offset(64), 0);
            for (at, group) in pages.iter().enumerate() {
                assert!(group.iter().all(|word| word.swap(at as u64, Ordering::Relaxed) == 0));
            }
            pages.last().into_iter().for_each(prefetch);
            assert!(
                pages
                    .iter()
                    .enumerate()
                    .all(|(at, group)| group.iter().all(|word| word.load(Ordering::Relaxed) == at as u64))
            );
        }
    }

    #[test]
    fn equal_halves_are_found_where_they_are() {
        let (value, mask) = (0xab00_0000, 0xff00_0000);
        let words: [AtomicU64; 8] = core::array::from_fn(|_| AtomicU64::new(0xac00_0000_aa00_0000));
        assert_eq!(equal_halves(&words, value, mask), (0, 0xac00_0000_aa00_0000));
        for at in 0..16 {
            let (word, shift) = (&words[at / 2], 32 * (at % 2));
            let before = word.load(Ordering::Relaxed);
            word.store(before & !(0xffff_ffff << shift) | 0xab12_3456 << shift, Ordering::Relaxed);
            assert_eq!(equal_halves(&words, value, mask).0, 1 << at);
            assert_eq!(equal_halves(&words, 0xab12_3456, u32::MAX).0, 1 << at);
            word.store(before, Ordering::Relaxed);
        }
        words.iter().for_each(|word| word.store(0xab00_0001_ab00_0002, Ordering::Relaxed));
        assert_eq!(equal_halves(&words, value, mask), (0xffff, 0xab00_0001_ab00_0002));
    }

    #[test]
    fn much_memory_asks_for_huge_pages() {
        assert_eq!(Pages::<8>::new(8).page_size(), PageSize::Small);
        let pages = Pages::<3>::new(if cfg!(miri) { 1 } else { 300_000 });
        if !cfg!(miri) {
            assert!(pages.memory() >= 300_000 * 24 && pages.memory() < 301_000 * 24, "no more than it takes");
            assert_eq!(pages.as_ptr().align_offset(HUGE), 0);
        }
    }
}
