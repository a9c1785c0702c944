//! A scheduler goes, or a framework ends (rows FW-05, FW-07, FW-15).

use std::sync::Arc;

use mesos::ids::FrameworkId;
use mesos::internal::ShutdownFramework;
use mesos::task::{Reason, TaskState};
use mesos::v1::master::{EventType, FrameworkRemovedEvent};

use crate::allocator::Recovery;
use crate::context::Context;
use crate::event::ConnectionId;
use crate::master::Master;
use crate::state::FrameworkState;
use crate::timers::Timer;
use crate::updates::master_update;
use crate::validation::framework::failover_timeout;

impl Master {
    /// A stream is gone. If it was a framework's, its scheduler has time to come back.
    pub(crate) fn connection_closed(&mut self, cx: &mut Context<'_>, connection: ConnectionId) {
        let Some(id) = self.connections.remove(&connection) else { return };
        let timer = self.framework_timers.remove(&id);
        cx.cancel_timer(&mut self.timers, timer);
        let Some(framework) = self.state.framework_mut(&id) else { return };
        framework.state = FrameworkState::Disconnected;
        framework.stream = None;
        let timeout = failover_timeout(&framework.info).unwrap_or_default();
        let offers: Vec<_> = framework.offers.iter().cloned().collect();
        self.allocator.deactivate_framework(&id);
        for offer in offers {
            self.withdraw_offer(cx, &offer, Recovery::AtOnce);
        }
        self.withdraw_inverse_offers(cx, &id);
        cx.info(format!(
            "Framework {id} disconnected; it has {} seconds to come back",
            timeout.as_secs_f64()
        ));
        let timer = cx.set_timer(&mut self.timers, Timer::Failover(id.clone()), timeout);
        self.framework_timers.insert(id.clone(), timer);
        self.publish_framework_updated(cx, &id);
    }

    /// A framework's scheduler has not come back.
    pub(crate) fn failover_timed_out(&mut self, cx: &mut Context<'_>, id: &FrameworkId) {
        self.framework_timers.remove(id);
        let is_away = self
            .state
            .frameworks
            .get(id)
            .is_some_and(|framework| framework.state == FrameworkState::Disconnected);
        if is_away {
            cx.info(format!("Framework {id} did not come back"));
            self.remove_framework(cx, id);
        }
    }

    /// Ends a framework and all that it runs.
    pub(crate) fn remove_framework(&mut self, cx: &mut Context<'_>, id: &FrameworkId) {
        let Some(framework) = self.state.frameworks.get(id).cloned() else { return };
        cx.info(format!("Removing framework {id} ({})", framework.info.name));
        let timer = self.framework_timers.remove(id);
        cx.cancel_timer(&mut self.timers, timer);
        self.allocator.deactivate_framework(id);
        for offer in &framework.offers {
            self.withdraw_offer(cx, offer, Recovery::AtOnce);
        }
        self.withdraw_inverse_offers(cx, id);
        for agent in &framework.agents {
            if let Some(agent) = self.state.agents.get(agent) {
                cx.send(&agent.pid, ShutdownFramework { framework_id: id.clone() });
            }
        }
        for (task_id, task) in &framework.tasks {
            let message = format!("Framework {id} removed");
            let reason = Reason::FrameworkRemoved;
            let mut update = master_update(cx.now, task, TaskState::Killed, reason, message);
            update.executor_id = None;
            self.apply_update(cx, &update);
            self.remove_task(cx, id, task_id, false);
        }
        for task in framework.unreachable_tasks.values() {
            let message = format!("Framework {id} removed");
            let reason = Reason::FrameworkRemoved;
            let update = master_update(cx.now, task, TaskState::Killed, reason, message);
            self.end_lost_task(cx, &update);
        }
        for (agent, executors) in &framework.executors {
            for executor in executors.keys() {
                self.drop_executor(cx, agent, id, executor);
            }
        }
        self.allocator.remove_framework(id);
        if let Some(stream) = &framework.stream {
            self.close_stream(cx, stream);
        }
        self.complete_framework(cx, id);
        let framework_info = (*framework.info).clone();
        self.publish(cx, EventType::FrameworkRemoved, |event| {
            event.framework_removed = Some(FrameworkRemovedEvent { framework_info });
        });
    }

    /// Moves a framework to those that are over, in place of the oldest one if there are too many.
    fn complete_framework(&mut self, cx: &mut Context<'_>, id: &FrameworkId) {
        let Some(mut framework) = self.state.frameworks.remove(id) else { return };
        let record = Arc::make_mut(&mut framework);
        record.unregistered = Some(cx.now);
        record.stream = None;
        record.state = FrameworkState::Disconnected;
        self.completed.insert(id.clone());
        self.state.completed_frameworks.push_back(framework);
        while self.state.completed_frameworks.len() > self.config.max_completed_frameworks {
            if let Some(oldest) = self.state.completed_frameworks.pop_front() {
                self.completed.remove(&oldest.id);
            }
        }
    }
}
