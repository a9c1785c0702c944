//! The text of `--help`.

use super::spec::{Kind, Spec};
use std::fmt::Write as _;

/// Room between the widest flag and its help.
const PADDING: usize = 5;

/// The text of `--help` for a program with these flags, sorted by name.
pub fn usage(program: &str, specs: &[Spec]) -> String {
    let mut text = format!("Usage: {program} [options]\n\n");
    let mut rows: Vec<(String, &Spec)> = specs.iter().map(|spec| (left(spec), spec)).collect();
    rows.sort_by_key(|(_, spec)| spec.name);
    if !specs.iter().any(|spec| spec.name == "help") {
        let _ = writeln!(text, "  --[no-]help     Prints this help message");
    }
    let width = rows.iter().map(|(left, _)| left.len()).max().unwrap_or(0) + PADDING;
    for (left, spec) in rows {
        let mut first = true;
        for line in right(spec) {
            let margin = if first { left.as_str() } else { "" };
            let _ = writeln!(text, "{}", format!("{margin:width$}{line}").trim_end());
            first = false;
        }
    }
    text
}

fn left(spec: &Spec) -> String {
    if spec.is_boolean() {
        format!("  --[no-]{}", spec.name)
    } else {
        format!("  --{}=VALUE", spec.name)
    }
}

fn right(spec: &Spec) -> Vec<String> {
    let mut lines: Vec<String> = spec.help_lines().map(str::to_owned).collect();
    let mut notes = String::new();
    if let Kind::Choice(choices) = spec.kind {
        let _ = write!(notes, " (one of: {})", choices.join(", "));
    } else if !spec.extra.choices.is_empty() {
        let _ = write!(notes, " (one of: {})", spec.extra.choices.join(", "));
    }
    if let Some(advice) = spec.extra.deprecated {
        let _ = write!(notes, " (deprecated: {advice})");
    }
    if let Some(default) = spec.default {
        let _ = write!(notes, " (default: {default})");
    } else if spec.required {
        notes.push_str(" (required)");
    }
    match lines.last_mut() {
        Some(last) => last.push_str(&notes),
        None => lines.push(notes.trim_start().to_owned()),
    }
    lines
}
