//! What a server serves: processes and their routes, as far as HTTP needs to know them.

use crate::ProcessSnapshot;
use crate::http::{Help, Reply, Request};

/// Finds the handler of a path. A node is one.
pub trait Site: Send + Sync + 'static {
    /// The handler of a decoded path; of several, the one with the longest route.
    fn lookup(&self, path: &str) -> Option<Target>;

    /// Every process that has endpoints, with them, by id.
    fn endpoints(&self) -> Vec<(String, Vec<Endpoint>)>;

    /// Every process with what waits in its queue (LP-19).
    fn processes(&self) -> Vec<ProcessSnapshot>;
}

/// The handler of a path.
pub struct Target {
    /// The id of the process.
    pub process: String,
    /// The part of the path that chose the handler.
    pub prefix: String,
    /// The same below the id of the process: `/state`.
    pub endpoint: String,
    /// The realm whose authenticator a request must pass.
    pub realm: Option<String>,
    /// Hands a request over.
    pub deliver: Box<dyn FnOnce(Request, Reply) + Send>,
}

/// An endpoint as help pages show it.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// What follows the id of the process: `/state`.
    pub path: String,
    /// What it says about itself.
    pub help: Help,
}
