//! What is written down is found again, and what is damaged is named.

use std::fs;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use mesos::agent::AgentInfo;
use mesos::bytes::Bytes;
use mesos::executor_info::ExecutorInfo;
use mesos::framework::FrameworkInfo;
use mesos::ids::{AgentId, ContainerId, ExecutorId, FrameworkId, TaskId};
use mesos::internal::StatusUpdate;
use mesos::task::{Task, TaskState};
use slave::checkpoint::{Writer, recover};
use slave_core::checkpoint::{
    Checkpoint, ExecutorRecord, RecoveredState, RecoveredTask, RunId, UpdateRecord,
};
use slave_core::effect::ExecutorKind;
use slave_core::ids::{ExecutorPid, WriteId};
use slave_core::paths::Paths;

/// Where the checkpoints of the run `c0` lie.
const RUN: &str = "meta/slaves/a/frameworks/f/executors/e/runs/c0";

fn run(container: &str) -> RunId {
    RunId {
        agent: AgentId::from("a"),
        framework: FrameworkId::from("f"),
        executor: ExecutorId::from("e"),
        container: ContainerId::root(container),
    }
}

fn record() -> ExecutorRecord {
    let info = ExecutorInfo { executor_id: ExecutorId::from("e"), ..ExecutorInfo::default() };
    ExecutorRecord { info, kind: ExecutorKind::Command }
}

fn update(state: TaskState, uuid: u8) -> UpdateRecord {
    let uuid = Some(Bytes::from(vec![uuid; 16]));
    let mut update = StatusUpdate { uuid, ..StatusUpdate::default() };
    update.status.state = state;
    UpdateRecord::Update(Box::new(update))
}

fn logged(record: UpdateRecord) -> Checkpoint {
    Checkpoint::Update { run: run("c0"), task: TaskId::from("t"), record }
}

/// Two runs of an executor, the first over, the second with a task that has told twice of itself.
fn everything() -> Vec<Checkpoint> {
    let id = Some(AgentId::from("a"));
    let agent = AgentInfo { hostname: "h".into(), id, ..AgentInfo::default() };
    let framework = FrameworkInfo { id: Some(FrameworkId::from("f")), ..Default::default() };
    vec![
        Checkpoint::Agent(agent),
        Checkpoint::Framework { agent: AgentId::from("a"), info: framework },
        Checkpoint::Executor { run: run("c1"), record: Box::new(record()) },
        Checkpoint::RunCompleted(run("c1")),
        Checkpoint::Executor { run: run("c0"), record: Box::new(record()) },
        Checkpoint::ExecutorPid { run: run("c0"), pid: ExecutorPid::new("executor(1)@1.2.3.4:5") },
        Checkpoint::Task {
            run: run("c0"),
            task: Box::new(Task { task_id: TaskId::from("t"), ..Task::default() }),
        },
        logged(update(TaskState::Starting, 1)),
        logged(UpdateRecord::Acknowledged(Bytes::from(vec![1; 16]))),
        logged(update(TaskState::Running, 2)),
    ]
}

/// Writes checkpoints as an agent does, and waits until they are there.
fn write(work_dir: &Path, checkpoints: Vec<Checkpoint>) {
    let (sender, written) = mpsc::channel();
    let report = move |outcomes: Vec<_>| {
        for outcome in outcomes {
            sender.send(outcome).unwrap();
        }
    };
    let writer = Writer::start(Paths::new(work_dir), report).unwrap();
    let count = checkpoints.len() as u64;
    for (number, what) in (0..).zip(checkpoints) {
        writer.write(WriteId(number), what);
    }
    for number in 0..count {
        let (id, result) = written.recv_timeout(Duration::from_secs(30)).unwrap();
        assert_eq!((id, result), (WriteId(number), Ok(())));
    }
}

fn read(work_dir: &Path) -> RecoveredState {
    recover(&Paths::new(work_dir)).unwrap()
}

/// The only task.
fn task(state: RecoveredState) -> RecoveredTask {
    let mut framework = state.agent.unwrap().frameworks.remove(0);
    framework.executors.remove(0).runs.remove(1).tasks.remove(0)
}

#[test]
fn what_is_written_is_found_again() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), everything());
    fs::create_dir_all(dir.path().join("slaves/a")).unwrap();
    fs::create_dir_all(dir.path().join("slaves/old")).unwrap();
    let state = read(dir.path());
    assert_eq!(state.errors, [""; 0]);
    assert!(!state.rebooted);
    let old: Vec<_> = state.old_agents.iter().map(|old| old.path.clone()).collect();
    assert_eq!(old, [dir.path().join("slaves/old")]);
    let agent = state.agent.unwrap();
    assert_eq!(agent.info.hostname, "h");
    let executor = &agent.frameworks[0].executors[0];
    assert_eq!(executor.record, record());
    let [first, latest] = &executor.runs[..] else { panic!("{:?}", executor.runs) };
    assert_eq!((first.container.value.as_str(), first.completed), ("c1", true));
    assert_eq!((latest.container.value.as_str(), latest.completed), ("c0", false));
    assert_eq!(latest.executor_pid, Some(ExecutorPid::new("executor(1)@1.2.3.4:5")));
    assert_eq!(latest.tasks[0].task.task_id.as_str(), "t");
    let acknowledged = UpdateRecord::Acknowledged(Bytes::from(vec![1; 16]));
    assert_eq!(
        latest.tasks[0].updates,
        [update(TaskState::Starting, 1), acknowledged, update(TaskState::Running, 2)]
    );
}

#[test]
fn a_forgotten_agent_is_an_old_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut checkpoints = everything();
    checkpoints.push(Checkpoint::ForgetAgent);
    write(dir.path(), checkpoints);
    let state = read(dir.path());
    assert!(state.agent.is_none());
    assert_eq!(state.old_agents[0].path, dir.path().join("meta/slaves/a"));
}

#[test]
fn a_first_start_finds_nothing() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(read(&dir.path().join("missing")), RecoveredState::default());
}

#[test]
fn damage_is_named_and_the_rest_is_read() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), everything());
    let run = dir.path().join(RUN);
    fs::write(run.join("tasks/t/task.info"), "nonsense").unwrap();
    fs::write(run.join("pids/forked.pid"), "nonsense").unwrap();
    let state = read(dir.path());
    assert_eq!(state.errors.len(), 2, "{:?}", state.errors);
    assert!(state.errors.iter().any(|error| error.contains("task.info")));
    assert!(state.errors.iter().any(|error| error.contains("forked.pid")));
    let agent = state.agent.unwrap();
    assert_eq!(agent.frameworks[0].executors[0].runs[1].tasks.len(), 0);
}

#[test]
fn a_crash_within_the_log_loses_only_what_was_not_reported() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), everything());
    let log = dir.path().join(RUN).join("tasks/t/task.updates");
    let whole = fs::read(&log).unwrap();
    let mut most = 0;
    for cut in (0..whole.len()).step_by(11).chain([whole.len()]) {
        fs::write(&log, &whole[..cut]).unwrap();
        let state = read(dir.path());
        assert_eq!(state.errors, [""; 0], "cut at {cut}");
        let updates = task(state).updates.len();
        assert!(updates >= most, "cut at {cut}");
        most = updates;
        // What was cut off is gone, so that the log can grow again.
        write(dir.path(), vec![logged(update(TaskState::Finished, 3))]);
        assert_eq!(task(read(dir.path())).updates.len(), updates + 1, "cut at {cut}");
    }
    assert_eq!(most, 3);
}
