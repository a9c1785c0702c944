//! A node as a site for its HTTP server, and its counts as metrics.

use crate::http::Realms;
use crate::http::server::{Endpoint, Server, Site, Target};
use crate::metrics::{Desc, MetricError, Metrics, system};
use crate::node::Shared;
use crate::stats::Stats;
use crate::{Node, ProcessSnapshot};
use std::sync::{Arc, Weak};

impl Node {
    /// The authenticator of each realm; all realms are open at first (LP-21).
    pub fn realms(&self) -> &Realms {
        &self.config().http.realms
    }
}

/// Makes a node serve HTTP.
pub(crate) fn attach(node: &Node) {
    let site = NodeSite(Arc::downgrade(node.shared()));
    let metrics = node.metrics().clone();
    let server = register(node.shared(), &metrics)
        .and_then(|()| Server::new(node.config().http.clone(), metrics, Arc::new(site)));
    match server {
        Ok(server) => node.serve_http_with(Box::new(move |stream, peer| {
            let server = server.clone();
            Box::pin(async move { server.serve(stream, peer).await })
        })),
        // The registry is new, so no name in it can be taken.
        Err(error) => tracing::error!("the node serves no HTTP: {error}"),
    }
}

/// Shows the node's counts to Prometheus. Mesos has none of them, so its JSON stays as it is.
fn register(node: &Arc<Shared>, metrics: &Metrics) -> Result<(), MetricError> {
    for (name, help, is_level, read) in Stats::ALL {
        let desc = Desc::new(format!("libprocess/{name}"), help.trim()).prometheus_only();
        let node = Arc::downgrade(node);
        let value = move || node.upgrade().map_or(0, |node| read(node.stats()));
        if *is_level {
            metrics.pull_gauge(desc, move || value() as f64)?;
        } else {
            metrics.pull_counter(desc, value)?;
        }
    }
    let node = Arc::downgrade(node);
    let queued = move || node.upgrade().map_or(0, |node| node.queued()) as f64;
    let help = "Events that wait in the queues of processes.";
    metrics.pull_gauge(Desc::new("libprocess/queued_events", help).prometheus_only(), queued)?;
    system::register(metrics)
}

/// A node that may have been shut down; then it has nothing to show.
struct NodeSite(Weak<Shared>);

impl NodeSite {
    fn node(&self) -> Option<Node> {
        self.0.upgrade().map(Node::from_shared)
    }
}

impl Site for NodeSite {
    fn lookup(&self, path: &str) -> Option<Target> {
        let found = self.node()?.lookup_route(path)?;
        Some(Target {
            process: found.process().to_owned(),
            prefix: found.prefix.clone(),
            endpoint: found.route.path.clone(),
            realm: found.route.realm.clone(),
            deliver: Box::new(move |request, reply| found.handle(request, reply)),
        })
    }

    fn endpoints(&self) -> Vec<(String, Vec<Endpoint>)> {
        let Some(node) = self.node() else { return Vec::new() };
        let mut processes: Vec<(String, Vec<Endpoint>)> = Vec::new();
        for (id, routes) in node.routes() {
            let mut endpoints: Vec<Endpoint> = routes
                .iter()
                .map(|route| Endpoint { path: route.path.clone(), help: route.help.clone() })
                .collect();
            endpoints.sort_by(|a, b| a.path.cmp(&b.path));
            processes.push((id, endpoints));
        }
        processes
    }

    fn processes(&self) -> Vec<ProcessSnapshot> {
        self.node().map(|node| node.processes()).unwrap_or_default()
    }
}
