//! The master knows a task by its framework and by its agent, or by neither.

use master_core::snapshot::Snapshot;

use super::violated;

pub fn check(snapshot: &Snapshot) -> Result<(), String> {
    for framework in snapshot.frameworks.values() {
        for (id, task) in &framework.tasks {
            let by_agent = snapshot
                .agents
                .get(&task.agent_id)
                .and_then(|agent| agent.tasks.get(&framework.id))
                .is_some_and(|tasks| tasks.contains(id));
            if !by_agent {
                let what = format!("{id} is on {}, which does not know it", task.agent_id);
                return violated("tasks_are_anchored", what);
            }
        }
    }
    for agent in snapshot.agents.values() {
        for (framework, tasks) in &agent.tasks {
            let known = snapshot.frameworks.get(framework);
            let lost = tasks.iter().find(|id| !known.is_some_and(|f| f.tasks.contains_key(*id)));
            if let Some(id) = lost {
                let what = format!("{id} on {} is not with its framework", agent.id);
                return violated("tasks_are_anchored", what);
            }
        }
    }
    Ok(())
}
