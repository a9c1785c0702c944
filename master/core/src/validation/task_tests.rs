//! One broken rule each: the rest of the task is sound.

use std::sync::Arc;

use mesos::check::{CheckInfo, HealthCheck};
use mesos::container::{ContainerInfo, ContainerInfoType, LinuxInfo};
use mesos::executor_info::{CommandInfo, Environment, EnvironmentVariable};
use mesos::resource::{DiskInfo, Persistence, Resource, RevocableInfo, SharedInfo};
use mesos::task::{KillPolicy, Task, TaskState};
use mesos::volume::{Volume, VolumeMode};

use super::*;
use crate::validation::fixtures::{
    agent, allocated, command_task, custom_executor, executor_task, framework, offered,
};
use crate::validation::words;

const ALL: &str = "cpus:4;mem:4096;gpus:4;ports:[1-10]";

fn says(task: &TaskInfo) -> String {
    words(validate(task, &framework(), &agent(ALL), &offered(ALL)))
}

fn sharing(share_cgroups: Option<bool>) -> Option<Box<ContainerInfo>> {
    let linux_info = Some(Box::new(LinuxInfo { share_cgroups, ..LinuxInfo::default() }));
    let r#type = ContainerInfoType::Mesos;
    Some(Box::new(ContainerInfo { r#type, linux_info, ..ContainerInfo::default() }))
}

fn volume(id: &str) -> Resource {
    let mut resource = Resource::of_scalar("disk", 1.0);
    resource.allocation_info = allocated("cpus:1")[0].allocation_info.clone();
    resource.role = Some("r".to_owned());
    mesos::resources::upgrade(&mut resource).expect("a static reservation is valid");
    let volume =
        Volume { mode: VolumeMode::Rw, container_path: "data".to_owned(), ..Volume::default() };
    resource.disk = Some(Box::new(DiskInfo {
        persistence: Some(Persistence { id: id.to_owned(), principal: None }),
        volume: Some(volume),
        source: None,
    }));
    resource
}

#[test]
fn sound_tasks_pass() {
    assert_eq!(says(&command_task()), "");
    assert_eq!(says(&executor_task()), "");
    assert_eq!(says(&TaskInfo { container: sharing(Some(true)), ..command_task() }), "");
}

#[test]
fn ids_are_names() {
    let task = TaskInfo { task_id: "a/b".into(), ..command_task() };
    assert_eq!(says(&task), "'a/b' contains invalid characters");
}

#[test]
fn ids_are_used_once() {
    let known = || Arc::new(Task::new(&command_task(), &"F".into(), TaskState::Running));
    let mut running = framework();
    running.tasks.insert("t".into(), known());
    let says = |framework: &Framework| {
        words(validate(&command_task(), framework, &agent(ALL), &offered(ALL)))
    };
    assert_eq!(says(&running), "Task has duplicate ID: t");
    let mut unreachable = framework();
    unreachable.unreachable_tasks.insert("t".into(), known());
    assert_eq!(says(&unreachable), "Task reuses the ID of an unreachable task: t");
}

#[test]
fn the_agent_is_the_offers() {
    let task = TaskInfo { agent_id: "B".into(), ..command_task() };
    assert_eq!(says(&task), "Task uses invalid agent B while agent A is expected");
}

#[test]
fn times_are_not_negative() {
    let span = Some(DurationInfo { nanoseconds: -1 });
    let kill_policy = Some(KillPolicy { grace_period: span.clone() });
    assert_eq!(
        says(&TaskInfo { kill_policy, ..command_task() }),
        "Task's 'kill_policy.grace_period' must be non-negative"
    );
    assert_eq!(
        says(&TaskInfo { max_completion_time: span, ..command_task() }),
        "Task's `max_completion_time` must be non-negative"
    );
}

#[test]
fn checks_are_sound() {
    let check = Some(Box::new(CheckInfo::default()));
    assert_eq!(
        says(&TaskInfo { check, ..command_task() }),
        "Task uses invalid check: CheckInfo must specify 'type'"
    );
    let health_check = Some(Box::new(HealthCheck::default()));
    assert_eq!(
        says(&TaskInfo { health_check, ..command_task() }),
        "Task uses invalid health check: HealthCheck must specify 'type'"
    );
}

#[test]
fn a_task_uses_something() {
    let task = TaskInfo { resources: Vec::new(), ..command_task() };
    assert_eq!(says(&task), "Task uses no resources");
}

#[test]
fn resources_are_sound() {
    let with = |resources| TaskInfo { resources, ..command_task() };
    assert_eq!(
        says(&with(allocated("cpus:1;gpus:1.5"))),
        "Task uses invalid resources: Invalid 'gpus' resource: The 'gpus' resource must be an \
         unsigned integer"
    );
    assert_eq!(
        says(&with(vec![Resource::of_scalar("cpus", 1.0)])),
        "Invalid task resources: The resources are not allocated to a role"
    );
    let mut mixed = allocated("cpus:1");
    mixed.push(Resource { revocable: Some(RevocableInfo::default()), ..mixed[0].clone() });
    assert_eq!(
        says(&with(mixed)),
        "Task mixes revocable and non-revocable resources: Cannot use both revocable and \
         non-revocable 'cpus' at the same time"
    );
    let larger = Resource { scalar: Some(2.0.into()), ..volume("v") };
    assert_eq!(
        says(&with(vec![volume("v"), larger])),
        "Task uses duplicate persistence ID: Persistence ID 'v' is not unique"
    );
}

#[test]
fn commands_and_containers_are_sound() {
    let variable = EnvironmentVariable { name: "V".to_owned(), ..Default::default() };
    let environment = Some(Environment { variables: vec![variable] });
    let command = Some(Box::new(CommandInfo { environment, ..CommandInfo::default() }));
    assert_eq!(
        says(&TaskInfo { command, ..command_task() }),
        "Task's `CommandInfo` is invalid: Environment variable 'V' of type 'VALUE' must have a \
         value set"
    );
    let r#type = ContainerInfoType::Docker;
    let container = Some(Box::new(ContainerInfo { r#type, ..ContainerInfo::default() }));
    assert_eq!(
        says(&TaskInfo { container, ..command_task() }),
        "Task's `ContainerInfo` is invalid: DockerInfo 'docker' is not set for DOCKER typed \
         ContainerInfo"
    );
}

fn limited(limits: &[(&str, f64)]) -> TaskInfo {
    let limits = limits.iter().map(|(name, value)| ((*name).to_owned(), (*value).into()));
    TaskInfo { limits: limits.collect(), ..command_task() }
}

#[test]
fn limits_are_not_below_what_is_asked_for() {
    assert_eq!(says(&limited(&[("cpus", 1.0), ("mem", f64::INFINITY)])), "");
    assert_eq!(
        says(&limited(&[("cpus", 0.5)])),
        "The cpu limit must be greater than or equal to the cpu request"
    );
    assert_eq!(
        says(&limited(&[("mem", 32.0)])),
        "The memory limit must be greater than or equal to the memory request"
    );
}

#[test]
fn limits_are_of_what_is_asked_for() {
    assert_eq!(
        says(&limited(&[("disk", 1.0)])),
        "Only cpus and mem may be included in a task's resource limits"
    );
    let of = |limit, asked| TaskInfo { resources: allocated(asked), ..limited(&[(limit, 64.0)]) };
    assert_eq!(
        says(&of("cpus", "mem:64")),
        "When a CPU limit is specified, a CPU request must also be specified"
    );
    assert_eq!(
        says(&of("mem", "cpus:1")),
        "When a memory limit is specified, a memory request must also be specified"
    );
}

#[test]
fn limits_need_an_agent_that_keeps_them() {
    let mut agent = agent(ALL);
    agent.capabilities.remove(&ResourceLimits);
    let checked = validate(&limited(&[("cpus", 1.0)]), &framework(), &agent, &offered(ALL));
    assert_eq!(words(checked), "Agent is not capable of handling task resource limits");
}

#[test]
fn a_task_has_a_command_or_an_executor() {
    let neither = TaskInfo { command: None, ..command_task() };
    let both = TaskInfo { command: command_task().command, ..executor_task() };
    for task in [neither, both] {
        assert_eq!(
            says(&task),
            "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present"
        );
    }
}

fn under(executor: ExecutorInfo) -> TaskInfo {
    TaskInfo { executor: Some(Box::new(executor)), ..executor_task() }
}

#[test]
fn the_executor_of_a_task_is_its_frameworks() {
    let untyped = ExecutorInfo { r#type: None, ..custom_executor() };
    assert_eq!(says(&under(untyped.clone())), "");
    assert_eq!(
        says(&under(ExecutorInfo { command: None, ..untyped })),
        "'ExecutorInfo.command' must be set"
    );
    let r#type = Some(ExecutorInfoType::Default);
    assert_eq!(
        says(&under(ExecutorInfo { r#type, command: None, ..custom_executor() })),
        "'ExecutorInfo.type' must be 'CUSTOM'"
    );
    let container = sharing(Some(true));
    assert_eq!(
        says(&under(ExecutorInfo { container, ..custom_executor() })),
        "The 'share_cgroups' field cannot be set to 'true' on executor containers"
    );
    for container in [sharing(None), sharing(Some(false))] {
        assert_eq!(says(&under(ExecutorInfo { container, ..custom_executor() })), "");
    }
}

#[test]
fn executors_use_nothing_that_is_shared() {
    let shared = Resource { shared: Some(SharedInfo::default()), ..volume("v") };
    let said = says(&under(ExecutorInfo { resources: vec![shared], ..custom_executor() }));
    assert!(said.ends_with("should not contain any shared resources"), "{said}");
}

#[test]
fn a_task_and_its_executor_do_not_collide() {
    let with = |own: Vec<Resource>, executor: Vec<Resource>| TaskInfo {
        resources: own,
        ..under(ExecutorInfo { resources: executor, ..custom_executor() })
    };
    assert_eq!(
        says(&with(allocated("cpus:1;ports:[1-2]"), allocated("ports:[2-3]"))),
        "There are overlapping resources in the task resources cpus(allocated: r):1; \
         ports(allocated: r):[1-2] and executor resources ports(allocated: r):[2-3]"
    );
    let revocable =
        Resource { revocable: Some(RevocableInfo::default()), ..allocated("cpus:1")[0].clone() };
    assert_eq!(
        says(&with(allocated("cpus:1"), vec![revocable])),
        "Task and its executor mix revocable and non-revocable resources: Cannot use both \
         revocable and non-revocable 'cpus' at the same time"
    );
    let larger = Resource { scalar: Some(2.0.into()), ..volume("v") };
    assert_eq!(
        says(&with(vec![volume("v")], vec![larger])),
        "Task and its executor use duplicate persistence ID: Persistence ID 'v' is not unique"
    );
}

#[test]
fn what_is_asked_for_is_there() {
    let task = TaskInfo { resources: allocated("cpus:4"), ..executor_task() };
    let said = says(&task);
    let start = "Total resources cpus(allocated: r):4.1; mem(allocated: r):32 required by task \
                 and its executor is more than available ";
    assert!(said.starts_with(start), "{said}");
    // An executor that runs already has its resources.
    let mut agent = agent(ALL);
    let of = agent.executors.entry("F".into()).or_default();
    of.insert("x".into(), Arc::new(custom_executor()));
    assert_eq!(words(validate(&task, &framework(), &agent, &offered(ALL))), "");
}

#[test]
fn single_tasks_share_their_cgroups() {
    let task = TaskInfo { container: sharing(Some(false)), ..command_task() };
    assert_eq!(says(&task), "Only tasks in a task group may have 'share_cgroups' set to 'false'");
}
