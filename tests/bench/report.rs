//! The table that the benchmarks print.

use std::time::{Duration, Instant};

/// How often each side is measured; the median counts.
const ROUNDS: usize = 5;

/// The rows so far, and which are wanted.
pub struct Report {
    wanted: Vec<String>,
    rows: Vec<[String; 5]>,
}

impl Report {
    /// A table of the benchmarks whose names contain one of `wanted`; of all without any.
    pub fn new(wanted: Vec<String>) -> Self {
        Self { wanted, rows: Vec::new() }
    }

    /// Whether somebody wants this row.
    pub fn wants(&self, what: &str) -> bool {
        self.wanted.is_empty() || self.wanted.iter().any(|part| what.contains(part.as_str()))
    }

    /// Measures two rates by turns, and adds them with their ratio.
    pub fn rates(
        &mut self,
        what: &str,
        reach: &str,
        reference: &str,
        mut ours: impl FnMut() -> f64,
        mut theirs: impl FnMut() -> f64,
    ) {
        if !self.wants(what) {
            return;
        }
        let mut both = [Vec::new(), Vec::new()];
        for _ in 0..ROUNDS {
            both[0].push(ours());
            both[1].push(theirs());
        }
        let [ours, theirs] = both.map(median);
        self.row([
            what.to_owned(),
            format!("{}/s", thousands(ours)),
            format!("{reference}: {}/s", thousands(theirs)),
            format!("{:.2}", ours / theirs),
            reach.to_owned(),
        ]);
    }

    /// Measures a duration, and adds it beside a bound.
    pub fn duration(&mut self, what: &str, reach: &str, mut ours: impl FnMut() -> Duration) {
        if !self.wants(what) {
            return;
        }
        let ours = median((0..ROUNDS).map(|_| ours().as_secs_f64()).collect());
        self.row([
            what.to_owned(),
            format!("{ours:.3} s"),
            String::new(),
            String::new(),
            reach.to_owned(),
        ]);
    }

    /// Adds a size in megabytes beside a bound.
    pub fn value(&mut self, what: &str, megabytes: f64, reach: &str) {
        if self.wants(what) {
            let ours = format!("{megabytes:.1} MB");
            self.row([what.to_owned(), ours, String::new(), String::new(), reach.to_owned()]);
        }
    }

    /// Adds what was measured once beside a bound.
    pub fn text(&mut self, what: &str, ours: String, reach: &str) {
        if self.wants(what) {
            self.row([what.to_owned(), ours, String::new(), String::new(), reach.to_owned()]);
        }
    }

    fn row(&mut self, row: [String; 5]) {
        eprintln!("{}", row.join("   "));
        self.rows.push(row);
    }

    /// Prints the table as markdown.
    pub fn print(&self) {
        println!("| what | ours | reference | ratio | reach |");
        println!("|---|---|---|---|---|");
        for row in &self.rows {
            println!("| {} |", row.join(" | "));
        }
    }
}

/// How many per second, when `count` take as long as `f`.
pub fn rate(count: u64, f: impl FnOnce()) -> f64 {
    let begin = Instant::now();
    f();
    count as f64 / begin.elapsed().as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// `1234567` as `1,234,567`.
pub fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
