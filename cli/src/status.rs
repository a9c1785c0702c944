//! `mesos status`: the cluster on one screen.

use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::commands::{self, Invoked};
use crate::error::CliError;
use crate::leader;
use crate::output::{count, megabytes, quantity, span, table};

/// The resources that the summary shows, and whether they are megabytes.
const RESOURCES: [(&str, bool); 4] =
    [("cpus", false), ("mem", true), ("disk", true), ("gpus", false)];

/// How many agents and frameworks are listed one by one.
const ROWS: usize = 20;

/// The width of the bars.
const BAR: usize = 20;

libprocess::flags! {
    /// What `mesos status` understands.
    pub struct Flags {
        /// Where the masters are: `host:port`, or several joined by commas.
        master: String = "127.0.0.1:5050";
        /// How long a master may take to answer.
        timeout: Duration = "5secs";
    }
}

/// Shows the cluster.
pub fn main(invoked: Invoked) -> Result<ExitCode, CliError> {
    let Some(parsed) = commands::parse::<Flags>(&invoked)? else { return Ok(ExitCode::SUCCESS) };
    commands::no_arguments(&parsed.positional)?;
    let flags = parsed.flags;
    let (leader, state) = leader::get(&flags.master, "/state", flags.timeout)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    print!("{}", describe(&leader, &state, now));
    Ok(ExitCode::SUCCESS)
}

/// The screen for what `/state` says.
fn describe(leader: &str, state: &Value, now: Duration) -> String {
    let agents = list(state, "slaves");
    let frameworks = list(state, "frameworks");
    let tasks: usize = frameworks.iter().map(|framework| list(framework, "tasks").len()).sum();
    let since = number(state, "elected_time").max(0.0);
    let led = now.saturating_sub(Duration::try_from_secs_f64(since).unwrap_or(now));
    let mut text = format!(
        "master      {leader}, leading for {}, version {}\n",
        span(led),
        text_of(state, "version"),
    );
    let unreachable = number(state, "unreachable_slaves");
    let mut line = count(agents.len(), "agent");
    if unreachable > 0.0 {
        line = format!("{line}, and {} unreachable", quantity(unreachable));
    }
    let frameworks_line = count(frameworks.len(), "framework");
    let tasks_line = count(tasks, "task");
    text.push_str(&format!("cluster     {line}, {frameworks_line}, {tasks_line}\n"));
    text.push_str(&resources(agents));
    if !agents.is_empty() {
        text.push_str(&format!("\n{}", agent_table(agents, frameworks)));
    }
    if !frameworks.is_empty() {
        text.push_str(&format!("\n{}", framework_table(frameworks)));
    }
    text
}

/// One bar for each kind of resource that there is.
fn resources(agents: &[Value]) -> String {
    let mut text = String::new();
    for (name, is_size) in RESOURCES {
        let sum = |of: &str| agents.iter().map(|agent| number(&agent[of], name)).sum::<f64>();
        let (used, total) = (sum("used_resources"), sum("resources"));
        if total <= 0.0 {
            continue;
        }
        let filled = ((used / total).clamp(0.0, 1.0) * BAR as f64).round() as usize;
        let show = if is_size { megabytes } else { quantity };
        let bar = format!("{}{}", "#".repeat(filled), ".".repeat(BAR - filled));
        let amounts = format!("{} of {} used", show(used), show(total));
        text.push_str(&format!("{name:<11} [{bar}] {amounts}\n"));
    }
    text
}

fn agent_table(agents: &[Value], frameworks: &[Value]) -> String {
    let mut rows = vec![headings(&["AGENT", "ADDRESS", "STATE", "CPUS", "MEM", "TASKS"])];
    for agent in agents.iter().take(ROWS) {
        let id = text_of(agent, "id");
        let tasks = frameworks
            .iter()
            .flat_map(|framework| list(framework, "tasks"))
            .filter(|task| text_of(task, "slave_id") == id)
            .count();
        let part = |name, show: fn(f64) -> String| {
            let used = number(&agent["used_resources"], name);
            format!("{}/{}", show(used), show(number(&agent["resources"], name)))
        };
        let pid = text_of(agent, "pid");
        let address = pid.split_once('@').map_or(pid, |(_, address)| address);
        let active = agent["active"].as_bool().unwrap_or(true);
        rows.push(vec![
            short(id),
            format!("{} ({address})", text_of(agent, "hostname")),
            if active { "active" } else { "away" }.to_owned(),
            part("cpus", quantity),
            part("mem", megabytes),
            tasks.to_string(),
        ]);
    }
    table(&rows) + &more(agents.len(), "agents")
}

fn framework_table(frameworks: &[Value]) -> String {
    let mut rows = vec![headings(&["FRAMEWORK", "NAME", "STATE", "CPUS", "MEM", "TASKS"])];
    for framework in frameworks.iter().take(ROWS) {
        let connected = framework["connected"].as_bool().unwrap_or(true);
        let used = &framework["used_resources"];
        rows.push(vec![
            short(text_of(framework, "id")),
            text_of(framework, "name").to_owned(),
            if connected { "connected" } else { "away" }.to_owned(),
            quantity(number(used, "cpus")),
            megabytes(number(used, "mem")),
            list(framework, "tasks").len().to_string(),
        ]);
    }
    table(&rows) + &more(frameworks.len(), "frameworks")
}

fn headings(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn more(all: usize, noun: &str) -> String {
    if all > ROWS { format!("and {} more {noun}\n", all - ROWS) } else { String::new() }
}

/// The end of an id of Mesos's form `<master>-S3`: the beginning is the same for all.
fn short(id: &str) -> String {
    match id.rsplit_once('-') {
        Some((master, end)) if master.len() >= 36 => end.to_owned(),
        _ => id.to_owned(),
    }
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

fn number(value: &Value, key: &str) -> f64 {
    value[key].as_f64().unwrap_or(0.0)
}

fn text_of<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_screen_shows_who_is_there_and_what_is_used() {
        let state = serde_json::json!({
            "version": "1.11.0", "elected_time": 100.5, "unreachable_slaves": 1.0,
            "slaves": [{
                "id": "cb4ba888-e902-445e-8c94-1e742e067d42-S0", "hostname": "h1",
                "pid": "slave(1)@10.0.0.1:5051", "active": true,
                "resources": {"cpus": 4.0, "mem": 4096.0, "disk": 0.0, "gpus": 0.0},
                "used_resources": {"cpus": 1.5, "mem": 64.0},
            }],
            "frameworks": [{
                "id": "cb4ba888-e902-445e-8c94-1e742e067d42-0000", "name": "f", "connected": false,
                "used_resources": {"cpus": 1.5, "mem": 64.0},
                "tasks": [{"slave_id": "cb4ba888-e902-445e-8c94-1e742e067d42-S0"}],
            }],
        });
        let screen = describe("10.0.0.9:5050", &state, Duration::from_secs(160));
        let expected = "\
master      10.0.0.9:5050, leading for 59s, version 1.11.0
cluster     1 agent, and 1 unreachable, 1 framework, 1 task
cpus        [########............] 1.5 of 4 used
mem         [....................] 64 MB of 4.0 GB used

AGENT  ADDRESS             STATE   CPUS   MEM           TASKS
S0     h1 (10.0.0.1:5051)  active  1.5/4  64 MB/4.0 GB  1

FRAMEWORK  NAME  STATE  CPUS  MEM    TASKS
0000       f     away   1.5   64 MB  1
";
        assert_eq!(screen, expected);
    }

    #[test]
    fn an_empty_cluster_is_no_error() {
        let screen = describe("m:1", &serde_json::json!({}), Duration::ZERO);
        assert!(screen.contains("0 agents, 0 frameworks, 0 tasks"), "{screen}");
    }
}
