//! Says when and by whom the program was built: `/version` shows it, as Mesos does.

use std::time::{SystemTime, UNIX_EPOCH};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=SOURCE_DATE_EPOCH");
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let time = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|text| text.parse().ok());
    println!("cargo::rustc-env=LIBPROCESS_BUILD_TIME={}", time.unwrap_or_else(now));
    let user = std::env::var("USER").unwrap_or_default();
    println!("cargo::rustc-env=LIBPROCESS_BUILD_USER={user}");
}
