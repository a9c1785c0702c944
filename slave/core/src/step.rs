//! What every handler needs beside the state: the time, and a place for its effects.

use mesos::time::Time;

use crate::effect::{Effect, Effects, Level, Response};
use crate::executor_api::events;
use crate::ids::{ExecutorPid, RequestId};
use crate::metrics::Counter;

/// One step under way.
pub(crate) struct Step<'a> {
    pub(crate) now: Time,
    pub(crate) out: &'a mut Effects,
}

impl Step<'_> {
    pub(crate) fn push(&mut self, effect: Effect) {
        self.out.push(effect);
    }

    /// Tells an executor something, in the way that it speaks.
    pub(crate) fn tell(
        &mut self,
        to: &ExecutorPid,
        message: impl Into<mesos::internal::AgentToExecutor>,
    ) {
        let message = message.into();
        match to.stream() {
            None => self.push(Effect::SendExecutor { to: to.clone(), message }),
            Some(stream) => {
                if let Some(event) = events::event(message) {
                    self.push(Effect::SendEvent { stream, event: Box::new(event) });
                }
            }
        }
    }

    /// Ends a stream of events. What actors are told needs no end.
    pub(crate) fn hang_up(&mut self, peer: &ExecutorPid) {
        if let Some(stream) = peer.stream() {
            self.push(Effect::CloseStream(stream));
        }
    }

    pub(crate) fn respond(&mut self, request: RequestId, response: Response) {
        self.push(Effect::Respond { request, response });
    }

    pub(crate) fn count(&mut self, counter: Counter) {
        self.push(Effect::Count { counter, by: 1 });
    }

    pub(crate) fn info(&mut self, text: impl Into<String>) {
        self.push(Effect::Log { level: Level::Info, text: text.into() });
    }

    pub(crate) fn warn(&mut self, text: impl Into<String>) {
        self.push(Effect::Log { level: Level::Warning, text: text.into() });
    }

    pub(crate) fn error(&mut self, text: impl Into<String>) {
        self.push(Effect::Log { level: Level::Error, text: text.into() });
    }
}
