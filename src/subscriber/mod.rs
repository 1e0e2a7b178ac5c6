//! The subscriber table: who is registered, from where and until when, by IMSI, MSISDN, public identity and address.
//!
//! It is the only state that two workers touch. Each worker has a [`Reader`], which takes no lock; the control thread
//! has the one [`Writer`]. A record never changes once published: a change publishes another one, to which the indexes lead
//! from then on, and the old one's place is used again when every reader has passed a quiescent point. What workers do
//! change are the atomic words of a [`Subscriber`]: expiries, MT in progress with its RP-MR, and the last MO; and who waits
//! for a registration that waits for the HLR ([`joining`]).
//!
//! All of it is words that change atomically ([`memory`], [`store`]): a record is a cache line with the numbers and the
//! first binding's expiry, and cells of octets for the rest ([`draft`]), where texts that follow from the numbers are
//! templates ([`template`]).

mod draft;
mod image;
mod index;
mod joining;
mod loading;
mod memory;
mod published;
mod reclaim;
mod record;
mod store;
mod sync;
mod table;
mod template;
#[cfg(test)]
mod tests;
mod words;
mod writer;

pub use image::{Image, Scratch};
pub use loading::Loading;
pub use memory::PageSize;
pub use published::{Each, Published};
pub use record::{AccessKind, AccessNetworkInfo, Binding, Record, SubscriberId};
pub use table::{Key, Reader, Subscriber, Table};
pub use words::{Holder, LastMo};
pub use writer::{Refused, TableConfig, TableCounts, Writer, table};
