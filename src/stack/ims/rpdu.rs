//! SM-RP messages as the application sees them, and back.

use crate::codec::Prepend;
use crate::proto::rp::{Ack, Cause, Data, Direction, ErrorReport, RpAddress, Rpdu, answer};
use crate::proto::tpdu::{FailureCause, Parameters, SubmitReport, Timestamp};
use crate::stack::{Rp, Side};

/// Which way what we receive goes.
const fn received(side: Side) -> Direction {
    match side {
        Side::Network => Direction::MsToNetwork,
        Side::Mobile => Direction::NetworkToMs,
    }
}

/// An SM-RP message that was received.
pub(super) struct Read<'a> {
    pub(super) rp: Rp<'a>,
    /// A report of which only part could be read.
    pub(super) repaired: bool,
}

/// The SM-RP message in a body; `None` if it is not even answered by one.
pub(super) fn read(side: Side, body: &[u8]) -> Option<Read<'_>> {
    let plain = |rp| Read { rp, repaired: false };
    match Rpdu::parse(body, received(side)) {
        Ok(rpdu) => Some(plain(message(side, rpdu))),
        Err(why) => match Rpdu::salvage(body, received(side)) {
            Some(rpdu) => Some(Read { repaired: true, ..plain(message(side, rpdu)) }),
            None => {
                answer(body, why).map(|(reference, cause)| plain(Rp::Faulty { reference, cause: cause.0 }))
            }
        },
    }
}

fn message(side: Side, rpdu: Rpdu<'_>) -> Rp<'_> {
    match rpdu {
        Rpdu::Data(Data { reference, destination, user_data, .. }) if side == Side::Network => Rp::Submit {
            reference,
            service_centre: destination.and_then(|address| address.number()),
            tpdu: user_data,
        },
        Rpdu::Data(Data { reference, originator, user_data, .. }) => Rp::Deliver {
            reference,
            service_centre: originator.and_then(|address| address.number()),
            tpdu: user_data,
        },
        Rpdu::Ack(Ack { reference, user_data }) => Rp::Ack { reference, tpdu: user_data },
        Rpdu::Error(ErrorReport { reference, cause, user_data, .. }) => {
            Rp::Error { reference, cause: cause.0, tpdu: user_data }
        }
        Rpdu::Smma { reference } => Rp::MemoryAvailable { reference },
    }
}

/// An SMS-SUBMIT-REPORT that says no more than why the short message was not taken (TP-FCS), and when.
#[must_use]
pub fn submit_report(failure: u8, since_1970: u64) -> [u8; 10] {
    let report = SubmitReport {
        failure: Some(FailureCause(failure)),
        timestamp: Timestamp::from_unix(since_1970, 0),
        parameters: Parameters::default(),
    };
    let mut octets = [0; 10];
    report.write(&mut Prepend::new(&mut octets));
    octets
}

/// Writes an SM-RP message of ours.
pub(super) fn write(side: Side, rp: &Rp<'_>, w: &mut Prepend<'_>) {
    let address = |number: Option<_>| number.and_then(RpAddress::of);
    let rpdu = match *rp {
        Rp::Submit { reference, service_centre, tpdu } => Rpdu::Data(Data {
            reference,
            originator: None,
            destination: address(service_centre),
            user_data: tpdu,
        }),
        Rp::Deliver { reference, service_centre, tpdu } => Rpdu::Data(Data {
            reference,
            originator: address(service_centre),
            destination: None,
            user_data: tpdu,
        }),
        Rp::Ack { reference, tpdu } => Rpdu::Ack(Ack { reference, user_data: tpdu }),
        Rp::Error { reference, cause, tpdu } => {
            Rpdu::Error(ErrorReport { reference, cause: Cause(cause), diagnostic: None, user_data: tpdu })
        }
        Rp::Faulty { reference, cause } => {
            Rpdu::Error(ErrorReport { reference, cause: Cause(cause), diagnostic: None, user_data: None })
        }
        Rp::MemoryAvailable { reference } => Rpdu::Smma { reference },
    };
    let direction = match side {
        Side::Network => Direction::NetworkToMs,
        Side::Mobile => Direction::MsToNetwork,
    };
    rpdu.write(direction, w);
}
