//! `mesos status` against real daemons; the other commands are tested in `cli/tests`.

use std::process::Command;

use crate::daemons::{Cluster, mesos};

#[test]
fn status_tells_of_master_and_agents() {
    let cluster = Cluster::start(2);
    let master = format!("--master={}", cluster.address());
    let output = Command::new(mesos()).args(["status", &master]).output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains(&cluster.address()), "{text}");
    assert!(text.contains("2 agents"), "{text}");
}
