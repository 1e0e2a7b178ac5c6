//! The worker: one core that polls its queues and runs every packet to completion.

mod backoff;
mod clock;
mod rings;
mod run;
mod shown;
mod streams;
mod transmit;
mod worker;

pub use backoff::{Backoff, BackoffMode};
pub use clock::Clock;
pub use rings::{ControlEnd, Internal, Rings, WorkerEnd, rings};
pub use run::{Departure, run};
pub use shown::{LOCATED, PATH_WORDS, SCTP_PATH, WHY};
pub use streams::{LONGEST, StreamCounts, StreamEnd, ThreadEnd, ToStream, stream_rings, thread_of};
pub use worker::{Worker, WorkerCounts};
