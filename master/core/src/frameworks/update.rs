//! A framework changes its description: UPDATE_FRAMEWORK, or SUBSCRIBE again (rows FW-10, FW-11,
//! FW-17).

use std::collections::BTreeSet;
use std::sync::Arc;

use mesos::framework::FrameworkInfo;
use mesos::ids::FrameworkId;
use mesos::internal::UpdateFramework;
use mesos::v1::scheduler;

use crate::context::Context;
use crate::effect::Response;
use crate::event::RequestId;
use crate::master::Master;
use crate::validation;

impl Master {
    /// A scheduler changes its framework's description.
    pub(crate) fn update_framework(
        &mut self,
        cx: &mut Context<'_>,
        request: RequestId,
        id: &FrameworkId,
        body: scheduler::UpdateFramework,
    ) {
        let info = body.framework_info;
        let Some(framework) = self.state.frameworks.get(id) else { return };
        let checked = validation::framework::validate(&info, &body.suppressed_roles, &self.config)
            .and_then(|()| validation::framework::validate_update(&framework.info, &info));
        if let Err(why) = checked {
            let words = format!("FrameworkInfo update is not valid: {why}");
            return cx.respond(request, Response::bad_request(words));
        }
        let suppressed = body.suppressed_roles.into_iter().collect();
        self.set_framework_info(cx, id, info, suppressed);
        cx.respond(request, Response::ok());
    }

    /// Takes over a framework's description, but for what can never change, and tells everybody
    /// who should know.
    pub(crate) fn set_framework_info(
        &mut self,
        cx: &mut Context<'_>,
        id: &FrameworkId,
        mut info: FrameworkInfo,
        suppressed: BTreeSet<String>,
    ) {
        let Some(framework) = self.state.framework_mut(id) else { return };
        let old = framework.info.clone();
        info.id = Some(id.clone());
        info.user = old.user.clone();
        info.checkpoint = old.checkpoint;
        if old.principal.is_some() {
            info.principal = old.principal.clone();
        }
        let has_changed = *old != info;
        framework.set_info(info);
        framework.suppressed_roles = Arc::new(suppressed);
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
        if has_changed {
            self.broadcast_framework(cx, id);
        }
        self.publish_framework_updated(cx, id);
    }

    /// Tells the agents that know a framework what it is now.
    fn broadcast_framework(&self, cx: &mut Context<'_>, id: &FrameworkId) {
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
