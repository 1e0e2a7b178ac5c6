//! The short message relay layer, SM-RP (TS 24.011).
