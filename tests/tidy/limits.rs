//! Lengths: a file is one concept, a function fits a screen, a line fits a page.

use crate::sources::{Source, files, is_test, product_lines, settle};

const FILE_LINES: usize = 800;
const FUNCTION_LINES: usize = 70;
const COLUMNS: usize = 100;

#[test]
fn files_are_one_concept() {
    let complaints = files(&["rs"])
        .iter()
        .filter(|source| !is_test(&source.path))
        .map(|source| (source, product_lines(&source.text).len()))
        .filter(|(_, lines)| *lines > FILE_LINES)
        .map(|(source, lines)| format!("{}: {lines} lines, limit {FILE_LINES}", source.path))
        .collect();
    settle("files are at most 800 lines long, tests apart", complaints);
}

#[test]
fn functions_fit_a_screen() {
    let mut complaints = Vec::new();
    for source in files(&["rs"]).iter().filter(|source| !is_test(&source.path)) {
        for (name, line, length) in functions(source) {
            if length > FUNCTION_LINES {
                complaints.push(format!("{}:{line}: fn {name} has {length} lines", source.path));
            }
        }
    }
    settle("functions are at most 70 lines long", complaints);
}

#[test]
fn lines_fit_a_page() {
    let mut complaints = Vec::new();
    for source in files(&["rs", "py", "go", "sh"]) {
        for (index, line) in source.text.lines().enumerate() {
            // A string that rustfmt cannot break is the author's to break; a URL cannot be.
            if line.chars().count() > COLUMNS && !line.contains("://") {
                complaints.push(format!(
                    "{}:{}: {} columns",
                    source.path,
                    index + 1,
                    line.chars().count()
                ));
            }
        }
    }
    settle("lines are at most 100 columns wide", complaints);
}

/// The functions of a file in rustfmt's layout: name, first line, number of lines.
fn functions(source: &Source) -> Vec<(String, usize, usize)> {
    let lines = product_lines(&source.text);
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else { continue };
        let indent = line.len() - line.trim_start().len();
        let end = lines[start..].iter().position(|candidate| {
            candidate.len() - candidate.trim_start().len() == indent
                && (candidate.trim_start().starts_with('}') || candidate.trim_end().ends_with(';'))
        });
        if let Some(end) = end {
            found.push((name, start + 1, end + 1));
        }
    }
    found
}

fn function_name(line: &str) -> Option<String> {
    let mut rest = line.trim_start();
    for qualifier in ["pub(crate) ", "pub(super) ", "pub ", "const ", "async ", "unsafe "] {
        rest = rest.strip_prefix(qualifier).unwrap_or(rest);
    }
    let rest = rest.strip_prefix("fn ")?;
    let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    // One-liners end where they begin.
    (!name.is_empty() && !line.trim_end().ends_with('}')).then_some(name)
}
