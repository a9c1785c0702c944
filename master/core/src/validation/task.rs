//! What a task may be (rows VA-02 to VA-05, VA-11 to VA-14, VA-18, OP-19).
//!
//! The order is Mesos's: what a task says of itself, then its executor and what both use, then
//! what only a task of a group may say. Tasks of groups share the first part (see `group`).

use std::collections::BTreeMap;

use mesos::agent::AgentCapabilityType::ResourceLimits;
use mesos::executor_info::{ExecutorInfo, ExecutorInfoType};
use mesos::ids::AgentId;
use mesos::resources::Resources;
use mesos::task::TaskInfo;
use mesos::time::DurationInfo;
use mesos::value::Scalar;

use super::container::share_cgroups;
use super::resource::shown;
use super::{Check, check, command, container, executor, expect, id, resource, within};
use crate::state::{Agent, Framework};

/// Checks a task that is to run on `agent` with what is left of the `offered` resources. Its
/// resources, and its executor's, carry the role of the offer already.
pub fn validate(
    task: &TaskInfo,
    framework: &Framework,
    agent: &Agent,
    offered: &Resources,
) -> Check {
    validate_description(task, framework, agent)?;
    expect(task.executor.is_some() != task.command.is_some(), || {
        "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present"
            .to_owned()
    })?;
    let mut total = task.resources();
    if let Some(executor) = &task.executor {
        validate_executor(executor, framework, agent)?;
        if !agent.has_executor(&framework.id, &executor.executor_id) {
            total += &executor.resources();
        }
    }
    validate_sum(task)?;
    expect(offered.contains(&total), || {
        format!(
            "Total resources {total} required by task and its executor is more than available \
             {offered}"
        )
    })?;
    expect(share_cgroups(task.container.as_deref()) != Some(false), || {
        "Only tasks in a task group may have 'share_cgroups' set to 'false'".to_owned()
    })
}

/// Checks what a task says of itself, apart from its executor.
pub fn validate_description(task: &TaskInfo, framework: &Framework, agent: &Agent) -> Check {
    id::validate(task.task_id.as_str())?;
    unused_id(task, framework)?;
    expected_agent(task, &agent.id)?;
    let grace = task.kill_policy.as_ref().and_then(|policy| policy.grace_period.as_ref());
    not_negative(grace, "'kill_policy.grace_period'")?;
    not_negative(task.max_completion_time.as_ref(), "`max_completion_time`")?;
    if let Some(body) = &task.check {
        check::validate_check(body).map_err(within("Task uses invalid check"))?;
    }
    if let Some(body) = &task.health_check {
        check::validate_health_check(body).map_err(within("Task uses invalid health check"))?;
    }
    validate_resources(task)?;
    if let Some(body) = &task.command {
        command::validate(body).map_err(within("Task's `CommandInfo` is invalid"))?;
    }
    if let Some(body) = &task.container {
        container::validate(body).map_err(within("Task's `ContainerInfo` is invalid"))?;
    }
    validate_limits(&task.limits, &task.resources(), agent)
}

/// A task's id is its framework's only name for it, until it is over.
fn unused_id(task: &TaskInfo, framework: &Framework) -> Check {
    let id = &task.task_id;
    expect(!framework.tasks.contains_key(id), || format!("Task has duplicate ID: {id}"))?;
    expect(!framework.unreachable_tasks.contains_key(id), || {
        format!("Task reuses the ID of an unreachable task: {id}")
    })
}

fn expected_agent(task: &TaskInfo, agent: &AgentId) -> Check {
    expect(task.agent_id == *agent, || {
        format!("Task uses invalid agent {} while agent {agent} is expected", task.agent_id)
    })
}

fn not_negative(span: Option<&DurationInfo>, what: &str) -> Check {
    expect(span.is_none_or(|span| span.nanoseconds >= 0), || {
        format!("Task's {what} must be non-negative")
    })
}

fn validate_resources(task: &TaskInfo) -> Check {
    let list = &task.resources;
    expect(!list.is_empty(), || "Task uses no resources".to_owned())?;
    resource::validate(list).map_err(within("Task uses invalid resources"))?;
    resource::unique_persistence_ids(&Resources::from(list))
        .map_err(within("Task uses duplicate persistence ID"))?;
    resource::one_role(list).map_err(within("Invalid task resources"))?;
    resource::unmixed(list).map_err(within("Task mixes revocable and non-revocable resources"))
}

/// Checks how much more than it asks for a task may use (row OP-19).
fn validate_limits(limits: &BTreeMap<String, Scalar>, asked: &Resources, agent: &Agent) -> Check {
    if limits.is_empty() {
        return Ok(());
    }
    expect(agent.capabilities.contains(&ResourceLimits), || {
        "Agent is not capable of handling task resource limits".to_owned()
    })?;
    expect(limits.keys().all(|name| matches!(&**name, "cpus" | "mem")), || {
        "Only cpus and mem may be included in a task's resource limits".to_owned()
    })?;
    if let Some(limit) = limits.get("cpus") {
        let cpus = asked.cpus();
        expect(cpus.is_some(), || {
            "When a CPU limit is specified, a CPU request must also be specified".to_owned()
        })?;
        expect(cpus.is_some_and(|cpus| limit.value >= cpus), || {
            "The cpu limit must be greater than or equal to the cpu request".to_owned()
        })?;
    }
    if let Some(limit) = limits.get("mem") {
        let mem = asked.mem();
        expect(mem.is_some(), || {
            "When a memory limit is specified, a memory request must also be specified".to_owned()
        })?;
        expect(mem.is_some_and(|mem| limit.value >= mem), || {
            "The memory limit must be greater than or equal to the memory request".to_owned()
        })?;
    }
    Ok(())
}

/// Checks the executor of a single task.
fn validate_executor(executor: &ExecutorInfo, framework: &Framework, agent: &Agent) -> Check {
    executor::validate(executor, &framework.id, agent)?;
    expect(matches!(executor.r#type, None | Some(ExecutorInfoType::Custom)), || {
        "'ExecutorInfo.type' must be 'CUSTOM'".to_owned()
    })?;
    expect(executor.command.is_some(), || "'ExecutorInfo.command' must be set".to_owned())?;
    let shared = executor.resources().shared();
    expect(shared.is_empty(), || {
        let resources = shown(&executor.resources);
        format!("Executor resources {resources} should not contain any shared resources")
    })?;
    expect(share_cgroups(executor.container.as_deref()) != Some(true), || {
        "The 'share_cgroups' field cannot be set to 'true' on executor containers".to_owned()
    })
}

/// Checks what a task and its executor use together.
fn validate_sum(task: &TaskInfo) -> Check {
    let (own, total) = (task.resources(), task.total_resources());
    let list = total.to_vec();
    resource::validate(&list).map_err(within("Task and its executor use invalid resources"))?;
    if let Some(executor) = &task.executor {
        expect(!resource::overlap(&[&own, &executor.resources()]), || {
            format!(
                "There are overlapping resources in the task resources {own} and executor \
                 resources {}",
                shown(&executor.resources)
            )
        })?;
    }
    resource::unique_persistence_ids(&total)
        .map_err(within("Task and its executor use duplicate persistence ID"))?;
    resource::unmixed(&list)
        .map_err(within("Task and its executor mix revocable and non-revocable resources"))
}

#[cfg(test)]
#[path = "task_tests.rs"]
mod tests;
