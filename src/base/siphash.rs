//! SipHash, the keyed hash behind identifiers that we mint and tables that strangers' bytes index.
//!
//! SipHash-2-4 authenticates: what strangers show us again and must not be able to make up. SipHash-1-3, with half the
//! work, names and places things within one process, where all that is asked of it is that strangers can't aim at
//! collisions, and where to guess it wins nothing; Rust's own tables use it for that.

/// A 128-bit secret.
#[derive(Clone, Copy)]
pub struct SipKey {
    k0: u64,
    k1: u64,
}

impl SipKey {
    /// A key from 16 secret octets.
    #[must_use]
    pub fn new(secret: [u8; 16]) -> Self {
        let word = |at: usize| u64::from_le_bytes(core::array::from_fn(|i| secret[at + i]));
        Self { k0: word(0), k1: word(8) }
    }

    /// A key for another purpose from the same secret.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> Self {
        let k0 = self.hash(&[purpose.as_bytes(), b"/0"]);
        let k1 = self.hash(&[purpose.as_bytes(), b"/1"]);
        Self { k0, k1 }
    }

    /// The hash of the parts, each followed by its length, so that parts can't run into each other.
    #[must_use]
    pub fn hash(&self, parts: &[&[u8]]) -> u64 {
        let mut state = Full::new(self);
        state.parts(parts);
        state.finish()
    }

    /// The 128-bit hash of the parts, for a fingerprint that stands for the bytes themselves.
    #[must_use]
    pub fn hash_u128(&self, parts: &[&[u8]]) -> u128 {
        let mut state = Full::new(self);
        state.0[1] ^= 0xee;
        state.parts(parts);
        state.finish_wide()
    }

    /// The hash of one word.
    #[must_use]
    pub fn hash_u64(&self, word: u64) -> u64 {
        self.hash_words([word])
    }

    /// The hash of so many words, always as many under one key.
    #[must_use]
    #[inline]
    pub fn hash_words<const N: usize>(&self, words: [u64; N]) -> u64 {
        let mut state = Full::new(self);
        words.into_iter().for_each(|word| state.word(word));
        state.finish()
    }

    /// [`SipKey::hash`] by SipHash-1-3, for what authenticates nothing.
    #[must_use]
    pub fn quick_hash(&self, parts: &[&[u8]]) -> u64 {
        let mut state = Quick::new(self);
        state.parts(parts);
        state.finish()
    }

    /// [`SipKey::hash_u128`] by SipHash-1-3, for what authenticates nothing.
    #[must_use]
    pub fn quick_hash_u128(&self, parts: &[&[u8]]) -> u128 {
        let mut state = Quick::new(self);
        state.0[1] ^= 0xee;
        state.parts(parts);
        state.finish_wide()
    }

    /// [`SipKey::hash_words`] by SipHash-1-3, for what authenticates nothing.
    #[must_use]
    #[inline]
    pub fn quick_hash_words<const N: usize>(&self, words: [u64; N]) -> u64 {
        let mut state = Quick::new(self);
        words.into_iter().for_each(|word| state.word(word));
        state.finish()
    }

    /// [`SipKey::hash_u64`] by SipHash-1-3, for what authenticates nothing.
    #[must_use]
    #[inline]
    pub fn quick_hash_u64(&self, word: u64) -> u64 {
        let mut state = Quick::new(self);
        state.word(word);
        state.finish()
    }
}

impl core::fmt::Debug for SipKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("SipKey(secret)")
    }
}

/// The state, with so many rounds for each word and so many at the end.
struct State<const WORD: usize, const END: usize>([u64; 4]);

type Full = State<2, 4>;
type Quick = State<1, 3>;

impl<const WORD: usize, const END: usize> State<WORD, END> {
    fn new(key: &SipKey) -> Self {
        Self([
            key.k0 ^ 0x736f_6d65_7073_6575,
            key.k1 ^ 0x646f_7261_6e64_6f6d,
            key.k0 ^ 0x6c79_6765_6e65_7261,
            key.k1 ^ 0x7465_6462_7974_6573,
        ])
    }

    #[inline(always)]
    fn round(&mut self) {
        let v = &mut self.0;
        v[0] = v[0].wrapping_add(v[1]);
        v[1] = v[1].rotate_left(13) ^ v[0];
        v[0] = v[0].rotate_left(32);
        v[2] = v[2].wrapping_add(v[3]);
        v[3] = v[3].rotate_left(16) ^ v[2];
        v[0] = v[0].wrapping_add(v[3]);
        v[3] = v[3].rotate_left(21) ^ v[0];
        v[2] = v[2].wrapping_add(v[1]);
        v[1] = v[1].rotate_left(17) ^ v[2];
        v[2] = v[2].rotate_left(32);
    }

    #[inline(always)]
    fn word(&mut self, word: u64) {
        self.0[3] ^= word;
        (0..WORD).for_each(|_| self.round());
        self.0[0] ^= word;
    }

    fn parts(&mut self, parts: &[&[u8]]) {
        for part in parts {
            let (words, rest) = part.as_chunks::<8>();
            for word in words {
                self.word(u64::from_le_bytes(*word));
            }
            let last = match part.last_chunk::<8>() {
                _ if rest.is_empty() => 0,
                Some(last) => u64::from_le_bytes(*last) >> (8 * (8 - rest.len())),
                None => rest.iter().rev().fold(0, |word, &octet| word << 8 | u64::from(octet)),
            };
            self.word(last | (part.len() as u64) << 56);
        }
    }

    fn folded(&self) -> u64 {
        self.0[0] ^ self.0[1] ^ self.0[2] ^ self.0[3]
    }

    fn finish_wide(mut self) -> u128 {
        self.0[2] ^= 0xee;
        (0..END).for_each(|_| self.round());
        let low = self.folded();
        self.0[1] ^= 0xdd;
        (0..END).for_each(|_| self.round());
        u128::from(self.folded()) << 64 | u128::from(low)
    }

    fn finish(mut self) -> u64 {
        self.0[2] ^= 0xff;
        (0..END).for_each(|_| self.round());
        self.folded()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_part_is_siphash_2_4_as_published() {
        // The reference vector of the SipHash paper: key 00..0f, message 00..0e.
        let key = SipKey::new(core::array::from_fn(|i| i as u8));
        let message: [u8; 15] = core::array::from_fn(|i| i as u8);
        assert_eq!(key.hash(&[&message]), 0xa129_ca61_49be_45e5);
    }

    #[test]
    fn the_wide_hash_is_siphash_128_as_published() {
        // The first vector of the reference implementation's 128-bit table: the same key, no message.
        let key = SipKey::new(core::array::from_fn(|i| i as u8));
        let expected =
            [0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6, 0x6d, 0xf6, 0x72, 0x14, 0xc7, 0x55, 0x02, 0x93];
        assert_eq!(key.hash_u128(&[b""]).to_le_bytes(), expected);
    }

    #[test]
    fn the_quick_hash_is_siphash_1_3_as_published() {
        // Of Rust's own tables; a slice's hash there is of its length and then of its octets.
        #[allow(deprecated)]
        fn expected(message: &[u8]) -> u64 {
            let mut hasher = core::hash::SipHasher::new_with_keys(0, 0);
            core::hash::Hasher::write(&mut hasher, message);
            core::hash::Hasher::finish(&hasher)
        }
        let key = SipKey::new([0; 16]);
        let message: [u8; 15] = core::array::from_fn(|i| i as u8);
        // The deprecated hasher is SipHash-2-4, which shows that the two are asked alike.
        assert_eq!(key.hash(&[&message]), expected(&message));
        let mut quick = std::hash::DefaultHasher::new();
        core::hash::Hasher::write(&mut quick, &message);
        assert_eq!(key.quick_hash(&[&message]), core::hash::Hasher::finish(&quick));
        assert_ne!(key.quick_hash_u128(&[&message]) as u64, key.quick_hash(&[&message]));
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        let key = SipKey::new([7; 16]);
        assert_ne!(key.hash(&[b"ab", b"c"]), key.hash(&[b"a", b"bc"]));
        assert_ne!(key.derive("tag").hash_u64(1), key.derive("branch").hash_u64(1));
    }
}
