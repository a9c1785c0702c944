//! A simulated operator, who has machines maintained: plans it, brings machines down and up again,
//! and sees to it that all are up in the end, and that nobody waits for agents that are gone.

use std::time::Duration;

use master_core::effect::Response;
use master_core::event::{Event, RequestId};
use mesos::agent::{MachineId, MachineMode};
use mesos::maintenance::{Schedule, Window};
use mesos::offer::Unavailability;
use mesos::time::TimeInfo;
use mesos::v1::master::{
    Call, CallType, MarkAgentGone, StartMaintenance, StopMaintenance, UpdateMaintenanceSchedule,
};

use crate::network::Endpoint;
use crate::world::{Action, World};

impl World {
    /// Has an operator at work, in every other world.
    pub fn hire_operator(&mut self) {
        if self.rng.bool() {
            self.plan_operator();
        }
    }

    fn plan_operator(&mut self) {
        let wait = if self.faults.over { 5_000 } else { self.rng.u64(1_000..90_000) };
        self.after(Duration::from_millis(wait), Action::Operator);
    }

    /// The operator looks at what the registry says, and does one thing.
    pub fn operator_acts(&mut self) {
        self.plan_operator();
        if self.master.core.is_none() {
            return;
        }
        let call = if self.faults.over { self.tidy_up() } else { self.draw_change() };
        if let Some(call) = call {
            let request = RequestId(self.number());
            self.note(|| format!("operator: {}", call.r#type.unwrap_or_default()));
            self.master.requests.insert(request, Endpoint::Operator);
            self.master_step(Event::OperatorCall { request, principal: None, call });
        }
    }

    /// What the operator is answered. Whoever reads the registry while a change is under way may
    /// ask for what can no longer be.
    pub fn operator_hears(&mut self, response: &Response) {
        let status = response.status;
        self.note(|| format!("master → operator: {status} {}", response.body));
        if ![200, 400, 503].contains(&status) {
            let what = format!("an operator is answered {status}: {}", response.body);
            self.violate("requests_are_answered_once", what);
        }
    }

    fn machines(&self, mode: MachineMode) -> Vec<MachineId> {
        let maintenance = self.master.registry.maintenance.as_deref();
        let machines = maintenance.into_iter().flat_map(|all| all.machines.values());
        machines.filter(|info| info.mode == Some(mode)).map(|info| info.id.clone()).collect()
    }

    fn draw_change(&mut self) -> Option<Call> {
        let (draining, down) =
            (self.machines(MachineMode::Draining), self.machines(MachineMode::Down));
        match self.rng.u8(0..4) {
            0 | 1 if !draining.is_empty() => Some(start(vec![self.one_of(draining)])),
            2 if !down.is_empty() => Some(stop(vec![self.one_of(down)])),
            _ => {
                let mut machine_ids = down;
                for agent in 0..self.agents.len() {
                    let id = machine(agent);
                    if self.rng.bool() && !machine_ids.contains(&id) {
                        machine_ids.push(id);
                    }
                }
                let start = TimeInfo { nanoseconds: self.rng.i64(1..4) };
                let unavailability = Unavailability { start, duration: None };
                let window = Window { machine_ids, unavailability };
                let windows = (!window.machine_ids.is_empty()).then_some(window);
                Some(plan(windows.into_iter().collect()))
            }
        }
    }

    fn one_of(&mut self, mut machines: Vec<MachineId>) -> MachineId {
        let index = self.rng.usize(0..machines.len());
        machines.swap_remove(index)
    }

    /// A machine comes up once nothing runs there any more: whatever ran when it went down must
    /// come to its end, however long its agent did not hear of it.
    fn tidy_up(&mut self) -> Option<Call> {
        let down = self.machines(MachineMode::Down);
        let is_empty = |id: &MachineId| {
            !self.executors.values().any(|executor| machine(executor.agent) == *id)
        };
        let ready: Vec<MachineId> = down.iter().filter(|id| is_empty(id)).cloned().collect();
        if !ready.is_empty() {
            return Some(stop(ready));
        }
        let draining = self.machines(MachineMode::Draining);
        match (down.is_empty(), draining.is_empty()) {
            (true, false) => Some(plan(Vec::new())),
            (true, true) => self.give_up_strays(),
            (false, _) => None,
        }
    }

    /// An agent that could not be reached as its machine went down comes back under another id, and
    /// nobody but an operator can know that the old one is gone for good.
    fn give_up_strays(&self) -> Option<Call> {
        let registered = self.master.snapshot()?.agents.len();
        let stray = self.master.registry.unreachable.keys().next()?;
        (registered == self.agents.len()).then(|| Call {
            r#type: Some(CallType::MarkAgentGone),
            mark_agent_gone: Some(MarkAgentGone { agent_id: stray.clone() }),
            ..Call::default()
        })
    }
}

/// The machine of an agent.
fn machine(agent: usize) -> MachineId {
    let ip = format!("10.0.0.{}", agent + 1);
    MachineId { hostname: Some(ip.clone()), ip: Some(ip) }
}

fn plan(windows: Vec<Window>) -> Call {
    Call {
        r#type: Some(CallType::UpdateMaintenanceSchedule),
        update_maintenance_schedule: Some(UpdateMaintenanceSchedule {
            schedule: Schedule { windows },
        }),
        ..Call::default()
    }
}

fn start(machines: Vec<MachineId>) -> Call {
    Call {
        r#type: Some(CallType::StartMaintenance),
        start_maintenance: Some(StartMaintenance { machines }),
        ..Call::default()
    }
}

fn stop(machines: Vec<MachineId>) -> Call {
    Call {
        r#type: Some(CallType::StopMaintenance),
        stop_maintenance: Some(StopMaintenance { machines }),
        ..Call::default()
    }
}
