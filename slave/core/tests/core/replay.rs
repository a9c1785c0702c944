//! The same events from the same seed yield the same effects.

use std::time::Duration;

use mesos::time::Time;
use slave_core::checkpoint::RecoveredState;
use slave_core::{Agent, Effects, Event};

use crate::driver::{Driver, command_task, config, framework, master};

fn effects(seed: u64) -> Vec<String> {
    let mut agent = Agent::new(config(), seed);
    let mut now = Time::EPOCH + Duration::from_secs(5);
    let mut out = Effects::new();
    let leader = slave_core::event::Leader { pid: master(), info: Default::default() };
    let registered = mesos::internal::AgentRegistered {
        agent_id: crate::driver::AGENT.into(),
        connection: None,
    };
    let run = |id: &str| mesos::internal::RunTask {
        framework: framework("f1"),
        task: command_task(id),
        ..Default::default()
    };
    let mut events = vec![
        Event::Recovered(RecoveredState::default()),
        Event::MasterDetected { master: Some(leader) },
        Event::MasterMessage { from: master(), message: registered.into() },
    ];
    events.extend(
        ["a", "b", "c"].map(|id| Event::MasterMessage { from: master(), message: run(id).into() }),
    );
    for event in events {
        now = now + Duration::from_secs(1);
        agent.step(now, event, &mut out);
    }
    out.drain().map(|effect| format!("{effect:?}")).collect()
}

#[test]
fn a_seed_decides_everything() {
    assert_eq!(effects(1), effects(1));
    assert_ne!(effects(1), effects(2), "ids of containers are drawn from the seed");
}

#[test]
fn nothing_happens_after_the_end() {
    let mut driver = Driver::registered();
    driver.event(Event::Signal(slave_core::event::Signal::Terminate));
    driver.run(&framework("f1"), command_task("t1"));
    assert!(driver.launches().is_empty());
}
