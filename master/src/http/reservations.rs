//! `/reserve`, `/unreserve`, `/create-volumes`, `/destroy-volumes`, and the calls of the operator
//! API that name an agent (row OI-05). None of them is built yet: what is malformed, or names an
//! agent that is not there, is refused in Mesos's words, and what is good is answered with 501.

use libprocess::Context;
use libprocess::http::{Help, Reply, Request, Response};
use mesos::ids::AgentId;
use mesos::json;
use mesos::resource::Resource;
use mesos::v1::master::{Call, CallType};

use super::{Realm, operator, route_leader, unless_post};
use crate::process::MasterProcess;

pub(super) fn install(context: &mut Context<MasterProcess>) {
    let endpoints = [
        (
            "/reserve",
            "Reserve resources dynamically on a specific agent.",
            CallType::ReserveResources,
        ),
        ("/unreserve", "Unreserve resources on a specific agent.", CallType::UnreserveResources),
        (
            "/create-volumes",
            "Create persistent volumes on reserved resources.",
            CallType::CreateVolumes,
        ),
        ("/destroy-volumes", "Destroy persistent volumes.", CallType::DestroyVolumes),
    ];
    for (path, tldr, kind) in endpoints {
        let help = Help::new(tldr)
            .description("Answered with 501 until it is built.")
            .authentication(true);
        route_leader(context, path, Realm::ReadWrite, help, move |process, _, request, reply| {
            form(process, kind, &request, reply);
        });
    }
}

fn form(process: &MasterProcess, kind: CallType, request: &Request, reply: Reply) {
    let resources = match kind {
        CallType::CreateVolumes | CallType::DestroyVolumes => "volumes",
        _ => "resources",
    };
    reply.send(unless_post(request).unwrap_or_else(|| {
        let is_agent = |id: &str| knows(process, &AgentId::from(id));
        match check_form(request, resources, is_agent) {
            Ok(()) => operator::not_implemented(kind),
            Err(text) => Response::bad_request(text),
        }
    }));
}

fn check_form(
    request: &Request,
    resources: &str,
    is_agent: impl Fn(&str) -> bool,
) -> Result<(), String> {
    let form = request.form();
    let missing = |name: &str| format!("Missing '{name}' query parameter in the request body");
    let agent = form.get("slaveId").ok_or_else(|| missing("slaveId"))?;
    let list = form.get(resources).ok_or_else(|| missing(resources))?;
    json::list_from_slice::<Resource>(list.as_bytes(), "Resource").map_err(|error| {
        format!("Error in parsing '{resources}' query parameter in the request body: {error}")
    })?;
    if is_agent(agent) { Ok(()) } else { Err(NO_AGENT.to_owned()) }
}

const NO_AGENT: &str = "No agent found with specified ID";

fn knows(process: &MasterProcess, agent: &AgentId) -> bool {
    process.core.snapshot().agents.contains_key(agent)
}

/// The answer to a call about the resources or the life of an agent.
pub(super) fn answer(process: &MasterProcess, kind: CallType, call: &Call) -> Response {
    let agent = match kind {
        CallType::ReserveResources => call.reserve_resources.as_ref().map(|b| &b.agent_id),
        CallType::UnreserveResources => call.unreserve_resources.as_ref().map(|b| &b.agent_id),
        CallType::CreateVolumes => call.create_volumes.as_ref().map(|b| &b.agent_id),
        CallType::DestroyVolumes => call.destroy_volumes.as_ref().map(|b| &b.agent_id),
        CallType::DrainAgent => call.drain_agent.as_ref().map(|b| &b.agent_id),
        CallType::DeactivateAgent => call.deactivate_agent.as_ref().map(|b| &b.agent_id),
        CallType::ReactivateAgent => call.reactivate_agent.as_ref().map(|b| &b.agent_id),
        _ => None,
    };
    match (kind, agent.is_some_and(|agent| knows(process, agent))) {
        // No agent can be deactivated yet.
        (CallType::ReactivateAgent, _) => Response::bad_request("Agent is not deactivated"),
        (_, true) => operator::not_implemented(kind),
        (CallType::DrainAgent | CallType::DeactivateAgent, false) => {
            Response::bad_request("Unknown agent")
        }
        (_, false) => Response::bad_request(NO_AGENT),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use libprocess::http::Method;

    #[test]
    fn a_form_names_an_agent_and_resources() {
        let check = |body: &'static str| {
            let mut request = Request::new(Method::POST, "/reserve");
            request.body = body.into();
            check_form(&request, "resources", |id| id == "a")
        };
        let missing = |name| Err(format!("Missing '{name}' query parameter in the request body"));
        assert_eq!(check(""), missing("slaveId"));
        assert_eq!(check("slaveId=a"), missing("resources"));
        assert!(check("slaveId=a&resources=x").unwrap_err().starts_with("Error in parsing"));
        assert_eq!(check("slaveId=b&resources=[]"), Err(NO_AGENT.to_owned()));
        assert_eq!(check("slaveId=a&resources=[]"), Ok(()));
    }
}
