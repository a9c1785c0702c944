//! Benchmarks: each is a ratio against a named reference, measured in the same run.
//!
//! `cargo bench -p mesos-tests -- [PART OF A NAME...]` prints one table. A number without its
//! reference says little: machines differ, and this one may be busy.

mod actors;
mod calls;
mod crowd;
// The same clusters as in the tests of clusters.
#[allow(dead_code)]
#[path = "../cluster/daemons.rs"]
mod daemons;
#[path = "../cluster/raw.rs"]
mod raw;
mod report;
mod tasks;
mod updates;
mod warm;

use report::Report;

fn main() {
    // This program is its own peer: see `actors/remote.rs`.
    if actors::remote::is_peer() {
        actors::remote::run_peer();
        return;
    }
    // And its own executor: see `warm.rs`.
    if warm::is_executor() {
        warm::run_executor();
        return;
    }
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let mut report = Report::new(wanted);
    actors::run(&mut report);
    tasks::run(&mut report);
    calls::run(&mut report);
    crowd::run(&mut report);
    warm::run(&mut report);
    updates::run(&mut report);
    report.print();
}
