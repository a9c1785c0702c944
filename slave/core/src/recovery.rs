//! What the agent makes of the checkpoints of its last run (rows RC-02 to RC-07, RC-13).
//!
//! ```text
//!   Recovered ──▶ compatible? ──no, same boot──▶ exit with an error
//!                     │ └────────no, rebooted──▶ a new agent
//!                     ▼
//!              executors restored ──rebooted──▶ they are dead: their tasks end
//!                     │ reconnect              │ cleanup
//!                     ▼                        ▼
//!        all asked to come back         all shut down ──▶ checkpoints forgotten, exit
//!                     │ all are back, or executor_reregistration_timeout
//!                     ▼
//!        the missing are destroyed ──▶ look for a master
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use imbl::{OrdMap, Vector};
use mesos::agent::AgentInfo;
use mesos::ids::FrameworkId;
use mesos::internal::ReconnectExecutor;
use mesos::task::{StatusSource, TaskState};

use crate::agent::{Agent, AgentState, ExecutorKey};
use crate::checkpoint::{
    Checkpoint, RecoveredAgent, RecoveredExecutor, RecoveredFramework, RecoveredRun,
    RecoveredState, RecoveredTask, RunId, UpdateRecord,
};
use crate::compatibility::check_compatible;
use crate::config::RecoverMode;
use crate::effect::{Effect, RecoverContainer};
use crate::event::{ContainerTermination, LaunchedContainer};
use crate::executor::{Executor, ExecutorState};
use crate::framework::Framework;
use crate::metrics::Counter;
use crate::pending::{Then, Timer};
use crate::step::Step;
use crate::task::record;

impl Agent {
    pub(crate) fn recovered(&mut self, io: &mut Step<'_>, state: RecoveredState) {
        if self.recovery_time.is_some() || self.info.id.is_some() {
            return;
        }
        for error in &state.errors {
            io.count(Counter::RecoveryErrors);
            io.error(format!("damaged checkpoint: {error}"));
        }
        if let (true, Some(error)) = (self.config.strict, state.errors.first()) {
            let error = format!(
                "failed to recover: {error}; to start without what is damaged, use --no-strict"
            );
            return self.leave(io, Some(error));
        }
        for old in state.old_agents {
            self.collect_old(old.path, old.modified);
        }
        self.cleaning_up = self.config.recover == RecoverMode::Cleanup;
        self.remember_containers(state.containers);
        if state.rebooted {
            self.bury_containers(io);
        }
        match state.agent {
            Some(agent) => self.recover_agent(io, agent, state.rebooted),
            None if self.has_recovered_containers() => self.watch_containers(io, Vec::new()),
            None => {}
        }
        self.plan_collection(io);
        if self.exit != crate::agent::Exit::No {
            return;
        }
        if self.cleaning_up {
            self.clean_up(io);
        } else if !self.finish_recovery_if_all_are_back(io) {
            let timeout = self.config.executor_reregistration_timeout;
            self.timers.set(io, Timer::Reregistration, timeout);
        }
    }

    fn recover_agent(&mut self, io: &mut Step<'_>, agent: RecoveredAgent, rebooted: bool) {
        let policy = self.config.reconfiguration;
        if let Err(error) = check_compatible(&agent.info, &self.config.info, policy)
            && !self.cleaning_up
        {
            if rebooted {
                io.warn(format!("starting as a new agent: {error}"));
                let id = agent.info.id.clone().unwrap_or_default();
                for layout in [self.paths.work(), self.paths.meta()] {
                    self.collect_old(layout.agent(&id), io.now);
                }
                return;
            }
            let latest = self.paths.meta().latest_agent();
            let error = format!(
                "incompatible agent info: {error}; start with the old flags, or remove {} to \
                 start as a new agent, which gives up everything that runs",
                latest.display()
            );
            return self.leave(io, Some(error));
        }
        let info = AgentInfo { id: agent.info.id.clone(), ..self.config.info.clone() };
        self.info = Arc::new(info.clone());
        if info != agent.info {
            self.writes.write(io, Checkpoint::Agent(info), Then::Nothing);
        }
        for framework in agent.frameworks {
            self.recover_framework(framework);
        }
        if rebooted {
            self.bury_executors(io);
        } else {
            self.find_executors(io);
        }
    }

    fn recover_framework(&mut self, recovered: RecoveredFramework) {
        let Some(id) = recovered.info.id.clone() else { return };
        let mut framework = Framework::new(id.clone(), recovered.info);
        framework.written = true;
        let mut last_change = mesos::time::Time::EPOCH;
        for recovered in recovered.executors {
            let modified = recovered.runs.last().map(|run| run.modified).unwrap_or_default();
            last_change = last_change.max(modified);
            if let Some(executor) = self.recover_executor(&id, recovered) {
                framework.executors.insert(executor.id.clone(), Arc::new(executor));
            }
        }
        if framework.executors.is_empty() {
            for path in self.framework_directories(&id) {
                self.collect_old(path, last_change);
            }
            return;
        }
        self.frameworks.insert(id, Arc::new(framework));
    }

    /// Restores an executor whose latest run is not over. What is over is collected.
    fn recover_executor(
        &mut self,
        framework: &FrameworkId,
        recovered: RecoveredExecutor,
    ) -> Option<Executor> {
        let RecoveredExecutor { record, mut runs } = recovered;
        let key =
            ExecutorKey { framework: framework.clone(), executor: record.info.executor_id.clone() };
        let latest = runs.pop()?;
        let agent = self.id();
        let run = |container| RunId {
            agent: agent.clone(),
            framework: key.framework.clone(),
            executor: key.executor.clone(),
            container,
        };
        for old in &runs {
            self.collect_recovered(&run(old.container.clone()), old);
        }
        let id = run(latest.container.clone());
        if latest.completed {
            self.collect_recovered(&id, &latest);
            for path in self.executor_directories(&key) {
                self.collect_old(path, latest.modified);
            }
            return None;
        }
        let RecoveredRun { forked_pid, executor_pid, tasks, .. } = latest;
        let launched = LaunchedContainer { pid: forked_pid, ..LaunchedContainer::default() };
        let mut executor = Executor {
            id: key.executor.clone(),
            framework_id: key.framework.clone(),
            kind: record.kind,
            info: Arc::new(record.info),
            container: id.container.clone(),
            directory: self.paths.sandbox(&id),
            checkpoint: true,
            state: ExecutorState::Registering,
            // A stream of events ended with the last agent; its executor comes back by itself.
            pid: executor_pid.filter(|pid| pid.stream().is_none()),
            launched: forked_pid.is_some().then_some(launched),
            queued: Vector::new(),
            launched_tasks: OrdMap::new(),
            terminated_tasks: OrdMap::new(),
            completed_tasks: Vector::new(),
            container_asked: true,
            granted: None,
            gates: 0,
            doom: None,
            kills: BTreeMap::new(),
            used: false,
        };
        for task in tasks {
            self.recover_task(&id, &mut executor, task);
        }
        self.containers.insert(id.container, key);
        Some(executor)
    }

    fn collect_recovered(&mut self, id: &RunId, run: &RecoveredRun) {
        for layout in [self.paths.work(), self.paths.meta()] {
            self.collect_old(layout.run(id), run.modified);
        }
    }

    fn recover_task(&mut self, run: &RunId, executor: &mut Executor, recovered: RecoveredTask) {
        let RecoveredTask { mut task, updates } = recovered;
        let mut open = false;
        for entry in &updates {
            match entry {
                UpdateRecord::Update(update) => {
                    record(&mut task, &update.status);
                    executor.used |= update.status.source == Some(StatusSource::Executor);
                    open = true;
                }
                UpdateRecord::Acknowledged(uuid) => {
                    let acked = updates.iter().find_map(|entry| match entry {
                        UpdateRecord::Update(update) if update.uuid.as_ref() == Some(uuid) => {
                            Some(update.status.state)
                        }
                        _ => None,
                    });
                    open &= !acked.is_some_and(TaskState::is_terminal);
                }
            }
        }
        self.streams.restore(run, &task.task_id, &updates);
        let id = task.task_id.clone();
        let over = task.state.is_terminal();
        let task = Arc::new(task);
        if !over {
            executor.launched_tasks.insert(id, task);
            return;
        }
        executor.terminated_tasks.insert(id.clone(), task);
        if !open {
            executor.complete(&id, self.config.max_completed_tasks_per_executor);
        }
    }

    /// After a reboot no container lives; whatever ran has ended.
    fn bury_executors(&mut self, io: &mut Step<'_>) {
        let keys: Vec<ExecutorKey> = self.containers.values().cloned().collect();
        for key in keys {
            let termination = ContainerTermination {
                message: Some("Abnormal executor termination: unknown container".to_string()),
                ..ContainerTermination::default()
            };
            self.executor_ended(io, &key, termination);
        }
    }

    /// Has the containers watched again, and asks the executors in them to come back.
    fn find_executors(&mut self, io: &mut Step<'_>) {
        let keys: Vec<ExecutorKey> = self.containers.values().cloned().collect();
        let executors: Vec<&Executor> = keys.iter().filter_map(|key| self.executor(key)).collect();
        let containers = executors.iter().map(|executor| RecoverContainer {
            container: executor.container.clone(),
            pid: executor.launched.as_ref().and_then(|launched| launched.pid),
            directory: executor.directory.clone(),
            resources: executor.allocated(),
        });
        let containers = containers.collect();
        let pids: Vec<_> = executors.iter().filter_map(|executor| executor.pid.clone()).collect();
        self.watch_containers(io, containers);
        if self.cleaning_up {
            return;
        }
        for pid in pids {
            io.tell(&pid, ReconnectExecutor { agent_id: self.id() });
        }
    }

    fn clean_up(&mut self, io: &mut Step<'_>) {
        let frameworks: Vec<FrameworkId> = self.frameworks.keys().cloned().collect();
        for framework in frameworks {
            self.end_framework(io, &framework);
        }
        self.leave_when_empty(io);
    }

    pub(crate) fn reregistration_timed_out(&mut self, io: &mut Step<'_>) {
        let missing: Vec<ExecutorKey> = self.missing_executors();
        let timeout = self.config.executor_reregistration_timeout;
        for key in missing {
            io.warn(format!("executor {} did not come back", key.executor));
            self.give_up_return(io, &key, timeout);
        }
        self.finish_recovery_if_all_are_back(io);
    }

    fn missing_executors(&self) -> Vec<ExecutorKey> {
        let keys = self.containers.values();
        let missing = |key: &&ExecutorKey| {
            self.executor(key).is_some_and(|e| e.state == ExecutorState::Registering)
        };
        keys.filter(missing).cloned().collect()
    }

    /// Ends recovery once no executor is waited for. Says whether it has.
    pub(crate) fn finish_recovery_if_all_are_back(&mut self, io: &mut Step<'_>) -> bool {
        if self.state != AgentState::Recovering
            || self.cleaning_up
            || self.exit != crate::agent::Exit::No
            || !self.missing_executors().is_empty()
        {
            return false;
        }
        self.timers.cancel(io, &Timer::Reregistration);
        self.state = AgentState::Disconnected;
        self.recovery_time = Some(io.now.since(self.started.unwrap_or(io.now)));
        io.push(Effect::DetectMaster);
        self.watch_disk(io);
        self.approach(io);
        true
    }
}
