//! The simulator: masters' and agents' cores in one thread, in a seeded world of faults.
//!
//! Everything but the cores is simulated: time, the network, disks, containers, executors and
//! schedulers. A seed decides every delay and every fault, so that a run can be repeated exactly.
//! After each step all [`invariants`] are checked; after the faults the world heals, and then
//! everything that was begun must come to its end.
//!
//! ```text
//! SIM_SEED=42 cargo test -p mesos-tests --test sim one_seed -- --nocapture     replay one seed
//! SIM_SEEDS=10000 cargo test -p mesos-tests --test sim many_seeds              try many
//! ```
//!
//! Reading order: [`world`] (time and what happens next), [`network`], [`master_host`],
//! [`agent_host`] with its [`disk`], [`executor`] with
//! [`executor_api`], [`scheduler`], [`operator`], [`faults`], [`invariants`].

mod agent_host;
mod disk;
mod executor;
mod executor_api;
mod faults;
mod invariants;
mod master_host;
mod network;
mod operator;
mod scheduler;
mod world;

use std::time::Duration;

use world::{Failure, World};

/// Faults strike for this long.
const STORM: Duration = Duration::from_secs(600);
/// Then everything must come to its end within this time: Mesos's longest time-out that can be in
/// the way is the retry of an update, ten minutes, and the return of an agent, ten minutes.
const CALM: Duration = Duration::from_secs(3600);

/// Runs one seed to its end and tells the fingerprint of everything that happened.
fn run(seed: u64, verbose: bool) -> Result<u64, Failure> {
    let mut world = World::new(seed, verbose);
    world.run_for(STORM)?;
    world.heal();
    world.run_until_settled(CALM)?;
    Ok(world.fingerprint())
}

/// Runs a seed and, if it fails, says how to see it again.
fn expect_to_hold(seed: u64, verbose: bool) -> u64 {
    match run(seed, verbose) {
        Ok(fingerprint) => fingerprint,
        Err(failure) => panic!(
            "seed {seed}: {failure}\nreplay: SIM_SEED={seed} cargo test -p mesos-tests --test sim \
             one_seed -- --nocapture"
        ),
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|error| panic!("{variable}={text}: {error}")))
}

#[test]
fn many_seeds() {
    let count = number("SIM_SEEDS").unwrap_or(200);
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || {
                for seed in (0..count).filter(|seed| seed % threads == thread) {
                    expect_to_hold(seed, false);
                }
            });
        }
    });
}

#[test]
fn one_seed() {
    let seed = number("SIM_SEED");
    expect_to_hold(seed.unwrap_or(7), seed.is_some());
}

#[test]
fn same_seed_same_run() {
    for seed in [1, 2, 3] {
        assert_eq!(expect_to_hold(seed, false), expect_to_hold(seed, false), "seed {seed}");
    }
}
