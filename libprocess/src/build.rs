//! When and by whom this program was built, for `/version`.

/// When, in seconds since 1970; `SOURCE_DATE_EPOCH` if the build was to be reproducible.
pub fn time() -> f64 {
    seconds() as f64
}

/// When, as `2026-11-22 09:58:00 UTC`.
pub fn date() -> String {
    date_of(seconds())
}

/// Who built it, as `USER` said.
pub fn user() -> &'static str {
    env!("LIBPROCESS_BUILD_USER")
}

fn seconds() -> u64 {
    env!("LIBPROCESS_BUILD_TIME").parse().unwrap_or(0)
}

/// A moment as `2026-11-22 09:58:00 UTC`.
fn date_of(seconds: u64) -> String {
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
        assert_eq!(date_of(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(date_of(951_782_400), "2000-02-29 00:00:00 UTC");
        assert_eq!(date_of(1_795_341_480), "2026-11-22 09:58:00 UTC");
        assert!(time() > 0.0);
    }
}
