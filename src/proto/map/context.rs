//! Application contexts (TS 29.002 17.3): values of the object identifiers {0 4 0 0 1 0 context version}.

/// Short message from the mobile to the service centre, version 3: mo-ForwardSM.
pub const MO_RELAY_V3: &[u8] = &of(MO_RELAY, 3);
/// Short message to the mobile, version 3: mt-ForwardSM.
pub const MT_RELAY_V3: &[u8] = &of(MT_RELAY, 3);
/// Between SMS-GMSC (or IP-SM-GW) and HLR, version 3: sendRoutingInfoForSM, reportSM-DeliveryStatus, and
/// informServiceCentre the other way.
pub const GATEWAY_V3: &[u8] = &of(GATEWAY, 3);
/// From the HLR to a service centre, version 2, the last: alertServiceCentre.
pub const ALERT_V2: &[u8] = &of(ALERT, 2);
/// A subscriber who can be reached again, version 3: readyForSM.
pub const MWD_MANAGEMENT_V3: &[u8] = &of(MWD_MANAGEMENT, 3);

/// Between HLR and VLR or SGSN, version 3: cancelLocation.
pub const LOCATION_CANCELLATION_V3: &[u8] = &of(LOCATION_CANCELLATION, 3);
/// The same, version 2.
pub const LOCATION_CANCELLATION_V2: &[u8] = &of(LOCATION_CANCELLATION, 2);
/// From an HLR that lost data, version 3: reset.
pub const RESET_V3: &[u8] = &of(RESET, 3);
/// The same, version 2.
pub const RESET_V2: &[u8] = &of(RESET, 2);
/// Authentication vectors, version 3: sendAuthenticationInfo.
pub const INFO_RETRIEVAL_V3: &[u8] = &of(INFO_RETRIEVAL, 3);
/// From the HLR, version 3: insertSubscriberData, deleteSubscriberData.
pub const SUBSCRIBER_DATA_MANAGEMENT_V3: &[u8] = &of(SUBSCRIBER_DATA_MANAGEMENT, 3);
/// A subscriber long gone, version 3: purgeMS.
pub const MS_PURGING_V3: &[u8] = &of(MS_PURGING, 3);
/// From VLR to HLR, version 3: updateLocation, and insertSubscriberData the other way.
pub const NETWORK_LOCATION_UPDATE_V3: &[u8] = &of(NETWORK_LOCATION_UPDATE, 3);
/// From SGSN to HLR, version 3, the only one: updateGprsLocation, and insertSubscriberData the other way.
pub const GPRS_LOCATION_UPDATE_V3: &[u8] = &of(GPRS_LOCATION_UPDATE, 3);
/// Changes of a subscriber's data in the HLR, version 3: anyTimeModification.
pub const ANY_TIME_INFO_HANDLING_V3: &[u8] = &of(ANY_TIME_INFO_HANDLING, 3);

/// networkLocUpContext.
pub const NETWORK_LOCATION_UPDATE: u8 = 1;
/// locationCancellationContext.
pub const LOCATION_CANCELLATION: u8 = 2;
/// resetContext.
pub const RESET: u8 = 10;
/// infoRetrievalContext.
pub const INFO_RETRIEVAL: u8 = 14;
/// subscriberDataMngtContext.
pub const SUBSCRIBER_DATA_MANAGEMENT: u8 = 16;
/// shortMsgGatewayContext.
pub const GATEWAY: u8 = 20;
/// shortMsgMO-RelayContext.
pub const MO_RELAY: u8 = 21;
/// shortMsgAlertContext.
pub const ALERT: u8 = 23;
/// mwdMngtContext.
pub const MWD_MANAGEMENT: u8 = 24;
/// shortMsgMT-RelayContext.
pub const MT_RELAY: u8 = 25;
/// msPurgingContext.
pub const MS_PURGING: u8 = 27;
/// gprsLocationUpdateContext.
pub const GPRS_LOCATION_UPDATE: u8 = 32;
/// anyTimeInfoHandlingContext.
pub const ANY_TIME_INFO_HANDLING: u8 = 43;

/// The value of the object identifier of a context in a version.
#[must_use]
pub const fn of(context: u8, version: u8) -> [u8; 7] {
    [0x04, 0x00, 0x00, 0x01, 0x00, context, version]
}

/// Context and version from the value of an object identifier; `None` if it is none of MAP's.
#[must_use]
pub const fn parse(value: &[u8]) -> Option<(u8, u8)> {
    match value {
        &[0x04, 0x00, 0x00, 0x01, 0x00, context @ 0..0x80, version @ 0..0x80] => Some((context, version)),
        _ => None,
    }
}
