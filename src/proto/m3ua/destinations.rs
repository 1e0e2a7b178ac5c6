//! What a signalling gateway has said about SS7 destinations (RFC 4666 4.5): a bounded table of those that are not
//! simply available.

use crate::ident::PointCode;

/// Whether messages to a destination arrive.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, PartialOrd, Ord)]
pub enum Reach {
    /// They do (DAVA, or nothing said).
    #[default]
    Available,
    /// They do, another way would be better (DRST).
    Restricted,
    /// They don't (DUNA).
    Unavailable,
}

/// The state of a destination.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Availability {
    /// Whether messages arrive.
    pub reach: Reach,
    /// Congestion level, 0 (none) to 3 (SCON).
    pub congestion: u8,
    /// The destination has no SCCP at present (DUPU), until its SCCP management says otherwise.
    pub no_sccp: bool,
}

impl Availability {
    /// Whether it is worth sending there.
    #[must_use]
    pub fn is_usable(self) -> bool {
        self.reach != Reach::Unavailable
    }

    /// Takes in news.
    pub fn apply(&mut self, change: Change) {
        match change {
            Change::Reach(Reach::Available) => {
                // Congestion stays: an answer to a DAUD is SCON, then DAVA (4.5.3).
                self.reach = Reach::Available;
                self.no_sccp = false;
            }
            Change::Reach(reach) => self.reach = reach,
            Change::Congestion(level) => self.congestion = level,
            Change::NoSccp(_) => self.no_sccp = true,
            Change::SccpBack => self.no_sccp = false,
        }
    }
}

/// News about destinations.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// MTP-RESUME or MTP-PAUSE.
    Reach(Reach),
    /// MTP-STATUS, congestion at a level of 0 (none) to 3.
    Congestion(u8),
    /// MTP-STATUS, SCCP is absent: unknown (0), unequipped (1) or inaccessible (2).
    NoSccp(u16),
    /// SCCP has answered again: said by its management, not by M3UA.
    SccpBack,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    point_code: PointCode,
    /// How many low bits of the point code are wild.
    mask: u8,
    state: Availability,
}

/// Whether `point_code` is among those that `wide` and `mask` name.
pub(super) fn covers(wide: PointCode, mask: u8, point_code: PointCode) -> bool {
    (wide.0 ^ point_code.0).checked_shr(u32::from(mask)).unwrap_or(0) == 0
}

#[derive(Debug)]
pub(super) struct Destinations {
    entries: Vec<Entry>,
    capacity: usize,
}

impl Destinations {
    pub(super) fn new(capacity: usize) -> Self {
        Self { entries: Vec::with_capacity(capacity), capacity }
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (PointCode, u8, Availability)> {
        self.entries.iter().map(|entry| (entry.point_code, entry.mask, entry.state))
    }

    /// Ends all congestion: an audit is about to ask for it anew.
    pub(super) fn forget_congestion(&mut self) {
        for entry in &mut self.entries {
            entry.state.congestion = 0;
        }
        self.forget_what_goes_without_saying();
    }

    /// What was said of the narrowest range that covers `point_code`.
    pub(super) fn get(&self, point_code: PointCode) -> Availability {
        self.of_range(point_code, 0)
    }

    /// What was said of the narrowest range that covers the whole of this one.
    pub(super) fn of_range(&self, point_code: PointCode, mask: u8) -> Availability {
        self.narrowest(point_code, mask).unwrap_or_default()
    }

    fn narrowest(&self, point_code: PointCode, mask: u8) -> Option<Availability> {
        self.entries
            .iter()
            .filter(|entry| entry.mask >= mask && covers(entry.point_code, entry.mask, point_code))
            .min_by_key(|entry| entry.mask)
            .map(|entry| entry.state)
    }

    /// Takes in a change of a range and of all that it covers. `false` if the table is full: the range then counts
    /// as before.
    pub(super) fn update(&mut self, point_code: PointCode, mask: u8, change: Change) -> bool {
        let before = self.narrowest(point_code, mask).unwrap_or_default();
        for entry in &mut self.entries {
            if entry.mask <= mask && covers(point_code, mask, entry.point_code) {
                entry.state.apply(change);
            }
        }
        let known = self.entries.iter().any(|e| e.mask == mask && covers(point_code, mask, e.point_code));
        let mut state = before;
        state.apply(change);
        let full = !known && state != before && self.entries.len() >= self.capacity;
        if !known && state != before && !full {
            self.entries.push(Entry { point_code, mask, state });
        }
        self.forget_what_goes_without_saying();
        !full
    }

    /// Drops every entry that says the same as what would hold without it.
    fn forget_what_goes_without_saying(&mut self) {
        // Widest first, so that an entry is compared with what remains above it.
        self.entries.sort_unstable_by_key(|entry| core::cmp::Reverse(entry.mask));
        let mut at = 0;
        while let Some(&entry) = self.entries.get(at) {
            let above = self.narrowest(entry.point_code, entry.mask.saturating_add(1)).unwrap_or_default();
            if above == entry.state {
                self.entries.remove(at);
            } else {
                at += 1;
            }
        }
    }
}
