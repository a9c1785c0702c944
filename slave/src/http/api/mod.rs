//! `POST /api/v1`: the operator API of the agent (rows AA-01, AA-02).
//!
//! Reading order: this file (what every call goes through), [`content`],
//! [`getters`] and [`lists`] (what the
//! agent knows), [`sandbox_files`], [`daemon`] (its metrics and its log), [`containers`] and
//! [`session`] (nested and standalone containers).

pub(crate) mod containers;
mod content;
mod daemon;
mod getters;
mod lists;
mod sandbox_files;
mod session;

use libprocess::Context;
use libprocess::http::{Help, Reply, Request, Response, StatusCode};
use mesos::json::{self, JsonError};
use mesos::msgpack;
use mesos::schema::Message;
use mesos::v1::agent::{Call, CallType};
use slave_core::AgentState;
use slave_core::validation::validate_call;

use self::content::{Accept, Content, Refusal};
use super::media::{Codec as _, MediaType};
use super::unavailable;
use crate::process::AgentProcess;

pub(super) fn install(context: &mut Context<AgentProcess>) {
    let help = Help::new("Endpoint for API calls against the agent.")
        .description(
            "The body of a POST is one call, as `application/json` or `application/msgpack`. The \
             answer has the media type that `Accept` asks for. Calls that this agent does not \
             know yet are answered with 501.",
        )
        .authentication(true);
    context.route("/api/v1", help, operator);
}

fn operator(
    process: &mut AgentProcess,
    context: &mut Context<AgentProcess>,
    request: Request,
    reply: Reply,
) {
    match read(process, &request) {
        Ok((kind, call, accept)) => process.operator_call(context, kind, call, accept, reply),
        Err(refusal) => reply.send(*refusal),
    }
}

/// Reads the call out of a request.
fn read(process: &AgentProcess, request: &Request) -> Result<(CallType, Call, Accept), Refusal> {
    if process.shared.snapshot().state == AgentState::Recovering {
        return Err(Box::new(unavailable()));
    }
    if request.method != "POST" {
        let method = request.method.as_str();
        return Err(Box::new(Response::method_not_allowed(&["POST"], method)));
    }
    let content = Content::of(request)?;
    let accept = Accept::of(request)?;
    let (Content::One(media) | Content::Many(media)) = content;
    let invalid = |error: String| Box::new(Response::bad_request(error));
    let call = match content {
        Content::One(_) => read_call(media, &request.body),
        Content::Many(_) => {
            first_record(&request.body).and_then(|record| read_call(media, &record))
        }
    };
    let call = call.map_err(invalid)?;
    let kind = validate_call(&call)
        .map_err(|error| invalid(format!("Failed to validate agent::Call: {error}")))?;
    check_streaming(kind, content, accept)?;
    Ok((kind, call, accept))
}

/// Reads a call. What is wrong with it is told without more words than the conversion has.
fn read_call(media: MediaType, body: &[u8]) -> Result<Call, String> {
    match media {
        MediaType::Json => json::from_stranger(body, "Call").map_err(|error| match error {
            error @ JsonError::Syntax(_) => error.in_body(),
            JsonError::Conversion { reason, .. } => reason,
        }),
        MediaType::Msgpack | MediaType::MsgpackShort => msgpack::from_stranger(body)
            .map_err(|error| format!("Failed to parse body into Call: {error}")),
    }
}

/// The whole answer that is this message.
fn answer_with<T: Message>(media: MediaType, value: &T) -> Response {
    Response::ok().with_body(media.name(), media.write(value))
}

fn first_record(body: &[u8]) -> Result<bytes::Bytes, String> {
    let mut decoder = mesos::recordio::Decoder::new(body.len());
    decoder.push(body);
    match decoder.next_record() {
        Ok(Some(record)) => Ok(record),
        Ok(None) => Err("Received EOF while reading request body".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Whether this call can come, and be answered, as a sequence.
fn check_streaming(kind: CallType, content: Content, accept: Accept) -> Result<(), Refusal> {
    let attaches = kind == CallType::AttachContainerInput;
    let refusal = match content {
        Content::Many(_) if !attaches => Some(Response::unsupported_media_type(format!(
            "Streaming 'Content-Type' application/recordio is not supported for {kind} call"
        ))),
        Content::One(_) if attaches => Some(Response::unsupported_media_type(format!(
            "Expecting 'Content-Type' to be application/recordio for {kind} call"
        ))),
        _ => None,
    };
    let streams =
        [CallType::AttachContainerOutput, CallType::LaunchNestedContainerSession].contains(&kind);
    let refusal = refusal.or_else(|| {
        let text = || format!("Streaming response is not supported for {kind} call");
        (accept.many && !streams).then(|| Response::not_acceptable(text()))
    });
    refusal.map_or(Ok(()), |refusal| Err(Box::new(refusal)))
}

impl AgentProcess {
    fn operator_call(
        &mut self,
        context: &mut Context<Self>,
        kind: CallType,
        call: Call,
        accept: Accept,
        reply: Reply,
    ) {
        let media = accept.media;
        match kind {
            CallType::GetMetrics => daemon::get_metrics(context, &call, media, reply),
            CallType::GetHealth
            | CallType::GetFlags
            | CallType::GetVersion
            | CallType::GetState
            | CallType::GetContainers
            | CallType::GetFrameworks
            | CallType::GetExecutors
            | CallType::GetOperations
            | CallType::GetTasks
            | CallType::GetAgent
            | CallType::GetResourceProviders
            | CallType::GetLoggingLevel => {
                let shared = self.shared.clone();
                context.node().handle().spawn_blocking(move || {
                    let answer = getters::answer(&shared.snapshot(), &shared, kind, &call);
                    let response = match lists::Whole::of(&answer) {
                        Some(whole) if media == MediaType::Json => {
                            Response::ok().with_body(media.name(), mesos::json::to_vec(&whole))
                        }
                        _ => answer_with(media, &answer),
                    };
                    reply.send(response);
                });
            }
            CallType::SetLoggingLevel => reply.send(daemon::set_logging_level(&call)),
            CallType::ListFiles | CallType::ReadFile => {
                let shared = self.shared.clone();
                context.node().handle().spawn_blocking(move || {
                    reply.send(sandbox_files::answer(&shared, kind, &call, media));
                });
            }
            CallType::AttachContainerOutput => reply.send(self.attach_output(&call)),
            CallType::AddResourceProviderConfig
            | CallType::UpdateResourceProviderConfig
            | CallType::RemoveResourceProviderConfig => {
                // What Mesos says that was started without one.
                let text = "Missing required flag --resource_provider_config_dir";
                reply.send(Response::internal_server_error(text));
            }
            // There are no images, so that none is left.
            CallType::PruneImages => reply.send(Response::ok()),
            _ => match containers::call(kind, call) {
                Some(call) => self.container_call(context, kind, call, accept, reply),
                None => reply.send(not_implemented(kind)),
            },
        }
    }
}

impl AgentProcess {
    /// Nobody can attach to what a container writes: a session's goes to who launched it, any
    /// other's goes to its sandbox.
    fn attach_output(&self, call: &Call) -> Response {
        let body = call.attach_container_output.as_ref();
        let id = body.map(|body| body.container_id.clone()).unwrap_or_default();
        if self.shared.snapshot().has_container(&id) {
            return not_implemented(CallType::AttachContainerOutput);
        }
        Response::text(StatusCode::NOT_FOUND, format!("Container {id} cannot be found"))
    }
}

/// The answer to a call that this agent does not know yet.
fn not_implemented(kind: CallType) -> Response {
    if kind == CallType::Unknown {
        return Response::not_implemented();
    }
    let text = format!("501 Not Implemented. This agent does not support {kind} yet.");
    Response::text(StatusCode::NOT_IMPLEMENTED, text)
}
