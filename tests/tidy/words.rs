//! What may not stand in the sources.

use crate::sources::{files, is_test, product_lines, settle};

#[test]
fn nothing_is_left_for_later() {
    // Put together here, so that this file does not complain of itself.
    let words = ["todo", "unimplemented"].map(|word| format!("{word}!(")).into_iter().chain([
        format!("#[{}", "ignore"),
        format!("FIX{}", "ME"),
        format!("XX{}", "X"),
    ]);
    let words: Vec<String> = words.collect();
    let mut complaints = Vec::new();
    for source in files(&["rs", "py", "go", "sh"]) {
        for (index, line) in source.text.lines().enumerate() {
            // Names of temporary files end in a row of these letters.
            let line = line.replace("XXXXXX", "");
            if let Some(word) = words.iter().find(|word| line.contains(word.as_str())) {
                complaints.push(format!("{}:{}: {word}", source.path, index + 1));
            }
        }
    }
    settle("nothing is left for later", complaints);
}

#[test]
fn tests_wait_for_conditions() {
    let mut complaints = Vec::new();
    for source in files(&["rs"]).iter().filter(|source| is_test(&source.path)) {
        let lines: Vec<&str> = source.text.lines().collect();
        for (index, line) in lines.iter().enumerate() {
            let sleeps = ["thread::sleep", "time::sleep"].map(|name| format!("{name}("));
            if !sleeps.iter().any(|call| line.contains(call.as_str())) {
                continue;
            }
            // Polling for a condition is waiting; it says so on the line before.
            let said = index > 0 && lines[index - 1].trim_start().starts_with("// Polls ");
            if !said {
                complaints.push(format!("{}:{}: {}", source.path, index + 1, line.trim()));
            }
        }
    }
    settle("a test waits for a condition, never for time to pass", complaints);
}

#[test]
fn actix_is_named_where_it_belongs() {
    let homes = ["libprocess/src/substrate.rs", "libprocess/src/http/"];
    let mut complaints = Vec::new();
    for source in files(&["rs"]) {
        if is_test(&source.path) || homes.iter().any(|home| source.path.starts_with(home)) {
            continue;
        }
        for (index, line) in product_lines(&source.text).iter().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if code.contains("actix::") || code.contains("actix_rt::") || code.contains("actix_web")
            {
                complaints.push(format!("{}:{}: {}", source.path, index + 1, line.trim()));
            }
        }
    }
    settle("actix is named in one file, and under HTTP", complaints);
}
