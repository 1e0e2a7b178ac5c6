//! RP-Cause (TS 24.011 8.2.5.4).

use super::Direction;
use core::fmt;

/// A value of RP-Cause, 0 to 127.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cause(pub u8);

macro_rules! causes {
    ($($(#[$about:meta])* $name:ident = $value:literal $text:literal,)*) => {
        impl Cause {
            $($(#[$about])* pub const $name: Self = Self($value);)*

            /// The standard's name of the value, if it has one.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some($text),)*
                    _ => None,
                }
            }
        }
    };
}

causes! {
    /// The number is not assigned (unknown service centre).
    UNASSIGNED = 1 "unassigned (unallocated) number",
    /// Barred by the operator.
    OPERATOR_DETERMINED_BARRING = 8 "operator determined barring",
    /// Barred by call barring.
    CALL_BARRED = 10 "call barred",
    /// Reserved.
    RESERVED = 11 "reserved",
    /// The service centre or the network rejects it.
    TRANSFER_REJECTED = 21 "short message transfer rejected",
    /// The MS has no room; it will send RP-SMMA when it has.
    MEMORY_CAPACITY_EXCEEDED = 22 "memory capacity exceeded",
    /// The destination can't be reached.
    DESTINATION_OUT_OF_ORDER = 27 "destination out of order",
    /// The subscriber is not identified.
    UNIDENTIFIED_SUBSCRIBER = 28 "unidentified subscriber",
    /// The network can't provide the facility.
    FACILITY_REJECTED = 29 "facility rejected",
    /// The subscriber is not known to the HLR.
    UNKNOWN_SUBSCRIBER = 30 "unknown subscriber",
    /// The network fails and will for a while.
    NETWORK_OUT_OF_ORDER = 38 "network out of order",
    /// The network fails and won't for long.
    TEMPORARY_FAILURE = 41 "temporary failure",
    /// Too much traffic.
    CONGESTION = 42 "congestion",
    /// Something needed is not available.
    RESOURCES_UNAVAILABLE = 47 "resources unavailable, unspecified",
    /// Not subscribed.
    NOT_SUBSCRIBED = 50 "requested facility not subscribed",
    /// Not implemented.
    NOT_IMPLEMENTED = 69 "requested facility not implemented",
    /// The RP-MR fits no message.
    INVALID_REFERENCE = 81 "invalid short message transfer reference value",
    /// Semantically incorrect.
    SEMANTICALLY_INCORRECT = 95 "semantically incorrect message",
    /// A mandatory element is missing or wrong.
    INVALID_MANDATORY_INFORMATION = 96 "invalid mandatory information",
    /// No such message type.
    UNKNOWN_MESSAGE_TYPE = 97 "message type non-existent or not implemented",
    /// The message doesn't fit the state.
    INCOMPATIBLE_WITH_STATE = 98 "message not compatible with short message protocol state",
    /// No such element.
    UNKNOWN_ELEMENT = 99 "information element non-existent or not implemented",
    /// Another protocol error.
    PROTOCOL_ERROR = 111 "protocol error, unspecified",
    /// Something behind the network fails.
    INTERWORKING = 127 "interworking, unspecified",
}

impl Cause {
    /// What a received value means: an unknown one counts as temporary failure from the network, and as unspecified
    /// protocol error from the MS, where interworking is unknown too (TS 24.011 8.2.5.4).
    #[must_use]
    pub const fn read_as(self, direction: Direction) -> Self {
        match (direction, self.name()) {
            (Direction::MsToNetwork, Some(_))
                if self.0 == Self::MEMORY_CAPACITY_EXCEEDED.0 || self.is_protocol_error() =>
            {
                self
            }
            (Direction::MsToNetwork, _) => Self::PROTOCOL_ERROR,
            (Direction::NetworkToMs, Some(_)) if self.0 != Self::MEMORY_CAPACITY_EXCEEDED.0 => self,
            (Direction::NetworkToMs, _) => Self::TEMPORARY_FAILURE,
        }
    }

    const fn is_protocol_error(self) -> bool {
        matches!(self.0, 81 | 95..=99 | 111)
    }

    /// As an answer to RP-SMMA: whether the MS may try again (TS 24.011 8.2.5.4, the column of temporary causes).
    #[must_use]
    pub const fn is_temporary_for_smma(self) -> bool {
        matches!(self.0, 38 | 41 | 42 | 47)
    }
}

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.0, self.name().unwrap_or("unknown"))
    }
}
