//! What must hold after every step, one file each, and what must hold once the world is calm.
//!
//! - [`resources_are_conserved`]: what is offered and used of an agent is no more than it has
//! - [`agents_do_not_overcommit`]: nor is what its tasks hold
//! - [`offers_are_anchored`]: an offer belongs to a live framework and an active agent
//! - [`tasks_are_anchored`]: the master's views of a task by framework and by agent agree
//! - [`agents_are_unique`]: no two agents share an id or an address
//! - [`maintenance_is_respected`]: nobody is on a machine that is down, and who is on one that is
//!   to go away knows it
//! - [`one_stream_per_framework`]: a framework has at most one live stream
//! - [`executors_have_containers`]: what an agent takes for dead does not run
//! - [`nothing_was_violated`]: what was seen on the way, by name: `tasks_run_once`,
//!   `updates_are_checkpointed_before_they_leave`, `nothing_follows_a_terminal_update`,
//!   `registered_agents_are_in_the_registry`, `registry_operations_apply`,
//!   `requests_are_answered_once`, `framework_ids_last`, `schedulers_get_no_errors`,
//!   `master_never_aborts`
//! - [`nothing_is_left`]: (calm) every task came to its end, at its scheduler, master and agent,
//!   and every machine is up

mod agents_are_unique;
mod agents_do_not_overcommit;
mod executors_have_containers;
mod maintenance_is_respected;
mod nothing_is_left;
mod nothing_was_violated;
mod offers_are_anchored;
mod one_stream_per_framework;
mod resources_are_conserved;
mod tasks_are_anchored;

use master_core::snapshot::Snapshot;
use mesos::resource::Resource;

use crate::world::World;

/// Checks everything that must hold after every step.
pub fn check(world: &World) -> Result<(), String> {
    nothing_was_violated::check(world)?;
    // The views are compared now and then: they change slowly, and comparing them is not free.
    if world.history.steps % 7 != 0 {
        return Ok(());
    }
    if let Some(snapshot) = world.master.snapshot() {
        check_master(&snapshot, world)?;
    }
    for (index, host) in world.agents.iter().enumerate() {
        if let Some(core) = &host.core {
            let snapshot = core.snapshot();
            agents_do_not_overcommit::check(index, &snapshot)?;
            executors_have_containers::check(index, &snapshot, world)?;
        }
    }
    Ok(())
}

fn check_master(snapshot: &Snapshot, world: &World) -> Result<(), String> {
    resources_are_conserved::check(snapshot)?;
    offers_are_anchored::check(snapshot)?;
    tasks_are_anchored::check(snapshot)?;
    agents_are_unique::check(snapshot)?;
    maintenance_is_respected::check(snapshot, world)?;
    one_stream_per_framework::check(snapshot, world)
}

/// Whether everything that was begun has come to its end.
pub fn settled(world: &World) -> Result<(), String> {
    nothing_is_left::check(world)
}

/// The sum of a scalar over resources, in thousandths, as Mesos counts.
fn total<'a>(resources: impl IntoIterator<Item = &'a Resource>, name: &str) -> i64 {
    let of_name = resources.into_iter().filter(|resource| resource.name == name);
    of_name
        .filter_map(|resource| resource.scalar.as_ref())
        .map(|scalar| (scalar.value * 1000.0).round() as i64)
        .sum()
}

/// The scalars that the simulated agents have.
const NAMES: [&str; 2] = ["cpus", "mem"];

fn violated(invariant: &str, what: String) -> Result<(), String> {
    Err(format!("{invariant}: {what}"))
}
