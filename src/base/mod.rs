//! What the standard library lacks: virtual time, timers, fixed slabs, rings, counters, transmit buffers and random numbers by a seed.

mod bell;
mod count;
mod inline;
mod malformed;
mod out;
mod permutation;
pub mod publish;
mod random;
mod ring;
mod siphash;
mod slab;
mod time;
mod wheel;

pub use bell::Bell;
pub use count::{Counts, counts};
pub use inline::Inline;
pub use malformed::{Layer, Malformed, MalformedCounts};
pub use out::{Connection, ConnectionId, Flow, Frames, HEADROOM, Out, PortId, Transport};
pub use permutation::Permutation;
pub use random::Random;
pub use ring::{Consumer, Producer, ring};
pub use siphash::SipKey;
pub use slab::{Key, Slab};
pub use time::Time;
pub use wheel::{TimerId, Wheel};
