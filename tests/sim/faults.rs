//! What goes wrong. Each seed draws its own mix: a world in which everything fails at once hides
//! the failures that need one thing to work for a while.

use std::time::Duration;

use crate::network::Endpoint;
use crate::world::{Action, World};

/// How unkind this world is.
#[derive(Debug, Clone)]
pub struct Faults {
    /// How many of a thousand messages are lost.
    pub drop_thousandths: u32,
    /// How many of a thousand messages come very late.
    pub late_thousandths: u32,
    /// Which kinds of faults occur, by index in [`Kind::ALL`].
    kinds: Vec<Kind>,
    /// The mean time between two faults.
    interval: Duration,
    /// Whether the storm is over.
    pub over: bool,
}

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    KillMaster,
    KillAgent,
    RebootAgent,
    KillExecutor,
    BreakConnection,
    CutAgent,
    CutOneWay,
    BreakStream,
}

impl Kind {
    const ALL: [Kind; 8] = [
        Kind::KillMaster,
        Kind::KillAgent,
        Kind::RebootAgent,
        Kind::KillExecutor,
        Kind::BreakConnection,
        Kind::CutAgent,
        Kind::CutOneWay,
        Kind::BreakStream,
    ];
}

/// One fault, or the end of one.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    Strike(Kind),
    Join(Endpoint, Endpoint),
}

impl Faults {
    /// The mix of this seed.
    pub fn draw(rng: &mut fastrand::Rng) -> Self {
        let kinds = Kind::ALL.into_iter().filter(|_| rng.bool()).collect();
        Self {
            drop_thousandths: if rng.bool() { rng.u32(0..50) } else { 0 },
            late_thousandths: if rng.bool() { rng.u32(0..50) } else { 0 },
            kinds,
            interval: Duration::from_secs(rng.u64(5..120)),
            over: false,
        }
    }
}

impl World {
    /// Plans the next fault, while the storm lasts.
    pub fn plan_fault(&mut self) {
        if self.faults.over || self.faults.kinds.is_empty() {
            return;
        }
        let kinds = self.faults.kinds.clone();
        let kind = kinds[self.rng.usize(0..kinds.len())];
        let mean = self.faults.interval.as_millis() as u64;
        let wait = self.millis(1..2 * mean);
        self.after(wait, Action::Fault(Fault::Strike(kind)));
    }

    /// A fault strikes or ends.
    pub fn strike(&mut self, fault: Fault) {
        match fault {
            Fault::Join(from, to) => {
                self.note(|| format!("{from} reaches {to} again"));
                self.join(from, to);
            }
            Fault::Strike(kind) => self.strike_kind(kind),
        }
    }

    fn strike_kind(&mut self, kind: Kind) {
        let agent = self.rng.usize(0..self.agents.len());
        let (one, other) = (Endpoint::Master, Endpoint::Agent(agent));
        match kind {
            Kind::KillMaster => {
                self.kill_master();
                let wait = self.millis(10..30_000);
                self.after(wait, Action::StartMaster);
            }
            Kind::KillAgent => self.kill_agent(agent, false),
            Kind::RebootAgent => self.kill_agent(agent, true),
            Kind::KillExecutor => {
                let alive: Vec<_> = self.executors.keys().copied().collect();
                if !alive.is_empty() {
                    let executor = alive[self.rng.usize(0..alive.len())];
                    self.note(|| format!("executor {} is killed", executor.0));
                    self.executor_ends(executor, Some(9));
                }
            }
            Kind::BreakConnection => {
                self.note(|| format!("the connection between {one} and {other} breaks"));
                self.break_connection(one, other);
            }
            Kind::CutAgent => {
                self.cut_for_a_while(one, other, true);
                self.cut_for_a_while(other, one, false);
            }
            Kind::CutOneWay => {
                let noticed = self.rng.bool();
                let (from, to) = if self.rng.bool() { (one, other) } else { (other, one) };
                self.cut_for_a_while(from, to, noticed);
            }
            Kind::BreakStream => {
                let streams: Vec<_> = self.master.streams.iter().map(|(c, s)| (*c, *s)).collect();
                if !streams.is_empty() {
                    let (connection, scheduler) = streams[self.rng.usize(0..streams.len())];
                    self.note(|| format!("the stream of scheduler {scheduler} breaks"));
                    self.break_connection(Endpoint::Master, Endpoint::Scheduler(scheduler));
                    self.scheduler_disconnected(scheduler, connection);
                    self.close_stream(connection);
                }
            }
        }
    }

    fn cut_for_a_while(&mut self, from: Endpoint, to: Endpoint, noticed: bool) {
        let span = self.millis(1_000..200_000);
        self.note(|| format!("{from} does not reach {to} for {span:?}"));
        self.network.cut(from, to);
        if noticed {
            self.break_connection(from, to);
        }
        self.after(span, Action::Fault(Fault::Join(from, to)));
    }
}
