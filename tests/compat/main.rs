//! What a real Mesos answered, and what we answer: recorded exchanges are played on real daemons in
//! the same situation, and every answer is compared with the recorded one.
//!
//! `cargo test -p mesos-tests --test compat -- --nocapture` prints the table; with `COMPAT=name`
//! in the environment only the sessions with that in their name are played, and every difference
//! is printed.
//!
//! - `recorded/`: the recordings; its README says whence they come and how they are written
//! - [`recording`]: reads them
//! - [`names`]: recorded ids and addresses, and live ones
//! - [`compare`]: two values, the recorded and the live
//! - [`answers`]: two answers
//! - [`wire`]: HTTP as bytes on a socket
//! - [`offers`]: offers in requests
//! - [`follow`]: a stream of events beside its recording
//! - [`player`]: plays exchanges on a cluster
//! - [`scripts`]: the sessions
//! - [`report`]: the table, and `accepted.txt`, the differences that are accepted

mod answers;
mod compare;
#[path = "../cluster/daemons.rs"]
mod daemons;
mod follow;
mod names;
mod offers;
mod player;
mod recording;
mod report;
mod scripts;
mod wire;

use std::path::Path;
use std::sync::Mutex;

use player::{Player, Step};
use recording::Folder;
use report::{Accepted, Found, Report};
use scripts::{SCRIPTS, Script};

/// Folders whose differences are printed, and fail nothing yet.
const REPORTED_ONLY: [&str; 6] = [
    "operator_mutations",
    "operator_stream",
    "state_agent_gone",
    "state_custom_executor_running",
    "state_reserved_volume_running",
    "state_task_group_running",
];

#[test]
fn golden() {
    let filter = std::env::var("COMPAT").ok();
    let wanted = |script: &&Script| filter.as_ref().is_none_or(|part| script.name.contains(part));
    let accepted = Accepted::parse_all(include_str!("accepted.txt"));
    let found: Mutex<Vec<Found>> = Mutex::default();
    std::thread::scope(|scope| {
        for script in SCRIPTS.iter().filter(wanted) {
            let (found, accepted) = (&found, &accepted);
            scope.spawn(move || {
                let folders = folders(script);
                let new = Player::start(script.agents, &folders, accepted).play(script.steps);
                found.lock().expect("nobody panics with it").extend(new);
            });
        }
    });
    let found = found.into_inner().expect("nobody panics with it");
    let report = Report::new(&found, &accepted);
    print!("{}", report.table());
    let mut failures = Vec::new();
    for folder in report.folders() {
        let gated = !REPORTED_ONLY.contains(&folder);
        if gated {
            failures.extend_from_slice(report.differences(folder));
        }
        if gated || filter.is_some() {
            report.differences(folder).iter().for_each(|line| println!("{line}"));
        }
    }
    // What a part of the sessions does not need, another part may.
    let all = filter.is_none();
    let stale = accepted.iter().filter(|_| all).filter_map(|line| line.stale(&report.folders()));
    failures.extend(stale.map(|line| format!("accepted.txt: nothing differs so: {line}")));
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The folders that a script plays, after those to which they refer.
fn folders(script: &Script) -> Vec<Folder> {
    let mut names = vec!["state_no_agents", "state_agent_idle"];
    for step in script.steps {
        match step {
            Step::Play(folder, ..) if !names.contains(folder) => names.push(folder),
            _ => {}
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("compat/recorded");
    let mut folders = Vec::new();
    for name in names {
        let file = path.join(format!("{name}.txt"));
        let text = std::fs::read_to_string(&file);
        let text = text.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let folder = Folder::parse(name, &text, &folders);
        folders.push(folder);
    }
    folders
}
