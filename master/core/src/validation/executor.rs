//! What an executor may be (rows VA-06, VA-09, VA-18).

use mesos::container::ContainerInfoType;
use mesos::executor_info::{ExecutorInfo, ExecutorInfoType};
use mesos::ids::FrameworkId;
use mesos::resources::Resources;

use super::{Check, command, container, expect, id, invalid, number, resource, within};
use crate::state::Agent;

/// An executor with less cannot be expected to do anything, in cores.
const MIN_CPUS: f64 = 0.01;

/// An executor with less cannot be expected to do anything, in megabytes.
const MIN_MEM: f64 = 32.0;

/// Checks what an executor says of itself, wherever and whose it is.
pub fn validate_description(executor: &ExecutorInfo) -> Check {
    kind(executor)?;
    id::validate(executor.executor_id.as_str())?;
    let grace = executor.shutdown_grace_period.as_ref();
    expect(grace.is_none_or(|grace| grace.nanoseconds >= 0), || {
        "ExecutorInfo's 'shutdown_grace_period' must be non-negative".to_owned()
    })?;
    if let Some(command) = &executor.command {
        command::validate(command).map_err(within("Executor's `CommandInfo` is invalid"))?;
    }
    if let Some(container) = &executor.container {
        container::validate(container).map_err(within("Executor's `ContainerInfo` is invalid"))?;
    }
    Ok(())
}

/// Checks an executor of `framework` that is to run on `agent`.
pub fn validate(executor: &ExecutorInfo, framework: &FrameworkId, agent: &Agent) -> Check {
    validate_description(executor)?;
    framework_id(executor, framework)?;
    validate_resources(executor)?;
    compatible(executor, framework, agent)
}

fn kind(executor: &ExecutorInfo) -> Check {
    match executor.r#type {
        Some(ExecutorInfoType::Default) => {
            expect(executor.command.is_none(), || {
                "'ExecutorInfo.command' must not be set for 'DEFAULT' executor".to_owned()
            })?;
            let Some(container) = &executor.container else { return Ok(()) };
            expect(container.r#type == ContainerInfoType::Mesos, || {
                "'ExecutorInfo.container.type' must be 'MESOS' for 'DEFAULT' executor".to_owned()
            })?;
            let has_image = container.mesos.as_ref().is_some_and(|mesos| mesos.image.is_some());
            expect(!has_image, || {
                "'ExecutorInfo.container.mesos.image' must not be set for 'DEFAULT' executor"
                    .to_owned()
            })
        }
        Some(ExecutorInfoType::Custom) => expect(executor.command.is_some(), || {
            "'ExecutorInfo.command' must be set for 'CUSTOM' executor".to_owned()
        }),
        // A kind that this master does not know yet.
        Some(ExecutorInfoType::Unknown) | None => Ok(()),
    }
}

fn framework_id(executor: &ExecutorInfo, framework: &FrameworkId) -> Check {
    let Some(actual) = &executor.framework_id else {
        return invalid("'ExecutorInfo.framework_id' must be set");
    };
    expect(actual == framework, || {
        format!(
            "ExecutorInfo has an invalid FrameworkID (Actual: {actual} vs Expected: {framework})"
        )
    })
}

fn validate_resources(executor: &ExecutorInfo) -> Check {
    let list = &executor.resources;
    resource::validate(list).map_err(within("Executor uses invalid resources"))?;
    resource::unique_persistence_ids(&Resources::from(list))
        .map_err(within("Executor uses duplicate persistence ID"))?;
    resource::one_role(list).map_err(within("Invalid executor resources"))?;
    resource::unmixed(list).map_err(within("Executor mixes revocable and non-revocable resources"))
}

/// An executor's id stands for one description: a task may join an executor that runs, but not
/// change it.
fn compatible(executor: &ExecutorInfo, framework: &FrameworkId, agent: &Agent) -> Check {
    let id = &executor.executor_id;
    let Some(existing) = agent.executors.get(framework).and_then(|of| of.get(id)) else {
        return Ok(());
    };
    expect(same(executor, existing), || {
        let rule = "------------------------------------------------------------";
        let shown = |executor: &ExecutorInfo| mesos::json::to_value(executor).to_string();
        format!(
            "ExecutorInfo is not compatible with existing ExecutorInfo with same ExecutorID.\n\
             {rule}\nExisting ExecutorInfo:\n{}\n{rule}\nExecutorInfo:\n{}\n{rule}\n",
            shown(existing),
            shown(executor)
        )
    })
}

/// Whether two executors are one. The order of resources does not matter.
pub(super) fn same(one: &ExecutorInfo, other: &ExecutorInfo) -> bool {
    if one == other {
        return true;
    }
    let bare = |of: &ExecutorInfo| ExecutorInfo { resources: Vec::new(), ..of.clone() };
    one.resources() == other.resources() && bare(one) == bare(other)
}

/// Says what an executor has too little of; Mesos warns of it when it launches single tasks, and
/// refuses it for groups.
pub fn shortage(executor: &ExecutorInfo) -> Option<String> {
    let resources = executor.resources();
    let too_little = |what: &str, amount: Option<String>, least: String| {
        let amount = amount.unwrap_or_else(|| "None".to_owned());
        Some(format!(
            "Executor '{}' uses less {what} ({amount}) than the minimum required ({least})",
            executor.executor_id
        ))
    };
    let cpus = resources.cpus();
    if cpus.is_none_or(|cpus| cpus < MIN_CPUS) {
        return too_little("CPUs", cpus.map(number), number(MIN_CPUS));
    }
    let mem = resources.mem();
    if mem.is_none_or(|mem| mem < MIN_MEM) {
        return too_little("memory", mem.map(memory), memory(MIN_MEM));
    }
    None
}

/// Megabytes as Mesos prints them: in the largest unit of which they are a whole number.
fn memory(megabytes: f64) -> String {
    const UNITS: [&str; 5] = ["B", "KB", "MB", "GB", "TB"];
    let mut amount = (megabytes * 1024.0 * 1024.0) as u64;
    let mut unit = 0;
    while unit + 1 < UNITS.len() && amount > 0 && amount.is_multiple_of(1024) {
        amount /= 1024;
        unit += 1;
    }
    format!("{amount}{}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use mesos::container::{ContainerInfo, MesosInfo};
    use mesos::executor_info::{CommandInfo, Environment, EnvironmentVariable};
    use mesos::resource::{Resource, RevocableInfo};
    use mesos::time::DurationInfo;

    use super::*;
    use crate::validation::fixtures::{agent, allocated, custom_executor, default_executor};
    use crate::validation::words;

    fn says(executor: &ExecutorInfo) -> String {
        words(validate(executor, &"F".into(), &agent("cpus:4")))
    }

    #[test]
    fn sound_executors_pass() {
        assert_eq!(says(&custom_executor()), "");
        assert_eq!(says(&default_executor()), "");
        let container = Some(Box::new(contained(ContainerInfoType::Mesos)));
        assert_eq!(says(&ExecutorInfo { container, ..default_executor() }), "");
    }

    fn contained(r#type: ContainerInfoType) -> ContainerInfo {
        ContainerInfo { r#type, ..ContainerInfo::default() }
    }

    #[test]
    fn the_default_executor_is_the_agents() {
        let command = custom_executor().command;
        assert_eq!(
            says(&ExecutorInfo { command, ..default_executor() }),
            "'ExecutorInfo.command' must not be set for 'DEFAULT' executor"
        );
        let container = Some(Box::new(contained(ContainerInfoType::Docker)));
        assert_eq!(
            says(&ExecutorInfo { container, ..default_executor() }),
            "'ExecutorInfo.container.type' must be 'MESOS' for 'DEFAULT' executor"
        );
        let mesos = Some(MesosInfo { image: Some(Default::default()) });
        let container = ContainerInfo { mesos, ..contained(ContainerInfoType::Mesos) };
        let container = Some(Box::new(container));
        assert_eq!(
            says(&ExecutorInfo { container, ..default_executor() }),
            "'ExecutorInfo.container.mesos.image' must not be set for 'DEFAULT' executor"
        );
    }

    #[test]
    fn a_custom_executor_says_what_to_run() {
        assert_eq!(
            says(&ExecutorInfo { command: None, ..custom_executor() }),
            "'ExecutorInfo.command' must be set for 'CUSTOM' executor"
        );
        let untyped = ExecutorInfo { r#type: None, command: None, ..custom_executor() };
        assert_eq!(says(&untyped), "", "one without a type is refused where it is launched");
    }

    #[test]
    fn ids_and_times_are_sound() {
        let id = ExecutorInfo { executor_id: "a/b".into(), ..custom_executor() };
        assert_eq!(says(&id), "'a/b' contains invalid characters");
        let shutdown_grace_period = Some(DurationInfo { nanoseconds: -1 });
        assert_eq!(
            says(&ExecutorInfo { shutdown_grace_period, ..custom_executor() }),
            "ExecutorInfo's 'shutdown_grace_period' must be non-negative"
        );
    }

    #[test]
    fn commands_and_containers_are_sound() {
        let variable = EnvironmentVariable { name: "V".to_owned(), ..Default::default() };
        let environment = Some(Environment { variables: vec![variable] });
        let command = Some(Box::new(CommandInfo { environment, ..CommandInfo::default() }));
        assert_eq!(
            says(&ExecutorInfo { command, ..custom_executor() }),
            "Executor's `CommandInfo` is invalid: Environment variable 'V' of type 'VALUE' must \
             have a value set"
        );
        let container = Some(Box::new(contained(ContainerInfoType::Docker)));
        assert_eq!(
            says(&ExecutorInfo { container, ..custom_executor() }),
            "Executor's `ContainerInfo` is invalid: DockerInfo 'docker' is not set for DOCKER \
             typed ContainerInfo"
        );
    }

    #[test]
    fn an_executor_belongs_to_its_framework() {
        assert_eq!(
            says(&ExecutorInfo { framework_id: None, ..custom_executor() }),
            "'ExecutorInfo.framework_id' must be set"
        );
        assert_eq!(
            says(&ExecutorInfo { framework_id: Some("G".into()), ..custom_executor() }),
            "ExecutorInfo has an invalid FrameworkID (Actual: G vs Expected: F)"
        );
    }

    #[test]
    fn resources_are_sound() {
        let with = |resources| ExecutorInfo { resources, ..custom_executor() };
        assert_eq!(
            says(&with(vec![Resource::of_scalar("cpus", 1.0)])),
            "Invalid executor resources: The resources are not allocated to a role"
        );
        assert_eq!(
            says(&with(allocated("gpus:0.5"))),
            "Executor uses invalid resources: Invalid 'gpus' resource: The 'gpus' resource must \
             be an unsigned integer"
        );
        let mut mixed = allocated("cpus:1");
        mixed.push(Resource { revocable: Some(RevocableInfo::default()), ..mixed[0].clone() });
        assert_eq!(
            says(&with(mixed)),
            "Executor mixes revocable and non-revocable resources: Cannot use both revocable and \
             non-revocable 'cpus' at the same time"
        );
    }

    #[test]
    fn volumes_of_an_executor_differ() {
        let volume = |size: f64| {
            let mut volume = Resource {
                role: Some("r".to_owned()),
                allocation_info: allocated("cpus:1")[0].allocation_info.clone(),
                disk: Some(Box::default()),
                ..Resource::of_scalar("disk", size)
            };
            mesos::resources::upgrade(&mut volume).expect("a static reservation is valid");
            let disk = volume.disk.as_mut().expect("it has one");
            disk.persistence =
                Some(mesos::resource::Persistence { id: "v".to_owned(), principal: None });
            disk.volume = Some(Default::default());
            volume
        };
        let resources = vec![volume(1.0), volume(2.0)];
        assert_eq!(
            says(&ExecutorInfo { resources, ..custom_executor() }),
            "Executor uses duplicate persistence ID: Persistence ID 'v' is not unique"
        );
    }

    #[test]
    fn an_executor_that_runs_does_not_change() {
        let executor = custom_executor();
        let mut agent = agent("cpus:4");
        let of = agent.executors.entry("F".into()).or_default();
        of.insert(executor.executor_id.clone(), std::sync::Arc::new(executor.clone()));
        let says = |executor: &ExecutorInfo| words(validate(executor, &"F".into(), &agent));
        assert_eq!(says(&executor), "");
        let mut turned = executor.clone();
        turned.resources.reverse();
        assert_eq!(says(&turned), "", "resources may stand in any order");
        let renamed = ExecutorInfo { name: Some("other".to_owned()), ..executor };
        let said = says(&renamed);
        let start = "ExecutorInfo is not compatible with existing ExecutorInfo with same \
                     ExecutorID.\n";
        assert!(said.starts_with(start) && said.contains("other"), "{said}");
    }

    #[test]
    fn an_executor_with_too_little_is_noticed() {
        let with = |text| ExecutorInfo { resources: allocated(text), ..custom_executor() };
        assert_eq!(shortage(&with("cpus:0.01;mem:32")), None);
        let says = |text| shortage(&with(text)).unwrap_or_default();
        assert_eq!(
            says("cpus:0.001;mem:32"),
            "Executor 'x' uses less CPUs (0.001) than the minimum required (0.01)"
        );
        assert_eq!(
            says("mem:32"),
            "Executor 'x' uses less CPUs (None) than the minimum required (0.01)"
        );
        assert_eq!(
            says("cpus:1;mem:16"),
            "Executor 'x' uses less memory (16MB) than the minimum required (32MB)"
        );
        assert_eq!(memory(0.5), "512KB");
        assert_eq!(memory(2048.0), "2GB");
        assert_eq!(memory(0.0), "0B");
    }
}
