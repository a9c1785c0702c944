//! Durations and sizes as Mesos writes them in flags, in `/flags`, and in query parameters.
//!
//! | unit | meaning | unit | meaning |
//! |---|---|---|---|
//! | `ns` | nanosecond | `B` | byte |
//! | `us` | microsecond | `KB` | 1024 bytes |
//! | `ms` | millisecond | `MB` | 1024 KB |
//! | `secs` | second | `GB` | 1024 MB |
//! | `mins`, `hrs` | 60 seconds, 60 minutes | `TB` | 1024 GB |
//! | `days`, `weeks` | 24 hours, 7 days | | |
//!
//! Durations take a fraction (`5.5mins`), sizes do not. Both are printed in the largest unit that
//! loses nothing. The longest duration is that of 64-bit nanoseconds, about 292 years (LP-37).

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Why a text is not a duration or a size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// There is no unit at all.
    #[error("Invalid {what} '{text}'")]
    Invalid {
        /// `duration` or `bytes`.
        what: &'static str,
        /// The text.
        text: String,
    },
    /// The part before the unit is no number.
    #[error("Failed to convert '{0}' to number")]
    Number(String),
    /// The unit is not in the table.
    #[error("Unknown {what} unit '{unit}'")]
    Unit {
        /// `duration` or `bytes`.
        what: &'static str,
        /// The unit.
        unit: String,
    },
    /// A size is a whole number.
    #[error("Fractional bytes '{0}'")]
    Fraction(String),
    /// The value does not fit.
    #[error("'{0}' is out of range")]
    Range(String),
}

const NANOS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("secs", 1_000_000_000),
    ("mins", 60_000_000_000),
    ("hrs", 3_600_000_000_000),
    ("days", 86_400_000_000_000),
    ("weeks", 604_800_000_000_000),
];

/// The longest duration that has a text.
pub const MAX_DURATION: Duration = Duration::from_nanos(i64::MAX as u64);

/// Reads a duration such as `10secs` or `1.5hrs`.
///
/// # Errors
/// A text without a known unit, without a number, negative, or longer than [`MAX_DURATION`].
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    let (number, unit) = split(text, "duration", |c| c.is_ascii_digit() || c == '.')?;
    let (_, nanos) = NANOS
        .iter()
        .find(|(name, _)| *name == unit)
        .ok_or_else(|| UnitError::Unit { what: "duration", unit: unit.to_owned() })?;
    let invalid = || UnitError::Number(number.to_owned());
    let range = || UnitError::Range(text.to_owned());
    let nanos = if number.contains('.') {
        let product = number.parse::<f64>().map_err(|_| invalid())? * *nanos as f64;
        // The float nearest to the limit lies beyond it, hence `>=`.
        if product >= i64::MAX as f64 {
            return Err(range());
        }
        product.round() as u64
    } else {
        if number.is_empty() {
            return Err(invalid());
        }
        let value = number.parse::<u64>().map_err(|_| range())?;
        value.checked_mul(*nanos).ok_or_else(range)?
    };
    if nanos > i64::MAX as u64 { Err(range()) } else { Ok(Duration::from_nanos(nanos)) }
}

/// Writes a duration as Mesos does: in its natural unit, or one below where that makes it whole.
///
/// ```
/// use libprocess::units::format_duration;
/// use std::time::Duration;
/// assert_eq!(format_duration(Duration::from_secs(600)), "10mins");
/// assert_eq!(format_duration(Duration::from_secs(10 * 24 * 3600)), "10days");
/// assert_eq!(format_duration(Duration::ZERO), "0ns");
/// ```
pub fn format_duration(duration: Duration) -> String {
    let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    let bucket = NANOS.iter().rposition(|(_, size)| nanos >= *size).unwrap_or(0);
    let (name, size) = NANOS[bucket];
    let (lower_name, lower_size) = NANOS[bucket.saturating_sub(1)];
    if nanos.is_multiple_of(size) {
        format!("{}{name}", nanos / size)
    } else if nanos.is_multiple_of(lower_size) {
        format!("{}{lower_name}", nanos / lower_size)
    } else {
        format!("{}{name}", significant(nanos as f64 / size as f64))
    }
}

/// A positive number with 15 significant digits, without trailing zeros.
fn significant(value: f64) -> String {
    let digits_before = (value.log10().floor() as i32 + 1).max(1);
    let decimals = usize::try_from(15 - digits_before).unwrap_or(0);
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

fn split<'a>(
    text: &'a str,
    what: &'static str,
    in_number: impl Fn(char) -> bool,
) -> Result<(&'a str, &'a str), UnitError> {
    match text.find(|c| !in_number(c)) {
        Some(index) => Ok(text.split_at(index)),
        None => Err(UnitError::Invalid { what, text: text.to_owned() }),
    }
}

/// A size in bytes, for example of a disk or of memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub u64);

impl Bytes {
    /// 1024 bytes.
    pub const KILOBYTE: u64 = 1024;
    /// 1024 KB.
    pub const MEGABYTE: u64 = 1024 * Self::KILOBYTE;
    /// 1024 MB.
    pub const GIGABYTE: u64 = 1024 * Self::MEGABYTE;
    /// 1024 GB.
    pub const TERABYTE: u64 = 1024 * Self::GIGABYTE;

    /// So many megabytes; `None` when that does not fit.
    pub fn from_megabytes(megabytes: u64) -> Option<Self> {
        megabytes.checked_mul(Self::MEGABYTE).map(Self)
    }

    /// The size in megabytes, as resources of Mesos count memory and disk.
    pub fn as_megabytes(self) -> f64 {
        self.0 as f64 / Self::MEGABYTE as f64
    }
}

const SIZES: [(&str, u64); 5] = [
    ("B", 1),
    ("KB", Bytes::KILOBYTE),
    ("MB", Bytes::MEGABYTE),
    ("GB", Bytes::GIGABYTE),
    ("TB", Bytes::TERABYTE),
];

impl FromStr for Bytes {
    type Err = UnitError;

    /// Reads a size such as `4KB`; the unit may be in lower case.
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let (number, unit) = split(text, "bytes", |c| c.is_ascii_digit())?;
        if unit.starts_with('.') {
            return Err(UnitError::Fraction(text.to_owned()));
        }
        let (_, size) = SIZES
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(unit))
            .ok_or_else(|| UnitError::Unit { what: "bytes", unit: unit.to_owned() })?;
        if number.is_empty() {
            return Err(UnitError::Number(number.to_owned()));
        }
        let range = || UnitError::Range(text.to_owned());
        let value = number.parse::<u64>().map_err(|_| range())?;
        value.checked_mul(*size).map(Self).ok_or_else(range)
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = SIZES.iter().rev().find(|(_, size)| self.0.is_multiple_of(*size));
        match whole {
            Some((name, size)) if self.0 > 0 => write!(f, "{}{name}", self.0 / size),
            _ => write!(f, "{}B", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_print_as_mesos_prints_them() {
        let cases = [
            (0, "0ns"),
            (999, "999ns"),
            (1_500, "1500ns"),
            (2_000, "2us"),
            (1_500_000, "1500us"),
            (1_000_000_000, "1secs"),
            (1_500_000_000, "1500ms"),
            (3_141_592_653, "3.141592653secs"),
            (90_000_000_000, "90secs"),
            (90_500_000_000, "1.50833333333333mins"),
            (7_200_000_000_000, "2hrs"),
            (864_000_000_000_000, "10days"),
            (604_800_000_000_000, "1weeks"),
            (1_209_600_000_000_000, "2weeks"),
        ];
        for (nanos, text) in cases {
            assert_eq!(format_duration(Duration::from_nanos(nanos)), text, "{nanos}");
        }
    }

    #[test]
    fn durations_are_read() {
        assert_eq!(parse_duration("10secs"), Ok(Duration::from_secs(10)));
        assert_eq!(parse_duration("5.5mins"), Ok(Duration::from_secs(330)));
        assert_eq!(parse_duration("1weeks"), Ok(Duration::from_secs(604_800)));
        assert_eq!(parse_duration(".5ms"), Ok(Duration::from_micros(500)));
    }

    #[test]
    fn wrong_durations_say_why() {
        let message = |text| parse_duration(text).unwrap_err().to_string();
        assert_eq!(message("10"), "Invalid duration '10'");
        assert_eq!(message(""), "Invalid duration ''");
        assert_eq!(message("10sec"), "Unknown duration unit 'sec'");
        assert_eq!(message("-1secs"), "Unknown duration unit '-1secs'");
        assert_eq!(message("secs"), "Failed to convert '' to number");
        assert_eq!(message("1.2.3secs"), "Failed to convert '1.2.3' to number");
        assert_eq!(message("99999999999weeks"), "'99999999999weeks' is out of range");
        assert_eq!(message("99999999999.5weeks"), "'99999999999.5weeks' is out of range");
    }

    #[test]
    fn sizes_print_and_read() {
        for (bytes, text) in [
            (0, "0B"),
            (1023, "1023B"),
            (1024, "1KB"),
            (1025, "1025B"),
            (5 * Bytes::MEGABYTE, "5MB"),
            (1536 * Bytes::MEGABYTE, "1536MB"),
            (2 * Bytes::GIGABYTE, "2GB"),
            (3 * Bytes::TERABYTE, "3TB"),
        ] {
            assert_eq!(Bytes(bytes).to_string(), text);
            assert_eq!(text.parse(), Ok(Bytes(bytes)));
        }
        assert_eq!("2gb".parse(), Ok(Bytes(2 * Bytes::GIGABYTE)));
    }

    #[test]
    fn wrong_sizes_say_why() {
        let message = |text: &str| text.parse::<Bytes>().unwrap_err().to_string();
        assert_eq!(message("1.5GB"), "Fractional bytes '1.5GB'");
        assert_eq!(message("12"), "Invalid bytes '12'");
        assert_eq!(message("12PB"), "Unknown bytes unit 'PB'");
        assert_eq!(message("MB"), "Failed to convert '' to number");
        assert_eq!(message("99999999999999TB"), "'99999999999999TB' is out of range");
    }

    proptest! {
        #[test]
        fn any_size_survives_its_text(bytes in any::<u64>()) {
            prop_assert_eq!(Bytes(bytes).to_string().parse(), Ok(Bytes(bytes)));
        }

        #[test]
        fn any_duration_nearly_survives_its_text(nanos in 0..=i64::MAX as u64) {
            // Fifteen digits cannot hold every nanosecond of centuries, but nearly.
            let duration = Duration::from_nanos(nanos);
            let text = format_duration(duration);
            let back = parse_duration(&text).unwrap();
            let off = back.abs_diff(duration).as_secs_f64();
            prop_assert!(off <= duration.as_secs_f64() * 1e-13, "{} off by {}", text, off);
        }

        #[test]
        fn whole_durations_survive_exactly(count in 0u64..10_000, unit in 0usize..8) {
            let (name, size) = NANOS[unit];
            let text = format!("{count}{name}");
            let duration = parse_duration(&text).unwrap();
            prop_assert_eq!(duration, Duration::from_nanos(count * size));
            let again = parse_duration(&format_duration(duration)).unwrap();
            prop_assert!(again.abs_diff(duration) <= Duration::from_micros(10));
        }

        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = parse_duration(&text);
            let _ = text.parse::<Bytes>();
        }
    }
}
