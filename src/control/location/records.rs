//! What is asked of DNS, and what it answers, as server location needs it.

use std::fmt;
use std::net::IpAddr;

/// What kind of record is asked for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Kind {
    /// Naming authority pointers (RFC 3403): which transports a domain has.
    Naptr,
    /// Servers of a service (RFC 2782).
    Srv,
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
}

/// A question: records of one kind at one name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Question {
    /// The name, in small letters and without the last dot.
    pub(super) name: String,
    /// Of what kind.
    pub(super) kind: Kind,
}

impl Question {
    /// The question for records of that kind at `name`, however it is written.
    pub(super) fn new(name: &str, kind: Kind) -> Self {
        Self { name: name.trim_end_matches('.').to_ascii_lowercase(), kind }
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Naptr => "NAPTR",
            Kind::Srv => "SRV",
            Kind::A => "A",
            Kind::Aaaa => "AAAA",
        };
        write!(f, "{} {kind}", self.name)
    }
}

/// A record of an answer.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Record {
    /// A naming authority pointer.
    Naptr {
        /// The lowest goes first.
        order: u16,
        /// Of one order, the lowest is preferred.
        preference: u16,
        /// What is done with the replacement: `s` has it looked up as SRV.
        flags: String,
        /// Which service, as in `SIP+D2U`.
        service: String,
        /// Whether it has a regular expression, which SIP has no use for.
        has_regexp: bool,
        /// The name that goes on.
        replacement: String,
    },
    /// A server.
    Srv {
        /// The lowest goes first.
        priority: u16,
        /// Of one priority, how much of the load it gets beside the others.
        weight: u16,
        /// Where it listens.
        port: u16,
        /// Its host; the root if there is decidedly no such service.
        target: String,
    },
    /// An address.
    Address(IpAddr),
}

/// What is known about a question.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Answer {
    /// The records; never none.
    Records(Vec<Record>),
    /// There is none: DNS says so.
    Nothing,
    /// Nobody could say.
    Failed,
}
