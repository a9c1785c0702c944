//! The processes of a node by id, and their routes.

use crate::cell::Cell;
use crate::event::Event;
use crate::http::{Help, Reply, Request};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// One endpoint of a process.
#[derive(Clone, Debug)]
pub struct Route {
    /// What follows the id of the process: `/state`, or empty for the process itself.
    pub path: String,
    /// The realm whose authenticator a request must pass (LP-21).
    pub realm: Option<String>,
    /// What `/help` says about it.
    pub help: Help,
}

/// The process that answers a path.
pub struct RouteMatch {
    cell: Arc<Cell>,
    /// The part of the path that chose the route, without a trailing slash: the value for
    /// [`Request::route`].
    pub prefix: String,
    /// The route.
    pub route: Arc<Route>,
}

impl RouteMatch {
    /// The id of the process.
    pub fn process(&self) -> &str {
        self.cell.id()
    }

    /// Hands the request to the process. If it has ended meanwhile, the reply says 500.
    pub fn handle(self, request: Request, reply: Reply) {
        self.cell.deliver(Event::Http(Box::new((request, reply))));
    }
}

#[derive(Default)]
pub(crate) struct Table {
    inner: RwLock<Inner>,
}

#[derive(Default)]
struct Inner {
    processes: HashMap<Arc<str>, Arc<Cell>, foldhash::fast::RandomState>,
    routes: BTreeMap<Arc<str>, Vec<Arc<Route>>>,
    /// The last number given to each prefix of `spawn_unique`.
    numbers: HashMap<String, u64>,
    /// Set when the node shuts down: nothing is spawned any more.
    closed: bool,
}

/// Why a process is not in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Taken,
    Closed,
}

impl Table {
    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Inner> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn get(&self, id: &str) -> Option<Arc<Cell>> {
        self.read().processes.get(id).cloned()
    }

    pub fn insert(&self, cell: &Arc<Cell>) -> Result<(), Refusal> {
        let mut inner = self.write();
        if inner.closed {
            return Err(Refusal::Closed);
        }
        if inner.processes.contains_key(cell.id()) {
            return Err(Refusal::Taken);
        }
        inner.processes.insert(cell.id().clone(), cell.clone());
        Ok(())
    }

    /// An id `prefix(n)` that nobody has had.
    pub fn unique_id(&self, prefix: &str) -> Arc<str> {
        let mut inner = self.write();
        loop {
            let number = inner.numbers.entry(prefix.to_owned()).or_default();
            *number += 1;
            let id = format!("{prefix}({number})");
            if !inner.processes.contains_key(id.as_str()) {
                return id.into();
            }
        }
    }

    /// Removes a process and its routes.
    pub fn remove(&self, cell: &Arc<Cell>) {
        let mut inner = self.write();
        if inner.processes.get(cell.id()).is_some_and(|known| Arc::ptr_eq(known, cell)) {
            inner.processes.remove(cell.id());
            inner.routes.remove(cell.id());
        }
    }

    /// Refuses new processes from now on.
    pub fn close(&self) {
        self.write().closed = true;
    }

    pub fn all(&self) -> Vec<Arc<Cell>> {
        let mut all: Vec<_> = self.read().processes.values().cloned().collect();
        all.sort_by(|a, b| a.id().cmp(b.id()));
        all
    }

    /// Adds a route, in the place of one with the same path.
    pub fn add_route(&self, cell: &Arc<Cell>, route: Route) {
        let mut inner = self.write();
        if !inner.processes.get(cell.id()).is_some_and(|known| Arc::ptr_eq(known, cell)) {
            return;
        }
        let routes = inner.routes.entry(cell.id().clone()).or_default();
        routes.retain(|known| known.path != route.path);
        routes.push(Arc::new(route));
        // The longest first, so that the first match is the longest.
        routes.sort_by(|a, b| b.path.len().cmp(&a.path.len()).then_with(|| a.path.cmp(&b.path)));
    }

    /// Every process that has routes, with them.
    pub fn routes(&self) -> Vec<(String, Vec<Arc<Route>>)> {
        let inner = self.read();
        inner.routes.iter().map(|(id, routes)| (id.to_string(), routes.clone())).collect()
    }

    /// The route for a decoded path: of the process that its first segment names, else of the
    /// delegate; of those that match, the longest (LP-14).
    pub fn lookup_route(&self, path: &str, delegate: Option<&str>) -> Option<RouteMatch> {
        let inner = self.read();
        let path = path.strip_prefix('/')?;
        let (id, rest) = path.split_at(path.find('/').unwrap_or(path.len()));
        if let Some((cell, route)) = inner.find(id, rest) {
            let prefix = format!("/{id}{}", route.path);
            return Some(RouteMatch { cell, prefix, route });
        }
        let whole = format!("/{path}");
        let (cell, route) = inner.find(delegate?, &whole)?;
        Some(RouteMatch { cell, prefix: route.path.clone(), route })
    }
}

impl Inner {
    fn find(&self, id: &str, rest: &str) -> Option<(Arc<Cell>, Arc<Route>)> {
        let cell = self.processes.get(id)?;
        let route = self.routes.get(id)?.iter().find(|route| {
            rest.strip_prefix(route.path.as_str())
                .is_some_and(|below| below.is_empty() || below.starts_with('/'))
        })?;
        Some((cell.clone(), route.clone()))
    }
}
