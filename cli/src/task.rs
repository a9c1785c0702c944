//! One task from launch to end, as `mesos run` and `mesos execute` need it.
//!
//! ```text
//!   waiting ---- an offer suffices ----> launched ---- terminal update ----> over
//!      |                                    |
//!      +---- the framework ends ------------+----> over
//! ```
//!
//! The scheduler does nothing but that; what happens is told to the command's thread as
//! [`Happening`]s, beside interruptions by the user.
//!
//! Reading order: this file, [`exit`] (what a task's end means for an exit code), [`follow`] (its
//! output).

pub mod exit;
pub mod follow;

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use mesos_framework::mesos::resources::Resources;
use mesos_framework::{
    AgentId, Driver, DriverError, Framework, FrameworkId, Offer, Running, Scheduler,
    SubscribedEvent, TaskId, TaskInfo, TaskState, TaskStatus,
};

use crate::error::CliError;
use crate::signals;

/// How long to look for a master before giving up: long enough for one that is just starting.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// What happened to the task, or what the user wants.
#[derive(Debug)]
pub enum Happening {
    /// A master knows the framework.
    Subscribed(FrameworkId),
    /// Offers came and did not suffice; what they held.
    TooSmall(String),
    /// The task was launched on this agent.
    Launched {
        /// The agent's id.
        agent: AgentId,
        /// Its name.
        hostname: String,
    },
    /// The state of the task has changed.
    Update(Box<TaskStatus>),
    /// The user interrupted the program, for the given time.
    Interrupted(u32),
    /// The driver has ended.
    Over,
}

/// A task that is on its way.
pub struct TaskRun {
    id: TaskId,
    running: Running<OneTask>,
    happenings: Receiver<Happening>,
}

impl TaskRun {
    /// Subscribes, and launches the task on the first offer that holds `resources`.
    pub fn start(
        framework: Framework,
        task: TaskInfo,
        resources: Resources,
    ) -> Result<Self, CliError> {
        let (sender, happenings) = channel();
        let interrupts = sender.clone();
        let id = task.task_id.clone();
        let scheduler = OneTask { task, resources, agent: None, over: false, sender };
        let running = framework.start(scheduler)?;
        signals::on_interrupt(move |interrupt| {
            // Nobody listens any more when the command is about to end.
            let _ = interrupts.send(Happening::Interrupted(interrupt.count));
        })?;
        Ok(Self { id, running, happenings })
    }

    /// What happens next, or nothing within `wait`.
    pub fn next(&self, wait: Duration) -> Option<Happening> {
        match self.happenings.recv_timeout(wait) {
            Ok(happening) => Some(happening),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Happening::Over),
        }
    }

    /// The handle through which the framework acts.
    pub fn driver(&self) -> &Driver {
        self.running.driver()
    }

    /// Kills the task.
    pub fn kill(&self) {
        self.running.driver().kill(&self.id, None);
    }

    /// Removes the framework, with its task if that still runs.
    pub fn finish(self) -> Result<(), DriverError> {
        self.running.driver().teardown();
        self.running.join().map(drop)
    }
}

struct OneTask {
    task: TaskInfo,
    resources: Resources,
    agent: Option<AgentId>,
    over: bool,
    sender: Sender<Happening>,
}

impl OneTask {
    fn tell(&self, happening: Happening) {
        // The command may have lost interest.
        let _ = self.sender.send(happening);
    }
}

impl Scheduler for OneTask {
    fn subscribed(&mut self, driver: &Driver, subscribed: &SubscribedEvent) {
        self.tell(Happening::Subscribed(subscribed.framework_id.clone()));
        if let Some(agent) = self.agent.as_ref().filter(|_| !self.over) {
            driver.reconcile([(&self.task.task_id, Some(agent))]);
        }
    }

    fn offers(&mut self, driver: &Driver, offers: Vec<Offer>) {
        for offer in offers {
            let mut offered = Resources::from(&offer.resources);
            offered.unallocate();
            let found = match self.agent {
                None => offered.nonrevocable().find(&self.resources),
                Some(_) => None,
            };
            let Some(resources) = found else {
                driver.decline(&offer.id);
                if self.agent.is_none() {
                    self.tell(Happening::TooSmall(offered.to_string()));
                }
                continue;
            };
            let task = TaskInfo {
                agent_id: offer.agent_id.clone(),
                resources: resources.to_vec(),
                ..self.task.clone()
            };
            driver.launch(&offer, vec![task]);
            driver.suppress(&[]);
            self.agent = Some(offer.agent_id.clone());
            let (agent, hostname) = (offer.agent_id, offer.hostname);
            self.tell(Happening::Launched { agent, hostname });
        }
    }

    fn update(&mut self, _: &Driver, status: TaskStatus) {
        if status.task_id != self.task.task_id || self.over {
            return;
        }
        self.over = is_over(status.state);
        self.tell(Happening::Update(Box::new(status)));
    }

    fn error(&mut self, _: &Driver, _: &str) {
        self.tell(Happening::Over);
    }
}

/// Whether nothing more is to be expected of a task in this state.
pub fn is_over(state: TaskState) -> bool {
    state.is_terminal() || state == TaskState::Unknown
}

/// `name-` and something that no other run has.
pub fn unique_id(name: &str) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    format!("{name}-{:x}-{}", now.unwrap_or_default().as_micros(), std::process::id())
}
