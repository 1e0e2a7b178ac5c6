//! `[network.numbers]`: how a network's users spell numbers.

use crate::ident::Digits;
use serde::Deserialize;

/// `[network.numbers]`: which international number it is that is spelt otherwise.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Numbers {
    /// The country code of national numbers. Default: that of `gateway_title`.
    pub country_code: Digits,
    /// What stands before a national number whose type is unknown, as in `"0"`. Default none: there is no such number.
    pub national_prefix: Digits,
    /// What stands before an international number whose type is unknown. Default `"00"`.
    pub international_prefix: Digits,
    /// How a service centre's number goes out in SM-RP-DA. Default `"as_it_came"`.
    pub service_centre: NumberForm,
    /// Numbers with rules of their own, which come before these; the longest prefix wins, the first of equals.
    pub rule: Vec<NumberRule>,
}

/// In which form a number goes out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumberForm {
    /// With the type and the digits that it came with.
    AsItCame,
    /// International.
    International,
}

/// `[[network.numbers.rule]]`: numbers that begin alike.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NumberRule {
    /// Their type. Default: any.
    #[serde(rename = "type")]
    pub kind: Option<NumberType>,
    /// How they begin; `""` is any.
    pub prefix: Digits,
    /// How many of the prefix's digits go. Default 0.
    #[serde(default)]
    pub strip: u8,
    /// Digits that come in their place, so that the number is international. Default none.
    #[serde(default)]
    pub add: Digits,
}

/// A type of number (TS 24.008 table 10.5.118).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum NumberType {
    /// Not known.
    Unknown,
    /// With country code.
    International,
    /// Without.
    National,
    /// Of the network itself.
    NetworkSpecific,
    /// Without an area's code.
    Subscriber,
    /// Short.
    Abbreviated,
}
