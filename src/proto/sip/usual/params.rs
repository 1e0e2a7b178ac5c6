//! What looks at parameters while they are passed over.

use super::{Place, Shown};

/// The first octets of a semicolon and a parameter's name.
const fn named(name: &[u8; 8]) -> u64 {
    u64::from_le_bytes(*name)
}

/// A parameter in a window.
pub(super) struct Param {
    /// The name's first octets in lower case, seven at the most, behind its semicolon.
    pub(super) name: u64,
    /// How many octets the name has.
    pub(super) octets: usize,
    /// Where the window begins.
    pub(super) base: usize,
    /// Where in it the value is, empty if there is none.
    pub(super) value: Shown,
}

impl Param {
    #[inline(always)]
    const fn has_value(&self) -> bool {
        self.value.0 < self.value.1
    }

    #[inline(always)]
    const fn place(&self) -> Place {
        Place::new(self.base + self.value.0, self.base + self.value.1)
    }

    /// Whether it may be called `received`.
    #[inline(always)]
    const fn may_be_received(&self) -> bool {
        self.octets == 8 && self.name == named(b";receive")
    }
}

/// What looks at parameters one by one, and may not take one.
pub(super) trait See {
    fn see(&mut self, param: &Param) -> Option<()>;
}

/// Those of a URI.
pub(super) struct Any;

impl See for Any {
    #[inline(always)]
    fn see(&mut self, _: &Param) -> Option<()> {
        Some(())
    }
}

/// Those of a media type. An address as a value is for others to read.
pub(super) struct Tokens;

impl See for Tokens {
    #[inline(always)]
    fn see(&mut self, param: &Param) -> Option<()> {
        (!param.may_be_received()).then_some(())
    }
}

/// Those of an address: the place of its tag.
pub(super) struct Tag<'p>(pub(super) &'p mut Place);

impl See for Tag<'_> {
    #[inline(always)]
    fn see(&mut self, param: &Param) -> Option<()> {
        if param.octets == 3 && param.name == named(b";tag\0\0\0\0") {
            if !param.has_value() {
                return None;
            }
            *self.0 = param.place();
        }
        (!param.may_be_received()).then_some(())
    }
}

/// Those of a Via that are not read elsewhere, as the others are by their usual spelling.
pub(super) struct Others;

impl See for Others {
    #[inline(always)]
    fn see(&mut self, param: &Param) -> Option<()> {
        let is_known = match param.octets {
            5 => param.name == named(b";rport\0\0"),
            6 => param.name == named(b";branch\0"),
            8 => param.may_be_received(),
            _ => false,
        };
        (!is_known).then_some(())
    }
}

/// Notes a name among those that were seen. Whether there may have been one like it.
#[inline(always)]
pub(super) const fn note(seen: &mut u64, name: u64) -> bool {
    let bit = 1 << (name.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58);
    let before = *seen & bit != 0;
    *seen |= bit;
    before
}
