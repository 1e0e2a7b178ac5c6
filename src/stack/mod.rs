//! Composes the protocols: the IMS side (link, SIP, RP) and the SS7 side (link, SCTP, M3UA, SCCP, TCAP, MAP).
