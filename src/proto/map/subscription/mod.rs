//! Operations between HLR and gateway about one subscriber: registration, location, subscription data, authentication
//! (TS 29.002 8.1, 8.5, 8.8, 8.11, 17.7.1).
//!
//! They are rare, so a library of ASN.1 spells them, on the heap. Arguments and results are whole elements.

mod authentication;
mod wire;

use core::net::IpAddr;

use super::{AddressString, Fields, Version, Why, read_imsi};
use crate::base::{Layer, Malformed};
use crate::codec::{Prepend, ber, tbcd};
use crate::ident::{Digits, Imsi};

pub use authentication::{
    Quintuplet, ReSynchronisation, SendAuthenticationInfo, SendAuthenticationInfoResult,
};

#[cfg(test)]
mod tests;

/// An element's value is out of its range.
const VALUE: Malformed = Malformed::new(Layer::Map, Why::Value as u8, 0);

fn octets(write: impl FnOnce(&mut Prepend<'_>)) -> rasn::types::OctetString {
    let mut room = [0; 20];
    let mut w = Prepend::new(&mut room);
    write(&mut w);
    rasn::types::OctetString::from_slice(w.finish().unwrap_or(&[]))
}

fn imsi_octets(imsi: Imsi) -> rasn::types::OctetString {
    octets(|w| _ = tbcd::write(w, imsi.digits()))
}

fn address_octets(address: AddressString) -> rasn::types::OctetString {
    octets(|w| address.write(w))
}

fn imsi(octets: &[u8]) -> Result<Imsi, Malformed> {
    read_imsi(octets).ok_or(VALUE)
}

fn address(octets: &[u8]) -> Result<AddressString, Malformed> {
    AddressString::read(octets).ok_or(VALUE)
}

fn exactly<const N: usize>(octets: &[u8]) -> Result<[u8; N], Malformed> {
    octets.try_into().map_err(|_| VALUE)
}

/// A result without contents that anybody needs: of insertSubscriberData, deleteSubscriberData and cancelLocation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EmptyResult;

impl EmptyResult {
    /// An empty SEQUENCE.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        vec![0x30, 0x00]
    }

    /// Reads one with whatever is in it, or none.
    ///
    /// # Errors
    /// If it is mistyped.
    pub fn decode(result: &[u8]) -> Result<Self, Malformed> {
        if !result.is_empty() {
            let mut fields = super::Fields::of(result, 0x30)?;
            while fields.next()?.is_some() {}
        }
        Ok(Self)
    }
}

/// SubscriberIdentity: who is meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SubscriberIdentity {
    /// By IMSI.
    Imsi(Imsi),
    /// By number.
    Msisdn(AddressString),
}

/// ModifyRegistrationStatus: what becomes of a gateway's registration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum ModifyRegistrationStatus {
    /// The gateway no longer serves the subscriber.
    Deactivate = 0,
    /// The gateway serves the subscriber.
    Activate = 1,
}

/// AnyTimeModificationArg, as far as a gateway uses it: its registration in the HLR.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AnyTimeModification {
    /// The subscriber.
    pub subscriber: SubscriberIdentity,
    /// gsmSCF-Address: the gateway's own number.
    pub gsm_scf: AddressString,
    /// modificationRequestFor-IP-SM-GW-Data; `None` if something else is to be modified.
    pub registration: Option<ModifyRegistrationStatus>,
}

impl AnyTimeModification {
    /// The argument.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let status = |status| wire::ModificationRequestForIpSmGwData {
            modify_registration_status: Some(status as u8),
            later: None,
        };
        wire::encode(&wire::AnyTimeModificationArg {
            subscriber_identity: match self.subscriber {
                SubscriberIdentity::Imsi(imsi) => wire::SubscriberIdentity::Imsi(imsi_octets(imsi)),
                SubscriberIdentity::Msisdn(number) => {
                    wire::SubscriberIdentity::Msisdn(address_octets(number))
                }
            },
            gsm_scf_address: address_octets(self.gsm_scf),
            modification_request_for_cf_info: None,
            modification_request_for_cb_info: None,
            modification_request_for_csi: None,
            extension_container: None,
            long_ftn_supported: None,
            modification_request_for_odb_data: None,
            modification_request_for_ip_sm_gw_data: self.registration.map(status),
            later: None,
        })
    }

    /// Reads the argument.
    ///
    /// # Errors
    /// If it is mistyped.
    pub fn decode(argument: &[u8]) -> Result<Self, Malformed> {
        let argument: wire::AnyTimeModificationArg = wire::decode(argument)?;
        let data = argument.modification_request_for_ip_sm_gw_data;
        Ok(Self {
            subscriber: match argument.subscriber_identity {
                wire::SubscriberIdentity::Imsi(octets) => SubscriberIdentity::Imsi(imsi(&octets)?),
                wire::SubscriberIdentity::Msisdn(octets) => SubscriberIdentity::Msisdn(address(&octets)?),
            },
            gsm_scf: address(&argument.gsm_scf_address)?,
            registration: match data.and_then(|data| data.modify_registration_status) {
                Some(0) => Some(ModifyRegistrationStatus::Deactivate),
                Some(1) => Some(ModifyRegistrationStatus::Activate),
                Some(_) => return Err(VALUE),
                None => None,
            },
        })
    }
}

/// AnyTimeModificationRes, as far as a gateway uses it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AnyTimeModificationResult {
    /// The subscriber's service centre, if the HLR knows it.
    pub service_centre: Option<AddressString>,
}

impl AnyTimeModificationResult {
    /// The result.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        wire::encode(&wire::AnyTimeModificationRes {
            ss_info_for_cse: None,
            camel_subscription_info: None,
            extension_container: None,
            odb_info: None,
            cw_data: None,
            ch_data: None,
            clip_data: None,
            clir_data: None,
            ect_data: None,
            service_centre_address: self.service_centre.map(address_octets),
            later: None,
        })
    }

    /// Reads the result, or none.
    ///
    /// # Errors
    /// If it is mistyped.
    pub fn decode(result: &[u8]) -> Result<Self, Malformed> {
        if result.is_empty() {
            return Ok(Self { service_centre: None });
        }
        let result: wire::AnyTimeModificationRes = wire::decode(result)?;
        let service_centre = result.service_centre_address.map(|octets| address(&octets)).transpose()?;
        Ok(Self { service_centre })
    }
}

/// Where a mobile is, as a VLR says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LocationInfo {
    /// The number of the MSC; not in version 1.
    MscNumber(AddressString),
    /// A number for calls to the mobile, which leads to its MSC; not in version 3.
    RoamingNumber(AddressString),
}

/// UpdateLocationArg, as a VLR sends it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UpdateLocation {
    /// The subscriber.
    pub imsi: Imsi,
    /// Which MSC serves the subscriber.
    pub location: LocationInfo,
    /// The VLR's number.
    pub vlr_number: AddressString,
}

impl UpdateLocation {
    /// The argument, in the form of every version that has this kind of location.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        wire::encode(&wire::UpdateLocationArg {
            imsi: imsi_octets(self.imsi),
            location_info: match self.location {
                LocationInfo::MscNumber(number) => wire::LocationInfo::MscNumber(address_octets(number)),
                LocationInfo::RoamingNumber(number) => {
                    wire::LocationInfo::RoamingNumber(address_octets(number))
                }
            },
            vlr_number: address_octets(self.vlr_number),
            later: None,
        })
    }

    /// The argument of a version. Where 1 has no MSC number, that stands as the roaming number.
    #[must_use]
    pub fn encode_in(&self, version: Version) -> Vec<u8> {
        match (version, self.location) {
            (Version::V1, LocationInfo::MscNumber(number)) => {
                Self { location: LocationInfo::RoamingNumber(number), ..*self }.encode()
            }
            _ => self.encode(),
        }
    }

    /// Reads the argument of any version.
    ///
    /// # Errors
    /// If it is mistyped.
    pub fn decode(argument: &[u8]) -> Result<Self, Malformed> {
        let argument: wire::UpdateLocationArg = wire::decode(argument)?;
        Ok(Self {
            imsi: imsi(&argument.imsi)?,
            location: match argument.location_info {
                wire::LocationInfo::MscNumber(number) => LocationInfo::MscNumber(address(&number)?),
                wire::LocationInfo::RoamingNumber(number) => LocationInfo::RoamingNumber(address(&number)?),
            },
            vlr_number: address(&argument.vlr_number)?,
        })
    }
}

/// UpdateGprsLocationArg, as a gateway sends it that stands in the HLR as the subscriber's SGSN.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UpdateGprsLocation {
    /// The subscriber.
    pub imsi: Imsi,
    /// The gateway's number.
    pub sgsn_number: AddressString,
    /// The gateway's IP address.
    pub sgsn_address: IpAddr,
}

impl UpdateGprsLocation {
    /// The argument.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        wire::encode(&wire::UpdateGprsLocationArg {
            imsi: imsi_octets(self.imsi),
            sgsn_number: address_octets(self.sgsn_number),
            // GSN-Address (TS 23.003 5.1): type of address, length, address.
            sgsn_address: octets(|w| match self.sgsn_address {
                IpAddr::V4(ip) => {
                    w.bytes(&ip.octets());
                    w.u8(0x04);
                }
                IpAddr::V6(ip) => {
                    w.bytes(&ip.octets());
                    w.u8(0x50);
                }
            }),
            later: None,
        })
    }

    /// Reads the argument.
    ///
    /// # Errors
    /// If it is mistyped.
    pub fn decode(argument: &[u8]) -> Result<Self, Malformed> {
        let argument: wire::UpdateGprsLocationArg = wire::decode(argument)?;
        let sgsn_address = match argument.sgsn_address.split_first() {
            Some((0x04, ip)) => IpAddr::from(exactly::<4>(ip)?),
            Some((0x50, ip)) => IpAddr::from(exactly::<16>(ip)?),
            _ => return Err(VALUE),
        };
        Ok(Self { imsi: imsi(&argument.imsi)?, sgsn_number: address(&argument.sgsn_number)?, sgsn_address })
    }
}

/// UpdateLocationRes, and UpdateGprsLocationRes, which is alike.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UpdateLocationResult {
    /// The HLR's number.
    pub hlr_number: AddressString,
}

impl UpdateLocationResult {
    /// The result of version 3, and of version 2.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        wire::encode(&wire::UpdateLocationRes { hlr_number: address_octets(self.hlr_number), later: None })
    }

    /// The result of a version: in 1 the number alone.
    #[must_use]
    pub fn encode_in(&self, version: Version) -> Vec<u8> {
        match version {
            Version::V1 => wire::encode(&address_octets(self.hlr_number)),
            Version::V2 | Version::V3 => self.encode(),
        }
    }

    /// Reads the result of any version.
    ///
    /// # Errors
    /// If it is mistyped or missing.
    pub fn decode(result: &[u8]) -> Result<Self, Malformed> {
        let number = match result.first() {
            Some(0x04) => wire::decode(result)?,
            _ => wire::decode::<wire::UpdateLocationRes>(result)?.hlr_number,
        };
        Ok(Self { hlr_number: address(&number)? })
    }
}

/// A teleservice, or a group of them, by its code (TS 29.002 17.7.10).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Teleservice(pub u8);

impl Teleservice {
    /// All teleservices.
    pub const ALL: Self = Self(0x00);
    /// All short message services.
    pub const ALL_SHORT_MESSAGE: Self = Self(0x20);
    /// Short message, mobile terminated, point to point.
    pub const SHORT_MESSAGE_MT_PP: Self = Self(0x21);
    /// Short message, mobile originated, point to point.
    pub const SHORT_MESSAGE_MO_PP: Self = Self(0x22);

    /// Whether `other` is this one, or one of this group.
    #[must_use]
    pub const fn includes(self, other: Self) -> bool {
        let whole_group = self.0 & 0x0f == 0 && self.0 >> 4 == other.0 >> 4;
        self.0 == Self::ALL.0 || whole_group || self.0 == other.0
    }

    /// From Ext-TeleserviceCode, whose further octets no version defines.
    fn read(octets: &[u8]) -> Result<Self, Malformed> {
        octets.first().map(|&code| Self(code)).ok_or(VALUE)
    }

    fn octets(self) -> rasn::types::OctetString {
        rasn::types::OctetString::from_slice(&[self.0])
    }
}

/// SubscriberStatus.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum SubscriberStatus {
    /// Served.
    ServiceGranted = 0,
    /// Barred by the operator, in part or wholly.
    OperatorDeterminedBarring = 1,
}

/// InsertSubscriberDataArg, as far as a gateway uses it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InsertSubscriberData {
    /// The subscriber; not inside updateGprsLocation, which has named it.
    pub imsi: Option<Imsi>,
    /// The subscriber's number.
    pub msisdn: Option<AddressString>,
    /// Whether the operator bars the subscriber.
    pub status: Option<SubscriberStatus>,
    /// Teleservices that the subscriber has, added to those told before; `None` if this argument has no list.
    pub teleservices: Option<Vec<Teleservice>>,
}

impl InsertSubscriberData {
    /// The argument.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let codes = |list: &Vec<Teleservice>| list.iter().map(|code| code.octets()).collect();
        wire::encode(&wire::InsertSubscriberDataArg {
            imsi: self.imsi.map(imsi_octets),
            msisdn: self.msisdn.map(address_octets),
            category: None,
            subscriber_status: self.status.map(|status| status as u8),
            bearer_service_list: None,
            teleservice_list: self.teleservices.as_ref().map(codes),
            later: None,
        })
    }

    /// Reads the argument.
    ///
    /// # Errors
    /// If it is mistyped.
    pub fn decode(argument: &[u8]) -> Result<Self, Malformed> {
        let argument: wire::InsertSubscriberDataArg = wire::decode(argument)?;
        let codes = |list: Vec<rasn::types::OctetString>| {
            list.iter().map(|octets| Teleservice::read(octets)).collect::<Result<_, _>>()
        };
        Ok(Self {
            imsi: argument.imsi.map(|octets| imsi(&octets)).transpose()?,
            msisdn: argument.msisdn.map(|octets| address(&octets)).transpose()?,
            status: match argument.subscriber_status {
                Some(0) => Some(SubscriberStatus::ServiceGranted),
                Some(1) => Some(SubscriberStatus::OperatorDeterminedBarring),
                Some(_) => return Err(VALUE),
                None => None,
            },
            teleservices: argument.teleservice_list.map(codes).transpose()?,
        })
    }
}

/// DeleteSubscriberDataArg, as far as a gateway uses it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeleteSubscriberData {
    /// The subscriber.
    pub imsi: Imsi,
    /// Teleservices that the subscriber has no longer; the bearer services beside them are passed over.
    pub teleservices: Vec<Teleservice>,
}

impl DeleteSubscriberData {
    /// The argument.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let code = |code: &Teleservice| wire::ExtBasicServiceCode::Teleservice(code.octets());
        let list: Vec<_> = self.teleservices.iter().map(code).collect();
        wire::encode(&wire::DeleteSubscriberDataArg {
            imsi: imsi_octets(self.imsi),
            basic_service_list: (!list.is_empty()).then_some(list),
            later: None,
        })
    }

    /// Reads the argument.
    ///
    /// # Errors
    /// If it is mistyped.
    pub fn decode(argument: &[u8]) -> Result<Self, Malformed> {
        let argument: wire::DeleteSubscriberDataArg = wire::decode(argument)?;
        let mut teleservices = Vec::new();
        for service in argument.basic_service_list.unwrap_or_default() {
            if let wire::ExtBasicServiceCode::Teleservice(octets) = service {
                teleservices.push(Teleservice::read(&octets)?);
            }
        }
        Ok(Self { imsi: imsi(&argument.imsi)?, teleservices })
    }
}

/// CancellationType: why a location is cancelled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum CancellationType {
    /// Another node serves the subscriber now.
    UpdateProcedure = 0,
    /// The subscription has ended.
    SubscriptionWithdraw = 1,
    /// The subscriber attached anew, elsewhere.
    InitialAttachProcedure = 2,
}

/// CancelLocationArg.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CancelLocation {
    /// The subscriber.
    pub imsi: Imsi,
    /// Why, if it is told in a way that we know; never in version 2.
    pub cancellation: Option<CancellationType>,
}

impl CancelLocation {
    /// The argument of version 3.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        wire::encode(&wire::CancelLocationArg {
            identity: wire::Identity::Imsi(imsi_octets(self.imsi)),
            cancellation_type: self.cancellation.map(|cancellation| cancellation as u8),
            later: None,
        })
    }

    /// The argument of version 2, which has no reason.
    #[must_use]
    pub fn encode_v2(&self) -> Vec<u8> {
        wire::encode(&wire::Identity::Imsi(imsi_octets(self.imsi)))
    }

    /// Reads the argument of either version.
    ///
    /// # Errors
    /// If it is mistyped.
    pub fn decode(argument: &[u8]) -> Result<Self, Malformed> {
        let (identity, cancellation) = if argument.first() == Some(&0xa3) {
            let argument: wire::CancelLocationArg = wire::decode(argument)?;
            (argument.identity, argument.cancellation_type)
        } else {
            (wire::decode(argument)?, None)
        };
        let octets = match identity {
            wire::Identity::Imsi(octets) => octets,
            wire::Identity::ImsiWithLmsi(both) => both.imsi,
        };
        Ok(Self {
            imsi: imsi(&octets)?,
            cancellation: match cancellation {
                Some(0) => Some(CancellationType::UpdateProcedure),
                Some(1) => Some(CancellationType::SubscriptionWithdraw),
                Some(2) => Some(CancellationType::InitialAttachProcedure),
                _ => None,
            },
        })
    }
}

/// PurgeMS-Arg.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PurgeMs {
    /// The subscriber.
    pub imsi: Imsi,
    /// The VLR's number, if it is one that purges.
    pub vlr_number: Option<AddressString>,
    /// The SGSN's number, if it is one that purges.
    pub sgsn_number: Option<AddressString>,
}

impl PurgeMs {
    /// The argument of version 2, in which a VLR is who purges; `None` if it is none.
    #[must_use]
    pub fn encode_v2(&self) -> Option<Vec<u8>> {
        let vlr_number = address_octets(self.vlr_number?);
        Some(wire::encode(&wire::PurgeMsArgV2 { imsi: imsi_octets(self.imsi), vlr_number, later: None }))
    }

    /// The argument of version 3.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        wire::encode(&wire::PurgeMsArg {
            imsi: imsi_octets(self.imsi),
            vlr_number: self.vlr_number.map(address_octets),
            sgsn_number: self.sgsn_number.map(address_octets),
            later: None,
        })
    }

    /// Reads the argument of either version.
    ///
    /// # Errors
    /// If it is mistyped.
    pub fn decode(argument: &[u8]) -> Result<Self, Malformed> {
        if argument.first() == Some(&0x30) {
            let argument: wire::PurgeMsArgV2 = wire::decode(argument)?;
            let vlr_number = Some(address(&argument.vlr_number)?);
            return Ok(Self { imsi: imsi(&argument.imsi)?, vlr_number, sgsn_number: None });
        }
        let argument: wire::PurgeMsArg = wire::decode(argument)?;
        Ok(Self {
            imsi: imsi(&argument.imsi)?,
            vlr_number: argument.vlr_number.map(|octets| address(&octets)).transpose()?,
            sgsn_number: argument.sgsn_number.map(|octets| address(&octets)).transpose()?,
        })
    }
}

/// PurgeMS-Res.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PurgeMsResult {
    /// The TMSI stays out of use.
    pub freeze_tmsi: bool,
    /// The P-TMSI stays out of use.
    pub freeze_p_tmsi: bool,
}

impl PurgeMsResult {
    /// The result.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        wire::encode(&wire::PurgeMsRes {
            freeze_tmsi: self.freeze_tmsi.then_some(()),
            freeze_p_tmsi: self.freeze_p_tmsi.then_some(()),
            later: None,
        })
    }

    /// Reads the result, or none.
    ///
    /// # Errors
    /// If it is mistyped.
    pub fn decode(result: &[u8]) -> Result<Self, Malformed> {
        if result.is_empty() {
            return Ok(Self { freeze_tmsi: false, freeze_p_tmsi: false });
        }
        let result: wire::PurgeMsRes = wire::decode(result)?;
        Ok(Self { freeze_tmsi: result.freeze_tmsi.is_some(), freeze_p_tmsi: result.freeze_p_tmsi.is_some() })
    }
}

/// ResetArg: an HLR has lost what it knew of where its subscribers are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reset {
    /// The HLR's number.
    pub hlr_number: AddressString,
    /// Leading digits of the IMSIs that it means; of all of its subscribers if empty.
    pub imsi_prefixes: Vec<Digits>,
}

impl Reset {
    /// The argument.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let list: Vec<_> =
            self.imsi_prefixes.iter().map(|&prefix| octets(|w| _ = tbcd::write(w, prefix))).collect();
        wire::encode(&wire::ResetArg {
            sending_node_number: wire::SendingNodeNumber::Hlr(address_octets(self.hlr_number)),
            hlr_list: (!list.is_empty()).then_some(list),
            later: None,
        })
    }

    /// Reads the argument. That of version 1 may name a network resource first, which is the HLR.
    ///
    /// # Errors
    /// If it is mistyped.
    pub fn decode(argument: &[u8]) -> Result<Self, Malformed> {
        let mut fields = Fields::of(argument, 0x30)?;
        let argument: wire::ResetArg = match fields.optional(0x0a)? {
            None => wire::decode(argument)?,
            Some(_) => {
                let mut room = vec![0; argument.len()];
                let mut w = Prepend::new(&mut room);
                w.bytes(fields.rest.rest());
                ber::wrap(&mut w, 0x30, 0);
                wire::decode(w.finish().unwrap_or(&[]))?
            }
        };
        let (wire::SendingNodeNumber::Hlr(number) | wire::SendingNodeNumber::Css(number)) =
            argument.sending_node_number;
        let prefix = |octets: &rasn::types::OctetString| tbcd::read(octets).ok_or(VALUE);
        let list = argument.hlr_list.unwrap_or_default();
        Ok(Self {
            hlr_number: address(&number)?,
            imsi_prefixes: list.iter().map(prefix).collect::<Result<_, _>>()?,
        })
    }
}
