//! `POST /api/v1`: the calls of operators (row OI-06).
//!
//! Getters are rendered from a snapshot; what changes something goes to the core.

use std::time::Duration;

use libprocess::Context;
use libprocess::http::{Help, Reply, Request, Response, StatusCode};
use libprocess::logging;
use master_core::Event;
use mesos::master_info::Metric;
use mesos::v1::master::{self, Call, CallType, GetMetricsResponse, ResponseType};

use super::media::{Codec as _, MediaType};
use super::readers::What;
use super::{Realm, files, reservations, route_leader, unless_post};
use crate::process::MasterProcess;

pub(super) fn install(context: &mut Context<MasterProcess>) {
    let help = Help::new("Endpoint for API calls against the master.")
        .description(
            "The body of a POST is one call, as `application/json` or `application/msgpack`. The \
             answer has the media type that `Accept` asks for. SUBSCRIBE is answered with a stream \
             of events, framed as RecordIO. Calls that this master does not know yet are answered \
             with 501.",
        )
        .authentication(true);
    route_leader(context, "/api/v1", Realm::ReadWrite, help, operator);
}

fn operator(
    process: &mut MasterProcess,
    context: &mut Context<MasterProcess>,
    request: Request,
    reply: Reply,
) {
    if let Some(answer) = unless_post(&request) {
        return reply.send(answer);
    }
    let call = MediaType::of_body(&request).and_then(|media| {
        let call = media.read::<Call>(&request.body)?;
        let kind = validate(&call)?;
        Ok((kind, call, MediaType::accepted(&request)?))
    });
    let (kind, call, media) = match call {
        Ok(call) => call,
        Err(answer) => return reply.send(*answer),
    };
    match kind {
        CallType::Subscribe => process.subscribe_operator(context, media, reply),
        CallType::GetMetrics => get_metrics(process, context, &call, media, reply),
        CallType::GetHealth
        | CallType::GetFlags
        | CallType::GetVersion
        | CallType::GetState
        | CallType::GetAgents
        | CallType::GetFrameworks
        | CallType::GetExecutors
        | CallType::GetOperations
        | CallType::GetTasks
        | CallType::GetRoles
        | CallType::GetWeights
        | CallType::GetLoggingLevel
        | CallType::GetMaintenanceStatus
        | CallType::GetMaintenanceSchedule
        | CallType::GetQuota
        | CallType::GetMaster => process.read(context, What::Getter(kind, media), reply),
        CallType::Teardown
        | CallType::MarkAgentGone
        | CallType::UpdateWeights
        | CallType::UpdateMaintenanceSchedule
        | CallType::StartMaintenance
        | CallType::StopMaintenance => {
            let principal = request.principal.and_then(|principal| principal.value);
            let request = process.requests.add(reply);
            process.step(context, Event::OperatorCall { request, principal, call });
        }
        _ => reply.send(refuse(process, kind, &call)),
    }
}

/// The answer to a call whose answer is there already.
fn refuse(process: &MasterProcess, kind: CallType, call: &Call) -> Response {
    match kind {
        CallType::SetLoggingLevel => set_logging_level(call),
        CallType::ListFiles | CallType::ReadFile => files::not_found(),
        CallType::ReserveResources
        | CallType::UnreserveResources
        | CallType::CreateVolumes
        | CallType::DestroyVolumes
        | CallType::DrainAgent
        | CallType::DeactivateAgent
        | CallType::ReactivateAgent => reservations::answer(process, kind, call),
        _ => not_implemented(kind),
    }
}

fn set_logging_level(call: &Call) -> Response {
    let Some(body) = &call.set_logging_level else { return Response::ok() };
    let duration = body.duration.to_duration().unwrap_or_default();
    match logging::toggle(body.level, duration) {
        Ok(()) => Response::ok(),
        Err(error) => Response::bad_request(format!("{error}.\n")),
    }
}

/// The answer to a call that this master does not know yet.
pub(super) fn not_implemented(kind: CallType) -> Response {
    if kind == CallType::Unknown {
        return Response::not_implemented();
    }
    Response::text(
        StatusCode::NOT_IMPLEMENTED,
        format!("501 Not Implemented. This master does not support {kind} yet."),
    )
}

/// The type of a call that has the body that goes with its type.
fn validate(call: &Call) -> Result<CallType, Box<Response>> {
    let missing = |what: &str| {
        let text = format!("Failed to validate master::Call: Expecting '{what}' to be present");
        Box::new(Response::bad_request(text))
    };
    let kind = call.r#type.ok_or_else(|| missing("type"))?;
    let is_there = match kind {
        CallType::GetMetrics => call.get_metrics.is_some(),
        CallType::SetLoggingLevel => call.set_logging_level.is_some(),
        CallType::ListFiles => call.list_files.is_some(),
        CallType::ReadFile => call.read_file.is_some(),
        CallType::UpdateWeights => call.update_weights.is_some(),
        CallType::ReserveResources => call.reserve_resources.is_some(),
        CallType::UnreserveResources => call.unreserve_resources.is_some(),
        CallType::CreateVolumes => call.create_volumes.is_some(),
        CallType::DestroyVolumes => call.destroy_volumes.is_some(),
        CallType::GrowVolume => call.grow_volume.is_some(),
        CallType::ShrinkVolume => call.shrink_volume.is_some(),
        CallType::UpdateMaintenanceSchedule => call.update_maintenance_schedule.is_some(),
        CallType::StartMaintenance => call.start_maintenance.is_some(),
        CallType::StopMaintenance => call.stop_maintenance.is_some(),
        CallType::DrainAgent => call.drain_agent.is_some(),
        CallType::DeactivateAgent => call.deactivate_agent.is_some(),
        CallType::ReactivateAgent => call.reactivate_agent.is_some(),
        CallType::UpdateQuota => call.update_quota.is_some(),
        CallType::SetQuota => call.set_quota.is_some(),
        CallType::RemoveQuota => call.remove_quota.is_some(),
        CallType::Teardown => call.teardown.is_some(),
        CallType::MarkAgentGone => call.mark_agent_gone.is_some(),
        _ => true,
    };
    if is_there { Ok(kind) } else { Err(missing(&kind.as_str().to_ascii_lowercase())) }
}

/// Metrics take as long as the slowest gauge, or as the caller allows.
fn get_metrics(
    process: &MasterProcess,
    context: &Context<MasterProcess>,
    call: &Call,
    media: MediaType,
    reply: Reply,
) {
    let timeout = call.get_metrics.as_ref().and_then(|body| body.timeout.as_ref());
    let timeout: Option<Duration> = timeout.and_then(|timeout| timeout.to_duration());
    let metrics = process.metrics.registry().clone();
    context.node().handle().spawn(async move {
        let values = metrics.snapshot(timeout).await;
        let metric = |(name, value)| Metric { name, value: Some(value) };
        let metrics = values.into_iter().map(metric).collect();
        let answer = master::Response {
            r#type: Some(ResponseType::GetMetrics),
            get_metrics: Some(GetMetricsResponse { metrics }),
            ..master::Response::default()
        };
        reply.send(Response::ok().with_body(media.name(), media.write(&answer)));
    });
}
