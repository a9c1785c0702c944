//! What a step costs, in clusters of several sizes. Prints one line a measurement.

#[path = "../tests/support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use mesos::task::TaskState;
use support::{AgentHandle, Scheduler, World, framework, task};

const EACH: &str = "cpus:16;mem:65536;disk:100000;ports:[31000-32000]";

fn show(what: &str, count: usize, took: Duration) {
    let each = took.as_secs_f64() * 1e6 / count as f64;
    println!("{what:<58} {count:>7} × {each:>9.2} µs = {:>8.1} ms", took.as_secs_f64() * 1e3);
}

fn time(what: &str, count: usize, run: impl FnOnce()) {
    let start = Instant::now();
    run();
    show(what, count, start.elapsed());
}

fn cluster(agents: usize, frameworks: usize) -> (World, Vec<AgentHandle>, Vec<Scheduler>) {
    let mut world = World::new();
    let mut handles = Vec::new();
    time(&format!("register agents, {frameworks} frameworks later"), agents, || {
        for _ in 0..agents {
            handles.push(world.agent(EACH));
        }
    });
    let mut schedulers = Vec::new();
    time(&format!("subscribe frameworks, {agents} agents"), frameworks, || {
        for number in 0..frameworks {
            schedulers.push(world.subscribe(framework(&format!("r{}", number % 10))));
        }
    });
    (world, handles, schedulers)
}

/// Everybody declines everything until nobody is left to ask.
fn declines(agents: usize, frameworks: usize) {
    let (mut world, _, schedulers) = cluster(agents, frameworks);
    let mut count = 0;
    let start = Instant::now();
    loop {
        let mut any = false;
        for scheduler in &schedulers {
            let offers = world.offers(scheduler);
            if !offers.is_empty() {
                any = true;
                count += offers.len();
                world.decline(scheduler, &offers, 3600.0);
            }
        }
        world.advance(Duration::ZERO);
        if !any {
            break;
        }
    }
    show(
        &format!("offer and decline, {agents} agents, {frameworks} frameworks"),
        count,
        start.elapsed(),
    );
    time("an idle batch after that", 10, || world.advance_secs(10));
    let scheduler = &schedulers[frameworks / 2];
    time("revive one framework: offers of all agents", agents, || {
        world.call(scheduler, mesos::v1::scheduler::CallType::Revive, |_| {});
    });
    let offers = world.offers(scheduler);
    let one = &offers[..1];
    time("decline one offer", 1, || world.decline(scheduler, one, 3600.0));
}

/// One agent, one framework, a storm of short tasks.
fn storm(tasks: usize) {
    let (mut world, agents, schedulers) = cluster(1, 1);
    let (agent, scheduler) = (&agents[0], &schedulers[0]);
    let start = Instant::now();
    let mut launched = 0;
    while launched < tasks {
        let offers = world.offers(scheduler);
        if offers.is_empty() {
            world.advance_secs(1);
            continue;
        }
        for offer in offers {
            let ids: Vec<String> = (0..40).map(|n| format!("t{}", launched + n)).collect();
            launched += ids.len();
            let infos = ids.iter().map(|id| task(id, &offer, "cpus:0.1;mem:8")).collect();
            world.accept(scheduler, &[&offer], infos, 0.0);
            for id in &ids {
                for state in [TaskState::Starting, TaskState::Running, TaskState::Finished] {
                    world.update(agent, scheduler, id, state);
                    world.acknowledge(scheduler, agent, id, state);
                }
            }
            world.received(&agent.pid);
        }
    }
    show("launch, three updates, three acknowledgements", launched, start.elapsed());
}

fn main() {
    storm(20_000);
    declines(1_000, 100);
    declines(10_000, 3);
}
