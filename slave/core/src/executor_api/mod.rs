//! The executor API: what executors ask for over HTTP (rows XA-03 to XA-06).
//!
//! ```text
//!                 SUBSCRIBE                  the stream broke
//!   REGISTERING ─────────────▶ SUBSCRIBED ─────────────────────▶ DISCONNECTED
//!                                │   ▲  ▲                           │    │ recovery_timeout, or
//!                   SUBSCRIBE:   │   │  │         SUBSCRIBE         │    │ executor_registration_
//!              the older stream  └───┘  └───────────────────────────┘    ▼ timeout
//!                     is closed                                     (destroyed)
//! ```
//!
//! An executor over HTTP is an executor like every other: where actors register and come back
//! with two messages, it subscribes; what it is told is translated on the way out. Every stream
//! is a peer of its own, so that nothing meant for the last one reaches the next. UPDATE and
//! MESSAGE come on other connections than the stream, and count as long as the agent knows the
//! executor, with a stream or without.
//!
//! Reading order: this file, [`validation`], `events`.

pub(crate) mod events;
pub mod validation;

use std::time::Duration;

use mesos::agent::AgentInfo;
use mesos::ids::{ContainerId, TaskId};
use mesos::internal::{ExecutorRegistered, StatusUpdate};
use mesos::task::TaskStatus;
use mesos::v1::executor::{Call, CallType, Subscribe};

use self::validation::{CallError, validate};
use crate::agent::{Agent, AgentState, ExecutorKey};
use crate::effect::{Effect, Response};
use crate::executor::ExecutorState;
use crate::ids::{ExecutorPid, RequestId};
use crate::pending::Timer;
use crate::step::Step;

/// How often a stream carries a sign of life.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(30 * 60);

/// Why a call is refused, in Mesos's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum Refusal {
    #[error("Agent has not finished recovery")]
    Recovering,
    #[error("Failed to validate Executor::Call: {0}")]
    Invalid(#[from] CallError),
    #[error("Framework cannot be found")]
    UnknownFramework,
    #[error("Executor cannot be found")]
    UnknownExecutor,
    #[error("Executor is not subscribed")]
    NotSubscribed,
    #[error("501 Not Implemented.")]
    UnknownCall,
}

impl From<Refusal> for Response {
    fn from(refusal: Refusal) -> Self {
        let status = match refusal {
            Refusal::Invalid(_) | Refusal::UnknownFramework | Refusal::UnknownExecutor => 400,
            Refusal::NotSubscribed => 403,
            Refusal::UnknownCall => 501,
            Refusal::Recovering => 503,
        };
        Response::Refused { status, text: refusal.to_string() }
    }
}

impl Agent {
    pub(crate) fn executor_call(&mut self, io: &mut Step<'_>, request: RequestId, call: Call) {
        if let Err(refusal) = self.check_call(&call) {
            return io.respond(request, refusal.into());
        }
        let key = ExecutorKey { framework: call.framework_id, executor: call.executor_id };
        if call.r#type == Some(CallType::Subscribe) {
            io.respond(request, Response::Stream);
            return self.subscribe(io, &key, request, call.subscribe.unwrap_or_default());
        }
        io.respond(request, Response::Accepted);
        if let Some(update) = call.update.filter(|_| call.r#type == Some(CallType::Update)) {
            let update = self.update_of(io, &key, update.status);
            self.take_update(io, &key, update);
        }
        if let Some(message) = call.message.filter(|_| call.r#type == Some(CallType::Message)) {
            self.relay_to_framework(io, &key, message.data);
        }
    }

    /// Whether a call may be carried out; the order of the reasons is Mesos's.
    fn check_call(&self, call: &Call) -> Result<(), Refusal> {
        if self.cleaning_up {
            return Err(Refusal::Recovering);
        }
        validate(call)?;
        match call.r#type {
            // Its ids need not name anybody.
            Some(CallType::Heartbeat) => return Ok(()),
            Some(CallType::Subscribe) => {}
            _ if self.state == AgentState::Recovering => return Err(Refusal::Recovering),
            _ => {}
        }
        let framework = self.frameworks.get(&call.framework_id);
        let framework = framework.ok_or(Refusal::UnknownFramework)?;
        let executor = framework.executors.get(&call.executor_id);
        let executor = executor.ok_or(Refusal::UnknownExecutor)?;
        match call.r#type {
            Some(CallType::Subscribe) => Ok(()),
            _ if executor.state == ExecutorState::Registering => Err(Refusal::NotSubscribed),
            Some(CallType::Update | CallType::Message) => Ok(()),
            _ => Err(Refusal::UnknownCall),
        }
    }

    /// Takes an executor in, or back: after a restart of the agent, or after its stream broke.
    fn subscribe(
        &mut self,
        io: &mut Step<'_>,
        key: &ExecutorKey,
        request: RequestId,
        subscribe: Subscribe,
    ) {
        let stream = ExecutorPid::over_http(request);
        let expected = self.executor(key).is_some_and(|executor| match executor.state {
            ExecutorState::Registering => executor.container_asked,
            ExecutorState::Running => true,
            ExecutorState::Terminating | ExecutorState::Terminated => false,
        });
        if !expected || !self.takes_executors_of(key) {
            return self.turn_away(io, &stream, key);
        }
        self.connect(io, key, stream.clone());
        self.welcome(io, key, &stream);
        for update in subscribe.unacknowledged_updates {
            let update = self.update_of(io, key, update.status);
            self.take_update(io, key, update);
        }
        let tasks = subscribe.unacknowledged_tasks;
        let has = |id: &TaskId| tasks.iter().any(|task| task.task_id == *id);
        self.drop_undelivered(io, key, has);
        self.resume_executor(io, key, &stream);
    }

    /// Tells an executor who it is.
    pub(crate) fn welcome(&mut self, io: &mut Step<'_>, key: &ExecutorKey, pid: &ExecutorPid) {
        let Some(framework) = self.frameworks.get(&key.framework) else { return };
        let Some(executor) = framework.executors.get(&key.executor) else { return };
        let message = ExecutorRegistered {
            executor_info: (*executor.info).clone(),
            framework_id: key.framework.clone(),
            framework_info: (*framework.info).clone(),
            agent_id: self.id(),
            // As Mesos, which says nothing of it to executors.
            agent_info: AgentInfo { checkpoint: None, ..AgentInfo::clone(&self.info) },
            container_id: Some(executor.container.clone()),
        };
        io.tell(pid, message);
    }

    /// An update with what only the agent knows of it.
    fn update_of(&self, io: &Step<'_>, key: &ExecutorKey, status: TaskStatus) -> StatusUpdate {
        StatusUpdate {
            framework_id: key.framework.clone(),
            executor_id: status.executor_id.clone(),
            agent_id: Some(self.id()),
            timestamp: status.timestamp.unwrap_or_else(|| io.now.as_secs_f64()),
            uuid: status.uuid.clone(),
            latest_state: None,
            status,
        }
    }

    /// Sees to it that the stream of an executor is not taken for dead by whoever is in between.
    pub(crate) fn plan_heartbeat(&mut self, io: &mut Step<'_>, container: &ContainerId) {
        self.timers.set(io, Timer::ExecutorHeartbeat(container.clone()), HEARTBEAT_INTERVAL);
    }

    pub(crate) fn heartbeat(&mut self, io: &mut Step<'_>, container: &ContainerId) {
        let executor = self.key_of(container).and_then(|key| self.executor(&key)?.pid.clone());
        let Some(stream) = executor.and_then(|pid| pid.stream()) else { return };
        io.push(Effect::SendEvent { stream, event: Box::new(events::heartbeat()) });
        self.plan_heartbeat(io, container);
    }
}
