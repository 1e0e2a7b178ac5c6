//! Chunks that a fuzzer makes up: well-formed for the most part, with fields that come near to what fits.

use crate::bench::{Bench, address};
use crate::octets::Octets;
use crate::proto::sctp::PacketWriter;
use crate::proto::sctp::view::{chunk, parameter};

/// A TSN near to `tsn`, or any.
fn near(octets: &mut Octets<'_>, tsn: u32) -> u32 {
    match octets.u8() {
        255 => octets.u32(),
        offset => tsn.wrapping_add(u32::from(offset)).wrapping_sub(64),
    }
}

/// What the peer knows while it writes a packet.
pub struct Known {
    our_tsn: u32,
    tsn: u32,
    cookie: Vec<u8>,
    heartbeats: [Vec<u8>; 2],
    ipv6: bool,
    theirs: u32,
}

impl Known {
    pub fn of(bench: &Bench) -> Self {
        Self {
            our_tsn: bench.our_tsn,
            tsn: bench.tsn,
            cookie: bench.cookie.clone(),
            heartbeats: bench.heartbeats.clone(),
            ipv6: bench.ipv6,
            theirs: bench.theirs,
        }
    }

    /// What a later packet follows on.
    pub fn learnt(self, bench: &mut Bench) {
        (bench.tsn, bench.theirs) = (self.tsn, self.theirs);
    }

    /// One chunk.
    pub fn write(&mut self, octets: &mut Octets<'_>, w: &mut PacketWriter<'_>) {
        match octets.below(24) {
            0..=5 => self.data(octets, w),
            6..=9 => self.sack(octets, w),
            10 => {
                let length = usize::from(octets.u8());
                w.chunk(chunk::HEARTBEAT, 0, |w| {
                    w.tlv(parameter::HEARTBEAT_INFO, |w| w.bytes(octets.take(length)))
                });
            }
            11 | 12 => {
                let contents = self.heartbeats[usize::from(octets.below(2))].clone();
                w.chunk(chunk::HEARTBEAT_ACK, 0, |w| w.bytes(&contents));
            }
            13 => self.causes(octets, w, chunk::ABORT),
            14 => self.causes(octets, w, chunk::ERROR),
            15 => {
                let cumulative = near(octets, self.our_tsn.wrapping_add(64));
                w.chunk(chunk::SHUTDOWN, 0, |w| w.u32(cumulative));
            }
            16 => {
                let kind = [chunk::SHUTDOWN_ACK, chunk::COOKIE_ACK, chunk::SHUTDOWN_COMPLETE];
                w.chunk(kind[usize::from(octets.below(3))], octets.below(2), |_| {});
            }
            17 | 18 => {
                let mut cookie = self.cookie.clone();
                if octets.below(4) == 0 && !cookie.is_empty() {
                    let at = usize::from(octets.u8()) % cookie.len();
                    cookie[at] ^= octets.u8();
                }
                w.chunk(chunk::COOKIE_ECHO, 0, |w| w.bytes(&cookie));
            }
            19 => self.init(octets, w, chunk::INIT),
            20 => self.init(octets, w, chunk::INIT_ACK),
            _ => {
                let (kind, flags, length) = (octets.u8(), octets.u8(), usize::from(octets.u8()));
                w.chunk(kind, flags, |w| w.bytes(octets.take(length)));
            }
        }
    }

    fn data(&mut self, octets: &mut Octets<'_>, w: &mut PacketWriter<'_>) {
        let (tsn, flags) = match octets.u8() {
            // The next one of a peer that loses nothing, a whole message.
            form @ 0..128 => (self.tsn, 3 | form & 4),
            _ => (near(octets, self.tsn.wrapping_add(60)), octets.u8()),
        };
        if tsn == self.tsn {
            self.tsn = tsn.wrapping_add(1);
        }
        let (stream, ssn) = (u16::from(octets.below(8)), u16::from(octets.u8() as i8 as u8 & 15));
        let length = match octets.u8() {
            255 => 1400,
            length => usize::from(length),
        };
        w.chunk(chunk::DATA, flags, |w| {
            w.u32(tsn);
            w.u16(stream);
            w.u16(ssn);
            w.u32(3);
            w.bytes(&[0x5a; 1400][..length]);
        });
    }

    fn sack(&self, octets: &mut Octets<'_>, w: &mut PacketWriter<'_>) {
        let cumulative =
            near(octets, self.our_tsn.wrapping_add(64)).wrapping_sub(u32::from(octets.below(16)));
        let window = octets.of(&[0, 10_000, 1, 1500, u32::MAX]);
        let (gaps, duplicates) = (u16::from(octets.below(6)), u16::from(octets.below(3)));
        w.chunk(chunk::SACK, 0, |w| {
            w.u32(cumulative);
            w.u32(window);
            w.u16(gaps);
            w.u16(duplicates);
            let mut last = 0;
            for _ in 0..gaps {
                let start = last + u16::from(octets.below(8));
                last = start + u16::from(octets.below(8));
                w.u16(start);
                w.u16(last);
            }
            for _ in 0..duplicates {
                w.u32(cumulative);
            }
        });
    }

    fn causes(&self, octets: &mut Octets<'_>, w: &mut PacketWriter<'_>, kind: u8) {
        let (flags, causes) = (octets.below(2), octets.below(3));
        w.chunk(kind, flags, |w| {
            for _ in 0..causes {
                let code = octets.of(&[1, 3, 3, 6, 10, 12, 13]) as u16;
                let length = usize::from(octets.below(40));
                w.tlv(code, |w| w.bytes(octets.take(length)));
            }
        });
    }

    fn init(&mut self, octets: &mut Octets<'_>, w: &mut PacketWriter<'_>, kind: u8) {
        let tag = octets.of(&[self.theirs, self.theirs, 0x0bad_beef, 0]);
        let window = octets.of(&[10_000, 100_000, 1500, 1499, u32::MAX]);
        let streams = octets.of(&[7 << 16 | 7, 1 << 16 | 1, u32::MAX, 7]);
        let tsn = octets.of(&[1000, 0, u32::MAX, u32::MAX - 3]);
        if tag != 0 {
            (self.theirs, self.tsn) = (tag, tsn);
        }
        let count = octets.below(6);
        w.chunk(kind, 0, |w| {
            w.u32(tag);
            w.u32(window);
            w.u32(streams);
            w.u32(tsn);
            for _ in 0..count {
                match octets.below(8) {
                    0..=2 => w.address(address(octets.below(3), octets.below(6), self.ipv6)),
                    3 => w.address(address(1, octets.below(3), !self.ipv6)),
                    4 | 5 => w.tlv(parameter::STATE_COOKIE, |w| w.bytes(octets.take(16))),
                    6 => w.tlv(parameter::COOKIE_PRESERVATIVE, |w| w.bytes(octets.take(4))),
                    _ => {
                        let (code, length) = (octets.u16(), usize::from(octets.u8()));
                        w.tlv(code, |w| w.bytes(octets.take(length)));
                    }
                }
            }
        });
    }
}
