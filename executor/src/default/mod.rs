//! The default executor: runs groups of tasks, each task in a container that the agent nests in
//! the executor's own (row EX-05).
//!
//! This file is the shell: it turns what the driver and the agent's answers say into events of the
//! [`core`], and does what the core wants done. It decides nothing.
//!
//! It departs from Mesos's own where that loses something: a kill that comes before the task runs
//! is not forgotten; a second kill may shorten the first; tasks that end with their group have the
//! time that their own kill policy gives; health is the group's, not that of all groups; an agent
//! that dies in the middle of a launch ends neither the group nor the others.
//!
//! Reading order: [`core`] (states, events, effects), [`answers`] (what answers of the agent
//! mean), `launching`, `ending`; this file.

pub mod answers;
pub mod core;
mod ending;
mod launching;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use mesos::bytes::Bytes;
use mesos::ids::{ContainerId, TaskId};
use mesos::task::{KillPolicy, TaskGroupInfo, TaskInfo};
use mesos::v1::agent::{Call, CallType, KillNestedContainer, WaitNestedContainer};

use self::core::{Core, Effect, Event, Slot, Surroundings, Timer};
use crate::agent_api::AgentApi;
use crate::check::nested::{self, uuid_text};
use crate::check::{Kind, Probe, Spec, Ticket, probe};
use crate::command::{now, reports_killing};
use crate::driver::{Driver, Executor};

/// How long an answer may take that does not wait for a task.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);

/// How long the wait for a container may take before it is plain that there is one.
const FIND_TIMEOUT: Duration = Duration::from_secs(2);

/// Runs task groups.
#[derive(Debug)]
pub struct DefaultExecutor {
    core: Core,
    token: Option<String>,
    api: Option<AgentApi>,
    timers: BTreeMap<Timer, libprocess::Timer>,
    /// Containers of checks that could not be removed.
    leftovers: BTreeMap<(Slot, Kind), Vec<ContainerId>>,
}

impl DefaultExecutor {
    /// An executor that shows this token to its agent, if there is one.
    pub fn new(token: Option<String>) -> Self {
        Self {
            core: Core::default(),
            token,
            api: None,
            timers: BTreeMap::new(),
            leftovers: BTreeMap::new(),
        }
    }

    fn step(&mut self, driver: &mut Driver<'_, Self>, event: Event) {
        let mut effects = Vec::new();
        self.core.step(now(driver), event, &mut effects);
        for effect in effects {
            self.perform(driver, effect);
        }
    }

    fn perform(&mut self, driver: &mut Driver<'_, Self>, effect: Effect) {
        match effect {
            Effect::Update(status) => {
                driver.update(*status);
            }
            Effect::Launch(slot, launch) => {
                let call = Call {
                    r#type: Some(CallType::LaunchContainer),
                    launch_container: Some(*launch),
                    ..Call::default()
                };
                self.call(driver, call, CALL_TIMEOUT, move |answer| {
                    Event::Launched(slot, answers::launched(answer))
                });
            }
            Effect::Find(slot, container) => {
                self.call(driver, wait_call(container), FIND_TIMEOUT, move |answer| {
                    Event::Found(slot, answers::found(answer))
                });
            }
            Effect::Wait { slot, attempt, container } => {
                self.call(driver, wait_call(container), None, move |answer| {
                    Event::Waited(slot, attempt, answers::waited(answer))
                });
            }
            Effect::Kill { slot, container, signal } => {
                let call = Call {
                    r#type: Some(CallType::KillNestedContainer),
                    kill_nested_container: Some(KillNestedContainer {
                        container_id: container,
                        signal: Some(signal),
                    }),
                    ..Call::default()
                };
                self.call(driver, call, CALL_TIMEOUT, move |answer| Event::Killed {
                    slot,
                    signal,
                    signalled: answers::signalled(answer),
                });
            }
            Effect::Probe { slot, ticket, spec, container } => {
                self.probe(driver, slot, ticket, &spec, &container);
            }
            Effect::LinkSandbox { task, container } => link_sandbox(driver, &task, &container),
            Effect::SetTimer(timer, after) => {
                let set = driver.delay(after, move |executor, driver| {
                    executor.timers.remove(&timer);
                    executor.step(driver, Event::TimerFired(timer));
                });
                if let Some(old) = self.timers.insert(timer, set) {
                    driver.cancel(old);
                }
            }
            Effect::Forget(slot) => self.forget(driver, slot),
            Effect::Log(text) => tracing::warn!("{text}"),
            Effect::Stop => driver.stop(),
        }
    }

    /// Asks something of the agent, and goes on with what `event` makes of the answer.
    fn call(
        &self,
        driver: &mut Driver<'_, Self>,
        call: Call,
        timeout: impl Into<Option<Duration>>,
        event: impl FnOnce(answers::Answered) -> Event + Send + 'static,
    ) {
        let Some(api) = self.api.clone() else { return };
        let timeout = timeout.into();
        let answer = async move { api.call(&call, timeout).await };
        driver.await_then(answer, move |executor, driver, answer| {
            executor.step(driver, event(answer));
        });
    }

    fn probe(
        &mut self,
        driver: &mut Driver<'_, Self>,
        slot: Slot,
        ticket: Ticket,
        spec: &Spec,
        container: &ContainerId,
    ) {
        let Probe::Command(command) = &spec.probe else {
            driver.await_then(probe::run(spec), move |executor, driver, outcome| {
                executor.step(driver, Event::Probed(slot, ticket, outcome));
            });
            return;
        };
        let Some(api) = self.api.clone() else { return };
        let key = (slot, ticket.kind);
        let leftovers = self.leftovers.remove(&key).unwrap_or_default();
        let id = nested::check_container(container);
        let probing = nested::run(api, id, (**command).clone(), spec.timeout, leftovers);
        driver.await_then(probing, move |executor, driver, (outcome, leftovers)| {
            // Those of a task that is gone went with it.
            if executor.core.has(slot) && !leftovers.is_empty() {
                executor.leftovers.entry(key).or_default().extend(leftovers);
            }
            executor.step(driver, Event::Probed(slot, ticket, outcome));
        });
    }

    fn forget(&mut self, driver: &mut Driver<'_, Self>, slot: Slot) {
        self.leftovers.retain(|(other, _), _| *other != slot);
        self.timers.retain(|timer, set| {
            let of_slot = timer.slot() == Some(slot);
            if of_slot {
                driver.cancel(*set);
            }
            !of_slot
        });
    }
}

fn wait_call(container: ContainerId) -> Call {
    Call {
        r#type: Some(CallType::WaitNestedContainer),
        wait_nested_container: Some(WaitNestedContainer { container_id: container }),
        ..Call::default()
    }
}

/// Makes `tasks/<task>` in the executor's sandbox lead to the task's own: people look for tasks.
fn link_sandbox(driver: &Driver<'_, DefaultExecutor>, task: &TaskId, container: &ContainerId) {
    let sandbox = &driver.environment().directory;
    let tasks = sandbox.join("tasks");
    let link = tasks.join(task.as_str());
    let target = Path::new(sandbox).join("containers").join(&container.value);
    let linked = std::fs::create_dir_all(&tasks).and_then(|()| {
        // A task of the same id may have been here before.
        let _ = std::fs::remove_file(&link);
        std::os::unix::fs::symlink(target, &link)
    });
    if let Err(error) = linked {
        tracing::warn!("cannot make '{}': {error}", link.display());
    }
}

impl Executor for DefaultExecutor {
    fn registered(&mut self, driver: &mut Driver<'_, Self>) {
        self.api = Some(AgentApi::new(driver.agent(), self.token.as_deref()));
        let surroundings = Surroundings {
            container: driver.container().cloned().unwrap_or_default(),
            ip: driver.address().ip().to_string(),
            reports_killing: reports_killing(driver),
            shutdown_grace_period: driver.environment().shutdown_grace_period,
        };
        self.step(driver, Event::Registered(surroundings));
    }

    fn disconnected(&mut self, driver: &mut Driver<'_, Self>) {
        self.step(driver, Event::Disconnected);
    }

    fn reregistered(&mut self, driver: &mut Driver<'_, Self>) {
        if let Some(api) = &mut self.api {
            api.follow(driver.agent());
        }
        self.step(driver, Event::Reregistered);
    }

    /// Agents give this executor groups only; it ends as Mesos's does when that is not so.
    fn launch(&mut self, driver: &mut Driver<'_, Self>, task: TaskInfo) {
        tracing::error!("task '{}' is in no group, and the executor runs groups", task.task_id);
        self.shutdown(driver);
    }

    fn launch_group(&mut self, driver: &mut Driver<'_, Self>, group: TaskGroupInfo) {
        let ids = group.tasks.iter().map(|_| uuid_text(&Bytes::random_uuid())).collect();
        self.step(driver, Event::Launch { group, ids });
    }

    fn kill(&mut self, driver: &mut Driver<'_, Self>, task: &TaskId, policy: Option<KillPolicy>) {
        let grace_period = policy.and_then(|policy| policy.grace_period?.to_duration());
        self.step(driver, Event::Kill { task: task.clone(), grace_period });
    }

    fn acknowledged(&mut self, driver: &mut Driver<'_, Self>, _task: &TaskId, _uuid: &Bytes) {
        let left = driver.unacknowledged();
        self.step(driver, Event::Acknowledged { left });
    }

    fn shutdown(&mut self, driver: &mut Driver<'_, Self>) {
        let orphaned = driver.is_orphaned();
        self.step(driver, Event::Shutdown { orphaned });
    }
}
