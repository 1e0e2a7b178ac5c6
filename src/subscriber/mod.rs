//! The subscriber table: bindings by IMSI, MSISDN, public identity and IP address.
