//! Tasks are launched with what was offered (rows OP-01, OP-02, SL-13, VA-02 to VA-06, VA-10).

use std::collections::BTreeSet;
use std::sync::Arc;

use mesos::executor_info::ExecutorInfo;
use mesos::ids::FrameworkId;
use mesos::internal::{ResourceVersionUuid, RunTask, RunTaskGroup};
use mesos::operation::LaunchGroup;
use mesos::resource::{AllocationInfo, Resource};
use mesos::resources::{self, Resources};
use mesos::task::{Reason, Task, TaskInfo, TaskState};
use mesos::v1::master::{EventType, TaskAddedEvent};

use super::accept::Hand;
use crate::context::Context;
use crate::master::Master;
use crate::state::{Agent, Framework};
use crate::validation::{self, Check, Invalid};
use mesos::operation::OfferOperationType as Kind;

impl Master {
    /// Launches one task, or tells its framework why not.
    pub(super) fn launch(&mut self, cx: &mut Context<'_>, hand: &mut Hand, mut task: TaskInfo) {
        let (Some(framework), Some(agent)) = self.parties(hand) else { return };
        prepare(&mut task, hand);
        let checked = self
            .check_user(&task)
            .and_then(|()| validation::task::validate(&task, &framework, &agent, &hand.left));
        if let Err(why) = checked {
            let verdict = (TaskState::Error, Reason::TaskInvalid);
            return self.refuse_task(cx, &hand.framework, &task, verdict, why.to_string());
        }
        let mut launch_executor = true;
        if let Some(executor) = &task.executor {
            launch_executor = !agent.has_executor(&framework.id, &executor.executor_id);
            if launch_executor {
                self.employ(hand, executor);
            }
        }
        self.start(cx, hand, &task);
        let message = RunTask {
            framework: (*framework.info).clone(),
            task,
            resource_version_uuids: versions(&agent),
            launch_executor: Some(launch_executor),
        };
        cx.send(&agent.pid, message);
        self.state.count(&hand.framework, |counts| counts.operated(Kind::Launch));
    }

    /// Launches the tasks of a group, all or none.
    pub(super) fn launch_group(
        &mut self,
        cx: &mut Context<'_>,
        hand: &mut Hand,
        mut group: LaunchGroup,
    ) {
        let (Some(framework), Some(agent)) = self.parties(hand) else { return };
        complete_executor(&mut group.executor, hand);
        for task in &mut group.task_group.tasks {
            prepare(task, hand);
        }
        if let Err(why) = self.check_group(hand, &group, &framework, &agent) {
            for task in &group.task_group.tasks {
                let verdict = (TaskState::Error, Reason::TaskGroupInvalid);
                self.refuse_task(cx, &hand.framework, task, verdict, why.to_string());
            }
            return;
        }
        let launch_executor = !agent.has_executor(&framework.id, &group.executor.executor_id);
        if launch_executor {
            self.employ(hand, &group.executor);
        }
        for task in &mut group.task_group.tasks {
            task.executor = Some(Box::new(group.executor.clone()));
            self.start(cx, hand, task);
        }
        let message = RunTaskGroup {
            framework: (*framework.info).clone(),
            executor: group.executor,
            task_group: group.task_group,
            resource_version_uuids: versions(&agent),
            launch_executor: Some(launch_executor),
        };
        cx.send(&agent.pid, message);
        self.state.count(&hand.framework, |counts| counts.operated(Kind::LaunchGroup));
    }

    fn check_group(
        &self,
        hand: &Hand,
        group: &LaunchGroup,
        framework: &Framework,
        agent: &Agent,
    ) -> Check {
        validation::executor::validate(&group.executor, &framework.id, agent)?;
        let mut total = Resources::default();
        if !agent.has_executor(&framework.id, &group.executor.executor_id) {
            total += &group.executor.resources();
        }
        let tasks = &group.task_group.tasks;
        validation::expect(!tasks.is_empty(), || "Task group cannot be empty".to_owned())?;
        let mut ids = BTreeSet::new();
        for task in tasks {
            let invalid =
                |why: Invalid| Invalid(format!("Task '{}' is invalid: {why}", task.task_id));
            self.check_user(task).map_err(invalid)?;
            validation::task::validate_of_group(task, framework, &agent.id).map_err(invalid)?;
            if let Some(own) = &task.executor {
                validation::expect(**own == group.executor, || {
                    format!(
                        "Task '{}' in task group has an executor that differs from the group's",
                        task.task_id
                    )
                })?;
            }
            validation::expect(ids.insert(&task.task_id), || {
                format!("Task '{}' is invalid: Task has duplicate ID: {0}", task.task_id)
            })?;
            total += &task.resources();
        }
        validation::task::sufficient(&total, &hand.left)
    }

    fn check_user(&self, task: &TaskInfo) -> Check {
        let is_refused = !self.config.root_submissions && task.user() == Some("root");
        validation::expect(!is_refused, || {
            "User 'root' is not allowed to run tasks without --root_submissions set".to_owned()
        })
    }

    fn parties(&self, hand: &Hand) -> (Option<Arc<Framework>>, Option<Arc<Agent>>) {
        let framework = self.state.frameworks.get(&hand.framework).cloned();
        (framework, self.state.agents.get(&hand.agent).cloned())
    }

    /// A new executor takes its part of the offer.
    fn employ(&mut self, hand: &mut Hand, executor: &ExecutorInfo) {
        hand.left -= &executor.resources();
        self.state.add_executor(&hand.agent, &hand.framework, Arc::new(executor.clone()));
    }

    /// A task takes its part of the offer.
    fn start(&mut self, cx: &mut Context<'_>, hand: &mut Hand, info: &TaskInfo) {
        let task = Task::new(info, &hand.framework, TaskState::Staging);
        hand.left -= &info.resources();
        if self.listening > 0 {
            let shown = task.clone();
            self.publish(cx, EventType::TaskAdded, |event| {
                event.task_added = Some(TaskAddedEvent { task: shown });
            });
        }
        self.state.add_task(task);
    }
}

/// Completes what a framework left out of a task: formats and roles of resources, and whose its
/// executor is.
fn prepare(task: &mut TaskInfo, hand: &Hand) {
    allocate(&mut task.resources, &hand.role);
    if let Some(executor) = &mut task.executor {
        complete_executor(executor, hand);
    }
}

fn complete_executor(executor: &mut ExecutorInfo, hand: &Hand) {
    allocate(&mut executor.resources, &hand.role);
    let framework: FrameworkId = hand.framework.clone();
    executor.framework_id.get_or_insert(framework);
}

/// Frameworks without MULTI_ROLE do not know that resources are allocated to a role, and older
/// ones write reservations in an older way. What cannot be upgraded is refused when it is checked.
fn allocate(list: &mut [Resource], role: &str) {
    for resource in list {
        if resources::upgrade(resource).is_ok() && resource.allocation_info.is_none() {
            resource.allocation_info = Some(AllocationInfo { role: Some(role.to_owned()) });
        }
    }
}

fn versions(agent: &Agent) -> Vec<ResourceVersionUuid> {
    let version = agent.resource_version.clone();
    let version = version.map(|uuid| ResourceVersionUuid { resource_provider_id: None, uuid });
    version.into_iter().collect()
}
