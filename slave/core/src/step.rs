//! What every handler needs beside the state: the time, and a place for its effects.

use mesos::time::Time;

use crate::effect::{Effect, Effects, Level};
use crate::ids::ExecutorPid;
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

    pub(crate) fn tell(
        &mut self,
        to: &ExecutorPid,
        message: impl Into<mesos::internal::AgentToExecutor>,
    ) {
        self.push(Effect::SendExecutor { to: to.clone(), message: message.into() });
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
