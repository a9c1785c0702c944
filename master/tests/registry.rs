//! What survives a master, and what ends one.

mod common;

use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use common::{Puppet, TestMaster, eventually, quick};
use libprocess::{Node, NodeConfig};
use master::RegistryKind;
use mesos::internal::{MasterToAgent, ReregisterAgent};

#[test]
fn agents_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let registry = RegistryKind::Disk(folder.path().to_owned());
    let first = TestMaster::with(master::Config { registry: registry.clone(), ..quick() });
    let agent = Puppet::registered(first.address());
    let id = agent.id.clone();
    assert!(id.as_str().starts_with(&first.handle.info().id));
    drop(first);

    let second = TestMaster::with(master::Config { registry, ..quick() });
    let state = second.state();
    assert_eq!(state["slaves"].as_array().unwrap().len(), 0);
    assert_eq!(state["recovered_slaves"][0]["id"], id.as_str());
    assert_eq!(second.get("/slaves").json()["recovered_slaves"][0]["id"], id.as_str());

    // It comes back under its id, at another address, as after a restart of its machine.
    let back = Puppet::new(second.address());
    let mut info = back.info();
    info.id = Some(id.clone());
    back.say(ReregisterAgent {
        agent: info,
        version: "1.11.0".to_owned(),
        ..ReregisterAgent::default()
    });
    back.hear(|message| match message {
        MasterToAgent::AgentReregistered(message) => {
            assert_eq!(message.agent_id, id);
            Some(())
        }
        _ => None,
    });
    let state = second.state();
    assert_eq!(state["recovered_slaves"].as_array().unwrap().len(), 0);
    assert_eq!(state["slaves"][0]["id"], id.as_str());
    let metrics = second.get("/metrics/snapshot").json();
    assert_eq!(metrics["master/slave_reregistrations"], 1.0);
    assert!(metrics["registrar/state_fetch_ms"].as_f64().unwrap() > 0.0);
    assert!(metrics["registrar/state_store_ms/count"].as_f64().unwrap() >= 2.0);
    assert!(metrics["registrar/registry_size_bytes"].as_f64().unwrap() > 0.0);
}

#[test]
fn two_masters_do_not_share_a_work_directory() {
    let folder = tempfile::tempdir().unwrap();
    let registry = RegistryKind::Disk(folder.path().to_owned());
    let _first = TestMaster::with(master::Config { registry: registry.clone(), ..quick() });
    let node = Node::start(NodeConfig { workers: 1, ..NodeConfig::default() }).unwrap();
    let error = master::start(&node, master::Config { registry, ..quick() }).unwrap_err();
    assert!(error.to_string().contains("another master runs"), "{error}");
    node.shutdown();
}

#[test]
fn a_damaged_registry_ends_the_master_with_a_clear_reason() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("registry.redb"), [7; 4096]).unwrap();
    let registry = RegistryKind::Disk(folder.path().to_owned());
    let node = Node::start(NodeConfig { workers: 1, ..NodeConfig::default() }).unwrap();
    let error = master::start(&node, master::Config { registry, ..quick() }).unwrap_err();
    assert!(error.to_string().contains("is corrupt"), "{error}");
    node.shutdown();
}

/// Blocks every write until the sender is dropped; then the write fails if it is to.
struct Stuck {
    blocked: std::sync::mpsc::Receiver<()>,
    begun: Sender<()>,
    fails: bool,
}

impl master::registry::Store for Stuck {
    fn fetch(&mut self) -> Result<master_core::registry::Registry, master::registry::StoreError> {
        Ok(master_core::registry::Registry::default())
    }

    fn write(
        &mut self,
        groups: &[Vec<master_core::registry::Operation>],
    ) -> Result<Vec<master::registry::Outcome>, master::registry::StoreError> {
        self.begun.send(()).unwrap();
        // The test drops the other end when it has seen enough.
        let _ = self.blocked.recv();
        if self.fails {
            return Err(master::registry::StoreError::InUse { path: "/x".into() });
        }
        Ok(vec![Ok(()); groups.len()])
    }

    fn size_bytes(&self) -> u64 {
        0
    }
}

#[test]
fn a_store_that_is_stuck_ends_the_master() {
    let (release, blocked) = channel();
    let (begun, has_begun) = channel();
    let node = Node::start(NodeConfig { workers: 2, ..NodeConfig::default() }).unwrap();
    let config = master::Config { registry_store_timeout: Duration::from_millis(50), ..quick() };
    let store = Box::new(Stuck { blocked, begun, fails: false });
    let election = Box::new(master::election::Standalone);
    let handle = master::start::start_on(&node, config, election, store).unwrap();
    has_begun.recv().unwrap();
    eventually("the master ends", || handle.has_ended());
    assert_eq!(handle.reason().as_deref(), Some("failed to store registry within 50ms"));
    drop(release);
    node.shutdown();
}

#[test]
fn a_store_that_fails_ends_the_master() {
    let (release, blocked) = channel();
    let (begun, _has_begun) = channel();
    drop(release);
    let node = Node::start(NodeConfig { workers: 2, ..NodeConfig::default() }).unwrap();
    let store = Box::new(Stuck { blocked, begun, fails: true });
    let election = Box::new(master::election::Standalone);
    let handle = master::start::start_on(&node, quick(), election, store).unwrap();
    eventually("the master ends", || handle.has_ended());
    let reason = handle.reason().unwrap();
    assert!(reason.contains("is in use"), "{reason}");
    node.shutdown();
}
