//! Session Initiation Protocol (RFC 3261, RFC 3428) over UDP.
