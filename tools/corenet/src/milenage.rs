//! Milenage: the functions of authentication and key agreement that SIM cards and authentication centres share
//! (TS 35.206).

use aes::Aes128;
use aes::cipher::{BlockEncrypt, KeyInit};

/// The functions under one subscriber's key K and one operator's OPc.
#[derive(Clone)]
pub struct Milenage {
    cipher: Aes128,
    opc: u128,
}

/// What f2, f3, f4 and f5 give for one RAND.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Keys {
    /// f2: the response.
    pub res: [u8; 8],
    /// f3: the key of confidentiality.
    pub ck: [u8; 16],
    /// f4: the key of integrity.
    pub ik: [u8; 16],
    /// f5: hides the sequence number.
    pub ak: [u8; 6],
}

impl Milenage {
    /// With K and OPc.
    #[must_use]
    pub fn new(k: [u8; 16], opc: [u8; 16]) -> Self {
        Self { cipher: Aes128::new(&k.into()), opc: u128::from_be_bytes(opc) }
    }

    /// With K and the operator's OP, from which OPc follows (TS 35.206 4.1).
    #[must_use]
    pub fn with_op(k: [u8; 16], op: [u8; 16]) -> Self {
        let bare = Self::new(k, op);
        let opc = bare.encrypt(bare.opc) ^ bare.opc;
        Self { opc, ..bare }
    }

    /// OPc.
    #[must_use]
    pub fn opc(&self) -> [u8; 16] {
        self.opc.to_be_bytes()
    }

    /// f1 and f1*: MAC-A, with which the network shows that a challenge is its own, and MAC-S, with which the card shows
    /// that a re-synchronisation is.
    #[must_use]
    pub fn f1(&self, rand: [u8; 16], sqn: [u8; 6], amf: [u8; 2]) -> ([u8; 8], [u8; 8]) {
        let half = sqn.iter().chain(&amf).fold(0u64, |word, &octet| word << 8 | u64::from(octet));
        let twice = u128::from(half) << 64 | u128::from(half);
        let mixed = self.temp(rand) ^ (twice ^ self.opc).rotate_left(64);
        let out = self.encrypt(mixed) ^ self.opc;
        (((out >> 64) as u64).to_be_bytes(), (out as u64).to_be_bytes())
    }

    /// f2, f3, f4 and f5.
    #[must_use]
    pub fn f2345(&self, rand: [u8; 16]) -> Keys {
        let first = self.out(rand, 0, 1);
        Keys {
            res: (first as u64).to_be_bytes(),
            ck: self.out(rand, 32, 2).to_be_bytes(),
            ik: self.out(rand, 64, 4).to_be_bytes(),
            ak: six(first),
        }
    }

    /// f5*: hides the sequence number of a re-synchronisation.
    #[must_use]
    pub fn f5_star(&self, rand: [u8; 16]) -> [u8; 6] {
        six(self.out(rand, 96, 8))
    }

    fn temp(&self, rand: [u8; 16]) -> u128 {
        self.encrypt(u128::from_be_bytes(rand) ^ self.opc)
    }

    /// OUT2 to OUT5, with their rotation r and constant c.
    fn out(&self, rand: [u8; 16], r: u32, c: u128) -> u128 {
        self.encrypt((self.temp(rand) ^ self.opc).rotate_left(r) ^ c) ^ self.opc
    }

    fn encrypt(&self, block: u128) -> u128 {
        let mut octets = block.to_be_bytes().into();
        self.cipher.encrypt_block(&mut octets);
        u128::from_be_bytes(octets.into())
    }
}

/// The first six octets.
fn six(block: u128) -> [u8; 6] {
    let octets = block.to_be_bytes();
    core::array::from_fn(|at| octets[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex<const N: usize>(text: &str) -> [u8; N] {
        assert_eq!(text.len(), 2 * N);
        core::array::from_fn(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap())
    }

    /// The test sets 1 to 6 of TS 35.207: K, OP, OPc, RAND, SQN, AMF; f1, f1*, f2, f5, f3, f4, f5*.
    const SETS: [[&str; 13]; 6] = [
        [
            "465b5ce8b199b49faa5f0a2ee238a6bc",
            "cdc202d5123e20f62b6d676ac72cb318",
            "cd63cb71954a9f4e48a5994e37a02baf",
            "23553cbe9637a89d218ae64dae47bf35",
            "ff9bb4d0b607",
            "b9b9",
            "4a9ffac354dfafb3",
            "01cfaf9ec4e871e9",
            "a54211d5e3ba50bf",
            "aa689c648370",
            "b40ba9a3c58b2a05bbf0d987b21bf8cb",
            "f769bcd751044604127672711c6d3441",
            "451e8beca43b",
        ],
        [
            "0396eb317b6d1c36f19c1c84cd6ffd16",
            "ff53bade17df5d4e793073ce9d7579fa",
            "53c15671c60a4b731c55b4a441c0bde2",
            "c00d603103dcee52c4478119494202e8",
            "fd8eef40df7d",
            "af17",
            "5df5b31807e258b0",
            "a8c016e51ef4a343",
            "d3a628ed988620f0",
            "c47783995f72",
            "58c433ff7a7082acd424220f2b67c556",
            "21a8c1f929702adb3e738488b9f5c5da",
            "30f1197061c1",
        ],
        [
            "fec86ba6eb707ed08905757b1bb44b8f",
            "dbc59adcb6f9a0ef735477b7fadf8374",
            "1006020f0a478bf6b699f15c062e42b3",
            "9f7c8d021accf4db213ccff0c7f71a6a",
            "9d0277595ffc",
            "725c",
            "9cabc3e99baf7281",
            "95814ba2b3044324",
            "8011c48c0c214ed2",
            "33484dc2136b",
            "5dbdbb2954e8f3cde665b046179a5098",
            "59a92d3b476a0443487055cf88b2307b",
            "deacdd848cc6",
        ],
        [
            "9e5944aea94b81165c82fbf9f32db751",
            "223014c5806694c007ca1eeef57f004f",
            "a64a507ae1a2a98bb88eb4210135dc87",
            "ce83dbc54ac0274a157c17f80d017bd6",
            "0b604a81eca8",
            "9e09",
            "74a58220cba84c49",
            "ac2cc74a96871837",
            "f365cd683cd92e96",
            "f0b9c08ad02e",
            "e203edb3971574f5a94b0d61b816345d",
            "0c4524adeac041c4dd830d20854fc46b",
            "6085a86c6f63",
        ],
        [
            "4ab1deb05ca6ceb051fc98e77d026a84",
            "2d16c5cd1fdf6b22383584e3bef2a8d8",
            "dcf07cbd51855290b92a07a9891e523e",
            "74b0cd6031a1c8339b2b6ce2b8c4a186",
            "e880a1b580b6",
            "9f07",
            "49e785dd12626ef2",
            "9e85790336bb3fa2",
            "5860fc1bce351e7e",
            "31e11a609118",
            "7657766b373d1c2138f307e3de9242f9",
            "1c42e960d89b8fa99f2744e0708ccb53",
            "fe2555e54aa9",
        ],
        [
            "6c38a116ac280c454f59332ee35c8c4f",
            "1ba00a1a7c6700ac8c3ff3e96ad08725",
            "3803ef5363b947c6aaa225e58fae3934",
            "ee6466bc96202c5a557abbeff8babf63",
            "414b98222181",
            "4464",
            "078adfb488241a57",
            "80246b8d0186bcf1",
            "16c8233f05a0ac28",
            "45b0f69ab06c",
            "3f8c7587fe8e4b233af676aede30ba3b",
            "a7466cc1e6b2a1337d49d3b66e95d7b4",
            "1f53cd2b1113",
        ],
    ];

    #[test]
    fn the_test_sets_of_ts_35_207_come_out() {
        for [k, op, opc, rand, sqn, amf, mac_a, mac_s, res, ak, ck, ik, ak_star] in SETS {
            let milenage = Milenage::with_op(hex(k), hex(op));
            assert_eq!(milenage.opc(), hex(opc));
            let rand = hex(rand);
            assert_eq!(milenage.f1(rand, hex(sqn), hex(amf)), (hex(mac_a), hex(mac_s)));
            let keys = Milenage::new(hex(k), hex(opc)).f2345(rand);
            assert_eq!((keys.res, keys.ak), (hex(res), hex(ak)));
            assert_eq!((keys.ck, keys.ik), (hex(ck), hex(ik)));
            assert_eq!(milenage.f5_star(rand), hex(ak_star));
        }
    }
}
