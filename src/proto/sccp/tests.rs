//! Tests of SCCP: octets, translation, and what becomes of messages.

use super::build::{UnitdataHeader, unitdata};
use super::*;
use crate::base::Time;
use crate::codec::Prepend;
use crate::ident::{
    Digits, GlobalTitle, NatureOfAddress, NumberingPlan, PointCode, SccpAddress, Ssn, TitleIndicator,
};

mod lies;
mod management;
mod messages;
mod node;
mod random;
mod relay;
mod routing;
mod ttcn;

pub(super) fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .bytes()
        .filter(|c| c.is_ascii_hexdigit())
        .map(|c| (c as char).to_digit(16).unwrap() as u8)
        .collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

pub(super) fn digits(text: &str) -> Digits {
    text.parse().unwrap()
}

pub(super) fn centre() -> SccpAddress {
    SccpAddress::titled(digits("491710760000"), Ssn::MSC)
}

pub(super) fn gateway() -> SccpAddress {
    SccpAddress::titled(digits("491710999001"), Ssn::MSC)
}

pub(super) fn on_ssn(point_code: Option<u32>, ssn: u8) -> SccpAddress {
    SccpAddress::on_ssn(point_code.map(PointCode), Some(Ssn(ssn)))
}

pub(super) fn built(
    kind: Kind,
    return_on_error: bool,
    called: &SccpAddress,
    calling: &SccpAddress,
    data: &[u8],
) -> Vec<u8> {
    let mut buffer = [0; 5000];
    let mut writer = Prepend::new(&mut buffer);
    writer.bytes(data);
    let header = UnitdataHeader { class: 1, return_on_error, called, calling };
    unitdata(&mut writer, 0, kind, &header, 4096).unwrap();
    writer.finish().unwrap().to_vec()
}

pub(super) fn parsed(bytes: &[u8]) -> Unitdata<'_> {
    match parse(bytes) {
        Ok(Input::Unitdata(unitdata)) => unitdata,
        other => panic!("{other:?}"),
    }
}

/// An XUDT with a segmentation parameter, from and to ourselves by subsystem number.
pub(super) fn segment(
    called: &SccpAddress,
    calling: &SccpAddress,
    octet: u8,
    return_on_error: bool,
) -> Vec<u8> {
    let whole = built(Kind::Xudt, return_on_error, called, calling, b"part");
    let mut bytes = whole.clone();
    bytes[6] = (whole.len() - 6) as u8;
    bytes.extend([0x10, 4, octet, 1, 2, 3, 0x12, 1, 5, 0]);
    bytes
}
