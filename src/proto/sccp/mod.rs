//! Signalling Connection Control Part (ITU-T Q.711 to Q.714), connectionless.
