//! The agent's endpoints, with and without `/slave(1)` in front.
//!
//! Those that read answer from the last state of the agent, off its thread, and whatever the
//! method: so do Mesos's, and clients `POST` to them. Reading order: this file, [`state`]
//! (`/state`), [`view`] (frameworks, executors and tasks in it), [`files`] and [`sandboxes`]
//! (`/files`), [`media`] (JSON and MessagePack), [`executor`] and [`streams`]
//! (`/api/v1/executor`), [`containers`] (`/containers`), [`api`] (`/api/v1`).

pub(crate) mod api;
pub(crate) mod containers;
mod executor;
pub(crate) mod files;
mod media;
pub(crate) mod sandboxes;
pub(crate) mod state;
pub(crate) mod streams;
pub(crate) mod view;

use std::collections::BTreeMap;
use std::sync::Arc;

use libprocess::http::{Help, Reply, Request, Response};
use libprocess::{Context, Process, build};
use serde::Serialize;
use slave_core::AgentState;

use crate::process::AgentProcess;
use crate::shared::Shared;
use crate::{MESOS_VERSION, VERSION};

/// Adds all endpoints of the agent to its process.
pub(crate) fn install(context: &mut Context<AgentProcess>, shared: &Arc<Shared>) {
    let endpoint = |path: &str, tldr: &str| (path.to_owned(), Help::new(tldr));
    let (path, help) = endpoint("/health", "Health check of the agent.");
    context.route(&path, help.authentication(false), |_, _, _, reply| reply.send(Response::ok()));
    let (path, help) = endpoint("/version", "Which release the agent is.");
    context.route(&path, help.authentication(false), |_, _, _, reply| {
        reply.send(Response::json(&Version::default()));
    });
    let (path, help) = endpoint("/flags", "The flags that the agent runs with.");
    let flags = shared.clone();
    context.route(&path, help.authentication(true), move |_, _, _, reply| {
        reply.send(Response::json(&FlagsView { flags: &flags.flags }));
    });
    api::install(context);
    containers::install(context, shared);
    for path in ["/state", "/state.json"] {
        let help = Help::new("What the agent knows: resources, frameworks, executors, tasks.")
            .authentication(true);
        let shared = shared.clone();
        context.route(path, help, move |_, context, request, reply| {
            let shared = shared.clone();
            off_thread(context, request, reply, move |_| state_response(&shared));
        });
    }
    executor::install(context);
}

fn state_response(shared: &Shared) -> Response {
    let snapshot = shared.snapshot();
    if snapshot.state == AgentState::Recovering {
        return unavailable();
    }
    Response::ok_json(mesos::json::to_vec(&state::StateView::new(&snapshot, shared)))
}

pub(crate) fn unavailable() -> Response {
    let status = libprocess::http::StatusCode::SERVICE_UNAVAILABLE;
    Response::text(status, "Agent has not finished recovery")
}

/// Answers from a thread that may block and take its time.
pub(crate) fn off_thread<P: Process>(
    context: &Context<P>,
    request: Request,
    reply: Reply,
    response: impl FnOnce(&Request) -> Response + Send + 'static,
) {
    context.node().handle().spawn_blocking(move || reply.send(response(&request)));
}

#[derive(Serialize)]
struct FlagsView<'a> {
    flags: &'a BTreeMap<String, String>,
}

/// The answer of `/version`: `version` is the level of Mesos's API, which clients compare; the
/// release of the product stands beside it.
#[derive(Serialize)]
struct Version {
    build_date: String,
    build_time: f64,
    build_user: &'static str,
    product_version: &'static str,
    version: &'static str,
}

impl Default for Version {
    fn default() -> Self {
        Self {
            build_date: build::date(),
            build_time: build::time(),
            build_user: build::user(),
            product_version: VERSION,
            version: MESOS_VERSION,
        }
    }
}
