//! From the name that Mesos gives a metric to the one that Prometheus wants.
//!
//! | ends in | becomes | because |
//! |---|---|---|
//! | anything, a counter | `…_total` | Prometheus marks counters so |
//! | `_secs`, `_ms` | `_seconds`, scaled | base units |
//! | `_percent` (0 to 1 in Mesos) | `_ratio` | that is what it is |
//! | `_total`, not a counter | nothing | `_total` is for counters |
//! | a size in megabytes | `_bytes`, scaled | base units |
//!
//! Characters outside `[a-zA-Z0-9_]` become underscores, and runs of them one.

use super::desc::{Desc, Unit};

/// What a metric is, as far as its name goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameKind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// A distribution of durations.
    Duration,
    /// A distribution of anything else.
    Histogram,
}

/// The Prometheus name of a metric, and what to multiply its value by.
pub fn derive(prefix: &str, desc: &Desc, kind: NameKind) -> (String, f64) {
    let mut name = sanitize(&format!("{prefix}_{}", desc.family));
    let mut scale = 1.0;
    if desc.unit == Unit::Megabytes {
        for ending in ["_total", "_megabytes", "_mb"] {
            strip(&mut name, ending);
        }
        name.push_str("_bytes");
        scale = 1024.0 * 1024.0;
    } else if strip(&mut name, "_ms") {
        name.push_str("_seconds");
        scale = 1e-3;
    } else if strip(&mut name, "_secs") {
        name.push_str("_seconds");
    } else if strip(&mut name, "_percent") {
        name.push_str("_ratio");
    }
    match kind {
        NameKind::Counter => {
            strip(&mut name, "_total");
            name.push_str("_total");
        }
        NameKind::Gauge | NameKind::Histogram => {
            // Endings that belong to other kinds mislead whoever queries.
            while ["_total", "_count", "_sum", "_bucket"].iter().any(|e| strip(&mut name, e)) {}
        }
        NameKind::Duration => {
            if !name.ends_with("_seconds") {
                name.push_str("_seconds");
            }
            scale = 1.0;
        }
    }
    (name, scale)
}

/// A label name that Prometheus takes.
pub fn label(name: &str) -> String {
    let name = sanitize(name);
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        format!("l_{name}")
    } else {
        name
    }
}

fn strip(name: &mut String, ending: &str) -> bool {
    let found = name.len() > ending.len() && name.ends_with(ending);
    if found {
        name.truncate(name.len() - ending.len());
    }
    found
}

fn sanitize(text: &str) -> String {
    let mut name = String::with_capacity(text.len());
    for c in text.chars() {
        let c = if c.is_ascii_alphanumeric() { c } else { '_' };
        if c != '_' || !name.ends_with('_') {
            name.push(c);
        }
    }
    name.trim_matches('_').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(mesos: &str, kind: NameKind) -> String {
        derive("mesos", &Desc::new(mesos, ""), kind).0
    }

    #[test]
    fn endings_follow_prometheus() {
        use NameKind::{Counter, Duration, Gauge, Histogram};
        let cases = [
            ("master/tasks_finished", Counter, "mesos_master_tasks_finished_total"),
            ("a/uptime_total", Counter, "mesos_a_uptime_total"),
            ("master/uptime_secs", Gauge, "mesos_master_uptime_seconds"),
            ("master/cpus_percent", Gauge, "mesos_master_cpus_ratio"),
            ("master/cpus_total", Gauge, "mesos_master_cpus"),
            ("system/mem_total_bytes", Gauge, "mesos_system_mem_total_bytes"),
            ("a/state_fetch_ms", Gauge, "mesos_a_state_fetch_seconds"),
            ("registrar/state_store", Duration, "mesos_registrar_state_store_seconds"),
            ("x/batch_count", Histogram, "mesos_x_batch"),
            ("allocator/mesos/roles//x.y/shares", Gauge, "mesos_allocator_mesos_roles_x_y_shares"),
        ];
        for (mesos, kind, expected) in cases {
            assert_eq!(name(mesos, kind), expected);
        }
    }

    #[test]
    fn units_are_scaled() {
        let desc = Desc::new("master/mem_total", "").megabytes();
        let (name, scale) = derive("mesos", &desc, NameKind::Gauge);
        assert_eq!((name.as_str(), scale), ("mesos_master_mem_bytes", 1_048_576.0));
        let desc = Desc::new("master/mem_used", "").megabytes();
        assert_eq!(derive("mesos", &desc, NameKind::Gauge).0, "mesos_master_mem_used_bytes");
    }

    #[test]
    fn labels_are_names() {
        assert_eq!(label("framework.id"), "framework_id");
        assert_eq!(label("9"), "l_9");
        assert_eq!(label(""), "l_");
    }
}
