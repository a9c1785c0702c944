//! The actor layer: local and remote messages, links.

mod links;
mod local;
mod raw_actix;
pub mod remote;

use crate::report::Report;
use libprocess::{Node, NodeConfig};

/// A node as daemons have it: the environment may say how many workers.
fn node() -> Node {
    let config = NodeConfig::from_env().expect("the environment is right");
    Node::start(config).expect("a node starts")
}

/// Measures everything of this folder.
pub fn run(report: &mut Report) {
    local::run(report);
    remote::run(report);
    links::run(report);
}
