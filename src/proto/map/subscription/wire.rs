//! The operations' types as TS 29.002 17.7.1 writes them, as far as the last element that is read; whatever stands in
//! between or comes after is passed over.

use super::super::Why;
use crate::base::{Layer, Malformed};
use crate::codec::ber;
use rasn::prelude::*;

/// Elements that come after those we know: of a later version, or of no use here.
#[derive(Debug)]
pub(super) struct Later;

impl AsnType for Later {
    const TAG: Tag = Tag::EOC;
}

impl Decode for Later {
    fn decode_with_tag_and_constraints<D: Decoder>(
        decoder: &mut D,
        _: Tag,
        _: &Constraints,
    ) -> Result<Self, D::Error> {
        while Option::<Any>::decode(decoder)?.is_some() {}
        Ok(Self)
    }
}

impl Encode for Later {
    fn encode_with_tag_and_constraints<'a, E: Encoder<'a>>(
        &self,
        _: &mut E,
        _: Tag,
        _: &Constraints,
        _: Identifier,
    ) -> Result<(), E::Error> {
        Ok(())
    }
}

/// One whole element, no deeper than TCAP reads, and without strings in pieces.
pub(super) fn decode<T: Decode>(octets: &[u8]) -> Result<T, Malformed> {
    let fault = Malformed::new(Layer::Map, Why::Structure as u8, 0);
    if !ber::is_plain(octets) {
        return Err(fault);
    }
    match rasn::ber::decode_with_remainder(octets) {
        Ok((value, [])) => Ok(value),
        _ => Err(fault),
    }
}

/// One whole element. Nothing here has a constraint that an encoder checks.
pub(super) fn encode<T: Encode>(value: &T) -> Vec<u8> {
    rasn::ber::encode(value).unwrap_or_default()
}

#[derive(AsnType, Decode, Encode, Debug)]
#[rasn(choice)]
pub(super) enum SubscriberIdentity {
    #[rasn(tag(context, 0))]
    Imsi(OctetString),
    #[rasn(tag(context, 1))]
    Msisdn(OctetString),
}

#[derive(AsnType, Decode, Encode, Debug)]
pub(super) struct AnyTimeModificationArg {
    #[rasn(tag(explicit(context, 0)))]
    pub subscriber_identity: SubscriberIdentity,
    #[rasn(tag(context, 1))]
    pub gsm_scf_address: OctetString,
    #[rasn(tag(context, 2))]
    pub modification_request_for_cf_info: Option<Any>,
    #[rasn(tag(context, 3))]
    pub modification_request_for_cb_info: Option<Any>,
    #[rasn(tag(context, 4))]
    pub modification_request_for_csi: Option<Any>,
    #[rasn(tag(context, 5))]
    pub extension_container: Option<Any>,
    #[rasn(tag(context, 6))]
    pub long_ftn_supported: Option<Any>,
    #[rasn(tag(context, 7))]
    pub modification_request_for_odb_data: Option<Any>,
    #[rasn(tag(context, 8))]
    pub modification_request_for_ip_sm_gw_data: Option<ModificationRequestForIpSmGwData>,
    pub later: Option<Later>,
}

#[derive(AsnType, Decode, Encode, Debug)]
pub(super) struct ModificationRequestForIpSmGwData {
    #[rasn(tag(context, 0))]
    pub modify_registration_status: Option<u8>,
    pub later: Option<Later>,
}

#[derive(AsnType, Decode, Encode, Debug)]
pub(super) struct AnyTimeModificationRes {
    #[rasn(tag(context, 0))]
    pub ss_info_for_cse: Option<Any>,
    #[rasn(tag(context, 1))]
    pub camel_subscription_info: Option<Any>,
    #[rasn(tag(context, 2))]
    pub extension_container: Option<Any>,
    #[rasn(tag(context, 3))]
    pub odb_info: Option<Any>,
    #[rasn(tag(context, 4))]
    pub cw_data: Option<Any>,
    #[rasn(tag(context, 5))]
    pub ch_data: Option<Any>,
    #[rasn(tag(context, 6))]
    pub clip_data: Option<Any>,
    #[rasn(tag(context, 7))]
    pub clir_data: Option<Any>,
    #[rasn(tag(context, 8))]
    pub ect_data: Option<Any>,
    #[rasn(tag(context, 9))]
    pub service_centre_address: Option<OctetString>,
    pub later: Option<Later>,
}

/// LocationInfo of versions 1 and 2; version 3 has kept the second alone.
#[derive(AsnType, Decode, Encode, Debug)]
#[rasn(choice)]
pub(super) enum LocationInfo {
    #[rasn(tag(context, 0))]
    RoamingNumber(OctetString),
    #[rasn(tag(context, 1))]
    MscNumber(OctetString),
}

#[derive(AsnType, Decode, Encode, Debug)]
pub(super) struct UpdateLocationArg {
    pub imsi: OctetString,
    pub location_info: LocationInfo,
    pub vlr_number: OctetString,
    pub later: Option<Later>,
}

#[derive(AsnType, Decode, Encode, Debug)]
pub(super) struct UpdateGprsLocationArg {
    pub imsi: OctetString,
    pub sgsn_number: OctetString,
    pub sgsn_address: OctetString,
    pub later: Option<Later>,
}

#[derive(AsnType, Decode, Encode, Debug)]
pub(super) struct UpdateLocationRes {
    pub hlr_number: OctetString,
    pub later: Option<Later>,
}

#[derive(AsnType, Decode, Encode, Debug)]
pub(super) struct InsertSubscriberDataArg {
    #[rasn(tag(context, 0))]
    pub imsi: Option<OctetString>,
    #[rasn(tag(context, 1))]
    pub msisdn: Option<OctetString>,
    #[rasn(tag(context, 2))]
    pub category: Option<Any>,
    #[rasn(tag(context, 3))]
    pub subscriber_status: Option<u8>,
    #[rasn(tag(context, 4))]
    pub bearer_service_list: Option<Any>,
    #[rasn(tag(context, 6))]
    pub teleservice_list: Option<Vec<OctetString>>,
    pub later: Option<Later>,
}

#[derive(AsnType, Decode, Encode, Debug)]
pub(super) struct DeleteSubscriberDataArg {
    #[rasn(tag(context, 0))]
    pub imsi: OctetString,
    #[rasn(tag(context, 1))]
    pub basic_service_list: Option<Vec<ExtBasicServiceCode>>,
    pub later: Option<Later>,
}

#[derive(AsnType, Decode, Encode, Debug)]
#[rasn(choice)]
pub(super) enum ExtBasicServiceCode {
    #[rasn(tag(context, 2))]
    BearerService(OctetString),
    #[rasn(tag(context, 3))]
    Teleservice(OctetString),
}

#[derive(AsnType, Decode, Encode, Debug)]
#[rasn(choice)]
pub(super) enum Identity {
    Imsi(OctetString),
    ImsiWithLmsi(ImsiWithLmsi),
}

#[derive(AsnType, Decode, Encode, Debug)]
pub(super) struct ImsiWithLmsi {
    pub imsi: OctetString,
    pub later: Option<Later>,
}

#[derive(AsnType, Decode, Encode, Debug)]
#[rasn(tag(context, 3))]
pub(super) struct CancelLocationArg {
    pub identity: Identity,
    #[rasn(tag(universal, 10))]
    pub cancellation_type: Option<u8>,
    pub later: Option<Later>,
}

#[derive(AsnType, Decode, Encode, Debug)]
#[rasn(tag(context, 3))]
pub(super) struct PurgeMsArg {
    pub imsi: OctetString,
    #[rasn(tag(context, 0))]
    pub vlr_number: Option<OctetString>,
    #[rasn(tag(context, 1))]
    pub sgsn_number: Option<OctetString>,
    pub later: Option<Later>,
}

#[derive(AsnType, Decode, Encode, Debug)]
pub(super) struct PurgeMsArgV2 {
    pub imsi: OctetString,
    pub vlr_number: OctetString,
    pub later: Option<Later>,
}

#[derive(AsnType, Decode, Encode, Debug)]
pub(super) struct PurgeMsRes {
    #[rasn(tag(context, 0))]
    pub freeze_tmsi: Option<()>,
    #[rasn(tag(context, 1))]
    pub freeze_p_tmsi: Option<()>,
    pub later: Option<Later>,
}

#[derive(AsnType, Decode, Encode)]
pub(super) struct SendAuthenticationInfoArg {
    #[rasn(tag(context, 0))]
    pub imsi: OctetString,
    pub number_of_requested_vectors: u8,
    pub segmentation_prohibited: Option<()>,
    #[rasn(tag(context, 1))]
    pub immediate_response_preferred: Option<()>,
    pub re_synchronisation_info: Option<ReSynchronisationInfo>,
    #[rasn(tag(context, 2))]
    pub extension_container: Option<Any>,
    #[rasn(tag(context, 3))]
    pub requesting_node_type: Option<u8>,
    pub later: Option<Later>,
}

#[derive(AsnType, Decode, Encode)]
pub(super) struct ReSynchronisationInfo {
    pub rand: OctetString,
    pub auts: OctetString,
    pub later: Option<Later>,
}

/// The first two are one CHOICE, authenticationSetList: as that, another element in its place would be a fault.
#[derive(AsnType, Decode, Encode)]
#[rasn(tag(context, 3))]
pub(super) struct SendAuthenticationInfoRes {
    #[rasn(tag(context, 0))]
    pub triplets: Option<Any>,
    #[rasn(tag(context, 1))]
    pub quintuplets: Option<Vec<AuthenticationQuintuplet>>,
    pub later: Option<Later>,
}

#[derive(AsnType, Decode, Encode)]
pub(super) struct AuthenticationQuintuplet {
    pub rand: OctetString,
    pub xres: OctetString,
    pub ck: OctetString,
    pub ik: OctetString,
    pub autn: OctetString,
    pub later: Option<Later>,
}

#[derive(AsnType, Decode, Encode, Debug)]
pub(super) struct ResetArg {
    pub sending_node_number: SendingNodeNumber,
    pub hlr_list: Option<Vec<OctetString>>,
    pub later: Option<Later>,
}

#[derive(AsnType, Decode, Encode, Debug)]
#[rasn(choice)]
pub(super) enum SendingNodeNumber {
    Hlr(OctetString),
    #[rasn(tag(context, 1))]
    Css(OctetString),
}
