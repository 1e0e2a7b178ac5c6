//! mo-ForwardSM and mt-ForwardSM (TS 29.002 12.2, 12.9, 17.7.6), and forwardSM of versions 1 and 2, whose argument is
//! the beginning of theirs.

use super::{
    AddressString, Extension, Fields, Version, Why, put_imsi, put_null, read_imsi, read_u8, read_u16,
    read_u32,
};
use crate::base::Malformed;
use crate::codec::{Prepend, ber, tbcd};
use crate::ident::Imsi;

/// The longest SM-RP-UI, in octets (maxSignalInfoLength).
pub const MAX_UI: usize = 200;

/// SM-RP-DA: where a short message goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SmRpDa {
    /// To a subscriber; or an MT correlation id that the gateway itself gave out.
    Imsi(Imsi),
    /// To a subscriber, by the VLR's own number for it.
    Lmsi([u8; 4]),
    /// To a subscriber, by the roaming number that an HLR gave; only in version 1.
    RoamingNumber(AddressString),
    /// To a service centre.
    ServiceCentre(AddressString),
    /// To where the dialogue's first one went.
    None,
}

impl SmRpDa {
    #[inline]
    fn read(fields: &mut Fields<'_>) -> Result<Self, Malformed> {
        let choice = fields.mandatory()?;
        let read = match choice.tag {
            0x80 => read_imsi(choice.value).map(Self::Imsi),
            0x81 => choice.value.try_into().ok().map(Self::Lmsi),
            0x83 => AddressString::read(choice.value).map(Self::RoamingNumber),
            0x84 => AddressString::read(choice.value).map(Self::ServiceCentre),
            0x85 => Some(Self::None),
            _ => return Err(fields.fault(Why::Missing)),
        };
        fields.value(read)
    }

    fn put(self, w: &mut Prepend<'_>) {
        match self {
            Self::RoamingNumber(address) => address.put(w, 0x83),
            Self::Imsi(imsi) => put_imsi(w, 0x80, imsi),
            Self::Lmsi(lmsi) => ber::put(w, 0x81, &lmsi),
            Self::ServiceCentre(address) => address.put(w, 0x84),
            Self::None => w.bytes(&[0x85, 0]),
        }
    }
}

/// SM-RP-OA: where a short message comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SmRpOa {
    /// A subscriber.
    Msisdn(AddressString),
    /// A service centre.
    ServiceCentre(AddressString),
    /// Where the dialogue's first one came from; or a subscriber without a number.
    None,
}

impl SmRpOa {
    #[inline]
    pub(super) fn read(fields: &mut Fields<'_>) -> Result<Self, Malformed> {
        let choice = fields.mandatory()?;
        let read = match choice.tag {
            0x82 => AddressString::read(choice.value).map(Self::Msisdn),
            0x84 => AddressString::read(choice.value).map(Self::ServiceCentre),
            0x85 => Some(Self::None),
            _ => return Err(fields.fault(Why::Missing)),
        };
        fields.value(read)
    }

    fn put(self, w: &mut Prepend<'_>) {
        match self {
            Self::Msisdn(address) => address.put(w, 0x82),
            Self::ServiceCentre(address) => address.put(w, 0x84),
            Self::None => w.bytes(&[0x85, 0]),
        }
    }
}

#[inline]
fn read_ui<'a>(fields: &mut Fields<'a>) -> Result<&'a [u8], Malformed> {
    let ui = fields.tagged(0x04)?;
    fields.value((1..=MAX_UI).contains(&ui.len()).then_some(ui))
}

/// CorrelationID: names a subscriber without a number by SIP URIs (TS 23.682).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CorrelationId<'a> {
    /// Leading digits of the IMSI, TBCD, that name the HLR.
    pub hlr_id: Option<&'a [u8]>,
    /// The sender's URI.
    pub sip_uri_a: Option<&'a [u8]>,
    /// The recipient's URI.
    pub sip_uri_b: &'a [u8],
}

impl<'a> CorrelationId<'a> {
    #[cold]
    fn read(contents: &'a [u8]) -> Result<Self, Malformed> {
        let mut fields = Fields::new(contents);
        let (mut hlr_id, mut sip_uri_a, mut sip_uri_b) = (None, None, None);
        while let Some(field) = fields.next()? {
            match field.tag {
                0x80 => hlr_id = Some(field.value),
                0x81 => sip_uri_a = Some(field.value),
                0x82 => sip_uri_b = Some(field.value),
                _ => fields.pass(field, &[0x80, 0x81, 0x82])?,
            }
        }
        Ok(Self { hlr_id, sip_uri_a, sip_uri_b: sip_uri_b.ok_or(fields.fault(Why::Missing))? })
    }

    fn put(&self, w: &mut Prepend<'_>, tag: u8) {
        let mark = w.len();
        ber::put(w, 0x82, self.sip_uri_b);
        if let Some(uri) = self.sip_uri_a {
            ber::put(w, 0x81, uri);
        }
        if let Some(hlr) = self.hlr_id {
            ber::put(w, 0x80, hlr);
        }
        ber::wrap(w, tag, mark);
    }
}

/// MO-ForwardSM-Arg: from a subscriber to a service centre.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MoForwardSm<'a> {
    /// The service centre.
    pub service_centre: SmRpDa,
    /// The subscriber.
    pub originator: SmRpOa,
    /// The SMS-SUBMIT or SMS-COMMAND.
    pub ui: &'a [u8],
    /// The subscriber's IMSI; not in versions 1 and 2.
    pub imsi: Option<Imsi>,
    /// The SIP URIs of a message between subscribers without numbers.
    pub correlation_id: Option<CorrelationId<'a>>,
    /// What became of a message between subscribers without numbers.
    pub delivery_outcome: Option<u8>,
    /// Whether the subscriber has more for the service centre (moreMessagesToSend); only in versions 1 and 2.
    pub more_messages: bool,
    /// Extensions, as they came.
    pub extension: Extension<'a>,
}

impl<'a> MoForwardSm<'a> {
    /// The argument with its mandatory elements alone.
    #[must_use]
    pub const fn new(service_centre: SmRpDa, originator: SmRpOa, ui: &'a [u8]) -> Self {
        Self {
            service_centre,
            originator,
            ui,
            imsi: None,
            correlation_id: None,
            delivery_outcome: None,
            more_messages: false,
            extension: Extension::NONE,
        }
    }

    /// Reads the argument of mo-ForwardSM, or of forwardSM towards a service centre: a whole element.
    ///
    /// # Errors
    /// If it is mistyped.
    #[inline]
    pub fn parse(argument: &'a [u8]) -> Result<Self, Malformed> {
        Self::usual(argument).map_or_else(|| Self::any(argument), Ok)
    }

    /// From a subscriber with number and IMSI to a service centre, and nothing else, as nearly every one; `None` of any other.
    #[inline(always)]
    pub(super) fn usual(argument: &'a [u8]) -> Option<Self> {
        let (centre, rest) = ber::first(ber::whole(argument, 0x30)?, 0x84)?;
        let (originator, rest) = ber::first(rest, 0x82)?;
        let (ui, rest) = ber::first(rest, 0x04)?;
        let imsi = Imsi::new(tbcd::read_few(ber::whole(rest, 0x04)?)?)?;
        let service_centre = SmRpDa::ServiceCentre(AddressString::read_few(centre)?);
        let originator = SmRpOa::Msisdn(AddressString::read_few(originator)?);
        let sm = Self { imsi: Some(imsi), ..Self::new(service_centre, originator, ui) };
        (1..=MAX_UI).contains(&ui.len()).then_some(sm)
    }

    #[inline(never)]
    pub(super) fn any(argument: &'a [u8]) -> Result<Self, Malformed> {
        let mut fields = Fields::of(argument, 0x30)?;
        let service_centre = SmRpDa::read(&mut fields)?;
        let originator = SmRpOa::read(&mut fields)?;
        let mut sm = Self::new(service_centre, originator, read_ui(&mut fields)?);
        while let Some(field) = fields.next()? {
            match field.tag {
                0x05 => sm.more_messages = true,
                0x30 => sm.extension = Extension::new(field.value),
                0x04 => sm.imsi = Some(fields.value(read_imsi(field.value))?),
                0xa0 => sm.correlation_id = Some(CorrelationId::read(field.value)?),
                0x81 => sm.delivery_outcome = Some(fields.value(read_u8(field.value))?),
                _ => fields.pass(field, &[0xa0, 0x81])?,
            }
        }
        Ok(sm)
    }

    /// Puts the argument in front.
    #[inline(always)]
    pub fn write(&self, w: &mut Prepend<'_>) {
        let mark = w.len();
        if let Some(outcome) = self.delivery_outcome {
            w.aside(|w| ber::put_integer(w, 0x81, i32::from(outcome)));
        }
        if let Some(correlation_id) = self.correlation_id {
            w.aside(|w| correlation_id.put(w, 0xa0));
        }
        if let Some(imsi) = self.imsi {
            put_imsi(w, 0x04, imsi);
        }
        self.extension.put(w, 0x30);
        ber::put(w, 0x04, self.ui);
        match &self.originator {
            SmRpOa::Msisdn(number) => number.put(w, 0x82),
            rarer => w.aside(|w| rarer.put(w)),
        }
        match &self.service_centre {
            SmRpDa::ServiceCentre(number) => number.put(w, 0x84),
            rarer => w.aside(|w| rarer.put(w)),
        }
        ber::wrap(w, 0x30, mark);
    }

    /// Puts the argument of a version in front: of forwardSM in 1 and 2, which has neither IMSI nor extensions.
    pub fn write_in(&self, w: &mut Prepend<'_>, version: Version) {
        match version {
            Version::V3 => self.write(w),
            _ => put_forward_sm(w, self.service_centre, self.originator, self.ui, self.more_messages),
        }
    }
}

/// ForwardSM-Arg of versions 1 and 2, both ways.
fn put_forward_sm(w: &mut Prepend<'_>, to: SmRpDa, from: SmRpOa, ui: &[u8], more_messages: bool) {
    let mark = w.len();
    put_null(w, 0x05, more_messages);
    ber::put(w, 0x04, ui);
    from.put(w);
    to.put(w);
    ber::wrap(w, 0x30, mark);
}

/// Whether the argument of a forwardSM of version 1 or 2 goes to a service centre: the operation is the same both ways,
/// and the kind of SM-RP-DA tells them apart (TS 29.002 12.2). `None` if it says neither, being one more message of a
/// dialogue, or can't be read.
#[must_use]
pub fn is_mobile_originated(argument: &[u8]) -> Option<bool> {
    let mut fields = Fields::of(argument, 0x30).ok()?;
    match SmRpDa::read(&mut fields).ok()? {
        SmRpDa::ServiceCentre(_) => Some(true),
        SmRpDa::Imsi(_) | SmRpDa::Lmsi(_) | SmRpDa::RoamingNumber(_) => Some(false),
        SmRpDa::None => None,
    }
}

/// MT-ForwardSM-Arg: from a service centre to a subscriber.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MtForwardSm<'a> {
    /// The subscriber.
    pub destination: SmRpDa,
    /// The service centre.
    pub origin: SmRpOa,
    /// The SMS-DELIVER or SMS-STATUS-REPORT.
    pub ui: &'a [u8],
    /// Whether the service centre has more for the subscriber, in this dialogue.
    pub more_messages: bool,
    /// How long the sender waits for an answer, in seconds (30..=600).
    pub delivery_timer: Option<u16>,
    /// When the sender began to wait, in seconds since 1900 (NTP).
    pub delivery_start: Option<u32>,
    /// Only over IP, and the IMSI is no correlation id.
    pub sms_over_ip_only: bool,
    /// The SIP URIs of a message to a subscriber without a number.
    pub correlation_id: Option<CorrelationId<'a>>,
    /// Until when the sender would try again, in seconds since 1900 (NTP).
    pub maximum_retransmission: Option<u32>,
    /// The SMS-GMSC, to be told when the subscriber is back.
    pub gmsc: Option<AddressString>,
    /// Extensions, as they came.
    pub extension: Extension<'a>,
}

impl<'a> MtForwardSm<'a> {
    /// The argument with its mandatory elements alone.
    #[must_use]
    pub const fn new(destination: SmRpDa, origin: SmRpOa, ui: &'a [u8]) -> Self {
        Self {
            destination,
            origin,
            ui,
            more_messages: false,
            delivery_timer: None,
            delivery_start: None,
            sms_over_ip_only: false,
            correlation_id: None,
            maximum_retransmission: None,
            gmsc: None,
            extension: Extension::NONE,
        }
    }

    /// Reads the argument of mt-ForwardSM, or of forwardSM towards the mobile: a whole element.
    ///
    /// # Errors
    /// If it is mistyped.
    pub fn parse(argument: &'a [u8]) -> Result<Self, Malformed> {
        let mut fields = Fields::of(argument, 0x30)?;
        let destination = SmRpDa::read(&mut fields)?;
        let origin = SmRpOa::read(&mut fields)?;
        let mut sm = Self::new(destination, origin, read_ui(&mut fields)?);
        while let Some(field) = fields.next()? {
            match field.tag {
                0x05 => sm.more_messages = true,
                0x30 => sm.extension = Extension::new(field.value),
                // A value out of range says nothing, but is no reason to lose the message.
                0x02 => {
                    sm.delivery_timer = read_u16(field.value).filter(|seconds| (30..=600).contains(seconds));
                }
                0x04 => sm.delivery_start = Some(fields.value(read_u32(field.value))?),
                0x80 => sm.sms_over_ip_only = true,
                0xa1 => sm.correlation_id = Some(CorrelationId::read(field.value)?),
                0x82 => sm.maximum_retransmission = Some(fields.value(read_u32(field.value))?),
                0x83 => sm.gmsc = Some(fields.value(AddressString::read(field.value))?),
                _ => fields.pass(field, &[0x80, 0xa1, 0x82, 0x83])?,
            }
        }
        Ok(sm)
    }

    /// Puts the argument in front.
    pub fn write(&self, w: &mut Prepend<'_>) {
        let mark = w.len();
        if let Some(gmsc) = self.gmsc {
            gmsc.put(w, 0x83);
        }
        if let Some(time) = self.maximum_retransmission {
            ber::put(w, 0x82, &time.to_be_bytes());
        }
        if let Some(correlation_id) = self.correlation_id {
            correlation_id.put(w, 0xa1);
        }
        put_null(w, 0x80, self.sms_over_ip_only);
        if let Some(time) = self.delivery_start {
            ber::put(w, 0x04, &time.to_be_bytes());
        }
        if let Some(seconds) = self.delivery_timer {
            ber::put_integer(w, 0x02, i32::from(seconds));
        }
        self.extension.put(w, 0x30);
        put_null(w, 0x05, self.more_messages);
        ber::put(w, 0x04, self.ui);
        self.origin.put(w);
        self.destination.put(w);
        ber::wrap(w, 0x30, mark);
    }

    /// Puts the argument of a version in front: of forwardSM in 1 and 2, which ends with moreMessagesToSend.
    pub fn write_in(&self, w: &mut Prepend<'_>, version: Version) {
        match version {
            Version::V3 => self.write(w),
            _ => put_forward_sm(w, self.destination, self.origin, self.ui, self.more_messages),
        }
    }
}

/// MO-ForwardSM-Res or MT-ForwardSM-Res.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ForwardSmResult<'a> {
    /// The SMS-SUBMIT-REPORT or SMS-DELIVER-REPORT.
    pub ui: Option<&'a [u8]>,
}

impl<'a> ForwardSmResult<'a> {
    /// Reads a result, a whole element or nothing.
    ///
    /// # Errors
    /// If it is mistyped.
    pub fn parse(result: &'a [u8]) -> Result<Self, Malformed> {
        if result.is_empty() {
            return Ok(Self { ui: None });
        }
        let mut fields = Fields::of(result, 0x30)?;
        let mut ui = None;
        while let Some(field) = fields.next()? {
            if field.tag == 0x04 {
                let length = 1..=MAX_UI;
                ui = Some(fields.value(length.contains(&field.value.len()).then_some(field.value))?);
            }
        }
        Ok(Self { ui })
    }

    /// Puts the result in front, or nothing if it is empty; says whether it put something, since an empty result has
    /// no operation code either.
    pub fn write(&self, w: &mut Prepend<'_>) -> bool {
        let mark = w.len();
        if let Some(ui) = self.ui {
            ber::put(w, 0x04, ui);
            ber::wrap(w, 0x30, mark);
        }
        self.ui.is_some()
    }
}
