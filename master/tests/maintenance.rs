//! Maintenance over HTTP: `/maintenance/…`, `/machine/…`, the calls of the operator API, and what
//! schedulers hear, in JSON and in MessagePack.

mod common;

use common::{Answer, Puppet, TestMaster, eventually, framework_info, post};
use mesos::maintenance::{InverseOfferResponse, Schedule};
use mesos::v1::master::{Call, CallType, Response, UpdateMaintenanceSchedule};
use mesos::{json, msgpack};
use serde_json::{Value, json};

fn send(master: &TestMaster, path: &str, body: &Value) -> (u16, String) {
    let answer = post(master.address(), path, &[], body.to_string().as_bytes());
    (answer.status, answer.text())
}

fn schedule(machines: &Value) -> Value {
    let unavailability = json!({
        "start": {"nanoseconds": 7}, "duration": {"nanoseconds": 9}
    });
    json!({"windows": [{"machine_ids": machines, "unavailability": unavailability}]})
}

#[test]
fn a_machine_goes_round_by_the_endpoints() {
    let master = TestMaster::start();
    let spare = json!([{"hostname": "Spare", "ip": "10.0.0.9"}]);
    let planned = schedule(&spare);
    for (path, other) in [
        ("/maintenance/schedule", "PUT"),
        ("/maintenance/status", "POST"),
        ("/machine/down", "GET"),
        ("/machine/up", "GET"),
    ] {
        let request = format!("{other} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
        let answer: Answer = common::exchange(master.address(), request.as_bytes());
        assert_eq!(answer.status, 405, "{other} {path}");
    }
    let done = (200, String::new());
    assert_eq!(send(&master, "/maintenance/schedule", &planned), done);
    assert_eq!(master.get("/maintenance/schedule").json(), planned);
    let draining = json!({"draining_machines": [{"id": spare[0]}]});
    assert_eq!(master.get("/master/maintenance/status").json(), draining);
    // The host name is the same in whatever case; it is shown as it was scheduled.
    assert_eq!(
        send(&master, "/machine/down", &json!([{"hostname": "sPARE", "ip": "10.0.0.9"}])),
        done
    );
    assert_eq!(master.get("/maintenance/status").json(), json!({"down_machines": spare}));
    let (status, why) = send(&master, "/maintenance/schedule", &json!({}));
    assert_eq!(status, 400, "{why}");
    assert!(why.ends_with("is deactivated and cannot be removed from the schedule"), "{why}");
    let registry = master.get("/registrar(1)/registry").json();
    assert_eq!(registry["machines"]["machines"][0]["info"]["mode"], "DOWN");
    assert_eq!(registry["schedules"], json!([planned]));
    assert_eq!(send(&master, "/machine/up", &spare), done);
    assert_eq!(master.get("/maintenance/schedule").json(), json!({}));
    assert_eq!(master.get("/maintenance/status").json(), json!({}));
    assert_eq!(master.get("/registrar(1)/registry").json()["machines"], json!({}));
    let (status, why) = send(&master, "/machine/up", &spare);
    assert_eq!(status, 400);
    let expected =
        r#"Machine '{"hostname":"Spare","ip":"10.0.0.9"}' is not part of a maintenance schedule"#;
    assert_eq!(why, expected);
    assert_eq!(send(&master, "/machine/up", &json!({})).0, 400);
}

#[test]
fn a_machine_goes_round_by_calls() {
    let master = TestMaster::start();
    let spare = json!([{"hostname": "spare"}]);
    let planned = schedule(&spare);
    let get = |kind: &str, inside: &str| {
        let answer = master.operate(&json!({"type": kind})).json();
        assert_eq!(answer["type"], kind);
        answer[kind.to_ascii_lowercase()][inside].clone()
    };
    let operate = |kind: &str, body: Value| {
        let call = json!({"type": kind, kind.to_ascii_lowercase(): body});
        let answer = master.operate(&call);
        assert_eq!((answer.status, answer.text()), (200, String::new()));
    };
    operate("UPDATE_MAINTENANCE_SCHEDULE", json!({"schedule": planned}));
    assert_eq!(get("GET_MAINTENANCE_SCHEDULE", "schedule"), planned);
    operate("START_MAINTENANCE", json!({"machines": spare}));
    assert_eq!(get("GET_MAINTENANCE_STATUS", "status"), json!({"down_machines": spare}));
    operate("STOP_MAINTENANCE", json!({"machines": spare}));
    assert_eq!(get("GET_MAINTENANCE_STATUS", "status"), json!({}));
}

#[test]
fn msgpack_says_the_same() {
    let master = TestMaster::start();
    let planned = schedule(&json!([{"ip": "10.0.0.9"}])).to_string();
    let planned = json::from_slice::<Schedule>(planned.as_bytes(), "Schedule").unwrap();
    let operate = |call: Call| {
        let body = msgpack::to_vec(&call);
        let types = [("Content-Type", "application/msgpack"), ("Accept", "application/msgpack")];
        let answer = post(master.address(), "/api/v1", &types, &body);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.body
    };
    operate(Call {
        r#type: Some(CallType::UpdateMaintenanceSchedule),
        update_maintenance_schedule: Some(UpdateMaintenanceSchedule { schedule: planned.clone() }),
        ..Call::default()
    });
    let get = Call { r#type: Some(CallType::GetMaintenanceSchedule), ..Call::default() };
    let answer: Response = msgpack::from_slice(&operate(get)).unwrap();
    assert_eq!(answer.get_maintenance_schedule.unwrap().schedule, planned);
}

#[test]
fn a_scheduler_is_asked_and_its_answer_is_shown() {
    let master = TestMaster::start();
    let _agent = Puppet::registered(master.address());
    let mut events = master.subscribe(framework_info());
    let framework = events.expect("SUBSCRIBED")["subscribed"]["framework_id"].clone();
    let offer = events.expect("OFFERS")["offers"]["offers"][0].clone();
    let machine = json!([{"hostname": offer["hostname"], "ip": offer["url"]["address"]["ip"]}]);
    let planned = schedule(&machine);
    assert_eq!(send(&master, "/maintenance/schedule", &planned).0, 200);
    assert_eq!(events.expect("RESCIND")["rescind"]["offer_id"], offer["id"]);
    let again = events.expect("OFFERS")["offers"]["offers"][0].clone();
    let unavailability = &planned["windows"][0]["unavailability"];
    assert_eq!(again["unavailability"], *unavailability);
    let asked = events.expect("INVERSE_OFFERS")["inverse_offers"]["inverse_offers"][0].clone();
    assert_eq!(asked["unavailability"], *unavailability);
    assert_eq!((&asked["agent_id"], &asked["url"]), (&offer["agent_id"], &offer["url"]));
    assert_eq!(asked["framework_id"], framework);
    let shown = master.operate(&json!({"type": "GET_FRAMEWORKS"})).json();
    assert_eq!(shown["get_frameworks"]["frameworks"][0]["inverse_offers"], json!([asked]));
    let answer = json!({
        "type": "DECLINE_INVERSE_OFFERS", "framework_id": framework,
        "decline_inverse_offers": {
            "inverse_offer_ids": [asked["id"]], "filters": {"refuse_seconds": 0.0}
        }
    });
    assert_eq!(master.call(&answer, Some(&events.stream_id())).status, 202);
    let status = master.get("/maintenance/status").json();
    let status = &status["draining_machines"][0]["statuses"][0];
    assert_eq!(status["status"], InverseOfferResponse::Decline.as_str());
    assert_eq!(status["framework_id"], framework);
    assert!(status["timestamp"]["nanoseconds"].as_i64() > Some(1_000_000_000_000_000_000));
    let second = events.expect("INVERSE_OFFERS")["inverse_offers"]["inverse_offers"][0].clone();
    assert_ne!(second["id"], asked["id"]);
    assert_eq!(send(&master, "/machine/down", &machine).0, 200);
    let rescinded = &events.expect("RESCIND_INVERSE_OFFER")["rescind_inverse_offer"];
    assert_eq!(rescinded["inverse_offer_id"], second["id"]);
    eventually("the agent is gone", || master.state()["slaves"] == json!([]));
}
