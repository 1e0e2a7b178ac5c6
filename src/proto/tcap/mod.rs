//! Transaction Capabilities (ITU-T Q.771 to Q.775).
