//! What peers may open dialogues for, and in which versions.

use crate::proto::map::{Version, context};

/// An operation that peers may invoke in a dialogue that they open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Offer {
    /// The application context, without its version: as in [`context`](crate::proto::map::context).
    pub context: u8,
    /// The oldest and the newest version of it.
    pub versions: (Version, Version),
    /// The operation's local code.
    pub opcode: u8,
}

impl Offer {
    /// An operation in all versions of a context from `oldest` to `newest`.
    #[must_use]
    pub const fn new(context: u8, (oldest, newest): (Version, Version), opcode: u8) -> Self {
        Self { context, versions: (oldest, newest), opcode }
    }

    /// An operation in one version of a context.
    #[must_use]
    pub const fn only(context: u8, version: Version, opcode: u8) -> Self {
        Self::new(context, (version, version), opcode)
    }

    fn is_of(&self, context: u8, version: Version) -> bool {
        self.context == context && self.versions.0 <= version && version <= self.versions.1
    }
}

/// Whether there is anything in a version of a context.
pub(super) fn has(offers: &[Offer], context: u8, version: Version) -> bool {
    offers.iter().any(|offer| offer.is_of(context, version))
}

/// Whether an operation is offered in a version of a context.
pub(super) fn has_operation(offers: &[Offer], context: u8, version: Version, opcode: u8) -> bool {
    offers.iter().any(|offer| offer.opcode == opcode && offer.is_of(context, version))
}

/// The newest version of a context that a peer could name instead (TS 29.002 15.2.1): 1 has no name.
pub(super) fn alternative(offers: &[Offer], context: u8) -> Option<[u8; 7]> {
    let named = offers.iter().filter(|offer| offer.context == context && offer.versions.1 > Version::V1);
    let newest = named.map(|offer| offer.versions.1).max()?;
    Some(context::of(context, newest as u8))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Version::{V1, V2, V3};

    #[test]
    fn versions_of_an_offer_are_a_range() {
        let offers = [Offer::only(25, V3, 44), Offer::only(25, V2, 46), Offer::only(21, V1, 46)];
        assert!(
            has(&offers, 25, V3) && has(&offers, 25, V2) && !has(&offers, 25, V1) && has(&offers, 21, V1)
        );
        assert!(has_operation(&offers, 25, V2, 46) && !has_operation(&offers, 25, V2, 44));
        assert_eq!(alternative(&offers, 25), Some(context::of(25, 3)));
        assert_eq!((alternative(&offers, 21), alternative(&offers, 20)), (None, None));
        let range = [Offer::new(20, (V1, V2), 45)];
        assert!(has(&range, 20, V1) && has(&range, 20, V2) && !has(&range, 20, V3));
        assert_eq!(alternative(&range, 20), Some(context::of(20, 2)));
    }
}
