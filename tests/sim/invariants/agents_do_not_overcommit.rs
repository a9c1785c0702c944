//! What the tasks of an agent hold is no more than it has.

use slave_core::Snapshot;

use super::{NAMES, total, violated};

pub fn check(index: usize, snapshot: &Snapshot) -> Result<(), String> {
    for name in NAMES {
        let has = total(&snapshot.info.resources, name);
        let held: i64 = snapshot
            .frameworks
            .values()
            .flat_map(|framework| framework.executors.values())
            .flat_map(|executor| executor.launched_tasks.values())
            .map(|task| total(&task.resources, name))
            .sum();
        if held > has {
            let what = format!("agent {index} has {has} of {name}, its tasks hold {held}");
            return violated("agents_do_not_overcommit", what);
        }
    }
    Ok(())
}
