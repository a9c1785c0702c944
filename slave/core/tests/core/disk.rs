//! A disk that takes checkpoints and gives them back after a restart.

use std::collections::BTreeMap;

use mesos::agent::AgentInfo;
use mesos::framework::FrameworkInfo;
use mesos::ids::{ContainerId, ExecutorId, FrameworkId, TaskId};
use slave_core::checkpoint::{
    Checkpoint, ExecutorRecord, RecoveredAgent, RecoveredExecutor, RecoveredFramework,
    RecoveredRun, RecoveredState, RecoveredTask, RunId, UpdateRecord,
};
use slave_core::ids::ExecutorPid;

#[derive(Debug, Clone, Default)]
pub struct Disk {
    agent: Option<AgentInfo>,
    frameworks: BTreeMap<FrameworkId, FrameworkInfo>,
    executors: BTreeMap<(FrameworkId, ExecutorId), (ExecutorRecord, Vec<ContainerId>)>,
    runs: BTreeMap<RunId, RecoveredRun>,
}

impl Disk {
    pub fn write(&mut self, what: Checkpoint) {
        match what {
            Checkpoint::Agent(info) => self.agent = Some(info),
            Checkpoint::ForgetAgent => self.agent = None,
            Checkpoint::Framework { info, .. } => {
                let id = info.id.clone().expect("a framework is written with its id");
                self.frameworks.insert(id, info);
            }
            Checkpoint::Executor { run, record } => {
                let key = (run.framework.clone(), run.executor.clone());
                assert!(self.frameworks.contains_key(&key.0), "the framework is written first");
                let container = run.container.clone();
                let fresh =
                    RecoveredRun { container: container.clone(), ..RecoveredRun::default() };
                self.runs.insert(run, fresh);
                let entry = self.executors.entry(key);
                let (_, runs) = entry.or_insert_with(|| (*record, Vec::new()));
                runs.push(container);
            }
            Checkpoint::ExecutorPid { run, pid } => self.run(&run).executor_pid = Some(pid),
            Checkpoint::Task { run, task } => {
                self.run(&run).tasks.push(RecoveredTask { task: *task, updates: Vec::new() });
            }
            Checkpoint::Update { run, task, record } => self.log(&run, &task).push(record),
            Checkpoint::RunCompleted(run) => self.run(&run).completed = true,
        }
    }

    /// Notes that the shell wrote the pid of a container's process.
    pub fn fork(&mut self, container: &ContainerId, pid: u32) {
        for run in self.runs.values_mut().filter(|run| run.container == *container) {
            run.forked_pid = Some(pid);
        }
    }

    fn run(&mut self, run: &RunId) -> &mut RecoveredRun {
        self.runs.get_mut(run).expect("the executor is written before what belongs to it")
    }

    fn log(&mut self, run: &RunId, id: &TaskId) -> &mut Vec<UpdateRecord> {
        let task = self.run(run).tasks.iter_mut().find(|known| known.task.task_id == *id);
        &mut task.expect("the task is written before its updates").updates
    }

    /// The log of a task's updates, of whichever run.
    pub fn updates(&self, id: &TaskId) -> Vec<UpdateRecord> {
        let tasks = self.runs.values().flat_map(|run| &run.tasks);
        tasks.filter(|t| t.task.task_id == *id).flat_map(|t| t.updates.clone()).collect()
    }

    /// Whether a task is written down.
    pub fn has_task(&self, id: &TaskId) -> bool {
        self.runs.values().flat_map(|run| &run.tasks).any(|known| known.task.task_id == *id)
    }

    /// Whether it is written down how an executor is reached.
    pub fn has_pid(&self, pid: &ExecutorPid) -> bool {
        self.runs.values().any(|run| run.executor_pid.as_ref() == Some(pid))
    }

    /// Whether the run of this container is written down.
    pub fn has_run(&self, container: &ContainerId) -> bool {
        self.runs.keys().any(|run| run.container == *container)
    }

    pub fn recovered(&self) -> RecoveredState {
        let agent = self.agent.clone().map(|info| RecoveredAgent {
            frameworks: self.frameworks.values().map(|info| self.framework(info)).collect(),
            info,
        });
        RecoveredState { agent, ..RecoveredState::default() }
    }

    fn framework(&self, info: &FrameworkInfo) -> RecoveredFramework {
        let own = self.executors.iter().filter(|((id, _), _)| Some(id) == info.id.as_ref());
        let executors = own.map(|((framework, executor), (record, containers))| {
            let runs = containers.iter().filter_map(|container| {
                let belongs = |run: &&RunId| {
                    run.framework == *framework
                        && run.executor == *executor
                        && run.container == *container
                };
                let run = self.runs.keys().find(belongs)?;
                self.runs.get(run).cloned()
            });
            RecoveredExecutor { record: record.clone(), runs: runs.collect() }
        });
        RecoveredFramework { info: info.clone(), executors: executors.collect() }
    }
}
