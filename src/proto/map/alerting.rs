//! What tells service centres that a subscriber can be reached again (TS 29.002 12.4 to 12.6, 17.7.6): readyForSM,
//! alertServiceCentre and informServiceCentre.
//!
//! Read and written in place like the messages themselves: a gateway that stands between SMS-GMSC and HLR passes
//! informServiceCentre on, and a UE's notice of free memory becomes readyForSM on the worker that took it.

use super::{
    AbsentSubscriberDiagnostic, AddressString, Fields, Version, put_imsi, put_null, read_imsi, read_u8,
};
use crate::base::Malformed;
use crate::codec::{Prepend, ber};
use crate::ident::Imsi;

/// AlertServiceCentreArg: from the HLR to a service centre whose messages wait. Its result is empty.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AlertServiceCentre {
    /// The subscriber, by the number that the service centre knows (MSIsdn-Alert).
    pub msisdn: AddressString,
    /// The service centre.
    pub service_centre: AddressString,
    /// The subscriber's IMSI.
    pub imsi: Option<Imsi>,
}

impl AlertServiceCentre {
    /// Reads the argument, a whole element.
    ///
    /// # Errors
    /// If it is mistyped.
    pub fn parse(argument: &[u8]) -> Result<Self, Malformed> {
        let mut fields = Fields::of(argument, 0x30)?;
        let msisdn = AddressString::read(fields.tagged(0x04)?);
        let msisdn = fields.value(msisdn)?;
        let service_centre = AddressString::read(fields.tagged(0x04)?);
        let mut alert = Self { msisdn, service_centre: fields.value(service_centre)?, imsi: None };
        while let Some(field) = fields.next()? {
            if field.tag == 0x04 {
                alert.imsi = Some(fields.value(read_imsi(field.value))?);
            }
        }
        Ok(alert)
    }

    /// Puts the argument in front.
    pub fn write(&self, w: &mut Prepend<'_>) {
        let mark = w.len();
        if let Some(imsi) = self.imsi {
            put_imsi(w, 0x04, imsi);
        }
        self.service_centre.put(w, 0x04);
        self.msisdn.put(w, 0x04);
        ber::wrap(w, 0x30, mark);
    }
}

/// AlertReason: why a subscriber can be reached again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum AlertReason {
    /// The subscriber is there.
    MsPresent = 0,
    /// The mobile has memory again.
    MemoryAvailable = 1,
}

impl AlertReason {
    fn read(octets: &[u8]) -> Option<Self> {
        match ber::integer(octets)? {
            0 => Some(Self::MsPresent),
            1 => Some(Self::MemoryAvailable),
            _ => None,
        }
    }
}

/// ReadyForSM-Arg: from VLR, SGSN or IP-SM-GW to the HLR. Its result is empty but for extensions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReadyForSm {
    /// The subscriber.
    pub imsi: Imsi,
    /// Why.
    pub reason: AlertReason,
    /// The sender is an SGSN (alertReasonIndicator).
    pub gprs: bool,
    /// The sender is an IP-SM-GW (additionalAlertReasonIndicator).
    pub ip_sm_gw: bool,
}

impl ReadyForSm {
    /// Reads the argument, a whole element.
    ///
    /// # Errors
    /// If it is mistyped.
    pub fn parse(argument: &[u8]) -> Result<Self, Malformed> {
        let mut fields = Fields::of(argument, 0x30)?;
        let imsi = read_imsi(fields.tagged(0x80)?);
        let imsi = fields.value(imsi)?;
        let reason = AlertReason::read(fields.tagged(0x0a)?);
        let mut ready = Self { imsi, reason: fields.value(reason)?, gprs: false, ip_sm_gw: false };
        while let Some(field) = fields.next()? {
            match field.tag {
                0x05 => ready.gprs = true,
                0x81 => ready.ip_sm_gw = true,
                _ => fields.pass(field, &[0x81])?,
            }
        }
        Ok(ready)
    }

    /// Puts the argument in front.
    pub fn write(&self, w: &mut Prepend<'_>) {
        let mark = w.len();
        put_null(w, 0x81, self.ip_sm_gw);
        put_null(w, 0x05, self.gprs);
        w.bytes(&[0x0a, 1, self.reason as u8]);
        put_imsi(w, 0x80, self.imsi);
        ber::wrap(w, 0x30, mark);
    }
}

impl ReadyForSm {
    /// Puts what says this in a version in front: in 2 IMSI and reason, in 1 the IMSI that noteSubscriberPresent has for
    /// its argument.
    pub fn write_in(&self, w: &mut Prepend<'_>, version: Version) {
        match version {
            Version::V3 => self.write(w),
            Version::V2 => Self { gprs: false, ip_sm_gw: false, ..*self }.write(w),
            Version::V1 => put_imsi(w, 0x04, self.imsi),
        }
    }

    /// Reads the argument of noteSubscriberPresent, which says that a subscriber is there.
    ///
    /// # Errors
    /// If it is mistyped.
    pub fn parse_note_subscriber_present(argument: &[u8]) -> Result<Self, Malformed> {
        let mut fields = Fields::new(argument);
        let imsi = read_imsi(fields.tagged(0x04)?);
        let imsi = fields.value(imsi)?;
        Ok(Self { imsi, reason: AlertReason::MsPresent, gprs: false, ip_sm_gw: false })
    }
}

/// MW-Status: what waits for a subscriber, and why.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct MwStatus {
    /// The service centre is not on the waiting list.
    pub sc_address_not_included: bool,
    /// The mobile can't be reached by its MSC (MNRF).
    pub mnrf: bool,
    /// The mobile's memory is full (MCEF).
    pub mcef: bool,
    /// The mobile can't be reached by its SGSN (MNRG).
    pub mnrg: bool,
}

impl MwStatus {
    /// From the contents of a BIT STRING; bits that are not there are 0.
    fn read(octets: &[u8]) -> Option<Self> {
        let (&unused, bits) = octets.split_first()?;
        let first = *bits.first()?;
        if unused > 7 {
            return None;
        }
        Some(Self {
            sc_address_not_included: first & 0x80 != 0,
            mnrf: first & 0x40 != 0,
            mcef: first & 0x20 != 0,
            mnrg: first & 0x10 != 0,
        })
    }

    /// Six bits, the fewest there may be.
    fn put(self, w: &mut Prepend<'_>, tag: u8) {
        let bit = |set: bool, place: u8| u8::from(set) << place;
        let bits =
            bit(self.sc_address_not_included, 7) | bit(self.mnrf, 6) | bit(self.mcef, 5) | bit(self.mnrg, 4);
        w.bytes(&[tag, 2, 2, bits]);
    }
}

/// InformServiceCentreArg: from the HLR to the SMS-GMSC, in the dialogue of sendRoutingInfoForSM or
/// reportSM-DeliveryStatus. Nothing answers it.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct InformServiceCentre {
    /// The number on the waiting list, if it is another than the asked one (MSIsdn-Alert).
    pub stored_msisdn: Option<AddressString>,
    /// What waits.
    pub status: Option<MwStatus>,
    /// Why the subscriber is absent.
    pub diagnostic: Option<AbsentSubscriberDiagnostic>,
    /// Why not there in the other domain.
    pub additional_diagnostic: Option<AbsentSubscriberDiagnostic>,
}

impl InformServiceCentre {
    /// Reads the argument, a whole element.
    ///
    /// # Errors
    /// If it is mistyped.
    pub fn parse(argument: &[u8]) -> Result<Self, Malformed> {
        let mut fields = Fields::of(argument, 0x30)?;
        let mut inform = Self::default();
        while let Some(field) = fields.next()? {
            let diagnostic =
                || fields.value(read_u8(field.value)).map(|code| Some(AbsentSubscriberDiagnostic(code)));
            match field.tag {
                0x04 => inform.stored_msisdn = Some(fields.value(AddressString::read(field.value))?),
                0x03 => inform.status = Some(fields.value(MwStatus::read(field.value))?),
                0x02 => inform.diagnostic = diagnostic()?,
                0x80 => inform.additional_diagnostic = diagnostic()?,
                _ => fields.pass(field, &[0x80])?,
            }
        }
        Ok(inform)
    }

    /// Puts the argument in front.
    pub fn write(&self, w: &mut Prepend<'_>) {
        let mark = w.len();
        if let Some(AbsentSubscriberDiagnostic(code)) = self.additional_diagnostic {
            ber::put_integer(w, 0x80, i32::from(code));
        }
        if let Some(AbsentSubscriberDiagnostic(code)) = self.diagnostic {
            ber::put_integer(w, 0x02, i32::from(code));
        }
        if let Some(status) = self.status {
            status.put(w, 0x03);
        }
        if let Some(number) = self.stored_msisdn {
            number.put(w, 0x04);
        }
        ber::wrap(w, 0x30, mark);
    }
}
