//! The actor layer: local and remote messages, links.

mod links;
mod local;
mod raw_actix;
pub mod remote;

use crate::report::Report;

/// Measures everything of this folder.
pub fn run(report: &mut Report) {
    local::run(report);
    remote::run(report);
    links::run(report);
}
