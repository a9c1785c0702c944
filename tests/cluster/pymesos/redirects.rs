//! pymesos at a master that does not lead.

use std::sync::{Arc, Mutex};

use libprocess::{Node, NodeConfig};
use master::election::{Announce, Election, Leader};
use master::{Config, MasterHandle};
use mesos::master_info::MasterInfo;
use serde_json::json;

use super::client::Client;
use super::scheduler::{Scheduler, durable, shell};
use crate::daemons::{Cluster, wait_for};

/// An election that others win.
#[derive(Clone, Default)]
struct Lost(Arc<Mutex<Option<Announce>>>);

impl Election for Lost {
    fn enter(&mut self, _: &MasterInfo, announce: Announce) {
        announce(None);
        *self.0.lock().expect("no test panics here") = Some(announce);
    }
}

impl Lost {
    fn announce(&self, leader: Leader) {
        let announce = self.0.lock().expect("no test panics here");
        announce.as_ref().expect("the master is a candidate")(leader);
    }
}

/// A master on a node of its own that waits for another to lead.
struct Standby {
    node: Node,
    handle: MasterHandle,
    election: Lost,
}

impl Standby {
    fn start() -> Self {
        let delegate = Some(master::PROCESS_ID.to_owned());
        let config = NodeConfig { delegate, workers: 1, ..NodeConfig::default() };
        let node = Node::start(config).expect("a node starts");
        let election = Lost::default();
        let boxed = Box::new(election.clone());
        let handle = master::start::start_with(&node, Config::default(), boxed);
        Self { node, handle: handle.expect("a master starts"), election }
    }

    fn address(&self) -> String {
        self.handle.address().to_string()
    }

    /// Learns that the master of a cluster leads.
    fn defer_to(&self, cluster: &Cluster) {
        let address = cluster.address();
        let (host, port) = address.split_once(':').expect("host:port");
        self.election.announce(Some(MasterInfo {
            id: "other".to_owned(),
            hostname: Some(host.to_owned()),
            port: port.parse().expect("a port"),
            ..MasterInfo::default()
        }));
    }
}

impl Drop for Standby {
    fn drop(&mut self) {
        self.handle.stop();
        self.node.shutdown();
    }
}

#[test]
fn a_scheduler_waits_for_a_leader_and_is_led_to_it() {
    let cluster = Cluster::start(1);
    let standby = Standby::start();
    let mut scheduler = Scheduler::start_at(&cluster, &standby.address(), &durable("led"));
    // It asks again and again while nobody leads.
    wait_for("it is put off", || scheduler.client.heard("disconnected").pop());
    assert_eq!(scheduler.client.heard("registered").len(), 0);
    standby.defer_to(&cluster);
    scheduler.wait_registered();
    scheduler.launch([shell("t", "true")]);
    scheduler.wait_for("t", "TASK_FINISHED");
    scheduler.stop();
}

#[test]
fn an_operator_is_led_to_the_leader() {
    let cluster = Cluster::start(1);
    let standby = Standby::start();
    let arguments = ["master".to_owned(), standby.address()];
    let mut client = Client::start(&cluster, "operators.py", &arguments);
    let refused = client.try_call("getAgents", json!([])).expect_err("nobody leads");
    assert!(refused.contains("503"), "{refused}");
    standby.defer_to(&cluster);
    let answer = client.call("getAgents", json!([]));
    let agents = answer["get_agents"]["agents"].as_array().expect("a list");
    assert_eq!(agents.len(), 1, "the leader's agent");
}
