//! Prefixes and buckets.

use super::super::only_invoke;
use super::super::prefixes::{Prefixes, Twice};
use super::super::rates::{Rate, Rates};
use crate::base::{SipKey, Time};
use crate::ident::Digits;
use crate::proto::tcap::{Code, Component, Components};
use core::time::Duration;

fn digits(text: &str) -> Digits {
    text.parse().unwrap()
}

struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) % limit
    }

    /// Digits from a small alphabet, so that prefixes lie inside one another.
    fn digits(&mut self, longest: u64, alphabet: u64) -> Digits {
        let length = self.below(longest + 1);
        (0..length).fold(Digits::EMPTY, |digits, _| digits.with(self.below(alphabet) as u8).unwrap())
    }
}

#[test]
fn the_longest_prefix_is_that_of_a_naive_search() {
    let mut random = Random(6);
    for round in 0..400 {
        let (mut table, mut list) = (Prefixes::new(), Vec::<(Digits, u32)>::new());
        let alphabet = 2 + round % 9;
        for value in 1..=1 + random.below(120) as u32 {
            let prefix = random.digits(15, alphabet);
            let known = list.iter().find(|(other, _)| *other == prefix);
            let inserted = table.insert(prefix, value);
            assert_eq!(inserted, if known.is_some() { Err(Twice) } else { Ok(()) });
            if inserted.is_ok() {
                list.push((prefix, value));
            }
        }
        for _ in 0..200 {
            // Digits above 9 begin nothing, and numbers may be longer than any prefix.
            let number = match random.below(4) {
                0 => random.digits(30, 15),
                1 => list[random.below(list.len() as u64) as usize].0,
                _ => random.digits(20, alphabet),
            };
            let naive = list.iter().filter(|(prefix, _)| number.starts_with(*prefix));
            let longest = naive.max_by_key(|(prefix, _)| prefix.len()).map_or(0, |(_, value)| *value);
            assert_eq!(table.find(number), longest, "{number} among {list:?}");
        }
    }
}

#[test]
fn one_value_may_be_given_twice_and_two_may_not() {
    let mut table = Prefixes::new();
    assert_eq!(table.find(digits("4917")), 0);
    assert_eq!(table.insert(digits("49"), 1), Ok(()));
    assert_eq!(table.insert(digits("49"), 1), Ok(()));
    assert_eq!(table.insert(digits("49"), 2), Err(Twice));
    assert_eq!(table.insert(Digits::EMPTY, 3), Ok(()));
    assert_eq!((table.find(digits("4917")), table.find(digits("1")), table.find(Digits::EMPTY)), (1, 3, 3));
}

fn rates(entries: u32) -> Rates {
    Rates::new(SipKey::new([5; 16]), entries)
}

/// Takes until nothing is there.
fn drain(rates: &mut Rates, now: Time, mark: u64, rate: Rate) -> u32 {
    (0..).take_while(|_| rates.take(now, mark, rate)).count() as u32
}

#[test]
fn so_many_at_once_and_so_many_a_second() {
    let (mut rates, rate) = (rates(64), Rate::new(10, 25).unwrap());
    let (one, other) = (rates.mark([1, 0]), rates.mark([2, 0]));
    let mut now = Time::from_millis(1);
    assert_eq!(drain(&mut rates, now, one, rate), 25);
    assert_eq!(drain(&mut rates, now, other, rate), 25, "another's bucket is its own");
    now += Duration::from_millis(99);
    assert_eq!(drain(&mut rates, now, one, rate), 0);
    now += Duration::from_millis(1);
    assert_eq!(drain(&mut rates, now, one, rate), 1, "a tenth of a second");
    now += Duration::from_secs(1);
    assert_eq!(drain(&mut rates, now, one, rate), 10);
    now += Duration::from_secs(3600);
    assert_eq!(drain(&mut rates, now, one, rate), 25, "no more than a bucket holds");
    assert_eq!(Rate::new(0, 25), None, "nothing is limited");
    let single = Rate::new(1, 0).unwrap();
    let third = rates.mark([3, 0]);
    assert_eq!(drain(&mut rates, now, third, single), 1);
}

#[test]
fn many_names_win_no_more_than_one() {
    let (mut rates, rate) = (rates(64), Rate::new(10, 20).unwrap());
    let mut now = Time::from_millis(1);
    let faithful = rates.mark([7, 7]);
    assert!(rates.take(now, faithful, rate));
    // A stranger with a name for each message: the places are used up, then all of its names share one bucket.
    let mut passed = 0;
    for name in 0..100_000u64 {
        passed += u64::from(rates.take(now, rates.mark([name, 99]), rate));
    }
    assert!(passed <= 64 + 20, "{passed}");
    assert_eq!(rates.shared_count, 100_000 - (passed - 20));
    assert_eq!(drain(&mut rates, now, faithful, rate), 19, "who was there before is not touched");
    // The places are free as soon as their buckets are full again.
    now += Duration::from_secs(2);
    let shared = rates.shared_count;
    assert!(rates.take(now, rates.mark([1_000_000, 99]), rate));
    assert_eq!(rates.shared_count, shared);
}

/// What is taken for the only Invoke is what TCAP reads, or TCAP refuses the component.
#[test]
fn the_only_invoke_is_the_one_that_tcap_reads() {
    let mut random = Random(8);
    let mut found = 0;
    for _ in 0..20_000 {
        let argument: Vec<u8> = (0..random.below(200)).map(|_| random.below(256) as u8).collect();
        let length = argument.len();
        let mut element = vec![0x04, 0x81, length as u8];
        element.extend(&argument);
        let contents =
            [&[2, 1, random.below(256) as u8, 2, 1, random.below(256) as u8][..], &element].concat();
        let mut octets = match contents.len() {
            short @ ..=0x7f => [&[0xa1, short as u8][..], &contents].concat(),
            long => [&[0xa1, 0x81, long as u8][..], &contents].concat(),
        };
        if random.below(2) == 0 {
            let at = random.below(8.min(octets.len() as u64)) as usize;
            octets[at] ^= 1 << random.below(8);
        }
        let Some((one, code, rest)) = only_invoke(&octets) else { continue };
        found += 1;
        let all: Vec<_> = Components::new(&octets).collect();
        match all[..] {
            [Component::Invoke { id, linked: None, opcode, argument }] => {
                assert_eq!((id, opcode, argument), (one, Code::Local(code), rest));
            }
            [Component::Malformed { .. }] => {}
            ref other => panic!("{octets:02x?}: {other:?}"),
        }
    }
    assert!(found > 1_000, "{found}");
}
