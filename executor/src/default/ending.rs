//! How tasks end, and the executor with them.

use std::time::Duration;

use mesos::ids::TaskId;
use mesos::task::{Reason, TaskResourceLimitation, TaskState};
use mesos::time::Time;
use mesos::v1::agent::WaitNestedContainerResponse;
use nix::libc::{SIGKILL, SIGTERM};

use super::core::{
    ACKNOWLEDGEMENT_TIMEOUT, Core, Effect, Phase, RETRY, Signalled, Slot, Timer, Waited,
};
use crate::check::TaskChecks;
use crate::command::{DEFAULT_GRACE_PERIOD, SHUTDOWN_RESERVE, grace_period};
use crate::task_process::Exit;

/// How often the agent may refuse to say what became of a container. One that ends, or is in
/// trouble, refuses too; all tasks end with the executor, so that is the last resort.
const MAX_REFUSALS: u32 = 30;

/// The end of a task, as its framework is told of it.
#[derive(Debug, Default)]
struct End {
    state: TaskState,
    reason: Option<Reason>,
    message: Option<String>,
    limitation: Option<TaskResourceLimitation>,
}

impl Core {
    /// The framework wants a task killed.
    pub(super) fn kill_task(
        &mut self,
        now: Time,
        task: &TaskId,
        grace: Option<Duration>,
        out: &mut Vec<Effect>,
    ) {
        let slot = self.find(task).filter(|_| !self.shutting_down);
        let Some(container) = slot.and_then(|slot| self.containers.get(&slot)) else {
            out.push(Effect::Log(format!("ignored the kill of task '{task}'")));
            return;
        };
        let grace = grace.unwrap_or_else(|| grace_period(None, &container.task));
        if let Some(slot) = slot {
            self.kill(now, slot, grace, out);
        }
    }

    /// A task has failed its health check too often.
    pub(super) fn kill_unhealthy(&mut self, now: Time, slot: Slot, out: &mut Vec<Effect>) {
        let Some(container) = self.containers.get(&slot) else { return };
        let (number, grace) = (container.group, grace_period(None, &container.task));
        if let Some(group) = self.groups.get_mut(&number) {
            group.unhealthy = true;
        }
        self.kill(now, slot, grace, out);
    }

    /// A task has taken as long as it may.
    pub(super) fn take_too_long(&mut self, now: Time, slot: Slot, out: &mut Vec<Effect>) {
        let Some(container) = self.containers.get_mut(&slot) else { return };
        if container.phase == Phase::Running {
            container.timed_out = true;
            self.kill(now, slot, Duration::ZERO, out);
        }
    }

    /// Sends SIGTERM at once and SIGKILL after `grace`. A second kill can only shorten that.
    pub(super) fn kill(&mut self, now: Time, slot: Slot, grace: Duration, out: &mut Vec<Effect>) {
        let Some(container) = self.containers.get_mut(&slot) else { return };
        match container.phase {
            Phase::Launching | Phase::Settled(_) => {
                container.doom = Some(container.doom.map_or(grace, |doom| doom.min(grace)));
            }
            Phase::Killing { since, deadline } => {
                let sooner = since + grace;
                if sooner < deadline {
                    container.phase = Phase::Killing { since, deadline: sooner };
                    out.push(Effect::SetTimer(Timer::Escalate(slot), sooner.since(now)));
                }
            }
            Phase::Running => {
                container.phase = Phase::Killing { since: now, deadline: now + grace };
                container.checks = TaskChecks::default();
                let timed_out = container.timed_out;
                out.push(Effect::SetTimer(Timer::Escalate(slot), grace));
                if self.surroundings.reports_killing && !timed_out {
                    self.tell(slot, self.status(slot, TaskState::Killing), out);
                }
                self.signal(slot, SIGTERM, out);
            }
        }
    }

    /// Sends SIGTERM again, unless the time for that is over.
    pub(super) fn terminate(&mut self, now: Time, slot: Slot, out: &mut Vec<Effect>) {
        let Some(container) = self.containers.get(&slot) else { return };
        if matches!(container.phase, Phase::Killing { deadline, .. } if now < deadline) {
            self.signal(slot, SIGTERM, out);
        }
    }

    pub(super) fn escalate(&mut self, now: Time, slot: Slot, out: &mut Vec<Effect>) {
        let Some(container) = self.containers.get(&slot) else { return };
        if matches!(container.phase, Phase::Killing { deadline, .. } if deadline <= now) {
            self.signal(slot, SIGKILL, out);
        }
    }

    /// Sends a signal, or tries later if the agent is away.
    fn signal(&mut self, slot: Slot, signal: i32, out: &mut Vec<Effect>) {
        let Some(container) = self.containers.get(&slot) else { return };
        if self.connected {
            out.push(Effect::Kill { slot, container: container.id.clone(), signal });
        } else {
            out.push(Effect::SetTimer(again(slot, signal), RETRY));
        }
    }

    /// A signal was sent, or not. It is sent until it arrives.
    pub(super) fn killed(
        &mut self,
        slot: Slot,
        signal: i32,
        signalled: Signalled,
        out: &mut Vec<Effect>,
    ) {
        let Some(container) = self.containers.get(&slot) else { return };
        if let Signalled::Failed(why) = signalled {
            let id = &container.id;
            out.push(Effect::Log(format!("cannot send signal {signal} to {id} yet: {why}")));
            out.push(Effect::SetTimer(again(slot, signal), RETRY));
        }
    }

    /// Waits for a container, if the agent is there and was not asked.
    pub(super) fn ask_wait(&mut self, slot: Slot, out: &mut Vec<Effect>) {
        let connected = self.connected;
        let Some(container) = self.containers.get_mut(&slot) else { return };
        let runs = matches!(container.phase, Phase::Running | Phase::Killing { .. });
        if runs && connected && !container.asked {
            container.asked = true;
            let (attempt, container) = (container.attempt, container.id.clone());
            out.push(Effect::Wait { slot, attempt, container });
        }
    }

    /// The agent has said what became of a container.
    pub(super) fn waited(
        &mut self,
        now: Time,
        slot: Slot,
        attempt: u32,
        waited: Waited,
        out: &mut Vec<Effect>,
    ) {
        let Some(container) = self.containers.get_mut(&slot) else { return };
        if container.attempt != attempt || !container.asked {
            return;
        }
        container.asked = false;
        let killing = matches!(container.phase, Phase::Killing { .. });
        match waited {
            Waited::Unavailable(why) => self.wait_later(slot, &why, out),
            Waited::Refused(why) => {
                container.refusals += 1;
                if container.refusals < MAX_REFUSALS {
                    return self.wait_later(slot, &why, out);
                }
                out.push(Effect::Log(format!("cannot wait for {}: {why}", container.id)));
                self.broken = true;
                self.rest(out);
            }
            Waited::Missing => {
                let end = missing(killing, container.timed_out);
                self.end_with(now, slot, end, out);
            }
            Waited::Ended(response) => {
                let end = ended(killing, container.timed_out, response);
                self.end_with(now, slot, end, out);
            }
        }
    }

    fn wait_later(&mut self, slot: Slot, why: &str, out: &mut Vec<Effect>) {
        let Some(container) = self.containers.get(&slot) else { return };
        out.push(Effect::Log(format!("cannot wait for {} yet: {why}", container.id)));
        out.push(Effect::SetTimer(Timer::Wait(slot), RETRY));
    }

    /// A task is over, for a reason of the executor's own.
    pub(super) fn end(
        &mut self,
        now: Time,
        slot: Slot,
        state: TaskState,
        message: Option<String>,
        out: &mut Vec<Effect>,
    ) {
        self.end_with(now, slot, End { state, message, ..End::default() }, out);
    }

    /// A task is over. If it did not end by itself and well, so is its group.
    fn end_with(&mut self, now: Time, slot: Slot, end: End, out: &mut Vec<Effect>) {
        let Some(container) = self.containers.get(&slot) else { return };
        let number = container.group;
        let mut status = self.status(slot, end.state);
        status.reason = end.reason;
        status.message = end.message;
        status.limitation = end.limitation;
        let unhealthy = self.groups.get(&number).is_some_and(|group| group.unhealthy);
        status.healthy = unhealthy.then_some(false);
        self.tell(slot, status, out);
        self.containers.remove(&slot);
        out.push(Effect::Forget(slot));
        if let Some(group) = self.groups.get_mut(&number) {
            group.members.retain(|member| *member != slot);
            let fails = matches!(end.state, TaskState::Failed | TaskState::Killed);
            if fails && !group.killing && !self.shutting_down {
                group.killing = true;
                for sibling in group.members.clone() {
                    self.kill_sibling(now, sibling, out);
                }
            }
        }
        self.groups.retain(|_, group| !group.members.is_empty());
        if self.containers.is_empty() {
            self.rest(out);
        }
    }

    fn kill_sibling(&mut self, now: Time, slot: Slot, out: &mut Vec<Effect>) {
        let Some(container) = self.containers.get(&slot) else { return };
        if !matches!(container.phase, Phase::Killing { .. }) {
            let grace = grace_period(None, &container.task);
            self.kill(now, slot, grace, out);
        }
    }

    /// The agent, or the loss of it, ends the executor.
    pub(super) fn shut_down(&mut self, now: Time, orphaned: bool, out: &mut Vec<Effect>) {
        if self.shutting_down {
            return;
        }
        self.shutting_down = true;
        if orphaned {
            // Nobody can be told, and nobody asked: the next agent destroys the containers.
            out.push(Effect::Stop);
            return;
        }
        if self.containers.is_empty() || !self.connected {
            self.broken = true;
            return self.rest(out);
        }
        let period = self.surroundings.shutdown_grace_period;
        let grace = period.saturating_sub(SHUTDOWN_RESERVE).min(DEFAULT_GRACE_PERIOD);
        let slots: Vec<Slot> = self.containers.keys().copied().collect();
        for slot in slots {
            self.kill(now, slot, grace, out);
        }
    }

    /// There is nothing left to do, unless somebody must still be told.
    pub(super) fn rest(&mut self, out: &mut Vec<Effect>) {
        self.stop_if_done(out);
        if self.unacknowledged > 0 {
            out.push(Effect::SetTimer(Timer::Acknowledgements, ACKNOWLEDGEMENT_TIMEOUT));
        }
    }

    pub(super) fn stop_if_done(&mut self, out: &mut Vec<Effect>) {
        if self.unacknowledged == 0 && self.may_stop() {
            out.push(Effect::Stop);
        }
    }

    pub(super) fn acknowledgements_late(&mut self, out: &mut Vec<Effect>) {
        if !self.may_stop() {
            return;
        }
        // While the agent is away the next one is waited for, and the driver bounds that.
        if self.connected || self.shutting_down {
            out.push(Effect::Stop);
        } else {
            out.push(Effect::SetTimer(Timer::Acknowledgements, ACKNOWLEDGEMENT_TIMEOUT));
        }
    }

    fn may_stop(&self) -> bool {
        let used = self.next > 0 || self.shutting_down;
        self.broken || (used && self.containers.is_empty())
    }
}

/// The timer that sends a signal again.
fn again(slot: Slot, signal: i32) -> Timer {
    if signal == SIGKILL { Timer::Escalate(slot) } else { Timer::Terminate(slot) }
}

/// The end of a task whose container the agent does not know.
fn missing(killing: bool, timed_out: bool) -> End {
    if timed_out {
        let reason = Some(Reason::MaxCompletionTimeReached);
        return End { state: TaskState::Failed, reason, ..End::default() };
    }
    if killing {
        return End { state: TaskState::Killed, ..End::default() };
    }
    let message = "Unable to retrieve command's termination information";
    let message = Some(message.to_owned());
    End { state: TaskState::Failed, message, ..End::default() }
}

/// The end of a task whose container has ended. What the agent says of state and reason counts:
/// it knows of limits.
fn ended(killing: bool, timed_out: bool, response: WaitNestedContainerResponse) -> End {
    let mut end = End { state: TaskState::Failed, ..End::default() };
    match response.exit_status.map(Exit::from_raw) {
        None => end.message = Some("Command terminated with unknown status".to_owned()),
        Some(exit) => {
            (end.state, end.reason) = match () {
                () if timed_out => (TaskState::Failed, Some(Reason::MaxCompletionTimeReached)),
                () if killing => (TaskState::Killed, None),
                () if exit.success() => (TaskState::Finished, None),
                () => (TaskState::Failed, None),
            };
            end.message = Some(format!("Command {exit}"));
        }
    }
    end.state = response.state.unwrap_or(end.state);
    end.reason = response.reason.or(end.reason);
    end.limitation = response.limitation;
    if let (Some(own), Some(agents)) = (&mut end.message, response.message) {
        *own = format!("{own}: {agents}");
    }
    end
}
