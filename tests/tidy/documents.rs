//! Claims, links and commands in the documents are true.

use std::collections::{BTreeMap, BTreeSet};

use crate::sources::{files, root, settle};

/// The statuses that `docs/compatibility.md` may give a row.
const STATUSES: &[&str] = &["yes", "partly", "no", "never"];

#[test]
fn compatibility_rows_are_shown_by_tests() {
    let text = read("docs/compatibility.md");
    let mut complaints = Vec::new();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, line) in text.lines().enumerate() {
        let cells: Vec<&str> =
            line.split(" | ").map(|cell| cell.trim_matches(['|', ' '])).collect();
        let [id, _, status, shown, ..] = cells[..] else { continue };
        if !is_row_id(id) {
            continue;
        }
        *counts.entry(status).or_default() += 1;
        let place = format!("docs/compatibility.md:{}: {id}", index + 1);
        if !STATUSES.contains(&status) {
            complaints.push(format!("{place}: status `{status}`"));
        }
        let references: Vec<&str> = shown.split('`').skip(1).step_by(2).collect();
        if status == "yes" && !references.iter().any(|text| text.contains("::")) {
            complaints.push(format!("{place}: says yes and names no test"));
        }
        for reference in references.iter().filter(|text| text.contains("::")) {
            if let Some(complaint) = missing_test(reference) {
                complaints.push(format!("{place}: {complaint}"));
            }
        }
    }
    let rows: usize = counts.values().sum();
    assert!(rows > 800, "docs/compatibility.md lists {rows} rows; the specification has more");
    let said: Vec<String> = STATUSES
        .iter()
        .map(|status| format!("{}{status}", counts.get(status).unwrap_or(&0)))
        .collect();
    if !text.replace(" rows", "").replace(' ', "").contains(&format!("{}.", said.join(","))) {
        complaints.push(format!("docs/compatibility.md: the rows at present: {}", said.join(", ")));
    }
    settle("what compatibility.md claims, a test shows", complaints);
}

#[test]
fn task_states_and_reasons_are_shown_by_tests() {
    let text = read("docs/task-states.md");
    let vocabulary = read("mesos/src/task.rs");
    let mut missing: BTreeSet<&str> = vocabulary
        .split('"')
        .filter(|name| ["TASK_", "SOURCE_", "REASON_"].iter().any(|kind| name.starts_with(kind)))
        .filter(|name| name.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
        .collect();
    assert!(missing.len() > 40, "mesos/src/task.rs defines {} names", missing.len());
    let mut complaints = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let place = format!("docs/task-states.md:{}", index + 1);
        for reference in line.split('`').skip(1).step_by(2).filter(|text| text.contains("::")) {
            complaints.extend(missing_test(reference).map(|why| format!("{place}: {why}")));
        }
        let Some((name, rest)) = line.strip_prefix("| `").and_then(|line| line.split_once('`'))
        else {
            continue;
        };
        missing.remove(name);
        let shown = rest.trim_end_matches(" |").rsplit("| ").next().unwrap_or_default();
        if !shown.contains("::") && !shown.starts_with("not sent") {
            complaints.push(format!("{place}: names no test and does not say why"));
        }
    }
    complaints.extend(missing.iter().map(|name| format!("docs/task-states.md lacks {name}")));
    settle("what task-states.md claims, a test shows", complaints);
}

#[test]
fn links_lead_somewhere() {
    let mut complaints = Vec::new();
    for source in files(&["md"]) {
        let folder = root().join(&source.path);
        let folder = folder.parent().expect("a file is in a folder");
        for target in links(&source.text) {
            let file = target.split('#').next().unwrap_or_default();
            if !file.is_empty() && !folder.join(file).exists() {
                complaints.push(format!("{}: {target}", source.path));
            }
        }
    }
    settle("links lead somewhere", complaints);
}

#[test]
fn commands_exist() {
    let makefile = read("Makefile");
    let targets: BTreeSet<&str> = makefile
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(target, _)| target)
        .filter(|target| !target.is_empty() && !target.starts_with([' ', '\t', '.', '#']))
        .collect();
    let mut complaints = Vec::new();
    for source in files(&["md"]) {
        for line in source.text.lines() {
            let command = line.trim_start().trim_start_matches("$ ");
            let Some(rest) = command.strip_prefix("make ") else { continue };
            let target = rest.split_whitespace().next().unwrap_or_default();
            let is_command = command.len() < 80 && !rest.contains(". ");
            if is_command && !target.contains('=') && !targets.contains(target) {
                complaints.push(format!("{}: make {target}", source.path));
            }
        }
    }
    settle("commands in the documents exist", complaints);
}

#[test]
fn dependencies_have_their_reason() {
    let manifest = read("Cargo.toml");
    let reasons = read("docs/dependencies.md");
    let complaints = manifest
        .lines()
        .skip_while(|line| !line.starts_with("# Theirs"))
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split_once(" = "))
        .map(|(name, _)| name)
        .filter(|name| !reasons.contains(&format!("`{name}`")))
        .map(|name| format!("`{name}` is not in docs/dependencies.md"))
        .collect();
    settle("a dependency earns its line", complaints);
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// `LP-01`, `AL-14`, ...
fn is_row_id(cell: &str) -> bool {
    let Some((letters, digits)) = cell.split_once('-') else { return false };
    (2..=3).contains(&letters.len())
        && letters.chars().all(|c| c.is_ascii_uppercase())
        && !digits.is_empty()
        && digits.chars().all(|c| c.is_ascii_digit())
}

/// What is wrong with `folder/file.rs::function`, if anything.
fn missing_test(reference: &str) -> Option<String> {
    let (file, function) = reference.split_once("::")?;
    let function = function.rsplit("::").next()?;
    let Ok(text) = std::fs::read_to_string(root().join(file)) else {
        return Some(format!("no file {file}"));
    };
    let known =
        [format!("fn {function}("), format!("def {function}("), format!("func {function}(")]
            .iter()
            .any(|start| text.contains(start.as_str()));
    (!known).then(|| format!("no test {function} in {file}"))
}

/// The relative targets of Markdown links.
fn links(text: &str) -> Vec<String> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .filter(|target| !target.contains("://") && !target.contains(' '))
        .map(str::to_owned)
        .collect()
}
