//! The longest prefix of a number among many, made at start: one cache line for each digit looked at.

use crate::ident::Digits;

/// A node: where each digit leads, and in the last place, which no digit has, what a prefix that ends here is worth. Zero is
/// nothing, of either.
type Node = [u32; 16];

const VALUE: usize = 15;

/// Two values for one prefix.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Twice;

/// Values by prefix of a number. Only the first 15 digits of prefixes and numbers count, as many as E.164 and E.212 have.
#[derive(Clone, Debug)]
pub(super) struct Prefixes {
    nodes: Vec<Node>,
}

impl Prefixes {
    /// How many digits of a number count.
    const LONGEST: usize = 15;

    pub(super) fn new() -> Self {
        Self { nodes: vec![[0; 16]] }
    }

    /// Gives a prefix a value other than 0.
    pub(super) fn insert(&mut self, prefix: Digits, value: u32) -> Result<(), Twice> {
        let mut at = 0;
        for digit in prefix.iter().take(Self::LONGEST) {
            let next = self.nodes.len() as u32;
            let place = self.nodes.get_mut(at).and_then(|node| node.get_mut(usize::from(digit)));
            let Some(place) = place else { return Err(Twice) };
            let is_new = *place == 0;
            if is_new {
                *place = next;
            }
            at = *place as usize;
            if is_new {
                self.nodes.push([0; 16]);
            }
        }
        match self.nodes.get_mut(at).map(|[.., place]| place) {
            Some(place) if *place == 0 || *place == value => *place = value,
            _ => return Err(Twice),
        }
        Ok(())
    }

    /// The value of the longest prefix of a number; 0 if it begins with none.
    #[inline]
    pub(super) fn find(&self, number: Digits) -> u32 {
        let mut rest = number.to_u128() as u64;
        let (mut at, mut best) = (0, 0);
        for _ in 0..number.len().min(Self::LONGEST) {
            let Some(node) = self.nodes.get(at as usize) else { return best };
            let [.., value] = *node;
            best = if value == 0 { best } else { value };
            at = node.get((rest & 0xf) as usize).copied().unwrap_or(0);
            if at == 0 {
                return best;
            }
            rest >>= 4;
        }
        match self.nodes.get(at as usize).map(|node| node.get(VALUE)) {
            Some(Some(&value)) if value != 0 => value,
            _ => best,
        }
    }
}
