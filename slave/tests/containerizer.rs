//! The `mesos` containerizer with real processes, and isolators that note what they are asked.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mesos::executor_info::{CommandInfo, ExecutorInfo};
use mesos::ids::ContainerId;
use mesos::resources::Resources;
use mesos::task::{Reason, TaskState};
use slave::containerizer::Containerizer;
use slave::containerizer::isolation::Isolation;
use slave::containerizer::launcher::posix::Posix;
use slave::containerizer::mesos::{Mesos, Parts, Programs};
use slave::containerizer::program::BuiltIn;
use slave::fetcher::{FetcherConfig, Stats};
use slave::isolators::{Class, Container, Isolator, IsolatorError, Limitation, Preparation};
use slave_core::effect::{ExecutorKind, LaunchSpec, Limits, RecoverContainer};
use slave_core::event::{ContainerTermination, Event};
use slave_core::paths::Paths;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

const PATIENCE: Duration = Duration::from_secs(30);

/// What isolators were asked, in order.
type Notes = Arc<Mutex<Vec<String>>>;

#[derive(Debug)]
struct Noting {
    name: &'static str,
    notes: Notes,
    /// Which question it fails.
    fails: &'static str,
    sandbox: Option<PathBuf>,
}

impl Noting {
    fn note(&self, what: &str) -> Result<(), IsolatorError> {
        self.notes.lock().unwrap().push(format!("{} {what}", self.name));
        match self.fails == what {
            true => Err(IsolatorError::Refused(format!("{} will not {what}", self.name))),
            false => Ok(()),
        }
    }
}

impl Isolator for Noting {
    fn name(&self) -> &'static str {
        self.name
    }

    fn handles(&self, class: Class) -> bool {
        class == Class::Executor
    }

    fn prepare(&mut self, container: &Container) -> Result<Preparation, IsolatorError> {
        self.sandbox = Some(container.sandbox.clone());
        self.note("prepare")?;
        let environment = vec![(format!("FROM_{}", self.name), "1".to_owned())];
        Ok(Preparation { environment, ..Preparation::default() })
    }

    fn isolate(&mut self, _: &ContainerId, _: u32) -> Result<(), IsolatorError> {
        // Its program must not have run yet, though it has been born.
        let ran = self.sandbox.as_ref().is_some_and(|sandbox| sandbox.join("ran").exists());
        self.note(if ran { "isolate too late" } else { "isolate" })
    }

    fn update(
        &mut self,
        _: &ContainerId,
        resources: &Resources,
        limits: &Limits,
    ) -> Result<(), IsolatorError> {
        let limit = limits.get("mem").copied().unwrap_or_default();
        self.note(&format!("update {resources} {limit}"))
    }

    fn recover(&mut self, known: &[slave::isolators::Recovered]) -> Result<(), IsolatorError> {
        self.note(&format!("recover {}", known.len()))
    }

    fn cleanup(&mut self, _: &ContainerId) -> Result<(), IsolatorError> {
        self.note("cleanup")
    }
}

/// A containerizer, and what it reports.
struct Fixture {
    mesos: Mesos,
    events: Receiver<Event>,
    limited: UnboundedSender<Limitation>,
    notes: Notes,
    dir: tempfile::TempDir,
}

impl Fixture {
    fn new(fails: &'static str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        // As the agent does: what is found by its path must be found by its true path.
        let work_dir = dir.path().canonicalize().unwrap();
        let notes = Notes::default();
        let noting = |name, fails| -> Box<dyn Isolator> {
            Box::new(Noting { name, notes: notes.clone(), fails, sandbox: None })
        };
        let isolation = Isolation::new(vec![noting("one", ""), noting("two", fails)]);
        let (limited, limitations) = unbounded_channel();
        let (report, events) = channel();
        let nothing = || BuiltIn { program: "/bin/false".into(), arguments: Vec::new() };
        let fetcher = FetcherConfig {
            cache_bytes: 0,
            cache_dir: work_dir.join("fetch"),
            stall_timeout: PATIENCE,
            frameworks_home: String::new(),
            hadoop_home: None,
            program: nothing(),
            max_processes: 1,
        };
        let parts = Parts {
            programs: Programs { executor: nothing(), init: nothing() },
            paths: Paths::new(work_dir.clone()),
            launcher: Box::new(Posix::new(work_dir)),
            isolation,
            limitations,
            fetcher: (fetcher, Stats::new(0)),
        };
        let report = Arc::new(move |event| {
            let _ = report.send(event);
        });
        let mesos = Mesos::start(parts, report).unwrap();
        Self { mesos, events, limited, notes, dir }
    }

    fn sandbox(&self) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join("sandbox/run")
    }

    fn launch(&self, command: &str) -> ContainerId {
        let container = ContainerId::root("c1");
        let sandbox = self.sandbox();
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let value = Some(command.to_owned());
        self.mesos.launch(LaunchSpec {
            container: container.clone(),
            framework_id: "f1".into(),
            executor: ExecutorInfo { executor_id: "e1".into(), ..ExecutorInfo::default() },
            kind: ExecutorKind::Custom,
            command: CommandInfo { value, shell: true, ..CommandInfo::default() },
            task: None,
            environment: vec![
                ("MESOS_DIRECTORY".to_owned(), text(&sandbox)),
                ("PATH".to_owned(), "/usr/bin:/bin".to_owned()),
            ],
            user: None,
            forked_pid_path: Some(sandbox.with_extension("pid")),
            directory: sandbox,
            resources: Resources::parse("cpus:1;mem:64", "*").unwrap(),
            limits: BTreeMap::new(),
        });
        container
    }

    fn event(&self) -> Event {
        self.events.recv_timeout(PATIENCE).expect("something happens")
    }

    fn launched(&self) -> Result<u32, String> {
        match self.event() {
            Event::ContainerLaunched { result, .. } => {
                result.map(|launched| launched.pid.expect("it has a leader"))
            }
            other => panic!("{other:?}"),
        }
    }

    fn terminated(&self) -> ContainerTermination {
        match self.event() {
            Event::ContainerTerminated { termination, .. } => termination,
            other => panic!("{other:?}"),
        }
    }

    fn notes(&self) -> Vec<String> {
        self.notes.lock().unwrap().clone()
    }
}

const BEFORE: [&str; 4] = ["one prepare", "two prepare", "one isolate", "two isolate"];
const AFTER: [&str; 2] = ["two cleanup", "one cleanup"];

#[test]
fn isolators_are_asked_in_order_before_the_program_runs() {
    let fixture = Fixture::new("");
    fixture.launch("touch ran; echo $FROM_one$FROM_two; exit 3");
    fixture.launched().unwrap();
    assert_eq!(fixture.terminated().status, Some(3 << 8));
    assert_eq!(fixture.notes(), [&BEFORE[..], &AFTER[..]].concat());
    let stdout = std::fs::read_to_string(fixture.sandbox().join("stdout")).unwrap();
    assert_eq!(stdout, "11\n");
    let pid = std::fs::read_to_string(fixture.sandbox().with_extension("pid")).unwrap();
    assert_eq!(pid.split_whitespace().count(), 2, "{pid:?}");
}

#[test]
fn an_isolator_that_fails_fails_the_launch_and_all_is_taken_away() {
    for (fails, expected) in
        [("prepare", vec!["one prepare", "two prepare"]), ("isolate", BEFORE.to_vec())]
    {
        let fixture = Fixture::new(fails);
        fixture.launch("touch ran");
        let error = fixture.launched().unwrap_err();
        assert!(error.contains(&format!("two will not {fails}")), "{error}");
        assert_eq!(fixture.notes(), [expected, AFTER.to_vec()].concat());
        assert!(!fixture.sandbox().join("ran").exists(), "its program never ran");
    }
}

#[test]
fn a_container_that_runs_into_a_limit_ends_for_that_reason() {
    let fixture = Fixture::new("");
    // What it leaves behind goes with it.
    let container = fixture.launch("setsid sleep 1000 & exec sleep 1000");
    let pid = fixture.launched().unwrap();
    let memory = Resources::parse("mem:64", "*").unwrap().to_vec();
    let limit = |message: &str| Limitation {
        container: container.clone(),
        reason: Reason::ContainerLimitationMemory,
        message: message.to_owned(),
        resources: memory.clone(),
    };
    fixture.limited.send(limit("Memory limit exceeded")).unwrap();
    fixture.limited.send(limit("again")).unwrap();
    let termination = fixture.terminated();
    assert_eq!(termination.state, Some(TaskState::Failed));
    assert_eq!(termination.reason, Some(Reason::ContainerLimitationMemory));
    assert_eq!(termination.message.as_deref(), Some("Memory limit exceeded"));
    assert_eq!(termination.limited_resources, memory);
    assert_eq!(termination.status, Some(9));
    assert!(!Path::new(&format!("/proc/{pid}")).exists());
    assert_eq!(fixture.notes(), [&BEFORE[..], &AFTER[..]].concat());
}

#[test]
fn updates_reach_isolators_while_a_container_runs() {
    let fixture = Fixture::new("update cpus:2 64");
    let container = fixture.launch("exec sleep 1000");
    fixture.launched().unwrap();
    let mut results = Vec::new();
    for (cpus, limit) in [("cpus:3", 32.0), ("cpus:2", 64.0)] {
        let resources = Resources::parse(cpus, "*").unwrap();
        let limits = Limits::from([("mem".to_owned(), limit)]);
        fixture.mesos.update(container.clone(), resources, limits);
        match fixture.event() {
            Event::ContainerUpdated { result, .. } => results.push(result),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(results, [Ok(()), Err("two will not update cpus:2 64".to_owned())]);
    fixture.mesos.destroy(container.clone());
    assert_eq!(fixture.terminated().status, Some(9));
    // It is gone: whoever asks is not answered, and nobody is told twice.
    fixture.mesos.update(container.clone(), Resources::new(), Limits::new());
    fixture.mesos.destroy(container);
    drop(fixture.mesos);
    assert!(fixture.events.recv_timeout(PATIENCE).is_err());
}

#[test]
fn containers_that_are_gone_are_taken_back_and_ended() {
    let fixture = Fixture::new("");
    fixture.mesos.recover(vec![RecoverContainer {
        container: ContainerId::root("c1"),
        pid: None,
        directory: fixture.sandbox(),
        resources: Resources::new(),
    }]);
    assert_eq!(fixture.terminated(), ContainerTermination::default());
    let expected = ["one recover 1", "two recover 1", "two cleanup", "one cleanup"];
    assert_eq!(fixture.notes(), expected);
}
