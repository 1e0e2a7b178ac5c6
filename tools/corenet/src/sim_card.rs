//! A SIM card and the authentication centre that it shares its key with: authentication and key agreement of UMTS
//! (TS 33.102 6.3 and annex C) with Milenage.

use crate::milenage::{Keys, Milenage};

/// Bits of a sequence number that name its place in the card's array; the others count (TS 33.102 C.1.1.1, C.3.2).
const IND_BITS: u32 = 5;
/// A sequence number that is further ahead is not accepted, so that none can use the range up (TS 33.102 C.2.1).
const DELTA: u64 = 1 << 28;
/// The AMF of a re-synchronisation (TS 33.102 6.3.3).
const AMF_STAR: [u8; 2] = [0; 2];

/// An authentication vector (TS 33.102 6.3.2).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Vector {
    /// The challenge.
    pub rand: [u8; 16],
    /// The sequence number, hidden, with AMF and MAC-A.
    pub autn: [u8; 16],
    /// XRES, CK and IK, and AK.
    pub keys: Keys,
}

/// What a card answers to a challenge.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum CardAnswer {
    /// The challenge is the network's, and fresh.
    Response(Keys),
    /// The challenge is not the network's.
    MacFailure,
    /// The challenge is the network's, but not fresh: AUTS.
    SyncFailure([u8; 14]),
}

/// A SIM card.
#[derive(Clone)]
pub struct SimCard {
    milenage: Milenage,
    /// The highest count accepted at each place.
    accepted: [u64; 1 << IND_BITS],
    /// SQN_MS: the highest sequence number accepted.
    highest: u64,
}

impl SimCard {
    /// A new card.
    #[must_use]
    pub fn new(milenage: Milenage) -> Self {
        Self { milenage, accepted: [0; 1 << IND_BITS], highest: 0 }
    }

    /// Takes all sequence numbers up to `sqn` for used, as if the card had been elsewhere.
    pub fn use_up_to(&mut self, sqn: u64) {
        for count in &mut self.accepted {
            *count = (*count).max(sqn >> IND_BITS);
        }
        self.highest = self.highest.max(sqn);
    }

    /// SQN_MS: the highest sequence number that was accepted.
    #[must_use]
    pub fn sqn_ms(&self) -> u64 {
        self.highest
    }

    /// Answers a challenge.
    pub fn authenticate(&mut self, rand: [u8; 16], autn: [u8; 16]) -> CardAnswer {
        let keys = self.milenage.f2345(rand);
        let sqn = unhide(autn[..6].try_into().unwrap_or_default(), keys.ak);
        let amf = [autn[6], autn[7]];
        if self.milenage.f1(rand, octets(sqn), amf).0 != autn[8..] {
            return CardAnswer::MacFailure;
        }
        let (count, place) = (sqn >> IND_BITS, (sqn % (1 << IND_BITS)) as usize);
        if count <= self.accepted[place] || count > (self.highest >> IND_BITS) + DELTA {
            return CardAnswer::SyncFailure(self.auts(rand));
        }
        self.accepted[place] = count;
        self.highest = self.highest.max(sqn);
        CardAnswer::Response(keys)
    }

    fn auts(&self, rand: [u8; 16]) -> [u8; 14] {
        let sqn = octets(self.highest);
        let mac = self.milenage.f1(rand, sqn, AMF_STAR).1;
        let hidden = octets(unhide(sqn, self.milenage.f5_star(rand)));
        core::array::from_fn(|at| if at < 6 { hidden[at] } else { mac[at - 6] })
    }
}

/// What the authentication centre has of one subscriber.
#[derive(Clone)]
pub struct Subscription {
    milenage: Milenage,
    amf: [u8; 2],
    /// The sequence number of the last vector.
    sqn: u64,
}

impl Subscription {
    /// A new subscription.
    #[must_use]
    pub fn new(milenage: Milenage, amf: [u8; 2]) -> Self {
        Self { milenage, amf, sqn: 0 }
    }

    /// Sets the sequence number of the last vector.
    pub fn set_sqn(&mut self, sqn: u64) {
        self.sqn = sqn;
    }

    /// The sequence number of the last vector.
    #[must_use]
    pub fn sqn(&self) -> u64 {
        self.sqn
    }

    /// The next vector, for this challenge: its count and its place are one further (TS 33.102 C.1.1.2, C.3.2).
    pub fn vector(&mut self, rand: [u8; 16]) -> Vector {
        let count = (self.sqn >> IND_BITS) + 1;
        let place = (self.sqn + 1) % (1 << IND_BITS);
        self.sqn = (count << IND_BITS | place) % (1 << 48);
        self.vector_of(rand, self.sqn)
    }

    fn vector_of(&self, rand: [u8; 16], sqn: u64) -> Vector {
        let keys = self.milenage.f2345(rand);
        let mac = self.milenage.f1(rand, octets(sqn), self.amf).0;
        let hidden = octets(unhide(octets(sqn), keys.ak));
        let autn = [&hidden[..], &self.amf, &mac].concat().try_into().unwrap_or_default();
        Vector { rand, autn, keys }
    }

    /// Goes on from the card's sequence number, if AUTS is the card's answer to this challenge.
    pub fn resynchronise(&mut self, rand: [u8; 16], auts: [u8; 14]) -> bool {
        let sqn = unhide(auts[..6].try_into().unwrap_or_default(), self.milenage.f5_star(rand));
        let right = self.milenage.f1(rand, octets(sqn), AMF_STAR).1 == auts[6..];
        if right {
            self.sqn = sqn;
        }
        right
    }
}

/// A sequence number under its hiding key, one way and the other.
fn unhide(sqn: [u8; 6], key: [u8; 6]) -> u64 {
    sqn.iter().zip(key).fold(0, |word, (octet, key)| word << 8 | u64::from(octet ^ key))
}

fn octets(sqn: u64) -> [u8; 6] {
    let octets = sqn.to_be_bytes();
    core::array::from_fn(|at| octets[at + 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (SimCard, Subscription) {
        let milenage = Milenage::new([0x11; 16], [0x22; 16]);
        (SimCard::new(milenage.clone()), Subscription::new(milenage, [0x80, 0]))
    }

    fn right(card: &mut SimCard, vector: &Vector) -> bool {
        matches!(card.authenticate(vector.rand, vector.autn), CardAnswer::Response(keys) if keys == vector.keys)
    }

    fn auts(card: &mut SimCard, vector: &Vector) -> [u8; 14] {
        match card.authenticate(vector.rand, vector.autn) {
            CardAnswer::SyncFailure(auts) => auts,
            _ => panic!("no AUTS"),
        }
    }

    #[test]
    fn vectors_are_accepted_once_and_in_any_order_within_the_array() {
        let (mut card, mut centre) = pair();
        let vectors: Vec<_> = (0..32u8).map(|number| centre.vector([number; 16])).collect();
        assert!(vectors.iter().rev().all(|vector| right(&mut card, vector)));
        assert!(vectors.iter().all(|vector| !right(&mut card, vector)));
        assert_eq!(card.sqn_ms(), centre.sqn());
    }

    #[test]
    fn a_card_that_is_ahead_brings_the_centre_there() {
        let (mut card, mut centre) = pair();
        card.use_up_to(1_000_003);
        assert_eq!(card.sqn_ms(), 1_000_003);
        let vector = centre.vector([5; 16]);
        let auts = auts(&mut card, &vector);
        for at in 0..14 {
            let mut wrong = auts;
            wrong[at] ^= 1;
            assert!(!centre.resynchronise([5; 16], wrong));
        }
        assert!(!centre.resynchronise([6; 16], auts));
        assert_eq!(centre.sqn(), vector_sqn(1));
        assert!(centre.resynchronise([5; 16], auts));
        assert_eq!(centre.sqn(), 1_000_003);
        assert!((0..100u8).all(|number| right(&mut card, &centre.vector([number; 16]))));
    }

    /// The sequence number of the vector of this number in a subscription's life.
    fn vector_sqn(number: u64) -> u64 {
        (number << IND_BITS) + number % 32
    }

    #[test]
    fn a_count_that_is_too_far_ahead_is_not_accepted() {
        let (mut card, mut centre) = pair();
        centre.set_sqn((DELTA + 5) << IND_BITS);
        let far = centre.vector([1; 16]);
        let auts = auts(&mut card, &far);
        assert!(centre.resynchronise([1; 16], auts));
        assert_eq!(centre.sqn(), 0);
        assert!(right(&mut card, &centre.vector([2; 16])));
        let (mut card, mut centre) = pair();
        centre.set_sqn((DELTA - 1) << IND_BITS);
        assert!(right(&mut card, &centre.vector([1; 16])));
    }

    #[test]
    fn no_octet_of_autn_can_be_another() {
        let (mut card, mut centre) = pair();
        let vector = centre.vector([9; 16]);
        for at in 0..16 {
            let mut autn = vector.autn;
            autn[at] ^= 0x10;
            assert!(card.authenticate(vector.rand, autn) == CardAnswer::MacFailure, "{at}");
        }
        let mut other = SimCard::new(Milenage::new([0x12; 16], [0x22; 16]));
        assert!(other.authenticate(vector.rand, vector.autn) == CardAnswer::MacFailure);
        assert!(right(&mut card, &vector));
    }

    /// K, OPc, AMF, SQN and RAND, the vector of osmo-auc-gen (Osmocom) for them; and an AUTS in which it finds this SQN_MS.
    type Row<'a> =
        (&'a str, &'a str, &'a str, u64, &'a str, &'a str, &'a str, &'a str, &'a str, &'a str, u64);
    const OSMOCOM: [Row<'_>; 4] = [
        (
            "db9c559891948d2378bc927ded35455d",
            "aad71e75cde2b88e6280938ad5a104f2",
            "73f8",
            37743291502789,
            "caa69c1e0798ff49b9f5a07176645a03",
            "99f0c9593fe173f846d78294075ea301",
            "afacd8260d6905e3",
            "7d3d8317f3a855b0ee47db58dff541ba",
            "3a0d8e6f1106a6c4c7338376484418b3",
            "9e29fdb2a2fb5f32a418bd1243eb",
            113229874508268,
        ),
        (
            "55b871711a2012f43ae578fd14e84742",
            "55cba8d6b3a3e36de6e0d6dede7fa7e0",
            "24ae",
            7368902485160,
            "5195628418a67b1847db765408e69765",
            "02e3bc29410e24ae5d5969c4963f918d",
            "c9bebb6f950cd1e0",
            "384347b1e83e4e877a2c20a7acf355d3",
            "ba86e086139dc37b336db1fccad4eeca",
            "1aa26755bd26b41bb5d750812bff",
            22106707455382,
        ),
        (
            "3a96fc3f73aedca94fa78ebbbcea9443",
            "9f176a0c16e912c39584dc7be1a74c19",
            "2fc6",
            7132427589413,
            "a2c8223984ba42a4a6dcb84d454e1d78",
            "a948e2400ee72fc6b0a3f25c37762f78",
            "6b4e3ea9f66fa448",
            "15da6ddaeb64f115a65d045bd48c594f",
            "f30ffb5aa4417fb037699cbaca3fde28",
            "a1394b7c18a82c13c869dd2f8755",
            21397282768142,
        ),
        (
            "67f723a380ed0841714d557d89349eb9",
            "a6e19f89b2880b8ff834554a2f06ad8e",
            "7e8c",
            21594065557969,
            "e7014fa261e8d178c09a13eb61bc4ed0",
            "9c47524042ab7e8c3684910ae4c2d7e9",
            "fe4eae6ed9b1b270",
            "fe376e8ca9389e30c7ecfdc42410d4ae",
            "1c1026882cd5e60c32edba5e31255adf",
            "e1600f76e2d5df6a7ed4df14a2e4",
            64782196673809,
        ),
    ];

    fn hex<const N: usize>(text: &str) -> [u8; N] {
        core::array::from_fn(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap())
    }

    #[test]
    fn vectors_and_re_synchronisations_are_those_of_osmocom() {
        for (k, opc, amf, sqn, rand, autn, res, ck, ik, wanted, sqn_ms) in OSMOCOM {
            let milenage = Milenage::new(hex(k), hex(opc));
            let vector = Subscription::new(milenage.clone(), hex(amf)).vector_of(hex(rand), sqn);
            assert_eq!((vector.rand, vector.autn), (hex(rand), hex(autn)));
            assert_eq!((vector.keys.res, vector.keys.ck, vector.keys.ik), (hex(res), hex(ck), hex(ik)));
            let mut card = SimCard::new(milenage);
            card.use_up_to(sqn_ms);
            assert_eq!(auts(&mut card, &vector), hex(wanted));
        }
    }
}
