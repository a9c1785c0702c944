//! `mesos execute`: one task and its updates, with the flags and the words of mesos-execute.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use libprocess::flags::FlagValue;
use mesos_framework::mesos::json;
use mesos_framework::mesos::resources::Resources;
use mesos_framework::{Capability, Framework, Task, TaskId, TaskInfo, TaskState, TaskStatus};

use crate::commands::{self, Invoked};
use crate::error::CliError;
use crate::run::environment;
use crate::task::{self, Happening, TaskRun};

/// How long to wait for something to happen before looking at the clock.
const TICK: Duration = Duration::from_millis(500);

libprocess::flags! {
    /// What `mesos execute` understands: the flags of mesos-execute that this release covers.
    pub struct Flags {
        /// Where the masters are: `host:port`, or several joined by commas.
        master: String = "127.0.0.1:5050";
        /// The task as a JSON TaskInfo, in place of `--name`, `--command` and `--resources`; its
        /// agent is filled in.
        task: Option<serde_json::Value>;
        /// The name and id of the task.
        name: Option<String>;
        /// What to run.
        command: Option<String>;
        /// Whether the command is run with a shell. Otherwise it is a program, which gets the
        /// arguments that follow the flags.
        shell: bool = "true";
        /// Variables for the command, as a JSON object: `{"NAME": "value"}`.
        env: Option<serde_json::Value>;
        /// Resources of the task, as `name(role):value` joined by semicolons, or as JSON.
        resources: String = "cpus:1;mem:128";
        /// Whether agents store what they run for the framework.
        checkpoint: bool = "false";
        /// The role of the framework.
        role: Option<String>;
        /// The principal of the framework.
        principal: Option<String>;
        /// Further capabilities of the framework, joined by commas.
        framework_capabilities: Option<String>;
        /// Whether the framework copes with partitions by itself.
        partition_aware: bool = "true";
        /// After how long the task is killed.
        kill_after: Option<Duration>;
    }
}

/// Runs the task.
pub fn main(invoked: Invoked) -> Result<ExitCode, CliError> {
    let Some(parsed) = commands::parse::<Flags>(&invoked)? else { return Ok(ExitCode::SUCCESS) };
    let flags = parsed.flags;
    let (task, resources) = match &flags.task {
        Some(value) => from_json(value)?,
        None => from_flags(&flags, &parsed.positional)?,
    };
    let framework = framework(&flags)?;
    let id = task.task_id.clone();
    let run = TaskRun::start(framework, task, resources)?;
    let kill_at = flags.kill_after.map(|span| Instant::now() + span);
    let status = until_over(&run, &id, kill_at)?;
    let finished = status.is_some_and(|status| status.state == TaskState::Finished);
    run.finish()?;
    Ok(if finished { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn framework(flags: &Flags) -> Result<Framework, CliError> {
    let mut framework = Framework::new("mesos-execute instance")
        .master(flags.master.clone())
        .checkpoint(flags.checkpoint)
        .give_up_after(task::PATIENCE)
        .capability(Capability::ReservationRefinement)
        .capability(Capability::KillingState);
    if flags.partition_aware {
        framework = framework.capability(Capability::PartitionAware);
    }
    for name in flags.framework_capabilities.iter().flat_map(|names| names.split(',')) {
        let capability = Capability::ALL.iter().find(|one| one.as_str() == name.trim());
        framework = framework.capability(*capability.ok_or_else(|| CliError::Value {
            flag: "framework_capabilities",
            value: name.to_owned(),
            reason: "there is no such capability".to_owned(),
        })?);
    }
    if let Some(role) = &flags.role {
        framework = framework.role(role);
    }
    if let Some(principal) = &flags.principal {
        framework = framework.principal(principal);
    }
    Ok(framework)
}

fn from_flags(flags: &Flags, arguments: &[String]) -> Result<(TaskInfo, Resources), CliError> {
    let Some(name) = &flags.name else { return Err(missing("name")) };
    let Some(command) = &flags.command else { return Err(missing("command")) };
    let mut task = match flags.shell {
        true => {
            commands::no_arguments(arguments)?;
            Task::shell(name.clone(), command)
        }
        false => {
            let argv = std::iter::once(command).chain(arguments);
            Task::command(name.clone(), argv)
        }
    };
    for (variable, value) in environment(flags.env.as_ref())? {
        task = task.env(variable, value);
    }
    let resources = Resources::parse(&flags.resources, "*").map_err(|error| CliError::Value {
        flag: "resources",
        value: flags.resources.clone(),
        reason: error.to_string(),
    })?;
    Ok((task.info().clone(), resources))
}

fn missing(name: &'static str) -> CliError {
    CliError::Flags(libprocess::flags::FlagError::Required { name })
}

fn from_json(value: &serde_json::Value) -> Result<(TaskInfo, Resources), CliError> {
    let wrong = |reason: String| CliError::Value {
        flag: "task",
        value: value.print().unwrap_or_default(),
        reason,
    };
    let mut value = value.clone();
    if let Some(task) = value.as_object_mut() {
        task.entry("agent_id").or_insert_with(|| serde_json::json!({ "value": "" }));
    }
    let task: TaskInfo =
        json::from_value(value, "TaskInfo").map_err(|error| wrong(error.to_string()))?;
    let resources = Resources::try_from_list(task.resources.clone())
        .map_err(|error| wrong(error.to_string()))?;
    Ok((task, resources))
}

/// Prints what happens until the task is over; gives its last update.
fn until_over(
    run: &TaskRun,
    id: &TaskId,
    mut kill_at: Option<Instant>,
) -> Result<Option<TaskStatus>, CliError> {
    let mut launched = false;
    loop {
        match run.next(TICK) {
            None | Some(Happening::TooSmall(_)) => {}
            Some(Happening::Subscribed(framework)) => println!("Subscribed with ID {framework}"),
            Some(Happening::Launched { agent, .. }) => {
                println!("Submitted task '{id}' to agent '{agent}'");
                launched = true;
            }
            Some(Happening::Update(status)) => {
                print_update(id, &status);
                if task::is_over(status.state) {
                    return Ok(Some(*status));
                }
            }
            Some(Happening::Interrupted(1)) if launched => {
                run.kill();
            }
            Some(Happening::Interrupted(_) | Happening::Over) => return Ok(None),
        }
        if launched && kill_at.is_some_and(|at| Instant::now() >= at) {
            println!("Asked to kill task '{id}'");
            run.kill();
            kill_at = None;
        }
    }
}

fn print_update(id: &TaskId, status: &TaskStatus) {
    println!("Received status update {} for task '{id}'", status.state);
    if let Some(message) = &status.message {
        println!("  message: '{message}'");
    }
    if let Some(source) = status.source {
        println!("  source: {source}");
    }
    if let Some(reason) = status.reason {
        println!("  reason: {reason}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_may_be_given_as_json_without_an_agent() {
        let text = r#"{"name":"n","task_id":{"value":"t"},"command":{"value":"true"},
            "resources":[{"name":"cpus","type":"SCALAR","scalar":{"value":0.5}}]}"#;
        let (task, resources) = from_json(&serde_json::from_str(text).unwrap()).unwrap();
        assert_eq!(task.task_id.as_str(), "t");
        assert_eq!(resources.cpus(), Some(0.5));
        let error = from_json(&serde_json::json!({ "name": "n" })).unwrap_err().to_string();
        assert!(error.contains("task_id"), "{error}");
    }
}
