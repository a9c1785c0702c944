//! Which release this is.

use mesos::master_info::VersionInfo;
use serde::Serialize;

/// When the binary was built, in seconds since 1970.
const BUILD_TIME: &str = env!("MASTER_BUILD_TIME");
/// Who built it.
const BUILD_USER: &str = env!("MASTER_BUILD_USER");

/// The answer of `/version`. `version` is the level of Mesos's API, which clients compare; the
/// release of the product stands beside it (spec `wire.md` 17).
#[derive(Debug, Clone, Serialize)]
pub struct Version {
    build_date: String,
    build_time: f64,
    build_user: &'static str,
    product_version: &'static str,
    version: &'static str,
}

/// Which release this is.
pub fn version() -> Version {
    Version {
        build_date: build_date(),
        build_time: build_time(),
        build_user: BUILD_USER,
        product_version: crate::VERSION,
        version: crate::MESOS_VERSION,
    }
}

/// The same, as the operator API shows it.
pub fn version_info() -> VersionInfo {
    VersionInfo {
        version: crate::MESOS_VERSION.to_owned(),
        build_date: Some(build_date()),
        build_time: Some(build_time()),
        build_user: Some(BUILD_USER.to_owned()),
        ..VersionInfo::default()
    }
}

pub(super) fn build_time() -> f64 {
    BUILD_TIME.parse().unwrap_or(0.0)
}

pub(super) fn build_user() -> &'static str {
    BUILD_USER
}

pub(super) fn build_date() -> String {
    date(BUILD_TIME.parse().unwrap_or(0))
}

/// A moment as `2026-11-22 09:58:00 UTC`.
fn date(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // The civil calendar from days since 1970, with years that begin in March, so that the leap
    // day is the last of its year.
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_follow_the_calendar() {
        assert_eq!(date(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(date(951_782_400), "2000-02-29 00:00:00 UTC");
        assert_eq!(date(1_795_341_480), "2026-11-22 09:58:00 UTC");
    }

    #[test]
    fn the_api_level_is_digits_and_dots() {
        let json = serde_json::to_value(version()).unwrap();
        assert_eq!(json["version"], "1.11.0");
        assert_eq!(json["product_version"], env!("CARGO_PKG_VERSION"));
    }
}
