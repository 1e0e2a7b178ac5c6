//! Time stamps and validity periods (TS 23.040 9.2.3.11, 9.2.3.12).

use core::fmt;
use core::time::Duration;

/// Seven octets of swapped decimal digits: year, month, day, hour, minute, second, time zone.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Timestamp(pub [u8; 7]);

/// Local time as digits say it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct DateTime {
    /// The year's last two digits.
    pub year: u8,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
    /// Local time's lead over UTC, in quarters of an hour; -79 to 79.
    pub quarters: i8,
}

/// Two decimal digits, the tens in the low half.
fn digits(octet: u8) -> Option<u8> {
    let (tens, units) = (octet & 0xf, octet >> 4);
    if tens > 9 || units > 9 { None } else { tens.checked_mul(10)?.checked_add(units) }
}

const fn octet(value: u8) -> u8 {
    let (units, tens) = (value % 10, value / 10 % 10);
    units << 4 | tens
}

impl Timestamp {
    /// From its parts. Values that have more than two digits lose them.
    #[must_use]
    pub const fn new(at: DateTime) -> Self {
        let DateTime { year, month, day, hour, minute, second, quarters } = at;
        let sign = if quarters < 0 { 8 } else { 0 };
        let zone = octet(quarters.unsigned_abs() % 80) | sign;
        Self([octet(year), octet(month), octet(day), octet(hour), octet(minute), octet(second), zone])
    }

    /// The local time, `quarters` of an hour (-79 to 79) ahead of UTC, of a number of seconds since 1970,
    /// from March 2000 to the end of 2099.
    #[must_use]
    pub fn from_unix(seconds: u64, quarters: i8) -> Self {
        let local = seconds.saturating_add_signed(i64::from(quarters).saturating_mul(900));
        let (days, second) = (local / 86_400, local % 86_400);
        // Years from 1 March 2000 on, in cycles of four years; all that two digits can tell until 2099.
        let since = days.saturating_sub(11_017);
        let day_of_cycle = since % 1461;
        let year_of_cycle = (day_of_cycle / 365).min(3);
        let day_of_year = day_of_cycle.saturating_sub(year_of_cycle.saturating_mul(365));
        let month = day_of_year.saturating_mul(5).saturating_add(2) / 153;
        let day =
            day_of_year.saturating_sub(month.saturating_mul(153).saturating_add(2) / 5).saturating_add(1);
        let years = (since / 1461).saturating_mul(4).saturating_add(year_of_cycle).saturating_add(month / 10);
        Self::new(DateTime {
            year: (years % 100) as u8,
            month: (month.saturating_add(2) % 12).saturating_add(1) as u8,
            day: day as u8,
            hour: (second / 3600) as u8,
            minute: (second / 60 % 60) as u8,
            second: (second % 60) as u8,
            quarters,
        })
    }

    /// Its parts; `None` if they are no date and time.
    #[must_use]
    pub fn parts(&self) -> Option<DateTime> {
        let [year, month, day, hour, minute, second, zone] = self.0;
        let quarters = i8::try_from(digits(zone & !8)?).ok()?;
        let parts = DateTime {
            year: digits(year)?,
            month: digits(month)?,
            day: digits(day)?,
            hour: digits(hour)?,
            minute: digits(minute)?,
            second: digits(second)?,
            quarters: if zone & 8 != 0 { quarters.checked_neg()? } else { quarters },
        };
        let possible = (1..=12).contains(&parts.month)
            && (1..=31).contains(&parts.day)
            && parts.hour < 24
            && parts.minute < 60
            && parts.second < 60;
        possible.then_some(parts)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.parts() {
            Some(DateTime { year, month, day, hour, minute, second, quarters }) => write!(
                f,
                "{year:02}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} {}{:02}:{:02}",
                if quarters < 0 { '-' } else { '+' },
                quarters.unsigned_abs() / 4,
                [0, 15, 30, 45].get(usize::from(quarters.unsigned_abs() % 4)).unwrap_or(&0)
            ),
            None => write!(f, "{:02x?}", self.0),
        }
    }
}

/// TP-Validity-Period of SMS-SUBMIT: for how long the service centre tries.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Validity {
    /// The service centre's own period.
    None,
    /// From reception on, in one octet.
    Relative(u8),
    /// A functionality indicator and what it announces.
    Enhanced([u8; 7]),
    /// Until then.
    Absolute(Timestamp),
}

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Seconds of a relative period (TS 23.040 9.2.3.12.1).
fn relative_seconds(value: u8) -> u64 {
    let value = u64::from(value);
    let (steps, step, base) = match value {
        0..=143 => (value.saturating_add(1), 5 * MINUTE, 0),
        144..=167 => (value.saturating_sub(143), 30 * MINUTE, 12 * HOUR),
        168..=196 => (value.saturating_sub(166), DAY, 0),
        _ => (value.saturating_sub(192), 7 * DAY, 0),
    };
    steps.saturating_mul(step).saturating_add(base)
}

impl Validity {
    /// The shortest relative period that is not shorter than `period`; 63 weeks at most.
    #[must_use]
    pub fn at_least(period: Duration) -> Self {
        let seconds = period.as_secs().saturating_add(u64::from(period.subsec_nanos() > 0));
        Self::Relative((0..=255).find(|&value| relative_seconds(value) >= seconds).unwrap_or(255))
    }

    /// The period from reception on, if it is given as one and is well formed.
    #[must_use]
    pub fn period(&self) -> Option<Duration> {
        let seconds = match *self {
            Self::Relative(value) => relative_seconds(value),
            // With the extension bit another indicator octet follows, which no release defines.
            Self::Enhanced([indicator, ..]) if indicator & 0x80 != 0 => return None,
            Self::Enhanced([indicator, first, second, third, ..]) => match indicator & 7 {
                1 => relative_seconds(first),
                2 if first > 0 => u64::from(first),
                3 => {
                    let (hours, minutes, seconds) = (digits(first)?, digits(second)?, digits(third)?);
                    u64::from(hours)
                        .checked_mul(HOUR)?
                        .checked_add(u64::from(minutes).checked_mul(MINUTE)?)?
                        .checked_add(u64::from(seconds))?
                }
                _ => return None,
            },
            Self::None | Self::Absolute(_) => return None,
        };
        Some(Duration::from_secs(seconds))
    }

    /// Whether delivery is to be tried once only.
    #[must_use]
    pub fn is_single_shot(&self) -> bool {
        matches!(self, Self::Enhanced([indicator, ..]) if indicator & 0x40 != 0)
    }
}
