//! One step: the time, and the effects so far.

use std::borrow::Cow;
use std::time::Duration;

use mesos::internal::MasterToAgent;
use mesos::time::Time;
use mesos::v1::scheduler::{self, Call, CallType, EventType};

use crate::effect::{Counter, Effect, Effects, LogLevel, Response};
use crate::event::TimerId;
use crate::event::{AgentPid, ConnectionId, RequestId};
use crate::timers::{Timer, Timers};

/// One step: the time, and the effects so far.
pub(crate) struct Context<'a> {
    pub now: Time,
    pub out: &'a mut Effects,
}

impl Context<'_> {
    pub fn count(&mut self, counter: &'static str) {
        self.out.push(Effect::Count { counter: Counter::named(counter), by: 1 });
    }

    pub fn count_named(&mut self, counter: String) {
        self.out.push(Effect::Count { counter: Counter(Cow::Owned(counter)), by: 1 });
    }

    /// Counts a call that makes no sense, where Mesos has a counter for it.
    pub fn count_invalid(&mut self, call: &Call) {
        self.count(match call.r#type {
            Some(CallType::Acknowledge) => "master/invalid_status_update_acknowledgements",
            Some(CallType::AcknowledgeOperationStatus) => {
                "master/invalid_operation_status_update_acknowledgements"
            }
            Some(CallType::Message) => "master/invalid_framework_to_executor_messages",
            _ => return,
        });
    }

    pub fn send(&mut self, to: &AgentPid, message: impl Into<MasterToAgent>) {
        self.out.push(Effect::Send { to: to.clone(), message: Box::new(message.into()) });
    }

    pub fn link(&mut self, pid: &AgentPid) {
        self.out.push(Effect::Link { pid: pid.clone() });
    }

    pub fn respond(&mut self, request: RequestId, response: Response) {
        self.out.push(Effect::Respond { request, response });
    }

    /// Writes an event to a stream. `fill` sets the body that goes with its type.
    pub fn event(
        &mut self,
        connection: ConnectionId,
        kind: EventType,
        fill: impl FnOnce(&mut scheduler::Event),
    ) {
        let mut event = scheduler::Event { r#type: Some(kind), ..Default::default() };
        fill(&mut event);
        self.out.push(Effect::SendEvent { connection, event: Box::new(event) });
    }

    /// Tells a scheduler that there is no point in going on, and closes its stream.
    pub fn end(&mut self, connection: ConnectionId, why: &str) {
        let error = scheduler::Error { message: why.to_owned() };
        self.event(connection, EventType::Error, |event| event.error = Some(error));
        self.out.push(Effect::CloseConnection { connection });
    }

    pub fn set_timer(&mut self, timers: &mut Timers, what: Timer, after: Duration) -> TimerId {
        timers.set(what, after, self.out)
    }

    pub fn cancel_timer(&mut self, timers: &mut Timers, timer: Option<TimerId>) {
        if let Some(timer) = timer {
            timers.cancel(timer, self.out);
        }
    }

    pub fn debug(&mut self, text: impl FnOnce() -> String) {
        self.out.push(Effect::Log { level: LogLevel::Debug, text: text() });
    }

    pub fn info(&mut self, text: String) {
        self.out.push(Effect::Log { level: LogLevel::Info, text });
    }

    pub fn warn(&mut self, text: String) {
        self.out.push(Effect::Log { level: LogLevel::Warn, text });
    }
}
