//! What a framework says of itself, and how its driver behaves: one builder for both.

use std::time::Duration;

use mesos::discovery::{Label, Labels};
use mesos::framework::{FrameworkCapability, FrameworkCapabilityType, FrameworkInfo};
use mesos::ids::FrameworkId;

use crate::codec::Encoding;
use crate::driver::Driver;
use crate::error::DriverError;
use crate::runner::{self, Running};
use crate::scheduler::Scheduler;

/// The environment variable that names the masters when the program does not.
pub const MASTER_VARIABLE: &str = "MESOS_MASTER";

/// A framework that is about to run.
///
/// ```no_run
/// # use mesos_framework::*;
/// # fn example(scheduler: impl Scheduler) -> Result<(), DriverError> {
/// Framework::new("hello").master("127.0.0.1:5050").run(scheduler)?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Framework {
    pub(crate) info: FrameworkInfo,
    pub(crate) options: Options,
}

/// How the driver behaves.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) master: Option<String>,
    pub(crate) encoding: Encoding,
    pub(crate) explicit_acknowledgements: bool,
    pub(crate) suppressed_roles: Vec<String>,
    pub(crate) give_up_after: Option<Duration>,
    pub(crate) backoff: (Duration, Duration),
    pub(crate) request_timeout: Duration,
    pub(crate) queue_capacity: usize,
}

impl Framework {
    /// A framework with this name, of the user who runs the program, with Mesos's defaults: no
    /// failover timeout, no checkpoints, the role `*`, no capabilities.
    pub fn new(name: impl Into<String>) -> Self {
        Self::from_info(FrameworkInfo { name: name.into(), ..FrameworkInfo::default() })
    }

    /// A framework with this description. Empty `user` and `hostname` are filled in.
    pub fn from_info(mut info: FrameworkInfo) -> Self {
        if info.user.is_empty() {
            info.user = current_user();
        }
        if info.hostname.is_none() {
            info.hostname =
                nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
        }
        let options = Options {
            master: None,
            encoding: Encoding::default(),
            explicit_acknowledgements: false,
            suppressed_roles: Vec::new(),
            give_up_after: None,
            backoff: (Duration::from_millis(250), Duration::from_secs(10)),
            request_timeout: Duration::from_secs(10),
            queue_capacity: 1_000,
        };
        Self { info, options }
    }

    /// Where the masters are: `host:port`, or several joined by commas. Without this, the
    /// environment variable `MESOS_MASTER` says it.
    pub fn master(mut self, addresses: impl Into<String>) -> Self {
        self.options.master = Some(addresses.into());
        self
    }

    /// The user under whose name tasks run by default.
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.info.user = user.into();
        self
    }

    /// The id of an earlier run, to take over its tasks.
    pub fn id(mut self, id: impl Into<FrameworkId>) -> Self {
        self.info.id = Some(id.into());
        self
    }

    /// Adds a role; a framework with several needs the capability `MULTI_ROLE`, which this adds.
    pub fn role(mut self, role: impl Into<String>) -> Self {
        self.info.roles.push(role.into());
        self.capability(FrameworkCapabilityType::MultiRole)
    }

    /// How long tasks live on while no scheduler is connected.
    pub fn failover_timeout(mut self, timeout: Duration) -> Self {
        self.info.failover_timeout = timeout.as_secs_f64();
        self
    }

    /// Whether agents store what they run for this framework, so that it survives their restart.
    pub fn checkpoint(mut self, checkpoint: bool) -> Self {
        self.info.checkpoint = checkpoint;
        self
    }

    /// Adds a capability.
    pub fn capability(mut self, capability: FrameworkCapabilityType) -> Self {
        let known = |have: &FrameworkCapability| have.r#type == Some(capability);
        if !self.info.capabilities.iter().any(known) {
            self.info.capabilities.push(FrameworkCapability { r#type: Some(capability) });
        }
        self
    }

    /// Adds a label.
    pub fn label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        let labels = self.info.labels.get_or_insert_with(|| Box::new(Labels::default()));
        labels.labels.push(Label { key: key.into(), value: Some(value.into()) });
        self
    }

    /// The principal under which the framework acts.
    pub fn principal(mut self, principal: impl Into<String>) -> Self {
        self.info.principal = Some(principal.into());
        self
    }

    /// The address of the framework's own web page.
    pub fn webui_url(mut self, url: impl Into<String>) -> Self {
        self.info.webui_url = Some(url.into());
        self
    }

    /// How calls and events are written. MessagePack unless said otherwise; a master that does
    /// not know MessagePack is spoken to in JSON by itself.
    pub fn encoding(mut self, encoding: Encoding) -> Self {
        self.options.encoding = encoding;
        self
    }

    /// Leaves it to the scheduler to [acknowledge](Driver::acknowledge) updates.
    pub fn explicit_acknowledgements(mut self) -> Self {
        self.options.explicit_acknowledgements = true;
        self
    }

    /// Starts without offers for these roles, until they are [revived](Driver::revive).
    pub fn suppressed_roles<T: Into<String>>(mut self, roles: impl IntoIterator<Item = T>) -> Self {
        self.options.suppressed_roles = roles.into_iter().map(Into::into).collect();
        self
    }

    /// Ends with [`DriverError::Unreachable`] when no master has accepted the framework for this
    /// long, counted from the start or from the loss of the connection. Without this, the driver
    /// tries for ever.
    pub fn give_up_after(mut self, span: Duration) -> Self {
        self.options.give_up_after = Some(span);
        self
    }

    /// How long to wait between attempts to reach a master: drawn at random from a span that
    /// doubles from `first` to `limit`. 250 ms and 10 s unless said otherwise.
    pub fn backoff(mut self, first: Duration, limit: Duration) -> Self {
        self.options.backoff = (first, limit);
        self
    }

    /// How long one call may take before the connection counts as lost: 10 s unless said
    /// otherwise.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.options.request_timeout = timeout;
        self
    }

    /// How many calls, and how many events, may wait: 1,000 of each unless said otherwise. Who
    /// makes more calls waits; events beyond that wait in the connection.
    pub fn queue_capacity(mut self, capacity: usize) -> Self {
        self.options.queue_capacity = capacity;
        self
    }

    /// Runs until the scheduler ends it with [`Driver::stop`] or [`Driver::teardown`], calling the
    /// scheduler on this thread, and gives the scheduler back.
    ///
    /// # Errors
    /// See [`DriverError`].
    pub fn run<S: Scheduler>(self, scheduler: S) -> Result<S, DriverError> {
        self.run_with(|_| scheduler)
    }

    /// As [`Framework::run`], for a scheduler that is made with its driver at hand, for example to
    /// give it to other threads.
    ///
    /// # Errors
    /// See [`DriverError`].
    pub fn run_with<S: Scheduler>(self, make: impl FnOnce(&Driver) -> S) -> Result<S, DriverError> {
        runner::run(self, make)
    }

    /// Runs on a thread of its own.
    ///
    /// # Errors
    /// When the master's address cannot be used, or a thread cannot be started.
    pub fn start<S: Scheduler + Send + 'static>(
        self,
        scheduler: S,
    ) -> Result<Running<S>, DriverError> {
        runner::start(self, scheduler)
    }
}

/// The name of the user who runs this program; its number where it has no name.
fn current_user() -> String {
    let uid = nix::unistd::geteuid();
    match nix::unistd::User::from_uid(uid) {
        Ok(Some(user)) => user.name,
        _ => uid.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_builder_fills_in_what_mesos_wants() {
        let framework = Framework::new("f")
            .role("a")
            .role("b")
            .failover_timeout(Duration::from_secs(90))
            .checkpoint(true)
            .label("k", "v");
        let info = framework.info;
        assert!(!info.user.is_empty());
        assert_eq!(info.roles, ["a", "b"]);
        assert_eq!(info.capabilities.len(), 1);
        assert_eq!(info.failover_timeout, 90.0);
        assert!(info.checkpoint);
        assert_eq!(info.labels.map(|labels| labels.labels.len()), Some(1));
    }
}
