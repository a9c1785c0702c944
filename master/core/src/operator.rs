//! What operators change (rows FW-07, AG-11, AG-12, AG-15, MT-01, MT-02, RO-05).

use mesos::ids::{AgentId, FrameworkId};
use mesos::internal::UpdateAgent;
use mesos::v1::master::{Call, CallType};

use crate::context::Context;
use crate::effect::Response;
use crate::event::RequestId;
use crate::master::Master;

impl Master {
    /// An operator wants something changed.
    pub(crate) fn operator_call(&mut self, cx: &mut Context<'_>, request: RequestId, call: Call) {
        let Some(kind) = call.r#type else {
            let words = "Failed to validate master::Call: Expecting 'type' to be present";
            return cx.respond(request, Response::bad_request(words));
        };
        let missing = |field: &str| {
            Response::bad_request(format!(
                "Failed to validate master::Call: Expecting '{field}' to be present"
            ))
        };
        match kind {
            CallType::Teardown => match call.teardown {
                Some(body) => self.teardown(cx, request, &body.framework_id),
                None => cx.respond(request, missing("teardown")),
            },
            CallType::MarkAgentGone => match call.mark_agent_gone {
                Some(body) => self.mark_agent_gone(cx, request, &body.agent_id),
                None => cx.respond(request, missing("mark_agent_gone")),
            },
            CallType::UpdateWeights => match call.update_weights {
                Some(body) => self.update_weights(cx, request, &body.weight_infos),
                None => cx.respond(request, missing("update_weights")),
            },
            CallType::UpdateMaintenanceSchedule => match call.update_maintenance_schedule {
                Some(body) => self.update_schedule(cx, request, body.schedule),
                None => cx.respond(request, missing("update_maintenance_schedule")),
            },
            CallType::StartMaintenance => match call.start_maintenance {
                Some(body) => self.start_maintenance(cx, request, body.machines),
                None => cx.respond(request, missing("start_maintenance")),
            },
            CallType::StopMaintenance => match call.stop_maintenance {
                Some(body) => self.stop_maintenance(cx, request, body.machines),
                None => cx.respond(request, missing("stop_maintenance")),
            },
            kind => {
                let words = format!("{kind} is not supported by this master");
                cx.respond(request, Response::not_implemented(words));
            }
        }
    }

    /// An operator ends a framework.
    fn teardown(&mut self, cx: &mut Context<'_>, request: RequestId, id: &FrameworkId) {
        if !self.state.frameworks.contains_key(id) {
            let words = "No framework found with specified ID";
            return cx.respond(request, Response::bad_request(words));
        }
        self.remove_framework(cx, id);
        cx.respond(request, Response::ok());
    }

    /// An agent's version of its resources has changed, or what it can spare.
    pub(crate) fn update_agent(&mut self, cx: &mut Context<'_>, message: UpdateAgent) {
        cx.count("master/messages_update_slave");
        let id: &AgentId = &message.agent_id;
        if let Some(agent) = self.state.agent_mut(id)
            && message.resource_version_uuid.is_some()
        {
            agent.resource_version = message.resource_version_uuid;
        }
        let Some(agent) = self.state.agents.get(id) else { return };
        if message.update_oversubscribed_resources == Some(true) {
            let spare = mesos::resources::Resources::from(&message.oversubscribed_resources);
            let total = agent.total.nonrevocable() + &spare.revocable();
            self.set_total(cx, id, total);
        }
    }
}
