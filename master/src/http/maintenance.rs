//! `/maintenance/…` and `/machine/…` (row OI-05). The calls of the operator API that do the same
//! are in [`super::operator`]; the core decides about both.

use libprocess::Context;
use libprocess::http::{Help, Reply, Request, Response};
use master_core::Event;
use mesos::agent::MachineId;
use mesos::json;
use mesos::maintenance::Schedule;
use mesos::v1::master::{
    Call, CallType, StartMaintenance, StopMaintenance, UpdateMaintenanceSchedule,
};

use super::readers::What;
use super::{Realm, route_leader, unless_post};
use crate::process::MasterProcess;

pub(super) fn install(context: &mut Context<MasterProcess>) {
    let help = Help::new("Returns or updates the cluster's maintenance schedule.")
        .description("GET: Returns the current maintenance schedule as JSON.")
        .description("POST: Takes a schedule, which replaces the present one.")
        .description(
            "A schedule has windows; each names machines by `hostname` and `ip`, and when they \
             will be away.",
        )
        .authentication(true);
    route_leader(context, "/maintenance/schedule", Realm::ReadWrite, help, schedule);
    let help = Help::new("Retrieves the maintenance status of the cluster.")
        .description("Returns the machines that drain, and those that are down.")
        .description("With the former, what frameworks have answered to inverse offers.")
        .authentication(true);
    let path = "/maintenance/status";
    route_leader(context, path, Realm::ReadOnly, help, |process, context, request, reply| {
        match request.method.as_str() {
            "GET" => process.read(context, What::MaintenanceStatus, reply),
            other => reply.send(Response::method_not_allowed(&["GET"], other)),
        }
    });
    let help = Help::new("Brings a set of machines down.")
        .description("POST: Takes a JSON list of machines, all of which must be draining.")
        .description("Their agents are told to shut down, and are removed with their tasks.")
        .authentication(true);
    route_leader(context, "/machine/down", Realm::ReadWrite, help, |process, context, r, reply| {
        let call = machines(&r).map(|machines| Call {
            r#type: Some(CallType::StartMaintenance),
            start_maintenance: Some(StartMaintenance { machines }),
            ..Call::default()
        });
        operate(process, context, &r, reply, call);
    });
    let help = Help::new("Brings a set of machines back up.")
        .description("POST: Takes a JSON list of machines, all of which must be down.")
        .description("They leave the schedule.")
        .authentication(true);
    route_leader(context, "/machine/up", Realm::ReadWrite, help, |process, context, r, reply| {
        let call = machines(&r).map(|machines| Call {
            r#type: Some(CallType::StopMaintenance),
            stop_maintenance: Some(StopMaintenance { machines }),
            ..Call::default()
        });
        operate(process, context, &r, reply, call);
    });
}

fn schedule(
    process: &mut MasterProcess,
    context: &mut Context<MasterProcess>,
    request: Request,
    reply: Reply,
) {
    match request.method.as_str() {
        "GET" => process.read(context, What::MaintenanceSchedule, reply),
        "POST" => {
            let schedule = json::from_stranger::<Schedule>(&request.body, "Schedule");
            let call = schedule.map(|schedule| Call {
                r#type: Some(CallType::UpdateMaintenanceSchedule),
                update_maintenance_schedule: Some(UpdateMaintenanceSchedule { schedule }),
                ..Call::default()
            });
            let call = call.map_err(|error| Box::new(Response::bad_request(error.to_string())));
            operate(process, context, &request, reply, call);
        }
        other => reply.send(Response::method_not_allowed(&["GET", "POST"], other)),
    }
}

/// The machines that a request names.
fn machines(request: &Request) -> Result<Vec<MachineId>, Box<Response>> {
    if let Some(answer) = unless_post(request) {
        return Err(Box::new(answer));
    }
    json::list_from_slice::<MachineId>(&request.body, "MachineID")
        .map_err(|error| Box::new(Response::bad_request(error.to_string())))
}

/// Has the core answer a call, if there is one.
fn operate(
    process: &mut MasterProcess,
    context: &mut Context<MasterProcess>,
    request: &Request,
    reply: Reply,
    call: Result<Call, Box<Response>>,
) {
    match call {
        Ok(call) => {
            let principal = request.principal.as_ref().and_then(|p| p.value.clone());
            let request = process.requests.add(reply);
            process.step(context, Event::OperatorCall { request, principal, call });
        }
        Err(answer) => reply.send(*answer),
    }
}
