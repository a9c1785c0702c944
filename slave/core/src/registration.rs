//! How an agent finds its way into the cluster and back (rows SL-01, SL-02, AG-05, AG-22).
//!
//! A new leader is met with a random wait, so that ten thousand agents do not greet it at once;
//! each further attempt doubles the span that the wait is drawn from.

use std::sync::Arc;
use std::time::Duration;

use mesos::agent::{AgentCapability, AgentCapabilityType, AgentInfo};
use mesos::ids::AgentId;
use mesos::internal::{
    AgentRegistered, AgentReregistered, ArchivedFramework, MasterAgentConnection, PongAgent,
    ReconcileTasks, RegisterAgent, ReregisterAgent, UnregisterAgent,
};
use mesos::task::{Reason, Task};

use crate::agent::{Agent, AgentState};
use crate::checkpoint::Checkpoint;
use crate::effect::{Effect, ExecutorKind};
use crate::event::Leader;
use crate::framework::Framework;
use crate::ids::MasterPid;
use crate::pending::{Then, Timer};
use crate::step::Step;
use crate::task::{dropped, new_task};

/// The longest span that the wait between two attempts is drawn from.
const BACKOFF_MAX: Duration = Duration::from_secs(60);
/// How long the master may stay silent, unless it says otherwise: 5 pings, one every 15 s.
const PING_TIMEOUT: Duration = Duration::from_secs(75);

/// What this agent can do. Masters refuse it operations that need more.
const CAPABILITIES: [AgentCapabilityType; 4] = [
    AgentCapabilityType::MultiRole,
    AgentCapabilityType::HierarchicalRole,
    AgentCapabilityType::ReservationRefinement,
    AgentCapabilityType::ResourceLimits,
];

/// The agent's relation to the leading master.
#[derive(Debug)]
pub(crate) struct Registration {
    pub(crate) leader: Option<Arc<Leader>>,
    /// Whether the link to the leader holds, as far as is known.
    linked: bool,
    /// The span that the next wait is drawn from.
    backoff: Duration,
    ping_timeout: Duration,
}

impl Default for Registration {
    fn default() -> Self {
        Self { leader: None, linked: false, backoff: Duration::ZERO, ping_timeout: PING_TIMEOUT }
    }
}

/// The capabilities that an agent reports.
pub fn capabilities() -> Vec<AgentCapability> {
    CAPABILITIES.iter().map(|kind| AgentCapability { r#type: Some(*kind) }).collect()
}

impl Agent {
    pub(crate) fn master_detected(&mut self, io: &mut Step<'_>, leader: Option<Leader>) {
        self.registration.leader = leader.map(Arc::new);
        self.registration.linked = false;
        self.disconnect(io);
        match &self.registration.leader {
            Some(leader) => {
                let text = format!("new master detected at {}", leader.pid);
                io.info(text);
                self.approach(io);
            }
            None => io.info("lost the leading master"),
        }
    }

    /// The link to the leader broke: it died, or forgets this agent soon. Mesos waits for a ping
    /// that says so, or for its absence; to come back at once is as good and sooner.
    pub(crate) fn master_exited(&mut self, io: &mut Step<'_>, master: &MasterPid) {
        let leads = self.registration.leader.as_ref().is_some_and(|leader| leader.pid == *master);
        if !leads {
            return;
        }
        self.registration.linked = false;
        if self.state == AgentState::Running {
            io.warn(format!("lost the connection to the master at {master}"));
            self.disconnect(io);
            self.approach(io);
        }
    }

    /// Stops acting as a registered agent.
    fn disconnect(&mut self, io: &mut Step<'_>) {
        self.timers.cancel(io, &Timer::Register);
        self.timers.cancel(io, &Timer::Ping);
        if self.state == AgentState::Running {
            self.state = AgentState::Disconnected;
        }
        self.pause_updates(io);
    }

    /// Begins to register with the leader, after a random wait.
    pub(crate) fn approach(&mut self, io: &mut Step<'_>) {
        if self.state != AgentState::Disconnected || self.registration.leader.is_none() {
            return;
        }
        self.registration.backoff = self.config.registration_backoff;
        self.register_after_a_while(io);
    }

    fn register_after_a_while(&mut self, io: &mut Step<'_>) {
        let wait = self.registration.backoff.mul_f64(self.rng.f64());
        self.timers.set(io, Timer::Register, wait);
    }

    /// Asks the leader to admit this agent, and asks again later.
    pub(crate) fn register(&mut self, io: &mut Step<'_>) {
        let Some(leader) = self.registration.leader.clone() else { return };
        if self.state != AgentState::Disconnected {
            return;
        }
        if !self.registration.linked {
            self.registration.linked = true;
            io.push(Effect::LinkMaster(leader.pid.clone()));
        }
        let message = match &self.info.id {
            None => RegisterAgent {
                agent: AgentInfo::clone(&self.info),
                version: self.config.version.clone(),
                agent_capabilities: capabilities(),
                ..RegisterAgent::default()
            }
            .into(),
            Some(_) => self.everything_it_runs().into(),
        };
        io.push(Effect::Send { to: leader.pid.clone(), message });
        self.registration.backoff = (self.registration.backoff * 2).min(BACKOFF_MAX);
        self.register_after_a_while(io);
    }

    fn everything_it_runs(&self) -> ReregisterAgent {
        let mut message = ReregisterAgent {
            agent: AgentInfo::clone(&self.info),
            version: self.config.version.clone(),
            agent_capabilities: capabilities(),
            ..ReregisterAgent::default()
        };
        for framework in self.frameworks.values() {
            message.frameworks.push((*framework.info).clone());
            message.tasks.extend(framework_tasks(framework));
            let executors = framework.executors.values();
            // The master does not know of executors that agents make up.
            let known = executors.filter(|e| e.is_live() && e.kind != ExecutorKind::Command);
            message.executor_infos.extend(known.map(|executor| (*executor.info).clone()));
        }
        for framework in &self.completed_frameworks {
            let executors = framework.completed_executors.iter();
            let tasks = executors.flat_map(|executor| executor.completed_tasks.iter());
            message.completed_frameworks.push(ArchivedFramework {
                framework_info: (*framework.info).clone(),
                tasks: tasks.map(|task| Task::clone(task)).collect(),
            });
        }
        message
    }

    pub(crate) fn registered(&mut self, io: &mut Step<'_>, message: AgentRegistered) {
        match (self.state, &self.info.id) {
            (AgentState::Disconnected, None) => {}
            (_, Some(id)) if *id != message.agent_id => {
                let error = format!("registered as {id}, but is now {}", message.agent_id);
                self.leave(io, Some(error));
                return;
            }
            (AgentState::Disconnected, Some(_)) => {}
            _ => return,
        }
        if self.info.id.is_none() {
            let info = AgentInfo { id: Some(message.agent_id.clone()), ..(*self.info).clone() };
            self.info = Arc::new(info.clone());
            // Writes are done in order: nothing that runs is on disk before this.
            self.writes.write(io, Checkpoint::Agent(info), Then::Nothing);
        }
        io.info(format!("registered as {}", message.agent_id));
        self.admitted(io, message.connection);
    }

    pub(crate) fn reregistered(&mut self, io: &mut Step<'_>, message: AgentReregistered) {
        if !self.is(&message.agent_id) {
            let error = format!("re-registered as {}, which it is not", message.agent_id);
            self.leave(io, Some(error));
            return;
        }
        match self.state {
            AgentState::Disconnected => {
                io.info(format!("re-registered as {}", message.agent_id));
                self.admitted(io, message.connection);
            }
            AgentState::Running => {}
            AgentState::Recovering | AgentState::Terminating => return,
        }
        for reconciliation in message.reconciliations {
            self.reconcile(io, &reconciliation);
        }
    }

    fn is(&self, id: &AgentId) -> bool {
        self.info.id.as_ref() == Some(id)
    }

    fn admitted(&mut self, io: &mut Step<'_>, connection: Option<MasterAgentConnection>) {
        self.state = AgentState::Running;
        self.timers.cancel(io, &Timer::Register);
        let said = connection.and_then(|connection| connection.total_ping_timeout_seconds);
        let said = said.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        self.registration.ping_timeout = said.filter(|t| !t.is_zero()).unwrap_or(PING_TIMEOUT);
        self.timers.set(io, Timer::Ping, self.registration.ping_timeout);
        self.resume_updates(io);
    }

    /// Tells the master which of the tasks that it lists are not here (row AG-22).
    fn reconcile(&mut self, io: &mut Step<'_>, message: &ReconcileTasks) {
        let framework = self.frameworks.get(&message.framework_id).cloned();
        for status in &message.statuses {
            if framework.as_ref().is_some_and(|framework| framework.has_task(&status.task_id))
                || self.streams.is_ending(&message.framework_id, &status.task_id)
            {
                continue;
            }
            let state = dropped(&message.framework.clone().unwrap_or_default());
            let mut update = self.new_update(io, &message.framework_id, &status.task_id, state);
            update.status.reason = Some(Reason::Reconciliation);
            update.status.message =
                Some("Reconciliation: Task is unknown to the agent".to_string());
            self.submit(io, update, None, false);
        }
    }

    pub(crate) fn pinged(&mut self, io: &mut Step<'_>, connected: bool) {
        let Some(leader) = self.registration.leader.clone() else { return };
        io.push(Effect::Send { to: leader.pid.clone(), message: PongAgent {}.into() });
        if self.state != AgentState::Running {
            return;
        }
        if connected {
            self.timers.set(io, Timer::Ping, self.registration.ping_timeout);
        } else {
            io.warn("the master holds this agent to be disconnected");
            self.disconnect(io);
            self.approach(io);
        }
    }

    pub(crate) fn ping_timed_out(&mut self, io: &mut Step<'_>) {
        io.warn("no pings from the master for too long");
        // The connection may be half open.
        self.registration.linked = false;
        self.disconnect(io);
        self.approach(io);
    }

    /// Tells the master that this agent leaves for good (row AG-10).
    pub(crate) fn unregister(&mut self, io: &mut Step<'_>) {
        if self.state != AgentState::Running {
            return;
        }
        if let (Some(leader), Some(agent_id)) =
            (self.registration.leader.clone(), self.info.id.clone())
        {
            let message = UnregisterAgent { agent_id }.into();
            io.push(Effect::Send { to: leader.pid.clone(), message });
        }
    }
}

/// All tasks of a framework that are not completed.
fn framework_tasks(framework: &Framework) -> Vec<Task> {
    let mut tasks = Vec::new();
    for launch in &framework.pending {
        let new = |info| new_task(info, &framework.id, &launch.executor, launch.kind);
        tasks.extend(launch.tasks.iter().map(new));
    }
    for executor in framework.executors.values() {
        let queued = executor.queued.iter().flat_map(|queued| queued.tasks.iter());
        let new = |info| new_task(info, &framework.id, &executor.info, executor.kind);
        tasks.extend(queued.map(new));
        let known = executor.launched_tasks.values().chain(executor.terminated_tasks.values());
        tasks.extend(known.map(|task| Task::clone(task)));
    }
    tasks
}
