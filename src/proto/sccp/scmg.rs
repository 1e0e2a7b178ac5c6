//! SCCP management messages (Q.713 5.3).

use super::MTP3_LIMIT;
use super::build::{self, TooLong, UnitdataHeader};
use crate::codec::{Prepend, Reader};
use crate::ident::{PointCode, SccpAddress, Ssn};

/// What a management message says of a subsystem.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum ScmgType {
    /// SSA: it is allowed.
    Allowed = 1,
    /// SSP: it is prohibited.
    Prohibited = 2,
    /// SST: is it allowed?
    StatusTest = 3,
    /// SOR: may it go out of service?
    OutOfServiceRequest = 4,
    /// SOG: it may.
    OutOfServiceGrant = 5,
    /// SSC: its SCCP is congested.
    Congested = 6,
}

/// A management message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Scmg {
    /// What it says.
    pub message_type: ScmgType,
    /// Of which subsystem.
    pub ssn: Ssn,
    /// At which point.
    pub point_code: PointCode,
    /// Subsystem multiplicity indicator: 0 is unknown.
    pub multiplicity: u8,
    /// Congestion level of SSC, 1 to 8.
    pub congestion: Option<u8>,
}

impl Scmg {
    /// From the data of a unitdata message to subsystem 1.
    pub(super) fn parse(data: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(data);
        let [message_type, ssn, low, high, multiplicity] = reader.array()?;
        let message_type = match message_type {
            1 => ScmgType::Allowed,
            2 => ScmgType::Prohibited,
            3 => ScmgType::StatusTest,
            4 => ScmgType::OutOfServiceRequest,
            5 => ScmgType::OutOfServiceGrant,
            6 => ScmgType::Congested,
            _ => return None,
        };
        let congestion = if message_type == ScmgType::Congested { Some(reader.u8()? & 0xf) } else { None };
        Some(Self {
            message_type,
            ssn: Ssn(ssn),
            point_code: PointCode(u32::from(high & 0x3f) << 8 | u32::from(low)),
            multiplicity: multiplicity & 3,
            congestion,
        })
    }

    /// Writes the UDT message, class 0, from management to management.
    pub fn write(&self, writer: &mut Prepend<'_>) -> Result<(), TooLong> {
        const MANAGEMENT: SccpAddress = SccpAddress::on_ssn(None, Some(Ssn::SCMG));
        let mark = writer.len();
        if let Some(level) = self.congestion {
            writer.u8(level);
        }
        let PointCode(point_code) = self.point_code;
        let [low, high] = [point_code as u8, (point_code >> 8) as u8 & 0x3f];
        writer.bytes(&[self.message_type as u8, self.ssn.0, low, high, self.multiplicity]);
        let header =
            UnitdataHeader { class: 0, return_on_error: false, called: &MANAGEMENT, calling: &MANAGEMENT };
        build::udt(writer, mark, &header, MTP3_LIMIT)
    }
}
