//! `/maintenance/…` and `/machine/…`, and the calls of the operator API that do the same (row
//! OI-05). Maintenance is not built yet: nothing is scheduled, so that no machine can go down or
//! come up, and a schedule with windows is answered with 501.

use libprocess::Context;
use libprocess::http::{Help, Reply, Request, Response};
use mesos::agent::MachineId;
use mesos::json;
use mesos::maintenance::{ClusterStatus, Schedule};
use mesos::v1::master::{Call, CallType};

use super::{Realm, operator, route_leader, unless_post};
use crate::process::MasterProcess;

pub(super) fn install(context: &mut Context<MasterProcess>) {
    let help = Help::new("Returns or updates the cluster's maintenance schedule.")
        .description("GET: Returns the current maintenance schedule as JSON.")
        .description("POST: A schedule with windows is answered with 501 until it is built.")
        .authentication(true);
    route_leader(
        context,
        "/maintenance/schedule",
        Realm::ReadWrite,
        help,
        |_, _, request, reply| {
            reply.send(match request.method.as_str() {
                "GET" => Response::ok_json(json::to_vec(&Schedule::default())),
                "POST" => match json::from_slice::<Schedule>(&request.body, "Schedule") {
                    Ok(schedule) => update(&schedule),
                    Err(error) => Response::bad_request(error.to_string()),
                },
                other => Response::method_not_allowed(&["GET", "POST"], other),
            });
        },
    );
    let help = Help::new("Retrieves the maintenance status of the cluster.").authentication(true);
    route_leader(context, "/maintenance/status", Realm::ReadOnly, help, |_, _, request, reply| {
        reply.send(match request.method.as_str() {
            "GET" => Response::ok_json(json::to_vec(&ClusterStatus::default())),
            other => Response::method_not_allowed(&["GET"], other),
        });
    });
    let help = Help::new("Brings a set of machines down.").authentication(true);
    route_leader(context, "/machine/down", Realm::ReadWrite, help, machines);
    let help = Help::new("Brings a set of machines back up.").authentication(true);
    route_leader(context, "/machine/up", Realm::ReadWrite, help, machines);
}

fn machines(_: &mut MasterProcess, _: &mut Context<MasterProcess>, request: Request, reply: Reply) {
    reply.send(unless_post(&request).unwrap_or_else(|| {
        match json::list_from_slice::<MachineId>(&request.body, "MachineID") {
            Ok(machines) => not_scheduled(&machines),
            Err(error) => Response::bad_request(error.to_string()),
        }
    }));
}

/// The answer to UPDATE_MAINTENANCE_SCHEDULE, START_MAINTENANCE and STOP_MAINTENANCE.
pub(super) fn answer(call: &Call) -> Response {
    let start = call.start_maintenance.as_ref().map(|body| &body.machines);
    let stop = call.stop_maintenance.as_ref().map(|body| &body.machines);
    match (&call.update_maintenance_schedule, start.or(stop)) {
        (Some(body), _) => update(&body.schedule),
        (None, machines) => not_scheduled(machines.map_or(&[], |machines| machines)),
    }
}

fn update(schedule: &Schedule) -> Response {
    if schedule.windows.iter().any(|window| window.machine_ids.is_empty()) {
        return Response::bad_request("List of machines in the maintenance window is empty");
    }
    match schedule.windows.is_empty() {
        // Nothing was scheduled, nothing is.
        true => Response::ok(),
        false => operator::not_implemented(CallType::UpdateMaintenanceSchedule),
    }
}

fn not_scheduled(machines: &[MachineId]) -> Response {
    let Some(machine) = machines.first() else {
        return Response::bad_request("List of machines is empty");
    };
    let machine = String::from_utf8_lossy(&json::to_vec(machine)).into_owned();
    let text = format!("Machine '{machine}' is not part of a maintenance schedule");
    Response::bad_request(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_schedule_is_what_there_is() {
        let status = |text: &str| {
            let schedule = json::from_slice::<Schedule>(text.as_bytes(), "Schedule").unwrap();
            update(&schedule).status.as_u16()
        };
        assert_eq!(status("{}"), 200);
        let unavailability = r#""unavailability": {"start": {"nanoseconds": 0}}"#;
        assert_eq!(status(&format!(r#"{{"windows": [{{{unavailability}}}]}}"#)), 400);
        let machines = r#""machine_ids": [{"hostname": "a"}]"#;
        let windows = format!(r#"{{"windows": [{{{machines}, {unavailability}}}]}}"#);
        assert_eq!(status(&windows), 501);
    }

    #[test]
    fn no_machine_is_scheduled() {
        let text = |machines: &[MachineId]| {
            not_scheduled(machines).body_text().unwrap_or_default().to_owned()
        };
        assert_eq!(text(&[]), "List of machines is empty");
        let machine = MachineId { hostname: Some("h".to_owned()), ip: Some("1.2.3.4".to_owned()) };
        let expected =
            r#"Machine '{"hostname":"h","ip":"1.2.3.4"}' is not part of a maintenance schedule"#;
        assert_eq!(text(&[machine]), expected);
    }
}
