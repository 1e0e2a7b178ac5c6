//! reportSM-DeliveryStatus (TS 29.002 12.3, 17.7.6): tells the HLR what became of a short message.

use super::extension::SMSC_TYPE;
use super::{
    AbsentSubscriberDiagnostic, AddressString, Arc, Fields, SmscType, Version, Why, put_imsi, put_null,
    read_imsi, read_u8,
};
use crate::base::Malformed;
use crate::codec::{Prepend, ber};
use crate::ident::Imsi;

/// SM-DeliveryOutcome.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum DeliveryOutcome {
    /// The mobile's memory is full.
    MemoryCapacityExceeded = 0,
    /// The subscriber was not there.
    AbsentSubscriber = 1,
    /// The message arrived.
    SuccessfulTransfer = 2,
}

impl DeliveryOutcome {
    fn read(octets: &[u8]) -> Option<Self> {
        match ber::integer(octets)? {
            0 => Some(Self::MemoryCapacityExceeded),
            1 => Some(Self::AbsentSubscriber),
            2 => Some(Self::SuccessfulTransfer),
            _ => None,
        }
    }
}

/// ReportSM-DeliveryStatusArg.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReportSmDeliveryStatus {
    /// The subscriber.
    pub msisdn: AddressString,
    /// The service centre to put on the waiting list, or to take from it.
    pub service_centre: AddressString,
    /// What became of the message.
    pub outcome: DeliveryOutcome,
    /// Why the subscriber was absent.
    pub diagnostic: Option<AbsentSubscriberDiagnostic>,
    /// The sender knows GPRS.
    pub gprs_support: bool,
    /// The outcome is that of GPRS.
    pub outcome_is_gprs: bool,
    /// What became of the message over the other domain.
    pub additional_outcome: Option<DeliveryOutcome>,
    /// Why the subscriber was absent there.
    pub additional_diagnostic: Option<AbsentSubscriberDiagnostic>,
    /// The outcome is that of the IP-SM-GW.
    pub ip_sm_gw: bool,
    /// What became of the message over the IP-SM-GW, if the outcome is another domain's.
    pub ip_sm_gw_outcome: Option<DeliveryOutcome>,
    /// Why the subscriber was absent there.
    pub ip_sm_gw_diagnostic: Option<AbsentSubscriberDiagnostic>,
    /// The subscriber's IMSI.
    pub imsi: Option<Imsi>,
    /// The message was to be tried once.
    pub single_attempt: bool,
    /// What kind of service centre has the message (TR 23.804 8.5 step 8). A private extension.
    pub smsc_type: Option<SmscType>,
}

impl ReportSmDeliveryStatus {
    /// The argument with its mandatory elements alone.
    #[must_use]
    pub const fn new(msisdn: AddressString, service_centre: AddressString, outcome: DeliveryOutcome) -> Self {
        Self {
            msisdn,
            service_centre,
            outcome,
            diagnostic: None,
            gprs_support: false,
            outcome_is_gprs: false,
            additional_outcome: None,
            additional_diagnostic: None,
            ip_sm_gw: false,
            ip_sm_gw_outcome: None,
            ip_sm_gw_diagnostic: None,
            imsi: None,
            single_attempt: false,
            smsc_type: None,
        }
    }

    /// Reads the argument, a whole element, and the private extension under `arc`, if that is configured.
    ///
    /// # Errors
    /// If it is mistyped.
    pub fn parse(argument: &[u8], arc: Option<&Arc>) -> Result<Self, Malformed> {
        let mut fields = Fields::of(argument, 0x30)?;
        let msisdn = AddressString::read(fields.tagged(0x04)?);
        let msisdn = fields.value(msisdn)?;
        let service_centre = AddressString::read(fields.tagged(0x04)?);
        let service_centre = fields.value(service_centre)?;
        // Version 1 has no outcome: what it reports is always that the subscriber was absent (TS 29.002 23.6).
        let outcome = match fields.optional(0x0a)? {
            Some(octets) => fields.value(DeliveryOutcome::read(octets))?,
            None if fields.is_empty() => DeliveryOutcome::AbsentSubscriber,
            None => return Err(fields.fault(Why::Missing)),
        };
        let mut report = Self::new(msisdn, service_centre, outcome);
        while let Some(field) = fields.next()? {
            let outcome = || fields.value(DeliveryOutcome::read(field.value)).map(Some);
            let diagnostic =
                || fields.value(read_u8(field.value)).map(|code| Some(AbsentSubscriberDiagnostic(code)));
            match field.tag {
                0x80 => report.diagnostic = diagnostic()?,
                0xa1 => {
                    let value = arc.and_then(|arc| arc.find(field.value, SMSC_TYPE));
                    report.smsc_type = value.and_then(SmscType::read);
                }
                0x82 => report.gprs_support = true,
                0x83 => report.outcome_is_gprs = true,
                0x84 => report.additional_outcome = outcome()?,
                0x85 => report.additional_diagnostic = diagnostic()?,
                0x86 => report.ip_sm_gw = true,
                0x87 => report.ip_sm_gw_outcome = outcome()?,
                0x88 => report.ip_sm_gw_diagnostic = diagnostic()?,
                0x89 => report.imsi = Some(fields.value(read_imsi(field.value))?),
                0x8a => report.single_attempt = true,
                _ => {
                    fields.pass(field, &[0x80, 0xa1, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a])?
                }
            }
        }
        Ok(report)
    }

    /// Puts the argument in front; the private extension only if there is an `arc` for it.
    pub fn write(&self, w: &mut Prepend<'_>, arc: Option<&Arc>) {
        let mark = w.len();
        let put = |w: &mut Prepend<'_>, tag, value: Option<u8>| {
            if let Some(value) = value {
                ber::put_integer(w, tag, i32::from(value));
            }
        };
        put_null(w, 0x8a, self.single_attempt);
        if let Some(imsi) = self.imsi {
            put_imsi(w, 0x89, imsi);
        }
        put(w, 0x88, self.ip_sm_gw_diagnostic.map(|diagnostic| diagnostic.0));
        put(w, 0x87, self.ip_sm_gw_outcome.map(|outcome| outcome as u8));
        put_null(w, 0x86, self.ip_sm_gw);
        put(w, 0x85, self.additional_diagnostic.map(|diagnostic| diagnostic.0));
        put(w, 0x84, self.additional_outcome.map(|outcome| outcome as u8));
        put_null(w, 0x83, self.outcome_is_gprs);
        put_null(w, 0x82, self.gprs_support);
        if let (Some(arc), Some(kind)) = (arc, self.smsc_type) {
            arc.put(w, 0xa1, SMSC_TYPE, &kind.value());
        }
        put(w, 0x80, self.diagnostic.map(|diagnostic| diagnostic.0));
        put(w, 0x0a, Some(self.outcome as u8));
        self.service_centre.put(w, 0x04);
        self.msisdn.put(w, 0x04);
        ber::wrap(w, 0x30, mark);
    }
}

impl ReportSmDeliveryStatus {
    /// Puts the argument of a version in front: 2 ends with the outcome, 1 before it.
    pub fn write_in(&self, w: &mut Prepend<'_>, version: Version, arc: Option<&Arc>) {
        if version == Version::V3 {
            return self.write(w, arc);
        }
        let mark = w.len();
        if version == Version::V2 {
            ber::put_integer(w, 0x0a, i32::from(self.outcome as u8));
        }
        self.service_centre.put(w, 0x04);
        self.msisdn.put(w, 0x04);
        ber::wrap(w, 0x30, mark);
    }
}

/// ReportSM-DeliveryStatusRes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReportSmDeliveryStatusResult {
    /// The number on the waiting list, if it is another than the reported one.
    pub stored_msisdn: Option<AddressString>,
}

impl ReportSmDeliveryStatusResult {
    /// Reads a result, a whole element or nothing; in versions 1 and 2 it is the number alone.
    ///
    /// # Errors
    /// If it is mistyped.
    pub fn parse(result: &[u8]) -> Result<Self, Malformed> {
        let mut fields = match result.first() {
            None => return Ok(Self { stored_msisdn: None }),
            Some(0x04) => Fields::new(result),
            Some(_) => Fields::of(result, 0x30)?,
        };
        let stored = match fields.optional(0x04)? {
            Some(octets) => Some(fields.value(AddressString::read(octets))?),
            None => None,
        };
        while fields.next()?.is_some() {}
        Ok(Self { stored_msisdn: stored })
    }

    /// Puts the result in front, or nothing if it is empty; says whether it put something, since an empty result has
    /// no operation code either.
    pub fn write(&self, w: &mut Prepend<'_>) -> bool {
        let mark = w.len();
        if let Some(number) = self.stored_msisdn {
            number.put(w, 0x04);
            ber::wrap(w, 0x30, mark);
        }
        self.stored_msisdn.is_some()
    }

    /// The same, in the form of a version.
    pub fn write_in(&self, w: &mut Prepend<'_>, version: Version) -> bool {
        match (version, self.stored_msisdn) {
            (Version::V3, _) => return self.write(w),
            (_, Some(number)) => number.put(w, 0x04),
            (_, None) => {}
        }
        self.stored_msisdn.is_some()
    }
}
