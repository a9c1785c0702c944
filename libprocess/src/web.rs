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
