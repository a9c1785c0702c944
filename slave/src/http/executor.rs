//! `POST /api/v1/executor`: the calls of executors (rows XA-03 to XA-06).
//!
//! Here a request becomes a call; whether the call is good is the core's to say.

use libprocess::Context;
use libprocess::http::{Help, Reply, Request, Response};
use mesos::v1::executor::{Call, CallType};
use slave_core::Event;

use super::media::{Codec as _, MediaType};
use crate::process::AgentProcess;

/// Whose credentials are asked for, once authenticators are set. The name is Mesos's.
const REALM: &str = "mesos-agent-executor";

pub(super) fn install(context: &mut Context<AgentProcess>) {
    let help = Help::new("Endpoint for executors to make calls against the agent.")
        .description(
            "The body of a POST is one call, as `application/json` or `application/msgpack`. \
             SUBSCRIBE is answered with 200 and a stream of events, framed as RecordIO, in the \
             media type that `Accept` asks for. Other calls are answered with 202.",
        )
        .description(
            "Returns 400 for a call that is malformed or names a framework or an executor that is \
             not there, 403 before the executor has subscribed, and 503 while the agent recovers.",
        )
        .authentication(true);
    context.route_authenticated("/api/v1/executor", REALM, help, executor);
}

fn executor(
    process: &mut AgentProcess,
    context: &mut Context<AgentProcess>,
    request: Request,
    reply: Reply,
) {
    let (call, media) = match read(&request) {
        Ok(read) => read,
        Err(answer) => return reply.send(*answer),
    };
    let request = process.streams.add(reply, media);
    process.step(context, Event::ExecutorCall { request, call: Box::new(call) });
}

/// The call, and how its answer is to be written if it is a stream.
fn read(request: &Request) -> Result<(Call, MediaType), Box<Response>> {
    if request.method != "POST" {
        return Err(Box::new(Response::method_not_allowed(&["POST"], request.method.as_str())));
    }
    let call = MediaType::of_body(request)?.read::<Call>(&request.body)?;
    // A SUBSCRIBE without a body is refused for that before its `Accept` is looked at.
    let media = match call.r#type {
        Some(CallType::Subscribe) if call.subscribe.is_some() => MediaType::accepted(request)?,
        _ => MediaType::Json,
    };
    Ok((call, media))
}
