//! What a framework implements.

use mesos::ids::{AgentId, ExecutorId, OfferId};
use mesos::offer::{InverseOffer, Offer};
use mesos::operation::OperationStatus;
use mesos::task::TaskStatus;
use mesos::v1::scheduler::{Call, SubscribedEvent};

use crate::driver::Driver;

/// The decisions of a framework: one method per thing that can happen.
///
/// Methods are called one at a time, in the order in which the master spoke, on one thread. They
/// may block: while one does, events wait in a bounded queue and then in the connection, and
/// calls that were made keep flowing. Only [`offers`](Scheduler::offers) and
/// [`update`](Scheduler::update) must be written; the others do nothing unless overridden.
pub trait Scheduler {
    /// Resources are offered, each offer from one agent. An offer stays with the framework until
    /// it is accepted, declined or rescinded, so that every offer deserves an answer.
    fn offers(&mut self, driver: &Driver, offers: Vec<Offer>);

    /// The state of a task has changed. Unless acknowledgements are explicit, the update is
    /// acknowledged when this method returns; what must survive is to be stored before.
    /// The same update can come again after a failover.
    fn update(&mut self, driver: &Driver, status: TaskStatus);

    /// A master has accepted the framework: at the start, and again after every reconnection.
    /// What was offered before is void. After a reconnection it is wise to
    /// [reconcile](Driver::reconcile).
    fn subscribed(&mut self, driver: &Driver, subscribed: &SubscribedEvent) {
        let _ = (driver, subscribed);
    }

    /// An offer is no longer valid.
    fn rescind(&mut self, driver: &Driver, offer: OfferId) {
        let _ = (driver, offer);
    }

    /// Machines are wanted back for maintenance. Answer with [`Driver::accept_inverse`] or
    /// [`Driver::decline_inverse`]: whoever has not answered is not asked again.
    fn inverse_offers(&mut self, driver: &Driver, offers: Vec<InverseOffer>) {
        let _ = (driver, offers);
    }

    /// An inverse offer is no longer valid.
    fn rescind_inverse_offer(&mut self, driver: &Driver, offer: OfferId) {
        let _ = (driver, offer);
    }

    /// The state of an operation that carried an id has changed.
    fn update_operation(&mut self, driver: &Driver, status: OperationStatus) {
        let _ = (driver, status);
    }

    /// An executor says something: best effort, at most once.
    fn message(&mut self, driver: &Driver, agent: AgentId, executor: ExecutorId, data: &[u8]) {
        let _ = (driver, agent, executor, data);
    }

    /// An agent was removed, or an executor on it ended with `status`. Updates tell what became of
    /// the tasks.
    fn failure(
        &mut self,
        driver: &Driver,
        agent: Option<AgentId>,
        executor: Option<ExecutorId>,
        status: Option<i32>,
    ) {
        let _ = (driver, agent, executor, status);
    }

    /// The connection to the master is lost. The driver looks for the leading master by itself;
    /// until [`subscribed`](Scheduler::subscribed), calls are dropped.
    fn disconnected(&mut self, driver: &Driver) {
        let _ = driver;
    }

    /// The master refused one call, with an HTTP status and its reason. The subscription goes on.
    fn refused(&mut self, driver: &Driver, call: &Call, status: u16, reason: &str) {
        let _ = driver;
        let kind = call.r#type.unwrap_or_default();
        tracing::warn!("master refused {kind} with {status}: {reason}");
    }

    /// The driver ends for a reason that was not asked for; nothing is called after this.
    fn error(&mut self, driver: &Driver, message: &str) {
        let _ = (driver, message);
    }
}
