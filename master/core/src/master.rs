//! The master: one event in, effects out.

use mesos::time::Time;

use crate::config::Config;
use crate::effect::{Effect, Effects, Response};
use crate::event::Event;
use crate::snapshot::Snapshot;

/// A master, without its process.
pub struct Master {
    config: Config,
    rng: fastrand::Rng,
    state: Snapshot,
}

impl Master {
    /// A master that does not lead yet. `seed` decides all that is left to chance.
    pub fn new(config: Config, seed: u64) -> Self {
        Self { config, rng: fastrand::Rng::with_seed(seed), state: Snapshot::default() }
    }

    /// Takes note of one event and appends what is to be done to `out`.
    pub fn step(&mut self, now: Time, event: Event, out: &mut Effects) {
        let _ = (now, &self.config, &mut self.rng);
        if let Event::Subscribe { request, .. }
        | Event::FrameworkCall { request, .. }
        | Event::OperatorCall { request, .. } = event
        {
            let response = Response::unavailable("No leader elected");
            out.push(Effect::Respond { request, response });
        }
    }

    /// A picture of the state, which later steps do not change.
    pub fn snapshot(&self) -> Snapshot {
        self.state.clone()
    }
}
