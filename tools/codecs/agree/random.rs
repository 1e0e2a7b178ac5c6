//! Random values from a seed, so that a case that fails can be had again.

use ipsmgw::ident::{Digits, Imsi};
use ipsmgw::proto::map::{AddressString, Plan, TypeOfNumber};

/// A generator (SplitMix64).
pub(crate) struct Random(u64);

/// How many cases of each kind: `IPSMGW_CASES`, or what takes a second.
pub(crate) fn cases() -> u64 {
    std::env::var("IPSMGW_CASES").map_or(2000, |text| text.parse().expect("a number of cases"))
}

/// Runs `test` for each case, each with a generator of its own.
pub(crate) fn each(mut test: impl FnMut(u64, &mut Random)) {
    for case in 0..cases() {
        test(case, &mut Random(case.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
    }
}

impl Random {
    pub(crate) fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let word = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ word >> 31
    }

    /// Below `limit`.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.word() % limit
    }

    pub(crate) fn flag(&mut self) -> bool {
        self.word() & 1 == 1
    }

    pub(crate) fn octet(&mut self) -> u8 {
        self.word() as u8
    }

    /// `from` to `to` octets.
    pub(crate) fn octets(&mut self, from: usize, to: usize) -> Vec<u8> {
        let count = from + self.below((to - from + 1) as u64) as usize;
        (0..count).map(|_| self.octet()).collect()
    }

    /// What `make` makes, or nothing.
    pub(crate) fn perhaps<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.flag().then(|| make(self))
    }

    /// `from` to `to` decimal digits.
    pub(crate) fn digits(&mut self, from: u64, to: u64) -> String {
        let count = from + self.below(to - from + 1);
        (0..count).map(|_| char::from(b'0' + self.below(10) as u8)).collect()
    }

    /// A number in both spellings: ours, and the octets that theirs leave unread.
    pub(crate) fn address(&mut self) -> (AddressString, Vec<u8>) {
        let (nature, plan) = (self.below(8) as u8, self.below(15) as u8);
        let digits = self.digits(1, 16);
        let octets = gsm_map::address::isdn_address_string(&digits, nature, plan).expect("digits");
        let digits: Digits = digits.parse().expect("digits");
        (AddressString { nature: TypeOfNumber(nature), plan: Plan(plan), digits }, octets)
    }

    pub(crate) fn imsi(&mut self) -> (Imsi, Vec<u8>) {
        let digits = self.digits(6, 15);
        (digits.parse().expect("an IMSI"), gsm_map::address::imsi(&digits).expect("digits"))
    }
}
