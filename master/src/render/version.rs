//! Which release this is.

use libprocess::build;
use mesos::master_info::VersionInfo;
use serde::Serialize;

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
        build_date: build::date(),
        build_time: build::time(),
        build_user: build::user(),
        product_version: crate::VERSION,
        version: crate::MESOS_VERSION,
    }
}

/// The same, as the operator API shows it.
pub fn version_info() -> VersionInfo {
    VersionInfo {
        version: crate::MESOS_VERSION.to_owned(),
        build_date: Some(build::date()),
        build_time: Some(build::time()),
        build_user: Some(build::user().to_owned()),
        ..VersionInfo::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_api_level_is_digits_and_dots() {
        let json = serde_json::to_value(version()).unwrap();
        assert_eq!(json["version"], "1.11.0");
        assert_eq!(json["product_version"], env!("CARGO_PKG_VERSION"));
    }
}
