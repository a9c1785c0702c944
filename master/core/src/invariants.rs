//! What must hold after every step. Tests and simulations check it; daemons do not pay for it.

use std::collections::BTreeSet;

use mesos::agent::MachineMode;
use mesos::ids::{AgentId, FrameworkId};
use mesos::resources::Resources;

use crate::master::Master;
use crate::snapshot::Snapshot;
use crate::state::{Agent, is_over};

/// Checks that nothing is counted twice or forgotten: what an agent has is what is available,
/// offered and in use on it; agents, frameworks and the allocator agree; what is offered can be
/// accepted; whatever somebody wants is offered, or soon will be. Returns what does not hold, in
/// words.
pub fn check(master: &Master) -> Result<(), String> {
    let state = &master.state;
    for (id, agent) in &state.agents {
        agent_adds_up(master, id, agent)?;
    }
    for id in state.frameworks.keys() {
        framework_adds_up(state, id)?;
    }
    nothing_piles_up(state)?;
    for (id, offer) in &state.offers {
        let agent = state.agents.get(&offer.agent);
        expect(agent.is_some_and(|agent| agent.connected && agent.active), || {
            format!("offer {id} is of agent {}, which is not in use", offer.agent)
        })?;
        let framework = state.frameworks.get(&offer.framework);
        expect(framework.is_some_and(|framework| framework.is_connected()), || {
            format!("offer {id} is for framework {}, whose scheduler is away", offer.framework)
        })?;
    }
    maintenance_is_respected(master)?;
    let overlooked = master.allocator.overlooked();
    expect(overlooked.is_none(), || {
        format!("agent {overlooked:?} has something that somebody wants, but is not offered")
    })?;
    let is_stray = |id: &&AgentId| {
        !state.registry.agents.contains_key(*id) && !master.in_transition.contains(*id)
    };
    let stray = state.agents.keys().find(is_stray);
    expect(stray.is_none(), || format!("agent {stray:?} is registered but not in the registry"))
}

fn agent_adds_up(master: &Master, id: &AgentId, agent: &Agent) -> Result<(), String> {
    let state = &master.state;
    let mut held = agent.offered.clone() + &agent.used_in_total();
    held.unallocate();
    // An agent that came back with less than is in use on it would be an exception; the worlds
    // that are checked have none.
    expect(agent.total.contains(&held), || {
        format!("agent {id} has {}, but {held} is offered or in use", agent.total)
    })?;
    let left = agent.total.clone() - &held;
    let available = master.allocator.available(id).cloned().unwrap_or_default();
    expect(available == left, || {
        format!("agent {id} has {left} left, but the allocator believes {available}")
    })?;
    let offers = state.offers.values().filter(|offer| offer.agent == *id);
    let offered: Resources = offers.map(|offer| &offer.resources).sum();
    expect(offered == agent.offered, || {
        format!("agent {id} counts {} as offered, offers hold {offered}", agent.offered)
    })?;
    let frameworks: BTreeSet<&FrameworkId> =
        agent.tasks.keys().chain(agent.executors.keys()).chain(agent.used.keys()).collect();
    for framework in frameworks {
        let used = agent.used.get(framework).cloned().unwrap_or_default();
        let held = held_on(state, framework, id);
        expect(held == used, || {
            format!("agent {id} counts {used} as used by {framework}, which holds {held}")
        })?;
    }
    Ok(())
}

fn framework_adds_up(state: &Snapshot, id: &FrameworkId) -> Result<(), String> {
    let Some(framework) = state.frameworks.get(id) else { return Ok(()) };
    let agents: BTreeSet<&AgentId> =
        state.agents.keys().chain(framework.used.keys()).chain(framework.offered.keys()).collect();
    for agent in agents {
        let used = framework.used.get(agent).cloned().unwrap_or_default();
        let held = held_on(state, id, agent);
        expect(held == used, || {
            format!("framework {id} counts {used} as used on {agent}, it holds {held}")
        })?;
        let counted = framework.offered.get(agent).cloned().unwrap_or_default();
        let offers = framework.offers.iter().filter_map(|offer| state.offers.get(offer));
        let offered: Resources =
            offers.filter(|offer| offer.agent == *agent).map(|offer| &offer.resources).sum();
        expect(offered == counted, || {
            format!("framework {id} counts {counted} as offered of {agent}, it holds {offered}")
        })?;
    }
    for (task_id, task) in &framework.tasks {
        let agent = state.agents.get(&task.agent_id);
        let knows =
            agent.and_then(|agent| agent.tasks.get(id)).is_some_and(|t| t.contains(task_id));
        expect(knows, || {
            format!("task {task_id} of {id} is on agent {}, which lacks it", task.agent_id)
        })?;
    }
    Ok(())
}

/// Agents know when their machines will be away; those whose machines are down are not here;
/// whoever holds something on a machine that goes away is asked to let go, and nobody else is.
fn maintenance_is_respected(master: &Master) -> Result<(), String> {
    let state = &master.state;
    let known = state.registry.maintenance.as_deref().cloned().unwrap_or_default();
    for (id, agent) in &state.agents {
        let machine = agent.machine();
        expect(agent.unavailability.as_ref() == known.unavailability(&machine), || {
            format!("agent {id} will be away {:?}, not as scheduled", agent.unavailability)
        })?;
        let is_down = known.mode(&machine) == MachineMode::Down;
        expect(!is_down || master.in_transition.contains(id), || {
            format!("agent {id} is registered, and its machine {machine} is down")
        })?;
        let stray = agent.inverse_offers.iter().find(|id| !state.inverse_offers.contains_key(*id));
        expect(stray.is_none(), || {
            format!("agent {id} knows inverse offer {stray:?}, nobody else")
        })?;
    }
    for (id, offer) in &state.inverse_offers {
        let agent = state.agents.get(&offer.agent);
        let is_valid = agent.is_some_and(|agent| {
            agent.connected
                && agent.active
                && agent.inverse_offers.contains(id)
                && agent.unavailability.as_ref() == Some(&offer.unavailability)
        });
        expect(is_valid, || format!("inverse offer {id} is of an agent that does not go away"))?;
        let framework = state.frameworks.get(&offer.framework);
        let is_heard = framework.is_some_and(|f| f.is_connected() && f.inverse_offers.contains(id));
        expect(is_heard, || format!("inverse offer {id} is for a framework that is not there"))?;
        expect(master.allocator.is_asked(&offer.framework, &offer.agent), || {
            format!("inverse offer {id} is out, and the allocator does not know")
        })?;
    }
    let unasked = master.allocator.unasked(|agent| state.holders(agent));
    expect(unasked.is_none(), || format!("nobody has asked {unasked:?} to let go"))
}

/// What is remembered of tasks goes with them.
fn nothing_piles_up(state: &Snapshot) -> Result<(), String> {
    for (id, agent) in &state.agents {
        for (framework, killed) in &agent.killed_tasks {
            let tasks = agent.tasks.get(framework);
            let stray = killed.iter().find(|task| tasks.is_none_or(|of| !of.contains(*task)));
            expect(stray.is_none(), || {
                format!("agent {id} is to kill task {stray:?} of {framework}, which it lacks")
            })?;
        }
    }
    for (id, framework) in &state.frameworks {
        let listed: BTreeSet<_> = framework.unreachable_order.iter().collect();
        let known: BTreeSet<_> = framework.unreachable_tasks.keys().collect();
        let is_once = listed.len() == framework.unreachable_order.len();
        expect(is_once && listed == known, || {
            format!("framework {id} lost tasks {known:?}, but would forget {listed:?} in order")
        })?;
        let alive = known.iter().find(|task| framework.tasks.contains_key(**task));
        expect(alive.is_none(), || format!("task {alive:?} of {id} is both lost and there"))?;
    }
    Ok(())
}

/// What a framework's tasks and executors hold on an agent.
fn held_on(state: &Snapshot, framework: &FrameworkId, agent: &AgentId) -> Resources {
    let Some(framework) = state.frameworks.get(framework) else { return Resources::default() };
    let tasks = framework.tasks.values().filter(|task| !is_over(task.state));
    let tasks = tasks.filter(|task| task.agent_id == *agent);
    let mut held: Resources = tasks.map(|task| task.resources()).sum();
    for executor in framework.executors.get(agent).into_iter().flat_map(|of| of.values()) {
        held += &executor.resources();
    }
    held
}

fn expect(condition: bool, words: impl FnOnce() -> String) -> Result<(), String> {
    if condition { Ok(()) } else { Err(words()) }
}
