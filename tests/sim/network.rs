//! The network: in order per sender and receiver, at most once, and never to be trusted.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use mesos::time::Time;

use crate::executor::ExecutorId;
use crate::world::{Action, Message, World};

/// Who sends and receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Endpoint {
    Master,
    Agent(usize),
    Executor(ExecutorId),
    Scheduler(usize),
    Operator,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Master => f.write_str("master"),
            Self::Agent(agent) => write!(f, "agent {agent}"),
            Self::Executor(executor) => write!(f, "executor {}", executor.0),
            Self::Scheduler(scheduler) => write!(f, "scheduler {scheduler}"),
            Self::Operator => f.write_str("operator"),
        }
    }
}

/// Connections, links and cuts.
#[derive(Debug, Default)]
pub struct Network {
    /// How often the connection between two endpoints has broken.
    connections: BTreeMap<(Endpoint, Endpoint), u64>,
    /// When the last message from one to the other arrives: none may overtake it.
    arrivals: BTreeMap<(Endpoint, Endpoint), Time>,
    /// Who wants to know when its connection to whom breaks.
    links: BTreeSet<(Endpoint, Endpoint)>,
    /// What does not get through, by sender and receiver, and whether anything was lost by it.
    cuts: BTreeMap<(Endpoint, Endpoint), bool>,
}

impl Network {
    /// Whether a message gets through that was sent on this connection.
    pub fn gets_through(&mut self, from: &Endpoint, to: &Endpoint, connection: u64) -> bool {
        if let Some(lost) = self.cuts.get_mut(&(*from, *to)) {
            *lost = true;
            return false;
        }
        self.connection(from, to) == connection
    }

    fn connection(&self, one: &Endpoint, other: &Endpoint) -> u64 {
        self.connections.get(&pair(one, other)).copied().unwrap_or(0)
    }

    /// Messages from one to the other vanish from now on.
    pub fn cut(&mut self, from: Endpoint, to: Endpoint) {
        self.cuts.insert((from, to), false);
    }
}

fn pair(one: &Endpoint, other: &Endpoint) -> (Endpoint, Endpoint) {
    if one <= other { (*one, *other) } else { (*other, *one) }
}

impl World {
    /// Sends a message, which may arrive.
    pub fn send(&mut self, from: Endpoint, to: Endpoint, message: Message) {
        let local = matches!(from, Endpoint::Executor(_)) || matches!(to, Endpoint::Executor(_));
        let stream = matches!(to, Endpoint::Scheduler(_));
        if !local && !stream && !self.faults.over && self.chance(self.faults.drop_thousandths) {
            // Over TCP a message is lost only together with its connection.
            self.note(|| format!("a message from {from} to {to} is lost: {}", brief(&message)));
            return self.break_connection(from, to);
        }
        let delay = if local { self.millis(0..3) } else { self.delay() };
        let earliest = self.now + delay;
        let last = self.network.arrivals.entry((from, to)).or_insert(earliest);
        *last = earliest.max(*last);
        let (at, connection) = (*last, self.network.connection(&from, &to));
        self.at(at, Action::Arrive { from, to, connection, message });
    }

    fn delay(&mut self) -> Duration {
        // Most messages are quick; a few are very late, and others overtake them.
        if !self.faults.over && self.chance(self.faults.late_thousandths) {
            self.millis(100..20_000)
        } else {
            self.millis(1..20)
        }
    }

    /// Has `linker` told when its connection to `peer` breaks. A new link replaces an old one.
    pub fn link(&mut self, linker: Endpoint, peer: Endpoint) {
        self.network.links.insert((linker, peer));
        if self.incarnation(&peer).is_none() || self.network.cuts.contains_key(&(linker, peer)) {
            self.break_link(linker, peer);
        }
    }

    /// Messages from one to the other get through again. If any was lost meanwhile, the
    /// connection does not survive: TCP loses nothing in the middle.
    pub fn join(&mut self, from: Endpoint, to: Endpoint) {
        if self.network.cuts.remove(&(from, to)) == Some(true) {
            self.break_connection(from, to);
        }
    }

    /// Joins everything that is cut.
    pub fn join_all(&mut self) {
        let cuts: Vec<_> = self.network.cuts.keys().copied().collect();
        for (from, to) in cuts {
            self.join(from, to);
        }
    }

    fn break_link(&mut self, linker: Endpoint, peer: Endpoint) {
        if !self.network.links.remove(&(linker, peer)) {
            return;
        }
        if let Some(incarnation) = self.incarnation(&linker) {
            let delay = self.delay();
            self.after(delay, Action::Exited { linker, peer, incarnation });
        }
    }

    /// Breaks the connection between two endpoints: what is under way is lost, and both ends that
    /// have linked learn of it.
    pub fn break_connection(&mut self, one: Endpoint, other: Endpoint) {
        *self.network.connections.entry(pair(&one, &other)).or_default() += 1;
        self.break_link(one, other);
        self.break_link(other, one);
    }

    /// Breaks all connections of an endpoint that is no more.
    pub fn break_all(&mut self, dead: Endpoint) {
        let mut others: BTreeSet<Endpoint> = self.network.links.iter().copied().fold(
            BTreeSet::new(),
            |mut others, (linker, peer)| {
                others.extend((linker == dead).then_some(peer));
                others.extend((peer == dead).then_some(linker));
                others
            },
        );
        others.extend(self.network.arrivals.keys().filter_map(|(from, to)| {
            (*from == dead).then_some(*to).or((*to == dead).then_some(*from))
        }));
        // The dead one learns nothing.
        self.network.links.retain(|(linker, _)| *linker != dead);
        for other in others {
            self.break_connection(dead, other);
        }
        self.network.arrivals.retain(|(from, to), _| *from != dead && *to != dead);
    }
}

/// A message in a few words.
pub fn brief(message: &Message) -> String {
    match message {
        Message::AgentToMaster(message) => message.name().to_owned(),
        Message::MasterToAgent(message) => message.name().to_owned(),
        Message::ExecutorToAgent(message) => message.name().to_owned(),
        Message::AgentToExecutor(message) => message.name().to_owned(),
        Message::ExecutorCall { call, .. } => {
            format!("call {}", call.r#type.map_or("?", |kind| kind.as_str()))
        }
        Message::ExecutorEvent { event, .. } => {
            format!("event {}", event.r#type.map_or("?", |kind| kind.as_str()))
        }
        Message::Call { call, .. } | Message::Subscribe { call, .. } => {
            call.r#type.map_or("?", |kind| kind.as_str()).to_owned()
        }
        Message::Response { response, .. } => format!("{} {}", response.status, response.body),
        Message::Event { event, .. } => {
            format!("event {}", event.r#type.map_or("?", |kind| kind.as_str()))
        }
        Message::Closed { .. } => "closed".to_owned(),
    }
}
