//! One-octet parameters with names: TP-PID, TP-ST, TP-FCS and TP-CT (TS 23.040 9.2.3.9, 9.2.3.15, 9.2.3.22, 9.2.3.19).

use core::fmt;

/// TP-Protocol-Identifier.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct ProtocolIdentifier(pub u8);

impl ProtocolIdentifier {
    /// A plain short message between mobiles.
    pub const PLAIN: Self = Self(0x00);
    /// Short message type 0: acknowledged, then thrown away.
    pub const TYPE_0: Self = Self(0x40);
    /// Return call message.
    pub const RETURN_CALL: Self = Self(0x5f);
    /// Data download to the mobile equipment.
    pub const ME_DATA_DOWNLOAD: Self = Self(0x7d);
    /// Data download to the (U)SIM.
    pub const USIM_DATA_DOWNLOAD: Self = Self(0x7f);

    /// For "replace short message type n": n, 1 to 7.
    #[must_use]
    pub fn replaces(self) -> Option<u8> {
        matches!(self.0, 0x41..=0x47).then_some(self.0 & 7)
    }

    /// For telematic interworking (a device other than a mobile): the device's number.
    #[must_use]
    pub fn telematic_device(self) -> Option<u8> {
        (self.0 & 0xe0 == 0x20).then_some(self.0 & 0x1f)
    }
}

/// TP-Command-Type of SMS-COMMAND.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct CommandType(pub u8);

impl CommandType {
    /// Asks what became of a submitted message.
    pub const ENQUIRY: Self = Self(0);
    /// Cancels the status report of a submitted message.
    pub const CANCEL_STATUS_REPORT: Self = Self(1);
    /// Deletes a submitted message.
    pub const DELETE: Self = Self(2);
    /// Enables the status report of a submitted message.
    pub const ENABLE_STATUS_REPORT: Self = Self(3);
}

macro_rules! named {
    ($($(#[$about:meta])* $value:literal $name:ident $text:literal,)*) => {
        $($(#[$about])* pub const $name: Self = Self($value);)*

        const fn standard_name(self) -> Option<&'static str> {
            match self.0 {
                $($value => Some($text),)*
                _ => None,
            }
        }
    };
}

/// TP-Failure-Cause: why an end refuses a short message.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FailureCause(pub u8);

impl FailureCause {
    named! {
        /// The telematic device is not served.
        0x80 TELEMATIC_INTERWORKING_NOT_SUPPORTED "telematic interworking not supported",
        /// Type 0 is not served.
        0x81 TYPE_0_NOT_SUPPORTED "short message type 0 not supported",
        /// Nothing to replace, or it can't be.
        0x82 CANNOT_REPLACE "cannot replace short message",
        /// Another error of TP-PID.
        0x8f PROTOCOL_IDENTIFIER_ERROR "unspecified TP-PID error",
        /// The alphabet is not known.
        0x90 ALPHABET_NOT_SUPPORTED "data coding scheme (alphabet) not supported",
        /// The class is not known.
        0x91 CLASS_NOT_SUPPORTED "message class not supported",
        /// Another error of TP-DCS.
        0x9f CODING_SCHEME_ERROR "unspecified TP-DCS error",
        /// The command can't be done now.
        0xa0 COMMAND_CANNOT_BE_ACTIONED "command cannot be actioned",
        /// The command is not known.
        0xa1 COMMAND_UNSUPPORTED "command unsupported",
        /// Another error of TP-Command.
        0xaf COMMAND_ERROR "unspecified TP-Command error",
        /// The type of TPDU is not known.
        0xb0 TPDU_NOT_SUPPORTED "TPDU not supported",
        /// The service centre has too much to do.
        0xc0 SC_BUSY "SC busy",
        /// The sender is not the service centre's subscriber.
        0xc1 NO_SC_SUBSCRIPTION "no SC subscription",
        /// The service centre fails.
        0xc2 SC_SYSTEM_FAILURE "SC system failure",
        /// The destination address is wrong.
        0xc3 INVALID_SME_ADDRESS "invalid SME address",
        /// The destination is barred.
        0xc4 DESTINATION_SME_BARRED "destination SME barred",
        /// The message came before.
        0xc5 DUPLICATE_REJECTED "SM rejected, duplicate SM",
        /// The format of the validity period is not known.
        0xc6 VALIDITY_FORMAT_NOT_SUPPORTED "TP-VPF not supported",
        /// Validity periods are not known.
        0xc7 VALIDITY_NOT_SUPPORTED "TP-VP not supported",
        /// The (U)SIM is full.
        0xd0 USIM_STORAGE_FULL "(U)SIM SMS storage full",
        /// The (U)SIM stores no messages.
        0xd1 NO_USIM_STORAGE "no SMS storage capability in (U)SIM",
        /// The mobile fails.
        0xd2 ERROR_IN_MS "error in MS",
        /// No room.
        0xd3 MEMORY_CAPACITY_EXCEEDED "memory capacity exceeded",
        /// The toolkit is busy.
        0xd4 TOOLKIT_BUSY "(U)SIM application toolkit busy",
        /// The (U)SIM refuses the data.
        0xd5 DATA_DOWNLOAD_ERROR "(U)SIM data download error",
        /// No reason.
        0xff UNSPECIFIED "unspecified error cause",
    }

    /// The standard's name of the value, or of its range.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.standard_name().unwrap_or(match self.0 {
            0xe0..=0xfe => "application specific",
            _ => "reserved",
        })
    }
}

impl fmt::Debug for FailureCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x} ({})", self.0, self.name())
    }
}

/// TP-Status of SMS-STATUS-REPORT: what became of a submitted message.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Status(pub u8);

impl Status {
    named! {
        /// The destination has it.
        0x00 DELIVERED "received by the SME",
        /// Passed on; nobody confirms.
        0x01 FORWARDED "forwarded, delivery not confirmed",
        /// Replaced by another.
        0x02 REPLACED "replaced by the SC",
        /// Being tried.
        0x20 TRYING_CONGESTION "congestion, still trying",
        /// Being tried.
        0x21 TRYING_SME_BUSY "SME busy, still trying",
        /// Being tried.
        0x22 TRYING_NO_RESPONSE "no response from SME, still trying",
        /// Being tried.
        0x23 TRYING_SERVICE_REJECTED "service rejected, still trying",
        /// Being tried.
        0x24 TRYING_QUALITY "quality of service not available, still trying",
        /// Being tried.
        0x25 TRYING_SME_ERROR "error in SME, still trying",
        /// Given up for good.
        0x40 REMOTE_PROCEDURE_ERROR "remote procedure error",
        /// Given up for good.
        0x41 INCOMPATIBLE_DESTINATION "incompatible destination",
        /// Given up for good.
        0x42 REJECTED_BY_SME "connection rejected by SME",
        /// Given up for good.
        0x43 NOT_OBTAINABLE "not obtainable",
        /// Given up for good.
        0x44 QUALITY_NOT_AVAILABLE "quality of service not available",
        /// Given up for good.
        0x45 NO_INTERWORKING "no interworking available",
        /// Given up for good.
        0x46 EXPIRED "validity period expired",
        /// Given up for good.
        0x47 DELETED_BY_SENDER "deleted by originating SME",
        /// Given up for good.
        0x48 DELETED_BY_ADMINISTRATION "deleted by SC administration",
        /// Given up for good, or never known.
        0x49 DOES_NOT_EXIST "does not exist",
        /// Given up, though it might have worked later.
        0x60 CONGESTION "congestion, no longer trying",
        /// Given up, though it might have worked later.
        0x61 SME_BUSY "SME busy, no longer trying",
        /// Given up, though it might have worked later.
        0x62 NO_RESPONSE "no response from SME, no longer trying",
        /// Given up, though it might have worked later.
        0x63 SERVICE_REJECTED "service rejected, no longer trying",
        /// Given up, though it might have worked later.
        0x64 QUALITY "quality of service not available, no longer trying",
        /// Given up, though it might have worked later.
        0x65 SME_ERROR "error in SME, no longer trying",
    }

    /// The standard's name of the value, or of its range.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.standard_name().unwrap_or(match self.0 {
            0x10..=0x1f | 0x30..=0x3f | 0x50..=0x5f | 0x70..=0x7f => "SC specific",
            _ => "reserved",
        })
    }

    /// Whether the transaction succeeded.
    #[must_use]
    pub fn is_success(self) -> bool {
        self.0 < 0x20
    }

    /// Whether the service centre is still trying.
    #[must_use]
    pub fn is_pending(self) -> bool {
        matches!(self.0, 0x20..=0x3f)
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x} ({})", self.0, self.name())
    }
}
