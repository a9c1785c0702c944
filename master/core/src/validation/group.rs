//! What a group of tasks may be, which are launched together or not at all (row VA-10).

use std::collections::BTreeSet;

use mesos::check::HealthCheckType;
use mesos::container::{ContainerInfo, ContainerInfoType};
use mesos::executor_info::{ExecutorInfo, ExecutorInfoType};
use mesos::resources::Resources;
use mesos::task::TaskInfo;

use super::container::share_cgroups;
use super::resource::shown;
use super::{Check, executor, expect, invalid, resource, task, within};
use crate::state::{Agent, Framework};

/// Checks tasks that are to run on `agent` under one executor, with what is left of the `offered`
/// resources. All resources carry the role of the offer already, and each task its executor.
pub fn validate(
    tasks: &[TaskInfo],
    executor: &ExecutorInfo,
    framework: &Framework,
    agent: &Agent,
    offered: &Resources,
) -> Check {
    // Mesos sends an empty group to the agent, where nothing comes of it.
    expect(!tasks.is_empty(), || "Task group cannot be empty".to_owned())?;
    let mut ids = BTreeSet::new();
    for task in tasks {
        let what = format!("Task '{}' is invalid", task.task_id);
        validate_task(task, framework, agent).map_err(within(&what))?;
        // Mesos looks only at tasks that it has already, and ends when it adds the second.
        expect(ids.insert(&task.task_id), || {
            format!("{what}: Task has duplicate ID: {}", task.task_id)
        })?;
    }
    validate_executor(tasks, executor, framework, agent, offered)?;
    validate_sharing(tasks, executor, framework, agent)
}

fn validate_task(task: &TaskInfo, framework: &Framework, agent: &Agent) -> Check {
    task::validate_description(task, framework, agent)?;
    expect(task.executor.is_some(), || "'TaskInfo.executor' must be set".to_owned())?;
    if let Some(container) = &task.container {
        let kind = task.health_check.as_ref().and_then(|check| check.r#type);
        let looks_inside = matches!(kind, Some(HealthCheckType::Http | HealthCheckType::Tcp));
        expect(container.network_infos.is_empty() || !looks_inside, || {
            "HTTP and TCP health checks are not supported for nested containers not joining \
             parent's network"
                .to_owned()
        })?;
        expect(container.r#type != ContainerInfoType::Docker, || {
            "Docker ContainerInfo is not supported on the task".to_owned()
        })?;
    }
    let is_apart = share_cgroups(task.container.as_deref()) == Some(false);
    expect(task.limits.is_empty() || is_apart, || {
        "Resource limits may only be set for tasks within a task group when the 'share_cgroups' \
         field is set to 'false'."
            .to_owned()
    })
}

fn validate_executor(
    tasks: &[TaskInfo],
    executor: &ExecutorInfo,
    framework: &Framework,
    agent: &Agent,
    offered: &Resources,
) -> Check {
    executor::validate(executor, &framework.id, agent)?;
    match executor.r#type {
        None => return invalid("'ExecutorInfo.type' must be set"),
        Some(ExecutorInfoType::Unknown) => return invalid("Unknown executor type"),
        Some(ExecutorInfoType::Default | ExecutorInfoType::Custom) => {}
    }
    let container = executor.container.as_ref();
    expect(container.is_none_or(|of| of.r#type != ContainerInfoType::Docker), || {
        "Docker ContainerInfo is not supported on the executor".to_owned()
    })?;
    let is_other = |own: &ExecutorInfo| !executor::same(own, executor);
    let stray = tasks.iter().find(|task| task.executor.as_deref().is_some_and(is_other));
    if let Some(stray) = stray {
        return invalid(format!(
            "The `ExecutorInfo` of task '{}' is different from executor '{}'",
            stray.task_id, executor.executor_id
        ));
    }
    if let Some(shortage) = executor::shortage(executor) {
        return invalid(shortage);
    }
    let own = executor.resources();
    expect(own.disk().is_some(), || format!("Executor '{}' uses no disk", executor.executor_id))?;
    validate_sum(tasks, executor)?;
    let mut total: Resources = tasks.iter().map(TaskInfo::resources).sum();
    if !agent.has_executor(&framework.id, &executor.executor_id) {
        total += &own;
    }
    expect(offered.contains(&total), || {
        format!(
            "Total resources {total} required by task group and its executor are more than \
             available {offered}"
        )
    })
}

/// Checks what the tasks and their executor use together.
fn validate_sum(tasks: &[TaskInfo], executor: &ExecutorInfo) -> Check {
    let own = executor.resources();
    let parts: Vec<Resources> = tasks.iter().map(TaskInfo::resources).collect();
    let total: Resources = parts.iter().chain([&own]).sum();
    resource::unique_persistence_ids(&total)
        .map_err(within("Task group and executor use duplicate persistence ID"))?;
    resource::unmixed(&total.to_vec())
        .map_err(within("Task group and executor mix revocable and non-revocable resources"))?;
    let all: Vec<&Resources> = parts.iter().chain([&own]).collect();
    expect(!resource::overlap(&all), || {
        let parts: Vec<String> = parts.iter().map(ToString::to_string).collect();
        format!(
            "There are overlapping resources in the task group's task resources {{ {} }} and/or \
             executor resources {}",
            parts.join(", "),
            shown(&executor.resources)
        )
    })
}

/// All tasks under one executor have cgroups of their own, or none has: those of the group, and
/// those that the executor runs already.
fn validate_sharing(
    tasks: &[TaskInfo],
    executor: &ExecutorInfo,
    framework: &Framework,
    agent: &Agent,
) -> Check {
    expect(share_cgroups(executor.container.as_deref()) != Some(true), || {
        "The 'share_cgroups' field cannot be set to 'true' on executor containers".to_owned()
    })?;
    let mut shares = BTreeSet::new();
    let mut note = |container: Option<&ContainerInfo>| {
        shares.insert(share_cgroups(container).unwrap_or(true));
        expect(shares.len() < 2, || {
            "If set, the value of 'share_cgroups' must be the same for all tasks in each task \
             group and under a single executor"
                .to_owned()
        })
    };
    for task in tasks {
        note(task.container.as_deref())?;
    }
    if !agent.has_executor(&framework.id, &executor.executor_id) {
        return Ok(());
    }
    let known = framework.tasks.values().chain(framework.unreachable_tasks.values());
    let siblings = known.filter(|task| {
        task.agent_id == agent.id && task.executor_id.as_ref() == Some(&executor.executor_id)
    });
    for task in siblings {
        note(task.container.as_deref())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use mesos::check::{HealthCheck, HealthCheckTcp};
    use mesos::container::{DockerInfo, LinuxInfo, NetworkInfo};
    use mesos::resource::{Resource, RevocableInfo};
    use mesos::task::{Task, TaskState};

    use super::*;
    use crate::validation::fixtures::{
        agent, allocated, custom_executor, default_executor, framework, group_task, offered,
    };
    use crate::validation::words;

    const ALL: &str = "cpus:4;mem:4096;disk:100;ports:[1-10]";

    fn says(tasks: &[TaskInfo], executor: &ExecutorInfo) -> String {
        words(validate(tasks, executor, &framework(), &agent(ALL), &offered(ALL)))
    }

    fn says_of(task: TaskInfo) -> String {
        says(&[task], &default_executor())
    }

    /// A group of one task under this executor.
    fn says_under(executor: ExecutorInfo) -> String {
        let own = Some(Box::new(executor.clone()));
        says(&[TaskInfo { executor: own, ..group_task() }], &executor)
    }

    fn contained(r#type: ContainerInfoType) -> ContainerInfo {
        ContainerInfo { r#type, ..ContainerInfo::default() }
    }

    fn sharing(share_cgroups: Option<bool>) -> Option<Box<ContainerInfo>> {
        let linux_info = Some(Box::new(LinuxInfo { share_cgroups, ..LinuxInfo::default() }));
        Some(Box::new(ContainerInfo { linux_info, ..contained(ContainerInfoType::Mesos) }))
    }

    #[test]
    fn sound_groups_pass() {
        let other = TaskInfo { task_id: "u".into(), ..group_task() };
        assert_eq!(says(&[group_task(), other], &default_executor()), "");
        let resources = allocated("cpus:0.1;mem:32;disk:1");
        assert_eq!(says_under(ExecutorInfo { resources, ..custom_executor() }), "");
    }

    #[test]
    fn a_group_has_tasks_with_ids_of_their_own() {
        assert_eq!(says(&[], &default_executor()), "Task group cannot be empty");
        assert_eq!(
            says(&[group_task(), group_task()], &default_executor()),
            "Task 't' is invalid: Task has duplicate ID: t"
        );
        assert_eq!(
            says_of(TaskInfo { resources: Vec::new(), ..group_task() }),
            "Task 't' is invalid: Task uses no resources"
        );
    }

    #[test]
    fn tasks_name_the_executor_of_the_group() {
        assert_eq!(
            says_of(TaskInfo { executor: None, ..group_task() }),
            "Task 't' is invalid: 'TaskInfo.executor' must be set"
        );
        let other = ExecutorInfo { name: Some("n".to_owned()), ..default_executor() };
        assert_eq!(
            says_of(TaskInfo { executor: Some(Box::new(other)), ..group_task() }),
            "The `ExecutorInfo` of task 't' is different from executor 'x'"
        );
    }

    #[test]
    fn tasks_are_no_docker_containers() {
        let container = ContainerInfo {
            docker: Some(Box::new(DockerInfo::default())),
            ..contained(ContainerInfoType::Docker)
        };
        let container = Some(Box::new(container));
        assert_eq!(
            says_of(TaskInfo { container: container.clone(), ..group_task() }),
            "Task 't' is invalid: Docker ContainerInfo is not supported on the task"
        );
        let resources = default_executor().resources;
        assert_eq!(
            says_under(ExecutorInfo { container, resources, ..custom_executor() }),
            "Docker ContainerInfo is not supported on the executor"
        );
    }

    #[test]
    fn tasks_with_a_network_of_their_own_are_not_checked_through_it() {
        let network_infos = vec![NetworkInfo::default()];
        let container = ContainerInfo { network_infos, ..contained(ContainerInfoType::Mesos) };
        let container = Some(Box::new(container));
        let health_check = Some(Box::new(HealthCheck {
            r#type: Some(HealthCheckType::Tcp),
            tcp: Some(HealthCheckTcp::default()),
            ..HealthCheck::default()
        }));
        let unchecked = TaskInfo { container, ..group_task() };
        assert_eq!(says_of(unchecked.clone()), "");
        assert_eq!(
            says_of(TaskInfo { health_check, ..unchecked }),
            "Task 't' is invalid: HTTP and TCP health checks are not supported for nested \
             containers not joining parent's network"
        );
    }

    #[test]
    fn limits_need_cgroups_of_their_own() {
        let limits = [("cpus".to_owned(), 2.0.into())].into();
        let limited = TaskInfo { limits, ..group_task() };
        let container = sharing(Some(false));
        assert_eq!(says_of(TaskInfo { container, ..limited.clone() }), "");
        assert_eq!(
            says_of(limited),
            "Task 't' is invalid: Resource limits may only be set for tasks within a task group \
             when the 'share_cgroups' field is set to 'false'."
        );
    }

    #[test]
    fn the_executor_says_what_it_is_and_takes_enough() {
        let resources = || default_executor().resources;
        let untyped = ExecutorInfo { r#type: None, resources: resources(), ..custom_executor() };
        assert_eq!(says_under(untyped.clone()), "'ExecutorInfo.type' must be set");
        let r#type = Some(ExecutorInfoType::Unknown);
        assert_eq!(says_under(ExecutorInfo { r#type, ..untyped }), "Unknown executor type");
        let with = |text| ExecutorInfo { resources: allocated(text), ..default_executor() };
        assert_eq!(
            says_under(with("cpus:0.005;mem:32;disk:1")),
            "Executor 'x' uses less CPUs (0.005) than the minimum required (0.01)"
        );
        assert_eq!(
            says_under(with("cpus:1;mem:31;disk:1")),
            "Executor 'x' uses less memory (31MB) than the minimum required (32MB)"
        );
        assert_eq!(says_under(with("cpus:1;mem:32")), "Executor 'x' uses no disk");
    }

    #[test]
    fn a_group_and_its_executor_do_not_collide() {
        let with = |id: &str, text: &str| TaskInfo {
            task_id: id.into(),
            resources: allocated(text),
            ..group_task()
        };
        let tasks = [with("t", "ports:[1-2]"), with("u", "ports:[2-3]")];
        let said = says(&tasks, &default_executor());
        assert!(said.starts_with("There are overlapping resources in the task group's"), "{said}");
        let mut revocable = with("u", "cpus:1");
        revocable.resources[0].revocable = Some(RevocableInfo::default());
        assert_eq!(
            says(&[group_task(), revocable], &default_executor()),
            "Task group and executor mix revocable and non-revocable resources: Cannot use both \
             revocable and non-revocable 'cpus' at the same time"
        );
        let volume = |size: f64| {
            let mut volume = Resource {
                role: Some("r".to_owned()),
                allocation_info: allocated("cpus:1")[0].allocation_info.clone(),
                disk: Some(Box::default()),
                ..Resource::of_scalar("disk", size)
            };
            let disk = volume.disk.as_mut().expect("it has one");
            disk.persistence = Some(Default::default());
            disk.persistence.as_mut().expect("it has one").id = "v".to_owned();
            disk.volume = Some(Default::default());
            mesos::resources::upgrade(&mut volume).expect("a static reservation is valid");
            volume
        };
        let first = TaskInfo { resources: vec![volume(1.0)], ..group_task() };
        let second = TaskInfo { task_id: "u".into(), resources: vec![volume(2.0)], ..group_task() };
        assert_eq!(
            says(&[first, second], &default_executor()),
            "Task group and executor use duplicate persistence ID: Persistence ID 'v' is not \
             unique"
        );
    }

    #[test]
    fn what_the_group_asks_for_is_there() {
        let task = TaskInfo { resources: allocated("cpus:4"), ..group_task() };
        let said = says_of(task);
        assert!(
            said.starts_with(
                "Total resources cpus(allocated: r):4.1; mem(allocated: r):32; \
                 disk(allocated: r):1 required by task group and its executor are more than \
                 available "
            ),
            "{said}"
        );
    }

    #[test]
    fn cgroups_are_shared_by_all_or_by_none() {
        let apart =
            TaskInfo { task_id: "u".into(), container: sharing(Some(false)), ..group_task() };
        let mixed = "If set, the value of 'share_cgroups' must be the same for all tasks in each \
                     task group and under a single executor";
        assert_eq!(says(&[group_task(), apart.clone()], &default_executor()), mixed);
        let container = sharing(Some(true));
        assert_eq!(
            says_under(ExecutorInfo { container, ..default_executor() }),
            "The 'share_cgroups' field cannot be set to 'true' on executor containers"
        );
        // What the executor runs already counts too, even where nobody can reach it.
        let sibling = TaskInfo { task_id: "s".into(), ..group_task() };
        let sibling = Arc::new(Task::new(&sibling, &"F".into(), TaskState::Running));
        let mut agent = agent(ALL);
        let of = agent.executors.entry("F".into()).or_default();
        of.insert("x".into(), Arc::new(default_executor()));
        let mut running = framework();
        running.tasks.insert("s".into(), sibling.clone());
        let mut lost = framework();
        lost.unreachable_tasks.insert("s".into(), sibling);
        for framework in [running, lost] {
            let tasks = std::slice::from_ref(&apart);
            let checked = validate(tasks, &default_executor(), &framework, &agent, &offered(ALL));
            assert_eq!(words(checked), mixed);
        }
    }
}
