//! The subscriber table: who is registered, from where and until when, by IMSI, MSISDN, public identity and address.
//!
//! It is the only state that two workers touch. Each worker has a [`Reader`], which takes no lock; the control thread
//! has the one [`Writer`]. A [`Record`] never changes once published: a change publishes another one by swapping a
//! pointer, and the old one is freed when every reader has passed a quiescent point. What workers do change are the
//! atomic words of a [`Subscriber`]: expiries, MT in progress with its RP-MR, and the last MO; and who waits for a
//! registration that waits for the HLR ([`joining`]).

mod index;
mod joining;
mod loading;
mod reclaim;
mod record;
mod table;
#[cfg(test)]
mod tests;
mod words;
mod writer;

pub use loading::Loading;
pub use record::{AccessKind, AccessNetworkInfo, Binding, Record, SubscriberId};
pub use table::{Reader, Subscriber, Table};
pub use words::{Holder, LastMo};
pub use writer::{Refused, TableConfig, TableCounts, Writer, table};
