//! The calls about nested and standalone containers: they are put to the core, and wait here for
//! its answer.

use std::collections::HashMap;

use libprocess::Context;
use libprocess::http::{Reply, Response, StatusCode};
use mesos::executor_info::CommandInfo;
use mesos::ids::ContainerId;
use mesos::task::TaskResourceLimitation;
use mesos::v1::agent::{
    self, Call, CallType, ResponseType, WaitContainerResponse, WaitNestedContainerResponse,
};
use nix::sys::signal::Signal;
use slave_core::containers::call::{
    ContainerAnswer, ContainerCall, ContainerEvent, ContainerLaunch, ContainerRequest,
};
use slave_core::event::{ContainerTermination, Event};

use super::content::Accept;
use super::{answer_with, session};
use crate::http::media::MediaType;
use crate::process::AgentProcess;

/// Calls that wait for the core's answer. There are as many as clients that wait: whoever goes
/// away is forgotten.
#[derive(Debug, Default)]
pub(crate) struct ContainerCalls {
    last: u64,
    waiting: HashMap<ContainerRequest, Waiting>,
}

#[derive(Debug)]
struct Waiting {
    kind: CallType,
    accept: Accept,
    reply: Reply,
    /// The session that is being launched.
    session: Option<ContainerId>,
}

/// The call as the core takes it, if it is about containers.
pub(super) fn call(kind: CallType, call: Call) -> Option<ContainerCall> {
    let command = |command: Option<Box<CommandInfo>>| command.map(|one| *one).unwrap_or_default();
    let signal = |signal: Option<i32>| signal.unwrap_or(Signal::SIGKILL as i32);
    Some(match kind {
        CallType::LaunchNestedContainer => {
            let body = call.launch_nested_container?;
            ContainerCall::Launch(Box::new(ContainerLaunch {
                container: body.container_id,
                command: command(body.command),
                info: body.container,
                ..ContainerLaunch::default()
            }))
        }
        CallType::LaunchNestedContainerSession => {
            let body = call.launch_nested_container_session?;
            ContainerCall::Launch(Box::new(ContainerLaunch {
                container: body.container_id,
                command: command(body.command),
                info: body.container,
                session: true,
                ..ContainerLaunch::default()
            }))
        }
        CallType::LaunchContainer => {
            let body = call.launch_container?;
            ContainerCall::Launch(Box::new(ContainerLaunch {
                container: body.container_id,
                command: command(body.command),
                info: body.container,
                resources: body.resources,
                session: false,
            }))
        }
        CallType::WaitNestedContainer => {
            ContainerCall::Wait(call.wait_nested_container?.container_id)
        }
        CallType::WaitContainer => ContainerCall::Wait(call.wait_container?.container_id),
        CallType::KillNestedContainer => {
            let body = call.kill_nested_container?;
            ContainerCall::Kill { container: body.container_id, signal: signal(body.signal) }
        }
        CallType::KillContainer => {
            let body = call.kill_container?;
            ContainerCall::Kill { container: body.container_id, signal: signal(body.signal) }
        }
        CallType::RemoveNestedContainer => {
            ContainerCall::Remove(call.remove_nested_container?.container_id)
        }
        CallType::RemoveContainer => ContainerCall::Remove(call.remove_container?.container_id),
        _ => return None,
    })
}

impl AgentProcess {
    /// Puts a call to the core.
    pub(super) fn container_call(
        &mut self,
        context: &mut Context<Self>,
        kind: CallType,
        call: ContainerCall,
        accept: Accept,
        reply: Reply,
    ) {
        let calls = &mut self.container_calls;
        calls.last += 1;
        let request = ContainerRequest(calls.last);
        let (node, pid) = (context.node().clone(), context.pid().clone());
        reply.on_closed(move || {
            node.dispatch(&pid, move |process: &mut Self, context| {
                process.container_call_abandoned(context, request);
            });
        });
        let session = match &call {
            ContainerCall::Launch(launch) if launch.session => Some(launch.container.clone()),
            _ => None,
        };
        calls.waiting.insert(request, Waiting { kind, accept, reply, session });
        self.step(context, Event::Container(ContainerEvent::Call { request, call }));
    }

    /// Whoever asked has gone, or a session that the request launched is over.
    pub(super) fn container_call_abandoned(
        &mut self,
        context: &mut Context<Self>,
        request: ContainerRequest,
    ) {
        // A session that is being launched has output to be fetched: that waits for its answer.
        let is_launching =
            |waiting: &Waiting| waiting.session.is_some() && waiting.reply.is_closed();
        if !self.container_calls.waiting.get(&request).is_some_and(is_launching) {
            self.container_calls.waiting.remove(&request);
        }
        self.step(context, Event::Container(ContainerEvent::Abandoned(request)));
    }

    /// Gives the core's answer to whoever waits for it.
    pub(crate) fn answer_container_call(
        &mut self,
        context: &Context<Self>,
        request: ContainerRequest,
        answer: ContainerAnswer,
    ) {
        let Some(waiting) = self.container_calls.waiting.remove(&request) else { return };
        let Waiting { kind, accept, reply, session } = waiting;
        let session = session.filter(|_| answer == ContainerAnswer::Launched);
        let output = session
            .and_then(|container| self.hands.as_ref()?.containerizer.take_output(&container));
        match output {
            Some(output) => session::stream(context, request, output, accept, reply),
            None => reply.send(response(kind, answer, accept.media)),
        }
    }
}

fn response(kind: CallType, answer: ContainerAnswer, media: MediaType) -> Response {
    match answer {
        ContainerAnswer::Launched | ContainerAnswer::Done => Response::ok(),
        ContainerAnswer::AlreadyLaunched => Response::accepted(),
        ContainerAnswer::Ended(termination) => answer_with(media, &ended(kind, *termination)),
        ContainerAnswer::Refused(text) => Response::bad_request(text),
        ContainerAnswer::NotFound(text) => Response::text(StatusCode::NOT_FOUND, text),
        ContainerAnswer::Failed(text) => Response::internal_server_error(text),
    }
}

/// What whoever waited for the end of a container is told.
fn ended(kind: CallType, termination: ContainerTermination) -> agent::Response {
    let ContainerTermination { status, state, reason, message, limited_resources } = termination;
    let limitation = (!limited_resources.is_empty())
        .then_some(TaskResourceLimitation { resources: limited_resources });
    if kind == CallType::WaitNestedContainer {
        return agent::Response {
            r#type: Some(ResponseType::WaitNestedContainer),
            wait_nested_container: Some(WaitNestedContainerResponse {
                exit_status: status,
                state,
                reason,
                limitation,
                message,
            }),
            ..agent::Response::default()
        };
    }
    agent::Response {
        r#type: Some(ResponseType::WaitContainer),
        wait_container: Some(WaitContainerResponse {
            exit_status: status,
            state,
            reason,
            limitation,
            message,
        }),
        ..agent::Response::default()
    }
}
