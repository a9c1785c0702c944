//! What agents may say when they come (row VA-19). The words reach only the log.

use std::collections::BTreeSet;

use mesos::agent::AgentInfo;
use mesos::ids::{ExecutorId, FrameworkId};
use mesos::internal::{RegisterAgent, ReregisterAgent};
use mesos::resource::Resource;
use mesos::resources;
use mesos::task::{Task, TaskState};

use super::{Check, Invalid, executor, expect, framework, id, within};

/// The oldest release whose agents are let in (row MA-22).
const MINIMUM_MAJOR_VERSION: u64 = 1;

/// Checks an agent that asks to be admitted.
pub fn validate(message: &RegisterAgent) -> Check {
    version(&message.version)?;
    agent(&message.agent)?;
    // Agents have always checkpointed since 0.22: only one that says no does not.
    let is_checkpointing = message.agent.checkpoint != Some(false);
    expect(message.checkpointed_resources.is_empty() || is_checkpointing, || {
        "Checkpointed resources provided when checkpointing is not enabled".to_owned()
    })?;
    message.checkpointed_resources.iter().try_for_each(one)
}

/// Checks an agent that comes back with everything that it runs.
pub fn validate_return(message: &ReregisterAgent) -> Check {
    version(&message.version)?;
    agent(&message.agent)?;
    expect(message.agent.id.is_some(), || "ID must not be empty".to_owned())?;
    message.checkpointed_resources.iter().try_for_each(one)?;
    let frameworks = frameworks(message)?;
    let executors = executors(message, &frameworks)?;
    message.tasks.iter().try_for_each(|known| task(known, &message.agent, &frameworks, &executors))
}

fn version(version: &str) -> Check {
    let major = version.split('.').next().and_then(|major| major.parse::<u64>().ok());
    expect(major.is_some_and(|major| major >= MINIMUM_MAJOR_VERSION), || {
        format!("Version '{version}' is too old, at least 1.0.0 is needed")
    })
}

fn agent(info: &AgentInfo) -> Check {
    if let Some(id) = &info.id {
        id::validate(id.as_str())?;
    }
    all(&info.resources)
}

fn all(list: &[Resource]) -> Check {
    resources::validate(list).map_err(|why| Invalid(why.to_string()))
}

fn one(resource: &Resource) -> Check {
    resources::validate_one(resource).map_err(|why| Invalid(why.to_string()))
}

fn frameworks(message: &ReregisterAgent) -> Result<BTreeSet<FrameworkId>, Invalid> {
    let mut ids = BTreeSet::new();
    for info in &message.frameworks {
        framework::validate(info)?;
        let id = info.id.clone().unwrap_or_default();
        expect(!ids.contains(&id), || format!("Framework has a duplicate FrameworkID: '{id}'"))?;
        ids.insert(id);
    }
    Ok(ids)
}

fn executors(
    message: &ReregisterAgent,
    frameworks: &BTreeSet<FrameworkId>,
) -> Result<BTreeSet<(FrameworkId, ExecutorId)>, Invalid> {
    let mut ids = BTreeSet::new();
    for info in &message.executor_infos {
        executor::validate_description(info)?;
        all(&info.resources)?;
        let framework = info.framework_id.clone().unwrap_or_default();
        expect(frameworks.contains(&framework), || {
            format!("Executor has an invalid FrameworkID '{framework}'")
        })?;
        let id = &info.executor_id;
        expect(ids.insert((framework.clone(), id.clone())), || {
            format!("Framework '{framework}' has a duplicate ExecutorID '{id}'")
        })?;
    }
    Ok(ids)
}

fn task(
    task: &Task,
    agent: &AgentInfo,
    frameworks: &BTreeSet<FrameworkId>,
    executors: &BTreeSet<(FrameworkId, ExecutorId)>,
) -> Check {
    id::validate(task.task_id.as_str()).map_err(within("Task has an invalid TaskID"))?;
    expect(agent.id.as_ref() == Some(&task.agent_id), || {
        format!("Task has an invalid SlaveID '{}'", task.agent_id)
    })?;
    expect(frameworks.contains(&task.framework_id), || {
        format!("Task has an invalid FrameworkID '{}'", task.framework_id)
    })?;
    // Agents do not mention the executors that they make up for commands, and only tasks that run
    // need to have one.
    if let Some(id) = task.executor_id.as_ref().filter(|_| task.state == TaskState::Running) {
        let key = (task.framework_id.clone(), id.clone());
        expect(executors.contains(&key), || format!("Task has an invalid ExecutorID '{id}'"))?;
    }
    all(&task.resources).map_err(within("Task uses invalid resources"))
}

#[cfg(test)]
mod tests {
    use mesos::framework::FrameworkInfo;

    use super::*;
    use crate::validation::fixtures::{custom_executor, executor_task};
    use crate::validation::words;

    fn bad() -> Vec<Resource> {
        vec![Resource::of_scalar("cpus", -1.0)]
    }

    fn newcomer() -> RegisterAgent {
        RegisterAgent { version: "1.11.0".to_owned(), ..RegisterAgent::default() }
    }

    /// Agent `A` with framework `F`, which has a task under executor `x`.
    fn returning() -> ReregisterAgent {
        ReregisterAgent {
            version: "1.11.0".to_owned(),
            agent: AgentInfo { id: Some("A".into()), ..AgentInfo::default() },
            frameworks: vec![FrameworkInfo { id: Some("F".into()), ..FrameworkInfo::default() }],
            executor_infos: vec![custom_executor()],
            tasks: vec![Task::new(&executor_task(), &"F".into(), TaskState::Running)],
            ..ReregisterAgent::default()
        }
    }

    fn says(change: impl FnOnce(&mut ReregisterAgent)) -> String {
        let mut message = returning();
        change(&mut message);
        words(validate_return(&message))
    }

    #[test]
    fn sound_agents_pass() {
        assert_eq!(validate(&newcomer()), Ok(()));
        assert_eq!(validate_return(&returning()), Ok(()));
    }

    #[test]
    fn an_agent_is_of_this_age() {
        for version in ["", "0.28.2", "x"] {
            let expected = format!("Version '{version}' is too old, at least 1.0.0 is needed");
            let message = RegisterAgent { version: version.to_owned(), ..newcomer() };
            assert_eq!(words(validate(&message)), expected);
            assert_eq!(says(|message| message.version = version.to_owned()), expected);
        }
    }

    #[test]
    fn an_agents_resources_are_valid() {
        let wrong = "Resource 'cpus:-1' is invalid: Invalid scalar resource: value <= 0";
        let mut message = newcomer();
        message.agent.resources = bad();
        assert_eq!(words(validate(&message)), wrong);
        assert_eq!(says(|message| message.agent.resources = bad()), wrong);
        let alone = "Invalid scalar resource: value <= 0";
        let message = RegisterAgent { checkpointed_resources: bad(), ..newcomer() };
        assert_eq!(words(validate(&message)), alone);
        assert_eq!(says(|message| message.checkpointed_resources = bad()), alone);
    }

    #[test]
    fn what_is_checkpointed_needs_checkpointing() {
        let mut message = newcomer();
        message.checkpointed_resources = vec![Resource::of_scalar("cpus", 1.0)];
        assert_eq!(validate(&message), Ok(()));
        message.agent.checkpoint = Some(false);
        assert_eq!(
            words(validate(&message)),
            "Checkpointed resources provided when checkpointing is not enabled"
        );
    }

    #[test]
    fn ids_are_names() {
        assert_eq!(says(|message| message.agent.id = None), "ID must not be empty");
        assert_eq!(
            says(|message| message.agent.id = Some("a/b".into())),
            "'a/b' contains invalid characters"
        );
        assert_eq!(
            says(|message| message.tasks[0].task_id = "".into()),
            "Task has an invalid TaskID: ID must not be empty"
        );
        assert_eq!(
            says(|message| message.executor_infos[0].executor_id = "..".into()),
            "'..' is disallowed"
        );
        assert_eq!(
            says(|message| message.frameworks[0].id = Some("a/b".into())),
            "'a/b' contains invalid characters"
        );
    }

    #[test]
    fn nothing_is_listed_twice() {
        let again = |message: &mut ReregisterAgent| {
            let first = message.frameworks[0].clone();
            message.frameworks.push(first);
        };
        assert_eq!(says(again), "Framework has a duplicate FrameworkID: 'F'");
        let again = |message: &mut ReregisterAgent| {
            let first = message.executor_infos[0].clone();
            message.executor_infos.push(first);
        };
        assert_eq!(says(again), "Framework 'F' has a duplicate ExecutorID 'x'");
    }

    #[test]
    fn all_belongs_to_something_that_is_listed() {
        assert_eq!(
            says(|message| message.executor_infos[0].framework_id = Some("G".into())),
            "Executor has an invalid FrameworkID 'G'"
        );
        assert_eq!(
            says(|message| message.tasks[0].framework_id = "G".into()),
            "Task has an invalid FrameworkID 'G'"
        );
        assert_eq!(
            says(|message| message.tasks[0].agent_id = "B".into()),
            "Task has an invalid SlaveID 'B'"
        );
        assert_eq!(
            says(|message| message.executor_infos.clear()),
            "Task has an invalid ExecutorID 'x'"
        );
        let over = |message: &mut ReregisterAgent| {
            message.executor_infos.clear();
            message.tasks[0].state = TaskState::Finished;
        };
        assert_eq!(says(over), "", "a task that is over needs no executor");
    }

    #[test]
    fn the_resources_of_what_runs_are_valid() {
        let wrong = "Resource 'cpus:-1' is invalid: Invalid scalar resource: value <= 0";
        assert_eq!(says(|message| message.executor_infos[0].resources = bad()), wrong);
        let expected = format!("Task uses invalid resources: {wrong}");
        assert_eq!(says(|message| message.tasks[0].resources = bad()), expected);
    }
}
