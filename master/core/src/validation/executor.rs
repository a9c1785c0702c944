//! What an executor may be (rows VA-06, VA-09).

use mesos::executor_info::{ExecutorInfo, ExecutorInfoType};
use mesos::ids::FrameworkId;
use mesos::resources;

use super::{Check, Invalid, expect, id};
use crate::state::Agent;

/// Checks an executor of `framework` that is to run on `agent`.
pub fn validate(executor: &ExecutorInfo, framework: &FrameworkId, agent: &Agent) -> Check {
    kind(executor)?;
    id::validate(executor.executor_id.as_str())?;
    framework_id(executor, framework)?;
    let grace = executor.shutdown_grace_period.as_ref();
    expect(grace.is_none_or(|grace| grace.nanoseconds >= 0), || {
        "ExecutorInfo's 'shutdown_grace_period' must be non-negative".to_owned()
    })?;
    resources::validate(&executor.resources)
        .map_err(|why| Invalid(format!("Executor uses invalid resources: {why}")))?;
    compatible(executor, framework, agent)
}

fn kind(executor: &ExecutorInfo) -> Check {
    match executor.r#type {
        Some(ExecutorInfoType::Default) => expect(executor.command.is_none(), || {
            "'ExecutorInfo.command' must not be set for 'DEFAULT' executor".to_owned()
        }),
        Some(ExecutorInfoType::Custom) | None => expect(executor.command.is_some(), || {
            "'ExecutorInfo.command' must be set for 'CUSTOM' executor".to_owned()
        }),
        Some(ExecutorInfoType::Unknown) => expect(false, || "Unknown executor type".to_owned()),
    }
}

fn framework_id(executor: &ExecutorInfo, framework: &FrameworkId) -> Check {
    let given = executor.framework_id.as_ref();
    expect(given.is_none_or(|id| id == framework), || {
        let actual = given.map_or("", |id| id.as_str());
        format!(
            "ExecutorInfo has an invalid FrameworkID (Actual: {actual} vs Expected: {framework})"
        )
    })
}

/// An executor's id stands for one description: a task may join an executor that runs, but not
/// change it.
fn compatible(executor: &ExecutorInfo, framework: &FrameworkId, agent: &Agent) -> Check {
    let id = &executor.executor_id;
    let Some(existing) = agent.executors.get(framework).and_then(|of| of.get(id)) else {
        return Ok(());
    };
    let mut wanted = executor.clone();
    wanted.framework_id = existing.framework_id.clone();
    expect(wanted == **existing, || {
        format!(
            "ExecutorInfo is not compatible with existing ExecutorInfo with same ExecutorID.\n\
             ------------------------------------------------------------\n\
             Existing ExecutorInfo:\n{existing:?}\n\
             ------------------------------------------------------------\n\
             ExecutorInfo:\n{executor:?}\n\
             ------------------------------------------------------------"
        )
    })
}
