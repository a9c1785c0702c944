//! What commands print for people.

use std::time::Duration;

use crate::error::CliError;

/// Prints an error and what to do about it.
pub fn complain(program: &str, error: &CliError) {
    eprintln!("{program}: {error}");
    if let Some(hint) = error.hint() {
        eprintln!("  {hint}");
    }
}

/// Prints what the user should know.
pub fn warn(program: &str, text: &str) {
    eprintln!("{program}: warning: {text}");
}

/// A quantity without needless decimals: `1`, `0.5`, `2.25`.
pub fn quantity(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Megabytes in the unit that suits their size.
pub fn megabytes(value: f64) -> String {
    match value {
        v if v >= 1024.0 * 1024.0 => format!("{:.1} TB", v / 1024.0 / 1024.0),
        v if v >= 1024.0 => format!("{:.1} GB", v / 1024.0),
        v => format!("{v:.0} MB"),
    }
}

/// A span of time in the two units that matter most: `3h 12m`.
pub fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    let (days, hours) = (seconds / 86_400, seconds / 3_600 % 24);
    let (minutes, rest) = (seconds / 60 % 60, seconds % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{rest}s"),
        (0, 0, _) => format!("{minutes}m {rest}s"),
        (0, _, _) => format!("{hours}h {minutes}m"),
        _ => format!("{days}d {hours}h"),
    }
}

/// `1 agent`, `2 agents`.
pub fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// Rows of text in columns: the first is flush left, the others flush right where they are numbers.
pub fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(quantity(1.0), "1");
        assert_eq!(quantity(0.25), "0.25");
        assert_eq!(quantity(10.0), "10");
        assert_eq!(quantity(0.0), "0");
        assert_eq!(megabytes(512.0), "512 MB");
        assert_eq!(megabytes(1536.0), "1.5 GB");
        assert_eq!(span(Duration::from_secs(59)), "59s");
        assert_eq!(span(Duration::from_secs(3_720)), "1h 2m");
        assert_eq!(span(Duration::from_secs(90_000)), "1d 1h");
        assert_eq!(count(1, "agent"), "1 agent");
        assert_eq!(count(0, "task"), "0 tasks");
    }

    #[test]
    fn columns_line_up() {
        let row = |cells: [&str; 2]| cells.map(str::to_owned).to_vec();
        assert_eq!(table(&[row(["A", "B"]), row(["long", "x"])]), "A     B\nlong  x\n");
    }
}
