//! sendRoutingInfoForSM (TS 29.002 12.1, 17.7.6): where to send a short message for a subscriber.

use super::extension::IP_MESSAGING;
use super::{AddressString, Arc, Fields, Version, Why, put_imsi, put_null, read_imsi, read_u8, read_u16};
use crate::base::Malformed;
use crate::codec::{Prepend, ber};
use crate::ident::Imsi;

/// SM-RP-MTI: what is to be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum SmRpMti {
    /// An SMS-DELIVER.
    Deliver = 0,
    /// An SMS-STATUS-REPORT.
    StatusReport = 1,
}

/// RoutingInfoForSM-Arg.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SendRoutingInfoForSm<'a> {
    /// The subscriber.
    pub msisdn: AddressString,
    /// Try although the subscriber was absent (SM-RP-PRI).
    pub priority: bool,
    /// The service centre.
    pub service_centre: AddressString,
    /// The sender knows GPRS: it can take two numbers.
    pub gprs_support: bool,
    /// What is to be sent.
    pub mti: Option<SmRpMti>,
    /// The sender's address, coded as in the TPDU (SM-RP-SMEA; 1 to 12 octets).
    pub smea: Option<&'a [u8]>,
    /// No message will come: 0 only the IMSI is wanted, 1 only the country and network code.
    pub delivery_not_intended: Option<u8>,
    /// The sender wants guidance on its delivery timer if an IP-SM-GW serves the subscriber.
    pub ip_sm_gw_guidance: bool,
    /// The subscriber's IMSI.
    pub imsi: Option<Imsi>,
    /// The message will be tried once.
    pub single_attempt: bool,
    /// The sender knows IP messaging: it can take three numbers (TR 23.804 8.4 step 3). A private extension.
    pub ip_messaging: bool,
}

impl<'a> SendRoutingInfoForSm<'a> {
    /// The argument with its mandatory elements alone.
    #[must_use]
    pub const fn new(msisdn: AddressString, priority: bool, service_centre: AddressString) -> Self {
        Self {
            msisdn,
            priority,
            service_centre,
            gprs_support: false,
            mti: None,
            smea: None,
            delivery_not_intended: None,
            ip_sm_gw_guidance: false,
            imsi: None,
            single_attempt: false,
            ip_messaging: false,
        }
    }

    /// Reads the argument, a whole element, and the private extension under `arc`, if that is configured.
    ///
    /// # Errors
    /// If it is mistyped.
    pub fn parse(argument: &'a [u8], arc: Option<&Arc>) -> Result<Self, Malformed> {
        let mut fields = Fields::of(argument, 0x30)?;
        let msisdn = AddressString::read(fields.tagged(0x80)?);
        let msisdn = fields.value(msisdn)?;
        let priority = fields.tagged(0x81)?.first().copied();
        let priority = fields.value(priority)? != 0;
        let service_centre = AddressString::read(fields.tagged(0x82)?);
        let mut info = Self::new(msisdn, priority, fields.value(service_centre)?);
        while let Some(field) = fields.next()? {
            match field.tag {
                0xa6 => {
                    info.ip_messaging = arc.is_some_and(|arc| arc.find(field.value, IP_MESSAGING).is_some());
                }
                0x87 => info.gprs_support = true,
                0x88 => {
                    info.mti = match fields.value(ber::integer(field.value))? {
                        0 => Some(SmRpMti::Deliver),
                        1 => Some(SmRpMti::StatusReport),
                        _ => None, // Reserved: "ignore" (TS 29.002 17.7.6).
                    }
                }
                0x89 => {
                    let smea = (1..=12).contains(&field.value.len()).then_some(field.value);
                    info.smea = Some(fields.value(smea)?);
                }
                0x8a => info.delivery_not_intended = Some(fields.value(read_u8(field.value))?),
                0x8b => info.ip_sm_gw_guidance = true,
                0x8c => info.imsi = Some(fields.value(read_imsi(field.value))?),
                0x8d => info.single_attempt = true,
                _ => fields.pass(field, &[0xa6, 0x87, 0x88, 0x89, 0x8a, 0x8b, 0x8c, 0x8d])?,
            }
        }
        Ok(info)
    }

    /// Puts the argument in front; the private extension only if there is an `arc` for it.
    pub fn write(&self, w: &mut Prepend<'_>, arc: Option<&Arc>) {
        let mark = w.len();
        put_null(w, 0x8d, self.single_attempt);
        if let Some(imsi) = self.imsi {
            put_imsi(w, 0x8c, imsi);
        }
        put_null(w, 0x8b, self.ip_sm_gw_guidance);
        if let Some(what) = self.delivery_not_intended {
            ber::put_integer(w, 0x8a, i32::from(what));
        }
        if let Some(smea) = self.smea {
            ber::put(w, 0x89, smea);
        }
        if let Some(mti) = self.mti {
            w.bytes(&[0x88, 1, mti as u8]);
        }
        put_null(w, 0x87, self.gprs_support);
        if let Some(arc) = arc.filter(|_| self.ip_messaging) {
            arc.put(w, 0xa6, IP_MESSAGING, &[0x05, 0]);
        }
        self.service_centre.put(w, 0x82);
        w.bytes(&[0x81, 1, if self.priority { 0xff } else { 0 }]);
        self.msisdn.put(w, 0x80);
        ber::wrap(w, 0x30, mark);
    }
}

impl SendRoutingInfoForSm<'_> {
    /// Puts the argument of a version in front: 1 and 2 have its mandatory elements alone.
    pub fn write_in(&self, w: &mut Prepend<'_>, version: Version, arc: Option<&Arc>) {
        match version {
            Version::V3 => self.write(w, arc),
            _ => Self::new(self.msisdn, self.priority, self.service_centre).write(w, None),
        }
    }
}

/// Another node that serves the subscriber (Additional-Number).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ServingNode {
    /// An MSC.
    Msc(AddressString),
    /// An SGSN.
    Sgsn(AddressString),
}

impl ServingNode {
    fn read(contents: &[u8]) -> Result<Self, Malformed> {
        let mut fields = Fields::new(contents);
        let choice = fields.mandatory()?;
        let number = fields.value(AddressString::read(choice.value))?;
        match choice.tag {
            0x80 => Ok(Self::Msc(number)),
            0x81 => Ok(Self::Sgsn(number)),
            _ => Err(fields.fault(Why::Structure)),
        }
    }

    fn put(self, w: &mut Prepend<'_>, tag: u8) {
        let mark = w.len();
        match self {
            Self::Msc(number) => number.put(w, 0x80),
            Self::Sgsn(number) => number.put(w, 0x81),
        }
        ber::wrap(w, tag, mark);
    }
}

/// IP-SM-GW-Guidance: how long the sender should wait for an answer, in seconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IpSmGwGuidance {
    /// At least (30..=600).
    pub minimum: u16,
    /// Better (30..=600).
    pub recommended: u16,
}

impl IpSmGwGuidance {
    fn read(contents: &[u8]) -> Result<Self, Malformed> {
        let mut fields = Fields::new(contents);
        let minimum = read_u16(fields.tagged(0x02)?);
        let minimum = fields.value(minimum)?;
        let recommended = read_u16(fields.tagged(0x02)?);
        Ok(Self { minimum, recommended: fields.value(recommended)? })
    }

    fn put(self, w: &mut Prepend<'_>, tag: u8) {
        let mark = w.len();
        ber::put_integer(w, 0x02, i32::from(self.recommended));
        ber::put_integer(w, 0x02, i32::from(self.minimum));
        ber::wrap(w, tag, mark);
    }
}

/// RoutingInfoForSM-Res.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SendRoutingInfoForSmResult {
    /// The subscriber, or an MT correlation id.
    pub imsi: Imsi,
    /// The node to send the message to.
    pub network_node: AddressString,
    /// The VLR's own number for the subscriber.
    pub lmsi: Option<[u8; 4]>,
    /// The node is an SGSN.
    pub gprs_node: bool,
    /// The node is an IP-SM-GW (imsNodeIndicator), which only senders are told that know it.
    pub ims_node: bool,
    /// Another node.
    pub additional: Option<ServingNode>,
    /// A third node (thirdNumber), which only senders are told that know it.
    pub third: Option<ServingNode>,
    /// How long to wait, if the node is an IP-SM-GW.
    pub guidance: Option<IpSmGwGuidance>,
}

impl SendRoutingInfoForSmResult {
    /// The result with its mandatory elements alone.
    #[must_use]
    pub const fn new(imsi: Imsi, network_node: AddressString) -> Self {
        Self {
            imsi,
            network_node,
            lmsi: None,
            gprs_node: false,
            ims_node: false,
            additional: None,
            third: None,
            guidance: None,
        }
    }

    /// Reads the result, a whole element.
    ///
    /// # Errors
    /// If it is mistyped.
    pub fn parse(result: &[u8]) -> Result<Self, Malformed> {
        let mut fields = Fields::of(result, 0x30)?;
        let imsi = read_imsi(fields.tagged(0x04)?);
        let imsi = fields.value(imsi)?;
        let mut location = Fields::new(fields.tagged(0xa0)?);
        // Versions 1 and 2 have a choice there: a roaming number, or the MSC's.
        let node = match location.optional(0x80)? {
            Some(roaming) => AddressString::read(roaming),
            None => AddressString::read(location.tagged(0x81)?),
        };
        let network_node = location.value(node)?;
        let mut info = Self::new(imsi, network_node);
        while let Some(field) = location.next()? {
            match field.tag {
                0x04 => info.lmsi = Some(location.value(field.value.try_into().ok())?),
                0x85 => info.gprs_node = true,
                0xa6 => info.additional = Some(ServingNode::read(field.value)?),
                0xa9 => info.third = Some(ServingNode::read(field.value)?),
                0x8b => info.ims_node = true,
                _ => location.pass(field, &[0x85, 0xa6, 0xa9, 0x8b])?,
            }
        }
        while let Some(field) = fields.next()? {
            match field.tag {
                0xa5 => info.guidance = Some(IpSmGwGuidance::read(field.value)?),
                _ => fields.pass(field, &[0xa5])?,
            }
        }
        Ok(info)
    }

    /// Puts the result in front.
    pub fn write(&self, w: &mut Prepend<'_>) {
        let mark = w.len();
        if let Some(guidance) = self.guidance {
            guidance.put(w, 0xa5);
        }
        let location = w.len();
        put_null(w, 0x8b, self.ims_node);
        if let Some(node) = self.third {
            node.put(w, 0xa9);
        }
        if let Some(node) = self.additional {
            node.put(w, 0xa6);
        }
        put_null(w, 0x85, self.gprs_node);
        if let Some(lmsi) = self.lmsi {
            ber::put(w, 0x04, &lmsi);
        }
        self.network_node.put(w, 0x81);
        ber::wrap(w, 0xa0, location);
        put_imsi(w, 0x04, self.imsi);
        ber::wrap(w, 0x30, mark);
    }

    /// Puts the result of a version in front: 1 and 2 know one node, an MSC.
    pub fn write_in(&self, w: &mut Prepend<'_>, version: Version) {
        match version {
            Version::V3 => self.write(w),
            _ => Self { lmsi: self.lmsi, ..Self::new(self.imsi, self.network_node) }.write(w),
        }
    }
}
