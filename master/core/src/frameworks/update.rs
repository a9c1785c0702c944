//! A framework changes its description: UPDATE_FRAMEWORK, or SUBSCRIBE again (rows FW-10, FW-11,
//! FW-17).

use mesos::framework::FrameworkInfo;
use mesos::ids::FrameworkId;
use mesos::internal::UpdateFramework;
use mesos::v1::scheduler;

use crate::context::Context;
use crate::effect::Response;
use crate::event::RequestId;
use crate::master::Master;
use crate::state::Options;
use crate::validation::{self, within};

impl Master {
    /// A scheduler changes its framework's description.
    pub(crate) fn update_framework(
        &mut self,
        cx: &mut Context<'_>,
        request: RequestId,
        id: &FrameworkId,
        body: scheduler::UpdateFramework,
    ) {
        let Some(framework) = self.state.frameworks.get(id) else { return };
        let info = &body.framework_info;
        let is_completed = self.is_completed(id);
        let checked = validation::framework::validate_admission(info, &self.config, is_completed)
            .map_err(within("Supplied FrameworkInfo is not valid"))
            .and_then(|()| {
                validation::framework::validate_update(&framework.info, info)
                    .map_err(within("FrameworkInfo update is not valid"))
            })
            .and_then(|()| {
                let constraints = body.offer_constraints;
                Options::new(info, body.suppressed_roles, constraints, &self.config)
                    .map_err(within("'UpdateFramework' call is not valid"))
            });
        match checked {
            Err(why) => cx.respond(request, Response::bad_request(why.to_string())),
            Ok(options) => {
                if self.set_framework_info(cx, id, body.framework_info, options) {
                    self.broadcast_framework(cx, id);
                    self.publish_framework_updated(cx, id);
                }
                cx.respond(request, Response::ok());
            }
        }
    }

    /// Takes over a framework's description, but for what can never change. Returns whether it
    /// says anything else than before.
    pub(crate) fn set_framework_info(
        &mut self,
        cx: &mut Context<'_>,
        id: &FrameworkId,
        mut info: FrameworkInfo,
        options: Options,
    ) -> bool {
        let Some(framework) = self.state.framework_mut(id) else { return false };
        let old = framework.info.clone();
        info.id = Some(id.clone());
        info.user = old.user.clone();
        info.checkpoint = old.checkpoint;
        let has_changed = *old != info;
        framework.set_info(info);
        framework.set_options(options);
        let framework = &*framework;
        self.allocator.update_framework(id, framework.traits());
        let withdrawn: Vec<_> = framework.offers.iter().cloned().collect();
        let roles = framework.roles.clone();
        for offer in withdrawn {
            let role = self.state.offers.get(&offer).map(|offer| offer.role.clone());
            if role.is_some_and(|role| !roles.contains(&*role)) {
                self.rescind_offer(cx, &offer);
            }
        }
        has_changed
    }

    /// Tells the agents that know a framework what it is now.
    pub(super) fn broadcast_framework(&self, cx: &mut Context<'_>, id: &FrameworkId) {
        let Some(framework) = self.state.frameworks.get(id) else { return };
        for agent in &framework.agents {
            if let Some(agent) = self.state.agents.get(agent) {
                let framework_info = Some((*framework.info).clone());
                let message = UpdateFramework { framework_id: id.clone(), framework_info };
                cx.send(&agent.pid, message);
            }
        }
    }
}
