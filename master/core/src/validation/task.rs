//! What a task may be (rows VA-02 to VA-05, VA-11, VA-13, VA-14).

use mesos::executor_info::ExecutorInfoType;
use mesos::ids::AgentId;
use mesos::resources::{self, Resources};
use mesos::task::TaskInfo;
use mesos::time::DurationInfo;

use super::{Check, Invalid, executor, expect, id};
use crate::state::{Agent, Framework};

/// Checks a task that is to run on `agent` with what is left of the `offered` resources. Its
/// resources, and its executor's, carry the role of the offer already.
pub fn validate(
    task: &TaskInfo,
    framework: &Framework,
    agent: &Agent,
    offered: &Resources,
) -> Check {
    description(task, framework, &agent.id)?;
    expect(task.executor.is_some() != task.command.is_some(), || {
        "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present"
            .to_owned()
    })?;
    let mut total: Resources = task.resources.iter().cloned().collect();
    if let Some(executor) = &task.executor {
        expect(executor.r#type != Some(ExecutorInfoType::Default), || {
            "'DEFAULT' executor is only supported for task groups".to_owned()
        })?;
        executor::validate(executor, &framework.id, agent)?;
        if !agent.has_executor(&framework.id, &executor.executor_id) {
            total += &executor.resources.iter().cloned().collect::<Resources>();
        }
    }
    sufficient(&total, offered)
}

/// Checks a task of a group, whose executor is checked apart.
pub fn validate_of_group(task: &TaskInfo, framework: &Framework, agent: &AgentId) -> Check {
    description(task, framework, agent)?;
    expect(task.command.is_some(), || {
        format!("Task '{}' in task group must have CommandInfo set", task.task_id)
    })
}

/// Checks that what is asked for is there.
pub fn sufficient(total: &Resources, offered: &Resources) -> Check {
    unmixed(total)?;
    expect(offered.contains(total), || {
        format!(
            "Total resources {total} required by task and its executor is more than available \
             {offered}"
        )
    })
}

fn description(task: &TaskInfo, framework: &Framework, agent: &AgentId) -> Check {
    let task_id = &task.task_id;
    id::validate(task_id.as_str())?;
    let is_taken =
        framework.tasks.contains_key(task_id) || framework.unreachable_tasks.contains_key(task_id);
    expect(!is_taken, || format!("Task has duplicate ID: {task_id}"))?;
    expect(task.agent_id == *agent, || {
        format!("Task uses invalid agent {} while agent {agent} is expected", task.agent_id)
    })?;
    let grace = task.kill_policy.as_ref().and_then(|policy| policy.grace_period.as_ref());
    not_negative(grace, "Task's 'kill_policy.grace_period'")?;
    not_negative(task.max_completion_time.as_ref(), "Task's 'max_completion_time'")?;
    expect(!task.resources.is_empty(), || "Task uses no resources".to_owned())?;
    resources::validate(&task.resources)
        .map_err(|why| Invalid(format!("Task uses invalid resources: {why}")))?;
    let gpus = task.resources.iter().filter(|r| r.name == "gpus");
    let amounts = gpus.filter_map(|gpus| gpus.scalar.as_ref()).map(|scalar| scalar.value);
    expect(amounts.sum::<f64>().fract() == 0.0, || {
        "The 'gpus' resource must be an unsigned integer".to_owned()
    })
}

fn not_negative(span: Option<&DurationInfo>, what: &str) -> Check {
    expect(span.is_none_or(|span| span.nanoseconds >= 0), || format!("{what} must be non-negative"))
}

/// No resource may be partly revocable: nobody could tell which part is taken away.
fn unmixed(resources: &Resources) -> Check {
    let kinds = |name: &str| {
        let mut of = resources.iter().filter(|resource| resource.name == name);
        of.clone().any(|r| r.revocable.is_some()) && of.any(|r| r.revocable.is_none())
    };
    let mixed = resources.iter().find(|resource| kinds(&resource.name));
    expect(mixed.is_none(), || {
        let name = mixed.map_or("", |resource| &resource.name);
        format!("Task (and its executor, if exists) uses both revocable and non-revocable {name}")
    })
}
