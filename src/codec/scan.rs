//! Text marked 64 octets at a time by vector instructions: where its lines end, and which of its octets are plain.
#![allow(unsafe_code)] // calling functions that need AVX2 and BMI, after asking the processor for them

/// How much of a text is marked at the most.
pub const MOST: usize = 4096;

/// Octets that may be looked at before the text and behind [`MOST`].
const BEFORE: usize = 64;
const BEHIND: usize = 320;

/// No window shows as many octets; each shows 57 at the least.
pub const SHOWN: usize = 64;

/// Octets that may be looked at from a window's beginning, and around the end of a line.
const WINDOW: usize = 192;
const EDGE: usize = 3 + WINDOW;

/// The beginning of a text, up to an empty line, and what its octets are.
///
/// Every octet can be asked for at every place below [`MOST`]; behind the empty line, the answers say nothing.
#[derive(Debug)]
pub struct Marks {
    /// The text from [`BEFORE`] on, so that vectors can be read at every place of it.
    text: [u8; BEFORE + MOST + BEHIND],
    /// A bit for each control character that follows none.
    ends: [u64; MOST / 64],
    /// A bit for each octet that is not plain, the lowest bit first.
    stops: [u8; MOST / 8 + 24],
}

/// Whether an octet is plain: a token may have it, and so may a URI, unescaped (RFC 3261 25.1).
#[must_use]
pub const fn is_plain(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'!' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'_' | b'~')
}

/// An empty line behind another one.
const EMPTY_LINE: u32 = u32::from_le_bytes(*b"\r\n\r\n");

impl Marks {
    /// Room for marks.
    #[must_use]
    pub const fn new() -> Self {
        Self { text: [0; BEFORE + MOST + BEHIND], ends: [0; MOST / 64], stops: [0; MOST / 8 + 24] }
    }

    #[inline(always)]
    fn octets<const N: usize>(&self, at: usize) -> &[u8; N] {
        const { assert!(N <= BEHIND) };
        let from = self.text.get(BEFORE + at % MOST..).and_then(|from| from.first_chunk());
        // Never taken, nor compiled: there are so many octets behind each place.
        from.unwrap_or(&[0; N])
    }

    /// The four octets at a place, the first one lowest.
    #[inline(always)]
    #[must_use]
    pub fn four(&self, at: usize) -> u32 {
        u32::from_le_bytes(*self.octets(at))
    }

    /// The eight octets at a place, the first one lowest.
    #[inline(always)]
    #[must_use]
    pub fn eight(&self, at: usize) -> u64 {
        u64::from_le_bytes(*self.octets(at))
    }

    /// The stops from a place on, 57 places at the least.
    #[inline(always)]
    fn bits(&self, at: usize) -> u64 {
        let bits = self.stops.get(at / 8..).and_then(|from| from.first_chunk());
        bits.map_or(0, |bits| u64::from_le_bytes(*bits)) >> (at % 8)
    }

    /// A window that begins at a place.
    #[inline(always)]
    #[must_use]
    pub fn window(&self, at: usize) -> Window<'_> {
        let at = at % MOST;
        Window { octets: self.octets(at), bits: self.bits(at) }
    }

    /// The control characters before `at` that follow none, 64 places at a time, the last ones first: the last place of
    /// these, and a bit for each, that of the last place highest.
    #[inline(always)]
    pub fn ends_before(&self, at: usize) -> impl Iterator<Item = (usize, u64)> {
        let at = at % MOST;
        let ends = self.ends.get(..at / 64 + 1).unwrap_or(&[]);
        let mut shown = !(u64::MAX << (at % 64));
        ends.iter().enumerate().rev().map(move |(block, ends)| {
            let ends = ends & shown;
            shown = u64::MAX;
            (64 * block + 63, ends)
        })
    }

    /// What stands around a place.
    #[inline(always)]
    #[must_use]
    pub fn edge(&self, at: usize) -> Edge<'_> {
        let at = at % MOST;
        let octets = self.text.get(BEFORE + at - 1..).and_then(|from| from.first_chunk());
        Edge { octets: octets.unwrap_or(&[0; EDGE]), bits: self.bits(at + 2) }
    }
}

impl Default for Marks {
    fn default() -> Self {
        Self::new()
    }
}

/// The octets around the place where a line ends.
#[derive(Clone, Copy, Debug)]
pub struct Edge<'a> {
    /// From the octet before the place.
    octets: &'a [u8; EDGE],
    bits: u64,
}

impl<'a> Edge<'a> {
    /// The octet before the place.
    #[inline(always)]
    #[must_use]
    pub const fn before(&self) -> u8 {
        self.octets[0]
    }

    /// The four octets at the place, the first one highest.
    #[inline(always)]
    #[must_use]
    pub const fn four(&self) -> u32 {
        u32::from_be_bytes([self.octets[1], self.octets[2], self.octets[3], self.octets[4]])
    }

    /// A window that begins two octets behind the place.
    #[inline(always)]
    #[must_use]
    pub fn window_behind(&self) -> Window<'a> {
        let octets = self.octets.get(3..).and_then(|from| from.first_chunk()).unwrap_or(&[0; WINDOW]);
        Window { octets, bits: self.bits }
    }
}

/// The octets from a place on, and which of the first ones are not plain: those that it shows, 57 at the least.
#[derive(Clone, Copy, Debug)]
pub struct Window<'a> {
    octets: &'a [u8; WINDOW],
    bits: u64,
}

impl Window<'_> {
    /// How far the next octet is that is not plain, or [`SHOWN`] if none is shown.
    #[inline(always)]
    pub fn stop(&mut self) -> usize {
        let at = self.bits.trailing_zeros() as usize;
        self.bits &= self.bits.wrapping_sub(1);
        at
    }

    /// The window without a stop at its beginning.
    #[inline(always)]
    #[must_use]
    pub const fn behind(self) -> Self {
        Self { bits: self.bits & !1, ..self }
    }

    /// Takes all stops before a place.
    #[inline(always)]
    pub fn pass(&mut self, before: usize) {
        self.bits &= u64::MAX << (before % 64);
    }

    /// How far the next octet is that is not plain, which stays the next one.
    #[inline(always)]
    #[must_use]
    pub const fn next_stop(&self) -> usize {
        self.bits.trailing_zeros() as usize
    }

    /// The octets from the window's beginning on.
    #[must_use]
    pub const fn text(&self) -> &[u8] {
        self.octets
    }

    /// The octet so far from the window's beginning.
    #[inline(always)]
    #[must_use]
    pub fn octet(&self, at: usize) -> u8 {
        self.octets.get(at % 128).copied().unwrap_or(0)
    }

    #[inline(always)]
    fn octets<const N: usize>(&self, at: usize) -> &[u8; N] {
        let from = self.octets.get(at % 128..).and_then(|from| from.first_chunk());
        // Never taken, nor compiled: there are so many octets behind each place.
        from.unwrap_or(&[0; N])
    }

    /// The four octets so far from the window's beginning, the first one lowest.
    #[inline(always)]
    #[must_use]
    pub fn four(&self, at: usize) -> u32 {
        u32::from_le_bytes(*self.octets(at))
    }

    /// The same, the first one highest.
    #[inline(always)]
    #[must_use]
    pub fn four_from_high(&self, at: usize) -> u32 {
        u32::from_be_bytes(*self.octets(at))
    }

    /// The eight octets so far from the window's beginning, the first one lowest.
    #[inline(always)]
    #[must_use]
    pub fn eight(&self, at: usize) -> u64 {
        u64::from_le_bytes(*self.octets(at))
    }

    /// The octets so far from the window's beginning.
    #[inline(always)]
    #[must_use]
    pub fn block(&self, at: usize) -> &[u8; 32] {
        self.octets(at)
    }
}

/// What is done with vector instructions at hand.
pub trait Task {
    /// What comes of it.
    type Output;
    /// Does it. What is inlined into this is compiled for a processor that has them.
    fn run(self, vectors: Vectors) -> Self::Output;
}

/// The processor has AVX2 and BMI.
#[derive(Clone, Copy, Debug)]
pub struct Vectors(());

/// A class of octets below 0x80 as rectangles in the square of their nibbles: the high ones, and the low ones, of which
/// each is a bit.
type Rectangles = [(u16, u16); 8];

/// What is plain by its first seven, and the control characters but 0x7f by the last one.
const PLAIN_OR_CONTROL: Rectangles = [
    (1 << 2, 1 << 1 | 1 << 7 | 1 << 10 | 1 << 11 | 1 << 13 | 1 << 14),
    (1 << 3, DIGITS),
    (1 << 4 | 1 << 6, LETTERS),
    (1 << 5 | 1 << 7, MORE_LETTERS),
    (1 << 5, 1 << 15),
    (1 << 7, 1 << 14),
    (0, 0),
    (0b11, u16::MAX),
];
/// Hexadecimal digits and the colon.
const GROUPS: Rectangles = [
    (1 << 3, DIGITS | 1 << 10),
    (1 << 4 | 1 << 6, 0b111_1110),
    (0, 0),
    (0, 0),
    (0, 0),
    (0, 0),
    (0, 0),
    (0, 0),
];
const DIGITS: u16 = 0x3ff;
/// `A` to `O`, and `P` to `Z`, by their low nibbles.
const LETTERS: u16 = 0xfffe;
const MORE_LETTERS: u16 = 0x7ff;

/// Of each low nibble, or of each high one, the rectangles that it is in.
const fn nibbles(rectangles: &Rectangles, high: bool) -> [u8; 16] {
    let mut of = [0; 16];
    let mut nibble = 0;
    while nibble < 16 {
        let mut at = 0;
        while at < 8 {
            let side = if high { rectangles[at].0 } else { rectangles[at].1 };
            of[nibble] |= ((side >> nibble & 1) as u8) << at;
            at += 1;
        }
        nibble += 1;
    }
    of
}

/// The same octet by octet: for other processors, which don't use it, and to compare.
#[cfg(any(test, not(target_arch = "x86_64")))]
mod plainly {
    use super::{BEFORE, MOST, Marks, is_plain};

    pub(super) fn mark(text: &[u8], marks: &mut Marks) -> Option<usize> {
        let (mut run, mut found) = (0, None);
        *marks = Marks::new();
        for at in 0..MOST.min(text.len().next_multiple_of(64) + 64) {
            let octet = text.get(at).copied().unwrap_or(0);
            let control = octet < b' ' || octet == 0x7f;
            if at % 64 == 0 && found.is_some() {
                break;
            }
            marks.text[BEFORE + at] = octet;
            marks.ends[at / 64] |= u64::from(control && run == 0) << (at % 64);
            marks.stops[at / 8] |= u8::from(!is_plain(octet)) << (at % 8);
            run = if control { run + 1 } else { 0 };
            let third = at.checked_sub(3).filter(|_| control);
            let before = third.filter(|&third| text.get(third).is_none_or(|&it| it < b' ' || it == 0x7f));
            found = found.or(before);
        }
        found.filter(|&at| text.get(at..).is_some_and(|rest| rest.starts_with(b"\r\n\r\n")))
    }

    fn bits(octets: &[u8; 32], wanted: impl Fn(u8) -> bool) -> u32 {
        octets.iter().rev().fold(0, |bits, &octet| bits << 1 | u32::from(wanted(octet)))
    }

    pub(super) fn host(octets: &[u8; 32]) -> (u32, u32) {
        let signed = |octet: u8| octet.cast_signed();
        (
            bits(octets, |octet| signed(octet) < signed(b'0')),
            bits(octets, |octet| signed(octet) < signed(b'-') || octet == b'~'),
        )
    }

    pub(super) fn groups(octets: &[u8; 32]) -> (u32, u32) {
        (
            bits(octets, |octet| !(octet.is_ascii_hexdigit() || octet == b':')),
            bits(octets, |octet| octet == b':'),
        )
    }

    pub(super) fn same(octets: &[u8; 32], others: &[u8; 32]) -> u32 {
        let same = octets.iter().zip(others).rev();
        same.fold(0, |bits, (octet, other)| bits << 1 | u32::from(octet | 0x20 == *other))
    }

    pub(super) fn lowest(word: u64, bits: usize) -> u64 {
        match bits & 0xff {
            bits @ 0..64 => word & ((1 << bits) - 1),
            _ => word,
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
impl Vectors {
    /// There are none.
    #[must_use]
    pub const fn detect() -> Option<Self> {
        None
    }

    /// Does a task.
    pub fn run<T: Task>(self, task: T) -> T::Output {
        task.run(self)
    }

    /// Marks a text up to an empty line, and gives where the line before it ends.
    pub fn mark(self, text: &[u8], marks: &mut Marks) -> Option<usize> {
        plainly::mark(text, marks)
    }

    /// The lowest bits of a word.
    #[must_use]
    pub fn lowest(self, word: u64, bits: usize) -> u64 {
        plainly::lowest(word, bits)
    }

    /// Of 32 octets that are plain, those that are no letters and the like; and those of these that no host has.
    #[must_use]
    pub fn host(self, octets: &[u8; 32]) -> (u32, u32) {
        plainly::host(octets)
    }

    /// Of 32 octets, those that are neither hexadecimal digits nor colons; and the colons.
    #[must_use]
    pub fn groups(self, octets: &[u8; 32]) -> (u32, u32) {
        plainly::groups(octets)
    }

    /// Which of 32 octets are as others.
    #[must_use]
    pub fn same(self, octets: &[u8; 32], others: &[u8; 32]) -> u32 {
        plainly::same(octets, others)
    }
}

#[cfg(target_arch = "x86_64")]
mod with {
    use super::{BEFORE, EMPTY_LINE, GROUPS, Marks, PLAIN_OR_CONTROL, Task, Vectors, nibbles};
    use core::arch::x86_64::{
        __m256i, _bextr2_u64, _mm_loadu_si128, _mm256_and_si256, _mm256_broadcastsi128_si256,
        _mm256_cmpeq_epi8, _mm256_cmpgt_epi8, _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_or_si256,
        _mm256_set1_epi8, _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_srli_epi16, _mm256_storeu_si256,
    };
    use core::sync::atomic::{AtomicU8, Ordering};

    /// What the processor has, once it has been asked.
    static KNOWN: AtomicU8 = AtomicU8::new(0);
    const NONE: u8 = 1;
    const SOME: u8 = 2;

    impl Vectors {
        /// Asks the processor, once: later the answer is known.
        #[inline]
        #[must_use]
        pub fn detect() -> Option<Self> {
            match KNOWN.load(Ordering::Relaxed) {
                NONE => None,
                SOME => Some(Self(())),
                _ => Self::ask(),
            }
        }

        #[cold]
        fn ask() -> Option<Self> {
            use std::arch::is_x86_feature_detected as has;
            let found = has!("avx2") && has!("bmi1") && has!("bmi2") && has!("lzcnt");
            KNOWN.store(if found { SOME } else { NONE }, Ordering::Relaxed);
            found.then_some(Self(()))
        }

        /// Does a task.
        #[inline]
        pub fn run<T: Task>(self, task: T) -> T::Output {
            // SAFETY: there is a `Vectors` only if the processor has what the function asks for.
            unsafe { run(self, task) }
        }

        /// Marks a text up to an empty line, and gives where the line before it ends; or `None` if there is none in the
        /// text or in what is marked of it, or before it something like it.
        #[inline(always)]
        pub fn mark(self, text: &[u8], marks: &mut Marks) -> Option<usize> {
            // SAFETY: as above.
            let end = unsafe { mark(text, marks) }?;
            (marks.four(end) == EMPTY_LINE).then_some(end)
        }

        /// The lowest bits of a word, so many as the lowest octet of `bits` says.
        #[inline(always)]
        #[must_use]
        pub fn lowest(self, word: u64, bits: usize) -> u64 {
            // SAFETY: as above.
            unsafe { core::arch::x86_64::_bzhi_u64(word, bits as u32) }
        }

        /// Of 32 octets that are plain, those that are neither letters nor digits nor underscores, but for tildes; and those
        /// of these that no host has.
        #[inline(always)]
        #[must_use]
        pub fn host(self, octets: &[u8; 32]) -> (u32, u32) {
            // SAFETY: as above.
            unsafe { host(octets) }
        }

        /// Of 32 octets, those that are neither hexadecimal digits nor colons; and the colons.
        #[inline(always)]
        #[must_use]
        pub fn groups(self, octets: &[u8; 32]) -> (u32, u32) {
            // SAFETY: as above.
            unsafe { groups(octets) }
        }

        /// Which of 32 octets are as others, which have the bit 0x20, when they have it too.
        #[inline(always)]
        #[must_use]
        pub fn same(self, octets: &[u8; 32], others: &[u8; 32]) -> u32 {
            // SAFETY: as above.
            unsafe { same(octets, others) }
        }
    }

    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
    fn run<T: Task>(vectors: Vectors, task: T) -> T::Output {
        task.run(vectors)
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn load(octets: &[u8; 32]) -> __m256i {
        // SAFETY: that many octets are read, from any place.
        unsafe { _mm256_loadu_si256(octets.as_ptr().cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn store(to: &mut [u8; 32], octets: __m256i) {
        // SAFETY: that many octets are written, to any place.
        unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), octets) }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn table(nibbles: &'static [u8; 16]) -> __m256i {
        // SAFETY: that many octets are read, from any place.
        _mm256_broadcastsi128_si256(unsafe { _mm_loadu_si128(nibbles.as_ptr().cast()) })
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn bits(mask: __m256i) -> u32 {
        _mm256_movemask_epi8(mask).cast_unsigned()
    }

    /// The rectangles of one class that each octet is in.
    macro_rules! rectangles {
        ($octets:expr, $class:expr) => {{
            static LOW: [u8; 16] = nibbles(&$class, false);
            static HIGH: [u8; 16] = nibbles(&$class, true);
            let high = _mm256_and_si256(_mm256_srli_epi16::<4>($octets), _mm256_set1_epi8(15));
            // An octet from 0x80 on has no low nibble here, by the instruction's rule.
            _mm256_and_si256(
                _mm256_shuffle_epi8(table(&LOW), $octets),
                _mm256_shuffle_epi8(table(&HIGH), high),
            )
        }};
    }

    /// The control characters, and the plain octets.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn classes(octets: __m256i) -> (u32, u32) {
        let found = rectangles!(octets, PLAIN_OR_CONTROL);
        let found = _mm256_or_si256(found, _mm256_cmpeq_epi8(octets, _mm256_set1_epi8(0x7f)));
        // The eighth rectangle is the sign.
        (bits(found), bits(_mm256_cmpgt_epi8(found, _mm256_setzero_si256())))
    }

    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
    fn mark(text: &[u8], marks: &mut Marks) -> Option<usize> {
        let (blocks, rest) = text.as_chunks::<64>();
        let copies = marks.text.as_chunks_mut::<64>().0.iter_mut().skip(BEFORE / 64);
        let mut places = copies.zip(&mut marks.ends).zip(marks.stops.as_chunks_mut::<8>().0).enumerate();
        let mut before = 0;
        for (block, (at, ((copy, ends), stops))) in blocks.iter().zip(&mut places) {
            if let Some(end) = mark_block(block, copy, ends, stops, &mut before) {
                return (64 * at + end).checked_sub(3);
            }
        }
        let (at, ((copy, ends), stops)) = places.next()?;
        let mut last = [0; 64];
        last[..rest.len()].copy_from_slice(rest);
        let end = mark_block(&last, copy, ends, stops, &mut before)?;
        (64 * at + end).checked_sub(3)
    }

    /// Marks so many octets; `before` says which of those before them are control characters. Gives the place of the first
    /// octet that is one and is so the third one before it.
    #[inline]
    #[target_feature(enable = "avx2,bmi1")]
    fn mark_block(
        block: &[u8; 64],
        copy: &mut [u8; 64],
        ends: &mut u64,
        stops: &mut [u8; 8],
        before: &mut u64,
    ) -> Option<usize> {
        let (([first, second], _), ([to_first, to_second], _)) =
            (block.as_chunks::<32>(), copy.as_chunks_mut::<32>())
        else {
            return None;
        };
        let (first, second) = (load(first), load(second));
        store(to_first, first);
        store(to_second, second);
        let ((control, plain), (more_control, more_plain)) = (classes(first), classes(second));
        let control = u64::from(control) | u64::from(more_control) << 32;
        let plain = u64::from(plain) | u64::from(more_plain) << 32;
        // The highest bits of those before, by an instruction that is not joined with the shift to one of both words: that
        // takes some processors six steps.
        let (last, three) = (_bextr2_u64(*before, 63 | 1 << 8), _bextr2_u64(*before, 61 | 3 << 8));
        *ends = control & !(control << 1).wrapping_add(last);
        *stops = (!plain).to_le_bytes();
        let fourth = control & (control << 3).wrapping_add(three);
        *before = control;
        (fourth != 0).then(|| fourth.trailing_zeros() as usize)
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn host(octets: &[u8; 32]) -> (u32, u32) {
        let octets = load(octets);
        let below = |limit: u8| _mm256_cmpgt_epi8(_mm256_set1_epi8(limit.cast_signed()), octets);
        let tilde = _mm256_cmpeq_epi8(octets, _mm256_set1_epi8(b'~'.cast_signed()));
        (bits(below(b'0')), bits(_mm256_or_si256(below(b'-'), tilde)))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn groups(octets: &[u8; 32]) -> (u32, u32) {
        let octets = load(octets);
        let others = _mm256_cmpeq_epi8(rectangles!(octets, GROUPS), _mm256_setzero_si256());
        (bits(others), bits(_mm256_cmpeq_epi8(octets, _mm256_set1_epi8(b':'.cast_signed()))))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn same(octets: &[u8; 32], others: &[u8; 32]) -> u32 {
        bits(_mm256_cmpeq_epi8(_mm256_or_si256(load(octets), _mm256_set1_epi8(0x20)), load(others)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an LCG gives, below a limit.
    struct Random(u64);

    impl Random {
        fn below(&mut self, limit: usize) -> usize {
            self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (self.0 >> 33) as usize % limit
        }

        fn octet(&mut self) -> u8 {
            match self.below(4) {
                0 => self.below(256) as u8,
                1 => b"\r\n.-:;=@~ "[self.below(10)],
                _ => b"abcXYZ019"[self.below(9)],
            }
        }
    }

    #[test]
    fn texts_are_marked_as_one_looks_at_their_octets() {
        let Some(vectors) = Vectors::detect() else { return };
        let mut random = Random(5);
        let (mut marks, mut plainly) = (Marks::new(), Marks::new());
        for round in 0..3000 {
            let length = if round < 300 { round } else { random.below(4500) };
            let mut text: Vec<u8> = match round % 3 {
                0 => (0..length).map(|_| random.octet()).collect(),
                _ => (0..length).map(|_| b"ab;=\x81"[random.below(5)]).collect(),
            };
            for _ in 0..random.below(4) {
                let at = random.below(length + 1);
                text.splice(at..at, *b"\r\n\r\n");
            }
            let end = vectors.mark(&text, &mut marks);
            assert_eq!(end, plainly::mark(&text, &mut plainly), "{round}");
            let Some(end) = end else { continue };
            assert_eq!(marks.text[BEFORE..][..end + 4], text[..end + 4]);
            let ends: Vec<_> = marks.ends_before(end).collect();
            assert_eq!(ends, plainly.ends_before(end).collect::<Vec<_>>());
            assert!(ends.iter().rev().map(|(last, _)| *last).eq((63..end + 64).step_by(64)));
            let beyond = |&(last, ends): &(usize, u64)| last >= end && ends >> (63 - (last - end)) != 0;
            assert!(!ends.iter().any(beyond));
            for at in 0..end {
                let (edge, window) = (marks.edge(at), marks.window(at + 2));
                assert_eq!(edge.before(), if at == 0 { 0 } else { text[at - 1] });
                assert_eq!(edge.four().to_be_bytes(), text[at..at + 4]);
                assert_eq!(edge.window_behind().octets, window.octets);
                assert_eq!(edge.bits, window.bits);
            }
            for start in 0..=end {
                let (mut window, mut other) = (marks.window(start), plainly.window(start));
                let (at, first) = (window.next_stop(), window.stop());
                assert_eq!((at, first), (first, other.stop()));
                let stop = text[start..].iter().position(|&octet| !is_plain(octet)).unwrap();
                assert_eq!(first, if stop < SHOWN - start % 8 { stop } else { SHOWN }, "{start}");
                assert!(first == SHOWN || window.octet(first) == text[start + first]);
            }
        }
    }

    #[test]
    fn texts_that_end_anywhere_have_no_octets_of_others_before() {
        let Some(vectors) = Vectors::detect() else { return };
        let mut marks = Marks::new();
        assert_eq!(vectors.mark(&[b'\n'; 200], &mut marks), None);
        let text = [&[b'a'; 130][..], b"\r\n\r\n"].concat();
        assert_eq!(vectors.mark(&text, &mut marks), Some(130));
        for length in 0..text.len() {
            assert_eq!(vectors.mark(&text[..length], &mut marks), None, "{length}");
        }
        let long = [&[b'a'; MOST - 3][..], b"\r\n\r\n"].concat();
        assert_eq!(vectors.mark(&long, &mut marks), None);
        assert_eq!(vectors.mark(&long[1..], &mut marks), Some(MOST - 4));
    }

    #[test]
    fn classes_are_those_that_one_finds_octet_by_octet() {
        let Some(vectors) = Vectors::detect() else { return };
        let mut random = Random(9);
        for round in 0..20_000 {
            let mut octets = [0; 32];
            octets.fill_with(|| if round < 512 { (round / 2) as u8 } else { random.octet() });
            let mut others = octets.map(|octet| octet | 0x20);
            others[random.below(32)] = random.octet();
            assert_eq!(vectors.host(&octets), plainly::host(&octets));
            assert_eq!(vectors.groups(&octets), plainly::groups(&octets));
            assert_eq!(vectors.same(&octets, &others), plainly::same(&octets, &others));
            let (word, bits) = (random.0, random.below(300));
            assert_eq!(vectors.lowest(word, bits), plainly::lowest(word, bits));
        }
    }
}
