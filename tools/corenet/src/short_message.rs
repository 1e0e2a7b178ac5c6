//! Short messages as UEs and service centres write them: TPDUs of TS 23.040 9.2 around random bodies.
//!
//! Written apart from the gateway's own TPDU code, so that neither hides the other's mistakes.

use crate::random::Random;
use ipsmgw::ident::Digits;

/// A body: user data with what the TPDU says about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Body {
    /// TP-DCS.
    pub coding: u8,
    /// TP-UDHI: whether it begins with a header.
    pub has_header: bool,
    /// TP-UDL: septets of the 7-bit alphabet, else octets.
    pub length: u8,
    /// TP-UD.
    pub octets: Vec<u8>,
}

/// TP-DCS of the GSM 7-bit default alphabet.
const GSM_7_BIT: u8 = 0x00;
/// TP-DCS of 8-bit data.
const OCTETS: u8 = 0x04;
/// TP-DCS of UCS2.
const UCS2: u8 = 0x08;
/// The escape to the extension table, which is a character only with the next septet.
const ESCAPE: u8 = 0x1b;
/// The extension table's codes.
const EXTENSION: [u8; 9] = [0x14, 0x28, 0x29, 0x2f, 0x3c, 0x3d, 0x3e, 0x40, 0x65];
/// How many kinds of bodies there are.
pub const KINDS: u32 = 8;
/// TP-SCTS: 2 January 2026, 03:04:05, UTC.
const TIMESTAMP: [u8; 7] = [0x62, 0x10, 0x20, 0x30, 0x40, 0x50, 0x00];
/// TP-VP: four days.
const VALIDITY: u8 = 170;
/// A number of international form, E.164.
const INTERNATIONAL: u8 = 0x91;

/// The body of message `number`, which is in it: no two messages of a flow are alike. Kinds take turns; every second
/// one is as long as it may be.
pub fn body(random: &mut Random, number: u32) -> Body {
    let up_to = |random: &mut Random, least: usize, most: usize| least + random.below(most - least + 1);
    match number % KINDS {
        0 => {
            let length = up_to(random, 8, 160);
            text(random, number, length, &[])
        }
        1 => text(random, number, 160, &[]),
        2 => {
            let length = up_to(random, 8, 70);
            wide(random, number, length)
        }
        3 => wide(random, number, 70),
        4 => {
            let length = up_to(random, 4, 140);
            octets(random, number, length, &[])
        }
        5 => octets(random, number, 140, &[]),
        // Parts of long messages: concatenation with a reference of 8 and of 16 bits.
        6 => text(random, number, 153, &[5, 0, 3, number as u8, 2, 1]),
        _ => octets(random, number, 133, &[6, 8, 4, (number >> 8) as u8, number as u8, 3, 2]),
    }
}

/// The body of a part of a long text, by its place from 1 on and how many there are (TS 23.040 9.2.3.24.1).
pub fn part(random: &mut Random, number: u32, (at, of): (u8, u8)) -> Body {
    text(random, number, 153, &[5, 0, 3, number as u8, of, at])
}

/// Septets of the default alphabet and its extension, the number in front.
fn text(random: &mut Random, number: u32, length: usize, header: &[u8]) -> Body {
    let mut septets = format!("{number:08X}").into_bytes();
    while septets.len() < length {
        let left = length - septets.len();
        match random.below(128) as u8 {
            ESCAPE if left < 2 => septets.push(b' '),
            ESCAPE => septets.extend([ESCAPE, EXTENSION[random.below(EXTENSION.len())]]),
            septet => septets.push(septet),
        }
    }
    let header_septets = (header.len() * 8).div_ceil(7);
    let mut octets = pack(&septets, header_septets * 7);
    octets[..header.len()].copy_from_slice(header);
    let length = (header_septets + septets.len()) as u8;
    Body { coding: GSM_7_BIT, has_header: !header.is_empty(), length, octets }
}

/// Septets, seven bits each, after `start` bits of zero (TS 23.038 6.1.2.1).
fn pack(septets: &[u8], start: usize) -> Vec<u8> {
    let mut octets = vec![0; (start + 7 * septets.len()).div_ceil(8)];
    for (at, &septet) in septets.iter().enumerate() {
        let bit = start + 7 * at;
        let shifted = u16::from(septet) << (bit % 8);
        octets[bit / 8] |= shifted as u8;
        if bit % 8 > 1 {
            octets[bit / 8 + 1] |= (shifted >> 8) as u8;
        }
    }
    octets
}

/// UTF-16 of many scripts, the number in front.
fn wide(random: &mut Random, number: u32, length: usize) -> Body {
    const SCRIPTS: [(u16, usize); 6] =
        [(0x20, 95), (0xa1, 0x15f), (0x391, 0x230), (0x5d0, 27), (0x4e00, 0x51a5), (0xac00, 0x2ba4)];
    let mut units: Vec<u16> = format!("{number:08X}").encode_utf16().collect();
    while units.len() < length {
        let left = length - units.len();
        if left >= 2 && random.below(16) == 0 {
            units.extend([0xd83d, 0xde00 + random.below(0x40) as u16]); // an emoji: a surrogate pair
        } else {
            let (first, count) = SCRIPTS[random.below(SCRIPTS.len())];
            units.push(first + random.below(count) as u16);
        }
    }
    let octets: Vec<u8> = units.into_iter().flat_map(u16::to_be_bytes).collect();
    Body { coding: UCS2, has_header: false, length: octets.len() as u8, octets }
}

/// Octets in a run that wraps, from a random one on: among a few messages there is every value. The number in front.
fn octets(random: &mut Random, number: u32, length: usize, header: &[u8]) -> Body {
    let first = random.bits() as u8;
    let run = (0..length - 4).map(|at| first.wrapping_add(at as u8));
    let octets: Vec<u8> = header.iter().copied().chain(number.to_be_bytes()).chain(run).collect();
    Body { coding: OCTETS, has_header: !header.is_empty(), length: octets.len() as u8, octets }
}

/// SMS-SUBMIT (9.2.2.2) with message reference `reference`.
#[must_use]
pub fn submit(reference: u8, destination: Digits, body: &Body) -> Vec<u8> {
    let mut tpdu = vec![0x11 | header_indicator(body), reference];
    put_address(&mut tpdu, destination);
    tpdu.extend([0, body.coding, VALIDITY]);
    put_user_data(&mut tpdu, body);
    tpdu
}

/// SMS-DELIVER (9.2.2.1); no more messages wait.
#[must_use]
pub fn deliver(originator: Digits, body: &Body) -> Vec<u8> {
    let mut tpdu = vec![0x04 | header_indicator(body)];
    put_address(&mut tpdu, originator);
    tpdu.extend([0, body.coding]);
    tpdu.extend(TIMESTAMP);
    put_user_data(&mut tpdu, body);
    tpdu
}

/// SMS-SUBMIT-REPORT (9.2.2.2a) that tells the message's number and TP-SCTS; `failure` is TP-FCS.
#[must_use]
pub fn submit_report(number: u32, timestamp: [u8; 7], failure: Option<u8>) -> Vec<u8> {
    report(0x01, failure, &timestamp, number)
}

/// Whether a report is [`submit_report`]'s for this message, whenever that was made.
#[must_use]
pub fn is_submit_report(report: &[u8], number: u32, failure: Option<u8>) -> bool {
    // TP-MTI and TP-PI stand before the timestamp, TP-FCS too if there is one.
    let timestamp = report.iter().skip(2 + usize::from(failure.is_some())).copied();
    let mut told = timestamp.take(7);
    let timestamp = core::array::from_fn(|_| told.next().unwrap_or_default());
    report == submit_report(number, timestamp, failure)
}

/// SMS-DELIVER-REPORT (9.2.2.1a) that tells the message's number; `failure` is TP-FCS.
#[must_use]
pub fn deliver_report(number: u32, failure: Option<u8>) -> Vec<u8> {
    report(0x00, failure, &[], number)
}

fn report(kind: u8, failure: Option<u8>, timestamp: &[u8], number: u32) -> Vec<u8> {
    /// TP-PI: TP-DCS and TP-UDL follow.
    const INDICATOR: u8 = 0x06;
    let mut tpdu = vec![kind];
    tpdu.extend(failure);
    tpdu.push(INDICATOR);
    tpdu.extend(timestamp);
    tpdu.extend([OCTETS, 4]);
    tpdu.extend(number.to_be_bytes());
    tpdu
}

fn header_indicator(body: &Body) -> u8 {
    if body.has_header { 0x40 } else { 0 }
}

/// An address field (9.1.2.5): its length counts digits.
fn put_address(tpdu: &mut Vec<u8>, digits: Digits) {
    let len = digits.len();
    tpdu.extend([len as u8, INTERNATIONAL]);
    let mut packed = digits.to_packed()[..len.div_ceil(2)].to_vec();
    if len % 2 == 1
        && let Some(last) = packed.last_mut()
    {
        *last |= 0xf0;
    }
    tpdu.extend(packed);
}

fn put_user_data(tpdu: &mut Vec<u8>, body: &Body) {
    tpdu.push(body.length);
    tpdu.extend(&body.octets);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpack(octets: &[u8], start: usize, count: usize) -> Vec<u8> {
        let bit = |at: usize| octets[at / 8] >> (at % 8) & 1;
        (0..count).map(|at| (0..7).map(|i| bit(start + 7 * at + i) << i).sum()).collect()
    }

    #[test]
    fn septets_are_packed_as_the_standard_does() {
        // "hellohello", the example of many handbooks.
        assert_eq!(pack(b"hellohello", 0), [0xe8, 0x32, 0x9b, 0xfd, 0x46, 0x97, 0xd9, 0xec, 0x37]);
        assert_eq!(unpack(&pack(b"abcdefgh", 49), 49, 8), b"abcdefgh");
    }

    #[test]
    fn bodies_fill_their_messages_and_tell_their_number() {
        let mut random = Random::new(5);
        for number in 0..800 {
            let body = body(&mut random, number);
            assert!(body.octets.len() <= 140, "{body:?}");
            if number % 2 == 1 {
                assert!(body.octets.len() >= 139, "{number}: as long as may be");
            }
            match body.coding {
                GSM_7_BIT => {
                    assert_eq!(body.octets.len(), (usize::from(body.length) * 7).div_ceil(8));
                    let start = if body.has_header { 49 } else { 0 };
                    let septets = unpack(&body.octets, start, usize::from(body.length) - start / 7);
                    assert_eq!(septets[..8], *format!("{number:08X}").as_bytes());
                    assert_ne!(septets.last(), Some(&ESCAPE));
                }
                UCS2 => {
                    assert_eq!(body.octets.len(), usize::from(body.length));
                    let units: Vec<u16> =
                        body.octets.chunks(2).map(|unit| u16::from_be_bytes([unit[0], unit[1]])).collect();
                    let text = String::from_utf16(&units).unwrap();
                    assert!(text.starts_with(&format!("{number:08X}")));
                }
                _ => assert_eq!(body.octets.len(), usize::from(body.length)),
            }
        }
    }

    #[test]
    fn every_octet_value_is_sent() {
        let mut random = Random::new(5);
        let mut seen = [false; 256];
        for number in 0..100 * KINDS {
            let body = body(&mut random, number);
            if body.coding == OCTETS {
                body.octets.iter().for_each(|&octet| seen[usize::from(octet)] = true);
            }
        }
        assert!(seen.into_iter().all(|seen| seen));
    }

    #[test]
    fn a_submit_report_is_known_whatever_its_timestamp() {
        for failure in [None, Some(0xc0)] {
            for timestamp in [TIMESTAMP, [0x62; 7]] {
                let report = submit_report(7, timestamp, failure);
                assert!(is_submit_report(&report, 7, failure));
                assert!(!is_submit_report(&report, 8, failure) && !is_submit_report(&report, 7, Some(0xc1)));
                assert!(!is_submit_report(&report[..9], 7, failure));
            }
        }
    }

    #[test]
    fn tpdus_stand_as_in_the_standard() {
        let body = Body { coding: OCTETS, has_header: false, length: 2, octets: vec![0xab, 0xcd] };
        let number: Digits = "49171000099".parse().unwrap();
        assert_eq!(
            submit(7, number, &body),
            [0x11, 7, 11, 0x91, 0x94, 0x71, 0x01, 0x00, 0x90, 0xf9, 0, 4, 170, 2, 0xab, 0xcd]
        );
        assert_eq!(
            deliver("4917".parse().unwrap(), &body),
            [&[0x04, 4, 0x91, 0x94, 0x71, 0, 4][..], &TIMESTAMP, &[2, 0xab, 0xcd]].concat()
        );
        assert_eq!(deliver_report(1, None), [0, 6, 4, 4, 0, 0, 0, 1]);
        assert_eq!(deliver_report(1, Some(0xd3)), [0, 0xd3, 6, 4, 4, 0, 0, 0, 1]);
        let report = [&[1, 0xc0, 6][..], &TIMESTAMP, &[4, 4, 0, 0, 0, 2]].concat();
        assert_eq!(submit_report(2, TIMESTAMP, Some(0xc0)), report);
    }
}
