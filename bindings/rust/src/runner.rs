//! The two threads of a driver: one talks to the masters, one calls the scheduler.

use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use mesos::v1::scheduler::{Event, EventType};

use crate::driver::{Driver, Incoming, Shared};
use crate::error::DriverError;
use crate::framework::{Framework, MASTER_VARIABLE};
use crate::masters::Masters;
use crate::scheduler::Scheduler;
use crate::session::Session;
use crate::transport::Http;

/// A framework that runs on a thread of its own.
#[derive(Debug)]
pub struct Running<S> {
    driver: Driver,
    thread: JoinHandle<Result<S, DriverError>>,
}

impl<S> Running<S> {
    /// The handle through which the framework acts.
    pub fn driver(&self) -> &Driver {
        &self.driver
    }

    /// Waits until the driver has ended, and gives the scheduler back.
    ///
    /// # Errors
    /// See [`DriverError`].
    pub fn join(self) -> Result<S, DriverError> {
        self.thread.join().unwrap_or(Err(DriverError::Panicked))
    }
}

/// Runs a framework whose scheduler is called on this thread.
pub(crate) fn run<S: Scheduler>(
    framework: Framework,
    make: impl FnOnce(&Driver) -> S,
) -> Result<S, DriverError> {
    let (driver, session) = connect(framework)?;
    let scheduler = make(&driver);
    serve(driver, session, scheduler)
}

/// Runs a framework on a thread of its own.
pub(crate) fn start<S: Scheduler + Send + 'static>(
    framework: Framework,
    scheduler: S,
) -> Result<Running<S>, DriverError> {
    let (driver, session) = connect(framework)?;
    let handle = driver.clone();
    let thread = Builder::new()
        .name("mesos-scheduler".to_owned())
        .spawn(move || serve(handle, session, scheduler))
        .map_err(DriverError::Start)?;
    Ok(Running { driver, thread })
}

type SessionThread = JoinHandle<Result<(), DriverError>>;

/// Starts the thread that talks to the masters.
fn connect(framework: Framework) -> Result<(Driver, SessionThread), DriverError> {
    let Framework { info, options } = framework;
    let addresses = match &options.master {
        Some(addresses) => addresses.clone(),
        None => std::env::var(MASTER_VARIABLE).unwrap_or_default(),
    };
    let masters = Masters::parse(&addresses)?;
    let shared = Arc::new(Shared::new(options.queue_capacity, options.explicit_acknowledgements));
    {
        let mut state = shared.state();
        state.framework_id = info.id.clone();
        state.suppressed.extend(options.suppressed_roles.iter().cloned());
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(DriverError::Start)?;
    let http = Http::new(options.request_timeout);
    // Nobody else sets it: the driver is not shared yet.
    let _ = shared.session.set((runtime.handle().clone(), http.clone()));
    let session = Session::new(shared.clone(), info, options, masters, http);
    let ours = shared.clone();
    let thread = Builder::new()
        .name("mesos-driver".to_owned())
        .spawn(move || {
            runtime.block_on(async move {
                let result = session.run().await;
                ours.calls.close();
                ours.events.push(Incoming::Over).await;
                result
            })
        })
        .map_err(DriverError::Start)?;
    Ok((Driver { shared }, thread))
}

/// Ends the session when the callbacks have ended, even if they ended by a panic.
struct CallbacksOver<'a>(&'a Shared);

impl Drop for CallbacksOver<'_> {
    fn drop(&mut self) {
        self.0.state().finish.get_or_insert(crate::driver::Finish::Stop);
        self.0.events.close();
        self.0.callbacks_over.send_replace(true);
        self.0.calls.wake();
    }
}

/// Calls the scheduler until the driver ends.
fn serve<S: Scheduler>(
    driver: Driver,
    session: SessionThread,
    mut scheduler: S,
) -> Result<S, DriverError> {
    let over = CallbacksOver(&driver.shared);
    loop {
        match driver.shared.events.pop_blocking() {
            None | Some(Incoming::Over) => break,
            Some(Incoming::Event(event)) => dispatch(&driver, &mut scheduler, *event),
            Some(Incoming::Disconnected) => scheduler.disconnected(&driver),
            Some(Incoming::Refused { call, status, reason }) => {
                scheduler.refused(&driver, &call, status, &reason);
            }
        }
    }
    drop(over);
    match session.join().unwrap_or(Err(DriverError::Panicked)) {
        Ok(()) => Ok(scheduler),
        Err(error) => {
            scheduler.error(&driver, &error.to_string());
            Err(error)
        }
    }
}

/// Hands one event to the scheduler. An event without its body, or of a kind that is not known,
/// is nothing.
fn dispatch<S: Scheduler>(driver: &Driver, scheduler: &mut S, event: Event) {
    match event.r#type.unwrap_or_default() {
        EventType::Subscribed => {
            if let Some(subscribed) = event.subscribed {
                scheduler.subscribed(driver, &subscribed);
            }
        }
        EventType::Offers => {
            if let Some(offers) = event.offers {
                driver.shared.remember_agents(&offers.offers);
                scheduler.offers(driver, offers.offers);
            }
        }
        EventType::InverseOffers => {
            if let Some(offers) = event.inverse_offers {
                scheduler.inverse_offers(driver, offers.inverse_offers);
            }
        }
        EventType::Rescind => {
            if let Some(rescind) = event.rescind {
                scheduler.rescind(driver, rescind.offer_id);
            }
        }
        EventType::RescindInverseOffer => {
            if let Some(rescind) = event.rescind_inverse_offer {
                scheduler.rescind_inverse_offer(driver, rescind.inverse_offer_id);
            }
        }
        EventType::Update => {
            if let Some(update) = event.update {
                let acknowledgement = driver.implicit_acknowledgement(&update.status);
                scheduler.update(driver, update.status);
                if let Some(call) = acknowledgement {
                    driver.call(call);
                }
            }
        }
        EventType::UpdateOperationStatus => {
            if let Some(update) = event.update_operation_status {
                scheduler.update_operation(driver, update.status);
            }
        }
        EventType::Message => {
            if let Some(message) = event.message {
                let (agent, executor) = (message.agent_id, message.executor_id);
                scheduler.message(driver, agent, executor, &message.data);
            }
        }
        EventType::Failure => {
            if let Some(failure) = event.failure {
                let (agent, executor) = (failure.agent_id, failure.executor_id);
                scheduler.failure(driver, agent, executor, failure.status);
            }
        }
        EventType::Error | EventType::Heartbeat | EventType::Unknown => {}
    }
}
