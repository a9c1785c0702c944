//! A scheduler comes: SUBSCRIBE (rows FW-01, FW-03, FW-04, FW-06, SC-01 to SC-03).

use std::collections::BTreeMap;
use std::sync::Arc;

use mesos::framework::FrameworkInfo;
use mesos::ids::FrameworkId;
use mesos::v1::master::{self, FrameworkAddedEvent, FrameworkUpdatedEvent};
use mesos::v1::scheduler::{self, Call, CallType, EventType};

use crate::allocator::Recovery;
use crate::context::Context;
use crate::effect::{Effect, Response};
use crate::event::{ConnectionId, RequestId};
use crate::master::Master;
use crate::state::{Framework, FrameworkState, Options, Stream};
use crate::timers::Timer;
use crate::validation;

impl Master {
    /// A scheduler wants a stream of events.
    pub(crate) fn subscribe(
        &mut self,
        cx: &mut Context<'_>,
        connection: ConnectionId,
        request: RequestId,
        stream_id: Option<String>,
        principal: Option<String>,
        call: Call,
    ) {
        if let Err(why) = validation::scheduler::validate(&call, principal.as_deref()) {
            let words = format!("Failed to validate scheduler::Call: {why}");
            return cx.respond(request, Response::bad_request(words));
        }
        let Some(body) = call.subscribe else {
            return cx.respond(request, Response::bad_request("Expecting a SUBSCRIBE call"));
        };
        if stream_id.is_some() {
            let words = "Subscribe calls should not include the 'Mesos-Stream-Id' header";
            return cx.respond(request, Response::bad_request(words));
        }
        let stream = Stream { connection, id: self.new_uuid().into() };
        cx.respond(request, Response::stream(stream.id.to_string()));
        let mut info = body.framework_info;
        let id = info.id.clone().filter(|id| !id.as_str().is_empty());
        cx.count(match id {
            Some(_) => "master/messages_reregister_framework",
            None => "master/messages_register_framework",
        });
        // Whoever has proved who they are need not say it again.
        info.principal = info.principal.or_else(|| principal.clone());
        let is_completed = id.as_ref().is_some_and(|id| self.is_completed(id));
        let checked = validation::framework::validate_admission(&info, &self.config, is_completed)
            .and_then(|()| {
                let constraints = body.offer_constraints;
                Options::new(&info, body.suppressed_roles, constraints, &self.config)
            });
        let options = match checked {
            Ok(options) => options,
            Err(why) => return refuse(cx, connection, &info, &why.to_string()),
        };
        match id {
            Some(id) if self.state.frameworks.contains_key(&id) => {
                self.resubscribe(cx, stream, Newcomer { id, info, options, principal });
            }
            // Schedulers may bring ids of their own (`wire.md` 25), for example after a failover
            // that outlived the master's memory.
            id => {
                let id = id.unwrap_or_else(|| self.new_framework_id());
                self.add_framework(cx, stream, Newcomer { id, info, options, principal });
            }
        }
    }

    /// A framework that this master has never seen.
    fn add_framework(&mut self, cx: &mut Context<'_>, stream: Stream, newcomer: Newcomer) {
        let Newcomer { id, mut info, options, principal } = newcomer;
        cx.info(format!("Subscribed framework {id} ({})", info.name));
        info.id = Some(id.clone());
        let mut framework = Framework::new(id.clone(), info, cx.now);
        framework.set_options(options);
        framework.principal = principal;
        framework.state = FrameworkState::Active;
        framework.stream = Some(stream.clone());
        framework.counts.called(CallType::Subscribe);
        self.connections.insert(stream.connection, id.clone());
        self.allocator.add_framework(&id, framework.traits(), true, &BTreeMap::new());
        self.state.frameworks.insert(id.clone(), Arc::new(framework));
        self.greet(cx, &id, &stream);
        self.publish_framework_added(cx, &id);
    }

    /// A framework that is known: its scheduler is back, or another one takes over.
    fn resubscribe(&mut self, cx: &mut Context<'_>, stream: Stream, newcomer: Newcomer) {
        let Newcomer { id, mut info, options, principal } = newcomer;
        let Some(framework) = self.state.frameworks.get(&id) else { return };
        // What can never change is ignored, but for who the framework is.
        info.user.clone_from(&framework.info.user);
        info.checkpoint = framework.info.checkpoint;
        if let Err(why) = validation::framework::validate_update(&framework.info, &info) {
            cx.warn(format!("Framework {id} cannot become {:?}'s", info.principal));
            return refuse(cx, stream.connection, &info, &why.to_string());
        }
        cx.info(format!("Framework {id} ({}) subscribed again", info.name));
        let was_recovered = framework.state == FrameworkState::Recovered;
        if let Some(old) = framework.stream.clone() {
            self.connections.remove(&old.connection);
            cx.end(old.connection, "Framework failed over");
            // The connection is nobody's any more when events are counted.
            self.state.count(&id, |counts| counts.told_of(EventType::Error));
        }
        let timer = self.framework_timers.remove(&id);
        cx.cancel_timer(&mut self.timers, timer);
        let was_active = self.state.frameworks[&id].is_connected();
        // The new scheduler does not know what the old one was offered.
        let offers: Vec<_> = self.state.frameworks[&id].offers.iter().cloned().collect();
        for offer in offers {
            self.withdraw_offer(cx, &offer, Recovery::AtNextBatch);
        }
        self.withdraw_inverse_offers(cx, &id);
        let Some(framework) = self.state.framework_mut(&id) else { return };
        framework.state = FrameworkState::Active;
        framework.stream = Some(stream.clone());
        if was_recovered {
            // When it first subscribed, only the last master knew.
            framework.registered = cx.now;
        } else {
            framework.reregistered = Some(cx.now);
        }
        framework.counts.called(CallType::Subscribe);
        framework.principal = principal;
        self.connections.insert(stream.connection, id.clone());
        let has_changed = self.set_framework_info(cx, &id, info, options);
        self.greet(cx, &id, &stream);
        if !was_active {
            self.allocator.activate_framework(&id);
        }
        if has_changed {
            self.broadcast_framework(cx, &id);
        }
        self.publish_framework_updated(cx, &id);
    }

    /// The first two events of a stream, and the next heartbeat.
    fn greet(&mut self, cx: &mut Context<'_>, id: &FrameworkId, stream: &Stream) {
        let interval = self.config.heartbeat_interval;
        let subscribed = scheduler::SubscribedEvent {
            framework_id: id.clone(),
            heartbeat_interval_seconds: Some(interval.as_secs_f64()),
            master_info: self.state.info.as_deref().cloned(),
        };
        cx.event(stream.connection, EventType::Subscribed, |event| {
            event.subscribed = Some(subscribed);
        });
        cx.event(stream.connection, EventType::Heartbeat, |_| {});
        let timer = cx.set_timer(&mut self.timers, Timer::Heartbeat(id.clone()), interval);
        self.framework_timers.insert(id.clone(), timer);
    }

    /// The stream has been silent for a while.
    pub(crate) fn heartbeat(&mut self, cx: &mut Context<'_>, id: &FrameworkId) {
        let Some(framework) = self.state.frameworks.get(id) else { return };
        let Some(stream) = &framework.stream else { return };
        cx.event(stream.connection, EventType::Heartbeat, |_| {});
        let interval = self.config.heartbeat_interval;
        let timer = cx.set_timer(&mut self.timers, Timer::Heartbeat(id.clone()), interval);
        self.framework_timers.insert(id.clone(), timer);
    }

    /// Whether a framework is over.
    pub(crate) fn is_completed(&self, id: &FrameworkId) -> bool {
        self.completed.contains(id)
    }

    pub(crate) fn publish_framework_added(&self, cx: &mut Context<'_>, id: &FrameworkId) {
        let Some(framework) = self.state.frameworks.get(id) else { return };
        self.publish(cx, master::EventType::FrameworkAdded, |event| {
            event.framework_added = Some(FrameworkAddedEvent { framework: framework.to_v1() });
        });
    }

    pub(crate) fn publish_framework_updated(&self, cx: &mut Context<'_>, id: &FrameworkId) {
        let Some(framework) = self.state.frameworks.get(id) else { return };
        self.publish(cx, master::EventType::FrameworkUpdated, |event| {
            event.framework_updated = Some(FrameworkUpdatedEvent { framework: framework.to_v1() });
        });
    }

    /// Closes a stream without a word: its framework is over.
    pub(super) fn close_stream(&mut self, cx: &mut Context<'_>, stream: &Stream) {
        self.connections.remove(&stream.connection);
        cx.out.push(Effect::CloseConnection { connection: stream.connection });
    }
}

/// What a scheduler says of its framework when it subscribes.
struct Newcomer {
    id: FrameworkId,
    info: FrameworkInfo,
    options: Options,
    principal: Option<String>,
}

/// A subscription that cannot be: its stream is opened to say why.
fn refuse(cx: &mut Context<'_>, connection: ConnectionId, info: &FrameworkInfo, why: &str) {
    cx.info(format!("Refusing subscription of framework '{}': {why}", info.name));
    cx.end(connection, why);
}
