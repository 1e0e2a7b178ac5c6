//! Writes RPDUs, in front of what the writer already holds.

use super::{Ack, Data, Direction, ErrorReport, IEI_USER_DATA, MAX_USER_DATA, RpAddress, Rpdu};
use crate::codec::Prepend;

impl Rpdu<'_> {
    /// Puts the RPDU in front. What can't be written (user data that is empty or too long, RP-SMMA towards the MS) marks the
    /// writer as overflowed.
    pub fn write(&self, direction: Direction, writer: &mut Prepend<'_>) {
        let to_ms = u8::from(direction == Direction::NetworkToMs);
        match *self {
            Self::Data(Data { reference, originator, destination, user_data }) => {
                length_value(writer, user_data, 1);
                address(writer, destination);
                address(writer, originator);
                head(writer, to_ms, reference);
            }
            Self::Ack(Ack { reference, user_data }) => {
                report_data(writer, user_data);
                head(writer, 2 | to_ms, reference);
            }
            Self::Error(ErrorReport { reference, cause, diagnostic, user_data }) => {
                report_data(writer, user_data);
                match diagnostic {
                    None => writer.bytes(&[1, cause.0 & 0x7f]),
                    Some(diagnostic) => writer.bytes(&[2, cause.0 & 0x7f, diagnostic]),
                }
                head(writer, 4 | to_ms, reference);
            }
            Self::Smma { reference } => {
                if to_ms != 0 {
                    writer.fail();
                }
                head(writer, 6, reference);
            }
        }
    }
}

fn head(writer: &mut Prepend<'_>, indicator: u8, reference: u8) {
    writer.bytes(&[indicator, reference]);
}

fn length_value(writer: &mut Prepend<'_>, value: &[u8], least: usize) {
    if !(least..=MAX_USER_DATA).contains(&value.len()) {
        writer.fail();
    }
    writer.bytes(value);
    writer.u8(value.len() as u8);
}

fn address(writer: &mut Prepend<'_>, address: Option<RpAddress>) {
    length_value(writer, address.as_ref().map_or(&[][..], RpAddress::octets), 0);
}

fn report_data(writer: &mut Prepend<'_>, user_data: Option<&[u8]>) {
    if let Some(user_data) = user_data {
        length_value(writer, user_data, 1);
        writer.u8(IEI_USER_DATA);
    }
}
