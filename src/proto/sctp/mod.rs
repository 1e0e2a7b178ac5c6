//! Stream Control Transmission Protocol (RFC 9260).
