//! Writes TPDUs, in front of what the writer already holds. What exceeds its limit marks the writer as overflowed.

use super::view::{flag, indicator, limit};
use super::{
    Command, Deliver, DeliverReport, Parameters, StatusReport, Submit, SubmitReport, Timestamp, Tpdu,
    UserData, Validity,
};
use crate::codec::Prepend;

const fn when(condition: bool, bits: u8) -> u8 {
    if condition { bits } else { 0 }
}

impl Tpdu<'_> {
    /// Puts the TPDU in front.
    pub fn write(&self, writer: &mut Prepend<'_>) {
        match self {
            Self::Deliver(tpdu) => tpdu.write(writer),
            Self::DeliverReport(tpdu) => tpdu.write(writer),
            Self::Submit(tpdu) => tpdu.write(writer),
            Self::SubmitReport(tpdu) => tpdu.write(writer),
            Self::StatusReport(tpdu) => tpdu.write(writer),
            Self::Command(tpdu) => tpdu.write(writer),
        }
    }
}

fn header_flag(user_data: &UserData<'_>) -> u8 {
    when(user_data.has_header(), flag::HEADER)
}

impl Deliver<'_> {
    /// Puts the TPDU in front.
    pub fn write(&self, writer: &mut Prepend<'_>) {
        self.user_data.write(writer, UserData::MAX);
        writer.bytes(&self.timestamp.0);
        writer.bytes(&[self.protocol.0, self.user_data.coding().0]);
        self.originator.write(writer);
        writer.u8(header_flag(&self.user_data)
            | when(!self.more_messages, flag::NO_MORE_MESSAGES)
            | when(self.loop_prevention, flag::LOOP_PREVENTION)
            | when(self.status_report, flag::STATUS_REPORT)
            | when(self.reply_path, flag::REPLY_PATH));
    }
}

impl Submit<'_> {
    /// Puts the TPDU in front.
    pub fn write(&self, writer: &mut Prepend<'_>) {
        self.user_data.write(writer, UserData::MAX);
        let format = match self.validity {
            Validity::None => 0,
            Validity::Relative(value) => {
                writer.u8(value);
                0x10
            }
            Validity::Enhanced(octets) => {
                writer.bytes(&octets);
                0x08
            }
            Validity::Absolute(Timestamp(octets)) => {
                writer.bytes(&octets);
                0x18
            }
        };
        writer.bytes(&[self.protocol.0, self.user_data.coding().0]);
        self.destination.write(writer);
        writer.u8(self.reference);
        writer.u8(0x01
            | header_flag(&self.user_data)
            | format
            | when(self.reject_duplicates, flag::REJECT_DUPLICATES)
            | when(self.status_report, flag::STATUS_REPORT)
            | when(self.reply_path, flag::REPLY_PATH));
    }
}

impl Parameters<'_> {
    /// Writes the parameters themselves. User data whose coding is not the one announced can't be read again.
    fn write(&self, writer: &mut Prepend<'_>, most: usize) {
        if let Some(user_data) = &self.user_data {
            if user_data.coding() != self.coding.unwrap_or_default() {
                writer.fail();
            }
            user_data.write(writer, most);
        }
        if let Some(coding) = self.coding {
            writer.u8(coding.0);
        }
        if let Some(protocol) = self.protocol {
            writer.u8(protocol.0);
        }
    }

    fn indicator(&self) -> u8 {
        when(self.protocol.is_some(), indicator::PROTOCOL)
            | when(self.coding.is_some(), indicator::CODING)
            | when(self.user_data.is_some(), indicator::USER_DATA)
    }

    fn header_flag(&self) -> u8 {
        self.user_data.as_ref().map_or(0, header_flag)
    }
}

impl DeliverReport<'_> {
    /// Puts the TPDU in front.
    pub fn write(&self, writer: &mut Prepend<'_>) {
        self.parameters.write(writer, limit::DELIVER_REPORT);
        writer.u8(self.parameters.indicator());
        if let Some(failure) = self.failure {
            writer.u8(failure.0);
        }
        writer.u8(self.parameters.header_flag());
    }
}

impl SubmitReport<'_> {
    /// Puts the TPDU in front.
    pub fn write(&self, writer: &mut Prepend<'_>) {
        self.parameters.write(writer, limit::SUBMIT_REPORT);
        writer.bytes(&self.timestamp.0);
        writer.u8(self.parameters.indicator());
        if let Some(failure) = self.failure {
            writer.u8(failure.0);
        }
        writer.u8(0x01 | self.parameters.header_flag());
    }
}

impl StatusReport<'_> {
    /// Puts the TPDU in front.
    pub fn write(&self, writer: &mut Prepend<'_>) {
        self.parameters.write(writer, limit::STATUS_REPORT);
        if self.parameters.indicator() != 0 {
            writer.u8(self.parameters.indicator());
        }
        writer.u8(self.status.0);
        writer.bytes(&self.discharge.0);
        writer.bytes(&self.timestamp.0);
        self.recipient.write(writer);
        writer.u8(self.reference);
        writer.u8(0x02
            | self.parameters.header_flag()
            | when(!self.more_messages, flag::NO_MORE_MESSAGES)
            | when(self.loop_prevention, flag::LOOP_PREVENTION)
            | when(self.for_command, flag::STATUS_REPORT));
    }
}

impl Command<'_> {
    /// Puts the TPDU in front.
    pub fn write(&self, writer: &mut Prepend<'_>) {
        if self.data.len() > limit::COMMAND {
            writer.fail();
        }
        writer.bytes(self.data);
        writer.u8(self.data.len() as u8);
        self.destination.write(writer);
        writer.bytes(&[self.reference, self.protocol.0, self.command.0, self.number]);
        writer.u8(0x02 | when(self.status_report, flag::STATUS_REPORT) | when(self.has_header, flag::HEADER));
    }
}
