//! MTP3 User Adaptation (RFC 4666).
