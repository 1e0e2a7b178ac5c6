//! TP-Data-Coding-Scheme (TS 23.038 clause 4).

/// How the user data is coded.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct CodingScheme(pub u8);

/// The alphabet of the user data.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Alphabet {
    /// GSM 7 bit default alphabet; what is reserved counts as this.
    Gsm7,
    /// 8-bit data.
    Binary,
    /// UCS2; in the field UTF-16, big-endian.
    Ucs2,
}

/// A message waiting indication.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Waiting {
    /// Whether the text is to be kept.
    pub store: bool,
    /// Whether messages wait, or none any more.
    pub active: bool,
    /// 0 voicemail, 1 fax, 2 electronic mail, 3 other.
    pub kind: u8,
}

impl CodingScheme {
    /// GSM 7 bit default alphabet without a class.
    pub const GSM7: Self = Self(0x00);
    /// 8-bit data without a class.
    pub const BINARY: Self = Self(0x04);
    /// UCS2 without a class.
    pub const UCS2: Self = Self(0x08);

    /// The alphabet.
    #[must_use]
    pub fn alphabet(self) -> Alphabet {
        match (self.0 >> 4, self.0 >> 2 & 3) {
            (0x0..=0x7, 1) | (0xf, 1 | 3) => Alphabet::Binary,
            (0x0..=0x7, 2) | (0xe, _) => Alphabet::Ucs2,
            _ => Alphabet::Gsm7,
        }
    }

    /// Whether the text is compressed (TS 23.042).
    #[must_use]
    pub fn is_compressed(self) -> bool {
        self.0 & 0xa0 == 0x20
    }

    /// The message class, if there is one: 0 is shown at once, 1 is for the ME, 2 for the (U)SIM, 3 for the TE.
    #[must_use]
    pub fn class(self) -> Option<u8> {
        (self.0 & 0x90 == 0x10 || self.0 & 0xf0 == 0xf0).then_some(self.0 & 3)
    }

    /// Whether the message is to be deleted once read.
    #[must_use]
    pub fn deletes_once_read(self) -> bool {
        self.0 & 0xc0 == 0x40
    }

    /// The message waiting indication, if it is one.
    #[must_use]
    pub fn waiting(self) -> Option<Waiting> {
        let indication = Waiting { store: self.0 >> 4 != 0xc, active: self.0 & 8 != 0, kind: self.0 & 3 };
        matches!(self.0 >> 4, 0xc..=0xe).then_some(indication)
    }

    /// Whether TP-User-Data-Length counts septets; otherwise it counts octets (TS 23.040 9.2.3.16).
    #[must_use]
    pub fn counts_septets(self) -> bool {
        self.alphabet() == Alphabet::Gsm7 && !self.is_compressed()
    }
}

impl core::fmt::Debug for CodingScheme {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:02x} ({:?})", self.0, self.alphabet())
    }
}
