//! Operators change the schedule, bring machines down and up (rows MT-01 to MT-04).
//!
//! Several such calls may be under way at once: each is checked against what will be once those
//! before it are durable.

use std::collections::BTreeSet;

use mesos::agent::{MachineId, MachineMode};
use mesos::ids::AgentId;
use mesos::internal::ShutdownAgent;
use mesos::maintenance::Schedule;
use mesos::offer::Unavailability;

use super::{Change, MachineKey};
use crate::context::Context;
use crate::effect::Response;
use crate::event::{AgentPid, RequestId};
use crate::master::Master;
use crate::membership::{Cause, MACHINE_DOWN};
use crate::registrar::Then;
use crate::registry::Operation;
use crate::validation::{self, Check};

impl Master {
    /// An operator says which machines will be away when.
    pub(crate) fn update_schedule(
        &mut self,
        cx: &mut Context<'_>,
        request: RequestId,
        schedule: Schedule,
    ) {
        let check = validation::maintenance::schedule(&schedule, &self.planned);
        self.change_machines(cx, request, check, Change::Schedule(schedule), Vec::new());
    }

    /// An operator brings machines down.
    pub(crate) fn start_maintenance(
        &mut self,
        cx: &mut Context<'_>,
        request: RequestId,
        machines: Vec<MachineId>,
    ) {
        let check = self.check_modes(&machines, MachineMode::Draining);
        let mut leaving = Vec::new();
        if check.is_ok() {
            // Those of whom something is being written leave once that is done.
            leaving = self.agents_of(&machines);
            leaving.retain(|id| self.in_transition.insert(id.clone()));
        }
        self.change_machines(cx, request, check, Change::Down(machines), leaving);
    }

    /// An operator brings machines up again.
    pub(crate) fn stop_maintenance(
        &mut self,
        cx: &mut Context<'_>,
        request: RequestId,
        machines: Vec<MachineId>,
    ) {
        let check = self.check_modes(&machines, MachineMode::Down);
        self.change_machines(cx, request, check, Change::Up(machines), Vec::new());
    }

    fn check_modes(&self, machines: &[MachineId], expected: MachineMode) -> Check {
        validation::maintenance::machines(machines)?;
        let known: BTreeSet<MachineKey> =
            self.state.agents.values().map(|agent| agent.machine()).collect();
        validation::maintenance::modes(machines, expected, &self.planned, &known)
    }

    /// Asks the registry for a change that was checked, together with the removal of agents.
    fn change_machines(
        &mut self,
        cx: &mut Context<'_>,
        request: RequestId,
        check: Check,
        change: Change,
        leaving: Vec<AgentId>,
    ) {
        if let Err(why) = check {
            return cx.respond(request, Response::bad_request(why.to_string()));
        }
        if let Err(why) = self.planned.apply(&change) {
            // The check has let it pass, so that this is a fault of ours.
            return cx.respond(request, Response::bad_request(why.to_string()));
        }
        let down = match &change {
            Change::Down(machines) => machines.clone(),
            Change::Schedule(_) | Change::Up(_) => Vec::new(),
        };
        let mut operations = vec![Operation::Maintain(change)];
        operations.extend(leaving.iter().map(|id| Operation::RemoveAgent { id: id.clone() }));
        self.registrar.store(operations, Then::Maintain { request, down, leaving }, cx.out);
    }

    /// A change of machines is durable.
    pub(crate) fn maintained(
        &mut self,
        cx: &mut Context<'_>,
        request: RequestId,
        down: &[MachineId],
        leaving: Vec<AgentId>,
    ) {
        self.refresh_unavailability(cx);
        for id in leaving {
            self.in_transition.remove(&id);
            self.tell_to_shut_down(cx, &id);
            self.removed_for_maintenance(cx, &id);
        }
        // Those that have come since the call, or whose own change was under way.
        for id in self.agents_of(down) {
            self.leave_if_down(cx, &id);
        }
        cx.respond(request, Response::ok());
    }

    /// An agent of a machine that is down does not stay, however it came to be here.
    pub(crate) fn leave_if_down(&mut self, cx: &mut Context<'_>, id: &AgentId) {
        let Some(agent) = self.state.agents.get(id) else { return };
        if self.mode_of(&agent.machine()) == MachineMode::Down && !self.in_transition.contains(id) {
            self.tell_to_shut_down(cx, id);
            self.remove_agent(cx, id, Cause::MachineDown);
        }
    }

    /// Whether the machine of an agent that wants to come is down. If it is, the agent is told to
    /// shut down.
    pub(crate) fn refuse_if_down(
        &self,
        cx: &mut Context<'_>,
        from: &AgentPid,
        hostname: &str,
    ) -> bool {
        let machine = MachineKey::of_agent(hostname, from.ip());
        let is_down = self.mode_of(&machine) == MachineMode::Down;
        if is_down {
            cx.warn(format!("Refusing agent at {from}: its machine {machine} is down"));
            let message = Some("Machine is `DOWN`".to_owned());
            cx.send(from, ShutdownAgent { message });
        }
        is_down
    }

    fn mode_of(&self, machine: &MachineKey) -> MachineMode {
        let maintenance = self.state.registry.maintenance.as_ref();
        maintenance.map_or(MachineMode::Up, |maintenance| maintenance.mode(machine))
    }

    /// When an agent's machine will be away.
    pub(crate) fn unavailability_of(&self, machine: &MachineKey) -> Option<Unavailability> {
        self.state.registry.maintenance.as_ref()?.unavailability(machine).cloned()
    }

    fn agents_of(&self, machines: &[MachineId]) -> Vec<AgentId> {
        if machines.is_empty() {
            return Vec::new();
        }
        let machines: BTreeSet<MachineKey> = machines.iter().map(MachineKey::from).collect();
        let agents = self.state.agents.values();
        let agents = agents.filter(|agent| machines.contains(&agent.machine()));
        agents.map(|agent| agent.id.clone()).collect()
    }

    fn tell_to_shut_down(&self, cx: &mut Context<'_>, id: &AgentId) {
        if let Some(agent) = self.state.agents.get(id) {
            cx.send(&agent.pid, ShutdownAgent { message: Some(MACHINE_DOWN.to_owned()) });
        }
    }

    /// Brings agents in line with the schedule. Mesos does this to all of them; here those of which
    /// nothing has changed keep their offers, and the answers of frameworks.
    fn refresh_unavailability(&mut self, cx: &mut Context<'_>) {
        let changed = self.state.agents.values().filter_map(|agent| {
            let unavailability = self.unavailability_of(&agent.machine());
            let is_same = agent.unavailability == unavailability;
            (!is_same).then(|| (agent.id.clone(), unavailability))
        });
        let changed: Vec<_> = changed.collect();
        for (id, unavailability) in changed {
            self.set_unavailability(cx, &id, unavailability);
        }
    }

    /// Frameworks are to know as soon as possible: what they were offered is offered anew.
    fn set_unavailability(
        &mut self,
        cx: &mut Context<'_>,
        id: &AgentId,
        unavailability: Option<Unavailability>,
    ) {
        cx.info(match &unavailability {
            Some(away) => format!("Agent {id} will be away from {}", away.start.nanoseconds),
            None => format!("Agent {id} will not be away"),
        });
        self.rescind_offers_of_agent(cx, id);
        self.rescind_inverse_offers_of_agent(cx, id);
        let is_unavailable = unavailability.is_some();
        if let Some(agent) = self.state.agent_mut(id) {
            agent.unavailability = unavailability;
            agent.inverse_answers.clear();
        }
        self.allocator.set_unavailable(id, is_unavailable);
    }
}
