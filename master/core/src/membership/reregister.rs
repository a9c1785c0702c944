//! An agent comes back, with everything that it runs (rows AG-02, AG-03, AG-09, AG-14, AG-22).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mesos::framework::FrameworkInfo;
use mesos::ids::{AgentId, ExecutorId, FrameworkId, TaskId};
use mesos::internal::{
    AgentReregistered, KillTask, ReconcileTasks, ReregisterAgent, ShutdownAgent, ShutdownFramework,
    UpdateFramework,
};
use mesos::resources::Resources;
use mesos::task::{Reason, StatusSource, Task, TaskStatus};
use mesos::time::Time;

use super::register::{Introduction, total};
use crate::context::Context;
use crate::event::AgentPid;
use crate::master::Master;
use crate::registrar::Then;
use crate::registry::Operation;
use crate::state::{Framework, is_over};
use crate::updates::master_update;
use crate::validation;

impl Master {
    /// An agent with an id comes back.
    pub(crate) fn reregister_agent(
        &mut self,
        cx: &mut Context<'_>,
        from: AgentPid,
        message: ReregisterAgent,
    ) {
        cx.count("master/messages_reregister_slave");
        if let Err(why) = validation::registration::validate_return(&message) {
            return cx.warn(format!("Ignoring re-registration of agent at {from}: {why}"));
        }
        let Some(id) = message.agent.id.clone() else {
            return cx.warn(format!("Ignoring re-registration of agent at {from}: it has no id"));
        };
        if self.state.registry.gone.contains_key(&id) {
            cx.warn(format!("Refusing agent {id} at {from}: it has been marked gone"));
            let message = Some("Agent has been marked gone".to_owned());
            return cx.send(&from, ShutdownAgent { message });
        }
        if self.in_transition.contains(&id) {
            return cx.debug(|| format!("Agent {id} is changing its state; it will ask again"));
        }
        if self.refuse_if_down(cx, &from, &message.agent.hostname) {
            return;
        }
        match self.state.agents.get(&id) {
            Some(agent) => {
                let known = (agent.info.clone(), agent.pid.clone());
                self.reregister_known(cx, from, id, message, &known.0, &known.1);
            }
            None => self.readmit(cx, from, id, message),
        }
    }

    /// An agent that is registered comes back: it was restarted, or its link broke.
    fn reregister_known(
        &mut self,
        cx: &mut Context<'_>,
        from: AgentPid,
        id: AgentId,
        message: ReregisterAgent,
        known: &mesos::agent::AgentInfo,
        pid: &AgentPid,
    ) {
        if known.hostname != message.agent.hostname || pid.ip() != from.ip() {
            let why = format!(
                "Agent {id} attempted to re-register from {} at {from}, but it is registered from \
                 {} at {pid}",
                message.agent.hostname, known.hostname
            );
            cx.warn(why.clone());
            return cx.send(&from, ShutdownAgent { message: Some(why) });
        }
        if *known == message.agent {
            return self.agent_returned(cx, from, id, message);
        }
        self.in_transition.insert(id.clone());
        let operation = Operation::UpdateAgent { info: Arc::new(message.agent.clone()) };
        let then = Then::Update { pid: from, id, message: Box::new(message) };
        self.registrar.store(vec![operation], then, cx.out);
    }

    /// An agent comes back that is not registered with this master: from before its failover, or
    /// after it was unreachable, or one that the registry has forgotten (row MA-18).
    fn readmit(
        &mut self,
        cx: &mut Context<'_>,
        from: AgentPid,
        id: AgentId,
        message: ReregisterAgent,
    ) {
        self.in_transition.insert(id.clone());
        let info = Arc::new(message.agent.clone());
        let operations = match self.state.registry.agents.get(&id) {
            Some(admitted) if *admitted.info == message.agent => Vec::new(),
            Some(_) => vec![Operation::UpdateAgent { info }],
            None => vec![Operation::MarkReachable { info }],
        };
        if operations.is_empty() {
            return self.readmitted(cx, from, id, message);
        }
        let then = Then::Readmit { pid: from, id, message: Box::new(message) };
        self.registrar.store(operations, then, cx.out);
    }

    /// The registry knows that an agent is back that was not registered: adds it.
    pub(crate) fn readmitted(
        &mut self,
        cx: &mut Context<'_>,
        pid: AgentPid,
        id: AgentId,
        message: ReregisterAgent,
    ) {
        self.in_transition.remove(&id);
        self.removed.remove(&id);
        self.removed_order.retain(|removed| *removed != id);
        if let Some(other) = self.pids.get(&pid).cloned() {
            self.remove_agent(cx, &other, super::removal::Cause::Replaced);
        }
        cx.count("master/slave_reregistrations");
        cx.info(format!("Agent {id} re-registered at {pid} ({})", message.agent.hostname));
        let introduction = Introduction {
            info: message.agent,
            checkpointed: message.checkpointed_resources,
            version: message.version,
            capabilities: message.agent_capabilities,
            resource_version: message.resource_version_uuid,
        };
        self.add_agent(cx, pid.clone(), &id, introduction);
        if let Some(agent) = self.state.agent_mut(&id) {
            agent.reregistered = Some(cx.now);
        }
        self.recover_frameworks(cx, &id, &message.frameworks);
        for executor in message.executor_infos {
            let Some(framework) = executor.framework_id.clone() else { continue };
            if self.state.frameworks.contains_key(&framework) {
                self.state.add_executor(&id, &framework, Arc::new(executor));
            }
        }
        let mut returned = Vec::new();
        for task in message.tasks {
            returned.extend(self.take_back_task(&id, task));
        }
        self.offer_agent(&id);
        let connection = Some(self.connection_terms());
        let reply =
            AgentReregistered { agent_id: id.clone(), reconciliations: Vec::new(), connection };
        cx.send(&pid, reply);
        self.publish_agent_added(cx, &id);
        self.refresh_frameworks(cx, &id, &pid, &message.frameworks);
        self.tell_of_return(cx, returned);
        self.leave_if_down(cx, &id);
    }

    /// A registered agent is back, and the registry knows of its changes if there are any.
    pub(crate) fn agent_returned(
        &mut self,
        cx: &mut Context<'_>,
        pid: AgentPid,
        id: AgentId,
        message: ReregisterAgent,
    ) {
        self.in_transition.remove(&id);
        let Some(agent) = self.state.agent_mut(&id) else { return };
        let was_connected = agent.connected;
        let old_pid = std::mem::replace(&mut agent.pid, pid.clone());
        agent.connected = true;
        agent.active = !agent.deactivated;
        agent.reregistered = Some(cx.now);
        agent.version = message.version.clone();
        let capabilities = message.agent_capabilities.iter();
        agent.capabilities = capabilities.filter_map(|capability| capability.r#type).collect();
        agent.resource_version = message.resource_version_uuid.clone();
        agent.info = Arc::new(message.agent.clone());
        let is_active = agent.active;
        let info = agent.info.clone();
        if self.pids.get(&old_pid) == Some(&id) {
            self.pids.remove(&old_pid);
        }
        self.pids.insert(pid.clone(), id.clone());
        cx.link(&pid);
        cx.count("master/slave_reregistrations");
        cx.info(format!("Agent {id} re-registered at {pid}"));
        self.reconnected(cx, &id);
        self.set_total(cx, &id, total(&message.agent, &message.checkpointed_resources));
        self.allocator.describe_agent(&id, &info);
        self.recover_frameworks(cx, &id, &message.frameworks);
        let (reconciliations, returned) = self.reconcile_agent(cx, &id, &message);
        if !was_connected && is_active {
            self.allocator.activate_agent(&id);
        }
        let connection = Some(self.connection_terms());
        cx.send(&pid, AgentReregistered { agent_id: id.clone(), reconciliations, connection });
        self.kill_again(cx, &id, &pid, &message.tasks);
        self.refresh_frameworks(cx, &id, &pid, &message.frameworks);
        self.tell_of_return(cx, returned);
        self.leave_if_down(cx, &id);
    }

    /// An agent has other resources than before: what was offered of it is withdrawn.
    pub(crate) fn set_total(&mut self, cx: &mut Context<'_>, id: &AgentId, total: Resources) {
        let is_same = self.state.agents.get(id).is_none_or(|agent| agent.total == total);
        if is_same {
            return;
        }
        self.rescind_offers_of_agent(cx, id);
        if let Some(agent) = self.state.agent_mut(id) {
            agent.total = total.clone();
        }
        self.allocator.update_agent(id, total);
    }

    /// Brings what the master believes of a registered agent in line with what the agent says.
    /// Returns the tasks that the agent must account for, and those that were given up too early.
    fn reconcile_agent(
        &mut self,
        cx: &mut Context<'_>,
        id: &AgentId,
        message: &ReregisterAgent,
    ) -> (Vec<ReconcileTasks>, Vec<(FrameworkId, TaskId)>) {
        let Some(agent) = self.state.agents.get(id).cloned() else { return Default::default() };
        let has_task: BTreeSet<(&FrameworkId, &TaskId)> =
            message.tasks.iter().map(|task| (&task.framework_id, &task.task_id)).collect();
        let has_executor: BTreeSet<(&FrameworkId, &ExecutorId)> = message
            .executor_infos
            .iter()
            .filter_map(|executor| Some((executor.framework_id.as_ref()?, &executor.executor_id)))
            .collect();
        for (framework, executors) in &agent.executors {
            for executor in executors.keys() {
                if !has_executor.contains(&(framework, executor)) {
                    self.drop_executor(cx, id, framework, executor);
                }
            }
        }
        let mut reconciliations = Vec::new();
        for (framework, tasks) in &agent.tasks {
            let missing = tasks.iter().filter(|task| !has_task.contains(&(framework, *task)));
            let known = missing.filter_map(|task| self.state.task(framework, task));
            let statuses: Vec<TaskStatus> =
                known.map(|task| status_to_confirm(cx.now, task)).collect();
            if !statuses.is_empty() {
                let info = self.state.frameworks.get(framework).map(|f| (*f.info).clone());
                let framework_id = framework.clone();
                reconciliations.push(ReconcileTasks { framework_id, statuses, framework: info });
            }
        }
        (reconciliations, self.discover(cx, id, message))
    }

    /// Takes note of what a registered agent runs that the master does not know of, for example
    /// tasks that were given up when the link to their agent broke. They use resources, so that
    /// they must count.
    fn discover(
        &mut self,
        cx: &mut Context<'_>,
        id: &AgentId,
        message: &ReregisterAgent,
    ) -> Vec<(FrameworkId, TaskId)> {
        let mut found: BTreeMap<FrameworkId, Resources> = BTreeMap::new();
        for executor in &message.executor_infos {
            let Some(framework) = &executor.framework_id else { continue };
            let Some(agent) = self.state.agents.get(id) else { continue };
            if self.state.frameworks.contains_key(framework)
                && !agent.has_executor(framework, &executor.executor_id)
            {
                self.state.add_executor(id, framework, Arc::new(executor.clone()));
                let held = Resources::from(&executor.resources);
                *found.entry(framework.clone()).or_default() += &held;
            }
        }
        let mut returned = Vec::new();
        for task in &message.tasks {
            let key = (task.framework_id.clone(), task.task_id.clone());
            if self.state.task(&key.0, &key.1).is_none() {
                let held = Resources::from(&task.resources);
                let returns = self.take_back_task(id, task.clone()).is_some();
                if self.state.task(&key.0, &key.1).is_some_and(|task| !is_over(task.state)) {
                    // The end of a task is told by its own update, which the agent repeats.
                    returned.extend(returns.then(|| key.clone()));
                    *found.entry(key.0).or_default() += &held;
                }
            }
        }
        if !found.is_empty() {
            // What was offered may be in use.
            self.rescind_offers_of_agent(cx, id);
        }
        for (framework, resources) in found {
            self.allocator.discover(&framework, id, &resources);
        }
        returned
    }

    /// Adds a task that an agent runs, if its framework is not over. Returns it if its framework
    /// may believe it lost.
    fn take_back_task(&mut self, id: &AgentId, mut task: Task) -> Option<(FrameworkId, TaskId)> {
        let framework = self.state.framework_mut(&task.framework_id)?;
        let key = (task.framework_id.clone(), task.task_id.clone());
        if framework.tasks.contains_key(&key.1) {
            return None;
        }
        let was_unreachable = framework.find_task(&key.1).is_some();
        let given_up = |t: &Arc<Task>| t.task_id == key.1 && t.agent_id == *id;
        let position = framework.completed_tasks.iter().position(given_up);
        if let Some(position) = position {
            framework.completed_tasks.remove(position);
        }
        task.agent_id = id.clone();
        self.state.add_task(task);
        (was_unreachable || position.is_some()).then_some(key)
    }

    /// Adds the frameworks that an agent knows and this master does not: they have not come back
    /// since its failover (row MA-16).
    fn recover_frameworks(
        &mut self,
        cx: &mut Context<'_>,
        agent: &AgentId,
        infos: &[FrameworkInfo],
    ) {
        for info in infos {
            let Some(id) = info.id.clone() else { continue };
            if self.is_completed(&id) {
                continue;
            }
            if !self.state.frameworks.contains_key(&id) {
                cx.info(format!("Recovered framework {id} ({}) from agent {agent}", info.name));
                let framework = Framework::new(id.clone(), info.clone(), cx.now);
                self.allocator.add_framework(&id, framework.traits(), false, &BTreeMap::new());
                self.state.frameworks.insert(id.clone(), Arc::new(framework));
                self.publish_framework_added(cx, &id);
            }
            if let Some(framework) = self.state.framework_mut(&id) {
                framework.agents.insert(agent.clone());
            }
        }
    }

    /// Tells an agent which of the frameworks that it knows are over, and what the others are now.
    fn refresh_frameworks(
        &mut self,
        cx: &mut Context<'_>,
        id: &AgentId,
        pid: &AgentPid,
        infos: &[FrameworkInfo],
    ) {
        for info in infos {
            let Some(framework_id) = info.id.clone() else { continue };
            match self.state.frameworks.get(&framework_id) {
                Some(framework) if *framework.info != *info => {
                    let framework_info = Some((*framework.info).clone());
                    cx.send(pid, UpdateFramework { framework_id, framework_info });
                }
                Some(_) => {}
                None => {
                    cx.info(format!("Framework {framework_id} is over: agent {id} ends it"));
                    cx.send(pid, ShutdownFramework { framework_id });
                }
            }
        }
    }

    /// Tells an agent once more which of its tasks are to end: it may not have heard of it.
    fn kill_again(&self, cx: &mut Context<'_>, id: &AgentId, pid: &AgentPid, tasks: &[Task]) {
        let Some(agent) = self.state.agents.get(id) else { return };
        for task in tasks.iter().filter(|task| !task.state.is_terminal()) {
            let killed = agent.killed_tasks.get(&task.framework_id);
            if killed.is_some_and(|of| of.contains(&task.task_id)) {
                let (framework_id, task_id) = (task.framework_id.clone(), task.task_id.clone());
                cx.send(pid, KillTask { framework_id, task_id, kill_policy: None });
            }
        }
    }

    /// Tells frameworks of tasks that they may believe to be lost.
    fn tell_of_return(&mut self, cx: &mut Context<'_>, returned: Vec<(FrameworkId, TaskId)>) {
        for (framework, id) in returned {
            let Some(task) = self.state.task(&framework, &id) else { continue };
            let message = "Unreachable agent re-registered".to_owned();
            let reason = Reason::AgentReregistered;
            let update = master_update(cx.now, task, task.state, reason, message);
            self.forward(cx, update);
        }
    }
}

/// What the agent is told of a task that it did not mention.
fn status_to_confirm(now: Time, task: &Task) -> TaskStatus {
    TaskStatus {
        task_id: task.task_id.clone(),
        agent_id: Some(task.agent_id.clone()),
        state: task.status_update_state.unwrap_or(task.state),
        timestamp: Some(now.as_secs_f64()),
        source: Some(StatusSource::Master),
        message: Some("Reconciliation request".to_owned()),
        reason: Some(Reason::Reconciliation),
        ..TaskStatus::default()
    }
}
