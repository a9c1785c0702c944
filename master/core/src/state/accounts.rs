//! Who holds what: the only code that changes which tasks, executors and offers there are.
//!
//! Agents and frameworks both count what they hold. Every change goes through here, so that the
//! two counts agree, and so that nothing is counted twice or forgotten: a task counts from its
//! launch until it is over, which is before its terminal update is acknowledged.

use std::sync::Arc;

use imbl::OrdMap;
use mesos::executor_info::ExecutorInfo;
use mesos::ids::{AgentId, ExecutorId, FrameworkId, OfferId, TaskId};
use mesos::resources::Resources;
use mesos::task::{Task, TaskState};

use super::{Agent, Framework, FrameworkCounts, Offer};
use crate::snapshot::Snapshot;

/// How many tasks that are over a framework remembers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    pub completed: usize,
    pub unreachable: usize,
}

impl Snapshot {
    pub(crate) fn agent_mut(&mut self, id: &AgentId) -> Option<&mut Agent> {
        self.agents.get_mut(id).map(Arc::make_mut)
    }

    pub(crate) fn framework_mut(&mut self, id: &FrameworkId) -> Option<&mut Framework> {
        self.frameworks.get_mut(id).map(Arc::make_mut)
    }

    /// Counts something of a framework.
    pub(crate) fn count(&mut self, id: &FrameworkId, what: impl FnOnce(&mut FrameworkCounts)) {
        if let Some(framework) = self.framework_mut(id) {
            what(&mut framework.counts);
        }
    }

    pub(crate) fn task(&self, framework: &FrameworkId, task: &TaskId) -> Option<&Arc<Task>> {
        self.frameworks.get(framework)?.tasks.get(task)
    }

    /// Adds a task. It counts unless it is over.
    pub(crate) fn add_task(&mut self, task: Task) {
        let (agent_id, framework_id) = (task.agent_id.clone(), task.framework_id.clone());
        let resources = held_by(&task);
        if let Some(agent) = self.agent_mut(&agent_id) {
            agent.tasks.entry(framework_id.clone()).or_default().insert(task.task_id.clone());
            add(&mut agent.used, &framework_id, &resources);
        }
        if let Some(framework) = self.framework_mut(&framework_id) {
            add(&mut framework.used, &agent_id, &resources);
            framework.agents.insert(agent_id);
            framework.tasks.insert(task.task_id.clone(), Arc::new(task));
        }
    }

    /// Changes a task, whose count is brought in line. Returns what has come free.
    pub(crate) fn change_task(
        &mut self,
        framework_id: &FrameworkId,
        task_id: &TaskId,
        change: impl FnOnce(&mut Task),
    ) -> Resources {
        let Some(framework) = self.framework_mut(framework_id) else {
            return Resources::default();
        };
        let Some(task) = framework.tasks.get_mut(task_id).map(Arc::make_mut) else {
            return Resources::default();
        };
        let was_over = is_over(task.state);
        change(task);
        if was_over || !is_over(task.state) {
            return Resources::default();
        }
        let agent_id = task.agent_id.clone();
        let freed: Resources = task.resources.iter().cloned().collect();
        subtract(&mut framework.used, &agent_id, &freed);
        if let Some(agent) = self.agent_mut(&agent_id) {
            subtract(&mut agent.used, framework_id, &freed);
        }
        freed
    }

    /// Removes a task, whose framework remembers it for a while. Returns what has come free: what
    /// it held if it was not over.
    pub(crate) fn remove_task(
        &mut self,
        framework_id: &FrameworkId,
        task_id: &TaskId,
        is_unreachable: bool,
        memory: Memory,
    ) -> Resources {
        let Some(framework) = self.framework_mut(framework_id) else {
            return Resources::default();
        };
        let Some(task) = framework.tasks.remove(task_id) else {
            return Resources::default();
        };
        let freed = held_by(&task);
        let agent_id = task.agent_id.clone();
        subtract(&mut framework.used, &agent_id, &freed);
        if is_unreachable {
            framework.unreachable_tasks.insert(task_id.clone(), task);
            while framework.unreachable_tasks.len() > memory.unreachable {
                framework.unreachable_tasks = framework.unreachable_tasks.without_min().1;
            }
        } else {
            framework.complete_task(task, memory);
        }
        if let Some(agent) = self.agent_mut(&agent_id) {
            subtract(&mut agent.used, framework_id, &freed);
            let mut is_last = false;
            if let Some(tasks) = agent.tasks.get_mut(framework_id) {
                tasks.remove(task_id);
                is_last = tasks.is_empty();
            }
            if is_last {
                agent.tasks.remove(framework_id);
            }
        }
        freed
    }

    /// Adds an executor, which counts from now on.
    pub(crate) fn add_executor(
        &mut self,
        agent_id: &AgentId,
        framework_id: &FrameworkId,
        executor: Arc<ExecutorInfo>,
    ) {
        let resources: Resources = executor.resources.iter().cloned().collect();
        let id = executor.executor_id.clone();
        if let Some(agent) = self.agent_mut(agent_id) {
            add(&mut agent.used, framework_id, &resources);
            let of = agent.executors.entry(framework_id.clone()).or_default();
            of.insert(id.clone(), executor.clone());
        }
        if let Some(framework) = self.framework_mut(framework_id) {
            add(&mut framework.used, agent_id, &resources);
            framework.agents.insert(agent_id.clone());
            framework.executors.entry(agent_id.clone()).or_default().insert(id, executor);
        }
    }

    /// Removes an executor. Returns what has come free.
    pub(crate) fn remove_executor(
        &mut self,
        agent_id: &AgentId,
        framework_id: &FrameworkId,
        id: &ExecutorId,
    ) -> Resources {
        let Some(agent) = self.agent_mut(agent_id) else { return Resources::default() };
        let Some(of) = agent.executors.get_mut(framework_id) else { return Resources::default() };
        let Some(executor) = of.remove(id) else { return Resources::default() };
        if of.is_empty() {
            agent.executors.remove(framework_id);
        }
        let freed: Resources = executor.resources.iter().cloned().collect();
        subtract(&mut agent.used, framework_id, &freed);
        if let Some(framework) = self.framework_mut(framework_id) {
            subtract(&mut framework.used, agent_id, &freed);
            if let Some(of) = framework.executors.get_mut(agent_id) {
                of.remove(id);
                if of.is_empty() {
                    framework.executors.remove(agent_id);
                }
            }
        }
        freed
    }

    /// Adds an offer, which counts from now on.
    pub(crate) fn add_offer(&mut self, offer: Offer) {
        if let Some(agent) = self.agent_mut(&offer.agent) {
            agent.offered += &offer.resources;
            agent.offers.insert(offer.id.clone());
        }
        if let Some(framework) = self.framework_mut(&offer.framework) {
            add(&mut framework.offered, &offer.agent, &offer.resources);
            framework.offers.insert(offer.id.clone());
        }
        self.offers.insert(offer.id.clone(), Arc::new(offer));
    }

    /// Removes an offer.
    pub(crate) fn remove_offer(&mut self, id: &OfferId) -> Option<Arc<Offer>> {
        let offer = self.offers.remove(id)?;
        if let Some(agent) = self.agent_mut(&offer.agent) {
            agent.offered -= &offer.resources;
            agent.offers.remove(id);
        }
        if let Some(framework) = self.framework_mut(&offer.framework) {
            subtract(&mut framework.offered, &offer.agent, &offer.resources);
            framework.offers.remove(id);
        }
        Some(offer)
    }
}

impl Framework {
    /// Remembers a task that is over, in place of the oldest one if there are too many.
    pub(crate) fn complete_task(&mut self, task: Arc<Task>, memory: Memory) {
        self.completed_tasks.push_back(task);
        while self.completed_tasks.len() > memory.completed {
            self.completed_tasks.pop_front();
        }
    }
}

/// Whether a task in this state holds no resources: it is over, or nobody can tell.
pub(crate) fn is_over(state: TaskState) -> bool {
    state.is_terminal() || state == TaskState::Unreachable
}

fn add<K: Ord + Clone>(to: &mut OrdMap<K, Resources>, whose: &K, resources: &Resources) {
    if !resources.is_empty() {
        *to.entry(whose.clone()).or_default() += resources;
    }
}

fn subtract<K: Ord + Clone>(from: &mut OrdMap<K, Resources>, whose: &K, resources: &Resources) {
    if let Some(held) = from.get_mut(whose) {
        *held -= resources;
        if held.is_empty() {
            from.remove(whose);
        }
    }
}

fn held_by(task: &Task) -> Resources {
    if is_over(task.state) {
        return Resources::default();
    }
    task.resources.iter().cloned().collect()
}
