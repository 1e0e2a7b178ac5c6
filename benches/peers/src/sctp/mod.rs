//! SCTP of others: two endpoints each, in memory, on one thread.

mod dcsctp;
mod sctp_proto;
mod usrsctp;

use crate::measure::Figures;

pub fn messages(figures: &mut Figures) {
    usrsctp::messages(figures);
    dcsctp::messages(figures, "dcsctp", "as shipped: each packet is formatted for a log that is off");
    sctp_proto::messages(figures);
}
