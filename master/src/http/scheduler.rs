//! `POST /api/v1/scheduler`: the calls of schedulers (rows SC-01 to SC-19).
//!
//! Here a request becomes a call; whether the call is good is the core's to say.

use libprocess::Context;
use libprocess::http::{Help, Reply, Request, Response};
use master_core::Event;
use mesos::v1::scheduler::{Call, CallType};

use super::media::{Codec as _, MediaType};
use super::{Realm, route_leader, unless_post};
use crate::process::MasterProcess;

/// Longer than any id that this master gives out. What exceeds it is an attack or a mistake.
const MAX_STREAM_ID_BYTES: usize = 128;

pub(super) fn install(context: &mut Context<MasterProcess>) {
    let help = Help::new("Endpoint for schedulers to make calls against the master.")
        .description(
            "The body of a POST is one call, as `application/json` or `application/msgpack`. \
             SUBSCRIBE is answered with 200 and a stream of events, framed as RecordIO, in the \
             media type that `Accept` asks for. Other calls carry the stream's `Mesos-Stream-Id` \
             and are answered with 202 (UPDATE_FRAMEWORK with 200).",
        )
        .description(
            "Returns 400 for a call that is malformed or not valid, 403 for one that is not \
             allowed, 307 to the leading master if this one does not lead, and 503 if no leader \
             is known or the leader has not finished recovery.",
        )
        .authentication(true);
    route_leader(context, "/api/v1/scheduler", Realm::Scheduler, help, scheduler);
}

fn scheduler(
    process: &mut MasterProcess,
    context: &mut Context<MasterProcess>,
    request: Request,
    reply: Reply,
) {
    if let Some(answer) = unless_post(&request) {
        return reply.send(answer);
    }
    let call = MediaType::of_body(&request).and_then(|media| media.read::<Call>(&request.body));
    let call = match call {
        Ok(call) => call,
        Err(answer) => return reply.send(*answer),
    };
    let stream_id = match stream_id(&request) {
        Ok(stream_id) => stream_id,
        Err(answer) => return reply.send(*answer),
    };
    let principal = request.principal.as_ref().and_then(|principal| principal.value.clone());
    let is_subscribe = call.r#type == Some(CallType::Subscribe);
    // A SUBSCRIBE without a body is refused for that before its `Accept` is looked at.
    let event = if is_subscribe && call.subscribe.is_some() {
        let media = match MediaType::accepted(&request) {
            Ok(media) => media,
            Err(answer) => return reply.send(*answer),
        };
        let (request, connection) = process.requests.add_stream(reply, media);
        Event::Subscribe { connection, request, stream_id, principal, call }
    } else {
        let request = process.requests.add(reply);
        Event::FrameworkCall { request, stream_id, principal, call }
    };
    process.step(context, event);
}

fn stream_id(request: &Request) -> Result<Option<String>, Box<Response>> {
    match request.header("Mesos-Stream-Id") {
        Some(id) if id.len() > MAX_STREAM_ID_BYTES => Err(Box::new(Response::bad_request(
            format!("The stream ID is {} bytes long, more than {MAX_STREAM_ID_BYTES}", id.len()),
        ))),
        id => Ok(id.map(str::to_owned)),
    }
}
