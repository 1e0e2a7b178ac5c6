//! A network access identifier, `user@realm`, and the IMSI inside it (TS 23.003 13.3, 14.3 and 19.3.2; RFC 7542).

use super::{Digits, Imsi};
use core::fmt;

/// A network access identifier as it is spelt.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Nai<'a> {
    /// What stands before the `@`, not empty.
    pub user: &'a [u8],
    /// What stands behind it: labels of letters, digits and hyphens. Compare without regard to case.
    pub realm: &'a [u8],
}

/// The realms of a network whose subscribers are served.
#[derive(Clone, Copy, Debug)]
pub struct ServedRealms<'a> {
    /// Mobile country code: 3 digits.
    pub mcc: Digits,
    /// Mobile network code: 2 or 3 digits. How many is not to be seen in a realm, which always has 3.
    pub mnc: Digits,
    /// Realms beside those that follow from `mcc` and `mnc`.
    pub realms: &'a [String],
}

/// Why there is no IMSI in a network access identifier.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NaiError {
    /// The user part is neither an IMSI in the form that the realm asks for nor a pseudonym.
    NotAnImsi,
    /// A pseudonym or a fast re-authentication identity: whom it stands for, the AAA server knows alone.
    Pseudonym,
    /// The realm is of no network that is served.
    ForeignRealm,
    /// The IMSI is of another network than the realm.
    DoesNotFit,
}

impl fmt::Display for NaiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAnImsi => "the user part is no IMSI",
            Self::Pseudonym => "the user part is a pseudonym or fast re-authentication identity",
            Self::ForeignRealm => "the realm is not served",
            Self::DoesNotFit => "the IMSI is of another network than the realm",
        })
    }
}

impl core::error::Error for NaiError {}

/// The longest network access identifier, in octets (RFC 7542 2.3).
const MAX: usize = 253;

impl<'a> Nai<'a> {
    /// Takes `user@realm` apart. A SIP URI may stand for it, whose parameters and headers don't count: the temporary
    /// public identity is one (TS 23.003 13.4B). `None` if it is neither.
    #[must_use]
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let text = match strip_ignoring_case(text, b"sip:").or_else(|| strip_ignoring_case(text, b"sips:")) {
            Some(uri) => uri.split(|&octet| matches!(octet, b';' | b'?')).next()?,
            None => text,
        };
        let at = text.iter().position(|&octet| octet == b'@')?;
        let (user, realm) = (text.get(..at)?, text.get(at + 1..)?);
        let label = |label: &[u8]| {
            let edges = [label.first(), label.last()];
            edges.iter().all(|edge| edge.is_some_and(u8::is_ascii_alphanumeric))
                && label.iter().all(|&octet| octet.is_ascii_alphanumeric() || octet == b'-')
        };
        let visible = |octet: &u8| *octet > b' ' && *octet != 0x7f;
        (text.len() <= MAX
            && !user.is_empty()
            && user.iter().all(visible)
            && realm.split(|&octet| octet == b'.').all(label))
        .then_some(Self { user, realm })
    }

    /// The IMSI, if the realm is served and the IMSI is of that realm's network. Whether the network serves the IMSI
    /// where the realm has no network code in it, is not asked here.
    ///
    /// # Errors
    /// The reason, the realm's before the user part's.
    pub fn imsi(&self, served: &ServedRealms<'_>) -> Result<Imsi, NaiError> {
        let listed = served.realms.iter().any(|realm| realm.as_bytes().eq_ignore_ascii_case(self.realm));
        let domain = Domain::parse(self.realm);
        if !listed && !domain.is_some_and(|domain| domain.is_of(served)) {
            return Err(NaiError::ForeignRealm);
        }
        let imsi = self.user_imsi(domain.map_or(b"", |domain| domain.kinds))?;
        match domain {
            Some(domain) if !domain.has(imsi, served) => Err(NaiError::DoesNotFit),
            _ => Ok(imsi),
        }
    }

    /// The IMSI behind one of the digits `kinds`, or alone if there is none of them.
    fn user_imsi(&self, kinds: &[u8]) -> Result<Imsi, NaiError> {
        let (&first, rest) = self.user.split_first().ok_or(NaiError::NotAnImsi)?;
        // Without such digits, only the length tells that the first is none of the IMSI's.
        let alone = kinds.is_empty() && self.user.len() <= 15;
        if !alone && matches!(first, b'2' | b'3' | b'4' | b'5' | b'7' | b'8') {
            return Err(NaiError::Pseudonym);
        }
        let digits = match alone {
            true => self.user,
            false if kinds.contains(&first) => rest,
            false => return Err(NaiError::NotAnImsi),
        };
        Imsi::from_ascii(digits).ok_or(NaiError::NotAnImsi)
    }
}

/// Masked: debug output may reach a log.
impl fmt::Debug for Nai<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.user.len().saturating_sub(3);
        let (hidden, shown) = self.user.split_at_checked(shown).unwrap_or((self.user, &[]));
        write!(f, "{}{}@{}", "*".repeat(hidden.len()), shown.escape_ascii(), self.realm.escape_ascii())
    }
}

/// A domain that a network's codes make, without `.3gppnetwork.org`.
#[derive(Clone, Copy)]
struct Domain<'a> {
    /// The digits, one of which stands before the IMSI.
    kinds: &'static [u8],
    /// The 3 digits behind `mnc`.
    mnc: &'a [u8],
    /// The 3 digits behind `mcc`.
    mcc: &'a [u8],
}

impl<'a> Domain<'a> {
    fn parse(realm: &'a [u8]) -> Option<Self> {
        const KINDS: [(&[u8], &[u8]); 3] = [(b"ims.", b""), (b"wlan.", b"01"), (b"nai.epc.", b"016")];
        let (kinds, rest) =
            KINDS.iter().find_map(|(service, kinds)| Some((*kinds, strip_ignoring_case(realm, service)?)))?;
        let (mnc, rest) = strip_ignoring_case(rest, b"mnc")?.split_at_checked(3)?;
        let (mcc, rest) = strip_ignoring_case(rest, b".mcc")?.split_at_checked(3)?;
        let digits = [mnc, mcc].iter().all(|code| code.iter().all(u8::is_ascii_digit));
        (digits && rest.eq_ignore_ascii_case(b".3gppnetwork.org")).then_some(Self { kinds, mnc, mcc })
    }

    /// The network code with as many digits as the served network's has: a 2-digit one is padded with a zero.
    fn mnc(&self, served: &ServedRealms<'_>) -> Option<&'a [u8]> {
        match served.mnc.len() {
            2 => self.mnc.strip_prefix(b"0"),
            _ => Some(self.mnc),
        }
    }

    fn is_of(&self, served: &ServedRealms<'_>) -> bool {
        Digits::from_ascii(self.mcc) == Some(served.mcc)
            && self.mnc(served).and_then(Digits::from_ascii) == Some(served.mnc)
    }

    fn has(&self, imsi: Imsi, served: &ServedRealms<'_>) -> bool {
        let prefix = self.mnc(served).and_then(|mnc| {
            let digits = self.mcc.iter().chain(mnc).map(|octet| octet - b'0');
            digits.into_iter().try_fold(Digits::EMPTY, Digits::with)
        });
        prefix.is_some_and(|prefix| imsi.digits().starts_with(prefix))
    }
}

fn strip_ignoring_case<'a>(text: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use NaiError::{DoesNotFit, ForeignRealm, NotAnImsi, Pseudonym};

    fn imsi(mnc: &str, text: &str) -> Option<Result<String, NaiError>> {
        let realms = ["home1.net".into(), "ims.mnc020.mcc234.3gppnetwork.org".into()];
        let served = ServedRealms { mcc: "234".parse().unwrap(), mnc: mnc.parse().unwrap(), realms: &realms };
        Some(Nai::parse(text.as_bytes())?.imsi(&served).map(|imsi| imsi.to_string()))
    }

    #[test]
    fn every_form_of_ts_23_003_gives_its_imsi() {
        for text in [
            "234150999999999@ims.mnc015.mcc234.3gppnetwork.org",
            "sip:234150999999999@ims.mnc015.mcc234.3gppnetwork.org",
            "SIPS:234150999999999@IMS.MNC015.mcc234.3GPPnetwork.org;user=phone?x=y",
            "0234150999999999@wlan.mnc015.mcc234.3gppnetwork.org",
            "1234150999999999@wlan.mnc015.mcc234.3gppnetwork.org",
            "0234150999999999@nai.epc.mnc015.mcc234.3gppnetwork.org",
            "1234150999999999@nai.epc.mnc015.mcc234.3gppnetwork.org",
            "6234150999999999@nai.epc.mnc015.mcc234.3gppnetwork.org",
            "234150999999999@home1.net",
            "234150999999999@HOME1.Net",
        ] {
            assert_eq!(imsi("15", text), Some(Ok("234150999999999".into())), "{text}");
        }
        let another = "234200999999999@ims.mnc020.mcc234.3gppnetwork.org";
        assert_eq!(imsi("15", another), Some(Ok("234200999999999".into())), "a further realm");
        assert_eq!(imsi("15", "234151@home1.net"), Some(Ok("234151".into())), "the shortest");
    }

    #[test]
    fn what_is_no_imsi_of_the_network_says_why() {
        let ims = "@ims.mnc015.mcc234.3gppnetwork.org";
        let wlan = "@wlan.mnc015.mcc234.3gppnetwork.org";
        let epc = "@nai.epc.mnc015.mcc234.3gppnetwork.org";
        for (user, realm, error) in [
            ("2234150999999999", ims, Pseudonym),
            ("3234150999999999", wlan, Pseudonym),
            ("7234150999999999", epc, Pseudonym),
            ("4234150999999999", wlan, Pseudonym),
            ("5234150999999999", epc, Pseudonym),
            ("8234150999999999", "@home1.net", Pseudonym),
            ("2aGVsbG8", wlan, Pseudonym),
            ("234150999999999", wlan, Pseudonym),
            ("6234150999999999", wlan, NotAnImsi),
            ("9234150999999999", epc, NotAnImsi),
            ("0234150999999999", ims, NotAnImsi),
            ("0234150999999999", "@home1.net", NotAnImsi),
            ("02341509999999990", epc, NotAnImsi),
            ("alice", "@home1.net", NotAnImsi),
            ("home!234150999999999", wlan, NotAnImsi),
            ("+23415099999", ims, NotAnImsi),
            ("23415", "@home1.net", NotAnImsi),
            ("0", epc, NotAnImsi),
            ("234150999999999", "@ims.mnc016.mcc234.3gppnetwork.org", ForeignRealm),
            ("234150999999999", "@ims.mnc015.mcc235.3gppnetwork.org", ForeignRealm),
            ("234150999999999", "@ims.mnc15.mcc234.3gppnetwork.org", ForeignRealm),
            ("234150999999999", "@ims.mnc015.mcc234.3gppnetwork.org.evil.org", ForeignRealm),
            ("234150999999999", "@x.ims.mnc015.mcc234.3gppnetwork.org", ForeignRealm),
            ("234150999999999", "@sub.home1.net", ForeignRealm),
            ("4234150999999999", "@else.net", ForeignRealm),
            ("234160999999999", ims, DoesNotFit),
            ("235150999999999", ims, DoesNotFit),
            ("0234160999999999", wlan, DoesNotFit),
            ("234150999999999", "@ims.mnc020.mcc234.3gppnetwork.org", DoesNotFit),
        ] {
            assert_eq!(imsi("15", &format!("{user}{realm}")), Some(Err(error)), "{user}{realm}");
        }
    }

    #[test]
    fn how_long_the_network_code_is_the_configuration_tells() {
        let text = "234015099999999@ims.mnc015.mcc234.3gppnetwork.org";
        assert_eq!(imsi("015", text), Some(Ok("234015099999999".into())));
        assert_eq!(imsi("15", text), Some(Err(DoesNotFit)));
        let text = "234150999999999@ims.mnc015.mcc234.3gppnetwork.org";
        assert_eq!(imsi("015", text), Some(Err(DoesNotFit)));
        assert_eq!(imsi("15", "234150999999999@ims.mnc115.mcc234.3gppnetwork.org"), Some(Err(ForeignRealm)));
    }

    #[test]
    fn what_is_no_nai_is_refused_wherever_it_ends() {
        for text in [
            "",
            "@",
            "a@",
            "@b",
            "a",
            "a@b@c",
            "a@b..c",
            "a@.b",
            "a@b.",
            "a@-b",
            "a@b-",
            "a@b_c",
            "a b@c",
            "a\n@c",
            "sip:",
            "sip:@b",
            "sip:a@b:5060",
            "tel:+234@b c",
            "a@b;c",
            "a@[::1]",
        ] {
            assert_eq!(Nai::parse(text.as_bytes()), None, "{text:?}");
        }
        let whole = "sip:0234150999999999@nai.epc.mnc015.mcc234.3gppnetwork.org";
        for end in 0..whole.len() {
            assert!(!matches!(imsi("15", &whole[..end]), Some(Ok(_))), "{end}");
        }
        let long = format!("{}@b", "a".repeat(251));
        assert!(Nai::parse(long.as_bytes()).is_some() && Nai::parse(format!("a{long}").as_bytes()).is_none());
    }

    #[test]
    fn the_user_part_is_masked() {
        let nai = Nai::parse(b"234150999999999@home1.net").unwrap();
        assert_eq!(format!("{nai:?}"), "************999@home1.net");
        assert_eq!(format!("{:?}", Nai::parse(b"ab@c").unwrap()), "ab@c");
    }
}
