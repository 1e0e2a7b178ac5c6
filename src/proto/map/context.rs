//! Application contexts (TS 29.002 17.3): values of the object identifiers {0 4 0 0 1 0 context version}.

/// Short message from the mobile to the service centre, version 3: mo-ForwardSM.
pub const MO_RELAY_V3: &[u8] = &of(MO_RELAY, 3);
/// Short message to the mobile, version 3: mt-ForwardSM.
pub const MT_RELAY_V3: &[u8] = &of(MT_RELAY, 3);
/// Between SMS-GMSC (or IP-SM-GW) and HLR, version 3: sendRoutingInfoForSM, reportSM-DeliveryStatus.
pub const GATEWAY_V3: &[u8] = &of(GATEWAY, 3);

/// shortMsgGatewayContext.
pub const GATEWAY: u8 = 20;
/// shortMsgMO-RelayContext.
pub const MO_RELAY: u8 = 21;
/// shortMsgMT-RelayContext.
pub const MT_RELAY: u8 = 25;

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
