//! What operators set, and what is shown of it while most of it cannot be set yet.

mod common;

use common::{Puppet, TestMaster, eventually, quick};
use serde_json::json;

#[test]
fn nothing_is_scheduled_and_no_quota_is_set() {
    let master = TestMaster::start();
    assert_eq!(master.get("/quota").json(), json!({}));
    assert_eq!(master.get("/maintenance/schedule").json(), json!({}));
    assert_eq!(master.get("/maintenance/status").json(), json!({}));
    for (call, body, inside) in [
        ("GET_QUOTA", "get_quota", "status"),
        ("GET_MAINTENANCE_SCHEDULE", "get_maintenance_schedule", "schedule"),
        ("GET_MAINTENANCE_STATUS", "get_maintenance_status", "status"),
    ] {
        let answer = master.operate(&json!({"type": call})).json();
        assert_eq!(answer, json!({"type": call, body: {inside: {}}}));
    }
    assert_eq!(master.get("/files/debug").json(), json!({}));
    assert_eq!(master.get("/files/read").status, 400);
    assert_eq!(master.get("/files/read?path=/x").status, 404);
}

#[test]
fn weights_of_the_flag_are_shown() {
    let mut config = quick();
    config.core.weights.insert("ads".to_owned(), 2.5);
    let master = TestMaster::with(config);
    assert_eq!(master.get("/weights").json(), json!([{"role": "ads", "weight": 2.5}]));
    let answer = master.operate(&json!({"type": "GET_WEIGHTS"})).json();
    assert_eq!(answer["get_weights"]["weight_infos"][0]["role"], "ads");
}

#[test]
fn weights_are_set_and_outlive_the_master() {
    let folder = tempfile::tempdir().unwrap();
    let start = || {
        let registry = master::RegistryKind::Disk(folder.path().to_owned());
        let mut config = master::Config { registry, ..quick() };
        config.core.weights.insert("ads".to_owned(), 2.5);
        TestMaster::with(config)
    };
    let master = start();
    let body = br#"[{"role": "web", "weight": 3}]"#;
    let request = format!(
        "PUT /weights HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{}",
        body.len(),
        String::from_utf8_lossy(body)
    );
    assert_eq!(common::exchange(master.address(), request.as_bytes()).status, 200);
    let infos = json!({"weight_infos": [{"role": "ads", "weight": 1.5}]});
    let answer = master.operate(&json!({"type": "UPDATE_WEIGHTS", "update_weights": infos}));
    assert_eq!((answer.status, answer.text()), (200, String::new()));
    let expected = json!([{"role": "ads", "weight": 1.5}, {"role": "web", "weight": 3.0}]);
    assert_eq!(master.get("/weights").json(), expected);
    let roles = master.get("/roles").json();
    assert_eq!(
        (&roles["roles"][1]["name"], &roles["roles"][1]["weight"]),
        (&json!("web"), &json!(3.0))
    );
    drop(master);
    // The registry counts, not the flag.
    let master = start();
    assert_eq!(master.get("/weights").json(), expected);
    let registry = master.get("/registrar(1)/registry").json();
    assert_eq!(registry["weights"][1]["info"], expected[1]);
}

#[test]
fn the_level_of_logging_is_shown() {
    let master = TestMaster::start();
    let answer = master.operate(&json!({"type": "GET_LOGGING_LEVEL"})).json();
    let expected = json!({"type": "GET_LOGGING_LEVEL", "get_logging_level": {"level": 0}});
    assert_eq!(answer, expected);
}

#[test]
fn the_registry_can_be_read() {
    let master = TestMaster::start();
    let read = || master.get("/registrar(1)/registry").json();
    assert_eq!(read()["master"]["info"]["id"], master.state()["id"]);
    assert!(read()["slaves"].is_null());
    let agent = Puppet::registered(master.address());
    eventually("the agent is in the registry", || !read()["slaves"].is_null());
    let shown = &read()["slaves"]["slaves"][0];
    assert_eq!(shown["deactivated"], false);
    assert_eq!(shown["info"]["hostname"], json!(agent.info().hostname));
    assert_eq!(shown["info"]["resources"][0]["role"], "*");
}
