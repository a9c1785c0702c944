//! The conversation with the masters: finds the leading one, subscribes, reads events, sends calls.
//!
//! ```text
//!                      redirected, or other encoding wanted
//!                     +-------------+
//!                     v             |
//!   start -----> connecting --------+---- refused ----> over (error)
//!                 |   ^
//!   200, events   |   | back-off
//!                 v   |
//!            subscribing, subscribed ---- ERROR event ----> over (error)
//!                 |   |  \
//!                 |   |   +--- stopped, torn down ----> over
//!                 |   +------- stream ended, five heartbeats missed, call unanswered or
//!                 +----------- redirected ----> connecting
//! ```
//!
//! Calls are taken only between SUBSCRIBED and the loss of the connection. Reading and sending are
//! two futures of one task, so that a scheduler that is slow to take events never keeps its own
//! calls from being sent.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mesos::framework::FrameworkInfo;
use mesos::recordio::Decoder;
use mesos::v1::scheduler::{Call, CallType, Event, EventType, Subscribe};
use tokio::sync::oneshot;

use crate::backoff::Backoff;
use crate::codec::Encoding;
use crate::driver::{Finish, Incoming, Shared};
use crate::error::DriverError;
use crate::framework::Options;
use crate::masters::Masters;
use crate::transport::{Answer, Http};

/// How many heartbeats may be missed before the connection counts as lost.
const HEARTBEATS: u32 = 5;

/// The time between heartbeats before the master has said it.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(15);

/// The longest heartbeat interval that is believed.
const MAX_HEARTBEAT_INTERVAL: Duration = Duration::from_secs(3600);

/// The longest event that is read.
const EVENT_LIMIT_BYTES: usize = 256 * 1024 * 1024;

/// A framework's conversation with the masters.
#[derive(Debug)]
pub(crate) struct Session {
    shared: Arc<Shared>,
    info: FrameworkInfo,
    options: Options,
    masters: Masters,
    backoff: Backoff,
    encoding: Encoding,
    http: Http,
}

/// How one connection ended.
#[derive(Debug)]
enum End {
    /// As the framework wanted.
    Finished,
    /// Another attempt would not help.
    Fatal(DriverError),
    /// Another master leads.
    Redirected(String),
    /// The master does not speak this encoding.
    NotUnderstood(DriverError),
    /// Anything else; another attempt may help.
    Lost(String),
}

impl Session {
    pub(crate) fn new(
        shared: Arc<Shared>,
        info: FrameworkInfo,
        options: Options,
        masters: Masters,
        http: Http,
    ) -> Self {
        let (first, limit) = options.backoff;
        let backoff = Backoff::new(first, limit, fastrand::Rng::new());
        let encoding = options.encoding;
        Self { shared, info, options, masters, backoff, encoding, http }
    }

    /// Runs until the framework ends it, or it cannot go on.
    pub(crate) async fn run(mut self) -> Result<(), DriverError> {
        let mut alone_since = Instant::now();
        loop {
            if self.callbacks_are_over() && self.has_nothing_to_say() {
                return Ok(());
            }
            let (end, was_subscribed) = self.connection().await;
            if was_subscribed {
                alone_since = Instant::now();
                self.backoff.reset();
            }
            let lost = match end {
                End::Finished => return Ok(()),
                End::Fatal(error) => return Err(error),
                End::Redirected(to) => {
                    if self.masters.redirect(&to) {
                        continue;
                    }
                    format!("redirected to '{to}'")
                }
                End::NotUnderstood(error) => {
                    if self.encoding == Encoding::Json {
                        return Err(error);
                    }
                    tracing::info!("the master does not know MessagePack; changing to JSON");
                    self.encoding = Encoding::Json;
                    continue;
                }
                End::Lost(reason) => {
                    self.masters.failed();
                    reason
                }
            };
            tracing::debug!("not connected: {lost}");
            self.pause(alone_since, lost).await?;
        }
    }

    fn is_tearing_down(&self) -> bool {
        self.callbacks_are_over() && self.shared.state().finish == Some(Finish::Teardown)
    }

    fn callbacks_are_over(&self) -> bool {
        *self.shared.callbacks_over.borrow()
    }

    /// Whether a driver that ends need not speak to a master any more: no call can wait, and there
    /// is no framework to tear down.
    fn has_nothing_to_say(&self) -> bool {
        if self.shared.calls.is_open() {
            return false;
        }
        let state = self.shared.state();
        state.finish != Some(Finish::Teardown) || state.framework_id.is_none()
    }

    /// Waits before the next attempt, unless it is time to give up.
    async fn pause(&mut self, alone_since: Instant, last: String) -> Result<(), DriverError> {
        let wait = self.backoff.next();
        if self.callbacks_are_over() {
            let waited = alone_since.elapsed();
            if waited > self.options.request_timeout {
                return Err(DriverError::NotTornDown { waited });
            }
            tokio::time::sleep(wait).await;
            return Ok(());
        }
        let mut wait = wait;
        if let Some(limit) = self.options.give_up_after {
            let waited = alone_since.elapsed();
            if waited >= limit {
                let masters = self.masters.describe();
                return Err(DriverError::Unreachable { masters, waited: limit, last });
            }
            wait = wait.min(limit - waited);
        }
        let mut over = self.shared.callbacks_over.subscribe();
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            // An error means that the sender is gone, which it is not while `self` holds it.
            _ = over.wait_for(|over| *over) => {}
        }
        Ok(())
    }

    /// Connects to the current master, and talks to it until that ends. The second part of the
    /// result says whether the framework was subscribed.
    async fn connection(&mut self) -> (End, bool) {
        let master = self.masters.current().to_owned();
        let body = self.encoding.encode(&self.subscribe_call());
        let mut answer = match self.http.post(&master, self.encoding, None, body).await {
            Ok(answer) => answer,
            Err(reason) => return (End::Lost(format!("{master}: {reason}")), false),
        };
        if answer.status().as_u16() != 200 {
            return (self.not_subscribed(&master, &mut answer).await, false);
        }
        self.masters.accepted();
        let stream_id = answer.header("Mesos-Stream-Id").unwrap_or_default().to_owned();
        let (subscribed, wait) = oneshot::channel();
        let sender = Sender {
            shared: self.shared.clone(),
            http: self.http.clone(),
            encoding: self.encoding,
            timeout: self.options.request_timeout,
            master,
            stream_id,
        };
        let sending = async {
            match wait.await {
                Ok(()) => sender.run().await,
                Err(_) => std::future::pending().await,
            }
        };
        let mut reader = Reader {
            shared: self.shared.clone(),
            encoding: self.encoding,
            patience: HEARTBEAT_INTERVAL * HEARTBEATS,
            subscribed: Some(subscribed),
        };
        tokio::pin!(sending);
        let (mut end, may_send) = tokio::select! {
            end = &mut sending => (end, false),
            end = reader.run(&mut answer) => (end, true),
            () = self.stopped_before_subscribed() => (End::Finished, false),
        };
        if may_send && self.is_tearing_down() {
            // The master closes the stream of a framework that it tears down, perhaps before its
            // answer to that call is here.
            let answer = tokio::time::timeout(self.options.request_timeout, sending).await;
            end = answer.unwrap_or(end);
        }
        let was_subscribed = reader.subscribed.is_none();
        self.shared.calls.close();
        if was_subscribed && !matches!(end, End::Finished | End::Fatal(_)) {
            self.shared.events.push(Incoming::Disconnected).await;
        }
        (end, was_subscribed)
    }

    /// Returns when the framework wants to stop and no call can wait to be sent, because none
    /// could be made.
    async fn stopped_before_subscribed(&self) {
        let mut over = self.shared.callbacks_over.subscribe();
        let _ = over.wait_for(|over| *over).await;
        if !self.has_nothing_to_say() {
            std::future::pending::<()>().await;
        }
    }

    fn subscribe_call(&self) -> Call {
        let state = self.shared.state();
        let mut info = self.info.clone();
        if let Some(id) = &state.framework_id {
            info.id = Some(id.clone());
        }
        Call {
            framework_id: info.id.clone(),
            r#type: Some(CallType::Subscribe),
            subscribe: Some(Subscribe {
                framework_info: info,
                suppressed_roles: state.suppressed.iter().cloned().collect(),
                offer_constraints: None,
            }),
            ..Call::default()
        }
    }

    /// What an answer other than 200 to SUBSCRIBE means.
    async fn not_subscribed(&self, master: &str, answer: &mut Answer) -> End {
        let status = answer.status().as_u16();
        if let Some(location) = redirection(answer) {
            return End::Redirected(location);
        }
        let text = answer.text(self.options.request_timeout).await;
        let refused = DriverError::Refused { master: master.to_owned(), status, text };
        match status {
            406 | 415 => End::NotUnderstood(refused),
            // 404: a master that is just starting has no endpoints yet.
            404 | 408 | 429 => End::Lost(refused.to_string()),
            400..=499 => End::Fatal(refused),
            _ => End::Lost(refused.to_string()),
        }
    }
}

/// Where a redirection points.
fn redirection(answer: &Answer) -> Option<String> {
    match answer.status().as_u16() {
        301 | 302 | 307 | 308 => Some(answer.header("Location").unwrap_or_default().to_owned()),
        _ => None,
    }
}

/// Sends calls.
#[derive(Debug)]
struct Sender {
    shared: Arc<Shared>,
    http: Http,
    encoding: Encoding,
    timeout: Duration,
    master: String,
    stream_id: String,
}

impl Sender {
    async fn run(self) -> End {
        loop {
            // The order matters: a call that was queued before the callbacks ended is seen.
            let over = *self.shared.callbacks_over.borrow();
            let call = match self.shared.calls.try_pop() {
                Some(call) => call,
                None if over => break,
                None => {
                    self.shared.calls.wait().await;
                    continue;
                }
            };
            if let Err(end) = self.send(call).await {
                return end;
            }
        }
        if self.shared.state().finish == Some(Finish::Teardown) {
            let teardown = Call { r#type: Some(CallType::Teardown), ..Call::default() };
            if let Err(end) = self.send(teardown).await {
                return end;
            }
        }
        End::Finished
    }

    async fn send(&self, mut call: Call) -> Result<(), End> {
        call.framework_id = self.shared.state().framework_id.clone();
        let body = self.encoding.encode(&call);
        let sent = self.http.post(&self.master, self.encoding, Some(&self.stream_id), body).await;
        let mut answer = sent.map_err(|reason| End::Lost(format!("{}: {reason}", self.master)))?;
        if let Some(location) = redirection(&answer) {
            return Err(End::Redirected(location));
        }
        let status = answer.status().as_u16();
        // The body is read in any case: that is what frees the connection for the next call.
        let text = answer.text(self.timeout).await;
        match status {
            200..=299 => Ok(()),
            // 403: the master does not count us as subscribed any more.
            403 | 500..=599 => Err(End::Lost(format!("{} answered {status}: {text}", self.master))),
            _ => {
                let call = Box::new(call);
                // Never waits: the scheduler itself may be waiting for room for its next call.
                if !self.shared.events.try_push(Incoming::Refused { call, status, reason: text }) {
                    tracing::warn!("a call was refused with {status} and nobody was told");
                }
                Ok(())
            }
        }
    }
}

/// Reads events.
#[derive(Debug)]
struct Reader {
    shared: Arc<Shared>,
    encoding: Encoding,
    /// How long the master may be silent.
    patience: Duration,
    /// Taken when SUBSCRIBED arrives.
    subscribed: Option<oneshot::Sender<()>>,
}

impl Reader {
    async fn run(&mut self, answer: &mut Answer) -> End {
        let mut decoder = Decoder::new(EVENT_LIMIT_BYTES);
        loop {
            let piece = match tokio::time::timeout(self.patience, answer.next()).await {
                Err(_) => return End::Lost(format!("nothing heard for {:?}", self.patience)),
                Ok(Err(reason)) => return End::Lost(reason),
                Ok(Ok(None)) => return End::Lost("the master closed the connection".to_owned()),
                Ok(Ok(Some(piece))) => piece,
            };
            decoder.push(&piece);
            loop {
                let record = match decoder.next_record() {
                    Ok(Some(record)) => record,
                    Ok(None) => break,
                    Err(error) => return End::Lost(error.to_string()),
                };
                let event = match self.encoding.decode(&record) {
                    Ok(event) => event,
                    Err(error) => return End::Lost(error.to_string()),
                };
                if let Some(end) = self.handle(event).await {
                    return end;
                }
            }
        }
    }

    async fn handle(&mut self, event: Event) -> Option<End> {
        match event.r#type {
            Some(EventType::Heartbeat) => return None,
            Some(EventType::Error) => {
                let message = event.error.map(|error| error.message).unwrap_or_default();
                return Some(End::Fatal(DriverError::Ended(message)));
            }
            Some(EventType::Subscribed) => {
                if let Some(subscribed) = &event.subscribed {
                    self.shared.state().framework_id = Some(subscribed.framework_id.clone());
                    self.patience = patience(subscribed.heartbeat_interval_seconds);
                }
                if let Some(subscribed) = self.subscribed.take() {
                    self.shared.calls.open();
                    // The receiver lives as long as this connection.
                    let _ = subscribed.send(());
                }
            }
            _ => {}
        }
        self.shared.events.push(Incoming::Event(Box::new(event))).await;
        None
    }
}

/// How long a master may be silent that says it sends heartbeats at this interval.
fn patience(interval_seconds: Option<f64>) -> Duration {
    let interval = interval_seconds
        .filter(|seconds| *seconds > 0.0)
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .unwrap_or(HEARTBEAT_INTERVAL);
    interval.min(MAX_HEARTBEAT_INTERVAL) * HEARTBEATS
}
