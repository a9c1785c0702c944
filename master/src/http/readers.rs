//! Requests that only read: they are rendered from a snapshot, off the master's thread.
//!
//! Requests for the same thing that arrive together share one rendering (row RL-05), and few
//! renderings run at once: under a storm of readers, the answers are fewer and shared by more.

use std::collections::VecDeque;

use libprocess::Context;
use libprocess::http::{Help, Reply, Request, Response};
use mesos::json;
use mesos::v1::master::CallType;

use super::media::{Codec as _, MediaType};
use super::{Realm, route_leader};
use crate::process::MasterProcess;
use crate::render::lists::TaskPage;
use crate::render::{View, getters, lists, registry, roles, state, summary, v1};

/// How many renderings run at once. More would take the processors from the master itself.
const MAX_RENDERINGS: usize = 2;

/// Something that can be read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum What {
    /// `/state`
    State,
    /// `/state-summary`
    Summary,
    /// `/slaves`, of one agent if it is named
    Slaves(Option<String>),
    /// `/frameworks`, one framework if it is named
    Frameworks(Option<String>),
    /// `/tasks`
    Tasks(TaskPage),
    /// `/roles`
    Roles,
    /// `/maintenance/schedule`
    MaintenanceSchedule,
    /// `/maintenance/status`
    MaintenanceStatus,
    /// `/registrar(1)/registry`
    Registry,
    /// A getter of the operator API
    Getter(CallType, MediaType),
}

impl What {
    fn render(&self, view: &View) -> Response {
        let json = match self {
            Self::State => state::render(view),
            Self::Summary => summary::render(view),
            Self::Slaves(id) => lists::slaves(view, id.as_deref()),
            Self::Frameworks(id) => lists::frameworks(view, id.as_deref()),
            Self::Tasks(page) => lists::tasks(view, page),
            Self::Roles => roles::render(view),
            Self::MaintenanceSchedule => json::to_vec(&view.snapshot.maintenance_schedule()),
            Self::MaintenanceStatus => json::to_vec(&view.snapshot.maintenance_status()),
            Self::Registry => registry::render(view),
            Self::Getter(kind, media) => {
                return match v1::getter(view, *kind) {
                    Some(answer) => {
                        let body = match media {
                            MediaType::Json => getters::to_json(&answer),
                            MediaType::Msgpack | MediaType::MsgpackShort => media.write(&answer),
                        };
                        Response::ok().with_body(media.name(), body)
                    }
                    None => super::operator::not_implemented(*kind),
                };
            }
        };
        Response::ok_json(json)
    }
}

/// Readers that wait, in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Readers {
    waiting: VecDeque<(What, Vec<Reply>)>,
    running: usize,
    /// Whether a look at `waiting` is queued.
    scheduled: bool,
}

impl MasterProcess {
    /// Answers a reader, soon.
    pub(crate) fn read(&mut self, context: &mut Context<Self>, what: What, reply: Reply) {
        let readers = &mut self.readers;
        match readers.waiting.iter_mut().find(|(other, _)| *other == what) {
            Some((_, replies)) => {
                self.metrics.reader_shared();
                return replies.push(reply);
            }
            None => readers.waiting.push_back((what, vec![reply])),
        }
        // Behind what is queued already, so that requests that came together are read together.
        if !std::mem::replace(&mut readers.scheduled, true) {
            context.dispatch(&context.pid().clone(), Self::render_waiting);
        }
    }

    fn render_waiting(&mut self, context: &mut Context<Self>) {
        self.readers.scheduled = false;
        while self.readers.running < MAX_RENDERINGS {
            let Some((what, replies)) = self.readers.waiting.pop_front() else { return };
            let view = self.view();
            if !view.snapshot.recovered {
                let answer = || Response::service_unavailable("Master has not finished recovery");
                replies.into_iter().for_each(|reply| reply.send(answer()));
                continue;
            }
            self.readers.running += 1;
            context.block_then(
                move || answer(&what, &view, replies),
                |process, context, ()| {
                    process.readers.running -= 1;
                    process.render_waiting(context);
                },
            );
        }
    }

    /// What there is to be shown now.
    pub(crate) fn view(&self) -> View {
        View {
            snapshot: self.core.snapshot(),
            info: self.info.clone(),
            leader: self.leader.clone(),
            started: self.started,
            config: self.config.clone(),
        }
    }
}

fn answer(what: &What, view: &View, replies: Vec<Reply>) {
    let response = what.render(view);
    for reply in replies {
        let mut copy = Response::new(response.status);
        copy.headers.clone_from(&response.headers);
        if let Some(bytes) = response.body_bytes() {
            copy.body = libprocess::http::Body::Bytes(bytes.clone());
        }
        reply.send(copy);
    }
}

pub(super) fn install(context: &mut Context<MasterProcess>) {
    let state = "Information about state of master.";
    for path in ["/state", "/state.json"] {
        route(context, path, state, |_| What::State);
    }
    let summary = "Summary of agents, tasks, and registered frameworks in cluster.";
    route(context, "/state-summary", summary, |_| What::Summary);
    route(context, "/slaves", "Information about agents.", |request| {
        What::Slaves(request.query("slave_id").map(str::to_owned))
    });
    route(context, "/frameworks", "Exposes the frameworks info.", |request| {
        What::Frameworks(request.query("framework_id").map(str::to_owned))
    });
    route(context, "/tasks", "Lists tasks from all active frameworks.", |request| {
        What::Tasks(task_page(request))
    });
    route(context, "/roles", "Information about roles.", |_| What::Roles);
}

fn task_page(request: &Request) -> TaskPage {
    let number =
        |name, default| request.query(name).and_then(|text| text.parse().ok()).unwrap_or(default);
    TaskPage {
        framework_id: request.query("framework_id").map(str::to_owned),
        task_id: request.query("task_id").map(str::to_owned),
        limit: number("limit", 100),
        offset: number("offset", 0),
        ascending: request.query("order") == Some("asc"),
    }
}

fn route(
    context: &mut Context<MasterProcess>,
    path: &str,
    tldr: &str,
    what: impl Fn(&Request) -> What + Send + 'static,
) {
    let help = Help::new(tldr)
        .description("Returns 307 to the leading master if this one does not lead.")
        .description("Returns 503 if no leader is known, or it has not finished recovery.")
        .authentication(true);
    route_leader(context, path, Realm::ReadOnly, help, move |process, context, request, reply| {
        process.read(context, what(&request), reply);
    });
}
