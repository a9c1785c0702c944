//! What the tests of the master share: a master in a node, raw HTTP, and an agent that is a
//! puppet.

#![allow(dead_code, reason = "each test uses a part of it")]

mod http;
mod puppet;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use libprocess::http::server::HttpConfig;
use libprocess::{Node, NodeConfig};
use master::{Config, MasterHandle};
use serde_json::Value;

#[allow(unused_imports, reason = "each test uses a part of it")]
pub use http::{Answer, Events, exchange, get, post};
#[allow(unused_imports, reason = "each test uses a part of it")]
pub use puppet::Puppet;

/// How long anything may take before the test fails. Nothing takes that long.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A master in a node of its own, which ends with the value.
pub struct TestMaster {
    pub node: Node,
    pub handle: MasterHandle,
}

impl TestMaster {
    /// A master with quick allocations and a registry in memory.
    pub fn start() -> Self {
        Self::with(quick())
    }

    pub fn with(config: Config) -> Self {
        Self::with_http(config, HttpConfig::default())
    }

    pub fn with_http(config: Config, http: HttpConfig) -> Self {
        let delegate = Some(master::PROCESS_ID.to_owned());
        let node = Node::start(NodeConfig { delegate, http, workers: 2, ..NodeConfig::default() });
        let node = node.unwrap();
        let handle = master::start(&node, config).unwrap();
        let master = Self { node, handle };
        eventually("the master leads", || master.get("/state").status == 200);
        master
    }

    pub fn address(&self) -> SocketAddr {
        self.handle.address()
    }

    pub fn get(&self, path: &str) -> Answer {
        get(self.address(), path)
    }

    pub fn state(&self) -> Value {
        self.get("/state").json()
    }

    /// Sends a call as JSON.
    pub fn call(&self, call: &Value, stream_id: Option<&str>) -> Answer {
        let mut headers = vec![("Content-Type", "application/json")];
        headers.extend(stream_id.map(|id| ("Mesos-Stream-Id", id)));
        post(self.address(), "/api/v1/scheduler", &headers, call.to_string().as_bytes())
    }

    /// Sends a call of an operator as JSON.
    pub fn operate(&self, call: &Value) -> Answer {
        let headers = [("Content-Type", "application/json"), ("Accept", "application/json")];
        post(self.address(), "/api/v1", &headers, call.to_string().as_bytes())
    }

    /// Subscribes a framework.
    pub fn subscribe(&self, framework_info: Value) -> Events {
        let call = serde_json::json!({
            "type": "SUBSCRIBE", "subscribe": {"framework_info": framework_info}
        });
        let events = Events::open(self.address(), &call, "application/json");
        assert_eq!(events.status, 200, "{}", events.head);
        events
    }
}

impl Drop for TestMaster {
    fn drop(&mut self) {
        self.handle.stop();
        self.node.shutdown();
    }
}

/// A configuration that does not keep a test waiting.
pub fn quick() -> Config {
    let core = master_core::Config {
        allocation_interval: Duration::from_millis(20),
        ..master_core::Config::default()
    };
    Config { core, ..Config::default() }
}

/// A framework that knows what is current.
pub fn framework_info() -> Value {
    serde_json::json!({
        "user": "root", "name": "golden", "roles": ["r1"],
        "capabilities": [
            {"type": "MULTI_ROLE"}, {"type": "RESERVATION_REFINEMENT"},
            {"type": "PARTITION_AWARE"}, {"type": "TASK_KILLING_STATE"}
        ]
    })
}

/// Waits until something is so.
pub fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let since = Instant::now();
    while !is_so() {
        assert!(since.elapsed() < PATIENCE, "still waiting: {what}");
        // Polls the condition.
        std::thread::sleep(Duration::from_millis(5));
    }
}
