//! An agent joins the cluster (row AG-01).

use std::collections::BTreeMap;
use std::sync::Arc;

use imbl::{OrdMap, OrdSet};
use mesos::agent::{AgentCapability, AgentInfo};
use mesos::ids::{AgentId, FrameworkId};
use mesos::internal::{AgentRegistered, MasterAgentConnection, RegisterAgent};
use mesos::operation::Uuid;
use mesos::resource::Resource;
use mesos::resources::Resources;
use mesos::v1::master::{AgentAddedEvent, EventType};

use super::removal::Cause;
use crate::context::Context;
use crate::event::AgentPid;
use crate::maintenance::MachineKey;
use crate::master::Master;
use crate::registrar::Then;
use crate::registry::Operation;
use crate::state::Agent;
use crate::validation;

/// What an agent says of itself when it registers for the first time or again.
pub(super) struct Introduction {
    pub info: AgentInfo,
    pub checkpointed: Vec<Resource>,
    pub version: String,
    pub capabilities: Vec<AgentCapability>,
    pub resource_version: Option<Uuid>,
}

impl Master {
    /// An agent without an id asks to be admitted.
    pub(crate) fn register_agent(
        &mut self,
        cx: &mut Context<'_>,
        from: AgentPid,
        mut message: RegisterAgent,
    ) {
        cx.count("master/messages_register_slave");
        if let Err(why) = validation::registration::validate(&message) {
            return cx.warn(format!("Ignoring registration of agent at {from}: {why}"));
        }
        if self.refuse_if_down(cx, &from, &message.agent.hostname) {
            return;
        }
        if let Some(id) = self.pids.get(&from).cloned() {
            let is_connected = self.state.agents.get(&id).is_some_and(|agent| agent.connected);
            if is_connected {
                // Its acknowledgement was lost; it asks again.
                return self.acknowledge_registration(cx, &from, &id);
            }
            self.remove_agent(cx, &id, Cause::Replaced);
        }
        if !self.registering.insert(from.clone()) {
            return cx.debug(|| format!("Admission of agent at {from} is under way already"));
        }
        let id = self.new_agent_id();
        message.agent.id = Some(id.clone());
        let info = Arc::new(message.agent.clone());
        let then = Then::Admit { pid: from, id, message: Box::new(message) };
        self.registrar.store(vec![Operation::AdmitAgent { info }], then, cx.out);
    }

    /// The registry has admitted an agent.
    pub(crate) fn admitted(
        &mut self,
        cx: &mut Context<'_>,
        pid: AgentPid,
        id: AgentId,
        message: RegisterAgent,
    ) {
        self.registering.remove(&pid);
        cx.count("master/slave_registrations");
        cx.info(format!("Registered agent {id} at {pid} ({})", message.agent.hostname));
        let introduction = Introduction {
            info: message.agent,
            checkpointed: message.checkpointed_resources,
            version: message.version,
            capabilities: message.agent_capabilities,
            resource_version: message.resource_version_uuid,
        };
        self.add_agent(cx, pid.clone(), &id, introduction);
        self.offer_agent(&id);
        self.acknowledge_registration(cx, &pid, &id);
        self.publish_agent_added(cx, &id);
        self.leave_if_down(cx, &id);
    }

    /// Adds an agent that runs nothing yet, and watches it.
    pub(super) fn add_agent(
        &mut self,
        cx: &mut Context<'_>,
        pid: AgentPid,
        id: &AgentId,
        introduction: Introduction,
    ) {
        let total = total(&introduction.info, &introduction.checkpointed);
        let registry = &self.state.registry;
        let deactivated = registry.agents.get(id).is_some_and(|agent| agent.deactivated);
        let machine = MachineKey::of_agent(&introduction.info.hostname, pid.ip());
        let unavailability = self.unavailability_of(&machine);
        let capabilities = introduction.capabilities.iter();
        let agent = Agent {
            id: id.clone(),
            info: Arc::new(introduction.info),
            pid: pid.clone(),
            version: introduction.version,
            capabilities: capabilities.filter_map(|capability| capability.r#type).collect(),
            registered: cx.now,
            reregistered: None,
            connected: true,
            active: !deactivated,
            deactivated,
            resource_version: introduction.resource_version,
            total,
            offered: Resources::default(),
            used: OrdMap::new(),
            tasks: OrdMap::new(),
            killed_tasks: OrdMap::new(),
            executors: OrdMap::new(),
            offers: OrdSet::new(),
            unavailability,
            inverse_offers: OrdSet::new(),
            inverse_answers: OrdMap::new(),
        };
        self.state.recovered_agents.remove(id);
        self.state.agents.insert(id.clone(), Arc::new(agent));
        self.pids.insert(pid.clone(), id.clone());
        cx.link(&pid);
        self.begin_watch(cx, id);
    }

    /// Hands an agent, with what runs on it, to the allocator.
    pub(super) fn offer_agent(&mut self, id: &AgentId) {
        let Some(agent) = self.state.agents.get(id) else { return };
        let used: BTreeMap<FrameworkId, Resources> =
            agent.used.iter().map(|(id, used)| (id.clone(), used.clone())).collect();
        self.allocator.describe_agent(id, &agent.info);
        self.allocator.add_agent(id, agent.total.clone(), &used, agent.active);
        if agent.unavailability.is_some() {
            self.allocator.set_unavailable(id, true);
        }
    }

    pub(super) fn publish_agent_added(&self, cx: &mut Context<'_>, id: &AgentId) {
        let Some(agent) = self.state.agents.get(id) else { return };
        self.publish(cx, EventType::AgentAdded, |event| {
            event.agent_added = Some(AgentAddedEvent { agent: agent.to_v1() });
        });
    }

    pub(super) fn connection_terms(&self) -> MasterAgentConnection {
        let seconds = self.config.total_ping_timeout().as_secs_f64();
        MasterAgentConnection { total_ping_timeout_seconds: Some(seconds) }
    }

    fn acknowledge_registration(&self, cx: &mut Context<'_>, pid: &AgentPid, id: &AgentId) {
        let connection = Some(self.connection_terms());
        cx.send(pid, AgentRegistered { agent_id: id.clone(), connection });
    }
}

/// All that an agent has: what it was started with, changed by the reservations and volumes that
/// were made since.
pub(super) fn total(info: &AgentInfo, checkpointed: &[Resource]) -> Resources {
    let mut total = Resources::from(&info.resources);
    for made in checkpointed {
        let mut plain = made.clone();
        plain.reservations.clear();
        plain.reservation = None;
        plain.role = None;
        plain.shared = None;
        if let Some(disk) = &mut plain.disk {
            disk.persistence = None;
            disk.volume = None;
        }
        plain.disk = plain.disk.filter(|disk| disk.source.is_some());
        let plain = Resources::from(plain);
        if total.contains(&plain) {
            total -= &plain;
            total += made;
        }
    }
    total
}
