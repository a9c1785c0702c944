//! Dominant resource fairness: who is to be served next (rows AL-04, AL-05).
//!
//! A client's *share* of a resource is what it holds of it over what the cluster has of it; its
//! dominant share is the largest of these, over its weight. The client with the smallest dominant
//! share comes first; between equals the one that was served less often, then the smaller name.
//!
//! Clients are kept in order: serving one moves one, whatever the number of clients. When the
//! cluster grows or shrinks every share changes, and the order is computed anew on its next use.
//!
//! Clients are flat here: `a/b` is a client beside `a`. A tree (row AL-07) fits behind the same
//! interface: paths as names, shares summed along them, [`Sorter::iter`] in depth-first order.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use mesos::resources::Quantities;

/// Clients in the order in which they are to be served.
#[derive(Debug)]
pub struct Sorter<C> {
    clients: BTreeMap<C, Client>,
    order: BTreeSet<(Rank, C)>,
    total: Quantities,
    is_stale: bool,
}

#[derive(Debug)]
struct Client {
    weight: f64,
    allocated: Quantities,
    /// How often this client was served.
    served: u64,
    /// Where it stands in the order; absent while it wants nothing.
    rank: Option<Rank>,
}

/// What decides the order, most important first.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Rank {
    share: f64,
    served: u64,
}

impl Eq for Rank {}

impl Ord for Rank {
    fn cmp(&self, other: &Self) -> Ordering {
        self.share.total_cmp(&other.share).then(self.served.cmp(&other.served))
    }
}

impl PartialOrd for Rank {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<C: Ord + Clone> Sorter<C> {
    /// A sorter without clients, in a cluster that has `total`.
    pub fn new(total: Quantities) -> Self {
        Self { clients: BTreeMap::new(), order: BTreeSet::new(), total, is_stale: false }
    }

    /// Adds a client that wants nothing yet. Nothing happens if it is there.
    pub fn add(&mut self, name: &C, weight: f64) {
        let client = Client { weight, allocated: Quantities::default(), served: 0, rank: None };
        self.clients.entry(name.clone()).or_insert(client);
    }

    /// Forgets a client and what it holds.
    pub fn remove(&mut self, name: &C) {
        self.deactivate(name);
        self.clients.remove(name);
    }

    /// Whether there is such a client.
    pub fn contains(&self, name: &C) -> bool {
        self.clients.contains_key(name)
    }

    /// How many clients there are.
    pub fn len(&self) -> usize {
        self.clients.len()
    }

    /// Whether there are no clients.
    pub fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }

    /// From now on the client wants to be served.
    pub fn activate(&mut self, name: &C) {
        if let Some(client) = self.clients.get_mut(name)
            && client.rank.is_none()
        {
            let rank = client.rank(&self.total);
            client.rank = Some(rank);
            self.order.insert((rank, name.clone()));
        }
    }

    /// From now on the client wants nothing.
    pub fn deactivate(&mut self, name: &C) {
        if let Some(rank) = self.clients.get_mut(name).and_then(|client| client.rank.take()) {
            self.order.remove(&(rank, name.clone()));
        }
    }

    /// Whether the client wants to be served.
    pub fn is_active(&self, name: &C) -> bool {
        self.clients.get(name).is_some_and(|client| client.rank.is_some())
    }

    /// Whether any client wants to be served.
    pub fn has_active(&self) -> bool {
        !self.order.is_empty()
    }

    /// The client is served.
    pub fn allocated(&mut self, name: &C, quantities: &Quantities) {
        self.change(name, |client| {
            client.allocated += quantities;
            client.served += 1;
        });
    }

    /// The client held this before this sorter knew it: it is counted, but was not served.
    pub fn holds(&mut self, name: &C, quantities: &Quantities) {
        self.change(name, |client| client.allocated += quantities);
    }

    /// The client gives something back.
    pub fn unallocated(&mut self, name: &C, quantities: &Quantities) {
        self.change(name, |client| client.allocated -= quantities);
    }

    /// The client's weight has changed.
    pub fn set_weight(&mut self, name: &C, weight: f64) {
        self.change(name, |client| client.weight = weight);
    }

    /// The cluster has grown or shrunk.
    pub fn set_total(&mut self, total: Quantities) {
        self.total = total;
        self.is_stale = true;
    }

    /// The client's dominant share, over its weight.
    pub fn share(&self, name: &C) -> f64 {
        self.clients.get(name).map_or(0.0, |client| client.rank(&self.total).share)
    }

    /// What the client holds.
    pub fn allocation(&self, name: &C) -> Option<&Quantities> {
        self.clients.get(name).map(|client| &client.allocated)
    }

    /// Brings the order up to date. [`Sorter::iter`] is right only after this.
    pub fn refresh(&mut self) {
        if !std::mem::take(&mut self.is_stale) {
            return;
        }
        self.order.clear();
        for (name, client) in &mut self.clients {
            if client.rank.is_some() {
                let rank = client.rank(&self.total);
                client.rank = Some(rank);
                self.order.insert((rank, name.clone()));
            }
        }
    }

    /// The clients that want to be served, the neediest first.
    pub fn iter(&self) -> impl Iterator<Item = &C> {
        debug_assert!(!self.is_stale, "the order is used before it is refreshed");
        self.order.iter().map(|(_, name)| name)
    }

    /// The clients that want to be served, in no particular order.
    pub fn active(&self) -> impl Iterator<Item = &C> {
        self.order.iter().map(|(_, name)| name)
    }

    fn change(&mut self, name: &C, change: impl FnOnce(&mut Client)) {
        let Some(client) = self.clients.get_mut(name) else { return };
        change(client);
        let Some(old) = client.rank else { return };
        let new = client.rank(&self.total);
        client.rank = Some(new);
        let mut entry = (old, name.clone());
        self.order.remove(&entry);
        entry.0 = new;
        self.order.insert(entry);
    }
}

impl Client {
    fn rank(&self, total: &Quantities) -> Rank {
        let share = self
            .allocated
            .iter()
            .filter_map(|(name, held)| {
                let all = total.get(name);
                (!all.is_zero()).then(|| held.to_f64() / all.to_f64())
            })
            .fold(0.0, f64::max);
        Rank { share: share / self.weight, served: self.served }
    }
}
