//! A short byte string kept in place.

/// At most `N` octets, without allocation.
#[derive(Clone, Copy)]
pub struct Inline<const N: usize> {
    len: u16,
    bytes: [u8; N],
}

impl<const N: usize> Inline<N> {
    /// No octets.
    pub const EMPTY: Self = Self { len: 0, bytes: [0; N] };

    /// A copy of `bytes`, or `None` if they are too many.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let mut inline = Self::EMPTY;
        inline.bytes.get_mut(..bytes.len())?.copy_from_slice(bytes);
        inline.len = u16::try_from(bytes.len()).ok()?;
        Some(inline)
    }
}

impl<const N: usize> core::ops::Deref for Inline<N> {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or(&[])
    }
}

impl<const N: usize> core::fmt::Debug for Inline<N> {
    /// The length only: contents may be private.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "({} octets)", self.len)
    }
}
