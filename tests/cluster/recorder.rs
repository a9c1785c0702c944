//! A scheduler that launches what it is given and writes down what it hears.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use mesos_framework::mesos::executor_info::{ExecutorInfo, ExecutorInfoType};
use mesos_framework::mesos::offer::Filters;
use mesos_framework::mesos::operation::{LaunchGroup, OfferOperation, OfferOperationType};
use mesos_framework::mesos::task::TaskGroupInfo;
use mesos_framework::{
    AgentId, Driver, ExecutorId, Framework, FrameworkId, Offer, Room, Running, Scheduler, Task,
    TaskId, TaskState, TaskStatus,
};

use crate::daemons::PATIENCE;

#[derive(Default)]
struct Heard {
    updates: Vec<TaskStatus>,
    subscriptions: usize,
    messages: Vec<Vec<u8>>,
    /// Executors that ended, with their status.
    failures: Vec<(Option<ExecutorId>, Option<i32>)>,
    errors: Vec<String>,
}

/// What a scheduler has heard so far, shared with its test.
#[derive(Clone, Default)]
pub struct Record {
    heard: Arc<(Mutex<Heard>, Condvar)>,
}

impl Record {
    fn add(&self, change: impl FnOnce(&mut Heard)) {
        change(&mut self.heard.0.lock().expect("no test panics here"));
        self.heard.1.notify_all();
    }

    fn wait(&self, what: &str, done: impl Fn(&Heard) -> bool) {
        let end = Instant::now() + PATIENCE;
        let mut heard = self.heard.0.lock().expect("no test panics here");
        while !done(&heard) {
            let left = end.saturating_duration_since(Instant::now());
            let states: Vec<_> = heard
                .updates
                .iter()
                .map(|status| format!("{} {} {:?}", status.task_id, status.state, status.message))
                .collect();
            assert!(
                !left.is_zero(),
                "waited in vain: {what}; heard {states:?}, {:?}",
                heard.errors
            );
            heard = self.heard.1.wait_timeout(heard, left).expect("no test panics here").0;
        }
    }

    /// Waits until a task was heard to be in this state, and gives that update.
    pub fn wait_for(&self, task: &str, state: TaskState) -> TaskStatus {
        let matches = |s: &TaskStatus| s.task_id.as_str() == task && s.state == state;
        self.wait(&format!("{task} becomes {state}"), |heard| heard.updates.iter().any(matches));
        self.updates(task).into_iter().find(|s| s.state == state).expect("it was heard")
    }

    /// Waits until the scheduler has subscribed this often.
    pub fn wait_for_subscriptions(&self, count: usize) {
        let what = format!("{count} subscriptions");
        self.wait(&what, |heard| heard.subscriptions >= count);
    }

    /// Waits until an executor has sent this message.
    pub fn wait_for_message(&self, data: &[u8]) {
        self.wait("a message", |heard| heard.messages.iter().any(|message| message == data));
    }

    /// Waits until an executor has ended, and gives it with its status.
    pub fn wait_for_failure(&self) -> (Option<ExecutorId>, Option<i32>) {
        self.wait("an executor ends", |heard| !heard.failures.is_empty());
        self.heard.0.lock().expect("no test panics here").failures[0].clone()
    }

    /// All updates of a task, in order.
    pub fn updates(&self, task: &str) -> Vec<TaskStatus> {
        let heard = self.heard.0.lock().expect("no test panics here");
        heard.updates.iter().filter(|s| s.task_id.as_str() == task).cloned().collect()
    }

    /// The states that a task went through, one after the other, without repetitions.
    pub fn states(&self, task: &str) -> Vec<TaskState> {
        let mut states: Vec<TaskState> = self.updates(task).iter().map(|s| s.state).collect();
        states.dedup();
        states
    }
}

/// Tasks that are launched together, under a default executor of this name.
pub struct Group {
    pub executor: &'static str,
    pub tasks: Vec<Task>,
}

/// The scheduler.
pub struct Recorder {
    waiting: VecDeque<Task>,
    groups: VecDeque<Group>,
    record: Record,
}

/// A running scheduler with its record.
pub struct Session {
    pub record: Record,
    running: Option<Running<Recorder>>,
}

impl Session {
    /// Runs a framework that launches these tasks as soon as it is offered room for them.
    pub fn start(
        framework: Framework,
        master: &str,
        tasks: impl IntoIterator<Item = Task>,
    ) -> Self {
        Self::start_all(framework, master, tasks, [])
    }

    /// The same, with groups of tasks.
    #[allow(dead_code)] // The benchmarks have no groups.
    pub fn start_groups(
        framework: Framework,
        master: &str,
        groups: impl IntoIterator<Item = Group>,
    ) -> Self {
        Self::start_all(framework, master, [], groups)
    }

    fn start_all(
        framework: Framework,
        master: &str,
        tasks: impl IntoIterator<Item = Task>,
        groups: impl IntoIterator<Item = Group>,
    ) -> Self {
        let record = Record::default();
        let recorder = Recorder {
            waiting: tasks.into_iter().collect(),
            groups: groups.into_iter().collect(),
            record: record.clone(),
        };
        let framework =
            framework.master(master).backoff(Duration::from_millis(50), Duration::from_millis(500));
        let running = framework.start(recorder).expect("the framework starts");
        Self { record, running: Some(running) }
    }

    /// The handle of the framework.
    pub fn driver(&self) -> &Driver {
        self.running.as_ref().expect("it runs until it is finished").driver()
    }

    /// Kills a task.
    pub fn kill(&self, task: &str) {
        self.driver().kill(&TaskId::from(task), None);
    }

    /// Tears the framework down and waits for the end of its driver.
    pub fn finish(mut self) {
        if let Some(running) = self.running.take() {
            running.driver().teardown();
            running.join().expect("the driver ends well");
        }
    }
}

impl Scheduler for Recorder {
    fn subscribed(&mut self, _: &Driver, _: &mesos_framework::SubscribedEvent) {
        self.record.add(|heard| heard.subscriptions += 1);
    }

    fn offers(&mut self, driver: &Driver, offers: Vec<Offer>) {
        for offer in offers {
            let mut room = Room::of(&offer);
            let mut placed = Vec::new();
            while let Some(info) = self.waiting.front().and_then(|task| room.place(task)) {
                placed.push(info);
                self.waiting.pop_front();
            }
            let groups = std::mem::take(&mut self.groups);
            let id = driver.framework_id();
            let launches: Vec<_> =
                groups.iter().map(|group| launch(group, &id, &mut room)).collect();
            if !launches.is_empty() {
                let filters = Filters { refuse_seconds: 0.0 };
                driver.accept(vec![offer.id.clone()], launches, Some(filters));
            } else if placed.is_empty() {
                driver.decline(&offer.id);
            } else {
                driver.launch(&offer, placed);
            }
        }
    }

    fn update(&mut self, _: &Driver, status: TaskStatus) {
        self.record.add(|heard| heard.updates.push(status));
    }

    fn message(&mut self, _: &Driver, _: AgentId, _: ExecutorId, data: &[u8]) {
        self.record.add(|heard| heard.messages.push(data.to_vec()));
    }

    fn failure(
        &mut self,
        _: &Driver,
        _: Option<AgentId>,
        executor: Option<ExecutorId>,
        status: Option<i32>,
    ) {
        self.record.add(|heard| heard.failures.push((executor, status)));
    }

    fn error(&mut self, _: &Driver, message: &str) {
        self.record.add(|heard| heard.errors.push(message.to_owned()));
    }
}

/// The operation that launches a group; there must be room for it, and for its executor.
fn launch(group: &Group, framework: &Option<FrameworkId>, room: &mut Room) -> OfferOperation {
    let mut place = |task: &Task| room.place(task).expect("the group fits");
    let executor = ExecutorInfo {
        r#type: Some(ExecutorInfoType::Default),
        executor_id: group.executor.into(),
        framework_id: framework.clone(),
        resources: place(&shell("", "").disk(32.0)).resources,
        ..ExecutorInfo::default()
    };
    let tasks = group.tasks.iter().map(place).collect();
    let launch = LaunchGroup { executor, task_group: TaskGroupInfo { tasks } };
    OfferOperation {
        r#type: Some(OfferOperationType::LaunchGroup),
        launch_group: Some(launch),
        ..OfferOperation::default()
    }
}

/// A framework whose work survives its agents.
pub fn durable(name: &str) -> Framework {
    Framework::new(name).checkpoint(true).failover_timeout(Duration::from_secs(3600))
}

/// A small task that runs a shell command.
pub fn shell(id: &str, command: impl Into<String>) -> Task {
    Task::shell(id, command).cpus(0.1).mem(32.0)
}
