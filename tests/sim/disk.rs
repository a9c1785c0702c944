//! An agent's disk: what of its checkpoints has reached it, and what the next start finds there.

use std::collections::{BTreeMap, VecDeque};

use mesos::agent::AgentInfo;
use mesos::framework::FrameworkInfo;
use mesos::ids::{AgentId, ContainerId, ExecutorId, FrameworkId, TaskId};
use mesos::task::Task;
use slave_core::checkpoint::{
    Checkpoint, ExecutorRecord, RecoveredAgent, RecoveredExecutor, RecoveredFramework,
    RecoveredRun, RecoveredState, RecoveredTask, RunId, UpdateRecord,
};
use slave_core::ids::{ExecutorPid, WriteId};

/// One agent's disk.
#[derive(Debug, Default)]
pub struct Disk {
    /// Writes that are under way, in order.
    pending: VecDeque<(WriteId, Checkpoint)>,
    latest: Option<AgentId>,
    agents: BTreeMap<AgentId, AgentInfo>,
    frameworks: BTreeMap<(AgentId, FrameworkId), FrameworkInfo>,
    executors: BTreeMap<(AgentId, FrameworkId, ExecutorId), Executor>,
}

#[derive(Debug)]
struct Executor {
    record: ExecutorRecord,
    runs: Vec<Run>,
}

#[derive(Debug, Default)]
struct Run {
    container: ContainerId,
    completed: bool,
    forked_pid: Option<u32>,
    executor_pid: Option<ExecutorPid>,
    tasks: BTreeMap<TaskId, (Option<Task>, Vec<UpdateRecord>)>,
}

impl Disk {
    /// A write begins.
    pub fn write(&mut self, id: WriteId, what: Checkpoint) {
        self.pending.push_back((id, what));
    }

    /// How many writes are under way.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// The oldest write is done.
    pub fn finish_oldest(&mut self) -> Option<WriteId> {
        let (id, what) = self.pending.pop_front()?;
        self.apply(what);
        Some(id)
    }

    /// The agent is killed: the first `reached` of the writes under way are done, the rest never.
    pub fn crash(&mut self, reached: usize) {
        for _ in 0..reached {
            self.finish_oldest();
        }
        self.pending.clear();
    }

    /// Whether this update of a task has reached the disk.
    pub fn holds_update(&self, framework: &FrameworkId, task: &TaskId, uuid: &[u8]) -> bool {
        let runs = self.executors.iter().filter(|((_, id, _), _)| id == framework);
        let mut logs = runs
            .flat_map(|(_, executor)| &executor.runs)
            .filter_map(|run| run.tasks.get(task))
            .flat_map(|(_, log)| log);
        logs.any(|record| match record {
            UpdateRecord::Update(update) => update.uuid.as_deref() == Some(uuid),
            UpdateRecord::Acknowledged(_) => false,
        })
    }

    fn run(&mut self, id: &RunId) -> Option<&mut Run> {
        let key = (id.agent.clone(), id.framework.clone(), id.executor.clone());
        let executor = self.executors.get_mut(&key)?;
        executor.runs.iter_mut().find(|run| run.container == id.container)
    }

    /// The launcher writes the pid of a container's leading process.
    pub fn forked(&mut self, container: &ContainerId, pid: u32) {
        for executor in self.executors.values_mut() {
            for run in executor.runs.iter_mut().filter(|run| run.container == *container) {
                run.forked_pid = Some(pid);
            }
        }
    }

    fn apply(&mut self, what: Checkpoint) {
        match what {
            Checkpoint::Agent(info) => {
                let id = info.id.clone().unwrap_or_default();
                self.latest = Some(id.clone());
                self.agents.insert(id, info);
            }
            Checkpoint::ForgetAgent => self.latest = None,
            Checkpoint::Framework { agent, info } => {
                let id = info.id.clone().unwrap_or_default();
                self.frameworks.insert((agent, id), info);
            }
            Checkpoint::Executor { run, record } => {
                let key = (run.agent, run.framework, run.executor);
                let executor = self
                    .executors
                    .entry(key)
                    .or_insert_with(|| Executor { record: (*record).clone(), runs: Vec::new() });
                executor.record = *record;
                executor.runs.push(Run { container: run.container, ..Run::default() });
            }
            Checkpoint::ExecutorPid { run, pid } => {
                if let Some(run) = self.run(&run) {
                    run.executor_pid = Some(pid);
                }
            }
            Checkpoint::Task { run, task } => {
                if let Some(run) = self.run(&run) {
                    let id = task.task_id.clone();
                    run.tasks.entry(id).or_default().0 = Some(*task);
                }
            }
            Checkpoint::Update { run, task, record } => {
                if let Some(run) = self.run(&run) {
                    run.tasks.entry(task).or_default().1.push(record);
                }
            }
            Checkpoint::RunCompleted(run) => {
                if let Some(run) = self.run(&run) {
                    run.completed = true;
                }
            }
        }
    }

    /// What the next start of the agent finds.
    pub fn recover(&self, rebooted: bool) -> RecoveredState {
        let agent = self.latest.as_ref().and_then(|id| {
            let info = self.agents.get(id)?.clone();
            let frameworks = self
                .frameworks
                .iter()
                .filter(|((agent, _), _)| agent == id)
                .map(|((_, framework), info)| RecoveredFramework {
                    info: info.clone(),
                    executors: self.recover_executors(id, framework),
                })
                .collect();
            Some(RecoveredAgent { info, frameworks })
        });
        RecoveredState { agent, rebooted, ..RecoveredState::default() }
    }

    fn recover_executors(
        &self,
        agent: &AgentId,
        framework: &FrameworkId,
    ) -> Vec<RecoveredExecutor> {
        self.executors
            .iter()
            .filter(|((a, f, _), _)| a == agent && f == framework)
            .map(|(_, executor)| RecoveredExecutor {
                record: executor.record.clone(),
                runs: executor.runs.iter().map(recover_run).collect(),
            })
            .collect()
    }
}

fn recover_run(run: &Run) -> RecoveredRun {
    RecoveredRun {
        container: run.container.clone(),
        completed: run.completed,
        forked_pid: run.forked_pid,
        executor_pid: run.executor_pid.clone(),
        tasks: run
            .tasks
            .values()
            .filter_map(|(task, updates)| {
                Some(RecoveredTask { task: task.clone()?, updates: updates.clone() })
            })
            .collect(),
        ..RecoveredRun::default()
    }
}
