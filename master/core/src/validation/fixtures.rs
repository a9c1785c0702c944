//! Sound descriptions, for tests that break one thing of them.

use std::sync::Arc;

use imbl::{OrdMap, OrdSet};
use mesos::agent::{AgentCapabilityType, AgentInfo};
use mesos::executor_info::{CommandInfo, ExecutorInfo, ExecutorInfoType};
use mesos::framework::FrameworkInfo;
use mesos::resource::Resource;
use mesos::resources::Resources;
use mesos::task::TaskInfo;
use mesos::time::Time;

use crate::event::AgentPid;
use crate::state::{Agent, Framework};

/// Agent `A` with these resources.
pub fn agent(resources: &str) -> Agent {
    let total = Resources::parse(resources, "*").expect("test resources are valid");
    Agent {
        id: "A".into(),
        info: Arc::new(AgentInfo { id: Some("A".into()), ..AgentInfo::default() }),
        pid: AgentPid::new("slave(1)@10.0.0.1:5051"),
        version: "1.11.0".to_owned(),
        capabilities: AgentCapabilityType::OURS.into(),
        registered: Time::EPOCH,
        reregistered: None,
        connected: true,
        active: true,
        deactivated: false,
        resource_version: None,
        total,
        offered: Resources::default(),
        used: OrdMap::new(),
        tasks: OrdMap::new(),
        killed_tasks: OrdMap::new(),
        executors: OrdMap::new(),
        offers: OrdSet::new(),
        unavailability: None,
        inverse_offers: OrdSet::new(),
        inverse_answers: OrdMap::new(),
    }
}

/// Framework `F`, in role `r`.
pub fn framework() -> Framework {
    let info = FrameworkInfo {
        id: Some("F".into()),
        role: Some("r".to_owned()),
        ..FrameworkInfo::default()
    };
    Framework::new("F".into(), info, Time::EPOCH)
}

/// These resources, allocated to role `r`.
pub fn allocated(resources: &str) -> Vec<Resource> {
    let mut resources = Resources::parse(resources, "*").expect("test resources are valid");
    resources.allocate("r");
    resources.to_vec()
}

/// What is offered: these resources, in role `r`.
pub fn offered(resources: &str) -> Resources {
    Resources::from(allocated(resources))
}

fn command() -> Option<Box<CommandInfo>> {
    Some(Box::new(CommandInfo { value: Some("true".to_owned()), ..CommandInfo::default() }))
}

/// Executor `x` of framework `F`, with a command of its own.
pub fn custom_executor() -> ExecutorInfo {
    ExecutorInfo {
        r#type: Some(ExecutorInfoType::Custom),
        executor_id: "x".into(),
        framework_id: Some("F".into()),
        command: command(),
        resources: allocated("cpus:0.1;mem:32"),
        ..ExecutorInfo::default()
    }
}

/// Executor `x` of framework `F`, which runs groups.
pub fn default_executor() -> ExecutorInfo {
    ExecutorInfo {
        r#type: Some(ExecutorInfoType::Default),
        command: None,
        resources: allocated("cpus:0.1;mem:32;disk:1"),
        ..custom_executor()
    }
}

/// Task `t` on agent `A`, which runs a command.
pub fn command_task() -> TaskInfo {
    TaskInfo {
        name: "t".to_owned(),
        task_id: "t".into(),
        agent_id: "A".into(),
        resources: allocated("cpus:1;mem:64"),
        command: command(),
        ..TaskInfo::default()
    }
}

/// Task `t` on agent `A`, which executor `x` runs.
pub fn executor_task() -> TaskInfo {
    TaskInfo { command: None, executor: Some(Box::new(custom_executor())), ..command_task() }
}

/// Task `t` on agent `A`, as a member of a group under the default executor `x`.
pub fn group_task() -> TaskInfo {
    TaskInfo { executor: Some(Box::new(default_executor())), ..command_task() }
}
