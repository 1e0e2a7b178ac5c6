//! Rules by themselves: tables against a naive search, the matrices of who may ask for what, rates by the clock.
mod matrices;
mod tables;
