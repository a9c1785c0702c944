//! The executor that the agent makes up for a command task (row EX-01).

use mesos::executor_info::{CommandInfo, ExecutorInfo};
use mesos::framework::FrameworkInfo;
use mesos::ids::ExecutorId;
use mesos::resource::{AllocationInfo, Resource};
use mesos::task::TaskInfo;
use mesos::value::{Scalar, ValueType};

/// What a command executor needs beside its task.
const CPUS: f64 = 0.1;
const MEM_MB: f64 = 32.0;
/// How much of a command an executor's name shows, in octets.
const SHOWN: usize = 15;

/// The executor for a command task. It is named by the task's id, and fetches, switches user and
/// sets variables as the task's command says; which program it runs is the shell's to know.
pub(crate) fn executor_for(task: &TaskInfo, framework: &FrameworkInfo) -> ExecutorInfo {
    let wanted = task.command.as_deref();
    let command = CommandInfo {
        uris: wanted.map(|command| command.uris.clone()).unwrap_or_default(),
        environment: wanted.and_then(|command| command.environment.clone()),
        shell: false,
        value: None,
        arguments: Vec::new(),
        user: wanted.and_then(|command| command.user.clone()),
    };
    ExecutorInfo {
        r#type: None,
        executor_id: ExecutorId::new(task.task_id.as_str()),
        framework_id: framework.id.clone(),
        command: Some(Box::new(command)),
        container: task.container.clone(),
        resources: overhead(&task.resources),
        name: Some(format!("Command Executor (Task: {}) ({})", task.task_id, shown(wanted))),
        source: Some(task.task_id.to_string()),
        data: None,
        discovery: task.discovery.clone(),
        shutdown_grace_period: None,
        labels: task.labels.clone(),
    }
}

/// What the executor itself uses, allocated to the role of its task.
fn overhead(task: &[Resource]) -> Vec<Resource> {
    let role = task.iter().find_map(|resource| resource.allocation_info.clone());
    let scalar = |name: &str, value| Resource {
        name: name.to_string(),
        r#type: ValueType::Scalar,
        scalar: Some(Scalar { value }),
        allocation_info: role.clone().map(|info| AllocationInfo { role: info.role }),
        ..Resource::default()
    };
    vec![scalar("cpus", CPUS), scalar("mem", MEM_MB)]
}

fn shown(command: Option<&CommandInfo>) -> String {
    let Some(command) = command else { return "Command: NO COMMAND".to_string() };
    match (&command.value, command.shell) {
        (Some(value), true) => format!("Command: sh -c '{}'", shortened(value)),
        (None, true) => "Command: NO COMMAND".to_string(),
        (Some(value), false) => {
            let words: Vec<&str> = std::iter::once(value.as_str())
                .chain(command.arguments.iter().map(String::as_str))
                .collect();
            format!("Command: [{}]", shortened(&words.join(", ")))
        }
        (None, false) => "Command: NO EXECUTABLE".to_string(),
    }
}

/// The text if it is short, else its beginning and three dots.
fn shortened(text: &str) -> String {
    if text.len() <= SHOWN {
        return text.to_string();
    }
    let mut end = SHOWN - 3;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}...", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(value: &str, shell: bool, arguments: &[&str]) -> TaskInfo {
        TaskInfo {
            task_id: "t-finish".into(),
            command: Some(Box::new(CommandInfo {
                shell,
                value: Some(value.to_string()),
                arguments: arguments.iter().map(ToString::to_string).collect(),
                ..CommandInfo::default()
            })),
            ..TaskInfo::default()
        }
    }

    fn name(task: &TaskInfo) -> String {
        executor_for(task, &FrameworkInfo::default()).name.unwrap_or_default()
    }

    #[test]
    fn names_show_the_beginning_of_the_command() {
        assert_eq!(
            name(&task("echo hello; echo oops >&2", true, &[])),
            "Command Executor (Task: t-finish) (Command: sh -c 'echo hello; ...')"
        );
        assert_eq!(
            name(&task("exit 3", true, &[])),
            "Command Executor (Task: t-finish) (Command: sh -c 'exit 3')"
        );
        assert_eq!(
            name(&task("ls", false, &["ls", "-l"])),
            "Command Executor (Task: t-finish) (Command: [ls, ls, -l])"
        );
    }

    #[test]
    fn a_name_is_cut_between_characters() {
        assert_eq!(shortened("0123456789aäöüß"), "0123456789a...");
    }

    #[test]
    fn resources_are_allocated_to_the_role_of_the_task() {
        let mut task = task("true", true, &[]);
        let role = Some(AllocationInfo { role: Some("r1".to_string()) });
        task.resources = vec![Resource { allocation_info: role.clone(), ..Resource::default() }];
        let executor = executor_for(&task, &FrameworkInfo::default());
        assert_eq!(executor.executor_id.as_str(), "t-finish");
        let values: Vec<_> = executor.resources.iter().map(|r| r.scalar).collect();
        assert_eq!(values, [Some(Scalar { value: 0.1 }), Some(Scalar { value: 32.0 })]);
        assert!(executor.resources.iter().all(|r| r.allocation_info == role));
    }
}
