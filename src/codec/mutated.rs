//! What a message becomes when something is wrong with it, for tests that compare two readers.

use crate::base::Random;

/// Gives `each` the message itself, cut off at every octet, with octets behind it, with every octet made every other one,
/// and with some octets at a time changed, taken out or put in by chance.
pub(crate) fn mutated(message: &[u8], seed: u64, each: &mut dyn FnMut(&[u8])) {
    for end in 0..=message.len() {
        each(&message[..end]);
    }
    for behind in [&[0][..], &[0xff], &[0, 0], &[4, 0], &[4, 1, 7]] {
        each(&[message, behind].concat());
    }
    let mut changed = message.to_vec();
    for at in 0..message.len() {
        for octet in 0..=u8::MAX {
            changed[at] = octet;
            each(&changed);
        }
        changed[at] = message[at];
    }
    let mut random = Random::new(seed);
    for _ in 0..20_000 {
        let mut changed = message.to_vec();
        for _ in 0..=random.below(3) {
            let at = random.below(changed.len() as u64) as usize;
            // Near what stands there more often than anything, since lengths are the ones that matter.
            let octet = match random.below(3) {
                0 => random.bits() as u8,
                1 => changed[at].wrapping_add(1),
                _ => changed[at].wrapping_sub(1),
            };
            match random.below(4) {
                0 => changed.insert(at, octet),
                1 if changed.len() > 1 => drop(changed.remove(at)),
                _ => changed[at] = octet,
            }
        }
        each(&changed);
    }
}
