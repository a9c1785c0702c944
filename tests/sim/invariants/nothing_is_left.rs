//! Once the world is calm, everything that was begun comes to its end: schedulers have run what
//! they wanted and know how it ended, the master counts nothing as used, agents run nothing, and
//! all machines are up.

use crate::world::World;

pub fn check(world: &World) -> Result<(), String> {
    for (index, scheduler) in world.schedulers.iter().enumerate() {
        if !scheduler.content() {
            let open: Vec<String> = scheduler
                .tasks
                .iter()
                .filter(|(_, task)| !task.settled)
                .map(|(id, task)| format!("{id} is {}", task.state))
                .collect();
            let (has, wants) = (scheduler.tasks.len(), scheduler.wanted);
            return Err(format!("scheduler {index} has {has} of {wants} tasks, open: {open:?}"));
        }
    }
    let snapshot = world.master.snapshot().ok_or("the master is down")?;
    for framework in snapshot.frameworks.values() {
        if let Some((id, task)) = framework.tasks.iter().next() {
            return Err(format!("the master still knows {id} as {}", task.state));
        }
    }
    if let Some(maintenance) = &snapshot.registry.maintenance
        && let Some((machine, info)) = maintenance.machines.iter().next()
    {
        return Err(format!("machine {machine} is {:?}", info.mode));
    }
    if snapshot.agents.len() != world.agents.len() {
        let (has, wants) = (snapshot.agents.len(), world.agents.len());
        return Err(format!("the master has {has} of {wants} agents"));
    }
    for (index, host) in world.agents.iter().enumerate() {
        let core = host.core.as_ref().ok_or_else(|| format!("agent {index} is down"))?;
        if let Some(framework) = core.snapshot().frameworks.values().next() {
            return Err(format!("agent {index} still works for {}", framework.id));
        }
    }
    match world.executors.values().next() {
        Some(executor) => Err(format!("executor {} is left", executor.id.0)),
        None => Ok(()),
    }
}
